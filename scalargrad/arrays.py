"""Arrays of Values on which NumPy's functions mean the operations of the table.

A plain array of objects does much of it: NumPy adds and multiplies whatever an array holds. But it finds a maximum by
`>=`, which gives a tie to one side and loses a nan, it asks floats among Values for a method `exp`, and takes every
Value to be true. NumPy lets a class say what its functions mean, and asks the arrays and Values that a function is
called with, never what a plain array or a list holds. So transforms, `jit` and `vmap` hand out arrays of this class,
what is computed from them, or from a Value and an array, is of it too, and `scalargrad.array` makes one.

Here stand the class and NumPy's functions of entries, its ufuncs; its other functions stand in functions.py and linalg.py.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from scalargrad import engine, ops
from scalargrad.modes import users_line
from scalargrad.node import Node
from scalargrad.op import Op, Operand
from scalargrad.traced import TracingError, condition, is_condition, is_traced, traces, watchers


class Array(np.ndarray, Operand):
    """An array of Values, and of numbers among them.

    >>> from scalargrad import Value, array
    >>> np.maximum(array([Value(1.0), -2.0]), 0.0)
    Array([Value(data=1.0, grad=0.0), Value(data=0.0, grad=0.0)], dtype=object)
    """

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        return call_ufunc(ufunc, method, inputs, keywords)

    def __array_function__(self, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:
        of_values: Any = engine.Value  # value.py says what a Value does, which is the same
        return of_values.__array_function__(self, function, types, arguments, keywords)

    # Short ways to what call_ufunc does.

    def __neg__(self) -> Array:
        return (-self.view(np.ndarray)).view(Array)

    def __pow__(self, exponent: Any) -> Any:  # type: ignore[override] # without the modulus
        if isinstance(exponent, (int, float)) and exponent > 0 and exponent % 1 == 0:  # defined everywhere
            try:
                return kept(self.view(np.ndarray) ** exponent)
            except OverflowError:  # of floats among Values: with ieee() it is none
                pass
        return np.power(self, exponent)

    def sum(self, axis: Any = None, *more: Any, **keywords: Any) -> Any:
        """Return the sum of the entries."""
        if more or keywords:
            return np.add.reduce(self, axis, *more, **keywords)
        return kept(self.view(np.ndarray).sum(axis))

    def astype(self, dtype: Any, *more: Any, **keywords: Any) -> Any:
        """Return the entries as another type: doubles and whole numbers are Values, truths those of the numbers."""
        dtype = np.dtype(dtype)
        if dtype.char == "d":
            return self.copy()
        if dtype.kind in "iu":
            return np.trunc(self)
        if dtype.kind == "b":
            return np.not_equal(self, 0)
        if dtype.kind == "f":
            raise TypeError(
                f"a Value is a double, and none of {dtype}: leave astype away, or take the numbers (data_of)"
            )
        return super().astype(dtype, *more, **keywords)

    def sort(self, axis: Any = -1, *more: Any, **keywords: Any) -> None:
        """Sort in place, as np.sort does."""
        self[...] = np.sort(self, axis, *more, **keywords)

    @staticmethod
    def apply(op: Op, *arguments: Any) -> Any:
        return apply(op, *arguments)


def _function(name: str) -> Callable[..., Any]:
    def method(self: Array, *arguments: Any, **keywords: Any) -> Any:
        return getattr(np, name)(self, *arguments, **keywords)

    method.__doc__ = f"Return what np.{name} does: NumPy's method would ask whether a Value is true, or compare a nan."
    return method


for _name in ("nonzero", "argmax", "argmin", "argsort", "searchsorted"):
    setattr(Array, _name, _function(_name))


def _watch() -> None:
    """Let indices be looked at while a function is traced; at all other times NumPy's own way is the quickest."""
    for name, method in (("__getitem__", _getitem), ("__setitem__", _setitem)):
        if traces:
            setattr(Array, name, method)
        elif name in vars(Array):
            delattr(Array, name)


def _getitem(self: Array, key: Any) -> Any:
    _refuse_traced_index(key)
    return np.ndarray.__getitem__(self, key)


def _setitem(self: Array, key: Any, value: Any) -> None:
    _refuse_traced_index(key)
    np.ndarray.__setitem__(self, key, value)


def _refuse_traced_index(key: Any) -> None:
    if any(has_traced(part) for part in (key if key.__class__ is tuple else (key,))):
        raise TracingError(
            f"{users_line()}: an array indexed by traced values, of which it is not known yet which entries they choose. A "
            "compiled function is traced once, for all numbers: write np.where(condition, x, y) in place of x[condition], "
            "np.max(x) in place of x[np.argmax(x)]"
        )


