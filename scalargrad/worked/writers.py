"""Writers of documents: text, Markdown, LaTeX, HTML, JSON."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Callable, Iterable
from html import escape
from typing import Any

from scalargrad.files import encodable, to_json
from scalargrad.worked.document import Block, Document, Equation, Heading, Line, Paragraph, Table
from scalargrad.worked.notation import Box, beside, box, mathml, text

_WIDTH = 100  # columns of text


def write(document: Document, format: str) -> str:
    r"""Write a document in one of FORMATS.

    >>> document = Document("Title", (Paragraph(r"A root: $\sqrt{x}$."),))
    >>> print(write(document, "text"))
    Title
    =====
    <BLANKLINE>
    A root: √x.

    Raises ValueError for another format.
    """
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {format!r}")
    return encodable(FORMATS[format](document))


def _split(running: str) -> Iterable[tuple[bool, str]]:
    """Split running text at its dollars: whether a part is mathematics, and the part."""
    for i, part in enumerate(running.split("$")):
        if part:
            yield i % 2 == 1, part


# Text.


def _text(document: Document) -> str:
    parts = [f"{document.title}\n{'=' * len(document.title)}"]
    parts += [part for block in document.shown if (part := _text_block(block))]
    return "\n\n".join(parts)


def _plain(running: str) -> str:
    return "".join(text(part) if maths else part for maths, part in _split(running))


def _text_block(block: Block) -> str:
    if isinstance(block, Heading):
        title = _plain(block.text)
        return f"{title}\n{('=-'[block.level - 2]) * len(title)}"
    if isinstance(block, Paragraph):
        mark = {"": "", "kink": "Kink: ", "check": "Check: ", "note": "Note: "}[block.kind]
        # A formula is not broken where it has spaces.
        held = "".join(
            text(part).replace(" ", "\N{NO-BREAK SPACE}") if maths else part for maths, part in _split(block.text)
        )
        filled = textwrap.fill(mark + held, _WIDTH, break_long_words=False, break_on_hyphens=False)
        return filled.replace("\N{NO-BREAK SPACE}", " ")
    if isinstance(block, Equation):
        return _aligned(block.lines)
    if isinstance(block, Table):
        rows = [[_plain(cell) for cell in row] for row in (block.header, *block.rows)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        rows.insert(1, ["-" * width for width in widths])
        lines = ("  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)) for row in rows)
        return "\n".join(f"  {line.rstrip()}" for line in lines)
    return ""


def _aligned(lines: Iterable[Line]) -> str:
    boxes = [(box(line.left), line.relation, box(line.right)) for line in lines]
    width = max(left.width for left, _, _ in boxes)
    shown = []
    for left, relation, right in boxes:
        sign = text(relation) or " "
        pad = Box((" " * (2 + width - left.width),))
        shown.append("\n".join(line.rstrip() for line in beside(pad, left, Box((f" {sign} ",)), right).lines))
    return "\n".join(shown)


# Markdown.


def _markdown(document: Document) -> str:
    parts = [f"# {_escaped(document.title)}"]
    parts += [part for block in document.shown if (part := _markdown_block(block))]
    return "\n\n".join(parts)


def _markdown_text(running: str) -> str:
    """Escape what Markdown would read; mathematics is left to GitHub's."""
    return "".join(f"${_for_markdown(part)}$" if maths else _escaped(part) for maths, part in _split(running))


def _escaped(plain: str) -> str:
    return re.sub(r"([\\*_\[\]<>|#$])", r"\\\1", plain)


def _for_markdown(latex: str) -> str:
    # A backslash before punctuation is Markdown's own, and a bar divides the cells of a table.
    # Nor does GitHub take \operatorname, or a subscript after a brace, which may begin Markdown's emphasis.
    latex = _tight(latex).replace(r"\operatorname", r"\mathrm")
    latex = re.sub(r"(\\mathrm\{[^{}]*)\}_\{(\d+)\}", r"\1\2}", latex)
    latex = latex.replace(r"\left|", r"\left\vert ").replace(r"\right|", r"\right\vert ")
    return latex.replace(r" \\ ", r" \cr ").replace(r"\_", "-").replace("<", r"\lt ")


