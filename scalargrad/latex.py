"""Names and numbers, as a formula prints them: as text that `scalargrad eval` reads, and in LaTeX."""

from __future__ import annotations

import math
import re
import unicodedata

from scalargrad.op import ATOM, PRODUCT, SUM, Text

# Numbers that have names, in text and in LaTeX.
NAMED_NUMBERS = {
    math.pi: ("pi", r"\pi"),
    2 / math.sqrt(math.pi): ("2/sqrt(pi)", r"\frac{2}{\sqrt{\pi}}"),
}
_GREEK = re.compile(
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|kappa|lambda|mu|nu|xi|rho|sigma|tau|phi|chi|psi|omega"
)
_LATIN_CAPITALS = {
    "Alpha",
    "Beta",
    "Epsilon",
    "Zeta",
    "Eta",
    "Kappa",
    "Mu",
    "Nu",
    "Rho",
    "Tau",
    "Chi",
}  # TeX has no names for these


def printed_number(x: float, style: str = "text") -> Text:
    r"""Print a number in full, as an operand: a negative one gets parentheses where it needs them.

    >>> printed_number(0.5), printed_number(1e-9, "latex")
    ('0.5', '10^{-9}')
    """
    if abs(x) in NAMED_NUMBERS:
        text = NAMED_NUMBERS[abs(x)][style == "latex"]
        text, precedence = ("-" + text, SUM) if x < 0 else (text, PRODUCT if "/" in text else ATOM)
        return Text(text, precedence)
    text = repr(x).removesuffix(".0")
    mantissa, e, exponent = text.partition("e")
    if style == "latex" and e:
        power = f"10^{{{int(exponent)}}}"
        text = power if mantissa == "1" else "-" + power if mantissa == "-1" else rf"{mantissa} \cdot {power}"
    return Text(text, SUM if x < 0 else PRODUCT if e and style == "latex" else ATOM)


def fixed(x: float, digits: int) -> str:
    """Write a number with so many decimals; in scientific notation where it is huge, or would look like 0.

    >>> fixed(2.5, 3), fixed(1e-9, 3), fixed(-0.0, 3)
    ('2.500', '1.000e-09', '0.000')
    """
    shown = f"{x + 0.0:.{digits}f}"  # + 0.0 makes -0.0 a 0.0
    hidden = x != 0 and float(shown) == 0
    return f"{x:.{digits}e}" if hidden or abs(x) >= 1e15 else shown


def printed_name(name: str, style: str = "text") -> str:
    """Print a name, as `name_in_latex` does or as it is.

    >>> printed_name("w1"), printed_name("w1", "latex")
    ('w1', 'w_{1}')
    """
    return name_in_latex(name) if style == "latex" else name


def name_in_latex(name: str) -> str:
    r"""Write any name in LaTeX: digits at its end as an index, Greek letters by their names.

    >>> name_in_latex("w12"), name_in_latex("beta"), name_in_latex("my loss")
    ('w_{12}', '\\beta', '\\mathrm{my\\ loss}')
    """
    base = name.rstrip("0123456789").rstrip("_") or name
    digits = name[len(base) :].lstrip("_")
    if _GREEK.fullmatch(base):
        base = f"\\{base}"
    else:
        letters = "".join(map(_letter, base))
        base = letters.strip() if len(base) == 1 and base.isalpha() else rf"\mathrm{{{letters}}}"
    return f"{base}_{{{digits}}}" if digits else base


def _letter(character: str) -> str:
    if character.isascii():
        return character if character.isalnum() else "\\" + character if character in "_ #%&" else "?"
    kind, _, letter = unicodedata.name(character, "").partition(" LETTER ")
    letter = letter.replace("LAMDA", "LAMBDA")  # Unicode spells it without b
    if kind in ("GREEK SMALL", "GREEK CAPITAL") and _GREEK.fullmatch(letter.lower()):
        letter = letter.lower() if kind == "GREEK SMALL" else letter.capitalize()
        return letter[0] if letter in _LATIN_CAPITALS else f"\\{letter} "
    return character if character.isalnum() else "?"
