"""The table of operations: one record says everything the project knows about one operation.

A partial derivative is written once, over operators and other operations only, so that the very same line
runs on floats (a backward pass), on Values (a derivative that can be differentiated again) and on whatever
else knows how to apply an operation. In its scope: `out`, the result, and the arguments in their order.

Adding an operation is one record here and one row of test points in `tests/points.py`.
"""

# mypy: disable-error-code="has-type"
# (partials refer to records that come later in the table)

from __future__ import annotations

import importlib
import inspect
import math
import operator
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial, wraps
from itertools import zip_longest
from math import copysign, inf, isnan, nan
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeVar, overload

Node = TypeVar("Node")  # a Value, or whatever else operations can be applied to

# How tightly a printed expression holds together; templates ask for a minimum, as in "{:1} + {:2}".
SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4


class Text(str):
    """A printed expression that puts itself in parentheses where its surroundings bind more tightly.

    >>> "{:2}*{:3}".format(Text("a + b", SUM), Text("c"))
    '(a + b)*c'
    """

    __slots__ = ("precedence",)
    precedence: int

    def __new__(cls, text: str, precedence: int = ATOM) -> Text:  # noqa: PYI034 - Self is for Python 3.11
        self = super().__new__(cls, text)
        self.precedence = precedence
        return self

    def __format__(self, minimum: str) -> str:
        return f"({self!s})" if minimum and self.precedence < int(minimum) else str(self)


_ieee: ContextVar[bool] = ContextVar("scalargrad.ieee", default=False)


class Setting:
    """What holds inside a `with` block, or, as a decorator, whenever the body of a function runs.

    >>> @ieee()
    ... def logarithms(x):
    ...     yield log(x)
    >>> next(logarithms(0.0))
    -inf

    A generator or a coroutine, which stops and goes on, is in it between its stops only.
    """

    def __init__(self, enter: Callable[[], AbstractContextManager[None]]) -> None:
        self._enter = enter
        self._entered: list[Any] = []

    def __enter__(self) -> None:
        block = self._enter()
        block.__enter__()
        self._entered.append(block)

    def __exit__(self, *raised: object) -> None:
        self._entered.pop().__exit__(*raised)

    def __call__(self, function: Any) -> Any:
        """Let it hold whenever the body of a function runs."""
        return held(self._enter, function)


def setting(block: Callable[..., AbstractContextManager[None]]) -> Callable[..., Setting]:
    """Make a decorator, too, of a function that makes a context manager.

    >>> setting(ieee)()(log)(0.0)
    -inf
    """

    @wraps(block)
    def make(*arguments: Any) -> Setting:
        return Setting(partial(block, *arguments))

    return make


def held(enter: Callable[[], AbstractContextManager[None]], function: Any) -> Any:
    """Return a function whose body runs inside a block that is entered each time that it starts or goes on.

    >>> held(ieee, log)(0.0)
    -inf
    """
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(held(enter, function.__func__))

    def generator(*arguments: Any, **keywords: Any) -> Generator[Any, Any, Any]:
        return (yield from _Steps(enter, function(*arguments, **keywords)))

    async def coroutine(*arguments: Any, **keywords: Any) -> Any:
        return await _Awaited(enter, function(*arguments, **keywords))

    async def asynchronous_generator(*arguments: Any, **keywords: Any) -> AsyncGenerator[Any, Any]:
        inner = function(*arguments, **keywords)
        step = inner.__anext__()
        while True:
            try:
                item = await _Awaited(enter, step)
            except StopAsyncIteration:
                return
            try:
                step = inner.asend((yield item))
            except GeneratorExit:
                await _Awaited(enter, inner.aclose())
                raise
            except BaseException as error:  # noqa: BLE001 - which the body may be waiting for
                step = inner.athrow(error)

    def plain(*arguments: Any, **keywords: Any) -> Any:
        with enter():
            return function(*arguments, **keywords)

    kinds: dict[Callable[[Any], bool], Callable[..., Any]] = {
        inspect.isgeneratorfunction: generator,
        inspect.iscoroutinefunction: coroutine,
        inspect.isasyncgenfunction: asynchronous_generator,
    }
    return wraps(function)(next((wrapper for is_kind, wrapper in kinds.items() if is_kind(function)), plain))


class _Steps(Generator[Any, Any, Any]):
    """A generator, or what a coroutine waits for, each step of which is inside a block."""

    def __init__(self, enter: Callable[[], AbstractContextManager[None]], inner: Any) -> None:
        self.enter, self.inner = enter, inner

    def send(self, value: Any) -> Any:
        with self.enter():
            return self.inner.send(value)

    def throw(self, *raised: Any) -> Any:
        with self.enter():
            return self.inner.throw(*raised)


