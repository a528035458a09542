"""Worked solutions of network problems: solved, derived, and written out.

>>> problem = Problem.from_dict({"input": [2], "target": [0], "layer": [{"weights": [[3]], "bias": [1]}]})
>>> solve(problem).z[0][0].grad
14.0
"""

from scalargrad.worked.derivation import written as written
from scalargrad.worked.explanation import explain as explain
from scalargrad.worked.problem import Problem as Problem
from scalargrad.worked.problem import ProblemError as ProblemError
from scalargrad.worked.solution import Sample as Sample
from scalargrad.worked.solution import Solution as Solution
from scalargrad.worked.solution import fixed as fixed
from scalargrad.worked.solution import report as report
from scalargrad.worked.solution import solve as solve
from scalargrad.worked.solution import weights_and_bias as weights_and_bias
from scalargrad.worked.writers import write as write
