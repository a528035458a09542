"""The way into compiled code: what it takes, what it leaves to the general way, and what it gives back."""

import array
import gc
import math
import pickle
import subprocess
import sys
import threading
import time
import tracemalloc
from contextlib import suppress
from dataclasses import replace

import pytest

from scalargrad import Value, jit, nn, value_and_grad, vmap
from scalargrad.compiler import entrance
from scalargrad.compiler.layout import SAMPLES, Layout
from scalargrad.compiler.machine import Kernel
from scalargrad.compiler.program import record
from scalargrad.tracing import _places

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

ways = pytest.mark.parametrize("way", [entrance.entrance, entrance.slow_entrance])


def entered(way, function, arguments, results, mapped=False):
    """Compile a function of as many numbers as there are in arguments of these shapes."""
    inputs = tuple(_places(arguments, 1 + sum(shape is not None for shape in results)))
    layout = Layout(inputs, tuple(_places(results, 0)), mapped)
    leaves = [Value(1.0) for _ in inputs]
    return way(Kernel(replace(record(leaves, function(*leaves)), layout=layout)), arguments, results)


def mixed(way):
    return entered(way, lambda a, x, y: (x + y, a * x, a * y, a), [None, (1, 2)], [None, (2, 1), None])


def mapped(way):
    return entered(way, lambda x, y, z: (x * z, y * z), [(SAMPLES, 2), (SAMPLES,)], [(SAMPLES, 2)], mapped=True)


def changed(x, change):
    x = x.copy()
    change(x)
    return x


X = np.array([[3.0, 4.0]])
MISFITS = {
    "too few": (2.0,),
    "too many": (2.0, X, X),
    "none": (),
    "text": ("2", X),
    "bool": (True, X),
    "a truth of NumPy": (np.True_, X),
    "a wide scalar of NumPy": (np.longdouble(2), X),
    "a time": (np.timedelta64(2), X),
    "a Value": (Value(2.0), X),
    "an array for a number": (X, X),
    "a number for an array": (2.0, 3.0),
    "a list": (2.0, [[3.0, 4.0]]),
    "another buffer": (2.0, array.array("d", [3, 4])),
    "more axes": (2.0, X[None]),
    "fewer axes": (2.0, X[0]),
    "no axes": (2.0, np.array(3.0)),
    "turned": (2.0, X.T),
    "longer": (2.0, np.ones((1, 3))),
    "complex": (2.0, X.astype(complex)),
    "object": (2.0, X.astype(object)),
    "times": (2.0, X.astype("m8[s]")),
    "texts": (2.0, X.astype(str)),
    "records": (2.0, np.zeros((1, 2), [("a", float)])),
    "a matrix": (2.0, X.view(np.matrix)),
    "masked": (2.0, np.ma.masked_array(X)),
}


@ways
@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_is_refused(way, name):
    assert mixed(way)(*MISFITS[name]) is NotImplemented


FITS = {
    "float": (2.0, X),
    "int": (2, X),
    "minus one": (-1.0, X),
    "the int minus one": (-1, X),
    "read-only": (2.0, changed(X, lambda x: x.setflags(write=False))),
    "unpickled": (2.0, pickle.loads(pickle.dumps(X))),
    "a view": (2.0, np.arange(6.0).reshape(3, 2)[1:2]),
    "any strides of an axis of one": (2.0, np.arange(6.0).reshape(3, 2)[::3]),
    **{f"an array of {kind}": (2.0, X.astype(kind)) for kind in "?bBhHiIlLqQefg"},
    **{f"a number of {kind}": (np.dtype(kind).type(2), X) for kind in "bBhHiIlLqQefd"},
    "another order of bytes": (2.0, X.astype(X.dtype.newbyteorder())),
    "single, in another order of bytes": (2.0, X.astype(np.dtype("f").newbyteorder())),
    "with gaps": (2.0, np.arange(4.0)[None, ::2]),
    "backwards": (2.0, X[:, ::-1]),
    "the same number twice": (2.0, np.broadcast_to(3.0, (1, 2))),
    "not aligned": (2.0, np.frombuffer(b"." + X.tobytes(), float, offset=1).reshape(1, 2)),
    "not aligned, read-only, ints": (2.0, np.frombuffer(b"." + X.astype("i4").tobytes(), "i4", offset=1).reshape(1, 2)),
}


@ways
@pytest.mark.parametrize("name", FITS)
def test_what_fits_is_computed(way, name):
    a, x = FITS[name]
    total, product, same = mixed(way)(a, x)
    assert (type(total), type(same)) == (float, float)
    assert (total, same) == (x.sum(), a)
    assert product.tolist() == (a * x).T.tolist()


@ways
def test_a_copy_of_an_argument_is_dropped_where_a_later_one_is_refused(way):
    enter = entered(way, lambda *x: x[:1], [(2,), (2,)], [None])
    single = np.ones(2, np.float32)
    kind, before = single.dtype, sys.getrefcount(single.dtype)
    for _ in range(100):
        assert enter(single, np.ones(3)) is NotImplemented
        assert enter(single, [1.0, 2.0]) is NotImplemented
        assert enter(single, single) == 1.0
    assert abs(sys.getrefcount(kind) - before) < 50
    assert sys.getrefcount(single) == 2


