"""Coefficients of scalargrad/approximations.py: polynomials of least relative error, by Remez's exchange.

    python benchmarks/special.py

For each: what the polynomial P approximates, the variable that it is written in, and its largest error relative to what
it stands for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minimax import remez
from mpmath import mp, mpf

Real = Callable[[Any], Any]

ERFC_CENTRE, TAIL_CENTRE = mpf(15) / 4, mpf(3)
with mp.workdps(50):
    ROOT = mp.findroot(mp.digamma, 1.46)


def erfcx(x: Any) -> Any:
    """Return exp(x*x)*erfc(x)."""
    far = (1 - 1 / (2 * x * x) + 3 / (4 * x**4)) / (x * mp.sqrt(mp.pi)) if x else x
    return mp.exp(x * x) * mp.erfc(x) if x < 10**6 else far


def erfc_integral(x: Any) -> Any:
    """Return 1/sqrt(pi) - x*erfcx(x)."""
    far = (1 / (2 * x * x) - 3 / (4 * x**4)) / mp.sqrt(mp.pi) if x else x
    return 1 / mp.sqrt(mp.pi) - x * erfcx(x) if x < 10**6 else far


def erfcinv(q: Any) -> Any:
    """Return the x whose erfc is q, for 0 < q < 1."""
    if q > 0.01:
        return mp.erfinv(1 - q)
    start = -mp.log(q)
    return mp.findroot(lambda x: mp.log(erfcx(x)) - x * x - mp.log(q), mp.sqrt(start - mp.log(start * mp.pi) / 2))


def stirling(x: Any) -> Any:
    """Return what Stirling's formula lacks of the logarithm of the gamma function."""
    return mp.loggamma(x) - (x - mpf(1) / 2) * mp.log(x) + x - mp.log(2 * mp.pi) / 2


def over_power(n: int, x: Any) -> Any:
    """Return j(n, x)/x**n."""
    return mp.besselj(n, x) / x**n if x else mpf(1) / 2**n


def hankel(n: int, x: Any) -> tuple[Any, Any]:
    """Return P and Q of Hankel's expansion of the Bessel function of order n."""
    size, turn = mp.sqrt(mp.pi * x / 2), x - (2 * n + 1) * mp.pi / 4
    j, y = mp.besselj(n, x), mp.bessely(n, x)
    return size * (j * mp.cos(turn) + y * mp.sin(turn)), size * (y * mp.cos(turn) - j * mp.sin(turn))


def large_i(n: int, x: Any) -> Any:
    """Return sqrt(x)*exp(-x)*i(n, x)."""
    far = (1 - mpf(4 * n * n - 1) / (8 * x) + mpf((4 * n * n - 1) * (4 * n * n - 9)) / (128 * x * x)) / mp.sqrt(
        2 * mp.pi
    )
    return mp.sqrt(x) * mp.exp(-x) * mp.besseli(n, x) if x < 10**5 else far


def beyond(centre: Any, function: Real) -> Real:
    """Take a function of x from 0 to infinity to one of u = (x - centre)/(x + centre), from -1 to 1."""
    return lambda u: function(centre * (1 + u) / (1 - u) if u < 1 else mpf(10) ** 25)


def at(argument: Real, function: Real) -> Real:
    """Take a function of x to one of the variable of which x is this function, a little beside 0 where that is infinite."""
    return lambda v: function(argument(v if abs(v) > 1e-20 else mpf(10) ** -20))


def inverse_root(z: Any) -> Any:
    """Return 1/sqrt(z)."""
    return 1 / mp.sqrt(z)


