"""Compiled random graphs: as close to 80-digit arithmetic as eager ones, to third order, in lanes, at special values."""

import gc
import math
import random
import sys
import threading
import weakref
from math import inf, nan
from pathlib import Path
from types import SimpleNamespace

import pytest
from expressions import Kink, exact_gradients, random_steps, results
from mpmath import mpf

from scalargrad import hessian, ieee, jacobian, jit, sin, value_and_grad, vmap, where
from scalargrad.ops import TABLE, greater

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

ON_VALUES = SimpleNamespace(**TABLE)


def program(seed, leaves=3, steps=12):
    """A random function of a list, a point, and the steps."""
    rng = random.Random(f"jit {seed}")
    point = [rng.uniform(-2, 2) for _ in range(leaves)]
    drawn = random_steps(rng, leaves, steps)
    return (lambda xs: results(ON_VALUES, list(xs), drawn)[-1]), np.array(point), drawn


def one_lane(function, lane=3, lanes=9):
    """The function, computed as one of several samples."""

    mapped = vmap(function)

    def sample(x):
        others = np.random.default_rng(lane).uniform(-2, 2, (lanes, len(x)))
        others[lane] = x
        results = mapped(others)
        return tuple(out[lane] for out in results) if isinstance(results, tuple) else results[lane]

    return sample


def one_of_many(function, lane=3, lanes=9):
    """The function, computed as one of several alike, in one program."""

    every = jit(lambda rows: [function(row) for row in rows])

    def one(x):
        rows = np.random.default_rng(lane).uniform(-2, 2, (lanes, len(x)))
        rows[lane] = x
        return every(rows)[lane]

    return one


def numbers(value, gradient):
    return [float(value), *map(float, gradient)]


FORMS = {
    "llvm": jit,
    "python": lambda f: jit(f, backend="python"),
    "not optimised": lambda f: jit(f, level=0),
    "lanes": one_lane,
    "packs": one_of_many,
}


@pytest.mark.parametrize("form", FORMS)
def test_values_and_gradients_are_as_close_to_the_truth_as_eager_ones(form):
    eager_errors = errors = count = 0
    for seed in range(40):
        function, point, steps = program(seed, steps=5 + seed % 16)
        try:
            truth, slopes = exact_gradients(point.tolist(), steps)
        except Kink:
            continue
        eager = numbers(*value_and_grad(function)(point))
        compiled = numbers(*FORMS[form](value_and_grad(function))(point))
        for x, got, exact in zip(eager, compiled, [truth, *slopes], strict=True):
            unit = math.ulp(float(exact)) or 1.0
            missed, was_missed = (float(abs(mpf(n) - exact)) / unit for n in (got, x))
            assert missed <= 8 * was_missed + 100, (seed, got, x, exact)
            errors, eager_errors, count = errors + min(missed, 1e3), eager_errors + min(was_missed, 1e3), count + 1
    assert count > 100
    assert errors <= 2 * eager_errors, "on average they are closer than that"


@pytest.mark.parametrize("form", FORMS)
def test_third_derivatives(form):
    for seed in range(6):
        function, point, _ = program(seed, leaves=2, steps=9)
        third = jacobian(hessian(function))
        wanted = third(point)
        got = np.array(FORMS[form](third)(point))
        assert got == pytest.approx(wanted, rel=1e-9, abs=1e-9 * max(1.0, np.abs(wanted).max())), seed


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 33])
@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
def test_samples_of_random_graphs(n, reduce):
    rng = np.random.default_rng(n)
    for seed in range(5):
        function, w, _ = program(seed, leaves=4)
        samples = rng.uniform(-2, 2, (n, 2))
        one = value_and_grad(lambda w, x, function=function: function([*w, *x]))
        every = [one(w[:2], x) for x in samples]
        value, gradient = vmap(one, in_axes=(None, 0), reduce=reduce)(w[:2], samples)
        values, gradients = (np.array(column) for column in zip(*every, strict=True))
        if reduce:
            values, gradients = getattr(values, reduce)(), getattr(gradients, reduce)(axis=0)
        assert value == pytest.approx(values, rel=1e-11, abs=1e-11)
        assert gradient == pytest.approx(gradients, rel=1e-10, abs=1e-10)


SPECIAL = [0.0, -0.0, inf, -inf, nan, 1e308, -1e308, 5e-324, 1.0]


@pytest.mark.parametrize("form", FORMS)
def test_values_of_random_graphs_at_special_points_are_those_of_ieee(form):
    rng = random.Random(8)
    for seed in range(15):
        function, _, _ = program(seed, steps=5)
        compiled = FORMS[form](lambda xs, function=function: (function(xs), xs[0]))
        for _ in range(10):
            point = np.array([rng.choice(SPECIAL) for _ in range(3)])
            with ieee():
                wanted = float(value_and_grad(function)(point)[0])
            with np.errstate(all="ignore"):
                got = float(compiled(point)[0])
            same = math.isnan(got) if math.isnan(wanted) else got == pytest.approx(wanted, rel=1e-12, abs=1e-300)
            assert same, (seed, point, got, wanted)


