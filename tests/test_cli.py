"""The command line as its user meets it: tables, errors in one message, nothing executed that was only written."""

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from points import OF_ORDER

from scalargrad import Value, ops
from scalargrad.expression import Expression, ExpressionError
from scalargrad.homework import checking, reading

ROOT = Path(__file__).parent.parent
ASSIGNMENT = str(ROOT / "examples" / "four_three_two.toml")


def test_eval_prints_every_value_with_its_gradient(run):
    status, out, err = run("eval", "log(1 + exp(-(w*x + b)))", "w=-2", "x=1.5", "b=0.3")
    assert (status, err) == (0, "")
    assert (
        out
        == """\
log(1 + exp(-(w*x + b))) = 2.7650

name                        value  gradient
w                         -2.0000   -1.4055
x                          1.5000    1.8741
b                          0.3000   -0.9370
w*x                       -3.0000   -0.9370
w*x + b                   -2.7000   -0.9370
-(w*x + b)                 2.7000    0.9370
exp(-(w*x + b))           14.8797    0.0630
1 + exp(-(w*x + b))       15.8797    0.0630
log(1 + exp(-(w*x + b)))   2.7650    1.0000
"""
    )


def test_eval_json_has_all_digits(run):
    _, out, _ = run("eval", "x*sin(x)", "x=pi/3", "--json")
    answer = json.loads(out)
    x = math.pi / 3
    assert answer["value"] == x * math.sin(x)
    assert answer["values"][0]["name"] == "x"
    assert answer["values"][0]["gradient"] == pytest.approx(math.sin(x) + x * math.cos(x), rel=1e-15)


@pytest.mark.parametrize(
    ("expression", "values", "result"),
    [
        ("-x**2", ["x=3"], "-x**2 = -9.00"),  # argparse would take it for an option
        ("-x", ["x=-1e3"], "-x = 1000.00"),
        ("+x", ["x=2"], "x = 2.00"),
        ("2**-1", [], "2**(-1) = 0.50"),
        ("x*1e-9", ["x=1"], "x*1e-09 = 1.00e-09"),  # no zero that is none
        ("x**9", ["x=1000"], "x**9 = 1.00e+27"),
        ("é * é", ["é=2"], "é*é = 4.00"),
        ("a\n + b", ["a=1", "b= 2"], "a + b = 3.00"),
    ],
)
def test_eval_reads_what_people_write(run, expression, values, result):
    status, out, err = run("eval", expression, *values, "--digits", "2")
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == result


@pytest.mark.parametrize(
    ("expression", "message", "caret"),
    [
        ("log(1 + x", "'(' was never closed", 3),
        ("x ^ 2", "the power is **", 1),
        ("x // 2", "the operators are + - * / **", 1),
        ("max(x, 2)", "no function 'max'; did you mean maximum?", 0),
        ("1 + frobnicate(x)", "no function 'frobnicate'", 4),
        ("log(x, 2)", "log takes 1 argument", 0),
        ("2 * maximum(x)", "maximum takes 2 arguments", 4),
        ("sin + x", "sin is a function: write sin(...)", 0),
        ("x if x else 2", "numbers, names, + - * / **", 0),
        ("x.real", "numbers, names, + - * / **", 0),
        ("x[0]", "numbers, names, + - * / **", 0),
        ("x < 2", "numbers, names, + - * / **", 0),
        ("(lambda: x)()", "numbers, names, + - * / **", 0),
        ("é + x.real", "numbers, names, + - * / **", 4),  # columns are characters, not bytes
        ("'a' + x", "'a' is not a real number", 0),
        ("x + 2j", "2j is not a real number", 4),
        ("x + True", "True is not a real number", 4),
        ("1" + "0" * 400, "too large for a float", 0),
        ("1" + "0" * 5000, "too large for a float", 0),
        ("2 + 1e400*x", "too large for a float", 4),
        ("x = 3", "invalid syntax", 2),
        ("2*lambda*x", "lambda is a word reserved in Python", 2),
        ("3 + 2x", "write 2*x", 4),
        ("1.5e3 y", "write 1.5e3*y", 0),
        ("2(x + 1)", "a product is written with *", 1),
        ("ln(x)", "no function 'ln'; did you mean log?", 0),
        ("asin(x)", "no function 'asin'; did you mean arcsin?", 0),
        ("__import__('os').system('true')", "numbers, names, + - * / **", 0),
    ],
)
def test_what_cannot_be_read_is_shown_with_a_caret(expression, message, caret):
    with pytest.raises(ExpressionError) as caught:
        Expression.parse(expression)
    said, shown, pointer = str(caught.value).split("\n")
    assert message in said
    assert shown == (f"  {expression}" if len(expression) <= 80 else f"  {expression[:80]}…")
    assert pointer.index("^") - 2 == caret


@pytest.mark.parametrize("expression", ["", "  ", "x\0", "(" * 500 + "x" + ")" * 500, "-" * 100_000 + "x"])
def test_hostile_expressions_give_one_clear_error(expression):
    with pytest.raises(ExpressionError):
        Expression.parse(expression)


