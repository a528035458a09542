"""Records of losses: what each says of its loss is true, all that reads records takes it, and none is incomplete."""

import math
import re

import pytest
from losses import ROWS
from mpmath import mpf

from scalargrad import Value, jit, nn
from scalargrad.homework import stages
from scalargrad.homework.answers import Answer, Written
from scalargrad.homework.checking import RIGHT, WRONG, check
from scalargrad.homework.exercise import friendly_problem
from scalargrad.homework.reading import read
from scalargrad.nn.loss import Loss
from scalargrad.nn.losses import LOSSES
from scalargrad.worked import Problem, ProblemError, report, solve, write, written
from scalargrad.worked.forward import loss_formula
from scalargrad.worked.sheet import Sheet
from scalargrad.worked.writers import FORMATS
from viz.dot import to_dot

POINTS = [(loss, *point) for loss in LOSSES.values() for point in ROWS[loss.name][1]]


@pytest.fixture(params=LOSSES.values(), ids=LOSSES)
def loss(request):
    return request.param


def problem(loss, outputs=3):
    return friendly_problem([2, 3, outputs], "tanh", loss=loss.name, seed=1)


def through_head(loss, z):
    if loss.head == "softmax":
        return nn.softmax(z)
    return z if loss.head is None else [nn.activation_function(loss.head)[1](zi) for zi in z]


def logits(loss, outputs):
    """Numbers of which the head makes these outputs."""
    inverse = {None: lambda p: p, "softmax": math.log, "sigmoid": lambda p: math.log(p) - math.log1p(-p)}
    return [inverse[loss.head](p) for p in outputs]


def test_every_loss_has_a_row_and_every_row_a_loss():
    assert ROWS.keys() == LOSSES.keys()


@pytest.mark.parametrize(("loss", "outputs", "targets"), POINTS)
def test_function_and_term_give_the_value(loss, outputs, targets):
    truth = float(ROWS[loss.name][0]([mpf(p) for p in outputs], [mpf(t) for t in targets]))
    assert loss.of_outputs(outputs, targets).data == pytest.approx(truth, rel=1e-12)
    terms = [loss.formula(p=p, y=t) for p, t in zip(outputs, targets) if not t == 1 - p == 0]
    assert sum(terms) / (len(outputs) if loss.mean else 1) == pytest.approx(truth, rel=1e-12)
    z = logits(loss, outputs)
    assert loss.function(z, targets).data == pytest.approx(truth, rel=1e-12)
    assert jit(loss.function)(z, targets) == pytest.approx(truth, rel=1e-12)


@pytest.mark.parametrize(("loss", "outputs", "targets"), POINTS)
def test_error_is_the_derivative(loss, outputs, targets):
    z = [Value(x) for x in logits(loss, outputs)]
    p = through_head(loss, z)
    loss.of_outputs(p, targets).backward()
    factor = float(loss.factor(len(outputs)))
    expected = [factor * loss.error(p=pi.data, y=t) for pi, t in zip(p, targets)]
    assert [x.grad for x in (z if loss.cancels else p)] == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(("loss", "outputs", "targets"), POINTS)
def test_outputs_and_targets_of_the_points_are_what_the_record_takes(loss, outputs, targets):
    low, high = loss.textbook
    assert all(low <= p <= high for p in outputs)
    assert loss.targets.fit(targets)
    assert not loss.targets.fit([math.nan] * len(targets))


def test_it_is_written_in_text_and_latex(loss):
    n = "1/3 " if loss.mean else ""
    assert f"loss = {loss.sign}{n}Σ {loss.text}" in report(solve(problem(loss)))
    assert "ŷ" in loss.text
    assert "y" in loss.text.replace("ŷ", "")
    mean = r"\frac{1}{3} \cdot " if loss.mean else ""
    term = loss.unsigned.print("latex", {"p": r"\hat y_{k}", "y": "y_{k}"})
    assert loss_formula(Sheet(problem(loss), 4)) == rf"{loss.sign}{mean}\sum_{{k}} {term:2}"


