"""What stands above a picture: the title, the level of detail, and a legend of the colours and lines that occur."""

# ruff: noqa: RUF001 - symbols are written as mathematics writes them

from __future__ import annotations

from collections.abc import Iterable

from viz.graph import Graph
from viz.labels import font, table
from viz.text import html, number
from viz.theme import Theme


def heading(title: str, level: str, lines: Iterable[str], theme: Theme) -> str:
    """Write a heading: a title, the level of detail in small type beside the title, and lines below.

    >>> from viz.theme import LIGHT
    >>> ">every scalar (1)<" in heading("three", "every scalar (1)", [], LIGHT)
    True
    """
    first = font(html(level, 120), 13)
    if title:
        first = font(f"<B>{html(title, 120)}</B>", 20, theme.ink) + "   " + first
    rows = "".join(f'<TR><TD ALIGN="LEFT">{line}</TD></TR>' for line in [first, *lines])
    return table(rows + '<TR><TD HEIGHT="10"></TD></TR>', 3)


def roles(present: Iterable[str], theme: Theme) -> str:
    """Write the legend of the colours of cards.

    >>> from viz.theme import LIGHT
    >>> ">input<" in roles(["input"], LIGHT)
    True
    """
    cells = '<TD WIDTH="6" CELLPADDING="0"></TD>'.join(
        f'<TD BORDER="1" BGCOLOR="{style.fill}" COLOR="{style.border}">{font(role, 12, theme.ink)}</TD>'
        for role, style in theme.roles.items()
        if role in set(present)
    )
    return table(f'<TR>{cells}<TD COLSPAN="60"></TD></TR>', 4)


def flows(graph: Graph, theme: Theme, digits: int) -> str:
    """Write the legend of the edges, after backward().

    >>> from scalargrad import Value
    >>> from viz.theme import LIGHT
    >>> y = Value(3.0) * Value(2.0)
    >>> y.backward()
    >>> "positive" in flows(Graph(y), LIGHT, 3)
    True
    """
    kinds = {edge.kind for edge in graph.edges}
    words = ["edge = gradient flowing back:"]
    for kind, color in theme.edges.items():
        if kind and kind in kinds:
            words.append(font("╌╌╌" if kind == "zero" else "━━", 12, color) + f" {kind}")
    if graph.largest:
        words.append(f"width ∝ √|∂| (max {number(graph.largest, digits)})")
    if graph.small:
        words.append("×k = local derivative")
    return font("   ".join(words), 12)
