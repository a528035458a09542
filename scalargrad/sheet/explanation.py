"""Any graph of Values as a problem: an equation for each operation that it recorded."""

from __future__ import annotations

from scalargrad.order import ordered
from scalargrad.sheet.problem import Asked, Equation, Problem, answer_name
from scalargrad.sheet.terms import CALL, DERIV, PRIME, Term
from scalargrad.value import Value

MOST_STEPS = 300  # that are written out


def recorded(root: Value, whole: Term | None = None) -> Problem:
    """Return the problem of a value's derivatives by its leaves.

    >>> x = Value(3.0, label="x")
    >>> print(recorded(x * x + 1))
    x = 3
    v1 = x x
    f = v1 + 1
    find "df/dx" = ∂f/∂x

    `whole` is the whole expression over the labels, where it is known: its gradient is asked for as a formula. Raises
    ValueError for more than 300 steps, TypeError for what is no Value or has a `_backward` written by hand.
    """
    if not isinstance(root, Value):
        raise TypeError(f"a Value is needed, got {root!r} ({type(root).__name__})")
    order = ordered([root])
    if len(order) > MOST_STEPS:
        raise ValueError(
            f"the graph has {len(order):,} values: more than the {MOST_STEPS} that can be explained one by one"
        )
    labels = [node.label for node in order]
    names: dict[Value, Term] = {}
    equations, leaves, count = [], [], 0
    for node in order:
        if node._by_hand:
            raise TypeError(
                f"{node!r} has a _backward written by hand, of which no derivative can be shown: make an operation of it, with "
                "@operation or Op, whose derivatives are formulas"
            )
        own = node.label if labels.count(node.label) == 1 and node.label.isidentifier() else ""
        if node.kind == "constant":
            names[node] = Term(node.data)
            continue
        while not own:
            count += 1
            own = "" if f"v{count}" in labels else f"v{count}"
        if node is root and not node.label:
            own = "f" if "f" not in labels else own
        names[node] = Term(own)
        right = Term(node._operation, *(names[parent] for parent in node.parents)) if node.parents else Term(node.data)
        equations.append(Equation(names[node], right))
        leaves += [] if node.parents else [names[node]]
    top = names[root]
    asked = [Asked(answer_name(Term(DERIV, top, x)), Term(DERIV, top, x)) for x in leaves if x != top]
    if whole is not None and leaves and equations[-1].left == top:
        call = Term(CALL, top, *leaves)
        equations[-1] = Equation(call, whole)
        asked.append(Asked(f"∇{top}" if len(leaves) > 1 else f"{top}'", Term(PRIME, top, 1.0)))
    return Problem(tuple(equations), tuple(asked))
