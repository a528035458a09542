"""Nested structures of numbers (lists, tuples, dicts, NumPy arrays, Modules), taken apart and put together again."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from math import prod
from types import GeneratorType
from typing import Any, NamedTuple

from scalargrad.nn import Module, is_parameter
from scalargrad.ops import is_number
from scalargrad.value import Value

Shape = tuple[int, ...] | None  # of an array; None for a lone number


@dataclass(frozen=True)
class Structure:
    """What is left of a structure without its numbers: comparable, hashable, and able to take others.

    >>> numbers, structure = flatten({"w": [1, 2.5], "b": 3})
    >>> numbers
    [1, 2.5, 3]
    >>> structure.unflatten([10, 20, 30])
    {'w': [10, 20], 'b': 30}

    shapes  for each unit, a lone number or an array, its shape
    """

    skeleton: Any
    shapes: tuple[Shape, ...]

    @property
    def size(self) -> int:
        """How many numbers there are, those in arrays counted one by one."""
        return sum(1 if shape is None else prod(shape) for shape in self.shapes)

    def unflatten(self, numbers: Iterable[Any]) -> Any:
        """Put numbers in: those of an array become an array, of floats or, where Values are among them, of objects."""
        rest = iter(numbers)
        return self.rebuild([_unit(rest, shape) for shape in self.shapes])

    def rebuild(self, units: Sequence[Any]) -> Any:
        """Put units in: whatever stands for a lone number, or for an array."""
        return _rebuild(self.skeleton, list(units))

    def bare(self, numbers: Iterable[Any]) -> list[Any]:
        """Return those of this structure's numbers that are no parameters of a Module.

        >>> flatten([1.0, 2.0])[1].bare([3.0, 4.0])
        [3.0, 4.0]
        """
        rest, parameters = iter(numbers), set(_parameters(self.skeleton))
        units = [[next(rest) for _ in range(1 if shape is None else prod(shape))] for shape in self.shapes]
        return [x for i, unit in enumerate(units) if i not in parameters for x in unit]

    def jacobian(self, inputs: Structure, rows: Sequence[Sequence[Any]]) -> Any:
        """Arrange a matrix, a row for each number of this structure, as this structure of the other structure.

        Two units give a block of both their shapes, as in JAX.
        """
        done, outer = 0, []
        for shape in self.shapes:
            count, start, inner = 1 if shape is None else prod(shape), 0, []
            for other in inputs.shapes:
                width = 1 if other is None else prod(other)
                block = (x for row in rows[done : done + count] for x in row[start : start + width])
                both = None if shape is None and other is None else (shape or ()) + (other or ())
                inner.append(_unit(block, both))
                start += width
            outer.append(inputs.rebuild(inner))
            done += count
        return self.rebuild(outer)


def flatten(tree: Any, name: str = "argument") -> tuple[list[Any], Structure]:
    """Return the numbers and Values of a structure, and the structure.

    >>> flatten([1.0, (2.0, 3.0)])[0]
    [1.0, 2.0, 3.0]

    The numbers of a Module are its parameters. Raises TypeError, with the name, for what holds no numbers.
    """
    units, structure = take_apart(tree, name)
    return [x for unit in units for x in (unit.ravel().tolist() if is_array(unit) else (unit,))], structure


def take_apart(tree: Any, name: str = "argument", static: bool = False) -> tuple[list[Any], Structure]:
    """Return the units of a structure, numbers and whole arrays, and the structure.

    >>> take_apart([1.0, (2.0, 3.0)])[0]
    [1.0, 2.0, 3.0]

    With `static`, what is no number (a string, None, a function) is kept in the structure.
    """
    apart = _Apart(static)
    skeleton = apart.skeleton(tree, name)
    return apart.units, Structure(skeleton, tuple(apart.shapes))


def is_array(thing: Any) -> bool:
    """Say whether this is a NumPy array.

    >>> is_array([1.0])
    False
    """
    numpy = sys.modules.get("numpy")  # who has an array has imported it
    return numpy is not None and isinstance(thing, numpy.ndarray)


def array(values: Any) -> Any:
    """Make an array of Values, as np.array does, to which NumPy's functions do what scalargrad's do.

    >>> import numpy as np
    >>> x = array([Value(0.0), Value(2.0)])
    >>> np.maximum(x, 0.0).sum().backward()
    >>> x[0].grad, x[1].grad
    (0.5, 1.0)

    Functions get such arrays from transforms, `jit` and `vmap`, and what is computed from them, or from a Value and an
    array, is one too. In a plain np.array of Values, or a list, NumPy does not see the Values: np.maximum, for one,
    compares by `>=` there, and gives all of a tie to one side.
    """
    import numpy as np

    from scalargrad.arrays import as_array

    made = np.array(values, object)
    return as_array(made) if any(isinstance(x, Value) for x in made.flat) else made.astype(float)


# A skeleton is the number of a unit; or a container's class, its keys and its parts; or, for what holds no numbers,
# None, its class and itself.


class _Parameter(int):
    """The number of a unit in a Module, where it is to be a parameter."""


class _Same:
    """A thing that is equal to itself only, and hashable."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.thing is other.thing

    def __hash__(self) -> int:
        return id(self.thing)


