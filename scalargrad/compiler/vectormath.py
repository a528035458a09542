"""Elementary functions written out in place, for many numbers at once, in LLVM's language.

A call costs more than these few instructions: it spills all registers, and what sin and cos of the same argument have
in common is computed twice. Each function is reduced to a short interval, on which a polynomial of least error stands
for it (`benchmarks/minimax.py` prints the coefficients). There are no branches, but that sin and cos leave huge arguments
to the functions that would have been called. Results are within 2 ulp (tan: 4), special values IEEE 754's.

A fused multiply-add is written wherever the reasoning needs one; no other operations are ever contracted, and so
`(x + c) - c` rounds twice, as it should.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import inf, nan, pi
from typing import Any, TypeVar, cast

from scalargrad.compiler.emitting import Emitter, Mask
from scalargrad.compiler.target import DOUBLE, row, vector

EXP = (  # exp(r) = 1 + r + r*r*P(r)
    0.5000000000000006, 0.16666666666666685, 0.041666666666573614, 0.008333333333314607, 0.001388888893238117,
    0.00019841269902994723, 2.4801504443605013e-05, 2.755722798701698e-06, 2.762632734061007e-07, 2.5114462210477808e-08,
)  # fmt: skip
LOG = (  # log((1 + s)/(1 - s)) = 2*s + s*z*P(z), z = s*s
    0.6666666666667272, 0.3999999999615704, 0.28571429396127507, 0.22222138432843466,
    0.1818635889346844, 0.15250131908423975, 0.1536863290649539,
)  # fmt: skip
SIN = (  # sin(r) = r + r*z*P(z), z = r*r
    -0.16666666666666632, 0.008333333333322413, -0.00019841269829807737,
    2.755731369190013e-06, -2.5050758113115238e-08, 1.5896795552810856e-10,
)  # fmt: skip
COS = (  # cos(r) = 1 - z/2 + z*z*P(z), z = r*r
    0.0416666666666666, -0.0013888888888874125, 2.4801587289482242e-05,
    -2.755731435234916e-07, 2.0875723275319916e-09, -1.1359647902961221e-11,
)  # fmt: skip
LOG2 = (0.6931471805599453, 2.3190468138462996e-17)  # log(2) in two parts
HALF_PI = (1.5707963267948966, 6.123233995736765e-17, 1.082856673921914e-32)  # in three, all positive
TINY = 2.0**-54  # below it, expm1(x) and log1p(x) are x
HUGE = 2.0**23  # beyond it, sin and cos are called

ROUND = 1.5 * 2.0**52  # x + ROUND ends with x as a whole number, in two's complement
ONE, THREE_QUARTERS = 0x3FF << 52, 0x3FE8 << 48  # their bits


class _Lanes:
    """Numbers, bits or truths in lanes: a name in the function, with Python's operators.

    What was computed of the same lanes before, by another function, is shared.
    """

    kind: str

    def __init__(self, emitter: Emitter, name: str) -> None:
        self.emitter, self.name = emitter, name
        self.type = vector(self.kind, emitter.lanes)

    def text(self, other: Any) -> str:
        if isinstance(other, _Lanes):
            return other.name
        if self.kind == DOUBLE.name:
            return self.emitter.constant(other)
        return row(self.kind, [other] * self.emitter.lanes)

    def apply(self, opcode: str, *others: Any) -> str:
        return self.emitter.once(self.emitter.let, opcode, self.type, self.name, *map(self.text, others))

    def cast(self, kind: type[_AnyLanes]) -> _AnyLanes:
        to = vector(kind.kind, self.emitter.lanes)
        return kind(self.emitter, self.emitter.once(self.emitter.cast, "bitcast", self.type, self.name, to))


_AnyLanes = TypeVar("_AnyLanes", bound=_Lanes)


def _operator(opcode: str) -> Callable[[_AnyLanes, Any], _AnyLanes]:
    return lambda x, y: type(x)(x.emitter, x.apply(opcode, y))


def _relation(opcode: str) -> Callable[[_Lanes, Any], _Truth]:
    return lambda x, y: _Truth(x.emitter, x.emitter.once(x.emitter.truth, opcode, x.kind, x.name, x.text(y)))


class _Vector(_Lanes):
    kind = DOUBLE.name

    __add__, __sub__, __mul__, __truediv__ = map(_operator, ("fadd", "fsub", "fmul", "fdiv"))
    __lt__, __gt__, is_equal = map(_relation, ("fcmp olt", "fcmp ogt", "fcmp oeq"))

    def __neg__(self) -> _Vector:
        return _Vector(self.emitter, self.apply("fneg"))

    def __abs__(self) -> _Vector:
        return self.intrinsic("fabs")

    def with_sign_of(self, other: _Vector) -> _Vector:
        return self.intrinsic("copysign", other)

    def at_least(self, low: float) -> _Vector:  # a nan stays
        return (self < low).choose(low, self)

    def at_most(self, high: float) -> _Vector:
        return (self > high).choose(high, self)

    @property
    def bits(self) -> _Bits:
        return self.cast(_Bits)

    def intrinsic(self, name: str, *others: Any) -> _Vector:
        operands = map(self.text, (self, *others))
        return _Vector(self.emitter, self.emitter.once(self.emitter.intrinsic, name, *operands))

    def avx512(self, name: str, *others: Any) -> _Vector:
        """Use one of AVX-512's own instructions, on all lanes, with the current rounding."""
        control = [("i32", str(x)) for x in others if isinstance(x, int)]
        every = [(DOUBLE.vector(8), "poison"), ("i8", "-1"), ("i32", "4")]
        arguments = tuple([x.name for x in (self, *others) if isinstance(x, _Vector)])
        emitter, full = self.emitter, f"llvm.x86.avx512.mask.{name}.pd.512"
        return _Vector(emitter, emitter.once(emitter.by_parts, full, arguments, *control, *every))


