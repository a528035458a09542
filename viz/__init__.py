"""Pictures of computation graphs, at the level of detail that can be read: scalars, linear units or layers.

>>> from scalargrad import Value
>>> x = Value(3.0, label="x")
>>> y = x * x
>>> y.backward()
>>> draw(y, "square.png")  # doctest: +SKIP
PosixPath('square.png')

`step_through` writes a page that tells the computation and its backward pass step by step. In a notebook, a Value shows
its graph by itself once viz is imported.

The files, as they build on one another: `graph`, `units` and `layers` say what of a graph is shown; `layout` says where
everything stands, in files and on pages; `cards` and `blocks` write that as DOT, each a `picture.Picture`, with the
places `pinned`; `levels` chooses between them; `dot` adds a heading; `render` has a renderer draw it. `story`, `stage`
and `script` say what a page tells, shows and computes, `page` writes it; `recording` and `training` write the page of a
training run.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from scalargrad import Value, topological_order
from viz import notebook
from viz.animation import animate
from viz.digraph import digraph
from viz.dot import to_dot
from viz.formats import ending
from viz.graph import Root
from viz.levels import CanvasName, Detail
from viz.notebook import defaults
from viz.page import explain_gradient, step_through
from viz.recording import Recording
from viz.render import RendererError, RendererNotFound, write
from viz.theme import ThemeName
from viz.training import training

__all__ = [
    "Recording",
    "RendererError",
    "RendererNotFound",
    "animate",
    "defaults",
    "draw",
    "draw_dot",
    "explain_gradient",
    "step_through",
    "trace",
    "training",
]


notebook.install()


def draw(
    root: Root,
    path: str | os.PathLike[str],
    *,
    detail: Detail = "auto",
    scope: str | None = None,
    depth: int | None = None,
    highlight: Value | str | None = None,
    title: str | None = None,
    legend: bool = True,
    digits: int = 3,
    theme: ThemeName = "light",
    force: bool = False,
    canvas: CanvasName = "slide",
) -> Path:
    """Draw the graph that one or several values were computed by to a PNG, SVG, PDF or DOT file, and return its path.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     draw(Value(3.0, label="x") * 2, folder + "/double.dot").name
    'double.dot'

    root       a Value, or several: the outputs of a network; or the program of a compiled function
    detail     "full", a card for every scalar; "units", a card for every linear unit (a sum of products and a bias,
               however it was written), with a row for every parameter; "layers", a block for every layer, with heat
               maps of values and gradients, or for a graph without scopes, for every range of depths; or "auto", the
               finest of them that can still be read on its canvas: every scalar up to 24, linear units up to 400
    scope      show only what was made in this scope, and what comes in from outside: "layer 1", "layer 1/neuron 2"
    depth      show only so many cards back from the root
    highlight  a value, or its label: every path from it to the root stands out, and above the picture stands the
               derivative as the sum, over the paths, of the product of the local derivatives along each
    title      what stands above the picture; the root's label where it is None
    legend     whether a legend stands below the title
    digits     decimals of a number
    theme      "light" or "dark"
    force      draw more than 2,000 cards
    canvas     what the picture is for: "slide", "page" (upright A4), "notebook" (a cell) or "phone"; "auto" chooses a
               level whose smallest type has 7 pixels or more there, and a graph that is too wide is wrapped

    Raises ValueError where an option does not fit, RendererNotFound where nothing is there to draw with, and
    RendererError where the renderer fails or takes more than a minute; with the latter two, the graph is written as a
    DOT file beside the path.
    """
    format = ending(path)
    dot = to_dot(
        root,
        detail=detail,
        scope=scope,
        depth=depth,
        highlight=highlight,
        title=title,
        legend=legend,
        digits=digits,
        theme=theme,
        force=force,
        format=format,
        canvas=canvas,
    )
    write(dot, Path(path))
    return Path(path)


def draw_dot(root: Root, format: str = "svg", rankdir: str = "LR", **options: Any) -> Any:
    """Return the graph as a `graphviz.Digraph`, as micrograd's `draw_dot` does: Jupyter shows it.

    >>> dot = draw_dot(Value(3.0, label="x") * 2)
    >>> dot.format
    'svg'
    >>> dot.render("double")  # doctest: +SKIP
    'double.svg'

    rankdir  "LR", from left to right, or "TB", from top to bottom; the other options are those of `draw`

    The methods `render` and `pipe` draw by whichever renderer there is; `node` and `edge` add statements of one's own.
    """
    return digraph(to_dot(root, format=format, rankdir=rankdir, **options), format)


def trace(root: Value) -> tuple[set[Value], set[tuple[Value, Value]]]:
    """Return the values that a root was computed by, and pairs of a parent and its child, as micrograd's `trace` does.

    >>> x = Value(3.0, label="x")
    >>> nodes, edges = trace(x * x)
    >>> len(nodes), len(edges)
    (2, 1)
    """
    nodes = topological_order(root)
    return set(nodes), {(parent, node) for node in nodes for parent in node.parents}
