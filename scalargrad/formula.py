"""Formulas: what operations make of names instead of numbers, so that a derivative can be read.

The table's partial derivatives are written over operators and operations only. Applied to names they therefore
give the derivative's formula: the very line that a backward pass computes with, printed.
"""

from __future__ import annotations

import ast
from typing import Any

from scalargrad.expression import CONSTANTS, Expression
from scalargrad.latex import printed_name, printed_number
from scalargrad.op import Op, Operand, Text, number
from scalargrad.order import ordered
from scalargrad.simplify import simplified

LONGEST_TEXT = 100_000  # characters: a text repeats what a graph shares, and may double at every step


class Formula(Operand):
    """A name, a number, or an operation on formulas: to print, to differentiate, and to call with numbers.

    >>> f = parse("relu(z) + sin(z)")
    >>> slope = f.derivative("z")
    >>> slope
    greater(z, 0) + cos(z)
    >>> round(slope(z=1.35), 6)
    1.219007

    head      a name, a float or an operation
    operands  what an operation is applied to

    Equality is identity; nothing is recursive, so that formulas may be deep.
    """

    __slots__ = ("_parents", "head")

    def __init__(self, head: str | float | Op, *operands: Any) -> None:
        self.head = head if isinstance(head, (str, Op)) else number(head, "a formula's number")
        self._parents = tuple(x if isinstance(x, Formula) else Formula(x) for x in operands)

    @property
    def operands(self) -> tuple[Formula, ...]:
        """The formulas that the operation is applied to; none for a name or a number."""
        return self._parents

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the formula, from left to right.

        >>> parse("w*x + b").names
        ('w', 'x', 'b')
        """
        return tuple(dict.fromkeys(node.head for node in steps(self) if isinstance(node.head, str)))

    def print(self, style: str = "text", names: dict[str, str] | None = None) -> Text:
        r"""Print the formula in a style of the records: "text", which `scalargrad eval` reads, or "latex".

        >>> parse("relu(z1)/2").derivative("z1").print("latex")
        '\\frac{[z_{1} > 0]}{2}'

        `names` says how names print: a Text that binds loosely, such as a negative number, gets parentheses. Raises ValueError beyond 100,000 characters.
        """
        printed: dict[Formula, Text] = {}
        for node in steps(self):
            text: str
            if isinstance(node.head, Op):
                text = node.head.print(*(printed[x] for x in node._parents), style=style)
            elif isinstance(node.head, str):
                text = (names or {}).get(node.head) or printed_name(node.head, style)
            else:
                text = printed_number(node.head, style)
            if len(text) > LONGEST_TEXT:
                raise ValueError(f"the formula has more than {LONGEST_TEXT:,} characters")
            printed[node] = text if isinstance(text, Text) else Text(text)
        return printed[self]

    def __call__(self, **values: Any) -> Any:
        """Compute the formula: numbers give a number, Values a Value, formulas a formula.

        >>> parse("x*x + y")(x=3.0, y=1.0)
        10.0
        """
        missing = [name for name in self.names if name not in values]
        if missing:
            raise ValueError(f"no value for {', '.join(missing)}")
        computed: dict[Formula, Any] = {}
        for node in steps(self):
            if isinstance(node.head, Op):
                computed[node] = node.head(*(computed[x] for x in node._parents))
            else:
                computed[node] = values[node.head] if isinstance(node.head, str) else node.head
        return computed[self]

    def derivative(self, name: str) -> Formula:
        """Return the simplified derivative with respect to a name: the chain rule over the records' partials.

        >>> parse("sin(x**2)").derivative("x"), parse("x**2").derivative("y")
        (2*cos(x**2)*x, 0)
        """
        slopes: dict[Formula, Any] = {}  # the derivative of each part that depends on the name
        for node in steps(self):
            if node.head == name:
                slopes[node] = 1.0
            elif isinstance(node.head, Op):
                terms = [
                    node.head.partials[i](node, *node._parents) * slopes[x]
                    for i, x in enumerate(node._parents)
                    if x in slopes
                ]
                if terms:
                    slopes[node] = sum(terms[1:], terms[0])
        slope = slopes.get(self, 0.0)
        return (slope if isinstance(slope, Formula) else Formula(slope)).simplified()

    def simplified(self) -> Formula:
        """Return the formula without what is trivial: sums with 0, products with 1, double signs, x*x for x**2.

        >>> x = Formula("x")
        >>> (1.0 * x - 0.0 * x + -(-x)).simplified()
        2*x

        It is the same function, but for the guards that partial derivatives have at single points.
        """
        return simplified(steps(self), Formula)

    @staticmethod
    def apply(op: Op, *operands: Any) -> Formula:
        return Formula(op, *operands)

    def __repr__(self) -> str:
        try:
            return str(self.print())
        except ValueError as error:
            return f"<{error}>"


def parse(text: str) -> Formula:
    """Read an expression as a formula, as it is written.

    >>> parse("1*x + 0")
    1*x + 0

    Raises ExpressionError where it cannot be read.
    """
    done: list[Formula] = []
    for _, step, operands in Expression.parse(text)._program:
        if isinstance(step, ast.Name):
            done.append(Formula(CONSTANTS.get(step.id, step.id)))
        else:
            done.append(Formula(step, *(done[i] for i in operands)))
    return done[-1]


def steps(formula: Formula) -> list[Formula]:
    """Return every part of a formula once, operands before what is made of them.

    >>> steps(parse("sin(x)"))
    [x, sin(x)]
    """
    return ordered([formula])
