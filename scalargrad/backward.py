"""The second half of a written-out solution: the error terms, derived and evaluated, and the gradients."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod

from scalargrad import ops
from scalargrad.document import Table, chain
from scalargrad.forward import summed
from scalargrad.ops import Op, Text
from scalargrad.sheet import Sheet, column, data, derivative, grads, printed, sentence
from scalargrad.symbolic import Formula, steps
from scalargrad.value import Value
from scalargrad.worked import Sample, Solution, error_factor, is_textbook, weights_and_bias

# Derivatives that textbooks write in another way.
IDENTITIES: dict[Op, str] = {
    ops.tanh: r"$\operatorname{sech}^{2}(u) = 1 - \tanh^{2}(u)$",
    ops.sigmoid: r"$\sigma(-u) = 1 - \sigma(u)$",
}
PATHS = 12  # that a table shows; of more, the largest


def backward_pass(sheet: Sheet, solution: Solution) -> None:
    """Write the error terms from the last layer to the first, and the gradients."""
    sheet.section("Backward pass: the error terms")
    _idea(sheet)
    _output_error(sheet, solution)
    _slopes(sheet, solution)
    for i in reversed(range(sheet.depth - 1)):
        _hidden_error(sheet, solution, i)
    sheet.section("The gradients")
    _gradients(sheet, solution)
    if solution.loss is not None and sheet.depth > 1:
        _paths(sheet, solution)


def _samples(sheet: Sheet, solution: Solution) -> list[tuple[Sample, str, str]]:
    """List the samples, each with how values and vectors of it are marked: not at all where there is one."""
    if not sheet.batch:
        return [(solution.samples[0], "", "")]
    return [(sample, f"[{s}]", f"^{{[{s}]}}") for s, sample in enumerate(solution.samples, 1)]


def _idea(sheet: Sheet) -> None:
    last = sheet.depth - 1
    sheet.say(
        "A weight acts on the loss only through the weighted sum that it stands in. So the derivatives by these sums come "
        r"first, the error terms $\delta = \partial L/\partial Z$, from the last layer back to the first; every gradient "
        "is then one product."
    )
    if not last:
        return
    Z, H, W = sheet.Z(last - 1), sheet.H(last), sheet.W(last)
    slope = rf"\operatorname{{diag}}\left({sheet.f(last - 1, Z, chr(39))}\right) "
    linear = sheet.problem.activations[last - 1] == "linear"
    sheet.say(
        "From one layer to the layer before it, the chain rule multiplies by the Jacobians of the two steps between:"
    )
    sides = [
        rf"\left({derivative(H, Z)}\right)^{{\top}} \left({derivative(sheet.Z(last), H)}\right)^{{\top}} {derivative('L', sheet.Z(last))}",
        f"{'' if linear else slope}{W}^{{\\top}} {sheet.delta(last)}",
    ]
    if not linear:
        sides.append(_pulled_back(sheet, last - 1))
    sheet.show(chain(rf"{sheet.delta(last - 1)} = {derivative('L', Z)}", *(("=", side) for side in sides)))
    why = rf"${derivative(sheet.Z(last), H)} = {W}$, because ${sheet.Z(last)} = {W} {H} + {sheet.b(last)}$"
    if linear:
        sheet.say(f"{why}, and ${H} = {Z}$.")
    else:
        sheet.say(
            rf"{why}; and ${derivative(H, Z)}$ is diagonal, because each entry of ${H}$ depends on one entry of ${Z}$ only. "
            r"A diagonal matrix times a vector is the product entry by entry, written $\circ$."
        )


def _pulled_back(sheet: Sheet, i: int) -> str:
    slope = rf" \circ {sheet.f(i, sheet.Z(i), chr(39))}" if sheet.has_slope(i) else ""
    return rf"{sheet.W(i + 1)}^{{\top}} {sheet.delta(i + 1)}{slope}"


# The error term of the output layer.


def _output_error(sheet: Sheet, solution: Solution) -> None:
    last, loss = sheet.depth - 1, sheet.problem.loss
    delta = sheet.delta(last)
    if loss == "mse":
        sheet.subsection(f"${delta}$, from the squares")
        _squares(sheet, solution)
        return
    sheet.subsection(f"${delta}$, by the formula of the loss")
    (_fused_softmax if loss == "cross-entropy" else _fused_sigmoid)(sheet)
    c = sheet.factor
    formula = rf"{c}(\hat{{y}} - y)" if c else r"\hat{y} - y"
    if solution.loss is None:
        _open_target(sheet, solution, formula)
        return
    for sample, key, mark in _samples(sheet, solution):
        outputs, targets = (sheet.n.column(data(values)) for values in (sample.h[-1], sample.y))
        difference = f"{outputs} - {targets}"
        substituted = sheet.side(rf"{c}\left({difference}\right)" if c else difference)
        numbers = grads(sample.z[-1])
        lines = chain(delta + mark, ("=", formula), substituted, sheet.column(numbers))
        sheet.show(lines, **{f"δ{last + 1}{key}": numbers})
    sheet.subsection(f"${delta}$ again, through the recorded graph")
    textbook = all(is_textbook(sheet.problem, sample.h[-1]) for sample in solution.samples)
    plain = loss != "cross-entropy" or _has_plain_softmax(solution)
    if not (textbook and plain):
        sheet.say(
            "An output is so close to 0 or 1 here that this way would lose the digits that the formula keeps, and "
            "numbers would overflow. It is left out; for moderate outputs it gives the same.",
            "note",
        )
        return
    (_expanded_softmax if loss == "cross-entropy" else _expanded_sigmoid)(sheet, solution)
    _agreement(sheet, solution)


def _open_target(sheet: Sheet, solution: Solution, formula: str) -> None:
    last = sheet.depth - 1
    sheet.say(
        r"The problem gives no target $y$, so what depends on it stays symbolic from here on. "
        "With a target (`target` in the problem, or `--target`) every number below is computed.",
        "note",
    )
    for sample, _, mark in _samples(sheet, solution):
        entries = []
        for r, p in enumerate(sample.h[-1]):
            entries.append(f"{sheet.n(p.data)} - {sheet.y(r)}")
        sheet.show(chain(sheet.delta(last) + mark, ("=", formula), sheet.side(f"{sheet.factor}{column(entries)}")))


def _has_plain_softmax(solution: Solution) -> bool:
    """Say whether softmax was computed as a textbook has it: not shifted, and of more than one output."""
    return all(
        len(s.h[-1]) > 1 and p._prev[0]._prev[0] is z
        for s in solution.samples
        for p, z in zip(s.h[-1], s.z[-1], strict=True)
    )


def _mean_note(sheet: Sheet) -> str:
    return f" (The loss is a mean over {len(sheet.problem.examples)} samples: hence the factor.)" if sheet.batch else ""


def _fused_softmax(sheet: Sheet) -> None:
    z, m = "z_{k}", sheet.mean
    total = rf"\sum_{{j}} {printed(ops.exp, 'z_{j}')}"
    log_total = printed(ops.log, total)
    log_p, log_quotient = printed(ops.log, r"\hat{y}_{k}"), f"{z} - {log_total}"
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
        "Its derivative by one entry $z_{i}$, with $\\ln'(u) = "
        + _rule(ops.log)
        + "$ and the chain rule:"
        + _mean_note(sheet)
    )
    quotient = printed(ops.div, printed(ops.exp, "z_{i}"), total)
    inner, result = rf"{quotient} - y_{{i}}", r"\hat{y}_{i} - y_{i}"
    if m:
        inner, result = rf"{m}\left({inner}\right)", rf"{m}\left({result}\right)"
    sheet.show(chain(derivative("L", "z_{i}"), ("=", inner), ("=", result)))


def _fused_sigmoid(sheet: Sheet) -> None:
    n, c = sheet.sizes[-1], sheet.factor
    sheet.say(
        r"With $\hat{y} = \sigma(z)$, the logarithms are $\ln \sigma(z) = -\ln(1 + e^{-z})$ and "
        r"$\ln(1 - \sigma(z)) = -\ln(1 + e^{z})$. For one output, the loss is"
        + (f" the mean of {n} terms" if n > 1 else "") + ":"
    )  # fmt: skip
    sheet.show(chain(r"L_{k}", ("=", r"y_{k} \cdot \ln(1 + e^{-z_{k}}) + (1 - y_{k}) \cdot \ln(1 + e^{z_{k}})")))
    sheet.say(
        r"The derivative of $\ln(1 + e^{z})$ is $\sigma(z) = \hat{y}$, that of $\ln(1 + e^{-z})$ is "
        r"$-\sigma(-z) = -(1 - \hat{y})$:" + _mean_note(sheet)
    )
    inner, result = r"-y_{k} \cdot (1 - \hat{y}_{k}) + (1 - y_{k}) \cdot \hat{y}_{k}", r"\hat{y}_{k} - y_{k}"
    if c:
        inner, result = rf"{c}\left({inner}\right)", rf"{c}\left({result}\right)"
    sheet.show(chain(derivative("L", "z_{k}"), ("=", inner), ("=", result)))


def _rule(op: Op) -> str:
    return Formula(op, "u").derivative("u").print("latex")


def _expanded_softmax(sheet: Sheet, solution: Solution) -> None:
    by_a, by_s = (Formula(ops.div, "a", "S").derivative(x).print("latex", {"a": "a_{k}"}) for x in "aS")
    sheet.say(
        r"Now without the shortcut: back through every operation that the forward pass recorded, from the loss to "
        rf"$\hat{{y}}_{{k}} = a_{{k}}/S$, to $S = \sum_{{k}} a_{{k}}$ and to $a_{{k}} = {printed(ops.exp, 'z_{k}')}$. "
        rf"The local derivatives are $-y_{{k}}/\hat{{y}}_{{k}}$ for the loss, ${by_a}$ and ${by_s}$ for the quotient, 1 for "
        rf"the sum and $a_{{k}}$ for the exponential. What reaches a quantity on several ways is added."
    )
    n, last = sheet.n, sheet.depth - 1
    for sample, _, mark in _samples(sheet, solution):
        if sheet.batch:
            sheet.say(f"Sample {mark[2:-1].strip('[]')}:")
        outputs, S = sample.h[-1], sample.h[-1][0]._prev[1]
        first, second, third = [], [], []
        for r, (p, y, z) in enumerate(zip(outputs, sample.y, sample.z[-1], strict=True)):
            a, name = p._prev[0], f"a_{{{r + 1}}}"
            p_name = sheet.h(last + 1, r)
            ratio = sheet.side(f"-{sheet.mean}{printed(ops.div, n(y.data), n(p.data))}")
            symbol = "=", rf"-{sheet.mean}\frac{{{sheet.y(r)}}}{{{p_name}}}"
            first.append(chain(derivative("L", p_name), symbol, ratio, sheet.result(p.grad)))
            incoming = printed(ops.mul, n(p.grad), n(p.local_gradients[0]))
            symbol = "=", rf"{derivative('L', p_name)} \cdot \frac{{1}}{{S}} + {derivative('L', 'S')}"
            second.append(
                chain(
                    derivative("L", name),
                    symbol,
                    sheet.side(printed(ops.add, incoming, n(S.grad))),
                    sheet.result(a.grad),
                )
            )
            symbol = "=", rf"{derivative('L', name)} \cdot {name}"
            third.append(
                chain(
                    sheet.d(last, r), symbol, sheet.side(printed(ops.mul, n(a.grad), n(a.data))), sheet.result(z.grad)
                )
            )
        terms = [printed(ops.mul, n(p.grad), n(p.local_gradients[1])) for p in outputs]
        symbol = (
            "=",
            rf"\sum_{{k}} {derivative('L', f'{chr(92)}hat{{y}}_{{k}}')} \cdot \left(-\frac{{a_{{k}}}}{{S^{{2}}}}\right)",
        )
        middle = chain(derivative("L", "S"), symbol, sheet.side(summed(terms)), sheet.result(S.grad))
        sheet.show_each(first)
        sheet.show(middle)
        sheet.show_each(second)
        sheet.show_each(third)


def _expanded_sigmoid(sheet: Sheet, solution: Solution) -> None:
    n, last, c = sheet.n, sheet.depth - 1, sheet.factor
    slope = Formula(ops.sigmoid, "z").derivative("z").print("latex")
    sheet.say(
        r"Now without the shortcut: back from the loss to $\hat{y}$, and from there through the sigmoid, whose derivative is "
        rf"${slope} = \hat{{y}} \cdot (1 - \hat{{y}})$."
    )
    for sample, _, _mark in _samples(sheet, solution):
        first, second = [], []
        for r, (p, y, z) in enumerate(zip(sample.h[-1], sample.y, sample.z[-1], strict=True)):
            p_name, y_name = sheet.h(last + 1, r), sheet.y(r)

            def slope_of_loss(p: str, y: str) -> str:
                inner = rf"\frac{{1 - {y}}}{{1 - {p}}} - \frac{{{y}}}{{{p}}}"
                return rf"{c}\left({inner}\right)" if c else inner

            substituted = sheet.side(slope_of_loss(n(p.data), n(y.data)))
            first.append(
                chain(derivative("L", p_name), ("=", slope_of_loss(p_name, y_name)), substituted, sheet.result(p.grad))
            )
            factors = printed(ops.mul, n(p.grad), n(sample.slopes[-1][r]))
            symbol = "=", rf"{derivative('L', p_name)} \cdot {sheet.f(last, sheet.z(last, r), chr(39))}"
            second.append(chain(sheet.d(last, r), symbol, sheet.side(factors), sheet.result(z.grad)))
        sheet.show_each(first)
        sheet.show_each(second)


def _agreement(sheet: Sheet, solution: Solution) -> None:
    """Compare the formula's numbers with those that came back through the graph."""
    c = float(error_factor(sheet.problem))
    gap = max(
        abs(c * (p.data - y.data) - z.grad)
        for sample in solution.samples
        for p, y, z in zip(sample.h[-1], sample.y, sample.z[-1], strict=True)
    )
    rounding = "exactly equal" if gap == 0 else f"equal up to the rounding of floats, ${_power(gap)}$"
    general = (
        r" In general: $-\frac{y_{i}}{\hat{y}_{i}} \cdot \frac{a_{i}}{S} + \frac{a_{i}}{S} \cdot \sum_{k} y_{k} = \hat{y}_{i} - y_{i}$."
        if sheet.problem.loss == "cross-entropy"
        else r" In general: $\left(\frac{1 - y}{1 - \hat{y}} - \frac{y}{\hat{y}}\right) \cdot \hat{y} \cdot (1 - \hat{y}) = \hat{y} - y$."
    )
    sheet.say(f"Both ways give the same ${sheet.delta(sheet.depth - 1)}$: {rounding}.{general}", "check")


