"""Like operations of a straight-line program, packed into vectors: what was traced from loops becomes loops again.

Instructions are alike if they apply the same operation to operands that are alike, down to the inputs; constants are alike,
and so are the inputs of one array. As many as are alike make a pack, an instruction in each lane, where their operands
stand in memory at regular distances, or are one and the same: rows of an array, one number for all. Packs as long as each
other, each lane of which needs nothing but the same lane of the others, share a loop, and hand numbers on in registers.
A sum over the lanes of a pack is added up, in its own order, in the loop as well.

Two like instructions are as high above the inputs as each other, so neither needs the other, and no circle of packs can
come about. What has no like stays as it is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import pairwise

from scalargrad import ops
from scalargrad.compiler.instructions import Instruction

LEAST_LANES = 8  # of a pack; also the fewest terms of a sum
FEW = 20  # where only every twentieth instruction or less is in a pack, loops are not worth the search for an order
LOOP_PACKS = 100  # at most: more need more registers than there are


class Pack(tuple[int, ...]):
    """Instructions that are computed together, one in each lane."""

    __slots__ = ()
    # An instruction is in one pack only, and to compare or hash thousands of them takes long.
    __eq__ = object.__eq__
    __hash__ = object.__hash__


@dataclass(eq=False)
class Fold:
    """A sum over lanes of a pack, one after another.

    start   the instruction that is added first; None: there is none
    pack    whose lanes are added
    first   of these lanes
    sums    the additions, each of which needs the one before
    """

    start: int | None
    pack: Pack
    first: int
    sums: list[int]

    @property
    def total(self) -> int:
        """The instruction that is the sum."""
        return self.sums[-1]

    @property
    def last(self) -> int:
        """The last lane that is added."""
        return self.first + len(self.sums) - (self.start is not None)


@dataclass(eq=False)
class Loop:
    """Packs of as many lanes each, in the order of their computation, and sums over them."""

    lanes: int
    packs: list[Pack] = field(default_factory=list)
    folds: list[Fold] = field(default_factory=list)


Unit = int | Pack | Fold  # of the schedule
Phase = Loop | list[int]  # a list: instructions by themselves


def phases(
    instructions: Sequence[Instruction], computed: Sequence[int], arrays: Sequence[tuple[int, int]], kept: Iterable[int]
) -> list[Phase]:
    """Divide the instructions to compute into loops and the rest between them, in an order that can be run.

    >>> from scalargrad import Value
    >>> from scalargrad.compiler.program import record
    >>> x = [Value(2.0) for _ in range(9)]
    >>> program = record(x, [sum(xi * xi for xi in x)])
    >>> [loop] = phases(program.instructions, range(10, 28), [(1, i) for i in range(9)], [])
    >>> loop.lanes, len(loop.packs), loop.folds[0].total
    (9, 1, 27)

    computed  all others are inputs and constants, or are found in memory
    arrays    for each input the number of its array, and its place there
    kept      instructions whose value is needed afterwards
    """
    return _Packing(instructions, computed, arrays, kept).phases()


class _Packing:
    def __init__(
        self,
        instructions: Sequence[Instruction],
        computed: Sequence[int],
        arrays: Sequence[tuple[int, int]],
        kept: Iterable[int],
    ) -> None:
        self.instructions, self.computed, self.arrays = instructions, computed, arrays
        self.scheduled = set(computed)
        self.lane: dict[int, tuple[Pack, int]] = {}  # of an instruction: its pack, and the lane there
        for alike in self._alike():
            self._pack(alike)
        if len(self.lane) * FEW < len(computed):
            self.lane.clear()
        self.folds = self._folds(Counter(kept))
        self.needs: dict[Unit, dict[Unit, bool]] = {}

    def _alike(self) -> list[Pack]:
        """Group the instructions; those that others need come first."""
        kinds: dict[object, int] = {}
        kind: dict[int, int] = {}

        def kind_of(index: int) -> int:
            if index not in kind:  # an input or a constant
                op, operands, _ = self.instructions[index]
                key: object = "constant"
                if op is not None:
                    key = ("elsewhere", index)
                elif operands:
                    key = ("input", self.arrays[operands[0]][0])
                kind[index] = kinds.setdefault(key, len(kinds))
            return kind[index]

        groups: dict[int, list[int]] = defaultdict(list)
        for index in self.computed:
            op, operands, _ = self.instructions[index]
            kind[index] = kinds.setdefault((op, *map(kind_of, operands)), len(kinds))
            groups[kind[index]].append(index)
        return [Pack(group) for group in groups.values() if len(group) >= LEAST_LANES]

    def _pack(self, alike: Pack) -> None:
        """Make packs of instructions that are alike: one, or one for each number or pack that they share as an operand."""
        packs = [alike]
        if not self._regular(alike):
            packs = max(self._shares(alike), key=lambda shares: sum(map(len, shares)))
            if sum(map(len, packs)) < len(alike) and self._in_memory(alike):
                packs = [alike]
        for pack in packs:
            self.lane |= {index: (pack, lane) for lane, index in enumerate(pack)}

    def _shares(self, alike: Pack) -> Iterator[list[Pack]]:
        every = list(zip(*(self.instructions[index].operands for index in alike), strict=True))
        for operands in (*every, *([self.lane.get(i, (i, 0))[0] for i in lanes] for lanes in every)):
            sharing: dict[object, list[int]] = defaultdict(list)
            for index, shared in zip(alike, operands, strict=True):
                sharing[shared].append(index)
            shares = [Pack(share) for share in sharing.values() if len(share) >= LEAST_LANES]
            yield [share for share in shares if self._regular(share)]

    def _in_memory(self, pack: Pack) -> bool:
        """Say whether the operands can be gathered: from an array, or from packs."""
        operands = {i for index in pack for i in self.instructions[index].operands}
        return all(self.instructions[i].op is None or i in self.lane for i in operands)

    def _regular(self, pack: Pack) -> bool:
        every = zip(*(self.instructions[index].operands for index in pack), strict=True)
        return all(self._step(operands) is not None for operands in every)

    def _step(self, operands: tuple[int, ...]) -> int | None:
        """Return the distance from each operand to the next one, 0 for constants; None where it is not the same."""
        op, arguments, _ = self.instructions[operands[0]]
        if len(set(operands)) == 1 or (op is None and not arguments):
            return 0
        if op is not None:
            found = [self.lane.get(index, (None, 0)) for index in operands]
            if found[0][0] is None or any(pack is not found[0][0] for pack, _ in found):
                return None
            places = [lane for _, lane in found]
        else:
            places = [self.arrays[self.instructions[index].operands[0]][1] for index in operands]
        step = places[1] - places[0]
        regular = all(b - a == step for a, b in pairwise(places))
        return step if step and regular else None

    def _folds(self, kept: Counter[int]) -> dict[int, Fold]:
        """Find sums of lanes of a pack, one after another, which nothing but the next one needs; by each of their additions."""
        uses = kept.copy()
        for index in self.computed:
            uses.update(self.instructions[index].operands)
        under_way: dict[int, Fold] = {}
        for index in self.computed:
            op, operands, _ = self.instructions[index]
            if op is not ops.add or index in self.lane:
                continue
            for before, term in (operands, operands[::-1]):
                pack, lane = self.lane.get(term, (None, 0))
                if pack is None:
                    continue
                fold = under_way.get(before)
                if fold and fold.pack is pack and fold.last + 1 == lane and uses[before] == 1:
                    del under_way[before]
                    fold.sums.append(index)
                elif self.lane.get(before) == (pack, lane - 1):
                    fold = Fold(None, pack, lane - 1, [index])
                else:
                    fold = Fold(before, pack, lane, [index])
                under_way[index] = fold
                break
        long = [fold for fold in under_way.values() if len(fold.sums) >= max(LEAST_LANES, len(fold.pack) // 2)]
        return {index: fold for fold in long for index in fold.sums}

    # Packs, sums and lone instructions are the units of the schedule.

    def _unit(self, index: int) -> Unit:
        lane = self.lane.get(index)
        return self.folds.get(index, index) if lane is None else lane[0]

    def _needs(self, unit: Unit) -> dict[Unit, bool]:
        """Find the units that a unit needs, and whether it can be in the phase of each: lane by lane, or both alone."""
        if isinstance(unit, int):
            others = [self._unit(i) for i in self.instructions[unit][1] if i in self.scheduled]
            return {other: other.__class__ is int for other in others}
        if isinstance(unit, Fold):
            before = [self._unit(i) for i in (unit.start,) if i is not None and i in self.scheduled]
            return {unit.pack: True} | dict.fromkeys(before, False)
        needs: dict[Unit, bool] = {}
        for operands in zip(*(self.instructions[index].operands for index in unit), strict=True):
            pack = self.lane.get(operands[0], (None, 0))[0]
            if pack is not None and operands == tuple(pack):
                needs.setdefault(pack, True)
            else:
                needs |= {self._unit(i): False for i in set(operands) if i in self.scheduled}
        return needs

    def _order(self) -> list[Unit]:
        """Sort the units so that each comes after those that it needs, else as they were recorded."""
        units = dict.fromkeys(map(self._unit, self.computed))
        names = list(units)
        first = {unit: number for number, unit in enumerate(names)}
        waits: dict[Unit, int] = {}  # of what waits: for how many others
        needed_by: dict[Unit, list[Unit]] = defaultdict(list)
        done: dict[Unit, None] = {}
        for unit in names:
            self.needs[unit] = needs = self._needs(unit)
            missing = [other for other in needs if other not in done]
            if missing:
                waits[unit] = len(missing)
                for other in missing:
                    needed_by[other].append(unit)
                continue
            ready = [first[unit]]
            while ready:
                found = names[heappop(ready)]
                done[found] = None
                for other in needed_by.get(found, ()):
                    waits[other] -= 1
                    if not waits[other]:
                        heappush(ready, first[other])
        return list(done)

    def phases(self) -> list[Phase]:
        """Put each unit into the first phase of its kind that comes late enough."""
        if not self.lane:
            return [list(self.computed)] if self.computed else []
        found: list[Phase] = []
        numbers: dict[int, list[int]] = defaultdict(list)  # of the phases, by their lanes; 0: none
        phase_of: dict[Unit, int] = {}
        for unit in self._order():
            lanes = len(unit) if isinstance(unit, Pack) else len(unit.pack) if isinstance(unit, Fold) else 0
            needs = self.needs[unit].items()
            earliest = max((phase_of[other] + (not together) for other, together in needs), default=0)
            candidates = numbers[lanes]
            for number in candidates[bisect_left(candidates, earliest) :]:
                phase = found[number]
                if isinstance(phase, list) or len(phase.packs) < LOOP_PACKS:
                    break
            else:
                number = len(found)
                candidates.append(number)
                phase = Loop(lanes) if lanes else []
                found.append(phase)
            phase_of[unit] = number
            if isinstance(phase, list):
                phase.append(unit)  # type: ignore[arg-type]
            elif isinstance(unit, Fold):
                phase.folds.append(unit)
            else:
                phase.packs.append(unit)  # type: ignore[arg-type]
        return found
