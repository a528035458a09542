"""Problem sheets: the language, the records of array operations, the solver, and the reader of assignments."""

import json
import math
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalargrad import Value, ops
from scalargrad.cli import main
from scalargrad.optim import SGD, Adam, AdamW
from scalargrad.sheet.arrays import Array, ShapeError
from scalargrad.sheet.derivation import derive
from scalargrad.sheet.grammar import parse
from scalargrad.sheet.layers import expanded
from scalargrad.sheet.printing import printed
from scalargrad.sheet.problem import Problem
from scalargrad.sheet.reading import read
from scalargrad.sheet.records import RECORDS
from scalargrad.sheet.scope import Scope, SheetError
from scalargrad.sheet.shares import added, pulled_back, whole
from scalargrad.sheet.solution import solve
from scalargrad.sheet.terms import BARS, CALL, CDOT, DERIV, JUX, LIST, NORM, PRIME, STAR, SUB, SUM, SUP, Term
from scalargrad.sheet.tokens import LanguageError
from scalargrad.sheet.updates import RULES

PROBLEMS = Path(__file__).parent / "problems"
EXPECTED = json.loads((PROBLEMS / "expected.json").read_text())


def close(a, b, tolerance=1e-9):
    if isinstance(a, list) or isinstance(b, list):
        return isinstance(a, list) and isinstance(b, list) and len(a) == len(b) and all(map(close, a, b))
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)


def values(text):
    return solve(Problem.read(text)).values


# Assignments, from equation files.


@pytest.mark.parametrize("number", sorted(EXPECTED))
def test_assignments_are_solved_from_equation_files(number):
    path = PROBLEMS / f"{number}.txt"
    assert len(path.read_text().strip().splitlines()) <= 15
    found = solve(Problem.load(path)).values
    wrong = {
        name: (value, found.get(name))
        for name, value in EXPECTED[number].items()
        if not close(found.get(name, []), value)
    }
    assert not wrong


@pytest.mark.parametrize("number", sorted(EXPECTED))
def test_problems_print_as_they_read(number):
    problem = Problem.load(PROBLEMS / f"{number}.txt")
    assert Problem.read(str(problem)) == problem


@pytest.mark.parametrize("number", sorted(EXPECTED))
def test_derivations_agree_with_the_backward_pass(number):
    scope = solve(Problem.load(PROBLEMS / f"{number}.txt")).scope
    for loss in scope.results():
        leaves = [name for name, q in scope.quantities.items() if q.is_given and q.equation and name != loss]
        for step in derive(scope, loss, leaves):  # raises Contradiction where they do not
            assert step.array.shape == scope[step.by].array.shape


# The language.

NAMES = st.sampled_from(["x", "y", "W", "theta", "y_hat", "b"])


def terms():
    leaves = NAMES.map(Term) | st.integers(0, 99).map(float).map(Term) | st.sampled_from([0.5, 2.5e-7]).map(Term)
    names = NAMES.map(Term) | st.builds(lambda name, i: Term(SUB, name, float(i)), NAMES, st.integers(0, 12))
    names |= st.builds(lambda name, i: Term(SUP, name, float(i)), NAMES, st.integers(1, 3))
    names |= st.builds(lambda name: Term(SUB, name, "t"), NAMES)

    def larger(inside):
        two = st.sampled_from([ops.add, ops.sub, ops.div, ops.maximum, ops.greater, CDOT, STAR, RECORDS["hadamard"]])
        one = st.sampled_from(
            [ops.exp, ops.sqrt, ops.relu, ops.sin, RECORDS["softmax"], RECORDS["transpose"], BARS, NORM]
        )
        made = st.builds(Term, two, inside, inside) | st.builds(Term, one, inside)
        made |= st.builds(Term, st.just(ops.neg), inside.filter(lambda t: not t.is_number))
        made |= st.builds(
            Term,
            st.just(ops.pow),
            inside.filter(lambda t: t.head != "e"),
            st.sampled_from([2.0, 3.0]).map(Term) | NAMES.map(Term),
        )
        made |= st.builds(Term, st.just(JUX), inside, inside.filter(lambda t: not str(t)[0].isdigit()))
        made |= st.builds(lambda body: Term(SUM, body, "i", 1.0, 3.0), inside)
        entries = inside.filter(lambda t: t.head is not LIST)
        made |= st.builds(lambda a, b: Term(LIST, a, b), entries, entries)
        made |= st.builds(lambda x: Term(CALL, "f", x), inside) | st.builds(
            lambda x: Term(CALL, Term(PRIME, "f", 1.0), x), inside
        )
        return made | st.builds(lambda a, b: Term(DERIV, a, b), NAMES.map(Term), NAMES.map(Term))

    return st.recursive(leaves | names, larger, max_leaves=12)