@pytest.mark.parametrize("outputs", [2, 3])
def test_problems_of_it_are_solved_written_and_drawn(loss, outputs):
    solution = solve(problem(loss, outputs))
    assert solution.loss is not None
    assert all(write(written(solution), form) for form in FORMATS)
    assert to_dot(solution.root)


def test_the_error_term_is_written_with_its_numbers(loss):
    solution = solve(problem(loss))
    factor = loss.factor(3)
    error = (
        f"{factor} {loss.error.print('text', {'p': 'ŷ'}):2}" if factor != 1 else loss.error.print("text", {"p": "ŷ"})
    )
    assert f"δ2 = {error}" in report(solution)
    document = written(solution)
    assert document.values["δ2"] == [z.grad for z in solution.z[-1]]


def test_a_target_that_it_does_not_take_is_refused(loss):
    open_problem = problem(loss)
    wrong = [x for x in ([2.0, -0.5, 0.0], [1.0, 1.0, 0.5]) if not loss.targets.fit(x)]
    for target in wrong:
        with pytest.raises(ProblemError, match=f"target: expected {loss.targets.words}, got"):
            open_problem.with_target(target)
    assert wrong or loss.targets.fit([math.pi, -1e9])


def test_texts_name_it(loss):
    for said in (loss.name, loss.name.replace("-", " ")):
        assert [name for name, other in LOSSES.items() if re.search(other.words, said, re.IGNORECASE)] == [loss.name]
    head = f"The output is {loss.head}. " if loss.head else ""
    text = f"W1 = [[1, 2], [3, 4]]\nb1 = [1, 2]\nW2 = [[1, 2], [2, 1]]\nb2 = [3, 4]\nx = [1, 2]\n{head}ReLU, {loss.name} loss."
    assert read(text).loss == loss.name


def test_right_answers_are_right_and_each_mistake_is_another_number(loss):
    solution = solve(problem(loss))
    table, truth = stages.stages(solution.problem), stages.truth(solution)
    known = stages.givens(solution.problem) | truth
    for name in ("loss", "δ2"):
        for rule in (table[name].rule, *table[name].mistakes):
            numbers = rule.compute(*(known[need] for need in rule.needs))
            answer = Answer(name, {(k,): Written(f"{x:.7f}") for k, x in enumerate(numbers)}, 0)
            (verdict,) = check(solution.problem, [answer]).verdicts
            assert verdict.verdict == (RIGHT if numbers == pytest.approx(truth[name], abs=1e-9) else WRONG), rule.text
        rules = [rule.text for rule in table[name].mistakes]
        assert len(set(rules)) == len(rules)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"cancels": True}, "cancels: there is no head"),
        ({"head": "softmax"}, "the derivative of softmax is written out only where it cancels"),
        ({"head": "sigmoids"}, "expected softmax or an operation's name, got 'sigmoids'"),
        ({"textbook": (0.0, 1.0)}, "textbook: without a head there are no logits"),
    ],
)
def test_records_whose_facts_do_not_fit_are_refused(facts, message):
    with pytest.raises(ValueError, match=f"loss half: .*{message}"):
        Loss("half", nn.mse, "(p - y)**2/2", "(ŷ - y)²/2", "half", **facts)


@pytest.mark.parametrize("term", ["p**2", "(q - y)**2", "(p - y)**n"])
def test_a_term_over_other_names_is_refused(term):
    with pytest.raises(ValueError, match="loss half: term: expected an expression in p and y, got "):
        _ = Loss("half", nn.mse, term, "(ŷ - y)²", "half").formula


def test_a_derivative_that_cancels_with_an_unknown_head_is_refused_by_name(monkeypatch):
    def function(outputs, targets, from_logits=True):
        return nn.mse(outputs, targets)

    monkeypatch.setitem(LOSSES, "odd", Loss("odd", function, "(p - y)**2", "", "odd", head="tanh", cancels=True))
    layer = {"weights": [[1.0]], "bias": [0.0], "activation": "tanh"}
    solution = solve(Problem.from_dict({"input": [1.0], "target": [0.5], "loss": "odd", "layer": [layer]}))
    with pytest.raises(ProblemError, match="loss: .*tanh cancels in the derivative of odd"):
        written(solution)
