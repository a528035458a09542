"""NumPy's functions on arrays of Values mean what they mean on arrays of floats, and their derivatives are right."""

import copy
import math
import pickle
import subprocess
import sys
import warnings

import pytest
from points import OF_ORDER

from scalargrad import (
    TracingError,
    Value,
    array,
    data_of,
    exp,
    grad,
    greater,
    hessian,
    ieee,
    jacobian,
    jit,
    maximum,
    ops,
    value_and_grad,
    vmap,
    where,
)

np = pytest.importorskip("numpy")

X = np.array([0.7, -0.3, 1.9])  # a point where nothing ties
P = np.array([0.7, 0.3, 1.9])  # the same, of positive numbers
U = np.array([0.7, -0.3, 0.1])  # the same, between -1 and 1
M = np.array([[0.7, -0.3, 1.9], [0.2, 1.1, -0.8]])
W = np.array([[0.5, 1.0, -2.0], [0.3, 0.0, 4.0]])
C = np.array([1.0, -2.0, 3.0])  # other numbers, to weigh results with
MASK = np.array([True, False, True])

UFUNCS = {
    **dict.fromkeys("exp expm1 sin cos tan arctan sinh cosh tanh negative positive absolute fabs square".split(), X),
    **dict.fromkeys("exp2 cbrt sign degrees rad2deg radians deg2rad conjugate arcsinh reciprocal".split(), X),
    **dict.fromkeys("log log1p sqrt log2 log10".split(), P),
    **dict.fromkeys("arcsin arccos arctanh".split(), U),
    "arccosh": P + 1,
}
BINARY = [np.add, np.subtract, np.multiply, np.divide, np.power, np.float_power]
BINARY += [np.arctan2, np.hypot, np.maximum, np.minimum, np.logaddexp]

