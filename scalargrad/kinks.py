"""Kinks: where a function has no derivative, and a convention chooses the number that the gradient uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from scalargrad import ops
from scalargrad.ops import Op, Text
from scalargrad.value import Value, topological_order

CONVENTIONS: dict[Op, str] = {
    ops.relu: "the derivative of relu at 0 is taken as 0",
    ops.abs: "the derivative of |x| at 0 is taken as 0",
    ops.maximum: "in a tie, maximum passes half of the gradient to each argument",
    ops.minimum: "in a tie, minimum passes half of the gradient to each argument",
}


class Kink(NamedTuple):
    """An operation that was evaluated exactly at its kink."""

    value: Value
    operation: str
    place: str
    convention: str

    def __str__(self) -> str:
        place = f" in {self.place}" if self.place else ""
        return f"{self.operation}{place} is exactly at its kink: {self.convention}"


def kinks(*roots: Value) -> Iterator[Kink]:
    """Yield every relu, abs, maximum and minimum of a graph that was evaluated exactly at its kink.

    >>> x = Value(0.0, label="x")
    >>> for kink in kinks(x.relu() + x):
    ...     print(kink)
    relu(x = 0) is exactly at its kink: the derivative of relu at 0 is taken as 0

    What is computed with constants only passes no gradient on, and is left out.
    """
    for node in topological_order(*roots):
        op = node._operation
        if isinstance(op, Op) and op in CONVENTIONS and any(x.role != "constant" for x in node._prev):
            x, *others = (parent.data for parent in node._prev)
            if x == (others[0] if others else 0):
                yield Kink(node, op.print(*map(_argument, node._prev)), ", ".join(node.scope), CONVENTIONS[op])


def _argument(value: Value) -> Text:
    number = repr(value.data + 0.0).removesuffix(".0")
    return Text(f"{value.label} = {number}" if value.label else number)
