"""One training step of a GPT made of scalars, of the size and in the style of Karpathy's microgpt, on one word.

Embedding 16, 4 heads, context 16, one layer, 27 tokens: 4,192 parameters. RMSNorm, ReLU, no biases, Adam. Beside it a
class of scalars in microgpt's way, which stores the local gradients of every operation in a tuple and sorts the graph by
a function inside a method, and the same with a sort that leaves no work for the garbage collector.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

SEED = 42
WORD = "isabella"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
BOUNDARY = len(LETTERS)  # the token before and after a word
N_EMBD, N_HEAD, BLOCK_SIZE, VOCABULARY = 16, 4, 16, len(LETTERS) + 1
HEAD = N_EMBD // N_HEAD
LEARNING_RATE, BETA_1, BETA_2, EPSILON = 0.01, 0.85, 0.99, 1e-8

Vector = list[Any]
Matrix = list[Vector]


class TupleValue:
    """A scalar that keeps its local gradients in a tuple, for one loop of backward() to multiply."""

    __slots__ = ("children", "data", "grad", "local_grads")

    def __init__(self, data: float, children: tuple[Any, ...] = (), local_grads: tuple[float, ...] = ()) -> None:
        self.data = data
        self.grad = 0.0
        self.children = children
        self.local_grads = local_grads

    def __add__(self, other: Any) -> TupleValue:
        other = other if isinstance(other, TupleValue) else TupleValue(other)
        return TupleValue(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: Any) -> TupleValue:
        other = other if isinstance(other, TupleValue) else TupleValue(other)
        return TupleValue(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, exponent: float) -> TupleValue:
        return TupleValue(self.data**exponent, (self,), (exponent * self.data ** (exponent - 1),))

    def exp(self) -> TupleValue:
        out = math.exp(self.data)
        return TupleValue(out, (self,), (out,))

    def log(self) -> TupleValue:
        return TupleValue(math.log(self.data), (self,), (1 / self.data,))

    def relu(self) -> TupleValue:
        return TupleValue(max(0.0, self.data), (self,), (float(self.data > 0),))

    def __neg__(self) -> Any:
        return self * -1.0

    def __radd__(self, other: Any) -> Any:
        return self + other

    def __sub__(self, other: Any) -> Any:
        return self + (-other)

    def __rmul__(self, other: Any) -> Any:
        return self * other

    def __truediv__(self, other: Any) -> Any:
        return self * other**-1

    def backward(self) -> None:
        order: list[TupleValue] = []
        visited = set()

        def visit(node: TupleValue) -> None:
            if node not in visited:
                visited.add(node)
                for child in node.children:
                    visit(child)
                order.append(node)

        visit(self)
        self.grad = 1.0
        multiply_back(order)


def multiply_back(order: list[TupleValue]) -> None:
    for node in reversed(order):
        for child, local_grad in zip(node.children, node.local_grads):  # noqa: B905 - checks cost time
            child.grad += local_grad * node.grad


def backward_with_a_stack(root: TupleValue) -> None:
    """Do what `TupleValue.backward` does, without its cycle.

    Its `visit` refers to itself, so that only the garbage collector frees it, and with it the order and the graph.
    """
    order: list[TupleValue] = []
    visited = set()
    stack: list[TupleValue | None] = [root]
    while stack:
        node = stack.pop()
        if node is None:  # all children of the next on the stack are in
            order.append(stack.pop())  # type: ignore[arg-type]
        elif node not in visited:
            visited.add(node)
            stack += (node, None, *reversed(node.children))
    root.grad = 1.0
    multiply_back(order)


def linear(x: Vector, w: Matrix) -> Vector:
    return [sum(wi * xi for wi, xi in zip(row, x)) for row in w]  # noqa: B905 - as above


def softmax(logits: Vector) -> Vector:
    largest = max(logit.data for logit in logits)
    exps = [(logit - largest).exp() for logit in logits]
    total = sum(exps)
    return [e / total for e in exps]


def rmsnorm(x: Vector) -> Vector:
    mean_square = sum(xi * xi for xi in x) / len(x)
    scale = (mean_square + 1e-5) ** -0.5
    return [xi * scale for xi in x]


class OverScalars:
    """The GPT, over a class of scalars."""

    def __init__(self, scalar: Callable[[float], Any], backward: Callable[[Any], None] | None = None) -> None:
        self.backward = backward or scalar.backward  # type: ignore[attr-defined]
        rng = random.Random(SEED)  # noqa: S311 - weights, not secrets

        def matrix(rows: int, columns: int) -> Matrix:
            return [[scalar(rng.gauss(0, 0.08)) for _ in range(columns)] for _ in range(rows)]

        self.wte, self.wpe = matrix(VOCABULARY, N_EMBD), matrix(BLOCK_SIZE, N_EMBD)
        self.wq, self.wk, self.wv, self.wo = (matrix(N_EMBD, N_EMBD) for _ in range(4))
        self.fc1, self.fc2 = matrix(4 * N_EMBD, N_EMBD), matrix(N_EMBD, 4 * N_EMBD)
        self.lm_head = matrix(VOCABULARY, N_EMBD)
        matrices = (self.wte, self.wpe, self.wq, self.wk, self.wv, self.wo, self.fc1, self.fc2, self.lm_head)
        self.parameters = [p for matrix in matrices for row in matrix for p in row]
        self.first_moments = [0.0] * len(self.parameters)
        self.second_moments = [0.0] * len(self.parameters)
        self.tokens = [BOUNDARY, *map(LETTERS.index, WORD), BOUNDARY]

    def attention(self, x: Vector, keys: Matrix, values: Matrix) -> Vector:
        q = linear(x, self.wq)
        keys.append(linear(x, self.wk))
        values.append(linear(x, self.wv))
        out = []
        for start in range(0, N_EMBD, HEAD):
            head = range(start, start + HEAD)
            logits = [sum(q[j] * key[j] for j in head) / HEAD**0.5 for key in keys]
            weights = softmax(logits)
            out += [sum(w * value[j] for w, value in zip(weights, values)) for j in head]  # noqa: B905 - as above
        return linear(out, self.wo)

    def logits(self, token: int, position: int, keys: Matrix, values: Matrix) -> Vector:
        x = rmsnorm([t + p for t, p in zip(self.wte[token], self.wpe[position])])  # noqa: B905 - as above
        x = [a + b for a, b in zip(self.attention(rmsnorm(x), keys, values), x)]  # noqa: B905 - as above
        hidden = [h.relu() for h in linear(rmsnorm(x), self.fc1)]
        x = [a + b for a, b in zip(linear(hidden, self.fc2), x)]  # noqa: B905 - as above
        return linear(x, self.lm_head)

    def forward(self) -> Any:
        keys: Matrix = []
        values: Matrix = []
        losses = []
        n = min(BLOCK_SIZE, len(self.tokens) - 1)
        for position in range(n):
            token, target = self.tokens[position : position + 2]
            probabilities = softmax(self.logits(token, position, keys, values))
            losses.append(-probabilities[target].log())
        return (1 / n) * sum(losses)

    def update(self, step: int) -> None:
        m, v = self.first_moments, self.second_moments
        rate = LEARNING_RATE * (1 - step / 1000)
        for i, p in enumerate(self.parameters):
            m[i] = BETA_1 * m[i] + (1 - BETA_1) * p.grad
            v[i] = BETA_2 * v[i] + (1 - BETA_2) * p.grad**2
            m_hat = m[i] / (1 - BETA_1 ** (step + 1))
            v_hat = v[i] / (1 - BETA_2 ** (step + 1))
            p.data -= rate * m_hat / (v_hat**0.5 + EPSILON)
            p.grad = 0.0

    def number(self, loss: Any) -> float:
        return float(loss.data)