# Long programs, many programs


def recurrence(x, operations):
    a, b = x
    for _ in range(operations // 5):
        a, b = sin(a - b * 0.5), b * 0.75 + a
    return a * b


@pytest.mark.parametrize("map_it", [jit, lambda f: one_lane(f, lane=0, lanes=3)], ids=["once", "lanes"])
def test_a_branch_far_from_what_it_compares(map_it):
    def function(x):
        a, b = sin(x[0]), sin(x[1])
        truth = greater(a, b)
        rest = recurrence([truth, x[1]], 600)
        return where(truth, rest, x[0])

    for x in ([0.5, 0.25], [0.25, 0.5]):
        assert map_it(function)(np.array(x)) == pytest.approx(float(jit(function, backend="python")(np.array(x))))


@pytest.mark.parametrize("backend", ["llvm", "python"])
def test_programs_of_tens_of_thousands_of_operations(backend):
    compiled = jit(lambda x: recurrence(x, 40_000), backend=backend)
    got = compiled([0.5, 0.25])

    def plain():
        a, b = 0.5, 0.25
        for _ in range(8_000):
            a, b = math.sin(a - b * 0.5), b * 0.75 + a
        return a * b

    assert got == pytest.approx(plain(), rel=1e-9)
    assert compiled.program([0.5, 0.25]).operations == 40_001


def test_gradients_of_long_programs_in_lanes():
    step = vmap(value_and_grad(lambda x: recurrence(x, 3_000)))
    samples = np.random.default_rng(1).uniform(-1, 1, (11, 2))
    values, gradients = step(samples)
    for x, value, gradient in zip(samples, values, gradients, strict=True):
        wanted, slopes = value_and_grad(lambda x: recurrence(x, 3_000))(x)
        assert value == pytest.approx(wanted, rel=1e-9)
        assert gradient == pytest.approx(slopes, rel=1e-9, abs=1e-12)


def memory():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_compiled_functions_are_freed_when_dropped():
    def compile_one(i):
        compiled = jit(value_and_grad(lambda xs: sum((sin(x * i) for x in xs[1:]), xs[0])))
        compiled(np.arange(40.0))
        return weakref.ref(compiled)

    gc.disable()
    try:
        assert compile_one(0)() is None
    finally:
        gc.enable()
    if sys.platform == "linux":
        for i in range(20):
            compile_one(i)
        before = memory()
        for i in range(40):
            compile_one(i)
        assert memory() - before < 4e6


def test_first_calls_in_threads():
    step = vmap(value_and_grad(lambda w, x: sin(w * x)), in_axes=(None, 0), reduce="mean")
    X = np.linspace(0, 1, 50)
    found = []
    threads = [threading.Thread(target=lambda: found.append(step(2.0, X))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


# Results are the caller's own


def test_results_share_no_memory():
    x = np.arange(3.0)
    same, twice = jit(lambda x: x)(x), jit(lambda x: (x, x * 2, x))
    assert not np.shares_memory(same, x)
    first, second = twice(x), twice(x + 1)
    assert [a.tolist() for a in first] == [[0, 1, 2], [0, 2, 4], [0, 1, 2]]
    every = [*first, *second, x]
    assert not any(np.shares_memory(a, b) for i, a in enumerate(every) for b in every[:i])
    for array in first:
        array[:] = 7.0  # writable
    assert twice(x)[0].tolist() == [0, 1, 2]
    assert x.tolist() == [0, 1, 2]


def test_no_samples():
    assert vmap(lambda x: x * 2)(np.zeros(0)).shape == (0,)
    assert vmap(lambda x: x)(np.zeros((0, 3))).shape == (0, 3)
    assert vmap(lambda x: x * 2, reduce="sum")(np.zeros(0)) == 0.0
    value, gradient = vmap(value_and_grad(lambda w, x: w * x), in_axes=(None, 0), reduce="sum")(3.0, np.zeros(0))
    assert (value, gradient) == (0.0, 0.0)


def test_transforms_of_compiled_functions_and_compiled_transforms():
    square = jit(vmap(lambda w, x: (w[0] * x - w[1]) ** 2, in_axes=(None, 0), reduce="mean"))
    w, X = np.ones(2), np.arange(3.0)
    expected = [[10 / 3, -2.0], [-2.0, 2.0]]
    assert hessian(square)(w, X) == pytest.approx(np.array(expected))
    assert jit(hessian(square))(w, X) == pytest.approx(np.array(expected))
    rows = vmap(lambda v: jit(lambda v: (v * v).sum())(v))(np.arange(6.0).reshape(2, 3))
    assert rows.tolist() == [5.0, 50.0]
    nested = vmap(vmap(lambda x: x * x))(np.arange(6.0).reshape(2, 3))
    assert nested.tolist() == [[0, 1, 4], [9, 16, 25]]
