"""First things on top: some versions of Graphviz stack the frames of a picture from the bottom up.

So the layout is read, and where the first frame came out below the second, the statements are turned round. They are
text here, as for any renderer: whoever calls `draw_dot` may add statements of their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

MOST_ATTEMPTS = 4
PATIENCE = 3  # seconds, after which a layout is taken as it came out


@dataclass(eq=False)
class Subgraph:
    """The statements of a graph or a frame: lines, and the subgraphs of the frames inside."""

    lines: list[str | Subgraph] = field(default_factory=list)
    turned: bool = False

    def text(self) -> Iterator[str]:
        """Yield the lines; those of cards and frames in reverse, where the subgraph is turned round."""
        placed = [item for item in self.lines if _is_placed(item)]
        order = iter(reversed(placed) if self.turned else placed)
        for item in self.lines:
            chosen = next(order) if _is_placed(item) else item
            if isinstance(chosen, Subgraph):
                yield from chosen.text()
            else:
                yield chosen

    @property
    def frames(self) -> list[Subgraph]:
        """The frames directly inside, in the order of their statements."""
        return [item for item in self.lines if isinstance(item, Subgraph)]

    def all(self) -> Iterator[Subgraph]:
        """Yield the subgraph itself, and all within it, at any depth."""
        yield self
        for frame in self.frames:
            yield from frame.all()

    def cards(self) -> Iterator[str]:
        """Yield the names of the cards within, at any depth."""
        for subgraph in self.all():
            yield from (
                item.split(maxsplit=1)[0] for item in subgraph.lines if isinstance(item, str) and _is_placed(item)
            )

    def disorder(self, places: dict[str, Place]) -> int:
        """Return how many more pairs of neighbouring frames, and of cards, stand bottom up than top down."""
        frames = [list(frame.cards()) for frame in self.frames]
        cards = [[item.split(maxsplit=1)[0]] for item in self.lines if isinstance(item, str) and _is_placed(item)]
        return sum(
            1 if upper.y < lower.y else -1
            for neighbours in (frames, cards)
            for upper, lower in pairwise(_extent([places[c] for c in names if c in places]) for names in neighbours)
            if upper.left < lower.right and lower.left < upper.right
        )


class Place(NamedTuple):
    """Where a card or a frame lies: y is that of its middle, and grows upwards."""

    left: float
    right: float
    y: float


def _is_placed(item: str | Subgraph) -> bool:
    return isinstance(item, Subgraph) or (item[2:3].isdigit() and " -> " not in item.partition("[")[0])


def _parse(dot: str) -> Subgraph:
    stack = [Subgraph()]
    for line in dot.split("\n"):
        if line.startswith("  subgraph "):
            inner = Subgraph()
            stack[-1].lines.append(inner)
            stack.append(inner)
        stack[-1].lines.append(line)
        if line == "  }":
            stack.pop()
    return stack[0]


def upright(dot: str, lay_out: Callable[[str], str]) -> str:
    r"""Return the DOT whose frames come out top down, or as nearly as a few attempts give.

    >>> dot = chr(10).join(["digraph {", "  subgraph a {", "  1 []", "  }", "  subgraph b {", "  2 []", "  }", "}"])
    >>> bottom_up = lambda dot: "node 1 0 5 1 1\nnode 2 0 9 1 1" if dot.index("1 []") < dot.index("2 []") else ""
    >>> upright(dot, bottom_up).split()[3]
    'b'

    `lay_out` returns the layout of DOT in Graphviz's format "plain".
    """
    graph, began = _parse(dot), time.monotonic()
    best, least = dot, None
    # Where a graph runs downwards, frames lie beside each other, and none is on top by chance.
    from_left = "rankdir=TB" not in dot.partition("label=<")[0]
    for attempt in range(MOST_ATTEMPTS if from_left else 1):
        if attempt and time.monotonic() - began > PATIENCE:
            break
        text = "\n".join(graph.text())
        places = _places(lay_out(text))
        disorder = {subgraph: subgraph.disorder(places) for subgraph in graph.all()}
        total = sum(disorder.values())
        if least is None or total < least:
            best, least = text, total
        wrong = [subgraph for subgraph, more in disorder.items() if more > 0]
        if not wrong:
            break
        for turned in {inner for subgraph in wrong for inner in subgraph.all()}:
            turned.turned = not turned.turned
    return best


def _places(layout: str) -> dict[str, Place]:
    places = {}
    for line in layout.splitlines():
        words = line.split()
        if words and words[0] == "node":
            x, y, width = (float(number) for number in words[2:5])
            places[words[1]] = Place(x - width / 2, x + width / 2, y)
    return places


def _extent(places: list[Place]) -> Place:
    if not places:
        return Place(0.0, 0.0, 0.0)
    lefts, rights, ys = zip(*places, strict=True)
    return Place(min(lefts), max(rights), sum(ys) / len(ys))
