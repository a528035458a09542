"""Functions written out in vectors, through `vmap`: against mpmath in all binades, and at what IEEE 754 makes special."""

import re
import runpy
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from mpmath import mp, mpf
from points import TRUTH

from scalargrad import Value, ops, vmap
from scalargrad.compiler.layout import Layout
from scalargrad.compiler.program import record
from scalargrad.compiler.target import Target
from scalargrad.compiler.vectormath import FUNCTIONS

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

from scalargrad.compiler import llvm, machine  # noqa: E402

WAYS = [(8, "avx512"), (8, "fma"), (4, "fma"), (2, "fma")]
NAMES = sorted(FUNCTIONS)
ULPS = {"tan": 4}  # all others 2

pytestmark = pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way[1]}-{way[0]}")


@pytest.fixture
def mapped(way, monkeypatch):
    """Map functions with vectors of such a width, which LLVM cuts to what the processor has."""
    lanes, inline = way
    host = machine._host()
    if inline == "avx512" and host.target.register != 8:
        pytest.skip("a processor without AVX-512")
    calls = host.target.vector_functions if lanes == host.target.register else frozenset()
    monkeypatch.setattr(machine, "_host", lambda: host._replace(target=Target(lanes, calls, inline)))
    return lambda function: vmap(function)


def spread(random, low, high, count=400):
    """Numbers of both signs, of exponents from low to high."""
    return random.choice([-1.0, 1.0], count) * np.ldexp(random.uniform(1, 2, count), random.integers(low, high, count))


@cache
def points(name):
    random = np.random.default_rng(NAMES.index(name))
    if name in ("sin", "cos", "tan"):
        multiples = random.integers(1, 2**22, 300) * (np.pi / 2)
        near = [np.nextafter(multiples, 0), multiples, np.nextafter(multiples, np.inf)]
        parts = [random.uniform(-10, 10, 1000), random.uniform(-(2.0**23), 2.0**23, 800), spread(random, -1074, 1023)]
        return np.concatenate([*parts, *near, random.integers(1, 40, 100) * (np.pi / 4)])
    wide = spread(random, -1074, 1023 if "log" in name else 10, 1000)
    if name == "log":
        wide = np.abs(wide)
    if name == "log1p":
        wide = np.where(wide > -1, wide, -wide)
    near_one = 1 + spread(random, -52, -1)
    more = {
        "exp": [random.uniform(-746, 710, 500), random.uniform(-746, -708, 300)],
        "expm1": [random.uniform(-45, 710, 500), random.uniform(-1, 1, 500)],
        "log": [random.uniform(0.5, 4, 1000), near_one],
        "log1p": [random.uniform(-1, 3, 1000), near_one - 2, near_one],
        "tanh": [
            random.uniform(-25, 25, 500),
            random.uniform(-1, 1, 500),
            random.uniform(0.17, 0.3, 800),
            random.uniform(17, 20, 200),
        ],
    }[name]
    return np.concatenate([wide, *(x[x > -1] if name == "log1p" else x for x in more)])


@cache
def exact(name):
    with mp.workprec(160):
        return [TRUTH[name](mpf(float(x))) for x in points(name)]


def ulps(result, truth):
    """How many units in its last place a result is off; infinity stands for 2**1024."""
    largest = mpf(2) ** 1024
    result = mpf(float(result)) if np.isfinite(result) else largest * int(np.sign(result))
    if abs(truth) > largest:
        truth = largest * int(mp.sign(truth))
    exponent = max(mp.frexp(truth)[1] - 53, -1074) if truth else -1074
    return abs(result - truth) / mpf(2) ** min(exponent, 971)


@pytest.mark.parametrize("name", NAMES)
def test_within_two_ulps_of_the_truth(name, mapped):
    x = points(name)
    results = mapped(getattr(ops, name))(x)
    assert not np.isnan(results).any()
    worst = max(zip(map(ulps, results, exact(name)), x), key=lambda pair: pair[0])
    assert worst[0] <= ULPS.get(name, 2), worst


SPECIAL = [0.0, 5e-324, 1e-310, 2.0**-1022, 1.0, 2.0, 709.782712893384, 709.7827128933841, 710.0, 745.1332191019411]
SPECIAL += [745.1332191019412, 745.14, 1e5, 2.0**23, 2.0**52, 1e22, 1.7976931348623157e308, np.inf, np.nan]


@pytest.mark.parametrize("name", NAMES)
def test_special_values_are_those_of_numpy(name, mapped):
    x = np.array(
        [*SPECIAL, *(-np.array(SPECIAL)), np.nextafter(-1, 0), np.nextafter(-1, -2), np.nextafter(2.0**23, 9e9)]
    )
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(x)
    results = mapped(getattr(ops, name))(x)
    for at, result, truth in zip(x, results, expected):
        if np.isfinite(truth) and truth:
            assert abs(result - truth) <= 4 * np.spacing(abs(truth)), (at, result, truth)
        else:
            assert np.array_equal(result, truth, equal_nan=True), (at, result, truth)
            assert np.isnan(truth) or np.signbit(result) == np.signbit(truth), (at, result, truth)


