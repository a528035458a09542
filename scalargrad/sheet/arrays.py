"""Arrays whose entries are Values or numbers: what a term of a sheet is worth.

A vector has one axis and an orientation, "row" or "column", where something gave it one; a matrix has rows and columns.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from scalargrad.node import Node
from scalargrad.op import Op
from scalargrad.sheet.tokens import LanguageError


class ShapeError(LanguageError):
    """Shapes that do not fit together."""


class Array:
    """Entries in the order of rows, and a shape: () for a number, (n,) for a vector, (m, n) for a matrix.

    >>> Array.of([[1, 2], [3, 4]]).shape, Array.of(5.0).shape
    ((2, 2), ())
    """

    __slots__ = ("entries", "orientation", "shape")

    def __init__(self, shape: tuple[int, ...], entries: Iterable[Any], orientation: str = "") -> None:
        self.shape, self.entries = shape, tuple(entries)
        self.orientation = orientation if len(shape) == 1 else ""

    @classmethod
    def of(cls, nested: Any, orientation: str = "") -> Array:
        """Make an array of a number or a Value, or of nested lists of them. Raises ShapeError where rows differ in length."""
        if not isinstance(nested, (list, tuple)):
            return nested if isinstance(nested, Array) else cls((), [nested])
        parts = [cls.of(entry) for entry in nested]
        return cls.stacked(parts, orientation)

    @classmethod
    def stacked(cls, parts: Sequence[Array], orientation: str = "") -> Array:
        """Put arrays of one shape on top of each other."""
        if len({part.shape for part in parts}) != 1:
            shapes = ", ".join(dict.fromkeys(str(part.shape) for part in parts)) or "none"
            raise ShapeError(f"entries of one shape are needed, got the shapes {shapes}")
        return cls((len(parts), *parts[0].shape), (x for part in parts for x in part.entries), orientation)

    @property
    def is_row(self) -> bool:
        """Whether it is a vector that lies."""
        return self.orientation == "row"

    @property
    def data(self) -> list[float]:
        """The numbers, in one line."""
        return [x.data if isinstance(x, Node) else float(x) for x in self.entries]

    @property
    def nested(self) -> Any:
        """The numbers, as nested lists; of a scalar the number itself."""
        return _nest(self.data, self.shape)

    @property
    def values(self) -> Any:
        """The entries, as nested lists."""
        return _nest(self.entries, self.shape)

    def __getitem__(self, place: tuple[int, ...]) -> Array:
        """Return an entry, or a row of a matrix; places count from 0."""
        start, size = 0, math.prod(self.shape)
        for axis, i in enumerate(place):
            if not 0 <= i < self.shape[axis]:
                raise ShapeError(f"there is no entry {i + 1} along an axis of {self.shape[axis]}")
            size //= self.shape[axis]
            start += i * size
        rest = self.shape[len(place) :]
        return Array(rest, self.entries[start : start + size], "row" if len(self.shape) == 2 else self.orientation)

    def reshaped(self, shape: tuple[int, ...], orientation: str = "") -> Array:
        """Return the same entries in another shape."""
        return Array(shape, self.entries, orientation or self.orientation)

    @property
    def transposed(self) -> Array:
        """Rows as columns; a vector turns round."""
        if len(self.shape) < 2:
            return Array(self.shape, self.entries, "column" if self.is_row else "row")
        if len(self.shape) > 2:
            raise ShapeError(f"a transpose needs a vector or a matrix, got the shape {self.shape}")
        m, n = self.shape
        return Array((n, m), (self.entries[i * n + j] for j in range(n) for i in range(m)))

    def map(self, function: Callable[[Any], Any]) -> Array:
        """Apply a function to each entry."""
        return Array(self.shape, map(function, self.entries), self.orientation)

    def spread(self, shape: tuple[int, ...], orientation: str = "") -> Array:
        """Repeat the entries until they have a shape: a number anywhere, a row in each row, a column in each column."""
        if self.shape == shape:
            return self
        if math.prod(self.shape) == 1:
            return Array(shape, self.entries * math.prod(shape), orientation)
        if len(self.shape) == 1 and len(shape) == 2:
            m, n = shape
            row, column = self.shape == (n,), self.shape == (m,)
            if row and column and self.orientation != "":
                row, column = self.is_row, not self.is_row
            if row and column:
                raise ShapeError(
                    f"a vector of {n} beside a square matrix may be a row or a column of it: write it as [[...]]"
                )
            if row:
                return Array(shape, self.entries * m)
            if column:
                return Array(shape, (x for x in self.entries for _ in range(n)))
        if len(self.shape) == len(shape) == 2 and all(a in (1, b) for a, b in zip(self.shape, shape, strict=True)):
            m, n = self.shape
            return Array(shape, (self.entries[(i % m) * n + j % n] for i, j in itertools.product(*map(range, shape))))
        raise ShapeError(f"the shapes {shown(self.shape)} and {shown(shape)} do not fit together")


def elementwise(op: Op | Callable[..., Any], *arrays: Array) -> Array:
    """Apply an operation entry by entry; what is smaller is spread.

    >>> from scalargrad import ops
    >>> elementwise(ops.add, Array.of([1.0, 2.0]), Array.of(1.0)).nested
    [2.0, 3.0]
    """
    shape, orientation = common(*arrays)
    spread = [array.spread(shape) for array in arrays]
    return Array(shape, map(op, *(array.entries for array in spread)), orientation)


def common(*arrays: Array) -> tuple[tuple[int, ...], str]:
    """Return the shape, and the orientation, of what is computed entry by entry."""
    shape: tuple[int, ...] = ()
    for array in arrays:
        if len(array.shape) > len(shape) or (len(array.shape) == len(shape) and array.shape > shape and 1 in shape):
            shape = array.shape
    orientations = {a.orientation for a in arrays if a.shape == shape and a.orientation}
    if len(orientations) > 1 and shape[0] > 1:
        raise ShapeError("a row and a column do not fit together entry by entry: transpose one of them")
    return shape, orientations.pop() if orientations else ""


def product(a: Array, b: Array) -> Array:
    """Multiply matrices and vectors as linear algebra does; a product of one entry is a number."""
    if not a.shape or not b.shape:
        from scalargrad import ops

        return elementwise(ops.mul, a, b)
    if len(a.shape) > 2 or len(b.shape) > 2:
        raise ShapeError(f"a product needs vectors or matrices, got the shapes {shown(a.shape)} and {shown(b.shape)}")
    if len(a.shape) == len(b.shape) == 1:
        if a.is_row and not b.is_row:
            left, right = (1, a.shape[0]), (b.shape[0], 1)
        elif b.is_row and not a.is_row:
            left, right = (a.shape[0], 1), (1, b.shape[0])
        else:
            raise ShapeError(
                "the product of two vectors may be w·x (one number), w∘x (entry by entry) or w xᵀ: write which"
            )
        outer = b.is_row and not a.is_row
    else:
        outer = False
        left = (a.shape[0], a.shape[1]) if len(a.shape) == 2 else (1, a.shape[0])
        right = (b.shape[0], b.shape[1]) if len(b.shape) == 2 else (b.shape[0], 1)
        if len(a.shape) == 1 and left[1] != right[0] and right[0] == 1:  # a column before a matrix of one row
            left = (a.shape[0], 1)
        if len(b.shape) == 1 and left[1] != right[0] and left[1] == 1:
            right = (1, b.shape[0])
    (m, k), (k2, n) = left, right
    if k != k2:
        raise ShapeError(f"the shapes {shown(a.shape)} and {shown(b.shape)} do not fit in a product")
    columns = [b.entries[j::n] for j in range(n)]
    entries = [_dot(a.entries[i * k : i * k + k], column) for i in range(m) for column in columns]
    if outer or (len(a.shape) == len(b.shape) == 2):
        return Array((m, n), entries)
    if m == n == 1:
        return Array((), entries)
    return Array((m * n,), entries, "row" if len(a.shape) == 1 else "column") if 1 in (m, n) else Array((m, n), entries)


def _dot(xs: Sequence[Any], ys: Sequence[Any]) -> Any:
    total = None
    for x, y in zip(xs, ys, strict=True):
        term = x * y
        total = term if total is None else total + term
    return total


def total(entries: Iterable[Any]) -> Any:
    """Add up, from left to right."""
    out = None
    for entry in entries:
        out = entry if out is None else out + entry
    return 0.0 if out is None else out


def shown(shape: tuple[int, ...]) -> str:
    """Say a shape.

    >>> shown(()), shown((3,)), shown((2, 3))
    ('number', '3', '2 x 3')
    """
    return " x ".join(map(str, shape)) or "number"


def _nest(entries: Sequence[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return entries[0]
    size = len(entries) // shape[0] if shape[0] else 0
    return [_nest(entries[i * size : i * size + size], shape[1:]) for i in range(shape[0])]