def _power(x: float) -> str:
    mantissa, _, exponent = f"{x:.0e}".partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}"


def _squares(sheet: Sheet, solution: Solution) -> None:
    last, c = sheet.depth - 1, sheet.factor
    slope = sheet.f(last, sheet.Z(last), "'") if sheet.has_slope(last) else ""
    inner = rf"{c}(\hat{{y}} - y)"
    sheet.say(
        r"Each square $(\hat{y}_{k} - y_{k})^{2}$ has the derivative $2 (\hat{y}_{k} - y_{k})$, and the mean divides by "
        f"{sheet.sizes[-1]}." + _mean_note(sheet)
        if sheet.sizes[-1] > 1
        else r"The square $(\hat{y} - y)^{2}$ has the derivative $2 (\hat{y} - y)$." + _mean_note(sheet)
    )
    sheet.show(chain(derivative("L", r"\hat{y}"), ("=", inner)))
    if slope:
        sheet.say(
            f"Through the activation $\\hat{{y}} = {sheet.f(last, sheet.Z(last))}$, whose derivative is found below, "
            "the chain rule brings the factor that is missing:"
        )
    formula = rf"{inner} \circ {slope}" if slope else inner
    sheet.show(chain(rf"{sheet.delta(last)} = {derivative('L', sheet.Z(last))}", ("=", formula)))
    if solution.loss is None:
        _open_target(sheet, solution, inner)
        return
    for sample, key, mark in _samples(sheet, solution):
        outputs, targets = (sheet.n.column(data(values)) for values in (sample.h[-1], sample.y))
        substituted = sheet.side(rf"{c}\left({outputs} - {targets}\right)")
        numbers = grads(sample.h[-1])
        if not slope:
            lines = chain(sheet.delta(last) + mark, ("=", inner), substituted, sheet.column(numbers))
            sheet.show(lines, **{f"δ{last + 1}{key}": numbers})
        else:
            sheet.show(chain(derivative("L", r"\hat{y}") + mark, ("=", inner), substituted, sheet.column(numbers)))


