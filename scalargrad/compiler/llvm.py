"""A program written in LLVM's language, from which `machine` makes machine code.

A kernel is `void kernel(double **buffers, int64_t samples)`: the results' buffers, and after them the inputs'. A program that
is mapped over samples runs in blocks of as many samples as a vector register holds; what does not depend on a sample is
computed once, before the loop. Long programs are cut into functions of some hundred operations that hand numbers on in
memory: the time of LLVM's code generator grows faster than the length of one function, and so stays linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scalargrad import ops
from scalargrad.compiler import vectormath
from scalargrad.compiler.instructions import Function, literal, reads
from scalargrad.compiler.loops import LoopFunction
from scalargrad.compiler.packs import Loop, Pack, phases

if TYPE_CHECKING:
    from scalargrad.compiler.program import Program

SHORT = 200  # operations: where functions are written out, a shorter program leaves the processor waiting for results
CHUNK = 250  # operations in a function
STACK = 1 << 16  # bytes of memory that a kernel takes from the stack; more comes from malloc

SAMPLES = -1  # in a shape: as many as there are samples


@dataclass(frozen=True)
class Layout:
    """Where a kernel finds its inputs and puts its results.

    inputs   for each input its buffer, its place there, and the step from one sample to the next (0: the same for all)
    results  for each result the same
    mapped   whether there are samples at all
    reduce   "sum" or "mean" where the results are that over all samples, else None
    """

    inputs: tuple[tuple[int, int, int], ...]
    results: tuple[tuple[int, int, int], ...]
    mapped: bool = False
    reduce: str | None = None


def to_llvm(
    program: Program, layout: Layout, width: int = 8, vector_functions: Iterable[str] = (), inline: str = ""
) -> str:
    """Write a program as a module in LLVM's language.

    >>> from scalargrad import Value
    >>> from scalargrad.compiler.program import record
    >>> x = Value(2.0)
    >>> "fmul contract double" in to_llvm(record([x], [x * x]), Layout(((1, 0, 0),), ((0, 0, 0),)))
    True

    width  how many numbers one vector of the processor holds
    vector_functions  names of functions of vectors that may be called, in the x86 vector ABI
    inline  "fma" or "avx512": write functions out instead, where `vectormath` can, with such instructions
    """
    written = inline and any(op is not None and op.libm in vectormath.FUNCTIONS for op, _, _ in program.instructions)
    together = 4 if written and program.operations <= SHORT else 1  # vectors, whose steps need not wait for each other
    return Module(program, layout, width, together, frozenset(vector_functions), inline).text()


_Term = tuple[int, int]  # an instruction, and the sign that it is added with


def _added(total: str, value: str, sign: int) -> str:
    if total:
        return f"{'fadd' if sign > 0 else 'fsub'} double {total}, {value}"
    return f"fneg double {value}" if sign < 0 else f"fadd double {value}, {literal(-0.0)}"


class Module:
    """All functions of a program; the kernel calls the others."""

    parameters = "ptr %buffers, ptr %once, ptr %each, ptr %sums, i64 %i, i64 %n"  # of a function

    def __init__(
        self,
        program: Program,
        layout: Layout,
        register: int,
        together: int,
        vector_functions: frozenset[str],
        inline: str,
    ) -> None:
        self.program, self.layout, self.vector_functions = program, layout, vector_functions
        self.register, self.width = register, together * register
        self.inline = inline
        self.declared: set[str] = set()
        self.tables: list[str] = []
        self.varies = self._varies()
        self.terms = [self._terms(result) for result in program.results]
        self.accumulators: dict[int, int] = {}
        if layout.reduce:
            for varying, _ in self.terms:
                for index, _ in varying:
                    self.accumulators.setdefault(index, len(self.accumulators))
        needed = self._needed()
        computed = [
            i for i, instruction in enumerate(program.instructions) if instruction.op is not None and i in needed
        ]
        self.once = [i for i in computed if not self.varies[i]]
        self.each = [i for i in computed if self.varies[i]]
        wanted = {i for varying, _ in self.terms for i, _ in varying}
        self.each += sorted(wanted.difference(self.each))  # inputs that are results
        self.results: dict[int, list[int]] = {}
        for number, (varying, fixed) in enumerate(self.terms):
            for index, _ in varying if layout.mapped else fixed:
                self.results.setdefault(index, []).append(number)
        kept = [i for _, fixed in self.terms for i, _ in fixed]
        kept += [i for index in self.each for i in program.instructions[index].operands]
        self.once_functions: list[_Chunk | LoopFunction] = []
        self.pack_of: dict[int, Pack] = {}
        for phase in phases(program.instructions, self.once, [at[:2] for at in layout.inputs], kept):
            if isinstance(phase, Loop):
                self.pack_of |= {index: pack for pack in phase.packs for index in pack}
                self.once_functions.append(LoopFunction(self, f"o{len(self.once_functions)}", phase))
            else:
                self.once_functions += self._cut(phase, "o", len(self.once_functions))
        self.chunks = [*self.once_functions, *self._cut(self.each, "e")]
        self.chunk_of = {i: chunk for chunk in self.chunks for i in chunk.indices}
        self.stored = {number for chunk in self.chunks for number in chunk.stored}
        # What is needed outside the function that computes it is kept in memory.
        self.slots: dict[bool, dict[int, int]] = {False: {}, True: {}}
        for chunk in self.chunks:
            for i in chunk.outside:
                self._slot(i)
        for number, (_, fixed) in enumerate(self.terms):
            for i, _ in fixed:
                if i in self.chunk_of and (layout.mapped or number not in self.stored):
                    self._slot(i)

    def _needed(self) -> set[int]:
        """Find what the terms of the results need: a sum that was split at its top is not computed."""
        needed = {index for terms in self.terms for term in terms for index, _ in term}
        for index in range(len(self.program.instructions) - 1, -1, -1):
            op, operands, _ = self.program.instructions[index]
            if op is not None and index in needed:
                needed.update(operands)
        return needed

    def _slot(self, index: int) -> None:
        slots = self.slots[self.varies[index]]
        if index not in slots:
            for lane in self.pack_of.get(index, (index,)):  # the lanes of a pack side by side
                slots[lane] = len(slots)

    def place(self, index: int) -> tuple[str, int]:
        """Say where a number is that is the same for all samples: after which pointer, and how far."""
        op, operands, _ = self.program.instructions[index]
        if op is not None:
            return "%once", self.slots[False][index]
        buffer, place, _ = self.layout.inputs[operands[0]]
        return f"%buffer{buffer}", place

    def table(self, kind: str, constants: Sequence[str]) -> str:
        """Write constants side by side, and name the first."""
        name = f"@table{len(self.tables)}"
        row = ", ".join(f"{kind} {constant}" for constant in constants)
        self.tables.append(f"{name} = internal constant [{len(constants)} x {kind}] [{row}]")
        return name

    def _varies(self) -> list[bool]:
        varies: list[bool] = []
        for op, operands, _ in self.program.instructions:
            if op is None:
                varies.append(bool(operands) and self.layout.mapped and self.layout.inputs[operands[0]][2] != 0)
            else:
                varies.append(any(varies[i] for i in operands))
        return varies

    def _terms(self, result: int) -> tuple[list[_Term], list[_Term]]:
        """Split a result that is summed over samples: what varies, and what is the same for each of them."""
        varying: list[_Term] = []
        fixed: list[_Term] = []
        stack: list[_Term] = [(result, 1)]
        while stack:
            index, sign = stack.pop()
            op, operands, _ = self.program.instructions[index]
            if not self.varies[index]:
                fixed.append((index, sign))
            elif self.layout.reduce and op is ops.neg:
                stack.append((operands[0], -sign))
            elif self.layout.reduce and op in (ops.add, ops.sub) and not all(self.varies[i] for i in operands):
                stack += [(operands[0], sign), (operands[1], sign if op is ops.add else -sign)]
            else:
                varying.append((index, sign))
        return varying, fixed

    def _cut(self, indices: Sequence[int], prefix: str, first: int = 0) -> list[_Chunk]:
        return [
            _Chunk(self, f"{prefix}{first + start // CHUNK}", indices[start : start + CHUNK])
            for start in range(0, len(indices), CHUNK)
        ]

    def text(self) -> str:
        """Write the module."""
        functions = [chunk.text() for chunk in self.chunks]
        self.stores = self._stores()
        kernel = "\n".join(self._kernel())
        declarations = "\n".join(sorted(self.declared))
        return (
            "\n".join(
                [
                    *self.tables,
                    *functions,
                    *self.stores,
                    kernel,
                    declarations,
                    _ATTRIBUTES.format(bits=64 * self.register),
                ]
            )
            + "\n"
        )

    def declare(self, result: str, name: str, *parameters: str) -> str:
        """Declare a function, to call it."""
        self.declared.add(f"declare {result} @{name}({', '.join(parameters)})")
        return f"{result} @{name}"

    # The kernel: memory, what is computed once, the loop over blocks of samples, and what is done with sums.

    def _kernel(self) -> Iterator[str]:
        width, vector = self.width, self.vector
        once, each, sums = len(self.slots[False]), len(self.slots[True]), -(-len(self.accumulators) // width) * width
        sizes = {"once": once, "each": each * width, "sums": sums * width, "totals": sums}
        size = sum(-(-count // 16) * 128 for count in sizes.values())
        yield "define void @kernel(ptr %buffers, i64 %n) #0 {"
        if size > STACK:
            yield f"  %raw = call {self.declare('ptr', 'malloc', 'i64')}(i64 {size + 128})"
            yield "  %address = ptrtoint ptr %raw to i64"
            yield "  %above = add i64 %address, 127"
            yield "  %aligned = and i64 %above, -128"
            yield "  %memory = inttoptr i64 %aligned to ptr"
        else:
            yield f"  %memory = alloca [{max(size, 128)} x i8], align 128"
        start = 0
        for name, count in sizes.items():
            yield f"  %{name} = getelementptr i8, ptr %memory, i64 {start}"
            start += -(-count // 16) * 128
        copies = list(self._copies())
        yield from self.buffer_pointers(copies)
        for chunk in self.chunks:
            if chunk.name[0] == "o":
                yield f"  call void @{chunk.name}(ptr %buffers, ptr %once, ptr %each, ptr %sums, i64 0, i64 %n)"
        if self.layout.mapped:
            yield "  br label %enter"
            yield "enter:"
            for i in range(sums):
                yield f"  %z{i} = getelementptr {vector}, ptr %sums, i64 {i}"
                yield f"  store {vector} zeroinitializer, ptr %z{i}, align {8 * width}"
            yield "  br label %loop"
            yield "loop:"
            yield "  %i = phi i64 [0, %enter], [%next, %body]"
            yield "  %more = icmp slt i64 %i, %n"
            yield "  br i1 %more, label %body, label %done"
            yield "body:"
            for chunk in self.chunks:
                if chunk.name[0] == "e":
                    yield f"  call void @{chunk.name}(ptr %buffers, ptr %once, ptr %each, ptr %sums, i64 %i, i64 %n)"
            # Results that are the same for all samples, but wanted for each of them.
            yield from copies
            yield f"  %next = add i64 %i, {width}"
            yield "  br label %loop"
            yield "done:"
            yield from self._totals(sums)
        for store in range(len(self.stores)):
            yield f"  call void @r{store}(ptr %buffers, ptr %once, ptr %totals, i64 %n)"
        if size > STACK:
            yield f"  call {self.declare('void', 'free', 'ptr')}(ptr %raw)"
        yield "  ret void"
        yield "}"

    @property
    def vector(self) -> str:
        return f"<{self.width} x double>"

    def _totals(self, sums: int) -> Iterator[str]:
        """Add up, or average, the lanes of the accumulators, as many of them at once as there are lanes."""
        lanes, vector = self.width, self.vector
        if self.layout.reduce:
            yield "  %count = sitofp i64 %n to double"
            yield f"  %count1 = insertelement {vector} poison, double %count, i64 0"
            yield f"  %counts = shufflevector {vector} %count1, {vector} poison, <{lanes} x i32> zeroinitializer"
        for group in range(0, sums, lanes):
            level = []
            for i in range(group, group + lanes):
                yield f"  %s{i} = load {vector}, ptr %z{i}, align {8 * self.width}"
                level.append(f"%s{i}")
            width = 1
            while len(level) > 1:
                picked: list[list[int]] = [[], []]
                for lane in range(lanes):
                    block, within = divmod(lane, 2 * width)
                    source = block * 2 * width + within % width + (lanes if within >= width else 0)
                    picked[0].append(source)
                    picked[1].append(source + width)
                masks = [f"<{lanes} x i32> <{', '.join(f'i32 {i}' for i in p)}>" for p in picked]
                above = []
                for a, b in zip(level[::2], level[1::2], strict=True):
                    name = f"{a}.{width}"
                    for half, mask in zip("lh", masks, strict=True):
                        yield f"  {name}{half} = shufflevector {vector} {a}, {vector} {b}, {mask}"
                    yield f"  {name} = fadd {vector} {name}l, {name}h"
                    above.append(name)
                level, width = above, 2 * width
            if self.layout.reduce == "mean":
                yield f"  %mean{group} = fdiv {vector} {level[0]}, %counts"
                level = [f"%mean{group}"]
            yield f"  %total{group} = getelementptr double, ptr %totals, i64 {group}"
            yield f"  store {vector} {level[0]}, ptr %total{group}, align {8 * self.width}"

    def buffer_pointers(self, lines: Iterable[str]) -> Iterator[str]:
        """Write what loads the pointers to the buffers that some lines use."""
        for buffer in sorted({int(number) for line in lines for number in re.findall(r"%buffer(\d+)", line)}):
            yield f"  %at{buffer} = getelementptr ptr, ptr %buffers, i64 {buffer}"
            yield f"  %buffer{buffer} = load ptr, ptr %at{buffer}"

    def _stores(self) -> list[str]:
        """Write functions that store what is not stored where it is computed: sums over samples, inputs, constants."""
        if self.layout.mapped:
            left = [i for i, (_, _, step) in enumerate(self.layout.results) if not step]
        else:
            left = [i for i in range(len(self.terms)) if i not in self.stored]
        functions = []
        for start in range(0, len(left), CHUNK):
            head = f"define internal void @r{start // CHUNK}(ptr %buffers, ptr %once, ptr %totals, i64 %n) #0 {{"
            count = "  %count = sitofp i64 %n to double"
            stores = list(self._results(left[start : start + CHUNK]))
            functions.append("\n".join([head, *self.buffer_pointers(stores), count, *stores, "  ret void", "}"]))
        return functions

    def _results(self, numbers: Sequence[int]) -> Iterator[str]:
        layout = self.layout
        for number in numbers:
            (buffer, place, _), (varying, fixed) = layout.results[number], self.terms[number]
            total = ""
            for index, sign in varying:
                at = f"%r{number}.{index}"
                yield f"  {at}p = getelementptr double, ptr %totals, i64 {self.accumulators[index]}"
                yield f"  {at} = load double, ptr {at}p"
                yield f"  {at}s = {_added(total, at, sign)}"
                total = f"{at}s"
            for index, sign in fixed:
                lines, value = self._fixed(index, f"%r{number}.{index}")
                yield from lines
                if layout.reduce == "sum":
                    yield f"  %r{number}.{index}n = fmul double {value}, %count"
                    value = f"%r{number}.{index}n"
                if total or sign < 0:
                    yield f"  %r{number}.{index}s = {_added(total, value, sign)}"
                    value = f"%r{number}.{index}s"
                total = value
            yield f"  %out{number} = getelementptr double, ptr %buffer{buffer}, i64 {place}"
            yield f"  store double {total}, ptr %out{number}"

    def _fixed(self, index: int, name: str) -> tuple[list[str], str]:
        """Fetch what does not vary, where it is stored."""
        op, operands, constant = self.program.instructions[index]
        if op is None and not operands:
            return [], literal(constant)
        if op is None:
            buffer, place, _ = self.layout.inputs[operands[0]]
            base, offset = f"%buffer{buffer}", place
        else:
            base, offset = "%once", self.slots[False][index]
        at = f"  {name}p = getelementptr double, ptr {base}, i64 {offset}"
        return [at, f"  {name} = load double, ptr {name}p"], name

    def _copies(self) -> Iterator[str]:
        for number, (varying, fixed) in enumerate(self.terms):
            buffer, place, step = self.layout.results[number]
            if not step or varying:
                continue
            for lane in range(self.width):  # rare, so written plainly, a sample at a time
                name = f"%c{number}.{lane}"
                yield f"  {name}i = add i64 %i, {lane}"
                yield f"  {name}last = sub i64 %n, 1"
                yield f"  {name}in = icmp slt i64 {name}i, %n"
                yield f"  {name}j = select i1 {name}in, i64 {name}i, i64 {name}last"
                lines, value = self._fixed(fixed[0][0], name)
                yield from lines
                yield f"  {name}om = mul i64 {name}j, {step}"
                yield f"  {name}oa = add i64 {name}om, {place}"
                yield f"  {name}o = getelementptr double, ptr %buffer{buffer}, i64 {name}oa"
                yield f"  store double {value}, ptr {name}o"


class _Chunk(Function):
    """A function of the module: some of the instructions, once or for a block of samples."""

    module: Module

    def __init__(self, module: Module, name: str, indices: Sequence[int]) -> None:
        super().__init__(module, module.program.instructions, module.width if name[0] == "e" else 1)
        self.name, self.indices = name, indices
        self.names: dict[int, str] = {}
        own = set(indices)
        operands = {i for index in indices for i in reads(self.instructions, index)}
        self.outside = [i for i in operands - own if self.instructions[i].op]
        stored = () if module.layout.mapped and name[0] == "o" else indices
        self.stored = [number for index in stored for number in module.results.get(index, [])]

    def text(self) -> str:
        module = self.module
        head = f"define internal void @{self.name}({module.parameters}) #0 {{"
        if self.lanes > 1:
            self._lanes()
        for index in self.indices:
            computed = self.instructions[index].op is not None
            self.names[index] = self.instruction(index) if computed else self.operand(index)
            slot = module.slots[self.lanes > 1].get(index)
            if slot is not None:
                at = self.let(f"getelementptr {self.type}, ptr {'%each' if self.lanes > 1 else '%once'}, i64 {slot}")
                self.lines.append(f"  store {self.type} {self.names[index]}, ptr {at}, align {8 * self.lanes}")
            if index in module.accumulators:
                self._accumulate(index)
            else:
                for number in module.results.get(index, []):
                    self._store(self.names[index], *module.layout.results[number])
        return "\n".join([head, *module.buffer_pointers(self.lines), *self.lines, "  ret void", "}"])

    def _lanes(self) -> None:
        whole = f"<{self.lanes} x i64>"
        counted = ", ".join(f"i64 {lane}" for lane in range(self.lanes))
        self.sample = self.let(f"add {whole} {self.splat('i64', '%i')}, <{counted}>")
        self.inside = self.let(f"icmp slt {whole} {self.sample}, {self.splat('i64', '%n')}")
        # Lanes beyond the last sample repeat it.
        last = self.splat("i64", self.let("sub i64 %n, 1"))
        self.sample = self.let(f"select {self.bits} {self.inside}, {whole} {self.sample}, {whole} {last}")

    def _addresses(self, buffer: int, place: int, step: int) -> str:
        whole = f"<{self.lanes} x i64>"
        index = self.let(f"mul {whole} {self.sample}, {self._whole(step)}")
        index = self.let(f"add {whole} {index}, {self._whole(place)}")
        return self.let(f"getelementptr double, ptr %buffer{buffer}, {whole} {index}")

    def _whole(self, number: int) -> str:
        return f"<{', '.join([f'i64 {number}'] * self.lanes)}>"

    def _store(self, value: str, buffer: int, place: int, step: int) -> None:
        if self.lanes == 1:
            at = self.let(f"getelementptr double, ptr %buffer{buffer}, i64 {place}")
            self.lines.append(f"  store double {value}, ptr {at}")
            return
        name = f"llvm.masked.scatter.v{self.lanes}f64.v{self.lanes}p0"
        call = self.module.declare("void", name, self.type, f"<{self.lanes} x ptr>", "i32", self.bits)
        at = self._addresses(buffer, place, step)
        self.lines.append(
            f"  call {call}({self.type} {value}, <{self.lanes} x ptr> {at}, i32 8, {self.bits} {self.inside})"
        )

    def _accumulate(self, index: int) -> None:
        at = self.let(f"getelementptr {self.type}, ptr %sums, i64 {self.module.accumulators[index]}")
        total = self.let(f"load {self.type}, ptr {at}, align {8 * self.lanes}")
        more = self.let(f"fadd contract {self.type} {total}, {self.names[index]}")
        self.lines.append(
            f"  store {self.type} {self.select(self.inside, more, total)}, ptr {at}, align {8 * self.lanes}"
        )

    def operand(self, index: int) -> str:
        """Fetch an operand: from this function, from memory, or as a constant."""
        if index in self.names:
            return self.names[index]
        module = self.module
        op, operands, constant = self.instructions[index]
        if op is None and not operands:
            return self.constant(constant)
        varies = module.varies[index]
        if op is None:
            buffer, place, step = module.layout.inputs[operands[0]]
            if varies:
                name = f"llvm.masked.gather.v{self.lanes}f64.v{self.lanes}p0"
                call = module.declare(self.type, name, f"<{self.lanes} x ptr>", "i32", self.bits, self.type)
                at = self._addresses(buffer, place, step)
                every = f"<{', '.join(['i1 1'] * self.lanes)}>"
                value = self.let(
                    f"call {call}(<{self.lanes} x ptr> {at}, i32 8, {self.bits} {every}, {self.type} poison)"
                )
                self.names[index] = value
                return value
            base = f"%buffer{buffer}"
        else:
            base, place = "%each" if varies else "%once", module.slots[varies][index]
        kind = self.type if varies else "double"
        at = self.let(f"getelementptr {kind}, ptr {base}, i64 {place}")
        value = self.let(f"load {kind}, ptr {at}, align {8 * self.lanes if varies else 8}")
        if self.lanes > 1 and not varies:
            return self.splat("double", value)  # each time anew: a broadcast from memory costs nothing, a register does
        self.names[index] = value
        return value


_ATTRIBUTES = """\
attributes #0 = {{ nounwind "prefer-vector-width"="{bits}" "min-legal-vector-width"="{bits}" }}
!0 = !{{!"branch_weights", i32 1, i32 1000000}}"""
