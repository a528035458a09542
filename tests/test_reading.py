"""Problems in Markdown, LaTeX and plain text: read as they were meant, or refused with the line."""

import random
from pathlib import Path

import pytest

from scalargrad.expression import Expression
from scalargrad.homework.notes import expression, number
from scalargrad.homework.reading import load, read
from scalargrad.homework.toml import toml
from scalargrad.worked.problem import Problem, ProblemError

ASSIGNMENT = Path(__file__).parent.parent / "examples" / "four_three_two.toml"
WANTED = toml(Problem.load(ASSIGNMENT))

LATEX = r"""
\documentclass{article}
\usepackage{amsmath}
\begin{document} % x = [9]
\section*{Assignment 3}
Consider a network with
\begin{align*}
  \mathbf{x} &= \begin{bmatrix} 1 \\ -1 \\ 0.5 \\ 2 \end{bmatrix}, &
  \mathbf{W}^{(1)} &= \begin{bmatrix} 0.1 & -0.2 & 0.3 & 0.4 \\ 0.5 & -0.3 & 0.1 & -0.2 \\ 0.4 & 0.2 & -0.5 & 0.3 \end{bmatrix}, \\
  \mathbf{b}^{(1)} &= \begin{bmatrix} 0.1 \\ -0.1 \\ \frac{1}{20} \end{bmatrix}, \\
  \mathbf{W}^{(2)} &= \begin{bmatrix} -0.3 & 0.2 & 0.1 \\ 0.4 & -0.5 & 0.3 \end{bmatrix}, &
  \mathbf{b}^{(2)} &= \begin{bmatrix} 0.05 \\ -0.05 \end{bmatrix}
\end{align*}
The hidden layer uses $f(x) = \operatorname{ReLU}(x) + \sin(x)$, the output $\hat{y} = \operatorname{softmax}(Z_2)$ with
the cross-entropy $$L = -\sum_{k=1}^{2} y_k \ln \hat y_k.$$ Use gradient descent with $\eta = 10^{-3}$.
\begin{enumerate}
  \item Compute $Z_1 = W_1 x + b_1$, $\delta_2 = \hat{y} - y$, $\delta_1 = W_2^T \delta_2 \circ f'(Z_1)$.
  \item $W_1 := W_1 - \eta \frac{\partial L}{\partial W_1}$
\end{enumerate}
\end{document}
"""

MARKDOWN = r"""
# Assignment

A 4-3-2 network with input $x = [1, -1, 0.5, 2]^T$, weights

$$W_1 = \begin{pmatrix} 0.1 & -0.2 & 0.3 & 0.4 \\ 0.5 & -0.3 & 0.1 & -0.2 \\ 0.4 & 0.2 & -0.5 & 0.3\end{pmatrix},
\quad b_1 = \begin{pmatrix} 0.1 \\ −0.1 \\ 0.05 \end{pmatrix}$$

$$W_{2} = \left[\begin{array}{ccc} -0.3 & 0.2 & 0.1 \\ 0.4 & -0.5 & 0.3 \end{array}\right] \quad b_{2} = (0.05, -0.05)$$

The activation is $f(x) = \text{ReLU}(x) + \sin(x)$, elementwise; the output uses **softmax** and **cross-entropy** loss.
The learning rate is $\alpha = 0.001$. <!-- W_1 = [[9]] -->
"""

UNICODE = """
Inputs: x = [1, −1, ½, 2]ᵀ
W₁ = [[0.1, −0.2, 0.3, 0.4],
      [0.5, −0.3, 0.1, −0.2],
      [0.4, 0.2, −0.5, 0.3]]
b₁ = [0.1, −0.1, 0.05]ᵀ
W₂ = [[−0.3, 0.2, 0.1], [0.4, −0.5, 0.3]]
b₂ = [1/20, −1/20]
f(x) = ReLU(x) + sin(x), softmax output, cross-entropy loss, learning rate α = 0.001.
"""

