"""`scalargrad solve`."""

from __future__ import annotations

import argparse
import json
import sys

from scalargrad.cli._answer import Answer
from scalargrad.cli._drawing import add_drawing, digits, picture
from scalargrad.cli._formats import add_formats, asked_format
from scalargrad.cli._problems import add_problem, load_problem

SUMMARY = "solve a network problem: forward values, error terms, gradients, updated parameters"
EXAMPLE = "scalargrad solve problem.toml --target 1,0 --draw graph.png"


TEXTS = (".md", ".markdown", ".tex", ".txt", ".eq")


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `solve`."""
    add_problem(command)
    command.add_argument("--steps", type=int, metavar="N", help="steps of gradient descent: in place of the file's")
    add_formats(command)
    add_drawing(command, digits=6, also=", 4 written out")


def run(options: argparse.Namespace) -> Answer:
    """Solve a network problem: a report of its numbers or, in a format, every step derived."""
    from scalargrad.worked.derivation import written
    from scalargrad.worked.solution import report, solve
    from scalargrad.worked.writers import write

    if (
        asked_format(options) == "json"
        and options.problem.endswith(TEXTS)
        and options.target is None
        and options.steps is None
    ):
        return _sheet(options.problem)
    problem = load_problem(options)
    if options.steps is not None:
        problem = problem.with_steps(options.steps)
    solution = solve(problem)
    format = asked_format(options)
    if format is None:
        return Answer(report(solution, digits(options)), solution.root, problem.title)
    svg, note = picture(solution.root, problem.title) if format == "html" else ("", "")
    document = written(solution, 4 if options.digits is None else options.digits, svg)
    return Answer(write(document, format), solution.root, problem.title, note)


def _sheet(path: str) -> Answer:
    """Solve an assignment, or a file of equations, as a problem sheet: its numbers by the names that it gives them."""
    from scalargrad import sheet

    problem = sheet.load(path)
    print(f"understood of {problem.source}:\n\n{problem}\n", file=sys.stderr)
    return Answer(json.dumps({"values": sheet.solve(problem).values}, indent=1), title=problem.source)
