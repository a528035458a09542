"""Linear algebra on arrays of Values, by NumPy's names: `np.linalg.solve(a, b)` of such arrays comes here.

Elimination, written over arrays, is a program of additions, products and quotients like any other: exact, to any order of
derivative, for floats, Values and traced Values. Rows are put in order by `np.where`, as it is not known of traced ones
which comes first. Stacks of matrices are matrices along the last two axes, as in NumPy.

Large systems would make a million Values; their numbers are LAPACK's. See `_by_newton`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from scalargrad import engine
from scalargrad.arrays import Array, as_array, data_of, has_traced
from scalargrad.node import Node
from scalargrad.op import Op

LARGE = 64  # rows of a matrix whose elimination would take too long
SMALL = 16  # rows of a matrix beyond which rotations would take too long
_SECOND = f"the second derivative of what np.linalg finds of more than {LARGE} rows, {SMALL} for eigenvalues"


def entries(a: Any) -> Any:
    """Return what a function of NumPy's is given as an array, whose entries are Values or not.

    >>> from scalargrad import Value
    >>> entries([Value(1.0), 2.0]).shape
    (2,)
    """
    return as_array(np.asanyarray(a))


def _square(a: Any, name: str) -> Any:
    a = entries(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise LinAlgError(f"np.linalg.{name} takes square matrices, got an array of the shape {a.shape}")
    return a


def _results(function: Any) -> Callable[..., Any]:
    """Return what makes a named tuple as a function of NumPy's gives it; a plain one where NumPy is older than 1.25."""
    make: Any = getattr(type(function(np.eye(1))), "_make", tuple)
    return lambda *parts: make(parts)


def _along(a: Any, *axes: Any) -> Any:
    """Add axes at the end."""
    return entries(a)[(..., *axes)]


def _copied(a: Any) -> Any:
    """Copy an array to one that Values can be put in."""
    return np.array(a, object).view(Array)


def _eliminated(a: Any, b: Any) -> tuple[Any, Any, Any]:
    """Make an upper triangle of matrices by Gauss's elimination, with the largest of a column as its pivot.

    Return it, what becomes of `b`, and the sign of the exchanges of rows.
    """
    a, b, sign = _copied(a), _copied(b), np.ones(a.shape[:-2])
    n = a.shape[-1]
    for k in range(n):
        for i in range(k + 1, n):
            larger = _along(np.abs(a[..., i, k]) > np.abs(a[..., k, k]), None)
            for rows in (a[..., k:], b):  # what stands before is 0
                upper, lower = rows[..., k, :], rows[..., i, :]
                rows[..., k, :], rows[..., i, :] = np.where(larger, lower, upper), np.where(larger, upper, lower)
            sign = np.where(larger[..., 0], -sign, sign)
        if not has_traced(a[..., k, k]) and not np.all(data_of(a[..., k, k])):
            raise LinAlgError("Singular matrix")
        factors = _along(a[..., k + 1 :, k] / _along(a[..., k, k], None), None)
        a[..., k + 1 :, k:] = a[..., k + 1 :, k:] - factors * a[..., k : k + 1, k:]
        b[..., k + 1 :, :] = b[..., k + 1 :, :] - factors * b[..., k : k + 1, :]
    return a, b, sign


def _back(r: Any, b: Any) -> Any:
    """Solve r @ x = b for an upper triangle."""
    x = _copied(b)
    for k in range(r.shape[-1] - 1, -1, -1):
        rest = _along(r[..., k, k + 1 :], None) * x[..., k + 1 :, :]
        x[..., k, :] = (x[..., k, :] - rest.sum(axis=-2)) / _along(r[..., k, k], None)
    return x


def solve(a: Any, b: Any) -> Any:
    """Solve a @ x = b, as np.linalg.solve does.

    >>> from scalargrad import Value
    >>> solve([[2.0, 0.0], [0.0, 4.0]], [Value(2.0), 2.0])
    Array([Value(data=1.0, grad=0.0), Value(data=0.5, grad=0.0)], dtype=object)

    Raises LinAlgError where `a` is singular.
    """
    a, b = _square(a, "solve"), entries(b)
    if b.ndim == 1:
        return solve(a, b[:, None])[..., 0]
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = np.broadcast_to(a, shape + a.shape[-2:]), np.broadcast_to(b, shape + b.shape[-2:])
    if a.shape[-1] > LARGE and not has_traced(a) and not has_traced(b):
        return _by_newton(a, b)
    upper, b, _ = _eliminated(a, b)
    return _back(upper, b)


