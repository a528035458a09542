"""The page: its story is compared with the engine and as text, and it is used in Chromium as a reader would."""

# ruff: noqa: RUF001 - symbols are written as mathematics writes them

import contextlib
import json
import random
import re
from base64 import b64encode
from hashlib import sha256
from math import exp, isclose, nan
from pathlib import Path

import pytest
from browser import AXE, PROGRAM, Browser
from hypothesis import given, settings
from hypothesis import strategies as st
from points import OF_ORDER, POINTS

import viz
from scalargrad import Op, Value, ieee, log, maximum, nn, ops, optim, scope, source_lines, topological_order, worked
from scalargrad.cli import main
from scalargrad.worked.derivation import written
from scalargrad.worked.explanation import explain
from scalargrad.worked.writers import FORMATS, write
from viz.page import embedded, page
from viz.script import function
from viz.story import Story
from viz.text import number
from viz.typeset import Typeset, _partial, label, local_derivative

ROOT = Path(__file__).parent.parent
needs_chromium = pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed")


def named(data, name, role=""):
    value = Value(data, label=name)
    value.role = role
    return value


@pytest.fixture(scope="module")
def assignment():
    problem = worked.Problem.load(ROOT / "examples" / "four_three_two.toml").with_target([1, 0])
    return worked.solve(problem)


def told(root, **options):
    """What a page is told, as its script reads it."""
    text = page(root, **options)
    return json.loads(re.search(r'id="story">(.*?)</script>', text, re.DOTALL)[1])


# The story


def test_the_story_of_the_assignment_has_the_engines_gradients(assignment):
    story = Story(assignment.loss)
    for value in story.order:
        assert isclose(story.gradients[value], value.grad, rel_tol=1e-12, abs_tol=1e-15)


def test_the_story_reads_no_grad_and_changes_none():
    x = named(3.0, "x")
    y = x * x
    x.grad = 17.0
    assert Story(y).gradients[x] == 6.0
    assert (x.grad, y.grad) == (17.0, 0.0)


def test_what_is_said_about_the_assignment(assignment):
    steps = Story(assignment.loss).steps
    lines = [" ".join(step.line) for step in steps if step.kind == "forward"]
    assert "h₁ = relu(z₁) + sin(z₁) = 1.350 + 0.976 = 2.326" in lines
    assert "w₁₂·x₂ = (−0.200)·(−1.000) = 0.200" in lines
    assert "p₁ = exp(z₁)/Σexp = 0.675/3.094 = 0.218" in lines
    shares = [share.formula + share.numbers for step in steps for share in step.shares]
    assert "∂loss/∂z₁ += ∂loss/∂sin(z₁)·cos(z₁) = 0.547·0.219 = +0.120" in shares
    assert "∂loss/∂p₁ = ∂loss/∂log(p₁)·(1/p₁) = (−1.000)·4.582 = −4.582" in shares
    assert "∂loss/∂w₁₁ = ∂loss/∂(w₁₁·x₁)·x₁ = 0.667·1.000 = +0.667" in shares
    assert [step.kind for step in steps if step.kind not in ("forward", "backward")] == ["given", "turn", "done"]
    assert steps[0].line[0] == "loss is computed from 4 inputs, 23 parameters, 2 targets"


def test_every_operation_is_a_step_forward_and_backward_in_an_order_that_can_be_computed(assignment):
    steps = Story(assignment.loss).steps
    forward = [step.value for step in steps if step.kind == "forward"]
    assert set(forward) == {value for value in topological_order(assignment.loss) if value._prev}
    assert [step.value for step in steps if step.kind == "backward"] == forward[::-1]
    for index, value in enumerate(forward):
        assert all(parent in forward[:index] for parent in value._prev if parent._prev)


def test_what_belongs_together_is_told_together(assignment):
    places = [step.value.scope[:2] for step in Story(assignment.loss).steps if step.kind == "forward"]
    blocks = [place for place, before in zip(places, [None, *places], strict=False) if place != before]
    assert blocks == [
        *[("layer 1", f"neuron {i}") for i in (1, 2, 3)],
        *[("output layer", f"neuron {i}") for i in (1, 2)],
        ("softmax",),
        ("cross-entropy",),
    ]


def test_uses_add_up_and_the_story_says_when_they_are_complete():
    x = named(3.0, "x")
    y = x.relu() + x * x
    words = [step.words for step in Story(y).steps if step.kind == "backward"]
    assert "x is used 3 times, and what comes back adds up: 1 more to come." in words[1]
    assert "this was the last, the sum is complete." in words[2]
    totals = [share.total for step in Story(y).steps for share in step.shares if share.parent is x]
    assert totals == [3.0, 6.0, 7.0]


def test_numbers_take_no_gradient():
    steps = Story(named(3.0, "x") * 2 + 1).steps
    assert [len(step.shares) for step in steps if step.kind == "backward"] == [1, 1]
    assert " ".join(steps[1].line) == "x·2 = 3.000·2 = 6.000"


