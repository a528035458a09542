"""A function traced into a program: called once, with Values that have no number yet.

The graph that this records, that of derivatives included, is the program. What the function reads from outside, such as
the parameters of a model, is captured: an input of the program, where it is a Value.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import count
from math import nan, prod
from typing import Any

from scalargrad.callee import Callee
from scalargrad.compiler.calls import Trace
from scalargrad.compiler.layout import SAMPLES, Layout
from scalargrad.compiler.program import record
from scalargrad.objects import is_array
from scalargrad.op import number
from scalargrad.reads import Reads
from scalargrad.skeleton import Shape
from scalargrad.traced import active, tracing
from scalargrad.transforms import is_active
from scalargrad.tree import Structure, numbers_in, take_apart
from scalargrad.value import Value, topological_order


def trace(callee: Callee, arguments: Sequence[Any], keywords: dict[str, Any]) -> Trace | None:
    """Call a function with Values that have no number, and return the program that this records.

    >>> print(trace(Callee(lambda x: x * x), [3.0], {}).program)
    t1 = x*x
    return t1

    None where the result depends on what a transform is about that is under way elsewhere. Raises TracingError where the
    function asks for the number of a traced Value, TypeError where it takes or returns what cannot be in a program.
    """
    given, axes = callee.prepared(arguments, keywords)
    leaves: list[Value] = []
    shapes: list[Shape] = []
    numbers: list[float] = []  # that the arguments have in this call, mapped ones those of the first sample

    def traced(thing: Any, name: str, axis: int | None) -> Any:
        units, structure = take_apart(thing, f"{name}: argument", "enter")
        own = [(s[1:] if axis == 0 else s) if s is not None else None for s in structure.shapes]
        sizes = [1 if s is None else prod(s) for s in own]
        made = []
        for i in range(sum(sizes)):
            leaf = Value(nan, label=name if len(own) == 1 and own[0] is None else f"{name}[{i}]")
            leaf.kind = "traced"
            made.append(leaf)
        leaves.extend(made)
        numbers.extend(_numbers(units, name, axis == 0))
        shapes.extend((SAMPLES, *(s or ())) if axis == 0 else s for s in own)
        # One sample of an array with one axis is a lone number.
        one = tuple(s or None if axis == 0 else s for s in own)
        return Structure(structure.skeleton, one, structure.fixed).unflatten(made, reads)

    names = [*callee.names(len(arguments)), *keywords]
    numpy = sys.modules.get(
        "numpy"
    )  # NumPy warns where the processor meets a nan, and a nan is what traced Values hold
    with tracing() as asked, Reads() as reads, numpy.errstate(all="ignore") if numpy else nullcontext():
        fresh = []
        for reads.argument, (a, name, axis) in enumerate(zip(given, names, axes, strict=True)):
            fresh.append(traced(a, name, axis))
        more = dict(zip(keywords, fresh[len(arguments) :], strict=True))
        with active([*leaves, Value(nan)]):
            result = callee.inner(*fresh[: len(arguments)], **more)
        units, outputs = take_apart(result, "the function's result", "leave")
    results = numbers_in(units)
    if is_active([x for x in results if isinstance(x, Value)]):  # a transform has left this call to another thread
        return None
    captured = _captured(leaves, results)
    program = record([*leaves, *captured], results)
    program.numbers = [*numbers, *(value._data for value in captured)]
    shapes += [None for _ in captured]
    made = [(SAMPLES, *(shape or ())) if callee.mapped and not callee.reduce else shape for shape in outputs.shapes]
    first = 1 + sum(shape is not None for shape in made)
    program.layout = Layout(tuple(_places(shapes, first)), tuple(_places(made, 0)), callee.mapped, callee.reduce)
    return Trace(program, shapes, made, outputs, captured, frozenset(reads.seen), asked.read)


def _numbers(units: Sequence[Any], name: str, mapped: bool) -> Iterator[float]:
    for unit in units:
        one = unit[0] if mapped and len(unit) else unit
        if is_array(one):
            import numpy as np

            yield from map(float, np.asarray(one).ravel().tolist())
        else:
            yield one._data if isinstance(one, Value) else number(one, name)


def _captured(leaves: Sequence[Value], results: Sequence[Any]) -> list[Value]:
    """Find the Values that are used in the trace and were made outside of it, or by the function itself.

    The function may keep the latter, as a model does that makes its parameters when it is first called.
    """

    def inside(node: Value) -> bool:
        own = not node.parents and node.role in ("", "parameter")
        return node.kind == "traced" or (node._traced and not own)

    found: dict[Value, None] = {}
    values = [x for x in results if isinstance(x, Value)]
    for node in topological_order(*values):
        if inside(node):
            found.update((parent, None) for parent in node.parents if not inside(parent))
    found.update((x, None) for x in values if not inside(x))
    for node in found:
        node._traced = False  # a Value that the function has made and keeps is from outside when it is traced again
    return [node for node in found if node not in leaves]


def _places(shapes: Iterable[Shape], buffer: int) -> Iterator[tuple[int, int, int]]:
    """Place lone numbers in one buffer, and each array in one of its own.

    Yield for each number its buffer, its place there, and the step from one sample to the next.
    """
    alone, places = buffer, count()
    for shape in shapes:
        if shape is None:
            yield alone, next(places), 0
            continue
        buffer += 1
        mapped = shape[:1] == (SAMPLES,)
        size = prod(shape[mapped:])
        yield from ((buffer, i, size if mapped else 0) for i in range(size))
