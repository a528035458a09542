"""Neurons, layers and networks of them, with micrograd's interface, and what PyTorch calls them.

Parameters are labelled w11, b1 and scoped by layer and neuron, so that pictures and worked solutions can name
and group them. A seeded micrograd program draws the same random numbers here, and gives the same results.
"""

from __future__ import annotations

import difflib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard, cast

from scalargrad import ops
from scalargrad.expression import Expression
from scalargrad.modes import scope
from scalargrad.nn.module import Module, as_values
from scalargrad.nn.neuron import activation, weighted_sum
from scalargrad.op import Op
from scalargrad.value import Value

__all__ = [
    "MLP",
    "Activation",
    "Elementwise",
    "Layer",
    "Linear",
    "Neuron",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "activation_function",
]

Activation = str | Callable[[Value], Value] | None


def activation_function(activation: Activation) -> tuple[str, Callable[[Value], Value] | None]:
    """Return the name and the function of an activation; no function for a linear one.

    >>> activation_function("relu(z) + sin(z)")[1](0.0)
    0.0

    `activation` is None or "linear", the name of an operation, an expression in z, or any function of a Value.
    Raises ValueError for a name that is no operation of one argument.
    """
    if activation is None or activation == "linear":
        return "linear", None
    if callable(activation):
        name = getattr(activation, "name", "") or getattr(activation, "__name__", "")
        return name if name.isidentifier() else "activation", activation
    if not isinstance(activation, str):
        raise TypeError(f"activation must be a name, an expression in z or a function, got {activation!r}")
    op = ops.TABLE.get(activation)
    if op is not None and len(op.partials) == 1:
        return activation, op
    if activation.isidentifier() and activation != "z":
        close = difflib.get_close_matches(activation.lower(), (*ops.TABLE, "linear"), 1)
        hint = f"did you mean {close[0]}?" if close else "an operation, or an expression such as relu(z) + sin(z)"
        raise ValueError(f"activation: no operation {activation!r}; {hint}")
    expression = Expression.parse(activation)
    if expression.names != ("z",):
        raise ValueError(f"activation must be an expression in z, got {activation!r}")
    return activation, _InZ(expression)


@dataclass(frozen=True)
class _InZ:
    """An expression as a function of z: a lambda could not be pickled."""

    expression: Expression

    def __call__(self, z: Value) -> Value:
        out: Value = self.expression(z=z)
        return out


def _is_method(function: Any) -> TypeGuard[Op]:
    # Methods are called, as micrograd's neurons call them, because programs patch them.
    return isinstance(function, Op) and ops.OPERATIONS.get(function.name) is function


def _applied(op: Op, x: Any) -> Any:
    return getattr(x, op.name)() if isinstance(x, Value) and _is_method(op) else op(x)


