"""Straight-line programs as loops: which loops are found, and that packed programs compute what the others do."""

import random
from types import SimpleNamespace

import pytest
from expressions import random_steps, results

from scalargrad import Value, grad, hessian, jit, nn, relu, sin, tanh, value_and_grad, where
from scalargrad.compiler.packs import LEAST_LANES, phases
from scalargrad.compiler.target import Target
from scalargrad.ops import TABLE, greater

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

from scalargrad.compiler import machine  # noqa: E402

WIDTHS = [8, 4, 2]


@pytest.fixture(params=WIDTHS)
def width(request, monkeypatch):
    """Pretend that the processor's vectors hold so many numbers; LLVM cuts wider ones."""
    host = machine._host()
    lanes = request.param
    if lanes != host.target.register:
        target = Target(lanes, inline="fma" if host.target.inline else "")
        monkeypatch.setattr(machine, "_host", lambda: host._replace(target=target))
    return lanes


def found(function, *arguments):
    """The phases of a program, which can be run in that order: (lanes, packs, terms of the sums) of a loop, the length of others."""
    program = jit(function).program(*arguments)
    computed = [i for i, instruction in enumerate(program.instructions) if instruction.op is not None]
    arrays = [(buffer, place) for buffer, place, _ in program.layout.inputs]
    divided = phases(program.instructions, computed, arrays, program.results)
    done: set[int] = {i for i in range(len(program.instructions)) if i not in set(computed)}
    for phase in divided:
        if isinstance(phase, list):
            for index in phase:
                assert done.issuperset(program.instructions[index].operands)
                done.add(index)
            continue
        before, inside = set(done), set()
        for pack in phase.packs:
            assert len(pack) == phase.lanes >= LEAST_LANES
            for operands in zip(*(program.instructions[index].operands for index in pack)):
                assert operands in inside or before.issuperset(operands)
            inside.add(tuple(pack))
            done.update(pack)
        for fold in phase.folds:
            assert tuple(fold.pack) in inside or before.issuperset(fold.pack)
            assert fold.start is None or fold.start in before
            done.update(fold.sums)
    assert len(done) == len(program.instructions)
    assert sum(map(size, divided)) == len(computed), "each instruction is computed, once"
    return [
        size(phase)
        if isinstance(phase, list)
        else (phase.lanes, len(phase.packs), [fold.last - fold.first + 1 for fold in phase.folds])
        for phase in divided
    ]


def size(phase):
    if isinstance(phase, list):
        return len(phase)
    return phase.lanes * len(phase.packs) + sum(len(fold.sums) for fold in phase.folds)


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def agree(function, *arguments):
    """Compiled numbers are those of the same program in Python, but for the rounding of a fused multiply-add."""
    got, wanted = jit(function)(*arguments), jit(function, backend="python")(*arguments)
    flat, expected = (np.concatenate([np.ravel(x) for x in leaves(thing)]) for thing in (got, wanted))
    assert flat == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


def leaves(thing):
    if isinstance(thing, (list, tuple)):
        for part in thing:
            yield from leaves(part)
    else:
        yield thing


def test_a_chain_of_like_terms_is_two_loops_and_a_sum_inside():
    assert found(value_and_grad(rosenbrock), np.ones(101)) == [(100, 14, [100]), (99, 1, [])]


def test_a_product_of_matrices_is_packs_of_a_row():
    assert found(lambda a, b: a @ b, np.ones((9, 10)), np.ones((10, 12))) == [(12, 100, []), (12, 9 * 19 - 100, [])]


def test_pairs_are_gathered():
    def energy(x):
        return sum(tanh((x[i] - x[j]) ** 2) for i in range(8) for j in range(i))

    assert found(energy, np.ones(8)) == [(28, 3, [28])]
    agree(value_and_grad(energy), np.linspace(0, 1, 8) ** 2)


def test_too_few_or_unlike_instructions_stay_as_they_are():
    assert found(lambda x: sum(sin(xi) for xi in x), np.ones(LEAST_LANES - 1)) == [2 * LEAST_LANES - 2]
    assert found(lambda x: sum(f(xi) for xi, f in zip(x, [sin, tanh] * 4)), np.ones(8)) == [16]


@pytest.mark.parametrize("n", [*range(2, 20), 31, 32, 33, 100])
def test_lengths_around_those_of_vectors(n, width):
    x = np.random.default_rng(n).uniform(-2, 2, n)
    agree(value_and_grad(rosenbrock), x)
    agree(lambda x: [sum(sin(xi) * xi for xi in x), x[0] + sum(x * x), x * x], x)


def test_sums_are_added_in_their_own_order(width):
    terms = [1e16, 1.0, -1e16, 1.0, 3e-8, -7.0, 1e16, 1.0, 2.0, -1e16, 0.1, 0.2, 0.3, -0.0, 1e308, 1e308, -1e308]
    x = np.array(terms)
    for start in (None, 0.5, -0.0, np.nan, np.inf):
        for first, last in ((0, 17), (1, 17), (0, 16), (2, 15), (3, 13)):
            total = start
            for term in terms[first:last]:
                total = -term if total is None else total - term

            def function(x, first=first, last=last, start=start):
                negative = -1 * x
                parts = list(negative[first:last])
                return (sum(parts[1:], parts[0]) if start is None else sum(parts, start)), negative

            got = jit(function)(x)[0]
            assert got == total or (got != got and total != total), (start, first, last)


