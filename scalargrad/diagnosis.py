"""Why is this gradient zero, tiny, huge or nan? The operations between a value and a root that made it so.

The gradient is followed from the root back toward the value. An operation is named where the gradient that arrives at
it is still sound and what it passes on is not: what happens further back is only the consequence.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, isfinite, isinf, isnan, log10
from typing import NamedTuple

from scalargrad.op import Op, describe
from scalargrad.value import Value, topological_order

Edge = tuple[Value, Value, float]  # a result, an operand, and the derivative of the one with respect to the other

TINY_GRADIENT, HUGE_GRADIENT = 1e-6, 1e6  # where a gradient is called tiny or huge
STRONG_FACTOR = 10.0  # a factor worth naming, in either direction
MOST_SHOWN = 8  # operations that a text names; it counts the others

# What is behind a local derivative that is 0, or far from 1: said once, for those who meet it for the first time.
REASONS = {
    "relu": "relu is off where its input is not positive",
    "tanh": "tanh is flat far from 0: it is saturated",
    "sigmoid": "sigmoid is flat far from 0: it is saturated",
    "softplus": "softplus is flat where its input is very negative",
    "mul": "the other factor is {other}",
    "div": "the divisor is {other}",
    "exp": "the derivative of exp is its result, {result}",
    "log": "the derivative of log x is 1/x, and x is {operand}",
    "sqrt": "the derivative of sqrt x is 1/(2 sqrt x), and x is {operand}",
    "pow": "the base is {operand}, the exponent {other}",
    "maximum": "the other operand is the larger one",
    "minimum": "the other operand is the smaller one",
    "abs": "the derivative of |x| at 0 is 0",
    "where": "the other branch was taken",
}
TAKES_NO_GRADIENT = "it is a constant, which takes no gradient"
UNCONNECTED = (
    "{root} was not computed from it. Was it computed from a copy: under no_grad(), from detach() or from .data, or "
    "before a new Value took this name?"
)


class Finding(NamedTuple):
    """One operation, and what it does to the gradient that passes it on the way to a value.

    kind      "kills", "cancels", "poisons", "blows up" or "shrinks"
    child     the operation's result
    parent    the operand on the way to the value
    local     the derivative of the one with respect to the other
    arriving  the gradient of the result
    passed    what the operand gets from it; where it cancels, the terms stand in `words`
    words     all of this for a reader
    """

    kind: str
    child: Value
    parent: Value
    local: float
    arriving: float
    passed: float
    words: str

    @property
    def made_at(self) -> str:
        """The line of the program that made it, where that was recorded."""
        return str(getattr(self.child, "made_at", ""))


class Explanation(NamedTuple):
    """Why a gradient is what it is; printed, it is the text of `why`.

    verdict   "unconnected", "constant", "zero", "nan", "infinite", "huge", "tiny" or "ordinary"
    findings  the operations that made it so, in the order in which the gradient meets them
    path      the strongest way back: each result and operand from the root to the value, and the local derivative
    on_way    every value that the root's dependence on the value passes through, the value and the root included
    """

    value: Value
    root: Value
    gradient: float
    verdict: str
    findings: tuple[Finding, ...] = ()
    path: tuple[Edge, ...] = ()
    on_way: tuple[Value, ...] = ()

    @property
    def headline(self) -> str:
        """The gradient and the verdict in one line."""
        name, root = _name(self.value, "the value"), _name(self.root, "the root")
        start = f"d {root} / d {name} = {_number(self.gradient)}"
        if self.verdict == "constant":
            return f"{start}: {TAKES_NO_GRADIENT}"
        if self.verdict == "unconnected":
            return f"{start}: {UNCONNECTED.format(root=root)}"
        if self.verdict == "ordinary":
            return f"{start}: neither zero, nor tiny, huge or nan"
        return f"{start}: {self.verdict}"

    def __repr__(self) -> str:
        shown = [f"{name}={getattr(self, name)!r}" for name in self._fields if name not in ("path", "on_way")]
        return f"Explanation({', '.join(shown)})"

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def why(value: Value, root: Value) -> str:
    """Say in words and numbers why the derivative of the root with respect to a value is zero, tiny, huge or nan.

    >>> w, x = Value(-2.0, label="w"), Value(3.0, label="x")
    >>> z = w * x
    >>> z.label = "z"
    >>> print(why(w, z.relu() + x))
    d the root / d w = 0: zero
      relu(z = -6.0) kills it: 1 arrives, times a local derivative of 0; relu is off where its input is not positive
      (to see the lines of the program, compute it under scalargrad.source_lines())

    `backward()` need not have been called: the gradient is that of one backward pass from the root alone.
    Raises TypeError where either is not a Value.
    """
    return str(explain(value, root))


def explain(value: Value, root: Value) -> Explanation:
    """Find what `why` says, for programs.

    >>> x = Value(0.0, label="x")
    >>> explain(x, x.sqrt()).verdict
    'infinite'
    """
    for name, argument in (("value", value), ("root", root)):
        if not isinstance(argument, Value):
            raise TypeError(f"{name} must be a Value, got {argument!r} ({type(argument).__name__})")
    if value.kind == "constant":
        return Explanation(value, root, 0.0, "constant")
    order = topological_order(root)
    reached = {value}
    for node in order:
        if any(parent in reached for parent in node.parents):
            reached.add(node)
    if root not in reached:
        return Explanation(value, root, 0.0, "unconnected")
    flow = _Flow(order, root, reached)
    gradient = flow.gradients[value]
    verdict = _verdict(gradient)
    path = flow.strongest(value)
    causes = {"zero": flow.lost, "nan": flow.poisoned, "infinite": flow.blown}
    findings = causes[verdict]() if verdict in causes else _factors(path, flow, verdict)
    return Explanation(value, root, gradient, verdict, tuple(findings), path, tuple(n for n in order if n in reached))


def _verdict(gradient: float) -> str:
    if isnan(gradient):
        return "nan"
    size = abs(gradient)
    if size == 0:
        return "zero"
    return (
        "infinite"
        if size == inf
        else "huge"
        if size > HUGE_GRADIENT
        else "tiny"
        if size < TINY_GRADIENT
        else "ordinary"
    )


class _Flow:
    """The gradients of one backward pass, and the edges that lie on the way to the value, root first."""

    def __init__(self, order: list[Value], root: Value, reached: set[Value]) -> None:
        self.root = root
        self.gradients = dict.fromkeys(order, 0.0)
        self.gradients[root] = 1.0
        self.edges: list[Edge] = []
        self.received: dict[Value, list[float]] = {node: [] for node in reached}
        for child in reversed(order):
            for parent, local in zip(child.parents, child.local_gradients, strict=True):
                if parent.kind == "constant":
                    continue
                passed = local * self.gradients[child]
                self.gradients[parent] += passed
                if parent in reached:
                    self.edges.append((child, parent, local))
                    self.received[parent].append(passed)

    def lost(self) -> Iterator[Finding]:
        for child, parent, local in self.edges:
            if self.gradients[child] != 0 and local * self.gradients[child] == 0:
                yield self.finding("kills", child, parent, local)
        for parent, terms in self.received.items():
            if any(terms) and self.gradients[parent] == 0:
                yield self.sum("cancels", parent)

    def poisoned(self) -> Iterator[Finding]:
        for child, parent, local in self.edges:
            if isnan(local * self.gradients[child]) and not isnan(self.gradients[child]):
                yield self.finding("poisons", child, parent, local)
        for parent, terms in self.received.items():
            if isnan(self.gradients[parent]) and not any(map(isnan, terms)) and parent is not self.root:
                yield self.sum("poisons", parent)

    def blown(self) -> Iterator[Finding]:
        for child, parent, local in self.edges:
            if isfinite(self.gradients[child]) and isinf(local * self.gradients[child]):
                yield self.finding("blows up", child, parent, local)
        for parent, terms in self.received.items():
            if isinf(self.gradients[parent]) and all(map(isfinite, terms)):
                yield self.sum("blows up", parent)

    def strongest(self, value: Value) -> tuple[Edge, ...]:
        size = {self.root: 0.0}  # the logarithm of the largest product of local derivatives from the root
        step: dict[Value, Edge] = {}
        for child, parent, local in self.edges:
            if child in size and local != 0 and isfinite(local):
                product = size[child] + log10(abs(local))
                if product > size.get(parent, -inf):
                    size[parent], step[parent] = product, (child, parent, local)
        way = []
        while value in step:
            way.append(step[value])
            value = step[value][0]
        return tuple(reversed(way)) if value is self.root else ()

    def sum(self, kind: str, parent: Value) -> Finding:
        terms = " and ".join(_number(term) for term in self.received[parent] if term)
        total = self.gradients[parent]
        words = f"what comes back to {_name(parent, _operation(parent))} adds up to {_number(total)}: {terms}"
        return Finding(kind, parent, parent, 1.0, total, total, words)

    def finding(self, kind: str, child: Value, parent: Value, local: float) -> Finding:
        arriving = self.gradients[child]
        verb = "blows it up" if kind == "blows up" else f"{kind} it"
        reason = _reason(child, parent, local)
        words = f"{_operation(child)} {verb}: {_number(arriving)} arrives, times a local derivative of {_number(local)}"
        return Finding(
            kind, child, parent, local, arriving, local * arriving, words + (f"; {reason}" if reason else "")
        )


def _factors(path: tuple[Edge, ...], flow: _Flow, verdict: str) -> Iterator[Finding]:
    for child, parent, local in path:
        if verdict == "huge" and abs(local) >= STRONG_FACTOR:
            yield flow.finding("blows up", child, parent, local)
        elif verdict == "tiny" and abs(local) <= 1 / STRONG_FACTOR:
            yield flow.finding("shrinks", child, parent, local)


def _reason(child: Value, parent: Value, local: float) -> str:
    if isnan(local) and any(isnan(node.data) for node in (child, *child.parents)):
        return f"nan came with {_first_nan(child)}"
    name = child._operation.name if isinstance(child._operation, Op) else ""
    other = next((node for node in child.parents if node is not parent), parent)
    numbers = {"result": child.data, "operand": child.parents[0].data, "other": other.data}
    return REASONS.get(name, "").format(**{key: _number(x) for key, x in numbers.items()})


def _first_nan(node: Value) -> str:
    source = next(n for n in topological_order(node) if isnan(n.data))
    return _operation(source) if source.parents else f"{_name(source, 'an input')}, which is nan"


def _operation(child: Value) -> str:
    name = child._operation.name if isinstance(child._operation, Op) else child._operation
    rounded = [float(f"{x.data:.4g}") for x in child.parents]
    return describe(name or "a value", rounded, [str(x.label) for x in child.parents])


def _name(value: Value, otherwise: str) -> str:
    return str(value.label) or otherwise


def _number(x: float) -> str:
    return f"{x + 0.0:.4g}"  # + 0.0 makes -0.0 a 0.0


def _lines(explanation: Explanation) -> Iterator[str]:
    yield explanation.headline
    findings = explanation.findings
    for finding in findings[:MOST_SHOWN]:
        place = [" / ".join(finding.child.scope)] if finding.child.scope else []
        place += [finding.made_at] if finding.made_at else []
        yield f"  {finding.words}" + (f" ({', '.join(place)})" if place else "")
    if len(findings) > MOST_SHOWN:
        yield f"  ... and {len(findings) - MOST_SHOWN} more like these"
    if findings and not any(finding.made_at for finding in findings):
        yield "  (to see the lines of the program, compute it under scalargrad.source_lines())"
    if not findings and explanation.path:
        yield from _way(explanation)


def _way(explanation: Explanation) -> Iterator[str]:
    path = explanation.path
    name = _name(explanation.root, "the root")
    yield f"  no one operation made it so; the strongest of its ways back from {name}, with the local derivatives:"
    product = 1.0
    for index, (child, _, local) in enumerate(path):
        product *= local
        if index < MOST_SHOWN or index >= len(path) - MOST_SHOWN:
            yield f"    {_operation(child)}: times {_number(local)} makes {_number(product)}"
        elif index == MOST_SHOWN:
            yield f"    ... {len(path) - 2 * MOST_SHOWN} more"
