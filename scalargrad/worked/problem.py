"""Network problems: a network with all numbers given, read from TOML, a dict or a model."""

from __future__ import annotations

import copy
import difflib
import reprlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from scalargrad import files, nn
from scalargrad.nn.losses import LOSSES
from scalargrad.op import is_number
from scalargrad.value import Value

MOST_STEPS = 1000


class ProblemError(ValueError):
    """A problem that is not one; the message names the file, the key and what was wrong."""


class Example(NamedTuple):
    """An input and, where it is known, its target."""

    input: tuple[float, ...]
    target: tuple[float, ...] | None


@dataclass(frozen=True)
class Problem:
    """A network with all numbers given, as a problem file states it.

    >>> problem = Problem.from_dict({"input": [1, 2], "layer": [{"weights": [[3, 4]], "bias": [5]}]})
    >>> problem.title
    '2-1 network, mse'

    examples       one input and target, or a batch of them: the loss is then their mean
    layers         the parameters
    activations    a name or an expression in z for each layer
    learning_rate  None where there is no update to compute
    steps          of gradient descent
    source         what error messages and titles call the problem: its file
    """

    examples: tuple[Example, ...]
    layers: tuple[nn.Layer, ...]
    activations: tuple[str, ...]
    loss: str
    learning_rate: float | None
    source: str
    steps: int = 1

    @property
    def input(self) -> tuple[float, ...]:
        """The (first) input."""
        return self.examples[0].input

    @property
    def target(self) -> tuple[float, ...] | None:
        """The (first) target."""
        return self.examples[0].target

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Problem:
        """Read a TOML file. Raises OSError where it cannot be read, ProblemError where it states no problem."""
        return cls.from_dict(read_toml(path), Path(path).name)

    @classmethod
    def from_dict(cls, data: dict[str, Any], source: str = "problem") -> Problem:
        """Check what a file states, and make the network. Raises ProblemError.

        `input` is a list of numbers, or a list of such lists: a batch. `target` has the same form.
        """
        _check_keys(source, "", data, ("input", "target", "loss", "learning_rate", "steps", "layer"))
        inputs = _rows(source, "input", data.get("input"))
        tables = data.get("layer")
        if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
            raise ProblemError(f"{source}: layer: expected [[layer]] tables, got {_shown(tables)}")
        layers: list[nn.Layer] = []
        for i, table in enumerate(tables, 1):
            nin = len(layers[-1].neurons) if layers else len(inputs[0])
            layers.append(_layer(source, i, table, nin, last=i == len(tables)))
        activations = tuple(table.get("activation", "linear") for table in tables)
        examples = tuple(Example(x, None) for x in inputs)
        loss: Any = data.get("loss")
        rate, steps = data.get("learning_rate"), data.get("steps", 1)
        problem = cls(examples, tuple(layers), activations, loss, rate, source, steps)._checked()
        return problem.with_target(data["target"]) if "target" in data else problem

    @classmethod
    def from_model(
        cls,
        model: nn.Module,
        input: Any,
        target: Any = None,
        *,
        loss: Any = None,
        learning_rate: float | None = None,
        steps: int = 1,
    ) -> Problem:
        """Make the problem of a Neuron, a Layer or an MLP at an input, or at a batch of inputs.

        >>> model = nn.Layer.from_arrays([[1, 2], [3, 4]], [0, 0], activation="tanh")
        >>> Problem.from_model(model, [0.1, 0.2], target=[0, 1]).title
        '2-2 network, tanh, mse'

        A cross-entropy loss puts a softmax, and a binary one a sigmoid, on top of linear outputs. Raises ProblemError.
        """
        source = type(model).__name__
        layers: list[nn.Layer] = copy.deepcopy(_layers_of(model))
        activations: list[str] = []
        for i, layer in enumerate(layers, 1):
            kinds = {neuron.activation for neuron in layer.neurons}
            if len(kinds) > 1:
                raise ProblemError(f"{source}: layer {i}: expected neurons of one activation, got {sorted(kinds)}")
            activations += kinds
        needed = LOSSES[loss].head if loss in LOSSES else None
        if needed and activations[-1] == "linear":
            activations[-1] = needed
            if needed != "softmax":
                for neuron in layers[-1].neurons:
                    neuron.nonlin, (neuron.activation, neuron._function) = True, nn.activation_function(needed)
        inputs = _rows(source, "input", _plain(input))
        nin = len(layers[0].neurons[0].w)
        if len(inputs[0]) != nin:
            raise ProblemError(f"{source}: input: expected {nin} numbers, got {len(inputs[0])}")
        examples = tuple(Example(x, None) for x in inputs)
        problem = cls(examples, tuple(layers), tuple(activations), loss, learning_rate, source, steps)._checked()
        return problem if target is None else problem.with_target(_plain(target))

    def _checked(self) -> Problem:
        """Return the problem with what it leaves open filled in; raise where its parts do not fit."""
        output = self.activations[-1]
        loss: Any = self.loss
        if loss is None:
            loss = "cross-entropy" if output == "softmax" else "mse"
        if not isinstance(loss, str) or loss not in LOSSES:
            raise ProblemError(f"{self.source}: loss: expected one of {', '.join(LOSSES)}, got {_shown(loss)}")
        needed = LOSSES[loss].head or ("anything else" if output == "softmax" else output)
        if output != needed:
            place = f"{self.source}: layer {len(self.layers)}: activation"
            raise ProblemError(f"{place}: the loss {loss} needs {needed}, got {_shown(output)}")
        rate = self.learning_rate
        if rate is not None and (not _is_number(rate) or rate < 0):
            raise ProblemError(f"{self.source}: learning_rate: expected a number of at least 0, got {_shown(rate)}")
        if type(self.steps) is not int or not 1 <= self.steps <= MOST_STEPS:
            expected = f"a whole number from 1 to {MOST_STEPS}"
            raise ProblemError(f"{self.source}: steps: expected {expected}, got {_shown(self.steps)}")
        return replace(self, loss=loss, learning_rate=None if rate is None else float(rate))

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
        expressions = [a for a in dict.fromkeys(self.activations) if a == "z" or not a.isidentifier()]
        return {a: f"f{i}" if len(expressions) > 1 else "f" for i, a in enumerate(expressions, 1)}

    def with_target(self, target: Any) -> Problem:
        """Return the same problem with a target, a number for each output; a list of those for a batch.

        Raises ProblemError.
        """
        rows = _rows(self.source, "target", target)
        if len(rows) != len(self.examples):
            got = f"{len(self.examples)} lists of numbers, one for each input, got {_shown(target)}"
            raise ProblemError(f"{self.source}: target: expected {got}")
        outputs = len(self.layers[-1].neurons)
        for numbers in rows:
            if len(numbers) != outputs:
                raise ProblemError(f"{self.source}: target: expected shape ({outputs},), got ({len(numbers)},)")
            targets = LOSSES[self.loss].targets
            if not targets.fit(numbers):
                raise ProblemError(f"{self.source}: target: expected {targets.words}, got {_shown(target)}")
        pairs = zip(self.examples, rows, strict=True)
        return replace(self, examples=tuple(Example(example.input, row) for example, row in pairs))

    def with_steps(self, steps: int) -> Problem:
        """Return the same problem with a number of steps of gradient descent. Raises ProblemError."""
        return replace(self, steps=steps)._checked()


