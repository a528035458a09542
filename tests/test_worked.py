"""Solved problems against the assignment's known values and closed matrix formulas."""

import random
from pathlib import Path

import numpy as np
import pytest

from scalargrad.worked import Problem, ProblemError, report, solve, weights_and_bias

ASSIGNMENT = Path(__file__).parent.parent / "examples" / "four_three_two.toml"

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


def closed_form(problem):
    """Solve by matrix formulas: Z, H, loss, δ, gradients."""
    y = np.array(problem.target)
    h, zs, hs = np.array(problem.input), [], []
    parameters = [tuple(map(np.array, weights_and_bias(layer, "data"))) for layer in problem.layers]
    for (W, b), activation in zip(parameters, problem.activations):
        z = W @ h + b
        h = np.exp(z) / np.exp(z).sum() if activation == "softmax" else ACTIVATIONS[activation][0](z)
        zs.append(z)
        hs.append(h)
    if problem.loss == "mse":
        loss = np.mean((h - y) ** 2)
        delta = 2 / len(y) * (h - y) * ACTIVATIONS[problem.activations[-1]][1](zs[-1])
    elif problem.loss == "cross-entropy":
        loss, delta = -np.sum(y * np.log(h)), h - y
    else:
        loss, delta = -np.mean(y * np.log(h) + (1 - y) * np.log(1 - h)), (h - y) / len(y)
    deltas, gradients = [delta], []
    for i in reversed(range(len(zs))):
        gradients.insert(0, np.outer(deltas[0], hs[i - 1] if i else problem.input))
        if i:
            deltas.insert(0, parameters[i][0].T @ deltas[0] * ACTIVATIONS[problem.activations[i - 1]][1](zs[i - 1]))
    return zs, hs, loss, deltas, gradients


def close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=1e-14, atol=1e-14)


def check(problem):
    solution = solve(problem)
    zs, hs, loss, deltas, gradients = closed_form(problem)
    close(solution.loss.data, loss)
    for i, layer in enumerate(problem.layers):
        close([z.data for z in solution.z[i]], zs[i])
        close([h.data for h in solution.h[i]], hs[i])
        close([z.grad for z in solution.z[i]], deltas[i])
        if problem.activations[i] != "softmax":
            close(solution.slopes[i], ACTIVATIONS[problem.activations[i]][1](zs[i]))
        weights, bias = weights_and_bias(layer, "grad")
        close(weights, gradients[i])
        close(bias, deltas[i])
        W, b = weights_and_bias(layer, "data")  # as given: only `updated` has taken the step
        close(solution.updated[i][0], np.array(W) - problem.learning_rate * gradients[i])
        close(solution.updated[i][1], np.array(b) - problem.learning_rate * deltas[i])


def test_the_assignment_matches_the_closed_form():
    check(Problem.load(ASSIGNMENT).with_target([1, 0]))
    check(Problem.load(ASSIGNMENT).with_target([0, 1]))


def test_the_assignment_has_its_known_values():
    solution = solve(Problem.load(ASSIGNMENT))
    numbers = [[round(v.data, 6) for v in values] for values in (*solution.z, *solution.h)]
    assert numbers == [
        [1.35, 0.35, 0.6],
        [-0.392673, 0.883233],
        [2.325723, 0.692898, 1.164642],
        [0.218248, 0.781752],
    ]


@pytest.mark.parametrize("seed", range(12))
def test_random_networks_match_the_closed_form(seed):
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
    target = [0.0] * sizes[-1]
    target[rng.randrange(sizes[-1])] = 1.0
    check(
        Problem.from_dict(
            {"input": numbers(sizes[0]), "target": target, "loss": loss, "learning_rate": 0.1, "layer": layers}
        )
    )


def test_report_of_the_assignment():
    text = report(solve(Problem.load(ASSIGNMENT).with_target([1, 0])))
    for line in (
        "  H = f(Z1)                    = ( 2.325723,  0.692898,  1.164642)",
        "  ŷ = softmax(Z2)              = ( 0.218248,  0.781752)",
        "  δ1 = W2ᵀ δ2 ∘ f'(Z1)         = ( 0.667073, -1.061276,  0.285392)",
        "  loss = -Σ y ln ŷ" + " " * 13 + "=   1.522124",
        "      [ 0.667073, -0.667073,  0.333536,  1.334146]",
        "      [ 0.099333, -0.199333,  0.299666,  0.398666]",
    ):
        assert line in text.splitlines()


def test_report_without_a_target_gives_formulas_and_names_the_missing_field():
    text = report(solve(Problem.load(ASSIGNMENT)))
    assert "`target` is missing" in text
    assert "  δ1 = W2ᵀ δ2 ∘ f'(Z1)" in text.splitlines()
    assert "loss =" not in text