IDIOMS = {
    **{f"np.{name}": (getattr(np, name), x) for name, x in UFUNCS.items()},
    **{f"np.{f.__name__}(x, y)": (lambda x, f=f: f(x, x[::-1] + 0.5), P) for f in BINARY},
    **{f"np.{f.__name__}(x, 1.5)": (lambda x, f=f: f(x, 1.5), P) for f in BINARY},
    **{f"np.{f.__name__}(1.5, x)": (lambda x, f=f: f(1.5, x), P) for f in BINARY},
    **{f"np.{f.__name__}(x, array)": (lambda x, f=f: f(x, P[::-1] + 0.5), P) for f in BINARY},
    **{f"np.{f.__name__}(array, x)": (lambda x, f=f: f(P[::-1] + 0.5, x), P) for f in BINARY},
    **{f"np.{f.__name__}.outer": (lambda x, f=f: f.outer(x, x + 0.1), P) for f in BINARY},
    "of a lone Value": (lambda x: np.maximum(x[0], 0.0) * np.exp(x[1]) + np.log10(2 + x[2]) + np.clip(x[2], 0, 1), X),
    "a lone Value and an array": (lambda x: np.tanh(x[0] * C) + np.arctan2(C, x[1]) + np.hypot(x[2], C), X),
    "clip": (lambda x: np.clip(x, 0.0, 1.0), X),
    "clip below": (lambda x: np.clip(x, None, 1.0), X),
    "clip above": (lambda x: x.clip(0.0), X),
    "clip by arrays": (lambda x: np.clip(C, x - 1, x + 1), X),
    "relu": (lambda x: x * np.maximum(x, 0), X),
    "max": (np.max, X),
    "max()": (lambda x: x.max(), X),
    "amin": (np.amin, X),
    "max of an axis": (lambda x: np.max(x, axis=1), M),
    "max of both axes": (np.max, M),
    "min, axes kept": (lambda x: x - x.min(axis=0, keepdims=True), M),
    "max with initial and where": (lambda x: np.max(x, initial=0.1, where=MASK), X),
    "ptp": (np.ptp, M),
    "maximum.accumulate": (np.maximum.accumulate, X),
    "minimum.reduce": (lambda x: np.minimum.reduce(x, axis=1), M),
    "softmax": (lambda x: np.exp(x - x.max()) / np.exp(x - x.max()).sum(), X),
    "logsumexp": (lambda x: x.max() + np.log(np.exp(x - x.max()).sum()), X),
    "logaddexp.reduce": (np.logaddexp.reduce, X),
    "sum": (np.sum, M),
    "sum of an axis": (lambda x: x.sum(axis=0), M),
    "sum where": (lambda x: np.sum(x * x, where=MASK), X),
    "mean": (lambda x: np.mean(x * x, axis=1), M),
    "average": (lambda x: np.average(x * x, weights=[1.0, 2.0, 3.0]), X),
    "var": (np.var, X),
    "var of an axis": (lambda x: np.var(x, axis=1, ddof=1), M),
    "std": (np.std, X),
    "std, axes kept": (lambda x: (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True), M),
    "prod": (np.prod, X),
    "prod of an axis": (lambda x: x.prod(axis=0), M),
    "cumsum": (lambda x: np.cumsum(x * x), X),
    "cumprod": (np.cumprod, X),
    "diff": (lambda x: np.diff(x * x), X),
    "norm": (np.linalg.norm, X),
    "norm of an axis": (lambda x: np.linalg.norm(x, axis=1), M),
    "norm, axes kept": (lambda x: x / np.linalg.norm(x, axis=1, keepdims=True), M),
    "norm of a matrix": (np.linalg.norm, M),
    "norm, fro": (lambda x: np.linalg.norm(x, "fro"), M),
    **{f"norm, {p}": (lambda x, p=p: np.linalg.norm(x, p), X) for p in (1, 2, 3, 0.5, np.inf, -np.inf)},
    **{f"norm of an axis, {p}": (lambda x, p=p: np.linalg.norm(x, p, axis=0), M) for p in (1, 3, np.inf, -np.inf)},
    **{f"norm of a matrix, {p}": (lambda x, p=p: np.linalg.norm(x, p), M) for p in (1, -1, np.inf, -np.inf)},
    "matmul": (lambda x: W @ x, X),
    "from the right": (lambda x: x @ W.T, X),
    "both sides": (lambda x: x @ x.T, M),
    "np.matmul": (lambda x: np.matmul(W, x), X),
    "dot": (lambda x: np.dot(W, x) + np.dot(x, x), X),
    "x.dot": (lambda x: x.dot(C), X),
    "vdot": (lambda x: np.vdot(x, x), X),
    "inner": (lambda x: np.inner(x, W), X),
    "outer": (lambda x: np.outer(x, x), X),
    "einsum": (lambda x: np.einsum("ij,kj->ik", x, W), M),
    "einsum of a trace": (lambda x: np.einsum("ij,ij->", x, x), M),
    "tensordot": (lambda x: np.tensordot(x, W, axes=([1], [1])), M),
    "kron": (lambda x: np.kron(x, C[:2]), X),
    "cross": (lambda x: np.cross(x, C), X),
    "trace": (lambda x: np.trace(x @ x.T), M),
    "convolve": (lambda x: np.convolve(x, [1.0, 2.0]), X),
    "trapezoid": (lambda x: np.trapezoid(x * x, dx=0.5) if hasattr(np, "trapezoid") else np.trapz(x * x, dx=0.5), X),
    "mean, var where": (lambda x: np.mean(x, where=MASK) + x.var(where=MASK) + x.prod(where=MASK), X),
    "polyval": (lambda x: np.polyval(x, 2.0), X),
    "floats among Values": (lambda x: np.exp(np.concatenate([x, np.ones(1)])), X),
    "zeros of tril": (lambda x: np.tanh(np.tril(np.outer(x, x))), X),
    "triu": (lambda x: np.exp(np.triu(np.outer(x, x))), X),
    "diag": (lambda x: np.cosh(np.diag(x)), X),
    "eye": (lambda x: np.exp(x * np.eye(3)) @ x, X),
    "pad": (lambda x: np.exp(np.pad(x, 1)), X),
    "where, a mask": (lambda x: np.exp(np.where(MASK, x, 0.0)), X),
    "where, a condition of scalargrad": (lambda x: np.where(greater(x, 0.5), x * x, -x), X),
    "where of scalargrad": (lambda x: where(greater(x, 0.5), np.exp(x), 2.0), X),
    "stack": (lambda x: np.log1p(np.stack([x * x, np.ones(3)])), X),
    "stack of numbers": (lambda x: np.maximum(np.stack([x[0], x[1] * x[2]]), 0.0), X),
    "hstack, vstack": (lambda x: np.vstack([np.hstack([x, x]), np.zeros(6)]) ** 2, X),
    "split": (lambda x: np.multiply(*np.split(np.concatenate([x, C]) * 2.0, 2)), X),
    "reshape": (lambda x: np.tanh(x.reshape(3, 2).T), M),
    "transpose": (lambda x: np.maximum(np.transpose(x), 0.5), M),
    "ravel, flatten": (lambda x: np.abs(x.ravel()) + np.abs(x.flatten()), M),
    "swapaxes": (lambda x: np.exp(np.swapaxes(x, 0, 1)), M),
    "squeeze": (lambda x: np.exp(np.squeeze(x[None])), X),
    "broadcast_to": (lambda x: np.sin(np.broadcast_to(x, (2, 3))), X),
    "repeat, tile": (lambda x: np.sqrt(np.tile(np.repeat(x, 2), 2)), P),
    "roll, flip": (lambda x: np.hypot(np.roll(x, 1), np.flip(x)), X),
    "take": (lambda x: np.exp(np.take(x, [2, 0, 2])), X),
    "an index": (lambda x: np.maximum(x[[2, 0, 2]], 1.0), X),
    "a slice": (lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum(), X),
    "a mask": (lambda x: np.exp(x[MASK]), X),
    "broadcasting": (lambda x: np.exp(x[:, None] - x[None, :]), X),
    "newaxis": (lambda x: np.minimum(x[..., np.newaxis], C), X),
    "copies": (lambda x: np.exp(x.copy()) + np.copy(x) + copy.copy(x), X),
    "powers": (lambda x: x**2 + x**3.0 + 2.0**x + x**-1, P),
    "x**y": (lambda x: x ** x[::-1], P),
    "division": (lambda x: 1.0 / x + x / 2 + x / x[::-1], P),
    "abs": (abs, X),
    "-x, +x": (lambda x: -x + (+x) * 3, X),
    "sum of Python": (lambda x: sum(x * x), X),
    "math in a loop": (lambda x: np.array([np.exp(v) * 2 for v in x]), X),
    "np.array of a list": (lambda x: np.sin(np.array([x[0] * x[1], x[2]])), X),
    "array of a list": (lambda x: np.maximum(array([x[0] * x[1], x[2], 0.25]), 0.5), X),
    "array of arrays": (lambda x: np.minimum(array([x, 2 * x]), 0.5), X),
    "zeros_like": (lambda x: np.exp(np.zeros_like(x) + x) + np.ones_like(x), X),
    "apply_along_axis": (lambda x: np.apply_along_axis(lambda row: row @ row, 1, x), M),
    "ufunc of one's own": (lambda x: np.frompyfunc(lambda v, w: v * w + 1, 2, 1)(x, C), X),
    "a network": (lambda x: np.tanh(np.maximum(W @ x, 0.0) @ np.array([1.0, -0.5])), X),
    "attention": (lambda x: np.exp(np.tril(x.T @ x)) / np.exp(np.tril(x.T @ x)).sum(axis=1, keepdims=True), M),
}


