"""What a picture shows of a computation graph: cards, the frames around them, and the edges between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite, isnan
from typing import NamedTuple

from scalargrad import Value, topological_order

SMALL = 15  # up to so many scalars every one has a card of its own, and edges tell their local derivative

LEAVES = ("input", "parameter", "target", "constant")  # the roles a leaf may have; of any other, it is an input

Scope = tuple[str, ...]


class Edge(NamedTuple):
    """An operand's way into an operation, and the gradient that flows back along it.

    >>> x = Value(3.0)
    >>> Edge(x, x * x, local=3.0, gradient=-3.0).kind
    'negative'
    """

    parent: Value
    child: Value
    local: float
    gradient: float | None  # None before backward() and towards a constant

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


@dataclass
class Card:
    """One scalar, and above it the scalars folded into its card, in the order of their computation.

    >>> Card(Value(3.0)).running_sum
    False
    """

    value: Value
    folded: list[Value] = field(default_factory=list)
    scope: Scope = ()

    @property
    def running_sum(self) -> bool:
        return any(value._prev for value in self.folded)


class Graph:
    """A computation graph as a picture shows it: every scalar, on its own card or folded into another.

    >>> x = Value(3.0, label="x")
    >>> len(Graph(x * x).cards)
    2
    """

    def __init__(self, *roots: Value) -> None:
        self.roots = roots
        self.order = topological_order(*roots)
        self.number = {value: number for number, value in enumerate(self.order)}
        computed = [value for value in self.order if value._prev] or roots
        self.after_backward = any(value.grad != 0 for value in computed)
        self.small = len(self.order) <= SMALL
        self.card_of = self._fold()
        self.cards = self._framed([card for value, card in self.card_of.items() if card.value is value])
        edges = list(self._edges())
        self.largest = max((abs(e.gradient) for e in edges if e.gradient and isfinite(e.gradient)), default=0.0)
        self.edges = [edge for edge in edges if self.card_of[edge.parent] is not self.card_of[edge.child]]

    def role(self, value: Value) -> str:
        """Return the role that a scalar is painted in.

        >>> x = Value(3.0)
        >>> Graph(x * 2).role(x)
        'input'
        """
        if not value._prev and value.role in LEAVES:
            return value.role
        return "output" if value in self.roots else "computed" if value._prev else "input"

    def _fold(self) -> dict[Value, Card]:
        uses: dict[Value, list[Value]] = {value: [] for value in self.order}
        for child in self.order:
            for parent in child._prev:
                uses[parent].append(child)
        host = {value: value for value in self.order}
        if not self.small or any(value.scope for value in self.order):
            for value in reversed(self.order):
                if len(uses[value]) == 1 and _folds(value, uses[value][0]):
                    host[value] = host[uses[value][0]]
        cards = {value: Card(value) for value in self.order if host[value] is value}
        for value in self.order:
            if host[value] is not value:
                cards[host[value]].folded.append(value)
        return {value: cards[host[value]] for value in self.order}

    def _framed(self, cards: list[Card]) -> list[Card]:
        # A frame around one card says nothing: such cards move up. Cards of one frame come one after another.
        inside = Counter(frame for card in cards for frame in _frames(card.value.scope))
        first: dict[Scope, int] = {}
        keys = {}
        for index, card in enumerate(cards):
            card.scope = max((f for f in _frames(card.value.scope) if inside[f] > 1), key=len, default=())
            keys[card.value] = (*(first.setdefault(frame, index) for frame in _frames(card.scope)), index)
        return sorted(cards, key=lambda card: keys[card.value])

    def _edges(self) -> Iterator[Edge]:
        for child in self.order:
            if child._prev:
                for parent, local in zip(child._prev, child.local_gradients, strict=True):
                    flows = self.after_backward and parent.role != "constant"
                    yield Edge(parent, child, local, local * child.grad if flows else None)


def _frames(scope: Scope) -> list[Scope]:
    return [scope[:depth] for depth in range(1, len(scope) + 1)]


def _folds(value: Value, child: Value) -> bool:
    if not value._prev:
        return value.role in ("parameter", "target", "constant")
    # The partial sums of a neuron are rows of one card: a card each would make the picture as wide as they are many.
    alike = value._op == child._op == "+" and value.scope == child.scope and value.scope
    return bool(alike) and not value.label and value is child._prev[0]
