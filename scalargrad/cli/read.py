"""`scalargrad read`."""

from __future__ import annotations

import argparse

from scalargrad.cli._answer import Answer

SUMMARY = "show as TOML what is understood of a problem in Markdown, LaTeX or plain text"
EXAMPLE = "scalargrad read assignment.md -o problem.toml"


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `read`."""
    command.add_argument("problem", help="a text that gives x, W_1, b_1, ..., and names activation and loss")
    command.add_argument("-o", "--output", metavar="FILE", help="write it to a file")


def run(options: argparse.Namespace) -> Answer:
    """Show as TOML what is understood of a problem."""
    from scalargrad.homework import reading
    from scalargrad.homework.toml import toml

    problem = reading.load(options.problem)
    return Answer(f"# Understood of {problem.source}: {problem.title}\n\n{toml(problem)}".rstrip("\n"))
