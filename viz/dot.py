"""From a computation graph to DOT, the language of Graphviz.

Nodes are named by their numbers in the topological order: one graph gives the same text in every process.
"""

from __future__ import annotations

from scalargrad import Value, topological_order
from viz import heading
from viz.formats import known
from viz.graph import Root, as_roots
from viz.levels import choose
from viz.metrics import FAMILY
from viz.paths import Paths, named
from viz.picture import ARROWHEAD, TYPE
from viz.text import check_digits, name
from viz.theme import THEMES

NAME = "scalargrad"  # of every graph
OPENING, CLOSING = f"digraph {NAME} {{\n", "}\n"
PINNED = "layout=nop2 "  # of a graph whose nodes and edges have their places
LONGEST_SIDE = 8000  # pixels: Cairo takes gigabytes for a larger picture, and silently rescales it


def to_dot(
    root: Root,
    *,
    detail: str = "auto",
    scope: str | None = None,
    depth: int | None = None,
    highlight: Value | str | None = None,
    title: str | None = None,
    legend: bool = True,
    digits: int = 3,
    theme: str = "light",
    force: bool = False,
    format: str = "dot",
    rankdir: str = "LR",
    canvas: str = "slide",
) -> str:
    """Write the graph that one or several values were computed by as DOT, for the format it will be rendered to.

    >>> to_dot(Value(3.0, label="x")).splitlines()[0]
    'digraph scalargrad {'

    The options are those of `viz.draw`; `rankdir` is "LR", from left to right, or "TB", from top to bottom.
    """
    vector = known(format).is_vector
    if rankdir not in ("LR", "TB"):
        raise ValueError(f"rankdir must be one of 'LR', 'TB', got {rankdir!r}")
    if theme not in THEMES:
        raise ValueError(f"theme must be one of {', '.join(map(repr, THEMES))}, got {theme!r}")
    check_digits(digits)
    if depth is not None and (not isinstance(depth, int) or depth < 0):
        raise ValueError(f"depth must be a whole number, 0 or more, got {depth!r}")
    roots, colors = as_roots(root), THEMES[theme]
    paths = None
    if highlight is not None:
        value = highlight if isinstance(highlight, Value) else named(highlight, topological_order(*roots))
        paths = Paths(value, roots)
    picture = choose(roots, detail, colors, digits, paths, scope=scope, depth=depth, force=force, canvas=canvas)
    title = ", ".join(name(root.label) for root in roots if root.label) if title is None else title
    level = ", ".join([part for part in (scope, None if depth is None else f"depth {depth}") if part] + [picture.words])
    lines = [*picture.legend()] if legend else []
    lines += paths.legend(picture.stop, colors, digits) if paths else []
    # A picture without pixels has no resolution: Graphviz would only enlarge it.
    dpi = None if vector else picture.resolution
    side = f"{LONGEST_SIDE / (dpi or 72):.1f}"
    statements = [
        # Edges are drawn before the cards: a thick edge's point would stick into its card.
        f'  graph [{PINNED if rankdir == "LR" else ""}rankdir={rankdir} bgcolor="{colors.background}" pad=.25 nodesep=.16 ranksep=.55 splines=true',
        f'    newrank=true outputorder=edgesfirst {f"dpi={dpi} " if dpi else ""}size="{side},{side}"',
        f'    fontname="{FAMILY}" fontcolor="{colors.muted}"',
        f"    labelloc=t labeljust=l label=<{heading.heading(title, level, lines, colors)}>]",
        f'  node [shape=box style=filled margin=0 width=0 height=0 fontname="{FAMILY}" fontsize={TYPE}',
        f'    fontcolor="{colors.ink}"]',
        f'  edge [color="{colors.edges[""]}" penwidth=.9 arrowsize={ARROWHEAD} fontname="{FAMILY}" fontsize=10]',
        *picture.statements(),
    ]
    return OPENING + "".join(f"{statement}\n" for statement in statements) + CLOSING
