"""What an operation is: one record of all that the project knows about it, and what operations apply to.

An operation applied to numbers computes. Applied to an `Operand` it does what that kind of operand makes of it: a Value
records it, a formula grows by it, a compiler's symbol writes an instruction. So whatever is written over operations,
the partial derivatives first of all, means all of that at once.

Read on in ops.py, the table of operations.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from math import nan
from numbers import Real
from typing import Any, NoReturn, Protocol, TypeVar, overload

from scalargrad.modes import current  # what is in force around an operation: no_grad, ieee, ...

OperandT = TypeVar("OperandT", bound="Operand")


class Number(Protocol):
    """A real number of any library's, for type checkers: what becomes a float, and is no array, which has no hash."""

    def __float__(self) -> float: ...
    def __hash__(self) -> int: ...


class Shaped(Protocol):
    """An array of any library's."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its size along each axis."""


# How tightly a printed expression holds together; templates ask for a minimum, as in "{:1} + {:2}".
SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4


class Text(str):
    """A printed expression that puts itself in parentheses where its surroundings bind more tightly.

    >>> "{:2}*{:3}".format(Text("a + b", SUM), Text("c"))
    '(a + b)*c'
    """

    __slots__ = ("precedence",)
    precedence: int

    def __new__(cls, text: str, precedence: int = ATOM) -> Text:  # noqa: PYI034 - Self is for Python 3.11
        self = super().__new__(cls, text)
        self.precedence = precedence
        return self

    def __format__(self, minimum: str) -> str:
        return f"({self!s})" if minimum and self.precedence < int(minimum) else str(self)


def is_number(value: Any) -> bool:
    """Say whether a value can enter the graph: a real number that becomes a float.

    >>> is_number(3), is_number("3")
    (True, False)
    """
    if isinstance(value, (float, int, Real)) or type(value).__name__ in ("bool", "bool_"):  # NumPy's bool
        return True
    return (
        getattr(value, "shape", None) == () and hasattr(value, "item") and is_number(value.item())
    )  # an array or tensor without dimensions


def number(value: Any, *name: str) -> float:
    """Return a real number as a float: int, bool, Fraction and NumPy's real scalars included.

    >>> number(3, "x")
    3.0

    Raises TypeError for anything else: a string, None, a complex, a Decimal, an array, a Value. The parts of its name,
    for the message, are put together where there is one.
    """
    if value.__class__ is float:
        return value
    if value.__class__ is int or is_number(value):
        try:
            return float(value if isinstance(value, (int, float, Real)) else value.item())
        except OverflowError:
            raise OverflowError(f"{''.join(name)} is too large for a float") from None
    raise TypeError(f"{''.join(name)} must be a real number, got {value!r} ({type(value).__name__})")


def describe(name: str, arguments: Iterable[float], labels: Sequence[str] = ()) -> str:
    """Name an operation with its arguments, for a message.

    >>> describe("log", [-0.3], ["p"])
    'log(p = -0.3)'
    """
    named = (f"{label} = {x!r}" if label else repr(x) for x, label in zip_longest(arguments, labels))
    return f"{name}({', '.join(named)})"


TABLE: dict[str, Op] = {}  # the operations by name: ops.py fills it


def _operators(name: str) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    # What is neither an operand nor a number may know how to work with operands: an array does, for one.
    def operator(self: Any, other: Any) -> Any:
        return TABLE[name](self, other) if isinstance(other, Operand) or is_number(other) else NotImplemented

    def reflected(self: Any, other: Any) -> Any:
        return TABLE[name](other, self) if is_number(other) else NotImplemented

    return operator, reflected


