"""What `eval` and `explain` share: an expression, and the values of its names."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NamedTuple

from scalargrad.expression import CONSTANTS, EULER, Expression, ExpressionError
from scalargrad.op import Text
from scalargrad.value import Value


def add_expression(command: argparse.ArgumentParser) -> None:
    """Add the expression and the values of its names."""
    command.add_argument("expression", help="numbers, names, + - * / **, parentheses, and functions such as exp(x)")
    command.add_argument(
        "values", nargs="*", metavar="name=number", help="a value for each name, such as w=-2 or x=1/3"
    )


class Evaluated(NamedTuple):
    """An expression, evaluated and differentiated.

    text   of the whole expression
    root   its value
    names  that it has
    steps  each part that is computed, once, and its value: the whole expression last
    """

    text: Text
    root: Value
    names: tuple[str, ...]
    steps: list[tuple[Text, Value]]


def evaluated(options: argparse.Namespace) -> Evaluated:
    """Evaluate the expression, and its gradient. Raises ValueError where the values are not those of its names.

    >>> options = argparse.Namespace(expression="x*x", values=["x=3"])
    >>> evaluated(options).root
    Value(data=9.0, grad=1.0)
    """
    expression = Expression.parse(options.expression)
    values = _assignments(options.values)
    for name in values:
        if name in CONSTANTS:
            raise ValueError(f"{name!r} is known to be {CONSTANTS[name]!r}: choose another name")
        if name not in expression.names:
            raise ValueError(
                f"{name!r} is not in the expression, whose names are: {', '.join(expression.names) or 'none'}"
            )
    missing = [name for name in expression.names if name not in values]
    if missing:
        raise ValueError(f"no value for {', '.join(f'{name}=...' for name in missing)}" + EULER * ("e" in missing))
    steps = expression.steps({n: Value(values[n], label=n) for n in expression.names})
    text, root = steps[-1]
    if not isinstance(root, Value):  # an expression without names
        root = Value(root)
        steps = [(text, root)]
    root.backward()
    return Evaluated(text, root, expression.names, [(text, x) for text, x in steps if isinstance(x, Value)])


def _assignments(assignments: Sequence[str]) -> dict[str, float]:
    values: dict[str, float] = {}
    for assignment in assignments:
        name, equals, number = (part.strip() for part in assignment.partition("="))
        if not equals or not name.isidentifier():
            raise ValueError(f"expected name=number, got {assignment.strip()!r}")
        if name in values:
            raise ValueError(f"two values for {name!r}")
        try:
            values[name] = Expression.parse(number)()
        except ExpressionError as error:
            raise ValueError(f"the value of {name}: {error}") from None
    return values
