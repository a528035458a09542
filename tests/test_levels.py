"""What a picture shows at each level of detail: linear units, summaries, parts of a graph, and the paths through it."""

import contextlib
import itertools
import math
import random
import re
import sys
import tracemalloc
from typing import get_args

import numpy as np
import pytest
from helpers import after_backward, chain, leaf, moons, network, words

from scalargrad import Value, nn, scope, topological_order
from viz.blocks import grid, pooled
from viz.cards import Cards
from viz.dot import to_dot
from viz.graph import Graph
from viz.layers import Summary, rms
from viz.layout import CANVASES
from viz.levels import LEVELS, CanvasName, Detail, choose
from viz.paths import Paths, named
from viz.text import operation
from viz.theme import LIGHT

# Linear units, however they were written


def weights(role, named):
    values = [Value(x, label=f"w{i}" * named) for i, x in enumerate((0.5, -2.0, 3.0), 1)]
    xs = [Value(x, label=f"x{i}" * named) for i, x in enumerate((1.0, 4.0, -1.0), 1)]
    b = Value(0.25, label="b" * named)
    for value in (*values, b):
        value.role = role
    return values, xs, b


def by_loop(w, x, b, start):
    z = start
    for wi, xi in zip(w, x):
        z = wi * xi if z is None else z + wi * xi
    return z if b is None else z + b


def named_on_the_way(w, x, b):
    products = [wi * xi for wi, xi in zip(w, x)]
    for i, product in enumerate(products, 1):
        product.label = f"x{i}w{i}"
    part = products[0] + products[1]
    part.label = "x1w1 + x2w2"
    total = part + products[2]
    total.label = "x1w1 + x2w2 + x3w3"
    return total + b


WRITTEN = {
    "sum and bias": lambda w, x, b: sum(wi * xi for wi, xi in zip(w, x)) + b,
    "bias and sum": lambda w, x, b: b + sum(wi * xi for wi, xi in zip(w, x)),
    "sum that starts from the bias": lambda w, x, b: sum((wi * xi for wi, xi in zip(w, x)), b),
    "inputs before weights": lambda w, x, b: sum(xi * wi for wi, xi in zip(w, x)) + b,
    "a loop": lambda w, x, b: by_loop(w, x, b, None),
    "a loop from the bias": lambda w, x, b: by_loop(w, x, None, b),
    "a loop from 0": lambda w, x, b: by_loop(w, x, b, Value(0.0) * 0 + 0 if False else 0.0),
    "added from the right": lambda w, x, b: w[0] * x[0] + (w[1] * x[1] + (w[2] * x[2] + b)),
    "a tree": lambda w, x, b: (w[0] * x[0] + w[1] * x[1]) + (w[2] * x[2] + b),
    "NumPy's @": lambda w, x, b: np.array(w) @ np.array(x) + b,
    "NumPy's @ on a matrix": lambda w, x, b: (np.array([w]) @ np.array(x) + b)[0],
    "names on the way": named_on_the_way,
}


@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
@pytest.mark.parametrize("role", ["parameter", ""])
@pytest.mark.parametrize("form", WRITTEN)
def test_a_linear_unit_is_one_card(form, role, named):
    w, x, b = weights(role, named)
    graph = Graph(after_backward(WRITTEN[form](w, x, b)).tanh(), units=True)
    (unit,) = (card for card in graph.cards if card.running_sum)
    leaves = {row.leaf for row in unit.rows}
    assert b in leaves
    assert len(unit.rows) == 4
    # Without roles and names, a weight is as good as an input: either may be the row.
    assert leaves == {*w, b} if role or named else all(len({wi, xi} & leaves) == 1 for wi, xi in zip(w, x))
    assert len(graph.cards) == 5  # three inputs, the unit, tanh
    assert len(graph.edges) == 4
    ports = [graph.port(edge) for edge in graph.edges if edge.child in unit.inside]
    assert sorted(ports) == ["r0", "r1", "r2"]
    assert {graph.gradient(row) for row in unit.rows} == {row.leaf.grad for row in unit.rows}