watchers.append(_watch)
_watch()


def _operator(name: str) -> Callable[[Array, Any], Any]:
    plain = getattr(np.ndarray, name)

    def operator(self: Array, other: Any) -> Any:
        try:
            out = plain(self.view(np.ndarray), bare(other))
        except ZeroDivisionError:  # of floats among Values: with ieee() it is none
            return getattr(super(Array, self), name)(other)
        return out.view(Array) if out.__class__ is np.ndarray else out

    # Python, once it is quick, compares a nan in a way that the processor notes, and NumPy would warn of.
    return operator if engine.engine_name == "native" else np.errstate(all="ignore")(operator)


for _name in ("add", "sub", "mul", "truediv", "matmul"):
    for _prefix in ("__", "__r"):
        setattr(Array, f"{_prefix}{_name}__", _operator(f"{_prefix}{_name}__"))


def data_of(array: Any) -> Any:
    """Return the numbers of an array of Values as an array of floats; anything else as it is.

    >>> from scalargrad import Value, array
    >>> data_of(array([Value(1.0), -2.0]))
    array([ 1., -2.])

    Raises TracingError where a Value has no number.
    """
    if isinstance(array, Node):
        return array.data
    if not holds_objects(array):
        return bare(array)
    entries = array.ravel().tolist()
    numbers = _numbers(entries)
    if traces or np.isnan(numbers).any():  # some may not be known yet, or are to be noted as asked for
        numbers = np.array([x.data if isinstance(x, Node) else x for x in entries], float)
    return numbers.reshape(array.shape)


def _numbers(entries: list[Any]) -> Any:
    """Return the numbers of Values as they are: nan where they are not known yet."""
    try:
        return np.fromiter(map(_data, entries), float, len(entries))
    except AttributeError:  # of floats among them
        return np.array([x._data if isinstance(x, Node) else x for x in entries], float)


_data = operator.attrgetter("_data")


def has_traced(thing: Any) -> bool:
    """Say whether one of the numbers of an array, or of a Value, is not known yet because a function is traced.

    >>> from scalargrad import Value
    >>> has_traced(np.array([Value(1.0), 2.0]))
    False
    """
    if isinstance(thing, Node):
        return is_traced(thing)
    if not holds_objects(thing):
        return False
    entries = thing.ravel().tolist()
    return bool(np.isnan(_numbers(entries)).any()) and any(isinstance(x, Node) and is_traced(x) for x in entries)


def as_array(thing: Any) -> Any:
    """Return a plain array of Values as one of this class, a Value as one without axes, anything else as it is.

    >>> from scalargrad import Value
    >>> as_array(np.array([Value(1.0)]))
    Array([Value(data=1.0, grad=0.0)], dtype=object)
    """
    plain = bare(thing)
    return plain.view(Array) if holds_objects(plain) else plain


# What Python's operators do to Values and to floats is right, and NumPy uses them.
OPERATORS = frozenset(
    (
        *("add", "subtract", "multiply", "divide", "negative", "positive", "square"),
        *("matmul", "vecdot", "matvec", "vecmat"),
    )
)

# What finds truths, which are those of the numbers, as for floats; where these are not known yet, conditions.


def _relation(name: str) -> Callable[[Any, Any], Any]:
    plain = getattr(operator, name)

    def compare(x: Any, y: Any) -> Any:  # Values, too: between them, Python's `==` asks whether they are the same
        asked = condition(name, x, y)
        return plain(*(z.data if isinstance(z, Node) else z for z in (x, y))) if asked is None else asked

    return compare


_less, _equal, _unequal = map(_relation, ("lt", "eq", "ne"))


def _truth(x: Any) -> Any:
    return x if isinstance(x, bool) or is_condition(x) else _unequal(x, 0)


TRUTHS: Mapping[str, Callable[..., Any]] = {
    "less": _less,
    "less_equal": _relation("le"),
    "greater": _relation("gt"),
    "greater_equal": _relation("ge"),
    "equal": _equal,
    "not_equal": _unequal,
    "isnan": lambda x: _unequal(x, x),
    "isfinite": lambda x: _equal(x - x, 0),
    "isinf": lambda x: _equal(ops.abs(x), math.inf),
    "signbit": lambda x: _less(ops.copysign(1.0, x), 0),
    "logical_and": lambda x, y: _truth(x) & _truth(y),
    "logical_or": lambda x, y: _truth(x) | _truth(y),
    "logical_xor": lambda x, y: _truth(x) ^ _truth(y),
    "logical_not": lambda x: _truth(x) ^ True,
    "bitwise_and": operator.and_,
    "bitwise_or": operator.or_,
    "bitwise_xor": operator.xor,
    "invert": lambda x: x ^ True,
}


