"""The idiom table: NumPy, Python and code in SciPy's style on arrays of Values, as people write it.

A line is a point, by its letter, and the idiom, a function of `x`: what its last statement gives. What stands after `#` is
what becomes of it where it cannot work: "compiled" under `jit` and `vmap` only, where no number is known yet, "everywhere"
else; and a part of the message, which says the way out.

test_idioms.py runs each of them, and `page()` is docs/idioms.md.
"""

import functools
import itertools
import math
import operator
import statistics
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import scalargrad

POINTS = {
    "s": 1.3,
    "X": np.array([0.7, -0.3, 1.9]),
    "P": np.array([0.7, 0.3, 1.9]),
    "U": np.array([0.7, -0.3, 0.1]),
    "V": np.array([0.7, -0.3, 1.9, 1.1, -0.8]),
    "M": np.array([[0.7, -0.3, 1.9], [0.2, 1.1, -0.8]]),
    "A": np.array([[2.1, -0.3, 0.9], [0.2, 1.7, -0.8], [0.5, 0.4, -1.3]]),
}

NAMES: dict[str, Any] = {
    **vars(scalargrad),
    "np": np,
    "math": math,
    "itertools": itertools,
    "functools": functools,
    "operator": operator,
    "statistics": statistics,
    "trapezoid": next(getattr(np, name) for name in ("trapezoid", "trapz") if hasattr(np, name)),
    "C": np.array([1.0, -2.0, 3.0]),
    "W": np.array([[0.5, 1.0, -2.0], [0.3, 0.0, 4.0]]),
    "t": np.array([0.0, 0.5, 1.5, 2.0, 4.0]),
    "MASK": np.array([True, False, True]),
}

