"""Derivatives of functions: against closed forms, 50-digit arithmetic, backward(), each other, JAX and PyTorch."""

import math
import random
import sys
from dataclasses import dataclass
from math import isinf
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from expressions import RULES, Exact, Kink, random_steps, results
from mpmath import mp, mpf
from points import OF_ORDER, POINTS, TRUTH, exact

import scalargrad
from scalargrad import (
    GradientError,
    Op,
    Value,
    check_gradients,
    exp,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jit,
    jvp,
    log,
    nn,
    no_grad,
    sin,
    tape,
    topological_order,
    transforms,
    value_and_grad,
    vjp,
)
from scalargrad.node import Node
from scalargrad.ops import TABLE

ON_VALUES = SimpleNamespace(**TABLE)
every_operation = pytest.mark.parametrize("op", TABLE.values(), ids=TABLE)


def tame(op, count=3):
    """Some points of an operation's row at which third derivatives neither overflow nor vanish for lack of digits."""
    points = [p for p in POINTS[op.name] if all(x == 0 or 1e-3 <= abs(x) <= 40 for x in p)]
    if op.name == "where":  # its value jumps where the condition is 0
        points = [p for p in points if p[0] != 0]
    assert points
    return points[:count]


def variables(op):
    """The arguments that an operation has derivatives in: all but an order."""
    return range(op.name in OF_ORDER, len(op.partials))


def bits(*numbers):
    return [(x + 0.0).hex() for x in numbers]  # a zero has no sign here


def joined(rows):
    return [x for row in rows for x in row]


def multi_indices(arity, order):
    if order == 0:
        return [()]
    return [(*rest, i) for rest in multi_indices(arity, order - 1) for i in range(rest[-1] if rest else 0, arity)]


def nested(function, index):
    for i in index:
        function = grad(function, i)
    return function


def exact_derivative(function, point, index):
    with mp.workdps(50):
        return mp.diff(function, tuple(map(mp.mpf, point)), tuple(index.count(i) for i in range(len(point))))


def close(got, truth, size=0.0):
    return got == pytest.approx(float(truth), rel=1e-10, abs=1e-12 * max(1.0, size))


# Every operation


@every_operation
def test_first_derivative_is_that_of_backward(op):
    for point in POINTS[op.name]:
        values = [Value(x) for x in point]
        out = op(*values)
        out.backward()
        value, gradient = value_and_grad(op, range(len(point)))(*point)
        assert bits(value, *gradient) == bits(out.data, *(v.grad for v in values))
        assert all(type(x) is float for x in (value, *gradient))


@every_operation
def test_derivatives_to_third_order(op):
    for point in tame(op):
        size = abs(op(*point))
        for index in (i for order in (1, 2, 3) for i in multi_indices(len(point), order) if min(i) in variables(op)):
            truth = exact_derivative(TRUTH[op.name], point, index)
            got = nested(op, index)(*point)
            assert close(got, truth, size), (point, index)
            size = max(size, abs(got))


@every_operation
def test_second_derivatives_of_numbers(op):
    """hessian() has second derivatives of each operation of its own; grad of grad differentiates the partials' graph."""
    own = variables(op)
    for point in tame(op):
        size = max(abs(op(*point)), *(abs(grad(op, i)(*point)) for i in own))
        rows = hessian(op, own)(*point)
        for i, row in zip(own, rows):
            for j, got in zip(own, row):
                assert close(got, exact_derivative(TRUTH[op.name], point, tuple(sorted((i, j)))), size), (point, i, j)
                assert got == pytest.approx(nested(op, (i, j))(*point), rel=1e-13, abs=1e-15 * size)
        v = [0.5 + i for i in own]
        along = hvp(lambda xs, point=point: op(*point[: own[0]], *xs), (list(point[own[0] :]),), (v,))
        assert along == pytest.approx([sum(a * b for a, b in zip(row, v)) for row in rows], rel=1e-12, abs=1e-12 * size)


@every_operation
def test_both_tapes_are_one_bit_for_bit(op):
    for point in POINTS[op.name]:
        leaves = [Value(x) for x in point]
        with scalargrad.ieee():
            results = [op(*leaves), op(*leaves) * leaves[0]]
            one, other = (kind(leaves, results[1:], second=True) for kind in (tape.PythonTape, tape.Tape))
            for rows in (
                [kind(leaves, results).jacobian(forward) for kind in (tape.PythonTape, tape.Tape)] for forward in (0, 1)
            ):
                assert bits(*joined(rows[0])) == bits(*joined(rows[1]))
        assert bits(*joined(one.hessian())) == bits(*joined(other.hessian())), point
        assert bits(*one.hvp(point)) == bits(*other.hvp(point)), point
        assert [leaf.grad for leaf in leaves] == [0.0] * len(leaves)


@every_operation
def test_forward_equals_reverse(op):
    for point in tame(op):
        everything = variables(op)
        reverse = jacrev(jacrev(op, everything), everything)(*point)
        for first in (jacrev, jacfwd):
            for second in (jacrev, jacfwd):
                got = second(first(op, everything), everything)(*point)
                assert [x for row in got for x in row] == pytest.approx([x for row in reverse for x in row], rel=1e-13)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4])
def test_whole_powers_at_zero(n):
    def power(x):
        return x**n

    derivatives = [power(0.0)]
    for _ in range(n + 1):
        power = grad(power)
        derivatives.append(power(0.0))
    assert derivatives == [math.factorial(n) if k == n else 0.0 for k in range(n + 2)]


# Random graphs


def program(seed, leaves=2, steps=8):
    """A random function of a list, a point, and the steps."""
    rng = random.Random(f"transforms {seed}")
    point = [rng.uniform(-2, 2) for _ in range(leaves)]
    drawn = random_steps(rng, leaves, steps)
    return (lambda xs: results(ON_VALUES, xs, drawn)[-1]), point, drawn


def smooth_programs(count, **options):
    found = seed = 0
    while found < count:
        seed += 1
        function, point, steps = program(seed, **options)
        try:
            results(Exact(), list(map(mp.mpf, point)), steps)
        except Kink:
            continue
        found += 1
        yield function, point, steps


def test_random_graphs_to_third_order():
    for function, point, steps in smooth_programs(25):

        def exact(*xs, steps=steps):
            return results(Exact(), list(xs), steps)[-1]

        first, second = grad(function)(point), hessian(function)(point)
        third = jacobian(hessian(function))(point)
        size = max(map(abs, (function(point), *first)))
        for i in range(2):
            assert close(first[i], exact_derivative(exact, point, (i,)), size)
            for j in range(2):
                assert close(second[i][j], exact_derivative(exact, point, (i, j)), size)
                size = max(size, abs(second[i][j]))
        for i, j, k in multi_indices(2, 3):
            assert close(third[i][j][k], exact_derivative(exact, point, (i, j, k)), size)


