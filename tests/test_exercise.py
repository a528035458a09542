"""Exercises: friendly, of one difficulty, the same for a seed, and written whole or not at all."""

import os
import subprocess
import sys

import pytest

from scalargrad import ops
from scalargrad.homework import exercise, stages
from scalargrad.homework.answers import key, load_answers
from scalargrad.homework.checking import RIGHT, check, shapes
from scalargrad.homework.exercise import Exercise, friendly_problem, write_exercises
from scalargrad.homework.reading import load
from scalargrad.homework.toml import toml
from scalargrad.value import topological_order
from scalargrad.worked import solve
from scalargrad.worked.problem import Problem, ProblemError

SHAPES = [
    ([4, 3, 2], "relu(z) + sin(z)", "cross-entropy"),
    ([3, 4, 3, 3], "relu", "cross-entropy"),
    ([2, 3, 1], "tanh", "binary-cross-entropy"),
    ([3, 2, 2], "maximum(z, 0.1*z)", "mse"),
    ([2, 2], "abs", "mse"),
]


def test_a_seed_gives_one_problem_in_every_process_and_version():
    # Pinned: a Python that draws other numbers fails here.
    assert toml(friendly_problem([4, 3, 2], "relu(z) + sin(z)", seed=7)) == PINNED
    program = (
        "from scalargrad.homework.exercise import *; from scalargrad.homework.toml import toml; "
        "print(end=toml(friendly_problem([4, 3, 2], 'relu(z) + sin(z)', seed=7)))"
    )
    for hash_seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "SCALARGRAD_ENGINE": "python"}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout == PINNED


PINNED = """\
input = [0.5, -1, -2, 1]
target = [1, 0]
loss = "cross-entropy"
learning_rate = 0.1

[[layer]]
weights = [
    [0.8, -0.2, -0.5, -0.1],
    [-0.8, 0.6, -0.1, 0.8],
    [0.3, -0.9, 0.7, -0.2],
]
bias = [0.4, -0.7, 0.9]
activation = "relu(z) + sin(z)"

[[layer]]
weights = [
    [0.6, -0.5, -0.1],
    [0.3, 0.5, 0.4],
]
bias = [0.8, 0.1]
activation = "softmax"
"""


@pytest.mark.parametrize(("sizes", "activation", "loss"), SHAPES)
def test_problems_are_friendly(sizes, activation, loss):
    seen = set()
    for seed in range(25):
        problem = friendly_problem(sizes, activation, loss=loss, seed=seed)
        seen.add(toml(problem))
        numbers = stages.givens(problem)
        assert [len(numbers["x"]), *(len(numbers[f"b{i}"]) for i in range(1, len(sizes)))] == sizes
        assert len(set(numbers["x"])) == sizes[0]
        for x in numbers["x"]:
            assert (2 * x).is_integer()
            assert x
        for i in range(1, len(sizes)):
            for x in [*numbers[f"b{i}"], *(w for row in numbers[f"W{i}"] for w in row)]:
                assert repr(x) == f"{x:.1f}"
                assert 0 < abs(x) < 1
        solution = solve(problem)
        for node in topological_order(solution.loss):
            if node._operation in (ops.relu, ops.abs):
                assert abs(node._prev[0].data) > 0.09
            if node._operation in (ops.maximum, ops.minimum):
                assert abs(node._prev[0].data - node._prev[1].data) > 0.04
        if loss != "mse":
            assert all(0.05 <= p.data <= 0.95 for p in solution.h[-1])
        deltas = stages.truth(solution)
        for i in range(1, len(sizes)):
            alive = [abs(d) > 1e-3 for d in deltas[f"δ{i}"]]
            assert 2 * sum(alive) >= len(alive)
    assert len(seen) == 25


@pytest.mark.parametrize(("sizes", "activation", "loss"), SHAPES)
def test_what_is_written_can_be_read_checked_and_filled_in(tmp_path, sizes, activation, loss):
    problem = friendly_problem(sizes, activation, loss=loss, seed=1)
    made = write_exercises([Exercise.of(problem, "Exercise 1")], tmp_path / "sheets")
    assert sorted(str(p.relative_to(made)) for p in made.rglob("*.*")) == [
        *("answers/01.toml", "keys/01.md", "problems/01.toml", "worksheets/01.md")
    ]
    assert toml(Problem.load(made / "problems/01.toml")) == toml(problem)
    assert toml(load(made / "worksheets/01.md")) == toml(problem)
    with pytest.raises(ProblemError, match="no number to check"):
        load_answers(made / "answers/01.toml", shapes(problem))
    # The form, filled in with what the key says.
    form = (made / "answers/01.toml").read_text()
    truth = stages.truth(solve(problem))
    for name, numbers in truth.items():
        assert f"{key(name)} = [" in form
        flat = [x for entry in numbers for x in (entry if isinstance(entry, list) else [entry])]
        head, _, rest = form.partition(f"\n{key(name)} = ")
        for x in flat:
            rest = rest.replace('""', f'"{x:.4f}"', 1)
        form = f"{head}\n{key(name)} = {rest}"
    (made / "answers/01.toml").write_text(form)
    checked = check(problem, load_answers(made / "answers/01.toml", shapes(problem)))
    assert {verdict.verdict for verdict in checked.verdicts} == {RIGHT}
    assert len(checked.verdicts) == len(truth)


