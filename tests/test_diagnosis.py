"""Why a gradient is zero, tiny, huge or nan: each cause is provoked, and must be found by its operation and numbers."""

from math import inf, isnan, nan
from pathlib import Path

import pytest

from scalargrad import Value, detect_anomaly, exp, ieee, log, maximum, nn, no_grad, scope, source_lines, tanh, why
from scalargrad.diagnosis import MOST_SHOWN, explain


def named(data, label):
    return Value(data, label=label)


def test_a_dead_relu():
    w, x = named(-2, "w"), named(3, "x")
    with scope("layer 1"):
        z = w * x
        z.label = "z"
        h = z.relu()
    loss = h + x
    loss.label = "loss"
    found = explain(w, loss)
    (finding,) = found.findings
    assert (found.verdict, finding.kind, finding.child, finding.parent) == ("zero", "kills", h, z)
    assert (finding.local, finding.arriving, finding.passed) == (0, 1, 0)
    assert why(w, loss).splitlines() == [
        "d loss / d w = 0: zero",
        "  relu(z = -6.0) kills it: 1 arrives, times a local derivative of 0; relu is off where its input is not positive (layer 1)",
        "  (to see the lines of the program, compute it under scalargrad.source_lines())",
    ]


def test_only_the_first_of_two_in_a_row_is_to_blame():
    x = named(-1, "x")
    first = x.relu()
    second = (first - 1).relu()
    assert [f.child for f in explain(x, second).findings] == [second]


def test_every_way_is_looked_at():
    x = named(-1, "x")
    dead = [x.relu() * i for i in (2, 3)]
    assert len(explain(x, dead[0] + dead[1]).findings) == 2
    assert explain(x, dead[0] + x).verdict == "ordinary"


def test_the_users_line_is_named():
    x = named(-1, "x")
    with source_lines():
        y = x.relu()  # this line
    line = next(i for i, text in enumerate(Path(__file__).read_text().splitlines(), 1) if "# this line" in text)
    assert f"test_diagnosis.py:{line})" in why(x, y)
    assert "source_lines" not in why(x, y)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda x: x * 0.0, "the other factor is 0"),
        (lambda x: maximum(x, 5.0), "the other operand is the larger one"),
        (lambda x: exp(x - 2000), "the derivative of exp is its result, 0"),
        (lambda x: tanh(x * 400), "tanh is flat far from 0"),
        (lambda x: abs(x - 1), "the derivative of |x| at 0 is 0"),
        (lambda x: x**0, "the base is 1, the exponent 0"),
    ],
)
def test_what_kills(make, words):
    x = named(1.0, "x")
    found = explain(x, make(x) + 1)
    assert found.verdict == "zero"
    assert words in found.findings[0].words


def test_a_sum_that_cancels():
    x = named(2.0, "x")
    text = why(x, x * 3 - x * 3)
    assert "what comes back to x adds up to 0: -3 and 3" in text
    assert text.count("adds up") == 1


def test_infinite():
    x = named(0.0, "x")
    text = why(x, x.sqrt() * 3)
    assert "sqrt(x = 0.0) blows it up: 3 arrives, times a local derivative of inf" in text
    y = named(1e200, "y")
    overflow = explain(y, _overflow(y))
    assert (overflow.verdict, overflow.findings[-1].kind) == ("infinite", "blows up")


def _overflow(y):
    with ieee():
        return y * 1e200 * 1e200


def test_nan_from_zero_times_infinity():
    x = named(0.0, "x")
    with ieee():
        root = x.sqrt() * 0.0
    found = explain(x, root)
    assert found.verdict == "nan"
    assert "sqrt(x = 0.0) poisons it: 0 arrives, times a local derivative of inf" in str(found)


def test_nan_from_infinities_that_cancel():
    x = named(0.0, "x")
    root = x.sqrt() - x.sqrt()
    assert "what comes back to x adds up to nan: -inf and inf" in why(x, root)


def test_nan_that_came_with_a_number():
    x, bad = named(1.0, "x"), named(nan, "data17")
    assert "nan came with data17, which is nan" in why(x, x * bad)
    with ieee():
        root = log(named(-1.0, "p")) * x
    assert isnan(explain(x, root).gradient)
    assert "nan came with log(p = -1.0)" in why(x, root)


def test_huge_and_tiny_name_the_factors():
    x = named(0.5, "x")
    big = x * 1000 + 1
    big = big * 1e5
    found = explain(x, big)
    assert (found.verdict, found.gradient, [f.local for f in found.findings]) == ("huge", 1e8, [1e5, 1000])
    small = x
    for _ in range(12):
        small = (small * 4).tanh()
    found = explain(x, small)
    assert found.verdict == "tiny"
    assert {f.kind for f in found.findings} == {"shrinks"}
    assert all("tanh is flat" in f.words for f in found.findings)
    assert f"... and {len(found.findings) - MOST_SHOWN} more" in str(found)


def test_many_ordinary_factors_are_shown_as_the_way_they_are():
    x = named(1.0, "x")
    y = x
    for _ in range(40):
        y = y * 0.5
    text = why(x, y)
    assert "no one operation made it so" in text
    assert text.count("times 0.5 makes") == 2 * MOST_SHOWN
    assert "... 24 more" in text


def test_an_ordinary_gradient_shows_its_strongest_way():
    x = named(3.0, "x")
    found = explain(x, x * 5 + x * 2)
    assert (found.verdict, found.gradient) == ("ordinary", 7)
    assert [local for _, _, local in found.path] == [1, 5]


def test_unconnected():
    x, w = named(1.0, "x"), named(2.0, "w")
    with no_grad():
        cut = x * w
    assert why(w, cut * x).startswith("d the root / d w = 0: the root was not computed from it")
    assert explain(w, (x * w).detach() + x).verdict == "unconnected"
    w.kind = "constant"
    assert why(w, x * w).endswith("takes no gradient")


def test_the_root_itself():
    x = named(1.0, "x")
    assert explain(x, x).gradient == 1


def test_agrees_with_backward_and_leaves_gradients_alone():
    model = nn.MLP(3, [4, 1], activation="tanh")
    loss = nn.mse([model([1.0, -2.0, 0.5])], [1.0])
    with detect_anomaly():
        loss.backward()
    for parameter in model.parameters():
        before = parameter.grad
        assert explain(parameter, loss).gradient == pytest.approx(before, rel=1e-12)
        assert parameter.grad == before


def test_both_must_be_values():
    with pytest.raises(TypeError, match="value must be a Value, got 3"):
        why(3, Value(1.0))
    with pytest.raises(TypeError, match="root must be a Value, got None"):
        why(Value(1.0), None)


def test_a_chain_of_a_hundred_thousand():
    x = named(1.0, "x")
    y = x
    for _ in range(100_000):
        y = y * 1.0
    assert explain(x, y).gradient == 1
    assert explain(x, y * inf).verdict == "infinite"
