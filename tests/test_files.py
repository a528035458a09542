"""Files: whole or not at all, whoever writes, whatever stands there; and read no further than is sensible."""

import os
import re
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import viz
from scalargrad import Value, cli, files
from scalargrad.homework.exercise import Exercise, friendly_problem, write_exercises

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has other kinds of files")


def page(path):
    x = Value(3.0, label="x")
    return viz.step_through(x * x, path)


def explained(path):
    status = cli.main(["explain", "x*x", "x=2", "--format", "text", "-o", str(path)])
    if status:
        raise OSError
    return path


WRITERS = {"files": lambda path: files.write(path, "new\n"), "page": page, "command line": explained}


@pytest.fixture(params=WRITERS)
def write(request):
    return WRITERS[request.param]


def test_a_new_file_is_as_the_umask_has_it(write, tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "new.html")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new.html").stat().st_mode) == (0o640 if os.name != "nt" else 0o666)
    assert [path.name for path in tmp_path.iterdir()] == ["new.html"]


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755, 0o200])
def test_a_file_keeps_its_mode(write, mode, tmp_path):
    path = tmp_path / "old.html"
    path.write_text("old")
    path.chmod(mode)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    path.chmod(0o600)
    assert path.read_text(encoding="utf-8") != "old"


@posix
def test_what_is_read_only_is_refused(tmp_path, capsys):
    path = tmp_path / "old.html"
    path.write_text("old")
    path.chmod(0o444)
    for write in (page, WRITERS["files"]):
        with pytest.raises(PermissionError) as caught:
            write(path)
        assert caught.value.filename == str(path)
    assert cli.main(["explain", "x*x", "x=2", "-o", str(path)]) == 2
    assert capsys.readouterr().err == f"scalargrad: error: {path}: Permission denied\n"
    assert path.read_text() == "old"
    assert [*tmp_path.iterdir()] == [path]


@posix
def test_links_are_followed(write, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "target.html", tmp_path / "link.html"
    second = tmp_path / "second.html"
    link.symlink_to(Path("elsewhere", "target.html"))
    second.symlink_to("link.html")
    for there in (False, True):  # it names nothing yet, or a file
        if there:
            target.write_text("old")
        write(second)
        assert second.is_symlink()
        assert link.is_symlink()
        assert target.read_text(encoding="utf-8") not in ("", "old")
    assert [path.name for path in target.parent.iterdir()] == ["target.html"]


@posix
def test_a_link_to_itself_is_an_error_that_names_it(tmp_path):
    link = tmp_path / "link.html"
    link.symlink_to(link)
    with pytest.raises(OSError, match="link.html"):
        page(link)


@posix
def test_pipes_are_written_to(write, tmp_path):
    fifo, read = tmp_path / "fifo.html", []
    os.mkfifo(fifo)
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()))
    reader.start()
    write(fifo)
    reader.join()
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    assert read[0]
    assert [*tmp_path.iterdir()] == [fifo]


@posix
def test_devices_are_written_to(write, tmp_path):
    before = Path("/dev/null").stat()
    write("/dev/null")
    assert os.path.samestat(Path("/dev/null").stat(), before)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    link = tmp_path / "null.html"
    link.symlink_to("/dev/null")
    write(link)
    assert link.is_symlink()


def program(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "scalargrad", *arguments], stderr=subprocess.PIPE, **options)


EXPLAIN = ["explain", "x*x", "x=2", "--format", "text", "-o", "/dev/stdout"]


@posix
@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="there is no /dev/stdout")
def test_the_standard_output_is_written_to(tmp_path):
    piped = program(*EXPLAIN, stdout=subprocess.PIPE)
    assert piped.returncode == 0
    assert b"= 4" in piped.stdout
    log = tmp_path / "log"
    with log.open("ab") as file:  # as by `>>`
        file.write(b"before\n")
        file.flush()
        program(*EXPLAIN, stdout=file)
        file.write(b"after\n")
    assert log.read_bytes() == b"before\n" + piped.stdout + b"after\n"


@posix
def test_a_reader_of_a_pipe_that_has_seen_enough_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    done = program(*EXPLAIN, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_names_the_file(capsys):
    assert cli.main([*EXPLAIN[:-1], "/dev/full"]) == 2
    assert capsys.readouterr().err == "scalargrad: error: /dev/full: No space left on device\n"


@posix
def test_a_disk_that_fills_up_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "long.tex"
    path.write_text("old")
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); from scalargrad.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", limited, *EXPLAIN[:-3], "latex", "-o", str(path)], capture_output=True, text=True
    )
    message = done.stderr.splitlines()[-1]  # of the solution, or of its picture
    assert done.returncode == 2
    assert re.fullmatch(rf"scalargrad: error: {path.with_suffix('')}\S*: File too large", message), message
    assert path.read_text() == "old"
    assert [*tmp_path.iterdir()] == [path]


