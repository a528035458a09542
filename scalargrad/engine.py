"""Value: a number that remembers how it was computed, and so can say how it would change.

Every operation on Values makes a new Value that holds its parents, the partial derivatives with respect to
them, and a `backward` closure that passes its gradient on. `backward()` calls those closures in the reverse
of one topological order: that is the chain rule, and all of reverse-mode differentiation.
"""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, partial
from inspect import signature
from math import isfinite, isnan, nan
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeGuard

from scalargrad import ops
from scalargrad.ops import Op, describe, held, ieee, is_number, number, setting

ops.one_module(__name__)


class Mode(NamedTuple):
    """What is in force around an operation, in this thread or task only."""

    recording: bool = True
    watch: str = ""  # "lines": note where a Value is made; "anomaly": that, and raise at nan and inf
    scope: tuple[str, ...] = ()
    trace: Tracing | None = None  # of the function that is being traced


_mode: ContextVar[Mode] = ContextVar("scalargrad.mode", default=Mode())  # noqa: B039 - a tuple
_set_mode, _reset_mode = _mode.set, _mode.reset


@contextmanager
def _changed(**changes: Any) -> Iterator[None]:
    token = _set_mode(_mode.get()._replace(**changes))
    try:
        yield
    finally:
        _reset_mode(token)


@setting
@contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording: results are leaves. A context manager and a decorator.

    >>> with no_grad():
    ...     (Value(2.0) * 3.0)._prev
    ()
    """
    with _changed(recording=False):
        yield


@setting
@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Raise FloatingPointError at the first nan or inf, in an operation or in backward().

    The message names the operation, its operands and the line of the program that made it.

    >>> with detect_anomaly():
    ...     Value(1e308, label="x") * 10  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    FloatingPointError: mul(x = 1e+308, 10.0) gives inf, in ...
    """
    with _changed(watch="anomaly"):
        yield


@setting
@contextmanager
def source_lines() -> Iterator[None]:
    """Let every Value that is computed inside know the line of the program that made it, as `made_at`.

    >>> with source_lines():
    ...     y = Value(3.0) * 2
    >>> y.made_at  # doctest: +SKIP
    'program.py:2'

    Pages and explanations show it. It takes time, so it is off by default.
    """
    with _changed(watch="lines"):
        yield


class scope:
    """Mark the Values made inside as belonging together: a picture draws a frame around them. A decorator, too.

    >>> with scope("layer 1"), scope("neuron 2"):
    ...     Value(1.0).scope
    ('layer 1', 'neuron 2')
    """

    # Networks enter a scope for every neuron: a generator, as above, would take longer than the neuron.
    __slots__ = ("_name", "_token")

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._token = _set_mode(_within(_mode.get(), self._name))

    def __exit__(self, *raised: object) -> None:
        _reset_mode(self._token)

    def __call__(self, function: Any) -> Any:
        return held(partial(scope, self._name), function)


@lru_cache(maxsize=1024)
def _within(mode: Mode, name: str) -> Mode:
    return mode._replace(scope=(*mode.scope, name))


# Recording an operation, by its number of arguments: the heart of the engine. A backward closure gets the node
# that it is stored on as an argument: a closure that held the node would be a cycle, which only the garbage
# collector can free, and one that held the parents and the partials would give it six objects a node to visit.

_OUTSIDE = (ArithmeticError, ValueError)  # what a forward function or a partial raises outside its domain


def _unary(op: Op) -> Callable[[Value], Value]:
    forward = op.forward

    def backward(node: Value) -> None:
        (x,), (dx,) = node._parents, node._partials
        x.grad += dx * node.grad

    def record(x: Value) -> Value:
        a = x._data
        try:
            out = forward(a)
        except _OUTSIDE as error:
            out = op.outside(error, (a,), (x.label,))
        node = _made(out, (x,), op)
        if node._parents:  # else under no_grad
            node._partials, node._closure = (_partial(op, 0, x, out, a),), backward
        return node

    return record


def _binary(op: Op) -> Callable[[Value, Value], Value]:
    forward = op.forward

    def backward(node: Value) -> None:
        (x, y), (dx, dy) = node._parents, node._partials
        x.grad += dx * node.grad
        y.grad += dy * node.grad

    def record(x: Value, y: Value) -> Value:
        a, b = x._data, y._data
        try:
            out = forward(a, b)
        except _OUTSIDE as error:
            out = op.outside(error, (a, b), (x.label, y.label))
        node = _made(out, (x, y), op)
        if node._parents:
            node._partials, node._closure = (_partial(op, 0, x, out, a, b), _partial(op, 1, y, out, a, b)), backward
        return node

    return record


def _general(op: Op) -> Callable[..., Value]:
    def record(*parents: Value) -> Value:
        out, partials = _linearize(op, parents)
        node = _made(out, parents, op)
        if node._parents:
            node._partials, node._closure = partials, _chain_rule
        return node

    return record


def _made(data: float, parents: tuple[Value, ...], op: Op | str) -> Value:
    if PythonValue.__init__ is _plain_init:
        return _fill(_new(PythonValue), data, parents, op)
    # Somebody has patched it, to count nodes or to give each an attribute. From now on what it leaves out has a default:
    # from the start, that would make every attribute slower.
    PythonValue.__getattr__ = _unset  # type: ignore[method-assign]
    node = PythonValue(data, parents, op)
    if node._parents:
        node._parents = parents  # in their order: micrograd's own __init__ assigns a set
    return node


