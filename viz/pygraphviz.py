"""The renderer `pygraphviz`, run in a process of its own: the package's Graphviz can crash on a legal graph."""

from __future__ import annotations

import sys

from viz.order import upright


def main(format: str) -> None:
    """Read DOT from the standard input and write the picture to the standard output."""
    import pygraphviz

    dot = sys.stdin.buffer.read().decode()

    def rendered(text: str, format: str) -> bytes:
        content: bytes = pygraphviz.AGraph(string=text).draw(format=format, prog="dot")
        return content

    dot = upright(dot, lambda text: rendered(text, "plain").decode())
    sys.stdout.buffer.write(rendered(dot, format))
