"""Coefficients of scalargrad/compiler/vectormath.py: polynomials of least relative error, by Remez's exchange.

    python benchmarks/minimax.py

For each function: what the polynomial P approximates, over which interval, what its error is multiplied by to be
relative to the function, and the largest such error.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from mpmath import mp, mpf

Real = Callable[[Any], Any]

HALF_LOG2 = mp.log(2) / 2
QUARTER = mp.pi / 4
RATIO = mpf(1) / 5  # s = f / (2 + f) where 3/4 <= 1 + f <= 3/2
SLACK = mpf("1.0001")  # reductions round: a little more than their interval


def remez(function: Real, weight: Real, low: Any, high: Any, degree: int) -> tuple[list[Any], Any]:
    """Return the polynomial of this degree with the least max |weight * (polynomial - function)|, and that error."""
    count = degree + 2
    points = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * (i + mpf(1) / 2) / count) for i in range(count)]
    grid = [low + (high - low) * (1 - mp.cos(mp.pi * i / 600)) / 2 for i in range(601)]
    values = [(x, function(x), weight(x)) for x in grid if weight(x)]
    for _ in range(12):
        rows = [[x**k for k in range(degree + 1)] + [(-1) ** i / weight(x)] for i, x in enumerate(points)]
        *coefficients, _ = mp.lu_solve(mp.matrix(rows), mp.matrix([function(x) for x in points]))
        errors = [(x, w * (sum(c * x**k for k, c in enumerate(coefficients)) - y)) for x, y, w in values]
        # The largest error of each run of one sign.
        peaks: list[Any] = []
        for x, e in errors:
            if peaks and mp.sign(peaks[-1][1]) == mp.sign(e):
                if abs(e) > abs(peaks[-1][1]):
                    peaks[-1] = (x, e)
            else:
                peaks.append((x, e))
        while len(peaks) > count:
            peaks.pop(0 if abs(peaks[0][1]) < abs(peaks[-1][1]) else -1)
        if [x for x, _ in peaks] == points or len(peaks) < count:
            break
        points = [x for x, _ in peaks]
    return coefficients, max(abs(e) for _, e in errors)


def main() -> None:
    """Print them all."""
    mp.dps = 60
    table: dict[str, tuple[Real, Real, Any, Any, int]] = {
        "EXP: exp(r) = 1 + r + r*r*P(r)": (
            lambda r: (mp.expm1(r) - r) / r**2 if abs(r) > 1e-20 else mpf(1) / 2,
            lambda r: max(abs(r), mpf(1) / 50),
            -HALF_LOG2 * SLACK,
            HALF_LOG2 * SLACK,
            9,
        ),
        "SIN: sin(r) = r + r*z*P(z), z = r*r": (
            lambda z: (mp.sin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z if z else -mpf(1) / 6,
            lambda z: z,
            mpf(0),
            (QUARTER * SLACK) ** 2,
            5,
        ),
        "COS: cos(r) = 1 - z/2 + z*z*P(z), z = r*r": (
            lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2 if z else mpf(1) / 24,
            lambda z: z**2,
            mpf(0),
            (QUARTER * SLACK) ** 2,
            5,
        ),
        "LOG: log((1 + s)/(1 - s)) = 2*s + s*z*P(z), z = s*s": (
            lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z if z else mpf(2) / 3,
            lambda z: z / 2,
            mpf(0),
            (RATIO * SLACK) ** 2,
            6,
        ),
    }
    for title, (function, weight, low, high, degree) in table.items():
        coefficients, error = remez(function, weight, low, high, degree)
        print(f"{title}, within 2**{mp.nstr(mp.log(error, 2), 3)}")
        print("    " + ", ".join(repr(float(c)) for c in coefficients))
    print("log(2) and pi/2, in parts:")
    log2 = mp.log(2)
    print("   ", repr(float(log2)), repr(float(log2 - mpf(float(log2)))))
    first = mpf(float(mp.pi / 2))
    second = float(mp.pi / 2 - first)
    if second > mp.pi / 2 - first:
        second = math.nextafter(second, 0.0)
    print("   ", repr(float(first)), repr(second), repr(float(mp.pi / 2 - first - second)))


if __name__ == "__main__":
    main()
