"""What stands on a card: numbers, names and symbols as one would typeset them, safe in an HTML-like label."""

# ruff: noqa: RUF001, RUF002 - symbols are written as mathematics writes them

from __future__ import annotations

import re
from html import escape
from math import isinf, isnan

from scalargrad import Op, Value

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_INDEXED = re.compile(r"([^\W\d_]+)([0-9]+(?:,[0-9]+)*)")
_SYMBOLS = {"*": "×", "-": "−", "/": "÷", "^": "xʸ"}


def operation(value: Value) -> str:
    """Return the symbol of the operation that computed a value, or its name where it was made by hand.

    >>> operation(Value(3.0) ** 2), operation(Value(3.0))
    ('^', '')
    """
    return value.operation.symbol if isinstance(value.operation, Op) else value.operation


def check_digits(digits: int) -> None:
    """Raise ValueError where a number cannot have so many decimals.

    >>> check_digits(3)
    """
    if not isinstance(digits, int) or digits < 0:
        raise ValueError(f"digits must be a whole number, 0 or more, got {digits!r}")


def number(value: float, digits: int = 3, *, signed: bool = False) -> str:
    """Write a number with so many decimals, or in scientific notation where decimals would not show the number well.

    >>> number(-0.6164), number(0.0), number(0.0000123), number(0.758, signed=True)
    ('−0.616', '0', '1.23e−5', '+0.758')
    """
    if value == 0:
        return "0"
    if isnan(value):
        return "nan"
    if isinf(value):
        text = "∞" if value > 0 else "-∞"
    elif 0.5 * 10**-digits <= abs(value) < 1e5:
        text = f"{value:.{digits}f}"
    else:
        mantissa, exponent = f"{value:.{max(digits - 1, 0)}e}".split("e")
        text = f"{mantissa}e{int(exponent)}"
    return ("+" if signed and value > 0 else "") + text.replace("-", "−")


def name(label: str) -> str:
    """Set the digits at the end of a name as an index.

    >>> name("w11"), name("w1,12"), name("x1w1")
    ('w₁₁', 'w₁,₁₂', 'x1w1')
    """
    text = str(label)  # a label may be anything
    match = _INDEXED.fullmatch(text)
    return match[1] + match[2].translate(_SUBSCRIPTS) if match else text


def symbol(op: str) -> str:
    """Typeset the symbol of an operation.

    >>> symbol("*"), symbol("tanh")
    ('×', 'tanh')
    """
    return _SYMBOLS.get(op, op)


def called(value: Value, *, running_sum: bool = False) -> str:
    """Return what a value is called on the way along a path: its label, or else its operation, or else its number.

    >>> called(Value(3.0, label="x1")), called(Value(3.0) * 2), called(Value(3.0))
    ('x₁', '×', '3.000')
    """
    if value.label:
        return name(value.label)
    return "Σ" if running_sum else symbol(operation(value)) or number(value.data)


def html(text: str, longest: int = 40) -> str:
    """Make any text safe in an HTML-like label: one line, not too long, escaped.

    >>> html("a < b" + chr(10) + "& c")
    'a &lt; b &amp; c'
    """
    line = " ".join(str(text).split()) or " "  # Graphviz refuses an empty element
    if len(line) > longest:
        line = line[: longest - 1] + "…"
    # Control characters and lone surrogates are legal in a str, but neither in XML nor in UTF-8. A backslash is
    # doubled: a single one would begin an escape of Graphviz's own, as in \\N, the node's name. A bracket alone in its
    # element is a syntax error to Graphviz 2.43.
    plain = "".join(c if c.isprintable() else "\ufffd" for c in line)
    return escape(plain, quote=False).replace('"', "&quot;").replace("\\", "\\\\").replace("]", "&#93;")
