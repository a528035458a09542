"""Calling compiled code: from arguments to numbers and arrays, and from numbers and arrays to results.

A call should cost no more than a small program runs. So for each structure of arguments that consists of numbers,
arrays, lists, tuples and dicts a Python function is generated that takes just these apart and puts just those results
together; all others go the general way, by their units.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import reduce
from itertools import islice
from math import isnan, nan, prod
from operator import add
from types import MappingProxyType, MethodType
from typing import Any, NamedTuple

from scalargrad.compiler.entrance import entrance
from scalargrad.compiler.layout import SAMPLES, with_samples
from scalargrad.compiler.machine import Kernel
from scalargrad.compiler.program import Program
from scalargrad.compiler.source import to_source
from scalargrad.forks import compiling
from scalargrad.nn import is_parameter
from scalargrad.objects import is_array, put_attributes, registered
from scalargrad.op import number
from scalargrad.skeleton import Contents, Fixed, Shape, _Above, _Attribute, _Given, _Recorded, _Same
from scalargrad.tree import Structure
from scalargrad.value import Value

GENERATED_UNITS = 5000  # of a structure: for one with more, no function is generated


class Trace(NamedTuple):
    """What tracing a function gives.

    program    from the numbers of its arguments to those of its results
    arguments  the shapes of their units, the captured Values last
    results    the shapes of their units
    outputs    the structure of the results
    captured   the Values that the function takes from outside
    attributes the attributes without numbers that it read, by the number of the argument and their own
    read       the numbers that it asked some of them for while it was traced: a branch that it took may depend on them
    """

    program: Program
    arguments: Sequence[Shape]
    results: Sequence[Shape]
    outputs: Structure
    captured: list[Value]
    attributes: AbstractSet[tuple[int, int]] = frozenset()
    read: Mapping[tuple[Value, str], float] = MappingProxyType({})

    def is_valid(self) -> bool:
        """Say whether what was asked for has not changed since."""
        now = ((getattr(value, name), x) for (value, name), x in self.read.items())
        return all(number == x or (isnan(x) and number != number) for number, x in now)


class Compiled:
    """A program, ready to be called on the units of arguments of one structure.

    >>> from scalargrad.compiler.program import record
    >>> from scalargrad.tree import take_apart
    >>> x = Value(2.0)
    >>> trace = Trace(record([x], [x * x]), [None], [None], take_apart(1.0)[1], [])
    >>> Compiled(trace, "python", None)([3.0])
    9.0
    """

    def __init__(self, trace: Trace, backend: str, level: int | None) -> None:
        self.trace, self.kernel = trace, None
        if backend == "python":
            self.enter = _in_python(trace)
        else:
            with compiling:
                self.kernel = Kernel(trace.program, level)
                self.enter = entrance(self.kernel, trace.arguments, trace.results)

    def __call__(self, units: Sequence[Any], fixed: Sequence[Sequence[Fixed]] = ()) -> Any:
        arrays = [_doubles(unit) for unit in units if is_array(unit)]
        alone = [unit for unit in units if not is_array(unit)]
        numbers = [x._data if isinstance(x, Value) else number(x, "argument") for x in (*alone, *self.trace.captured)]
        out = self.enter(*numbers, *arrays)
        if out is NotImplemented:
            raise RuntimeError("an argument was given another shape during the call")
        return self.trace.outputs.rebuild([out] if len(self.trace.results) == 1 else out, fixed)

    def quick(self, arguments: Sequence[Structure]) -> Callable[..., Any] | None:
        """Generate the function for these arguments: it returns NotImplemented where they are others.

        None where there is none: for a named tuple, for very many units, without machine code.
        """
        if self.kernel is None or sum(len(s.shapes) for s in (*arguments, self.trace.outputs)) > GENERATED_UNITS:
            return None
        try:
            return _Writer(self.trace, arguments).call(self.enter)
        except _NotPlain:
            return None


def _doubles(array: Any) -> Any:
    """Return an array as one of doubles, one after another."""
    import numpy as np

    if np.ma.is_masked(array):
        raise TypeError(f"arrays must have a number everywhere: fill in what is masked (.filled(x)), got {array!r}")
    return np.require(array, float, ["C", "A", "E"])


def _in_python(trace: Trace) -> Callable[..., Any]:
    """Return the program as generated Python source, called as the machine code is."""
    program, results = trace.program, trace.results
    names: dict[str, Any] = {}
    exec(compile(to_source(program, "python"), "<compiled by scalargrad>", "exec"), names)  # noqa: S102 - our own text
    layout, numbers = program.layout, trace.arguments.count(None)
    shapes = [shape for shape in trace.arguments if shape is not None]
    first = 1 + sum(shape is not None for shape in results)  # buffer of arguments

    def enter(*given: Any) -> Any:
        arrays = given[numbers:]
        samples = next((len(a) for a, shape in zip(arrays, shapes, strict=True) if SAMPLES in shape), 1)
        flat = [given[:numbers], *(a.ravel().tolist() for a in arrays)]
        rows = [
            names["f"](*[flat[buffer - first][place + step * i] for buffer, place, step in layout.inputs])
            for i in range(samples)
        ]
        if layout.reduce:
            total = [reduce(add, column) for column in zip(*rows, strict=True)] or [0.0] * len(program.results)
            rows = [[x / samples if samples else nan for x in total] if layout.reduce == "mean" else total]
        units: list[Any] = []
        columns = zip(*rows, strict=True)
        for shape in results:
            if shape is None:
                units += next(columns)
                continue
            import numpy as np  # which is not needed where there are no arrays

            column = list(islice(columns, prod(n for n in shape if n != SAMPLES)))
            units.append(np.array(column, float).T.reshape(with_samples(shape, samples)))
        return units[0] if len(units) == 1 else units

    return enter


class _NotPlain(Exception):
    """A structure that no function is generated for."""


class _Writer:
    """Writes the Python function that calls one compiled program."""

    def __init__(self, trace: Trace, arguments: Sequence[Structure]) -> None:
        self.trace = trace
        self.names: dict[str, Any] = {}
        self.parameters: dict[tuple[int, int], str] = {}
        self.attributes: dict[tuple[int, int], str] = {}
        self.argument, self.arguments = 0, arguments
        self.made: set[int] = set()  # parameters of the results: a shared one is made once
        self.lines: list[str] = []
        self.numbers: list[str] = []
        self.arrays: list[str] = []
        self.results = [f"r{i}" for i in range(len(trace.results))]
        self.count = 0

    def call(self, enter: Callable[..., Any]) -> Callable[..., Any]:
        parameters = [f"a{i}" for i in range(len(self.arguments))]
        for self.argument, parameter in enumerate(parameters):
            structure = self.arguments[self.argument]
            self.take(parameter, structure.skeleton, structure.shapes)
        if self.trace.captured:
            self.numbers.append("*[value._data for value in captured]")
        given = [*self.numbers, *self.arrays]
        out = self.results[0] if len(self.results) == 1 else _tuple(self.results)
        result = self.put(self.trace.outputs.skeleton)
        if self.trace.read:
            self.refuse(f"not {self.known(self.trace.is_valid)}()")
        if given == parameters and result == out and not self.lines:
            return enter  # there is nothing to take apart or to put together
        lines = [
            f"def call({''.join(f'{p}=absent, ' for p in parameters)}*more):",
            "if more: return NotImplemented",
            *self.lines,
            f"out = enter({', '.join(given)})",
            "if out is NotImplemented: return out",
            f"{out} = out",
            f"return {result}",
        ]
        import numpy as np

        names: dict[str, Any] = {
            "enter": enter,
            "captured": self.trace.captured,
            "ndarray": np.ndarray,
            "absent": object(),
            "Value": Value,
            "is_parameter": is_parameter,
            "parameter": _parameter,
            "made": _made,
            "contents": Contents.of,
            **self.names,
        }
        exec(compile("\n    ".join(lines), "<call of compiled code>", "exec"), names)  # noqa: S102 - our own text
        call: Callable[..., Any] = names["call"]
        return call

    def refuse(self, unless: str) -> None:
        self.lines.append(f"if {unless}: return NotImplemented")

    def known(self, thing: Any) -> str:
        """Name a thing in the generated function."""
        name = f"c{len(self.names)}"
        self.names[name] = thing
        return name

    def take(self, name: str, skeleton: Any, shapes: Sequence[Shape]) -> None:
        """Write what takes a part of the arguments apart, and looks whether it is as expected."""
        if type(skeleton) is int:
            (self.numbers if shapes[skeleton] is None else self.arrays).append(name)  # `enter` looks at it
            return
        if type(skeleton) is _Attribute:
            place = self.argument, int(skeleton)
            self.attributes[place] = name
            if place in self.trace.attributes:
                self.take(name, self.arguments[self.argument].fixed[skeleton].skeleton, shapes)
            return
        if type(skeleton) is _Recorded:
            self.refuse(f"{name}.__class__ is not Value")
            self.numbers.append(f"{name}._data")
            return
        if isinstance(skeleton, int):
            self.parameter(name, (self.argument, skeleton))
            return
        kind, keys, parts, extra = skeleton
        if kind is None:
            self.static(name, keys, parts)
            return
        if (
            extra is not None
            or kind in (MethodType, deque)
            or (keys is not None and not issubclass(kind, dict) and not kind.__dictoffset__)
        ):
            raise _NotPlain
        names = [f"v{self.count + i}" for i in range(len(parts))]
        self.count += len(parts)
        self.refuse(f"{name}.__class__ is not {kind.__name__ if kind in (list, tuple, dict) else self.known(kind)}")
        if keys is not None:
            if not issubclass(kind, dict):
                self.lines.append(f"{name} = {name}.__dict__")
            self.refuse(f"tuple({name}) != {self.known(keys)}")
            self.lines.append(f"{''.join(f'{part}, ' for part in names) or '_'} = {name}.values()")
        else:
            self.refuse(f"len({name}) != {len(parts)}")
            self.lines.append(f"{''.join(f'{part}, ' for part in names) or '_'} = {name}")
        for part, inner in zip(names, parts, strict=True):
            self.take(part, inner, shapes)

    def parameter(self, name: str, key: tuple[int, int]) -> None:
        """Write what reads a Module's parameter, or sees that it is the one read before."""
        if key in self.parameters:
            self.refuse(f"{name} is not {self.parameters[key]}")
            return
        self.parameters[key] = name
        self.refuse(f"{name}.__class__ is not Value or ({name}.role != 'parameter' and not is_parameter({name}))")
        self.numbers.append(f"{name}._data")

    def static(self, name: str, kind: Any, thing: Any) -> None:
        if kind is float:
            self.refuse(f"{name}.__class__ is not float or {name}.hex() != {thing!r}")
        elif kind in (_Above, _Given):
            raise _NotPlain
        elif kind is Contents:
            self.refuse(f"{name}.__class__ is not ndarray or contents({name}) != {self.known(thing)}")
        elif thing is None or kind is _Same:
            self.refuse(f"{name} is not {self.known(thing.thing if thing else None)}")
        else:
            self.refuse(f"{name}.__class__ is not {self.known(kind)} or {name} != {self.known(thing)}")

    def put(self, skeleton: Any) -> str:
        """Write what puts a part of the results together."""
        if type(skeleton) is int:
            return self.results[skeleton]
        if isinstance(skeleton, int):
            if self.trace.results[skeleton] is not None:
                raise _NotPlain
            if skeleton in self.made:
                return f"p{skeleton:d}"
            self.made.add(skeleton)
            return f"(p{skeleton:d} := parameter({self.results[skeleton]}))"
        kind, keys, parts, _ = skeleton
        if kind is None:
            if keys is _Given:
                return self.attributes[parts]
            if keys in (Contents, _Above):
                raise _NotPlain
            return self.known(Structure(skeleton, ()).rebuild([]))
        inner = [self.put(part) for part in parts]
        if kind is list:
            return f"[{', '.join(inner)}]"
        if kind is tuple:
            return _tuple(inner)
        if hasattr(kind, "_make") and kind not in registered:
            return f"{self.known(kind._make)}({_tuple(inner)})"
        if keys is None or kind is deque or (kind is not dict and issubclass(kind, dict)):
            raise _NotPlain
        items = ", ".join(f"{self.known(key)}: {part}" for key, part in zip(keys, inner, strict=True))
        return f"{{{items}}}" if kind is dict else f"made({self.known(kind)}, {{{items}}})"


def _tuple(parts: Sequence[str]) -> str:
    return f"({''.join(f'{part}, ' for part in parts)})"


def _made(kind: Any, attributes: dict[str, Any]) -> Any:
    made = kind.__new__(kind)
    put_attributes(made, attributes)
    return made


def _parameter(number: float) -> Value:
    value = Value(number)
    value.role = "parameter"
    return value