def _fill(node: Value, data: float, parents: tuple[Value, ...], op: Op | str) -> Value:
    mode = _mode.get()
    node._data = data
    node.grad = 0.0
    node.label = ""
    node._scope = mode.scope
    # Of what is made from a traced value later on, only a nan can stand for a number that is not known.
    node._traced = True if _traces or (data != data and any(x._traced for x in parents)) else False  # noqa: SIM210 - quick
    if mode.recording:
        node._parents, node._role = parents, ""
    else:
        node._parents, node._role = _unrecorded(mode, parents)
    node._operation = op
    node._partials = None
    node._closure = None
    if mode.watch and (op or parents):
        _check_result(node, parents)
    return node


_new = object.__new__


def _chain_rule(node: Value) -> None:
    for x, dx in zip(node._parents, node._partials, strict=True):
        x.grad += dx * node.grad


def _linearize(op: Op, parents: tuple[Value, ...]) -> tuple[float, tuple[float, ...]]:
    arguments = [x._data for x in parents]
    try:
        out = op.forward(*arguments)
    except _OUTSIDE as error:
        out = op.outside(error, arguments, [x.label for x in parents])
    return out, tuple(_partial(op, i, x, out, *arguments) for i, x in enumerate(parents))


def _partial(op: Op, index: int, parent: Value, out: float, *arguments: float) -> float:
    if parent._role == "constant":
        return 0.0
    derivative = op.partials[index]
    try:
        slope = derivative(out, *arguments)
    except _OUTSIDE:
        # A partial never raises: where floats would, Values give what IEEE 754 gives.
        try:
            with ieee(), _changed(recording=False, watch="", trace=None):
                slope = derivative(PythonValue(out), *map(PythonValue, arguments))
        except (TypeError, *_OUTSIDE):  # a user's, in functions that know no Values
            return nan
        slope = slope._data if isinstance(slope, PythonValue) else slope
    return slope if slope.__class__ is float else number(slope, f"partial derivative {index + 1} of {op.name}")


@lru_cache(maxsize=1024)
def _recorder(op: Op) -> Callable[..., Value]:
    make: dict[int, Callable[[Op], Callable[..., Value]]] = {1: _unary, 2: _binary}
    return make.get(len(op.partials), _general)(op)


def apply(op: Op, *operands: Any) -> Value:
    """Apply an operation to Values and numbers, and record it.

    >>> apply(ops.mul, PythonValue(3.0), 2)
    Value(data=6.0, grad=0.0)

    Raises where a float would, naming the operation and the operands' values and labels.
    """
    return _recorder(op)(*[x if isinstance(x, PythonValue) else _constant(x, op) for x in operands])


def _constant(operand: Any, op: Op) -> Value:
    node = _made(operand if operand.__class__ is float else number(operand, f"operand of {op.name}"), (), "")
    node._role = "constant"
    return node


def _method(op: Op) -> Callable[..., Value]:
    """Make the method of Value that has the operation's name."""

    def method(self: Value, *others: Any) -> Value:
        return op(self, *others)

    method.__name__, method.__qualname__ = op.name, f"Value.{op.name}"
    method.__doc__ = f"{(op.__doc__ or '').partition(chr(10))[0]} See scalargrad.{op.name}."
    return method


def _operator(op: Op) -> tuple[Callable[[Value, Any], Value], Callable[[Value, Any], Value]]:
    """Make the method of a binary operator, and that of its reflection."""
    record = _recorder(op)

    # What is neither a Value nor a number may know how to work with Values: an array does, for one.
    def operator(self: Value, other: Any) -> Value:
        if not isinstance(other, PythonValue):
            if not is_number(other):
                return NotImplemented
            other = _constant(other, op)
        return record(self, other)

    def reflected(self: Value, other: Any) -> Value:
        return record(_constant(other, op), self) if is_number(other) else NotImplemented

    return operator, reflected