ROWS = """
**x** = (1, -1, 0.5, 2)
- **W1** =
  [ 0.1, -0.2,  0.3,  0.4]
  [ 0.5, -0.3,  0.1, -0.2]
  [ 0.4,  0.2, -0.5,  0.3]

- **b1** = (0.1, -0.1, 0.05)
- W2 = [-0.3 0.2 0.1; 0.4 -0.5 0.3]
- b2 = [0.05; -0.05]
- activation 1: f, where f(z) = `relu(z) + sin(z)`
- activation 2: softmax
- learning rate: 1e-3
"""

TRANSPOSED = r"""
$x = (1, -1, 0.5, 2)$
$W_1 = \begin{pmatrix} 0.1 & 0.5 & 0.4 \\ -0.2 & -0.3 & 0.2 \\ 0.3 & 0.1 & -0.5 \\ 0.4 & -0.2 & 0.3 \end{pmatrix}^\top$
b_1 = (0.1, -0.1, 0.05)
W_2 = [[-0.3, 0.4], [0.2, -0.5], [0.1, 0.3]]^T, b_2 = (0.05, -0.05), $\alpha = 0.001$
$H = f(Z_1)$ with $f(t) = \max\{0, t\} \cdot 1 + \sin t$ and $\hat{y} = \mathrm{softmax}(Z_2)$
"""


@pytest.mark.parametrize("text", [LATEX, MARKDOWN, UNICODE, ROWS], ids=["latex", "markdown", "unicode", "rows"])
def test_the_assignment_is_read_from_what_people_write(text):
    assert toml(read(text)) == WANTED


def test_transposed_matrices_are_turned():
    assert toml(read(TRANSPOSED)) == WANTED.replace("relu(z)", "maximum(0, z)*1")


def test_toml_round_trips(tmp_path):
    path = tmp_path / "p.toml"
    layer = '[[layer]]\nweights = [\n    [1, -1e+16],\n]\nbias = [0.1]\nactivation = "tanh"\n'
    batch = 'input = [[1, 2.5e-09], [3, 4]]\ntarget = [[1], [0]]\nloss = "mse"\nlearning_rate = 0.1\nsteps = 3\n\n'
    for text in (WANTED, batch + layer):
        path.write_text(text)
        assert toml(Problem.load(path)) == text


GIVEN = "x = [1, 2]\nW1 = [[1, 2]]\nb1 = 0\nW2 = [[1]]\nb2 = 0\n"


