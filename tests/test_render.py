"""The renderers, each for real: what they draw is looked at as pixels and as text, never as a file's bytes."""

import os
import re
import select
import signal
import struct
import subprocess
import sys
import time
import zlib
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from helpers import HOSTILE, after_backward, chain, leaf, moons, network
from hypothesis import example, given, settings
from hypothesis import strategies as st

import viz
from scalargrad import Value, exp, log, scope, worked
from viz.dot import to_dot
from viz.formats import FORMATS
from viz.levels import LEVELS
from viz.metrics import FONT_FOLDER, text_width
from viz.order import upright
from viz.render import available, render
from viz.renderers import RENDERERS
from viz.tables import Box, Font, Line, parse
from viz.text import html
from viz.theme import THEMES


@pytest.fixture(params=RENDERERS)
def renderer(request, monkeypatch):
    if request.param not in available():
        pytest.skip(f"the renderer {request.param} is not installed")
    monkeypatch.setenv("SCALARGRAD_RENDERER", request.param)
    return request.param


@pytest.fixture
def wasm(monkeypatch):
    if "wasm" not in available():
        pytest.skip("the packages of the renderer wasm are not installed")
    monkeypatch.setenv("SCALARGRAD_RENDERER", "wasm")


class Pixels:
    """A decoded PNG."""

    def __init__(self, content):
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        position, data = 8, b""
        while position < len(content):
            length, kind = struct.unpack(">I4s", content[position : position + 8])
            chunk = content[position + 8 : position + 8 + length]
            if kind == b"IHDR":
                self.width, self.height, depth, color = struct.unpack(">IIBB", chunk[:10])
                assert depth == 8
                self.channels = {2: 3, 6: 4}[color]
            elif kind == b"IDAT":
                data += chunk
            position += 12 + length
        self.rows = list(self._unfiltered(zlib.decompress(data)))

    def _unfiltered(self, data):
        n, size = self.channels, self.width * self.channels
        above = bytes(size)
        for start in range(0, len(data), size + 1):
            kind, row = data[start], bytearray(data[start + 1 : start + 1 + size])
            for i in range(size if kind else 0):
                left, up, corner = (row[i - n] if i >= n else 0), above[i], (above[i - n] if i >= n else 0)
                paeth = min((left, up, corner), key=lambda x: abs(left + up - corner - x))
                row[i] = (row[i] + (0, left, up, (left + up) // 2, paeth)[kind]) & 255
            above = bytes(row)
            yield above

    def count(self, color):
        """How many pixels are of a colour."""
        wanted = bytes.fromhex(color[1:]) + b"\xff" * (self.channels - 3)
        n = self.channels
        return sum(row[i : i + n] == wanted for row in self.rows for i in range(0, len(row), n))


def drawn(label, theme="light"):
    return Pixels(render(to_dot(leaf(8.0, label), title="", legend=False, theme=theme, format="png"), "png"))


@pytest.mark.parametrize("theme", THEMES)
def test_glyphs_are_visible(renderer, theme):
    # On a machine without fonts Graphviz draws boxes, all alike, and exits 0; or nothing.
    colors = THEMES[theme]
    ink = {text: drawn(text, theme).count(colors.ink) for text in (" ", "llll", "∂∂∂∂", "mmmm")}
    assert ink[" "] + 20 < ink["llll"]
    assert len(set(ink.values())) == 4, ink
    picture = drawn("mmmm", theme)
    assert picture.count(colors.background) > 0.2 * picture.width * picture.height
    assert picture.count(colors.roles["output"].fill) > 500


def size(content):
    return struct.unpack(">II", content[16:24])


def test_the_renderers_draw_alike(monkeypatch):
    sizes = {}
    for name in available():
        monkeypatch.setenv("SCALARGRAD_RENDERER", name)
        sizes[name] = size(render(to_dot(after_backward(network()), detail="units", format="png"), "png"))
    if len(sizes) < 2:
        pytest.skip("one renderer alone")
    widths, heights = zip(*sizes.values())
    assert max(widths) < 1.12 * min(widths), sizes
    assert max(heights) < 1.25 * min(heights), sizes


MAGIC = {"png": b"\x89PNG\r\n\x1a\n", "svg": b"<?xml", "pdf": b"%PDF", "dot": b"digraph"}


@pytest.mark.parametrize("format", FORMATS)
def test_formats(renderer, format, tmp_path):
    if (renderer, format) == ("wasm", "pdf") and not find_spec("svg2pdf_py"):
        pytest.skip("svg2pdf-py is not installed")
    path = viz.draw(after_backward(network()), tmp_path / f"network.{format}", detail="units")
    assert path.read_bytes().startswith(MAGIC[format])
    assert [*tmp_path.iterdir()] == [path]


def test_pdf_needs_one_more_package(wasm, monkeypatch, tmp_path):
    monkeypatch.setattr(viz.renderers, "_have", lambda *modules: "svg2pdf_py" not in modules)
    with pytest.raises(viz.RendererNotFound, match="pip install svg2pdf-py"):
        viz.draw(leaf(1.0), tmp_path / "leaf.pdf")
    assert [path.name for path in tmp_path.iterdir()] == ["leaf.dot"]


def expression():
    w, x, b = leaf(-2, "w"), leaf(1.5, "x"), leaf(0.3, "b")
    return after_backward(log(1 + exp(-(w * x + b))))


def assignment():
    path = Path(__file__).parent.parent / "examples" / "four_three_two.toml"
    return worked.solve(worked.Problem.load(path).with_target([1, 0])).loss


def wide(scalars=100_000):
    values = [Value(i % 7 - 3.0) for i in range(scalars // 4)]
    while len(values) < scalars * 3 // 4:
        values.append((values[-2] * 0.5 + values[len(values) // 3]).tanh())
    return after_backward(values[-1] + values[-2])


@pytest.mark.parametrize("build", [assignment, lambda: moons(1)[1], lambda: moons(100)[1], expression, wide])
def test_a_picture_is_for_a_slide(renderer, build, tmp_path):
    path = viz.draw(build(), tmp_path / "slide.png")
    width, height = size(path.read_bytes())
    # Type of 10 points is at least 6 pixels high when the picture fills a slide of 1920 by 1080.
    resolution = int(re.search(r"dpi=(\d+)", to_dot(build(), format="png"))[1])
    scale = min(1920 / width, 1080 / height)
    assert 10 * resolution / 72 * scale > 6, (width, height)


def test_jupyter_shows_what_draw_dot_returns(renderer):
    pytest.importorskip("graphviz", reason="the Python package graphviz is not installed")
    source = viz.draw_dot(after_backward(network()), detail="units")
    assert "w₁₁" in source._repr_mimebundle_()["image/svg+xml"]
    assert source.pipe("png").startswith(MAGIC["png"])


def test_what_draw_dot_returns_is_rendered_without_the_program(renderer, tmp_path, monkeypatch):
    pytest.importorskip("graphviz", reason="the Python package graphviz is not installed")
    monkeypatch.chdir(tmp_path)
    dot = viz.draw_dot(after_backward(network()), rankdir="TB")
    assert dot.render("gout") == "gout.svg"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gout", "gout.svg"]
    assert Path("gout").read_text(encoding="utf-8") == dot.source
    png = dot.render("net.gv", format="png", cleanup=True, quiet=True)
    assert (png, Path(png).read_bytes()[:8]) == ("net.gv.png", MAGIC["png"])
    assert dot.render(outfile="named.png", cleanup=True) == "named.png"
    assert Path("named.png").read_bytes().startswith(MAGIC["png"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "gout",
        "gout.svg",
        "named.png",
        "net.gv.png",
    ]
    assert dot.render("gout", directory="pictures", view=False, cleanup=True) == str(Path("pictures", "gout.svg"))
    assert [path.name for path in Path("pictures").iterdir()] == ["gout.svg"]


def test_the_source_of_draw_dot_is_saved_whole_or_not_at_all(tmp_path, monkeypatch):
    pytest.importorskip("graphviz", reason="the Python package graphviz is not installed")
    monkeypatch.chdir(tmp_path)
    dot = viz.draw_dot(leaf(1.0))
    assert dot.save(directory="new") == str(Path("new", "scalargrad.gv"))
    path = tmp_path / "new" / "scalargrad.gv"
    assert path.read_text(encoding="utf-8") == dot.source
    before = dot.source
    dot.node("more")
    assert dot.save(skip_existing=True) == str(Path("new", "scalargrad.gv"))

    def interrupted(self, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        dot.save()
    assert [*path.parent.iterdir()] == [path]
    assert path.read_text(encoding="utf-8") == before


@pytest.mark.parametrize("detail", LEVELS)
def test_a_graph_may_run_downwards(renderer, detail):
    for rankdir in ("LR", "TB"):
        dot = to_dot(after_backward(network()), detail=detail, format="svg", rankdir=rankdir)
        assert "layer 1" in " ".join(texts(render(dot, "svg")))
    wide, high = (
        size(render(to_dot(chain(30), detail="full", legend=False, format="png", rankdir=rankdir), "png"))
        for rankdir in ("LR", "TB")
    )
    assert wide[0] > 3 * wide[1]
    assert high[1] > 3 * high[0]


def test_statements_of_ones_own_are_drawn(renderer):
    pytest.importorskip("graphviz", reason="the Python package graphviz is not installed")
    dot = viz.draw_dot(after_backward(network()))
    dot.node("note", label="a note <of> mine")
    dot.edge("note", "0", label="here")
    shown = texts(dot._repr_svg_())
    assert "a note <of> mine" in shown
    assert "here" in shown


# Which renderer


def test_the_order_of_renderers(monkeypatch):
    monkeypatch.delenv("SCALARGRAD_RENDERER", raising=False)
    assert available() == [name for name in RENDERERS if name in available()]
    monkeypatch.setenv("SCALARGRAD_RENDERER", "inkscape")
    with pytest.raises(ValueError, match="SCALARGRAD_RENDERER must be one of dot, pygraphviz, wasm, got 'inkscape'"):
        render("digraph {}", "png")


def without_renderers(monkeypatch):
    monkeypatch.delenv("SCALARGRAD_RENDERER", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(viz.renderers, "_have", lambda *modules: False)


def test_without_a_renderer_the_dot_file_is_written(tmp_path, monkeypatch):
    without_renderers(monkeypatch)
    root = network()
    with pytest.raises(viz.RendererNotFound) as caught:
        viz.draw(root, tmp_path / "network.png")
    dot = tmp_path / "network.dot"
    assert [*tmp_path.iterdir()] == [dot]
    assert dot.read_text(encoding="utf-8") == to_dot(root, format="png")
    for remedy in ("apt-get install graphviz", "brew", "winget", "scalargrad[pictures]", ".dot file", str(dot)):
        assert remedy in str(caught.value)
    assert viz.draw(root, dot) == dot  # needs no renderer


def test_one_that_is_asked_for_but_not_there_is_named(monkeypatch):
    without_renderers(monkeypatch)
    monkeypatch.setenv("SCALARGRAD_RENDERER", "wasm")
    with pytest.raises(viz.RendererNotFound, match="the renderer 'wasm', which SCALARGRAD_RENDERER asks for"):
        render("digraph {}", "png")


def stand_in(tmp_path, monkeypatch, script):
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "dot"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SCALARGRAD_RENDERER", "dot")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for a program is a shell script")
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo no such layout >&2; exit 1", "no such layout"),
        ("kill -SEGV $$", "dot could not draw this graph: status -11"),
        ("exit 0", "dot could not draw this graph: status 0"),
        ("echo graph 1 1 1; echo stop", "dot could not draw this graph: there is no picture"),
        ("echo stop; echo; echo 'Warning: Not built with libexpat.' >&2", "Not built with libexpat"),
        ("sleep 20", r"dot took more than 0\.5 s"),
    ],
)
def test_a_renderer_that_fails_leaves_the_caller_and_the_dot_file(tmp_path, monkeypatch, script, message):
    stand_in(tmp_path, monkeypatch, script)
    monkeypatch.setattr(viz.render, "TIME_LIMIT", 0.5)
    (tmp_path / "out").mkdir()
    with pytest.raises(viz.RendererError, match=message):
        viz.draw(expression(), tmp_path / "out" / "neuron.png")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["neuron.dot"]


# A renderer lives no longer than who asked for it


DRAWING = """
import sys, viz
from scalargrad import Value
try:
    viz.draw(Value(3.0) * 2, sys.argv[1])
except KeyboardInterrupt:
    input()
"""


@pytest.fixture
def drawing(tmp_path, monkeypatch):
    """A program that draws by a renderer that never ends, and a pipe: it is read to its end when the renderer has ended."""
    for folder in ("temporary", "out"):
        (tmp_path / folder).mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    os.mkfifo(tmp_path / "alive")
    stand_in(tmp_path, monkeypatch, f"exec 9>{tmp_path}/alive; echo started >&9; sleep 1000; exit 1")
    alive = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    command = [sys.executable, "-c", DRAWING, str(tmp_path / "out" / "x.png")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert select.select([alive], [], [], PATIENCE)[0]
    assert os.read(alive, 100) == b"started\n"

    def ended():
        return bool(select.select([alive], [], [], PATIENCE)[0]) and os.read(alive, 100) == b""

    yield process, ended, tmp_path
    process.kill()
    process.communicate()
    os.close(alive)


PATIENCE = 60  # seconds, after which a test has failed


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for a program is a shell script")
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGHUP", "SIGINT"])
def test_a_renderer_ends_with_who_asked_for_it_and_leaves_nothing(drawing, name):
    process, ended, folder = drawing
    assert len([*(folder / "temporary").iterdir()]) == 1
    process.send_signal(getattr(signal, name))
    assert ended()
    if name != "SIGINT":  # which it survives
        process.wait(PATIENCE)
    for _ in range(1000):  # the folder goes a moment later
        if not [*(folder / "temporary").iterdir()]:
            break
        time.sleep(PATIENCE / 1000)
    assert [*(folder / "temporary").iterdir()] == []
    assert [*(folder / "out").iterdir()] == []


ABORT, PICTURE = ([sys.executable, "-c", f"import os; {act}"] for act in ("os.abort()", "print('picture')"))


def test_what_fails_with_a_cache_is_tried_without_and_said():
    with pytest.warns(RuntimeWarning, match=r"wasm failed with wasmtime's cache \(status -\d+\), and drew without it"):
        assert viz.render._run("wasm", [ABORT, PICTURE], "").strip() == b"picture"
    assert viz.render._run("wasm", [PICTURE, ABORT], "").strip() == b"picture"
    with pytest.raises(viz.RendererError, match="wasm could not draw this graph: status -"):
        viz.render._run("wasm", [ABORT, ABORT], "")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="wasmtime's cache is elsewhere")
@pytest.mark.filterwarnings("ignore:wasm failed with wasmtime's cache")
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9])
def test_a_damaged_cache_fails_no_picture(wasm, tmp_path, monkeypatch, part):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert b"<svg" in render("digraph { 1 }", "svg")
    entries = [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size > 100_000]
    assert entries
    for path in entries:
        content = bytearray(path.read_bytes())
        for i in range(64):
            content[int(part * len(content)) + i] ^= 0x5A
        path.write_bytes(content)
    assert b"<svg" in render("digraph { 1 }", "svg")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for a program is a shell script")
def test_an_interpreter_that_is_no_program_draws_by_a_program(monkeypatch, tmp_path):
    stand_in(tmp_path, monkeypatch, "echo graph 1 1 1; echo stop; echo picture")
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert set(available()) == {"dot"}
    assert render("digraph { 1 }", "png") == b"picture\n"


def test_dot_that_is_none_is_an_error(renderer):
    with pytest.raises(viz.RendererError, match=f"{renderer} could not draw this graph: ."):
        render("digraph {", "svg")


def test_depth_is_no_difficulty(renderer):
    assert b"<svg" in render(to_dot(chain(1_000), detail="full", format="svg"), "svg")


def test_what_lies_in_the_current_directory_is_not_run(renderer, tmp_path, monkeypatch):
    for name in ("struct", "viz", "re", "wasmtime", "pygraphviz"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('run')\n")
    monkeypatch.chdir(tmp_path)
    assert b"<svg" in render("digraph { 1 }", "svg")


def test_bare_interpreter_draws(wasm, tmp_path):
    """No fonts, no Graphviz, no environment to speak of: the shipped font and the packages do it."""
    program = "import sys; sys.path[:] = eval(sys.argv[1]); import viz; from test_render import *; print(drawn('mmmm').count('#1B1F24'))"
    place = [str(Path(__file__).parent), *sys.path]
    done = subprocess.run(
        [sys.executable, "-c", program, repr(place)],
        env={"PATH": "", "HOME": str(tmp_path), "SYSTEMROOT": os.environ.get("SYSTEMROOT", "")},
        capture_output=True,
        check=True,
        text=True,
    )
    assert int(done.stdout) > 100


# Top down


def test_frames_that_came_out_bottom_up_are_turned_round():
    frames = ["  subgraph cluster_0 {", "  1 [a]", "  }", "  subgraph cluster_1 {", "  2 [b]", "  }"]
    dot = "\n".join(["digraph {", *frames, "  3 [c]", "  1 -> 2", "}"])
    turned = ["digraph {", "  3 [c]", *frames[3:], *frames[:3], "  1 -> 2", "}"]

    def lay_out(text, first):
        order = sorted("123", key=lambda name: text.index(f"{name} ["), reverse=first == "lowest")
        return "\n".join(f"node {name} 1 {9 - order.index(name)} 1 1" for name in order)

    assert upright(dot, lambda text: lay_out(text, "highest")) == dot
    assert upright(dot, lambda text: lay_out(text, "lowest")).split("\n") == turned
    assert upright(dot, lambda text: "node 1 1 5 1 1\nnode 2 1 9 1 1") == dot  # nothing helps


def test_first_neurons_are_on_top(renderer):
    svg = render(to_dot(assignment(), format="svg"), "svg").decode()
    found = re.findall(r'<text[^>]* y="([-\d.]+)"[^>]*>(neuron \d)</text>', svg)
    assert [name for _, name in sorted((float(y), name) for y, name in found)] == ["neuron 1", "neuron 2", "neuron 3"]


# Labels, measured and drawn without Graphviz


def test_widths_are_the_fonts():
    # DejaVu Sans: 2048 units an em; m is 1995 wide, l 569, a digit 1303, in bold an m 2134.
    assert text_width("m", 2048) == 1995
    assert text_width("l", 2048) == 569
    assert text_width("0123456789", 2048) == 13030
    assert text_width("m", 2048, bold=True) == 2134
    assert text_width("日", 10) == 10  # it has none: a square's width
    assert {path.name for path in FONT_FOLDER.iterdir()} >= {"DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "LICENSE"}
    assert sum(path.stat().st_size for path in FONT_FOLDER.iterdir()) < 1_600_000


FONT = Font(10, "#112233")


def rectangles(svg):
    number = r'"([-\d.]+)"'
    return [
        tuple(map(float, found)) for found in re.findall(f"x={number} y={number} width={number} height={number}", svg)
    ]


def test_tables_are_laid_out():
    table = parse(
        '<TABLE BORDER="0" CELLSPACING="1" CELLPADDING="2"><TR><TD WIDTH="30" HEIGHT="20" BGCOLOR="#FF0000"></TD>'
        '<TD WIDTH="10" HEIGHT="8" BGCOLOR="#00FF00" PORT="p"></TD></TR>'
        '<TR><TD COLSPAN="2" WIDTH="60" HEIGHT="6" BGCOLOR="#0000FF"></TD></TR></TABLE>',
        FONT,
    )
    assert table.size == (62, 29)  # 60 and two gaps; 20, 6 and three gaps
    drawn = rectangles("".join(table.draw(Box(0, 0, 62, 29))))
    assert drawn == [(1, 1, 39.5, 20), (41.5, 1, 19.5, 20), (1, 22, 60, 6)]
    assert dict(table.ports(Box(0, 0, 62, 29))) == {"p": Box(41.5, 1, 19.5, 20)}
    wider = rectangles("".join(table.draw(Box(0, 0, 66, 31))))
    assert wider == [(1, 1, 41.5, 21), (43.5, 1, 21.5, 21), (1, 23, 64, 7)]


@given(st.text(max_size=60), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_back_as_it_is_shown(text, bold):
    markup = html(text)
    shown = parse(f"<B>{markup}</B>" if bold else markup, FONT)
    line = " ".join(text.split()) or " "
    line = line if len(line) <= 40 else line[:39] + "…"
    assert isinstance(shown, Line)
    assert "".join(piece for piece, _ in shown.pieces) == "".join(c if c.isprintable() else "\ufffd" for c in line)
    svg = "".join(shown.draw(Box(0, 0, 100, 20)))
    root = ET.fromstring(f"<svg>{svg}</svg>")
    assert "".join(root.itertext()) == "".join(piece for piece, _ in shown.pieces)
    assert root[0].get("font-weight") == ("bold" if bold else None)


def texts(svg):
    root = ET.fromstring(svg)
    return [" ".join("".join(element.itertext()).split()) for element in root.iter("{http://www.w3.org/2000/svg}text")]


def test_hostile_labels(renderer):
    total = Value(0.0)
    for text in HOSTILE:
        with scope(text):
            total = Value(1.0, (total, Value(2.0, label=text)), text)
            total.label = text
    for detail in LEVELS:
        shown = texts(render(to_dot(total, detail=detail, title="".join(HOSTILE), format="svg"), "svg"))
        for text in ("<b>", "a & b", '"', "\\N\\G\\\\", "&amp;", "{a|<p> b}", "two lines", "日本 👍", "]]>", "-->"):
            assert sum(text in line for line in shown) >= (1 if detail == "layers" else 3), (detail, text)


@given(st.lists(st.text(max_size=12), min_size=3, max_size=3))
@example(["", "", "]"])
@settings(max_examples=12, deadline=None)
def test_any_labels_are_drawn(labels):
    """In DOT, in an HTML-like label, in a record with ports, in SVG, in PNG: whatever is written there stays text."""
    with scope(labels[0]):
        w, x, b = leaf(2.0, labels[0], "parameter"), leaf(3.0, labels[1], "input"), leaf(1.0, labels[2], "parameter")
        y = w * x + b
        y.label = labels[2]
    for name in available()[:: max(len(available()) - 1, 1)]:  # the first and the last: two that are unlike
        os.environ["SCALARGRAD_RENDERER"] = name
        try:
            shown = texts(render(to_dot(y, detail="units", format="svg"), "svg"))
        finally:
            del os.environ["SCALARGRAD_RENDERER"]
        assert "7.000" in shown
        assert "3.000" in shown
