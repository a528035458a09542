"""What is done after the samples, in LLVM's language: sums are added up over their lanes, and results stored."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan

from scalargrad.compiler.emitting import Emitter, LLVMModule
from scalargrad.compiler.plan import Plan, parts

PARAMETERS = "ptr %buffers, ptr %once, ptr %totals, i64 %n"  # of a function that stores results


class ResultsEmitter(Emitter):
    """A function, or the end of one, that has no samples to look at."""

    def __init__(self, module: LLVMModule, plan: Plan) -> None:
        super().__init__(module, module.target.register)
        self.plan = plan

    def _samples(self) -> tuple[str, str]:
        """Return the number of samples as a number, and in each lane."""
        count = self.cast("sitofp", "i64", "%n", self.number.name)
        return count, self.splat(self.number.name, count)

    def add_up(self, sums: int) -> None:
        """Add up, or average, the lanes of the accumulators, as many of them at once as there are lanes."""
        lanes, align, mean = self.lanes, self.number.bytes * self.lanes, self.plan.layout.reduce == "mean"
        if mean:
            _, count = self._samples()
            share = self.let("fdiv", self.type, self.constant(1.0), count)
        self.lines += ["  br label %sampled", "sampled:", "  br label %totalled", "totalled:"]
        self.lines.append("  %group = phi i64 [0, %sampled], [%after, %totalled]")
        level = []
        for i in range(lanes):
            place = self.let("add", "i64", "%group", str(i))
            level.append(self.load(self.type, self.element("%sums", place, of=self.type), align))
        width = 1
        while len(level) > 1:
            # Of two vectors, one has the sums of its own pairs in the even places then, the other in the odd ones.
            mixed = [lane + lanes if lane & width else lane for lane in range(lanes)]
            crossed = [(lane ^ width) + (lanes if lane & width else 0) for lane in range(lanes)]
            level = [
                self.let(
                    "fadd", self.type, self.shuffle(self.type, a, b, mixed), self.shuffle(self.type, a, b, crossed)
                )
                for a, b in zip(level[::2], level[1::2], strict=True)
            ]
            width *= 2
        (total,) = level
        if mean:
            fused = bool(self.target.inline)
            total = self._quotient(total, count, share) if fused else self.let("fdiv", self.type, total, count)
        self.store(self.type, total, self.element("%totals", "%group"), align)
        self.lines += [
            f"  %after = add i64 %group, {lanes}",
            f"  %others = icmp slt i64 %after, {sums}",
            "  br i1 %others, label %totalled, label %stored",
            "stored:",
        ]

    def _quotient(self, total: str, count: str, share: str) -> str:
        """Divide by a number whose reciprocal is known, as exactly as the slow instruction does."""
        near = self.let("fmul", self.type, total, share)
        rest = self.intrinsic("fma", self.let("fneg", self.type, near), count, total)
        better = self.intrinsic("fma", rest, share, near)
        finite = self.compare("olt", self.intrinsic("fabs", near), self.constant(inf))
        return self.select(finite, better, near)

    def put_together(self, numbers: Sequence[int]) -> None:
        """Put results together from their terms, and store them; where all that is in a row, many at once."""
        one, whole = self._samples()
        none = self.let("icmp eq", "i64", "%n", "0")
        found = [self._places(number) for number in numbers]
        start = 0
        while start < len(numbers):
            row = range(start, start + self.lanes)
            together = row.stop <= len(numbers) and all(found[i] == _moved(found[start], i - start) for i in row)
            lanes, count = (self.lanes, whole) if together else (1, one)
            (base, place, _), *terms = found[start]
            kind, total = self.number.type(lanes), ""
            for term in terms:
                total = self._term(lanes, count, none, total, *term)
            self.store(kind, total, self.element(base, place), self.number.bytes)
            start += lanes

    def _term(self, lanes: int, count: str, none: str, total: str, base: str, place: int, sign: int) -> str:
        """Add a term to a total; without a base, it is a constant."""
        kind, reduce = self.number.type(lanes), self.plan.layout.reduce
        if base:
            value = self.load(kind, self.element(base, place), self.number.bytes)
        else:
            value = self.number.literal(self.plan.instructions[place].constant)
        if reduce and base != "%totals":  # of no samples, even a constant has no mean
            value = self.let("fmul", kind, value, count) if reduce == "sum" else value
            nothing = self.number.constant(0.0 if reduce == "sum" else nan, lanes)
            value = self.mixed("select", ("i1", none), (kind, nothing), (kind, value))
        if total:
            return self.let("fadd" if sign > 0 else "fsub", kind, total, value)
        return value if sign > 0 else self.let("fneg", kind, value)

    def _places(self, number: int) -> list[_Place]:
        """Return where a result belongs, and where its terms are; without a base, a term is a constant."""
        plan, (varying, fixed) = self.plan, self.plan.terms[number]
        buffer, place, _ = plan.layout.results[number]
        places = [(self.buffer(buffer), place, 1)]
        places += [("%totals", plan.accumulators[index], sign) for index, sign in varying]
        for index, sign in fixed:
            op, operands, _ = plan.instructions[index]
            if op is None and not operands:
                places.append(("", index, sign))
                continue
            held, place = plan.place(index)
            places.append(("%once" if held is None else self.buffer(held), place, sign))
        return places


_Place = tuple[str, int, int]  # a pointer, how many numbers behind it, and a sign


def _moved(places: Sequence[_Place], by: int) -> list[_Place]:
    return [(base, place + by, sign) if base or not by else ("never", 0, 0) for base, place, sign in places]


def store_functions(module: LLVMModule, plan: Plan) -> list[str]:
    """Write functions that store what is not stored where it is computed: sums over samples, inputs, constants.

    >>> from scalargrad.compiler.program import record
    >>> from scalargrad.compiler.target import Target
    >>> store_functions(LLVMModule(Target()), Plan(record([], [1.0])))
    ['results0']

    Their names are returned.
    """
    left = [number for number in range(len(plan.terms)) if number not in plan.stored]
    names: list[str] = []
    for numbers in parts(left):
        emitter = ResultsEmitter(module, plan)
        emitter.put_together(numbers)
        names.append(f"results{len(names)}")
        emitter.function(names[-1], PARAMETERS, emitter.lines)
    return names
