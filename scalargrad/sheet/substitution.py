"""Numbers put in: a term with the values of its names, as a whole or entry by entry.

>>> from scalargrad.sheet.problem import Problem
>>> from scalargrad.sheet.scope import Scope
>>> put = Substitution(Scope(Problem.read("x = (1, 2); W = [[3, 4], [5, 6]]; z = tanh(W x)")))
>>> z = put.scope["z"].term
>>> put.whole(z)
tanh([[3, 4], [5, 6]] [[1], [2]])
>>> put.entries(z)
[tanh(3 1 + 4 2), tanh(5 1 + 6 2)]

Entries come from the records' own values, computed with terms in the place of numbers: no record is told twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from scalargrad import ops
from scalargrad.modes import no_grad
from scalargrad.op import Op
from scalargrad.sheet.arrays import Array, ShapeError, elementwise, total
from scalargrad.sheet.records import RECORDS, Record
from scalargrad.sheet.scope import Scope
from scalargrad.sheet.terms import DERIV, LIST, ROWS, Term

LARGEST_MATRIX = 8  # rows or columns: of a larger matrix the corners are shown
TERMS = 12  # of a sum with numbers put in: of a longer one, the first and the last are shown
MOST_LEAVES = 2000  # numbers in a term that is written entry by entry
PARTS = {RECORDS["index"], RECORDS["item"]}
PLACED = {RECORDS["place"], RECORDS["put"]}
NOTHING = Term(LIST)  # what a sum has at a place where nothing was put
_VALUES = {RECORDS[name] for name in ("spread", "shaped", "part", "onehot")}  # shown as what they are worth
ARITHMETIC = {ops.add, ops.sub, ops.mul, ops.div, ops.neg, ops.pow}


def _softmax(end: str) -> Callable[[Array], Array]:
    def value(a: Array) -> Array:
        powers = elementwise(ops.exp, a)
        return elementwise(ops.div, powers, RECORDS[f"sum{end}"].value(powers))

    return value


# What records compute with numbers in another way than textbooks write it.
_WRITTEN: dict[Record, Callable[[Array], Array]] = {
    RECORDS[f"softmax{end}"]: _softmax(end) for end in ("", "_columns", "_rows")
}


class Substitution:
    """Puts a scope's numbers into terms."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.clean: dict[Term, Array] = {}  # quantities without the noise of rounding
        self.same: dict[Term, Term] = {}  # names of derivatives
        self.flat = not any(
            part.head is RECORDS["product"] for q in scope.quantities.values() for part in q.term.walk()
        )

    def is_simple(self, term: Term) -> bool:
        """Whether a term is one operation on quantities, whose numbers say all as they stand: p - y, 2 e, δ xᵀ."""
        if (
            self.is_leaf(term)
            or term.is_number
            or term.head in (RECORDS["vector"], RECORDS["spread"])
            or term.head in PLACED
        ):
            return True
        arrays = [x for x in term.operands if not x.is_number]
        if len(arrays) == 1 and term.head in (*ARITHMETIC, RECORDS["transpose"]) and term.head is not ops.pow:
            return self.is_simple(arrays[0])
        turned = [x.operands[0] if x.head is RECORDS["transpose"] else x for x in term.operands]
        shapes = [self.scope.array(x).shape for x in term.operands]
        outer = term.head is RECORDS["product"] and (
            () in shapes or shapes[1][0] == 1 or all(len(x) == 1 for x in shapes)
        )
        single = term.head in (ops.add, ops.sub, ops.mul, ops.div, RECORDS["hadamard"]) or outer
        return single and all(self.is_leaf(x) or x.is_number for x in turned)

    # As a whole.

    def whole(self, term: Term) -> Term:
        """Put numbers in the place of names; arrays stand as columns or rows where a product needs it."""
        head, operands = term.head, term.operands
        if self.is_leaf(term) or head in _VALUES or head in PLACED:
            return self.shown(self.worth(term))
        if head is RECORDS["transpose"] and self.is_leaf(operands[0]):
            return self.shown(self.worth(operands[0]).transposed)
        if head is RECORDS["product"]:
            arrays = [self.worth(x) for x in operands]
            lying = [
                "row" if len(arrays[0].shape) == 1 < len(arrays[1].shape) else "",
                "column" if len(arrays[1].shape) == 1 < len(arrays[0].shape) else "",
            ]
            return Term(
                head,
                *(
                    self.shown(a, side) if self.is_leaf(x) else self.whole(x)
                    for x, a, side in zip(operands, arrays, lying, strict=True)
                ),
            )
        return Term(head, *map(self.whole, operands)) if operands else term

    @staticmethod
    def is_leaf(term: Term) -> bool:
        """Whether a term is a quantity, a part of one, or a derivative."""
        return (
            term.is_name
            or term.head is DERIV
            or (term.head in PARTS and (term.operands[0].is_name or term.operands[0].head is DERIV))
        )

    def shown(self, array: Array, lying: str = "") -> Term:
        """Write an array as a term of numbers; of a large one, the corners."""
        numbers = array.data
        scale = max(map(abs, numbers), default=0.0)
        entries: list[Any] = [0.0 if abs(x) < 1e-15 * scale else x for x in numbers]
        if len(entries) == 1:
            return Term(entries[0])
        if len(array.shape) == 1:
            side = lying or array.orientation or ("" if self.flat else "column")
            if side == "column":
                return Term(ROWS, *(Term(LIST, x) for x in _cut(entries, LARGEST_MATRIX, "⋮")))
            listed = Term(LIST, *_cut(entries, LARGEST_MATRIX, "⋯"))
            return Term(ROWS, listed) if side == "row" else listed
        if len(array.shape) > 2:
            return Term(LIST, *(self.shown(array[(i,)]) for i in range(array.shape[0])))
        m, n = array.shape
        rows = [_cut(entries[i * n : i * n + n], LARGEST_MATRIX, "⋯") for i in range(m)]
        return Term(ROWS, *(Term(LIST, *each) for each in _cut(rows, LARGEST_MATRIX, ["⋮"] * len(rows[0]))))

    def worth(self, term: Term) -> Array:
        """What a term is worth, for display."""
        term = self.same.get(term, term)
        return self.clean.get(term) or self.scope.array(term)

    def cleaned(self, term: Term, array: Array, entries: list[Term]) -> Array:
        """Return an array, and note it, with 0 where the terms of its entries cancel but for rounding."""
        data = array.data
        new = [
            0.0 if (x and abs(x) <= 1e-15 * size(entry)) or (not value(entry) and abs(x) < 1e-12) else x
            for x, entry in zip(data, entries, strict=False)
        ]
        if new and new != data:
            self.clean[term] = array = Array(array.shape, new, array.orientation)
        return array

    # Entry by entry.

    def entries(self, term: Term) -> list[Term]:
        """Write each entry of a term with its numbers; none where a record cannot be written out, or the term is too large."""
        leaves = sum(len(self.scope.array(x).entries) for x in term.walk() if self.is_leaf(x))
        if leaves > MOST_LEAVES:
            return []
        try:
            return [_without_nothing(x) if isinstance(x, Term) else Term(x) for x in self.array(term).entries]
        except (TypeError, ShapeError, AttributeError):
            return []

    def array(self, term: Term) -> Array:
        """Compute a term with terms of numbers in the place of numbers."""
        head, operands = term.head, term.operands
        if self.is_leaf(term) or head in _VALUES:
            array = self.worth(term)
            return Array(array.shape, map(Term, array.data), array.orientation)
        if isinstance(head, float):
            return Array((), [term])
        if head in PLACED:
            one = self.scope.array(Term(head, 1.0, *operands[1:]))
            (entry,) = self.array(operands[0]).entries
            return Array(one.shape, (entry if x else NOTHING for x in one.data), one.orientation)
        arrays = [self.array(x) for x in operands]
        if head in _WRITTEN:
            return _WRITTEN[head](*arrays)
        if isinstance(head, Record):
            return head.value(
                *(Array((), [x.head]) if x.is_number else a for x, a in zip(operands, arrays, strict=True))
            )
        return elementwise(head, *arrays)