# The derivatives of the activations.


def _slopes(sheet: Sheet, solution: Solution) -> None:
    activations = sheet.problem.activations
    written = []
    for i in reversed(range(sheet.depth)):
        if not sheet.has_slope(i):
            continue
        if activations[i] not in written:
            sheet.subsection(f"The derivative ${sheet.f(i, 'z', chr(39))}$")
            _derived(sheet, i)
            written.append(activations[i])
        _evaluated(sheet, solution, i)
        if i == sheet.depth - 1 and solution.loss is not None:
            for sample, key, mark in _samples(sheet, solution):
                _product_with_slope(sheet, sample, i, rf"{sheet.factor}(\hat{{y}} - y)", key, mark)


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
    sheet.show(chain(sheet.f(i, "z", "'"), ("=", slope.print("latex"))))
    used = {node.head for node in steps(formula)}
    remarks = []
    if any(node.head in (ops.greater, ops.equal) for node in steps(slope)):
        remarks.append("A bracket $[\\ldots]$ is 1 where its condition holds, else 0.")
    remarks += [f"Also written with {identity}." for op, identity in IDENTITIES.items() if op in used]
    if remarks:
        sheet.say(" ".join(remarks))


def _rules(formula: Formula) -> list[tuple[str, str]]:
    """List the derivative of each kind of step: records' partials on the names u and v, or on z itself."""
    rules: dict[str, str] = {}
    for node in steps(formula):
        if not isinstance(node.head, Op) or not node.names:
            continue
        slope, operands, spare = Formula(0.0), [], iter("uv")
        for x in node.operands:
            operands.append(Formula(next(spare)) if isinstance(x.head, Op) and x.names else x)
        plain = Formula(node.head, *operands)
        for index, x in enumerate(operands):
            if x.names:
                inner = Formula(1.0) if x.head == "z" else Formula(f"{x.head}'")
                slope = slope + node.head.partials[index](plain, *operands) * inner
        primes = {"u'": "u'", "v'": "v'"}
        shown = slope.simplified().print("latex", primes)
        left = plain.print("latex")
        rules[rf"\left({left}\right)'"] = shown
    return list(rules.items())