def test_the_key_has_the_numbers_of_the_solution():
    problem = friendly_problem([4, 3, 2], "relu(z) + sin(z)", seed=3)
    values = Exercise.of(problem, "Exercise 3").key.values
    truth = stages.truth(solve(problem))
    assert any(truth["ŷ"] == value for value in values.values())
    assert any(truth["dW1"] == value for value in values.values())


def test_the_worksheet_gives_nothing_away():
    problem = friendly_problem([4, 3, 2], "relu(z) + sin(z)", seed=3)
    values = Exercise.of(problem).worksheet.values
    truth = list(stages.truth(solve(problem)).values())
    assert values
    assert not [name for name, value in values.items() if value in truth]


def test_thirty_exercises_with_keys_are_made_alike_again(run, tmp_path):
    arguments = ["--layers", "4-3-2", "--activation", "relu(z) + sin(z)", "--seed", 7, "--count", 30]
    status, out, err = run("exercise", *arguments, "-o", tmp_path / "sheets")
    assert (status, err) == (0, "")
    assert out.startswith("30 exercises: ")
    assert len(list((tmp_path / "sheets/keys").iterdir())) == 30
    assert run("exercise", *arguments, "-o", tmp_path / "again")[0] == 0
    for path in (tmp_path / "sheets").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(tmp_path / "sheets")).read_bytes()
    assert len({path.read_bytes() for path in (tmp_path / "sheets/problems").iterdir()}) == 30


@pytest.mark.parametrize(
    ("format", "ending"), [("html", ".html"), ("latex", ".tex"), ("text", ".txt"), ("json", ".json")]
)
def test_sheets_come_in_other_formats(run, tmp_path, format, ending):
    assert run("exercise", "--layers", "2-2-2", "--format", format, "-o", tmp_path / "sheets")[0] == 0
    for folder in ("worksheets", "keys"):
        assert (tmp_path / f"sheets/{folder}/01{ending}").stat().st_size > 500


def test_a_directory_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    made = [Exercise.of(friendly_problem([2, 2, 2], seed=seed)) for seed in range(3)]
    write, count = exercise.write, []

    def failing(document, format):
        count.append(1)
        if len(count) > 3:
            raise OSError(28, "No space left on device")
        return write(document, format)

    monkeypatch.setattr(exercise, "write", failing)
    with pytest.raises(OSError, match="No space"):
        write_exercises(made, tmp_path / "sheets")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--layers", "4"], "layers: expected two numbers or more of at least 1, such as 4-3-2, got [4]"),
        (["--layers", "4-0-2"], "layers: expected two numbers or more of at least 1, such as 4-3-2, got [4, 0, 2]"),
        (["--layers", "4-x"], "--layers: expected sizes such as 4-3-2, got '4-x'"),
        (["--layers", "4-3-1"], "layers: cross-entropy needs two outputs or more"),
        (["--layers", "400-300-2"], "layers: more than 1000 parameters"),
        (["--layers", "4-3-2", "--activation", "frobnicate"], "activation: no operation 'frobnicate'"),
        (["--layers", "4-3-2", "--activation", "softmax"], "softmax belongs to the last layer"),
        (["--layers", "4-3-2", "--activation", "0*z"], "activation: '0*z' gave no friendly problem"),
        (["--layers", "4-3-2", "--activation", "log(z - 9)"], "activation: 'log(z - 9)' gave no friendly problem"),
        (["--layers", "4-3-2", "--activation", "z +"], "invalid syntax"),
        (["--layers", "4-3-2", "--count", "0"], "--count: expected a number from 1 to 999, got '0'"),
        (["--layers", "4-3-2", "--count", "1000000000000"], "--count: expected a number from 1 to 999"),
        (["--layers", "4-3-2", "--seed", "x"], "--seed"),
        (["--layers", "4-3-2", "--loss", "hinge"], "--loss"),
    ],
)
def test_mistakes_give_one_message_and_leave_nothing(run, tmp_path, arguments, message):
    status, out, err = run("exercise", *arguments, "-o", tmp_path / "sheets")
    assert (status, out) == (2, "")
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_touched(run, tmp_path):
    there = tmp_path / "sheets"
    there.mkdir()
    status, _, err = run("exercise", "--layers", "2-2-2", "-o", there)
    assert (status, err) == (2, f"scalargrad: error: {there}: File exists\n")
    assert list(tmp_path.rglob("*")) == [there]
    status, _, err = run("exercise", "--layers", "2-2-2", "-o", tmp_path / "none/sheets")
    assert (status, err) == (2, f"scalargrad: error: {tmp_path / 'none'}: No such file or directory\n")
