"""From a computation graph to DOT, the language of Graphviz.

Nodes are named by their numbers in the topological order: one graph gives the same text in every process.
"""

# ruff: noqa: RUF001 - symbols are written as mathematics writes them

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scalargrad import Value, topological_order
from viz.graph import Card, Edge, Graph, Scope
from viz.labels import Labels
from viz.text import number
from viz.theme import THEMES, Theme

FONT = "DejaVu Sans,Verdana,sans-serif"
MOST = 2000  # scalars: more are a wall of cards
LONGEST_SIDE = 8000  # pixels: Cairo silently rescales a larger picture, and takes gigabytes


def to_dot(
    root: Value | Sequence[Value],
    *,
    title: str | None = None,
    digits: int = 3,
    theme: str = "light",
    force: bool = False,
    format: str = "dot",
) -> str:
    """Write the graph that one or several values were computed by as DOT, for the format it will be rendered to.

    >>> to_dot(Value(3.0, label="x")).splitlines()[0]
    'digraph scalargrad {'
    """
    if theme not in THEMES:
        raise ValueError(f"theme must be one of {', '.join(map(repr, THEMES))}, got {theme!r}")
    if not isinstance(digits, int) or digits < 0:
        raise ValueError(f"digits must be a whole number, 0 or more, got {digits!r}")
    roots = tuple(root) if isinstance(root, (list, tuple)) else (root,)
    if not roots or not all(isinstance(value, Value) for value in roots):
        raise TypeError(f"root must be a Value or several, got {root!r}")
    if not force and (count := len(topological_order(*roots))) > MOST:
        raise ValueError(
            f"a picture of every scalar shows up to {MOST:,} well: to draw all {count:,}, pass force=True (--force)"
        )
    graph = Graph(*roots)
    # Vector formats have no pixels: Graphviz would only scale them up.
    dpi = None if format in ("svg", "pdf") else 144 if graph.small else 110
    return "\n".join(_Writer(graph, THEMES[theme], digits).lines(title, dpi)) + "\n"


class _Writer:
    def __init__(self, graph: Graph, theme: Theme, digits: int) -> None:
        self.graph, self.theme, self.digits = graph, theme, digits
        self.labels = Labels(graph, theme, digits)

    def lines(self, title: str | None, dpi: int | None) -> Iterator[str]:
        theme = self.theme
        side = f"{LONGEST_SIDE / (dpi or 72):.1f}"
        resolution = f"dpi={dpi} " if dpi else ""
        yield "digraph scalargrad {"
        # Cards over edges: a thick edge's point would stick into the card.
        yield f'  graph [rankdir=LR bgcolor="{theme.background}" pad=.25 nodesep=.16 ranksep=.55 splines=true'
        yield f'    newrank=true outputorder=edgesfirst {resolution}size="{side},{side}"'
        yield f'    fontname="{FONT}" fontcolor="{theme.muted}"'
        yield f"    labelloc=t labeljust=l label=<{self.labels.heading(title)}>]"
        yield f'  node [shape=box style=filled margin=0 width=0 height=0 fontname="{FONT}" fontsize=13'
        yield f'    fontcolor="{theme.ink}"]'
        yield f'  edge [color="{theme.edges[""]}" penwidth=.9 arrowsize=.7 fontname="{FONT}" fontsize=10]'
        yield from self.framed_cards()
        yield from map(self.edge, self.graph.edges)
        yield "}"

    def framed_cards(self) -> Iterator[str]:
        frames = 0
        inside: Scope = ()  # the frames that are open
        for card in self.graph.cards:
            while card.scope[: len(inside)] != inside:
                inside = inside[:-1]
                yield "  }"
            for depth in range(len(inside), len(card.scope)):
                yield f"  subgraph cluster_{frames} {{"
                yield f'  graph [style="rounded,filled" fillcolor="{self.theme.frames[depth % 2]}"'
                yield f'    color="{self.theme.frame_border}" label=<{self.labels.frame(card.scope[depth], depth)}>]'
                frames += 1
            inside = card.scope
            yield self.card(card)
        yield from ["  }"] * len(inside)

    def card(self, card: Card) -> str:
        style = self.theme.roles[self.graph.role(card.value)]
        attributes = f'fillcolor="{style.fill}" color="{style.border}" penwidth={style.width}'
        return f"  {self.graph.number[card.value]} [{attributes} label=<{self.labels.card(card)}>]"

    def edge(self, edge: Edge) -> str:
        number_of, card = self.graph.number, self.graph.card_of[edge.child]
        head = f"{number_of[card.value]}"
        if card.folded:
            head += ":own:w" if edge.child is card.value else f":r{number_of[edge.child]}:w"
        flow = f" [{self.flow(edge, edge.gradient)}]" if edge.gradient is not None else ""
        return f"  {number_of[edge.parent]} -> {head}{flow}"

    def flow(self, edge: Edge, gradient: float) -> str:
        share = self.labels.share(gradient)
        attributes = [f'color="{self.theme.edges[edge.kind]}"']
        if edge.kind == "zero":
            attributes.append("style=dashed penwidth=.7")
        else:
            attributes.append(f"penwidth={0.7 + 3.8 * share:.2f} arrowsize={0.6 + 0.4 * share:.2f}")
        if self.graph.small:
            local = number(edge.local, max(self.digits - 1, 0))
            attributes.append(f'label=" ×{local} " fontcolor="{self.theme.signs[edge.kind]}"')
        return " ".join(attributes)
