"""A recorded graph as a straight-line program: simplified, listed, and printed as Python, NumPy, C or LLVM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from time import perf_counter
from typing import Any

from scalargrad.compiler.instructions import Code
from scalargrad.compiler.layout import Layout
from scalargrad.compiler.machine import measured
from scalargrad.compiler.simplify import Builder
from scalargrad.compiler.source import printed_number, to_source
from scalargrad.modes import ieee
from scalargrad.op import Text
from scalargrad.value import Value, topological_order


@dataclass
class Program(Code):
    """What a function computes, with the names of its inputs.

    >>> x, y = Value(2.0, label="x"), Value(3.0, label="y")
    >>> print(record([x, y], [x * y + x * y]))
    t2 = x*y
    t3 = t2 + t2
    return t3

    names     of the inputs, as they are printed: no two are alike
    numbers   that the inputs had when the program was recorded
    recorded  how many operations there were before simplification
    seconds   that it took to record and to simplify it
    """

    names: list[str]
    numbers: list[float]
    recorded: int
    seconds: tuple[float, float] = (0.0, 0.0)

    def name(self, index: int) -> Text:
        """Say what an instruction is called: an input by its name, a constant by its number.

        >>> record([Value(2.0, label="x")], [3.0]).name(0)
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

        >>> x = Value(2.0, label="x")
        >>> print(record([x], [x.sin() * x]).to_source("c").partition("void ")[2])
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
        return to_source(self, language)

    def report(self) -> str:
        """Compile the program, and say what becomes of it, and where the time goes.

        >>> x = Value(2.0)
        >>> print(record([x], [x * x + x * x]).report())  # doctest: +ELLIPSIS
        recorded             3 operations, in 0.000 s
        simplified           2 operations, in 0.000 s
        written             ... lines of LLVM's language, for ..., in ... s
        compiled           ... bytes of machine code, at level 1, in ... s

        Machine code is made anew for that, even where it is kept on disk. Raises ImportError without llvmlite.
        """
        costs = measured(self)
        steps = (
            ("recorded", self.recorded, "operations", self.seconds[0]),
            ("simplified", self.operations, "operations", self.seconds[1]),
            ("written", costs.lines, f"lines of LLVM's language, for {costs.processor}", costs.writing),
            ("compiled", costs.bytes, f"bytes of machine code, at level {costs.level}", costs.compiling),
        )
        return "\n".join(f"{step:10} {count:11,} {what}, in {seconds:.3f} s" for step, count, what, seconds in steps)

    def to_values(self) -> list[Value]:
        """Compute the program with Values, for a picture of it.

        >>> x = Value(2.0, label="x")
        >>> record([x], [x * x]).to_values()
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


def record(inputs: Sequence[Value], results: Sequence[Any]) -> Program:
    """Turn the graph between inputs and results, Values or numbers, into a simplified program.

    >>> x = Value(2.0, label="x")
    >>> print(record([x], [x**2 + 0 * 3]))
    t1 = x*x
    t3 = t1 + 0
    return t3

    Raises TracingError at a Value that was made by hand, TypeError at an operation that the compiler cannot express.
    """
    builder, start = Builder(), perf_counter()
    place = {value: builder.input(value.label or f"x{i}", value._data) for i, value in enumerate(inputs)}
    with ieee():
        for node in topological_order(*(x for x in results if isinstance(x, Value))):
            if node not in place:
                place[node] = builder.node(node, place)
    instructions, found = builder.needed([place[x] if isinstance(x, Value) else builder.constant(x) for x in results])
    taken, given = (tuple([(buffer, i, 0) for i in range(len(x))]) for buffer, x in ((1, inputs), (0, found)))
    seconds = (0.0, perf_counter() - start)
    return Program(instructions, found, Layout(taken, given), builder.names, builder.numbers, builder.recorded, seconds)
