"""Value: a number that remembers how it was computed, and so can say how it would change.

Every operation on Values makes a new Value that holds its parents and the partial derivatives with respect to them.
`backward()` goes through them in the reverse of one topological order, and each passes its gradient on to its parents,
times the partial derivatives: that is the chain rule, and all of reverse-mode differentiation.

This is the reference. Its twin in C, _engine.c, does the same, bit for bit, and takes its place where it was built: the
class below is called `PythonValue` in this file, because the name `Value` becomes the twin's at the end.
Read on in node.py: what a Value is once it is recorded.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from math import nan
from typing import TYPE_CHECKING, Any, NoReturn

from scalargrad import ops
from scalargrad.alias import one_module
from scalargrad.anomaly import check_gradients, check_result
from scalargrad.copies import Copied
from scalargrad.derivatives import backward_as_graph
from scalargrad.micrograd import ByHand, by_hand
from scalargrad.modes import PLAIN, About, current
from scalargrad.node import OUTSIDE as OUTSIDE  # for _RECORD
from scalargrad.node import Node, is_unrecorded, linearize
from scalargrad.op import ATOM, SUM, Number, Op, Operand, Text, is_number, number
from scalargrad.order import ordered
from scalargrad.traced import by_graph, note_gradient, refuse_identity, refuse_traced, traces, watchers

one_module(__name__)

KINDS = ("variable", "constant", "traced")  # of numbers; see Value
VARIABLE, CONSTANT = KINDS[:2]


# Recording an operation. Operators, methods and functions all come to the function that `_recorder` makes of its record, by
# filling in this text: for mul, `out = a*b` and `slopes = (b, a)`.

_RECORD = """\
def record({names}):
    {others}
    {numbers} = {data}
    try:
        out = {value}
        slopes = ({slopes},) if {variable} else ({slopes_or_0},)
    except OUTSIDE:
        return general({names})
    mode = current()
    if not mode.plain or out != out or traces or PythonValue.__init__ is not _plain_init:
        return _made(out, ({names},), op, slopes)
    node = _new(PythonValue)
    node._data = out
    node.grad = 0.0
    node._parents = ({names},)
    node._operation = op
    node._partials = slopes
    node._kind = VARIABLE
    node._about = mode.about
    return node
"""


class _Code(Operand, Text):
    """Python's text of an expression; an operation on it makes a longer one."""

    @staticmethod
    def apply(op: Op, *operands: Any) -> _Code:
        texts = [x if isinstance(x, Text) else Text(repr(float(x)), SUM if x < 0 else ATOM) for x in operands]
        infix = op in (ops.add, ops.sub, ops.mul, ops.div, ops.neg)
        return _Code(op.print(*texts), op.precedence) if infix else _Code(f"{op.name}({', '.join(texts)})")


@lru_cache(maxsize=1024)
def _recorder(op: Op) -> Callable[..., Any]:
    """Write the function that records an operation, with its value and its partial derivatives put in.

    >>> _recorder(ops.mul)(PythonValue(2.0), PythonValue(3.0))
    Value(data=6.0, grad=0.0)

    For mul, the text between the names and the new node is

        a, b = x._data, y._data
        try:
            out = a*b
            slopes = (b, a,) if x._kind is not CONSTANT and y._kind is not CONSTANT else (...)

    To call the functions of the record instead would take several times as long.
    """
    if ops.TABLE.get(op.name) is not op:  # outside the table, a partial may give what is no float
        return _general(op)
    names, numbers = "xyzuvw"[: len(op.partials)], [_Code(letter) for letter in "abcdef"[: len(op.partials)]]
    slopes = [str(partial(_Code("out"), *numbers)) for partial in op.partials]
    text = _RECORD.format(
        names=", ".join(names),
        others="\n    ".join(
            f"if {x}.__class__ is not PythonValue and ({x} := _operand({x}, op)) is NotImplemented:\n        return NotImplemented"
            for x in names[1:]
        ),
        numbers=", ".join(numbers),
        data=", ".join(f"{x}._data" for x in names),
        value=_Code.apply(op, *numbers),
        slopes=", ".join(slopes),
        variable=" and ".join(f"{x}._kind is not CONSTANT" for x in names),
        slopes_or_0=", ".join(
            f"0.0 if {x}._kind is CONSTANT else {slope}" for x, slope in zip(names, slopes, strict=True)
        ),
    )
    forwards = {name: record.forward for name, record in ops.TABLE.items()}
    known: dict[str, Any] = {**globals(), **forwards, "nan": nan, "op": op, "general": _general(op)}
    exec(text, known)  # noqa: S102 - the text is ours, as in namedtuple
    record: Callable[..., Any] = known["record"]
    record.__name__, record.__qualname__ = op.name, f"Value.{op.name}"
    record.__doc__ = getattr(getattr(Node, op.name, None), "__doc__", None)
    return record


