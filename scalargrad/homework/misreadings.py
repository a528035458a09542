"""Activations, and how they are misread.

A mistake in an activation is another activation: its recorded graph with one operation replaced, so that value and
derivative go wrong together, as they do on paper.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from scalargrad import ops
from scalargrad.modes import ieee
from scalargrad.op import Op, Text
from scalargrad.value import Value, topological_order

Function = Callable[[Any], Any]


def value(function: Function, x: float) -> float:
    """Return a function of Values at a number.

    >>> value(ops.sin, 0.0)
    0.0
    """
    out = function(Value(x))
    return out.data if isinstance(out, Value) else float(out)


def derivative(function: Function, x: float) -> float:
    """Return the derivative of a function of Values at a number.

    >>> derivative(ops.sin, 0.0)
    1.0
    """
    z = Value(x)
    out = function(z)
    if isinstance(out, Value):
        out.backward()
    return z.grad


_MOST = 40  # operations of an activation: nobody computes a longer one by hand
_DEGREE = math.pi / 180

# Operations as they are misread, by the name of the right one: what is said of it, and the operation.
_UNITS = {  # the derivative, too, is looked up with a calculator that is set to degrees, and without a factor
    "sin": ("sin is taken of degrees", Op("sin", lambda x: math.sin(x * _DEGREE), lambda out, x: ops.cos(x * _DEGREE))),
    "cos": (
        "cos is taken of degrees",
        Op("cos", lambda x: math.cos(x * _DEGREE), lambda out, x: -ops.sin(x * _DEGREE)),
    ),
    "tan": ("tan is taken of degrees", Op("tan", lambda x: math.tan(x * _DEGREE), lambda out, x: 1 + out * out)),
    "log": ("the logarithm is to base 10", Op("log10", math.log10, lambda out, x: 1 / x, needs="x > 0")),
}
_DERIVATIVES = {
    "sin": ("the derivative of sin is taken as -cos", Op("sin", ops.sin.forward, lambda out, x: -ops.cos(x))),
    "cos": ("the derivative of cos is taken as sin", Op("cos", ops.cos.forward, lambda out, x: ops.sin(x))),
    "tanh": ("the derivative of tanh is taken as 1 - tanh", Op("tanh", ops.tanh.forward, lambda out, x: 1 - out)),
    "sigmoid": ("the derivative of σ is taken as 1 - σ", Op("sigmoid", ops.sigmoid.forward, lambda out, x: 1 - out)),
    # The other conventions at a kink.
    "relu": ("relu'(0) is taken as 1", Op("relu", ops.relu.forward, lambda out, x: 1 - ops.greater(0, x))),
    "abs": ("|0|' is taken as 1", Op("abs", ops.abs.forward, lambda out, x: 1 - 2 * ops.greater(0, x))),
}


def misreadings(function: Function, *, of_derivative: bool = False) -> list[tuple[str, Function]]:
    """Return an activation's misreadings, each with its description; or those that only its derivative shows.

    >>> from scalargrad import nn
    >>> _, f = nn.activation_function("relu(z) + sin(z)")
    >>> for text, wrong in misreadings(f):
    ...     print(text)
    the term sin(z) is left out
    the term relu(z) is left out
    the term sin(z) is subtracted
    sin is taken of degrees
    sin is left out of sin(z)
    relu is left out of relu(z)
    """
    with ieee():  # any number will do to see the operations
        z = Value(0.5, label="z")
        root = function(z)
    order = topological_order(root) if isinstance(root, Value) else []
    steps = [node for node in order if node.parents]
    if len(steps) > _MOST:
        return []
    texts: dict[Value, Text] = {}
    for node in order:
        leaf = Text("z" if node is z else f"{node.data:g}")
        texts[node] = _op(node).print(*(texts[parent] for parent in node.parents)) if node.parents else leaf
    found: list[tuple[str, Function]] = []
    for change in (_inner, _remembered) if of_derivative else (_terms, _units):
        for node in reversed(steps):
            for text, replacement in change(node, [texts[parent] for parent in node.parents], root):
                found.append((text, _replaced(steps, z, node, replacement)))
    return found


def _op(node: Value) -> Op:
    op: Any = node._operation  # an Op: an expression has no nodes made by hand
    return op


def _name(op: Op) -> str:
    return op.name if ops.TABLE.get(op.name) is op else ""  # somebody's own operation may have any name


def _replaced(steps: list[Value], z: Value, changed: Value, replacement: Callable[..., Any]) -> Function:
    def function(x: Value) -> Any:
        new: dict[Value, Any] = {z: x}
        for node in steps:
            operands = [new.get(parent, parent) for parent in node.parents]
            new[node] = replacement(x, *operands) if node is changed else _op(node)(*operands)
        return new[steps[-1]]

    return function


# Each of these yields, for a node, descriptions and replacements: functions of z and of the node's operands.
_Changes = Iterator[tuple[str, Callable[..., Any]]]


def _terms(node: Value, texts: Sequence[Text], root: Value) -> _Changes:
    op = _op(node)
    match _name(op):
        case "add":
            yield f"the term {texts[1]} is left out", lambda z, a, b: a
            yield f"the term {texts[0]} is left out", lambda z, a, b: b
            yield f"the term {texts[1]} is subtracted", lambda z, a, b: a - b
        case "sub":
            yield f"the term {texts[1]} is left out", lambda z, a, b: a
            yield f"the term {texts[0]} is left out", lambda z, a, b: -b
            yield f"the term {texts[1]} is added", lambda z, a, b: a + b
        case "mul":
            yield f"the factor {texts[1]} is left out", lambda z, a, b: a
            yield f"the factor {texts[0]} is left out", lambda z, a, b: b
        case "div":
            yield f"the divisor {texts[1]} is left out", lambda z, a, b: a
        case "maximum" | "minimum":
            yield f"{texts[0]} is always taken in {op.name}", lambda z, a, b: a
            yield f"{texts[1]} is always taken in {op.name}", lambda z, a, b: b


def _units(node: Value, texts: Sequence[Text], root: Value) -> _Changes:
    op = _op(node)
    if _name(op) in _UNITS:
        text, other = _UNITS[op.name]
        yield text, lambda z, a: other(a)
    if len(texts) == 1 and node is not root:  # the root left out is the activation left out
        yield f"{'the sign' if op is ops.neg else op.name} is left out of {op.print(*texts)}", lambda z, a: a


def _inner(node: Value, texts: Sequence[Text], root: Value) -> _Changes:
    op = _op(node)
    if op is ops.mul and not any(parent.kind == "constant" for parent in node.parents):
        yield f"the product rule without the derivative of {texts[1]}", lambda z, a, b: a * b.detach()
        yield f"the product rule without the derivative of {texts[0]}", lambda z, a, b: a.detach() * b
    if len(texts) == 1 and node.parents[0].parents:
        # Of the same number, but with a derivative of 1.
        yield f"the inner derivative, of {texts[0]}, is left out", lambda z, a: op(z + (a.data - z.data))


def _remembered(node: Value, texts: Sequence[Text], root: Value) -> _Changes:
    if _name(_op(node)) in _DERIVATIVES:
        text, other = _DERIVATIVES[_op(node).name]
        yield text, lambda z, a: other(a)
