"""The sheet that a solution is written on: one problem's notation, its numbers, and the blocks so far."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from scalargrad import nn, ops
from scalargrad.formula import Formula, parse
from scalargrad.nn.loss import Loss
from scalargrad.nn.losses import LOSSES
from scalargrad.op import Op, Text
from scalargrad.value import Value
from scalargrad.worked.document import Block, Document, Equation, Heading, Line, Numbers, Paragraph, Side
from scalargrad.worked.problem import Problem
from scalargrad.worked.solution import error_factor, has_slope

if TYPE_CHECKING:
    from scalargrad.worked.solution import Sample, Solution

MOST_SAMPLES = 4  # of a batch, that are shown one by one
MOST_EQUATIONS = 8  # equations of one kind in a row: the others are computed likewise, and are in the vector


class Sheet:
    r"""Names quantities, and collects what is written.

    >>> layers = [{"weights": [[1], [2]], "bias": [0, 0], "activation": "tanh"}, {"weights": [[1, 2]], "bias": [0]}]
    >>> sheet = Sheet(Problem.from_dict({"input": [1], "layer": layers}), digits=4)
    >>> sheet.z(0, 1), sheet.h(1, 1), sheet.h(2, 0), sheet.w(1, 0, 1)
    ('z_{2}^{(1)}', 'h_{2}', '\\hat y', 'w_{12}^{(2)}')

    Layers and entries are counted from 0 here, and printed from 1; H_0 is the input, the last H the output.
    """

    def __init__(self, problem: Problem, digits: int) -> None:
        self.problem, self.n = problem, Numbers(digits)
        self.loss: Loss = LOSSES[problem.loss]
        self.depth = len(problem.layers)
        self.sizes = [len(problem.input), *(len(layer.neurons) for layer in problem.layers)]
        self.batch = len(problem.examples) > 1
        self.blocks: list[Block] = []
        self.sections = self.subsections = 0
        others = [a for a in dict.fromkeys(problem.activations) if a not in ("linear", "softmax")]
        plain = [a for a in others if not _function_name(a)]
        self.functions = {
            a: _function_name(a) or (f"f_{{{plain.index(a) + 1}}}" if len(plain) > 1 else "f") for a in others
        }

    # What is written.

    def section(self, text: str) -> None:
        """Begin a section."""
        self.sections, self.subsections = self.sections + 1, 0
        self.blocks.append(Heading(f"{self.sections}. {text}"))

    def subsection(self, text: str) -> None:
        """Begin a section in the section."""
        self.subsections += 1
        self.blocks.append(Heading(f"{self.sections}.{self.subsections} {text}", 3))

    def say(self, text: str, kind: str = "") -> None:
        """Write a paragraph."""
        self.blocks.append(Paragraph(plain(text) if kind == "kink" else text, kind))

    def show(self, *lines: Sequence[Line], **values: Any) -> None:
        """Write an equation: chains below each other, and the numbers that it gives."""
        self.blocks.append(Equation(tuple(line for some in lines for line in some), values))

    def show_each(self, chains: Sequence[Sequence[Line]], **values: Any) -> None:
        """Write one chain an entry; of many, the first ones."""
        self.show(*chains[:MOST_EQUATIONS], **values)
        if len(chains) > MOST_EQUATIONS:
            self.say(f"The other {len(chains) - MOST_EQUATIONS} are computed in the same way.")

    def document(self, title: str) -> Document:
        """Return what was written."""
        return Document(title, tuple(self.blocks))

    # Names of vectors and matrices, and of their entries.

    def Z(self, i: int) -> str:
        """Name layer i's weighted sums."""
        return f"Z_{{{i + 1}}}"

    def W(self, i: int) -> str:
        """Name layer i's weights."""
        return f"W_{{{i + 1}}}"

    def b(self, i: int) -> str:
        """Name layer i's biases."""
        return f"b_{{{i + 1}}}"

    def delta(self, i: int) -> str:
        """Name layer i's error term."""
        return rf"\delta_{{{i + 1}}}"

    def H(self, i: int) -> str:
        """Name what layer i takes."""
        if i in (0, self.depth):
            return r"\hat y" if i else "x"
        return "H" if self.depth == 2 else f"H_{{{i}}}"

    def _entry(self, letter: str, i: int, index: str) -> str:
        layer = f"^{{({i + 1})}}" if self.depth > 1 else ""
        return f"{letter}_{{{index}}}{layer}"

    def z(self, i: int, r: int) -> str:
        """Name an entry of Z."""
        return self._entry("z", i, f"{r + 1}")

    def bias(self, i: int, r: int) -> str:
        """Name an entry of b."""
        return self._entry("b", i, f"{r + 1}")

    def d(self, i: int, r: int) -> str:
        """Name an entry of an error term."""
        return self._entry(r"\delta", i, f"{r + 1}")

    def w(self, i: int, r: int, c: int) -> str:
        """Name a weight."""
        comma = "," if max(self.sizes[i : i + 2]) > 9 else ""
        return self._entry("w", i, f"{r + 1}{comma}{c + 1}")

    def h(self, i: int, r: int) -> str:
        """Name an entry of what layer i takes."""
        if i in (0, self.depth):
            letter = r"\hat y" if i else "x"
            return letter if i and self.sizes[i] == 1 else f"{letter}_{{{r + 1}}}"
        return f"h_{{{r + 1}}}" if self.depth == 2 else f"h_{{{r + 1}}}^{{({i})}}"

    def y(self, r: int) -> str:
        """Name an entry of the target."""
        return "y" if self.sizes[-1] == 1 else f"y_{{{r + 1}}}"

    # Functions.

    def df(self, i: int, argument: str) -> str:
        """Apply the derivative of layer i's activation to what is printed."""
        return self.f(i, argument, "'")

    def f(self, i: int, argument: str, prime: str = "") -> str:
        """Apply layer i's activation to what is printed."""
        activation = self.problem.activations[i]
        if activation == "linear":
            return argument
        name = r"\operatorname{softmax}" if activation == "softmax" else self.functions[activation]
        return rf"{name}{prime}\left({argument}\right)"

    def formula(self, i: int) -> Formula | None:
        """Return layer i's activation as a formula in z; None for a Python function that cannot be read."""
        return activation_formula(self.problem.activations[i], self.problem.layers[i].neurons[0])

    def has_slope(self, i: int) -> bool:
        """Say whether an error term has a factor f'(Z) for layer i."""
        return has_slope(self.problem, i)

    # Numbers.

    def samples(self, solution: Solution, *, all: bool = False) -> list[tuple[Sample, str, str]]:
        """List the samples to show, each with how values and vectors of it are marked: not at all where there is one."""
        if not self.batch:
            return [(solution.samples[0], "", "")]
        shown = solution.samples if all else solution.samples[:MOST_SAMPLES]
        return [(sample, f"[{s}]", f"^{{[{s}]}}") for s, sample in enumerate(shown, 1)]

    @property
    def hidden(self) -> int:
        """The number of samples that are not shown one by one."""
        return max(len(self.problem.examples) - MOST_SAMPLES, 0)

    def key(self, i: int) -> str:
        """Name layer i's activations among the document's values."""
        return "ŷ" if i == self.depth - 1 else "H" if self.depth == 2 else f"H{i + 1}"

    def know(self, **values: Any) -> None:
        """Add numbers to the document's values without showing them."""
        self.blocks.append(Equation((), values))

    def side(self, latex: str) -> Side:
        """Return a side of an equation, approximate where a number in it was rounded."""
        return self.n.side(latex)

    def result(self, x: float) -> Side:
        """Return the side that is a number."""
        return self.n.side(self.n(x))

    def column(self, numbers: Sequence[float]) -> Side:
        """Return the side that is a vector of numbers."""
        return self.n.side(self.n.vector(numbers))

    def operation(self, node: Value) -> str:
        """Print the operation of a node on its parents' numbers."""
        op: Any = node._operation
        return printed(op, *(self.n(parent.data) for parent in node.parents))

    @property
    def factor(self) -> str:
        """The number in front of what the last error term begins with."""
        return fraction(error_factor(self.problem))

    def error(self, p: str = r"\hat y", y: str = "y") -> Text:
        r"""Print what the last error term begins with, such as ŷ - y, on an output and a target."""
        return self.loss.error.print("latex", {"p": p, "y": y})

    @property
    def mean(self) -> str:
        """The 1/m of a batch."""
        return fraction(Fraction(1, len(self.problem.examples)))


