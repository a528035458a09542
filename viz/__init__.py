"""Pictures of computation graphs: every scalar a card, every edge the gradient that flows back along it.

>>> from scalargrad import Value
>>> x = Value(3.0, label="x")
>>> y = x * x
>>> y.backward()
>>> draw(y, "square.png")  # doctest: +SKIP
PosixPath('square.png')

`step_through` writes a page that tells the computation and its backward pass step by step. In a notebook, a Value shows
its graph by itself once viz is imported.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from scalargrad import Value
from viz import notebook
from viz.animation import animate
from viz.dot import to_dot
from viz.page import explain_gradient, step_through
from viz.recording import Recording
from viz.render import FORMATS, RendererNotFound, ending, write
from viz.training import training

__all__ = [
    "Recording",
    "RendererNotFound",
    "animate",
    "draw",
    "draw_dot",
    "explain_gradient",
    "step_through",
    "training",
]

Theme = Literal["light", "dark"]

notebook.install()


def draw(
    root: Value | Sequence[Value],
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    digits: int = 3,
    theme: Theme = "light",
    force: bool = False,
) -> Path:
    """Draw the graph that one or several values were computed by to a PNG, SVG, PDF or DOT file, and return its path.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     draw(Value(3.0, label="x") * 2, folder + "/double.dot").name
    'double.dot'

    root    a Value, or several: the outputs of a network
    title   what stands above the picture; the root's label where it is None
    digits  decimals of a number
    theme   "light" or "dark"
    force   draw more than 2,000 scalars

    Raises RendererNotFound where Graphviz is not installed; the DOT file is written then, beside the path.
    """
    format = ending(path)
    write(to_dot(root, title=title, digits=digits, theme=theme, force=force, format=format), Path(path))
    return Path(path)


def draw_dot(
    root: Value | Sequence[Value],
    *,
    title: str | None = None,
    digits: int = 3,
    theme: Theme = "light",
    force: bool = False,
    format: str = "svg",
) -> Any:
    """Return the graph as a `graphviz` object, which Jupyter shows. The options are those of `draw`.

    >>> draw_dot(Value(3.0, label="x") * 2).format
    'svg'
    """
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(map(repr, FORMATS))}, got {format!r}")
    try:
        import graphviz
    except ImportError as error:
        raise ImportError('draw_dot() needs the package graphviz: pip install "scalargrad[pictures]"') from error
    dot = to_dot(root, title=title, digits=digits, theme=theme, force=force, format=format)
    return graphviz.Source(dot, format=format)
