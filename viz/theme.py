"""The colours of pictures and pages, a table for each theme."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Style(NamedTuple):
    """How the cards of one role are painted."""

    fill: str
    border: str
    width: float = 1.2


class Theme(NamedTuple):
    """Every colour of a picture. Positive and negative are told apart by the colour-blind, too."""

    background: str
    ink: str
    muted: str
    chip: str
    chip_ink: str
    frames: tuple[str, str]  # fills of the frames around cards, in turns from the outermost inwards
    frame_border: str
    edges: dict[str, str]  # lines, by the sign of the gradient that flows back along them; "" where none does
    signs: dict[str, str]  # numbers, by the sign of the gradient that they tell: text needs more contrast than lines
    roles: dict[str, Style]  # cards and blocks, by the role of what they show


LIGHT = Theme(
    background="#FFFFFF",
    ink="#1B1F24",
    muted="#57606A",
    chip="#3D444D",
    chip_ink="#FFFFFF",
    frames=("#F6F8FA", "#FFFFFF"),
    frame_border="#C4CCD4",
    edges={"positive": "#D55E00", "negative": "#0072B2", "zero": "#868F99", "nan": "#1B1F24", "": "#868F99"},
    signs={"positive": "#A84300", "negative": "#005A8C", "zero": "#57606A", "nan": "#1B1F24"},
    roles={
        "input": Style("#DDEEFB", "#1F6FB2"),
        "parameter": Style("#FFF1CC", "#9A6700"),
        "target": Style("#DDF2E3", "#2F7D4F"),
        "constant": Style("#ECEEF0", "#57606A"),
        "computed": Style("#FFFFFF", "#57606A"),
        "output": Style("#F3E3F1", "#8E3C86", 2.2),
    },
)

DARK = Theme(
    background="#0F1419",
    ink="#F0F3F6",
    muted="#A9B4BF",
    chip="#8D99A6",
    chip_ink="#0F1419",
    frames=("#161D24", "#1A222A"),
    frame_border="#3D4752",
    edges={"positive": "#FF8C42", "negative": "#4FB3FF", "zero": "#6E7883", "nan": "#F0F3F6", "": "#6E7883"},
    signs={"positive": "#FF9F5F", "negative": "#6CC0FF", "zero": "#A9B4BF", "nan": "#F0F3F6"},
    roles={
        "input": Style("#12304A", "#4FA3E3"),
        "parameter": Style("#3B2C05", "#C99A2E"),
        "target": Style("#14352A", "#58B586"),
        "constant": Style("#2A323B", "#8D99A6"),
        "computed": Style("#1C232B", "#8D99A6"),
        "output": Style("#3D1D3A", "#E58FDB", 2.2),
    },
)

ThemeName = Literal["light", "dark"]

THEMES: dict[str, Theme] = {"light": LIGHT, "dark": DARK}


def faded(theme: Theme) -> Theme:
    """Return a theme in paler colours, for what stands back in a picture behind the paths that are highlighted.

    >>> faded(LIGHT).ink
    '#C1C3C4'
    """

    def fade(color: str) -> str:
        return blend(theme.background, color, 0.27)

    return theme._replace(
        ink=fade(theme.ink),
        muted=fade(theme.muted),
        chip=fade(theme.chip),
        edges={kind: fade(color) for kind, color in theme.edges.items()},
        signs={kind: fade(color) for kind, color in theme.signs.items()},
        roles={role: Style(fade(style.fill), fade(style.border), style.width) for role, style in theme.roles.items()},
    )


def blend(color: str, other: str, share: float) -> str:
    """Mix a share of another colour into a colour.

    >>> blend("#FFFFFF", "#000000", 0.5)
    '#808080'
    """
    channels = zip(bytes.fromhex(color[1:]), bytes.fromhex(other[1:]), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in channels)