def _evaluated(sheet: Sheet, solution: Solution, i: int) -> None:
    formula = sheet.formula(i)
    slope = formula.derivative("z") if formula else None
    for sample, key, mark in _samples(sheet, solution):
        chains = []
        for r, (z, number) in enumerate(zip(sample.z[i], sample.slopes[i], strict=True)):
            sides = []
            z_number = sheet.n(z.data)
            if slope is not None and slope.names:
                sides.append(sheet.side(slope.print("latex", {"z": z_number})))
                if isinstance(slope.head, Op) and any(isinstance(x.head, Op) for x in slope.operands):
                    with ops.ieee():
                        values = [sheet.n(x(z=z.data)) for x in slope.operands]
                    sides.append(sheet.side(printed(slope.head, *values)))
            sheet.n.rounded = False
            chains.append(chain(sheet.f(i, sheet.z(i, r), "'"), *sides, sheet.result(number)))
        if sheet.batch:
            sheet.say(f"At the sums ${sheet.Z(i)}{mark}$ of sample {key.strip('[]')}:")
        else:
            sheet.say(f"At the sums ${sheet.Z(i)}$:")
        sheet.show_each(chains, **{f"f'(Z{i + 1}){key}": sample.slopes[i]})
        for kink in solution.kinks:
            if any(kink.value in _between(h, z) for h, z in zip(sample.h[i], sample.z[i], strict=True)):
                sheet.say(sentence(str(kink)), "kink")


