"""What code is written for: the type of its numbers, and a processor's vectors and functions."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass


def vector(kind: str, lanes: int) -> str:
    """Name the type of a vector in LLVM's language.

    >>> vector("i1", 8)
    '<8 x i1>'
    """
    return f"<{lanes} x {kind}>"


def row(kind: str, values: Iterable[object]) -> str:
    """Write a vector of constants in LLVM's language.

    >>> row("i64", range(2))
    '<i64 0, i64 1>'
    """
    return f"<{', '.join([f'{kind} {value}' for value in values])}>"


@dataclass(frozen=True)
class NumberType:
    """A type of numbers in LLVM's language.

    >>> DOUBLE.type(4), DOUBLE.type(1), DOUBLE.mangled(4), DOUBLE.literal(1.0)
    ('<4 x double>', 'double', 'v4f64', '0x3FF0000000000000')

    name    of the type
    bits    the type of whole numbers of the same size
    suffix  of the names of LLVM's own functions for such numbers
    bytes   that one number takes
    """

    name: str
    bits: str
    suffix: str
    bytes: int

    def vector(self, lanes: int) -> str:
        """Name the type of a vector."""
        return vector(self.name, lanes)

    def type(self, lanes: int) -> str:
        """Name the type of what has so many lanes: with one, it is a number."""
        return self.vector(lanes) if lanes > 1 else self.name

    def mangled(self, lanes: int) -> str:
        """Write what the name of one of LLVM's own functions for such vectors ends with."""
        return f"v{lanes}{self.suffix}" if lanes > 1 else self.suffix

    def literal(self, number: float) -> str:
        """Write a number, bit for bit: LLVM's language has any number as the bits of a double."""
        return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"

    def constant(self, number: float, lanes: int) -> str:
        """Write a number, the same in each lane."""
        return self.literal(number) if lanes == 1 else row(self.name, [self.literal(number)] * lanes)


DOUBLE = NumberType("double", "i64", "f64", 8)


@dataclass(frozen=True)
class Target:
    """A processor's vectors, and the numbers that it computes with.

    >>> Target(4).number.vector(4)
    '<4 x double>'

    register          how many numbers one vector of the processor holds
    vector_functions  names of functions of vectors that may be called, in the x86 vector ABI
    inline            "fma" or "avx512": write functions out instead, where `vectormath` can, with such instructions
    number            the type of the numbers
    registers         how many vectors the processor holds
    """

    register: int = 8
    vector_functions: frozenset[str] = frozenset()
    inline: str = ""
    number: NumberType = DOUBLE
    registers: int = 32

    @property
    def masked(self) -> bool:
        """Whether instructions can leave lanes out, at no cost."""
        return self.inline == "avx512"


AVX512 = Target(8, inline="avx512")
AVX2 = Target(4, inline="fma", registers=16)
SSE2 = Target(2, registers=16)
NEON = Target(2, inline="fma")


def vector_name(function: str, arity: int, lanes: int) -> str:
    """Name a function of vectors in the x86 vector ABI.

    >>> vector_name("sin", 1, 4)
    '_ZGVdN4v_sin'
    """
    return f"_ZGV{ {2: 'b', 4: 'd', 8: 'e'}.get(lanes, '?') }N{lanes}{'v' * arity}_{function}"
