r"""Tokens of textbook notation: plain text, Unicode and LaTeX become the same ones.

>>> [str(token) for token in tokens(r"\hat y = \sigma(W_1 x)")]
['y_hat', '=', 'sigma', '(', 'W', '_', '1', 'x', ')']
>>> [str(token) for token in tokens("ŷ = σ(W₁x) · ½")]
['y_hat', '=', 'sigma', '(', 'W', '_', '1', 'x', ')', '·', '½']
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple


class LanguageError(ValueError):
    """Notation that is not understood; the message shows the text with a caret, and says what may be written instead."""

    def __init__(self, message: str, text: str = "", position: int = 0) -> None:
        self.reason = message
        if text:
            start = max(position - 40, 0)
            shown = text[start : start + 80].replace("\n", " ")
            message = f"{message}\n  {shown}\n  {' ' * (position - start)}^"
        super().__init__(message)


class Token(NamedTuple):
    """A token: `kind` is "number", "name", "command" or the sign itself.

    space   whether white space stands before it
    script  whether it came as a Unicode sub- or superscript
    """

    kind: str
    text: str
    position: int
    space: bool = False

    def __str__(self) -> str:
        return self.text


GREEK = {
    name: chr(0x3B1 + i)
    for i, name in enumerate(
        [
            "alpha",
            "beta",
            "gamma",
            "delta",
            "epsilon",
            "zeta",
            "eta",
            "theta",
            "iota",
            "kappa",
            "lambda",
            "mu",
            "nu",
            "xi",
            "omicron",
            "pi",
            "rho",
            "final_sigma",
            "sigma",
            "tau",
            "upsilon",
            "phi",
            "chi",
            "psi",
            "omega",
        ]
    )
    if name != "final_sigma"
}
GREEK |= {name.capitalize(): chr(ord(letter) - 32) for name, letter in GREEK.items()}
_LETTERS = {letter: name for name, letter in GREEK.items()} | {
    "ϵ": "epsilon",
    "ϕ": "phi",
    "ℓ": "l",
    "ε": "epsilon",
    "μ": "mu",
}
_LETTERS |= {"µ": "mu", "ℒ": "L", "ϑ": "theta"}  # the micro sign, script L
DECORATIONS = {"\u0302": "hat", "\u0303": "tilde", "\u0304": "bar", "\u0305": "bar", "\u20d7": "", "\u0307": "dot"}
_ACCENTS = {
    "hat": "hat",
    "widehat": "hat",
    "tilde": "tilde",
    "widetilde": "tilde",
    "bar": "bar",
    "overline": "bar",
    "vec": "",
    "dot": "dot",
}
_FONTS = [
    "mathrm",
    "text",
    "mathbf",
    "boldsymbol",
    "bm",
    "mathit",
    "mathsf",
    "mathcal",
    "textbf",
    "textit",
    "operatorname",
    "mathbb",
    "textrm",
    "pmb",
    "operatorname*",
]
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", "0123456789+-=()aehijklmnoprstuvx", strict=True))
_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱʲᵏᵗ", "0123456789+-()nijkt", strict=True))
_FRACTIONS = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
_COMMANDS = {  # LaTeX's commands that are signs
    "cdot": "·", "times": "×", "circ": "∘", "odot": "⊙", "otimes": "⊗", "ast": "*", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥",
    "ne": "≠", "neq": "≠", "sum": "Σ", "prod": "Π", "partial": "∂", "nabla": "∇", "top": "⊤", "intercal": "⊤", "lVert": "‖", "rVert": "‖",
    "|": "‖", "Vert": "‖", "lvert": "|", "rvert": "|", "mid": "|", "vert": "|", "in": "∈", "to": "→", "rightarrow": "→", "gets": "←",
    "leftarrow": "←", "ldots": "…", "dots": "…", "cdots": "…", "vdots": "…", "prime": "'", "{": "{", "}": "}", "lt": "<", "gt": ">",
    "approx": "≈", "ell": "l", "colon": ":", "coloneqq": "=", "star": "⋆", "infty": "∞", "equiv": "=", "triangleq": "=",
}  # fmt: skip
_SPACES = {"quad", "qquad", ",", ";", ":", "!", " ", "thinspace", "displaystyle", "left", "right", "big", "Big", "bigl", "bigr", "Bigl", "Bigr", "bigg", "biggl", "biggr", "textstyle", "limits", "nonumber", "hfill", "nolimits", "tfrac@"}  # fmt: skip
_DISPLAYS = ("aligned", "align", "gather", "gathered", "split", "equation", "displaymath", "eqnarray", "multline")
_SIGNS = {
    "Σ": "Σ", "Π": "Π", "−": "-", "–": "-", "⋅": "·", "∙": "·", "•": "·", "∗": "*", "∑": "Σ", "∏": "Π", "ᵀ": "⊤", "⊺": "⊤", "′": "'", "’": "'", "″": "''",
    "：": ":", "≔": "=", "∥": "‖", "[": "[", "√": "√", "⟨": "(", "⟩": ")", "…": "…", "∘": "∘", "⊙": "⊙", "≡": "=", "‴": "'''",
}  # fmt: skip
_SIGN_CHARACTERS = set("+-*/^_=()[]{},;:|'&<>@!?.·×∘⊙⊗ΣΠ∂∇⊤‖∈→←≤≥≠≈…√ℝ~%⋆∞\"$#`")
_NUMBER = re.compile(r"(\d+\.\d+|\d+\.(?![\w.])|\.\d+|\d+)([eE][+-]?\d+)?(?![\d])")
_WORD = re.compile(r"[A-Za-z]+")


def tokens(text: str, *, latex: bool | None = None) -> list[Token]:
    """Return the tokens of a text. Raises LanguageError at a character of no meaning.

    latex  whether a subscript without braces is one character long, as in TeX; by default where there is a backslash
    """
    return list(_Tokenizer(unicodedata.normalize("NFC", text), latex if latex is not None else "\\" in text).run())


class _Tokenizer:
    def __init__(self, text: str, latex: bool) -> None:
        self.text, self.latex, self.i = text, latex, 0
        self.out: list[Token] = []
        self.space = False
        self.matrices = 0  # of LaTeX, that are open

    def put(self, kind: str, text: str, position: int) -> None:
        self.out.append(Token(kind, text, position, self.space))
        self.space = False

    def run(self) -> list[Token]:
        text = self.text
        while self.i < len(text):
            i, c = self.i, text[self.i]
            plain = unicodedata.normalize("NFD", c)
            number = _NUMBER.match(text, i)
            if c.isspace() or c in "\u200b\u2061~":
                self.space, self.i = True, i + 1
            elif number and not (self.out and self.out[-1].text == "_" and not self.space and self.latex):
                if self.out and self.out[-1].kind == "name" and not self.space and number[0][0] != ".":
                    digits = re.match(r"\d+", text[i:])[0]  # type: ignore[index]
                    self.put("_", "_", i)
                    self.put("number", digits, i)
                    self.i += len(digits)
                else:
                    self.put("number", number[0], i)
                    self.i = number.end()
            elif (c.isdigit() and c.isascii()) or c in _FRACTIONS:  # a subscript of one digit, as TeX reads it
                self.put("number", c, i)
                self.i += 1
            elif c == "\\":
                self.command()
            elif c in _SUBSCRIPTS or c in _SUPERSCRIPTS:
                self.script(_SUBSCRIPTS if c in _SUBSCRIPTS else _SUPERSCRIPTS, "_" if c in _SUBSCRIPTS else "^")
            elif c.isascii() and c.isalpha():
                self.word()
            elif c not in _SIGNS and (
                plain[0] in _LETTERS or (plain[0].isalpha() and plain[0].isascii() and plain[1:])
            ):
                base, self.i = _LETTERS.get(plain[0], plain[0]), i + 1
                self.name(base, plain[1:], i)
            elif c == "&" and not self.matrices:  # where equations are aligned
                self.space, self.i = True, i + 1
            elif c in _SIGNS or c in _SIGN_CHARACTERS:
                sign = _SIGNS.get(c, c)
                self.i += 1
                if sign == "*" and text[self.i : self.i + 1] == "*":
                    sign, self.i = "^", self.i + 1
                elif sign == "|" and text[self.i : self.i + 1] == "|":
                    sign, self.i = "‖", self.i + 1
                elif sign == "." and text[i : i + 3] == "...":
                    sign, self.i = "…", i + 3
                elif sign == "." and text[i : i + 2] == "..":
                    sign, self.i = "…", i + 2
                elif sign == "<" and text[i : i + 2] == "<-":
                    sign, self.i = "←", i + 2
                elif sign == "-" and text[i : i + 2] == "->":
                    sign, self.i = "→", i + 2
                elif sign == ":" and text[i : i + 2] == ":=":
                    sign, self.i = "=", i + 2
                for one in sign if sign in ("''", "'''") else [sign]:
                    self.put(one, one, i)
            elif unicodedata.category(c) == "So" or c.isalpha():
                raise LanguageError(f"the character {c!r} has no meaning here", self.text, i)
            else:
                raise LanguageError(f"the character {c!r} is not part of the notation", self.text, i)
        return self.out

    def word(self) -> None:
        i = self.i
        word = _WORD.match(self.text, i)[0]  # type: ignore[index]
        if self.latex and self.out and self.out[-1].text == "_" and not self.space:
            word = word[0]
        self.i += len(word)
        marks = ""
        while self.i < len(self.text) and self.text[self.i] in DECORATIONS:
            marks, self.i = marks + self.text[self.i], self.i + 1
        if marks and len(word) > 1:  # a combining mark belongs to the last letter
            self.name(word[:-1], "", i)
            self.name(word[-1], marks, i + len(word) - 1)
        else:
            self.name(word, marks, i)

    def name(self, base: str, marks: str, position: int) -> None:
        while self.i < len(self.text) and self.text[self.i] in DECORATIONS:
            marks, self.i = marks + self.text[self.i], self.i + 1
        for mark in marks:
            if mark not in DECORATIONS:
                raise LanguageError(f"the accent on {base!r} has no meaning", self.text, position)
            base += DECORATIONS[mark] and f"_{DECORATIONS[mark]}"
        for word in _GREEK_SPELLED:
            if base == word[0]:
                base = word[1]
        self.put("name", base, position)

    def script(self, table: dict[str, str], mark: str) -> None:
        start = self.i
        while self.i < len(self.text) and self.text[self.i] in table:
            self.i += 1
        inside = "".join(table[c] for c in self.text[start : self.i])
        self.put(mark, mark, start)
        grouped = len(inside) > 1
        if grouped:
            self.put("{", "{", start)
        for token in tokens(inside, latex=False):
            self.put(token.kind, token.text, start)
        if grouped:
            self.put("}", "}", start)

    def command(self) -> None:
        i = self.i
        found = re.compile(r"\\(operatorname\*|[A-Za-z]+|.|\n)", re.DOTALL).match(self.text, i)
        if not found:
            raise LanguageError("a backslash without a command", self.text, i)
        command, self.i = found[1], found.end()
        if command in ("quad", "qquad") and not self.matrices:  # between equations in one line
            self.put(",", ",", i)
        elif command in _SPACES or command == "\n":
            self.space = True
            if command in ("left", "right") and self.text[self.i : self.i + 1] == ".":
                self.i += 1
        elif command == "\\":
            self.put("\\\\" if self.matrices else ",", "\\\\", i)
        elif command in ("begin", "end"):
            kind = re.compile(r"\s*\{(\w+)\*?\}(\{[clr|]*\})?").match(self.text, self.i)
            if not kind:
                raise LanguageError(f"\\{command} needs the name of an environment", self.text, i)
            self.i = kind.end()
            if kind[1] not in _DISPLAYS:
                self.matrices += 1 if command == "begin" else -1
                self.put(command, kind[1], i)
        elif command in _ACCENTS or command in _FONTS:
            self.decorated(command, i)
        elif command in _COMMANDS:
            self.put(_COMMANDS[command], _COMMANDS[command], i)
        elif command in ("frac", "dfrac", "tfrac", "sqrt", "underbrace", "cases"):
            self.put("command", "frac" if command.endswith("frac") else command, i)
        elif command.removeprefix("var").lower() in GREEK or command in GREEK:
            self.name(command.removeprefix("var"), "", i)
        elif command in _FUNCTION_COMMANDS:
            self.put("name", command, i)
        elif command in "%$#&_":
            self.put(command, command, i)
        else:
            raise LanguageError(f"the command \\{command} is not known", self.text, i)

    def decorated(self, command: str, position: int) -> None:
        """Read the argument of an accent or a font: a letter, a command, or a group."""
        inside, begin = self.argument(position)
        inner = tokens(inside, latex=True)
        if command in _ACCENTS:
            if not inner or inner[0].kind != "name":
                raise LanguageError(f"\\{command} needs a letter", self.text, begin)
            mark = _ACCENTS[command]
            self.put("name", inner[0].text + (mark and f"_{mark}"), position)
            inner = inner[1:]
        elif command in ("mathbf", "boldsymbol", "bm", "textbf", "pmb") and inside.strip() in ("0", "1"):
            self.put("fill", inside.strip(), position)
            return
        elif command == "mathbb" and inside.strip() == "R":
            self.put("ℝ", "ℝ", position)
            return
        elif re.fullmatch(r"[A-Za-z][A-Za-z ]*", inside.strip()) and command not in (
            "mathbf",
            "boldsymbol",
            "bm",
            "mathcal",
            "pmb",
        ):
            for word in inside.split():
                self.put("name", word, position)
                self.space = True
            return
        for token in inner:
            self.put(token.kind, token.text, position)

    def argument(self, position: int) -> tuple[str, int]:
        while self.text[self.i : self.i + 1].isspace():
            self.i += 1
        begin = self.i
        if self.text[self.i : self.i + 1] == "{":
            depth = 0
            while self.i < len(self.text):
                depth += {"{": 1, "}": -1}.get(self.text[self.i], 0)
                self.i += 1
                if depth == 0:
                    return self.text[begin + 1 : self.i - 1], begin
        elif found := re.compile(r"\\[A-Za-z]+|\S").match(self.text, self.i):
            self.i = found.end()
            return found[0], begin
        raise LanguageError("an argument is missing, or its brace is not closed", self.text, position)


_GREEK_SPELLED = [("eps", "epsilon"), ("lam", "lambda")]
_FUNCTION_COMMANDS = {
    "sin",
    "cos",
    "tan",
    "arcsin",
    "arccos",
    "arctan",
    "sinh",
    "cosh",
    "tanh",
    "exp",
    "ln",
    "log",
    "max",
    "min",
    "det",
    "softmax",
    "sigmoid",
    "relu",
    "ReLU",
    "argmax",
    "lg",
}
