"""The table of operations.

A partial derivative is written once, over operators and other operations only, so that the very same line runs on floats
(a backward pass), on Values (a derivative that can be differentiated again) and on every other operand. In its scope:
`out`, the result, and the arguments in their order. See op.py for the fields of a record.

Adding an operation is one record here and one row of test points in `tests/points.py`: the C twin's table, the methods of
Value and their types are written from here when the package is built.

Read on in engine.py, where Values record operations.
"""

# mypy: disable-error-code="has-type"
# (partials refer to records that come later in the table)

from __future__ import annotations

import math
import operator
from builtins import abs as abs_of_complex
from collections.abc import Callable
from math import inf, isfinite, isnan, nan
from typing import TYPE_CHECKING, Any

from scalargrad.alias import one_module
from scalargrad.op import POWER, PRODUCT, SUM, Op
from scalargrad.op import TABLE as TABLE

one_module(__name__)

# Forward functions that Python's math module has not, or has otherwise, on floats; and, where they say Any, on whatever
# operations apply to, written over operations that are defined below.


def _power(x: float, y: float) -> float:
    out = x**y
    if isinstance(out, complex):
        raise ValueError
    return out


def _power_beyond(x: float, y: float) -> float:
    if x < 0 and not y.is_integer():
        return nan
    return math.copysign(inf, x) if y % 2 == 1 else inf


def _power_rule(x: float, y: float) -> float:
    # y - 1 must be exact, or its rounding costs up to |log x| ulps; where it is not, x**y / x is safe.
    if y == 0:
        return 0.0
    exact = x == 0 or (-(2.0**53) < y < 2.0**53 and (y - 1) + 1 == y)
    exponent = y - 1 if exact else y
    try:
        out = _power(x, exponent)
    except (ArithmeticError, ValueError):
        out = _power_beyond(x, exponent)
    return y * out if exact else y * (out / x)


def _hypot(x: float, y: float) -> float:
    # By C's function, as in the twin and in compiled code: math.hypot has digits of its own.
    try:
        return abs_of_complex(complex(x, y))
    except OverflowError:  # CPython raises it for nan, too, after an operation that did overflow
        return nan if isnan(x) or isnan(y) else inf


def _logaddexp(x: float, y: float) -> float:
    if x == y:  # two infinities, too
        return x + math.log(2)
    if x < y:
        x, y = y, x
    e = math.exp(y - x)
    return x + math.log1p(e - e * _lost(x, y))


def _times_log(x: float, y: float, log: Callable[[float], float], zero: float) -> float:
    return 0.0 if x == 0 and y >= zero else x * log(y)


def _whole(rounded: Callable[[float], int]) -> Callable[[float], float]:
    return lambda x: math.copysign(rounded(x), x) if isfinite(x) else x


def _cbrt(x: Any) -> Any:
    # By a step of Newton's method from the power, which has not all digits, as C's function has not everywhere.
    root = copysign(pow(abs(x), 1 / 3), x)
    return where(greater(inf, abs(x)) - equal(x, 0), root - (root - x / (root * root + equal(x, 0))) / 3, x)


def _same_sign(x: Any, y: Any) -> Any:
    return equal(greater(0, x), greater(0, y))


def _remainder(x: Any, y: Any) -> Any:  # as CPython computes it
    rest = fmod(x, y)
    return where(equal(rest, 0), copysign(0.0, y), where(_same_sign(rest, y), rest, rest + y))


def _floor_divide(x: Any, y: Any) -> Any:  # as CPython computes it
    rest = fmod(x, y)
    ratio = (x - rest) / y - where(equal(rest, 0), 0.0, 1 - _same_sign(rest, y))
    whole = floor(ratio)
    whole = where(equal(ratio, 0), copysign(0.0, x / y), whole + greater(difference(ratio, whole), 0.5))
    return where(equal(y, 0), x / y, whole)


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
    high = (x + 1.5 * 2**32) - 1.5 * 2**32  # a multiple of 2**-20
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