def _arcsinh(x: Any) -> Any:
    size = ops.where(ops.greater(0, x), -x, x)  # |x|, with a derivative at 0
    out = ops.log1p(size + size * size / (1 + ops.hypot(1, size)))
    return ops.where(ops.greater(0, x), -out, out)


def _sign(x: Any) -> Any:
    return ops.greater(x, 0) - ops.greater(0, x)


def _of_numbers(op: Op, x: Any, y: Any) -> Any:
    """Apply an operation to what is no nan."""
    return ops.where(np.isnan(x), y, ops.where(np.isnan(y), x, op(x, y)))


# What NumPy's names mean: the operations of the table, those that NumPy has other names for, and what is composed of them.
FUNCTIONS: Mapping[str, Op | Callable[..., Any]] = {
    **{name: op for name, op in ops.TABLE.items() if name not in TRUTHS},
    "absolute": ops.abs,
    "fabs": ops.abs,
    "subtract": ops.sub,
    "multiply": ops.mul,
    "divide": ops.div,
    "negative": ops.neg,
    "power": ops.pow,
    "float_power": ops.pow,
    "conjugate": lambda x: x,
    "real": lambda x: x,
    "reciprocal": lambda x: ops.div(1.0, x),
    "sign": _sign,
    "clip": lambda x, low, high: ops.minimum(ops.maximum(x, low), high),
    "exp2": lambda x: ops.pow(2.0, x),
    "arcsinh": _arcsinh,
    "arccosh": lambda x: ops.log1p((x - 1) + ops.sqrt((x - 1) * (x + 1))),
    "arctanh": lambda x: (ops.log1p(x) - ops.log1p(-x)) / 2,
    "heaviside": lambda x, y: ops.where(ops.equal(x, 0), y, ops.greater(x, 0)),
    "fmax": lambda x, y: _of_numbers(ops.maximum, x, y),
    "fmin": lambda x, y: _of_numbers(ops.minimum, x, y),
    "logaddexp2": lambda x, y: ops.logaddexp(x * math.log(2), y * math.log(2)) / math.log(2),
    "ldexp": lambda x, y: x * 2.0**y,
    "divmod": lambda x, y: (ops.floor_divide(x, y), ops.remainder(x, y)),
    "modf": lambda x: (ops.difference(x, ops.trunc(x)), ops.trunc(x)),
    "degrees": lambda x: x * (180 / math.pi),
    "rad2deg": lambda x: x * (180 / math.pi),
    "radians": lambda x: x * (math.pi / 180),
    "deg2rad": lambda x: x * (math.pi / 180),
}


@lru_cache(maxsize=1024)
def _elementwise(function: Op | Callable[..., Any], results: int = 1) -> Any:
    """Make the ufunc of an operation; one of two arguments reduces in any order, too."""
    if isinstance(function, Op):
        apply_one = partial(engine.Value.apply, function)  # of the Value in use
        apply_one.__name__ = function.name  # type: ignore[attr-defined] # for messages
        return np.frompyfunc(apply_one, len(function.partials), 1, identity=None)
    arity = 2 if function.__class__ is type(operator.and_) else function.__code__.co_argcount
    return np.frompyfunc(function, arity, results, identity=None)


