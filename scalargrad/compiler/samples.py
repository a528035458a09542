"""What is done for each sample, block after block, in LLVM's language: the function `samples`.

A block has as many samples as one vector, or as several. If the samples do not fill the blocks, the first block counts only so
many that the others do: the rest of it is computed again, so that nobody need ask which lanes have a sample, but
for the sums. Where a processor's instructions can leave lanes out, those of a sum do; else a sum is made of the first
block, and goes on with the lanes that count. Where there are fewer samples than lanes, the last one is
repeated, in copies of the arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scalargrad.compiler.emitting import LLVMModule
from scalargrad.compiler.layout import Layout
from scalargrad.compiler.target import Target

PARAMETERS = "ptr %buffers, ptr %once, ptr %each, ptr %sums, ptr %copies, i64 %start, i64 %stop"


def write_samples(
    module: LLVMModule, layout: Layout, functions: Mapping[int, Sequence[str]], batches: Mapping[int, int]
) -> None:
    """Write the function.

    functions  to call, by the samples of their blocks, one vector first
    batches    how many samples are given to all of these before the next, by that as well
    """
    register, masked = module.target.register, module.target.masked
    lines = [
        f"define internal void @samples({PARAMETERS}) #0 {{",
        "entry:",
        "  %all = sub i64 %stop, %start",
        f"  %left = and i64 %all, {register - 1}",
        f"  %less = icmp slt i64 %all, {register}",
        "  %some = icmp ne i64 %left, 0",
        "  %few = and i1 %less, %some",
        f"  br i1 %some, label %rest, label %loop{register}",
        "rest:",
        f"  br i1 %few, label %copy, label %loop{register}",
        "copy:",
        *_copied(module, layout, f"loop{register}"),
    ]
    before = "[%start, %entry], [%start, %rest], [%start, %copied]"
    arrays = "[%buffers, %entry], [%buffers, %rest], [%copies, %copied]"
    left = "[0, %entry], [%left, %rest], [%left, %copied]"
    for (width, names), wider in zip(functions.items(), [*list(functions)[1:], 0], strict=True):
        kept = before.replace("%start", str(register)).replace(f"%end{register}", str(register))
        lines += [
            f"loop{width}:",  # once at least, since sums over no samples are zero
            f"  %i{width} = phi i64 {before}, [%until{width}, %loop{width}]",
            f"  %arrays{width} = phi ptr {arrays}, [%buffers, %loop{width}]",
            f"  %rest{width} = phi i64 {left}, [0, %loop{width}]",  # the first block's samples, where they are fewer
            *([] if masked else [f"  %counted{width} = phi i64 {kept}, [%keep{width}, %loop{width}]"]),
            f"  %over{width} = sub i64 %stop, %i{width}",
            f"  %others{width} = sub i64 %over{width}, %rest{width}",
            f"  %wider{width} = and i64 %others{width}, {-wider}",
            f"  %end{width} = sub i64 %stop, %wider{width}",
            f"  %is.rest{width} = icmp ne i64 %rest{width}, 0",
        ]
        if masked:  # the rest is the first of all blocks
            lines += [
                f"  %blocks{width} = select i1 %is.rest{width}, i64 {batches[width] - register}, i64 {batches[width]}",
                f"  %begin{width} = add i64 %i{width}, %rest{width}",
                f"  %next{width} = add i64 %begin{width}, %blocks{width}",
                f"  %counted{width} = select i1 %is.rest{width}, i64 %rest{width}, i64 {register}",
                f"  %more{width} = icmp slt i64 %next{width}, %end{width}",
                f"  %until{width} = select i1 %more{width}, i64 %next{width}, i64 %end{width}",
            ]
        else:  # the rest is all of a batch, so that the next one can choose among its sums
            lines += [
                f"  %keep{width} = select i1 %is.rest{width}, i64 %rest{width}, i64 {register}",
                f"  %step{width} = select i1 %is.rest{width}, i64 %rest{width}, i64 {batches[width]}",
                f"  %next{width} = add i64 %i{width}, %step{width}",
                f"  %further{width} = icmp slt i64 %next{width}, %end{width}",
                f"  %more{width} = or i1 %is.rest{width}, %further{width}",
                f"  %until{width} = select i1 %more{width}, i64 %next{width}, i64 %end{width}",
            ]
        given = f"%arrays{width}", f"%i{width}", f"%until{width}", f"%fresh{width}", f"%counted{width}"
        lines += [
            f"  %fresh{width} = icmp eq i64 %i{width}, %start",
            *(_call(name, *given) for name in names),
            f"  br i1 %more{width}, label %loop{width}, label %after{width}",
            f"after{width}:",
            f"  br label %{f'loop{wider}' if wider else 'ended'}",
        ]
        before, arrays, left = f"[%end{width}, %after{width}]", f"[%buffers, %after{width}]", f"[0, %after{width}]"
    lines += [
        "ended:",
        "  br i1 %few, label %return, label %done",
        "return:",
        *_returned(module, layout),
        "  br label %done",
        "done:",
        "  ret void",
        "}",
    ]
    module.functions.append("\n".join(lines))


def copies_bytes(layout: Layout, target: Target) -> int:
    """Return how many bytes the copies take: the pointers to all arrays, and a block of each that has samples.

    >>> copies_bytes(Layout(((1, 0, 3),), ((0, 0, 1),), True), Target(4))
    256
    """
    return _places(layout, target)[1]


def _places(layout: Layout, target: Target) -> tuple[dict[int, int], int]:
    """Return where the copies are behind the pointers, in bytes, and where they end."""
    every = (*layout.results, *layout.inputs)
    end = -(-(1 + max([buffer for buffer, _, _ in every], default=0)) * 8 // 64) * 64
    places: dict[int, int] = {}
    for buffer, step in _steps(every).items():
        places[buffer] = end
        end += -(-step * target.register * target.number.bytes // 64) * 64
    return places, end


def _steps(taken: Sequence[tuple[int, int, int]]) -> dict[int, int]:
    """Return how many numbers of an array each sample has, by the number of its buffer."""
    return {buffer: step for buffer, _, step in taken if step}


def _call(name: str, buffers: str, start: str, stop: str, fresh: str, counted: str) -> str:
    memory = f"ptr {buffers}, ptr %once, ptr %each, ptr %sums"
    return f"  call void @{name}({memory}, i64 {start}, i64 {stop}, i1 {fresh}, i64 {counted})"


def _copied(module: LLVMModule, layout: Layout, then: str) -> list[str]:
    """Copy the samples that there are, which are the first, and list the copies instead of the arrays."""
    number, (places, _) = module.target.number, _places(layout, module.target)
    module.declare("void", "llvm.memcpy.p0.p0.i64", ["ptr", "ptr", "i64", "i1"])
    lines = []
    for buffer in sorted({buffer for buffer, _, _ in (*layout.results, *layout.inputs)}):
        lines += [
            *_pointer(buffer, "array", "%buffers"),
            f"  %place{buffer} = getelementptr ptr, ptr %copies, i64 {buffer}",
        ]
        if buffer in places:
            lines += [f"  %copy{buffer} = getelementptr i8, ptr %copies, i64 {places[buffer]}"]
        lines += [f"  store ptr %{'copy' if buffer in places else 'array'}{buffer}, ptr %place{buffer}"]
    lines += [
        "  br label %copying",
        "copying:",
        "  %to = phi i64 [0, %copy], [%later, %copying]",
        "  %from = phi i64 [0, %copy], [%then, %copying]",
        "  %later = add i64 %to, 1",
        "  %others = icmp slt i64 %later, %all",
        "  %then = select i1 %others, i64 %later, i64 %from",
    ]
    for buffer, step in _steps(layout.inputs).items():
        for name, base, sample in (("into", "copy", "%to"), ("row", "array", "%from")):
            lines += [
                f"  %{name}.at{buffer} = mul i64 {sample}, {step}",
                f"  %{name}{buffer} = getelementptr {number.name}, ptr %{base}{buffer}, i64 %{name}.at{buffer}",
            ]
        lines.append(_copy(f"%into{buffer}", f"%row{buffer}", str(step * number.bytes)))
    return [
        *lines,
        f"  %filled = icmp eq i64 %later, {module.target.register}",
        "  br i1 %filled, label %copied, label %copying",
        "copied:",
        f"  br label %{then}",
    ]


def _returned(module: LLVMModule, layout: Layout) -> list[str]:
    """Copy the results of the samples that there are to where they belong."""
    lines = []
    for buffer, step in _steps(layout.results).items():
        lines += [*_pointer(buffer, "result", "%buffers"), *_pointer(buffer, "found", "%copies")]
        lines += [f"  %bytes{buffer} = mul i64 %all, {step * module.target.number.bytes}"]
        lines += [_copy(f"%result{buffer}", f"%found{buffer}", f"%bytes{buffer}")]
    return lines


def _pointer(buffer: int, name: str, pointers: str) -> list[str]:
    return [
        f"  %{name}.place{buffer} = getelementptr ptr, ptr {pointers}, i64 {buffer}",
        f"  %{name}{buffer} = load ptr, ptr %{name}.place{buffer}",
    ]


def _copy(to: str, source: str, count: str) -> str:
    return f"  call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {source}, i64 {count}, i1 false)"
