"""Machine code for programs, made by the package llvmlite."""

from __future__ import annotations

import ctypes
import ctypes.util
import re
from functools import lru_cache
from typing import Any, NamedTuple

from scalargrad import ops
from scalargrad.compiler.instructions import Code
from scalargrad.compiler.llvm import QUICK_LINES, to_llvm
from scalargrad.compiler.target import Target, vector_name
from scalargrad.forks import free_in_children
from scalargrad.op import Op

OLDEST_LLVMLITE = (0, 45)  # one before it has an LLVM that does not read our language


@lru_cache(maxsize=1)
def binding() -> Any:
    """Return `llvmlite.binding`. Raises ImportError that names the extra, also where llvmlite is too old."""
    try:
        import llvmlite
        import llvmlite.binding as llvm
    except ImportError as error:
        raise ImportError('jit() needs the package llvmlite: pip install "scalargrad[jit]"') from error
    version = llvmlite.__version__
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < OLDEST_LLVMLITE:
        needed = ".".join(map(str, OLDEST_LLVMLITE))
        raise ImportError(f'jit() needs llvmlite {needed} or newer, this is {version}: pip install "scalargrad[jit]"')
    free_in_children(llvm.ffi.lib._lock)  # llvmlite's own, which is held while machine code is freed, too
    return llvm


@lru_cache(maxsize=1)
def _mathematics() -> Any:
    return ctypes.CDLL(ctypes.util.find_library("m") or ctypes.util.find_library("msvcrt"))


def _add_function(op: Op) -> None:
    """Tell LLVM where a function of C's library is; it would jump to nowhere."""
    if not hasattr(_mathematics(), op.libm):
        raise TypeError(f"the operation {op.name} cannot be compiled: C's library has no function {op.libm!r}")
    binding().add_symbol(op.libm, ctypes.cast(getattr(_mathematics(), op.libm), ctypes.c_void_p).value)


class Host(NamedTuple):
    """The processor that this runs on, as LLVM knows it, and what code is written for it."""

    triple: Any
    cpu: str
    features: str
    target: Target


@lru_cache(maxsize=1)
def _host() -> Host:
    """Look at the processor, and tell LLVM where the functions are that may be called."""
    llvm = binding()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features()
    register = 8 if features.get("avx512f") else 4 if features.get("avx2") else 2
    try:
        library = ctypes.CDLL("libmvec.so.1")  # glibc's: within 4 ulp
    except OSError:
        library = None
    names = set()
    for op in ops.TABLE.values():
        name = vector_name(op.libm, len(op.partials), register)
        if op.libm and hasattr(library, name):
            llvm.add_symbol(name, ctypes.cast(getattr(library, name), ctypes.c_void_p).value)
            names.add(name)
    for op in ops.TABLE.values():
        if op.libm and hasattr(_mathematics(), op.libm):
            _add_function(op)
    triple = llvm.Target.from_default_triple()
    inline = "avx512" if register == 8 else "fma" if features.get("fma") or triple.name == "aarch64" else ""
    target = Target(register, frozenset(names), inline)
    return Host(triple, llvm.get_host_cpu_name(), features.flatten(), target)


class Kernel:
    """Machine code for a program; freed when it is dropped.

    >>> from scalargrad import Value
    >>> from scalargrad.compiler.program import record
    >>> x = Value(2.0)
    >>> Kernel(record([x], [x * x])).address > 0
    True

    level  of LLVM's optimisation, 0 to 3; by the program's length where it is None
    """

    def __init__(self, code: Code, level: int | None = None) -> None:
        host = _host()
        for op in {instruction.op for instruction in code.instructions}:
            if op is not None and op.libm:
                _add_function(op)
        text = to_llvm(code, host.target)
        if level is None:
            level = 1 if text.count("\n") <= QUICK_LINES else 0
        self._engine = linked(text, level)
        self.operations = code.operations
        self.address: int = self._engine.get_function_address("kernel")


def linked(text: str, level: int) -> Any:
    """Make machine code of a module in LLVM's language, and return the engine that holds it.

    >>> linked("define i64 @one() { ret i64 1 }", 0).get_function_address("one") > 0
    True
    """
    llvm = binding()
    host = _host()
    machine = host.triple.create_target_machine(host.cpu, host.features, opt=level, jit=True)
    module = llvm.parse_assembly(text)
    module.triple = machine.triple
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine
