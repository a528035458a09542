"""The command line: `scalargrad eval` an expression, `scalargrad solve` a network problem."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from math import isfinite
from typing import Any

import scalargrad
from scalargrad import worked
from scalargrad.expression import CONSTANTS, EULER, Expression, ExpressionError
from scalargrad.value import Value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, or 2 after an error that was said in one message.

    >>> main(["eval", "x*x", "x=3", "--digits", "1"])
    x*x = 9.0
    <BLANKLINE>
    name  value  gradient
    x       3.0       6.0
    x*x     9.0       1.0
    0
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    # argparse takes what starts with a minus for an option, unless there is a space in it.
    arguments = [f" {a}" if a.startswith("-") and not a.startswith("--") and a != "-h" else a for a in arguments]
    options = _parser().parse_args(arguments)
    try:
        text, root, title = options.run(options)
        _print(text)
        if options.draw:
            import viz

            if options.draw.lower().endswith(".html"):
                if not isinstance(root, Value):
                    raise ValueError("a page steps back from one number: with --target, from the loss")
                drawn = viz.step_through(root, options.draw, title=title)
            else:
                drawn = viz.draw(root, options.draw, title=title, force=options.force)
            print(f"\ndrawn: {drawn}", file=sys.stderr)
    except OSError as error:
        print(f"scalargrad: error: {error.filename or 'output'}: {error.strerror}", file=sys.stderr)
        return 2
    except (ValueError, ArithmeticError, TypeError, ImportError, RuntimeError) as error:
        print(f"scalargrad: error: {error}", file=sys.stderr)
        return 2
    return 0


def _print(text: str) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Files and pipes get UTF-8, as from Python 3.15 on anyhow. A terminal, and who names an encoding, gets that:
        # a question mark where it has no ∂.
        told = sys.stdout.isatty() or os.environ.get("PYTHONIOENCODING")
        sys.stdout.reconfigure(encoding=None if told else "utf-8", errors="replace")
    try:
        print(text, flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tries again at its end
        if not isinstance(error, BrokenPipeError):  # that is the reader, `head` for one, who has seen enough
            raise


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scalargrad",
        description="Exact derivatives of small programs of numbers, shown and explained.",
        allow_abbrev=False,
    )
    built = find_spec("scalargrad._engine") is not None
    engine = f"{scalargrad.engine_name} engine{'' if built else '; the C engine is not built'}"
    version = f"scalargrad {scalargrad.__version__} ({engine})"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(title="commands", required=True, metavar="{eval,solve}")

    command = _command(
        commands,
        "eval",
        "evaluate an expression and its gradient",
        'scalargrad eval "log(1 + exp(-(w*x + b)))" w=-2 x=1.5 b=0.3 --draw graph.png',
        _eval,
    )
    command.add_argument("expression", help="numbers, names, + - * / **, parentheses, and functions such as exp(x)")
    command.add_argument(
        "values", nargs="*", metavar="name=number", help="a value for each name, such as w=-2 or x=1/3"
    )
    command.add_argument("--json", action="store_true", help="print JSON, with all digits")
    _common(command, digits=4)

    command = _command(
        commands,
        "solve",
        "solve a network problem: forward values, error terms, gradients, updated parameters",
        "scalargrad solve problem.toml --target 1,0 --draw graph.png",
        _solve,
    )
    command.add_argument("problem", help="a TOML file with input, target, loss, learning_rate and [[layer]] tables")
    command.add_argument("--target", metavar="NUMBERS", help="the target y, such as 1,0: in place of the file's")
    _common(command, digits=6)
    return parser


def _command(commands: Any, name: str, summary: str, example: str, run: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.set_defaults(run=run)
    return command


def _common(command: argparse.ArgumentParser, digits: int) -> None:
    command.add_argument(
        "--draw", metavar="FILE", help="draw the computation graph: .png, .svg, .pdf, .dot, or .html to step through it"
    )
    command.add_argument("--force", action="store_true", help="draw more than 2,000 scalars, too")
    command.add_argument("--digits", type=int, choices=range(18), metavar="N", default=digits,
                         help=f"digits after the point, 0 to 17 (default {digits})")  # fmt: skip


# A command returns what is printed, the root of the graph that --draw draws, and the picture's title.


def _eval(options: argparse.Namespace) -> tuple[str, Value, str]:
    expression = Expression.parse(options.expression)
    values = _assignments(options.values)
    for name in values:
        if name in CONSTANTS:
            raise ValueError(f"{name!r} is known to be {CONSTANTS[name]!r}: choose another name")
        if name not in expression.names:
            raise ValueError(
                f"{name!r} is not in the expression, whose names are: {', '.join(expression.names) or 'none'}"
            )
    missing = [name for name in expression.names if name not in values]
    if missing:
        raise ValueError(f"no value for {', '.join(f'{name}=...' for name in missing)}" + EULER * ("e" in missing))
    steps = expression.steps({name: Value(values[name], label=name) for name in expression.names})
    text, root = steps[-1]
    if not isinstance(root, Value):  # an expression without names
        root = Value(root)
        steps = [(text, root)]
    root.backward()
    rows = [(str(text), value.data, value.grad) for text, value in steps if isinstance(value, Value)]
    rows.sort(key=lambda row: row[0] not in values)  # names first
    if options.json:
        values_list = [{"name": n, "value": _json(v), "gradient": _json(g)} for n, v, g in rows]
        answer = json.dumps({"expression": str(text), "value": _json(root.data), "values": values_list})
    else:
        table = [(name, *(worked.fixed(x, options.digits) for x in numbers)) for name, *numbers in rows]
        answer = f"{text} = {worked.fixed(root.data, options.digits)}\n\n"
        answer += _table([("name", "value", "gradient"), *table])
    return answer, root, str(text)


def _assignments(assignments: Sequence[str]) -> dict[str, float]:
    values: dict[str, float] = {}
    for assignment in assignments:
        name, equals, number = (part.strip() for part in assignment.partition("="))
        if not equals or not name.isidentifier():
            raise ValueError(f"expected name=number, got {assignment.strip()!r}")
        if name in values:
            raise ValueError(f"two values for {name!r}")
        try:
            values[name] = Expression.parse(number)()
        except ExpressionError as error:
            raise ValueError(f"the value of {name}: {error}") from None
    return values


def _solve(options: argparse.Namespace) -> tuple[str, Value | list[Value], str]:
    problem = worked.Problem.load(options.problem)
    if options.target is not None:
        try:
            targets = [[float(entry) for entry in row.split(",")] for row in options.target.split(";")]
        except ValueError:
            raise ValueError(f"--target: expected numbers and commas, such as 1,0, got {options.target!r}") from None
        problem = problem.with_target(targets)
    solution = worked.solve(problem)
    return worked.report(solution, options.digits), solution.root, problem.title


def _json(x: float) -> float | str:
    return x if isfinite(x) else str(x)  # JSON knows no inf and no nan


def _table(rows: Sequence[Sequence[str]]) -> str:
    first, *others = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([f"{name:<{first}}", *(f"{n:>{w}}" for n, w in zip(numbers, others, strict=True))])
        for name, *numbers in rows
    )
