"""What `eval`, `explain` and `solve` share: the options that say how numbers are shown and graphs are drawn."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from scalargrad.cli._answer import Answer
from scalargrad.value import Value


def add_drawing(command: argparse.ArgumentParser, digits: int, also: str = "") -> None:
    """Add the options `--draw` to `--digits`, of so many digits where the user does not say how many.

    >>> parser = argparse.ArgumentParser()
    >>> add_drawing(parser, 4)
    >>> digits(parser.parse_args(["--digits", "2"])), digits(parser.parse_args([]))
    (2, 4)
    """
    command.add_argument(
        "--draw", metavar="FILE", help="draw the computation graph: .png, .svg, .pdf, .dot, or .html to step through it"
    )
    command.add_argument("--detail", choices=("auto", "full", "units", "layers"), default="auto",
                         help="every scalar, linear unit or layer; auto is the finest that is still read")  # fmt: skip
    command.add_argument("--highlight", metavar="NAME", help="show every path from a value to the root, such as w11")
    command.add_argument("--theme", choices=("light", "dark"), default="light", help="the colours of the picture")
    command.add_argument("--force", action="store_true", help="draw more than 2,000 cards, too")
    command.add_argument("--digits", type=int, choices=range(18), metavar="N",
                         help=f"digits after the point, 0 to 17 (default {digits}{also})")  # fmt: skip
    command.set_defaults(default_digits=digits)


def digits(options: argparse.Namespace) -> int:
    """Return how many digits after the point are shown."""
    found: int = options.default_digits if options.digits is None else options.digits
    return found


def draw(answer: Answer, options: argparse.Namespace) -> Path:
    """Draw the graph of an answer as `--draw` says, and return the file's path.

    Raises ValueError where it cannot be drawn so, OSError where the file cannot be written.
    """
    import viz

    if options.draw.lower().endswith(".html"):
        if not isinstance(answer.root, Value):
            raise ValueError("a page steps back from one number: with --target, from the loss")
        return viz.step_through(answer.root, options.draw, title=answer.title)
    return viz.draw(
        answer.root,
        options.draw,
        detail=options.detail,
        highlight=options.highlight,
        title=answer.title,
        theme=options.theme,
        force=options.force,
    )


def picture(root: Value | Sequence[Value], title: str) -> tuple[str, str]:
    """Draw a graph as SVG, for a page, and return it with a note: where nothing here can draw, the page has no picture."""
    from viz.dot import to_dot
    from viz.render import RendererNotFound, render

    try:
        svg = render(to_dot(root, title=title, format="svg", canvas="page"), "svg").decode()
    except RendererNotFound:
        remedy = 'pip install "scalargrad[pictures]", or Graphviz'
        return "", f"the page has no picture, for nothing here can draw: {remedy}"
    return svg[svg.index("<svg") :], ""