def inv(a: Any) -> Any:
    """Return the inverse of a matrix, as np.linalg.inv does.

    >>> from scalargrad import Value
    >>> inv([[Value(4.0)]])
    Array([[Value(data=0.25, grad=0.0)]], dtype=object)
    """
    a = _square(a, "inv")
    return solve(a, np.eye(a.shape[-1]))


def _no_second() -> None:
    raise TypeError(f"{_SECOND} is not to be had: its numbers are LAPACK's, and carry first derivatives only")


def _slope_once(_: Any, x: Any) -> Any:
    """Return 1, as what has no derivative in turn: to ask for it raises, where a number would be taken for a constant."""
    if not isinstance(x, Node):
        return 1.0
    one = x._plain()(1.0, (x,), _SECOND)
    one._backward = _no_second
    return one


# A number with its first derivative.
_once = Op("once", lambda x: x, _slope_once)


def once(a: Any) -> Any:
    """Return an array whose Values have first derivatives only; to ask for the second raises TypeError.

    >>> from scalargrad import Value
    >>> once(np.array([Value(2.0)]))
    Array([Value(data=2.0, grad=0.0)], dtype=object)
    """
    return entries(np.frompyfunc(partial(engine.Value.apply, _once), 1, 1)(a))


def _by_newton(a: Any, b: Any) -> Any:
    """Solve a @ x = b by one step of Newton's method from the solution: x + 1/a (b - a x), with LAPACK's x and 1/a.

    The step is 0, but for rounding, and its derivative is that of the solution; it takes as many operations as matrices
    have entries, where elimination takes n times as many.
    """
    inverse, x = np.linalg.inv(data_of(a)), np.linalg.solve(data_of(a), data_of(b))
    return once(x + inverse @ (b - a @ x))


def _minor(a: Any) -> Any:
    """Return the determinant by its first column: no quotients, so its derivative is right at a singular matrix, too."""
    n = a.shape[-1]
    if n == 0:
        return np.ones(a.shape[:-2])
    rows = [[i for i in range(n) if i != k] for k in range(n)]
    return sum((-1) ** k * a[..., k, 0] * _minor(a[..., rows[k], 1:]) for k in range(n))


def det(a: Any) -> Any:
    """Return the determinant, as np.linalg.det does.

    >>> from scalargrad import Value
    >>> det([[Value(3.0), 1.0], [2.0, 4.0]])
    Value(data=10.0, grad=0.0)
    """
    a = _square(a, "det")
    if a.shape[-1] <= 3:
        return _minor(a)
    upper, _, sign = _eliminated(a, np.zeros((*a.shape[:-1], 0)))
    return sign * np.prod(np.diagonal(upper, axis1=-2, axis2=-1), axis=-1)


def slogdet(a: Any) -> Any:
    """Return the sign of the determinant, and the logarithm of its size, as np.linalg.slogdet does.

    >>> from scalargrad import Value
    >>> slogdet([[Value(-1.0)]])[1]
    Value(data=0.0, grad=0.0)
    """
    a = _square(a, "slogdet")
    upper, _, sign = _eliminated(a, np.zeros((*a.shape[:-1], 0)))
    pivots = np.diagonal(upper, axis1=-2, axis2=-1)
    signs = np.sign(pivots) if has_traced(pivots) else np.sign(data_of(pivots))
    return _SLOGDET(sign * np.prod(signs, axis=-1), np.log(np.abs(pivots)).sum(axis=-1))


_SLOGDET = _results(np.linalg.slogdet)


def cholesky(a: Any, *, upper: bool = False) -> Any:
    """Return the lower triangle l with l @ l.T = a, as np.linalg.cholesky does: it reads the lower triangle of `a` only.

    >>> from scalargrad import Value
    >>> cholesky([[Value(4.0)]])
    Array([[Value(data=2.0, grad=0.0)]], dtype=object)

    Raises LinAlgError where `a` is not positive definite.
    """
    a = _square(a, "cholesky")
    a = _copied(np.swapaxes(a, -1, -2) if upper else a)
    n = a.shape[-1]
    columns = []
    for k in range(n):
        pivot = a[..., k, k]
        if not has_traced(pivot) and not np.all(data_of(pivot) > 0):
            raise LinAlgError("Matrix is not positive definite")
        column = a[..., k:, k] / _along(np.sqrt(pivot), None)
        columns.append(np.concatenate([np.zeros((*a.shape[:-2], k)), column], axis=-1))
        a[..., k:, k:] = a[..., k:, k:] - _along(column, None) * column[..., None, :]
    out = np.stack(columns, axis=-1)
    return np.swapaxes(out, -1, -2) if upper else out