class Contents(NamedTuple):
    """A NumPy array that is no argument, by what it holds: it may be changed in place.

    >>> import numpy as np
    >>> Contents.of(np.array([1.0])).array()
    array([1.])
    """

    shape: tuple[int, ...]
    kind: str
    data: bytes

    @classmethod
    def of(cls, array: Any) -> Contents:
        """Take down what an array holds."""
        return cls(array.shape, array.dtype.str, array.tobytes())

    def array(self) -> Any:
        """Make an array that holds the same."""
        import numpy as np

        return np.frombuffer(self.data, self.kind).reshape(self.shape).copy()


def _static(thing: Any) -> Any:
    if is_array(thing) and not thing.dtype.hasobject:
        return None, Contents, Contents.of(thing)
    if type(thing) is float:  # 0.0 equals -0.0, and nan does not equal nan
        return None, float, thing.hex()
    try:
        hash(thing)
    except TypeError:
        return None, _Same, _Same(thing)
    return None, type(thing), thing


def _hides_values(thing: Any) -> bool:
    """Say whether Values come out of what is no structure, and can be read only once, or in no order."""
    some = isinstance(thing, (AbstractSet, ValuesView)) and any(isinstance(x, Value) for x in thing)
    return some or isinstance(thing, (GeneratorType, filter, map, zip))


class _Apart:
    def __init__(self, static: bool) -> None:
        self.static = static
        self.units: list[Any] = []
        self.shapes: list[Shape] = []
        self.seen: dict[Value, _Parameter] = {}  # parameters: a shared one is one unit

    def unit(self, thing: Any, shape: Shape = None) -> int:
        self.units.append(thing)
        self.shapes.append(shape)
        return len(self.units) - 1

    def skeleton(self, thing: Any, name: str) -> Any:
        kind = type(thing)
        if kind is float or isinstance(thing, Value):
            return self.unit(thing)
        if is_array(thing):
            return self.unit(thing, thing.shape)
        if isinstance(thing, Module):
            return self.module(thing, ())
        if isinstance(thing, (list, tuple, dict)):
            parts = list(thing.items() if isinstance(thing, dict) else enumerate(thing))
            keys = tuple(thing) if isinstance(thing, dict) else None
            return kind, keys, tuple(self.skeleton(part, f"{name}[{key!r}]") for key, part in parts)
        if is_number(thing):
            return self.unit(thing)
        if self.static and not _hides_values(thing):
            return _static(thing)
        raise TypeError(f"{name} must be a number, or lists, dicts, arrays or Modules of them, got {thing!r}")

    def module(self, thing: Any, above: tuple[Any, ...]) -> Any:
        if is_parameter(thing):
            if thing not in self.seen:
                self.seen[thing] = _Parameter(self.unit(thing))
            return self.seen[thing]
        keys: tuple[Any, ...] | None
        if isinstance(thing, (Module, dict)):
            attributes = vars(thing) if isinstance(thing, Module) else thing
            keys, parts = tuple(attributes), list(attributes.values())
        elif isinstance(thing, (list, tuple)):
            keys, parts = None, list(thing)
        else:
            return _static(thing)
        if any(thing is module for module in above):  # a module that knows its parent
            return None, _Same, _Same(thing)
        above = (*above, thing)
        return type(thing), keys, tuple([self.module(part, above) for part in parts])


def _rebuild(skeleton: Any, units: list[Any]) -> Any:
    if type(skeleton) is int:
        return units[skeleton]
    if type(skeleton) is _Parameter:
        return _parameter(units, skeleton)
    kind, keys, parts = skeleton
    if kind is None:
        if keys is Contents:
            return parts.array()
        return float.fromhex(parts) if keys is float else parts.thing if keys is _Same else parts
    things = [_rebuild(part, units) for part in parts]
    if keys is not None:
        if not issubclass(kind, Module):
            return dict(zip(keys, things, strict=True))
        module = kind.__new__(kind)
        vars(module).update(zip(keys, things, strict=True))
        return module
    if hasattr(kind, "_make"):
        return kind._make(things)
    return tuple(things) if issubclass(kind, tuple) else things


def _parameters(skeleton: Any) -> Iterator[int]:
    if type(skeleton) is _Parameter:
        yield skeleton
    elif not isinstance(skeleton, int) and skeleton[0] is not None:
        for part in skeleton[2]:
            yield from _parameters(part)


def _parameter(units: list[Any], index: int) -> Any:
    x = units[index]
    if isinstance(x, Module):  # a row of a second derivative
        return x
    if not isinstance(x, Value) or x.role == "constant":
        x = units[index] = Value(x._data if isinstance(x, Value) else x)
    if x.role != "traced":
        x.role = "parameter"
    return x


def _unit(numbers: Iterable[Any], shape: Shape) -> Any:
    numbers = iter(numbers)
    if shape is None:
        return next(numbers)
    import numpy as np

    entries = [next(numbers) for _ in range(prod(shape))]
    if not any(isinstance(x, Value) for x in entries):
        return np.array(entries, float).reshape(shape)
    from scalargrad.arrays import as_array

    array = np.empty(len(entries), object)
    array[:] = entries
    return as_array(array.reshape(shape))
