"""Written-out solutions: their numbers against closed forms, every printed line recomputed, every format read back."""

import json
import math
import random
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from xml.dom import minidom

import numpy as np
import pytest
from helpers import close, closed_form, random_problem

import scalargrad
from scalargrad import Op, Value, nn
from scalargrad.cli import main
from scalargrad.worked import Problem, solve, weights_and_bias
from scalargrad.worked.derivation import written
from scalargrad.worked.document import Equation, Heading, Line, Numbers, Paragraph, Table, chain
from scalargrad.worked.explanation import explain
from scalargrad.worked.notation import mathml, text
from scalargrad.worked.writers import ENDINGS, FORMATS, write

ROOT = Path(__file__).parent.parent
ASSIGNMENT = ROOT / "examples" / "four_three_two.toml"
ACTIVATIONS = [
    "relu(z) + sin(z)",
    "tanh",
    "sigmoid",
    "linear",
    "softplus",
    "erf",
    "maximum(z, 0.1*z)",
    "z",
    "exp(-z**2)",
]


def assignment():
    return solve(Problem.load(ASSIGNMENT).with_target([1, 0]))


def various(seed):
    """A problem with anything in it."""
    rng = random.Random(seed)
    loss, output = [
        ("cross-entropy", "softmax"),
        ("binary-cross-entropy", "sigmoid"),
        ("mse", rng.choice(ACTIVATIONS)),
        ("mse", "linear"),
    ][seed % 4]
    sizes = [rng.randint(1, rng.choice([3, 4, 10])) for _ in range(rng.randint(2, 4))]
    numbers = lambda n: [round(rng.uniform(-1, 1), rng.choice([1, 2, 5, 16])) for _ in range(n)]
    layers = [
        {"weights": [numbers(a) for _ in range(b)], "bias": numbers(b), "activation": rng.choice(ACTIVATIONS)}
        for a, b in zip(sizes, sizes[1:])
    ]
    layers[-1]["activation"] = output
    batch = rng.choice([1, 1, 1, 2, 5])
    targets = [[0.0] * sizes[-1] for _ in range(batch)]
    for target in targets:
        target[rng.randrange(sizes[-1])] = 1.0
    data = {"input": [numbers(sizes[0]) for _ in range(batch)], "loss": loss, "layer": layers}
    if seed % 5:
        data |= {"target": targets}
    if seed % 7:
        data |= {"learning_rate": 0.1, "steps": rng.choice([1, 1, 2, 5])}
    return Problem.from_dict(data, f"p{seed}_$%&#.toml")


# The numbers.


