"""Formulas without what is trivial: one rule for each operation that has something to simplify.

A rule gets operands that are simple already. It returns a simpler term, or None where there is nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar

from scalargrad import ops
from scalargrad.latex import NAMED_NUMBERS
from scalargrad.op import Op

T = TypeVar("T", bound="Term")


class Term(Protocol):
    """What rules look at: a name, a number, or an operation with its operands."""

    head: str | float | Op

    @property
    def operands(self: T) -> tuple[T, ...]:  # noqa: PYI019 - Self is for Python 3.11
        """What the operation is applied to."""


def simplified(terms: Iterable[T], make: Callable[..., T]) -> T:
    """Return the last of some terms, which come after their operands, without what is trivial.

    >>> from scalargrad.formula import Formula, steps
    >>> x = Formula("x")
    >>> simplified(steps(1.0 * x - 0.0 * x), Formula)
    x

    make  a term of a head and operands
    """
    simplify = _Simplifier(make)
    done: dict[T, T] = {}
    for term in terms:
        operands = [done[operand] for operand in term.operands]
        done[term] = simplify(term.head, *operands) if operands else simplify.leaf(term.head)  # type: ignore[arg-type] # what has operands is an operation
    return done[term]


def _is_negative(term: T) -> bool:
    return term.head is ops.neg or (isinstance(term.head, float) and term.head < 0)


class _Simplifier(Generic[T]):
    """Makes terms of simplified operands, by the rule that has the operation's name; equal terms are one, so that `is` compares."""

    def __init__(self, make: Callable[..., T]) -> None:
        self.make = make
        self.known: dict[tuple[Any, ...], T] = {}

    def leaf(self, head: str | float | Op, *operands: T) -> T:
        return self.known.setdefault((head, *operands), self.make(head, *operands))

    def __call__(self, op: Op, *operands: T) -> T:
        rule = getattr(self, op.name, None) if isinstance(op, Op) and ops.TABLE.get(op.name) is op else None
        simpler = rule(*operands) if rule else None
        return simpler or self.leaf(op, *operands)

    def fold(self, op: Op, a: T, b: T) -> T | None:
        """Compute with two numbers, where people would: exactly, and not with pi."""
        if isinstance(a.head, float) and isinstance(b.head, float):
            out = op(a.head, b.head)
            short = len(repr(out)) <= len(repr(a.head) + repr(b.head))
            if short and not {abs(a.head), abs(b.head)} & NAMED_NUMBERS.keys():
                return self.leaf(out)
        return None

    def in_a_row(self, op: Op, a: T, b: T, *kind: Op) -> T:
        """Apply to what is itself a row of such operations: a + (b + c) becomes (a + b) + c."""
        rest: list[tuple[Op, T]] = []
        while isinstance(b.head, Op) and b.head in kind:
            rest.append((b.head, b.operands[1]))
            b = b.operands[0]
        out = self(op, a, b)
        for operation, c in reversed(rest):
            out = self(operation, out, c)
        return out

    def neg(self, a: T) -> T | None:
        if a.head is ops.sub:
            return self(ops.sub, *reversed(a.operands))
        return self.positive(a) if _is_negative(a) else self.leaf(-a.head) if isinstance(a.head, float) else None

    def positive(self, a: T) -> T:
        """Take the sign from what has one."""
        return self.leaf(-a.head) if isinstance(a.head, float) else a.operands[0]

    def add(self, a: T, b: T) -> T | None:
        if a.head == 0 or b.head == 0:
            return b if a.head == 0 else a
        if _is_negative(b):
            return self(ops.sub, a, self.positive(b))
        if _is_negative(a):
            return self(ops.sub, b, self.positive(a))
        if b.head is ops.add or b.head is ops.sub:
            return self.in_a_row(ops.add, a, b, ops.add, ops.sub)
        return self(ops.mul, self.leaf(2.0), a) if a is b else self.fold(ops.add, a, b)

    def sub(self, a: T, b: T) -> T | None:
        if b.head == 0:
            return a
        if a.head == 0:
            return self(ops.neg, b)
        if a is b:
            return self.leaf(0.0)
        return self(ops.add, a, self.positive(b)) if _is_negative(b) else self.fold(ops.sub, a, b)

    def mul(self, a: T, b: T) -> T | None:
        if a.head == 0 or b.head == 0:
            return self.leaf(0.0)
        if a.head == 1 or b.head == 1:
            return b if a.head == 1 else a
        if _is_negative(a) or _is_negative(b):
            return self.signed(ops.mul, a, b)
        if a.head is ops.div:
            return self(ops.div, self(ops.mul, a.operands[0], b), a.operands[1])
        if b.head is ops.div:
            return self(ops.div, self(ops.mul, a, b.operands[0]), b.operands[1])
        if b.head is ops.mul:  # factors stand in one row, the number in front
            return self.in_a_row(ops.mul, a, b, ops.mul)
        if isinstance(b.head, float) and not isinstance(a.head, float):
            return self(ops.mul, b, a)
        return (
            self(ops.pow, a, self.leaf(2.0)) if a is b and not isinstance(a.head, float) else self.fold(ops.mul, a, b)
        )

    def div(self, a: T, b: T) -> T | None:
        if a.head == 0 or b.head == 1:
            return a
        if _is_negative(a) or _is_negative(b):
            return self.signed(ops.div, a, b)
        if a.head is ops.div:
            return self(ops.div, a.operands[0], self(ops.mul, a.operands[1], b))
        if b.head is ops.div:
            return self(ops.div, self(ops.mul, a, b.operands[1]), b.operands[0])
        if a.head is ops.mul and isinstance(b.head, float) and isinstance(a.operands[0].head, float):
            ratio = a.operands[0].head / b.head  # 2*x/2, and 2*x/4
            if ratio.is_integer():
                return self(ops.mul, self.leaf(ratio), a.operands[1])
            if (1 / ratio).is_integer():
                return self(ops.div, a.operands[1], self.leaf(1 / ratio))
        if a.head == 0.5:  # as in the derivative of sqrt: people write 1/(2*sqrt(x))
            return self(ops.div, self.leaf(1.0), self(ops.mul, self.leaf(2.0), b))
        return None

    def signed(self, op: Op, a: T, b: T) -> T:
        """Multiply or divide without the signs, and put the sign of the result in front."""
        signs = [_is_negative(x) for x in (a, b)]
        out = self(op, *(self.positive(x) if negative else x for x, negative in zip((a, b), signs, strict=True)))
        return out if all(signs) else self(ops.neg, out)

    def pow(self, a: T, b: T) -> T | None:
        if b.head == 0:
            return self.leaf(1.0)
        if a.head is ops.sqrt and b.head == 2:
            return a.operands[0]
        return a if b.head == 1 else None

    def power_rule(self, a: T, b: T) -> T:
        return self(ops.mul, b, self(ops.pow, a, self(ops.sub, b, self.leaf(1.0))))

    def power_term(self, c: T, a: T, b: T) -> T:
        return self(ops.mul, c, self(ops.pow, a, b))

    def difference(self, a: T, b: T) -> T:
        return self(ops.sub, a, b)

    def where(self, condition: T, a: T, b: T) -> T | None:
        is_number = condition.head is ops.greater or condition.head is ops.equal
        return condition if is_number and (a.head, b.head) == (1, 0) else None

    def log(self, a: T) -> T | None:
        # log(a + equal(a, 0)) is log(a) where that is a number: the guard of d(x**y)/dy at x = 0.
        if a.head is ops.add and a.operands[1].head is ops.equal and a.operands[1].operands[0] is a.operands[0]:
            return self(ops.log, a.operands[0])
        return None
