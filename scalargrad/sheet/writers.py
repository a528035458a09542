"""Writers of documents: text, Markdown, LaTeX, HTML, JSON."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from html import escape
from typing import Any

from scalargrad.files import encodable, to_json
from scalargrad.sheet import styles
from scalargrad.sheet.document import Block, Document, Equations, Heading, Items, Line, Paragraph, Picture, Run, Table
from scalargrad.sheet.notation import Node, Style, in_full, row
from scalargrad.sheet.styles import Box, beside, escape_latex

WIDTH = 100  # columns of text
WIDEST = 78  # columns that a line of LaTeX holds, measured as text
MARKS = {"kink": "Kink", "check": "Check", "note": "Note"}


def write(document: Document, format: str) -> str:
    """Write a document in one of FORMATS.

    >>> from scalargrad.sheet.terms import Term
    >>> document = Document(("Title",), (Paragraph(("A root: ", Term("x") ** 2, ".")),))
    >>> print(write(document, "text"))
    Title
    =====
    <BLANKLINE>
    A root: x².

    Raises ValueError for another format.
    """
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {format!r}")
    return encodable(FORMATS[format](document))


def _inline(document: Document) -> Style:
    """The style of mathematics in running text, where a fraction stands in the line."""
    return replace(document.style, linear=True)


def _full(style: Style, block: Equations) -> Style:
    """The style of what is given: numbers in full."""
    return replace(style, numbers=in_full) if block.kind == "given" else style


# Where a line may end.


def pieces(node: Node, room: float) -> list[Node]:
    """Cut what is too wide in front of its plus and minus signs, and where that is not enough, between factors.

    >>> from scalargrad.sheet.grammar import parse
    >>> [styles.text(piece) for piece in pieces(Style(linear=True)(parse("a b + c d - e")), 7)]
    ['a b', ' + c d', ' − e']
    """
    if _width(node) <= room:
        return [node]
    cut = _cut(node, "+−")
    if len(cut) == 1 and node.kind == "fence":
        cut = _cut(
            row(Node("sign", node.text[0]), *(node.parts[0].parts or node.parts), Node("sign", node.text[1])), "+−"
        )
    return [part for piece in cut for part in ([piece] if _width(piece) <= room else _loosened(piece, room))]


def _loosened(node: Node, room: float) -> list[Node]:
    """Cut between factors, and inside of parentheses."""
    parts: list[Node] = []
    for part in node.parts if node.kind == "row" else (node,):
        if part.kind == "fence" and _width(part) > room:
            inside = part.parts[0].parts if part.parts[0].kind == "row" else part.parts
            parts += [Node("sign", part.text[0]), *inside, Node("sign", part.text[1])]
        else:
            parts.append(part)
    if row(*parts) != node:
        return pieces(row(*parts), room)
    return _cut(node, "·∘ ")


def _cut(node: Node, signs: str) -> list[Node]:
    if node.kind != "row":
        return [node]
    out: list[list[Node]] = [[]]
    for part in node.parts:
        if part.kind in ("infix", "space") and part.text in signs and out[-1]:
            out.append([])
        out[-1].append(part)
    return [row(*part) for part in out]


def _width(node: Node) -> float:
    if node.kind == "fraction":
        return max(map(_width, node.parts)) + 1
    return (
        sum(map(_width, node.parts)) + 2 * (node.kind == "fence")
        if node.kind in ("row", "fence") and node.parts
        else styles.box(node).width
    )


def _rows(line: Line, style: Style, room: float) -> Iterator[tuple[str, Node]]:
    """Fill lines with sides, and with pieces of sides that are too wide: the sign before each line, and what stands on it."""
    current: list[Node] = []
    opening = ""
    for sign, side in line.sides:
        cut = pieces(style(side), room)
        if any(_width(piece) > room for piece in cut):  # such as a fraction of long sums
            cut = pieces(replace(style, linear=True)(side), room)
        for i, piece in enumerate(cut):
            lead = [Node("infix", sign)] if i == 0 else []
            if current and _width(row(*current, *lead, piece)) > room:
                yield opening, row(*current)
                current, opening = [], ""
            if current:
                current += [*lead, piece]
            else:
                opening, current = sign if i == 0 else "", [piece]
    if current:
        yield opening, row(*current)


# Text.


def _text(document: Document) -> str:
    title = _plain(document, document.title)
    return "\n\n".join(
        [f"{title}\n{'=' * len(title)}", *filter(None, (_text_block(document, block) for block in document.blocks))]
    )


def _plain(document: Document, run: Run) -> str:
    return "".join(x if isinstance(x, str) else styles.text(x, document.style) for x in run)


def _filled(document: Document, run: Run, indent: str = "") -> str:
    """Fill lines; a formula is not broken where it has spaces."""
    held = "".join(
        x if isinstance(x, str) else styles.text(x, document.style).replace(" ", "\N{NO-BREAK SPACE}") for x in run
    )
    filled = textwrap.fill(held, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return filled.replace("\N{NO-BREAK SPACE}", " ")


def _text_block(document: Document, block: Block) -> str:
    if isinstance(block, Heading):
        title = _plain(document, block.run)
        return f"{title}\n{'=-'[block.level - 2] * len(title)}"
    if isinstance(block, Paragraph):
        return _filled(document, (f"{MARKS[block.kind]}: ", *block.run) if block.kind else block.run)
    if isinstance(block, Items):
        return "\n".join(_filled(document, (f"{i}. ", *run), "   ") for i, run in enumerate(block.runs, 1))
    if isinstance(block, Equations):
        style = replace(_full(document.style, block), linear=True)
        return (
            _side_by_side(block.lines, style)
            if block.kind == "given"
            else _framed(_aligned(block.lines, style), block.kind == "boxed")
        )
    if isinstance(block, Table):
        rows = [[_plain(document, cell) for cell in each] for each in (block.header, *block.rows)]
        widths = [max(map(styles.columns, column)) for column in zip(*rows, strict=True)]
        rows.insert(1, ["-" * width for width in widths])
        return "\n".join(
            (
                "  " + "  ".join(cell + " " * (w - styles.columns(cell)) for cell, w in zip(each, widths, strict=True))
            ).rstrip()
            for each in rows
        )
    return ""


def _aligned(lines: Iterable[Line], style: Style) -> list[str]:
    shown = [(styles.box(line.left, style), line) for line in lines]
    width = max(left.width for left, _ in shown)
    out: list[str] = []
    for left, line in shown:
        for i, (sign, node) in enumerate(_rows(line, style, max(30, WIDTH - width - 6))):
            name = beside(Box((" " * (width - left.width),)), left) if i == 0 else Box((" " * width,))
            out += beside(Box(("  ",)), name, Box((f" {sign or ' '} ",)), styles.box(node)).lines
    return [each.rstrip() for each in out]


def _framed(lines: list[str], boxed: bool) -> str:
    if not boxed:
        return "\n".join(lines)
    width = max(map(styles.columns, lines)) + 2
    inside = [f"│{line}{' ' * (width - styles.columns(line))}│" for line in lines]
    return "\n".join([f"┌{'─' * width}┐", *inside, f"└{'─' * width}┘"])


def _side_by_side(lines: Iterable[Line], style: Style) -> str:
    rows: list[Box] = []
    for line in lines:
        shown = beside(
            styles.box(line.left, style),
            *(part for sign, side in line.sides for part in (Box((f" {sign} ",)), styles.box(side, style))),
        )
        if rows and rows[-1].width + 3 + shown.width <= WIDTH and len(rows[-1].lines) == len(shown.lines):
            rows[-1] = beside(rows[-1], Box(("   ",)), shown)
        else:
            rows.append(beside(Box(("  ",)), shown))
    return "\n".join(line.rstrip() for shown in rows for line in shown.lines)


# Markdown.


def _markdown(document: Document) -> str:
    return "\n\n".join(
        [
            f"# {_markdown_run(document, document.title)}",
            *filter(None, (_markdown_block(document, block) for block in document.blocks)),
        ]
    )


def _markdown_run(document: Document, run: Run) -> str:
    """Escape what Markdown would read; mathematics is left to GitHub's."""
    return "".join(
        re.sub(r"([\\*_\[\]<>|#$])", r"\\\1", x)
        if isinstance(x, str)
        else f"${_for_markdown(styles.latex(x, _inline(document)))}$"
        for x in run
    )


