"""Checked homework: seeded mistakes are found and rightly named, honest papers are right, broken files are one error.

Papers are written by students of four kinds: who round and who cut off, who go on with rounded numbers and who keep all
digits. Truth is worked.solve's; the commonest mistakes are made once more with NumPy, not with the table.
"""

import json
import math
import random
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from pathlib import Path

import numpy as np
import pytest

from scalargrad import nn
from scalargrad.homework import stages
from scalargrad.homework.answers import Answer, Written, key, load_answers, quantity
from scalargrad.homework.causes import CHANCE
from scalargrad.homework.checking import CARRIED, FOLLOWS, RIGHT, TRUNCATED, WRONG, check, shapes
from scalargrad.homework.marks import report
from scalargrad.homework.misreadings import misreadings, value
from scalargrad.worked import solve
from scalargrad.worked.problem import Problem, ProblemError

EXAMPLES = Path(__file__).parent.parent / "examples"
ASSIGNMENT, PUBLISHED = EXAMPLES / "four_three_two.toml", EXAMPLES / "published_answers.toml"
ACTIVATIONS = [
    "relu(z) + sin(z)",
    "tanh",
    "sigmoid",
    "relu",
    "softplus",
    "z*sigmoid(z)",
    "sin(2*z)",
    "maximum(z, 0.1*z)",
]


def random_problem(rng):
    depth = rng.choice([1, 2, 2, 2, 3])
    sizes = [rng.randint(1, 4) for _ in range(depth + 1)]
    loss = rng.choice(["cross-entropy", "cross-entropy", "binary-cross-entropy", "mse"])
    if loss == "cross-entropy":
        sizes[-1] = rng.randint(2, 4)

    def number():
        return rng.choice([-1, 1]) * rng.randint(1, 99) / 100

    layers = [
        {
            "weights": [[number() for _ in range(inputs)] for _ in range(neurons)],
            "bias": [number() for _ in range(neurons)],
            "activation": rng.choice(ACTIVATIONS),
        }
        for inputs, neurons in zip(sizes, sizes[1:])
    ]
    last = {"cross-entropy": "softmax", "binary-cross-entropy": "sigmoid", "mse": rng.choice(["linear", *ACTIVATIONS])}
    layers[-1]["activation"] = last[loss]
    right = rng.randrange(sizes[-1])
    target = [number() if loss == "mse" else float(i == right) for i in range(sizes[-1])]
    inputs = [2 * number() for _ in range(sizes[0])]
    rate = rng.choice([0.5, 0.1, 0.01])
    return Problem.from_dict({"input": inputs, "target": target, "loss": loss, "learning_rate": rate, "layer": layers})


def indexed(numbers, index=()):
    if isinstance(numbers, list):
        return {i: x for j, entry in enumerate(numbers) for i, x in indexed(entry, (*index, j)).items()}
    return {index: numbers}


def written(numbers, digits, rounding=ROUND_HALF_EVEN):
    unit = Decimal(1).scaleb(-digits)
    return {
        i: Written(format(Decimal(repr(float(x))).quantize(unit, rounding), "f")) for i, x in indexed(numbers).items()
    }


def back(numbers, texts, index=()):
    """The numbers as they were written."""
    if isinstance(numbers, list):
        return [back(entry, texts, (*index, i)) for i, entry in enumerate(numbers)]
    return texts[index].value


def paper(rng, problem, *, digits, roundings, mistake=None, given=0.7, on_scratch=None):
    """The answers of a student who writes some quantities down, and makes one mistake, or none.

    Who rounds `on_scratch` paper goes on with rounded numbers, those that are not written down included.
    """
    known, answers = stages.givens(problem), []
    exact = dict(known)
    for stage in stages.stages(problem).values():
        exact[stage.name] = stage.rule.compute(*[exact[need] for need in stage.rule.needs])
    for stage in stages.stages(problem).values():
        makes_it = mistake is not None and mistake[0] == stage.name
        rule = mistake[1] if makes_it else stage.rule
        late = any(need not in known for need in rule.needs)  # an updated weight, used before its time
        start = exact if late or (mistake is None and on_scratch is None and rng.random() < 0.3) else known
        try:
            numbers = rule.compute(*[start[need] for need in rule.needs])
        except (ValueError, ArithmeticError):  # the logarithm of a probability that was rounded to 0
            if mistake:
                raise
            numbers = exact[stage.name]
        known[stage.name] = numbers
        if makes_it or rng.random() < given:
            texts = written(numbers, rng.choice(digits), rng.choice(roundings))
            answers.append(Answer(stage.name, texts, 0))
            if on_scratch is not None or rng.random() < 0.5:  # goes on with what was written
                known[stage.name] = back(numbers, texts)
        elif on_scratch is not None:
            known[stage.name] = back(numbers, written(numbers, on_scratch))
    return answers


def named(verdict):
    return [text for cause in verdict.causes for text in cause.texts]


# The table.


