"""Nested structures of numbers, taken apart and put together again.

Lists, tuples, dicts and classes derived from these, NumPy arrays, Modules, and objects whose attributes are all that they
are, such as a dataclass. What is none of these is part of a program where it cannot change (a string, None, a function),
and else refused: a program would know it only as it once was.
"""

from __future__ import annotations

import dataclasses
import gc
import os
import sys
from array import array as typed_array
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import prod
from threading import RLock
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any, NamedTuple

from scalargrad.nn.module import Module, attributes_of, is_parameter
from scalargrad.op import Op, is_number, number
from scalargrad.traced import under_way
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
        return self.rebuild([_unit(rest, shape) for shape in self.shapes], [self.fixed], reads)

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
        rest, parameters = iter(numbers), set(_parameters(self.skeleton))
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


def flatten(tree: Any, name: str = "argument", to: str = "differentiate") -> tuple[list[Any], Structure]:
    """Return the numbers and Values of a structure, and the structure.

    >>> flatten([1.0, (2.0, 3.0)])[0]
    [1.0, 2.0, 3.0]

    The numbers of a Module are its parameters. Raises TypeError, with the name, for what holds no numbers.
    """
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
    try:
        import numpy as np
    except ImportError as error:
        raise ImportError("array() needs the package numpy: pip install numpy") from error

    from scalargrad.arrays import as_array

    made = np.array(values, object)
    return as_array(made) if any(isinstance(x, Value) for x in made.flat) else made.astype(float)


# A skeleton is the number of a unit; or the number of an attribute without numbers; or a container's class, its keys, its
# parts and what else it needs; or, for what holds no numbers, None, its class and itself.


class _Parameter(int):
    """The number of a unit in a Module, where it is to be a parameter."""


class _Recorded(int):
    """The number of a unit that is a Value in another object: its number is taken, as a parameter's is."""


class _Attribute(int):
    """The number of an attribute that holds no numbers. A program depends on it only where it is read."""


class Fixed(NamedTuple):
    """What an attribute without numbers holds: its skeleton, None where it cannot enter a program, and itself.

    >>> Fixed((None, str, "tanh"), "tanh").refusal
    ''
    """

    skeleton: Any
    thing: Any
    refusal: str = ""


