"""What programs written for micrograd and microgpt find here: their names for what a Value records, and their constructors.

`_prev`, `_op`, `_backward` and `Value(data, children, op)` are micrograd's, `_children`, `_local_grads` and
`Value(data, children, local_grads)` microgpt's. In such programs a sum of products may have a closure of its own.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from scalargrad.op import Op, number


def one_module(name: str) -> None:
    """See to it that a module which is imported by another package's name is the one that is there already.

    >>> one_module("scalargrad.ops")

    Programs for micrograd run after `sys.modules["micrograd"] = scalargrad`, but then `import micrograd.engine` would
    execute the file once more, and make a second Value, unlike the first.
    """
    first = f"{__package__}.{name.rpartition('.')[2]}"
    if name != first:
        sys.modules[name] = importlib.import_module(first)


class Parents(tuple[Any, ...]):
    """What a Value was computed from, in the operands' order; equal to a set of the same Values, as micrograd's is.

    >>> from scalargrad import Value
    >>> x, y = Value(2.0), Value(3.0)
    >>> (x * y)._prev == {y, x}, list((x * x)._prev) == [x, x]
    (True, True)
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return set(self) == other if isinstance(other, AbstractSet) else super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__


class ByHand:
    """A closure of the user's, micrograd's way to add an operation; it takes no argument."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[], None]) -> None:
        if not callable(function):
            raise TypeError(f"_backward must be a function without arguments, got {function!r}")
        self.function = function

    def __call__(self) -> None:
        self.function()


def values(kind: type, given: Iterable[Any], name: str) -> tuple[Any, ...]:
    """Return what was given as a tuple of Values of a kind. Raises TypeError, with the name, where it is none.

    >>> values(float, [2.0], "_children")
    (2.0,)
    """
    try:
        given = tuple(given)
    except TypeError:
        raise TypeError(f"{name} must be Values in a tuple or list, got {given!r}") from None
    for value in given:
        if not isinstance(value, kind):
            raise TypeError(f"{name} must be Values, got {value!r} ({type(value).__name__})")
    return given


def by_hand(
    kind: type,
    children: Iterable[Any],
    op: Any = "",
    label: str = "",
    more_children: Iterable[Any] | None = None,
    local_grads: Sequence[Any] | None = None,
    name: str = "",
) -> tuple[tuple[Any, ...], str | Op, str, tuple[float, ...] | None]:
    """Sort out what a Value is made of by hand: its children, its operation, its label, its local gradients.

    >>> from scalargrad import Value
    >>> by_hand(Value, (Value(3.0),), (6,), name="square")[1:]
    ('', 'square', (6.0,))
    """
    children = values(kind, children, "_children")
    if name and label:
        raise TypeError(f"name and label are two words for one thing, got {name!r} and {label!r}")
    if more_children is not None:
        if children:
            raise TypeError("children were given twice: as the second argument and by their name")
        children = values(kind, more_children, "children")
    if isinstance(op, (tuple, list)):
        if local_grads is not None:
            raise TypeError("local_grads were given twice: as the third argument and by their name")
        op, local_grads = "", op
    if not isinstance(op, (str, Op)):
        raise TypeError(f"_op must be a string or an Op, or local gradients: a tuple of numbers, got {op!r}")
    partials = tuple(number(g, f"local gradient {i}") for i, g in enumerate(local_grads or (), 1))
    if partials and len(partials) != len(children):
        raise ValueError(f"local_grads must be one number for each child, got {len(partials)} for {len(children)}")
    return children, op, name or label, partials or None
