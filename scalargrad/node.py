"""What a Value of either engine is once it is recorded: what it says of itself, and how its graph is copied or run again.

`Node` is the base class of the Value in engine.py and of its twin in C. Each of these has the fields (`_data`, `_parents`,
`_operation`, `_partials`, ...) and whatever must be fast; all else stands here once, and asks for the fields only. The whole
line: Value < Node < Copied (copies.py) < Names (micrograd.py) < Methods (methods.py) < Operand (op.py).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from math import nan
from typing import TYPE_CHECKING, Any

from scalargrad.copies import Copied
from scalargrad.modes import Block, no_grad
from scalargrad.op import Number, Op, Quiet, is_number, number
from scalargrad.ops import holds, stop_gradient
from scalargrad.order import ordered
from scalargrad.traced import (
    by_graph,
    combined,
    condition,
    hold,
    is_traced,
    refuse_identity,
    refuse_truth,
    traces,
    under_way,
)

if TYPE_CHECKING:
    from typing_extensions import Self  # of Python 3.11

OUTSIDE = (ArithmeticError, ValueError)  # what a forward function or a partial raises outside its domain


def _relation(name: str) -> Callable[[Any, Any], Any]:
    plain, equality = getattr(operator, name), name in ("eq", "ne")

    def compare(self: Node, other: Any) -> Any:
        of_value = isinstance(other, Node)
        if equality and of_value and traces and self is not other:
            refuse_identity(self, other)
        if equality and (of_value or not is_number(other)):
            return NotImplemented
        if traces or self._data != self._data or (of_value and other._data != other._data):
            asked = condition(name, self, other)
            if asked is not None:
                return asked
        answer = plain(self.data, other.data if of_value else other)
        return bool(answer) if equality else answer  # NumPy's numbers answer in NumPy's way

    compare.__name__ = f"__{name}__"
    return compare


def _logical(name: str) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    return lambda x, y: combined(name, x, y), lambda x, y: combined(name, y, x)


class Node(Copied):
    """The part of a Value that both engines share."""

    __slots__ = ()

    # Fields that each engine has, beside those which Copied and Names declare.
    data: Any
    role: str
    made_at: str  # under source_lines() and detect_anomaly()
    _grad: Any
    _traced: bool

    @classmethod
    def _plain(cls) -> type[Any]:
        """Return the Value of this engine, for a class that a program derives from it."""
        return next(base for base in cls.__mro__ if Node in base.__bases__)

    def _order(self) -> list[Any]:
        return ordered([self])

    @property
    def parents(self) -> tuple[Any, ...]:
        """What this value was computed from, in the operands' order; a leaf has none.

        >>> from scalargrad import Value
        >>> x = Value(3.0)
        >>> (x * x).parents == (x, x)
        True
        """
        return self._parents

    @property
    def operation(self) -> Op | str:
        """The operation that computed this value; its name where it was made by hand, "" for a leaf.

        >>> from scalargrad import Value
        >>> (Value(3.0) * 2).operation
        <operation mul>
        """
        return self._operation

    @property
    def local_gradients(self) -> tuple[float, ...]:
        """The partial derivatives with respect to the parents, in the parents' order; 0 for a constant.

        >>> from scalargrad import Value
        >>> (Value(3.0) * Value(2.0)).local_gradients
        (2.0, 3.0)

        They are the numbers of the recorded pass: setting `data` afterwards does not change them.
        """
        return _probe(self) if self._by_hand else self._partials or (0.0,) * len(self._parents)

    def forward(self) -> Self:
        """Compute the recorded graph again from its leaves' present data, and return this value.

        >>> from scalargrad import Value
        >>> x = Value(3.0)
        >>> y = x * x
        >>> x.data = 4.0
        >>> y.forward().data
        16.0

        Partial derivatives are taken anew. If an operation raises, every `data` is as it was. Raises TypeError
        at a Value with hand-written children or `_backward`, which has no operation to repeat.
        """
        order = [node for node in self._order() if node._parents]
        before = [(node._data, node._partials) for node in order]
        try:
            with Block(recording=True):
                for node in order:
                    anew = again(node, node._parents)
                    node._data, node._partials = anew._data, anew._partials
        except BaseException:
            for node, (data, partials) in zip(order, before, strict=True):
                node._data, node._partials = data, partials
            raise
        return self

    def zero_grad(self) -> None:
        """Set the gradient of this value, and of all that it was computed from, to zero.

        >>> from scalargrad import Value
        >>> x = Value(3.0)
        >>> y = x * 2
        >>> y.backward(); y.zero_grad()
        >>> x.grad
        0.0
        """
        for node in self._order():
            node.grad = 0.0

    def detach(self) -> Any:
        """Return a leaf with the same data and label: no gradient passes through it.

        >>> from scalargrad import Value
        >>> (Value(3.0) * 2).detach()
        Value(data=6.0, grad=0.0)

        In a function that is being compiled, whose Values have no numbers yet, it is `stop_gradient`.
        """
        if traces and by_graph(self):
            cut = self.apply(stop_gradient, self)
            cut.label = self.label
            return cut
        return self._plain()(self.data, label=self.label)

    def item(self) -> float:
        """Return the number, as the method of this name of arrays and tensors does.

        >>> from scalargrad import Value
        >>> Value(3.0).item()
        3.0
        """
        return self.data

    def conjugate(self) -> Self:
        """Return this value, as that of a float does: NumPy asks for it.

        >>> from scalargrad import Value
        >>> x = Value(3.0)
        >>> x.conjugate() is x
        True
        """
        return self

    no_grad = staticmethod(no_grad)

    # A number is compared as a number; two Values are equal if they are the same, as sets and dictionaries need it.

    # A traced one has no number yet: its comparison is a condition.

    __eq__, __ne__ = _relation("eq"), _relation("ne")
    if TYPE_CHECKING:

        def __lt__(self, other: Node | Number) -> bool: ...
        def __le__(self, other: Node | Number) -> bool: ...
        def __gt__(self, other: Node | Number) -> bool: ...
        def __ge__(self, other: Node | Number) -> bool: ...

    else:
        __lt__, __le__, __gt__, __ge__ = map(_relation, ("lt", "le", "gt", "ge"))
    __hash__ = object.__hash__

    __and__, __rand__ = _logical("and")
    __or__, __ror__ = _logical("or")
    __xor__, __rxor__ = _logical("xor")

    def __invert__(self) -> Any:
        inverse = combined("invert", self)
        if inverse is NotImplemented:
            raise TypeError(
                "~ is for conditions, as a comparison of traced values gives them: write -v for minus a value"
            )
        return inverse

    def __bool__(self) -> bool:
        # As any object is: programs write `if self.b:` and `self.b or 0`, and a bias of 0 is one, too.
        if self._data != self._data:
            refuse_truth(self)
        return True

    if not TYPE_CHECKING:  # for whom a Value is no number: they refuse float(v) and math.exp(v) where they stand

        def __float__(self) -> float:
            raise TypeError(
                "float() of a Value would drop its gradient silently, as would a function of the math module: "
                "write v.data for the number, scalargrad.exp(v), v.exp(), ... for a function of it, and for an array "
                "that is to hold it np.zeros_like(x), np.array([...]) or np.zeros(n, object)"
            )

        def __int__(self) -> int:
            raise TypeError(
                "int() of a Value would drop its gradient silently: write math.floor(v), math.trunc(v) or round(v), "
                "which are Values, or int(v.data)"
            )

        def as_integer_ratio(self) -> tuple[int, int]:
            """Raise TypeError: the module statistics asks for it."""
            raise TypeError("a Value is no ratio of whole numbers: write np.mean(x) in place of statistics.mean(x)")

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        data = "traced" if is_traced(self) else self._data
        grad = self.grad._data if isinstance(self.grad, Node) else self.grad
        return f"Value(data={data}, grad={grad}{label})"

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else str(self)


def _probe(node: Node) -> tuple[float, ...]:
    """Find the local gradients of a hand-written closure: what it adds for a gradient of one."""
    family = (node, *node._parents)
    before = [value.grad for value in family]
    try:
        for value in family:
            value.grad = 0.0
        node.grad = 1.0
        node._backward()
        # What came in for a parent that stands in two places is shared out between them.
        return tuple(parent.grad / node._parents.count(parent) for parent in node._parents)
    finally:
        for value, grad in zip(family, before, strict=True):
            value.grad = grad


def rule_of(value: Node) -> Op | None:
    """Return the operation that gives a Value and its local gradients; None where either was made by hand, or is a leaf's.

    >>> from scalargrad import Value
    >>> rule_of(Value(3.0) * 2), rule_of(Value(6.0, (Value(3.0),), "double"))
    (<operation mul>, None)
    """
    return value._operation if isinstance(value._operation, Op) and not value._by_hand else None


def known_rule(value: Node) -> Op:
    """Return the operation that gives a Value and its local gradients. Raises TypeError where either was made by hand.

    >>> from scalargrad import Value
    >>> known_rule(Value(3.0) * 2)
    <operation mul>
    """
    rule = rule_of(value)
    if rule is None:
        op = f" ({value._operation!r})" if value._operation else ""
        raise TypeError(f"{value!r} was made by hand{op}: it has no operation to compute or derive anew")
    return rule


def again(node: Node, parents: Sequence[Any]) -> Any:
    """Apply the operation that a Value was computed by once more, to other parents.

    >>> from scalargrad import Value
    >>> again(Value(3.0) * 2, [Value(4.0), Value(2.0)])
    Value(data=8.0, grad=0.0)
    """
    rule = known_rule(node)
    return hold(*parents) if rule is holds else node.apply(rule, *parents)


def linearize(op: Op, parents: Sequence[Node]) -> tuple[float, tuple[float, ...]]:
    """Return the value of an operation and its partial derivatives, at the numbers of the parents.

    >>> from scalargrad import Value
    >>> from scalargrad.ops import sqrt
    >>> linearize(sqrt, [Value(4.0)])
    (2.0, (0.25,))

    Raises where the operation raises, with the operands' labels. A partial derivative never raises: it gives what IEEE 754
    gives, and 0 for a constant.
    """
    arguments = [x._data for x in parents]
    try:
        out = op.forward(*arguments)
    except OUTSIDE as error:
        out = op.outside(error, arguments, [x.label for x in parents])
    return out, tuple(_partial(op, i, x, out, arguments) for i, x in enumerate(parents))


def _partial(op: Op, index: int, parent: Node, out: float, arguments: Sequence[float]) -> float:
    if parent.kind == "constant":
        return 0.0
    derivative = op.partials[index]
    try:
        slope = derivative(out, *arguments)
    except OUTSIDE:
        try:
            with Block(ieee=True):
                slope = float(derivative(Quiet(out), *map(Quiet, arguments)))
        except (TypeError, *OUTSIDE):  # a user's, in functions that know no operands
            return nan
    return slope if slope.__class__ is float else number(slope, f"partial derivative {index + 1} of {op.name}")


def is_unrecorded(children: Sequence[Node]) -> bool:
    """Say whether what is computed from some Values under no_grad() is a mere leaf.

    >>> is_unrecorded([])
    True

    While a function is traced, it is known by its graph only: it is recorded as a constant.
    """
    return not (children and (under_way() or (traces and any(map(is_traced, children)))))
