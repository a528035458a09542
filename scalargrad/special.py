"""Special functions: more records of the table, by SciPy's names.

>>> from scalargrad import special
>>> special.ndtr(0.0), special.gammaln(1.0), special.j0(0.0)
(0.5, 0.0, 1.0)

Their values are computed in approximations.py. How far one may be from the truth stands in its first line, in units of the
last place (ulp) of the value, or of what it is a difference of where it has zeros; for functions of a whole order three times as
many for each order above the first. Derivatives of any order are made of these records, too (of the Bessel, error and sinc
functions up to the 16th).
"""

# mypy: disable-error-code="has-type"
# (partials refer to records that come later in the table)

from __future__ import annotations

import math
from collections.abc import Callable
from math import copysign, inf, isfinite, isinf, isnan, nan, pi
from typing import Any

from scalargrad import approximations
from scalargrad.alias import one_module
from scalargrad.op import TABLE, Op
from scalargrad.ops import OPERATIONS, abs, equal, exp, gaussian, greater, minimum, where
from scalargrad.ops import erf as erf
from scalargrad.ops import expm1 as expm1
from scalargrad.ops import log1p as log1p
from scalargrad.ops import sigmoid as expit
from scalargrad.ops import xlog1py as xlog1py
from scalargrad.ops import xlogy as xlogy

one_module(__name__)


def _records() -> list[Op]:
    return [record for record in globals().values() if isinstance(record, Op) and record.__module__ == __name__]


def _within(function: Callable[..., Any], outside: Callable[..., bool] = lambda *_: False) -> Callable[..., float]:
    """Make a forward function: it raises ValueError outside of its domain, OverflowError where the result is too large."""

    def forward(*arguments: float) -> float:
        if outside(*arguments):
            raise ValueError
        out: float = function(*arguments)
        if isinf(out) and all(map(isfinite, arguments)):
            raise OverflowError
        return out

    return forward


def _is_pole(x: float) -> bool:
    return x <= 0 and (x.is_integer() or isinf(x))


def _is_no_order(n: float, lowest: float = -inf, highest: float = inf) -> bool:
    return not (n.is_integer() or isnan(n)) or n < lowest or n > highest


def _of_order(function: Callable[..., Any], lowest: float) -> Callable[..., float]:
    return _within(function, lambda n, _: _is_no_order(n, lowest, approximations.MOST_ORDER))


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


def _no_slope(*_: Any) -> float:
    return nan  # an order is a whole number: there is no derivative with respect to it


def _inverse_slope(scale: float, out: Any, distance: Any, tail: Any) -> Any:
    # The slope of erfinv is made of exp(out*out), whose exponent's rounding is an error: in the tail, that is erfcx by erfc.
    return scale * where(greater(distance, 0.5), erfcx(abs(out)) / tail, exp(out * out))


def _lift(out: Any, x: Any) -> Any:
    # x + out for the slope of log_ndtr, of which no digit is left by a sum where x is far below 0.
    y = abs(x) * math.sqrt(0.5)
    return where(greater(0, x), math.sqrt(2) * erfc_integral(1, y) / erfcx(y), x + out)


# fmt: off

erfc = Op(
    "erfc", math.erfc, lambda out, x: -2 / math.sqrt(pi) * gaussian(x),
    libm="erfc", doc="1 - erf(x), accurate where that is small: C's own, within 4 ulp.\n\n>>> erfc(0.0)\n1.0")
erfcx = Op(
    "erfcx", _within(approximations.erfcx), lambda out, x: -2 * erfc_integral(1, x),
    beyond=lambda x: inf, latex=r"\operatorname{{erfcx}}\left({}\right)", branchless=approximations.erfcx,
    doc="exp(x*x)*erfc(x) without overflow where x > 0, within 3 ulp.\n\n>>> erfcx(0.0)\n1.0")
erfinv = Op(
    "erfinv", _within(approximations.erfinv, lambda x: math.fabs(x) >= 1),
    lambda out, x: _inverse_slope(math.sqrt(pi) / 2, out, abs(x), 1 - abs(x)),
    needs="-1 < x < 1", beyond=lambda x: copysign(inf, x) if math.fabs(x) == 1 else nan,
    symbol="erf⁻¹", latex=r"\operatorname{{erf}}^{{-1}}\left({}\right)", branchless=approximations.erfinv,
    doc="The number whose erf is x, for -1 < x < 1, within 6 ulp.\n\n>>> erfinv(0.0)\n0.0")
