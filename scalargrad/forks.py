"""Locks that are free in a forked child, which would wait for ever for one that another thread of its parent held."""

from __future__ import annotations

import os
from contextlib import ExitStack
from threading import RLock
from typing import Any

_held = ExitStack()
_locks: list[Any] = []


def free_in_children(lock: Any) -> Any:
    """Let a fork wait until no other thread holds this lock, and return it.

    >>> with free_in_children(RLock()):
    ...     pass
    """
    _locks.append(lock)
    return lock


def _before_fork() -> None:
    for lock in _locks:  # also one that is added while another one is waited for
        _held.enter_context(lock)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_held.close, after_in_child=_held.close)

compiling = free_in_children(RLock())  # held while the compiler is imported, and while it works