class _Bits(_Lanes):
    kind = DOUBLE.bits

    __add__, __sub__, __and__, __or__, __xor__ = map(_operator, ("add", "sub", "and", "or", "xor"))
    __lshift__, __rshift__, is_not = _operator("shl"), _operator("lshr"), _relation("icmp ne")

    @property
    def number(self) -> _Vector:
        return self.cast(_Vector)


class _Truth:
    def __init__(self, emitter: Emitter, mask: Mask) -> None:
        self.emitter, self.mask = emitter, mask

    def choose(self, x: Any, y: Any) -> _Vector:
        emitter = self.emitter
        x, y = (x.name if isinstance(x, _Vector) else emitter.constant(x) for x in (x, y))
        return _Vector(emitter, emitter.once(emitter.select, self.mask, x, y))

    def any(self) -> str:
        emitter, kind = self.emitter, vector("i1", self.emitter.register)
        either = reduce(lambda x, y: emitter.let("or", kind, x, y), self.mask)
        return emitter.call("i1", f"llvm.vector.reduce.or.v{emitter.register}i1", (kind, either))


def _has_avx512(x: _Vector) -> bool:
    return x.emitter.target.inline == "avx512"


def _fused(x: _Vector, y: Any, z: Any) -> _Vector:
    """x*y + z, rounded once."""
    return x.intrinsic("fma", y, z)


def _polynomial(x: _Vector, coefficients: Sequence[float]) -> _Vector:
    """By pairs, and Horner's rule for x*x: half the steps that wait for each other."""
    square, starts = x * x, range(0, len(coefficients), 2)
    total: Any = None
    for low, *high in [coefficients[start : start + 2] for start in reversed(starts)]:
        term = _fused(x, high[0], low) if high else low  # here, not before: it holds a register
        total = term if total is None else _fused(square, total, term)
    return cast("_Vector", total)


