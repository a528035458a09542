"""Special functions: more records of the table, by SciPy's names.

>>> from scalargrad import special
>>> special.ndtr(0.0), special.gammaln(1.0), special.j0(0.0)
(0.5, 0.0, 1.0)

Their values are computed in approximations.py. How far one may be from the truth stands in its first line, in units of the
last place (ulp) of the value, or of what it is a difference of where it has zeros; for functions of a whole order, three
times as many for each order above the first. Derivatives of any order are made of these records, too (of the Bessel, error
and sinc functions up to the 16th).
"""

# mypy: disable-error-code="has-type"
# (partials refer to records that come later in the table)

from __future__ import annotations

import math
from collections.abc import Callable
from math import inf, isfinite, isinf, isnan, nan, pi
from typing import Any

from scalargrad import approximations
from scalargrad.alias import one_module
from scalargrad.op import SUM, TABLE, Op, Quiet
from scalargrad.ops import OPERATIONS, abs, exp, gaussian, greater, minimum, where
from scalargrad.ops import erf as erf
from scalargrad.ops import expm1 as expm1
from scalargrad.ops import log1p as log1p
from scalargrad.ops import sigmoid as expit
from scalargrad.ops import xlog1py as xlog1py
from scalargrad.ops import xlogy as xlogy

one_module(__name__)


def _op(name: str, *partials: Callable[..., Any], outside: Callable[..., bool] = lambda *_: False, **more: Any) -> Op:
    # An operation whose value approximations.py has. It raises for numbers outside, and where the result is too large.
    function: Callable[..., Any] = getattr(approximations, name)

    def forward(*arguments: float) -> float:
        if outside(*arguments):
            raise ValueError
        out: float = function(*arguments)
        if isinf(out) and all(map(isfinite, arguments)):
            raise OverflowError
        return out

    def beyond(*arguments: float) -> float:
        return float(function(*map(Quiet, arguments)))

    return Op(name, forward, *partials, beyond=beyond, branchless=function, **more)


def _records() -> list[Op]:
    return [record for record in globals().values() if isinstance(record, Op) and record.__module__ == __name__]


def _is_pole(x: float) -> bool:
    return x <= 0 and (x.is_integer() or isinf(x))


def _is_no_order(n: float, lowest: float = 0, highest: float = inf) -> bool:
    return not (n.is_integer() or isnan(n)) or n < lowest or n > highest


def _no_slope(*_: Any) -> float:
    return nan  # an order is a whole number: there is no derivative with respect to it


def _inverse_slope(scale: float, out: Any, distance: Any, tail: Any) -> Any:
    # The slope of erfinv is made of exp(out*out), whose exponent's rounding is an error: in the tail, that is erfcx by erfc.
    return scale * where(greater(distance, 0.5), erfcx(abs(out)) / tail, exp(out * out))


def _lift(out: Any, x: Any) -> Any:
    # x + out for the slope of log_ndtr, of which no digit is left by a sum where x is far below 0.
    y = abs(x) * math.sqrt(0.5)
    return where(greater(0, x), math.sqrt(2) * erfc_integral(1, y) / erfcx(y), x + out)


def _fma(x: float, y: float, z: float) -> float:
    if not (isfinite(x) and isfinite(y)):
        return x * y + z
    if not isfinite(z):
        return z
    (a, b), (c, d), (e, f) = x.as_integer_ratio(), y.as_integer_ratio(), z.as_integer_ratio()
    exact = a * c * f + e * b * d
    try:
        return exact / (b * d * f) if exact else x * y + z  # integers are divided with one rounding
    except OverflowError:
        return x * y + z


# fmt: off

erfc = Op(
    "erfc", math.erfc, lambda out, x: -2 / math.sqrt(pi) * gaussian(x),
    libm="erfc", doc="1 - erf(x), accurate where that is small: C's own, within 4 ulp.\n\n>>> erfc(0.0)\n1.0")
erfcx = _op(
    "erfcx", lambda out, x: -2 * erfc_integral(1, x),
    doc="exp(x*x)*erfc(x), without overflow where x > 0, within 3 ulp.\n\n>>> erfcx(0.0)\n1.0")
erfinv = _op(
    "erfinv", lambda out, x: _inverse_slope(math.sqrt(pi) / 2, out, abs(x), 1 - abs(x)),
    needs="-1 < x < 1", outside=lambda x: x <= -1 or x >= 1,
    symbol="erf⁻¹", latex=r"\operatorname{{erf}}^{{-1}}\left({}\right)",
    doc="The number whose erf is x, for -1 < x < 1, within 6 ulp.\n\n>>> erfinv(0.0)\n0.0")
erfcinv = _op(
    "erfcinv", lambda out, x: _inverse_slope(-math.sqrt(pi) / 2, out, abs(1 - x), minimum(x, 2 - x)),
    needs="0 < x < 2", outside=lambda x: x <= 0 or x >= 2,
    symbol="erfc⁻¹", latex=r"\operatorname{{erfc}}^{{-1}}\left({}\right)",
    doc="The number whose erfc is x, for 0 < x < 2, within 6 ulp.\n\n>>> erfcinv(1.0)\n0.0")