@pytest.mark.parametrize(
    ("text", "activations", "loss"),
    [
        ("", ["linear", "linear"], "mse"),
        ("ReLU", ["relu", "linear"], "mse"),
        (
            "The hidden layer uses ReLU and the output layer uses a sigmoid, mean squared error.",
            ["relu", "sigmoid"],
            "mse",
        ),
        ("Hidden layers: tanh. Output: linear.", ["tanh", "linear"], "mse"),
        ("sigmoid, sigmoid output, BCE", ["sigmoid", "sigmoid"], "binary-cross-entropy"),
        ("tanh units and a sigmoid, binary cross-entropy", ["tanh", "sigmoid"], "binary-cross-entropy"),
        ("$f(x) = x^2$", ["z**2", "linear"], "mse"),
        ("f(u) = u e^{-u}, hidden layer f, MSE", ["z*exp(-z)", "linear"], "mse"),
        ("H = f(Z1), ŷ = g(Z2), f(x) = 2x, g(x) = x/3", ["2*z", "z/3"], "mse"),
        (r"$A^{[1]} = \sigma(Z^{[1]})$ where $\sigma(z) = \frac{1}{1 + e^{-z}}$", ["sigmoid", "linear"], "mse"),
        ("H = ReLU(Z1), where ReLU(x) = max(0, x) and ReLU(0) = 0", ["relu", "linear"], "mse"),
    ],
)
def test_activations_and_losses_are_understood(text, activations, loss):
    problem = read(GIVEN + text)
    assert (list(problem.activations), problem.loss) == (activations, loss)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("learning rate 0.1", 0.1),
        ("a learning rate of 0.1.", 0.1),
        ("Learning rate: 1e-1", 0.1),
        ("learning-rate η = 0.1", 0.1),
        (r"learning rate of $\alpha = \frac{1}{10}$", 0.1),
        (r"$\eta = 10^{-1}$", 0.1),
        (r"$\alpha = 1 \cdot 10^{-1}$", 0.1),
        ("α = 0.1 (constant)", 0.1),
        ("lr = .1", 0.1),
        ("learning rate α, where α = 0.1", 0.1),
        ("learning is fun", None),
    ],
)
def test_learning_rates(text, rate):
    assert read(GIVEN + text).learning_rate == rate


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found no x = ..."),
        ("x = [1, 2]", "found no W_1 = ..."),
        ("x = [1, 2]\nW2 = [[1, 2]]", "found no W_1 = ..."),
        ("x = [1]\nW1 = [[1]]", "line 2: W_1 without b_1"),
        (GIVEN + "W4 = [[1]]", "line 6: W_4 without W_3"),
        (GIVEN + "b3 = 1", "line 6: b_3 without W_3"),
        ("x = [1,\n foo]", "line 1: expected a number, got 'foo'"),
        ("\nx = [0,5; 1,5]\nW1 = [[1, 2]]\nb1 = 0", "line 2: x: expected a vector, got a matrix"),
        (GIVEN + "\nx = [1, 3]", "line 7: input: another is given in line 1"),
        (GIVEN + "\nn = 4", "line 7: cannot tell what 'n = 4' is"),
        (GIVEN + "γ = 0.5", "line 6: cannot tell what 'γ = 0.5' is"),
        (GIVEN + "y = 2x + 1", "line 6: cannot tell what 'y = 2x + 1' is"),
        (
            "x = [1, 2]\n\nW1 = [[1, 2, 3]]\nb1 = 0",
            "line 3: layer 1: weights: expected shape (1, 2) for 2 inputs, got (1, 3)",
        ),
        (GIVEN + "y = [1, 2]", "line 6: target: expected shape (1,), got (2,)"),
        (GIVEN + "learning rate -0.1", "line 6: learning_rate: expected a number of at least 0, got -0.1"),
        (GIVEN + "α = [1, 2]", "line 6: learning rate: expected a number, got [1.0, 2.0]"),
        (GIVEN + "ReLU or tanh?", "line 6: activation: is it relu or tanh?"),
        (GIVEN + "MSE or cross-entropy?", "line 6: loss: is it cross-entropy or mse?"),
        (GIVEN + "f(x) = x^2\ng(x) = x^3", "layer 1: which of f, g is its activation?"),
        (GIVEN + "f(x) = x^2\nf(x) = x^3", "line 7: f is defined twice"),
        (GIVEN + "f(x) = frob(x)", "line 6: f(x): cannot read 'frob(x)' at 'frob'"),
        (GIVEN + "f(x) = max(x)", "line 6: f(x): maximum takes 2 arguments in 'max(x)'"),
        (GIVEN + "activation 1: frob", "line 6: no activation 'frob'"),
        ("x = [1, 2\nW1 = 3", "line 1: '[' was never closed"),
        (r"x = \begin{pmatrix} 1 \\ 2", "line 1: a matrix without end, or of a kind that is not known"),
        (r"x = \begin{pmatrix} 1 \\ \ldots \end{pmatrix}", r"line 1: expected a number, got '\\ldots'"),
        ("x = [1, nan]", "line 1: expected a number, got 'nan'"),
        ("x = [1, 1e999]\nW1 = [[1, 1]]\nb1 = 0", "line 1: input: expected a finite number as entry 2, got inf"),
        ("x" * 200_001, "longer than 200000 characters"),
    ],
)
def test_what_is_not_understood_is_an_error_with_its_line(text, message):
    with pytest.raises(ProblemError) as caught:
        read(text, "p.md")
    assert str(caught.value) == f"p.md: {message}"