@pytest.mark.parametrize("seed", range(16))
def test_the_numbers_are_those_of_the_closed_form(seed):
    problem = random_problem(seed, batch=1 + seed // 8 * 2)
    values = written(solve(problem)).values
    parameters = [tuple(map(np.array, weights_and_bias(layer, "data"))) for layer in problem.layers]
    zs, hs, loss, deltas, gradients = closed_form(problem, parameters)
    close(values["loss"], loss)
    for i, (W, b) in enumerate(parameters):
        for s in range(len(problem.examples)):
            key = f"[{s + 1}]" if len(problem.examples) > 1 else ""
            close(values[f"Z{i + 1}{key}"], zs[i][:, s])
            close(values[f"δ{i + 1}{key}"], deltas[i][:, s])
        close(values[f"∂loss/∂W{i + 1}"], gradients[i])
        close(values[f"∂loss/∂b{i + 1}"], deltas[i].sum(axis=1))
        close(values[f"W{i + 1} new"], W - 0.1 * gradients[i])
        close(values[f"b{i + 1} new"], b - 0.1 * deltas[i].sum(axis=1))
    if len(problem.examples) == 1:
        close(values["ŷ"], hs[-1][:, 0])


# Every printed line: what stands on both sides of a sign must be one number.

SCOPE = {
    name: getattr(scalargrad, name)
    for name in ("sin", "cos", "tanh", "erf", "softplus", "log", "exp", "maximum", "minimum")
} | {"ReLU": scalargrad.relu, "σ": scalargrad.sigmoid, "sqrt": math.sqrt, "pi": math.pi}
NAMES = {"ln": "log", "max": "maximum", "min": "minimum"}


def python(shown):
    """Read a printed side as Python; None where it has names."""
    code = shown.replace("−", "-").replace("·", "*").replace("√(", "sqrt(").replace("²", "**2").replace("π", "pi")
    code = re.sub(
        r"10([⁻⁰¹²³⁴-⁹]+)", lambda m: f"10**({m[1].translate(str.maketrans('⁻⁰¹²³⁴⁵⁶⁷⁸⁹', '-0123456789'))})", code
    )
    code = re.sub(r"√(\d+|pi)", r"sqrt(\1)", code)
    code = re.sub(r"\be\^(-?[\d.]+)", r"exp(\1)", code)
    code = re.sub(r"\be\^\(", "exp(", code)
    code = re.sub(r"sech\*\*2\(", "sech2(", code)
    code = re.sub(r"\[([^\]]*) > ([^\]]*)\]", r"(1.0*((\1) > (\2)))", code)
    code = re.sub(r"\[([^\]]*) = ([^\]]*)\]", r"(1.0*((\1) == (\2)))", code)
    code = re.sub(r"\b(ln|max|min)\(", lambda m: f"{NAMES[m[1]]}(", code)
    names = set(re.findall(r"[^\W\d]\w*|[∂∑ŷ]", code)) - {*SCOPE, "sech2"}
    if names or not re.search(r"\d", code) or "…" in code or "⋯" in code or "∘" in code or "^" in code:
        return None
    return code


def sides(equation):
    """The printed equalities of an equation: lists of sides that are equal."""
    joined = []
    for line in equation.lines:
        if line.left or not joined:
            joined.append("")
        joined[-1] += f" {line.relation} {line.right}"
    for latex in joined:
        if r"\begin" not in latex:
            yield [side for side in re.split(r" (?:=|≈) (?![^\[]*\])", f" {text(latex)} ") if side.strip()]


@pytest.mark.parametrize("seed", [*range(16), "assignment"])
def test_every_printed_line_is_true(seed):
    solution = assignment() if seed == "assignment" else solve(various(seed))
    document = written(solution, digits=12)
    checked = 0
    for block in document.blocks:
        if isinstance(block, Equation):
            for chained in sides(block):
                codes = [code for side in chained if (code := python(side))]
                numbers = [eval(code, SCOPE | {"sech2": lambda x: 1 / math.cosh(x) ** 2}) for code in codes]
                assert numbers == pytest.approx([numbers[-1]] * len(numbers), rel=1e-8, abs=1e-9) if numbers else True
                checked += len(numbers) > 1
    assert checked >= (1 if solution.loss is None else 8)


def test_rounded_numbers_are_said_to_be():
    n = Numbers(2)
    assert n.side(f"{n(0.5)} + {n(1 / 3)}") == (r"\approx", "0.5 + 0.33")
    assert n.side(n(0.1 + 0.2)) == ("=", "0.3")  # but for the rounding of floats
    assert n.side(n.column([0.5, 1 / 3])) == (r"\approx", r"\begin{pmatrix} 0.50 \\ 0.33 \end{pmatrix}")
    assert [n(x) for x in (1e-9, -2.5e20, math.inf, 0.0)] == ["10^{-9}", r"-2.5 \cdot 10^{20}", r"\infty", "0"]
    for digits in (-1, 18, 2.5):
        with pytest.raises(ValueError, match="digits must be a whole number from 0 to 17, got"):
            Numbers(digits)


# What is said.


def test_the_assignment_is_derived():
    shown = write(written(assignment()), "text")
    for line in (
        "  z₁⁽¹⁾ = 0.1·1 + (−0.2)·(−1) + 0.3·0.5 + 0.4·2 + 0.1 = 1.35",
        "  h₁ = f(z₁⁽¹⁾) = ReLU(1.35) + sin(1.35) ≈ 1.35 + 0.9757 ≈ 2.3257",
        "  L = −∑ₖ yₖ·ln(ŷₖ) ≈ −(1·ln(0.2182) + 0·ln(0.7818)) ≈ 1.5221",
        "  ∂L/∂zᵢ = e^zᵢ/∑ⱼ e^zⱼ − yᵢ = ŷᵢ − yᵢ",
        "  ∂L/∂a₁ = ∂L/∂ŷ₁·1/S + ∂L/∂S ≈ (−4.5819)·0.3232 + 0.3232 ≈ −1.1577",
        "  f′(z) = [z > 0] + cos(z)",
        "  f′(z₁⁽¹⁾) = [1.35 > 0] + cos(1.35) ≈ 1 + 0.2190 ≈ 1.2190",
        "  ∂L/∂w₂₄⁽¹⁾ ≈ −0.6064 + (−1.5161) ≈ −2.1226",
        "  L              1.5221",
    ):
        assert line in shown.splitlines()
    assert "Both ways give the same δ₂: exactly equal." in shown
    assert "the loss fell from 1.5221 to 1.5001" in shown


def test_the_readme_shows_lines_of_it():
    (shown,) = re.findall(r"```text\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    written_out = write(written(assignment()), "text").splitlines()
    assert [line for line in shown.splitlines() if line not in written_out] == []


def test_without_a_target_the_derivation_stays_symbolic_and_says_so():
    shown = write(written(solve(Problem.load(ASSIGNMENT))), "text")
    assert "The problem gives no target y" in shown
    assert "δ₂ = ŷ − y ≈ ⎛ 0.2182 − y₁ ⎞" in shown
    assert "  δ₁ = W₂ᵀ δ₂ ∘ f′(Z₁) ≈ ⎜  0.2  −0.5 ⎟ δ₂ ∘ ⎜ 1.9394 ⎟" in shown.splitlines()
    assert "  ∂L/∂W₁ = δ₁ xᵀ = δ₁ ( 1  −1  0.5  2 )" in shown.splitlines()
    assert "  f′(z₁⁽¹⁾) = [1.35 > 0] + cos(1.35) ≈ 1 + 0.2190 ≈ 1.2190" in shown.splitlines()
    assert "update" not in shown


def test_a_saturated_softmax_is_said_to_be():
    layer = {"weights": [[1], [-1]], "bias": [0, 0], "activation": "softmax"}
    problem = Problem.from_dict({"input": [1000], "target": [0, 1], "layer": [layer], "learning_rate": 1})
    shown = write(written(solve(problem)), "text")
    assert "so close to 0 or 1" in shown
    assert "subtracting the largest entry" in shown
    assert "again, through the recorded graph" in shown


def test_kinks_stand_where_they_happen_and_in_a_section_of_their_own():
    layer = {"weights": [[1, -1], [1, 0]], "bias": [0, 0], "activation": "relu"}
    top = {"weights": [[1, 1]], "bias": [0]}
    document = written(solve(Problem.from_dict({"input": [2, 2], "target": [1], "layer": [layer, top]})))
    said = [block.text for block in document.blocks if isinstance(block, Paragraph) and block.kind == "kink"]
    assert len(said) == 2
    assert set(said) == {
        "relu(z1 = 0) in layer 1, neuron 1 is exactly at its kink: the derivative of relu at 0 is taken as 0."
    }
    assert "No relu, abs, maximum or minimum" in write(written(assignment()), "text")


def test_steps_and_batches_are_written_out():
    layers = [{"weights": [[1], [2]], "bias": [0, 0], "activation": "tanh"}, {"weights": [[1, 1]], "bias": [0]}]
    problem = {"input": [[1], [3]], "target": [[0], [0]], "learning_rate": 0.1, "steps": 4, "layer": layers}
    document = written(solve(Problem.from_dict(problem)))
    headings = [block.text for block in document.blocks if isinstance(block, Heading)]
    for heading in ("3.2 Sample 2 of 2", "3.3 The loss of the batch", "7.1 Step 2", "7.2 Step 3", "7.3 After step 4"):
        assert heading in headings
    shown = write(document, "text")
    assert "x^[2] = 3" in shown
    assert "sample 2: w" in shown
    assert document.values["W1 after step 4"] == solve(Problem.from_dict(problem)).following[-1].updated[0][0]


def test_of_a_large_batch_the_first_samples_are_shown_and_all_are_known():
    problem = random_problem(3, batch=30)
    document = written(solve(problem))
    values, shown = document.values, write(document, "text")
    parameters = [tuple(map(np.array, weights_and_bias(layer, "data"))) for layer in problem.layers]
    zs, hs, _, deltas, _ = closed_form(problem, parameters)
    for s in range(30):
        close(values[f"ŷ[{s + 1}]"], hs[-1][:, s])
        for i in range(len(zs)):
            close(values[f"Z{i + 1}[{s + 1}]"], zs[i][:, s])
            close(values[f"δ{i + 1}[{s + 1}]"], deltas[i][:, s])
    assert "Sample 4 of 30" in shown
    assert "Sample 5 of 30" not in shown
    assert "And 26 samples more." in shown
    assert len(shown) < 40_000


def test_a_learning_rate_that_is_too_large_is_seen():
    problem = {"input": [2], "target": [0], "learning_rate": 5, "layer": [{"weights": [[3]], "bias": [1]}]}
    assert "the step is too long" in write(written(solve(Problem.from_dict(problem))), "text")


def test_functions_of_python_are_read_or_said_not_to_be():
    readable = nn.Neuron(1, activation=lambda z: z * z + 1, weights=[2], bias=0)
    assert "f(z) = z·z + 1" in write(written(solve(readable, [3], [0])), "text")
    branching = nn.Neuron(1, activation=lambda z: z if z > 0 else 0.1 * z, weights=[2], bias=0)
    shown = write(written(solve(branching, [3], [0])), "text")
    assert "The activation is a Python function" in shown


def test_large_networks_stay_readable():
    rng = random.Random(0)
    numbers = lambda n: [rng.uniform(-1, 1) for _ in range(n)]
    sizes = [20, 30, 20, 3]
    layers = [
        {"weights": [numbers(a) for _ in range(b)], "bias": numbers(b), "activation": "tanh"}
        for a, b in zip(sizes, sizes[1:])
    ]
    layers[-1]["activation"] = "softmax"
    problem = {"input": numbers(20), "target": [1, 0, 0], "learning_rate": 0.1, "layer": layers}
    shown = write(written(solve(Problem.from_dict(problem))), "text")
    assert len(shown) < 40_000
    assert max(map(len, shown.splitlines())) < 110
    assert "There are 60 paths; here are the 12 that bring most." in shown
    assert "The other 22 are computed in the same way." in shown


# The formats.


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = set()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)


@pytest.mark.parametrize("seed", range(16))
def test_every_format_is_sound(seed):
    document = written(solve(various(seed)), digits=(4, 0, 9)[seed % 3])
    shown = {format: write(document, format) for format in FORMATS}

    page = Page()
    page.feed(shown["html"])
    assert not page.tags & {"script", "link", "img", "iframe"}
    assert not re.search("https?:", shown["html"])
    body = shown["html"][shown["html"].index("<body>") : shown["html"].index("</html>")]
    minidom.parseString(body)  # all is nested and escaped
    assert "\\" not in re.sub(r"<style>.*?</style>", "", body, flags=re.DOTALL)  # no LaTeX is left

    def plain(value):
        return [plain(x) for x in value] if isinstance(value, (list, tuple)) else value

    assert json.loads(shown["json"])["values"] == {k: plain(v) for k, v in document.values.items()}

    for line in shown["markdown"].splitlines():
        formulas = re.findall(r"\$\$(.*?)\$\$", line) or re.findall(r"(?<!\\)\$(.*?)\$", line)
        for formula in formulas:
            assert formula.count("{") == formula.count("}")
            assert not re.search(r"\\[^A-Za-z ]|\||[^A-Za-z0-9]_|operatorname", formula), formula  # not for GitHub
        if line.startswith("|"):
            assert line.count("|") in (3, 4)
    assert "\\" not in shown["text"]
    assert shown["latex"].isascii() or "ŷ" not in shown["latex"]
    assert shown["latex"].count(r"\begin{align*}") == shown["latex"].count(r"\end{align*}")


def test_latex_compiles(tmp_path):
    if not shutil.which("pdflatex"):
        pytest.skip("TeX's program pdflatex is not installed")
    documents = {
        "assignment": written(assignment()),
        **{f"various{seed}": written(solve(various(seed))) for seed in (1, 2, 5, 6)},
        "explained": explain(hostile()),
    }
    for name, document in documents.items():
        (tmp_path / f"{name}.tex").write_text(write(document, "latex"))
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
        assert done.returncode == 0, done.stdout[-2000:]
        assert name != "assignment" or "Overfull" not in done.stdout


def test_a_page_shows_the_picture_that_it_is_given():
    shown = write(written(assignment(), picture="<svg><title>network</title></svg>"), "html")
    assert "<svg><title>network</title></svg></figure>" in shown
    assert "<svg" not in write(written(assignment()), "html")


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="format must be one of text, markdown, latex, html, json, got 'pdf'"):
        write(written(assignment()), "pdf")


