"""What is left of a structure when its numbers are taken out, as plain data that can be compared and hashed.

A skeleton is the number of a unit; or the number of an attribute without numbers; or a container's class, its keys, its
parts and what else it needs; or, for what holds no numbers, None, its class and itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

Shape = tuple[int, ...] | None  # that of an array; None for a lone number


class _Parameter(int):
    """The number of a unit in a Module, where it is to be a parameter."""


class _Recorded(int):
    """The number of a unit that is a Value in another object: its number is taken, as a parameter's is."""


class _Attribute(int):
    """The number of an attribute that holds no numbers. A program depends on it only where it is read."""


class Fixed(NamedTuple):
    """What an attribute without numbers holds: its skeleton, None where it cannot enter a program, and itself.

    >>> Fixed((None, str, "tanh"), "tanh").refusal
    ''
    """

    skeleton: Any
    thing: Any
    refusal: str = ""


class _Same:
    """A thing that is equal to itself only, and hashable."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.thing is other.thing

    def __hash__(self) -> int:
        return id(self.thing)


class _Above:
    """An object that a part of it refers to."""


class _Given:
    """An attribute of an argument that comes out as it came in."""


class Contents(NamedTuple):
    """A NumPy array that is no argument, by what it holds: it may be changed in place.

    >>> import numpy as np
    >>> Contents.of(np.array([1.0])).array()
    array([1.])
    """

    shape: tuple[int, ...]
    kind: str
    data: bytes

    @classmethod
    def of(cls, array: Any) -> Contents:
        """Take down what an array holds."""
        return cls(array.shape, array.dtype.str, array.tobytes())

    def array(self) -> Any:
        """Make an array that holds the same."""
        import numpy as np

        return np.frombuffer(self.data, self.kind).reshape(self.shape).copy()


def varies(skeleton: Any) -> bool:
    """Say whether there is a number of a unit in a skeleton, or an attribute, and not a thing that stays as it is.

    >>> varies(0), varies((None, str, "tanh", None))
    (True, False)
    """
    return isinstance(skeleton, int) or skeleton[0] is not None


def parameters_in(skeleton: Any) -> Iterator[int]:
    """Yield the units that are parameters of a Module.

    >>> list(parameters_in((list, None, (0, _Parameter(1)), None)))
    [1]
    """
    if type(skeleton) is _Parameter:
        yield skeleton
    elif varies(skeleton) and not isinstance(skeleton, int):
        for part in skeleton[2]:
            yield from parameters_in(part)
