"""The levels of detail, a row for each, and which of them a picture has: the finest that is still read on a slide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

from scalargrad import Value
from viz.blocks import Blocks
from viz.cards import Cards
from viz.graph import Graph
from viz.layers import Summary
from viz.layout import CANVASES
from viz.paths import Paths
from viz.picture import Picture
from viz.theme import Theme

MOST_PIECES = 2000  # cards and rows: a picture of more would be a wall
MOST_TRIED_SCALARS = 20_000  # in a larger graph "auto" does not try the finer levels


class Level(NamedTuple):
    """A level of detail.

    >>> LEVELS["units"].picture.__name__
    'Cards'

    content  makes of a graph what is shown: called with the roots, `scope` and `depth` as in `viz.draw`
    picture  draws that: called with the content, a theme, the decimals of a number, the paths that stand out, and a canvas
    """

    content: Callable[..., Any]
    picture: Callable[..., Picture]


Detail = Literal["auto", "full", "units", "layers"]
CanvasName = Literal["slide", "page", "notebook", "phone"]

LEVELS = {  # the finest first; the last can be read whatever the size of the graph
    "full": Level(Graph, Cards),
    "units": Level(partial(Graph, units=True), Cards),
    "layers": Level(Summary, Blocks),
}


def choose(
    roots: Sequence[Value],
    detail: str,
    theme: Theme,
    digits: int,
    paths: Paths | None = None,
    *,
    scope: str | None = None,
    depth: int | None = None,
    force: bool = False,
    canvas: str = "slide",
) -> Picture:
    """Return the picture of a graph at a level of detail.

    >>> from viz.theme import LIGHT
    >>> choose([Value(3.0)], "auto", LIGHT, digits=3).words
    'every scalar (1)'

    Raises ValueError for an unknown level, and for more than 2,000 cards and rows without force.
    """
    if detail not in ("auto", *LEVELS):
        raise ValueError(f"detail must be one of {', '.join(map(repr, ('auto', *LEVELS)))}, got {detail!r}")
    if canvas not in CANVASES:
        raise ValueError(f"canvas must be one of {', '.join(map(repr, CANVASES))}, got {canvas!r}")

    def picture_at(level: Level) -> Picture:
        return level.picture(level.content(*roots, scope=scope, depth=depth), theme, digits, paths, CANVASES[canvas])

    if detail == "auto":
        *finer, coarsest = LEVELS.values()
        summary = picture_at(coarsest)
        if summary.scalars > MOST_TRIED_SCALARS:
            return summary
        return next((picture for picture in map(picture_at, finer) if picture.is_readable), summary)
    picture = picture_at(LEVELS[detail])
    count, piece = picture.pieces
    if not force and count > MOST_PIECES:
        raise ValueError(
            f"a picture of every {piece} shows up to {MOST_PIECES:,} well: to draw all {count:,}, pass force=True "
            "(--force); detail='layers' sums them up"
        )
    return picture