erfcinv = Op(
    "erfcinv", _within(approximations.erfcinv, lambda x: x <= 0 or x >= 2),
    lambda out, x: _inverse_slope(-math.sqrt(pi) / 2, out, abs(1 - x), minimum(x, 2 - x)),
    needs="0 < x < 2", beyond=lambda x: inf if x == 0 else -inf if x == 2 else nan,
    symbol="erfc⁻¹", latex=r"\operatorname{{erfc}}^{{-1}}\left({}\right)", branchless=approximations.erfcinv,
    doc="The number whose erfc is x, for 0 < x < 2, within 6 ulp.\n\n>>> erfcinv(1.0)\n0.0")
ndtr = Op(
    "ndtr", approximations.ndtr, lambda out, x: ndtr_slope(x),
    symbol="Φ", latex=r"\Phi\left({}\right)",
    doc="The probability that a normal variable is below x, within 6 ulp.\n\n>>> ndtr(0.0)\n0.5")
ndtri = Op(
    "ndtri", _within(approximations.ndtri, lambda x: x <= 0 or x >= 1),
    lambda out, x: _inverse_slope(math.sqrt(2 * pi), out * math.sqrt(0.5), abs(1 - 2 * x), 2 * minimum(x, 1 - x)),
    needs="0 < x < 1", beyond=lambda x: -inf if x == 0 else inf if x == 1 else nan,
    symbol="Φ⁻¹", latex=r"\Phi^{{-1}}\left({}\right)", branchless=approximations.ndtri,
    doc="The number below which a normal variable is with probability x, for 0 < x < 1, within 8 ulp.\n\n>>> ndtri(0.5)\n0.0")
log_ndtr = Op(
    "log_ndtr", approximations.log_ndtr, lambda out, x: log_ndtr_slope(x),
    symbol="ln Φ", latex=r"\ln \Phi\left({}\right)",
    doc="log(ndtr(x)), accurate where that is near 0 or 1, within 6 ulp.\n\n>>> log_ndtr(-1e10)\n-5e+19")
logit = Op(
    "logit", _within(approximations.logit, lambda x: x <= 0 or x >= 1), lambda out, x: 1 / (x * (1 - x)),
    needs="0 < x < 1", beyond=lambda x: -inf if x == 0 else inf if x == 1 else nan,
    latex=r"\operatorname{{logit}}\left({}\right)", branchless=approximations.logit,
    doc="log(x/(1 - x)), for 0 < x < 1, within 2 ulp.\n\n>>> logit(0.5)\n0.0")

gamma = Op(
    "gamma", _within(approximations.gamma, _is_pole), lambda out, x: out * digamma(x),
    needs="an x that is not 0, -1, -2, ...", beyond=lambda x: inf if x > 0 else copysign(inf, x) if x == 0 else nan,
    symbol="Γ", latex=r"\Gamma\left({}\right)", branchless=approximations.gamma,
    doc="The gamma function of x, (x - 1)! where x is whole, within 7 ulp.\n\n>>> gamma(1.0)\n1.0")
gammaln = Op(
    "gammaln", _within(approximations.gammaln, _is_pole), lambda out, x: digamma(x),
    needs="an x that is not 0, -1, -2, ...", beyond=lambda x: inf,
    symbol="ln Γ", latex=r"\ln \left|\Gamma\left({}\right)\right|", branchless=approximations.gammaln,
    doc="Logarithm of |gamma(x)|, within 4 ulp.\n\n>>> gammaln(2.0)\n0.0")
digamma = Op(
    "digamma", _within(approximations.digamma, _is_pole), lambda out, x: polygamma(1, x),
    needs="an x that is not 0, -1, -2, ...", beyond=lambda x: copysign(inf, -x) if x == 0 else nan,
    symbol="ψ", latex=r"\psi\left({}\right)", branchless=approximations.digamma,
    doc="Derivative of gammaln(x), within 4 ulp.\n\n>>> round(digamma(1.0), 6)\n-0.577216")
