"""Value: a number that remembers how it was computed, and so can say how it would change.

Every operation on Values makes a new Value that holds its parents, the partial derivatives with respect to
them, and a `backward` closure that passes its gradient on. `backward()` calls those closures in the reverse
of one topological order: that is the chain rule, and all of reverse-mode differentiation.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, partial
from math import isfinite, isnan, nan
from typing import TYPE_CHECKING, Any, NamedTuple

from scalargrad import ops
from scalargrad.ops import Op, describe, ieee, is_number, number


class Mode(NamedTuple):
    """What is in force around an operation, in this thread or task only."""

    recording: bool = True
    watch: str = ""  # "lines": note where a Value is made; "anomaly": that, and raise at nan and inf
    scope: tuple[str, ...] = ()


_mode: ContextVar[Mode] = ContextVar("scalargrad.mode", default=Mode())  # noqa: B039 - a tuple
_set_mode, _reset_mode = _mode.set, _mode.reset


@contextmanager
def _changed(**changes: Any) -> Iterator[None]:
    token = _set_mode(_mode.get()._replace(**changes))
    try:
        yield
    finally:
        _reset_mode(token)


@contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording: results are leaves. A context manager and a decorator.

    >>> with no_grad():
    ...     (Value(2.0) * 3.0)._prev
    ()
    """
    with _changed(recording=False):
        yield


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
    """Mark the Values made inside as belonging together: a picture draws a frame around them.

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
        (x,), (dx,) = node._prev, node._partials
        x.grad += dx * node.grad

    def record(x: Value) -> Value:
        a = x._data
        try:
            out = forward(a)
        except _OUTSIDE as error:
            out = op.outside(error, (a,), (x.label,))
        node = Value(out, (x,), op)
        if node._prev:  # else under no_grad
            node._partials, node._closure = (_partial(op, 0, x, out, a),), backward
        return node

    return record


def _binary(op: Op) -> Callable[[Value, Value], Value]:
    forward = op.forward

    def backward(node: Value) -> None:
        (x, y), (dx, dy) = node._prev, node._partials
        x.grad += dx * node.grad
        y.grad += dy * node.grad

    def record(x: Value, y: Value) -> Value:
        a, b = x._data, y._data
        try:
            out = forward(a, b)
        except _OUTSIDE as error:
            out = op.outside(error, (a, b), (x.label, y.label))
        node = Value(out, (x, y), op)
        if node._prev:
            node._partials, node._closure = (_partial(op, 0, x, out, a, b), _partial(op, 1, y, out, a, b)), backward
        return node

    return record


def _general(op: Op) -> Callable[..., Value]:
    def record(*parents: Value) -> Value:
        out, partials = _linearize(op, parents)
        node = Value(out, parents, op)
        if node._prev:
            node._partials, node._closure = partials, _chain_rule
        return node

    return record


def _chain_rule(node: Value) -> None:
    for x, dx in zip(node._prev, node._partials, strict=True):
        x.grad += dx * node.grad


def _linearize(op: Op, parents: tuple[Value, ...]) -> tuple[float, tuple[float, ...]]:
    arguments = [x._data for x in parents]
    try:
        out = op.forward(*arguments)
    except _OUTSIDE as error:
        out = op.outside(error, arguments, [x.label for x in parents])
    return out, tuple(_partial(op, i, x, out, *arguments) for i, x in enumerate(parents))


def _partial(op: Op, index: int, parent: Value, out: float, *arguments: float) -> float:
    if parent.role == "constant":
        return 0.0
    derivative = op.partials[index]
    try:
        slope = derivative(out, *arguments)
    except _OUTSIDE:
        # A partial never raises: where floats would, Values give what IEEE 754 gives.
        try:
            with ieee(), _changed(recording=False, watch=""):
                slope = derivative(Value(out), *map(Value, arguments))
        except (TypeError, *_OUTSIDE):  # a user's, in functions that know no Values
            return nan
        slope = slope._data if isinstance(slope, Value) else slope
    return slope if slope.__class__ is float else number(slope, f"partial derivative {index + 1} of {op.name}")


@lru_cache(maxsize=1024)
def _recorder(op: Op) -> Callable[..., Value]:
    make: dict[int, Callable[[Op], Callable[..., Value]]] = {1: _unary, 2: _binary}
    return make.get(len(op.partials), _general)(op)


def apply(op: Op, *operands: Any) -> Value:
    """Apply an operation to Values and numbers, and record it.

    >>> apply(ops.mul, Value(3.0), 2)
    Value(data=6.0, grad=0.0)

    Raises where a float would, naming the operation and the operands' values and labels.
    """
    return _recorder(op)(*[x if isinstance(x, Value) else _constant(x, op) for x in operands])


def _constant(operand: Any, op: Op) -> Value:
    node = Value(number(operand, f"operand of {op.name}"))
    node.role = "constant"
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
        if not isinstance(other, Value):
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

    `_children` and `_op` are micrograd's. Any other attribute may be set.
    Raises TypeError where `data` is not a real number.
    """

    __slots__ = (
        *("_data", "grad", "label", "scope", "role"),
        *("_prev", "_operation", "_partials", "_closure", "__dict__"),
    )

    def __init__(self, data: Any, _children: Iterable[Value] = (), _op: str | Op = "", label: str = "") -> None:
        mode = _mode.get()
        self._data = data if data.__class__ is float else number(data, "data")
        self.grad = 0.0
        self.label = label
        self.scope = mode.scope
        self.role = ""
        self._prev = tuple(_children) if mode.recording else ()
        self._operation = _op
        self._partials: Any = None  # a tuple of floats, in the parents' order
        self._closure: Callable[[Value], None] | None = None
        if _op.__class__ is str and not all(isinstance(child, Value) for child in self._prev):
            raise TypeError(f"_children must be Values, got {self._prev!r}")
        if mode.watch and _op:
            _check_result(self, tuple(_children))

    @property
    def data(self) -> float:
        if self._data != self._data:
            refuse_traced(self)
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        self._data = number(value, "data")

    @property
    def _op(self) -> str:
        return self._operation.symbol if isinstance(self._operation, Op) else self._operation

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
        return _probe(self) if self._by_hand else self._partials or (0.0,) * len(self._prev)

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
        if create_graph or is_traced(self):
            _backward_as_graph(self, gradient)
            return
        order = topological_order(self)
        before = [node.grad for node in order]
        watch = _mode.get().watch
        try:
            for node in order:
                node.grad = 0.0 if node._prev else _as_float(node.grad)
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
        order = [node for node in topological_order(self) if node._prev]
        before = [(node._data, node._partials) for node in order]
        try:
            with _changed(recording=True):
                for node in order:
                    anew = again(node, node._prev)
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
        for node in topological_order(self):
            node.grad = 0.0

    def detach(self) -> Value:
        """Return a leaf with the same data and label: no gradient passes through it.

        >>> (Value(3.0) * 2).detach()
        Value(data=6.0, grad=0.0)
        """
        return Value(self.data, label=self.label)

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

    def __eq__(self, other: object) -> bool:
        if self._data != self._data and isinstance(other, (float, int)):
            refuse_traced(self)
        return NotImplemented  # identity

    __hash__ = object.__hash__

    def __lt__(self, other: Any) -> bool:
        return self.data < (other.data if isinstance(other, Value) else other)

    def __le__(self, other: Any) -> bool:
        return self.data <= (other.data if isinstance(other, Value) else other)

    def __gt__(self, other: Any) -> bool:
        return self.data > (other.data if isinstance(other, Value) else other)

    def __ge__(self, other: Any) -> bool:
        return self.data >= (other.data if isinstance(other, Value) else other)

    def __bool__(self) -> bool:
        return self.data != 0

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
        return f"Value(data={data}, grad={_as_float(self.grad)}{label})"

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else str(self)

    # Copies and pickles of a graph are made node by node in topological order: neither its depth nor what two
    # of its Values share is then a difficulty.

    def _state(self) -> tuple[Any, ...]:
        if self._by_hand:
            raise TypeError(f"{self!r} has a hand-written _backward, which cannot be copied or pickled")
        fields = (self._data, self.grad, self.label, self.scope, self.role)
        return (*fields, self._operation, self._partials, self._prev)

    @property
    def _attributes(self) -> dict[str, Any] | None:
        return self.__dict__ or None

    def __reduce__(self) -> tuple[Any, ...]:
        ancestors = [] if _Shallow.next == id(self) else topological_order(self)[:-1]
        subclass = None if type(self) in (Value, pickled) else type(self)
        return _rebuild, ([_Shallow(node) for node in ancestors], subclass, *self._state()), self._attributes

    @classmethod
    def _restore(cls, data: float, grad: float, label: str, scope: tuple[str, ...], role: str, *recorded: Any) -> Value:
        node = cls.__new__(cls)  # whatever is in force: no_grad, a scope
        node._data, node.grad, node.label, node.scope, node.role = data, grad, label, scope, role
        node._operation, node._partials, node._prev = recorded
        node._closure = None if node._partials is None else _chain_rule
        return node

    def __copy__(self) -> Value:
        copied = self._restore(*self._state())
        copied.__dict__.update(self._attributes or {})
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        for node in _order((self,), memo):
            *fields, parents = node._state()
            memo[id(node)] = copied = type(node)._restore(*fields, tuple(memo[id(parent)] for parent in parents))
            if node._attributes:
                copied.__dict__.update(copy.deepcopy(node._attributes, memo))
        return memo[id(self)]

    if TYPE_CHECKING:  # every operation of the table is a method, and any attribute may be set

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...


