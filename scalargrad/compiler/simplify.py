"""Instructions made from a recorded graph, simplified on the way.

Simplification shares what is computed twice, computes constants, drops what no result needs, and rewrites only what
gives the same IEEE 754 result, or a correctly rounded product in place of a small whole power.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Mapping, Sequence
from math import copysign, inf, isnan, nan
from typing import Any

from scalargrad import ops
from scalargrad.compiler.instructions import Instruction
from scalargrad.op import Op, Operand, number
from scalargrad.traced import TracingError
from scalargrad.value import Value

# The operations that the compiler's languages know beside the C library's functions; all others are written over these.
# They are the table's records themselves: somebody's own operation may have any name.
ARITHMETIC = frozenset(
    (
        *(ops.add, ops.sub, ops.mul, ops.div, ops.neg),
        *(ops.maximum, ops.minimum, ops.greater, ops.equal, ops.where, ops.holds),
    )
)


class _Symbol(Operand):
    """What stands for an instruction's result in a rule written over other operations."""

    def __init__(self, builder: Builder, index: int) -> None:
        self.builder, self.index = builder, index

    @staticmethod
    def apply(op: Op, *operands: Any) -> _Symbol:
        builder: Builder = next(x.builder for x in operands if isinstance(x, _Symbol))
        places = [x.index if isinstance(x, _Symbol) else builder.constant(number(x)) for x in operands]
        return _Symbol(builder, builder.apply(op, places))

    @property
    def known(self) -> float | None:
        """The number that this is; None where it depends on the inputs."""
        return self.builder.number(self.index)

    def __bool__(self, *_: Any) -> bool:
        raise TracingError("a branch in an operation's own function: give it `branchless`, or write where(...)")

    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = __hash__ = __bool__

    def __float__(self) -> float:
        raise TracingError("its function takes numbers only, as those of Python's math do")


def _in_c(op: Op) -> str:
    """Spell the `libm` of an operation whose value is a function of Python's math; an example, where it is none."""
    function: Any = op.forward
    known = getattr(function, "__module__", "") == "math"
    name = {"gamma": "tgamma"}.get(function.__name__, function.__name__) if known else "erfc"
    return f"{'' if known else 'as in '}Op(..., libm={name!r})"


_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*|\[\w+\])*")  # of a variable, or of a part of one: layers[0].w[1]


def _is_taken(name: str) -> bool:
    return name in ops.TABLE or name in ("inf", "nan") or keyword.iskeyword(name)


