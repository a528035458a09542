"""Time the eager engines against each other and their peers: everything that the README says about speed.

    python benchmarks/eager.py                        # all parts: some minutes
    python benchmarks/eager.py a b --rounds 9         # some parts, more often
    python benchmarks/eager.py c --longest 6 --chart growth.png
    python benchmarks/eager.py --json eager.json      # every number, with versions and machine

a  one training step of micrograd's demo (moons.py), over micrograd's neurons and scalargrad.nn's, against micrograd, PyTorch
   and HIPS autograd
b  one training step of a GPT made of scalars (microgpt.py), against scalars that keep local gradients in tuples
c  a chain and a tree of 10^4 to 10^7 nodes: time and bytes a node, to build, differentiate and free it
d  the cost of making a leaf, and the result of each operation
e  eager derivatives of functions (derivatives.py): the transforms against the backward() that they stand for, micrograd, HIPS
   autograd, JAX, fastdual and ddx; once more in a process where the Python engine is in use

a, b, d and e run in this process, turn by turn, so that what disturbs the machine disturbs all alike. c starts a process
for each graph, because only a new process has memory of its own. Everything is measured with the garbage collector on,
as a user has it, and off; tables and JSON state medians over the rounds. What is not installed is left out, with a
line that says so. Linux and macOS.

A step of a and b ends as in micrograd's demo: the graph of one step is alive until the next one is built. The collector
has more to visit then than if it were dropped at once. The first steps are not timed, because the collector's work grows
until the third.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from statistics import median
from timeit import Timer
from typing import Any, Protocol

import derivatives
import microgpt
import moons

Row = dict[str, Any]

ENGINES = {
    "scalargrad python": ("scalargrad.engine", "PythonValue"),
    "scalargrad native": ("scalargrad._engine", "Value"),
}
PEERS = ("micrograd", "torch", "autograd", "numpy", "jax", "fastdual", "ddx-ad")
MODES = {"on": True, "off": False}  # of the garbage collector


# What there is to compare


def load(module: str) -> Any:
    """Import a module; None, and a line that says so, where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        print(f"left out: {module} ({error})")
        return None


def engines() -> dict[str, Any]:
    """Return the Value class of each of this project's engines that is built."""
    load("scalargrad")  # which loads the twin, where it was built
    return {name: getattr(module, value) for name, (path, value) in ENGINES.items() if (module := load(path))}


def moons_trainings(values: dict[str, Any]) -> dict[str, Callable[[], Training]]:
    """Return what trains micrograd's demo, by name; the first is what the others are compared with."""
    trainings: dict[str, Callable[[], Training]] = {}
    if micrograd := load("micrograd.engine"):
        trainings["micrograd"] = partial(moons.OverScalars, micrograd.Value)
    trainings |= {name: partial(moons.OverScalars, value) for name, value in values.items()}
    package = importlib.import_module("scalargrad")
    trainings[f"scalargrad {package.engine_name}, its nn"] = partial(
        moons.OverScalars, package.Value, network=package.nn.MLP
    )
    if torch := load("torch"):
        scalar = partial(torch.tensor, dtype=torch.float64)
        trainings["PyTorch scalars"] = partial(
            moons.OverScalars, scalar, parameter=partial(scalar, requires_grad=True), zero=None
        )
        trainings["PyTorch tensors"] = moons.OverTorchTensors
    if load("autograd"):
        trainings["HIPS autograd"] = moons.OverAutogradArrays
    return trainings


def gpt_trainings(values: dict[str, Any]) -> dict[str, Callable[[], Training]]:
    """Return what trains the GPT, by name; the first is what the others are compared with."""
    trainings: dict[str, Callable[[], Training]] = {
        "tuple Value": partial(microgpt.OverScalars, microgpt.TupleValue),
        "tuple Value, no cycle": partial(microgpt.OverScalars, microgpt.TupleValue, microgpt.backward_with_a_stack),
    }
    return trainings | {name: partial(microgpt.OverScalars, value) for name, value in values.items()}


# a and b: training steps


class Training(Protocol):
    """A model, its parameters and its data."""

    def forward(self) -> Any: ...
    def backward(self, loss: Any) -> None: ...
    def update(self, step: int) -> None: ...
    def number(self, loss: Any) -> float: ...