@pytest.mark.parametrize(
    ("latex", "shown"),
    [
        (r"z^{(1)}_{1} = -0.5 + (-2) \cdot x_{12}", "z₁⁽¹⁾ = −0.5 + (−2)·x₁₂"),
        (r"\frac{1 + x}{1 - \cos\left(z\right)}", "(1 + x)/(1 − cos(z))"),
        (r"\frac{a \cdot b}{c \cdot d}", "a·b/(c·d)"),
        (r"\frac{\frac{a}{b}}{c}", "a/b/c"),
        (r"-\frac{x}{y^{2}}", "−x/y²"),
        (r"\operatorname{sech}^2\left(u\right)", "sech²(u)"),
        (r"W_{2}^{\top} \delta_{2} \circ f'\left(Z_{1}\right)", "W₂ᵀ δ₂ ∘ f′(Z₁)"),
        (r"e^{-\left|x\right|} \ne \sqrt{2} + \sqrt{1 + x}", "e^(−|x|) ≠ √2 + √(1 + x)"),
        (r"\sum_{k} y_{k} \ln \hat{y}_{k} \to \infty", "∑ₖ yₖ ln ŷₖ → ∞"),
        (r"\mathrm{\Sigma exp}_{1} \unknown", "Σexp₁ unknown"),
        (r"x^{a + b} + y_{q}", "x^(a + b) + y_q"),
        (r"\begin{pmatrix} 1 & -2 \\ 33 & 4 \end{pmatrix} x", "⎛  1  −2 ⎞ x\n⎝ 33   4 ⎠"),
        (r"\max\left(z, 0.1 \cdot z\right) = [z > 0]", "max(z, 0.1·z) = [z > 0]"),
        ("", ""),
        (r"\frac{1}", "1/"),
        (r"{{x}", "x"),
        (r"x_", "x"),
    ],
)
def test_notation(latex, shown):
    assert text(latex) == shown
    minidom.parseString(mathml(latex))