def _for_markdown(latex: str) -> str:
    # A backslash before punctuation is Markdown's own, a bar divides the cells of a table, and an underscore after a brace
    # may begin Markdown's emphasis.
    latex = (
        latex.replace(r" \\ ", r" \cr ")
        .replace(r"\,", r"\thinspace ")
        .replace(r"\_", "-")
        .replace("|", r"\vert ")
        .replace("<", r"\lt ")
    )
    return re.sub(r"  +", " ", latex.replace(r"\{", r"\lbrace ").replace("*", r"\ast ").replace("}_{", "} _{"))


def _markdown_block(document: Document, block: Block) -> str:
    show = partial(_markdown_run, document)
    if isinstance(block, Heading):
        return f"{'#' * block.level} {show(block.run)}"
    if isinstance(block, Paragraph):
        return f"> **{MARKS[block.kind]}.** {show(block.run)}" if block.kind else show(block.run)
    if isinstance(block, Items):
        return "\n".join(f"{i}. {show(run)}" for i, run in enumerate(block.runs, 1))
    if isinstance(block, Equations):
        if block.kind:
            frame = r"\boxed{{{}}}" if block.kind == "boxed" else "{}"
            return "\n".join(
                f"$\\displaystyle {_for_markdown(frame.format(each))}$ &emsp;"
                for each in _latex_lines(block, document.style)
            )
        return f"$${_for_markdown(_environment('aligned', _latex_rows(block, document.style)))}$$"
    if isinstance(block, Table):
        rows = [[show(cell) for cell in each] for each in (block.header, *block.rows)]
        rows.insert(1, ["---"] * len(block.header))
        return "\n".join(f"| {' | '.join(each)} |" for each in rows)
    return ""