def test_gradients_of_random_graphs_are_those_of_backward_bit_for_bit():
    for seed in range(200):
        function, point, _ = program(seed, leaves=3, steps=15)
        leaves = [Value(x) for x in point]
        root = function(leaves)
        root.backward()
        value, gradient = value_and_grad(function)(point)
        assert bits(value, *gradient) == bits(root.data, *(leaf.grad for leaf in leaves))


def test_transforms_of_random_graphs_agree():
    for seed in range(30):
        function, point, _ = program(seed, leaves=3, steps=12)
        rng = random.Random(seed)
        v = [rng.uniform(-1, 1) for _ in point]
        near = {"rel": 1e-9, "abs": 1e-9}
        g, h = grad(function)(point), hessian(function)(point)
        assert g == pytest.approx(jacfwd(function)(point), **near)
        for forms in (
            jacfwd(grad(function)),
            jacrev(grad(function)),
            jacfwd(jacrev(function)),
            jacrev(jacfwd(function)),
        ):
            for row, expected in zip(forms(point), h):
                assert row == pytest.approx(expected, **near)
        for i in range(3):
            assert h[i] == pytest.approx([row[i] for row in h], **near)
        value, along = jvp(function, (point,), (v,))
        assert value == function(list(map(Value, point))).data
        assert along == pytest.approx(sum(a * b for a, b in zip(g, v)), **near)
        assert hvp(function, (point,), (v,)) == pytest.approx(
            [sum(map(lambda a, b: a * b, row, v)) for row in h], **near
        )


def test_jvp_and_vjp_are_adjoint():
    rng = random.Random(5)
    for seed in range(30):
        _, point, steps = program(seed, leaves=3, steps=12)

        def several(xs, steps=steps):
            return results(ON_VALUES, xs, steps)[-4:]

        u, v = ([rng.uniform(-1, 1) for _ in range(n)] for n in (3, 4))
        value, pushed = jvp(several, (point,), (u,))
        again, pull_back = vjp(several, point)
        assert value == again
        (pulled,) = pull_back(v)
        assert sum(a * b for a, b in zip(pushed, v)) == pytest.approx(
            sum(a * b for a, b in zip(pulled, u)), rel=1e-11, abs=1e-11
        )
        for forms in (jacfwd, jacrev, jacobian):
            rows = forms(several)(point)
            assert [sum(map(lambda a, b: a * b, row, u)) for row in rows] == pytest.approx(pushed, rel=1e-11, abs=1e-11)


TREES = [
    (2.0, 3),
    ([1.0, 2.0], (3.0, 0.5)),
    ({"b": 1.5, "a": [2.0, {"c": (0.5,)}]}, 2.5),
    (np.array([1.0, 2.0, 0.5]), 2.0),
    ({"w": np.arange(6.0).reshape(2, 3) + 1, "b": [0.5, np.array(2.0)]}, np.array([0.3])),
    ([], {}, np.zeros((0, 2)), 1.5),
]


def sums(tree):
    if isinstance(tree, dict):
        return sums(list(tree.values()))
    return sum(map(sums, tree)) if isinstance(tree, (list, tuple)) or getattr(tree, "shape", ()) else tree * tree


RESULTS = [
    lambda *trees: sums(trees) * sin(sums(trees[:1])),
    lambda *trees: [sums(trees), {"x": (sums(trees[-1:]) * 2.0, 7.0)}, ()],
    lambda *trees: np.array([sums(trees), 1.0, sums(trees[:1])]),
    lambda *trees: {"m": np.array([[sums(trees)], [sums(trees[-1:])]]), "n": sums(trees)},
    lambda *trees: trees,
]


def alike(one, other):
    """Whether two structures are of the same kinds, with the same numbers."""
    if isinstance(one, np.ndarray):
        return type(one) is type(other) and one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, (list, tuple, dict)):
        keys = one if isinstance(one, dict) else range(len(one))
        return type(one) is type(other) and len(one) == len(other) and all(alike(one[k], other[k]) for k in keys)
    return type(one) is type(other) is float and one == other


@pytest.mark.parametrize("result", RESULTS)
@pytest.mark.parametrize("trees", TREES)
def test_what_the_engine_records_is_what_python_records(trees, result):
    """Numbers, arrays, lists, tuples and dicts go through the engine: with all others, and with these, Python does it."""
    for picks in (0, -1, (0, 1), (1, 0)):
        one, other = (kind(result, trees, picks, {}) for kind in (in_the_engine, transforms.Recorded))
        assert alike(one.value(), other.value())
        for forward in (True, False, None):
            assert alike(one.jacobian(forward), other.jacobian(forward))
        if result is RESULTS[0]:
            assert alike(one.gradient(), other.gradient())
            assert alike(one.hessian(), other.hessian())
        along = tuple(trees[i] for i in picks) if isinstance(picks, tuple) else trees[picks]
        assert alike(one.jvp(along), other.jvp(along))
        assert alike(one.vjp(one.value()), other.vjp(one.value()))
        if result is RESULTS[0]:
            assert alike(one.hvp(along), other.hvp(along))


def in_the_engine(*arguments):
    return transforms.record(*arguments, transforms.Recorded)


def test_local_gradients_given_by_hand_are_enough_for_the_first_order():
    twice = lambda x: Value(x.data * 2, (x,), (2.0,))  # microgpt's way
    assert value_and_grad(lambda x: twice(x) * x)(3.0) == (18.0, 12.0)
    assert jacfwd(lambda x: [twice(x)])(3.0) == [2.0]
    for second in (hessian, lambda f: grad(grad(f)), lambda f: lambda x: hvp(f, (x,), (1.0,))):
        with pytest.raises(TypeError, match="made by hand"):
            second(lambda x: twice(x) * x)(3.0)


def test_gradients_of_all_others_stay_as_they_are():
    w, h = Value(3.0), Value(1.0) * 2
    w.grad, h.grad = 5.0, "kept"
    f = lambda x: h * w * x * x
    assert (grad(f)(2.0), hessian(f)(2.0), jacfwd(f)(2.0)) == (24.0, 12.0, 24.0)
    assert (w.grad, h.grad, h.parents[0].grad) == (5.0, "kept", 0.0)


def test_a_transform_holds_on_to_nothing():
    point, along, f = {"a": [1.25, 2.5]}, {"a": [0.5, 1.5]}, lambda x: x["a"][0] * sin(x["a"][1])

    def use():
        for way in (grad, value_and_grad, jacobian, hessian):
            way(f)(point)
        jvp(f, (point,), (along,))
        hvp(f, (point,), (along,))
        vjp(f, point)[1](2.0)
        for wrong in (lambda x: 1 / 0, lambda x: x, lambda x: {"unknown": object()}):
            with pytest.raises((TypeError, ZeroDivisionError)):
                grad(wrong)(point)

    held = (point, point["a"], point["a"][0], along, f)
    use()
    before = list(map(sys.getrefcount, held))
    for _ in range(100):
        use()
    assert list(map(sys.getrefcount, held)) == before


