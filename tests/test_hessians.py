"""Hessians of graphs by pushing edges: against those of numbers, which are made row by row, and in what they cost."""

import random

import pytest
from expressions import random_steps, results

import scalargrad
from scalargrad import Op, Value, exp, grad, hessian, jit, log, maximum, ops, sin, where
from scalargrad import transforms as transforms_module
from scalargrad.hessians import pushed_hessian
from scalargrad.ops import greater
from scalargrad.value import topological_order


class Functions:
    def __getattr__(self, name):
        return getattr(ops, name, None) or getattr(scalargrad, name)


def compiled(function, x):
    return jit(hessian(function), backend="python")(x)


def close(got, expected):
    for row, wanted in zip(got, expected, strict=True):
        assert row == pytest.approx(wanted, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", range(25))
def test_random_expressions(seed):
    rng = random.Random(seed)
    steps = random_steps(rng, 3, 12)

    def function(x):
        leaves = [x[0] * x[1], x[2] + x[3] + x[0], x[1] - x[2]]
        return results(Functions(), leaves, steps)[-1]

    x = [rng.uniform(-1, 1) for _ in range(4)]
    got = compiled(function, x)
    close(got, hessian(function)(x))
    assert all(got[i][j] == got[j][i] for i in range(4) for j in range(4))


FUNCTIONS = {
    "shared": lambda x: sum(xi * log(xi / (3 - s)) for s in [x[0] + 2 * x[1]] for xi in x),
    "a square": lambda x: (2 * x[0] + x[1] + x[2]) * (2 * x[0] + x[1] + x[2]),
    "itself": lambda x: x[0] * x[0] * x[0],
    "linear": lambda x: x[0] + 2 * x[1],
    "a leaf": lambda x: x[1],
    "a constant": lambda x: 3.0,
    "a branch": lambda x: where(greater(x[0], x[1]), x[0] * x[2], sin(x[1])) + maximum(x[0], 0) ** 3,
    "a quotient": lambda x: exp(x[0]) / (1 + x[1] * x[1]) / x[2],
    "a power": lambda x: x[0] ** x[1] + x[2] ** 3,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    for x in ([0.5, 0.7, 0.9], [0.8, 0.3, 1.5]):
        close(compiled(FUNCTIONS[name], x), hessian(FUNCTIONS[name])(x))


def test_derivatives_of_a_hessian():
    def corner(x):
        return hessian(FUNCTIONS["a quotient"])(x)[0][2]

    x, step = [0.5, 0.7, 0.9], 1e-5
    found = jit(grad(corner), backend="python")(x)
    for i in range(3):
        moved = [[x[j] + sign * step * (i == j) for j in range(3)] for sign in (1, -1)]
        assert found[i] == pytest.approx((corner(moved[0]) - corner(moved[1])) / (2 * step), rel=1e-6)


def test_an_operation_that_is_not_in_the_table_goes_row_by_row():
    cube = Op("cube", lambda x: x * x * x, lambda out, x: 3 * x * x)
    expected = hessian(lambda x: (x[0] * x[1]) * (x[0] * x[1]) * (x[0] * x[1]))([0.5, 0.7])
    close(compiled(lambda x: cube(x[0] * x[1]), [0.5, 0.7]), expected)
    close(hessian(lambda x: cube(x[0] * x[1]))([0.5, 0.7]), expected)


def test_what_takes_more_operations_than_rows_goes_row_by_row(monkeypatch):
    weights = [[random.Random(i * 40 + j).uniform(-1, 1) for j in range(24)] for i in range(24)]

    def wide(x):
        hidden = [sin(0.1 * k * x[0]) for k in range(24)]
        return sum(sin(sum(w * h for w, h in zip(row, hidden))) for row in weights)

    found = []
    monkeypatch.setattr(
        transforms_module, "pushed_hessian", lambda *args: found.append(pushed_hessian(*args)) or found[-1]
    )
    close(compiled(wide, [0.5]), hessian(wide)([0.5]))
    assert found == [None]


def test_edges_that_are_not_there_cost_nothing():
    def bend(x):
        return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in zip(x, x[1:]))

    operations = [jit(hessian(bend)).program([0.5] * n).operations for n in (10, 20, 40)]
    assert operations[2] - operations[1] == 2 * (
        operations[1] - operations[0]
    )  # linear, as the entries that are not 0 are


def test_the_limit_is_kept():
    x, y = Value(0.5), Value(0.7)
    root = sin(x * y) * exp(x * y)
    order = topological_order(root)
    nodes = set(order)
    assert pushed_hessian(order, [x, y], nodes, {}, 3) is None
    assert pushed_hessian(order, [x, y], nodes, {}, 100) is not None
