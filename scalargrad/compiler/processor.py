"""The processor that code is written for: the one that this runs on, or the one that SCALARGRAD_CPU names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import lru_cache
from typing import Any, NamedTuple

from scalargrad.compiler.target import AVX2, AVX512, NEON, SSE2, Target
from scalargrad.forks import free_in_children

VARIABLE = "SCALARGRAD_CPU"

OLDEST_LLVMLITE = (0, 45)  # one before it has an LLVM that does not read our language

# What stands for all processors with such vectors: the family, and the name that LLVM and gcc have for the least of them.
KINDS = {
    "avx512": ("x86_64", "x86-64-v4", AVX512),
    "avx2": ("x86_64", "x86-64-v3", AVX2),
    "sse2": ("x86_64", "x86-64", SSE2),
    "neon": ("aarch64", "generic", NEON),
}


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
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    free_in_children(llvm.ffi.lib._lock)  # llvmlite's own, which is held while machine code is freed, too
    return llvm


class Processor(NamedTuple):
    """A processor as LLVM knows it, and what code is written for it.

    >>> processor("avx2").cpu, processor("avx2").target.register
    ('x86-64-v3', 4)

    name      that it was asked for by; "native" is the one that this runs on
    triple    what LLVM calls its family, and the system
    cpu       what LLVM calls it
    features  that it has and has not, beside those of its name
    target    its vectors, and what they can do
    """

    name: str
    triple: str
    cpu: str
    features: str
    target: Target

    @property
    def family(self) -> str:
        """What other processors run its code."""
        return self.triple.partition("-")[0]

    def machine(self, level: int, **more: Any) -> Any:
        """Return LLVM's code generator for it."""
        return (
            binding()
            .Target.from_triple(self.triple)
            .create_target_machine(cpu=self.cpu, features=self.features, opt=level, **more)
        )

    def labelled(self, text: str) -> str:
        """Write into a module which processor it is for, so that other programs of LLVM's make code for it."""
        cpu = f'attributes #0 = {{ "target-cpu"="{self.cpu}"'
        return f'target triple = "{self.triple}"\n' + text.replace("attributes #0 = {", cpu, 1)

    def runs(self, other: Processor) -> bool:
        """Say whether it has the vectors that code for another one uses."""
        mine, its = self.target, other.target
        return self.family == other.family and mine.register >= its.register and (bool(mine.inline) or not its.inline)


@lru_cache(maxsize=16)
def processor(name: str) -> Processor:
    """Describe a processor: "native", "avx512", "avx2", "sse2", "neon", or one that LLVM has a name for.

    >>> processor("cortex-a72").family
    'aarch64'

    Raises ValueError for another name.
    """
    llvm = binding()
    if name == "native":
        triple, features = llvm.get_process_triple(), llvm.get_host_cpu_features().flatten()
        described = Processor(name, triple, llvm.get_host_cpu_name(), features, SSE2)
        return described._replace(target=_probed(described))
    if name in KINDS:
        family, cpu, target = KINDS[name]
        return Processor(name, _triple(family), cpu, "", target)
    for family in ("x86_64", "aarch64"):
        if name in _names(family):
            described = Processor(name, _triple(family), name, "", SSE2)
            return described._replace(target=_probed(described))
    raise ValueError(
        f"{VARIABLE} must be native, {', '.join(KINDS)}, or a processor of LLVM's (znver4, cortex-a72, ...), got {name!r}"
    )


def asked_for() -> Processor | None:
    """Describe the processor that SCALARGRAD_CPU names, if it does."""
    name = os.environ.get(VARIABLE)
    return processor(name) if name else None


def chosen() -> Processor:
    """Describe the processor that code is written for: where none is asked for, the one that this runs on."""
    return asked_for() or processor("native")


def _triple(family: str) -> str:
    """Name a family on this system."""
    own, _, system = str(binding().get_process_triple()).partition("-")
    return f"{family}-{system}" if own in ("x86_64", "aarch64") else f"{family}-unknown-linux-gnu"


@lru_cache(maxsize=2)
def _names(family: str) -> frozenset[str]:
    """List LLVM's names of processors: it prints them, and ends the process when it is given another."""
    ask = (
        "import sys, llvmlite.binding as llvm; llvm.initialize_all_targets();"
        "llvm.Target.from_triple(sys.argv[1]).create_target_machine(cpu='help')"
    )
    command = [sys.executable, "-c", ask, _triple(family)]
    said = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own text
    return frozenset(re.findall(r"^ +(\S+) +- Select the", said.stderr, re.MULTILINE))


_PROBE = """\
define <8 x double> @probe(<8 x double> %x) "min-legal-vector-width"="512" "prefer-vector-width"="512" {
  %y = call <8 x double> @llvm.fma.v8f64(<8 x double> %x, <8 x double> %x, <8 x double> %x)
  ret <8 x double> %y
}
declare <8 x double> @llvm.fma.v8f64(<8 x double>, <8 x double>, <8 x double>)
"""


def _probed(described: Processor) -> Target:
    """See which vectors LLVM uses for it."""
    module = binding().parse_assembly(_PROBE)
    module.triple = described.triple
    written = described.machine(1).emit_assembly(module)
    for mark, target in ((r"vfmadd.*zmm", AVX512), (r"vfmadd.*ymm", AVX2), (r"fml[as]\s.*\.2d", NEON)):
        if re.search(mark, written):
            return target
    return SSE2
