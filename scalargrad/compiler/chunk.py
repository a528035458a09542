"""A function of straight-line code in LLVM's language: instructions, once, or in a loop over blocks of samples.

In a loop, sums over the samples stay in registers, and what other functions compute comes from memory, where each block has
its own slots. Rows of inputs, one of each sample, are turned into a vector of each input, and results back into rows.
Instructions are sorted, so that the processor need not look far ahead for one that can begin; what costs nothing by
itself (an operand from memory, a product that is only added) is written where it is used.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, reduce
from itertools import groupby

from scalargrad.compiler.emitting import Branch, Line, LLVMModule
from scalargrad.compiler.operations import OperationEmitter
from scalargrad.compiler.plan import Chunk, Plan
from scalargrad.compiler.schedule import sorted_lines
from scalargrad.compiler.target import row, vector

# Of a function of a kernel. Sums begin with zero where it is `fresh`, else with what the last call left. Counted are the lanes
# of the first block that are added up; or, where instructions cannot leave lanes out, those of the sums to go on with.
PARAMETERS = "ptr %buffers, ptr %once, ptr %each, ptr %sums, i64 %start, i64 %stop, i1 %fresh, i64 %counted"


class ChunkEmitter(OperationEmitter):
    """A function as planned.

    names   of what it has computed or fetched
    totals  for each sum over the samples, its name after a block
    rows    results of each sample, by buffer and step, and place
    """

    rows: dict[tuple[int, int], dict[int, str]]

    def __init__(self, module: LLVMModule, plan: Plan, chunk: Chunk, lanes: int) -> None:
        super().__init__(module, plan.instructions, lanes if chunk.looped else 1)
        self.plan, self.chunk = plan, chunk
        self.names: dict[int, str] = {}
        self.totals: dict[int, str] = {}
        self.rows = defaultdict(dict)

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
        for (buffer, step), values in self.rows.items():
            for places in _runs(values, self.register):
                self._store_rows([values[place] for place in places], buffer, places[0], step)

    def finish(self, *, in_order: bool) -> None:
        """Print what is written into the module; the instructions stay in the order of the program, or are sorted."""
        body = self.lines
        if not in_order:
            vectors = max(self.lanes // self.register, 1)
            body = list(_joined(sorted_lines(body, vectors / 2, 2 * self.target.registers // vectors)))
        self.function(self.name, PARAMETERS, self._loop(body) if self.chunk.looped else body)

    @property
    def name(self) -> str:
        """The function's name: there is one for each width of blocks."""
        return self.chunk.name if self.lanes <= self.register else f"{self.chunk.name}_wide"

    @property
    def _is_masked(self) -> bool:
        """Whether lanes of the first block can be left out of the sums."""
        return self.target.masked and self.lanes == self.register

    def _loop(self, body: Sequence[object]) -> list[object]:
        """Write the loop: sums begin with zero, or with what the last call left."""
        register, kind, align = self.register, self.number.vector(self.register), self.number.bytes * self.register
        sums = [(self.plan.accumulators[index], self.totals[index]) for index in self.chunk.sums]
        block = self.number.bytes * self.lanes * len(self.plan.slots[True])
        mask, every = vector("i1", register), row("i1", [1] * register)
        left, first, step = "%old", [], str(self.lanes)
        chosen: list[str] = []
        if self._is_masked:
            step = "%step"
            first = [
                f"  %step = phi i64 [%counted, %enter], [{register}, %end]",
                f"  %inside = phi {mask} [%lanes, %enter], [{every}, %end]",
            ]
        else:
            left = "%left"
            chosen = [f"  %left{i} = select {mask} %lanes, {kind} %old{i}, {kind} zeroinitializer" for i, _ in sums]
        return [
            *self.aside(self._name_counted),
            "  br i1 %fresh, label %enter, label %resume",
            "resume:",
            *(f"  %from{i} = getelementptr {kind}, ptr %sums, i64 {i}" for i, _ in sums),
            *(f"  %old{i} = load {kind}, ptr %from{i}, align {align}" for i, _ in sums),
            *chosen,
            "  br label %enter",
            "enter:",
            *(f"  %first{i} = phi {kind} [zeroinitializer, %entry], [{left}{i}, %resume]" for i, _ in sums),
            "  %some = icmp slt i64 %start, %stop",
            "  br i1 %some, label %loop, label %done",
            "loop:",
            "  %i = phi i64 [%start, %enter], [%next, %end]",
            *first,
            "  %slots = phi ptr [%each, %enter], [%beyond, %end]",
            *(f"  %sum{i} = phi {kind} [%first{i}, %enter], [{total}, %end]" for i, total in sums),
            *body,
            "  br label %end",
            "end:",
            f"  %next = add i64 %i, {step}",
            f"  %beyond = getelementptr i8, ptr %slots, i64 {block}",
            "  %more = icmp slt i64 %next, %stop",
            "  br i1 %more, label %loop, label %done",
            "done:",
            *(f"  %last{i} = phi {kind} [%first{i}, %enter], [{total}, %end]" for i, total in sums),
            *(f"  %to{i} = getelementptr {kind}, ptr %sums, i64 {i}" for i, _ in sums),
            *(f"  store {kind} %last{i}, ptr %to{i}, align {align}" for i, _ in sums),
        ]

    def _name_counted(self) -> None:
        """Say which lanes are counted."""
        lanes, counted = vector("i64", self.register), self.splat("i64", "%counted", self.register)
        self.lines.append(Line("%lanes", "icmp slt", lanes, (row("i64", range(self.register)), counted)))

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
            self._fetch(*plan.layout.inputs[operands[0]])
        else:
            at = self.element("%slots", plan.slots[True][index], of=self.type)
            self.names[index] = self.load(self.type, at, self.number.bytes * self.lanes)
        return self.names[index]

    # Inputs and results of each sample: side by side, or in rows.

    def _samples(self, buffer: int, place: int, step: int, first: int = 0) -> str:
        """Point at a number of a sample, of which this block's first is 0."""
        sample = self.let("add", "i64", "%i", str(first), free=True) if first else "%i"
        offset = self.let("mul", "i64", sample, str(step), free=True) if step != 1 else sample
        return self.element(self.element(self.buffer(buffer), place), offset)

    def _fetch(self, buffer: int, place: int, step: int) -> None:
        """Load an input, and those that stand in a row with it and are loaded here, too."""
        row = self._rows_taken[buffer, step]
        places = next(run for run in _runs(row, self.register if step != 1 else 1) if place in run)
        if step == 1:
            found = [self.load(self.type, self._samples(buffer, place, step), self.number.bytes)]
        else:
            found = self._load_rows(buffer, places, step)
        for taken, name in zip(places, found, strict=True):
            self.names[row[taken]] = name
            self._keep(row[taken])

    @cached_property
    def _rows_taken(self) -> dict[tuple[int, int], dict[int, int]]:
        """The inputs that this function loads, by buffer and step, and place."""
        taken: dict[tuple[int, int], dict[int, int]] = defaultdict(dict)
        for index in dict.fromkeys(self.plan.read(self.chunk)):
            op, operands, _ = self.instructions[index]
            if op is None and operands and self.plan.varies[index]:
                buffer, place, step = self.plan.layout.inputs[operands[0]]
                if self.plan.home.get(index, self.chunk) is self.chunk:
                    taken[buffer, step][place] = index
        return taken

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
            cut = [self.cut(x, part * width, width) for x in factors]
            more = self.let("fmul contract", kind, *cut, free=True) if product else cut[0]
            added = self.let("fadd contract", kind, total, more, free=self._is_masked)
            if self._is_masked:
                added = self.mixed("select", (vector("i1", width), "%inside"), (kind, added), (kind, total))
            total = added
        self.totals[index] = total

    def _store(self, value: str, buffer: int, place: int, step: int) -> None:
        if not self.chunk.looped:
            self.store(self.type, value, self.element(self.buffer(buffer), place))
        elif step == 1:
            self.store(self.type, value, self._samples(buffer, place, step), self.number.bytes)
        else:
            self.rows[buffer, step][place] = value

    def _store_rows(self, columns: Sequence[str], buffer: int, place: int, step: int) -> None:
        """Store vectors, each of one result of all samples, as rows."""
        register, count = self.register, len(columns)
        for start in range(0, self.lanes, register):
            vectors = self._turned([self.cut(x, start, register) for x in columns])
            for lane in range(register):
                part = self.cut(vectors[lane % count], lane // count * count, count, register)
                self.store(
                    self.number.vector(count), part, self._samples(buffer, place, step, start + lane), self.number.bytes
                )

    def _load_rows(self, buffer: int, places: Sequence[int], step: int) -> list[str]:
        """Load rows, and return vectors, each of one input of all samples."""
        register, count, kind = self.register, len(places), self.number.vector(len(places))
        columns: list[list[str]] = [[] for _ in places]
        for start in range(0, self.lanes, register):
            samples = [self._samples(buffer, places[0], step, start + lane) for lane in range(register)]
            rows = [self.load(kind, sample, self.number.bytes) for sample in samples]
            turned = self._turned([self.joined(rows[place::count], count) for place in range(count)])
            for column, part in zip(columns, turned, strict=True):
                column.append(part)
        return [self.joined(column, register) for column in columns]

    def _turned(self, vectors: list[str]) -> list[str]:
        """Turn rows into columns or back, if row after row is dealt out to the vectors."""
        bit = 1
        while bit < len(vectors):  # of a number's place: among the vectors, and in its vector; these are exchanged
            for i in range(len(vectors)):
                if not i & bit:
                    vectors[i], vectors[i + bit] = self._exchanged(vectors[i], vectors[i + bit], bit)
            bit *= 2
        return vectors

    def _exchanged(self, x: str, y: str, bit: int) -> tuple[str, str]:
        register, kind = self.register, self.number.vector(self.register)
        low = [lane - bit + register if lane & bit else lane for lane in range(register)]
        high = [lane + register if lane & bit else lane + bit for lane in range(register)]
        return self.shuffle(kind, x, y, low), self.shuffle(kind, x, y, high)


def _runs(places: Iterable[int], most: int) -> Iterator[Sequence[int]]:
    """Divide places into such as stand side by side, a power of two of them."""
    left = sorted(places)
    while left:
        run = next((k for k in range(1, len(left)) if left[k] != left[0] + k), len(left))
        count = min(1 << run.bit_length() - 1, most)
        yield left[:count]
        del left[:count]


def _joined(lines: Sequence[Line | Branch]) -> Iterator[Line | Branch]:
    """Make one branch of several in a row."""
    for is_branch, group in groupby(lines, lambda line: isinstance(line, Branch)):
        if is_branch:
            yield reduce(Branch.joined, group)  # type: ignore[arg-type]  # they all are branches
        else:
            yield from group