class Builder:
    """Makes instructions, each once, and simpler ones where that gives the same.

    >>> build = Builder()
    >>> x = build.input("x", 2.0)
    >>> build.apply(ops.neg, [build.apply(ops.neg, [x])]) == x
    True

    names     of the inputs, as they are printed: no two are alike
    numbers   that the inputs have
    recorded  how many operations there were before simplification
    """

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self.constants: list[float | None] = []  # by instruction: its number, where it has one
        self.plain: list[bool] = []  # whether it is no constant, and no negative
        self.places: dict[Any, int] = {}
        self.names: list[str] = []
        self.numbers: list[float] = []
        self.recorded = 0

    def place(self, key: Any, instruction: Instruction) -> int:
        """Return where an instruction is, and append it where nothing stands under its key."""
        found = self.places.get(key)
        if found is None:
            found = self.places[key] = len(self.instructions)
            self.instructions.append(instruction)
            op, operands, constant = instruction
            self.constants.append(constant if op is None and not operands else None)
            self.plain.append(op is not ops.neg and (op is not None or bool(operands)))
        return found

    def input(self, label: str, number: float) -> int:
        """Append an input, under a name of its own made from its label."""
        name = label if _NAME.fullmatch(label) and not _is_taken(label) else re.sub(r"\W", "_", f"{label}_")
        same = (name, *(f"{name}_{i}" for i in range(2, len(self.names) + 3)))
        self.names.append(next(name for name in same if name not in self.names))
        self.numbers.append(number)
        return self.place(len(self.names) - 1, Instruction(None, (len(self.names) - 1,)))

    def constant(self, number: float) -> int:
        """Return where a constant is; zeros of both signs are two."""
        number = float(number)
        return self.place(number.hex() if number else str(number), Instruction(None, (), number))

    def node(self, node: Value, place: Mapping[Value, int]) -> int:
        """Append what a recorded Value computes, from the places of its parents."""
        parents = node._parents
        if not parents:
            if node.kind == "traced":
                raise TracingError("a traced value of another function, or of an earlier call, was used")
            return self.constant(node._data)
        if node._by_hand or not isinstance(node._operation, Op):
            raise TracingError(f"a Value that was made by hand ({node._op!r}) has no operation to compile")
        self.recorded += 1
        return self.apply(node._operation, [place[parent] for parent in parents])

    def number(self, index: int) -> float | None:
        """The number of a constant; None for anything else."""
        return self.constants[index]

    def apply(self, op: Op, operands: Sequence[int]) -> int:
        """Append an operation: computed, where all is known; else as something simpler, or over operations that are known."""
        if op not in _MIXED or not all(self.plain[i] for i in operands):
            numbers = [self.constants[i] for i in operands]
            if None not in numbers:
                return self.constant(op(*numbers))  # type: ignore[arg-type]
            simpler = _SIMPLER.get(op)
            found = simpler(self, op, *operands) if simpler else None
            if found is not None:
                return found
        if op.libm or op in ARITHMETIC:
            key = (op, *(sorted(operands) if op in _COMMUTING else operands))
            found = self.places.get(key)
            return self.place(key, Instruction(op, tuple(operands))) if found is None else found
        try:
            out = (op.branchless or op.forward)(*(_Symbol(self, i) for i in operands))
        except (TypeError, AttributeError) as error:
            raise TracingError(
                f"the compiler cannot express the operation {op.name}: {error}. Write its function with operators and "
                f"scalargrad's functions, or give it `branchless`, or the name that C's library has for it: {_in_c(op)}"
            ) from error
        return out.index if isinstance(out, _Symbol) else self.constant(number(out))

    def needed(self, results: Sequence[int]) -> tuple[list[Instruction], list[int]]:
        """Keep what the results need, and number it anew; all inputs stay."""
        needed = set(results)
        for index in range(len(self.instructions) - 1, -1, -1):
            if index in needed:
                op, operands, _ = self.instructions[index]
                if op is not None:
                    needed.update(operands)
        number: dict[int, int] = {}
        kept: list[Instruction] = []
        for index, (op, operands, constant) in enumerate(self.instructions):
            if index in needed or (op is None and operands):
                number[index] = len(kept)
                its = operands if op is None else tuple([number[i] for i in operands])
                kept.append(Instruction(op, its, constant))
        return kept, [number[i] for i in results]

    def operand(self, index: int, op: Op) -> int | None:
        """What an instruction applies an operation of one argument to; None if it does not."""
        instruction = self.instructions[index]
        return instruction.operands[0] if instruction.op is op else None


# What an operation on these operands is, if that is something simpler. Signs are moved outwards, where they vanish in sums.


def _add(build: Builder, _: Op, x: int, y: int) -> int | None:
    for a, b in ((x, y), (y, x)):
        if build.number(b) == 0 and copysign(1.0, build.number(b) or 0.0) < 0:
            return a
        if (minus := build.operand(b, ops.neg)) is not None:
            return build.apply(ops.sub, (a, minus))
    return None


def _sub(build: Builder, _: Op, x: int, y: int) -> int | None:
    if build.number(y) == 0 and copysign(1.0, build.number(y) or 0.0) > 0:
        return x
    minus = build.operand(y, ops.neg)
    return None if minus is None else build.apply(ops.add, (x, minus))


def _mul(build: Builder, op: Op, x: int, y: int) -> int | None:
    for a, b in ((x, y), (y, x)):
        if build.number(b) == 1:
            return a
        if build.number(b) == -1:
            return build.apply(ops.neg, (a,))
        if (minus := build.operand(a, ops.neg)) is not None:
            return build.apply(ops.neg, (build.apply(op, (minus, b)),))
    return None


