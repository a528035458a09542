"""What a written-out solution is made of: headings, paragraphs, equations, tables, pictures.

Mathematics is LaTeX, between dollars in running text; `writers` set it as text, Markdown, LaTeX, HTML and JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isclose, isfinite
from typing import Any, NamedTuple

from scalargrad import ops
from scalargrad.notation import box
from scalargrad.ops import PRODUCT, SUM, Text
from scalargrad.worked import fixed

WIDEST = 78  # columns of text; what is wider goes on in a new line


@dataclass(frozen=True)
class Heading:
    """A heading of level 2 (a section) or 3."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """Running text. A `kind` sets it apart: "kink", "check" or "note"."""

    text: str
    kind: str = ""


class Line(NamedTuple):
    """A line of an equation: what stands left of the relation, the relation, and what stands right of it."""

    left: str
    relation: str
    right: str


@dataclass(frozen=True)
class Equation:
    """Lines that are aligned at their relations; `values` are the numbers in full, by name."""

    lines: tuple[Line, ...]
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A table; cells are running text."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Picture:
    """An SVG picture, which HTML shows."""

    svg: str
    description: str


Block = Heading | Paragraph | Equation | Table | Picture


@dataclass(frozen=True)
class Document:
    """A title and blocks."""

    title: str
    blocks: tuple[Block, ...]

    @property
    def values(self) -> dict[str, Any]:
        """The numbers of all equations, in full, by name."""
        return {name: value for b in self.blocks if isinstance(b, Equation) for name, value in b.values.items()}


Side = tuple[str, str]  # a relation, and what stands right of it


def chain(left: str, *sides: Side) -> tuple[Line, ...]:
    """Write left = a = b = c on one line, or on as many as it needs.

    >>> chain("z", ("=", "1 + 1"), ("=", "2"))
    (Line(left='z', relation='=', right='1 + 1 = 2'),)
    """
    lines: list[Line] = []
    for relation, right in sides:
        if lines:
            joined = f"{lines[-1].right} {relation} {right}"
            if box(joined).width + box(left).width < WIDEST:
                lines[-1] = lines[-1]._replace(right=joined)
                continue
        first, *rest = _broken(right)
        lines.append(Line("" if lines else left, relation, first))
        lines += [Line("", "", part) for part in rest]
    return tuple(lines)


def _broken(right: str) -> list[str]:
    """Break a long sum in front of its plus signs."""
    if box(right).width <= WIDEST or r"\begin" in right:
        return [right]
    parts: list[str] = []
    for i, term in enumerate(right.split(" + ")):
        term = rf"{{}} + {term}" if i else term  # noqa: PLW2901
        if (parts and box(parts[-1] + term).width <= WIDEST and _closed(parts[-1])) or (
            parts and not _closed(parts[-1])
        ):
            parts[-1] += term.removeprefix("{}")
        else:
            parts.append(term)
    return parts


def _closed(latex: str) -> bool:
    return all(latex.count(a) == latex.count(b) for a, b in ("()", "{}", "[]", (r"\left", r"\right")))


class Numbers:
    r"""Writes numbers for display, and knows whether one was rounded: then a side is approximate.

    >>> n = Numbers(2)
    >>> n.side(n(1.5)), n.side(n(1 / 3)), n.side(n(-2e-9))
    (('=', '1.5'), ('\\approx', '0.33'), ('=', '-2 \\cdot 10^{-9}'))
    """

    def __init__(self, digits: int) -> None:
        if not isinstance(digits, int) or not 0 <= digits <= 17:
            raise ValueError(f"digits must be a whole number from 0 to 17, got {digits!r}")
        self.digits = digits
        self.rounded = False

    def side(self, latex: str) -> Side:
        """Return what was written since the last side, with its relation."""
        relation = r"\approx" if self.rounded else "="
        self.rounded = False
        return relation, latex

    def __call__(self, x: float) -> Text:
        """Write a number as an operand: a negative one gets parentheses where it needs them."""
        shown = fixed(x, self.digits)
        if self.is_exact(x):
            shown = _short(shown)
        else:
            self.rounded = True
        return self._operand(shown)

    def is_exact(self, x: float) -> bool:
        """Say whether a number is written as it is, but for the rounding of floats."""
        return not isfinite(x) or isclose(float(fixed(x, self.digits)), x, rel_tol=1e-13)

    def entries(self, numbers: Sequence[Sequence[float]]) -> list[list[str]]:
        """Write the entries of a matrix, all with the same decimals where one needs them."""
        exact = all(self.is_exact(x) for row in numbers for x in row)
        self.rounded = self.rounded or not exact
        return [
            [self._operand(_short(s) if exact else s) for s in (fixed(x, self.digits) for x in row)] for row in numbers
        ]

    def matrix(self, numbers: Sequence[Sequence[float]]) -> str:
        """Write a matrix; of a large one its corners."""
        rows = self.entries(numbers)
        if len(rows) > LARGE:
            cut = [r"\vdots"] * len(rows[0])
            rows = [*rows[: LARGE - 2], cut, rows[-1]]
        if len(rows[0]) > LARGE:
            rows = [[*row[: LARGE - 2], r"\ddots" if row[0] == r"\vdots" else r"\cdots", row[-1]] for row in rows]
        inside = r" \\ ".join(" & ".join(row) for row in rows)
        return rf"\begin{{pmatrix}} {inside} \end{{pmatrix}}"

    def column(self, numbers: Sequence[float]) -> str:
        """Write a column vector."""
        return self.matrix([[x] for x in numbers])

    def row(self, numbers: Sequence[float]) -> str:
        """Write a row vector."""
        return self.matrix([numbers])

    @staticmethod
    def _operand(shown: str) -> Text:
        mantissa, e, exponent = shown.partition("e")
        negative = shown.startswith("-")
        if e:
            return Text(rf"{_short(mantissa)} \cdot 10^{{{int(exponent)}}}", SUM if negative else PRODUCT)
        shown = shown.replace("inf", r"\infty").replace("nan", r"\mathrm{nan}")
        return Text(shown, SUM if negative else ops.ATOM)


LARGE = 8  # rows or columns: of a larger matrix the corners are shown


def _short(shown: str) -> str:
    mantissa, e, exponent = shown.partition("e")
    return (mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa) + e + exponent