def _reflected(a: Any) -> tuple[Any, list[Any]]:
    """Make an upper triangle of a matrix by Householder's reflections; return it, and their vectors."""
    r, vectors = _copied(a), []
    for k in range(min(a.shape[0] - 1, a.shape[1])):
        x = r[k:, k]
        length = np.sqrt((x * x).sum())
        v = np.concatenate([[x[0] + np.copysign(length, x[0])], x[1:]])
        v = v / np.sqrt((v * v).sum())
        r[k:, k:] = r[k:, k:] - 2 * np.outer(v, v @ r[k:, k:])
        vectors.append(v)
    return r, vectors


def _reflect(vectors: list[Any], b: Any) -> Any:
    b = _copied(b)
    for k, v in reversed(list(enumerate(vectors))):
        b[k:] = b[k:] - 2 * np.outer(v, v @ b[k:])
    return b


def qr(a: Any, mode: str = "reduced") -> Any:
    """Return q with orthonormal columns, and the upper triangle r, with q @ r = a, as np.linalg.qr does.

    >>> from scalargrad import Value
    >>> [m.shape for m in qr([[Value(3.0), 1.0], [4.0, 1.0], [0.0, 1.0]])]
    [(3, 2), (2, 2)]
    """
    a = entries(a)
    if mode not in ("reduced", "complete", "r") or a.ndim != 2:
        raise TypeError(f"np.linalg.qr takes one matrix of Values and the modes reduced, complete and r, got {mode!r}")
    m, n = a.shape
    r, vectors = _reflected(a)
    size = m if mode == "complete" else min(m, n)
    r = np.triu(r[:size])
    if mode == "r":
        return r
    return _results(np.linalg.qr)(_reflect(vectors, np.eye(m)[:, :size]), r)


def _rank(a: Any, rcond: Any) -> tuple[int, Any]:
    """Return the rank and the singular values of a matrix. Raises LinAlgError where columns or rows depend on others."""
    least = min(a.shape)
    if has_traced(a):
        return least, None
    sizes = np.linalg.svd(data_of(a), compute_uv=False)
    limit = np.finfo(float).eps * max(a.shape) if rcond is None or rcond < 0 else rcond
    rank = int((sizes > limit * sizes[0]).sum()) if len(sizes) else 0
    if rank < least:
        raise LinAlgError(
            f"a matrix of the shape {a.shape} has the rank {rank}: its solution has no derivative. Leave dependent columns away"
        )
    return rank, sizes


def _least(a: Any, b: Any) -> Any:
    m, n = a.shape
    q, r = qr(a if m >= n else a.T)
    return _back(r, q.T @ b) if m >= n else q @ _back_transposed(r, b)


def _back_transposed(r: Any, b: Any) -> Any:
    return _back(r.T[::-1, ::-1], b[::-1])[::-1]


def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """Return the x of least |a @ x - b|, the least of these, the residuals, the rank and the singular values.

    >>> from scalargrad import Value
    >>> lstsq([[1.0], [1.0]], [Value(1.0), 3.0])[0]
    Array([Value(data=2.0000000000000004, grad=0.0)], dtype=object)

    As np.linalg.lstsq does, for matrices of full rank, which a traced one is taken to be; its singular values are None.
    """
    a, b = entries(a), entries(b)
    rank, sizes = _rank(a, rcond)
    columns = b if b.ndim == 2 else b[:, None]
    x = _least(a, columns)
    away = columns - a @ x
    residuals = (away * away).sum(axis=0) if a.shape[0] > a.shape[1] else np.zeros(0)
    return x if b.ndim == 2 else x[:, 0], residuals, rank, sizes


def pinv(a: Any, rcond: Any = None) -> Any:
    """Return the pseudo-inverse of a matrix of full rank, as np.linalg.pinv does.

    >>> from scalargrad import Value
    >>> pinv([[Value(4.0)]])
    Array([[Value(data=0.25, grad=0.0)]], dtype=object)
    """
    a = entries(a)
    _rank(a, rcond)
    return _least(a, np.eye(a.shape[0]))


# Eigenvalues and singular values, by Jacobi's rotations: each makes one pair of columns orthogonal, and after a few sweeps
# over all pairs all are, together with what depends on them to any order.


def _sweeps(n: int) -> list[tuple[int, int]]:
    return [(p, q) for p in range(n) for q in range(p + 1, n)] * (6 + n.bit_length())