def test_mathml_tells_a_sign_from_a_difference():
    assert '<mo form="prefix">−</mo><mn>2</mn>' in mathml("x = -2")
    assert "<mo>−</mo><mn>2</mn>" in mathml("x - 2")
    assert '<mo form="prefix">−</mo>' in mathml(r"\left(-x\right)")


def test_long_sums_are_broken_at_their_signs():
    terms = " + ".join(rf"0.1234 \cdot {i}.5678" for i in range(12))
    lines = chain("z_{1}", ("=", terms), ("=", "1"))
    assert len(lines) > 2
    assert [line.left for line in lines] == ["z_{1}", *[""] * (len(lines) - 1)]
    assert " ".join(line.right.removeprefix(r"\quad ") for line in lines) == f"{terms} = 1"
    assert all(len(text(line.right)) <= 90 for line in lines)


# Explanations of expressions and graphs.


def hostile():
    x, y = Value(2.0, label="x_$%&#"), Value(3.0, label="Σ<ß> né漢")
    return (x * y + x).exp() / Value(7.0, label="x_$%&#")


@pytest.mark.parametrize("seed", range(40))
def test_explained_gradients_are_those_of_the_engine(seed):
    rng = random.Random(seed)
    x, y = Value(rng.uniform(-2, 2), label="x"), Value(rng.uniform(-2, 2), label="y")
    root = x
    for _ in range(8):
        root = rng.choice([
            lambda v: v * y, lambda v: v + x, lambda v: v.sin(), lambda v: v.relu() - y, lambda v: v / (y * y + 1),
            lambda v: v * v, lambda v: 2 - v, lambda v: v.tanh().exp(), lambda v: v.maximum(y), lambda v: (v * v + 1) ** 0.5,
        ])(root)  # fmt: skip
    document = explain(root, digits=12)
    assert (x.grad, y.grad) == (0.0, 0.0)  # the graph is left as it is
    root.backward()
    assert document.values["f"] == root.data
    for leaf, name in ((x, "x"), (y, "y")):
        if f"∂f/∂{name}" in document.values:
            assert document.values[f"∂f/∂{name}"] == leaf.grad
    for block in document.blocks:
        if isinstance(block, Equation):
            for chained in sides(block):
                codes = [code for side in chained if (code := python(side))]
                numbers = [eval(code, SCOPE | {"sech2": lambda x: 1 / math.cosh(x) ** 2}) for code in codes]
                assert numbers == pytest.approx([numbers[-1]] * len(numbers), rel=1e-7, abs=1e-9) if numbers else True