@ways
def test_samples_are_as_many_in_all_arrays(way):
    enter = mapped(way)
    for n in (0, 1, 2, 3, 17, 100):
        x, z = np.arange(2.0 * n).reshape(n, 2), np.arange(float(n))
        made = enter(x, z)
        assert made.shape == (n, 2)
        assert (made == x * z[:, None]).all()
        assert enter(x, np.ones(n + 1)) is NotImplemented
        assert enter(x, np.ones((n, 1))) is NotImplemented
        assert enter(np.ones((n, 3)), z) is NotImplemented
        assert (enter(np.asfortranarray(x), z.astype(np.float32)) == made).all()


@ways
def test_results_are_arrays_of_their_own(way):
    made = mapped(way)(np.ones((5, 2)), np.ones(5))
    assert type(made) is np.ndarray
    assert made.base is None
    assert made.flags.c_contiguous and made.flags.aligned and made.flags.writeable and made.flags.owndata
    assert made.dtype is np.dtype(float)


@ways
@pytest.mark.parametrize("shapes", [[], [None], [()], [(0,)], [(3, 0, 2)], [None, (), None], [(1,) * 32]])
def test_results_of_all_shapes(way, shapes):
    size = sum(1 if shape is None else math.prod(shape) for shape in shapes)
    enter = entered(way, lambda: [7.0] * size, [], shapes)
    out = enter()
    for got, shape in zip([out] if len(shapes) == 1 else out, shapes, strict=True):
        assert np.shape(got) == (shape or ())
        assert (np.asarray(got) == 7.0).all()
        assert (type(got) is float) == (shape is None)


@ways
def test_a_number_too_large_is_an_error(way):
    with pytest.raises(OverflowError, match="int too large to convert to float"):
        mixed(way)(10**400, X)
    with pytest.raises(OverflowError):
        jit(lambda x: x * x)(10**400)


@ways
def test_an_array_too_large_to_copy_is_an_error(way):
    enter = way(Kernel(record([], [1.0])), [(2,), (2**50,)], [None])
    with pytest.raises(MemoryError):
        enter(np.ones(2, np.float32), np.broadcast_to(np.float32(1), (2**50,)))


@ways
def test_an_array_too_large_is_an_error(way):
    kernel = Kernel(record([], []))
    with pytest.raises((ValueError, MemoryError)):
        way(kernel, [], [(3,), None, (2**60,), (2,)])()


def test_another_numpy_is_met_by_the_slow_way(monkeypatch):
    entrance._machine_code.cache_clear()
    monkeypatch.setattr(entrance, "NUMPY_INTERFACES", ())
    try:
        assert entrance._machine_code() is None
        value, gradient = jit(value_and_grad(lambda x: (x * x).sum()))(np.arange(3.0))
    finally:
        entrance._machine_code.cache_clear()
    assert (value, gradient.tolist()) == (5.0, [0.0, 2.0, 4.0])


WITHOUT_MEMORY = """
import ctypes, sys
import numpy as np
from scalargrad import jit, sin, value_and_grad, vmap
from scalargrad.compiler import entrance, machine

refusing = False
malloc = ctypes.CDLL(None).malloc
malloc.argtypes, malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
kind = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t)
ours = kind(lambda size: None if refusing else malloc(size))
machine.binding().add_symbol("malloc", ctypes.cast(ours, ctypes.c_void_p).value)
if sys.argv[1] == "slow":
    entrance._machine_code = lambda: None

def function(x):
    for _ in range(600):
        x = sin(x)
    return x

for samples in (3, 10_000):  # with the GIL, and without
    mapped = jit(vmap(value_and_grad(function)))
    x = np.linspace(0, 1, samples)
    right = mapped(x)
    refusing = True
    for _ in range(100):
        try:
            mapped(x)
        except MemoryError:
            pass
        else:
            raise SystemExit("no error")
    refusing = False
    again = mapped(x)
    assert (again[0] == right[0]).all() and (again[1] == right[1]).all()
print("done")
"""


