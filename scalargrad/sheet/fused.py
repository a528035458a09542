"""Derivatives that textbooks have in a short form: a softmax or a sigmoid with its loss, first expanded, then fused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from scalargrad import ops
from scalargrad.sheet.derivation import Step
from scalargrad.sheet.records import RECORDS, Record
from scalargrad.sheet.scope import Scope
from scalargrad.sheet.terms import DERIV, Term
from scalargrad.sheet.tidy import elementwise, tidied


class Fused(NamedTuple):
    """A short form.

    run       says how it comes about
    inserted  the derivative with that by the output put in
    term      the short form
    """

    run: tuple[Any, ...]
    inserted: Term
    term: Term


def fused(scope: Scope, steps: Sequence[Step], step: Step, *, invented: bool = False) -> Fused | None:
    """Return the short form p - y of a derivative through a softmax or a sigmoid, where it is one.

    steps     the derivation that the step is a part of
    invented  whether the numbers only check formulas: then the entries of a target are taken to add up to 1, and it is said
    """
    user = step.shares[0][0] if len(step.shares) == 1 else step.of
    term, p = scope[user].term, Term(user)
    is_softmax = isinstance(term.head, Record) and term.head.name.startswith("softmax")
    inner = next((s.term for s in steps if s.by == user), None)
    if inner is None or term.operands[:1] != (Term(step.by),) or not (is_softmax or term.head is ops.sigmoid):
        return None
    for y in _targets(scope, scope[step.of].term, p):
        short, total = Term(ops.sub, p, y), Term(RECORDS["sum"], y)
        adds_up = math.isclose(scope.array(total).data[0], 1.0, rel_tol=1e-9)
        general = Term(ops.sub, Term(ops.mul, total, p), y) if is_softmax and invented and not adds_up else short
        pairs = zip(scope.array(general).data, step.array.data, strict=True)
        if all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) for a, b in pairs):
            by_output = Term(DERIV, step.of, user)
            inner = elementwise(inner, scope) if is_softmax else tidied(inner)
            inserted = step.term.replaced({by_output: inner}.get)
            run: tuple[Any, ...] = ("Put in ", by_output, " = ", inner, ": ")
            if is_softmax:
                cancel = " cancel its denominator, and what the sum gives is 1, for the entries of "
                run += (
                    "the products with ",
                    p,
                    cancel,
                    y,
                    " are taken to add up to 1." if general is not short else " add up to 1.",
                )
            else:
                run += (p, " and ", 1 - p, " cancel the denominators, and what is left is ", short, ".")
            return Fused(run, inserted, short)
    return None


def _targets(scope: Scope, loss: Term, p: Term) -> list[Term]:
    """The terms in a loss that may be the target of an output: of its shape, or the unit vector of one entry."""
    shape = scope.array(p).shape
    found = [
        part
        for part in loss.walk()
        if part != p and part.operands == () and part.is_name and scope.array(part).shape == shape
    ]
    for part in loss.walk():
        if part.head in (RECORDS["index"], RECORDS["item"]) and part.operands[0] == p:
            place = RECORDS["place" if part.head is RECORDS["index"] else "put"]
            found.append(Term(place, 1.0, p, *part.operands[1:]))
    return found