def test_the_table_gives_what_solve_gives():
    rng = random.Random(1)
    for _ in range(150):
        problem = random_problem(rng)
        known, truth = stages.givens(problem), stages.truth(solve(problem))
        assert list(truth) == list(stages.stages(problem))
        for stage in stages.stages(problem).values():
            known[stage.name] = stage.rule.compute(*[known[need] for need in stage.rule.needs])
            np.testing.assert_allclose(known[stage.name], truth[stage.name], rtol=1e-10, atol=1e-13)


def test_every_mistake_has_the_shape_of_what_it_is_made_in():
    rng = random.Random(2)
    for _ in range(50):
        problem = random_problem(rng)
        truth = stages.truth(solve(problem))
        known = {**stages.givens(problem), **truth}
        for stage in stages.stages(problem).values():
            for mistake in stage.mistakes:
                try:
                    numbers = mistake.compute(*[known[need] for need in mistake.needs])
                except (ValueError, ArithmeticError):
                    continue  # outside a domain: the logarithm of a negative number
                assert np.shape(numbers) == np.shape(truth[stage.name]), mistake.text


def test_misreadings_go_wrong_as_people_do():
    _, f = nn.activation_function("relu(z) - 2*sin(z)")
    found = dict(misreadings(f))
    assert value(found["the term 2*sin(z) is added"], 0.5) == pytest.approx(0.5 + 2 * math.sin(0.5))
    assert value(found["the term relu(z) is left out"], 0.5) == pytest.approx(-2 * math.sin(0.5))
    assert value(found["sin is taken of degrees"], 0.5) == pytest.approx(0.5 - 2 * math.sin(math.radians(0.5)))
    assert value(found["the factor 2 is left out"], 0.5) == pytest.approx(0.5 - math.sin(0.5))
    assert value(found["relu is left out of relu(z)"], -0.5) == pytest.approx(-0.5 + 2 * math.sin(0.5))


# Honest papers.


def test_nothing_is_invented_on_honest_papers():
    rng, seen = random.Random(3), set()
    for _ in range(200):
        digits = rng.choice([[2], [3], [4], [8], [2, 3, 4, 5, 6, 7, 8]])
        roundings = rng.choice([[ROUND_HALF_EVEN], [ROUND_HALF_UP], [ROUND_DOWN], [ROUND_DOWN, ROUND_HALF_UP]])
        problem = random_problem(rng)
        for verdict in check(problem, paper(rng, problem, digits=digits, roundings=roundings)).verdicts:
            assert verdict.verdict in (RIGHT, TRUNCATED, CARRIED), verdict
            assert not verdict.causes
            seen.add(verdict.verdict)
    assert seen == {RIGHT, TRUNCATED, CARRIED}


def test_rounding_on_scratch_paper_is_honest():
    rng, seen = random.Random(10), set()
    for _ in range(100):
        problem, digits = random_problem(rng), rng.choice([3, 4, 6])
        answers = paper(rng, problem, digits=[digits], roundings=[ROUND_HALF_EVEN], on_scratch=digits, given=0.4)
        for verdict in check(problem, answers).verdicts:
            assert verdict.verdict in (RIGHT, TRUNCATED, CARRIED), verdict
            seen.add(verdict.verdict)
    assert CARRIED in seen


# Nothing that rounding does not explain.


def solved(problem, without=(), digits=4):
    truth = stages.truth(solve(problem))
    return [Answer(name, written(numbers, digits), 0) for name, numbers in truth.items() if name not in without]


@pytest.fixture
def assignment():
    return Problem.load(ASSIGNMENT).with_target([1, 0])


@pytest.mark.parametrize("zero", ["0", "0.0", "-0", "0.00", "0e3"])
@pytest.mark.parametrize("beside", [False, True])
def test_zeros_are_no_answer(assignment, zero, beside):
    for name, numbers in stages.truth(solve(assignment)).items():
        zeros = Answer(name, dict.fromkeys(indexed(numbers), Written(zero)), 0)
        checked = check(assignment, [zeros, *(solved(assignment, [name]) if beside else ())])
        assert checked.first_wrong.name == name, name
        assert [verdict.verdict for verdict in checked.verdicts if verdict.verdict == WRONG] == [WRONG]


def test_a_zero_among_numbers_is_one_to_their_digits(judge, assignment):
    for text, verdict in [("[0, -1.061, 0.285]", WRONG), ("[0.667, 0, 0.285]", WRONG), ("[1, -1, 0]", RIGHT)]:
        (judged,) = judge(f"db1 = {text}", assignment).verdicts
        assert judged.verdict == verdict, text
    (judged,) = judge("delta1 = [0.667, 0, 0.285]", assignment).verdicts
    assert judged.having(WRONG) == [(1,)]


