"""Files, written whole or not at all and read up to a limit, and JSON: the one way of everything here that does either."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import isfinite
from pathlib import Path
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")
LARGEST_FILE = 16 << 20  # bytes of a file that is read: no problem and no paper is as long


def write(path: str | os.PathLike[str], content: str | bytes) -> Path:
    """Write a file whole or not at all, and return its path: a reader sees the old file or the new one, no half of it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/answer.txt", "42").read_text()
    '42'

    A file that is there keeps its mode, and a link stays one: the file that it names is written. What is no regular
    file, such as a device or a pipe, is written to. Raises OSError, which names the path that was asked for, where it
    may not be written, a file that is read-only included.
    """
    asked = os.fspath(path)
    with naming(asked):
        _write(asked, encodable(content).encode() if isinstance(content, str) else content)
    return Path(asked)


def read(path: str | os.PathLike[str], most: int = LARGEST_FILE) -> str:
    """Read a text in UTF-8, with or without a byte order mark.

    Raises OSError where it cannot be read, ValueError where it is longer than so many bytes or no UTF-8.
    """
    asked = os.fspath(path)
    with naming(asked), Path(asked).open("rb") as file:
        content = file.read(most + 1)  # a device may have no end
    if len(content) > most:
        raise ValueError(f"longer than {most:,} bytes")
    return content.decode("utf-8-sig")


def encodable(text: str) -> str:
    r"""Return a text with lone surrogates, which a label may have and UTF-8 has not, made replacement characters.

    >>> encodable("a\ud800")
    'a�'
    """
    return _SURROGATE.sub("\ufffd", text)


def to_json(data: Any, **layout: Any) -> str:
    """Write data as JSON, its numbers with all their digits; nan and the infinities, which JSON has not, as strings.

    >>> to_json({"x": [0.1, float("-inf")]})
    '{"x": [0.1, "-inf"]}'

    layout  what `json.dumps` takes: an indent, separators, whether all is to be ASCII
    """
    import json

    return json.dumps(_finite(data), allow_nan=False, **layout)


def _finite(data: Any) -> Any:
    if isinstance(data, float):
        return data if isfinite(data) else str(data)
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    return [_finite(x) for x in data] if isinstance(data, (list, tuple)) else data


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Let an error name the file that was asked for, whichever it happened at.

    >>> with naming("asked.txt"):
    ...     raise FileNotFoundError(errno.ENOENT, "No such file or directory", ".unfinished")
    Traceback (most recent call last):
    FileNotFoundError: [Errno 2] No such file or directory: 'asked.txt'
    """
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None


def _write(path: str, content: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_BINARY", 0))  # fails where `open` would
    except FileNotFoundError:
        if not Path(path).name or path.endswith(("/", os.sep)):
            raise
        _replace(os.path.realpath(path), content, None)
        return
    with os.fdopen(descriptor, "wb") as there:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            there.write(content)
            return
        if not found.st_mode & 0o222:  # a superuser may open a read-only file, too
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        standard = _standard(found, descriptor)
        if standard is not None:
            os.dup2(standard, descriptor)
            there.write(content)
            return
    _replace(os.path.realpath(path), content, found)


def _standard(found: os.stat_result, descriptor: int) -> int | None:
    """Return the standard stream that a file is: /dev/stdout is what others write to as well, after `>>` a log."""
    for standard in (1, 2):
        with suppress(OSError):
            if standard != descriptor and os.path.samestat(found, os.fstat(standard)):
                return standard
    return None


def _replace(path: str, content: bytes, found: os.stat_result | None) -> None:
    """Put a new file in the place of a regular one, or of none."""
    unfinished = str(
        Path(path).with_name(f".{os.urandom(16).hex()}.unfinished")
    )  # a short name that nobody can foresee
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(
        unfinished, flags, 0o666 if found is None else 0o600
    )  # the umask takes its part of a new file's mode
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if found is not None:
                mode = stat.S_IMODE(found.st_mode)
                new = os.fstat(descriptor)
                if (new.st_uid, new.st_gid) != (found.st_uid, found.st_gid):
                    try:
                        os.chown(descriptor, found.st_uid, found.st_gid)
                    except OSError:
                        mode &= 0o707  # another group than the old file's gets no rights
                if hasattr(os, "fchmod"):
                    os.fchmod(descriptor, mode)
        Path(unfinished).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(unfinished).unlink()
        raise
