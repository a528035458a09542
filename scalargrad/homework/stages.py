"""The stages of a network's solution as a table: what each needs, how it is computed, and how it goes wrong.

A stage has one right rule and several wrong ones, all of one form, so that whoever follows a calculation can put
other numbers in the place of computed ones: a student's rounded values, or the outcome of a mistake.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from scalargrad import nn, ops
from scalargrad.formula import steps
from scalargrad.homework.arrays import Numbers, each, minus, outer, plus, product, reread, times, transpose
from scalargrad.homework.misreadings import Function, derivative, misreadings, value
from scalargrad.nn.loss import Loss
from scalargrad.nn.losses import LOSSES
from scalargrad.worked.problem import Problem
from scalargrad.worked.solution import Solution, has_slope, weights_and_bias


@dataclass(frozen=True)
class Rule:
    """A way to compute a quantity: a formula or a mistake in words, the names that it needs, and the function."""

    text: str
    needs: tuple[str, ...]
    compute: Callable[..., Numbers]


@dataclass(frozen=True)
class Stage:
    """A quantity, the rule for it, and the mistakes that are made with it, the common ones first (but for a sign)."""

    name: str
    rule: Rule
    mistakes: tuple[Rule, ...]


def givens(problem: Problem) -> dict[str, Any]:
    """Return what a problem states, by name.

    >>> problem = Problem.from_dict({"input": [1], "layer": [{"weights": [[2]], "bias": [3]}]})
    >>> givens(problem)
    {'x': [1.0], 'W1': [[2.0]], 'b1': [3.0]}
    """
    known: dict[str, Any] = {"x": list(problem.input)}
    for i, layer in enumerate(problem.layers, 1):
        known[f"W{i}"], known[f"b{i}"] = weights_and_bias(layer, "data")
    if problem.target is not None:
        known["y"] = list(problem.target)
    if problem.learning_rate is not None:
        known["rate"] = problem.learning_rate
    return known


def truth(solution: Solution) -> dict[str, Numbers]:
    """Return every quantity of the table as it stands in a solution.

    >>> from scalargrad.worked.solution import solve
    >>> problem = Problem.from_dict({"input": [1], "layer": [{"weights": [[2]], "bias": [3]}]})
    >>> truth(solve(problem))
    {'Z1': [5.0], 'ŷ': [5.0]}
    """
    problem, names = solution.problem, activations(solution.problem)
    found: dict[str, Numbers] = {}
    for i, (z, h, slopes) in enumerate(zip(solution.z, solution.h, solution.slopes, strict=True), 1):
        found[f"Z{i}"] = [v.data for v in z]
        found[names[i]] = [v.data for v in h]
        if solution.loss is not None:
            found[f"f'(Z{i})"] = slopes
            found[f"δ{i}"] = [v.grad for v in z]
            found[f"dW{i}"], found[f"db{i}"] = weights_and_bias(solution.layers[i - 1], "grad")
    if solution.loss is not None:
        found["loss"] = [solution.loss.data]
    for i, parameters in enumerate(solution.updated or (), 1):
        found[f"W{i}_new"], found[f"b{i}_new"] = parameters
    return {name: found[name] for name in stages(problem)}


def activations(problem: Problem) -> list[str]:
    """Return the names of the input and of the activations: x, H, ŷ, or x, H1, H2, ..., ŷ."""
    depth = len(problem.layers)
    return ["x", *(f"H{i}" if depth > 2 else "H" for i in range(1, depth)), "ŷ"]


def stages(problem: Problem) -> dict[str, Stage]:
    """Return the table for a problem, in the order in which its values are computed.

    >>> problem = Problem.from_dict({"input": [1], "target": [4], "layer": [{"weights": [[2]], "bias": [3]}]})
    >>> {name: stage.rule.text for name, stage in stages(problem).items()}
    {'Z1': 'W1 x + b1', 'ŷ': 'Z1', 'loss': 'mse', 'δ1': '2/n (ŷ - y)', 'dW1': 'δ1 xᵀ', 'db1': 'δ1'}

    Without a target it ends with ŷ, without a learning rate with the gradients.
    """
    return {stage.name: stage for stage in _table(problem)}


def _table(problem: Problem) -> Iterator[Stage]:
    h, depth = activations(problem), len(problem.layers)
    n = [len(problem.input), *(len(layer.neurons) for layer in problem.layers)]
    functions = [None, *(None if a == "softmax" else nn.activation_function(a)[1] for a in problem.activations)]
    named = ["", *(problem.functions.get(a, a) for a in problem.activations)]
    # What an activation is taken of, where there is one: people forget to take it.
    before = [f"Z{i}" if function else None for i, function in enumerate(functions)]
    for i in range(1, depth + 1):
        yield _weighted_sum(i, h[i - 1], n[i - 1], before[i - 1])
        if problem.activations[i - 1] == "softmax":
            yield _softmax(h[i], f"Z{i}", n[i])
        else:
            yield _activation(h[i], f"Z{i}", named[i], functions[i])
    if problem.target is None:
        return
    loss = LOSSES[problem.loss]
    yield _loss(loss, n[-1])
    for i in range(depth, 0, -1):
        function = functions[i]
        slope = f"f'(Z{i})" if function and has_slope(problem, i - 1) else None
        if function and slope:
            yield _slope(slope, f"Z{i}", h[i], named[i], function)
        if i == depth:
            yield _last_error(f"δ{i}", loss, n[-1], slope)
        else:
            yield _hidden_error(i, n[i + 1], slope, updated=problem.learning_rate is not None)
    for i in range(1, depth + 1):
        yield _weight_gradient(i, h[i - 1], before[i - 1])
        yield Stage(f"db{i}", Rule(f"δ{i}", (f"δ{i}",), list), ())
    if problem.learning_rate is not None:
        for i in range(1, depth + 1):
            yield _update(f"W{i}", square=n[i] == n[i - 1])
            yield _update(f"b{i}", square=False)


def _weighted_sum(i: int, h: str, width: int, before: str | None) -> Stage:
    w, b = f"W{i}", f"b{i}"

    def changed(**change: int) -> Callable[..., Numbers]:
        return lambda W, h, b: plus(product(W, h, **change), b)

    def rule(text: str, compute: Callable[..., Numbers], needs: tuple[str, ...] = (w, h, b)) -> Rule:
        return Rule(text, needs, compute)

    mistakes = [
        rule(f"the bias {b} is left out", product, (w, h)),
        rule(f"the bias {b} is subtracted", lambda W, h, b: plus(product(W, h), b, -1)),
        rule(f"{w} is read by columns (transposed)", lambda W, h, b: plus(product(reread(W), h), b)),
        *([rule(f"{before} stands in place of {h}", changed(), (w, before, b))] if before else []),
        *(rule(f"the product with entry {j + 1} of {h} is left out", changed(without=j)) for j in range(width)),
        *(rule(f"the product with entry {j + 1} of {h} has the wrong sign", changed(against=j)) for j in range(width)),
    ]
    return Stage(f"Z{i}", rule(f"{w} {h} + {b}", changed()), tuple(mistakes))


def _activation(h: str, z: str, name: str, function: Function | None) -> Stage:
    if function is None:
        return Stage(h, Rule(z, (z,), list), ())

    def applied(function: Function) -> Callable[[Numbers], Numbers]:
        return lambda z: [value(function, x) for x in z]

    mistakes = [
        Rule(f"{name} is left out", (z,), list),
        *(Rule(text, (z,), applied(wrong)) for text, wrong in misreadings(function)),
        Rule(f"{name}' stands in place of {name}", (z,), lambda z: [derivative(function, x) for x in z]),
    ]
    return Stage(h, Rule(f"{name}({z})", (z,), applied(function)), tuple(mistakes))


def _softmax(h: str, z: str, n: int) -> Stage:
    def softmax(z: Numbers) -> Numbers:
        return [p.data for p in nn.softmax(z)]

    def over_others(z: Numbers) -> Numbers:
        e = [math.exp(x) for x in z]
        return [x / (sum(e) - x) for x in e]

    mistakes = [
        Rule("softmax without exponentials: z/Σz", (z,), lambda z: [x / sum(z) for x in z]),
        Rule("softmax without the division by the sum", (z,), lambda z: [math.exp(x) for x in z]),
        Rule("the sigmoid of each stands in place of softmax", (z,), lambda z: [ops.sigmoid(x) for x in z]),
        Rule("softmax of -z", (z,), lambda z: softmax(minus(z))),
        Rule("softmax is left out", (z,), list),
        Rule("each exponential is divided by the sum of the others only", (z,), over_others),
    ]
    return Stage(h, Rule(f"softmax({z})", (z,), softmax), tuple(mistakes if n > 1 else ()))


def _loss(loss: Loss, n: int) -> Stage:
    def right(p: Numbers, y: Numbers) -> float:
        return loss.of_outputs(p, y).data

    def scaled(factor: float) -> Callable[[Numbers, Numbers], float]:
        return lambda p, y: factor * right(p, y)

    def rule(text: str, compute: Callable[[Numbers, Numbers], float]) -> Rule:
        return Rule(text, ("ŷ", "y"), lambda p, y: [compute(p, y)])

    mistakes: list[Rule] = []
    if any(node.head is ops.log for node in steps(loss.formula)):
        mistakes.append(rule("the logarithm is to base 10", scaled(1 / math.log(10))))
        mistakes.append(rule("the logarithm is to base 2", scaled(1 / math.log(2))))
    if n > 1 and loss.mean:
        mistakes.append(rule("the sum stands in place of the mean", scaled(n)))
    elif not loss.mean:
        mistakes.append(rule("the mean stands in place of the sum", scaled(1 / n)))
    mistakes += [rule(*mistake) for mistake in loss.mistakes(n)]
    return Stage("loss", rule(loss.name, right), tuple(mistakes))


def _slope(slope: str, z: str, h: str, name: str, function: Function) -> Stage:
    def slopes(function: Function) -> Callable[[Numbers], Numbers]:
        return lambda z: [derivative(function, x) for x in z]

    mistakes = [
        *(Rule(text, (z,), slopes(wrong)) for text, wrong in misreadings(function)),
        Rule(f"{name} stands in place of {name}'", (z,), lambda z: [value(function, x) for x in z]),
        Rule(f"{name}' is taken at {h} instead of {z}", (h,), slopes(function)),
        *(Rule(text, (z,), slopes(wrong)) for text, wrong in misreadings(function, of_derivative=True)),
    ]
    return Stage(slope, Rule(f"{name}'({z})", (z,), slopes(function)), tuple(mistakes))


def _last_error(name: str, loss: Loss, n: int, slope: str | None) -> Stage:
    factor, coefficient = float(loss.factor(n)), loss.coefficient

    def error(factor: float, of_y: float = 1.0) -> Callable[..., Numbers]:
        def compute(p: Numbers, y: Numbers, s: Numbers | None = None) -> Numbers:
            derived = each(lambda a, b: factor * loss.error(p=a, y=of_y * b), p, y)
            return times(derived, s) if s else derived

        return compute

    def rule(text: str, compute: Callable[..., Numbers]) -> Rule:
        return Rule(text, ("ŷ", "y", slope) if slope else ("ŷ", "y"), compute)

    mistakes = [Rule(f"{slope} is left out", ("ŷ", "y"), error(factor))] if slope else []
    mistakes.append(rule("y is left out", error(factor, 0)))
    mistakes.append(rule("y is added instead of subtracted", error(factor, -1)))
    if coefficient != 1:
        mistakes.append(rule(f"the factor {coefficient} is left out", error(factor / float(coefficient))))
    if loss.mean and n > 1:
        mistakes.append(rule(f"the factor 1/{n} of the mean is left out", error(factor * n)))
    if loss.mean and coefficient not in (1, n) and n > 1:
        mistakes.append(rule(f"the factor {coefficient}/{n} is left out", error(1.0)))
    if loss.cancels:
        cancelling = rule(
            "it is multiplied by ŷ(1 - ŷ), which cancels", lambda p, y: times(error(factor)(p, y), each(_bend, p))
        )
        mistakes.append(cancelling)
    if loss.head == "softmax":
        wrong = rule(
            "it is ∂loss/∂ŷ: the derivative of softmax is left out",
            lambda p, y: each(lambda a, b: loss.slope(p=a, y=b), p, y),
        )
        mistakes.append(wrong)
    front = f"{coefficient}/n " if loss.mean else f"{coefficient} " if coefficient != 1 else ""
    right = f"{front}{loss.error.print('text', {'p': 'ŷ'}):2}"
    return Stage(name, rule(right + (f" ∘ {slope}" if slope else ""), error(factor)), tuple(mistakes))


def _bend(p: float) -> float:
    return p * (1 - p)  # the derivative of the sigmoid


def _hidden_error(i: int, outputs: int, slope: str | None, *, updated: bool) -> Stage:
    w, error, behind = f"W{i + 1}", f"δ{i + 1}", f"Z{i + 1}"
    others = (error, slope) if slope else (error,)

    def back(matrix: Numbers, d: Numbers, s: Numbers | None = None, *, without: int = -1, against: int = -1) -> Numbers:
        passed = product(matrix, d, without=without, against=against)
        return times(passed, s) if s else passed

    def changed(without: int = -1, against: int = -1) -> Callable[..., Numbers]:
        return lambda W, *rest: back(transpose(W), *rest, without=without, against=against)

    def only(k: int) -> Callable[..., Numbers]:
        return lambda W, d, *s: back(transpose([W[k]]), [d[k]], *s)

    def rule(text: str, compute: Callable[..., Numbers], weights: str = w) -> Rule:
        return Rule(text, (weights, *others), compute)

    paths = [(k, f"through entry {k + 1} of {behind}") for k in range(outputs if outputs > 1 else 0)]
    mistakes = [
        *([Rule(f"{slope} is left out", (w, error), changed())] if slope else []),
        rule(f"{w} is not transposed", lambda W, *rest: back(reread(transpose(W)), *rest)),
        *([rule(f"the updated {w} is used in the same backward pass", changed(), f"{w}_new")] if updated else []),
        *(rule(f"the sum over paths: that {path} is left out", changed(without=k)) for k, path in paths),
        *(rule(f"the sum over paths: only that {path} is taken", only(k)) for k, path in paths if outputs > 2),
        *(rule(f"the path {path} has the wrong sign", changed(against=k)) for k, path in paths),
    ]
    return Stage(f"δ{i}", rule(f"{w}ᵀ {error}" + (f" ∘ {slope}" if slope else ""), changed()), tuple(mistakes))


def _weight_gradient(i: int, h: str, before: str | None) -> Stage:
    error = f"δ{i}"
    mistakes = [
        Rule("transposed", (error, h), lambda d, h: reread(outer(d, h))),
        Rule(f"{h} is left out", (error, h), lambda d, h: outer(d, [1.0] * len(h))),
        *([Rule(f"{before} stands in place of {h}", (error, before), outer)] if before else []),
    ]
    return Stage(f"dW{i}", Rule(f"{error} {h}ᵀ", (error, h), outer), tuple(mistakes))


def _update(name: str, *, square: bool) -> Stage:
    needs = (name, f"d{name}", "rate")
    mistakes = [
        Rule("the learning rate is left out", needs, lambda W, d, rate: plus(W, d, -1)),
        Rule("the step is added instead of subtracted", needs, plus),
        Rule("the step is added, and the learning rate is left out", needs, lambda W, d, rate: plus(W, d)),
        Rule(f"only the step is given, without {name}", needs, lambda W, d, rate: each(lambda g: -rate * g, d)),
        Rule(
            f"{name} is multiplied by the learning rate",
            needs,
            lambda W, d, rate: plus(each(lambda w: rate * w, W), d, -1),
        ),
    ]
    if square:
        mistakes.append(Rule("the gradient is transposed", needs, lambda W, d, rate: plus(W, transpose(d), -rate)))
    return Stage(
        f"{name}_new", Rule(f"{name} - rate d{name}", needs, lambda W, d, rate: plus(W, d, -rate)), tuple(mistakes)
    )
