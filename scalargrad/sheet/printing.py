r"""Terms in print: one walk over the tree, one table of templates for each style.

>>> from scalargrad.sheet.grammar import parse
>>> term = parse("½(ŷ - y)² + σ(W_1 x)")
>>> printed(term)
'1/2 (y_hat - y)^2 + sigmoid(W_1 x)'
>>> printed(term, "latex")
'\\frac{1}{2} \\left(\\hat{y} - y\\right)^{2} + \\sigma\\left(W_{1} x\\right)'

What is printed as text reads again as the same term. A template's fields state how tightly an operand must bind.
"""

from __future__ import annotations

from collections.abc import Callable
from string import Formatter
from typing import Any

from scalargrad import ops
from scalargrad.latex import name_in_latex, printed_number
from scalargrad.op import ATOM, POWER, PRODUCT, SUM, Op, Text
from scalargrad.order import ordered
from scalargrad.sheet import terms
from scalargrad.sheet.records import RECORDS, Record
from scalargrad.sheet.terms import Term

_OVER = (terms.SUM, terms.PRODUCT_OVER)
LOOSE = 0  # how tightly a comparison binds

# For each head: text, LaTeX, how tightly it binds.
_TEMPLATES: dict[Any, tuple[str, str, int]] = {
    ops.add: ("{:1} + {:2}", "{:1} + {:2}", SUM),
    ops.sub: ("{:1} - {:2}", "{:1} - {:2}", SUM),
    ops.neg: ("-{:2}", "-{:2}", SUM),
    ops.mul: ("{:2} {:3}", r"{:2} \, {:3}", PRODUCT),
    terms.JUX: ("{:2} {:3}", "{:2} {:3}", PRODUCT),
    terms.CDOT: ("{:2} · {:3}", r"{:2} \cdot {:3}", PRODUCT),
    terms.STAR: ("{:2}*{:3}", "{:2} * {:3}", PRODUCT),
    RECORDS["product"]: ("{:2} {:3}", r"{:2} \, {:3}", PRODUCT),
    RECORDS["dot"]: ("{:2} · {:3}", r"{:2} \cdot {:3}", PRODUCT),
    RECORDS["hadamard"]: ("{:2} ∘ {:3}", r"{:2} \circ {:3}", PRODUCT),
    RECORDS["correlate"]: ("{:2} ⋆ {:3}", r"{:2} \star {:3}", PRODUCT),
    ops.div: ("{:3}/{:3}", r"\frac{{{}}}{{{}}}", PRODUCT),
    ops.sqrt: ("√({})", r"\sqrt{{{}}}", ATOM),
    ops.exp: ("exp({})", "e^{{{}}}", POWER),
    ops.log: ("ln({})", r"\ln\left({}\right)", ATOM),
    ops.abs: ("abs({})", r"\left|{}\right|", ATOM),
    ops.maximum: ("max({}, {})", r"\max\left({}, {}\right)", ATOM),
    ops.minimum: ("min({}, {})", r"\min\left({}, {}\right)", ATOM),
    ops.greater: ("{:1} > {:1}", "[{:1} > {:1}]", LOOSE),
    RECORDS["transpose"]: ("{:4}ᵀ", r"{:4}^{{\top}}", ATOM),
    RECORDS["norm"]: ("norm({})", r"\left\lVert {} \right\rVert", ATOM),
    terms.NORM: ("‖{:1}‖", r"\left\lVert {} \right\rVert", ATOM),
    terms.FILL: (r"\mathbf{{{}}}", r"\mathbf{{{}}}", ATOM),
}  # fmt: skip


def printed(term: Term, style: str = "text", leaf: Callable[[Term], Text | None] | None = None) -> Text:
    """Print a term in a style, "text" or "latex"; `leaf` prints names and numbers otherwise where it gives something."""
    done: dict[Term, Text] = {}
    for part in ordered([term]):
        own = leaf(part) if leaf else None
        done[part] = own if own is not None else _Printer(style, done)(part)
    return done[term]


terms.show = lambda term: str(printed(term))


