"""Programs mapped over samples: loops in batches, sums in registers, results by rows; against the same in Python."""

import itertools
import random
import re

import pytest

from scalargrad import cos, exp, grad, jit, relu, sin, tanh, value_and_grad, vmap, where
from scalargrad.compiler import llvm, plan
from scalargrad.compiler.emitting import Line
from scalargrad.compiler.schedule import sorted_lines
from scalargrad.compiler.target import Target
from scalargrad.compiler.tiles import tiles
from scalargrad.nn import MLP
from scalargrad.ops import greater

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

from scalargrad.compiler import machine  # noqa: E402

BATCH = 32  # samples, in these tests


@pytest.fixture(params=[8, 4, 2])
def width(request, monkeypatch):
    """Pretend that the processor's vectors hold so many numbers; LLVM cuts wider ones."""
    monkeypatch.setattr(llvm, "BATCH_SAMPLES", BATCH)
    host = machine._host()
    lanes = request.param
    if lanes != host.target.register:
        target = Target(lanes, inline="fma" if host.target.inline else "")
        monkeypatch.setattr(machine, "_host", lambda: host._replace(target=target))
    return lanes


COUNTS = [1, 7, 8, 9, BATCH - 1, BATCH, BATCH + 1, 3 * BATCH + 5]


def agree(function, in_axes, counts, *arguments, reduce=None):
    """Compiled numbers of so many samples are those of the same program in Python."""
    mapped = vmap(function, in_axes=in_axes, reduce=reduce)
    compiled, plain = jit(mapped), jit(mapped, backend="python")
    for count in counts:
        given = [a if axis is None else a[:count] for a, axis in zip(arguments, in_axes, strict=True)]
        got, wanted = (np.concatenate([np.ravel(x) for x in leaves(f(*given))]) for f in (compiled, plain))
        assert got == pytest.approx(wanted, rel=1e-11, abs=1e-11, nan_ok=True), count


def leaves(thing):
    if isinstance(thing, (list, tuple)):
        return [leaf for part in thing for leaf in leaves(part)]
    if hasattr(thing, "parameters"):
        return [p.data for p in thing.parameters()]
    return [np.asarray(thing, float)]


def network(weights, x, y):
    """The loss of a network of two layers, by weights of three shapes."""
    w1, w2, w3 = weights
    h = [relu(z) for z in w1 @ x]
    h = [tanh(z) for z in w2 @ h]
    return (w3 @ h - y) ** 2 + 0.1 * sum((w * w).sum() for w in weights)


def data(inputs, hidden, count=3 * BATCH + 5, seed=1):
    rng = np.random.default_rng(seed)
    shapes = [(hidden, inputs), (hidden, hidden), (hidden,)]
    weights = [rng.uniform(-0.5, 0.5, shape) for shape in shapes]
    return weights, rng.uniform(-1, 1, (count, inputs)), rng.uniform(-1, 1, count)


@pytest.mark.parametrize("reduce", ["sum", "mean"])
@pytest.mark.parametrize("hidden", [3, 9])  # 19 sums, with the operations; 108, in functions of their own
def test_gradients_summed_over_samples(width, hidden, reduce):
    agree(value_and_grad(network), (None, 0, 0), COUNTS, *data(2, hidden), reduce=reduce)


def test_a_sum_over_no_samples_is_zero(width):
    for hidden in (3, 9):
        weights, x, y = data(2, hidden)
        mapped = jit(vmap(value_and_grad(network), in_axes=(None, 0, 0), reduce="sum"))
        value, slopes = mapped(weights, x[:0], y[:0])
        assert value == 0
        assert not np.concatenate([np.ravel(s) for s in slopes]).any()


def test_sums_do_not_depend_on_the_calls_before(width):
    arguments = data(2, 9)
    mapped = jit(vmap(value_and_grad(network), in_axes=(None, 0, 0), reduce="sum"))
    first = leaves(mapped(*arguments))
    mapped(arguments[0], arguments[1][:3] * np.inf, arguments[2][:3])
    for a, b in zip(first, leaves(mapped(*arguments)), strict=True):
        assert np.array_equal(a, b)


