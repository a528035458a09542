"""Expressions of numbers, names, operators and the table's functions: parsed, never executed as Python."""

from __future__ import annotations

import ast
import difflib
import keyword
import math
import re
import reprlib
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scalargrad import ops
from scalargrad.op import Op, Text

_BINARY = {ast.Add: ops.add, ast.Sub: ops.sub, ast.Mult: ops.mul, ast.Div: ops.div, ast.Pow: ops.pow}
CONSTANTS = {"pi": math.pi, "nan": math.nan}  # nan: what a derivative is that there is not
EULER = "; for Euler's number write exp(1)"  # the hint where e has no value: it may be any name

# What mathematics and Python's math module call these functions; difflib would propose sin for asin, and nothing for ln.
_OTHER_NAMES = {"ln": "log", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2"}
_OTHER_NAMES |= {"max": "maximum", "min": "minimum", "lgamma": "gammaln", "psi": "digamma", "expit": "sigmoid"}
_LONGEST_SHOWN = 80  # characters of an expression that a message shows
_LONGEST_READ = 10_000  # characters: the texts of all steps are kept, and together grow with the square of this
_LETTER = re.compile(r"beta|gamma|[a-z]\d")  # names of functions that are also a letter's: a variable where not called
_WORD = re.compile(r"[^\W\d]\w*")
_PRODUCT = re.compile(r"(?<![\w.])(\d[\d._]*(?:[eE][+-]?\d+)?)( ?)([^\W\d]\w*)")  # 2x and 2 x


class ExpressionError(ValueError):
    """An expression that cannot be read; the message shows it with a caret under the place."""


@dataclass(frozen=True)
class Expression:
    """A parsed expression, callable with a value for each of its names.

    >>> f = Expression.parse("relu(z) + sin(z)")
    >>> f.names
    ('z',)
    >>> f(z=0.0)
    0.0

    Values give a Value, floats a float. Raises ExpressionError where it cannot be read, and what the operations
    raise outside their domains.
    """

    text: str
    # Each step once, operands first: how it prints, what it is, and the numbers of the steps that it needs.
    _program: tuple[tuple[Text, ast.Name | float | Op, tuple[int, ...]], ...] = field(compare=False)

    @classmethod
    def parse(cls, text: str) -> Expression:
        """Read an expression in Python's notation: `**` is the power, `pi` is known."""
        text = " ".join(text.split())
        if not text:
            raise ExpressionError("the expression is empty")
        if len(text) > _LONGEST_READ:
            raise _error(text, 0, "too long, or nested too deeply")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python's advice on odd literals is not for our users
                tree = ast.parse(text, mode="eval").body
        except SyntaxError as error:
            raise _syntax_error(text, error) from None
        except (RecursionError, MemoryError):
            raise _error(text, 0, "too long, or nested too deeply") from None
        except ValueError as error:  # the text has a null byte
            raise _error(text, 0, str(error)) from None
        return cls(text, _compile(_postfix(text, tree)))

    @property
    def names(self) -> tuple[str, ...]:
        """The names that need a value, from left to right."""
        names = (step.id for _, step, _ in self._program if isinstance(step, ast.Name))
        return tuple(name for name in dict.fromkeys(names) if name not in CONSTANTS)

    def __call__(self, **values: Any) -> Any:
        return self._evaluate(values)[-1]

    def steps(self, values: Mapping[str, Any]) -> list[tuple[Text, Any]]:
        """Evaluate, and return every step as its text and its value, the whole expression last.

        >>> [str(text) for text, value in Expression.parse("a*b + a*b").steps({"a": 2.0, "b": 3.0})]
        ['a', 'b', 'a*b', 'a*b + a*b']

        What is written twice is computed once. Raises ExpressionError where a name has no value.
        """
        return [(text, value) for (text, _, _), value in zip(self._program, self._evaluate(values), strict=True)]

    def __reduce__(self) -> tuple[Any, ...]:
        return Expression.parse, (self.text,)

    def _evaluate(self, values: Mapping[str, Any]) -> list[Any]:
        done: list[Any] = []
        for _, step, operands in self._program:
            if isinstance(step, Op):
                done.append(step(*[done[i] for i in operands]))
            elif not isinstance(step, ast.Name):
                done.append(step)
            elif step.id in values:
                done.append(values[step.id])
            elif step.id in CONSTANTS:
                done.append(CONSTANTS[step.id])
            else:
                raise _error(self.text, step, f"no value for {step.id!r}" + EULER * (step.id == "e"))
        return done


def _compile(
    postfix: Iterable[ast.Name | float | Op],
) -> tuple[tuple[Text, ast.Name | float | Op, tuple[int, ...]], ...]:
    program: dict[Text, tuple[Text, ast.Name | float | Op, tuple[int, ...]]] = {}
    numbers: dict[Text, int] = {}
    stack: list[Text] = []
    for step in postfix:
        operands: list[Text] = []
        if isinstance(step, Op):
            operands = stack[-len(step.partials) :]
            del stack[-len(step.partials) :]
            text = step.print(*operands)
        else:
            text = Text(step.id if isinstance(step, ast.Name) else repr(step).removesuffix(".0"))
        stack.append(text)
        if text not in program:
            numbers[text] = len(program)
            program[text] = text, step, tuple(numbers[operand] for operand in operands)
    return tuple(program.values())


def _postfix(text: str, tree: ast.expr) -> Iterator[ast.Name | float | Op]:
    program: list[ast.Name | float | Op] = []  # root first, last operand first
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd):
            stack.append(node.operand)
        elif isinstance(node, ast.Constant):
            program.append(_literal(text, node))
        elif isinstance(node, ast.Name):
            if node.id in ops.TABLE and not _LETTER.fullmatch(node.id):
                raise _error(text, node, f"{node.id} is a function: write {node.id}(...)")
            program.append(node)
        else:
            op, arguments = _operation(text, node)
            program.append(op)
            stack += arguments
    return reversed(program)


