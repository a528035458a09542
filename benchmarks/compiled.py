"""Time compiled derivatives against their peers: everything that the README says about the speed of `jit`.

    python benchmarks/compiled.py                          # all parts: some minutes
    python benchmarks/compiled.py a b --rounds 99          # some parts, more often
    python benchmarks/compiled.py --chart compiled.png --json compiled.json

a  loss and 337 gradients of micrograd's demo: 2-16-16-1 neurons, 100 points
b  value and gradient of Rosenbrock's function in 2 to 1,000 variables, called from Python, one point at a time
c  the Hessian of the Helmholtz energy of a mixture, 10 variables
d  loss and gradients of a 4-3-2 network, ReLU + sin, softmax and cross-entropy, over 10,000 samples
e  the Jacobian of the residuals of three Gaussians, 9 parameters, over 250 points
f  making and calling a function of 10^3 to 10^5 operations, which CasADi interprets: gcc would take minutes
g  b's function of 2 to 1,000 variables, called with arguments of other kinds than an array of doubles, one after
   another

Everything runs in this process, turn by turn, so that what disturbs the machine disturbs all alike. Before it is timed, a
contender's numbers are compared with those of NumPy by hand. Tables state the least over the rounds, which is what ratios
and the chart are made of (a disturbance only adds to a time), the median and the most. The contenders are in contenders.py; what is not installed is left out, with a line that says so. C by hand and
CasADi need gcc.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for such small matrices threads only wait for each other

import contenders
import numpy as np
from contenders import Call
from eager import Row, print_table, set_aside, surroundings

from scalargrad import array, jit, value_and_grad

CONTENDERS = {
    "scalargrad jit": contenders.Scalargrad,
    "C by hand": contenders.InC,
    "C, written plainly": contenders.InPlainC,
    "NumPy by hand": contenders.ByHand,
    "JAX jit": contenders.Jax,
    "PyTorch": contenders.Torch,
    "PyTorch compile": contenders.TorchCompiled,
    "CasADi, gcc": contenders.Casadi,
    "HIPS autograd": contenders.Autograd,
}
PACKAGES = ("llvmlite", "numpy", "jax", "torch", "casadi", "autograd")
REFERENCE = contenders.ByHand()

TITLES = {
    "a": "a: loss and gradients of micrograd's demo, 100 points",
    "b": "b: value and gradient of Rosenbrock's function, a point at a time",
    "c": "c: the Hessian of a Helmholtz energy, 10 variables",
    "d": "d: loss and gradients of a 4-3-2 network, 10,000 samples",
    "e": "e: the Jacobian of the residuals of three Gaussians, 250 points",
    "f": "f: a function of n operations",
    "g": "g: value and gradient of Rosenbrock's function, by the kind of the argument",
}
PROBLEMS = {"a": "moons", "b": "rosenbrock", "c": "helmholtz", "d": "network", "e": "gaussians", "f": "program"}
SIZES = {"b": (2, 10, 100, 1_000), "f": (1_000, 10_000, 100_000), "g": (2, 10, 100, 1_000)}
KINDS: Mapping[str, Callable[[Any], Any]] = {
    "array of doubles": lambda x: x,
    "float32": lambda x: x.astype(np.float32),
    "int64": lambda x: x.astype(np.int64),
    "int32": lambda x: x.astype(np.int32),
    "bool": lambda x: x > 1,
    "column of a matrix": lambda x: np.stack([x, x], axis=1)[:, 0],
    "backwards": lambda x: x[::-1],
    "another order of bytes": lambda x: x.astype(x.dtype.newbyteorder()),
    "read-only": lambda x: np.broadcast_to(x.copy(), x.shape),
    "list of floats": lambda x: x.tolist(),
    "list of float64": list,
}
PATIENCE = 5e-4  # seconds an operation: what took longer to make is not asked for ten times as many

TURN = 0.005  # seconds: a turn makes as many calls as that takes, or one; too short to be interrupted often


# What there is to compare


def load(names: Iterable[str]) -> dict[str, Any]:
    """Return the contenders that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = CONTENDERS[name]()
        except (ImportError, FileNotFoundError) as error:
            print(f"left out: {name} ({error})")
    return found


def problem(contender: Any, part: str, size: int | None) -> Call:
    """Make the call that a contender is timed by."""
    make = getattr(contender, PROBLEMS[part])
    if size is None:
        call: Call = make()
        return call
    return partial(make(size), contenders.start(size) if part == "b" else contenders.VARIABLES)