def weighed(function):
    """Make one number of all the results, in which each counts differently."""

    def total(x):
        out = np.asarray(function(x)).ravel()
        return (out * (1 + np.arange(out.size))).sum()

    return total


def in_place(x):
    a = x * 1.0
    a += C
    a *= x
    a[0] = 2.0
    a[1:] -= x[:-1]
    a /= 2.0
    a **= 2
    np.maximum(a, 0.5, out=a)
    np.add.at(a, [0, 0], x[1])
    return a


IDIOMS["in place"] = (in_place, X)


def slope(f, x, h=1e-5):
    """The gradient by central differences, on plain floats."""
    out = np.zeros(x.size)
    for i in range(x.size):
        step = h * (np.arange(x.size) == i).reshape(x.shape)
        out[i] = (8 * (f(x + step) - f(x - step)) - (f(x + 2 * step) - f(x - 2 * step))) / (12 * h)
    return out.reshape(x.shape)


@pytest.mark.parametrize("name", IDIOMS)
def test_idioms(name):
    function, x = IDIOMS[name]
    f = weighed(function)
    wanted, expected = f(x), slope(f, x)
    close = {"rtol": 1e-8, "atol": 1e-8}
    batch = np.stack([x, x * 1.01, x * 0.99])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value, gradient = value_and_grad(f)(x)
        assert type(gradient) is np.ndarray and gradient.dtype == float and type(value) is float
        assert value == pytest.approx(wanted, rel=1e-13)
        np.testing.assert_allclose(gradient, expected, **close)
        for compiled in (jit(value_and_grad(f), backend="python"), jit(value_and_grad(f))):
            value, gradient = compiled(x)
            assert type(gradient) is np.ndarray and gradient.dtype == float
            assert value == pytest.approx(wanted, rel=1e-12)
            np.testing.assert_allclose(gradient, expected, **close)
        np.testing.assert_allclose(vmap(grad(f))(batch), [slope(f, row) for row in batch], **close)
        # A derivative of a derivative, through arrays of Values that transforms put together.
        along = grad(lambda x: (grad(f)(x) * np.cos(np.arange(x.size)).reshape(x.shape)).sum())
        second = slope(lambda x: (grad(f)(x) * np.cos(np.arange(x.size)).reshape(x.shape)).sum(), x)
        np.testing.assert_allclose(along(x), second, rtol=1e-6, atol=1e-6)
        results = np.asarray(function(x))
        rows = np.asarray(jacobian(function)(x)).reshape(results.shape + x.shape)
        weights = 1 + np.arange(results.size)
        np.testing.assert_allclose(
            np.tensordot(weights, rows.reshape(results.size, -1), 1).reshape(x.shape), expected, **close
        )