def test_other_sums_are_cards_too():
    with scope("loss"):
        terms = [(leaf(i, f"y{i}") - leaf(i, f"t{i}", "target")) ** 2 for i in range(5)]
        graph = Graph(sum(terms), units=True)
    (unit,) = (card for card in graph.cards if card.running_sum)
    assert unit.rows == []
    assert len(unit.inside) == 5  # four partial sums, and the 0 that sum() starts from
    assert sum(graph.card_of[edge.child] is unit for edge in graph.edges) == 5


@pytest.mark.parametrize(
    ("build", "sums"),
    [
        (lambda w, x, h: h + x, 0),
        (lambda w, x, h: w * x, 0),
        (lambda w, x, h: h + h, 0),
        (lambda w, x, h: w * x + h, 0),
        (lambda w, x, h: w * x + 1, 1),
        (lambda w, x, h: w * w + h + x, 1),  # a sum of three, but w*w is no weighted input
    ],
)
def test_what_is_a_unit(build, sums):
    w, x = leaf(2, "w", "parameter"), leaf(3, "x", "input")
    graph = Graph(build(w, x, x.sin()).exp(), units=True)
    assert sum(card.running_sum for card in graph.cards) == sums


def test_a_named_sum_is_not_swallowed_by_a_residual():
    w, x, b = weights("parameter", named=True)
    z = sum(wi * xi for wi, xi in zip(w, x)) + b
    z.label = "z"
    graph = Graph(z + x[0].sin(), units=True)
    assert "z" in {card.value.label for card in graph.cards}


def test_shared_parameters_have_a_row_in_every_unit_with_its_share_of_the_gradient():
    w, b = leaf(3, "w", "parameter"), leaf(1, "b", "parameter")
    outs = [w * leaf(x, f"x{i}", "input") + b for i, x in enumerate((2.0, -5.0), 1)]
    graph = Graph(after_backward(outs[0] * outs[1]), units=True)
    units = [card for card in graph.cards if card.running_sum]
    assert [[row.leaf for row in unit.rows] for unit in units] == [[w, b], [w, b]]
    assert w not in {card.value for card in graph.cards}
    assert not [edge for edge in graph.edges if edge.parent in (w, b)]
    shares = [graph.gradient(unit.rows[0]) for unit in units]
    assert shares == [2.0 * outs[1].data, -5.0 * outs[0].data]
    assert sum(shares) == w.grad


def test_a_parameter_used_elsewhere_keeps_its_card_beside_its_row():
    w, x, b = leaf(2, "w", "parameter"), leaf(3, "x", "input"), leaf(1, "b", "parameter")
    graph = Graph(after_backward(w * x + b + 0.1 * (w * w)), units=True)
    assert w in {card.value for card in graph.cards}
    assert w not in graph.row_leaves
    assert len([edge for edge in graph.edges if edge.parent is w]) == 3  # w*w twice, and the row


# Parts of a graph


def names(graph):
    return {card.value.label or operation(card.value) for card in graph.cards}


def test_scope_shows_what_was_made_there_and_what_comes_in():
    graph = Graph(network(), units=True, scope="layer 1/neuron 2")
    assert names(graph) == {"x1", "x2", "z2"}
    graph = Graph(network(), scope="cross-entropy")
    assert names(graph) == {"loss", "*", "log", "/", "t1"}
    assert [card.cut for card in graph.cards if operation(card.value) == "/"] == [True]
    assert "⋯ ÷" in words(to_dot(network(), scope="cross-entropy"))
    with pytest.raises(ValueError, match=r"scope: expected one of .*'layer 1', .*'softmax'.*, got 'layer 9'"):
        Graph(network(), scope="layer 9")
    with pytest.raises(ValueError, match="no scopes here"):
        to_dot(Value(1.0), scope="layer 1")


