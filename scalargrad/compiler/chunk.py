"""A function in LLVM's language: some of a program's instructions, once, or in a loop over blocks of samples.

In a loop, sums over the samples stay in registers, and what other functions compute comes from memory, where each block has
its own slots. Instructions are sorted, so that the processor need not look far ahead for one that can begin; what
costs nothing by itself (an operand from memory, a product that is only added) is written where it is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, groupby
from typing import TYPE_CHECKING

from scalargrad.compiler.emitting import Branch, Function, picking
from scalargrad.compiler.program import reads
from scalargrad.compiler.schedule import sorted_lines

if TYPE_CHECKING:
    from scalargrad.compiler.llvm import Module

CHUNK = 700  # operations in a function


def parts(indices: Sequence[int]) -> Iterator[Sequence[int]]:
    """Cut what is to be done into parts for a function each.

    >>> [len(part) for part in parts(range(CHUNK + 1))] == [CHUNK, 1]
    True
    """
    for start in range(0, len(indices), CHUNK):
        yield indices[start : start + CHUNK]


class Chunk(Function):
    """A function of a module.

    indices  of the instructions that it computes
    looped   over the samples, or once
    sums     of what it adds up over the samples: values, or products that nothing else needs
    copies   of what is computed elsewhere, but is a result of each sample
    """

    module: Module

    def __init__(
        self, module: Module, name: str, indices: Sequence[int], *, looped: bool = False, sums: Sequence[int] = ()
    ) -> None:
        super().__init__(module, module.program.instructions, module.width if looped else 1)
        self.name, self.indices, self.looped, self.sums = name, indices, looped, sums
        self.copies: Sequence[int] = ()
        self.names: dict[int, str] = {}
        self.totals: dict[int, str] = {}
        self.rows: dict[tuple[int, int], dict[int, str]] = {}  # results of each sample, by buffer and step, and place

    @property
    def stored(self) -> list[int]:
        """The results that it stores."""
        if self.module.layout.mapped and not self.looped:
            return []
        return [number for index in (*self.indices, *self.copies) for number in self.module.results.get(index, [])]

    def read(self) -> list[int]:
        """Return what it computes with, in the order of the instructions."""
        read = [i for index in self.indices for i in reads(self.instructions, index)]
        for index in self.sums:
            read += reads(self.instructions, index) if index in self.module.products else (index,)
        return [*read, *self.copies]

    def write(self) -> None:
        """Write the instructions, in the order of the program."""
        for index in (*self.indices, *self.copies):
            if index in self.module.merged:  # it is written where it is used
                continue
            if index not in self.copies:
                self.names[index] = self.instruction(index)
                self._keep(index)
            if self.looped or not self.module.layout.mapped:
                for number in self.module.results.get(index, ()):
                    self._store(self.operand(index), *self.module.layout.results[number])
        for index in self.sums:
            self._accumulate(index)

    def text(self, *, in_order: bool) -> str:
        """Write the function, once its instructions are written; they stay in the order of the program, or are sorted."""
        rows = self._rows()
        body = self.lines
        if not in_order:
            cost = self.lanes / self.module.register / 2 if self.looped else 0.5
            body = self._joined(sorted_lines(body, self.free, cost))
        if self.looped:
            body = self._loop([*body, *rows])
        head = [f"define internal void @{self.name}({self.module.parameters}) #0 {{", "entry:"]
        return "\n".join([*head, *self.module.buffer_pointers(body), *body, "  ret void", "}"])

    def _loop(self, body: list[str]) -> list[str]:
        """Write the loop: sums begin with zero at the first sample, and else with what the last call left."""
        kind, align = f"<{self.module.register} x double>", 8 * self.module.register
        sums = [(self.module.accumulators[index], self.totals[index]) for index in self.sums]
        block = 8 * self.lanes * len(self.module.slots[True])
        return [
            "  %fresh = icmp eq i64 %start, 0",
            "  br i1 %fresh, label %enter, label %resume",
            "resume:",
            *(f"  %from{i} = getelementptr {kind}, ptr %sums, i64 {i}" for i, _ in sums),
            *(f"  %left{i} = load {kind}, ptr %from{i}, align {align}" for i, _ in sums),
            "  br label %enter",
            "enter:",
            *(f"  %first{i} = phi {kind} [zeroinitializer, %entry], [%left{i}, %resume]" for i, _ in sums),
            "  %some = icmp slt i64 %start, %stop",
            "  br i1 %some, label %loop, label %done",
            "loop:",
            "  %i = phi i64 [%start, %enter], [%next, %end]",
            "  %slots = phi ptr [%each, %enter], [%beyond, %end]",
            *(f"  %sum{i} = phi {kind} [%first{i}, %enter], [{total}, %end]" for i, total in sums),
            *body,
            "  br label %end",
            "end:",
            f"  %next = add i64 %i, {self.lanes}",
            f"  %beyond = getelementptr i8, ptr %slots, i64 {block}",
            "  %more = icmp slt i64 %next, %stop",
            "  br i1 %more, label %loop, label %done",
            "done:",
            *(f"  %last{i} = phi {kind} [%first{i}, %enter], [{total}, %end]" for i, total in sums),
            *(f"  %to{i} = getelementptr {kind}, ptr %sums, i64 {i}" for i, _ in sums),
            *(f"  store {kind} %last{i}, ptr %to{i}, align {align}" for i, _ in sums),
        ]

    def _joined(self, lines: Sequence[str]) -> list[str]:
        """Make one branch of several in a row: what is computed between branches could not be sorted."""
        joined: list[str] = []
        for is_branch, group in groupby(lines, self.branches.__contains__):
            if is_branch:
                several = [self.branches[line] for line in group]
                parts = zip(*((b.conditions, b.lines, b.results) for b in several), strict=True)
                joined.append(Branch(*(list(chain(*part)) for part in parts)).text(self.type))
            else:
                joined += group
        return joined

    # Memory.

    def inside(self, lanes: int, part: int = 0) -> str:
        """Say which lanes have a sample."""
        key = ("inside", lanes, part)
        if key not in self.known:
            if "left" not in self.known:
                self.known["left"] = self.let("sub i64 %n, %i")
            whole = f"<{lanes} x i64>"
            counted = ", ".join(f"i64 {lane}" for lane in range(part * lanes, (part + 1) * lanes))
            left = self.splat("i64", self.known["left"], lanes)
            self.known[key] = self.let(f"icmp slt {whole} <{counted}>, {left}")
        found: str = self.known[key]
        return found

    def _samples(self, buffer: int, place: int, step: int) -> tuple[str, str]:
        """Point at a number of this block's first sample, and at that of each."""
        offset = self.fetch(f"mul i64 %i, {step}")
        base = self.fetch(f"getelementptr double, ptr %buffer{buffer}, i64 {place}")
        first = self.fetch(f"getelementptr double, ptr {base}, i64 {offset}")
        if step == 1:
            return first, ""
        steps = ", ".join(f"i64 {lane * step}" for lane in range(self.lanes))
        return first, self.fetch(f"getelementptr double, ptr {first}, <{self.lanes} x i64> <{steps}>")

    def _store(self, value: str, buffer: int, place: int, step: int) -> None:
        if not self.looped:
            at = self.fetch(f"getelementptr double, ptr %buffer{buffer}, i64 {place}")
            self.lines.append(f"  store double {value}, ptr {at}")
        elif step == 1:
            self._put("masked.store", value, buffer, place, step)
        else:
            self.rows.setdefault((buffer, step), {})[place] = value

    def _put(self, how: str, value: str, buffer: int, place: int, step: int) -> None:
        """Store a number of each sample, wherever it belongs."""
        inside = self.inside(self.lanes)
        first, each = self._samples(buffer, place, step)
        to, pointers = ("p0", f"ptr {first}") if step == 1 else (f"v{self.lanes}p0", f"<{self.lanes} x ptr> {each}")
        kinds = (self.type, pointers.rpartition(" ")[0], "i32", self.bits)
        call = self.module.declare("void", f"llvm.{how}.v{self.lanes}f64.{to}", *kinds)
        self.lines.append(f"  call {call}({self.type} {value}, {pointers}, i32 8, {self.bits} {inside})")

    def _rows(self) -> list[str]:
        """Write what stores the results of a whole block by rows, one of each sample, and of the last block one by one."""
        if not self.rows:
            return []
        whole = self.let(f"icmp sle i64 {self.let(f'add i64 %i, {self.lanes}')}, %n")
        body, self.lines = self.lines, [f"  br i1 {whole}, label %rows, label %ragged", "rows:"]
        for (buffer, step), values in self.rows.items():
            places = sorted(values)
            while places:
                run = next((k for k in range(1, len(places)) if places[k] != places[0] + k), len(places))
                count = min(1 << run.bit_length() - 1, self.module.register)  # a power of two
                self._transposed([values[place] for place in places[:count]], buffer, places[0], step)
                del places[:count]
        self.lines += ["  br label %end", "ragged:"]
        for (buffer, step), values in self.rows.items():
            for place, value in values.items():
                self._put("masked.scatter", value, buffer, place, step)
        lines, self.lines = self.lines, body
        return lines

    def _transposed(self, columns: Sequence[str], buffer: int, place: int, step: int) -> None:
        """Store vectors, each of one result of all samples, as rows."""
        register, count = self.module.register, len(columns)
        for start in range(0, self.lanes, register):
            vectors = [self.cut(x, start, register) for x in columns]
            bit = 1
            while bit < count:  # of a number's place: among the vectors, and in its vector; these are exchanged
                for i in range(count):
                    if not i & bit:
                        vectors[i], vectors[i + bit] = self._exchanged(vectors[i], vectors[i + bit], bit)
                bit *= 2
            for row in range(register):
                sample = self.let(f"add i64 %i, {start + row}")
                offset = self.let(f"mul i64 {sample}, {step}")
                base = self.let(f"getelementptr double, ptr %buffer{buffer}, i64 {place}")
                at = self.let(f"getelementptr double, ptr {base}, i64 {offset}")
                part = self.cut(vectors[row % count], row // count * count, count, register)
                self.lines.append(f"  store <{count} x double> {part}, ptr {at}, align 8")

    def _exchanged(self, x: str, y: str, bit: int) -> tuple[str, str]:
        register = self.module.register
        pair = f"<{register} x double> {x}, <{register} x double> {y}"
        low = [lane - bit + register if lane & bit else lane for lane in range(register)]
        high = [lane + register if lane & bit else lane + bit for lane in range(register)]
        return self.let(f"shufflevector {pair}, {picking(low)}"), self.let(f"shufflevector {pair}, {picking(high)}")

    def _keep(self, index: int) -> None:
        """Store what other functions need."""
        slot = self.module.slots[self.looped].get(index)
        if slot is not None:
            at = self.fetch(f"getelementptr {self.type}, ptr {'%slots' if self.looped else '%once'}, i64 {slot}")
            self.lines.append(f"  store {self.type} {self.names[index]}, ptr {at}, align {8 * self.lanes}")

    def _accumulate(self, index: int) -> None:
        """Add what this block has to a sum, one register of the processor after another."""
        module, width = self.module, self.module.register
        kind = f"<{width} x double>"
        product = index in module.products
        factors = [self.operand(i) for i in (module.program.instructions[index].operands if product else (index,))]
        total = f"%sum{module.accumulators[index]}"
        for part in range(self.lanes // width):
            inside = self.inside(width, part)
            parts = [self.cut(x, part * width, width) for x in factors]
            more = self.fetch(f"fmul contract {kind} {', '.join(parts)}") if product else parts[0]
            added = self.fetch(f"fadd contract {kind} {total}, {more}")
            total = self.let(f"select <{width} x i1> {inside}, {kind} {added}, {kind} {total}")
        self.totals[index] = total

    def operand(self, index: int) -> str:
        """Fetch an operand: from this function, from memory, or as a constant."""
        if index in self.names:
            return self.names[index]
        module = self.module
        op, operands, constant = module.program.instructions[index]
        if op is None and not operands:
            return self.constant(constant)
        if index in module.merged:
            x, y = map(self.operand, operands)
            self.names[index] = self.fetch(f"fmul contract {self.type} {x}, {y}")
            return self.names[index]
        if module.varies[index]:
            if op is None and module.home.get(index, self) is self:
                self.names[index] = self._input(*module.layout.inputs[operands[0]])
                self._keep(index)
            else:
                at = self.fetch(f"getelementptr {self.type}, ptr %slots, i64 {module.slots[True][index]}")
                self.names[index] = self.fetch(f"load {self.type}, ptr {at}, align {8 * self.lanes}")
            return self.names[index]
        base, place = module.place(index)
        at = self.fetch(f"getelementptr double, ptr {base}, i64 {place}")
        if self.looped:  # each time anew: a broadcast from memory costs nothing, a register does
            return self.splat("double", self.fetch(f"load double, ptr {at}, align 8, !invariant.load !1"))
        self.names[index] = self.fetch(f"load double, ptr {at}, align 8")
        return self.names[index]

    def _input(self, buffer: int, place: int, step: int) -> str:
        inside = self.inside(self.lanes)
        first, each = self._samples(buffer, place, step)
        if step != 1:
            return self.gather(each, inside)
        call = self.declare(self.type, f"llvm.masked.load.v{self.lanes}f64.p0", "ptr", "i32", self.bits, self.type)
        return self.let(f"call {call}(ptr {first}, i32 8, {self.bits} {inside}, {self.type} zeroinitializer)")
