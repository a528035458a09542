r"""The grammar of textbook notation: one for files, the command line, Python and pasted text.

>>> parse("W_1 x + b")
W_1 x + b
>>> parse(r"\frac{1}{1 + e^{-z}}")
1/(1 + exp(-z))
>>> parse("3xy²", known={"x", "y"})
3 x y^2
>>> parse("1/2m")
Traceback (most recent call last):
scalargrad.sheet.tokens.LanguageError: 1/2m may be 1/(2m) or (1/2) m: write which
  1/2m
     ^

From loose to tight: relation, sum, product (signs and juxtaposition), power, what follows a name (indices, primes, transpose).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from scalargrad import ops
from scalargrad.op import Op
from scalargrad.sheet.records import FUNCTIONS, RECORDS
from scalargrad.sheet.terms import (
    BARS,
    CALL,
    CDOT,
    DERIV,
    FILL,
    JUX,
    LIST,
    NORM,
    PRIME,
    PRODUCT_OVER,
    ROWS,
    STAR,
    SUB,
    SUM,
    SUP,
    Term,
)  # fmt: skip
from scalargrad.sheet.tokens import LanguageError, Token, tokens

_FRACTIONS = {"½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5), "⅘": (4, 5),
              "⅙": (1, 6), "⅚": (5, 6), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8)}  # fmt: skip
_PRODUCTS = {
    "*": STAR,
    "·": CDOT,
    "×": CDOT,
    "∘": RECORDS["hadamard"],
    "⊙": RECORDS["hadamard"],
    "@": JUX,
    "⋆": RECORDS["correlate"],
}
_AXES = {0.0: "_columns", 1.0: "_rows", -1.0: "_rows"}
_ACCENT_WORDS = ("hat", "tilde", "bar")
_END = Token("end", "", 0)


def parse(
    text: str, known: Collection[str] = (), functions: Collection[str] = (), *, latex: bool | None = None
) -> Term:
    """Read an expression. Raises LanguageError where it cannot be read, or can be read in two ways.

    known      the letters and words that names of the problem begin with: `wx` is then w times x, and `e` may be a name
    functions  names of functions that the problem defines
    """
    parser = Parser(text, known, functions, latex=latex)
    term = parser.relation()
    parser.finish()
    return term


class Parser:
    """A recursive descent over tokens; each method reads what it is named after."""

    def __init__(
        self,
        text: str,
        known: Collection[str] = (),
        functions: Collection[str] = (),
        *,
        latex: bool | None = None,
        read: Sequence[Token] | None = None,
    ) -> None:
        self.text, self.known, self.functions = text, known, functions
        self.tokens = list(tokens(text, latex=latex) if read is None else read)
        self.i = 0
        self.bars = 0

    @property
    def token(self) -> Token:
        """The next token."""
        return self.tokens[self.i] if self.i < len(self.tokens) else _END._replace(position=len(self.text))

    def ahead(self, n: int = 1) -> Token:
        """Return a later token."""
        return self.tokens[self.i + n] if self.i + n < len(self.tokens) else _END

    def take(self, kind: str, *, needed: str = "") -> Token | None:
        """Read a token of a kind; None where the next one is another, or an error where it is needed."""
        token = self.token
        if token.kind == kind:
            self.i += 1
            return token
        if needed:
            raise self.error(needed)
        return None

    def error(self, message: str, token: Token | None = None) -> LanguageError:
        """Make an error at a token, by default the next one."""
        return LanguageError(message, self.text, (token or self.token).position)

    def finish(self) -> None:
        """Make sure that nothing is left."""
        if self.token.kind != "end":
            raise self.error(f"{self.token.text!r} was not expected here")

    # Relations and sums.

    def relation(self) -> Term:
        """Read a sum, or a comparison of two: a number that is 1 or 0."""
        left = self.sum()
        for sign, swap in ((">", False), ("<", True), ("≥", False), ("≤", True)):
            if self.take(sign):
                right = self.sum()
                a, b = (right, left) if swap else (left, right)
                return Term(ops.greater, a, b) if sign in "<>" else Term(ops.sub, 1.0, Term(ops.greater, b, a))
        return left

    def sum(self) -> Term:
        """Read terms with + and - between them."""
        out = self.signed()
        while self.token.kind in ("+", "-"):
            op = ops.add if self.take("+") else ops.sub
            if op is ops.sub:
                self.take("-")
            out = Term(op, out, self.signed() if self.token.kind in ("+", "-") else self.product())
        return out

    def signed(self) -> Term:
        """Read a product with a sign, or without."""
        if self.take("-"):
            return negative(self.signed())
        if self.take("+") and self.token.kind != "number":
            raise self.error("something is missing before the +")
        return self.product()

    # Products.

    def product(self) -> Term:
        """Read factors with signs between them, or side by side."""
        start = self.token
        out = self.power()
        slash: Term | None = None  # what stands below the last slash, while nothing follows it
        while True:
            token = self.token
            if token.kind in _PRODUCTS:
                self.i += 1
                out, slash = Term(_PRODUCTS[token.kind], out, self.factor()), None
            elif token.kind == "/":
                if slash is not None:
                    raise self.error("a/b/c may be read in two ways: write (a/b)/c or a/(b/c)")
                self.i += 1
                slash, closed = self.factor(), self.tokens[self.i - 1].kind in (")", "}", "end")
                out = Term(ops.div, out, slash)
                if closed:
                    slash = Term("closed")
            elif self.begins():
                if slash is not None and not self.may_follow_fraction(out, slash):
                    raise self.error(f"{self.between(start)} may be {self.readings(start)}: write which", self.token)
                out, slash = Term(JUX, out, self.power()), None
            else:
                return out

    def may_follow_fraction(self, fraction: Term, below: Term) -> bool:
        """Say whether a factor after a/b can only mean (a/b) times it: 1/2 x, 1/(2m) Σ, not 1/2m."""
        token = self.token
        number = fraction.operands[0].is_number
        return below.head == "closed" or (
            number
            and (token.space or (below.is_number and token.kind in ("(", "[", "Σ", "|", "‖")))
            and (below.is_number or token.kind in ("Σ", "(", "["))
        )

    def between(self, start: Token) -> str:
        """Return the text from a token up to the end of the next one."""
        return self.text[start.position : self.token.position + len(self.token.text)]

    def readings(self, start: Token) -> str:
        """Show both ways to read a slash before two factors."""
        above, _, below = self.between(start).partition("/")
        last = self.token.text
        return f"{above}/({below}) or ({above}/{below.removesuffix(last).strip()}) {last}"

    def factor(self) -> Term:
        """Read what follows a sign: a power, with a minus where it has one."""
        return negative(self.factor()) if self.take("-") else self.power()

    def begins(self) -> bool:
        """Say whether a factor begins here, without a sign before it."""
        token = self.token
        if token.kind == "|" or token.kind == "‖":
            return not self.bars
        if token.kind == "number":
            return token.text in _FRACTIONS
        return token.kind in ("name", "(", "[", "command", "begin", "Σ", "Π", "∂", "∇", "√", "{", "fill")

    # Powers, and what follows a name.

    def power(self) -> Term:
        """Read a power."""
        base = self.postfix(self.atom())
        while self.token.kind == "^":
            caret = self.token
            if (turned := self.superscript(base)) is not None:
                base = self.postfix(turned)
                continue
            exponent = self.exponent()
            if base == Term("e"):
                if "e" in self.known:
                    raise self.error("e is a name in this problem: write exp(...) for the exponential function", caret)
                base = self.postfix(Term(ops.exp, exponent))
            elif base.is_name and f"{base.head}^2" in self.known and exponent == Term(2.0):
                base = self.postfix(Term(f"{base.head}^2"))
            else:
                base = self.postfix(Term(ops.pow, base, exponent))
        return base

    def superscript(self, base: Term) -> Term | None:
        """Read a superscript that is no exponent: a transpose, a layer in parentheses, a word; None where it is one."""
        grouped = self.ahead().kind == "{"
        token = self.ahead(2 if grouped else 1)
        end = 4 if grouped else 2
        if token.kind == "⊤" or (
            token.text == "T" and "T" not in self.known and (not grouped or self.ahead(3).kind == "}")
        ):
            self.i += end
            return Term(RECORDS["transpose"], base)
        if token.text in ("new", "old"):
            self.i += end
            return Term(SUP, base, token.text)
        if (token.kind in ("(", "[") and base.head in (SUB, SUP)) or (token.kind in ("(", "[") and base.is_name):
            closing, inside = self.ahead(4 if grouped else 3), self.ahead(3 if grouped else 2)
            if (
                closing.kind in (")", "]")
                and (inside.text.isdigit() or (grouped and inside.kind == "name"))
                and base != Term("e")
            ):
                self.i += 6 if grouped else 4
                return Term(SUP, base, float(inside.text) if inside.text.isdigit() else inside.text)
        return None

    def exponent(self) -> Term:
        """Read what stands after a caret."""
        self.take("^")
        if self.take("{"):
            out = self.sum()
            self.take("}", needed="a closing } is missing after the exponent")
            return out
        if self.take("-"):
            return negative(self._exponent_atom())
        return self._exponent_atom()

    def _exponent_atom(self) -> Term:
        bars, self.bars = self.bars, 1
        out = self.scripts(self.atom())
        self.bars = bars
        if self.token.kind == "^":
            raise self.error("a power of a power: write (a^b)^c or a^(b^c)")
        return out

    def postfix(self, base: Term) -> Term:
        """Read indices, primes and transposes after a factor."""
        while True:
            token = self.token
            if token.kind == "_":
                base = self.scripts(base)
            elif token.kind == "⊤":
                self.i += 1
                base = Term(RECORDS["transpose"], base)
            elif token.kind == "'":
                raise self.error("a prime follows a function's name only: for the transpose write ᵀ or ^T")
            elif token.kind == "[" and not token.space and self.is_quantity(base):
                self.i += 1
                indices = [self.sum()]
                while self.take(",") or (
                    self.token.kind == "]" and self.ahead().kind == "[" and self.take("]") and self.take("[")
                ):
                    indices.append(self.sum())
                self.take("]", needed="a closing ] is missing after the index")
                base = Term(SUB, base, *indices)
            elif (
                token.kind == "("
                and self.is_quantity(base)
                and not token.space
                and self.ahead(1).text.isdigit()
                and self.ahead(2).kind == ")"
            ):
                layer = self.ahead(1).text
                self.i += 3
                base = Term(SUP, base, float(layer))
            else:
                return base

    @staticmethod
    def is_quantity(base: Term) -> bool:
        """Say whether a term is a name, with indices or without."""
        return base.is_name or base.head in (SUB, SUP)

    def scripts(self, base: Term) -> Term:
        """Read subscripts."""
        while self.token.kind == "_":
            self.i += 1
            base = self._subscript(base)
        return base

    def _subscript(self, base: Term) -> Term:
        if self.take("{"):
            indices = []
            while not self.take("}"):
                indices.append(self.index())
                self.take(",")
            if len(indices) > 1 and all(x.is_name and len(x.head) > 1 for x in indices):
                return Term(SUB, base, "_".join(x.head for x in indices))
            return Term(SUB, base, *indices)
        token = self.token
        if token.kind == "number":
            self.i += 1
            return Term(SUB, base, float(token.text))
        if token.kind == "(":
            self.i += 1
            inside = self.sum()
            self.take(")", needed="a closing ) is missing after the subscript")
            return Term(SUB, base, inside)
        word = self.take("name", needed="a subscript is a number, a letter, a word or { ... }")
        letters = word.text  # type: ignore[union-attr]
        if letters in _ACCENT_WORDS and base.is_name:
            return Term(f"{base.head}_{letters}")
        inside = Term(letters)
        if self.token.kind == "_" and not self.token.space and self.ahead().kind == "number":
            self.i += 1
            inside = Term(SUB, inside, float(self.token.text))
            self.i += 1
        return Term(SUB, base, inside)

    def index(self) -> Term:
        """Read an index in braces: letters without splitting them, sums and differences."""
        known, self.known = self.known, ()
        try:
            return self.sum()
        finally:
            self.known = known

    # Atoms.

    def atom(self) -> Term:
        """Read a number, a name, a call, or what is in brackets."""
        token = self.token
        reader = getattr(self, f"atom_{_READERS.get(token.kind, '')}", None)
        if reader is None:
            raise self.error(
                "an expression ends too early" if token.kind == "end" else f"{token.text!r} was not expected here"
            )
        self.i += 1
        return reader(token)

    def atom_number(self, token: Token) -> Term:
        """Make a number."""
        if token.text in _FRACTIONS:
            return Term(ops.div, *map(float, _FRACTIONS[token.text]))
        return Term(float(token.text))

    def atom_fill(self, token: Token) -> Term:
        """Make a bold 0 or 1: a vector of it."""
        return Term(FILL, float(token.text))

    def atom_group(self, _: Token) -> Term:
        """Read what is in TeX's braces."""
        out = self.relation()
        self.take("}", needed="a closing } is missing")
        return out

    def atom_parentheses(self, _: Token) -> Term:
        """Read what is in parentheses: one expression, or a vector."""
        bars, self.bars = self.bars, 0
        items, rows = self.items(")")
        self.bars = bars
        if rows > 1:
            return Term(ROWS, *(Term(LIST, item) for item in items))
        return items[0] if len(items) == 1 else Term(LIST, *items)

    def items(self, closing: str) -> tuple[list[Term], int]:
        """Read expressions up to a closing bracket; commas, or in a list of numbers spaces, stand between them, semicolons end rows."""
        rows: list[list[Term]] = [[]]
        while True:
            rows[-1].append(self.relation())
            if self.take(closing):
                break
            if self.take(";"):
                rows.append([])
            elif not self.take(",") and not (
                closing == "]" and self.token.space and self.token.kind in ("number", "-")
            ):
                raise self.error(f"a closing {closing} is missing")
        if len(rows) == 1:
            return rows[0], 1
        if any(len(row) != 1 for row in rows):
            return [Term(LIST, *row) for row in rows], 2
        return [row[0] for row in rows], len(rows)

    def atom_brackets(self, _: Token) -> Term:
        """Read a list: a vector, a matrix of rows, or with semicolons a stack."""
        bars, self.bars = self.bars, 0
        items, rows = self.items("]")
        self.bars = bars
        if all(item.head is LIST for item in items) or (len(items) == 1 and items[0].head is LIST):
            return Term(ROWS, *items)
        if rows > 1:
            return Term(RECORDS["concat"], *items)
        if len(items) == 1 and not items[0].is_number:  # -[y ln p + ...]
            return items[0]
        return Term(LIST, *items)

    def atom_begin(self, token: Token) -> Term:
        """Read a matrix environment."""
        if token.text not in ("pmatrix", "bmatrix", "matrix", "vmatrix", "Bmatrix", "smallmatrix", "array"):
            raise self.error(f"the environment {token.text} is not known here", token)
        rows: list[list[Term]] = [[]]
        while self.token.kind not in ("end", "\\\\") or rows[-1]:
            rows[-1].append(self.relation())
            if self.take("\\\\"):
                rows.append([])
            elif not self.take("&"):
                break
        self.take("end", needed="an entry of a matrix is missing, or its end")
        return Term(ROWS, *(Term(LIST, *row) for row in rows if row))

    def atom_bars(self, token: Token) -> Term:
        """Read what is between bars: a size, or a length."""
        self.bars, before = 1, self.bars
        inside = self.sum()
        self.take(token.kind, needed="a closing bar is missing")
        self.bars = before
        if token.kind == "‖" and self.token.kind == "_" and self.ahead().text == "2":
            self.i += 2
        return Term(NORM if token.kind == "‖" else BARS, inside)

    def atom_root(self, _: Token) -> Term:
        r"""Read a root, √x or \\sqrt{x}."""
        if self.token.kind == "[":
            raise self.error("only square roots are known: write x^(1/3)")
        return Term(ops.sqrt, self.postfix(self.atom()))

    def atom_command(self, token: Token) -> Term:
        """Read a fraction or a root of LaTeX."""
        if token.text == "sqrt":
            return self.atom_root(token)
        if token.text != "frac":
            raise self.error(f"\\{token.text} is not known here", token)
        place = self.i
        if (derivative := self.derivative_fraction()) is not None:
            return derivative
        self.i = place
        above, below = self.argument(), self.argument()
        return Term(ops.div, above, below)

    def argument(self) -> Term:
        """Read an argument of a LaTeX command."""
        if self.take("{"):
            return self.atom_group(self.token)
        if self.token.kind == "number" and len(self.token.text) == 2 and self.token.text.isdigit():  # \frac12
            token = self.token
            self.tokens[self.i : self.i + 1] = [token._replace(text=digit) for digit in token.text]
        return self.atom()

    def atom_sum(self, token: Token) -> Term:
        """Read a sum or a product over an index."""
        head = SUM if token.kind == "Σ" else PRODUCT_OVER
        indices: list[Term] = []
        low: Term | None = None
        high: Term | None = None
        while self.token.kind in ("_", "^"):
            if self.take("_"):
                if self.take("{"):
                    indices.append(self.index())
                    while self.take(","):
                        indices.append(self.index())
                    if self.take("="):
                        low = self.index()
                        if self.take("…"):
                            high = self.index()
                    self.take("'")
                    self.take("}", needed="a closing } is missing under the sum")
                else:
                    indices.append(Term(self.take("name", needed="a sum is over an index").text))  # type: ignore[union-attr]
            else:
                high = self.exponent()
        body = self.product()
        if len(indices) == 1 and indices[0].is_name and len(indices[0].head) > 1 and low is None:
            indices = [Term(letter) for letter in indices[0].head]
        for index in reversed(indices):
            if not index.is_name:
                raise self.error("a sum is over a letter, as in Σ_i", token)
            body = Term(head, body, index, *((low, high) if low is not None and high is not None else ()))
        if not indices:  # Σ x_i: over the one letter that stands as an index
            letters = {
                x.head
                for part in body.walk()
                if part.head is SUB
                for x in part.operands[1:]
                if x.is_name and len(x.head) == 1
            }
            if len(letters) > 1:
                raise self.error(f"over which index does the sum go: {' or '.join(sorted(letters))}? Write Σ_i", token)
            if not letters and head is SUM:
                return Term(RECORDS["sum"], body)
            body = Term(head, body, letters.pop() if letters else "i")
        return body

    def atom_nabla(self, token: Token) -> Term:
        """Read a gradient, ∇f or ∇f(x): the first derivative of f; ∇²f is the second."""
        order = 1.0
        if self.take("^"):
            order = float(self.take("number", needed="∇² is the only power of ∇").text)  # type: ignore[union-attr]
        by = self._subscript(Term("nabla")).operands[1] if self.take("_") else None
        name = self.scripts(Term(self.take("name", needed="∇ stands before a function's name").text))  # type: ignore[union-attr]
        if by is not None and str(flat(name)) not in self.functions:
            return Term(DERIV, name, by)
        return self.called(Term(PRIME, name, order))

    # Derivatives.

    def atom_partial(self, token: Token) -> Term:
        """Read ∂L/∂W."""
        self.i -= 1
        above = self.differential()
        self.take("/", needed="∂ stands in a derivative, as in ∂L/∂w")
        below = self.differential()
        if above is None or below is None:
            raise self.error("∂ stands in a derivative, as in ∂L/∂w", token)
        return self._derivative(above, below)

    def derivative_fraction(self) -> Term | None:
        """Read the two arguments of a fraction that is a derivative; None where it is none."""
        parts = []
        for _ in range(2):
            if not self.take("{"):
                return None
            parts.append(self.differential())
            if parts[-1] is None or not self.take("}"):
                return None
        return self._derivative(*parts)  # type: ignore[arg-type]

    def _derivative(self, above: tuple[int, Term | None], below: tuple[int, Term | None]) -> Term:
        order, of = above
        if of is None:
            of = self.power()
        by = below[1]
        if by is None:
            raise self.error("a derivative is with respect to a name, as in ∂L/∂w")
        bys = by.operands if by.head is LIST else (by,)
        out = of
        for variable in bys:
            for _ in range(max(1, order) if len(bys) == 1 else 1):
                out = Term(DERIV, out, variable)
        return out

    def differential(self) -> tuple[int, Term | None] | None:
        """Read ∂L or dL: the order and the name; None where no d stands here."""
        token = self.token
        if token.kind == "∂" or (token.kind == "name" and token.text == "d"):
            self.i += 1
        elif token.kind == "name" and token.text.startswith("d") and len(token.text) > 1:
            self.tokens[self.i] = token._replace(text=token.text[1:])
        else:
            return None
        order = 1
        if self.take("^"):
            number = self.take("number") or (self.take("{") and self.take("number"))
            if not number:
                return None
            order = int(number.text)
            self.take("}")
        if self.token.kind not in ("name", "("):
            return order, None
        if self.take("("):
            inside = self.sum()
            self.take(")", needed="a closing ) is missing")
            return order, inside
        name = self.split_word(self.token)
        self.i += 1
        of = self.scripts(Term(name.text))
        if self.token.kind == "^" and self.ahead().kind == "number" and not self.is_squared(of):
            order = int(self.ahead().text)
            self.i += 2
        elif self.token.kind == "^" and self.is_squared(of):
            of = Term(f"{of.head}^2")
            self.i += 2
        elif self.token.kind == "^":
            of = self.scripts(self.superscript(of) or of)
        of = self.postfix(of) if self.token.kind in ("(", "_") and not self.token.space else of
        if self.token.kind == "(" and not self.token.space and of.is_name and of.head in self.functions:
            of = self.called(of)
        more = []
        while self.token.kind == "∂" and not self.token.space:
            following = self.differential()
            if following is None or following[1] is None:
                return None
            more.append(following[1])
        return order, Term(LIST, *reversed([of, *more])) if more else of

    def is_squared(self, name: Term) -> bool:
        """Say whether a name is one of which the square has a name, such as the variance σ²."""
        return name.is_name and f"{name.head}^2" in self.known

    # Names and calls.

    def split_word(self, token: Token) -> Token:
        """Split letters in a row into names of the problem, where they are no name together."""
        word = token.text
        if len(word) == 1 or word in self.known or self.is_function(word) or not self.known or "_" in word:
            return token
        letters = {*self.known, *(["e"] if self.ahead().kind == "^" else [])}
        ways = _segmentations(word, letters)
        if len(ways) > 1:
            shown = " or ".join(" ".join(way) for way in ways[:2])
            raise self.error(f"{word} may be {shown}: write spaces between the factors", token)
        if ways:
            at, pieces = self.i - 1 if self.i and self.tokens[self.i - 1] is token else self.i, []
            for offset, piece in enumerate(ways[0]):
                pieces.append(token._replace(text=piece, space=token.space and offset == 0))
            self.tokens[at : at + 1] = pieces
            return pieces[0]
        return token

    def is_function(self, name: str) -> bool:
        """Say whether a name is a function here: the problem's own names come first."""
        return name in self.functions or (name in FUNCTIONS and name not in self.known)

    def postfix_name(self) -> Term:
        """Read a name with its indices."""
        return self.scripts(Term(self.take("name", needed="a name is needed").text))  # type: ignore[union-attr]

    def atom_name(self, token: Token) -> Term:
        """Read a name, a call, or a derivative such as dL/dw."""
        place = self.i
        if (
            token.text.startswith("d")
            and token.text not in self.known
            and (derivative := self._d_fraction(token)) is not None
        ):
            return derivative
        self.i = place
        over = self.token.kind == "_" and (self.ahead().kind == "{" or len(self.ahead().text) == 1)
        if token.text in ("sum", "prod") and over and token.text not in self.known:
            return self.atom_sum(token._replace(kind="Σ" if token.text == "sum" else "Π"))
        token = self.joined(self.split_word(token))
        name = token.text
        if name in ("pi", "π") and name not in self.known:
            return Term(ops_pi)
        if self.is_function(name):
            return self.called(Term(name))
        base = self.scripts(Term(name))
        if self.token.kind == "'" and f"{flat(base)}'" in self.known:
            self.i += 1
            return Term(f"{flat(base)}'")
        if self.token.kind == "'" and not self.token.space and str(flat(base)) not in self.functions:
            raise self.error(f"{base} is no function: a prime means its derivative; for the transpose write ᵀ or ^T")
        if base.head is SUB and str(flat(base)) in self.functions:
            return self.called(base)
        return base

    def joined(self, token: Token) -> Token:
        """Join the words of a function's name that has underscores, such as leaky_relu."""
        name, at = token.text, 0
        while self.ahead(at).kind == "_" and self.ahead(at + 1).kind in ("name", "number"):
            name, at = f"{name}_{self.ahead(at + 1).text}", at + 2
            if self.is_function(name):
                self.i += at
                return self.joined(token._replace(text=name))
        return token

    def _d_fraction(self, token: Token) -> Term | None:
        saved = list(self.tokens)
        self.i -= 1
        try:
            above = self.differential()
            if above is not None and self.take("/"):
                below = self.differential()
                if below is not None and below[1] is not None:
                    return self._derivative(above, below)
        except LanguageError:
            pass
        self.tokens = saved
        return None

    def called(self, name: Term) -> Term:
        """Read what follows a function's name: primes, a power, and the arguments."""
        power: Term | None = None
        base = ""
        while self.token.kind in ("'", "^", "_"):
            if self.take("'"):
                name = Term(
                    PRIME,
                    *(name.operands[:1] if name.head is PRIME else (name,)),
                    (name.operands[1].head if name.head is PRIME else 0.0) + 1,
                )
            elif self.token.kind == "_":
                self.i += 1
                base = str(flat(self._subscript(Term("log"))))
            else:
                power = self.exponent()
        if base:
            if base not in ("log2", "log10") or name.head != "log":
                raise self.error(f"an index of the function {name} has no meaning here")
            name = Term(base)
        out = self.applied(name)
        return out if power is None else Term(ops.pow, out, power)

    def applied(self, name: Term) -> Term:
        """Read the arguments of a function."""
        keywords: dict[str, Term] = {}
        opening = self.token.kind
        if opening in ("(", "[", "{"):
            self.i += 1
            bars, self.bars = self.bars, 0
            arguments = self.arguments({"(": ")", "[": "]", "{": "}"}[opening], keywords)
            self.bars = bars
        elif name.head is PRIME or name.head in self.functions or not self._begins_argument():
            return name  # the function itself, as in f'
        else:
            arguments = [self.bare_argument(name)]
        return self.call(name, arguments, keywords)

    def _begins_argument(self) -> bool:
        return self.begins() or self.token.kind == "number"

    def bare_argument(self, name: Term) -> Term:
        """Read an argument without parentheses: cos t, ln p_3, sin 2x; whatever could end elsewhere is refused."""
        start = self.token
        out = self.atom_number(self.take("number")) if start.kind == "number" else self.power()  # type: ignore[arg-type]
        if start.kind == "number" and self.begins() and not self.token.space:
            out = Term(JUX, out, self.power())
        if self.begins():
            raise self.error(f"where does the argument of {name} end? Write {name}(...)")
        return out

    def arguments(self, closing: str, keywords: dict[str, Term]) -> list[Term]:
        """Read arguments up to a closing bracket; words before = are keywords."""
        out: list[Term] = []
        while not self.take(closing):
            if self.token.kind == "name" and self.ahead().kind == "=":
                key = self.token.text
                self.i += 2
                keywords[key] = self.relation()
            else:
                out.append(self.relation())
            if self.token.kind != closing:
                if self.take(";") and len(out) == 1 and closing == "]":
                    continue
                self.take(",", needed=f"a closing {closing} is missing")
        return out

    def call(self, name: Term, arguments: list[Term], keywords: dict[str, Term]) -> Term:
        """Make the term of a call."""
        key: Any = name.head
        axis = keywords.pop("axis", keywords.pop("dim", None)) if name.is_name else None
        if axis is not None:
            if axis.head not in _AXES or not self.is_function(f"{key}{_AXES[axis.head]}"):
                raise self.error(f"{key} has no axis {axis}: 0 is down each column, 1 along each row")
            key = f"{key}{_AXES[axis.head]}"
            name = Term(key)
        if name.head in (PRIME, SUB) or key in self.functions:
            pairs = [Term(LIST, word, value) for word, value in keywords.items()]
            return Term(CALL, name, *arguments, *pairs)
        if key in ("max", "min", "maximum", "minimum") and len(arguments) == 2 and not keywords:
            return Term(ops.maximum if key.startswith("max") else ops.minimum, *arguments)
        function = FUNCTIONS[key]
        if keywords:
            raise self.error(f"{key} takes no {next(iter(keywords))}=")
        needed = len(function.partials) if isinstance(function, Op) else len(function.shares)
        if len(arguments) != needed and key not in ("concat", "index", "vector", "place", "item", "put", "part"):
            raise self.error(f"{key} takes {needed} argument{'s' * (needed > 1)}, got {len(arguments)}")
        return Term(function, *arguments)