def _between(h: Value, z: Value) -> list[Value]:
    """List what an activation computed from z."""
    found: list[Value] = []
    stack = [h]
    while stack:
        node = stack.pop()
        if node is not z and node not in found:
            found.append(node)
            stack += node._prev
    return found


def _product_with_slope(sheet: Sheet, sample: Sample, i: int, incoming: str, key: str, mark: str) -> None:
    """Write δ as the product, entry by entry, of what comes from above and of f'(Z)."""
    n, slopes, delta = sheet.n, sample.slopes[i], grads(sample.z[i])
    formula = rf"{incoming} \circ {sheet.f(i, sheet.Z(i), chr(39))}"
    above = n.column(grads(sample.h[i]))
    sides = [sheet.side(rf"{above} \circ {n.column(slopes)}"), sheet.column(delta)]
    sheet.show(chain(sheet.delta(i) + mark, ("=", formula), *sides), **{f"δ{i + 1}{key}": delta})


# The error terms of hidden layers.


def _hidden_error(sheet: Sheet, solution: Solution, i: int) -> None:
    n = sheet.n
    H, delta, above = sheet.H(i + 1), sheet.delta(i), sheet.delta(i + 1)
    sheet.subsection(f"${delta}$, from ${above}$")
    backwards = rf"{sheet.W(i + 1)}^{{\top}} {above}"
    sheet.say(
        f"Entry $j$ of ${H}$ enters every sum of the next layer, with the weights of column $j$ of ${sheet.W(i + 1)}$; what "
        f"comes back along these ways is added: that is the product with ${sheet.W(i + 1)}^{{\\top}}$."
    )
    if solution.loss is None:
        sheet.show(chain(delta, ("=", _pulled_back(sheet, i))))
        return
    weights, _ = weights_and_bias(solution.layers[i + 1], "data")
    transposed = [list(row) for row in zip(*weights, strict=True)]
    for sample, key, mark in _samples(sheet, solution):
        deltas, back = grads(sample.z[i + 1]), grads(sample.h[i])
        substituted = sheet.side(f"{n.matrix(transposed)} {n.column(deltas)}")
        left = derivative("L", H) + mark if sheet.has_slope(i) else delta + mark
        values = {} if sheet.has_slope(i) else {f"δ{i + 1}{key}": back}
        sheet.show(chain(left, ("=", backwards), substituted, sheet.column(back)), **values)
        chains = []
        for r in range(len(back)):
            terms = [printed(ops.mul, n(w), n(d)) for w, d in zip(transposed[r], deltas, strict=True)]
            name = derivative("L", sheet.h(i + 1, r)) if sheet.has_slope(i) else sheet.d(i, r)
            chains.append(chain(name, sheet.side(summed(terms)), sheet.result(back[r])))
        sheet.show_each(chains)
        if sheet.has_slope(i):
            sheet.say("Times the derivative of the activation, entry by entry:")
            _product_with_slope(sheet, sample, i, backwards, key, mark)


