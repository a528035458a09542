"""Arrays of Values on which NumPy's functions mean the operations of the table.

A plain array of objects does much of it: NumPy adds and multiplies whatever an array holds. But it finds a maximum by
`>=`, which gives a tie to one side and loses a nan, it asks floats among Values for a method `exp`, and takes every
Value to be true. NumPy lets a class say what its functions mean, and asks the arrays and Values that a function is
called with, never what a plain array or a list holds. So transforms, `jit` and `vmap` hand out arrays of this class,
what is computed from them, or from a Value and an array, is of it too, and `scalargrad.array` makes one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from scalargrad import engine, ops
from scalargrad.node import Node
from scalargrad.op import Op, Operand
from scalargrad.traced import TracingError


class Array(np.ndarray, Operand):
    """An array of Values, and of numbers among them.

    >>> from scalargrad import Value, array
    >>> np.maximum(array([Value(1.0), -2.0]), 0.0)
    Array([Value(data=1.0, grad=0.0), Value(data=0.0, grad=0.0)], dtype=object)
    """

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        return call_ufunc(ufunc, method, inputs, keywords)

    def __array_function__(self, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:
        return call_function(function, arguments, keywords)

    # Short ways to what call_ufunc does.

    def __neg__(self) -> Array:
        return (-self.view(np.ndarray)).view(Array)

    def __pow__(self, exponent: Any) -> Any:  # type: ignore[override] # without the modulus
        if isinstance(exponent, (int, float)) and exponent > 0 and exponent % 1 == 0:  # defined everywhere
            try:
                return _kept(self.view(np.ndarray) ** exponent)
            except OverflowError:  # of floats among Values: with ieee() it is none
                pass
        return np.power(self, exponent)

    def sum(self, axis: Any = None, *more: Any, **keywords: Any) -> Any:
        """Return the sum of the entries."""
        if more or keywords:
            return np.add.reduce(self, axis, *more, **keywords)
        return _kept(self.view(np.ndarray).sum(axis))

    def astype(self, dtype: Any, *more: Any, **keywords: Any) -> Any:
        """Return the entries as another type; as truths they are those of the numbers."""
        if dtype in (bool, "bool"):
            return data_of(self).astype(bool, *more, **keywords)
        return super().astype(dtype, *more, **keywords)

    @staticmethod
    def apply(op: Op, *arguments: Any) -> Any:
        return apply(op, *arguments)


def _of_data(name: str) -> Callable[..., Any]:
    def method(self: Array, *arguments: Any, **keywords: Any) -> Any:
        return getattr(data_of(self), name)(*arguments, **keywords)

    method.__doc__ = (
        f"Return what `{name}` finds for the numbers: it would ask whether a Value is true, or compare a nan."
    )
    return method


for _name in ("nonzero", "argmax", "argmin", "argsort"):
    setattr(Array, _name, _of_data(_name))


def _operator(name: str) -> Callable[[Array, Any], Any]:
    plain = getattr(np.ndarray, name)

    def operator(self: Array, other: Any) -> Any:
        try:
            out = plain(self.view(np.ndarray), _plain(other))
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
    plain = _plain(array)
    if isinstance(plain, np.ndarray) and plain.dtype.hasobject:
        return np.array([x.data if isinstance(x, Node) else x for x in plain.ravel().tolist()], float).reshape(
            plain.shape
        )
    return plain


def as_array(thing: Any) -> Any:
    """Return a plain array of Values as one of this class, a Value as one without axes, anything else as it is.

    >>> from scalargrad import Value
    >>> as_array(np.array([Value(1.0)]))
    Array([Value(data=1.0, grad=0.0)], dtype=object)
    """
    plain = _plain(thing)
    return plain.view(Array) if _holds_objects(plain) else plain


# What Python's operators do to Values and to floats is right, and NumPy uses them.
OPERATORS = frozenset(
    (
        *("add", "subtract", "multiply", "divide", "negative", "positive", "square"),
        *("matmul", "vecdot", "matvec", "vecmat"),
    )
)

# What finds truths or places, and no numbers: it is found from the data, as for floats.
OF_DATA = frozenset(
    (
        *("greater", "greater_equal", "less", "less_equal", "equal", "not_equal", "isclose", "allclose", "array_equal"),
        *("isnan", "isfinite", "isinf", "signbit", "logical_and", "logical_or", "logical_xor", "logical_not"),
        *("argmax", "argmin", "argsort", "argwhere", "nonzero", "flatnonzero", "count_nonzero", "searchsorted"),
    )
)


def _arcsinh(x: Any) -> Any:
    size = ops.where(ops.greater(0, x), -x, x)  # |x|, with a derivative at 0
    out = ops.log1p(size + size * size / (1 + ops.hypot(1, size)))
    return ops.where(ops.greater(0, x), -out, out)


def _sign(x: Any) -> Any:
    return ops.greater(x, 0) - ops.greater(0, x)


# What NumPy's names mean: the operations of the table, those that NumPy has other names for, and what is composed of them.
FUNCTIONS: Mapping[str, Op | Callable[..., Any]] = {
    **{name: op for name, op in ops.TABLE.items() if name not in OF_DATA},
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
    "cbrt": lambda x: _sign(x) * ops.pow(ops.abs(x), 1 / 3),
    "arcsinh": _arcsinh,
    "arccosh": lambda x: ops.log1p((x - 1) + ops.sqrt((x - 1) * (x + 1))),
    "arctanh": lambda x: (ops.log1p(x) - ops.log1p(-x)) / 2,
    "degrees": lambda x: x * (180 / math.pi),
    "rad2deg": lambda x: x * (180 / math.pi),
    "radians": lambda x: x * (math.pi / 180),
    "deg2rad": lambda x: x * (math.pi / 180),
}


@lru_cache(maxsize=1024)
def _elementwise(function: Op | Callable[..., Any]) -> Any:
    """Make the ufunc of an operation; one of two arguments reduces in any order, too."""
    if isinstance(function, Op):
        apply_one = partial(engine.Value.apply, function)  # of the Value in use
        apply_one.__name__ = function.name  # type: ignore[attr-defined] # for messages
        return np.frompyfunc(apply_one, len(function.partials), 1, identity=None)
    return np.frompyfunc(function, function.__code__.co_argcount, 1, identity=None)


def call_ufunc(ufunc: Any, method: str, inputs: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """Do what NumPy's function of that name does, with the operations of the table.

    >>> from scalargrad import Value
    >>> call_ufunc(np.maximum, "__call__", (Value(1.0), 2.0), {})
    Value(data=2.0, grad=0.0)
    """
    name, out = ufunc.__name__, keywords.get("out")
    if name in OF_DATA:
        return getattr(ufunc, method)(*map(data_of, inputs), **keywords)
    if out.__class__ is tuple:
        keywords["out"] = tuple([_plain(x) for x in out])
    plain = [_plain(x) for x in inputs]
    with np.errstate(all="ignore"):  # a Value raises where a float would; what the processor notes is of its partials
        if name in OPERATORS:
            if method == "reduce" and "where" in keywords:  # where NumPy asks for a start of the sum of objects
                keywords.setdefault("initial", ufunc.identity)
            try:
                return _kept(getattr(ufunc, method)(*plain, **keywords), out)
            except ZeroDivisionError:  # of floats among Values: with ieee() it is none
                pass
        function = FUNCTIONS.get(name)
        if function is None:
            return _foreign(ufunc, method, plain, keywords, out)
        return _kept(getattr(_elementwise(function), method)(*plain, **keywords), out)


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


def call_function(function: Any, arguments: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """Do what a function of NumPy's that is no ufunc does: it moves entries, or calls ufuncs.

    >>> from scalargrad import Value
    >>> call_function(np.where, (False, 1.0, Value(2.0)), {})
    Value(data=2.0, grad=0.0)
    """
    if function.__name__ in OF_DATA:
        return function(*map(data_of, arguments), **{name: data_of(x) for name, x in keywords.items()})
    if function is np.where and _holds_objects(arguments[0] if arguments else None):
        return apply(ops.where, *arguments) if len(arguments) == 3 else data_of(arguments[0]).nonzero()
    if function is np.linalg.norm:
        return _norm(*arguments, **keywords)
    given = tuple(as_array(x) for x in arguments)
    more = {name: as_array(x) for name, x in keywords.items()}
    try:
        return _kept(np.ndarray.__array_function__(np.empty(0), function, (np.ndarray,), given, more))
    except TracingError:
        raise
    except (TypeError, AttributeError) as error:
        raise TypeError(f"{_refusal(f'{function.__module__}.{function.__name__}')} ({error})") from error


def apply(op: Op, *arguments: Any) -> Any:
    """Apply an operation to each entry of arrays.

    >>> apply(ops.exp, np.zeros(2))
    array([1., 1.])
    """
    plain = [_plain(x) for x in arguments]
    with np.errstate(all="ignore"):
        if any(map(_holds_objects, plain)):
            return _kept(_elementwise(op)(*plain))
        return np.frompyfunc(op, len(op.partials), 1)(*plain).astype(float)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Do what np.linalg.norm does, which makes a plain array of what it is given."""
    x = as_array(np.asanyarray(x))
    axes = tuple(range(x.ndim)) if axis is None else tuple(np.atleast_1d(axis))
    if ord is None or (ord in ("f", "fro") and len(axes) == 2) or (ord == 2 and len(axes) == 1):
        return np.sqrt((x * x).sum(axis=axes, keepdims=keepdims))
    if isinstance(ord, str) or len(axes) > 2 or (len(axes) == 2 and abs(ord) not in (1, math.inf)):
        raise TypeError(f"np.linalg.norm: ord={ord!r} over {len(axes)} axes of Values is not to be had")
    size = np.abs(x)
    if len(axes) == 2:
        size, ord = size.sum(axis=axes[abs(ord) != 1], keepdims=True), math.copysign(math.inf, ord)
    if abs(ord) == math.inf:
        return (np.max if ord > 0 else np.min)(size, axis=axes, keepdims=keepdims)
    if ord == 0:
        return (x != 0).sum(axis=axes, keepdims=keepdims)
    return (size**ord).sum(axis=axes, keepdims=keepdims) ** (1 / ord)