@pytest.mark.parametrize(
    ("formula", "wanted"),
    [
        (r"\operatorname{ReLU}(x) + \sin(x)", "relu(z) + sin(z)"),
        (r"\max(0, x)", "maximum(0, z)"),
        (r"\max\{0, x\} + 0.1\min\left(0, x\right)", "maximum(0, z) + 0.1*minimum(0, z)"),
        (r"\frac{1}{1 + e^{-x}}", "1/(1 + exp(-z))"),
        (r"\frac{e^x - e^{-x}}{e^x + e^{-x}}", "(exp(z) - exp(-z))/(exp(z) + exp(-z))"),
        (r"\dfrac12 x^{2}", "1/2*z**2"),
        (r"\tanh x", "tanh(z)"),
        (r"\ln(1 + e^x)", "log(1 + exp(z))"),
        (r"\left|x\right| + \sqrt{x^2 + 1}", "abs(z) + sqrt(z**2 + 1)"),
        (r"x \cdot \sigma(x)", "z*sigmoid(z)"),
        (r"\sin^2 x + \cos 2x", "sin(z)**2 + cos(2*z)"),
        ("2x(x - 1)", "2*z*(z - 1)"),
        ("-x**2", "-z**2"),
        ("ReLU(x)", "relu(z)"),
        ("Max(0, x) - |x - 1|", "maximum(0, z) - abs(z - 1)"),
        (r"\pi x", "pi*z"),
    ],
)
def test_formulas_become_expressions(formula, wanted):
    text = expression(formula, "x")
    assert text == wanted
    assert str(Expression.parse(text).steps({"z": 0.5})[-1][0]) == wanted


@pytest.mark.parametrize(
    "formula",
    [
        "",
        "(x",
        "x)",
        "x +",
        "1 000",
        "y",
        "foo(x)",
        "relu",
        r"\frac{x}",
        "x^",
        "|x",
        "e",
        "x = 2",
        "(" * 99 + "x",
        "-" * 99 + "x",
    ],
)
def test_what_is_no_formula_is_refused(formula):
    with pytest.raises(ValueError, match="cannot read|too deeply"):
        expression(formula, "x")


def test_numbers():
    given = ["1", "-.5", "1e-3", r"\frac{3}{4}", "10^{-3}", r"2 \cdot 10^{-3}", "-1/3", "+2."]
    assert [number(text) for text in given] == [1, -0.5, 1e-3, 0.75, 1e-3, 2e-3, -1 / 3, 2.0]


HOSTILE = [
    *("<!--" * 40_000, "x" + " " * 100_000, "x" + "\n" * 100_000, "learning rate" + "\n " * 50_000, "\\text{" * 30_000),
    *(
        "\\text{" + " " * 100_000,
        "x=[" * 60_000,
        "x = " + "[" * 100_000,
        "\\begin{pmatrix}" * 10_000,
        "f(x) = " * 20_000,
    ),
    *(
        "x = \\begin{pmatrix} " + "1 & " * 40_000,
        "f(x)=" + "(" * 1900,
        "f(x) = " + "x+" * 900 + "x",
        "hidden " * 25_000,
    ),
    *(
        "a" * 200_000,
        "x = [" + "1 " * 99_000 + "]",
        "H = " * 50_000,
        "α = " + "1/" * 50_000,
        "*" * 200_000,
        "x=1\nW=2\n" * 9000,
    ),
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12])
def test_hostile_texts_are_refused(text):
    with pytest.raises(ProblemError):
        read(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x" * 200_001, "longer than 200000 characters"),
        ("\ufdfa" * 190_000, "longer than 200000 characters"),  # each is 18 letters
        ("²" * 100_001, "longer than 200000 characters"),
        ("a" + "\u0315\u0300" * 90_000, "more than 30 combining marks on one letter"),  # in order in quadratic time
        ("a" + "\u0301" * 30 + " = 1", "found no x"),
    ],
    ids=["letters", "ligatures", "squares", "marks", "few marks"],
)
def test_limits_hold_for_what_a_text_becomes(text, message, run, tmp_path):
    with pytest.raises(ProblemError, match=message):
        read(text)
    path = tmp_path / "p.md"
    path.write_text(text, encoding="utf-8")
    status, out, err = run("read", path)
    assert (status, out) == (2, "")
    assert err.startswith(f"scalargrad: error: p.md: {message}")