# The gradients.


def _gradients(sheet: Sheet, solution: Solution) -> None:
    sheet.say(
        r"In $z_{i} = \sum_{j} w_{ij} \cdot h_{j} + b_{i}$ the weight $w_{ij}$ has the factor $h_{j}$, and the bias the factor "
        r"1 ($h$ is what the layer takes: for the first layer the input $x$). So "
        rf"${derivative('L', 'w_{ij}')} = \delta_{{i}} \cdot h_{{j}}$ and ${derivative('L', 'b_{i}')} = \delta_{{i}}$: all "
        "gradients of a layer are one outer product, a column times a row."
        + (" In a batch, the samples' products are added." if sheet.batch else "")
    )
    n = sheet.n
    for i, layer in enumerate(solution.layers):
        by_w, by_b = derivative("L", sheet.W(i)), derivative("L", sheet.b(i))
        sign = r"\sum_{s} " if sheet.batch else ""
        formula = f"{sign}{sheet.delta(i)} {sheet.H(i)}^{{\\top}}"
        if sheet.batch:
            formula = rf"\sum_{{s}} {sheet.delta(i)}^{{[s]}} \left({sheet.H(i)}^{{[s]}}\right)^{{\top}}"
        if solution.loss is None:
            bias = f"{sign}{sheet.delta(i)}" + "^{[s]}" * sheet.batch
            sheet.show(chain(by_w, ("=", formula)), chain(by_b, ("=", bias)))
            continue
        weights, bias_grad = weights_and_bias(layer, "grad")
        products = []
        for sample in solution.samples:
            taken = data(sample.h[i - 1] if i else sample.x)
            products.append(Text(f"{n.column(grads(sample.z[i]))} {n.row(taken)}"))
        substituted = sheet.side(_few(products))
        numbers = n.side(n.matrix(weights))
        sheet.show(chain(by_w, ("=", formula), substituted, numbers), **{f"∂loss/∂W{i + 1}": weights})
        sides = [sheet.column(bias_grad)]
        if sheet.batch:
            columns = [Text(n.column(grads(sample.z[i]))) for sample in solution.samples]
            sides.insert(0, sheet.side(_few(columns)))
        name = f"{sign}{sheet.delta(i)}" + "^{[s]}" * sheet.batch
        sheet.show(chain(by_b, ("=", name), *sides), **{f"∂loss/∂b{i + 1}": bias_grad})


