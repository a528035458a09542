"""Written solutions: every notation reads again, every line is true, every format is well formed."""

import json
import math
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_sheet import EXPECTED, PROBLEMS, terms

from scalargrad import ops
from scalargrad.cli import main
from scalargrad.sheet import styles
from scalargrad.sheet.document import Equations, Heading, shown
from scalargrad.sheet.explanation import recorded
from scalargrad.sheet.grammar import flat, parse
from scalargrad.sheet.notation import Style
from scalargrad.sheet.problem import Problem
from scalargrad.sheet.records import RECORDS
from scalargrad.sheet.rules import by_rules
from scalargrad.sheet.solution import solve
from scalargrad.sheet.substitution import value
from scalargrad.sheet.terms import CDOT, JUX, LIST, ROWS, SUB, SUP, Term
from scalargrad.sheet.tidy import tidied
from scalargrad.sheet.writers import write
from scalargrad.sheet.writing import written
from scalargrad.value import Value

NUMBERS = sorted(EXPECTED)


@pytest.fixture(scope="module")
def documents():
    return {number: written(solve(Problem.load(PROBLEMS / f"{number}.txt"))) for number in NUMBERS}


# Notation.


def plain(term):
    """A term as print has it: plain names, a dot in products, powers of ten as numbers, rows of factors from the left."""

    def change(part):
        if part.head in (SUB, SUP) and not any(x.operands for x in part.operands[1:]):
            return flat(part)
        numbers = [x.head if x.is_number else None for x in part.operands]
        if part.head is ops.pow and numbers[0] == 10 and (numbers[1] or 0) < 0:
            return Term(float(f"1e{numbers[1]:.0f}"))
        if part.head is RECORDS["hadamard"] and part.operands[1].head is part.head:
            a, (b, c) = part.operands[0], part.operands[1].operands
            return Term(part.head, change(Term(part.head, a, b)) or Term(part.head, a, b), c)
        if part.head in (CDOT, JUX):
            power_of_ten = None not in numbers and 1 <= numbers[0] < 10 and 0 < numbers[1] < 1e-5
            return Term(
                float(f"{numbers[0]}e{math.log10(numbers[1]):.0f}") if power_of_ten else CDOT,
                *([] if power_of_ten else part.operands),
            )
        return None

    return term.replaced(change)


@settings(max_examples=250, deadline=None)
@given(terms())
def test_a_line_of_text_reads_again_as_the_same(term):
    line = styles.text(term, Style(taken={"e"}))
    assert "\n" not in line
    assert plain(parse(line, {"x", "y", "W", "theta", "b", "T", "e"}, {"f"})) == plain(term), line


def groups(latex):
    """What is between braces, with what stands after each group; braces must close."""
    depth = 0
    for i, c in enumerate(re.sub(r"\\[{}]", "  ", latex)):
        depth += {"{": 1, "}": -1}.get(c, 0)
        assert depth >= 0, latex
        yield i, depth
    assert depth == 0, latex


def scripts(latex):
    """The scripts that one base has, in order."""
    i, stack, found = 0, [""], []
    while i < len(latex):
        c = latex[i]
        if c == "{":
            stack.append("")
        elif c == "}":
            stack.pop()
        elif c in "_^":
            stack[-1] += c
            found.append(stack[-1])
            depth, i = 0, i + 1
            while True:  # the script's own group does not end the base's scripts
                depth += {"{": 1, "}": -1}.get(latex[i], 0)
                i += 1
                if depth == 0:
                    break
            continue
        elif c != " ":
            stack[-1] = ""
        i += 1
    return found


@settings(max_examples=250, deadline=None)
@given(terms())
def test_latex_and_mathml_are_well_formed(term):
    latex = styles.latex(term)
    assert list(groups(latex))
    assert not any(each.count("_") > 1 or each.count("^") > 1 for each in scripts(latex)), latex
    assert latex.isascii()
    assert latex.count(r"\left") == latex.count(r"\right")
    ET.fromstring(styles.mathml(term))


@pytest.mark.parametrize(
    ("formula", "text", "latex"),
    [
        ("exp(x)^2", "(e^x)²", "(e^{x})^{2}"),
        ("exp(x)/(1 + exp(x))", "e^x/(1 + e^x)", r"\frac{e^{x}}{1 + e^{x}}"),
        ("√(x)^2", "(√(x))²", r"(\sqrt{x})^{2}"),
        ("√(x^2)", "√(x²)", r"\sqrt{x^{2}}"),
        ("(x^2)^3", "(x²)³", "(x^{2})^{3}"),
        ("x_1^2", "x₁²", "x_{1}^{2}"),
        ("(W^{(1)})^T", "(W⁽¹⁾)ᵀ", r"(W^{(1)})^{\top}"),
        ("-x^2", "−x²", "-x^{2}"),
        ("(-x)^2", "(−x)²", "(-x)^{2}"),
        ("a - (b - c)", "a − (b − c)", "a - (b - c)"),
        ("y_hat_1", "ŷ₁", r"\hat{y}_{1}"),
        ("W_xh x_t + h_{t-1}", "W_xh x_t + h_(t − 1)", r"W_{xh} \, x_{t} + h_{t - 1}"),
    ],
)
def test_what_notations_look_like(formula, text, latex):
    assert styles.text(parse(formula)) == text
    assert styles.latex(parse(formula)) == latex


