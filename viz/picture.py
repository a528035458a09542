"""What a picture must have, at whichever level of detail: the pictures that `viz.levels` lists inherit from this."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from scalargrad import Value
from viz.layout import SLIDE, Canvas
from viz.paths import Paths, Stop
from viz.theme import Theme

TYPE = 13  # points: the type of a card
ARROWHEAD = 0.7  # the size of an arrowhead, of Graphviz's own, where no gradient makes it larger


class Picture(ABC):
    """A graph at one level of detail, written as DOT statements, with what stands above them.

    theme   the colours
    digits  decimals of a number
    paths   the paths that stand out, where a value is highlighted
    canvas  what the picture is made for
    """

    resolution = 110  # dots an inch, in a format of pixels

    def __init__(self, theme: Theme, digits: int, paths: Paths | None = None, canvas: Canvas = SLIDE) -> None:
        self.theme, self.digits, self.paths, self.canvas = theme, digits, paths, canvas

    @property
    @abstractmethod
    def words(self) -> str:
        """What the picture shows, in words."""

    @property
    @abstractmethod
    def scalars(self) -> int:
        """How many scalars the picture stands for."""

    @property
    @abstractmethod
    def pieces(self) -> tuple[int, str]:
        """How many pieces are drawn, and what one of them is called: above a limit the picture is refused."""

    @property
    @abstractmethod
    def is_readable(self) -> bool:
        """Whether the picture can be read on its canvas: "auto" takes the finest level that can."""

    @abstractmethod
    def legend(self) -> Iterator[str]:
        """Write the lines of the legend, as HTML-like labels."""

    @abstractmethod
    def statements(self) -> Iterator[str]:
        """Write nodes, frames and edges as DOT."""

    @abstractmethod
    def stop(self, value: Value) -> Stop:
        """Tell where in the picture a path through a value stops."""
