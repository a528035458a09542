"""Which level of detail a picture has: the finest that is still read on a slide."""

from __future__ import annotations

from collections import defaultdict

from scalargrad import Value
from viz.graph import Graph
from viz.layers import Summary

DETAILS = ("auto", "full", "units", "layers")
SCALARS, UNITS = 40, 400  # up to so many cards, if they are read on a slide
MOST = 2000  # cards and rows: more are a wall
LOOKED_AT = 20_000  # scalars: beyond, auto does not try

# A slide of 1920 by 1080 pixels shows so many points with a card's type, of 13 points, at 10 pixels.
WIDTH, HEIGHT = 2500, 1400


def choose(
    roots: tuple[Value, ...], detail: str, *, scope: str | None, depth: int | None, force: bool
) -> Graph | Summary:
    """Return the picture's content at a level of detail.

    >>> choose((Value(3.0),), "auto", scope=None, depth=None, force=False).units
    False

    Raises ValueError for an unknown level, and for more cards than 2,000 without force.
    """
    if detail not in DETAILS:
        raise ValueError(f"detail must be one of {', '.join(map(repr, DETAILS))}, got {detail!r}")
    if detail == "layers":
        return Summary(*roots, scope=scope, depth=depth)
    if detail == "auto":
        summary = Summary(*roots, scope=scope, depth=depth)
        if len(summary.values) > LOOKED_AT:
            return summary
        for units, most in ((False, SCALARS), (True, UNITS)):
            graph = Graph(*roots, units=units, scope=scope, depth=depth)
            if len(graph.cards) <= most and is_legible(graph):
                return graph
        return summary
    graph = Graph(*roots, units=detail == "units", scope=scope, depth=depth)
    count = len(graph.cards) + sum(len(card.rows) for card in graph.cards)
    if not force and count > MOST:
        what = "card and row" if graph.units else "scalar"
        raise ValueError(
            f"a picture of every {what} shows up to {MOST:,} well: to draw all {count:,}, pass force=True (--force); "
            "detail='layers' sums them up"
        )
    return graph


def is_legible(graph: Graph) -> bool:
    """Estimate whether the type on the cards can be read when the picture fills a slide.

    >>> is_legible(Graph(Value(3.0)))
    True
    """
    rank: dict[Value, int] = {}
    parents = defaultdict(list)
    for edge in graph.edges:
        parents[graph.card_of[edge.child].value].append(graph.card_of[edge.parent].value)
    heights: dict[int, int] = defaultdict(int)
    for card in sorted(graph.cards, key=lambda card: graph.number[card.value]):
        rank[card.value] = 1 + max((rank.get(parent, 0) for parent in parents[card.value]), default=0)
        heights[rank[card.value]] += 55 + 15 * len(card.rows)
    return len(heights) * 145 <= WIDTH and max(heights.values()) <= HEIGHT
