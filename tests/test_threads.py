"""Samples shared out among threads: the same numbers, the same bits for a number of threads, nothing left behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scalargrad import jit, relu, sin, value_and_grad, vmap
from scalargrad.compiler import machine, threads

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

if not machine._has_threads():
    pytest.skip("no threads of POSIX", allow_module_level=True)


@pytest.fixture(autouse=True)
def _little_work(monkeypatch):
    """Share out what has as few samples as there can be, not what it pays for."""
    monkeypatch.setattr(threads, "LEAST_WORK", 1)


def loss(weights, x, y):
    hidden = [relu(z) for z in weights[0] @ x]
    return (weights[1] @ hidden - y) ** 2 + sin(x[0])


def data(samples):
    rng = np.random.default_rng(samples)
    return [rng.normal(size=(6, 3)), rng.normal(size=6)], rng.normal(size=(samples, 3)), rng.normal(size=samples)


def numbers(result):
    value, gradient = result
    return np.concatenate([np.ravel(value), *(np.ravel(x) for x in gradient)])


@pytest.mark.parametrize("reduce", ["sum", "mean", None])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_number_of_threads_gives_the_same_bits(count, reduce):
    mapped = vmap(value_and_grad(loss), in_axes=(None, 0, 0), reduce=reduce)
    shared, alone = jit(mapped, threads=count), jit(mapped, threads=1)
    for samples in (1, 7, 63, 64, 65, 200, 1003, 5001):
        given = data(samples)
        first = numbers(shared(*given))
        for _ in range(3):
            assert np.array_equal(numbers(shared(*given)), first)
        expected = numbers(alone(*given))
        if reduce is None:
            assert np.array_equal(first, expected)
        else:
            assert first == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_many_sums_are_added_by_parts(monkeypatch):
    rng = np.random.default_rng(1)
    weights, x, y = [rng.normal(size=(12, 5)), rng.normal(size=12)], rng.normal(size=(777, 5)), rng.normal(size=777)
    mapped = vmap(value_and_grad(loss), in_axes=(None, 0, 0), reduce="sum")
    assert numbers(jit(mapped, threads=3)(weights, x, y)) == pytest.approx(
        numbers(jit(mapped, threads=1)(weights, x, y)), rel=1e-12
    )


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="no list of threads")
def test_threads_end_with_the_call():
    before = set(Path("/proc/self/task").iterdir())
    mapped = jit(vmap(value_and_grad(loss), in_axes=(None, 0, 0), reduce="sum"), threads=4)
    mapped(*data(5001))
    assert set(Path("/proc/self/task").iterdir()) == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_has_threads_of_its_own():
    program = """
import os, numpy as np
from scalargrad import jit, vmap
from scalargrad.compiler import threads
threads.LEAST_WORK = 1
f = jit(vmap(lambda x: x * x, reduce="sum"), threads=2)
x = np.arange(1000.0)
first = f(x)
child = os.fork()
if not child:
    os._exit(f(x) != first)
print(os.waitpid(child, 0)[1], f(x) == first)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (ran.stdout.strip(), ran.stderr) == ("0 True", "")


def test_where_no_thread_can_be_made_the_caller_computes():
    program = """
import ctypes, numpy as np
from scalargrad import jit, vmap
from scalargrad.compiler import machine, threads
threads.LEAST_WORK = 1
machine._has_threads()
refuse = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 4)(lambda *_: 11)
machine.binding().add_symbol("pthread_create", ctypes.cast(refuse, ctypes.c_void_p).value)
x = np.arange(1000.0)
print(jit(vmap(lambda x: x * x, reduce="sum"), threads=3)(x) == float(x @ x))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (ran.stdout.strip(), ran.stderr) == ("True", "")


def test_the_number_of_threads_is_asked_for(monkeypatch):
    monkeypatch.setenv("SCALARGRAD_NUM_THREADS", "3")
    assert machine.thread_count() == 3
    monkeypatch.delenv("SCALARGRAD_NUM_THREADS")
    assert machine.thread_count() >= 1
    monkeypatch.setenv("SCALARGRAD_NUM_THREADS", "two")
    with pytest.raises(ValueError, match="SCALARGRAD_NUM_THREADS must be a positive whole number, got 'two'"):
        jit(lambda x: x * x)(2.0)
    for wrong in (0, -1, True, 1.5):
        with pytest.raises(ValueError, match=r"threads must be a positive whole number or None, got"):
            jit(abs, threads=wrong)
