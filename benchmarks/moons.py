"""One training step of micrograd's demo: a network of 2-16-16-1 neurons, 100 points of two half-moons.

The classes and the loss are micrograd's program text, over whatever class of scalars they are given; the two trainings
over tensors do the same as a user of those would write it. All start from the same weights.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

SEED = 1337
SAMPLES = 100
ALPHA = 1e-4  # of the L2 regularisation

Scalar = Callable[[float], Any]


def half_moons(samples: int = SAMPLES, noise: float = 0.1) -> tuple[list[list[float]], list[float]]:
    """Make points on two interleaving half circles, with noise, and the labels -1 and 1."""
    rng = random.Random(SEED)  # noqa: S311 - data, not secrets
    points, labels = [], []
    for i in range(samples):
        angle = math.pi * rng.random()
        x, y = math.cos(angle), math.sin(angle)
        if i % 2:
            x, y = 1 - x, 0.5 - y
        points.append([x + rng.gauss(0, noise), y + rng.gauss(0, noise)])
        labels.append(1.0 if i % 2 else -1.0)
    return points, labels


class Neuron:
    def __init__(self, scalar: Scalar, nin: int, *, nonlin: bool = True) -> None:
        self.w = [scalar(random.uniform(-1, 1)) for _ in range(nin)]  # noqa: S311 - weights, not secrets
        self.b = scalar(0.0)
        self.nonlin = nonlin

    def __call__(self, x: list[Any]) -> Any:
        act = sum((wi * xi for wi, xi in zip(self.w, x)), self.b)  # noqa: B905 - micrograd's line
        return act.relu() if self.nonlin else act

    def parameters(self) -> list[Any]:
        return [*self.w, self.b]


class Layer:
    def __init__(self, scalar: Scalar, nin: int, nout: int, *, nonlin: bool) -> None:
        self.neurons = [Neuron(scalar, nin, nonlin=nonlin) for _ in range(nout)]

    def __call__(self, x: list[Any]) -> Any:
        out = [n(x) for n in self.neurons]
        return out[0] if len(out) == 1 else out

    def parameters(self) -> list[Any]:
        return [p for n in self.neurons for p in n.parameters()]


class MLP:
    def __init__(self, scalar: Scalar, nin: int, nouts: list[int]) -> None:
        sz = [nin, *nouts]
        self.layers = [Layer(scalar, sz[i], sz[i + 1], nonlin=i != len(nouts) - 1) for i in range(len(nouts))]

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def parameters(self) -> list[Any]:
        return [p for layer in self.layers for p in layer.parameters()]


def model_of(scalar: Scalar) -> MLP:
    random.seed(SEED)
    return MLP(scalar, 2, [16, 16, 1])


def learning_rate(step: int) -> float:
    return 1.0 - 0.9 * step / 100


class OverScalars:
    """The demo over a class of scalars.

    parameter  makes one that takes a gradient, where that differs
    network    makes the network of the sizes of its layers, in place of micrograd's
    """

    def __init__(
        self,
        scalar: Scalar,
        parameter: Scalar | None = None,
        zero: float | None = 0.0,
        network: Callable[[int, list[int]], Any] | None = None,
    ) -> None:
        self.scalar, self.zero = scalar, zero
        random.seed(SEED)
        self.model = network(2, [16, 16, 1]) if network else model_of(parameter or scalar)
        self.points, self.labels = half_moons()

    def forward(self) -> Any:
        inputs = [list(map(self.scalar, point)) for point in self.points]
        scores = list(map(self.model, inputs))
        # SVM "max-margin" loss
        losses = [(1 + -yi * scorei).relu() for yi, scorei in zip(self.labels, scores)]  # noqa: B905 - as above
        data_loss = sum(losses) * (1.0 / len(losses))
        # L2 regularisation
        reg_loss = ALPHA * sum(p * p for p in self.model.parameters())
        return data_loss + reg_loss

    def backward(self, loss: Any) -> None:
        for p in self.model.parameters():
            p.grad = self.zero
        loss.backward()

    def update(self, step: int) -> None:
        rate = learning_rate(step)
        for p in self.model.parameters():
            p.data -= rate * p.grad

    def number(self, loss: Any) -> float:
        return float(loss.data)


def weights_and_biases() -> list[tuple[list[list[float]], list[float]]]:
    """Return the starting parameters as one matrix (a row a neuron) and one vector a layer."""
    return [([n.w for n in layer.neurons], [n.b for n in layer.neurons]) for layer in model_of(float).layers]


class OverTorchTensors:
    """The demo in PyTorch, batched, in float64."""

    def __init__(self) -> None:
        import torch

        layers: list[Any] = []
        for weights, biases in weights_and_biases():
            linear = torch.nn.Linear(len(weights[0]), len(weights), dtype=torch.float64)
            with torch.no_grad():
                linear.weight.copy_(torch.tensor(weights, dtype=torch.float64))
                linear.bias.copy_(torch.tensor(biases, dtype=torch.float64))
            layers += [linear, torch.nn.ReLU()]
        self.model = torch.nn.Sequential(*layers[:-1])
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1.0)
        points, labels = half_moons()
        self.points = torch.tensor(points, dtype=torch.float64)
        self.labels = torch.tensor(labels, dtype=torch.float64)

    def forward(self) -> Any:
        scores = self.model(self.points).squeeze(1)
        data_loss = (1 - self.labels * scores).relu().mean()
        return data_loss + ALPHA * sum((p * p).sum() for p in self.model.parameters())

    def backward(self, loss: Any) -> None:
        self.optimizer.zero_grad()
        loss.backward()

    def update(self, step: int) -> None:
        self.optimizer.param_groups[0]["lr"] = learning_rate(step)
        self.optimizer.step()

    def number(self, loss: Any) -> float:
        return float(loss.item())


class OverAutogradArrays:
    """The demo in HIPS autograd, batched; its value_and_grad, taken apart into forward and backward."""

    def __init__(self) -> None:
        import autograd
        import autograd.numpy as np

        self.np, self.make_vjp = np, autograd.make_vjp
        self.parameters = [np.array(array) for layer in weights_and_biases() for array in layer]
        points, labels = half_moons()
        self.points, self.labels = np.array(points), np.array(labels)

    def loss(self, parameters: list[Any]) -> Any:
        np, x = self.np, self.points
        for weights, biases in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
            x = np.maximum(x @ weights.T + biases, 0)
        scores = (x @ parameters[-2].T + parameters[-1])[:, 0]
        data_loss = np.mean(np.maximum(1 - self.labels * scores, 0))
        return data_loss + ALPHA * sum(np.sum(p * p) for p in parameters)

    def forward(self) -> Any:
        return self.make_vjp(self.loss)(self.parameters)

    def backward(self, loss: Any) -> None:
        self.gradients = loss[0](1.0)

    def update(self, step: int) -> None:
        rate = learning_rate(step)
        self.parameters = [p - rate * g for p, g in zip(self.parameters, self.gradients, strict=True)]

    def number(self, loss: Any) -> float:
        return float(loss[1])
