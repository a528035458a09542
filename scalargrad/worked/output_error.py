"""The error term of the output layer: derived from the loss, and followed through the recorded graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from scalargrad import ops
from scalargrad.formula import Formula
from scalargrad.worked.document import Line, Side, chain
from scalargrad.worked.forward import summed
from scalargrad.worked.problem import ProblemError
from scalargrad.worked.sheet import Sheet, column, data, derivative, grads, printed
from scalargrad.worked.solution import Sample, Solution, error_factor, is_textbook

if TYPE_CHECKING:
    from scalargrad.op import Op, Text


OUTPUT = r"\hat y_{k}"


def output_error(sheet: Sheet, solution: Solution) -> None:
    """Write the error term of the output layer: by the formula of the loss, and again through the graph."""
    last, loss = sheet.depth - 1, sheet.loss
    delta = sheet.delta(last)
    if not loss.cancels:
        sheet.subsection(f"${delta}$, from the {loss.noun}s")
        _termwise(sheet, solution)
        return
    head = HEADS.get(loss.head or "")
    if head is None:
        raise ProblemError(f"loss: that {loss.head} cancels in the derivative of {loss.name} is written out nowhere")
    sheet.subsection(f"${delta}$, by the formula of the loss")
    head.fused(sheet)
    formula = _scaled(sheet, sheet.error())
    if solution.loss is None:
        _open_target(sheet, solution, formula)
        return
    for sample, key, mark in sheet.samples(solution):
        substituted = _difference(sheet, sample)
        numbers = grads(sample.z[-1])
        lines = chain(delta + mark, ("=", formula), substituted, sheet.column(numbers))
        sheet.show(lines, **{f"δ{last + 1}{key}": numbers})
    sheet.subsection(f"${delta}$ again, through the recorded graph")
    textbook = all(is_textbook(sheet.problem, sample.h[-1]) for sample in solution.samples)
    if not (textbook and head.is_plain(solution)):
        sheet.say(
            "An output is so close to 0 or 1 here that this way would lose the digits that the formula keeps, and "
            "numbers would overflow. It is left out; for moderate outputs it gives the same.",
            "note",
        )
        return
    head.expanded(sheet, solution)
    _agreement(sheet, solution, head.general)


def _difference(sheet: Sheet, sample: Sample) -> Side:
    """Substitute the numbers in the derivative of the loss, such as ŷ - y, with its factor."""
    outputs, targets = (sheet.n.vector(data(values)) for values in (sample.h[-1], sample.y))
    difference = sheet.error(outputs, targets)
    return sheet.side(rf"{sheet.factor}\left({difference}\right)" if sheet.factor else difference)


def _open_target(sheet: Sheet, solution: Solution, formula: str) -> None:
    last = sheet.depth - 1
    sheet.say(
        r"The problem gives no target $y$, so what depends on it stays symbolic from here on. "
        "With a target (`target` in the problem, or `--target`) every number below is computed.",
        "note",
    )
    for sample, _, mark in sheet.samples(solution):
        entries = [sheet.error(sheet.n(p.data), sheet.y(r)) for r, p in enumerate(sample.h[-1])]
        vector = column(entries) if len(entries) > 1 else f"({entries[0]})" if sheet.factor else entries[0]
        sheet.show(chain(sheet.delta(last) + mark, ("=", formula), sheet.side(f"{sheet.factor}{vector}")))


def _has_plain_softmax(solution: Solution) -> bool:
    """Say whether softmax was computed as a textbook has it: not shifted, and of more than one output."""
    return all(
        len(s.h[-1]) > 1 and p.parents[0].parents[0] is z
        for s in solution.samples
        for p, z in zip(s.h[-1], s.z[-1], strict=True)
    )


def _mean_note(sheet: Sheet) -> str:
    count = len(sheet.problem.examples)
    return rf"The mean over the {count} samples brings the factor $\frac{{1}}{{{count}}}$. " if sheet.batch else ""


def _fused_softmax(sheet: Sheet) -> None:
    z, m = "z_{k}", sheet.mean
    total = rf"\sum_{{j}} {printed(ops.exp, 'z_{j}')}"
    log_total = printed(ops.log, total)
    log_p, log_quotient = printed(ops.log, r"\hat y_{k}"), f"{z} - {log_total}"
    sheet.say(
        f"Insert the softmax into the loss (the $z$ are the entries of ${sheet.Z(sheet.depth - 1)}$). The logarithm turns "
        f"its quotient into a difference, ${log_p} = {log_quotient}$, and $\\sum_{{k}} y_{{k}} = 1$:"
    )
    name = r"L^{[s]}" if sheet.batch else "L"
    sheet.show(
        chain(
            name,
            ("=", rf"-\sum_{{k}} y_{{k}} \cdot {log_p}"),
            ("=", rf"-\sum_{{k}} y_{{k}} \cdot \left({log_quotient}\right)"),
            ("=", rf"{log_total} - \sum_{{k}} y_{{k}} \cdot {z}"),
        )
    )
    sheet.say(
        f"{_mean_note(sheet)}Its derivative by one entry $z_{{i}}$, with $\\ln'(u) = {_rule(ops.log)}$ and the chain rule:"
    )
    quotient = printed(ops.div, printed(ops.exp, "z_{i}"), total)
    inner, result = rf"{quotient} - y_{{i}}", r"\hat y_{i} - y_{i}"
    if m:
        inner, result = rf"{m}\left({inner}\right)", rf"{m}\left({result}\right)"
    sheet.show(chain(derivative("L", "z_{i}"), ("=", inner), ("=", result)))


def _fused_sigmoid(sheet: Sheet) -> None:
    n, c = sheet.sizes[-1], sheet.factor
    sheet.say(
        r"With $\hat y = \sigma(z)$, the logarithms are $\ln \sigma(z) = -\ln(1 + e^{-z})$ and "
        r"$\ln(1 - \sigma(z)) = -\ln(1 + e^{z})$. For one output, the loss is"
        + (f" the mean of {n} terms" if n > 1 else "") + ":"
    )  # fmt: skip
    sheet.show(chain(r"L_{k}", ("=", r"y_{k} \cdot \ln(1 + e^{-z_{k}}) + (1 - y_{k}) \cdot \ln(1 + e^{z_{k}})")))
    sheet.say(
        _mean_note(sheet) + r"The derivative of $\ln(1 + e^{z})$ is $\sigma(z) = \hat y$, that of $\ln(1 + e^{-z})$ is "
        r"$-\sigma(-z) = -(1 - \hat y)$:"
    )
    inner, result = r"-y_{k} \cdot (1 - \hat y_{k}) + (1 - y_{k}) \cdot \hat y_{k}", r"\hat y_{k} - y_{k}"
    if c:
        inner, result = rf"{c}\left({inner}\right)", rf"{c}\left({result}\right)"
    sheet.show(chain(derivative("L", "z_{k}"), ("=", inner), ("=", result)))


def _rule(op: Op) -> str:
    return Formula(op, "u").derivative("u").print("latex")


def _loss_slope(sheet: Sheet, p: str, y: str) -> str:
    """Print the derivative of the loss by one output, as the records have it."""
    slope = sheet.loss.slope.print("latex", {"p": p, "y": y})
    return rf"{sheet.factor}\left({slope}\right)" if sheet.factor else slope


def _by_outputs(sheet: Sheet, sample: Sample) -> list[tuple[Line, ...]]:
    """Follow the gradient from the loss to each output."""
    chains = []
    for r, (p, y) in enumerate(zip(sample.h[-1], sample.y, strict=True)):
        name = sheet.h(sheet.depth, r)
        substituted = sheet.side(_loss_slope(sheet, sheet.n(p.data), sheet.n(y.data)))
        symbol = "=", _loss_slope(sheet, name, sheet.y(r))
        chains.append(chain(derivative("L", name), symbol, substituted, sheet.result(p.grad)))
    return chains


def _expanded_softmax(sheet: Sheet, solution: Solution) -> None:
    by_a, by_s = (Formula(ops.div, "a", "S").derivative(x).print("latex", {"a": "a_{k}"}) for x in "aS")
    sheet.say(
        r"Now without the shortcut: back through every operation that the forward pass recorded, from the loss to "
        rf"$\hat y_{{k}} = a_{{k}}/S$, to $S = \sum_{{k}} a_{{k}}$ and to $a_{{k}} = {printed(ops.exp, 'z_{k}')}$. "
        rf"The local derivatives are ${_loss_slope(sheet, OUTPUT, 'y_{k}')}$ for the loss, ${by_a}$ and ${by_s}$ for the "
        r"quotient, 1 for the sum and $a_{k}$ for the exponential. What reaches a quantity on several ways is added."
    )
    n, last = sheet.n, sheet.depth - 1
    for sample, key, _ in sheet.samples(solution):
        if sheet.batch:
            sheet.say(f"Sample {key.strip('[]')}:")
        outputs, S = sample.h[-1], sample.h[-1][0].parents[1]
        sheet.show_each(_by_outputs(sheet, sample))
        terms = [printed(ops.mul, n(p.grad), n(p.local_gradients[1])) for p in outputs]
        symbol = "=", rf"\sum_{{k}} {derivative('L', OUTPUT)} \cdot \left({by_s}\right)"
        sheet.show(chain(derivative("L", "S"), symbol, sheet.side(summed(terms)), sheet.result(S.grad)))
        by_exponentials, by_sums = [], []
        for r, (p, z) in enumerate(zip(outputs, sample.z[-1], strict=True)):
            a, by_name = p.parents[0], derivative("L", f"a_{{{r + 1}}}")
            symbol = "=", rf"{derivative('L', sheet.h(last + 1, r))} \cdot {by_a} + {derivative('L', 'S')}"
            incoming = printed(ops.mul, n(p.grad), n(p.local_gradients[0]))
            substituted = sheet.side(printed(ops.add, incoming, n(S.grad)))
            by_exponentials.append(chain(by_name, symbol, substituted, sheet.result(a.grad)))
            symbol = "=", rf"{by_name} \cdot a_{{{r + 1}}}"
            substituted = sheet.side(printed(ops.mul, n(a.grad), n(a.data)))
            by_sums.append(chain(sheet.d(last, r), symbol, substituted, sheet.result(z.grad)))
        sheet.show_each(by_exponentials)
        sheet.show_each(by_sums)


def _expanded_sigmoid(sheet: Sheet, solution: Solution) -> None:
    n, last = sheet.n, sheet.depth - 1
    slope = Formula(ops.sigmoid, "z").derivative("z").print("latex")
    sheet.say(
        r"Now without the shortcut: back from the loss to $\hat y$, and from there through the sigmoid, whose derivative is "
        rf"${slope} = \hat y \cdot (1 - \hat y)$."
    )
    for sample, key, _ in sheet.samples(solution):
        if sheet.batch:
            sheet.say(f"Sample {key.strip('[]')}:")
        sheet.show_each(_by_outputs(sheet, sample))
        chains = []
        for r, (p, z) in enumerate(zip(sample.h[-1], sample.z[-1], strict=True)):
            symbol = "=", rf"{derivative('L', sheet.h(last + 1, r))} \cdot {sheet.df(last, sheet.z(last, r))}"
            substituted = sheet.side(printed(ops.mul, n(p.grad), n(sample.slopes[-1][r])))
            chains.append(chain(sheet.d(last, r), symbol, substituted, sheet.result(z.grad)))
        sheet.show_each(chains)


def _agreement(sheet: Sheet, solution: Solution, general: str) -> None:
    """Compare the formula's numbers with those that came back through the graph."""
    c = float(error_factor(sheet.problem))
    gap = max(
        abs(c * (p.data - y.data) - z.grad)
        for sample in solution.samples
        for p, y, z in zip(sample.h[-1], sample.y, sample.z[-1], strict=True)
    )
    rounding = "exactly equal" if gap == 0 else f"equal up to the rounding of floats, ${_power(gap)}$"
    sheet.say(
        f"Both ways give the same ${sheet.delta(sheet.depth - 1)}$: {rounding}. In general: ${general}$.", "check"
    )