@settings(max_examples=200, deadline=None)
@given(st.floats(-1e300, 1e300), st.integers(1, 12))
def test_numbers_have_significant_digits(x, digits):
    text = shown(x, digits)
    assert float(text) == pytest.approx(x, rel=0.5001 * 10.0 ** (1 - digits), abs=0)
    assert x == 0 or float(text) != 0


# Formulas.


def formulas():
    leaves = st.just(Term("x")) | st.integers(1, 5).map(float).map(Term)
    one = st.sampled_from([ops.exp, ops.sin, ops.cos, ops.tanh, ops.sigmoid, ops.neg])
    two = st.sampled_from([ops.add, ops.sub, ops.mul])
    return st.recursive(
        leaves,
        lambda inside: (
            st.builds(Term, one, inside)
            | st.builds(Term, two, inside, inside)
            | st.builds(lambda a, n: a**n, inside, st.integers(2, 3))
            | st.builds(lambda a, b: a / (b * b + 1), inside, inside)
        ),
        max_leaves=8,
    )


@settings(max_examples=200, deadline=None)
@given(formulas())
def test_rules_and_tidying_keep_the_value(formula):
    at = {"x": Term(0.3)}
    x = Value(0.3)

    def computed(term):
        return x if term.is_name else term.head if term.is_number else term.head(*map(computed, term.operands))

    try:
        out = computed(formula)
    except OverflowError:
        assume(False)
    if isinstance(out, Value):
        out.backward()
    truth = x.grad if isinstance(out, Value) else 0.0
    slope = by_rules(formula, "x")
    assert value(slope.put(at)) == pytest.approx(truth, rel=1e-9, abs=1e-12)
    assert value(tidied(slope).put(at)) == pytest.approx(truth, rel=1e-9, abs=1e-12)
    assert value(tidied(formula).put(at)) == pytest.approx(value(formula.put(at)), rel=1e-9, abs=1e-12)


# Documents.


def test_every_line_of_numbers_is_true(documents):
    lines = [x for d in documents.values() for b in d.blocks if isinstance(b, Equations) for x in b.lines]
    checked = 0
    for line in lines:
        sides = [
            side for _, side in line.sides if not side.names and not any(t.head in (LIST, ROWS) for t in side.walk())
        ]
        numbers = [value(side) for side in sides if all(callable(t.head) or t.is_number for t in side.walk())]
        assert numbers == pytest.approx([numbers[-1]] * len(numbers), rel=1e-9, abs=1e-12) if numbers else True, line
        checked += len(numbers) > 1
    assert checked > 300


@pytest.mark.parametrize("number", NUMBERS)
def test_what_is_asked_is_answered_under_its_name(documents, number):
    document = documents[number]
    content = json.loads(write(document, "json"))
    assert content["values"] == json.loads(json.dumps(solve(Problem.load(PROBLEMS / f"{number}.txt")).values))
    assert set(EXPECTED[number]) <= set(content["values"])
    boxed = [line for b in document.blocks if isinstance(b, Equations) and b.kind == "boxed" for line in b.lines]
    assert len(boxed) == len(Problem.load(PROBLEMS / f"{number}.txt").asked)
    assert ".txt" not in content["title"]


class Page(HTMLParser):
    VOID = ("meta", "br")

    def __init__(self):
        super().__init__()
        self.stack, self.ids, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.stack += [] if tag in self.VOID else [tag]
        self.ids += [value for name, value in attrs if name == "id"]
        assert not any(value and value.startswith("http") for _, value in attrs)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("number", NUMBERS)
def test_pages_are_whole(documents, number):
    html = write(documents[number], "html")
    page = Page()
    page.feed(html)
    assert not page.stack
    headings = [block for block in documents[number].blocks if isinstance(block, Heading)]
    assert len(set(page.ids)) == len(page.ids) == len(headings)
    for formula in re.findall(r"<math.*?</math>", html):
        ET.fromstring(formula)


def test_markdown_has_no_bars_in_cells(documents):
    for document in documents.values():
        for line in write(document, "markdown").splitlines():
            if line.startswith("| "):
                assert line.count("|") == len(re.findall(r" \| |^\| | \|$", line)), line


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
@pytest.mark.parametrize("number", ["01", "44", "65", "68", "70", "72", "74"])
def test_latex_compiles_and_fits(documents, number, tmp_path):
    (tmp_path / "out.tex").write_text(write(documents[number], "latex"))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "out.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    log = (tmp_path / "out.log").read_text(errors="replace")
    assert done.returncode == 0, log[-2000:]
    assert "Overfull" not in log


