"""Linear units: sums of products plus a bias, found in a graph however they were written.

`sum(w*x) + b` with the 0 that `sum` starts from, a loop, the bias first or last, NumPy's `@`: all are trees of
additions whose terms are products with a parameter, parameters, and whatever else is added.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from scalargrad import Op, Value, ops
from viz.typeset import Typeset, constant

MANY_TERMS = 6  # so many leaves that only a sum uses are rows on its card
FEWEST_ALIKE, MOST_IN_A_TERM = 3, 12  # terms of one form that are told by their number, and the scalars in each

SUMS, PRODUCTS = (ops.add, "+"), (ops.mul, "*")  # from the table of operations, or made by hand under this name


class Row(NamedTuple):
    """A leaf that stands on the card of the unit that uses it, and the scalar of that unit that was computed from it.

    >>> w, x = Value(2.0, label="w"), Value(3.0)
    >>> Row(w, w * x).leaf.label
    'w'
    """

    leaf: Value
    into: Value


@dataclass
class Unit:
    """A sum: the scalar that it comes to, the leaves among the terms, and the scalars on the way, which need no card.

    >>> Unit(Value(3.0)).rows
    []
    """

    value: Value
    rows: list[Row] = field(default_factory=list)  # weights, then biases
    inside: list[Value] = field(default_factory=list)  # partial sums, products with a row's leaf, a sum's first 0
    terms: list[Value] = field(default_factory=list)  # all else that is added
    alike: dict[str, int] = field(default_factory=dict)  # terms that need no card: how they are written, and how many


Uses = dict[Value, list[Value]]


def uses_of(order: Sequence[Value]) -> Uses:
    """List for every value its results: what was computed from the value, once for each time it is an operand.

    >>> x = Value(3.0)
    >>> y = x * x
    >>> uses_of([x, y])[x] == [y, y]
    True
    """
    uses: Uses = {value: [] for value in order}
    for child in order:
        for parent in child.parents:
            uses[parent].append(child)
    return uses


def linear_units(order: Sequence[Value], uses: Uses, roots: Sequence[Value]) -> list[Unit]:
    """Find the linear units of a graph, and its other sums of three terms or more.

    >>> from scalargrad import topological_order
    >>> w, x, b = Value(2.0, label="w"), Value(3.0, label="x"), Value(1.0, label="b")
    >>> z = sum([w * x]) + b
    >>> order = topological_order(z)
    >>> [[row.leaf.label for row in unit.rows] for unit in linear_units(order, uses_of(order), [z])]
    [['w', 'b']]
    """
    units = list(_Finder(order, uses, roots).units())
    _fold_alike(units, uses, set(roots))
    return units


class _Finder:
    def __init__(self, order: Sequence[Value], uses: Uses, roots: Sequence[Value]) -> None:
        self.order, self.uses, self.roots = order, uses, set(roots)
        # Where parameters are marked as such, only they are weights; else any leaf may be a weight.
        self.role = "parameter" if any(value.role == "parameter" for value in order) else ""

    def units(self) -> Iterator[Unit]:
        absorbed: set[Value] = set()
        for value in reversed(self.order):
            if value.operation in SUMS and len(value.parents) == 2 and value not in absorbed:
                unit = self.unit(value)
                if unit:
                    absorbed.update(unit.inside)
                    yield unit

    def unit(self, head: Value) -> Unit | None:
        sums, weights, leaves, zeros, single, others = [], [], [], [], [], []
        stack = [(head, head)]
        while stack:
            node, child = stack.pop()
            if node is head or self.is_partial_sum(node, head):
                sums.append(node)
                stack += [(operand, node) for operand in reversed(node.parents)]
            elif (weight := self.weight(node, head)) is not None:
                weights.append(Row(weight, node))
            elif not node.parents and node.kind == "constant" and node.data == 0:
                zeros.append(node)  # the 0 that `sum` starts from
            elif not node.parents and (node.role in ("parameter", "target", "constant") or self.is_bias(node)):
                leaves.append(Row(node, child))
            elif not node.parents and len(self.uses[node]) == 1:
                single.append(Row(node, child))
            else:
                others.append(node)
        if not weights:
            leaves = [row for row in leaves if row.leaf.role]
        if len(single) >= MANY_TERMS:  # a column of so many cards would be nothing but a list
            leaves += single
        if len(sums) < 2 and (not weights or len(weights) + len(leaves) < 2):
            return None  # an addition of two operands is no unit
        return Unit(head, weights + leaves, [*sums[1:], *(row.into for row in weights), *zeros], others)

    def is_partial_sum(self, node: Value, head: Value) -> bool:
        if node.operation not in SUMS or len(node.parents) != 2 or len(self.uses[node]) != 1 or node in self.roots:
            return False
        if node.scope != head.scope:
            return False
        if not node.label:
            return True
        # A sum with a name is partial if its terms are weighted and the next is weighted or a bias: x1w1 + x2w2, and b.
        (child,) = self.uses[node]
        (other,) = (operand for operand in child.parents if operand is not node)
        going_on = self.weight(other, head) is not None or (not other.parents and self.is_bias(other))
        return going_on and any(self.weight(term, head) is not None for term in node.parents)

    def weight(self, term: Value, head: Value) -> Value | None:
        """Return the weight in a term that is a product, if the product is used in this sum alone."""
        if (
            term.operation not in PRODUCTS
            or len(term.parents) != 2
            or len(self.uses[term]) != 1
            or term.scope != head.scope
        ):
            return None
        left, right = term.parents
        if left is right or term in self.roots:
            return None
        candidates = [operand for operand in (left, right) if not operand.parents and operand.role == self.role]
        # Of two leaves without roles, the weight is the one not called x, or the one used less, as inputs are shared.
        return min(candidates, key=lambda leaf: (_called_x(leaf), len(self.uses[leaf])), default=None)

    def is_bias(self, leaf: Value) -> bool:
        return leaf.role == self.role and not (self.role == "" and _called_x(leaf))


def _called_x(leaf: Value) -> bool:
    return str(leaf.label).lower().startswith("x")


def _fold_alike(units: Sequence[Unit], uses: Uses, roots: set[Value]) -> None:
    """Take in the terms of one form, such as the squares of a penalty, that are computed from leaves with rows elsewhere.

    With a card for each, and edges from all layers, they would be the largest part of a picture, and tell the least.
    """
    shown = {row.leaf for unit in units for row in unit.rows}
    for unit in units:
        forms: dict[str, list[list[Value]]] = {}
        for term in unit.terms:
            inside = [] if term in roots else _closed(term, uses, shown)
            if inside:
                forms.setdefault(str(_form(term)), []).append(inside)
        for form, together in forms.items():
            if len(together) >= FEWEST_ALIKE:
                unit.alike[form] = len(together)
                unit.inside += [value for inside in together for value in inside]


def _closed(term: Value, uses: Uses, shown: set[Value]) -> list[Value]:
    """Return a term, and what else only the term is computed with; nothing where it takes what has no row."""
    inside: list[Value] = []
    stack = [term]
    while stack and len(inside) <= MOST_IN_A_TERM:
        value = stack.pop()
        if value.parents and len(uses[value]) == 1:
            inside.append(value)
            stack += dict.fromkeys(value.parents)
        elif value.kind == "constant" and len(uses[value]) == 1:
            inside.append(value)
        elif value not in shown:
            return []
    return inside if len(inside) <= MOST_IN_A_TERM else []


def _form(value: Value) -> Typeset:
    if not value.parents:
        return constant(value.data) if value.kind == "constant" else Typeset("p")
    operands = [_form(parent) for parent in value.parents]
    op = value.operation
    return op(*operands) if isinstance(op, Op) else Typeset(f"{op}({', '.join(operands)})")


def folded_leaves(units: Sequence[Unit], uses: Uses) -> set[Value]:
    """Return the leaves that need no card: each of their uses is a row, and no unit has two rows for one leaf.

    >>> folded_leaves([], {})
    set()
    """
    rows = Counter(row.leaf for unit in units for row in unit.rows)
    twice = {leaf for unit in units for leaf, n in Counter(row.leaf for row in unit.rows).items() if n > 1}
    hidden = {value for unit in units if unit.alike for value in unit.inside}
    return {
        leaf
        for leaf, n in rows.items()
        if leaf not in twice and n + sum(use in hidden for use in uses[leaf]) >= len(uses[leaf])
    }