@settings(max_examples=400, deadline=None)
@given(terms())
def test_what_is_printed_reads_again_as_the_same(term):
    assert parse(printed(term), {"x", "y", "W", "theta", "b", "T"}, {"f"}) == term


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"\frac{1}{2}(\hat y - y)^2", "1/2 (ŷ − y)²"),
        (r"W^{(2)}_{ij} a^{(1)}_i", "W^(2)_ij a^(1)_i"),
        (r"\sigma(\mathbf{W}_1 \mathbf{x} + \mathbf{b}_1)", "σ(W₁x + b₁)"),
        (r"\sum_{t=1}^{3} x_t", "Σ_{t=1..3} x_t"),
        (r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}", "[[1, 2], [3, 4]]"),
        (r"\dfrac{\partial L}{\partial W_{xh}}", "dL/dW_xh"),
        ("Q K^T/√d_k", r"\frac{Q K^{\top}}{\sqrt{d_k}}"),
        ("e^{-z}", "exp(-z)"),
        ("3xy", "3 x y"),
        ("x ⊙ y", r"x \odot y"),
        ("ln x", r"\log(x)"),
        (r"\max\{0, z\}", "max(0, z)"),
        ("¾", "3/4"),
        (r"W_{hh}h_{t-1}", "W_hh h_(t-1)"),
        ("softmax(S, axis=1)", "softmax_rows(S)"),
        ("∂²f/∂x²", r"\frac{\partial^2 f}{\partial x^2}"),
    ],
)
def test_notations_mean_the_same(one, other):
    known = {"x", "y", "W", "a", "b", "z", "S", "Q", "K", "L", "f", "h", "d"}
    assert parse(one, known) == parse(other, known)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1/2m", "write which"),
        ("a/b/c", "write (a/b)/c"),
        ("ln x y", "Write ln(...)"),
        ("2^3^4", "power of a power"),
        ("(1 + 2", "closing ) is missing"),
        ("x'", "for the transpose write"),
        ("softmax(x, y)", "softmax takes 1 argument, got 2"),
        ("☂", "no meaning"),
        (r"\begin{cases} 1 \end{cases}", "not known here"),
        ("x +", "ends too early"),
    ],
)
def test_what_may_be_read_in_two_ways_is_refused(text, words):
    with pytest.raises(LanguageError) as error:
        parse(text, {"x", "y", "a", "b", "c", "m"})
    assert words in str(error.value)


def test_e_is_a_name_where_the_problem_has_one():
    assert values("a = 2; e = 3 a")["e"] == 6
    with pytest.raises(LanguageError, match="write exp"):
        Problem.read("x = 1; e = x + 1; y = e^x")


# Array operations.

ARGUMENTS = {
    "product": [[(2, 3), (3,)], [(2, 3), (3, 2)], [(2,), (2, 3)]], "hadamard": [[(3,), (3,)], [(2, 3), (3,)]], "dot": [[(3,), (3,)]], "norm": [[(3,)]],
    "transpose": [[(2, 3)]], "concat": [[(2,), (3,)]], "vector": [[(2,), (2,)], [(), ()]], "flatten": [[(2, 3)]], "diag": [[(3,)]], "diagonal": [[(3, 3)]], "row": [[(3,)]], "column": [[(3,)]],
    "correlate": [[(4, 4), (2, 2)], [(5,), (3,)]], "spread_back": [[(2, 2), (2, 2)]], "shaped": [[(6,), (2, 3)]],
    **{f"{name}{end}": [[(2, 3)]] for name in ("sum", "mean", "softmax", "logsumexp", "max") for end in ("_rows", "_columns")},
    **{name: [[(4,)]] for name in ("sum", "mean", "softmax", "logsumexp", "max")},
}  # fmt: skip
NUMBERS = {
    "index": [[(3,)], 2.0],
    "item": [[(3,)], 2.0],
    "pad": [[(2, 3)], 1.0],
    "crop": [[(4, 4)], 1.0],
    "every": [[(5, 5)], 2.0],
    "maxpool": [[(4, 4)], 2.0, 2.0],
    "avgpool": [[(4, 4)], 2.0, 2.0],
}
CASES = [(name, shapes, ()) for name, kinds in ARGUMENTS.items() for shapes in kinds] + [
    (name, shapes, rest) for name, (shapes, *rest) in NUMBERS.items()
]


