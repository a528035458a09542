"""What each function of a kernel computes, and where it hands numbers on: decided before a line is written.

Long programs are cut into functions of some hundred operations that hand numbers on in memory: the time of LLVM's code
generator grows faster than the length of one function, and so stays linear.

A program that is mapped over samples is divided into what is computed once and what is computed for each sample. Sums over
the samples stay in registers; where there are many, they are added up in functions of their own, those of one function
sharing factors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scalargrad import ops
from scalargrad.compiler.instructions import Code, Instruction, reads
from scalargrad.compiler.packs import Loop, Pack, phases
from scalargrad.compiler.tiles import tiles

CHUNK_OPERATIONS = 700  # in a function
CHUNK_SUMS = 24  # that may be in one function with operations; more of them have functions of their own


def parts(indices: Sequence[int]) -> Iterator[Sequence[int]]:
    """Cut what is to be done into parts for a function each.

    >>> [len(part) for part in parts(range(CHUNK_OPERATIONS + 1))] == [CHUNK_OPERATIONS, 1]
    True
    """
    for start in range(0, len(indices), CHUNK_OPERATIONS):
        yield indices[start : start + CHUNK_OPERATIONS]


@dataclass(eq=False)
class Chunk:
    """What a function of straight-line code computes.

    indices  of the instructions
    looped   over the samples, or once
    sums     of what it adds up over the samples: values, or products that nothing else needs
    copies   of what is computed elsewhere, but is a result of each sample
    """

    name: str
    indices: Sequence[int]
    looped: bool = False
    sums: Sequence[int] = ()
    copies: Sequence[int] = ()


class PackLoop:
    """What a function that runs a loop over packs computes: its instructions are one of each pack.

    instructions  the others are what they take from elsewhere: constants, and inputs by their number in `taken`
    taken         of each input all lanes
    place         of a pack, or of lanes that are taken: among the instructions
    outside       what other functions have to compute before
    """

    def __init__(self, name: str, loop: Loop, program: Sequence[Instruction]) -> None:
        self.name, self.loop, self.program = name, loop, program
        self.instructions: list[Instruction] = []
        self.taken: list[tuple[int, ...]] = []
        self.place: dict[tuple[int, ...], int] = {}
        for pack in loop.packs:
            every = zip(*(program[index].operands for index in pack), strict=True)
            operands = tuple(map(self._placed, every))
            self.place[tuple(pack)] = len(self.instructions)
            self.instructions.append(Instruction(program[pack[0]].op, operands))
        for fold in loop.folds:
            self._placed(tuple(fold.pack))
        self.indices = [*(i for pack in loop.packs for i in pack), *(i for fold in loop.folds for i in fold.sums)]
        self.outside = {i for lanes in self.taken for i in lanes if program[i].op is not None}
        self.outside.update(fold.start for fold in loop.folds if fold.start is not None)

    def _placed(self, lanes: tuple[int, ...]) -> int:
        if lanes not in self.place:
            op, operands, constant = self.program[lanes[0]]
            self.place[lanes] = len(self.instructions)
            if op is None and not operands and len(set(lanes)) == 1:
                self.instructions.append(Instruction(None, (), constant))
            else:
                self.instructions.append(Instruction(None, (len(self.taken),)))
                self.taken.append(lanes)
        return self.place[lanes]


Term = tuple[int, int]  # an instruction, and the sign that it is added with


class Plan:
    """How a program is divided into functions.

    registers     how many vectors the processor holds
    varies        for each instruction, whether it is another number for each sample
    terms         of each result: those that vary, and those that are the same for all samples
    accumulators  the number of each sum over the samples, by what is summed
    results       numbers of the results that are stored as an instruction is computed, by that
    products      that are only summed: they belong where they are summed
    merged        products that are only added, in the function that would compute them: one instruction does both
    once, each    functions: of what is computed once, and for each sample
    stored        numbers of the results that these functions store
    home          of inputs that are gathered: the function that does so
    slots         of what is handed on: its place in memory, among what is computed once or for each sample
    """

    def __init__(self, code: Code, registers: int = 32) -> None:
        self.instructions, self.layout, self.registers = code.instructions, code.layout, registers
        self.varies = self._varies()
        self.terms = [self._terms(result) for result in code.results]
        self.accumulators: dict[int, int] = {}
        self.results: dict[int, list[int]] = {}
        for number, (varying, fixed) in enumerate(self.terms):
            for index, _ in varying if self.layout.reduce else (*varying, *fixed):
                if self.layout.reduce:
                    self.accumulators.setdefault(index, len(self.accumulators))
                else:
                    self.results.setdefault(index, []).append(number)
        readers = self._readers()
        computed = [i for i in range(len(self.instructions)) if i in readers and self.instructions[i].op]
        self.products = {i for i in self.accumulators if self.instructions[i].op is ops.mul and not readers[i]}
        each = [i for i in computed if self.varies[i] and i not in self.products]
        self.pack_of: dict[int, Pack] = {}
        self.once = self._once([i for i in computed if not self.varies[i]], [*each, *self.products])
        self.each = self._each(each) if self.layout.mapped else []
        self.function_of = {i: function for function in (*self.once, *self.each) for i in function.indices}
        self.merged = {i for i in self.function_of if self._is_merged(i, readers[i])}
        self.stored = {number for function in (*self.once, *self.each) for number in self._stored(function)}
        self.home: dict[int, Chunk] = {}
        self.slots: dict[bool, dict[int, int]] = {False: {}, True: {}}
        self._hand_on()

    def place(self, index: int) -> tuple[int | None, int]:
        """Say where a number is that is the same for all samples: its buffer, None for what is handed on, and its place."""
        op, operands, _ = self.instructions[index]
        if op is not None:
            return None, self.slots[False][index]
        return self.layout.inputs[operands[0]][:2]

    def row(self, pack: Pack) -> tuple[int, int] | None:
        """Return the buffer and the place where the lanes are results side by side; None where they are not."""
        numbers = [self.results.get(index, []) for index in pack]
        if self.layout.mapped or any(len(n) != 1 for n in numbers):
            return None
        buffer, first, _ = self.layout.results[numbers[0][0]]
        places = [self.layout.results[number][:2] for (number,) in numbers]
        return places[0] if places == [(buffer, first + lane) for lane in range(len(pack))] else None

    def _varies(self) -> list[bool]:
        if not self.layout.mapped:
            return [False] * len(self.instructions)
        varies: list[bool] = []
        for op, operands, _ in self.instructions:
            if op is None:
                varies.append(bool(operands) and self.layout.inputs[operands[0]][2] != 0)
            else:
                varies.append(any(varies[i] for i in operands))
        return varies

    def _terms(self, result: int) -> tuple[list[Term], list[Term]]:
        """Split a result that is summed over samples: what varies, and what is the same for each of them."""
        varying: list[Term] = []
        fixed: list[Term] = []
        stack: list[Term] = [(result, 1)]
        while stack:
            index, sign = stack.pop()
            op, operands, _ = self.instructions[index]
            if not self.varies[index]:
                fixed.append((index, sign))
            elif self.layout.reduce and op is ops.neg:
                stack.append((operands[0], -sign))
            elif self.layout.reduce and op in (ops.add, ops.sub) and not all(self.varies[i] for i in operands):
                stack += [(operands[0], sign), (operands[1], sign if op is ops.add else -sign)]
            else:
                varying.append((index, sign))
        return varying, fixed

    def _readers(self) -> dict[int, list[int]]:
        """Return all that the terms of the results need, each with what reads it: a sum that was split is not computed."""
        readers: dict[int, list[int]] = {i: [] for terms in self.terms for term in terms for i, _ in term}
        for index in range(len(self.instructions) - 1, -1, -1):
            if index in readers:
                # In a loop over packs, the number of a comparison may come from elsewhere.
                operands = self.instructions[index].operands if self.instructions[index].op else ()
                for i in reads(self.instructions, index) if self.varies[index] else operands:
                    readers.setdefault(i, []).append(index)
        return readers

    def _once(self, computed: Sequence[int], others: Sequence[int]) -> list[Chunk | PackLoop]:
        """Divide what is computed once into functions; the others read some of it."""
        kept = [i for _, fixed in self.terms for i, _ in fixed]
        kept += [i for index in others for i in reads(self.instructions, index)]
        functions: list[Chunk | PackLoop] = []
        for phase in phases(self.instructions, computed, [at[:2] for at in self.layout.inputs], kept):
            if isinstance(phase, Loop):
                self.pack_of |= {index: pack for pack in phase.packs for index in pack}
                functions.append(PackLoop(f"once{len(functions)}", phase, self.instructions))
            else:
                functions += [Chunk(f"once{len(functions) + k}", part) for k, part in enumerate(parts(phase))]
        return functions

    def _each(self, indices: Sequence[int]) -> list[Chunk]:
        """Divide what is computed for each sample into functions."""
        chunks = [Chunk(f"each{k}", part, True) for k, part in enumerate(list(parts(indices)) or [indices])]
        own, last = set(indices), chunks[-1]
        last.copies = [
            i for i in self.results if i not in own and any(self.layout.results[n][2] for n in self.results[i])
        ]
        sums = list(self.accumulators)
        if len(sums) <= CHUNK_SUMS:
            last.sums = sums
            return chunks
        pairs = [self.factors(i) if i in self.products else (i, -1) for i in sums]
        groups = tiles(pairs, self.registers // 2)  # the others are for their factors
        return chunks + [Chunk(f"sums{k}", (), True, [sums[i] for i in group]) for k, group in enumerate(groups)]

    def factors(self, index: int) -> tuple[int, int]:
        """Return what a product multiplies."""
        x, y = self.instructions[index].operands
        return x, y

    def _is_merged(self, index: int, readers: Sequence[int]) -> bool:
        if self.instructions[index].op is not ops.mul or len(readers) != 1 or index in self.pack_of:
            return False
        if index in self.accumulators or index in self.results:
            return False
        if self.function_of.get(readers[0]) is not self.function_of[index]:
            return False
        return self.instructions[readers[0]].op in (ops.add, ops.sub)

    def _stored(self, function: Chunk | PackLoop) -> list[int]:
        """Return the numbers of the results that a function stores."""
        if isinstance(function, Chunk):
            indices = [*function.indices, *function.copies] if function.looped or not self.layout.mapped else []
        else:
            indices = [i for pack in function.loop.packs if self.row(pack) is not None for i in pack]
            indices += [] if self.layout.mapped else [fold.total for fold in function.loop.folds]
        return [number for index in indices for number in self.results.get(index, [])]

    def read(self, chunk: Chunk) -> list[int]:
        """Return what a function computes with, in the order of the instructions."""
        read = [i for index in chunk.indices for i in reads(self.instructions, index)]
        for index in chunk.sums:
            read += self.factors(index) if index in self.products else (index,)
        return [*read, *chunk.copies]

    def _hand_on(self) -> None:
        """Find what is needed outside the function that computes it: it is kept in memory."""
        for number, (_, fixed) in enumerate(self.terms):
            for i, _ in fixed:
                if i in self.function_of and number not in self.stored:
                    self._keep(i)
        for function in self.once:
            for i in self.read(function) if isinstance(function, Chunk) else function.outside:
                if self.function_of.get(i, function) is not function:
                    self._keep(i)
        for chunk in self.each:
            for i in self.read(chunk):
                op, operands, _ = self.instructions[i]
                gathered = op is None and self.varies[i] and self.layout.inputs[operands[0]][2] != 1
                if self.function_of.get(i, chunk) is not chunk or (
                    gathered and self.home.setdefault(i, chunk) is not chunk
                ):
                    self._keep(i)

    def _keep(self, index: int) -> None:
        slots = self.slots[self.varies[index]]
        if index not in slots:
            for lane in self.pack_of.get(index, (index,)):  # the lanes of a pack side by side
                slots[lane] = len(slots)
