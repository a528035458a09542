"""The record of a training run: the loss, and every parameter with its gradient, at every step."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import fsum, sqrt

from scalargrad import Value
from scalargrad.nn import Module

_PATH_PART = re.compile(r"[^.\[]+(?:\[[^\]]*\])?")  # such as layers[0], neurons[1] and w[2]


@dataclass
class LayerParameters:
    """The parameters of a layer, in rows: a row is a neuron. Each is told by its number among the model's parameters.

    >>> LayerParameters("layer 1", [[0, 1, 2], [3, 4, 5]]).size
    6
    """

    name: str
    rows: list[list[int]] = field(default_factory=list)  # of numbers of parameters

    @property
    def numbers(self) -> list[int]:
        """The numbers of all the parameters."""
        return [number for row in self.rows for number in row]

    @property
    def size(self) -> int:
        """How many parameters there are."""
        return len(self.numbers)


class Recording:
    """A training run as it happened: call `record` at every step, after `backward()`.

    >>> from scalargrad import nn, optim
    >>> model = nn.Layer.from_arrays([[1.0]], [0.0], activation="linear")
    >>> recording, optimizer = Recording(model), optim.SGD(model.parameters(), 0.1)
    >>> for _ in range(3):
    ...     loss = nn.mse(model([2.0]), [3.0])
    ...     model.zero_grad()
    ...     loss.backward()
    ...     recording.record(loss)
    ...     optimizer.step()
    >>> [round(loss, 6) for loss in recording.losses]
    [1.0, 0.0, 0.0]

    model       a Module, or parameters
    losses      the loss of each step
    parameters  those of the model; each step's `data` and `gradients` are in their order
    layers      the parameters by layer and neuron, as the model holds them

    Raises TypeError where the model is neither a Module nor Values, ValueError where it has no parameters.
    """

    def __init__(self, model: Module | Iterable[Value]) -> None:
        self.parameters, self.layers = by_layer(model)
        self.losses: list[float] = []
        self.data: list[array[float]] = []
        self.gradients: list[array[float]] = []

    def record(self, loss: Value | float) -> None:
        """Record a step: the loss, and the parameters' present data and gradients."""
        self.losses.append(loss.data if isinstance(loss, Value) else float(loss))
        self.data.append(array("d", [parameter.data for parameter in self.parameters]))
        self.gradients.append(array("d", [parameter.grad for parameter in self.parameters]))

    def gradient_sizes(self, layer: LayerParameters) -> list[float]:
        """Return, for each step, the root mean square of a layer's gradients.

        >>> w = Value(1.0)
        >>> recording = Recording([w])
        >>> w.grad = -2.0
        >>> recording.record(0.5)
        >>> recording.gradient_sizes(recording.layers[0])
        [2.0]
        """
        numbers = layer.numbers
        return [sqrt(fsum(step[i] * step[i] for i in numbers) / len(numbers)) for step in self.gradients]


def by_layer(model: Module | Iterable[Value]) -> tuple[list[Value], list[LayerParameters]]:
    """Return a model's parameters, and their layers. Raises what Recording raises.

    >>> from scalargrad import nn
    >>> [layer.name for layer in by_layer(nn.MLP(2, [3, 1]))[1]]
    ['layer 1', 'output layer']
    """
    named = list(model.named_parameters()) if isinstance(model, Module) else [("parameters", value) for value in model]
    for _, value in named:
        if not isinstance(value, Value):
            raise TypeError(f"model must be a Module or parameters, got {value!r} among them")
    if not named:
        raise ValueError("model has no parameters")
    return [value for _, value in named], _layers(named)


def _layers(named: list[tuple[str, Value]]) -> list[LayerParameters]:
    layers: dict[str, LayerParameters] = {}
    rows: dict[tuple[str, str], list[int]] = {}
    for number, (path, value) in enumerate(named):
        # The path layers[0].neurons[1].w[2] leads to the layer layers[0] and its row neurons[1]. A scope is a better
        # name for the layer, but two layers may have the same scope, so the path tells layers apart.
        steps = _PATH_PART.findall(path)
        name = value.scope[0] if value.scope else steps[0] if len(steps) > 2 else steps[0].partition("[")[0]
        layer = layers.setdefault(steps[0] if len(steps) > 2 else name, LayerParameters(name))
        row = (
            steps[1]
            if len(steps) > 2
            else value.scope[1]
            if len(value.scope) > 1
            else steps[0]
            if len(steps) > 1
            else ""
        )
        if (key := (steps[0] if len(steps) > 2 else name, row)) not in rows:
            layer.rows.append(rows.setdefault(key, []))
        rows[key].append(number)
    return list(layers.values())
