"""Fresh exercises: problems of one shape and difficulty with friendly numbers, worksheets, keys, and files to check with.

The same seed gives the same sheets everywhere: of Python's generator only `random()` is used, whose sequence is promised.
"""

from __future__ import annotations

import errno
import math
import os
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from scalargrad import files, ops
from scalargrad.homework import stages
from scalargrad.homework.answers import key
from scalargrad.homework.arrays import shape
from scalargrad.homework.toml import toml
from scalargrad.nn.losses import LOSSES
from scalargrad.value import Value, topological_order
from scalargrad.worked import solution as worked
from scalargrad.worked.derivation import written
from scalargrad.worked.document import Document, Table
from scalargrad.worked.forward import equations, given
from scalargrad.worked.problem import Problem, ProblemError
from scalargrad.worked.sheet import Sheet, derivative
from scalargrad.worked.solution import Solution
from scalargrad.worked.writers import ENDINGS, write

T = TypeVar("T")

_HALVES = [sign * half / 2 for half in (1, 2, 3, 4) for sign in (1, -1)]
_DIGITS = 4
_LEARNING_RATE = 0.1
_MOST = 1000  # parameters: nobody computes more by hand
_ROOM = r"$\qquad\qquad$"  # to write a number
_TRIES = 500


def friendly_problem(
    layers: Sequence[int], activation: str = "relu", *, loss: str = "cross-entropy", seed: int | str = 0
) -> Problem:
    """Make a problem with friendly numbers: inputs in halves, parameters in tenths.

    >>> friendly_problem([4, 3, 2], "relu(z) + sin(z)", seed=7).input
    (...)

    `layers` are the numbers of inputs, of hidden neurons and of outputs. No relu, abs, maximum or minimum is near its
    kink, no activation is saturated, no more than half of a layer is dead, and no probability is near 0 or 1.
    Raises ProblemError where the network is none, or where no numbers were found that make it so.
    """
    draw = random.Random(f"scalargrad {seed}")  # noqa: S311 - exercises, not secrets
    if len(layers) < 2 or min(layers) < 1:
        raise ProblemError(f"layers: expected two numbers or more of at least 1, such as 4-3-2, got {list(layers)}")
    if sum((n + 1) * m for n, m in pairwise(layers)) > _MOST:
        raise ProblemError(f"layers: more than {_MOST} parameters, which nobody computes by hand, got {list(layers)}")
    if loss not in LOSSES:
        raise ProblemError(f"loss: expected one of {', '.join(LOSSES)}, got {loss!r}")
    if LOSSES[loss].head == "softmax" and layers[-1] < 2:
        raise ProblemError(f"layers: {loss} needs two outputs or more: with one, its softmax is always 1")
    refusal: Exception | None = None
    for _ in range(_TRIES):
        problem = Problem.from_dict(_drawn(draw, layers, activation, loss), "problem.toml")
        try:
            if _is_friendly(worked.solve(problem)):
                return problem
        except (ArithmeticError, ValueError) as error:  # outside a domain
            refusal = error
    reason = f" ({refusal})" if refusal else ""
    raise ProblemError(f"activation: {activation!r} gave no friendly problem in {_TRIES} tries{reason}")


def _choice(draw: random.Random, options: Sequence[T]) -> T:
    return options[int(draw.random() * len(options))]


def _drawn(draw: random.Random, layers: Sequence[int], activation: str, loss: str) -> dict[str, Any]:
    def tenth(inputs: int) -> float:  # smaller ones where many are added up
        most = min(9, math.ceil(18 / math.sqrt(inputs)))
        return _choice(draw, (-1, 1)) * _choice(draw, range(1, most + 1)) / 10

    tables = [
        {
            "weights": [[tenth(inputs) for _ in range(inputs)] for _ in range(neurons)],
            "bias": [tenth(inputs) for _ in range(neurons)],
            "activation": activation,
        }
        for inputs, neurons in pairwise(layers)
    ]
    tables[-1]["activation"] = LOSSES[loss].head or "linear"
    targets = LOSSES[loss].targets
    if targets.one_hot:
        right = _choice(draw, range(layers[-1]))
        target = [targets.certain[i == right] for i in range(layers[-1])]
    else:
        target = [_choice(draw, targets.certain or _HALVES) for _ in range(layers[-1])]
    inputs: list[float] = []
    while len(inputs) < layers[0]:
        x = _choice(draw, _HALVES)
        if x not in inputs or len(inputs) >= len(_HALVES):  # no two alike, or a mistake may not show
            inputs.append(x)
    return {"input": inputs, "target": target, "loss": loss, "learning_rate": _LEARNING_RATE, "layer": tables}


def _is_friendly(solution: Solution) -> bool:
    """Say whether a solution teaches: nothing at a kink, saturated, dead, or trivially 0."""
    if any(not 0.1 <= abs(z.data) <= 3 for layer in solution.z for z in layer):
        return False
    for slopes in solution.slopes:
        if sum(abs(slope) < 0.02 for slope in slopes) > len(slopes) / 2:
            return False
        if any(not abs(slope) <= 10 for slope in slopes):
            return False
    outputs, problem = solution.h[-1], solution.problem
    if LOSSES[problem.loss].head and any(not 0.05 <= p.data <= 0.95 for p in outputs):
        return False
    if any(abs(z.grad) < 0.01 for z in solution.z[-1]):
        return False
    nodes = topological_order(*outputs)
    active = [node.data > 0 for node in nodes if node._operation is ops.relu]
    return 2 * sum(active) >= len(active) and all(map(_is_clear_of_kinks, nodes))


