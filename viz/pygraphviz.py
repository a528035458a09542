"""The renderer `pygraphviz`, run in a process of its own: the package's Graphviz can crash on a legal graph."""

from __future__ import annotations

import sys


def main(format: str) -> None:
    """Read DOT from the standard input and write the picture to the standard output."""
    import pygraphviz

    dot = sys.stdin.buffer.read().decode()
    sys.stdout.buffer.write(pygraphviz.AGraph(string=dot).draw(format=format, prog="dot"))
