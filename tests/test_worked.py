"""Solved problems against the assignment's known values and closed matrix formulas."""

import copy
import math
from pathlib import Path

import mpmath
import numpy as np
import pytest
from helpers import ACTIVATIONS, close, closed_form, random_problem

import scalargrad
from scalargrad import Value, nn
from scalargrad.worked import Problem, ProblemError, fixed, report, solve, weights_and_bias
from scalargrad.worked.kinks import kinks
from scalargrad.worked.solution import _slope

ASSIGNMENT = Path(__file__).parent.parent / "examples" / "four_three_two.toml"


def check(problem):
    solution = solve(problem)
    parameters = [tuple(map(np.array, weights_and_bias(layer, "data"))) for layer in problem.layers]
    steps = [solution, *solution.following]
    assert len(steps) == problem.steps
    for step in steps:
        zs, hs, loss, deltas, gradients = closed_form(problem, parameters)
        close(step.loss.data, loss)
        for i, layer in enumerate(step.layers):
            for s, sample in enumerate(step.samples):
                close([z.data for z in sample.z[i]], zs[i][:, s])
                close([h.data for h in sample.h[i]], hs[i][:, s])
                close([z.grad for z in sample.z[i]], deltas[i][:, s])
                if problem.activations[i] != "softmax":
                    close(sample.slopes[i], ACTIVATIONS[problem.activations[i]][1](zs[i][:, s]))
            weights, bias = weights_and_bias(layer, "grad")
            close(weights, gradients[i])
            close(bias, deltas[i].sum(axis=1))
            W, b = weights_and_bias(layer, "data")  # as given: only `updated` has taken the step
            close(W, parameters[i][0])
            close(step.updated[i][0], np.array(W) - problem.learning_rate * gradients[i])
            close(step.updated[i][1], np.array(b) - problem.learning_rate * deltas[i].sum(axis=1))
        parameters = [(np.array(W), np.array(b)) for W, b in step.updated]


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
    check(random_problem(seed))


@pytest.mark.parametrize("seed", range(12, 24))
def test_batches_and_steps_match_the_closed_form(seed):
    check(random_problem(seed, batch=seed % 3 + 1, steps=seed % 5 + 1))


def test_a_model_is_solved_as_its_file_is():
    problem = Problem.load(ASSIGNMENT).with_target([1, 0])
    model = nn.MLP(4, [3, 2], activation="relu(z) + sin(z)")
    model.layers = list(copy.deepcopy(problem.layers))
    solution = solve(model, problem.input, [1, 0], loss="cross-entropy", learning_rate=0.001)
    assert solution.problem.title == problem.title
    assert report(solution).partition("\n")[2] == report(solve(problem)).partition("\n")[2]
    assert all(p.grad == 0 for p in model.parameters())


def test_models_of_one_neuron_or_layer_are_solved():
    neuron = nn.Neuron(2, activation=lambda z: z * z, weights=[1, 2], bias=3)
    assert solve(neuron, (1, 1), [30]).z[0][0].grad == 2 * (36 - 30) * (2 * 6)
    layer = nn.Layer.from_arrays([[1.0], [2.0]], [0.0, 0.0], activation="linear")
    solution = solve(layer, np.array([[1.0], [2.0]]), [[1, 0], [0, 1]], loss="binary-cross-entropy")
    assert [len(solution.samples), solution.problem.activations] == [2, ("sigmoid",)]


