"""What is done after the samples, in LLVM's language: sums are added up over their lanes, and results stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf, nan
from typing import TYPE_CHECKING

from scalargrad.compiler.chunk import parts
from scalargrad.compiler.emitting import literal, picking

if TYPE_CHECKING:
    from scalargrad.compiler.llvm import Module

_Place = tuple[str, int, int]  # a pointer, how many numbers behind it, and a sign


def _moved(places: Sequence[_Place], by: int) -> list[_Place]:
    return [(base, offset + by, sign) if base else ("never", 0, 0) for base, offset, sign in places]


def _added(kind: str, total: str, value: str, sign: int) -> str:
    if not total:
        return f"fneg {kind} {value}"
    return f"{'fadd' if sign > 0 else 'fsub'} {kind} {total}, {value}"


class Results:
    """The results of a module that are not stored where they are computed."""

    def __init__(self, module: Module) -> None:
        self.module, self.register = module, module.register
        self.vector = f"<{self.register} x double>"

    def _count(self) -> Iterator[str]:
        lanes, vector = self.register, self.vector
        yield "  %count1 = sitofp i64 %n to double"
        yield f"  %counted = insertelement {vector} poison, double %count1, i64 0"
        yield f"  %count{lanes} = shufflevector {vector} %counted, {vector} poison, <{lanes} x i32> zeroinitializer"

    def totals(self, sums: int) -> Iterator[str]:
        """Add up, or average, the lanes of the accumulators, as many of them at once as there are lanes."""
        lanes, vector = self.register, self.vector
        mean = self.module.layout.reduce == "mean"
        if mean:
            yield from self._count()
            yield f"  %share = fdiv {vector} {self._splat(1.0)}, %count{lanes}"
        yield "  br label %totalled"
        yield "totalled:"
        yield "  %group = phi i64 [0, %done], [%after, %totalled]"
        level = [f"%s{i}" for i in range(lanes)]
        for i, name in enumerate(level):
            yield f"  %z{i} = add i64 %group, {i}"
            yield f"  {name}p = getelementptr {vector}, ptr %sums, i64 %z{i}"
            yield f"  {name} = load {vector}, ptr {name}p, align {8 * lanes}"
        width = 1
        while len(level) > 1:
            # Of two vectors, one has the sums of its own pairs in the even places then, the other in the odd ones.
            mixed = [lane + lanes if lane & width else lane for lane in range(lanes)]
            crossed = [(lane ^ width) + (lanes if lane & width else 0) for lane in range(lanes)]
            above = []
            for a, b in zip(level[::2], level[1::2], strict=True):
                for letter, picked in (("m", mixed), ("c", crossed)):
                    yield f"  {a}.{width}{letter} = shufflevector {vector} {a}, {vector} {b}, {picking(picked)}"
                yield f"  {a}.{width} = fadd {vector} {a}.{width}m, {a}.{width}c"
                above.append(f"{a}.{width}")
            level, width = above, 2 * width
        total = level[0]
        if mean and self.module.inline:
            yield from self._divided(total)
            total += "d"
        elif mean:
            yield f"  {total}d = fdiv {vector} {total}, %count{lanes}"
            total += "d"
        yield "  %total = getelementptr double, ptr %totals, i64 %group"
        yield f"  store {vector} {total}, ptr %total, align {8 * lanes}"
        yield f"  %after = add i64 %group, {lanes}"
        yield f"  %others = icmp slt i64 %after, {sums}"
        yield "  br i1 %others, label %totalled, label %stored"
        yield "stored:"

    def _divided(self, total: str) -> Iterator[str]:
        """Divide by the number of samples, whose reciprocal is known, as exactly as the slow instruction does."""
        lanes, vector = self.register, self.vector
        fused = self.module.declare(vector, f"llvm.fma.v{lanes}f64", vector, vector, vector)
        absolute = self.module.declare(vector, f"llvm.fabs.v{lanes}f64", vector)
        yield f"  {total}q = fmul {vector} {total}, %share"
        yield f"  {total}n = fneg {vector} {total}q"
        yield f"  {total}r = call {fused}({vector} {total}n, {vector} %count{lanes}, {vector} {total})"
        yield f"  {total}b = call {fused}({vector} {total}r, {vector} %share, {vector} {total}q)"
        yield f"  {total}a = call {absolute}({vector} {total}q)"
        yield f"  {total}f = fcmp olt {vector} {total}a, {self._splat(inf)}"
        yield f"  {total}d = select <{lanes} x i1> {total}f, {vector} {total}b, {vector} {total}q"

    def _splat(self, number: float) -> str:
        return f"<{', '.join([f'double {literal(number)}'] * self.register)}>"

    def functions(self) -> list[str]:
        """Write functions that store what is not stored where it is computed: sums over samples, inputs, constants."""
        left = [number for number in range(len(self.module.terms)) if number not in self.module.stored]
        functions = []
        for k, part in enumerate(parts(left)):
            head = f"define internal void @results{k}(ptr %buffers, ptr %once, ptr %totals, i64 %n) #0 {{"
            stores = list(self._put_together(part))
            none = "  %none = icmp eq i64 %n, 0"
            lines = [head, *self.module.buffer_pointers(stores), *self._count(), none, *stores, "  ret void", "}"]
            functions.append("\n".join(lines))
        return functions

    def _put_together(self, numbers: Sequence[int]) -> Iterator[str]:
        """Put results together from their terms; where all that is in a row, many at once."""
        reduce = self.module.layout.reduce
        found = [self._places(number) for number in numbers]
        start = 0
        while start < len(numbers):
            lanes = self.register
            for further in range(1, lanes):
                if start + further >= len(numbers) or found[start + further] != _moved(found[start], further):
                    lanes = 1
                    break
            kind = f"<{lanes} x double>" if lanes > 1 else "double"
            number, total = numbers[start], ""
            for term, (base, offset, sign) in enumerate(found[start][1:]):
                name = value = f"%r{number}.{term}"
                if base:
                    yield f"  {name}p = getelementptr double, ptr {base}, i64 {offset}"
                    yield f"  {name} = load {kind}, ptr {name}p, align 8"
                else:
                    value = literal(self.module.program.instructions[offset].constant)
                if reduce == "sum" and base != "%totals":
                    yield f"  {name}n = fmul {kind} {value}, %count{lanes}"
                    value = f"{name}n"
                if reduce and base != "%totals":  # of no samples, even a constant has no mean
                    nothing = literal(0.0 if reduce == "sum" else nan)
                    nothing = f"<{', '.join([f'double {nothing}'] * lanes)}>" if lanes > 1 else nothing
                    yield f"  {name}e = select i1 %none, {kind} {nothing}, {kind} {value}"
                    value = f"{name}e"
                if total or sign < 0:
                    yield f"  {name}s = {_added(kind, total, value, sign)}"
                    value = f"{name}s"
                total = value
            yield f"  %out{number} = getelementptr double, ptr {found[start][0][0]}, i64 {found[start][0][1]}"
            yield f"  store {kind} {total}, ptr %out{number}, align 8"
            start += lanes

    def _places(self, number: int) -> list[_Place]:
        """Return where a result belongs, and where its terms are; without a base, a term is a constant."""
        varying, fixed = self.module.terms[number]
        buffer, place, _ = self.module.layout.results[number]
        places = [(f"%buffer{buffer}", place, 1)]
        places += [("%totals", self.module.accumulators[index], sign) for index, sign in varying]
        for index, sign in fixed:
            op, operands, _ = self.module.program.instructions[index]
            places.append((*self.module.place(index), sign) if op or operands else ("", index, sign))
        return places
