"""SciPy as it is: what takes derivatives, or functions, takes those of scalargrad, eager and compiled."""

import ctypes
import gc
import importlib
import math
from pathlib import Path

import pytest

from scalargrad import Value, exp, grad, hessian, hvp, jacobian, jit, nn, sin, value_and_grad, vmap

np = pytest.importorskip("numpy")
scipy = pytest.importorskip("scipy")
pytest.importorskip("llvmlite")

integrate, optimize = (importlib.import_module(f"scipy.{part}") for part in ("integrate", "optimize"))

both = pytest.mark.parametrize("compiled", [lambda function: function, jit], ids=["eager", "jit"])


# Minima


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


START = np.array([0.8, 1.2, 0.7])
GRADIENT = ["CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP", "trust-constr"]
HESSIAN = ["Newton-CG", "dogleg", "trust-ncg", "trust-krylov", "trust-exact", "trust-constr"]
PRODUCT = ["Newton-CG", "trust-ncg", "trust-krylov", "trust-constr"]


def is_minimum(found):
    return found.x == pytest.approx(np.ones(3), abs=2e-3) and found.fun < 1e-6


@both
@pytest.mark.parametrize("method", GRADIENT)
def test_minima_by_gradients(compiled, method):
    assert is_minimum(optimize.minimize(compiled(value_and_grad(rosenbrock)), START, jac=True, method=method))
    apart = optimize.minimize(rosenbrock, START, jac=compiled(grad(rosenbrock)), method=method)
    assert is_minimum(apart)
    assert optimize.check_grad(rosenbrock, compiled(grad(rosenbrock)), apart.x) < 1e-4


@both
@pytest.mark.parametrize("method", HESSIAN)
def test_minima_by_hessians(compiled, method):
    start = START if method != "dogleg" else np.array([1.02, 1.04, 1.08])  # where the Hessian is positive definite
    found = optimize.minimize(
        compiled(value_and_grad(rosenbrock)), start, jac=True, hess=compiled(hessian(rosenbrock)), method=method
    )
    assert is_minimum(found)
    assert 0 < found.nhev < 60


@both
@pytest.mark.parametrize("method", PRODUCT)
def test_minima_by_products_with_the_hessian(compiled, method):
    product = compiled(lambda x, along: hvp(rosenbrock, (x,), (along,)))
    found = optimize.minimize(compiled(value_and_grad(rosenbrock)), START, jac=True, hessp=product, method=method)
    assert is_minimum(found)


@both
def test_minima_with_more_arguments(compiled):
    def f(x, a, b):
        return ((x - a) ** 2).sum() + b

    found = optimize.minimize(compiled(f), [0.0, 0.0], args=(np.array([1.0, 2.0]), 3), jac=compiled(grad(f)))
    assert found.x == pytest.approx([1.0, 2.0])
    assert found.fun == pytest.approx(3.0)


# The nearest point to (2, 1) in the unit disc, left of x = 0.6: (0.6, 0.8).


def distance(x):
    return (x[0] - 2) ** 2 + (x[1] - 1) ** 2


def radius(x):
    return [x[0] ** 2 + x[1] ** 2]


@both
def test_minima_under_constraints_of_a_trust_region(compiled):
    curved = optimize.NonlinearConstraint(
        compiled(radius),
        -np.inf,
        1,
        jac=compiled(jacobian(radius)),
        hess=compiled(hessian(lambda x, v: np.dot(v, radius(x)))),
    )
    straight = optimize.LinearConstraint([[1, 0]], -np.inf, 0.6)
    found = optimize.minimize(
        compiled(value_and_grad(distance)),
        [0.1, 0.2],
        jac=True,
        hess=compiled(hessian(distance)),
        method="trust-constr",
        constraints=[curved, straight],
    )
    assert found.x == pytest.approx([0.6, 0.8], abs=1e-3)  # from within


@both
def test_minima_under_constraints_of_a_quadratic_program(compiled):
    def room(x):
        return np.array([1 - x[0] ** 2 - x[1] ** 2, 0.6 - x[0]])

    constraint = {"type": "ineq", "fun": compiled(room), "jac": compiled(jacobian(room))}
    found = optimize.minimize(
        compiled(value_and_grad(distance)), [0.1, 0.2], jac=True, method="SLSQP", constraints=constraint
    )
    assert found.x == pytest.approx([0.6, 0.8], abs=1e-6)