def test_names_of_what_has_none():
    x = named(0.5, "x")
    total = x
    for _ in range(20):
        total = total + x
    story = Story(total)
    assert story.names[total] == "y"
    long = [name for name in story.names.values() if re.fullmatch("v[₀-₉]+", name)]
    assert long  # formulas that would be too long
    assert all(len(name) < 50 for name in story.names.values())
    clash = named(1.0, "y") * 2
    assert Story(clash).names[clash] == "out"


def test_dead_and_poisoned_gradients_are_told_as_they_are():
    dead = named(-1.0, "x").relu() * 2.0
    assert "cuts the gradient off" in [s for s in Story(dead).steps if s.kind == "backward"][1].words
    poisoned = named(1.0, "x") * nan
    (share,) = [share for step in Story(poisoned).steps for share in step.shares]
    assert share.numbers == " = 1.000·nan = nan"
    assert told(poisoned)["values"][-1]["x"] == "nan"
    blown = named(0.0, "x").sqrt()
    assert [share.numbers for step in Story(blown).steps for share in step.shares] == [" = 1.000·∞ = +∞"]


def test_operations_made_by_hand_have_numbers_where_no_formula_is():
    x = named(3.0, "x")
    by_hand = Value(9.0, (x,), "square")

    def backward():
        x.grad += 6.0 * by_hand.grad

    by_hand._backward = backward
    (share,) = [share for step in Story(by_hand).steps for share in step.shares]
    assert (share.formula, share.numbers) == ("∂y/∂x = ∂y/∂y·6.000", " = 1.000·6.000 = +6.000")
    for_numbers_only = Op("odd", lambda x: exp(x), lambda out, x: exp(x))
    assert local_derivative(for_numbers_only(Value(1.0)), 0, Typeset("y"), [Typeset("x")]) is None


@pytest.mark.parametrize("name", [name for name in ops.TABLE if name not in OF_ORDER])
def test_every_operation_has_formulas_of_its_local_derivatives(name):
    op = ops.TABLE[name]
    arguments = (0.4, 0.7, 0.2)[: len(op.partials)]
    values = {f"x{i}": x for i, x in enumerate(arguments)} | {"out": op(*arguments)}
    for index, derivative in enumerate(op.partials):
        formula = _partial(op, index, (None,) * len(arguments))
        assert isclose(formula(**{n: values[n] for n in formula.names}), derivative(values["out"], *arguments))
        named = local_derivative(op(*map(Value, arguments)), index, Typeset("y"), [*map(Typeset, "uvw")])
        assert re.fullmatch(r"[\w·/+\-−()\[\]> =,²√^|.½ ]+", named), named


def test_powers_are_typeset_as_powers():
    x = named(3.0, "x")
    assert [" ".join(Story(x**n).steps[1].line) for n in (2, -0.5)] == [
        "y = x² = 3.000² = 9.000",
        "y = x^(−0.5) = 3.000^(−0.5) = 0.577",
    ]
    y = (x + 1) ** 3
    assert local_derivative(y, 0, Typeset("y"), [Typeset("x + 1", 1), Typeset("3")]) == "3·(x + 1)²"


# What is given to the page


def test_bad_arguments_get_one_clear_error(tmp_path):
    path = tmp_path / "page.html"
    x = Value(1.0)
    for arguments, options, error, message in [
        ([3.0], {}, TypeError, "root must be a Value, got 3.0"),
        ([x], {"theme": "pink"}, ValueError, "theme must be one of 'auto', 'light', 'dark', got 'pink'"),
        ([x], {"digits": -1}, ValueError, "digits must be a whole number, 0 or more, got -1"),
    ]:
        with pytest.raises(error, match=re.escape(message)):
            viz.step_through(*arguments, path, **options)
    for _ in range(2000):
        x = x + 1
    with pytest.raises(ValueError, match="steps through up to 2,000 scalars, got 4,001"):
        viz.step_through(x, path)
    assert not path.exists()


