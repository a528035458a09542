"""`scalargrad eval`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from scalargrad.cli._answer import Answer
from scalargrad.cli._drawing import add_drawing, digits
from scalargrad.cli._expressions import add_expression, evaluated
from scalargrad.files import to_json
from scalargrad.latex import fixed

SUMMARY = "evaluate an expression and its gradient"
EXAMPLE = 'scalargrad eval "log(1 + exp(-(w*x + b)))" w=-2 x=1.5 b=0.3 --draw graph.png'


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `eval`."""
    add_expression(command)
    command.add_argument("--json", action="store_true", help="print JSON, with all digits")
    add_drawing(command, digits=4)


def run(options: argparse.Namespace) -> Answer:
    """Evaluate an expression: a table of every part of it, its value and its gradient."""
    text, root, names, steps = evaluated(options)
    rows = sorted(steps, key=lambda row: row[0] not in names)  # names first
    if options.json:
        values = [{"name": name, "value": x.data, "gradient": x.grad} for name, x in rows]
        return Answer(to_json({"expression": text, "value": root.data, "values": values}), root, str(text))
    shown = digits(options)
    table = [(name, fixed(x.data, shown), fixed(x.grad, shown)) for name, x in rows]
    whole = f"{text} = {fixed(root.data, shown)}"
    return Answer(f"{whole}\n\n{_table([('name', 'value', 'gradient'), *table])}", root, str(text))


def _table(rows: Sequence[Sequence[str]]) -> str:
    first, *others = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([f"{name!s:<{first}}", *(f"{n:>{w}}" for n, w in zip(numbers, others, strict=True))])
        for name, *numbers in rows
    )
