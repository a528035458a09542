"""The renderer `pygraphviz`, run in a process of its own: its Graphviz can crash on a legal graph."""

from __future__ import annotations

import sys


def main(format: str) -> None:
    """Read DOT from the standard input and write the picture to the standard output."""
    import pygraphviz

    graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
    sys.stdout.buffer.write(graph.draw(format=format, prog="dot"))
