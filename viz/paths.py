"""The chain rule, seen: every path from a value to the root, and the product of the local derivatives along it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from heapq import nlargest
from math import fsum, isnan
from typing import NamedTuple

from scalargrad import Value, topological_order
from viz.graph import Card, Edge, matches_scope, sign
from viz.labels import font
from viz.text import html, name, number
from viz.theme import Theme

MOST_LISTED_PATHS = 12  # a graph of a hundred additions may have 2**100 paths


class Stop(NamedTuple):
    """Where in a picture a path stops, and what the stop is called: at None, a path stops only if it ends there."""

    place: object
    name: str


class PathStep(NamedTuple):
    """The last step of a path: the product along the path, and the path to the parent that the step continues."""

    product: float
    local: float
    parent: Value | None
    rank: int  # of the continued path among those to the parent

    @property
    def size(self) -> float:
        return float("inf") if isnan(self.product) else abs(self.product)


class Paths:
    """All paths from a value to the roots.

    >>> x = Value(3.0, label="x")
    >>> paths = Paths(x, [x * x + x])
    >>> paths.count, paths.derivative
    (3, 7.0)

    count       how many paths there are, by dynamic programming
    derivative  the sum, over all paths, of the product of the local derivatives along each

    Raises ValueError where there is no path.
    """

    def __init__(self, value: Value, roots: Sequence[Value]) -> None:
        self.value, self.roots = value, roots
        counts, derivatives = {value: 1}, {value: 1.0}
        self.best = {value: [PathStep(1.0, 1.0, None, 0)]}
        order = topological_order(*roots)
        for child in order:
            steps = [(p, local) for p, local in _steps(child) if p in counts] if child is not value else []
            if steps:
                counts[child] = sum(counts[parent] for parent, _ in steps)
                derivatives[child] = sum(local * derivatives[parent] for parent, local in steps)
                longer = (
                    PathStep(local * before.product, local, parent, rank)
                    for parent, local in steps
                    for rank, before in enumerate(self.best[parent])
                )
                self.best[child] = nlargest(MOST_LISTED_PATHS, longer, key=lambda step: step.size)
        ends = [root for root in roots if root in counts] if value in set(order) else []
        if not ends:
            raise ValueError(f"highlight: there is no path from {value!r} to the root")
        self.count = sum(counts[root] for root in ends)
        self.derivative = sum(derivatives[root] for root in ends)
        self.members = self._leading_to(ends, set(counts))

    def _leading_to(self, ends: Sequence[Value], reached: set[Value]) -> set[Value]:
        members, stack = set(ends), list(ends)
        while stack:
            for parent in stack.pop().parents:
                if parent in reached and parent not in members:
                    members.add(parent)
                    stack.append(parent)
        return members

    def meets(self, card: Card) -> bool:
        """Tell whether a path leads through a card."""
        return card.value in self.members or any(row.leaf is self.value for row in card.rows)

    def contain(self, edge: Edge) -> bool:
        """Tell whether a path leads along an edge."""
        return edge.parent in self.members and edge.child in self.members

    def largest(self) -> list[list[tuple[Value, float]]]:
        """Return the paths of the largest products: each a list of values, with the local derivative that led there.

        >>> x = Value(3.0, label="x")
        >>> [[local for _, local in path] for path in Paths(x, [x * x]).largest()]
        [[1.0, 3.0], [1.0, 3.0]]
        """
        ends = [(root, rank) for root in self.roots for rank in range(len(self.best.get(root, ())))]
        paths = []
        for node, rank in nlargest(MOST_LISTED_PATHS, ends, key=lambda end: self.best[end[0]][end[1]].size):
            path = []
            while True:
                step = self.best[node][rank]
                path.append((node, step.local))
                if step.parent is None:
                    break
                node, rank = step.parent, step.rank  # noqa: PLW2901 - the path is walked back
            paths.append(path[::-1])
        return paths

    def legend(self, stop_at: Callable[[Value], Stop], theme: Theme, digits: int) -> Iterator[str]:
        """Write the sum over the paths, and a line for each of the largest, with the stops of a picture."""
        root = name(self.roots[0].label) or "root" if len(self.roots) == 1 else "roots"
        more = f", of which these are the {MOST_LISTED_PATHS} largest" if self.count > MOST_LISTED_PATHS else ""
        words = f"the sum over {_count(self.count)} paths{more}, of the product along each"
        if self.count == 1:
            words = "the product along the one path"
        total = font(f"<B>{number(self.derivative, digits, signed=True)}</B>", 13, theme.signs[sign(self.derivative)])
        value = name(self.value.label) or f"({number(self.value.data, digits)})"
        title = font(f"<B>∂{html(root)}/∂{html(value)} = </B>", 13, theme.ink)
        yield title + total + font(f" : {words}", 12)
        told = [_line(path, stop_at, theme, digits) for path in self.largest()]
        for line, times in Counter(line for line, _ in told).items():
            yield line + (font(f", by {times} paths alike", 12) if times > 1 else "")
        rest = self.count - len(told)
        if rest:
            left = self.derivative - fsum(product for _, product in told)
            amount = font(number(left, digits, signed=True), 12, theme.signs[sign(left)])
            yield font(f"the other {_count(rest)} path{'s' * (rest > 1)} together: ", 12) + amount


def _line(
    path: list[tuple[Value, float]], stop_at: Callable[[Value], Stop], theme: Theme, digits: int
) -> tuple[str, float]:
    stops: list[tuple[str, float]] = []  # what each is called, and the product of local derivatives since the last
    last: object = None
    product = through = 1.0
    for value, local in path:
        product, through = product * local, through * local
        place, called = stop_at(value)
        if place is not None and place is last:
            stops[-1] = (stops[-1][0], stops[-1][1] * through)
        elif place is None and value is not path[-1][0]:
            continue
        else:
            stops.append((called, through))
        last, through = place, 1.0
    shown = [*stops[:9], None, *stops[-4:]] if len(stops) > 14 else stops
    text = ""
    for i, stop in enumerate(shown):
        if stop is None:
            text += font(" → ⋯", 11)
        else:
            arrow = f" →{number(stop[1], max(digits - 1, 0))}→ " if i else ""
            text += font(arrow, 11) * (i > 0) + font(f"<B>{html(stop[0])}</B>", 12, theme.ink)
    return text + font(f" = {number(product, digits, signed=True)}", 12, theme.signs[sign(product)]), product


def _steps(child: Value) -> Iterator[tuple[Value, float]]:
    if child.parents:
        for parent, local in zip(child.parents, child.local_gradients, strict=True):
            if parent.kind != "constant":  # a constant takes no gradient
                yield parent, local


def _count(count: int) -> str:
    return f"{count:,}" if count < 10**9 else f"{float(count):.1e}" if count < 10**300 else "more than 10³⁰⁰"


def named(label: str, order: Sequence[Value]) -> Value:
    """Find a value by its label, such as "w11", or "layer 1/w11" where several values are called that.

    >>> x = Value(3.0, label="x")
    >>> named("x", [x]) is x
    True

    Raises ValueError where none is called that, or several are.
    """
    *scope, last = label.split("/")
    found = [v for v in order if str(v.label) == last and (not scope or matches_scope(v.scope, "/".join(scope)))]
    if len(found) != 1:
        places = list(dict.fromkeys("/".join((*v.scope, last)) for v in found))
        several = f"several values are called that: {', '.join(places[:4])}"
        raise ValueError(f"highlight: {several if found else 'no value is called that'}, got {label!r}")
    return found[0]