class _Awaited(_Steps):
    def __await__(self) -> Generator[Any, Any, Any]:
        return self


@setting
@contextmanager
def ieee() -> Iterator[None]:
    """Follow IEEE 754 instead of raising: log 0 is -inf, 1/0 is inf, log -1 is nan.

    >>> with ieee():
    ...     log(0.0), div(1.0, 0.0), exp(710.0), log(-1.0)
    (-inf, inf, inf, nan)
    """
    token = _ieee.set(True)
    try:
        yield
    finally:
        _ieee.reset(token)


def one_module(name: str) -> None:
    """See to it that a module which is imported by another package's name is the one that is there already.

    >>> one_module("scalargrad.ops")

    Programs for micrograd run after `sys.modules["micrograd"] = scalargrad`, but then `import micrograd.engine` would
    execute the file once more, and make a second Value, unlike the first.
    """
    first = f"{__package__}.{name.rpartition('.')[2]}"
    if name != first:
        sys.modules[name] = importlib.import_module(first)


def is_number(value: Any) -> bool:
    """Say whether a value can enter the graph: a real number that becomes a float.

    >>> is_number(3), is_number("3")
    (True, False)
    """
    if isinstance(value, (float, int, Real)) or type(value).__name__ in ("bool", "bool_"):  # NumPy's bool
        return True
    return (
        getattr(value, "shape", None) == () and hasattr(value, "item") and is_number(value.item())
    )  # an array or tensor without dimensions


def number(value: Any, name: str = "value") -> float:
    """Return a real number as a float: int, bool, Fraction and NumPy's real scalars included.

    >>> number(3, "x")
    3.0

    Raises TypeError for anything else: a string, None, a complex, a Decimal, an array, a Value.
    """
    if type(value) is float:
        return value
    if is_number(value):
        try:
            return float(value if isinstance(value, (float, int, Real)) else value.item())
        except OverflowError:
            raise OverflowError(f"{name} is too large for a float") from None
    raise TypeError(f"{name} must be a real number, got {value!r} ({type(value).__name__})")


def describe(name: str, arguments: Iterable[float], labels: Sequence[str] = ()) -> str:
    """Name an operation with its arguments, for a message.

    >>> describe("log", [-0.3], ["p"])
    'log(p = -0.3)'
    """
    named = (f"{label} = {x!r}" if label else repr(x) for x, label in zip_longest(arguments, labels))
    return f"{name}({', '.join(named)})"