polygamma = Op(
    "polygamma", _within(approximations.polygamma, lambda x, y: _is_no_order(x, 0) or _is_pole(y)),
    _no_slope, lambda out, x, y: polygamma(x + 1, y),
    needs="a whole x >= 0, and a y that is not 0, -1, -2, ...",
    beyond=lambda x, y: nan if _is_no_order(x, 0) else inf if y > 0 or x % 2 == 1 else digamma.beyond(y) if x == 0 else nan,
    symbol="ψ⁽ⁿ⁾", latex=r"\psi^{{\left({0}\right)}}\left({1}\right)", branchless=approximations.polygamma,
    doc="The x-th derivative of digamma at y, for a whole x, within 4 ulp.\n\n>>> round(polygamma(1, 1.0), 6)\n1.644934")
beta = Op(
    "beta", _within(approximations.beta, lambda x, y: x <= 0 or y <= 0),
    lambda out, x, y: -out * polygamma_step(0, x, y), lambda out, x, y: -out * polygamma_step(0, y, x),
    needs="x > 0 and y > 0", beyond=lambda x, y: inf if x >= 0 and y >= 0 else nan,
    symbol="B", latex=r"\mathrm{{B}}\left({}, {}\right)", branchless=approximations.beta,
    doc="gamma(x)*gamma(y)/gamma(x + y), for x, y > 0, within 8 ulp, and three more for each unit of its logarithm.\n\n>>> round(beta(1.0, 2.0), 6)\n0.5")
betaln = Op(
    "betaln", _within(approximations.betaln, lambda x, y: x <= 0 or y <= 0),
    lambda out, x, y: -polygamma_step(0, x, y), lambda out, x, y: -polygamma_step(0, y, x),
    needs="x > 0 and y > 0", beyond=lambda x, y: inf if x >= 0 and y >= 0 else nan,
    symbol="ln B", latex=r"\ln \mathrm{{B}}\left({}, {}\right)", branchless=approximations.betaln,
    doc="Logarithm of beta(x, y), within 4 ulp, near its zero 4e-15.\n\n>>> round(betaln(1.0, 2.0), 6)\n-0.693147")

j0 = Op(
    "j0", approximations.j0, lambda out, x: -j1(x),
    symbol="J₀", latex=r"J_0\left({}\right)",
    doc="Bessel function of the first kind and order 0, within 4 ulp of its amplitude.\n\n>>> j0(0.0)\n1.0")
j1 = Op(
    "j1", approximations.j1, lambda out, x: (j0(x) - jv(2, x)) / 2,
    symbol="J₁", latex=r"J_1\left({}\right)",
    doc="Bessel function of the first kind and order 1, within 4 ulp of its amplitude.\n\n>>> j1(0.0)\n0.0")
jv = Op(
    "jv", _of_order(approximations.jv, -approximations.MOST_ORDER),
    _no_slope, lambda out, x, y: (jv(x - 1, y) - jv(x + 1, y)) / 2,
    needs="a whole x from -16 to 16", symbol="Jₙ", latex=r"J_{{{0}}}\left({1}\right)",
    branchless=approximations.jv,
    doc="Bessel function at y of the first kind and whole order x, within 5 ulp of its amplitude.\n\n>>> jv(2, 0.0)\n0.0")
i0 = Op(
    "i0", _within(approximations.i0), lambda out, x: i1(x),
    beyond=lambda x: inf, symbol="I₀", latex=r"I_0\left({}\right)", branchless=approximations.i0,
    doc="Modified Bessel function of the first kind and order 0, within 5 ulp.\n\n>>> i0(0.0)\n1.0")
i1 = Op(
    "i1", _within(approximations.i1), lambda out, x: (i0(x) + iv(2, x)) / 2,
    beyond=lambda x: copysign(inf, x), symbol="I₁", latex=r"I_1\left({}\right)", branchless=approximations.i1,
    doc="Modified Bessel function of the first kind and order 1, within 5 ulp.\n\n>>> i1(0.0)\n0.0")
iv = Op(
    "iv", _of_order(approximations.iv, -approximations.MOST_ORDER),
    _no_slope, lambda out, x, y: (iv(x - 1, y) + iv(x + 1, y)) / 2,
    needs="a whole x from -16 to 16", beyond=lambda x, y: nan if _is_no_order(x, -16, 16) else copysign(inf, y if x % 2 == 1 else 1),
    symbol="Iₙ", latex=r"I_{{{0}}}\left({1}\right)", branchless=approximations.iv,
    doc="Modified Bessel function at y of the first kind and whole order x, within 5 ulp.\n\n>>> iv(2, 0.0)\n0.0")

