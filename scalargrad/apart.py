"""A structure taken apart: its units, which are numbers and whole arrays, and the skeleton that they were in."""

from __future__ import annotations

import gc
from array import array as typed_array
from collections import defaultdict, deque
from collections.abc import Iterable
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from scalargrad.nn import Module, is_parameter
from scalargrad.objects import array_in, attributes_in, is_array, is_object, registered
from scalargrad.op import Op, is_number, number
from scalargrad.reads import watched
from scalargrad.skeleton import Contents, Fixed, Shape, _Above, _Attribute, _Given, _Parameter, _Recorded, _Same
from scalargrad.value import Value

_NOTHING = (None, _Same, _Same(None), None)  # None among numbers, as where a thing may be missing; alone it is refused


class _Apart:
    """Takes structures apart, for one of the purposes that `take_apart` names."""

    def __init__(self, to: str) -> None:
        self.compiled = to in ("enter", "leave", "map")
        self.leaves = to in ("result", "leave")
        self.mapped = to == "map"
        self.kinds = "fiub" if to == "enter" else "fiubO"  # of NumPy's numbers, and objects: Values
        self.units: list[Any] = []
        self.shapes: list[Shape] = []
        self.fixed: list[Fixed] = []
        self.seen: dict[int, _Parameter] = {}  # parameters, by their id: a shared one is one unit
        self.varying = 0  # how many parts so far do not stay as they are

    def unit(self, thing: Any, shape: Shape = None) -> int:
        self.varying += 1
        self.units.append(thing)
        self.shapes.append(shape)
        return len(self.units) - 1

    def skeleton(self, thing: Any, name: str, above: tuple[Any, ...] = (), in_module: bool = False) -> Any:
        kind = type(thing)
        if self.mapped and not (
            kind in registered or isinstance(thing, dict) or is_object(thing) or _has_arrays(thing)
        ):
            thing = _samples(thing, name)
        if isinstance(thing, Value):
            return self.value(thing, bool(above), in_module)
        if is_array(thing):
            return self.array(thing, name, in_module)
        if kind is float or (is_number(thing) and not isinstance(thing, Enum)):
            return self.number(thing, bool(above), in_module)
        if kind in registered:
            return self.registered(thing, name, above, in_module)
        if isinstance(thing, typed_array):  # an array.array cannot hold Values, and a list of its numbers behaves alike
            thing = thing.tolist()
        if isinstance(thing, (list, tuple, dict)) or kind is deque:
            return self.container(thing, name, above, in_module)
        if is_object(thing):
            return self.object(thing, name, above, in_module or isinstance(thing, Module))
        if self.compiled and isinstance(thing, MethodType) and not isinstance(thing.__self__, Value):
            function = _static(thing.__func__, name, self.leaves)
            return kind, None, (function, self.skeleton(thing.__self__, f"{name}.__self__")), None
        if not in_module and (array := array_in(thing)) is not None:
            return self.array(array, name, in_module)
        if self.compiled or (self.leaves and above):
            return _static(thing, name, self.leaves)
        raise _refusal(thing, name)

    def array(self, thing: Any, name: str, in_module: bool) -> Any:
        if in_module and not thing.dtype.hasobject:
            return None, Contents, Contents.of(thing), None
        if thing.dtype.kind not in self.kinds:
            raise TypeError(f"{name} must be an array of real numbers, got one of {thing.dtype}")
        return self.unit(thing, thing.shape)

    def registered(self, thing: Any, name: str, above: tuple[Any, ...], in_module: bool) -> Any:
        kind = type(thing)
        parts, rest = registered[kind][0](thing)
        beside = f"what stays as it is of {name}, a {kind.__name__}"
        if not self.compiled:
            fixed: Any = (None, _Same, _Same(rest), None)
        elif is_number(rest):
            fixed = self.number(rest, in_object=True, in_module=True)
        else:
            fixed = _static(
                rest, beside, self.leaves, "register_pytree_node's flatten may return any hashable thing there"
            )
        return kind, None, self.parts(enumerate(parts), name, above, in_module), fixed

    def parts(
        self, items: Iterable[tuple[Any, Any]], name: str, above: tuple[Any, ...], in_module: bool
    ) -> tuple[Any, ...]:
        return tuple(
            [
                _NOTHING if part is None else self.skeleton(part, f"{name}[{key!r}]", above, in_module)
                for key, part in items
            ]
        )

    def number(self, thing: Any, in_object: bool, in_module: bool) -> Any:
        # Flags and counts stay what they are: a branch, or a range, needs to know them, and a traced number is not known.
        kind = type(thing)
        is_flag = kind.__name__ in ("bool", "bool_")
        fixed = is_flag or (in_object and isinstance(thing, int))
        if in_module or (fixed if self.compiled else is_flag and in_object):
            # in hexadecimal, as 0.0 equals -0.0 and nan does not equal nan
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
            elif getattr(thing, "__dict__", None) is thing:  # a dict whose keys are its attributes, too
                extra = "itself"
            for key in thing if self.leaves else ():
                if type(key) is not str and (isinstance(key, Value) or _may_hide_values(key)):
                    raise _refusal(thing, name)
        items = list(thing.items() if isinstance(thing, dict) else enumerate(thing))
        for key, part in items:
            if part.__class__ is bool and not (
                self.compiled or self.leaves or above
            ):  # as a Value, False would be true
                raise TypeError(f"{name}[{key!r}] is {part}: write a number, or hand a flag over in another argument")
        parts = self.parts(items, name, above, in_module)
        return type(thing), tuple(thing) if isinstance(thing, dict) else None, parts, extra

    def object(self, thing: Any, name: str, above: tuple[Any, ...], in_module: bool) -> Any:
        for depth, other in enumerate(above):
            if other is thing:  # the part knows its parent
                self.varying += 1
                return None, _Above, depth, None
        attributes, watch = attributes_in(thing), watched.get(id(thing))
        above = (*above, thing)
        parts = []
        for key, value in attributes.items():
            place, fixed = watch[1].get(key, (None, None)) if watch else (None, None)
            if fixed and fixed.thing is value and not (self.compiled and not self.leaves):
                # The attribute is an argument's: it comes through a transform, and out of a compiled function, as it is.
                self.varying += 1
                parts.append((None, _Given, place, None) if self.leaves else (None, _Same, _Same(value), None))
            else:
                parts.append(self.attribute(value, f"{name}.{key}", above, in_module))
        return type(thing), tuple(attributes), tuple(parts), None if self.compiled else watch

    def attribute(self, value: Any, name: str, above: tuple[Any, ...], in_module: bool) -> Any:
        if value is None and self.mapped:
            return _NOTHING
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
    """Say whether a sequence has arrays, or containers of them, and is not one array of numbers itself."""
    if not isinstance(thing, (list, tuple, deque)):
        return False
    return any(
        is_array(part)
        or isinstance(part, dict)
        or type(part) in registered
        or is_object(part)
        or _has_arrays(part)
        or array_in(part) is not None
        for part in thing
    )


