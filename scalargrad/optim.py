"""Optimisers: they change parameters by their gradients, with PyTorch's formulas."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf, sqrt
from typing import Any

from scalargrad.op import number
from scalargrad.value import Value


class Optimizer:
    """What all optimisers share: parameters, a learning rate, `zero_grad()` and `step()`.

    The learning rate may be changed between steps; `lr` is another word for it. Raises TypeError for a parameter that is
    no Value, ValueError for a rate outside its range.
    """

    default_learning_rate = 0.01

    def __init__(
        self, parameters: Iterable[Value], learning_rate: float | None = None, lr: float | None = None
    ) -> None:
        self.parameters = list(parameters)
        for parameter in self.parameters:
            if not isinstance(parameter, Value):
                raise TypeError(f"parameters must be Values, got {parameter!r} ({type(parameter).__name__})")
            if parameter.parents:
                raise ValueError(f"parameters must be leaves, got {parameter!r}, which is computed from others")
        if len(set(self.parameters)) < len(self.parameters):
            raise ValueError("parameters must be different, got one of them twice")
        if lr is not None and learning_rate is not None:
            raise TypeError(f"learning_rate and lr are two words for one thing, got {learning_rate!r} and {lr!r}")
        name, rate = ("learning_rate", learning_rate) if lr is None else ("lr", lr)
        self.learning_rate = _within(self.default_learning_rate if rate is None else rate, name)

    @property
    def lr(self) -> float:
        """The learning rate, by PyTorch's name."""
        return self.learning_rate

    @lr.setter
    def lr(self, rate: float) -> None:
        self.learning_rate = rate

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to zero."""
        for parameter in self.parameters:
            parameter.grad = 0.0

    def step(self) -> None:
        """Change every parameter's data by its gradient."""
        raise NotImplementedError


class SGD(Optimizer):
    """Gradient descent, with momentum and weight decay (L2) where asked for; the learning rate is 0.01 by default.

    >>> w = Value(1.0)
    >>> w.grad = 2.0
    >>> SGD([w], learning_rate=0.1).step()
    >>> w.data
    0.8

    Formula: g += weight_decay*w; v = momentum*v + g; w -= learning_rate*v.
    Source: Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013, in
    PyTorch's form.
    """

    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float | None = None,
        *,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        lr: float | None = None,
    ) -> None:
        super().__init__(parameters, learning_rate, lr)
        self.momentum = _within(momentum, "momentum", 1)
        self.weight_decay = _within(weight_decay, "weight_decay")
        self.velocity = [0.0] * len(self.parameters)

    def step(self) -> None:
        for i, parameter in enumerate(self.parameters):
            gradient = parameter.grad + self.weight_decay * parameter.data
            self.velocity[i] = self.momentum * self.velocity[i] + gradient
            parameter.data -= self.learning_rate * self.velocity[i]


class Adam(Optimizer):
    """Adam: steps scaled by running moments of the gradient; weight decay joins the gradient (L2).

    The learning rate is 0.001 by default.

    >>> w = Value(1.0)
    >>> w.grad = 2.0
    >>> Adam([w], learning_rate=0.1).step()
    >>> round(w.data, 6)
    0.9

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1.
    """

    decoupled, default_learning_rate = False, 0.001

    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float | None = None,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        lr: float | None = None,
    ) -> None:
        super().__init__(parameters, learning_rate, lr)
        self.betas = _within(betas[0], "betas[0]", 1), _within(betas[1], "betas[1]", 1)
        self.epsilon = _within(epsilon, "epsilon")
        self.weight_decay = _within(weight_decay, "weight_decay")
        self.steps = 0
        self.mean = [0.0] * len(self.parameters)
        self.square = [0.0] * len(self.parameters)

    def step(self) -> None:
        self.steps += 1
        beta1, beta2 = self.betas
        for i, parameter in enumerate(self.parameters):
            gradient = parameter.grad
            if self.decoupled:
                parameter.data -= self.learning_rate * self.weight_decay * parameter.data
            else:
                gradient += self.weight_decay * parameter.data
            self.mean[i] = beta1 * self.mean[i] + (1 - beta1) * gradient
            self.square[i] = beta2 * self.square[i] + (1 - beta2) * gradient * gradient
            mean = self.mean[i] / (1 - beta1**self.steps)
            square = self.square[i] / (1 - beta2**self.steps)
            parameter.data -= self.learning_rate * mean / (sqrt(square) + self.epsilon)


class AdamW(Adam):
    """Adam whose weight decay (0.01 by default) acts on the weights directly, not through the gradient.

    >>> w = Value(1.0)
    >>> AdamW([w], learning_rate=0.1, weight_decay=0.5).step()
    >>> w.data
    0.95

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019, algorithm 2.
    """

    decoupled = True

    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float | None = None,
        *,
        weight_decay: float = 0.01,
        **keywords: Any,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay=weight_decay, **keywords)


def _within(value: float, name: str, below: float = inf) -> float:
    value = number(value, name)
    if not 0 <= value < below:
        raise ValueError(f"{name} must be at least 0 and below {below}, got {value}")
    return value