class Value:
    """A float that records the operations made on it, for `backward()`.

    >>> x = Value(3.0, label="x")
    >>> y = x * x + 1
    >>> y.backward()
    >>> y.data, x.grad
    (10.0, 6.0)

    data    the number
    grad    after `backward()`, the derivative of its root with respect to this value
    label   its name in messages and pictures
    scope   the names of the `scope`s it was made in, outermost first
    role    "input", "parameter" or "target", for pictures, or "constant": that takes no gradient from what
            is computed with it, and is the role of a number that was used as an operand

    `_children`, `_op` and `label` are micrograd's, and so is `_prev`, by which the parents are read and set. microgpt's
    form, `Value(data, children, local_grads)` with a tuple or list of numbers, gives the local gradients by hand. `name`
    is another word for `label`. Any other attribute may be set.
    Raises TypeError where `data` is not a real number, a child no Value, or `_op` none of these; ValueError where there
    are more or fewer local gradients than children.
    """

    _parents: tuple[Value, ...]
    _partials: Any  # a tuple of floats, in the parents' order
    _closure: Callable[[Value], None] | None
    _operation: Op | str
    _traced: bool  # made while a function is traced, in whichever thread
    __slots__ = (
        *("_data", "grad", "label", "_scope", "_role", "_traced"),
        *("_parents", "_operation", "_partials", "_closure", "__dict__"),
    )

    def __init__(
        self,
        data: Any,
        _children: Iterable[Value] = (),
        _op: str | Op | Sequence[Any] = "",
        label: str = "",
        *,
        children: Iterable[Value] | None = None,
        local_grads: Sequence[Any] | None = None,
        name: str = "",
    ) -> None:
        partials = None
        if _op.__class__ is not Op and (
            _op or _op.__class__ is not str or _children or children or local_grads or name
        ):
            _children, _op, label, partials = by_hand(PythonValue, _children, _op, label, children, local_grads, name)
        elif _children.__class__ is not tuple:
            _children = tuple(_children)
        _fill(self, data if data.__class__ is float else number(data, "data"), _children, _op)
        self.label = label
        if partials and self._parents:
            self._partials, self._closure = partials, _chain_rule

    @property
    def data(self) -> float:
        if self._data != self._data or _traces:
            refuse_traced(self)
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        self._data = number(value, "data")

    @property
    def scope(self) -> tuple[str, ...]:
        return self._scope

    @scope.setter
    def scope(self, names: tuple[str, ...]) -> None:
        if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
            raise TypeError(f"scope must be a tuple of names, got {names!r}")
        self._scope = names

    @property
    def role(self) -> str:
        return self._role

    @role.setter
    def role(self, role: str) -> None:
        if not isinstance(role, str):
            raise TypeError(f"role must be a string, got {role!r}")
        self._role = role

    @property
    def name(self) -> str:
        """The label, by another name."""
        return self.label

    @name.setter
    def name(self, name: str) -> None:
        self.label = name

    @property
    def parents(self) -> tuple[Value, ...]:
        """What this value was computed from, in the operands' order; a leaf has none.

        >>> x = Value(3.0)
        >>> (x * x).parents == (x, x)
        True
        """
        return self._parents

    @property
    def operation(self) -> Op | str:
        """The operation that computed this value; its name where it was made by hand, "" for a leaf.

        >>> (Value(3.0) * 2).operation
        <operation mul>
        """
        return self._operation

    # micrograd's and microgpt's names of what is recorded.

    @property
    def _op(self) -> str:
        op = self._operation
        if op is ops.pow:  # as micrograd writes it
            exponent = self._parents[1:]
            return (
                f"**{exponent[0]._data!r}".removesuffix(".0") if exponent and exponent[0].role == "constant" else "**"
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
    def _prev(self, parents: Iterable[Value]) -> None:
        parents = _values(_kind(self), parents, "_prev")
        # micrograd assigns a set of the very parents: it knows no order, so the one that was recorded stays.
        if set(parents) == set(self._parents) or not _mode.get().recording:
            return
        rule = self._partials and tuple(zip(self._parents, self._partials, strict=True))
        self._forget()
        self._parents = parents
        if (
            rule and parents and not self._by_hand
        ):  # in micrograd, too, the closure of the operation outlives its parents
            self._backward = lambda: _add(rule, self.grad)

    _children = _prev

    @property
    def _local_grads(self) -> tuple[float, ...]:
        return self.local_gradients

    def _forget(self) -> None:
        """Forget the operation: what is assigned by hand has no rule."""
        self._operation, self._partials = self._op, None
        if not self._by_hand:
            self._closure = None

    @property
    def _backward(self) -> Callable[[], None]:
        return partial(self._closure, self) if self._closure else lambda: None

    @_backward.setter
    def _backward(self, function: Callable[[], None]) -> None:
        # micrograd's way to add an operation: a closure that takes no argument.
        if not callable(function):
            raise TypeError(f"_backward must be a function without arguments, got {function!r}")
        if _mode.get().recording:
            self._closure = _ByHand(function)

    @property
    def _by_hand(self) -> bool:
        return isinstance(self._closure, _ByHand)

    @property
    def local_gradients(self) -> tuple[float, ...]:
        """The partial derivatives with respect to the parents, in the parents' order; 0 for a constant.

        >>> (Value(3.0) * Value(2.0)).local_gradients
        (2.0, 3.0)

        They are the numbers of the recorded pass: setting `data` afterwards does not change them.
        """
        return _probe(self) if self._by_hand else self._partials or (0.0,) * len(self._parents)

    def backward(self, gradient: Any = 1.0, create_graph: bool = False) -> None:
        """Add the derivative of this value with respect to every leaf to that leaf's `grad`.

        >>> a, b = Value(3.0), Value(2.0)
        >>> (a * b).backward()
        >>> a.grad, b.grad
        (2.0, 3.0)

        Gradients of computed values are set anew; leaves accumulate until `zero_grad()`. `gradient` is the
        derivative to start from. With `create_graph` every `grad` is a Value with a graph of its own, which can
        be differentiated again. If anything raises inside, every `grad` is as it was.
        """
        if create_graph or (self._traced and by_graph(self)):
            _backward_as_graph(self, gradient)
            return
        order = _ordered(self)
        before = [node.grad for node in order]
        watch = _mode.get().watch
        try:
            for node in order:
                node.grad = 0.0 if node._parents else _as_float(node.grad)
            self.grad += number(gradient, "gradient")
            for node in reversed(order):
                if node._closure is not None:
                    node._closure(node)
                    if watch:
                        _check_gradients(node)
        except BaseException:
            for node, grad in zip(order, before, strict=True):
                node.grad = grad
            raise

    def forward(self) -> Value:
        """Compute the recorded graph again from its leaves' present data, and return this value.

        >>> x = Value(3.0)
        >>> y = x * x
        >>> x.data = 4.0
        >>> y.forward().data
        16.0

        Partial derivatives are taken anew. If an operation raises, every `data` is as it was. Raises TypeError
        at a Value with hand-written children or `_backward`, which has no operation to repeat.
        """
        order = [node for node in _ordered(self) if node._parents]
        before = [(node._data, node._partials) for node in order]
        try:
            with _changed(recording=True):
                for node in order:
                    anew = again(node, node._parents)
                    node._data, node._partials = anew._data, anew._partials
        except BaseException:
            for node, fields in zip(order, before, strict=True):
                node._data, node._partials = fields
            raise
        return self

    def zero_grad(self) -> None:
        """Set the gradient of this value, and of all that it was computed from, to zero.

        >>> x = Value(3.0)
        >>> y = x * 2
        >>> y.backward(); y.zero_grad()
        >>> x.grad
        0.0
        """
        for node in _ordered(self):
            node.grad = 0.0

    def detach(self) -> Value:
        """Return a leaf with the same data and label: no gradient passes through it.

        >>> (Value(3.0) * 2).detach()
        Value(data=6.0, grad=0.0)

        In a function that is being compiled, whose Values have no numbers yet, it is `stop_gradient`.
        """
        return detached(self) if _traces else PythonValue(self.data, label=self.label)

    def item(self) -> float:
        """Return the number, as the method of this name of arrays and tensors does.

        >>> Value(3.0).item()
        3.0
        """
        return self.data

    no_grad = staticmethod(no_grad)

    __add__, __radd__ = _operator(ops.add)
    __sub__, __rsub__ = _operator(ops.sub)
    __mul__, __rmul__ = _operator(ops.mul)
    __truediv__, __rtruediv__ = _operator(ops.div)
    __pow__, __rpow__ = _operator(ops.pow)

    def __neg__(self) -> Value:
        return apply(ops.neg, self)

    def __pos__(self) -> Value:
        return self

    def __abs__(self) -> Value:
        return apply(ops.abs, self)

    # A number is compared as a number; two Values are equal if they are the same, as sets and dictionaries need it.

    def __eq__(self, other: object) -> bool:
        if isinstance(other, PythonValue):
            if _traces and self is not other:
                refuse_identity(self, other)
            return NotImplemented
        return bool(self.data == other) if is_number(other) else NotImplemented

    __hash__ = object.__hash__  # but for `_hash`, while a function is traced

    def __bool__(self) -> bool:
        # As any object is: programs write `if self.b:` and `self.b or 0`, and a bias of 0 is one, too.
        if self._data != self._data:
            refuse_truth(self)
        return True

    def __lt__(self, other: Any) -> bool:
        return self.data < (other.data if isinstance(other, PythonValue) else other)

    def __le__(self, other: Any) -> bool:
        return self.data <= (other.data if isinstance(other, PythonValue) else other)

    def __gt__(self, other: Any) -> bool:
        return self.data > (other.data if isinstance(other, PythonValue) else other)

    def __ge__(self, other: Any) -> bool:
        return self.data >= (other.data if isinstance(other, PythonValue) else other)

    def __float__(self) -> float:
        raise TypeError(
            "float() of a Value would drop its gradient silently, as would a function of the math module: "
            "write v.data for the number, or scalargrad.exp(v), v.exp(), ... for a function of it"
        )

    def conjugate(self) -> Value:
        """Return this value, as that of a float does: NumPy asks for it.

        >>> x = Value(3.0)
        >>> x.conjugate() is x
        True
        """
        return self

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        data = "traced" if is_traced(self) else self._data
        grad = self.grad._data if is_value(self.grad) else self.grad
        return f"Value(data={data}, grad={grad}{label})"

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else str(self)

    # Copies and pickles of a graph are made node by node in topological order: neither its depth nor what two
    # of its Values share is then a difficulty. Gradients that are graphs lead back to the nodes that have them, so they
    # are set when all nodes are made.

    def _state(self) -> tuple[Any, ...]:
        if _traces:
            refuse_traced(self)
        if self._by_hand:
            raise TypeError(
                f"{self!r} has a hand-written _backward, which cannot be copied or pickled: the copy's closure would go "
                "on to add to this graph's gradients. Build the graph anew, give the local gradients as numbers "
                "(Value(data, children, local_grads)), or write an operation (scalargrad.operation)"
            )
        gradient = 0.0 if is_value(self.grad) else self.grad
        fields = (self._data, gradient, self.label, self.scope, self.role)
        return (*fields, self._operation, self._partials, self._parents)

    @property
    def _attributes(self) -> dict[str, Any] | None:
        return self.__dict__ or None

    def __reduce__(self) -> tuple[Any, ...]:
        shallow = _Shallow.next == id(self)
        family = [self] if shallow else _family((self,))
        before = family.index(self)
        subclass = None if type(self) in (PythonValue, Value) else type(self)
        made = _rebuild, ([_Shallow(node) for node in family[:before]], subclass, *self._state())
        gradients = [] if shallow else [(node, node.grad) for node in family if is_value(node.grad)]
        if not gradients:
            return *made, self._attributes
        after = [_Shallow(node) for node in family[before + 1 :]]
        return *made, (self._attributes, after, gradients), None, None, _set_gradients

    @classmethod
    def _restore(cls, data: float, grad: float, label: str, scope: tuple[str, ...], role: str, *recorded: Any) -> Value:
        node = cls.__new__(cls)  # whatever is in force: no_grad, a scope
        node._data, node.grad, node.label, node.scope, node.role = data, grad, label, scope, role
        node._operation, node._partials, node._parents = recorded
        node._closure = None if node._partials is None else _chain_rule
        node._traced = False
        return node

    def __copy__(self) -> Value:
        copied = self._restore(*self._state())
        copied.grad = self.grad
        copied.__dict__.update(self._attributes or {})
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        family = _family((self,), memo)
        for node in family:
            *fields, parents = node._state()
            memo[id(node)] = type(node)._restore(*fields, tuple(memo[id(parent)] for parent in parents))
        for node in family:
            if is_value(node.grad):
                memo[id(node)].grad = memo[id(node.grad)]
            if node._attributes:
                memo[id(node)].__dict__.update(copy.deepcopy(node._attributes, memo))
        return memo[id(self)]

    if TYPE_CHECKING:  # every operation of the table is a method, and any attribute may be set

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...


def _unset(self: Value, name: str) -> Any:
    if name in _UNSET:
        return _UNSET[name]
    raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)


