"""The problems of compiled.py, each as the users of one library would write it at their best.

Every class has the same methods, one a problem. A method prepares what can be prepared, and returns the call to be timed:
without an argument, on the data below; `rosenbrock` and `program` return functions of a point, a NumPy array, as an
optimiser would call them. All compute in float64.
"""

from __future__ import annotations

import ctypes
import random
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import moons
import numpy as np

from scalargrad.compiler.processor import chosen

Call = Callable[[], Any]
OfPoint = Callable[[Any], Any]
Array = Any  # NumPy's, JAX's, PyTorch's

PROCESSOR = chosen()  # C is compiled for the one that `jit` writes for
MARCH = "native" if PROCESSOR.name == "native" else PROCESSOR.cpu
GCC = ("gcc", "-O3", f"-march={MARCH}", "-ffast-math", "-shared", "-fPIC")
HERE = Path(__file__).parent

# a: micrograd's demo: weights and biases of three layers, 100 points and their labels
MOONS = [np.array(array) for layer in moons.weights_and_biases() for array in layer]
POINTS, LABELS = map(np.array, moons.half_moons())
ALPHA = moons.ALPHA

_rng = np.random.default_rng(moons.SEED)

# c: the Helmholtz energy of a mixture of 10 components (the matrix A is symmetric)
COMPONENTS = 10
FRACTIONS = _rng.uniform(0.05, 0.15, COMPONENTS)
B = _rng.uniform(0.1, 0.3, COMPONENTS)
A = _rng.uniform(0, 1, (COMPONENTS, COMPONENTS))
A = A + A.T
PLUS, MINUS = 1 + 2**0.5, 1 - 2**0.5

# d: a network of 4-3-2 neurons, 10,000 samples and their classes, one-hot
NETWORK = [_rng.uniform(-0.5, 0.5, shape) for shape in ((3, 4), (3,), (2, 3), (2,))]
SAMPLES = _rng.normal(size=(10_000, 4))
CLASSES = np.eye(2)[(SAMPLES[:, 0] * SAMPLES[:, 1] > 0).astype(int)]

# e: the residuals of a sum of three Gaussians: height, centre and width of each, 250 times and measurements
PEAKS = np.array([1.0, 2.0, 0.5, 0.6, 5.0, 1.0, 1.4, 7.5, 0.8])
TIMES = np.linspace(0, 10, 250)
MEASURED = sum(h * np.exp(-(((TIMES - c) / w) ** 2)) for h, c, w in PEAKS.reshape(3, 3))
MEASURED = MEASURED + _rng.normal(scale=0.02, size=TIMES.shape)


def start(n: int) -> Array:
    """Return a point for Rosenbrock's function of n variables."""
    return np.random.default_rng(n).uniform(-1.5, 1.5, n)


# f: a program of a given number of operations on 10 variables, nine in ten of them arithmetic
VARIABLES = np.random.default_rng(10).uniform(0.5, 1.5, 10)


def straight_line(x: Sequence[Any], operations: int, sin: Callable[[Any], Any]) -> Any:
    rng, values, done = random.Random(operations), list(x), 0  # noqa: S311 - a program, not a secret
    while done < operations - 5:
        a, b, c = rng.sample(values[-40:], 3)
        e = a * b - c
        if done % 2:  # every second time round: an odd number of operations were done
            values.append(sin(e))
            done += 3
        else:
            values.append(e / (e * e + 1))
            done += 5
    return values[-1]


# Functions of arrays that NumPy, HIPS autograd, JAX and PyTorch share, on whatever `np` is theirs


def moons_loss(np: Any, parameters: Sequence[Array], x: Array, y: Array) -> Any:
    w1, b1, w2, b2, w3, b3 = parameters
    h = np.maximum(x @ w1.T + b1, 0)
    h = np.maximum(h @ w2.T + b2, 0)
    scores = h @ w3[0] + b3
    return np.mean(np.maximum(1 - y * scores, 0)) + ALPHA * sum((p * p).sum() for p in parameters)


def rosenbrock_value(x: Array) -> Any:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def helmholtz(np: Any, x: Array, a: Array, b: Array) -> Any:
    s = b @ x
    mixing = (x * np.log(x / (1 - s))).sum()
    return mixing - (x @ a @ x) / (8**0.5 * s) * np.log((1 + PLUS * s) / (1 + MINUS * s))