def test_a_short_solution_is_short(documents):
    for number in NUMBERS:
        brief = written(solve(Problem.load(PROBLEMS / f"{number}.txt")), brief=True)
        assert len(write(brief, "text")) < 0.8 * len(write(documents[number], "text")), number
        assert not any(isinstance(block, Heading) for block in brief.blocks)


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ("x = 0; y = relu(x); find dy/dx", "the derivative of relu at 0 is taken as 0"),
        ("z = (1, 2); p = softmax(z); L = -ln(p_2); find dL/dz", "∂L/∂z = p − e₂"),
        ("y = 1; z = 2; a = σ(z); L = -(y ln(a) + (1 - y) ln(1 - a)); find dL/dz", "∂L/∂z = a − y"),
        ("a = 2; b = 1; c = a + b; d = b + 1; e = c d; find de/db", "b → c → e"),
        ("w = 0.000438568; L = 3 w; find L", "0.001315704"),
        ("w = 1; L = w/7000; find L", "0.00014286"),
        ("w = 3; L = w^2; update w by gradient descent, eta = 1.5; find w^new", "rises from 9 to 36"),
        ("f(x) = (x^2 + 1)/(x - 1); find f'(3)", "f′(x) = (2 x (x − 1) − (x² + 1))/(x − 1)²"),
        ("f(x) = x^3 sin(x); find f''(2)", "f′′(2) = 6 x sin(x) + 6 x² cos(x) − x³ sin(x) ≈ −6.3503"),
        ("z = (1, 2, 0); p = softmax(z); find ∂p/∂z", "∂p₂/∂z = p ∘ (∂p₂/∂p − sum((∂p₂/∂p) ∘ p))"),
        ("x = (1, 2); W = [[3, 4], [5, 6]]; p = softmax(tanh(W x)); L = -ln(p_1); find L", "h = tanh(z)"),
        ("W : 3 x 2; x : 2; y : 3; p = softmax(W x); L = -sum(y ∘ ln(p)); find dL/dW", "∂L/∂W = (p − y) xᵀ"),
        ("w = 4; L = w^2; update w by adam, eta = 0.1, steps = 2", "m̂₂ = m₂/(1 − β₁²)"),
        ("x = 2; y = 3; q = x y; f = q + x", "∂f/∂y = (∂f/∂q) (∂q/∂y)"),
    ],
)
def test_what_is_said(problem, said):
    assert said in write(written(solve(Problem.read(problem))), "text")


def test_rounding_is_no_result():
    document = written(solve(Problem.read("x = (1, 2, 4); p = softmax(x); L = Σ_i p_i; find dL/dx")))
    assert "∂L/∂x = (0, 0, 0)" in write(document, "text")


def test_a_graph_is_a_problem():
    x, y = Value(2.0, label="x"), Value(3.0, label="y")
    document = written(solve(recorded((x * y).sin() + x)))
    assert document.values["df/dx"] == pytest.approx(3 * ops.cos(6.0) + 1)
    assert document.values["df/dy"] == pytest.approx(2 * ops.cos(6.0))
    with pytest.raises(TypeError, match="a Value is needed"):
        recorded(1.0)


# The command line.


def run(capsys, *arguments):
    status = main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_solve_takes_a_list_of_equations(capsys, tmp_path):
    status, out, _ = run(capsys, "solve", PROBLEMS / "23.txt", "--format", "json")
    assert status == 0
    assert json.loads(out)["values"]["df/dz"] == 3
    assert run(capsys, "solve", PROBLEMS / "23.txt", "-o", tmp_path / "out.md")[0] == 0
    assert "# Worked solution" in (tmp_path / "out.md").read_text()
    assert "In short" not in run(capsys, "solve", PROBLEMS / "23.txt", "--brief")[1]


def test_solve_takes_prose_and_says_what_it_understood(capsys, tmp_path):
    path = tmp_path / "assignment.md"
    path.write_text("Let $q = x y$ with x = 2 and y = 3. Find q and ∂q/∂x.")
    status, out, err = run(capsys, "solve", path)
    assert status == 0
    assert "understood of assignment.md" in err
    assert "∂q/∂x = y = 3" in out


def test_solve_writes_networks_in_tables_briefly(capsys, tmp_path):
    path = tmp_path / "network.toml"
    path.write_text("input = [2]\ntarget = [0]\nlearning_rate = 0.1\n[[layer]]\nweights = [[3]]\nbias = [1]\n")
    status, out, _ = run(capsys, "solve", path, "--brief")
    assert status == 0
    assert "W₁^new = W₁ − η (∂L/∂W₁)" in out


def test_explain_writes_the_same_documents(capsys):
    status, out, _ = run(capsys, "explain", "exp(x)/(1 + exp(x))", "x=0.5")
    assert status == 0
    assert "e^x" in out
    assert Path(__file__).name not in out
    assert "∂f/∂x ≈ 0.23500" in out
