"""What stands on a page's stage, and where: the cards at every level at which the page shows its graph.

The levels are every operation; every linear unit as one card, marked Σ; and the frames of one depth folded into a card
each. Sizes are those that `page.css` and `drawing.js` draw in.
"""

# ruff: noqa: RUF001, RUF002 - symbols are written as mathematics writes them

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from scalargrad import Value
from viz import text
from viz.deck import PageCard, deck, role
from viz.graph import Scope
from viz.layout import Canvas, Item, Link, lay_out
from viz.metrics import text_width
from viz.story import Story, applied
from viz.typeset import Typeset, label
from viz.units import PRODUCTS, folded_leaves, linear_units, uses_of

ROW, HEAD, FOOT, EDGE = 16, 21, 15, 7  # the heights of a row, and of a card's own two lines; the margin at its sides
LEAST_NUMBER = "−0.000"  # what a card has room for, whatever its number is: a reader may change it
LONGEST_SUM = 400  # characters
PAGE = Canvas(1000, 640)  # the stage of a page on a small laptop
PHONE = Canvas(380, 600, across=8)
BOX = ("X", "Y", "w", "h")
MOST_ON_A_PHONE = 60  # cards: of a larger level one sees a part, however it is laid out


@dataclass(eq=False)
class Node:
    """A card on the stage: a scalar's, a linear unit's, or that of a folded frame.

    own   the scalar that the card is; None for a folded frame
    rows  scalars with a row of their own, and what each is called there
    at    of a scalar inside, the row where links to it end
    """

    members: list[Value]
    own: Value | None
    rows: list[tuple[Value, str]]
    scope: Scope
    is_unit: bool = False
    at: dict[Value, int] = field(default_factory=dict)
    columns: tuple[int, int, int] = (0, 0, 0)
    chip: int = 0
    head: int = 0  # where a card's own lines begin
    item: Item = field(default_factory=lambda: Item(0, 0))

    @property
    def folded(self) -> bool:
        """Whether this is a folded frame."""
        return self.own is None

    def height_of(self, value: Value) -> float:
        """Tell how far below the top a link to or from a scalar ends."""
        rows = [row for row, _ in self.rows]
        index = self.at.get(value, rows.index(value) if value in rows else -1)
        if index >= 0:
            return (HEAD if self.folded else 0) + (index + 0.5) * ROW
        return self.item.height / 2 if self.folded else self.head + HEAD / 2 + 3