PHASES = ("forward", "free", "backward", "update")
WARM_UP = 2  # steps
FEWEST, MOST, SECONDS = 3, 98, 0.5  # timed steps a turn: at least so many, at most, and for so long


def set_aside() -> None:
    """Keep what the imports made from the collector: a program over one contender has not all of the others' modules."""
    gc.collect()
    gc.freeze()


@contextmanager
def collecting(on: bool) -> Iterator[None]:
    """Start without garbage, and run with the garbage collector on or off."""
    gc.collect()
    (gc.enable if on else gc.disable)()
    try:
        yield
    finally:
        gc.enable()


def steps_of(training: Training) -> Iterator[list[float]]:
    """Train, step by step, and yield the seconds that each phase took."""
    clock = time.perf_counter
    loss = None
    for step in count():
        times = [clock()]
        new = training.forward()
        times.append(clock())
        loss = new  # the graph of the step before lives until here, as it does in `loss = forward()`
        times.append(clock())
        training.backward(loss)
        times.append(clock())
        training.update(step)
        times.append(clock())
        yield [end - start for start, end in pairwise(times)]


def turn(make: Callable[[], Training], collector: bool) -> Row:
    """Train a new model for some steps, and return the mean seconds of a step and of its phases."""
    with collecting(collector):
        training = steps_of(make())
        for _ in range(WARM_UP):
            next(training)
        steps: list[list[float]] = []
        start = time.perf_counter()
        while len(steps) < FEWEST or (len(steps) < MOST and time.perf_counter() - start < SECONDS):
            steps.append(next(training))
        del training
    phases = [sum(column) / len(steps) for column in zip(*steps, strict=True)]
    return {"step": sum(phases), **dict(zip(PHASES, phases, strict=True)), "steps": len(steps)}


def first_losses(make: Callable[[], Training], steps: int = 3) -> tuple[list[float], int | None]:
    """Train for some steps; return the losses, and the size of the graph where it can be walked."""
    training, losses, nodes = make(), [], None
    for step in range(steps):
        loss = training.forward()
        losses.append(training.number(loss))
        nodes = nodes or count_nodes(loss)
        training.backward(loss)
        training.update(step)
    return losses, nodes


def count_nodes(root: Any) -> int | None:
    parents = next((name for name in ("_prev", "children") if hasattr(root, name)), None)
    if parents is None:
        return None
    seen, stack = {root}, [root]
    while stack:
        new = set(getattr(stack.pop(), parents)) - seen
        seen |= new
        stack += new
    return len(seen)


def agreement(trainings: dict[str, Callable[[], Training]]) -> dict[str, Row]:
    """Check that all compute the same: graph sizes, losses, and how far those are from the first one's at most."""
    checked: dict[str, Row] = {}
    expected: list[float] = []
    for name, make in trainings.items():
        losses, nodes = first_losses(make)
        expected = expected or losses
        apart = max(abs(a - b) / abs(b) for a, b in zip(losses, expected, strict=True))
        if apart > 1e-9:
            raise SystemExit(f"{name} computes something else: losses {losses}, not {expected}")
        checked[name] = {"nodes": nodes, "losses": losses, "losses_apart": apart}
    return checked


def measure_steps(trainings: dict[str, Callable[[], Training]], rounds: int) -> Row:
    """Time all trainings, in turns, and compare them with the first one."""
    checked = agreement(trainings)
    set_aside()  # PyTorch imports much of itself at the first step
    turns: dict[str, dict[str, list[Row]]] = {mode: {name: [] for name in trainings} for mode in MODES}
    for _ in range(rounds):
        for mode, collector in MODES.items():
            for name, make in trainings.items():
                turns[mode][name].append(turn(make, collector))
    result: Row = {"contenders": checked}
    for mode, by_name in turns.items():
        rows = {name: medians(raw) | {"turns": raw} for name, raw in by_name.items()}
        baseline = next(iter(rows.values()))
        for row in rows.values():
            row["ratio"] = baseline["step"] / row["step"]
            row["ratio_without_update"] = without_update(baseline) / without_update(row)
        result[mode] = rows
    return result


def without_update(row: Row) -> float:
    return float(sum(row[phase] for phase in PHASES if phase != "update"))


