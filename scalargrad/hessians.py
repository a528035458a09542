"""Second derivatives of a recorded graph by pushing edges (Gower and Mello, 2012): a graph of them that is symmetric throughout.

The Hessian with respect to all values that are not yet eliminated is kept as the weights of edges between them. Each value, from
the root on, hands its edges on to its parents by the chain rule, and makes new ones where its operation bends. What the leaves
have in the end is the Hessian: entries that are 0 cost nothing, and of those that are alike each is computed once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from typing import Any

from scalargrad.derivatives import curvature, local_slope, product
from scalargrad.modes import ieee
from scalargrad.node import Node, known_rule
from scalargrad.op import TABLE


def pushed_hessian(
    order: Sequence[Node], leaves: Sequence[Node], wanted: Container[Any], image: Mapping[Any, Any], most: int
) -> list[list[Any]] | None:
    """Return the second derivatives of the last value with respect to the leaves, as Values or numbers.

    >>> from scalargrad import Value
    >>> x, y = Value(3.0), Value(4.0)
    >>> xy = x * y
    >>> [[float(entry) for entry in row] for row in pushed_hessian([x, y, xy], [x, y], {x, y, xy}, {}, 100)]
    [[0.0, 1.0], [1.0, 0.0]]

    order   the graph in topological order
    wanted  the leaves, and all that depends on them
    image   what stands for a value in the resulting graph, where that is not the value itself
    most    operations that this may take: with more, None is returned, as with an operation that is not in the table
    """
    with ieee():
        return _Pushing(order, leaves, wanted, image, most).hessian()


class _Pushing:
    """The elimination of one value after another.

    slopes  of the root, with respect to those values that are left
    edges   the weights, by the later and the earlier of two values, or of a value and itself
    left    how many operations may still be taken
    """

    def __init__(
        self,
        order: Sequence[Node],
        leaves: Sequence[Node],
        wanted: Container[Any],
        image: Mapping[Any, Any],
        most: int,
    ) -> None:
        self.order, self.leaves, self.wanted, self.image, self.left = order, leaves, wanted, image, most
        self.place = {node: place for place, node in enumerate(dict.fromkeys([*leaves, *order]))}
        self.slopes: dict[Node, Any] = {order[-1]: 1.0}
        self.edges: dict[Node, dict[Node, Any]] = defaultdict(dict)

    def hessian(self) -> list[list[Any]] | None:
        leaves = set(self.leaves)
        for node in reversed(self.order):
            if node in self.wanted and node not in leaves:
                if TABLE.get(known_rule(node).name) is not known_rule(node):
                    return None
                self._eliminate(node)
                if self.left < 0:
                    return None
        return [[self._edge(x, y) for y in self.leaves] for x in self.leaves]

    def _eliminate(self, node: Node) -> None:
        slope, edges = self.slopes.pop(node, 0.0), self.edges.pop(node, {})
        own = edges.pop(node, 0.0)
        out, arguments = self.image.get(node, node), [self.image.get(parent, parent) for parent in node._parents]
        local: dict[Node, Any] = {}
        for i, parent in enumerate(node._parents):
            if parent in self.wanted:
                local[parent] = self._sum(local.get(parent, 0.0), local_slope(node, i, out, arguments))
        parents = list(local)
        for k, parent in enumerate(parents):
            self.slopes[parent] = self._sum(self.slopes.get(parent, 0.0), self._product(local[parent], slope))
            for other, weight in edges.items():
                share = self._product(local[parent], weight)
                self._add(parent, other, self._product(2.0, share) if parent is other else share)
            half = self._product(local[parent], own)
            for other in parents[: k + 1]:
                self._add(parent, other, self._product(local[other], half))
        self._bend(node, out, arguments, slope)

    def _bend(self, node: Node, out: Any, arguments: Sequence[Any], slope: Any) -> None:
        """Add the second derivatives of an operation."""
        op, plain = known_rule(node), [x._data if x.kind == "constant" and not x._parents else x for x in arguments]
        for j, parent in enumerate(node._parents):
            for i, other in enumerate(node._parents[: j + 1]):
                if parent in self.wanted and other in self.wanted:
                    share = self._product(curvature(op, i, j, out, plain), slope)
                    self._add(parent, other, self._product(2.0, share) if parent is other and i != j else share)

    def _add(self, x: Node, y: Node, weight: Any) -> None:
        if weight.__class__ is not float or weight != 0:
            later, earlier = (x, y) if self.place[x] > self.place[y] else (y, x)
            self.edges[later][earlier] = self._sum(self.edges[later].get(earlier, 0.0), weight)

    def _edge(self, x: Node, y: Node) -> Any:
        return self.edges.get(x, {}).get(y, self.edges.get(y, {}).get(x, 0.0))

    def _product(self, x: Any, y: Any) -> Any:
        found = product(x, y)
        self.left -= found is not x and found is not y and isinstance(found, Node)
        return found

    def _sum(self, x: Any, y: Any) -> Any:
        for number, other in ((x, y), (y, x)):
            if number.__class__ is float and number == 0:
                return other
        self.left -= 1
        return x + y