def table() -> dict[str, tuple[Real, Any, Any, int]]:
    """Return what is approximated, over which interval, and by how many coefficients."""
    lowest, highest = (((t - TAIL_CENTRE) / (t + TAIL_CENTRE)) for t in (mpf("0.832"), mpf("27.3")))
    tail = at(lambda u: TAIL_CENTRE * (1 + u) / (1 - u), lambda t: erfcinv(mp.exp(-t * t)) / t)
    near = at(lambda v: 16 / (1 + v) if v > -1 else mpf(10) ** 25, lambda x: x)
    return {
        "ERFCX: (1 + 2*x)*erfcx(x) = P(u), u = (x - 3.75)/(x + 3.75)": (
            beyond(ERFC_CENTRE, lambda x: (1 + 2 * x) * erfcx(x)), mpf(-1), mpf(1), 26),
        "ERFC_INTEGRAL: (1 + 2*x)**2*(1/sqrt(pi) - x*erfcx(x)) = P(u)": (
            beyond(ERFC_CENTRE, lambda x: (1 + 2 * x) ** 2 * erfc_integral(x)), mpf(-1), mpf(1), 29),
        "ERFINV: erfinv(x) = x*P(z), z = x*x": (
            at(mp.sqrt, lambda x: mp.erfinv(x) / x), mpf(0), mpf(1) / 4, 15),
        "ERFC_TAIL: erfcinv(exp(-t*t)) = t*P(u), u = (t - 3)/(t + 3)": (tail, lowest, highest, 36),
        "LOG_GAMMA: gammaln(2 + s) = s*P(s)": (
            at(lambda s: s, lambda s: mp.loggamma(2 + s) / s), -mpf(3) / 4, mpf(1) / 2, 23),
        "STIRLING: x*(gammaln(x) - (x - 1/2)*log(x) + x - log(2*pi)/2) = P(z), z = 1/x**2": (
            at(inverse_root, lambda x: x * stirling(x) if x < 10**5 else 1 / mpf(12) - 1 / (360 * x * x)),
            mpf(0), mpf(4) / 25, 15),
        "DIGAMMA: digamma(1 + s) = (1 + s - root)*P(s - 1/2)": (
            lambda v: mp.digamma(mpf(3) / 2 + v) / (mpf(3) / 2 + v - ROOT), -mpf(1) / 2, mpf(1) / 2, 25),
        "DIGAMMA_FAR: x*x*(log(x) - 1/(2*x) - digamma(x)) = P(z), z = 1/x**2": (
            at(inverse_root, lambda x: x * x * (mp.log(x) - 1 / (2 * x) - mp.digamma(x))
               if x < 10**5 else 1 / mpf(12) - 1 / (120 * x * x)), mpf(0), mpf(1) / 4, 19),
        **{
            f"J{n}{name}: j{n}(x) = {'x*' * n}P(u), u = {variable}": (
                lambda u, n=n, low=low, high=high: over_power(n, mp.sqrt(((high - low) * u + high + low) / 2)),
                mpf(-1), mpf(1), count)
            for name, variable, low, high, count in (("", "x*x/8 - 1", mpf(0), mpf(16), 12),
                                                     ("_MIDDLE", "(x*x - 40)/24", mpf(16), mpf(64), 15))
            for n in (0, 1)
        },
        **{
            f"J{n}_{'PQ'[i]}: Hankel's {'P' if i == 0 else 'x*Q'} of order {n}, in z = 1/x**2": (
                at(inverse_root, lambda x, n=n, i=i: hankel(n, x)[i] * x**i), mpf(10) ** -12, mpf(1) / 64, (14, 14)[i])
            for n in (0, 1) for i in (0, 1)
        },
        "I0: i0(x) = P(z), z = x*x/64": (lambda z: mp.besseli(0, 8 * mp.sqrt(z)), mpf(0), mpf(1), 16),
        "I1: i1(x) = x*P(z)": (
            at(lambda z: 8 * mp.sqrt(z), lambda x: mp.besseli(1, x) / x), mpf(0), mpf(1), 17),
        **{
            f"I{n}_FAR: sqrt(x)*exp(-x)*i{n}(x) = P(v), v = 16/x - 1": (
                lambda v, n=n: large_i(n, near(v)), mpf(-1), mpf(1), 30)
            for n in (0, 1)
        },
    }  # fmt: skip


def main() -> None:
    """Print them all."""
    mp.dps = 50
    for title, (function, low, high, count) in table().items():
        print(title, flush=True)
        scale = (
            (lambda _: mpf(1))
            if title.startswith(("J0:", "J1:", "J0_M", "J1_M"))
            else lambda x, f=function: abs(1 / f(x))
        )
        coefficients, error = remez(function, scale, low, high, count - 1)
        print(f"# {title}, within 2**{mp.nstr(mp.log(error, 2), 3)}")
        print(f"{title.partition(':')[0]} = (\n    " + ", ".join(repr(float(c)) for c in coefficients) + ",\n)")
    print(f"DIGAMMA_ROOT = ({float(ROOT)!r}, {float(ROOT - mpf(float(ROOT)))!r})")


if __name__ == "__main__":
    main()
