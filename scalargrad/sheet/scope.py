"""A problem evaluated: every quantity by name, computed when it is asked for, with Values.

The meaning of a term is settled here, once it is known which names the problem has and what shapes they are: whether w_1 is
a name or the first entry of w, what a product multiplies, over what a sum goes. The settled term of a quantity is made of
numbers, names of other quantities, and operations; it is worth an Array.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scalargrad import ops
from scalargrad.derivatives import cotangents
from scalargrad.modes import no_grad
from scalargrad.node import Node
from scalargrad.op import Op
from scalargrad.order import ordered
from scalargrad.sheet.arrays import Array, ShapeError, elementwise, product, shown
from scalargrad.sheet.grammar import flat
from scalargrad.sheet.indexing import without_indices
from scalargrad.sheet.problem import Equation, Problem, answer_name, derivative_name, fixed, prelude
from scalargrad.sheet.records import FUNCTIONS, RECORDS, Record
from scalargrad.sheet.shares import ONE, added, multiplied, pulled_back, whole
from scalargrad.sheet.terms import (
    CALL,
    CDOT,
    DERIV,
    FILL,
    JUX,
    LIST,
    PRIME,
    ROWS,
    STAR,
    SUB,
    SUM,
    SUP,
    Term,
)  # fmt: skip
from scalargrad.sheet.tokens import LanguageError
from scalargrad.value import Value

MOST_TERMS = 10_000  # of a sum over an index


class SheetError(LanguageError):
    """A problem that cannot be solved as it is stated."""


@dataclass(frozen=True)
class Quantity:
    """A quantity of a problem.

    name      its plain name
    term      what it is equal to; itself where it is given
    array     what it is worth
    equation  the equation that defines it; None where it follows from others
    """

    name: str
    term: Term
    array: Array
    equation: Equation | None = None

    @property
    def is_given(self) -> bool:
        """Whether it has its numbers from the problem."""
        return self.term.head == self.name

    @property
    def sources(self) -> tuple[str, ...]:
        """The quantities that it is made of; of a derivative, none."""
        return self.term.names if not self.is_given and not any(part.head is DERIV for part in self.term.walk()) else ()

    @property
    def is_stated(self) -> bool:
        """Whether the problem speaks of it, and not only of an array that it is an entry of."""
        return self.equation is not None or self.term.head not in (RECORDS["index"], RECORDS["item"])


class Scope:
    """The quantities of a problem, with the numbers of one step."""

    def __init__(self, problem: Problem, overrides: Mapping[str, Array] | None = None) -> None:
        self.problem, self.overrides = problem, dict(overrides or {})
        self.exact: dict[str, list[Equation]] = {}
        self.families: list[Equation] = []
        self.functions: dict[str, Equation] = dict(prelude())
        self.upstream: dict[str, list[Equation]] = {}
        self.quantities: dict[str, Quantity] = {}
        self.folded: dict[Term, str] = {}
        self.under_way: list[str] = []
        self.worth: dict[Term, Array] = {}
        self.wholes: dict[Equation, tuple[Quantity, list[range]] | None] = {}
        self._slopes: dict[Any, Mapping[Any, Any]] = {}
        for equation in problem.equations:
            self.define(equation)
        self.claims = [each for key in list(self.upstream) if key in self.exact for each in self.upstream.pop(key)]
        self.first = 0 if self._counts_from_zero() else 1
        self.index = RECORDS["index" if self.first else "item"]

    def define(self, equation: Equation) -> None:
        """Note what an equation defines."""
        left = equation.left
        if left.head is CALL:
            self.functions[equation.name] = equation
            self.exact.setdefault(equation.name, []).append(equation)
        elif left.head is DERIV:
            of, _by = left.operands
            if not (equation.right.head is CALL or str(flat(of)) in self.functions):
                self.upstream.setdefault(str(flat(of)), []).append(equation)
        elif equation.variables:
            self.families.append(equation)
        else:
            self.exact.setdefault(str(flat(fixed(left))), []).append(equation)

    def _counts_from_zero(self) -> bool:
        arrays = {
            name for name, equations in self.exact.items() if any(e.right.head in (LIST, ROWS) for e in equations)
        }
        terms = [t for e in self.problem.equations for t in (*e.left.walk(), *e.right.walk())] + [
            t for a in self.problem.asked for t in a.term.walk()
        ]
        return any(t.head is SUB and str(flat(t.operands[0])) in arrays and Term(0.0) in t.operands[1:] for t in terms)

    # Quantities by name.

    def __getitem__(self, name: str) -> Quantity:
        """Return a quantity by its plain name. Raises SheetError where there is none."""
        quantity = self.find(Term(name))
        if quantity is None:
            hint = "; for Euler's number write exp(1)" if name == "e" else ""
            raise SheetError(f"no value for {name}{hint}")
        return quantity

    def find(self, name: Term) -> Quantity | None:
        """Return the quantity that a name with its indices means; None where there is none."""
        key = str(flat(name))
        if key in self.quantities:
            return self.quantities[key]
        if key in self.overrides or key in self.exact:
            return self.settled(key, self.exact.get(key, [None])[-1] if key in self.overrides else None)
        for equation in self.families:
            bound = self.unified(equation, name)
            if bound is not None:
                whole = self.whole_family(equation) if all(x.is_number for x in bound.values()) else None
                if whole is not None:
                    places = [bound[x].head - each[0] for x, each in zip(equation.variables, whole[1], strict=True)]
                    term = Term(RECORDS["item"], whole[0].name, *places)
                    if all(each[0] == self.first for each in whole[1]):
                        term = Term(self.index, whole[0].name, *bound.values())
                    return self.note(Quantity(key, term, self.array(term)))
                return self.computed(key, fixed(equation.right.put(bound)), equation)
        if key in self.upstream:
            return self.continued(key)
        return self.entry(key, name) or self.assembled(key, name)

    def whole_family(self, equation: Equation) -> tuple[Quantity, list[range]] | None:
        """Compute an equation with indices for the whole array at once, where that gives the same as its entries."""
        if equation not in self.wholes:
            self.wholes[equation] = None
            base, indices = _taken_apart(equation.left)
            key = str(flat(base))
            if all(x.is_name and x.head in equation.variables for x in indices) and key not in self.under_way:
                self.under_way.append(key)
                try:
                    ranges = self.ranges(equation, [x.head for x in indices])
                    term = self.whole(equation.right, indices)
                    if term is not None and self.array(term).shape == tuple(map(len, ranges)):
                        bounds = [
                            dict(zip(equation.variables, values, strict=True))
                            for values in _grid([[Term(float(i)) for i in each] for each in ranges])
                        ]
                        entries = [self.array(self.settle(fixed(equation.right.put(bound)))).data for bound in bounds]
                        if all(
                            math.isclose(x, y[0], rel_tol=1e-12, abs_tol=1e-15)
                            for x, y in zip(self.array(term).data, entries, strict=True)
                        ):
                            self.wholes[equation] = self.note(Quantity(key, term, self.array(term), equation)), ranges
                except (SheetError, ShapeError):
                    pass
                finally:
                    self.under_way.pop()
        return self.wholes[equation]

    def settled(self, key: str, equation: Equation | None) -> Quantity:
        """Compute what is defined by equations of its own; where there are several, they must agree."""
        if key in self.overrides:
            return self.note(Quantity(key, Term(key), self.overrides[key], equation))
        found = [self.computed(key, each.right, each) for each in self.exact[key]]
        for other in found[1:]:
            a, b = found[0].array, other.array
            if len(a.entries) != len(b.entries) or any(
                not math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-9) for x, y in zip(a.data, b.data, strict=True)
            ):
                raise SheetError(f"{key} is stated twice, with different values: {a.nested} and {b.nested}")
        best = min(found, key=lambda q: (q.is_given, sum(1 for _ in q.term.walk())))
        return self.note(best)

    def computed(self, key: str, right: Term, equation: Equation | None) -> Quantity:
        """Compute a right side, and note it under a name."""
        if key in self.under_way:
            raise SheetError(
                f"{key} is defined by itself: {' → '.join([*self.under_way[self.under_way.index(key) :], key])}"
            )
        self.under_way.append(key)
        try:
            if right.head is FILL:
                shape, orientation = self.shape_beside(key)
                term, array = Term(key), Array.of(right.operands[0].head).spread(shape, orientation)
            else:
                term = self.settle(right)
                array = self.array(term)
                if not term.names:
                    term = Term(key)
            if term.head == key:
                array = self.leaf(key, array, right)
        except ShapeError as error:
            raise SheetError(f"{equation or key}: {error}") from None
        finally:
            self.under_way.pop()
        return self.note(Quantity(key, term, array, equation))

    def leaf(self, key: str, array: Array, right: Term) -> Array:
        """Make Values of given numbers; a row or column of a small letter is a vector."""
        if right.head is ROWS and key[:1].islower() and 1 in array.shape and len(array.shape) == 2:
            array = array.reshaped((len(array.entries),), "row" if array.shape[0] == 1 else "column")
        single = len(array.entries) == 1
        comma = "," if max(array.shape, default=0) > 9 else ""
        places = itertools.product(*(range(1, n + 1) for n in array.shape))
        labels = [key if single else f"{key}_{comma.join(map(str, place))}" for place in places]
        return Array(
            array.shape,
            (
                x if isinstance(x, Value) and x.label else Value(x.data if isinstance(x, Node) else x, label=label)
                for x, label in zip(array.entries, labels, strict=True)
            ),
            array.orientation,
        )

    def note(self, quantity: Quantity) -> Quantity:
        """Keep a quantity; other terms that contain its term mean it."""
        self.quantities[quantity.name] = quantity
        self.worth[Term(quantity.name)] = quantity.array
        if quantity.term.operands:
            self.folded.setdefault(_canonical(quantity.term), quantity.name)
        return quantity

    def unified(self, equation: Equation, name: Term) -> dict[str, Term] | None:
        """Find the values of an equation's indices with which its left side is a name."""
        pattern, pattern_indices = _taken_apart(equation.left)
        base, indices = _taken_apart(name)
        if base != pattern:
            pattern, pattern_indices = _taken_apart(equation.left, layers=False)
            base, indices = _taken_apart(name, layers=False)
        if base != pattern:
            return None
        if len(indices) == 1 < len(pattern_indices) and indices[0].is_number:
            indices = [Term(float(digit)) for digit in f"{indices[0].head:.0f}"]
        if len(indices) != len(pattern_indices):
            return None
        bound: dict[str, Term] = {}
        limits = {each.index: each for each in equation.ranges}
        for want, have in zip(pattern_indices, indices, strict=True):
            if want.is_name and want.head in equation.variables:
                if (
                    want.head in limits
                    and have.is_number
                    and not self.number(limits[want.head].low) <= have.head <= self.number(limits[want.head].high)
                ):
                    return None
                bound[want.head] = have
            elif set(want.names) & set(equation.variables) and have.is_number:  # v_{t+1} = ...
                (letter,) = want.names
                bound[letter] = Term(have.head - _at(want, letter, 0, {}))
            elif want != have:
                return None
        return bound

    def continued(self, key: str) -> Quantity:
        """Make a quantity of which only gradients are given: the sum of them times what they belong to."""
        terms = []
        for equation in self.upstream[key]:
            by, g = self.settle(equation.left.operands[1]), self.settle(equation.right)
            if self.array(g).shape != self.array(by).shape:
                g = whole(g, by, self.array)
            self.note(Quantity(derivative_name(equation.left), g, self.array(g), equation))
            both = multiplied(RECORDS["hadamard"], g, by, self.array)
            terms.append(Term(RECORDS["sum"], both) if self.array(both).shape else both)
        term = added(terms)
        return self.note(Quantity(key, term, self.array(term)))

    def entry(self, key: str, name: Term) -> Quantity | None:
        """Return an entry of an array, where a name is one with indices."""
        found = self.indexed(name)
        if found is not None and found[0].array.shape and found[1] and all(self.is_number(x) for x in found[1]):
            return self._picked(key, found[0], [self.number(x) for x in found[1]])
        return None

    def indexed(self, name: Term) -> tuple[Quantity, list[Term]] | None:
        """Return the quantity that the first part of a name with indices means, and the indices that are left."""
        base, indices = _taken_apart(name)
        for n in range(len(indices) - 1, -1, -1):
            stem = Term(SUB, base, *indices[:n]) if n else base
            if str(flat(stem)) not in self.under_way:
                quantity = self.find(stem)
                if quantity is not None and quantity.is_stated:
                    return quantity, indices[n:]
        return None

    def _picked(self, key: str, quantity: Quantity, indices: list[float]) -> Quantity:
        shape = quantity.array.shape
        if len(indices) == 1 and len(shape) == 2 and indices[0] >= 10:
            indices = [float(digit) for digit in f"{indices[0]:.0f}"]
        place = [int(i) - self.first for i in indices]
        if len(place) > len(shape) or any(not 0 <= i < n for i, n in zip(place, shape, strict=False)):
            raise SheetError(f"{key} is no entry of {quantity.name}, which has the shape {shown(shape)}")
        term = Term(self.index, quantity.name, *indices)
        return self.note(Quantity(key, term, self.array(term)))

    def assembled(self, key: str, name: Term) -> Quantity | None:
        """Put together an array of which the entries are defined one by one, or for each index."""
        if key in self.under_way:
            return None
        self.under_way.append(key)
        try:
            return self._put_together(key, name)
        finally:
            self.under_way.pop()

    def _put_together(self, key: str, name: Term) -> Quantity | None:
        for equation in self.families:
            pattern, indices = _taken_apart(equation.left)
            layered = _taken_apart(equation.left, layers=False)
            if flat(pattern) == flat(name) or flat(layered[0]) == flat(name):
                if flat(pattern) == flat(name) and (whole := self.whole_family(equation)) is not None:
                    return whole[0]
                variables = [name for x in indices for name in x.names if name in equation.variables]
                if variables:
                    ranges = self.ranges(equation, variables)
                    names = [[Term(float(i)) for i in each] for each in ranges]
                    left = [
                        self.find(fixed(equation.left.put(dict(zip(variables, values, strict=True)))))
                        for values in _grid(names)
                    ]
                    parts = [q for q in left if q is not None]
                    return self._stack(key, parts, tuple(map(len, names)))
        named = self.numbered(SUB, name)
        if len({self[str(flat(Term(SUB, name, float(i))))].array.shape for i in named}) > 1:
            return None
        return (
            self._stack(key, [self[str(flat(Term(SUB, name, float(i))))] for i in named], (len(named),))
            if named
            else None
        )

    def numbered(self, script: Any, base: Term) -> range:
        """Return the numbers for which a name with that index has an equation of its own."""
        first = next((i for i in (0, 1) if self._has(script, base, i)), 0)
        last = first
        while self._has(script, base, last):
            last += 1
        return range(first, last)

    def _has(self, script: Any, base: Term, index: int) -> bool:
        return str(flat(Term(script, base, float(index)))) in self.exact

    def check_claims(self) -> None:
        """Hold derivatives that are stated of a quantity with an equation, such as ∂L/∂s = p - y, against the backward pass."""
        for claim in self.claims:
            stated, found = self.array(self.settle(claim.right)), self.array(self.settle(claim.left))
            values = stated.spread(found.shape).data
            if any(not math.isclose(x, y, rel_tol=1e-6, abs_tol=1e-9) for x, y in zip(values, found.data, strict=True)):
                raise SheetError(f"{claim} is {stated.nested}, but the equations give {found.nested}")

    def unroll(self, equation: Equation) -> None:
        """Compute an equation for all values of its indices; of an index without a range, as a label."""
        variables = list(equation.variables)
        try:
            ranges = self.ranges(equation, variables)
        except SheetError:
            with contextlib.suppress(SheetError):
                self.find(equation.left)
            return
        for values in _grid([[Term(float(i)) for i in each] for each in ranges]):
            self.find(fixed(equation.left.put(dict(zip(variables, values, strict=True)))))
        self.find(_taken_apart(equation.left)[0])

    def _stack(self, key: str, parts: list[Quantity], shape: tuple[int, ...]) -> Quantity:
        rows = [Term(part.name) for part in parts]
        if len(shape) == 2:
            m, n = shape
            rows = [Term(RECORDS["vector"], *rows[i * n : i * n + n]) for i in range(m)]
        term = Term(RECORDS["vector"], *rows)
        return self.note(Quantity(key, term, self.array(term)))

    def results(self) -> list[str]:
        """Return the computed numbers of which nothing else is made: where there is one, it is the loss."""
        used = {name for q in self.quantities.values() for name in q.sources}
        return [
            name
            for name, q in self.quantities.items()
            if name not in used and q.sources and q.is_stated and not q.array.shape
        ]

    # What terms mean.

    def settle(self, term: Term) -> Term:
        """Return a term of numbers, names of quantities, and operations alone."""
        head = term.head
        if isinstance(head, float):
            return term
        if isinstance(head, str) or head is SUB or head is SUP:
            return self._named(term)
        reader = (
            getattr(self, f"settle_{head.name.replace(' ', '_')}", None) if not isinstance(head, (Op, Record)) else None
        )
        if reader:
            return self.fold(reader(*term.operands))
        operands = [self.settle(x) for x in term.operands]
        if head is RECORDS["hadamard"]:
            return self.fold(multiplied(head, operands[0], operands[1], self.array))
        if head is RECORDS["transpose"] and term.operands[0].head is LIST:  # (1, 2)ᵀ is a column
            return Term(RECORDS["column"], operands[0])
        if head is RECORDS["transpose"] and not self.array(operands[0]).shape:
            return operands[0]
        if head is ops.neg and operands[0].is_number:
            return Term(-operands[0].head)
        if head is ops.div and (z := _logistic(*operands)) is not None:
            return self.fold(Term(ops.sigmoid, z))
        return self.fold(Term(head, *operands))

    def fold(self, term: Term) -> Term:
        """Return the name of a quantity where a term is one."""
        name = self.folded.get(_canonical(term)) if self.folded and term.operands else None
        return Term(name) if name and name not in self.under_way else term

    def _named(self, term: Term) -> Term:
        if isinstance(term.head, str) and term in self.worth:
            return term
        quantity = self.find(fixed(term))
        if quantity is None:
            raise SheetError(self.missing(term))
        if not quantity.is_stated:
            return quantity.term
        return Term(quantity.name)

    def missing(self, term: Term) -> str:
        """Say that a name has no value, and what to write."""
        name = str(flat(term))
        if name == "e":
            return "no value for e; for Euler's number write exp(1)"
        return f"no value for {name}: give it a number, {name} = ..., or an equation"

    def settle_jux(self, a: Term, b: Term) -> Term:
        """Settle a product without a sign."""
        return self.multiplied(JUX, a, b)

    def settle_cdot(self, a: Term, b: Term) -> Term:
        """Settle a · b."""
        return self.multiplied(CDOT, a, b)

    def settle_star(self, a: Term, b: Term) -> Term:
        """Settle a * b: refused between vectors."""
        return self.multiplied(STAR, a, b)

    def multiplied(self, kind: Any, a: Term, b: Term) -> Term:
        """Multiply by the shapes of the factors."""
        a, b = self.settle(a), self.settle(b)
        first, second = self.array(a), self.array(b)
        if len(first.shape) == 2 and first.shape[1] == 1 and not second.shape and not b.is_number:
            return Term(RECORDS["flatten"], Term(ops.mul, a, b))  # a column of weights, of one input
        if kind is STAR and first.shape and second.shape and first.shape == second.shape:
            raise SheetError(
                f"{a} * {b} of two {'vectors' if len(first.shape) == 1 else 'matrices'}: write {a} ∘ {b} (entry by entry) or {a} · {b}"
            )
        if not first.shape or not second.shape or (kind is CDOT and len(first.shape) == len(second.shape) == 1):
            return multiplied(kind, a, b, self.array)
        if kind is CDOT and len(first.shape) != len(second.shape) and (spread := self.entry_by_entry(a, b)) is not None:
            return spread
        if len(first.shape) == 1 and len(second.shape) == 2 and not first.orientation:
            a = Term(RECORDS["row"], a)  # a vector before a matrix lies
        try:
            product(first, second)
        except ShapeError as error:
            raise SheetError(f"{a} {b}: {error}") from None
        return Term(RECORDS["product"], a, b)

    def entry_by_entry(self, a: Term, b: Term) -> Term | None:
        """Settle γ · X of a vector and a matrix where only the product entry by entry fits; None where only the matrix product does."""
        both = Term(RECORDS["hadamard"], a, b)
        fits = []
        for way in (both, Term(RECORDS["product"], a, b)):
            try:
                self.array(way)
                fits.append(way)
            except ShapeError:
                pass
        if len(fits) == 2:
            raise SheetError(
                f"{a} · {b} may be the matrix product or the product entry by entry: write {a} {b} or {a} ∘ {b}"
            )
        return both if fits == [both] else None

    def settle_list(self, *items: Term) -> Term:
        """Settle a vector of entries."""
        return Term(RECORDS["vector"], *map(self.settle, items))

    def settle_rows(self, *rows: Term) -> Term:
        """Settle a matrix."""
        lengths = {len(row.operands) for row in rows}
        if len(lengths) > 1:
            raise SheetError(f"the rows of a matrix have different lengths: {', '.join(map(str, sorted(lengths)))}")
        return Term(RECORDS["vector"], *map(self.settle, rows))

    def settle_bars(self, inside: Term) -> Term:
        """Settle |x|: the size of a number."""
        inside = self.settle(inside)
        if self.array(inside).shape:
            raise SheetError(
                f"bars around a vector, |{inside}|: write ‖ ‖ for its length or abs() for the sizes of its entries"
            )
        return Term(ops.abs, inside)

    def settle_norm(self, inside: Term) -> Term:
        """Settle ‖x‖: the Euclidean length."""
        inside = self.settle(inside)
        return Term(RECORDS["norm"], inside) if self.array(inside).shape else Term(ops.abs, inside)

    def settle_fill(self, number: Term) -> Term:
        """Refuse a bold number whose shape nothing states."""
        raise SheetError(f"a vector of {number}: of what length? Write it out")

    def settle_sum_over(self, body: Term, index: Term, *limits: Term) -> Term:
        """Settle a sum over an index: its terms one after another."""
        added_up = added(self.terms(body, index, limits))
        indices = [index]
        while body.head is SUM:
            body, index, *_ = body.operands
            indices.append(index)
        arrays = self.whole(body, indices)
        if arrays is not None and self.array(added_up).data == self.array(Term(RECORDS["sum"], arrays)).data:
            return Term(RECORDS["sum"], arrays)
        return added_up

    def whole(self, body: Term, indices: list[Term]) -> Term | None:
        """Settle what a body says of whole arrays; None where it says it of single ones."""
        changed = without_indices(body, indices)
        if changed is None:
            return None
        try:
            settled = self.settle(changed)
            made_of = [self.quantities.get(name) for name in settled.names]
            assembled = any(q and q.equation is None and q.term.head is RECORDS["vector"] for q in made_of)
            return settled if len(self.array(settled).shape) == len(indices) and not assembled else None
        except (SheetError, ShapeError):
            return None

    def settle_product_over(self, body: Term, index: Term, *limits: Term) -> Term:
        """Settle a product over an index."""
        out, *others = self.terms(body, index, limits)
        for other in others:
            out = multiplied(RECORDS["hadamard"], out, other, self.array)
        return out

    def terms(self, body: Term, index: Term, limits: tuple[Term, ...]) -> list[Term]:
        """Settle the body for each value of an index, or for each word that stands in its place: target_o1, target_o2."""
        if limits and all(self.is_number(x) for x in limits):
            values = range(int(self.number(limits[0])), int(self.number(limits[1])) + 1)
        else:
            try:
                values = self.range_of(index.head, body, {})
            except SheetError:
                if labels := self.labels(index, body):
                    return [self.settle(body.put({index.head: Term(label)})) for label in labels]
                raise
        if not 1 <= len(values) <= MOST_TERMS:
            raise SheetError(f"the sum over {index} has {len(values)} terms")
        return [self.settle(fixed(_with_index(body, index.head, float(i)))) for i in values]

    def labels(self, index: Term, body: Term) -> list[str]:
        """Return the words that stand, in the names that there are, at all places of an index."""
        bases = [
            str(flat(part.operands[0])) + "_"
            for part in body.walk()
            if part.head is SUB and part.operands[1:] == (index,)
        ]
        found = [[name.removeprefix(base) for name in self.exact if name.startswith(base)] for base in bases]
        return [label for label in min(found, key=len, default=[]) if all(label in each for each in found)]

    def is_number(self, term: Term) -> bool:
        """Say whether a term has a number as its value."""
        if term.is_number:
            return True
        try:
            return not self.array(self.settle(term)).shape
        except SheetError:
            return False

    def number(self, term: Term) -> float:
        """Return the number that a term is worth."""
        if isinstance(term.head, float):
            return term.head
        array = self.array(self.settle(term))
        if array.shape:
            raise SheetError(f"a number is needed, not {term}")
        return array.data[0]

    # Functions and derivatives.

    def settle_call(self, function: Term, *arguments: Term) -> Term:
        """Settle a function of the problem, or the derivative of one, on arguments."""
        order = 0
        if function.head is PRIME:
            function, order = function.operands[0], int(function.operands[1].head)
        name = str(flat(function))
        if name not in self.functions and name in FUNCTIONS and order:
            return self.slope_of_operation(FUNCTIONS[name], order, arguments)
        if name not in self.functions:
            raise SheetError(f"no function {name}")
        equation = self.functions[name]
        parameters = equation.left.operands[1:]
        named = {
            x.operands[0].head: x.operands[1]
            for x in arguments
            if x.head is LIST and len(x.operands) == 2 and x.operands[0].is_name
        }
        given = [x for x in arguments if not (x.head is LIST and x.operands[0].head in named)]
        if len(given) == 1 < len(parameters) and (vector := self.array(self.settle(given[0]))).shape == (
            len(parameters),
        ):
            given = [
                Term(self.index, self.settle(given[0]), float(i))
                for i in range(self.first, self.first + len(vector.entries))
            ]
        terms: dict[str, Term] = {}
        for parameter in parameters:
            default = parameter.operands[1] if parameter.head is LIST else None
            key = str(flat(parameter.operands[0] if default is not None else parameter))
            value = named.pop(key, None) or (given.pop(0) if given else default)
            if value is None:
                raise SheetError(f"{name} needs a value for {key}")
            terms[key] = value
        if given or named:
            raise SheetError(f"{name} takes {len(parameters)} argument{'s' * (len(parameters) > 1)}")
        if (
            not order
            and all(str(flat(x)) == key for key, x in terms.items() if x.is_name or x.head in (SUB, SUP))
            and all(x.is_name or x.head in (SUB, SUP) for x in terms.values())
            and self.quantity_of_function(name)
        ):
            return Term(name)
        settled = {key: self.settle(value) for key, value in terms.items()}
        if f"{name}()" in self.under_way:
            raise SheetError(f"{name} is defined by itself")
        self.under_way.append(f"{name}()")
        try:
            return (
                self.derivative_of_function(equation, settled, order)
                if order
                else self.settle(_put(equation.right, settled))
            )
        finally:
            self.under_way.pop()

    def quantity_of_function(self, name: str) -> bool:
        """Say whether a function is a quantity, too: f(x, y) = ... where x and y have values of their own."""
        if name not in self.exact:
            return False
        try:
            own = [self.find(Term(parameter)) for parameter in self.functions[name].parameters]
            assembled = any(q is not None and q.equation is None and q.term.head is RECORDS["vector"] for q in own)
            return not assembled and self.find(Term(name)) is not None
        except SheetError:
            return False

    def derivative_of_function(self, equation: Equation, arguments: dict[str, Term], order: int) -> Term:
        """Differentiate a function at arguments: once (the gradient, or the Jacobian), or twice (the Hessian)."""
        names = {key: Term(f"{key}\u2009") for key in arguments}  # names that no problem has, for the arguments
        for key, value in arguments.items():
            self.worth[names[key]] = self.leaf(names[key].head, self.array(value), Term(LIST))
        body = self.settle(_put(equation.right, names))
        for _ in range(order):
            parts = body.operands if body.head is RECORDS["vector"] else (body,)
            rows = [[self.slope(part, names[key]) for key in arguments] for part in parts]
            columns = [Term(RECORDS["vector"], *row) if len(row) > 1 else row[0] for row in rows]
            body = Term(RECORDS["vector"], *columns) if body.head is RECORDS["vector"] else columns[0]
        back = {name.head: arguments[key] for key, name in names.items()}
        return self.settle(body.put(back))

    def slope(self, term: Term, name: Term) -> Term:
        """Return the derivative of a scalar term with respect to a name, as a term."""
        arrived = pulled_back(term, Term(1.0), self.array, lambda part: part == name).get(name)
        if arrived is None:
            return Term(0.0)
        return whole(added(arrived), name, self.array).simplified()

    def slope_of_operation(self, function: Op | Record, order: int, arguments: tuple[Term, ...]) -> Term:
        """Return the derivative of a function of the table at an argument, such as σ'(z)."""
        if not isinstance(function, Op) or len(function.partials) != 1 or len(arguments) != 1:
            raise SheetError(f"{function.name} has no derivative that a prime could mean")
        z = Term("z\u2009")
        slope = Term(function, z)
        self.worth[z] = Array.of(0.0)
        for _ in range(order):
            slope = self.slope(slope, z)
        return self.settle(slope.put({z.head: self.settle(arguments[0])}))

    def settle_prime(self, function: Term, order: Term) -> Term:
        """Settle f' or ∇f without arguments: at the values of the problem."""
        name = str(flat(function))
        if name not in self.functions:
            raise SheetError(f"∇{name}: {name} is no function of the problem")
        return self.settle_call(Term(PRIME, function, order), *self.functions[name].left.operands[1:])

    def settle_derivative(self, of: Term, by: Term) -> Term:
        """Settle ∂L/∂w: a quantity of its own, from the backward pass."""
        key = derivative_name(Term(DERIV, of, by))
        out = Term(DERIV, self.settle(of), self.settle(by))
        if out not in self.worth:
            stated = self.quantities.get(key)
            self.worth[out] = stated.array if stated else self.gradient(*out.operands)
            self.quantities.setdefault(key, Quantity(key, out, self.worth[out]))
        return out

    def gradient(self, of: Term, by: Term) -> Array:
        """Return the derivatives of a term by another, from the backward pass: of a vector, a row for each entry."""
        above, below = self.array(of), self.array(by)
        if not any(isinstance(x, Node) for x in below.entries):
            raise SheetError(f"{by} is a fixed number: nothing is differentiated with respect to it")
        self.check_path(of, by, above, below)
        rows = [self.slopes(entry) for entry in above.entries]
        entries = [row.get(x, 0.0) for row in rows for x in below.entries]
        return Array((*above.shape, *below.shape), entries, below.orientation)

    def check_path(self, of: Term, by: Term, above: Array, below: Array) -> None:
        """Refuse a derivative that is 0 only because the problem does not say how the two are connected."""
        if by.is_name and self.quantities[by.head].is_given:
            return
        graph = set(ordered([x for x in above.entries if isinstance(x, Node)]))
        if not graph & {x for x in below.entries if isinstance(x, Node)}:
            raise SheetError(
                f"{answer_name(of)} does not go through {answer_name(by)} as the equations have it: write it with {answer_name(by)}"
            )

    def slopes(self, entry: Any) -> Mapping[Any, Any]:
        """Return the derivatives of one number by every Value that it was made of."""
        if not isinstance(entry, Node):
            return {}
        if entry not in self._slopes:
            order = ordered([entry])
            self._slopes[entry] = cotangents(order, {entry: 1.0}, {x for x in order if x.kind != "constant"}, {})
        return self._slopes[entry]

    # What terms are worth.

    def array(self, term: Term) -> Array:
        """Return what a settled term is worth; what was computed once is not computed again."""
        worth = self.worth
        if term not in worth:
            for part in ordered([term]):
                if part not in worth:
                    worth[part] = self.evaluated(part, [worth[x] for x in part.operands])
        return worth[term]

    def evaluated(self, term: Term, operands: list[Array]) -> Array:
        """Apply a term's operation."""
        head = term.head
        if isinstance(head, float):
            return Array((), [head])
        if isinstance(head, Op):
            return elementwise(head, *operands)
        if isinstance(head, Record):
            return head.value(*operands)
        if isinstance(head, str):
            return self[head].array
        raise SheetError(f"{term} has not been settled")

    def shape_beside(self, key: str) -> tuple[tuple[int, ...], str]:
        """Find the shape of a name by what it is added to."""
        for equation in self.problem.equations:
            for part in equation.right.walk():
                if part.head in (ops.add, ops.sub):
                    a, b = part.operands
                    for one, other in ((a, b), (b, a)):
                        if (one.is_name or one.head in (SUB, SUP)) and str(flat(one)) == key:
                            array = self.array(self.settle(other))
                            return array.shape, array.orientation
        raise SheetError(f"of what length is {key}? Write it out")

    # Ranges of indices.

    def ranges(self, equation: Equation, variables: list[str]) -> list[range]:
        """Find the values of the indices on the left of an equation."""
        out = []
        for variable in variables:
            stated = next((each for each in equation.ranges if each.index == variable), None)
            out.append(
                range(int(self.number(stated.low)), int(self.number(stated.high)) + 1)
                if stated
                else self.range_of(variable, equation.right, {})
            )
        return out

    def range_of(self, variable: str, body: Term, bound: dict[str, range]) -> range:
        """Find the values of an index from the arrays and names that it stands at."""
        shifted: list[tuple[Term, range]] = []
        for part in body.walk():
            if part.head not in (SUB, SUP):
                continue
            for axis, index in enumerate(part.operands[1:]):
                if variable in index.names:
                    values = self.axis(part, axis)
                    if values is not None and index.head == variable:
                        return values
                    if values is not None:
                        shifted.append((index, values))
        for index, values in shifted:
            others = [name for name in index.names if name != variable]
            spans = {name: bound.get(name) or self.range_of(name, _without(body, variable), bound) for name in others}
            low = [
                values[0] - _at(index, variable, 0, {k: v[0] for k, v in spans.items()}),
                values[-1] - _at(index, variable, 0, {k: v[-1] for k, v in spans.items()}),
            ]
            step = _at(index, variable, 1, dict.fromkeys(spans, 0)) - _at(index, variable, 0, dict.fromkeys(spans, 0))
            return range(math.ceil(low[0] / step), math.floor(low[1] / step) + 1)
        raise SheetError(
            f"over what does the index {variable} go? Write its range, such as Σ_{{{variable}=1}}^{{3}} or for {variable} = 1..3"
        )

    def axis(self, part: Term, axis: int) -> range | None:
        """Return the values that an index can have at a name: by its own equation, by the names that there are, by the array's length."""
        base, _ = _taken_apart(part)
        for equation in self.families:
            pattern, indices = _taken_apart(equation.left)
            key = f"the range of {flat(base)}"
            if base == pattern and len(indices) > axis and indices[axis].is_name and key not in self.under_way:
                self.under_way.append(key)
                try:
                    return self.ranges(equation, [indices[axis].head])[0]
                except SheetError:
                    continue
                finally:
                    self.under_way.pop()
        named = self.numbered(part.head, part.operands[0])
        if named and len(part.operands) == 2:
            return named
        found = self.indexed(part)
        if found is not None:
            axis -= len(part.operands) - 1 - len(found[1])
            if 0 <= axis < len(found[0].array.shape):
                return range(self.first, self.first + found[0].array.shape[axis])
        return None


