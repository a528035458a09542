"""Loops over packs in LLVM's language: the instructions of a pack in the lanes of vectors, one vector after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalargrad.compiler.emitting import PLAIN, Function, literal
from scalargrad.compiler.packs import Fold, Loop, Pack
from scalargrad.compiler.program import Instruction

if TYPE_CHECKING:
    from scalargrad.compiler.llvm import Module


class LoopFunction(Function):
    """A function that runs a loop.

    The last vector ends with the last lane: it may repeat lanes of the one before it, which does no harm but to sums.
    Its instructions are one of each pack; what they take from elsewhere are its inputs, of which `taken` has all lanes.
    """

    module: Module

    def __init__(self, module: Module, name: str, loop: Loop) -> None:
        self.loop, self.name, self.program = loop, name, module.program.instructions
        self.taken: list[tuple[int, ...]] = []
        self.place: dict[tuple[int, ...], int] = {}  # among this function's instructions
        instructions: list[Instruction] = []
        for pack in loop.packs:
            op = self.program[pack[0]].op
            every = zip(*(self.program[index].operands for index in pack), strict=True)
            operands = tuple(self._place(lanes, instructions) for lanes in every)
            self.place[tuple(pack)] = len(instructions)
            instructions.append(Instruction(op, operands))
        for fold in loop.folds:
            self._place(tuple(fold.pack), instructions)
        called = any(op is not None and op.libm and op.libm not in PLAIN for op, _, _ in instructions)
        # Beside the widest vectors an addition takes twice as long, and those of a sum wait for each other.
        narrow = loop.folds and not called
        super().__init__(module, instructions, min(4, module.register) if narrow else module.register)
        self.names: dict[int, str] = {}
        self.indices = [*(i for pack in loop.packs for i in pack), *(i for fold in loop.folds for i in fold.sums)]
        self.outside = {i for lanes in self.taken for i in lanes if self.program[i].op is not None}
        self.outside.update(fold.start for fold in loop.folds if fold.start is not None)
        stored = [index for pack in loop.packs if self._results(pack) is not None for index in pack]
        totals = [] if module.layout.mapped else [fold.total for fold in loop.folds]
        self.stored = [number for index in (*stored, *totals) for number in module.results.get(index, [])]

    def _place(self, lanes: tuple[int, ...], instructions: list[Instruction]) -> int:
        if lanes not in self.place:
            op, operands, constant = self.program[lanes[0]]
            self.place[lanes] = len(instructions)
            if op is None and not operands and len(set(lanes)) == 1:
                instructions.append(Instruction(None, (), constant))
            else:
                instructions.append(Instruction(None, (len(self.taken),)))
                self.taken.append(lanes)
        return self.place[lanes]

    def _results(self, pack: Pack) -> tuple[int, int] | None:
        """Return the buffer and the place where the lanes are results side by side; None where they are not."""
        module = self.module
        numbers = [module.results.get(index, []) for index in pack]
        if module.layout.mapped or any(len(n) != 1 for n in numbers):
            return None
        buffer, first, _ = module.layout.results[numbers[0][0]]
        places = [module.layout.results[number][:2] for (number,) in numbers]
        return places[0] if places == [(buffer, first + lane) for lane in range(len(pack))] else None

    def text(self) -> str:
        """Write the function."""
        module, loop, folds = self.module, self.loop, self.loop.folds
        starts = [self._start(fold) for fold in folds]
        entry, self.lines = self.lines, []
        for index, (op, _, _) in enumerate(self.instructions):
            if op is not None:
                self.names[index] = self.instruction(index)
        for pack in loop.packs:
            value = self.names[self.place[tuple(pack)]]
            if (slot := module.slots[False].get(pack[0])) is not None:
                self._store(value, "%once", slot)
            if (at := self._results(pack)) is not None:
                self._store(value, f"%buffer{at[0]}", at[1])
        sums = [f"%sum{number}" for number in range(len(folds))]
        totals = [self._added(name, fold) for name, fold in zip(sums, folds, strict=True)]
        body, self.lines = self.lines, []
        for total, fold in zip(totals, folds, strict=True):
            self._finish(total, fold)
        last = loop.lanes - self.lanes
        parts = zip(sums, starts, totals, strict=True)
        return "\n".join(
            [
                f"define internal void @{self.name}({module.parameters}) #0 {{",
                "entry:",
                *module.buffer_pointers([*entry, *body, *self.lines]),
                *entry,
                "  br label %loop",
                "loop:",
                "  %done = phi i64 [0, %entry], [%next, %end]",
                *(f"  {name} = phi double [{start}, %entry], [{total}, %end]" for name, start, total in parts),
                f"  %late = icmp sgt i64 %done, {last}",
                f"  %first = select i1 %late, i64 {last}, i64 %done",
                *body,
                "  br label %end",
                "end:",
                f"  %next = add i64 %done, {self.lanes}",
                f"  %more = icmp slt i64 %next, {loop.lanes}",
                "  br i1 %more, label %loop, label %leave",
                "leave:",
                *self.lines,
                "  ret void",
                "}",
            ]
        )

    # Numbers in memory: of each array, this vector begins %first steps from the array's place.

    def operand(self, index: int) -> str:
        """Fetch an operand: from this function, from memory, or as a constant."""
        if index in self.names:
            return self.names[index]
        _, operands, constant = self.instructions[index]
        if not operands:
            return self.constant(constant)
        taken = self.taken[operands[0]]
        if len(set(taken)) == 1:  # each time anew: a broadcast from memory costs nothing, a register does
            return self.splat("double", self._number(taken[0]))
        self.names[index] = self._load(taken)
        return self.names[index]

    def _number(self, index: int) -> str:
        op, operands, constant = self.program[index]
        if op is None and not operands:
            return literal(constant)
        base, place = self.module.place(index)
        at = self.let(f"getelementptr double, ptr {base}, i64 {place}")
        return self.let(f"load double, ptr {at}")

    def _load(self, taken: tuple[int, ...]) -> str:
        """Load lanes that stand side by side, or gather them: at regular distances, or each from a place of its own."""
        module = self.module
        op, operands, _ = self.program[taken[0]]
        if op is None and not operands:
            table = module.table("double", [literal(self.program[index].constant) for index in taken])
            return self.let(f"load {self.type}, ptr {self._at(table, 0)}, align 8")
        base, place = module.place(taken[0])
        distances = [module.place(index)[1] - place for index in taken]
        step = distances[1]
        whole = f"<{self.lanes} x i64>"
        if distances != list(range(0, step * len(taken), step or 1)):
            table = module.table("i64", list(map(str, distances)))
            there = self.let(f"load {whole}, ptr {self._at(table, 0)}, align 8")
            start = self.let(f"getelementptr double, ptr {base}, i64 {place}")
        elif step == 1:
            return self.let(f"load {self.type}, ptr {self._at(base, place)}, align 8")
        else:
            there = f"<{', '.join(f'i64 {step * lane}' for lane in range(self.lanes))}>"
            start = self._at(base, place, step)
        at = self.let(f"getelementptr double, ptr {start}, {whole} {there}")
        return self.gather(at, f"<{', '.join(['i1 1'] * self.lanes)}>")

    def _store(self, value: str, base: str, place: int) -> None:
        self.lines.append(f"  store {self.type} {value}, ptr {self._at(base, place)}, align 8")

    def _at(self, base: str, place: int, step: int = 1) -> str:
        along = self.let(f"mul i64 %first, {step}") if step != 1 else "%first"
        return self.let(f"getelementptr double, ptr {base}, i64 {self.let(f'add i64 {along}, {place}')}")

    # Sums: the lanes of a vector are added one after another, and -0.0, which changes nothing, in place of others.

    def _start(self, fold: Fold) -> str:
        return literal(-0.0) if fold.start is None else self._number(fold.start)

    def _added(self, total: str, fold: Fold) -> str:
        value, lanes = self.operand(self.place[tuple(fold.pack)]), self.lanes
        if fold.first or fold.last + 1 < self.loop.lanes or self.loop.lanes % lanes:
            whole, counted = f"<{lanes} x i64>", ", ".join(f"i64 {lane}" for lane in range(lanes))
            lane = self.let(f"add {whole} {self.splat('i64', '%first')}, <{counted}>")
            late = self.let(f"icmp sgt i64 %done, {fold.first}")
            low = self.splat("i64", self.let(f"select i1 {late}, i64 %done, i64 {fold.first}"))
            above = self.let(f"icmp sge {whole} {lane}, {low}")
            below = self.let(f"icmp sle {whole} {lane}, {self.splat('i64', str(fold.last))}")
            value = self.select(self.let(f"and {self.bits} {above}, {below}"), value, self.constant(-0.0))
        for position in range(lanes):
            part = self.let(f"extractelement {self.type} {value}, i64 {position}")
            total = self.let(f"fadd double {total}, {part}")
        return total

    def _finish(self, total: str, fold: Fold) -> None:
        module = self.module
        places = [("%once", module.slots[False][fold.total])] if fold.total in module.slots[False] else []
        if not module.layout.mapped:
            results = [module.layout.results[number] for number in module.results.get(fold.total, [])]
            places += [(f"%buffer{buffer}", place) for buffer, place, _ in results]
        for base, place in places:
            at = self.let(f"getelementptr double, ptr {base}, i64 {place}")
            self.lines.append(f"  store double {total}, ptr {at}")