def test_models_that_are_no_problem_are_refused():
    layer = nn.Layer.from_arrays([[1.0], [2.0]], [0.0, 0.0], activation="relu")
    layer.neurons[1].activation = "tanh"
    for model, input, options, message in [
        (nn.Module(), [1], {}, r"expected a Neuron, a Layer or an MLP, got Module: explain\(model\(x\)\)"),
        (layer, [1], {}, r"Layer: layer 1: expected neurons of one activation, got \['relu', 'tanh'\]"),
        (nn.MLP(2, [1]), [1], {}, "MLP: input: expected 2 numbers, got 1"),
        (nn.MLP(2, [1]), "ab", {}, "MLP: input: expected a"),
        (nn.MLP(2, [1]), [1, 2], {"loss": "hinge"}, "MLP: loss: expected one of"),
        (nn.MLP(2, [1]), [1, 2], {"target": [1, 2]}, r"MLP: target: expected shape \(1,\), got \(2,\)"),
        (nn.MLP(2, [1]), [1, 2], {"steps": 0}, "MLP: steps: expected a whole number from 1 to 1000, got 0"),
    ]:
        with pytest.raises(ProblemError, match=message):
            solve(model, input, **options)
    with pytest.raises(TypeError, match=r"has its input, target and options in itself"):
        solve(Problem.load(ASSIGNMENT), [1, 2, 3, 4])


def test_report_of_a_batch_and_of_steps():
    layer = {"weights": [[1]], "bias": [0]}
    problem = {"input": [[1], [3]], "target": [[0], [0]], "learning_rate": 0.1, "steps": 2, "layer": [layer]}
    text = report(solve(Problem.from_dict(problem)), 2)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == "problem: 1-1 network, mse, mean over 2 samples, learning rate 0.1"
    for line in ("Step 2", "Forward pass, sample 2", "mean loss = 5.00", "δ1 = ŷ - y = 3.00", "∂loss/∂W1 = Σ δ1 xᵀ"):
        assert line in lines
    assert lines.count("W1") == 2


def test_kinks_are_reported():
    layer = {"weights": [[1, -1], [1, 0]], "bias": [0, 0], "activation": "relu"}
    solution = solve(Problem.from_dict({"input": [2, 2], "target": [1, 0], "layer": [layer]}))
    (kink,) = solution.kinks
    assert str(kink) == (
        "relu(z1 = 0) in layer 1, neuron 1 is exactly at its kink: the derivative of relu at 0 is taken as 0"
    )
    assert report(solution).splitlines()[-1] == f"  {kink}"
    assert "Kinks" not in report(solve(Problem.load(ASSIGNMENT)))


@pytest.mark.parametrize(
    ("function", "at", "away", "expected"),
    [
        (lambda x, y: abs(x), (0, 1), (1, 1), "abs(x = 0) is exactly at its kink: the derivative of |x| at 0"),
        (lambda x, y: x.maximum(y), (2, 2), (1, 2), "maximum(x = 2, y = 2) is exactly at its kink: in a tie"),
        (lambda x, y: x.minimum(0), (-0.0, 9), (1, 2), "minimum(x = 0, 0) is exactly at its kink: in a tie"),
        (lambda x, y: scalargrad.relu(x - y), (3, 3), (3, 2), "relu(0) is exactly at its kink: the derivative of relu"),
    ],
)
def test_every_kind_of_kink_is_found(function, at, away, expected):
    found = lambda point: [str(k) for k in kinks(function(*(Value(v, label=n) for v, n in zip(point, "xy"))))]
    assert len(found(at)) == 1
    assert found(at)[0].startswith(expected)
    assert found(away) == []


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
        ("[1, 2]", f"[1, 1{'0' * 400}]", "input: expected a finite number as entry 2, got 1000"),
        ("0.1", f"1{'0' * 400}", "learning_rate: expected a number of at least 0, got 1000"),
        ("[1, 2]", f"[1, 1{'0' * 5000}]", ""),  # Python itself reads no such integer
        ("input = [1, 2]", "", "input: expected a list of numbers, got nothing"),
        ("[1, 2]", "[1, 'two']", "input: expected a finite number as entry 2, got 'two'"),
        ("[1, 2]", "[1, true]", "input: expected a finite number as entry 2, got True"),
        ("[1, 2]", "[1, nan]", "input: expected a finite number as entry 2, got nan"),
        ("[1, 2]", "[[1, 2], [1, 2, 3]]", "input: row 2: expected 2 numbers, as in row 1, got 3"),
        ("[1, 2]", "[[1, 2], 3]", "input: row 2: expected a list of numbers, got 3"),
        ("[1, 2]", "[[1, 2], [3, 4]]", "target: expected 2 lists of numbers, one for each input, got [1, 0]"),
        ("0.1", "0.1\nsteps = 0", "steps: expected a whole number from 1 to 1000, got 0"),
        ("0.1", "0.1\nsteps = 2.5", "steps: expected a whole number from 1 to 1000, got 2.5"),
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


