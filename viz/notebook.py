"""In a notebook a Value shows its graph by itself: importing viz is enough."""

from __future__ import annotations

from collections.abc import Container
from html import escape
from typing import Any

from scalargrad import Value
from viz.dot import to_dot
from viz.levels import Detail
from viz.render import render
from viz.theme import ThemeName

shown: dict[str, Any] = {"theme": "light", "detail": "auto"}  # how Values show themselves
MEDIA_TYPES = {"image/svg+xml": "svg", "image/png": "png"}  # the format for each type that a notebook may ask for


def mimebundle(value: Value, include: Container[str] | None = None, exclude: Container[str] = ()) -> dict[str, Any]:
    """Return what a notebook shows of a Value: its text, and its graph as SVG and PNG where it was computed.

    >>> mimebundle(Value(3.0, label="x"))
    {'text/plain': "Value(data=3.0, grad=0.0, label='x')"}

    A picture that cannot be made, because no renderer is there or the graph is too large, is left out: an error while
    a result is shown would hide the result.
    """
    bundle: dict[str, Any] = {"text/plain": repr(value)}
    for kind, format in MEDIA_TYPES.items():
        if value.parents and (include is None or kind in include) and kind not in (exclude or ()):
            try:
                content = render(to_dot(value, format=format, canvas="notebook", **shown), format)
            except Exception:  # noqa: BLE001 - whatever went wrong, the text is shown
                break
            bundle[kind] = _for_a_cell(content.decode(), value) if format == "svg" else content
    return bundle


def defaults(*, theme: ThemeName | None = None, detail: Detail | None = None) -> None:
    """Say how Values show themselves in a notebook from now on; what is not given stays as it is.

    >>> defaults(theme="dark", detail="units")
    >>> defaults(theme="light", detail="auto")

    Raises ValueError for a theme or a level of detail that does not exist.
    """
    to_dot(Value(0.0), theme=theme or "light", detail=detail or "auto")  # refuses what it does not know
    shown.update({"theme": theme or shown["theme"], "detail": detail or shown["detail"]})


def _for_a_cell(svg: str, value: Value) -> str:
    # As wide as it is made, but never wider than the cell; and told to those who do not see it.
    words = escape(f"Computation graph of {value.label}" if value.label else "Computation graph", quote=True)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{words}" style="max-width: 100%; height: auto" ', 1)


def install() -> None:
    """Teach Values to show themselves.

    >>> install()
    >>> sorted(Value(3.0)._repr_mimebundle_())
    ['text/plain']
    """
    setattr(Value, "_repr_mimebundle_", mimebundle)  # noqa: B010 - it is not declared, as scalargrad knows no pictures