@pytest.mark.parametrize(("name", "shapes", "rest"), CASES)
def test_shares_are_the_derivatives(name, shapes, rest):
    """Each share, evaluated, is what a backward pass through the operation's value gives."""
    rng = random.Random(name)
    worth = {}
    lies = name == "product" and len(shapes[0]) == 1
    for letter, shape in zip("pqr", shapes):
        worth[Term(letter)] = Array(
            shape, [Value(rng.uniform(-1, 1)) for _ in range(math.prod(shape))], "row" if lies else ""
        )
    scope = Scope(Problem())
    scope.worth = worth
    term = Term(RECORDS[name], *list(worth), *rest)
    out = scope.array(term)
    seeds = Array(out.shape, [rng.uniform(-1, 1) for _ in out.entries], out.orientation)
    scope.worth[Term("g")] = seeds
    total = sum((y * s for y, s in zip(out.entries, seeds.entries)), Value(0.0))
    total.backward()
    for letter in "pqr"[: len(shapes)]:
        if name == "shaped" and letter == "q":
            continue
        found = pulled_back(term, Term("g"), scope.array, lambda part, letter=letter: part == Term(letter))[
            Term(letter)
        ]
        share = scope.array(whole(added(found), Term(letter), scope.array))
        assert close(share.data, [x.grad for x in worth[Term(letter)].entries])


def test_every_record_has_a_case_or_no_share():
    tested = {name for name, _, _ in CASES}
    assert {name for name, record in RECORDS.items() if any(record.shares) and name not in tested} <= {
        "transpose",
        "place",
        "put",
        "part",
        "apart",
    } | tested


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError):
        RECORDS["product"].value(Array.of([[1.0, 2.0]]), Array.of([1.0, 2.0, 3.0]))
    for text in (
        "x = (1, 2); y = (3, 4); z = x y",
        "x = (1, 2); y = (3, 4); z = x * y",
        "x = (1, 2); z = |x|",
        "W = [[1, 2], [3]]",
    ):
        with pytest.raises(SheetError):
            values(text)


# The solver.


def test_quantities_may_come_in_any_order_and_not_in_a_circle():
    assert values("y = x + 1; x = 2")["y"] == 3
    with pytest.raises(SheetError, match="defined by itself"):
        values("x = y; y = x")


def test_two_statements_of_one_quantity_must_agree():
    assert values("x = 2; y = x^2; y = x x")["y"] == 4
    with pytest.raises(SheetError, match="stated twice"):
        values("x = 2; y = x^2; y = x^3")


def test_a_derivative_that_the_equations_do_not_show_is_refused():
    with pytest.raises(SheetError, match="does not go through q"):
        values("a = 1; b = 2; c = 3; f = a + b + c; q = b + c; find df/dq")


def test_hessian_and_jacobian():
    found = values("x = 1, y = 2; f(x, y) = x^2 y^3; H = ∇²f; g(x, y) = [x y, x + y]; J = ∇g; find H, J, ∂²f/∂x∂y")
    assert found["H"] == [[16, 24], [24, 12]]
    assert found["J"] == [[2, 1], [1, 1]]
    assert found["d2f/dxdy"] == 24


def test_time_runs_through_vectors():
    found = values(
        "W = [[0.1, 0.2], [0.3, -0.1]]; U = [[1], [2]]; x_1 = 1; x_2 = -1; h_0 = (0, 0); "
        "h_t = tanh(W h_{t-1} + U x_t) for t = 1..2; L = sum(h_2); find dL/dW, h_2"
    )
    h1 = [math.tanh(1), math.tanh(2)]
    h2 = [math.tanh(0.1 * h1[0] + 0.2 * h1[1] - 1), math.tanh(0.3 * h1[0] - 0.1 * h1[1] - 2)]
    assert close(found["h2"], h2)
    assert close(found["dL/dW"], [[(1 - h2[i] ** 2) * h1[j] for j in range(2)] for i in range(2)])


