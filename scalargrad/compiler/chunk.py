"""A function of straight-line code in LLVM's language: instructions, once, or in a loop over blocks of samples.

In a loop, sums over the samples stay in registers, and what other functions compute comes from memory, where each block has
its own slots. Instructions are sorted, so that the processor need not look far ahead for one that can begin; what
costs nothing by itself (an operand from memory, a product that is only added) is written where it is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import groupby

from scalargrad.compiler.emitting import Branch, Line, LLVMModule
from scalargrad.compiler.operations import OperationEmitter
from scalargrad.compiler.plan import Chunk, Plan
from scalargrad.compiler.schedule import sorted_lines
from scalargrad.compiler.target import row, vector

PARAMETERS = "ptr %buffers, ptr %once, ptr %each, ptr %sums, i64 %start, i64 %stop, i64 %n"  # of a function of a kernel


class ChunkEmitter(OperationEmitter):
    """A function as planned.

    names   of what it has computed or fetched
    totals  for each sum over the samples, its name after a block
    rows    results of each sample, by buffer and step, and place
    """

    def __init__(self, module: LLVMModule, plan: Plan, chunk: Chunk, lanes: int) -> None:
        super().__init__(module, plan.instructions, lanes if chunk.looped else 1)
        self.plan, self.chunk = plan, chunk
        self.names: dict[int, str] = {}
        self.totals: dict[int, str] = {}
        self.rows: dict[tuple[int, int], dict[int, str]] = {}

    def write(self) -> None:
        """Write the instructions, in the order of the program."""
        plan, chunk = self.plan, self.chunk
        for index in (*chunk.indices, *chunk.copies):
            if index in plan.merged:  # it is written where it is used
                continue
            if index not in chunk.copies:
                self.names[index] = self.instruction(index)
                self._keep(index)
            if chunk.looped or not plan.layout.mapped:
                for number in plan.results.get(index, ()):
                    self._store(self.operand(index), *plan.layout.results[number])
        for index in chunk.sums:
            self._accumulate(index)

    def finish(self, *, in_order: bool) -> None:
        """Print what is written into the module; the instructions stay in the order of the program, or are sorted."""
        rows = self._stored_rows() if self.rows else []
        body = self.lines
        if not in_order:
            cost = self.lanes / self.register / 2 if self.chunk.looped else 0.5
            body = list(_joined(sorted_lines(body, cost)))
        self.function(self.chunk.name, PARAMETERS, self._loop([*body, *rows]) if self.chunk.looped else body)

    def _loop(self, body: Sequence[object]) -> list[object]:
        """Write the loop: sums begin with zero at the first sample, and else with what the last call left."""
        kind, align = self.number.vector(self.register), self.number.bytes * self.register
        sums = [(self.plan.accumulators[index], self.totals[index]) for index in self.chunk.sums]
        block = self.number.bytes * self.lanes * len(self.plan.slots[True])
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

    # Operands: from this function, from memory, or constants.

    def operand(self, index: int) -> str:
        """Fetch an operand."""
        if index in self.names:
            return self.names[index]
        plan, (op, operands, constant) = self.plan, self.instructions[index]
        if op is None and not operands:
            return self.constant(constant)
        if not plan.varies[index] and index not in plan.merged:
            buffer, place = plan.place(index)
            at = self.element("%once" if buffer is None else self.buffer(buffer), place)
            if self.chunk.looped:  # each time anew: a broadcast from memory costs nothing, a register does
                one = self.load(self.number.name, at, self.number.bytes, ", !invariant.load !1")
                return self.splat(self.number.name, one)
            self.names[index] = self.load(self.number.name, at, self.number.bytes)
        elif index in plan.merged:
            x, y = map(self.operand, operands)
            self.names[index] = self.let("fmul contract", self.type, x, y, free=True)
        elif op is None and plan.home.get(index, self.chunk) is self.chunk:
            self.names[index] = self._input(*plan.layout.inputs[operands[0]])
            self._keep(index)
        else:
            at = self.element("%slots", plan.slots[True][index], of=self.type)
            self.names[index] = self.load(self.type, at, self.number.bytes * self.lanes)
        return self.names[index]

    def _input(self, buffer: int, place: int, step: int) -> str:
        inside = self._inside(self.lanes)
        _, pointers = self._samples(buffer, place, step)
        return self.load_inside(pointers, inside) if step == 1 else self.gather(pointers, inside)

    def _samples(self, buffer: int, place: int, step: int) -> tuple[str, str]:
        """Point at a number of each of this block's samples; at the first one, if they are side by side."""
        offset = self.let("mul", "i64", "%i", str(step), free=True)
        first = self.element(self.element(self.buffer(buffer), place), offset)
        if step == 1:
            return "ptr", first
        steps = row("i64", [lane * step for lane in range(self.lanes)])
        return vector("ptr", self.lanes), self.element(first, steps, vector("i64", self.lanes))

    def _inside(self, lanes: int, part: int = 0) -> str:
        """Say which lanes have a sample."""
        left = self.once(self.let, "sub", "i64", "%n", "%i")
        key = ("inside", lanes, part)
        if key not in self.known:
            counted = row("i64", range(part * lanes, (part + 1) * lanes))
            self.known[key] = self.let("icmp slt", vector("i64", lanes), counted, self.splat("i64", left, lanes))
        found: str = self.known[key]
        return found

    # Memory, and sums.

    def _keep(self, index: int) -> None:
        """Store what other functions need."""
        slot = self.plan.slots[self.chunk.looped].get(index)
        if slot is not None:
            at = self.element("%slots" if self.chunk.looped else "%once", slot, of=self.type)
            self.store(self.type, self.names[index], at, self.number.bytes * self.lanes)

    def _accumulate(self, index: int) -> None:
        """Add what this block has to a sum, one register of the processor after another."""
        width, kind = self.register, self.number.vector(self.register)
        product = index in self.plan.products
        factors = [self.operand(i) for i in (self.plan.factors(index) if product else (index,))]
        total = f"%sum{self.plan.accumulators[index]}"
        for part in range(self.lanes // width):
            inside = self._inside(width, part)
            cut = [self.cut(x, part * width, width) for x in factors]
            more = self.let("fmul contract", kind, *cut, free=True) if product else cut[0]
            added = self.let("fadd contract", kind, total, more, free=True)
            total = self.mixed("select", (vector("i1", width), inside), (kind, added), (kind, total))
        self.totals[index] = total

    def _store(self, value: str, buffer: int, place: int, step: int) -> None:
        if not self.chunk.looped:
            self.store(self.type, value, self.element(self.buffer(buffer), place))
        elif step == 1:
            self._put("masked.store", value, buffer, place, step)
        else:
            self.rows.setdefault((buffer, step), {})[place] = value

    def _put(self, how: str, value: str, buffer: int, place: int, step: int) -> None:
        """Store a number of each sample, wherever it belongs."""
        inside = self._inside(self.lanes)
        kind, pointers = self._samples(buffer, place, step)
        function = f"llvm.{how}.{self.number.mangled(self.lanes)}.{'' if step == 1 else f'v{self.lanes}'}p0"
        align = ("i32", str(self.number.bytes))
        self.call("void", function, (self.type, value), (kind, pointers), align, (self.mask, inside))

    def _stored_rows(self) -> list[object]:
        """Return what stores the results of a whole block by rows, one of each sample, and of the last block one by one."""
        whole = self.let("icmp sle", "i64", self.let("add", "i64", "%i", str(self.lanes)), "%n")
        branch = f"  br i1 {whole}, label %rows, label %ragged"
        return [
            *(branch, "rows:", *self.aside(self._store_rows)),
            *("  br label %end", "ragged:", *self.aside(self._scatter_rows)),
        ]

    def _store_rows(self) -> None:
        for (buffer, step), values in self.rows.items():
            places = sorted(values)
            while places:
                run = next((k for k in range(1, len(places)) if places[k] != places[0] + k), len(places))
                count = min(1 << run.bit_length() - 1, self.register)  # a power of two
                self._transpose([values[place] for place in places[:count]], buffer, places[0], step)
                del places[:count]

    def _scatter_rows(self) -> None:
        for (buffer, step), values in self.rows.items():
            for place, value in values.items():
                self._put("masked.scatter", value, buffer, place, step)

    def _transpose(self, columns: Sequence[str], buffer: int, place: int, step: int) -> None:
        """Store vectors, each of one result of all samples, as rows."""
        register, count = self.register, len(columns)
        for start in range(0, self.lanes, register):
            vectors = [self.cut(x, start, register) for x in columns]
            bit = 1
            while bit < count:  # of a number's place: among the vectors, and in its vector; these are exchanged
                for i in range(count):
                    if not i & bit:
                        vectors[i], vectors[i + bit] = self._exchanged(vectors[i], vectors[i + bit], bit)
                bit *= 2
            for lane in range(register):
                sample = self.let("add", "i64", "%i", str(start + lane))
                offset = self.let("mul", "i64", sample, str(step))
                at = self.element(self.element(self.buffer(buffer), place), offset)
                part = self.cut(vectors[lane % count], lane // count * count, count, register)
                self.store(self.number.vector(count), part, at, self.number.bytes)

    def _exchanged(self, x: str, y: str, bit: int) -> tuple[str, str]:
        register, kind = self.register, self.number.vector(self.register)
        low = [lane - bit + register if lane & bit else lane for lane in range(register)]
        high = [lane + register if lane & bit else lane + bit for lane in range(register)]
        return self.shuffle(kind, x, y, low), self.shuffle(kind, x, y, high)


def _joined(lines: Sequence[Line | Branch]) -> Iterator[Line | Branch]:
    """Make one branch of several in a row."""
    for is_branch, group in groupby(lines, lambda line: isinstance(line, Branch)):
        if is_branch:
            yield reduce(Branch.joined, group)  # type: ignore[arg-type]  # they all are branches
        else:
            yield from group
