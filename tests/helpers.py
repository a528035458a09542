"""What tests take from each other: graphs to look at, and problems with their solutions in closed form."""

import random
import re

import numpy as np

from scalargrad import Value, exp, log, nn, scope
from scalargrad.worked import Problem

# Graphs


def leaf(data, label="", role=""):
    value = Value(data, label=label)
    value.role = role
    return value


def network():
    """Two inputs, two neurons, softmax and cross-entropy, in scopes as the library's layers make them."""
    xs = [leaf(1, "x1", "input"), leaf(-1, "x2", "input")]
    exponentials = []
    for j, weights in enumerate([(0.5, -0.25), (-0.5, 0.75)], 1):
        with scope("layer 1"), scope(f"neuron {j}"):
            z = leaf(0.25, f"b{j}", "parameter")
            for i, (w, x) in enumerate(zip(weights, xs, strict=True), 1):
                z = z + leaf(w, f"w{j}{i}", "parameter") * x
            z.label = f"z{j}"
        with scope("softmax"):
            exponentials.append(exp(z))
    with scope("softmax"):
        p = exponentials[0] / (exponentials[0] + exponentials[1])
    with scope("cross-entropy"):
        loss = -(leaf(1, "t1", "target") * log(p))
        loss.label = "loss"
    return loss


def chain(length):
    value = leaf(0.0, "x")
    for _ in range(length - 1):
        value = value.sin()
    return value


def after_backward(root):
    root.backward()
    return root


def moons(samples):
    """micrograd's demo: MLP 2-16-16-1, svm loss, regularization."""
    random.seed(1337)
    model = nn.MLP(2, [16, 16, 1])
    points = [[random.uniform(-1, 1), random.uniform(-1, 1)] for _ in range(samples)]
    scores = [model([Value(x) for x in point]) for point in points]
    losses = [(1 + -(1 if x * y > 0 else -1) * score).relu() for (x, y), score in zip(points, scores)]
    total = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())
    total.label = "loss"
    return model, after_backward(total)


def words(dot):
    """All that stands on the cards, in the order of the text."""
    return [word.strip() for word in re.findall(r">([^<>\n]+)<", dot) if word.strip()]


HOSTILE = [
    *("<b>", "a & b", '"', "'", "\\N\\G\\\\", "&amp;", "-->", "]]>", "{a|<p> b}", "%s", "</TABLE>>]", "}; digraph {"),
    *("two\nlines", "\x00\x1b", "\ud800", "日本 👍", "\u202e", " ", "x" * 500),
]


# Problems

ACTIVATIONS = {
    "relu(z) + sin(z)": (lambda z: np.maximum(z, 0) + np.sin(z), lambda z: (z > 0) + np.cos(z)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "linear": (lambda z: z, np.ones_like),
    "relu": (lambda z: np.maximum(z, 0), lambda z: 1.0 * (z > 0)),
    "z**2/(1 + exp(z))": (
        lambda z: z**2 / (1 + np.exp(z)),
        lambda z: 2 * z / (1 + np.exp(z)) - z**2 * np.exp(z) / (1 + np.exp(z)) ** 2,
    ),
}


def closed_form(problem, parameters):
    """Solve by matrix formulas, a column an example: Z, H, loss, δ, gradients."""
    X = np.array([example.input for example in problem.examples]).T
    Y = np.array([example.target for example in problem.examples]).T
    n, m = Y.shape
    h, zs, hs = X, [], []
    for (W, b), activation in zip(parameters, problem.activations):
        z = W @ h + b[:, None]
        h = np.exp(z) / np.exp(z).sum(axis=0) if activation == "softmax" else ACTIVATIONS[activation][0](z)
        zs.append(z)
        hs.append(h)
    if problem.loss == "mse":
        loss = np.mean((h - Y) ** 2)
        delta = 2 / (n * m) * (h - Y) * ACTIVATIONS[problem.activations[-1]][1](zs[-1])
    elif problem.loss == "cross-entropy":
        loss, delta = -np.sum(Y * np.log(h)) / m, (h - Y) / m
    else:
        loss, delta = -np.mean(Y * np.log(h) + (1 - Y) * np.log(1 - h)), (h - Y) / (n * m)
    deltas, gradients = [delta], []
    for i in reversed(range(len(zs))):
        gradients.insert(0, deltas[0] @ (hs[i - 1] if i else X).T)
        if i:
            deltas.insert(0, parameters[i][0].T @ deltas[0] * ACTIVATIONS[problem.activations[i - 1]][1](zs[i - 1]))
    return zs, hs, loss, deltas, gradients


def close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-14)


def random_problem(seed, *, batch=1, steps=1):
    rng = random.Random(seed)
    loss, output = [
        ("cross-entropy", "softmax"),
        ("binary-cross-entropy", "sigmoid"),
        ("mse", "tanh"),
        ("mse", "linear"),
    ][seed % 4]
    sizes = [rng.randint(1, 5) for _ in range(rng.randint(2, 5))]
    numbers = lambda n: [rng.uniform(-1, 1) for _ in range(n)]
    layers = [
        {"weights": [numbers(a) for _ in range(b)], "bias": numbers(b), "activation": rng.choice(list(ACTIVATIONS))}
        for a, b in zip(sizes, sizes[1:])
    ]
    layers[-1]["activation"] = output
    targets = [[0.0] * sizes[-1] for _ in range(batch)]
    for target in targets:
        target[rng.randrange(sizes[-1])] = 1.0
    inputs = [numbers(sizes[0]) for _ in range(batch)]
    if batch == 1:
        inputs, targets = inputs[0], targets[0]
    return Problem.from_dict(
        {"input": inputs, "target": targets, "loss": loss, "learning_rate": 0.1, "steps": steps, "layer": layers}
    )