for _op in ops.TABLE.values():
    setattr(Value, _op.name, _method(_op))
Value._apply = staticmethod(apply)  # type: ignore[attr-defined]
pickled = Value  # the class that pickles become: the C twin's where that is in use


def _lend(twin: Any) -> None:
    """Give the module of the C twin what is not hot: it asks for attributes only, so it works on any Value."""
    global _set_mode, _reset_mode  # the twin looks the mode up again only where it was changed
    _set_mode, _reset_mode = twin._set_mode, twin._reset_mode
    for function in (no_grad, detect_anomaly, source_lines, scope):
        setattr(twin, function.__name__, function)
    methods = ("_op", "local_gradients", "forward", "conjugate", "__float__", "__repr__", "__format__")
    copies = ("_state", "__reduce__", "__copy__", "__deepcopy__")
    for name in ("__doc__", *methods, *copies, *(name for name in ops.TABLE if not hasattr(twin.Value, name))):
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
    return (subclass or pickled)._restore(*state)


def topological_order(*roots: Value) -> list[Value]:
    """Return the roots and all that they were computed from, parents before children, left before right.

    >>> x = Value(2.0, label="x")
    >>> y = x * x
    >>> topological_order(y) == [x, y]
    True
    """
    return _order(roots)


def _order(roots: Iterable[Value], known: Container[int] = ()) -> list[Value]:
    order: list[Value] = []
    seen = set()
    stack: list[Value | None] = [*reversed(tuple(roots))]
    while stack:
        node = stack.pop()
        if node is None:  # all ancestors of the next on the stack are in
            order.append(stack.pop())  # type: ignore[arg-type]
        elif node not in seen and id(node) not in known:
            seen.add(node)
            if node._prev:
                stack += (node, None, *reversed(node._prev))
            else:
                order.append(node)
    return order


