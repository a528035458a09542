"""The command line: `scalargrad eval` an expression, `scalargrad solve` a network problem."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from math import isfinite
from typing import Any

import scalargrad
from scalargrad import worked
from scalargrad.engine import Value
from scalargrad.expression import Expression, ExpressionError


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
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, `head` for one, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"scalargrad: error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except (ValueError, ArithmeticError, TypeError, ImportError, RuntimeError) as error:
        print(f"scalargrad: error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scalargrad",
        description="Exact derivatives of small programs of numbers, shown and explained.",
        allow_abbrev=False,
    )
    version = f"scalargrad {scalargrad.__version__} ({scalargrad.engine_name} engine)"
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
    command.add_argument("--draw", metavar="FILE", help="draw the computation graph: .png, .svg, .pdf or .dot")
    command.add_argument("--digits", type=int, choices=range(18), metavar="N", default=digits,
                         help=f"digits after the point, 0 to 17 (default {digits})")  # fmt: skip


def _eval(options: argparse.Namespace) -> None:
    expression = Expression.parse(options.expression)
    values = _assignments(options.values)
    for name in values:
        if name not in expression.names:
            raise ValueError(
                f"{name!r} is not in the expression, whose names are: {', '.join(expression.names) or 'none'}"
            )
    missing = [f"{name}=..." for name in expression.names if name not in values]
    if missing:
        raise ValueError(f"no value for {', '.join(missing)}")
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
        print(
            json.dumps({"expression": str(text), "value": _json(root.data), "values": values_list}, ensure_ascii=False)
        )
    else:
        print(f"{text} = {_fixed(root.data, options.digits)}\n")
        table = [(name, _fixed(value, options.digits), _fixed(grad, options.digits)) for name, value, grad in rows]
        _print_table([("name", "value", "gradient"), *table])
    if options.draw:
        _draw(root, options.draw, str(text))


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


def _solve(options: argparse.Namespace) -> None:
    problem = worked.Problem.load(options.problem)
    if options.target is not None:
        try:
            target = [float(entry) for entry in options.target.split(",")]
        except ValueError:
            raise ValueError(f"--target: expected numbers and commas, such as 1,0, got {options.target!r}") from None
        problem = problem.with_target(target)
    solution = worked.solve(problem)
    print(worked.report(solution, options.digits))
    if options.draw:
        _draw(solution.loss or solution.h[-1], options.draw, problem.title)


def _draw(root: Any, path: str, title: str) -> None:
    import viz

    print(f"\ndrawn: {viz.draw(root, path, title=title)}", file=sys.stderr)


def _json(x: float) -> float | str:
    return x if isfinite(x) else str(x)  # JSON knows no inf and no nan


def _fixed(x: float, digits: int) -> str:
    shown = f"{x:.{digits}f}"
    hidden = x != 0 and float(shown) == 0
    return f"{x:.{digits}e}" if hidden or abs(x) >= 1e15 else shown


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *numbers in rows:
        print(f"{name:<{widths[0]}}", *(f"{n:>{w}}" for n, w in zip(numbers, widths[1:], strict=True)), sep="  ")
