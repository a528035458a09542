"""`scalargrad exercise`."""

from __future__ import annotations

import argparse

from scalargrad.cli._answer import Answer

SUMMARY = "make exercises with friendly numbers: worksheets, problems, forms for answers, keys"
EXAMPLE = 'scalargrad exercise --layers 4-3-2 --activation "relu(z) + sin(z)" --seed 7 --count 30 -o sheets'


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `exercise`."""
    from scalargrad.nn.losses import LOSSES
    from scalargrad.worked.writers import FORMATS

    command.add_argument("--layers", required=True, metavar="SIZES", help="inputs, neurons, outputs, such as 4-3-2")
    command.add_argument(
        "--activation", default="relu", metavar="F", help="a name or an expression in z (default relu)"
    )
    command.add_argument("--loss", choices=LOSSES, default="cross-entropy", help="default cross-entropy")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same sheets")
    command.add_argument("--count", type=_count, metavar="N", default=1, help="how many, up to 999")
    command.add_argument("--format", choices=tuple(FORMATS), default="markdown", help="of worksheets and keys")
    command.add_argument("-o", dest="directory", required=True, metavar="DIR", help="a new directory for them")


def run(options: argparse.Namespace) -> Answer:
    """Make exercises with friendly numbers, in a new directory."""
    from scalargrad.homework.exercise import Exercise, friendly_problem, write_exercises

    try:
        layers = [int(size) for size in options.layers.split("-")]
    except ValueError:
        raise ValueError(f"--layers: expected sizes such as 4-3-2, got {options.layers!r}") from None
    exercises = []
    for i in range(1, options.count + 1):
        problem = friendly_problem(layers, options.activation, loss=options.loss, seed=f"{options.seed} {i}")
        exercises.append(Exercise.of(problem, f"Exercise {options.seed}.{i}"))
    made = write_exercises(exercises, options.directory, options.format)
    plural = "s" * (options.count > 1)
    return Answer(f"{options.count} exercise{plural}: {made}/worksheets, problems, answers, keys")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= 999:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 999, got {text!r}")
    return int(text)
