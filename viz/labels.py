"""The HTML-like labels of a picture of cards: what stands on a card, and the titles of frames."""

# ruff: noqa: RUF001, RUF003 - symbols are written as mathematics writes them

from __future__ import annotations

from math import isfinite, sqrt

from scalargrad import Value
from viz.graph import Card, Graph, sign
from viz.text import html, name, number, operation, symbol
from viz.theme import Theme, blend
from viz.units import Row

# Graphviz shares the room that is left in a row out by columns: a cell that spans so many takes most of the room.
SLACK_COLUMNS = 8
CARD_SPACING = 1  # points around what stands on a card
# Renderers differ in how high a line of text is: so every line has the height that the highest takes.
LINE, SMALL_LINE, ROW_LINE = ('HEIGHT="22"', 'HEIGHT="18"', 'HEIGHT="16"')

# Where the order of two operands matters, the row of a second operand begins with a sign: the card of x - t has "− t".
SECOND_SIGNS = {"-": "− ", "/": "÷ ", "^": "^ "}


class Labels:
    """The labels of one graph, in one theme.

    >>> from viz.theme import DARK
    >>> Labels(Graph(Value(3.0)), DARK, digits=3).theme.background
    '#0F1419'
    """

    def __init__(self, graph: Graph, theme: Theme, digits: int) -> None:
        self.graph, self.theme, self.digits = graph, theme, digits

    def card(self, card: Card) -> str:
        """Write a card: the scalar, and below it a row for every leaf that it takes in.

        >>> from viz.theme import LIGHT
        >>> graph = Graph(Value(3.0, label="x1"))
        >>> ">x₁<" in Labels(graph, LIGHT, 3).card(graph.cards[0])
        True
        """
        own = self._own(card)
        port = ' PORT="own"' if card.rows else ""
        rows = "".join(self._row(i, row, card) for i, row in enumerate(card.rows))
        for form, count in card.alike.items():
            text = font(html(f"{count:,} terms {form}"), 10, self.theme.muted)
            rows += f'<TR><TD ALIGN="LEFT" COLSPAN="{SLACK_COLUMNS}">{text}</TD></TR>'
        rows = f"<TR><TD>{table(rows, 2)}</TD></TR>" if rows else ""
        # The spacing keeps tints off the card's border: they would cover the inner half of the line.
        spacing = f'CELLSPACING="{CARD_SPACING}"'
        return f'<TABLE BORDER="0" {spacing} CELLPADDING="0"><TR><TD{port}>{own}</TD></TR>{rows}</TABLE>'

    def _own(self, card: Card) -> str:
        value = card.value
        op = "Σ" if card.running_sum else symbol(operation(value))
        cells, columns = "", SLACK_COLUMNS
        if value.parents and op:
            ink = self.theme.chip_ink
            more = "⋯ " if card.cut else ""
            cells += f'<TD BGCOLOR="{self.theme.chip}"><FONT COLOR="{ink}"><B> {more}{html(op)} </B></FONT></TD>'
            columns += 1
        if value.label:
            cells += f'<TD ALIGN="LEFT"><B>{html(name(value.label))}</B></TD>'
            columns += 1
        cells += f'<TD ALIGN="RIGHT" {LINE} COLSPAN="{SLACK_COLUMNS}">{number(value.data, self.digits)}</TD>'
        rows = f"<TR>{cells}</TR>"
        if self._has_gradient(value):
            rows += f'<TR><TD COLSPAN="{columns}" {SMALL_LINE} ALIGN="RIGHT">{self._gradient(value.grad)}</TD></TR>'
        return table(rows, 3)

    def _row(self, index: int, row: Row, card: Card) -> str:
        leaf = row.leaf
        fill = self.theme.roles[self.graph.role(leaf)].fill
        title = name(leaf.label)
        if not card.running_sum and leaf is not card.value.parents[0]:
            title = SECOND_SIGNS.get(operation(card.value), "") + title
        gradient = self._has_gradient(leaf)
        columns = 1 if gradient or not self.graph.after_backward else 2
        cells = (
            f'<TD PORT="r{index}" {ROW_LINE} ALIGN="LEFT" BGCOLOR="{fill}">'
            + font(f"<B>{html(title)}</B>", 10)
            + "</TD>"
        )
        cells += f'<TD ALIGN="RIGHT" COLSPAN="{columns}" BGCOLOR="{fill}">'
        cells += font(number(leaf.data, self.digits), 10) + "</TD>"
        if gradient:
            share = self.graph.gradient(row)
            text = self._gradient(share)
            if len(self.graph.uses[leaf]) > 1:
                total = number(leaf.grad, self.digits, signed=True)
                text += font(" of ", 10) + font(total, 10, self.theme.signs[sign(leaf.grad)])
            cells += f'<TD ALIGN="RIGHT" BGCOLOR="{self._heat(share)}">{text}</TD>'
        return f"<TR>{cells}</TR>"

    def _has_gradient(self, value: Value) -> bool:
        return self.graph.after_backward and value.kind != "constant"

    def _gradient(self, gradient: float) -> str:
        return font(f"∂ {number(gradient, self.digits, signed=True)}", 10, self.theme.signs[sign(gradient)])

    def _heat(self, gradient: float) -> str:
        return blend(self.theme.roles["computed"].fill, self.theme.edges[sign(gradient)], 0.4 * self.share(gradient))

    def share(self, gradient: float) -> float:
        """Return the square root of a gradient's part of the largest: small ones are still seen.

        >>> from viz.theme import LIGHT
        >>> y = Value(3.0) * 4.0
        >>> y.backward()
        >>> Labels(Graph(y), LIGHT, 3).share(1.0)
        0.5
        """
        if not isfinite(gradient):
            return 1.0
        return sqrt(min(abs(gradient) / self.graph.largest, 1.0)) if self.graph.largest else 0.0

    def frame(self, title: str, depth: int) -> str:
        """Write the title of a frame: the deeper the frame lies, the smaller its title.

        >>> from viz.theme import LIGHT
        >>> Labels(Graph(Value(3.0)), LIGHT, 3).frame("neuron 2", depth=1)
        '<FONT POINT-SIZE="13"><B>neuron 2</B></FONT>'
        """
        return font(f"<B>{html(title)}</B>", max(15 - 2 * depth, 11))


def table(rows: str, padding: int, spacing: int = 0) -> str:
    """Write a table without borders around its rows.

    >>> table("", 3)
    '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3"></TABLE>'
    """
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="{spacing}" CELLPADDING="{padding}">{rows}</TABLE>'


def widened(label: str, width: float) -> str:
    """Give the first cell of a table a least width: Graphviz would not share out a width of the table to the cells.

    >>> widened("<TABLE><TR><TD></TD></TR></TABLE>", 12.3)
    '<TABLE><TR><TD WIDTH="12"></TD></TR></TABLE>'
    """
    return label.replace("<TD", f'<TD WIDTH="{width:.0f}"', 1)


def font(text: str, size: int, color: str = "") -> str:
    """Set a text in a size, and in a colour.

    >>> font("x", 10)
    '<FONT POINT-SIZE="10">x</FONT>'
    """
    return f'<FONT POINT-SIZE="{size}"' + (f' COLOR="{color}"' if color else "") + f">{text}</FONT>"
