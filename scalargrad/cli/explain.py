"""`scalargrad explain`."""

from __future__ import annotations

import argparse

from scalargrad.cli._answer import Answer
from scalargrad.cli._drawing import add_drawing, digits, picture
from scalargrad.cli._expressions import add_expression, evaluated
from scalargrad.cli._formats import add_formats, asked_format

SUMMARY = "write out how the gradient of an expression comes about, step by step"
EXAMPLE = 'scalargrad explain "log(1 + exp(-(w*x + b)))" w=-2 x=1.5 b=0.3 -o derivative.html'


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `explain`."""
    add_expression(command)
    add_formats(command)
    add_drawing(command, digits=4)


def run(options: argparse.Namespace) -> Answer:
    """Write out how the gradient of an expression comes about."""
    from scalargrad.formula import parse
    from scalargrad.worked.explanation import explain
    from scalargrad.worked.writers import write

    text, root, _, _ = evaluated(options)
    format = asked_format(options) or "text"
    svg, note = picture(root, str(text)) if format == "html" else ("", "")
    title, formula = f"Worked derivative: {text}", parse(options.expression)
    document = explain(root, digits(options), title=title, formula=formula, picture=svg)
    return Answer(write(document, format), root, str(text), note)
