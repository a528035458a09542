"""In which order a processor gets its instructions, and which sums are computed side by side."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

WINDOW = 256  # instructions: how far ahead of the first one that waits others are taken; more would need more registers
LATENCY = 4.0  # cycles until a result is there
LONG = 16.0  # the same of a division and a square root
_NAMES = re.compile(r"(%x\d+)( =)?")


def sorted_lines(lines: Sequence[str], free: Container[str] = (), cost: float = 0.5) -> list[str]:
    """Sort instructions in LLVM's language, of straight-line code, as an ideal processor would begin them.

    It always begins the first one whose operands are there: so as many chains of instructions that wait for each other run
    side by side as it takes to keep it busy, and no more, as each needs registers. A real one looks less far ahead.

    >>> sorted_lines(["%x1 = fneg %a", "%x2 = fneg %x1", "%x3 = fneg %b", "%x4 = fneg %x3"])
    ['%x1 = fneg %a', '%x3 = fneg %b', '%x2 = fneg %x1', '%x4 = fneg %x3']

    free  results of instructions that cost nothing: each is put where it is read first
    cost  cycles until the next instruction can begin

    Lines that end a block (a branch and where it leads) come when there is nothing else to do, all at once.
    """
    steps = _steps(lines, free)
    readers: list[list[int]] = [[] for _ in steps]
    for place, step in enumerate(steps):
        for source in step.sources:
            readers[source].append(place)
    missing = [len(step.sources) for step in steps]
    available = [0.0] * len(steps)
    waiting: list[tuple[float, int]] = []  # steps whose operands are on their way, and when they are there
    ready: list[int] = []
    last: list[int] = []  # ready, but they end a block
    begun = [False] * len(steps)
    order: dict[int, None] = {}
    time, first, entered = 0.0, 0, 0
    while first < len(steps):
        while entered < min(first + WINDOW, len(steps)):
            if not missing[entered]:
                heappush(waiting, (available[entered], entered))
            entered += 1
        while waiting and waiting[0][0] <= time:
            place = heappop(waiting)[1]
            if steps[place].ends:
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

    sources  the steps that it waits for
    brought  the free lines that it needs, in their order
    ends     whether it ends a block
    """

    line: int
    sources: set[int]
    brought: list[int]
    latency: float
    ends: bool


def _steps(lines: Sequence[str], free: Container[str]) -> list[_Step]:
    steps: list[_Step] = []
    known: dict[str, tuple[set[int], list[int]]] = {}  # what a result waits for, and the free lines that it needs
    for index, line in enumerate(lines):
        names = _NAMES.findall(line)
        defined = [name for name, equals in names if equals]
        sources: set[int] = set()
        brought: set[int] = set()
        for name, _ in names:
            if name in known:
                sources.update(known[name][0])
                brought.update(known[name][1])
        if len(defined) == 1 and defined[0] in free:
            known[defined[0]] = (sources, [*sorted(brought), index])
            continue
        known.update((name, ({len(steps)}, [])) for name in defined)
        latency = LONG if "fdiv" in line or "sqrt" in line else LATENCY
        steps.append(_Step(index, sources, sorted(brought), latency, ":\n" in line))
    return steps


def tiles(pairs: Sequence[tuple[int, int]], size: int, look: int = 32) -> Iterator[list[int]]:
    """Divide products, given by their factors, into groups of so many at most that share factors, and yield their places.

    >>> list(tiles([(0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4)], 4))
    [[0, 1, 3, 4], [2, 5]]

    look  how many products of a factor are considered at once
    """
    of: dict[int, dict[int, None]] = {}  # the products of each factor, in their order
    for place, pair in enumerate(pairs):
        for factor in pair:
            of.setdefault(factor, {})[place] = None
    left = dict.fromkeys(range(len(pairs)))
    while left:
        group: list[int] = []
        inside: set[int] = set()
        shared: dict[int, int] = {}  # how many products with those inside a factor has
        fresh: Iterable[int] = pairs[next(iter(left))]
        while left and len(group) < size:
            for factor in fresh:
                if factor in inside:
                    continue
                inside.add(factor)
                shared.pop(factor, None)
                taken = []
                for place in _first(of[factor], look):
                    a, b = pairs[place]
                    other = b if a == factor else a
                    if other in inside:
                        taken.append(place)
                    else:
                        shared[other] = shared.get(other, 0) + 1
                for place in taken[: size - len(group)]:
                    group.append(place)
                    del left[place]
                    for end in set(pairs[place]):
                        del of[end][place]
            if shared:
                fresh = (max(shared, key=shared.__getitem__),)
            elif left:
                fresh = pairs[next(iter(left))]
        yield sorted(group)


def _first(items: Iterable[int], count: int) -> list[int]:
    return [item for item, _ in zip(items, range(count), strict=False)]
