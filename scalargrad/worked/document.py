"""What a written-out solution is made of: headings, paragraphs, equations, tables, pictures.

Mathematics is LaTeX, between dollars in running text; `writers` set it as text, Markdown, LaTeX, HTML and JSON.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isclose, isfinite
from typing import Any, NamedTuple

from scalargrad.op import ATOM, PRODUCT, SUM, Text
from scalargrad.worked.notation import box
from scalargrad.worked.solution import fixed

WIDEST = 84  # columns of text; what is wider goes on in a new line, or a printed page would not hold it


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
    def shown(self) -> tuple[Block, ...]:
        """The blocks without those equations that only have values."""
        return tuple(block for block in self.blocks if not isinstance(block, Equation) or block.lines)

    @property
    def values(self) -> dict[str, Any]:
        """The numbers of all equations, in full, by name."""
        return {name: value for b in self.blocks if isinstance(b, Equation) for name, value in b.values.items()}


Side = tuple[str, str]  # a relation, and what stands right of it


def chain(left: str, *sides: Side) -> tuple[Line, ...]:
    """Write left = a = b = c on one line, or on as many as it needs; a side that repeats the one before is left out.

    >>> chain("z", ("=", "1 + 1"), ("=", "2"))
    (Line(left='z', relation='=', right='1 + 1 = 2'),)
    """
    room = WIDEST - _width(left)
    lines: list[Line] = []
    for i, (relation, right) in enumerate(sides):
        if i and right == sides[i - 1][1]:
            continue
        if lines:
            joined = f"{lines[-1].right} {relation} {right}"
            if _width(joined) <= room:
                lines[-1] = lines[-1]._replace(right=joined)
                continue
        first, *others = _broken(right, room)
        lines.append(Line("" if lines else left, relation, first))
        lines += [Line("", "", other) for other in others]
    return tuple(lines)


def _width(latex: str) -> float:
    shown = box(latex)
    return shown.width + 0.4 * max(line.count("·") for line in shown.lines)  # which TeX sets wider


def _broken(right: str, room: float) -> list[str]:
    """Break what is too wide in front of its plus and minus signs, and between matrices."""
    if _width(right) <= room:
        return [right]
    lines: list[str] = []
    parts = [
        piece for part in _parts(right, _SUM) for piece in ([part] if _width(part) <= room else _parts(part, _PRODUCT))
    ]
    for part in parts:
        if lines and _width(lines[-1] + part) <= room:
            lines[-1] += part
        else:
            lines.append(rf"\quad {part.lstrip()}" if lines else part)
    return lines


_UNBROKEN = (("{", "}"), (r"\left", r"\right"), (r"\begin", r"\end"))
_SUM = re.compile(r" (?=[+-] )|(?<=pmatrix\}) (?=\\begin)|(?<= \\cdot) (?=\\begin)")
_PRODUCT = re.compile(r" (?=\\cdot )")


def _parts(latex: str, places: re.Pattern[str]) -> list[str]:
    """Split where a line may end: not inside of braces, stretched fences or matrices, nor deep in parentheses."""
    parts, start = [], 0
    for place in places.finditer(latex):
        before = latex[: place.start()]
        loose = before.count("(") - before.count(")")
        inside = (before.count(opening) - before.count(closing) for opening, closing in _UNBROKEN)
        if loose <= 1 and not any(inside):
            parts.append(latex[start : place.start()])
            start = place.start()
    return [*parts, latex[start:]]


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
        self.rounded = self.rounded or not self.is_exact(x)
        return self.shown(x)

    def shown(self, x: float) -> Text:
        """Write a number that stands in no equation."""
        text = fixed(x, self.digits)
        return self._operand(_short(text) if self.is_exact(x) else text)

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
        if len(rows) > LARGEST_MATRIX:
            cut = [r"\vdots"] * len(rows[0])
            rows = [*rows[: LARGEST_MATRIX - 2], cut, rows[-1]]
        widest = max(len(entry) for row in rows for entry in row if entry != r"\vdots") + 2
        fit = max(3, min(LARGEST_MATRIX, 64 // widest))
        if len(rows[0]) > fit:
            rows = [[*row[: fit - 2], r"\ddots" if row[0] == r"\vdots" else r"\cdots", row[-1]] for row in rows]
        inside = r" \\ ".join(" & ".join(row) for row in rows)
        return rf"\begin{{pmatrix}} {inside} \end{{pmatrix}}"

    def tuple(self, numbers: Sequence[float]) -> str:
        """Write numbers in one line; of many, the first ones and the last."""
        exact = all(map(self.is_exact, numbers))
        shown: list[str] = [self.shown(x) if exact else self._operand(fixed(x, self.digits)) for x in numbers]
        fit = max(3, min(LARGEST_MATRIX, 64 // (max(map(len, shown)) + 2)))
        if len(shown) > fit:
            shown = [*shown[: fit - 2], r"\ldots", shown[-1]]
        return shown[0] if len(shown) == 1 else f"({', '.join(shown)})"

    def column(self, numbers: Sequence[float]) -> str:
        """Write a column vector."""
        return self.matrix([[x] for x in numbers])

    def vector(self, numbers: Sequence[float]) -> Text:
        """Write a column vector as an operand; one of a single entry as a number."""
        return Text(self.column(numbers)) if len(numbers) > 1 else self(numbers[0])

    def row(self, numbers: Sequence[float]) -> str:
        """Write a row vector."""
        return self.matrix([numbers])

    @staticmethod
    def _operand(shown: str) -> Text:
        mantissa, e, exponent = shown.partition("e")
        negative = shown.startswith("-")
        if e:
            power = f"10^{{{int(exponent)}}}"
            shown = {"1": power, "-1": f"-{power}"}.get(_short(mantissa), rf"{_short(mantissa)} \cdot {power}")
            return Text(shown, SUM if negative else PRODUCT)
        shown = shown.replace("inf", r"\infty").replace("nan", r"\mathrm{nan}")
        return Text(shown, SUM if negative else ATOM)


LARGEST_MATRIX = 8  # rows or columns: of a larger matrix the corners are shown


def _short(shown: str) -> str:
    mantissa, e, exponent = shown.partition("e")
    return (mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa) + e + exponent
