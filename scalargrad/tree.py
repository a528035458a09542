"""Nested structures of numbers, taken apart and put together again.

Lists, tuples, dicts and classes derived from these, with None where a thing is missing; arrays, also what says to
NumPy that it is one, as a pandas Series does; Modules, objects whose attributes are all that they are, such as a
dataclass, and those of a registered class. What is none of these is part of a program where it cannot change (a
string, None, a function), and else refused: a program would know it only as it once was.
"""

from __future__ import annotations

from array import array as typed_array
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from math import prod
from types import MethodType
from typing import Any, NamedTuple

from scalargrad.apart import _Apart
from scalargrad.objects import array_in, attributes_in, is_array, put_attributes, registered
from scalargrad.op import is_number
from scalargrad.reads import Reads
from scalargrad.skeleton import (
    Contents,
    Fixed,
    Shape,
    _Above,
    _Attribute,
    _Given,
    _Parameter,
    _Same,
    parameters_in,
    varies,
)
from scalargrad.traced import under_way
from scalargrad.value import Value


class Structure(NamedTuple):
    """What is left of a structure without its numbers: comparable, hashable, and able to take others.

    >>> numbers, structure = flatten({"w": [1, 2.5], "b": 3})
    >>> numbers
    [1, 2.5, 3]
    >>> structure.unflatten([10, 20, 30])
    {'w': [10, 20], 'b': 30}

    shapes  for each unit, a lone number or an array, its shape
    fixed   for each attribute without numbers, what it holds
    """

    skeleton: Any
    shapes: tuple[Shape, ...]
    fixed: tuple[Fixed, ...] = ()

    @property
    def size(self) -> int:
        """How many numbers there are, those in arrays counted one by one."""
        return sum(1 if shape is None else prod(shape) for shape in self.shapes)

    def unflatten(self, numbers: Iterable[Any], reads: Reads | None = None) -> Any:
        """Put numbers in: those of an array become an array, of floats or, where Values are among them, of objects."""
        rest = iter(numbers)
        units = [next(rest) if shape is None else _unit(rest, shape) for shape in self.shapes]
        return self.rebuild(units, [self.fixed], reads)

    def rebuild(self, units: Sequence[Any], given: Sequence[Sequence[Fixed]] = (), reads: Reads | None = None) -> Any:
        """Put units in: whatever stands for a lone number, or for an array.

        given  the attributes without numbers of each argument
        reads  notes which of them are read
        """
        return _Rebuilt(list(units), given, reads).thing(self.skeleton)

    def units_of(self, tree: Any, name: str) -> list[Any]:
        """Return the units of another tree in this structure's order: dicts and attributes are paired by key.

        >>> flatten({"a": 1.0, "b": 2.0})[1].units_of({"b": 4.0, "a": 3.0}, "tangent")
        [3.0, 4.0]

        Raises ValueError, with the name, where the tree has another structure.
        """
        units: list[Any] = [None] * len(self.shapes)
        _pair(self, self.skeleton, tree, name, units)
        return units

    def bare(self, numbers: Iterable[Any]) -> list[Any]:
        """Return those of this structure's numbers that are no parameters of a Module.

        >>> flatten([1.0, 2.0])[1].bare([3.0, 4.0])
        [3.0, 4.0]
        """
        rest, parameters = iter(numbers), set(parameters_in(self.skeleton))
        units = [[next(rest) for _ in range(1 if shape is None else prod(shape))] for shape in self.shapes]
        return [x for i, unit in enumerate(units) if i not in parameters for x in unit]

    def first(self) -> Structure:
        """Return the structure of a tuple's only entry.

        >>> flatten((1.0,))[1].first() == flatten(1.0)[1]
        True
        """
        return Structure(self.skeleton[2][0], self.shapes, self.fixed)

    def jacobian(self, inputs: Structure, rows: Sequence[Sequence[Any]]) -> Any:
        """Arrange a matrix, a row for each number of this structure, as this structure of the other structure.

        Two units give a block of both their shapes, as in JAX.
        """
        if all(shape is None for shape in (*self.shapes, *inputs.shapes)):
            return self.rebuild([inputs.rebuild(row) for row in rows])
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


# What transforms are given most, a number, or a list or tuple of numbers: quick.


class _Lone(Structure):
    def unflatten(self, numbers: Iterable[Any], reads: Reads | None = None) -> Any:  # noqa: ARG002
        return next(iter(numbers))

    def rebuild(self, units: Sequence[Any], given: Sequence[Sequence[Fixed]] = (), reads: Reads | None = None) -> Any:  # noqa: ARG002
        return units[0]


class _Flat(Structure):
    def unflatten(self, numbers: Iterable[Any], reads: Reads | None = None) -> Any:  # noqa: ARG002
        return self.skeleton[0](numbers)

    def rebuild(self, units: Sequence[Any], given: Sequence[Sequence[Fixed]] = (), reads: Reads | None = None) -> Any:  # noqa: ARG002
        return self.skeleton[0](units)


