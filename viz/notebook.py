"""In a notebook a Value shows itself: importing viz is enough."""

from __future__ import annotations

import tempfile
from collections.abc import Container
from pathlib import Path
from typing import Any

import scalargrad.engine
from scalargrad import Value

PICTURES = {"image/svg+xml": "svg", "image/png": "png"}


def mimebundle(value: Value, include: Container[str] | None = None, exclude: Container[str] = ()) -> dict[str, Any]:
    """Return what a notebook shows of a Value: its text, and its graph as SVG and PNG where it was computed.

    >>> mimebundle(Value(3.0, label="x"))
    {'text/plain': "Value(data=3.0, grad=0.0, label='x')"}

    A picture that cannot be made, because no renderer is there or the graph is too large, is left out: what shows
    a result must not raise.
    """
    bundle: dict[str, Any] = {"text/plain": repr(value)}
    for kind, ending in PICTURES.items():
        if value.parents and (include is None or kind in include) and kind not in (exclude or ()):
            try:
                content = _drawn(value, ending)
            except Exception:  # noqa: BLE001 - whatever it is, the text is shown
                break
            bundle[kind] = content.decode() if ending == "svg" else content
    return bundle


def _drawn(value: Value, ending: str) -> bytes:
    from viz import draw

    with tempfile.TemporaryDirectory() as folder:
        return draw(value, Path(folder, f"value.{ending}")).read_bytes()


def install() -> None:
    """Teach Values of every engine to show themselves.

    >>> install()
    >>> sorted(Value(3.0)._repr_mimebundle_())
    ['text/plain']
    """
    for engine in (scalargrad.engine.Value, Value):
        setattr(engine, "_repr_mimebundle_", mimebundle)  # noqa: B010 - it is not declared, as scalargrad knows none
