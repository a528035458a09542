"""np.linalg on arrays of Values: against NumPy's numbers and the closed forms of matrix calculus."""

import math

import pytest

np = pytest.importorskip("numpy")

from scalargrad import Value, array, grad, hessian, jacobian, jit, linalg, vmap  # noqa: E402
from scalargrad.arrays import data_of  # noqa: E402

LinAlgError = np.linalg.LinAlgError


def matrix(n, m=None, seed=0, stack=()):
    return np.random.default_rng(seed).normal(size=(*stack, n, m or n))


def values(a):
    return array([Value(x) for x in a.ravel()]).reshape(a.shape)


def positive(n, seed=0):
    a = matrix(n, seed=seed)
    return a @ a.T + np.eye(n)


FUNCTIONS = {
    "solve": lambda a: np.linalg.solve(a, np.arange(1.0, a.shape[-1] + 1)[:, None]),
    "solve, a on both sides": lambda a: np.linalg.solve(a, a * a + 1),
    "inv": np.linalg.inv,
    "det": np.linalg.det,
    "slogdet": np.linalg.slogdet,
    "eigvalsh": lambda a: np.linalg.eigvalsh(a + np.swapaxes(a, -1, -2)),
    "eigh": lambda a: np.linalg.eigh(a, UPLO="U"),
    "svd": np.linalg.svd,
    "cholesky": lambda a: np.linalg.cholesky(a @ np.swapaxes(a, -1, -2)),
    "cond": np.linalg.cond,
    "norm 2": lambda a: np.linalg.norm(a, 2, axis=(-2, -1)),
    "nuc": lambda a: np.linalg.norm(a, "nuc", axis=(-2, -1), keepdims=True),
}


def parts(result):
    return [np.asarray(part) for part in (result if isinstance(result, tuple) else (result,))]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", [(1,), (2,), (5,), (2, 3)], ids=str)
def test_numbers_are_numpys(name, shape):
    f, a = FUNCTIONS[name], matrix(shape[-1], stack=shape[:-1], seed=3)
    for got, wanted in zip(parts(f(values(a))), parts(f(a)), strict=True):
        assert got.shape == wanted.shape
        np.testing.assert_allclose(data_of(got).astype(float), wanted, rtol=1e-10, atol=1e-12)
    if name not in ("eigh", "svd"):  # whose vectors may have another sign
        for got, wanted in zip(parts(jit(lambda a: tuple(parts(f(a))))(a)), parts(f(a)), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-12)


def test_derivatives_are_those_of_matrix_calculus():
    a, b, c = matrix(3), np.arange(1.0, 4.0), np.array([2.0, -1.0, 0.5])
    inverse, x = np.linalg.inv(a), np.linalg.solve(a, b)
    for transform in (grad, lambda f: jit(grad(f)), lambda f: lambda a: vmap(grad(f))(a[None])[0]):
        close = lambda f, wanted, at=a, transform=transform: np.testing.assert_allclose(
            transform(f)(at), wanted, rtol=1e-9, atol=1e-10
        )
        close(np.linalg.det, np.linalg.det(a) * inverse.T)
        close(lambda a: np.linalg.slogdet(a)[1], inverse.T)
        close(lambda a: c @ np.linalg.solve(a, b), -np.outer(inverse.T @ c, x))
        close(lambda b: c @ np.linalg.solve(a, b), inverse.T @ c, b)
        close(lambda a: np.trace(np.linalg.inv(a)), -(inverse @ inverse).T)
        close(lambda a: np.linalg.norm(a, "nuc"), np.linalg.svd(a)[0] @ np.linalg.svd(a)[2])
        close(lambda a: np.linalg.eigvalsh(a + a.T).sum(), 2 * np.eye(3))
        close(lambda a: np.linalg.eigvalsh(a @ a.T)[-1], 2 * np.outer(u := np.linalg.svd(a)[0][:, 0], u) @ a)


