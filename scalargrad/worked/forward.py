"""The first half of a written-out solution: what is given, the network's equations, the forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from scalargrad import ops
from scalargrad.op import Text
from scalargrad.worked.document import Line, Side, Table, chain
from scalargrad.worked.sheet import MOST_EQUATIONS, MOST_SAMPLES, Sheet, data, fraction, grads, printed, total
from scalargrad.worked.solution import Sample, Solution, is_textbook, weights_and_bias

if TYPE_CHECKING:
    from scalargrad.value import Value

MOST_ROWS = 20  # rows of a table of samples
TERMS = 12  # of a sum with numbers substituted; a longer one is shown by its first and last


def given(sheet: Sheet, solution: Solution) -> None:
    """Write what the problem gives."""
    problem, n = sheet.problem, sheet.n
    sheet.section("What is given")
    for sample, key, mark in sheet.samples(solution):
        lines = [*chain(f"x{mark}", sheet.column(data(sample.x)))]
        if sample.y:
            lines += chain(f"y{mark}", sheet.column(data(sample.y)))
        sheet.show(_on_one_line(lines), **{f"x{key}": data(sample.x)})
    if sheet.hidden:
        sheet.say(f"And {sheet.hidden} samples more.")
    for i, layer in enumerate(solution.layers):
        weights, bias = weights_and_bias(layer, "data")
        lines = [
            *chain(sheet.W(i), n.side(n.matrix(weights))),
            *chain(sheet.b(i), sheet.column(bias)),
        ]
        sheet.show(_on_one_line(lines), **{f"W{i + 1}": weights, f"b{i + 1}": bias})
    if problem.learning_rate is not None:
        sheet.show(chain(r"\alpha", sheet.result(problem.learning_rate)), learning_rate=problem.learning_rate)


def _on_one_line(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Put x = ... and y = ... side by side where they fit."""
    if len(lines) != 2:
        return tuple(lines)
    first, second = lines
    side: Side = first.relation, rf"{first.right} \qquad {second.left} {second.relation} {second.right}"
    joined = chain(first.left, side)
    return joined if len(joined) == 1 else tuple(lines)


def equations(sheet: Sheet) -> None:
    """Write the network in matrix form, with the shapes."""
    problem, depth = sheet.problem, sheet.depth
    sheet.section("The network in matrix form")
    lines: list[Line] = []
    for i in range(depth):
        lines += chain(sheet.Z(i), ("=", f"{sheet.W(i)} {sheet.H(i)} + {sheet.b(i)}"))
        lines += chain(sheet.H(i + 1), ("=", sheet.f(i, sheet.Z(i))))
    lines += chain(r"L^{[s]}" if sheet.batch else "L", ("=", loss_formula(sheet)))
    sheet.show(lines)
    if sheet.batch:
        sheet.say(rf"These hold for every sample $s$; the loss is the mean, $L = {sheet.mean}\sum_{{s}} L^{{[s]}}$.")
    for i in dict.fromkeys(map(problem.activations.index, problem.activations)):
        if problem.activations[i] == "softmax":
            exponential = printed(ops.exp, "z_{k}"), rf"\sum_{{j}} {printed(ops.exp, 'z_{j}')}"
            sheet.say(
                rf"The softmax turns the {sheet.sizes[-1]} outputs into probabilities: "
                rf"$\hat y_{{k}} = {printed(ops.div, *exponential)}$."
            )
        elif problem.activations[i] != "linear":
            formula, shown = sheet.formula(i), sheet.f(i, "z")
            if formula and formula.print("latex") != shown:
                shown += f" = {formula.print('latex')}"
            sheet.say(f"The activation ${shown}$ is applied to every entry.")
    sheet.say(
        "Layer by layer: a row of weights for each neuron, a column for each of its inputs."
        if depth > 1
        else "A row of weights for each neuron, a column for each of its inputs."
    )
    rows = []
    for i, name in enumerate(["x", *(sheet.H(i + 1) for i in range(depth))]):
        if i:
            w, b = rf"${sheet.sizes[i]} \times {sheet.sizes[i - 1]}$", rf"${sheet.sizes[i]} \times 1$"
            rows += [
                (f"${sheet.W(i - 1)}$", w, f"weights of layer {i}"),
                (f"${sheet.b(i - 1)}$", b, f"biases of layer {i}"),
            ]
            rows.append((f"${sheet.Z(i - 1)}$, ${name}$", b, "output layer" if i == depth else f"hidden layer {i}"))
        else:
            rows.append((f"${name}$", rf"${sheet.sizes[0]} \times 1$", "input"))
    sheet.blocks.append(Table(("quantity", "shape", "what it is"), tuple(rows)))


