"""The ways into a kernel: for Python a function `enter(*numbers, *arrays)` that returns the results, and one for C.

Calling from Python costs as much as a small kernel runs, so this function is machine code too, of Python's own kind (`entrance.ll`). It
reads NumPy's arrays by the fields that NumPy has published for extensions, and makes the results' arrays by the
functions published beside them. Where they are not what is known here, the same is done in Python, which takes longer.
"""

from __future__ import annotations

import ctypes
import re
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.resources import files
from itertools import accumulate
from math import prod
from string import Template
from typing import Any

from scalargrad.compiler.layout import SAMPLES, with_samples
from scalargrad.compiler.machine import Kernel, binding, linked
from scalargrad.skeleton import Shape


def entrance(kernel: Kernel, arguments: Sequence[Shape], results: Sequence[Shape]) -> Callable[..., Any]:
    """Return the function `enter(*numbers, *arrays)`, which runs a kernel.

    >>> from scalargrad import Value
    >>> from scalargrad.compiler.program import record
    >>> x = Value(2.0)
    >>> kernel = Kernel(record([x], [x * x, x]))
    >>> entrance(kernel, [None], [None, None])(3)
    (9.0, 3.0)

    It returns a result, or a tuple of several; NotImplemented where a number is neither a float, an int nor one of
    NumPy's real numbers, or an array not one of real numbers in the shape that is given here. An array of other
    numbers than doubles, or whose numbers are not one after another, is copied.

    kernel  with the buffers: the results' numbers, their arrays, the arguments' numbers, their arrays
    """
    enter = _machine_code()
    if enter is None:
        return slow_entrance(kernel, arguments, results)
    numbers, arrays = _sorted(arguments)
    alone, made = _sorted(results)
    first, buffers = 1 + len(made), 2 + len(made) + len(arrays)
    places = accumulate((alone, numbers, len(results), len(arrays)), initial=buffers)
    plan = [kernel.address, kernel.operations, numbers, len(arrays), len(results), first, *places]
    for shape in (*arrays, *results):
        plan += [-1] if shape is None else [len(shape), *shape]
    kind = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.py_object)
    make = kind(("PyCFunction_NewEx", ctypes.pythonapi))
    # The kernel stands where there would be a module, so that it lives as long as the function.
    function: Callable[..., Any] = make(enter, struct.pack(f"{len(plan)}q", *plan), kernel)
    return function


def slow_entrance(kernel: Kernel, arguments: Sequence[Shape], results: Sequence[Shape]) -> Callable[..., Any]:
    """Return the same function, written in Python.

    >>> slow_entrance(None, [None], [])("a number")
    NotImplemented
    """
    import numpy as np

    numbers, arrays = _sorted(arguments)
    classes = _number_classes()

    def enter(*given: Any) -> Any:
        samples = SAMPLES
        if len(given) != len(arguments) or any(type(x) not in classes for x in given[:numbers]):
            return NotImplemented
        for array, shape in zip(given[numbers:], arrays, strict=True):
            if type(array) is not np.ndarray or array.dtype.kind not in KINDS:
                return NotImplemented
            if shape[:1] == (SAMPLES,) and samples == SAMPLES:
                samples = len(array) if array.ndim else 0
            if array.shape != with_samples(shape, samples):
                return NotImplemented
        taken = [np.require(array, float, ["C", "A"]) for array in given[numbers:]]
        made = [np.empty(with_samples(shape, samples)) for shape in results if shape is not None]
        alone = np.empty(len(results) - len(made))
        buffers = [alone, *made, np.array(given[:numbers], float), *taken]
        addresses = (ctypes.c_void_p * len(buffers))(*(buffer.ctypes.data for buffer in buffers))
        first = addresses[0]
        ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(kernel.address)(addresses, samples)
        if addresses[0] != first:
            raise MemoryError
        lone, others = iter(alone.tolist()), iter(made)
        units = tuple([next(lone if shape is None else others) for shape in results])
        return units[0] if len(units) == 1 else units

    return enter


def _sorted(shapes: Sequence[Shape]) -> tuple[int, list[tuple[int, ...]]]:
    return shapes.count(None), [shape for shape in shapes if shape is not None]


KINDS = "fiub"  # of NumPy's real numbers: floating, whole, whole without a sign, truths


def _number_classes() -> tuple[type, ...]:
    """Return the classes of lone numbers. A truth is none: it is a part of the program."""
    import numpy as np

    return float, int, *(np.dtype(letter).type for letter in np.typecodes["AllInteger"] + "efd")


_FROM_C = """
define double @function(${parameters}) {
  %result = alloca double
  %number = alloca double
  %buffers = alloca [4 x ptr]
  store ptr %result, ptr %buffers
  ${given}
run:
  %kernel = inttoptr i64 ${kernel} to ptr
  call void %kernel(ptr %buffers, i64 -1)
  %kept = load ptr, ptr %buffers
  %no_memory = icmp eq ptr %kept, null
  br i1 %no_memory, label %none, label %done
done:
  %found = load double, ptr %result
  ret double %found
none:
  ret double 0x7FF8000000000000 ; nan
}
"""