apply_to_arrays: Callable[..., Any] = NotImplemented  # set by value.py: arrays hold Values, which stand below


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Op:
    """An operation, and the function that applies it to numbers or to Values.

    >>> cube = Op("cube", lambda x: x * x * x, lambda out, x: 3 * x * x)
    >>> cube(2.0)
    8.0

    name      NumPy's name for it, where NumPy has one
    forward   its value: floats to a float, raising where Python's own function raises
    partials  one function `(out, *arguments)` an argument: the partial derivative with respect to it
    needs     its domain in words, for error messages (the arguments are called x and y)
    beyond    what IEEE 754 gives where `forward` raises
    symbol    how a picture shows it
    text      how it prints as an expression that `scalargrad eval` reads; fields state a minimal precedence
    latex     the same in LaTeX
    precedence  of what was printed
    libm      for the compiler: C's name for it, where its mathematical library has it
    branchless  for the compiler: its value, written like a partial, over other operations
    doc       one sentence and an example
    """

    name: str
    forward: Callable[..., float]
    partials: tuple[Callable[..., Any], ...]
    needs: str
    beyond: Callable[..., float]
    symbol: str
    text: str
    latex: str
    precedence: int
    libm: str
    branchless: Callable[..., Any] | None

    def __init__(
        self,
        name: str,
        forward: Callable[..., float],
        *partials: Callable[..., Any],
        needs: str = "",
        beyond: Callable[..., float] = lambda *arguments: nan,
        symbol: str = "",
        text: str = "",
        latex: str = "",
        precedence: int = ATOM,
        libm: str = "",
        branchless: Callable[..., Any] | None = None,
        doc: str = "",
    ) -> None:
        if not partials:
            raise TypeError(f"Op {name!r} needs one partial derivative for each argument, got none")
        fields = ", ".join("{}" for _ in partials)
        self.__dict__.update(
            name=name,
            forward=forward,
            partials=partials,
            needs=needs,
            beyond=beyond,
            symbol=symbol or name,
            text=text or f"{name}({fields})",
            latex=latex or rf"\operatorname{{{{{name}}}}}\left({fields}\right)",
            precedence=precedence,
            libm=libm,
            branchless=branchless,
            __doc__=doc,
            __module__=sys._getframe(1).f_globals.get("__name__"),
        )

    @overload
    def __call__(self, *arguments: float) -> float: ...
    @overload
    def __call__(self, *arguments: Node | float) -> Node: ...
    def __call__(self, *arguments: Any) -> Any:
        if len(arguments) != len(self.partials):
            raise TypeError(f"{self.name}() takes {len(self.partials)} arguments, got {len(arguments)}")
        try:
            for argument in arguments:
                if type(argument) is not float and hasattr(argument, "_apply"):
                    return argument._apply(self, *arguments)
            floats = [number(argument, f"argument {i} of {self.name}") for i, argument in enumerate(arguments, 1)]
        except TypeError:
            numpy = sys.modules.get("numpy")
            if numpy is None or not any(isinstance(argument, numpy.ndarray) for argument in arguments):
                raise
            return apply_to_arrays(self, *arguments)
        try:
            return self.forward(*floats)
        except (ArithmeticError, ValueError) as error:
            return self.outside(error, floats)

    def outside(self, error: Exception, arguments: Sequence[float], labels: Sequence[str] = ()) -> float:
        """Answer for `forward`, which raised `error`: what IEEE 754 gives, or the error with names and numbers."""
        if _ieee.get():
            return self.beyond(*arguments)
        if isinstance(error, OverflowError):
            reason = "the result is too large for a float"
        else:
            reason = f"needs {self.needs}" if self.needs else str(error)
        raise type(error)(f"{describe(self.name, arguments, labels)}: {reason}") from None

    def print(self, *operands: str, style: str = "text") -> Text:
        """Print the operation on printed operands, in a style ("text" or "latex").

        >>> mul.print(add.print("a", "b"), "c")
        '(a + b)*c'
        """
        template: str = getattr(self, style)
        return Text(template.format(*(o if isinstance(o, Text) else Text(o) for o in operands)), self.precedence)

    def __repr__(self) -> str:
        return f"<operation {self.name}>"

    def __reduce__(self) -> str:
        # By name, as pickle treats functions: the record itself is full of lambdas. Pickle looks whether it is found.
        names = vars(sys.modules.get(self.__module__, operator))
        return next((name for name in (self.name, *names) if names.get(name) is self), self.name)


def operation(function: Callable[..., tuple[Any, Any]]) -> Op:
    """Make an operation of a function that returns the value and the tuple of its partial derivatives.

    >>> @operation
    ... def scaled_square(x, y):
    ...     return x * y * y, (y * y, 2 * x * y)
    >>> scaled_square(3.0, 2.0)
    12.0

    Written with operators and scalargrad's functions (not `math`'s), it can be differentiated to any order.
    """
    arity = len(inspect.signature(function).parameters)

    def evaluate(*arguments: Any) -> tuple[Any, tuple[Any, ...]]:
        value, partials = function(*arguments)
        partials = partials if isinstance(partials, (tuple, list)) else (partials,)
        if len(partials) != arity:
            raise TypeError(f"{op.name} must return its value and {arity} partial derivatives, got {partials!r}")
        return value, tuple(partials)

    def partial(index: int) -> Callable[..., Any]:
        return lambda out, *arguments: evaluate(*arguments)[1][index]

    op = Op(
        function.__name__,
        lambda *arguments: evaluate(*arguments)[0],
        *map(partial, range(arity)),
        doc=function.__doc__ or "",
    )
    op.__dict__["__module__"] = function.__module__
    return op


# Forward functions that Python's math module has not, or has otherwise.


def _power(x: float, y: float) -> float:
    out = x**y
    if isinstance(out, complex):
        raise ValueError
    return out


def _power_beyond(x: float, y: float) -> float:
    if x < 0 and not y.is_integer():
        return nan
    return copysign(inf, x) if y % 2 == 1 else inf


def _power_rule(x: float, y: float) -> float:
    # y - 1 must be exact, or its rounding costs up to |log x| ulps; where it is not, x**y / x is safe.
    if y == 0:
        return 0.0
    exact = x == 0 or (math.fabs(y) < 2**53 and (y - 1) + 1 == y)
    exponent = y - 1 if exact else y
    try:
        out = _power(x, exponent)
    except (ArithmeticError, ValueError):
        out = _power_beyond(x, exponent)
    return y * out if exact else y * (out / x)


