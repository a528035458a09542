r"""Long equations in steps: what stands inside of a function, a softmax, or an average gets a name of its own.

>>> from scalargrad.sheet.problem import Problem
>>> from scalargrad.sheet.solution import solve
>>> solution = solve(Problem.read("x = (1, 2); W = [[3, 4], [5, 6]]; p = softmax(tanh(W x)); find p"))
>>> print(*unfolded(solution).problem.equations[2:], sep="\n")
z = W x
h = tanh(z)
p = softmax(h)
"""

from __future__ import annotations

from dataclasses import replace

from scalargrad.op import Op
from scalargrad.sheet.problem import Equation, Problem
from scalargrad.sheet.records import RECORDS, Record
from scalargrad.sheet.scope import Quantity
from scalargrad.sheet.solution import Solution, solve
from scalargrad.sheet.substitution import ARITHMETIC, Substitution
from scalargrad.sheet.terms import CALL, DERIV, Term

_AVERAGES = ("mean", "sum", "norm", "max", "logsumexp")
# Names for what gets one, in the order in which they are tried.
_NAMES = {"mean": "mu m", "spread": "v s", "softmax": "p a q", "function": "h a g", "inside": "z u s a"}


def unfolded(solution: Solution) -> Solution:
    """Return the solution of a problem whose equations take one step each; the same where they do already."""
    taken = {*solution.scope.quantities, *solution.scope.functions}
    fresh: list[Equation] = []
    for quantity in list(solution.scope.quantities.values()):
        equation = quantity.equation
        if (
            quantity.is_given
            or equation is None
            or equation.left.head in (CALL, DERIV)
            or equation.variables
            or not quantity.sources
        ):
            continue
        inner = _Unfolding(quantity, taken)
        term = inner.run()
        if inner.found:
            fresh += [Equation(Term(name), part) for name, part in inner.found] + [replace(equation, right=term)]
    if not fresh:
        return solution
    changed = {equation.name: equation for equation in fresh}
    kept = [equation for equation in solution.problem.equations if equation.name not in changed]
    return replace(solve(_placed(solution.problem, kept, fresh)), invented=solution.invented)


def _placed(problem: Problem, kept: list[Equation], fresh: list[Equation]) -> Problem:
    """Put equations in the place of those that they unfold."""
    out: list[Equation] = []
    for equation in problem.equations:
        if equation in kept:
            out.append(equation)
            continue
        end = next(i for i, each in enumerate(fresh) if each.name == equation.name) + 1
        out += fresh[:end]
        del fresh[:end]
    return replace(problem, equations=tuple(out))


class _Unfolding:
    def __init__(self, quantity: Quantity, taken: set[str]) -> None:
        self.quantity, self.taken = quantity, taken
        self.found: list[tuple[str, Term]] = []

    def run(self) -> Term:
        return self.visit(self.quantity.term, inside=False)

    def visit(self, term: Term, *, inside: bool) -> Term:
        """Name the parts of a term from the leaves up; `inside` says whether it stands inside of a function or a product."""
        if Substitution.is_leaf(term) or not term.operands:
            return term
        kind = _kind(term)
        within = inside or kind in ("softmax", "function") or term.head is RECORDS["product"]
        operands = [self.visit(x, inside=within) for x in term.operands]
        if kind in ("softmax", "function") and len(operands) == 1 and _is_weighty(operands[0], kind):
            operands[0] = self.name("inside", operands[0])
        out = Term(term.head, *operands)
        top = term is self.quantity.term
        if not top and (
            (kind == "function" and inside)
            or kind == "softmax"
            or (kind in ("mean", "spread") and self.quantity.array.shape)
        ):
            return self.name(kind, out)
        return out

    def name(self, kind: str, term: Term) -> Term:
        """Give a term a name, the same for equal ones."""
        known = next((name for name, part in self.found if part == term), None)
        if known is None:
            letters = _NAMES[kind].split()
            known = next(
                (
                    x
                    for x in [*letters, *(f"{letters[0]}_{i}" for i in range(1, 99))]
                    if x not in self.taken and x.replace("_", "") not in self.taken
                ),
                letters[0],
            )
            known = known.replace("_", "")
            self.taken.add(known)
            self.found.append((known, term))
        return Term(known)


def _kind(term: Term) -> str:
    if isinstance(term.head, Record):
        name = term.head.name
        if name.startswith("softmax"):
            return "softmax"
        if name.startswith(_AVERAGES) and term.names:
            return "mean" if term.operands[0].is_name else "spread"
    if (
        isinstance(term.head, Op)
        and term.head not in ARITHMETIC
        and len(term.operands) == 1
        and term.head.name not in ("sqrt", "abs", "log", "exp")
    ):
        return "function"
    return ""


def _is_weighty(term: Term, kind: str) -> bool:
    """Whether what stands inside deserves a name: in a softmax anything but one, elsewhere a product of arrays."""
    return not Substitution.is_leaf(term) and (
        kind == "softmax" or any(part.head is RECORDS["product"] for part in term.walk())
    )
