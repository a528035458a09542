"""Modules under another package's name: programs for micrograd run after `sys.modules["micrograd"] = scalargrad`."""

from __future__ import annotations

import importlib
import sys


def one_module(name: str) -> None:
    """See to it that a module which is imported by another package's name is the one that is there already.

    >>> one_module("scalargrad.ops")

    After that `import micrograd.engine` would execute the file once more, and make a second Value, unlike the first.
    """
    first = f"{__package__}.{name.partition('.')[2]}"
    if name != first:
        sys.modules[name] = importlib.import_module(first)
