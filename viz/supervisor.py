"""A program that runs a renderer in a folder of its own, with a time limit, and no longer than its own caller lives.

The caller holds the supervisor's standard input open. When the caller ends, by whatever end, the renderer is killed and
its folder is removed. The supervisor is run by its path, without site-packages: it imports the standard library only.
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

TOOK_TOO_LONG = 124  # the exit status where the time limit ended a renderer, as `timeout` has it
LONGEST_MESSAGE = 4096  # bytes: of what a renderer says, the end is handed on


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
    limit     seconds that the renderer may take
    lifeline  a file descriptor: when what can be read there ends, the renderer is killed
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
    """Kill a process, and all processes that were started by it."""
    if process.poll() is None:
        with suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()


def main() -> None:
    """Run the renderer that the command line names. The standard input gives it DOT, and is the lifeline after that."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # the caller gets these, too: the supervisor waits for its end
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: None)
    size, limit, fonts, *command = sys.argv[1:]
    dot = sys.stdin.buffer.read(int(size))
    done = run(command, dot, fonts, float(limit), lifeline=0)
    with suppress(OSError):  # the caller is there no more
        sys.stdout.buffer.write(done.output)
        sys.stderr.buffer.write(done.said[-LONGEST_MESSAGE:])
        sys.stdout.flush()
        sys.stderr.flush()
    sys.exit(done.status if done.status >= 0 else 128 - done.status)  # 128 and the number of a signal, as in a shell


if __name__ == "__main__":
    main()