@pytest.mark.parametrize("beside", [False, True])
def test_old_parameters_are_no_answer(assignment, beside):
    for name in ("W1", "b1", "W2", "b2"):
        old = {i: Written(repr(x)) for i, x in indexed(stages.givens(assignment)[name]).items()}
        updated = f"{name}_new"
        answers = [Answer(updated, old, 0), *(solved(assignment, [updated]) if beside else ())]
        first = check(assignment, answers).first_wrong
        assert first.name == updated
        assert named(first) == [f"the old {name} stands there"]
    assert check(assignment, solved(assignment)).first_wrong is None
    assert check(assignment, solved(assignment, digits=2)).first_wrong is None


def test_where_nothing_is_to_be_done_nothing_is_right():
    layers = [{"weights": [[-1.0], [1.0]], "bias": [0.0, 0.0], "activation": "relu"}]
    layers.append({"weights": [[0.5, 30.0]], "bias": [0.2]})
    stated = {"input": [1.0], "target": [30.2], "learning_rate": 0.1, "layer": layers}
    for target in (30.2, 30.2 + 1e-7):
        problem = Problem.from_dict({**stated, "target": [target]})
        answers = [Answer(name, dict.fromkeys(indexed(numbers), Written("0")), 0)
                   for name, numbers in stages.truth(solve(problem)).items() if name[0] in "δd"]  # fmt: skip
        answers.append(Answer("W2_new", {(0, 0): Written("0.5"), (0, 1): Written("30")}, 0))
        assert {verdict.verdict for verdict in check(problem, answers).verdicts} == {RIGHT}


def test_few_digits_of_one_number_widen_nothing_for_another(assignment):
    # Who rounded on the way to whole numbers got δ1 = (0.6, -2, ...): as the last entry is written, nobody did.
    (verdict,) = check(
        assignment, [Answer("δ1", {(0,): Written("0.6"), (1,): Written("-1.4"), (2,): Written("0")}, 0)]
    ).verdicts
    assert verdict.having(WRONG) == [(1,), (2,)]


def test_no_number_alone_is_accepted_far_from_the_truth():
    """Whatever one number of a quantity is: what is accepted is a unit of its last digit from the truth, or is carried on."""
    rng = random.Random(11)
    for _ in range(60):
        problem = random_problem(rng)
        truth = stages.truth(solve(problem))
        name, digits = rng.choice(list(truth)), rng.choice([0, 1, 2, 3])
        texts = written(truth[name], digits)
        index = rng.choice(list(texts))
        x, unit = indexed(truth[name])[index], 10.0**-digits
        texts[index] = Written(f"{x + rng.choice([-1, 1]) * rng.uniform(1.6, 9) * unit:.{digits}f}")
        (verdict,) = check(problem, [Answer(name, texts, 0)]).verdicts
        judged = verdict.entries[index]
        assert judged.verdict in ((WRONG, CARRIED) if digits else (WRONG,)), (name, judged)
        assert judged.verdict == WRONG or abs(judged.written.value - x) < 10 * unit


# Seeded mistakes.


def test_seeded_mistakes_are_found_and_rightly_named():
    rng, kinds = random.Random(4), set()
    for _ in range(200):
        problem = random_problem(rng)
        stage = rng.choice([stage for stage in stages.stages(problem).values() if stage.mistakes])
        mistake = rng.choice(stage.mistakes)
        try:
            answers = paper(
                rng, problem, digits=[6], roundings=[ROUND_HALF_EVEN], mistake=(stage.name, mistake), given=0.6
            )
        except (ValueError, ArithmeticError):
            continue
        checked = check(problem, answers)
        first = checked.first_wrong
        if first is None:  # without effect: transposed, but symmetric
            continue
        assert first.answer.name == stage.name
        wrong = [first.entries[i].written.value for i in first.having(WRONG)]
        if all(x in (-1, 0, 1, 0.1) for x in wrong):  # too little to tell one mistake from another
            continue
        assert mistake.text in named(first), (stage.name, mistake.text, named(first))
        kinds.add(mistake.text.partition(" entry ")[0])
        for verdict in checked.verdicts:
            assert verdict is first or verdict.verdict != WRONG, (stage.name, mistake.text, verdict)
            assert verdict.answer.name == stage.name or not verdict.causes
    assert len(kinds) > 50


def softmax(z):
    e = np.exp(z)
    return e / e.sum()


def f(z):
    return np.maximum(z, 0) + np.sin(z)


def slope(z):
    return (z > 0) + np.cos(z)