# Fits

X = np.linspace(0, 3, 25)
Y = 2.5 * np.exp(-1.3 * X) + 0.01 * np.cos(7 * X)


def decay(x, a, b):
    return a * np.exp(-b * x)


@both
@pytest.mark.parametrize(
    ("method", "loss"), [("lm", "linear"), ("trf", "linear"), ("trf", "soft_l1"), ("dogbox", "linear")]
)
def test_least_squares(compiled, method, loss):
    def r(p, x, y):
        return decay(x, p[0], p[1]) - y

    def listed(p, x, y):
        return [p[0] * exp(-p[1] * t) - z for t, z in zip(x.tolist(), y.tolist(), strict=True)]

    expected = optimize.least_squares(r, [1.0, 1.0], "3-point", args=(X, Y), loss=loss, xtol=1e-14)
    for function in (r, listed):
        jac = compiled(jacobian(function))
        found = optimize.least_squares(
            compiled(function), [1.0, 1.0], jac, args=(X, Y), method=method, loss=loss, xtol=1e-14
        )
        assert found.x == pytest.approx(expected.x, rel=1e-6)


@both
def test_curve_fit(compiled):
    """Its Jacobian is called as the model is, with the parameters one by one, and has a column for each."""
    weights = np.linspace(0.5, 2, len(X))
    jac = compiled(lambda x, *p: np.column_stack(jacobian(decay, range(1, 1 + len(p)))(x, *p)))
    assert jac(X, 2.0, 1.0) == pytest.approx(np.column_stack([np.exp(-X), -2.0 * X * np.exp(-X)]))
    covariance = weights[:, None] * weights / 9 + np.diag(weights)
    for sigma in (None, weights, covariance):
        for options in ({"method": "lm"}, {"method": "trf"}, {"bounds": (0, 9)}):
            found, spread = optimize.curve_fit(decay, X, Y, [1, 1], jac=jac, sigma=sigma, **options)
            expected, its_spread = optimize.curve_fit(decay, X, Y, [1, 1], sigma=sigma, **options)
            assert found == pytest.approx(expected, rel=1e-5)
            assert spread == pytest.approx(its_spread, rel=1e-3, abs=1e-9)


@both
def test_curve_fit_of_a_model_of_a_vector(compiled):
    def model(x, p):
        return p[0] * np.exp(-p[1] * x) + p[2]

    found, _ = optimize.curve_fit(
        lambda x, *p: model(x, np.array(p)),
        X,
        Y,
        [1.0, 1.0, 0.0],
        jac=lambda x, *p: compiled(jacobian(model, 1))(x, np.array(p)),
    )
    assert found == pytest.approx(optimize.curve_fit(lambda x, *p: model(x, p), X, Y, [1, 1, 0])[0], rel=1e-5, abs=1e-7)


@both
def test_curve_fit_of_a_data_frame(compiled):
    pandas = pytest.importorskip("pandas")
    data = pandas.DataFrame({"x": X, "y": Y}, index=[f"row {i}" for i in range(len(X))])
    jac = compiled(lambda x, a, b: np.column_stack(jacobian(decay, (1, 2))(x, a, b)))
    found, _ = optimize.curve_fit(decay, data["x"], data["y"], [1, 1], jac=jac)
    assert found == pytest.approx(optimize.curve_fit(decay, X, Y, [1, 1])[0], rel=1e-6)


# Three problems of NIST's nonlinear regression (Statistical Reference Datasets), typed in by hand: the model, x, y,
# both starting points, the certified parameters with their standard deviations, and the residual sum of squares.

