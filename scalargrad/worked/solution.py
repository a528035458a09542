"""Network problems solved: every forward value, every gradient, the updated parameters.

All numbers are read off a recorded graph of Values and its backward pass; nothing is computed by matrix
formulas beside it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from scalargrad import nn
from scalargrad.latex import fixed as fixed
from scalargrad.modes import scope
from scalargrad.nn.losses import LOSSES, mean
from scalargrad.optim import SGD
from scalargrad.value import Value
from scalargrad.worked.kinks import Kink, kinks
from scalargrad.worked.problem import Problem as Problem
from scalargrad.worked.problem import ProblemError as ProblemError


@dataclass(frozen=True)
class Sample:
    """What the network makes of one example.

    x        the input
    y        the target, where there is one
    z, h     for each layer the weighted sums Z and the activations H; the last H is ŷ
    slopes   for each layer f'(Z), the derivatives of the activations; none for softmax, which mixes its inputs
    loss     None without a target
    """

    x: list[Value]
    y: list[Value]
    z: list[list[Value]]
    h: list[list[Value]]
    slopes: list[list[float]]
    loss: Value | None


@dataclass(frozen=True)
class Solution:
    """A solved problem: Values whose `data` and `grad` are the answers.

    layers     its own copy of the problem's layers: the parameters, and their gradients
    samples    one for each example; `x`, `z`, `h` and `slopes` are the first one's
    loss       the mean over the samples; None without a target, and then there are no gradients
    stepped    the layers after one step of gradient descent; None where that is not given
    following  the solutions of the further steps of gradient descent
    """

    problem: Problem
    layers: tuple[nn.Layer, ...]
    samples: tuple[Sample, ...]
    loss: Value | None
    stepped: tuple[nn.Layer, ...] | None
    following: tuple[Solution, ...] = ()

    @property
    def x(self) -> list[Value]:
        """The (first) input."""
        return self.samples[0].x

    @property
    def z(self) -> list[list[Value]]:
        """Each layer's weighted sums (for the first input)."""
        return self.samples[0].z

    @property
    def h(self) -> list[list[Value]]:
        """Each layer's activations (for the first input)."""
        return self.samples[0].h

    @property
    def slopes(self) -> list[list[float]]:
        """Each layer's f'(Z) (for the first input)."""
        return self.samples[0].slopes

    @property
    def updated(self) -> list[tuple[list[list[float]], list[float]]] | None:
        """For each layer, weights and bias after one step of gradient descent; None where that is not given."""
        return None if self.stepped is None else [weights_and_bias(layer, "data") for layer in self.stepped]

    @property
    def kinks(self) -> list[Kink]:
        """The operations of this step that were evaluated exactly at a kink, and what was done there."""
        return list(kinks(*(p for sample in self.samples for p in sample.h[-1])))

    @property
    def root(self) -> Value | list[Value]:
        """What a picture is drawn of: the loss, or without a target the outputs."""
        return [p for sample in self.samples for p in sample.h[-1]] if self.loss is None else self.loss


def solve(problem: Problem | nn.Module, input: Any = None, target: Any = None, **options: Any) -> Solution:
    """Compute every forward value, and with a target every gradient and the updated parameters.

    >>> problem = Problem.from_dict({"input": [2], "target": [0], "layer": [{"weights": [[3]], "bias": [1]}]})
    >>> solve(problem).z[0][0].grad
    14.0
    >>> solve(nn.Layer.from_arrays([[3]], [1], activation="linear"), [2], target=[0]).z[0][0].grad
    14.0

    A model takes an input (or a batch of them), and the keywords of `Problem.from_model`. Raises what the operations
    raise outside their domains.
    """
    if not isinstance(problem, Problem):
        problem = Problem.from_model(problem, input, target, **options)
    elif input is not None or target is not None or options:
        raise TypeError("a Problem has its input, target and options in itself: solve(problem)")
    first = solution = _solved(problem, copy.deepcopy(problem.layers))
    following = []
    for _ in range(problem.steps - 1):
        if solution.stepped is None:
            break
        solution = _solved(problem, copy.deepcopy(solution.stepped))
        following.append(solution)
    return replace(first, following=tuple(following))


def _solved(problem: Problem, layers: tuple[nn.Layer, ...]) -> Solution:
    batch = len(problem.examples) > 1
    samples = []
    for i, (input, target) in enumerate(problem.examples, 1):
        with scope(f"sample {i}") if batch else nullcontext():
            samples.append(_sample(problem, layers, input, target))
    losses = [sample.loss for sample in samples if sample.loss is not None]
    if not losses:
        return Solution(problem, layers, tuple(samples), None, None)
    loss = mean(losses)
    loss.backward()
    stepped = None
    if problem.learning_rate is not None:
        stepped = copy.deepcopy(layers)
        optimizer = SGD([p for layer in stepped for p in layer.parameters()], problem.learning_rate)
        optimizer.step()
        optimizer.zero_grad()
    return Solution(problem, layers, tuple(samples), loss, stepped)