def medians(rows: list[Row]) -> Row:
    return {key: median(row[key] for row in rows) for key in rows[0]}


def print_steps(title: str, result: Row) -> None:
    first = next(iter(result["contenders"]))
    for mode in MODES:
        print(f"\n{title}; collector {mode}; milliseconds a step\n")
        header = ["", "nodes", "step", "least", "most", *PHASES, f"x {first}", "without update"]
        rows = [header]
        for name, row in result[mode].items():
            steps = [turn["step"] for turn in row["turns"]]
            times = [row["step"], min(steps), max(steps), *(row[phase] for phase in PHASES)]
            nodes = result["contenders"][name]["nodes"]
            ratios = [f"{row['ratio']:.1f}", f"{row['ratio_without_update']:.1f}"]
            rows.append([name, f"{nodes:,}" if nodes else "-", *(f"{t * 1e3:.2f}" for t in times), *ratios])
        print_table(rows)
    apart = max(row["losses_apart"] for row in result["contenders"].values())
    print(f"\nThe losses of the first 3 steps agree to {apart:.0e} of their size.")


# c: growing graphs


SHAPES = ("chain", "tree")
LONGEST = {"scalargrad python": 6, "scalargrad native": 7}  # powers of ten, unless told
GROWTH = ("build_ns", "backward_ns", "free_ns", "built_bytes", "peak_bytes", "left_bytes")


def chain(value: Any, nodes: int) -> tuple[Any, Any, float]:
    """Add a leaf to itself again and again; return the root, the leaf, and the derivative to expect."""
    leaf = root = value(1.0)
    for _ in range(nodes - 1):
        root = root + leaf
    return root, leaf, float(nodes)


