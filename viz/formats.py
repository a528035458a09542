"""The output formats of a picture, a row for each; a path's ending names its format."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from viz.metrics import FONT_FILES


def _png(svg: str, zoom: float) -> bytes:
    import resvg_py

    fonts = [str(path) for path in FONT_FILES.values()]
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, dpi=72, zoom=zoom, font_files=fonts))


def _svg(svg: str, _: float) -> bytes:
    return svg.encode()


def _pdf(svg: str, _: float) -> bytes:
    import svg2pdf_py

    fonts = svg2pdf_py.FontDatabase()
    for path in FONT_FILES.values():
        fonts.load_font_file(str(path))
    fonts.load_system_fonts()
    return bytes(svg2pdf_py.svg_to_pdf(svg, fonts))


class Format(NamedTuple):
    """An output format.

    >>> [name for name, format in FORMATS.items() if format.is_vector]
    ['svg', 'pdf']

    from_svg   makes it of an SVG, enlarged by a zoom where it has pixels: for the renderer `wasm`, which draws an SVG
    is_vector  whether it has no pixels, so that no resolution is chosen
    module     what `from_svg` imports, if the renderer does without it otherwise
    """

    from_svg: Callable[[str, float], bytes] | None  # None for the DOT itself, which no renderer draws
    is_vector: bool = False
    module: str = ""


FORMATS = {
    "png": Format(_png),
    "svg": Format(_svg, is_vector=True),
    "pdf": Format(_pdf, is_vector=True, module="svg2pdf_py"),
    "dot": Format(None),
}


def known(format: str) -> Format:
    """Return a format by its name.

    >>> known("svg").is_vector
    True

    Raises ValueError, which names the formats, where there is none of that name.
    """
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(map(repr, FORMATS))}, got {format!r}")
    return FORMATS[format]


def ending(path: str | os.PathLike[str]) -> str:
    """Return the name of the format that the ending of a path asks for.

    >>> ending("network.PNG")
    'png'

    Raises ValueError, which names the endings, for any other.
    """
    suffix = Path(path).suffix
    if suffix[1:].lower() not in FORMATS:
        allowed = ", ".join(f".{name}" for name in FORMATS)
        raise ValueError(f"a picture ends in one of {allowed}, got {suffix!r} in {str(path)!r}")
    return suffix[1:].lower()
