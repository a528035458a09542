"""From DOT to a file: PNG, SVG and PDF by the Graphviz program, written whole or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

FORMATS = ("png", "svg", "pdf", "dot")


class RendererNotFound(RuntimeError):
    """No program here can draw: the message names the remedies.

    >>> issubclass(RendererNotFound, RuntimeError)
    True
    """


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
    """Write DOT to a file in the format of the file's ending.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write("digraph {}", Path(folder, "empty.dot"))
    ...     Path(folder, "empty.dot").read_text()
    'digraph {}'
    """
    wanted = ending(path)
    if wanted == "dot":
        _replace(path, dot.encode())
        return
    program = shutil.which("dot")
    if program is None:
        beside = path.with_suffix(".dot")
        _replace(beside, dot.encode())
        raise RendererNotFound(
            f"no Graphviz program 'dot' was found to draw {str(path)!r}. Either install Graphviz ('apt-get install "
            "graphviz', 'brew install graphviz' or 'winget install graphviz'), or ask for a .dot file and render it "
            f"elsewhere: this one was written to {str(beside)!r}"
        )
    _replace(path, _run(program, wanted, dot))


def _run(program: str, wanted: str, dot: str) -> bytes:
    done = subprocess.run([program, f"-T{wanted}"], input=dot.encode(), capture_output=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise RuntimeError(f"{program} could not draw this graph: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


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
