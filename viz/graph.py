"""What a picture of cards shows of a computation graph: cards, the frames around them, and the edges between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import isfinite, isnan
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from scalargrad import Value, topological_order
from viz.text import by_number
from viz.units import PRODUCTS, Row, folded_leaves, linear_units, uses_of

MOST_NESTED_FRAMES = 8  # more frames within frames would be nothing but lines beside lines
FEW_CARDS = 15  # in a picture of so few cards, edges tell their local derivative

LEAVES = ("input", "parameter", "target", "constant")  # roles: a leaf of any other is painted as an input

Scope = tuple[str, ...]


class Edge(NamedTuple):
    """An edge from an operand to what was computed from it, with the gradient that flows back.

    >>> x = Value(3.0)
    >>> Edge(x, x * x, local=3.0, gradient=-3.0).kind
    'negative'
    """

    parent: Value
    child: Value
    local: float
    gradient: float | None  # None before backward(), and towards a constant

    @property
    def kind(self) -> str:
        return "" if self.gradient is None else sign(self.gradient)


def sign(gradient: float) -> str:
    """Name the kind of a gradient: positive, negative, zero or nan.

    >>> sign(-0.5)
    'negative'
    """
    if isnan(gradient):
        return "nan"
    return "zero" if gradient == 0 else "positive" if gradient > 0 else "negative"


@runtime_checkable
class SupportsToValues(Protocol):
    """What computes itself with Values when it is drawn, such as the program of a compiled function.

    >>> isinstance(Value(3.0), SupportsToValues)
    False
    """

    def to_values(self) -> Sequence[Value]:
        """Return the Values that it results in."""


Root: TypeAlias = Value | Sequence[Value] | SupportsToValues


def as_roots(root: object) -> tuple[Value, ...]:
    """Return the Values that a picture starts from: one, or the outputs of a network or of a compiled function.

    >>> x = Value(3.0)
    >>> as_roots(x) == as_roots([x]) == (x,)
    True

    Raises TypeError for anything else.
    """
    if isinstance(root, SupportsToValues):
        root = root.to_values()
        for index, value in enumerate(root, 1):
            if value.parents and not value.label:  # which are made for the picture, and nobody else's
                value.label = "out" if len(root) == 1 else f"out{index}"
    roots = tuple(root) if isinstance(root, (list, tuple)) else (root,)
    if not roots or not all(isinstance(value, Value) for value in roots):
        raise TypeError(f"root must be a Value or several, got {root!r}")
    return roots


@dataclass
class Card:
    """The card of a scalar, which also stands for the leaves in its rows, and for scalars that need no card.

    >>> Card(Value(3.0)).running_sum
    False
    """

    value: Value
    rows: list[Row] = field(default_factory=list)
    inside: list[Value] = field(default_factory=list)  # scalars that need no card: partial sums, products with a leaf
    running_sum: bool = False  # whether the card is a sum of several terms
    alike: dict[str, int] = field(default_factory=dict)  # of a sum, the terms that are told by their form and number
    scope: Scope = ()
    cut: bool = False  # whether a parent of the scalar is not shown

    @property
    def is_linear_unit(self) -> bool:
        """Whether the card is a sum of products with parameters."""
        return self.running_sum and any(row.into.operation in PRODUCTS for row in self.rows)

    @property
    def folded(self) -> list[Value]:
        """The scalars that the card stands for besides `value`."""
        return [*(row.leaf for row in self.rows), *self.inside]


class Graph:
    """A computation graph as cards: one for every scalar, or one for every linear unit.

    >>> x, w, b = Value(3.0, label="x"), Value(2.0, label="w"), Value(1.0, label="b")
    >>> len(Graph(w * x + b).cards), len(Graph(w * x + b, units=True).cards)
    (5, 2)

    scope  show only what was made in a scope, and what comes in from outside
    depth  show only so many cards back from the roots, or from what leaves the scope
    """

    def __init__(self, *roots: Value, units: bool = False, scope: str | None = None, depth: int | None = None) -> None:
        self.roots = roots
        self.order = topological_order(*roots)
        self.index = {value: index for index, value in enumerate(self.order)}
        self.uses = uses_of(self.order)
        self.units = units
        self.after_backward = after_backward(self.order, roots)
        cards = list(self._units() if units else map(Card, self.order))
        own = {card.value for card in cards}
        self.row_leaves = {row.leaf for card in cards for row in card.rows} - own  # leaves without a card of their own
        self.card_of: dict[Value, Card] = {}  # the card that stands for a scalar, the first where several have its row
        for card in cards:
            self.card_of[card.value] = card
            for value in card.folded:
                if value not in own:
                    self.card_of.setdefault(value, card)
        self._ports = {
            (row.into, leaf): f"r{i}"
            for card in cards
            if card.running_sum
            for i, row in enumerate(card.rows)
            for leaf in ((row.leaf, None) if row.into.operation in PRODUCTS else (row.leaf,))
        }
        edges = [edge for edge in self._edges() if self._is_seen(edge)]
        shown = self._shown(edges, scope, depth)
        for edge in edges:
            if self.card_of[edge.parent].value not in shown:
                self.card_of[edge.child].cut = True
        edges = [e for e in edges if {self.card_of[e.parent].value, self.card_of[e.child].value} <= shown]
        # A leaf needs no card beside its rows where all its other uses are hidden.
        shown -= {row.leaf for value in shown for row in self.card_of[value].rows} - {
            edge.parent for edge in edges if (edge.child, edge.parent) not in self._ports
        }
        self.edges = [edge for edge in edges if self.card_of[edge.parent].value in shown]
        self.cards = _framed([self.card_of[value] for value in self.order if value in shown])
        self.small = not units and len(self.cards) <= FEW_CARDS
        gradients = [edge.gradient for edge in self.edges if edge.gradient is not None]
        gradients += [self.gradient(row) for card in self.cards for row in card.rows]
        self.largest = max((abs(gradient) for gradient in gradients if isfinite(gradient)), default=0.0)

    def role(self, value: Value) -> str:
        """Return the role that a scalar is painted in.

        >>> x = Value(3.0)
        >>> Graph(x * 2).role(x)
        'input'
        """
        if not value.parents and value.role in LEAVES:
            return value.role
        if value in self.row_leaves:
            return "parameter"  # a leaf that was given no role, and that a row shows as a weight or a bias
        return "output" if value in self.roots else "computed" if value.parents else "input"

    def gradient(self, row: Row) -> float:
        """Return the gradient that a row tells: its leaf's, or the row's share of that where other uses add to it.

        >>> w = Value(2.0, label="w")
        >>> y = w * Value(3.0) + 1
        >>> y.backward()
        >>> Graph(y).gradient(Row(w, y.parents[0]))
        3.0
        """
        if len(self.uses[row.leaf]) == 1:
            return row.leaf.grad
        local = row.into.local_gradients[[parent is row.leaf for parent in row.into.parents].index(True)]
        return local * row.into.grad

    def port(self, edge: Edge) -> str:
        """Name the place on a card with rows where an edge enters.

        >>> w, x = Value(2.0, label="w"), Value(3.0, label="x")
        >>> graph = Graph(w * x + 1, units=True)
        >>> graph.port(graph.edges[0])
        'r0'
        """
        # Both operands of a product enter at the row of its leaf; a term of a sum enters at its own row.
        return self._ports.get((edge.child, edge.parent)) or self._ports.get((edge.child, None), "own")

    @property
    def stands_for(self) -> int:
        """How many scalars the picture stands for."""
        return len(set().union(*({card.value, *card.folded} for card in self.cards)))

    def _units(self) -> Iterator[Card]:
        units = linear_units(self.order, self.uses, self.roots)
        cards = {
            unit.value: Card(unit.value, unit.rows, unit.inside, running_sum=True, alike=unit.alike) for unit in units
        }
        hidden = folded_leaves(units, self.uses)
        hidden.update(*(unit.inside for unit in units))
        for value in self.order:
            if value not in hidden:
                child = self.uses[value][0] if len(self.uses[value]) == 1 else None
                if child is not None and child not in hidden and not value.parents and value.role in LEAVES[1:]:
                    cards.setdefault(child, Card(child)).rows.append(Row(value, child))
                else:
                    cards.setdefault(value, Card(value))
        return iter(cards.values())

    def _edges(self) -> Iterator[Edge]:
        for child in self.order:
            if child.parents:
                for parent, local in zip(child.parents, child.local_gradients, strict=True):
                    flows = self.after_backward and parent.kind != "constant"
                    yield Edge(parent, child, local, local * child.grad if flows else None)

    def _is_seen(self, edge: Edge) -> bool:
        return edge.parent not in self.row_leaves and self.card_of[edge.parent] is not self.card_of[edge.child]

    def _shown(self, edges: list[Edge], scope: str | None, depth: int | None) -> set[Value]:
        shown = {card.value for card in self.card_of.values()}  # a card is known by its own scalar
        parents: dict[Value, list[Value]] = {value: [] for value in shown}
        for edge in edges:
            parents[self.card_of[edge.child].value].append(self.card_of[edge.parent].value)
        start = {self.card_of[root].value for root in self.roots}
        if scope is not None:
            inside = set(in_scope([value for value in self.order if value in shown], scope))
            leaving = {parent for child in shown - inside for parent in parents[child]} | start
            start = leaving & inside
            shown = inside.union(*(parents[value] for value in inside))
        if depth is not None:
            shown &= within(depth, start, parents.__getitem__)
        return shown


def within(depth: int, start: Iterable[Value], parents: Callable[[Value], Iterable[Value]]) -> set[Value]:
    """Return the values at the start, and those that lie at most so many steps back from them.

    >>> x = Value(3.0)
    >>> within(1, [x.sin().exp()], lambda value: value.parents) == {x}
    False
    """
    near = frontier = set(start)
    while frontier and depth > 0:
        frontier = {parent for value in frontier for parent in parents(value)} - near
        near, depth = near | frontier, depth - 1
    return near


def after_backward(order: Sequence[Value], roots: Sequence[Value]) -> bool:
    """Tell whether backward() was called: before that every gradient is 0, which a picture must not show as a result.

    >>> x = Value(3.0)
    >>> after_backward([x], [x])
    False
    """
    return any(value.grad != 0 for value in [value for value in order if value.parents] or roots)


def in_scope(values: Sequence[Value], scope: str) -> list[Value]:
    """Return the values made in a scope, such as "layer 1", or "layer 1/neuron 2".

    >>> import scalargrad
    >>> with scalargrad.scope("layer 1"):
    ...     x = Value(3.0)
    >>> in_scope([x, Value(2.0)], "layer 1") == [x]
    True

    Raises ValueError where no value was made in such a scope.
    """
    matching = {known for known in {value.scope for value in values} if matches_scope(known, scope)}
    found = [value for value in values if value.scope in matching]
    if not found:
        known = dict.fromkeys(name for value in values for name in value.scope)
        names = ", ".join(map(repr, list(known)[:8])) + (", ..." if len(known) > 8 else "")
        raise ValueError(f"scope: expected one of {names or 'none, as there are no scopes here'}, got {scope!r}")
    return found


def matches_scope(scope: Scope, wanted: str) -> bool:
    """Tell whether a scope is the wanted one or lies in it; a wanted scope is named by its path or a part of that.

    >>> matches_scope(("layer 1", "neuron 2", "f = relu"), "layer 1/neuron 2")
    True
    """
    parts = tuple(wanted.split("/"))
    return any(scope[i : i + len(parts)] == parts for i in range(len(scope)))


def _framed(cards: list[Card]) -> list[Card]:
    # A frame around one card would say nothing: the card goes into the frame around that one. Cards of one frame come
    # one after another.
    inside = Counter(frame for card in cards for frame in _frames(card.value.scope))
    first: dict[Scope, int] = {}  # where the computation in a frame begins: leaves in it may be older
    number = {card.value: index for index, card in enumerate(cards)}
    for card in sorted(cards, key=lambda card: not card.value.parents):
        card.scope = max((f for f in _frames(card.value.scope) if inside[f] > 1), key=len, default=())
        for frame in _frames(card.value.scope):
            first.setdefault(frame, number[card.value])
    frames = sorted(first, key=first.__getitem__)
    ordered = by_number(frames, lambda frame: (frame[:-1], str(frame[-1])))
    first = {frame: first[before] for frame, before in zip(ordered, frames, strict=True)}
    return sorted(cards, key=lambda card: (*(first[frame] for frame in _frames(card.value.scope)), number[card.value]))


def _frames(scope: Scope) -> list[Scope]:
    return [scope[:depth] for depth in range(1, min(len(scope), MOST_NESTED_FRAMES) + 1)]
