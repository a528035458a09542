"""The Value in use: the C twin's where it was built, else Python's. SCALARGRAD_ENGINE=python|native insists."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from scalargrad import engine

_wanted = os.environ.get("SCALARGRAD_ENGINE", "")
if _wanted not in ("", "python", "native"):
    raise ImportError(f"SCALARGRAD_ENGINE must be python or native, got {_wanted!r}")

if TYPE_CHECKING:
    from scalargrad.engine import Value as Value
    from scalargrad.engine import topological_order as topological_order

engine_name = "python"
_chosen = engine
if _wanted != "python":
    try:
        from scalargrad import _engine as _chosen  # type: ignore[attr-defined, no-redef]

        engine_name = "native"
    except ImportError as error:
        if _wanted == "native":
            raise ImportError(f"SCALARGRAD_ENGINE=native, but the C engine is not to be had: {error}") from error

if not TYPE_CHECKING:
    Value, topological_order = _chosen.Value, _chosen.topological_order
engine.pickled = Value
