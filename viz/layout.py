"""Where everything of a picture stands: the one layout of files and pages.

Left to right in columns, by how many operations lie before; top to bottom in the order of the program, which nothing
permutes. A frame is laid out on its own, after the frames inside: how a link gets out of a frame or into it is part of
that frame's layout. What is wider than the canvas is wrapped, as lines of text are, where few links cross the break.

The time taken grows with the size of the graph, and one graph has one layout on every machine: text is measured in the
shipped font, and no renderer is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from math import sqrt
from typing import NamedTuple, TypeAlias

Point: TypeAlias = tuple[float, float]

PAD = 10.0  # points between a frame and what is inside
CARD_GAP, LINE_GAP = 10.0, 7.0  # between cards of a column, and beside a link that passes between them
COLUMN_GAP, MOST_COLUMN_GAP = 40.0, 84.0
ROW_GAP, TURN, TURN_GAP = 26.0, 20.0, 5.0  # between rows of what is wrapped, links swing out and go back to the left
MOST_LINES, MOST_LINES_OF_A_LINK = 60_000, 60  # places kept free: where more would be needed, links go straight on
LEAST_GAIN = 1.2  # how much larger a picture must be seen when it is wrapped
LABEL_ROOM = 34.0  # beside a label, for the link that it stands on and the arrowhead
SWEEPS = 8  # over the columns, each time from the other side
LEAST_WIDENED = 0.5  # of the widest card in a column: a smaller card stays as it is, near to where its links go
LEAST_ROW = 0.4  # of a full row: less does not begin a new row
HANGING = 0.1  # how little counts where a card stands that is given, and used once
ENTRY_GAP, LABEL_GAP = 7.0, 3.0  # between the points where links enter one card, and between their labels there

_T = 0.65  # where on its last curve a link has its label: links that cross half way have theirs apart
LABEL_SHARES = ((1 - _T) ** 3, 3 * (1 - _T) ** 2 * _T, 3 * (1 - _T) * _T**2, _T**3)


class Canvas(NamedTuple):
    """What a picture is made for: the width and height in points on which a card's type is large enough.

    >>> SLIDE.width / SLIDE.height > 1.5
    True

    across  how many links may go on in the next row where a picture is wrapped: more would be a tangle
    """

    width: float
    height: float
    across: int = 2


SLIDE = Canvas(1920.0, 1080.0)  # on a slide that a picture of this size fills, a point is a pixel
CANVASES = {
    "slide": SLIDE,
    "page": Canvas(1040.0, 1470.0),  # upright A4, whose type of 7 pixels is as high as that of a footnote
    "notebook": Canvas(960.0, 1080.0),  # a cell, below which one scrolls
    "phone": Canvas(420.0, 840.0, across=8),
}


@dataclass(eq=False)
class Item:
    """A card, or a frame with what is inside, in the order of the program; x and y are those of the upper left corner.

    >>> card = Item(60, 40)
    >>> frame = Item(50, 20, [card])  # at least as wide as its title, which is 20 high
    >>> lay_out(Item(0, 0, [frame]), [])
    >>> (card.x, card.y, frame.width, frame.height)
    (10.0, 20.0, 80.0, 70.0)
    """

    width: float
    height: float
    children: list[Item] | None = None  # of a frame, which may be empty at first
    x: float = 0.0
    y: float = 0.0

    def __post_init__(self) -> None:
        self.is_frame = self.children is not None
        self.inside: list[Item] = self.children if self.children is not None else []
        self.parent: Item | None = None
        self.depth = self.index = self.rank = 0
        self.row = 0  # of a frame that is wrapped, the row in which this stands
        self.top = self.height  # of a frame: where its inside begins
        self.inner: list[tuple[Item, Item, Link]] = []
        self.exits: list[tuple[Item, Link]] = []
        self.entries: list[tuple[Item, Link]] = []
        self.leaving: dict[Link, float] = {}  # how far below the top a link leaves
        self.entering: dict[Link, float] = {}
        self.right = 0.0  # the edge of the column
        self.row_tops = [0.0]  # of a frame that is wrapped
        self.turns = [0.0]  # how far above the middle between two rows the next link goes back: links stay apart

    def leaves(self, link: Link) -> float:
        """Return how far below the top a link leaves.

        >>> card = Item(60, 40)
        >>> card.leaves(Link(card, Item(60, 40), leaves=12.0))
        12.0
        """
        return self.leaving[link] if self.is_frame else link.leaves

    def enters(self, link: Link) -> float:
        """Return how far below the top a link enters.

        >>> card = Item(60, 40)
        >>> card.enters(Link(Item(60, 40), card, enters=12.0))
        12.0
        """
        return self.entering[link] if self.is_frame else link.enters

    def within(self) -> Iterator[Item]:
        """Yield the item itself and all that is inside, at any depth, an outer one before the inner.

        >>> len(list(Item(0, 0, [Item(1, 1, [Item(1, 1)])]).within()))
        3
        """
        stack = [self]
        while stack:
            item = stack.pop()
            yield item
            stack += reversed(item.inside)


@dataclass(eq=False)
class Link:
    """A link between cards: how far below their tops it leaves and enters, and the size of its label.

    >>> a, b = Item(50, 20), Item(50, 20)
    >>> link = Link(a, b, leaves=10, enters=10)
    >>> lay_out(Item(0, 0, [a, b]), [link])
    >>> link.path
    [(50.0, 10.0), (70.0, 10.0), (70.0, 10.0), (90.0, 10.0)]

    path         the points of cubic Bézier curves: a beginning, and three points a curve
    label_place  the middle of the label
    """

    source: Item
    target: Item
    leaves: float = 0.0
    enters: float = 0.0
    label: Point | None = None  # width and height

    def __post_init__(self) -> None:
        self.hangs = False  # whether its source is given, and goes nowhere else
        self.ways: dict[Item, list[Item | Line]] = {}  # in every frame on the way, the places in its columns
        self.path: list[Point] = []
        self.label_place: Point = (0.0, 0.0)


class Line:
    """A place in a column that is kept free for a link to pass."""

    __slots__ = ("rank", "right", "row", "want", "x", "y")
    height, width, is_frame = 2.0, 0.0, False

    def __init__(self, rank: int, want: float) -> None:
        self.rank, self.want = rank, want
        self.x = self.y = self.right = 0.0
        self.row = 0


Spot: TypeAlias = Item | Line
Column: TypeAlias = list[Spot]


class Segment(NamedTuple):
    """A part of a link between neighbouring columns: its ends, and how far below their tops."""

    left: Spot
    right: Spot
    left_y: float
    right_y: float
    link: Link


def lay_out(root: Item, links: Sequence[Link], canvas: Canvas = SLIDE) -> None:
    """Set x, y, width and height of all items in a frame around everything, and the path of all links.

    >>> cards = [Item(50, 20) for _ in range(3)]
    >>> lay_out(Item(0, 0, cards), [Link(cards[0], cards[2]), Link(cards[1], cards[2])])
    >>> [(card.x, card.y) for card in cards]
    [(0.0, 0.0), (0.0, 30.0), (93.0, 15.0)]
    """
    items = list(root.within())
    for item in items:
        for index, child in enumerate(item.inside):
            child.parent, child.depth, child.index = item, item.depth + 1, index
    uses = Counter(link.source for link in links)
    computed = {link.target for link in links}
    for link in links:
        link.hangs = uses[link.source] == 1 and link.source not in computed
        _enter(link)
    for item in reversed(items):
        if item.is_frame:
            _Arrangement(item, canvas, is_root=item is root).arrange()
    for item in items:
        for child in item.inside:
            child.x += item.x
            child.y += item.y
    _spread(links)
    for link in links:
        _trace(link)


def _enter(link: Link) -> None:
    """Tell every frame on a link's way of the link."""
    a, b = link.source, link.target
    while a.parent is not b.parent:
        if a.depth >= b.depth:
            assert a.parent  # noqa: S101 - the frame around everything holds both
            a.parent.exits.append((a, link))
            a = a.parent
        else:
            assert b.parent  # noqa: S101
            b.parent.entries.append((b, link))
            b = b.parent
    assert a.parent  # noqa: S101
    if a is not b:
        a.parent.inner.append((a, b, link))


