"""What `solve` and `check` share: a file with a problem, and its target."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scalargrad.worked.problem import Problem


def add_problem(command: argparse.ArgumentParser) -> None:
    """Add the problem's file and the option `--target`."""
    tables = "a TOML file with input, target, loss, learning_rate and [[layer]] tables"
    command.add_argument("problem", help=f"{tables}, or a text, as for read")
    command.add_argument("--target", metavar="NUMBERS", help="the target y, such as 1,0: in place of the file's")


def load_problem(options: argparse.Namespace) -> Problem:
    """Read the problem, and say what is understood of one that is a text. Raises ValueError where it is no problem."""
    from scalargrad.homework import reading
    from scalargrad.homework.toml import toml

    problem = reading.load(options.problem)
    if reading.is_text(options.problem):
        print(f"understood of {problem.source}:\n\n{toml(problem)}", file=sys.stderr)
    if options.target is not None:
        try:
            targets = [[float(entry) for entry in row.split(",")] for row in options.target.split(";")]
        except ValueError:
            raise ValueError(f"--target: expected numbers and commas, such as 1,0, got {options.target!r}") from None
        problem = problem.with_target(targets)
    return problem
