"""`scalargrad check`."""

from __future__ import annotations

import argparse
from pathlib import Path

from scalargrad.cli._answer import Answer
from scalargrad.cli._problems import add_problem, load_problem
from scalargrad.files import to_json

SUMMARY = "check a student's answers to a network problem, and find the likely causes of mistakes"
EXAMPLE = "scalargrad check problem.toml answers.toml --target 1,0"


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `check`."""
    add_problem(command)
    command.add_argument("answers", help="a TOML file of Z1, H, Z2, y_hat, loss, delta2, delta1, dW1, db1, W1_new, ...")
    command.add_argument("--format", choices=("text", "json"), default="text", help="JSON is for a grader")


def run(options: argparse.Namespace) -> Answer:
    """Check a student's answers: a report, and the status 1 where one is wrong."""
    from scalargrad.homework import checking, marks
    from scalargrad.homework.answers import load_answers

    problem = load_problem(options)
    checked = checking.check(problem, load_answers(options.answers, checking.shapes(problem)))
    status = 1 if checked.first_wrong else 0
    if options.format == "json":
        return Answer(to_json(marks.as_json(checked), ensure_ascii=False, indent=2), status=status)
    title = f"{Path(options.answers).name}, checked against {problem.source}: {problem.title}"
    return Answer(f"{title}\n\n{marks.report(checked)}", status=status)