def test_depth_counts_cards_back_from_the_root():
    assert [len(Graph(chain(20), depth=depth).cards) for depth in (0, 1, 5, 100)] == [1, 2, 6, 20]
    assert [card.cut for card in Graph(chain(20), depth=2).cards] == [True, False, False]
    assert len(Summary(chain(20), depth=10**9).values) == 20
    assert "depth 3, every scalar (4), of 20 scalars" in words(to_dot(chain(20), depth=3))
    for depth in (-1, 1.5, "2"):
        with pytest.raises(ValueError, match=f"depth must be a whole number, 0 or more, got {depth!r}"):
            to_dot(Value(1.0), depth=depth)


# Summaries


def test_summary_of_a_network():
    model, total = moons(3)
    summary = Summary(total)
    assert [block.name for block in summary.blocks] == [
        *("inputs", "layer 1", "layer 2", "output layer", "loss", "computed")
    ]
    assert [len(block.parameters) for block in summary.blocks] == [0, 48, 272, 17, 0, 0]
    assert sum(len(block.values) for block in summary.blocks) == len(topological_order(total))
    assert [block.role for block in summary.blocks] == ["input", *["computed"] * 3, "output", "computed"]
    flows = {(flow.source.name, flow.target.name): flow for flow in summary.flows}
    assert set(flows) == {
        *itertools.pairwise(["inputs", "layer 1", "layer 2", "output layer", "loss"]),
        *((layer, "computed") for layer in ("layer 1", "layer 2", "output layer")),
        ("computed", "loss"),
    }
    assert [flows[pair].values for pair in [("inputs", "layer 1"), ("layer 1", "layer 2")]] == [6, 48]
    inputs = summary.blocks[0].values
    assert flows["inputs", "layer 1"].rms == pytest.approx(math.sqrt(sum(x.grad**2 for x in inputs) / 6))
    second = summary.blocks[2]
    assert grid(second) == [[*neuron.w, neuron.b] for neuron in model.layers[1].neurons]


def test_summary_text():
    _, total = moons(1)
    found = words(to_dot(total, title="moons"))
    assert found[:2] == ["moons", f"summary of {len(topological_order(total)):,} scalars"]
    assert {"16 neurons · 272 parameters · 800 scalars", "value", "gradient", "layer 2"} <= set(found)
    total.zero_grad()
    before = to_dot(total)
    assert "∂" not in before
    assert "gradient" not in before


def test_summary_without_scopes_is_by_depth():
    summary = Summary(after_backward(chain(1_000)))
    assert [block.name for block in summary.blocks] == [
        *("leaves", "depth 1 to 166", "depth 167 to 333", "depth 334 to 499"),
        *("depth 500 to 666", "depth 667 to 832", "depth 833 to 999"),
    ]
    assert sum(len(block.values) for block in summary.blocks) == 1_000
    sizes = [len(block.values) for block in summary.blocks[1:]]
    assert max(sizes) - min(sizes) <= 2
    assert [flow.values for flow in summary.flows] == [1] * (len(summary.blocks) - 1)


def test_what_has_no_scope_is_told_by_depth_where_it_is_the_most():
    x = y = leaf(0.5, "x", "input")
    for _ in range(500):
        y = (y.sin() + 0.1) * 0.5
    with scope("loss"):
        y = (y - 1) ** 2
    names = [block.name for block in Summary(y).blocks]
    assert (names[0], names[-1], len(names)) == ("inputs", "loss", 8)
    assert Summary(y).block_of[x].role == "input"


def test_scopes_may_be_called_like_kinds_of_leaves():
    x = leaf(0.5, "x", "input")
    with scope("inputs"):
        y = x.sin()
    with scope("targets"):
        y = y.exp()
    assert [block.name for block in Summary(y).blocks] == ["inputs", "inputs", "targets"]


def test_scopes_of_any_depth_are_framed_a_few_deep():
    with contextlib.ExitStack() as stack:
        for i in range(2_000):
            stack.enter_context(scope(f"s{i}"))
        y = leaf(1.0).sin() * 2
    assert to_dot(y).count("subgraph") == 8
    assert Summary(y).blocks