def test_results_of_several_terms(width):
    def function(w, x):
        shared, own = w[0] * x[0], x[1] * x[1]
        return shared + own, own - shared, w[1] - own, -own, w[1] * 2 - w[0], x[1], shared, own, w[0], 3.0 - x[0], 1.5

    rng = np.random.default_rng(2)
    for reduce in (None, "sum", "mean"):
        agree(function, (None, 0), COUNTS, rng.uniform(-1, 1, 2), rng.uniform(-1, 1, (101, 2)), reduce=reduce)


def test_what_is_not_finite_in_one_sample_stays_there(width):
    def function(w, x):
        return w[0] / x[0], w[0] * x[1], x[0] * x[1]

    w, x = np.array([1.0]), np.random.default_rng(3).uniform(1, 2, (3 * BATCH + 5, 2))
    for count in (5, BATCH + 3):
        for bad in (np.inf, -np.inf, np.nan, 0.0):
            x[count - 1] = bad, 1.0
            agree(function, (None, 0), [count], w, x)
            agree(function, (None, 0), [count], w, x, reduce="sum")
            agree(function, (None, 0), [count - 1], w, x, reduce="mean")


def test_a_mean_is_as_exact_as_a_division(width):
    numbers = np.random.default_rng(4).uniform(-1, 1, 3 * BATCH + 5)
    total, mean = (jit(vmap(lambda x: (x, x * 1e300, x * 1e-300), reduce=r)) for r in ("sum", "mean"))
    for count in range(1, len(numbers)):
        for a, b in zip(total(numbers[:count]), mean(numbers[:count]), strict=True):
            assert b == a / count
    for special in (np.inf, -np.inf, np.nan, 0.0, 1.7e308):
        assert mean(np.array([special, 0.0, 0.0]))[0] == pytest.approx(special / 3, rel=1e-15, nan_ok=True)
    assert all(map(np.isnan, mean(numbers[:0])))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 9, 17])
def test_results_of_each_sample(width, size):
    def function(w, x):
        return [exp(-w[k % 2] * x * k) if k % 3 else [w[0], x, 2.0, x * x][k % 4] for k in range(size)]

    agree(function, (None, 0), [*COUNTS, 16, 24], np.array([0.5, 0.25]), np.linspace(-1, 1, 3 * BATCH + 5))


def test_inputs_and_results_of_several_arrays(width):
    def function(a, b, c):
        return a @ b, c * a, [b[0] - c, {"sum": a.sum()}["sum"]]

    rng = np.random.default_rng(5)
    arrays = [rng.uniform(-1, 1, (3 * BATCH + 5, *shape)) for shape in ((3,), (3,), ())]
    agree(function, (0, 0, 0), COUNTS, *arrays)
    agree(function, (0, 0, 0), COUNTS, *arrays, reduce="sum")


def test_many_functions_are_called_and_not_written_out():
    target = machine._host().target
    if not target.vector_functions or not target.inline:
        pytest.skip("no library of functions of vectors")

    def function(x, count):
        for _ in range(count):
            x = sin(x) + 0.5 * x
        return x

    for count, most in ((llvm.WRITTEN_FUNCTIONS, 70), (llvm.WRITTEN_FUNCTIONS + 1, 12)):
        mapped = jit(vmap(lambda x, count=count: function(x, count)))
        x = np.linspace(-1, 1, 3 * target.register + 1)
        program = mapped.program(x)
        lines = llvm.to_llvm(program, target).count("\n")
        assert lines / count < most
        assert mapped(x) == pytest.approx([float(function(float(v), count)) for v in x], rel=1e-9)


@pytest.mark.parametrize("reduce", [None, "sum"])
def test_numbers_handed_on_between_functions(width, reduce, monkeypatch):
    monkeypatch.setattr(plan, "CHUNK_OPERATIONS", 10)
    agree(value_and_grad(network), (None, 0, 0), COUNTS, *data(3, 5), reduce=reduce)


def test_more_memory_than_the_stack_has(width, monkeypatch):
    monkeypatch.setattr(llvm, "STACK_BYTES", 64)
    agree(value_and_grad(network), (None, 0, 0), COUNTS, *data(3, 9), reduce="sum")


