"""Calling compiled code: from arguments to buffers of doubles, and from a buffer back to results.

A call should cost no more than a small program runs. So for each structure of arguments that consists of numbers,
arrays, lists, tuples and dicts a Python function is generated that takes just these apart and puts just those results
together; all others go the general way, by their units.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import count, islice
from math import prod
from operator import add
from typing import Any, NamedTuple

from scalargrad.compiler.llvm import SAMPLES
from scalargrad.compiler.machine import Kernel, entrance
from scalargrad.compiler.program import Program
from scalargrad.compiler.source import to_source
from scalargrad.nn import Module, is_parameter
from scalargrad.ops import number
from scalargrad.tree import Contents, Shape, Structure, _rebuild, _Same, is_array
from scalargrad.value import Value

LONGEST = 5000  # units of a structure that a function is generated for


class Trace(NamedTuple):
    """What tracing a function gives.

    program   from the numbers of its arguments to those of its results
    outputs   the structure of its results
    captured  the Values that it takes from outside
    shapes    of the units of its results; the samples come first where there are results for each of them
    """

    program: Program
    outputs: Structure
    captured: list[Value]
    shapes: Sequence[Shape]


class Compiled:
    """A program, ready to be called on the units of arguments of one structure.

    >>> from scalargrad.compiler.program import record
    >>> from scalargrad.tree import take_apart
    >>> x = Value(2.0)
    >>> Compiled(Trace(record([x], [x * x]), take_apart(1.0)[1], [], [None]), "python", None)([3.0])
    9.0
    """

    def __init__(self, trace: Trace, backend: str, level: int | None) -> None:
        self.program, self.outputs, self.captured, self.shapes = trace
        self.kernel = None
        if backend == "python":
            self.run = _in_python(self.program, self.shapes)
        else:
            self.kernel = Kernel(self.program, self.program.layout, level)
            self.run = _in_machine_code(self.kernel, self.shapes)

    def __call__(self, units: Sequence[Any], samples: int = -1) -> Any:
        alone: list[Any] = []
        arrays: list[Any] = []
        for unit in units:
            (arrays if is_array(unit) else alone).append(unit)
        numbers = [x._data if isinstance(x, Value) else number(x, "argument") for x in (*alone, *self.captured)]
        return self.outputs.rebuild(self.run(numbers, arrays, samples))

    def quick(self, arguments: Sequence[Structure], axes: Sequence[int | None]) -> Callable[..., Any] | None:
        """Generate the function for these arguments: it returns NotImplemented where they are others.

        None where there is none: for a named tuple, for very many units, without machine code.
        """
        if self.kernel is None or sum(len(s.shapes) for s in (*arguments, self.outputs)) > LONGEST:
            return None
        import numpy as np

        writer = _Writer(self)
        try:
            source = writer.source(arguments, axes)
        except _NotPlain:
            return None
        names: dict[str, Any] = {"enter": entrance(), "address": self.kernel.address, "kernel": self.kernel}
        names |= {
            "captured": self.captured,
            "array": array,
            "ndarray": np.ndarray,
            "empty": np.empty,
            "absent": object(),
        }
        names |= {
            "Value": Value,
            "is_parameter": is_parameter,
            "parameter": _parameter,
            "module": _module,
            "contents": Contents.of,
            **writer.names,
        }
        exec(compile(source, "<call of compiled code>", "exec"), names)  # noqa: S102 - our own text
        call: Callable[..., Any] = names["call"]
        return call


def _in_machine_code(kernel: Kernel, shapes: Sequence[Shape]) -> Callable[..., Any]:
    import numpy as np

    enter = entrance()

    def run(numbers: list[float], arrays: list[Any], samples: int) -> Any:
        alone = np.empty(shapes.count(None))
        results = [np.empty(_with(samples, shape)) for shape in shapes if shape is not None]
        buffers = [array("d", numbers), *arrays]
        if not enter(kernel.address, samples, alone, *results, *buffers):
            for buffer in buffers:
                if is_array(buffer) and buffer.dtype.kind not in "fiub":
                    raise TypeError(f"arrays must be of real numbers, got one of {buffer.dtype}")
            buffers = [np.ascontiguousarray(b, float) for b in buffers]
            enter(kernel.address, samples, alone, *results, *buffers)
        lone, others = iter(alone.tolist()), iter(results)
        return [next(lone if shape is None else others) for shape in shapes]

    return run


def _with(samples: int, shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(samples if count == SAMPLES else count for count in shape)


def _in_python(program: Program, shapes: Sequence[Shape]) -> Callable[..., Any]:
    """Return the program as generated Python source, called as the machine code is."""
    names: dict[str, Any] = {}
    exec(compile(to_source(program, "python"), "<compiled by scalargrad>", "exec"), names)  # noqa: S102 - our own text
    layout = program.layout
    first = 1 + sum(shape is not None for shape in shapes)  # buffer of inputs

    def run(numbers: list[float], arrays: list[Any], samples: int) -> Any:
        flat = [numbers, *(a.ravel().tolist() for a in arrays)]
        rows = [
            names["f"](*[float(flat[buffer - first][place + step * i]) for buffer, place, step in layout.inputs])
            for i in range(samples if layout.mapped else 1)
        ]
        if layout.reduce:
            total = [reduce(add, column) for column in zip(*rows, strict=True)]
            rows = [[x / samples for x in total] if layout.reduce == "mean" else total]
        units: list[Any] = []
        columns = zip(*rows, strict=True)
        for shape in shapes:
            if shape is None:
                units += next(columns)
                continue
            import numpy as np  # which is not needed where there are no arrays

            size = prod(n for n in shape if n != SAMPLES)
            column = list(islice(columns, size))
            units.append(np.array(column, float).T.reshape(_with(samples, shape)))
        return units

    return run


class _NotPlain(Exception):
    """A structure that no function is generated for."""


class _Writer:
    """Writes the Python function that calls one compiled program."""

    def __init__(self, compiled: Compiled) -> None:
        self.compiled = compiled
        self.names: dict[str, Any] = {}
        self.parameters: dict[tuple[int, int], str] = {}
        self.made: set[int] = set()  # parameters of the results: a shared one is made once
        self.lines: list[str] = []
        self.numbers: list[str] = []
        self.arrays: list[str] = []
        self.samples = ""
        self.units: list[str] = []  # of the results
        self.count = 0

    def source(self, arguments: Sequence[Structure], axes: Sequence[int | None]) -> str:
        parameters = [f"a{i}" for i in range(len(arguments))]
        for parameter, structure, axis in zip(parameters, arguments, axes, strict=True):
            self.take(parameter, structure.skeleton, structure.shapes, axis == 0)
        if self.compiled.captured:
            self.numbers.append("*[value._data for value in captured]")
        shapes, samples = self.compiled.shapes, self.samples or "-1"
        alone = count()
        for i, shape in enumerate(shapes):
            self.units.append(f"alone.item({next(alone)})" if shape is None else f"r{i}")
            if shape is not None:
                self.lines.append(f"r{i} = empty(({''.join(f'{samples if n == SAMPLES else n}, ' for n in shape)}))")
        results = [unit for unit, shape in zip(self.units, shapes, strict=True) if shape is not None]
        self.lines.append(f"alone = empty({next(alone)})")
        numbers = f"array('d', ({', '.join(self.numbers)},))" if self.numbers else "alone"
        buffers = ["alone", *results, numbers, *self.arrays]
        return "\n    ".join(
            [
                f"def call({''.join(f'{p}=absent, ' for p in parameters)}*more):",
                "if more: return NotImplemented",
                *self.lines,
                f"if not enter(address, {samples}, {', '.join(buffers)}):",
                "    return NotImplemented",  # an array of other numbers, or not in one piece
                f"return {self.put(self.compiled.outputs.skeleton)}",
            ]
        )

    def refuse(self, unless: str) -> None:
        self.lines.append(f"if {unless}: return NotImplemented")

    def known(self, thing: Any) -> str:
        """Name a thing in the generated function."""
        name = f"c{len(self.names)}"
        self.names[name] = thing
        return name

    def take(self, name: str, skeleton: Any, shapes: Sequence[Any], mapped: bool) -> None:
        """Write what takes a part of the arguments apart, and looks whether it is as expected."""
        if type(skeleton) is int:
            self.unit(name, shapes[skeleton], mapped)
            return
        if isinstance(skeleton, int):
            self.parameter(name, (skeleton, len(shapes)))
            return
        kind, keys, parts = skeleton
        if kind is None:
            self.static(name, keys, parts)
            return
        names = [f"v{self.count + i}" for i in range(len(parts))]
        self.count += len(parts)
        self.refuse(f"{name}.__class__ is not {kind.__name__ if kind in (list, tuple, dict) else self.known(kind)}")
        if keys is not None:
            if kind is not dict:  # a Module
                self.lines.append(f"{name} = {name}.__dict__")
            self.refuse(f"tuple({name}) != {self.known(keys)}")
            self.lines.append(f"{''.join(f'{part}, ' for part in names) or '_'} = {name}.values()")
        else:
            self.refuse(f"len({name}) != {len(parts)}")
            self.lines.append(f"{''.join(f'{part}, ' for part in names) or '_'} = {name}")
        for part, inner in zip(names, parts, strict=True):
            self.take(part, inner, shapes, mapped)

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
        elif kind is Contents:
            self.refuse(f"{name}.__class__ is not ndarray or contents({name}) != {self.known(thing)}")
        elif thing is None or kind is _Same:
            self.refuse(f"{name} is not {self.known(thing.thing if thing else None)}")
        else:
            self.refuse(f"{name}.__class__ is not {self.known(kind)} or {name} != {self.known(thing)}")

    def unit(self, name: str, shape: Any, mapped: bool) -> None:
        if shape is None:
            self.refuse(f"{name}.__class__ is not float and {name}.__class__ is not int")
            self.numbers.append(name)
            return
        wanted = repr(shape)
        if mapped and not self.samples:
            self.samples = "samples"
            self.refuse(f"{name}.__class__ is not ndarray or not {name}.ndim")
            self.lines.append(f"samples = len({name})")
        if mapped:
            wanted = f"(samples,{''.join(f' {n},' for n in shape[1:])})"
        self.refuse(f"{name}.__class__ is not ndarray or {name}.shape != {wanted}")
        self.arrays.append(name)

    def put(self, skeleton: Any) -> str:
        """Write what puts a part of the results together."""
        if type(skeleton) is int:
            return self.units[skeleton]
        if isinstance(skeleton, int):
            if self.compiled.shapes[skeleton] is not None:
                return self.unusual()
            if skeleton in self.made:
                return f"p{skeleton:d}"
            self.made.add(skeleton)
            return f"(p{skeleton:d} := parameter({self.units[skeleton]}))"
        kind, keys, parts = skeleton
        if kind is None:
            return self.known(_rebuild(skeleton, []))
        inner = [self.put(part) for part in parts]
        if kind is list:
            return f"[{', '.join(inner)}]"
        if kind is tuple:
            return f"({', '.join(inner)}{',' if inner else ''})"
        if keys is None:
            return self.unusual()
        items = ", ".join(f"{self.known(key)}: {part}" for key, part in zip(keys, inner, strict=True))
        return f"{{{items}}}" if issubclass(kind, dict) else f"module({self.known(kind)}, {{{items}}})"

    def unusual(self) -> str:
        raise _NotPlain


def _module(kind: type[Module], attributes: dict[str, Any]) -> Module:
    made = kind.__new__(kind)
    made.__dict__.update(attributes)
    return made


def _parameter(number: float) -> Value:
    value = Value(number)
    value.role = "parameter"
    return value