def network_loss(np: Any, parameters: Sequence[Array], x: Array, target: Array, logsumexp: Any) -> Any:
    w1, b1, w2, b2 = parameters
    z1 = x @ w1.T + b1
    z2 = (np.maximum(z1, 0) + np.sin(z1)) @ w2.T + b2
    return np.mean(logsumexp(z2) - (target * z2).sum(-1))


def residuals(np: Any, p: Array, t: Array, y: Array) -> Any:
    curves = [p[k] * np.exp(-(((t - p[k + 1]) / p[k + 2]) ** 2)) for k in (0, 3, 6)]
    return curves[0] + curves[1] + curves[2] - y


class ByHand:
    """NumPy, with the derivatives on paper."""

    def moons(self) -> Call:
        def step(parameters: Sequence[Array], x: Array, y: Array) -> Any:
            w1, b1, w2, b2, w3, b3 = parameters
            h1 = np.maximum(x @ w1.T + b1, 0)
            h2 = np.maximum(h1 @ w2.T + b2, 0)
            margins = 1 - y * (h2 @ w3[0] + b3)
            live = margins > 0
            loss = margins[live].sum() / len(y) + ALPHA * sum(p.ravel() @ p.ravel() for p in parameters)
            d3 = np.where(live, y / -len(y), 0)
            d2 = np.where(h2 > 0, d3[:, None] * w3, 0)
            d1 = np.where(h1 > 0, d2 @ w2, 0)
            gradients = (d1.T @ x, d1.sum(0), d2.T @ h1, d2.sum(0), d3[None] @ h2, d3.sum(keepdims=True))
            return loss, [g + 2 * ALPHA * p for g, p in zip(gradients, parameters, strict=True)]

        return partial(step, MOONS, POINTS, LABELS)

    def rosenbrock(self, n: int) -> OfPoint:
        def value_and_gradient(x: Array) -> Any:
            low = x[:-1]
            bend, rest = x[1:] - low * low, 1 - low
            gradient = np.empty_like(x)
            gradient[:-1] = -400 * low * bend - 2 * rest
            gradient[-1] = 0
            gradient[1:] += 200 * bend
            return 100 * (bend @ bend) + rest @ rest, gradient

        return value_and_gradient

    def helmholtz(self) -> Call:
        def hessian(x: Array) -> Any:
            s, t, ax = B @ x, x.sum(), A @ x
            q, p, m = x @ ax, PLUS / (1 + PLUS * s), MINUS / (1 + MINUS * s)
            log, log1, log2 = np.log((1 + PLUS * s) / (1 + MINUS * s)), p - m, m * m - p * p
            g, g1 = log / (8**0.5 * s), (log1 * s - log) / (8**0.5 * s * s)
            g2 = (log2 * s * s - 2 * log1 * s + 2 * log) / (8**0.5 * s**3)
            half = np.outer(B, 1 / (1 - s) + B * (0.5 * t / (1 - s) ** 2 - 0.5 * q * g2) - 2 * g1 * ax)
            out = half + half.T - 2 * g * A
            out.flat[:: COMPONENTS + 1] += 1 / x
            return out

        return partial(hessian, FRACTIONS)

    def network(self) -> Call:
        # Samples are columns here: NumPy's loops are long then.
        def step(parameters: Sequence[Array], x: Array, target: Array) -> Any:
            w1, b1, w2, b2 = parameters
            z1 = w1 @ x + b1[:, None]
            h = np.maximum(z1, 0) + np.sin(z1)
            z2 = w2 @ h + b2[:, None]
            z2 -= z2.max(0)
            e = np.exp(z2)
            total = e.sum(0)
            n = x.shape[1]
            loss = (np.log(total).sum() - np.vdot(target, z2)) / n
            d2 = (e / total - target) / n
            d1 = (w2.T @ d2) * ((z1 > 0) + np.cos(z1))
            return loss, [d1 @ x.T, d1.sum(1), d2 @ h.T, d2.sum(1)]

        return partial(step, NETWORK, np.ascontiguousarray(SAMPLES.T), np.ascontiguousarray(CLASSES.T))

    def gaussians(self) -> Call:
        def jacobian(p: Array, t: Array) -> Any:
            height, centre, width = p.reshape(3, 3).T
            u = (t[:, None] - centre) / width
            out = np.empty((len(t), 3, 3))
            out[:, :, 0] = e = np.exp(-u * u)
            out[:, :, 1] = along = 2 * height / width * u * e
            out[:, :, 2] = along * u
            return out.reshape(len(t), 9)

        return partial(jacobian, PEAKS, TIMES)


