"""A computation as a page: one HTML file that steps through it forward and backward, in words and numbers.

The file needs no network and no server. Python writes the story and the colours; scripts lay the graph out, so that
frames fold, and draw it.
"""

# ruff: noqa: RUF001 - symbols are written as mathematics writes them

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html import escape
from importlib.resources import files
from math import isfinite
from pathlib import Path
from string import Template
from typing import Any

from scalargrad import Value, topological_order
from scalargrad.diagnosis import Explanation, explain
from scalargrad.files import encodable, write
from scalargrad.node import rule_of
from scalargrad.op import Op
from viz import text
from viz.deck import role
from viz.script import program
from viz.stage import Stage
from viz.story import RELU, TURN, Share, Step, Story, applied
from viz.theme import LIGHT, THEMES, Theme
from viz.typeset import Slot, Typeset, label

MOST_SCALARS = 2000  # nobody follows a longer story to its end

SCRIPTS = [
    "base.js",
    "numbers.js",
    "story.js",
    "live.js",
    "charts.js",
    "folding.js",
    "drawing.js",
    "telling.js",
    "page.js",
]

# What fills the places that the template of all pages leaves open, on the page of one computation.
TOOLS = """\
    <input type="search" id="search" placeholder="Find" aria-label="Find a card by its name">
    <label>Show <select id="level"></select></label>
    <span role="group" aria-label="Size of the graph">
      <button type="button" id="smaller" aria-label="Smaller">−</button>
      <button type="button" id="fit">Fit</button>
      <button type="button" id="larger" aria-label="Larger">+</button>
    </span>
"""
BEFORE = """\
    <div id="why" hidden aria-label="Why this gradient" role="region"></div>
"""
AFTER = """\
    <details id="bench" hidden><summary>Change a number, or train</summary>
      <p class="kept">A click on a card that is given lets you change its number, and all follow.</p>
      <p class="fields">
        <label>learning rate <input type="number" id="rate" value="0.1" min="0" step="any"></label>
        <label>by <select id="optimizer"><option value="descent">gradient descent</option>
          <option value="momentum">momentum</option><option value="adam">Adam</option></select></label>
      </p>
      <p class="fields">
        <button type="button" id="descend">One step</button>
        <button type="button" id="train" aria-pressed="false">Train</button>
        <button type="button" id="reset">Start over</button>
      </p>
      <output id="trained" aria-live="polite"></output>
      <div class="charts">
        <figure><figcaption>loss</figcaption><svg id="curve" role="img" aria-label="The loss, step by step"></svg></figure>
        <figure><figcaption>size of gradients, root mean square</figcaption>
          <svg id="sizes" role="img" aria-label="The size of gradients, step by step"></svg></figure>
        <figure id="plane" hidden><figcaption></figcaption><canvas width="48" height="48" role="img"></canvas></figure>
      </div>
    </details>
    <div id="details" hidden aria-label="Details of a card" role="region"></div>
    <details id="transcript"><summary>All steps as text</summary><ol id="all" start="0"></ol></details>
"""
STAGE = """\
  <section id="stage" aria-label="Computation graph" tabindex="-1">
    <p class="legend">{legend}</p>
    <svg id="graph" xmlns="http://www.w3.org/2000/svg" role="group" aria-label="Graph: each card is a number"></svg>
    <svg width="0" height="0" aria-hidden="true" style="position:absolute"><defs>{tips}</defs></svg>
  </section>
"""


def step_through(
    root: Value,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    digits: int = 3,
    theme: str = "auto",
) -> Path:
    """Write a page that steps through a computation and its backward pass, and return the page's path.

    >>> import tempfile
    >>> x = Value(3.0, label="x")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     step_through(x * x, folder + "/square.html").name
    'square.html'

    root    the value that is differentiated; `backward()` need not have been called
    title   what stands above the graph; the root's label where it is None
    digits  decimals of a number
    theme   "light", "dark", or "auto" for the reader's own choice

    Raises ValueError for more than 2,000 scalars.
    """
    return write(path, page(root, title=title, digits=digits, theme=theme))


def explain_gradient(
    value: Value,
    root: Value,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    digits: int = 3,
    theme: str = "auto",
) -> Path:
    """Write a page that shows why a gradient is zero, tiny, huge or nan, and return the page's path.

    >>> import tempfile
    >>> w = Value(-2.0, label="w")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     explain_gradient(w, (w * 3).relu(), folder + "/why.html").name
    'why.html'

    The page is that of `step_through`, opened at its end: the ways from the root back to the value stand out, and the
    operations that killed, blew up or poisoned the gradient are marked and named, as by `scalargrad.why`.
    Raises as `step_through` does.
    """
    return write(path, page(root, title=title, digits=digits, theme=theme, why=explain(value, root)))


