"""The second half of a written-out solution: the error terms from the last layer to the first, and the gradients."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from math import prod
from typing import NamedTuple

from scalargrad import ops
from scalargrad.op import Text
from scalargrad.worked.document import WIDEST, Side, Table, chain
from scalargrad.worked.forward import summed
from scalargrad.worked.notation import box
from scalargrad.worked.output_error import output_error
from scalargrad.worked.sheet import Sheet, data, derivative, grads, printed, total
from scalargrad.worked.slopes import product_with_slope, slopes
from scalargrad.worked.solution import Sample, Solution, weights_and_bias

PATHS = 12  # that a table shows; of more, the largest
MOST_PATHS = 4096  # that are added; a weight of more is passed over for one of a later layer


def backward_pass(sheet: Sheet, solution: Solution) -> None:
    """Write the error terms from the last layer to the first, and the gradients."""
    sheet.section("Backward pass: the error terms")
    _idea(sheet)
    output_error(sheet, solution)
    slopes(sheet, solution)
    for i in reversed(range(sheet.depth - 1)):
        _hidden_error(sheet, solution, i)
    sheet.section("The gradients")
    _gradients(sheet, solution)
    if solution.loss is not None and sheet.depth > 1:
        _paths(sheet, solution)


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
    slope = rf"\operatorname{{diag}}\left({sheet.df(last - 1, Z)}\right) "
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
    slope = rf" \circ {sheet.df(i, sheet.Z(i))}" if sheet.has_slope(i) else ""
    return rf"{sheet.W(i + 1)}^{{\top}} {sheet.delta(i + 1)}{slope}"


def _hidden_error(sheet: Sheet, solution: Solution, i: int) -> None:
    n = sheet.n
    H, delta, above = sheet.H(i + 1), sheet.delta(i), sheet.delta(i + 1)
    sheet.subsection(f"${delta}$, from ${above}$")
    backwards = rf"{sheet.W(i + 1)}^{{\top}} {above}"
    sheet.say(
        f"Entry $j$ of ${H}$ enters every sum of the next layer, with the weights of column $j$ of ${sheet.W(i + 1)}$; what "
        f"comes back along these ways is added: that is the product with ${sheet.W(i + 1)}^{{\\top}}$."
    )
    weights, _ = weights_and_bias(solution.layers[i + 1], "data")
    transposed = [list(row) for row in zip(*weights, strict=True)]
    if solution.loss is None:
        for sample, _, mark in sheet.samples(solution):
            slope = rf" \circ {n.vector(sample.slopes[i])}" if sheet.has_slope(i) else ""
            substituted = sheet.side(f"{n.matrix(transposed)} {above}{mark}{slope}")
            sheet.show(chain(delta + mark, ("=", _pulled_back(sheet, i)), substituted))
        return
    for sample, key, mark in sheet.samples(solution):
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
            product_with_slope(sheet, sample, i, backwards, key, mark)


def _gradients(sheet: Sheet, solution: Solution) -> None:
    sheet.say(
        r"In $z_{i} = \sum_{j} w_{ij} \cdot h_{j} + b_{i}$ the weight $w_{ij}$ has the factor $h_{j}$, and the bias the factor "
        r"1 ($h$ is what the layer takes: for the first layer the input $x$). So "
        rf"${derivative('L', 'w_{ij}')} = \delta_{{i}} \cdot h_{{j}}$ and ${derivative('L', 'b_{i}')} = \delta_{{i}}$: all "
        "gradients of a layer are one outer product, a column times a row."
        + (" In a batch, the samples' products are added." if sheet.batch else "")
    )
    n, solved = sheet.n, solution.loss is not None
    for i, layer in enumerate(solution.layers):
        by_w, by_b = derivative("L", sheet.W(i)), derivative("L", sheet.b(i))
        delta, taken = sheet.delta(i), f"{sheet.H(i)}^{{\\top}}"
        if sheet.batch:
            delta, taken = rf"\sum_{{s}} {delta}^{{[s]}}", rf"\left({sheet.H(i)}^{{[s]}}\right)^{{\top}}"
        weights, bias = weights_and_bias(layer, "grad")
        products = []
        for sample, _, mark in sheet.samples(solution, all=True):
            error = n.column(grads(sample.z[i])) if solved else sheet.delta(i) + mark
            products.append(Text(f"{error} {n.row(data(sample.h[i - 1] if i else sample.x))}"))
        to_w, to_b = [("=", f"{delta} {taken}"), sheet.side(_few(products))], [("=", delta)]
        if not solved:
            sheet.show(chain(by_w, *to_w), chain(by_b, *to_b))
            continue
        to_w.append(n.side(n.matrix(weights)))
        sheet.show(chain(by_w, *to_w), **{f"∂loss/∂W{i + 1}": weights})
        if sheet.batch:
            to_b.append(sheet.side(_few([n.vector(grads(sample.z[i])) for sample in solution.samples])))
        sheet.show(chain(by_b, *to_b, sheet.column(bias)), **{f"∂loss/∂b{i + 1}": bias})


def _few(terms: Sequence[Text]) -> str:
    return total(terms if len(terms) <= 4 else [*terms[:2], Text(r"\cdots"), terms[-1]])


def _paths(sheet: Sheet, solution: Solution) -> None:
    sizes = sheet.sizes
    few = (i for i in range(sheet.depth - 1) if prod(sizes[i + 2 :]) * len(solution.samples) <= MOST_PATHS)
    layer = next(few, None)
    if layer is None:
        return
    weights, _ = weights_and_bias(solution.layers[layer], "grad")
    r, c = max(product(range(sizes[layer + 1]), range(sizes[layer])), key=lambda rc: abs(weights[rc[0]][rc[1]]))
    name = sheet.w(layer, r, c)
    sheet.subsection(f"One gradient along its paths: ${name}$")
    sheet.say(
        f"The same number without matrices. The weight ${name}$ reaches the loss on every path from its neuron to an output. "
        "The chain rule multiplies the local derivatives along a path, and adds the paths."
    )
    found: list[tuple[_Path, str]] = []
    for sample, key, _ in sheet.samples(solution, all=True):
        paths = product([r], *(range(size) for size in sizes[layer + 2 :]))
        found += [(_along(sheet, solution, sample, layer, c, path), key) for path in paths]
    if len(found) > PATHS:
        found.sort(key=lambda item: -abs(item[0].value))
        sheet.say(f"There are {len(found):,} paths; here are the {PATHS} that bring most.")
    first = found[0][0]
    shown = [" ".join([*path.route, *path.names, *path.numbers]) for path, _ in found[:PATHS]]
    short = max(box(line).width for line in shown) < WIDEST
    if not short:
        sheet.say("The local derivatives along the first of them; the others have theirs in the same places:")
        sheet.show(chain(r" \cdot ".join(first.names), first.numbers, sheet.result(first.value)))
    rows = []
    for path, key in found[:PATHS]:
        route = f"sample {key.strip('[]')}: " * bool(key) + r" $\to$ ".join(f"${name}$" for name in (*path.route, "L"))
        factors = " ".join([r" \cdot ".join(path.names), *path.numbers])
        rows.append((route, *[f"${factors}$"] * short, f"${sheet.n.shown(path.value)}$"))
    values = [path.value for path, _ in found[:PATHS]]
    if len(found) > PATHS:
        values.append(sum(path.value for path, _ in found[PATHS:]))
        rows.append((f"the other {len(found) - PATHS:,} paths", *[""] * short, f"${sheet.n.shown(values[-1])}$"))
    sheet.blocks.append(Table(("path", *["local derivatives"] * short, "product"), tuple(rows)))
    gradient = weights[r][c]
    terms = [sheet.n(x) for x in values]
    sheet.show(chain(derivative("L", name), sheet.side(total(terms)), sheet.result(gradient)))
    place = f"row {r + 1}, column {c + 1} of ${derivative('L', sheet.W(layer))}$"
    sheet.say(f"It is the entry in {place} above.", "check")


class _Path(NamedTuple):
    route: list[str]
    names: list[str]
    numbers: Side
    value: float


def _along(sheet: Sheet, solution: Solution, sample: Sample, layer: int, c: int, path: Sequence[int]) -> _Path:
    """Multiply the local derivatives from a weight (of input c) along a path of neurons."""
    taken = sample.h[layer - 1] if layer else sample.x
    names, factors = [sheet.h(layer, c)], [taken[c].data]
    route = [sheet.w(layer, path[0], c), sheet.z(layer, path[0])]
    for i, (here, after) in enumerate(pairwise(path), layer):
        if sheet.has_slope(i):
            names.append(sheet.df(i, sheet.z(i, here)))
            factors.append(sample.slopes[i][here])
            route.append(sheet.h(i + 1, here))
        names.append(sheet.w(i + 1, after, here))
        factors.append(solution.layers[i + 1].neurons[after].w[here].data)
        route.append(sheet.z(i + 1, after))
    last = sheet.depth - 1
    names.append(sheet.d(last, path[-1]))
    factors.append(sample.z[last][path[-1]].grad)
    return _Path(route, names, sheet.side(_product([sheet.n(x) for x in factors])), prod(factors))


def _product(factors: Sequence[Text]) -> str:
    out = factors[0]
    for factor in factors[1:]:
        out = printed(ops.mul, out, factor)
    return out
