"""Forty graphs, laid out at every level and drawn by every renderer: what a reader would stumble over is measured."""

import random
import re
from functools import partial
from itertools import combinations, pairwise
from xml.etree import ElementTree as ET

import pytest
from helpers import after_backward, chain, leaf, moons, network

from scalargrad import Value, exp, log, nn, scope, sin, topological_order
from viz.cards import Cards
from viz.dot import to_dot
from viz.graph import as_roots
from viz.layout import SLIDE, Item, Link, lay_out
from viz.levels import LEVELS, choose
from viz.metrics import text_width
from viz.render import available, render
from viz.theme import LIGHT

# The graphs


def neuron():
    xs, ws, b = (leaf(2, "x1", "input"), leaf(0, "x2", "input")), (leaf(-3, "w1"), leaf(1, "w2")), leaf(6.88, "b")
    products = [x * w for x, w in zip(xs, ws)]
    for product, name in zip(products, ("x1w1", "x2w2")):
        product.label = name
    total = products[0] + products[1]
    total.label = "x1w1 + x2w2"
    out = (total + b).tanh()
    out.label = "o"
    return out


def crossing():
    x, y = leaf(2, "x"), leaf(3, "y")
    return x * y + sin(x)


def softplus():
    w, x, b = leaf(-2, "w"), leaf(1.5, "x"), leaf(0.3, "b")
    return log(1 + exp(-(w * x + b)))


def square():
    x = leaf(3, "x")
    return x * x + x


def mlp(inputs, sizes, *, loss=True):
    random.seed(1)
    outs = nn.MLP(inputs, sizes, activation="tanh")([0.5 * (k + 1) * (-1) ** k for k in range(inputs)])
    outs = outs if isinstance(outs, list) else [outs]
    return nn.mse(outs, [1.0] * len(outs)) if loss else outs


def backwards():
    first, second = mlp(2, [3, 2], loss=False)
    return second - first


def rnn(steps, hidden=1):
    random.seed(2)
    weight = lambda name: leaf(random.uniform(-1, 1), name, "parameter")
    w = [[weight(f"w{i}{j}") for j in range(1, hidden + 1)] for i in range(1, hidden + 1)]
    u, b = ([weight(f"{name}{i}") for i in range(1, hidden + 1)] for name in "ub")
    h = [Value(0.0)] * hidden
    for t in range(1, steps + 1):
        x = leaf(random.uniform(-1, 1), f"x{t}", "input")
        with scope(f"step {t}"):
            h = [(u[i] * x + sum(w[i][j] * h[j] for j in range(hidden)) + b[i]).tanh() for i in range(hidden)]
    return sum(h)


def attention(keys, width):
    random.seed(3)
    entry = lambda name: leaf(random.uniform(-1, 1), name, "input")
    q = [entry(f"q{i}") for i in range(width)]
    ks, vs = [[entry(f"k{j}{i}") for i in range(width)] for j in range(keys)], [entry(f"v{j}") for j in range(keys)]
    with scope("scores"):
        scores = [sum(a * b for a, b in zip(q, k)) / width**0.5 for k in ks]
    with scope("softmax"):
        exponentials = [score.exp() for score in scores]
        shares = [e / sum(exponentials) for e in exponentials]
    with scope("mix"):
        return sum(p * v for p, v in zip(shares, vs))


def convolution(size, width):
    random.seed(4)
    xs = [leaf(random.uniform(-1, 1), f"x{i}", "input") for i in range(size)]
    kernel = [leaf(random.uniform(-1, 1), f"k{i}", "parameter") for i in range(width)]
    outs = []
    for i in range(size - width + 1):
        with scope("conv"), scope(f"place {i + 1}"):
            outs.append(sum(k * x for k, x in zip(kernel, xs[i : i + width])).relu())
    with scope("pool"):
        return sum(outs) / len(outs)


def penalty(*sizes):
    random.seed(5)
    model = nn.MLP(2, list(sizes), activation="tanh")
    outs = model([1.0, -1.0])
    outs = outs if isinstance(outs, list) else [outs]
    return nn.mse(outs, [1.0] * len(outs)) + 0.01 * sum(p * p for p in model.parameters())


