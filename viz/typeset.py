"""Formulas as one would write them on a board: `w₁₁·x₁`, `z²`, `−p₁/Σexp`, and the local derivatives of operations.

Operations can be applied to typeset operands, and give a typeset result. So the derivatives that a page shows are the
very lines of the table of operations that a backward pass computes with.
"""

# ruff: noqa: RUF001, RUF002 - symbols are written as mathematics writes them

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from scalargrad import Value, ops
from scalargrad.formula import Formula
from scalargrad.node import rule_of
from scalargrad.op import ATOM, SUM, Op, Operand, Text
from viz import text

# Operations that a board writes in another way than Python; fields state a minimal precedence, as in scalargrad.ops.
TEMPLATES = {
    ops.sub: "{:1} − {:2}",
    ops.mul: "{:2}·{:3}",
    ops.neg: "−{:2}",
    ops.abs: "|{}|",
    ops.sqrt: "√({})",
    ops.sigmoid: "σ({})",
    ops.greater: "[{} > {}]",
    ops.equal: "[{} = {}]",
    ops.pow: "{:4}^({})",
    ops.sech_squared: "sech²({})",
    ops.gaussian: "exp(−{:4}²)",
    ops.arcsin_slope: "1/√(1 − {:4}²)",
    ops.arctan_slope: "1/(1 + {:4}²)",
    ops.sigmoid_slope: "σ({0})·σ(−{0:2})",
    ops.logaddexp_slope: "σ({:1} − {:2})",
}
_SUPERSCRIPTS = {str(exponent): power for exponent, power in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"


class Typeset(Text, Operand):
    """A typeset expression: operations that are applied to such expressions give another one.

    >>> from scalargrad import add, sin
    >>> add(sin(Typeset("z")), 2.0)
    'sin(z) + 2'
    """

    __slots__ = ()

    @staticmethod
    def apply(op: Op, *operands: Any) -> Typeset:
        texts = [operand if isinstance(operand, Text) else constant(operand) for operand in operands]
        if op is ops.pow and texts[1] in _SUPERSCRIPTS:
            return Typeset(f"{texts[0]:4}{_SUPERSCRIPTS[texts[1]]}", op.precedence)
        return Typeset(TEMPLATES.get(op, op.text).format(*texts), op.precedence)


class Slot(Typeset):
    """The place of a number in a text that a page fills in: a value by its index, and what precedence is asked for there.

    >>> from scalargrad import mul
    >>> [hex(ord(sign)) for sign in mul(Slot(3), Slot(4))][:5]
    ['0xe000', '0x33', '0x3a', '0x32', '0xe001']

    The signs around it are of Unicode's private use, which no label has.
    """

    __slots__ = ()

    def __new__(cls, value: int) -> Slot:  # noqa: PYI034 - Self is for Python 3.11
        slot = super().__new__(cls, f"\ue000{value}:0\ue001")
        assert isinstance(slot, Slot)  # noqa: S101
        return slot

    def __format__(self, minimum: str) -> str:
        return str(self).replace(":0", f":{minimum or 0}")


def constant(x: float) -> Typeset:
    """Typeset a number of a formula, an exponent or a factor, with up to five digits.

    >>> constant(2.0), constant(-1 / 3)
    ('2', '−0.33333')
    """
    return Typeset(f"{x:.5g}".replace("-", "−"), SUM if x < 0 else ATOM)


def rounded(x: float, digits: int) -> Typeset:
    """Typeset a number with so many decimals; as an operand, a negative one gets parentheses where it needs them.

    >>> from scalargrad import mul
    >>> mul(rounded(-0.25, 2), rounded(-1.0, 2))
    '(−0.25)·(−1.00)'
    """
    return Typeset(text.number(x, digits), SUM if x < 0 else ATOM)


def label(words: Any, longest: int = 40) -> str:
    """Make a name of a label, which may be any object: one line, not too long, with digits at its end as an index.

    >>> label("w11"), label("two" + chr(10) + "lines")
    ('w₁₁', 'two lines')
    """
    line = " ".join(str(words).split())
    if len(line) > longest:
        line = line[: longest - 1] + "…"
    line = text.name("".join(c if c.isprintable() else "\ufffd" for c in line))
    if any(unicodedata.bidirectional(c) in ("R", "AL") for c in line):
        # Hebrew and Arabic names run from right to left, but the formula around them does not.
        return f"{_FIRST_STRONG_ISOLATE}{line}{_POP_ISOLATE}"
    return line


def local_derivative(value: Value, index: int, out: Typeset, operands: Sequence[Typeset]) -> Typeset | None:
    """Typeset the derivative of an operation with respect to one operand; None where the operation tells no formula.

    >>> from scalargrad import Value  # noqa: TC001 - the examples use it
    >>> local_derivative(Value(1.0).tanh(), 0, Typeset("h"), [Typeset("z")])
    'sech²(z)'
    """
    op = rule_of(value)
    if op is None:
        return None
    numbers = tuple(x.data if x.kind == "constant" and not x.label else None for x in value.parents)
    formula = _partial(op, index, numbers)
    if formula is None:
        return None
    names = {f"x{i}": operand for i, operand in enumerate(operands)} | {"out": out}
    result = formula(**{name: names[name] for name in formula.names})
    return result if isinstance(result, Typeset) else constant(result)


@lru_cache(maxsize=1024)
def _partial(op: Op, index: int, numbers: tuple[float | None, ...]) -> Formula | None:
    operands = [Formula(f"x{i}" if number is None else number) for i, number in enumerate(numbers)]
    try:
        formula = op.partials[index](Formula("out"), *operands)
    except Exception:  # noqa: BLE001 - a user's rule may be written for numbers only, and say so in any way
        return None
    return (formula if isinstance(formula, Formula) else Formula(formula)).simplified()
