"""NumPy's functions that are no ufuncs, on arrays of Values.

Most of them move entries, or call ufuncs, and do as they are. The others, which ask for numbers or copy into arrays of
floats, stand here by their own names, written over ufuncs, comparisons and `np.where`: so they mean the same whether the
numbers are known or, in a function that is traced, not yet.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from scalargrad import linalg, ops
from scalargrad.arrays import apply, as_array, bare, data_of, has_traced, holds_objects, kept, refusal
from scalargrad.linalg import entries
from scalargrad.modes import users_line
from scalargrad.traced import TracingError

# What finds truths or places, and no numbers: it is found from the data, as for floats. What to write where these are not
# known yet, unless there is a function below.
OF_DATA: Mapping[str, str] = {
    "argmax": "np.max(x)",
    "argmin": "np.min(x)",
    "argsort": "np.sort(x)",
    "argpartition": "np.sort(x)",
    **dict.fromkeys(("argwhere", "nonzero", "flatnonzero"), "np.where(condition, x, y)"),
    **dict.fromkeys(
        ("isclose", "allclose", "array_equal", "count_nonzero", "searchsorted", "digitize", "matrix_rank"), ""
    ),
}


def call_function(function: Any, arguments: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """Do what a function of NumPy's that is no ufunc does.

    >>> from scalargrad import Value
    >>> call_function(np.where, (False, 1.0, Value(2.0)), {})
    Value(data=2.0, grad=0.0)
    """
    name = f"{function.__module__}.{function.__name__}"
    given = [*arguments, *keywords.values()]
    if function.__name__ in OF_DATA and not any(map(has_traced, given)):
        return function(*map(data_of, arguments), **{key: data_of(x) for key, x in keywords.items()})
    for x in given:
        for part in x if isinstance(x, (list, tuple)) else (x,):
            bare(part)  # which refuses masked arrays
    if own := OWN.get(name) or (ops.OPERATIONS.get(function.__name__) if name.startswith("numpy.") else None):
        return kept(own(*arguments, **keywords))
    if way := OF_DATA.get(function.__name__):
        raise TracingError(
            f"{users_line()}: {name} finds places by the numbers, which are not known yet while a function is traced: "
            f"write {way}"
        )
    more = {key: as_array(x) for key, x in keywords.items()}
    try:
        return kept(np.ndarray.__array_function__(np.empty(0), function, (np.ndarray,), _as_arrays(arguments), more))
    except TracingError as error:
        raise TracingError(f"{error} (in {name})") from None
    except (TypeError, AttributeError) as error:
        raise TypeError(f"{refusal(name)} ({error})") from error


def _as_arrays(arguments: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(as_array(x) for x in arguments)


OWN: dict[str, Callable[..., Any]] = {f"numpy.linalg.{function.__name__}": function for function in linalg.FUNCTIONS}


def _means(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a function be what NumPy's of that name does."""

    def note(function: Callable[..., Any]) -> Callable[..., Any]:
        OWN[f"numpy.{name}"] = function
        function.__qualname__ = f"np.{name}"  # for messages
        return function

    return note


# Conditions and choices.


@_means("where")
def _where(condition: Any, *choices: Any) -> Any:
    if not choices:
        return np.nonzero(condition)
    x, y = choices
    if holds_objects(condition):
        return apply(ops.where, condition, x, y)
    return np.ndarray.__array_function__(np.empty(0), np.where, (np.ndarray,), _as_arrays((condition, x, y)), {})


@_means("select")
def _select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    out = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        out = np.where(condition, choice, out)
    return out


