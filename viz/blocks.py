"""The picture of a summary: blocks with heat maps of values and gradients, and the flows of gradients between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite, isnan, sqrt

from scalargrad import Value
from viz.graph import sign
from viz.heading import filled
from viz.labels import font, table, widened
from viz.layers import Block, Flow, Summary, rms
from viz.layout import SLIDE, Canvas, Item, Link
from viz.paths import Paths, Stop
from viz.picture import ARROWHEAD, TYPE, Picture
from viz.pinned import Sheet
from viz.tables import Font, parse
from viz.text import by_number, called, html, name, number, symbol
from viz.theme import Theme, blend

MOST_LISTED_VALUES = 6  # so few values with a name are told one by one
MANY_VALUES = 100  # so many values are worth a heat map even beside a list of those with a name
MOST_SQUARES = 20  # of a heat map, along each side
LONGEST_MAP_SIDE = 180  # points, of a heat map
VALUE, GRADIENT = "value", "gradient"  # the titles of heat maps
SLACK_CELL = '<TD COLSPAN="99"></TD>'


class Blocks(Picture):
    """The picture of a summary.

    >>> from viz.theme import LIGHT
    >>> Blocks(Summary(Value(3.0, label="x")), LIGHT, 3).words
    'summary of 1 scalar'
    """

    def __init__(
        self, summary: Summary, theme: Theme, digits: int, paths: Paths | None = None, canvas: Canvas = SLIDE
    ) -> None:
        super().__init__(theme, digits, paths, canvas)
        self.summary = summary
        self.index = {block: index for index, block in enumerate(summary.blocks)}
        # One scale a picture: a map of its own scale would hide that the gradients of a layer have vanished.
        shown = [value for block in summary.blocks if self.has_maps(block) for value in mapped(block)]
        self.largest = {
            VALUE: max((abs(value.data) for value in shown if isfinite(value.data)), default=0.0),
            GRADIENT: max((abs(value.grad) for value in shown if isfinite(value.grad)), default=0.0),
        }

    @property
    def words(self) -> str:
        """What the picture shows, in words."""
        n, total = self.scalars, len(self.summary.order)
        return f"summary of {n:,} scalar{'s' * (n != 1)}" + (f" out of {total:,}" if n != total else "")

    @property
    def scalars(self) -> int:
        """How many scalars the picture stands for."""
        return len(self.summary.values)

    @property
    def pieces(self) -> tuple[int, str]:
        """How many blocks are drawn."""
        return len(self.summary.blocks), "block"

    @property
    def is_readable(self) -> bool:
        """A summary can be read, whatever the size of the graph: it has ten blocks or so."""
        return True

    def legend(self) -> Iterator[str]:
        """Write the lines of the legend."""
        colors = self.theme.edges
        words = []
        if any(map(self.has_maps, self.summary.blocks)):
            kinds = [font("■", 12, colors[kind]) + f" {kind}" for kind in ("positive", "negative")]
            words += ["square = value:", *kinds, "(deeper = larger, √ scale, one for all maps)"]
            words.append(f"values to {number(self.largest[VALUE], self.digits)}")
            if self.summary.after_backward:
                words.append(f"gradients to {number(self.largest[GRADIENT], self.digits)}")
            order = "values in the order of computation, row by row"
            if any(block.parameters for block in self.summary.blocks):
                words.append("parameters: a row for each neuron, a column for each input, the bias last")
                order = "other " + order
            words.append(order)
        if self.summary.after_backward:
            words.append("edge width ∝ √RMS of the ∂ flowing back")
        yield from filled(words, self.canvas.width)

    def statements(self) -> Iterator[str]:
        """Write blocks and flows."""
        labels = {block: self.label(block) for block in self.summary.blocks}
        ink = Font(TYPE, self.theme.ink)
        items = {block: Item(*parse(label, ink).size) for block, label in labels.items()}
        links = []
        for flow in self.summary.flows:
            tail, head = items[flow.source], items[flow.target]
            size = parse(self.words_of(flow), ink).size
            links.append(Link(tail, head, tail.height / 2, head.height / 2, size))
        sheet = Sheet(list(items.values()), links, self.canvas)
        for block, item in items.items():
            style = self.theme.roles[block.role]
            attributes = f'fillcolor="{style.fill}" color="{style.border}" penwidth={style.width} {sheet.at(item)}'
            yield f"  {self.index[block]} [{attributes} label=<{widened(labels[block], item.width)}>]"
        flows = [flow.rms for flow in self.summary.flows if flow.rms is not None and isfinite(flow.rms)]
        largest = max(flows, default=0.0)
        for flow, link in zip(self.summary.flows, links, strict=True):
            share = flow.rms / largest if flow.rms is not None and largest and isfinite(flow.rms) else 0.0
            width = 1.0 if flow.rms is None else 0.8 + 3.8 * sqrt(min(share, 1.0))
            yield (
                f'  {self.index[flow.source]} -> {self.index[flow.target]} [color="{self.theme.chip}" '
                f"penwidth={width:.2f} {sheet.along(link, ARROWHEAD)} label=<{self.words_of(flow)}>]"
            )

    def stop(self, value: Value) -> Stop:
        """Tell where a path stops: at the values with a name, as a block would tell too little."""
        return Stop(value if value.label else None, called(value))

    def words_of(self, flow: Flow) -> str:
        """Write how many values go from a block to another, and how large the gradients are that come back."""
        lines = [f"{flow.values:,} value{'s' * (flow.values != 1)}"]
        if flow.rms is not None:
            lines.append(f"RMS ∂ {number(flow.rms, self.digits)}")
        cells = "".join(
            f'<TR><TD BGCOLOR="{self.theme.background}">{font(line, 10, self.theme.muted)}</TD></TR>' for line in lines
        )
        return table(cells, 1)

    def label(self, block: Block) -> str:
        """Write the label of a block: name, contents, values, and the size of the gradients."""
        rows = [font(f"<B>{html(name(block.name))}</B>", 15)]
        rows += [font(html(line, 60), 11, self.theme.muted) for line in self.contents(block)]
        listed = self.listed(block)
        if listed:
            rows.append(self.table_of(listed))
        if self.has_maps(block):
            rows.append(self.maps(block))
        if self.summary.after_backward and len(block.values) > 1:
            gradients = [abs(v.grad) for v in block.parameters or block.values if v.kind != "constant"]
            largest = max((g for g in gradients if not isnan(g)), default=0.0)
            shown = f"RMS ∂ {number(rms(gradients), self.digits)}, max |∂| {number(largest, self.digits)}"
            rows.append(font(shown, 11, self.theme.muted))
        cells = "".join(f'<TR><TD ALIGN="LEFT">{row}</TD></TR>' for row in rows if row)
        return table(cells, 4)

    def has_maps(self, block: Block) -> bool:
        """Tell whether a block has heat maps: one of a few values has a list instead."""
        count = len(block.values)
        return count > MOST_LISTED_VALUES and (not self.listed(block) or count > MANY_VALUES)

    def contents(self, block: Block) -> Iterator[str]:
        """Say in a line or two what a block consists of."""
        scalars, parameters, neurons = len(block.values), len(block.parameters), block.neurons
        counts = [(neurons, "neuron"), (parameters, "parameter"), (scalars, "scalar")]
        yield " · ".join(f"{n:,} {what}{'s' * (n != 1)}" for n, what in counts if n)
        if not block.operations and len(block.values) > MOST_LISTED_VALUES:
            names = [name(value.label) for value in in_order(block.values) if value.label]
            if names:
                yield names[0] + f" … {names[-1]}" * (len(names) > 1)
        operations = [] if block.parameters else block.operations
        if operations:
            more = ["…"] * (len(operations) > 3)
            yield " · ".join([f"{symbol(op)} {count:,}" for op, count in operations[:3]] + more)

    def listed(self, block: Block) -> list[Value]:
        """Return the few values that tell what a block comes to, if they are few."""
        if not any(value.parents for value in block.values):
            named = in_order(block.values)
        else:
            named = [v for v in block.values if v.parents and (v.label or v in self.summary.roots)]
        return named if len(named) <= MOST_LISTED_VALUES and not block.parameters else []

    def table_of(self, values: Sequence[Value]) -> str:
        """Write values one below the other."""
        rows = ""
        for value in values:
            cells = f'<TD ALIGN="LEFT">{font(f"<B>{html(name(value.label))}</B>", 12)}</TD>'
            cells += f'<TD ALIGN="RIGHT">{font(number(value.data, self.digits), 12)}</TD>'
            if self.summary.after_backward and value.kind != "constant":
                text = f"∂ {number(value.grad, self.digits, signed=True)}"
                cells += f'<TD ALIGN="RIGHT">{font(text, 10, self.theme.signs[sign(value.grad)])}</TD>'
            rows += f"<TR>{cells}</TR>"
        return table(rows, 3)

    def maps(self, block: Block) -> str:
        """Write the heat maps of values and gradients, side by side or one above the other."""
        cells = grid(block)
        maps = [(VALUE, [[v.data for v in row] for row in cells])]
        if self.summary.after_backward:
            maps.append((GRADIENT, [[v.grad for v in row] for row in cells]))
        drawn = [f'<TD ALIGN="LEFT" VALIGN="TOP">{self.heat_map(title, numbers)}</TD>' for title, numbers in maps]
        high = min(len(cells), MOST_SQUARES) > 2 * max(map(len, cells))
        # Graphviz gives the room that is left in a row to its last column: a heat map there would be pulled apart.
        rows = [f"{''.join(drawn)}{SLACK_CELL}"] if high else [cell + SLACK_CELL for cell in drawn]
        return table("".join(f"<TR>{row}</TR>" for row in rows), 0)

    def heat_map(self, title: str, numbers: list[list[float]]) -> str:
        """Write one heat map."""
        pool = (-(-len(numbers) // MOST_SQUARES), -(-max(map(len, numbers)) // MOST_SQUARES))
        squares = pooled(numbers, *pool)
        size = max(min(LONGEST_MAP_SIDE // max(len(squares), *map(len, squares)), 16), 6)
        largest = self.largest[title]
        fill = self.theme.roles["computed"].fill

        def square(x: float) -> str:
            share = sqrt(abs(x) / largest) if largest and isfinite(x) else float(not isfinite(x))
            color = blend(fill, self.theme.edges[sign(x)], share) if x else fill
            return f'<TD WIDTH="{size}" HEIGHT="{size}" BGCOLOR="{color}"></TD>'

        rows = "".join(f"<TR>{''.join(map(square, row))}</TR>" for row in squares)
        k = pool[0] * pool[1]
        words = font(title + (f", a square = the largest of {k:,}" if k > 1 else ""), 10, self.theme.muted)
        frame = f'BORDER="1" COLOR="{self.theme.frame_border}" CELLBORDER="0" CELLSPACING="1" CELLPADDING="0"'
        return table(f'<TR><TD ALIGN="LEFT">{words}</TD></TR><TR><TD><TABLE {frame}>{rows}</TABLE></TD></TR>', 2)


def grid(block: Block) -> list[list[Value]]:
    """Arrange the values of a block's heat map: parameters by neuron, the bias last, or else all values in their order.

    >>> import scalargrad
    >>> model = scalargrad.nn.MLP(2, [3, 1])
    >>> block = Summary(model([1.0, 2.0])).blocks[1]
    >>> [[value.label for value in row] for row in grid(block)]
    [['w11', 'w12', 'b1'], ['w21', 'w22', 'b2'], ['w31', 'w32', 'b3']]
    """
    if block.parameters and block.neurons:
        by_scope: dict[tuple[str, ...], list[Value]] = {}
        for parameter in block.parameters:
            by_scope.setdefault(parameter.scope, []).append(parameter)
        return [sorted(row, key=lambda value: str(value.label).startswith("b")) for row in by_scope.values()]
    values = mapped(block)
    columns = min(max(round(sqrt(1.4 * len(values))), 1), MOST_SQUARES)
    return [list(values[i : i + columns]) for i in range(0, len(values), columns)]


def mapped(block: Block) -> list[Value]:
    """Return the values of a block's heat map.

    >>> [value.label for value in mapped(Block("inputs", [Value(1.0, label="x2"), Value(2.0, label="x1")]))]
    ['x1', 'x2']
    """
    shown = block.parameters or [value for value in block.values if value.kind != "constant"] or block.values
    return shown if block.operations or block.parameters else in_order(shown)


def in_order(leaves: Sequence[Value]) -> list[Value]:
    """Put leaves that are called alike in the order of their numbers: they are used in any.

    >>> [value.label for value in in_order([Value(1.0, label="x10"), Value(2.0, label="x9")])]
    ['x9', 'x10']
    """
    return by_number(leaves, lambda value: (value.scope, str(value.label)))


def pooled(numbers: list[list[float]], high: int, wide: int) -> list[list[float]]:
    """Make one number of every `high` rows and `wide` columns: the one of the largest size, a nan before all others.

    >>> pooled([[1.0, -3.0, 2.0], [0.0, 2.0, 0.0]], 2, 2)
    [[-3.0, 2.0]]
    """

    def size(x: float) -> float:
        return float("inf") if isnan(x) else abs(x)

    return [
        [
            max((x for row in numbers[i : i + high] for x in row[j : j + wide]), key=size, default=0.0)
            for j in range(0, len(numbers[i]), wide)
        ]
        for i in range(0, len(numbers), high)
    ]
