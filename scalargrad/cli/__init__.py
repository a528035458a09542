"""The command line: a command a file, assembled here.

A command's file says what the command is for (SUMMARY), shows it (EXAMPLE), adds its options to a parser (`add_options`)
and runs (`run`, which returns an Answer). What it needs beside the engine it imports in these two functions: so a command
starts without what the others need. Another file here is another command; those that begin with _ are what several share.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Any

import scalargrad
from scalargrad import files
from scalargrad.cli._answer import Answer
from scalargrad.cli._drawing import draw

FIRST_COMMANDS = ("eval", "explain", "solve", "check", "exercise", "read")  # as help lists them; others follow by name


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
    options = _parser(arguments).parse_args(arguments)
    # Status 1 tells a grader that an answer is wrong. Nothing else may end with it, not even a mistake that nobody foresaw.
    try:
        answer: Answer = options.run(options)
        _finish(answer, options)
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
        import traceback

        traceback.print_exc()
        return 2
    return answer.status


def _end_tidily() -> None:
    """Let a program that is told to end remove what it has not finished."""

    def end(number: int, _: Any) -> None:
        raise SystemExit(128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if (
            number is not None and signal.getsignal(number) is signal.SIG_DFL
        ):  # else the program was started to ignore the signal
            signal.signal(number, end)


def _failed(message: str) -> int:
    print(f"scalargrad: error: {message}", file=sys.stderr)
    return 2


def _finish(answer: Answer, options: argparse.Namespace) -> None:
    """Print the answer, or write it to the file that was asked for, and draw its graph."""
    if getattr(options, "output", None) is None:
        _print(answer.text)
    else:
        with suppress(BrokenPipeError):  # the reader of a pipe has seen enough
            files.write(options.output, answer.text + "\n")
    if answer.note:
        print(f"scalargrad: {answer.note}", file=sys.stderr)
    if getattr(options, "draw", None) is not None:
        print(f"\ndrawn: {draw(answer, options)}", file=sys.stderr)


def _print(text: str) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Files and pipes get UTF-8, as from Python 3.15 on anyhow. A terminal, and a user who names an encoding, get that
        # encoding: a question mark where it has no ∂.
        told = sys.stdout.isatty() or os.environ.get("PYTHONIOENCODING")
        sys.stdout.reconfigure(encoding=None if told else "utf-8", errors="replace")
    try:
        print(text, flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python writes the rest again at its end
        if not isinstance(error, BrokenPipeError):  # a broken pipe is a reader, `head` for one, that has seen enough
            error.filename = "output"
            raise


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of all commands, with the options of those that are named in the arguments."""
    parser = argparse.ArgumentParser(
        prog="scalargrad",
        description="Exact derivatives of small programs of numbers, shown and explained.",
        allow_abbrev=False,
    )
    built = find_spec("scalargrad._engine") is not None
    engine = f"{scalargrad.engine_name} engine{'' if built else '; the C engine is not built'}"
    version = f"scalargrad {scalargrad.__version__} ({engine})"
    parser.add_argument("--version", action="version", version=version)
    names = _commands()
    commands = parser.add_subparsers(title="commands", required=True, metavar=f"{{{','.join(names)}}}")
    for name in names:
        command = import_module(f"scalargrad.cli.{name}")
        summary = command.SUMMARY
        options = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=f"example:\n  {command.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        options.set_defaults(run=command.run)
        if name in arguments:
            command.add_options(options)
    return parser


def _commands() -> list[str]:
    """Return the names of the commands, which are the files here."""
    found = {module.name for module in iter_modules(__path__) if not module.name.startswith("_")}
    return sorted(found, key=lambda name: (FIRST_COMMANDS.index(name) if name in FIRST_COMMANDS else len(found), name))
