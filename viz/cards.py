"""The picture of cards: every scalar, or every linear unit, in the frames of its scopes."""

# ruff: noqa: RUF001 - symbols are written as mathematics writes them

from __future__ import annotations

from collections.abc import Iterator

from viz import heading
from viz.graph import Card, Edge, Graph, Scope
from viz.labels import Labels, font
from viz.paths import Paths
from viz.text import number
from viz.theme import Theme, faded


class Cards:
    """Writes the cards of a graph as DOT statements.

    >>> from scalargrad import Value
    >>> from viz.theme import LIGHT
    >>> Cards(Graph(Value(3.0)), LIGHT, 3).level
    'every scalar (1)'
    """

    def __init__(self, graph: Graph, theme: Theme, digits: int, paths: Paths | None = None) -> None:
        self.graph, self.theme, self.digits, self.paths = graph, theme, digits, paths
        self.labels = Labels(graph, theme, digits)
        self.faint = Labels(graph, faded(theme), digits)
        self.high_resolution = graph.small

    @property
    def level(self) -> str:
        """What the picture shows, in words."""
        graph = self.graph
        if not graph.units:
            level = f"every scalar ({len(graph.cards):,})"
        else:
            units = sum(card.is_linear_unit for card in graph.cards)
            level = f"{units:,} linear unit{'s' * (units != 1)}, {len(graph.cards):,} cards for {graph.stands_for:,} scalars"
        hidden = len(graph.order) - graph.stands_for
        return level + (f", of {len(graph.order):,} scalars" if hidden else "")

    def legend(self) -> Iterator[str]:
        """Write the lines of the legend."""
        graph = self.graph
        leaves = [row.leaf for card in graph.cards for row in card.rows]
        yield heading.roles(
            {graph.role(value) for value in [*(card.value for card in graph.cards), *leaves]}, self.theme
        )
        if any(edge.kind for edge in graph.edges):
            yield heading.flows(graph, self.theme, self.digits)
        if graph.after_backward and any(len(graph.uses[leaf]) > 1 for leaf in leaves):
            yield font("a parameter on several cards: ∂ is its share from there", 12)

    def statements(self) -> Iterator[str]:
        """Write frames, cards and edges."""
        frames = 0
        inside: Scope = ()  # the frames that are open
        for card in self.graph.cards:
            while card.scope[: len(inside)] != inside:
                inside = inside[:-1]
                yield "  }"
            for depth in range(len(inside), len(card.scope)):
                yield f"  subgraph cluster_{frames} {{"
                yield f'  graph [style="rounded,filled" fillcolor="{self.theme.frames[depth % 2]}"'
                yield f'    color="{self.theme.frame_border}" label=<{self.labels.frame(card.scope[depth], depth)}>]'
                frames += 1
            inside = card.scope
            yield self.card(card)
        yield from ["  }"] * len(inside)
        yield from map(self.edge, self.graph.edges)

    def card(self, card: Card) -> str:
        """Write the node of a card."""
        on_path = self.paths is None or self.paths.meets(card)
        labels = self.labels if on_path else self.faint
        style = labels.theme.roles[self.graph.role(card.value)]
        attributes = f'fillcolor="{style.fill}" color="{style.border}" penwidth={style.width}'
        attributes += "" if on_path else f' fontcolor="{labels.theme.ink}"'
        return f"  {self.graph.number[card.value]} [{attributes} label=<{labels.card(card)}>]"

    def edge(self, edge: Edge) -> str:
        """Write an edge, in the colour and width of the gradient that flows back along it."""
        tail, card = self.graph.card_of[edge.parent].value, self.graph.card_of[edge.child]
        head = f"{self.graph.number[card.value]}"
        if card.rows:
            head += f":{self.graph.port(edge)}:w"
        if edge.gradient is not None:
            flow = f" [{self.flow(edge, edge.gradient)}]"
        else:
            flow = f' [color="{self.faint.theme.edges[""]}"]' if self.paths is not None else ""
        return f"  {self.graph.number[tail]} -> {head}{flow}"

    def flow(self, edge: Edge, gradient: float) -> str:
        """Write the attributes of an edge."""
        on_path = self.paths is None or self.paths.contain(edge)
        theme, share = (self.theme if on_path else self.faint.theme), self.labels.share(gradient)
        attributes = [f'color="{theme.edges[edge.kind]}"']
        if edge.kind == "zero":
            attributes.append("style=dashed penwidth=.7")
        else:
            attributes.append(f"penwidth={0.7 + 3.8 * share:.2f} arrowsize={0.6 + 0.4 * share:.2f}")
        if self.graph.small or (self.paths is not None and on_path and not self.graph.units):
            local = number(edge.local, max(self.digits - 1, 0))
            attributes.append(f'label=" ×{local} " fontcolor="{theme.signs[edge.kind]}"')
        return " ".join(attributes)
