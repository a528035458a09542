"""A program written in LLVM's language, from which `machine` makes machine code.

A kernel is `void kernel(double **buffers, int64_t samples)`: the results' buffers, and after them the inputs'. Where it finds
no memory, it puts null in place of the first, and does nothing else. It calls the functions that the program is divided into.

A program that is mapped over samples runs in blocks of as many samples as a vector register holds, or some of them, and in
batches of so many blocks that what functions hand on stays in the first cache. Each function holds a loop over the
blocks of a batch: its code stays near, and blocks overlap in the processor. What does not depend on a sample is
computed once, before the batches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from scalargrad.compiler import vectormath
from scalargrad.compiler.chunk import ChunkEmitter
from scalargrad.compiler.emitting import LLVMModule
from scalargrad.compiler.instructions import Code
from scalargrad.compiler.loops import LoopEmitter
from scalargrad.compiler.plan import Chunk, Plan
from scalargrad.compiler.results import ResultsEmitter, store_functions
from scalargrad.compiler.samples import copies_bytes, write_samples
from scalargrad.compiler.target import Target, vector_name
from scalargrad.compiler.threads import write_shared

SHORT_OPERATIONS = 200  # where functions are written out, a shorter program leaves the processor waiting for results
SEVERAL = 4  # vectors at once, in a shorter one
WRITTEN_FUNCTIONS = 200  # applications that are written out: with more of them, compiling takes seconds
BATCH_SAMPLES = 1024  # at most, whose numbers are handed on at once
CACHE_BYTES = 1 << 15  # that these should not exceed: the first cache holds them, and some more
STACK_BYTES = 1 << 16  # of memory that a kernel takes from the stack; more comes from malloc
QUICK_LINES = 30_000  # of LLVM's language: to optimise more of them takes seconds


def to_llvm(code: Code, target: Target = Target(), threads: int = 1) -> str:  # noqa: B008 - it cannot change
    """Write a program as a module in LLVM's language.

    >>> from scalargrad import Value
    >>> from scalargrad.compiler.program import record
    >>> x = Value(2.0)
    >>> "fmul contract double" in to_llvm(record([x], [x * x]))
    True

    threads  that many samples are shared out among
    """
    plan, register = Plan(code, target.registers), target.register
    applied = [op.libm for op, _, _ in code.instructions if op is not None and op.libm in vectormath.FUNCTIONS]
    each = [plan.instructions[i].op for chunk in plan.each for i in chunk.indices]
    many = sum(op is not None and op.libm in vectormath.FUNCTIONS for op in each) > WRITTEN_FUNCTIONS
    called = target.vector_functions if many else ()
    written = [name for name in vectormath.FUNCTIONS if target.inline and vector_name(name, 1, register) not in called]
    module = LLVMModule(target, written)
    # Several vectors at once: their steps need not wait for each other.
    several = SEVERAL if target.inline and applied and code.operations <= SHORT_OPERATIONS else 1
    chunks = {
        lanes: [ChunkEmitter(module, plan, chunk, lanes) for chunk in plan.each]
        for lanes in (register, several * register)
    }
    once = [
        ChunkEmitter(module, plan, function, 1) if isinstance(function, Chunk) else LoopEmitter(module, plan, function)
        for function in plan.once
    ]
    straight = [emitter for emitter in (*once, *chain(*chunks.values())) if isinstance(emitter, ChunkEmitter)]
    for chunk in straight:
        chunk.write()
    in_order = sum(len(chunk.lines) for chunk in straight) > QUICK_LINES
    for emitter in (*once, *chain(*chunks.values())):
        if isinstance(emitter, ChunkEmitter):
            emitter.finish(in_order=in_order)
        else:
            emitter.finish()
    names = {lanes: [chunk.name for chunk in emitters] for lanes, emitters in chunks.items()}
    _write_kernel(module, plan, names, store_functions(module, plan), threads)
    return str(module)


def _write_kernel(
    module: LLVMModule, plan: Plan, each: Mapping[int, Sequence[str]], stores: Sequence[str], threads: int
) -> None:
    """Write the kernel: memory, what is computed once, and for each sample, and what is done with sums."""
    kernel, register, number = ResultsEmitter(module, plan), module.target.register, module.target.number
    slots, sums = len(plan.slots[True]), -(-len(plan.accumulators) // register) * register
    held = max(CACHE_BYTES // (number.bytes * max(slots, 1)), 4 * max(each))
    batches = {lanes: min(BATCH_SAMPLES, held) // lanes * lanes for lanes in each}
    counts = {
        "once": len(plan.slots[False]),
        "each": slots * max(batches.values()),
        "sums": sums * register,
        "totals": sums,
    }
    bytes_of = {name: count * number.bytes for name, count in counts.items()}
    if plan.layout.mapped:
        bytes_of["copies"] = copies_bytes(plan.layout, module.target)
    sizes = {name: -(-count // 128) * 128 for name, count in bytes_of.items()}
    if plan.layout.mapped:
        write_samples(module, plan.layout, each, batches)
        if threads > 1:
            own = {name: sizes[name] for name in ("each", "sums", "copies")}
            work = sum(len(chunk.indices) + len(chunk.sums) for chunk in plan.each)
            write_shared(module, threads, work, max(each), own, len(plan.accumulators))
    size = sum(sizes.values())
    lines = kernel.lines
    if size > STACK_BYTES:
        module.declare("ptr", "malloc", ["i64"])
        module.declare("void", "free", ["ptr"])
        lines += [
            f"  %raw = call ptr @malloc(i64 {size + 128})",
            "  %refused = icmp eq ptr %raw, null",
            "  br i1 %refused, label %without, label %with",
            "without:",
            "  store ptr null, ptr %buffers",
            "  ret void",
            "with:",
            "  %address = ptrtoint ptr %raw to i64",
            "  %above = add i64 %address, 127",
            "  %aligned = and i64 %above, -128",
            "  %memory = inttoptr i64 %aligned to ptr",
        ]
    else:
        lines.append(f"  %memory = alloca [{max(size, 128)} x i8], align 128")
    start = 0
    for name, taken in sizes.items():
        lines.append(f"  %{name} = getelementptr i8, ptr %memory, i64 {start}")
        start += taken
    memory = "ptr %buffers, ptr %once, ptr %each, ptr %sums"
    lines += [f"  call void @{function.name}({memory}, i64 0, i64 0, i1 true, i64 0)" for function in plan.once]
    if plan.layout.mapped:
        lines.append(f"  call void @{'shared' if threads > 1 else 'samples'}({memory}, ptr %copies, i64 0, i64 %n)")
        if sums:
            kernel.add_up(sums)
    lines += [f"  call void @{name}(ptr %buffers, ptr %once, ptr %totals, i64 %n)" for name in stores]
    if size > STACK_BYTES:
        lines.append("  call void @free(ptr %raw)")
    kernel.function("kernel", "ptr %buffers, i64 %n", lines, linkage="")
