"""A page of what users write, for type checkers, which refuse the lines that say so and no others; it is not run."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from typing_extensions import assert_type

from scalargrad import Value, grad, hessian, jacobian, jit, jvp, nn, optim, sin, value_and_grad, vjp, vmap


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


# Decorators.
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


class Spring(nn.Module):
    def __init__(self, stiffness: float) -> None:
        self.stiffness = Value(stiffness)

    @jit
    def energy(self, length: float) -> float:
        return (self.stiffness * length * length).data


spring = Spring(2.0)
assert_type(spring.energy(3.0), float)
spring.energy("3.0")  # refused: a string
spring.energy(3.0, 4.0)  # refused: one argument too many


# A model and its training.
model = nn.MLP(2, [4, 1])


def loss(net: nn.MLP, samples: Sequence[Sequence[float]]) -> Value:
    total = Value(0.0)
    for sample in samples:
        total = total + model(list(sample)) ** 2
    return total


optimizer = optim.SGD(model.parameters(), learning_rate=0.1)
loss_and_gradient = value_and_grad(loss)
loss_and_gradient(model, [[1.0, 2.0]])
loss_and_gradient([[1.0, 2.0]], model)  # refused: the other way round
vmap(lambda x: x * x)([1.0, 2.0])
vmap(energy, in_axes=(None, 0))(3.0, [1.0, 2.0])  # samples are arrays: a mapped argument has no type of its own
vmap(energy, reduce=3)  # refused: no string