class _Recording:
    """The method of an operation, which is written when it is first asked for."""

    def __init__(self, op: Op) -> None:
        self.op = op

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, value: Any, owner: type) -> Any:
        record = _recorder(self.op)
        setattr(PythonValue, self.name, record)
        return record.__get__(value, owner)


def _general(op: Op) -> Callable[..., Any]:
    def record(*parents: Any) -> Any:
        out, slopes = linearize(op, parents)
        return _made(out, parents, op, slopes)

    return record


def _made(data: float, parents: tuple[Any, ...], op: Op | str, slopes: tuple[float, ...] | None) -> Any:
    if PythonValue.__init__ is not _plain_init:
        return _constructed(data, parents, op, slopes)
    node = _new(PythonValue)
    node._data = data
    node.grad = 0.0
    node._parents = parents
    node._operation = op
    node._partials = slopes
    node._kind = VARIABLE
    mode = current()
    node._about = mode.about
    if not mode.plain or data != data or traces:
        _adapt(node)
    return node


_new: Any = object.__new__


def _adapt(node: Any) -> None:
    """Apply to a new node what no_grad(), watching or tracing changes."""
    mode, parents = current(), node._parents
    # Of what is made from a traced value later on, only a nan can stand for a number that is not known.
    traced = bool(traces) or (node._data != node._data and any(x._traced for x in parents))
    if traced:
        node._about = node._about._replace(traced=True)
    if not mode.recording:
        if is_unrecorded(parents):
            node._parents, node._partials = (), None
        else:
            node._kind = CONSTANT
    if mode.watch and (node._operation or parents):
        check_result(node, parents)


def _constructed(data: float, parents: tuple[Any, ...], op: Op | str, slopes: tuple[float, ...] | None) -> Any:
    # Somebody has patched __init__, to count nodes or to give each an attribute, and it may leave fields unset. Defaults
    # for these are installed now, because a class with a __getattr__ is slower at every attribute.
    PythonValue.__getattr__ = _unset  # type: ignore[attr-defined]
    node = PythonValue(data, parents, op)
    if node._parents:
        node._parents, node._partials = parents, slopes  # in their order: micrograd's own __init__ assigns a set
    return node


def _unset(self: Value, name: str) -> Any:
    defaults = {
        "grad": 0.0,
        "_parents": (),
        "_operation": "",
        "_partials": None,
        "_kind": VARIABLE,
        "_about": PLAIN.about,
    }
    if name in defaults:
        return defaults[name]
    raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)


def _constant(operand: Any, op: Op) -> Any:
    node = _made(operand if operand.__class__ is float else number(operand, "operand of ", op.name), (), "", None)
    node._kind = CONSTANT
    return node


def _operand(operand: Any, op: Op) -> Any:
    if operand.__class__ is float or operand.__class__ is int or is_number(operand):
        return _constant(operand, op)
    return operand if isinstance(operand, PythonValue) else NotImplemented


def apply(op: Op, *operands: Any) -> Any:
    """Apply an operation to Values and numbers, and record it.

    >>> apply(ops.mul, PythonValue(3.0), 2)
    Value(data=6.0, grad=0.0)

    Raises where a float would, naming the operation and the operands' values and labels.
    """
    return _recorder(op)(*[x if isinstance(x, PythonValue) else _constant(x, op) for x in operands])


def _reflected(op: Op) -> Callable[[Value, Any], Any]:
    def reflected(self: Value, other: Any) -> Any:
        return _recorder(op)(_constant(other, op), self) if is_number(other) else NotImplemented

    return reflected