def test_a_definition_may_be_used_as_a_function():
    found = values("f(z) = relu(z) + sin(z); x = 1.35; h = f(x); s = f'(x)")
    assert close(found["h"], 1.35 + math.sin(1.35))
    assert close(found["s"], 1 + math.cos(1.35))


@pytest.mark.parametrize(("name", "optimizer"), [
    ("gradient descent", lambda w: SGD([w], 0.1)), ("momentum", lambda w: SGD([w], 0.1, momentum=0.9)),
    ("adam", lambda w: Adam([w], 0.1)), ("adamw", lambda w: AdamW([w], 0.1)),
])  # fmt: skip
def test_rules_are_those_of_the_optimisers(name, optimizer):
    found = values(f"w = 1.5; L = w^4 - 2 w; update w by {name}, eta = 0.1, steps = 4")
    w = Value(1.5)
    steps = optimizer(w)
    for i in range(1, 5):
        steps.zero_grad()
        (w**4 - 2 * w).backward()
        steps.step()
        assert close(found[f"w{i}"], w.data)


def test_other_rules_follow_their_formulas():
    w, v, s, r = 1.0, 0.0, 0.0, 0.0
    found = values("w = 1; L = w^2; update w by nesterov look-ahead, eta = 0.1, beta = 0.5, steps = 2")
    for i in (1, 2):
        v = 0.5 * v - 0.1 * 2 * (w + 0.5 * v)
        w += v
        assert close(found[f"w{i}"], w)
    a = b = 1.0
    adagrad = values("w = 1; L = w^2; update w by adagrad, eta = 0.1, steps = 2")
    rmsprop = values("w = 1; L = w^2; update w by rmsprop, eta = 0.1, steps = 2")
    for i in (1, 2):
        s += (2 * a) ** 2
        a -= 0.1 * 2 * a / (math.sqrt(s) + 1e-8)
        r = 0.9 * r + 0.1 * (2 * b) ** 2
        b -= 0.1 * 2 * b / (math.sqrt(r) + 1e-8)
        assert close(adagrad[f"w{i}"], a)
        assert close(rmsprop[f"w{i}"], b)
    assert all(rule.source for rule in RULES.values())


@pytest.mark.parametrize(
    ("text", "fused"),
    [
        ("z = (1, 2, -1); y = (0, 0, 1); p = softmax(z); L = crossentropy(y, p)", "p - y"),
        ("z = (1, 2, -1); p = softmax(z); L = -ln p_3", "p - onehot(3, 3)"),
        ("z = 0.3; y = 1; p = σ(z); L = -(y ln(p) + (1 - y) ln(1 - p))", "p - y"),
        ("z = (1, 2); y = (0, 1); p = σ(z); L = bce(y, p)/2", "(p - y)/2"),
        ("z = (1, 2); y = (0, 1); p = σ(z); L = sse(y, p)", "None"),
    ],
)
def test_what_textbooks_write_at_once_is_known(text, fused):
    assert str(derive(solve(Problem.read(text)).scope, "L", ["z"])[-1].fused) == fused


def test_layers_are_the_same_as_equations():
    layers = [
        {"weights": [[0.1, 0.4], [-0.3, 0.2]], "bias": [0.1, -0.2], "activation": "relu(z) + sin(z)"},
        {"weights": [[0.7, -0.5], [0.3, 0.2]], "activation": "softmax"},
    ]
    found = solve(expanded({"input": [0.5, -1], "target": 2, "layer": layers, "learning_rate": 0.1})).values
    by_hand = values(
        "x = (0.5, -1); W_1 = [[0.1, 0.4], [-0.3, 0.2]]; b_1 = (0.1, -0.2); W_2 = [[0.7, -0.5], [0.3, 0.2]]; z_1 = W_1 x + b_1; "
        "h = relu(z_1) + sin(z_1); p = softmax(W_2 h); L = -ln p_2; find dL/dW_1; update W_1, b_1, W_2 by gradient descent, eta = 0.1"
    )
    assert close(found["dL/dW1"], by_hand["dL/dW1"])
    assert close(found["W1 new"], by_hand["W1 new"])
    batch = solve(expanded({"input": [[0.5, -1], [1, 2]], "target": [2, 1], "layer": layers})).values
    single = [
        solve(expanded({"input": x, "target": t, "layer": layers})).values["dL/dW1"]
        for x, t in (([0.5, -1], 2), ([1, 2], 1))
    ]
    assert close(batch["dL/dW1"], [[(a + b) / 2 for a, b in zip(p, q)] for p, q in zip(*single)])


