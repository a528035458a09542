"""What `explain` and `solve` share: an answer written out in a format, to a file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scalargrad.cli._drawing import picture

if TYPE_CHECKING:
    from scalargrad.sheet.document import Picture

MOST_DRAWN = 400  # values of a graph whose picture is still read


def add_formats(command: argparse.ArgumentParser) -> None:
    """Add the options `--format` and `--output`."""
    from scalargrad.sheet.writers import FORMATS

    command.add_argument("--format", choices=tuple(FORMATS), help="write every step out, derived, in this format")
    command.add_argument("-o", "--output", metavar="FILE", help="write it to a file: .txt, .md, .tex, .html or .json")


def asked_format(options: argparse.Namespace) -> str | None:
    """Return the format that was asked for, by name or by the ending of the file; None where none was.

    >>> asked_format(argparse.Namespace(format=None, output="x.md"))
    'markdown'

    Raises ValueError for an ending of another format.
    """
    from scalargrad.sheet.writers import ENDINGS

    if options.format or options.output is None:
        named: str | None = options.format
        return named
    ending = Path(options.output).suffix
    if ending not in ENDINGS:
        raise ValueError(f"--output: expected an ending of {', '.join(ENDINGS)}, or --format, got {options.output!r}")
    return ENDINGS[ending]


def drawn(roots: Sequence[Any], format: str, options: argparse.Namespace) -> tuple[Picture | None, str]:
    """Draw a graph for a document, and return a note where nothing here can: on the page, or for LaTeX beside its file."""
    from scalargrad.order import ordered
    from scalargrad.sheet.document import Picture

    if options.brief or format not in ("html", "latex") or not roots or len(ordered(roots)) > MOST_DRAWN:
        return None, ""
    if format == "html":
        svg, note = picture(roots[0] if len(roots) == 1 else roots, "")
        return Picture(svg, "The computation graph."), note
    if options.output is None:
        return None, ""
    import viz

    path = Path(options.output).with_suffix("")
    try:
        viz.draw(roots[0] if len(roots) == 1 else roots, f"{path}-graph.pdf")
    except ImportError as error:
        return None, f"the document has no picture: {error}"
    return Picture("", "The computation graph.", f"{path.name}-graph"), ""
