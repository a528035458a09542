"""The array operations of a sheet: one record each, as in ops.py, whose shares of the chain rule are written in the language.

In a share, `a`, `b`, ... are the operands, `out` is the result, and `g` the derivative of whatever is differentiated with
respect to `out`. Operations that work entry by entry have their records in ops.py; functions that can be said by others
are definitions in the language (DEFINITIONS below), and need no record.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

from scalargrad import ops
from scalargrad.op import Op
from scalargrad.sheet import arrays
from scalargrad.sheet.arrays import Array, ShapeError, total

RECORDS: dict[str, Record] = {}


class Record:
    """An operation on arrays.

    name    how it is called in the language
    value   arrays to an array
    shares  for each operand, in the language, its share of the chain rule; "" where none passes
    why     the rule in a sentence
    latex   a template for operands, as in op.py
    spreads whether its shares hold for a gradient that is one number for all entries, too
    """

    def __init__(
        self, name: str, value: Callable[..., Array], *shares: str, why: str, latex: str = "", spreads: bool = False
    ) -> None:
        self.name, self.value, self.shares, self.why, self.latex, self.spreads = (
            name,
            value,
            shares,
            why,
            latex,
            spreads,
        )
        RECORDS[name] = self

    def __repr__(self) -> str:
        return f"<record {self.name}>"


def whole(array: Array, what: str) -> int:
    """Return a whole number that an operation takes, such as a stride."""
    if array.shape or array.data[0] != int(array.data[0]):
        raise ShapeError(f"{what} must be a whole number, got {array.nested}")
    return int(array.data[0])


# Sums over an axis: None for all entries, 0 for down the rows (one number a column), 1 for along each row.


def _lines(a: Array, axis: int | None) -> tuple[list[tuple[Any, ...]], tuple[int, ...], str]:
    """Split an array along an axis; return the lines, and the shape and orientation of one number a line."""
    if axis is None or len(a.shape) < 2:
        return [a.entries], (), ""
    if len(a.shape) > 2:
        raise ShapeError(f"an axis needs a matrix, got the shape {a.shape}")
    m, n = a.shape
    if axis == 0:
        return [a.entries[j::n] for j in range(n)], (n,), "row"
    return [a.entries[i * n : i * n + n] for i in range(m)], (m,), "column"


def _along(function: Callable[[tuple[Any, ...]], Any], axis: int | None) -> Callable[[Array], Array]:
    def value(a: Array) -> Array:
        lines, shape, orientation = _lines(a, axis)
        return Array(shape, map(function, lines), orientation)

    return value


def _each(function: Callable[[tuple[Any, ...]], list[Any]], axis: int | None) -> Callable[[Array], Array]:
    """Put in the place of each line what a function makes of it."""

    def value(a: Array) -> Array:
        lines, shape, _ = _lines(a, axis)
        done = [function(line) for line in lines]
        if not shape:
            return Array(a.shape, done[0], a.orientation)
        out = Array(tuple(map(len, (done, done[0]))), itertools.chain(*done))
        return out.transposed if axis == 0 else out

    return value


def _one_line(name: str, value: Callable[[Array], Array]) -> Callable[[Array], Array]:
    def checked(a: Array) -> Array:
        if len(a.shape) > 1:
            raise ShapeError(f"{name} of a matrix: write {name}_rows (over each row) or {name}_columns")
        return value(a)

    return checked


def _softmax(line: tuple[Any, ...]) -> list[Any]:
    largest = max(x.data if hasattr(x, "data") else x for x in line)
    powers = [ops.exp(x - largest) for x in line]
    below = total(powers)
    return [power / below for power in powers]


def _logsumexp(line: tuple[Any, ...]) -> Any:
    largest = max(x.data if hasattr(x, "data") else x for x in line)
    return ops.log(total([ops.exp(x - largest) for x in line])) + largest


def _largest(line: tuple[Any, ...]) -> Any:
    out = line[0]
    for x in line[1:]:
        out = ops.maximum(out, x)
    return out


def _is_largest(line: tuple[Any, ...]) -> list[Any]:
    numbers = [x.data if hasattr(x, "data") else x for x in line]
    return [float(x == max(numbers)) / numbers.count(max(numbers)) for x in numbers]


_AXES = (("", None, ""), ("_columns", 0, " of each column"), ("_rows", 1, " of each row"))
for _end, _axis, _of in _AXES:
    Record(
        "sum" + _end,
        _along(total, _axis),
        "g",
        spreads=True,
        why="Every entry of a sum counts once: each gets the whole gradient of the sum.",
    )
    Record(
        "mean" + _end,
        _along(lambda line: total(line) / len(line), _axis),
        f"g/count{_end}(a)",
        spreads=True,
        why="Each of n entries moves a mean by 1/n: each gets the n-th part of its gradient.",
    )
    Record("count" + _end, _along(lambda line: float(len(line)), _axis), "", why="")
    Record(
        "softmax" + _end,
        _one_line("softmax", _each(_softmax, None)) if _axis is None else _each(_softmax, _axis),
        f"out ∘ (g - sum{_end}(g ∘ out))",
        spreads=True,
        why="Each output of a softmax depends on all inputs: its Jacobian is diag(p) - p pᵀ, applied to the gradient of p.",
    )
    Record(
        "logsumexp" + _end,
        _along(_logsumexp, _axis),
        f"g ∘ softmax{_end}(a)",
        why="The derivative of log Σ exp is the softmax.",
    )
    Record(
        "max" + _end,
        _along(_largest, _axis),
        f"g ∘ is_largest{_end}(a)",
        why="A maximum passes the gradient on to the largest entry.",
    )
    Record("is_largest" + _end, _each(_is_largest, _axis), "", why="")


# Products and turns.

Record("product", arrays.product, "g bᵀ", "aᵀ g",
       why="In a product each factor gets the gradient times the other factor, transposed, on the side where it stood.")  # fmt: skip
Record("hadamard", lambda a, b: arrays.elementwise(ops.mul, a, b), "g ∘ b", "g ∘ a", spreads=True,
       why="Entry by entry, each factor gets the gradient times the other factor.")  # fmt: skip
Record("transpose", lambda a: a.transposed, "gᵀ", why="A transpose turns the gradient back.")
for _way in ("row", "column"):  # a vector that lies, or stands
    Record(_way, lambda a, way=_way: Array(a.shape, a.entries, way), "shaped(g, a)", why="")
Record("dot", lambda a, b: Array((), [total(x * y for x, y in zip(a.entries, b.entries, strict=True))]), "g b", "g a",
       why="In a dot product each vector gets the gradient times the other vector.")  # fmt: skip
Record("spread", lambda g, a: g.spread(a.shape, a.orientation), "", "", why="")
Record("norm", lambda a: Array((), [ops.sqrt(total(x * x for x in a.entries))]), "g a/out", latex=r"\left\lVert {} \right\rVert",
       why="The gradient of a length is the direction: the vector over its length.")  # fmt: skip


# Parts.


def _places(a: Array, indices: tuple[Array, ...], first: int) -> tuple[int, ...]:
    place = tuple(whole(i, "an index") - first for i in indices)
    if any(not 0 <= i < n for i, n in zip(place, a.shape, strict=False)):
        raise ShapeError(
            f"there is no entry {', '.join(str(i + first) for i in place)} in an array of the shape {shown_shape(a)}"
        )
    return place


def _put_at(g: Array, a: Array, place: tuple[int, ...]) -> Array:
    size = math.prod(a.shape[len(place) :])
    start = sum(i * math.prod(a.shape[axis + 1 :]) for axis, i in enumerate(place))
    entries: list[Any] = [0.0] * len(a.entries)
    entries[start : start + size] = g.spread(a.shape[len(place) :]).entries
    return Array(a.shape, entries, a.orientation)


def _part(a: Array, like: Array, start: Array) -> Array:
    begin = whole(start, "a start")
    width = math.prod(a.shape[1:])
    return Array(like.shape, a.entries[begin * width : begin * width + len(like.entries)], like.orientation)


def _concat(*parts: Array) -> Array:
    if any(len(part.shape) > 1 for part in parts):
        rows = [part if len(part.shape) == 2 else part.reshaped((1, *part.shape)) for part in parts]
        if len({row.shape[1] for row in rows}) > 1:
            raise ShapeError("what stands on top of each other must have the same number of columns")
        return Array(
            (sum(row.shape[0] for row in rows), rows[0].shape[1]), itertools.chain(*(row.entries for row in rows))
        )
    entries = tuple(itertools.chain(*(part.entries for part in parts)))
    return Array((len(entries),), entries, next((part.orientation for part in parts if part.orientation), ""))


def _onehot(k: Array, n: Array) -> Array:
    return Array((whole(n, "a length"),), (float(i == whole(k, "a class")) for i in range(1, whole(n, "a length") + 1)))


for _index, _place, _first in (("index", "place", 1), ("item", "put", 0)):  # counted from 1, or from 0
    Record(
        _index,
        lambda a, *i, first=_first: a[_places(a, i, first)],
        _place + "(g, a, {rest})",
        why="An entry passes its gradient to the place that it came from.",
    )
    Record(_place, lambda g, a, *i, first=_first: _put_at(g, a, _places(a, i, first)), "", why="")
Record("concat", _concat, "part(g, {self}, {start})", why="Each part of a stack gets its part of the gradient.")
Record(
    "vector", lambda *xs: Array.stacked(xs), "item(g, {i})", why="Each entry of a vector passes on its own gradient."
)
Record("part", _part, "", why="")
Record("onehot", _onehot, "", "", why="")
Record(
    "shaped",
    lambda g, a: g.reshaped(a.shape, a.orientation),
    "shaped(g, a)",
    "",
    why="The same numbers in another shape.",
)
Record(
    "flatten", lambda a: Array((len(a.entries),), a.entries), "shaped(g, a)", why="The same numbers in another shape."
)
Record("diag", lambda a: Array(a.shape * 2, (x if i == j else 0.0 for i, x in enumerate(a.entries) for j in range(len(a.entries)))), "diagonal(g)",
       why="The diagonal comes from the vector.")  # fmt: skip
Record(
    "diagonal",
    lambda a: Array((a.shape[0],), (a.entries[i * a.shape[1] + i] for i in range(a.shape[0]))),
    "diag(g)",
    why="The diagonal is what counts.",
)


def _eigenvalues(a: Array) -> Array:
    """Return the eigenvalues of a symmetric matrix, the largest first, by Jacobi's rotations."""
    n = a.shape[0] if len(a.shape) == 2 else 0
    rows = a.nested
    if (
        not n
        or a.shape != (n, n)
        or any(abs(rows[i][j] - rows[j][i]) > 1e-12 * max(map(abs, a.data)) for i in range(n) for j in range(i))
    ):
        raise ShapeError(f"eigenvalues are those of a symmetric matrix, got {rows}")
    for _ in range(100):
        off = max(((abs(rows[i][j]), i, j) for i in range(n) for j in range(i)), default=(0.0, 0, 0))
        if off[0] < 1e-300:
            break
        _, p, q = off
        angle = 0.5 * math.atan2(2 * rows[p][q], rows[q][q] - rows[p][p])
        c, s = math.cos(angle), math.sin(angle)
        for row in rows:
            row[p], row[q] = c * row[p] - s * row[q], s * row[p] + c * row[q]
        rows[p], rows[q] = [
            [c * x - s * y for x, y in zip(rows[p], rows[q], strict=True)],
            [s * x + c * y for x, y in zip(rows[p], rows[q], strict=True)],
        ]
    return Array((n,), sorted((rows[i][i] for i in range(n)), reverse=True))


