"""A program written in LLVM's language, from which `machine` makes machine code.

A kernel is `void kernel(double **buffers, int64_t samples)`: the results' buffers, and after them the inputs'. Where it finds
no memory, it puts null in place of the first, and does nothing else. Long programs
are cut into functions of some hundred operations that hand numbers on in memory: the time of LLVM's code generator grows
faster than the length of one function, and so stays linear.

A program that is mapped over samples runs in blocks of as many samples as a vector register holds, and in batches of so
many blocks that what functions hand on stays in the first cache. Each function holds a loop over the blocks of a batch:
its code stays near, and blocks overlap in the processor. Sums over the samples stay in registers meanwhile; where
there are many, they are added up in functions of their own, those of one function sharing factors. What does not depend on
a sample is computed once, before the batches.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from scalargrad import ops
from scalargrad.compiler import vectormath
from scalargrad.compiler.chunk import Chunk, parts
from scalargrad.compiler.emitting import vector_name
from scalargrad.compiler.loops import LoopFunction
from scalargrad.compiler.packs import Loop, Pack, phases
from scalargrad.compiler.program import Program, reads
from scalargrad.compiler.results import Results
from scalargrad.compiler.schedule import tiles

SHORT = 200  # operations: where functions are written out, a shorter program leaves the processor waiting for results
ACCUMULATORS = 24  # sums that may be in one function with operations; more of them have functions of their own
WRITTEN = 200  # applications of functions that are written out: with more of them, compiling takes seconds
SUMS = 16  # in one of those: with their factors, they fill the registers
BATCH = 1024  # samples, at most, whose numbers are handed on at once
LEVEL1 = 1 << 15  # bytes that these should not exceed: the first cache holds them, and some more
STACK = 1 << 16  # bytes of memory that a kernel takes from the stack; more comes from malloc
QUICK = 30_000  # lines of LLVM's language: to optimise more of them takes seconds


def to_llvm(program: Program, width: int = 8, vector_functions: Iterable[str] = (), inline: str = "") -> str:
    """Write a program as a module in LLVM's language.

    >>> from scalargrad import Value
    >>> from scalargrad.compiler.lowering import lower
    >>> x = Value(2.0)
    >>> "fmul contract double" in to_llvm(lower([x], [x * x]))
    True

    width  how many numbers one vector of the processor holds
    vector_functions  names of functions of vectors that may be called, in the x86 vector ABI
    inline  "fma" or "avx512": write functions out instead, where `vectormath` can, with such instructions
    """
    written = inline and any(op is not None and op.libm in vectormath.FUNCTIONS for op, _, _ in program.instructions)
    together = 4 if written and program.operations <= SHORT else 1  # vectors, whose steps need not wait for each other
    return Module(program, width, together, frozenset(vector_functions), inline).text()


_Term = tuple[int, int]  # an instruction, and the sign that it is added with


class Module:
    """All functions of a program; the kernel calls the others."""

    parameters = "ptr %buffers, ptr %once, ptr %each, ptr %sums, i64 %start, i64 %stop, i64 %n"  # of a function

    def __init__(
        self,
        program: Program,
        register: int,
        together: int,
        vector_functions: frozenset[str],
        inline: str,
    ) -> None:
        self.program, self.layout, self.vector_functions = program, program.layout, vector_functions
        layout = program.layout
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
        self.results: dict[int, list[int]] = {}  # those that are stored as an instruction is computed
        if not layout.reduce:
            for number, (varying, fixed) in enumerate(self.terms):
                for index, _ in (*varying, *fixed):
                    self.results.setdefault(index, []).append(number)
        readers = self._readers()
        computed = [i for i in range(len(program.instructions)) if i in readers and program.instructions[i].op]
        # Products that are only summed belong where they are summed.
        self.products = {i for i in self.accumulators if program.instructions[i].op is ops.mul and not readers[i]}
        each = [i for i in computed if self.varies[i] and i not in self.products]
        kept = [i for _, fixed in self.terms for i, _ in fixed]
        kept += [i for index in (*each, *self.products) for i in reads(program.instructions, index)]
        self.pack_of: dict[int, Pack] = {}
        self.once: list[Chunk | LoopFunction] = []
        for phase in phases(
            program.instructions, [i for i in computed if not self.varies[i]], [at[:2] for at in layout.inputs], kept
        ):
            if isinstance(phase, Loop):
                self.pack_of |= {index: pack for pack in phase.packs for index in pack}
                self.once.append(LoopFunction(self, f"once{len(self.once)}", phase))
            else:
                self.once += [Chunk(self, f"once{len(self.once) + k}", part) for k, part in enumerate(parts(phase))]
        self.each = self._each(each) if layout.mapped else []
        applied = [op.libm for i in each if (op := program.instructions[i].op) and op.libm in vectormath.FUNCTIONS]
        called = vector_functions if len(applied) > WRITTEN else ()
        self.written = {
            name for name in vectormath.FUNCTIONS if inline and vector_name(name, 1, register) not in called
        }
        self.chunk_of = {i: chunk for chunk in (*self.once, *self.each) for i in chunk.indices}
        self.merged = {i for i in self.chunk_of if self._is_merged(i, readers[i])}
        self.stored = {number for chunk in (*self.once, *self.each) for number in chunk.stored}
        self.home: dict[int, Chunk] = {}  # of inputs that are gathered: the function that does so
        self.slots: dict[bool, dict[int, int]] = {False: {}, True: {}}
        self._hand_on()

    def _each(self, indices: Sequence[int]) -> list[Chunk]:
        """Divide what is done for each sample into functions."""
        divided = list(parts(indices)) or [indices]
        chunks = [Chunk(self, f"each{k}", part, looped=True) for k, part in enumerate(divided)]
        own = set(indices)
        chunks[-1].copies = [
            i for i in self.results if i not in own and any(self.layout.results[n][2] for n in self.results[i])
        ]
        sums = list(self.accumulators)
        if len(sums) <= ACCUMULATORS:
            chunks[-1].sums = sums
            return chunks
        # So many need functions of their own; those in one share factors.
        pairs = [self._factors(i) for i in sums]
        groups = tiles(pairs, SUMS)
        return chunks + [
            Chunk(self, f"sums{k}", (), looped=True, sums=[sums[i] for i in group]) for k, group in enumerate(groups)
        ]

    def _factors(self, index: int) -> tuple[int, int]:
        x, y = self.program.instructions[index].operands if index in self.products else (index, -1)
        return x, y

    def _readers(self) -> dict[int, list[int]]:
        """Return all that the terms of the results need, each with what reads it: a sum that was split is not computed."""
        readers: dict[int, list[int]] = {i: [] for terms in self.terms for term in terms for i, _ in term}
        for index in range(len(self.program.instructions) - 1, -1, -1):
            if index in readers:
                # In a loop over packs, the number of a comparison may come from elsewhere.
                operands = self.program.instructions[index].operands if self.program.instructions[index].op else ()
                for i in reads(self.program.instructions, index) if self.varies[index] else operands:
                    readers.setdefault(i, []).append(index)
        return readers

    def _is_merged(self, index: int, readers: Sequence[int]) -> bool:
        """Say whether a product is only added, in the function that would compute it: one instruction does both."""
        if self.program.instructions[index].op is not ops.mul or len(readers) != 1 or index in self.pack_of:
            return False
        if index in self.accumulators or index in self.results:
            return False
        if self.chunk_of.get(readers[0]) is not self.chunk_of[index]:
            return False
        return self.program.instructions[readers[0]].op in (ops.add, ops.sub)

    def _hand_on(self) -> None:
        """Find what is needed outside the function that computes it: it is kept in memory."""
        for number, (_, fixed) in enumerate(self.terms):
            for i, _ in fixed:
                if i in self.chunk_of and number not in self.stored:
                    self._slot(i)
        for chunk in self.once:
            for i in chunk.outside if isinstance(chunk, LoopFunction) else chunk.read():
                if self.chunk_of.get(i, chunk) is not chunk:
                    self._slot(i)
        for chunk in self.each:
            for i in chunk.read():
                op, operands, _ = self.program.instructions[i]
                if self.chunk_of.get(i, chunk) is not chunk:
                    self._slot(i)
                elif op is None and self.varies[i] and self.layout.inputs[operands[0]][2] != 1:
                    home = self.home.setdefault(i, chunk)
                    if home is not chunk:
                        self._slot(i)

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

    def text(self) -> str:
        """Write the module."""
        chunks = [chunk for chunk in (*self.once, *self.each) if isinstance(chunk, Chunk)]
        for chunk in chunks:
            chunk.write()
        in_order = sum(len(chunk.lines) for chunk in chunks) > QUICK
        functions = [
            chunk.text(in_order=in_order) if isinstance(chunk, Chunk) else chunk.text()
            for chunk in (*self.once, *self.each)
        ]
        results = Results(self)
        stores = results.functions()
        kernel = "\n".join(self._kernel(results, len(stores)))
        attributes = _ATTRIBUTES.format(bits=64 * self.register)
        return "\n".join([*self.tables, *functions, *stores, kernel, *sorted(self.declared), attributes]) + "\n"

    def declare(self, result: str, name: str, *parameters: str) -> str:
        """Declare a function, to call it."""
        self.declared.add(f"declare {result} @{name}({', '.join(parameters)})")
        return f"{result} @{name}"

    # The kernel: memory, what is computed once, the loop over batches of samples, and what is done with sums.

    def _kernel(self, results: Results, stores: int) -> Iterator[str]:
        register = self.register
        once, each = len(self.slots[False]), len(self.slots[True])
        sums = -(-len(self.accumulators) // register) * register
        blocks = max(4, min(BATCH // self.width, LEVEL1 // (8 * self.width * max(each, 1))))
        sizes = {"once": once, "each": each * blocks * self.width, "sums": sums * register, "totals": sums}
        size = sum(-(-count // 16) * 128 for count in sizes.values())
        yield "define void @kernel(ptr %buffers, i64 %n) #0 {"
        if size > STACK:
            yield f"  %raw = call {self.declare('ptr', 'malloc', 'i64')}(i64 {size + 128})"
            yield "  %refused = icmp eq ptr %raw, null"
            yield "  br i1 %refused, label %without, label %with"
            yield "without:"
            yield "  store ptr null, ptr %buffers"
            yield "  ret void"
            yield "with:"
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
        for function in self.once:
            yield self._call(function, "0", "0")
        if self.layout.mapped:
            yield "  br label %loop"
            yield "loop:"  # once at least, since sums over no samples are zero
            yield f"  %i = phi i64 [0, {'%with' if size > STACK else '%0'}], [%stop, %loop]"
            yield f"  %next = add i64 %i, {blocks * self.width}"
            yield "  %more = icmp slt i64 %next, %n"
            yield "  %stop = select i1 %more, i64 %next, i64 %n"
            for function in self.each:
                yield self._call(function, "%i", "%stop")
            yield "  br i1 %more, label %loop, label %done"
            yield "done:"
            if sums:
                yield from results.totals(sums)
        for k in range(stores):
            yield f"  call void @results{k}(ptr %buffers, ptr %once, ptr %totals, i64 %n)"
        if size > STACK:
            yield f"  call {self.declare('void', 'free', 'ptr')}(ptr %raw)"
        yield "  ret void"
        yield "}"

    def _call(self, function: Chunk | LoopFunction, start: str, stop: str) -> str:
        memory = "ptr %buffers, ptr %once, ptr %each, ptr %sums"
        return f"  call void @{function.name}({memory}, i64 {start}, i64 {stop}, i64 %n)"

    def buffer_pointers(self, lines: Iterable[str]) -> Iterator[str]:
        """Write what loads the pointers to the buffers that some lines use."""
        for buffer in sorted({int(number) for line in lines for number in re.findall(r"%buffer(\d+)", line)}):
            yield f"  %at{buffer} = getelementptr ptr, ptr %buffers, i64 {buffer}"
            yield f"  %buffer{buffer} = load ptr, ptr %at{buffer}"


_ATTRIBUTES = """\
attributes #0 = {{ nounwind "prefer-vector-width"="{bits}" "min-legal-vector-width"="{bits}" }}
!0 = !{{!"branch_weights", i32 1, i32 1000000}}
!1 = !{{}}"""