def test_what_a_result_does_not_depend_on_is_not_multiplied():
    def f(x):  # the slope of sqrt at 0 is infinite, and 0 times infinity no number
        return [scalargrad.sqrt(x[0]), x[1] * 2]

    assert jacrev(f)([0.0, 1.0]) == jacfwd(f)([0.0, 1.0]) == [[math.inf, 0.0], [0.0, 2.0]]
    _, pull_back = vjp(f, [0.0, 1.0])
    assert pull_back([0.0, 1.0]) == ([0.0, 2.0],)
    assert jvp(f, ([0.0, 1.0],), ([0.0, 1.0],))[1] == [0.0, 2.0]


def test_random_graphs_pass_check_gradients():
    for function, point, _ in list(smooth_programs(12, steps=5)):
        check_gradients(function, point)


def leaves_and_graph(seed):
    function, point, _ = program(seed, leaves=3, steps=12)
    leaves = [Value(x) for x in point]
    return function, point, leaves, function(leaves)


def test_backward_with_create_graph_gives_the_same_to_third_order():
    for seed in range(15):
        function, point, leaves, root = leaves_and_graph(seed)
        first, second, third = grad(function)(point), hessian(function)(point), jacobian(hessian(function))(point)
        root.backward(create_graph=True)
        gradients = [leaf.grad for leaf in leaves]
        assert [g.data if isinstance(g, Node) else g for g in gradients] == first
        for leaf in leaves:
            leaf.grad = 0.0
        if not isinstance(gradients[0], Node):
            continue
        gradients[0].backward(create_graph=True)
        row = [leaf.grad for leaf in leaves]
        assert [float(g.data) if isinstance(g, Node) else g for g in row] == pytest.approx(
            second[0], rel=1e-12, abs=1e-12
        )
        for leaf in leaves:
            leaf.grad = 0.0
        if isinstance(row[1], Node):
            row[1].backward()
            assert [leaf.grad for leaf in leaves] == pytest.approx(third[0][1], rel=1e-10, abs=1e-10)


# Graphs that hold nothing superfluous


def parents(node):
    return [p.data if p.kind == "constant" else None for p in node._prev]


def superfluous(roots):
    for node in topological_order(*(r for r in roots if isinstance(r, Node))):
        name = node._operation.name if isinstance(node._operation, Op) else ""
        if name in ("add", "sub") and 0 in parents(node):
            yield f"{name} of a zero: {node}"
        if name == "mul" and {0.0, 1.0, -1.0} & set(parents(node)):
            yield f"{name} by {parents(node)}: {node}"


@every_operation
def test_no_sum_with_zero_and_no_product_with_one(op):
    for point in tame(op, 1):
        values = [Value(x) for x in point]
        gradient = grad(op, range(len(point)))(*values)
        assert not list(superfluous(gradient))


def test_nor_in_derivatives_of_graphs():
    def function(xs):
        x, y = xs
        return x * y + sin(x) - y

    leaves = [Value(0.5), Value(0.25)]
    assert not list(superfluous(grad(function)(leaves)))
    assert not list(superfluous([x for row in hessian(function)(leaves) for x in row]))
    out = function(leaves)
    out.backward(create_graph=True)
    assert not list(superfluous([leaf.grad for leaf in leaves]))
    product = Value(3.0) * (y := Value(2.0))
    product.backward(create_graph=True)
    assert product._prev[0].grad is y  # nothing was computed


# Values in, Values out


def test_on_values_the_result_is_a_graph():
    x = Value(0.75, label="x")
    slope = grad(lambda t: sin(t) * t)(x)
    assert isinstance(slope, Value)
    slope.backward()
    assert slope.data == pytest.approx(math.cos(0.75) * 0.75 + math.sin(0.75), rel=1e-15)
    assert x.grad == pytest.approx(2 * math.cos(0.75) - 0.75 * math.sin(0.75), rel=1e-15)


def test_value_and_grad_on_values_share_the_graph():
    x = Value(0.5)
    value, slope = value_and_grad(exp)(x)
    total = value + slope
    total.backward()
    assert x.grad == pytest.approx(2 * math.exp(0.5), rel=1e-15)


def test_a_number_that_does_not_depend_comes_back_as_a_value():
    value, slope = value_and_grad(lambda t: 2 * t + 1)(Value(3.0))
    assert (value.data, slope.data) == (7.0, 2.0)
    slope.backward()


def test_numbers_in_numbers_out_with_closures_over_values():
    w = Value(2.0, label="w")
    assert grad(lambda x: w * x * x)(3.0) == 12.0
    assert hessian(lambda x: [w * x[0] * x[1]][0])([3.0, 4.0]) == [[0.0, 2.0], [2.0, 0.0]]
    assert w.grad == 0.0
    w.data = 5.0
    assert grad(lambda x: w * x * x)(3.0) == 30.0


def test_closures_over_the_values_of_an_enclosing_transform():
    assert grad(lambda w: grad(lambda x: w * w * x)(3.0))(2.0) == 4.0
    assert jacobian(lambda w: [grad(lambda x: w * x * x)(t) for t in (1.0, 2.0)])(7.0) == [2.0, 4.0]


def test_arguments_are_left_alone():
    x, y = Value(3.0), Value(4.0)
    x.grad = 7.0
    slopes = grad(lambda a, b: a * b, (0, 1))(x, y)
    assert [s.data for s in slopes] == [4.0, 3.0]
    assert (x.grad, y.grad, x._prev) == (7.0, 0.0, ())


def test_inside_no_grad_derivatives_are_computed_all_the_same():
    with no_grad():
        assert grad(lambda x: x * x)(3.0) == 6.0
        assert hessian(lambda x: x[0] ** 3)([2.0]) == [[12.0]]
        assert jvp(sin, (0.0,), (2.0,)) == (0.0, 2.0)


def test_stop_gradient_and_detach():
    stop = scalargrad.stop_gradient
    assert grad(lambda x: stop(x) * x)(3.0) == 3.0
    assert grad(lambda x: x.detach() * x)(3.0) == 3.0
    assert grad(grad(lambda x: stop(x * x) * x))(3.0) == 0.0


# Perturbation confusion: a derivative inside a derivative takes no part of the outer one for its own.


def test_inner_derivative_does_not_see_the_outer_variable():
    assert grad(lambda x: x * grad(lambda y: x + y)(2.0))(3.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(2.0))(3.0) == 6.0
    assert grad(lambda x: x * grad(lambda y: x * y)(x))(3.0) == 6.0


def test_inner_derivative_at_the_outer_variable_itself():
    # Both are at the same Value, used inside and outside of the inner derivative.
    assert grad(lambda x: grad(lambda y: x * y * y)(x))(3.0) == 12.0
    x = Value(3.0)
    assert grad(lambda y: x * y)(x).data == 3.0
    assert grad(lambda y: x * x + y)(x).data == 1.0


def test_forward_inside_forward():
    def inner(x):
        return jvp(lambda y: x * y, (2.0,), (1.0,))[1]

    assert jvp(lambda x: x * inner(x), (3.0,), (1.0,)) == (9.0, 6.0)
    assert jvp(lambda x: jvp(lambda y: x + y, (1.0,), (1.0,))[1], (1.0,), (1.0,)) == (1.0, 0.0)