Record("eigenvalues", _eigenvalues, "", why="")


# Convolution as deep learning has it (the kernel is not flipped), over vectors and matrices, and what it is made of.


def _grid(a: Array) -> tuple[int, int]:
    if not 1 <= len(a.shape) <= 2:
        raise ShapeError(f"a vector or a matrix is needed, got the shape {shown_shape(a)}")
    return (1, *a.shape) if len(a.shape) == 1 else a.shape  # type: ignore[return-value]


def shown_shape(a: Array) -> str:
    """Say an array's shape."""
    return arrays.shown(a.shape)


def _from_grid(a: Array, m: int, n: int, entries: list[Any]) -> Array:
    return Array((n,), entries, a.orientation) if len(a.shape) == 1 else Array((m, n), entries)


def _correlate(a: Array, k: Array) -> Array:
    (m, n), (p, q) = _grid(a), _grid(k)
    if p > m or q > n:
        raise ShapeError(f"a kernel of {shown_shape(k)} does not fit in {shown_shape(a)}")
    rows, columns = m - p + 1, n - q + 1
    entries = [
        total(k.entries[u * q + v] * a.entries[(i + u) * n + j + v] for u in range(p) for v in range(q))
        for i in range(rows)
        for j in range(columns)
    ]
    return _from_grid(a, rows, columns, entries)


