"""A page of what users write, for type checkers, which refuse the lines that say so and no others; it is not run."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_type

import scalargrad
from scalargrad import (
    Op,
    Value,
    exp,
    grad,
    hessian,
    jacobian,
    jit,
    jvp,
    maximum,
    nn,
    no_grad,
    operation,
    optim,
    scope,
    sin,
    topological_order,
    value_and_grad,
    vjp,
    vmap,
    where,
)

# Numbers that record what is done with them.
x, y = Value(2.0, label="x"), Value(3)
assert_type(x + 1, Value)
assert_type(x - y, Value)
assert_type(2 * x, Value)
assert_type(x / Fraction(1, 3), Value)
assert_type(x * np.float32(2.0), Value)
assert_type(x**2, Value)
assert_type(2**x, Value)
assert_type(-x, Value)
assert_type(abs(x), Value)
assert_type(x < y, bool)
assert_type(sum([x, y], Value(0.0)), Value)
x += 1
assert_type(x, Value)
x + "1"  # refused: a string
"2" * x  # refused: a string
Value("2.0")  # refused: a string
float(x)  # refused: its gradient would be lost
x.backward()
x.backward(create_graph=True)
(x.grad * x.grad).backward()  # that gradient is a Value
x.grad = 0.0
assert_type(x.data, float)
x.data -= 0.1 * x.grad
x.data = 3
x.data = "3"  # refused: a string
x.label = 3  # refused: a number
print(x.grda)  # refused: no such attribute
x.grda = 0.0  # refused: no such attribute
assert_type(x.parents, tuple[Value, ...])
assert_type(x.operation, Op | str)
assert_type(x.detach(), Value)
assert_type(x.forward(), Value)
assert_type(topological_order(x, y), list[Value])


class Weight(Value):
    """A class of the user's: what is computed from it is a plain Value."""


assert_type(Weight(2.0) * 2, Value)
assert_type(Weight(2.0).exp(), Value)


# Operations, as methods and as functions: of Values, of numbers, of arrays.
assert_type(x.exp(), Value)
assert_type(x.maximum(0.0), Value)
assert_type(x.where(y, 0), Value)
x.exp(2.0)  # refused: one argument too many
x.maximum()  # refused: one argument too few
x.maximum("0")  # refused: a string
x.expp()  # refused: no such operation
assert_type(sin(x), Value)
assert_type(scalargrad.abs(x), Value)
assert_type(maximum(x, 0.0), Value)
assert_type(maximum(0, x), Value)
assert_type(where(x, 1.0, y), Value)
assert_type(exp(2.0), float)
assert_type(maximum(2, 3.0), float)
exp("2.0")  # refused: a string
maximum(x, "0")  # refused: a string
maximum(x, None)  # refused: None
scalargrad.expp(x)  # refused: no such operation
samples: NDArray[np.float64] = np.array([1.0, 2.0])
images: NDArray[np.float64] = exp(samples)
products: NDArray[np.object_] = x * samples
maximum(samples, x).sum().backward()


@operation
def squared(x: float) -> tuple[float, float]:
    return x * x, 2 * x


assert_type(squared, Op)
assert_type(squared(x), Value)
assert_type(squared(2.0), float)


def softplus(z: Value) -> Value:
    return (1 + z.exp()).log()


def gaussian(z: Value) -> Value:
    return exp(-z * z / 2)


# What is in force around operations.
with no_grad(), scope("layer 1"):
    assert_type(x * 2, Value)


@no_grad()
def predicted(z: Value, *, scale: float = 1.0) -> float:
    return (scale * z).data


assert_type(predicted(x, scale=2.0), float)
predicted(x, scales=2.0)  # refused: no such name
predicted(2.0)  # refused: a number


# Functions of numbers, and their derivatives.
def energy(x: float, y: float, *, scale: float = 1.0) -> float:
    return scale * x * x * y


