r"""Terms laid out as textbooks print them: rows, fractions, scripts, matrices; styles.py sets these in letters.

>>> from scalargrad.sheet.grammar import parse
>>> from scalargrad.sheet.styles import latex, text
>>> term = parse("exp(x)^2/(1 + √(x)^2)")
>>> text(term), latex(term)
('(e^x)²/(1 + (√(x))²)', '\\frac{(e^{x})^{2}}{1 + (\\sqrt{x})^{2}}')

Parentheses, signs of products and scripts are decided here, once for all styles; only a fraction in a line of text needs
more parentheses than one with a bar (`linear`). What is printed as a line of text reads again as the same term.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from scalargrad import ops
from scalargrad.op import ATOM, POWER, PRODUCT, SUM, Op
from scalargrad.sheet import terms
from scalargrad.sheet.grammar import flat
from scalargrad.sheet.records import RECORDS, Record
from scalargrad.sheet.terms import Term
from scalargrad.sheet.tokens import GREEK

LOOSE = 0  # how tightly a comparison binds


@dataclass(frozen=True)
class Node:
    """A piece of print: `kind` says how `text` and `parts` are laid out.

    number, name (a letter, slanted), word (upright), sign, infix, prefix, space  a leaf
    row, fraction, root, accent (text: the mark), fence (text: both sides), matrix (of rows), bold
    script (of base, below, above; empty rows for none), over (a large sign of below, above)
    """

    kind: str
    text: str = ""
    parts: tuple[Node, ...] = ()


EMPTY = Node("row")
PLAIN = terms.Head("plain")  # of a derivative, which is then not written by its alias, or of words
SPACE = Node("space", " ")


def row(*nodes: Node) -> Node:
    """Put nodes side by side, in one flat row."""
    flat = tuple(part for node in nodes for part in (node.parts if node.kind == "row" else (node,)))
    return flat[0] if len(flat) == 1 else Node("row", "", flat)


def fence(inside: Node, sides: str = "()") -> Node:
    """Put sides around a node."""
    return Node("fence", sides, (inside,))


def separated(nodes: Collection[Node], sign: str = ", ") -> Node:
    """Put a sign between nodes."""
    return row(*(part for i, node in enumerate(nodes) for part in ((Node("sign", sign), node) if i else (node,))))


def matrix(rows: Collection[Collection[Node]], sides: str = "()") -> Node:
    """Lay rows of nodes out as a matrix."""
    return Node("matrix", sides, tuple(Node("row", "", tuple(cells)) for cells in rows))


def infix(sign: str) -> Node:
    """Make a sign that stands between two operands."""
    return Node("infix", sign)


def in_full(x: float) -> str:
    """Print a number with all of its digits.

    >>> in_full(2.0), in_full(0.1)
    ('2', '0.1')
    """
    return repr(x).removesuffix(".0")


@dataclass(frozen=True)
class Style:
    """How terms are laid out.

    numbers   a float to how it is printed, such as "0.25" or "3e-05"
    aliases   names of derivatives, such as δ₁ for ∂L/∂z₁
    taken     names of the problem: where e is one, exp(x) is not written e^x
    several   functions of several arguments, whose derivative is the gradient ∇f
    linear    whether fractions stand in the line
    """

    numbers: Callable[[float], str] = in_full
    aliases: Mapping[Term, Term] = field(default_factory=dict)
    taken: Collection[str] = ()
    several: Collection[str] = ()
    linear: bool = False

    def __call__(self, term: Term) -> Node:
        """Lay a term out."""
        return _Layout(self).node(term)


_INFIX = {ops.add: ("+", SUM), ops.sub: ("−", SUM)}
_PRODUCTS = {
    ops.mul: "", terms.JUX: "", RECORDS["product"]: "", terms.CDOT: "·", terms.STAR: "∗", RECORDS["dot"]: "·", RECORDS["hadamard"]: "∘", RECORDS["correlate"]: "⋆",
}  # fmt: skip
_RELATIONS = {ops.greater: ">", ops.equal: "="}
_FUNCTIONS = {ops.relu: "ReLU", ops.log: "ln", ops.maximum: "max", ops.minimum: "min"}
# What textbooks write with other operations; the records have these for the sake of digits.
_REWRITTEN: dict[Any, Callable[..., Any]] = {
    ops.expm1: lambda x: ops.exp(x) - 1,
    ops.log1p: lambda x: ops.log(1 + x),
    ops.xlogy: lambda x, y: x * ops.log(y),
    ops.xlog1py: lambda x, y: x * ops.log(1 + y),
    ops.logaddexp: lambda x, y: ops.log(ops.exp(x) + ops.exp(y)),
    ops.hypot: lambda x, y: ops.sqrt(x**2 + y**2),
    RECORDS["spread"]: lambda g, _: Term(terms.FILL, g) if g.is_number else g,
    RECORDS["shaped"]: lambda g, _: g,
}
Laid = tuple[Node, int]


class _Layout:
    def __init__(self, style: Style) -> None:
        self.style, self.linear = style, style.linear

    def node(self, term: Term) -> Node:
        return self(term)[0]

    def at(self, term: Term, minimum: int) -> Node:
        """Lay an operand out, in parentheses where it binds too loosely."""
        node, precedence = self(term)
        return fence(node) if precedence < minimum else node

    def __call__(self, term: Term) -> Laid:
        if term in self.style.aliases:
            term = self.style.aliases[term]
        head, operands = term.head, term.operands
        if isinstance(head, str):
            return named(head), ATOM
        if isinstance(head, float):
            return number(self.style.numbers(head))
        if head in _REWRITTEN:
            return self(_REWRITTEN[head](*operands))
        if head in _INFIX:
            sign, precedence = _INFIX[head]
            return row(self.at(operands[0], precedence), infix(sign), self.at(operands[1], precedence + 1)), precedence
        if head in _PRODUCTS:
            return self.product(head, *operands)
        if head in _RELATIONS:
            sides = [self.at(x, SUM) for x in operands]
            return fence(row(sides[0], infix(_RELATIONS[head]), sides[1]), "[]"), ATOM
        reader = getattr(self, f"of_{head.name.replace(' ', '_')}", None)
        return reader(*operands) if reader else self.function(head, *operands)

    def function(self, head: Op | Record | terms.Head, *operands: Term) -> Laid:
        name = head.name.removeprefix("is_")
        if head in _FUNCTIONS:
            name = _FUNCTIONS[head]
        base, _, axis = (
            name.rpartition("_") if name.endswith(("_rows", "_columns")) and not self.linear else (name, "", "")
        )
        word = Node("script", "", (Node("word", base), Node("word", axis), EMPTY)) if axis else Node("word", name)
        return row(word, fence(separated([self.node(x) for x in operands]))), ATOM

    # Products and quotients.

    def product(self, head: Any, a: Term, b: Term) -> Laid:
        sign = _PRODUCTS[head]
        mixed = a.head in _PRODUCTS and _PRODUCTS[a.head] == "∘" != sign  # (a ∘ b) c
        left = (
            fence(self.node(a))
            if mixed
            else self.factor(a, POWER if a.is_number and a.head > 0 else PRODUCT, first=True)
        )
        loose = b.head in (terms.SUM, terms.PRODUCT_OVER)
        same = (
            b.head in _PRODUCTS
            and _PRODUCTS[b.head] == sign
            and not (self.linear and head in (terms.JUX, terms.CDOT, terms.STAR))
        )
        right = self.node(b) if loose else self.factor(b, PRODUCT if same else POWER)
        if sign == "∗" and not self.linear:
            sign = "·"
        if not sign and (
            (head is not RECORDS["product"] and not a.names and not b.names)
            or _first(right).kind == "number"
            or (_last(left).kind in ("number", "fence", "matrix") and _is_negative(right))
        ):
            sign = "·"
        return row(left, infix(sign) if sign else SPACE, right), SUM if loose else PRODUCT

    def factor(self, term: Term, minimum: int, *, first: bool = False) -> Node:
        """Lay a factor out: in a line, a fraction gets parentheses, but for a number in front."""
        shown = self.style.aliases.get(term, term)
        fraction = shown.head in (ops.div, terms.DERIV) and self.linear
        plain = first and shown.head is ops.div and all(x.is_number for x in shown.operands)
        if (fraction and not plain) or (first and shown.head in (terms.SUM, terms.PRODUCT_OVER)):
            return fence(self.node(shown))
        return self.at(shown, POWER if shown.is_number and not first else minimum)

    def of_div(self, a: Term, b: Term) -> Laid:
        if self.linear:
            return row(self.at(a, POWER), Node("sign", "/"), self.at(b, POWER)), PRODUCT
        return Node("fraction", "", (self.node(a), self.node(b))), POWER

    def of_neg(self, a: Term) -> Laid:
        return row(Node("prefix", "−"), self.at(a, PRODUCT)), SUM

    # Powers, roots, bars.

    def of_pow(self, base: Term, exponent: Term) -> Laid:
        return self.raised(self.at(base, ATOM), self.node(exponent)), POWER

    @staticmethod
    def raised(base: Node, above: Node) -> Node:
        """Put a node above: beside an index, and in parentheses where something is above already."""
        if base.kind == "script" and base.parts[2] == EMPTY:
            return Node("script", "", (*base.parts[:2], above))
        return Node("script", "", (fence(base) if base.kind == "script" else base, EMPTY, above))

    def of_exp(self, x: Term) -> Laid:
        if "e" in self.style.taken:
            return self.function(ops.exp, x)
        return Node("script", "", (Node("name", "e"), EMPTY, self.node(x))), POWER

    def of_sqrt(self, x: Term) -> Laid:
        return Node("root", "", (self.node(x),)), POWER

    def of_transpose(self, x: Term) -> Laid:
        return self.raised(self.at(x, ATOM), Node("sign", "⊤")), ATOM

    def of_sigmoid(self, *x: Term) -> Laid:
        word = Node("word", "sigmoid") if "sigma" in self.style.taken else Node("name", "σ")
        return row(word, fence(self.node(x[0]))), ATOM

    def of_log2(self, x: Term) -> Laid:
        return self.logarithm("2", x)

    def of_log10(self, x: Term) -> Laid:
        return self.logarithm("10", x)

    def logarithm(self, base: str, x: Term) -> Laid:
        word = (
            Node("word", f"log{base}")
            if self.linear
            else Node("script", "", (Node("word", "log"), Node("number", base), EMPTY))
        )
        return row(word, fence(self.node(x))), ATOM

    def of_abs(self, x: Term) -> Laid:
        return self.of_bars(x)

    def of_bars(self, x: Term, sides: str = "||") -> Laid:
        barred = self.linear and any(part.head in (terms.BARS, terms.NORM, ops.abs) for part in x.walk())
        return fence(fence(self.node(x)) if barred else self.node(x), sides), ATOM

    def of_norm(self, x: Term) -> Laid:
        return self.of_bars(x, "‖‖")

    def of_where(self, condition: Term, a: Term, b: Term) -> Laid:
        if self.linear:
            return self.function(ops.where, condition, a, b)
        inside = self.node(condition)
        inside = inside.parts[0] if inside.kind == "fence" else inside
        rows = [(self.node(a), row(Node("word", "if "), inside)), (self.node(b), Node("word", "else"))]
        return matrix(rows, "{."), ATOM

    # Names with indices.

    def of_sub(self, base: Term, *indices: Term) -> Laid:
        if base.is_name and len(indices) == 1 and indices[0].head is terms.SUB:  # a word with a number, as in net_h1
            return named(str(flat(Term(terms.SUB, base, *indices)))), ATOM
        return self.indexed(base, [_index(x.head) if x.is_name else self.node(x) for x in indices], raw=True), ATOM

    def of_sup(self, base: Term, item: Term) -> Laid:
        above = Node("word", item.head) if item.head in ("new", "old") else fence(self.node(item))
        return self.raised(self.at(base, ATOM), above), ATOM

    def of_index(self, base: Term, *indices: Term) -> Laid:
        if base.head in (RECORDS["index"], RECORDS["item"]):  # an entry of a row of a matrix
            return self.of_index(base.operands[0], *base.operands[1:], *indices)
        return self.indexed(base, [self.node(x) for x in indices]), ATOM

    of_item = of_index

    def indexed(self, base: Term, indices: list[Node], *, raw: bool = False) -> Node:
        """Put indices below a name; one that has an index of its own gets brackets around it, W₁[2,3], or parentheses."""
        node = self.at(base, ATOM)
        below = row(*indices) if all(x.kind == "number" and len(x.text) == 1 for x in indices) or (
            all(len(x.text) == 1 for x in indices) and not self.linear
        ) else separated(indices, ",")  # fmt: skip
        if node.kind != "script":
            return Node("script", "", (node, below, EMPTY))
        if node.parts[1] == EMPTY:
            return Node("script", "", (node.parts[0], below, node.parts[2]))
        if self.linear:
            return row(node, fence(separated(indices, ","), "[]"))
        if raw or (len(indices) == 1 and node.parts[2] == EMPTY):
            return Node("script", "", (node.parts[0], separated([node.parts[1], *indices], ","), node.parts[2]))
        return Node("script", "", (fence(node), below, EMPTY))

    def of_place(self, g: Term, _: Term, *indices: Term) -> Laid:
        letter = "e" if len(indices) == 1 else "E"
        if g == Term(1.0):
            return self.indexed(Term(letter), [self.node(x) for x in indices]), ATOM
        return row(
            self.factor(g, PRODUCT, first=True), SPACE, self.indexed(Term(letter), [self.node(x) for x in indices])
        ), PRODUCT

    of_put = of_place

    # Functions, derivatives, sums.

    def of_call(self, function: Term, *arguments: Term) -> Laid:
        shown = [
            row(self.node(x.operands[0]), Node("sign", "="), self.node(x.operands[1])) if x.head is terms.LIST and len(x.operands) == 2 and x.operands[0].is_name else self.node(x)
            for x in arguments
        ]  # fmt: skip
        return row(self.node(function), fence(separated(shown))), ATOM

    def of_prime(self, name: Term, order: Term) -> Laid:
        times = int(order.head)
        if name.head in self.style.several:
            nabla = Node("sign", "∇")
            return row(
                nabla if times == 1 else Node("script", "", (nabla, EMPTY, Node("number", f"{times}"))), self.node(name)
            ), ATOM
        return row(self.node(name), Node("sign", "′" * times)), ATOM

    def of_derivative(self, of: Term, by: Term) -> Laid:
        bys = [by]
        while of.head is terms.DERIV:
            of, by = of.operands
            bys.append(by)
        partial, order = Node("sign", "∂"), EMPTY
        if len(bys) > 1:
            order = Node("number", f"{len(bys)}")
            partial = Node("script", "", (partial, EMPTY, order))
        below = [self.at(x, ATOM) for x in bys]
        bottom = row(*(x for node in below for x in (Node("sign", "∂"), node)))
        if len(bys) > 1 and len(set(bys)) == 1:
            bottom = row(Node("sign", "∂"), self.raised(below[0], order))
        above = row(partial, self.at(of, ATOM))
        if self.linear:
            return row(above, Node("sign", "/"), bottom), PRODUCT
        return Node("fraction", "", (above, bottom)), POWER

    def of_plain(self, term: Term) -> Laid:
        return self.of_derivative(*term.operands) if term.operands else (Node("word", str(term.head)), ATOM)

    def of_sum_over(self, *operands: Term) -> Laid:
        return self.over("Σ", *operands)

    def of_product_over(self, *operands: Term) -> Laid:
        return self.over("Π", *operands)

    def over(self, sign: str, body: Term, index: Term, *limits: Term) -> Laid:
        low, high = map(self.node, limits) if limits else (EMPTY, EMPTY)
        below = row(self.node(index), Node("sign", "="), low) if limits else self.node(index)
        return row(Node("over", sign, (below, high)), SPACE, self.at(body, PRODUCT)), PRODUCT

    # Vectors and matrices.

    def of_list(self, *items: Term) -> Laid:
        return fence(separated([self.node(x) for x in items]), "[]" if len(items) == 1 else "()"), ATOM

    def of_rows(self, *rows: Term) -> Laid:
        return matrix([[self.node(x) for x in each.operands] for each in rows]), ATOM

    def of_vector(self, *items: Term) -> Laid:
        if all(x.head is RECORDS["vector"] for x in items):
            return self.of_rows(*items)
        return self.of_list(*items)

    def of_concat(self, *items: Term) -> Laid:
        return fence(separated([self.node(x) for x in items], "; "), "[]"), ATOM

    def of_fill(self, x: Term) -> Laid:
        return Node("bold", "", (self.node(x),)), ATOM


def number(shown: str) -> Laid:
    """Lay a printed number out; one with an exponent is a product with a power of ten."""
    sign = [Node("prefix", "−")] if shown.startswith("-") else []
    mantissa, e, exponent = shown.removeprefix("-").partition("e")
    if not e:
        digits = {"inf": Node("sign", "∞"), "nan": Node("word", "nan")}.get(mantissa, Node("number", mantissa))
        return row(*sign, digits), SUM if sign else ATOM
    above = row(*([Node("prefix", "−")] if int(exponent) < 0 else []), Node("number", f"{abs(int(exponent))}"))
    power = Node("script", "", (Node("number", "10"), EMPTY, above))
    return row(
        *sign, *([] if mantissa == "1" else [Node("number", mantissa), infix("·")]), power
    ), SUM if sign else PRODUCT


_ACCENTS = {"hat": "^", "tilde": "~", "bar": "¯", "dot": "˙"}
_MARKS = ("new", "old")


def named(name: str) -> Node:
    """Lay a plain name out: y_hat, W_xh, a1(2), c_(t-1), theta, target_o1."""
    for mark in _MARKS:
        if name.endswith(f" {mark}"):
            return _Layout.raised(named(name[: -len(mark) - 1]), Node("word", mark))
    if " " in name:
        return Node("word", name)
    if name.endswith(")") and "(" in name and name[name.rindex("(") - 1] not in "_(":
        base, _, layer = name[:-1].rpartition("(")
        return _Layout.raised(named(base), fence(_index(layer)))
    if name.endswith("^2"):
        return _Layout.raised(named(name[:-2]), Node("number", "2"))
    base, _, rest = name.partition("_")
    accent = next((a for a in _ACCENTS if rest == a or (rest.startswith(a) and not rest[len(a)].isalpha())), "")
    rest = rest[len(accent) :].removeprefix("_")
    stem = base.rstrip("0123456789") or base
    below = ",".join(x for x in (base[len(stem) :], rest) if x)
    letter = _letters(stem)
    node = Node("accent", _ACCENTS[accent], (letter,)) if accent else letter
    return Node("script", "", (node, _index(below), EMPTY)) if below else node


def _letters(word: str) -> Node:
    word = GREEK.get(word, word)
    return Node("name" if len(word) == 1 else "word", word or "")


def _index(inside: str) -> Node:
    """Lay out what stands below or above: digits, letters, a word, t-1."""
    inside = inside.strip("()") if inside.startswith("(") else inside
    nodes: list[Node] = []
    for i, c in enumerate(inside):
        if c in "+-" and nodes:
            nodes.append(infix("−" if c == "-" else "+"))
        elif c.isalpha() and nodes and nodes[-1].kind == "word" and inside[i - 1].isalpha():
            nodes[-1] = Node("word", nodes[-1].text + c)
        elif c.isdigit() and nodes and nodes[-1].kind == "number":
            nodes[-1] = Node("number", nodes[-1].text + c)
        else:
            nodes.append(Node("number" if c.isdigit() else "word" if c.isalpha() else "sign", c))
    return row(*(_short(x) if x.kind == "word" else x for x in nodes))


def _short(word: Node) -> Node:
    """A word of a letter or two is letters."""
    if word.text in GREEK:
        return Node("name", GREEK[word.text])
    return Node("word", word.text) if len(word.text) > 2 else row(*(Node("name", c) for c in word.text))


def _first(node: Node) -> Node:
    """The leaf that a node begins with."""
    if node.kind in ("row", "script", "bold") and node.parts:
        return _first(node.parts[0])
    return node


def _is_negative(node: Node) -> bool:
    return node.kind == "fence" and _first(node.parts[0]).kind == "prefix"


def _last(node: Node) -> Node:
    return _last(node.parts[-1]) if node.kind == "row" and node.parts else node