def test_explain_on_the_command_line(capsys):
    assert main(["explain", "log(1 + exp(-(w*x + b)))", "w=-2", "x=1.5", "b=0.3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for line in (
        "  f(w, x, b) = ln(1 + e^(−(w x + b)))",
        "  v₄ = e^(v₃) = e^2.7 ≈ 14.880",
        "  ∂f/∂v₃ = (∂f/∂v₄) (∂v₄/∂v₃) = (∂f/∂v₄) v₄ ≈ 0.062973 · 14.880 ≈ 0.93703",
        "  ∂f/∂x = (∂f/∂v₁) (∂v₁/∂x) = (∂f/∂v₁) w ≈ (−0.93703) · (−2) ≈ 1.8741",
    ):
        assert line in lines


def test_labels_that_are_not_unique_are_replaced():
    a, b = Value(2.0, label="w"), Value(3.0, label="w")
    values = explain(a * b).values
    assert values == {"v1": 2.0, "v2": 3.0, "f": 6.0, "∂f/∂v2": 2.0, "∂f/∂v1": 3.0}


def test_operations_of_users_are_explained():
    cube = Op("cube", lambda x: x * x * x, lambda out, x: 3 * x * x)
    shown = write(explain(cube(Value(2.0, label="x"))), "text")
    assert "∂f/∂x = 3·x·x = 12" in shown
    opaque = Op("opaque", lambda x: 2 * x, lambda out, x: math.exp(0) * 2 + 0 * float(x))
    assert "∂f/∂x = 2" in write(explain(opaque(Value(2.0, label="x"))), "text")


def test_what_cannot_be_explained_is_refused():
    with pytest.raises(TypeError, match=r"explain\(\) takes a Value, got 3"):
        explain(3)
    x = Value(1.0)
    for _ in range(300):
        x = x + 1
    with pytest.raises(ValueError, match="the graph has 601 values: more than the 300"):
        explain(x)


def test_what_is_made_by_hand_is_refused_with_the_way_out():
    x = Value(3.0, label="x")
    y = Value(9.0, (x,), "square")
    y.label = "y"
    y._backward = lambda: None
    with pytest.raises(TypeError) as caught:
        explain(y + 1)
    assert str(caught.value).startswith("Value(data=9.0, grad=0.0, label='y') has a _backward written by hand")
    assert "@operation" in str(caught.value)
    assert (x.grad, y.grad) == (0.0, 0.0)


def test_kinks_are_explained(capsys):
    main(["explain", "relu(x - 2)", "x=2"])
    assert "Kink: relu(0) is exactly at its kink: the derivative of relu at 0 is taken as 0." in capsys.readouterr().out


# The command line.


@pytest.mark.parametrize("ending", ENDINGS)
def test_files_are_written_by_their_ending(ending, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SCALARGRAD_RENDERER", "dot")
    monkeypatch.setenv("PATH", str(tmp_path))  # no Graphviz: a page without a picture
    path = tmp_path / f"solution{ending}"
    assert main(["solve", str(ASSIGNMENT), "--target", "1,0", "-o", str(path)]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert ("no picture" in captured.err) == (ending == ".html")
    assert path.read_text(encoding="utf-8") == write(written(assignment()), ENDINGS[ending]) + "\n"
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_format_without_a_file_is_printed(capsys):
    main(["solve", str(ASSIGNMENT), "--target", "1,0", "--format", "markdown", "--digits", "3"])
    assert capsys.readouterr().out == write(written(assignment(), 3), "markdown") + "\n"


def test_a_page_has_the_picture_of_the_network(capsys):
    if not shutil.which("dot"):
        pytest.skip("Graphviz's program `dot` is not installed")
    for arguments in (["solve", str(ASSIGNMENT), "--target", "1,0"], ["explain", "x*x", "x=3"]):
        main([*arguments, "--format", "html"])
        shown = capsys.readouterr().out
        assert shown.count("<svg") == 1
        assert "<?xml" not in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "x.pdf"], "--output: expected an ending of .txt, .md, .tex, .html, .json, or --format, got 'x.pdf'"),
        (["-o", "nowhere/x.html"], "nowhere/x.html: No such file or directory"),
        (["--steps", "0"], "steps: expected a whole number from 1 to 1000, got 0"),
        (["--target", "1,0;0,1"], "target: expected 1 lists of numbers, one for each input"),
        (["--target", "1,0;"], "--target: expected numbers and commas"),
    ],
)
def test_mistakes_on_the_command_line_are_one_message(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["solve", str(ASSIGNMENT), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("scalargrad: error: ")
    assert message in error
    assert list(tmp_path.iterdir()) == []


def test_a_page_without_a_picture_that_cannot_be_written_is_one_message(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("SCALARGRAD_RENDERER", "dot")
    monkeypatch.setenv("PATH", str(tmp_path))  # no Graphviz
    monkeypatch.chdir(tmp_path)
    assert main(["solve", str(ASSIGNMENT), "-o", "nowhere/x.html"]) == 2
    assert capsys.readouterr().err == "scalargrad: error: nowhere/x.html: No such file or directory\n"


@pytest.mark.parametrize("seed", range(100))
def test_broken_files_give_one_clear_error_or_a_solution(seed, tmp_path, capsys):
    rng = random.Random(seed)
    content = ASSIGNMENT.read_text().replace("# target = [1, 0]", "target = [1, 0]")
    start = content.index("input =")
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(start, len(content))
        kind = rng.randrange(4)
        junk = rng.choice(
            ["[", "]", "-", "9", "e308", "nan", "'", "\n", "\0", "[[", ",", "=", "$", "{", "é", "1e400", "true"]
        )
        content = content[:place] + (junk if kind else "") + content[place + (0 if kind == 1 else rng.randint(0, 6)) :]
    path = tmp_path / "broken.toml"
    path.write_text(content, encoding="utf-8")
    status = main(["solve", str(path), "--format", rng.choice(list(FORMATS)), "--steps", "2"])
    captured = capsys.readouterr()
    assert status in (0, 2)
    if status:
        assert captured.out == ""
        assert captured.err.startswith("scalargrad: error: ")
        assert "Traceback" not in captured.err
    else:
        assert captured.out


def test_blocks_are_public():
    document = written(assignment())
    assert {type(block) for block in document.blocks} == {Heading, Paragraph, Equation, Table}
    assert all(
        isinstance(line, Line) for block in document.blocks if isinstance(block, Equation) for line in block.lines
    )