class Neuron(Module):
    """A weighted sum of inputs and an activation, relu unless `nonlin` is false.

    >>> Neuron(2, weights=[2, -1], bias=0.5)([Value(3.0), Value(4.0)])
    Value(data=2.5, grad=0.0, label='h')

    Without `weights`, each is drawn by random.uniform(-1, 1); without `bias` it is 0. `activation` is as in
    `activation_function`, and `index` the neuron's number in its layer, for names.
    Raises ValueError where the number of inputs or weights is not `nin`.
    """

    def __init__(
        self,
        nin: int,
        nonlin: bool = True,
        *,
        activation: Activation = "relu",
        weights: Sequence[float] | None = None,
        bias: float = 0.0,
        index: int | None = None,
    ) -> None:
        if nin < 1:
            raise ValueError(f"nin must be at least 1, got {nin}")
        row = "" if index is None else f"{index}," if max(nin, index) > 9 else f"{index}"
        self.name = "neuron" if index is None else f"neuron {index}"
        self.suffix = "" if index is None else f"{index}"
        self.nonlin = nonlin
        given = activation_function(activation)  # refused, even where none is applied
        self.activation, self._function = given if nonlin else activation_function(None)
        self._method = self._function.name if _is_method(self._function) else None
        self._z, self._h = f"z{self.suffix}", f"h{self.suffix}"  # labels
        if weights is None:
            weights = [random.uniform(-1, 1) for _ in range(nin)]  # noqa: S311 - weights, not secrets
        if len(weights) != nin:
            raise ValueError(f"{self.name}: expected {nin} weights, got {len(weights)}")
        with scope(self.name):
            self.w = [Value(weight, label=f"w{row}{i}") for i, weight in enumerate(weights, 1)]
            self.b = Value(bias, label=f"b{self.suffix}")
        for parameter in (*self.w, self.b):
            parameter.role = "parameter"

    def weighted_sum(self, x: Sequence[Any]) -> Value:
        """Return z = b + w1*x1 + w2*x2 + ..., added in that order, as micrograd does."""
        return weighted_sum(self.b, self.w, x, self.name, self._z)

    def activate(self, z: Value) -> Value:
        """Return the activation of z, labelled h."""
        if self._function is None or not self.nonlin:
            return z
        with scope(self.name):
            if isinstance(self._function, Op):
                h = _applied(self._function, z)
            else:  # a function may be several operations: they get a frame of their own in pictures
                with scope(self.activation if self.activation.isidentifier() else f"f = {self.activation}"):
                    h = self._function(z)
        if not isinstance(h, Value):
            raise TypeError(f"{self.name}: activation must return a Value, got {h!r}")
        h.label = h.label or self._h
        return h

    def __call__(self, x: Sequence[Any]) -> Value:
        z = weighted_sum(self.b, self.w, x, self.name, self._z)
        if self._method is None or not self.nonlin:
            return self.activate(z)
        return activation(z, self._method, self.name, self._h)

    def __repr__(self) -> str:
        name = {"relu": "ReLU", "linear": "Linear"}.get(self.activation, self.activation)
        return f"{name}Neuron({len(self.w)})"


class Layer(Module):
    """Neurons side by side on the same inputs; keywords go to each Neuron.

    >>> layer = Layer(2, 3, activation="tanh")
    >>> len(layer([1.0, 2.0])), len(layer.parameters())
    (3, 9)

    `weights` (nout rows of nin numbers) and `bias` (nout numbers) give the parameters, `name` the scope.
    Numbers among the inputs become Values labelled x1, x2, ... Returns a list, or the one output itself.
    Raises ValueError where shapes differ.
    """

    def __init__(
        self,
        nin: int,
        nout: int,
        *,
        weights: Sequence[Sequence[float]] | None = None,
        bias: Sequence[float] | None = None,
        name: str = "layer",
        **keywords: Any,
    ) -> None:
        if nout < 1:
            raise ValueError(f"nout must be at least 1, got {nout}")
        self.name = name
        rows = [None] * nout if weights is None else weights
        biases = [0.0] * nout if bias is None else bias
        if not len(rows) == len(biases) == nout:
            raise ValueError(f"{name}: expected {nout} rows of weights and biases, got {len(rows)} and {len(biases)}")
        with scope(name):
            self.neurons = [
                Neuron(nin, weights=row, bias=b, index=i, **keywords)
                for i, (row, b) in enumerate(zip(rows, biases, strict=True), 1)
            ]

    @classmethod
    def from_arrays(cls, weights: Sequence[Sequence[float]], bias: Sequence[float], **keywords: Any) -> Layer:
        """Make a layer of given weights, a row a neuron, and biases.

        >>> Layer.from_arrays([[1, 2]], [3], activation="linear")([1.0, 1.0]).data
        6.0
        """
        return cls(len(weights[0]) if len(weights) else 0, len(weights), weights=weights, bias=bias, **keywords)

    def weighted_sums(self, x: Sequence[Any]) -> list[Value]:
        """Return z of every neuron."""
        inputs = as_values(x, "x", "input")
        with scope(self.name):
            return [neuron.weighted_sum(inputs) for neuron in self.neurons]

    def activations(self, z: Sequence[Value]) -> list[Value]:
        """Return the activation of every neuron's z."""
        with scope(self.name):
            return [neuron.activate(zi) for neuron, zi in zip(self.neurons, z, strict=True)]

    def __call__(self, x: Sequence[Any]) -> Any:
        inputs = as_values(x, "x", "input")
        with scope(self.name):
            out = [neuron(inputs) for neuron in self.neurons]
        return out[0] if len(out) == 1 else out

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(str, self.neurons))}]"


