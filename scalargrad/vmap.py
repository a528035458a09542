"""`vmap` maps a function over samples: the function of one becomes one of many, compiled as by `jit`, and vectorised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce as fold
from operator import add
from typing import Any

from scalargrad.callee import Callee
from scalargrad.interned import Interned
from scalargrad.jit import Jitted, jit
from scalargrad.objects import is_array
from scalargrad.tree import take_apart


def vmap(
    function: Callable[..., Any], in_axes: int | Sequence[int | None] | None = 0, reduce: str | None = None
) -> Vmapped:
    """Return a function of many samples: the function of one, applied along the first axis of NumPy arrays.

    >>> import numpy as np
    >>> distances = vmap(lambda w, x: (w * x[0] + x[1]) ** 2, in_axes=(None, 0))
    >>> distances(2.0, np.array([[1.0, 1.0], [0.0, 3.0]]))
    array([9., 9.])

    in_axes  for each argument 0, or None where it is the same for all samples; those given by name are mapped

    A mapped argument is an array, or a list, tuple, dict or object of arrays, each with all samples along its first
    axis, as in JAX. A list of numbers alone, also a nested one, is the array that NumPy makes of it.

    reduce   "sum" or "mean": the results are summed or averaged over the samples, in any order, as in a training step

    It is compiled, as by `jit`, and vectorised; under `jit` it takes that one's options. Called with Values, as inside
    another transform, it calls the function for each sample.
    """
    if reduce not in (None, "sum", "mean"):
        raise ValueError(f"reduce must be 'sum', 'mean' or None, got {reduce!r}")
    axes = in_axes if isinstance(in_axes, (list, tuple)) else (in_axes,)
    for axis in axes:
        if axis is not None and (axis != 0 or isinstance(axis, bool)):
            raise ValueError(f"in_axes must be 0 or None for each argument, got {in_axes!r}")
    if not any(axis == 0 for axis in axes):
        raise ValueError(f"in_axes must be 0 for one argument at least, got {in_axes!r}")
    return Vmapped(function, tuple(axes) if isinstance(in_axes, (list, tuple)) else in_axes, reduce)


class Vmapped(Callee, Interned):
    """A function of one sample that is applied to many: see `vmap`.

    >>> vmap(abs, reduce="sum")
    <abs mapped over samples, sum>
    """

    mapped = True

    def __init__(self, function: Callable[..., Any], in_axes: Any, reduce: str | None) -> None:
        super().__init__(function)
        self.function, self.in_axes, self.reduce = self.parts = function, in_axes, reduce
        self.__name__ = getattr(function, "__name__", "function")
        self._jitted: Jitted[..., Any] | None = None

    def __repr__(self) -> str:
        return f"<{self.__name__} mapped over samples{f', {self.reduce}' if self.reduce else ''}>"

    def axes(self, arguments: Sequence[Any]) -> tuple[int | None, ...]:
        """Return the axis of each argument, what a method is bound to first. Raises ValueError where their number differs.

        >>> vmap(abs).axes([1.0])
        (0,)
        """
        bound = (None,) * len(self.bound)
        if not isinstance(self.in_axes, tuple):
            return bound + (self.in_axes,) * (len(arguments) - len(bound))
        if len(self.in_axes) != len(arguments) - len(bound):
            raise ValueError(f"in_axes has {len(self.in_axes)} entries for {len(arguments) - len(bound)} arguments")
        return bound + self.in_axes

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if self._jitted is None:
            self._jitted = jit(self)
        return self._jitted(*arguments, **keywords)

    def prepared(self, arguments: Sequence[Any], keywords: dict[str, Any]) -> tuple[list[Any], tuple[int | None, ...]]:
        """Return the arguments, those by name last, the mapped ones as arrays, and for each the axis of its samples.

        >>> vmap(abs).prepared([[1, 2]], {})
        ([array([1, 2])], (0,))

        Raises ValueError where the mapped arguments have not as many samples each.
        """
        given, axes = [*arguments, *keywords.values()], (*self.axes(arguments), *(0 for _ in keywords))
        names = [*self.names(len(arguments)), *keywords]
        given = [a if axis is None else _arrays(a, name) for a, axis, name in zip(given, axes, names, strict=True)]
        _samples(given, axes)
        return given, axes

    def uncompiled(self, *arguments: Any, **keywords: Any) -> Any:
        """Call the function for each sample: what compiled code does at once, recorded."""
        given, axes = self.prepared(arguments, keywords)
        count = _samples(given, axes)
        rows: list[list[Any]] = []
        structure: Any = None
        for i in range(count):
            sample = [a if axis is None else _sample(a, i) for a, axis in zip(given, axes, strict=True)]
            positional = sample[: len(arguments)]
            result = self.inner(*positional, **dict(zip(keywords, sample[len(arguments) :], strict=True)))
            units, found = take_apart(result, "the function's result", "leave")
            structure = structure if rows else found
            rows.append(units if found == structure else structure.units_of(result, "the function's result"))
        if not rows:
            raise ValueError("vmap needs at least one sample")
        if self.reduce:
            totals = [fold(add, column) for column in zip(*rows, strict=True)]
            return structure.rebuild([t / count for t in totals] if self.reduce == "mean" else totals)
        import numpy as np

        from scalargrad.arrays import as_array

        return structure.rebuild([as_array(np.array(column)) for column in zip(*rows, strict=True)])


def _sample(thing: Any, i: int) -> Any:
    units, structure = take_apart(thing, to="map")
    return structure.rebuild([unit[i] for unit in units], [structure.fixed])


def _samples(arguments: Sequence[Any], axes: Sequence[int | None]) -> int:
    """Count the samples of the mapped arguments. Raises ValueError where they differ."""
    mapped = [a for a, axis in zip(arguments, axes, strict=True) if axis == 0]
    counts = {len(unit) for thing in mapped for unit in take_apart(thing, to="map")[0]}
    if mapped and len(counts) != 1:
        raise ValueError(f"vmap: the mapped arguments must have as many samples each, got {sorted(counts)}")
    return int(counts.pop()) if mapped else 0


def _arrays(thing: Any, name: str) -> Any:
    """Return a mapped argument as arrays."""
    if is_array(thing) and thing.ndim and thing.dtype.kind in "fiub":
        return thing
    units, structure = take_apart(thing, name, "map")
    return structure.rebuild(units, [structure.fixed])
