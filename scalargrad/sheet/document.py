"""What a written solution is made of: headings, paragraphs, lists, equations, tables, pictures.

Mathematics is Terms, in running text too: a run is a tuple of words and Terms. Numbers in Terms are in full; a document's
style says how many digits are shown. `writers` sets a document as text, Markdown, LaTeX, HTML and JSON.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scalargrad.sheet.notation import Style
from scalargrad.sheet.terms import Term

Run = tuple[Any, ...]  # of str and Term
EXACT = 8  # digits: a number that has no more is shown in full
SMALLEST, LARGEST = 1e-5, 1e15  # that are shown without a power of ten


@dataclass(frozen=True)
class Heading:
    """A heading of level 2 (a section) or 3."""

    run: Run
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """Running text. A `kind` sets it apart: "kink", "check" or "note"."""

    run: Run
    kind: str = ""


@dataclass(frozen=True)
class Items:
    """A numbered list."""

    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Line:
    """left = side ≈ side: a term and what it is equal to, each side with its sign."""

    left: Term
    sides: tuple[tuple[str, Term], ...]


@dataclass(frozen=True)
class Equations:
    """Lines below each other.

    kind  "boxed" for answers, "given" for short ones that may stand side by side and show their numbers in full
    """

    lines: tuple[Line, ...]
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """A table; cells are runs."""

    header: tuple[Run, ...]
    rows: tuple[tuple[Run, ...], ...]


@dataclass(frozen=True)
class Picture:
    """A picture, as SVG for HTML; LaTeX takes it from the file `name`, where one was drawn."""

    svg: str
    description: str
    name: str = ""


Block = Heading | Paragraph | Items | Equations | Table | Picture


@dataclass(frozen=True)
class Document:
    """A title and blocks.

    style   how Terms are laid out
    values  the numbers by name, in full
    """

    title: Run
    blocks: tuple[Block, ...]
    style: Style = field(default_factory=Style)
    values: Mapping[str, Any] = field(default_factory=dict)


def is_exact(x: float, digits: int) -> bool:
    """Say whether a number is shown as it is, but for the rounding of floats."""
    return (
        not math.isfinite(x)
        or (x == int(x) and abs(x) < LARGEST)
        or math.isclose(float(f"{x:.{max(EXACT, digits)}g}"), x, rel_tol=1e-13)
    )


def shown(x: float, digits: int) -> str:
    """Write a number with so many significant digits, or fewer where it has fewer.

    >>> shown(1 / 3, 5), shown(0.1 + 0.2, 5), shown(0.000438568, 5), shown(123456.7891, 5), shown(-2e-9, 5), shown(2.41899999, 4)
    ('0.33333', '0.3', '0.000438568', '123457', '-2e-09', '2.419')
    """
    if not math.isfinite(x):
        return repr(x)
    exact = is_exact(x, digits)
    x = float(f"{x:.{max(EXACT, digits)}g}") if exact and x != int(x) else x
    if x == 0:
        return "0"
    rounded = x if exact else float(f"{x:.{digits}g}")
    if not SMALLEST <= abs(rounded) < LARGEST:
        mantissa, _, exponent = f"{x:.{digits - 1}e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.') if exact and '.' in mantissa else mantissa}e{exponent}"
    if exact:
        return f"{x:.15f}".rstrip("0").rstrip(".") if abs(x) < 1 else repr(x).removesuffix(".0")
    return f"{x:.{max(0, digits - 1 - math.floor(math.log10(abs(rounded))))}f}"


def relation(term: Term, digits: int) -> str:
    """Return the sign before a side: ≈ where a number in it is shown with fewer digits than it has."""
    return "≈" if any(part.is_number and not is_exact(part.head, digits) for part in term.walk()) else "="


def line(left: Term, sides: Iterable[Term], digits: int) -> Line:
    """Write left = a = b = c; a side that repeats the one before is left out."""
    kept: list[Term] = []
    for side in sides:
        if not kept or side != kept[-1]:
            kept.append(side)
    return Line(left, tuple((relation(side, digits), side) for side in kept))


def listed(terms: Iterable[Any], most: int) -> Run:
    """Name terms in a row, of many the first and the last.

    >>> listed(["a", "b", "c"], 4), listed("abcde", 4)
    (('a', ', ', 'b', ' and ', 'c'), ('a', ', ', 'b', ', ', '…', ', ', 'e'))
    """
    names = list(terms)
    cut = len(names) > most
    names = [*names[: most - 2], "…", names[-1]] if cut else names
    last = ", " if cut else " and "
    return tuple(
        x for i, name in enumerate(names) for x in ([last if i == len(names) - 1 else ", "] if i else []) + [name]
    )
