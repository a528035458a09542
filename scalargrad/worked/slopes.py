"""The derivatives of the activations: derived by the records' rules, and evaluated at the weighted sums."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalargrad import ops
from scalargrad.formula import Formula, steps
from scalargrad.modes import ieee
from scalargrad.op import Op
from scalargrad.worked.document import Side, chain
from scalargrad.worked.kinks import kinks
from scalargrad.worked.sheet import Sheet, grads, printed

if TYPE_CHECKING:
    from scalargrad.value import Value
    from scalargrad.worked.solution import Sample, Solution

# Derivatives that textbooks write in another way: why, and how where the operation is all of f(z).
IDENTITIES: dict[Op, tuple[str, str]] = {
    ops.tanh: (r"\operatorname{sech}^{2}(u) = 1 - \tanh^{2}(u)", r"1 - \tanh^{2}(z)"),
    ops.sigmoid: (r"\sigma(-u) = 1 - \sigma(u)", r"\sigma(z) \cdot (1 - \sigma(z))"),
}


def slopes(sheet: Sheet, solution: Solution) -> None:
    """Write the derivative of every activation that an error term needs, and its values."""
    activations = sheet.problem.activations
    written = []
    for i in reversed(range(sheet.depth)):
        if not sheet.has_slope(i):
            continue
        if activations[i] not in written:
            sheet.subsection(f"The derivative ${sheet.df(i, 'z')}$")
            _derived(sheet, i)
            written.append(activations[i])
        _evaluated(sheet, solution, i)
        if i == sheet.depth - 1 and solution.loss is not None:
            for sample, key, mark in sheet.samples(solution):
                product_with_slope(sheet, sample, i, f"{sheet.factor}{sheet.error():2}", key, mark)


def _derived(sheet: Sheet, i: int) -> None:
    formula = sheet.formula(i)
    if formula is None:
        sheet.say(
            "The activation is a Python function: its derivatives are read off the graph that it recorded.", "note"
        )
        return
    rules = _rules(formula)
    if len(rules) > 1:
        sheet.say(f"Differentiate ${sheet.f(i, 'z')} = {formula.print('latex')}$ by these rules:")
        sheet.show(*(chain(left, ("=", right)) for left, right in rules))
        sheet.say("Together:")
    slope = formula.derivative("z")
    used = {node.head for node in steps(formula)}
    sides: list[Side] = [("=", slope.print("latex"))]
    sides += [("=", whole) for op, (_, whole) in IDENTITIES.items() if formula.head is op and len(steps(formula)) == 2]
    sheet.show(chain(sheet.df(i, "z"), *sides))
    remarks = []
    if any(node.head in (ops.greater, ops.equal) for node in steps(slope)):
        remarks.append("A bracket $[\\ldots]$ is 1 where its condition holds, else 0.")
    if len(sides) == 1:
        remarks += [f"Also written with ${identity}$." for op, (identity, _) in IDENTITIES.items() if op in used]
    if remarks:
        sheet.say(" ".join(remarks))


def _rules(formula: Formula) -> list[tuple[str, str]]:
    """List the derivative of each kind of step: records' partials on the names u and v, or on z itself."""
    rules: dict[str, str] = {}
    for node in steps(formula):
        if not isinstance(node.head, Op) or not node.names:
            continue
        spare = iter("uvw")
        operands = [Formula(next(spare)) if isinstance(x.head, Op) and x.names else x for x in node.operands]
        slope = Formula(0.0)
        plain = Formula(node.head, *operands)
        for index, x in enumerate(operands):
            if x.names:
                inner = Formula(1.0) if x.head == "z" else Formula(f"{x.head}'")
                slope = slope + node.head.partials[index](plain, *operands) * inner
        primes = {f"{name}'": f"{name}'" for name in "uvw"}
        shown = slope.simplified().print("latex", primes)
        left = plain.print("latex")
        rules[rf"\left({left}\right)'"] = shown
    return list(rules.items())


def _evaluated(sheet: Sheet, solution: Solution, i: int) -> None:
    formula = sheet.formula(i)
    slope = formula.derivative("z") if formula else None
    for sample, key, mark in sheet.samples(solution):
        chains = []
        for r, (z, number) in enumerate(zip(sample.z[i], sample.slopes[i], strict=True)):
            sides = []
            if slope is not None and slope.names:
                sides.append(sheet.side(slope.print("latex", {"z": sheet.n(z.data)})))
                if isinstance(slope.head, Op) and any(isinstance(x.head, Op) for x in slope.operands):
                    with ieee():
                        values = [sheet.n(x(z=z.data)) for x in slope.operands]
                    sides.append(sheet.side(printed(slope.head, *values)))
            chains.append(chain(sheet.df(i, sheet.z(i, r)), *sides, sheet.result(number)))
        if sheet.batch:
            sheet.say(f"At the sums ${sheet.Z(i)}{mark}$ of sample {key.strip('[]')}:")
        else:
            sheet.say(f"At the sums ${sheet.Z(i)}$:")
        sheet.show_each(chains, **{f"f'(Z{i + 1}){key}": sample.slopes[i]})
        for kink in kinks(*sample.h[i]):
            if any(kink.value in _between(h, z) for h, z in zip(sample.h[i], sample.z[i], strict=True)):
                sheet.say(f"{kink}.", "kink")


def _between(h: Value, z: Value) -> set[Value]:
    """Collect what an activation computed from z."""
    found: set[Value] = set()
    stack = [h]
    while stack:
        node = stack.pop()
        if node is not z and node not in found:
            found.add(node)
            stack += node.parents
    return found


def product_with_slope(sheet: Sheet, sample: Sample, i: int, incoming: str, key: str, mark: str) -> None:
    """Write δ as the product, entry by entry, of what comes from above and of f'(Z)."""
    n, slopes, delta = sheet.n, sample.slopes[i], grads(sample.z[i])
    formula = rf"{incoming} \circ {sheet.df(i, sheet.Z(i))}"
    sign = r"\circ" if len(delta) > 1 else r"\cdot"
    factors = f"{n.vector(grads(sample.h[i])):2} {sign} {n.vector(slopes):3}"
    sides = [sheet.side(factors), sheet.column(delta)]
    sheet.show(chain(sheet.delta(i) + mark, ("=", formula), *sides), **{f"δ{i + 1}{key}": delta})