def _exp(x: _Vector) -> _Vector:
    x = x.at_least(-746.0).at_most(710.0)
    whole = _fused(x, 1 / LOG2[0], ROUND + 2046)
    n = whole - (ROUND + 2046)
    r = _fused(n, -LOG2[1], _fused(n, -LOG2[0], x))
    power = _fused(r * r, _polynomial(r, EXP), r) + 1.0
    if _has_avx512(x):
        return power.avx512("scalef", n)
    # Times 2**n in two steps, both within range, of which only the last one rounds.
    half = _fused(n, 0.5, ROUND + 1023).bits
    return power * (half << 52).number * ((whole.bits - half) << 52).number


def _half_expm1(x: _Vector) -> tuple[_Vector, _Vector]:
    """expm1(x)/2, but for the sign of zero, and what its rounding lost; for x > 710, those of 710."""
    x = x.at_least(-40.0).at_most(710.0)
    whole = _fused(x, 1 / LOG2[0], ROUND + 1022)
    n = whole - (ROUND + 1022)
    scale = (whole.bits << 52).number  # 2**(n - 1)
    near = _fused(n, -LOG2[0], x)
    r = _fused(n, -LOG2[1], near)
    rest = _fused(r * r, _polynomial(r, EXP), _fused(n, -LOG2[1], near - r))
    most = _fused(scale, r, scale - 0.5)
    half = _fused(scale, rest, most)
    return half, _fused(scale, rest, most - half)


def _expm1(x: _Vector) -> _Vector:
    half, _ = _half_expm1(x)
    return (abs(x) < TINY).choose(x, half + half)


def _tanh(x: _Vector) -> _Vector:
    half, lost = _half_expm1(abs(x) + abs(x))
    below = half + 1.0
    quotient = half / below
    # Add what is left of (half + lost) / (below + rest), times 1/below = 1 - quotient; where half > 1, it is little.
    rest = (half - (below - 1.0)) + lost
    left = _fused(-quotient, rest, _fused(-quotient, below, half) + lost)
    better = _fused(left, -quotient + 1.0, quotient)
    return (half < 1.0).choose(better, quotient).with_sign_of(x)


def _split(x: _Vector) -> tuple[_Vector, _Vector]:
    """e and m, with x = 2**e * m and 3/4 <= m < 3/2; x > 0, normal, finite."""
    if _has_avx512(x):  # of any x: e is -inf at 0, inf at inf; m is nan where log is
        m, e = x.avx512("getmant", 0b1111), x.avx512("getexp")
        return (m < 1.0).choose(e + 1.0, e), m
    shifted = x.bits + (ONE - THREE_QUARTERS)
    e = ((shifted >> 52) | (0x433 << 52)).number - (2.0**52 + 1023)
    return e, ((shifted & (1 << 52) - 1) + THREE_QUARTERS).number


def _log_split(e: _Vector, f: _Vector) -> _Vector:
    """log(2**e * (1 + f))."""
    s = f / (f + 2.0)
    z = s * s
    square = f * 0.5 * f  # log(1 + f) = f - square + s*(square + z*P(z))
    rest = _fused(s, _fused(z, _polynomial(z, LOG), square), e * LOG2[1]) - square
    return _fused(e, LOG2[0], f + rest)


def _at_bounds(x: _Vector, log: _Vector) -> _Vector:
    log = (x < inf).choose(log, x)
    return (x > 0.0).choose(log, x.is_equal(0.0).choose(-inf, nan))


def _log(x: _Vector) -> _Vector:
    if _has_avx512(x):
        e, m = _split(x)
        return _log_split(e, m - 1.0)
    tiny = x < 2.0**-1022
    e, m = _split(tiny.choose(x * 2.0**54, x))
    return _at_bounds(x, _log_split(tiny.choose(e - 54.0, e), m - 1.0))


