"""Code for other processors than this one: chosen by SCALARGRAD_CPU, run where it can be, else emulated by QEMU."""

import platform
import shutil
import subprocess
from dataclasses import replace

import pytest
from test_vectormath import NAMES, ULPS, exact, points, ulps

from scalargrad import Value, jit, ops, relu, value_and_grad, vmap
from scalargrad.compiler.layout import Layout
from scalargrad.compiler.processor import KINDS, VARIABLE, processor
from scalargrad.compiler.program import record

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

from scalargrad.compiler import machine  # noqa: E402

NATIVE = processor("native")
RUN_HERE = [name for name in KINDS if NATIVE.runs(processor(name))]


@pytest.mark.parametrize("name", KINDS)
def test_llvm_finds_the_vectors_that_are_described(name):
    """The least processor of a kind has what the kind is said to have, by what LLVM writes for it."""
    described = processor(name)
    assert processor(described.cpu).target == described.target if name != "neon" else True
    assert described.target.registers * described.target.register in (32, 64, 256)


@pytest.mark.parametrize(
    ("cpu", "kind"), [("znver2", "avx2"), ("skylake-avx512", "avx512"), ("nehalem", "sse2"), ("apple-m1", "neon")]
)
def test_processors_of_llvm_are_looked_up(cpu, kind):
    assert processor(cpu).target == processor(kind).target
    assert processor(cpu).family == processor(kind).family


def test_an_unknown_processor_is_refused_by_name(monkeypatch):
    monkeypatch.setenv(VARIABLE, "pentium-9")
    with pytest.raises(ValueError, match=r"SCALARGRAD_CPU must be native, avx512, .* got 'pentium-9'"):
        jit(lambda x: x * x)(2.0)


def test_code_for_another_family_is_written_and_not_run(monkeypatch):
    other = "neon" if NATIVE.family == "x86_64" else "avx2"
    monkeypatch.setenv(VARIABLE, other)
    program = jit(lambda x: x * x + 1, backend="python").program(2.0)
    text = program.to_source("llvm")
    assert text.startswith(f'target triple = "{processor(other).triple}"')
    assert f'"target-cpu"="{processor(other).cpu}"' in text
    with pytest.raises(ValueError, match=f"SCALARGRAD_CPU is {other}"):
        jit(lambda x: x * x + 1)(2.0)


def network(weights, x, y):
    w1, w2 = weights
    hidden = [relu(z) + ops.sin(z) for z in w1 @ x]
    return ops.log(1 + ops.exp(-y * (w2 @ hidden)))


@pytest.mark.parametrize("name", RUN_HERE)
def test_each_kind_computes_the_same(name, monkeypatch):
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=(5, 3)), rng.normal(size=5)]
    x, y = rng.normal(size=(77, 3)), rng.choice([-1.0, 1.0], 77)
    mapped = vmap(value_and_grad(network), in_axes=(None, 0, 0), reduce="mean")
    expected = jit(mapped, backend="python")(weights, x, y)
    monkeypatch.setenv(VARIABLE, name)
    for samples in (77, 1, 64):
        got = jit(mapped)(weights, x[:samples], y[:samples])
        if samples == 77:
            assert got[0] == pytest.approx(expected[0], rel=1e-13)
            for a, b in zip(got[1], expected[1]):
                assert a == pytest.approx(b, rel=1e-12, abs=1e-14)


DRIVER = """
#include <stdio.h>
#include <stdlib.h>
void kernel(double **buffers, long long samples);
int main(void) {
    long n = %(count)d;
    double *in = malloc(n * 8), *out = malloc(n * 8), nothing[1];
    double *buffers[] = {nothing, out, nothing, in};
    if (fread(in, 8, n, stdin) != (size_t)n) return 1;
    kernel(buffers, n);
    return fwrite(out, 8, n, stdout) != (size_t)n;
}
"""
EMULATED = {
    "neon": ("aarch64-linux-gnu-gcc", ["qemu-aarch64"]),
    "sse2": ("x86_64-linux-gnu-gcc", ["qemu-x86_64", "-cpu", "Nehalem"]),
    "avx2": ("x86_64-linux-gnu-gcc", []),
}


@pytest.mark.parametrize("kind", EMULATED)
def test_functions_of_object_files_are_within_two_ulps(kind, monkeypatch, tmp_path):
    """Cross-compiled, linked by gcc, and run: all vectorised functions, against mpmath."""
    compiler, emulator = EMULATED[kind]
    if platform.system() != "Linux" or not shutil.which(compiler) or not all(map(shutil.which, emulator[:1])):
        pytest.skip(f"needs {compiler} and {' '.join(emulator)}")
    if not emulator and kind not in RUN_HERE:
        pytest.skip(f"a processor without {kind}")
    monkeypatch.setenv(VARIABLE, kind)
    for name in NAMES:
        given, x = points(name)[::3], Value(1.0)
        layout = Layout(((3, 0, 1),), ((1, 0, 1),), True)
        program = replace(record([x], [getattr(ops, name)(x)]), layout=layout)
        (tmp_path / "kernel.o").write_bytes(machine.object_code(program))
        (tmp_path / "main.c").write_text(DRIVER % {"count": len(given)})
        command = [compiler, "-static", "-O1", "main.c", "kernel.o", "-o", "run", "-lm"]
        subprocess.run(command, check=True, cwd=tmp_path)
        ran = subprocess.run([*emulator, "./run"], input=given.tobytes(), capture_output=True, check=True, cwd=tmp_path)
        results = np.frombuffer(ran.stdout)
        assert len(results) == len(given)
        worst = max(zip(map(ulps, results, exact(name)[::3]), given), key=lambda pair: pair[0])
        assert worst[0] <= ULPS.get(name, 2), (name, worst)