def backward(x, y, W1, b1, W2, b2, rate, **wrong):
    """A 4-3-2 network by matrix formulas, each of which `wrong` may replace by a function of all that came before."""
    v = {"x": x, "y": y, "W1": W1, "b1": b1, "W2": W2, "b2": b2, "rate": rate}
    rules = {
        "Z1": lambda v: v["W1"] @ v["x"] + v["b1"],
        "H": lambda v: f(v["Z1"]),
        "Z2": lambda v: v["W2"] @ v["H"] + v["b2"],
        "ŷ": lambda v: softmax(v["Z2"]),
        "loss": lambda v: np.array([-(v["y"] * np.log(v["ŷ"])).sum()]),
        "δ2": lambda v: v["ŷ"] - v["y"],
        "f'(Z1)": lambda v: slope(v["Z1"]),
        "δ1": lambda v: v["W2"].T @ v["δ2"] * v["f'(Z1)"],
        "dW1": lambda v: np.outer(v["δ1"], v["x"]),
        "db1": lambda v: v["δ1"],
        "dW2": lambda v: np.outer(v["δ2"], v["H"]),
        "db2": lambda v: v["δ2"],
        **{f"{p}_new": lambda v, p=p: v[p] - v["rate"] * v[f"d{p}"] for p in ("W1", "b1", "W2", "b2")},
    }
    for name, rule in rules.items():
        v[name] = wrong.get(name, rule)(v)
    return {name: v[name].tolist() for name in rules}


BY_HAND = [
    ("Z1", lambda v: v["W1"] @ v["x"], "the bias b1 is left out"),
    ("Z1", lambda v: v["W1"] @ v["x"] - v["b1"], "the bias b1 is subtracted"),
    ("Z1", lambda v: v["W1"].T.reshape(3, 4) @ v["x"] + v["b1"], "W1 is read by columns (transposed)"),
    ("Z1", lambda v: v["W1"] @ (v["x"] * [1, -1, 1, 1]) + v["b1"], "the product with entry 2 of x has the wrong sign"),
    ("Z1", lambda v: v["W1"] @ (v["x"] * [1, 1, 0, 1]) + v["b1"], "the product with entry 3 of x is left out"),
    ("H", lambda v: np.maximum(v["Z1"], 0), "the term sin(z) is left out"),
    ("H", lambda v: np.sin(v["Z1"]), "the term relu(z) is left out"),
    ("H", lambda v: np.maximum(v["Z1"], 0) - np.sin(v["Z1"]), "the term sin(z) is subtracted"),
    ("H", lambda v: np.maximum(v["Z1"], 0) + np.sin(np.radians(v["Z1"])), "sin is taken of degrees"),
    ("H", lambda v: v["Z1"], "f is left out"),
    ("Z2", lambda v: v["W2"] @ v["Z1"] + v["b2"], "Z1 stands in place of H"),
    ("ŷ", lambda v: v["Z2"] / v["Z2"].sum(), "softmax without exponentials: z/Σz"),
    ("ŷ", lambda v: 1 / (1 + np.exp(-v["Z2"])), "the sigmoid of each stands in place of softmax"),
    ("ŷ", lambda v: v["Z2"][::-1] * 0 + softmax(v["Z2"])[::-1], "entries 1 and 2 are exchanged"),
    ("loss", lambda v: -(v["y"] * np.log10(v["ŷ"])).sum(keepdims=True), "the logarithm is to base 10"),
    ("loss", lambda v: (v["y"] * np.log(v["ŷ"])).sum(keepdims=True), "the sign is wrong"),
    ("δ2", lambda v: v["y"] - v["ŷ"], "the sign is wrong"),
    ("δ2", lambda v: v["ŷ"] + v["y"], "y is added instead of subtracted"),
    ("δ2", lambda v: (v["ŷ"] - v["y"]) * v["ŷ"] * (1 - v["ŷ"]), "it is multiplied by ŷ(1 - ŷ), which cancels"),
    ("f'(Z1)", lambda v: np.cos(v["Z1"]), "the term relu(z) is left out"),
    ("f'(Z1)", lambda v: (v["Z1"] > 0) - np.cos(v["Z1"]), "the derivative of sin is taken as -cos"),
    ("f'(Z1)", lambda v: slope(v["H"]), "f' is taken at H instead of Z1"),
    ("f'(Z1)", lambda v: (v["Z1"] > 0) + np.cos(np.radians(v["Z1"])), "sin is taken of degrees"),
    ("δ1", lambda v: v["W2"].T @ v["δ2"], "f'(Z1) is left out"),
    (
        "δ1",
        lambda v: v["W2"][1] * v["δ2"][1] * v["f'(Z1)"],
        "the sum over paths: that through entry 1 of Z2 is left out",
    ),
    (
        "δ1",
        lambda v: v["W2"].T @ (v["δ2"] * [1, -1]) * v["f'(Z1)"],
        "the path through entry 2 of Z2 has the wrong sign",
    ),
    ("δ1", lambda v: -(v["W2"].T @ v["δ2"]) * v["f'(Z1)"], "the sign is wrong"),
    ("δ1", lambda v: v["W2"].reshape(3, 2) @ v["δ2"] * v["f'(Z1)"], "W2 is not transposed"),
    (
        "δ1",
        lambda v: (v["W2"] - v["rate"] * np.outer(v["δ2"], v["H"])).T @ v["δ2"] * v["f'(Z1)"],
        "the updated W2 is used in the same backward pass",
    ),
    ("dW1", lambda v: np.outer(v["x"], v["δ1"]).reshape(3, 4), "transposed"),
    ("dW2", lambda v: np.outer(v["δ2"], v["Z1"]), "Z1 stands in place of H"),
    ("W1_new", lambda v: v["W1"] - v["dW1"], "the learning rate is left out"),
    ("W1_new", lambda v: v["W1"] + v["rate"] * v["dW1"], "the step is added instead of subtracted"),
    ("W2_new", lambda v: -v["rate"] * v["dW2"], "only the step is given, without W2"),
    ("b1_new", lambda v: 10 * (v["b1"] - v["rate"] * v["db1"]), "the decimal point is one place too far to the right"),
]