# Transforms take what the function takes.
slope: float = grad(energy)(3.0, 2.0, scale=2.0)
value, gradient = value_and_grad(energy, argnums=(0, 1))(3.0, y=2.0)
rows = jacobian(energy)(3.0, 2.0)
curvature = hessian(energy)(3.0, 2.0)
third = grad(grad(grad(energy)))(3.0, 2.0)
out, along = jvp(energy, (3.0, 2.0), (1.0, 0.0))
out, pull_back = vjp(energy, 3.0, 2.0)
back: tuple[float, ...] = pull_back(1.0)
grad(energy)("3.0", 2.0)  # refused: a string
grad(energy)(3.0)  # refused: y is missing
value_and_grad(energy)(3.0, 2.0, scales=2.0)  # refused: no such name
grad(3.0)  # refused: no function
anything = grad(energy)(3.0, 2.0)[0].shape  # a derivative has the structure of the argument, whatever that is

# A compiled function is what it was.
fast = jit(energy, backend="python")
assert_type(fast(3.0, 2.0), float)
fast(3.0, y=2.0, scale=0.5)
fast("3.0", 2.0)  # refused: a string
fast(3.0, 2.0, scales=2.0)  # refused: no such name
count: int = fast.program(3.0, 2.0).operations
fast.progam(3.0, 2.0)  # refused: no such attribute
jit(energy, level="3")  # refused: a string
both = jit(value_and_grad(energy))
assert_type(both(3.0, 2.0), tuple[Any, Any])
both(3.0)  # refused: y is missing
both_again: Callable[[float, float], tuple[float, float]] = both
grad(jit(energy))(3.0, 2.0)
grad(lambda x: x * sin(x))(2.0)
jit(grad(sin))(2.0)


@jit
def area(width: float, height: float) -> float:
    return width * height


@partial(jit, backend="python")
def volume(width: float, height: float, depth: float) -> float:
    return width * height * depth


@grad
def growth(width: float, height: float) -> float:
    return width * height


assert_type(area(2.0, height=3.0), float)
area(2.0)  # refused: height is missing
assert_type(volume(2.0, 3.0, 4.0), float)
growth(2.0, 3.0)
growth(2.0, "3.0")  # refused: a string


class Spring:
    def __init__(self, stiffness: float) -> None:
        self.stiffness = stiffness

    @jit
    def energy(self, length: float) -> float:
        return self.stiffness * length * length


spring = Spring(2.0)
assert_type(spring.energy(3.0), float)
spring.energy("3.0")  # refused: a string
spring.energy(3.0, 4.0)  # refused: one argument too many
vmap(lambda x: x * x)([1.0, 2.0])
vmap(energy, in_axes=(None, 0))(3.0, [1.0, 2.0])  # samples are arrays: a mapped argument has no type of its own
vmap(energy, reduce=3)  # refused: no string


# A model and its training.
class Line(nn.Module):
    def __init__(self) -> None:
        self.w, self.b = Value(0.5), Value(0.0)

    def __call__(self, x: float) -> Value:
        return self.w * x + self.b


line = Line()
assert_type(line(2.0), Value)
assert_type(line.parameters(), list[Value])
line("2.0")  # refused: a string
model = nn.MLP(2, [4, 1], activation="tanh")
score: Value = model([1.0, 2.0])  # where the last layer is wider it is a list: the sizes are in no type
nn.MLP(2, 4)  # refused: a number
assert_type(nn.Neuron(2)([1.0, 2.0]), Value)
assert_type(nn.softmax([x, y]), list[Value])
assert_type(nn.mse([score], [1.0]), Value)
assert_type(nn.cross_entropy([x, y], 1), Value)
nn.mse([score])  # refused: the targets are missing


def loss(net: nn.MLP, samples: Sequence[Sequence[float]]) -> Value:
    total = Value(0.0)
    for sample in samples:
        total = total + net(sample) ** 2
    return total


optimizer = optim.SGD(model.parameters(), learning_rate=0.1)
optimizer.zero_grad()
loss(model, [[1.0, 2.0]]).backward()
optimizer.step()
optimizer.stepp()  # refused: no such method
optim.SGD([1.0])  # refused: no Values
optim.Adam(model.parameters(), beta=0.9)  # refused: no such name
loss_and_gradient = value_and_grad(loss)
loss_and_gradient(model, [[1.0, 2.0]])
loss_and_gradient([[1.0, 2.0]], model)  # refused: the other way round
