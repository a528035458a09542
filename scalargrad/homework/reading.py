"""Problems as people write them, in Markdown, LaTeX or plain text, read into problems.

A symbol, an equals sign and numbers state what is given: matrices in LaTeX or in brackets, `W_1`, `W1`, `W^{(1)}`. Words
say the rest: ReLU, softmax, cross-entropy, a learning rate of 0.001. What is not understood is an error with its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from scalargrad import files, ops
from scalargrad.homework import notes
from scalargrad.homework.arrays import transpose
from scalargrad.homework.wording import (
    ACTIVATION_WORDS,
    APPLIED,
    COMPUTED,
    DEFINED,
    END,
    INDICES,
    LONGEST_TEXT,
    LOSS_WORDS,
    MATRIX,
    NAMES,
    NUMBER,
    NUMERIC,
    OTHER_NAMES,
    RATE,
    SAID,
    STATED,
    plain,
)
from scalargrad.nn.losses import LOSSES
from scalargrad.worked.problem import Problem, ProblemError


def is_text(path: str | PathLike[str]) -> bool:
    """Say whether a file is read as text, by its name; any other is TOML.

    >>> is_text("assignment.md"), is_text("problem.toml")
    (True, False)
    """
    return Path(path).suffix.lower() in (".md", ".markdown", ".tex", ".latex", ".txt")


def load(path: str | PathLike[str]) -> Problem:
    """Read a problem from a file: from text where `is_text`, else from TOML.

    Raises OSError where it cannot be read, ProblemError where it states no problem.
    """
    if not is_text(path):
        return Problem.load(path)
    source = Path(path).name
    try:
        text = files.read(path, 4 * LONGEST_TEXT)
    except ValueError as error:
        raise ProblemError(f"{source}: {error}") from None
    return read(text, source)


def read(text: str, source: str = "problem") -> Problem:
    r"""Read a problem from text.

    >>> problem = read(r'''
    ... A network with f(x) = \max(0, x) and softmax, and a learning rate of 0.1. Let x = (1, -2) and
    ... $$W_1 = \begin{pmatrix} 0.5 & -1 \end{pmatrix}, \quad b_1 = 0$$
    ... $$W_2 = [[1], [-1]], \quad b_2 = [0, \frac{1}{4}]$$
    ... ''')
    >>> problem.input, problem.activations, problem.learning_rate
    ((1.0, -2.0), ('maximum(0, z)', 'softmax'), 0.1)

    Raises ProblemError with the line of what it does not understand.
    """
    if "\\documentclass" in text or source.endswith(".tex"):
        text = re.sub(r"(?<!\\)%.*", "", text)  # comments
    try:
        text = plain(text)
    except ValueError as error:
        raise ProblemError(f"{source}: {error}") from None
    return _Reader(source, text).problem()


@dataclass
class _Reader:
    """What a text says, collected."""

    source: str
    text: str
    data: dict[tuple[str, int], Any] = field(default_factory=dict)
    places: dict[tuple[str, int], int] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)  # f: an expression in z
    applied: dict[int, str] = field(default_factory=dict)  # the function of a layer, by name; -1 is the last
    phrases: dict[str, str] = field(default_factory=dict)  # that of the hidden layers, and of the output

    def error(self, position: int, message: str) -> ProblemError:
        return ProblemError(f"{self.source}: line {self.text.count(chr(10), 0, position) + 1}: {message}")

    def problem(self) -> Problem:
        for match in DEFINED.finditer(self.text):
            self.define(match)
        for match in APPLIED.finditer(self.text):
            self.apply(match)
        for match in STATED.finditer(self.text):
            self.state(match)
        for match in RATE.finditer(self.text):
            self.note("learning_rate", 1, match.start(), self.number(match.end())[0])
        self.said()
        try:
            return Problem.from_dict(self.stated(), self.source)
        except ProblemError as error:
            raise self.placed(error) from None

    def define(self, match: re.Match[str]) -> None:
        name, variable = match.groups()
        if _known(name):
            return  # what relu is, is known
        formula = _until_end(self.text, match.end())
        try:
            found = notes.expression(formula, variable)
        except ValueError as error:
            raise self.error(match.start(), f"{name}({variable}): {error}") from None
        if self.functions.setdefault(name, found) != found:
            raise self.error(match.start(), f"{name} is defined twice")

    def apply(self, match: re.Match[str]) -> None:
        *indices, name = match.groups()
        index = next((int(i[:9]) for i in indices if i), None)
        if match[0].startswith("ŷ"):
            index = -1
        known = _known(name) or (name if name in self.functions else None)
        if known is None:
            if match[0].startswith("activation"):
                raise self.error(match.start(), f"no activation {name!r}")
            return
        self.applied[1 if index is None else index] = known

    def said(self) -> None:
        """Note what the text says of the hidden and of the output layers: of these, where they have no formula."""
        for match in SAID.finditer(self.text):
            words = self.words(ACTIVATION_WORDS | {"linear": r"\blinear\b|\bidentity\b"}, match[2])
            which = match[1].lower()
            if len(words) == 1 and not (which == "hidden" and self.functions):
                self.phrases.setdefault(which, *words)

    def state(self, match: re.Match[str]) -> None:
        name, *indices, sign = match.groups()
        index = next((int(i) for i in indices if i), 1)
        start = match.end()
        bracketed = self.text.startswith(("[", "(", "\\begin"), start)
        if not (bracketed or NUMERIC.match(self.text, start)):
            return  # a formula, or prose
        if COMPUTED.fullmatch(name) or name in INDICES or _known(name) or name in self.functions:
            return
        key = NAMES.get(name, NAMES.get(name.lower()) if len(name) > 1 else None)
        if key is None or (key == "input" and index > 1):
            if sign == ":":
                return
            raise self.strange(match)
        value, end = self.value(start)
        if not bracketed and re.match(r"[^\W\d_]|\(| ?[*/^+]", self.text[end : end + 2]):  # y = 2x + 1
            raise self.strange(match)
        if key == "learning_rate":
            if isinstance(value, list):
                raise self.error(match.start(), f"learning rate: expected a number, got {value!r:.60}")
        else:
            value = _matrix(value) if key == "weights" else _vector(value)
        if value is None:
            raise self.error(match.start(), f"{name}: expected a vector, got a matrix")
        self.note(key, index if key in ("weights", "bias") else 1, match.start(), value)

    def strange(self, match: re.Match[str]) -> ProblemError:
        shown = " ".join(self.text[match.start() : match.end() + 20].split())
        return self.error(match.start(), f"cannot tell what {shown!r} is")

    def note(self, key: str, index: int, position: int, value: Any) -> None:
        if self.data.setdefault((key, index), value) != value:
            line = self.text.count("\n", 0, self.places[key, index]) + 1
            raise self.error(position, f"{key.replace('_', ' ')}: another is given in line {line}")
        self.places.setdefault((key, index), position)

    # Values: a number, or lists of numbers.

    def value(self, start: int) -> tuple[Any, int]:
        """Read the number, vector or matrix that starts here; return where it ends, too."""
        opening = re.compile(r"[\[(]? ?(?=\\begin)").match(self.text, start)
        if opening:
            matrix = MATRIX.match(self.text, opening.end())
            if not matrix:
                raise self.error(start, "a matrix without end, or of a kind that is not known")
            rows = [row for row in re.split(r"\\\\(?:\[[^\]]*\])?|\\hline", matrix[2]) if row.strip()]
            numbers = [[self.entry(start, cell) for cell in row.split("&")] for row in rows]
            end = self.closing(start) + 1 if opening[0].strip() else matrix.end()
            return self.transposed(end, numbers), end
        if self.text[start] not in "[(":
            return self.number(start)
        rows = []
        position = end = start
        while self.text.startswith(("[", "("), position):  # rows, each in its brackets
            end = self.closing(position) + 1
            rows.append(self.bracketed(position + 1, end - 1))
            between = re.compile(r" ?\n? ?(?=[\[(])").match(self.text, end)
            position = between.end() if between else len(self.text)
        return self.transposed(end, rows[0] if len(rows) == 1 else rows), end

    def transposed(self, position: int, value: Any) -> Any:
        if re.match(r"\s*(?:\^\s*\{?\s*T\b|ᵀ|')", self.text[position : position + 20]):
            rows = _matrix(value)
            if len({len(row) for row in rows}) == 1:
                return transpose(rows)
        return value

    def closing(self, start: int) -> int:
        depth = 0
        for position in range(start, min(len(self.text), start + 100_000)):
            depth += (self.text[position] in "[(") - (self.text[position] in "])")
            if depth == 0:
                return position
        raise self.error(start, f"{self.text[start]!r} was never closed")

    def bracketed(self, start: int, end: int) -> list[Any]:
        """Read what stands between brackets: rows, or entries with commas, semicolons or spaces between."""
        inside = self.text[start:end].strip()
        if inside.startswith(("[", "(")) and re.fullmatch(r"(?:[\[(][^\[\]()]*[\])][\s,;]*)+", inside):
            return [self.bracketed(start, end) for start, end in self.groups(start, end)]
        parts = [part for part in inside.split(";") if part.strip()]
        if len(parts) > 1 and any(re.search(r"[,\s]", part.strip()) for part in parts):
            return [self.entries(start, part) for part in parts]
        return self.entries(start, inside.replace(";", ","))

    def groups(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        for match in re.finditer(r"[\[(]([^\[\]()]*)[\])]", self.text[start:end]):
            yield start + match.start(1), start + match.end(1)

    def entries(self, position: int, row: str) -> list[float]:
        cells = row.split(",") if "," in row else re.sub(r"(?<=\S)\s+(?=[-+.\d\\])", ",", row.strip()).split(",")
        return [self.entry(position, cell) for cell in cells]

    def entry(self, position: int, cell: str) -> float:
        cell = " ".join(cell.replace("$", " ").split())
        try:
            return notes.number(cell.replace("- ", "-", 1) if cell.startswith("- ") else cell)
        except (ValueError, ArithmeticError):
            raise self.error(position, f"expected a number, got {cell[:60]!r}") from None

    def number(self, start: int) -> tuple[float, int]:
        match = NUMBER.match(self.text, start)
        if not match or not match[0].strip():
            raise self.error(start, f"expected a number, got {self.text[start : start + 20]!r}")
        return self.entry(start, match[0]), match.end()

    # What it comes to.

    def stated(self) -> dict[str, Any]:
        depth = max((index for key, index in self.data if key == "weights"), default=0)
        for key, what in (("input", "x"), ("weights", "W_1")):
            if (key, 1) not in self.data:
                raise ProblemError(f"{self.source}: found no {what} = ...")
        for (_, index), position in self.places.items():
            if index > depth:
                raise self.error(position, f"b_{index} without W_{index}")
        layers = []
        for i in range(1, depth + 1):
            if ("weights", i) not in self.data:
                raise self.error(self.places["weights", depth], f"W_{depth} without W_{i}")
            if ("bias", i) not in self.data:
                raise self.error(self.places["weights", i], f"W_{i} without b_{i}")
            layers.append(
                {
                    "weights": self.data["weights", i],
                    "bias": self.data["bias", i],
                    "activation": self.activation(i, depth),
                }
            )
        stated = {"input": self.data["input", 1], "layer": layers}
        for key in ("target", "learning_rate"):
            if (key, 1) in self.data:
                stated[key] = self.data[key, 1]
        loss = self.word(LOSS_WORDS, "loss")
        if loss:
            stated["loss"] = loss
        return stated

    def activation(self, i: int, depth: int) -> str:
        last = i == depth
        name = self.applied.get(i) or (self.applied.get(-1) if last else None)
        name = name or self.phrases.get("output" if last and depth > 1 else "hidden")
        if name is None and last and (depth > 1 or "softmax" in self.words(ACTIVATION_WORDS)):
            softmax = "softmax" in self.words(ACTIVATION_WORDS)
            name = "softmax" if softmax else self.head() or "linear"
        if name is None and len(self.functions) > 1:
            raise ProblemError(f"{self.source}: layer {i}: which of {', '.join(self.functions)} is its activation?")
        name = name or next(iter(self.functions), None) or self.hidden_word() or "linear"
        return self.functions.get(name, name)

    def hidden_word(self) -> str | None:
        """Return the one activation that is named and is not that of the output."""
        names = {word: pattern for word, pattern in ACTIVATION_WORDS.items() if word != "softmax"}
        if len(self.words(names)) > 1:
            spoken_for = self.phrases.get("output") or self.applied.get(-1)
            names.pop(spoken_for or self.head() or "", None)
        return self.word(names, "activation")

    def head(self) -> str | None:
        """Return the activation that the loss asks for by itself; a softmax must be named."""
        loss = self.word(LOSS_WORDS, "loss")
        head = LOSSES[loss].head if loss else None
        return None if head == "softmax" else head

    def words(self, patterns: dict[str, str], text: str | None = None) -> dict[str, int]:
        """Return those of some words that a text has, and where."""
        found = {word: re.search(p, self.text if text is None else text, re.IGNORECASE) for word, p in patterns.items()}
        return {word: match.start() for word, match in found.items() if match}

    def word(self, patterns: dict[str, str], what: str) -> str | None:
        """Return the one of some words that the text has."""
        found = self.words(patterns)
        if len(found) > 1:
            raise self.error(max(found.values()), f"{what}: is it {' or '.join(found)}?")
        return next(iter(found), None)

    def placed(self, error: ProblemError) -> ProblemError:
        """Say in which line the value stands that an error is about."""
        message = str(error).removeprefix(f"{self.source}: ")
        for (key, index), position in self.places.items():
            if message.startswith((f"{key}:", f"layer {index}: {key}:")):
                return self.error(position, message)
        return error


def _known(name: str) -> str | None:
    name = OTHER_NAMES.get(name, name.lower())
    op = ops.TABLE.get(name)
    return name if name in ("softmax", "linear") or (op and len(op.partials) == 1) else None


def _until_end(text: str, start: int) -> str:
    """Return the formula that starts here, up to what ends it."""
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] in "({[") - (text[position] in ")}]")
        if depth < 0 or (depth == 0 and END.match(text, position)):
            return text[start:position]
    return text[start:]


def _matrix(value: Any) -> list[Any]:
    rows = value if isinstance(value, list) else [value]
    return rows if rows and all(isinstance(row, list) for row in rows) else [rows]


def _vector(value: Any) -> list[Any] | None:
    rows = _matrix(value)
    if all(len(row) == 1 for row in rows):
        return [row[0] for row in rows]
    return rows[0] if len(rows) == 1 else None
