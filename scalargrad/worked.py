"""Network problems, read from TOML and solved: every forward value, every gradient, the updated parameters.

All numbers are read off a recorded graph of Values and its backward pass; nothing is computed by matrix
formulas beside it.
"""

from __future__ import annotations

import copy
import difflib
import reprlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isclose
from os import PathLike
from pathlib import Path
from typing import Any

from scalargrad import nn, ops
from scalargrad.optim import SGD
from scalargrad.value import Value

# Each loss, and the activation that its output layer must have (None: any but softmax).
LOSSES: dict[str, tuple[Callable[..., Value], str | None]] = {
    "cross-entropy": (nn.cross_entropy, "softmax"),
    "binary-cross-entropy": (nn.binary_cross_entropy, "sigmoid"),
    "mse": (nn.mse, None),
}

# The losses of probabilities, and the probabilities that their textbook graph is right for. Where 1 - p is small, its
# rounding costs digits; where p is tiny, 1/p overflows, or p/Σexp, on softmax's way back, vanishes (Σexp < 1e261).
TEXTBOOK = {"cross-entropy": (1e-30, 1.0), "binary-cross-entropy": (1e-3, 1 - 1e-3)}


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
        source = Path(path).name
        try:
            data = tomllib.loads(Path(path).read_bytes().decode())
        except ValueError as error:  # no TOML, no UTF-8, or an integer of thousands of digits
            raise ProblemError(f"{source}: {error}") from None
        except RecursionError:
            raise ProblemError(f"{source}: nested too deeply") from None
        return cls.from_dict(data, source)

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
        expressions = [a for a in dict.fromkeys(self.activations) if a not in (*ops.TABLE, "linear", "softmax")]
        return {a: f"f{i}" if len(expressions) > 1 else "f" for i, a in enumerate(expressions, 1)}

    def with_target(self, target: Any) -> Problem:
        """Return the same problem with a target, a number for each output. Raises ProblemError."""
        numbers = _vector(self.source, "target", target)
        outputs = len(self.layers[-1].neurons)
        if len(numbers) != outputs:
            raise ProblemError(f"{self.source}: target: expected shape ({outputs},), got ({len(numbers)},)")
        if self.loss == "cross-entropy" and not (isclose(sum(numbers), 1) and min(numbers) >= 0):
            raise ProblemError(f"{self.source}: target: expected probabilities that sum to 1, got {_shown(target)}")
        if self.loss == "binary-cross-entropy" and not all(0 <= number <= 1 for number in numbers):
            raise ProblemError(f"{self.source}: target: expected probabilities from 0 to 1, got {_shown(target)}")
        return replace(self, target=numbers)


