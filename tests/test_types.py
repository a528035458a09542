"""What type checkers say of user code, where they are installed: the lint extra brings them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import scalargrad

ROOT = Path(scalargrad.__file__).parent.parent
PAGE = Path(__file__).parent / "typed_user_code.py"
CHECKERS = {
    "mypy": ["--strict", "--follow-imports=silent"],
    "pyright": ["--pythonpath", sys.executable],
}


@pytest.fixture(params=CHECKERS)
def refused(request):
    """Let a type checker look at a page as at a user's: the numbers of the lines that it refuses, with its reasons."""
    pytest.importorskip(request.param)
    pytest.importorskip("numpy")

    def check(page):
        command = [sys.executable, "-m", request.param, *CHECKERS[request.param], str(page)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return {int(line): said for line, said in re.findall(rf"{page.name}:(\d+):.*?\berror: (.*)", done.stdout)}

    return check


def test_a_page_of_user_code(refused):
    marked = {i for i, line in enumerate(PAGE.read_text().splitlines(), 1) if "  # refused: " in line}
    said = refused(PAGE)
    assert {i: said[i] for i in said.keys() - marked} == {}, "refused without a mark"
    assert marked - said.keys() == set(), "marked, but accepted"


def test_names_that_come_by_a_star(refused, tmp_path):
    page = tmp_path / "star.py"
    page.write_text("\n".join(["from scalargrad import *", *scalargrad.__all__, "sinn"]))
    assert list(refused(page)) == [len(scalargrad.__all__) + 2]
