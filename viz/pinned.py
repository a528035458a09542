"""A layout as Graphviz takes it: every node, frame and edge has its place, in points, and y grows upwards.

The layout `nop2` of Graphviz leaves them where they are, in the program `dot` and wherever else Graphviz is built in;
the layout `dot` does not look at them, so that a graph that should run downwards is the same text.
"""

from __future__ import annotations

from collections.abc import Sequence

from viz.layout import SLIDE, Canvas, Item, Link, lay_out

ARROW = 10.0  # points: the length of an arrowhead of size 1


class Sheet:
    """A picture that is laid out.

    >>> a, b = Item(50, 20), Item(50, 20)
    >>> sheet = Sheet([a, b], [Link(a, b, leaves=10, enters=10)])
    >>> sheet.at(b), (sheet.width, sheet.height)
    ('pos="115.0,10.0"', (140.0, 20.0))
    """

    def __init__(self, items: list[Item], links: Sequence[Link], canvas: Canvas = SLIDE) -> None:
        root = Item(0, 0, items)
        lay_out(root, links, canvas)
        self.width, self.height = root.width, root.height

    def at(self, card: Item) -> str:
        """Write where a card lies: its middle."""
        return f'pos="{card.x + card.width / 2:.1f},{self.height - card.y - card.height / 2:.1f}"'

    def around(self, frame: Item) -> str:
        """Write where a frame lies: its corners.

        >>> frame = Item(0, 20, [Item(30, 20)])
        >>> Sheet([frame], []).around(frame)
        'bb="0.0,0.0,50.0,50.0"'
        """
        top = self.height - frame.y
        return f'bb="{frame.x:.1f},{top - frame.height:.1f},{frame.x + frame.width:.1f},{top:.1f}"'

    def along(self, link: Link, arrowsize: float) -> str:
        """Write the way of an edge, up to an arrowhead of a size, and the place of the edge's label.

        >>> a, b = Item(50, 20), Item(50, 20)
        >>> Sheet([a, b], [link := Link(a, b, leaves=10, enters=10)]).along(link, 0.7)
        'pos="e,90.0,10.0 50.0,10.0 70.0,10.0 66.5,10.0 83.0,10.0"'
        """
        *way, (x1, y1), (x, y) = link.path
        back = min(ARROW * arrowsize, abs(x - way[-2][0]) / 2)
        points = [*way, (max(x1 - back / 2, way[-1][0] - back / 2), y1), (x - back, y)]
        spline = " ".join(f"{a:.1f},{self.height - b:.1f}" for a, b in points)
        label = f' lp="{link.label_place[0]:.1f},{self.height - link.label_place[1]:.1f}"' if link.label else ""
        return f'pos="e,{x:.1f},{self.height - y:.1f} {spline}"{label}'