def _log1p(x: _Vector) -> _Vector:
    u = x + 1.0
    one = u - x
    lost = (x - (u - one)) - (one - 1.0)
    e, m = _split(u)
    f = m - 1.0
    if _has_avx512(x):
        log = _log_split(e, (abs(e) < inf).choose(f + lost.avx512("scalef", -e), f))
    else:
        power = (((-e).at_least(-1023.0) + (ROUND + 1023)).bits << 52).number  # 2**-e
        log = _at_bounds(u, _log_split(e, _fused(lost, power, f)))
    return log.with_sign_of(x)


def _sin_cos(x: _Vector) -> tuple[_Vector, _Vector]:
    whole = _fused(x, 2 / pi, ROUND)
    n = whole - ROUND
    # The first step is exact. Of the others, either the last changes nothing, or r is so small that sin(r) is r.
    r = _fused(n, -HALF_PI[2], _fused(n, -HALF_PI[1], _fused(n, -HALF_PI[0], x)))
    z = r * r
    sin = r - _fused(-r, z * _polynomial(z, SIN), 0.0)  # adding 0 keeps the sign of r = -0
    cos = _fused(z * z, _polynomial(z, COS), _fused(z, -0.5, 1.0))
    # Each quarter turn takes (sin, cos) to (cos, -sin).
    quarters = whole.bits
    odd = (quarters & 1).is_not(0)
    sin, cos = odd.choose(cos, sin), odd.choose(sin, cos)
    sin = (sin.bits ^ ((quarters & 2) << 62)).number
    cos = (cos.bits ^ (((quarters + 1) & 2) << 62)).number
    return _unless(abs(x) > HUGE, x, sin, cos)


def _unless(huge: _Truth, x: _Vector, sin: _Vector, cos: _Vector) -> tuple[_Vector, _Vector]:
    """Call for what is huge, in a branch of its own, so that registers are spilled only there."""
    emitter, usual = x.emitter, (sin.name, cos.name)
    if ("sin, cos", x.name) not in emitter.known:
        condition, start = huge.any(), len(emitter.lines)
        called = [emitter.library(function, [x.name]) for function in ("sin", "cos")]
        rare = [emitter.select(huge.mask, *names) for names in zip(called, usual, strict=True)]
        emitter.known["sin, cos", x.name] = emitter.rarely(condition, start, list(zip(usual, rare, strict=True)))
    sin_name, cos_name = emitter.known["sin, cos", x.name]
    return _Vector(emitter, sin_name), _Vector(emitter, cos_name)


FUNCTIONS: dict[str, Callable[[_Vector], _Vector]] = {
    "exp": _exp,
    "expm1": _expm1,
    "log": _log,
    "log1p": _log1p,
    "sin": lambda x: _sin_cos(x)[0],
    "cos": lambda x: _sin_cos(x)[1],
    "tan": lambda x: _sin_cos(x)[0] / _sin_cos(x)[1],
    "tanh": _tanh,
}


def expand(function: str, emitter: Emitter, argument: str) -> str:
    """Write a function out, at an argument of this name, and return the name of its result.

    >>> sorted(FUNCTIONS)
    ['cos', 'exp', 'expm1', 'log', 'log1p', 'sin', 'tan', 'tanh']
    """
    return FUNCTIONS[function](_Vector(emitter, argument)).name


# By AVX-512's table of numbers' classes (quiet nan, other nan, zero, one, -inf, inf, below zero, above), what to put for
# each: the number itself, a nan, or a constant.
PUT_SAME, PUT_NAN, PUT_ZERO, PUT_ONE = 1, 2, 8, 10


def by_sign(emitter: Emitter, x: str, below: int, above: int) -> str:
    """Put something for what is below and above zero, 0 for what is neither; a nan stays. One instruction does so."""
    table = sum(put << 4 * i for i, put in enumerate((PUT_NAN, PUT_NAN, PUT_ZERO, above, below, above, below, above)))
    control = [("<8 x i64>", row("i64", [table] * 8)), ("i32", "0"), ("i8", "-1"), ("i32", "4")]
    return emitter.by_parts("llvm.x86.avx512.mask.fixupimm.pd.512", [x, x], *control)
