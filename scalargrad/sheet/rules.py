"""Derivatives as they are taken by hand: the rules of sums, products, quotients, powers and chains, before anything is simplified.

>>> from scalargrad.sheet.grammar import parse
>>> by_rules(parse("(x^2 + 1)/(x - 1)"), "x"), by_rules(parse("sin(3 x^2)"), "x"), by_rules(parse("x^3 ln(x)"), "x")
((2 x (x - 1) - (x^2 + 1))/(x - 1)^2, cos(3 x^2) (3 (2 x)), 3 x^2 ln(x) + x^3 (1/x))
"""

from __future__ import annotations

from scalargrad import ops
from scalargrad.op import Op
from scalargrad.sheet.shares import SLOPES
from scalargrad.sheet.terms import CDOT, JUX, STAR, Term

_ZERO, _ONE = Term(0.0), Term(1.0)


def by_rules(term: Term, x: str) -> Term:
    """Differentiate a term of numbers by a name. Raises TypeError for what the rules do not know."""
    head, operands = term.head, term.operands
    if x not in term.names:
        return _ZERO
    if term.is_name:
        return _ONE
    slopes = [by_rules(operand, x) for operand in operands]
    if head is ops.neg:
        return Term(ops.neg, slopes[0])
    if head is ops.add or head is ops.sub:
        return _sum(head, *slopes)
    if head in (ops.mul, JUX, CDOT, STAR):
        return _sum(ops.add, _times(slopes[0], operands[1]), _times(operands[0], slopes[1]))
    if head is ops.div:
        (a, b), (da, db) = operands, slopes
        if db == _ZERO:
            return Term(ops.div, da, b)
        return Term(ops.div, _sum(ops.sub, _times(da, b), _times(a, db)), b**2)
    if head is ops.pow and operands[1].is_number:
        n = operands[1].head
        return _times(_times(Term(n), operands[0] if n == 2 else operands[0] ** (n - 1)), slopes[0])
    if isinstance(head, Op) and len(head.partials) == 1:
        slope = SLOPES.get(head, head.partials)[0](term, operands[0])
        return _times(slope.simplified() if isinstance(slope, Term) else Term(slope), slopes[0])
    raise TypeError(f"no rule for {term}")


def _times(a: Term, b: Term) -> Term:
    return _ZERO if _ZERO in (a, b) else b if a == _ONE else a if b == _ONE else Term(ops.mul, a, b)


def _sum(head: Op, a: Term, b: Term) -> Term:
    if b == _ZERO:
        return a
    return Term(head, a, b) if a != _ZERO else b if head is ops.add else Term(ops.neg, b)
