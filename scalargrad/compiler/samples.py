"""What is done for each sample, block after block, in LLVM's language: the function `samples`.

Blocks of several vectors come first, as far as there are samples, then those of one. The last samples, fewer than that, are
computed with some before them again, in the block that ends with the last one: nobody need ask which lanes have a
sample. Only what it adds to sums is added up apart, and the lanes that were there before are left out. Where there are
fewer samples than lanes, the block's first lanes repeat the first sample, in copies of the arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scalargrad.compiler.emitting import LLVMModule
from scalargrad.compiler.layout import Layout
from scalargrad.compiler.target import Target, row, vector

PARAMETERS = "ptr %buffers, ptr %once, ptr %each, ptr %sums, ptr %spare, ptr %copies, i64 %start, i64 %stop"


def write_samples(
    module: LLVMModule, layout: Layout, functions: Mapping[int, Sequence[str]], batches: Mapping[int, int], sums: int
) -> None:
    """Write the function.

    functions  to call, by the samples of their blocks, the widest first
    batches    how many samples are given to all of these at once, by that as well
    sums       how many vectors there are
    """
    before, start, register = "entry", "%start", module.target.register
    lines = ["define internal void @samples(" + PARAMETERS + ") #0 {", "entry:", "  %all = sub i64 %stop, %start"]
    for width, names in functions.items():
        lines += [
            f"  %whole{width} = and i64 %all, {-width}",
            f"  %end{width} = add i64 %start, %whole{width}",
            f"  br label %loop{width}",
            f"loop{width}:",  # once at least, since sums over no samples are zero
            f"  %i{width} = phi i64 [{start}, %{before}], [%until{width}, %loop{width}]",
            f"  %next{width} = add i64 %i{width}, {batches[width]}",
            f"  %more{width} = icmp slt i64 %next{width}, %end{width}",
            f"  %until{width} = select i1 %more{width}, i64 %next{width}, i64 %end{width}",
            f"  %fresh{width} = icmp eq i64 %i{width}, %start",
            *(_call(name, "%buffers", "%sums", f"%i{width}", f"%until{width}", f"%fresh{width}") for name in names),
            f"  br i1 %more{width}, label %loop{width}, label %after{width}",
            f"after{width}:",
        ]
        before, start = f"after{width}", f"%end{width}"
    lines += [
        f"  %left = sub i64 %stop, {start}",
        "  %some = icmp sgt i64 %left, 0",
        "  br i1 %some, label %rest, label %done",
        "rest:",
        f"  %first = sub i64 %stop, {register}",
        "  %few = icmp slt i64 %first, 0",
        "  br i1 %few, label %copy, label %last",
        "copy:",
        *_copied(module, layout),
        "last:",
        "  %arrays = phi ptr [%buffers, %rest], [%copies, %copied]",
        *(_call(name, "%arrays", "%spare", "%first", "%stop", "true") for name in functions[register]),
        "  br i1 %few, label %return, label %returned",
        "return:",
        *_returned(module, layout),
        "  br label %returned",
        "returned:",
        *(_added(module, sums) if sums else ["  br label %done"]),
        "done:",
        "  ret void",
        "}",
    ]
    module.functions.append("\n".join(lines))


def copies_bytes(layout: Layout, target: Target) -> int:
    """Return how many bytes the copies take: the pointers to all arrays, and a block of each that has samples.

    >>> copies_bytes(Layout(((1, 0, 3),), ((0, 0, 1),), True), Target(4))
    192
    """
    return _places(layout, target)[1]


def _places(layout: Layout, target: Target) -> tuple[dict[int, int], int]:
    """Return where the copies are behind the pointers, in bytes, and where they end."""
    every = (*layout.results, *layout.inputs)
    end = -(-(1 + max([buffer for buffer, _, _ in every], default=0)) * 8 // 64) * 64
    places: dict[int, int] = {}
    for buffer, step in sorted({(buffer, step) for buffer, _, step in every if step}):
        places[buffer] = end
        end += -(-step * target.register * target.number.bytes // 64) * 64
    return places, end


def _steps(taken: Sequence[tuple[int, int, int]]) -> dict[int, int]:
    """Return how many numbers of an array each sample has, by the number of its buffer."""
    return {buffer: step for buffer, _, step in taken if step}


def _call(name: str, buffers: str, sums: str, start: str, stop: str, fresh: str) -> str:
    memory = f"ptr {buffers}, ptr %once, ptr %each, ptr {sums}"
    return f"  call void @{name}({memory}, i64 {start}, i64 {stop}, i1 {fresh})"


def _copied(module: LLVMModule, layout: Layout) -> list[str]:
    """Copy the first samples, and make pointers to the copies, as if they were the arrays."""
    target = module.target
    number, (places, _) = target.number, _places(layout, target)
    steps = _steps((*layout.results, *layout.inputs))
    module.declare("void", "llvm.memcpy.p0.p0.i64", ["ptr", "ptr", "i64", "i1"])
    lines = []
    for buffer in sorted({buffer for buffer, _, _ in (*layout.results, *layout.inputs)}):
        lines += _pointer(buffer, "array", "%buffers")
        held = f"%array{buffer}"
        if buffer in steps:
            lines += [
                f"  %copy{buffer} = getelementptr i8, ptr %copies, i64 {places[buffer]}",
                f"  %before{buffer} = mul i64 %first, {-steps[buffer]}",
                f"  %held{buffer} = getelementptr {number.name}, ptr %copy{buffer}, i64 %before{buffer}",
            ]
            held = f"%held{buffer}"
        lines += [f"  %place{buffer} = getelementptr ptr, ptr %copies, i64 {buffer}"]
        lines += [f"  store ptr {held}, ptr %place{buffer}"]
    lines += [
        "  br label %copying",
        "copying:",
        "  %sample = phi i64 [%first, %copy], [%later, %copying]",
        "  %before = icmp slt i64 %sample, 0",
        "  %its = select i1 %before, i64 0, i64 %sample",
    ]
    for buffer, step in _steps(layout.inputs).items():
        lines += [
            f"  %to{buffer} = mul i64 %sample, {step}",
            f"  %at{buffer} = getelementptr {number.name}, ptr %held{buffer}, i64 %to{buffer}",
            f"  %from{buffer} = mul i64 %its, {step}",
            f"  %row{buffer} = getelementptr {number.name}, ptr %array{buffer}, i64 %from{buffer}",
            _copy(f"%at{buffer}", f"%row{buffer}", str(step * number.bytes)),
        ]
    return [
        *lines,
        "  %later = add i64 %sample, 1",
        "  %others = icmp slt i64 %later, %stop",
        "  br i1 %others, label %copying, label %copied",
        "copied:",
        "  br label %last",
    ]


def _returned(module: LLVMModule, layout: Layout) -> list[str]:
    """Copy the results of the samples that there are to where they belong."""
    lines = []
    for buffer, step in _steps(layout.results).items():
        lines += _pointer(buffer, "result", "%buffers")
        lines += _pointer(buffer, "copied", "%copies")
        lines += [f"  %bytes{buffer} = mul i64 %stop, {step * module.target.number.bytes}"]
        lines += [_copy(f"%result{buffer}", f"%copied{buffer}", f"%bytes{buffer}")]
    return lines


def _pointer(buffer: int, name: str, pointers: str) -> list[str]:
    return [
        f"  %{name}s{buffer} = getelementptr ptr, ptr {pointers}, i64 {buffer}",
        f"  %{name}{buffer} = load ptr, ptr %{name}s{buffer}",
    ]


def _copy(to: str, source: str, count: str) -> str:
    return f"  call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {source}, i64 {count}, i1 false)"


def _added(module: LLVMModule, sums: int) -> list[str]:
    """Add the sums of the last lanes to the others."""
    lanes, number = module.target.register, module.target.number
    kind, whole, truth = number.vector(lanes), vector("i64", lanes), vector("i1", lanes)
    return [
        f"  %again = sub i64 {lanes}, %left",
        f"  %one = insertelement {whole} poison, i64 %again, i64 0",
        f"  %each.again = shufflevector {whole} %one, {whole} poison, {vector('i32', lanes)} zeroinitializer",
        f"  %inside = icmp sge {whole} {row('i64', range(lanes))}, %each.again",
        "  br label %adding",
        "adding:",
        "  %sum = phi i64 [0, %returned], [%next, %adding]",
        f"  %more = getelementptr {kind}, ptr %spare, i64 %sum",
        f"  %added = load {kind}, ptr %more, align {number.bytes * lanes}",
        f"  %total = getelementptr {kind}, ptr %sums, i64 %sum",
        f"  %old = load {kind}, ptr %total, align {number.bytes * lanes}",
        f"  %counted = select {truth} %inside, {kind} %added, {kind} zeroinitializer",
        f"  %new = fadd {kind} %old, %counted",
        f"  store {kind} %new, ptr %total, align {number.bytes * lanes}",
        "  %next = add i64 %sum, 1",
        f"  %unfinished = icmp slt i64 %next, {sums}",
        "  br i1 %unfinished, label %adding, label %done",
    ]