def _logaddexp(x: float, y: float) -> float:
    if x == y:  # two infinities, too
        return x + math.log(2)
    if x < y:
        x, y = y, x
    e = math.exp(y - x)
    return x + math.log1p(e - e * _lost(x, y))


def _times_log(x: float, y: float, log: Callable[[float], float], zero: float) -> float:
    return 0.0 if x == 0 and y >= zero else x * log(y)


def _relu(x: float) -> float:
    return x if x > 0 or isnan(x) else 0.0


def _sigmoid(x: float) -> float:
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    return (e := math.exp(x)) / (1 + e)


def _one_less_square(x: Any) -> Any:
    # (1 - x)*(1 + x) keeps the digits that 1 - x*x loses near 1, but rounds twice near 0, and so does its derivative.
    return where(greater(0.5, abs(x)), 1 - x * x, (1 - x) * (1 + x))


def _sech_squared(x: float) -> float:
    e = math.exp(-2 * math.fabs(x))
    return 4 * e / ((1 + e) * (1 + e))


def _gaussian(x: float) -> float:
    # The rounding of x*x alone would cost up to x*x ulps: split x so that the large square is exact.
    if math.fabs(x) > 28:
        return 0.0
    high = (carry := 134217729 * x) - (carry - x)
    return math.exp(-high * high) * math.exp((high - x) * (high + x))


def _logaddexp_slope(x: Any, y: Any) -> Any:
    # The rounding of x - y alone would cost up to half of |x - y| ulps: it is found, exactly, and made good.
    return sigmoid(difference(x, y)) + _lost(x, y) * sigmoid_slope(difference(x, y))


def _lost(x: Any, y: Any) -> Any:
    # What the rounding of x - y loses, exactly, and 0 where they are so far apart that nothing depends on it.
    ahead = x - y
    back = ahead - x
    near = greater(800, abs(difference(x, y))) - equal(x, y)
    return where(near, (x - (ahead - back)) - (y + back), 0.0)


def _logaddexp_branchless(x: Any, y: Any) -> Any:
    high, low = maximum(x, y), minimum(x, y)
    e = exp(low - high)
    return where(equal(x, y), x + math.log(2), high + log1p(e - e * _lost(high, low)))


def _power_rule_branchless(x: Any, y: Any) -> Any:
    exact = where(greater(2.0**53, abs(y)) * equal(y - 1 + 1, y), 1.0, equal(x, 0))
    out = pow(x, where(exact, y - 1, y))
    return where(equal(y, 0), 0.0, where(exact, y * out, y * (out / x)))


def _gaussian_branchless(x: Any) -> Any:
    near = where(greater(abs(x), 28), 0.0, x)
    high = (near + 1.5 * 2**32) - 1.5 * 2**32  # a multiple of 2**-20, whose square is exact
    return where(greater(abs(x), 28), 0.0, exp(-high * high) * exp((high - near) * (high + near)))


def _compare(relation: Callable[[float, float], bool]) -> Callable[[float, float], float]:
    return lambda x, y: nan if isnan(x) or isnan(y) else float(relation(x, y))


# The table, one record an operation.
# fmt: off

add = Op(
    "add", operator.add, lambda out, x, y: 1.0, lambda out, x, y: 1.0,
    symbol="+", text="{:1} + {:2}", latex="{:1} + {:2}", precedence=SUM,
    doc="Sum of x and y.\n\n>>> add(1.0, 2.0)\n3.0")
sub = Op(
    "sub", operator.sub, lambda out, x, y: 1.0, lambda out, x, y: -1.0,
    symbol="-", text="{:1} - {:2}", latex="{:1} - {:2}", precedence=SUM,
    doc="Difference of x and y.\n\n>>> sub(1.0, 2.0)\n-1.0")
mul = Op(
    "mul", operator.mul, lambda out, x, y: y, lambda out, x, y: x,
    symbol="*", text="{:2}*{:3}", latex=r"{:2} \cdot {:3}", precedence=PRODUCT,
    doc="Product of x and y.\n\n>>> mul(3.0, 2.0)\n6.0")
div = Op(
    "div", operator.truediv, lambda out, x, y: 1 / y, lambda out, x, y: -out / y,
    needs="a divisor that is not 0", beyond=lambda x, y: nan if x == 0 or isnan(x) else copysign(inf, x) * copysign(1, y),
    symbol="/", text="{:2}/{:3}", latex=r"\frac{{{}}}{{{}}}", precedence=PRODUCT,
    doc="Quotient of x and y.\n\n>>> div(3.0, 2.0)\n1.5")