def loss_formula(sheet: Sheet) -> str:
    """Print the loss of one sample over y and ŷ."""
    count = sheet.sizes[-1]
    y, p = ("y", r"\hat y") if count == 1 else ("y_{k}", r"\hat y_{k}")
    summed = "" if count == 1 else r"\sum_{k} "
    return _signed_mean(sheet, sheet.loss.unsigned.print("latex", {"p": p, "y": y}), summed)


def _signed_mean(sheet: Sheet, terms: Text, summed: str = "") -> str:
    """Print what stands in front of the sum of a loss's terms, and the sum."""
    mean = fraction(Fraction(1, sheet.sizes[-1])) if sheet.loss.mean else ""
    front = f"{sheet.loss.sign}{mean}{summed}"
    return f"{front}{terms:2}" if front else terms


def forward_pass(sheet: Sheet, solution: Solution) -> None:
    """Write the forward pass of every sample with its numbers."""
    sheet.section("Forward pass")
    sheet.say(
        "From the input to the loss, each line with its numbers substituted. A sign $\\approx$ says that a number on its "
        f"right is rounded, to {sheet.n.digits} decimals; all is computed in full."
    )
    for sample, key, _ in sheet.samples(solution):
        if sheet.batch:
            sheet.subsection(f"Sample {key.strip('[]')} of {len(solution.samples)}")
        _sample(sheet, solution, sample, key)
    if sheet.hidden:
        _others(sheet, solution)
    if sheet.batch and solution.loss is not None:
        losses = [sample.loss.data for sample in solution.samples if sample.loss is not None]
        sheet.subsection("The loss of the batch")
        sheet.say("The loss is the mean over the samples.")
        terms = summed([sheet.n(x) for x in losses])
        side = sheet.side(f"{sheet.mean}({terms})")
        sheet.show(chain("L", side, sheet.result(solution.loss.data)), loss=solution.loss.data)


def _others(sheet: Sheet, solution: Solution) -> None:
    """Write what comes of the samples that are not shown one by one."""
    sheet.subsection("The other samples")
    sheet.say(
        "They go the same way. Here is what comes of them; their error terms enter the sums of the gradients below."
    )
    rows = []
    for s, sample in enumerate(solution.samples[MOST_SAMPLES:], MOST_SAMPLES + 1):
        loss = [] if sample.loss is None else [f"${sheet.n.shown(sample.loss.data)}$"]
        rows.append((f"{s}", f"${sheet.n.tuple(data(sample.h[-1]))}$", *loss))
        for i, (z, h) in enumerate(zip(sample.z, sample.h, strict=True)):
            sheet.know(**{f"Z{i + 1}[{s}]": data(z), f"{sheet.key(i)}[{s}]": data(h)})
            if sample.loss is not None:
                sheet.know(**{f"δ{i + 1}[{s}]": grads(z)})
    head = ("sample", r"$\hat y$", *["loss"] * (len(rows[0]) > 2))
    sheet.blocks.append(Table(head, tuple(rows if len(rows) <= MOST_ROWS else [*rows[:MOST_ROWS], ("…",) * len(head)])))


def _sample(sheet: Sheet, solution: Solution, sample: Sample, index: str) -> None:
    n = sheet.n
    for i, layer in enumerate(solution.layers):
        inputs = sample.h[i - 1] if i else sample.x
        weights, bias = weights_and_bias(layer, "data")
        product = printed(ops.add, f"{n.matrix(weights)} {n.column(data(inputs))}", n.vector(bias))
        symbolic = "=", f"{sheet.W(i)} {sheet.H(i)} + {sheet.b(i)}"
        sums = data(sample.z[i])
        sheet.show(chain(sheet.Z(i), symbolic, n.side(product), sheet.column(sums)), **{f"Z{i + 1}{index}": sums})
        sheet.say("Row by row:" if i == 0 else "and row by row:")
        sheet.show_each([_weighted_sum(sheet, solution, sample, i, r) for r in range(len(sums))])
        _activations(sheet, sample, i, index)
    if sample.loss is not None:
        sheet.say("The loss compares this output with the target:")
        name = "L" + f"^{{{index}}}" * bool(index)
        sides = _loss_substituted(sheet, sample)
        sheet.show(chain(name, ("=", loss_formula(sheet)), *sides, sheet.result(sample.loss.data)),
                   **{f"loss{index}": sample.loss.data})  # fmt: skip
        if not is_textbook(sheet.problem, sample.h[-1]):
            sheet.say(
                r"An output is so close to 0 or 1 that $\ln$ of it would lose its digits: the number was computed from "
                f"${sheet.Z(sheet.depth - 1)}$, by a formula of the same value.",
                "note",
            )