class _Printer:
    def __init__(self, style: str, done: dict[Term, Text]) -> None:
        self.latex, self.done = style == "latex", done
        self.open, self.close = (r"\left(", r"\right)") if self.latex else ("(", ")")

    def at(self, term: Term, minimum: int) -> str:
        """Print an operand, in parentheses where it binds too loosely."""
        text = self.done[term]
        return f"{self.open}{text!s}{self.close}" if text.precedence < minimum else str(text)

    def __call__(self, term: Term) -> Text:
        head, operands = term.head, term.operands
        if isinstance(head, str):
            return Text(latex_name(head) if self.latex else head)
        if isinstance(head, float):
            return printed_number(head, "latex" if self.latex else "text")
        special = (
            getattr(self, head.name.replace(" ", "_"), None)
            if isinstance(head, terms.Head)
            else self.power
            if head is ops.pow
            else None
        )
        if special:
            out = special(*operands)
            return out if isinstance(out, Text) else Text(out)
        if head in _TEMPLATES:
            text, latex, precedence = _TEMPLATES[head]
            return self.filled(latex if self.latex else text, precedence, term)
        if isinstance(head, Op):
            if self.latex:
                return head.print(*(Text(self.done[x], self.done[x].precedence) for x in operands), style="latex")
            return Text(f"{head.name}({', '.join(self.done[x] for x in operands)})")
        if isinstance(head, Record) and head.name in ("index", "item"):
            return Text(self.sub(*operands))
        if head is RECORDS["vector"]:
            return Text(self.entries(operands))
        if head in (RECORDS["shaped"], RECORDS["row"], RECORDS["column"]):
            return self.done[operands[0]]
        if isinstance(head, Record) and self.latex and head.latex:
            return Text(head.latex.format(*(self.done[x] for x in operands)))
        name = rf"\operatorname{{{head.name}}}".replace("_", r"\_") if self.latex else head.name
        return Text(f"{name}{self.open}{', '.join(self.done[x] for x in operands)}{self.close}")

    def filled(self, template: str, precedence: int, term: Term) -> Text:
        """Fill a template. In a product a fraction gets parentheses in text, and a sum over an index unless it comes last."""
        product = precedence == PRODUCT and term.head is not ops.div
        parts, last, operands = [], len(term.operands) - 1, enumerate(term.operands)
        for before, _, minimum, _ in Formatter().parse(template):
            parts.append(before)
            if minimum is None:  # no field comes after this piece
                continue
            i, operand = next(operands)
            over = operand.head in _OVER and product
            numbers = all(x.is_number for x in operand.operands) and i == 0
            fraction = operand.head is ops.div and product and not self.latex and not numbers
            inside = fraction and not (i == 0 and term.head is not terms.JUX)
            parts.append(
                self.at(operand, ATOM + 1 if inside or (over and i < last) else 0 if over else int(minimum or 0))
            )
        open_ended = product and term.operands[-1].head in _OVER
        return Text("".join(parts), min(precedence, SUM) if open_ended else precedence)

    def power(self, base: Term, exponent: Term) -> Text:
        if self.latex:
            return Text(f"{self.at(base, ATOM)}^{{{self.done[exponent]}}}", POWER)
        simple = (exponent.is_number and exponent.head >= 0) or exponent.is_name
        raised = str(self.done[exponent])
        return Text(f"{self.at(base, ATOM)}^{raised if simple else '{' + raised + '}'}", POWER)

    def indices(self, items: tuple[Term, ...]) -> str:
        return ", ".join(str(self.done[x]).replace(r"\left(", "(").replace(r"\right)", ")") for x in items)

    def sub(self, base: Term, *items: Term) -> str:
        inside = self.indices(items)
        if self.latex:
            if len(items) == 1 and items[0].is_name and len(items[0].head) == 2:
                inside = items[0].head
            return f"{self.scripted(base)}_{{{inside}}}"
        short = len(items) == 1 and (
            items[0].is_name
            or items[0].is_number
            or (items[0].head is terms.SUB and len(items[0].operands) == 2 and items[0].operands[1].is_number)
        )
        inside = inside.replace("_", "") if short else inside
        return f"{self.at(base, ATOM)}_{inside if short else '{' + inside + '}'}"

    def sup(self, base: Term, item: Term) -> str:
        if item.head in ("new", "old"):
            return (
                f"{self.scripted(base)}^{{\\mathrm{{{item.head}}}}}"
                if self.latex
                else f"{self.at(base, ATOM)}^{item.head}"
            )
        return f"{self.scripted(base) if self.latex else self.at(base, ATOM)}^{{({self.done[item]})}}"

    def scripted(self, base: Term) -> str:
        """Print what gets a script: TeX refuses a second subscript."""
        text = self.at(base, ATOM)
        return f"{{{text}}}" if base.head is terms.SUB or ("_" in text and base.is_name) else text

    def call(self, function: Term, *arguments: Term) -> str:
        shown = ", ".join(
            f"{x.operands[0]}={self.done[x.operands[1]]}" if _is_keyword(x) else str(self.done[x]) for x in arguments
        )
        return f"{self.done[function]}{self.open}{shown}{self.close}"

    def prime(self, name: Term, order: Term) -> str:
        return f"{self.done[name]}{chr(39) * int(order.head)}"

    def derivative(self, of: Term, by: Term) -> Text:
        bys = [by]
        while of.head is terms.DERIV:
            of, by = of.operands
            bys.append(by)
        above, below, order = self.at(of, ATOM), [self.at(x, ATOM) for x in bys], len(bys)
        raised = "" if order == 1 else f"^{{{order}}}" if self.latex else f"^{order}"
        sign = r"\partial " if self.latex else "∂"
        bottom = sign + below[0] + raised if len(set(below)) == 1 else "".join(sign + x for x in below)
        if self.latex:
            return Text(rf"\frac{{\partial{raised} {above}}}{{{bottom}}}", POWER)
        return Text(f"∂{raised}{above}/{bottom}", PRODUCT)

    def entries(self, operands: tuple[Term, ...]) -> str:
        rows = [x.operands if x.head is RECORDS["vector"] else (x,) for x in operands]
        if self.latex:
            body = r" \\ ".join(" & ".join(self.done[x] for x in row) for row in rows)
            return rf"\begin{{pmatrix}} {body} \end{{pmatrix}}"
        return f"[{', '.join(self.done[x] for x in operands)}]"

    def bars(self, inside: Term) -> str:
        text = str(self.done[inside])
        if self.latex:
            return rf"\left|{text}\right|"
        return f"|({text})|" if "|" in (text[0], text[-1]) else f"|{text}|"

    def list(self, *items: Term) -> str:
        inside = ", ".join(self.done[x] for x in items)
        return f"{self.open}{inside}{self.close}" if self.latex else f"[{inside}]"

    def rows(self, *rows: Term) -> str:
        if self.latex:
            body = r" \\ ".join(" & ".join(self.done[x] for x in row.operands) for row in rows)
            return rf"\begin{{pmatrix}} {body} \end{{pmatrix}}"
        return f"[{', '.join(self.done[row] for row in rows)}]"

    def sum_over(self, body: Term, index: Term, *limits: Term) -> Text:
        return self.over("Σ", r"\sum", body, index, *limits)

    def product_over(self, body: Term, index: Term, *limits: Term) -> Text:
        return self.over("Π", r"\prod", body, index, *limits)

    def over(self, sign: str, command: str, body: Term, index: Term, *limits: Term) -> Text:
        low, high = (self.done[x] for x in limits) if limits else ("", "")
        below = f"{self.done[index]}={low}" if limits else str(self.done[index])
        if self.latex:
            return Text(
                f"{command}_{{{below}}}" + (f"^{{{high}}}" if limits else "") + f" {self.at(body, PRODUCT)}", PRODUCT
            )
        return Text(f"{sign}_{{{below}{'..' if limits else ''}{high}}} {self.at(body, PRODUCT)}", PRODUCT)


