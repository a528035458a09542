"""The story of a computation: every step forward and backward, in words and numbers.

Forward, a step computes one value from others. Backward, a step takes one value's gradient, and adds to the gradient of
each operand its share: gradient times local derivative. Nothing is read from `grad`: the story is that of one backward
pass that starts from a gradient of 1.
"""

# ruff: noqa: RUF001, RUF002 - symbols are written as mathematics writes them

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from scalargrad import Value, topological_order
from scalargrad.op import ATOM, Op
from scalargrad.ops import mul, neg
from viz.deck import role
from viz.graph import LEAVES
from viz.text import number
from viz.typeset import Typeset, constant, label, local_derivative, rounded

LONGEST_FORMULA = 48  # characters: a value without a label is called by its formula, unless that is longer

# What each operation does to the gradient that passes through, for a reader who sees a gradient for the first time.
RULES = {
    "add": "A sum hands its gradient to each of its terms, unchanged.",
    "sub": "A difference hands its gradient to the first term unchanged, and to the second with the sign turned.",
    "mul": "A product hands each factor the gradient times the other factor.",
    "div": "A quotient u/v hands u the gradient times 1/v, and v the gradient times −u/v².",
    "neg": "A minus sign turns the sign of the gradient.",
    "pow": "The derivative of xⁿ is n·xⁿ⁻¹.",
    "exp": "exp is its own derivative: the gradient is multiplied by the value computed on the way forward.",
    "log": "The derivative of log u is 1/u: the gradient is divided by u.",
    "sqrt": "The derivative of √u is 1/(2√u).",
    "sin": "The derivative of sin is cos.",
    "cos": "The derivative of cos is −sin.",
    "tanh": "The derivative of tanh is sech², which is 1 − tanh²: 1 in the middle, near 0 where tanh is flat.",
    "sigmoid": "The derivative of σ(u) is σ(u)·σ(−u): at most ¼, near 0 where σ is flat.",
    "softplus": "The derivative of softplus is σ.",
    "maximum": "Only the larger operand gets the gradient; the other did not matter.",
    "minimum": "Only the smaller operand gets the gradient; the other did not matter.",
    "abs": "|u| hands the gradient on: unchanged where u is positive, with the sign turned where it is negative.",
}
RELU = {
    True: "ReLU let its input through, so it lets the gradient through: [u > 0] is 1.",
    False: "ReLU cut its input off, so it cuts the gradient off: [u > 0] is 0. Nothing before it learns from this path.",
}
ANY_RULE = "Each operand gets the gradient times the local derivative: how fast the result grows with that operand."

GIVEN = (
    "Every card is one number. Inputs, parameters and targets are given; every other card is computed from cards to its "
    "left. First forward, left to right, one operation a step. Then backward, right to left: that is backpropagation."
)
TURN = (
    "The forward pass is done: {root} = {value}. Now the question: if one of the other numbers grew a little, how much "
    "would {root} grow? That rate is the number's gradient, marked ∂ on its card. We begin where the answer is plain, "
    "at {root} itself, and walk back, one operation at a time."
)
DONE = (
    "One walk back has found every gradient. A positive one says that {root} grows with the number, so a smaller number "
    "would make {root} smaller; a negative one says the opposite. Gradient descent changes each parameter that way, a "
    "small step against its gradient, and begins anew."
)

CHAIN_RULE = (
    "This is the chain rule: how fast {root} grows with an operand is how fast it grows with the result, times how fast "
    "the result grows with the operand."
)


class Share(NamedTuple):
    """What a backward step adds to the gradient of one operand.

    formula    as in `∂loss/∂z₁ += ∂loss/∂h₁·cos(z₁)`
    numbers    the same in numbers, with the result
    amount     the share itself: gradient times local derivative
    total      the operand's gradient after this step
    """

    parent: Value
    slot: int  # the operand's place among the parents
    local: float
    formula: str
    numbers: str
    amount: float
    total: float


class Step(NamedTuple):
    """One step: a value is computed, or the value's gradient is handed on to its operands.

    kind    "given", "forward", "turn", "backward" or "done"
    line    the formula of the value; where it is computed, the same in numbers, with the result
    words   what happens, and why
    """

    kind: str
    value: Value
    line: tuple[str, str]
    words: str
    shares: tuple[Share, ...] = ()


