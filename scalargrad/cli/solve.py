"""`scalargrad solve`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scalargrad.cli._answer import Answer
from scalargrad.cli._drawing import add_drawing, digits, picture
from scalargrad.cli._formats import add_formats, asked_format, drawn
from scalargrad.cli._problems import add_problem, load_problem

SUMMARY = "solve a problem: forward values, gradients, updates, every step derived"
EXAMPLE = "scalargrad solve problem.toml --target 1,0 --draw graph.png"


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `solve`."""
    add_problem(command)
    command.add_argument("--steps", type=int, metavar="N", help="steps of gradient descent: in place of the file's")
    add_formats(command)
    command.add_argument("--brief", action="store_true", help="without the teaching: each line once, and the answers")
    add_drawing(command, digits=6, also=", 4 written out, 5 significant ones of a list of equations")


def run(options: argparse.Namespace) -> Answer:
    """Solve a problem: a report of its numbers or, in a format, every step derived."""
    tables = Path(options.problem).suffix.lower() == ".toml" and not options.brief
    if not tables and options.target is None and options.steps is None:
        return solved(options)
    from scalargrad.worked.derivation import written
    from scalargrad.worked.solution import report, solve
    from scalargrad.worked.writers import write

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


def solved(options: argparse.Namespace) -> Answer:
    """Solve a list of equations, or an assignment in prose, and write it out."""
    from scalargrad import sheet
    from scalargrad.sheet.writers import write
    from scalargrad.sheet.writing import written
    from scalargrad.value import Value

    name = Path(options.problem).name
    problem = sheet.load(options.problem)
    print(f"understood of {name}:\n\n{problem}\n", file=sys.stderr)
    solution = sheet.solve(problem)
    ends = solution.scope.results() or list(solution.scope.quantities)[-1:]
    root = [x for end in ends for x in solution.scope[end].array.entries if isinstance(x, Value)]
    format = asked_format(options) or "text"
    shown, note = drawn(root, format, options)
    document = written(solution, options.digits or 5, brief=options.brief, picture=shown)
    return Answer(write(document, format), root[0] if len(root) == 1 else root, name, note)
