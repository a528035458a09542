"""The operations of the table as methods: `x.exp()` for `exp(x)`. Their types stand in methods.pyi, see generate.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scalargrad import special as special  # noqa: PLC0414 - its records are in the table, too
from scalargrad.op import Op, Operand
from scalargrad.ops import OPERATIONS


class Methods(Operand):
    """An operand that has each operation as a method, too."""

    __slots__ = ()


def _method(op: Op) -> Callable[..., Any]:
    def method(self: Any, *others: Any) -> Any:
        return op(self, *others)

    method.__name__, method.__qualname__ = op.name, f"Value.{op.name}"
    method.__doc__ = f"{(op.__doc__ or '').partition(chr(10))[0]} See scalargrad.{op.name}."
    return method


for _op in OPERATIONS.values():
    setattr(Methods, _op.name, _method(_op))