class Story:
    """The steps of one root's computation, and of its backward pass.

    >>> x, w = Value(3.0, label="x"), Value(2.0, label="w")
    >>> for step in Story(w * x).steps:
    ...     print(step.kind, step.line[0], *(share.formula + share.numbers for share in step.shares))
    given y is computed from 2 inputs
    forward y = w·x
    turn ∂y/∂y
    backward y = w·x ∂y/∂w = ∂y/∂y·x = 1.000·3.000 = +3.000 ∂y/∂x = ∂y/∂y·w = 1.000·2.000 = +2.000
    done y

    names      how each value is called: its label, the formula of a short one, or v and its number
    numbered   the values that are called v and a number: their cards have to tell it
    use_count  how many times each value is used as an operand
    gradients  of each value, from this backward pass
    """

    def __init__(self, root: Value, digits: int = 3) -> None:
        self.root, self.digits = root, digits
        self.order = topological_order(root)
        self.use_count = dict.fromkeys(self.order, 0)
        for child in self.order:
            for parent in child.parents:
                self.use_count[parent] += 1
        self.names: dict[Value, Typeset] = {}
        self.formulas: dict[Value, Typeset] = {}
        self.numbered: set[Value] = set()
        for index, value in enumerate(self.order):
            self._name(value, index)
        self.gradients: dict[Value, float] = {}
        self.steps = list(self._steps())

    def _name(self, value: Value, index: int) -> None:
        if value.parents:
            self.formulas[value] = applied(value, [self.names[parent] for parent in value.parents])
        if value.label:
            name = Typeset(label(value.label))
        elif value is self.root:
            taken = {node.label for node in self.order}
            name = Typeset(next(name for name in ("y", "out", "result", "root", "y*") if name not in taken))
        elif value.kind == "constant":
            name = constant(value.data)
        else:
            name = self.formulas.get(value, Typeset(""))
            if not 0 < len(name) <= LONGEST_FORMULA:
                name = Typeset(label(f"v{index}"))
                self.numbered.add(value)
        self.names[value] = name

    def number(self, x: float, *, signed: bool = False) -> str:
        """Write a number with the story's decimals.

        >>> Story(Value(1.0)).number(-0.25)
        '−0.250'
        """
        return number(x, self.digits, signed=signed)

    def derivative(self, value: Value) -> Typeset:
        """Write the name of a value's gradient.

        >>> x = Value(3.0, label="x")
        >>> story = Story(x * 2 + 1)
        >>> story.derivative(x), story.derivative(story.root.parents[0])
        ('∂y/∂x', '∂y/∂(x·2)')
        """
        name = self.names[value] if value in self.names else Typeset(label(value.label or "it"))  # where it has no part
        return Typeset(f"∂{self.names[self.root]:4}/∂{name:4}", ATOM)

    def equation(self, value: Value) -> str:
        """Write `h₁ = relu(z₁)`, or the name alone where the formula is the name, or there is none.

        >>> y = Value(3.0, label="x") * 2
        >>> Story(y).equation(y)
        'y = x·2'
        """
        name, formula = self.names[value], self.formulas.get(value)
        return str(name) if formula in (None, name) else f"{name} = {formula}"

    def locals(self, value: Value) -> Iterator[tuple[int, Typeset | None, float]]:
        """Yield, for each operand that takes a gradient, its place, and the local derivative as formula and number.

        >>> y = Value(3.0, label="x") ** 2
        >>> list(Story(y).locals(y))
        [(0, '2·x', 6.0)]
        """
        operands = [self.names[parent] for parent in value.parents]
        for index, local in enumerate(value.local_gradients):
            if value.parents[index].kind != "constant":
                yield index, local_derivative(value, index, self.names[value], operands), local

    def _steps(self) -> Iterator[Step]:
        root, name = self.root, self.names[self.root]
        computed = list(_frame_by_frame(self.order))
        given = Counter(role(value) for value in self.order if not value.parents and value is not root)
        leaves = [f"{given[kind]} {kind}{'s' * (given[kind] > 1)}" for kind in LEAVES if given[kind]]
        yield Step("given", root, (f"{name} is computed from {', '.join(leaves) or 'nothing'}", ""), GIVEN)
        for value in computed:
            yield Step("forward", value, self._line(value), "")
        yield Step("turn", root, (self.derivative(root), "= 1"), TURN.format(root=name, value=self.number(root.data)))
        self.gradients = dict.fromkeys(self.order, 0.0)
        self.gradients[root] = 1.0
        waiting = dict(self.use_count)
        for value in reversed(computed):
            shares = tuple(self._shares(value))
            yield Step("backward", value, (self.equation(value), ""), self._words(value, waiting), shares)
        yield Step("done", root, (name, f"= {self.number(root.data)}"), DONE.format(root=name))

    def _line(self, value: Value) -> tuple[str, str]:
        numbers = applied(value, [self.operand(parent) for parent in value.parents])
        return self.equation(value), f"= {numbers} = {self.number(value.data)}"

    def operand(self, value: Value) -> Typeset:
        """Write a value's number as an operand.

        >>> story = Story(y := Value(-3.0, label="x") * 2)
        >>> [story.operand(value) for value in y.parents]
        ['−3.000', '2']
        """
        return self.names[value] if value.kind == "constant" and not value.label else rounded(value.data, self.digits)

    def _shares(self, value: Value) -> Iterator[Share]:
        gradient = self.gradients[value]
        for index, formula, local in self.locals(value):
            parent = value.parents[index]
            amount = local * gradient
            self.gradients[parent] += amount
            sign = "+=" if self.use_count[parent] > 1 else "="
            slope = rounded(local, self.digits)
            named = _product(self.derivative(value), formula or slope)
            numbers = _product(rounded(gradient, self.digits), formula if formula in ("1", "−1") else slope)
            result = self.number(amount, signed=True)
            shown = f" = {result}" if numbers == result.lstrip("+") else f" = {numbers} = {result}"
            yield Share(
                parent, index, local, f"{self.derivative(parent)} {sign} {named}", shown, amount, self.gradients[parent]
            )

    def _words(self, value: Value, waiting: dict[Value, int]) -> str:
        words = [_rule(value)]
        if value is self.root:
            words.append(CHAIN_RULE.format(root=self.names[value]))
        for parent in dict.fromkeys(value.parents):
            waiting[parent] -= value.parents.count(parent)
            if self.use_count[parent] > 1 and parent.kind != "constant":
                times = "twice" if self.use_count[parent] == 2 else f"{self.use_count[parent]} times"
                left = (
                    f"{waiting[parent]} more to come" if waiting[parent] else "this was the last, the sum is complete"
                )
                words.append(f"{self.names[parent]} is used {times}, and what comes back adds up: {left}.")
        return " ".join(words)