def _environment(name: str, rows: list[str]) -> str:
    inside = r" \\ ".join(rows)
    return rf"\begin{{{name}}} {inside} \end{{{name}}}"


def _latex_rows(block: Equations, style: Style) -> list[str]:
    style = _full(style, block)
    rows = []
    for line in block.lines:
        left = styles.latex(line.left, style)
        for i, (sign, node) in enumerate(_rows(line, style, WIDEST - _width(style(line.left)))):
            lead = styles.latex(Node("infix", sign)).strip() if sign else r"\quad"
            rows.append(f"{left if i == 0 else ''} &{lead} {styles.latex(node)}".strip())
    return rows


def _latex_lines(block: Equations, style: Style) -> list[str]:
    """Write each equation of a block whose equations stand side by side."""
    style = _full(style, block)
    lines = []
    for line in block.lines:
        sides = " ".join(
            f"{styles.latex(Node('infix', sign)).strip()} {styles.latex(side, style)}" for sign, side in line.sides
        )
        lines.append(f"{styles.latex(line.left, style)} {sides}")
    return lines


# LaTeX.

_PREAMBLE = r"""\documentclass[11pt,a4paper,fleqn]{article}
\usepackage[utf8]{inputenc}
\usepackage{amsmath,amssymb,graphicx}
\setlength{\textwidth}{17cm}
\setlength{\textheight}{24cm}
\setlength{\oddsidemargin}{-0.54cm}
\setlength{\topmargin}{-1.5cm}
\setlength{\mathindent}{1.5em}
\setlength{\parindent}{0pt}
\setlength{\parskip}{6pt plus 2pt}
\setcounter{MaxMatrixCols}{20}
\allowdisplaybreaks
"""
_TALLEST = 35  # rows of a table that fit on a page
_TABULAR = "\\begin{{center}}\\small\\renewcommand{{\\arraystretch}}{{1.35}}\n\\begin{{tabular}}{{{}}}\n{}\n\\end{{tabular}}\n\\end{{center}}"


def _latex(document: Document) -> str:
    parts = filter(None, (_latex_block(document, block) for block in document.blocks))
    body = "\n\n".join(parts).replace("\n\n\\begin{align*}", "\n\\begin{align*}")
    return f"{_PREAMBLE}\\begin{{document}}\n\n\\section*{{\\LARGE {_latex_run(document, document.title)}}}\n\n{body}\n\n\\end{{document}}"


def _latex_run(document: Document, run: Run) -> str:
    return "".join(escape_latex(x) if isinstance(x, str) else f"${styles.latex(x, _inline(document))}$" for x in run)