def expected(part: str, size: int | None) -> Any:
    if part == "f":
        return contenders.straight_line(contenders.VARIABLES.tolist(), size or 0, math.sin)
    return problem(REFERENCE, part, size)()


def numbers(result: Any) -> Any:
    """Return all numbers of a result, whatever arrays they came in, as one array."""
    if isinstance(result, (list, tuple)):
        return np.concatenate([numbers(part) for part in result])
    return np.asarray(result, float).flatten()


def made(contender: Any, part: str, size: int | None) -> tuple[Call, Row]:
    """Make a contender's call, make it once, and compare its numbers with those to expect."""
    start = time.perf_counter()
    call = problem(contender, part, size)
    got = call()
    seconds = time.perf_counter() - start
    got, truth = numbers(got), numbers(expected(part, size))
    apart = float(np.abs(got - truth).max() / np.abs(truth).max()) if got.shape == truth.shape else math.inf
    if not apart < 1e-9:
        raise SystemExit(f"{type(contender).__name__} computes something else in {part}: {got}, not {truth}")
    return call, {"make_s": seconds, "apart": apart}


# Measuring


def calls_in(seconds: float, call: Call) -> int:
    """Find how many calls take some time; they warm up what they call, too."""
    count, taken = 1, 0.0
    while taken < seconds:
        count = count * 2 if taken else 1
        start = time.perf_counter()
        for _ in range(count):
            call()
        taken = time.perf_counter() - start
    return max(1, round(count * seconds / taken))


def turn(call: Call, count: int) -> float:
    """Return the microseconds of one call, the mean of some."""
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count * 1e6


def measure(available: Mapping[str, Any], part: str, size: int | None, rounds: int) -> dict[str, Row]:
    """Time all contenders on one problem, in turns, and compare them with the first one."""
    able = {name: contender for name, contender in available.items() if getattr(contender, PROBLEMS[part], None)}
    calls, rows = {}, {}
    for name, contender in able.items():
        calls[name], rows[name] = made(contender, part, size)
    return timed(calls, rows, rounds)


def measure_kinds(size: int, rounds: int) -> dict[str, Row]:
    """Time a compiled function with arguments of one kind after another, and compare with an array of doubles."""
    function, start = jit(value_and_grad(lambda x: contenders.rosenbrock_value(array(x)))), contenders.start(size)
    calls, rows = {}, {}
    for name, kind in KINDS.items():
        argument = kind(start)
        begin = time.perf_counter()
        got = numbers(function(argument))
        rows[name] = {"make_s": time.perf_counter() - begin}
        calls[name] = partial(function, argument)
        if not np.allclose(got, numbers(function(np.array(argument, float))), rtol=1e-12):
            raise SystemExit(f"{name}: other numbers than for an array of doubles")
    return timed(calls, rows, rounds)


def timed(calls: Mapping[str, Call], rows: dict[str, Row], rounds: int) -> dict[str, Row]:
    """Time calls in turns, and compare them with the first one; put it down beside what is known of each."""
    set_aside()
    counts = {name: calls_in(TURN, call) for name, call in calls.items()}
    turns: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            turns[name].append(turn(call, counts[name]))
    first = min(next(iter(turns.values())))
    for name, times in turns.items():
        summary = {"least": min(times), "median": median(times), "most": max(times)}
        rows[name] |= summary | {"ratio": summary["least"] / first, "turns": times}
    return rows


def measure_sizes(available: Mapping[str, Any], part: str, rounds: int) -> dict[str, dict[str, Row]]:
    """Do so for one size after another; a contender that needs too long to be made leaves."""
    results, still = {}, dict(available)
    for size in SIZES[part]:
        rows = results[str(size)] = measure_kinds(size, rounds) if part == "g" else measure(still, part, size, rounds)
        if part == "f":
            still = {name: still[name] for name, row in rows.items() if row["make_s"] <= PATIENCE * size}
    return results


# Showing

COLORS = {name: f"C{i}" for names in (CONTENDERS, KINDS) for i, name in enumerate(names)}


