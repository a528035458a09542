r"""Mathematics in the LaTeX that the records print, for where there is no TeX: as MathML, and as lines of text.

>>> print(text(r"\delta_{1} = \begin{pmatrix} 0.5 \\ -2 \end{pmatrix} \approx \frac{x^{2}}{\sqrt{y}}"))
δ₁ = ⎛ 0.5 ⎞ ≈ x²/√y
     ⎝  −2 ⎠
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from itertools import pairwise

_TOKEN = re.compile(r"\\(?:text|mathrm|operatorname)\{[^{}]*\}|\\(?:begin|end)\{\w+\}|\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\S")

_GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho varsigma sigma tau upsilon phi chi psi omega"
LETTERS = {name: chr(0x3B1 + i) for i, name in enumerate(_GREEK.split())}
LETTERS |= {name.capitalize(): chr(ord(letter) - 32) for name, letter in LETTERS.items() if name != "varsigma"}
LETTERS |= {
    "partial": "∂",
    "infty": "∞",
    "top": "⊤",
    "ldots": "…",
    "cdots": "⋯",
    "vdots": "⋮",
    "ddots": "⋱",
    "ell": "ℓ",
}
FUNCTIONS = {
    "sin",
    "cos",
    "tan",
    "arcsin",
    "arccos",
    "arctan",
    "sinh",
    "cosh",
    "tanh",
    "ln",
    "log",
    "exp",
    "max",
    "min",
}
OPERATORS = {"-": "−", "*": "∗", "cdot": "·", "times": "×", "circ": "∘", "approx": "≈", "to": "→", "le": "≤", "ge": "≥"}
OPERATORS |= {"ne": "≠", "sum": "∑", "mid": "∣", "in": "∈"}
SPACES = {"quad": 1.0, "qquad": 2.0, "thinspace": 0.1667, " ": 0.25}
_SPACED = set("+−=≈∘×→≤≥≠<>∈∣")  # between their operands; as a sign, none
_RAISED = dict(zip("0123456789+−=()nijT⊤′", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱʲᵀᵀ′", strict=True))
_LOWERED = dict(zip("0123456789+−=(),aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎,ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
_FENCES = {"(": "⎛⎜⎝(", ")": "⎞⎟⎠)", "[": "⎡⎢⎣[", "]": "⎤⎥⎦]", "|": "||||", ".": "    "}


@dataclass(frozen=True)
class Node:
    """A piece of a formula: `kind` says how `text` and `parts` are laid out."""

    kind: str  # number name function operator text space row frac sqrt hat scripts fence matrix
    text: str = ""
    parts: tuple[Node, ...] = ()


def parse(latex: str) -> Node:
    r"""Read LaTeX as a tree. What is not known is taken as a name.

    >>> parse(r"x^{2}").kind
    'scripts'
    """
    return _Parser(latex).row()


class _Parser:
    def __init__(self, latex: str) -> None:
        self.tokens = _TOKEN.findall(latex)[::-1]

    def row(self, *ends: str) -> Node:
        """Read up to one of the ends, which is left in place."""
        nodes: list[Node] = []
        while self.tokens and self.tokens[-1] not in ends:
            token = self.tokens.pop()
            if token in ("_", "^", "'"):
                below, above = nodes[-1].parts[1:] if nodes and nodes[-1].kind == "scripts" else (Node("row"),) * 2
                base = nodes.pop() if nodes else Node("row")
                base = base.parts[0] if base.kind == "scripts" else base
                script = Node("operator", "′") if token == "'" else self.argument()
                nodes.append(Node("scripts", "", (base, script, above) if token == "_" else (base, below, script)))
            else:
                nodes.append(self.atom(token))
        return nodes[0] if len(nodes) == 1 else Node("row", "", tuple(nodes))

    def argument(self) -> Node:
        return self.atom(self.tokens.pop()) if self.tokens else Node("row")

    def atom(self, token: str) -> Node:
        name = token.removeprefix("\\")
        if token == "{":
            inside = self.row("}")
            self.tokens and self.tokens.pop()
            return inside
        if name == "frac" and token != name:
            return Node("frac", "", (self.argument(), self.argument()))
        if name in ("sqrt", "hat") and token != name:
            return Node(name, "", (self.argument(),))
        if token == r"\left":
            opening = self.tokens.pop()
            inside = self.row(r"\right")
            closing = self.tokens[-2] if len(self.tokens) > 1 else "."
            del self.tokens[-2:]
            return Node("fence", opening + closing, (inside,))
        if token.startswith(r"\begin"):
            return self.matrix(token.replace("begin", "end"))
        if "{" in token and token != r"\{":
            kind, _, plain = token[1:-1].partition("{")
            plain = re.sub(r"\\([A-Za-z]+) ?|\\(.)", lambda m: LETTERS.get(m[1] or "", m[1] or m[2]), plain)
            return Node("function" if kind == "operatorname" else "text", plain)
        if token[0].isdigit():
            return Node("number", token)
        if name in SPACES and token != name:
            return Node("space", name)
        if name in FUNCTIONS and token != name:
            return Node("function", name)
        if name in OPERATORS:
            return Node("operator", OPERATORS[name])
        if name in LETTERS and token != name:
            return Node("name", LETTERS[name])
        return Node("name" if name.isalpha() else "operator", name)

    def matrix(self, end: str) -> Node:
        rows, cells = [], []
        while self.tokens:
            cells.append(self.row("&", r"\\", end))
            stop = self.tokens.pop() if self.tokens else end
            if stop != "&":
                rows.append(Node("row", "", tuple(cells)))
                cells = []
            if stop == end:
                break
        return Node("matrix", "()" if "pmatrix" in end else "..", tuple(rows))


def _is_sign(before: Node | None) -> bool:
    """Say whether an operator after this stands in front of its only operand."""
    return before is None or (before.kind == "operator" and before.text not in ")]|!") or before.kind == "space"


def _with_neighbours(node: Node) -> Iterator[tuple[Node | None, Node, Node | None]]:
    parts = (None, *(node.parts if node.kind == "row" else (node,)), None)
    for (before, part), (_, after) in zip(pairwise(parts), pairwise(parts[1:]), strict=False):
        if part is not None:
            yield before, part, after


def _opens(node: Node | None) -> bool:
    return node is not None and (node.kind == "fence" or (node.kind == "operator" and node.text in "(["))


def _core(node: Node) -> Node:
    return node.parts[0] if node.kind == "scripts" else node


def mathml(latex: str, *, display: bool = False) -> str:
    """Write LaTeX as a `math` element.

    >>> mathml("x_{1}")
    '<math><msub><mi>x</mi><mn>1</mn></msub></math>'
    """
    style = ' displaystyle="true"' if display else ""
    return f"<math{style}>{_element(parse(latex))}</math>"


def _element(node: Node, before: Node | None = None, after: Node | None = None) -> str:
    inside = [_element(part) for part in node.parts]
    match node.kind:
        case "row":
            return f"<mrow>{''.join(_element(part, b, a) for b, part, a in _with_neighbours(node))}</mrow>"
        case "number":
            return f"<mn>{node.text}</mn>"
        case "name":
            upright = ' mathvariant="normal"' if node.text in "∂…⋯⋮⋱∞⊤" else ""
            return f"<mi{upright}>{escape(node.text)}</mi>"
        case "function":
            gap = "" if after is None or _opens(after) else '<mspace width="0.1667em"/>'
            return f"<mi>{escape(node.text)}</mi>{gap}"
        case "text":
            return f"<mtext>{escape(node.text)}</mtext>"
        case "space":
            return f'<mspace width="{SPACES[node.text]}em"/>'
        case "operator":
            form = ' form="prefix"' if node.text in "+−" and _is_sign(before) else ""
            exact = (
                ' stretchy="false"' if node.text in "()[]|" else ' lspace="0" rspace="0"' if node.text in "/′" else ""
            )
            return f"<mo{form}{exact}>{escape(node.text)}</mo>"
        case "frac":
            return f"<mfrac>{''.join(inside)}</mfrac>"
        case "sqrt":
            return f"<msqrt>{inside[0]}</msqrt>"
        case "hat":
            return f'<mover accent="true">{inside[0]}<mo stretchy="false">^</mo></mover>'
        case "fence":
            size = "" if _is_tall(node.parts[0]) else ' stretchy="false"'
            opening, closing = (f"<mo{size}>{escape(mark)}</mo>" if mark != "." else "" for mark in node.text)
            return f"<mrow>{opening}{inside[0]}{closing}</mrow>"
        case "matrix":
            rows = "".join(
                f"<mtr>{''.join(f'<mtd>{_element(cell)}</mtd>' for cell in row.parts)}</mtr>" for row in node.parts
            )
            marks = ("<mo>(</mo>", "<mo>)</mo>") if node.text == "()" else ("", "")
            return f"<mrow>{marks[0]}<mtable columnalign='right'>{rows}</mtable>{marks[1]}</mrow>"
    base, below, above = node.parts
    limits = base.kind == "operator" and base.text == "∑"
    scripts = [_element(part) for part in (below, above) if part != Node("row")]
    kind = ("munder" if limits else "msub") if above == Node("row") else "msup"
    kind = ("munderover" if limits else "msubsup") if len(scripts) == 2 else kind
    gap = ""
    if base.kind == "function" and after is not None and not _opens(after):
        gap = '<mspace width="0.1667em"/>'
    return f"<{kind}>{_element(base)}{''.join(scripts)}</{kind}>{gap}"


def _is_tall(node: Node) -> bool:
    return node.kind in ("frac", "matrix") or node.text == "∑" or any(map(_is_tall, node.parts))


@dataclass(frozen=True)
class Box:
    """Lines of text of one width; `axis` is the number of the line that others align with."""

    lines: tuple[str, ...]
    axis: int = 0

    @property
    def width(self) -> int:
        """Columns that it takes."""
        return len(self.lines[0])


def beside(*boxes: Box) -> Box:
    """Put boxes side by side, their axes on one line.

    >>> beside(Box(("a", "b"), 1), Box(("c",))).lines
    ('a ', 'bc')
    """
    above = max((box.axis for box in boxes), default=0)
    below = max((len(box.lines) - box.axis for box in boxes), default=1)
    columns = [
        [" " * box.width] * (above - box.axis)
        + list(box.lines)
        + [" " * box.width] * (below - len(box.lines) + box.axis)
        for box in boxes
    ]
    return Box(tuple("".join(line) for line in zip(*columns, strict=True)) or ("",), above)


def text(latex: str) -> str:
    r"""Write LaTeX as text, of several lines where it has matrices.

    >>> text(r"\hat{y}_{1} = e^{-0.5 \cdot x}")
    'ŷ₁ = e^(−0.5·x)'
    """
    return "\n".join(line.rstrip() for line in box(latex).lines)


@lru_cache(maxsize=4096)  # lines are measured where they are made, and laid out where they are written
def box(latex: str) -> Box:
    """Lay LaTeX out as a box of text.

    >>> box("x + 1").width
    5
    """
    return _box(parse(latex))


def _line(content: str) -> Box:
    return Box((content,))


def _box(node: Node) -> Box:
    match node.kind:
        case "row":
            return beside(*_spaced(node)) if node.parts else _line("")
        case "space":
            return _line(" " * round(4 * SPACES[node.text]) if SPACES[node.text] >= 1 else " ")
        case "hat":
            inside = _flat(node.parts[0])
            return _line({"y": "ŷ"}.get(inside, f"{inside}\N{COMBINING CIRCUMFLEX ACCENT}"))
        case "frac":
            return _line(f"{_operand(node.parts[0], '+−')}/{_operand(node.parts[1], '+−·/')}")
        case "sqrt":
            inside = _flat(node.parts[0])
            return _line(f"√{inside}" if len(inside) == 1 or inside.isalnum() else f"√({inside})")
        case "fence":
            return _fenced(_box(node.parts[0]), *node.text)
        case "matrix":
            return _matrix(node)
        case "scripts":
            base, *scripts = node.parts
            shown = _box(base)
            return beside(shown, _line("".join(map(_script, scripts, (_LOWERED, _RAISED), "_^"))))
    return _line(node.text)


def _spaced(node: Node) -> Iterator[Box]:
    for before, part, after in _with_neighbours(node):
        if before is not None and _is_gap(before, part):
            yield _line(" ")
        if part.kind == "operator" and part.text in _SPACED and not _is_sign(before):
            yield _line(f" {part.text} ")
        elif part.kind == "operator" and part.text in _SPACED - set("+−"):
            yield _line(f"{part.text} ")
        elif part.text == "," and after is not None and not after.text.startswith(" "):
            yield _line(", ")
        else:
            yield _box(part)


def _is_gap(before: Node, after: Node) -> bool:
    """Say whether text needs a space between two things, which mathematics sets apart by other means."""
    left, right = _core(before), _core(after)
    if right.kind in ("space", "operator"):
        return left.kind == "function" and right.text not in "([,"
    if left.kind in ("name", "hat", "text"):
        if right.kind == "fence":
            return before.kind == after.kind == "scripts"
        spaced = left.text.endswith(" ") or right.text.startswith(" ")
        return right.kind not in ("number", "frac") and left.text not in ("∂", "d") and not spaced
    if left.kind == "fence":
        return before.kind == "scripts" or right.kind != "fence"
    if left.kind == "operator":
        return left.text == "∑"
    return (left.kind == "function" and right.kind != "fence") or "matrix" in (left.kind, right.kind)


def _flat(node: Node) -> str:
    return " ".join(line.strip() for line in _box(node).lines)


def _operand(node: Node, loose: str) -> str:
    """Write a part of a fraction on its line: in parentheses where an operator in it binds less tightly."""
    parts = node.parts if node.kind == "row" else ()
    shown = _flat(node)
    depth, outside = 0, ""
    for character in shown:
        depth += (character in "([") - (character in ")]")
        outside += character * (depth == 0)
    needed = any(character in outside for character in loose) and (len(parts) > 1 or node.kind == "frac")
    return f"({shown})" if needed else shown


def _script(node: Node, small: dict[str, str], mark: str) -> str:
    shown = "" if node == Node("row") else _flat(node)
    compact = shown.replace(" ", "")
    if all(character in small for character in compact):
        return "".join(small[character] for character in compact)
    return f"{mark}{shown}" if re.fullmatch(r"[\w.]+|\[\w+\]", shown) else f"{mark}({shown})"


def _fenced(inside: Box, opening: str, closing: str) -> Box:
    height = len(inside.lines)
    left, right = ("" if mark == "." else _FENCES.get(mark, mark * 4) for mark in (opening, closing))

    def side(marks: str) -> Box:
        if not marks:
            return Box(("",) * height, inside.axis)
        if height == 1:
            return _line(marks[3])
        return Box((marks[0], *[marks[1]] * (height - 2), marks[2]), inside.axis)

    return beside(side(left), inside, side(right))


def _matrix(node: Node) -> Box:
    rows = [[_flat(cell) for cell in row.parts] for row in node.parts]
    columns = max(map(len, rows))
    rows = [row + [""] * (columns - len(row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    if node.text == "..":
        return Box(tuple(lines), (len(lines) - 1) // 2)
    return _fenced(Box(tuple(f" {line} " for line in lines), (len(lines) - 1) // 2), "(", ")")