def page(
    root: Value, *, title: str | None = None, digits: int = 3, theme: str = "auto", why: Explanation | None = None
) -> str:
    """Return the page as text; with an explanation of one gradient, where that is what the page is for.

    >>> page(Value(3.0, label="x")).partition(">")[0]
    '<!DOCTYPE html'
    """
    if not isinstance(root, Value):
        raise TypeError(f"root must be a Value, got {root!r}")
    text.check_digits(digits)
    if (count := len(topological_order(root))) > MOST_SCALARS:
        raise ValueError(
            f"a page steps through up to {MOST_SCALARS:,} scalars, got {count:,}: step through a part of it, such as one sample"
        )
    story = Story(root, digits)
    shown = label(title, 120) if title is not None else f"{story.names[root]}, step by step"
    operations, place = program(story.order)
    told = _told(story, place) | (_explained(why, story) if why else {})
    parts = {
        "tools": TOOLS,
        "before": BEFORE,
        "after": AFTER,
        "stage": STAGE.format(legend=_legend(story), tips=_tips()),
    }
    return filled(shown, theme, told, SCRIPTS, parts, asset("charts.css"), program=operations)


def filled(
    title: str, theme: str, data: Any, scripts: list[str], parts: dict[str, str], css: str = "", program: str = ""
) -> str:
    """Fill the template that all pages share.

    >>> filled("a < b", "dark", [], [], dict.fromkeys(["tools", "before", "after", "stage"], "")).splitlines()[6]
    '<title>a &lt; b</title>'
    """
    if theme not in ("auto", *THEMES):
        raise ValueError(f"theme must be one of {', '.join(map(repr, ('auto', *THEMES)))}, got {theme!r}")
    script = program + "".join(map(asset, scripts))
    content = Template(asset("page.html")).substitute(
        parts,
        title=escape(title),
        theme="" if theme == "auto" else f' data-theme="{theme}"',
        css=colours() + asset("page.css") + css,
        data=embedded(data),
        script=script,
        digest=b64encode(sha256(script.encode()).digest()).decode(),  # of the only script that the page lets run
    )
    return encodable(content)


def asset(name: str) -> str:
    """Return the text of a file that pages are made of.

    >>> asset("page.html").splitlines()[0]
    '<!DOCTYPE html>'
    """
    return files("viz").joinpath(name).read_text("utf-8")


def embedded(data: Any) -> str:
    r"""Write data as JSON that may stand in a script element, whatever it contains.

    >>> embedded("</script>")
    '"\\u003c/script>"'
    """
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def colours() -> str:
    """Write the themes as style sheet variables: light, dark where the reader prefers it, and what the page asks for.

    >>> ":root { --background: #FFFFFF;" in colours()
    True
    """
    variables = {name: _variables(theme) for name, theme in THEMES.items()}
    light, dark = variables.pop("light"), variables["dark"]
    return (
        f":root {{ {light} }}\n"
        f'@media screen and (prefers-color-scheme: dark) {{ :root:not([data-theme="light"]) {{ {dark} }} }}\n'
    ) + "".join(f'@media screen {{ :root[data-theme="{name}"] {{ {text} }} }}\n' for name, text in variables.items())


def _variables(theme: Theme) -> str:
    named = {
        "background": theme.background,
        "ink": theme.ink,
        "muted": theme.muted,
        "chip": theme.chip,
        "chip-ink": theme.chip_ink,
        "frame-odd": theme.frames[0],
        "frame-even": theme.frames[1],
        "frame-border": theme.frame_border,
        "line": theme.frame_border,
        "raised": theme.roles["computed"].fill,
        "hover": theme.roles["input"].fill,
        "accent": theme.roles["output"].border,
        "edge": theme.edges[""],
        "positive": theme.edges["positive"],
        "negative": theme.edges["negative"],
        "positive-text": theme.signs["positive"],
        "negative-text": theme.signs["negative"],
    }
    for of, style in theme.roles.items():
        named |= {f"{of}-fill": style.fill, f"{of}-border": style.border}
    return " ".join(f"--{name}: {colour};" for name, colour in named.items())


