"""A program that runs a renderer: in a folder of its own, for so long at most, and no longer than who asked for it lives.

Whoever asks holds its standard input open. When that ends, by whatever end, the renderer is killed and its folder is
removed. It is run by its path, with nothing but the standard library.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

TOOK_TOO_LONG = 124  # the exit status, as of `timeout`
LONGEST_MESSAGE = 4096  # bytes of what a renderer says that are handed on


class Done(NamedTuple):
    """How a renderer ended, what it wrote, and what it said; a status below 0 is that of a signal."""

    status: int
    output: bytes
    said: bytes


def run(command: list[str], dot: bytes, fonts: str, limit: float, lifeline: int | None = None) -> Done:
    """Run a renderer that reads DOT and writes a picture.

    >>> run([sys.executable, "-c", "print(input())"], b"digraph {}", "", 60).output.strip()
    b'digraph {}'

    fonts     the settings of Fontconfig
    limit     seconds that it may take
    lifeline  a descriptor: when what can be read from it ends, so does the renderer
    """
    with tempfile.TemporaryDirectory(prefix="scalargrad-", ignore_cleanup_errors=True) as folder:
        settings = Path(folder, "fonts.conf")
        settings.write_text(fonts, encoding="utf-8")
        environment = {**os.environ, "FONTCONFIG_FILE": str(settings)}
        with subprocess.Popen(  # noqa: S603 - the command is that of viz.render
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=folder,
            start_new_session=True,
        ) as process:

            def watch(lifeline: int) -> None:
                os.read(lifeline, 1)
                _kill(process)

            if lifeline is not None:
                threading.Thread(target=watch, args=[lifeline], daemon=True).start()
            try:
                output, said = process.communicate(dot, timeout=limit)
            except subprocess.TimeoutExpired:
                return Done(TOOK_TOO_LONG, b"", b"")
            finally:
                _kill(process)
        return Done(process.returncode, output, said)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process, with those that it started."""
    if process.poll() is None:
        with suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()


def main() -> None:
    """Run the renderer of the command line; the standard input has DOT, of so many bytes, and is the lifeline."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # who asked gets them too, and its end is waited for
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: None)
    size, limit, fonts, *command = sys.argv[1:]
    dot = sys.stdin.buffer.read(int(size))
    done = run(command, dot, fonts, float(limit), lifeline=0)
    with suppress(OSError):  # nobody is there any more
        sys.stdout.buffer.write(done.output)
        sys.stderr.buffer.write(done.said[-LONGEST_MESSAGE:])
        sys.stdout.flush()
        sys.stderr.flush()
    sys.exit(done.status if done.status >= 0 else 128 - done.status)  # a signal is 128 and its number, as in a shell


if __name__ == "__main__":
    main()