def tree(value: Any, nodes: int) -> tuple[Any, Any, float]:
    """Add leaves in pairs, the sums in pairs, and so on; return as `chain` does."""
    level = [value(1.0) for _ in range((nodes + 1) // 2)]
    leaf = level[0]
    while len(level) > 1:
        one_by_one = iter(level)
        sums = [a + b for a, b in zip(one_by_one, one_by_one, strict=False)]
        level = sums + level[-1:] if len(level) % 2 else sums
    return level[0], leaf, 1.0


def resident(peak: bool = False) -> int:
    """Return the bytes of memory that this process has, or has had at most."""
    # getrusage's maximum starts, on Linux, with that of the process that started this one: use it elsewhere only.
    path, key = ("status", "VmHWM:") if peak else ("smaps_rollup", "Rss:")
    try:
        lines = Path("/proc/self", path).read_text(encoding="ascii").splitlines()
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def grow(engine: str, shape: str, nodes: int, collector: bool) -> Row:
    """Build, differentiate and free one graph: nanoseconds and bytes a node."""
    importlib.import_module("scalargrad")
    path, name = ENGINES[engine]
    value = getattr(importlib.import_module(path), name)
    build = {"chain": chain, "tree": tree}[shape]
    build(value, 1000)[0].backward()
    clock = time.perf_counter
    with collecting(collector):
        before = resident()
        times = [clock()]
        root, leaf, expected = build(value, nodes)
        times.append(clock())
        built = resident()
        times.append(clock())
        root.backward()
        times.append(clock())
        peak = resident(peak=True)
        if leaf.grad != expected:
            raise SystemExit(f"{engine}: the gradient of a {shape} of {nodes} nodes is {leaf.grad}, not {expected}")
        times.append(clock())
        del root
        times.append(clock())
        left = resident()
    numbers = [(end - start) / nodes * 1e9 for start, end in zip(times[::2], times[1::2], strict=True)]
    numbers += [(memory - before) / nodes for memory in (built, peak, left)]
    return dict(zip(GROWTH, numbers, strict=True)) | {"process_bytes": peak}


def grow_apart(*arguments: str) -> Row:
    """Do the same in a process of its own."""
    command = [sys.executable, __file__, "--grow", *arguments]
    row: Row = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return row


def measure_growth(names: list[str], longest: int | None, rounds: int) -> list[Row]:
    """Grow graphs of all lengths and shapes on all engines, in turns."""
    last = {name: longest or LONGEST[name] for name in names}
    cases = [
        (name, shape, str(10**power), mode)
        for power in range(4, max(last.values(), default=0) + 1)
        for mode in MODES
        for shape in SHAPES
        for name in names
        if power <= last[name]
    ]
    raw: dict[tuple[str, ...], list[Row]] = {case: [] for case in cases}
    for _ in range(rounds):
        for case in cases:
            raw[case].append(grow_apart(*case))
    return [
        {"engine": name, "shape": shape, "nodes": int(nodes), "collector": mode, **medians(rows), "turns": rows}
        for (name, shape, nodes, mode), rows in raw.items()
    ]


def total_ns(row: Row) -> float:
    return float(sum(row[key] for key in GROWTH[:3]))


def series_of(rows: list[Row]) -> dict[tuple[str, str, str], list[Row]]:
    """Group the rows by engine, shape and mode of the collector: each a series over the number of nodes."""
    series: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        series.setdefault((row["engine"], row["shape"], row["collector"]), []).append(row)
    order = [*ENGINES, *SHAPES, *MODES]
    return {case: series[case] for case in sorted(series, key=lambda case: list(map(order.index, case)))}


def print_growth(rows: list[Row]) -> None:
    print("\nc: a graph of additions; nanoseconds and bytes a node (left: after freeing), peak MB of the process\n")
    table = [["engine", "shape", "collector", "nodes", *(key.replace("_", " ") for key in GROWTH), "all ns", "peak MB"]]
    remarks = []
    for case, series in series_of(rows).items():
        for row in series:
            numbers = [*(row[key] for key in GROWTH), total_ns(row), row["process_bytes"] / 1e6]
            table.append([*case[:2], case[2], f"10^{len(str(row['nodes'])) - 1}", *(f"{x:.0f}" for x in numbers)])
        times = [total_ns(row) for row in series]
        remarks.append([*case, f"{max(times) / min(times):.2f}"])
    print_table(table, left=3)
    print("\nThe most time a node over the least, among the numbers of nodes above:\n")
    print_table(remarks, left=3)


def draw_growth(rows: list[Row], file: str) -> None:
    """Draw time and bytes a node over the number of nodes, collector on."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, len(SHAPES), figsize=(12, 8), sharex=True, sharey="row", layout="constrained")
    colors = dict(zip(ENGINES, ("tab:blue", "tab:orange"), strict=True))
    styles = dict(zip(GROWTH[:5], ("-", "--", ":", "-", "--"), strict=True))
    for (engine, shape, mode), series in series_of(rows).items():
        if mode != "on":
            continue
        column = SHAPES.index(shape)
        for key, style in styles.items():
            axis = axes[int(key.endswith("bytes")), column]
            axis.plot(
                [row["nodes"] for row in series],
                [row[key] for row in series],
                style,
                color=colors[engine],
                marker="o",
                markersize=4,
                label=f"{engine}: {key.partition('_')[0]}",
            )
    for column, shape in enumerate(SHAPES):
        axes[0, column].set_title(f"A {shape} of additions")
        axes[1, column].set_xlabel("nodes")
    for (first, *_, last), label in zip(axes, ("nanoseconds a node", "bytes a node"), strict=True):
        first.set_ylabel(label)
        last.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.02, 1))
    for axis in axes.flat:
        axis.set_xscale("log")
        axis.grid(alpha=0.3)
    axes[0, 0].set_yscale("log")
    axes[1, 0].set_ylim(bottom=0)
    figure.suptitle(f"Python {platform.python_version()}, garbage collector on, medians")
    figure.savefig(file, dpi=120)


# d: the cost of each operation


NODES = 10_000  # made in one go, and kept meanwhile
LOOP = "None"  # the cost of the loop itself
SPELLED = {
    "add": "x + y",
    "sub": "x - y",
    "mul": "x * y",
    "div": "x / y",
    "pow": "x ** y",
    "neg": "-x",
    "abs": "abs(x)",
}


def expressions() -> list[str]:
    """Return Python's text for a leaf, for each operation, and for operations with a number."""
    from scalargrad import ops

    operations = [
        SPELLED.get(name, f"x.{name}({', '.join('yzuvw'[: len(op.partials) - 1])})") for name, op in ops.TABLE.items()
    ]
    return [LOOP, "Value(0.5)", *operations, "x + 1.0", "x ** 3"]


def construction(value: Any, expression: str, collector: bool) -> float | None:
    """Return the nanoseconds that one evaluation takes; None where the class has no such operation."""
    names = {name: value(data) for name, data in zip("xyzuvw", (0.5, 0.75, 0.25, 0.5, 0.5, 0.5), strict=True)}
    names |= {"Value": value, "nodes": range(NODES)}
    try:
        Timer(expression, globals=names).timeit(1)
    except (AttributeError, TypeError, AssertionError):
        return None
    # timeit switches the collector off, unless the statement that comes before says otherwise.
    before = "import gc; gc.enable()" if collector else "pass"
    gc.collect()
    return Timer(f"kept = [{expression} for _ in nodes]", before, globals=names).timeit(1) / NODES * 1e9


def measure_construction(values: dict[str, Any], rounds: int) -> Row:
    """Time all expressions on all classes, in turns."""
    texts = expressions()
    raw: dict[str, dict[str, dict[str, list[float]]]] = {
        mode: {text: {name: [] for name in values} for text in texts} for mode in MODES
    }
    for _ in range(rounds):
        for mode, collector in MODES.items():
            for text in texts:
                for name, value in values.items():
                    if (time_taken := construction(value, text, collector)) is not None:
                        raw[mode][text][name].append(time_taken)
    return {
        mode: {
            text: {name: median(times) if times else None for name, times in by_name.items()}
            for text, by_name in by_text.items()
        }
        for mode, by_text in raw.items()
    }


def print_construction(result: Row) -> None:
    print(f"\nd: making one of {NODES:,} nodes; nanoseconds, the loop included (-: the class has no such operation)\n")
    names = list(next(iter(result["on"].values())))
    rows = [["", *(f"{name}, {mode}" for mode in MODES for name in names)]]
    for text in result["on"]:
        times = [result[mode][text][name] for mode in MODES for name in names]
        label = "(the loop alone)" if text == LOOP else text
        rows.append([label, *("-" if t is None else f"{t:.0f}" for t in times)])
    print_table(rows)


# e: derivatives of functions

SHORTEST, LONGEST = 0.02, 1.0  # seconds: what is quicker runs several times in its turn, what is slower has one turn


def measure_derivatives(rounds: int) -> Row:
    """Return the microseconds that each way takes for each program, all in turns."""
    ways = dict(derivatives.contenders(load))
    result: Row = {}
    for name, program in derivatives.PROGRAMS.items():
        timers: dict[str, tuple[Timer, int]] = {}
        times: dict[str, list[float]] = {}
        truth: Any = None
        for way, derivative in ways.items():
            try:
                call = derivative(program)
                found = list(flat(call())) if call else None
            except (AttributeError, TypeError, NotImplementedError) as error:  # it has no such operation
                print(f"left out: {way} for {name} ({error})")
                continue
            if call is None:
                continue
            truth = truth or found
            wrong = max(abs(x - y) / (1 + abs(y)) for x, y in zip(found, truth, strict=True))
            if wrong > WRONG:
                raise AssertionError(f"{way} for {name}: a relative difference of {wrong}")
            timer = Timer(call)
            once = timer.timeit(1)
            timers[way] = timer, max(1, int(SHORTEST / once))
            times[way] = [once * 1e6] if once > LONGEST else []
        for _ in range(rounds):
            for way, (timer, number) in timers.items():
                if not times[way] or times[way][0] < LONGEST * 1e6:
                    times[way].append(timer.timeit(number) / number * 1e6)
        result[name] = {way: median(taken) for way, taken in times.items()}
    return result


WRONG = 1e-6


def flat(thing: Any) -> Iterator[float]:
    """Yield the numbers of lists and arrays, one by one."""
    if hasattr(thing, "ravel"):
        thing = thing.ravel().tolist()
    if isinstance(thing, (list, tuple)):
        for part in thing:
            yield from flat(part)
    else:
        yield float(thing)


def print_derivatives(result: Row, engine: str) -> None:
    print(f"\ne: derivatives of functions, {engine} engine; microseconds, in brackets as a multiple of backward()'s\n")
    names = list(dict.fromkeys(way for row in result.values() for way in row))
    rows = [["", *names]]
    for program, times in result.items():
        base = times.get("backward()")
        cells = [
            "-" if way not in times else f"{times[way]:,.1f}" + (f" ({times[way] / base:.2f})" if base else "")
            for way in names
        ]
        rows.append([program, *cells])
    print_table(rows)


def measure_in_python(rounds: int) -> Row:
    """Measure part e in a process where the Python engine is in use."""
    done = subprocess.run(
        [sys.executable, __file__, "e", "--rounds", str(rounds), "--engine", "python"],
        env=os.environ | {"SCALARGRAD_ENGINE": "python"},
        capture_output=True,
        text=True,
        check=True,
    )
    found: Row = json.loads(done.stdout.splitlines()[-1])
    return found


# The program


def print_table(rows: list[list[str]], left: int = 1) -> None:
    """Print rows of cells in columns, the first ones flush left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [f"{c:<{w}}" if i < left else f"{c:>{w}}" for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        print("  ".join(cells).rstrip())


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def surroundings(packages: Iterable[str] = PEERS) -> Row:
    """Return the versions and the machine."""
    versions: dict[str, str | None] = {}
    for name in ("scalargrad", *packages):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    machine = {"processor": processor(), "cpus": os.cpu_count(), "platform": platform.platform()}
    python = {"python": platform.python_version(), "implementation": platform.python_implementation()}
    return {"versions": python | versions, "machine": machine}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [a b c d e] [options]",
    )
    parser.add_argument("parts", nargs="*", metavar="part", help="a, b, c, d or e (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything has its turn (default 5)")
    parser.add_argument(
        "--longest", type=int, metavar="N", help="c: the largest power of ten (default: python 6, native 7)"
    )
    parser.add_argument("--chart", metavar="FILE", help="draw c as a PNG")
    parser.add_argument("--json", metavar="FILE", help="write every number")
    # What this program asks of itself, in processes of their own:
    parser.add_argument("--grow", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.parts = sorted(set(options.parts)) or list("abcde")
    if unknown := set(options.parts) - set("abcde"):
        parser.error(f"there is no part {', '.join(sorted(unknown))}: choose from a, b, c, d, e")
    if options.rounds < 1:
        parser.error(f"--rounds must be at least 1, got {options.rounds}")
    if options.longest is not None and options.longest < 4:
        parser.error(f"--longest must be at least 4, got {options.longest}")
    if options.chart and "c" not in options.parts:
        parser.error("--chart draws part c, which is not among the parts")
    if options.chart and not importlib.util.find_spec("matplotlib"):
        parser.error("--chart needs matplotlib, which is not installed: pip install matplotlib")
    return options


def main() -> None:
    options = arguments()
    if options.grow:
        engine, shape, nodes, mode = options.grow
        print(json.dumps(grow(engine, shape, int(nodes), MODES[mode])))
        return
    if options.engine:
        print(json.dumps(measure_derivatives(options.rounds)))
        return
    results = surroundings() | {"rounds": options.rounds}
    print(", ".join(f"{name} {version}" for name, version in results["versions"].items() if version))
    print(", ".join(f"{name} {value}" for name, value in results["machine"].items()))
    values = engines()
    trainings = moons_trainings(values) if "a" in options.parts else {}
    set_aside()
    if "a" in options.parts:
        results["a"] = measure_steps(trainings, options.rounds)
        print_steps("a: a training step of micrograd's demo, 2-16-16-1, 100 points", results["a"])
    if "b" in options.parts:
        results["b"] = measure_steps(gpt_trainings(values), options.rounds)
        print_steps(f"b: a training step of a one-layer GPT, 4,192 parameters, on {microgpt.WORD!r}", results["b"])
    if "c" in options.parts:
        results["c"] = measure_growth(list(values), options.longest, options.rounds)
        print_growth(results["c"])
        if options.chart:
            draw_growth(results["c"], options.chart)
    if "d" in options.parts:
        micrograd = load("micrograd.engine")
        peers = {"micrograd": micrograd.Value} if micrograd else {}
        results["d"] = measure_construction(peers | values, options.rounds)
        print_construction(results["d"])
    if "e" in options.parts:
        results["e"] = {"native": measure_derivatives(options.rounds), "python": measure_in_python(options.rounds)}
        for engine, row in results["e"].items():
            print_derivatives(row, engine)
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1, allow_nan=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