class _Arrangement:
    def __init__(self, frame: Item, canvas: Canvas, *, is_root: bool) -> None:
        self.frame, self.canvas, self.is_root = frame, canvas, is_root
        self.columns: list[Column] = []
        self.starts: list[float] = []  # the left edge of every column
        self.segments: list[Segment] = []

    def arrange(self) -> None:
        frame = self.frame
        self.rank()
        last = max((item.rank for item in frame.inside), default=0)
        self.columns = [[] for _ in range(last + 1)]
        for item in frame.inside:
            self.columns[item.rank].append(item)
        self.align(self.pulls_of_items())
        self.draw_lines(last)
        self.align(self.pulls_of_segments())
        self.measure()
        self.wrap()
        self.close()

    def rank(self) -> None:
        """Give every item its column: right of all that it depends on, and no farther from where it goes than needed."""
        items = self.frame.inside
        sinks: dict[Item, list[Item]] = {item: [] for item in items}
        waiting = dict.fromkeys(items, 0)
        sources: dict[Item, set[Item]] = {item: set() for item in items}  # those that do not come along
        for a, b, link in self.frame.inner:
            sinks[a].append(b)
            waiting[b] += 1
            if not link.hangs:
                sources[b].add(a)
        ready = [item.index for item in items if not waiting[item]]
        heapify(ready)
        order: list[Item] = []
        done: set[Item] = set()
        first = 0
        while len(order) < len(items):
            while not ready:  # frames that feed each other: the one that begins first is the first
                if items[first] not in done:
                    heappush(ready, first)
                first += 1
            item = items[heappop(ready)]
            if item in done:
                continue
            done.add(item)
            order.append(item)
            for sink in sinks[item]:
                waiting[sink] -= 1
                if sink not in done:
                    sink.rank = max(sink.rank, item.rank + 1)
                    if not waiting[sink]:
                        heappush(ready, sink.index)
        place = {item: i for i, item in enumerate(order)}
        for item in reversed(order):
            later = [sink for sink in sinks[item] if place[sink] > place[item]]
            if later and len(sources[item]) <= len(set(later)):
                item.rank = max(item.rank, min(sink.rank for sink in later) - 1)

    def pulls_of_items(self) -> Pulls:
        pulls: Pulls = {}
        for a, b, link in self.frame.inner:
            if a.rank < b.rank:
                _pull(pulls, Segment(a, b, a.leaves(link), b.enters(link), link))
        return pulls

    def draw_lines(self, last: int) -> None:
        """Keep places free where links pass columns: each as near to its straight way as the cards let it."""
        frame = self.frame
        count = sum(max(b.rank - a.rank - 1, 0) for a, b, _ in frame.inner)
        count += sum(last - item.rank for item, _ in frame.exits) + sum(item.rank for item, _ in frame.entries)
        most = MOST_LINES_OF_A_LINK if count <= MOST_LINES else 0

        def lines(ranks: range, start: float, end: float) -> list[Spot]:
            first, steps = ranks.start, len(ranks) + 1
            ranks = ranks if len(ranks) <= most else range(0)
            return [Line(r, start + (end - start) * (r - first + 1) / steps) for r in ranks]

        for a, b, link in frame.inner:
            between = lines(range(a.rank + 1, b.rank), a.y + a.leaves(link), b.y + b.enters(link))
            self.join([a, *between, b], link)
        for item, link in frame.exits:
            y = item.y + item.leaves(link)
            self.join([item, *lines(range(item.rank + 1, last + 1), y, y)], link)
        for item, link in frame.entries:
            y = item.y + item.enters(link)
            self.join([*lines(range(item.rank), y, y), item], link)
        for column in self.columns:
            column.sort(key=lambda spot: spot.want if isinstance(spot, Line) else spot.y + spot.height / 2)

    def join(self, way: list[Spot], link: Link) -> None:
        link.ways[self.frame] = way
        for spot in way:
            if isinstance(spot, Line):
                self.columns[spot.rank].append(spot)
        for i in range(len(way) - 1):
            p, q = way[i], way[i + 1]
            if q.rank == p.rank + 1:
                left_y = 1.0 if isinstance(p, Line) else p.leaves(link)
                right_y = 1.0 if isinstance(q, Line) else q.enters(link)
                self.segments.append(Segment(p, q, left_y, right_y, link))

    def pulls_of_segments(self) -> Pulls:
        pulls: Pulls = {}
        for segment in self.segments:
            _pull(pulls, segment)
        return pulls

    def align(self, pulls: Pulls) -> None:
        """Move every spot as near to the mean of its neighbours as its column lets it: isotonic regression."""
        bases = []
        for column in self.columns:
            y, base = 0.0, []
            for spot, following in zip(column, [*column[1:], None], strict=True):
                base.append(y)
                y += spot.height + (_gap(spot, following) if following is not None else 0)
            bases.append((column, base, y))
        tallest = max(height for *_, height in bases)
        for column, base, height in bases:
            for spot, y in zip(column, base, strict=True):
                spot.y = y + (tallest - height) / 2
        for sweep in range(SWEEPS):
            for column, base, _ in bases if sweep % 2 == 0 else reversed(bases):
                blocks: list[tuple[float, float, int]] = []  # the sum of what is wanted, its weight, how many spots
                for spot, y in zip(column, base, strict=True):
                    wanted = pulls.get(spot)
                    if wanted:
                        weight = sum(w for _, _, w in wanted)
                        total, size = sum(w * (s.y + d) for s, d, w in wanted) - y * weight, 1
                    else:
                        total, weight, size = 0.1 * (spot.y - y), 0.1, 1
                    while blocks and blocks[-1][0] * weight > total * blocks[-1][1]:
                        above = blocks.pop()
                        total, weight, size = above[0] + total, above[1] + weight, above[2] + size
                    blocks.append((total, weight, size))
                at = 0
                for total, weight, size in blocks:
                    for i in range(at, at + size):
                        column[i].y = base[i] + total / weight
                    at += size

    def measure(self) -> None:
        """Give every column its place from left to right."""
        between = [0] * len(self.columns)
        labels = [0.0] * len(self.columns)
        for p, q, left_y, right_y, _ in self.segments:
            between[p.rank] += abs(p.y + left_y - q.y - right_y) > 4
        for b, link in [*((b, link) for _, b, link in self.frame.inner), *self.frame.entries]:
            if link.label and b.rank:
                labels[b.rank - 1] = max(labels[b.rank - 1], link.label[0] + LABEL_ROOM)
        x = 0.0
        top = min((spot.y for column in self.columns for spot in column), default=0.0)
        for rank, column in enumerate(self.columns):
            self.starts.append(x)
            width = max((spot.width for spot in column), default=0.0)
            widest = {True: 0.0, False: 0.0}  # cards above each other are of one width, and so are frames
            for spot in column:
                widest[spot.is_frame] = max(widest[spot.is_frame], spot.width)
            for spot in column:
                spot.x, spot.right = x, x + width
                spot.y -= top
                if isinstance(spot, Item):
                    if spot.width > LEAST_WIDENED * widest[spot.is_frame]:
                        spot.width = widest[spot.is_frame]
                    else:
                        spot.x += widest[spot.is_frame] - spot.width
            x += width
            if rank + 1 < len(self.columns):
                x += max(min(COLUMN_GAP + 1.5 * between[rank], MOST_COLUMN_GAP), labels[rank])

    def wrap(self) -> None:
        """Break what is wider than the canvas into rows, where few links go from one row to the next."""
        starts, ends = self.starts, [column[0].right for column in self.columns]
        width = ends[-1]
        if width <= self.canvas.width or len(self.columns) < 3:
            return
        height = max(spot.y + spot.height for column in self.columns for spot in column)
        across = [0] * len(self.columns)
        for segment in self.segments:
            across[segment.left.rank] += 1
        # As many rows as make the whole about as wide for its height as the canvas.
        count = max(round(sqrt(width * self.canvas.height / (self.canvas.width * (height + ROW_GAP)))), 1)
        limit = max(width / count, min(self.canvas.width, width / 2))
        rows, start = [0], 0.0  # the first column of each row
        for rank in range(1, len(self.columns)):
            if ends[rank] - start > 1.06 * limit and (len(rows) > 2 or width - starts[rank] > LEAST_ROW * limit):
                breaks = [r for r in range(rank, rows[-1], -1) if across[r - 1] <= self.canvas.across]
                best = min(breaks, key=lambda r: (across[r - 1], -r), default=None) if breaks[:1] != [rank] else rank
                if best and starts[best] - start > LEAST_ROW * limit:
                    rows.append(best)
                    start = starts[best]
        parts = [
            [spot for column in self.columns[r:end] for spot in column]
            for r, end in zip(rows, [*rows[1:], None], strict=True)
        ]
        heights = [max(s.y + s.height for s in part) - min(s.y for s in part) for part in parts]
        gaps = [ROW_GAP + TURN_GAP * across[r - 1] for r in rows[1:]]
        wide = max(max(s.right for s in part) - starts[r] for part, r in zip(parts, rows, strict=True)) + 2 * TURN
        now = max(width / self.canvas.width, height / self.canvas.height)
        then = max(wide / self.canvas.width, (sum(heights) + sum(gaps)) / self.canvas.height)
        if now < LEAST_GAIN * then:
            return
        y = 0.0
        self.frame.row_tops, self.frame.turns = [], [0.0] * len(rows)
        for row, (part, first, high, gap) in enumerate(zip(parts, rows, heights, [*gaps, 0.0], strict=True)):
            top = min(spot.y for spot in part)
            left = starts[first] - (TURN if row else 0)
            for spot in part:
                spot.row = row
                spot.x -= left
                spot.right -= left
                spot.y += y - top
            self.frame.row_tops.append(y + self.frame.top * (not self.is_root))
            y += high + gap

    def close(self) -> None:
        """Give the frame its size, and its links their places on its edges."""
        frame = self.frame
        pad, top = (0.0, 0.0) if self.is_root else (PAD, frame.top)
        spots = [spot for column in self.columns for spot in column]
        turns = TURN if any(spot.row for spot in spots) else 0.0
        right = max((spot.right for spot in spots), default=0.0) + turns
        bottom = max((spot.y + spot.height for spot in spots), default=0.0)
        for spot in spots:
            spot.x += pad
            spot.right += pad
            spot.y += top
        for _, link in frame.exits:
            spot = link.ways[frame][-1]
            frame.leaving[link] = spot.y + (1.0 if isinstance(spot, Line) else spot.leaves(link))
        for _, link in frame.entries:
            spot = link.ways[frame][0]
            frame.entering[link] = spot.y + (1.0 if isinstance(spot, Line) else spot.enters(link))
        frame.width = max(frame.width, right + 2 * pad)
        frame.height = top + bottom + pad


