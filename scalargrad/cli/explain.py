"""`scalargrad explain`."""

from __future__ import annotations

import argparse

from scalargrad.cli._answer import Answer
from scalargrad.cli._drawing import add_drawing
from scalargrad.cli._expressions import add_expression, evaluated
from scalargrad.cli._formats import add_formats, asked_format, drawn

SUMMARY = "write out how the gradient of an expression comes about, step by step"
EXAMPLE = 'scalargrad explain "log(1 + exp(-(w*x + b)))" w=-2 x=1.5 b=0.3 -o derivative.html'


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `explain`."""
    add_expression(command)
    add_formats(command)
    command.add_argument("--brief", action="store_true", help="without the teaching: each line once, and the answers")
    add_drawing(command, digits=5)


def run(options: argparse.Namespace) -> Answer:
    """Write out how the gradient of an expression comes about."""
    from scalargrad.expression import Expression
    from scalargrad.sheet.explanation import recorded
    from scalargrad.sheet.solution import solve
    from scalargrad.sheet.terms import Term
    from scalargrad.sheet.writers import write
    from scalargrad.sheet.writing import written

    text, root, _, _ = evaluated(options)
    expression = Expression.parse(options.expression)
    whole = expression(**{name: Term(name) for name in expression.names})
    format = asked_format(options) or "text"
    shown, note = drawn([root], format, options)
    solution = solve(recorded(root, whole if isinstance(whole, Term) else None))
    document = written(solution, options.digits or 5, brief=options.brief, picture=shown)
    return Answer(write(document, format), root, str(text), note)
