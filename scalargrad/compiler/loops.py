"""Loops over packs in LLVM's language: the instructions of a pack in the lanes of vectors, one vector after another."""

from __future__ import annotations

from collections.abc import Sequence

from scalargrad.compiler.chunk import PARAMETERS
from scalargrad.compiler.emitting import LLVMModule
from scalargrad.compiler.operations import PLAIN, OperationEmitter
from scalargrad.compiler.packs import Fold
from scalargrad.compiler.plan import PackLoop, Plan
from scalargrad.compiler.target import row, vector


class LoopEmitter(OperationEmitter):
    """A function that runs a loop.

    The last vector ends with the last lane: it may repeat lanes of the one before it, which does no harm but to sums.
    """

    def __init__(self, module: LLVMModule, plan: Plan, packed: PackLoop) -> None:
        called = any(op is not None and op.libm and op.libm not in PLAIN for op, _, _ in packed.instructions)
        # Beside the widest vectors an addition takes twice as long, and those of a sum wait for each other.
        narrow, register = packed.loop.folds and not called, module.target.register
        super().__init__(module, packed.instructions, min(4, register) if narrow else register)
        self.plan, self.packed, self.loop = plan, packed, packed.loop
        self.names: dict[int, str] = {}

    def finish(self) -> None:
        """Write the function, and print it into the module."""
        folds, last = self.loop.folds, self.loop.lanes - self.lanes
        starts: list[str] = []
        totals: list[str] = []
        entry = self.aside(lambda: starts.extend(map(self._start, folds)))
        body = self.aside(lambda: totals.extend(self._body()))
        leave = self.aside(lambda: self._leave(totals))
        sums = [
            f"  %sum{i} = phi {self.number.name} [{start}, %entry], [{total}, %end]"
            for i, (start, total) in enumerate(zip(starts, totals, strict=True))
        ]
        lines = [
            *entry,
            "  br label %loop",
            "loop:",
            "  %done = phi i64 [0, %entry], [%next, %end]",
            *sums,
            f"  %late = icmp sgt i64 %done, {last}",
            f"  %first = select i1 %late, i64 {last}, i64 %done",
            *body,
            "  br label %end",
            "end:",
            f"  %next = add i64 %done, {self.lanes}",
            f"  %more = icmp slt i64 %next, {self.loop.lanes}",
            "  br i1 %more, label %loop, label %leave",
            "leave:",
            *leave,
        ]
        self.function(self.packed.name, PARAMETERS, lines)

    def _body(self) -> list[str]:
        """Write what is done for one vector of lanes, and return the names of the sums after it."""
        for index, (op, _, _) in enumerate(self.instructions):
            if op is not None:
                self.names[index] = self.instruction(index)
        for pack in self.loop.packs:
            value = self.names[self.packed.place[tuple(pack)]]
            if (slot := self.plan.slots[False].get(pack[0])) is not None:
                self.store(self.type, value, self._at("%once", slot), self.number.bytes)
            if (at := self.plan.row(pack)) is not None:
                self.store(self.type, value, self._at(self.buffer(at[0]), at[1]), self.number.bytes)
        return [self._added(f"%sum{i}", fold) for i, fold in enumerate(self.loop.folds)]

    # Numbers in memory: of each array, this vector begins %first steps from the array's place.

    def operand(self, index: int) -> str:
        """Fetch an operand: from this function, from memory, or as a constant."""
        if index in self.names:
            return self.names[index]
        _, operands, constant = self.instructions[index]
        if not operands:
            return self.constant(constant)
        taken = self.packed.taken[operands[0]]
        if len(set(taken)) == 1:  # each time anew: a broadcast from memory costs nothing, a register does
            return self.splat(self.number.name, self._number(taken[0]))
        self.names[index] = self._vector(taken)
        return self.names[index]

    def _place(self, index: int) -> tuple[str, int]:
        buffer, place = self.plan.place(index)
        return "%once" if buffer is None else self.buffer(buffer), place

    def _number(self, index: int) -> str:
        op, operands, constant = self.plan.instructions[index]
        if op is None and not operands:
            return self.number.literal(constant)
        return self.load(self.number.name, self.element(*self._place(index)))

    def _vector(self, taken: tuple[int, ...]) -> str:
        """Load lanes that stand side by side, or gather them: at regular distances, or each from a place of its own."""
        op, operands, _ = self.plan.instructions[taken[0]]
        if op is None and not operands:
            literals = [self.number.literal(self.plan.instructions[index].constant) for index in taken]
            return self.load(self.type, self._at(self.module.table(self.number.name, literals), 0), self.number.bytes)
        base, place = self._place(taken[0])
        distances = [self.plan.place(index)[1] - place for index in taken]
        step, whole = distances[1], vector("i64", self.lanes)
        if distances != list(range(0, step * len(taken), step or 1)):
            table = self.module.table("i64", list(map(str, distances)))
            there = self.load(whole, self._at(table, 0), self.number.bytes)
            start = self.element(base, place)
        elif step == 1:
            return self.load(self.type, self._at(base, place), self.number.bytes)
        else:
            there = row("i64", [step * lane for lane in range(self.lanes)])
            start = self._at(base, place, step)
        return self.gather(self.element(start, there, whole))

    def _at(self, base: str, place: int, step: int = 1) -> str:
        along = self.let("mul", "i64", "%first", str(step)) if step != 1 else "%first"
        return self.element(base, self.let("add", "i64", along, str(place)))

    # Sums: the lanes of a vector are added one after another, and -0.0, which changes nothing, in place of others.

    def _start(self, fold: Fold) -> str:
        return self.number.literal(-0.0) if fold.start is None else self._number(fold.start)

    def _added(self, total: str, fold: Fold) -> str:
        value, lanes = self.operand(self.packed.place[tuple(fold.pack)]), self.lanes
        if fold.first or fold.last + 1 < self.loop.lanes or self.loop.lanes % lanes:
            whole = vector("i64", lanes)
            lane = self.let("add", whole, self.splat("i64", "%first"), row("i64", range(lanes)))
            late = self.let("icmp sgt", "i64", "%done", str(fold.first))
            low = self.mixed("select", ("i1", late), ("i64", "%done"), ("i64", str(fold.first)))
            above = self.truth("icmp sge", "i64", lane, self.splat("i64", low))
            below = self.truth("icmp sle", "i64", lane, self.splat("i64", str(fold.last)))
            nothing = self.constant(-0.0)
            value = self.select(above, self.select(below, value, nothing), nothing)
        for position in range(lanes):
            part = self.mixed("extractelement", (self.type, value), ("i64", str(position)))
            total = self.let("fadd", self.number.name, total, part)
        return total

    def _leave(self, totals: Sequence[str]) -> None:
        """Store the sums."""
        for total, fold in zip(totals, self.loop.folds, strict=True):
            slot = self.plan.slots[False].get(fold.total)
            places = [] if slot is None else [("%once", slot)]
            if not self.plan.layout.mapped:
                results = [self.plan.layout.results[number] for number in self.plan.results.get(fold.total, [])]
                places += [(self.buffer(buffer), place) for buffer, place, _ in results]
            for base, place in places:
                self.store(self.number.name, total, self.element(base, place))