neg = Op(
    "neg", operator.neg, lambda out, x: -1.0,
    symbol="-", text="-{:3}", latex="-{:2}", precedence=SUM,
    doc="Minus x.\n\n>>> neg(2.0)\n-2.0")
pow = Op(  # 0**0 = 1; d(x**0)/dx = 0 everywhere; d(0**y)/dy = 0 for y >= 0
    "pow", _power, lambda out, x, y: power_rule(x, y), lambda out, x, y: out * log(x + equal(x, 0)),
    needs="a positive base, or a whole exponent, not negative where the base is 0", beyond=_power_beyond,
    symbol="^", text="{:4}**{:3}", latex="{:4}^{{{}}}", precedence=POWER,
    libm="pow", doc="x to the power of y; x**0 is 1.\n\n>>> pow(2.0, 3.0)\n8.0")
abs = Op(  # |x|' = 0 at the kink
    "abs", math.fabs, lambda out, x: greater(x, 0) - greater(0, x),
    symbol="abs", latex=r"\left|{}\right|",
    libm="fabs", doc="Absolute value of x; its derivative at 0 is 0.\n\n>>> abs(-2.0)\n2.0")
maximum = Op(  # ties: half to each, PyTorch's minimum-norm rule
    "maximum", lambda x, y: x if x >= y or isnan(x) else y,
    lambda out, x, y: greater(x, y) + equal(x, y) / 2, lambda out, x, y: greater(y, x) + equal(x, y) / 2,
    symbol="max", latex=r"\max\left({}, {}\right)",
    doc="The larger of x and y; a tie gives half of the gradient to each.\n\n>>> maximum(1.0, 2.0)\n2.0")
minimum = Op(
    "minimum", lambda x, y: x if x <= y or isnan(x) else y,
    lambda out, x, y: greater(y, x) + equal(x, y) / 2, lambda out, x, y: greater(x, y) + equal(x, y) / 2,
    symbol="min", latex=r"\min\left({}, {}\right)",
    doc="The smaller of x and y; a tie gives half of the gradient to each.\n\n>>> minimum(1.0, 2.0)\n1.0")

exp = Op(
    "exp", math.exp, lambda out, x: out,
    beyond=lambda x: inf, latex="e^{{{}}}",
    libm="exp", doc="e to the power of x.\n\n>>> exp(0.0)\n1.0")
expm1 = Op(
    "expm1", math.expm1, lambda out, x: exp(x),
    beyond=lambda x: inf, latex=r"\left(e^{{{}}} - 1\right)",
    libm="expm1", doc="exp(x) - 1, accurate near x = 0.\n\n>>> expm1(0.0)\n0.0")
log = Op(
    "log", math.log, lambda out, x: 1 / x,
    needs="x > 0", beyond=lambda x: -inf if x == 0 else nan, latex=r"\ln\left({}\right)",
    libm="log", doc="Natural logarithm of x > 0.\n\n>>> log(1.0)\n0.0")
log1p = Op(
    "log1p", math.log1p, lambda out, x: 1 / (1 + x),
    needs="x > -1", beyond=lambda x: -inf if x == -1 else nan, latex=r"\ln\left(1 + {:2}\right)",
    libm="log1p", doc="log(1 + x), accurate near x = 0, for x > -1.\n\n>>> log1p(0.0)\n0.0")
sqrt = Op(
    "sqrt", math.sqrt, lambda out, x: 0.5 / out,
    needs="x >= 0", latex=r"\sqrt{{{}}}",
    libm="sqrt", doc="Square root of x >= 0; its derivative at 0 is inf.\n\n>>> sqrt(4.0)\n2.0")

sin = Op(
    "sin", math.sin, lambda out, x: cos(x),
    needs="a finite x", latex=r"\sin\left({}\right)",
    libm="sin", doc="Sine of x radians.\n\n>>> sin(0.0)\n0.0")
cos = Op(
    "cos", math.cos, lambda out, x: -sin(x),
    needs="a finite x", latex=r"\cos\left({}\right)",
    libm="cos", doc="Cosine of x radians.\n\n>>> cos(0.0)\n1.0")
tan = Op(
    "tan", math.tan, lambda out, x: 1 + out * out,
    needs="a finite x", latex=r"\tan\left({}\right)",
    libm="tan", doc="Tangent of x radians.\n\n>>> tan(0.0)\n0.0")
arcsin = Op(
    "arcsin", math.asin, lambda out, x: arcsin_slope(x),
    needs="-1 <= x <= 1", latex=r"\arcsin\left({}\right)",
    libm="asin", doc="Inverse sine in radians, for -1 <= x <= 1.\n\n>>> arcsin(0.0)\n0.0")
