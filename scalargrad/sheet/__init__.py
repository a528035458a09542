"""Problem sheets: a problem is a list of equations, read, solved and derived.

>>> solution = solve(Problem.read("x = 2; y = 3; q = x y; f = q + sin(x); find df/dx"))
>>> round(solution.asked["df/dx"].nested, 6)
2.583853

`load` reads a file: equations, an assignment in words, or `[[layer]]` tables.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from scalargrad import files
from scalargrad.sheet.derivation import derive as derive
from scalargrad.sheet.layers import expanded as expanded
from scalargrad.sheet.problem import Problem as Problem
from scalargrad.sheet.reading import read as read
from scalargrad.sheet.scope import SheetError as SheetError
from scalargrad.sheet.solution import Solution as Solution
from scalargrad.sheet.solution import solve as solve
from scalargrad.sheet.tokens import LanguageError as LanguageError


def load(path: str | PathLike[str]) -> Problem:
    """Read a problem from a file: TOML tables, equations (.txt, .eq), or an assignment in words (.md, .tex; .txt, too).

    Raises OSError where it cannot be read, LanguageError where it is not understood.
    """
    source, suffix = Path(path).name, Path(path).suffix.lower()
    try:
        text = files.read(path)
    except ValueError as error:
        raise LanguageError(f"{source}: {error}") from None
    if suffix == ".toml":
        import sys

        if sys.version_info >= (3, 11):
            import tomllib
        else:
            import tomli as tomllib
        try:
            return expanded(tomllib.loads(text), source)
        except ValueError as error:
            raise error if isinstance(error, LanguageError) else LanguageError(f"{source}: {error}") from None
    if suffix in (".txt", ".eq", ""):
        try:
            return Problem.read(text, source)
        except LanguageError:
            if suffix == ".eq":
                raise
    return read(text, source)