def _padded(a: Array, by: Array) -> Array:
    p, (m, n) = whole(by, "padding"), _grid(a)
    down = 0 if len(a.shape) == 1 else p
    inside = {(i + down, j + p): a.entries[i * n + j] for i in range(m) for j in range(n)}
    height, width = m + 2 * down, n + 2 * p
    return _from_grid(a, height, width, [inside.get((i, j), 0.0) for i in range(height) for j in range(width)])


def _cropped(a: Array, by: Array) -> Array:
    p, (m, n) = whole(by, "padding"), _grid(a)
    down = 0 if len(a.shape) == 1 else p
    return _from_grid(
        a, m - 2 * down, n - 2 * p, [a.entries[i * n + j] for i in range(down, m - down) for j in range(p, n - p)]
    )


def _every(a: Array, by: Array) -> Array:
    s, (m, n) = whole(by, "a stride"), _grid(a)
    rows = range(0, m, s)
    return _from_grid(a, len(rows), len(range(0, n, s)), [a.entries[i * n + j] for i in rows for j in range(0, n, s)])


def _apart(g: Array, by: Array, like: Array) -> Array:
    s, (m, n), (_, width) = whole(by, "a stride"), _grid(like), _grid(g)
    return _from_grid(
        like, m, n, [0.0 if i % s or j % s else g.entries[i // s * width + j // s] for i in range(m) for j in range(n)]
    )


def _full(g: Array, k: Array) -> Array:
    flipped, (p, q) = Array(k.shape, reversed(k.entries)), _grid(k)
    out, (m, n) = g, _grid(g)
    inside = {(i + p - 1, j + q - 1): g.entries[i * n + j] for i in range(m) for j in range(n)}
    height, width = m + 2 * (p - 1), n + 2 * (q - 1)
    out = _from_grid(g, height, width, [inside.get((i, j), 0.0) for i in range(height) for j in range(width)])
    return _correlate(out, flipped)


def _windows(a: Array, size: Array, stride: Array) -> tuple[list[list[int]], int, int]:
    k, s, (m, n) = whole(size, "a window"), whole(stride, "a stride"), _grid(a)
    high = 1 if len(a.shape) == 1 else k
    rows, columns = range(0, m - high + 1, s), range(0, n - k + 1, s)
    places = [[(i + u) * n + j + v for u in range(high) for v in range(k)] for i in rows for j in columns]
    return places, len(rows), len(columns)


def _pooled(a: Array, size: Array, stride: Array) -> Array:
    places, m, n = _windows(a, size, stride)
    return _from_grid(a, m, n, [_largest(tuple(a.entries[i] for i in window)) for window in places])


def _unpooled(g: Array, a: Array, size: Array, stride: Array) -> Array:
    entries: list[Any] = [0.0] * len(a.entries)
    for window, slope in zip(_windows(a, size, stride)[0], g.entries, strict=True):
        for i, share in zip(window, _is_largest(tuple(a.entries[i] for i in window)), strict=True):
            entries[i] = entries[i] + slope * share if share else entries[i]
    return Array(a.shape, entries, a.orientation)


def _averaged(a: Array, size: Array, stride: Array) -> Array:
    places, m, n = _windows(a, size, stride)
    return _from_grid(a, m, n, [total(a.entries[i] for i in window) / len(window) for window in places])


def _unaveraged(g: Array, a: Array, size: Array, stride: Array) -> Array:
    entries: list[Any] = [0.0] * len(a.entries)
    for window, slope in zip(_windows(a, size, stride)[0], g.entries, strict=True):
        for i in window:
            entries[i] = entries[i] + slope / len(window)
    return Array(a.shape, entries, a.orientation)


Record("correlate", _correlate, "spread_back(g, b)", "correlate(a, g)",
       why="Every output is a window of the input times the kernel: the kernel gets, for each of its places, the inputs it met "
           "weighted by the gradients there; an input gets the gradients of all windows that it lay in, by the flipped kernel.")  # fmt: skip
Record("spread_back", _full, "correlate(g, b)", "correlate(g, a)", why="A full convolution, with the flipped kernel.")
Record("pad", _padded, "crop(g, b)", "", why="Zeros around an array have no gradient to give.")
Record("crop", _cropped, "pad(g, b)", "", why="What was cut off counts for nothing.")
Record(
    "every",
    _every,
    "apart(g, b, a)",
    "",
    why="With a stride, windows between the steps are not computed, and get no gradient.",
)
Record("apart", _apart, "every(g, b)", "", "", why="")
Record(
    "maxpool", _pooled, "unpool(g, a, b, c)", "", "", why="In each window the gradient goes to the largest entry alone."
)
Record(
    "avgpool",
    _averaged,
    "unaverage(g, a, b, c)",
    "",
    "",
    why="In each window every entry gets the same part of the gradient.",
)
Record("unaverage", _unaveraged, "", "", "", "", why="")
Record("unpool", _unpooled, "", "", "", "", why="")

# Names that textbooks and libraries use; a function of one entry is an operation of the table, but for those whose names are
# letters', with an index or without, in a course.
_HIDDEN = {
    *("add", "sub", "mul", "neg", "div", "pow", "equal", "holds"),
    *("beta", "gamma", "i0", "i1", "iv", "j0", "j1", "jv"),
}
FUNCTIONS: dict[str, Op | Record] = {name: op for name, op in ops.OPERATIONS.items() if name not in _HIDDEN}
FUNCTIONS |= RECORDS
FUNCTIONS |= {
    "ReLU": ops.relu, "Relu": ops.relu, "ln": ops.log, "lg": ops.log10, "sigma": ops.sigmoid, "logistic": ops.sigmoid, "sigm": ops.sigmoid,
    "Sigmoid": ops.sigmoid, "asin": ops.arcsin, "acos": ops.arccos, "atan": ops.arctan, "Tanh": ops.tanh, "Softmax": RECORDS["softmax"],
    "one_hot": RECORDS["onehot"], "diag": RECORDS["diag"],
}  # fmt: skip

# What can be said in the language is said in it: these are read as if they stood in the problem.
DEFINITIONS = """
leaky_relu(z, a) = where(z > 0, z, a z)
elu(z, a=1) = where(z > 0, z, a (exp(z) - 1))
selu(z) = 1.0507009873554805 elu(z, 1.6732632423543772)
gelu(z) = 1/2 z ∘ (1 + erf(z/√2))
silu(z) = z ∘ sigmoid(z)
swish(z) = z ∘ sigmoid(z)
mish(z) = z ∘ tanh(softplus(z))
softsign(z) = z/(1 + abs(z))
hardtanh(z) = min(1, max(-1, z))
relu6(z) = min(6, max(0, z))
identity(z) = z
linear(z) = z
logit(p) = ln(p/(1 - p))
var(x) = mean((x - mean(x))^2)
var_columns(x) = mean_columns((x - mean_columns(x))^2)
var_rows(x) = mean_rows((x - mean_rows(x))^2)
std(x) = √(var(x))
std_columns(x) = √(var_columns(x))
std_rows(x) = √(var_rows(x))
rms(x) = √(mean(x ∘ x))
layernorm(x, eps=0) = (x - mean_rows(x))/√(var_rows(x) + eps)
rmsnorm(x, eps=0) = x/√(mean(x ∘ x) + eps)
conv(x, k, stride=1, padding=0) = every(correlate(pad(x, padding), k), stride)
sse(y, p) = sum((p - y)^2)
half_sse(y, p) = 1/2 sum((p - y)^2)
mse(y, p) = mean((p - y)^2)
mae(y, p) = mean(abs(p - y))
huber(y, p, delta=1) = sum(where(abs(p - y) > delta, delta (abs(p - y) - delta/2), 1/2 (p - y)^2))
crossentropy(y, p) = -sum(xlogy(y, p))
bce(y, p) = -sum(xlogy(y, p) + xlogy(1 - y, 1 - p))
hinge(y, s) = sum(max(0, 1 - y ∘ s))
attention(Q, K, V, scale=1) = softmax_rows(Q Kᵀ/scale) V
"""
