"""Samples shared out among threads, in LLVM's language: the function `shared`, with the parameters of `samples`.

Each thread has a part of the samples, memory and sums of its own; the sums of the parts are added in their order, so that a
number of threads gives one result, bit for bit. Threads are made for a call and joined at its end: there is no pool, so
none to be left behind or missing in a forked child. Where none can be made, the caller does its part.
"""

from __future__ import annotations

from collections.abc import Mapping

from scalargrad.compiler.emitting import LLVMModule
from scalargrad.compiler.samples import PARAMETERS

LEAST_WORK = (
    4_000_000  # operations on samples that are shared out: with fewer, making threads takes longer than it saves
)
_TASK = "{ ptr, ptr, ptr, i64, i64, i64, i32 }"  # arrays, what is computed once, memory, first and last sample, thread, failure


def write_shared(
    module: LLVMModule, threads: int, operations: int, block: int, sizes: Mapping[str, int], sums: int
) -> None:
    """Write the function.

    threads     of a call with enough samples
    operations  for each sample
    block       samples that a part is a multiple of
    sizes       bytes of the memory of a part, by the names of `samples`
    sums        vectors that there are sums of
    """
    for result, name, parameters in (
        ("i32", "pthread_create", ["ptr", "ptr", "ptr", "ptr"]),
        ("i32", "pthread_join", ["i64", "ptr"]),
        ("ptr", "malloc", ["i64"]),
        ("void", "free", ["ptr"]),
    ):
        module.declare(result, name, parameters)
    places, size = {}, 0
    for name, taken in sizes.items():
        places[name], size = size, size + taken
    lanes, number = module.target.register, module.target.number
    kind, align = number.vector(lanes), number.bytes * lanes
    memory = "ptr %buffers, ptr %once, ptr %each, ptr %sums, ptr %copies"
    lines = [
        "define internal ptr @part(ptr %task) #0 {",
        *_fields("%task", "buffers", "once", "memory", "start", "stop"),
        *(f"  %{name} = getelementptr i8, ptr %memory, i64 {place}" for name, place in places.items()),
        f"  call void @samples({memory}, i64 %start, i64 %stop)",
        "  ret ptr null",
        "}",
        f"define internal void @shared({PARAMETERS}) #0 {{",
        "entry:",
        f"  %many = icmp sge i64 %stop, {max(-(-LEAST_WORK // max(operations, 1)), threads * block)}",
        "  br i1 %many, label %divide, label %alone",
        "alone:",
        f"  call void @samples({memory}, i64 %start, i64 %stop)",
        "  ret void",
        "divide:",
        f"  %tasks = alloca [{threads - 1} x {_TASK}], align 16",
        f"  %raw = call ptr @malloc(i64 {(threads - 1) * size + 128})",
        "  %refused = icmp eq ptr %raw, null",
        "  br i1 %refused, label %alone, label %with",
        "with:",
        "  %address = ptrtoint ptr %raw to i64",
        "  %above = add i64 %address, 127",
        "  %aligned = and i64 %above, -128",
        "  %memory = inttoptr i64 %aligned to ptr",
        f"  %share = udiv i64 %stop, {threads}",
        f"  %whole = and i64 %share, {-block}",
        "  br label %make",
        "make:",
        "  %k = phi i64 [0, %with], [%next, %make]",
        "  %next = add i64 %k, 1",
        f"  %task = getelementptr {_TASK}, ptr %tasks, i64 %k",
        f"  %offset = mul i64 %k, {size}",
        "  %its = getelementptr i8, ptr %memory, i64 %offset",
        "  %from = mul i64 %next, %whole",
        "  %to = add i64 %from, %whole",
        f"  %more = icmp slt i64 %next, {threads - 1}",
        "  %until = select i1 %more, i64 %to, i64 %stop",
    ]
    for place, value in enumerate(("ptr %buffers", "ptr %once", "ptr %its", "i64 %from", "i64 %until")):
        lines += [
            f"  %field{place} = getelementptr {_TASK}, ptr %task, i64 0, i32 {place}",
            f"  store {value}, ptr %field{place}",
        ]
    lines += [
        f"  %thread = getelementptr {_TASK}, ptr %task, i64 0, i32 5",
        "  %failure = call i32 @pthread_create(ptr %thread, ptr null, ptr @part, ptr %task)",
        f"  %failed = getelementptr {_TASK}, ptr %task, i64 0, i32 6",
        "  store i32 %failure, ptr %failed",
        "  br i1 %more, label %make, label %own",
        "own:",
        f"  call void @samples({memory}, i64 0, i64 %whole)",
        "  br label %wait",
        "wait:",
        "  %w = phi i64 [0, %own], [%after, %added]",
        "  %after = add i64 %w, 1",
        f"  %waited = getelementptr {_TASK}, ptr %tasks, i64 %w",
        f"  %id.at = getelementptr {_TASK}, ptr %waited, i64 0, i32 5",
        f"  %missing.at = getelementptr {_TASK}, ptr %waited, i64 0, i32 6",
        "  %missing = load i32, ptr %missing.at",
        "  %made = icmp eq i32 %missing, 0",
        "  br i1 %made, label %join, label %stand",
        "join:",
        "  %id = load i64, ptr %id.at",
        "  %ended = call i32 @pthread_join(i64 %id, ptr null)",
        "  br label %add",
        "stand:",
        "  %nothing = call ptr @part(ptr %waited)",
        "  br label %add",
        "add:",
        f"  %sums.at = mul i64 %w, {size}",
        f"  %sums.there = add i64 %sums.at, {places['sums']}",
        "  %its.sums = getelementptr i8, ptr %memory, i64 %sums.there",
        f"  br i1 {'true' if sums else 'false'}, label %adding, label %added",
        "adding:",
        "  %i = phi i64 [0, %add], [%j, %adding]",
        "  %j = add i64 %i, 1",
        f"  %one = getelementptr {kind}, ptr %sums, i64 %i",
        f"  %two = getelementptr {kind}, ptr %its.sums, i64 %i",
        f"  %x = load {kind}, ptr %one, align {align}",
        f"  %y = load {kind}, ptr %two, align {align}",
        f"  %z = fadd {kind} %x, %y",
        f"  store {kind} %z, ptr %one, align {align}",
        f"  %others = icmp slt i64 %j, {sums}",
        "  br i1 %others, label %adding, label %added",
        "added:",
        f"  %left = icmp slt i64 %after, {threads - 1}",
        "  br i1 %left, label %wait, label %done",
        "done:",
        "  call void @free(ptr %raw)",
        "  ret void",
        "}",
    ]
    module.functions.append("\n".join(lines))


def _fields(task: str, *names: str) -> list[str]:
    lines = []
    for place, name in enumerate(names):
        kind = "ptr" if place < 3 else "i64"
        lines += [
            f"  %{name}.at = getelementptr {_TASK}, ptr {task}, i64 0, i32 {place}",
            f"  %{name} = load {kind}, ptr %{name}.at",
        ]
    return lines