def _markdown_block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {_markdown_text(block.text)}"
    if isinstance(block, Paragraph):
        text = _markdown_text(block.text)
        text = re.sub(r"`([^`]*)`", lambda m: m[0].replace("\\", ""), text)
        mark = {"kink": "**Kink.** ", "check": "**Check.** ", "note": "**Note.** "}.get(block.kind, "")
        return f"> {mark}{text}" if mark else text
    if isinstance(block, Equation):
        return f"$${_for_markdown(_aligned_latex(block.lines))}$$"
    if isinstance(block, Table):
        rows = [[_markdown_text(cell) for cell in row] for row in (block.header, *block.rows)]
        rows.insert(1, ["---"] * len(block.header))
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return ""


def _aligned_latex(lines: Iterable[Line]) -> str:
    rows = r" \\ ".join(f"{line.left} &{line.relation} {line.right}" for line in lines)
    return rf"\begin{{aligned}} {rows} \end{{aligned}}"


# LaTeX.

_ESCAPES = {"\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}", "<": r"\textless{}", ">": r"\textgreater{}"}
_ESCAPES |= {"|": r"\textbar{}", '"': "''", **{c: f"\\{c}" for c in "#$%&_{}"}}


def escape_latex(plain: str) -> str:
    r"""Write plain text so that any LaTeX sets it: special characters escaped, foreign ones as question marks.

    >>> escape_latex("50 % of z_1")
    '50 \\% of z\\_1'
    """
    return "".join("?" if ord(c) > 0x17F else _ESCAPES.get(c, c) for c in plain)


_PREAMBLE = r"""\documentclass[11pt,a4paper,fleqn]{article}
\usepackage{amsmath}
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


def _latex(document: Document) -> str:
    body = "\n\n".join(part for block in document.shown if (part := _latex_block(block)))
    title = rf"\section*{{\LARGE {escape_latex(document.title)}}}"
    return f"{_PREAMBLE}\\begin{{document}}\n\n{title}\n\n{body}\n\n\\end{{document}}"


def _latex_text(running: str) -> str:
    return "".join(f"${_ascii(part)}$" if maths else _code(part) for maths, part in _split(running))


# Parentheses that need not grow: TeX sets a space around those that could.
_LOW = re.compile(r"\\left\(((?:(?!\\left|\\right|\\frac|\\sum|\\begin).)*)\\right\)")


def _tight(latex: str) -> str:
    while (tighter := _LOW.sub(r"(\1)", latex)) != latex:
        latex = tighter
    return latex


def _ascii(latex: str) -> str:
    """Take the accents off letters in mathematics, which plain TeX cannot set there; others become question marks."""
    latex = _tight(latex)
    return latex if latex.isascii() else unicodedata.normalize("NFKD", latex).encode("ascii", "replace").decode()


def _code(part: str) -> str:
    pieces = part.split("`")
    return "".join(rf"\texttt{{{escape_latex(p)}}}" if i % 2 else escape_latex(p) for i, p in enumerate(pieces))


def _latex_block(block: Block) -> str:
    if isinstance(block, Heading):
        return rf"\{'sub' * (block.level - 2)}section*{{{_latex_text(block.text)}}}"
    if isinstance(block, Paragraph):
        mark = {"kink": "Kink", "check": "Check", "note": "Note"}.get(block.kind)
        return (rf"\textbf{{{mark}.}} " if mark else "") + _latex_text(block.text)
    if isinstance(block, Equation):
        rows = " \\\\\n".join(_ascii(f"{line.left} &{line.relation} {line.right}") for line in block.lines)
        return f"\\begin{{align*}}\n{rows}\n\\end{{align*}}"
    if isinstance(block, Table):
        head = " & ".join(rf"\textbf{{{_latex_text(cell)}}}" for cell in block.header) + r"\\ \hline"
        lines = [" & ".join(map(_latex_text, row)) for row in block.rows]
        pages = (lines[i : i + _TALLEST] for i in range(0, len(lines), _TALLEST))
        return "\n\n".join(_TABULAR.format("l" * len(block.header), "\\\\\n".join([head, *page])) for page in pages)
    return ""


_TALLEST = 35  # rows of a table that fit on a page
_TABULAR = "\\begin{{center}}\\small\\renewcommand{{\\arraystretch}}{{1.35}}\n\\begin{{tabular}}{{{}}}\n{}\n\\end{{tabular}}\n\\end{{center}}"


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
h1, h2, h3, th { font-family: "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; line-height: 1.25; }
h1 { font-size: 1.7rem; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 .6rem; padding-top: .8rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
math { font-family: "Latin Modern Math", "STIX Two Math", "Cambria Math", "DejaVu Math TeX Gyre", math; }
.equation, .table { margin: .7rem 0; overflow-x: auto; overflow-y: hidden; }
.equation table { border-collapse: collapse; margin-left: 1.5rem; }
.equation > table > tbody > tr > td { padding: .28rem 0; vertical-align: baseline; white-space: nowrap; }
.equation > table > tbody > tr > td:first-child { text-align: right; }
.equation mtd { text-align: -webkit-right; padding: .22em .5em; }
.table table { border-collapse: collapse; font-size: .94em; }
.table th, .table td { text-align: left; padding: .25rem 1.2rem .25rem 0; border-bottom: 1px solid var(--rule); }
.table th { font-size: .85em; color: var(--muted); }
.check, .note, .kink { padding: .5rem .9rem; background: var(--tint); border-left: 3px solid var(--muted); }
.check { border-color: var(--check); } .check strong { color: var(--check); }
.kink { border-color: var(--kink); } .kink strong { color: var(--kink); }
figure { margin: 1.5rem 0; background: #fff; } figure svg { display: block; max-width: 100%; height: auto; }
@media print { body { font-size: 11pt; } main { max-width: none; padding: 0; } .equation, .table { overflow: visible; }
  .equation > table > tbody > tr > td { vertical-align: middle; } /* print has no baselines across cells */
  h2, h3 { break-after: avoid; } .equation, tr { break-inside: avoid; } }
"""