def test_a_long_sum_is_no_difficulty():
    assert Expression.parse(" + ".join(["x"] * 400))(x=Value(2.0)).data == 800.0


def test_a_message_shows_the_surroundings_of_its_place_only():
    with pytest.raises(ExpressionError, match="too long, or nested too deeply") as caught:
        Expression.parse(" + ".join(["x"] * 100_000))
    assert len(str(caught.value)) < 200
    with pytest.raises(ExpressionError) as caught:
        Expression.parse("+".join(["x"] * 99) + "+ y^2 +" + "+".join(["x"] * 99))
    _, shown, pointer = str(caught.value).split("\n")
    assert len(shown) < 90
    assert shown[pointer.index("^")] == "^"
    assert shown.startswith("  …")
    assert shown.endswith("…")


def test_text_of_every_operation_parses_back():
    for name, op in ops.TABLE.items():
        text = op.print(*"xyz"[: len(op.partials)])
        assert (
            Expression.parse(text).steps(
                {"x": 1.0, "y": 0.5, "z": 0.5} if name in OF_ORDER else dict.fromkeys("xyz", 0.5)
            )[-1][0]
            == text
        ), name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["eval", "x + y", "x=1"], "no value for y=..."),
        (["eval", "x", "x=1", "y=2"], "'y' is not in the expression, whose names are: x"),
        (["eval", "x", "x=1", "x=2"], "two values for 'x'"),
        (["eval", "x", "x"], "expected name=number, got 'x'"),
        (["eval", "x", "x=one"], "the value of x: no value for 'one'"),
        (["eval", "x", "x="], "the value of x: the expression is empty"),
        (["eval", "pi*x", "x=1", "pi=3"], "'pi' is known to be 3.14159"),
        (["eval", "e**x", "x=1"], "no value for e=...; for Euler's number write exp(1)"),
        (["eval", "x", "x=2*e"], "no value for 'e'; for Euler's number write exp(1)"),
        (["eval", "log(x)", "x=-0.3"], "log(x = -0.3): needs x > 0"),
        (["eval", "exp(x)", "x=1000"], "exp(x = 1000.0): the result is too large for a float"),
        (["eval", "1/x", "x=0"], "div(1.0, x = 0.0): "),
        (["solve", "nowhere.toml"], "nowhere.toml: No such file or directory"),
        (["solve", str(ROOT)], f"{ROOT}: "),
        (["solve", ASSIGNMENT + "/x"], f"{ASSIGNMENT}/x: "),
        (["eval", "x", "x=1", "--draw", "nodir/a.dot"], "error: nodir/a.dot: No such file or directory"),
        (["solve", ASSIGNMENT, "--target", "1,x"], "--target: expected numbers and commas, such as 1,0, got '1,x'"),
        (["solve", ASSIGNMENT, "--target", "1"], "four_three_two.toml: target: expected shape (2,), got (1,)"),
        (["solve", ASSIGNMENT, "--target", "1,1"], "target: expected probabilities that sum to 1"),
        (["eval", "x", "x=1", "--draw", "graph.gif"], "graph.gif"),
        (["eval", "x", "x=1", "--digits", "99"], "--digits"),
        (["frobnicate"], "frobnicate"),
        ([], "required"),
    ],
)
def test_mistakes_give_one_message_and_status_2(run, arguments, message):
    status, out, err = run(*arguments)
    assert status == 2
    assert message in err
    assert "Traceback" not in out + err


def test_help_shows_an_example_of_each_command(run):
    for command in ("eval", "solve", "check", "exercise", "read"):
        status, out, _ = run(command, "--help")
        assert status == 0
        assert f"example:\n  scalargrad {command} " in out