def _power(x: float) -> str:
    mantissa, _, exponent = f"{x:.0e}".partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}"


def _scaled(sheet: Sheet, error: Text) -> str:
    """Print the derivative that the last error term begins with, with the number in front of it."""
    return f"{sheet.factor}{error:2}" if sheet.factor else error


def _termwise(sheet: Sheet, solution: Solution) -> None:
    """Write the error term of a loss whose terms are differentiated one by one, and of an activation behind it."""
    last, loss, count = sheet.depth - 1, sheet.loss, sheet.sizes[-1]
    slope = sheet.df(last, sheet.Z(last)) if sheet.has_slope(last) else ""
    inner = _scaled(sheet, sheet.error())
    names = {"p": OUTPUT, "y": "y_{k}"} if count > 1 else {"p": r"\hat y", "y": "y"}
    term, derived = (formula.print("latex", names) for formula in (loss.formula, loss.slope))
    mean = f", and the mean over the {count} outputs divides by {count}" if count > 1 and loss.mean else ""
    which = "Each" if count > 1 else "The"
    sheet.say(f"{_mean_note(sheet)}{which} {loss.noun} ${term}$ has the derivative ${derived}${mean}.")
    sheet.show(chain(derivative("L", r"\hat y"), ("=", inner)))
    if slope:
        sheet.say(
            f"Through the activation $\\hat y = {sheet.f(last, sheet.Z(last))}$, whose derivative is found below, "
            "the chain rule brings the factor that is missing:"
        )
    formula = rf"{sheet.factor}{sheet.error():2} \circ {slope}" if slope else inner
    sheet.show(chain(rf"{sheet.delta(last)} = {derivative('L', sheet.Z(last))}", ("=", formula)))
    if solution.loss is None:
        _open_target(sheet, solution, inner)
        return
    for sample, key, mark in sheet.samples(solution):
        substituted = _difference(sheet, sample)
        numbers = grads(sample.h[-1])
        if not slope:
            lines = chain(sheet.delta(last) + mark, ("=", inner), substituted, sheet.column(numbers))
            sheet.show(lines, **{f"δ{last + 1}{key}": numbers})
        else:
            sheet.show(chain(derivative("L", r"\hat y") + mark, ("=", inner), substituted, sheet.column(numbers)))


class _Head(NamedTuple):
    """How it is written that the derivative of a head cancels, by the formula of the loss and through the graph."""

    fused: Callable[[Sheet], None]
    is_plain: Callable[[Solution], bool]  # whether the graph is the textbook's
    expanded: Callable[[Sheet, Solution], None]
    general: str


HEADS = {
    "softmax": _Head(
        _fused_softmax,
        _has_plain_softmax,
        _expanded_softmax,
        r"-\frac{y_{i}}{\hat y_{i}} \cdot \frac{a_{i}}{S} + \frac{a_{i}}{S} \cdot \sum_{k} y_{k} = \hat y_{i} - y_{i}",
    ),
    "sigmoid": _Head(
        _fused_sigmoid,
        lambda solution: True,  # noqa: ARG005 - the sigmoid is one operation
        _expanded_sigmoid,
        r"\left(\frac{1 - y}{1 - \hat y} - \frac{y}{\hat y}\right) \cdot \hat y \cdot (1 - \hat y) = \hat y - y",
    ),
}