LONE: Structure = _Lone(0, (None,))
_NUMBERS = {float, Value}


@lru_cache(maxsize=1024)
def _flat(kind: type, count: int) -> Structure:
    return _Flat((kind, None, tuple(range(count)), None), (None,) * count)


def flatten(tree: Any, name: str = "argument", to: str = "differentiate") -> tuple[list[Any], Structure]:
    """Return the numbers and Values of a structure, and the structure.

    >>> flatten([1.0, (2.0, 3.0)])[0]
    [1.0, 2.0, 3.0]

    The numbers of a Module are its parameters. Raises TypeError, with the name, for what holds no numbers.
    """
    if tree.__class__ is float or isinstance(tree, Value):
        return [tree], LONE
    if tree.__class__ in (list, tuple) and {*map(type, tree)} <= _NUMBERS:
        return list(tree), _flat(tree.__class__, len(tree))
    units, structure = take_apart(tree, name, to)
    return numbers_in(units), structure


def flatten_arguments(arguments: Mapping[int, Any]) -> tuple[list[Any], Structure]:
    """Return the numbers and Values of some arguments, by their positions, and the structure of a tuple of them.

    >>> flatten_arguments({0: 1.0, 2: [2.0]})[0]
    [1.0, 2.0]
    """
    apart, skeletons = _Apart("differentiate"), []
    for position, argument in arguments.items():
        apart.seen.clear()  # a parameter that is in two arguments counts in each
        skeletons.append(apart.skeleton(argument, f"argument {position}"))
    return numbers_in(apart.units), Structure((tuple, None, tuple(skeletons), None), tuple(apart.shapes))


def numbers_in(units: Iterable[Any]) -> list[Any]:
    """List the numbers of units, those of an array one by one.

    >>> numbers_in([1.0, 2.0])
    [1.0, 2.0]
    """
    return [x for unit in units for x in (unit.ravel().tolist() if is_array(unit) else (unit,))]


def take_apart(tree: Any, name: str = "argument", to: str = "differentiate") -> tuple[list[Any], Structure]:
    """Return the units of a structure, numbers and whole arrays, and the structure.

    >>> take_apart([1.0, (2.0, 3.0)])[0]
    [1.0, 2.0, 3.0]

    to  "differentiate", or be a "result" of what is differentiated: all must be numbers, but for what objects hold
        beside them, which stays as it is; "enter" or "leave" a compiled function: what cannot change is part of the
        program; "map" a function over samples: all must be arrays, and lists of numbers become arrays
    """
    apart = _Apart(to)
    skeleton = apart.skeleton(tree, name)
    return apart.units, Structure(skeleton, tuple(apart.shapes), tuple(apart.fixed))


class _Rebuilt:
    """Puts a structure together."""

    def __init__(self, units: list[Any], given: Sequence[Sequence[Fixed]], reads: Reads | None) -> None:
        self.units, self.given, self.reads = units, given, reads

    def thing(self, skeleton: Any, above: tuple[Any, ...] = ()) -> Any:
        if isinstance(skeleton, int):
            if type(skeleton) is _Attribute:
                return self.given[0][skeleton].thing
            return _parameter(self.units, skeleton) if type(skeleton) is _Parameter else self.units[skeleton]
        kind, keys, parts, extra = skeleton
        if kind is None:
            return self.static(keys, parts, above)
        if keys is not None and not issubclass(kind, dict):
            return self.object(kind, keys, parts, extra, above)
        things = [self.thing(part, above) for part in parts]
        if kind in registered:
            return registered[kind][1](self.thing(extra), things)
        if keys is not None:
            return _dict(kind, keys, things, extra)
        if kind is MethodType:
            return MethodType(*things)
        if kind is deque:
            return deque(things, extra)
        if hasattr(kind, "_make"):
            return kind._make(things)
        if issubclass(kind, tuple):
            return tuple.__new__(kind, things)
        made = kind.__new__(kind)
        list.extend(made, things)
        return made

    def static(self, kind: Any, thing: Any, above: tuple[Any, ...]) -> Any:
        if kind is _Above:
            return above[thing]
        if kind is _Given:
            argument, index = thing
            return self.given[argument][index].thing
        if kind is Contents:
            return thing.array()
        return float.fromhex(thing) if kind is float else thing.thing if kind is _Same else thing

    def object(self, kind: Any, keys: Any, parts: Any, watch: Any, above: tuple[Any, ...]) -> Any:
        made = kind.__new__(kind)
        things = [self.thing(part, (*above, made)) for part in parts]
        put_attributes(made, dict(zip(keys, things, strict=True)))
        if watch:  # the object is made of an argument, while a function is traced
            watch[0].watch(made, watch[1])
        elif self.reads:
            argument, fixed = self.reads.argument, {}
            for key, part in zip(keys, parts, strict=True):
                if type(part) is _Attribute:
                    fixed[key] = (argument, int(part)), self.given[0][part]
            if fixed:
                self.reads.watch(made, fixed)
        return made


