"""Random graphs, drawn by Hypothesis: gradients against 80-digit arithmetic, and recomputing against building."""

from types import SimpleNamespace

import pytest
from expressions import RULES, Kink, exact_gradients, results
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scalargrad.ops import TABLE

ON_VALUES = SimpleNamespace(**TABLE)
# Derandomised: the suite gives the same answer whenever it runs. No deadline: a test is not a stopwatch.
steady = settings(max_examples=100, derandomize=True, deadline=None, database=None)


@st.composite
def programs(draw):
    leaves = draw(st.lists(st.floats(-2, 2), min_size=1, max_size=4))
    operand = st.integers(0, 30)
    drawn = draw(st.lists(st.tuples(st.sampled_from(list(RULES)), operand, operand), min_size=1, max_size=14))
    return leaves, [(rule, i % (len(leaves) + n), j % (len(leaves) + n)) for n, (rule, i, j) in enumerate(drawn)]


def bits(nodes):
    return [(node.data.hex(), node.grad.hex()) for node in nodes]


@given(programs())
@steady
def check_gradients(Value, program):
    leaves, steps = program
    try:
        truth, slopes = exact_gradients(leaves, steps)
    except Kink:
        assume(False)
    values = [Value(x) for x in leaves]
    root = results(ON_VALUES, values, steps)[-1]
    assert root.data == pytest.approx(float(truth), rel=1e-11, abs=1e-11)
    root.backward()
    for value, slope in zip(values, slopes, strict=True):
        assert value.grad == pytest.approx(float(slope), rel=1e-10, abs=1e-10)


def test_gradients_of_random_graphs(Value):
    check_gradients(Value)


@given(programs(), st.lists(st.floats(-2, 2), min_size=4, max_size=4))
@steady
def check_forward(Value, program, others):
    leaves, steps = program
    values = [Value(x) for x in leaves]
    nodes = results(ON_VALUES, values, steps)
    nodes[-1].backward()
    for value, x in zip(values, others, strict=False):
        value.data = x
    assert nodes[-1].forward() is nodes[-1]
    for value in values:
        value.zero_grad()
    nodes[-1].backward()
    anew = results(ON_VALUES, [Value(x) for x in others[: len(leaves)]], steps)
    anew[-1].backward()
    assert bits(nodes) == bits(anew)


def test_forward_equals_building_anew(Value):
    check_forward(Value)


@given(programs())
@steady
def check_repeatable(Value, program):
    leaves, steps = program

    def run():
        nodes = results(ON_VALUES, [Value(x) for x in leaves], steps)
        nodes[-1].backward()
        return bits(nodes)

    assert run() == run()


def test_one_program_gives_one_bit_pattern(Value):
    check_repeatable(Value)