@pytest.mark.parametrize(("name", "mistake", "text"), BY_HAND, ids=[f"{name}: {text}" for name, _, text in BY_HAND])
def test_mistakes_made_by_hand_are_named(name, mistake, text):
    rng, seen = np.random.default_rng(5), 0
    while seen < 8:
        x, W1, b1, W2, b2 = (np.round(rng.uniform(-1, 1, s), 1) + 0.05 for s in (4, (3, 4), 3, (2, 3), 2))
        y = np.array([1.0, 0.0])
        layers = [
            {"weights": W1.tolist(), "bias": b1.tolist(), "activation": "relu(z) + sin(z)"},
            {"weights": W2.tolist(), "bias": b2.tolist(), "activation": "softmax"},
        ]
        problem = Problem.from_dict({"input": x.tolist(), "target": [1, 0], "learning_rate": 0.1, "layer": layers})
        with np.errstate(all="ignore"):
            numbers = backward(x, y, W1, b1, W2, b2, 0.1, **{name: mistake})
        numbers = {k: v for k, v in numbers.items() if np.isfinite(v).all()}
        answers = [Answer(k, written(v, 5), 0) for k, v in numbers.items()]
        checked = check(problem, answers)
        first = checked.first_wrong
        if first is None:  # relu is 0 anyhow
            assert "relu" in text
            continue
        seen += 1
        assert first.answer.name == name
        assert text in named(first)
        assert not [verdict.name for verdict in checked.verdicts if verdict.verdict == WRONG and verdict is not first]
        # What follows is said to follow, and from what.
        for verdict in checked.verdicts:
            assert {entry.blame for entry in verdict.entries.values()} <= {None, name}


def test_a_mistake_before_the_first_number_is_named_too():
    problem = Problem.load(ASSIGNMENT).with_target([1, 0])
    given = stages.givens(problem)
    arrays = [np.array(given[k]) for k in ("x", "y", "W1", "b1", "W2", "b2")]
    numbers = backward(*arrays, 0.001, δ1=lambda v: v["W2"].T @ v["δ2"])
    (verdict,) = check(problem, [Answer("dW1", written(numbers["dW1"], 4), 0)]).verdicts
    assert "in δ1, which is not given: f'(Z1) is left out" in named(verdict)


def test_numbers_made_up_are_rarely_explained():
    rng, explained, wrong = random.Random(7), 0, 0
    for _ in range(250):
        problem = random_problem(rng)
        truth = stages.truth(solve(problem))
        name = rng.choice(list(truth))
        size = max(map(abs, indexed(truth[name]).values()))
        digits = rng.choice([1, 2, 3, 4, 5, 6])
        texts = written(truth[name], digits)
        texts[rng.choice(list(texts))] = Written(f"{rng.uniform(-1.2, 1.2) * size:.{digits}f}")
        (verdict,) = check(problem, [Answer(name, texts, 0)]).verdicts
        wrong += verdict.verdict == WRONG
        explained += bool(verdict.causes)
    assert wrong > 200
    assert explained < 0.05 * wrong


# The published solution of the assignment.


def test_what_is_wrong_in_the_published_solution_is_found_and_nothing_else():
    problem = Problem.load(ASSIGNMENT)
    checked = check(problem, load_answers(PUBLISHED, shapes(problem)))
    assert [(verdict.name, verdict.verdict) for verdict in checked.verdicts] == [
        ("Z1", RIGHT),
        ("H", TRUNCATED),
        ("H, written again", WRONG),
        ("Z2", RIGHT),
        ("ŷ", WRONG),
    ]
    assert (
        report(checked)
        == """\
Z1                right
H                 truncated instead of rounded
    given    2.325    0.692    1.164
    truth  2.32572  0.69290  1.16464
H, written again  entries 1, 2: truncated instead of rounded; entry 3: wrong
    given    2.325    0.692     1.64
    truth  2.32572  0.69290  1.16464
    entry 3: it was 1.164 before: a digit is left out
Z2                right
ŷ                 wrong
    given    0.2181    0.7819
    truth  0.218248  0.781752
    the last digit is off by 1

13 numbers: 5 right, 5 truncated, 3 wrong.
The first mistake is in H, written again, entry 3; it is not carried on: Z2 is right.
The next mistake is in ŷ."""
    )


