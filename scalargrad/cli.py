"""The command line: eval and explain an expression; solve, check, make and read network problems."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Any

import scalargrad
from scalargrad import files, worked
from scalargrad.expression import CONSTANTS, EULER, Expression, ExpressionError
from scalargrad.formula import parse
from scalargrad.homework import checking as homework
from scalargrad.homework import marks, reading
from scalargrad.homework.answers import load_answers
from scalargrad.homework.exercise import Exercise, friendly_problem, write_exercises
from scalargrad.homework.toml import toml
from scalargrad.value import Value
from scalargrad.worked.derivation import written
from scalargrad.worked.explanation import explain
from scalargrad.worked.problem import LOSSES
from scalargrad.worked.writers import ENDINGS, FORMATS, write


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
    if arguments is None:
        arguments = sys.argv[1:]
        _end_tidily()
    # argparse takes what starts with a minus for an option, unless there is a space in it.
    short = ("-h",) if "eval" in arguments[:1] else ("-h", "-o")
    arguments = [f" {a}" if a.startswith("-") and not a.startswith("--") and a not in short else a for a in arguments]
    options = _parser().parse_args(arguments)
    # Status 1 is a grader's: an answer is wrong. Nothing else may end with it, not even what nobody foresaw.
    try:
        _run(options)
    except OSError as error:
        parts = (error.filename, error.strerror or str(error))
        return _failed(": ".join(str(part) for part in parts if part is not None))
    except (ValueError, ArithmeticError, TypeError, ImportError, RuntimeError) as error:
        return _failed(str(error))
    except MemoryError:
        return _failed("out of memory")
    except KeyboardInterrupt:
        return 130  # as a shell says that a program was interrupted
    except Exception:  # noqa: BLE001 - a mistake of ours
        traceback.print_exc()
        return 2
    return int(options.status)


def _end_tidily() -> None:
    """Let a program that is told to end remove what it has not finished."""

    def end(number: int, _: Any) -> None:
        raise SystemExit(128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # else it was started to ignore it
            signal.signal(number, end)


def _failed(message: str) -> int:
    print(f"scalargrad: error: {message}", file=sys.stderr)
    return 2


def _run(options: argparse.Namespace) -> None:
    text, root, title = options.run(options)
    if getattr(options, "output", None) is None:
        _print(text)
    else:
        with suppress(BrokenPipeError):  # of a pipe, whose reader has seen enough
            files.write(options.output, text + "\n")
    if options.note:
        print(f"scalargrad: {options.note}", file=sys.stderr)
    if options.draw is None:
        return
    import viz

    if options.draw.lower().endswith(".html"):
        if not isinstance(root, Value):
            raise ValueError("a page steps back from one number: with --target, from the loss")
        drawn = viz.step_through(root, options.draw, title=title)
    else:
        drawn = viz.draw(
            root,
            options.draw,
            detail=options.detail,
            highlight=options.highlight,
            title=title,
            theme=options.theme,
            force=options.force,
        )
    print(f"\ndrawn: {drawn}", file=sys.stderr)


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
            error.filename = "output"
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
    commands = parser.add_subparsers(
        title="commands", required=True, metavar="{eval,explain,solve,check,exercise,read}"
    )

    command = _command(
        commands,
        "eval",
        "evaluate an expression and its gradient",
        'scalargrad eval "log(1 + exp(-(w*x + b)))" w=-2 x=1.5 b=0.3 --draw graph.png',
        _eval,
    )
    _expression(command)
    command.add_argument("--json", action="store_true", help="print JSON, with all digits")
    _common(command, digits=4)

    command = _command(
        commands,
        "explain",
        "write out how the gradient of an expression comes about, step by step",
        'scalargrad explain "log(1 + exp(-(w*x + b)))" w=-2 x=1.5 b=0.3 -o derivative.html',
        _explain,
    )
    _expression(command)
    _written(command)
    _common(command, digits=4)

    command = _command(
        commands,
        "solve",
        "solve a network problem: forward values, error terms, gradients, updated parameters",
        "scalargrad solve problem.toml --target 1,0 --draw graph.png",
        _solve,
    )
    _problem_file(command)
    command.add_argument("--steps", type=int, metavar="N", help="steps of gradient descent: in place of the file's")
    _written(command)
    _common(command, digits=6, also=", 4 written out")

    command = _command(
        commands,
        "check",
        "check a student's answers to a network problem, and find the likely causes of mistakes",
        "scalargrad check problem.toml answers.toml --target 1,0",
        _check,
    )
    _problem_file(command)
    command.add_argument("answers", help="a TOML file of Z1, H, Z2, y_hat, loss, delta2, delta1, dW1, db1, W1_new, ...")
    command.add_argument("--format", choices=("text", "json"), default="text", help="JSON is for a grader")

    command = _command(
        commands,
        "exercise",
        "make exercises with friendly numbers: worksheets, problems, forms for answers, keys",
        'scalargrad exercise --layers 4-3-2 --activation "relu(z) + sin(z)" --seed 7 --count 30 -o sheets',
        _exercise,
    )
    command.add_argument("--layers", required=True, metavar="SIZES", help="inputs, neurons, outputs, such as 4-3-2")
    command.add_argument(
        "--activation", default="relu", metavar="F", help="a name or an expression in z (default relu)"
    )
    command.add_argument("--loss", choices=LOSSES, default="cross-entropy", help="default cross-entropy")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same sheets")
    command.add_argument("--count", type=_count, metavar="N", default=1, help="how many, up to 999")
    command.add_argument("--format", choices=tuple(FORMATS), default="markdown", help="of worksheets and keys")
    command.add_argument("-o", dest="directory", required=True, metavar="DIR", help="a new directory for them")

    command = _command(
        commands,
        "read",
        "show as TOML what is understood of a problem in Markdown, LaTeX or plain text",
        "scalargrad read assignment.md -o problem.toml",
        _read,
    )
    command.add_argument("problem", help="a text that gives x, W_1, b_1, ..., and names activation and loss")
    command.add_argument("-o", "--output", metavar="FILE", help="write it to a file")
    return parser


def _problem_file(command: argparse.ArgumentParser) -> None:
    tables = "a TOML file with input, target, loss, learning_rate and [[layer]] tables"
    command.add_argument("problem", help=f"{tables}, or a text, as for read")
    command.add_argument("--target", metavar="NUMBERS", help="the target y, such as 1,0: in place of the file's")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= 999:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 999, got {text!r}")
    return int(text)


def _expression(command: argparse.ArgumentParser) -> None:
    command.add_argument("expression", help="numbers, names, + - * / **, parentheses, and functions such as exp(x)")
    command.add_argument(
        "values", nargs="*", metavar="name=number", help="a value for each name, such as w=-2 or x=1/3"
    )


def _written(command: argparse.ArgumentParser) -> None:
    command.add_argument("--format", choices=tuple(FORMATS), help="write every step out, derived, in this format")
    command.add_argument("-o", "--output", metavar="FILE", help="write it to a file: .txt, .md, .tex, .html or .json")


def _command(commands: Any, name: str, summary: str, example: str, run: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.set_defaults(run=run, draw=None, status=0, note="")
    return command


def _common(command: argparse.ArgumentParser, digits: int, also: str = "") -> None:
    command.add_argument(
        "--draw", metavar="FILE", help="draw the computation graph: .png, .svg, .pdf, .dot, or .html to step through it"
    )
    command.add_argument("--detail", choices=("auto", "full", "units", "layers"), default="auto",
                         help="every scalar, linear unit or layer; auto is the finest that is still read")  # fmt: skip
    command.add_argument("--highlight", metavar="NAME", help="show every path from a value to the root, such as w11")
    command.add_argument("--theme", choices=("light", "dark"), default="light", help="the colours of the picture")
    command.add_argument("--force", action="store_true", help="draw more than 2,000 cards, too")
    command.add_argument("--digits", type=int, choices=range(18), metavar="N",
                         help=f"digits after the point, 0 to 17 (default {digits}{also})")  # fmt: skip
    command.set_defaults(default_digits=digits)


# A command returns what is printed, the root of the graph that --draw draws, and the picture's title.


def _eval(options: argparse.Namespace) -> tuple[str, Value, str]:
    values, steps = _evaluated(options)
    text, root = steps[-1]
    root.backward()
    rows = [(str(text), value.data, value.grad) for text, value in steps if isinstance(value, Value)]
    rows.sort(key=lambda row: row[0] not in values)  # names first
    if options.json:
        values_list = [{"name": n, "value": _json(v), "gradient": _json(g)} for n, v, g in rows]
        answer = json.dumps({"expression": str(text), "value": _json(root.data), "values": values_list})
    else:
        digits = _digits(options)
        table = [(name, *(worked.fixed(x, digits) for x in numbers)) for name, *numbers in rows]
        answer = f"{text} = {worked.fixed(root.data, digits)}\n\n"
        answer += _table([("name", "value", "gradient"), *table])
    return answer, root, str(text)


def _explain(options: argparse.Namespace) -> tuple[str, Value, str]:
    _, steps = _evaluated(options)
    text, root = steps[-1]
    root.backward()
    format = _format(options) or "text"
    picture = _picture(options, root, str(text)) if format == "html" else ""
    title, formula = f"Worked derivative: {text}", parse(options.expression)
    return (
        write(explain(root, _digits(options), title=title, formula=formula, picture=picture), format),
        root,
        str(text),
    )


def _evaluated(options: argparse.Namespace) -> tuple[dict[str, float], list[tuple[str, Any]]]:
    """Return the values of the names, and every step of the expression; the last is a Value."""
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
    steps: list[tuple[str, Any]] = list(expression.steps({n: Value(values[n], label=n) for n in expression.names}))
    text, root = steps[-1]
    if not isinstance(root, Value):  # an expression without names
        steps = [(text, Value(root))]
    return values, steps


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
    problem = _problem(options)
    if options.steps is not None:
        problem = problem.with_steps(options.steps)
    solution = worked.solve(problem)
    format = _format(options)
    if format is None:
        text = worked.report(solution, _digits(options))
    else:
        picture = _picture(options, solution.root, problem.title) if format == "html" else ""
        text = write(written(solution, 4 if options.digits is None else options.digits, picture), format)
    return text, solution.root, problem.title


def _problem(options: argparse.Namespace) -> worked.Problem:
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


def _check(options: argparse.Namespace) -> tuple[str, None, str]:
    problem = _problem(options)
    checked = homework.check(problem, load_answers(options.answers, homework.shapes(problem)))
    if checked.first_wrong:
        options.status = 1
    if options.format == "json":
        return json.dumps(marks.as_json(checked), ensure_ascii=False, indent=2), None, ""
    title = f"{Path(options.answers).name}, checked against {problem.source}: {problem.title}"
    return f"{title}\n\n{marks.report(checked)}", None, ""


def _exercise(options: argparse.Namespace) -> tuple[str, None, str]:
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
    return f"{options.count} exercise{plural}: {made}/worksheets, problems, answers, keys", None, ""


def _read(options: argparse.Namespace) -> tuple[str, None, str]:
    problem = reading.load(options.problem)
    return f"# Understood of {problem.source}: {problem.title}\n\n{toml(problem)}".rstrip("\n"), None, ""


def _digits(options: argparse.Namespace) -> int:
    return options.default_digits if options.digits is None else options.digits


def _format(options: argparse.Namespace) -> str | None:
    """Return the format that was asked for, by name or by the ending of the file."""
    if options.format or options.output is None:
        return options.format
    ending = Path(options.output).suffix
    if ending not in ENDINGS:
        raise ValueError(f"--output: expected an ending of {', '.join(ENDINGS)}, or --format, got {options.output!r}")
    return ENDINGS[ending]


def _picture(options: argparse.Namespace, root: Value | list[Value], title: str) -> str:
    """Draw the graph as SVG, for a page; where nothing here can draw, the page has none."""
    from viz.dot import to_dot
    from viz.render import RendererNotFound, render

    try:
        svg = render(to_dot(root, title=title, format="svg"), "svg").decode()
    except RendererNotFound:
        remedy = 'pip install "scalargrad[pictures]", or Graphviz'
        options.note = f"the page has no picture, for nothing here can draw: {remedy}"
        return ""
    return svg[svg.index("<svg") :]


def _json(x: float) -> float | str:
    return x if isfinite(x) else str(x)  # JSON knows no inf and no nan


def _table(rows: Sequence[Sequence[str]]) -> str:
    first, *others = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([f"{name:<{first}}", *(f"{n:>{w}}" for n, w in zip(numbers, others, strict=True))])
        for name, *numbers in rows
    )
