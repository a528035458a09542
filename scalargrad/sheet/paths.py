"""The chain rule path by path: all ways from a quantity to a result, and the local derivatives along each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scalargrad import ops
from scalargrad.sheet.derivation import Step
from scalargrad.sheet.scope import Scope
from scalargrad.sheet.shares import ONE, added, pulled_back
from scalargrad.sheet.terms import DERIV, Term
from scalargrad.sheet.tidy import tidied

MOST = 8  # paths of one derivative


@dataclass(frozen=True)
class Path:
    """A path.

    derivative  of which it is a part
    stations    its quantities, with arrows between them
    product     of the local derivatives along it
    value       of the product
    """

    derivative: Term
    stations: tuple[Term | str, ...]
    product: Term
    value: float


def paths(scope: Scope, of: str, steps: Sequence[Step]) -> list[Path]:
    """Return the paths of that derivative of a number by a number which has the most, where there are several.

    >>> from scalargrad.sheet.problem import Problem
    >>> from scalargrad.sheet.derivation import derive
    >>> scope = Scope(Problem.read("a = 2; b = 1; c = a + b; d = b + 1; e = c d"))
    >>> [(path.product, path.value) for path in paths(scope, "e", derive(scope, "e", ["a", "b"]))]
    [(d, 2.0), (c, 3.0)]
    """
    found = [list(_walk(scope, of, step.by)) for step in steps if not step.array.shape]
    several = [each for each in found if 1 < len(each) <= MOST]
    if not several:
        return []
    out = []
    for way, slopes in max(several, key=len):
        product = slopes[0]
        for slope in slopes[1:]:
            product = Term(ops.mul, product, slope)
        stations = tuple(x for name in way for x in ((" → ", Term(name)) if name != way[0] else (Term(name),)))
        out.append(
            Path(Term(DERIV, of, way[0]), stations, tidied(product), math.prod(scope.array(s).data[0] for s in slopes))
        )
    return out


def _walk(scope: Scope, of: str, name: str) -> Iterator[tuple[list[str], list[Term]]]:
    """Go over the paths from a quantity, all of whose stations are numbers: names, and local derivatives from the result on."""
    if name == of:
        yield [name], []
        return
    for user, quantity in list(scope.quantities.items()):
        if name in quantity.sources and not quantity.array.shape:
            arriving = pulled_back(quantity.term, ONE, scope.array, lambda part: part == Term(name)).get(Term(name))
            for way, slopes in _walk(scope, of, user) if arriving else ():
                own = added(arriving or []).replaced({quantity.term: Term(user)}.get)
                yield [name, *way], [*slopes, own] if slopes or own != ONE else [own]
