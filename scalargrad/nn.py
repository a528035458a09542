"""Networks made of Values: neurons, layers and losses, with micrograd's interface.

Parameters are labelled w11, b1 and scoped by layer and neuron, so that pictures and worked solutions can name
and group them. A seeded micrograd program draws the same random numbers here, and gives the same results.
"""

from __future__ import annotations

import difflib
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from math import inf, isinf
from numbers import Integral
from operator import add
from typing import Any, cast

from scalargrad import ops
from scalargrad.expression import Expression
from scalargrad.micrograd import one_module
from scalargrad.modes import scope
from scalargrad.op import Op, is_number, number
from scalargrad.ops import (
    abs,
    difference,
    equal,
    exp,
    greater,
    log,
    log1p,
    logaddexp,
    maximum,
    relu,
    sigmoid,
    softplus,
    stop_gradient,
    where,
    xlog1py,
    xlogy,
)
from scalargrad.traced import is_traced, under_way
from scalargrad.value import Value

one_module(__name__)

Activation = str | Callable[[Value], Value] | None


class Module:
    """Something with parameters: the leaf Values in its attributes, and in those of the Modules there.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.offset = Value(2.0), Value(1.0)
    >>> [name for name, parameter in Line().named_parameters()]
    ['slope', 'offset']
    """

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Yield every parameter with the path to it, such as `layers[0].neurons[1].w[2]`; a shared one once."""
        first: dict[Value, _Path] = {}
        for path, value in _leaves(self):
            first.setdefault(value, path)
        for value, path in first.items():
            yield _shown(path).removeprefix("."), value

    def parameters(self) -> list[Value]:
        """Return the parameters, in the order of the attributes."""
        return list(dict.fromkeys(value for _, value in _leaves(self)))

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to zero."""
        for parameter in self.parameters():
            parameter.grad = 0.0

    def state_dict(self) -> dict[str, Any]:
        """Return the parameters' data as plain dicts, lists and floats, which JSON can write.

        >>> Neuron(2, weights=[0.5, -1], bias=0).state_dict()
        {'w': [0.5, -1.0], 'b': 0.0}
        """
        return _state(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Set the parameters' data from what `state_dict` returned.

        Raises ValueError that names the entry where the shapes differ, TypeError where an entry is not a number;
        then nothing has changed.
        """
        loaded = list(_matched(self, state, ""))
        for parameter, data in loaded:
            parameter.data = data


_Path = tuple[Any, Any, Any] | None  # the path to a container, the container, and the key in it


def _children(thing: Any) -> Iterable[tuple[Any, Any]]:
    """List what a module or container holds, with its key."""
    if isinstance(thing, (Module, dict)):
        return (attributes_of(thing) if isinstance(thing, Module) else thing).items()
    return enumerate(thing)


def attributes_of(thing: Any) -> dict[str, Any]:
    """Return an object's attributes, as `vars` does, unnoticed: a program need not depend on all that was looked at.

    >>> attributes_of(Neuron(1))["nonlin"]
    True
    """
    found: dict[str, Any] = object.__getattribute__(thing, "__dict__")
    return found


def _shown(path: _Path) -> str:
    if path is None:
        return ""
    above, container, key = path
    return _shown(above) + (f".{key}" if isinstance(container, Module) else f"[{key!r}]")


def is_parameter(thing: Any) -> bool:
    """Say whether a thing in a module is a parameter, or stands for one in a transform or a compiled function.

    >>> is_parameter(Value(1.0)), is_parameter(1.0)
    (True, False)
    """
    return isinstance(thing, Value) and (
        thing.kind == "traced" or thing.role == "parameter" or not (thing.role or thing.parents)
    )


def _leaves(thing: Any, path: _Path = None, above: tuple[Any, ...] = ()) -> Iterator[tuple[_Path, Value]]:
    for key, child in _children(thing):
        if isinstance(child, Value):
            if is_parameter(child):
                yield (path, thing, key), child
        elif isinstance(child, (Module, list, tuple, dict)) and not any(child is module for module in above):
            yield from _leaves(child, (path, thing, key), (*above, thing))  # but for a module that knows its parent


def _with_parameters(thing: Any) -> list[tuple[Any, Any]]:
    return [(key, child) for key, child in _children(thing) if any(_leaves([child], above=(thing,)))]


def _state(thing: Any) -> Any:
    if isinstance(thing, Value):
        return thing.data
    states = {key: _state(child) for key, child in _with_parameters(thing)}
    return list(states.values()) if isinstance(thing, (list, tuple)) else states


def _matched(thing: Any, state: Any, path: str) -> Iterator[tuple[Value, float]]:
    name = path.removeprefix(".") or "state"
    if isinstance(thing, Value):
        yield thing, number(state, name)
        return
    children = _with_parameters(thing)
    if isinstance(thing, (list, tuple)):
        if not isinstance(state, (list, tuple)) or len(state) != len(children):
            got = len(state) if isinstance(state, (list, tuple)) else repr(state)
            raise ValueError(f"{name}: expected a list of {len(children)}, got {got}")
        pairs: list[Any] = list(state)
    else:
        keys = [child[0] for child in children]
        if not isinstance(state, dict) or set(state) != set(keys):
            raise ValueError(
                f"{name}: expected the keys {keys}, got {list(state) if isinstance(state, dict) else state!r}"
            )
        pairs = [state[key] for key in keys]
    for (key, child), entry in zip(children, pairs, strict=True):
        yield from _matched(child, entry, path + _shown((None, thing, key)))


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


def _applied(op: Op, x: Any) -> Any:
    # By the method, as micrograd's neurons do it: programs patch it.
    return getattr(x, op.name)() if isinstance(x, Value) and ops.TABLE.get(op.name) is op else op(x)


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
        if len(x) != len(self.w):
            raise ValueError(f"{self.name} takes {len(self.w)} inputs, got {len(x)}")
        with scope(self.name):
            z = self.b
            for w, xi in zip(self.w, x, strict=True):
                z = z + w * xi
        z.label = f"z{self.suffix}"
        return z

    def activate(self, z: Value) -> Value:
        """Return the activation of z, labelled h."""
        if self._function is None or not self.nonlin:
            return z
        with scope(self.name):
            if isinstance(self._function, Op):
                h = _applied(self._function, z)
            else:  # several operations, which deserve a frame
                with scope(self.activation if self.activation.isidentifier() else f"f = {self.activation}"):
                    h = self._function(z)
        if not isinstance(h, Value):
            raise TypeError(f"{self.name}: activation must return a Value, got {h!r}")
        h.label = h.label or f"h{self.suffix}"
        return h

    def __call__(self, x: Sequence[Any]) -> Value:
        return self.activate(self.weighted_sum(x))

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


# The same by PyTorch's names: layers and activations, one after another.


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

    operation = relu


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

    operation = sigmoid


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


def as_values(numbers: Sequence[Any], label: str, role: str) -> list[Value]:
    """Return Values as they are, and numbers as Values of a label and a role.

    >>> as_values([2, Value(3.0)], "x", "input")
    [Value(data=2.0, grad=0.0, label='x1'), Value(data=3.0, grad=0.0)]
    """
    values = []
    for i, x in enumerate(numbers, 1):
        if not isinstance(x, Value):
            x = Value(x, label=f"{label}{i}")  # noqa: PLW2901
            x.role = role
        values.append(x)
    return values


# Heads and losses. Sums start with their first term: `sum` would put a 0 in front, and a card into the picture.


def _sum(values: Sequence[Value]) -> Value:
    return reduce(add, values)


def _is_traced(values: Sequence[Value]) -> bool:
    # A compiled function does what takes the fewest exponentials and logarithms, by the largest value.
    return under_way() is not None or any(map(is_traced, values))


def _peak(values: Sequence[Value]) -> Value:
    # The largest, whichever it is. It cancels out of what it is taken from.
    return stop_gradient(reduce(maximum, values))


def logsumexp(values: Sequence[Any]) -> Value:
    """Return log(exp(v1) + exp(v2) + ...) without overflow.

    >>> round(logsumexp([1000.0, 1000.0]).data, 6)
    1000.693147
    """
    values = _nonempty(values, "z", "input")
    if len(values) == 1:
        return values[0]
    with scope("logsumexp"):
        if _is_traced(values):
            peak = _peak(values)
            return peak + _log_rest(values, peak)
        return reduce(logaddexp, values)


def _log_rest(values: Sequence[Value], peak: Value) -> Value:
    # logsumexp less the largest, whose exponential is exactly 1 and is taken off again: small losses keep their digits.
    ties = [equal(value, peak) for value in values]
    return log1p(
        _sum([exp(difference(v, peak)) - tie for v, tie in zip(values, ties, strict=True)]) + (_sum(ties) - 1.0)
    )


def _others(values: Sequence[Value]) -> list[Value]:
    # For each of two or more values the logsumexp of all others: of those before it, and of those after it.
    combine: Callable[[Value, Value], Value] = logaddexp
    before: list[Value] = list(accumulate(values, combine))
    after: list[Value] = list(accumulate(reversed(values), combine))[::-1]
    inner = [logaddexp(before[i - 1], after[i + 1]) for i in range(1, len(values) - 1)]
    return [after[1], *inner, before[-2]]


def softmax(logits: Sequence[Any]) -> list[Value]:
    """Return exp(z_i) / sum of exp(z_j): probabilities, labelled p1, p2, ...

    >>> [p.data for p in softmax([0.0, 0.0])]
    [0.5, 0.5]
    """
    values = _nonempty(logits, "z", "input")
    with scope("softmax"):
        # exp overflows for large logits, and all vanish for very negative ones. Then, and only then, the graph is not
        # the textbook's.
        if _is_traced(values) or not -600 <= max(z.data for z in values) <= 600:
            peak = _peak(values)
            values = [z - peak for z in values]
        exponentials = [exp(z) for z in values]
        total = _sum(exponentials)
        if len(exponentials) > 1:
            total.label = "Σexp"
        probabilities = [e / total for e in exponentials]
    for i, p in enumerate(probabilities, 1):
        p.label = f"p{i}"
    return probabilities


def log_softmax(logits: Sequence[Any]) -> list[Value]:
    """Return the logarithms of the softmax, accurate where a probability vanishes.

    >>> [p.data for p in log_softmax([0.0, -100.0])]
    [-3.720075976020836e-44, -100.0]
    """
    values = _nonempty(logits, "z", "input")
    with scope("log_softmax"):
        if len(values) == 1:
            return [values[0] - values[0]]
        if len(values) > 2 and _is_traced(values):
            peak = _peak(values)
            rest = _log_rest(values, peak)
            # The same infinities cancel, but among nothing but -inf there is no largest.
            return [where(greater(peak, 0.0), difference(value, peak), value - peak) - rest for value in values]
        return [-softplus(others - value) for value, others in zip(values, _others(values), strict=True)]


def cross_entropy(outputs: Sequence[Any], target: Any, *, from_logits: bool = True) -> Value:
    """Return -sum of t_i log(p_i), with p the softmax of the logits `outputs`, or `outputs` itself.

    >>> cross_entropy([0.0, 0.0], 1).data
    0.6931471805599453

    `target` is the index of the right class, or as many probabilities as there are outputs; 0 log(0) is 0.
    Raises ValueError where index or shape do not fit.
    """
    values = _nonempty(outputs, "z" if from_logits else "p", "input")
    index = int(target) if isinstance(target, Integral) and not isinstance(target, bool) else None
    if index is not None and not 0 <= index < len(values):
        raise ValueError(f"target: expected a class from 0 to {len(values) - 1}, got {index}")
    targets = _paired(values, target)[1] if index is None else []
    logs = log_softmax(values) if from_logits and index is None else []
    with scope("cross-entropy"):
        if index is None:
            loss = -_sum([_times(t, logs[i]) if logs else _times_log(t, values[i]) for i, t in enumerate(targets)])
        elif from_logits and len(values) > 1:
            loss = softplus(logsumexp([*values[:index], *values[index + 1 :]]) - values[index])
        else:
            loss = values[0] - values[0] if from_logits else -log(values[index])
    loss.label = "loss"
    return loss


def _times(t: Value, log: Value) -> Value:
    # A target of 0 asks for nothing, also where the logarithm is infinite, as that of what a mask rules out.
    if not _is_traced([t, log]) and not (t._data == 0 and isinf(log._data)):
        return t * log
    return t * where(equal(t, 0.0) * equal(abs(log), inf), 0.0, log)


def _times_log(t: Value, p: Value) -> Value:
    # 0 log(0) = 0, also where the numbers are not known yet; else it is the textbook's product.
    border = _is_traced([t, p]) or t._data == p._data == 0
    return xlogy(t, p) if border else t * log(p)


def _times_log1p(t: Value, p: Value) -> Value:
    border = _is_traced([t, p]) or (t._data == 0 and p._data == -1)
    return xlog1py(t, p) if border else t * log1p(p)


def binary_cross_entropy(outputs: Any, targets: Any, *, from_logits: bool = True) -> Value:
    """Return the mean of -(t log p + (1 - t) log(1 - p)), with p the sigmoid of the logits, or `outputs` itself.

    >>> binary_cross_entropy(0.0, 1).data
    0.6931471805599453

    0 log(0) is 0.
    """
    values, expected = _paired(outputs, targets)
    with scope("binary cross-entropy"):
        if from_logits:
            losses = [
                _times(t, softplus(-z)) + _times(1 - t, softplus(z)) for z, t in zip(values, expected, strict=True)
            ]
        else:
            losses = [-(_times_log(t, p) + _times_log1p(1 - t, -p)) for p, t in zip(values, expected, strict=True)]
        return _mean(losses)


def mse(outputs: Any, targets: Any) -> Value:
    """Return the mean of the squared differences.

    >>> mse([1.0, 2.0], [0.0, 4.0]).data
    2.5
    """
    values, expected = _paired(outputs, targets)
    with scope("mse"):
        return _mean([(y - t) ** 2 for y, t in zip(values, expected, strict=True)])


def hinge(scores: Any, targets: Any) -> Value:
    """Return the mean of relu(1 - t*score), for targets of -1 and 1.

    >>> hinge([0.5, -2.0], [1, -1]).data
    0.25
    """
    values, expected = _paired(scores, targets)
    with scope("hinge"):
        return _mean([relu(1 - t * s) for s, t in zip(values, expected, strict=True)])


def _mean(losses: Sequence[Value]) -> Value:
    loss = _sum(losses) / len(losses) if len(losses) > 1 else losses[0]
    loss.label = "loss"
    return loss


def _nonempty(values: Sequence[Any], label: str, role: str) -> list[Value]:
    if not len(values):
        raise ValueError("expected at least one value, got none")
    return as_values(values, label, role)


def _paired(outputs: Any, targets: Any) -> tuple[list[Value], list[Value]]:
    """Return outputs and targets as lists of Values of one length; a lone one of each is a list of one."""
    lone = isinstance(outputs, Value) or is_number(outputs)
    values = _nonempty([outputs] if lone else outputs, "y", "input")
    targets = [targets] if isinstance(targets, Value) or is_number(targets) else targets
    if len(targets) != len(values):
        raise ValueError(f"target: expected {len(values)}, as many as there are outputs, got {len(targets)}")
    return values, as_values(targets, "t", "target")
