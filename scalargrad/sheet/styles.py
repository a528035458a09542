r"""What notation.py lays out, in letters: LaTeX, MathML, and boxes of text.

>>> from scalargrad.sheet.grammar import parse
>>> text(parse("δ_1 xᵀ"))
'δ₁ xᵀ'
>>> print(text(parse("[[0.5], [-2]]"), tall=True))
⎛ 0.5 ⎞
⎝  −2 ⎠
>>> mathml(parse("x_1"))
'<math><msub><mi>x</mi><mn>1</mn></msub></math>'
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

from scalargrad.sheet.notation import EMPTY, Node, Style
from scalargrad.sheet.terms import Term
from scalargrad.sheet.tokens import GREEK

PLAIN = Style()

# LaTeX.

_COMMANDS = {letter: rf"\{name}" for name, letter in GREEK.items()} | {"Σ": r"\sum", "Π": r"\prod"}
_COMMANDS |= {
    letter: name[0]
    for name, letter in GREEK.items()
    if name in ("Alpha", "Beta", "Epsilon", "Zeta", "Eta", "Iota", "Kappa", "Mu", "Nu", "Omicron", "Rho", "Tau", "Chi")
}
_COMMANDS |= {"omicron": "o"}
_SIGNS = {
    "−": "-", "·": r"\cdot", "∗": "*", "∘": r"\circ", "⋆": r"\star", "≈": r"\approx", "∂": r"\partial", "∇": r"\nabla", "⊤": r"\top", "∞": r"\infty", "⋯": r"\cdots",
    "⋮": r"\vdots", "⋱": r"\ddots", "…": r"\ldots", "→": r"\to", "′": "'", "′′": "''", "′′′": "'''", "±": r"\pm", "‖": r"\Vert ", "{": r"\{",
}  # fmt: skip
_WORDS = {"sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "ln", "log", "exp", "max", "min"}
_MARKS = {"^": "hat", "~": "tilde", "¯": "bar", "˙": "dot"}
_TEX = {
    "\\": r"\textbackslash{}",
    "^": r"\^{}",
    "~": r"\~{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
}
_TEX |= {c: f"\\{c}" for c in "#$%&_{}"} | {
    "≈": r"$\approx$",
    "−": "$-$",
    "·": r"$\cdot$",
    "→": r"$\to$",
    "∂": r"$\partial$",
    "…": r"\ldots{}",
    "×": r"$\times$",
    "’": "'",
    "√": r"$\surd$",
    "∘": r"$\circ$",
    "Σ": r"$\sum$",
}
_TEX |= {c: f"$^{{{n}}}$" for c, n in zip("⁻¹²³ⁿᵀ", ("-", "1", "2", "3", "n", r"\top"), strict=True)}


def escape_latex(plain: str) -> str:
    r"""Write plain text so that any LaTeX sets it: special characters escaped, foreign ones as question marks.

    >>> escape_latex("50 % of z_1")
    '50 \\% of z\\_1'
    """
    return "".join(_TEX.get(c, c if ord(c) < 0x180 else f"${_COMMANDS[c]}$" if c in _COMMANDS else "?") for c in plain)


def latex(term: Term | Node, style: Style = PLAIN) -> str:
    r"""Write a term in LaTeX.

    >>> from scalargrad.sheet.grammar import parse
    >>> latex(parse("e^(-0.5 x)"))
    'e^{-0.5 \\, x}'
    """
    node = style(term) if isinstance(term, Term) else term
    inside = [latex(part, style) for part in node.parts]
    match node.kind:
        case "row":
            return _joined(inside)
        case "name":
            return (
                _COMMANDS.get(node.text) or _SIGNS.get(node.text) or (node.text if node.text.isascii() else r"\text{?}")
            )
        case "word":
            return (
                rf"\{node.text}"
                if node.text in _WORDS
                else rf"\mathrm{{{escape_latex(node.text).replace(' ', '~')}}}"
                if node.text
                else ""
            )
        case "sign":
            return {", ": ", ", "; ": "; "}.get(node.text, _SIGNS.get(node.text, node.text))
        case "infix":
            return f" {_SIGNS.get(node.text, node.text)} "
        case "prefix":
            return _SIGNS.get(node.text, node.text)
        case "space":
            return r" \, "
        case "fraction":
            return rf"\frac{{{inside[0]}}}{{{inside[1]}}}"
        case "root":
            return rf"\sqrt{{{inside[0]}}}"
        case "accent":
            return rf"\{_MARKS[node.text]}{{{inside[0]}}}"
        case "bold":
            return rf"\mathbf{{{inside[0]}}}"
        case "fence":
            sides = [_SIGNS.get(side, side) for side in node.text]
            return (
                rf"\left{sides[0]}{inside[0]}\right{sides[1]}"
                if _is_tall(node.parts[0])
                else f"{sides[0]}{inside[0]}{sides[1]}"
            )
        case "matrix":
            kind = {"()": "pmatrix", "{.": "cases"}[node.text]
            rows = r" \\ ".join(" & ".join(latex(cell, style) for cell in row.parts) for row in node.parts)
            return rf"\begin{{{kind}}} {rows} \end{{{kind}}}"
        case "over":
            return _COMMANDS[node.text] + _scripts(*inside)
        case "script":
            base = f"{{{inside[0]}}}" if node.parts[0].kind == "script" else inside[0]
            return base + _scripts(*inside[1:])
    return node.text


def _scripts(below: str, above: str) -> str:
    return (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")


def _joined(parts: Sequence[str]) -> str:
    """Join pieces of LaTeX; a command is kept apart from a letter after it."""
    out = ""
    for part in parts:
        out += (" " if re.search(r"\\[A-Za-z]+$", out) and part[:1].isalpha() else "") + part
    return re.sub(r"  +", " ", out)


def _is_tall(node: Node) -> bool:
    return node.kind in ("fraction", "matrix", "over") or any(map(_is_tall, node.parts))


# MathML.


def mathml(term: Term | Node, style: Style = PLAIN, *, display: bool = False) -> str:
    """Write a term as a `math` element."""
    node = style(term) if isinstance(term, Term) else term
    wide = ' displaystyle="true"' if display else ""
    return f"<math{wide}>{_element(node)}</math>"


def _element(node: Node) -> str:
    inside = [_element(part) for part in node.parts]
    match node.kind:
        case "row":
            return f"<mrow>{''.join(inside)}</mrow>"
        case "number":
            return f"<mn>{node.text}</mn>"
        case "name":
            return f"<mi>{escape(node.text)}</mi>"
        case "word":
            return (
                f"<mtext>{escape(node.text)}</mtext>"
                if " " in node.text
                else f'<mi mathvariant="normal">{escape(node.text)}</mi>'
            )
        case "space":
            return '<mspace width="0.17em"/>'
        case "prefix":
            return f'<mo form="prefix">{escape(node.text)}</mo>'
        case "infix":
            return f'<mo form="infix">{escape(node.text)}</mo>'
        case "sign":
            spaced = ' lspace="0" rspace="0.3em"' if node.text in (", ", "; ") else ' lspace="0" rspace="0"'
            return f"<mo{spaced}>{escape(node.text.strip())}</mo>"
        case "fraction":
            return f"<mfrac>{''.join(inside)}</mfrac>"
        case "root":
            return f"<msqrt>{inside[0]}</msqrt>"
        case "accent":
            return f'<mover accent="true">{inside[0]}<mo stretchy="false">{node.text}</mo></mover>'
        case "bold":
            return f'<mstyle style="font-weight: bold">{inside[0]}</mstyle>'
        case "fence":
            size = "" if _is_tall(node.parts[0]) else ' stretchy="false"'
            opening, closing = (
                f'<mo form="{form}"{size}>{escape(side)}</mo>'
                for form, side in zip(("prefix", "postfix"), node.text, strict=True)
            )
            return f"<mrow>{opening}{inside[0]}{closing}</mrow>"
        case "matrix":
            rows = "".join(
                f"<mtr>{''.join(f'<mtd>{_element(cell)}</mtd>' for cell in row.parts)}</mtr>" for row in node.parts
            )
            opening, closing = (f"<mo>{side}</mo>" if side != "." else "" for side in node.text)
            return f"<mrow>{opening}<mtable columnalign='right'>{rows}</mtable>{closing}</mrow>"
        case "over":
            sign = "∑" if node.text == "Σ" else "∏"
            return _scripted("under", "over", f"<mo>{sign}</mo>", node.parts, inside)
    return _scripted("sub", "sup", inside[0], node.parts[1:], inside[1:])


def _scripted(low: str, high: str, base: str, nodes: Sequence[Node], shown: Sequence[str]) -> str:
    kinds = [kind for kind, node in zip((low, high), nodes, strict=True) if node != EMPTY]
    parts = [part for part, node in zip(shown, nodes, strict=True) if node != EMPTY]
    return f"<m{''.join(kinds)}>{base}{''.join(parts)}</m{''.join(kinds)}>" if kinds else base


# Text.

_RAISED = dict(zip("0123456789+−=()nijkt⊤′", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱʲᵏᵗᵀ′", strict=True))
_LOWERED = dict(zip("0123456789", "₀₁₂₃₄₅₆₇₈₉", strict=True))
_FENCES = {"(": "⎛⎜⎝(", ")": "⎞⎟⎠)", "[": "⎡⎢⎣[", "]": "⎤⎥⎦]", "|": "||||", "‖": "‖‖‖‖", "{": "⎧⎨⎩{", ".": "    "}


@dataclass(frozen=True)
class Box:
    """Lines of text of one width; `axis` is the number of the line that others align with."""

    lines: tuple[str, ...]
    axis: int = 0

    @property
    def width(self) -> int:
        """Columns that it takes."""
        return columns(self.lines[0])


def columns(line: str) -> int:
    """Count the columns of a line: combining marks take none."""
    return sum(not unicodedata.combining(c) for c in line)


def beside(*boxes: Box) -> Box:
    """Put boxes side by side, their axes on one line.

    >>> beside(Box(("a", "b"), 1), Box(("c",))).lines
    ('a ', 'bc')
    """
    above = max((box.axis for box in boxes), default=0)
    below = max((len(box.lines) - box.axis for box in boxes), default=1)
    padded = [
        [" " * b.width] * (above - b.axis) + list(b.lines) + [" " * b.width] * (below - len(b.lines) + b.axis)
        for b in boxes
    ]
    return Box(tuple("".join(line) for line in zip(*padded, strict=True)) or ("",), above)


def text(term: Term | Node, style: Style = PLAIN, *, tall: bool = False) -> str:
    """Write a term as text: on one line, or with matrices `tall`.

    >>> from scalargrad.sheet.grammar import parse
    >>> text(parse("W_1[2,3] ŷ_1/2 - e^(2 x)"))
    '(W₁[2,3] ŷ₁)/2 − e^(2 x)'
    """
    return "\n".join(line.rstrip() for line in box(term, style, tall=tall).lines)


def box(term: Term | Node, style: Style = PLAIN, *, tall: bool = True) -> Box:
    """Lay a term out as a box of text."""
    return _box(replace(style, linear=True)(term) if isinstance(term, Term) else term, tall)


def _line(content: str) -> Box:
    return Box((unicodedata.normalize("NFC", content),))


def _box(node: Node, tall: bool) -> Box:
    def flat(part: Node) -> str:
        return _box(part, False).lines[0]

    match node.kind:
        case "row":
            return beside(*(_box(part, tall) for part in node.parts)) if node.parts else _line("")
        case "infix":
            return _line(f" {node.text} ")
        case "fraction":
            return beside(_box(node.parts[0], tall), _line("/"), _box(node.parts[1], tall))
        case "root":
            return _line(f"√({flat(node.parts[0])})")
        case "accent":
            return _line(flat(node.parts[0]) + {"^": "\u0302", "~": "\u0303", "¯": "\u0304", "˙": "\u0307"}[node.text])
        case "bold":
            return _box(node.parts[0], tall)
        case "fence":
            return _fenced(_box(node.parts[0], tall), *node.text)
        case "matrix":
            return _matrix(node, tall)
        case "over":
            below, above = node.parts
            lower = flat(below) + (f"..{flat(above)}" if above != EMPTY else "")
            return _line(f"{node.text}{_script(lower, {}, '_')}")
        case "script":
            base, below, above = node.parts
            scripts = _script(flat(below), _LOWERED, "_") + _script(flat(above), _RAISED, "^")
            return beside(_box(base, tall), _line(scripts))
    return _line(node.text)


def _script(shown: str, small: dict[str, str], mark: str) -> str:
    compact = shown.replace(" ", "")
    if all(character in small for character in compact):
        return "".join(small[character] for character in compact)
    if re.fullmatch(r"[A-Za-zΑ-ω]+\d*|\d+(\.\d+)?", shown):
        return f"{mark}{shown}"
    return f"{mark}{{{compact}}}" if mark == "_" and re.search("[,=]", shown) else f"{mark}({shown})"


def _fenced(inside: Box, opening: str, closing: str) -> Box:
    height = len(inside.lines)
    left, right = ("" if mark == "." else _FENCES[mark] for mark in (opening, closing))

    def side(marks: str) -> Box:
        if not marks:
            return Box(("",) * height, inside.axis)
        return _line(marks[3]) if height == 1 else Box((marks[0], *[marks[1]] * (height - 2), marks[2]), inside.axis)

    return beside(side(left), inside, side(right))


def _matrix(node: Node, tall: bool) -> Box:
    rows = [[_box(cell, False).lines[0] for cell in row.parts] for row in node.parts]
    if not tall:
        lines = [f"[{', '.join(row)}]" for row in rows]
        return _line(f"[{', '.join(lines)}]")
    count = max(map(len, rows))
    rows = [row + [""] * (count - len(row)) for row in rows]
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(" " * (width - columns(cell)) + cell for cell, width in zip(row, widths, strict=True)) for row in rows
    ]
    return _fenced(Box(tuple(f" {line} " for line in lines), (len(lines) - 1) // 2), *node.text)