class MLP(Module):
    """Layers one after another: a multi-layer perceptron.

    >>> model = MLP(3, [4, 4, 1])
    >>> model
    MLP of [Layer of [ReLUNeuron(3), ReLUNeuron(3), ReLUNeuron(3), ReLUNeuron(3)], Layer of [ReLUNeuron(4), ReLUNeuron(4), ReLUNeuron(4), ReLUNeuron(4)], Layer of [LinearNeuron(4)]]
    >>> len(model.parameters())
    41

    `activation` is that of the hidden layers (the output layer is linear, as in micrograd), or a list with one
    for every layer. Raises ValueError where a list has another length than `nouts`.
    """

    def __init__(
        self, nin: int, nouts: Sequence[int], *, activation: Activation | Sequence[Activation] = "relu"
    ) -> None:
        if isinstance(activation, (list, tuple)):
            activations = list(activation)
            if len(activations) != len(nouts):
                raise ValueError(f"activation: expected {len(nouts)}, one a layer, got {len(activations)}")
        else:
            activation_function(cast("Activation", activation))  # refused, even where there is no hidden layer
            activations = [*[activation] * (len(nouts) - 1), None]
        if not isinstance(nouts, Sequence) or not nouts:
            raise ValueError(f"nouts must be the sizes of one or more layers, got {nouts!r}")
        sizes = [nin, *nouts]
        self.layers = [
            Layer(
                sizes[i],
                sizes[i + 1],
                activation=activations[i],
                nonlin=activations[i] is not None,
                name=f"layer {i + 1}" if i + 1 < len(nouts) or i == 0 else "output layer",
            )
            for i in range(len(nouts))
        ]

    def __call__(self, x: Sequence[Any]) -> Any:
        out: Any = x
        for layer in self.layers:
            out = layer([out] if isinstance(out, Value) else out)
        return out

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(str, self.layers))}]"


# PyTorch's names: layers and activations as Modules, to be put one after another.


class Linear(Layer):
    """A Layer without activation.

    >>> Linear(2, 3)
    Layer of [LinearNeuron(2), LinearNeuron(2), LinearNeuron(2)]
    """

    def __init__(self, nin: int, nout: int, **keywords: Any) -> None:
        super().__init__(nin, nout, nonlin=False, **keywords)


class Elementwise(Module):
    """An operation as a Module: applied to a Value, or to each of a list.

    >>> [y.data for y in ReLU()([Value(-1.0), Value(2.0)])]
    [0.0, 2.0]
    """

    operation: Op

    def __call__(self, x: Any) -> Any:
        return _applied(self.operation, x) if isinstance(x, Value) else [_applied(self.operation, xi) for xi in x]

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ReLU(Elementwise):
    """relu as a Module.

    >>> ReLU()(Value(-1.0)).data
    0.0
    """

    operation = ops.relu


class Tanh(Elementwise):
    """tanh as a Module.

    >>> Tanh()(Value(0.0)).data
    0.0
    """

    operation = ops.tanh


class Sigmoid(Elementwise):
    """sigmoid as a Module.

    >>> Sigmoid()(Value(0.0)).data
    0.5
    """

    operation = ops.sigmoid


class Sequential(Module):
    """Modules one after another.

    >>> model = Sequential(Linear(2, 3), Tanh(), Linear(3, 1))
    >>> len(model.parameters()), model([0.5, -1.0]).label
    (13, 'z1')
    """

    def __init__(self, *layers: Callable[[Any], Any]) -> None:
        self.layers = list(layers)

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer([x] if isinstance(x, Value) and isinstance(layer, Layer) else x)
        return x

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self.layers))})"