arccos = Op(
    "arccos", math.acos, lambda out, x: -arcsin_slope(x),
    needs="-1 <= x <= 1", latex=r"\arccos\left({}\right)",
    libm="acos", doc="Inverse cosine in radians, for -1 <= x <= 1.\n\n>>> arccos(1.0)\n0.0")
arctan = Op(
    "arctan", math.atan, lambda out, x: arctan_slope(x),
    latex=r"\arctan\left({}\right)",
    libm="atan", doc="Inverse tangent in radians.\n\n>>> arctan(0.0)\n0.0")
arctan2 = Op(
    "arctan2", math.atan2,
    lambda out, x, y: hypot_slope(y, x) / hypot(x, y), lambda out, x, y: -hypot_slope(x, y) / hypot(x, y),
    libm="atan2", doc="Angle in radians of the point with ordinate x and abscissa y.\n\n>>> arctan2(0.0, 1.0)\n0.0")
hypot = Op(
    "hypot", math.hypot, lambda out, x, y: hypot_slope(x, y), lambda out, x, y: hypot_slope(y, x),
    latex=r"\sqrt{{{:4}^2 + {:4}^2}}",
    libm="hypot", doc="Square root of x*x + y*y, without overflow.\n\n>>> hypot(3.0, 4.0)\n5.0")

sinh = Op(
    "sinh", math.sinh, lambda out, x: cosh(x),
    beyond=lambda x: copysign(inf, x), latex=r"\sinh\left({}\right)",
    libm="sinh", doc="Hyperbolic sine of x.\n\n>>> sinh(0.0)\n0.0")
cosh = Op(
    "cosh", math.cosh, lambda out, x: sinh(x),
    beyond=lambda x: inf, latex=r"\cosh\left({}\right)",
    libm="cosh", doc="Hyperbolic cosine of x.\n\n>>> cosh(0.0)\n1.0")
tanh = Op(
    "tanh", math.tanh, lambda out, x: sech_squared(x),
    latex=r"\tanh\left({}\right)",
    libm="tanh", doc="Hyperbolic tangent of x.\n\n>>> tanh(0.0)\n0.0")

relu = Op(  # relu'(0) = 0
    "relu", _relu, lambda out, x: greater(x, 0),
    symbol="ReLU", latex=r"\operatorname{{ReLU}}\left({}\right)",
    branchless=lambda x: where(greater(x, 0), x, 0.0),
    doc="x where x > 0, else 0; its derivative at 0 is 0.\n\n>>> relu(-2.0)\n0.0")
sigmoid = Op(
    "sigmoid", _sigmoid, lambda out, x: sigmoid_slope(x),
    symbol="σ", latex=r"\sigma\left({}\right)",
    branchless=lambda x: where(greater(0, x), exp(-abs(x)), 1.0) / (1 + exp(-abs(x))),
    doc="1/(1 + exp(-x)) without overflow.\n\n>>> sigmoid(0.0)\n0.5")
softplus = Op(
    "softplus", lambda x: _relu(x) + math.log1p(math.exp(-math.fabs(x))), lambda out, x: sigmoid(x),
    branchless=lambda x: relu(x) + log1p(exp(-abs(x))),
    doc="log(1 + exp(x)) without overflow.\n\n>>> softplus(1000.0)\n1000.0")
logaddexp = Op(
    "logaddexp", _logaddexp, lambda out, x, y: logaddexp_slope(x, y), lambda out, x, y: logaddexp_slope(y, x),
    symbol="ln(eˣ + eʸ)", latex=r"\ln\left(e^{{{}}} + e^{{{}}}\right)",
    branchless=_logaddexp_branchless,
    doc="log(exp(x) + exp(y)) without overflow.\n\n>>> logaddexp(1000.0, 0.0)\n1000.0")
xlogy = Op(  # 0 log 0 = 0, and so are its derivatives
    "xlogy", lambda x, y: _times_log(x, y, math.log, 0.0),
    lambda out, x, y: log(y + equal(x, 0) * equal(y, 0)), lambda out, x, y: x / (y + equal(x, 0) * equal(y, 0)),
    needs="y > 0, or x = 0 and y = 0", beyond=lambda x, y: nan if isnan(x) or y < 0 else copysign(inf, -x),
    symbol="x ln y", latex=r"{:2} \cdot \ln\left({}\right)", precedence=PRODUCT,
    branchless=lambda x, y: where(equal(x, 0) * (greater(y, 0) + equal(y, 0)), 0.0, x * log(y)),
    doc="x*log(y), which is 0 where x is 0.\n\n>>> xlogy(0.0, 0.0)\n0.0")