@_means("piecewise")
def _piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *arguments: Any, **keywords: Any) -> Any:
    x = entries(x)
    if len(condlist) and np.ndim(condlist[0]) == 0 and x.ndim:
        condlist = [condlist]
    if not len(condlist) <= len(funclist) <= len(condlist) + 1:
        raise ValueError(
            f"np.piecewise: {len(condlist)} conditions need as many functions, or one more, not {len(funclist)}"
        )
    out = np.zeros_like(x)
    first = [True] if len(funclist) > len(condlist) else []
    functions = [*funclist[len(condlist) :], *funclist[: len(condlist)]]
    for condition, function in zip([*first, *condlist], functions, strict=True):
        if has_traced(condition) or condition is True:
            made = function(x, *arguments, **keywords) if callable(function) else function
            out = np.where(condition, made, out)
        else:  # what is not chosen may be outside of the function's domain
            chosen = np.broadcast_to(condition, x.shape)
            out[chosen] = function(x[chosen], *arguments, **keywords) if callable(function) else function
    return out


@_means("isclose")
def _isclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    close = (np.abs(a - b) <= atol + rtol * np.abs(b)) | np.equal(a, b)
    return close | (np.isnan(a) & np.isnan(b)) if equal_nan else close


@_means("allclose")
def _allclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    return np.all(np.isclose(a, b, rtol, atol, equal_nan))


@_means("array_equal")
def _array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    same = np.equal(a1, a2) | (np.isnan(a1) & np.isnan(a2)) if equal_nan else np.equal(a1, a2)
    return np.shape(a1) == np.shape(a2) and np.all(same)


@_means("count_nonzero")
def _count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.sum(np.not_equal(a, 0), axis=axis, keepdims=keepdims)


@_means("nan_to_num")
def _nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    if not copy:
        raise TypeError("np.nan_to_num: copy=False would put numbers in place of Values: leave it away")
    largest = np.finfo(float).max
    x = np.where(np.isnan(x), nan, x)
    x = np.where(np.equal(x, math.inf), largest if posinf is None else posinf, x)
    return np.where(np.equal(x, -math.inf), -largest if neginf is None else neginf, x)


@_means("fix")
def _fix(x: Any) -> Any:
    return np.trunc(x)


# Sums and the like of what is no nan.


def _without_nan(function: Callable[..., Any], instead: float) -> Callable[..., Any]:
    def reduced(a: Any, *arguments: Any, **keywords: Any) -> Any:
        return function(np.where(np.isnan(a), instead, a), *arguments, **keywords)

    return reduced