def test_module_runs_as_a_program(tmp_path):
    command = [sys.executable, "-m", "scalargrad", "eval", "x*x", "x=3"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("x*x = 9.0000\n")
    version = subprocess.run([*command[:3], "--version"], capture_output=True, text=True, check=True).stdout
    assert version.startswith("scalargrad ")


def test_drawings_are_written(run, tmp_path):
    for arguments in (["eval", "x*x", "x=3"], ["solve", ASSIGNMENT, "--target", "1,0"], ["solve", ASSIGNMENT]):
        path = tmp_path / f"{len(arguments)}.dot"
        status, _, err = run(*arguments, "--draw", str(path))
        assert status == 0, err
        assert path.read_text().startswith("digraph")


def test_drawings_take_a_level_of_detail_a_theme_and_a_highlight(run, tmp_path):
    path = tmp_path / "x.dot"
    options = ["--detail", "layers", "--theme", "dark", "--highlight", "x"]
    assert run("eval", "x*x + x", "x=3", "--draw", str(path), *options)[0] == 0
    text = path.read_text(encoding="utf-8")
    assert "summary of 3 scalars" in text
    assert "the sum over 3 paths" in text
    assert "#0F1419" in text
    status, _, err = run("eval", "x*x", "x=3", "--draw", str(path), "--highlight", "w")
    assert (status, err.strip()) == (2, "scalargrad: error: highlight: no value is called that, got 'w'")


def test_more_scalars_than_a_picture_shows_well_need_force(run, tmp_path):
    path = tmp_path / "long.dot"
    expression = " + ".join(f"{i}*x" for i in range(1000))
    status, _, err = run("eval", expression, "x=3", "--draw", str(path), "--detail", "full")
    assert (status, path.exists()) == (2, False)
    assert "--force" in err
    assert run("eval", expression, "x=3", "--draw", str(path), "--detail", "full", "--force")[0] == 0
    assert path.read_text(encoding="utf-8").startswith("digraph")


def test_small_numbers_look_alike_in_both_commands(run, tmp_path):
    path = tmp_path / "small.toml"
    path.write_text("input = [1e-9]\n[[layer]]\nweights = [[2]]\nbias = [0]\n")
    assert "2.00e-09" in run("solve", str(path), "--digits", "2")[1]
    assert "2.00e-09" in run("eval", "2*x", "x=1e-9", "--digits", "2")[1]


def program(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "scalargrad", *arguments], env={**os.environ, **environment}, capture_output=True
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_an_encoding_without_the_symbols_gets_question_marks(encoding):
    done = program("solve", ASSIGNMENT, "--target", "1,0", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"?1 = W2? ?2 ? f'(Z1)         = ( 0.667073" in done.stdout.replace("\xb4".encode(encoding, "replace"), b"?")
    done = program("eval", "é*ż", "é=2", "ż=3", "--json", PYTHONIOENCODING=encoding)
    assert json.loads(done.stdout)["expression"] == "é*ż"


def test_a_pipe_gets_utf_8():
    done = program("solve", ASSIGNMENT, LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0", PYTHONIOENCODING="")
    assert (done.returncode, done.stderr) == (0, b"")
    assert "δ1 = W2ᵀ δ2 ∘ f'(Z1)".encode() in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="pipes break otherwise there")
def test_a_reader_that_has_seen_enough_does_not_stop_a_drawing(tmp_path):
    path = tmp_path / "graph.dot"
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "scalargrad", "eval", "x*x", "x=3", "--draw", str(path)]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, f"\ndrawn: {path}\n")
    assert path.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_message():
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "scalargrad", "eval", "x*x", "x=3"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "scalargrad: error: output: No space left on device\n")


# However it ends: status 1 means a wrong answer to `check`, and nothing else.


@pytest.mark.parametrize(
    ("failure", "status", "said"),
    [
        (MemoryError(), 2, "scalargrad: error: out of memory\n"),
        (KeyboardInterrupt(), 130, ""),
        (OSError("odd"), 2, "scalargrad: error: odd\n"),
        (RecursionError("too deep"), 2, "scalargrad: error: too deep\n"),
    ],
)
def test_failures_in_the_midst_are_one_message(run, monkeypatch, failure, status, said):
    def fail(path):
        raise failure

    monkeypatch.setattr(reading, "load", fail)
    for command in (["solve"], ["check", "a.toml"], ["read"]):
        assert run(command[0], "p.toml", *command[1:]) == (status, "", said)


def test_a_mistake_of_ours_is_shown_and_is_no_wrong_answer(run, monkeypatch):
    monkeypatch.setattr(checking, "check", lambda *_: {}["nothing"])
    answers = str(ROOT / "examples" / "published_answers.toml")
    status, out, err = run("check", ASSIGNMENT, answers)
    assert (status, out) == (2, "")
    assert "KeyError: 'nothing'" in err


@pytest.mark.parametrize("command", [["-m", "scalargrad"], ["-X", "utf8", "-m", "scalargrad"]])
def test_an_engine_that_is_none_is_one_message(command):
    environment = {**os.environ, "SCALARGRAD_ENGINE": "foo"}
    done = subprocess.run(
        [sys.executable, *command, "eval", "x", "x=1"], env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "scalargrad: error: SCALARGRAD_ENGINE must be python or native, got 'foo'\n"
    library = [sys.executable, "-c", "import scalargrad"]
    done = subprocess.run(library, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "ImportError: SCALARGRAD_ENGINE must be python or native, got 'foo'" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="needs a pipe with a name, and signals")
@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_program_that_is_told_to_end_does(name, status, tmp_path):
    problem = tmp_path / "problem.toml"
    os.mkfifo(problem)  # it is read, and waited for
    command = [sys.executable, "-m", "scalargrad", "solve", str(problem)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with problem.open("w"):  # opened as soon as it is read
        process.send_signal(getattr(signal, name))
        out, err = process.communicate()
    assert (process.returncode, out, err) == (status, "", "")


def test_a_toml_file_may_begin_with_a_byte_order_mark(run, tmp_path):
    problem = tmp_path / "problem.toml"
    problem.write_bytes(b"\xef\xbb\xbf" + Path(ASSIGNMENT).read_bytes())
    (tmp_path / "answers.toml").write_bytes(b"\xef\xbb\xbfH = [2.3257, 0.6929, 1.1646]\n")
    assert run("solve", str(problem))[0] == 0
    assert run("check", str(problem), str(tmp_path / "answers.toml"))[0] == 0