# The reader of assignments.

TEXTS = {
    "chain": (
        ("Consider $z = w x + b$ and $a = \\tanh(z)$ with the loss $L = (a - y)^2$. Let w = 0.5, x = 2, b = -0.5 and y = 1.\n\n"
        "1. Compute z, a and L.\n2. Give dL/dz and ∂L/∂w.\n3. Make one step of gradient descent; the learning rate is 0.2. New w and b?\n"),
        {"z": 0.5, "w new": 0.5 - 0.2 * 2 * (math.tanh(0.5) - 1) * (1 - math.tanh(0.5) ** 2) * 2},
    ),
    "network in words": (
        ("A network with x = (1, -1), W1 = [[0.5, 0.2], [0.1, -0.3]], b1 = (0, 0.1), W2 = [[1, -1]], b2 = 0.5 and the target y = 1.\n\n"
        "The hidden layer is ReLU, the output is linear. The loss is half the squared error.\n"),
        {"z1": [0.3, 0.5], "h": [0.3, 0.5], "y_hat": 0.3, "L": 0.245},
    ),
    "time": (
        "A recurrence $s_t = \\tanh(u\\, s_{t-1} + x_t)$ for $t = 1, 2$ with $s_0 = 0$, $u = 0.5$.\n\n| t | $x_t$ |\n|---|---|\n| 1 | 0.3 |\n| 2 | -0.2 |\n\nFind $\\partial s_2/\\partial u$.",
        {"s1": math.tanh(0.3), "ds2/du": (1 - math.tanh(0.5 * math.tanh(0.3) - 0.2) ** 2) * math.tanh(0.3)},
    ),
    "stated momentum": (
        "Momentum in the form\n\n    v = 0.8 * v + grad\n    w = w - lr * v\n\nminimises f(w) = w^2. Start with w = 1.0 and v = 0; lr = 0.1. Two steps.",
        {"w1": 0.8, "w2": 0.8 - 0.1 * (0.8 * 2 + 1.6)},
    ),
}  # fmt: skip