SECTIONS = {
    "Functions of each entry": """
        X np.exp(x)
        X np.exp2(x)
        X np.expm1(x)
        P np.log(x)
        P np.log2(x)
        P np.log10(x)
        P np.log1p(x)
        P np.sqrt(x)
        X np.cbrt(x)
        X np.square(x)
        X np.reciprocal(x)
        X x**2 + x**3.0 + x**-1
        P x**0.5 + x**-1.5
        X 2.0**x
        P x**x[::-1]
        X np.power(x, 3)
        P np.float_power(x, 1.5)
        X np.sin(x) + np.cos(x) + np.tan(x)
        U np.arcsin(x) + np.arccos(x) + np.arctan(x)
        X np.arctan2(x, C)
        X np.hypot(x, C)
        X np.sinh(x) + np.cosh(x) + np.tanh(x)
        X np.arcsinh(x)
        P np.arccosh(x + 1)
        U np.arctanh(x)
        X np.degrees(x) + np.deg2rad(x)
        X np.abs(x) + np.fabs(x) + abs(x)
        X np.sign(x) * x
        X np.copysign(x, C)
        X np.copysign(2.0, x) * x
        X np.heaviside(x, 0.5) * x
        X np.floor(x) * x
        X np.ceil(x) * x
        X np.trunc(x) * x
        X np.rint(x) * x
        X np.round(x, 1) * x
        X x.round() * x
        X np.fix(x) * x
        X x - np.floor(x)
        X x % 0.4
        X 2.0 % x
        X np.mod(x, C) + np.remainder(x, -0.4)
        X np.fmod(x, 0.4)
        X (x // 0.4) * x
        X np.floor_divide(x, C) * x
        X q, r = divmod(x, 0.4); q * r
        X fraction, whole = np.modf(x); fraction * whole
        X np.maximum(x, 0.5)
        X np.minimum(x, x[::-1])
        X np.fmax(x, 0.5) + np.fmin(C, x)
        X np.clip(x, 0.0, 1.0)
        X x.clip(-0.1, 1.0)
        X np.nan_to_num(x)
        X np.logaddexp(x, 0.5)
        X np.logaddexp2(x, C) + np.logaddexp2([1.0, 2.0, 3.0], x)
        X np.ldexp(x, 3)
        X np.positive(-x) + np.negative(x)
        X np.exp(-0.5 * ((x - C) / 2.0) ** 2) / (2.0 * math.sqrt(2 * math.pi))
        X 1 / (1 + np.exp(-x))
        X np.where(np.isnan(x), 0.0, x)
        X np.real(x) * x.conj()
        X np.nextafter(x, 2.0)  # everywhere: numpy.nextafter takes no Values
        X np.frexp(x)[0]  # everywhere: numpy.frexp takes no Values
    """,
    "Sums and other reductions": """
        M np.sum(x)
        M x.sum(axis=0)
        M np.sum(x * x, axis=1, keepdims=True) * x
        X np.sum(x * x, where=MASK)
        X np.sum(x, initial=2.0)
        M x.sum(axis=(0, 1))
        M np.prod(x)
        M x.prod(axis=1)
        M np.mean(x * x, axis=1)
        X np.mean(x, where=MASK)
        X np.average(x * x, weights=C)
        P np.average(C, weights=x)
        X np.var(x)
        M np.var(x, axis=1, ddof=1)
        X np.std(x)
        M (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
        M np.max(x)
        M x.max(axis=1)
        M np.amin(x, axis=0, keepdims=True) * x
        X np.max(x, initial=0.1, where=MASK)
        M np.ptp(x, axis=1)
        X np.maximum.reduce(x)
        X np.maximum.accumulate(x)
        X np.add.accumulate(x * x)
        V np.add.reduceat(x * x, [0, 2, 3])
        X np.logaddexp.reduce(x)
        X m = x.max(); m + np.log(np.exp(x - m).sum())
        X e = np.exp(x - np.max(x)); e / e.sum()
        X np.cumsum(x * x)
        M np.cumprod(x, axis=1)
        X np.diff(x * x)
        V np.diff(x, n=2)
        X np.diff(x, prepend=0.0) * x
        X np.ediff1d(x) * C[:2]
        V np.gradient(x * x)
        V np.gradient(x, 0.5)
        V np.gradient(x, t)
        V np.median(x)
        M np.median(x, axis=1)
        V np.quantile(x, 0.3)
        V np.percentile(x, [25, 50, 90])
        M np.percentile(x, 40, axis=1)
        X np.nansum(x * x)
        X np.nanmean(x * x)
        X np.nanmax(x) * x
        M np.cov(x)
        M np.corrcoef(x)
        V np.bincount([0, 1, 1, 0, 2], weights=x) * C
        M np.nanvar(x, axis=1) + np.nanstd(x)
        V np.histogram(x)[0]  # everywhere: numpy.histogram
    """,
    "Conditions": """
        X np.where(x > 0, x, 0.0)
        X np.where(x > C, x * x, C * x)
        X np.where(x >= 0.5, x, -x) + np.where(x <= 0.5, 2 * x, x)
        X np.where(0.5 < x, x, x * x)
        X np.where(x < 0, np.exp(x) - 1, x)
        X (x > 0) * x
        X x * (x > 0.5) + (x <= 0.5) * x**2
        X x * (1 - (x < 0))
        X np.where((x > 0) & (x < 1), x, x * x)
        X np.where((x < 0) | (x > 1), x, x * x)
        X np.where(~(x > 0), x, x * x)
        X np.where((x > 0) ^ MASK, x, x * x)
        X np.where(np.logical_and(x > 0, x < 1), x, x * x)
        X np.where(np.logical_or(x < 0, np.logical_not(x < 1)), x, x * x)
        X np.where(np.logical_xor(x > 0, MASK), x, x * x)
        X np.where(MASK, x, 0.0)
        X np.where(x == 0.5, 3 * x, x * x)
        X np.where(x != 0.5, 3 * x, x * x)
        X np.where(np.isclose(x, 0.7, atol=0.1), 3 * x, x * x)
        X np.where(np.isfinite(x), x, 0.0) + np.where(np.isinf(x), 1.0, x)
        X np.where(np.signbit(x), -x, x * x)
        X np.select([x < 0, x < 1], [x * x, x], default=2 * x)
        X np.piecewise(x, [x < 0, x >= 0], [lambda v: v * v, lambda v: 3 * v])
        X x * np.sum(x > 0)
        X x * (x > 0).mean()
        X x * np.count_nonzero(x > 0)
        X x * (x > 0).astype(float)
        X x * (x > 0).astype(int) + (x * 7.5).astype(int)
        X x * (x > 0).astype(bool) * (x != 0).all()
        X np.where(np.any(x > 1), x, x * x)
        X np.where(np.all(x > 1), x, x * x)
        X np.where(np.greater(x, 0.5), x, x * x)
        X where(greater(x, 0.5), np.exp(x), 2.0)
        X where(x > 0.5, exp(x), 2.0)
        X np.maximum(x > 0, x)
        s where(x > 1, x * x, x)
        s (x > 1) * x + (x <= 1)
        s where((x > 1) & ~(x > 2), x * x, x)
        X x[x > 0].sum()  # compiled: where(
        X a = x * 1.0; a[a < 0] = 0.0; a  # compiled: where(
        X np.compress(x > 0, x).sum()  # compiled: where(
        X np.extract(x > 0, x).sum()  # compiled: where(
        s x * x if x > 1 else x  # compiled: where(
        s 2 * x if 0 < x < 2 else x  # compiled: where(
        s x and 2 * x  # compiled: where(
    """,
    "Selection and order": """
        V np.sort(x)
        M np.sort(x, axis=0)
        V np.sort(x)[::-1][:2]
        V a = x.copy(); a.sort(); a
        V np.partition(x, 2)[2]
        V x[np.argmax(x)]  # compiled: np.max(x)
        V x[x.argmin()]  # compiled: np.min(x)
        V x[np.argsort(x)]  # compiled: np.sort(x)
        V np.take_along_axis(x, np.argsort(x), 0)  # compiled: np.sort(x)
        V x * np.searchsorted(t, x)
        V x * np.digitize(x, t)
        X np.choose([2, 0, 1], [x, x * x, C])
        X np.take(x, [2, 0, 2])
        M np.take(x, [1, 0], axis=1)
        M np.take_along_axis(x, np.array([[2], [0]]), axis=1)
        V np.interp(x, t, t**2)
        V np.interp(t, t * 1.1, x)
        V np.interp([0.3, 0.9], np.sort(x), t)
        V np.interp(2.2, t, x, left=1.0, right=2.0)
        V np.unique(x)  # compiled: numpy.unique
        V trapezoid(x * x, dx=0.5)
        V trapezoid(x, t)
        V trapezoid(t, x)
    """,
    "Indices and assignment": """
        X x[0] * x[-1]
        X x[1:] * x[:-1]
        X x[::-1] * C
        X x[[2, 0, 2]]
        X x[np.array([2, 0])] * x[MASK]
        M x[:, 0] * x[1, 1:].sum()
        M x[np.ix_([1, 0], [2, 0])]
        M x[..., None] * C
        X x[:, None] - x[None, :]
        X a = np.zeros_like(x); a[1:] = x[:-1] * 2; a * x
        X a = x.copy(); a[0] = 2.0; a * x
        X a = x * 1.0; a += C; a *= x; a -= 1; a /= 2.0; a **= 2; a
        X a = np.empty_like(x); a[:] = x; np.add.at(a, [0, 0], x[1]); a
        X a = x * 2; np.maximum(a, 0.5, out=a); a
        X a = x * 2; np.copyto(a, x * x, where=MASK); a
        X a = x * 2; np.put(a, [0, 2], x[1]); a
        X a = x * 2; np.put_along_axis(a, np.array([1]), x[0] * x[2], 0); a
        A a = x * 2; np.fill_diagonal(a, x[0]); a
        X a = np.zeros(3, object); a[1] = x[0] * x[2]; a * C
        X a = np.zeros(3); a[1] = x[0]; a  # everywhere: np.zeros_like(x)
        X np.asarray(x, dtype=float) * 2  # everywhere: np.zeros_like(x)
    """,
    "Arrays of parts": """
        X np.array([x[0], 1.0, x[1] * x[2]]) * C
        X np.sin(np.array([x[0], 1.0]))  # everywhere: no callable sin method
        X np.asarray(x) * np.array(x)
        X array([x[0] * x[1], 0.25]) * 2
        X np.concatenate([x, np.ones(2), x * x])
        X np.stack([x * x, C, x]) + np.stack([x, x, x], axis=1)
        X np.vstack([np.hstack([x, 2.0]), np.arange(4.0)]) * x[0]
        X np.column_stack([x, C]) @ np.ones(2) * np.dstack([x, x]).sum()
        X np.block([[x[:2], 1.0], [np.zeros(2), x[2]]]) * 2
        X np.r_[x, 0.0, x[0]] * 2
        X np.c_[x, C] * 2
        X np.append(x, [1.0, 2.0]) * 2
        X np.insert(x, 1, 5.0) * 2
        X np.delete(x, 1) * 2
        X np.tile(x, 2) * np.repeat(x, 2)
        X np.exp(np.pad(x, 1))
        X np.pad(x, (2, 1), mode="edge") * 2
        V np.pad(x, 2, mode="reflect") + np.pad(x, 2, mode="wrap")
        X np.roll(x, 1) * x + np.flip(x)
        A np.rot90(x) * x + np.fliplr(x) * np.flipud(x)
        A np.tanh(np.tril(x)) + np.exp(np.triu(x, 1))
        X np.cosh(np.diag(x)) + np.diagflat(x)
        A np.diag(x) * np.diagonal(x, 0)
        X np.eye(3) * x + np.identity(3) * x[0]
        X np.full_like(x, 2.0) * x + np.full(3, x[0]) + np.ones_like(x)
        X np.linspace(x[0], x[2], 4)
        X np.logspace(0.0, x[0], 3) + np.geomspace(1.0, x[2], 3)
        X np.vander(x, 3)
        X a, b = np.meshgrid(x, C); a * b
        X np.broadcast_to(x, (2, 3)) * W
        X a, b = np.broadcast_arrays(x, W); a * b
        V a, b = np.split(x, [2]); a.sum() * b
        V a, b = np.array_split(x * x, 2); a[:2] * b
        M x.reshape(3, 2) @ x.ravel()[:2] + x.flatten()[:3]
        M x.T @ np.transpose(x)[:2].T.sum(axis=0)[:2]
        M np.swapaxes(x, 0, 1) + np.moveaxis(x, 0, 1)
        X np.squeeze(np.expand_dims(x, 0)) * np.atleast_2d(x)
        X np.vectorize(lambda v: v * v + 1)(x)
        M np.apply_along_axis(lambda row: row @ row, 1, x)
        X np.frompyfunc(lambda v, w: v * w + 1, 2, 1)(x, C)
        X np.outer(x, x) + np.multiply.outer(x, C)
        X np.polyval(x, 2.0)
        X np.polyval(C, x)
        X np.polynomial.polynomial.polyval(x, C)
        X np.array([v for v in x if True]) * C
        X np.array(x.tolist()) * x
        X for i, v in enumerate(x.flat): s = v * (i + 1) + (s if i else 0.0); s
        X np.fromiter((v * v for v in x), float)  # everywhere: np.zeros_like(x)
        X np.fft.fft(x)  # everywhere: numpy.fft.fft takes no Values
    """,
    "Products": """
        X W @ x
        X x @ W.T
        M x @ x.T
        X np.matmul(W, x)
        X np.dot(W, x) + np.dot(x, x)
        X x.dot(C) * x
        X np.vdot(x, x)
        X np.inner(x, W)
        M np.einsum("ij,kj->ik", x, W)
        M np.einsum("ij,ij->", x, x)
        A np.einsum("ii", x)
        M np.einsum("ij->j", x)
        X np.einsum("i,i,i->i", x, C, x)
        A np.einsum("ij,jk,kl->il", x, x, x, optimize=True)
        M np.tensordot(x, W, axes=([1], [1]))
        X np.kron(x, C[:2])
        X np.cross(x, C)
        A np.trace(x @ x)
        V np.convolve(x, [1.0, 2.0, -1.0])
        V np.convolve(x[:3], x, mode="same")
        V np.correlate(x, [1.0, 2.0], mode="valid")
        A np.linalg.multi_dot([x, x.T, x])
        A np.linalg.matrix_power(x, 3)
    """,
    "Linear algebra": """
        A np.linalg.solve(x, C)
        A np.linalg.solve(x, x.T)
        X np.linalg.solve(np.diag(C) + np.outer(x, x), x)
        A np.linalg.inv(x)
        A np.linalg.matrix_power(x, -2)
        A np.linalg.det(x)
        A sign, logdet = np.linalg.slogdet(x); sign * logdet
        A np.linalg.cholesky(x @ x.T + np.eye(3))
        M np.linalg.lstsq(x.T, C, rcond=None)[0]
        M np.linalg.lstsq(x, C[:2], rcond=None)[0]
        M np.linalg.pinv(x)
        M np.linalg.pinv(x.T)
        A q, r = np.linalg.qr(x); np.abs(q) + r @ x
        A np.linalg.solve(np.stack([x, x.T]), np.stack([x, x])).sum(axis=0)
        A x @ np.linalg.inv(x.T @ x) @ x.T
        A C @ np.linalg.solve(x @ x.T + np.eye(3), C) + np.linalg.slogdet(x @ x.T + np.eye(3))[1]
        X np.linalg.norm(x)
        M np.linalg.norm(x) * x[0]
        M np.linalg.norm(x, axis=1)
        M x / np.linalg.norm(x, axis=1, keepdims=True)
        X np.linalg.norm(x, 1) + np.linalg.norm(x, np.inf) + np.linalg.norm(x, 3)
        M np.linalg.norm(x, "fro") + np.linalg.norm(x, 1)
        A np.linalg.eigvalsh(x @ x.T)
        A sizes, vectors = np.linalg.eigh(x + x.T); sizes * np.abs(vectors)
        A np.linalg.cond(x)
        M u, sizes, vh = np.linalg.svd(x, full_matrices=False); u @ (sizes[:, None] ** 2 * vh)
        M np.linalg.svd(x, compute_uv=False)
        A np.linalg.norm(x, 2)
        A np.linalg.eigvals(x)  # everywhere: numpy.linalg.eigvals takes no Values
        V np.polyfit(t, x, 1)
    """,
    "Python": """
        X sum(x * x)
        X sum(v * w for v, w in zip(x, C))
        X sum([v**2 for v in x], start=1.0)
        X abs(x[0]) + abs(x[1])
        X pow(x[0], 3) + pow(2, x[1])
        s x % 0.4 + x // 0.4 * x
        s np.divmod(x, 0.4)[1] + divmod(x, 0.7)[0]
        s math.floor(x) * x + math.ceil(x) * x + math.trunc(x) * x
        s round(x) * x
        s x.sin() + x.exp() * 2 if hasattr(x, "sin") else math.sin(x) + math.exp(x) * 2
        s sin(x) + exp(x) * sqrt(x) + log(x)
        s maximum(x, 1.0) + minimum(x, 2.0) + relu(x)
        s np.exp(x) * np.maximum(x, 0.5) + np.where(x > 1, x, 0.0)
        s np.float64(2.0) * x + np.int64(3) - x
        s 3 * x if x == 2 else x * x  # compiled: where(
        X math.prod(x)
        X functools.reduce(operator.mul, x)
        X np.array(list(itertools.accumulate(x, operator.mul)))
        X sum(a * b for a, b in itertools.combinations(x, 2))
        X np.array([a - b for a, b in itertools.pairwise(x)])
        X np.array([(i + 1) * v for i, v in enumerate(x)])
        X a, *b = x; a * sum(b)
        X y = 1.0; [y := y - (y * y - x[2]) / (2 * y) for _ in range(6)][-1]
        X np.array(list(map(lambda v, w: v * w, x, C)))
        X np.array([*reversed(x)]) * x
        s {"a": x, "b": x * x}["b"] + (x, 2 * x)[1]
        X max(x)  # compiled: maximum
        X max(x[0], 0.5) + min(x[1], 0.0)  # compiled: maximum
        X sorted(x)[1]  # compiled: where(
        X statistics.median(x)  # compiled: where(
        X x[0] if all(v < 2 for v in x) else x[1]  # compiled: where(
        X x[0] if any(v < 0 for v in x) else x[1]  # compiled: where(
        X x[0] if x[0] > 0 and x[1] > 0 else x[1]  # compiled: where(
        X x[0] if 5.0 in list(x) else x[1]  # compiled: where(
        s math.exp(x)  # everywhere: scalargrad.exp(v)
        s math.sqrt(x) + math.hypot(x, 1.0)  # everywhere: scalargrad.exp(v)
        s float(x) * 2  # everywhere: scalargrad.exp(v)
        s int(x) * 2  # everywhere: math.floor(v)
        s round(x, 1) * x  # everywhere: round(v*
        X statistics.mean(x)  # everywhere: np.mean
        X math.fsum(x)  # everywhere: scalargrad.exp(v)
    """,
    "In SciPy's style": """
        X (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
        P x[0] * np.exp(-x[1] * t) + x[2] - np.sqrt(t)
        P r = x[0] / (1 + np.exp(-x[1] * (t - x[2]))) - 0.5; 0.5 * r @ r
        X d = x[:, None] - C; np.exp(-0.5 * d**2).sum(axis=1)
        P 0.5 * np.sum(((t - x[0]) / x[1]) ** 2) + t.size * np.log(x[1]) + x[2]
        X r = np.abs(x - C); np.where(r <= 1, 0.5 * r**2, r - 0.5).sum()
        X np.tanh(np.maximum(W @ x, 0.0) @ np.array([1.0, -0.5]))
        M s = x.T @ x; e = np.exp(s - s.max(axis=1, keepdims=True)); (e / e.sum(axis=1, keepdims=True)) @ x.T
        X np.array([x[1], -x[0] * (1 - x[2] ** 2)])
        X y = x; [y := y + 0.1 * np.array([y[1], -y[0], y[0] * y[1]]) for _ in range(5)][-1]
        X k = np.exp(-0.5 * (x[:, None] - x[None, :]) ** 2) + 0.1 * np.eye(3); C @ np.linalg.solve(k, C)
        P a = np.sqrt(np.sum(np.diff(np.stack([x, x * x]), axis=1) ** 2, axis=0)); a.sum()
        A b = x @ x.T; y = np.linalg.cholesky(b + np.eye(3)); 2 * np.log(np.diag(y)).sum()
        P price = x[0] * 0.5 * (1 + erf(x[1] / math.sqrt(2))) - np.maximum(x[2] - 1, 0); price
    """,
}