def shared():
    w, b = leaf(3, "w", "parameter"), leaf(1, "b", "parameter")
    first, second = (w * leaf(x, f"x{i}", "input") + b for i, x in enumerate((2.0, -5.0), 1))
    return first * second


def wide_sum(terms):
    return sum(leaf(0.1 * i, f"x{i}", "input") for i in range(1, terms + 1)).tanh()


def residual():
    random.seed(6)
    h = [leaf(0.3, "x1", "input"), leaf(-0.4, "x2", "input")]
    for i in (1, 2):
        outs = nn.Layer(2, 2, activation="tanh", name=f"block {i}")(h)
        with scope(f"block {i}"):
            h = [a + b for a, b in zip(outs, h)]
    return h[0] * h[1]


def tangle(scalars):
    random.seed(1)
    values = [Value(random.uniform(-1, 1)) for _ in range(4)]
    while len(values) < scalars - 1:
        a, b = random.choice(values[-100:]), random.choice(values[-100:])
        values.append((a + b).tanh() if len(values) % 2 else a * b)
    return values[-1] + values[-2]


def woven():
    """Frames that feed each other, and are entered again and again."""
    generator = random.Random(7)
    values = [leaf(generator.uniform(0.5, 1), f"x{i}") for i in range(5)]
    for _ in range(40):
        with scope(f"part {generator.randrange(3)}"), scope(f"inner {generator.randrange(2)}"):
            values.append(generator.choice(values) * generator.choice(values[-4:]) + generator.choice(values))
    return sum(values[1:], values[0])


BEFORE = {
    **{f"{build.__name__} before": build for build in (neuron, crossing, softplus, network)},
    "mlp 2-3-1 before": partial(mlp, 2, [3, 1]),
}
AFTER = {
    **{build.__name__: build for build in (neuron, crossing, softplus, square, shared, residual, backwards, woven)},
    "network": network,
    **{
        f"mlp {'-'.join(map(str, [n, *sizes]))}": partial(mlp, n, sizes)
        for n, *sizes in [
            (1, 1),
            (1, 2),
            (2, 1),
            (2, 2),
            (2, 2, 2),
            (2, 3, 1),
            (3, 2, 2),
            (4, 3, 2),
            (3, 4, 4, 1),
            (2, 5, 5, 5, 3),
            (2, 16, 16, 1),
        ]
    },
    "outputs": partial(mlp, 2, [3, 2], loss=False),
    "rnn 3": partial(rnn, 3),
    "rnn 3, of 2": partial(rnn, 3, 2),
    "rnn 12": partial(rnn, 12),
    "attention": partial(attention, 3, 2),
    "attention of 5": partial(attention, 5, 4),
    "convolution": partial(convolution, 6, 3),
    "convolution of 12": partial(convolution, 12, 4),
    "penalty": partial(penalty, 3, 2),
    "penalty of 8": partial(penalty, 8, 8, 1),
    "sum of 30": partial(wide_sum, 30),
    "sum of 200": partial(wide_sum, 200),
    "chain of 15": partial(chain, 15),
    "chain of 40": partial(chain, 40),
    "chain of 1,000": partial(chain, 1000),
    "tangle of 30": partial(tangle, 30),
    "tangle of 300": partial(tangle, 300),
    "moons": lambda: moons(1)[1],
    "moons of 4": lambda: moons(4)[1],
    "tangle of 100,000": partial(tangle, 100_000),
}
GRAPHS = {**BEFORE, **AFTER}


def built(name):
    root = GRAPHS[name]()
    if name in AFTER:
        for value in as_roots(root):
            value.backward()
    return root


def picture(root, detail):
    return choose(as_roots(root), detail, LIGHT, 3, force=True)


# The layout


def overlaps(items):
    return [
        (p, q)
        for p, q in combinations(items, 2)
        if p.x < q.x + q.width and q.x < p.x + p.width and p.y < q.y + q.height and q.y < p.y + p.height
    ]


