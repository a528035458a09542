"""One row an operation: its value as mpmath computes it, and points that cover the domain where it is smooth.

The derivatives need no second source of truth: they are central differences of the value, in so many digits
that nothing is lost.
"""

from itertools import count
from math import isnan

import mpmath
from mpmath import mp, mpf

from scalargrad.modes import ieee


def unary(*xs):
    return [(x,) for x in xs]


def both_signs(*xs):
    return unary(*xs, *(-x for x in xs))


def pairs(*points):
    return list(points)


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def roomy(bits):
    """Let a function compute in so many more bits than are asked for: what cancels in it is lost of those."""

    def wrap(function):
        def wrapped(*arguments):
            sizes = [abs(mp.mag(x)) for x in arguments if x and mp.isfinite(x)]
            with mp.workprec(mp.prec + bits + 3 * max(sizes, default=0)):
                return function(*arguments)

        return wrapped

    return wrap


def of_order(lowest, highest=16):
    """Let a function take whole numbers from lowest to highest as its first argument only."""

    def wrap(function):
        def wrapped(n, *arguments):
            if n != int(n) or not lowest <= n <= highest:
                raise ValueError("no order")
            return function(int(n), *arguments)

        return wrapped

    return wrap


def erfcx(x):
    if x < 10**6:
        return mp.exp(x * x) * mp.erfc(x)
    total = term = mpf(1)
    odd = count(1, 2)
    while mp.mag(term) >= -mp.prec:  # the asymptotic series
        term *= -next(odd) / (2 * x * x)
        total += term
    return total / (x * mp.sqrt(mp.pi))


@of_order(0)
def erfc_integral(n, x):
    with mp.workprec(mp.prec + 100 + 2 * (n + 1) * max(mp.mag(x) if x else 0, 0)):
        before, last = 2 / mp.sqrt(mp.pi), erfcx(x)
        for k in range(1, n + 1):
            before, last = last, (before - 2 * x * last) / (2 * k)
        return last


def erfcinv(q):
    if not 0 < q < 2:
        raise ValueError("not real here")
    if q > 1:
        return -erfcinv(2 - q)
    if q > mpf(1) / 2:
        return mp.erfinv(1 - q)
    x, goal = mp.sqrt(-mp.log(q)), mp.prec + 30
    for bits in [100] * 6 + [goal >> shift for shift in range(goal.bit_length() - 8, -1, -1)]:
        with mp.workprec(max(bits, 100) + 30):  # Newton's method on log(erfc(x)): every step doubles the digits
            tail = mp.erfc(x)
            x += (mp.log(tail) - mp.log(q)) * mp.sqrt(mp.pi) / 2 * mp.exp(x * x) * tail
    return +x


def erfinv(x):
    return erfcinv(1 - x) if abs(x) > mpf(1) / 2 else mp.erfinv(x)


