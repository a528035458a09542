"""What a Value promises, in the order of the promises; those that have a number bear it in their names."""

import asyncio
import copy
import gc
import inspect
import itertools
import math
import operator
import pickle
import random
import subprocess
import sys
import threading
import weakref
from contextlib import nullcontext
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import isnan
from types import SimpleNamespace

import numpy as np
import pytest
from expressions import Kink, exact_gradients, random_steps, results
from points import OF_ORDER, POINTS, in_domain

import scalargrad
from scalargrad import TracingError
from scalargrad.modes import ieee
from scalargrad.op import Op, operation
from scalargrad.ops import OPERATIONS, TABLE
from scalargrad.traced import tracing

inf, nan = math.inf, math.nan
every_operation = pytest.mark.parametrize("op", TABLE.values(), ids=TABLE)

three = Op(
    "three",
    lambda x, y, z: x * y + z * z,
    lambda out, x, y, z: y,
    lambda out, x, y, z: x,
    lambda out, x, y, z: 2 * z,
)


@operation
def volume(x, y, z):
    return x * y * z * z, (y * z * z, x * z * z, 2 * x * y * z)


@operation
def bell(x):
    out = scalargrad.exp(-x * x)
    return out, (-2 * x * out,)


def cube(Value, x):
    """An operation added micrograd's way."""
    out = Value(x.data**3, (x,), "cube")

    def _backward():
        x.grad += 3 * x.data**2 * out.grad

    out._backward = _backward
    return out


def failing(Value, *parents, error=RuntimeError):
    """A node whose hand-written backward spoils a gradient and then raises."""
    out = Value(1.0, parents, "failing")

    def _backward():
        parents[0].grad += 1e9
        raise error("in the middle")

    out._backward = _backward
    return out


def same(a, b):
    """Are two floats the same to the bit, a nan being a nan?"""
    return math.isnan(a) and math.isnan(b) if a != a or b != b else a.hex() == b.hex()


def outcome(function, *arguments):
    """What a call gives: a float, or the type of what it raises."""
    try:
        out = function(*arguments)
    except (ArithmeticError, ValueError) as error:
        return type(error)
    return getattr(out, "data", out)


