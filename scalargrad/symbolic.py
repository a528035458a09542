"""Formulas: what operations make of names instead of numbers, so that a derivative can be read.

The table's partial derivatives are written over operators and operations only. Applied to names they therefore
give the derivative's formula: the very line that a backward pass computes with, printed.
"""

from __future__ import annotations

import ast
import math
import re
import unicodedata
from typing import Any

from scalargrad import ops
from scalargrad.expression import CONSTANTS, Expression
from scalargrad.op import ATOM, PRODUCT, SUM, Op, Operand, Text, number
from scalargrad.order import ordered

_LONGEST = 100_000  # characters: what a graph shares, its text repeats, doubling at every step in the worst case

# Numbers that have names.
_NAMED = {
    math.pi: ("pi", r"\pi"),
    2 / math.sqrt(math.pi): ("2/sqrt(pi)", r"\frac{2}{\sqrt{\pi}}"),
}
_GREEK = re.compile(
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|kappa|lambda|mu|nu|xi|rho|sigma|tau|phi|chi|psi|omega"
)
_LATIN_CAPITALS = {
    "Alpha",
    "Beta",
    "Epsilon",
    "Zeta",
    "Eta",
    "Kappa",
    "Mu",
    "Nu",
    "Rho",
    "Tau",
    "Chi",
}  # TeX has no others


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
                text = (names or {}).get(node.head) or _printed_name(node.head, style)
            else:
                text = printed_number(node.head, style)
            if len(text) > _LONGEST:
                raise ValueError(f"the formula has more than {_LONGEST:,} characters")
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
        slopes: dict[Formula, Any] = {}  # of what depends on the name
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
        simplify = _Simplifier()
        done: dict[Formula, Formula] = {}
        for node in steps(self):
            operands = [done[x] for x in node._parents]
            done[node] = simplify(node.head, *operands) if isinstance(node.head, Op) else simplify.leaf(node.head)
        return done[self]

    def _is(self, op: Op) -> bool:
        return self.head is op

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


def printed_number(x: float, style: str = "text") -> Text:
    r"""Print a number in full, as an operand: a negative one gets parentheses where it needs them.

    >>> printed_number(0.5), printed_number(1e-9, "latex")
    ('0.5', '10^{-9}')
    """
    if abs(x) in _NAMED:
        text = _NAMED[abs(x)][style == "latex"]
        text, precedence = ("-" + text, SUM) if x < 0 else (text, PRODUCT if "/" in text else ATOM)
        return Text(text, precedence)
    text = repr(x).removesuffix(".0")
    mantissa, e, exponent = text.partition("e")
    if style == "latex" and e:
        power = f"10^{{{int(exponent)}}}"
        text = power if mantissa == "1" else "-" + power if mantissa == "-1" else rf"{mantissa} \cdot {power}"
    return Text(text, SUM if x < 0 else PRODUCT if e and style == "latex" else ATOM)


def _printed_name(name: str, style: str) -> str:
    return name_in_latex(name) if style == "latex" else name


def name_in_latex(name: str) -> str:
    r"""Write any name in LaTeX: digits at its end as an index, Greek letters by their names.

    >>> name_in_latex("w12"), name_in_latex("beta"), name_in_latex("my loss")
    ('w_{12}', '\\beta', '\\mathrm{my\\ loss}')
    """
    base = name.rstrip("0123456789").rstrip("_") or name
    digits = name[len(base) :].lstrip("_")
    if _GREEK.fullmatch(base):
        base = f"\\{base}"
    else:
        letters = "".join(map(_letter, base))
        base = letters.strip() if len(base) == 1 and base.isalpha() else rf"\mathrm{{{letters}}}"
    return f"{base}_{{{digits}}}" if digits else base


def _letter(character: str) -> str:
    if character.isascii():
        return character if character.isalnum() else "\\" + character if character in "_ #%&" else "?"
    kind, _, letter = unicodedata.name(character, "").partition(" LETTER ")
    letter = letter.replace("LAMDA", "LAMBDA")  # Unicode's spelling
    if kind in ("GREEK SMALL", "GREEK CAPITAL") and _GREEK.fullmatch(letter.lower()):
        letter = letter.lower() if kind == "GREEK SMALL" else letter.capitalize()
        return letter[0] if letter in _LATIN_CAPITALS else f"\\{letter} "
    return character if character.isalnum() else "?"


def steps(formula: Formula) -> list[Formula]:
    """Return every part of a formula once, operands before what is made of them.

    >>> steps(parse("sin(x)"))
    [x, sin(x)]
    """
    return ordered([formula])


def _is_negative(formula: Formula) -> bool:
    return formula._is(ops.neg) or (isinstance(formula.head, float) and formula.head < 0)