class Operand:
    """What operations apply to, beside numbers: a class says with one method what applying one means.

    >>> from scalargrad import log
    >>> class Told(Operand):
    ...     def __init__(self, text):
    ...         self.text = text
    ...     @staticmethod
    ...     def apply(op, *operands):
    ...         return Told(op.print(*(x.text if isinstance(x, Told) else str(x) for x in operands)))
    >>> (log(Told("x")) * 2).text
    'log(x)*2'

    The operators come from here. This protocol is how a function is interpreted otherwise than by numbers: Values
    (engine.py) record it, formulas (formula.py) print and simplify it, the compiler's symbols make a program of it.
    """

    __slots__ = ()

    @staticmethod
    def apply(op: Op, *operands: Any) -> Any:
        """Apply an operation to operands and numbers, at least one of which is of this class."""
        raise NotImplementedError

    __add__, __radd__ = _operators("add")
    __sub__, __rsub__ = _operators("sub")
    __mul__, __rmul__ = _operators("mul")
    __truediv__, __rtruediv__ = _operators("div")
    __pow__, __rpow__ = _operators("pow")

    __mod__, __rmod__ = _operators("remainder")
    __floordiv__, __rfloordiv__ = _operators("floor_divide")

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __floor__(self) -> Any:
        return TABLE["floor"](self)

    def __ceil__(self) -> Any:
        return TABLE["ceil"](self)

    def __trunc__(self) -> Any:
        return TABLE["trunc"](self)

    def __round__(self, *digits: int) -> Any:
        if digits:
            raise TypeError(
                "round() to digits looks at how a number is printed, which has no counterpart in compiled code: write "
                f"round(v*1e{digits[0]})/1e{digits[0]}"
            )
        return TABLE["rint"](self)

    def __neg__(self) -> Any:
        return TABLE["neg"](self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return TABLE["abs"](self)


class Quiet(Operand, float):  # type: ignore[misc] # whose powers are the operand's
    """A float to which operations apply, so that under ieee() it gives what IEEE 754 gives where Python's own raises.

    >>> from scalargrad.modes import ieee
    >>> with ieee():
    ...     float(1 / Quiet(0.0))
    inf
    """

    __slots__ = ()

    @staticmethod
    def apply(op: Op, *operands: Any) -> Quiet:
        return Quiet(op(*map(float, operands)))


apply_to_arrays: Callable[..., Any] = NotImplemented  # set by value.py; it imports arrays.py when it is called


def _undefined(*_: float) -> float:
    return nan


class Op:
    """A record of an operation, and the function that applies it to numbers or to Values.

    >>> cube = Op("cube", lambda x: x * x * x, lambda out, x: 3 * x * x)
    >>> cube(2.0)
    8.0

    name      NumPy's name for it, where NumPy has one
    forward   its value: floats to a float, raising where Python's own function raises
    partials  for each argument a function `(out, *arguments)`: the partial derivative with respect to it
    needs     its domain in words, for error messages (the arguments are called x and y)
    beyond    what IEEE 754 gives where `forward` raises
    symbol    how a picture shows it
    text      how it prints as an expression that `scalargrad eval` reads; fields state a minimal precedence
    latex     the same in LaTeX
    precedence  how tightly `text` and `latex` bind
    libm      for the compiler: C's name for it, where its mathematical library has it
    branchless  for the compiler: its value, written like a partial, over other operations
    doc       one sentence and an example
    """

    name: str
    forward: Callable[..., float]
    partials: tuple[Callable[..., Any], ...]
    needs: str
    beyond: Callable[..., float]
    symbol: str
    text: str
    latex: str
    precedence: int
    libm: str
    branchless: Callable[..., Any] | None

    def __init__(
        self,
        name: str,
        forward: Callable[..., float],
        *partials: Callable[..., Any],
        needs: str = "",
        beyond: Callable[..., float] = _undefined,
        symbol: str = "",
        text: str = "",
        latex: str = "",
        precedence: int = ATOM,
        libm: str = "",
        branchless: Callable[..., Any] | None = None,
        doc: str = "",
    ) -> None:
        if not partials:
            raise TypeError(f"Op {name!r} needs one partial derivative for each argument, got none")
        fields = ", ".join("{}" for _ in partials)
        self.__dict__.update(
            name=name,
            forward=forward,
            partials=partials,
            needs=needs,
            beyond=beyond,
            symbol=symbol or name,
            text=text or f"{name}({fields})",
            latex=latex or rf"\operatorname{{{{{name}}}}}\left({fields}\right)",
            precedence=precedence,
            libm=libm,
            branchless=branchless,
            __doc__=doc,
            __module__=sys._getframe(1).f_globals.get("__name__"),
        )

    def __setattr__(self, name: str, _: Any) -> NoReturn:
        raise AttributeError(f"{self!r} is a record, which does not change: its {name} cannot be set")

    @property
    def may_raise(self) -> bool:
        """Whether there are numbers for which `forward` raises."""
        return bool(self.needs) or self.beyond is not _undefined

    @overload
    def __call__(self, *arguments: Number) -> float: ...  # type: ignore[overload-overlap] # of what is a float, too
    @overload
    def __call__(self, *arguments: OperandT | Number) -> OperandT: ...
    @overload
    def __call__(self, *arguments: Shaped | Operand | Number) -> Any: ...
    def __call__(self, *arguments: Any) -> Any:
        if len(arguments) != len(self.partials):
            count = len(self.partials)
            raise TypeError(f"{self.name}() takes {count} argument{'s' * (count > 1)}, got {len(arguments)}")
        for argument in arguments:
            if argument.__class__ is not float:
                try:
                    for operand in arguments:
                        if isinstance(operand, Operand):
                            return operand.apply(self, *arguments)
                    arguments = tuple([number(x, f"argument {i} of ", self.name) for i, x in enumerate(arguments, 1)])
                except TypeError:
                    numpy = sys.modules.get("numpy")
                    if numpy is None or not any(isinstance(operand, numpy.ndarray) for operand in arguments):
                        raise
                    return apply_to_arrays(self, *arguments)
                break
        try:
            return self.forward(*arguments)
        except (ArithmeticError, ValueError) as error:
            return self.outside(error, arguments)

    def outside(self, error: Exception, arguments: Sequence[float], labels: Sequence[str] = ()) -> float:
        """Answer for `forward`, which raised `error`: what IEEE 754 gives, or the error with names and numbers."""
        if current().ieee:
            return self.beyond(*arguments)
        if isinstance(error, OverflowError):
            reason = "the result is too large for a float"
        else:
            reason = f"needs {self.needs}" if self.needs else str(error)
        raise type(error)(f"{describe(self.name, arguments, labels)}: {reason}") from None

    def print(self, *operands: str, style: str = "text") -> Text:
        """Print the operation on printed operands, in a style ("text" or "latex").

        >>> from scalargrad import add, mul
        >>> mul.print(add.print("a", "b"), "c")
        '(a + b)*c'
        """
        template: str = getattr(self, style)
        return Text(template.format(*(o if isinstance(o, Text) else Text(o) for o in operands)), self.precedence)

    def __repr__(self) -> str:
        return f"<operation {self.name}>"

    def __reduce__(self) -> str:
        # By name, as pickle treats functions: the record itself is full of lambdas. Pickle looks whether it is found.
        module = sys.modules.get(self.__module__)
        names = vars(module) if module else {}
        return next((name for name in (self.name, *names) if names.get(name) is self), self.name)


def operation(function: Callable[..., tuple[Any, Any]]) -> Op:
    """Make an operation of a function that returns the value and the tuple of its partial derivatives.

    >>> @operation
    ... def scaled_square(x, y):
    ...     return x * y * y, (y * y, 2 * x * y)
    >>> scaled_square(3.0, 2.0)
    12.0

    Written with operators and scalargrad's functions, it can be differentiated to any order, and compiled. With those of
    `math`, which take numbers only, it has first derivatives; TypeError says so where others are asked for.
    """
    import inspect  # slow to import

    arity = len(inspect.signature(function).parameters)

    def evaluate(*arguments: Any) -> tuple[Any, tuple[Any, ...]]:
        value, partials = function(*arguments)
        partials = partials if isinstance(partials, (tuple, list)) else (partials,)
        if len(partials) != arity:
            raise TypeError(f"{op.name} must return its value and {arity} partial derivatives, got {partials!r}")
        return value, tuple(partials)

    def partial(index: int) -> Callable[..., Any]:
        return lambda out, *arguments: evaluate(*arguments)[1][index]

    op = Op(
        function.__name__,
        lambda *arguments: evaluate(*arguments)[0],
        *map(partial, range(arity)),
        doc=function.__doc__ or "",
    )
    op.__dict__["__module__"] = function.__module__
    return op