# The fields of a Value on which a patched __init__ has not called this one.
_UNSET: dict[str, Any] = {
    "grad": 0.0,
    "label": "",
    "_scope": (),
    "_role": "",
    "_traced": False,
    "_parents": (),
    "_operation": "",
    "_partials": None,
    "_closure": None,
}


for _op in ops.TABLE.values():
    setattr(Value, _op.name, _method(_op))
Value._apply = staticmethod(apply)  # type: ignore[attr-defined]
PythonValue = Value  # this file's own; `Value` becomes the one in use, at the end
_plain_init = Value.__init__


if sys.version_info[:2] == (3, 13):
    # This version alone frees what hangs together by a recursion as deep as the main thread's stack allows, in other
    # threads too. So a chain of nodes is let go of one by one.
    _dying: list[Any] = []

    def _let_go(self: Value) -> None:
        parents, self._parents = getattr(self, "_parents", ()), ()
        if _dying:
            _dying.append(parents)
            return
        _dying.extend((None, parents))  # the first stands for the work under way
        del parents
        while len(_dying) > 1:
            _dying.pop()
        _dying.clear()

    Value.__del__ = _let_go  # type: ignore[attr-defined]


def _kind(value: Value) -> type[Value]:
    return PythonValue if isinstance(value, PythonValue) else Value


