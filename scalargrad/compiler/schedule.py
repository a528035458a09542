"""In which order a processor gets its instructions."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from scalargrad.compiler.emitting import Branch, Line

LATENCY_CYCLES = 4.0  # until a result is there
SLOW_CYCLES = 16.0  # until the result of a division or of a square root is there


def sorted_lines(lines: Sequence[Line | Branch], cost: float = 0.5, window: int = 64) -> list[Line | Branch]:
    """Sort the lines of straight-line code as an ideal processor would begin them.

    It always begins the first one whose operands are there: so as many chains of instructions that wait for each other run
    side by side as it takes to keep it busy, and no more, as each needs registers. A real one looks less far ahead.

    >>> steps = ("%x1", "%a"), ("%x2", "%x1"), ("%x3", "%b"), ("%x4", "%x3")
    >>> [line.result for line in sorted_lines([Line(to, "fneg", "double", (by,)) for to, by in steps])]
    ['%x1', '%x3', '%x2', '%x4']

    cost    cycles until the next line can begin
    window  how far ahead of the first line that waits others are taken; more would need more registers

    A line that is free is put where it is read first. Branches come when there is nothing else to do, all at once.
    """
    steps = _steps(lines)
    readers: list[list[int]] = [[] for _ in steps]
    for place, step in enumerate(steps):
        for source in step.sources:
            readers[source].append(place)
    missing = [len(step.sources) for step in steps]
    available = [0.0] * len(steps)
    waiting: list[tuple[float, int]] = []  # steps whose operands are on their way, and when they are there
    ready: list[int] = []
    last: list[int] = []  # branches that are ready
    begun = [False] * len(steps)
    order: dict[int, None] = {}
    time, first, entered = 0.0, 0, 0
    while first < len(steps):
        while entered < min(first + window, len(steps)):
            if not missing[entered]:
                heappush(waiting, (available[entered], entered))
            entered += 1
        while waiting and waiting[0][0] <= time:
            place = heappop(waiting)[1]
            if steps[place].is_branch:
                last.append(place)
            else:
                heappush(ready, place)
        if not ready and waiting:
            time = waiting[0][0]
            continue
        together = [heappop(ready)] if ready else last
        last = [] if together is last else last
        for place in together:
            step = steps[place]
            begun[place] = True
            order.update(dict.fromkeys((*step.brought, step.line)))
            for reader in readers[place]:
                missing[reader] -= 1
                available[reader] = max(available[reader], time + step.latency)
                if not missing[reader] and reader < entered:
                    heappush(waiting, (available[reader], reader))
            time += cost
        while first < len(steps) and begun[first]:
            first += 1
    order.update(dict.fromkeys(range(len(lines))))  # free lines that none of these needs
    return [lines[line] for line in order]


class _Step(NamedTuple):
    """A line that costs something.

    sources    the steps that it waits for
    brought    the free lines that it needs, in their order
    latency    in cycles
    """

    line: int
    sources: set[int]
    brought: list[int]
    latency: float
    is_branch: bool


def _steps(lines: Sequence[Line | Branch]) -> list[_Step]:
    steps: list[_Step] = []
    known: dict[str, tuple[set[int], list[int]]] = {}  # what a result waits for, and the free lines that it needs
    for index, line in enumerate(lines):
        sources: set[int] = set()
        brought: set[int] = set()
        for name in line.operands:
            if name in known:
                sources.update(known[name][0])
                brought.update(known[name][1])
        if isinstance(line, Line) and line.free:
            known[line.result] = (sources, [*sorted(brought), index])
            continue
        for name in line.results:
            known[name] = ({len(steps)}, [])
        steps.append(_Step(index, sources, sorted(brought), _latency(line), isinstance(line, Branch)))
    return steps


def _latency(line: Line | Branch) -> float:
    slow = isinstance(line, Line) and (line.opcode == "fdiv" or line.callee.startswith("llvm.sqrt."))
    return SLOW_CYCLES if slow else LATENCY_CYCLES
