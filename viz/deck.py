"""The cards of a page: every scalar has a card, or is a row on the card of the only operation that uses it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from scalargrad import Value
from viz.graph import LEAVES, MOST_NESTED_FRAMES, Scope
from viz.units import SUMS, uses_of

FEW_SCALARS = 15  # in a graph of so few scalars without scopes, each has a card of its own


@dataclass
class PageCard:
    """The card of a scalar, with the scalars that are rows on it, in the order of their computation.

    >>> PageCard(Value(3.0)).rows
    []
    """

    value: Value
    rows: list[Value] = field(default_factory=list)
    scope: Scope = ()


def deck(order: Sequence[Value]) -> list[PageCard]:
    """Return the cards of all that a root was computed from, given in topological order with the root last.

    >>> from scalargrad import topological_order
    >>> len(deck(topological_order(Value(3.0) * 2)))
    3
    """
    uses = uses_of(order)
    host = {value: value for value in order}  # the scalar on whose card a scalar stands
    if len(order) > FEW_SCALARS or any(value.scope for value in order):
        for value in reversed(order):
            if len(uses[value]) == 1 and _is_row(value, uses[value][0]):
                host[value] = host[uses[value][0]]
    found = {value: PageCard(value) for value in order if host[value] is value}
    for value in order:
        if host[value] is not value:
            found[host[value]].rows.append(value)
    # A frame around one card would say nothing: the card goes into the frame around that one.
    inside = Counter(frame for value in found for frame in _frames(value.scope))
    for card in found.values():
        card.scope = max((frame for frame in _frames(card.value.scope) if inside[frame] > 1), key=len, default=())
    return list(found.values())


def role(value: Value) -> str:
    """Return the role that a scalar is painted in, unless the scalar is the output.

    >>> role(Value(3.0)), role(Value(3.0) * 2)
    ('input', 'computed')
    """
    if value.parents:
        return "computed"
    return value.role if value.role in LEAVES else "input"


def _frames(scope: Scope) -> list[Scope]:
    return [scope[:depth] for depth in range(1, min(len(scope), MOST_NESTED_FRAMES) + 1)]


def _is_row(value: Value, child: Value) -> bool:
    if not value.parents:
        return value.role in ("parameter", "target", "constant")
    # The partial sums of a neuron are rows of one card: with a card each, the graph would be as wide as they are many.
    alike = value.operation in SUMS and child.operation in SUMS and value.scope == child.scope and value.scope
    return bool(alike) and not value.label and value is child.parents[0]