xlog1py = Op(
    "xlog1py", lambda x, y: _times_log(x, y, math.log1p, -1.0),
    lambda out, x, y: log1p(y + equal(x, 0) * equal(y, -1)), lambda out, x, y: x / (1 + y + equal(x, 0) * equal(y, -1)),
    needs="y > -1, or x = 0 and y = -1", beyond=lambda x, y: nan if isnan(x) or y < -1 else copysign(inf, -x),
    symbol="x ln(1 + y)", latex=r"{:2} \cdot \ln\left(1 + {:2}\right)", precedence=PRODUCT,
    branchless=lambda x, y: where(equal(x, 0) * (greater(y, -1) + equal(y, -1)), 0.0, x * log1p(y)),
    doc="x*log(1 + y), which is 0 where x is 0.\n\n>>> xlog1py(0.0, -1.0)\n0.0")
erf = Op(
    "erf", math.erf, lambda out, x: 2 / math.sqrt(math.pi) * gaussian(x),
    libm="erf", doc="Error function of x.\n\n>>> erf(0.0)\n0.0")

where = Op(
    "where", lambda x, y, z: nan if isnan(x) else y if x else z,
    lambda out, x, y, z: 0.0, lambda out, x, y, z: where(x, 1.0, 0.0), lambda out, x, y, z: where(x, 0.0, 1.0),
    symbol="where", latex=r"\left({1} \text{{ if }} {0} \text{{ else }} {2}\right)",
    doc="y where the condition x is not 0, else z; nan where x is nan.\n\n>>> where(greater(2.0, 1.0), 3.0, 4.0)\n3.0")

# Helpers of the partials above: conditions as numbers, and what plain formulas would compute inaccurately.
greater = Op(
    "greater", _compare(operator.gt), lambda out, x, y: 0.0, lambda out, x, y: 0.0,
    symbol=">", latex="[{} > {}]",
    doc="1 where x > y, else 0; nan where either is nan.\n\n>>> greater(2.0, 1.0)\n1.0")
equal = Op(
    "equal", _compare(operator.eq), lambda out, x, y: 0.0, lambda out, x, y: 0.0,
    symbol="=", latex="[{} = {}]",
    doc="1 where x = y, else 0; nan where either is nan.\n\n>>> equal(2.0, 1.0)\n0.0")
power_rule = Op(
    "power_rule", _power_rule,
    lambda out, x, y: power_term(y * (y - 1), x, y - 2), lambda out, x, y: pow(x, y - 1) + out * log(x + equal(x, 0)),
    symbol="yxʸ⁻¹", text="power_rule({}, {})", latex=r"{1:2} \cdot {0:4}^{{{1:1} - 1}}", precedence=PRODUCT,
    branchless=_power_rule_branchless,
    doc="y*x**(y - 1), the derivative of x**y; 0 where y = 0.\n\n>>> power_rule(3.0, 2.0)\n6.0")
power_term = Op(  # beyond the n-th derivative of x**n the factor is 0, and the power infinite at x = 0
    "power_term", lambda c, x, y: c * _power(x, y) if c != 0 else 0.0,
    lambda out, c, x, y: pow(x, y), lambda out, c, x, y: power_term(c * y, x, y - 1),
    lambda out, c, x, y: out * log(x + equal(x, 0)),
    needs="what a power needs, or a factor of 0", beyond=lambda c, x, y: c * _power_beyond(x, y),
    symbol="c·xʸ", text="power_term({}, {}, {})", latex=r"{:2} \cdot {:4}^{{{}}}", precedence=PRODUCT,
    branchless=lambda c, x, y: where(equal(c, 0), 0.0, c * pow(x, y)),
    doc="c*x**y, a higher derivative of a power; 0 where c = 0.\n\n>>> power_term(0.0, 0.0, -1.0)\n0.0")
difference = Op(
    "difference", lambda x, y: x - y if x != y else 0.0, lambda out, x, y: 1.0, lambda out, x, y: -1.0,
    symbol="-", text="difference({}, {})", latex="{:1} - {:2}", precedence=SUM,
    branchless=lambda x, y: where(equal(x, y), 0.0, x - y),
    doc="x - y, and 0 where both are the same infinity.\n\n>>> difference(float('inf'), float('inf'))\n0.0")
