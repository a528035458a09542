"""micrograd's demo, compiled: a network of 2-16-16-1 neurons learns to tell two half-moons apart."""

import math
import random
import time

import numpy as np

from scalargrad import jit, nn, relu, value_and_grad, vmap
from viz import plots

STEPS = 100

random.seed(1)
model = nn.MLP(2, [16, 16, 1])


def half_moons(samples: int = 100, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Make points on two interleaving half circles, with noise, and the labels -1 and 1."""
    points, labels = [], []
    for i in range(samples):
        angle = math.pi * random.random()  # noqa: S311 - data, not secrets
        x, y = math.cos(angle), math.sin(angle)
        if i % 2:
            x, y = 1 - x, 0.5 - y
        points.append([x + random.gauss(0, noise), y + random.gauss(0, noise)])
        labels.append(1.0 if i % 2 else -1.0)
    return np.array(points), np.array(labels)


def loss(model: nn.MLP, x: np.ndarray, y: float) -> float:
    """Return the loss of one sample: "max-margin", and L2 regularisation."""
    return relu(1 - y * model(x)) + 1e-4 * sum(p * p for p in model.parameters())


# This line compiles the whole training step: the mean loss of all samples, and its gradient.
step = jit(vmap(value_and_grad(loss), in_axes=(None, 0, 0), reduce="mean"))
score = jit(vmap(nn.MLP.__call__, in_axes=(None, 0)))

X, Y = half_moons()
step(model, X, Y)  # compiles
start = time.perf_counter()
for k in range(STEPS):
    value, gradients = step(model, X, Y)
    for p, gradient in zip(model.parameters(), gradients.parameters(), strict=True):
        p.data -= (1.0 - 0.9 * k / STEPS) * gradient.data
    accuracy = np.mean(score(model, X) * Y > 0)
    done = (k + 1) * 40 // STEPS
    print(f"\r[{'#' * done:<40}] step {k + 1}, loss {value:.4f}, accuracy {accuracy:.0%} ", end="", flush=True)
seconds = time.perf_counter() - start
print(f"\n{STEPS} steps in {seconds * 1e3:.0f} ms")

plots.decision_boundary(model, X, Y).figure.savefig("moons.png", dpi=150)
print("drawn: moons.png")