class _Same:
    """A thing that is equal to itself only, and hashable."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.thing is other.thing

    def __hash__(self) -> int:
        return id(self.thing)


class _Above:
    """An object that a part of it refers to."""


class _Given:
    """An attribute of an argument that comes out as it came in."""


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


# Objects. One whose attributes are all that it is can be made anew from them.


class _Plain:
    pass


_HOOKS = ("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__", "__getnewargs_ex__")


def is_object(thing: Any) -> bool:
    """Say whether a thing is an object whose attributes are all that it is, no other container.

    >>> is_object(SimpleNamespace(a=1.0)), is_object(1.0)
    (True, False)
    """
    kind = type(thing)
    if isinstance(thing, Module) or kind is SimpleNamespace:
        return True
    if isinstance(thing, (type, Enum, ModuleType)) or kind.__module__ == "builtins":
        return False
    if not kind.__dictoffset__:
        return dataclasses.is_dataclass(kind)  # whose slots are known
    is_known = all(getattr(kind, hook, None) is getattr(object, hook, None) for hook in _HOOKS)
    return is_known and kind.__basicsize__ <= _Plain.__basicsize__


def _attributes(thing: Any) -> dict[str, Any]:
    if type(thing).__dictoffset__:
        return attributes_of(thing)
    return {field.name: getattr(thing, field.name) for field in dataclasses.fields(thing) if hasattr(thing, field.name)}


class Reads:
    """Notes which attributes without numbers a function reads while it is traced.

    >>> class Model(Module):
    ...     steps = 0
    >>> model = Model(); model.steps, model.name = 1, "m"
    >>> with Reads() as reads:
    ...     seen = take_apart(model, to="enter")[1].unflatten([], reads).name
    >>> sorted(reads.seen)
    [(0, 1)]

    seen  by the number of the argument, and that of the attribute
    """

    def __init__(self) -> None:
        self.seen: set[tuple[int, int]] = set()
        self.argument = 0  # that is being put together
        self.things: list[Any] = []
        self.kinds: list[type] = []

    def __enter__(self) -> Reads:  # noqa: PYI034 - Self is for Python 3.11
        return self

    def __exit__(self, *raised: object) -> None:
        for thing in self.things:
            del _watched[id(thing)]
        for kind in self.kinds:
            _leave(kind)

    def watch(self, thing: Any, fixed: Mapping[str, tuple[tuple[int, int], Fixed]]) -> None:
        """Note what is read of an object from now on."""
        self.things.append(thing)
        _watched[id(thing)] = self, fixed
        kind = type(thing)
        if kind not in self.kinds:
            if _enter(kind):
                self.kinds.append(kind)
            else:  # a class that cannot be changed: all may be read
                self.note(fixed, "__dict__", None)

    def note(self, fixed: Mapping[str, tuple[tuple[int, int], Fixed]], name: str, found: Any) -> None:
        """Note that an attribute was read."""
        every = name == "__dict__"
        for key in fixed if every else (name,) if name in fixed else ():
            place, (_, thing, refusal) = fixed[key]
            if every or found is thing:  # what the function has set itself is its own
                if refusal:
                    raise TypeError(refusal)
                self.seen.add(place)


_watched: dict[int, tuple[Reads, Mapping[str, tuple[tuple[int, int], Fixed]]]] = {}
_changed_kinds: dict[type, int] = {}
_lock = RLock()


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread may have held it, which is not here
    _lock = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _enter(kind: type) -> bool:
    """Let a class tell which attributes are read, until as many calls of `_leave`; False where it cannot."""
    with _lock:
        count = _changed_kinds.get(kind, 0)
        if not count:
            original: Any = kind.__getattribute__

            def __getattribute__(self: Any, name: str) -> Any:
                found = original(self, name)
                if watch := _watched.get(id(self)):
                    watch[0].note(watch[1], name, found)
                return found

            __getattribute__.own = vars(kind).get("__getattribute__")  # type: ignore[attr-defined]
            try:
                type.__setattr__(kind, "__getattribute__", __getattribute__)
            except TypeError:
                return False
        _changed_kinds[kind] = count + 1
        return True


def _leave(kind: type) -> None:
    with _lock:
        _changed_kinds[kind] -= 1
        if not _changed_kinds[kind]:
            del _changed_kinds[kind]
            own = vars(kind)["__getattribute__"].own
            if own is None:
                type.__delattr__(kind, "__getattribute__")
            else:
                type.__setattr__(kind, "__getattribute__", own)


def _static(thing: Any, name: str, leaves: bool) -> Any:
    """Return the skeleton of what cannot change. Raises TypeError where it can, or hides Values."""
    kind = type(thing)
    its_hash: Any = kind.__hash__
    if leaves and _may_hide_values(thing):
        raise _refusal(thing, name)
    if thing is None or thing is Ellipsis or isinstance(thing, (type, ModuleType)):
        return None, _Same, _Same(thing), None
    if its_hash not in (None, object.__hash__):
        try:
            hash(thing)
        except (TypeError, ValueError):
            raise _refusal(thing, name) from None
        return None, kind, thing, None
    if callable(thing):
        return None, _Same, _Same(thing), None
    raise _refusal(thing, name)


def _may_hide_values(thing: Any) -> bool:
    """Say whether a result may hold Values where none can be put in their places: in a closure, a frozenset."""
    if isinstance(thing, FunctionType):
        return bool(thing.__closure__ or thing.__defaults__ or thing.__kwdefaults__)
    if isinstance(thing, BuiltinFunctionType):
        return not isinstance(thing.__self__, ModuleType)
    if callable(thing):
        return not isinstance(thing, (type, Op))
    return any(isinstance(part, Value) for part in gc.get_referents(thing))


def _refusal(thing: Any, name: str) -> TypeError:
    ways = "write a list, a dict or a dataclass of what it holds"
    if hasattr(thing, "__array__"):
        ways = "write numpy.asarray(...), whose operators are known"
    return TypeError(f"{name} must be a number, or lists, dicts, arrays or Modules of them, got {thing!r}: {ways}")


class _Apart:
    def __init__(self, to: str) -> None:
        self.compiled, self.leaves, self.mapped = (
            to in ("enter", "leave", "map"),
            to in ("result", "leave"),
            to == "map",
        )
        self.units: list[Any] = []
        self.shapes: list[Shape] = []
        self.fixed: list[Fixed] = []
        self.seen: dict[int, _Parameter] = {}  # parameters, by their id: a shared one is one unit
        self.varying = 0  # parts so far that do not stay as they are

    def unit(self, thing: Any, shape: Shape = None) -> int:
        self.varying += 1
        self.units.append(thing)
        self.shapes.append(shape)
        return len(self.units) - 1

    def skeleton(self, thing: Any, name: str, above: tuple[Any, ...] = (), in_module: bool = False) -> Any:
        kind = type(thing)
        if self.mapped and not (isinstance(thing, dict) or is_object(thing) or _has_arrays(thing)):
            thing = _samples(thing, name)
        if isinstance(thing, Value):
            return self.value(thing, bool(above), in_module)
        if is_array(thing):
            if in_module and not thing.dtype.hasobject:
                return None, Contents, Contents.of(thing), None
            return self.unit(thing, thing.shape)
        if kind is float or (is_number(thing) and not isinstance(thing, Enum)):
            return self.number(thing, bool(above), in_module)
        if isinstance(thing, typed_array):  # which cannot hold Values; a list behaves alike
            thing = thing.tolist()
        if isinstance(thing, (list, tuple, dict)) or kind is deque:
            return self.container(thing, name, above, in_module)
        if is_object(thing):
            return self.object(thing, name, above, in_module or isinstance(thing, Module))
        if self.compiled and isinstance(thing, MethodType):
            function = _static(thing.__func__, name, self.leaves)
            return kind, None, (function, self.skeleton(thing.__self__, f"{name}.__self__")), None
        if self.compiled or (self.leaves and above):
            return _static(thing, name, self.leaves)
        raise _refusal(thing, name)

    def number(self, thing: Any, in_object: bool, in_module: bool) -> Any:
        # A traced number is no flag and no count: a branch, or a range, needs to know it.
        kind = type(thing)
        is_flag = kind.__name__ in ("bool", "bool_")
        fixed = is_flag or (in_object and isinstance(thing, int))
        if in_module or (fixed if self.compiled else is_flag and in_object):
            # 0.0 equals -0.0, and nan does not equal nan
            return (None, kind, thing, None) if isinstance(thing, int) else (None, float, number(thing).hex(), None)
        return self.unit(thing)

    def value(self, thing: Value, in_object: bool, in_module: bool) -> Any:
        if not in_module:
            unit = self.unit(thing)
            return _Recorded(unit) if in_object and self.compiled and not self.leaves else unit
        if is_parameter(thing):
            self.varying += 1
            if id(thing) not in self.seen:
                self.seen[id(thing)] = _Parameter(self.unit(thing))
            return self.seen[id(thing)]
        return self.unit(thing) if self.leaves else (None, _Same, _Same(thing), None)

    def container(self, thing: Any, name: str, above: tuple[Any, ...], in_module: bool) -> Any:
        extra: Any = thing.maxlen if isinstance(thing, deque) else None
        if isinstance(thing, dict):
            if isinstance(thing, defaultdict):
                extra = _Same(thing.default_factory)
            elif getattr(thing, "__dict__", None) is thing:  # keys that are attributes, too
                extra = "itself"
            for key in thing if self.leaves else ():
                if type(key) is not str and (isinstance(key, Value) or _may_hide_values(key)):
                    raise _refusal(thing, name)
        items = list(thing.items() if isinstance(thing, dict) else enumerate(thing))
        for key, part in items:
            if part.__class__ is bool and not (self.compiled or self.leaves or above):  # as a Value, it would be true
                raise TypeError(f"{name}[{key!r}] is {part}: write a number, or hand a flag over in another argument")
        parts = tuple([self.skeleton(part, f"{name}[{key!r}]", above, in_module) for key, part in items])
        return type(thing), tuple(thing) if isinstance(thing, dict) else None, parts, extra

    def object(self, thing: Any, name: str, above: tuple[Any, ...], in_module: bool) -> Any:
        for depth, other in enumerate(above):
            if other is thing:  # one that knows its parent
                self.varying += 1
                return None, _Above, depth, None
        attributes, watch = _attributes(thing), _watched.get(id(thing))
        above = (*above, thing)
        parts = []
        for key, value in attributes.items():
            place, fixed = watch[1].get(key, (None, None)) if watch else (None, None)
            if fixed and fixed.thing is value and not (self.compiled and not self.leaves):
                # An argument's, which comes through a transform or out as it is.
                self.varying += 1
                parts.append((None, _Given, place, None) if self.leaves else (None, _Same, _Same(value), None))
            else:
                parts.append(self.attribute(value, f"{name}.{key}", above, in_module))
        return type(thing), tuple(attributes), tuple(parts), None if self.compiled else watch

    def attribute(self, value: Any, name: str, above: tuple[Any, ...], in_module: bool) -> Any:
        count, units, fixed, refusal = self.varying, len(self.units), len(self.fixed), ""
        try:
            part = self.skeleton(value, name, above, in_module)
        except TypeError as error:
            if self.leaves or self.mapped:
                raise
            part, refusal = None, str(error)
        if self.leaves or (self.varying > count and not refusal):
            return part
        self.varying = count + 1
        del self.units[units:], self.shapes[units:], self.fixed[fixed:]
        self.seen = {key: number for key, number in self.seen.items() if number < units}
        if not self.compiled:
            return None, _Same, _Same(value), None
        self.fixed.append(Fixed(part, value, refusal))
        return _Attribute(len(self.fixed) - 1)


def _has_arrays(thing: Any) -> bool:
    """Say whether a list or a tuple has arrays, or containers of them, and is not one array of numbers itself."""
    if not isinstance(thing, (list, tuple)):
        return False
    return any(is_array(part) or isinstance(part, dict) or is_object(part) or _has_arrays(part) for part in thing)


def _samples(thing: Any, name: str) -> Any:
    """Return an array with the samples along its first axis."""
    import numpy as np

    try:
        array = thing if is_array(thing) else np.asarray(thing)
        if array.ndim == 0:
            raise TypeError("a number alone")
        if not (array.dtype.hasobject and all(isinstance(x, Value) or is_number(x) for x in array.ravel())):
            array = array if array.dtype.kind in "fiub" else array.astype(float, casting="safe")
    except (TypeError, ValueError):
        raise TypeError(
            f"{name}: expected an array of numbers, got {thing!r}: the samples are along its first axis; what is the same "
            "for all of them has the axis None in in_axes"
        ) from None
    return array


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
        if watch:  # one that is made of an argument while a function is traced
            watch[0].watch(made, watch[1])
        elif self.reads:
            argument, fixed = self.reads.argument, {}
            for key, part in zip(keys, parts, strict=True):
                if type(part) is _Attribute:
                    fixed[key] = (argument, int(part)), self.given[0][part]
            if fixed:
                self.reads.watch(made, fixed)
        return made


def put_attributes(thing: Any, attributes: Mapping[str, Any]) -> None:
    """Set an object's attributes, whatever its class makes of that.

    >>> thing = SimpleNamespace()
    >>> put_attributes(thing, {"a": 1.0}); thing
    namespace(a=1.0)
    """
    if type(thing).__dictoffset__:
        attributes_of(thing).update(attributes)
    else:
        for key, value in attributes.items():
            object.__setattr__(thing, key, value)


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
        if (thing.shape if is_array(thing) else None) != shape or not (is_array(thing) or _is_unit(thing)):
            expected = "a number" if shape is None else f"an array of the shape {shape}"
            raise ValueError(f"{name}: expected {expected}, got {thing!r}")
        units[skeleton] = thing
        return
    kind, keys, parts, _ = skeleton
    if kind is None:
        return
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
        thing = _attributes(thing)
        inside = {key: f"{name}.{key}" for key in keys}
        if missing := [key for key, part in zip(keys, parts, strict=True) if _varies(part) and key not in thing]:
            raise ValueError(f"{name}: a {kind.__name__} without {', '.join(missing)}")
    for (key, path), part in zip(inside.items(), parts, strict=True):
        if _varies(part):
            _pair(structure, part, thing[key], path, units)


def _varies(skeleton: Any) -> bool:
    return isinstance(skeleton, int) or skeleton[0] is not None


def _is_unit(thing: Any) -> bool:
    return isinstance(thing, Value) or is_number(thing)


def _parameters(skeleton: Any) -> Iterator[int]:
    if type(skeleton) is _Parameter:
        yield skeleton
    elif _varies(skeleton) and not isinstance(skeleton, int):
        for part in skeleton[2]:
            yield from _parameters(part)


def _parameter(units: list[Any], index: int) -> Any:
    x = units[index]
    if not isinstance(x, Value) and not is_number(x):  # a row of a second derivative
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
    from scalargrad.arrays import as_array

    array = np.empty(len(entries), object)
    array[:] = entries
    return as_array(array.reshape(shape))