def _is_clear_of_kinks(node: Value) -> bool:
    if node._operation in (ops.relu, ops.abs):
        return abs(node.parents[0].data) >= 0.1
    if node._operation in (ops.maximum, ops.minimum):
        return abs(node.parents[0].data - node.parents[1].data) >= 0.05
    return True


@dataclass(frozen=True)
class Exercise:
    """An exercise as documents and files: worksheet, problem and a form of answers for students, the key for teachers."""

    worksheet: Document
    key: Document
    problem: str
    answers: str

    @classmethod
    def of(cls, problem: Problem, title: str = "Exercise") -> Exercise:
        """Write the exercise of a problem.

        >>> print(Exercise.of(friendly_problem([2, 2, 2], seed=1)).answers.splitlines()[-1])
        b2_new = ["", ""]
        """
        problem = replace(problem, source=title)
        solution = worked.solve(problem)
        form = [f"{key(name)} = {_blank(numbers)}\n" for name, numbers in stages.truth(solution).items()]
        instruction = "write the numbers between the quotes, and leave open what you do not have"
        return cls(
            _worksheet(solution, title),
            written(solution, _DIGITS),
            f"# {title}: {problem.title}\n\n{toml(problem)}",
            f"# {title}: {instruction}.\n\n{''.join(form)}",
        )


def _worksheet(solution: Solution, title: str) -> Document:
    problem = solution.problem
    sheet = Sheet(problem, _DIGITS)
    sizes, _, _ = problem.title.partition(",")
    sheet.say(
        f"A {sizes} with the loss {problem.loss} and a learning rate of {problem.learning_rate}. Compute what the last "
        f"section asks for, to {_DIGITS} digits after the point."
    )
    given(sheet, solution)
    equations(sheet)
    sheet.section("To compute")
    quantities = stages.truth(solution)
    width = max(shape(numbers)[-1] for numbers in quantities.values())
    rows = [row for name, numbers in quantities.items() for row in _rows(_in_latex(sheet, name), numbers, width)]
    sheet.blocks.append(Table(("quantity", *map(str, range(1, width + 1))), tuple(rows)))
    return sheet.document(title)


def _in_latex(sheet: Sheet, name: str) -> str:
    """Return the name of a quantity in LaTeX."""
    i = int("".join(filter(str.isdigit, name)) or 1) - 1
    kind = "".join(filter(str.isalpha, name))
    W = {"W": sheet.W(i), "b": sheet.b(i)}
    return {
        "Z": sheet.Z(i),
        "H": sheet.H(i + 1),
        "ŷ": sheet.H(sheet.depth),
        "loss": "L",
        "fZ": sheet.f(i, sheet.Z(i), "'"),
        "δ": sheet.delta(i),
        **{f"d{letter}": derivative("L", symbol) for letter, symbol in W.items()},
        **{f"{letter}new": rf"{symbol}^{{\mathrm{{new}}}}" for letter, symbol in W.items()},
    }[kind]


def _rows(name: str, numbers: Any, width: int) -> Iterator[tuple[str, ...]]:
    """Yield rows of a table to fill in: one for a vector, and one for each row of a matrix."""
    *rows, columns = shape(numbers)
    for i in range(1, rows[0] + 1 if rows else 2):
        title = f"${name}$" + f", row {i}" * bool(rows)
        yield (title, *[_ROOM] * columns, *[r"$\times$"] * (width - columns))


def _blank(numbers: Any) -> str:
    if isinstance(numbers, list) and isinstance(numbers[0], list):
        rows = "".join(f"    {_blank(row)},\n" for row in numbers)
        return f"[\n{rows}]"
    return "[" + ", ".join('""' for _ in numbers) + "]"


def write_exercises(exercises: Sequence[Exercise], directory: str | PathLike[str], format: str = "markdown") -> Path:
    """Write exercises into a new directory: worksheets, problems, answers and keys, numbered from 01.

    `format` is that of worksheets and keys. The directory is there in whole or not at all. Raises FileExistsError where
    there is one.
    """
    target = Path(directory)
    if target.exists() or target.is_symlink():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(directory))
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(target.parent))
    ending = next((ending for ending, known in ENDINGS.items() if known == format), "")
    with files.naming(directory), tempfile.TemporaryDirectory(prefix=".exercises-", dir=target.parent) as beside:
        made = Path(beside, target.name)
        for folder in ("worksheets", "problems", "answers", "keys"):
            made.joinpath(folder).mkdir(parents=True)
        for i, one in enumerate(exercises, 1):
            texts = {
                f"worksheets/{i:02}{ending}": write(one.worksheet, format),
                f"problems/{i:02}.toml": one.problem,
                f"answers/{i:02}.toml": one.answers,
                f"keys/{i:02}{ending}": write(one.key, format),
            }
            for name, text in texts.items():
                files.write(made / name, f"{text.rstrip()}\n")
        made.rename(target)
    return target