def test_names_may_be_as_long_as_the_system_has_them(write, tmp_path):
    path = tmp_path / ("n" * 250 + ".html")
    write(path)
    write(path)
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder.html", "Is a directory"),
        ("nowhere/x.html", "No such file or directory"),
        ("new.html/", "No such file or directory"),
        ("file.html/x.html", "Not a directory"),
        ("n" * 300 + ".html", "File name too long"),
    ],
)
@posix
def test_mistakes_name_what_was_asked_for(name, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("folder.html").mkdir()
    Path("file.html").write_text("old")
    before = sorted(Path().iterdir())
    assert cli.main([*EXPLAIN[:-1], name]) == 2
    assert capsys.readouterr().err == f"scalargrad: error: {name}: {message}\n"
    if not name.endswith("/"):
        with pytest.raises(OSError, match=re.escape(message)) as caught:
            page(name)
        assert caught.value.filename == name
    assert sorted(Path().iterdir()) == before


def test_no_name_is_no_file(capsys):
    for arguments in (["-o", ""], ["--format", "text", "-o", ""], ["--draw", ""]):
        assert cli.main(["explain", "x*x", "x=2", *arguments]) == 2
        assert capsys.readouterr().err.count("error: ") == 1


def test_threads_that_write_one_file_leave_it_whole(tmp_path):
    path, stop, seen, failures = tmp_path / "race.html", threading.Event(), set(), []
    texts = [letter * 300_000 for letter in "abc"]
    files.write(path, texts[0])

    def write(text):
        try:
            for _ in range(60):
                files.write(path, text)
        except OSError as error:
            failures.append(error)

    def read():
        while not stop.is_set():
            seen.add(path.read_text())

    writers, reader = [threading.Thread(target=write, args=[text]) for text in texts], threading.Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert failures == []
    assert seen <= set(texts)
    assert [*tmp_path.iterdir()] == [path]


def test_the_unfinished_file_cannot_be_foreseen_and_is_not_there_yet(tmp_path, monkeypatch):
    opened, real = [], os.open

    def watching(path, flags, *mode, **others):
        opened.append((str(path), flags))
        return real(path, flags, *mode, **others)

    monkeypatch.setattr(os, "open", watching)
    for _ in range(3):
        files.write(tmp_path / "x.html", "")
    unfinished = [(path, flags) for path, flags in opened if not path.endswith("x.html")]
    assert len({path for path, _ in unfinished}) == 3
    assert {Path(path).parent for path, _ in unfinished} == {tmp_path}
    for path, flags in unfinished:
        assert flags & os.O_EXCL
        assert flags & getattr(os, "O_NOFOLLOW", 0) == getattr(os, "O_NOFOLLOW", 0)
        assert str(os.getpid()) not in re.findall(r"\d+", Path(path).name)
        assert re.search(r"[0-9a-f]{32}", path)


def test_what_fails_while_it_is_written_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "old.html"
    path.write_text("old")

    def interrupted(self, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.write(path, "new")
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_text() == "old"


def test_lone_surrogates_become_replacement_characters(tmp_path):
    assert files.write(tmp_path / "x", "a\ud800b\udfff").read_text(encoding="utf-8") == "a\ufffdb\ufffd"


@posix
def test_exercises_name_their_directory(tmp_path, monkeypatch):
    exercise = Exercise.of(friendly_problem([2, 2, 2], seed=1))

    def full(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_exercises([exercise], tmp_path / "sheets")
    assert caught.value.filename == str(tmp_path / "sheets")
    assert [*tmp_path.iterdir()] == []


# Reading


@pytest.mark.parametrize("command", [["solve"], ["read"], ["check", "examples/four_three_two.toml"]])
@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs a file without an end")
def test_files_without_an_end_are_read_up_to_a_limit(command, capsys, monkeypatch):
    monkeypatch.chdir(Path(__file__).parent.parent)
    assert cli.main([*command, "/dev/zero"]) == 2
    assert capsys.readouterr().err == "scalargrad: error: zero: longer than 16,777,216 bytes\n"


def test_texts_are_read_up_to_a_limit_and_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "text"
    path.write_bytes("\ufeffé".encode())
    assert files.read(path, 5) == "é"
    with pytest.raises(ValueError, match="longer than 4 bytes"):
        files.read(path, 4)
    path.write_bytes(b"\xff")
    with pytest.raises(ValueError, match="can't decode byte 0xff"):
        files.read(path)
    with pytest.raises(OSError) as caught:
        files.read(tmp_path)
    assert caught.value.filename == str(tmp_path)
