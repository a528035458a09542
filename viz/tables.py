"""HTML-like labels, measured and drawn as SVG: for a Graphviz that was built without them.

The labels may hold what this package writes: tables of cells that hold a table or one line of text, with FONT and B.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import NamedTuple, TypeAlias
from xml.etree import ElementTree as ET

from viz.metrics import LINE_HEIGHT, text_width

BASELINE = 0.946  # how far the baseline lies below the top of a line, in font sizes


class Font(NamedTuple):
    """The size, colour and weight of a text."""

    size: float
    color: str
    bold: bool = False


class Box(NamedTuple):
    """A rectangle in a picture; y grows downwards."""

    x: float
    y: float
    width: float
    height: float

    def shrunk(self, inset: float) -> Box:
        """Return the rectangle inside a margin.

        >>> Box(0, 0, 10, 8).shrunk(2)
        Box(x=2, y=2, width=6, height=4)
        """
        return Box(self.x + inset, self.y + inset, self.width - 2 * inset, self.height - 2 * inset)


def _rectangle(box: Box, fill: str, color: str, border: float) -> str:
    edge = f' stroke="{color}" stroke-width="{border:g}"' if border else ""
    x, y, width, height = box.shrunk(border / 2)  # SVG draws a border on both sides of the outline
    return f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" fill="{fill}"{edge}/>'


@dataclass
class Line:
    """One line of text: pieces, each in a font of its own.

    >>> Line([("mm", Font(10, "#000000"))]).size
    (19.482421875, 12.0)
    """

    pieces: list[tuple[str, Font]] = field(default_factory=list)

    @cached_property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        widths = sum(text_width(text, font.size, bold=font.bold) for text, font in self.pieces)
        return widths, LINE_HEIGHT * max((font.size for _, font in self.pieces), default=0.0)

    def draw(self, box: Box, align: str = "LEFT") -> Iterator[str]:
        """Draw the line in a box, in the middle of its height."""
        width, height = self.size
        x = box.x + (box.width - width) * {"LEFT": 0.0, "RIGHT": 1.0}.get(align, 0.5)
        y = box.y + (box.height - height) / 2 + height / LINE_HEIGHT * BASELINE
        for text, font in self.pieces:
            weight = ' font-weight="bold"' if font.bold else ""
            yield (
                f'<text xml:space="preserve" x="{x:.2f}" y="{y:.2f}" font-size="{font.size:g}" '
                f'fill="{font.color}"{weight}>{escape(text, quote=False)}</text>'
            )
            x += text_width(text, font.size, bold=font.bold)


@dataclass
class Cell:
    """A cell of a table: the content, and the attributes as written."""

    content: Label
    attributes: dict[str, str]
    padding: float

    def number(self, name: str, default: float = 0.0) -> float:
        """Return an attribute that is a number."""
        return float(self.attributes.get(name, default))

    @property
    def inset(self) -> float:
        """The distance between the cell's edge and its content."""
        return self.number("CELLPADDING", self.padding) + self.number("BORDER")

    @property
    def span(self) -> int:
        """How many columns the cell takes."""
        return int(self.attributes.get("COLSPAN", 1))

    @property
    def size(self) -> tuple[float, float]:
        """The least width and height."""
        width, height = (length + 2 * self.inset for length in self.content.size)
        return max(width, self.number("WIDTH")), max(height, self.number("HEIGHT"))

    def draw(self, box: Box) -> Iterator[str]:
        """Draw the cell in a box: ground, border and content."""
        fill, border = self.attributes.get("BGCOLOR", "none"), self.number("BORDER")
        if fill != "none" or border:
            yield _rectangle(box, fill, self.attributes.get("COLOR", "#000000"), border)
        inner = box.shrunk(self.inset)
        if isinstance(self.content, Table):
            yield from self.content.draw(inner)
        else:
            yield from self.content.draw(inner, self.attributes.get("ALIGN", "CENTER"))