def c_function(kernel: Kernel, arguments: Sequence[Shape]) -> Any:
    """Return the function of ctypes that runs a kernel of one result: of a number, or of a count and as many numbers.

    >>> from scalargrad import Value
    >>> from scalargrad.compiler.program import record
    >>> x = Value(2.0)
    >>> c_function(Kernel(record([x], [x * x])), [None])(3.0)
    9.0

    An array beside these numbers is a pointer, the last argument. Arrays alone are in their places. The result is nan
    where the count is another one, or there is no memory. Raises ValueError where there are more arrays, or no
    numbers.
    """
    numbers, arrays = _sorted(arguments)
    sizes = [*([numbers] if numbers else []), *map(prod, arrays)]
    if len(sizes) not in (1, 2) or any(SAMPLES in shape for shape in arrays):
        raise ValueError("a C function takes numbers, and one array at most beside them")
    if numbers == 1:
        types: list[Any] = [ctypes.c_double]
        names, pointers = ["double %x"], ["%number"]
        given = ["store double %x, ptr %number", "br label %run"]
    else:
        types = [ctypes.c_int, ctypes.POINTER(ctypes.c_double)]
        names, pointers = ["i32 %count", "ptr %x"], ["%x"]
        given = [f"%as_many = icmp eq i32 %count, {sizes[0]}", "br i1 %as_many, label %run, label %none"]
    if len(sizes) == 2:
        types.append(ctypes.c_void_p)
        names.append("ptr %data")
        pointers.append("%data")
    for place, pointer in enumerate(pointers, 1 if numbers else 2):  # 0 is the results' buffer, 1 that of lone numbers
        given = [
            f"%at{place} = getelementptr ptr, ptr %buffers, i64 {place}",
            f"store ptr {pointer}, ptr %at{place}",
            *given,
        ]
    text = Template(_FROM_C).substitute(
        parameters=", ".join(names), given="\n  ".join(given), kernel=str(kernel.address)
    )
    engine = linked(text, 2)
    function = ctypes.CFUNCTYPE(ctypes.c_double, *types)(engine.get_function_address("function"))
    function.code = engine, kernel  # type: ignore[attr-defined] # which live as long as the function
    return function


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


LONG_OPERATIONS = 10_000  # a shorter kernel keeps the GIL, which costs 50 ns to give away, and more to get back
NUMPY_INTERFACES = (0x1000009, 0x2000000)  # binary, of 1.x and of 2.x: alike in all that is used here


@lru_cache(maxsize=1)
def _machine_code() -> int | None:
    """Return the address of the definition of `enter`; None where NumPy's arrays are not what is known here."""
    import numpy as np

    try:
        from numpy._core._multiarray_umath import _ARRAY_API  # type: ignore[import-not-found]  # it has no types
    except ImportError:  # NumPy 1
        from numpy.core._multiarray_umath import _ARRAY_API  # type: ignore[no-redef]  # the same
    kind = ctypes.PYFUNCTYPE(ctypes.c_size_t, ctypes.py_object, ctypes.c_char_p)
    table = kind(("PyCapsule_GetPointer", ctypes.pythonapi))(_ARRAY_API, None)
    functions = (ctypes.c_size_t * 110).from_address(table)
    if ctypes.CFUNCTYPE(ctypes.c_uint)(functions[0])() not in NUMPY_INTERFACES or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    header, probe, dtype = object.__basicsize__, np.empty((3, 5)).T, np.dtype(float)
    memory, axes, _, _, _, its_dtype, flags = struct.unpack("PiPPPPi", ctypes.string_at(id(probe) + header, 52))
    seen = (functions[2], memory, axes, its_dtype, flags)
    if seen != (id(np.ndarray), probe.ctypes.data, 2, id(dtype), probe.flags.num):
        return None
    text = Template(files(__package__).joinpath("entrance.ll").read_text(encoding="utf-8")).substitute(
        {
            "header": header,
            "class": header - 8,
            "ndarray": id(np.ndarray),
            "dtype": id(dtype),
            "double": ctypes.c_int64.from_address(id(dtype) + header + 8).value,
            "numbers": " ".join(f"i64 {id(kind)}, label %take_number" for kind in dict.fromkeys(_number_classes())),
            **{kind: ord(kind) for kind in KINDS},
            "refusal": id(NotImplemented),
            "long": LONG_OPERATIONS,
        }
    )
    for name in re.findall(r"^declare .* @(Py\w+)", text, re.MULTILINE):
        place = {"PyArray_NewFromDescr": 94, "PyArray_FromArray": 109}.get(name)
        address = functions[place] if place else ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value
        binding().add_symbol(name, address)
    engine = linked(text, 2)
    definition = _MethodDef(b"enter", engine.get_function_address("enter"), 0x80, None)  # METH_FASTCALL
    _forever.extend((engine, definition, dtype))
    return ctypes.addressof(definition)


_forever: list[Any] = []  # what `enter` is made of
