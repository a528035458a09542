"""Fit the nonlinear regression problems of NIST by exact derivatives: digits, evaluations and time.

    python benchmarks/nist.py                      # all 27 problems: about a minute
    python benchmarks/nist.py MGH09 Rat43 --rounds 9
    python benchmarks/nist.py --method lm          # MINPACK's Levenberg-Marquardt

Each problem is fitted from both of its certified starting points by `scipy.optimize.least_squares`, asked for all
digits that there are: with jac=jacobian(r) ("eager"), with residuals and Jacobian compiled ("jit"), and with finite
differences ("2-point").

digits  how many of the eleven certified ones the worst parameter agrees in, the worse start of both; in parentheses
        those of the residual sum of squares, which for Lanczos1 is below what doubles can tell (1.4e-25)
calls   of the residuals and of the Jacobian, over both starts; finite differences call the residuals once a parameter
        more
ms      for both starts, the least over the rounds; compiling, which happens once, is stated beside it

With MINPACK's method BoxBOD is not reached from its first start: the first step goes where exp(-b2*x) is 0, and with it
the slope. The default, a trust region that is scaled by the Jacobian's columns (x_scale="jac"), gets there from all 54.

nist.json holds the data, starting points and certified values as NIST has published them (Statistical Reference
Datasets, nonlinear regression; a work of the United States government, in the public domain).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for such small matrices threads only wait for each other

import numpy as np
from eager import print_table, set_aside, surroundings
from numpy import arctan, cos, exp, log, pi, sin
from scipy.optimize import least_squares

from scalargrad import jacobian, jit

PROBLEMS = json.loads(Path(__file__).with_name("nist.json").read_text(encoding="utf-8"))

# The models


def misra1a(b: Any, x: Any) -> Any:
    return b[0] * (1 - exp(-b[1] * x))


def misra1b(b: Any, x: Any) -> Any:
    return b[0] * (1 - (1 + b[1] * x / 2) ** -2)


def misra1c(b: Any, x: Any) -> Any:
    return b[0] * (1 - (1 + 2 * b[1] * x) ** -0.5)


def misra1d(b: Any, x: Any) -> Any:
    return b[0] * b[1] * x / (1 + b[1] * x)


def chwirut(b: Any, x: Any) -> Any:
    return exp(-b[0] * x) / (b[1] + b[2] * x)


def lanczos(b: Any, x: Any) -> Any:
    return b[0] * exp(-b[1] * x) + b[2] * exp(-b[3] * x) + b[4] * exp(-b[5] * x)


def gauss(b: Any, x: Any) -> Any:
    peaks = b[2] * exp(-((x - b[3]) ** 2) / b[4] ** 2) + b[5] * exp(-((x - b[6]) ** 2) / b[7] ** 2)
    return b[0] * exp(-b[1] * x) + peaks


def danwood(b: Any, x: Any) -> Any:
    return b[0] * x ** b[1]


def kirby2(b: Any, x: Any) -> Any:
    return (b[0] + b[1] * x + b[2] * x**2) / (1 + b[3] * x + b[4] * x**2)


def cubic(b: Any, x: Any) -> Any:
    return (b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3) / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3)


def nelson(b: Any, x: Any) -> Any:
    return b[0] - b[1] * x[0] * exp(-b[2] * x[1])


def mgh09(b: Any, x: Any) -> Any:
    return b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3])


def mgh10(b: Any, x: Any) -> Any:
    return b[0] * exp(b[1] / (x + b[2]))


def mgh17(b: Any, x: Any) -> Any:
    return b[0] + b[1] * exp(-x * b[3]) + b[2] * exp(-x * b[4])


def roszman1(b: Any, x: Any) -> Any:
    return b[0] - b[1] * x - arctan(b[2] / (x - b[3])) / pi


def enso(b: Any, x: Any) -> Any:
    year = b[1] * cos(2 * pi * x / 12) + b[2] * sin(2 * pi * x / 12)
    first = b[4] * cos(2 * pi * x / b[3]) + b[5] * sin(2 * pi * x / b[3])
    second = b[7] * cos(2 * pi * x / b[6]) + b[8] * sin(2 * pi * x / b[6])
    return b[0] + year + first + second


def rat42(b: Any, x: Any) -> Any:
    return b[0] / (1 + exp(b[1] - b[2] * x))


def rat43(b: Any, x: Any) -> Any:
    return b[0] / (1 + exp(b[1] - b[2] * x)) ** (1 / b[3])


def eckerle4(b: Any, x: Any) -> Any:
    return b[0] / b[1] * exp(-0.5 * ((x - b[2]) / b[1]) ** 2)


def bennett5(b: Any, x: Any) -> Any:
    return b[0] * (b[1] + x) ** (-1 / b[2])


MODELS: dict[str, Callable[[Any, Any], Any]] = {
    "Misra1a": misra1a,
    "Misra1b": misra1b,
    "Misra1c": misra1c,
    "Misra1d": misra1d,
    "Chwirut1": chwirut,
    "Chwirut2": chwirut,
    "Lanczos1": lanczos,
    "Lanczos2": lanczos,
    "Lanczos3": lanczos,
    "Gauss1": gauss,
    "Gauss2": gauss,
    "Gauss3": gauss,
    "DanWood": danwood,
    "Kirby2": kirby2,
    "Hahn1": cubic,
    "Thurber": cubic,
    "Nelson": nelson,
    "MGH09": mgh09,
    "MGH10": mgh10,
    "MGH17": mgh17,
    "Roszman1": roszman1,
    "ENSO": enso,
    "Rat42": rat42,
    "Rat43": rat43,
    "BoxBOD": misra1a,
    "Eckerle4": eckerle4,
    "Bennett5": bennett5,
}


def residuals(name: str) -> Callable[[Any], Any]:
    """Return the residuals of a problem, a function of its parameters."""
    problem, model = PROBLEMS[name], MODELS[name]
    x, y = np.array(problem["x"], float), np.array(problem["y"], float)
    if name == "Nelson":  # which is a model of the logarithm
        y = log(y)
    return lambda b: model(b, x) - y


# Measuring

WAYS = {
    "eager": lambda r: (r, jacobian(r)),
    "jit": lambda r: (jit(r), jit(jacobian(r))),
    "2-point": lambda r: (r, "2-point"),
}


def fits(name: str, function: Any, jac: Any, method: str) -> list[Any]:
    """Fit a problem from both starts, asking for all digits that there are."""
    tight = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15, "max_nfev": 5_000}
    starts = PROBLEMS[name]["starts"]
    return [least_squares(function, start, jac, method=method, x_scale="jac", **tight) for start in starts]


def agreed(found: Any, certified: Any) -> float:
    """Return in how many digits the worst of some numbers agrees, of the eleven that are certified."""
    apart = np.abs(np.subtract(found, certified) / certified).max()
    return min(11.0, -math.log10(apart)) if apart > 0 else 11.0


def measure(name: str, way: str, method: str, rounds: int) -> dict[str, Any]:
    """Fit a problem, and again for as many rounds."""
    problem, (function, jac) = PROBLEMS[name], WAYS[way](residuals(name))
    begin = time.perf_counter()
    found = fits(name, function, jac, method)
    first = time.perf_counter() - begin
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        fits(name, function, jac, method)
        times.append(time.perf_counter() - begin)
    return {
        "digits": [agreed(one.x, problem["certified"]) for one in found],
        "digits of the sum": [agreed(2 * one.cost, problem["sum of squares"]) for one in found],
        "calls": sum(one.nfev for one in found),
        "jacobians": sum(one.njev or 0 for one in found),
        "ms": min(times) * 1e3,
        "first_ms": first * 1e3,
    }


# The program


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", nargs="*", metavar="problem", help="some of the problems (default: all)")
    parser.add_argument(
        "--method", choices=("trf", "lm", "dogbox"), default="trf", help="of least_squares (default trf)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each fit is timed (default 3)")
    parser.add_argument("--json", metavar="FILE", help="write every number")
    options = parser.parse_args()
    if unknown := set(options.problems) - set(PROBLEMS):
        parser.error(f"there is no problem {', '.join(sorted(unknown))}: choose from {', '.join(PROBLEMS)}")
    if options.rounds < 1:
        parser.error(f"--rounds must be at least 1, got {options.rounds}")
    return options


def main() -> None:
    options = arguments()
    results = surroundings(("numpy", "scipy", "llvmlite"))
    print(", ".join(f"{name} {version}" for name, version in results["versions"].items() if version))
    print(f"{results['machine']['processor']}; least_squares(method={options.method!r}, x_scale='jac')\n")
    np.seterr(all="ignore")  # a step may be too long, and is taken back
    set_aside()
    fitted: dict[str, dict[str, dict[str, Any]]] = {}
    for name in options.problems or PROBLEMS:
        fitted[name] = {way: measure(name, way, options.method, options.rounds) for way in WAYS}
    heads = [f"{way}: {column}" for way in WAYS for column in ("digits", "calls", "ms")]
    table = [["", "difficulty", "b", "points", *heads, "compiled in"]]
    for name, rows in fitted.items():
        problem = PROBLEMS[name]
        cells: list[str] = []
        for row in rows.values():
            cells += [f"{min(row['digits']):.1f} ({min(row['digits of the sum']):.1f})"]
            cells += [f"{row['calls']}+{row['jacobians']}", f"{row['ms']:.2f}"]
        compiling = rows["jit"]["first_ms"] - rows["jit"]["ms"]
        sizes = [str(len(problem["certified"])), str(len(problem["y"]))]
        table.append([name, problem["difficulty"], *sizes, *cells, f"{compiling:.0f} ms"])
    print_table(table, left=2)
    print()
    for way in WAYS:
        rows = [rows[way] for rows in fitted.values()]
        reached = sum(digits >= 6 for row in rows for digits in row["digits"])
        total = sum(row["ms"] for row in rows)
        print(f"{way}: six digits in {reached} of {2 * len(rows)} fits, {total:.0f} ms for all of them")
    for way in ("eager", "jit"):
        ratios = [rows[way]["ms"] / rows["2-point"]["ms"] for rows in fitted.values()]
        print(f"{way}: the median of a problem's time is {np.median(ratios):.2f} x that of finite differences")
    if options.json:
        text = json.dumps(results | {"method": options.method, "fits": fitted}, indent=1)
        Path(options.json).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
