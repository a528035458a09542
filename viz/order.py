"""First things on top: some versions of Graphviz stack the frames of a picture from the bottom up.

So the layout is read back, and where the first frame came out below the second, the statements are turned round.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass
class Block:
    """The statements of a graph or a frame: lines, and the blocks of the frames in it."""

    lines: list[str | Block] = field(default_factory=list)

    def text(self, *, mirrored: bool) -> Iterator[str]:
        """Yield the lines, those of cards and frames in reverse if they are to be mirrored."""
        turned = iter([item for item in reversed(self.lines) if _is_placed(item)])
        for item in self.lines:
            chosen = next(turned) if mirrored and _is_placed(item) else item
            if isinstance(chosen, Block):
                yield from chosen.text(mirrored=mirrored)
            else:
                yield chosen

    def cards(self) -> Iterator[str]:
        """Yield the names of the cards in the block."""
        for item in self.lines:
            if isinstance(item, Block):
                yield from item.cards()
            elif _is_placed(item):
                yield item.split(maxsplit=1)[0]

    def frames(self) -> Iterator[list[Block]]:
        """Yield the frames that lie side by side, block by block."""
        blocks = [item for item in self.lines if isinstance(item, Block)]
        yield blocks
        for block in blocks:
            yield from block.frames()


def _is_placed(item: str | Block) -> bool:
    return isinstance(item, Block) or (item[2:3].isdigit() and " -> " not in item.partition("[")[0])


def _parse(dot: str) -> Block:
    stack = [Block()]
    for line in dot.split("\n"):
        if line.startswith("  subgraph "):
            block = Block()
            stack[-1].lines.append(block)
            stack.append(block)
        stack[-1].lines.append(line)
        if line == "  }":
            stack.pop()
    return stack[0]


def upright(dot: str, layout: str) -> str:
    """Return DOT whose frames come out top down, given the layout of it that Graphviz made, in its format "plain".

    >>> dot = chr(10).join(["digraph {", "  subgraph a {", "  1 []", "  }", "  subgraph b {", "  2 []", "  }", "}"])
    >>> upright(dot, "node 1 0 9 1 1" + chr(10) + "node 2 0 5 1 1") == dot
    True
    >>> upright(dot, "node 1 0 5 1 1" + chr(10) + "node 2 0 9 1 1").split()[3]
    'b'
    """
    places = {}
    for line in layout.splitlines():
        words = line.split()
        if words and words[0] == "node":
            x, y, width = (float(number) for number in (words[2], words[3], words[4]))
            places[words[1]] = (x - width / 2, x + width / 2, y)
    graph, score = _parse(dot), 0
    for frames in graph.frames():
        extents = [_extent([places[card] for card in frame.cards() if card in places]) for frame in frames]
        for (left, right, y), (next_left, next_right, next_y) in pairwise(extents):
            if left < next_right and next_left < right:
                score += 1 if y > next_y else -1
    return "\n".join(graph.text(mirrored=score < 0))


def _extent(places: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    if not places:
        return 0.0, 0.0, 0.0
    lefts, rights, ys = zip(*places, strict=True)
    return min(lefts), max(rights), sum(ys) / len(ys)