def test_a_derivative_of_functions_that_return_functions():
    # Siskind and Pearlmutter's case, with the shift applied twice.
    def shifted(u):
        return lambda f: lambda x: f(x + u)

    def derivative_of_shift(f):
        return lambda x: grad(lambda u: shifted(u)(f)(x))(0.0)

    assert derivative_of_shift(derivative_of_shift(exp))(1.0) == pytest.approx(math.e, rel=1e-15)


def test_tangents_and_cotangents_may_be_values():
    v = Value(2.0)
    _, along = jvp(lambda x: x * x, (3.0,), (v,))
    along.backward()
    assert (along.data, v.grad) == (12.0, 6.0)
    w = Value(5.0)
    (pulled,) = vjp(lambda x: x * x, 3.0)[1](w)
    pulled.backward()
    assert (pulled.data, w.grad) == (30.0, 6.0)


# Structures


class Point(NamedTuple):
    x: float
    y: float


def test_numbers_of_every_kind():
    from fractions import Fraction

    assert grad(lambda x: x * x)(3) == 6.0
    assert grad(lambda x: x * x)(Fraction(1, 2)) == 1.0
    assert type(grad(lambda x: x * x)(3)) is float
    assert grad(lambda x: x * x)(True) == 2.0


def test_containers_come_back_as_they_came_in():
    point = {"a": [1.0, (2.0, 3.0)], "b": Point(4.0, 5), 7: []}

    def function(p):
        (x, (y, z)), (u, v) = p["a"], p["b"]
        assert isinstance(p["b"], Point)
        assert p[7] == []
        return x * y + z * u * v

    gradient = grad(function)(point)
    assert gradient == {"a": [2.0, (1.0, 20.0)], "b": Point(15.0, 12.0), 7: []}
    assert type(gradient["b"]) is Point
    assert list(gradient) == ["a", "b", 7]
    assert point["a"] == [1.0, (2.0, 3.0)]


def test_jacobian_has_the_structure_of_the_results_with_that_of_the_argument_in_each():
    out = jacobian(lambda p: {"s": p["x"] * p["y"], "t": (p["x"], 3)})({"x": 2.0, "y": 5.0})
    assert out == {"s": {"x": 5.0, "y": 2.0}, "t": ({"x": 1.0, "y": 0.0}, {"x": 0.0, "y": 0.0})}


def test_empty_structures():
    assert grad(lambda p, x: x * x)([], 3.0) == []
    assert jacobian(lambda x: [])([1.0, 2.0]) == []
    assert jvp(lambda x: (), (1.0,), (1.0,)) == ((), ())


def test_argnums():
    def function(x, y, z):
        return x * y * y + z

    assert grad(function, 1)(2.0, 3.0, 4.0) == 12.0
    assert grad(function, -1)(2.0, 3.0, 4.0) == 1.0
    assert grad(function, (0, 1))(2.0, 3.0, 4.0) == (9.0, 12.0)
    assert grad(function, [2, 0])(2.0, 3.0, 4.0) == (1.0, 9.0)
    assert grad(function, (-3,))(2.0, 3.0, 4.0) == (9.0,)
    assert hessian(function, (0, 1))(2.0, 3.0, 4.0) == ((0.0, 6.0), (6.0, 4.0))
    assert jacobian(lambda x, y: [x[0] * y, y], (0, 1))([2.0], 3.0) == [([3.0], 2.0), ([0.0], 1.0)]


def test_keywords_and_other_arguments_are_passed_on():
    def function(x, name, *, power=1, scale=None):
        assert name == "text"
        return x**power if scale is None else scale * x**power

    assert grad(function)(3.0, "text", power=2) == 6.0
    assert grad(function)(3.0, "text", power=3, scale=2) == 54.0
    assert value_and_grad(function)(3.0, "text", power=2) == (9.0, 6.0)


def test_a_transform_bears_the_name_and_doc_of_its_function():
    def cube(x):
        """Raise to the third power."""
        return x**3

    for transform in (grad, value_and_grad, jacobian, jacfwd, jacrev, hessian):
        derivative = transform(cube)
        assert (derivative.__name__, derivative.__doc__) == ("cube", "Raise to the third power.")


np = pytest.importorskip("numpy")


@pytest.mark.parametrize("dtype", [float, np.float32, int])
def test_arrays_come_back_as_float_arrays(dtype):
    x = np.array([[1, 2], [3, 4]], dtype)
    gradient = grad(lambda a: (a * a).sum())(x)
    assert (gradient.dtype, gradient.shape) == (np.dtype(float), (2, 2))
    assert gradient.tolist() == [[2.0, 4.0], [6.0, 8.0]]


def test_arrays_of_no_dimension_and_of_no_entries():
    gradient = grad(lambda a: a[()] * a[()])(np.array(3.0))
    assert (type(gradient), gradient.shape, gradient.tolist()) == (np.ndarray, (), 6.0)
    assert grad(lambda a, x: x * x)(np.empty((0, 3)), 1.0).shape == (0, 3)
    second = hessian(lambda a: a[()] ** 3)(np.array(2.0))
    assert (second.shape, second.tolist()) == ((), 12.0)


def test_not_contiguous_arrays():
    x = np.arange(12.0).reshape(3, 4)[::2, ::-1].T
    assert grad(lambda a: (a**2).sum())(x).tolist() == (2 * x).tolist()


def test_scalars_of_numpy():
    out = grad(lambda x: x * x)(np.float64(3.0))
    assert out == 6.0
    assert grad(lambda x: np.float64(2.0) * x)(3.0) == 2.0


def test_array_jacobians_have_both_shapes():
    m = np.arange(6.0).reshape(2, 3)
    x = np.array([1.0, 2.0, 3.0])
    for form in (jacobian, jacfwd, jacrev):
        assert np.array_equal(form(lambda v: m @ v)(x), m)
    assert jacobian(lambda v: np.outer(v, v))(x).shape == (3, 3, 3)
    assert jacobian(lambda w: w @ x)(m).shape == (2, 2, 3)
    assert jacobian(lambda v: [v[0], v])(x)[1].shape == (3, 3)
    assert hessian(lambda w: (w * w * w).sum())(m).shape == (2, 3, 2, 3)
    h = hessian(lambda v: v[0] * v[1] * v[2])(x)
    assert h.tolist() == [[0.0, 3.0, 2.0], [3.0, 0.0, 1.0], [2.0, 1.0, 0.0]]


def test_arrays_of_values_give_arrays_of_values():
    x = np.array([Value(1.0), Value(2.0)])
    gradient = grad(lambda a: (a**3).sum())(x)
    assert gradient.dtype == object
    gradient.sum().backward()
    assert [v.grad for v in x] == [6.0, 12.0]


def test_numpy_functions_and_linear_algebra_on_the_way():
    def function(w):
        return np.tanh(w @ np.array([1.0, -2.0])).sum() + np.exp(w).sum()

    w = np.array([[0.5, 0.25], [-0.5, 1.0]])
    t = 1 - np.tanh(w @ [1.0, -2.0]) ** 2
    assert grad(function)(w) == pytest.approx(np.outer(t, [1.0, -2.0]) + np.exp(w), rel=1e-14)


