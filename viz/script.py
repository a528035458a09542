"""The operations of a graph as JavaScript, so that a page computes it again: values, and partial derivatives.

The text is made as machine code is: an operation is applied to operands that print it. So what a page computes are the
records of the table, and nothing that a label says gets into the program.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scalargrad import Value, ops, special
from scalargrad.node import rule_of
from scalargrad.op import ATOM, SUM, Op, Operand, Text

INFIX = (ops.add, ops.sub, ops.mul, ops.div, ops.neg)  # written as in Python
# Functions of live.js.
OWN = (ops.greater, ops.equal, ops.where, ops.holds, ops.maximum, ops.minimum, ops.erf, ops.rint, ops.fmod)
MATH = {"fabs": "abs"}  # C's names for what JavaScript's Math calls otherwise


class Script(Operand, Text):
    """A printed expression of JavaScript: operations that are applied to such expressions give another one.

    >>> from scalargrad import exp
    >>> exp(Script("x") + 1) * 2
    'Math.exp(x + 1)*2'

    Raises TypeError at a special function: printed without names for what is in it twice, it would fill books.
    """

    __slots__ = ()

    @staticmethod
    def apply(op: Op, *operands: Any) -> Script:
        texts = [operand if isinstance(operand, Script) else literal(operand) for operand in operands]
        if op in INFIX:
            return Script(op.print(*texts), op.precedence)
        if op in OWN:
            return Script(f"{op.name}({', '.join(texts)})")
        if op.__module__ == special.__name__:
            raise TypeError(f"{op.name} cannot be printed as JavaScript")
        if op.libm:
            return Script(f"Math.{MATH.get(op.libm, op.libm)}({', '.join(texts)})")
        result = op.branchless(*texts) if op.branchless else op.forward(*texts)
        return result if isinstance(result, Script) else literal(result)


def literal(number: float) -> Script:
    """Print a number.

    >>> literal(-2.5), literal(float("inf"))
    ('-2.5', 'Infinity')
    """
    text = repr(float(number)).removesuffix(".0").replace("nan", "NaN").replace("inf", "Infinity")
    return Script(text, SUM if text.startswith("-") else ATOM)


def function(op: Op) -> str:
    """Print an operation as an object with its value and its partial derivatives.

    >>> function(ops.mul)
    '{ value: (x0, x1) => x0*x1, partials: [(out, x0, x1) => x1, (out, x0, x1) => x0] }'

    Raises what an operation raises that was written for numbers only.
    """
    names = [Script(f"x{i}") for i in range(len(op.partials))]
    out, arguments = Script("out"), ", ".join(names)
    partials = [partial(out, *names) for partial in op.partials]
    slopes = [slope if isinstance(slope, Script) else literal(slope) for slope in partials]
    printed = ", ".join(f"(out, {arguments}) => {slope}" for slope in slopes)
    return f"{{ value: ({arguments}) => {op(*names)}, partials: [{printed}] }}"


def program(order: Sequence[Value]) -> tuple[str, dict[Op, int]]:
    """Print the operations of a graph as a list, and tell the place of each; nothing where one cannot be printed.

    >>> x = Value(3.0)
    >>> text, place = program([x, x * x])
    >>> text.startswith("const OPERATIONS = ["), place[ops.mul]
    (True, 0)
    """
    rules = [rule_of(value) for value in order if value.parents]
    place: dict[Op, int] = {}
    printed = []
    for op in rules:
        if op is None:
            return NOT_LIVE, {}  # an operation made by hand
        if op not in place:
            try:
                printed.append(function(op))
            except Exception:  # noqa: BLE001 - a user's rule may be written for numbers only, and say so in any way
                return NOT_LIVE, {}
            place[op] = len(place)
    return f"const OPERATIONS = [\n{''.join(f'  {text},{chr(10)}' for text in printed)}];\n", place


NOT_LIVE = "const OPERATIONS = null;\n"
