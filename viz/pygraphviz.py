"""The renderer `pygraphviz`, run in a process of its own: its Graphviz can crash on a legal graph."""

from __future__ import annotations

import sys
from pathlib import Path

from viz.order import upright


def main(format: str) -> None:
    """Read DOT from the standard input and write the picture to the file `picture`."""
    import pygraphviz

    dot = sys.stdin.buffer.read().decode()

    def rendered(text: str, format: str) -> bytes:
        content: bytes = pygraphviz.AGraph(string=text).draw(format=format, prog="dot")
        return content

    dot = upright(dot, lambda text: rendered(text, "plain").decode())
    Path("picture").write_bytes(rendered(dot, format))
