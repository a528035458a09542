"""Derivatives that textbooks have in a short form: a softmax or a sigmoid with its loss, first expanded, then fused."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from scalargrad import ops
from scalargrad.sheet.derivation import Step
from scalargrad.sheet.records import RECORDS, Record
from scalargrad.sheet.scope import Scope
from scalargrad.sheet.terms import DERIV, Term


class Fused(NamedTuple):
    """A short form.

    run       says how it comes about
    inserted  the derivative with that by the output put in
    term      the short form
    """

    run: tuple[Any, ...]
    inserted: Term
    term: Term


def fused(scope: Scope, step: Step) -> Fused | None:
    """Return the short form p - y of a derivative through a softmax or a sigmoid, where it is one."""
    if len(step.shares) != 1:
        return None
    user = step.shares[0][0]
    quantity = scope[user]
    is_softmax = isinstance(quantity.term.head, Record) and quantity.term.head.name.startswith("softmax")
    if quantity.term.operands[:1] != (Term(step.by),) or not (is_softmax or quantity.term.head is ops.sigmoid):
        return None
    by_output = Term(DERIV, step.of, user)
    inner = next((x for x in _derivations(scope, step.of, user)), None)
    if inner is None:
        return None
    p = Term(user)
    for y in _targets(scope, scope[step.of].term, p):
        short = Term(ops.sub, p, y)
        if all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) for a, b in zip(scope.array(short).data, step.array.data, strict=True)):
            inserted = step.term.replaced(lambda t: inner if t == by_output else None)
            if is_softmax:
                run = ("Put in ", by_output, " = ", inner, ": the products with ", p, " cancel its denominator, and what the sum gives is 1, for the entries of ", y, " add up to 1.")
            else:
                run = ("Put in ", by_output, " = ", inner, ": ", p, " and ", 1 - p, " cancel the denominators, and what is left is ", short, ".")
            return Fused(run, inserted, short)
    return None


def _derivations(scope: Scope, of: str, by: str) -> list[Term]:
    from scalargrad.sheet.derivation import derive

    return [step.term for step in derive(scope, of, [by]) if step.by == by]


def _targets(scope: Scope, loss: Term, p: Term) -> list[Term]:
    """The terms in a loss that may be the target of an output: of its shape, or the unit vector of one entry."""
    shape = scope.array(p).shape
    found = [part for part in loss.walk() if part != p and part.operands == () and part.is_name and scope.array(part).shape == shape]
    for part in loss.walk():
        if part.head in (RECORDS["index"], RECORDS["item"]) and part.operands[0] == p:
            place = RECORDS["place" if part.head is RECORDS["index"] else "put"]
            found.append(Term(place, 1.0, p, *part.operands[1:]))
    return found