def _is_keyword(term: Term) -> bool:
    return (
        term.head is terms.LIST
        and len(term.operands) == 2
        and term.operands[0].is_name
        and term.operands[0].head.isalpha()
        and len(term.operands[0].head) > 2
    )


def latex_name(name: str) -> str:
    r"""Print a plain name: y_hat as \hat{y}, W_xh as W_{xh}, a1(2) as a_{1}^{(2)}.

    >>> latex_name("y_hat1"), latex_name("W_xh"), latex_name("a1(2)"), latex_name("target")
    ('\\hat{y}_{1}', 'W_{xh}', 'a_{1}^{(2)}', '\\mathrm{target}')
    """
    if name.endswith(")") and "(" in name and not name.startswith("("):
        base, _, layer = name[:-1].rpartition("(")
        if base and not base.endswith("_"):
            return f"{latex_name(base)}^{{({layer})}}"
    for word in ("new", "old"):
        if name.endswith(f" {word}"):
            return rf"{latex_name(name[: -len(word) - 1])}^{{\mathrm{{{word}}}}}"
    if name.endswith("^2"):
        return f"{latex_name(name[:-2])}^2"
    base, _, rest = name.partition("_")
    for accent in ("hat", "tilde", "bar"):
        if rest.startswith(accent) and not rest[len(accent) :].startswith(tuple("abcdefghijklmnopqrstuvwxyz")):
            after = rest[len(accent) :].removeprefix("_")
            return rf"\{accent}{{{name_in_latex(base)}}}" + (f"_{{{after}}}" if after else "")
    if not rest:
        return name_in_latex(base)
    index = rest if len(rest.strip("()")) <= 2 or "-" in rest else rf"\mathrm{{{rest}}}"
    inner = name_in_latex(base)
    if inner.endswith("}") and "_{" in inner:
        return f"{inner[:-1]},{index}}}"
    return f"{inner}_{{{index.strip('()')}}}"
