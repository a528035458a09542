"""The Value in use: the C twin's where it was built, else Python's. SCALARGRAD_ENGINE=python|native insists.

What NumPy asks a Value for stands here, too: it is loaded where NumPy is.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from scalargrad import engine, ops

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


# Imported when NumPy asks, as the engine needs no NumPy; by plain statements, which take a third of the time of `from`.


def _array_ufunc(_: Value, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
    import scalargrad.arrays

    return scalargrad.arrays.call_with_value(ufunc, method, inputs, keywords)


def _array_function(_: Value, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:  # noqa: ARG001
    import scalargrad.arrays

    return scalargrad.arrays.call_function(function, arguments, keywords)


def _apply_to_arrays(op: ops.Op, *arguments: Any) -> Any:
    import scalargrad.arrays

    return scalargrad.arrays.apply(op, *arguments)


Value.__array_ufunc__, Value.__array_function__ = _array_ufunc, _array_function  # type: ignore[attr-defined]
ops.apply_to_arrays = _apply_to_arrays
