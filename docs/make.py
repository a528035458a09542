"""Make the pages and the picture that README shows: python docs/make.py, or python docs/make.py idioms for those alone."""

import os
import sys
from pathlib import Path

import viz
from scalargrad import worked

HERE = Path(__file__).parent
os.environ["SCALARGRAD_RENDERER"] = "wasm"  # which draws the same on any machine


def idioms() -> None:
    """Write the page of the idiom table."""
    sys.path.insert(0, str(HERE.parent / "tests"))
    from idioms import page

    path = HERE / "idioms.md"
    path.write_text(page(), encoding="utf-8")
    print(path)


def assignment() -> None:
    """Draw the assignment that README shows, and make the page that steps through it."""
    problem = worked.Problem.load(HERE.parent / "examples" / "four_three_two.toml").with_target([1, 0])
    loss = worked.solve(problem).loss
    assert loss is not None  # noqa: S101 - there is a target
    print(viz.draw(loss, HERE / "four_three_two.png", title=problem.title))
    print(viz.step_through(loss, HERE / "four_three_two.html", title=problem.title))


idioms()
if sys.argv[1:] != ["idioms"]:
    assignment()