@pytest.mark.parametrize("way", ["quick", "slow"])
def test_a_kernel_that_gets_no_memory_is_an_error(way):
    done = subprocess.run([sys.executable, "-c", WITHOUT_MEMORY, way], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


# Through jit


class Own(np.ndarray):
    pass


def test_arguments_of_other_kinds_give_the_same():
    f = jit(value_and_grad(lambda w, x: (w * x * x).sum(), argnums=1))
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    value, gradient = f(2.0, x)
    others = [x.view(Own), x.view(np.matrix), np.ma.masked_array(x), x.astype(int), x.astype(np.float32), x.T.copy().T]
    others += [x.astype(x.dtype.newbyteorder()), pickle.loads(pickle.dumps(x)), np.repeat(x, 2, axis=1)[:, ::2]]
    for other in others:
        for w in (2.0, 2, np.float32(2), np.int8(2)):
            for _ in range(2):
                got, slopes = f(w, other)
                assert (got, slopes.tolist(), type(slopes)) == (value, gradient.tolist(), np.ndarray)
    for _ in range(2):
        with pytest.raises(TypeError, match="x: argument must be an array of real numbers, got one of complex128"):
            f(2.0, x.astype(complex))
    assert len(f._compiled) == 1


def test_nothing_is_generated_where_nothing_is_taken_apart():
    f = jit(value_and_grad(lambda x: (x * x).sum()))
    f(np.ones(3))
    (compiled,) = f._compiled.values()
    assert f._quick == [compiled.enter]
    swapped = jit(lambda x, a: x * a)  # arrays come after numbers
    assert swapped(np.ones(3), 2.0).tolist() == swapped(np.ones(3), 2.0).tolist() == [2.0, 2.0, 2.0]
    assert swapped._quick != [next(iter(swapped._compiled.values())).enter]


def test_one_result_is_kept_without_the_others():
    f = jit(lambda x: [x * 1.5, x * 2.5, (x * 3.5, x.sum())])
    x = np.ones(100_000 // 8)
    many = f(x[:1000])
    kept = many[0]
    del many
    gc.collect()
    assert kept.base is None
    assert kept.nbytes == 8000


@pytest.mark.parametrize("way", ["fits", "copies", "misfits", "fails"])
def test_calls_leave_nothing_behind(way):
    f = jit(value_and_grad(lambda w, x: [w * x, (w * x).sum()][1], argnums=(0, 1)))
    x = np.ones((4, 5))
    w = {"misfits": np.longdouble(2.0), "fails": 10**400}.get(way, 2.0)
    if way == "copies":
        x = x.astype(np.float32)
    f(2.0, np.ones((4, 5)))

    def run(count):
        for _ in range(count):
            with suppress(OverflowError):
                f(w, x)

    run(1000)
    gc.collect()
    watched = [x, w, x.dtype, np.dtype(float), NotImplemented, None, np.ndarray, float, *f._quick]
    tracemalloc.start()
    before, references = tracemalloc.get_traced_memory()[0], [sys.getrefcount(thing) for thing in watched]
    run(20_000 if way in ("fits", "copies") else 2_000)
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    for thing, now, then in zip(watched, map(sys.getrefcount, watched), references, strict=True):
        assert abs(now - then) < 50, thing
    assert after - before < 20_000


def test_threads_call_one_function_with_arrays_of_their_own():
    f = jit(vmap(lambda w, x: [w[0] * x, w[1] - x, w.sum()], in_axes=(None, 0)))
    wrong = []

    def work(i):
        w, x = np.array([float(i), 1.0]), np.arange(float(10 * i))
        for _ in range(500):
            first, second, third = f(w, x)
            if not ((first == i * x).all() and (second == 1.0 - x).all() and (third == i + 1.0).all()):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(1, 9)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not wrong


def test_other_threads_run_while_a_long_kernel_does():
    f = jit(vmap(lambda x: sum((x * (1.0 + k)).sin() for k in range(40)), reduce="sum"))
    x = np.linspace(0, 1, 300_000)
    f(x)
    done, turns = threading.Event(), []

    def other():
        while not done.is_set():
            turns.append(time.sleep(0))  # gives the GIL away

    interval = sys.getswitchinterval()
    thread = threading.Thread(target=other)
    thread.start()
    try:
        sys.setswitchinterval(100)  # no thread is interrupted: another one runs only where the GIL is given away
        while not turns:
            time.sleep(0)
        before = len(turns)
        f(x)
        after = len(turns)
    finally:
        sys.setswitchinterval(interval)
        done.set()
        thread.join()
    assert after > before


def test_a_model_with_very_many_parameters_goes_the_general_way():
    model = nn.MLP(60, [90, 1])
    assert len(model.parameters()) > 5000
    x = [0.1] * 60
    f = jit(lambda m: m(x))
    for _ in range(2):
        assert f(model) == pytest.approx(model(x).data, rel=1e-12)
        model.parameters()[0].data += 1


def test_what_changes_its_shape_during_a_call_is_an_error():
    f = jit(lambda x: x.sum())
    f(np.ones(3))
    (compiled,) = f._compiled.values()
    with pytest.raises(RuntimeError, match="given another shape during the call"):
        compiled([np.ones(2)])


def test_a_mapped_function_is_recorded_where_there_are_values():
    f = vmap(lambda w, x: w * x, in_axes=(None, 0))
    x = np.array([1.0, 2.0])
    assert f(3.0, x).tolist() == [3.0, 6.0]
    w = Value(3.0)
    f(w, x).sum().backward()
    assert w.grad == 3.0
    assert jit(lambda w: f(w, x).sum())(3.0) == 9.0