def _rotation(alpha: Any, beta: Any, gamma: Any) -> tuple[Any, Any]:
    """Return cosine and sine of the rotation of two columns that makes their product `gamma` 0."""
    apart = beta - alpha
    square = apart * apart + 4 * gamma * gamma
    tangent = 2 * gamma / (apart + np.copysign(np.sqrt(np.where(np.equal(square, 0), 1.0, square)), apart))
    cosine = 1 / np.sqrt(1 + tangent * tangent)
    return _along(cosine, None), _along(cosine * tangent, None)


def _rotate(a: Any, p: int, q: int, cosine: Any, sine: Any) -> None:
    x, y = a[..., p] * 1, a[..., q] * 1
    a[..., p], a[..., q] = cosine * x - sine * y, sine * x + cosine * y


def _in_order(sizes: Any, *matrices: Any) -> tuple[Any, ...]:
    """Put numbers along the last axis in ascending order, and with them the columns of matrices."""
    columns = [
        [a[..., i, :] for a in (_along(sizes, None), *(np.swapaxes(m, -1, -2) for m in matrices))]
        for i in range(sizes.shape[-1])
    ]
    found = ordered([c[0] for c in columns], *(list(c) for c in zip(*columns, strict=True)))[1:]
    return np.stack(found[0], axis=-2)[..., 0], *(np.stack(c, axis=-1) for c in found[1:])


def ordered(keys: list[Any], *companions: list[Any]) -> list[list[Any]]:
    """Put arrays in ascending order, entry by entry, and with them others; ties keep their order, and a nan goes last.

    >>> ordered([np.array([2.0]), np.array([1.0])])
    [[array([1.]), array([2.])]]
    """
    lists = [list(keys), *map(list, companions)]
    for start in range(len(keys)):  # neighbours change places where they have to, as often as that may be
        for i in range(start % 2, len(keys) - 1, 2):
            low, high = lists[0][i], lists[0][i + 1]
            later = entries(~np.less_equal(low, high) & np.equal(high, high))
            for things in lists:
                x, y = things[i], things[i + 1]
                things[i], things[i + 1] = np.where(later, y, x), np.where(later, x, y)
    return lists


def eigh(a: Any, UPLO: Any = "L") -> Any:
    """Return the eigenvalues of a symmetric matrix, in ascending order, and its eigenvectors, as np.linalg.eigh does.

    >>> from scalargrad import Value
    >>> eigh([[Value(2.0), 0.0], [0.0, 1.0]])[0]
    Array([Value(data=1.0, grad=0.0), Value(data=2.0, grad=0.0)], dtype=object)

    An eigenvector times -1 is one, too: which of them comes from a traced matrix is not NumPy's choice. Where eigenvalues
    coincide, their derivatives are those along the vectors that are returned.
    """
    a = _square(a, "eigh")
    n, known = a.shape[-1], not has_traced(a)
    if known:
        sizes, vectors = np.linalg.eigh(data_of(a), UPLO)
    if UPLO == "U":
        a = np.swapaxes(a, -1, -2)
    a = np.tril(a) + np.swapaxes(np.tril(a, -1), -1, -2)
    if known and n > SMALL:
        turned = np.swapaxes(vectors, -1, -2) @ a @ vectors  # with their first derivatives: see `_by_newton`
        apart = sizes[..., None, :] - sizes[..., :, None]
        apart = np.where(apart == 0, math.inf, apart)
        return _EIGH(once(np.diagonal(turned, axis1=-2, axis2=-1)), once(vectors + vectors @ (turned / apart)))
    a, v = _copied(a), _copied(np.broadcast_to(np.eye(n), a.shape))
    for p, q in _sweeps(n):
        turn = _rotation(a[..., p, p], a[..., q, q], a[..., p, q])
        for columns in (a, np.swapaxes(a, -1, -2), v):
            _rotate(columns, p, q, *turn)
    found, v = _in_order(np.diagonal(a, axis1=-2, axis2=-1), v)
    if known:
        v = v * np.where((data_of(v) * vectors).sum(axis=-2, keepdims=True) < 0, -1.0, 1.0)
    return _EIGH(found, v)


