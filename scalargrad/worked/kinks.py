"""Kinks: where a function has no derivative, and a convention chooses the number that the gradient uses."""

from __future__ import annotations

from collections.abc import Iterator
from sys import float_info
from typing import NamedTuple

from scalargrad import ops
from scalargrad.op import Op, Text
from scalargrad.value import Value, topological_order

CONVENTIONS: dict[Op, str] = {
    ops.relu: "the derivative of relu at 0 is taken as 0",
    ops.abs: "the derivative of |x| at 0 is taken as 0",
    ops.maximum: "in a tie, maximum passes half of the gradient to each argument",
    ops.minimum: "in a tie, minimum passes half of the gradient to each argument",
}


class Kink(NamedTuple):
    """An operation that was evaluated exactly at its kink, or would have been but for the rounding of floats."""

    value: Value
    operation: str
    place: str
    convention: str
    exact: bool

    def __str__(self) -> str:
        where = f"{self.operation} in {self.place}" if self.place else self.operation
        if self.exact:
            return f"{where} is exactly at its kink: {self.convention}"
        return (
            f"{where} is at its kink but for the rounding of floats, and its derivative is that of the side where it "
            f"fell; at the kink itself, {self.convention}"
        )


def kinks(*roots: Value) -> Iterator[Kink]:
    """Yield every relu, abs, maximum and minimum of a graph that was evaluated at its kink.

    >>> x = Value(0.0, label="x")
    >>> for kink in kinks(x.relu() + x):
    ...     print(kink)
    relu(x = 0) is exactly at its kink: the derivative of relu at 0 is taken as 0
    >>> [kink.exact for kink in kinks((Value(0.1) + 0.2 - 0.3).relu())]  # 5.6e-17
    [False]

    What is computed with constants only passes no gradient on, and is left out.
    """
    for node in topological_order(*roots):
        op = node._operation
        if isinstance(op, Op) and op in CONVENTIONS and any(x.kind != "constant" for x in node.parents):
            x, *others = node.parents
            distance = abs(x.data - (others[0].data if others else 0.0))
            if distance <= 4 * float_info.epsilon * max(map(_scale, node.parents)):
                shown = op.print(*map(_argument, node.parents))
                yield Kink(node, shown, ", ".join(node.scope), CONVENTIONS[op], distance == 0)


def _scale(value: Value) -> float:
    """Return the largest term of the sum that a value is: to its rounding error, that is what 1 is to epsilon."""
    largest, stack, seen = 0.0, [value], set()
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node._operation in (ops.add, ops.sub, ops.neg):
            stack += node.parents
        else:
            largest = max(largest, abs(node.data))
    return largest


def _argument(value: Value) -> Text:
    number = repr(value.data + 0.0).removesuffix(".0")
    return Text(f"{value.label} = {number}" if value.label else number)
