"""Calling compiled code: from arguments to buffers of doubles, and from a buffer back to results.

A call should cost no more than a small program runs. So for each structure of arguments that consists of numbers,
arrays, lists, tuples and dicts a Python function is generated that takes just these apart and puts just those results
together; all others go the general way, by their units.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from math import prod
from operator import add
from typing import Any, NamedTuple

from scalargrad.compiler.machine import Kernel, entrance
from scalargrad.compiler.program import Program
from scalargrad.compiler.source import to_source
from scalargrad.nn import Module, is_parameter
from scalargrad.ops import number
from scalargrad.tree import Contents, Structure, _rebuild, _Same, is_array
from scalargrad.value import Value

LONGEST = 5000  # units of a structure that a function is generated for


class Trace(NamedTuple):
    """What tracing a function gives: its program, the structure of its results, and the Values it takes from outside."""

    program: Program
    outputs: Structure
    captured: list[Value]


class Compiled:
    """A program, ready to be called on the units of arguments of one structure.

    >>> from scalargrad.compiler.program import record
    >>> from scalargrad.tree import take_apart
    >>> x = Value(2.0)
    >>> Compiled(Trace(record([x], [x * x]), take_apart(1.0)[1], []), "python", None)([3.0])
    9.0
    """

    def __init__(self, trace: Trace, backend: str, level: int | None) -> None:
        self.program, self.outputs, self.captured = trace
        layout = self.program.layout
        self.each = layout.mapped and not layout.reduce  # results for each sample
        self.size = self.outputs.size
        self.kernel = None
        if backend == "python":
            self.run = _in_python(self.program)
        else:
            self.kernel = Kernel(self.program, layout, level)
            self.run = _in_machine_code(self.kernel, self.size, self.each)

    def __call__(self, units: Sequence[Any], samples: int = -1) -> Any:
        alone: list[Any] = []
        arrays: list[Any] = []
        for unit in units:
            (arrays if is_array(unit) else alone).append(unit)
        numbers = [x._data if isinstance(x, Value) else number(x, "argument") for x in (*alone, *self.captured)]
        return self.results(self.run(numbers, arrays, samples), samples)

    def results(self, out: Any, samples: int) -> Any:
        """Put the numbers that were computed into the structure of the results."""
        units = []
        for start, stop, shape in self.places():
            if self.each:
                units.append(out[:, start] if shape is None else out[:, start:stop].reshape(samples, *shape))
            else:
                units.append(out.item(start) if shape is None else out[start:stop].reshape(shape))
        return self.outputs.rebuild(units)

    def places(self) -> Iterator[tuple[int, int, Any]]:
        """Yield for each unit of the results where it begins and ends, and its shape."""
        start = 0
        for shape in self.outputs.shapes:
            stop = start + (1 if shape is None else prod(shape))
            yield start, stop, shape
            start = stop

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


def _in_machine_code(kernel: Kernel, size: int, each: bool) -> Callable[..., Any]:
    import numpy as np

    enter = entrance()

    def run(numbers: list[float], arrays: list[Any], samples: int) -> Any:
        out = np.empty((samples, size) if each else size)
        buffers = [array("d", numbers), *arrays] if numbers else arrays
        if not enter(kernel.address, samples, out, *buffers):
            for buffer in buffers:
                if is_array(buffer) and buffer.dtype.kind not in "fiub":
                    raise TypeError(f"arrays must be of real numbers, got one of {buffer.dtype}")
            enter(kernel.address, samples, out, *[np.ascontiguousarray(b, float) for b in buffers])
        return out

    return run


def _in_python(program: Program) -> Callable[..., Any]:
    """Return the program as generated Python source, called as the machine code is."""
    names: dict[str, Any] = {}
    exec(compile(to_source(program, "python"), "<compiled by scalargrad>", "exec"), names)  # noqa: S102 - our own text
    layout, width = program.layout, len(program.results)

    def run(numbers: list[float], arrays: list[Any], samples: int) -> Any:
        flat = ([numbers] if numbers else []) + [a.ravel().tolist() for a in arrays]
        rows = [
            names["f"](*[float(flat[buffer - 1][place + step * i]) for buffer, place, step in layout.inputs])
            for i in range(samples if layout.mapped else 1)
        ]
        if layout.reduce:
            total = [reduce(add, column) for column in zip(*rows, strict=True)]
            rows = [[x / samples for x in total] if layout.reduce == "mean" else total]
        if layout.mapped and not layout.reduce:
            import numpy as np

            return np.array(rows, float).reshape(samples, width)
        return _Numbers(rows[0])

    return run


class _Numbers(list[Any]):
    """A list that gives its numbers as NumPy's arrays do: where there are no arrays, no NumPy is needed."""

    def item(self, place: int) -> float:
        return float(self[place])

    def __getitem__(self, place: Any) -> Any:
        if not isinstance(place, slice):
            return super().__getitem__(place)
        import numpy as np

        return np.array(super().__getitem__(place), float)


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
        self.count = 0

    def source(self, arguments: Sequence[Structure], axes: Sequence[int | None]) -> str:
        parameters = [f"a{i}" for i in range(len(arguments))]
        for parameter, structure, axis in zip(parameters, arguments, axes, strict=True):
            self.take(parameter, structure.skeleton, structure.shapes, axis == 0)
        samples, out = self.samples or "-1", str(self.compiled.size)
        if self.compiled.each:
            out = f"({samples}, {out})"
        if self.compiled.captured:
            self.numbers.append("*[value._data for value in captured]")
        numbers = [f"array('d', ({', '.join(self.numbers)},))"] if self.numbers else []
        buffers = [*numbers, *self.arrays]
        return "\n    ".join(
            [
                f"def call({''.join(f'{p}=absent, ' for p in parameters)}*more):",
                "if more: return NotImplemented",
                *self.lines,
                f"out = empty({out})",
                f"if not enter(address, {samples}, {', '.join(['out', *buffers])}):",
                "    return NotImplemented",  # an array of other numbers, or not in one piece
                f"return {self.put(self.compiled.outputs.skeleton, list(self.compiled.places()))}",
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

    def put(self, skeleton: Any, places: Sequence[tuple[int, int, Any]]) -> str:
        """Write what puts a part of the results together."""
        if type(skeleton) is int:
            start, stop, shape = places[skeleton]
            if self.compiled.each:
                rows = "".join(f", {n}" for n in shape or ())
                return f"out[:, {start}]" if shape is None else f"out[:, {start}:{stop}].reshape(samples{rows})"
            if shape is None:
                return f"out.item({start})"
            return f"out[{start}:{stop}]" + ("" if len(shape) == 1 else f".reshape({shape})")
        if isinstance(skeleton, int):
            if self.compiled.each:
                return self.unusual()
            place = places[skeleton][0]
            if place in self.made:
                return f"p{place}"
            self.made.add(place)
            return f"(p{place} := parameter(out.item({place})))"
        kind, keys, parts = skeleton
        if kind is None:
            return self.known(_rebuild(skeleton, []))
        inner = [self.put(part, places) for part in parts]
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