# The table, a record for each operation. In partials, `x + equal(x, 0)` is x, but 1 where x is 0: its logarithm is then 0.
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
    needs="a divisor that is not 0", beyond=lambda x, y: nan if x == 0 or isnan(x) else math.copysign(inf, x) * math.copysign(1, y),
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
    "abs", math.fabs, lambda out, x: greater(x, 0.0) - greater(0.0, x),
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
log2 = Op(
    "log2", math.log2, lambda out, x: 1 / (x * math.log(2)),
    needs="x > 0", beyond=lambda x: -inf if x == 0 else nan, latex=r"\log_2\left({}\right)",
    libm="log2", doc="Logarithm of x > 0 to base 2.\n\n>>> log2(8.0)\n3.0")
log10 = Op(
    "log10", math.log10, lambda out, x: 1 / (x * math.log(10)),
    needs="x > 0", beyond=lambda x: -inf if x == 0 else nan, latex=r"\log_{{10}}\left({}\right)",
    libm="log10", doc="Logarithm of x > 0 to base 10.\n\n>>> log10(1000.0)\n3.0")
sqrt = Op(
    "sqrt", math.sqrt, lambda out, x: 0.5 / out,
    needs="x >= 0", latex=r"\sqrt{{{}}}",
    libm="sqrt", doc="Square root of x >= 0; its derivative at 0 is inf.\n\n>>> sqrt(4.0)\n2.0")
cbrt = Op(
    "cbrt", _cbrt, lambda out, x: 1 / (3 * out * out), latex=r"\sqrt[3]{{{}}}",
    doc="Cube root of x; its derivative at 0 is inf.\n\n>>> cbrt(-8.0)\n-2.0")

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
    "hypot", _hypot, lambda out, x, y: hypot_slope(x, y), lambda out, x, y: hypot_slope(y, x),
    latex=r"\sqrt{{{:4}^2 + {:4}^2}}",
    libm="hypot", doc="Square root of x*x + y*y, without overflow.\n\n>>> hypot(3.0, 4.0)\n5.0")

sinh = Op(
    "sinh", math.sinh, lambda out, x: cosh(x),
    beyond=lambda x: math.copysign(inf, x), latex=r"\sinh\left({}\right)",
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
    "relu", _relu, lambda out, x: greater(x, 0.0),
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
    needs="y > 0, or x = 0 and y = 0", beyond=lambda x, y: nan if isnan(x) or y < 0 else math.copysign(inf, -x),
    symbol="x ln y", latex=r"{:2} \cdot \ln\left({}\right)", precedence=PRODUCT,
    branchless=lambda x, y: where(equal(x, 0) * (greater(y, 0) + equal(y, 0)), 0.0, x * log(y)),
    doc="x*log(y), which is 0 where x is 0.\n\n>>> xlogy(0.0, 0.0)\n0.0")
