"""Formulas as people write them, on paper or in LaTeX, read into expressions."""

from __future__ import annotations

import re

from scalargrad import ops
from scalargrad.expression import Expression
from scalargrad.op import Text

_TOKEN = re.compile(
    r"\s+|(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<command>\\[A-Za-z]+|\\.)|(?P<word>[^\W\d_]+)|(?P<sign>\*\*|.)",
    re.DOTALL,
)
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_OTHER_NAMES = {"max": "maximum", "min": "minimum", "ln": "log", "σ": "sigmoid", "logistic": "sigmoid"}
_COMMANDS = {
    **{rf"\{space}": " " for space in (*",;:! ", "left", "right", "displaystyle", "limits", "quad", "big", "Big")},
    r"\cdot": "*",
    r"\times": "*",
    r"\dfrac": r"\frac",
    r"\tfrac": r"\frac",
    r"\sigma": "σ",
    r"\pi": "pi",
    r"\{": "(",
    r"\}": ")",
    r"\lbrace": "(",
    r"\rbrace": ")",
    r"\lvert": "|",
    r"\rvert": "|",
    r"\vert": "|",
}
_CLOSING = {"(": ")", "{": "}", "[": "]", "|": "|"}
_UPRIGHT = re.compile(r"\\(?:operatorname\*?|mathrm|text|mathit|textrm)\s*\{\s*([^{}]*?)\s*\}")
_LONGEST_FORMULA, _DEEPEST_FORMULA = 2000, 60


def expression(formula: str, variable: str = "z") -> str:
    r"""Read a formula, in LaTeX or as on paper, and return it as an expression in z.

    >>> expression(r"\operatorname{ReLU}(x) + \sin x", "x"), expression(r"\frac{1}{1 + e^{-z}}")
    ('relu(z) + sin(z)', '1/(1 + exp(-z))')

    `variable` is the letter that stands for z. Raises ValueError for what cannot be read.
    """
    return str(_Formula(formula, variable).whole())


def number(formula: str) -> float:
    r"""Read a number: a decimal, a fraction, a power of ten.

    >>> number("-0.5"), number(r"\frac{3}{4}"), number(r"2 \cdot 10^{-3}")
    (-0.5, 0.75, 0.002)

    Raises ValueError for anything else.
    """
    if _DECIMAL.fullmatch(formula.strip()):
        return float(formula)
    return float(Expression.parse(expression(formula, ""))())


class _Formula:
    """A parser of formulas by recursive descent."""

    def __init__(self, formula: str, variable: str) -> None:
        if len(formula) > _LONGEST_FORMULA:
            raise ValueError(f"a formula of more than {_LONGEST_FORMULA} characters")
        self.formula, self.variable, self.depth = formula.strip(), variable, 0
        self.tokens = [token for token in map(self.plain, _TOKEN.finditer(_UPRIGHT.sub(r" \1 ", formula))) if token]
        self.tokens.reverse()

    @staticmethod
    def plain(match: re.Match[str]) -> str:
        token = match[0].strip()
        return _COMMANDS.get(token, token).strip()

    def error(self) -> ValueError:
        at = f" at {self.tokens[-1]!r}" if self.tokens else ""
        return ValueError(f"cannot read {self.formula[:80]!r}{at}")

    @property
    def next(self) -> str:
        return self.tokens[-1] if self.tokens else ""

    def take(self, *expected: str) -> str:
        if not self.tokens or (expected and self.next not in expected):
            raise self.error()
        return self.tokens.pop()

    def whole(self) -> Text:
        text = self.sum()
        if self.tokens:
            raise self.error()
        return text

    def sum(self) -> Text:
        self.depth += 1
        if self.depth > _DEEPEST_FORMULA:
            raise ValueError("a formula nested too deeply")
        text = self.product()
        while self.next in ("+", "-"):
            op = ops.add if self.take() == "+" else ops.sub
            text = op.print(text, self.product())
        self.depth -= 1
        return text

    def product(self) -> Text:
        text = self.signed()
        while True:
            if self.next in ("*", "/"):
                op = ops.mul if self.take() == "*" else ops.div
                text = op.print(text, self.signed())
            elif self.starts_atom():  # 2x
                text = ops.mul.print(text, self.power())
            else:
                return text

    def signed(self) -> Text:
        if self.next == "-":
            self.take()
            self.depth += 1
            if self.depth > _DEEPEST_FORMULA:
                raise ValueError("a formula nested too deeply")
            text = ops.neg.print(self.signed())
            self.depth -= 1
            return text
        if self.next == "+":
            self.take()
        return self.power()

    def starts_atom(self) -> bool:
        """Say whether a factor may follow without a sign between: not a number, for 1 000 is no product."""
        return self.next[:1].isalpha() or self.next in ("(", "{", "[", r"\frac", r"\sqrt") or self.is_function()

    def is_function(self) -> bool:
        return self.function() is not None

    def function(self) -> str | None:
        name = self.next.removeprefix("\\")
        name = name.lower() if len(name) > 1 else name
        name = _OTHER_NAMES.get(name, name)
        return name if name in ops.TABLE else None

    def power(self) -> Text:
        if self.next == "e" and self.tokens[-2:-1] == ["^"]:
            self.take()
            self.take()
            return ops.exp.print(self.exponent())
        base = self.atom()
        if self.next in ("^", "**"):
            self.take()
            return ops.pow.print(base, self.exponent())
        return base

    def exponent(self) -> Text:
        return self.group() if self.next == "{" else self.signed()

    def group(self) -> Text:
        closing = _CLOSING[self.take("(", "{", "[", "|")]
        text = self.sum()
        self.take(closing)
        return text

    def atom(self) -> Text:
        name = self.function()
        if name is not None:
            return self.call(name)
        if self.next == "|":
            return ops.abs.print(self.group())
        if self.next in ("(", "{", "["):
            return self.group()
        match self.take():
            case r"\frac":
                return ops.div.print(self.argument(), self.argument())
            case r"\sqrt":
                return ops.sqrt.print(self.argument())
            case "pi" | "π":
                return Text("pi")
            case self.variable:
                return Text("z")
            case token:
                if token[0].isdigit() or token[0] == ".":
                    return Text(token)
                self.tokens.append(token)
                raise self.error()

    def argument(self) -> Text:
        """Read a group, or the one digit or letter that LaTeX takes without braces."""
        if self.next == "{":
            return self.group()
        token = self.take()
        if len(token) > 1 and token.isdigit():
            self.tokens.append(token[1:])
            token = token[0]
        self.tokens.append(token)
        return self.atom()

    def call(self, name: str) -> Text:
        self.take()
        op = ops.TABLE[name]
        power = None
        if self.next == "^":
            self.take()
            power = self.exponent()
        if self.next in ("(", "{", "["):
            closing = _CLOSING[self.take()]
            arguments = [self.sum()]
            while self.next == ",":
                self.take()
                arguments.append(self.sum())
            self.take(closing)
        else:  # sin 2x
            arguments = [self.power()]
            while self.starts_atom() and not self.is_function():
                arguments = [ops.mul.print(arguments[0], self.power())]
        if len(arguments) != len(op.partials):
            raise ValueError(
                f"{name} takes {len(op.partials)} argument{'s' * (len(op.partials) > 1)} in {self.formula[:80]!r}"
            )
        text = op.print(*arguments)
        return text if power is None else ops.pow.print(text, power)