# Answers, as they are written.

LAYERS = [
    {"weights": [[0.5, -1.0], [0.25, 0.75], [1.0, 1.0]], "bias": [0.1, 0.2, -0.3], "activation": "tanh"},
    {"weights": [[1.0, -0.5, 0.5], [0.2, 0.3, -0.4]], "bias": [0.0, 0.1], "activation": "softmax"},
]
SMALL = Problem.from_dict({"input": [0.5, -1.5], "target": [0, 1], "learning_rate": 0.5, "layer": LAYERS})


@pytest.fixture
def judge(tmp_path):
    def judge(text, problem=SMALL):
        path = tmp_path / "answers.toml"
        path.write_text(text, encoding="utf-8")
        return check(problem, load_answers(path, shapes(problem)))

    return judge


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        *[("1.85", RIGHT), ("1.850", RIGHT), ("2", RIGHT), ("1.8", RIGHT), ("1.9", RIGHT), ('"1.85"', RIGHT)],
        *[("1.8501", WRONG), ("1.86", WRONG), ("1", TRUNCATED), ("1.7", WRONG), ("-1.85", WRONG), ("185e-2", RIGHT)],
        *[('"+1.850"', RIGHT), ("2e0", RIGHT), ("1.85_0", RIGHT)],
    ],
)
def test_digits_are_those_that_were_written(judge, text, verdict):
    (judged,) = judge(f'Z1 = [{text}, "", ""]').verdicts
    assert judged.verdict == verdict


def test_a_typographic_minus_and_blanks_are_read(judge):
    (judged,) = judge('Z1 = ["1.85", "−0.8", "…"]').verdicts
    assert judged.verdict == RIGHT
    assert list(judged.entries) == [(0,), (1,)]


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        *[("z1", "Z1"), ("Z_1", "Z1"), ("Z₂", "Z2"), ("H", "H"), ("h1", "H"), ("A1", "H"), ("H2", "ŷ"), ("a_2", "ŷ")],
        *[
            ("y_hat", "ŷ"),
            ("y\u0302", "ŷ"),
            ("ŷ", "ŷ"),
            ("Loss", "loss"),
            ("L", "loss"),
            ("delta2", "δ2"),
            ("δ_1", "δ1"),
        ],
        *[("f'(Z1)", "f'(Z1)"), ("slope1", "f'(Z1)"), ("tanh'(Z1)", "f'(Z1)"), ("dW1", "dW1"), ("∂L/∂b_2", "db2")],
        *[("dL/dW2", "dW2"), ("grad_W1", "dW1"), ("∂loss/∂W1", "dW1"), ("W1_new", "W1_new"), ("new_b2", "b2_new")],
        *[("W1'", "W1_new"), ("Z", None), ("Z3", None), ("W1", None), ("x", None), ("delta", None), ("H3", None)],
    ],
)
def test_names_of_quantities(spelling, name):
    assert quantity(spelling, list(shapes(SMALL))) == name


def test_keys_of_forms_are_read():
    for name in shapes(SMALL):
        assert key(name).replace("_", "").isalnum()
        assert quantity(key(name), list(shapes(SMALL))) == name


def test_a_number_that_stands_alone_needs_no_brackets(judge):
    loss = stages.truth(solve(SMALL))["loss"][0]
    assert judge(f"loss = {loss:.3f}").verdicts[0].verdict == RIGHT


def test_a_matrix_in_transposed_shape_is_wrong_and_is_said_to_be_transposed(judge):
    rows = stages.truth(solve(SMALL))["dW1"]
    text = [[f"{x:.4f}" for x in column] for column in zip(*rows)]
    (verdict,) = judge(f"dW1 = {json.dumps(text)}").verdicts
    assert (verdict.verdict, named(verdict)) == (WRONG, ["the whole matrix is transposed"])
    assert {entry.verdict for entry in verdict.entries.values()} == {RIGHT}
    checked = judge(f"dW1 = {json.dumps(text)}")
    assert "The first mistake is in dW1." in report(checked)


def test_what_is_written_again_may_be_copied_and_follows_when_that_was_wrong(judge):
    first, again, after = judge(
        "Z1 = [1.85, 0.8, -1.3]\n[[line]]\nZ1 = [1.85, 0.8, -1.3]\nH = [0.9517, 0.664, -0.8617]"
    ).verdicts
    assert (first.verdict, again.verdict, after.verdict) == (WRONG, FOLLOWS, FOLLOWS)
    assert named(first) == ["the sign is wrong"]
    assert again.entries[1,].blame == "Z1"


@pytest.mark.parametrize("again", ["1.164", "−1.64", "2e-3", "16.4e-1", "3e9"])
@pytest.mark.parametrize("before", ["1.851", "−1.851", "1e-3", "185.1e-2", "2e9", "0"])
def test_slips_are_sought_in_numbers_however_they_are_written(judge, before, again):
    verdicts = judge(f'Z1 = ["{before}", "", ""]\n[[line]]\nZ1 = ["{again}", "", ""]').verdicts
    assert [verdict.answer.again for verdict in verdicts] == [0, 1]
    assert verdicts[1].verdict == WRONG