def print_rows(part: str, rows: Mapping[str, Row], size: str = "") -> None:
    first = next(iter(rows))
    print(f"\n{TITLES[part]}{size and f', n = {int(size):,}'}; microseconds a call, seconds to make it\n")
    table = [["", "least", "median", "most", f"x {first}", "made in"]]
    for name, row in rows.items():
        times = [f"{row[key]:.2f}" for key in ("least", "median", "most")]
        table.append([name, *times, f"{row['ratio']:.2f}", f"{row['make_s']:.2f}"])
    print_table(table)


def bars(axis: Any, rows: Mapping[str, Row]) -> None:
    names = list(rows)[::-1]
    times = [rows[name]["least"] for name in names]
    drawn = axis.barh(names, times, color=[COLORS[name] for name in names])
    axis.bar_label(drawn, [f"{t:,.0f}" if t >= 100 else f"{t:.3g}" for t in times], padding=3, fontsize="small")
    axis.set_xscale("log")
    axis.set_xlim(min(times) / 3, max(times) * 5)
    axis.set_xlabel("microseconds a call")


def lines(axis: Any, results: Mapping[str, Mapping[str, Row]], key: str, unit: str) -> None:
    for name, color in COLORS.items():
        points = [(int(size), rows[name][key]) for size, rows in results.items() if name in rows]
        if points:
            axis.plot(*zip(*points, strict=True), "o-", color=color, markersize=4, label=name)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("n")
    axis.set_ylabel(unit)


def draw(results: Row, file: str) -> None:
    """Draw what was measured: bars for problems of one size, lines for those of several."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    panels: list[tuple[str, Callable[[Any], None]]] = []
    for part in filter(results.__contains__, TITLES):
        if part not in SIZES:
            panels.append((TITLES[part], partial(bars, rows=results[part])))
        else:
            panels.append(
                (TITLES[part], partial(lines, results=results[part], key="least", unit="microseconds a call"))
            )
        if part == "f":
            panels.append(("f: making it", partial(lines, results=results[part], key="make_s", unit="seconds")))
    height = math.ceil(len(panels) / 2)
    figure, axes = plt.subplots(height, 2, figsize=(14, 3 * height), layout="constrained", squeeze=False)
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    for axis, (title, panel) in zip(axes.flat, panels, strict=False):
        panel(axis)
        axis.set_title(title, loc="left", fontsize="medium")
        axis.grid(alpha=0.3, which="major")
        axis.set_axisbelow(True)
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False)
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items() if version)
    figure.suptitle(f"{versions}; {results['machine']['processor']}", fontsize="small")
    figure.savefig(file, dpi=120)
    plt.close(figure)


# The program


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage="%(prog)s [a ... g] [options]"
    )
    parser.add_argument("parts", nargs="*", metavar="part", help="a to g (default: all)")
    parser.add_argument("--rounds", type=int, default=51, help="how often everything has its turn (default 51)")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=CONTENDERS, help="some contenders")
    parser.add_argument("--chart", metavar="FILE", help="draw the results as a PNG")
    parser.add_argument("--json", metavar="FILE", help="write every number")
    options = parser.parse_args()
    options.parts = sorted(set(options.parts)) or list(TITLES)
    if unknown := set(options.parts) - set(TITLES):
        parser.error(f"there is no part {', '.join(sorted(unknown))}: choose from {', '.join(TITLES)}")
    if options.rounds < 1:
        parser.error(f"--rounds must be at least 1, got {options.rounds}")
    if options.chart and not importlib.util.find_spec("matplotlib"):
        parser.error("--chart needs matplotlib, which is not installed: pip install matplotlib")
    return options


def compiler() -> str | None:
    try:
        said = subprocess.run(["gcc", "-dumpfullversion"], check=True, capture_output=True, text=True)  # noqa: S607
    except OSError:
        return None
    return said.stdout.strip()


def main() -> None:
    options = arguments()
    results = surroundings(PACKAGES) | {"rounds": options.rounds}
    results["versions"]["gcc"] = compiler()
    print(", ".join(f"{name} {version}" for name, version in results["versions"].items() if version))
    print(", ".join(f"{name} {value}" for name, value in results["machine"].items()))
    available = load(options.only or CONTENDERS)
    for part in options.parts:
        if part not in SIZES:
            results[part] = measure(available, part, None, options.rounds)
            print_rows(part, results[part])
        else:
            results[part] = measure_sizes(available, part, options.rounds)
            for size, rows in results[part].items():
                print_rows(part, rows, size)
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    if options.chart:
        draw(results, options.chart)


if __name__ == "__main__":
    main()
