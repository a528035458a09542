"""Network problems, read from TOML and solved: every forward value, every gradient, the updated parameters.

All numbers are read off a recorded graph of Values and its backward pass; nothing is computed by matrix
formulas beside it.
"""

from __future__ import annotations

import difflib
import reprlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isclose, isfinite
from os import PathLike
from pathlib import Path
from typing import Any

from scalargrad import nn
from scalargrad.engine import Value
from scalargrad.optim import SGD

# Each loss, and the activation that its output layer must have (None: any but softmax). Losses of probabilities can
# start from the logits instead.
LOSSES: dict[str, tuple[Callable[..., Value], str | None]] = {
    "cross-entropy": (nn.cross_entropy, "softmax"),
    "binary-cross-entropy": (nn.binary_cross_entropy, "sigmoid"),
    "mse": (nn.mse, None),
}


class ProblemError(ValueError):
    """A problem that is not one; the message names the file, the key and what was wrong."""


@dataclass(frozen=True)
class Problem:
    """A network with all numbers given, as a problem file states it.

    >>> problem = Problem.from_dict({"input": [1, 2], "layer": [{"weights": [[3, 4]], "bias": [5]}]})
    >>> solve(problem).h[-1][0].data
    16.0

    `activations` has a name or an expression in z for each layer; `target` and `learning_rate` may be None.
    """

    input: tuple[float, ...]
    layers: tuple[nn.Layer, ...]
    activations: tuple[str, ...]
    loss: str
    target: tuple[float, ...] | None
    learning_rate: float | None
    source: str

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Problem:
        """Read a TOML file. Raises OSError where it cannot be read, ProblemError where it states no problem."""
        if sys.version_info >= (3, 11):
            import tomllib
        else:
            import tomli as tomllib
        try:
            return cls.from_dict(tomllib.loads(Path(path).read_bytes().decode()), Path(path).name)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ProblemError(f"{Path(path).name}: {error}") from None
        except RecursionError:
            raise ProblemError(f"{Path(path).name}: nested too deeply") from None

    @classmethod
    def from_dict(cls, data: dict[str, Any], source: str = "problem") -> Problem:
        """Check what a file states, and make the network. Raises ProblemError."""
        _check_keys(source, "", data, ("input", "target", "loss", "learning_rate", "layer"))
        inputs = _vector(source, "input", data.get("input"))
        tables = data.get("layer")
        if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
            raise ProblemError(f"{source}: layer: expected [[layer]] tables, got {_shown(tables)}")
        activations = tuple(table.get("activation", "linear") for table in tables)
        loss = data.get("loss", "cross-entropy" if activations[-1] == "softmax" else "mse")
        if not isinstance(loss, str) or loss not in LOSSES:
            raise ProblemError(f"{source}: loss: expected one of {', '.join(LOSSES)}, got {_shown(loss)}")
        layers: list[nn.Layer] = []
        for i, table in enumerate(tables, 1):
            nin = len(layers[-1].neurons) if layers else len(inputs)
            layers.append(_layer(source, i, table, nin, last=i == len(tables)))
        needed = LOSSES[loss][1] or ("anything else" if activations[-1] == "softmax" else activations[-1])
        if activations[-1] != needed:
            place = f"{source}: layer {len(layers)}: activation"
            raise ProblemError(f"{place}: the loss {loss} needs {needed}, got {_shown(activations[-1])}")
        rate = data.get("learning_rate")
        if rate is not None and (not _is_number(rate) or rate < 0):
            raise ProblemError(f"{source}: learning_rate: expected a number of at least 0, got {_shown(rate)}")
        rate = None if rate is None else float(rate)
        problem = cls(inputs, tuple(layers), activations, loss, None, rate, source)
        return problem.with_target(data["target"]) if "target" in data else problem

    @property
    def title(self) -> str:
        """The network in a few words, such as `4-3-2 network, f(z) = relu(z) + sin(z), softmax, cross-entropy`."""
        sizes = "-".join(str(n) for n in (len(self.input), *(len(layer.neurons) for layer in self.layers)))
        functions = [
            f"{self.functions[a]}(z) = {a}" if a in self.functions else a for a in dict.fromkeys(self.activations)
        ]
        return ", ".join([f"{sizes} network", *(f for f in functions if f != "linear"), self.loss])

    @property
    def functions(self) -> dict[str, str]:
        """Names for the activations that are expressions: f, or f1, f2, ..."""
        expressions = [a for a in dict.fromkeys(self.activations) if not a.isidentifier()]
        return {a: f"f{i}" if len(expressions) > 1 else "f" for i, a in enumerate(expressions, 1)}

    def with_target(self, target: Any) -> Problem:
        """Return the same problem with a target, a number for each output. Raises ProblemError."""
        numbers = _vector(self.source, "target", target)
        outputs = len(self.layers[-1].neurons)
        if len(numbers) != outputs:
            raise ProblemError(f"{self.source}: target: expected shape ({outputs},), got ({len(numbers)},)")
        if self.loss == "cross-entropy" and not (isclose(sum(numbers), 1) and min(numbers) >= 0):
            raise ProblemError(f"{self.source}: target: expected probabilities that sum to 1, got {_shown(target)}")
        return replace(self, target=numbers)