def test_the_one_row_of_a_matrix_needs_no_brackets_of_its_own(judge):
    problem = Problem.from_dict({"input": [1, 2], "target": [1], "layer": [{"weights": [[0.5, 1]], "bias": [0]}]})
    assert judge("dW1 = [3, 6]", problem).verdicts[0].verdict == RIGHT


def test_answers_are_judged_in_the_order_of_the_calculation():
    truth = stages.truth(solve(SMALL))
    answers = [Answer(name, written(truth[name], 4), 0) for name in ("δ1", "Z1", "loss")]
    assert [verdict.name for verdict in check(SMALL, answers).verdicts] == ["Z1", "loss", "δ1"]


def test_a_network_too_large_for_a_hand_is_checked_without_causes():
    layer = {"weights": [[0.01] * 60] * 60, "bias": [0.0] * 60}
    problem = Problem.from_dict({"input": [1.0] * 60, "layer": [layer]})
    (verdict,) = check(problem, [Answer("Z1", written([6.1] * 60, 4), 0)]).verdicts
    assert (verdict.verdict, verdict.causes) == (WRONG, ())


def test_a_deep_network_is_checked():
    layers = [{"weights": [[1.0]], "bias": [0.001], "activation": "tanh"}] * 400
    problem = Problem.from_dict({"input": [0.5], "target": [0], "learning_rate": 0.1, "layer": layers})
    truth = stages.truth(solve(problem))
    answers = [Answer(name, written(truth[name], 4), 0) for name in ("ŷ", "δ1", "W1_new")]
    assert [verdict.verdict for verdict in check(problem, answers).verdicts] == [RIGHT] * 3


def test_a_right_number_after_a_wrong_one_is_right(judge):
    checked = judge("Z1 = [1.85, 0.8, -1.3]\nH = [0.9517, -0.664, -0.8617]")
    assert [verdict.verdict for verdict in checked.verdicts] == [WRONG, RIGHT]
    assert "it is not carried on: H is right" in report(checked)


def test_without_a_target_the_forward_part_is_checked(judge):
    problem = Problem.from_dict({"input": [0.5, -1.5], "layer": LAYERS})
    assert judge("Z1 = [1.85, -0.8, -1.3]", problem).verdicts[0].verdict == RIGHT
    with pytest.raises(ProblemError, match="delta2: expected one of Z1, H, Z2, ŷ; the rest needs a target"):
        judge("delta2 = [1, 2]", problem)


def test_a_batch_is_refused():
    problem = Problem.from_dict({"input": [[0.5, -1.5], [1, 2]], "layer": LAYERS})
    with pytest.raises(ProblemError, match="answers are checked for one input, got 2"):
        shapes(problem)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no number to check"),
        ('Z1 = ["", "?", ""]', "no number to check"),
        ("Z1 = [1, 2]", r"Z1: expected shape (3,), got (2,)"),
        ("Z1 = [[1, 2, 3], [4]]", "Z1: expected shape (3,), got a list with holes"),
        ("Z1 = 3", "Z1: expected shape (3,), got 3"),
        ("Z1 = []", "Z1: expected shape (3,), got (0,)"),
        ('Z1 = [1, 2, "three"]', "Z1: entry 3: 'three' is no decimal number"),
        ("Z1 = [1, 2, true]", "Z1: entry 3: expected a number, got 'True'"),
        ("Z1 = [1, 2, nan]", "Z1: entry 3: 'nan' is no finite number of usual size"),
        ("Z1 = [1, 2, 1e999999]", "Z1: entry 3: '1e999999' is no finite number of usual size"),
        ("Z1 = [1, 2, 1979-05-27]", "Z1: entry 3: expected a number, got '1979-05-27'"),
        ("dW1 = [[1, 2], [3, 4]]", "dW1: expected shape (3, 2), got (2, 2)"),
        ("zz = 3", "zz: expected one of Z1, H, Z2, ŷ, loss, δ2, f'(Z1), δ1, dW1"),
        ("line = 3", "line: expected [[line]] tables"),
        ("[line]\nZ1 = [1, 2, 3]", "line: expected [[line]] tables"),
        ("Z1 = [1, 2", "answers.toml: "),
        ("Z1 = " + "[" * 2000, "answers.toml: "),
    ],
)
def test_answers_that_are_none_give_one_clear_error(judge, text, message):
    with pytest.raises(ProblemError) as caught:
        judge(text)
    assert message in str(caught.value)
    assert str(caught.value).startswith("answers.toml: ")


# Kinks.