def _sample(
    problem: Problem, layers: Sequence[nn.Layer], input: Sequence[float], target: Sequence[float] | None
) -> Sample:
    x = nn.as_values(input, "x", "input")
    y = nn.as_values(target or (), "y", "target")
    z: list[list[Value]] = []
    h: list[list[Value]] = []
    slopes: list[list[float]] = []
    for layer, activation in zip(layers, problem.activations, strict=True):
        z.append(layer.weighted_sums(h[-1] if h else x))
        h.append(nn.softmax(z[-1]) if activation == "softmax" else layer.activations(z[-1]))
        slopes.append([] if activation == "softmax" else list(map(_slope, layer.neurons, z[-1])))
    return Sample(x, y, z, h, slopes, _loss(problem, z[-1], h[-1], y) if y else None)


def is_textbook(problem: Problem, outputs: Sequence[Value]) -> bool:
    """Say whether the loss is computed from ŷ, as a textbook has it, or by the logits, to keep its digits."""
    low, high = LOSSES[problem.loss].textbook
    return all(low <= p.data <= high for p in outputs)


def _loss(problem: Problem, logits: list[Value], outputs: list[Value], targets: list[Value]) -> Value:
    loss = LOSSES[problem.loss]
    if loss.head is None or is_textbook(problem, outputs):
        return loss.of_outputs(outputs, targets)
    return loss.function(logits, targets)


def _slope(neuron: nn.Neuron, z: Value) -> float:
    start = z.detach()  # from here, so that nothing upstream takes part
    neuron.activate(start).backward()
    return start.grad


def weights_and_bias(layer: nn.Layer, field: str) -> tuple[list[list[float]], list[float]]:
    """Return a layer's weight matrix and bias vector, or with the field "grad" their gradients.

    >>> weights_and_bias(nn.Layer.from_arrays([[1, 2]], [3]), "data")
    ([[1.0, 2.0]], [3.0])
    """
    return [[getattr(w, field) for w in n.w] for n in layer.neurons], [getattr(n.b, field) for n in layer.neurons]


def report(solution: Solution, digits: int = 6) -> str:
    """Return the solution as aligned text, in the order in which an assignment asks for it.

    >>> problem = Problem.from_dict({"input": [2], "layer": [{"weights": [[3]], "bias": [1]}]})
    >>> print(report(solve(problem), 1).splitlines()[0])
    problem: 1-1 network, mse
    """
    if not isinstance(digits, int) or digits < 0:
        raise ValueError(f"digits must be a whole number, 0 or more, got {digits!r}")
    lines = list(_Report(solution, digits).lines())
    column = max(30, *(line.find("\t") for line in lines)) + 1  # all numbers begin in it
    return "\n".join(lines).expandtabs(column)


class _Report:
    def __init__(self, solution: Solution, digits: int) -> None:
        self.solution, self.problem, self.digits = solution, solution.problem, digits
        self.h = names(self.problem)
        rate = self.problem.learning_rate
        self.rate = None if rate is None else repr(rate).removesuffix(".0")

    def lines(self) -> Iterator[str]:
        problem, solution = self.problem, self.solution
        batch = f", mean over {len(solution.samples)} samples" if len(solution.samples) > 1 else ""
        rate = f", learning rate {self.rate}" if self.rate else ""
        yield f"{problem.source}: {problem.title}{batch}{rate}"
        steps = (solution, *solution.following)
        for number, step in enumerate(steps, 1):
            if len(steps) > 1:
                yield f"\nStep {number}"
            yield from self.step(step)
        if solution.loss is None:
            yield "\nGradients, for a target y"
            yield "(`target` is missing in the problem: with it, or --target, they are computed)"
            yield from self.error_terms(solution.samples[0], solved=False)
            yield from self.gradients(solution)
        elif solution.updated is None:
            yield "\n(`learning_rate` is missing in the problem: with it, the updated parameters are computed)"
        found = dict.fromkeys(str(kink) for step in steps for kink in step.kinks)
        if found:
            yield "\nKinks"
            yield from (f"  {kink}" for kink in found)

    def step(self, solution: Solution) -> Iterator[str]:
        batch = len(solution.samples) > 1
        for s, sample in enumerate(solution.samples, 1):
            yield "\nForward pass" + f", sample {s}" * batch
            for i in range(len(solution.layers)):
                yield self.row(f"Z{i + 1} = W{i + 1} {self.h[i]} + b{i + 1}", sample.z[i])
                yield self.row(f"{self.h[i + 1]} = {self.applied(i)}", sample.h[i])
            if sample.loss is not None:
                yield self.row(f"loss = {self.loss_formula()}", [sample.loss])
        if solution.loss is None:
            return
        if batch:
            yield self.row("\n  mean loss", [solution.loss])
        for s, sample in enumerate(solution.samples, 1):
            yield "\nError terms, δ = ∂loss/∂Z" + f", sample {s}" * batch
            yield from self.error_terms(sample, solved=True)
        yield "\nGradients"
        yield from self.gradients(solution)
        if solution.updated is not None:
            yield f"\nParameters after one step, W - {self.rate} ∂loss/∂W"
            for i, (weights, bias) in enumerate(solution.updated, 1):
                yield from self.table(f"W{i}", weights)
                yield self.row(f"b{i}", bias)

    def error_terms(self, sample: Sample, *, solved: bool) -> Iterator[str]:
        for i in reversed(range(len(sample.z))):
            if slope := slope_factor(self.problem, i):
                yield self.row(slope, sample.slopes[i])
            yield self.row(
                f"δ{i + 1} = {error_formula(self.problem, i)}", [z.grad for z in sample.z[i]] if solved else None
            )

    def gradients(self, solution: Solution) -> Iterator[str]:
        total = "Σ " * (len(solution.samples) > 1)
        for i, layer in enumerate(solution.layers):
            weights, bias = (None, None) if solution.loss is None else weights_and_bias(layer, "grad")
            yield from self.table(f"∂loss/∂W{i + 1} = {total}δ{i + 1} {self.h[i]}ᵀ", weights)
            yield self.row(f"∂loss/∂b{i + 1} = {total}δ{i + 1}", bias)

    def applied(self, i: int) -> str:
        return applied(self.problem, i)

    def loss_formula(self) -> str:
        n, loss = len(self.problem.layers[-1].neurons), LOSSES[self.problem.loss]
        mean = f"1/{n} " if loss.mean and n > 1 else ""
        return f"{loss.sign}{mean}Σ {loss.text}"

    def row(self, name: str, entries: Sequence[Any] | None) -> str:
        if entries is None:
            return f"  {name}"
        (shown,) = self.numbers([entries])
        return f"  {name}\t= " + (f"({shown})" if len(entries) > 1 else f" {shown}")

    def table(self, name: str, rows: list[list[float]] | None) -> Iterator[str]:
        yield f"  {name}"
        for row in self.numbers(rows or ()):
            yield f"      [{row}]"

    def numbers(self, rows: Sequence[Sequence[Value | float]]) -> list[str]:
        """Write rows of numbers, all of one width."""
        shown = [[fixed(x.data if isinstance(x, Value) else x, self.digits) for x in row] for row in rows]
        width = max([self.digits + 3, *(len(number) for row in shown for number in row)])
        return [", ".join(f"{number:>{width}}" for number in row) for row in shown]