def test_a_file_that_cannot_be_read_is_an_oserror_with_its_path(tmp_path):
    with pytest.raises(OSError) as caught:
        Problem.load(tmp_path)
    assert caught.value.filename == str(tmp_path)


LOGITS = [
    0.0,
    1e-9,
    0.3,
    1.0,
    5.0,
    6.9,
    6.91,
    13.0,
    69.0,
    69.1,
    17.0,
    36.0,
    37.0,
    100.0,
    350.0,
    460.0,
    461.0,
    699.0,
    700.0,
]


def solved(weights, activation, target):
    layer = {"weights": [[w] for w in weights], "bias": [0] * len(weights), "activation": activation}
    loss = {"sigmoid": "binary-cross-entropy", "softmax": "cross-entropy"}[activation]
    solution = solve(Problem.from_dict({"input": [1], "target": target, "loss": loss, "layer": [layer]}))
    return solution.loss.data, *(z.grad for z in solution.z[0])


def right(got, expected):
    assert got == pytest.approx([float(e) for e in expected], rel=1e-13, abs=1e-14)


@pytest.mark.parametrize("z", [*LOGITS, *(-z for z in LOGITS)])
@pytest.mark.parametrize("y", [0, 1, 0.25])
def test_binary_cross_entropy_is_right_for_every_logit(z, y):
    with mpmath.workdps(700):
        p = 1 / (1 + mpmath.exp(-mpmath.mpf(z)))
        right(solved([z], "sigmoid", [y]), [-(y * mpmath.log(p) + (1 - y) * mpmath.log(1 - p)), p - y])


@pytest.mark.parametrize("z", [*LOGITS, *(-z for z in LOGITS), 744.0, -744.0, -746.0])
@pytest.mark.parametrize("y", [(0, 1), (1, 0), (0.25, 0.75)])
@pytest.mark.parametrize("offset", [0.0, 600.0, -600.0, 601.0, -2000.0])
def test_cross_entropy_is_right_for_every_logit(z, y, offset):
    z = offset + z - offset  # as rounded
    with mpmath.workdps(700):
        total = 1 + mpmath.exp(mpmath.mpf(z))
        p = [1 / total, mpmath.exp(mpmath.mpf(z)) / total]
        loss = -sum(yi * mpmath.log(pi) for yi, pi in zip(y, p))
        right(solved([offset, offset + z], "softmax", list(y)), [loss, *(pi - yi for pi, yi in zip(p, y))])


def test_the_textbook_graph_is_kept_where_it_is_right():
    solution = solve(Problem.load(ASSIGNMENT).with_target([1, 0]))
    assert solution.h[-1][0].grad == pytest.approx(-1 / solution.h[-1][0].data)  # the loss starts from ŷ


def test_solutions_of_one_problem_share_nothing():
    problem = Problem.load(ASSIGNMENT)
    before = copy.deepcopy([weights_and_bias(layer, field) for layer in problem.layers for field in ("data", "grad")])
    first = solve(problem.with_target([1, 0]))
    text = report(first)
    solve(problem.with_target([0, 1]))
    assert report(first) == text
    assert [weights_and_bias(layer, field) for layer in problem.layers for field in ("data", "grad")] == before


def test_binary_cross_entropy_takes_probabilities_only():
    layer = {"weights": [[1]], "bias": [0], "activation": "sigmoid"}
    for y in (-0.1, 1.1):
        with pytest.raises(ProblemError, match=rf"target: expected probabilities from 0 to 1, got \[{y}\]"):
            Problem.from_dict({"input": [1], "loss": "binary-cross-entropy", "target": [y], "layer": [layer]})