def in_new_process(program, **environment):
    """Run a program in a fresh interpreter, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", inspect.cleandoc(program)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ":".join(filter(None, sys.path)), **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def in_thread(function, stack_size=0):
    """Run a function on a thread with a stack of so many bytes, and return its result."""
    result = []
    before = threading.stack_size(stack_size)
    try:
        thread = threading.Thread(target=lambda: result.append(function()))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert result, "the function raised: see its traceback"
    return result[0]


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


# 1. Parents in operand order, and one bit pattern for one program.


def test_1_parents_are_an_ordered_tuple_duplicates_included(Value):
    a, b = Value(2.0), Value(3.0)
    for node, parents in [(a - b, (a, b)), (b - a, (b, a)), (a * a, (a, a)), (three(b, a, b), (b, a, b)), (-a, (a,))]:
        assert isinstance(node._prev, tuple)
        assert list(map(id, node._prev)) == list(map(id, parents))
    assert [p.data for p in (1 - a)._prev] == [1.0, 2.0]


def test_1_topological_order_has_the_left_operand_first(engine, Value):
    a, b = Value(2.0), Value(3.0)
    left, right = a * b, b - a
    root = left / right
    assert engine.topological_order(root) == [a, b, left, right, root]
    assert engine.topological_order(right, left) == [b, a, right, left]


def test_1_same_bits_in_every_process(engine):
    program = f"""
        import random
        import scalargrad
        from expressions import random_steps, results
        assert scalargrad.engine_name == {engine.name!r}
        Value, rng = scalargrad.Value, random.Random(5)
        garbage = [object() for _ in range(rng.randrange(1000))]
        for _ in range(20):
            leaves = [Value(rng.uniform(-2, 2)) for _ in range(5)]
            root = results(scalargrad, leaves, random_steps(rng, 5, 40))[-1]
            root.backward()
            print(root.data.hex(), *(leaf.grad.hex() for leaf in leaves))
    """
    outputs = {
        in_new_process(program, PYTHONHASHSEED=seed, SCALARGRAD_ENGINE=engine.name) for seed in ("0", "1", "31337")
    }
    assert len(outputs) == 1
    assert len(outputs.pop().splitlines()) == 20


# 2. A gradient belongs to the recorded pass.


def test_2_gradient_is_of_the_recorded_pass(Value):
    x, w = Value(3.0), Value(2.0)
    y = x * w
    w.data = 7.0
    y.backward()
    assert (x.grad, w.grad, y.data, y.local_gradients) == (2.0, 3.0, 6.0, (2.0, 3.0))


def test_2_forward_recomputes_from_the_leaves(Value):
    x, w = Value(3.0), Value(2.0)
    y = (x * w).tanh() * 5 + x
    w.data, x.data = 7.0, 0.1
    assert y.forward() is y
    assert y.data == math.tanh(0.1 * 7.0) * 5 + 0.1
    y.backward()
    assert w.grad == pytest.approx(5 * 0.1 / math.cosh(0.7) ** 2, rel=1e-14)


def test_2_forward_is_all_or_nothing(Value):
    x = Value(3.0)
    doubled = x * 2
    y = doubled.log() + doubled * x
    nodes = (doubled, y, *y._prev)
    before = [(node.data, node.local_gradients) for node in nodes]
    x.data = -1.0
    with pytest.raises(ValueError, match=r"log\(-2.0\): needs x > 0"):
        y.forward()
    assert [(node.data, node.local_gradients) for node in nodes] == before


@pytest.mark.parametrize("by_hand", [cube, lambda Value, x: Value(1.0, (x,), "?")], ids=["closure", "children"])
def test_2_forward_cannot_repeat_what_was_made_by_hand(Value, by_hand):
    with pytest.raises(TypeError, match="made by hand"):
        (by_hand(Value, Value(2.0)) + 1).forward()


# 3. Interior gradients are reset, leaves accumulate.


def test_3_leaves_accumulate_over_calls(Value):
    x = Value(2.0)
    h = x * x
    y = h * h
    seen = []
    for _ in range(3):
        y.backward()
        seen.append(x.grad)
    assert seen == [32, 64, 96]
    assert (h.grad, y.grad) == (8, 1)


def test_3_roots_on_a_shared_trunk(Value):
    x = Value(1.0)
    trunk = x
    for _ in range(100):
        trunk = trunk + x
    for root in [trunk + i for i in range(4)]:
        root.backward()
    assert x.grad == 404


def test_3_zero_grad_clears_the_whole_graph(Value):
    x, w = Value(2.0), Value(3.0)
    h = x * w
    y = h * h
    y.backward()
    y.zero_grad()
    assert [v.grad for v in (x, w, h, y)] == [0.0] * 4


def test_3_gradient_seeds(Value):
    x = Value(3.0)
    (x * x).backward(gradient=Fraction(1, 2))
    assert x.grad == 3.0
    x.backward(4)
    assert x.grad == 7.0
    with pytest.raises(TypeError, match="gradient must be a real number, got 'one'"):
        x.backward("one")
    assert x.grad == 7.0


# 4. No recursion anywhere.


@pytest.mark.usefixtures("no_collector")
def test_4_a_chain_of_a_million_nodes_on_a_small_stack(Value):
    limit = sys.getrecursionlimit()

    def live():
        x = Value(1.0)
        y = x
        for _ in range(10**6):
            y = -y
        y.backward()
        seen = [y.data, x.grad, repr(y)]
        twin = copy.deepcopy(y)
        twin.backward()
        seen += [twin.data, x.grad]
        del twin
        thawed = pickle.loads(pickle.dumps(y))
        seen += [thawed.forward().data, thawed.grad, thawed._prev[0].grad]
        thawed.zero_grad()
        del thawed, y  # the leaf outlives them
        x.backward()
        return [*seen, x.grad]

    expected = [1.0, 1.0, "Value(data=1.0, grad=1.0)", 1.0, 1.0, 1.0, 1.0, -1.0, 2.0]
    assert in_thread(live, stack_size=256 * 1024) == expected
    assert sys.getrecursionlimit() == limit


# 5. No reference cycles.


class Marker:
    """Something a weak reference can point at, to see when the node that holds it is freed."""


def marked(engine, root):
    references = []
    for node in engine.topological_order(root):
        node.marker = Marker()
        references.append((node, weakref.ref(node.marker)))
    leaves = {id(node) for node, _ in references if not node._prev and node.kind != "constant"}
    return {kind: [ref for node, ref in references if (id(node) in leaves) == kind] for kind in (True, False)}


@pytest.mark.usefixtures("no_collector")
def test_5_freeing_a_loss_leaves_its_parameters_only(engine, Value):
    parameters = [Value(0.3), Value(0.7)]
    everything = [*TABLE.values(), three, volume, bell]
    terms = [op(*in_domain(op, parameters * 2, [0.3, 0.7] * 2)) for op in everything]
    loss = sum(2 * term**2 - 1 for term in terms)
    alive = marked(engine, loss)
    assert len(alive[False]) > 5 * len(TABLE)
    loss.backward()
    loss.forward().zero_grad()
    assert loss.local_gradients
    assert repr(loss)
    pickle.dumps(loss)
    copy.deepcopy(loss)
    with engine.detect_anomaly():
        loss.backward()
    del loss, terms
    assert [ref() for ref in alive[False] if ref() is not None] == []
    assert [ref() for ref in alive[True]] == [parameter.marker for parameter in parameters]


# 6. All or nothing.


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_6_backward_is_all_or_nothing(Value, error):
    x, w = Value(2.0), Value(3.0)
    first = x * w
    first.backward(0.25)
    root = failing(Value, first, error=error) * x + first * first
    root.grad = 42.0
    before = [(v, v.grad) for v in (x, w, first, root, *root._prev)]
    with pytest.raises(error, match="in the middle"):
        root.backward()
    assert [(v, v.grad) for v, _ in before] == before
    first.backward()
    assert (x.grad, w.grad) == (3.75, 2.5)


# 7. no_grad, detach, local gradients.


def test_7_no_grad_does_not_record(engine, Value):
    x = Value(2.0)
    with engine.no_grad():
        y = x * x + 1
        inner = Value(1.0, (x,), "f")
    assert (y.data, y._prev, inner._prev) == (5.0, (), ())
    y.backward()
    assert x.grad == 0
    assert (x * x)._prev == (x, x)

    @engine.no_grad()
    def double(v):
        return v + v

    assert double(x)._prev == ()
    with pytest.raises(KeyError), engine.no_grad():
        raise KeyError
    assert (x + x)._prev == (x, x)


def test_7_detach_cuts(Value):
    x = Value(3.0, label="x")
    d = (x * 2).detach()
    named = x.detach()
    y = x * d
    y.backward()
    assert (x.grad, d.grad, d.data, d._prev, named.label) == (6.0, 3.0, 6.0, (), "x")


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x, y: x * y, (5.0, 3.0)),
        (lambda x, y: x / y, (0.2, -0.12)),
        (lambda x, y: x - y, (1.0, -1.0)),
        (lambda x, y: y**2, (10.0, 0.0)),  # a number takes no gradient
        (lambda x, y: 2 - y, (0.0, -1.0)),
        (lambda x, y: three(x, y, 7), (5.0, 3.0, 0.0)),
        (lambda x, y: three(x, y, x), (5.0, 3.0, 6.0)),
        (lambda x, y: x, ()),
    ],
)
def test_7_local_gradients_are_in_the_parents_order(Value, function, expected):
    assert function(Value(3.0), Value(5.0)).local_gradients == pytest.approx(expected, rel=1e-15)


def test_7_local_gradients_of_hand_written_nodes(Value):
    x = Value(2.0)
    y = cube(Value, x)
    x.grad, y.grad = 5.0, 7.0
    assert y.local_gradients == (12.0,)
    assert (x.grad, y.grad) == (5.0, 7.0), "probing leaves no trace"
    assert Value(1.0, (x, y), "f").local_gradients == (0.0, 0.0)


# 8. Nothing global is touched.


def test_8_nothing_global_is_touched(engine):
    program = """
        import decimal, gc, random, signal, sys, threading, warnings
        random.seed(1)

        def state():
            return dict(
                recursion=sys.getrecursionlimit(), collector=(gc.isenabled(), gc.get_threshold(), gc.get_debug()),
                frozen=gc.get_freeze_count(), callbacks=list(gc.callbacks), random=random.getstate(),
                signals=[signal.getsignal(s) for s in signal.valid_signals()], switch=sys.getswitchinterval(),
                trace=(sys.gettrace(), sys.getprofile()), hooks=(sys.excepthook, sys.displayhook),
                warnings=list(warnings.filters), stack=threading.stack_size(), decimal=decimal.getcontext().prec,
                threads=threading.active_count(),
            )

        before = state()
        import scalargrad
        assert state() == before, "import"
        x = scalargrad.Value(1.0)
        y = x
        for _ in range(20_000):
            y = -y
        y.backward()
        with scalargrad.ieee(), scalargrad.detect_anomaly():
            (x.exp() * y).backward()
        y.forward().zero_grad()
        import copy, pickle
        copy.deepcopy(y), pickle.loads(pickle.dumps(y))
        after = state()
        assert after == before, {key for key in before if before[key] != after[key]}
    """
    assert in_new_process(program, SCALARGRAD_ENGINE=engine.name) == ""


# micrograd's interface.


def test_micrograd_constructor_and_attributes(Value):
    a = Value(2.0, (), "", "a")
    b = Value(data=3, _children=(a,), _op="f", label="b")
    assert (a.data, a.grad, a.label, a._op, a._prev) == (2.0, 0, "a", "", ())
    assert (b.data, b.label, b._op, b._prev) == (3.0, "b", "f", (a,))
    assert Value(1.0, {a})._prev == (a,), "micrograd's programs may pass a set"
    b.data, b.grad, b.label = 4, 1.5, "c"
    assert (b.data, type(b.data), b.grad, b.label) == (4.0, float, 1.5, "c")
    b.m, b.v = 0.9, [1]
    assert (b.m, b.v) == (0.9, [1])
    with pytest.raises(AttributeError):
        a.m  # noqa: B018
    with pytest.raises(TypeError, match="_children must be Values"):
        Value(1.0, (2.0,))


def test_micrograd_operations_return_exactly_Value(Value):
    x = Value(0.5)
    for node in [sum([x, x, x]), x + 1, 1 - x, x**2, 2**x, -x, x.relu(), x.tanh(), x.exp(), abs(x), +x, x / 3, 3 / x]:
        assert type(node) == Value  # noqa: E721 - as people write it
        assert isinstance(node, Value)
    assert sum([x, x, x]).data == 1.5
    assert (x + x)._op == "+"
    assert x.relu()._op == "ReLU"


def test_equality_of_values_and_hash_are_identity(Value):
    a, b = Value(1.0), Value(1.0)
    assert a == a
    assert a != b
    assert len({a, b, a}) == 2
    assert {a: 1}[a] == 1
    assert [a, b].index(b) == 1
    assert 1.0 not in {a, b}


def test_equality_with_a_number_compares_the_number(Value):
    a = Value(3.0)
    for three in (3, 3.0, Fraction(3), np.float64(3), np.float32(3), np.longdouble(3), np.int64(3), np.array(3.0)):
        assert (a == three) is True
        assert (three == a) in (True, np.True_)
        assert (a != three) is False
        assert a in [three]
        assert [2.0, three].index(a) == 1
    for other in (3.5, 10**400, Fraction(1, 3), nan, True, np.float64(4)):
        assert (a == other) is False
        assert (a != other) is True
    assert Value(nan) != nan
    assert Value(2.0**53) != 2**53 + 1
    for thing in ("3", None, 3 + 0j, [3.0], object()):
        assert (a == thing) is False
        assert (a != thing) is True
    assert (np.array([a, Value(4.0)], object) == 3).tolist() == [True, False]


def test_micrograds_own_sanity_check(Value):
    x = Value(-4.0)
    z = 2 * x + 2 + x
    q = z.relu() + z * x
    h = (z * z).relu()
    y = h + q + q * x
    y.backward()
    assert (y.data, x.grad) == (-20.0, 46.0)


def test_micrograd_hand_written_operation(Value):
    x = Value(2.0)
    y = cube(Value, x * 3) * cube(Value, x)  # 27 * x**6
    y.backward()
    assert (y.data, x.grad) == (27 * 64, 27 * 6 * 32)


def test_micrograd_call_of_backward_closure_is_honoured(Value):
    a, b = Value(2.0), Value(3.0)
    c = a * b
    c.grad = 10.0
    c._backward()
    c._backward()
    assert (a.grad, b.grad) == (60.0, 40.0)
    assert a._backward() is None
    assert a.grad == 60.0
    calls = []
    c._backward = lambda: calls.append(c.grad)
    c.backward()
    assert (calls, a.grad) == ([1.0], 60.0), "an assigned closure replaces the recorded one"
    assert c.local_gradients == (0.0, 0.0), "and so do its local gradients"
    with pytest.raises(TypeError, match="_backward must be a function"):
        c._backward = None


def test_repr_and_format(Value):
    x = Value(2.5, label="x")
    assert repr(x) == "Value(data=2.5, grad=0.0, label='x')"
    assert repr(x * 2) == "Value(data=5.0, grad=0.0)"
    assert f"{x:.3f} {x:>6}" == "2.500    2.5"


# Operations that people add.


@pytest.mark.parametrize(
    ("op", "point", "value", "gradients"),
    [
        (three, (2.0, 3.0, 5.0), 31.0, [3.0, 2.0, 10.0]),
        (volume, (2.0, 3.0, 5.0), 150.0, [75.0, 50.0, 60.0]),
        (bell, (0.5,), math.exp(-0.25), [-math.exp(-0.25)]),
    ],
)
def test_operation_that_someone_adds(Value, op, point, value, gradients):
    leaves = list(map(Value, point))
    root = op(*leaves) * 2
    root.backward()
    assert (root.data / 2, [leaf.grad / 2 for leaf in leaves]) == (value, pytest.approx(gradients, rel=1e-15))
    assert op(*point) == value
    assert type(op(*point)) is float
    assert op(leaves[0], *point[1:]).data == value, "numbers may stand beside Values"


def test_operation_of_a_function_has_higher_derivatives(Value):
    # d2/dx2 exp(-x*x) = (4x² - 2) exp(-x*x), and of x*y*z² the mixed ones
    x = Value(0.5)
    bell.partials[0](bell(x), x).backward()
    assert x.grad == pytest.approx((4 * 0.25 - 2) * math.exp(-0.25), rel=1e-14)
    leaves = [Value(2.0), Value(3.0), Value(5.0)]
    volume.partials[2](volume(*leaves), *leaves).backward()
    assert [v.grad for v in leaves] == [30.0, 20.0, 12.0]


def test_operation_raises_like_its_function(Value):
    root = Op("root", math.sqrt, lambda out, x: 0.5 / out, needs="x >= 0")
    with pytest.raises(ValueError, match=r"root\(p = -1.0\): needs x >= 0"):
        root(Value(-1.0, label="p"))
    with ieee():
        assert math.isnan(root(Value(-1.0)).data)


# Copies and pickles.

ROUND_TRIPS = {f"pickle {p}": lambda v, p=p: pickle.loads(pickle.dumps(v, p)) for p in range(2, 6)}
ROUND_TRIPS["deepcopy"] = copy.deepcopy
round_trip = pytest.mark.parametrize("twin", ROUND_TRIPS.values(), ids=ROUND_TRIPS)


@round_trip
def test_copies_keep_what_is_shared(Value, twin):
    x = Value(2.0, label="x")
    z = three(x, x * x, 4.0)
    h = volume(z, x, 1.0).tanh() / z
    z2, h2, (x2,) = twin((z, h, [x]))
    assert h2._prev[1] is z2
    assert z2._prev[0] is x2 is z2._prev[1]._prev[1]
    assert x2 is not x
    assert z2._op == "three"
    assert z2._prev[2].kind == "constant"
    for root in (h, h2):
        root.backward()
    assert (x2.grad.hex(), h2.data.hex(), x2.label) == (x.grad.hex(), h.data.hex(), "x")
    x2.data = 3.0
    assert h2.forward().data != h.forward().data


@round_trip
def test_copies_keep_parameters_of_a_loss(Value, twin):
    parameters = [Value(0.1 * i, label=f"p{i}") for i in range(5)]
    loss = sum((p * 2 - 1) ** 2 for p in parameters)
    for order in (lambda a, b: (a, b), lambda a, b: (b, a)):
        pair = twin(order(parameters, loss))
        parameters2, loss2 = order(*pair)
        loss2.backward()
        assert [p.grad for p in parameters2] == [pytest.approx(4 * (2 * p.data - 1)) for p in parameters]
        assert all(p.grad == 0 for p in parameters)


@round_trip
def test_copies_keep_attributes(engine, Value, twin):
    shared = {"beta": 0.9}
    with engine.scope("layer"):
        x = Value(1.0, label="x")
    x.role, x.m, x.grad = "parameter", shared, 0.25
    y = x + x
    y.m, y.note = shared, "sum"
    y2 = twin(y)
    x2 = y2._prev[0]
    assert y2.m is x2.m == shared
    assert y2.m is not shared
    assert (y2.note, x2.role, x2.grad, x2.scope, x2.label) == ("sum", "parameter", 0.25, ("layer",), "x")


@round_trip
def test_copies_do_not_depend_on_what_is_in_force(engine, Value, twin):
    y = Value(2.0) * 3
    with engine.no_grad(), engine.scope("elsewhere"):
        y2 = twin(y)
    assert (y2.local_gradients, y2.scope, len(y2._prev)) == ((3.0, 0.0), (), 2)


def test_shallow_copy_shares_parents(Value):
    x = Value(2.0)
    y = x * x
    y2 = copy.copy(y)
    y2.backward()
    assert (y2._prev[0] is x, x.grad, y.grad) == (True, 4.0, 0.0)


@round_trip
def test_hand_written_backward_cannot_be_copied(Value, twin):
    with pytest.raises(TypeError, match="hand-written _backward"):
        twin(cube(Value, Value(2.0)) + 1)


# Numbers in.

GOOD = [3, True, Fraction(1, 4), 0.1, np.float64(0.1), np.float32(0.1), np.int64(-2), np.uint8(7), np.bool_(True)]
BAD = ["1", None, 1j, Decimal(1), [1.0], object(), np.complex128(1), np.array([1.0])]


@pytest.mark.parametrize("x", GOOD, ids=repr)
def test_numbers_become_floats_at_entry(Value, x):
    v = Value(x)
    w = Value(1.0)
    w.data = x
    product = w * x
    for node in (v, w, product._prev[1]):
        assert type(node.data) is float
        assert node.data == float(x)
    assert type(product.data) is float


@pytest.mark.parametrize("x", BAD, ids=lambda x: type(x).__name__)
def test_what_is_no_number_is_a_TypeError_that_names_it(Value, x):
    v = Value(1.0)
    entries = [lambda: Value(x), lambda: setattr(v, "data", x), lambda: v.backward(x)]
    if not isinstance(x, np.ndarray):  # operations map over arrays
        entries += [lambda: scalargrad.exp(x), lambda: scalargrad.mul(v, x), lambda: scalargrad.mul(x, v)]
    for entry in entries:
        with pytest.raises(TypeError) as caught:
            entry()
        assert type(x).__name__ in str(caught.value)
    assert (v.data, v.grad) == (1.0, 0.0)


@pytest.mark.parametrize("x", BAD[:6], ids=lambda x: type(x).__name__)
@pytest.mark.parametrize("f", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow])
def test_operators_refuse_what_is_no_number(Value, f, x):
    for operands in ((Value(1.0), x), (x, Value(1.0))):
        with pytest.raises(TypeError):
            f(*operands)


def test_a_value_inside_a_value_is_a_TypeError(Value):
    v = Value(1.0)
    for entry in (lambda: Value(v), lambda: setattr(v, "data", v), lambda: v.backward(v)):
        with pytest.raises(TypeError, match=r"must be a real number, got Value\("):
            entry()


BINARY = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "pow": operator.pow}


@pytest.mark.parametrize("number", [3, 2.5, True, Fraction(7, 2), np.float64(1.5), np.int32(2)], ids=repr)
@pytest.mark.parametrize("name", BINARY)
def test_numbers_on_either_side_of_an_operator(Value, name, number):
    f, x = BINARY[name], float(number)
    for numbers, operands in [((0.7, x), lambda v: (v, number)), ((x, 0.7), lambda v: (number, v))]:
        by = [f, TABLE[name]] + [getattr(Value, name)] * isinstance(operands(Value(0.7))[0], Value)
        for way in by:
            v = Value(0.7)
            node = way(*operands(v))
            both = list(map(Value, numbers))
            f(*both).backward()
            node.backward()
            assert type(node) is Value
            assert (node.data, node._operation) == (f(*numbers), TABLE[name])
            assert v.grad == both[numbers.index(0.7)].grad
            assert [p.grad for p in node._prev if p is not v] == [0.0], "a number takes no gradient"


@pytest.mark.parametrize("name", [name for name, op in OPERATIONS.items() if len(op.partials) == 2])
def test_numbers_on_either_side_of_a_function(Value, name):
    op = TABLE[name]
    for point in ((0.7, 1.5), (1.5, 0.7)) if name not in OF_ORDER else ((0.0, 1.5), (2.0, 0.7)):
        left, right = op(Value(point[0]), point[1]), op(point[0], Value(point[1]))
        assert left.data == right.data == getattr(Value(point[0]), name)(point[1]).data == op(*point)


def test_arrays(Value):
    v, array = Value(2.0), np.array([1.0, 2.0, 3.0])
    for out, expected in [
        *((v * array, 2 * array), (array * v, array * 2), (v - array, 2 - array), (array - v, array - 2)),
        *((v / array, 2 / array), (array / v, array / 2), (v**array, 2**array), (array**v, array**2)),
    ]:
        assert out.dtype == object
        assert [type(x) for x in out] == [Value] * 3
        assert [x.data for x in out] == pytest.approx(expected, rel=1e-15)


def test_numpy_functions_find_the_methods(Value):
    values = np.array([Value(0.25), Value(0.5)])
    found = 0
    for name, op in TABLE.items():
        function = getattr(np, name, None)
        if len(op.partials) == 1 and isinstance(function, np.ufunc):
            assert [x.data for x in function(values)] == pytest.approx(function(np.array([0.25, 0.5])), rel=1e-15), name
            found += 1
    assert found >= 14
    W = np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]])
    y = (W @ np.array([10.0, 20.0])).sum()
    y.backward()
    assert (y.data, [w.grad for w in W.flat]) == (160.0, [10.0, 20.0, 10.0, 20.0])


@pytest.mark.parametrize("f", [operator.lt, operator.le, operator.gt, operator.ge])
def test_comparisons_use_data(Value, f):
    for a, b in [(1.0, 2.0), (2.0, 1.0), (1.0, 1.0), (nan, 1.0), (inf, 1.0)]:
        assert f(Value(a), Value(b)) is f(Value(a), b) is f(a, Value(b)) is f(a, b)
    with pytest.raises(TypeError):
        f(Value(1.0), "1")


def test_a_value_is_true_as_any_object_is(Value):
    assert all(Value(x) for x in (2.0, -1.0, 0.0, -0.0, nan))
    assert (Value(0.0) or 1.0).data == 0.0  # `self.b or 0` drops no bias


def test_max_and_sorted_use_data(Value):
    values = [Value(x) for x in (2.0, -1.0, 0.0)]
    assert max(values) is values[0]
    assert sorted(values) == [values[1], values[2], values[0]]


@pytest.mark.parametrize("f", [float, math.exp, math.sqrt, math.isnan], ids=lambda f: f.__name__)
def test_float_of_a_value_says_why_not_and_what_instead(Value, f):
    with pytest.raises(TypeError, match=r"drop its gradient.*v\.data.*scalargrad\.exp\(v\)"):
        f(Value(1.0))


# While a function is compiled its arguments are traced: leaves without a number. Whatever asks for it raises.


def traced(Value):
    x = Value(nan)
    x.kind = "traced"
    return x


@pytest.mark.parametrize(
    "ask",
    [
        *(
            lambda v: v.data,
            lambda v: v.item(),
            lambda v: f"{v:.3f}",
            lambda v: v.conjugate().data,
        ),
    ],
)
def test_the_number_of_a_traced_value_cannot_be_asked_for(Value, ask):
    with tracing():
        x = traced(Value)
        values = (x, x * 2, scalargrad.relu(1 - x), scalargrad.where(scalargrad.greater(x, 0), x, 1.0))
    for inside in (True, False):  # or one that was kept, afterwards
        for value in values:
            with tracing() if inside else nullcontext():
                with pytest.raises(TracingError, match=r"test_semantics\.py:\d+: the number of a traced value"):
                    ask(value)
                assert "data=traced" in repr(value)
        assert (x**0).data == 1.0  # which it is for every x


@pytest.mark.parametrize(
    "ask",
    [
        *(lambda v: v > 0, lambda v: v <= 0, lambda v: v < v, lambda v: Value0(v) <= v, lambda v: 1 >= v),
        *(lambda v: v == 2.0, lambda v: 2 != v, lambda v: v == Fraction(2), lambda v: v == np.longdouble(2)),
        *(lambda v: (v > 0) & (v < 1), lambda v: True | (v > 0), lambda v: (v > 0) ^ False, lambda v: ~(v > 0)),
        lambda v: np.float64(1.0) < v,
    ],
)
def test_a_comparison_of_a_traced_value_is_a_condition(Value, ask):
    with tracing():
        x = traced(Value)
        values = (x, x * 2, scalargrad.relu(1 - x), scalargrad.where(x > 0, x, 1.0))
    for inside in (True, False):
        for value in values:
            with tracing() if inside else nullcontext():
                asked = ask(value)
                assert type(asked) is Value and isnan(asked._data)
                for branch in (bool, lambda c: c and 1.0, lambda c: max([c, c], key=lambda c: not c)):
                    with pytest.raises(TracingError, match=r"test_semantics\.py:\d+: a branch on a comparison.*where"):
                        branch(asked)
                with pytest.raises(TracingError, match="the number of a traced value"):
                    asked.data  # noqa: B018
                assert isnan(scalargrad.where(asked, 2.0, 3.0)._data), "nothing is known that depends on it"
                assert isnan((1 - asked)._data) and isnan((asked * 2)._data)


@pytest.mark.parametrize(
    "branch",
    [
        lambda v: max(v, v + 1),
        lambda v: sorted([v, 1.0]),
        lambda v: v in [2.0],
        lambda v: 0 < v < 1,
        lambda v: not v > 0,
    ],
)
def test_a_branch_on_a_condition_is_refused(Value, branch):
    with tracing():
        x = traced(Value)
    with pytest.raises(TracingError, match=r"test_semantics\.py:\d+: a branch on a comparison of a traced value"):
        branch(x * 2)


def test_only_conditions_are_combined(Value):
    with tracing():
        x = traced(Value)
        for other in (x, 1.0, 2, "a"):
            with pytest.raises(TypeError, match="unsupported operand"):
                (x > 0) & other
            with pytest.raises(TypeError, match="unsupported operand"):
                other | (x > 0)
        for value in (x, Value(2.0)):
            with pytest.raises(TypeError, match="~ is for conditions"):
                operator.invert(value)
    assert (Value(2.0) > 1) is True and (Value(2.0) != 2.0) is False, "of numbers that are known it is a truth"
    assert (Value(nan) > 1) is False and (Value(nan) != 1) is True and (Value(1.0) <= Value(nan)) is False


@pytest.mark.parametrize(
    "look",
    [
        *(
            lambda v, w: v in {2.0},
            lambda v, w: {2.0: 1}.get(v),
            lambda v, w: v == w,
            lambda v, w: w != v,
            lambda v, w: w in [v],
        ),
        *(lambda v, w: {v}, lambda v, w: hash(w), lambda v, w: lru_cache(abs)(v)),
    ],
)
def test_traced_values_are_not_looked_up_by_what_they_are(Value, look):
    with tracing():
        x = traced(Value)
        with pytest.raises(TracingError, match=r"test_semantics\.py:\d+: a traced value was looked up"):
            look(x, x * 3)
        assert x == x
        assert x in [x, 3.0]
        other = Value(2.0)
        assert other in {other}


# Settings as decorators hold whenever the body runs, and not in between.

SETTINGS = {
    "no_grad": (lambda engine: engine.no_grad(), lambda y: y._prev == ()),
    "scope": (lambda engine: engine.scope("here"), lambda y: y.scope == ("here",)),
    "source_lines": (lambda engine: engine.source_lines(), lambda y: hasattr(y, "made_at")),
    "ieee": (lambda engine: ieee(), lambda y: isnan((y - 5).log().data)),
}
settings = pytest.mark.parametrize("name", SETTINGS)


def in_force(name, x):
    """Say whether a setting holds where this is called."""
    try:
        return SETTINGS[name][1](x * 2)
    except ValueError:
        return False


@settings
def test_a_decorated_generator_is_in_its_setting_while_it_runs(engine, Value, name):
    @SETTINGS[name][0](engine)
    def generator(x):
        try:
            sent = yield in_force(name, x)
            while True:
                sent = yield in_force(name, x), sent
        except KeyError:
            yield in_force(name, x)
        finally:
            ends.append(in_force(name, x))
        return in_force(name, x)

    def delegating(x):
        returned.append((yield from generator(x)))

    assert inspect.isgeneratorfunction(generator)
    x, ends, returned = Value(1.0), [], []
    one, other = generator(x), delegating(x)
    for _ in range(2):  # interleaved
        assert not in_force(name, x)
        assert [next(one), next(other)] in ([True, True], [(True, None), (True, None)])
        assert not in_force(name, x)
    assert one.send(3) == (True, 3)
    assert one.throw(KeyError) is other.throw(KeyError()) is True
    one.close()
    assert next(other, "the end") == "the end"
    assert (ends, returned) == ([True, True], [True])
    broken = generator(x)
    next(broken)
    with pytest.raises(ZeroDivisionError):
        broken.throw(ZeroDivisionError)
    assert not in_force(name, x)


@settings
def test_decorated_coroutines_are_in_their_setting_while_they_run(engine, Value, name):
    @SETTINGS[name][0](engine)
    async def coroutine(x, pause):
        before = in_force(name, x)
        await pause.wait()
        return before, in_force(name, x)

    @SETTINGS[name][0](engine)
    async def numbers(x):
        try:
            sent = None
            while sent != "stop":
                await asyncio.sleep(0)
                try:
                    sent = yield in_force(name, x), sent
                except KeyError:
                    sent = "caught"
        finally:
            ends.append(in_force(name, x))

    async def program(x):
        pause = asyncio.Event()
        tasks = [asyncio.create_task(coroutine(x, pause)) for _ in range(2)]
        bare = coroutine(x, pause)
        bare.send(None)  # in this very context
        outside = [in_force(name, x)]
        pause.set()
        results = [*[await task for task in tasks], await finished(bare)]
        stream = numbers(x)
        results += [await stream.__anext__(), await stream.asend(3), await stream.athrow(KeyError)]
        outside.append(in_force(name, x))
        with pytest.raises(StopAsyncIteration):
            await stream.asend("stop")
        results += [item async for item in limited(numbers(x))]
        return results, [*outside, in_force(name, x)]

    async def finished(bare):
        try:
            while True:
                bare.send(None)
        except StopIteration as stop:
            return stop.value

    async def limited(stream):
        yield await stream.__anext__()
        await stream.aclose()

    assert inspect.iscoroutinefunction(coroutine)
    assert inspect.isasyncgenfunction(numbers)
    ends = []
    results, outside = asyncio.run(program(Value(1.0)))
    assert results == [(True, True)] * 3 + [(True, None), (True, 3), (True, "caught"), (True, None)]
    assert ends == [True, True]
    assert outside == [False] * 3


@settings
def test_a_setting_decorates_methods_of_every_kind(engine, Value, name):
    class Thing:
        @SETTINGS[name][0](engine)
        def method(self, x):
            """Look."""
            return in_force(name, x)

        @SETTINGS[name][0](engine)
        @staticmethod
        def static(x):
            yield in_force(name, x)

        @classmethod
        @SETTINGS[name][0](engine)
        def of_class(cls, x):
            return in_force(name, x)

    x = Value(1.0)
    assert (Thing().method(x), next(Thing.static(x)), Thing.of_class(x)) == (True, True, True)
    assert (Thing.method.__name__, Thing.method.__doc__) == ("method", "Look.")
    assert not in_force(name, x)


def test_anomalies_are_detected_in_decorated_generators(engine, Value):
    @engine.detect_anomaly()
    def generator(x):
        yield x
        yield x * 1e308

    steps = generator(Value(10.0))
    next(steps)
    assert (Value(10.0) * 1e308).data == inf
    with pytest.raises(FloatingPointError):
        next(steps)


def test_detach_and_no_grad_of_traced_values(Value):
    with tracing():
        x = traced(Value)
        with scalargrad.no_grad():
            y = x * x
        (y * x).backward()
        assert x.grad is y
        x.grad = 0.0
        (x.detach() * 3.0).backward()
        assert x.grad == 0.0


def test_threads_see_what_is_traced(Value):
    seen = []

    def work():
        y = x * 2
        try:
            seen.append(y.data)
        except TracingError:
            seen.append("traced")
        y.backward()

    with tracing():
        x = traced(Value)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert seen == ["traced"]
    assert isinstance(x.grad, Value)


def test_a_trace_leaves_the_gradients_of_values_from_outside_as_they_were(Value):
    w = Value(2.0)
    w.grad = 5.0
    with tracing():
        x = traced(Value)
        (w * x).backward()
        assert w.grad is x
        (w * x).backward()
        assert [node._op for node in scalargrad.order.ordered((w.grad,))] == ["", "+"]
        (w * w).backward()
    assert w.grad == 5.0


def test_reading_a_nan_does_not_walk_the_graph(Value, monkeypatch):
    x = Value(nan)
    for _ in range(10):
        x = x * 2
    monkeypatch.setattr(scalargrad.node, "ordered", lambda roots: pytest.fail("a walk"))
    assert isnan(x.data) and not x > 1 and x != 1 and f"{x:.1f}" == "nan"


def Value0(v):
    return type(v)(0.0)


def test_a_nan_that_is_a_number_is_no_traced_value(Value):
    x = Value(nan)
    assert math.isnan(x.data) and math.isnan((x * 2).data) and x and not x > 0


def test_backward_on_a_traced_value_makes_graphs(Value):
    with tracing():
        x = traced(Value)
        (x * 3).backward()
        assert x.grad.data == 3.0
        (x * x).backward()
    assert "traced" in repr(x.grad)


def test_source_lines(Value):
    with scalargrad.source_lines():
        y = Value(2.0) * 3
        z = Value(nan) + 1  # does not raise, as under detect_anomaly
    assert y.made_at.rpartition(":")[0].endswith("test_semantics.py")
    assert int(z.made_at.rpartition(":")[2]) == int(y.made_at.rpartition(":")[2]) + 1
    z.backward(nan)
    assert not hasattr(Value(2.0) * 3, "made_at")


# backward(create_graph=True): gradients are Values, with graphs of their own.


def test_gradients_as_graphs(Value):
    x, w = Value(1.5, label="x"), Value(-2.0)
    y = x * x * w + x.sin()
    y.backward(create_graph=True)
    first = x.grad
    assert (type(first), first.data) == (Value, pytest.approx(2 * 1.5 * -2 + math.cos(1.5)))
    assert (y.grad.data, w.grad.data) == (1.0, 2.25)
    x.grad = w.grad = 0.0
    first.backward()
    assert (x.grad, w.grad) == (pytest.approx(-4 - math.sin(1.5)), 3.0)
    x.zero_grad()
    assert x.grad == 0.0


def test_gradients_as_graphs_accumulate_into_leaves_and_become_floats_again(Value):
    x = Value(3.0)
    y = x * x
    for times in (1, 2):
        y.backward(create_graph=True)
        assert (x.grad.data, y.grad.data) == (6.0 * times, 1.0)
    y.backward()
    assert (x.grad, y.grad, type(x.grad)) == (18.0, 1.0, float)
    y.backward(create_graph=True, gradient=2)
    assert (x.grad.data, y.grad.data) == (30.0, 2.0)


def test_gradients_as_graphs_are_all_or_nothing(Value):
    x = Value(3.0)
    y = x * x
    out = Value(y.data, (y,), "by hand")
    out._backward = lambda: None
    (out * 2).backward()
    x.grad = 5.0
    with pytest.raises(TypeError, match="was made by hand"):
        (out * 2).backward(create_graph=True)
    assert x.grad == 5.0
    x.data = 4.0
    with pytest.raises(RuntimeError, match="was changed since it was recorded"):
        y.backward(create_graph=True)
    assert x.grad == 5.0
    y.forward().backward(create_graph=True)
    assert x.grad.data == 13.0


def test_gradients_as_graphs_hold_no_empty_steps(Value):
    x, y = Value(1.5), Value(0.5)
    ((x + y) * x - y).backward(create_graph=True)
    assert [node._op for node in scalargrad.order.ordered((x.grad,))] == ["", "", "+", "+"]


# Domain errors: where a float would. The float's side is Python's own.


def python_power(x, y):
    out = x**y
    if isinstance(out, complex):
        raise ValueError
    return out


def branch(x):
    return 0.0 if x <= 0 else x


def whole(rounded, x):
    return math.copysign(rounded(x), x) if math.isfinite(x) else x


FLOATS = {  # and else the math module's function of the operation's name
    **BINARY,
    "pow": python_power,
    "neg": operator.neg,
    "abs": abs,
    "arcsin": math.asin,
    "arccos": math.acos,
    "arctan": math.atan,
    "arctan2": math.atan2,
    "relu": branch,
    "maximum": lambda x, y: nan if x != x or y != y else max(x, y),
    "minimum": lambda x, y: nan if x != x or y != y else min(x, y),
    "greater": lambda x, y: nan if x != x or y != y else float(x > y),
    "equal": lambda x, y: nan if x != x or y != y else float(x == y),
    "where": lambda x, y, z: nan if x != x else z if x == 0 else y,
    "cbrt": TABLE["cbrt"].forward,  # Python 3.10 has none, and C's is not within an ulp everywhere
    "holds": lambda x: float(x == x and x != 0),
    "floor": lambda x: whole(math.floor, x),
    "ceil": lambda x: whole(math.ceil, x),
    "trunc": lambda x: whole(math.trunc, x),
    "remainder": operator.mod,
    "copysign": lambda x, y: nan if isnan(y) else math.copysign(x, y),  # a nan has no sign that one could rely on
}
NEVER_RAISE = ("sigmoid", "softplus", "sech_squared", "gaussian", "power_rule")  # which Python has not
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, inf, -inf, nan, 1e308, -1e308, 5e-324, 1000.0, -1000.0]
NUMPY = {"sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative", "pow": "power", "abs": "absolute"}


def grid(op):
    return list(itertools.product(SPECIAL, repeat=len(op.partials)))


def on_floats(op):
    """Python's own function for an operation. Where there is none, a Value can only be held to the record's."""
    own = op.name in ("gamma", "fma")  # one is not libm's, and Python has the other from 3.13 on, which raises at 0*inf
    function = FLOATS.get(op.name) or getattr(math, "" if own else op.name, op.forward)
    return lambda *point: outcome(function, *point)


def disagreements(op, function, expected, points, agree):
    found = []
    for point in points:
        got, want = outcome(function, *point), expected(*point)
        if not agree(got, want):
            found.append(f"{op.name}{point}: {got}, expected {want}")
    return found


def identical(got, want):
    return got is want if isinstance(got, type) or isinstance(want, type) else same(got, want)


def finished(got, want):
    """A float, and the same where Python gave one."""
    return isinstance(got, float) and (isinstance(want, type) or same(got, want))


@every_operation
def test_domain_a_value_raises_exactly_where_a_float_would(Value, op):
    def on_values(*point):
        return op(*map(Value, point))

    if op.name in NEVER_RAISE:
        assert not disagreements(op, on_values, lambda *_: float, grid(op), lambda got, _: isinstance(got, float))
        return

    assert not disagreements(op, on_values, on_floats(op), grid(op), identical)
    assert not disagreements(op, op, on_floats(op), grid(op), identical)


@every_operation
def test_domain_error_names_operation_operands_and_labels(Value, op):
    for point in grid(op):
        try:
            op(*(Value(x, label=f"p{i}") for i, x in enumerate(point)))
        except (ArithmeticError, ValueError) as error:
            named = ", ".join(f"p{i} = {x!r}" for i, x in enumerate(point))
            reason = "the result is too large for a float" if type(error) is OverflowError else f"needs {op.needs}"
            assert str(error) == f"{op.name}({named}): {reason}"
            assert op.needs or type(error) is OverflowError, "a domain is told in words"


def test_domain_error_in_the_words_of_the_promise(Value):
    p2 = Value(-0.3, label="p2")
    with pytest.raises(ValueError, match=r"^log\(p2 = -0\.3\): needs x > 0$"):
        p2.log()
    with pytest.raises(ValueError, match=r"^pow\(p2 = -0\.3, 0\.5\): needs"):
        p2**0.5
    with pytest.raises(ZeroDivisionError, match=r"^div\(1\.0, 0\.0\): needs a divisor that is not 0$"):
        1 / Value(0)
    with pytest.raises(OverflowError, match=r"^exp\(710\.0\): the result is too large"):
        scalargrad.exp(Value(710))


@every_operation
def test_ieee_never_raises_and_else_changes_nothing(Value, op):
    with ieee():
        for function in (op, lambda *point: op(*map(Value, point))):
            if op.name in NEVER_RAISE:
                found = disagreements(op, function, lambda *_: float, grid(op), lambda got, _: isinstance(got, float))
            else:
                found = disagreements(op, function, on_floats(op), grid(op), finished)
            assert not found


def raising(op):
    return [point for point in grid(op) if isinstance(on_floats(op)(*point), type)]


@pytest.mark.parametrize(
    "name", [name for name, op in TABLE.items() if hasattr(np, NUMPY.get(name, name)) and raising(op)]
)
def test_ieee_gives_what_numpy_gives_where_floats_raise(Value, name):
    # Elsewhere NumPy may round otherwise, and Python's own bits are tested above.
    op, reference = TABLE[name], getattr(np, NUMPY.get(name, name))

    def numpy(*point):
        return float(reference(*map(np.float64, point)))

    with ieee(), np.errstate(all="ignore"):
        assert not disagreements(op, lambda *point: op(*map(Value, point)), numpy, raising(op), same)


@every_operation
def test_backward_never_raises_for_arithmetic(Value, op):
    with ieee():
        nodes = [op(*map(Value, point)) for point in grid(op)]
    for node in nodes:
        node.backward()
        assert all(type(g) is float for g in node.local_gradients)
        for parent, partial in zip(node._prev, node.local_gradients, strict=True):
            assert same(parent.grad + 0.0, 0.0 + partial)


@pytest.mark.parametrize(
    ("name", "point", "partials"),
    [
        ("sqrt", (0.0,), [inf]),
        ("arcsin", (1.0,), [inf]),
        ("arccos", (-1.0,), [-inf]),
        ("pow", (0.0, 0.5), [inf, 0.0]),
        ("pow", (-2.0, 2.0), [-4.0, nan]),
        ("arctan2", (0.0, 0.0), [nan, nan]),
    ],
)
def test_partials_at_the_border_are_ieee(Value, name, point, partials):
    got = TABLE[name](*map(Value, point)).local_gradients
    assert all(map(same, got, partials)), got


def test_ieee_nests_and_ends(Value):
    def raises():
        return outcome(lambda: Value(0.0).log()) is ValueError

    assert raises()
    with ieee():
        with ieee():
            assert not raises()
        assert not raises()
        with pytest.raises(KeyError), ieee():
            raise KeyError
        assert in_thread(raises), "another thread is not affected"
        assert not raises()
    assert raises()


def test_modes_of_one_thread_do_not_leak_into_another(engine, Value):
    x = Value(2.0)
    with engine.no_grad(), engine.scope("here"), engine.detect_anomaly():
        node, scope, big = in_thread(lambda: (x * x, Value(1.0).scope, Value(1e308) * 10))
    assert (node._prev, scope, big.data) == ((x, x), (), inf)


# detect_anomaly


def here():
    return f"{__file__}:{sys._getframe(1).f_lineno}"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: x * 10, "mul(x = 1e+308, 10.0) gives inf"),
        (lambda x: x - inf, "sub(x = 1e+308, inf) gives -inf"),
        (lambda x: (x * 0.5).maximum(nan), "maximum(5e+307, nan) gives nan"),
        (lambda x: three(x, x, 1), "three(x = 1e+308, x = 1e+308, 1.0) gives inf"),
        (lambda x: x.exp(), "exp(x = 1e+308) gives inf"),
        (lambda x: type(x)(nan, (x,), "mine"), "mine(x = 1e+308) gives nan"),
    ],
)
def test_detect_anomaly_in_forward(engine, Value, make, message):
    x = Value(1e308, label="x")
    with ieee():
        make(x)  # not outside
    with engine.detect_anomaly(), ieee(), pytest.raises(FloatingPointError) as caught:
        make(x)
    line = make.__code__.co_firstlineno
    assert str(caught.value) == f"{message}, in {__file__}:{line}"


def test_detect_anomaly_in_backward(engine, Value):
    x = Value(0.0, label="x")
    with engine.detect_anomaly():
        y, place = x.sqrt(), here()
        z = y * 2 + x
        x.grad = 5.0
        with pytest.raises(FloatingPointError) as caught:
            z.backward()
    text = str(caught.value)
    assert "backward of sqrt(x = 0.0) gives Value(data=0.0" in text
    assert "a gradient of inf" in text
    assert place in text
    assert (x.grad, y.grad) == (5.0, 0.0), "all or nothing"
    y.backward()
    assert x.grad == inf, "not outside"


def test_detect_anomaly_in_backward_of_a_graph_made_before(engine, Value):
    y = Value(0.0, label="x").sqrt()
    with engine.detect_anomaly(), pytest.raises(FloatingPointError, match=r"a line not recorded.*detect_anomaly"):
        y.backward()


def test_detect_anomaly_lets_finite_numbers_pass(engine, Value):
    x = Value(3.0)
    with engine.detect_anomaly():
        y = (x * x).log() + x.tanh() ** 2
        y.backward()
    assert math.isfinite(x.grad)


# Where mathematics leaves a choice.


@pytest.mark.parametrize(
    ("name", "point", "value", "partials"),
    [
        ("relu", (0.0,), 0.0, [0.0]),
        ("relu", (-0.0,), 0.0, [0.0]),
        ("relu", (nan,), nan, [nan]),
        ("abs", (0.0,), 0.0, [0.0]),
        ("abs", (-0.0,), 0.0, [0.0]),
        ("abs", (nan,), nan, [nan]),
        ("maximum", (2.0, 2.0), 2.0, [0.5, 0.5]),
        ("minimum", (2.0, 2.0), 2.0, [0.5, 0.5]),
        ("maximum", (nan, 1.0), nan, [nan, nan]),
        ("maximum", (1.0, nan), nan, [nan, nan]),
        ("minimum", (nan, 1.0), nan, [nan, nan]),
        ("minimum", (1.0, nan), nan, [nan, nan]),
        ("pow", (0.0, 0.0), 1.0, [0.0, 0.0]),
        ("pow", (nan, 0.0), 1.0, [0.0, nan]),
        ("pow", (inf, 0.0), 1.0, [0.0, inf]),
        ("pow", (0.0, 1.0), 0.0, [1.0, 0.0]),
        ("pow", (0.0, 2.0), 0.0, [0.0, 0.0]),
        ("pow", (0.0, 2.5), 0.0, [0.0, 0.0]),
        ("pow", (0.0, 1e308), 0.0, [0.0, 0.0]),
        ("pow", (-2.0, 0.0), 1.0, [0.0, nan]),
        ("pow", (3.0, 0.0), 1.0, [0.0, math.log(3)]),
    ],
)
def test_conventions(Value, name, point, value, partials):
    node = TABLE[name](*map(Value, point))
    assert same(node.data, value)
    assert all(map(same, node.local_gradients, partials)), node.local_gradients


@pytest.mark.parametrize("name", [name for name in TABLE if name not in ("pow", "where", "holds")])
def test_nan_is_never_laundered(Value, name):
    op = TABLE[name]
    for i in range(len(op.partials)):
        point = list(POINTS[name][0])
        point[i] = nan
        assert math.isnan(op(*map(Value, point)).data), point


def test_subtraction_and_division_are_primitives(Value):
    rng = random.Random(7)
    a, b = Value(6.0), Value(3.0)
    assert [((a - b)._op, (a - b)._prev), ((a / b)._op, (a / b)._prev)] == [("-", (a, b)), ("/", (a, b))]
    pairs = [(rng.uniform(-9, 9), rng.uniform(-9, 9)) for _ in range(1000)]
    assert all((Value(x) / Value(y)).data == x / y for x, y in pairs)
    assert any(x * y**-1 != x / y for x, y in pairs), "else this test could not fail"


# Against PyTorch, both judged by 50 digits.


def test_no_more_misses_than_pytorch(Value):
    torch = pytest.importorskip("torch")
    on_tensors = SimpleNamespace(
        softplus=lambda x: torch.logaddexp(x, torch.zeros_like(x)),
        **{name: getattr(torch, name) for name in TABLE if name != "softplus" and hasattr(torch, name)},
    )
    on_values = SimpleNamespace(**TABLE)
    rng, misses = random.Random(3), {"scalargrad": [], "torch": []}
    judged = 0
    while judged < 300:
        leaves, steps = [rng.uniform(-2, 2) for _ in range(3)], random_steps(rng, 3, 12)
        try:
            truth, slopes = exact_gradients(leaves, steps)
        except Kink:  # such as maximum(x, x)
            continue
        judged += 1
        values, tensors = list(map(Value, leaves)), [torch.tensor(x, dtype=torch.float64) for x in leaves]
        for tensor in tensors:
            tensor.requires_grad_()
        ours, theirs = results(on_values, values, steps)[-1], results(on_tensors, tensors, steps)[-1]
        ours.backward()
        theirs.backward()
        grads = [0.0 if t.grad is None else t.grad.item() for t in tensors]
        for who, got in [("scalargrad", [ours.data, *(v.grad for v in values)]), ("torch", [theirs.item(), *grads])]:
            expected = [truth, *slopes]
            misses[who] += [
                (judged, g, float(e)) for g, e in zip(got, expected, strict=True) if abs(g - e) > 1e-12 * abs(e)
            ]
    assert len(misses["scalargrad"]) <= len(misses["torch"]), misses
    assert len(misses["torch"]) < 60, "nearly all graphs are well-conditioned, else this says little"


def test_no_grad_ignores_a_hand_written_backward(engine, Value):
    x = Value(2.0)
    with engine.no_grad():
        y = cube(Value, x)
    for _ in range(2):
        (y * 2).backward()
    assert x.grad == 0.0


def test_backward_can_be_wrapped(Value):
    x, calls = Value(3.0), []
    y = x * x
    inner = y._backward

    def outer():
        calls.append(y.grad)
        inner()

    y._backward = outer
    y.backward()
    assert (x.grad, calls) == (6.0, [1.0])
    y._backward = y._backward
    y.backward()
    assert (x.grad, calls) == (12.0, [1.0, 1.0])


def test_a_constant_takes_no_gradient_from_any_operation(Value):
    x = Value(3.0)
    x.kind = "constant"
    three = scalargrad.Op("three", lambda x, y, z: x * y * z, *[lambda out, x, y, z: y * z] * 3)
    for y in (x.sin(), x * 2, x / Value(2.0), three(x, Value(1.0), x)):
        y.backward()
        assert x.grad == 0.0


def test_what_stands_in_two_places_shares_a_hand_written_gradient(Value):
    x = Value(3.0)
    y = Value(9.0, (x, x), "square")

    def backward():
        x.grad += 6.0 * y.grad

    y._backward = backward
    assert y.local_gradients == (3.0, 3.0)


@pytest.mark.parametrize(
    ("partial", "error"),
    [(lambda out, x: 1j, TypeError), (lambda out, x: "a", TypeError), (lambda out, x: None, TypeError)],
)
def test_a_partial_that_is_no_number_is_refused(Value, partial, error):
    with pytest.raises(error, match="partial derivative 1 of mine must be a real number"):
        scalargrad.Op("mine", lambda x: x, partial)(Value(1.0))


def test_a_users_partial_never_raises_for_arithmetic(Value):
    root = scalargrad.Op("root", math.sqrt, lambda out, x: 0.5 / math.sqrt(x))
    assert math.isnan(root(Value(0.0)).local_gradients[0])  # math's functions know no infinities
    root = scalargrad.Op("root", math.sqrt, lambda out, x: 0.5 / out)
    assert root(Value(0.0)).local_gradients == (math.inf,)


def test_operation_accepts_a_lone_partial_and_counts(Value):
    @scalargrad.operation
    def square(x):
        return x * x, 2 * x

    assert square(Value(3.0)).local_gradients == (6.0,)

    @scalargrad.operation
    def wrong(x, y):
        return x * y, (y,)

    with pytest.raises(TypeError, match="wrong must return its value and 2 partial derivatives, got"):
        wrong(Value(1.0), 2.0)


def test_copies_keep_a_subclass(Value):
    global Kept  # noqa: PLW0603 - pickle looks classes up by name

    class Kept(Value):
        pass

    Kept.__qualname__ = "Kept"
    value = Kept(2.0)
    value.mark = [1]
    for other in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert type(other) is Kept
        assert (other.data, other.mark) == (2.0, [1])


def test_many_nodes_of_one_chain_are_copied_in_linear_time(Value):
    states = [Value(0.5)]
    for _ in range(3000):  # quadratic, this would take a minute
        states.append(states[-1].tanh())
    copies = copy.deepcopy(states)
    assert copies[-1]._prev[0] is copies[-2]


def test_a_number_too_large_for_a_float_is_named(Value):
    with pytest.raises(OverflowError, match="data is too large for a float"):
        Value(10**400)
    with pytest.raises(OverflowError, match="operand of mul is too large for a float"):
        Value(1.0) * 10**400


def test_an_operation_given_by_hand_comes_with_what_is_given_beside_it(Value):
    x, y = Value(2.0), Value(3.0)
    with pytest.raises(TypeError, match="_children must be Values, got 3"):
        Value(6.0, (3,), scalargrad.mul)
    product = Value(6.0, (), scalargrad.mul, children=(x, y), local_grads=(2.0, 3.0), name="q")
    assert (product.parents, product.local_gradients, product.label) == ((x, y), (2.0, 3.0), "q")
