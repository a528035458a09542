"""How wide a text is in the shipped font, read from the font's own tables."""

from __future__ import annotations

import struct
from functools import lru_cache
from pathlib import Path

FAMILY = "DejaVu Sans,Verdana,sans-serif"  # the shipped font, and its substitutes where a viewer has it not
FONT_FOLDER = Path(__file__).parent / "fonts"
FONT_FILES = {False: FONT_FOLDER / "DejaVuSans.ttf", True: FONT_FOLDER / "DejaVuSans-Bold.ttf"}  # bold or not
LINE_HEIGHT = 1.2  # in font sizes
MISSING_WIDTH = 1.0  # of a character that the font lacks, in font sizes: most are ideographs, which are square


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a text in the unit of its font size.

    >>> round(text_width("mm", 10), 2), round(text_width("mm", 10, bold=True), 2)
    (19.48, 20.84)
    """
    advances = _advances(bold)
    return size * sum(advances.get(ord(character), MISSING_WIDTH) for character in text)


@lru_cache
def _advances(bold: bool) -> dict[int, float]:
    """Read the advance width of every character, in font sizes: tables cmap (format 4) and hmtx of a TrueType file."""
    content = FONT_FILES[bold].read_bytes()

    def numbers(layout: str, place: int) -> tuple[int, ...]:
        return struct.unpack_from(f">{layout}", content, place)

    tables = {}
    for i in range(numbers("H", 4)[0]):
        name, _, place, _ = struct.unpack_from(">4sIII", content, 12 + 16 * i)
        tables[name.decode()] = place
    (em,) = numbers("H", tables["head"] + 18)
    (measured,) = numbers("H", tables["hhea"] + 34)
    widths = numbers("Hh" * measured, tables["hmtx"])[::2]
    records = range(tables["cmap"] + 4, tables["cmap"] + 4 + 8 * numbers("H", tables["cmap"] + 2)[0], 8)
    at = next(tables["cmap"] + numbers("HHI", record)[2] for record in records if numbers("HH", record) == (3, 1))
    n = numbers("H", at + 6)[0] // 2
    ends, starts = numbers(f"{n}H", at + 14), numbers(f"{n}H", at + 16 + 2 * n)
    deltas, ranges = numbers(f"{n}H", at + 16 + 4 * n), numbers(f"{n}H", at + 16 + 6 * n)
    advances = {}
    for i, (start, end, delta, offset) in enumerate(zip(starts, ends, deltas, ranges, strict=True)):
        for code in range(start, min(end, 0xFFFE) + 1):
            glyph = code
            if offset:
                (glyph,) = numbers("H", at + 16 + 6 * n + 2 * i + offset + 2 * (code - start))
            if glyph or not offset:
                glyph = (glyph + delta) & 0xFFFF
                advances[code] = widths[min(glyph, measured - 1)] / em
    return advances
