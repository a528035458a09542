"""The picture of a graph as cards: one for every scalar, or for every linear unit, in the frames of their scopes."""

# ruff: noqa: RUF001 - symbols are written as mathematics writes them

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from scalargrad import Value
from viz import heading
from viz.graph import Card, Edge, Graph, Scope
from viz.labels import Labels, font
from viz.paths import Paths, Stop
from viz.picture import Picture
from viz.text import called, number
from viz.theme import Theme, faded

# How many cards can be read on a slide, if each is a scalar, and if each is a linear unit with a row for every weight.
MOST_READABLE_SCALARS, MOST_READABLE_UNITS = 40, 400

# Points. A slide has 1920 by 1080 pixels; a card's type, which has 13 points, has 10 pixels there.
SLIDE_WIDTH, SLIDE_HEIGHT = 2500, 1400


class Cards(Picture):
    """The picture of a graph's cards.

    >>> from viz.theme import LIGHT
    >>> Cards(Graph(Value(3.0)), LIGHT, 3).words
    'every scalar (1)'
    """

    def __init__(self, graph: Graph, theme: Theme, digits: int, paths: Paths | None = None) -> None:
        super().__init__(theme, digits, paths)
        self.graph = graph
        self.labels = Labels(graph, theme, digits)
        self.faint = Labels(graph, faded(theme), digits)
        if graph.small:
            self.resolution = 144

    @property
    def words(self) -> str:
        """What the picture shows, in words."""
        graph = self.graph
        if not graph.units:
            level = f"every scalar ({len(graph.cards):,})"
        else:
            units = sum(card.is_linear_unit for card in graph.cards)
            level = f"{units:,} linear unit{'s' * (units != 1)}, {len(graph.cards):,} cards for {graph.stands_for:,} scalars"
        hidden = len(graph.order) - graph.stands_for
        return level + (f", of {len(graph.order):,} scalars" if hidden else "")

    @property
    def scalars(self) -> int:
        """How many scalars the picture stands for."""
        return self.graph.stands_for

    @property
    def pieces(self) -> tuple[int, str]:
        """How many cards and rows are drawn."""
        cards = self.graph.cards
        return len(cards) + sum(len(card.rows) for card in cards), "card and row" if self.graph.units else "scalar"

    @property
    def is_readable(self) -> bool:
        """Whether the cards are few, and their type large enough when the picture fills a slide, by an estimate.

        >>> from viz.theme import LIGHT
        >>> Cards(Graph(Value(3.0)), LIGHT, 3).is_readable
        True
        """
        graph = self.graph
        if len(graph.cards) > (MOST_READABLE_UNITS if graph.units else MOST_READABLE_SCALARS):
            return False
        rank: dict[Value, int] = {}
        parents = defaultdict(list)
        for edge in graph.edges:
            parents[graph.card_of[edge.child].value].append(graph.card_of[edge.parent].value)
        heights: dict[int, int] = defaultdict(int)
        for card in sorted(graph.cards, key=lambda card: graph.index[card.value]):
            rank[card.value] = 1 + max((rank.get(parent, 0) for parent in parents[card.value]), default=0)
            heights[rank[card.value]] += 55 + 15 * len(card.rows)
        return len(heights) * 145 <= SLIDE_WIDTH and max(heights.values()) <= SLIDE_HEIGHT

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

    def stop(self, value: Value) -> Stop:
        """Tell where a path stops: at the card that stands for the scalar, or at the leaf of a row."""
        if value in self.graph.row_leaves:
            return Stop(value, called(value))
        card = self.graph.card_of[value]
        return Stop(card, called(card.value, running_sum=card.running_sum))

    def card(self, card: Card) -> str:
        """Write the node of a card."""
        on_path = self.paths is None or self.paths.meets(card)
        labels = self.labels if on_path else self.faint
        style = labels.theme.roles[self.graph.role(card.value)]
        attributes = f'fillcolor="{style.fill}" color="{style.border}" penwidth={style.width}'
        attributes += "" if on_path else f' fontcolor="{labels.theme.ink}"'
        return f"  {self.graph.index[card.value]} [{attributes} label=<{labels.card(card)}>]"

    def edge(self, edge: Edge) -> str:
        """Write an edge, in the colour and width of the gradient that flows back along it."""
        tail, card = self.graph.card_of[edge.parent].value, self.graph.card_of[edge.child]
        head = f"{self.graph.index[card.value]}"
        if card.rows:
            head += f":{self.graph.port(edge)}:w"
        if edge.gradient is not None:
            flow = f" [{self.flow(edge, edge.gradient)}]"
        else:
            flow = f' [color="{self.faint.theme.edges[""]}"]' if self.paths is not None else ""
        return f"  {self.graph.index[tail]} -> {head}{flow}"

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