ndtr = _op(
    "ndtr", lambda out, x: ndtr_slope(x),
    symbol="Φ", latex=r"\Phi\left({}\right)",
    doc="The probability that a normal variable is below x, within 6 ulp.\n\n>>> ndtr(0.0)\n0.5")
ndtri = _op(
    "ndtri",
    lambda out, x: _inverse_slope(math.sqrt(2 * pi), out * math.sqrt(0.5), abs(1 - 2 * x), 2 * minimum(x, 1 - x)),
    needs="0 < x < 1", outside=lambda x: x <= 0 or x >= 1,
    symbol="Φ⁻¹", latex=r"\Phi^{{-1}}\left({}\right)",
    doc="The number below which a normal variable is with probability x, within 8 ulp.\n\n>>> ndtri(0.5)\n0.0")
log_ndtr = _op(  # its third derivative has the digits of 1/x only, where that of x far below 0 is as small as 1/x**3
    "log_ndtr", lambda out, x: log_ndtr_slope(x),
    symbol="ln Φ", latex=r"\ln \Phi\left({}\right)",
    doc="log(ndtr(x)), accurate where that is near 0 or 1, within 6 ulp.\n\n>>> log_ndtr(-1e10)\n-5e+19")
logit = _op(
    "logit", lambda out, x: 1 / (x * (1 - x)),
    needs="0 < x < 1", outside=lambda x: x <= 0 or x >= 1,
    doc="log(x/(1 - x)), for 0 < x < 1, within 2 ulp.\n\n>>> logit(0.5)\n0.0")

gamma = _op(
    "gamma", lambda out, x: out * digamma(x),
    needs="an x that is not 0, -1, -2, ...", outside=_is_pole,
    symbol="Γ", latex=r"\Gamma\left({}\right)",
    doc="The gamma function of x, (x - 1)! where x is whole, within 7 ulp.\n\n>>> gamma(1.0)\n1.0")
gammaln = _op(
    "gammaln", lambda out, x: digamma(x),
    needs="an x that is not 0, -1, -2, ...", outside=_is_pole,
    symbol="ln |Γ|", latex=r"\ln \left|\Gamma\left({}\right)\right|",
    doc="Logarithm of |gamma(x)|, within 4 ulp.\n\n>>> gammaln(2.0)\n0.0")
digamma = _op(
    "digamma", lambda out, x: polygamma(1, x),
    needs="an x that is not 0, -1, -2, ...", outside=_is_pole,
    symbol="ψ", latex=r"\psi\left({}\right)",
    doc="Derivative of gammaln(x), within 4 ulp.\n\n>>> round(digamma(1.0), 6)\n-0.577216")
polygamma = _op(
    "polygamma", _no_slope, lambda out, x, y: polygamma(x + 1, y),
    needs="a whole x >= 0, and a y that is not 0, -1, -2, ...", outside=lambda x, y: _is_no_order(x) or _is_pole(y),
    symbol="ψ⁽ⁿ⁾", latex=r"\psi^{{\left({0}\right)}}\left({1}\right)",
    doc="The x-th derivative of digamma at y, for a whole x, within 4 ulp.\n\n>>> round(polygamma(1, 1.0), 6)\n1.644934")
beta = _op(
    "beta", lambda out, x, y: -out * polygamma_step(0, x, y), lambda out, x, y: -out * polygamma_step(0, y, x),
    needs="x > 0 and y > 0", outside=lambda x, y: x <= 0 or y <= 0,
    symbol="B", latex=r"\mathrm{{B}}\left({}, {}\right)",
    doc="gamma(x)*gamma(y)/gamma(x + y), within 8 ulp, and 3 for each unit of its logarithm.\n\n>>> round(beta(1.0, 2.0), 6)\n0.5")
betaln = _op(
    "betaln", lambda out, x, y: -polygamma_step(0, x, y), lambda out, x, y: -polygamma_step(0, y, x),
    needs="x > 0 and y > 0", outside=lambda x, y: x <= 0 or y <= 0,
    symbol="ln B", latex=r"\ln \mathrm{{B}}\left({}, {}\right)",
    doc="Logarithm of beta(x, y), within 4 ulp, near its zeros 4e-15.\n\n>>> round(betaln(1.0, 2.0), 6)\n-0.693147")

j0 = _op(
    "j0", lambda out, x: -j1(x),
    symbol="J₀", latex=r"J_0\left({}\right)",
    doc="Bessel function of the first kind and order 0, within 4 ulp of its amplitude.\n\n>>> j0(0.0)\n1.0")
j1 = _op(
    "j1", lambda out, x: (j0(x) - jv(2, x)) / 2,
    symbol="J₁", latex=r"J_1\left({}\right)",
    doc="Bessel function of the first kind and order 1, within 4 ulp of its amplitude.\n\n>>> j1(0.0)\n0.0")