# Where mathematics leaves a choice, and at nan.

HALF = {
    "maximum": (lambda v: np.maximum(v, 0.0), [0.0], [0.5]),
    "maximum, from the left": (lambda v: np.maximum(0, v), [0.0], [0.5]),
    "maximum of itself": (lambda v: np.maximum(v, v), [2.0], [1.0]),
    "minimum": (lambda v: np.minimum(v, 1), [1.0], [0.5]),
    "clip": (lambda v: np.clip(v, 0.0, 1.0), [0.0, 1.0], [0.5, 0.5]),
    "clip()": (lambda v: v.clip(0.0, 1.0), [0.0, 1.0, 2.0, 0.25], [0.5, 0.5, 0.0, 1.0]),
    "clip, one side": (lambda v: np.clip(v, None, 1.0), [1.0], [0.5]),
    "max": (np.max, [2.0, 2.0, 1.0], [0.5, 0.5, 0.0]),
    "max()": (lambda v: v.max(), [1.0, 2.0, 2.0], [0.0, 0.5, 0.5]),
    "min": (np.min, [1.0, 1.0, 2.0], [0.5, 0.5, 0.0]),
    "max of an axis": (lambda v: np.max(v.reshape(2, 2), axis=0), [1.0, 3.0, 1.0, 2.0], [0.5, 1.0, 0.5, 0.0]),
    "maximum.accumulate": (np.maximum.accumulate, [1.0, 1.0], [1.5, 0.5]),
    "a lone Value": (lambda v: np.maximum(v[0], 0.0) + np.clip(v[1], 0.0, 1.0), [0.0, 1.0], [0.5, 0.5]),
    "norm, inf": (lambda v: np.linalg.norm(v, np.inf), [2.0, -2.0], [0.5, -0.5]),
    "in place": (lambda v: np.maximum(v, 0.0, out=v.copy()), [0.0], [0.5]),
    "by masks": (lambda v: np.maximum(v, 0.0, out=v * 2.0, where=[True, False]), [0.0, 0.0], [0.5, 2.0]),
    "a list of numbers": (lambda v: np.max(np.stack([v[0], v[1]])), [1.0, 1.0], [0.5, 0.5]),
    "array": (lambda v: np.maximum(array([v[0], 0.0]), 0.0), [0.0], [0.5]),
    "after an array of floats": (lambda v: np.maximum(np.zeros(2) + v[0], 0.0), [0.0], [1.0]),
    "scalargrad's": (lambda v: maximum(v, 0.0), [0.0], [0.5]),
    "scalargrad's, of a plain array": (lambda v: maximum(np.array([v[0], 1.0]), 0.0), [0.0], [0.5]),
    "abs": (np.abs, [0.0], [0.0]),
    "sign": (np.sign, [0.0, 2.0], [0.0, 0.0]),
    "power of 0": (lambda v: v**0 + v**2, [0.0], [0.0]),
    "logaddexp": (lambda v: np.logaddexp(v, 1.0), [1.0], [0.5]),
    "arcsinh": (np.arcsinh, [0.0], [1.0]),
}


@pytest.mark.parametrize("name", HALF)
def test_ties(name):
    function, x, wanted = HALF[name]
    f = lambda v: np.asarray(function(v)).sum()
    for gradient in (grad(f), jit(grad(f)), jit(grad(f), backend="python")):
        assert gradient(np.array(x)).tolist() == wanted
    assert vmap(grad(f))(np.array([x])).tolist() == [wanted]


def test_a_tie_inside_a_second_derivative():
    f = lambda v: (np.maximum(v, 0.0) * v).sum()
    assert hessian(f)(np.array([0.0])).tolist() == [[1.0]]
    assert hessian(lambda v: np.logaddexp(v, 1.0).sum())(np.array([1.0])).tolist() == [[0.25]]
    assert hessian(lambda v: np.arcsinh(v).sum())(np.array([0.0])).tolist() == [[0.0]]


