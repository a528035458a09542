"""A chain of additions, as long as memory allows: time and bytes a node, to build, differentiate and free it.

    python benchmarks/chain.py            # 10^4 to 10^7 nodes
    python benchmarks/chain.py 6 --json   # up to 10^6, for programs

The garbage collector is on, as a user has it. Every length runs in a process of its own, so that each starts with the
same memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from itertools import pairwise

import scalargrad
from scalargrad import Value


def measure(length: int) -> dict[str, float]:
    """Build x + x + ... of `length` additions, differentiate it and free it."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    x = Value(1.0)
    times = [time.perf_counter()]
    y = x
    for _ in range(length):
        y = y + x
    times.append(time.perf_counter())
    built = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    y.backward()
    times.append(time.perf_counter())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if x.grad != length + 1:
        raise AssertionError(f"the gradient of a chain of {length} additions is {x.grad}")
    del y
    times.append(time.perf_counter())
    build, backward, free = ((b - a) / length * 1e9 for a, b in pairwise(times))
    return {
        "nodes": length,
        "build_ns": build,
        "backward_ns": backward,
        "free_ns": free,
        "bytes": (built - memory) * 1024 / length,
        "peak_bytes": (peak - memory) * 1024 / length,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("longest", type=int, nargs="?", default=7, help="the largest power of ten (default 7)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--length", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.length:
        print(json.dumps(measure(options.length)))
        return
    rows = []
    for power in range(4, options.longest + 1):
        command = [sys.executable, __file__, "--length", str(10**power)]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    if options.json:
        print(json.dumps({"engine": scalargrad.engine_name, "python": sys.version.split()[0], "chain": rows}))
        return
    print(f"{scalargrad.engine_name} engine, Python {sys.version.split()[0]}; ns and bytes a node\n")
    print("".join(f"{name:>14}" for name in rows[0]))
    for row in rows:
        print("".join(f"{value:14.0f}" for value in row.values()))


if __name__ == "__main__":
    main()
