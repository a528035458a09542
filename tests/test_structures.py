"""What people hand over beside numbers, lists and arrays: pandas' data, None, classes of their own."""

import copy
import pickle
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from scalargrad import Value, grad, hessian, jacobian, jit, jvp, nn, register_pytree_node, value_and_grad, vjp, vmap

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")


# What NumPy takes for an array


@pytest.fixture
def pandas():
    return pytest.importorskip("pandas")


def labelled(pandas, kind):
    return pandas.Series(np.array([3, 1, 2]), index=["x", "y", "z"], dtype=kind)


def energy(x):
    return (x * x).sum() + np.exp(x)[0]


SLOPE = [6 + np.exp(3), 2, 4]


@pytest.mark.parametrize("kind", ["float64", "float32", "int64", "uint8", "Float64", "Int64", "object"])
def test_a_series_is_its_array(pandas, kind):
    series = labelled(pandas, kind)
    expected = energy(np.array([3.0, 1.0, 2.0]))
    for compiled in (lambda function: function, jit):
        for _ in range(2):
            value, gradient = compiled(value_and_grad(energy))(series)
            assert value == pytest.approx(expected)
            assert type(gradient) is np.ndarray
            assert gradient == pytest.approx(SLOPE)
        assert compiled(jacobian(lambda x: x * x))(series) == pytest.approx(np.diag([6, 2, 4]))
        assert compiled(hessian(energy))(series) == pytest.approx(np.diag([2 + np.exp(3), 2, 2]))
    assert jit(energy)(series) == pytest.approx(expected)
    assert jvp(energy, (series,), (series,))[1] == pytest.approx(np.dot(SLOPE, [3, 1, 2]))
    assert jvp(energy, (np.array([3.0, 1.0, 2.0]),), (series,))[1] == pytest.approx(np.dot(SLOPE, [3, 1, 2]))
    (pulled,) = vjp(lambda x: x * x, series)[1](series)
    assert pulled.tolist() == [18, 2, 8]
    assert vmap(grad(lambda x: x * x))(series).tolist() == [6, 2, 4]


def test_a_data_frame_is_its_array(pandas):
    frame = pandas.DataFrame({"a": [1.0, 2.0], "b": [3, 4]})
    for compiled in (lambda function: function, jit):
        assert compiled(grad(lambda x: (x**2).sum()))(frame).tolist() == [[2, 6], [4, 8]]
        model = compiled(value_and_grad(lambda w, x, y: ((x @ w - y) ** 2).sum()))
        value, gradient = model(np.array([1.0, -1.0]), frame, frame["a"])
        assert (value, gradient.tolist()) == (25.0, [-22.0, -50.0])
        value, gradient = compiled(value_and_grad(lambda d: (d["w"] * d["x"]).sum()))(
            {"w": frame["a"], "x": frame["b"]}
        )
        assert (value, gradient["w"].tolist(), gradient["x"].tolist()) == (11.0, [3, 4], [1, 2])
    assert vmap(lambda row: row[0] * row[1])(frame).tolist() == [3, 8]
    assert vmap(lambda p: p[0] * p[1])((frame["a"], frame["b"])).tolist() == [3, 8]
    first, second = (frame["a"].to_numpy(), frame["b"].to_numpy())
    assert hessian(lambda x: (x[0] * x[1]).sum())([frame["a"], frame["b"]])[0][1] == pytest.approx(np.eye(2))
    assert (frame["a"].to_numpy() is first or (frame["a"] == first).all()) and second.tolist() == [3, 4]


def test_a_data_frame_that_is_not_differentiated_stays_what_it_is(pandas):
    frame = pandas.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    assert grad(lambda w, x: (w * x["a"] - x.b).sum())(2.0, frame) == 3.0
    result = jacobian(lambda w, x: w * w * x["a"])(3.0, frame)
    assert type(result) is np.ndarray
    assert result.tolist() == [6.0, 12.0]


