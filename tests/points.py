"""One row an operation: its value as mpmath computes it, and points that cover the domain where it is smooth.

The derivatives need no second source of truth: they are central differences of the value, in so many digits
that nothing is lost.
"""

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
    "gaussian": (lambda x: mp.exp(-x * x), both_signs(0.0, 1e-300, 1e-3, 0.5, 1.0, 3.0, 6.0, 20.0)),
}

TRUTH = {name: truth for name, (truth, _) in ROWS.items()}
POINTS: dict[str, list[tuple[float, ...]]] = {name: points for name, (_, points) in ROWS.items()}


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
    """What to apply an operation to: operands at a point; where it is not defined there, moved to a point of its row."""
    operands, point = operands[: len(op.partials)], point[: len(op.partials)]
    with ieee():  # as it is while a function is traced
        if not isnan(op(*point)):
            return operands
    nearest = min(POINTS[op.name], key=lambda row: sum(abs(y - x) for x, y in zip(point, row)))
    return [operand + (y - x) for operand, x, y in zip(operands, point, nearest)]