def _with_index(term: Term, index: str, value: float) -> Term:
    return term.put({index: Term(value)})


def _put(term: Term, terms: Mapping[str, Term]) -> Term:
    """Put terms in the place of a function's parameters, which may be names with indices; x_1 of a vector x stays an index."""

    def change(part: Term) -> Term | None:
        if part.is_name:
            return terms.get(part.head)
        if part.head in (SUB, SUP) and (part.operands[0].is_name or part.operands[0].head in (SUB, SUP)):
            return terms.get(str(flat(part)))
        return None

    return term.replaced(change)


def _without(body: Term, variable: str) -> Term:
    """Return a body without the names at which an index stands alone with others, to look for theirs."""
    return body.replaced(
        lambda t: Term(0.0) if t.head is SUB and any(variable in x.names for x in t.operands[1:]) else None
    )


def _at(index: Term, variable: str, value: float, others: Mapping[str, float]) -> float:
    term = index.put({variable: Term(float(value)), **{name: Term(float(x)) for name, x in others.items()}})
    with no_grad():
        done: dict[Term, float] = {}
        for part in ordered([term]):
            numbers = [done[x] for x in part.operands]
            done[part] = (
                numbers[0] * numbers[1]
                if part.head in (JUX, CDOT, STAR)
                else part.head(*numbers)
                if numbers
                else part.head
            )
    return done[term]


