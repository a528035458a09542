"""What a command gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scalargrad.value import Value


class Answer(NamedTuple):
    """What a command gives: a text, and the root of the graph that `--draw` draws.

    >>> Answer("4").status
    0

    text    is printed, or written to the file that was asked for
    root    of the graph, or the roots: none where there is no graph
    title   of the picture
    note    for the user, beside the text
    status  that the program ends with
    """

    text: str
    root: Value | Sequence[Value] = ()
    title: str = ""
    note: str = ""
    status: int = 0
