"""A problem without numbers, for a derivation: numbers are put in its names, to hold the formulas against the backward pass.

>>> problem = Problem.read("z = Σ_{i=1}^{n} w_i x_i; f = σ(z); find df/dz")
>>> [str(equation) for equation in instance(problem).equations[2:]]
['w = [0.818, 0.436, 1.054]', 'x = [0.672, 0.29, 0.908]', 'n = 3']

The numbers are all positive, so that roots and logarithms have them; they appear in no answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scalargrad.sheet.grammar import flat
from scalargrad.sheet.problem import Equation, Problem, answer_name, plain_names
from scalargrad.sheet.terms import CALL, DERIV, LIST, PRIME, PRODUCT_OVER, ROWS, SUB, SUM, SUP, Term

SIZE = 3  # of what is indexed, and of what a sum goes over
_COUNTS = {"n", "m", "N", "M", "d", "T"}  # what a text calls the number of its terms
_GOLDEN = 0.618


def has_numbers(problem: Problem) -> bool:
    """Say whether anything is given, so that what is missing is an oversight."""
    return any(equation.is_given for equation in problem.equations)


def instance(problem: Problem) -> Problem:
    """Return a problem with numbers for all names that have no value."""
    defined = {equation.name for equation in problem.equations} | _families(problem)
    limits = {
        name
        for e in problem.equations
        for part in e.right.walk()
        if part.head in (SUM, PRODUCT_OVER)
        for x in part.operands[2:]
        for name in x.names
    }
    shapes = {
        str(flat(shape.name)): tuple(SIZE if not x.is_number else int(x.head) for x in shape.sizes)
        for shape in problem.shapes
    }
    count = iter(range(1, 10_000))
    fresh: list[Equation] = []
    upstream = [
        asked.term
        for asked in problem.asked
        if asked.term.head is DERIV and answer_name(asked.term.operands[0]) not in defined
    ]
    for name, rank in _used(problem).items():
        if name in defined or name in limits or any(name in plain_names(term.operands[0]) for term in upstream):
            continue
        if name in _COUNTS:
            limits.add(name)
            continue
        fresh.append(Equation(Term(name), _numbers(shapes.get(name, (SIZE,) * rank), count)))
    fresh += [Equation(Term(name), Term(float(SIZE))) for name in sorted(limits - defined)]
    return replace(problem, equations=(*problem.equations, *fresh))


def _families(problem: Problem) -> set[str]:
    return {str(flat(e.left.operands[0])) for e in problem.equations if e.variables and e.left.head is SUB}


def _used(problem: Problem) -> dict[str, int]:
    """Return the names in a problem's equations, each with the number of indices that stand at it."""
    out: dict[str, int] = {}
    for equation in problem.equations:
        if equation.left.head is DERIV and equation.right.is_name:  # an upstream gradient by its name
            out.setdefault(str(flat(equation.right)), 1)
        own = {
            *equation.parameters,
            *(part.operands[1].head for part in equation.right.walk() if part.head in (SUM, PRODUCT_OVER)),
            *equation.variables,
        }
        for name, rank in _names(equation.right, own):
            if name not in own:
                out[name] = max(out.get(name, 0), rank)
        for parameter in equation.parameters:
            out.setdefault(parameter, 0)
    return out


def _names(term: Term, letters: set[str]) -> Iterator[tuple[str, int]]:
    if term.head in (SUB, SUP) and any(x.head in letters for x in term.operands[1:]):
        yield str(flat(term.operands[0])), sum(x.head in letters for x in term.operands[1:])
    elif term.is_name or term.head in (SUB, SUP):
        yield str(flat(term)), 0
    else:
        operands = term.operands[1:] if term.head in (CALL, PRIME) else term.operands
        for operand in operands:
            yield from _names(operand, letters)


def _numbers(shape: tuple[int, ...], count: Iterator[int]) -> Term:
    if not shape:
        return Term(round(0.2 + next(count) * _GOLDEN % 1, 3))
    rows = [_numbers(shape[1:], count) for _ in range(shape[0])]
    return Term(ROWS if len(shape) > 1 else LIST, *rows)
