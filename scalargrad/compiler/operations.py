"""A program's operations in LLVM's language, on numbers or on vectors of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import copysign, isnan, nan

from scalargrad import ops
from scalargrad.compiler import vectormath
from scalargrad.compiler.emitting import Emitter, LLVMModule
from scalargrad.compiler.instructions import Instruction

# Functions of C's library that processors have an instruction for.
PLAIN = ("sqrt", "fabs", "floor", "ceil", "trunc", "rint", "fma")
BINARY = {ops.add: "fadd", ops.sub: "fsub", ops.mul: "fmul", ops.div: "fdiv"}


class OperationEmitter(Emitter):
    """A function that applies operations to as many numbers at once as there are lanes, as far as it is written."""

    def __init__(self, module: LLVMModule, instructions: Sequence[Instruction], lanes: int) -> None:
        super().__init__(module, lanes)
        self.instructions = instructions
        # AVX-512 has a table of numbers' classes: see vectormath.by_sign.
        self.has_classes = self.target.inline == "avx512" and lanes >= self.register

    def operand(self, index: int) -> str:
        """Fetch the result of an instruction."""
        raise NotImplementedError

    def instruction(self, index: int) -> str:
        """Write an instruction, and name its result."""
        op, operands, _ = self.instructions[index]
        assert op is not None  # noqa: S101 - for the type checker: inputs and constants are no instructions here
        if op is ops.where:
            return self._where(*operands)
        x, *others = [self.operand(i) for i in operands]
        y = others[0] if others else ""
        if op in BINARY:
            opcode = BINARY[op]
            # A sum of two products rounds both: a*b - b*a is 0.
            if op is ops.mul or (op is not ops.div and not all(self.instructions[i].op is ops.mul for i in operands)):
                opcode += " contract"
            return self.let(opcode, self.type, x, y)
        if op is ops.neg:
            return self.let("fneg", self.type, x)
        if op in (ops.maximum, ops.minimum):  # ties and a nan on the left give x, a nan on the right gives y
            relation = "ogt" if op is ops.maximum else "olt"
            chosen = self.select(self.compare(relation, y, x), y, x)
            return self.select(self.compare("uno", y, y), y, chosen)
        if op is ops.greater and self.has_classes:
            if self._is_zero(operands[1]):
                return vectormath.by_sign(self, x, vectormath.PUT_ZERO, vectormath.PUT_ONE)
            if self._is_zero(operands[0]):
                return vectormath.by_sign(self, y, vectormath.PUT_ONE, vectormath.PUT_ZERO)
        if op is ops.greater and self._is_zero(operands[1]):  # a rectifier does the first half, too
            zero = self.constant(0.0)
            positive = self.select(self.compare("ugt", x, zero), x, zero)
            return self.select(self.compare("ueq", positive, zero), positive, self.constant(1.0))
        if op in (ops.greater, ops.equal):
            truth = self.compare("ugt" if op is ops.greater else "ueq", x, y)
            number = self.select(truth, self.constant(1.0), self.constant(0.0))
            return self.select(self.compare("uno", x, y), self.constant(nan), number)
        if op is ops.holds:
            return self.select(self.compare("one", x, self.constant(0.0)), self.constant(1.0), self.constant(0.0))
        if op.libm in PLAIN:
            return self.intrinsic(op.libm, x, *others)
        if self.lanes > 1 and op.libm in self.module.written:
            return vectormath.expand(op.libm, self, x)
        return self.library(op.libm, [x, *others])

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
            if self.has_classes and op is ops.greater and operands == (x, y) and self._is_zero(y, 1.0):
                return vectormath.by_sign(self, chosen, vectormath.PUT_ZERO, vectormath.PUT_SAME)
            relation = "gt" if op is ops.greater else "eq"
            unsure = [i for i in operands if not self._is_number(i)]
            if unsure in ([x], [y]):  # which is nan itself where the comparison knows no answer
                return self.select(self.compare(f"{'u' if unsure == [x] else 'o'}{relation}", a, b), chosen, other)
            truth, unknown = self.compare(f"o{relation}", a, b), self.compare("uno", a, b)
        elif op is ops.holds:  # which is never nan
            return self.select(self.compare("one", self.operand(*operands), self.constant(0.0)), chosen, other)
        else:
            c = self.operand(condition)
            truth, unknown = self.compare("one", c, self.constant(0.0)), self.compare("uno", c, c)
        return self.select(unknown, self.constant(nan), self.select(truth, chosen, other))