def test_the_page_needs_nothing_else(assignment):
    text = page(assignment.loss, title="a & b")
    assert set(re.findall(r"\bhttps?://[^\"' ]+", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<(link|img|iframe)\b|@import|url\((?!#)", text.replace("url(#${", "url(#"))
    assert "default-src 'none'" in text
    assert "<title>a &amp; b</title>" in text
    assert len(text) < 200_000


def test_the_same_page_in_every_process(assignment):
    assert page(assignment.loss) == page(worked.solve(assignment.problem).loss)


def test_where_a_value_was_made_is_told(monkeypatch):
    monkeypatch.chdir(ROOT)
    with source_lines():
        y = named(1.0, "x") * 2
    assert re.fullmatch(r"tests/test_page\.py:\d+", told(y)["values"][-1]["made"])


HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]>",
    "\"'&amp;<b>",
    "$title ${story}",
    "\\u003c/script>",
    "\u2028\u2029",
    "\ud800",
    "\x00\x1b",
    "🙂👩‍👩‍👧‍👦",
    "אבג1",
    "عدد",
    "\u202eabc",
    "a\nb",
    "x" * 300,
    "constructor",
    "__proto__",
]


def hostile_graph(labels):
    generator = random.Random(5)
    values = [
        named(generator.uniform(0.5, 2), text, role)
        for text, role in zip(labels, ("input", "parameter", "target") * 99)
    ]
    for text in labels:
        with scope(text):
            out = values[generator.randrange(len(values))] * values[generator.randrange(len(values))] + values[-1]
            out.label = text
        values.append(out)
    return sum(values[1:], values[0])


def test_hostile_labels_are_only_text():
    text = page(hostile_graph(HOSTILE), title=HOSTILE[0])
    assert text.count("</script>") == 2
    assert text.encode()  # no lone surrogates
    assert json.loads(embedded(HOSTILE[:7])) == HOSTILE[:7]
    assert "<" not in embedded(HOSTILE)


@given(st.lists(st.text(), min_size=2, max_size=6))
@settings(deadline=None)  # the first call reads the font
def test_any_label_is_only_text(labels):
    values = [named(1.5, text) for text in labels]
    root = values[0]
    for value in values:
        with scope(value.label):
            root = root * value
        root.label = value.label
    text = page(root, title=labels[0])
    assert text.encode().count(b"<script") == text.count("</script>") == 2
    assert "<!--" not in text
    told_values = json.loads(re.search(r'id="story">(.*?)</script>', text, re.DOTALL)[1])["values"]
    for value, shown in zip(topological_order(root), told_values):
        if value.label:
            assert shown["label"] == label(value.label)


def test_names_read_from_the_right_are_isolated():
    assert label("אבג1") == "\u2068אבג₁\u2069"


def test_the_command_line_writes_the_page(tmp_path, capsys):
    toml = str(ROOT / "examples" / "four_three_two.toml")
    path = tmp_path / "page.html"
    assert main(["solve", toml, "--target", "1,0", "--draw", str(path)]) == 0
    assert "4-3-2 network" in path.read_text()
    path.unlink()
    assert main(["solve", toml, "--draw", str(path)]) == 2
    assert "with --target, from the loss" in capsys.readouterr().err
    assert not path.exists()
    assert main(["eval", "x*x", "x=3", "--draw", str(path)]) == 0
    assert "<title>x*x</title>" in path.read_text()


def test_the_stored_page_is_the_one_that_is_made(assignment):
    stored = (ROOT / "docs" / "four_three_two.html").read_text()
    assert stored == page(assignment.loss, title=assignment.problem.title), "run docs/make.py"


# The page in use


@pytest.fixture(scope="module")
def browser():
    if PROGRAM is None:
        pytest.skip("Chromium is not installed")
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def opened(browser, tmp_path, monkeypatch):
    """Open a page of a root, and look at the end whether it complained or asked for anything."""
    browser.complaints.clear()
    browser.resize(1400, 900)
    browser.prefer(prefers_color_scheme="light", prefers_reduced_motion="reduce")

    def open_page(root, fragment="", *, level=0, **options):
        browser.open(viz.step_through(root, tmp_path / "page.html", **options), fragment)
        if level is not None:
            browser.run(f"foldTo({json.dumps(level)})")
            browser.run(f"go({fragment.partition('=')[2] or 0})")
        return browser

    yield open_page
    assert browser.complaints == []


def step(browser):
    return browser.run("Number(document.querySelector('#now').dataset.step)")


def card(browser, name, layer=0):
    """The selector of the card of a name; of several, the one that is computed first."""
    found = browser.run(f"values.filter((v) => v.name === {json.dumps(name)}).map((v) => v.id)")
    return f"[data-card='{found[layer]}']"


def shown(browser, selector):
    return browser.run(f"[...document.querySelectorAll({json.dumps(selector + ' text')})].map((t) => t.textContent)")


def test_steps_by_keys_buttons_and_slider(opened, assignment):
    b = opened(assignment.loss)
    assert (step(b), b.text("#place")) == (0, "0 / 114")
    assert "Inputs, parameters and targets are given" in b.text("#now")
    b.press("ArrowRight")
    assert (step(b), b.text("#now .formula")) == (1, "w₁₁·x₁ = 0.100·1.000 = 0.100")
    b.press("ArrowRight")
    b.press("ArrowLeft")
    assert step(b) == 1
    b.click("#next")
    b.click("#next")
    b.click("#back")
    assert step(b) == 2
    b.press("End")
    assert step(b) == 114
    assert b.run("document.querySelector('#next').disabled")
    b.press("ArrowRight")
    assert step(b) == 114
    b.click("#first")
    assert step(b) == 0
    b.run("slider.focus()")
    for _ in range(3):
        b.press("ArrowRight")  # the slider's own keys, each counted once
    assert step(b) == 3
    b.run("slider.value = 57; slider.dispatchEvent(new Event('input'))")
    assert "The forward pass is done: loss = 1.522" in b.text("#now")


def test_values_appear_as_they_are_computed_and_gradients_as_they_flow(opened, assignment):
    b = opened(assignment.loss, "#step=10")
    h = card(b, "h₁")
    assert shown(b, h) == ["+", "h₁", "", ""]
    assert b.run(f"document.querySelector({json.dumps(h)}).classList.contains('waiting')")
    b.press("ArrowRight")
    assert shown(b, h) == ["+", "h₁", "2.326", ""]
    assert b.run(f"document.querySelector({json.dumps(h)}).getAttribute('aria-current')") == "step"
    totals = []
    for at in range(57, 115):
        b.run(f"go({at})")
        totals.append(shown(b, h)[-1])
    assert list(dict.fromkeys(totals)) == ["", "∂ +0.313", "∂ +0.547"]
    flows = b.run("[...document.querySelectorAll('.edge')].map((e) => e.getAttribute('class').split(' ')[1])")
    assert set(flows) == {"positive", "negative", "zero"}
    widths = b.run("drawn.links.map((l) => [l.path.style.strokeWidth, l.ends[0].child, l.parent])")
    widest = max(widths, key=lambda w: float(w[0] or 0))
    assert (float(widest[0]), b.run(f"values[{widest[2]}].name")) == (4.5, "p₁")


def test_every_step_of_the_page_says_what_the_story_says(opened, assignment):
    b = opened(assignment.loss)
    for index, told_step in enumerate(Story(assignment.loss).steps):
        b.run(f"go({index})")
        said = b.text("#now")
        assert told_step.words in said
        for share in told_step.shares:
            assert share.formula + share.numbers in said


def test_a_click_or_enter_on_a_card_tells_everything_about_it(opened, assignment):
    b = opened(assignment.loss, "#step=114")
    h = card(b, "h₁")
    b.click(h)
    said = b.text("#details")
    assert "h₁ = relu(z₁) + sin(z₁) = 1.350 + 0.976 = 2.326" in said
    assert "gradient ∂loss/∂h₁ = +0.547, a sum over 2 uses" in said
    assert "from w₂₁·h₁: ∂loss/∂(w₂₁·h₁)·w₂₁ = 0.782·0.400 = +0.313" in said
    assert "from w₁₁·h₁: ∂loss/∂(w₁₁·h₁)·w₁₁ = (−0.782)·(−0.300) = +0.235" in said
    b.press("Escape")
    assert b.run("document.querySelector('#details').hidden")
    assert b.run(f"document.activeElement === document.querySelector({json.dumps(h)})")
    b.press("ArrowDown")
    assert b.run("document.activeElement.getAttribute('aria-label')") == "neuron 2: fold"
    assert b.run("document.querySelectorAll('#graph [tabindex=\"0\"]').length") == 1
    b.press("ArrowDown")
    focused = b.run("document.activeElement.getAttribute('aria-label')")
    b.press("Enter")
    assert not b.run("document.querySelector('#details').hidden")
    assert b.run("document.querySelector('.chosen').getAttribute('aria-label')") == focused
    b.run(f"document.querySelector({json.dumps(card(b, 'exp(z₁)'))}).focus()")
    b.press(" ")
    assert "with z₁: exp(z₁) = 0.675" in b.text("#details")


def test_source_lines_in_the_details(opened):
    with source_lines():
        y = named(1.0, "x") * 2
    b = opened(y)
    b.click(card(b, "y"))
    assert re.search(r"made at.*test_page\.py:\d+", b.text("#details"))


def test_frames_fold_and_their_steps_become_one(opened, assignment):
    b = opened(assignment.loss, "#step=11")
    b.click('[data-frame=\'["layer 1","neuron 1"]\']')
    assert "11 operations, folded" in b.text("#now")
    assert (step(b), "h₁ = relu(z₁) + sin(z₁) = 2.326" in b.text("#now")) == (1, True)
    assert shown(b, ".folded") == ["▸ neuron 1", "h₁", "2.326", ""]
    b.press("ArrowRight")
    assert b.text("#now .formula").startswith("w₂₁·x₁")
    b.press("ArrowLeft")
    assert b.run("document.activeElement.getAttribute('aria-expanded')") == "false"
    b.press("Enter")  # the focus stays on the frame
    assert (step(b), b.run("document.querySelectorAll('.folded').length")) == (11, 0)
    b.run("level.value = 1; level.dispatchEvent(new Event('change'))")
    assert b.run("[...document.querySelectorAll('.folded')].length") == 4
    assert b.text("#place").endswith(" / 10")
    b.press("End")
    assert shown(b, ".folded")[-3:] == ["loss", "1.522", "∂ +1.000"]
    b.press("ArrowLeft")
    said = b.text("#now")
    assert "33 operations, folded" in said
    assert "∂loss/∂w₁₁ = +0.667" in said
    b.run("level.value = 0; level.dispatchEvent(new Event('change'))")
    assert b.text("#place").endswith(" / 114")


def test_playing_walks_to_the_end_and_stops(opened):
    b = opened(named(3.0, "x") * 2)
    b.run("speed.options[2].value = 20")
    b.run("speed.value = 20")
    b.press(" ")
    assert b.text("#play") == "Pause"
    b.until("play.textContent === 'Play'")
    assert step(b) == 4


def test_both_themes_and_the_switch(opened):
    background = "getComputedStyle(document.body).backgroundColor"
    light, dark = "rgb(255, 255, 255)", "rgb(15, 20, 25)"
    b = opened(named(3.0, "x") * 2)
    assert b.run(background) == light
    b.click("#theme")
    assert (b.run(background), b.run("theme.getAttribute('aria-pressed')")) == (dark, "true")
    b.prefer(prefers_color_scheme="dark")
    b = opened(named(3.0, "x") * 2)
    assert b.run(background) == dark
    b = opened(named(3.0, "x") * 2, theme="light")
    assert b.run(background) == light


def test_nothing_moves_for_those_who_asked_for_it(opened, assignment):
    b = opened(assignment.loss, "#step=60")
    animation = "getComputedStyle(document.querySelector('.edge.active')).animationName"
    assert b.run(animation) == "none"
    b.prefer(prefers_reduced_motion="no-preference")
    assert b.run(animation) == "back"


def test_a_screen_reader_finds_its_way(opened, assignment):
    b = opened(assignment.loss, "#step=114")
    tree = b.call("Accessibility.getFullAXTree")["nodes"]
    found = {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if "role" in node}
    for role, name in [
        ("heading", "loss, step by step"),
        ("slider", "Step"),
        ("button", "One step forward"),
        ("region", "Computation graph"),
        ("button", "neuron 2: fold"),
        ("button", "loss is 1.522, gradient +1.000"),
    ]:
        assert (role, name) in found
    assert not [role for role, name in found if role in ("button", "slider", "combobox") and not name]
    assert b.run("document.querySelector('#now').getAttribute('aria-live')") == "polite"
    # The keyboard walks through the cards as they are computed.
    order = b.run("[...document.querySelectorAll('[data-card]')].map((e) => values[e.dataset.card].forward)")
    assert order == sorted(order)


SIZES = [(1366, 768), (820, 1180), (390, 844), (683, 384), (342, 192)]  # a laptop, a tablet, a phone, 200 % and 400 %


@pytest.mark.skipif(AXE is None, reason="axe-core is not installed")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_is_accessible(opened, assignment, theme):
    b = opened(assignment.loss, "#step=60", theme=theme)
    for size in (SIZES[0], SIZES[-1]):
        b.resize(*size)
        assert b.violations() == []
        b.run(
            "go(999); choose(drawn.nodes.find((node) => !node.folded)); $('bench').open = $('transcript').open = true; transcript()"
        )
        assert b.violations() == []
        b.run("unchoose(false); go(60)")


@pytest.mark.parametrize("size", SIZES)
def test_story_and_drawing_fit_the_screen(opened, assignment, size):
    b = opened(assignment.loss)
    b.resize(*size)
    b = opened(assignment.loss, level=None)
    assert b.run("document.documentElement.scrollWidth <= innerWidth")  # nothing but the drawing scrolls sideways
    smallest = b.run(
        "Math.min(...[...document.querySelectorAll('#graph text')].map((t) => parseFloat(getComputedStyle(t).fontSize)))"
    )
    assert smallest * b.run("drawn.scale") >= 8.9  # pixels
    story = b.run("document.querySelector('#now').getBoundingClientRect().height")
    assert story >= 150
    if size[0] >= 820:
        wide, high = b.run(
            "[drawn.width * drawn.scale / stage.clientWidth, drawn.height * drawn.scale / stage.clientHeight]"
        )
        assert max(wide, high) <= 1


def test_what_a_card_depends_on_stands_out_and_cards_are_found_by_name(opened, assignment):
    b = opened(assignment.loss)
    b.run("document.querySelector('#search').focus()")
    b.run("document.querySelector('#search').value = 'h1'")
    b.press("Enter")
    assert b.text("#details h3") == "h₁"
    assert b.run(
        "drawn.scale * drawn.where[values.find((v) => v.name === 'h₁').id].X - stage.scrollLeft < stage.clientWidth"
    )
    on = b.run("[...document.querySelectorAll('.card[data-on]')].map((e) => values[e.dataset.card].name)")
    assert {"x₁", "z₁", "h₁", "loss"} <= set(on)
    assert not {"h₂", "h₃"} & set(on)
    assert b.run("document.querySelectorAll('.edge[data-on]').length") > 10


def test_details_tell_no_gradient_before_the_backward_pass(opened, assignment):
    b = opened(assignment.loss, "#step=30")
    b.click(card(b, "h₁"))
    assert "not known yet: the backward pass has not come here" in b.text("#details")
    assert "0.547" not in b.text("#details")


def test_the_text_of_all_steps(opened, assignment):
    b = opened(assignment.loss)
    b.click("#transcript summary")
    b.until("all.children.length > 0")
    assert b.run("all.children.length") == 115
    b.click("#all li:nth-child(12) button")
    assert step(b) == 11


def test_printed_it_is_the_whole_graph_and_all_steps(opened, assignment):
    b = opened(assignment.loss, "#step=3")
    b.prefer(prefers_color_scheme="dark")
    paper = b.paper()
    assert paper.startswith(b"%PDF")
    pages = len(re.findall(rb"/Type\s*/Page\b", paper))
    assert 3 <= pages <= 8
    assert step(b) == 3  # afterwards the reader is where they were


MISPLACED = """((edges) => {
    const nodes = drawn.nodes, bad = [];
    for (const p of nodes) {
        for (const q of nodes) if (p !== q && p.X < q.X + q.w && q.X < p.X + p.w && p.Y < q.Y + q.h && q.Y < p.Y + p.h) bad.push([spoken(p), spoken(q)]);
        for (const f of drawn.frames) if (prefixes(p.scope).includes(f.key) && (p.X < f.X || p.Y < f.Y || p.X + p.w > f.X + f.w || p.Y + p.h > f.Y + f.h)) bad.push([spoken(p), f.title]);
    }
    const inside = (x, y, n) => n.X + 1 < x && x < n.X + n.w - 1 && n.Y + 1 < y && y < n.Y + n.h - 1;
    for (const link of edges ? drawn.links : []) {
        if (link.from.X + link.from.w >= link.to.X && link.from.Y + link.from.h > link.to.Y) bad.push(["backward", spoken(link.from), spoken(link.to)]);
        const length = link.path.getTotalLength();
        for (let s = 0; s <= length; s += 5) {
            const { x, y } = link.path.getPointAtLength(s);
            for (const n of nodes) if (n !== link.to && n !== link.from && inside(x, y, n)) { bad.push(["edge", spoken(n)]); s = length; }
        }
    }
    return bad;
})"""


def test_no_card_covers_another_and_frames_hold_their_cards(opened, assignment):
    b = opened(assignment.loss)
    for depth in (0, 1, 2, 3):
        b.run(f"foldTo({depth})")
        assert b.run(f"{MISPLACED}(true)") == []
    nn_model = nn.MLP(2, [4, 4, 1], activation="tanh")
    one = nn.mse([nn_model([1.0, -1.0])], [1.0])
    two = nn.mse([nn_model([1.0, -1.0]), nn_model([0.5, 2.0])], [1.0, -1.0])  # parameters are used twice
    for loss in (one, two):
        b = opened(loss)
        for depth in (0, 1, 2):
            b.run(f"foldTo({depth})")
            assert b.run(f"{MISPLACED}(true)") == []


def test_random_graphs_in_random_frames_are_laid_out(opened):
    generator = random.Random(7)
    for _ in range(3):
        values = [named(generator.uniform(0.5, 1), f"x{i}", generator.choice(["input", "parameter"])) for i in range(5)]
        for _ in range(40):
            with scope(f"part {generator.randrange(3)}"), scope(f"inner {generator.randrange(2)}"):
                values.append(generator.choice(values) * generator.choice(values[-4:]) + generator.choice(values))
        b = opened(sum(values[1:], values[0]))
        for depth in (0, 1, 2):
            b.run(f"foldTo({depth})")
            assert b.run(f"{MISPLACED}(false)") == []  # edges may lead back, into a frame that is entered again


def test_odd_graphs(opened):
    x = named(2.0, "x")
    twice = x * x
    b = opened(twice, "#step=99")
    assert b.run("drawn.links.length") == 2
    b.run("transcript()")
    assert "∂y/∂x += ∂y/∂y·x" in b.text("#all")
    b = opened(named(1.0, "alone"), "#step=2")
    assert step(b) == 2
    with scope("inner"):
        early = x * 2
    with scope("other"):
        between = early + 1
    with scope("inner"):  # a frame that is entered again: an edge leads back into it
        late = between * early
    b = opened(late, "#step=99")
    b.run("foldTo(1)")
    assert b.run("document.querySelectorAll('.folded').length") >= 1
    b = opened(named(-1.0, "x").relu() * nan + maximum(x, 2.0) + log(x), "#step=99")
    assert "nan" in b.text("#graph")


def test_scopes_of_any_depth_are_framed_a_few_deep(opened):
    with contextlib.ExitStack() as stack:
        for i in range(500):
            stack.enter_context(scope(f"s{i}"))
        y = named(1.0, "x").sin() * 2
    b = opened(y, "#step=99")
    assert b.run("drawn.frames.length") == 8
    b.run("foldTo(1)")
    assert b.run("drawn.nodes.length") == 1


def test_hostile_labels_in_use(opened):
    b = opened(hostile_graph(HOSTILE), title=HOSTILE[0])
    for depth in (0, 1):
        b.run(f"foldTo({depth})")
        for _ in range(3):
            b.press("End")
            b.press("ArrowLeft")
    b.run("foldTo(0)")
    b.run("document.querySelectorAll('[data-card]').forEach((e) => e.dispatchEvent(new MouseEvent('click')))")
    b.run("transcript()")
    assert b.run("document.querySelectorAll('script').length") == 2
    assert b.run("document.querySelectorAll('b *, #graph b, #now script').length") == 0
    assert b.text("h1").startswith("</script><script>")


def test_a_large_graph_opens_folded(opened, tmp_path):
    random.seed(1)
    model = nn.MLP(2, [16, 16, 1], activation="tanh")
    loss = nn.mse([model([0.5, -1.0])], [1.0])
    assert 900 < len(topological_order(loss)) <= 2000
    b = opened(loss, level=None)
    assert b.run("document.querySelectorAll('.folded').length") == 4  # three layers and the loss
    b.run("foldTo(0)")
    b.press("End")
    assert b.run("document.querySelectorAll('[data-card]').length") > 300


# The computation itself, in the page


@needs_chromium
def test_the_page_computes_with_the_table_of_operations(browser, tmp_path):
    browser.open(viz.step_through(named(1.0, "x") * 2, tmp_path / "page.html"))
    for name, op in ops.TABLE.items():
        if op.__module__ == "scalargrad.special":
            with pytest.raises(TypeError, match="cannot be printed as JavaScript"):
                function(op)
            continue
        rows = [tuple(map(float, row)) for row in POINTS.get(name, [])][:40]
        rows += [(0.4, 0.7, 0.2)[: len(op.partials)], (-1.3, 2.6, 0.9)[: len(op.partials)]]
        with ieee():
            expected = [[op(*row), *(partial(op(*row), *row) for partial in op.partials)] for row in rows]
        points = json.dumps([[str(x) for x in row] for row in rows])
        got = browser.run(
            f"""{points}.map((row) => {{ const op = {function(op)}; const xs = row.map(read); const out = op.value(...xs);
            return [out, ...op.partials.map((partial) => partial(out, ...xs))].map(String); }})"""
        )
        for row, numbers, wanted in zip(rows, got, expected):
            for text, x in zip(numbers, wanted):
                found = float(text.replace("Infinity", "inf").replace("NaN", "nan"))
                assert found == pytest.approx(x, rel=1e-12, abs=1e-300, nan_ok=True), (name, row)


@needs_chromium
def test_the_page_writes_numbers_as_pictures_do(browser, tmp_path):
    browser.open(viz.step_through(named(1.0, "x") * 2, tmp_path / "page.html"))
    generator = random.Random(1)
    numbers = [generator.uniform(-2, 2) * 10.0 ** generator.randrange(-7, 9) for _ in range(2000)]
    numbers += [k / 16 for k in range(-200, 200)] + [1.85, 0.0005, 0.00049, 1e5, 99999.9999, 0.5, 1.5, 2.5]
    for digits in (0, 1, 3, 6):
        for signed in (False, True):
            got = browser.run(f"{json.dumps(numbers)}.map((x) => written(x, {digits}, {json.dumps(signed)}))")
            assert got == [number(x, digits, signed=signed) for x in numbers]


def test_checks_compute_it_again_with_a_number_nudged(opened, assignment):
    b = opened(assignment.loss)
    order = topological_order(assignment.loss)

    def check(value):
        return b.run(f"check(values[{order.index(value)}])")

    assert check(assignment.layers[0].neurons[0].w[0]) == (
        "with w₁₁ larger by 0.001, loss is 1.522791: it grows by 0.000667, and ∂loss/∂w₁₁ foretells 0.000667"
    )
    assert "it shrinks by 0.000782, and ∂loss/∂b₁ foretells −0.000782" in check(assignment.layers[1].neurons[0].b)
    x = named(1.0, "x")
    by_hand = Value(1.0, (x,), "copy")
    by_hand._backward = lambda: None
    assert opened(by_hand).run("check(values[0])") == ""
    assert opened((x * 709.78).exp()).run("check(values[0])") == ""  # it would overflow


def test_a_number_that_is_changed_changes_all_that_follows(opened, assignment):
    problem = assignment.problem
    b = opened(assignment.loss, "#step=114")
    weight = assignment.layers[0].neurons[1].w[2]
    index = topological_order(assignment.loss).index(weight)
    b.run(f"choose(drawn.where[{index}])")
    b.run("""(() => { const typed = document.querySelector("#details input[aria-label^='w₂₃']");
        typed.value = "-0.75"; typed.dispatchEvent(new Event("input")); })()""")
    fresh = worked.solve(problem)
    fresh.layers[0].neurons[1].w[2].data = -0.75
    fresh.loss.forward()
    for value in topological_order(fresh.loss):
        value.grad = 0.0
    fresh.loss.backward()
    order = topological_order(fresh.loss)
    assert b.run("values.map(({ x }) => x)") == pytest.approx([value.data for value in order], rel=1e-13)
    slopes = b.run("values.map(({ slope }) => slope)")
    assert slopes == pytest.approx([value.grad for value in order], rel=1e-12, abs=1e-15)
    assert number(fresh.loss.data) in b.text("#graph")
    story = Story(fresh.loss)
    for step_index, told_step in enumerate(story.steps):
        b.run(f"go({step_index})")
        said = b.text("#now")
        assert told_step.words in said
        assert all(share.formula + share.numbers in said for share in told_step.shares)
    b.run("document.querySelector('#reset').click()")
    assert b.run("values.at(-1).x") == assignment.loss.data


@pytest.mark.parametrize(
    ("name", "make"),
    [("descent", optim.SGD), ("momentum", lambda p, lr: optim.SGD(p, lr, momentum=0.9)), ("adam", optim.Adam)],
)
def test_steps_of_training_are_those_of_the_optimizers(opened, name, make):
    random.seed(2)
    model = nn.MLP(2, [3, 1], activation="tanh")
    loss = nn.mse([model([0.5, -1.0])], [1.0])
    b = opened(loss)
    b.run(f"optimizer.value = {json.dumps(name)}; rate.value = 0.05")
    optimizer = make(model.parameters(), 0.05)
    losses = []
    for _ in range(5):
        b.run("document.querySelector('#descend').click()")
        model.zero_grad()
        loss.backward()
        optimizer.step()
        loss.forward()
        losses.append(loss.data)
    assert b.run("history.slice(1)") == pytest.approx(losses, rel=1e-12)
    assert "after 5 steps" in b.text("#trained")


def test_the_plane_of_two_inputs_shows_what_the_model_makes_of_them(opened):
    random.seed(2)
    model = nn.MLP(2, [3, 1], activation="tanh")
    b = opened(nn.mse([model([0.5, -1.0])], [1.0]))
    assert b.run("values[plane.id].scope[0]") == "output layer"
    wanted = [model([2.0 * (column - 2), 2.0 * (2 - row)]).data for row in range(5) for column in range(5)]
    assert b.run("overPlane(5, 4)") == pytest.approx(wanted, rel=1e-12)
    b.run("$('bench').open = true; drawPlane(); for (let i = 0; i < 3; i++) $('descend').click()")
    assert "over x₁ (to the right) and x₂ (upwards)" in b.text("#plane figcaption")
    assert b.run("[...sizes].map(([name, points]) => [name, points.length])") == [["output layer", 4], ["layer 1", 4]]
    assert b.run("document.querySelectorAll('#sizes path.line').length") == 2


def test_a_graph_made_by_hand_is_shown_but_not_computed_anew(opened):
    x = named(3.0, "x")
    by_hand = Value(9.0, (x,), "square")
    by_hand._backward = lambda: setattr(x, "grad", x.grad + 6.0 * by_hand.grad)
    b = opened(by_hand, "#step=4")
    assert (b.run("isLive"), b.run("$('bench').hidden")) == (False, True)
    assert "∂ +6.000" in b.text("#graph")


# What runs on a page: its own script, and nothing that a label could smuggle in


SMUGGLED = """<script>document.title = "smuggled"</script>
<img src="x:" onerror="document.title = 'smuggled'"><a id="bait" href="javascript:document.title = 'smuggled'">here</a>
<svg onload="document.title = 'smuggled'"></svg>"""


def solution(assignment):
    return write(written(assignment), "html")


def derivation(assignment):
    return write(explain(Value(3.0, label="x") * 2), "html")


def animated(assignment):
    return page(assignment.loss)


@pytest.mark.parametrize("make", [solution, derivation, animated])
def test_pages_have_a_policy_that_names_their_scripts(make, assignment):
    text = make(assignment)
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)
    rules = {name: sources for name, *sources in (rule.split() for rule in policy.split("; "))}
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digests = [f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts]
    assert rules["script-src"] == (digests or ["'none'"])
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == ["'none'"]
    assert not re.search(r"<[^>]*\son\w+=", text)
    assert "javascript:" not in text


@needs_chromium
@pytest.mark.parametrize("make", [solution, derivation, animated])
def test_what_is_smuggled_in_does_not_run(make, assignment, browser, tmp_path):
    path = tmp_path / "page.html"
    for smuggled in ("", SMUGGLED):
        browser.complaints.clear()
        path.write_text(make(assignment).replace("<body>", f"<body>{smuggled}"), encoding="utf-8")
        browser.open(path)
        title = browser.run("document.title")
        assert title != "smuggled"
        if not smuggled:
            assert browser.complaints == []
    browser.run("document.querySelector('#bait').click()")
    assert browser.run("document.title") == title
    assert sum("Content Security Policy" in complaint for complaint in browser.complaints) >= 3


def test_lone_surrogates_are_replaced_everywhere(tmp_path):
    text = "a\ud800b"
    with scope(text):
        x = named(2.0, text)
        y = Value(3.0, (x * x,), text)
    y.label = text
    shown = page(y, title=text)
    assert shown.encode()
    assert "a\ufffdb" in shown
    for path in (viz.step_through(y, tmp_path / "page.html"), viz.explain_gradient(x, y, tmp_path / "why.html")):
        assert "a\ufffdb" in path.read_text(encoding="utf-8")
    for format in FORMATS:
        assert write(explain(x * x, title=text), format).encode()


# Why a gradient is what it is


def test_the_page_of_a_gradient_shows_the_operation_to_blame(opened, browser, tmp_path):
    random.seed(3)
    layer = nn.Layer.from_arrays([[1, -2], [0.5, 1]], [0.1, 0.2], activation="relu", name="layer 1")
    x = nn.as_values([1.0, 2.0], "x", "input")
    with source_lines():
        loss = nn.mse([sum(layer(x))], [1.0])
    dead = layer.neurons[0].w[0]
    browser.open(viz.explain_gradient(dead, loss, tmp_path / "why.html"))
    assert browser.text("#why .formula") == "∂loss/∂w₁₁ = 0: zero"
    assert "relu(z1 = -2.9) kills it" in browser.text("#why li")
    assert "test_page.py:" in browser.text("#why li")
    culprit = browser.run("[...document.querySelectorAll('.culprit')].map((e) => e.getAttribute('aria-label'))")
    assert culprit == ["h₁ is 0, gradient +3.400"]
    browser.click("#why li button")
    assert "local derivatives" in browser.text("#details")
    pale = browser.run("[...document.querySelectorAll('.card.aside')].map((e) => values[e.dataset.card]?.name)")
    assert "h₂" in pale
    assert "h₁" not in pale


def test_the_page_of_an_unconnected_gradient(browser, tmp_path):
    browser.complaints.clear()
    x, w = named(1.0, "x"), named(2.0, "w")
    browser.open(viz.explain_gradient(w, x * 2, tmp_path / "why.html"))
    assert "was not computed from it" in browser.text("#why")
    assert browser.complaints == []