def test_many_scopes_share_blocks():
    y = Value(1.0)
    for i in range(101):
        with scope(f"step {i}"):
            y = y.sin().cos()
    summary = Summary(y)
    assert len(summary.blocks) == 11
    assert summary.blocks[1].name == "step 0 … step 10"
    assert [block.name for block in Summary(y, scope="step 100").blocks] == ["step 99", "step 100"]
    names = [f"step {i}" for i in range(11)]
    for name in names:
        with scope(name + "!"):
            y = y.sin().cos()
    assert [block.name for block in Summary(y, depth=21).blocks][-1] == "step 10!"


def test_summary_of_a_part():
    _, total = moons(2)
    summary = Summary(total, scope="layer 2/neuron 3")
    assert [block.name for block in summary.blocks] == ["layer 1", "layer 2"]
    assert [len(block.values) for block in summary.blocks] == [32, 17 + 2 * 33]  # what comes in, and the neuron's own
    assert [block.name for block in Summary(total, scope="layer 1").blocks] == ["inputs", "layer 1"]
    assert len(Summary(chain(100), depth=10).values) == 11


def test_squares_show_the_largest():
    assert pooled([[1.0, -3.0, 0.0], [2.0, math.nan, 0.5]], 2, 2)[0][1] == 0.5
    assert math.isnan(pooled([[1.0, -3.0, 0.0], [2.0, math.nan, 0.5]], 2, 2)[0][0])
    assert rms([1e200, 1e200]) == pytest.approx(1e200)


# Which level


def level(root, **options):
    picture = choose((root,), "auto", LIGHT, 3, **options)
    return type(picture).__name__ + " of units" * (isinstance(picture, Cards) and picture.graph.units)


def test_auto_is_the_finest_that_is_read_on_a_slide():
    assert level(chain(15)) == "Cards"
    assert level(chain(40)) == "Cards of units"  # which are the same here
    assert level(network()) == "Cards"
    assert level(nn.MLP(2, [3, 1])([1.0, 2.0])) == "Cards of units"  # 11 cards for 40 scalars
    assert level(nn.MLP(4, [3, 2])([1.0, 2.0, 3.0, 4.0])[0]) == "Cards of units"
    assert level(nn.MLP(2, [16, 16, 1])([1.0, 2.0])) == "Blocks"
    assert level(moons(2)[1], scope="layer 1/neuron 1") == "Cards"
    assert level(moons(1)[1], scope="layer 2/neuron 1") == "Cards of units"
    with pytest.raises(ValueError, match="detail must be one of 'auto', 'full', 'units', 'layers', got 'fine'"):
        to_dot(Value(1.0), detail="fine")


def test_every_level_is_declared_for_type_checkers():
    assert get_args(Detail) == ("auto", *LEVELS)
    assert get_args(CanvasName) == tuple(CANVASES)


@pytest.mark.parametrize("canvas", CANVASES)
def test_a_picture_is_made_for_its_canvas(canvas):
    for root in (chain(40), network(), after_backward(nn.mse([nn.MLP(2, [3, 1])([1.0, 2.0])], [1.0])), moons(1)[1]):
        picture = choose((root,), "auto", LIGHT, 3, canvas=canvas)
        if isinstance(picture, Cards):
            sheet = picture.sheet
            assert 10 * min(CANVASES[canvas].width / sheet.width, CANVASES[canvas].height / sheet.height) >= 7
    with pytest.raises(ValueError, match="canvas must be one of 'slide', 'page', 'notebook', 'phone', got 'wall'"):
        to_dot(Value(1.0), canvas="wall")


def test_the_title_says_the_level():
    assert "every scalar (5)" in words(to_dot(leaf(1) * 2 + 3))
    assert "2 linear units, 11 cards for 24 scalars" in words(to_dot(network(), detail="units"))
    assert "summary of 24 scalars" in words(to_dot(network(), detail="layers"))
    assert words(to_dot(network(), legend=False, title=""))[:2] == ["every scalar (24)", "x₁"]


# The chain rule along paths