def _html(document: Document) -> str:
    body = "\n".join(_html_block(block) for block in document.shown)
    title = escape(document.title)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>"""


def _html_text(running: str) -> str:
    shown = "".join(mathml(part) if maths else escape(part) for maths, part in _split(running))
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", shown)


def _html_block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"<h{block.level}>{_html_text(block.text)}</h{block.level}>"
    if isinstance(block, Paragraph):
        mark = {"kink": "Kink", "check": "Check", "note": "Note"}.get(block.kind)
        lead = f"<strong>{mark}.</strong> " if mark else ""
        kind = f' class="{block.kind}"' if block.kind else ""
        return f"<p{kind}>{lead}{_html_text(block.text)}</p>"
    if isinstance(block, Equation):
        rows = "".join(
            f"<tr><td>{mathml(line.left, display=True) if line.left else ''}</td>"
            f"<td>{mathml(f'{{}} {line.relation} {line.right}', display=True)}</td></tr>"
            for line in block.lines
        )
        return f'<div class="equation"><table>{rows}</table></div>'
    if isinstance(block, Table):
        head = "".join(f"<th>{_html_text(cell)}</th>" for cell in block.header)
        rows = "".join(f"<tr>{''.join(f'<td>{_html_text(cell)}</td>' for cell in row)}</tr>" for row in block.rows)
        return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    return f'<figure role="img" aria-label="{escape(block.description)}">{block.svg}</figure>'


# JSON.


def _json(document: Document) -> str:
    blocks = [_json_block(block) for block in document.blocks]
    content = {"title": document.title, "values": document.values, "blocks": blocks}
    return to_json(content, indent=1, ensure_ascii=False)


def _json_block(block: Block) -> dict[str, Any]:
    if isinstance(block, Equation):
        lines = [{**line._asdict(), "text": _aligned([line]).strip("\n")} for line in block.lines]
        return {"type": "equation", "lines": lines, "values": block.values}
    return {"type": type(block).__name__.lower(), **vars(block)}


FORMATS: dict[str, Callable[[Document], str]] = {
    "text": _text,
    "markdown": _markdown,
    "latex": _latex,
    "html": _html,
    "json": _json,
}
ENDINGS = {".txt": "text", ".md": "markdown", ".tex": "latex", ".html": "html", ".json": "json"}
