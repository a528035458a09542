"""`jit` compiles a function to machine code, `vmap` maps one over samples; the extra `scalargrad[jit]`.

A function is traced once for each structure of arguments: called with Values that have no number yet. The graph that
this records, that of derivatives included, is simplified and compiled, and after that the function itself is not called
again. What it reads from outside, such as the parameters of a model, is read anew at each call, where it is a Value;
other numbers are part of the program.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import reduce as fold
from itertools import count
from math import nan, prod
from operator import add
from types import MethodType
from typing import Any

from scalargrad.compiler.calls import Compiled, Trace
from scalargrad.compiler.llvm import SAMPLES, Layout
from scalargrad.compiler.program import Program, record
from scalargrad.engine import tracing
from scalargrad.ops import number
from scalargrad.transforms import _active, active
from scalargrad.tree import Shape, Structure, is_array, take_apart
from scalargrad.value import Value, topological_order

Function = Callable[..., Any]

BACKENDS = ("llvm", "python")
MOST = 8  # quick ways in: one after another is tried at a call


def jit(function: Function, *, backend: str = "llvm", level: int | None = None) -> Jitted:
    """Return a function that computes the same, compiled to machine code at its first call; a decorator, too.

    >>> from scalargrad import grad, sin
    >>> slope = jit(grad(lambda x: x * sin(x)))
    >>> round(slope(2.0), 12)
    0.077003753731

    Arguments and results are numbers, NumPy arrays, Modules, and lists, tuples and dicts of them; what else an argument
    holds (None, a string, a function) is part of the program, which is made once for each structure of arguments.
    Called with Values, it is the function itself, which records.

    Sums keep their order; a product that is added to something other than a product may be rounded once, with the sum.

    backend  "llvm", or "python": the same program as Python source, which is slow and needs nothing
    level    of LLVM's optimisation, 0 to 3; by the program's length where it is None

    Raises TracingError, at the call, where the function asks for the number of a traced value: by `.data`, a
    comparison, a branch. Outside the domain of an operation the result is IEEE 754's: nan or infinity.
    """
    if not callable(function):
        raise TypeError(f"function must be a function, got {function!r}")
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(map(repr, BACKENDS))}, got {backend!r}")
    if level not in (None, 0, 1, 2, 3) or isinstance(level, bool):
        raise ValueError(f"level must be 0, 1, 2, 3 or None, got {level!r}")
    return Jitted(function, backend, level)


def vmap(function: Function, in_axes: int | Sequence[int | None] | None = 0, reduce: str | None = None) -> Vmapped:
    """Return a function of many samples: the function of one, applied along the first axis of NumPy arrays.

    >>> import numpy as np
    >>> distances = vmap(lambda w, x: (w * x[0] + x[1]) ** 2, in_axes=(None, 0))
    >>> distances(2.0, np.array([[1.0, 1.0], [0.0, 3.0]]))
    array([9., 9.])

    in_axes  for each argument 0, or None where it is the same for all samples
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


class Vmapped:
    """A function of one sample that is applied to many: see `vmap`.

    >>> vmap(abs, reduce="sum")
    <abs mapped over samples, sum>
    """

    def __init__(self, function: Function, in_axes: Any, reduce: str | None) -> None:
        self.function, self.in_axes, self.reduce = function, in_axes, reduce
        self.__name__ = getattr(function, "__name__", "function")
        self._jitted: Jitted | None = None

    def __repr__(self) -> str:
        return f"<{self.__name__} mapped over samples{f', {self.reduce}' if self.reduce else ''}>"

    def axes(self, arguments: Sequence[Any]) -> tuple[int | None, ...]:
        """Return the axis of each argument. Raises ValueError where their number differs.

        >>> vmap(abs).axes([1.0])
        (0,)
        """
        if not isinstance(self.in_axes, tuple):
            return (self.in_axes,) * len(arguments)
        if len(self.in_axes) != len(arguments):
            raise ValueError(f"in_axes has {len(self.in_axes)} entries for {len(arguments)} arguments")
        return self.in_axes

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if self._jitted is None:
            self._jitted = jit(self)
        return self._jitted(*arguments, **keywords)

    def one_by_one(self, *arguments: Any, **keywords: Any) -> Any:
        """Call the function for each sample: what compiled code does at once, recorded."""
        axes = self.axes(arguments)
        count = _samples([a for a, axis in zip(arguments, axes, strict=True) if axis == 0])
        rows = []
        for i in range(count):
            sample = [a if axis is None else _sample(a, i) for a, axis in zip(arguments, axes, strict=True)]
            units, structure = take_apart(self.function(*sample, **keywords), "the function's result", static=True)
            rows.append(units)
        if not rows:
            raise ValueError("vmap needs at least one sample")
        if self.reduce:
            totals = [fold(add, column) for column in zip(*rows, strict=True)]
            return structure.rebuild([t / count for t in totals] if self.reduce == "mean" else totals)
        import numpy as np

        from scalargrad.arrays import as_array

        return structure.rebuild([as_array(np.array(column)) for column in zip(*rows, strict=True)])

    def __reduce__(self) -> tuple[Any, ...]:
        return Vmapped, (self.function, self.in_axes, self.reduce)