class Stage:
    """The levels of one story's graph; `operand` writes a value's number where a sum is told in numbers.

    >>> w, x = Value(2.0, label="w"), Value(3.0, label="x")
    >>> stage = Stage(Story(w * x + 1))
    >>> [level["name"] for level in stage.levels()]
    ['every operation']
    """

    def __init__(self, story: Story, operand: Callable[[Value], Typeset] | None = None) -> None:
        self.story, self.operand = story, operand or story.operand
        self.order = story.order
        self.number = {value: index for index, value in enumerate(self.order)}
        self.widest: dict[Value, float] = {}
        for step in story.steps:
            for share in step.shares:
                shown = f"∂ {story.number(share.total, signed=True)}"
                width = text_width(shown, 10.5, bold=True)
                self.widest[share.parent] = max(self.widest.get(share.parent, 0.0), width)
        self.cards = self._in_order(deck(self.order))
        self.uses = uses = uses_of(self.order)
        # Units without a frame around them are shown scalar by scalar, as a small expression is.
        units = [
            unit
            for unit in linear_units(self.order, uses, [story.root])
            if unit.alike or any(row.into.operation in PRODUCTS for row in unit.rows)
        ]
        in_rows = folded_leaves(units, uses)
        # What is computed in the terms that a sum tells by their number: leaves have no links to it, and no rows for it.
        self.quiet = {value for unit in units if unit.alike for value in unit.inside}
        self.unit_of: dict[Value, int] = {}
        self.units = units if any(value.scope for value in self.order) else []
        self.rows: list[list[tuple[Value, Value]]] = []  # of each unit, the leaves in its rows and what they go into
        for index, unit in enumerate(self.units):
            single = [row for row in unit.rows if row.leaf in in_rows or len(uses[row.leaf]) == 1]
            self.rows.append([(row.leaf, row.into) for row in single])
            for value in [unit.value, *unit.inside, *(row.leaf for row in single)]:
                self.unit_of.setdefault(value, index)

    def _in_order(self, cards: Sequence[PageCard]) -> list[PageCard]:
        # A card stands where it is computed, and one that is given just before its first use: if those stood before
        # all others, the frame of a layer's parameters would stand before the layer that feeds it.
        place = {step.value: float(i) for i, step in enumerate(self.story.steps) if step.kind == "forward"}
        for value in reversed(self.order):
            for parent in value.parents:
                if not parent.parents:
                    place[parent] = min(place.get(parent, place[value]), place[value] - 0.5)
        return sorted(cards, key=lambda card: place.get(card.value, 0.0))

    def levels(self) -> Iterator[dict[str, Any]]:
        """Yield the levels, the finest first, as the page's script reads them.

        >>> [sorted(level)[:3] for level in Stage(Story(Value(2.0, label="x") ** 2)).levels()]
        [['depth', 'frames', 'height']]
        """
        yield self._level("every operation", 0, sums=False)
        if self.units:
            yield self._level("sums as one card", 0, sums=True)
        deepest = max((len(card.scope) for card in self.cards), default=0)
        for depth in range(deepest, 0, -1):
            titles = list(dict.fromkeys(card.scope[depth - 1] for card in self.cards if len(card.scope) >= depth))
            titles = text.by_number(titles, lambda title: ("", str(title)))
            named = ", ".join(label(title) for title in titles[:2]) + ", …" * (len(titles) > 2)
            yield self._level(f"folded: {named}", depth, sums=True)

    def _nodes(self, depth: int, *, sums: bool) -> list[Node]:
        nodes: dict[object, Node] = {}
        scopes = {card.value: card.scope for card in self.cards}
        for card in self.cards:
            members = [*card.rows, card.value]
            unit = self.unit_of.get(card.value) if sums else None
            scope = card.scope if unit is None else scopes[self.units[unit].value]
            if depth and len(scope) >= depth:
                frame = scope[:depth]
                nodes.setdefault(frame, Node([], None, [], frame)).members += members
            elif unit is not None:
                value = self.units[unit].value
                if unit not in nodes:
                    rows = [(leaf, label(leaf.label) if leaf.label else "") for leaf, _ in self.rows[unit]]
                    at = {into: row for row, (_, into) in enumerate(self.rows[unit]) if into.operation in PRODUCTS}
                    nodes[unit] = Node([], value, rows, scope, is_unit=True, at=at)
                nodes[unit].members += members
            else:
                rows = [(v, label(v.label) if v.label else text.symbol(text.operation(v))) for v in card.rows]
                nodes[card.value] = Node(members, card.value, rows, card.scope)
        for node in nodes.values():
            if node.folded:
                inside = set(node.members)
                node.rows = [
                    (value, str(self.story.names[value]))
                    for value in node.members
                    if value is self.story.root
                    or any(
                        use not in inside and not (use in self.quiet and not value.parents) for use in self.uses[value]
                    )
                ]
            self._measure(node)
        return list(nodes.values())

    def _measure(self, node: Node) -> None:
        columns = [0.0, 0.0, 0.0]
        for value, title in node.rows:
            widths = (text_width(title, 10.5, bold=True), self._number(value, 10.5), self._gradient(value))
            columns = [max(a, b) for a, b in zip(columns, widths, strict=True)]
        node.columns = (round(columns[0] + 1), round(columns[1] + 1), round(columns[2] + 1))
        in_rows = sum(node.columns) + 4 * EDGE if node.rows else 0
        node.head = len(node.rows) * ROW + 2 * bool(node.rows)
        if node.own is None:
            least = text_width(f"▸ {label(node.scope[-1])}", 12, bold=True) + 2 * EDGE
            width, height = max(in_rows, least, 60.0), HEAD + len(node.rows) * ROW + 4
        else:
            value, symbol, name = node.own, self.symbol(node), self.title(node.own)
            node.chip = round(text_width(symbol, 12, bold=True) + 12) if symbol else 0
            own = node.chip + (text_width(name, 13, bold=True) + 8 if name else 0) + self._number(value, 13) + 2 * EDGE
            width = max(in_rows, own, self._gradient(value) + 2 * EDGE, 44.0)
            height = node.head + HEAD + (2 if value.kind == "constant" else FOOT)
        node.item = Item(float(round(width + 1)), float(height))

    def _number(self, value: Value, size: float) -> float:
        least = 0.0 if value.kind == "constant" else text_width(LEAST_NUMBER, size)
        return max(text_width(self.story.number(value.data), size), least)

    def _gradient(self, value: Value) -> float:
        least = 0.0 if value.kind == "constant" else text_width(f"∂ {LEAST_NUMBER}", 10.5, bold=True)
        return max(self.widest.get(value, 0.0), least)

    def symbol(self, node: Node) -> str:
        """Return what stands on a card's chip.

        >>> stage = Stage(Story(Value(2.0, label="x") * 3))
        >>> [stage.symbol(node) for node in stage._nodes(0, sums=False)]
        ['', '', '×']
        """
        value = node.own
        if value is None or not value.parents:
            return ""
        summed = node.is_unit or any(member.parents for member, _ in node.rows)
        return "Σ" if summed else text.symbol(text.operation(value))

    def title(self, value: Value) -> str:
        """Return the name on a card: a value's label, or a number where formulas refer to the value by one.

        >>> Stage(Story(x := Value(2.0, label="x1"))).title(x)
        'x₁'
        """
        if value.label:
            return label(value.label)
        return str(self.story.names[value]) if value is self.story.root or value in self.story.numbered else ""

    def _level(self, name: str, depth: int, *, sums: bool) -> dict[str, Any]:
        level = self._laid_out(depth, PAGE, sums=sums)
        if level["width"] > PHONE.width and len(level["nodes"]) <= MOST_ON_A_PHONE:
            small = self._laid_out(depth, PHONE, sums=sums)
            boxes = {part: [[box[side] for side in BOX] for box in small[part]] for part in ("nodes", "frames")}
            paths = [link["path"] for link in small["links"]]
            level["phone"] = {"width": small["width"], "height": small["height"], **boxes, "paths": paths}
        return {"name": name, "depth": depth, "sums": sums, **level}

    def _laid_out(self, depth: int, canvas: Canvas, *, sums: bool) -> dict[str, Any]:
        nodes = self._nodes(depth, sums=sums)
        where = {value: node for node in nodes for value in node.members}
        frames: dict[Scope, Item] = {}
        outermost: list[Item] = []
        for node in self._by_frames(nodes):
            inside = outermost
            for i in range(1, len(node.scope) + (not node.folded)):
                frame = node.scope[:i]
                if frame not in frames:
                    title = text_width(f"▾ {label(frame[-1])}", 12, bold=True)
                    frames[frame] = Item(title + 24, 24.0, [])
                    inside.append(frames[frame])
                inside = frames[frame].inside
            inside.append(node.item)
        links = list(self._links(where, sums=sums))
        root = Item(0, 0, outermost)
        lay_out(root, [link for link, *_ in links], canvas)
        place = {node: index for index, node in enumerate(nodes)}
        return {
            "width": round(root.width),
            "height": round(root.height),
            "nodes": [self._told(node) for node in nodes],
            "frames": [
                {"scope": [label(s) for s in frame], "depth": len(frame), **_box(item)}
                for frame, item in frames.items()
            ],
            "links": [
                {
                    "from": place[where[parent]],
                    "to": place[where[ends[0][0]]],
                    "parent": self.number[parent],
                    "ends": [[self.number[child], slot] for child, slot in ends],
                    "path": _drawn(link),
                }
                for link, parent, ends in links
            ],
        }

    def _by_frames(self, nodes: Sequence[Node]) -> list[Node]:
        """Put the nodes of a frame one after another, and frames that are numbered in the order of their numbers."""
        first: dict[Scope, int] = {}
        for index, node in enumerate(nodes):
            for i in range(1, len(node.scope) + 1):
                first.setdefault(node.scope[:i], index)
        frames = list(first)
        ordered = text.by_number(frames, lambda frame: (frame[:-1], str(frame[-1])))
        first = {frame: first[before] for frame, before in zip(ordered, frames, strict=True)}
        at = {
            node: (*(first[node.scope[:i]] for i in range(1, len(node.scope) + 1)), index)
            for index, node in enumerate(nodes)
        }
        return sorted(nodes, key=at.__getitem__)

    def _links(self, where: dict[Value, Node], *, sums: bool) -> Iterator[tuple[Link, Value, list[tuple[Value, int]]]]:
        into: dict[
            tuple[Value, Node], list[tuple[Value, int]]
        ] = {}  # by one link into a folded frame, however often used
        for child in self.order:
            for slot, parent in enumerate(child.parents):
                source, target = where[parent], where[child]
                if source is target or (sums and not parent.parents and (source.is_unit or child in self.quiet)):
                    continue  # what a leaf in a row goes into, its row says
                if target.folded and (parent, target) in into:
                    into[parent, target].append((child, slot))
                    continue
                ends = [(child, slot)]
                if target.folded:
                    into[parent, target] = ends
                link = Link(source.item, target.item, source.height_of(parent), target.height_of(child))
                yield link, parent, ends

    def _told(self, node: Node) -> dict[str, Any]:
        return {
            "members": [self.number[value] for value in node.members],
            "own": None if node.own is None else self.number[node.own],
            "rows": [{"id": self.number[value], "title": title, "role": role(value)} for value, title in node.rows],
            "scope": [label(s) for s in node.scope],
            "symbol": self.symbol(node),
            "chip": node.chip,
            "head": node.head,
            "columns": node.columns,
            "unit": node.is_unit,
            "line": self._line(node) if node.is_unit and node.own else None,
            **_box(node.item),
        }

    def _line(self, node: Node) -> list[str]:
        """Write a unit as one sum, in names and in numbers."""
        value, inside = node.own, set(node.members)
        assert value is not None  # noqa: S101 - a unit is a scalar's
        sides = []
        for text_of in (self.story.names.__getitem__, self.operand):
            texts: dict[Value, Typeset] = {}
            for member in sorted(inside, key=self.number.__getitem__):
                if member is value or (member in inside and member.parents):
                    texts[member] = applied(member, [texts.get(parent, text_of(parent)) for parent in member.parents])
            sides.append(str(texts[value]))
        names, numbers = (side if len(side) <= LONGEST_SUM else f"a sum of {len(inside)} numbers" for side in sides)
        return [f"{self.story.names[value]} = {names}", f"= {numbers} = {self.operand(value)}"]


def _box(item: Item) -> dict[str, float]:
    return dict(zip(BOX, map(round, (item.x, item.y, item.width, item.height)), strict=True))


def _drawn(link: Link) -> str:
    start, *others = [f"{x:.0f} {y:.1f}".removesuffix(".0") for x, y in link.path]
    return f"M{start}C{' '.join(others)}"
