"""`jit` compiles a function to machine code, at its first call; the extra `scalargrad[jit]`.

A function is traced once for each structure of arguments, which `tracing.py` does: what is recorded is simplified and
compiled, and after that the function itself is not called again. What it reads from outside, such as the parameters of
a model, is read anew at each call, where it is a Value; other numbers are part of the program.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Sequence
from threading import get_ident
from types import MethodType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from scalargrad.callee import Callee
from scalargrad.forks import compiling
from scalargrad.interned import Interned
from scalargrad.objects import array_in, is_array, registered
from scalargrad.skeleton import parameters_in
from scalargrad.traced import TracingError, transforming
from scalargrad.tree import Structure, take_apart
from scalargrad.value import Value

if TYPE_CHECKING:
    from scalargrad.compiler.calls import Compiled, Trace
    from scalargrad.compiler.program import Program

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
S = TypeVar("S")

BACKENDS = ("llvm", "python")
MOST_QUICK_CALLS = 8  # generated functions that are tried one after another, before the general way
MOST_PROGRAMS = 64  # that a function keeps, for as many structures of arguments: those that were used last


def jit(function: Callable[P, R], *, backend: str = "llvm", level: int | None = None) -> Jitted[P, R]:
    """Return a function that computes the same, compiled to machine code at its first call; a decorator, too.

    >>> from scalargrad import grad, sin
    >>> slope = jit(grad(lambda x: x * sin(x)))
    >>> round(slope(2.0), 12)
    0.077003753731

    Arguments and results are numbers, NumPy arrays, Modules, and lists, tuples, dicts and objects of them, such as a
    dataclass, or one of a class that is registered by `register_pytree_node`; what a method is bound to is an
    argument, too. A pandas Series or DataFrame is the array of its numbers, without its labels, and what comes out is
    an array, as of SciPy's functions. What cannot change (None, a flag, a string, a function) is part of the program,
    and so are, if the function reads them, an object's whole numbers and all that a Module holds beside its
    parameters. What else there is (a set, a lock) is refused by name. There is a program for each structure of
    arguments: the last 64 are kept. Called with Values, it is the function itself, which records.

    Sums keep their order; a product that is added to something other than a product may be rounded once, with the sum.

    backend  "llvm", or "python": the same program as Python source, which is slow and needs nothing
    level    of LLVM's optimisation, 0 to 3; by the program's length where it is None

    Raises TracingError, at the call, where the function asks for the number of a traced value: by `.data`, a
    comparison, a branch. Outside the domain of an operation the result is IEEE 754's: nan or infinity.
    """
    if not callable(function):
        raise TypeError(f"function must be a function, got {function!r}")
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(map(repr, BACKENDS))}, got {backend!r}")
    if level not in (None, 0, 1, 2, 3) or isinstance(level, bool):
        raise ValueError(f"level must be 0, 1, 2, 3 or None, got {level!r}")
    return Jitted(function, backend, level)


class Jitted(Interned, Generic[P, R]):
    """A compiled function: see `jit`.

    >>> jit(abs)
    <abs compiled by llvm>
    """

    def __init__(self, function: Callable[P, R], backend: str, level: int | None) -> None:
        self.function, self.backend, self.level = self.parts = function, backend, level
        self._callee = function if isinstance(function, Callee) else Callee(function)
        self._bound = self._callee.bound
        for name in ("__name__", "__qualname__", "__module__", "__doc__"):
            if hasattr(function, name):
                setattr(self, name, getattr(function, name))
        self._compiled: dict[Any, Compiled] = {}  # the one that was called last stands last
        self._read: dict[
            Any, frozenset[tuple[int, int]]
        ] = {}  # for arguments alike, the attributes that one of their programs has read
        self._quick: list[Callable[..., Any]] = []  # generated for structures seen before, the newest first

    def __repr__(self) -> str:
        return f"<{getattr(self.function, '__name__', 'function')} compiled by {self.backend}>"

    def __call__(self, *arguments: P.args, **keywords: P.kwargs) -> R:
        given: tuple[Any, ...] = (*self._bound, *arguments) if self._bound else arguments
        result: Any
        if not transforming and not keywords:  # no transform is under way
            for call in self._quick:
                result = call(*given)
                if result is not NotImplemented:
                    return result
        if not _transforming_here() and not _holds_values((given, keywords)):
            result = self._call(given, keywords)
            if result is not NotImplemented:
                return result
        result = self._callee.uncompiled(*given, **keywords)
        return result

    def _call(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Call the compiled function; NotImplemented where it takes from outside what a transform is about."""
        given, axes = self._callee.prepared(arguments, keywords)
        names = (*self._callee.names(len(arguments)), *keywords)
        parts = [take_apart(a, f"{name}: argument", "enter") for a, name in zip(given, names, strict=True)]
        structures = tuple(structure for _, structure in parts)
        # However many samples there are, the program is the same.
        shapes = [
            tuple(shape and shape[1:] if axis == 0 else shape for shape in structure.shapes)
            for structure, axis in zip(structures, axes, strict=True)
        ]
        alike = (tuple(structure.skeleton for structure in structures), tuple(shapes), axes, tuple(keywords))
        units = [unit for part, _ in parts for unit in part]
        key = self._key(alike, structures)
        compiled = self._compiled.pop(key, None)
        if compiled is None or not compiled.trace.is_valid():
            trace, Compiled = _compiler()
            if (traced := trace(self._callee, arguments, keywords)) is None:
                return NotImplemented
            compiled = Compiled(traced, self.backend, self.level)
            self._read[alike] = self._read.get(alike, frozenset()) | traced.attributes
            key = self._key(alike, structures)
            if not keywords and (call := compiled.quick(structures)):
                self._quick = [call, *self._quick[: MOST_QUICK_CALLS - 1]]
        self._compiled[key] = compiled
        if len(self._compiled) > MOST_PROGRAMS:
            self._forget()
        return compiled(units, [structure.fixed for structure in structures])

    def _key(self, alike: Any, structures: Sequence[Structure]) -> Any:
        """Tell programs apart: by the arguments' structures, and by those attributes that one of the programs has read."""
        read = self._read.get(alike, frozenset())
        return alike, read, tuple([structures[i].fixed[attribute].skeleton for i, attribute in sorted(read)])

    def _forget(self) -> None:
        alike, *_ = oldest = next(iter(self._compiled))
        del self._compiled[oldest]
        if all(alike != other for other, *_ in self._compiled):
            self._read.pop(alike, None)

    @overload
    def __get__(self, thing: None, kind: Any = None) -> Jitted[P, R]: ...

    @overload
    def __get__(self: Jitted[Concatenate[S, Q], R], thing: S, kind: Any = None) -> Callable[Q, R]: ...

    def __get__(self, thing: Any, kind: Any = None) -> Any:
        return self if thing is None else MethodType(self, thing)  # a class makes methods of its functions so

    def program(self, *arguments: P.args, **keywords: P.kwargs) -> Program:
        """Return the program that such arguments are computed by, to look at.

        >>> print(jit(lambda x: x * x + x * x).program(3.0))
        t1 = x*x
        t2 = t1 + t1
        return t2
        """
        return self._trace((*self._bound, *arguments), keywords).program

    def c_function(self, *arguments: P.args, **keywords: P.kwargs) -> Any:
        """Return the compiled function of such arguments as a function for C: one of ctypes, which keeps it alive.

        >>> bell = jit(lambda x: (-x * x).exp()).c_function(0.0)
        >>> bell.argtypes, bell(0.0)
        ((<class 'ctypes.c_double'>,), 1.0)

        SciPy's integrals call it without Python between: `quad(scipy.LowLevelCallable(bell), 0, 1)`. Of one number it
        is `double (double)`; of more, or of an array, `double (int, double *)`, as `nquad` calls it, and as `quad`
        with `args` does; nan for another count of them. An array after that is a pointer, `void *` at the end:
        LowLevelCallable's `user_data`, such as `array.ctypes.data_as(ctypes.c_void_p)`, which is read at each call
        and must live as long.

        Raises TypeError where the result is not one number, or where the function takes a Value from outside or the
        parameters of a Module, whose numbers C cannot see change: hand them over in an array.
        """
        given = (*self._bound, *arguments)
        traced = self._trace(given, keywords)
        if self.backend != "llvm":
            raise TypeError(f"{self!r} is no machine code")
        parts = [take_apart(a, "argument", "enter")[1].skeleton for a in (*given, *keywords.values())]
        if traced.captured or traced.read or any(list(parameters_in(part)) for part in parts):
            raise TypeError(f"{self!r} takes Values, whose numbers C cannot see change: hand them over in an array")
        if tuple(traced.results) != (None,):
            raise TypeError(f"a function for C must give one number, {self!r} gives {traced.outputs.size}")
        from scalargrad.compiler.entrance import c_function
        from scalargrad.compiler.machine import Kernel

        with compiling:
            return c_function(Kernel(traced.program, self.level), traced.arguments)

    def _trace(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Trace:
        trace, _ = _compiler()
        traced = trace(self._callee, arguments, keywords)
        if traced is None:
            raise TracingError(f"{self!r} takes a Value from outside that a transform is about")
        return traced

    def __reduce__(self) -> Any:
        # A decorated function is found under its own name; any other is compiled anew where it arrives.
        named: Any = sys.modules.get(getattr(self, "__module__", ""))
        for name in getattr(self, "__qualname__", "").split("."):
            named = getattr(named, name, None)
        if named is self:
            return self.__qualname__
        return super().__reduce__()


def _compiler() -> tuple[Callable[..., Trace | None], type[Compiled]]:
    """Load what traces and what compiles: at the first call, as a program that calls no compiled function does without."""
    with compiling:  # else a child that is forked meanwhile waits for this thread's imports for ever
        from scalargrad.compiler.calls import Compiled
        from scalargrad.tracing import trace
    return trace, Compiled


def _transforming_here() -> bool:
    here = get_ident()
    return any(thread == here for thread, _ in list(transforming))


def _holds_values(thing: Any) -> bool:
    """Say whether there are Values among the arguments, other than the parameters of a Module."""
    if type(thing) in registered:
        thing = tuple(registered[type(thing)][0](thing)[0])
    if isinstance(thing, (list, tuple, dict, deque)):
        return any(map(_holds_values, thing.values() if isinstance(thing, dict) else thing))
    if isinstance(thing, Value):
        return True
    array = thing if is_array(thing) else array_in(thing)
    return array is not None and array.dtype.hasobject
