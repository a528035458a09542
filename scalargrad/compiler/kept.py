"""Machine code kept on disk between processes, in the directory that SCALARGRAD_CACHE_DIR names.

A file is found by a digest of all that its code was made from, and starts with a digest of itself: one that is truncated, or
no file of ours, is made anew. Files are put in place whole; those that were used last are kept. Whoever may write to the
directory may have programs run.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from pathlib import Path

VARIABLE = "SCALARGRAD_CACHE_DIR"
MOST_FILES = 1000
_MAGIC = b"scalargrad machine code 1\n"
_SUFFIX = ".code"


def key(*parts: object) -> str:
    """Return a name for what is made of some parts.

    >>> key("a", 1) == key("a", 1) != key("a", 2)
    True
    """
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def fetch(name: str) -> bytes | None:
    """Return what is kept under a name, None where nothing is."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        return None
    path = Path(folder, name + _SUFFIX)
    try:
        held = path.read_bytes()
        os.utime(path)  # it was used
    except OSError:
        return None
    start = len(_MAGIC) + 32
    content = held[start:]
    good = held.startswith(_MAGIC) and held[len(_MAGIC) : start] == hashlib.sha256(content).digest()
    return content if good else None


def keep(name: str, content: bytes) -> None:
    """Keep something under a name, where a directory is given."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        return
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".tmp", delete=False) as file:
            try:
                file.write(_MAGIC + hashlib.sha256(content).digest() + content)
                file.close()
                Path(file.name).replace(Path(folder, name + _SUFFIX))
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        _forget(Path(folder))
    except OSError as error:
        warnings.warn(f"{VARIABLE}: machine code cannot be kept in {folder}: {error}", RuntimeWarning, stacklevel=2)


def _forget(folder: Path) -> None:
    """Remove the files that were not used for longest, where there are too many."""
    names = [entry.name for entry in os.scandir(folder) if entry.name.endswith(_SUFFIX)]
    if len(names) <= MOST_FILES:
        return
    used = {}
    for name in names:
        try:
            used[folder / name] = (folder / name).stat().st_mtime
        except OSError:  # another process was faster
            continue
    for path in sorted(used, key=used.__getitem__)[: len(names) - MOST_FILES * 9 // 10]:
        path.unlink(missing_ok=True)