def ndtr(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


def log_ndtr(x):
    return mp.log1p(-ndtr(-x)) if x > 0 else mp.log(erfcx(-x / mp.sqrt(2)) / 2) - x * x / 2


def log_ndtr_slope(x):
    return mp.npdf(x) / ndtr(x) if x > 0 else mp.sqrt(2 / mp.pi) / erfcx(-x / mp.sqrt(2))


@roomy(100)
def log_beta(x, y):
    if x <= 0 or y <= 0:
        raise ValueError("outside")
    return mp.loggamma(x) + mp.loggamma(y) - mp.loggamma(x + y)


@of_order(0)
@roomy(200)
def polygamma_step(n, x, y):
    if x <= 0 or y < 0:
        raise ValueError("outside")
    return mp.polygamma(n, x + y) - mp.polygamma(n, x)


@of_order(0)
def sinc_slope(n, x):
    if not x:
        return mpf(0) if n % 2 else (-1) ** (n // 2) * mp.pi**n / (n + 1)
    with mp.workprec(mp.prec + 100 + (n + 1) * abs(mp.mag(x))):
        out = mp.sin(mp.pi * x) / (mp.pi * x)
        for k in range(1, n + 1):
            out = (mp.pi ** (k - 1) * mp.sin(mp.pi * x + k * mp.pi / 2) - k * out) / x
        return +out


ANY_PAIRS = pairs((1.5, 2.25), (-3.0, 0.7), (1e-8, -1e8), (-2.5, -2.75), (0.1, 0.3), (1e150, 1e-150), (-1e-150, 1e100))


def whole_multiples(x, y, rounded):
    """How often y goes into x, in so many bits that no multiple is lost."""
    with mp.workprec(max(mp.prec, 400 + 2 * abs(mp.mag(x) - mp.mag(y)))):
        return rounded(x / y)


# These jump, by what is much less than the spacing of floats where their numbers are large.
STEPS = ("floor", "ceil", "trunc", "rint", "fmod", "remainder", "floor_divide")


def truncated(x):
    return mp.floor(x) if x > 0 else mp.ceil(x)


QUOTIENTS = [(7.0, 3.0), (-7.0, 3.0), (7.0, -3.0), (-7.5, -3.25), (1.0, 0.1), (0.3, 1e8), (-0.3, 1e8), (1e8, 0.7)]

ROWS = {
    "add": (lambda x, y: x + y, ANY_PAIRS),
    "sub": (lambda x, y: x - y, ANY_PAIRS),
    "mul": (lambda x, y: x * y, ANY_PAIRS),
    "div": (lambda x, y: x / y, [*ANY_PAIRS, (1.0, 49.0), (0.0, -3.0), (1e-300, 1e-300)]),
    "neg": (lambda x: -x, both_signs(0.0, 1e-300, 0.3, 1e300)),
    "pow": (
        mp.power,
        pairs(
            *((2.0, 3.0), (0.5, -1.5), (1.7, 0.5), (1e-300, 0.25), (1e300, -0.5), (1.0, 7.5), (0.999999, 1e5)),
            *((3.0, 1e-9), (2.5, 1.0), (2.5, 2.0), (-2.0, 3.0), (-0.7, -2.0), (-1.1, 1.0), (9.0, 0.0), (10.0, 300.5)),
        ),
    ),
    "abs": (mp.fabs, both_signs(1e-300, 0.3, 1e300)),
    "maximum": (max, ANY_PAIRS),
    "minimum": (min, ANY_PAIRS),
    "exp": (mp.exp, unary(-700.0, -30.0, -1.0, -1e-9, 0.0, 1e-300, 0.3, 1.0, 20.5, 709.7)),
    "expm1": (mp.expm1, unary(-700.0, -37.0, -1.0, -1e-9, 0.0, 1e-300, 1e-5, 0.3, 20.5, 709.7)),
    "log": (mp.log, unary(1e-300, 1e-5, 0.5, 0.9999999, 1.0, 1.0000001, 2.0, 1e10, 1e300)),
    "log1p": (mp.log1p, unary(-0.9999999999, -0.5, -1e-9, 0.0, 1e-300, 1e-5, 2.0, 1e300)),
    "log2": (lambda x: mp.log(x, 2), unary(1e-300, 1e-5, 0.5, 0.9999999, 1.0, 1.0000001, 2.0, 1e10, 1e300)),
    "log10": (lambda x: mp.log(x, 10), unary(1e-300, 1e-5, 0.5, 0.9999999, 1.0, 1.0000001, 2.0, 1e10, 1e300)),
    "sqrt": (mp.sqrt, unary(1e-300, 1e-5, 0.5, 2.0, 4.0, 1e300)),
    "sin": (mp.sin, both_signs(0.0, 1e-300, 1e-3, 1.0, 1.5707, 3.14159, 100.0, 1e22)),
    "cos": (mp.cos, both_signs(0.0, 1e-300, 1e-3, 1.0, 1.5707, 3.14159, 100.0, 1e22)),
    "tan": (mp.tan, both_signs(0.0, 1e-300, 1e-3, 1.0, 1.5707, 1.5708, 3.14159, 100.0, 1e22)),
    "arcsin": (mp.asin, both_signs(0.0, 1e-300, 1e-3, 0.5, 0.9, 0.9999999999)),
    "arccos": (mp.acos, both_signs(0.0, 1e-300, 1e-3, 0.5, 0.9, 0.9999999999)),
    "arctan": (mp.atan, both_signs(0.0, 1e-300, 1e-3, 0.5, 1.0, 3.0, 1e10, 1e150)),
    "arctan2": (
        mp.atan2,
        pairs(
            *((1.0, 2.0), (-1.0, 2.0), (1.0, -2.0), (-1.0, -2.0), (1e-9, 3.0), (3.0, 1e-9), (0.0, 2.0)),
            *((2.0, 0.0), (1e-160, 1e-160), (-1e-200, 1e-200), (1e160, 1e160), (1e200, -3e200), (1e-5, 1e300)),
        ),
    ),
    "hypot": (mp.hypot, [*ANY_PAIRS, (3.0, -4.0), (0.0, -2.0), (1e-200, 1e-200), (1e200, 1e200)]),
    "sinh": (mp.sinh, both_signs(0.0, 1e-300, 1e-3, 0.5, 1.0, 20.0, 710.0)),
    "cosh": (mp.cosh, both_signs(0.0, 1e-300, 1e-3, 0.5, 1.0, 20.0, 710.0)),
    "tanh": (mp.tanh, both_signs(0.0, 1e-300, 1e-3, 0.5, 1.0, 5.0, 19.0, 300.0)),
    "relu": (lambda x: max(x, mpf(0)), both_signs(1e-300, 0.3, 1e300)),
    "sigmoid": (sigmoid, both_signs(0.0, 1e-300, 1e-3, 1.0, 5.0, 36.0, 700.0)),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), both_signs(0.0, 1e-300, 1e-3, 1.0, 5.0, 36.0, 700.0)),
    "logaddexp": (
        lambda x, y: max(x, y) + mp.log1p(mp.exp(-abs(x - y))),
        pairs(
            (1.5, 2.25),
            (-3.0, 0.7),
            (0.0, 0.0),
            (700.0, 700.0),
            (-700.0, 0.5),
            (1e-8, -30.0),
            (-2.5, -2.75),
            (3.0, 40.0),
        ),
    ),
    "xlogy": (
        lambda x, y: x * mp.log(y) if x else mpf(0),
        pairs((2.0, 3.0), (-0.5, 1e-300), (0.3, 0.9999999), (1e-8, 1e8), (0.0, 2.0), (1e150, 1.5), (-7.0, 0.1)),
    ),
    "xlog1py": (
        lambda x, y: x * mp.log1p(y) if x else mpf(0),
        pairs((2.0, 3.0), (-0.5, 1e-300), (0.3, -0.9999999), (1e-8, 1e8), (0.0, 2.0), (1e150, 1.5), (-7.0, -1e-9)),
    ),
    "erf": (mp.erf, both_signs(0.0, 1e-300, 1e-3, 0.5, 1.0, 3.0, 6.0, 20.0)),
    "where": (
        lambda x, y, z: y if x else z,
        [(1.0, 2.0, 3.0), (0.0, 2.0, 3.0), (-2.5, 0.1, -7.0), (0.0, 1e300, -1e-300)],
    ),
    "greater": (lambda x, y: mpf(x > y), ANY_PAIRS),
    "equal": (lambda x, y: mpf(x == y), ANY_PAIRS),
    "cbrt": (lambda x: mp.cbrt(x) if x > 0 else -mp.cbrt(-x), both_signs(1e-300, 1e-5, 0.3, 2.0, 8.0, 1e10, 1e300)),
    "holds": (lambda x: mpf(x != 0), both_signs(1e-300, 1.0, 2.5)),
    "floor": (mp.floor, both_signs(1e-300, 0.5, 2.5, 123456.7)),
    "ceil": (mp.ceil, both_signs(1e-300, 0.5, 2.5, 123456.7)),
    "trunc": (truncated, both_signs(1e-300, 0.5, 2.5, 123456.7)),
    "rint": (mp.nint, both_signs(1e-300, 0.3, 2.6, 123456.7)),
    "fmod": (lambda x, y: x - y * whole_multiples(x, y, truncated), QUOTIENTS),
    "remainder": (lambda x, y: x - y * whole_multiples(x, y, mp.floor), QUOTIENTS),
    "floor_divide": (lambda x, y: whole_multiples(x, y, mp.floor), QUOTIENTS),
    "copysign": (lambda x, y: abs(x) if y > 0 else -abs(x), ANY_PAIRS),
    "power_rule": (
        lambda x, y: y * mp.power(x, y - 1),
        pairs((2.0, 3.0), (0.5, -1.5), (1.7, 0.5), (1e-300, 0.25), (0.999999, 1e5), (3.0, 1e-9), (-2.0, 3.0)),
    ),
    "power_term": (
        lambda c, x, y: c * mp.power(x, y),
        [
            (6.0, 2.0, 3.0),
            (-0.25, 0.5, -1.5),
            (0.0, 1e-300, -2.0),
            (0.0, 3.0, -1.0),
            (2.0, -0.7, -2.0),
            (1e9, 1e-300, 0.25),
        ],
    ),
    "difference": (lambda x, y: x - y, [*ANY_PAIRS, (2.5, 2.5)]),
    "sech_squared": (lambda x: mp.sech(x) ** 2, both_signs(0.0, 1e-300, 1e-3, 0.5, 1.0, 5.0, 19.0, 300.0)),
    "arcsin_slope": (lambda x: 1 / mp.sqrt(1 - x * x), both_signs(0.0, 1e-300, 1e-20, 1e-3, 0.5, 0.9, 0.9999999999)),
    "arctan_slope": (lambda x: 1 / (1 + x * x), both_signs(0.0, 1e-300, 1e-3, 0.5, 1.0, 3.0, 1e10, 1e100, 1e150)),
    "sigmoid_slope": (lambda x: sigmoid(x) * sigmoid(-x), both_signs(0.0, 1e-300, 1e-20, 1e-3, 1.0, 5.0, 36.0, 700.0)),
    "logaddexp_slope": (
        lambda x, y: sigmoid(x - y),
        pairs(
            (1.5, 2.25), (-3.0, 0.7), (0.0, 0.0), (700.0, 0.5), (-700.0, 0.5), (1e-8, -30.0), (-2.5, -2.75), (3.0, 40.0)
        ),
    ),
    "hypot_slope": (
        lambda x, y: x / mp.hypot(x, y),
        [*ANY_PAIRS, (3.0, -4.0), (0.0, -2.0), (1e-200, 1e-200), (1e200, 1e200), (1e-150, 1e-140), (1.0, 1e-9)],
    ),
    "erfc": (mp.erfc, unary(-6.0, -1.0, -1e-3, 0.0, 1e-300, 1e-3, 0.5, 1.0, 3.0, 6.0, 20.0, 26.0)),
    "erfcx": (erfcx, unary(-26.0, -3.0, -1.0, -1e-3, 0.0, 1e-300, 1e-3, 0.4, 1.0, 3.0, 6.0, 20.0, 1e5, 1e100)),
    "erfinv": (erfinv, both_signs(0.0, 1e-300, 1e-9, 0.3, 0.499999, 0.51, 0.7, 0.95, 0.9999, 1 - 2**-53)),
    "erfcinv": (erfcinv, unary(5e-324, 1e-300, 1e-9, 0.3, 0.499, 0.51, 0.8, 1.0, 1.2, 1.7, 1.9999, 2 - 2**-52)),
    "ndtr": (ndtr, unary(-37.0, -20.0, -5.0, -1.0, -0.3, -1e-300, 0.0, 1e-9, 0.5, 1.0, 3.0, 8.0)),
    "ndtri": (
        lambda p: -mp.sqrt(2) * erfcinv(2 * p),
        unary(1e-300, 1e-9, 0.1, 0.2499, 0.2501, 0.4, 0.5, 0.6, 0.85, 0.9999, 1 - 2**-53),
    ),
    "log_ndtr": (log_ndtr, unary(-1e10, -1e3, -37.0, -20.0, -5.0, -1.0, -0.3, -1e-300, 0.0, 1e-9, 0.5, 1.0, 3.0, 30.0)),
    "logit": (lambda p: mp.log(p / (1 - p)), unary(1e-300, 1e-9, 0.1, 0.26, 0.5, 0.500001, 0.74, 0.9, 1 - 2**-53)),
    "gamma": (
        mp.gamma,
        unary(-170.5, -20.3, -1.5, -0.4, -1e-300, 1e-300, 0.3, 1.0, 1.46, 2.0, 2.6, 10.0, 100.5, 171.5),
    ),
    "gammaln": (
        lambda x: mp.re(mp.loggamma(x)),
        unary(
            -1e10 - 0.25, -20.3, -1.5, -0.4, 1e-300, 0.3, 0.9999, 1.0, 1.0001, 1.46, 1.9999, 2.0, 2.6, 10.0, 1e10, 1e300
        ),
    ),
    "digamma": (
        mp.digamma,
        unary(-20.3, -1.5, -0.4, -1e-9, 1e-300, 0.3, 1.0, 1.4616, 1.4617, 2.0, 2.6, 10.0, 1e10, 1e300),
    ),
    "polygamma": (
        of_order(0, 10**6)(mp.polygamma),
        pairs(
            *((0.0, 2.5), (1.0, 1e-100), (1.0, 0.3), (1.0, 2.5), (1.0, 30.0), (1.0, 1e100), (1.0, -1.4), (2.0, 0.3)),
            *((2.0, 9.9), (2.0, 12.5), (2.0, -3.3), (3.0, 2.5), (4.0, 1.5), (7.0, 3.3), (12.0, 20.5)),
        ),
    ),
    "beta": (
        lambda x, y: mp.exp(log_beta(x, y)),
        pairs((1.5, 2.25), (1.0, 1.0), (3.0, 0.7), (1e-8, 1e8), (0.1, 0.3), (20.0, 30.5), (1e-20, 1e-30), (2.4, 1e10)),
    ),
    "betaln": (
        log_beta,
        pairs((1.5, 2.25), (1.0, 1.0), (3.0, 0.7), (1e-8, 1e8), (0.1, 0.3), (20.0, 30.5), (1e10, 3e10), (2.4, 1e100)),
    ),
    "j0": (
        lambda x: mp.besselj(0, x),
        both_signs(0.0, 1e-300, 1e-3, 1.0, 2.404825557695773, 5.0, 7.9, 9.0, 100.0, 1e10),
    ),
    "j1": (
        lambda x: mp.besselj(1, x),
        both_signs(0.0, 1e-300, 1e-3, 1.0, 3.831705970207512, 5.0, 7.9, 9.0, 100.0, 1e10),
    ),
    "jv": (
        of_order(-16)(mp.besselj),
        pairs(
            (0.0, 0.0),
            (1.0, 0.0),
            (2.0, 0.0),
            *((n, x) for n in (-4.0, 0.0, 1.0, 2.0, 4.0) for x in (1e-9, 0.5, -1.9, 4.5, 30.0, 1e5)),
            (13.0, 40.0),
        ),
    ),
    "i0": (lambda x: mp.besseli(0, x), both_signs(0.0, 1e-300, 1e-3, 1.0, 5.0, 7.9, 8.5, 100.0, 700.0)),
    "i1": (lambda x: mp.besseli(1, x), both_signs(0.0, 1e-300, 1e-3, 1.0, 5.0, 7.9, 8.5, 100.0, 700.0)),
    "iv": (
        of_order(-16)(mp.besseli),
        pairs(
            (0.0, 0.0),
            (1.0, 0.0),
            (2.0, 0.0),
            *((n, x) for n in (-4.0, 0.0, 1.0, 2.0, 4.0) for x in (1e-9, 0.5, -1.9, 4.5, 30.0, 700.0)),
            (13.0, 40.0),
        ),
    ),
    "sinc": (lambda x: sinc_slope(0, x), both_signs(0.0, 1e-300, 1e-3, 0.3, 0.999, 1.5, 30.3, 1e5 + 0.25)),
    "fma": (
        lambda x, y, z: x * y + z,
        [(1.5, 2.25, -3.0), (0.1, 10.0, -1.0), (1e200, 1e200, -1e300), (1e-200, 1e-200, 1e-300), (-3.0, 0.7, 1e8)],
    ),
    "ndtr_slope": (mp.npdf, both_signs(0.0, 1e-300, 1e-3, 0.5, 1.0, 3.0, 6.0, 20.0)),
    "log_ndtr_slope": (
        log_ndtr_slope,
        unary(-1e10, -37.0, -20.0, -5.0, -1.0, -0.3, -1e-300, 0.0, 1e-9, 0.5, 1.0, 3.0, 30.0),
    ),
    "erfc_integral": (
        erfc_integral,
        pairs(*((n, x) for n in (0.0, 1.0, 2.0, 3.0) for x in (-1.0, 0.0, 0.4, 1.0, 1.9, 2.1, 10.0, 1e5)), (13.0, 3.0)),
    ),
    "polygamma_step": (
        polygamma_step,
        [
            *(
                (0.0, 1.5, 2.25),
                (0.0, 3.0, 0.7),
                (0.0, 1e-8, 1e8),
                (0.0, 0.1, 0.3),
                (0.0, 20.0, 30.5),
                (0.0, 1e10, 3e-10),
            ),
            *(
                (0.0, 2.4, 1e100),
                (1.0, 0.1, 0.3),
                (1.0, 12.5, 3e-10),
                (1.0, 1e10, 1e-5),
                (2.0, 3.5, 2.0),
                (3.0, 1e-5, 7.0),
            ),
        ],
    ),
    "sinc_slope": (
        sinc_slope,
        pairs(*((n, x) for n in (0.0, 1.0, 2.0, 3.0, 6.0) for x in (0.0, 1e-9, 0.3, -0.45, 1.5, 30.3))),
    ),
    "gaussian": (lambda x: mp.exp(-x * x), both_signs(0.0, 1e-300, 1e-3, 0.5, 1.0, 3.0, 6.0, 20.0)),
}