class _Simplifier:
    """Makes formulas of simplified operands; equal ones are one, so that `is` compares."""

    def __init__(self) -> None:
        self.known: dict[tuple[Any, ...], Formula] = {}

    def leaf(self, head: str | float | Op, *operands: Formula) -> Formula:
        return self.known.setdefault((head, *operands), Formula(head, *operands))

    def __call__(self, op: Op, *operands: Formula) -> Formula:
        rule = getattr(self, op.name, None) if ops.TABLE.get(op.name) is op else None
        simpler = rule(*operands) if rule else None
        return simpler or self.leaf(op, *operands)

    def fold(self, op: Op, a: Formula, b: Formula) -> Formula | None:
        """Compute with two numbers, where people would: exactly, and not with pi."""
        if isinstance(a.head, float) and isinstance(b.head, float):
            out = op(a.head, b.head)
            short = len(repr(out)) <= len(repr(a.head) + repr(b.head))
            if short and not {abs(a.head), abs(b.head)} & _NAMED.keys():
                return self.leaf(out)
        return None

    def in_a_row(self, op: Op, a: Formula, b: Formula, *kind: Op) -> Formula:
        """Apply to what is itself a row of such operations: a + (b + c) becomes (a + b) + c."""
        rest: list[tuple[Op, Formula]] = []
        while isinstance(b.head, Op) and b.head in kind:
            rest.append((b.head, b._parents[1]))
            b = b._parents[0]
        out = self(op, a, b)
        for operation, c in reversed(rest):
            out = self(operation, out, c)
        return out

    def neg(self, a: Formula) -> Formula | None:
        if a._is(ops.sub):
            return self(ops.sub, *reversed(a._parents))
        return self.positive(a) if _is_negative(a) else self.leaf(-a.head) if isinstance(a.head, float) else None

    def positive(self, a: Formula) -> Formula:
        """Take the sign from what has one."""
        return self.leaf(-a.head) if isinstance(a.head, float) else a._parents[0]

    def add(self, a: Formula, b: Formula) -> Formula | None:
        if a.head == 0 or b.head == 0:
            return b if a.head == 0 else a
        if _is_negative(b):
            return self(ops.sub, a, self.positive(b))
        if _is_negative(a):
            return self(ops.sub, b, self.positive(a))
        if b._is(ops.add) or b._is(ops.sub):
            return self.in_a_row(ops.add, a, b, ops.add, ops.sub)
        return self(ops.mul, self.leaf(2.0), a) if a is b else self.fold(ops.add, a, b)

    def sub(self, a: Formula, b: Formula) -> Formula | None:
        if b.head == 0:
            return a
        if a.head == 0:
            return self(ops.neg, b)
        if a is b:
            return self.leaf(0.0)
        return self(ops.add, a, self.positive(b)) if _is_negative(b) else self.fold(ops.sub, a, b)

    def mul(self, a: Formula, b: Formula) -> Formula | None:
        if a.head == 0 or b.head == 0:
            return self.leaf(0.0)
        if a.head == 1 or b.head == 1:
            return b if a.head == 1 else a
        if _is_negative(a) or _is_negative(b):
            return self.signed(ops.mul, a, b)
        if a._is(ops.div):
            return self(ops.div, self(ops.mul, a._parents[0], b), a._parents[1])
        if b._is(ops.div):
            return self(ops.div, self(ops.mul, a, b._parents[0]), b._parents[1])
        if b._is(ops.mul):  # factors in one row, the number in front
            return self.in_a_row(ops.mul, a, b, ops.mul)
        if isinstance(b.head, float) and not isinstance(a.head, float):
            return self(ops.mul, b, a)
        return self(ops.pow, a, self.leaf(2.0)) if a is b else self.fold(ops.mul, a, b)

    def div(self, a: Formula, b: Formula) -> Formula | None:
        if a.head == 0 or b.head == 1:
            return a
        if _is_negative(a) or _is_negative(b):
            return self.signed(ops.div, a, b)
        if a._is(ops.div):
            return self(ops.div, a._parents[0], self(ops.mul, a._parents[1], b))
        if b._is(ops.div):
            return self(ops.div, self(ops.mul, a, b._parents[1]), b._parents[0])
        if a.head == 0.5:  # sqrt's: people write 1/(2*sqrt(x))
            return self(ops.div, self.leaf(1.0), self(ops.mul, self.leaf(2.0), b))
        return None

    def signed(self, op: Op, a: Formula, b: Formula) -> Formula:
        """Multiply or divide without the signs, and put the sign of the result in front."""
        signs = [_is_negative(x) for x in (a, b)]
        out = self(op, *(self.positive(x) if negative else x for x, negative in zip((a, b), signs, strict=True)))
        return out if all(signs) else self(ops.neg, out)

    def pow(self, a: Formula, b: Formula) -> Formula | None:
        if b.head == 0:
            return self.leaf(1.0)
        return a if b.head == 1 else None

    def power_rule(self, a: Formula, b: Formula) -> Formula:
        return self(ops.mul, b, self(ops.pow, a, self(ops.sub, b, self.leaf(1.0))))

    def power_term(self, c: Formula, a: Formula, b: Formula) -> Formula:
        return self(ops.mul, c, self(ops.pow, a, b))

    def difference(self, a: Formula, b: Formula) -> Formula:
        return self(ops.sub, a, b)

    def where(self, condition: Formula, a: Formula, b: Formula) -> Formula | None:
        is_number = condition._is(ops.greater) or condition._is(ops.equal)
        return condition if is_number and (a.head, b.head) == (1, 0) else None

    def log(self, a: Formula) -> Formula | None:
        # The guard of d(x**y)/dy at x = 0.
        if a._is(ops.add) and a._parents[1]._is(ops.equal) and a._parents[1]._parents[0] is a._parents[0]:
            return self(ops.log, a._parents[0])
        return None