# Modules


def seeded(sizes=(2, [3, 1]), **options):
    random.seed(3)
    return nn.MLP(*sizes, **options)


def test_gradients_of_a_module_are_those_of_backward():
    model = seeded(activation="tanh")
    model([0.5, -1.0]).backward()
    expected = [p.grad for p in model.parameters()]
    model.zero_grad()
    value, gradient = value_and_grad(lambda m, x: m(x))(model, [0.5, -1.0])
    assert value == model([0.5, -1.0]).data
    assert type(gradient) is nn.MLP
    assert [p.data for p in gradient.parameters()] == expected
    assert [p.grad for p in model.parameters()] == [0.0] * len(expected)
    names = [name for name, _ in model.named_parameters()]
    assert [name for name, _ in gradient.named_parameters()] == names


def test_hessian_of_a_module():
    class Line(nn.Module):
        def __init__(self):
            self.a, self.b = Value(2.0), Value(3.0)

        def __call__(self, x):
            return self.a * self.a * self.b * x

    second = hessian(lambda line: line(5.0))(Line())
    assert [x.data for row in (second.a, second.b) for x in (row.a, row.b)] == [30.0, 20.0, 20.0, 0.0]


def test_shared_parameters_are_one():
    class Tied(nn.Module):
        def __init__(self):
            self.w = Value(2.0)
            self.again = [self.w, {"deep": self.w}]

        def __call__(self, x):
            return self.w * self.again[0] * self.again[1]["deep"] * x

    model = Tied()
    gradient = grad(lambda m: m(1.0))(model)
    assert len(gradient.parameters()) == 1
    assert gradient.w is gradient.again[0] is gradient.again[1]["deep"]
    assert gradient.w.data == 12.0


def test_modules_in_modules_lists_and_dicts():
    class Block(nn.Module):
        def __init__(self):
            self.name, self.table = "block", {"left": nn.Neuron(1, False, weights=[2.0]), "right": [Value(3.0)]}
            self.rate = 0.5  # no parameter

        def __call__(self, x):
            return self.table["left"]([x]) * self.table["right"][0] * self.rate

    gradient = grad(lambda m, x: m(x))(Block(), 4.0)
    assert {name: p.data for name, p in gradient.named_parameters()} == {
        "table['left'].w[0]": 6.0,
        "table['left'].b": 1.5,
        "table['right'][0]": 4.0,
    }
    assert (gradient.name, gradient.rate) == ("block", 0.5)


def test_gradients_of_a_module_drive_a_training_step():
    model = seeded(activation="tanh")
    points = [([0.5, -1.0], 1.0), ([-0.25, 0.75], -1.0)]

    def loss(m):
        return sum((m(x) - y) ** 2 for x, y in points)

    before, gradient = value_and_grad(loss)(model)
    for p, g in zip(model.parameters(), gradient.parameters()):
        p.data -= 0.05 * g.data
    assert value_and_grad(loss)(model)[0] < before


# Other programs


def test_minimize_of_scipy():
    optimize = pytest.importorskip("scipy.optimize")

    def rosenbrock(x):
        return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()

    found = optimize.minimize(value_and_grad(rosenbrock), np.array([-1.2, 1.0, 0.5]), jac=True, method="BFGS")
    assert found.x == pytest.approx([1.0] * 3, abs=1e-5)
    newton = optimize.minimize(
        lambda x: value_and_grad(rosenbrock)(x)[0],
        np.array([-1.2, 1.0]),
        jac=grad(rosenbrock),
        hess=hessian(rosenbrock),
        method="trust-exact",
    )
    assert newton.x == pytest.approx([1.0] * 2, abs=1e-8)
    assert newton.nit < 40


def test_least_squares_of_scipy():
    optimize = pytest.importorskip("scipy.optimize")
    t = np.linspace(0, 4, 20)
    y = 2.5 * np.exp(-1.3 * t) + 0.5

    def residual(p):
        return p[0] * np.exp(p[1] * t) + p[2] - y

    found = optimize.least_squares(residual, np.array([1.0, -1.0, 0.0]), jac=jacobian(residual))
    assert found.x == pytest.approx([2.5, -1.3, 0.5], abs=1e-8)


def derivatives_to_third_order(function, point):
    first, second = grad(function)(point), hessian(function)(point)
    return first, second, jacobian(hessian(function))(point)


def test_jax_agrees(recwarn):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    names = {"abs": jax.numpy.abs, "erf": jax.scipy.special.erf}
    names |= {name: getattr(jax.nn, name) for name in ("relu", "sigmoid", "softplus")}
    functions = SimpleNamespace(**{name: names.get(name) or getattr(jax.numpy, name, None) for name in TABLE})
    for seed in range(4):
        function, point, steps = program(seed)

        def theirs(xs, steps=steps):
            return results(functions, list(xs), steps)[-1]

        array = jax.numpy.array(point)
        expected = [jax.jit(f)(array) for f in (jax.grad(theirs), jax.hessian(theirs), jax.jacfwd(jax.hessian(theirs)))]
        for ours, truth in zip(derivatives_to_third_order(function, np.array(point)), expected):
            assert ours == pytest.approx(np.asarray(truth), rel=1e-8, abs=1e-8)


def test_pytorch_agrees():
    torch = pytest.importorskip("torch")
    names = {name: getattr(torch.nn.functional, name) for name in ("relu", "softplus")}
    functions = SimpleNamespace(**{name: names.get(name) or getattr(torch, name, None) for name in TABLE})

    def derivative(f):
        def gradient(xs):
            (out,) = torch.autograd.grad(f(xs), xs, create_graph=True, materialize_grads=True)
            return out

        return gradient

    for seed in range(15):
        function, point, steps = program(seed)
        if any(rule in ("reverse", "softplus") for rule, *_ in steps):
            continue  # softplus has no derivative of its derivative within 1e-8 there: it is linear beyond 20
        leaf = torch.tensor(point, dtype=torch.float64, requires_grad=True)

        def theirs(xs, steps=steps):
            return results(functions, list(xs), steps)[-1]

        first, second, third = derivatives_to_third_order(function, point)
        assert first == pytest.approx(derivative(theirs)(leaf).tolist(), rel=1e-8, abs=1e-8)
        for i in range(2):
            row = derivative(lambda xs, i=i: derivative(theirs)(xs)[i])
            if not derivative(theirs)(leaf).requires_grad:
                continue
            assert second[i] == pytest.approx(row(leaf).tolist(), rel=1e-8, abs=1e-8)
            if row(leaf).requires_grad:
                assert third[i][0] == pytest.approx(
                    derivative(lambda xs, row=row: row(xs)[0])(leaf).tolist(), rel=1e-8, abs=1e-8
                )


# Errors