def _latex_block(document: Document, block: Block) -> str:
    show = partial(_latex_run, document)
    if isinstance(block, Heading):
        return rf"\{'sub' * (block.level - 2)}section*{{{show(block.run)}}}"
    if isinstance(block, Paragraph):
        return (rf"\textbf{{{MARKS[block.kind]}.}} " if block.kind else "") + show(block.run)
    if isinstance(block, Items):
        return "\\begin{enumerate}\n" + "\n".join(rf"\item {show(run)}" for run in block.runs) + "\n\\end{enumerate}"
    if isinstance(block, Equations):
        if block.kind:
            frame = "\\fbox{{$\\displaystyle {}$}}" if block.kind == "boxed" else "$\\displaystyle {}$"
            shown = "\\hspace{1.5em}\n".join(frame.format(each) for each in _latex_lines(block, document.style))
            return (
                f"{{\\raggedright\\setlength{{\\lineskip}}{{8pt}}\\setlength{{\\lineskiplimit}}{{4pt}}\n{shown}\\par}}"
            )
        rows = _latex_rows(block, document.style)
        return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"
    if isinstance(block, Table):
        head = " & ".join(rf"\textbf{{{show(cell)}}}" for cell in block.header) + r"\\ \hline"
        lines = [" & ".join(map(show, each)) for each in block.rows]
        pages = (lines[i : i + _TALLEST] for i in range(0, len(lines), _TALLEST))
        return "\n\n".join(_TABULAR.format("l" * len(block.header), "\\\\\n".join([head, *page])) for page in pages)
    return (
        rf"\includegraphics[width=\linewidth,height=0.9\textheight,keepaspectratio]{{{block.name}}}"
        if block.name
        else ""
    )


# HTML.

# The page has no script: whatever a label might smuggle in does not run.
_POLICY = "default-src 'none'; script-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --muted: #57606a; --page: #fff; --rule: #d0d7de; --tint: #f6f8fa;
  --check: #0072b2; --kink: #d55e00; }