class InC:
    """compiled.c, compiled by gcc here, and called through ctypes: results go where results went before."""

    def __init__(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([*GCC, HERE / "compiled.c", "-o", f"{folder}/compiled.so", "-lm"], check=True)
            self.library = ctypes.CDLL(f"{folder}/compiled.so")

    def _prepared(self, name: str, arrays: Sequence[Array], samples: int, returns: Any = ctypes.c_double) -> Call:
        """Fix the arguments once: what remains is the cost of one foreign call."""
        function = self.library[name]
        function.restype = returns
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
        return partial(function, *pointers, ctypes.c_long(samples))

    def moons(self) -> Call:
        return self._moons("moons")

    def _moons(self, name: str) -> Call:
        gradients = [np.empty_like(p) for p in MOONS]
        call = self._prepared(name, [*MOONS, *gradients, POINTS, LABELS], len(LABELS))
        return lambda: (call(), gradients)

    def rosenbrock(self, n: int) -> OfPoint:
        function = self.library.rosenbrock
        function.restype = ctypes.c_double
        vector = ctypes.c_double * n  # reads an array's memory in place, faster than its .ctypes does
        size = ctypes.c_long(n)

        def value_and_gradient(x: Array) -> Any:
            gradient = np.empty(n)
            return function(vector.from_buffer(x), vector.from_buffer(gradient), size), gradient

        return value_and_gradient

    def helmholtz(self) -> Call:
        hessian = np.empty((COMPONENTS, COMPONENTS))
        call = self._prepared("helmholtz", [FRACTIONS, A, B, hessian], 0, None)
        return lambda: (call(), hessian)[1]

    def network(self) -> Call:
        gradients = [np.empty_like(p) for p in NETWORK]
        call = self._prepared("network", [*NETWORK, *gradients, SAMPLES, CLASSES], len(SAMPLES))
        return lambda: (call(), gradients)

    def gaussians(self) -> Call:
        jacobian = np.empty((len(TIMES), len(PEAKS)))
        call = self._prepared("gaussians", [PEAKS, TIMES, jacobian], len(TIMES), None)
        return lambda: (call(), jacobian)[1]


class InPlainC(InC):
    """The same, where C as one writes it first is another: a sample at a time, where InC goes layer by layer."""

    rosenbrock = helmholtz = network = gaussians = None  # type: ignore[assignment]

    def moons(self) -> Call:
        return self._moons("moons_plainly")


class Jax:
    """jit, on arrays that are on the device already; a result is waited for."""

    def __init__(self) -> None:
        import jax

        jax.config.update("jax_enable_x64", True)
        self.jax, self.np = jax, jax.numpy

    def _waiting(self, function: Any, *arguments: Any) -> Call:
        compiled, wait = self.jax.jit(function), self.jax.block_until_ready
        arguments = self.jax.tree.map(self.np.asarray, arguments)
        return lambda: wait(compiled(*arguments))

    def moons(self) -> Call:
        loss = partial(moons_loss, self.np)
        return self._waiting(self.jax.value_and_grad(loss), MOONS, POINTS, LABELS)

    def rosenbrock(self, n: int) -> OfPoint:
        compiled = self.jax.jit(self.jax.value_and_grad(rosenbrock_value))

        def value_and_gradient(x: Array) -> Any:
            value, gradient = compiled(x)
            return float(value), np.asarray(gradient)

        return value_and_gradient

    def helmholtz(self) -> Call:
        return self._waiting(self.jax.hessian(partial(helmholtz, self.np)), FRACTIONS, A, B)

    def network(self) -> Call:
        logsumexp = partial(self.jax.nn.logsumexp, axis=-1)
        loss = partial(network_loss, self.np, logsumexp=logsumexp)
        return self._waiting(self.jax.value_and_grad(loss), NETWORK, SAMPLES, CLASSES)

    def gaussians(self) -> Call:
        one = self.jax.jacrev(partial(residuals, self.np))
        return self._waiting(self.jax.vmap(one, in_axes=(None, 0, 0)), PEAKS, TIMES, MEASURED)

    def program(self, operations: int) -> OfPoint:
        compiled = self.jax.jit(lambda x: straight_line(list(x), operations, self.np.sin))
        return lambda x: float(compiled(x))


class Torch:
    """Autograd on tensors, in eager mode; one thread, since these tensors are too small for two."""

    def __init__(self) -> None:
        import torch

        torch.set_num_threads(1)
        self.torch = torch

    def made(self, function: Any) -> Any:
        return function

    def _step(self, loss: Any, parameters: Sequence[Array], *data: Array) -> Call:
        torch = self.torch
        leaves = [torch.tensor(p, requires_grad=True) for p in parameters]
        tensors = [torch.tensor(array) for array in data]
        loss = self.made(loss)

        def step() -> Any:
            value = loss(leaves, *tensors)
            return value.detach(), torch.autograd.grad(value, leaves)

        return step

    def moons(self) -> Call:
        relu, mean = self.torch.relu, self.torch.mean

        def loss(parameters: Sequence[Array], x: Array, y: Array) -> Any:
            w1, b1, w2, b2, w3, b3 = parameters
            linear = self.torch.nn.functional.linear
            scores = linear(relu(linear(relu(linear(x, w1, b1)), w2, b2)), w3, b3)[:, 0]
            return mean(relu(1 - y * scores)) + ALPHA * sum(p.square().sum() for p in parameters)

        return self._step(loss, MOONS, POINTS, LABELS)

    def rosenbrock(self, n: int) -> OfPoint:
        torch, function = self.torch, self.made(rosenbrock_value)

        def value_and_gradient(x: Array) -> Any:
            leaf = torch.from_numpy(x).requires_grad_()
            value = function(leaf)
            (gradient,) = torch.autograd.grad(value, leaf)
            return value.item(), gradient.numpy()

        return value_and_gradient

    def helmholtz(self) -> Call:
        x, a, b = map(self.torch.tensor, (FRACTIONS, A, B))
        return partial(self.torch.func.hessian(partial(helmholtz, self.torch)), x, a, b)

    def network(self) -> Call:
        functional = self.torch.nn.functional

        def loss(parameters: Sequence[Array], x: Array, target: Array) -> Any:
            w1, b1, w2, b2 = parameters
            z = functional.linear(x, w1, b1)
            return functional.cross_entropy(functional.linear(self.torch.relu(z) + self.torch.sin(z), w2, b2), target)

        return self._step(loss, NETWORK, SAMPLES, CLASSES)

    def gaussians(self) -> Call:
        p, t, y = map(self.torch.tensor, (PEAKS, TIMES, MEASURED))
        return partial(self.made(self.torch.func.jacfwd(partial(residuals, self.torch))), p, t, y)


class TorchCompiled(Torch):
    """The same through torch.compile, which calls a C++ compiler; on the Hessian it crashes."""

    helmholtz = None  # type: ignore[assignment]

    def made(self, function: Any) -> Any:
        self.torch.compiler.reset()  # what was compiled for other sizes
        return self.torch.compile(function)


class Casadi:
    """Symbolic expressions, printed as C, compiled by gcc, and called through a buffer: no conversions."""

    def __init__(self) -> None:
        import casadi

        self.casadi = casadi
        self.folder = tempfile.TemporaryDirectory()

    def _compiled(self, function: Any) -> Any:
        name = function.name()
        code, library = (Path(self.folder.name, name + suffix) for suffix in (".c", ".so"))
        generator = self.casadi.CodeGenerator(code.name)
        generator.add(function)
        generator.generate(self.folder.name + "/")
        subprocess.run([*GCC, code, "-o", library, "-lm"], check=True)
        return self.casadi.external(name, str(library))

    @staticmethod
    def _buffered(function: Any, arguments: Sequence[Array], results: Sequence[Array]) -> Call:
        buffer, call = function.buffer()
        for i, array in enumerate(arguments):
            buffer.set_arg(i, memoryview(array))
        for i, array in enumerate(results):
            buffer.set_res(i, memoryview(array))
        return lambda: (call(), buffer, results)[2]

    def _step(self, name: str, loss: Any, parameters: Sequence[Array], x: Array, y: Array) -> Call:
        """Map value and gradient of one sample's loss over the samples, and add up inside the map."""
        casadi, samples = self.casadi, len(x)
        # CasADi stores columns one after another: a row of ours is a column of its.
        symbols = [casadi.SX.sym(f"p{i}", *p.T.shape) for i, p in enumerate(parameters)]
        xs, ys = casadi.SX.sym("x", x.shape[1]), casadi.SX.sym("y", y[0].size)
        value = loss(symbols, xs, ys) / samples
        outputs = [value, *(casadi.gradient(value, p) for p in symbols)]
        one = casadi.Function(f"{name}_one", [*symbols, xs, ys], outputs)
        count = len(parameters)
        mapped = one.map(name, "serial", samples, list(range(count)), list(range(count + 1)))
        results = [np.empty(1), *(np.empty_like(p) for p in parameters)]
        return self._buffered(self._compiled(mapped), [*parameters, x, y], results)

    def moons(self) -> Call:
        casadi = self.casadi

        def loss(parameters: Sequence[Any], x: Any, y: Any) -> Any:
            w1, b1, w2, b2, w3, b3 = parameters
            h = casadi.fmax(w1.T @ x + b1, 0)
            h = casadi.fmax(w2.T @ h + b2, 0)
            return casadi.fmax(1 - y * (w3.T @ h + b3), 0) + ALPHA * sum(casadi.sumsqr(p) for p in parameters)

        return self._step("moons", loss, MOONS, POINTS, LABELS)

    def rosenbrock(self, n: int) -> OfPoint:
        casadi = self.casadi
        x = casadi.SX.sym("x", n)
        value = casadi.sumsqr(10 * (x[1:] - x[:-1] ** 2)) + casadi.sumsqr(1 - x[:-1])
        function = self._compiled(casadi.Function(f"rosenbrock_{n}", [x], [value, casadi.gradient(value, x)]))
        buffer, call = function.buffer()
        out = np.empty(1)
        buffer.set_res(0, memoryview(out))

        def value_and_gradient(x: Array) -> Any:
            gradient = np.empty(n)
            buffer.set_arg(0, memoryview(x))
            buffer.set_res(1, memoryview(gradient))
            call()
            return out.item(), gradient

        return value_and_gradient

    def helmholtz(self) -> Call:
        casadi = self.casadi
        x, a, b = casadi.SX.sym("x", COMPONENTS), casadi.DM(A), casadi.DM(B)
        s = casadi.dot(b, x)
        value = casadi.sum1(x * casadi.log(x / (1 - s)))
        value -= casadi.bilin(a, x, x) / (8**0.5 * s) * casadi.log((1 + PLUS * s) / (1 + MINUS * s))
        function = casadi.Function("helmholtz", [x], [casadi.hessian(value, x)[0]])
        hessian = np.empty((COMPONENTS, COMPONENTS))
        return self._buffered(self._compiled(function), [FRACTIONS], [hessian])

    def network(self) -> Call:
        casadi = self.casadi

        def loss(parameters: Sequence[Any], x: Any, target: Any) -> Any:
            w1, b1, w2, b2 = parameters
            z = w1.T @ x + b1
            z = w2.T @ (casadi.fmax(z, 0) + casadi.sin(z)) + b2
            return casadi.logsumexp(z) - casadi.dot(target, z)

        return self._step("network", loss, NETWORK, SAMPLES, CLASSES)

    def gaussians(self) -> Call:
        casadi = self.casadi
        p, t, y = casadi.SX.sym("p", len(PEAKS)), casadi.SX.sym("t"), casadi.SX.sym("y")
        curves = [p[k] * casadi.exp(-(((t - p[k + 1]) / p[k + 2]) ** 2)) for k in (0, 3, 6)]
        row = casadi.jacobian(sum(curves[1:], curves[0]) - y, p)
        one = casadi.Function("gaussians_one", [p, t, y], [row.T])
        mapped = one.map("gaussians", "serial", len(TIMES), [0], [])
        jacobian = np.empty((len(TIMES), len(PEAKS)))
        return self._buffered(self._compiled(mapped), [PEAKS, TIMES, MEASURED], [jacobian])

    def program(self, operations: int) -> OfPoint:
        x = self.casadi.SX.sym("x", len(VARIABLES))
        values = self.casadi.vertsplit(x)
        function = self.casadi.Function("program", [x], [straight_line(values, operations, self.casadi.sin)])
        out = np.empty(1)
        buffer, call = function.buffer()
        buffer.set_res(0, memoryview(out))

        def value(x: Array) -> float:
            buffer.set_arg(0, memoryview(x))
            call()
            return out.item()

        return value


class Autograd:
    """HIPS autograd, on arrays."""

    def __init__(self) -> None:
        import autograd
        import autograd.numpy
        from autograd.scipy.special import logsumexp

        self.autograd, self.np, self.logsumexp = autograd, autograd.numpy, partial(logsumexp, axis=-1)

    def moons(self) -> Call:
        return partial(self.autograd.value_and_grad(partial(moons_loss, self.np)), MOONS, POINTS, LABELS)

    def rosenbrock(self, n: int) -> OfPoint:
        function: OfPoint = self.autograd.value_and_grad(rosenbrock_value)
        return function

    def helmholtz(self) -> Call:
        return partial(self.autograd.hessian(lambda x: helmholtz(self.np, x, A, B)), FRACTIONS)

    def network(self) -> Call:
        loss = partial(network_loss, self.np, logsumexp=self.logsumexp)
        return partial(self.autograd.value_and_grad(loss), NETWORK, SAMPLES, CLASSES)

    def gaussians(self) -> Call:
        along = self.autograd.make_jvp(lambda p: residuals(self.np, p, TIMES, MEASURED))

        def jacobian() -> Any:  # forward, a column a parameter
            push = along(PEAKS)
            return np.stack([push(direction)[1] for direction in np.eye(len(PEAKS))], 1)

        return jacobian


class Scalargrad:
    """Functions of scalars, compiled by jit."""

    def moons(self) -> Call:
        from scalargrad import jit, relu, value_and_grad, vmap

        def loss(parameters: Sequence[Array], x: Array, y: Any) -> Any:
            w1, b1, w2, b2, w3, b3 = parameters
            h = [relu(z) for z in w1 @ x + b1]
            h = [relu(z) for z in w2 @ h + b2]
            (score,) = w3 @ h + b3
            return relu(1 - y * score) + ALPHA * sum((p * p).sum() for p in parameters)

        step = jit(vmap(value_and_grad(loss), in_axes=(None, 0, 0), reduce="mean"))
        return partial(step, MOONS, POINTS, LABELS)

    def rosenbrock(self, n: int) -> OfPoint:
        from scalargrad import jit, value_and_grad

        function: OfPoint = jit(value_and_grad(rosenbrock_value))
        return function

    def helmholtz(self) -> Call:
        from scalargrad import hessian, jit, log

        def energy(x: Array) -> Any:
            s = B @ x
            mixing = sum(xi * log(xi / (1 - s)) for xi in x)
            return mixing - (x @ A @ x) / (8**0.5 * s) * log((1 + PLUS * s) / (1 + MINUS * s))

        return partial(jit(hessian(energy)), FRACTIONS)

    def network(self) -> Call:
        from scalargrad import jit, relu, sin, value_and_grad, vmap
        from scalargrad.nn import cross_entropy

        def loss(parameters: Sequence[Array], x: Array, target: Array) -> Any:
            w1, b1, w2, b2 = parameters
            h = [relu(z) + sin(z) for z in w1 @ x + b1]
            return cross_entropy(w2 @ h + b2, target)

        step = jit(vmap(value_and_grad(loss), in_axes=(None, 0, 0), reduce="mean"))
        return partial(step, NETWORK, SAMPLES, CLASSES)

    def gaussians(self) -> Call:
        from scalargrad import exp, jacobian, jit, vmap

        def residual(p: Array, t: Any, y: Any) -> Any:
            return sum(p[k] * exp(-(((t - p[k + 1]) / p[k + 2]) ** 2)) for k in (0, 3, 6)) - y

        return partial(jit(vmap(jacobian(residual), in_axes=(None, 0, 0))), PEAKS, TIMES, MEASURED)

    def program(self, operations: int) -> OfPoint:
        from scalargrad import jit, sin

        function: OfPoint = jit(lambda x: straight_line(x, operations, sin))
        return function