def _taken_apart(term: Term, *, layers: bool = True) -> tuple[Term, list[Term]]:
    """Return a name without indices, and them; with `layers`, superscripts of numbers stay with the name."""
    indices: list[Term] = []
    kept: list[Term] = []
    while term.head in (SUB, SUP):
        if term.head is SUP and layers:
            kept.append(term.operands[1])
        else:
            indices = [*term.operands[1:], *indices]
        term = term.operands[0]
    for layer in reversed(kept):
        term = Term(SUP, term, layer)
    return term, indices


def _grid(axes: list[list[Term]]) -> Iterator[tuple[Term, ...]]:
    if not axes:
        yield ()
        return
    for first in axes[0]:
        for rest in _grid(axes[1:]):
            yield (first, *rest)


def _logistic(above: Term, below: Term) -> Term | None:
    """Return z where a fraction is 1/(1 + exp(-z)): the sigmoid, written out."""
    if above == ONE and below.head is ops.add and ONE in below.operands:
        power = below.operands[below.operands[0] == ONE]
        if power.head is ops.exp and power.operands[0].head is ops.neg:
            return power.operands[0].operands[0]
    return None


def _canonical(term: Term) -> Term:
    """Order the operands of sums and products, so that x + y and y + x are one."""
    if term.head is ops.add or term.head is ops.mul:
        a, b = term.operands
        return Term(term.head, *sorted((a, b), key=hash))
    return term