def test_results_that_are_not_one_number():
    def pair(x):
        return [x, x]

    with pytest.raises(TypeError, match=r"grad: pair must give one number, got 2: see jacobian"):
        grad(pair)(3.0)
    with pytest.raises(TypeError, match=r"must give one number, got 0"):
        grad(lambda x: [])(3.0)
    with pytest.raises(TypeError, match=r"the function's result must be a number, .* got None"):
        grad(lambda x: None)(3.0)
    with pytest.raises(TypeError, match=r"the function's result\[1\] must be a number, .* got 'text'"):
        jacobian(lambda x: [x, "text"])(3.0)


@pytest.mark.parametrize("argnums", [1, -2, (0, 1), "0", (0.0,)])
def test_argument_numbers_that_are_not_there(argnums):
    with pytest.raises((ValueError, TypeError), match="argnums"):
        grad(sin, argnums)(3.0)


@pytest.mark.parametrize(
    ("argument", "name"),
    [
        ("text", "argument 0"),
        (None, "argument 0"),
        ([1.0, "text"], r"argument 0\[1\]"),
        ({"k": [1j]}, r"argument 0\['k'\]\[0\]"),
    ],
)
def test_arguments_that_are_no_numbers(argument, name):
    with pytest.raises(TypeError, match=f"^{name} must be a number, or lists, dicts, arrays or Modules"):
        grad(lambda x: x)(argument)


def test_arrays_of_no_numbers():
    with pytest.raises(TypeError, match="argument 0 must be an array of real numbers, got one of <U4"):
        grad(lambda x: x[0])(np.array(["text"]))
    with pytest.raises(TypeError, match="argument 0 must be an array of real numbers, got one of complex128"):
        grad(lambda x: x[0])(np.array([1j]))


def test_tangents_of_another_shape():
    with pytest.raises(ValueError, match="tangents"):
        jvp(lambda x: x[0], ([1.0, 2.0],), ([1.0],))
    with pytest.raises(ValueError, match="tangents"):
        jvp(sin, (1.0,), (1.0, 2.0))
    with pytest.raises(ValueError, match="cotangent"):
        vjp(lambda x: [x, x], 1.0)[1]([1.0])


def test_tangents_and_cotangents_are_paired_by_key():
    f, at = lambda d: d["a"] * d["a"] * d["b"][0], {"a": 3.0, "b": [5.0]}
    along = {"b": [0.0], "a": 1.0}
    assert jvp(f, (at,), (along,)) == (45.0, 30.0)
    assert hvp(f, (at,), (along,)) == {"a": 10.0, "b": [6.0]}
    nested = {"m": at, "n": (1.0, {"p": 2.0, "q": 4.0})}
    assert jvp(lambda d: f(d["m"]) * d["n"][1]["q"], (nested,), ({"n": (0.0, {"q": 1.0, "p": 9.0}), "m": along},)) == (
        180.0,
        45.0 + 30.0 * 4,
    )
    _, pull = vjp(lambda x: {"u": x * x, "v": {"w": 3 * x, "y": x}}, 2.0)
    assert pull({"v": {"y": 0.0, "w": 0.0}, "u": 1.0}) == (4.0,)
    arrays = {"a": np.array([1.0, 2.0]), "b": np.array([3.0, 4.0])}
    tangents = {"b": np.array([0.0, 0.0]), "a": np.array([1.0, 0.0])}
    assert jvp(lambda d: (d["a"] * d["b"]).sum(), (arrays,), (tangents,)) == (11.0, 3.0)


@pytest.mark.parametrize(
    ("cotangent", "message"),
    [
        ({"p": 1.0, "q": 0.0}, r"cotangent: expected a dict with the keys \['u', 'v'\], got {'p': 1.0, 'q': 0.0}"),
        ({"u": 1.0}, r"cotangent: expected a dict with the keys"),
        ({"u": 1.0, "v": [1.0, 2.0], "w": 1.0}, r"cotangent: expected a dict with the keys"),
        ({"u": 1.0, "v": [1.0]}, r"cotangent\['v'\]: expected 2 entries in a list, got \[1.0\]"),
        ({"u": [1.0], "v": [1.0, 2.0]}, r"cotangent\['u'\]: expected a number, got \[1.0\]"),
        ([1.0, [1.0, 2.0]], "cotangent: expected a dict"),
        ({"u": None, "v": [1.0, 2.0]}, r"cotangent\['u'\]: expected a number, got None"),
    ],
)
def test_cotangents_of_another_structure_are_refused(cotangent, message):
    _, pull = vjp(lambda x: {"u": x * x, "v": [3 * x, x]}, 2.0)
    with pytest.raises(ValueError, match=message):
        pull(cotangent)


def test_tangents_of_modules_and_objects_are_paired_by_attribute():
    class Line(nn.Module):
        def __init__(self, *names):
            for name, number in names:
                setattr(self, name, Value(number))

    at, along = Line(("a", 3.0), ("b", 5.0)), Line(("b", 0.0), ("a", 1.0))
    assert jvp(lambda m: m.a * m.a * m.b, (at,), (along,)) == (45.0, 30.0)
    curved = hvp(lambda m: m.a * m.a * m.b, (at,), (along,))
    assert (curved.a.data, curved.b.data) == (10.0, 6.0)
    with pytest.raises(ValueError, match="tangents\\[0\\]: a Line without b"):
        jvp(lambda m: m.a, (at,), (Line(("a", 1.0)),))
    with pytest.raises(ValueError, match="tangents\\[0\\]: expected a Line, got 1.0"):
        jvp(lambda m: m.a, (at,), (1.0,))
    point, other = SimpleNamespace(a=3.0, b=5.0), SimpleNamespace(b=0.0, a=1.0)
    assert jvp(lambda m: m.a * m.a * m.b, (point,), (other,)) == (45.0, 30.0)


def test_gradients_at_objects_have_their_structure():
    @dataclass
    class Config:
        a: float
        n: int
        name: str = "x"
        flag: bool = False

    gradient = grad(lambda c: c.a**2 * c.n if not c.flag else 0.0)(Config(3.0, 2))
    assert gradient == Config(12.0, 9.0)
    assert value_and_grad(lambda c: c.a**2)(SimpleNamespace(a=3.0)) == (9.0, SimpleNamespace(a=6.0))
    assert jacobian(lambda x: SimpleNamespace(u=x * x, v=[x]))(3.0) == SimpleNamespace(u=6.0, v=[1.0])
    assert hessian(lambda c: c.a * c.a * c.b)(SimpleNamespace(a=3.0, b=5.0)).a == SimpleNamespace(a=10.0, b=6.0)
    with pytest.raises(TypeError, match=r"argument 0\['flag'\] is False: write a number"):
        grad(lambda d: d["w"])({"w": 1.0, "flag": False})


def test_a_pull_back_remembers_nothing():
    value, pull = vjp(lambda x: x * x, 3.0)
    assert (value, pull(1.0)) == (9.0, (6.0,))
    (recorded,) = pull(Value(1.0))
    assert isinstance(recorded, Value)
    assert type(pull(1.0)[0]) is float
    assert grad(lambda c: pull(c)[0])(1.0) == 6.0
    assert grad(grad(lambda c: c * pull(c)[0]))(1.0) == 12.0
    assert type(pull(2.0)[0]) is float