def test_the_command_line_solves_a_text(tmp_path, capsys):
    path = tmp_path / "chain.md"
    path.write_text(TEXTS["chain"][0])
    assert main(["solve", str(path), "--format", "json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["values"]["z"] == 0.5
    assert "L = (a - y)^2" in shown.err
    path.write_text("Let x = 2 and y = twice x.")
    assert main(["solve", str(path), "--format", "json"]) == 2


@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_read(name):
    text, expected = TEXTS[name]
    found = solve(read(text)).values
    assert {key: found.get(key) for key in expected if not close(found.get(key, []), expected[key])} == {}


MORE = {
    "Let f(x) = x^3 and x = 2. Give f'(2) and f''(2).": {"f'(2)": 12, "f''(2)": 12},
    "Minimise f(x, y) = (1 - x)^2 + 100 (y - x^2)^2 by gradient descent from (x, y) = (-1, 1) with step size 0.001. Make one step.": {"x new": -0.996, "y new": 1},
    "f = x^T A x with x = (1, 2) and A = [[2, 1], [1, 3]]. Find the gradient ∂f/∂x.": {"df/dx": [8, 14]},
    "Points (u, v): (1, 2), (3, 5). The model is p = w u + c with w = 2 and c = 0. The loss is L = mean((p - v)^2). Find dL/dw.": {"dL/dw": 3},
    "1D convolution: x = [1, 2, 3, 4, 5], k = [1, 0, -1], y_i = sum_{j} k_j x_{i+j}. With L = sum_i y_i^2 find dL/dk.": {"y": [-2, -2, -2], "dL/dk": [-24, -36, -48]},
    "Inputs i1 = 1, i2 = 2; w1 = 0.5 (i1 → h), w2 = -0.25 (i2 → h), w3 = 2 (h → o). There are no biases. Both units use tanh. Find o.": {"o": 0},
    "A quantity runs as v_{t+1} = 0.5 v_t + 1 with v_0 = 2. Find v_1 and v_2.": {"v1": 2, "v2": 2},
    "The 2×2 max pooling with stride 2 of X = [[1, 3], [4, 2]] has the output Y. Given ∂L/∂Y = [[5]], find ∂L/∂X.": {"dL/dX": [[0, 0], [5, 0]]},
    "Let $z = (0, 0)$, $p_i = \\frac{e^{z_i}}{\\sum_j e^{z_j}}$ and $L = -\\ln p_1$. Find $\\partial L/\\partial z$.": {"dL/dz": [-0.5, 0.5]},
}  # fmt: skip


@pytest.mark.parametrize("text", MORE)
def test_all_kinds_of_texts_are_read(text):
    found = solve(read(text)).values
    assert {key: found.get(key) for key, value in MORE[text].items() if not close(found.get(key, []), value)} == {}


BASE = "A network: x = (0.5, -1), W1 = [[0.1, 0.4], [-0.3, 0.2]], b1 = (0.1, -0.2), W2 = [[0.7, -0.5], [0.3, 0.2]], b2 = (0.05, 0), y = (1, 0).\n"


@pytest.mark.parametrize(
    ("phrase", "equation"),
    [
        ("ReLU hidden layer, linear output", "h = relu(z_1)"),
        ("Both layers use the sigmoid activation", "y_hat = sigmoid(z_2)"),
        ("Activation function (all layers): tanh", "h = tanh(z_1)"),
        ("leaky ReLU with slope 0.01 in the hidden layer, the output is linear", "h = leaky_relu(z_1, 0.01)"),
        ("GELU hidden layer and linear output", "h = gelu(z_1)"),
        ("tanh hidden units; the outputs go through a softmax", "y_hat = softmax(z_2)"),
    ],
)
def test_activations_in_words(phrase, equation):
    assert equation in map(str, read(BASE + phrase + ".").equations)


@pytest.mark.parametrize(
    "text",
    [
        "ReLU hidden layer, snake output", "Both layers use the sigmoid. Use dropout with keep probability 0.5",
        "Both layers use the sigmoid. A residual connection skips the hidden layer", "Hidden layer sigmoid",
        "Both layers use the sigmoid. The weights decay", "Both layers use the sigmoid. Train for three epochs", "Both layers use the sigmoid; do not use b1",
        "Both layers use the sigmoid. The correct class is number 3", "Both layers use the sigmoid. 7", "Both layers use the sigmoid. Both layers use tanh",
        "Both layers use the sigmoid. Batch normalisation after the hidden layer", "Both layers use the sigmoid. Freeze W1", "Both layers use the sigmoid. c = 3",
        "Both layers use the sigmoid. The angle is in degrees", "Both layers use the sigmoid. q = 2 and then * 3", "Both layers use the sigmoid. q = (1 + 2 and more",
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(text):
    with pytest.raises(LanguageError):
        solve(read(BASE + text + "."))


TECHNICAL_WORDS = [
    "not",
    "half",
    "twice",
    "momentum",
    "Adam",
    "dropout",
    "relu",
    "softmax",
    "0.3",
    "7",
    "without",
    "normalised",
    "squared",
    "frozen",
    "ten",
]


@pytest.mark.parametrize("name", TEXTS)
def test_words_changed_never_change_a_number_silently(name):
    """A technical word put anywhere between words changes nothing, or is refused, or stands in what was understood."""
    text, _ = TEXTS[name]
    right = solve(read(text)).values
    rng = random.Random(name)
    words = text.split(" ")
    for _ in range(60):
        place, word = rng.randrange(len(words)), rng.choice(TECHNICAL_WORDS)
        try:
            problem = read(" ".join([*words[:place], word, *words[place:]]))
            found = solve(problem).values
        except (LanguageError, ValueError, ArithmeticError):
            continue
        changed = {key for key in right if key in found and not close(found[key], right[key])}
        assert not changed or word.lower() in str(problem), (place, word, changed)
