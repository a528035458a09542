"""The chain rule on terms: what each operand of an operation gets of a gradient, as a term of the language.

The shares of operations that work entry by entry come from the partial derivatives of ops.py, those of array operations
from the records. `size` says the array that a term is worth: shapes decide where a product needs a ∘ or a sum.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from scalargrad import ops
from scalargrad.op import Op
from scalargrad.order import ordered
from scalargrad.sheet.arrays import Array
from scalargrad.sheet.grammar import parse
from scalargrad.sheet.records import RECORDS, Record
from scalargrad.sheet.terms import CDOT, JUX, SUB, Term

Size = Callable[[Term], Array]
ONE = Term(1.0)
# Slopes as textbooks write them, by the result; the records have them in the form that keeps the most digits.
SLOPES: dict[Op, tuple[Callable[..., Any], ...]] = {
    ops.sigmoid: (lambda out, _: out * (1 - out),),
    ops.tanh: (lambda out, _: 1 - out**2,),
    ops.sqrt: (lambda out, _: 1 / (2 * out),),
    ops.xlogy: (lambda _, __, y: ops.log(y), lambda _, x, y: x / y),
}


@functools.cache
def _parsed(share: str) -> Term:
    return parse(share, known=("a", "b", "c", "g", "out"))


def shares(term: Term, g: Term, size: Size, reaches: Callable[[Term], bool]) -> Iterator[tuple[Term, Term]]:
    """Yield each operand of an operation through which something is reached, with its share of the gradient g."""
    head, operands = term.head, term.operands
    if isinstance(head, Op):
        for i, operand in enumerate(operands):
            if not reaches(operand):
                continue
            slope = SLOPES.get(head, head.partials)[i](term, *operands)
            share = times(g, (slope if isinstance(slope, Term) else Term(slope)).simplified(), size)
            if share is not None:
                yield operand, folded(share, operand, term, size)
    elif isinstance(head, Record):
        if not head.spreads:
            g = whole(g, term, size)
        for i, operand in enumerate(operands):
            if reaches(operand) and (text := head.shares[min(i, len(head.shares) - 1)]):
                yield operand, _recorded(text, term, i, g, size)


def _recorded(text: str, term: Term, i: int, g: Term, size: Size) -> Term:
    operands = term.operands
    named = dict(zip("abcd", operands, strict=False)) | {"g": g, "out": term, "self": operands[i]}
    if "{" in text:
        named["n"] = Term(float(i))
        start = sum(max(1, size(x).shape[0] if size(x).shape else 1) for x in operands[:i])
        rest = ", ".join(f"r_{j}" for j in range(1, len(operands)))
        text = text.format(self="own", start=start, rest=rest, i=i)
        named |= {"own": operands[i]} | {f"r_{j}": x for j, x in enumerate(operands)}
    share = typed(_parsed(text).replaced(lambda t: named.get(_plain(t))), size)
    a, b = size(share), size(operands[i])
    if len(a.entries) > len(b.entries):
        return folded(share, operands[i], term, size)
    return (
        Term(RECORDS["shaped"], share, operands[i])
        if a.shape != b.shape and len(a.entries) == len(b.entries) and a.shape
        else share
    )


def _plain(term: Term) -> str:
    if isinstance(term.head, str):
        return term.head
    return (
        f"{term.operands[0].head}_{term.operands[1].head:.0f}"
        if term.head is SUB and term.operands[1].is_number
        else ""
    )


def typed(term: Term, size: Size) -> Term:
    """Give products of terms their meaning, by the shapes of the factors."""

    def change(part: Term) -> Term | None:
        if part.head is JUX or part.head is CDOT or part.head is RECORDS["hadamard"]:
            return multiplied(part.head, part.operands[0], part.operands[1], size)
        if part.head is RECORDS["transpose"] and not size(part.operands[0]).shape:
            return part.operands[0]
        if part.head is RECORDS["transpose"] and part.operands[0].head is RECORDS["transpose"]:
            return part.operands[0].operands[0]
        if part.head is RECORDS["transpose"] and part.operands[0].head is RECORDS["product"]:
            a, b = (turned(x, size) for x in part.operands[0].operands)
            return Term(RECORDS["product"], b, a)
        if isinstance(part.head, Record) and part.head.name.startswith("count"):
            return Term(size(part).data[0])
        return None

    return term.replaced(change)


def turned(term: Term, size: Size) -> Term:
    """Transpose a term."""
    return typed(Term(RECORDS["transpose"], term), size)


def multiplied(kind: object, a: Term, b: Term, size: Size) -> Term:
    """Multiply two terms as their shapes ask for: numbers, entries, or matrices."""
    shapes = size(a).shape, size(b).shape
    if not all(shapes):
        return Term(ops.mul, a, b)
    if kind is RECORDS["hadamard"]:
        return Term(RECORDS["hadamard"], a, b)
    if kind is CDOT and len(shapes[0]) == len(shapes[1]) == 1 and size(a).is_row == size(b).is_row:
        return Term(RECORDS["dot"], a, b)
    return Term(RECORDS["product"], a, b)


def times(g: Term, slope: Term, size: Size) -> Term | None:
    """Multiply a gradient by a slope, entry by entry; None where the slope is 0."""
    if slope.head == 0:
        return None
    if slope.head == 1:
        return g
    if g == ONE:
        return slope
    if slope.head == -1:
        return Term(ops.neg, g)
    if slope.head is ops.div and slope.operands[0] == ONE:
        return Term(ops.div, g, slope.operands[1])
    return multiplied(RECORDS["hadamard"], g, slope, size)


def whole(g: Term, like: Term, size: Size) -> Term:
    """Spread a gradient that is one number for all entries."""
    a, b = size(g), size(like)
    return g if a.shape == b.shape or len(b.entries) == 1 else Term(RECORDS["spread"], g, like)


def folded(share: Term, operand: Term, out: Term, size: Size) -> Term:
    """Add up the shares of what was spread: a number or a row that stood beside a matrix."""
    a, b = size(operand), size(out)
    if a.shape == b.shape:
        return share
    share = whole(share, out, size)
    if len(a.entries) == 1:
        total = Term(RECORDS["sum"], share)
        return total if not a.shape else Term(RECORDS["shaped"], total, operand)
    if len(a.shape) == 1:
        row = a.shape == b.shape[1:] and (a.shape != b.shape[:1] or a.is_row)
        return Term(RECORDS["sum_columns" if row else "sum_rows"], share)
    total = Term(RECORDS["sum_columns" if a.shape[0] == 1 else "sum_rows"], share)
    return Term(RECORDS["shaped"], total, operand)


def pulled_back(term: Term, g: Term, size: Size, wanted: Callable[[Term], bool]) -> dict[Term, list[Term]]:
    """Send a gradient back through a term; return, for each wanted part, the shares that arrive there."""
    arriving: dict[Term, list[Term]] = {term: [g]}
    found: dict[Term, list[Term]] = {}
    order = ordered([term])
    reaches: dict[Term, bool] = {}
    for part in order:
        reaches[part] = wanted(part) or any(reaches[x] for x in part.operands)
    for part in reversed(order):
        if part not in arriving or not reaches[part]:
            continue
        if wanted(part):
            found[part] = arriving[part]
            continue
        for operand, share in shares(part, added(arriving[part]), size, reaches.__getitem__):
            arriving.setdefault(operand, []).append(share)
    return found


def added(terms: list[Term]) -> Term:
    """Add up shares."""
    out = terms[0]
    for term in terms[1:]:
        out = Term(ops.add, out, term)
    return out
