"""Indices taken off: what a formula says of entries, said of whole arrays.

>>> from scalargrad.sheet.problem import Problem
>>> def whole(text, *indices):
...     return without_indices(Problem.read(f"z_{''.join(indices)} = {text}").equations[0].right, [Term(i) for i in indices])
>>> whole("w_i x_i + b", "i"), whole("Σ_k A_ik B_kj", "i", "j"), whole("Σ_i W_ij a_i", "j")
(w ∘ x + b, A B, Wᵀ a)
>>> whole("Σ_{p,q} K_pq X_{i+p,j+q}", "i", "j")
X ⋆ K

Whoever uses it holds the whole array against the entries: an index may go over a part of an array only.
"""

from __future__ import annotations

from scalargrad import ops
from scalargrad.sheet.records import RECORDS
from scalargrad.sheet.terms import CALL, CDOT, JUX, LIST, STAR, SUB, SUM, Term

_PRODUCTS = (JUX, CDOT, STAR)


def without_indices(body: Term, indices: list[Term]) -> Term | None:
    """Return a term about whole arrays; None where a formula with these indices cannot be said so."""
    if any(part.head in (LIST, CALL) for part in body.walk()):
        return None
    out = _without(body, indices)
    return None if {x.head for x in indices} & set(out.names) else out


def _without(part: Term, indices: list[Term]) -> Term:
    if part.head is SUM:
        return _contracted(part, indices) or part
    count = len(indices)
    if part.head is SUB:
        if list(part.operands[-count:]) != indices:
            return part
        return Term(SUB, *part.operands[:-count]) if len(part.operands) > count + 1 else part.operands[0]
    head = RECORDS["hadamard"] if part.head in _PRODUCTS else part.head
    return Term(head, *(_without(x, indices) for x in part.operands))


def _contracted(part: Term, indices: list[Term]) -> Term | None:
    """Say a sum of products of entries as a matrix product, or as a correlation."""
    over = []
    while part.head is SUM:
        part, index, *_ = part.operands
        over.append(index)
    if part.head not in _PRODUCTS or not all(x.head is SUB for x in part.operands):
        return None
    first, second = part.operands
    for kernel, image in ((first, second), (second, first)):
        if list(kernel.operands[1:]) == over and len(over) == len(indices):
            moved = [x for i, p in zip(indices, over, strict=True) for x in (Term(ops.add, i, p), Term(ops.add, p, i))]
            if all(x in moved for x in image.operands[1:]) and len(image.operands) == len(kernel.operands):
                return Term(RECORDS["correlate"], image.operands[0], kernel.operands[0])
    if len(over) != 1 or not all(x.is_name for factor in part.operands for x in factor.operands[1:]):
        return None
    (k,) = over
    kept = [[x for x in factor.operands[1:] if x != k] for factor in part.operands]
    if sorted(x.head for x in kept[0] + kept[1]) != sorted(x.head for x in indices) or any(len(x) > 1 for x in kept):
        return None
    if kept[0] + kept[1] != indices:  # the other order
        first, second = second, first
    if k not in first.operands[1:] or k not in second.operands[1:]:
        return None
    left = first.operands[0] if first.operands[-1] == k else Term(RECORDS["transpose"], first.operands[0])
    right = second.operands[0] if second.operands[1] == k else Term(RECORDS["transpose"], second.operands[0])
    if len(first.operands) == 2 and len(second.operands) == 3:  # a vector first: let the matrix lead
        left, right = Term(RECORDS["transpose"], right), left
        left = left.operands[0].operands[0] if left.operands[0].head is RECORDS["transpose"] else left
    return Term(JUX, left, right)