def _values(kind: type[Value], values: Iterable[Any], name: str) -> tuple[Value, ...]:
    try:
        values = tuple(values)
    except TypeError:
        raise TypeError(f"{name} must be Values in a tuple or list, got {values!r}") from None
    for value in values:
        if not isinstance(value, kind):
            raise TypeError(f"{name} must be Values, got {value!r} ({type(value).__name__})")
    return values


def _add(rule: Iterable[tuple[Value, float]], gradient: float) -> None:
    for parent, slope in rule:
        parent.grad += slope * gradient


class Parents(tuple[Value, ...]):
    """What a Value was computed from, in the operands' order; equal to a set of the same Values, as micrograd's is.

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


def by_hand(
    kind: type[Value],
    children: Iterable[Any],
    op: Any = "",
    label: str = "",
    more_children: Iterable[Any] | None = None,
    local_grads: Sequence[Any] | None = None,
    name: str = "",
) -> tuple[tuple[Value, ...], str | Op, str, tuple[float, ...] | None]:
    """Sort out what a Value is made of by hand: its children, its operation, its label, its local gradients.

    >>> by_hand(Value, (Value(3.0),), (6,), name="square")[1:]
    ('', 'square', (6.0,))
    """
    children = _values(kind, children, "_children")
    if name and label:
        raise TypeError(f"name and label are two words for one thing, got {name!r} and {label!r}")
    if more_children is not None:
        if children:
            raise TypeError("children were given twice: as the second argument and by their name")
        children = _values(kind, more_children, "children")
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


def _unrecorded(mode: Mode, children: tuple[Value, ...]) -> tuple[tuple[Value, ...], str]:
    """Say what a Value made under no_grad() has as parents and as its role."""
    # While a function is traced, what is computed is known by its graph only: it is recorded as a constant.
    if children and (mode.trace or (_traces and any(map(is_traced, children)))):
        return children, "constant"
    return (), ""


def _lend(twin: Any) -> None:
    """Give the module of the C twin what is not hot: it asks for attributes only, so it works on any Value."""
    global _set_mode, _reset_mode, _traces_changed  # the twin looks them up again only where they were changed
    _set_mode, _reset_mode, _traces_changed = twin._set_mode, twin._reset_mode, twin._traces_changed
    for function in (no_grad, detect_anomaly, source_lines, scope):
        setattr(twin, function.__name__, function)
    twin.Value.__signature__ = signature(Value)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=twin._after_fork)
    methods = ("local_gradients", "forward", "item", "conjugate", "no_grad", "__float__", "__repr__", "__format__")
    names = ("name", "_op", "_prev", "_children", "_local_grads")
    copies = ("_state", "__reduce__", "__copy__", "__deepcopy__")
    for name in ("__doc__", *methods, *names, *copies, *(name for name in ops.TABLE if not hasattr(twin.Value, name))):
        setattr(twin.Value, name, vars(Value)[name])


class _ByHand:
    """A closure of the user's, which takes no argument."""

    def __init__(self, function: Callable[[], None]) -> None:
        self.function = function

    def __call__(self, _: Value) -> None:
        self.function()


