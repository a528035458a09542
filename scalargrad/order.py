"""The one order in which a graph is walked: each thing after all that it was made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeVar


class Parented(Protocol):
    """What was made from others of its kind, or is a leaf."""

    @property
    def _parents(self) -> tuple[Any, ...]: ...


Thing = TypeVar("Thing", bound=Parented)


def ordered(roots: Iterable[Thing], seen: set[Thing] | None = None) -> list[Thing]:
    """Return the roots and all that they were made from, parents before children, left before right.

    >>> from scalargrad.engine import PythonValue as Value
    >>> x = Value(2.0)
    >>> y = x * x
    >>> ordered([y]) == [x, y]
    True

    All that is asked of a thing is its `_parents`, so formulas are walked as Values are. What is in `seen` is left out,
    and what is found is added to it. A list in place of recursion: a chain may be a million long.
    """
    order: list[Thing] = []
    seen = set() if seen is None else seen
    above: list[tuple[Any, Iterator[Any]]] = []  # what led here, each with those of its parents that are still to come
    for root in roots:
        if root in seen:
            continue
        seen.add(root)
        thing, parents = root, iter(root._parents)
        while True:
            for parent in parents:
                if parent not in seen:
                    seen.add(parent)
                    if parent._parents:
                        above.append((thing, parents))
                        thing, parents = parent, iter(parent._parents)
                        break
                    order.append(parent)
            else:
                order.append(thing)
                if not above:
                    break
                thing, parents = above.pop()
    return order