def test_second_derivatives():
    a = positive(3)
    inverse = np.linalg.inv(a)
    expected = -np.einsum("li,jk->ijkl", inverse, inverse)
    for transform in (hessian, lambda f: jit(hessian(f))):
        found = transform(lambda a: np.linalg.slogdet(a)[1])(a)
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)
        found = transform(lambda a: 2 * np.log(np.diag(np.linalg.cholesky(a))).sum())(a)
        both = (expected + np.swapaxes(expected, 0, 1)) / 2  # it looks at the lower triangle only
        moved = np.einsum("ijkl,ij,kl->", found, np.ones((3, 3)), np.ones((3, 3)))
        assert moved == pytest.approx(both.sum(), rel=1e-8)
    # The eigenvalues of a + t*b: their second derivative by perturbation theory.
    b = matrix(3, seed=5)
    b = b + b.T
    sizes, vectors = np.linalg.eigh(a)
    turned = vectors.T @ b @ vectors
    gaps = sizes[:, None] - sizes[None, :] + np.diag([math.inf] * 3)
    expected = 2 * (turned**2 / gaps).sum(axis=1)
    found = jacobian(jacobian(lambda t: np.linalg.eigvalsh(a + t * b)))(0.0)
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    third = jacobian(jacobian(jacobian(lambda t: np.linalg.eigvalsh(a + t * b))))(0.0)
    h = 1e-4
    difference = [
        jacobian(jacobian(lambda t, s=s: np.linalg.eigvalsh(a + (t + s) * b)))(0.0) for s in (-2 * h, -h, h, 2 * h)
    ]
    np.testing.assert_allclose(
        third, (difference[0] - 8 * difference[1] + 8 * difference[2] - difference[3]) / (12 * h), rtol=1e-5, atol=1e-5
    )


def test_rows_are_exchanged_where_the_first_pivot_is_0():
    for transform in (lambda f: f, jit):
        f = transform(lambda a: np.linalg.solve(a, a[0] + 1))
        a = np.array([[0.0, 2.0, 1.0], [1e-20, 1.0, 0.0], [3.0, 0.0, 1.0]])
        np.testing.assert_allclose(data_of(f(a)), np.linalg.solve(a, a[0] + 1), rtol=1e-12)
    np.testing.assert_allclose(grad(np.linalg.det)(np.zeros((3, 3))), 0)
    np.testing.assert_allclose(grad(np.linalg.det)(np.diag([0.0, 2.0, 3.0])), np.diag([6.0, 0.0, 0.0]))


