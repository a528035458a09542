"""Values without a number: the arguments of a function while it is traced, and all that is computed from them.

An argument is then a leaf of the kind "traced", whose number is nan. What is computed from it is nan too, so only who
reads a nan has to ask whether it stands for a number not yet known. The numbers of Values that the function takes from
outside are read anew at each call of what is compiled, so they are not known either. What is made meanwhile is marked
(`_traced`), in whichever thread, as a function may have its work done by several.

A comparison of such a Value is a condition: a Value that is 1 where it holds, else 0, which `where` takes, `&`, `|` and `~`
combine, and `if` refuses.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import nan
from threading import get_ident
from typing import Any

from scalargrad.modes import Block, current, users_line
from scalargrad.op import Operand, is_number
from scalargrad.ops import equal, greater, holds


class TracingError(TypeError):
    """What asks for the number of a Value while the function that it is in is being compiled."""


class Tracing:
    """A function that is being traced.

    read       the numbers (_data, grad) of Values from outside that it asked for: where they have changed, it is traced again
    stand_ins  what stands for a Value from outside while a transform calls a function on it
    gradients  those that Values from outside had
    parameters  the leaves that stand for those of Modules
    dependent  values of which it was found that they depend on a leaf without a number, so that it is not sought again
    """

    def __init__(self) -> None:
        self.thread = get_ident()
        self.read: dict[tuple[Any, str], float] = {}
        self.stand_ins: dict[Any, Any] = {}
        self.gradients: dict[Any, Any] = {}
        self.parameters: set[Any] = set()
        self.dependent: set[Any] = set()

    def outside(self, value: Any) -> list[Any]:
        """List the Values from outside that a value was computed from."""
        leaves = [node for node in value._order() if not (node._traced and node._parents)]
        return [self.stand_ins.get(node, node) for node in leaves if not node._traced or node in self.stand_ins]

    def first_gradient(self, node: Any) -> bool:
        """Note the gradient that a Value from outside had; say whether it gets its first one of this function."""
        first = not node._traced and node not in self.gradients
        if first:
            self.gradients[node] = node._grad
        return first


traces: list[Tracing] = []  # under way, in all threads
# The thread of each transform that is under way, and its leaves: what depends on one of them is not a number yet.
transforming: list[Iterable[Any]] = []
watchers: list[Callable[[], None]] = []  # called when `traces` becomes empty, or is so no longer


def _after_fork() -> None:
    here = get_ident()  # the threads of the others are not in the child
    traces[:] = [trace for trace in traces if trace.thread == here]
    transforming[:] = [entry for entry in transforming if next(iter(entry)) == here]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class active:
    """Let results that depend on these leaves stay Values, while a function of them is evaluated.

    >>> from scalargrad import Value, grad
    >>> with active([Value(2.0)]):
    ...     grad(lambda x: x * x)(3.0)
    6.0
    """

    __slots__ = ("leaves", "thread")

    def __init__(self, leaves: Sequence[Any]) -> None:
        self.thread, self.leaves = get_ident(), leaves

    def __iter__(self) -> Iterator[Any]:
        return iter((self.thread, self.leaves))

    def __enter__(self) -> None:
        transforming.append(self)

    def __exit__(self, *raised: object) -> None:
        transforming.remove(self)  # itself: to compare leaves may run anybody's code


@contextmanager
def tracing() -> Iterator[Tracing]:
    """Record a function on leaves that have no number yet.

    >>> with tracing():
    ...     under_way() is not None
    True

    In a traced function, gradients that backward() gives to Values from outside start from 0, and are gone when it ends.
    """
    trace = Tracing()
    traces.append(trace)
    try:
        for watcher in watchers:
            watcher()
        with Block(recording=True, watch="", scope=(), trace=trace, ieee=True):
            yield trace
    finally:
        traces.remove(trace)
        for watcher in watchers:
            watcher()
        for node, gradient in trace.gradients.items():
            node.grad = gradient


def under_way() -> Tracing | None:
    """Return the trace of the function that is being traced here, if one is.

    >>> under_way()
    """
    trace: Tracing | None = current().trace
    return trace


def is_traced(value: Any) -> bool:
    """Say whether a Value has no number because the function that it is in is being compiled.

    >>> from scalargrad import Value
    >>> is_traced(Value(3.0))
    False
    """
    if value._data == value._data:
        return False
    if value.kind == "traced" or not value._traced:
        return value.kind == "traced"
    known = traces[-1].dependent if traces else set()
    seen, ahead = {value}, [value]
    while ahead:
        node = ahead.pop()
        if node.kind == "traced" or node in known:
            known.add(value)
            return True
        fresh = [parent for parent in node._parents if parent not in seen]
        seen.update(fresh)
        ahead += fresh
    return False


def by_graph(root: Any) -> bool:
    """Say whether gradients are known by their graph only, as the number of the root is."""
    return under_way() is not None or is_traced(root)


def hold(x: Any) -> Any:
    """Return whether a condition holds: 1 or 0, and not known where the condition is not.

    >>> from scalargrad import Value
    >>> hold(Value(2.0)).data
    1.0
    """
    made = holds(x)
    if is_traced(x):
        made._data, made._traced = nan, True  # its operation makes 0 of a nan that is known
    return made


_RELATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "lt": lambda x, y: greater(y, x),
    "le": lambda x, y: 1 - greater(x, y),
    "eq": equal,
    "ne": lambda x, y: 1 - hold(equal(x, y)),
    "gt": greater,
    "ge": lambda x, y: 1 - greater(y, x),
}


def condition(relation: str, x: Any, y: Any) -> Any:
    """Return what a comparison is where one of the numbers is not known yet: a condition. None where both are.

    >>> from scalargrad import Value
    >>> condition("lt", Value(3.0), 2.0) is None
    True

    As between floats, a nan is unequal to everything, and every other comparison with it is false.
    """
    if not any(is_value(z) and is_traced(z) for z in (x, y)):
        return None
    return hold(_RELATIONS[relation](x, y)) if is_value(y) or is_number(y) else NotImplemented


def is_value(thing: Any) -> bool:
    """Say whether this is a Value, of either engine.

    >>> from scalargrad import Value
    >>> is_value(Value(3.0)), is_value(3.0)
    (True, False)
    """
    return isinstance(thing, Operand) and hasattr(thing, "_traced")


_COMBINED: dict[str, Callable[..., Any]] = {
    "and": lambda x, y: x * y,
    "or": lambda x, y: x + y,
    "xor": lambda x, y: x - y,
    "invert": lambda x: 1 - x,
}


def is_condition(thing: Any) -> bool:
    """Say whether this is a condition: what a comparison of a traced Value gives.

    >>> from scalargrad import Value
    >>> is_condition(Value(3.0))
    False
    """
    return is_value(thing) and thing._operation is holds


def combined(name: str, *conditions: Any) -> Any:
    """Combine conditions, and truths, to a new one; NotImplemented where there are others: numbers have no `&`.

    >>> from scalargrad import Value
    >>> combined("invert", Value(3.0))
    NotImplemented
    """
    for x in conditions:
        if not (is_condition(x) or type(x).__name__ in ("bool", "bool_")):
            return NotImplemented
    return hold(_COMBINED[name](*(x if is_value(x) else float(x) for x in conditions)))


def refuse_traced(value: Any) -> None:
    """Raise TracingError if the Value has no number because the function that it is in is being compiled.

    >>> from scalargrad import Value
    >>> refuse_traced(Value(3.0))

    Where it has one, but was computed from Values from outside the function, note that their numbers were asked for.
    """
    if is_traced(value):
        raise TracingError(
            f"{users_line()}: the number of a traced value was asked for: by .data, .item() or format(). A compiled "
            "function is traced once, for all numbers: compute with the value itself"
        )
    if trace := under_way():
        trace.read.update(((node, "_data"), node._data) for node in trace.outside(value))


def refuse_truth(value: Any) -> None:
    """Raise TracingError where the truth of a traced number is asked for, and not that of a parameter, which is there.

    >>> from scalargrad import Value
    >>> refuse_truth(Value(3.0))
    """
    if value._operation is holds and is_traced(value):
        raise TracingError(
            f"{users_line()}: a branch on a comparison of a traced value, as by if, and, max() or sorted(). A compiled "
            "function is traced once, for all numbers: write where(a > b, x, y), a & b, maximum, minimum or relu"
        )
    if is_traced(value) and not any(value in trace.parameters for trace in traces):
        raise TracingError(
            f"{users_line()}: a branch on a traced value, which is true as any Value is, while the number 0 is not. "
            "Write where(condition, x, y), or make a flag of it that is no number: True, False or None"
        )


def refuse_identity(value: Any, other: Any = None) -> None:
    """Raise TracingError if a traced function looks a Value up by what it is, where its number may have been meant.

    >>> from scalargrad import Value
    >>> refuse_identity(Value(3.0))
    """
    frame = sys._getframe(1)
    # Python's __eq__ and __hash__ have frames of their own.
    if frame.f_back and frame.f_globals.get("__name__") in ("scalargrad.engine", "scalargrad.node"):
        frame = frame.f_back
    ours = frame.f_globals.get("__name__", "").partition(".")[0] in ("scalargrad", "viz")
    if not ours and (is_traced(value) or (other is not None and is_traced(other))):
        raise TracingError(
            f"{users_line()}: a traced value was looked up in a set or dictionary, or compared by == with another "
            "one. Its number is not known yet: write equal(a, b), or `a is b` and id(a) where the value itself is meant"
        )


def note_gradient(value: Any, gradient: Any) -> Any:
    """Note that the function which is being traced here has asked for the gradient of a Value, a number, and return it.

    >>> from scalargrad import Value
    >>> note_gradient(Value(3.0), 2.0)
    2.0
    """
    if (trace := under_way()) and not value._traced and gradient.__class__ is float:
        trace.read[value, "grad"] = gradient
    return gradient