def through(link, items, steps=24):
    """The cards that a link passes under on its way."""
    found = set()
    for i in range(0, len(link.path) - 1, 3):
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = link.path[i : i + 4]
        for k in range(steps + 1):
            t = k / steps
            a, b, c, d = (1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t * t, t**3
            x, y = a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3
            found |= {
                item
                for item in items
                if item.x + 1 < x < item.x + item.width - 1 and item.y + 1 < y < item.y + item.height - 1
            }
    return found - {link.source, link.target}


@pytest.mark.parametrize("detail", ["full", "units"])
@pytest.mark.parametrize("name", GRAPHS)
def test_cards_stand_clear_of_each_other_in_the_order_of_the_program(name, detail):
    root = built(name)
    if len(topological_order(*as_roots(root))) > 2_000:
        return  # such a picture needs force
    drawn = picture(root, detail)
    sheet = drawn.sheet
    cards = list(drawn.items.values())
    if len(cards) < 400:
        assert overlaps(cards) == []
    for frame in drawn.frames.values():
        for inner in frame.inside:
            assert frame.x < inner.x
            assert inner.x + inner.width < frame.x + frame.width
            assert frame.y < inner.y
            assert inner.y + inner.height < frame.y + frame.height
    assert all(0 <= card.x and card.x + card.width <= sheet.width for card in cards)
    assert all(0 <= card.y and card.y + card.height <= sheet.height for card in cards)
    # What is numbered stands in the order of the numbers: neurons from top to bottom, steps in lines from left to right.
    for frame in [None, *drawn.frames]:
        numbered = [f for f in drawn.frames if f[:-1] == (frame or ()) and re.fullmatch(r"\w+ \d+", f[-1])]
        for p, q in pairwise(sorted(numbered, key=lambda f: (f[-1].split()[0], int(f[-1].split()[1])))):
            if p[-1].split()[0] == q[-1].split()[0]:
                first, second = drawn.frames[p], drawn.frames[q]
                above = first.y + first.height <= second.y
                assert above or first.x + first.width <= second.x or name == "woven", (p, q)
    inputs = [
        drawn.items[v]
        for v in sorted((v for v in drawn.items if re.fullmatch(r"x\d", str(v.label))), key=lambda v: v.label)
    ]
    for p, q in pairwise(inputs):
        assert p.x < q.x or p.y < q.y, name  # beside each other where they are used at different times
    if len(cards) < 60 and name != "woven":  # there a link has to go back
        under = [link for link in drawn.links if through(link, cards)]
        assert len(under) <= 0.03 * len(drawn.links), len(under)


@pytest.mark.parametrize("name", GRAPHS)
def test_what_auto_chooses_is_read_on_a_slide(name):
    drawn = picture(built(name), "auto")
    if isinstance(drawn, Cards):
        zoom = min(SLIDE.width / drawn.sheet.width, SLIDE.height / drawn.sheet.height)
        assert 10 * zoom >= 7  # pixels: the smallest type has 10 points
    else:
        assert len(drawn.summary.blocks) <= 14


def test_a_small_network_is_shown_by_its_neurons():
    drawn = picture(built("mlp 2-3-1"), "auto")
    assert (drawn.words, len(drawn.items)) == ("4 linear units, 11 cards for 40 scalars", 11)


def test_backward_moves_nothing():
    for name in ("crossing", "neuron", "network", "mlp 2-3-1"):
        orders = []
        for kind in (f"{name} before", name):
            drawn = picture(built(kind), "full")
            assert drawn.sheet
            items = {drawn.graph.index[value]: item for value, item in drawn.items.items()}
            orders.append(sorted(items, key=lambda i: (items[i].depth, items[i].rank, items[i].y)))
        assert orders[0] == orders[1]


def test_a_penalty_is_one_card_and_parameters_tell_their_whole_gradient():
    root = built("penalty")
    drawn = picture(root, "units")
    (card,) = [card for card in drawn.graph.cards if card.alike]
    assert card.alike == {"p·p": 17}
    assert (len(drawn.graph.cards), len(drawn.links)) == (19, 0)
    (w,) = [
        row.leaf
        for c in drawn.graph.cards
        for row in c.rows
        if row.leaf.label == "w11" and row.leaf.scope[0] == "layer 1"
    ]
    assert (
        f'of </FONT><FONT POINT-SIZE="10" COLOR="{LIGHT.signs["positive" if w.grad > 0 else "negative"]}">'
        in to_dot(root, detail="units")
    )


def test_a_sum_of_many_names_them():
    drawn = picture(built("sum of 30"), "auto")
    assert [row.leaf.label for card in drawn.graph.cards for row in card.rows] == [f"x{i}" for i in range(1, 31)]


def test_links_of_a_wrapped_chain_go_on_in_the_next_line():
    cards = [Item(100, 40) for _ in range(60)]
    links = [Link(p, q, 20, 20) for p, q in pairwise(cards)]
    lay_out(Item(0, 0, cards), links)
    lines = sorted({card.y for card in cards})
    assert 2 <= len(lines) <= 6
    assert [lines.index(card.y) for card in cards] == sorted(lines.index(card.y) for card in cards)
    assert max(card.x + card.width for card in cards) <= SLIDE.width + 100
    assert not any(through(link, cards) for link in links)


# What the renderers draw


def boxes(svg):
    """The outlines of nodes and frames, and all texts with their extents, of an SVG by any renderer."""
    space = "{http://www.w3.org/2000/svg}"
    for group in ET.fromstring(svg).iter(f"{space}g"):
        if group.get("class") in ("node", "cluster"):
            outline = next(e for e in group.iter() if e.tag in (f"{space}polygon", f"{space}path"))
            points = [
                tuple(map(float, pair))
                for pair in re.findall(r"(-?[\d.]+),(-?[\d.]+)", outline.get("points") or outline.get("d"))
            ]
            (left, right), (top, bottom) = ((min(axis), max(axis)) for axis in zip(*points))
            texts = []
            for text in group.iter(f"{space}text"):
                words, size = "".join(text.itertext()), float(text.get("font-size"))
                width = text_width(words.strip(), size, bold=text.get("font-weight") == "bold")
                x = float(text.get("x")) - {"middle": width / 2, "end": width}.get(text.get("text-anchor"), 0)
                texts.append((words, x, x + width, float(text.get("y")), size))
            yield group.get("class"), (left, top, right, bottom), texts


@pytest.mark.parametrize("renderer", available())
@pytest.mark.parametrize("detail", LEVELS)
@pytest.mark.parametrize("name", ["crossing", "mlp 2-3-1", "rnn 3, of 2", "penalty", "convolution", "chain of 40"])
def test_drawn_text_stands_inside_its_card(renderer, detail, name, monkeypatch):
    monkeypatch.setenv("SCALARGRAD_RENDERER", renderer)
    svg = render(to_dot(built(name), detail=detail, format="svg"), "svg")
    nodes = []
    for kind, (left, top, right, bottom), texts in boxes(svg):
        for words, start, end, baseline, size in texts:
            assert left - 1 <= start, words
            assert end <= right + 1 + 0.02 * (end - start), words
            assert top < baseline < bottom, words
            assert size >= 10
        nodes += [(left, top, right, bottom)] if kind == "node" else []
    for p, q in combinations(nodes, 2):
        assert p[2] <= q[0] + 1 or q[2] <= p[0] + 1 or p[3] <= q[1] + 1 or q[3] <= p[1] + 1


def test_the_renderers_put_all_in_one_place(monkeypatch):
    found = {}
    for renderer in available():
        monkeypatch.setenv("SCALARGRAD_RENDERER", renderer)
        svg = render(to_dot(built("mlp 2-3-1"), detail="units", legend=False, format="svg"), "svg")
        places = [box for kind, box, _ in boxes(svg) if kind == "node"]
        (left, top) = (min(box[i] for box in places) for i in (0, 1))
        found[renderer] = sorted(((x + right) / 2 - left, (y + bottom) / 2 - top) for x, y, right, bottom in places)
    if len(found) < 2:
        pytest.skip("one renderer alone")
    first, *others = found.values()
    for other in others:
        assert all(abs(p[0] - q[0]) <= 3 and abs(p[1] - q[1]) <= 3 for p, q in zip(first, other))


def calls(function):
    import sys

    count = 0

    def counted(frame, event, argument):
        nonlocal count
        count += event == "call"

    sys.setprofile(counted)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("build", [chain, tangle, wide_sum])
def test_the_work_of_a_layout_grows_with_the_graph_and_no_faster(build):
    few, many = (calls(partial(to_dot, after_backward(build(n)), detail="full", force=True)) for n in (500, 1_500))
    assert many < 4.2 * few