@dataclass
class Table:
    """Rows of cells. Where a table gets more than its least size, rows and columns share the rest evenly."""

    rows: list[list[Cell]]
    spacing: float
    border: float = 0.0
    color: str = "#000000"

    @cached_property
    def columns(self) -> list[float]:
        """The least width of every column."""
        widths = [0.0] * max((sum(cell.span for cell in row) for row in self.rows), default=0)
        spans = sorted(
            (cell.span, sum(before.span for before in row[:i]), cell.size[0])
            for row in self.rows
            for i, cell in enumerate(row)
        )
        for span, first, width in spans:
            missing = width - sum(widths[first : first + span]) - self.spacing * (span - 1)
            for column in range(first, first + span) if missing > 0 else ():
                widths[column] += missing / span
        return widths

    @cached_property
    def heights(self) -> list[float]:
        """The least height of every row."""
        return [max((cell.size[1] for cell in row), default=0.0) for row in self.rows]

    @cached_property
    def size(self) -> tuple[float, float]:
        """The least width and height."""
        return (
            sum(self.columns) + self.spacing * (len(self.columns) + 1) + 2 * self.border,
            sum(self.heights) + self.spacing * (len(self.heights) + 1) + 2 * self.border,
        )

    def cells(self, box: Box) -> Iterator[tuple[Cell, Box]]:
        """Place the cells in a box."""
        wider = (box.width - self.size[0]) / max(len(self.columns), 1)
        higher = (box.height - self.size[1]) / max(len(self.heights), 1)
        y = box.y + self.spacing + self.border
        for row, height in zip(self.rows, self.heights, strict=True):
            x, column = box.x + self.spacing + self.border, 0
            for cell in row:
                widths = self.columns[column : column + cell.span]
                width = sum(widths) + len(widths) * wider + self.spacing * (len(widths) - 1)
                yield cell, Box(x, y, width, height + higher)
                x += width + self.spacing
                column += cell.span
            y += height + higher + self.spacing

    def ports(self, box: Box) -> Iterator[tuple[str, Box]]:
        """Place the cells where edges may end, which have a name for that."""
        for cell, place in self.cells(box):
            if "PORT" in cell.attributes:
                yield cell.attributes["PORT"], place
            if isinstance(cell.content, Table):
                yield from cell.content.ports(place.shrunk(cell.inset))

    def draw(self, box: Box) -> Iterator[str]:
        """Draw the table in a box."""
        if self.border:
            yield _rectangle(box, "none", self.color, self.border)
        for cell, place in self.cells(box):
            yield from cell.draw(place)


Label: TypeAlias = Table | Line


def parse(label: str, font: Font) -> Label:
    r"""Read an HTML-like label, in a font to begin with.

    >>> parse("<B>a &lt; b</B>", Font(10, "#000000"))
    Line(pieces=[('a < b', Font(size=10, color='#000000', bold=True))])
    """
    # In DOT a backslash stands doubled: a single one would begin an escape of Graphviz's own.
    element = ET.fromstring(f"<L>{label}</L>".replace("\\\\", "\\"))  # noqa: S314 - this package wrote it
    return _label(element, font)


def _label(element: ET.Element, font: Font) -> Label:
    table = element.find("TABLE")
    if table is None:
        return Line(list(_pieces(element, font)))
    padding = float(table.get("CELLPADDING", 2))
    rows = [[Cell(_label(cell, font), dict(cell.attrib), padding) for cell in row] for row in table]
    border, color = float(table.get("BORDER", 1)), table.get("COLOR", "#000000")
    return Table(rows, float(table.get("CELLSPACING", 2)), border, color)


def _pieces(element: ET.Element, font: Font) -> Iterator[tuple[str, Font]]:
    if element.tag == "FONT":
        font = font._replace(size=float(element.get("POINT-SIZE", font.size)), color=element.get("COLOR", font.color))
    elif element.tag == "B":
        font = font._replace(bold=True)
    if element.text:
        yield element.text, font
    for child in element:
        yield from _pieces(child, font)
        if child.tail:
            yield child.tail, font
