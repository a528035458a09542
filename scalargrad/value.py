"""The Value in use: the C twin's where it was built, else Python's. SCALARGRAD_ENGINE=python|native insists."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from scalargrad import engine


def _refuse(message: str) -> NoReturn:
    """Raise an ImportError, which a program may catch; that of the command line, still to be loaded, is ended here."""
    program = sys.argv[0] if sys.argv else ""
    if program == "-m":  # python -m
        program = sys.orig_argv[sys.orig_argv.index("-m") + 1] if "-m" in sys.orig_argv else ""
    if Path(program).stem == "scalargrad":
        print(f"scalargrad: error: {message}", file=sys.stderr)
        raise SystemExit(2)
    raise ImportError(message)


_wanted = os.environ.get("SCALARGRAD_ENGINE", "")
if _wanted not in ("", "python", "native"):
    _refuse(f"SCALARGRAD_ENGINE must be python or native, got {_wanted!r}")

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
            _refuse(f"SCALARGRAD_ENGINE=native, but the C engine is not to be had: {error}")

if not TYPE_CHECKING:
    Value, topological_order = _chosen.Value, _chosen.topological_order
engine.pickled = Value
