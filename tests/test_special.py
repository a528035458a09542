"""Special functions where their formulas change over, at their borders and by what is known of them in closed form."""

import math
from math import inf, isnan, nan, pi

import numpy as np
import pytest
from mpmath import mp, mpf
from points import TRUTH, exact

from scalargrad import Op, Value, exp, grad, hessian, ieee, jit, ops, special, value_and_grad, vmap
from scalargrad.op import Operand
from scalargrad.traced import TracingError


def test_names_are_scipys():
    assert special.psi is special.digamma and special.expit is ops.sigmoid and special.xlogy is ops.xlogy
    assert all(callable(getattr(special, name)) for name in special.__all__)
    scipy = pytest.importorskip("scipy.special")
    points = {"erfinv": 0.3, "ndtri": 0.3, "logit": 0.3}
    for name in set(special.__all__) - {"fma"}:  # and sinc is SciPy's as of NumPy
        op = getattr(special, name)
        point = [points.get(name, 1.25)] * len(op.partials)
        if name in ("polygamma", "jv", "iv"):
            point[0] = 2.0
        assert op(*point) == pytest.approx(getattr(scipy, name)(*point), rel=1e-13), name


def test_closed_forms():
    assert [special.gamma(n + 1.0) for n in range(23)] == [math.factorial(n) for n in range(23)]
    assert special.gamma(0.5) == pytest.approx(math.sqrt(pi), rel=1e-15)
    assert special.gammaln(1.0) == special.gammaln(2.0) == 0
    assert special.polygamma(1, 1.0) == pytest.approx(pi**2 / 6, rel=1e-15)
    assert special.polygamma(3, 0.5) == pytest.approx(pi**4, rel=1e-14)
    assert special.beta(2.0, 3.0) == pytest.approx(1 / 12, rel=1e-14)
    assert special.ndtr(0.0) == 0.5 and special.ndtri(0.5) == 0 and special.logit(0.5) == 0
    assert [special.sinc(x) for x in (0.0, 1.0, -3.0, 1e300, inf)] == [1, 0, 0, 0, 0]
    assert special.fma(0.1, 10.0, -1.0) == 2.0**-54
    assert special.fma(1e308, 10.0, -inf) == -inf and special.fma(1e308, 10.0, -1e308) == inf
    assert math.copysign(1, special.fma(-0.0, 1.0, -0.0)) == -1
    for x in (0.3, 2.5, 4.1):  # Neumann's sum
        total = special.j0(x) ** 2 + 2 * sum(special.jv(n, x) ** 2 for n in range(1, 17))
        assert total == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("erfc", [26.0, -26.0, 1e-300]),
        ("log_ndtr", [-1e10, -1e154, -1.0, 1.0, 38.0]),
        ("ndtri", [1e-300, 5e-324, 0.25, 0.75, 1 - 2**-53]),
        ("erfinv", [0.5, -0.5, math.nextafter(0.5, 1), 1 - 2**-53]),
        ("erfcinv", [1e-300, 0.5, 1.5, math.nextafter(0.5, 0), 2 - 2**-52]),
        ("gammaln", [1 + 2**-52, 1 - 2**-53, 2 + 2**-51, 2 - 2**-52, 0.5, 1.25, 2.5, 1e300, 5e-324, -5e-324, -0.25]),
        ("digamma", [1.4616321449683622, 1.4616321449683625, 1.0, 2.0, 1e-300, -1e-300]),
        ("logit", [0.25, 0.75, 0.5 + 2**-53, 5e-324, 1 - 2**-53]),
        ("erfcx", [1.0, -1.0, 1e300, -26.6]),
    ],
)
def test_where_it_is_hard(name, points):
    for x in points:
        truth = exact(TRUTH[name], (x,), 1400)
        got = getattr(special, name)(x)
        assert abs(got - truth) <= 8 * mpf(math.ulp(float(truth))), (name, x, got)


@pytest.mark.parametrize(("name", "order"), [("j0", 0), ("j1", 1)])
def test_bessel_functions_near_their_zeros(name, order):
    for k in (1, 2, 3, 10, 1000):
        zero = float(mp.besseljzero(order, k))
        for x in (math.nextafter(zero, 0), zero, math.nextafter(zero, inf)):
            assert abs(getattr(special, name)(x) - mp.besselj(order, x)) <= 2**-52 * min(1.0, 3 / math.sqrt(x))