Pulls: TypeAlias = dict[Spot, list[tuple[Spot, float, float]]]  # toward which spot, how far beside it, how strongly


def _pull(pulls: Pulls, segment: Segment) -> None:
    left, right, left_y, right_y, link = segment
    # Frames of one height stand in line, such as the steps of a recurrent network: else each would stand a row higher.
    in_line = left.is_frame and right.is_frame and abs(left.height - right.height) < CARD_GAP
    below = 0.0 if in_line else left_y - right_y
    weight = HANGING if link.hangs else 1.0
    pulls.setdefault(left, []).append((right, -below, weight))
    pulls.setdefault(right, []).append((left, below, weight))


def _gap(spot: Spot, following: Spot) -> float:
    if isinstance(spot, Line) or isinstance(following, Line):
        return LINE_GAP
    return CARD_GAP


def _spread(links: Sequence[Link]) -> None:
    """Let the links that enter a card at one height enter a little apart, in the order in which they come."""
    entries: dict[tuple[Item, float], list[Link]] = {}
    for link in links:
        entries.setdefault((link.target, link.enters), []).append(link)
    for (card, y), together in entries.items():
        together.sort(key=lambda link: link.source.y + link.leaves)
        gap = max([link.label[1] + LABEL_GAP for link in together if link.label], default=ENTRY_GAP)
        gap = min(gap, 2 * min(y, card.height - y, card.height / 2 - 4) / max(len(together) - 1, 1))
        twice = Counter((link.source, link.leaves) for link in together)
        for i, link in enumerate(together):
            shift = gap * (i - (len(together) - 1) / 2)
            link.enters = y + shift
            if twice[link.source, link.leaves] > 1:
                link.leaves += shift  # one card twice: its links run beside each other