@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, jacfwd, jacrev, hessian])
def test_argnums_are_whole_numbers_once_each(transform):
    f = lambda x, y: x * x * y
    wanted = transform(f, (0, 1))(2.0, 3.0)
    for same in ([0, 1], range(2), np.arange(2), (np.int64(0), np.int8(1)), (-2, -1)):
        assert transform(f, same)(2.0, 3.0) == wanted
    assert transform(f, np.int64(1))(2.0, 3.0) == transform(f, 1)(2.0, 3.0) == transform(f, -1)(2.0, 3.0)
    for twice in ((0, 0), (0, -2), [1, np.int64(1)]):
        with pytest.raises(ValueError, match="argnums: an argument twice"):
            transform(f, twice)(2.0, 3.0)
    for beyond in (2, -3, (0, 5)):
        with pytest.raises(ValueError, match="argnums: no argument"):
            transform(f, beyond)(2.0, 3.0)
    for wrong in (1.0, True, "0", (0.0,), (False, 1), None, "ab", np.float64(1), [None]):
        with pytest.raises(TypeError, match="argnums must be a whole number, or several, got"):
            transform(f, wrong)(2.0, 3.0)


def test_one_model_in_two_arguments():
    model = nn.Neuron(1, weights=[2.0], bias=1.0, nonlin=False)
    one, other = grad(lambda m, n, x: m([x]) * n([x]), (0, 1))(model, model, 3.0)
    assert [p.data for p in one.parameters()] == [p.data for p in other.parameters()] == [21.0, 7.0]


def test_operations_made_by_hand_have_no_rule():
    def by_hand(x):
        out = Value(x.data * 2, (x,), "twice")

        def _backward():
            x.grad += 2 * out.grad

        out._backward = _backward
        return out

    with pytest.raises(TypeError, match=r"made by hand \('twice'\)"):
        grad(lambda x: by_hand(x) * x)(3.0)
    with pytest.raises(TypeError, match="made by hand"):
        by_hand(Value(3.0)).backward(create_graph=True)
    assert grad(lambda x: x * 3 + 0 * by_hand(Value(1.0)))(2.0) == 3.0  # not on the way


def test_partials_that_cannot_be_differentiated():
    sine = Op("sine", math.sin, lambda out, x: math.cos(x))
    assert grad(sine)(1.0) == math.cos(1.0)  # numbers are all that it takes
    for second in (grad(grad(sine)), hessian(sine), jacfwd(grad(sine)), lambda x: hvp(sine, (x,), (1.0,))):
        with pytest.raises(TypeError, match="partial derivative 1 of sine cannot be differentiated or compiled"):
            second(1.0)


def test_domain_errors_are_those_of_the_function():
    with pytest.raises(ValueError, match=r"log\(-1\.0\): needs x > 0"):
        grad(log)(-1.0)
    with pytest.raises(ZeroDivisionError):
        grad(lambda x: 1 / x)(0.0)
    assert grad(scalargrad.sqrt)(0.0) == math.inf  # a partial derivative follows IEEE 754


def test_data_changed_since_it_was_recorded():
    x = Value(3.0)
    y = x * x
    x.data = 4.0
    with pytest.raises(RuntimeError, match="changed since it was recorded"):
        y.backward(create_graph=True)
    y.forward().backward(create_graph=True)
    assert x.grad.data == 8.0


def test_the_state_of_transforms_is_restored_after_an_error():
    with pytest.raises(ZeroDivisionError):
        grad(lambda x: x / 0)(1.0)
    assert isinstance(grad(lambda x: x * x)(1.0), float)
    with no_grad():
        with pytest.raises(ZeroDivisionError):
            grad(lambda x: x / 0)(1.0)
        assert not (Value(1.0) * 2)._prev


# check_gradients

MUTATIONS = {
    "factor": lambda p: lambda *a: p(*a) * 1.001,
    "sign": lambda p: lambda *a: -p(*a),
    "term": lambda p: lambda *a: p(*a) + 0.001,
    "nothing": lambda p: lambda *a: p(*a) * 0,
    "nan": lambda p: lambda *a: p(*a) + math.nan,
    "another": lambda p: lambda *a: p(*a) + 0.001 * a[1],
}


def mutated(op, index, change):
    partials = list(op.partials)
    partials[index] = change(partials[index])
    return Op(op.name, op.forward, *partials, beyond=op.beyond)


@every_operation
def test_check_gradients_passes_right_rules_and_no_wrong_one(op):
    def at_order(op):
        return lambda *xs: op(*point[: own[0]], *xs)

    own = variables(op)
    points = (p for p in tame(op, 99) if all(0.05 < abs(x) < 0.99 or 1 <= abs(x) < 10 for x in p))
    # nowhere flat, as erfc is far out
    point = next(p for p in points if all(grad(op, i)(*p) == 0 or 1e-6 < abs(grad(op, i)(*p)) < 1e3 for i in own))
    check_gradients(at_order(op), *point[own[0] :])
    for index in own:
        partial = op.partials[index]
        right = partial(op(*point), *point)
        for name, change in MUTATIONS.items():
            wrong = mutated(op, index, change)
            slope = wrong.partials[index](op(*point), *point)
            if slope != right:
                with pytest.raises(
                    GradientError, match=f"derivative of result 1 with respect to argument {index + 1 - own[0]} at"
                ):
                    check_gradients(at_order(wrong), *point[own[0] :], order=1)
                    pytest.fail(f"{name} of partial {index + 1} at {point} passed")


def test_check_gradients_shows_point_argument_expected_and_got():
    wrong = Op("wrong", lambda x, y: x * y, lambda out, x, y: y, lambda out, x, y: x + 1)
    with pytest.raises(
        GradientError,
        match=r"^derivative of result 1 with respect to argument 2 at \(2\.0, 5\.0\): expected 2\.0, got 3\.0$",
    ):
        check_gradients(wrong, 2.0, 5.0)


def test_check_gradients_finds_a_wrong_second_derivative():
    cut = Op("cut", lambda x: x**3, lambda out, x: 3 * scalargrad.stop_gradient(x * x))
    check_gradients(cut, 2.0, order=1)
    with pytest.raises(GradientError, match=r"expected 12\.0, got 0\.0"):
        check_gradients(cut, 2.0)
    third = Op("third", lambda x: x**4, lambda out, x: 4 * quarter(x))
    quarter = Op("quarter", lambda x: x**3, lambda out, x: 3 * scalargrad.stop_gradient(x) * x)
    check_gradients(third, 2.0)
    with pytest.raises(GradientError):
        check_gradients(third, 2.0, order=3)


@pytest.mark.parametrize("kink", [scalargrad.relu, scalargrad.abs, lambda x: scalargrad.maximum(x, -x)])
def test_check_gradients_fails_at_a_kink_and_passes_beside_it(kink):
    with pytest.raises(GradientError):
        check_gradients(kink, 0.0)
    check_gradients(kink, 0.01)
    check_gradients(kink, -0.01)