def _foreign(ufunc: Any, method: str, inputs: Sequence[Any], keywords: dict[str, Any], out: Any) -> Any:
    """Call a ufunc of which the table knows nothing: one that was made of a Python function will do."""
    if isinstance(getattr(np, ufunc.__name__, None), np.ufunc):
        raise TypeError(_refusal(f"numpy.{ufunc.__name__}"))
    if not any("O" in types for types in ufunc.types):
        raise TypeError(_refusal(ufunc.__name__))
    return _kept(getattr(ufunc, method)(*inputs, **keywords), out)


def _refusal(name: str) -> str:
    return (
        f"{name} takes no Values: write it with the functions of scalargrad, make an operation of it (scalargrad.Op), "
        "or take their numbers (v.data)"
    )


def _holds_objects(thing: Any) -> bool:
    return isinstance(thing, Node) or (isinstance(thing, np.ndarray) and thing.dtype.hasobject)


def _plain(thing: Any) -> Any:
    """Return what NumPy itself deals with: a plain array of an array or a Value."""
    if thing.__class__ is Array:
        return thing.view(np.ndarray)
    if isinstance(thing, Node):
        lone = np.empty((), object)
        lone[()] = thing
        return lone
    return thing


def _kept(result: Any, out: Any = None) -> Any:
    """Keep the class of arrays of Values, and of no others."""
    if out.__class__ is tuple and out[0] is not None:
        return out[0] if len(out) == 1 else out
    if isinstance(result, np.ndarray):
        if result.dtype.hasobject:
            return result.view(Array) if result.ndim else result[()]
        return result.view(np.ndarray) if result.__class__ is Array else result
    if result.__class__ in (tuple, list):
        return result.__class__(map(_kept, result))
    return result