def fraction(x: Fraction) -> str:
    r"""Write a factor, with the sign after it; nothing for 1.

    >>> fraction(Fraction(2, 3)), fraction(Fraction(2)), fraction(Fraction(1))
    ('\\frac{2}{3} \\cdot ', '2 \\cdot ', '')
    """
    shown = f"{x}" if x.denominator == 1 else rf"\frac{{{x.numerator}}}{{{x.denominator}}}"
    return rf"{shown} \cdot " if x != 1 else ""


def printed(op: Op, *operands: Text | str) -> Text:
    r"""Print an operation's LaTeX on operands.

    >>> printed(ops.mul, "a", printed(ops.add, "b", "c"))
    'a \\cdot (b + c)'
    """
    return op.print(*operands, style="latex")


def total(terms: Sequence[Text]) -> Text:
    """Print a sum.

    >>> total([Text("a"), Text("b"), Text("c")])
    'a + b + c'
    """
    first, *others = terms
    for term in others:
        first = printed(ops.add, first, term)
    return first


def column(entries: Sequence[str]) -> str:
    r"""Print a column vector of entries.

    >>> column(["a", "b"])
    '\\begin{pmatrix} a \\\\ b \\end{pmatrix}'
    """
    inside = r" \\ ".join(entries)
    return rf"\begin{{pmatrix}} {inside} \end{{pmatrix}}"