class Jitted:
    """A compiled function: see `jit`.

    >>> jit(abs)
    <abs compiled by llvm>
    """

    def __init__(self, function: Function, backend: str, level: int | None) -> None:
        self.function, self.backend, self.level = function, backend, level
        for name in ("__name__", "__qualname__", "__module__", "__doc__"):
            if hasattr(function, name):
                setattr(self, name, getattr(function, name))
        self._compiled: dict[Any, Compiled] = {}
        self._quick: list[Function] = []  # for structures seen before, the newest first

    def __repr__(self) -> str:
        return f"<{getattr(self.function, '__name__', 'function')} compiled by {self.backend}>"

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if not _active:  # no transform is under way
            if not keywords:
                for call in self._quick:
                    result = call(*arguments)
                    if result is not NotImplemented:
                        return result
            if not _holds_values((arguments, keywords)):
                return self._call(arguments, keywords)
        function = self.function.one_by_one if isinstance(self.function, Vmapped) else self.function
        return function(*arguments, **keywords)

    def _call(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        given, axes = _prepared(self.function, arguments)
        parts = [take_apart(a, "argument", static=True) for a in (*given, *keywords.values())]
        structures = tuple(structure for _, structure in parts)
        # However many samples there are, the program is the same.
        one = [*axes, *(None for _ in keywords)]
        shapes = [
            tuple(shape and shape[1:] if axis == 0 else shape for shape in structure.shapes)
            for structure, axis in zip(structures, one, strict=True)
        ]
        key = (tuple(structure.skeleton for structure in structures), tuple(shapes), axes, tuple(keywords))
        mapped = [a for a, axis in zip(given, axes, strict=True) if axis == 0]
        if mapped:
            _samples(mapped)
        units = [unit for part, _ in parts for unit in part]
        compiled = self._compiled.get(key)
        if compiled is None or not compiled.trace.is_valid():
            trace = _trace(self.function, given, keywords)
            compiled = self._compiled[key] = Compiled(trace, self.backend, self.level)
            if not keywords and (call := compiled.quick(structures)):
                self._quick = [call, *self._quick[: MOST - 1]]
        return compiled(units)

    def __get__(self, thing: Any, kind: Any = None) -> Any:
        return self if thing is None else MethodType(self, thing)  # the method of a class

    def program(self, *arguments: Any, **keywords: Any) -> Program:
        """Return the program that such arguments are computed by, to look at.

        >>> print(jit(lambda x: x * x + x * x).program(3.0))
        t1 = x*x
        t2 = t1 + t1
        return t2
        """
        return _trace(self.function, arguments, keywords).program

    def __reduce__(self) -> Any:
        # A decorated function is found under its own name; any other is compiled anew where it arrives.
        named: Any = sys.modules.get(getattr(self, "__module__", ""))
        for name in getattr(self, "__qualname__", "").split("."):
            named = getattr(named, name, None)
        return self.__qualname__ if named is self else (Jitted, (self.function, self.backend, self.level))


def _holds_values(thing: Any) -> bool:
    """Say whether there are Values among the arguments, other than the parameters of a Module."""
    if isinstance(thing, (list, tuple, dict)):
        return any(map(_holds_values, thing.values() if isinstance(thing, dict) else thing))
    return isinstance(thing, Value) or (is_array(thing) and thing.dtype.hasobject)


def _is_many(thing: Any) -> bool:
    """Say whether a mapped argument is a container of arrays, each with all samples, and not a list of samples."""
    first = next(iter(thing.values() if isinstance(thing, dict) else thing), None)
    return isinstance(thing, dict) or is_array(first) or isinstance(first, dict)


def _arrays(thing: Any, name: str) -> Any:
    """Return a mapped argument as arrays: a list of samples becomes one."""
    import numpy as np

    if is_array(thing):
        if thing.ndim and (thing.dtype.kind in "fiub"):
            return thing
        raise TypeError(f"{name}: expected an array of numbers with the samples along its first axis, got {thing!r}")
    if isinstance(thing, (list, tuple, dict)) and thing and _is_many(thing):
        units, structure = take_apart(thing, name)
        return structure.rebuild([_arrays(unit, name) for unit in units])
    try:
        return _arrays(np.asarray(thing, float), name)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected an array of numbers, got {thing!r}") from None


def _sample(thing: Any, i: int) -> Any:
    if isinstance(thing, (list, tuple, dict)) and _is_many(thing):
        units, structure = take_apart(thing)
        return structure.rebuild([unit[i] for unit in units])
    return thing[i]


def _samples(mapped: Sequence[Any]) -> int:
    """Count the samples of the mapped arguments. Raises ValueError where they differ."""
    counts: set[int] = set()
    for thing in mapped:
        many = isinstance(thing, (list, tuple, dict)) and _is_many(thing)
        counts.update(len(unit) for unit in (take_apart(thing)[0] if many else (thing,)))
    if len(counts) != 1:
        raise ValueError(f"vmap: the mapped arguments must have as many samples each, got {sorted(counts)}")
    return int(counts.pop())


# Tracing.


def _prepared(function: Function, arguments: Sequence[Any]) -> tuple[Sequence[Any], tuple[int | None, ...]]:
    """Return the arguments, the mapped ones as arrays, and the axis of each that is mapped."""
    if not isinstance(function, Vmapped):
        return arguments, (None,) * len(arguments)
    axes = function.axes(arguments)
    return [a if axis is None else _arrays(a, "argument") for a, axis in zip(arguments, axes, strict=True)], axes


def _trace(function: Function, arguments: Sequence[Any], keywords: dict[str, Any]) -> Trace:
    inner = function.function if isinstance(function, Vmapped) else function
    arguments, axes = _prepared(function, arguments)
    leaves: list[Value] = []
    shapes: list[Shape] = []
    numbers: list[float] = []  # of the first sample

    def traced(thing: Any, name: str, axis: int | None) -> Any:
        units, structure = take_apart(thing, name, static=True)
        own = [(s[1:] if axis == 0 else s) if s is not None else None for s in structure.shapes]
        sizes = [1 if s is None else prod(s) for s in own]
        made = []
        for i in range(sum(sizes)):
            leaf = Value(nan, label=name if len(own) == 1 and own[0] is None else f"{name}[{i}]")
            leaf.role = "traced"
            made.append(leaf)
        leaves.extend(made)
        numbers.extend(_numbers(units, name, axis == 0))
        shapes.extend((SAMPLES, *(s or ())) if axis == 0 else s for s in own)
        # One sample of an array with one axis is a lone number.
        return Structure(structure.skeleton, tuple(s or None if axis == 0 else s for s in own)).unflatten(made)

    names = _argument_names(inner, len(arguments))
    numpy = sys.modules.get("numpy")  # it warns where the processor meets a nan, as traced Values hold
    with tracing() as trace, numpy.errstate(all="ignore") if numpy else nullcontext():
        fresh = [traced(a, name, axis) for a, name, axis in zip(arguments, names, axes, strict=True)]
        more = {name: traced(a, name, None) for name, a in keywords.items()}
        with active([*leaves, Value(nan)]):
            result = inner(*fresh, **more)
    units, outputs = take_apart(result, "the function's result", static=True)
    results = [x for unit in units for x in (unit.ravel().tolist() if is_array(unit) else (unit,))]
    captured = _captured(leaves, results)
    program = record([*leaves, *captured], results)
    program.numbers = [*numbers, *(value._data for value in captured)]
    shapes += [None for _ in captured]
    mapped, reduce = (True, function.reduce) if isinstance(function, Vmapped) else (False, None)
    made = [(SAMPLES, *(shape or ())) if mapped and not reduce else shape for shape in outputs.shapes]
    first = 1 + sum(shape is not None for shape in made)
    program.layout = Layout(tuple(_places(shapes, first)), tuple(_places(made, 0)), mapped, reduce)
    return Trace(program, shapes, made, outputs, captured, trace.read)


def _numbers(units: Sequence[Any], name: str, mapped: bool) -> Iterator[float]:
    for unit in units:
        if is_array(unit) and unit.dtype.kind not in "fiub":
            raise TypeError(f"{name} must be an array of real numbers, got one of {unit.dtype}")
        one = unit[0] if mapped and len(unit) else unit
        if is_array(one):
            import numpy as np

            yield from map(float, np.asarray(one).ravel().tolist())
        else:
            yield one._data if isinstance(one, Value) else number(one, name)


def _argument_names(function: Function, count: int) -> list[str]:
    try:
        names = [p.name for p in inspect.signature(function).parameters.values() if p.kind <= p.POSITIONAL_OR_KEYWORD]
    except (TypeError, ValueError):
        names = []
    return [*names[:count], *(f"x{i}" for i in range(len(names[:count]), count))]


def _captured(leaves: Sequence[Value], results: Sequence[Any]) -> list[Value]:
    """Find the Values that are used in the trace and were made outside of it, or by the function itself.

    The function may keep the latter, as a model does that makes its parameters when it is first called.
    """

    def inside(node: Value) -> bool:
        own = not node._prev and node.role in ("", "parameter")
        return node.role == "traced" or (node._traced and not own)

    found: dict[Value, None] = {}
    values = [x for x in results if isinstance(x, Value)]
    for node in topological_order(*values):
        if inside(node):
            found.update((parent, None) for parent in node._prev if not inside(parent))
    found.update((x, None) for x in values if not inside(x))
    for node in found:
        node._traced = False  # one that the function made and keeps is from outside when it is traced again
    return [node for node in found if node not in leaves]


def _places(shapes: Iterable[Shape], buffer: int) -> Iterator[tuple[int, int, int]]:
    """Place lone numbers in one buffer, and each array in one of its own.

    Yield for each number its buffer, its place there, and the step from one sample to the next.
    """
    alone, places = buffer, count()
    for shape in shapes:
        if shape is None:
            yield alone, next(places), 0
            continue
        buffer += 1
        mapped = shape[:1] == (SAMPLES,)
        size = prod(shape[mapped:])
        yield from ((buffer, i, size if mapped else 0) for i in range(size))