def _div(build: Builder, op: Op, x: int, y: int) -> int | None:
    by = build.number(y)
    if by in (1, -1):
        return build.apply(ops.mul, (x, y))
    if by and abs(by).hex().startswith("0x1.0000000000000p") and 2.0**-1000 < abs(by) < 2.0**1000:
        return build.apply(ops.mul, (x, build.constant(1 / by)))
    for minus, others in ((build.operand(x, ops.neg), lambda m: (m, y)), (build.operand(y, ops.neg), lambda m: (x, m))):
        if minus is not None:
            return build.apply(ops.neg, (build.apply(op, others(minus)),))
    return None


def _neg(build: Builder, _: Op, x: int) -> int | None:
    return build.operand(x, ops.neg)


def _even(build: Builder, op: Op, x: int) -> int | None:
    """What an even function of -x or of y - x is: where there is an x - y already, that of it, as zeros have no sign here."""
    minus, (inner, operands, _) = build.operand(x, ops.neg), build.instructions[x]
    if minus is None and inner is ops.sub:
        minus = build.places.get((ops.sub, operands[1], operands[0]))
    if minus is not None and (inner is ops.neg or minus < x):
        return build.apply(op, (minus,))
    return x if op is inner is ops.abs else None


def _greater(build: Builder, op: Op, x: int, y: int) -> int | None:
    minus, other = build.operand(x, ops.neg), build.operand(y, ops.neg)
    if minus is None and other is None:
        return None
    low = build.apply(ops.neg, (y,)) if other is None and build.number(y) is not None else other
    high = build.apply(ops.neg, (x,)) if minus is None and build.number(x) is not None else minus
    return None if low is None or high is None else build.apply(op, (low, high))


def _pow(build: Builder, _: Op, x: int, y: int) -> int | None:
    exponent = build.number(y)
    if exponent is None or abs(exponent) > 4:
        return None
    if exponent == 0:
        return build.constant(1.0)
    if exponent == 1:
        return x
    if exponent == -1:
        return build.apply(ops.div, (build.constant(1.0), x))
    if exponent in (2, 3, 4):
        square = build.apply(ops.mul, (x, x))
        return square if exponent == 2 else build.apply(ops.mul, (square, x if exponent == 3 else square))
    if exponent == 0.5:  # which takes -0.0 to 0.0 and -inf to inf, as the square root does not
        root = build.apply(ops.sqrt, (build.apply(ops.add, (x, build.constant(0.0))),))
        infinite = build.apply(ops.equal, (x, build.constant(-inf)))
        return build.apply(ops.where, (infinite, build.constant(inf), root))
    return None


def _power_rule(build: Builder, _: Op, x: int, y: int) -> int | None:
    exponent = build.number(y)
    if exponent is None or not (abs(exponent) < 2**53 and exponent - 1 + 1 == exponent):
        return None
    if exponent == 0:
        return build.constant(0.0)
    return build.apply(ops.mul, (y, build.apply(ops.pow, (x, build.constant(exponent - 1)))))


def _power_term(build: Builder, _: Op, factor: int, x: int, y: int) -> int | None:
    known = build.number(factor)
    if known is None or isnan(known):
        return None
    return build.apply(ops.mul, (factor, build.apply(ops.pow, (x, y)))) if known else build.constant(0.0)


def _where(build: Builder, _: Op, condition: int, x: int, y: int) -> int | None:
    chosen = build.number(condition)
    if chosen is None:
        return None
    return build.constant(nan) if isnan(chosen) else x if chosen else y


_SIMPLER: dict[Op, Callable[..., int | None]] = {
    ops.add: _add, ops.sub: _sub, ops.mul: _mul, ops.div: _div, ops.neg: _neg, ops.abs: _even, ops.cos: _even, ops.pow: _pow,
    ops.greater: _greater, ops.power_rule: _power_rule, ops.power_term: _power_term, ops.where: _where,
}  # fmt: skip

_COMMUTING = frozenset((ops.add, ops.mul, ops.equal))
_MIXED = frozenset((ops.add, ops.sub, ops.mul, ops.div))  # which are simpler only with a constant or a negative
