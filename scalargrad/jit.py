"""`jit` compiles a function to machine code, `vmap` maps one over samples; the extra `scalargrad[jit]`.

A function is traced once for each structure of arguments: called with Values that have no number yet. The graph that
this records, that of derivatives included, is simplified and compiled, and after that the function itself is not called
again. What it reads from outside, such as the parameters of a model, is read anew at each call, where it is a Value;
other numbers are part of the program.
"""

from __future__ import annotations

import inspect
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from functools import reduce as fold
from itertools import count
from math import nan, prod
from operator import add
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any
from weakref import WeakValueDictionary

from scalargrad.compiler.calls import Compiled, Trace
from scalargrad.compiler.llvm import SAMPLES, Layout
from scalargrad.compiler.program import Program, record
from scalargrad.op import Op, number
from scalargrad.traced import TracingError, tracing
from scalargrad.transforms import _active, _here, active, is_active
from scalargrad.tree import Reads, Shape, Structure, is_array, is_object, numbers_in, take_apart
from scalargrad.value import Value, topological_order

Function = Callable[..., Any]

BACKENDS = ("llvm", "python")
MOST = 8  # quick ways in: one after another is tried at a call
PROGRAMS = 64  # that a function keeps, for as many structures of arguments: the one that was used last


def jit(function: Function, *, backend: str = "llvm", level: int | None = None) -> Jitted:
    """Return a function that computes the same, compiled to machine code at its first call; a decorator, too.

    >>> from scalargrad import grad, sin
    >>> slope = jit(grad(lambda x: x * sin(x)))
    >>> round(slope(2.0), 12)
    0.077003753731

    Arguments and results are numbers, NumPy arrays, Modules, and lists, tuples, dicts and objects of them, such as a
    dataclass; what a method is bound to is an argument, too. What cannot change (None, a flag, a string, a function) is
    part of the program, and so are, if the function reads them, an object's whole numbers and all that a Module holds
    beside its parameters. What else there is (a set, a lock) is refused by name. There is a program for each structure
    of arguments: the last 64 are kept. Called with Values, it is the function itself, which records.

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


class Vmapped:
    """A function of one sample that is applied to many: see `vmap`.

    >>> vmap(abs, reduce="sum")
    <abs mapped over samples, sum>
    """

    def __init__(self, function: Function, in_axes: Any, reduce: str | None) -> None:
        self.function, self.in_axes, self.reduce = function, in_axes, reduce
        self.inner, self.bound = _unbound(function)
        self.__name__ = getattr(function, "__name__", "function")
        self._jitted: Jitted | None = None

    def __repr__(self) -> str:
        return f"<{self.__name__} mapped over samples{f', {self.reduce}' if self.reduce else ''}>"

    def axes(self, arguments: Sequence[Any]) -> tuple[int | None, ...]:
        """Return the axis of each argument, that to which a method is bound first. Raises ValueError where their number differs.

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

    def one_by_one(self, *arguments: Any, **keywords: Any) -> Any:
        """Call the function for each sample: what compiled code does at once, recorded."""
        given, axes = _prepared(self, arguments, keywords)
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

    def __reduce__(self) -> tuple[Any, ...]:
        return _reduced(self, self.function, self.in_axes, self.reduce)