def eigvalsh(a: Any, UPLO: Any = "L") -> Any:
    """Return the eigenvalues of a symmetric matrix, in ascending order, as np.linalg.eigvalsh does.

    >>> from scalargrad import Value
    >>> eigvalsh([[Value(2.0)]])
    Array([Value(data=2.0, grad=0.0)], dtype=object)
    """
    return eigh(a, UPLO)[0]


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """Return u, the singular values in descending order, and vh, with u @ diag(s) @ vh = a, as np.linalg.svd does.

    >>> from scalargrad import Value
    >>> svd([[Value(3.0)]], compute_uv=False)
    Array([Value(data=3.0, grad=0.0)], dtype=object)

    What is said of vectors at `eigh` holds here, too.
    """
    a = entries(a)
    m, n = a.shape[-2:]
    if hermitian or (compute_uv and full_matrices and m != n):
        raise TypeError("np.linalg.svd: write full_matrices=False, and hermitian only of numbers; see eigh")
    if m < n:
        if not compute_uv:
            return svd(np.swapaxes(a, -1, -2), compute_uv=False)
        u, sizes, vh = svd(np.swapaxes(a, -1, -2), full_matrices=False)
        return _SVD(np.swapaxes(vh, -1, -2), sizes, np.swapaxes(u, -1, -2))
    known = not has_traced(a)
    if known:
        left, _, right = np.linalg.svd(data_of(a), full_matrices=False)
    if known and n > SMALL:
        if compute_uv:
            raise TypeError(
                f"np.linalg.svd: singular vectors of more than {SMALL} columns of Values: see eigh of a.T @ a"
            )
        return once(np.diagonal(np.swapaxes(left, -1, -2) @ a @ np.swapaxes(right, -1, -2), axis1=-2, axis2=-1))
    columns, v = _copied(a), _copied(np.broadcast_to(np.eye(n), (*a.shape[:-2], n, n)))
    for p, q in _sweeps(n):
        x, y = columns[..., p], columns[..., q]
        turn = _rotation((x * x).sum(axis=-1), (y * y).sum(axis=-1), (x * y).sum(axis=-1))
        for each in (columns, v):
            _rotate(each, p, q, *turn)
    sizes = np.sqrt((columns * columns).sum(axis=-2))
    sizes, columns, v = (x[..., ::-1] for x in _in_order(sizes, columns, v))
    if not compute_uv:
        return sizes
    if known:
        sign = np.where((data_of(v) * np.swapaxes(right, -1, -2)).sum(axis=-2, keepdims=True) < 0, -1.0, 1.0)
        columns, v = columns * sign, v * sign
    return _SVD(columns / sizes[..., None, :], sizes, np.swapaxes(v, -1, -2))


_EIGH = _results(np.linalg.eigh)
_SVD = _results(np.linalg.svd)


def cond(x: Any, p: Any = None) -> Any:
    """Return the condition of a matrix: a norm of it times that of its inverse, as np.linalg.cond does.

    >>> from scalargrad import Value
    >>> cond([[Value(3.0)]])
    Value(data=1.0, grad=0.0)
    """
    x = entries(x)
    if p in (None, 2, -2):
        sizes = svd(x, compute_uv=False)
        return sizes[..., -1] / sizes[..., 0] if p == -2 else sizes[..., 0] / sizes[..., -1]
    return norm(x, p, axis=(-2, -1)) * norm(inv(x), p, axis=(-2, -1))


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Return a norm of vectors, or of matrices, as np.linalg.norm does.

    >>> from scalargrad import Value
    >>> norm([Value(3.0), 4.0])
    Value(data=5.0, grad=0.0)
    """
    x = entries(x)
    axes = tuple(range(x.ndim)) if axis is None else tuple(np.atleast_1d(axis))
    if ord is None or (ord in ("f", "fro") and len(axes) == 2) or (ord == 2 and len(axes) == 1):
        return np.sqrt((x * x).sum(axis=axes, keepdims=keepdims))
    if len(axes) == 2 and ord in (2, -2, "nuc"):
        sizes = svd(np.moveaxis(x, axes, (-2, -1)), compute_uv=False)
        found = sizes.sum(axis=-1) if ord == "nuc" else sizes[..., 0 if ord == 2 else -1]
        return np.expand_dims(found, axes) if keepdims else found
    if isinstance(ord, str) or len(axes) > 2 or (len(axes) == 2 and abs(ord) not in (1, math.inf)):
        raise TypeError(f"np.linalg.norm: ord={ord!r} over {len(axes)} axes of Values is not to be had")
    size = np.abs(x)
    if len(axes) == 2:
        size, ord = size.sum(axis=axes[abs(ord) != 1], keepdims=True), math.copysign(math.inf, ord)
    if abs(ord) == math.inf:
        return (np.max if ord > 0 else np.min)(size, axis=axes, keepdims=keepdims)
    if ord == 0:
        return (x != 0).sum(axis=axes, keepdims=keepdims)
    return (size**ord).sum(axis=axes, keepdims=keepdims) ** (1 / ord)


FUNCTIONS: tuple[Callable[..., Any], ...] = (
    solve,
    inv,
    det,
    slogdet,
    cholesky,
    qr,
    lstsq,
    pinv,
    norm,
    cond,
    eigh,
    eigvalsh,
    svd,
)