def _dict(kind: Any, keys: Sequence[Any], things: Sequence[Any], extra: Any) -> Any:
    if kind is dict:
        return dict(zip(keys, things, strict=True))
    made = kind.__new__(kind)
    put: Callable[..., None] = OrderedDict.__setitem__ if issubclass(kind, OrderedDict) else dict.__setitem__
    for key, thing in zip(keys, things, strict=True):
        put(made, key, thing)
    if isinstance(extra, _Same):
        made.default_factory = extra.thing
    elif extra:
        made.__dict__ = made
    return made


def _pair(structure: Structure, skeleton: Any, thing: Any, name: str, units: list[Any]) -> None:
    if isinstance(skeleton, int):
        shape = structure.shapes[skeleton]
        if shape is not None and (array := array_in(thing)) is not None:
            thing = array
        if (thing.shape if is_array(thing) else None) != shape or not (is_array(thing) or _is_unit(thing)):
            expected = "a number" if shape is None else f"an array of the shape {shape}"
            raise ValueError(f"{name}: expected {expected}, got {thing!r}")
        units[skeleton] = thing
        return
    kind, keys, parts, _ = skeleton
    if kind is None:
        return
    if kind in registered:
        if type(thing) is not kind:
            raise ValueError(f"{name}: expected a {kind.__name__}, got {thing!r}")
        thing = list(registered[kind][0](thing)[0])
    if keys is None:
        if not isinstance(thing, (list, tuple, deque, typed_array)) or len(thing) != len(parts):
            raise ValueError(f"{name}: expected {len(parts)} entries in a {kind.__name__}, got {thing!r}")
        inside = {index: f"{name}[{index}]" for index in range(len(parts))}
    elif issubclass(kind, dict):
        if not isinstance(thing, dict) or thing.keys() != set(keys):
            raise ValueError(f"{name}: expected a dict with the keys {list(keys)}, got {thing!r}")
        inside = {key: f"{name}[{key!r}]" for key in keys}
    else:
        if not isinstance(thing, kind):
            raise ValueError(f"{name}: expected a {kind.__name__}, got {thing!r}")
        thing = attributes_in(thing)
        inside = {key: f"{name}.{key}" for key in keys}
        if missing := [key for key, part in zip(keys, parts, strict=True) if varies(part) and key not in thing]:
            raise ValueError(f"{name}: a {kind.__name__} without {', '.join(missing)}")
    for (key, path), part in zip(inside.items(), parts, strict=True):
        if varies(part):
            _pair(structure, part, thing[key], path, units)


def _is_unit(thing: Any) -> bool:
    return isinstance(thing, Value) or is_number(thing)


def _parameter(units: list[Any], index: int) -> Any:
    x = units[index]
    if not isinstance(x, Value) and not is_number(x):  # x is a row of a second derivative
        return x
    if not isinstance(x, Value) or x.kind == "constant":
        x = units[index] = Value(x._data if isinstance(x, Value) else x)
    if x.kind != "traced":
        x.role = "parameter"
    elif trace := under_way():
        trace.parameters.add(x)
    return x


def _unit(numbers: Iterable[Any], shape: Shape) -> Any:
    numbers = iter(numbers)
    if shape is None:
        return next(numbers)
    import numpy as np

    entries = [next(numbers) for _ in range(prod(shape))]
    if not any(isinstance(x, Value) for x in entries):
        return np.array(entries, float).reshape(shape)
    return array_of(entries, shape)


def array_of(values: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """Return an array of some Values, and numbers among them, in a shape.

    >>> array_of([Value(1.0)], (1, 1))
    Array([[Value(data=1.0, grad=0.0)]], dtype=object)
    """
    import numpy as np

    from scalargrad.arrays import as_array

    array = np.empty(len(values), object)
    array[:] = values
    return as_array(array.reshape(shape))


def floats_in(buffer: bytearray, shape: tuple[int, ...]) -> Any:
    """Return the doubles that stand in a buffer as an array of a shape.

    >>> floats_in(bytearray(8), (1,))
    array([0.])
    """
    import numpy as np

    return np.frombuffer(buffer, float).reshape(shape)


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
    try:
        import numpy as np
    except ImportError as error:
        raise ImportError("array() needs the package numpy: pip install numpy") from error

    from scalargrad.arrays import as_array

    made = np.array(values, object)
    return as_array(made) if any(isinstance(x, Value) for x in made.flat) else made.astype(float)
