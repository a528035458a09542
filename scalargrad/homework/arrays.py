"""Vectors and matrices as lists of floats, and lists of such rows: as much algebra as a network solved by hand needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Numbers = list[Any]  # a vector of floats, or a matrix as a list of rows


def each(function: Callable[..., float], *arrays: Any) -> Any:
    """Apply a function entry by entry to vectors or matrices of one shape.

    >>> each(max, [[1, 2]], [[0, 3]])
    [[1, 3]]
    """
    if isinstance(arrays[0], list):
        return [each(function, *entries) for entries in zip(*arrays, strict=True)]
    return function(*arrays)


def plus(a: Numbers, b: Numbers, factor: float = 1.0) -> Numbers:
    """Return a + factor b.

    >>> plus([1, 2], [3, 4], -1)
    [-2, -2]
    """
    return each(lambda x, y: x + factor * y, a, b)


def times(a: Numbers, b: Numbers) -> Numbers:
    """Return the product of the entries, a ∘ b."""
    return each(lambda x, y: x * y, a, b)


def minus(a: Numbers) -> Numbers:
    """Return -a."""
    return each(lambda x: -x, a)


def transpose(matrix: Numbers) -> Numbers:
    """Return the transposed matrix."""
    return [list(column) for column in zip(*matrix, strict=True)]


def product(matrix: Numbers, vector: Numbers, *, without: int = -1, against: int = -1) -> Numbers:
    """Return matrix times vector: on demand one product in each sum left out, or with the wrong sign.

    >>> product([[1, 2]], [3, 4]), product([[1, 2]], [3, 4], without=0), product([[1, 2]], [3, 4], against=0)
    ([11.0], [8.0], [5.0])
    """
    factor = {without: 0.0, against: -1.0}
    terms = [v * factor.get(j, 1.0) for j, v in enumerate(vector)]
    return [sum(w * t for w, t in zip(row, terms, strict=True)) for row in matrix]


def outer(column: Numbers, row: Numbers) -> Numbers:
    """Return the matrix of the products of two vectors."""
    return [[d * h for h in row] for d in column]


def reread(matrix: Numbers) -> Numbers:
    """Return the transposed matrix's entries in the shape of this one: what comes of reading it by columns.

    >>> reread([[1, 2, 3], [4, 5, 6]])
    [[1, 4, 2], [5, 3, 6]]
    """
    entries = [x for column in transpose(matrix) for x in column]
    width = len(matrix[0])
    return [entries[i : i + width] for i in range(0, len(entries), width)]


def flat(numbers: Any) -> list[float]:
    """Return all entries, row by row."""
    return [x for entry in numbers for x in flat(entry)] if isinstance(numbers, list) else [numbers]


def at(numbers: Any, index: tuple[int, ...]) -> float:
    """Return the entry at an index.

    >>> at([[1.0, 2.0]], (0, 1))
    2.0
    """
    for i in index:
        numbers = numbers[i]
    return float(numbers)


def shape(numbers: Numbers) -> tuple[int, ...]:
    """Return the length of a vector, or the numbers of rows and columns of a matrix."""
    return (len(numbers), len(numbers[0])) if isinstance(numbers[0], list) else (len(numbers),)
