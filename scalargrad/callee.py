"""A function as `jit` calls it: the object that it is bound to apart, its arguments named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any

from scalargrad.forks import compiling
from scalargrad.objects import is_object


class Callee:
    """A function that is traced, and what it is bound to. One that is mapped over samples derives from it: see `vmap`.

    >>> callee = Callee([1.0].append)
    >>> callee.names(2)
    ['object', 'x1']

    inner   the function itself, which takes what it is bound to as its first argument
    bound   the object that a method is bound to, or nothing: it is an argument, too, as it may change
    mapped  whether it is mapped over samples
    reduce  what is made of the results of all samples: "sum", "mean" or, where it is None, arrays
    """

    mapped = False
    reduce: str | None = None

    def __init__(self, function: Callable[..., Any]) -> None:
        self.inner = function
        self.bound: tuple[Any, ...] = ()
        if isinstance(function, MethodType):
            self.inner, self.bound = function.__func__, (function.__self__,)
        elif is_object(function):
            self.inner, self.bound = type(function).__call__, (function,)
        self._names: list[str] = []

    def prepared(self, arguments: Sequence[Any], keywords: dict[str, Any]) -> tuple[list[Any], tuple[int | None, ...]]:
        """Return the arguments, those by name last, and for each the axis of its samples, None where it has none.

        >>> Callee(abs).prepared([-1.0], {})
        ([-1.0], (None,))
        """
        given = [*arguments, *keywords.values()]
        return given, (None,) * len(given)

    def uncompiled(self, *arguments: Any, **keywords: Any) -> Any:
        """Call the function itself, as a call with Values does.

        >>> Callee(abs).uncompiled(-1.0)
        1.0
        """
        return self.inner(*arguments, **keywords)

    def names(self, count: int) -> list[str]:
        """Return the names of so many arguments.

        >>> Callee(lambda x, *more: x).names(2)
        ['x', 'x1']
        """
        if len(self._names) != count:
            with compiling:  # else a child that is forked meanwhile waits for this thread's import for ever
                from inspect import signature  # slow to import, and needed for traced functions only

            try:
                parameters = list(signature(self.inner).parameters.values())
            except (TypeError, ValueError):
                parameters = []
            known = [p.name for p in parameters if p.kind <= p.POSITIONAL_OR_KEYWORD][:count]
            self._names = [*known, *(f"x{i}" for i in range(len(known), count))]
        return self._names