def test_report_without_a_learning_rate_says_so():
    problem = Problem.from_dict({"input": [1], "target": [2], "layer": [{"weights": [[3]], "bias": [4]}]})
    assert "`learning_rate` is missing" in report(solve(problem))


GOOD = """
input = [1, 2]
target = [1, 0]
loss = "cross-entropy"
learning_rate = 0.1
[[layer]]
weights = [[1, 2], [3, 4]]
bias = [0, 0]
activation = "softmax"
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("input = [1, 2]", "", "input: expected a list of numbers, got nothing"),
        ("[1, 2]", "[1, 'two']", "input: expected a finite number as entry 2, got 'two'"),
        ("[1, 2]", "[1, true]", "input: expected a finite number as entry 2, got True"),
        ("[1, 2]", "[1, nan]", "input: expected a finite number as entry 2, got nan"),
        ("[1, 2]", "[1, 2, 3]", "layer 1: weights: expected shape (2, 3) for 3 inputs, got (2, 2)"),
        ("[3, 4]", "[3]", "layer 1: weights: expected shape (2, 2) for 2 inputs, got row 2 of 1"),
        ("[3, 4]", "3", "layer 1: weights: row 2: expected a list of numbers, got 3"),
        ("[0, 0]", "[0]", "layer 1: bias: expected shape (2,), got (1,)"),
        ("bias = [0, 0]", "", "layer 1: bias: expected a list of numbers, got nothing"),
        ("target = [1, 0]", "target = [1]", "target: expected shape (2,), got (1,)"),
        ("target = [1, 0]", "target = [1, 1]", "target: expected probabilities that sum to 1, got [1, 1]"),
        ("learning_rate", "learning_rat", "unknown key 'learning_rat'; did you mean learning_rate?"),
        ("bias", "frob", "layer 1: unknown key 'frob'; the keys are weights, bias, activation"),
        ("0.1", "-1", "learning_rate: expected a number of at least 0, got -1"),
        ("0.1", "'fast'", "learning_rate: expected a number of at least 0, got 'fast'"),
        (
            '"cross-entropy"',
            '"crossentropy"',
            "loss: expected one of cross-entropy, binary-cross-entropy, mse, got 'crossentropy'",
        ),
        ('"cross-entropy"', "3", "loss: expected one of"),
        ('"cross-entropy"', '"mse"', "layer 1: activation: the loss mse needs anything else, got 'softmax'"),
        ('"softmax"', '"tanh"', "layer 1: activation: the loss cross-entropy needs softmax, got 'tanh'"),
        ('"softmax"', "3", "layer 1: activation: expected a name or an expression, got 3"),
        ("[[layer]]", "[[leyer]]", "unknown key 'leyer'; did you mean layer?"),
        ("[[layer]]", "[layer]", "layer: expected [[layer]] tables, got {"),
        (
            '"softmax"',
            '"softmax"\n[[layer]]\nweights=[[1,1]]\nbias=[0]',
            "layer 1: activation: softmax belongs to the last layer",
        ),
        ('"softmax"', '"softmax"\n[[layer', "bad.toml: "),
    ],
)
def test_a_bad_file_gives_one_error_with_file_and_key(tmp_path, old, new, message):
    path = tmp_path / "bad.toml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(ProblemError) as caught:
        Problem.load(path)
    assert str(caught.value).startswith("bad.toml: ")
    assert message in str(caught.value)


def test_a_bad_activation_is_shown_with_a_caret(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(ASSIGNMENT.read_text().replace("relu(z) + sin(z)", "relu(z) ^ sin(z)"))
    with pytest.raises(
        ProblemError, match=r"layer 1: activation: .*the power is \*\*\n  relu\(z\) \^ sin\(z\)\n         \^"
    ):
        Problem.load(path)


def test_files_that_are_no_text_are_refused(tmp_path):
    for name, content in {
        "nul.toml": b"\0",
        "latin.toml": b"# \xe9",
        "deep.toml": b"input = " + b"[" * 100_000,
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ProblemError, match=name):
            Problem.load(tmp_path / name)


@pytest.mark.parametrize(("target", "loss", "delta"), [([0, 1], 2000.0, [1.0, -1.0]), ([1, 0], 0.0, [0.0, 0.0])])
def test_a_saturated_softmax_is_solved(target, loss, delta):
    layer = {"weights": [[1], [-1]], "bias": [0, 0], "activation": "softmax"}
    solution = solve(Problem.from_dict({"input": [1000], "target": target, "layer": [layer]}))
    assert solution.h[0][1].data == 0.0  # too small for a float
    assert solution.loss.data == loss
    assert [z.grad for z in solution.z[0]] == delta