class _Path:
    """A path in the making: where it is, and its points so far."""

    def __init__(self, start: Point) -> None:
        self.points = [start]

    def flow(self, end: Point) -> None:
        """Go on to the right, level at both ends."""
        x, y = self.points[-1]
        if end[0] < x - 1:  # back into an earlier column
            return self.turn(x, (y + end[1]) / 2 if abs(y - end[1]) > 60 else max(y, end[1]) + 40, end)
        if (x, y) != end:
            if y == end[1] and self.points[-4:][0][1] == self.points[-2:][0][1] == y and len(self.points) > 3:
                del self.points[-3:]  # straight on: one long curve says it
                x = self.points[-1][0]
            middle = (x + end[0]) / 2
            self.points += [(middle, y), (middle, end[1]), end]
        return None

    def turn(self, right: float, between: float, end: Point) -> None:
        """Swing out at the right, go back, and swing in at the left."""
        self.flow((right, self.points[-1][1]))
        _, y = self.points[-1]
        left, swing = end[0], 1.3 * TURN
        self.points += [(right + swing, y), (right + swing, between), (right, between)]
        self.points += [(right, between), (left, between), (left, between)]
        self.points += [(left - swing, between), (left - swing, end[1]), end]


def _trace(link: Link) -> None:
    """Write a link's path through all its places."""
    path = _Path((link.source.x + link.source.width, link.source.y + link.leaves))
    for frame, way, goes_out in _frames_on(link):
        for before, spot in zip([None, *way], way, strict=False):
            if before is not None and before.row != spot.row:
                place = (
                    (frame.x + spot.x, frame.y + spot.y + 1)
                    if isinstance(spot, Line)
                    else (spot.x, spot.y + spot.enters(link))
                )
                between = frame.y + frame.row_tops[spot.row] - ROW_GAP / 2 - frame.turns[spot.row]
                frame.turns[spot.row] += TURN_GAP
                path.turn(frame.x + before.right, between, place)
            if isinstance(spot, Line):
                path.flow((frame.x + spot.x, frame.y + spot.y + 1))
            if isinstance(spot, Line) or (before is None and goes_out):
                # A narrow item of a wide column: to the column's edge first, past what stands beside the item.
                path.flow((frame.x + spot.right, path.points[-1][1]))
    path.flow((link.target.x, link.target.y + link.enters))
    link.path = path.points
    if link.label:
        last = link.path[-4:]
        if last[0][0] == last[3][0]:  # it swings in from the row above: the way back to the left has room
            last = link.path[-7:-3]
        x, y = (
            sum(share * place for share, place in zip(LABEL_SHARES, places, strict=True))
            for places in zip(*last, strict=True)
        )
        link.label_place = (x, y)


def _frames_on(link: Link) -> Iterator[tuple[Item, list[Spot], bool]]:
    """Yield the frames that a link leads through, its way in each, and whether the way leads out of the source."""
    outer = [item for item in _around(link.source) if item in link.ways]
    yield from ((frame, link.ways[frame], True) for frame in outer)
    inner = [item for item in _around(link.target) if item in link.ways and item not in outer]
    yield from ((frame, link.ways[frame], False) for frame in reversed(inner))


def _around(item: Item) -> Iterator[Item]:
    while item.parent is not None:
        item = item.parent
        yield item
