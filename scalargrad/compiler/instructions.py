"""A program as plain data: operations on the results of earlier ones, and where numbers come from and go to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

from scalargrad import ops
from scalargrad.compiler.layout import Layout
from scalargrad.op import Op


class Instruction(NamedTuple):
    """One operation on earlier instructions; without one, an input (operands: its number) or a constant.

    >>> from scalargrad import ops
    >>> Instruction(ops.add, (0, 1)).op
    <operation add>
    """

    op: Op | None
    operands: tuple[int, ...]
    constant: float = nan


@dataclass
class Code:
    """Instructions in the order of their computation, and which of them are the results.

    >>> code = Code([Instruction(None, (0,)), Instruction(ops.neg, (0,))], [1], Layout(((1, 0, 0),), ((0, 0, 0),)))
    >>> code.operations
    1

    layout  where a compiled program finds its inputs, and whether it is mapped over samples
    """

    instructions: list[Instruction]
    results: list[int]
    layout: Layout

    @property
    def operations(self) -> int:
        """How many operations there are."""
        return sum(instruction.op is not None for instruction in self.instructions)


def reads(instructions: Sequence[Instruction], index: int) -> tuple[int, ...]:
    """Return the instructions whose results a function fetches for one: `where` makes its comparison anew.

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
        if compared in (ops.greater, ops.equal, ops.holds):
            return (*between, *others)
    return operands
