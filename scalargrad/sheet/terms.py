"""Trees of mathematics: what an equation, a derivation and a printed document are made of.

A term is a name, a number, an operation of ops.py or a record of records.py on terms. Terms are operands, so a partial
derivative of the table, applied to terms, is the term of that derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scalargrad.op import Op, Operand
from scalargrad.order import ordered
from scalargrad.simplify import simplified


class Head:
    """A head of notation: what a term means beside operations, such as an index or a sum over one."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}>"


SUB = Head("sub")  # of a base and indices: x_1, W_ij, c_(t-1)
SUP = Head("sup")  # the same as a superscript in parentheses: W^(2)
CALL = Head("call")  # of a function of the problem (a name, or a PRIME) and arguments
PRIME = Head("prime")  # of a function's name and how often it is differentiated
JUX, CDOT, STAR = Head("jux"), Head("cdot"), Head("star")  # products as written: W x, w · x, w * x
LIST = Head("list")  # (1, 2): a vector of no stated orientation
ROWS = Head("rows")  # of LISTs: a matrix, or a row or a column of it
SUM, PRODUCT_OVER = (
    Head("sum over"),
    Head("product over"),
)  # of a body, an index, and where stated its first and last value
DERIV = Head("derivative")  # of what, by what
BARS, NORM = Head("bars"), Head("norm")  # |x|, ‖x‖
FILL = Head("fill")  # of a number: a vector or a matrix of it, whose shape follows from where it stands


class Term(Operand):
    """A name (a `str`), a number (a `float`), or an operation, record or head of notation on terms; equal terms compare equal.

    >>> from scalargrad import ops
    >>> x = Term("x")
    >>> (x + 1) == Term(ops.add, x, 1.0)
    True
    """

    __slots__ = ("_hash", "_parents", "head")
    head: Any

    def __init__(self, head: Any, *operands: Any) -> None:
        self.head = float(head) if isinstance(head, int) else head
        self._parents = tuple(x if isinstance(x, Term) else Term(x) for x in operands)
        self._hash = hash((self.head, self._parents))

    @property
    def operands(self) -> tuple[Term, ...]:
        """What the operation is applied to; none for a name or a number."""
        return self._parents

    @staticmethod
    def apply(op: Op, *operands: Any) -> Term:
        return Term(op, *operands)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Term):
            return NotImplemented
        return self._hash == other._hash and self.head == other.head and self._parents == other._parents

    def __hash__(self) -> int:
        return self._hash

    @property
    def is_name(self) -> bool:
        """Whether the term is a plain name."""
        return isinstance(self.head, str)

    @property
    def is_number(self) -> bool:
        """Whether the term is a number."""
        return isinstance(self.head, float)

    @property
    def names(self) -> tuple[str, ...]:
        """The plain names in the term, from left to right.

        >>> (Term("x") * Term("y") + Term("x")).names
        ('x', 'y')
        """
        return tuple(dict.fromkeys(t.head for t in self.walk() if isinstance(t.head, str)))

    def walk(self) -> Iterator[Term]:
        """Go over the term and all that is in it, from left to right."""
        yield self
        for operand in self._parents:
            yield from operand.walk()

    def replaced(self, change: Callable[[Term], Term | None]) -> Term:
        """Return the term with every part, from the leaves up, for which `change` gives another.

        >>> (Term("x") + 1).replaced(lambda t: Term("y") if t.head == "x" else None) == Term("y") + 1
        True
        """
        done: dict[Term, Term] = {}
        for part in ordered([self]):
            operands = [done[x] for x in part._parents]
            changed = part if all(map(_same, operands, part._parents)) else Term(part.head, *operands)
            done[part] = change(changed) or changed
        return done[self]

    def put(self, terms: Mapping[str, Term]) -> Term:
        """Return the term with terms in the place of names."""
        return self.replaced(lambda t: terms.get(t.head) if isinstance(t.head, str) else None)

    def simplified(self) -> Term:
        """Return the term without what is trivial: sums with 0, products with 1, double signs."""
        return simplified(ordered([self]), Term)

    def __repr__(self) -> str:
        return show(self)


show: Callable[[Term], str] = object.__repr__  # set by printing.py


def _same(a: Term, b: Term) -> bool:
    return a is b
