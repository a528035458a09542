"""Derivatives by central differences, and `check_gradients`, which holds exact ones against them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, isfinite, nan, ulp
from typing import Any

from scalargrad.modes import no_grad
from scalargrad.transforms import jacfwd, jacrev
from scalargrad.tree import flatten
from scalargrad.value import Value

LARGEST_UNCERTAINTY = 1e-4  # relative: a difference quotient that is less certain proves nothing
SMALLEST_ERROR = 1e-7  # relative: a difference quotient may be wrong by this, however certain it seems


class GradientError(AssertionError):
    """A derivative that differs from its difference quotient; the message shows the point and both numbers."""


def check_gradients(function: Callable[..., Any], *arguments: Any, order: int = 2) -> None:
    """Compare a function's derivatives, up to an order, with central differences.

    >>> check_gradients(lambda x, y: x * x * y, 3.0, 2.0)
    >>> from scalargrad import Op
    >>> wrong = Op("wrong", lambda x: x * x * x, lambda out, x: 2 * x * x)
    >>> check_gradients(wrong, 2.0)
    Traceback (most recent call last):
    scalargrad.numerical.GradientError: derivative of result 1 with respect to argument 1 at (2.0): expected 12.0, got 8.0

    It takes numbers, lists, dicts, arrays and Modules, as `jacobian` does, which it calls both forward and backward.
    Points should not lie on a kink, where there is no derivative. Raises GradientError at the first derivative that
    differs, that is not finite, or that differences cannot confirm to four digits, or to 1e-7 of the result where it is
    small; and at a result that is no finite number.

    Source of the differences: Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", 1982.
    """
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"order must be a whole number, 1 or more, got {order!r}")
    numbers, structure = flatten(arguments)
    point = [x._data if isinstance(x, Value) else float(x) for x in numbers]

    def flat(*xs: Any) -> list[Any]:
        return flatten(function(*structure.unflatten(xs)))[0]

    for _ in range(order):
        _compare(flat, point)
        flat = _derivatives(flat, len(point))


def _derivatives(flat: Callable[..., list[Any]], count: int) -> Callable[..., list[Any]]:
    exact = jacrev(flat, range(count))
    return lambda *xs: [x for row in exact(*xs) for x in row]


def _compare(flat: Callable[..., list[Any]], point: Sequence[float]) -> None:
    results = [jacobian(flat, range(len(point)))(*point) for jacobian in (jacrev, jacfwd)]
    shown = ", ".join(map(repr, point))
    values = _evaluate(flat, point) or []
    for argument, x in enumerate(point):
        quotients = _quotients(flat, point, argument, len(results[0]))
        for result, (expected, error) in enumerate(quotients):
            where = f"derivative of result {result + 1} with respect to argument {argument + 1} at ({shown})"
            if values and not isfinite(values[result]):
                raise GradientError(f"{where}: the result is {values[result]}, of which no derivative can be confirmed")
            scale = abs(values[result]) / max(abs(x), 1.0) if values else 0.0
            for rows in results:
                got = rows[result][argument]
                size = max(abs(expected), abs(got))
                if not isfinite(got) or abs(got - expected) > max(error, SMALLEST_ERROR * size):
                    raise GradientError(f"{where}: expected {round(expected, 10)}, got {got}")
                if not error <= LARGEST_UNCERTAINTY * max(size, 1e-3, 1e-3 * scale):
                    raise GradientError(f"{where}: got {got}, which differences cannot confirm: {expected} ± {error}")


def _quotients(
    flat: Callable[..., list[Any]], point: Sequence[float], index: int, count: int
) -> list[tuple[float, float]]:
    """Return the difference quotients of so many results with respect to one argument, each with a bound of its error."""
    best = [(nan, inf)] * count
    previous: list[list[float]] = []
    x = point[index]
    step = 0.1 * max(abs(x), 1.0)  # the domain of a logarithm near 0 needs far less: see below
    for _ in range(60):
        step /= 1.6
        both = [_evaluate(flat, [*point[:index], x + h, *point[index + 1 :]]) for h in (step, -step)]
        up, down = both
        if up is None or down is None:  # one of the two points is outside the domain: go nearer
            previous, best = [], [(nan, inf)] * count
            continue
        width = (x + step) - (x - step)
        row = [[(u - d) / width for u, d in zip(up, down, strict=True)]]
        factor = 1.0
        for before in previous:  # Richardson's extrapolation, a column an even power of the step
            factor *= 1.6 * 1.6
            row.append([r + (r - b) / (factor - 1) for r, b in zip(row[-1], before, strict=True)])
        noise = [4 * ulp(max(abs(u), abs(d))) / width for u, d in zip(up, down, strict=True)]
        for column in range(1, len(row)):
            for i, value in enumerate(row[column]):
                error = 2 * max(abs(value - row[column - 1][i]), abs(value - previous[column - 1][i])) + 4 * noise[i]
                if error < best[i][1]:
                    best[i] = value, error
        previous = row[:12]
        if all(error <= 1e-10 * abs(value) for value, error in best):
            break
    return best


def _evaluate(flat: Callable[..., list[Any]], point: Sequence[float]) -> list[float] | None:
    try:
        with no_grad():
            out = flat(*map(Value, point))
    except (ArithmeticError, ValueError):
        return None
    return [x._data if isinstance(x, Value) else float(x) for x in out]