def test_check_gradients_takes_structures_and_modules():
    check_gradients(lambda p, m: p["a"] * m([p["b"][0], 1.0]), {"a": 2.0, "b": [0.5]}, seeded(activation="tanh"))
    check_gradients(lambda w: np.tanh(w @ w), np.array([[0.5, 0.25], [0.75, -0.5]]))
    check_gradients(lambda x: [x * x, sin(x)], 2.0, order=3)


def test_check_gradients_at_awkward_points():
    check_gradients(log, 1e-3)
    check_gradients(scalargrad.sqrt, 1e-6)
    check_gradients(scalargrad.arcsin, 0.9999)
    check_gradients(exp, 20.0)
    check_gradients(lambda x: x * x, 0.0)
    check_gradients(lambda x: 3.0, 1.0)
    check_gradients(lambda x: x * 1e-12, 1.0)


def test_check_gradients_refuses_what_it_cannot_confirm():
    with pytest.raises(GradientError):
        check_gradients(lambda x: sin(x * 1e15), 1.0, order=1)
    with pytest.raises(ValueError, match="order must be a whole number, 1 or more, got 0"):
        check_gradients(sin, 1.0, order=0)


def test_every_rule_of_the_random_programs_is_drawn():
    drawn = {rule for seed in range(60) for rule, *_ in program(seed)[2]}
    assert drawn == set(RULES)


# Derivatives of powers at 0, and derivatives that the quotient rule would lose.


def derived(f, order):
    for _ in range(order):
        f = grad(f)
    return f


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 2.0])
@pytest.mark.parametrize("way", [lambda f: f, jit, lambda f: jit(f, backend="python")], ids=["eager", "llvm", "python"])
def test_derivatives_of_powers_at_zero(n, way):
    for order in range(int(n) + 4):
        truth = math.perm(int(n), order) * 0.0 ** (n - order) if order <= n else 0.0
        assert way(derived(lambda x: x**n, order))(0.0) == truth
        assert way(derived(lambda x: x**n, order))(-0.0) == truth
        assert way(derived(lambda x, y: x**y, order))(0.0, float(n)) == truth  # an exponent that is not known yet


@pytest.mark.parametrize("way", [lambda f: f, jit, lambda f: jit(f, backend="python")], ids=["eager", "llvm", "python"])
@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_derivatives_by_an_exponent_that_is_a_whole_number(n, way):
    # What ends for the number n does not end for the exponents beside it: d/dy of y*(y - 1)*...*x**(y - order) is not 0.
    for order in range(5):
        for x in (2.0, 0.75):
            factors = [n - i for i in range(order)]
            falling = math.prod(factors)
            slope = sum(math.prod(factors[:i] + factors[i + 1 :]) for i in range(order))
            truth = (slope + falling * math.log(x)) * x ** (n - order)
            for arguments in ([0] * order + [1], [1] + [0] * order):
                f = lambda x, y: x**y
                for argument in arguments:
                    f = grad(f, argument)
                assert way(f)(x, float(n)) == pytest.approx(truth, rel=1e-13, abs=1e-15)


def test_derivatives_of_whole_powers_end_at_tiny_numbers_too():
    for n in range(4):
        for order in range(n + 1, n + 4):
            assert derived(lambda x, n=n: x**n, order)(1e-300) == 0.0
            assert derived(lambda x, y: x**y, order)(-1e-200, float(n)) == 0.0


@pytest.mark.parametrize("way", [lambda f: f, jit])
def test_derivatives_of_functions_with_powers_at_zero(way):
    polynomial = lambda x: sum(c * x**i for i, c in enumerate([5.0, -4.0, 1.0]))
    assert [way(derived(polynomial, k))(0.0) for k in range(5)] == [5.0, -4.0, 2.0, 0.0, 0.0]
    assert way(hessian(lambda v: v[0] ** 0 * v[1] + v[1] ** 2))([0.0, 3.0]) == [[0.0, 0.0], [0.0, 2.0]]
    assert way(hessian(lambda v: v[0] ** v[1]))([0.0, 3.0]) == [[0.0, 0.0], [0.0, 0.0]]
    bell, wave = lambda x: exp(-(x**2)), lambda x: x**2 * sin(x)
    assert [way(derived(bell, k))(0.0) for k in range(7)] == [1, 0, -2, 0, 12, 0, -120]
    assert [way(derived(wave, k))(0.0) for k in range(6)] == [0, 0, 0, 6, 0, -20]
    assert jvp(grad(lambda x: x**1), (0.0,), (1.0,))[1] == hvp(lambda x: x**1, (0.0,), (1.0,)) == 0.0
    x = Value(0.0)
    y = polynomial(x)
    y.backward(create_graph=True)
    first, x.grad = x.grad, 0.0
    first.backward(create_graph=True)
    second, x.grad = x.grad, 0.0
    second.backward()
    assert (first.data, second.data, x.grad) == (-4.0, 2.0, 0.0)


UNARY = [0.3, -0.7, 1e-3, 1e-9, -1e-20, 1e-100, 0.999, 2.5, -30.0, 1e10, 1e70]


@pytest.mark.parametrize(
    "name", ["arcsin", "arccos", "arctan", "sigmoid", "tanh", "softplus", "erf", "log1p", "sqrt", "tan", "expm1"]
)
def test_higher_derivatives_keep_their_digits(name):
    op = TABLE[name]
    for x in UNARY:
        for order in (2, 3):
            truth = exact(
                lambda t, order=order: mp.diff(
                    TRUTH[name], t, order, h=mpf(2) ** -200 * min(max(abs(t), mpf(2) ** -400), 1)
                ),
                (x,),
                1500,
            )
            try:
                got = derived(op, order)(x)
            except (ValueError, ArithmeticError):
                continue  # outside the domain
            if truth is None or isinf(got) or 0 < abs(truth) < 1e-290:
                continue
            first = abs(derived(op, order - 1)(x))
            slack = 1e-13 if order == 2 else 1e-11  # the third is 0 somewhere, where terms cancel
            assert abs(got - truth) <= slack * abs(truth) + (1e-14 * first if order == 3 else 0.0), (x, order)


def test_second_derivatives_of_hypot_and_arctan2_keep_their_digits():
    for x, y in [(1.0, 1e-9), (1e-9, 1.0), (1e-150, 1e-140), (3.0, -4.0), (1e150, 1e140), (-1e-100, 1e100)]:
        h = mp.hypot(x, y)
        with mp.workdps(50):
            x_, y_ = mpf(x), mpf(y)
            truths = [[y_**2 / h**3, -x_ * y_ / h**3], [-x_ * y_ / h**3, x_**2 / h**3]]
        for row, truth in zip(hessian(scalargrad.hypot, (0, 1))(x, y), truths, strict=True):
            for got, right in zip(row, truth, strict=True):
                assert abs(got - right) <= 1e-14 * abs(right) or abs(right) < 1e-290
