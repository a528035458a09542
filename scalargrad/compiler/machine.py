"""Machine code for programs, made by the package llvmlite, and the way into it from Python."""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from scalargrad import ops
from scalargrad.compiler.instructions import vector_name
from scalargrad.compiler.llvm import Layout, to_llvm

if TYPE_CHECKING:
    from scalargrad.compiler.program import Program

QUICK = 30_000  # lines of LLVM's language: the code generator's optimisation of more of them takes seconds


def binding() -> Any:
    """Return `llvmlite.binding`. Raises ImportError that names the extra."""
    try:
        import llvmlite.binding as llvm
    except ImportError as error:
        raise ImportError('jit() needs the package llvmlite: pip install "scalargrad[jit]"') from error
    return llvm


@lru_cache(maxsize=1)
def _host() -> tuple[Any, str, str, int, frozenset[str], str]:
    """Return LLVM's target, this processor's name and features, its vectors' lanes, functions of such vectors, and
    what `to_llvm` may write out.
    """
    llvm = binding()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features()
    lanes = 8 if features.get("avx512f") else 4 if features.get("avx2") else 2
    try:
        library = ctypes.CDLL("libmvec.so.1")  # glibc's: within 4 ulp
    except OSError:
        library = None
    names = set()
    for op in ops.TABLE.values():
        name = vector_name(op.libm, len(op.partials), lanes)
        if op.libm and hasattr(library, name):
            llvm.add_symbol(name, ctypes.cast(getattr(library, name), ctypes.c_void_p).value)
            names.add(name)
    library = ctypes.CDLL(ctypes.util.find_library("m") or ctypes.util.find_library("msvcrt"))
    for op in ops.TABLE.values():
        if op.libm and hasattr(library, op.libm):
            llvm.add_symbol(op.libm, ctypes.cast(getattr(library, op.libm), ctypes.c_void_p).value)
    target = llvm.Target.from_default_triple()
    inline = "avx512" if lanes == 8 else "fma" if features.get("fma") or target.name == "aarch64" else ""
    return target, llvm.get_host_cpu_name(), features.flatten(), lanes, frozenset(names), inline


class Kernel:
    """Machine code for a program in a layout; freed when it is dropped.

    >>> from scalargrad import Value
    >>> from scalargrad.compiler.program import record
    >>> x = Value(2.0)
    >>> Kernel(record([x], [x * x]), Layout(((1, 0, 0),), ((0, 0, 0),))).address > 0
    True

    level  of LLVM's optimisation, 0 to 3; by the program's length where it is None
    """

    def __init__(self, program: Program, layout: Layout, level: int | None = None) -> None:
        llvm = binding()
        target, cpu, features, lanes, vector_functions, inline = _host()
        text = to_llvm(program, layout, lanes, vector_functions, inline)
        if level is None:
            level = 1 if text.count("\n") <= QUICK else 0
        machine = target.create_target_machine(cpu, features, opt=level, jit=True)
        module = llvm.parse_assembly(text)
        module.triple = machine.triple
        self._engine = llvm.create_mcjit_compiler(module, machine)
        self._engine.finalize_object()
        self.address: int = self._engine.get_function_address("kernel")


# Calling from Python costs as much as a small kernel runs, so the way in is machine code too: a function of Python's
# own kind, `enter(address, samples, *buffers)`, the first buffer for the results. It lends the arrays' memory to the
# kernel, which runs without the GIL, and says False where an array is not of doubles, one after another.

