"""A recorded function as a tape of numbers: the local gradients between some leaves and some results, in their order.

Transforms run along it, backward for cotangents, forward for tangents, both ways for second derivatives, and leave every
`grad` as it is. Its twin in C takes the place of what stands here, as engine.py says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scalargrad.derivatives import curvatures
from scalargrad.engine import engine_name, topological_order
from scalargrad.node import known_rule

Numbers = Sequence[float]
Found = list[float | None]  # a number for each place on the tape, None where none has come to


class Tape:
    """What some results depend on some leaves through, by way of variables.

    >>> from scalargrad import Value
    >>> x, y = Value(3.0), Value(4.0)
    >>> tape = Tape([x, y], [x * y, x + y])
    >>> tape.jacobian(), tape.jvp([1.0, 0.0]), tape.vjp([0.0, 1.0])
    ([[4.0, 3.0], [1.0, 1.0]], [4.0, 1.0], [1.0, 1.0])

    second  also keep the second derivatives of each operation, for `hvp` and `hessian`

    Raises TypeError at a Value that was made by hand, where its derivative is not known.
    """

    def __init__(self, leaves: Sequence[Any], results: Sequence[Any], second: bool = False) -> None:
        places: dict[Any, int] = {leaf: place for place, leaf in enumerate(leaves)}
        self.leaves, self.nodes = len(leaves), []
        for node in topological_order(*results):
            near = [places.get(parent) for parent in node._parents]
            if not any(place is not None for place in near) or node.kind == "constant" or node in places:
                continue
            if node._partials.__class__ is not tuple:
                known_rule(node)  # raises
            places[node] = len(leaves) + len(self.nodes)
            edges = [(place, slope) for place, slope in zip(near, node._partials, strict=True) if place is not None]
            self.nodes.append((places[node], edges, _bends(node, near) if second else []))
        self.results = [places.get(result) for result in results]

    def vjp(self, cotangents: Numbers) -> list[float]:
        """Return for each leaf the derivative of the sum of the results, each times its cotangent."""
        return [x or 0.0 for x in self._backward(cotangents)[: self.leaves]]

    def jvp(self, tangents: Numbers) -> list[float]:
        """Return for each result its derivative along the tangents of the leaves."""
        found = self._forward(tangents)
        return [0.0 if place is None else found[place] or 0.0 for place in self.results]

    def jacobian(self, forward: bool = False) -> list[list[float]]:
        """Return the derivatives of all results, a row for each: found row by row, or forward, column by column."""
        if not forward:
            return [self.vjp(row) for row in _units(len(self.results))]
        columns = [self.jvp(column) for column in _units(self.leaves)]
        return [[column[i] for column in columns] for i in range(len(self.results))]

    def hvp(self, tangents: Numbers) -> list[float]:
        """Return the derivative of the only result's gradient along the tangents of the leaves."""
        along, adjoints = self._forward(tangents), self._backward([1.0])
        found: Found = [None] * len(along)  # the derivatives of the adjoints
        for place, edges, bends in reversed(self.nodes):
            adjoint, change = adjoints[place], found[place]
            for parent, slope in edges if change is not None else ():
                found[parent] = (found[parent] or 0.0) + slope * change
            for parent, other, bend in bends if adjoint is not None else ():
                tangent = along[other]
                if tangent is not None:
                    found[parent] = (found[parent] or 0.0) + bend * tangent * adjoint
        return [x or 0.0 for x in found[: self.leaves]]

    def hessian(self) -> list[list[float]]:
        """Return the second derivatives of the only result, exactly symmetric."""
        rows = [self.hvp(row) for row in _units(self.leaves)]
        return [[rows[max(i, j)][min(i, j)] for j in range(self.leaves)] for i in range(self.leaves)]

    def _forward(self, tangents: Numbers) -> Found:
        found: Found = [x if x != 0 else None for x in tangents] + [None] * len(self.nodes)
        for place, edges, _ in self.nodes:
            for parent, slope in edges:
                tangent = found[parent]
                if tangent is not None:
                    found[place] = (found[place] or 0.0) + slope * tangent
        return found

    def _backward(self, cotangents: Numbers) -> Found:
        found: Found = [None] * (self.leaves + len(self.nodes))
        for place, cotangent in zip(self.results, cotangents, strict=True):
            if place is not None and cotangent != 0:
                found[place] = (found[place] or 0.0) + cotangent
        for place, edges, _ in reversed(self.nodes):
            adjoint = found[place]
            if adjoint is not None:
                for parent, slope in edges:
                    found[parent] = (found[parent] or 0.0) + slope * adjoint
        return found


def _units(count: int) -> list[list[float]]:
    return [[float(i == j) for j in range(count)] for i in range(count)]


def _bends(node: Any, near: Sequence[int | None]) -> list[tuple[int, int, float]]:
    """List the second derivatives of an operation that are not 0, with the places of the two parents, both ways round."""
    bends, numbers = [], iter(curvatures(node))
    for j, other in enumerate(near):
        for i, (one, bend) in enumerate(zip(near[: j + 1], numbers)):  # noqa: B905 - as many as are left
            if one is not None and other is not None and bend != 0:
                bends += [(one, other, bend), (other, one, bend)][: 1 + (i != j)]
    return bends


PythonTape = Tape
if engine_name == "native":
    from scalargrad._engine import Tape  # type: ignore[assignment]