def call_ufunc(ufunc: Any, method: str, inputs: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """Do what NumPy's function of that name does, with the operations of the table.

    >>> from scalargrad import Value
    >>> call_ufunc(np.maximum, "__call__", (Value(1.0), 2.0), {})
    Value(data=2.0, grad=0.0)
    """
    name, out = ufunc.__name__, keywords.get("out")
    if name in TRUTHS:
        return _truths(ufunc, method, inputs, keywords)
    if keywords.get("dtype") is not None and np.dtype(keywords["dtype"]).char == "d":
        del keywords["dtype"]  # which Values are
    if out.__class__ is tuple:
        keywords["out"] = tuple([bare(x) for x in out])
    plain = [bare(x) for x in inputs]
    with np.errstate(all="ignore"):  # a Value raises where a float would; what the processor notes is of its partials
        if name in OPERATORS:
            if method == "reduce" and "where" in keywords:  # where NumPy asks for a start of the sum of objects
                keywords.setdefault("initial", ufunc.identity)
            try:
                return kept(getattr(ufunc, method)(*plain, **keywords), out)
            except ZeroDivisionError:  # of floats among Values: with ieee() it is none
                pass
        function = FUNCTIONS.get(name)
        if function is None:
            return _foreign(ufunc, method, plain, keywords, out)
        if method == "__call__" and not keywords and not isinstance(function, Op):
            whole = [as_array(np.asanyarray(x) if isinstance(x, (list, tuple)) else x) for x in inputs]
            return kept(function(*whole))  # quicker than of each entry
        return kept(getattr(_elementwise(function, ufunc.nout), method)(*plain, **keywords), out)


def _truths(ufunc: Any, method: str, inputs: Sequence[Any], keywords: dict[str, Any]) -> Any:
    if not any(map(has_traced, inputs)):
        return getattr(ufunc, method)(*map(data_of, inputs), **keywords)
    plain, function = [bare(x) for x in inputs], TRUTHS[ufunc.__name__]
    with np.errstate(all="ignore"):
        if ufunc.identity in (True, False):  # those of truths: a reduction of one number alone is one, too
            plain = [np.frompyfunc(_truth, 1, 1)(x) if isinstance(x, np.ndarray) else x for x in plain]
            if method == "reduce":
                keywords.setdefault("initial", ufunc.identity)
        found = getattr(_elementwise(function), method)(*plain, **keywords)
    if isinstance(found, np.ndarray) and not has_traced(found):
        found = found.astype(bool)
    return kept(found, keywords.get("out"))


def call_with_value(ufunc: Any, method: str, inputs: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """Do the same where a lone Value is among the inputs, which often are numbers all.

    >>> from scalargrad import Value
    >>> call_with_value(np.exp, "__call__", (Value(0.0),), {})
    Value(data=1.0, grad=0.0)
    """
    if method == "__call__" and not keywords and all(isinstance(x, (Node, float)) for x in inputs):
        function = FUNCTIONS.get(ufunc.__name__)
        if function:
            return function(*inputs)
    return call_ufunc(ufunc, method, inputs, keywords)


def apply(op: Op, *arguments: Any) -> Any:
    """Apply an operation to each entry of arrays.

    >>> apply(ops.exp, np.zeros(2))
    array([1., 1.])
    """
    plain = [bare(x) for x in arguments]
    with np.errstate(all="ignore"):
        if any(map(holds_objects, plain)):
            return kept(_elementwise(op)(*plain))
        return np.frompyfunc(op, len(op.partials), 1)(*plain).astype(float)


def _foreign(ufunc: Any, method: str, inputs: Sequence[Any], keywords: dict[str, Any], out: Any) -> Any:
    """Call a ufunc of which the table knows nothing: one that was made of a Python function will do."""
    if isinstance(getattr(np, ufunc.__name__, None), np.ufunc):
        raise TypeError(refusal(f"numpy.{ufunc.__name__}"))
    if not any("O" in types for types in ufunc.types):
        raise TypeError(refusal(ufunc.__name__))
    return kept(getattr(ufunc, method)(*inputs, **keywords), out)


def refusal(name: str) -> str:
    """Say that a function of NumPy's takes no Values, and the way out.

    >>> refusal("numpy.roots").partition(":")[0]
    'numpy.roots takes no Values'
    """
    return (
        f"{name} takes no Values: write it with the functions of scalargrad, make an operation of it (scalargrad.Op), "
        "or take their numbers (v.data)"
    )


def holds_objects(thing: Any) -> bool:
    """Say whether this is a Value, or an array of objects.

    >>> holds_objects(np.zeros(2))
    False
    """
    return isinstance(thing, Node) or (isinstance(thing, np.ndarray) and thing.dtype.hasobject)


def bare(thing: Any) -> Any:
    """Return what NumPy itself deals with: a plain array of an array or a Value, anything else as it is.

    >>> bare(2.0)
    2.0
    """
    if thing.__class__ is Array:
        return thing.view(np.ndarray)
    if isinstance(thing, Node):
        lone = np.empty((), object)
        lone[()] = thing
        return lone
    if isinstance(thing, np.ma.MaskedArray):
        raise TypeError(f"an array must have a number everywhere: fill in what is masked (.filled(x)), got {thing!r}")
    return thing


def kept(result: Any, out: Any = None) -> Any:
    """Keep the class of arrays of Values, and of no others.

    >>> kept(np.zeros(2))
    array([0., 0.])
    """
    if out.__class__ is tuple and out[0] is not None:
        return out[0] if len(out) == 1 else out
    if isinstance(result, np.ndarray):
        if result.dtype.hasobject:
            return result.view(Array) if result.ndim else result[()]
        return result.view(np.ndarray) if result.__class__ is Array else result
    if result.__class__ in (tuple, list):
        return result.__class__(map(kept, result))
    return result