def test_a_slope_is_taken_without_the_graph_before_it():
    x = Value(1.0)
    x.grad = 7.0
    assert _slope(nn.Neuron(1, activation="z**2"), x * 3.0) == 6.0
    assert _slope(nn.Neuron(1, activation="linear"), x * 3.0) == 1.0
    assert x.grad == 7.0


def test_a_loss_of_zero_has_gradients_too():
    problem = {"input": [2], "target": [7], "learning_rate": 1, "layer": [{"weights": [[3]], "bias": [1]}]}
    text = report(solve(Problem.from_dict(problem)), 1)
    assert "  ∂loss/∂b1 = δ1               =   0.0" in text.splitlines()
    assert "learning rate 1\n" in text
    assert "W - 1 ∂loss/∂W" in text


def test_an_identity_written_as_an_expression_is_a_function():
    layer = {"weights": [[3]], "bias": [1], "activation": "z"}
    lines = report(solve(Problem.from_dict({"input": [2], "layer": [layer]})), 1).splitlines()
    assert lines[0] == "problem: 1-1 network, f(z) = z, mse"
    assert "  ŷ = f(Z1)                    =   7.0" in lines


@pytest.mark.parametrize(
    ("x", "digits", "text"),
    [
        *[(0.0, 2, "0.00"), (-0.0, 2, "0.00"), (1e-9, 2, "1.00e-09"), (-4e-7, 6, "-4.000000e-07")],
        *[(0.006, 2, "0.01"), (2.0, 0, "2"), (123456.0, 1, "123456.0"), (1e15, 1, "1.0e+15")],
        *[(math.inf, 2, "inf"), (-math.inf, 2, "-inf"), (math.nan, 2, "nan")],
    ],
)
def test_fixed(x, digits, text):
    assert fixed(x, digits) == text


def test_reports_stay_aligned():
    layer = {"weights": [[2e-9, -200], [3, 4]], "bias": [0, 1000], "activation": "sigmoid"}
    problem = {"input": [1, 0], "target": [1, 0], "loss": "binary-cross-entropy", "layer": [layer]}
    lines = report(solve(Problem.from_dict(problem)), 2).splitlines()
    assert "  Z1 = W1 x + b1                             = (2.00e-09,  1003.00)" in lines
    assert "  loss = -1/2 Σ (y ln ŷ + (1 - y) ln(1 - ŷ)) =  501.85" in lines
    rows = [line for line in lines if line.startswith("      [")]
    assert len({len(row) for row in rows}) == 1


@pytest.mark.parametrize("digits", [-1, 1.5, "3"])
def test_digits_of_a_report_are_checked(digits):
    with pytest.raises(ValueError, match="digits must be a whole number, 0 or more, got"):
        report(solve(Problem.load(ASSIGNMENT)), digits)


def test_formulas_without_empty_factors():
    layers = [{"weights": [[1, 2], [3, 4]], "bias": [0, 0]}, {"weights": [[1, 2], [3, 4]], "bias": [0, 0]}]
    text = report(solve(Problem.from_dict({"input": [1, 2], "target": [0, 0], "layer": layers})))
    assert "  δ2 = ŷ - y  " in text
    assert "  δ1 = W2ᵀ δ2  " in text
    layers[1]["activation"] = "tanh"
    text = report(solve(Problem.from_dict({"input": [1, 2], "target": [0, 0], "layer": layers})))
    assert "  δ2 = (ŷ - y) ∘ tanh'(Z2)  " in text


def test_a_kink_that_rounding_hides_is_found():
    layer = {"weights": [[0.5, -0.3]], "bias": [-0.35], "activation": "relu"}
    (kink,) = solve(Problem.from_dict({"input": [1, 0.5], "layer": [layer]})).kinks  # 2.8e-17, where 0 is meant
    assert not kink.exact
    assert "in layer 1, neuron 1 is at its kink but for the rounding of floats" in str(kink)
    shown = lambda x, y: [kink.exact for kink in kinks(Value(x).maximum(Value(y)))]
    assert shown(0.3, 0.1 + 0.2) == [False]
    assert shown(1e-20, 0.0) == shown(1.0, 1.0 + 1e-14) == []