sech_squared = Op(
    "sech_squared", _sech_squared, lambda out, x: -2 * tanh(x) * out,
    symbol="sech²", latex=r"\operatorname{{sech}}^2\left({}\right)",
    branchless=lambda x: 4 * exp(-2 * abs(x)) / ((1 + exp(-2 * abs(x))) * (1 + exp(-2 * abs(x)))),
    doc="1/cosh(x)**2, the derivative of tanh.\n\n>>> sech_squared(0.0)\n1.0")
gaussian = Op(
    "gaussian", _gaussian, lambda out, x: -2 * x * out,
    symbol="exp −x²", latex="e^{{-{:4}^2}}",
    branchless=_gaussian_branchless,
    doc="exp(-x*x).\n\n>>> gaussian(0.0)\n1.0")
# Derivatives whose own derivatives, as the quotient and product rules give them, are differences in which all digits or the
# whole range may be lost: theirs are written down.
arcsin_slope = Op(
    "arcsin_slope", lambda x: 1 / math.sqrt(_one_less_square(x)), lambda out, x: x * out / _one_less_square(x),
    needs="-1 < x < 1", beyond=lambda x: inf if math.fabs(x) == 1 else nan,
    symbol="arcsin′", latex=r"\frac{{1}}{{\sqrt{{1 - {:4}^2}}}}",
    branchless=lambda x: 1 / sqrt(_one_less_square(x)),
    doc="1/sqrt(1 - x*x), the derivative of arcsin, for -1 < x < 1.\n\n>>> arcsin_slope(0.0)\n1.0")
arctan_slope = Op(
    "arctan_slope", lambda x: 1 / (1 + x * x), lambda out, x: -2 * x * out * out,
    symbol="arctan′", text="1/(1 + {0:2}*{0:3})", latex=r"\frac{{1}}{{1 + {0:4}^2}}", precedence=PRODUCT,
    branchless=lambda x: 1 / (1 + x * x),
    doc="1/(1 + x*x), the derivative of arctan.\n\n>>> arctan_slope(1.0)\n0.5")
sigmoid_slope = Op(
    "sigmoid_slope", lambda x: _sigmoid(x) * _sigmoid(-x), lambda out, x: -tanh(x / 2) * out,
    symbol="σ′", text="sigmoid({0})*sigmoid(-{0:3})", latex=r"\sigma\left({0}\right) \cdot \sigma\left(-{0:2}\right)",
    precedence=PRODUCT, branchless=lambda x: sigmoid(x) * sigmoid(-x),
    doc="sigmoid(x)*sigmoid(-x), the derivative of sigmoid.\n\n>>> sigmoid_slope(0.0)\n0.25")
logaddexp_slope = Op(
    "logaddexp_slope", _logaddexp_slope,
    lambda out, x, y: sigmoid_slope(difference(x, y)) * (1 - _lost(x, y) * tanh(difference(x, y) / 2)),
    lambda out, x, y: -sigmoid_slope(difference(x, y)) * (1 - _lost(x, y) * tanh(difference(x, y) / 2)),
    symbol="σ(x − y)", latex=r"\sigma\left({:1} - {:2}\right)", branchless=_logaddexp_slope,
    doc="sigmoid(x - y), as exp(x)/(exp(x) + exp(y)), the derivative of logaddexp.\n\n>>> logaddexp_slope(1.0, 1.0)\n0.5")
hypot_slope = Op(
    "hypot_slope", lambda x, y: x / math.hypot(x, y),
    lambda out, x, y: hypot_slope(y, x) * (hypot_slope(y, x) / hypot(x, y)),
    lambda out, x, y: -out * (hypot_slope(y, x) / hypot(x, y)),
    needs="x and y that are not both 0",
    symbol="x/hypot", text="{0:2}/hypot({0}, {1})", latex=r"\frac{{{0}}}{{\sqrt{{{0:4}^2 + {1:4}^2}}}}", precedence=PRODUCT,
    branchless=lambda x, y: x / hypot(x, y),
    doc="x/hypot(x, y), the derivative of hypot.\n\n>>> hypot_slope(3.0, 4.0)\n0.6")
# fmt: on

TABLE: dict[str, Op] = {name: record for name, record in list(globals().items()) if isinstance(record, Op)}

# Beside the table, because its partial is not the derivative of its value.
stop_gradient = Op(
    "stop_gradient",
    lambda x: x,
    lambda out, x: 0.0,
    branchless=lambda x: x,
    doc="x itself, through which no gradient passes.\n\n>>> stop_gradient(3.0)\n3.0",
)

if not TYPE_CHECKING:  # type checkers export what is public; they cannot read a table
    __all__ = ["Op", "ieee", "operation", "stop_gradient", *TABLE]  # noqa: PLE0604 - its keys are names
