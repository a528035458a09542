"""What `explain` and `solve` share: an answer written out in a format, to a file."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_formats(command: argparse.ArgumentParser) -> None:
    """Add the options `--format` and `--output`."""
    from scalargrad.worked.writers import FORMATS

    command.add_argument("--format", choices=tuple(FORMATS), help="write every step out, derived, in this format")
    command.add_argument("-o", "--output", metavar="FILE", help="write it to a file: .txt, .md, .tex, .html or .json")


def asked_format(options: argparse.Namespace) -> str | None:
    """Return the format that was asked for, by name or by the ending of the file; None where none was.

    >>> asked_format(argparse.Namespace(format=None, output="x.md"))
    'markdown'

    Raises ValueError for an ending of another format.
    """
    from scalargrad.worked.writers import ENDINGS

    if options.format or options.output is None:
        named: str | None = options.format
        return named
    ending = Path(options.output).suffix
    if ending not in ENDINGS:
        raise ValueError(f"--output: expected an ending of {', '.join(ENDINGS)}, or --format, got {options.output!r}")
    return ENDINGS[ending]
