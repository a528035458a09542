"""The one order in which a graph is walked: each thing after all that it was made from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

Thing = TypeVar("Thing")


def ordered(roots: Iterable[Thing], seen: set[Thing] | None = None) -> list[Thing]:
    """Return the roots and all that they were made from, parents before children, left before right.

    >>> from scalargrad.engine import PythonValue as Value
    >>> x = Value(2.0)
    >>> y = x * x
    >>> ordered([y]) == [x, y]
    True

    All that is asked of a thing is its `_parents`, so formulas are walked as Values are. What is in `seen` is left out,
    and what is found is added to it. A stack in place of recursion: a chain may be a million long.
    """
    order: list[Thing] = []
    stack: list[Any] = [*reversed(tuple(roots))]
    seen = set() if seen is None else seen
    while stack:
        thing = stack.pop()
        if thing is None:  # all that the next on the stack was made from is in the order
            order.append(stack.pop())
        elif thing not in seen:
            seen.add(thing)
            if parents := thing._parents:
                stack += (thing, None, *parents[::-1])
            else:
                order.append(thing)
    return order
