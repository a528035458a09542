"""Derivatives as graphs: the chain rule once more, with the partial derivatives applied to Values, of either engine.

Such a derivative is recorded like anything else, so it can be differentiated again, or compiled.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from math import isnan
from typing import Any

from scalargrad.modes import ieee
from scalargrad.node import OUTSIDE, Node, known_rule
from scalargrad.op import number
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
        raise TypeError(f"partial derivative {index + 1} of {op.name} cannot be differentiated: {error}") from error
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