NIST = {
    "Misra1a": (
        lambda b, x: b[0] * (1 - np.exp(-b[1] * x)),
        [77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0],
        [10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78],
        [(500, 0.0001), (250, 0.0005)],
        (2.3894212918e02, 5.5015643181e-04),
        (2.7070075241e00, 7.2668688436e-06),
        1.2455138894e-01,
    ),
    "MGH09": (
        lambda b, x: b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3]),
        [4.0, 2.0, 1.0, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625],
        [0.1957, 0.1947, 0.1735, 0.16, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246],
        [(25, 39, 41.5, 39), (0.25, 0.39, 0.415, 0.39)],
        (1.9280693458e-01, 1.9128232873e-01, 1.2305650693e-01, 1.3606233068e-01),
        (1.1435312227e-02, 1.9633220911e-01, 8.0842031232e-02, 9.0025542308e-02),
        3.0750560385e-04,
    ),
    "Rat43": (
        lambda b, x: b[0] / (1 + np.exp(b[1] - b[2] * x)) ** (1 / b[3]),
        [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0],
        [
            *(16.08, 33.83, 65.80, 97.20, 191.55, 326.20, 386.87, 520.53),
            *(590.03, 651.92, 724.93, 699.56, 689.96, 637.56, 717.41),
        ],
        [(100, 10, 1, 1), (700, 5, 0.75, 1.3)],
        (6.9964151270e02, 5.2771253025e00, 7.5962938329e-01, 1.2792483859e00),
        (1.6302297817e01, 2.0828735829e00, 1.9566123451e-01, 6.8761936385e-01),
        8.7864049080e03,
    ),
}
TIGHT = {"x_scale": "jac", "xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15, "max_nfev": 5000}


@both
@pytest.mark.parametrize("name", NIST)
def test_certified_fits(compiled, name):
    model, x, y, starts, certified, deviations, squares = NIST[name]
    x, y = np.array(x), np.array(y)

    def r(b):
        return model(b, x) - y

    for start in starts:
        with np.errstate(all="ignore"):  # a step may be too long, and is taken back
            found = optimize.least_squares(compiled(r), start, compiled(jacobian(r)), **TIGHT)
        assert found.x == pytest.approx(certified, rel=1e-6)
        assert 2 * found.cost == pytest.approx(squares, rel=1e-9)
        spread = 2 * found.cost / (len(x) - len(start)) * np.linalg.inv(found.jac.T @ found.jac)
        assert np.sqrt(np.diag(spread)) == pytest.approx(deviations, rel=1e-5)


def test_certified_fits_of_all_problems(monkeypatch):
    """All of NIST's problems, from both starts, but for those whose compilation takes a second."""
    benchmarks = Path(__file__).parent.parent / "benchmarks"
    if not (benchmarks / "nist.py").exists():
        pytest.skip("the benchmarks are not here")
    monkeypatch.syspath_prepend(benchmarks)
    nist = importlib.import_module("nist")
    assert len(nist.PROBLEMS) == 27
    for name, problem in nist.PROBLEMS.items():
        if len(problem["y"]) * len(problem["certified"]) > 500:
            continue
        with np.errstate(all="ignore"):
            fits = nist.fits(name, *nist.WAYS["jit"](nist.residuals(name)), "trf")
        assert len(fits) == 2
        for found in fits:
            assert nist.agreed(found.x, problem["certified"]) > 6, name
            assert nist.agreed(2 * found.cost, problem["sum of squares"]) > 9 or name == "Lanczos1", name


# Roots


def circles(x):
    return [x[0] ** 2 + x[1] ** 2 - 25, x[0] - x[1] - 1]  # (4, 3)


@both
@pytest.mark.parametrize("method", ["hybr", "lm"])
def test_roots_of_systems(compiled, method):
    for function in (circles, lambda x: np.array(circles(x))):
        jac = compiled(jacobian(function))
        found = optimize.root(compiled(function), [5.0, 1.0], jac=jac, method=method)
        assert found.x == pytest.approx([4.0, 3.0])
        both_at_once = compiled(lambda x, f=function: (f(x), jacobian(f)(x)))
        assert optimize.root(both_at_once, [5.0, 1.0], jac=True, method=method).x == pytest.approx([4.0, 3.0])
        assert optimize.fsolve(function, [5.0, 1.0], fprime=jac) == pytest.approx([4.0, 3.0])


@both
def test_roots_of_one_number(compiled):
    def f(x):
        return x**3 - 2 * x - 5

    root = 2.0945514815423265  # Wallis's example
    first, second = compiled(grad(f)), compiled(grad(grad(f)))
    assert optimize.root_scalar(compiled(f), x0=2, fprime=first, method="newton").root == pytest.approx(root, 1e-14)
    halley = optimize.root_scalar(compiled(f), x0=2, fprime=first, fprime2=second, method="halley")
    assert halley.root == pytest.approx(root, 1e-14)
    assert halley.iterations < 5
    newton = optimize.root_scalar(compiled(value_and_grad(f)), x0=2, fprime=True, method="newton")
    assert newton.root == pytest.approx(root, 1e-14)
    all_three = compiled(lambda x: (*value_and_grad(f)(x), grad(grad(f))(x)))
    assert optimize.root_scalar(all_three, x0=2, fprime=True, fprime2=True).root == pytest.approx(root, 1e-14)
    assert optimize.newton(compiled(f), 2.0, fprime=first, fprime2=second) == pytest.approx(root, 1e-14)
    assert optimize.brentq(compiled(f), 1, 4) == pytest.approx(root, 1e-12)
    many = optimize.newton(compiled(f), np.array([2.0, 3.0]), fprime=compiled(grad(lambda x: f(x).sum())))
    assert many == pytest.approx([root, root])


# Differential equations


def robertson(t, y):
    slow, fast, quick = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
    return [-slow + fast, slow - fast - quick, quick]


def robertson_jacobian(t, y):
    return [
        [-0.04, 1e4 * y[2], 1e4 * y[1]],
        [0.04, -1e4 * y[2] - 6e7 * y[1], -1e4 * y[1]],
        [0.0, 6e7 * y[1], 0.0],
    ]


@both
@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA"])
@pytest.mark.parametrize("function", [robertson, lambda t, y: np.array(robertson(t, y))], ids=["list", "array"])
def test_stiff_equations(compiled, method, function):
    jac = compiled(jacobian(function, 1))
    at = np.array([0.9, 2e-5, 0.1])
    assert np.asarray(jac(0.0, at)) == pytest.approx(np.array(robertson_jacobian(0.0, at)))
    options = {"method": method, "rtol": 1e-8, "atol": [1e-9, 1e-12, 1e-9]}
    found = integrate.solve_ivp(compiled(function), (0, 40), [1.0, 0.0, 0.0], jac=jac, **options)
    assert found.success
    assert found.y[:, -1] == pytest.approx([0.71582706872, 9.1855347644e-6, 0.28416374574], rel=1e-6)


@both
def test_events_and_other_integrators(compiled):
    def thrown(t, y):
        return np.array([y[1], -9.81])

    height = compiled(lambda t, y: y[0])
    found = integrate.solve_ivp(compiled(thrown), (0, 9), [0.0, 10.0], events=height, max_step=0.5)
    assert found.t_events[0][-1] == pytest.approx(2 * 10 / 9.81)
    jac = compiled(jacobian(thrown, 1))
    path = integrate.odeint(compiled(thrown), [0.0, 10.0], [0.0, 1.0], tfirst=True, Dfun=jac)
    assert path[-1] == pytest.approx([10 - 9.81 / 2, 10 - 9.81])
    bent = integrate.solve_bvp(
        compiled(lambda x, y: np.vstack([y[1], -y[0]])),
        compiled(lambda a, b: np.array([a[0], b[0] - 1])),
        np.linspace(0, 1, 9),
        np.zeros((2, 9)),
        bc_jac=compiled(jacobian(lambda a, b: np.array([a[0], b[0] - 1]), (0, 1))),
    )
    assert bent.sol(0.5)[0] == pytest.approx(math.sin(0.5) / math.sin(1), rel=1e-4)


# Integrals


@both
def test_integrals(compiled):
    bell = compiled(lambda x: exp(-x * x))
    assert integrate.quad(bell, -np.inf, np.inf)[0] == pytest.approx(math.sqrt(math.pi), rel=1e-12)
    scaled = compiled(lambda x, a, b: b * exp(-a * x * x))
    assert integrate.quad(scaled, 0, np.inf, args=(2, 3.0))[0] == pytest.approx(1.5 * math.sqrt(math.pi / 2))
    assert integrate.dblquad(compiled(lambda y, x: x * y * y), 0, 2, 0, lambda x: x)[0] == pytest.approx(32 / 15)
    assert integrate.nquad(compiled(lambda x, y, z: x * y * z), [(0, 1)] * 3)[0] == pytest.approx(1 / 8)
    powers = compiled(lambda x: np.array([x, x * x]))
    assert integrate.quad_vec(powers, 0, 1)[0] == pytest.approx([1 / 2, 1 / 3])
    assert integrate.quad(compiled(grad(sin)), 0, 1)[0] == pytest.approx(math.sin(1))


def low_level(function, *data):
    return scipy.LowLevelCallable(function, *[x.ctypes.data_as(ctypes.c_void_p) for x in data])


def test_integrals_of_functions_for_c():
    bell = low_level(jit(lambda x: exp(-x * x)).c_function(0.0))
    gc.collect()  # the machine code lives as long as the callable
    assert bell.signature == "double (double)"
    assert integrate.quad(bell, -np.inf, np.inf)[0] == pytest.approx(math.sqrt(math.pi), rel=1e-12)
    slope = low_level(jit(grad(sin)).c_function(0.0))
    assert integrate.quad(slope, 0, 1)[0] == pytest.approx(math.sin(1))

    scaled = low_level(jit(lambda x, a: exp(-a * x * x)).c_function(0.0, 0.0))
    assert scaled.signature == "double (int, double *)"
    assert integrate.quad(scaled, 0, np.inf, args=(2.0,))[0] == pytest.approx(math.sqrt(math.pi / 2) / 2)
    with pytest.warns(integrate.IntegrationWarning):
        assert math.isnan(integrate.quad(scaled, 0, 1)[0])  # which gives one number too few
    assert integrate.nquad(scaled, [(0, 1), (0, 1)])[0] == pytest.approx(0.86152770679629)

    data = np.array([2.0, 3.0])
    shared = low_level(jit(lambda x, p: p[1] * exp(-p[0] * x * x)).c_function(0.0, data), data)
    assert shared.signature == "double (double, void *)"
    assert integrate.quad(shared, 0, np.inf)[0] == pytest.approx(1.5 * math.sqrt(math.pi / 2))
    data[1] = 30.0  # the data are read at each call
    assert integrate.quad(shared, 0, np.inf)[0] == pytest.approx(15 * math.sqrt(math.pi / 2))
    both_kinds = low_level(jit(lambda p, x, y: p[0] * x + p[1] * y).c_function(data, 0.0, 0.0), data)
    assert both_kinds.signature == "double (int, double *, void *)"
    assert integrate.nquad(both_kinds, [(0, 1), (0, 1)])[0] == pytest.approx(16.0)

    for corner in (np.zeros(2), [0.0, 0.0]):
        product = low_level(jit(lambda v: v[0] * v[1] * v[1]).c_function(corner))
        assert product.signature == "double (int, double *)"
        assert integrate.nquad(product, [(0, 1), (0, 1)])[0] == pytest.approx(1 / 6)
    weighted = low_level(jit(lambda v, p: v @ p).c_function(np.zeros(2), data), data)
    assert integrate.nquad(weighted, [(0, 1), (0, 1)])[0] == pytest.approx(16.0)


def test_functions_for_c_called_by_themselves():
    polynomial = jit(lambda x, c: (c[2] * x + c[1]) * x + c[0]).c_function(0.0, np.zeros(3))
    coefficients = np.array([1.0, 2.0, 3.0])
    assert polynomial(2.0, coefficients.ctypes.data_as(ctypes.c_void_p)) == 17.0
    several = jit(lambda x, y, z: x * y - z).c_function(0.0, 0.0, 0.0)
    assert several(3, (ctypes.c_double * 3)(2.0, 3.0, 4.0)) == 2.0
    assert math.isnan(several(2, (ctypes.c_double * 3)(2.0, 3.0, 4.0)))


OUTSIDE = Value(2.0)


class Line(nn.Module):
    def __init__(self):
        self.slope = Value(2.0)

    def __call__(self, x):
        return self.slope * x


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (jit(lambda x: [x, x]), (0.0,), "must give one number, .* gives 2"),
        (jit(lambda x: x * np.ones(1)), (0.0,), "must give one number"),
        (jit(lambda x: OUTSIDE * x), (0.0,), "takes Values, .* hand them over in an array"),
        (jit(Line()), (0.0,), "takes Values"),
        (jit(lambda line, x: line(x)), (Line(), 0.0), "takes Values"),
        (jit(lambda x: x, backend="python"), (0.0,), "is no machine code"),
        (jit(lambda: 1.0), (), "takes numbers, and one array at most"),
        (jit(lambda x, y, z: (x + y + z).sum()), (np.ones(2),) * 3, "takes numbers, and one array at most"),
        (jit(vmap(lambda x: x, reduce="sum")), (np.ones(2),), "takes numbers, and one array at most"),
    ],
)
def test_functions_that_are_none_for_c(function, arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        function.c_function(*arguments)