def _check_keys(source: str, place: str, table: dict[str, Any], known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"the keys are {', '.join(known)}"
            raise ProblemError(f"{source}: {place}unknown key {key!r}; {hint}")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and isfinite(value)


def _shown(value: Any) -> str:
    return "nothing" if value is None else reprlib.repr(value)


def _vector(source: str, key: str, entries: Any) -> tuple[float, ...]:
    if not isinstance(entries, (list, tuple)) or not entries:
        raise ProblemError(f"{source}: {key}: expected a list of numbers, got {_shown(entries)}")
    for i, entry in enumerate(entries, 1):
        if not _is_number(entry):
            raise ProblemError(f"{source}: {key}: expected a finite number as entry {i}, got {_shown(entry)}")
    return tuple(float(entry) for entry in entries)


def _layer(source: str, index: int, table: dict[str, Any], nin: int, *, last: bool) -> nn.Layer:
    place = f"layer {index}: "
    _check_keys(source, place, table, ("weights", "bias", "activation"))
    rows = table.get("weights")
    if not isinstance(rows, list) or not rows:
        raise ProblemError(f"{source}: {place}weights: expected a list of rows, got {_shown(rows)}")
    weights = [_vector(source, f"{place}weights: row {i}", row) for i, row in enumerate(rows, 1)]
    for i, row in enumerate(weights, 1):
        if len(row) != nin:
            shape = f"({len(weights)}, {nin})"
            got = f"({len(weights)}, {len(row)})" if len({len(r) for r in weights}) == 1 else f"row {i} of {len(row)}"
            raise ProblemError(f"{source}: {place}weights: expected shape {shape} for {nin} inputs, got {got}")
    bias = _vector(source, f"{place}bias", table.get("bias"))
    if len(bias) != len(weights):
        raise ProblemError(f"{source}: {place}bias: expected shape ({len(weights)},), got ({len(bias)},)")
    activation = table.get("activation", "linear")
    if not isinstance(activation, str):
        raise ProblemError(f"{source}: {place}activation: expected a name or an expression, got {_shown(activation)}")
    if activation == "softmax" and not last:
        raise ProblemError(f"{source}: {place}activation: softmax belongs to the last layer")
    name = "output layer" if last and index > 1 else f"layer {index}"
    try:
        return nn.Layer.from_arrays(
            weights, bias, name=name, activation="linear" if activation == "softmax" else activation
        )
    except ValueError as error:
        raise ProblemError(f"{source}: {place}activation: {error}") from None


@dataclass(frozen=True)
class Solution:
    """A solved problem: Values whose `data` and `grad` are the answers.

    x        the input
    z, h     for each layer the weighted sums Z and the activations H; the last H is ŷ
    slopes   for each layer f'(Z), the derivatives of the activations; none for softmax, which mixes its inputs
    loss     None without a target, and then there are no gradients
    updated  for each layer weights and bias after one step of gradient descent; None where that is not given
    """

    problem: Problem
    x: list[Value]
    z: list[list[Value]]
    h: list[list[Value]]
    slopes: list[list[float]]
    loss: Value | None
    updated: list[tuple[list[list[float]], list[float]]] | None


def solve(problem: Problem) -> Solution:
    """Compute every forward value, and with a target every gradient and the updated parameters.

    >>> problem = Problem.from_dict({"input": [2], "target": [0], "layer": [{"weights": [[3]], "bias": [1]}]})
    >>> solve(problem).z[0][0].grad
    14.0

    Raises what the operations raise outside their domains.
    """
    x = nn.as_values(problem.input, "x", "input")
    z: list[list[Value]] = []
    h: list[list[Value]] = []
    slopes: list[list[float]] = []
    for layer, activation in zip(problem.layers, problem.activations, strict=True):
        z.append(layer.weighted_sums(h[-1] if h else x))
        h.append(nn.softmax(z[-1]) if activation == "softmax" else layer.activations(z[-1]))
        slopes.append([] if activation == "softmax" else [_slope(*pair) for pair in zip(z[-1], h[-1], strict=True)])
    if problem.target is None:
        return Solution(problem, x, z, h, slopes, None, None)
    loss = _loss(problem, z[-1], h[-1])
    loss.zero_grad()
    loss.backward()
    return Solution(problem, x, z, h, slopes, loss, _updated(problem))


def _loss(problem: Problem, logits: list[Value], outputs: list[Value]) -> Value:
    loss, head = LOSSES[problem.loss]
    targets = nn.as_values(problem.target or (), "y", "target")
    if head is None:
        return loss(outputs, targets)
    try:
        return loss(outputs, targets, from_logits=False)  # the textbook's graph
    except ValueError:  # a probability so small that it is 0 has no logarithm; its logit has all that is needed
        return loss(logits, targets)


def _slope(z: Value, h: Value) -> float:
    """Return dh/dz, and leave no gradients behind."""
    h.backward()
    slope = z.grad
    h.zero_grad()
    return slope


def _updated(problem: Problem) -> list[tuple[list[list[float]], list[float]]] | None:
    if problem.learning_rate is None:
        return None
    parameters = [parameter for layer in problem.layers for parameter in layer.parameters()]
    given = [parameter.data for parameter in parameters]
    SGD(parameters, problem.learning_rate).step()
    updated = [weights_and_bias(layer, "data") for layer in problem.layers]
    for parameter, data in zip(parameters, given, strict=True):
        parameter.data = data
    return updated


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
    return "\n".join(_Report(solution, digits).lines())


class _Report:
    def __init__(self, solution: Solution, digits: int) -> None:
        self.solution, self.problem, self.digits = solution, solution.problem, digits
        depth = len(self.problem.layers)
        self.h = ["x"] + [f"H{i}" if depth > 2 else "H" for i in range(1, depth)] + ["ŷ"]

    def lines(self) -> Iterator[str]:
        problem, solution = self.problem, self.solution
        depth = len(problem.layers)
        rate = "" if problem.learning_rate is None else f", learning rate {problem.learning_rate:g}"
        yield f"{problem.source}: {problem.title}{rate}"

        yield "\nForward pass"
        for i in range(depth):
            yield self.row(f"Z{i + 1} = W{i + 1} {self.h[i]} + b{i + 1}", solution.z[i])
            yield self.row(f"{self.h[i + 1]} = {self.applied(i)}", solution.h[i])
        loss = solution.loss
        if loss is None:
            yield "\nGradients, for a target y"
            yield "(`target` is missing in the problem: with it, or --target, they are computed)"
        else:
            yield self.row(f"loss = {self.loss_formula()}", [loss])
            yield "\nError terms, δ = ∂loss/∂Z"
        for i in reversed(range(depth)):
            if i < depth - 1 or problem.loss == "mse":
                yield self.row(self.applied(i, "'"), solution.slopes[i])
            yield self.row(f"δ{i + 1} = {self.error_formula(i)}", [z.grad for z in solution.z[i]] if loss else None)
        if loss:
            yield "\nGradients"
        for i, layer in enumerate(problem.layers):
            weights, bias = weights_and_bias(layer, "grad") if loss else (None, None)
            yield from self.table(f"∂loss/∂W{i + 1} = δ{i + 1} {self.h[i]}ᵀ", weights)
            yield self.row(f"∂loss/∂b{i + 1} = δ{i + 1}", bias)
        if solution.updated is not None:
            yield f"\nParameters after one step, W - {problem.learning_rate:g} ∂loss/∂W"
            for i, (weights, bias) in enumerate(solution.updated, 1):
                yield from self.table(f"W{i}", weights)
                yield self.row(f"b{i}", bias)
        elif loss:
            yield "\n(`learning_rate` is missing in the problem: with it, the updated parameters are computed)"

    def applied(self, i: int, prime: str = "") -> str:
        activation = self.problem.activations[i]
        if activation == "linear":
            return "1" if prime else f"Z{i + 1}"
        return f"{self.problem.functions.get(activation, activation)}{prime}(Z{i + 1})"

    def loss_formula(self) -> str:
        n = len(self.problem.layers[-1].neurons)
        mean = f"1/{n} " if n > 1 else ""
        return {
            "cross-entropy": "-Σ y ln ŷ",
            "binary-cross-entropy": f"-{mean}Σ (y ln ŷ + (1 - y) ln(1 - ŷ))",
            "mse": f"{mean}Σ (ŷ - y)²",
        }[self.problem.loss]

    def error_formula(self, i: int) -> str:
        if i < len(self.problem.layers) - 1:
            return f"W{i + 2}ᵀ δ{i + 2} ∘ {self.applied(i, chr(39))}"
        n = len(self.problem.layers[-1].neurons)
        if self.problem.loss == "mse":
            return f"{f'2/{n}' if n > 1 else '2'} (ŷ - y) ∘ {self.applied(i, chr(39))}"
        return f"1/{n} (ŷ - y)" if self.problem.loss == "binary-cross-entropy" and n > 1 else "ŷ - y"

    def row(self, name: str, entries: Sequence[Any] | None) -> str:
        if entries is None:
            return f"  {name}"
        shown = ", ".join(map(self.number, entries))
        return f"  {name:<28} = {f'({shown})' if len(entries) > 1 else f' {shown}'}"

    def table(self, name: str, rows: list[list[float]] | None) -> Iterator[str]:
        yield f"  {name}"
        for row in rows or ():
            yield f"      [{', '.join(map(self.number, row))}]"

    def number(self, x: Value | float) -> str:
        return f"{x.data if isinstance(x, Value) else x:{self.digits + 3}.{self.digits}f}"
