"""A student's numbers, read from TOML with the digits that were written: 1.64 and 1.640 are two answers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from scalargrad.worked.problem import ProblemError, read_toml

Index = tuple[int, ...]

_BLANKS = ("", "?", "_", "…", "...")
_MINUS = str.maketrans({"−": "-", "–": "-", "\u00a0": None, "_": None})


@dataclass(frozen=True)
class Written:
    """A number as it was written.

    >>> Written("1.640").unit, Written("-2e3").value
    (0.001, -2000.0)

    Raises ValueError for what is no finite decimal number.
    """

    text: str

    def __post_init__(self) -> None:
        try:
            number = Decimal(self.text.translate(_MINUS))
        except InvalidOperation:
            raise ValueError(f"{self.text!r} is no decimal number") from None
        if not number.is_finite() or number.adjusted() > 300 or not -300 <= number.as_tuple().exponent <= 300:  # type: ignore[operator]
            raise ValueError(f"{self.text!r} is no finite number of usual size")

    @cached_property
    def number(self) -> Decimal:
        """The number itself."""
        return Decimal(self.text.translate(_MINUS))

    @cached_property
    def value(self) -> float:
        """The number as a float."""
        return float(self.number)

    @cached_property
    def decimals(self) -> int:
        """How many digits stand after the point; less than 0 for 2e3."""
        return -int(self.number.as_tuple().exponent)

    @cached_property
    def unit(self) -> float:
        """What one in the last written digit is worth."""
        return float(f"1e{-self.decimals}")

    def rounds(self, x: float, slack: float = 0.0) -> bool:
        """Say whether x, rounded to the digits given, is this number; a tie may go either way.

        >>> Written("0.22").rounds(0.2181), Written("0.2181").rounds(0.21825)
        (True, False)
        """
        return abs(self.value - x) <= self.unit * 0.500001 + slack

    def truncates(self, x: float, slack: float = 0.0) -> bool:
        """Say whether x, cut off after the digits given, is this number.

        >>> Written("2.325").truncates(2.325723), Written("-0.39").truncates(-0.40)
        (True, False)
        """
        if self.value * x < 0:
            return False
        return -slack <= abs(x) - abs(self.value) < self.unit + slack

    def fits(self, x: float, slack: float = 0.0) -> bool:
        """Say whether x, rounded or cut off, is this number."""
        return self.rounds(x, slack) or self.truncates(x, slack)

    def near(self, x: float, within: float, slack: float = 0.0) -> bool:
        """Say whether x is this number but for so many units of its last digit.

        >>> Written("0.2181").near(0.218248, within=1)
        True
        """
        return abs(self.value - x) <= (within + 0.500001) * self.unit + slack if within else self.fits(x, slack)


@dataclass(frozen=True)
class Answer:
    """A quantity as a student gave it: its name, and an entry for each index; `again` counts from 0."""

    name: str
    entries: dict[Index, Written]
    again: int
    transposed: bool = False


# How the names of quantities are written, without what _plain drops; (\d*) is the layer.
_NAMES = {
    "Z{}": r"z(\d*)",
    "H{}": r"[ha](\d*)",
    "ŷ": r"ŷ|yhat|output|probabilities",
    "loss": r"loss|l|e|cost",
    "f'(Z{})": r"(?:slope|fprime|.+'z)(\d*)",
    "δ{}": r"(?:δ|delta)(\d*)",
    "dW{}": r"(?:d|∂|grad|gradient|dlossd|dld|∂loss∂|∂l∂)w(\d*)",
    "db{}": r"(?:d|∂|grad|gradient|dlossd|dld|∂loss∂|∂l∂)b(\d*)",
    "W{}_new": r"(?:new|updated)w(\d*)|w(\d*)(?:new|updated|')",
    "b{}_new": r"(?:new|updated)b(\d*)|b(\d*)(?:new|updated|')",
}


_LONGEST_NAME = 80  # characters of a name that is looked at


def _plain(name: str) -> str:
    """Return a name without what only looks different: case, subscripts, underscores, parentheses, slashes."""
    name = unicodedata.normalize("NFKC", name).lower().replace("′", "'")
    return re.sub(r"[\s_^(){}/\\.]", "", name)


def quantity(key: str, names: Sequence[str]) -> str | None:
    """Return the quantity that a key means, of those that a problem has.

    >>> quantity("delta_2", ["Z1", "ŷ", "loss", "δ2"]), quantity("∂loss/∂W1", ["dW1"]), quantity("z", ["Z1", "ŷ"])
    ('δ2', 'dW1', 'Z1')
    """
    plain = _plain(key[:_LONGEST_NAME])
    for name, pattern in _NAMES.items():
        if match := re.fullmatch(pattern, plain):
            index = next((group for group in match.groups() if group), "")
            if name.format(index) in names:
                return name.format(index)
            # H is H1 where only one is hidden, the last H is ŷ, and Z is Z1 where there is no other.
            kind = re.compile(re.escape(name).replace(r"\{\}", r"\d*"))
            of_kind = [n for n in names if kind.fullmatch(n)]
            if not index or (name == "H{}" and index == "1" and of_kind == ["H"]):
                return of_kind[0] if len(of_kind) == 1 else None
            layers = sum(bool(re.fullmatch(r"Z\d+", n)) for n in names)
            return "ŷ" if name == "H{}" and index == str(layers) else None
    return None


def key(name: str) -> str:
    """Return the key of a quantity in a file of answers: its name in plain letters.

    >>> key("ŷ"), key("f'(Z1)"), key("δ2"), key("dW1")
    ('y_hat', 'slope1', 'delta2', 'dW1')
    """
    return re.sub(r"f'\(Z(\d+)\)", r"slope\1", name.replace("ŷ", "y_hat").replace("δ", "delta"))


def load_answers(path: str | PathLike[str], shapes: dict[str, tuple[int, ...]]) -> list[Answer]:
    """Read a TOML file of answers: a key for each quantity, and `[[line]]` tables for what is written again.

    Entries are numbers, or strings of numbers; a blank string is an entry left open. `shapes` has what the problem
    asks for. Returns the answers in the order of `shapes`, repeated ones in the order of the file. Raises OSError
    where the file cannot be read, and ProblemError where it has anything else, or nothing.
    """
    source = Path(path).name
    data = read_toml(path, parse_float=_Float)
    lines = data.pop("line", [])
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise ProblemError(f"{source}: line: expected [[line]] tables")
    found: dict[str, list[Answer]] = {name: [] for name in shapes}
    for table in (data, *lines):
        for written, given in table.items():
            name = quantity(written, list(shapes))
            if name is None:
                missing = "" if "loss" in shapes else "; the rest needs a target"
                raise ProblemError(f"{source}: {written[:_LONGEST_NAME]}: expected one of {', '.join(shapes)}{missing}")
            entries, transposed = _entries(f"{source}: {written}", given, shapes[name])
            if entries:
                found[name].append(Answer(name, entries, len(found[name]), transposed))
    answers = [answer for name in shapes for answer in found[name]]
    if not answers:
        raise ProblemError(f"{source}: no number to check")
    return answers


class _Float(str):
    """A TOML float that is kept as it was written."""

    __slots__ = ()


def _entries(place: str, given: Any, shape: tuple[int, ...]) -> tuple[dict[Index, Written], bool]:
    if shape == (1,) and not isinstance(given, list):
        given = [given]
    if len(shape) == 2 and shape[0] == 1 and _shape(given) == shape[1:]:
        given = [given]  # the one row of a matrix
    found, transposed = _shape(given), False
    if found == shape[::-1] and found != shape:
        given, transposed = [list(column) for column in zip(*given, strict=True)], True
    elif found != shape:
        got = "a list with holes" if found is None else f"{found}"
        raise ProblemError(f"{place}: expected shape {shape}, got {got if found != () else repr(given)[:80]}")
    entries = {}
    for index, entry in _indexed(given):
        written = _written(place, index, entry)
        if written is not None:
            entries[index] = written
    return entries, transposed


def _shape(given: Any) -> tuple[int, ...] | None:
    if not isinstance(given, list):
        return ()
    shapes = {_shape(entry) for entry in given} or {()}
    if len(shapes) != 1 or None in shapes:
        return None
    (inner,) = shapes
    return (len(given), *inner) if inner is not None else None


def _indexed(given: Any, index: Index = ()) -> Iterator[tuple[Index, Any]]:
    if isinstance(given, list):
        for i, entry in enumerate(given):
            yield from _indexed(entry, (*index, i))
    else:
        yield index, given


def _written(place: str, index: Index, entry: Any) -> Written | None:
    if isinstance(entry, str) and entry.strip() in _BLANKS:
        return None
    if not isinstance(entry, (str, int)) or isinstance(entry, bool):
        raise ProblemError(f"{place}: entry {position(index)}: expected a number, got {str(entry)[:80]!r}")
    try:
        return Written(str(entry).strip())
    except ValueError as error:
        raise ProblemError(f"{place}: entry {position(index)}: {str(error)[:120]}") from None


def position(index: Index) -> str:
    """Return an index as people count: from 1.

    >>> position((0,)), position((1, 2))
    ('1', '(2, 3)')
    """
    return str(index[0] + 1) if len(index) == 1 else f"({', '.join(str(i + 1) for i in index)})"