_ENTER = """
declare ptr @PyLong_AsVoidPtr(ptr)
declare i64 @PyLong_AsSsize_t(ptr)
declare i32 @PyObject_GetBuffer(ptr, ptr, i32)
declare void @PyBuffer_Release(ptr)
declare ptr @PyBool_FromLong(i64)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare void @PyErr_Clear()

define ptr @enter(ptr %self, ptr %arguments, i64 %given) {
entry:
  %count = sub i64 %given, 2
  %views = alloca [80 x i8], i64 %count, align 16
  %buffers = alloca ptr, i64 %count, align 16
  %first = load ptr, ptr %arguments
  %kernel = call ptr @PyLong_AsVoidPtr(ptr %first)
  %at1 = getelementptr ptr, ptr %arguments, i64 1
  %second = load ptr, ptr %at1
  %samples = call i64 @PyLong_AsSsize_t(ptr %second)
  br label %next
next:
  %i = phi i64 [0, %entry], [%after, %double]
  %rest = sub i64 %count, %i
  %all = icmp eq i64 %rest, 0
  br i1 %all, label %run, label %view
view:
  %place = add i64 %i, 2
  %at = getelementptr ptr, ptr %arguments, i64 %place
  %object = load ptr, ptr %at
  %view1 = getelementptr [80 x i8], ptr %views, i64 %i
  %results = icmp eq i64 %i, 0
  %flags = select i1 %results, i32 61, i32 60 ; C-contiguous, with its format; the results' writable
  %status = call i32 @PyObject_GetBuffer(ptr %object, ptr %view1, i32 %flags)
  %refused = icmp slt i32 %status, 0
  br i1 %refused, label %clear, label %check
check:
  %after = add i64 %i, 1
  %buffer = load ptr, ptr %view1
  %slot = getelementptr ptr, ptr %buffers, i64 %i
  store ptr %buffer, ptr %slot
  %atformat = getelementptr i8, ptr %view1, i64 40
  %format = load ptr, ptr %atformat
  %letter = load i8, ptr %format
  %atend = getelementptr i8, ptr %format, i64 1
  %end = load i8, ptr %atend
  %is_d = icmp eq i8 %letter, 100
  %is_end = icmp eq i8 %end, 0
  %is_double = and i1 %is_d, %is_end
  br i1 %is_double, label %double, label %release
double:
  br label %next
clear:
  call void @PyErr_Clear()
  br label %release
run:
  %thread = call ptr @PyEval_SaveThread()
  call void %kernel(ptr %buffers, i64 %samples)
  call void @PyEval_RestoreThread(ptr %thread)
  br label %release
release:
  %held = phi i64 [%i, %clear], [%after, %check], [%count, %run]
  %done = phi i64 [0, %clear], [0, %check], [1, %run]
  br label %more
more:
  %k = phi i64 [%held, %release], [%lower, %give]
  %none = icmp eq i64 %k, 0
  br i1 %none, label %leave, label %give
give:
  %lower = sub i64 %k, 1
  %view2 = getelementptr [80 x i8], ptr %views, i64 %lower
  call void @PyBuffer_Release(ptr %view2)
  br label %more
leave:
  %answer = call ptr @PyBool_FromLong(i64 %done)
  ret ptr %answer
}
"""


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


@lru_cache(maxsize=1)
def entrance() -> Any:
    """Return the function `enter(address, samples, *buffers)`, which runs a kernel on buffers of doubles.

    >>> import array
    >>> from scalargrad import Value
    >>> from scalargrad.compiler.program import record
    >>> x = Value(2.0)
    >>> kernel = Kernel(record([x], [x * x]), Layout(((1, 0, 0),), ((0, 0, 0),)))
    >>> out = array.array("d", [0])
    >>> entrance()(kernel.address, 0, out, array.array("d", [3])), out[0]
    (True, 9.0)
    """
    llvm = binding()
    target, cpu, features, *_ = _host()
    for line in _ENTER.splitlines():
        if line.startswith("declare"):
            name = line.partition("@")[2].partition("(")[0]
            llvm.add_symbol(name, ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value)
    machine = target.create_target_machine(cpu, features, opt=2, jit=True)
    module = llvm.parse_assembly(_ENTER)
    module.triple = machine.triple
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    definition = _MethodDef(b"enter", engine.get_function_address("enter"), 0x80, None)  # METH_FASTCALL
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype, make.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    _forever.extend((engine, definition))
    return make(ctypes.addressof(definition), None, None)


_forever: list[Any] = []  # what the entrance is made of
