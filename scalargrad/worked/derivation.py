"""A solved network problem written out: a document that teaches how every number comes about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import nan
from typing import Any

from scalargrad import ops
from scalargrad.worked.backward import backward_pass
from scalargrad.worked.document import LARGEST_MATRIX, Document, Line, Picture, Table, chain
from scalargrad.worked.forward import equations, forward_pass, given
from scalargrad.worked.sheet import Sheet, data, derivative, grads, printed
from scalargrad.worked.solution import Solution, solve, weights_and_bias

SHOWN_STEPS = 3  # of gradient descent, with their numbers


def written(solution: Solution, digits: int = 4, picture: str = "") -> Document:
    """Write a solution out: equations, forward pass, error terms, gradients, update.

    >>> from scalargrad.worked.solution import Problem
    >>> problem = Problem.from_dict({"input": [2], "target": [0], "layer": [{"weights": [[3]], "bias": [1]}]})
    >>> written(solve(problem)).values["δ1"]
    [14.0]

    `picture` is an SVG of the network. `writers.write` turns the document into text, Markdown, LaTeX, HTML or JSON.
    """
    problem = solution.problem
    sheet = Sheet(problem, digits)
    sheet.say(_abstract(sheet, solution))
    given(sheet, solution)
    if picture:
        sheet.blocks.append(Picture(picture, f"The network: {problem.title}."))
    equations(sheet)
    forward_pass(sheet, solution)
    backward_pass(sheet, solution)
    _update(sheet, solution)
    _further_steps(sheet, solution)
    _kinks(sheet, solution)
    _results(sheet, solution)
    return sheet.document(f"Worked solution: {problem.source}")


def _abstract(sheet: Sheet, solution: Solution) -> str:
    problem = solution.problem
    batch = f", the mean over {len(solution.samples)} samples" if sheet.batch else ""
    asked = "the forward pass" if solution.loss is None else "the forward pass, every gradient"
    if solution.stepped is not None:
        asked += (
            " and the updated parameters" if problem.steps == 1 else f" and {problem.steps} steps of gradient descent"
        )
    shape = "-".join(map(str, sheet.sizes))
    return f"A {shape} network with the loss {problem.loss}{batch}: {asked}, with the derivation of every number."


# The update.


def _update(sheet: Sheet, solution: Solution) -> None:
    if solution.loss is None:
        return
    sheet.section("The update")
    if solution.stepped is None:
        sheet.say(
            "The problem gives no learning rate: with `learning_rate` in it, the updated parameters are here.", "note"
        )
        return
    n = sheet.n
    sheet.say(r"Gradient descent goes against the gradient: from each parameter, subtract $\alpha$ times its gradient.")
    for i, (layer, stepped) in enumerate(zip(solution.layers, solution.stepped, strict=True)):
        old, gradient, new = (
            weights_and_bias(source, field) for source, field in ((layer, "data"), (layer, "grad"), (stepped, "data"))
        )
        matrices = n.matrix(old[0]), n.matrix(gradient[0])
        vectors = n.vector(old[1]), n.vector(gradient[1])
        _stepped(sheet, sheet.W(i), *matrices, n.matrix(new[0]), {f"W{i + 1} new": new[0]})
        _stepped(sheet, sheet.b(i), *vectors, n.vector(new[1]), {f"b{i + 1} new": new[1]})
    _fall(sheet, solution)


def _stepped(sheet: Sheet, name: str, old: str, gradient: str, new: str, values: dict[str, Any]) -> None:
    rate = sheet.n(sheet.problem.learning_rate or 0.0)
    symbolic = "=", rf"{name} - \alpha \cdot {derivative('L', name)}"
    substituted = sheet.side(printed(ops.sub, old, printed(ops.mul, rate, gradient)))
    sheet.show(chain(rf"{name}^{{\mathrm{{new}}}}", symbolic, substituted, (substituted[0], new)), **values)


def _fall(sheet: Sheet, solution: Solution) -> None:
    """Compare how far the loss fell with what the gradients promise."""
    n, problem = sheet.n, solution.problem
    following = solution.following or (solve(replace(problem, layers=solution.stepped or (), steps=1)),)
    before, now = _total(solution), _total(following[0])
    squares = sum(p.grad**2 for layer in solution.layers for p in layer.parameters())
    promised = (problem.learning_rate or 0.0) * squares
    if not promised:
        return
    verdict = f"the loss fell from ${n.shown(before)}$ to ${n.shown(now)}$, by ${n.shown(before - now)}$"
    if now > before:
        verdict = f"the loss rose from ${n.shown(before)}$ to ${n.shown(now)}$: the step is too long for the slope to be trusted"
    sheet.say(
        f"A forward pass with the new parameters: {verdict}. To first order it changes by $-\\alpha$ times the sum of all "
        f"squared gradients, ${n.shown(-promised)}$.",
        "check",
    )


def _total(solution: Solution) -> float:
    return solution.loss.data if solution.loss is not None else nan


def _further_steps(sheet: Sheet, solution: Solution) -> None:
    steps = (solution, *solution.following)
    if len(steps) == 1:
        return
    sheet.section("Further steps")
    sheet.say("Every step does the same with the parameters that the step before it left.")
    for number, step in enumerate(steps[1:SHOWN_STEPS], 2):
        sheet.subsection(f"Step {number}")
        _step(sheet, step, number)
    if len(steps) > SHOWN_STEPS:
        sheet.say(f"The steps {SHOWN_STEPS + 1} to {len(steps)} go the same way.")
        sheet.subsection(f"After step {len(steps)}")
        _parameters(sheet, steps[-1], len(steps))
    rows = [
        (f"{number}", f"${sheet.n.shown(step.loss.data)}$")
        for number, step in enumerate(steps, 1)
        if step.loss is not None
    ]
    if len(rows) > 20:
        rows = [*rows[:10], ("…", ""), *rows[-9:]]
    sheet.blocks.append(Table(("step", "loss before it"), tuple(rows)))


def _step(sheet: Sheet, step: Solution, number: int) -> None:
    n, key = sheet.n, f" in step {number}"
    for sample, index, mark in sheet.samples(step):
        lines: list[Line] = []
        values: dict[str, Any] = {}
        for i in range(sheet.depth):
            for name, numbers in ((sheet.Z(i), sample.z[i]), (sheet.H(i + 1), sample.h[i])):
                lines += chain(name + mark, sheet.column(data(numbers)))
            values[f"Z{i + 1}{index}{key}"] = data(sample.z[i])
        for i in reversed(range(sheet.depth)):
            lines += chain(sheet.delta(i) + mark, sheet.column(grads(sample.z[i])))
            values[f"δ{i + 1}{index}{key}"] = grads(sample.z[i])
        sheet.show(lines, **values)
    total = _total(step)
    lines = [*chain("L", sheet.result(total))]
    for i, layer in enumerate(step.layers):
        weights, bias = weights_and_bias(layer, "grad")
        lines += chain(derivative("L", sheet.W(i)), n.side(n.matrix(weights)))
        lines += chain(derivative("L", sheet.b(i)), sheet.column(bias))
    sheet.show(lines, **{f"loss{key}": total})
    _parameters(sheet, step, number)


def _parameters(sheet: Sheet, step: Solution, number: int) -> None:
    lines: list[Line] = []
    values: dict[str, Any] = {}
    for i, (weights, bias) in enumerate(step.updated or ()):
        lines += chain(rf"{sheet.W(i)}^{{\mathrm{{new}}}}", sheet.n.side(sheet.n.matrix(weights)))
        lines += chain(rf"{sheet.b(i)}^{{\mathrm{{new}}}}", sheet.column(bias))
        values |= {f"W{i + 1} after step {number}": weights, f"b{i + 1} after step {number}": bias}
    sheet.show(lines, **values)


# The end.


def _kinks(sheet: Sheet, solution: Solution) -> None:
    sheet.section("Kinks")
    steps = (solution, *solution.following)
    found = [(number, kink) for number, step in enumerate(steps, 1) for kink in step.kinks]
    which = "relu, abs, maximum or minimum"
    if not found:
        sheet.say(f"No {which} was evaluated at its kink: every derivative here is the only one there is.")
        return
    sheet.say(
        f"At its kink a {which} has no derivative. Any number between the slopes on both sides "
        "is defensible; these were used:"
    )
    for number, kink in found:
        sheet.say(f"{kink}." if number == 1 else f"In step {number}, {kink}.", "kink")


def _results(sheet: Sheet, solution: Solution) -> None:
    """Write the answers once more, in one table."""
    n, problem, rows = sheet.n, sheet.problem, []

    def row(name: str, numbers: Sequence[float]) -> None:
        rows.append((f"${name}$", f"${n.tuple(numbers)}$"))

    def both(W: str, b: str, weights: Sequence[Sequence[float]], bias: Sequence[float]) -> None:
        for r, numbers in enumerate(weights[:LARGEST_MATRIX], 1):
            row(rf"{W}, \text{{ row {r}}}", numbers)
        row(b, bias)

    sheet.section("Results")
    for sample, _, mark in sheet.samples(solution):
        for i in range(sheet.depth):
            row(sheet.Z(i) + mark, data(sample.z[i]))
            if sheet.problem.activations[i] != "linear" or i == sheet.depth - 1:
                row(sheet.H(i + 1) + mark, data(sample.h[i]))
        if solution.loss is not None:
            for i in reversed(range(sheet.depth)):
                row(sheet.delta(i) + mark, grads(sample.z[i]))
    if solution.loss is not None:
        row("L", [solution.loss.data])
        for i, layer in enumerate(solution.layers):
            both(derivative("L", sheet.W(i)), derivative("L", sheet.b(i)), *weights_and_bias(layer, "grad"))
    for i, (weights, bias) in enumerate((solution, *solution.following)[-1].updated or ()):
        both(rf"{sheet.W(i)}^{{\mathrm{{new}}}}", rf"{sheet.b(i)}^{{\mathrm{{new}}}}", weights, bias)
    after = f"; the parameters are those after {problem.steps} steps" if solution.following else ""
    sheet.say(f"All in one place, to {n.digits} decimals{after}.")
    sheet.blocks.append(Table(("quantity", "value"), tuple(rows)))