BORDERS = [
    ("erfinv", (1.0,), inf), ("erfinv", (-1.0,), -inf), ("erfinv", (2.0,), nan), ("erfcinv", (0.0,), inf),
    ("erfcinv", (2.0,), -inf), ("ndtri", (0.0,), -inf), ("ndtri", (1.0,), inf), ("logit", (0.0,), -inf), ("logit", (1.0,), inf),
    ("gamma", (0.0,), inf), ("gamma", (-0.0,), -inf), ("gamma", (-1.0,), nan), ("gamma", (172.0,), inf),
    ("gammaln", (0.0,), inf), ("gammaln", (-3.0,), inf), ("gammaln", (-inf,), inf), ("digamma", (0.0,), -inf),
    ("digamma", (-2.0,), nan), ("polygamma", (1.0, 0.0), inf), ("polygamma", (1.5, 2.0), nan), ("polygamma", (-1.0, 2.0), nan),
    ("beta", (0.0, 1.0), inf), ("beta", (-0.5, 1.0), nan), ("betaln", (0.0, 1.0), inf), ("jv", (0.5, 1.0), nan),
    ("i0", (800.0,), inf), ("i1", (-800.0,), -inf), ("iv", (2.0, 800.0), inf), ("iv", (17.0, 1.0), nan), ("erfcx", (-30.0,), inf),
]  # fmt: skip


@pytest.mark.parametrize(("name", "point", "expected"), BORDERS)
def test_borders_raise_and_are_ieee_where_that_is_asked_for(name, point, expected, Value):
    op = getattr(special, name)
    for way in (op, lambda *xs: op(*map(Value, xs))):
        with pytest.raises((ValueError, OverflowError), match=rf"{name}\(.*needs|too large for a float"):
            way(*point)
    with ieee():
        results = [op(*point), op(*map(Value, point)).data, jit(op)(*point), jit(op, backend="python")(*point)]
    assert all(x == expected or (isnan(x) and isnan(expected)) for x in results), results


def test_limits():
    limits = {"erfc": (2, 0), "erfcx": (None, 0), "ndtr": (0, 1), "log_ndtr": (-inf, 0), "gammaln": (None, inf)}
    limits |= {
        "gamma": (None, inf),
        "digamma": (None, inf),
        "j0": (0, 0),
        "j1": (0, 0),
        "i0": (inf, inf),
        "i1": (-inf, inf),
    }
    for name, pair in limits.items():
        for x, limit in zip((-inf, inf), pair):
            if limit is not None:
                assert getattr(special, name)(x) == limit, (name, x)


def test_derivatives_of_high_order():
    # By mpmath: of the Bessel, sinc and error functions, of which each derivative is made of others.
    for name, at in [("j0", 0.0), ("j0", 2.5), ("j1", 0.0), ("i1", 0.7), ("sinc", 0.0), ("sinc", 0.4), ("erfcx", 1.3)]:
        f = getattr(special, name)
        for order in range(1, 6):
            f = grad(f)
            with mp.workdps(60):
                truth = mp.diff(TRUTH[name], mpf(at), order)
            assert f(at) == pytest.approx(float(truth), rel=1e-12, abs=1e-13), (name, at, order)


def test_an_order_is_a_number_of_which_there_is_no_derivative(Value):
    x = Value(2.0)
    special.jv(1, x).backward()
    assert x.grad == pytest.approx((special.j0(2.0) - special.jv(2, 2.0)) / 2)
    assert isnan(grad(special.jv)(1.0, 2.0))
    orders = vmap(lambda n: special.jv(n, 2.0))(np.arange(4.0))
    assert orders == pytest.approx([special.jv(n, 2.0) for n in range(4)], rel=1e-14)
    with pytest.raises(ValueError, match=r"jv\(17.0, 2.0\): needs a whole x from -16 to 16"):
        special.jv(17, 2.0)


def test_compiled_derivatives_are_short_where_the_order_is_known():
    second = jit(grad(grad(special.j0))).program(1.5)
    any_order = jit(lambda n, x: special.jv(n, x)).program(2.0, 1.5)
    assert len(str(second)) < len(str(any_order))
    assert hessian(special.j0)(1.5) == pytest.approx(jit(grad(grad(special.j0)))(1.5), rel=1e-14)


def test_approximations_are_operations_on_whatever_they_apply_to():
    class Counted(Operand):
        count = 0

        @staticmethod
        def apply(op, *operands):
            Counted.count += 1
            return Counted()

    for name, op in vars(special).items():
        if isinstance(op, Op) and op.branchless and op.__module__ == special.__name__:
            before = Counted.count
            op.branchless(*(Counted() for _ in op.partials))
            assert Counted.count > before, name


def test_a_function_of_math_says_that_libm_compiles_it():
    erfc = Op("complement", math.erfc, lambda out, x: -2 / math.sqrt(pi) * exp(-x * x))
    with pytest.raises(
        TracingError, match=r"operation complement: its function takes numbers only.*Op\(..., libm='erfc'\)"
    ):
        jit(erfc)(0.5)
    named = Op("complement", math.erfc, lambda out, x: -2 / math.sqrt(pi) * exp(-x * x), libm="erfc")
    assert jit(named)(0.5) == math.erfc(0.5)
    gamma = Op("factorial", math.gamma, lambda out, x: x)
    with pytest.raises(TracingError, match="libm='tgamma'"):
        jit(gamma)(0.5)
    assert value_and_grad(erfc)(0.5) == value_and_grad(special.erfc)(0.5)
    assert Value(0.5).erfc().data == math.erfc(0.5)