class _Shallow:
    """A node in a pickled list of nodes: pickled without its ancestors, because they came before it."""

    next = 0

    def __init__(self, node: Value) -> None:
        self.node = node

    def __reduce__(self) -> tuple[Any, ...]:
        _Shallow.next = id(self.node)
        return _itself, (self.node,)


def _itself(node: Value) -> Value:
    return node


def _rebuild(_: Any, subclass: type[Value] | None, *state: Any) -> Value:
    return (subclass or Value)._restore(*state)


def _set_gradients(node: Value, state: tuple[Any, ...]) -> None:
    attributes, _, gradients = state
    node.__dict__.update(attributes or {})
    for one, gradient in gradients:
        one.grad = gradient


def _family(roots: Iterable[Value], known: Container[int] = ()) -> list[Value]:
    """List what a copy of some Values holds: all that they and the gradients among it that are graphs come from."""
    order: list[Value] = []
    seen: set[Value] = set()
    more = list(roots)
    while more:
        found = [node for node in _order(more, seen) if id(node) not in known]
        order += found
        more = [node.grad for node in found if is_value(node.grad) and node.grad not in seen]
    return order


def topological_order(*roots: Value) -> list[Value]:
    """Return the roots and all that they were computed from, parents before children, left before right.

    >>> x = Value(2.0, label="x")
    >>> y = x * x
    >>> topological_order(y) == [x, y]
    True
    """
    return _order(roots)


def _ordered(root: Value) -> list[Value]:
    return _order((root,)) if isinstance(root, PythonValue) else topological_order(root)


def _order(roots: Iterable[Value], seen: set[Value] | None = None) -> list[Value]:
    order: list[Value] = []
    stack: list[Value | None] = [*reversed(tuple(roots))]
    seen = set() if seen is None else seen
    while stack:
        node = stack.pop()
        if node is None:  # all ancestors of the next on the stack are in
            order.append(stack.pop())  # type: ignore[arg-type]
        elif node not in seen:
            seen.add(node)
            if parents := node._parents:
                stack += (node, None, *parents[::-1])
            else:
                order.append(node)
    return order


def _probe(node: Value) -> tuple[float, ...]:
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


def _described(node: Value, parents: tuple[Value, ...]) -> str:
    name = node._operation.name if isinstance(node._operation, Op) else node._operation
    return describe(name, [parent._data for parent in parents], [parent.label for parent in parents])


def _users_line() -> str:
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in ("scalargrad", "numpy"):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _check_result(node: Value, parents: tuple[Value, ...]) -> None:
    node.made_at = _users_line()
    mode = _mode.get()
    if mode.watch == "anomaly" and not isfinite(node._data) and not (mode.trace or is_traced(node)):
        raise FloatingPointError(f"{_described(node, parents)} gives {node._data}, in {node.made_at}")


def _check_gradients(node: Value) -> None:
    for parent in node._parents if _mode.get().watch == "anomaly" else ():
        if not isfinite(parent.grad) and parent.role != "constant":
            place = getattr(node, "made_at", "a line not recorded: make the graph under detect_anomaly() too")
            raise FloatingPointError(
                f"backward of {_described(node, node._parents)} gives {parent!r} a gradient of {parent.grad}, in {place}"
            )


# Derivatives as graphs: the chain rule once more, with the partials applied to Values, of this engine or of its twin.


def is_value(thing: Any) -> TypeGuard[Value]:
    """Say whether this is a Value, of this engine or of the one in use.

    >>> is_value(Value(3.0)), is_value(3.0)
    (True, False)
    """
    return isinstance(thing, (PythonValue, Value))