@pytest.mark.parametrize(
    "function",
    [
        *(lambda v: np.maximum(v, 0.0), lambda v: np.maximum(0.0, v), lambda v: np.minimum(v, 0.0)),
        *(lambda v: np.clip(v, 0, 1), np.max, np.min, np.ptp, np.var, np.linalg.norm),
        *(lambda v: v.max(), lambda v: maximum(0.0, v), np.sign, np.abs, lambda v: np.maximum(v[0], 0.0)),
        *(lambda v: np.linalg.norm(v, np.inf), np.maximum.accumulate, lambda v: np.logaddexp(v, 0.0)),
    ],
)
def test_nan_stays(function):
    for entries in ([math.nan, 1.0], [1.0, math.nan]):
        with np.errstate(all="ignore"):
            floats = np.asarray(function(np.array(entries)), float)
        with ieee(), warnings.catch_warnings():
            warnings.simplefilter("error")
            got = function(array([Value(x) for x in entries]))
            compiled = jit(function)(np.array(entries))
        numbers = np.asarray([x.data if isinstance(x, Value) else x for x in np.ravel(got)])
        np.testing.assert_array_equal(numbers, floats.ravel())
        np.testing.assert_array_equal(np.ravel(compiled), floats.ravel())


def test_comparisons_compare_numbers():
    x, y = array([Value(1.0), Value(0.0), 2.0]), array([1.0, Value(3.0), Value(2.0)])
    for relation in (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal):
        for other in (y, 1.0, Value(1.0), np.array([1.0, 0.0, 5.0])):
            numbers = np.array([1.0, 3.0, 2.0]) if other is y else 1.0 if isinstance(other, Value) else other
            got = relation(x, other)
            assert type(got) is np.ndarray and got.dtype == bool
            assert got.tolist() == relation(np.array([1.0, 0.0, 2.0]), numbers).tolist()
    assert (x == y).tolist() == [True, False, True]
    one = np.float64(1.0)
    assert [one < Value(2.0), one >= Value(2.0), one == Value(1.0), one != Value(1.0)] == [True, False, True, False]
    assert [np.greater(Value(1.0), 2.0), np.equal(Value(1.0), Value(1.0)), np.isnan(Value(1.0))] == [False, True, False]
    assert not isinstance(one > Value(2.0), Value)
    f = lambda v: np.where(v == 0, 1.0, v * v).sum()
    value, gradient = value_and_grad(f)(np.array([3.0, 0.0]))
    assert (value, gradient.tolist()) == (10.0, [6.0, 0.0])
    value, gradient = jit(value_and_grad(f))(np.array([3.0, 0.0]))
    assert (value, gradient.tolist()) == (10.0, [6.0, 0.0])


