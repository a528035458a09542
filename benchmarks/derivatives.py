"""What part e of eager.py differentiates: functions of a list of numbers, with each library's own way to differentiate them.

The functions are written with operators and a namespace of mathematical functions, so that the same lines run on all.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

Function = Callable[[Sequence[Any], Any], Any]
Derivative = Callable[[Function, list[float]], Callable[[], Any] | None]


class Program(NamedTuple):
    """A function, the point where it is differentiated, and the derivative: of one result, of several, or the second."""

    function: Function
    point: list[float]
    order: str = "gradient"


def small(x: Sequence[Any], m: Any) -> Any:
    """A function as small as they come: six operations."""
    return x[0] * x[1] + m.sin(x[0]) * m.exp(x[1] * -0.5)


def sabr(x: Sequence[Any], m: Any) -> Any:
    """Price a call by Hagan's approximation of the SABR model (2002); 8 inputs, so 8 greeks."""
    forward, strike, time, alpha, beta, rho, nu, rate = x
    back = 1 - beta
    log_moneyness = m.log(forward / strike)
    mean = (forward * strike) ** (back / 2)
    z = nu / alpha * mean * log_moneyness
    chi = m.log((m.sqrt(1 - 2 * rho * z + z * z) + z - rho) / (1 - rho))
    wide = 1 + back**2 / 24 * log_moneyness**2 + back**4 / 1920 * log_moneyness**4
    drift = back**2 / 24 * alpha**2 / mean**2 + rho * beta * nu * alpha / (4 * mean) + (2 - 3 * rho**2) / 24 * nu**2
    volatility = alpha / (mean * wide) * (z / chi) * (1 + drift * time)
    spread = volatility * m.sqrt(time)
    d1 = log_moneyness / spread + spread / 2
    return m.exp(-rate * time) * (forward * normal(d1, m) - strike * normal(d1 - spread, m))


def normal(x: Any, m: Any) -> Any:
    """The cumulative normal distribution, as tanh has it to four digits: every library has tanh."""
    return (1 + m.tanh(0.7978845608 * (x + 0.044715 * x * x * x))) / 2


def lotka_volterra(x: Sequence[Any], _: Any) -> Any:
    """How far hares and lynxes are from where they should be after 100 steps of Runge and Kutta's, by four parameters."""
    a, b, c, d = x
    u, v, h = 10.0, 5.0, 0.05

    def slopes(u: Any, v: Any) -> tuple[Any, Any]:
        return a * u - b * u * v, d * u * v - c * v

    for _step in range(100):
        k1, l1 = slopes(u, v)
        k2, l2 = slopes(u + k1 * (h / 2), v + l1 * (h / 2))
        k3, l3 = slopes(u + k2 * (h / 2), v + l2 * (h / 2))
        k4, l4 = slopes(u + k3 * h, v + l3 * h)
        u, v = u + (k1 + 2 * k2 + 2 * k3 + k4) * (h / 6), v + (l1 + 2 * l2 + 2 * l3 + l4) * (h / 6)
    return (u - 20.0) ** 2 + (v - 3.0) ** 2


TIMES = [0.1 * i for i in range(40)]


def decay(x: Sequence[Any], m: Any) -> list[Any]:
    """The residuals of a damped oscillation with five parameters at 40 times."""
    scale, rate, angle, phase, level = x
    return [scale * m.exp(-rate * t) * m.sin(angle * t + phase) + level - math.exp(-t) for t in TIMES]


def rosenbrock(x: Sequence[Any], _: Any) -> Any:
    """Rosenbrock's function of eight variables."""
    return sum(100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(len(x) - 1))


MARKS = [math.sin(12.9898 * i) * 2 for i in range(200)]


def mixture(x: Sequence[Any], m: Any) -> Any:
    """The log-likelihood of 200 numbers under a mixture of five normal distributions (ADBench's GMM, in one dimension)."""
    weights, means, logs = x[:5], x[5:10], x[10:]
    total = 0.0
    norm = m.log(sum(m.exp(w) for w in weights))
    narrow = [m.exp(q) for q in logs]
    for mark in MARKS:
        terms = [
            m.exp(w + q - 0.5 * (s * (mark - mean)) ** 2)
            for w, mean, q, s in zip(weights, means, logs, narrow, strict=True)
        ]
        total = total + m.log(sum(terms)) - norm
    return total


PROGRAMS = {
    "6 operations": Program(small, [1.5, -0.5]),
    "SABR, 8 greeks": Program(sabr, [0.03, 0.035, 2.0, 0.04, 0.5, -0.3, 0.4, 0.02]),
    "Lotka-Volterra, 100 steps": Program(lotka_volterra, [0.5, 0.02, 0.4, 0.01]),
    "mixture, 200 points": Program(mixture, [0.1 * i for i in range(15)]),
    "residuals, 40 by 5": Program(decay, [1.0, 0.3, 2.0, 0.1, 0.0], "jacobian"),
    "Hessian of 8": Program(rosenbrock, [0.5 + 0.1 * i for i in range(8)], "hessian"),
}