def test_a_byte_order_mark_is_no_part_of_a_text(run, tmp_path):
    path = tmp_path / "p.md"
    path.write_bytes(b"\xef\xbb\xbf" + MARKDOWN.encode())
    assert run("read", path)[0] == 0


def test_read_shows_toml_and_writes_it(run, tmp_path):
    path, copy = tmp_path / "assignment.md", tmp_path / "problem.toml"
    path.write_text(MARKDOWN, encoding="utf-8")
    status, out, err = run("read", path)
    assert (status, err) == (0, "")
    assert out.startswith(
        "# Understood of assignment.md: 4-3-2 network, f(z) = relu(z) + sin(z), softmax, cross-entropy\n\n"
    )
    assert run("read", path, "-o", copy)[0] == 0
    assert toml(load(copy)) == WANTED
    assert copy.read_text(encoding="utf-8") == out


def test_solve_and_check_take_texts_and_say_what_they_understood(run, tmp_path):
    path, answers = tmp_path / "assignment.tex", tmp_path / "answers.toml"
    path.write_text(LATEX, encoding="utf-8")
    answers.write_text("H = [2.3257, 0.6929, 1.1646]\n")
    status, out, err = run("solve", path, "--target", "1,0")
    assert (status, out) == (
        0,
        run("solve", ASSIGNMENT, "--target", "1,0")[1].replace("four_three_two.toml", "assignment.tex"),
    )
    assert err == f"understood of assignment.tex:\n\n{WANTED}\n"
    assert run("check", path, answers)[0] == 0


def test_texts_that_are_none_give_one_clear_error(run, tmp_path):
    path = tmp_path / "p.md"
    for content in (b"", b"\xff\xfe\x00", b"\0" * 100, MARKDOWN.encode("utf-16")):
        path.write_bytes(content)
        status, out, err = run("read", path)
        assert (status, out) == (2, "")
        assert err.startswith("scalargrad: error: p.md: ")
        assert err.count("\n") == 1
    assert run("read", tmp_path / "none.md")[0] == 2
    assert run("read", tmp_path)[0] == 2


def test_broken_texts_give_one_clear_error_or_a_problem(run, tmp_path):
    rng, path, statuses = random.Random(9), tmp_path / "p.md", []
    for _ in range(300):
        pieces = list(rng.choice([LATEX, MARKDOWN, UNICODE, ROWS, TRANSPOSED]))
        for _ in range(rng.randint(1, 3)):
            i = rng.randrange(len(pieces))
            match rng.randrange(4):
                case 0:
                    pieces[i] = rng.choice("[](){}\\&=_^$,;.|'\n\0ᵀ−½eE0123456789xWbfyZ")
                case 1:
                    del pieces[i : i + rng.randint(1, 30)]
                case 2:
                    pieces[i:i] = pieces[i : i + rng.randint(1, 40)]
                case 3:
                    pieces[i:i] = rng.choice(
                        [r"\begin{pmatrix}", r"\frac", "W_1 = ", "((", "9" * 400, "f(x) = ", "nan", "^T"]
                    )
        path.write_text("".join(pieces), encoding="utf-8")
        status, out, err = run("read", path)
        statuses.append(status)
        assert (status, out != "", err != "") in ((0, True, False), (2, False, True)), "".join(pieces)
        assert "Traceback" not in err
        if status == 2:
            assert err.startswith("scalargrad: error: p.md: ")
    assert min(statuses.count(0), statuses.count(2)) > 50