TRUTH = {name: truth for name, (truth, _) in ROWS.items()}
POINTS: dict[str, list[tuple[float, ...]]] = {name: points for name, (_, points) in ROWS.items()}

# Operations whose first argument is a whole number, with respect to which there is no derivative.
OF_ORDER = ("polygamma", "jv", "iv", "erfc_integral", "polygamma_step", "sinc_slope")


# What a value, or a partial derivative, is a difference of: near its zeros its error is relative to the size of that.


def _wave(n, x):
    return abs(mp.besselj(n, x) + 1j * mp.bessely(n, abs(x))) if abs(x) > max(1, abs(n)) else 0


def _log_gammas(x):
    return abs(mp.loggamma(-x)) + abs(mp.log(mp.pi / abs(x * mp.sin(mp.pi * x)))) if x < -0.5 else 0


def _digammas(x):
    return mp.digamma(1 - x) + abs(mp.pi * mp.cot(mp.pi * x)) if x < 0 else 0


def _polygammas(n, x):
    near = x - mp.nint(x)
    return mp.factorial(n) * (abs(near) ** -(n + 1) + 4 * mp.zeta(n + 1)) if x < 0 < n else _digammas(x) if not n else 0


def _sinc_wave(n, x):
    return mp.pi**n / (1 + mp.pi * abs(x))