@_means("nanmean")
def _nanmean(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.nansum(a, axis=axis, keepdims=keepdims) / np.sum(1 - np.isnan(a), axis=axis, keepdims=keepdims)


@_means("nanvar")
def _nanvar(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    away = np.where(np.isnan(a), 0.0, a - np.nanmean(a, axis=axis, keepdims=True))
    return (away * away).sum(axis=axis, keepdims=keepdims) / (
        np.sum(1 - np.isnan(a), axis=axis, keepdims=keepdims) - ddof
    )


@_means("nanstd")
def _nanstd(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    return np.sqrt(np.nanvar(a, axis=axis, ddof=ddof, keepdims=keepdims))


for _name, _function, _instead in (
    *(("nansum", np.sum, 0.0), ("nanprod", np.prod, 1.0), ("nancumsum", np.cumsum, 0.0)),
    *(("nanmax", np.max, -math.inf), ("nanmin", np.min, math.inf)),
):
    OWN[f"numpy.{_name}"] = _without_nan(_function, _instead)


@_means("average")
def _average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    a = entries(a)
    w = entries(1.0 if weights is None else weights)
    if axis is not None and w.ndim == 1 and a.ndim > 1:
        w = np.moveaxis(w.reshape((1,) * (a.ndim - 1) + w.shape), -1, axis)
    w = np.broadcast_to(w, a.shape)
    total = w.sum(axis=axis, keepdims=keepdims)
    mean = (a * w).sum(axis=axis, keepdims=keepdims) / total
    return (mean, total) if returned else mean


@_means("bincount")
def _bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    places, weights = data_of(np.asarray(x)), entries(weights)
    out = entries(np.zeros(max(minlength, int(max(places, default=-1)) + 1), object))
    np.add.at(out, places, weights)
    return out


# Order. Ties keep their order, so that each entry has its place in the result.


@_means("sort")
def _sort(a: Any, axis: int | None = -1, *_: Any, **keywords: Any) -> Any:
    if keywords.get("order"):
        raise TypeError("np.sort: order is for arrays with fields, got one of Values")
    a = entries(a)
    if axis is None:
        a, axis = a.ravel(), 0
    if not has_traced(a):
        return np.take_along_axis(a, np.argsort(data_of(a), axis, kind="stable"), axis)
    return np.moveaxis(np.stack(linalg.ordered(list(np.moveaxis(a, axis, 0)))[0]), 0, axis)


@_means("partition")
def _partition(a: Any, kth: Any, axis: int | None = -1, **_: Any) -> Any:  # noqa: ARG001 - all are at their places
    return _sort(a, axis)


@_means("unique")
def _unique(ar: Any, **keywords: Any) -> Any:
    if has_traced(ar):
        raise TracingError(
            f"{users_line()}: how many entries numpy.unique leaves is not known while a function is traced"
        )
    if keywords:
        raise TypeError(f"{refusal('numpy.unique')} ({', '.join(keywords)})")
    ordered = _sort(ar, None)
    return ordered[np.unique(data_of(ordered), return_index=True)[1]]


@_means("searchsorted")
def _searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    before = np.less if side == "left" else np.less_equal
    return sum(before(x, v) * 1 for x in (a if sorter is None else a[sorter]))


@_means("digitize")
def _digitize(x: Any, bins: Any, right: bool = False) -> Any:
    numbers, side = data_of(np.asarray(bins)), "left" if right else "right"
    if numbers[0] <= numbers[-1]:
        return _searchsorted(numbers, x, side)
    return len(numbers) - _searchsorted(numbers[::-1], x, side)


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Return some axes, all where none is named, counted from the first."""
    return tuple(range(ndim)) if axis is None else tuple(range(ndim)[i] for i in np.atleast_1d(axis))


def _linear(a: Any, weights: Any) -> Any:
    """Multiply along the last axis by a matrix of numbers, most of which are 0."""
    rows = [sum((w * a[..., j] for j, w in enumerate(row) if w), np.zeros(a.shape[:-1])) for row in weights]
    return np.stack(rows) if rows else np.zeros((0, *a.shape[:-1]))


def _of_order(a: Any, axis: Any, keepdims: bool, find: Callable[[Any], Any]) -> Any:
    """Do what a function does that is linear in the entries once they are sorted, as a median is.

    On entries that are 0 up to some place and 1 from there on it gives the sum of its weights from there on.
    """
    a = entries(a)
    axes = _axes(axis, a.ndim)
    rest = [i for i in range(a.ndim) if i not in axes]
    flat = np.transpose(a, [*rest, *axes]).reshape(*(a.shape[i] for i in rest), -1)
    steps = np.triu(np.ones((flat.shape[-1] + 1, flat.shape[-1])))
    found = np.array([find(step) for step in steps])
    ordered = _sort(flat)
    shape = found.shape[1:]
    out = _linear(ordered, (found[:-1] - found[1:]).reshape(len(found) - 1, -1).T).reshape(shape + flat.shape[:-1])
    out = np.where(np.isnan(ordered[..., -1]), math.nan, out)
    return np.expand_dims(out, tuple(len(shape) + i for i in axes)) if keepdims else out


@_means("median")
def _median(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return _of_order(a, axis, keepdims, np.median)


@_means("quantile")
def _quantile(a: Any, q: Any, axis: Any = None, *, method: Any = "linear", keepdims: bool = False) -> Any:
    return _of_order(a, axis, keepdims, lambda step: np.quantile(step, q, method=method))


@_means("percentile")
def _percentile(a: Any, q: Any, axis: Any = None, *, method: Any = "linear", keepdims: bool = False) -> Any:
    return _of_order(a, axis, keepdims, lambda step: np.percentile(step, q, method=method))


# Curves.


@_means("linspace")
def _linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, *_: Any) -> Any:
    start, stop = np.broadcast_arrays(entries(start) * 1.0, entries(stop) * 1.0)
    step = (stop - start) / max(num - 1 if endpoint else num, 1)
    rows = [start + i * step for i in range(num)]
    if endpoint and num > 1:
        rows[-1] = stop
    made = np.stack(rows) if rows else np.zeros((0, *start.shape))
    return (made, step) if retstep else made


@_means("logspace")
def _logspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0) -> Any:
    return np.power(base, np.linspace(start, stop, num, endpoint))


@_means("geomspace")
def _geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True) -> Any:
    return start * np.power(
        np.divide(stop, start), np.linspace(0.0, 1.0, num, endpoint).reshape(-1, *[1] * np.ndim(start))
    )


@_means("interp")
def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    if period is not None:
        raise TypeError("np.interp: period is not to be had with Values: write x % period, and repeat xp and fp")
    x, xp, fp = entries(x), entries(xp), entries(fp)

    def line(i: Any) -> Any:
        return (fp[i + 1] - fp[i]) / (xp[i + 1] - xp[i]) * (x - xp[i]) + fp[i]

    if has_traced(x) or has_traced(xp):
        out = line(0)
        for i in range(1, len(xp) - 1):
            out = np.where(np.greater_equal(x, xp[i]), line(i), out)
    else:
        out = line(np.clip(np.searchsorted(data_of(xp), data_of(x), side="right") - 1, 0, len(xp) - 2))
    out = np.where(np.less(x, xp[0]), fp[0] if left is None else left, out)
    return np.where(np.greater(x, xp[-1]), fp[-1] if right is None else right, out)


@_means("gradient")
def _gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: Any = 1) -> Any:
    f = entries(f)
    axes = _axes(axis, f.ndim)
    if any(map(holds_objects, varargs)):
        raise TypeError(f"{refusal('numpy.gradient')} (for the spacing of its points)")
    spacings = list(varargs) * len(axes) if len(varargs) == 1 else list(varargs) or [1.0] * len(axes)
    if len(spacings) != len(axes):
        raise TypeError(f"np.gradient: {len(axes)} axes need one spacing, or one each, got {len(varargs)}")
    found = []
    for i, spacing in zip(axes, spacings, strict=True):  # what it makes of each entry alone says all
        weights = np.gradient(np.eye(f.shape[i]), spacing, axis=0, edge_order=edge_order)
        found.append(np.moveaxis(_linear(np.moveaxis(f, i, -1), weights), 0, i))
    return found[0] if len(found) == 1 else tuple(found)


@_means("cov")
def _cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None) -> Any:
    x = np.atleast_2d(entries(m))
    x = x.T if not rowvar and np.ndim(m) > 1 else x
    if y is not None:
        other = np.atleast_2d(entries(y))
        x = np.concatenate([x, other.T if not rowvar and np.ndim(y) > 1 else other])
    away = x - x.mean(axis=1, keepdims=True)
    return np.squeeze(away @ away.T / (x.shape[1] - (1 - bias if ddof is None else ddof)))


@_means("corrcoef")
def _corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    c = _cov(x, y, rowvar)
    if np.ndim(c) == 0:
        return c / c
    size = np.sqrt(np.diag(c))
    return c / size[:, None] / size[None, :]


@_means("polyfit")
def _polyfit(x: Any, y: Any, deg: int, rcond: float | None = None, *, w: Any = None) -> Any:
    powers, values = np.vander(entries(x), deg + 1), entries(y)
    if w is not None:
        powers, values = powers * entries(w)[:, None], (values.T * w).T
    size = np.sqrt((powers * powers).sum(axis=0))
    return (linalg.lstsq(powers / size, values, rcond)[0].T / size).T