xlog1py = Op(
    "xlog1py", lambda x, y: _times_log(x, y, math.log1p, -1.0),
    lambda out, x, y: log1p(y + equal(x, 0) * equal(y, -1)), lambda out, x, y: x / (1 + y + equal(x, 0) * equal(y, -1)),
    needs="y > -1, or x = 0 and y = -1", beyond=lambda x, y: nan if isnan(x) or y < -1 else math.copysign(inf, -x),
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

# Conditions as numbers.
greater = Op(
    "greater", lambda x, y: 1.0 if x > y else 0.0 if x <= y else nan, lambda out, x, y: 0.0, lambda out, x, y: 0.0,
    symbol=">", latex="[{} > {}]",
    doc="1 where x > y, else 0; nan where either is nan.\n\n>>> greater(2.0, 1.0)\n1.0")
equal = Op(
    "equal", lambda x, y: 1.0 if x == y else 0.0 if x < y or x > y else nan, lambda out, x, y: 0.0, lambda out, x, y: 0.0,
    symbol="=", latex="[{} = {}]",
    doc="1 where x = y, else 0; nan where either is nan.\n\n>>> equal(2.0, 1.0)\n0.0")

# Steps, whose derivative is 0, at the jumps, too; and what is left over by them.
floor = Op(
    "floor", _whole(math.floor), lambda out, x: 0.0, latex=r"\left\lfloor {} \right\rfloor",
    libm="floor", doc="The largest whole number that is not above x.\n\n>>> floor(-2.5)\n-3.0")
ceil = Op(
    "ceil", _whole(math.ceil), lambda out, x: 0.0, latex=r"\left\lceil {} \right\rceil",
    libm="ceil", doc="The smallest whole number that is not below x.\n\n>>> ceil(-2.5)\n-2.0")
trunc = Op(
    "trunc", _whole(math.trunc), lambda out, x: 0.0,
    libm="trunc", doc="x without what is behind its point.\n\n>>> trunc(-2.5)\n-2.0")
rint = Op(
    "rint", _whole(round), lambda out, x: 0.0,
    libm="rint", doc="The whole number nearest to x, an even one where two are.\n\n>>> rint(2.5)\n2.0")
fmod = Op(
    "fmod", math.fmod, lambda out, x, y: 1.0, lambda out, x, y: -rint((x - out) / y),
    needs="a finite x, and a divisor that is not 0",
    libm="fmod", doc="What is left of x after whole multiples of y, with the sign of x.\n\n>>> fmod(-7.0, 3.0)\n-1.0")
remainder = Op(
    "remainder", operator.mod, lambda out, x, y: 1.0, lambda out, x, y: -floor_divide(x, y),
    needs="a divisor that is not 0", symbol="mod", latex=r"\left({:2} \bmod {:3}\right)", branchless=_remainder,
    doc="x % y: what is left of x after whole multiples of y, with the sign of y.\n\n>>> remainder(-7.0, 3.0)\n2.0")
floor_divide = Op(
    "floor_divide", operator.floordiv, lambda out, x, y: 0.0, lambda out, x, y: 0.0,
    needs="a divisor that is not 0", beyond=div.beyond, symbol="//", latex=r"\left\lfloor\frac{{{}}}{{{}}}\right\rfloor",
    branchless=_floor_divide,
    doc="x // y, the quotient as a whole number that is not above it.\n\n>>> floor_divide(-7.0, 3.0)\n-3.0")
copysign = Op(  # |x|' = 0 at the kink; a nan has no sign
    "copysign", lambda x, y: nan if isnan(y) else math.copysign(x, y),
    lambda out, x, y: (greater(x, 0.0) - greater(0.0, x)) * copysign(1.0, y), lambda out, x, y: 0.0,
    branchless=lambda x, y: abs(x) * (1 - 2 * where(equal(y, 0), greater(0, 1 / y), greater(0, y))),
    doc="The size of x with the sign of y.\n\n>>> copysign(3.0, -2.0)\n-3.0")

OPERATIONS: dict[str, Op] = {name: record for name, record in list(globals().items()) if isinstance(record, Op)}

# The records above are public. What is left are helpers of their partials, no operations that people ask for: what plain formulas would compute
# inaccurately, and derivatives whose own derivatives, as the quotient and product rules give them, are differences in
# which all digits or the whole range may be lost.
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
    "hypot_slope", lambda x, y: x / _hypot(x, y),
    lambda out, x, y: hypot_slope(y, x) * (hypot_slope(y, x) / hypot(x, y)),
    lambda out, x, y: -out * (hypot_slope(y, x) / hypot(x, y)),
    needs="x and y that are not both 0",
    symbol="x/hypot", text="{0:2}/hypot({0}, {1})", latex=r"\frac{{{0}}}{{\sqrt{{{0:4}^2 + {1:4}^2}}}}", precedence=PRODUCT,
    branchless=lambda x, y: x / hypot(x, y),
    doc="x/hypot(x, y), the derivative of hypot.\n\n>>> hypot_slope(3.0, 4.0)\n0.6")
holds = Op(
    "holds", lambda x: 1.0 if x < 0 or x > 0 else 0.0, lambda out, x: 0.0,
    symbol="?", text="holds({})", latex=r"\left[{}\right]",
    doc="1 where a condition is not 0, else 0, also where it is nan: as Python's comparisons answer.\n\n>>> holds(greater(1.0, float('nan')))\n0.0")
# fmt: on

TABLE.update((name, record) for name, record in list(globals().items()) if isinstance(record, Op))

# Beside the table, because its partial is not the derivative of its value.
stop_gradient = Op(
    "stop_gradient",
    lambda x: x,
    lambda out, x: 0.0,
    branchless=lambda x: x,
    doc="x itself, through which no gradient passes.\n\n>>> stop_gradient(3.0)\n3.0",
)

if not TYPE_CHECKING:  # type checkers export what is public; they cannot read a table
    __all__ = ["stop_gradient", *OPERATIONS]  # noqa: PLE0604 - its keys are names
