"""The wording of problems: how symbols, numbers and words are written, and what they mean."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from scalargrad.nn.losses import LOSSES

_CHARACTERS = str.maketrans(
    {**dict.fromkeys("−–‒", "-"), **dict.fromkeys("·⋅∙×", "*"), "\u2044": "/", "²": "^2", "³": "^3"}
)
_SPELLINGS: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
    (r"<!--(?s:.*?)(?:-->|\Z)", lambda m: "\n" * m[0].count("\n")),
    (r"[^\S\n]+", " "),
    (
        r"\\(?:operatorname\*?|mathrm|text|textrm|mathbf|boldsymbol|bm|vec|mathit|textbf|textit|emph) ?\{([^{}]*)\}",
        lambda m: m[1].strip(" "),
    ),
    (r"\\(?:hat|widehat) ?(?:\{ ?y ?\}|y\b)", "ŷ"),
    (r"\\(?:left|right|displaystyle|limits|[,;:!]|quad|qquad)(?![A-Za-z])", " "),
    (r"\\(?:alpha)\b", "α"),
    (r"\\(?:eta)\b", "η"),
    (r"\\(?:sigma)\b", "σ"),
    (r"\\(?:phi|varphi)\b", "φ"),
    (r"\\(?:top|intercal)\b", "T"),
    (r"\\cr\b", r"\\\\"),
    (r"& ?(:?=)", r" \1"),
    (r"\\([*_])", r"\1"),  # escaped, in Markdown
    (r":=|\\coloneqq", "="),
    (r"`|(?<![\w)])\*\*|\*\*(?![\w(\-])", " "),  # marks of Markdown; z**2 is a power
]
INDEX = r"(?: ?_? ?\{? ?(\d{1,3}) ?\}?(?![\d.])| ?\^ ?\{? ?[(\[]? ?(\d{1,3}) ?[)\]]? ?\}?| ?[(\[](\d{1,3})[)\]])?"

# The places that say something: `W_1 = `, `f(x) = `, `H = f(Z1)`, `learning rate of`. None of these may run long.
STATED = re.compile(rf"(?<![\w\\'{{])([^\W\d_]+){INDEX}\s*([=:])\s*")
DEFINED = re.compile(r"(?<![\w\\'])([^\W\d_]+) ?\( ?([^\W\d_]) ?\)\s*=\s*")
APPLIED = re.compile(
    rf"(?:(?<![\w\\'])[HhAaŷ]{INDEX} ?=|activation (\d+) ?(?::|=|is)) ?\\?([^\W\d_]+)(?= ?(?:\( ?[Zz]|$))",
    re.MULTILINE,
)
END = re.compile(  # of a formula
    r"[$\n;]|(?<!\\),|\\\\|\\[\])]|\\end|\.(?:\s|\$|\Z)|\s(?:where|with|and|for|is|applied|as|in|on|element-?wise)\b"
)
SAID = re.compile(r"\b(hidden|output)\b((?:(?!hidden|output)[^.\n]){0,80})", re.IGNORECASE)
RATE = re.compile(
    r"learning[ -]rate(?: (?:of|is|[αη]|lr)\b)*\s{0,2}[:=(]?\s{0,2}(?:[αη] ?= ?)?(?=[-+.\d\\])", re.IGNORECASE
)
NUMERIC = re.compile(r"[-+]?\s*(?:\d|\.\d|\\d?t?frac)")
NUMBER = re.compile(
    r"[-+]? ?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)?"
    r"(?: ?(?:\\[dt]?frac ?\{[^{}]*\} ?\{[^{}]*\}|(?:\\cdot|\*|\\times) ?10 ?\^ ?\{? ?-?\d+ ?\}?|\^ ?\{? ?-?\d+ ?\}?|/ ?\d+\.?\d*))?"
)
MATRIX = re.compile(
    r"\\begin\s*\{\s*(\w*matrix|array)\*?\s*\}(?:\s*\{[lcr| ]*\})?(.*?)\\end\s*\{\s*\1\*?\s*\}", re.DOTALL
)

# Words and what they mean.
NAMES = {
    **dict.fromkeys(("W", "w"), "weights"),
    **dict.fromkeys(("b", "B"), "bias"),
    **dict.fromkeys(("x", "X", "input"), "input"),
    **dict.fromkeys(("y", "Y", "t", "target"), "target"),
    **dict.fromkeys(("α", "η", "lr", "rate"), "learning_rate"),
}
INDICES = "ijk"
COMPUTED = re.compile(r"[ZzHhAaŷδL]|loss|delta|d[Wb]|yhat")  # what a solution says is none of the problem
OTHER_NAMES = {"σ": "sigmoid", "logistic": "sigmoid", "identity": "linear"}
ACTIVATION_WORDS = {
    "relu": r"\bReLU\b|\brectified linear",
    "tanh": r"\btanh\b|hyperbolic tangent",
    "sigmoid": r"\bsigmoid\b|\blogistic (?:function|activation)",
    "softplus": r"\bsoftplus\b",
    "softmax": r"\bsoftmax\b",
}
LOSS_WORDS = {name: LOSSES[name].words for name in sorted(LOSSES)}


LONGEST_TEXT = 200_000  # characters of a text
_MARKS = 30  # on one letter, Unicode's own limit: the time to put them in order is quadratic in their number


def plain(text: str) -> str:
    r"""Return a text with what only looks different made one: dashes, subscripts, fonts, spaces.

    >>> plain(r"$W₁ = \mathbf{W}\hat{y}$")
    '$W1 = Wŷ$'

    Line breaks stay, so that lines can be counted. Raises ValueError for more than 200,000 characters, before or after.
    """
    if len(text) <= LONGEST_TEXT:  # one letter may stand for many
        if "m" * (_MARKS + 1) in "".join("m" if unicodedata.combining(c) else " " for c in text):
            raise ValueError(f"more than {_MARKS} combining marks on one letter")
        text = unicodedata.normalize("NFKC", text.translate(_CHARACTERS)).translate(_CHARACTERS)
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"longer than {LONGEST_TEXT} characters")
    for pattern, replacement in _SPELLINGS:
        text = re.sub(pattern, replacement, text)
    return text