def _segmentations(word: str, names: Collection[str]) -> list[list[str]]:
    if not word:
        return [[]]
    return [
        [word[:n], *rest]
        for n in range(1, len(word) + 1)
        if word[:n] in names
        for rest in _segmentations(word[n:], names)
    ]


def negative(term: Term) -> Term:
    """Put a minus before a term.

    >>> negative(Term(2.0)), negative(Term("x"))
    (-2, -x)
    """
    return Term(-term.head) if term.is_number and str(term.head)[0] != "-" else Term(ops.neg, term)


def flat(term: Term) -> Term:
    """Return the plain name that a name with fixed indices is: w_11 is w11, W_{xh} is W_xh, a_1^{(1)} is a1(1).

    >>> flat(parse("a_1^{(1)}")), flat(parse("out_h1")), flat(parse("c_{t-1}"))
    (a1(1), out_h1, c_(t-1))
    """
    layers: list[str] = []
    digits: list[str] = []
    while term.head in (SUB, SUP):
        if term.head is SUP:
            inside = flat_index(term.operands[1])
            layers.append(f" {inside}" if inside in ("new", "old") else f"({inside})")
        else:
            indices = [flat_index(x) for x in term.operands[1:]]
            joined = ",".join(indices) if any(len(x) > 1 for x in indices) and len(indices) > 1 else "".join(indices)
            digits.append(joined if joined.isdigit() else f"_{joined}")
        term = term.operands[0]
    if not term.is_name:
        raise LanguageError(f"{term} is no name")
    return Term(term.head + "".join(reversed(digits)) + "".join(reversed(layers)))


def flat_index(term: Term) -> str:
    """Return an index as it stands in a name."""
    if term.is_number:
        return f"{int(term.head)}"
    return str(flat(term)) if term.is_name or term.head in (SUB, SUP) else f"({str(term).replace(' ', '')})"


ops_pi = 3.141592653589793
_READERS = {"number": "number", "name": "name", "(": "parentheses", "[": "brackets", "{": "group", "begin": "begin", "|": "bars", "‖": "bars", "√": "root", "command": "command", "Σ": "sum", "Π": "sum", "∇": "nabla", "∂": "partial", "fill": "fill"}  # fmt: skip