def names(problem: Problem) -> list[str]:
    """Name what each layer takes, and the output: x, H1, H2, ..., ŷ."""
    depth = len(problem.layers)
    return ["x"] + [f"H{i}" if depth > 2 else "H" for i in range(1, depth)] + ["ŷ"]


def applied(problem: Problem, i: int, prime: str = "") -> str:
    """Write the activation of layer i (from 0), or its derivative.

    >>> applied(Problem.from_dict({"input": [1], "layer": [{"weights": [[1]], "bias": [0], "activation": "tanh"}]}), 0)
    'tanh(Z1)'
    """
    activation = problem.activations[i]
    if activation == "linear":
        return f"Z{i + 1}"
    return f"{problem.functions.get(activation, activation)}{prime}(Z{i + 1})"


def slope_factor(problem: Problem, i: int) -> str:
    """Name the factor f'(Z) of an error term; nothing where it is 1, or cancels."""
    return applied(problem, i, "'") if has_slope(problem, i) else ""


def has_slope(problem: Problem, i: int) -> bool:
    """Say whether the error term of layer i (from 0) has a factor f'(Z): not where that is 1, or cancels.

    >>> layer = {"weights": [[1]], "bias": [0], "activation": "sigmoid"}
    >>> has_slope(Problem.from_dict({"input": [1], "loss": "binary-cross-entropy", "layer": [layer]}), 0)
    False
    """
    cancels = i == len(problem.layers) - 1 and LOSSES[problem.loss].cancels
    return not cancels and problem.activations[i] != "linear"


def error_factor(problem: Problem) -> Fraction:
    """Return the number in front of the last error term, such as 2 (ŷ - y): what the loss and means bring.

    >>> layer = {"weights": [[1], [2], [3]], "bias": [0, 0, 0]}
    >>> error_factor(Problem.from_dict({"input": [[1], [2]], "layer": [layer]}))
    Fraction(1, 3)
    """
    outputs, samples = len(problem.layers[-1].neurons), len(problem.examples)
    return LOSSES[problem.loss].factor(outputs) / samples


def error_formula(problem: Problem, i: int) -> str:
    """Write the error term of layer i (from 0).

    >>> layers = [{"weights": [[1]], "bias": [0], "activation": "tanh"}, {"weights": [[1]], "bias": [0]}]
    >>> problem = Problem.from_dict({"input": [1], "layer": layers})
    >>> error_formula(problem, 1), error_formula(problem, 0)
    ('2 (ŷ - y)', "W2ᵀ δ2 ∘ tanh'(Z1)")
    """
    slope = slope_factor(problem, i)
    if i < len(problem.layers) - 1:
        return f"W{i + 2}ᵀ δ{i + 2}" + (slope and f" ∘ {slope}")
    factor, error = error_factor(problem), LOSSES[problem.loss].error.print("text", {"p": "ŷ"})
    return (f"{factor} {error:2}" if factor != 1 else f"{error:2}" if slope else error) + (slope and f" ∘ {slope}")