def cotangents(
    order: Sequence[Value], seeds: Mapping[Value, Any], wanted: Container[Value], image: Mapping[Value, Value]
) -> dict[Value, Any]:
    """Return the derivatives of the seeded values with respect to the wanted ones, as Values or numbers.

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
            if node._parents and node in found and node.role != "constant":
                out, parents = image.get(node, node), [image.get(parent, parent) for parent in node._parents]
                for i, parent in enumerate(node._parents):
                    if parent in wanted:
                        share = product(local_slope(node, i, out, parents), found[node])
                        if parent not in found:
                            found[parent] = share
                        elif share.__class__ is not float or share != 0:
                            found[parent] = found[parent] + share
    return found


def local_slope(node: Value, index: int, out: Value, parents: Sequence[Value]) -> Any:
    """Return a partial derivative of a recorded operation as a Value or a number, on what stands for it and its parents.

    >>> x = Value(3.0)
    >>> y = x * x
    >>> local_slope(y, 0, y, [x, x]) is x
    True
    """
    op = _rule(node)
    try:
        try:
            slope = op.partials[index](out, *map(_unwrapped, parents))  # constants as floats make the fewest nodes
        except _OUTSIDE:  # where floats raise, Values give what IEEE 754 gives
            slope = op.partials[index](out, *parents)
    except TypeError as error:
        raise TypeError(f"partial derivative {index + 1} of {op.name} cannot be differentiated: {error}") from error
    value, recorded = slope._data if is_value(slope) else float(slope), node._partials[index]
    if value != recorded and not (isnan(value) or isnan(recorded)):
        raise RuntimeError(
            f"the data of an operand of {node!r} was changed since it was recorded: forward() records it anew"
        )
    return slope


def again(node: Value, parents: Sequence[Value]) -> Value:
    """Apply the operation that a Value was computed by once more, to other parents.

    >>> again(Value(3.0) * 2, [Value(4.0), Value(2.0)])
    Value(data=8.0, grad=0.0)
    """
    result: Value = node._apply(_rule(node), *parents)
    return result


def _rule(node: Value) -> Op:
    if node._by_hand or not isinstance(node._operation, Op):
        op = f" ({node._op!r})" if node._op else ""
        raise TypeError(f"{node!r} was made by hand{op}: it has no operation to compute or derive anew")
    return node._operation


def product(slope: Any, gradient: Any) -> Any:
    """Multiply where there is something to multiply: a graph of derivatives holds no 1 * t.

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
    return x._data if is_value(x) and x.role == "constant" and not x._parents else x


def _backward_as_graph(root: Value, gradient: Any) -> None:
    order = _ordered(root)
    wanted = {node for node in order if node.role != "constant"}
    seed = gradient if is_value(gradient) else number(gradient, "gradient")
    found = cotangents(order, {root: seed}, wanted, {})
    make = _kind(root)
    trace = _traces[-1] if _traces and by_graph(root) else None
    for node in order:
        gradient = found.get(node, 0.0)
        gradient = gradient if is_value(gradient) or node not in found else make(gradient)
        fresh = trace is not None and trace.first_gradient(node)
        if node._parents or fresh or (node.grad.__class__ is float and node.grad == 0):
            node.grad = gradient
        elif node in found:
            node.grad = node.grad + gradient


def _as_float(gradient: Any) -> float:
    if gradient.__class__ is float:
        return gradient
    return gradient._data if is_value(gradient) else number(gradient, "grad")


# While a function is traced, its arguments are leaves without a number: nan, with the role "traced". What is computed
# from them is nan too, so only who reads a nan has to ask whether it stands for a number not yet known. The numbers of
# Values that the function takes from outside will be read anew at each call, so they are not known either. What is made
# meanwhile is marked (`_traced`), in whichever thread, as a function may have its work done by several.


class TracingError(TypeError):
    """What asks for the number of a Value while the function that it is in is being compiled."""


class Tracing:
    """A function that is being traced.

    read       the numbers (_data, grad) of Values from outside that it asked for: where they have changed, it is traced again
    stand_ins  what stands for a Value from outside while a transform calls a function on it
    gradients  those that Values from outside had
    parameters  the leaves that stand for those of Modules
    """

    def __init__(self) -> None:
        self.thread = get_ident()
        self.read: dict[tuple[Value, str], float] = {}
        self.stand_ins: dict[Value, Value] = {}
        self.gradients: dict[Value, Any] = {}
        self.parameters: set[Value] = set()

    def outside(self, value: Value) -> list[Value]:
        """List the Values from outside that a value was computed from."""
        leaves = [node for node in _ordered(value) if not (node._traced and node._parents)]
        return [self.stand_ins.get(node, node) for node in leaves if not node._traced or node in self.stand_ins]

    def first_gradient(self, node: Value) -> bool:
        """Note the gradient that a Value from outside had; say whether it gets its first one of this function."""
        first = not node._traced and node not in self.gradients
        if first:
            self.gradients[node] = _unnoted(node)
        return first


_traces: list[Tracing] = []  # under way, in all threads


def _traces_changed() -> None:
    """Tell the C twin, where it is in use."""


def _after_fork() -> None:
    _traces[:] = [trace for trace in _traces if trace.thread == get_ident()]  # the others' threads are not in the child
    _traces_changed()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _instead(its_hash: Any, gradient: Any) -> None:
    # Only while a function is traced: at all other times Python's own hash and slot are the quickest.
    setattr(PythonValue, "__hash__", its_hash)  # noqa: B010 - mypy would not have it assigned
    setattr(PythonValue, "grad", gradient)  # noqa: B010