class Idiom(NamedTuple):
    """A row of the table.

    fails  where it is refused: "", "compiled" or "everywhere"
    way    a part of the message of the refusal
    """

    section: str
    point: str
    text: str
    fails: str
    way: str

    @property
    def x(self) -> Any:
        """The point, an array or a number."""
        return POINTS[self.point]

    @property
    def function(self) -> Callable[[Any], Any]:
        """The idiom as a function of x."""
        *before, last = self.text.split("; ")
        lines = ["def idiom(x):", *before, f"return {last}"]
        names = dict(NAMES)
        exec("\n    ".join(lines), names)
        made: Callable[[Any], Any] = names["idiom"]
        return made


def _row(section: str, line: str) -> Idiom:
    point, _, rest = line.strip().partition(" ")
    text, _, note = rest.partition("  # ")
    fails, _, way = note.partition(": ")
    return Idiom(section, point, text, fails, way)


TABLE = [_row(section, line) for section, text in SECTIONS.items() for line in text.strip().splitlines()]


def page() -> str:
    """Return docs/idioms.md."""
    right = [row for row in TABLE if not row.fails]
    lines = [
        "# NumPy, Python and SciPy-style code on Values",
        "",
        f"""{len(TABLE)} idioms, each a function of `x`: an array, or a number. {len(right)} of them give NumPy's numbers and
the derivatives that finite differences give, called as they are and under `grad`, `jit` and `vmap`. The others are one
error, which says what to write instead; the comments quote it. `tests/test_idioms.py` runs all of them, on both
engines, and this page is written from them (`python docs/make.py`).

`C`, `W` and `t` are arrays of numbers, `MASK` one of truths; `np` is NumPy, and `trapezoid` its function; `where`,
`exp`, `array`, ... are scalargrad's.""",
    ]
    titles = {
        "": "",
        "compiled": "Under `grad` only: under `jit` and `vmap` the numbers are not known yet.",
        "everywhere": "Refused.",
    }
    for section in SECTIONS:
        lines += ["", f"## {section}"]
        for fails, title in titles.items():
            rows = [row for row in TABLE if (row.section, row.fails) == (section, fails)]
            texts = [row.text + (f"  # {row.way}" if row.way else "") for row in rows]
            if rows:
                lines += [*(["", title] if title else []), "", "```python", *texts, "```"]
    return "\n".join([*lines, ""])