def test_kinks_are_reported_with_their_convention(judge):
    layers = [{"weights": [[0.3, -0.3], [0.1, 0.2], [1, 1]], "bias": [0, -0.3, 0], "activation": "relu"}]
    problem = Problem.from_dict({"input": [1, 1], "target": [1, 1, 1], "layer": layers})
    checked = judge("Z1 = [0, 0, 2]", problem)
    exact, beside = checked.kinks
    assert exact == (
        "relu(z1 = 0) in layer 1, neuron 1 is exactly at its kink: the derivative of relu at 0 is taken as 0"
    )
    assert beside.startswith("relu(z2 = ")
    assert "is at its kink but for the rounding of floats" in beside
    assert f"\n{exact}." in report(checked)


def test_the_other_convention_at_a_kink_is_named(judge):
    layers = [{"weights": [[1, -1], [0.5, 0.5]], "bias": [0, 0.1], "activation": "relu(z) + sin(z)"}]
    layers.append({"weights": [[0.7, 0.3]], "bias": [0.1]})
    problem = Problem.from_dict({"input": [1, 1], "target": [1], "layer": layers})
    (verdict,) = judge('"f\'(Z1)" = [2.0000, "1.4536"]', problem).verdicts
    assert verdict.entries[0,].verdict == WRONG
    (verdict,) = judge('delta1 = ["-0.8474", ""]', problem).verdicts
    assert "in f'(Z1), which is not given: relu'(0) is taken as 1" in named(verdict)


# The command line.


def test_the_exit_status_says_whether_anything_is_wrong(run, tmp_path):
    status, out, err = run("check", ASSIGNMENT, PUBLISHED)
    assert (status, err) == (1, "")
    assert out.startswith("published_answers.toml, checked against four_three_two.toml: 4-3-2 network, f(z) = relu(z)")
    right = tmp_path / "right.toml"
    right.write_text("H = [2.325, 0.692, 1.164]\n")
    assert run("check", ASSIGNMENT, right)[0] == 0
    assert run("check", ASSIGNMENT, tmp_path / "none.toml")[0] == 2
    assert run("check", ASSIGNMENT, right, "--target", "1,2")[0] == 2


def test_json_is_for_graders(run):
    status, out, err = run("check", ASSIGNMENT, PUBLISHED, "--target", "1,0", "--format", "json")
    answer = json.loads(out)
    assert (status, err, answer["right"], answer["first_wrong"]) == (1, "", False, {"name": "H", "again": 1})
    h, again = answer["quantities"][1:3]
    assert h["entries"][0] == {
        "index": [1],
        "written": "2.325",
        "truth": pytest.approx(2.3257233578),
        "verdict": "truncated",
        "follows": None,
    }
    (cause,) = again["causes"]
    assert cause["causes"] == ["it was 1.164 before: a digit is left out"]
    assert cause["entries"] == [[3]]
    assert 0 < cause["chance"] < CHANCE


def mutated(rng, text):
    """A text with a few of its pieces broken, doubled or lost."""
    pieces = list(text)
    for _ in range(rng.randint(1, 6)):
        i = rng.randrange(len(pieces))
        match rng.randrange(5):
            case 0:
                pieces[i] = rng.choice("[]{}(),.=-\"'\\#\n\0é\u2212$&^_eE0123456789truenaninf")
            case 1:
                del pieces[i : i + rng.randint(1, 12)]
                pieces = pieces or ["="]
            case 2:
                pieces[i:i] = pieces[i : i + rng.randint(1, 20)]
            case 3:
                pieces[i:i] = rng.choice(
                    ["nan", "1e999", "[" * 50, "9" * 400, '""', "true", "= =", "[[", "[[layer]]\n"]
                )
            case 4:
                pieces[i], pieces[-1] = pieces[-1], pieces[i]
    return "".join(pieces)


def test_broken_files_give_one_clear_error(run, tmp_path):
    rng, statuses = random.Random(8), set()
    problem, answers = tmp_path / "problem.toml", tmp_path / "answers.toml"
    texts = ASSIGNMENT.read_text().replace("# target", "target"), PUBLISHED.read_text()
    for _ in range(250):
        broken = [mutated(rng, text) if rng.random() < 0.6 else text for text in texts]
        for path, text in zip((problem, answers), broken):
            path.write_text(text, encoding="utf-8", errors="replace")
        status, out, err = run("check", problem, answers)
        assert status in (0, 1, 2)
        assert (err.count("error:"), out == "") == ((1, True) if status == 2 else (0, False)), broken
        assert "Traceback" not in err
        statuses.add(status)
    assert statuses == {1, 2}


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\0", b"[" * 100_000, b"Z1 = 1\nZ1 = 2", b"a" * 1_000_000])
def test_hostile_bytes_give_one_clear_error(run, tmp_path, content):
    path = tmp_path / "answers.toml"
    path.write_bytes(content)
    status, out, err = run("check", ASSIGNMENT, path)
    assert (status, out) == (2, "")
    assert err.count("\n") < 8
    assert err.startswith("scalargrad: error: answers.toml: ")