@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (3, 3)], ids=str)
def test_least_squares(shape):
    a, b = matrix(*shape, seed=1), matrix(shape[0], 2, seed=2)
    for got, wanted in zip(linalg.lstsq(values(a), b), np.linalg.lstsq(a, b, rcond=None), strict=True):
        np.testing.assert_allclose(data_of(got), wanted, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(data_of(linalg.pinv(values(a))), np.linalg.pinv(a), rtol=1e-10)
    for mode in ("reduced", "complete", "r"):
        for got, wanted in zip(parts(linalg.qr(values(a), mode)), parts(np.linalg.qr(a, mode)), strict=True):
            np.testing.assert_allclose(data_of(got), wanted, rtol=1e-10, atol=1e-12)
    # d pinv(a) b for a fixed residual, by central differences.
    f = lambda a: (np.linalg.lstsq(a, b, rcond=None)[0] * np.arange(1, 3)).sum()
    h = 1e-6
    expected = [(f(a + h * e.reshape(shape)) - f(a - h * e.reshape(shape))) / (2 * h) for e in np.eye(a.size)]
    for transform in (grad, lambda f: jit(grad(f))):
        np.testing.assert_allclose(transform(f)(a).ravel(), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("f", "a", "message"),
    [
        (lambda a: np.linalg.solve(a, a), np.ones((3, 3)), "Singular matrix"),
        (np.linalg.inv, np.zeros((2, 2)), "Singular matrix"),
        (np.linalg.slogdet, np.zeros((2, 2)), "Singular matrix"),
        (np.linalg.cholesky, -np.eye(3), "Matrix is not positive definite"),
        (np.linalg.det, np.ones((2, 3)), r"np.linalg.det takes square matrices, got an array of the shape \(2, 3\)"),
        (np.linalg.inv, np.ones(3), r"np.linalg.inv takes square matrices, got an array of the shape \(3,\)"),
        (lambda a: np.linalg.lstsq(a, np.ones(3), rcond=None), np.ones((3, 2)), "has the rank 1"),
        (np.linalg.pinv, np.ones((2, 2)), "has the rank 1"),
    ],
)
def test_what_has_no_solution_raises(f, a, message):
    with pytest.raises(LinAlgError, match=message):
        f(values(a))


def test_what_is_missing_is_named():
    with pytest.raises(TypeError, match="full_matrices=False"):
        np.linalg.svd(values(matrix(3, 2)))
    with pytest.raises(TypeError, match="modes reduced, complete and r, got 'raw'"):
        np.linalg.qr(values(matrix(3)), "raw")
    with pytest.raises(TypeError, match=r"np.linalg.norm: ord='a' over 2 axes"):
        np.linalg.norm(values(matrix(3)), "a")


def test_coinciding_eigenvalues_have_the_derivatives_along_their_vectors():
    for transform in (grad, lambda f: jit(grad(f))):
        assert np.isfinite(transform(lambda a: np.linalg.eigvalsh(a)[0])(np.eye(3))).all()
        np.testing.assert_allclose(transform(lambda a: np.linalg.eigvalsh(a).sum())(np.eye(3)), np.eye(3), atol=1e-12)


# Large ones: LAPACK's numbers, with first derivatives.


def nodes(results):
    seen, stack = set(), list(np.ravel(results))
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack += node.parents
    return len(seen)


def test_large_systems():
    n = linalg.LARGE + 6
    a, b, c = positive(n), matrix(n, 2), matrix(n, 2, seed=1)
    x, v = np.linalg.solve(a, b), values(a)
    found = np.linalg.solve(v, b)
    np.testing.assert_allclose(data_of(found), x, rtol=1e-9, atol=1e-12)
    assert nodes(found) < 16 * n * n, "elimination makes n/3 times as many"
    (found * c).sum().backward()
    slopes = np.array([x.grad for x in v.ravel()]).reshape(n, n)
    np.testing.assert_allclose(slopes, -np.linalg.solve(a.T, c) @ x.T, rtol=1e-7, atol=1e-10)
    f = lambda b: (np.linalg.solve(a + b[0] * np.eye(n), b) ** 2).sum()
    g = lambda b: (np.linalg.solve(a, b) ** 2).sum()
    np.testing.assert_allclose(grad(g)(b[:, 0]), 2 * np.linalg.solve(a.T, x[:, 0]), rtol=1e-7, atol=1e-10)
    for second in (hessian, lambda f: grad(lambda b: (grad(f)(b) ** 2).sum())):
        with pytest.raises(
            TypeError, match=f"the second derivative of what np.linalg finds of more than {linalg.LARGE}"
        ):
            second(f)(b[:, 0])


def test_large_eigenvalues():
    n = linalg.SMALL + 4
    a = positive(n)
    sizes, vectors = np.linalg.eigh(a)
    for i in (0, n - 1):
        slopes = grad(lambda a, i=i: np.linalg.eigvalsh((a + a.T) / 2)[i])(a)
        np.testing.assert_allclose(slopes, np.outer(vectors[:, i], vectors[:, i]), rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(data_of(np.linalg.eigh(values(a))[1]), vectors, atol=1e-12)
    b, h = matrix(n, seed=4), 1e-5
    b = b + b.T
    moved = jacobian(lambda t: np.linalg.eigh(a + t * b)[1])(0.0)
    difference = (np.linalg.eigh(a + h * b)[1] - np.linalg.eigh(a - h * b)[1]) / (2 * h)
    np.testing.assert_allclose(moved, difference, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        grad(lambda a: np.linalg.norm(a, "nuc"))(b), np.linalg.svd(b)[0] @ np.linalg.svd(b)[2], rtol=1e-7, atol=1e-9
    )
    assert np.linalg.eigvalsh(values(a)).shape == sizes.shape
    with pytest.raises(TypeError, match="second derivative"):
        hessian(lambda t: np.linalg.eigvalsh(a + t * b)[0])(0.0)