def test_comparisons_of_traced_arrays_are_conditions():
    x, y = np.array([1.0, math.nan, 2.0, -math.inf]), np.array([1.0, 1.0, math.nan, 0.0])
    relations = (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
    logical = (np.logical_and, np.logical_or, np.logical_xor)
    for f in (*relations, *logical, lambda x, y: (x > 0) & (y > 0), lambda x, y: ~(x > 0) | (x == y)):
        expected = np.where(f(x, y), 1.0, 0.0).tolist()
        for transform in (jit, lambda f: lambda x, y: vmap(f)(x[:, None], y[:, None])[:, 0]):
            assert transform(f)(x, y).tolist() == expected
        assert jit(lambda x, f=f: f(x, y))(x).tolist() == expected
    for f in (np.isnan, np.isfinite, np.isinf, np.logical_not, lambda x: x.astype(bool), lambda x: np.isclose(x, 1.0)):
        assert jit(f)(x).tolist() == np.where(f(x), 1.0, 0.0).tolist()
    for f in (np.any, np.all, lambda c: c.any(axis=1), lambda c: np.all(c, axis=0), np.count_nonzero, np.sum, np.mean):
        for rows in map(np.array, ([[1.0, 2.0], [3.0, -1.0]], [[-1.0, -1.0], [-1.0, -1.0]], [[2.0], [3.0]])):
            assert np.array_equal(jit(lambda m, f=f: f(m > 0))(rows), f(rows > 0) * 1.0)
            assert np.array_equal(jit(lambda m, f=f: f(np.maximum(m, 0)))(rows), f(np.maximum(rows, 0)) * 1.0)


def test_the_numbers_of_an_array():
    x = array([[Value(1.0), -2.0], [math.nan, Value(math.inf)]])
    for numbers in (data_of(x), data_of(np.exp(x)[:0]), data_of(np.array([Value(2.0)], object))):
        assert type(numbers) is np.ndarray and numbers.dtype == float
    np.testing.assert_array_equal(data_of(x), [[1.0, -2.0], [math.nan, math.inf]])
    assert data_of(Value(2.0)) == 2.0 and data_of(3.0) == 3.0 and data_of(np.ones(2)).tolist() == [1.0, 1.0]
    with pytest.raises(TracingError):
        jit(lambda v: data_of(v))(np.ones(2))


def test_kinds_of_arrays():
    x = np.array([0.5, 2.0])
    for other in (
        np.array([1, 2]),
        np.array([True, False]),
        np.array([1.0, 2.0], np.float32),
        np.int64(2),
        np.float32(2),
    ):
        f = lambda v, other=other: (np.maximum(v * other, other) + np.where(v > other, v, other)).sum()
        numbers = f(x)
        for transform in (value_and_grad, lambda f: jit(value_and_grad(f))):
            value, gradient = transform(f)(x)
            assert value == pytest.approx(float(numbers), rel=1e-12) and gradient.dtype == float
    for made in (np.array([1, 4]), np.array([1, 4], np.float32), np.array([True, True])):
        assert grad(lambda v: np.sqrt(v).sum())(made).tolist() == (0.5 / np.sqrt(made.astype(float))).tolist()
    f = lambda v: np.where(v > 0, np.exp(v), 0.0) * np.maximum(v, 1.0)
    assert grad(f)(np.array(1.0)) == jit(grad(f))(np.array(1.0)) == pytest.approx(1.5 * math.e)
    for empty in (np.zeros(0), np.zeros((0, 3))):
        for f in (np.exp, np.sort, lambda v: np.where(v > 0, v, 0), lambda v: v % 2, lambda v: np.cumsum(v)):
            assert jit(f)(empty).shape == jacobian(f)(empty).shape[: np.ndim(f(empty))] == f(empty).shape
        assert grad(lambda v: (v * v).sum())(empty).shape == empty.shape
    masked = np.ma.masked_array([1.0, 2.0], [True, False])
    v = array([Value(1.0), Value(2.0)])
    for f in (
        lambda: v * masked,
        lambda: np.maximum(v, masked),
        lambda: np.where(v > 0, v, masked),
        lambda: v @ masked,
    ):
        with pytest.raises(TypeError, match=r"fill in what is masked \(.filled\(x\)\)"):
            f()
    with pytest.raises(TypeError, match=r"fill in what is masked \(.filled\(x\)\)"):
        np.concatenate([v, masked])
    with pytest.raises(TypeError, match="a Value is a double, and none of float32"):
        v.astype(np.float32)


def test_truths_and_places_are_those_of_the_numbers():
    numbers = np.array([1.0, math.nan, 2.0, 0.0])
    x = array([Value(1.0), math.nan, Value(2.0), Value(0.0)])
    for method in ("argmax", "argmin", "argsort", "nonzero", "any", "all"):
        assert np.array_equal(getattr(x, method)(), getattr(numbers, method)()), method
        assert np.array_equal(getattr(np, method)(x), getattr(np, method)(numbers)), method
    assert x.astype(bool).tolist() == np.where(numbers, True, False).tolist() == [True, True, True, False]
    assert np.where(x)[0].tolist() == [0, 1, 2]
    numbers = np.array([[0.0, 2.0], [math.nan, 1.0]])
    x = array([[Value(0.0), Value(2.0)], [Value(math.nan), 1.0]])
    for f in (np.isnan, np.isfinite, np.signbit, np.logical_not, np.any, np.all, np.argmax, np.argmin, np.argwhere):
        got, wanted = f(x), f(numbers)
        assert type(got) is type(wanted) and np.array_equal(got, wanted), f
    for f in (np.nonzero, np.count_nonzero, np.flatnonzero, lambda x: x.nonzero(), lambda x: x.any(axis=0)):
        assert np.array_equal(f(x), f(numbers))
    for f in (np.argsort, lambda x: x.argmax(axis=1), lambda x: x.argsort(axis=0)):
        assert f(x).tolist() == f(numbers).tolist()
    for f in (np.argmax, np.argsort, np.nonzero, np.flatnonzero, lambda v: v.argmin(), lambda v: v.nonzero()):
        with pytest.raises(TracingError, match=r"test_arrays\.py:\d+: numpy\.\w+ finds places.*write np\.\w+\("):
            jit(lambda v, f=f: v[0] * f(v)[0])(np.ones(3))
    for f in (lambda v: v[v > 0], lambda v: v[0, v > 0], lambda v: v.__setitem__(v > 0, 1.0), lambda v: v[v[0]]):
        with pytest.raises(TracingError, match=r"test_arrays\.py:\d+: an array indexed by traced.*write np\.where\("):
            jit(f)(np.ones((3, 3)))
    f = lambda v: v[np.argmax(v)] * v[np.argsort(v)[0]] + np.sort(v)[1]
    assert grad(f)(X).tolist() == [1.0, 1.9, -0.3]


def test_where_takes_a_condition_of_values():
    f = lambda v: np.where(greater(v, 0.0), np.exp(v), v * v).sum()
    assert grad(f)(np.array([0.0, -3.0])).tolist() == [0.0, -6.0] == jit(grad(f))(np.array([0.0, -3.0])).tolist()
    numbers = array([Value(0.0), Value(2.0)])
    assert [v.data for v in np.where(numbers, 5.0, 7.0)] == [7.0, 5.0]  # by the number, though a Value is true


# What arrays are made of, and come out as.


def test_the_class_stays_and_floats_are_floats():
    seen = []

    def f(v):
        a = np.concatenate([v, np.ones(2)])
        seen.extend([v, a, a[1:], a * 2, 2 - a, W[0] * v, np.exp(a), a.reshape(5, 1), np.stack([v, v]), v[0] * C])
        seen.extend([np.split(a, 5)[0], np.where(MASK, v, 0.0), np.outer(v, C), np.tril(np.outer(v, v)), a.copy()])
        seen.extend(
            [np.einsum("i,j->ij", v, v), v @ W.T, W @ v, np.cumsum(v), np.float64(2.0) * v, exp(np.array(list(v)))]
        )
        return np.broadcast_arrays(v, np.ones((2, 3)))[0].sum()

    grad(f)(X)
    vmap(f)(M)
    assert {type(a).__name__ for a in seen} == {"Array"}
    assert type(grad(f)(X)) is type(jit(grad(f))(X)) is np.ndarray
    for plain in (np.zeros_like(seen[0], dtype=float), seen[0] > 0, np.argsort(array([Value(1.0)])), np.shape(seen[0])):
        assert type(plain) in (np.ndarray, tuple)
    for made in (
        jacobian(lambda v: v * 2)(X),
        value_and_grad(lambda v: v[0])(X)[1],
        vmap(lambda v: v)(M),
        hessian(lambda v: v[0])(X),
    ):
        assert type(made) is np.ndarray and made.dtype == float
    assert type(grad(lambda v: grad(lambda w: np.maximum(w, 0).sum())(v).sum())(X)) is np.ndarray


def test_a_result_without_values_is_of_floats():
    assert grad(lambda v: v[0])(X).dtype == float
    got = jacobian(lambda v: np.where(MASK, 1.0, 2.0))(X)
    assert got.dtype == float and not got.any()


def test_copies_and_pickles():
    x = array([Value(1.0), 2.0])
    for other in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        assert type(other) is type(x) and other[0] is not x[0]
        assert np.maximum(other, 1.5).tolist()[1].data == 2.0
    assert copy.copy(x)[0] is x[0]
    y = pickle.loads(pickle.dumps(np.exp(x).sum()))
    y.backward()
    assert y.data == pytest.approx(math.e + math.e**2)


def test_gradients_reach_the_values_of_an_array():
    values = [Value(x) for x in (0.0, -1.0, 2.0)]
    x = array(values)
    (np.maximum(x, 0.0) * [1.0, 2.0, 3.0]).sum().backward()
    assert [v.grad for v in values] == [0.5, 0.0, 3.0]
    assert np.maximum(Value(1.0), 2.0).data == 2.0 == np.exp2(Value(1.0)).data
    assert isinstance(np.add(Value(1.0), np.float32(2.0)), Value)
    assert isinstance(np.float64(2.0) * Value(1.0), Value) and isinstance(np.int64(2) - Value(1.0), Value)


# The functions of the table, called with arrays.


@pytest.mark.parametrize("name", ops.OPERATIONS)
def test_operations_map_over_arrays(name):
    op = ops.TABLE[name]
    rows = [[1.0, 2.0] if name in OF_ORDER else [0.3, 0.6], [0.2, 0.9], [0.4, 0.1]][: len(op.partials)]
    wanted = [op(*column) for column in zip(*rows)]
    got = op(*map(np.array, rows))
    assert got.dtype == float and got.tolist() == wanted
    for kinds in ((array, array, array), (np.array, array, np.array), (array, list, list)):
        arguments = [kind(row) if kind is list else kind([Value(x) for x in row]) for kind, row in zip(kinds, rows)]
        arguments = [np.array(a) if isinstance(a, list) else a for a in arguments]
        got = op(*arguments)
        assert [v.data for v in got] == wanted and type(got).__name__ == "Array"
    if len(rows) > 1:
        first = rows[0][0]
        wanted = [op(first, *c) for c in zip(*rows[1:])]
        assert [v.data for v in op(Value(first), *map(np.array, rows[1:]))] == wanted
        assert [v.data for v in getattr(Value(first), name)(*map(np.array, rows[1:]))] == wanted
    assert op(*(np.array([[x]]) for x, _ in rows)).shape == (1, 1)


def test_operations_on_arrays_raise_as_on_numbers():
    with pytest.raises(ValueError, match=r"log\(-1.0\): needs x > 0"):
        ops.log(np.array([1.0, -1.0]))
    with pytest.raises(ValueError, match=r"log\(-1.0\): needs x > 0"):
        np.log(array([Value(1.0), -1.0]))
    with pytest.raises(TypeError, match="operand of exp must be a real number, got 'a'"):
        exp(np.array([Value(1.0), "a"], object))
    with pytest.raises(ZeroDivisionError):
        1.0 / array([Value(1.0), 0.0])
    with ieee():
        assert [x.data if isinstance(x, Value) else x for x in 1.0 / array([Value(1.0), 0.0])] == [1.0, math.inf]
        assert math.isnan((array([Value(1.0), -8.0]) ** 0.5)[1].data)
    with pytest.raises(ValueError, match="pow"):
        array([Value(1.0), -8.0]) ** 0.5


# What there is no operation for says so, by name.


@pytest.mark.parametrize("name", ["nextafter", "spacing", "gcd"])
def test_what_is_missing_is_named(name):
    ufunc = getattr(np, name)
    for f in (grad, jit):
        with pytest.raises(
            TypeError, match=rf"numpy\.{name} takes no Values: write it with the functions of scalargrad"
        ):
            f(lambda v: ufunc(*[v] * ufunc.nin).sum())(X)
    with pytest.raises(TypeError, match=rf"numpy\.{name} takes no Values"):
        ufunc(*[Value(1.0)] * ufunc.nin)


@pytest.mark.parametrize("f", [np.fft.fft, np.linalg.eigvals, np.histogram])
def test_no_number_is_taken_silently(f):
    with pytest.raises(TypeError, match=r"^numpy\.(linalg\.|fft\.)?\w+ takes no Values: write it"):
        grad(lambda v: np.asarray(f(v)).sum())(np.eye(3))
    with pytest.raises(TypeError, match=r"numpy\.(linalg\.|fft\.)?\w+"):
        jit(lambda v: np.asarray(f(v)).sum())(np.eye(3))


# Warnings.


def test_tracing_raises_no_warnings():
    functions = [
        lambda x, y: np.hypot(x, 1.0),
        lambda x, y: x**y,
        lambda x, y: np.hypot(np.array(list(x)), np.array(list(y))),
        lambda x, y: np.array(list(x)) ** np.array(list(y)),
        lambda x, y: np.abs(x) + np.arctan2(x, y) + np.maximum(x, y),
        lambda x, y: [np.hypot(a, b) + a**b for a, b in zip(x, y)],
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for f in functions:
            assert np.isfinite(jit(f)(np.ones(2), np.ones(2))).all()
            assert np.isfinite(vmap(f)(np.ones((2, 2)), np.ones((2, 2)))).all()
        # At the border of a domain a partial is infinite, and a Value does not warn of it.
        assert grad(lambda x: np.sqrt(x).sum())(np.zeros(1)).tolist() == [math.inf]
        assert grad(lambda x: (x**0.5).sum())(np.zeros(1)).tolist() == [math.inf]


def test_importing_needs_no_numpy():
    program = "import sys, scalargrad; assert 'numpy' not in sys.modules and 'scalargrad.arrays' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_rows_of_a_mapped_function_are_arrays():
    f = lambda m: np.maximum(vmap(lambda row: row * 2.0)(m), 0.0).sum()
    assert grad(f)(np.array([[0.0, 1.0]])).tolist() == [[1.0, 2.0]]
    assert jit(grad(f))(np.array([[0.0, 1.0]])).tolist() == [[1.0, 2.0]]