def test_a_series_of_values_is_recorded(pandas):
    values = [Value(1.0), Value(2.0)]
    jit(lambda x: (x * x).sum())(pandas.Series(values)).backward()
    assert [v.grad for v in values] == [2.0, 4.0]


def test_data_without_numbers_are_refused_by_name(pandas):
    for data in (pandas.Series(["a", "b"]), pandas.DataFrame({"a": [1.0], "b": ["text"]})):
        kind = type(data).__name__
        for function in (grad(energy), jit(energy), jit(grad(energy))):
            with pytest.raises(TypeError, match=f"an array of real numbers, got a {kind} with other things"):
                function(data)
    for data in (pandas.to_datetime(pandas.Series(["2020-01-01"])), pandas.Series([1j])):
        for function in (grad(energy), jit(energy)):
            with pytest.raises(TypeError, match="an array of real numbers, got one of (datetime64|complex128)"):
                function(data)
    with pytest.raises(TypeError, match="Series with other things among its entries"):
        grad(energy)(pandas.Series([1, None], dtype="Int64").astype(object))
    with pytest.raises(TypeError, match="expected an array of numbers"):
        vmap(lambda x: x)(pandas.Series(["a", "b"]))


def test_a_data_frame_in_a_module_is_refused_where_it_is_read(pandas):
    class Line(nn.Module):
        def __init__(self):
            self.slope, self.data = Value(2.0), pandas.DataFrame({"x": [1.0, 2.0]})

        def __call__(self, x):
            return self.slope * x

        def loss(self):
            return (self.slope * self.data["x"]).sum()

    line = Line()
    assert jit(line)(3.0) == 6.0
    assert grad(lambda line: line.loss())(line).slope.data == 3.0
    with pytest.raises(TypeError, match=r"data must be an array of real numbers, got a DataFrame in a Module"):
        jit(line.loss)()


class Measured:
    """A thing that tells NumPy alone what it is."""

    __slots__ = ("numbers",)

    def __init__(self, numbers):
        self.numbers = numbers

    def __array__(self, dtype=None, copy=None):
        return np.array(self.numbers, dtype)


def test_what_tells_numpy_its_array_is_one():
    assert grad(energy)(Measured([3.0, 1.0, 2.0])) == pytest.approx(SLOPE)
    assert jit(grad(energy))(Measured([3.0, 1.0, 2.0])) == pytest.approx(SLOPE)
    assert jit(grad(lambda x: x * x))(Measured(3.0)).tolist() == 6.0
    (shown,) = vjp(lambda x: x * 2, np.ones(2))[1](Measured([1.0, 2.0]))
    assert shown.tolist() == [2.0, 4.0]
    with pytest.raises(ValueError, match=r"expected an array of the shape \(2,\)"):
        vjp(lambda x: x * 2, np.ones(2))[1](Measured([1.0]))


# Structures of the standard library


class Point(NamedTuple):
    x: float
    y: Any = None


Pair = namedtuple("Pair", "x y")  # noqa: PYI024 - the older form


@dataclass
class Plane:
    x: Any
    y: Any = None


@dataclass(frozen=True, slots=True)
class Slotted:
    x: Any
    y: Any = None


def by_name(thing):
    return (thing["x"], thing["y"]) if isinstance(thing, dict) else (thing[0], thing[1])


def parts(thing):
    return (thing.x, thing.y) if hasattr(thing, "x") else by_name(thing)


MAKE = {
    "named tuple": Pair,
    "typed named tuple": Point,
    "dataclass": Plane,
    "slots": Slotted,
    "namespace": lambda x, y: SimpleNamespace(x=x, y=y),
    "dict": lambda x, y: {"x": x, "y": y},
    "ordered": lambda x, y: OrderedDict(y=y, x=x),
    "default": lambda x, y: defaultdict(list, x=x, y=y),
    "counter": lambda x, y: Counter({"x": x, "y": y}),
    "list": lambda x, y: [x, y],
    "tuple": lambda x, y: (x, y),
    "deque": lambda x, y: deque([x, y], maxlen=2),
}
makes = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)


