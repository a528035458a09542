"""Arrays, objects whose attributes are all that they are, and those that say themselves what they are made of."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from types import ModuleType, SimpleNamespace
from typing import Any, TypeVar

from scalargrad.nn import Module, attributes_of
from scalargrad.op import is_number
from scalargrad.value import Value

T = TypeVar("T")


def is_array(thing: Any) -> bool:
    """Say whether this is a NumPy array.

    >>> is_array([1.0])
    False
    """
    numpy = sys.modules.get("numpy")  # a program that has an array has imported NumPy
    return numpy is not None and isinstance(thing, numpy.ndarray)


def array_in(thing: Any) -> Any:
    """Return the array that a thing says it is to NumPy, as a pandas Series or DataFrame does; else None.

    >>> array_in(1.0), array_in("text")
    (None, None)

    None, too, where it holds anything but numbers and Values, which NumPy would make an array of objects of.
    """
    numpy = sys.modules.get("numpy")  # a program that has such a thing has imported NumPy
    if numpy is None or not hasattr(type(thing), "__array__") or isinstance(thing, (numpy.generic, Value)):
        return None
    array = thing if is_array(thing) else numpy.asarray(thing)
    if array.dtype.hasobject:
        entries = array.ravel().tolist()
        if not all(isinstance(x, Value) or is_number(x) for x in entries):
            return None
        if not any(isinstance(x, Value) for x in entries):
            return array.astype(float)
    return array


# By class: what takes an object of it apart, and what puts one together.
registered: dict[type, tuple[Callable[[Any], tuple[Iterable[Any], Any]], Callable[[Any, Any], Any]]] = {}


def register_pytree_node(
    kind: type[T], flatten: Callable[[T], tuple[Iterable[Any], Any]], unflatten: Callable[[Any, Any], T]
) -> None:
    """Let objects of a class be structures, as lists and dicts are: JAX's function of this name, and its meaning.

    >>> from scalargrad import grad
    >>> class Interval:
    ...     __slots__ = "low", "high"
    ...     def __init__(self, low, high):
    ...         self.low, self.high = low, high
    >>> register_pytree_node(Interval, lambda x: ((x.low, x.high), None), lambda _, parts: Interval(*parts))
    >>> slope = grad(lambda x: x.high**2 - x.low)(Interval(1.0, 3.0))
    >>> slope.low, slope.high
    (-1.0, 6.0)

    kind       the class itself; one that is derived from it is registered by itself
    flatten    returns an object's parts, numbers or structures again, and what else it needs, which stays as it is:
               it must be hashable for `jit`, which has a program for each
    unflatten  makes an object of what else it needs and a list of parts, which may be anything that stands for numbers

    It comes before what else would be known of the class. Raises TypeError where the class is none, ValueError where it
    is a structure, or a number, without that.
    """
    if not isinstance(kind, type):
        raise TypeError(f"kind must be a class, got {kind!r}")
    known = kind in (list, tuple, dict) or issubclass(kind, (int, float, Value))
    if known or kind.__module__.partition(".")[0] == "numpy":
        raise ValueError(f"{kind.__name__} cannot be registered: what it is made of is known")
    registered[kind] = flatten, unflatten


class _Plain:
    """A class without a base in C, which might hold more than attributes: its objects take more bytes than these."""


# A class that defines one of these says itself what its objects are made of.
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
        return hasattr(kind, "__dataclass_fields__")  # a dataclass tells its slots
    is_known = all(getattr(kind, hook, None) is getattr(object, hook, None) for hook in _HOOKS)
    return is_known and kind.__basicsize__ <= _Plain.__basicsize__


def attributes_in(thing: Any) -> dict[str, Any]:
    """Return the attributes of an object, those in slots included.

    >>> attributes_in(SimpleNamespace(a=1.0))
    {'a': 1.0}
    """
    if type(thing).__dictoffset__:
        return attributes_of(thing)
    from dataclasses import fields

    return {field.name: getattr(thing, field.name) for field in fields(thing) if hasattr(thing, field.name)}


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