@contextmanager
def tracing() -> Iterator[Tracing]:
    """Record a function on leaves that have no number yet.

    >>> with tracing():
    ...     under_way() is not None
    True

    In a traced function, gradients that backward() gives to Values from outside start from 0, and are gone when it ends.
    """
    trace = Tracing()
    _traces.append(trace)
    _traces_changed()
    _instead(_hash, _noting)
    try:
        with ieee(), _changed(recording=True, watch="", scope=(), trace=trace):
            yield trace
    finally:
        _traces.remove(trace)
        _traces_changed()
        if not _traces:
            _instead(object.__hash__, _slot)
        for node, gradient in trace.gradients.items():
            node.grad = gradient


def under_way() -> Tracing | None:
    """Return the trace of the function that is being traced here, if one is.

    >>> under_way()
    """
    return _mode.get().trace


def is_traced(value: Value) -> bool:
    """Say whether a Value has no number because the function that it is in is being compiled.

    >>> is_traced(Value(3.0))
    False
    """
    if value._data == value._data:
        return False
    return value.role == "traced" or (value._traced and any(n.role == "traced" for n in _ordered(value)))


def by_graph(root: Value) -> bool:
    """Say whether gradients are known by their graph only, as the number of the root is."""
    return under_way() is not None or is_traced(root)


def refuse_traced(value: Value) -> None:
    """Raise TracingError if the Value has no number because the function that it is in is being compiled.

    >>> refuse_traced(Value(3.0))

    Where it has one, but was computed from Values from outside the function, note that their numbers were asked for.
    """
    if is_traced(value):
        raise TracingError(
            f"{_users_line()}: the number of a traced value was asked for: by .data, format(), a comparison or a "
            "branch. A compiled function is traced once, for all numbers: write where(greater(a, b), x, y), "
            "maximum, minimum or relu in place of a branch"
        )
    if trace := under_way():
        trace.read.update(((node, "_data"), node._data) for node in trace.outside(value))


def refuse_truth(value: Value) -> None:
    """Raise TracingError where the truth of a traced number is asked for, and not that of a parameter, which is there.

    >>> refuse_truth(Value(3.0))
    """
    if is_traced(value) and not any(value in trace.parameters for trace in _traces):
        raise TracingError(
            f"{_users_line()}: a branch on a traced value, which is true as any Value is, while the number 0 is not. "
            "Write where(condition, x, y), or make a flag of it that is no number: True, False or None"
        )


def note_gradient(value: Value, gradient: float) -> float:
    """Note that the function which is being traced here has asked for the gradient of a Value, a number, and return it.

    >>> note_gradient(Value(3.0), 2.0)
    2.0
    """
    if (trace := under_way()) and not value._traced and gradient.__class__ is float:
        trace.read[value, "grad"] = gradient
    return gradient


_slot = vars(PythonValue)["grad"]
_noting = property(lambda self: note_gradient(self, _slot.__get__(self)), _slot.__set__)


def _unnoted(node: Value) -> Any:
    """Return the gradient of a node, which was not asked for by the function that is traced."""
    return _slot.__get__(node) if isinstance(node, PythonValue) else node._grad


def _hash(self: Value) -> int:
    refuse_identity(self)
    return object.__hash__(self)


def refuse_identity(value: Value, other: Value | None = None) -> None:
    """Raise TracingError if a traced function looks a Value up by what it is, where its number may have been meant.

    >>> refuse_identity(Value(3.0))
    """
    frame = sys._getframe(1)
    if frame.f_code in (PythonValue.__eq__.__code__, _hash.__code__):
        frame = frame.f_back or frame
    ours = frame.f_globals.get("__name__", "").partition(".")[0] in ("scalargrad", "viz")
    if not ours and (is_traced(value) or (other is not None and is_traced(other))):
        raise TracingError(
            f"{_users_line()}: a traced value was looked up in a set or dictionary, or compared by == with another "
            "one. Its number is not known yet: write equal(a, b), or `a is b` and id(a) where the value itself is meant"
        )


def detached(value: Value) -> Value:
    """Detach a Value while functions are traced.

    >>> detached(Value(3.0))
    Value(data=3.0, grad=0.0)
    """
    if not by_graph(value):
        return _kind(value)(value.data, label=value.label)
    cut: Value = value._apply(ops.stop_gradient, value)
    cut.label = value.label
    return cut


# As heapq does in Python's library: what stands above is the reference, and the C twin takes its place where it was built.


def _refuse(message: str) -> NoReturn:
    """Raise an ImportError, which a program may catch; that of the command line, still to be loaded, is ended here."""
    program = sys.argv[0] if sys.argv else ""
    if program == "-m":  # python -m
        program = sys.orig_argv[sys.orig_argv.index("-m") + 1] if "-m" in sys.orig_argv else ""
    if Path(program).stem == "scalargrad":
        print(f"scalargrad: error: {message}", file=sys.stderr)
        raise SystemExit(2)
    raise ImportError(message)


_wanted = os.environ.get("SCALARGRAD_ENGINE", "")
if _wanted not in ("", "python", "native"):
    _refuse(f"SCALARGRAD_ENGINE must be python or native, got {_wanted!r}")
engine_name = "python"
if not TYPE_CHECKING and _wanted != "python":
    try:
        from scalargrad._engine import Value, topological_order

        engine_name = "native"
    except ImportError as error:
        if _wanted == "native":
            _refuse(f"SCALARGRAD_ENGINE=native, but the C engine is not to be had: {error}")
