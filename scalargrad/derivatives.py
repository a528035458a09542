"""Derivatives of derivatives: the partial derivatives applied to what is no mere number.

Applied to Values, of either engine, they give derivatives as graphs, which are recorded like anything else, so they can be
differentiated again, or compiled. Applied to numbers with tangents they give second derivatives of single operations.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from math import isnan
from typing import Any

from scalargrad.modes import ieee
from scalargrad.node import OUTSIDE, Node, known_rule
from scalargrad.op import TABLE, Op, Operand, Quiet, number
from scalargrad.traced import by_graph, traces


def cotangents(
    order: Sequence[Node], seeds: Mapping[Any, Any], wanted: Container[Any], image: Mapping[Any, Any]
) -> dict[Node, Any]:
    """Return the derivatives of the seeded values with respect to the wanted ones, as Values or numbers.

    >>> from scalargrad import Value
    >>> x = Value(3.0, label="x")
    >>> y = x * x
    >>> cotangents([x, y], {y: 1.0}, {x}, {})[x]
    Value(data=6.0, grad=0.0)

    order   the graph in topological order
    seeds   what to start from: the derivatives of some root with respect to these values
    wanted  the values to reach, and all on the way to them; others get no derivative
    image   what stands for a value in the resulting graph, where that is not the value itself

    Raises TypeError at a Value whose `_backward` was written by hand: it has no rule to apply to Values.
    """
    found = dict(seeds)
    with ieee():
        for node in reversed(order):
            if node._parents and node in found and node.kind != "constant":
                out, parents = image.get(node, node), [image.get(parent, parent) for parent in node._parents]
                for i, parent in enumerate(node._parents):
                    if parent in wanted:
                        share = product(local_slope(node, i, out, parents), found[node])
                        if parent not in found:
                            found[parent] = share
                        elif share.__class__ is not float or share != 0:
                            found[parent] = found[parent] + share
    return found


def local_slope(node: Node, index: int, out: Node, parents: Sequence[Node]) -> Any:
    """Return a partial derivative of a recorded operation as a Value or a number, on what stands for it and its parents.

    >>> from scalargrad import Value
    >>> x = Value(3.0)
    >>> y = x * x
    >>> local_slope(y, 0, y, [x, x]) is x
    True
    """
    op = known_rule(node)
    try:
        try:
            slope = op.partials[index](out, *map(_unwrapped, parents))  # constants as floats make the fewest nodes
        except OUTSIDE:  # where floats raise, Values give what IEEE 754 gives
            slope = op.partials[index](out, *parents)
    except TypeError as error:
        raise TypeError(
            f"partial derivative {index + 1} of {op.name} cannot be differentiated or compiled: write it with operators and "
            "scalargrad's functions, which take Values, too (scalargrad.exp for math.exp)"
        ) from error
    value, recorded = slope._data if isinstance(slope, Node) else float(slope), node._partials[index]
    if value != recorded and not (isnan(value) or isnan(recorded)):
        raise RuntimeError(
            f"the data of an operand of {node!r} was changed since it was recorded: forward() records it anew"
        )
    return slope


def product(slope: Any, gradient: Any) -> Any:
    """Multiply where there is something to multiply: a graph of derivatives holds no 1 * t.

    >>> from scalargrad import Value
    >>> x = Value(3.0)
    >>> product(1.0, x) is x, product(-1.0, 2.0)
    (True, -2.0)
    """
    slope, gradient = _unwrapped(slope), _unwrapped(gradient)
    for x, other in ((slope, gradient), (gradient, slope)):
        if x.__class__ is float:
            if x == 1:
                return other
            if x == -1:
                return -other
            if x == 0:
                return 0.0
    return slope * gradient


def _unwrapped(x: Any) -> Any:
    return x._data if isinstance(x, Node) and x.kind == "constant" and not x._parents else x


class Dual(Operand):
    """An operand and its tangent, which operations carry along by the chain rule.

    >>> from scalargrad import exp
    >>> x = exp(Dual(0.0, 1.0) * 2.0)
    >>> x.primal, x.tangent
    (1.0, 2.0)

    Both may be numbers, or any other operand: names of C's, for one.
    """

    def __init__(self, primal: Any, tangent: Any) -> None:
        self.primal, self.tangent = primal, tangent

    @staticmethod
    def apply(op: Op, *operands: Any) -> Dual:
        primals = [x.primal if isinstance(x, Dual) else x for x in operands]
        out, tangent = op(*primals), 0.0
        for partial, x in zip(op.partials, operands, strict=True):
            if isinstance(x, Dual) and not _is_zero(x.tangent):
                share = product(partial(out, *primals), x.tangent)
                tangent = share if _is_zero(tangent) else tangent if _is_zero(share) else tangent + share
        return Dual(out, tangent)


def _is_zero(x: Any) -> bool:
    return x.__class__ is float and x == 0


def curvature(op: Op, i: int, j: int, out: Any, arguments: Sequence[Any]) -> Any:
    """Return the second partial derivative of an operation with respect to its arguments i and j, on numbers or operands.

    >>> from scalargrad import mul
    >>> curvature(mul, 0, 1, 6.0, [2.0, 3.0])
    1.0
    """
    slope = op.partials[j](out, *arguments)
    along = [Dual(x, float(k == j)) for k, x in enumerate(arguments)]
    found = op.partials[i](Dual(out, slope), *along)
    return found.tangent if isinstance(found, Dual) else 0.0


def curvatures(node: Node) -> tuple[float, ...]:
    """Return the second partial derivatives of a recorded operation, by pairs of parents: (0, 0), (0, 1), (1, 1), (0, 2), ...

    >>> from scalargrad import Value
    >>> curvatures(Value(2.0) * Value(3.0))
    (0.0, 1.0, 0.0)

    Raises TypeError where the operation was made by hand, or its partial derivatives take no Values; RuntimeError where
    the data of a parent was changed.
    """
    op, parents = known_rule(node), node._parents
    numbers = [parent._data for parent in parents]
    pairs = [(i, j) for j in range(len(parents)) for i in range(j + 1)]
    with ieee():
        for i, parent in enumerate(parents):
            if parent.kind != "constant":
                local_slope(node, i, node, parents)  # raises
        if TABLE.get(op.name) is op:
            out, quiet = Quiet(node._data), list(map(Quiet, numbers))
            return tuple([float(curvature(op, i, j, out, quiet)) for i, j in pairs])
        # A partial derivative that a program brings may ask for whatever Values have.
        leaves = [node._plain()(x) for x in numbers]
        out = node.apply(op, *leaves)
        rows = [_gradient(op.partials[i](out, *leaves), leaves) for i in range(len(leaves))]
    return tuple([rows[i][j] for i, j in pairs])


def _gradient(root: Any, leaves: Sequence[Any]) -> list[float]:
    if not isinstance(root, Node):
        return [0.0] * len(leaves)
    order = root._order()
    found = cotangents(order, {root: 1.0}, {node for node in order if node.kind != "constant"}, {})
    return [float(_number(found.get(leaf, 0.0))) for leaf in leaves]


def _number(x: Any) -> Any:
    return x._data if isinstance(x, Node) else x


def backward_as_graph(root: Node, gradient: Any) -> None:
    """Add the derivative of a value to the gradient of every leaf, as a Value with a graph of its own.

    >>> from scalargrad import Value
    >>> x = Value(3.0)
    >>> backward_as_graph(x * x * x, 1.0)
    >>> backward_as_graph(x.grad, 1.0)
    >>> x.grad.data
    45.0

    The second derivative, 18, has been added to the first, 27.
    """
    order = root._order()
    wanted = {node for node in order if node.kind != "constant"}
    found = cotangents(
        order, {root: gradient if isinstance(gradient, Node) else number(gradient, "gradient")}, wanted, {}
    )
    make = root._plain()
    trace = traces[-1] if traces and by_graph(root) else None
    for node in order:
        slope = found.get(node, 0.0)
        if node in found and not isinstance(slope, Node):
            slope = make(slope)
        fresh = trace is not None and trace.first_gradient(node)
        if node._parents or fresh or (node.grad.__class__ is float and node.grad == 0):
            node.grad = slope
        elif node in found:
            node.grad = node.grad + slope