def read_toml(path: str | PathLike[str], parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """Return what a TOML file says. Raises OSError where it cannot be read, ProblemError where it is no TOML."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    source = Path(path).name
    try:
        return tomllib.loads(files.read(path), parse_float=parse_float)
    except ValueError as error:  # too long, no TOML, no UTF-8, or an integer of thousands of digits
        raise ProblemError(f"{source}: {error}") from None
    except RecursionError:
        raise ProblemError(f"{source}: nested too deeply") from None


def _layers_of(model: nn.Module) -> list[nn.Layer]:
    if isinstance(model, nn.MLP):
        return model.layers
    if isinstance(model, nn.Neuron):
        layer = nn.Layer.from_arrays([[0.0] * len(model.w)], [0.0], name="layer 1")
        layer.neurons = [model]
        return [layer]
    if isinstance(model, nn.Layer):
        return [model]
    raise ProblemError(
        f"expected a Neuron, a Layer or an MLP, got {type(model).__name__}: explain(model(x)) takes any graph of Values"
    )


def _plain(numbers: Any) -> Any:
    """Return nested sequences as lists of numbers: Values by their data, arrays by their entries."""
    if isinstance(numbers, Value):
        return numbers.data
    if is_number(numbers):
        return float(numbers)
    iterable = hasattr(numbers, "__iter__") and not isinstance(numbers, (str, bytes))
    return [_plain(entry) for entry in numbers] if iterable else numbers


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


def _rows(source: str, key: str, entries: Any) -> tuple[tuple[float, ...], ...]:
    """Read a list of numbers, as one row, or a list of such lists."""
    if not isinstance(entries, (list, tuple)) or not entries or not isinstance(entries[0], (list, tuple)):
        return (_vector(source, key, entries),)
    rows = [_vector(source, f"{key}: row {i}", row) for i, row in enumerate(entries, 1)]
    for i, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise ProblemError(
                f"{source}: {key}: row {i}: expected {len(rows[0])} numbers, as in row 1, got {len(row)}"
            )
    return tuple(rows)


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
