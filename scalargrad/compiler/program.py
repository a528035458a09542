"""A program as data: instructions in a row, and where a kernel finds its inputs and puts its results.

What makes programs stands above, in `lowering`; what prints and runs them imports this room and knows nothing of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any, NamedTuple

from scalargrad import ops
from scalargrad.modes import ieee
from scalargrad.op import ATOM, SUM, Op, Text
from scalargrad.value import Value

PRINTERS: dict[str, Callable[[Program], str]] = {}  # by language: the package, which knows them all, fills it in


class Instruction(NamedTuple):
    """One operation on earlier instructions; without one, an input (operands: its number) or a constant.

    >>> from scalargrad import ops
    >>> Instruction(ops.add, (0, 1)).op
    <operation add>
    """

    op: Op | None
    operands: tuple[int, ...]
    constant: float = nan


def reads(instructions: Sequence[Instruction], index: int) -> tuple[int, ...]:
    """Return the instructions whose results a function fetches for one: `where` makes its comparison anew.

    >>> from scalargrad import ops
    >>> inputs = [Instruction(None, (i,)) for i in range(4)]
    >>> reads([*inputs, Instruction(ops.greater, (0, 1)), Instruction(ops.where, (4, 2, 3))], 5)
    (0, 1, 2, 3)
    """
    op, operands, _ = instructions[index]
    if op is None:
        return ()
    if op is ops.where:
        condition, *others = operands
        compared, between, _ = instructions[condition]
        if compared in (ops.greater, ops.equal):
            return (*between, *others)
    return operands


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


@dataclass
class Program:
    """Instructions in the order of their computation, and which of them are the results.

    >>> from scalargrad.compiler.lowering import lower
    >>> x, y = Value(2.0, label="x"), Value(3.0, label="y")
    >>> print(lower([x, y], [x * y + x * y]))
    t2 = x*y
    t3 = t2 + t2
    return t3

    names     of the inputs, as they are printed: no two are alike
    numbers   that the inputs had when the program was recorded
    recorded  how many operations there were before simplification
    layout    where a compiled program finds its inputs, and whether it is mapped over samples
    """

    instructions: list[Instruction]
    results: list[int]
    names: list[str]
    numbers: list[float]
    recorded: int
    layout: Layout

    @property
    def operations(self) -> int:
        """How many operations there are."""
        return sum(instruction.op is not None for instruction in self.instructions)

    def name(self, index: int) -> Text:
        """Say what an instruction is called: an input by its name, a constant by its number.

        >>> from scalargrad.compiler.lowering import lower
        >>> lower([Value(2.0, label="x")], [3.0]).name(0)
        'x'
        """
        op, operands, constant = self.instructions[index]
        if op is not None:
            return Text(f"{self._prefix}{index}")
        return Text(self.names[operands[0]]) if operands else printed_number(constant)

    @property
    def _prefix(self) -> str:
        """What the results of operations are called, before their number: no input is called so."""
        prefix = "t"
        while any(name.startswith(prefix) and name[len(prefix) :].isdecimal() for name in self.names):
            prefix += "_"
        return prefix

    def __str__(self) -> str:
        lines = []
        for index, (op, operands, _) in enumerate(self.instructions):
            if op is not None:
                lines.append(f"{self.name(index)} = {op.print(*map(self.name, operands))}")
        return "\n".join([*lines, f"return {', '.join(map(self.name, self.results))}"])

    def to_source(self, language: str) -> str:
        """Print the program in a language, to read or to embed: "python", "numpy", "c" or "llvm".

        >>> from scalargrad.compiler.lowering import lower
        >>> x = Value(2.0, label="x")
        >>> print(lower([x], [x.sin() * x]).to_source("c").partition("void ")[2])
        f(const double *in, double *out)
        {
            double t1 = sin(in[0]);
            double t2 = t1*in[0];
            out[0] = t2;
        }
        <BLANKLINE>

        Of a program that is mapped over samples, Python, NumPy and C have what is done for one of them.
        Raises ValueError for another language.
        """
        if language not in PRINTERS:
            raise ValueError(f"language must be one of {', '.join(map(repr, PRINTERS))}, got {language!r}")
        return PRINTERS[language](self)

    def to_values(self) -> list[Value]:
        """Compute the program with Values, for a picture of it.

        >>> from scalargrad.compiler.lowering import lower
        >>> x = Value(2.0, label="x")
        >>> lower([x], [x * x]).to_values()
        [Value(data=4.0, grad=0.0)]
        """
        values: list[Any] = []
        with ieee():
            for op, operands, constant in self.instructions:
                if op is not None:
                    values.append(Value(nan).apply(op, *(values[i] for i in operands)))
                elif operands:
                    values.append(Value(self.numbers[operands[0]], label=self.names[operands[0]]))
                else:
                    values.append(constant)
        return [x if isinstance(x, Value) else Value(x) for x in (values[i] for i in self.results)]


def printed_number(number: float) -> Text:
    """Print a number as an operand: what has a sign binds as loosely as a sum.

    >>> from scalargrad import ops
    >>> ops.pow.print(printed_number(-2.0), "x")
    '(-2)**x'
    """
    text = repr(number).removesuffix(".0")
    return Text(text, SUM if text.startswith("-") else ATOM)
