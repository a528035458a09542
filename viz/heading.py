"""What stands above a picture: the title, the level of detail, and a legend of the colours and lines that occur."""

# ruff: noqa: RUF001 - symbols are written as mathematics writes them

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from viz.graph import Graph
from viz.labels import font, table
from viz.layout import SLIDE
from viz.metrics import text_width
from viz.text import html, number
from viz.theme import Theme

GAP = "   "  # between the phrases of a legend


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


def filled(words: Iterable[str], width: float) -> Iterator[str]:
    """Write phrases of a legend in lines, as many in each as fit a width.

    >>> len(list(filled(["a phrase"] * 6, 200)))
    2
    """
    line: list[str] = []
    taken = 0.0
    for word in words:
        needed = text_width(re.sub("<[^>]*>", "", word) + GAP, 12)
        if line and taken + needed > width:
            yield font(GAP.join(line), 12)
            line, taken = [], 0.0
        line.append(word)
        taken += needed
    if line:
        yield font(GAP.join(line), 12)


def flows(graph: Graph, theme: Theme, digits: int, width: float = SLIDE.width) -> Iterator[str]:
    """Write the legend of the edges, after backward(), in lines of a width.

    >>> from scalargrad import Value
    >>> from viz.theme import LIGHT
    >>> y = Value(3.0) * Value(2.0)
    >>> y.backward()
    >>> ["positive" in line for line in flows(Graph(y), LIGHT, 3)]
    [True]
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
    yield from filled(words, width)
