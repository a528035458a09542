"""What programs written for micrograd and microgpt find here: their names for what a Value records, and their constructors.

`_prev`, `_op`, `_backward` and `Value(data, children, op)` are micrograd's, `_children`, `_local_grads` and
`Value(data, children, local_grads)` microgpt's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from scalargrad.methods import Methods
from scalargrad.modes import current
from scalargrad.op import Op, number
from scalargrad.ops import pow


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


class Names(Methods):
    """The part of a Value that has micrograd's and microgpt's names for what is recorded."""

    __slots__ = ()

    # What an engine, or a Node, has of its own.
    grad: Any  # a float, a Value after backward(create_graph=True): of a union each use would have to say which
    label: str

    _operation: Op | str
    _parents: tuple[Any, ...]
    _partials: Any
    _backward: Any
    _forget: Callable[[], None]

    if TYPE_CHECKING:

        @property
        def _by_hand(self) -> bool: ...
        @property
        def local_gradients(self) -> tuple[float, ...]: ...
        @classmethod
        def _plain(cls) -> type[Any]: ...

    @property
    def name(self) -> str:
        """The label, by another name."""
        return self.label

    @name.setter
    def name(self, name: str) -> None:
        self.label = name

    @property
    def _op(self) -> str:
        op = self._operation
        if op is pow:  # as micrograd writes it
            exponent = self._parents[1:]
            return (
                f"**{exponent[0]._data!r}".removesuffix(".0") if exponent and exponent[0].kind == "constant" else "**"
            )
        return op.symbol if isinstance(op, Op) else op

    @_op.setter
    def _op(self, op: str | Op) -> None:
        if not isinstance(op, (str, Op)):
            raise TypeError(f"_op must be a string, got {op!r}")
        if op != self._op:
            self._operation = op

    @property
    def _prev(self) -> Parents:
        return Parents(self._parents)

    @_prev.setter
    def _prev(self, parents: Iterable[Any]) -> None:
        parents = values(self._plain(), parents, "_prev")
        # micrograd assigns a set of the very parents: it knows no order, so the one that was recorded stays.
        if set(parents) == set(self._parents) or not current().recording:
            return
        rule = [] if self._by_hand else list(zip(self._parents, self._partials or (), strict=False))
        self._forget()
        self._parents = parents
        if rule and parents:  # in micrograd, too, the closure of the operation outlives its parents

            def pass_on() -> None:
                for parent, slope in rule:
                    parent.grad += slope * self.grad

            self._backward = pass_on

    _children = _prev

    @property
    def _local_grads(self) -> tuple[float, ...]:
        return self.local_gradients
