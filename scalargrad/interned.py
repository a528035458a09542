"""Functions that a pickle finds again: one that arrives a second time, as a worker's does with each task, is the first one.

What the first one compiled is not compiled again then. It takes that all of the function is named or cannot change.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from types import BuiltinFunctionType, FunctionType
from typing import Any
from weakref import WeakValueDictionary

from scalargrad.op import Op

MOST_KEPT = 64  # functions that have arrived: they outlive the task that they came with

_there: WeakValueDictionary[Any, Any] = WeakValueDictionary()
_kept: deque[Any] = deque(maxlen=MOST_KEPT)


class Interned:
    """A function that is made of parts, the arguments of its class, and is the same one where they are the same."""

    parts: tuple[Any, ...]

    def __reduce__(self) -> Any:
        if (identity := _identity(self)) is not None:
            _there[identity] = self
        return _arrived, (type(self), *self.parts)


def _arrived(kind: type, *parts: Any) -> Any:
    """Make a function of what a pickle holds, or find the one that is there."""
    identity = _identity((kind, *parts))
    made = kind(*parts) if identity is None else _there.setdefault(identity, kind(*parts))
    if made not in _kept:
        _kept.append(made)
    return made


def _identity(thing: Any) -> Any:
    """Return what equal functions have in common; None for one that may change, as a model does."""
    if isinstance(thing, Interned):
        thing = type(thing), *thing.parts
    elif isinstance(thing, partial):
        thing = None if thing.keywords else (partial, thing.func, *thing.args)
    if isinstance(thing, tuple):
        parts = tuple(map(_identity, thing))
        return None if None in parts else parts
    if isinstance(thing, (FunctionType, BuiltinFunctionType, type, Op)):
        return thing
    return (type(thing), thing) if thing is None or isinstance(thing, (str, int)) else None