def applied(value: Value, operands: list[Typeset]) -> Typeset:
    """Typeset the operation that computed a value, applied to what its operands are called.

    >>> applied(Value(3.0) * 2, [Typeset("x"), Typeset("2")])
    'x·2'
    """
    op = value.operation
    if isinstance(op, Op):
        typeset: Typeset = op(*operands)
        return typeset
    return Typeset(f"{label(op or 'f')}({', '.join(operands)})")


def _product(gradient: Typeset, slope: Typeset) -> Typeset:
    if slope == "1":
        return gradient
    product: Typeset = neg(gradient) if slope == "−1" else mul(gradient, slope)
    return product


def _rule(value: Value) -> str:
    name = value.operation.name if isinstance(value.operation, Op) else ""
    if name == "relu":
        return RELU[value.parents[0].data > 0]
    return RULES.get(name, ANY_RULE)


def _frame_by_frame(order: list[Value]) -> Iterator[Value]:
    """Yield the values that are computed: operands before results, and the values of a scope one after another."""
    rank = {value: index for index, value in enumerate(order)}
    children: dict[Value, list[Value]] = {value: [] for value in order}
    waiting: dict[Value, int] = {}
    for child in order:
        operands = {parent for parent in child.parents if parent.parents}
        waiting[child] = len(operands)
        for parent in operands:
            children[parent].append(child)
    ready = [value for value in order if value.parents and not waiting[value]]
    scope: tuple[str, ...] = ()
    while ready:
        value = max(ready, key=lambda value: (_shared(value.scope, scope), -rank[value]))
        ready.remove(value)
        yield value
        scope = value.scope
        for child in children[value]:
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)


def _shared(scope: tuple[str, ...], other: tuple[str, ...]) -> int:
    return next((i for i, (a, b) in enumerate(zip(scope, other, strict=False)) if a != b), min(len(scope), len(other)))
