"""The record of a loss: one place for all that the project knows about it, as `Op` is for an operation.

Problems, worked solutions, exercises, checked homework and the command line read the records, and compare no names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, isclose
from typing import TYPE_CHECKING, Any

from scalargrad import ops
from scalargrad.value import Value

if TYPE_CHECKING:
    from fractions import Fraction

    from scalargrad.formula import Formula

Mistake = tuple[str, Callable[[Sequence[float], Sequence[float]], float]]  # in words, and what outputs and targets give


@dataclass(frozen=True, eq=False)
class Targets:
    """What targets a loss takes.

    words    for them in a message
    fit      whether the numbers of a target, one for each output, are such
    certain  which numbers stand in a target that leaves no doubt, the one for "no" first; none where any number may
    one_hot  whether exactly one number of such a target says "yes"
    """

    words: str
    fit: Callable[[Sequence[float]], bool]
    certain: tuple[float, ...] = ()
    one_hot: bool = False


NUMBERS = Targets("numbers", lambda target: all(map(math.isfinite, target)))
PROBABILITIES = Targets("probabilities from 0 to 1", lambda target: all(0 <= t <= 1 for t in target), (0.0, 1.0))
DISTRIBUTION = Targets(
    "probabilities that sum to 1", lambda target: isclose(sum(target), 1) and min(target) >= 0, (0.0, 1.0), one_hot=True
)


def _none_known(_: int) -> tuple[Mistake, ...]:
    """Return no mistakes, however many outputs there are."""
    return ()


@dataclass(frozen=True, eq=False)
class Loss:
    """A loss, and all that the project knows about it.

    >>> from scalargrad.nn.losses import LOSSES
    >>> squares = LOSSES["mse"]
    >>> squares.formula, squares.error, squares.factor(3)
    ((p - y)**2, p - y, Fraction(2, 3))

    name      as problems, options and pages have it
    function  of outputs and targets; with a head of logits and targets, or of outputs where `from_logits` is false
    term      what an output p adds for its target y, as an expression: loss = sum or mean of the terms
    text      the same in plain text over ŷ and y, without a sign in front
    noun      what running text calls a term
    words     how texts name the loss: a regular expression
    mean      whether it is the mean of the terms, or their sum
    targets   what targets it takes
    head      the activation of the output layer that it needs; None: any but softmax, which mixes its inputs
    cancels   whether the derivative of the head cancels, so that each term has the derivative ŷ - y by the head's input
    textbook  from where to where the outputs may be for the term to keep its digits; beyond, the logits are needed
    mistakes  of it as a loss of so many outputs, beside those that are made with every sum, mean and logarithm

    Raises ValueError where these do not fit together.
    """

    name: str
    function: Callable[..., Value]
    term: str
    text: str
    words: str
    noun: str = "term"
    mean: bool = True
    targets: Targets = NUMBERS
    head: str | None = None
    cancels: bool = False
    textbook: tuple[float, float] = (-inf, inf)
    mistakes: Callable[[int], Iterable[Mistake]] = _none_known

    def __post_init__(self) -> None:
        if self.cancels and self.head is None:
            raise ValueError(f"loss {self.name}: cancels: there is no head whose derivative could cancel")
        if self.head not in (None, "softmax") and self.head not in ops.TABLE:
            raise ValueError(f"loss {self.name}: head: expected softmax or an operation's name, got {self.head!r}")
        if self.head == "softmax" and not self.cancels:
            reason = "the derivative of softmax is written out only where it cancels"
            raise ValueError(f"loss {self.name}: head: {reason}")
        if self.head is None and self.textbook != (-inf, inf):
            raise ValueError(f"loss {self.name}: textbook: without a head there are no logits to compute it from")

    def of_outputs(self, outputs: Sequence[Any], targets: Sequence[Any]) -> Value:
        """Return the loss as the formula has it: of what the head gave, not of the logits before it."""
        options = {} if self.head is None else {"from_logits": False}
        return self.function(outputs, targets, **options)

    @cached_property
    def formula(self) -> Formula:
        """The term as a formula in p and y. Raises ValueError where it has other names."""
        from scalargrad.formula import parse

        formula = parse(self.term)
        if set(formula.names) != {"p", "y"}:
            raise ValueError(f"loss {self.name}: term: expected an expression in p and y, got {self.term!r}")
        return formula

    @property
    def sign(self) -> str:
        """The sign that stands in front of the sum of the terms."""
        return "-" if self.formula.head is ops.neg else ""

    @property
    def unsigned(self) -> Formula:
        """The term without the sign in front."""
        return self.formula.operands[0] if self.sign else self.formula

    @cached_property
    def slope(self) -> Formula:
        """The derivative of a term by the output p."""
        return self.formula.derivative("p")

    @cached_property
    def _split_error(self) -> tuple[float, Formula]:
        from scalargrad.formula import parse

        if self.cancels:
            return 1.0, parse("p - y")
        if self.slope.head is ops.mul and isinstance(self.slope.operands[0].head, float):
            return self.slope.operands[0].head, self.slope.operands[1]
        return 1.0, self.slope

    @property
    def error(self) -> Formula:
        """What the output layer's error term begins with: the slope, or ŷ - y where the head cancels; without numbers."""
        return self._split_error[1]

    @property
    def coefficient(self) -> Fraction:
        """The number in front of the error that the slope brings, such as the 2 of a square."""
        from fractions import Fraction  # which loads all of decimal: too much for `import scalargrad`

        return Fraction(self._split_error[0])

    def factor(self, outputs: int) -> Fraction:
        """Return the number in front of the error for so many outputs: the coefficient, and what a mean divides by."""
        return self.coefficient / (outputs if self.mean else 1)