class Jitted:
    """A compiled function: see `jit`.

    >>> jit(abs)
    <abs compiled by llvm>
    """

    def __init__(self, function: Function, backend: str, level: int | None) -> None:
        self.function, self.backend, self.level = function, backend, level
        # What a method is bound to is an argument, too: it may change.
        self._inner, self._bound = (function, function.bound) if isinstance(function, Vmapped) else _unbound(function)
        for name in ("__name__", "__qualname__", "__module__", "__doc__"):
            if hasattr(function, name):
                setattr(self, name, getattr(function, name))
        self._compiled: dict[Any, Compiled] = {}  # the latest last
        self._read: dict[Any, frozenset[tuple[int, int]]] = {}  # attributes that a program may depend on
        self._argument_names: list[str] = []
        self._quick: list[Function] = []  # for structures seen before, the newest first

    def __repr__(self) -> str:
        return f"<{getattr(self.function, '__name__', 'function')} compiled by {self.backend}>"

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if self._bound:
            arguments = (*self._bound, *arguments)
        if not _active and not keywords:  # no transform is under way
            for call in self._quick:
                result = call(*arguments)
                if result is not NotImplemented:
                    return result
        if not _here.get() and not _holds_values((arguments, keywords)):
            result = self._call(arguments, keywords)
            if result is not NotImplemented:
                return result
        function = self._inner.one_by_one if isinstance(self._inner, Vmapped) else self._inner
        return function(*arguments, **keywords)

    def _call(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Call the compiled function; NotImplemented where it takes from outside what a transform is about."""
        given, axes = _prepared(self._inner, arguments, keywords)
        names = (*self._names(len(arguments)), *keywords)
        parts = [take_apart(a, f"{name}: argument", "enter") for a, name in zip(given, names, strict=True)]
        structures = tuple(structure for _, structure in parts)
        # However many samples there are, the program is the same.
        shapes = [
            tuple(shape and shape[1:] if axis == 0 else shape for shape in structure.shapes)
            for structure, axis in zip(structures, axes, strict=True)
        ]
        alike = (tuple(structure.skeleton for structure in structures), tuple(shapes), axes, tuple(keywords))
        _samples(given, axes)
        units = [unit for part, _ in parts for unit in part]
        key = self._key(alike, structures)
        compiled = self._compiled.pop(key, None)
        if compiled is None or not compiled.trace.is_valid():
            trace = _trace(self._inner, arguments, keywords)
            if trace is None:
                return NotImplemented
            compiled = Compiled(trace, self.backend, self.level)
            self._read[alike] = self._read.get(alike, frozenset()) | trace.attributes
            key = self._key(alike, structures)
            if not keywords and (call := compiled.quick(structures)):
                self._quick = [call, *self._quick[: MOST - 1]]
        self._compiled[key] = compiled
        if len(self._compiled) > PROGRAMS:
            self._forget()
        return compiled(units, [structure.fixed for structure in structures])

    def _names(self, count: int) -> list[str]:
        if len(self._argument_names) != count:
            inner = self._inner.inner if isinstance(self._inner, Vmapped) else self._inner
            self._argument_names = _argument_names(inner, count)
        return self._argument_names

    def _key(self, alike: Any, structures: Sequence[Structure]) -> Any:
        """Tell programs apart: by the arguments' structures, and by those attributes that one of the programs has read."""
        read = self._read.get(alike, frozenset())
        return alike, read, tuple([structures[i].fixed[attribute].skeleton for i, attribute in sorted(read)])

    def _forget(self) -> None:
        alike, *_ = oldest = next(iter(self._compiled))
        del self._compiled[oldest]
        if all(alike != other for other, *_ in self._compiled):
            self._read.pop(alike, None)

    def __get__(self, thing: Any, kind: Any = None) -> Any:
        return self if thing is None else MethodType(self, thing)  # the method of a class

    def program(self, *arguments: Any, **keywords: Any) -> Program:
        """Return the program that such arguments are computed by, to look at.

        >>> print(jit(lambda x: x * x + x * x).program(3.0))
        t1 = x*x
        t2 = t1 + t1
        return t2
        """
        trace = _trace(self._inner, (*self._bound, *arguments), keywords)
        if trace is None:
            raise TracingError(f"{self!r} takes a Value from outside that a transform is about")
        return trace.program

    def __reduce__(self) -> Any:
        # A decorated function is found under its own name; any other is compiled anew where it arrives.
        named: Any = sys.modules.get(getattr(self, "__module__", ""))
        for name in getattr(self, "__qualname__", "").split("."):
            named = getattr(named, name, None)
        if named is self:
            return self.__qualname__
        return _reduced(self, self.function, self.backend, self.level)


def _unbound(function: Function) -> tuple[Function, tuple[Any, ...]]:
    """Divide a method, or a callable object, into a function and the object that is its first argument."""
    if isinstance(function, MethodType):
        return function.__func__, (function.__self__,)
    return (type(function).__call__, (function,)) if is_object(function) else (function, ())


# Pickles. A function that arrives again, as a worker's does with each task, is the one that is there already, if all of
# it is named or cannot change: what it compiled is not compiled again.

_there: WeakValueDictionary[Any, Any] = WeakValueDictionary()
_kept: deque[Any] = deque(maxlen=PROGRAMS)  # which have arrived: they outlive the task


def _reduced(made: Any, *parts: Any) -> tuple[Any, ...]:
    """Return what pickle makes a function of, and remember that it is there."""
    kind = type(made)
    if (identity := _identity((kind, *parts))) is not None:
        _there[identity] = made
    return _arrived, (kind, *parts)


def _arrived(kind: type, *parts: Any) -> Any:
    """Make a function of what a pickle holds, or find the one that is there."""
    identity = _identity((kind, *parts))
    made = kind(*parts) if identity is None else _there.setdefault(identity, kind(*parts))
    if made not in _kept:
        _kept.append(made)
    return made


def _identity(thing: Any) -> Any:
    """Return what equal functions have in common; None for one that may change, as a model does."""
    if isinstance(thing, Jitted):
        thing = Jitted, thing.function, thing.backend, thing.level
    elif isinstance(thing, Vmapped):
        thing = Vmapped, thing.function, thing.in_axes, thing.reduce
    elif isinstance(thing, partial):
        thing = None if thing.keywords else (partial, thing.func, *thing.args)
    if isinstance(thing, tuple):
        parts = tuple(map(_identity, thing))
        return None if None in parts else parts
    if isinstance(thing, (FunctionType, BuiltinFunctionType, type, Op)):
        return thing
    return (type(thing), thing) if thing is None or isinstance(thing, (str, int)) else None


def _holds_values(thing: Any) -> bool:
    """Say whether there are Values among the arguments, other than the parameters of a Module."""
    if isinstance(thing, (list, tuple, dict, deque)):
        return any(map(_holds_values, thing.values() if isinstance(thing, dict) else thing))
    return isinstance(thing, Value) or (is_array(thing) and thing.dtype.hasobject)


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


# Tracing.


def _prepared(
    function: Function, arguments: Sequence[Any], keywords: dict[str, Any]
) -> tuple[list[Any], tuple[int | None, ...]]:
    """Return the arguments, those by name last, the mapped ones as arrays, and the axis of each that is mapped."""
    given = [*arguments, *keywords.values()]
    if not isinstance(function, Vmapped):
        return given, (None,) * len(given)
    axes = (*function.axes(arguments), *(0 for _ in keywords))
    names = [*_argument_names(function.inner, len(arguments)), *keywords]
    return [a if axis is None else _arrays(a, name) for a, axis, name in zip(given, axes, names, strict=True)], axes


def _arrays(thing: Any, name: str) -> Any:
    """Return a mapped argument as arrays."""
    if is_array(thing) and thing.ndim and thing.dtype.kind in "fiub":
        return thing
    units, structure = take_apart(thing, name, "map")
    return structure.rebuild(units, [structure.fixed])


def _trace(function: Function, arguments: Sequence[Any], keywords: dict[str, Any]) -> Trace | None:
    inner = function.inner if isinstance(function, Vmapped) else function
    given, axes = _prepared(function, arguments, keywords)
    leaves: list[Value] = []
    shapes: list[Shape] = []
    numbers: list[float] = []  # of the first sample

    def traced(thing: Any, name: str, axis: int | None) -> Any:
        units, structure = take_apart(thing, f"{name}: argument", "enter")
        own = [(s[1:] if axis == 0 else s) if s is not None else None for s in structure.shapes]
        sizes = [1 if s is None else prod(s) for s in own]
        made = []
        for i in range(sum(sizes)):
            leaf = Value(nan, label=name if len(own) == 1 and own[0] is None else f"{name}[{i}]")
            leaf.kind = "traced"
            made.append(leaf)
        leaves.extend(made)
        numbers.extend(_numbers(units, name, axis == 0))
        shapes.extend((SAMPLES, *(s or ())) if axis == 0 else s for s in own)
        # One sample of an array with one axis is a lone number.
        one = tuple(s or None if axis == 0 else s for s in own)
        return Structure(structure.skeleton, one, structure.fixed).unflatten(made, reads)

    names = [*_argument_names(inner, len(arguments)), *keywords]
    numpy = sys.modules.get("numpy")  # it warns where the processor meets a nan, as traced Values hold
    with tracing() as trace, Reads() as reads, numpy.errstate(all="ignore") if numpy else nullcontext():
        fresh = []
        for reads.argument, (a, name, axis) in enumerate(zip(given, names, axes, strict=True)):
            fresh.append(traced(a, name, axis))
        more = dict(zip(keywords, fresh[len(arguments) :], strict=True))
        with active([*leaves, Value(nan)]):
            result = inner(*fresh[: len(arguments)], **more)
        units, outputs = take_apart(result, "the function's result", "leave")
    results = numbers_in(units)
    if is_active([x for x in results if isinstance(x, Value)]):  # in a transform that left the call to this thread
        return None
    captured = _captured(leaves, results)
    program = record([*leaves, *captured], results)
    program.numbers = [*numbers, *(value._data for value in captured)]
    shapes += [None for _ in captured]
    mapped, reduce = (True, function.reduce) if isinstance(function, Vmapped) else (False, None)
    made = [(SAMPLES, *(shape or ())) if mapped and not reduce else shape for shape in outputs.shapes]
    first = 1 + sum(shape is not None for shape in made)
    program.layout = Layout(tuple(_places(shapes, first)), tuple(_places(made, 0)), mapped, reduce)
    return Trace(program, shapes, made, outputs, captured, frozenset(reads.seen), trace.read)


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
        own = not node.parents and node.role in ("", "parameter")
        return node.kind == "traced" or (node._traced and not own)

    found: dict[Value, None] = {}
    values = [x for x in results if isinstance(x, Value)]
    for node in topological_order(*values):
        if inside(node):
            found.update((parent, None) for parent in node.parents if not inside(parent))
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