def derivative(of: str, by: str) -> str:
    r"""Print a partial derivative.

    >>> derivative("L", "z_{1}")
    '\\frac{\\partial L}{\\partial z_{1}}'
    """
    return rf"\frac{{\partial {of}}}{{\partial {by}}}"


def activation_formula(activation: str, neuron: nn.Neuron) -> Formula | None:
    """Return an activation as a formula in z; None for a Python function that cannot be read.

    >>> activation_formula("tanh", nn.Neuron(1, activation="tanh"))
    tanh(z)
    """
    if neuron._function is None:  # somebody's own function may have any name
        return Formula("z")
    if isinstance(neuron._function, Op):
        return Formula(neuron._function, "z")
    if activation == "z" or not activation.isidentifier():
        return parse(activation)
    try:
        formula: Any = neuron._function(Formula("z"))  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - whatever a user's function does with what is no Value
        return None
    return formula if isinstance(formula, Formula) else None


def _function_name(activation: str) -> str:
    """Return the LaTeX name of an activation that is written as a function; nothing for an expression."""
    if activation not in ops.TABLE:
        return (
            rf"\operatorname{{{activation}}}"
            if activation.isidentifier() and activation not in ("z", "activation")
            else ""
        )
    name, _, argument = ops.TABLE[activation].print("z", style="latex").partition(r"\left(")
    return name if argument == r"z\right)" and name else rf"\operatorname{{{activation}}}"


def data(values: Sequence[Value]) -> list[float]:
    """Return the numbers.

    >>> data([Value(2.0)])
    [2.0]
    """
    return [value.data for value in values]


def grads(values: Sequence[Value]) -> list[float]:
    """Return the gradients.

    >>> grads([Value(2.0)])
    [0.0]
    """
    return [value.grad for value in values]


def plain(text: str) -> str:
    """Make a user's words fit for running text, where dollars would begin a formula.

    >>> plain("5 $")
    '5 ﹩'
    """
    return text.replace("$", "\N{SMALL DOLLAR SIGN}").replace("`", "'")
