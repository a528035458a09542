"""What detect_anomaly() looks for: the first nan or infinite number, in an operation or in a gradient."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from scalargrad.modes import current, users_line
from scalargrad.op import Op, describe
from scalargrad.traced import is_traced


def described(node: Any, parents: Sequence[Any]) -> str:
    """Name the operation of a Value with the numbers that it was applied to.

    >>> from scalargrad import Value
    >>> y = Value(3.0, label="x") * 2
    >>> described(y, y.parents)
    'mul(x = 3.0, 2.0)'
    """
    name = node._operation.name if isinstance(node._operation, Op) else node._operation
    return describe(name, [parent._data for parent in parents], [parent.label for parent in parents])


def check_result(node: Any, parents: Sequence[Any]) -> None:
    """Note the line that made a Value; under detect_anomaly(), raise FloatingPointError where it is nan or infinite.

    >>> from scalargrad import Value
    >>> check_result(Value(3.0), ())
    """
    node.made_at = users_line()
    mode = current()
    if mode.watch == "anomaly" and not isfinite(node._data) and not (mode.trace or is_traced(node)):
        raise FloatingPointError(f"{described(node, parents)} gives {node._data}, in {node.made_at}")


def check_gradients(node: Any) -> None:
    """Under detect_anomaly(), raise FloatingPointError where a Value has just given a parent a gradient of nan or inf.

    >>> from scalargrad import Value
    >>> check_gradients(Value(3.0))
    """
    for parent in node._parents if current().watch == "anomaly" else ():
        if not isfinite(parent.grad) and parent.kind != "constant":
            place = getattr(node, "made_at", "a line not recorded: make the graph under detect_anomaly() too")
            raise FloatingPointError(
                f"backward of {described(node, node._parents)} gives {parent!r} a gradient of {parent.grad}, in {place}"
            )