def test_sums_of_several_packs_and_of_sums(width):
    def function(x, y):
        first = sum(sin(x[i]) * y[i] for i in range(20))
        second = sum((x[i] * first + y[i] for i in range(20)), first)
        third = sum((x[i] * second for i in range(20)), second)
        return first, second, third, [first * xi for xi in x]

    rng = np.random.default_rng(1)
    agree(function, rng.normal(size=20), rng.normal(size=20))
    agree(grad(lambda x: function(x, x + 1)[2]), rng.normal(size=20))


def test_a_sum_that_begins_with_a_term_of_its_own_pack():
    def function(x):
        squares = [xi * xi for xi in x]
        return sum(squares[:8], squares[8])

    agree(function, np.arange(9.0))


def test_partial_sums_that_are_wanted():
    agree(lambda x: list(np.cumsum(x * x)), np.arange(1.0, 40.0))


def test_numbers_of_each_lane_are_a_table(width):
    times, measured = np.linspace(0, 5, 50).tolist(), np.cos(np.arange(50)).tolist()

    def misfit(p):
        return sum((p[0] * tanh(p[1] * t) - y) ** 2 for t, y in zip(times, measured))

    assert found(misfit, np.ones(2)) == [(50, 5, [50])]
    agree(value_and_grad(misfit), np.array([0.3, 0.7]))
    agree(hessian(misfit), np.array([0.3, 0.7]))


def test_comparisons_and_branches(width):
    def function(x, y):
        return [where(greater(a, b), sin(a), relu(b - 1) * 3) + relu(a) for a, b in zip(x, y)]

    x = np.array([1.0, -2.0, np.nan, 0.0, -0.0, np.inf, 3.0, 4.0, -np.inf, 0.5, 2.0])
    agree(function, x, x[::-1].copy())


def test_strided_reversed_and_scattered_operands(width):
    def function(a):
        columns = [sin(a[i, 3]) * a[i, 0] for i in range(11)]
        backwards = [sin(a[10 - i, 1]) + columns[10 - i] for i in range(11)]
        return columns, backwards, [backwards[(3 * i) % 11] * columns[i] for i in range(11)]

    agree(function, np.random.default_rng(2).normal(size=(11, 5)))


def test_lanes_taken_from_many_packs_of_which_some_are_as_long(width):
    def function(u, v):
        products = [[ui * vj for vj in v[: 8 + (i == 0)]] for i, ui in enumerate(u)]
        return products, [sin(products[i][i]) for i in range(8)]

    rng = np.random.default_rng(4)
    assert found(function, rng.normal(size=8), rng.normal(size=9)) == [(9, 1, []), (8, 7, []), (8, 1, [])]
    agree(function, rng.normal(size=8), rng.normal(size=9))


def test_closures_read_parameters_at_each_call(width):
    rng = np.random.default_rng(3)
    layer = nn.Layer.from_arrays(rng.normal(size=(10, 9)), rng.normal(size=10), activation=None)
    predict = jit(lambda x: [relu(z) for z in layer(x)])
    x = rng.normal(size=9)
    for _ in range(2):
        wanted = [max(0.0, z.data) for z in layer([Value(v) for v in x])]
        assert predict(x) == pytest.approx(wanted, rel=1e-12)
        for parameter in layer.parameters():
            parameter.data += 0.1


@pytest.mark.parametrize("seed", range(25))
def test_random_graphs_many_times(seed, width):
    """Instances of a random graph with operands shared, crossed and boundaries that differ."""
    rng = random.Random(seed)
    functions = SimpleNamespace(**TABLE)
    steps, leaves, count = random_steps(rng, 4, rng.randrange(3, 9)), 4, rng.choice([8, 9, 13, 16, 21])
    shared = rng.randrange(5)
    order = list(range(count))
    rng.shuffle(order)

    def function(x, w):
        rows = [[x[i], x[(i + shared) % len(x)], w[i % 3], w[3]] for i in range(count)]
        first = [results(functions, rows[i], steps)[-1] for i in (order if seed % 2 else range(count))]
        second = [a * b + first[0] for a, b in zip(first, first[1:])]
        third = second if seed % 3 else [*second[::2], x[0], *second[1::2]]
        return sum(sin(t) for t in third) + sum(first)

    point = np.array([rng.uniform(-1, 1) for _ in range(count)])
    weights = np.array([rng.uniform(-1, 1) for _ in range(leaves)])
    found(value_and_grad(function, argnums=(0, 1)), point, weights)
    agree(value_and_grad(function, argnums=(0, 1)), point, weights)


def test_long_regular_programs_are_short():
    program = jit(value_and_grad(rosenbrock)).program(np.ones(5001))
    text = program.to_source("llvm")
    assert program.operations > 75_000
    assert text.count("\n") < 400


def test_the_schedule_of_an_empty_program():
    assert phases([], [], [], []) == []