def _operation(text: str, node: ast.expr) -> tuple[Op, list[ast.expr]]:
    match node:
        case ast.BinOp(left, operator, right):
            if type(operator) in _BINARY:
                return _BINARY[type(operator)], [left, right]
            hint = "; the power is **" if isinstance(operator, ast.BitXor) else ""
            raise _error(text, left.end_col_offset or 0, f"the operators are + - * / **{hint}")
        case ast.UnaryOp(ast.USub(), operand):
            return ops.neg, [operand]
        case ast.Call(ast.Name(name), arguments, keywords):
            if name not in ops.TABLE:
                close = [_OTHER_NAMES[name]] if name in _OTHER_NAMES else difflib.get_close_matches(name, ops.TABLE, 1)
                raise _error(text, node, f"no function {name!r}" + (f"; did you mean {close[0]}?" if close else ""))
            op = ops.TABLE[name]
            if keywords or len(arguments) != len(op.partials):
                raise _error(text, node, f"{name} takes {len(op.partials)} argument{'s' * (len(op.partials) > 1)}")
            return op, arguments
        case ast.Call(ast.Constant()):
            raise _error(text, node.func.end_col_offset or 0, "a product is written with *, as in 2*(x + 1)")
    raise _error(text, node, "an expression has numbers, names, + - * / **, parentheses and functions only")


def _literal(text: str, node: ast.Constant) -> float:
    if not isinstance(node.value, (int, float)) or isinstance(node.value, bool):
        raise _error(text, node, f"{reprlib.repr(node.value)} is not a real number")
    try:
        number = float(node.value)
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise _error(text, node, "too large for a float")
    return number


def _syntax_error(text: str, error: SyntaxError) -> ExpressionError:
    """Say what Python's parser means, where it means what people write on paper."""
    for word in _WORD.finditer(text):
        if keyword.iskeyword(word[0]):
            return _error(text, word.start(), f"{word[0]} is a word reserved in Python: choose another name")
    product = _PRODUCT.search(text)
    if product and (product[2] or error.msg == "invalid decimal literal"):
        return _error(text, product.start(), f"invalid syntax: write {product[1]}*{product[3]}")
    if "int_max_str_digits" in error.msg:
        return _error(text, 0, "too large for a float")
    return _error(text, (error.offset or 1) - 1, error.msg)


def _error(text: str, place: ast.expr | int, message: str) -> ExpressionError:
    if isinstance(place, ast.expr):
        place = len(text.encode()[: place.col_offset].decode())  # Python's parser counts bytes
    if len(text) > _LONGEST_SHOWN:
        start = max(place - _LONGEST_SHOWN // 2, 0)
        before, after = "…" * (start > 0), "…" * (start + _LONGEST_SHOWN < len(text))
        text, place = before + text[start : start + _LONGEST_SHOWN] + after, place - start + len(before)
    return ExpressionError(f"{message}\n  {text}\n  {' ' * place}^")
