"""Single operations in LLVM's language, on numbers or on vectors of them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from math import copysign, isnan, nan
from typing import Any, NamedTuple, Protocol

from scalargrad import ops
from scalargrad.compiler import vectormath
from scalargrad.compiler.program import Instruction

PLAIN = ("sqrt", "fabs")  # functions of C's library that processors have an instruction for
BINARY = {ops.add: "fadd contract", ops.sub: "fsub contract", ops.mul: "fmul contract", ops.div: "fdiv"}


class Branch(NamedTuple):
    """Lines that are hardly ever needed: under any of the conditions, results are others than usual."""

    conditions: list[str]
    lines: list[str]
    results: list[tuple[str, str, str]]  # a name, what it is usually, and what it is after the lines

    def text(self, kind: str) -> str:
        """Write the branch.

        >>> "br i1 %x1, label %rarex1, label %joinx1" in Branch(["%x1"], [], []).text("double")
        True
        """
        at = self.conditions[0].strip("%")
        lines, condition = [], self.conditions[0]
        for other in self.conditions[1:]:
            lines.append(f"  {condition}.{other[1:]} = or i1 {condition}, {other}")
            condition = f"{condition}.{other[1:]}"
        lines += [f"  br label %usual{at}", f"usual{at}:"]
        lines += [f"  br i1 {condition}, label %rare{at}, label %join{at}, !prof !0", f"rare{at}:"]
        lines += [*self.lines, f"  br label %join{at}", f"join{at}:"]
        lines += [
            f"  {name} = phi {kind} [{usual}, %usual{at}], [{rare}, %rare{at}]" for name, usual, rare in self.results
        ]
        return "\n".join(lines)


class Target(Protocol):
    """What functions have in common.

    register  how many numbers one vector of the processor holds
    inline    "fma" or "avx512": instructions of the processor that may be used
    written   the functions of C's library that are written out, by `vectormath`
    vector_functions  names of functions of vectors that may be called, in the x86 vector ABI
    """

    register: int
    inline: str
    written: set[str]
    vector_functions: frozenset[str]

    def declare(self, result: str, name: str, *parameters: str) -> str:
        """Declare a function, to call it."""


class Function:
    """A function that applies operations to as many numbers at once as there are lanes, as far as it is written."""

    def __init__(self, module: Target, instructions: Sequence[Instruction], lanes: int) -> None:
        self.module, self.instructions, self.lanes = module, instructions, lanes
        self.type = f"<{lanes} x double>" if lanes > 1 else "double"
        self.bits = f"<{lanes} x i1>" if lanes > 1 else "i1"
        self.lines: list[str] = []
        self.free: set[str] = set()  # results that cost nothing
        self.branches: dict[str, Branch] = {}
        self.known: dict[Any, Any] = {}
        self.avx512 = module.inline == "avx512"
        self.has_classes = self.avx512 and lanes >= module.register  # of numbers, see vectormath.by_sign
        self.temporary = 0

    def operand(self, index: int) -> str:
        """Fetch the result of an instruction."""
        raise NotImplementedError

    def let(self, value: str) -> str:
        """Append an instruction of LLVM's, and name its result."""
        self.temporary += 1
        self.lines.append(f"  %x{self.temporary} = {value}")
        return f"%x{self.temporary}"

    def fetch(self, value: str) -> str:
        """Append an instruction that costs nothing where another one needs its result, and name that."""
        name = self.let(value)
        self.free.add(name)
        return name

    def splat(self, kind: str, one: str, lanes: int = 0) -> str:
        """Put one number into each lane."""
        same = f"<{lanes or self.lanes} x {kind}>"
        first = self.fetch(f"insertelement {same} poison, {kind} {one}, i64 0")
        return self.fetch(f"shufflevector {same} {first}, {same} poison, <{lanes or self.lanes} x i32> zeroinitializer")

    def cut(self, vector: str, start: int, count: int, lanes: int = 0) -> str:
        """Take some lanes of a vector of ours, or of so many lanes."""
        lanes = lanes or self.lanes
        if count == lanes:
            return vector
        kind = f"<{lanes} x double>"
        return self.fetch(f"shufflevector {kind} {vector}, {kind} poison, {picking(range(start, start + count))}")

    def gather(self, pointers: str, inside: str) -> str:
        """Load the number behind each pointer; 0 where it is not inside."""
        several = f"<{self.lanes} x ptr>"
        name = f"llvm.masked.gather.v{self.lanes}f64.v{self.lanes}p0"
        call = self.declare(self.type, name, several, "i32", self.bits, self.type)
        return self.let(f"call {call}({several} {pointers}, i32 8, {self.bits} {inside}, {self.type} zeroinitializer)")

    def rarely(self, condition: str, start: int, pairs: Sequence[tuple[str, str]]) -> list[str]:
        """Put the lines from there on into a branch, and name what is the first of each pair, or the second after them."""
        lines = self.lines[start:]
        del self.lines[start:]
        self.temporary += len(pairs)
        names = [f"%x{self.temporary - i}" for i in range(len(pairs))]
        branch = Branch([condition], lines, [(name, *pair) for name, pair in zip(names, pairs, strict=True)])
        self.lines.append(branch.text(self.type))
        self.branches[self.lines[-1]] = branch
        return names

    def constant(self, number: float) -> str:
        """Write a number, the same in each lane."""
        return literal(number) if self.lanes == 1 else f"<{', '.join([f'double {literal(number)}'] * self.lanes)}>"

    def instruction(self, index: int) -> str:
        """Write an instruction, and name its result."""
        op, operands, _ = self.instructions[index]
        assert op is not None  # noqa: S101 - for the type checker: inputs and constants are no instructions here
        if op is ops.where:
            return self._where(*operands)
        x, *others = [self.operand(i) for i in operands]
        y = others[0] if others else ""
        if op in BINARY:
            written = BINARY[op]
            if op in (ops.add, ops.sub) and all(self.instructions[i].op is ops.mul for i in operands):
                written = written.removesuffix(" contract")  # rounds both products: a*b - b*a is 0
            return self.let(f"{written} {self.type} {x}, {y}")
        if op is ops.neg:
            return self.let(f"fneg {self.type} {x}")
        if op in (ops.maximum, ops.minimum):  # ties and a nan on the left give x, a nan on the right gives y
            relation = "ogt" if op is ops.maximum else "olt"
            chosen = self.select(self.compare(relation, y, x), y, x)
            return self.select(self.compare("uno", y, y), y, chosen)
        if op is ops.greater and self.has_classes:
            if self._is_zero(operands[1]):
                return vectormath.by_sign(self, x, vectormath.PUT_ZERO, vectormath.PUT_ONE)
            if self._is_zero(operands[0]):
                return vectormath.by_sign(self, y, vectormath.PUT_ONE, vectormath.PUT_ZERO)
        if op in (ops.greater, ops.equal):
            truth = self.compare("ugt" if op is ops.greater else "ueq", x, y)
            number = self.select(truth, self.constant(1.0), self.constant(0.0))
            return self.select(self.compare("uno", x, y), self.constant(nan), number)
        return self._call(op.libm, [x, *others])

    def compare(self, relation: str, x: str, y: str) -> str:
        """Compare in each lane."""
        return self.let(f"fcmp {relation} {self.type} {x}, {y}")

    def select(self, truth: str, x: str, y: str) -> str:
        """Choose in each lane."""
        return self.let(f"select {self.bits} {truth}, {self.type} {x}, {self.type} {y}")

    def _is_number(self, index: int) -> bool:
        op, operands, constant = self.instructions[index]
        return op is None and not operands and not isnan(constant)

    def _is_zero(self, index: int, *signs: float) -> bool:
        number = self.instructions[index].constant if self._is_number(index) else nan
        return number == 0 and copysign(1.0, number) in (signs or (1.0, -1.0))

    def _where(self, condition: int, x: int, y: int) -> str:
        op, operands, _ = self.instructions[condition]
        chosen, other = self.operand(x), self.operand(y)
        if op in (ops.greater, ops.equal):  # the comparison itself, not the number made of it
            a, b = map(self.operand, operands)
            if (
                self.has_classes
                and op is ops.greater
                and (operands[0], operands[1]) == (x, y)
                and self._is_zero(y, 1.0)
            ):
                return vectormath.by_sign(self, chosen, vectormath.PUT_ZERO, vectormath.PUT_SAME)
            relation = "gt" if op is ops.greater else "eq"
            unsure = [i for i in operands if not self._is_number(i)]
            if unsure in ([x], [y]):  # which is nan itself where the comparison knows no answer
                return self.select(self.compare(f"{'u' if unsure == [x] else 'o'}{relation}", a, b), chosen, other)
            truth, unknown = self.compare(f"o{relation}", a, b), self.compare("uno", a, b)
        else:
            c = self.operand(condition)
            truth, unknown = self.compare("one", c, self.constant(0.0)), self.compare("uno", c, c)
        return self.select(unknown, self.constant(nan), self.select(truth, chosen, other))

    def _call(self, function: str, arguments: Sequence[str]) -> str:
        declare, kind = self.module.declare, self.type
        if function in PLAIN:
            suffix = f"v{self.lanes}f64" if self.lanes > 1 else "f64"
            return self.let(f"call {declare(kind, f'llvm.{function}.{suffix}', kind)}({kind} {arguments[0]})")
        if self.lanes > 1 and function in self.module.written:
            return vectormath.expand(function, self, arguments[0])
        return self.call(function, arguments)

    def declare(self, result: str, name: str, *parameters: str) -> str:
        """Declare a function, to call it."""
        return self.module.declare(result, name, *parameters)

    def by_parts(self, function: str, arguments: Sequence[str], *others: tuple[str, str]) -> str:
        """Call a function of the processor's own vectors, for each that is in one of ours."""
        lanes, width = self.lanes, self.module.register
        part = f"<{width} x double>"
        call = self.declare(part, function, *[part] * len(arguments), *(kind for kind, _ in others))
        results = []
        for start in range(0, lanes, width):
            given = [*((part, self.cut(x, start, width)) for x in arguments), *others]
            results.append(self.let(f"call {call}({', '.join(f'{kind} {x}' for kind, x in given)})"))
        while len(results) > 1:
            part = f"<{width} x double>"
            pairs = zip(results[::2], results[1::2], strict=True)
            whole = picking(range(2 * width))
            results = [self.let(f"shufflevector {part} {a}, {part} {b}, {whole}") for a, b in pairs]
            width *= 2
        return results[0]

    def call(self, function: str, arguments: Sequence[str]) -> str:
        """Call a function of C's mathematical library, or one like it for vectors."""
        declare, kind = self.module.declare, self.type
        if self.lanes == 1:
            call = declare(kind, function, *[kind] * len(arguments))
            return self.let(f"call {call}({', '.join(f'{kind} {x}' for x in arguments)})")
        name = vector_name(function, len(arguments), self.module.register)
        if name in self.module.vector_functions:
            return self.by_parts(name, arguments)
        out = "poison"
        call = declare("double", function, *["double"] * len(arguments))
        for lane in range(self.lanes):
            parts = [self.let(f"extractelement {kind} {x}, i64 {lane}") for x in arguments]
            one = self.let(f"call {call}({', '.join(f'double {x}' for x in parts)})")
            out = self.let(f"insertelement {kind} {out}, double {one}, i64 {lane}")
        return out


def picking(places: Iterable[int]) -> str:
    """Write which lanes a new vector is made of.

    >>> picking([0, 2])
    '<2 x i32> <i32 0, i32 2>'
    """
    picked = [f"i32 {place}" for place in places]
    return f"<{len(picked)} x i32> <{', '.join(picked)}>"


def literal(number: float) -> str:
    """Write a number in LLVM's language, bit for bit.

    >>> literal(1.0)
    '0x3FF0000000000000'
    """
    return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"


def vector_name(function: str, arity: int, lanes: int) -> str:
    """Name a function of vectors in the x86 vector ABI.

    >>> vector_name("sin", 1, 4)
    '_ZGVdN4v_sin'
    """
    return f"_ZGV{ {2: 'b', 4: 'd', 8: 'e'}.get(lanes, '?') }N{lanes}{'v' * arity}_{function}"