# Each library's way. None where it has none for such a program.


def by_backward(value: Any, namespace: Any) -> Derivative:
    """What a transform stands for: make the Values, call the function, backward(), read the gradients."""

    def derivative(program: Program) -> Callable[[], Any] | None:
        function, point, order = program

        def gradient() -> Any:
            leaves = [value(x) for x in point]
            result = function(leaves, namespace)
            result.backward()
            return [leaf.grad for leaf in leaves]

        def jacobian() -> Any:
            leaves = [value(x) for x in point]
            rows = []
            for result in function(leaves, namespace):
                for leaf in leaves:
                    leaf.grad = 0.0
                result.backward()
                rows.append([leaf.grad for leaf in leaves])
            return rows

        return {"gradient": gradient, "jacobian": jacobian}.get(order)

    return derivative


def by_transform() -> Derivative:
    import scalargrad

    ways = {"gradient": scalargrad.grad, "jacobian": scalargrad.jacrev, "hessian": scalargrad.hessian}

    def derivative(program: Program) -> Callable[[], Any]:
        function, point, order = program
        way = ways[order](lambda x: function(x, scalargrad))
        return lambda: way(point)

    return derivative


def by_autograd() -> Derivative:
    autograd, numpy = importlib.import_module("autograd"), importlib.import_module("autograd.numpy")
    ways = {"gradient": autograd.grad, "jacobian": autograd.jacobian, "hessian": autograd.hessian}

    def derivative(program: Program) -> Callable[[], Any]:
        function, point, order = program
        array = numpy.array(point)
        joined = (lambda x: numpy.array(function(x, numpy))) if order == "jacobian" else (lambda x: function(x, numpy))
        way = ways[order](joined)
        return lambda: way(array)

    return derivative


def by_jax() -> Derivative:
    """Without its jit: compiled programs are compared in compiled.py."""
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    ways = {"gradient": jax.grad, "jacobian": jax.jacrev, "hessian": jax.hessian}

    def derivative(program: Program) -> Callable[[], Any]:
        function, point, order = program
        joined = (lambda x: jax.numpy.stack(function(x, jax.numpy))) if order == "jacobian" else None
        way = ways[order](joined or (lambda x: function(x, jax.numpy)))
        array = jax.numpy.array(point)
        return lambda: way(array).block_until_ready()

    return derivative


def by_fastdual() -> Derivative:
    fastdual, numpy = importlib.import_module("fastdual"), importlib.import_module("numpy")

    def derivative(program: Program) -> Callable[[], Any] | None:
        function, point, order = program

        def forward() -> Any:
            variables = [fastdual.Dual(x) for x in point]
            results = function(variables, numpy)
            rows = [[fastdual.der(r, x) for x in variables] for r in (results if order == "jacobian" else [results])]
            return rows if order == "jacobian" else rows[0]

        way = fastdual.autohess(lambda *x: function(x, numpy))
        return {"gradient": forward, "jacobian": forward, "hessian": lambda: way(*point)[1]}[order]

    return derivative


def by_ddx() -> Derivative:
    """Build the expression once, outside of what is timed, and ask it again and again, as that library is made for."""
    ddx = importlib.import_module("ddx")
    names = ("sin", "exp", "log", "sqrt", "tanh")
    namespace = SimpleNamespace(**{name: getattr(ddx, name) for name in names})

    def derivative(program: Program) -> Callable[[], Any]:
        function, point, order = program

        def model() -> Any:
            result = function([ddx.var(f"x{i}") for i in range(len(point))], namespace)
            return tuple(result) if isinstance(result, list) else result

        equation = ddx.equation(model)
        if order == "hessian":
            return lambda: equation.hessian(point)[2]
        return lambda: equation.gradient(point)

    return derivative


def contenders(load: Callable[[str], Any]) -> Iterator[tuple[str, Derivative]]:
    """Yield every way to differentiate that is installed, by name: the first is what the others are compared with."""
    import scalargrad

    yield "backward()", by_backward(scalargrad.Value, scalargrad)
    yield "the transform", by_transform()
    if micrograd := load("micrograd.engine"):
        yield "micrograd", by_backward(micrograd.Value, SimpleNamespace())
    if load("autograd"):
        yield "autograd", by_autograd()
    if load("jax"):
        yield "JAX", by_jax()
    if load("fastdual"):
        yield "fastdual", by_fastdual()
    if load("ddx"):
        yield "ddx, built once", by_ddx()
