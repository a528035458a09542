"""Machine code for programs, made by the package llvmlite."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from dataclasses import replace
from functools import lru_cache
from time import perf_counter
from typing import Any, NamedTuple

from scalargrad import ops
from scalargrad.compiler import kept as kept_code
from scalargrad.compiler.instructions import Code
from scalargrad.compiler.llvm import QUICK_LINES, to_llvm
from scalargrad.compiler.processor import VARIABLE, Processor, binding, chosen, processor
from scalargrad.compiler.target import vector_name
from scalargrad.op import Op

THREADS = "SCALARGRAD_NUM_THREADS"


@lru_cache(maxsize=1)
def _mathematics() -> Any:
    return ctypes.CDLL(ctypes.util.find_library("m") or ctypes.util.find_library("msvcrt"))


def _add_function(op: Op) -> None:
    """Tell LLVM where a function of C's library is; it would jump to nowhere."""
    if not hasattr(_mathematics(), op.libm):
        raise TypeError(f"the operation {op.name} cannot be compiled: C's library has no function {op.libm!r}")
    binding().add_symbol(op.libm, ctypes.cast(getattr(_mathematics(), op.libm), ctypes.c_void_p).value)


@lru_cache(maxsize=1)
def _functions() -> frozenset[str]:
    """Tell LLVM where the functions are that may be called, and return the names of those of vectors."""
    llvm = binding()
    try:
        library = ctypes.CDLL("libmvec.so.1")  # glibc's: within 4 ulp
    except OSError:
        library = None
    names = set()
    for op in ops.TABLE.values():
        for name in (vector_name(op.libm, len(op.partials), lanes) for lanes in (2, 4, 8)):
            if op.libm and hasattr(library, name):
                llvm.add_symbol(name, ctypes.cast(getattr(library, name), ctypes.c_void_p).value)
                names.add(name)
        if op.libm and hasattr(_mathematics(), op.libm):
            _add_function(op)
    return frozenset(names)


@lru_cache(maxsize=1)
def _has_threads() -> bool:
    """Tell LLVM where the functions are that make threads, and say whether there are any."""
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows
        return False
    names = ("pthread_create", "pthread_join")
    if not all(hasattr(library, name) for name in names):
        return False
    for name in names:
        binding().add_symbol(name, ctypes.cast(getattr(library, name), ctypes.c_void_p).value)
    return True


def thread_count() -> int:
    """Return how many threads a call with many samples has: SCALARGRAD_NUM_THREADS, or the cores for this process.

    >>> thread_count() >= 1
    True

    Raises ValueError where the variable is no positive whole number.
    """
    asked = os.environ.get(THREADS)
    if asked and not (asked.isdecimal() and int(asked) > 0):
        raise ValueError(f"{THREADS} must be a positive whole number, got {asked!r}")
    if not _has_threads():
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(asked) if asked else cores


def _host() -> Processor:
    """Return the processor that machine code is made for: one that this one can stand in for."""
    wanted, native = chosen(), processor("native")
    if not native.runs(wanted):
        raise ValueError(f"{VARIABLE} is {wanted.name}, whose code {native.cpu} cannot run: to_source writes it")
    if wanted is not native:  # with nothing that this one has not
        lacking = ",".join(feature for feature in native.features.split(",") if feature.startswith("-"))
        wanted = wanted._replace(features=lacking)
    return wanted._replace(target=replace(wanted.target, vector_functions=_functions()))


class Kernel:
    """Machine code for a program; freed when it is dropped.

    >>> from scalargrad import Value
    >>> from scalargrad.compiler.program import record
    >>> x = Value(2.0)
    >>> Kernel(record([x], [x * x])).address > 0
    True

    level    of LLVM's optimisation, 0 to 3; by the program's length where it is None
    threads  for many samples; where it is None, as many as `thread_count` says
    """

    def __init__(self, code: Code, level: int | None = None, threads: int | None = None) -> None:
        host = _host()
        for op in {instruction.op for instruction in code.instructions}:
            if op is not None and op.libm:
                _add_function(op)
        text = to_llvm(code, host.target, thread_count() if threads is None else threads if _has_threads() else 1)
        self._engine = linked(text, optimised(text) if level is None else level, kept=True)
        self.operations = code.operations
        self.address: int = self._engine.get_function_address("kernel")


def optimised(text: str) -> int:
    """Return the level of optimisation that a module of this length is worth."""
    return 1 if text.count("\n") <= QUICK_LINES else 0


def linked(text: str, level: int, *, kept: bool = False) -> Any:
    """Make machine code of a module in LLVM's language, and return the engine that holds it.

    >>> linked("define i64 @one() { ret i64 1 }", 0).get_function_address("one") > 0
    True

    kept  whether it may come from the files that are kept, and is kept there; addresses are of one process
    """
    llvm = binding()
    host = _host()
    machine = host.machine(level, jit=True)
    module = llvm.parse_assembly(text)
    module.triple = machine.triple
    engine = llvm.create_mcjit_compiler(module, machine)
    if kept and os.environ.get(kept_code.VARIABLE):
        name = kept_code.key(text, level, host.triple, host.cpu, host.features, llvm.llvm_version_info)
        engine.set_object_cache(lambda _, made: kept_code.keep(name, made), lambda _: kept_code.fetch(name))
    engine.finalize_object()
    return engine


class Costs(NamedTuple):
    """What becomes of a program on its way to machine code, and how many seconds each step takes."""

    processor: str
    lines: int
    functions: int
    writing: float
    level: int
    bytes: int
    compiling: float


def measured(code: Code) -> Costs:
    """Compile a program for the processor that this runs on or that is asked for, and measure it.

    >>> from scalargrad import Value
    >>> from scalargrad.compiler.program import record
    >>> x = Value(2.0)
    >>> measured(record([x], [x * x])).level
    1
    """
    wanted, start = chosen(), perf_counter()
    text = to_llvm(code, wanted.target, thread_count())
    written, level = perf_counter(), optimised(text)
    module = binding().parse_assembly(text)
    module.triple = wanted.triple
    size = len(wanted.machine(level, jit=True).emit_object(module))
    lines, functions = text.count("\n"), text.count("\ndefine ") + text.startswith("define ")
    return Costs(wanted.name, lines, functions, written - start, level, size, perf_counter() - written)


def object_code(code: Code, level: int = 1) -> bytes:
    """Make an object file of a program, for the processor that SCALARGRAD_CPU names: it defines `kernel`.

    >>> from scalargrad import Value
    >>> from scalargrad.compiler.program import record
    >>> x = Value(2.0)
    >>> len(object_code(record([x], [x * x]))) > 100
    True

    What it calls is in C's library of mathematics, and malloc.
    """
    processor = chosen()
    module = binding().parse_assembly(processor.labelled(to_llvm(code, processor.target)))
    found: bytes = processor.machine(level, reloc="pic", codemodel="small").emit_object(module)
    return found