def enumerated(value, root):
    """All products of local derivatives from a value to the root, one a path."""
    if root is value:
        return [1.0]
    return [
        product * local
        for parent, local in zip(root._prev, root.local_gradients)
        for product in enumerated(value, parent)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_paths_of_random_graphs(seed):
    random.seed(seed)
    values = [Value(random.uniform(-1, 1)) for _ in range(3)]
    for _ in range(9):
        a, b = random.choice(values), random.choice(values)
        values.append(random.choice([lambda: a + b, lambda: a * b, lambda: a - b, lambda: a.sin()])())  # noqa: B023
    root = values[-1] + values[-2]
    root.backward()
    for value in values[:3]:
        every = enumerated(value, root)
        if not every:
            with pytest.raises(ValueError, match="there is no path"):
                Paths(value, [root])
            continue
        paths = Paths(value, [root])
        assert paths.count == len(every)
        assert paths.derivative == pytest.approx(value.grad, abs=1e-12)
        shown = [math.prod(local for _, local in path) for path in paths.largest()]
        assert shown == pytest.approx(sorted(every, key=abs, reverse=True)[: len(shown)], abs=1e-12) or sorted(
            map(abs, shown)
        ) == pytest.approx(sorted(map(abs, every))[-len(shown) :], abs=1e-12)


def test_astronomically_many_paths_are_counted():
    x = y = leaf(1, "x")
    for _ in range(200):
        y = y + y
    paths = Paths(x, [y])
    assert paths.count == 2**200
    assert paths.derivative == 2.0**200
    found = " ".join(words(to_dot(y, highlight=x, detail="layers")))
    assert "1.6e+60 paths, of which these are the 12 largest" in found
    assert "by 12 paths alike the other 1.6e+60 paths together: +1.61e60" in found.replace(", by", "by")


def test_highlight_shows_the_chain_rule():
    x = leaf(3, "x")
    y = x * x + x
    y.label = "y"
    text = to_dot(after_backward(y), highlight=x)
    found = words(text)
    assert {"∂y/∂x =", "+7.000", ": the sum over 3 paths, of the product along each"} <= set(found)
    assert found.count("= +3.000") == found.count("= +1.000") == 1
    assert ", by 2 paths alike" in found
    assert to_dot(y, highlight="x") == text


def test_what_is_off_the_paths_is_faint():
    x, other = leaf(3, "x"), leaf(2, "other")
    text = to_dot(after_backward(x * other), highlight="x")
    lines = [line for line in text.splitlines() if re.match(r"  [01] (\[|->)", line)]
    assert ["fontcolor" in line for line in lines if "->" not in line] == [False, True]
    assert len({re.search('color="(#.{6})"', line)[1] for line in lines if "->" in line}) == 2


def test_highlight_names_a_value():
    _, total = moons(1)
    order = topological_order(total)
    assert named("layer 2/neuron 3/w3,1", order).scope == ("layer 2", "neuron 3")
    with pytest.raises(ValueError, match=r"several values are called that: .*layer 2/neuron 1/w1,1"):
        named("w1,1", order)
    with pytest.raises(ValueError, match="no value is called that, got 'w'"):
        named("w", order)
    with pytest.raises(ValueError, match="there is no path"):
        to_dot(total, highlight=Value(1.0))


# Size


def tangle(scalars):
    random.seed(1)
    values = [Value(random.uniform(-1, 1)) for _ in range(4)]
    while len(values) < scalars - 1:
        a, b = random.choice(values[-100:]), random.choice(values[-100:])
        values.append((a + b).tanh() if len(values) % 2 else a * b)
    return after_backward(values[-1] + values[-2])


def calls(function, *arguments):
    """How many calls a function makes, itself included."""
    count = 0

    def counted(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("scalars", [10, 1_000, 100_000])
def test_size_and_memory(scalars):
    """DOT of any graph is no longer than a page takes, and made in memory of the order of the graph's own."""
    root = tangle(scalars)
    assert len(to_dot(root)) < 2_000_000
    tracemalloc.start()
    to_dot(root)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000 + 1_500 * scalars


def test_work_grows_with_the_graph_and_no_faster():
    few, many = (calls(to_dot, tangle(scalars)) for scalars in (2_000, 20_000))
    assert few < many < 13 * few