@pytest.mark.parametrize("name", NAMES)
def test_a_result_depends_on_its_own_sample_only(name, mapped):
    function = mapped(getattr(ops, name))
    x = np.linspace(0.1, 3, 24)
    alone = function(x)
    for count in (1, 2, 3, 5, 7, 8, 9, 17):
        assert np.array_equal(function(x[:count]), alone[:count])
    among = x.copy()
    among[::5] = [np.nan, 1e300, np.inf, -np.inf, 3e9]
    rest = np.arange(24) % 5 != 0
    assert np.array_equal(function(among)[rest], alone[rest])
    assert np.array_equal(function(among[::5]), function(among)[::5], equal_nan=True)


def test_functions_can_share_an_argument_and_be_chained(mapped):
    functions = [getattr(ops, name) for name in NAMES]
    x = np.concatenate([np.linspace(0.1, 3, 21), [4e7, 1e22]])
    together = mapped(lambda x: [f(x) for f in functions])(x)
    for function, results in zip(functions, together):
        assert np.array_equal(results, mapped(function)(x))
    nested = mapped(lambda x: ops.sin(ops.exp(ops.cos(x) * 20)))(x)
    steps = mapped(ops.sin)(mapped(ops.exp)(mapped(ops.cos)(x) * 20))
    assert np.array_equal(nested, steps)


def test_long_programs_compute_one_vector_at_a_time(mapped, monkeypatch):
    x = np.concatenate([np.linspace(0.1, 3, 21), [4e7, np.inf]])
    functions = [getattr(ops, name) for name in NAMES]
    two = [mapped(function)(x) for function in functions]
    monkeypatch.setattr(llvm, "SHORT_OPERATIONS", 0)
    for function, results in zip(functions, two):
        assert np.array_equal(mapped(function)(x), results, equal_nan=True)


def test_sin_and_cos_share_their_work(way):
    lanes, inline = way
    x = Value(1.0)

    def text(*results, inline=inline):
        layout = Layout(((1, 0, 1),), tuple((0, i, len(results)) for i in range(len(results))), True)
        return llvm.to_llvm(replace(record([x], results), layout=layout), Target(lanes, inline=inline))

    alone, both = text(ops.sin(x)), text(ops.sin(x), ops.cos(x))
    assert alone.count("@llvm.fma") == both.count("@llvm.fma") > 10
    assert both.count("!prof") == 2  # for blocks of one vector, and of four
    assert len(re.findall(r"call double @(sin|cos)\(", both)) == 2 * (1 + 4) * lanes  # where it is rare
    assert "fma" not in text(ops.sin(x), inline="")


def test_nothing_but_huge_arguments_is_called_on_aarch64(way):
    if way != (2, "fma"):
        pytest.skip("its vectors hold two numbers")
    binding = machine.binding()
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    x = Value(1.0)
    results = [getattr(ops, name)(x) for name in NAMES]
    layout = Layout(((1, 0, 1),), tuple((0, i, len(NAMES)) for i in range(len(NAMES))), True)
    module = binding.parse_assembly(llvm.to_llvm(replace(record([x], results), layout=layout), Target(2, inline="fma")))
    module.triple = "aarch64-unknown-linux-gnu"
    target = binding.Target.from_triple(module.triple).create_target_machine(cpu="generic", opt=2)
    assembly = target.emit_assembly(module)
    assert set(re.findall(r"\tbl\t(\w+)", assembly)) == {"sin", "cos", "each0", "each0_wide", "samples", "memcpy"}
    assert assembly.count("\tfmla\t") > 100


@pytest.mark.parametrize("place", ["x, c, x, d", "c, x, x, d", "x, c, d, x", "c, x, d, x", "x, y, x, d", "y, x, c, d"])
def test_choices_by_comparison_keep_nan(place, mapped):
    grid = np.array([-np.inf, -1.0, -0.0, 0.0, 0.5, 1.0, np.inf, np.nan])
    x, y = (part.ravel() for part in np.meshgrid(grid, grid))
    for relation in (ops.greater, ops.equal):

        def function(x, y, relation=relation):
            a, b, chosen, other = ({"x": x, "y": y, "c": 0.5, "d": -3.0}[name] for name in place.split(", "))
            return ops.where(relation(a, b), chosen, other)

        results = mapped(function)(x, y)
        expected = [function(a, b) for a, b in zip(x.tolist(), y.tolist())]
        assert np.array_equal(results, expected, equal_nan=True)


def test_coefficients_are_those_of_least_error(way, capsys):
    if way != WAYS[0]:
        pytest.skip("the same in each way")
    root = Path(__file__).parent.parent
    runpy.run_path(str(root / "benchmarks" / "minimax.py"), run_name="__main__")
    printed = re.findall(r"^ .*", capsys.readouterr().out, re.MULTILINE)
    numbers = [float(x) for line in printed for x in re.split(r"[, ]+", line.strip())]
    written = (root / "scalargrad" / "compiler" / "vectormath.py").read_text()
    assert len(numbers) == 34
    assert [x for x in numbers if repr(x) not in written] == []