SIZES = {  # of the value, and of each partial
    "gammaln": (_log_gammas, _digammas),
    "gamma": (lambda x: 0, lambda x: abs(mp.gamma(x)) * _digammas(x)),
    "digamma": (_digammas, lambda x: 0),
    "polygamma": (_polygammas, lambda n, x: 0, lambda n, x: _polygammas(n + 1, x)),
    "betaln": (lambda x, y: 4, lambda x, y: 0, lambda x, y: 0),
    "j0": (lambda x: _wave(0, x), lambda x: _wave(1, x)),
    "j1": (lambda x: _wave(1, x), lambda x: _wave(1, x)),
    "jv": (_wave, lambda n, x: 0, lambda n, x: _wave(n, x)),
    "sinc": (lambda x: 0, lambda x: _sinc_wave(1, x)),
    "sinc_slope": (lambda n, x: _sinc_wave(n, x) if n else 0, lambda n, x: 0, lambda n, x: _sinc_wave(n + 1, x)),
}


def size_of(op, index, point):
    """Of what a value (0) or a partial derivative (from 1) is a difference of; 0 at a pole."""
    try:
        return SIZES[op.name][index](*map(mpf, point)) if op.name in SIZES else 0
    except (ValueError, ZeroDivisionError):
        return 0


def exact(function, arguments, bits=200):
    """The function's value at floats, in so many bits; None where it is not a real number."""
    with mp.workprec(bits):
        try:
            out = function(*map(mpf, arguments))
        except (ValueError, ZeroDivisionError):
            return None
        return None if isinstance(out, mpmath.mpc) or not mpmath.isfinite(out) else out