def test_parameters_of_a_module(width):
    random.seed(1)
    model = MLP(2, [9, 1])

    def loss(model, x, y):
        return (model(x) - y) ** 2

    x, y = np.random.default_rng(6).uniform(-1, 1, (3 * BATCH + 5, 2)), np.linspace(0, 1, 3 * BATCH + 5)
    agree(grad(loss), (None, 0, 0), COUNTS, model, x, y, reduce="mean")


def test_huge_angles_among_others(width):
    def function(x):
        return sin(x[0]) + cos(x[1]) * sin(x[2]) + sin(x[0] * x[1])

    x = np.random.default_rng(7).uniform(-3, 3, (3 * BATCH + 5, 3))
    x[3, 0], x[40, 1], x[41, 2], x[100, 0] = 1e10, -1e15, 1e300, np.inf
    agree(function, (0,), COUNTS, x)


def test_branches_for_huge_angles_are_one_where_registers_last():
    mapped = vmap(lambda x: sin(x[0]) + sin(x[1]) * cos(x[2]))
    program = jit(mapped).program(np.zeros((2, 3)))
    text = llvm.to_llvm(program, Target(8, inline="avx512", registers=1000))
    assert len(re.findall("^rare", text, re.MULTILINE)) == text.count("define internal void @each0") == 2


def test_comparisons_with_zero_at_special_numbers(width):
    def function(x):
        above, below = greater(x, 0), greater(0, x)
        return above, below, where(above, x, 0.0), where(above, x, -0.0), where(below, x, 0.0), where(below, 0.0, x)

    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1.0, -1.0, 2.0, -2.0]
    got, wanted = (np.array(f(np.array(special))) for f in (jit(vmap(function)), jit(vmap(function), backend="python")))
    assert np.array_equal(got, wanted, equal_nan=True)
    assert np.array_equal(np.signbit(got), np.signbit(wanted) & ~np.isnan(wanted) | np.signbit(got) & np.isnan(wanted))


# The order of instructions, and groups of sums


def test_sorted_lines_compute_what_they_need_first():
    rng = random.Random(1)
    for count in (1, 10, 1000):
        lines = []
        for i in range(count):
            operands = {f"%x{rng.randrange(max(0, i - 50), i)}" for _ in range(2)} if i else set()
            opcode, free = rng.choice(["fadd", "fdiv"]), rng.random() < 0.3
            lines.append(Line(f"%x{i}", opcode, "double", tuple(sorted(operands)), free=free))
        in_order = sorted_lines(lines)
        assert sorted(in_order) == sorted(lines)
        known = set()
        for line in in_order:
            assert known.issuperset(line.operands)
            known.add(line.result)


def test_chains_run_side_by_side():
    names = [[f"%x{chain}.{i}" for i in range(9)] for chain in range(1, 31)]
    lines = [Line(to, "fneg", "double", (by,)) for chain in names for by, to in itertools.pairwise(chain)]
    first = sorted_lines(lines)[:8]
    assert first == lines[:64:8], "two in a cycle, each of which takes four: eight chains, and no more"


@pytest.mark.parametrize("shape", [(16, 16), (1, 40), (40, 1), (3, 5), (5, 21)])
def test_tiles_have_each_product_once(shape):
    pairs = [(i, 100 + j) for i in range(shape[0]) for j in range(shape[1])]
    random.Random(1).shuffle(pairs)
    groups = list(tiles(pairs, 16))
    assert sorted(place for group in groups for place in group) == list(range(len(pairs)))
    assert max(map(len, groups)) <= 16
    assert len(groups) <= len(pairs) // 16 + 2


def test_tiles_of_a_product_of_vectors_are_squares():
    pairs = [(i, 100 + j) for i in range(16) for j in range(16)]
    for group in tiles(pairs, 16):
        assert len({factor for place in group for factor in pairs[place]}) == 8


def test_tiles_of_squares_and_lone_values():
    pairs = [(0, 0), (0, -1), (1, -1), (1, 1), (0, 1)]
    assert sorted(place for group in tiles(pairs, 2) for place in group) == [0, 1, 2, 3, 4]