def _legend(story: Story) -> str:
    roles = {*map(role, story.order), "output"}
    parts = [
        f'<span class="role" style="background:var(--{name}-fill);border-color:var(--{name}-border)">{name}</span>'
        for name in LIGHT.roles
        if name in roles
    ]
    parts.append("<span>gradient that flows back:</span>")
    for kind, look in (("positive", "3.5"), ("negative", "3.5"), ("zero", ".9")):
        line = f'<path class="edge {kind}" style="stroke-width:{look}" d="M0 4H26"/>'
        parts.append(f'<span><svg viewBox="0 0 26 8" aria-hidden="true">{line}</svg> {kind}</span>')
    parts.append("<span>×k: local derivative</span>")
    return "".join(parts)


def _tips() -> str:
    return "".join(map(_tip, ("waiting", "quiet", "computing", *LIGHT.signs)))


def _tip(kind: str) -> str:
    shape = f'<path class="tip {kind}" d="M0 0L8 3.5L0 7z"/>'
    size = 'markerUnits="userSpaceOnUse" markerWidth="8" markerHeight="7" refX="7.5" refY="3.5" orient="auto"'
    return f'<marker id="tip-{kind}" {size}>{shape}</marker>'


def _told(story: Story, place: dict[Op, int]) -> dict[str, Any]:
    number = {value: index for index, value in enumerate(story.order)}
    # All that is told in numbers has slots for them, which the page fills: a reader may change a number.
    slots = {value: Slot(index) for value, index in number.items()}

    def operand(value: Value) -> Typeset:
        return story.names[value] if value.kind == "constant" and not value.label else slots[value]

    def line(step: Step) -> tuple[str, str]:
        value = step.value
        if step.kind != "forward":
            return step.line[0], f"= {slots[value]}" if step.kind == "done" else step.line[1]
        return step.line[0], f"= {applied(value, list(map(operand, value.parents)))} = {slots[value]}"

    def share_told(value: Value, share: Share) -> dict[str, Any]:
        formula = next(formula for index, formula, _ in story.locals(value) if index == share.slot)
        return {
            "parent": number[share.parent],
            "slot": share.slot,
            "formula": share.formula,
            "unit": formula if formula in ("1", "−1") else "",
            "used": story.use_count[share.parent],
        }

    def words(step: Step) -> str | list[str]:
        if step.kind == "turn":
            return TURN.format(root=story.names[story.root], value=slots[story.root])
        either = [words for words in RELU.values() if step.words.startswith(words)]
        if either:  # what a relu does depends on the number: first where it cuts off, then where it lets through
            return [step.words.replace(either[0], RELU[through], 1) for through in (False, True)]
        return step.words

    return {
        "root": number[story.root],
        "digits": story.digits,
        "levels": list(Stage(story, operand).levels()),
        "values": list(_values(story, number, place)),
        "steps": [
            {
                "kind": step.kind,
                "value": number[step.value],
                "line": line(step),
                "words": words(step),
                "shares": [share_told(step.value, share) for share in step.shares],
            }
            for step in story.steps
        ],
    }


def _explained(why: Explanation, story: Story) -> dict[str, Any]:
    number = {value: index for index, value in enumerate(story.order)}
    findings = [
        {"value": number[finding.child], "words": finding.words, "made": _place(finding.made_at)}
        for finding in why.findings
    ]
    return {
        "why": {
            "headline": f"{story.derivative(why.value)} = {why.headline.partition(' = ')[2]}",
            "value": number.get(why.value),
            "findings": findings,
            "way": [number[value] for value in why.on_way],
        }
    }


def _values(story: Story, number: dict[Value, int], place: dict[Op, int]) -> Iterator[dict[str, Any]]:
    for value in story.order:
        named = label(value.label) if value.label else ""
        op = rule_of(value) if value.parents else None
        yield {
            "name": story.names[value],
            "label": named or (story.names[value] if value is story.root or value in story.numbered else ""),
            "x": _number(value.data),
            "slopes": list(map(_number, value.local_gradients)),
            "operation": place.get(op) if op is not None else None,
            "role": role(value),
            "constant": value.kind == "constant",
            "scope": [label(s) for s in value.scope],
            "formula": story.formulas.get(value, ""),
            "gradient": story.derivative(value),
            "parents": [number[parent] for parent in value.parents],
            "locals": [
                [story.names[value.parents[index]], formula if _says_more(formula) else "", index]
                for index, formula, _ in story.locals(value)
            ],
            "made": _place(getattr(value, "made_at", "")),
        }


def _number(x: float) -> float | str:
    return x if isfinite(x) else str(x)  # JSON has no inf and no nan


def _says_more(formula: str | None) -> bool:
    # A formula without a name is a number, which is told anyhow.
    return formula is not None and any(c.isalpha() for c in formula)


def _place(line: str) -> str:
    # A page is for other machines, too: where it can be, a file is named as seen from where the program runs.
    try:
        return Path(line).relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        return line
