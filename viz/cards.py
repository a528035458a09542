"""The picture of a graph as cards: one for every scalar, or for every linear unit, in the frames of their scopes."""

# ruff: noqa: RUF001 - symbols are written as mathematics writes them

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from scalargrad import Value
from viz import heading
from viz.graph import Card, Edge, Graph, Scope
from viz.labels import CARD_SPACING, Labels, font, table, widened
from viz.layout import SLIDE, Canvas, Item, Link
from viz.paths import Paths, Stop
from viz.picture import ARROWHEAD, TYPE, Picture
from viz.pinned import Sheet
from viz.tables import Box, Font, Table, parse
from viz.text import called, number
from viz.theme import Theme, faded

SHARES = "∂ a of b: a leaf with several uses, what it gets by this one, and its whole gradient"
LEAST_ZOOM = 0.7  # type of 10 points, the smallest, has 7 pixels then
MOST_SCALARS, MOST_UNITS = 24, 400  # cards that are taken in at a glance; more units are not even tried


class Cards(Picture):
    """The picture of a graph's cards.

    >>> from viz.theme import LIGHT
    >>> Cards(Graph(Value(3.0)), LIGHT, 3).words
    'every scalar (1)'
    """

    def __init__(
        self, graph: Graph, theme: Theme, digits: int, paths: Paths | None = None, canvas: Canvas = SLIDE
    ) -> None:
        super().__init__(theme, digits, paths, canvas)
        self.graph = graph
        self.labels = Labels(graph, theme, digits)
        self.faint = Labels(graph, faded(theme), digits)
        if graph.small:
            self.resolution = 144
        self.items: dict[Value, Item] = {}
        self.frames: dict[Scope, Item] = {}
        self.links: list[Link] = []  # one for every edge, in their order
        self.texts: dict[Value, str] = {}

    @cached_property
    def sheet(self) -> Sheet:
        """The layout: where every card, frame and edge lies."""
        ink = Font(TYPE, self.theme.ink)
        ports: dict[Value, dict[str, float]] = {}  # how far below a card's top its places for edges lie
        for card in self.graph.cards:
            self.texts[card.value] = self._labels(card).card(card)
            label = parse(self.texts[card.value], ink)
            width, height = label.size
            self.items[card.value] = Item(width, height)
            places = label.ports(Box(0, 0, width, height)) if card.rows and isinstance(label, Table) else ()
            ports[card.value] = {name: box.y + box.height / 2 for name, box in places} | {"": height / 2}
        outermost: list[Item] = []
        for card in self.graph.cards:
            inside = outermost
            for depth in range(len(card.scope)):
                frame = card.scope[: depth + 1]
                if frame not in self.frames:
                    title = parse(self.labels.frame(frame[-1], depth), ink)
                    self.frames[frame] = Item(title.size[0] + 16, title.size[1] + 8, [])
                    inside.append(self.frames[frame])
                inside = self.frames[frame].inside
            inside.append(self.items[card.value])
        for edge in self.graph.edges:
            tail, head = self.graph.card_of[edge.parent].value, self.graph.card_of[edge.child].value
            size = parse(self.local(edge), ink).size if self.tells_local(edge) else None
            leaves = ports[tail].get("own", ports[tail][""])
            enters = ports[head].get(self.graph.port(edge), ports[head][""])
            self.links.append(Link(self.items[tail], self.items[head], leaves, enters, size))
        return Sheet(outermost, self.links, self.canvas)

    @property
    def words(self) -> str:
        """What the picture shows, in words."""
        graph = self.graph
        if not graph.units or len(graph.cards) == graph.stands_for:
            level = f"every scalar ({len(graph.cards):,})"
        else:
            units = sum(card.is_linear_unit for card in graph.cards)
            level = f"{units:,} linear unit{'s' * (units != 1)}, " * (units > 0)
            level += f"{len(graph.cards):,} cards for {graph.stands_for:,} scalars"
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
        """Whether the cards are few, and their type large enough when the picture fills its canvas.

        >>> from viz.theme import LIGHT
        >>> Cards(Graph(Value(3.0)), LIGHT, 3).is_readable
        True
        """
        if len(self.graph.cards) > (MOST_UNITS if self.graph.units else MOST_SCALARS):
            return False
        return min(self.canvas.width / self.sheet.width, self.canvas.height / self.sheet.height) >= LEAST_ZOOM

    def legend(self) -> Iterator[str]:
        """Write the lines of the legend."""
        graph = self.graph
        leaves = [row.leaf for card in graph.cards for row in card.rows]
        yield heading.roles(
            {graph.role(value) for value in [*(card.value for card in graph.cards), *leaves]}, self.theme
        )
        if any(edge.kind for edge in graph.edges):
            yield from heading.flows(graph, self.theme, self.digits, self.canvas.width)
        if graph.after_backward and any(len(graph.uses[leaf]) > 1 for leaf in leaves):
            yield from heading.filled([SHARES], self.canvas.width)

    def statements(self) -> Iterator[str]:
        """Write frames, cards and edges."""
        sheet, frames = self.sheet, 0
        inside: Scope = ()  # the frames that are open
        for card in self.graph.cards:
            while card.scope[: len(inside)] != inside:
                inside = inside[:-1]
                yield "  }"
            for depth in range(len(inside), len(card.scope)):
                yield f"  subgraph cluster_{frames} {{"
                yield f'  graph [style="rounded,filled" fillcolor="{self.theme.frames[depth % 2]}"'
                yield f'    color="{self.theme.frame_border}" {sheet.around(self.frames[card.scope[: depth + 1]])}'
                yield f"    label=<{self.labels.frame(card.scope[depth], depth)}>]"
                frames += 1
            inside = card.scope
            yield self.card(card)
        yield from ["  }"] * len(inside)
        yield from map(self.edge, self.graph.edges, self.links)

    def stop(self, value: Value) -> Stop:
        """Tell where a path stops: at the card that stands for the scalar, or at the leaf of a row."""
        if value in self.graph.row_leaves:
            return Stop(value, called(value))
        card = self.graph.card_of[value]
        return Stop(card, called(card.value, running_sum=card.running_sum))

    def card(self, card: Card) -> str:
        """Write the node of a card."""
        theme = self._labels(card).theme
        style = theme.roles[self.graph.role(card.value)]
        attributes = f'fillcolor="{style.fill}" color="{style.border}" penwidth={style.width}'
        attributes += "" if theme is self.theme else f' fontcolor="{theme.ink}"'
        item = self.items[card.value]
        text = widened(self.texts[card.value], item.width - 2 * CARD_SPACING)
        return f"  {self.graph.index[card.value]} [{attributes} {self.sheet.at(item)} label=<{text}>]"

    def edge(self, edge: Edge, link: Link) -> str:
        """Write an edge, in the colour and width of the gradient that flows back along it."""
        tail, card = self.graph.card_of[edge.parent].value, self.graph.card_of[edge.child]
        head = f"{self.graph.index[card.value]}"
        if card.rows:
            head += f":{self.graph.port(edge)}:w"
        flow, size = self.flow(edge)
        return f"  {self.graph.index[tail]} -> {head} [{flow}{self.sheet.along(link, size)}]"

    def flow(self, edge: Edge) -> tuple[str, float]:
        """Write the attributes of an edge, and return the size of its arrowhead."""
        theme = self._theme(edge)
        if edge.gradient is None:
            return (f'color="{theme.edges[""]}" ' if self.paths is not None else ""), ARROWHEAD
        share = self.labels.share(edge.gradient)
        look, size = "style=dashed penwidth=.7", ARROWHEAD
        if edge.kind != "zero":
            size = 0.6 + 0.4 * share
            look = f"penwidth={0.7 + 3.8 * share:.2f} arrowsize={size:.2f}"
        label = f"label=<{self.local(edge)}> " if self.tells_local(edge) else ""
        return f'color="{theme.edges[edge.kind]}" {look} {label}', size

    def tells_local(self, edge: Edge) -> bool:
        """Tell whether an edge has its local derivative as its label."""
        if edge.gradient is None:
            return False
        return self.graph.small or (self.paths is not None and self.paths.contain(edge) and not self.graph.units)

    def local(self, edge: Edge) -> str:
        """Write the local derivative as it stands on an edge, on the ground of the frame that holds both cards."""
        tail, head = self.graph.card_of[edge.parent], self.graph.card_of[edge.child]
        depth = next(
            (i for i, (a, b) in enumerate(zip(tail.scope, head.scope, strict=False)) if a != b),
            min(len(tail.scope), len(head.scope)),
        )
        ground = self.theme.frames[(depth - 1) % 2] if depth else self.theme.background
        text = font(f"×{number(edge.local, max(self.digits - 1, 0))}", 10, self._theme(edge).signs[edge.kind])
        return table(f'<TR><TD BGCOLOR="{ground}">{text}</TD></TR>', 1)

    def _theme(self, edge: Edge) -> Theme:
        return self.theme if self.paths is None or self.paths.contain(edge) else self.faint.theme

    def _labels(self, card: Card) -> Labels:
        return self.labels if self.paths is None or self.paths.meets(card) else self.faint
