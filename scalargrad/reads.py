"""Which attributes a traced function reads: while an object is watched, its class notes what is read of it."""

from __future__ import annotations

from collections.abc import Mapping
from threading import RLock
from typing import Any

from scalargrad.forks import free_in_children
from scalargrad.skeleton import Fixed


class Reads:
    """Notes which attributes without numbers a function reads while it is traced.

    >>> from scalargrad.nn import Module
    >>> from scalargrad.tree import take_apart
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
        self.argument = 0  # the number of the argument that is being put together
        self.things: list[Any] = []
        self.kinds: list[type] = []

    def __enter__(self) -> Reads:  # noqa: PYI034 - Self is for Python 3.11
        return self

    def __exit__(self, *raised: object) -> None:
        for thing in self.things:
            del watched[id(thing)]
        for kind in self.kinds:
            _leave(kind)

    def watch(self, thing: Any, fixed: Mapping[str, tuple[tuple[int, int], Fixed]]) -> None:
        """Note what is read of an object from now on."""
        self.things.append(thing)
        watched[id(thing)] = self, fixed
        kind = type(thing)
        if kind not in self.kinds:
            if _enter(kind):
                self.kinds.append(kind)
            else:  # a class that cannot be changed notes nothing: every attribute may have been read
                self.note(fixed, "__dict__", None)

    def note(self, fixed: Mapping[str, tuple[tuple[int, int], Fixed]], name: str, found: Any) -> None:
        """Note that an attribute was read."""
        every = name == "__dict__"
        for key in fixed if every else (name,) if name in fixed else ():
            place, (_, thing, refusal) = fixed[key]
            if every or found is thing:  # else the function has set the attribute itself
                if refusal:
                    raise TypeError(refusal)
                self.seen.add(place)


watched: dict[int, tuple[Reads, Mapping[str, tuple[tuple[int, int], Fixed]]]] = {}
_changed_kinds: dict[type, int] = {}
_lock = free_in_children(RLock())


def _enter(kind: type) -> bool:
    """Let a class tell which attributes are read, until as many calls of `_leave`; False where it cannot."""
    with _lock:
        count = _changed_kinds.get(kind, 0)
        if not count:
            original: Any = kind.__getattribute__

            def __getattribute__(self: Any, name: str) -> Any:
                found = original(self, name)
                if watch := watched.get(id(self)):
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