sinc = Op(
    "sinc", approximations.sinc, lambda out, x: sinc_slope(1, x),
    latex=r"\operatorname{{sinc}}\left({}\right)",
    doc="sin(pi*x)/(pi*x), NumPy's, and 1 at 0, within 2 ulp.\n\n>>> sinc(0.0)\n1.0")
fma = Op(
    "fma", _fma, lambda out, x, y, z: y, lambda out, x, y, z: x, lambda out, x, y, z: 1.0,
    symbol="x·y + z", libm="fma",
    doc="x*y + z, rounded once.\n\n>>> fma(0.1, 10.0, -1.0)\n5.551115123125783e-17")

OPERATIONS.update((record.name, record) for record in _records())

# What is left are helpers of partials: see ops.py.
ndtr_slope = Op(
    "ndtr_slope", approximations.ndtr_slope, lambda out, x: -x * out,
    symbol="φ", latex=r"\varphi\left({}\right)",
    doc="The normal density at x, the derivative of ndtr.\n\n>>> round(ndtr_slope(0.0), 6)\n0.398942")
log_ndtr_slope = Op(
    "log_ndtr_slope", approximations.log_ndtr_slope, lambda out, x: -out * _lift(out, x),
    symbol="φ/Φ", latex=r"\frac{{\varphi}}{{\Phi}}\left({}\right)",
    doc="The normal density by ndtr(x), the derivative of log_ndtr.\n\n>>> round(log_ndtr_slope(0.0), 6)\n0.797885")
erfc_integral = Op(
    "erfc_integral", _of_order(approximations.erfc_integral, 0), _no_slope, lambda out, x, y: -2 * (x + 1) * erfc_integral(x + 1, y),
    needs="a whole x from 0 to 16", symbol="iⁿerfcx", branchless=approximations.erfc_integral, latex=r"\mathrm{{i}}^{{{0}}}\operatorname{{erfcx}}\left({1}\right)",
    doc="exp(y*y) times the x-th integral of erfc from y to infinity, within 5 ulp.\n\n>>> round(erfc_integral(1, 0.0), 6)\n0.56419")
polygamma_step = Op(
    "polygamma_step", _within(approximations.polygamma_step, lambda x, y, z: _is_no_order(x, 0) or y <= 0 or z < 0),
    _no_slope, lambda out, x, y, z: polygamma_step(x + 1, y, z), lambda out, x, y, z: polygamma(x + 1, y + z),
    needs="a whole x >= 0, y > 0 and z >= 0",
    beyond=lambda x, y, z: nan if _is_no_order(x, 0) or y < 0 or not z > 0 else inf if x % 2 == 0 else -inf,
    symbol="Δψ⁽ⁿ⁾", latex=r"\left(\psi^{{\left({0}\right)}}\left({1:1} + {2:2}\right) - \psi^{{\left({0}\right)}}\left({1}\right)\right)",
    branchless=approximations.polygamma_step,
    doc="polygamma(x, y + z) - polygamma(x, y), for y, z > 0, within 4 ulp.\n\n>>> round(polygamma_step(0, 1.0, 1.0), 6)\n1.0")
sinc_slope = Op(
    "sinc_slope", _of_order(approximations.sinc_slope, 0), _no_slope, lambda out, x, y: sinc_slope(x + 1, y),
    needs="a whole x from 0 to 16", symbol="sinc⁽ⁿ⁾", branchless=approximations.sinc_slope, latex=r"\operatorname{{sinc}}^{{\left({0}\right)}}\left({1}\right)",
    doc="The x-th derivative of sinc at y, within 6 ulp.\n\n>>> round(sinc_slope(2, 0.0), 6)\n-3.289868")
# fmt: on

TABLE.update((record.name, record) for record in _records())

psi = digamma  # by other names

__all__ = [
    *("erf", "erfc", "erfcx", "erfinv", "erfcinv", "ndtr", "ndtri", "log_ndtr", "expit", "logit"),
    *("gamma", "gammaln", "digamma", "psi", "polygamma", "beta", "betaln"),
    *("j0", "j1", "jv", "i0", "i1", "iv", "sinc", "fma", "expm1", "log1p", "xlogy", "xlog1py"),
]