jv = _op(
    "jv", _no_slope, lambda out, x, y: (jv(x - 1, y) - jv(x + 1, y)) / 2,
    needs="a whole x from -16 to 16", outside=lambda x, _: _is_no_order(x, -16, 16),
    symbol="Jₙ", latex=r"J_{{{0}}}\left({1}\right)",
    doc="Bessel function at y of the first kind and whole order x, within 5 ulp of its amplitude.\n\n>>> jv(2, 0.0)\n0.0")
i0 = _op(
    "i0", lambda out, x: i1(x),
    symbol="I₀", latex=r"I_0\left({}\right)",
    doc="Modified Bessel function of the first kind and order 0, within 5 ulp.\n\n>>> i0(0.0)\n1.0")
i1 = _op(
    "i1", lambda out, x: (i0(x) + iv(2, x)) / 2,
    symbol="I₁", latex=r"I_1\left({}\right)",
    doc="Modified Bessel function of the first kind and order 1, within 5 ulp.\n\n>>> i1(0.0)\n0.0")
iv = _op(
    "iv", _no_slope, lambda out, x, y: (iv(x - 1, y) + iv(x + 1, y)) / 2,
    needs="a whole x from -16 to 16", outside=lambda x, _: _is_no_order(x, -16, 16),
    symbol="Iₙ", latex=r"I_{{{0}}}\left({1}\right)",
    doc="Modified Bessel function at y of the first kind and whole order x, within 5 ulp.\n\n>>> iv(2, 0.0)\n0.0")

sinc = _op(
    "sinc", lambda out, x: sinc_slope(1, x),
    doc="sin(pi*x)/(pi*x), NumPy's, and 1 at 0, within 3 ulp.\n\n>>> sinc(0.0)\n1.0")
fma = Op(
    "fma", _fma, lambda out, x, y, z: y, lambda out, x, y, z: x, lambda out, x, y, z: 1.0,
    symbol="x·y + z", libm="fma",
    doc="x*y + z, rounded once.\n\n>>> fma(0.1, 10.0, -1.0)\n5.551115123125783e-17")

OPERATIONS.update((record.name, record) for record in _records())

# What is left are helpers of partials: see ops.py.
ndtr_slope = _op(
    "ndtr_slope", lambda out, x: -x * out,
    symbol="φ", latex=r"\varphi\left({}\right)",
    doc="The normal density at x, the derivative of ndtr.\n\n>>> round(ndtr_slope(0.0), 6)\n0.398942")
log_ndtr_slope = _op(
    "log_ndtr_slope", lambda out, x: -out * _lift(out, x),
    symbol="φ/Φ", latex=r"\frac{{\varphi}}{{\Phi}}\left({}\right)",
    doc="The normal density by ndtr(x), the derivative of log_ndtr.\n\n>>> round(log_ndtr_slope(0.0), 6)\n0.797885")
erfc_integral = _op(
    "erfc_integral", _no_slope, lambda out, x, y: -2 * (x + 1) * erfc_integral(x + 1, y),
    needs="a whole x from 0 to 16", outside=lambda x, _: _is_no_order(x, 0, 16),
    symbol="exp·iⁿerfc", latex=r"e^{{{1:4}^2}} \mathrm{{i}}^{{{0}}}\operatorname{{erfc}}\left({1}\right)",
    doc="exp(y*y) times the x-th integral of erfc from y on, within 5 ulp.\n\n>>> round(erfc_integral(1, 0.0), 6)\n0.56419")
polygamma_step = _op(
    "polygamma_step", _no_slope,
    lambda out, x, y, z: polygamma_step(x + 1, y, z), lambda out, x, y, z: polygamma(x + 1, y + z),
    needs="a whole x >= 0, y > 0 and z >= 0", outside=lambda x, y, z: _is_no_order(x) or y <= 0 or z < 0,
    symbol="Δψ⁽ⁿ⁾", precedence=SUM,
    latex=r"\psi^{{\left({0}\right)}}\left({1:1} + {2:1}\right) - \psi^{{\left({0}\right)}}\left({1}\right)",
    doc="polygamma(x, y + z) - polygamma(x, y), for y, z > 0, within 4 ulp.\n\n>>> round(polygamma_step(0, 1.0, 1.0), 6)\n1.0")
sinc_slope = _op(
    "sinc_slope", _no_slope, lambda out, x, y: sinc_slope(x + 1, y),
    needs="a whole x from 0 to 16", outside=lambda x, _: _is_no_order(x, 0, 16),
    symbol="sinc⁽ⁿ⁾", latex=r"\operatorname{{sinc}}^{{\left({0}\right)}}\left({1}\right)",
    doc="The x-th derivative of sinc at y, within 6 ulp.\n\n>>> round(sinc_slope(2, 0.0), 6)\n-3.289868")
# fmt: on

TABLE.update((record.name, record) for record in _records())

psi = digamma

__all__ = [  # noqa: RUF022 - by families
    "erf", "erfc", "erfcx", "erfinv", "erfcinv", "ndtr", "ndtri", "log_ndtr", "expit", "logit",
    "gamma", "gammaln", "digamma", "psi", "polygamma", "beta", "betaln",
    "j0", "j1", "jv", "i0", "i1", "iv", "sinc", "fma", "expm1", "log1p", "xlogy", "xlog1py",
]  # fmt: skip