def _cut(entries: list[Any], most: int, mark: Any) -> list[Any]:
    return entries if len(entries) <= most else [*entries[: most - 2], mark, entries[-1]]


def _without_nothing(term: Term) -> Term:
    def change(part: Term) -> Term | None:
        if part.head is ops.add and NOTHING in part.operands:
            return next((x for x in part.operands if x != NOTHING), NOTHING)
        return None

    out = term.replaced(change)
    return Term(0.0) if out == NOTHING else out


def evaluated(term: Term) -> Term:
    """Replace functions of numbers by their values: ReLU(1.35) + sin(1.35) becomes 1.35 + 0.9757.

    >>> evaluated(ops.relu(Term(2.0)) + ops.exp(Term(1.0) - 1))
    2 + 1
    """
    if isinstance(term.head, Op) and term.head not in ARITHMETIC:
        return Term(value(term))
    return Term(term.head, *map(evaluated, term.operands)) if term.operands else term


def value(term: Term) -> float:
    """Compute a term of numbers."""
    if isinstance(term.head, float):
        return term.head
    with no_grad():
        return float(term.head(*map(value, term.operands)))


def size(term: Term) -> float:
    """Compute how large the parts are that a term of numbers adds up."""
    if term.head is ops.add or term.head is ops.sub:
        return sum(map(size, term.operands))
    if term.head is ops.mul:
        return size(term.operands[0]) * size(term.operands[1])
    if term.head is ops.neg:
        return size(term.operands[0])
    return abs(value(term))


def size_of(term: Term) -> int:
    """Count the parts of a term."""
    return sum(1 for _ in term.walk())


def shortened(term: Term) -> Term:
    """Leave out the middle of a long sum.

    >>> shortened(total([Term(float(i)) for i in range(20)]))
    0 + 1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + ⋯ + 18 + 19
    """
    parts = [term]
    while parts[0].head is ops.add:
        parts[:1] = parts[0].operands
    if len(parts) > TERMS:
        return total(itertools.chain(parts[: TERMS - 3], [Term("⋯")], parts[-2:]))
    return Term(term.head, *map(shortened, term.operands)) if term.operands else term