class Value(Node):
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
    role    how a picture paints a leaf: "input", "parameter", "target", or "constant" where its kind is that
    kind    "variable"; or "constant", as a number that was used as an operand is: it takes no gradient from what is
            computed with it; or "traced": it has no number yet, because the function that it is in is being compiled

    `_children`, `_op` and `label` are micrograd's, and so is `_prev`, by which the parents are read and set. microgpt's
    form, `Value(data, children, local_grads)` with a tuple or list of numbers, gives the local gradients by hand. `name`
    is another word for `label`. Any other attribute may be set.
    Raises TypeError where `data` is not a real number, a child no Value, or `_op` none of these; ValueError where there
    are more or fewer local gradients than children.
    """

    # _partials: a number for each parent; None for a leaf; or a closure that was written by hand
    __slots__ = ("__dict__", "_about", "_data", "_kind", "_operation", "_parents", "_partials", "grad")

    def __init__(
        self,
        data: Number,
        _children: Iterable[Value] = (),
        _op: str | Op | Sequence[Any] = "",
        label: str = "",
        *,
        children: Iterable[Value] | None = None,
        local_grads: Sequence[Any] | None = None,
        name: str = "",
    ) -> None:
        slopes = None
        if _children or _op or _op.__class__ is not str or children or local_grads or name:
            _children, _op, label, slopes = by_hand(PythonValue, _children, _op, label, children, local_grads, name)
        elif _children.__class__ is not tuple:
            _children = tuple(_children)
        self._data = data if data.__class__ is float else number(data, "data")
        self.grad = 0.0
        self._parents = _children
        self._operation = _op
        self._partials = slopes
        self._kind = VARIABLE
        mode = current()
        self._about = About(label, mode.scope) if label else mode.about
        if not mode.plain or traces or self._data != self._data:
            _adapt(self)

    @property
    def data(self) -> float:
        if self._data != self._data or traces:
            refuse_traced(self)
        return self._data

    @data.setter
    def data(self, value: Number) -> None:
        self._data = number(value, "data")

    @property
    def label(self) -> str:
        return self._about.label

    @label.setter
    def label(self, label: str) -> None:
        self._about = self._about._replace(label=label)

    @property
    def scope(self) -> tuple[str, ...]:
        return self._about.scope

    @scope.setter
    def scope(self, names: tuple[str, ...]) -> None:
        if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
            raise TypeError(f"scope must be a tuple of names, got {names!r}")
        self._about = self._about._replace(scope=names)

    @property
    def role(self) -> str:
        return self._about.role or (CONSTANT if self._kind is CONSTANT else "")

    @role.setter
    def role(self, role: str) -> None:
        if not isinstance(role, str):
            raise TypeError(f"role must be a string, got {role!r}")
        if role in KINDS:
            raise ValueError(f"role says how a leaf is painted; {role!r} is a kind of number: set `kind`")
        self._about = _with_role(self._about, role)

    @property
    def kind(self) -> str:
        return self._kind

    @kind.setter
    def kind(self, kind: str) -> None:
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
        self._kind = KINDS[KINDS.index(kind)]

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
            backward_as_graph(self, gradient)
            return
        order = ordered([self])
        before = [node.grad for node in order]
        watch = current().watch
        try:
            for node in order:
                if node._parents:
                    node.grad = 0.0
                elif node.grad.__class__ is not float:
                    node.grad = _as_float(node.grad)
            self.grad += number(gradient, "gradient")
            sweep_back(order, check=check_gradients if watch else None)
        except BaseException:
            for node, grad in zip(order, before, strict=True):
                node.grad = grad
            raise

    if TYPE_CHECKING:  # the types of what Node cannot name; those of operators stand in methods.pyi

        @property
        def parents(self) -> tuple[Value, ...]: ...
        def detach(self) -> Value: ...

    else:
        __add__, __radd__ = _Recording(ops.add), _reflected(ops.add)
        __sub__, __rsub__ = _Recording(ops.sub), _reflected(ops.sub)
        __mul__, __rmul__ = _Recording(ops.mul), _reflected(ops.mul)
        __truediv__, __rtruediv__ = _Recording(ops.div), _reflected(ops.div)
        __pow__, __rpow__ = _Recording(ops.pow), _reflected(ops.pow)
        __neg__, __abs__ = _Recording(ops.neg), _Recording(ops.abs)
    apply = staticmethod(apply)

    @property
    def _backward(self) -> Callable[[], None]:
        slopes = self._partials
        if isinstance(slopes, ByHand):
            return slopes.function

        def pass_on() -> None:
            for parent, slope in zip(self._parents, slopes or (), strict=False):
                parent.grad += slope * self.grad

        return pass_on

    @_backward.setter
    def _backward(self, function: Callable[[], None]) -> None:
        rule = ByHand(function)
        if current().recording:
            self._partials = rule

    @property
    def _by_hand(self) -> bool:
        return isinstance(self._partials, ByHand)

    def _forget(self) -> None:
        """Forget the operation: what is assigned by hand has no rule."""
        self._operation = self._op
        if not self._by_hand:
            self._partials = None

    @property
    def _role(self) -> str:
        return self._about.role

    @property
    def _traced(self) -> bool:
        return self._about.traced

    @_traced.setter
    def _traced(self, traced: bool) -> None:
        self._about = self._about._replace(traced=traced)

    @property
    def _attributes(self) -> dict[str, Any] | None:
        return self.__dict__ or None

    @classmethod
    def _restore(cls, data: float, grad: Any, label: str, scope: Any, role: str, kind: str, *recorded: Any) -> Value:
        node = cls.__new__(cls)  # whatever is in force: no_grad, a scope
        node._data, node.grad, node._about, node.kind = data, grad, About(label, scope, role), kind
        node._operation, node._partials, node._parents = recorded
        return node


def _call_closure(node: Any) -> None:
    if node._partials is not None:
        node._partials.function()


def sweep_back(
    order: Sequence[Any], by_hand: Callable[[Any], None] = _call_closure, check: Callable[[Any], None] | None = None
) -> None:
    """Let each value, in the reverse of an order, add to its parents' gradients its own, times the partial derivatives.

    >>> x = PythonValue(3.0)
    >>> y = x * x
    >>> y.grad = 1.0
    >>> sweep_back([x, y])
    >>> x.grad
    6.0

    by_hand  what is done for a value that was made by hand
    check    what is done after each
    """
    for node in reversed(order):
        slopes = node._partials
        if slopes.__class__ is tuple:
            gradient = node.grad
            if len(slopes) == 2:  # which most have: a loop takes three times as long
                (x, y), (dx, dy) = node._parents, slopes
                x.grad += dx * gradient
                y.grad += dy * gradient
            else:
                for parent, slope in zip(node._parents, slopes, strict=True):
                    parent.grad += slope * gradient
        elif slopes is not None or node._parents:
            by_hand(node)
        if check:
            check(node)


PythonValue = Value  # this file's own; `Value` becomes the one in use, at the end
PythonValue._grad = vars(PythonValue)["grad"]
_plain_init = PythonValue.__init__
for _op in ops.OPERATIONS.values():
    if len(_op.partials) == 1:  # the methods of others, which Node has, take arrays, too
        _method = _Recording(_op)
        _method.name = _op.name  # setattr does not call __set_name__
        setattr(PythonValue, _op.name, _method)


@lru_cache(maxsize=1024)  # leaves are many, and alike
def _with_role(about: About, role: str) -> About:
    return about._replace(role=role)


def _as_float(gradient: Any) -> float:
    return gradient._data if isinstance(gradient, Node) else number(gradient, "grad")


# While a function is traced, a Value says who asks for its gradient, or what it is. At all other times Python's own slot
# and hash are the quickest.


def _hash(self: Value) -> int:
    refuse_identity(self)
    return object.__hash__(self)


def _watch() -> None:
    slot: Any = PythonValue._grad
    noting = property(lambda self: note_gradient(self, slot.__get__(self)), slot.__set__)
    setattr(PythonValue, "__hash__", _hash if traces else object.__hash__)  # noqa: B010 - mypy would not have it assigned
    setattr(PythonValue, "grad", noting if traces else slot)  # noqa: B010


watchers.append(_watch)


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
        try:
            while len(_dying) > 1:
                _dying.pop()
        finally:
            _dying.clear()

    Value.__del__ = _let_go  # type: ignore[attr-defined]


def topological_order(*roots: Value) -> list[Value]:
    """Return the roots and all that they were computed from, parents before children, left before right.

    >>> x = Value(2.0, label="x")
    >>> y = x * x
    >>> topological_order(y) == [x, y]
    True
    """
    return ordered(roots)


# As heapq does in Python's library: what stands above is the reference, and the C twin takes its place where it was built.


def _refuse(message: str) -> NoReturn:
    """Raise an ImportError, which a program may catch; that of the command line, still to be loaded, is ended here."""
    program = sys.argv[0] if sys.argv else ""
    if program == "-m":  # python -m
        program = sys.orig_argv[sys.orig_argv.index("-m") + 1] if "-m" in sys.orig_argv else ""
    if os.path.splitext(os.path.basename(program))[0] == "scalargrad":  # noqa: PTH119, PTH122 - pathlib is slow to import
        print(f"scalargrad: error: {message}", file=sys.stderr)
        raise SystemExit(2)
    raise ImportError(message)


_wanted = os.environ.get("SCALARGRAD_ENGINE", "")
if _wanted not in ("", "python", "native"):
    _refuse(f"SCALARGRAD_ENGINE must be python or native, got {_wanted!r}")
engine_name = "python"
if not TYPE_CHECKING and _wanted != "python":
    try:
        from scalargrad._engine import Value, topological_order  # noqa: F401 - in place of those above

        engine_name, Value.__doc__ = "native", PythonValue.__doc__
    except ImportError as error:
        if _wanted == "native":
            _refuse(f"SCALARGRAD_ENGINE=native, but the C engine is not to be had: {error}")
Copied.in_use = Value