def _probe(node: Value) -> tuple[float, ...]:
    """Find the local gradients of a hand-written closure: what it adds for a gradient of one."""
    family = (node, *node._prev)
    before = [value.grad for value in family]
    try:
        for value in family:
            value.grad = 0.0
        node.grad = 1.0
        node._backward()
        # What came in for a parent that stands in two places is shared out between them.
        return tuple(parent.grad / node._prev.count(parent) for parent in node._prev)
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
    if _mode.get().watch == "anomaly" and not isfinite(node._data):
        raise FloatingPointError(f"{_described(node, parents)} gives {node._data}, in {node.made_at}")


def _check_gradients(node: Value) -> None:
    for parent in node._prev if _mode.get().watch == "anomaly" else ():
        if not isfinite(parent.grad) and parent.role != "constant":
            place = getattr(node, "made_at", "a line not recorded: make the graph under detect_anomaly() too")
            raise FloatingPointError(
                f"backward of {_described(node, node._prev)} gives {parent!r} a gradient of {parent.grad}, in {place}"
            )


# Derivatives as graphs: the chain rule once more, with the partials applied to Values, of this engine or of its twin.


def is_value(thing: Any) -> bool:
    """Say whether this is a Value, of this engine or of the one in use.

    >>> is_value(Value(3.0)), is_value(3.0)
    (True, False)
    """
    return isinstance(thing, (Value, pickled))


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
            if node._prev and node in found:
                out, parents = image.get(node, node), [image.get(parent, parent) for parent in node._prev]
                for i, parent in enumerate(node._prev):
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
        raise TypeError(f"{node!r} was made by hand ({node._op!r}): it has no operation to compute or derive anew")
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
    return x._data if is_value(x) and x.role == "constant" and not x._prev else x


def _backward_as_graph(root: Value, gradient: Any) -> None:
    order = topological_order(root)
    wanted = {node for node in order if node.role != "constant"}
    seed = gradient if is_value(gradient) else number(gradient, "gradient")
    found = cotangents(order, {root: seed}, wanted, {})
    make = pickled if isinstance(root, pickled) else Value
    for node in order:
        gradient = found.get(node, 0.0)
        gradient = gradient if is_value(gradient) or node not in found else make(gradient)
        if node._prev or (node.grad.__class__ is float and node.grad == 0):
            node.grad = gradient
        elif node in found:
            node.grad = node.grad + gradient


def _as_float(gradient: Any) -> float:
    return gradient._data if is_value(gradient) else gradient


# While a function is compiled, its arguments are leaves without a number: nan, with the role "traced". What is
# computed from them is nan too, so only who reads a nan has to ask whether it stands for a number not yet known.


class TracingError(TypeError):
    """What asks for the number of a Value while the function that it is in is being compiled."""


def is_traced(value: Value) -> bool:
    """Say whether a Value has no number because the function that it is in is being compiled.

    >>> is_traced(Value(3.0))
    False
    """
    return value._data != value._data and any(node.role == "traced" for node in topological_order(value))


def refuse_traced(value: Value) -> None:
    """Raise TracingError if the Value has no number because the function that it is in is being compiled.

    >>> refuse_traced(Value(3.0))
    """
    if is_traced(value):
        raise TracingError(
            f"{_users_line()}: the number of a traced value was asked for: by .data, format(), a comparison or a "
            "branch. A compiled function is traced once, for all numbers: write where(greater(a, b), x, y), "
            "maximum, minimum or relu in place of a branch, and stop_gradient(v) in place of detach()"
        )