@makes
def test_structures_through_every_transform(make):
    def area(thing):
        x, y = parts(thing)
        return x * y * y

    thing = make(3.0, 5.0)
    for compiled in (lambda function: function, jit):
        for _ in range(2):
            slope = compiled(grad(area))(thing)
            assert type(slope) is type(thing)
            assert slope == make(25.0, 30.0)
            turned = compiled(lambda thing: make(*parts(thing)[::-1]))(thing)
            assert (type(turned), turned) == (type(thing), make(5.0, 3.0))
    assert jacobian(lambda t: make(area(t), parts(t)[1]))(thing) == make(make(25.0, 30.0), make(0.0, 1.0))
    assert jvp(area, (thing,), (make(1.0, 2.0),)) == (75.0, 85.0)
    assert vjp(area, thing)[1](2.0) == (make(50.0, 60.0),)
    many = make(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    mapped = vmap(grad(area))(many)
    assert type(mapped) is type(many)
    assert [p.tolist() for p in parts(mapped)] == [[9.0, 16.0], [6.0, 16.0]]


@makes
def test_none_stands_for_nothing(make):
    def length(thing):
        x, y = parts(thing)
        return x * x if y is None else x * x + y * y

    for compiled in (lambda function: function, jit):
        f = compiled(grad(length))
        for _ in range(2):
            assert f(make(3.0, None)) == make(6.0, None)
            assert f(make(3.0, 4.0)) == make(6.0, 8.0)
    assert jvp(length, (make(3.0, None),), (make(1.0, None),)) == (9.0, 6.0)
    assert vjp(length, make(3.0, None))[1](1.0) == (make(6.0, None),)
    out = vjp(lambda x: make(x * x, None), 3.0)
    assert out[0] == make(9.0, None)
    assert out[1](make(1.0, None)) == (6.0,)
    many = vmap(length)(make(np.array([1.0, 2.0]), None))
    assert many.tolist() == [1.0, 4.0]


def test_none_alone_is_no_argument_and_no_result():
    with pytest.raises(TypeError, match="argument 0 must be a number.* got None"):
        grad(lambda x: 1.0)(None)
    with pytest.raises(TypeError, match="the function's result must be a number.* got None"):
        jacobian(lambda x: None)(1.0)


# Classes that say themselves what they are made of


class Interval:
    __slots__ = ("high", "low", "name")

    def __init__(self, low, high, name=None):
        self.low, self.high, self.name = low, high, name

    def __eq__(self, other):
        return (self.low, self.high, self.name) == (other.low, other.high, other.name)

    __hash__ = None


register_pytree_node(Interval, lambda i: ((i.low, i.high), i.name), lambda name, ends: Interval(ends[0], ends[1], name))


def width(interval):
    return (interval.high - interval.low) ** 2 if interval.name != "empty" else interval.low * 0.0


def test_registered_classes_through_every_transform():
    interval = Interval(1.0, 4.0, "i")
    for compiled in (lambda function: function, jit):
        for _ in range(2):
            assert compiled(grad(width))(interval) == Interval(-6.0, 6.0, "i")
            assert compiled(grad(lambda d: width(d["a"][0])))({"a": [interval]}) == {"a": [Interval(-6.0, 6.0, "i")]}
            moved = compiled(lambda i, by: Interval(i.low + by, i.high + by, "moved"))(interval, 2.0)
            assert moved == Interval(3.0, 6.0, "moved")
        assert compiled(hessian(width))(interval) == Interval(Interval(2.0, -2.0, "i"), Interval(-2.0, 2.0, "i"), "i")
    assert jvp(width, (interval,), (Interval(0.0, 1.0),)) == (9.0, 6.0)
    value, pull_back = vjp(lambda x: Interval(x, x * x, "out"), 3.0)
    assert value == Interval(3.0, 9.0, "out")
    assert pull_back(Interval(1.0, 10.0)) == (61.0,)
    many = vmap(lambda i: Interval(i.low * 2, width(i)))(Interval(np.array([1.0, 2.0]), np.array([2.0, 4.0])))
    assert (many.low.tolist(), many.high.tolist()) == ([2.0, 4.0], [1.0, 4.0])
    assert grad(width)(Interval(1.0, None, "empty")) == Interval(0.0, None, "empty")


def test_what_stays_as_it_is_makes_another_program():
    traced = []

    def f(interval):
        traced.append(interval.name)
        return width(interval)

    compiled = jit(f)
    for name, expected in [
        ("i", 9.0),
        ("empty", 0.0),
        ("i", 9.0),
        (1, 9.0),
        (True, 9.0),
        (1.0, 9.0),
        (0.0, 9.0),
        (-0.0, 9.0),
    ]:
        assert compiled(Interval(1.0, 4.0, name)) == expected
    assert [(type(x), str(x)) for x in traced] == [
        *((str, "i"), (str, "empty"), (int, "1"), (bool, "True")),
        *((float, "1.0"), (float, "0.0"), (float, "-0.0")),
    ]
    assert grad(width)(Interval(1.0, 4.0, ["any", "thing"])) == Interval(-6.0, 6.0, ["any", "thing"])
    with pytest.raises(TypeError, match=r"what stays as it is of interval: argument, a Interval.*\['a'\].*hashable"):
        compiled(Interval(1.0, 4.0, ["a"]))


def test_values_in_registered_classes_are_recorded():
    low, high = Value(1.0), Value(4.0)
    jit(width)(Interval(low, high)).backward()
    assert (low.grad, high.grad) == (-6.0, 6.0)
    assert grad(lambda x: grad(width)(Interval(x, 2 * x)).high)(3.0) == 2.0


def test_tangents_of_another_class_are_refused():
    for tangent in ((1.0, 2.0), Plane(1.0, 2.0), Interval(1.0, (2.0, 3.0))):
        with pytest.raises(ValueError, match="tangents"):
            jvp(width, (Interval(1.0, 4.0),), (tangent,))


def test_registration_comes_before_what_is_known():
    @dataclass
    class Scaled:
        x: float
        scale: float

    assert grad(lambda s: s.x * s.scale)(Scaled(3.0, 2.0)) == Scaled(2.0, 3.0)
    register_pytree_node(Scaled, lambda s: ([s.x], s.scale), lambda scale, parts: Scaled(*parts, scale))
    assert grad(lambda s: s.x * s.scale)(Scaled(3.0, 2.0)) == Scaled(2.0, 2.0)
    f = jit(grad(lambda s: s.x * s.scale))
    assert [f(Scaled(3.0, scale)) for scale in (2.0, 5.0)] == [Scaled(2.0, 2.0), Scaled(5.0, 5.0)]

    class Derived(Scaled):
        pass

    assert grad(lambda s: s.x * s.scale)(Derived(3.0, 2.0)).scale == 3.0  # not registered itself


def test_what_cannot_be_registered():
    with pytest.raises(TypeError, match="kind must be a class, got 3"):
        register_pytree_node(3, None, None)
    for kind in (list, dict, float, Value, np.ndarray, np.float64):
        with pytest.raises(ValueError, match=f"{kind.__name__} cannot be registered"):
            register_pytree_node(kind, None, None)


class Opaque:
    __slots__ = ("x",)


def test_other_objects_are_refused_by_name():
    for function in (grad(lambda o: o.x), jit(lambda o: o.x)):
        with pytest.raises(TypeError, match=r"Opaque object.*register_pytree_node\(Opaque, ...\)"):
            function(Opaque())
    with pytest.raises(TypeError, match=r"argument 0\['k'\]\[1\] must be .* got \{1.0\}"):
        grad(lambda d: d["k"][0])({"k": [1.0, {1.0}]})


def test_registered_classes_are_copied_as_they_were():
    f = jit(grad(width))
    assert pickle.loads(pickle.dumps(f))(Interval(1.0, 4.0)) == copy.deepcopy(f)(Interval(1.0, 4.0))
