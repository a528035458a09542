"""Make the picture and the page of the assignment that README shows: python docs/make.py."""

import os
from pathlib import Path

import viz
from scalargrad import worked

HERE = Path(__file__).parent
os.environ["SCALARGRAD_RENDERER"] = "wasm"  # which draws the same on any machine

problem = worked.Problem.load(HERE.parent / "examples" / "four_three_two.toml").with_target([1, 0])
loss = worked.solve(problem).loss
assert loss is not None  # noqa: S101 - there is a target
print(viz.draw(loss, HERE / "four_three_two.png", title=problem.title))
print(viz.step_through(loss, HERE / "four_three_two.html", title=problem.title))