def _samples(thing: Any, name: str) -> Any:
    """Return an array with the samples along its first axis."""
    import numpy as np

    try:
        array = array_in(thing)
        if array is None:
            array = np.asarray(thing)
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


def _static(thing: Any, name: str, leaves: bool, ways: str = "") -> Any:
    """Return the skeleton of what cannot change. Raises TypeError where it can, or hides Values."""
    kind = type(thing)
    its_hash: Any = kind.__hash__
    if leaves and _may_hide_values(thing):
        raise _refusal(thing, name, ways)
    if thing is None or thing is Ellipsis or isinstance(thing, (type, ModuleType)):
        return None, _Same, _Same(thing), None
    if its_hash not in (None, object.__hash__):
        try:
            hash(thing)
        except (TypeError, ValueError):
            raise _refusal(thing, name, ways) from None
        return None, kind, thing, None
    if callable(thing):
        return None, _Same, _Same(thing), None
    raise _refusal(thing, name, ways)


def _may_hide_values(thing: Any) -> bool:
    """Say whether a result may hold Values where none can be put in their places: in a closure, a frozenset."""
    if isinstance(thing, FunctionType):
        return bool(thing.__closure__ or thing.__defaults__ or thing.__kwdefaults__)
    if isinstance(thing, BuiltinFunctionType):
        return not isinstance(thing.__self__, ModuleType)
    if callable(thing):
        return not isinstance(thing, (type, Op))
    return any(isinstance(part, Value) for part in gc.get_referents(thing))


def _refusal(thing: Any, name: str, ways: str = "") -> TypeError:
    kind = type(thing).__name__
    if hasattr(thing, "__array__"):
        ways = (
            "with other things among its entries"
            if array_in(thing) is None
            else "in a Module: write numpy.asarray(...)"
        )
        return TypeError(f"{name} must be an array of real numbers, got a {kind} {ways}")
    ways = ways or f"write a list, a dict or a dataclass of what it holds, or register_pytree_node({kind}, ...)"
    return TypeError(f"{name} must be a number, or lists, dicts, arrays or Modules of them, got {thing!r}: {ways}")