def _check_keys(source: str, place: str, table: dict[str, Any], known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"the keys are {', '.join(known)}"
            raise ProblemError(f"{source}: {place}unknown key {key!r}; {hint}")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= sys.float_info.max  # exact for integers of any size


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

    layers   its own copy of the problem's layers: the parameters, and their gradients
    x        the input
    z, h     for each layer the weighted sums Z and the activations H; the last H is ŷ
    slopes   for each layer f'(Z), the derivatives of the activations; none for softmax, which mixes its inputs
    loss     None without a target, and then there are no gradients
    updated  for each layer weights and bias after one step of gradient descent; None where that is not given
    """

    problem: Problem
    layers: tuple[nn.Layer, ...]
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
    layers = copy.deepcopy(problem.layers)
    x = nn.as_values(problem.input, "x", "input")
    z: list[list[Value]] = []
    h: list[list[Value]] = []
    slopes: list[list[float]] = []
    for layer, activation in zip(layers, problem.activations, strict=True):
        z.append(layer.weighted_sums(h[-1] if h else x))
        h.append(nn.softmax(z[-1]) if activation == "softmax" else layer.activations(z[-1]))
        slopes.append([] if activation == "softmax" else list(map(_slope, layer.neurons, z[-1])))
    if problem.target is None:
        return Solution(problem, layers, x, z, h, slopes, None, None)
    loss = _loss(problem, z[-1], h[-1])
    loss.backward()
    updated = None if problem.learning_rate is None else _updated(layers, problem.learning_rate)
    return Solution(problem, layers, x, z, h, slopes, loss, updated)


def _loss(problem: Problem, logits: list[Value], outputs: list[Value]) -> Value:
    loss, _ = LOSSES[problem.loss]
    targets = nn.as_values(problem.target or (), "y", "target")
    if problem.loss not in TEXTBOOK:
        return loss(outputs, targets)
    low, high = TEXTBOOK[problem.loss]
    if all(low <= p.data <= high for p in outputs):
        return loss(outputs, targets, from_logits=False)
    return loss(logits, targets)


def _slope(neuron: nn.Neuron, z: Value) -> float:
    start = z.detach()  # from here, so that nothing upstream takes part
    neuron.activate(start).backward()
    return start.grad


def _updated(layers: Sequence[nn.Layer], learning_rate: float) -> list[tuple[list[list[float]], list[float]]]:
    stepped = copy.deepcopy(layers)
    SGD([parameter for layer in stepped for parameter in layer.parameters()], learning_rate).step()
    return [weights_and_bias(layer, "data") for layer in stepped]


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


def fixed(x: float, digits: int) -> str:
    """Write a number with so many decimals; in scientific notation where it is huge, or would look like 0.

    >>> fixed(2.5, 3), fixed(1e-9, 3), fixed(-0.0, 3)
    ('2.500', '1.000e-09', '0.000')
    """
    shown = f"{x + 0.0:.{digits}f}"  # + 0.0 makes -0.0 a 0.0
    hidden = x != 0 and float(shown) == 0
    return f"{x:.{digits}e}" if hidden or abs(x) >= 1e15 else shown


class _Report:
    def __init__(self, solution: Solution, digits: int) -> None:
        self.solution, self.problem, self.digits = solution, solution.problem, digits
        depth = len(self.problem.layers)
        self.h = ["x"] + [f"H{i}" if depth > 2 else "H" for i in range(1, depth)] + ["ŷ"]
        rate = self.problem.learning_rate
        self.rate = None if rate is None else repr(rate).removesuffix(".0")

    def lines(self) -> Iterator[str]:
        problem, solution = self.problem, self.solution
        depth, solved = len(problem.layers), solution.loss is not None
        yield f"{problem.source}: {problem.title}" + (f", learning rate {self.rate}" if self.rate else "")

        yield "\nForward pass"
        for i in range(depth):
            yield self.row(f"Z{i + 1} = W{i + 1} {self.h[i]} + b{i + 1}", solution.z[i])
            yield self.row(f"{self.h[i + 1]} = {self.applied(i)}", solution.h[i])
        if solution.loss is None:
            yield "\nGradients, for a target y"
            yield "(`target` is missing in the problem: with it, or --target, they are computed)"
        else:
            yield self.row(f"loss = {self.loss_formula()}", [solution.loss])
            yield "\nError terms, δ = ∂loss/∂Z"
        for i in reversed(range(depth)):
            if (i < depth - 1 or problem.loss == "mse") and problem.activations[i] != "linear":
                yield self.row(self.applied(i, "'"), solution.slopes[i])
            yield self.row(f"δ{i + 1} = {self.error_formula(i)}", [z.grad for z in solution.z[i]] if solved else None)
        if solved:
            yield "\nGradients"
        for i, layer in enumerate(solution.layers):
            weights, bias = weights_and_bias(layer, "grad") if solved else (None, None)
            yield from self.table(f"∂loss/∂W{i + 1} = δ{i + 1} {self.h[i]}ᵀ", weights)
            yield self.row(f"∂loss/∂b{i + 1} = δ{i + 1}", bias)
        if solution.updated is not None:
            yield f"\nParameters after one step, W - {self.rate} ∂loss/∂W"
            for i, (weights, bias) in enumerate(solution.updated, 1):
                yield from self.table(f"W{i}", weights)
                yield self.row(f"b{i}", bias)
        elif solved:
            yield "\n(`learning_rate` is missing in the problem: with it, the updated parameters are computed)"

    def applied(self, i: int, prime: str = "") -> str:
        activation = self.problem.activations[i]
        if activation == "linear":
            return f"Z{i + 1}"
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
        slope = "" if self.problem.activations[i] == "linear" else f" ∘ {self.applied(i, chr(39))}"
        if i < len(self.problem.layers) - 1:
            return f"W{i + 2}ᵀ δ{i + 2}{slope}"
        n = len(self.problem.layers[-1].neurons)
        if self.problem.loss == "mse":
            factor = {1: "2 ", 2: ""}.get(n, f"2/{n} ")
            return f"{factor}(ŷ - y){slope}" if factor or slope else "ŷ - y"
        return f"1/{n} (ŷ - y)" if self.problem.loss == "binary-cross-entropy" and n > 1 else "ŷ - y"

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
