"""Arrays, and objects whose attributes are all that they are: such an object can be made anew from its attributes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import Enum
from types import ModuleType, SimpleNamespace
from typing import Any

from scalargrad.nn import Module, attributes_of


def is_array(thing: Any) -> bool:
    """Say whether this is a NumPy array.

    >>> is_array([1.0])
    False
    """
    numpy = sys.modules.get("numpy")  # a program that has an array has imported NumPy
    return numpy is not None and isinstance(thing, numpy.ndarray)


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