@media (prefers-color-scheme: dark) { :root { --ink: #f0f3f6; --muted: #9da7b1; --page: #0f1419; --rule: #30363d;
  --tint: #1c232b; --check: #4fb3ff; --kink: #ff8c42; } }
body { margin: 0; background: var(--page); color: var(--ink); font: 17px/1.55 Georgia, "DejaVu Serif", serif; }
main { max-width: 52rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1, h2, h3, th { font-family: "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; line-height: 1.3; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 .6rem; padding-top: .8rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
h2 a, h3 a { color: inherit; text-decoration: none; } h2 a:hover, h3 a:hover { text-decoration: underline; }
math { font-family: "Latin Modern Math", "STIX Two Math", "Cambria Math", "DejaVu Math TeX Gyre", math; }
li { margin: .25rem 0; }
.equations, .table { margin: .7rem 0; overflow-x: auto; overflow-y: hidden; }
.equations { display: grid; grid-template-columns: max-content minmax(8rem, 1fr); align-items: baseline; row-gap: .45rem; margin-left: 1.5rem; }
.line { display: contents; } .line > math { justify-self: end; }
.sides { display: flex; flex-wrap: wrap; align-items: baseline; min-width: 0; row-gap: .3rem; }
.sides > math { flex: none; max-width: 100%; overflow-x: auto; overflow-y: hidden; }
.given, .boxed { display: flex; flex-wrap: wrap; gap: .5rem 1.6rem; } .boxed { gap: .6rem; margin-left: 0; }
.given .line, .boxed .line { display: flex; align-items: baseline; max-width: 100%; }
.boxed .line { border: 1.5px solid var(--ink); border-radius: 4px; padding: .35rem .7rem; box-sizing: border-box; overflow-x: auto; }
.equations mtd { text-align: -webkit-right; padding: .2em .35em; }
.table table { border-collapse: collapse; font-size: .94em; }
.table th, .table td { text-align: left; padding: .25rem 1.2rem .25rem 0; border-bottom: 1px solid var(--rule); white-space: nowrap; }
.table th { font-size: .85em; color: var(--muted); }
.check, .note, .kink { padding: .5rem .9rem; background: var(--tint); border-left: 3px solid var(--muted); }
.check { border-color: var(--check); } .check strong { color: var(--check); }
.kink { border-color: var(--kink); } .kink strong { color: var(--kink); }
figure { margin: 1.5rem 0; background: #fff; overflow-x: auto; } figure svg { display: block; max-width: 100%; height: auto; }
@media (max-width: 40rem) { main { padding: 1rem .8rem 3rem; } .equations { margin-left: .2rem; } figure svg { max-width: none; } }
@media print { body { font-size: 11pt; } main { max-width: none; padding: 0; } .equations, .table { overflow: visible; }
  h2, h3 { break-after: avoid; } .line, tr { break-inside: avoid; } }
"""


def _html(document: Document) -> str:
    anchors: dict[str, int] = {}
    body = "\n".join(_html_block(document, block, anchors) for block in document.blocks)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(_plain(document, document.title))}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{_html_run(document, document.title)}</h1>
{body}
</main>
</body>
</html>"""


def _html_run(document: Document, run: Run) -> str:
    return "".join(escape(x) if isinstance(x, str) else styles.mathml(x, _inline(document)) for x in run)


def _html_block(document: Document, block: Block, anchors: dict[str, int]) -> str:
    show = partial(_html_run, document)
    if isinstance(block, Heading):
        anchor = re.sub(r"\W+", "-", _plain(document, block.run).lower()).strip("-")
        anchors[anchor] = anchors.get(anchor, 0) + 1
        anchor += f"-{anchors[anchor]}" if anchors[anchor] > 1 else ""
        return f'<h{block.level} id="{anchor}"><a href="#{anchor}">{show(block.run)}</a></h{block.level}>'
    if isinstance(block, Paragraph):
        lead = f'<p class="{block.kind}"><strong>{MARKS[block.kind]}.</strong> ' if block.kind else "<p>"
        return f"{lead}{show(block.run)}</p>"
    if isinstance(block, Items):
        return f"<ol>{''.join(f'<li>{show(run)}</li>' for run in block.runs)}</ol>"
    if isinstance(block, Equations):
        style = _full(document.style, block)
        lines = "".join(_html_line(line, style) for line in block.lines)
        return f'<div class="{f"equations {block.kind}".strip()}">{lines}</div>'
    if isinstance(block, Table):
        head = "".join(f"<th>{show(cell)}</th>" for cell in block.header)
        rows = "".join(f"<tr>{''.join(f'<td>{show(cell)}</td>' for cell in each)}</tr>" for each in block.rows)
        return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    return f'<figure role="img" aria-label="{escape(block.description)}">{block.svg}</figure>' if block.svg else ""


def _html_line(line: Line, style: Style) -> str:
    """Write a line whose sides wrap where the page is narrow."""
    sides = []
    for sign, side in line.sides:
        for i, piece in enumerate(pieces(style(side), 34)):
            sides.append(styles.mathml(row(Node("infix", sign), piece) if i == 0 else piece, display=True))
    shown = "".join(sides)
    return f'<div class="line">{styles.mathml(line.left, style, display=True)}<div class="sides">{shown}</div></div>'


# JSON.


def _json(document: Document) -> str:
    blocks = [_json_block(document, block) for block in document.blocks]
    content = {"title": _plain(document, document.title), "values": document.values, "blocks": blocks}
    return to_json(content, indent=1, ensure_ascii=False)


def _json_block(document: Document, block: Block) -> dict[str, Any]:
    show = partial(_plain, document)
    kind = type(block).__name__.lower()
    if isinstance(block, (Heading, Paragraph)):
        return {"type": kind, "text": show(block.run), **{k: v for k, v in vars(block).items() if k != "run"}}
    if isinstance(block, Items):
        return {"type": kind, "texts": list(map(show, block.runs))}
    if isinstance(block, Equations):
        style = _full(document.style, block)
        lines = []
        for line in block.lines:
            text = [styles.text(line.left, style), *(f"{sign} {styles.text(side, style)}" for sign, side in line.sides)]
            latex = [
                styles.latex(line.left, style),
                *(
                    f"{styles.latex(Node('infix', sign)).strip()} {styles.latex(side, style)}"
                    for sign, side in line.sides
                ),
            ]
            lines.append({"text": " ".join(text), "latex": " ".join(latex)})
        return {"type": kind, "kind": block.kind, "lines": lines}
    if isinstance(block, Picture):
        return {"type": kind, "text": block.description}
    return {
        "type": kind,
        "header": list(map(show, block.header)),
        "rows": [list(map(show, each)) for each in block.rows],
    }


FORMATS: dict[str, Callable[[Document], str]] = {
    "text": _text,
    "markdown": _markdown,
    "latex": _latex,
    "html": _html,
    "json": _json,
}
ENDINGS = {".txt": "text", ".md": "markdown", ".tex": "latex", ".html": "html", ".json": "json"}
