"""The numbers along a recorded graph: from cotangents of its results to its leaves, from tangents of its leaves to its results.

While a sweep is under way, `grad` holds a node's number, None where none has come to it; after it, each `grad` is as it
was. The twin in C lays the local gradients out as a tape first, and takes the place of what stands here, as engine.py says.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scalargrad.derivatives import curvatures
from scalargrad.engine import engine_name, sweep_back, topological_order
from scalargrad.node import known_rule

Numbers = Sequence[float]


class Tape:
    """What some results depend on some leaves through.

    >>> from scalargrad import Value
    >>> x, y = Value(3.0), Value(4.0)
    >>> tape = Tape([x, y], [x * y, x + y])
    >>> tape.jacobian(), tape.jvp([1.0, 0.0]), tape.vjp([0.0, 1.0])
    ([[4.0, 3.0], [1.0, 1.0]], [4.0, 1.0], [1.0, 1.0])

    second  also find the second derivatives of each operation, for `hvp` and `hessian`

    Raises TypeError at a Value that was made by hand, where its derivative is not known.
    """

    def __init__(self, leaves: Sequence[Any], results: Sequence[Any], second: bool = False) -> None:
        self.leaves, self.results = leaves, results
        self.order = topological_order(*results)
        if second:
            self.bends = {node: _bends(node, self.near) for node in self.near.difference(leaves)}

    @cached_property
    def near(self) -> set[Any]:
        """The leaves, and what depends on them."""
        near = set(self.leaves)
        near.update(node for node in self.order if any(parent in near for parent in node._parents))
        return near

    def _by_hand(self, node: Any) -> None:
        if node in self.near:
            known_rule(node)  # raises

    def vjp(self, cotangents: Numbers) -> list[float]:
        """Return for each leaf the derivative of the sum of the results, each times its cotangent."""
        seeds = [*zip(self.results, cotangents, strict=True)]
        if all(cotangents):
            return self._pull(seeds, self.order)
        return self._pull([(result, x) for result, x in seeds if x != 0])

    def _pull(self, seeds: Sequence[tuple[Any, float]], order: Sequence[Any] | None = None) -> list[float]:
        if order is None:
            order = topological_order(*[result for result, _ in seeds])
        before = _start(order, self.leaves, 0.0)
        try:
            for result, x in seeds:
                result.grad += x
            sweep_back(order, self._by_hand)
            return [leaf.grad for leaf in self.leaves]
        finally:
            _restore(before)

    def jvp(self, tangents: Numbers) -> list[float]:
        """Return for each result its derivative along the tangents of the leaves."""
        before = _start(self.order, self.leaves, None)
        try:
            self._sweep_forward(tangents)
            return [result.grad or 0.0 for result in self.results]
        finally:
            _restore(before)

    def jacobian(self, forward: bool = False) -> list[list[float]]:
        """Return the derivatives of all results, a row for each: found row by row, or forward, column by column."""
        if not forward:
            return [self._pull([(result, 1.0)]) for result in self.results]
        columns = [self.jvp(column) for column in _units(len(self.leaves))]
        return [[column[i] for column in columns] for i in range(len(self.results))]

    def hvp(self, tangents: Numbers) -> list[float]:
        """Return the derivative of the only result's gradient along the tangents of the leaves."""
        before = _start(self.order, self.leaves, None)
        try:
            self._sweep_forward(tangents)
            along = {node: node.grad for node in self.order}
            _start(self.order, self.leaves, 0.0)
            self.results[0].grad = 1.0
            sweep_back(self.order, self._by_hand)
            adjoints = {node: node.grad for node in self.order}
            _start(self.order, self.leaves, None)
            for node in reversed(self.order):
                change = node.grad
                for parent, slope in zip(node._parents, node._partials or ()) if change is not None else ():  # noqa: B905
                    parent.grad = (parent.grad or 0.0) + slope * change
                for parent, other, bend in self.bends.get(node, ()):
                    if along[other] is not None:
                        parent.grad = (parent.grad or 0.0) + bend * along[other] * adjoints[node]
            return [leaf.grad or 0.0 for leaf in self.leaves]
        finally:
            _restore(before)

    def hessian(self) -> list[list[float]]:
        """Return the second derivatives of the only result, exactly symmetric."""
        rows = [self.hvp(row) for row in _units(len(self.leaves))]
        return [[rows[max(i, j)][min(i, j)] for j in range(len(rows))] for i in range(len(rows))]

    def _sweep_forward(self, tangents: Numbers) -> None:
        for leaf, x in zip(self.leaves, tangents, strict=True):
            if x != 0:
                leaf.grad = x
        for node in self.order:
            if node._parents:
                tangent, slopes = None, node._partials
                if slopes.__class__ is not tuple:
                    self._by_hand(node)
                    slopes = ()
                for parent, slope in zip(node._parents, slopes):  # noqa: B905 - what was made by hand has none
                    if parent.grad is not None:
                        tangent = (tangent or 0.0) + slope * parent.grad
                node.grad = tangent


def _start(order: Sequence[Any], leaves: Sequence[Any], start: float | None) -> list[tuple[Any, Any]]:
    """Set all gradients, and return what they were."""
    before = [(node, node.grad) for node in order]
    for node in order:
        node.grad = start
    for leaf in leaves:  # no result may depend on one
        leaf.grad = start
    return before


def _restore(before: Sequence[tuple[Any, Any]]) -> None:
    for node, grad in before:
        node.grad = grad


def _units(count: int) -> list[list[float]]:
    return [[float(i == j) for j in range(count)] for i in range(count)]


def _bends(node: Any, near: set[Any]) -> list[tuple[Any, Any, float]]:
    """List the second derivatives of an operation that are not 0, with their two parents, both ways round."""
    bends, numbers = [], iter(curvatures(node))
    for j, other in enumerate(node._parents):
        for i, (one, bend) in enumerate(zip(node._parents[: j + 1], numbers)):  # noqa: B905 - as many as are left
            if one in near and other in near and bend != 0:
                bends += [(one, other, bend), (other, one, bend)][: 1 + (i != j)]
    return bends


PythonTape = Tape
if not TYPE_CHECKING and engine_name == "native":
    from scalargrad._engine import Tape
