"""Machine code kept on disk: used again by another process, made anew where a file is not what was written."""

import os
import subprocess
import sys
import textwrap

import pytest

from scalargrad import jit, sin
from scalargrad.compiler import kept

pytest.importorskip("llvmlite")

SECOND = textwrap.dedent("""
    from scalargrad import jit, sin
    from scalargrad.compiler import kept
    before, seen = kept.fetch, []
    kept.fetch = lambda name: seen.append(before(name)) or seen[-1]
    print(jit(lambda x: sin(x) * x)(2.0), [held is not None for held in seen])
""")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    folder = tmp_path / "code"
    monkeypatch.setenv(kept.VARIABLE, str(folder))
    return folder


def run():
    ran = subprocess.run([sys.executable, "-W", "error", "-c", SECOND], capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def test_another_process_finds_the_code(folder):
    first = jit(lambda x: sin(x) * x)(2.0)
    (file,) = folder.iterdir()
    before = file.read_bytes()
    assert run() == f"{first} [True]"
    assert file.read_bytes() == before
    jit(lambda x: sin(x) * x + 1)(2.0)
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda held: b"",
        lambda held: held[:-1],
        lambda held: held[: len(held) // 2],
        lambda held: held + b"0",
        lambda held: b"#!/bin/sh\n",
        lambda held: held[:-9] + bytes([held[-9] ^ 1]) + held[-8:],
    ],
)
def test_a_damaged_or_foreign_file_is_made_anew(folder, damage):
    expected = jit(lambda x: sin(x) * x)(2.0)
    (file,) = folder.iterdir()
    held = file.read_bytes()
    file.write_bytes(damage(held))
    assert run() == f"{expected} [False]"
    assert file.read_bytes() == held


def test_nothing_is_left_of_a_file_that_was_not_written(folder, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept.Path, "replace", fail)
    with pytest.warns(RuntimeWarning, match="SCALARGRAD_CACHE_DIR: machine code cannot be kept"):
        assert jit(lambda x: x * x)(3.0) == 9.0
    assert list(folder.iterdir()) == []


def test_a_directory_that_is_none_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(kept.VARIABLE, str(tmp_path / "file"))
    with pytest.warns(RuntimeWarning, match="cannot be kept in"):
        assert jit(lambda x: x * x)(3.0) == 9.0


def test_files_used_last_are_kept(folder, monkeypatch):
    monkeypatch.setattr(kept, "MOST_FILES", 10)
    names = [kept.key("code", i) for i in range(11)]
    for age, name in enumerate(names[:10]):
        kept.keep(name, name.encode())
        os.utime(folder / f"{name}.code", (1000 + age, 1000 + age))
    assert kept.fetch(names[0]) == names[0].encode()  # which makes it the last one used
    kept.keep(names[10], b"more")
    left = [name for name in names if kept.fetch(name) is not None]
    assert left == [names[0], *names[3:]]


def test_code_for_another_processor_is_another_file(folder, monkeypatch):
    jit(lambda x: x * x)(3.0)
    monkeypatch.setenv("SCALARGRAD_CPU", "sse2" if os.uname().machine == "x86_64" else "neon")
    jit(lambda x: x * x)(3.0)
    assert len(list(folder.iterdir())) == 2


def test_a_report_has_the_steps():
    report = jit(lambda x: x * x + x * x).program(2.0).report()
    assert [line.split()[0] for line in report.splitlines()] == ["recorded", "simplified", "written", "compiled"]
