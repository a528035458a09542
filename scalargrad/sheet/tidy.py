"""Formulas as people write them: powers collected, numbers in front, a constant at the end of a sum.

>>> from scalargrad.sheet.grammar import parse
>>> from scalargrad.sheet.problem import Problem
>>> scope = Scope(Problem.read("x = 2; f = x^3/x + 3 ln(x) x^2; g = -(2 x)/(x^2)^2"))
>>> tidied(scope["f"].term), tidied(scope["g"].term)
(x^2 + 3 x^2 ln(x), -2/x^3)
"""

from __future__ import annotations

from scalargrad import ops
from scalargrad.sheet.records import RECORDS
from scalargrad.sheet.scope import Scope
from scalargrad.sheet.terms import CDOT, DERIV, JUX, STAR, Term

JOINED = (JUX, CDOT, STAR)  # products as they are written
TRIVIAL = {
    RECORDS["pad"]: Term(0.0),
    RECORDS["crop"]: Term(0.0),
    RECORDS["every"]: Term(1.0),
    RECORDS["apart"]: Term(1.0),
}
Factors = tuple[float, float, dict[Term, float]]  # a number above, one below, and the powers of terms


def tidied(term: Term) -> Term:
    """Return a term of numbers in the form in which people write it."""
    if term.head in (ops.mul, ops.div, ops.neg, *JOINED) or (term.head is ops.pow and term.operands[1].is_number):
        return _built(*_factors(term))
    if term.head is ops.add or term.head is ops.sub:
        return _summed(term)
    return Term(term.head, *map(tidied, term.operands)) if term.operands else term


def _summed(term: Term) -> Term:
    """Collect like terms of a sum: the constant goes to its end."""
    found: dict[tuple[tuple[Term, float], ...], tuple[float, float]] = {}

    def collect(part: Term, sign: float) -> None:
        if part.head is ops.add or part.head is ops.sub:
            collect(part.operands[0], sign)
            collect(part.operands[1], sign if part.head is ops.add else -sign)
            return
        above, below, powers = _factors(part)
        key = tuple(sorted(((base, power) for base, power in powers.items() if power), key=lambda x: hash(x[0])))
        before, under = found.get(key, (0.0, 1.0))
        found[key] = before * below + sign * above * under, below * under

    collect(term, 1.0)
    parts = [_built(above, below, dict(key)) for key, (above, below) in found.items() if above]
    parts = [x for x in parts if not x.is_number] + [x for x in parts if x.is_number]
    first = next((i for i, x in enumerate(parts) if not _is_negative(x)), 0)
    parts.insert(0, parts.pop(first)) if parts else None
    out, *others = parts or [Term(0.0)]
    for part in others:
        out = Term(ops.sub, out, _built(*_factors(-part))) if _is_negative(part) else Term(ops.add, out, part)
    return out


def _is_negative(term: Term) -> bool:
    return term.head is ops.neg or (term.is_number and term.head < 0)


def elementwise(term: Term, scope: Scope) -> Term:
    """Write products entry by entry with their sign, what they share in front, and quotients as quotients.

    >>> from scalargrad.sheet.problem import Problem
    >>> scope = Scope(Problem.read("x = (1, 2); y = (3, 4); z = x ∘ exp(y) + x ∘ y; p = (-y) ∘ (1/x)"))
    >>> elementwise(scope["z"].term, scope), elementwise(scope["p"].term, scope)
    (x ∘ (exp(y) + y), -y/x)
    """
    circle = RECORDS["hadamard"]

    def change(part: Term) -> Term | None:
        if part.head is ops.mul and all(scope.array(x).shape for x in part.operands):
            return change(Term(circle, *part.operands)) or Term(circle, *part.operands)
        if part.head is ops.add and all(x.head is circle for x in part.operands):
            (a, b), (c, d) = (x.operands for x in part.operands)
            return Term(circle, a, Term(ops.add, b, d)) if a == c else None
        if part.head is circle:
            a, b = part.operands
            if b.head is ops.div and b.operands[0] == Term(1.0) and scope.array(a).shape == scope.array(b).shape:
                return change(Term(ops.div, a, b.operands[1])) or Term(ops.div, a, b.operands[1])
        if part.head in TRIVIAL and part.operands[1] == TRIVIAL[part.head]:
            return part.operands[0]
        if part.head is ops.div and part.operands[0].head is ops.neg:
            return Term(ops.neg, Term(ops.div, part.operands[0].operands[0], part.operands[1]))
        return None

    return term.replaced(change) if any(part.names for part in term.operands) else term


def _factors(term: Term) -> Factors:
    """Take a product apart; what is no product is one factor."""
    head, operands = term.head, term.operands
    if isinstance(head, float):
        return head, 1.0, {}
    if head is ops.neg:
        above, below, powers = _factors(operands[0])
        return -above, below, powers
    if head in (ops.mul, ops.div, *JOINED):
        a, b = map(_factors, operands)
        if head is ops.div:
            b = (b[1], b[0], {base: -power for base, power in b[2].items()})
        powers = dict(a[2])
        for base, power in b[2].items():
            powers[base] = powers.get(base, 0.0) + power
        return a[0] * b[0], a[1] * b[1], powers
    if head is ops.pow and isinstance(operands[1].head, float) and operands[1].head.is_integer():
        n = operands[1].head
        above, below, powers = _factors(operands[0])
        if n < 0:
            above, below = below, above
        return above ** abs(n), below ** abs(n), {base: power * n for base, power in powers.items()}
    return 1.0, 1.0, {Term(head, *map(tidied, operands)) if operands else term: 1.0}


def _built(above: float, below: float, powers: dict[Term, float]) -> Term:
    """Put a product together."""
    sign, above, below = above * below < 0, abs(above), abs(below)
    turned = next((base for base, power in powers.items() if sign and base.head is ops.sub and power == 1), None)
    if turned is not None:  # -(a - b) is b - a
        sign = False
        powers = {Term(ops.sub, *reversed(base.operands)) if base is turned else base: p for base, p in powers.items()}
    if below and (above / below).is_integer():
        above, below = above / below, 1.0
    elif above and (below / above).is_integer():
        above, below = 1.0, below / above
    order = sorted((base for base, power in powers.items() if power), key=_kind)
    up = [_raised(base, powers[base]) for base in order if powers[base] > 0]
    down = [_raised(base, -powers[base]) for base in order if powers[base] < 0]
    out = _product(above, up)
    if down or below != 1:
        out = Term(ops.div, out, _product(below, down))
    return Term(-out.head) if sign and isinstance(out.head, float) else Term(ops.neg, out) if sign else out


def _kind(base: Term) -> int:
    """Derivatives stand first, then names, then sums, then functions."""
    return 0 if base.head is DERIV else 1 if base.is_name else 2 if base.head in (ops.add, ops.sub) else 3


def _raised(base: Term, power: float) -> Term:
    return base if power == 1 else Term(ops.pow, base, power)


def _product(number: float, factors: list[Term]) -> Term:
    out, *others = factors if number == 1 and factors else [Term(number), *factors]
    for factor in others:
        out = Term(ops.mul, out, factor)
    return out