def slope(function, index):
    """The partial derivative of a function on mpmath numbers: a central difference of 320 bits.

    The working precision grows until the difference has them; a difference of nothing is a slope of nothing.
    """

    def difference(*arguments):
        x = arguments[index]
        size = mp.mag(x) if x else 0
        bits = max(700, mp.prec + 350) + abs(size)
        for precision in (bits, 2 * bits, 4 * bits, 8 * bits):
            with mp.workprec(precision):
                h = mpf(2) ** (min(size, 0) - 160)
                up, down = (function(*arguments[:index], x + e, *arguments[index + 1 :]) for e in (h, -h))
                if isinstance(up, mpmath.mpc) or isinstance(down, mpmath.mpc):
                    raise ValueError("not real here")
                rise = up - down
                if rise and mp.mag(rise) > max(mp.mag(up), mp.mag(down)) - precision + 330:
                    return rise / (2 * h)
        return mpf(0)

    return difference


def in_domain(op, operands, point):
    """What to apply an operation to: operands at a point; where it is not defined there, moved to a point of its row.

    An order is a number.
    """
    operands, point = [*operands[: len(op.partials)]], [*point[: len(op.partials)]]
    if op.name in OF_ORDER:
        operands[0] = point[0] = 2.0
    with ieee():  # as it is while a function is traced
        if not isnan(op(*point)):
            return operands
    nearest = min(POINTS[op.name], key=lambda row: sum(abs(y - x) for x, y in zip(point, row)))
    return [operand + (y - x) for operand, x, y in zip(operands, point, nearest)]