def _few(terms: Sequence[Text]) -> str:
    terms = terms if len(terms) <= 4 else [*terms[:2], Text(r"\cdots"), terms[-1]]
    return " + ".join(terms)


# One gradient, along its paths.


def _paths(sheet: Sheet, solution: Solution) -> None:
    sizes = sheet.sizes
    layer = next(i for i in range(sheet.depth) if prod(sizes[i + 2 :]) * len(solution.samples) <= 4096)
    if layer == sheet.depth - 1:
        return
    weights, _ = weights_and_bias(solution.layers[layer], "grad")
    r, c = max(product(range(sizes[layer + 1]), range(sizes[layer])), key=lambda rc: abs(weights[rc[0]][rc[1]]))
    name = sheet.w(layer, r, c)
    sheet.subsection(f"One gradient along its paths: ${name}$")
    sheet.say(
        f"The same number without matrices. The weight ${name}$ reaches the loss on every path from its neuron to an output. "
        "The chain rule multiplies the local derivatives along a path, and adds the paths."
    )
    found = []
    for sample, key, _ in _samples(sheet, solution):
        for path in product([r], *(range(size) for size in sizes[layer + 2 :])):
            found.append((_along(sheet, solution, sample, layer, c, path), key))
    found.sort(key=lambda item: -abs(item[0][2]) if len(found) > PATHS else 0)
    head = ("path", "local derivatives", "product")
    rows = [
        ((f"sample {key.strip('[]')}: " if key else "") + route, factors, value)
        for (route, factors, _, value), key in found
    ]
    shown = rows[:PATHS]
    if len(rows) > PATHS:
        rest = sum(number for (_, _, number, _), _ in found[PATHS:])
        shown.append((f"the other {len(rows) - PATHS} paths", "", f"${sheet.n(rest)}$"))
    sheet.blocks.append(Table(head, tuple(shown)))
    gradient = weights[r][c]
    sheet.n.rounded = False
    values = [number for (_, _, number, _), _ in found]
    terms = [sheet.n(x) for x in values[:PATHS]] + ([sheet.n(sum(values[PATHS:]))] if len(values) > PATHS else [])
    sheet.show(chain(derivative("L", name), sheet.side(summed(terms)), sheet.result(gradient)))
    place = f"row {r + 1}, column {c + 1} of ${derivative('L', sheet.W(layer))}$"
    sheet.say(f"It is the entry in {place} above.", "check")


def _along(
    sheet: Sheet, solution: Solution, sample: Sample, layer: int, c: int, path: Sequence[int]
) -> tuple[str, str, float, str]:
    """Return a path, its factors as symbols and numbers, and their product."""
    taken = sample.h[layer - 1] if layer else sample.x
    names, factors = [sheet.h(layer, c)], [taken[c].data]
    route = [sheet.w(layer, path[0], c), sheet.z(layer, path[0])]
    for i, (here, after) in enumerate(zip(path, path[1:], strict=False), layer):
        if sheet.has_slope(i):
            names.append(sheet.f(i, sheet.z(i, here), "'"))
            factors.append(sample.slopes[i][here])
            route.append(sheet.h(i + 1, here))
        names.append(sheet.w(i + 1, after, here))
        factors.append(solution.layers[i + 1].neurons[after].w[here].data)
        route.append(sheet.z(i + 1, after))
    last = sheet.depth - 1
    names.append(sheet.d(last, path[-1]))
    factors.append(sample.z[last][path[-1]].grad)
    value = prod(factors)
    symbols = r" \cdot ".join(names)
    relation, numbers = sheet.side(_product([sheet.n(x) for x in factors]))
    shown = r"$\to$ ".join(f"${name}$ " for name in [*route, "L"]).strip()
    result = sheet.n(value)
    sheet.n.rounded = False
    return shown, f"${symbols} {relation} {numbers}$", value, f"${result}$"


def _product(factors: Sequence[Text]) -> str:
    out = factors[0]
    for factor in factors[1:]:
        out = printed(ops.mul, out, factor)
    return out