def _weighted_sum(sheet: Sheet, solution: Solution, sample: Sample, i: int, r: int) -> tuple[Line, ...]:
    neuron, inputs = solution.layers[i].neurons[r], sample.h[i - 1] if i else sample.x
    terms = [printed(ops.mul, sheet.n(w.data), sheet.n(x.data)) for w, x in zip(neuron.w, inputs, strict=True)]
    substituted = sheet.side(summed([*terms, sheet.n(neuron.b.data)]))
    return chain(sheet.z(i, r), substituted, sheet.result(sample.z[i][r].data))


def summed(terms: Sequence[Text]) -> Text:
    """Print a sum, of a long one the first terms and the last."""
    if len(terms) > TERMS:
        terms = [*terms[: TERMS - 3], Text(r"\cdots"), *terms[-2:]]
    return total(terms)


def _activations(sheet: Sheet, sample: Sample, i: int, index: str) -> None:
    activation, outputs = sheet.problem.activations[i], sample.h[i]
    numbers = data(outputs)
    sides: list[Side] = [("=", sheet.f(i, sheet.Z(i)))]
    if activation == "softmax":
        _softmax(sheet, sample)
    elif activation != "linear":
        formula = sheet.formula(i)
        chains = []
        for r, (z, h) in enumerate(zip(sample.z[i], outputs, strict=True)):
            z_number = sheet.n(z.data)
            steps = [sheet.side(formula.print("latex", {"z": z_number}) if formula else sheet.f(i, z_number))]
            if _is_composite(h, z):
                steps.append(sheet.side(sheet.operation(h)))
            chains.append(chain(sheet.h(i + 1, r), ("=", sheet.f(i, sheet.z(i, r))), *steps, sheet.result(h.data)))
        sheet.say(f"The activation of each of these, ${sheet.H(i + 1)} = {sheet.f(i, sheet.Z(i))}$:")
        sheet.show_each(chains)
    sheet.show(chain(sheet.H(i + 1), *sides, sheet.column(numbers)), **{f"{sheet.key(i)}{index}": numbers})


def _is_composite(h: Value, z: Value) -> bool:
    return len(h.parents) > 0 and all(parent is not z for parent in h.parents)


def _softmax(sheet: Sheet, sample: Sample) -> None:
    last, logits, outputs = sheet.depth - 1, sample.z[-1], sample.h[-1]
    exponentials, denominator = [p.parents[0] for p in outputs], outputs[0].parents[1]
    shifted = exponentials[0].parents[0] is not logits[0]
    shift = " - m" if shifted else ""
    sheet.say(
        "Softmax: the exponentials, their sum $S$, and the quotients."
        + (
            " Exponentials this large or small are taken after subtracting the largest entry $m$ from all, "
            "which cancels in the quotients."
            if shifted
            else ""
        )
    )
    chains = []
    for r, e in enumerate(exponentials):
        name = printed(ops.exp, f"{sheet.z(last, r)}{shift}")
        chains.append(chain(f"a_{{{r + 1}}}", ("=", name), sheet.side(sheet.operation(e)), sheet.result(e.data)))
    names = summed([Text(f"a_{{{r + 1}}}") for r in range(len(outputs))])
    numbers = sheet.side(summed([sheet.n(e.data) for e in exponentials]))
    chains.append(chain("S", ("=", names), numbers, sheet.result(denominator.data)))
    for r, p in enumerate(outputs):
        quotient = "=", printed(ops.div, f"a_{{{r + 1}}}", "S")
        chains.append(chain(sheet.h(last + 1, r), quotient, sheet.side(sheet.operation(p)), sheet.result(p.data)))
    if len(outputs) > MOST_EQUATIONS:
        chains = chains[: MOST_EQUATIONS // 2] + chains[len(outputs) : len(outputs) + 1 + MOST_EQUATIONS // 2]
        sheet.say(f"Of {len(outputs)} outputs, the first:")
    sheet.show(*chains)


def _loss_substituted(sheet: Sheet, sample: Sample) -> list[Side]:
    """Substitute y and ŷ in the loss."""
    n, term = sheet.n, sheet.loss.unsigned
    if not is_textbook(sheet.problem, sample.h[-1]):
        return []
    pairs = zip(sample.y, sample.h[-1], strict=True)
    terms = [term.print("latex", {"p": n(p.data), "y": n(y.data)}) for y, p in pairs]
    return [n.side(_signed_mean(sheet, summed(terms)))]
