"""The HTML-like labels of a picture: what stands on a card, and the title with the legend under it."""

# ruff: noqa: RUF001, RUF003 - symbols are written as mathematics writes them

from __future__ import annotations

from math import isfinite, sqrt

from scalargrad import Value
from viz.graph import Card, Graph, sign
from viz.text import html, name, number, symbol
from viz.theme import Theme, blend

# Graphviz shares the room that is left in a row out by columns: a cell of so many columns takes most of it.
SLACK = 8

# Where the order of two operands matters, a folded one says that it is the second: x - t folds "− t".
SECOND = {"-": "− ", "/": "÷ ", "^": "^ "}


class Labels:
    """Writes the labels of one graph, in one theme.

    >>> from viz.theme import DARK
    >>> Labels(Graph(Value(3.0)), DARK, digits=3).theme.background
    '#0F1419'
    """

    def __init__(self, graph: Graph, theme: Theme, digits: int) -> None:
        self.graph, self.theme, self.digits = graph, theme, digits

    def card(self, card: Card) -> str:
        """Write a card: the scalars folded into it, as in a sum on paper, and below them its own.

        >>> from viz.theme import LIGHT
        >>> graph = Graph(Value(3.0, label="x1"))
        >>> ">x₁<" in Labels(graph, LIGHT, 3).card(graph.cards[0])
        True
        """
        rows = "".join(self._row(value, card) for value in card.folded)
        own = self._own(card.value, "Σ" if card.running_sum else symbol(card.value._op))
        port = ' PORT="own"' if rows else ""
        rows = f"<TR><TD>{_table(rows, 2)}</TD></TR>" if rows else ""
        # The spacing keeps tints off the border of the card, of which half would be covered.
        return f'<TABLE BORDER="0" CELLSPACING="1" CELLPADDING="0">{rows}<TR><TD{port}>{own}</TD></TR></TABLE>'

    def _own(self, value: Value, op: str) -> str:
        cells, columns = "", SLACK
        if value._prev and op:
            ink = self.theme.chip_ink
            cells += f'<TD BGCOLOR="{self.theme.chip}"><FONT COLOR="{ink}"><B> {html(op)} </B></FONT></TD>'
            columns += 1
        if value.label:
            cells += f'<TD ALIGN="LEFT"><B>{html(name(value.label))}</B></TD>'
            columns += 1
        cells += f'<TD ALIGN="RIGHT" COLSPAN="{SLACK}">{number(value.data, self.digits)}</TD>'
        rows = f"<TR>{cells}</TR>"
        if self._has_gradient(value):
            rows += f'<TR><TD COLSPAN="{columns}" ALIGN="RIGHT">{self._gradient(value)}</TD></TR>'
        return _table(rows, 3)

    def _row(self, value: Value, card: Card) -> str:
        fill = self.theme.roles[self.graph.role(value)].fill
        title = symbol(value._op) if value._prev else name(value.label)
        if value is not card.value._prev[0]:
            title = SECOND.get(card.value._op, "") + title
        gradient = self._gradient(value) if self._has_gradient(value) else ""
        columns = 1 if gradient or not self.graph.after_backward else 2
        cells = f'<TD PORT="r{self.graph.number[value]}" ALIGN="LEFT" BGCOLOR="{fill}">'
        cells += _font(f"<B>{html(title)}</B>", 10) + "</TD>"
        cells += f'<TD ALIGN="RIGHT" COLSPAN="{columns}" BGCOLOR="{fill}">'
        cells += _font(number(value.data, self.digits), 10) + "</TD>"
        if gradient:
            cells += f'<TD ALIGN="RIGHT" BGCOLOR="{self._heat(value.grad)}">{gradient}</TD>'
        return f"<TR>{cells}</TR>"

    def _has_gradient(self, value: Value) -> bool:
        return self.graph.after_backward and value.role != "constant"

    def _gradient(self, value: Value) -> str:
        return _font(f"∂ {number(value.grad, self.digits, signed=True)}", 10, self.theme.signs[sign(value.grad)])

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
        """Write the title of a frame, the smaller the deeper it lies.

        >>> from viz.theme import LIGHT
        >>> Labels(Graph(Value(3.0)), LIGHT, 3).frame("neuron 2", depth=1)
        '<FONT POINT-SIZE="13"><B>neuron 2</B></FONT>'
        """
        return _font(f"<B>{html(title)}</B>", max(15 - 2 * depth, 11))

    def heading(self, title: str | None) -> str:
        """Write the title, the level of detail, and a legend of the roles and edges that occur.

        >>> from viz.theme import LIGHT
        >>> ">every scalar (1)<" in Labels(Graph(Value(3.0)), LIGHT, 3).heading("three")
        True
        """
        title = ", ".join(name(root.label) for root in self.graph.roots) if title is None else title
        line = _font(f"every scalar ({len(self.graph.order):,})", 13)
        if title:
            line = _font(f"<B>{html(title, 120)}</B>", 20, self.theme.ink) + "   " + line
        lines = [line, self._roles()]
        if any(edge.kind for edge in self.graph.edges):
            lines.append(self._edges())
        rows = "".join(f'<TR><TD ALIGN="LEFT">{line}</TD></TR>' for line in lines)
        return _table(rows + '<TR><TD HEIGHT="10"></TD></TR>', 3)

    def _roles(self) -> str:
        roles = {self.graph.role(value) for value in self.graph.order}
        cells = '<TD WIDTH="6" CELLPADDING="0"></TD>'.join(
            f'<TD BORDER="1" BGCOLOR="{style.fill}" COLOR="{style.border}">{_font(role, 12, self.theme.ink)}</TD>'
            for role, style in self.theme.roles.items()
            if role in roles
        )
        return _table(f'<TR>{cells}<TD COLSPAN="60"></TD></TR>', 4)

    def _edges(self) -> str:
        kinds = {edge.kind for edge in self.graph.edges}
        words = ["edge = gradient flowing back:"]
        for kind, color in self.theme.edges.items():
            if kind and kind in kinds:
                words.append(_font("╌╌╌" if kind == "zero" else "━━", 12, color) + f" {kind}")
        if self.graph.largest:
            words.append(f"width ∝ √|∂| (max {number(self.graph.largest, self.digits)})")
        if self.graph.small:
            words.append("×k = local derivative")
        return _font("   ".join(words), 12)


def _table(rows: str, padding: int) -> str:
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{padding}">{rows}</TABLE>'


def _font(text: str, size: int, color: str = "") -> str:
    return f'<FONT POINT-SIZE="{size}"' + (f' COLOR="{color}"' if color else "") + f">{text}</FONT>"
