"""Derivations: the chain rule written out in the language, quantity by quantity, and held against the backward pass.

>>> from scalargrad.sheet.problem import Problem
>>> problem = Problem.read("x = (1, 2); W = [[3, 4]]; z = W x; L = z^2")
>>> for step in derive(Scope(problem), "L", ["W"]):
...     print(step)
∂L/∂z = 2 z
∂L/∂W = ∂L/∂z xᵀ
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from scalargrad import ops
from scalargrad.op import Op
from scalargrad.sheet.arrays import Array
from scalargrad.sheet.printing import printed
from scalargrad.sheet.records import RECORDS, Record
from scalargrad.sheet.scope import Quantity, Scope
from scalargrad.sheet.shares import ONE, added, pulled_back, times, whole
from scalargrad.sheet.terms import DERIV, Term

# Why an operation of the table passes a gradient on as it does.
_WHY = {
    ops.add: "A sum passes the gradient on to each term unchanged.",
    ops.sub: "A difference passes the gradient on: unchanged to the first term, with a minus to the second.",
    ops.neg: "A minus turns the sign of the gradient.",
    ops.mul: "In a product each factor gets the gradient times the other factor.",
    ops.div: "In a quotient a/b the upper part gets the gradient over b, the lower one the gradient times -a/b².",
    ops.pow: "The derivative of xⁿ is n xⁿ⁻¹.",
    ops.exp: "The derivative of e^x is e^x itself.",
    ops.log: "The derivative of ln x is 1/x.",
    ops.sqrt: "The derivative of √x is 1/(2√x).",
    ops.relu: "ReLU lets the gradient through where its input is positive, and stops it elsewhere.",
    ops.sigmoid: "The derivative of σ is σ(1 - σ).",
    ops.tanh: "The derivative of tanh is 1 - tanh².",
}


_HEADS = (ops.sigmoid, *(RECORDS[f"softmax{end}"] for end in ("", "_rows", "_columns")))


class Contradiction(AssertionError):
    """A derivation whose numbers are not those of the backward pass: it is never printed."""


@dataclass(frozen=True)
class Step:
    """A derivative by one quantity.

    of, by  the quantity differentiated, and with respect to which
    shares  what arrives through each quantity that `by` is a part of, by the name of that quantity
    term    their sum, simplified
    why     the rules that were used, from the outside in
    array   its numbers
    fused   what textbooks write for it at once, such as ŷ - y for a softmax and its cross-entropy; None elsewhere
    """

    of: str
    by: str
    shares: tuple[tuple[str, Term], ...]
    term: Term
    why: tuple[str, ...]
    array: Array
    fused: Term | None = None

    @property
    def left(self) -> Term:
        """What is derived: ∂L/∂z."""
        return Term(DERIV, self.of, self.by)

    def __str__(self) -> str:
        return f"{printed(self.left)} = {printed(self.term)}"


def derive(scope: Scope, of: str, by: Iterable[str]) -> list[Step]:
    """Derive the derivatives of a scalar by quantities, and by all on the way to them, from the result back.

    Raises Contradiction where a term's numbers are not those of the backward pass.
    """
    order = path(scope, of, set(by))
    steps: list[Step] = []
    for name in order[1:]:
        if of in scope.upstream and name in scope.quantities[of].sources:
            continue  # its gradient arrives from outside
        shares, why = [], []
        for user in order[: order.index(name)]:
            quantity = scope.quantities[user]
            if name in quantity.sources:
                g = ONE if user == of else Term(DERIV, of, user)
                shares.append((user, share(scope, quantity, g, name)))
                why += reasons(quantity.term, name)
        steps.append(
            _checked(
                scope,
                Step(
                    of, name, tuple(shares), _summed(scope, shares, name), tuple(dict.fromkeys(why)), Array((), [0.0])
                ),
            )
        )
    return steps


def path(scope: Scope, of: str, by: set[str]) -> list[str]:
    """Return the quantities between a result and what it is differentiated by, each after all that are made of it."""
    reaches: dict[str, bool] = {}
    order: list[str] = []

    def visit(name: str) -> bool:
        if name not in reaches:
            reaches[name] = name in by
            found = [visit(source) for source in scope[name].sources]
            reaches[name] = name in by or any(found)
            if reaches[name]:
                order.append(name)
        return reaches[name]

    visit(of)
    return order[::-1]


def share(scope: Scope, quantity: Quantity, g: Term, name: str) -> Term:
    """Return what one quantity, of whose gradient g is the name, passes on to another in its term."""
    if g.head is DERIV and g not in scope.worth:
        scope.worth[g] = scope.gradient(*g.operands)
    by, own = Term(name), {quantity.term: Term(quantity.name)}
    if _works_entry_by_entry(scope, quantity.term, by):  # δ ∘ f'(z): the slopes are added up before they meet δ
        slopes = pulled_back(quantity.term, ONE, scope.array, lambda part: part == by)[by]
        out = times(g, added(slopes).simplified(), scope.array) or Term(0.0)
    else:
        out = added(pulled_back(quantity.term, g, scope.array, lambda part: part == by)[by])
    return whole(out.replaced(own.get), by, scope.array)


def _works_entry_by_entry(scope: Scope, term: Term, by: Term) -> bool:
    shape = scope.array(by).shape
    between = [part for part in term.walk() if part.operands and by.head in part.names]
    return all(
        (isinstance(part.head, Op) or part.head is RECORDS["hadamard"]) and scope.array(part).shape == shape
        for part in between
    )


def _summed(scope: Scope, shares: list[tuple[str, Term]], name: str) -> Term:
    total = added([term for _, term in shares])
    short = total.simplified()
    return short if scope.array(short).shape == scope.array(Term(name)).shape else total


def reasons(term: Term, name: str) -> list[str]:
    """Return the sentences of the operations in a term that a name is below."""
    inside = [part for part in term.walk() if part.operands and name in part.names]
    return [
        text
        for part in inside
        if (text := part.head.why if isinstance(part.head, Record) else _WHY.get(part.head, _other(part.head)))
    ]


def _other(head: object) -> str:
    return (
        f"{head.name} acts entry by entry: the gradient is multiplied by its derivative."
        if isinstance(head, Op) and len(head.partials) == 1
        else ""
    )


def _checked(scope: Scope, step: Step) -> Step:
    """Give a step its numbers; hold them against the backward pass."""
    array, truth = scope.array(step.term), scope.gradient(Term(step.of), Term(step.by))
    users = [scope.gradient(Term(step.of), Term(user)) for user, _ in step.shares if user != step.of]
    scale = max(map(abs, [x for array in (truth, *users) for x in array.data]), default=0.0)
    for x, y in zip(array.data, truth.data, strict=True):
        if not math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-9 * scale + 1e-300) and not (
            math.isnan(x) and math.isnan(y)
        ):
            raise Contradiction(f"{step} gives {array.nested}, but the backward pass {truth.nested}")
    return Step(step.of, step.by, step.shares, step.term, step.why, truth, fused(scope, step, truth))


def fused(scope: Scope, step: Step, truth: Array) -> Term | None:
    """Return c (p - y) where a softmax or a sigmoid p meets the logarithm of its loss, and the numbers bear it out."""
    if len(step.shares) != 1:
        return None
    p, loss = scope.quantities[step.shares[0][0]], scope.quantities[step.of].term
    logs = [part for part in loss.walk() if part.head in (ops.log, ops.xlogy)]
    if (
        p.term.operands != (Term(step.by),)
        or p.term.head not in _HEADS
        or not any(p.name in part.names for part in logs)
    ):
        return None
    targets = [Term(name) for name in loss.names if name != p.name and scope[name].array.shape == p.array.shape]
    indexed = [part.operands[0] for part in logs if part.operands[0].head is RECORDS["index"]]
    targets += [Term(RECORDS["onehot"], x.operands[1], float(len(p.array.entries))) for x in indexed]
    for y in targets:
        difference = Term(ops.sub, p.name, y)
        pairs = [(a, b) for a, b in zip(truth.data, scope.array(difference).data, strict=True) if abs(b) > 1e-12]
        factor = pairs[0][0] / pairs[0][1] if pairs else 0.0
        if pairs and all(math.isclose(a, factor * b, rel_tol=1e-9) for a, b in pairs) and factor:
            n = round(1 / factor)
            return (
                difference
                if n == 1
                else Term(ops.div, difference, float(n))
                if n and math.isclose(n * factor, 1)
                else None
            )
    return None
