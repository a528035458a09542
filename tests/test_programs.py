"""Programs of the kinds that people write for micrograd and microgpt: as they run there, so they run here.

Each is a function of the class that it computes with. It runs on Value and on a plain class with micrograd's or
microgpt's algorithm, and gives the same numbers. What single lines of such programs rely on is tested below them.
"""

import copy
import functools
import gc
import io
import itertools
import json
import math
import operator
import os
import pickle
import random
import subprocess
import sys
import types
from contextlib import contextmanager, redirect_stdout

import pytest
from conftest import ENGINES
from points import OF_ORDER

import scalargrad

# The plain classes.


class Arithmetic:
    """What both derive from +, * and **."""

    def __neg__(self):
        return self * -1

    def __radd__(self, other):
        return self + other

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return other + (-self)

    def __rmul__(self, other):
        return self * other

    def __truediv__(self, other):
        return self * other**-1

    def __rtruediv__(self, other):
        return other * self**-1

    def __lt__(self, other):  # not there, but people add it to sort
        return self.data < getattr(other, "data", other)

    def __add__(self, other):
        other = self.lifted(other)
        return self.computed(self.data + other.data, "+", (self, 1.0), (other, 1.0))

    def __mul__(self, other):
        other = self.lifted(other)
        return self.computed(self.data * other.data, "*", (self, other.data), (other, self.data))

    def __pow__(self, n):
        return self.computed(self.data**n, f"**{n}", (self, n * self.data ** (n - 1)))

    def relu(self):
        return self.computed(max(0.0, self.data), "ReLU", (self, float(self.data > 0)))

    def exp(self):
        return self.computed(math.exp(self.data), "exp", (self, math.exp(self.data)))

    def log(self):
        return self.computed(math.log(self.data), "log", (self, 1 / self.data))

    def tanh(self):
        return self.computed(math.tanh(self.data), "tanh", (self, 1 - math.tanh(self.data) ** 2))


def nothing():
    """The `_backward` of a leaf: with a lambda there, a model could not be pickled."""


class Micrograd(Arithmetic):
    def __init__(self, data, _children=(), _op="", label=""):
        self.data, self.grad, self._backward, self._op, self.label = data, 0.0, nothing, _op, label
        self._prev = tuple(dict.fromkeys(_children))  # a set there: another order of the same in every process

    @staticmethod
    def lifted(other):
        return other if isinstance(other, Micrograd) else Micrograd(other)

    @staticmethod
    def computed(data, op, *slopes):
        out = Micrograd(data, [parent for parent, _ in slopes], op)

        def _backward():
            for parent, slope in slopes:
                parent.grad += slope * out.grad

        out._backward = _backward
        return out

    def backward(self):
        topo, visited = [], set()

        def build(v):
            if v not in visited:
                visited.add(v)
                for child in v._prev:
                    build(child)
                topo.append(v)

        build(self)
        self.grad = 1.0
        for v in reversed(topo):
            v._backward()


class Microgpt(Arithmetic):
    def __init__(self, data, children=(), local_grads=()):
        self.data, self.grad, self._children, self._local_grads = data, 0.0, children, local_grads

    @staticmethod
    def lifted(other):
        return other if isinstance(other, Microgpt) else Microgpt(other)

    @staticmethod
    def computed(data, _, *slopes):
        return Microgpt(data, tuple(parent for parent, _ in slopes), tuple(slope for _, slope in slopes))

    def backward(self):
        backward_over_local_grads(self)


def backward_over_local_grads(root):
    topo, visited = [], set()

    def build(v):
        if v not in visited:
            visited.add(v)
            for child in v._children:
                build(child)
            topo.append(v)

    build(root)
    root.grad = 1
    for v in reversed(topo):
        for child, local_grad in zip(v._children, v._local_grads):
            child.grad += local_grad * v.grad


# What the programs share.

PROGRAMS = {}


def runs_like(reference, rounding=0.0):
    """Register a program: it gives the numbers that it gives on this plain class, to the bit or up to rounding.

    The plain classes divide by multiplying with a power, and take the slope of tanh as 1 - t².
    """

    def register(program):
        PROGRAMS[program.__name__] = program, reference, rounding
        return program

    return register


@contextmanager
def patched(cls, **members):
    """Set members of a class, as a program does once and for all, and take them back."""
    before = {name: vars(cls)[name] for name in members if name in vars(cls)}
    for name, member in members.items():
        setattr(cls, name, member)
    try:
        yield
    finally:
        for name in members:
            if name in before:
                setattr(cls, name, before[name])
            else:
                delattr(cls, name)


def matrix(V, rng, rows, columns, std=0.5):
    return [[V(rng.gauss(0, std)) for _ in range(columns)] for _ in range(rows)]


def linear(x, w):
    return [sum(wi * xi for wi, xi in zip(row, x)) for row in w]


def softmax(logits):
    largest = max(v.data for v in logits)
    exps = [(v - largest).exp() for v in logits]
    total = sum(exps)
    return [e / total for e in exps]


def descend(params, rate):
    for p in params:
        p.data -= rate * p.grad
        p.grad = 0


def numbers(params):
    return [p.data for p in params] + [p.grad for p in params]


# Programs for microgpt: an operation hands its local gradients to the constructor.


def safe_log(V, p):
    clamped = max(p.data, 1e-10)
    return V(math.log(clamped), (p,), (1 / clamped,))


@runs_like(Microgpt, rounding=1e-12)
def gpt(V):
    """Attention with two heads and a cache, weights shared by embedding and output, Adam in lists."""
    rng = random.Random(42)
    documents, letters = ["abba", "bca", "cab"], "abc"
    stop, block, width, heads = len(letters), 4, 4, 2
    size = width // heads
    state = {"wte": matrix(V, rng, stop + 1, width), "wpe": matrix(V, rng, block, width)}
    for name, rows, columns in [("wq", 4, 4), ("wk", 4, 4), ("wv", 4, 4), ("wo", 4, 4), ("fc1", 8, 4), ("fc2", 4, 8)]:
        state[f"layer0.{name}"] = matrix(V, rng, rows, columns)
    params = [p for weights in state.values() for row in weights for p in row]

    def rmsnorm(x):
        mean_square = sum(xi * xi for xi in x) / len(x)
        scale = (mean_square + 1e-5) ** -0.5
        return [xi * scale for xi in x]

    def model(token, position, keys, values):
        x = rmsnorm([t + p for t, p in zip(state["wte"][token], state["wpe"][position])])
        residual, x = x, rmsnorm(x)
        q, k, v = (linear(x, state[f"layer0.{name}"]) for name in ("wq", "wk", "wv"))
        keys.append(k)
        values.append(v)
        attended = []
        for h in range(0, width, size):
            scores = [sum(q[h + j] * k[h + j] for j in range(size)) / size**0.5 for k in keys]
            weights = softmax(scores)
            attended += [sum(w * v[h + j] for w, v in zip(weights, values)) for j in range(size)]
        x = [a + b for a, b in zip(linear(attended, state["layer0.wo"]), residual)]
        hidden = [xi.relu() ** 2 for xi in linear(rmsnorm(x), state["layer0.fc1"])]
        x = [a + b for a, b in zip(linear(hidden, state["layer0.fc2"]), x)]
        return linear(x, state["wte"])

    m, v = [0.0] * len(params), [0.0] * len(params)
    losses = []
    for step in range(4):
        document = documents[step % len(documents)]
        tokens = [stop, *map(letters.index, document), stop][: block + 1]
        keys, values = [], []
        terms = []
        for position, (token, target) in enumerate(itertools.pairwise(tokens)):
            terms.append(-safe_log(V, softmax(model(token, position, keys, values))[target]))
        loss = 1 / len(terms) * sum(terms)
        loss.backward()
        losses.append(loss.data)
        rate = 0.01 * (1 - step / 4)
        for i, p in enumerate(params):
            m[i] = 0.85 * m[i] + 0.15 * p.grad
            v[i] = 0.99 * v[i] + 0.01 * p.grad**2
            p.data -= rate * (m[i] / (1 - 0.85 ** (step + 1))) / ((v[i] / (1 - 0.99 ** (step + 1))) ** 0.5 + 1e-8)
            p.grad = 0
    keys, values, token, sample = [], [], stop, []
    for position in range(block):
        probabilities = softmax([z / 0.5 for z in model(token, position, keys, values)])
        token = rng.choices(range(stop + 1), weights=[p.data for p in probabilities])[0]
        sample.append(token)
    return losses + numbers(params) + sample


@runs_like(Microgpt, rounding=1e-12)
def grpo(V):
    """Sampled groups, advantages, a clipped ratio: the policy's gradient goes through what was sampled."""
    rng = random.Random(7)
    policy = matrix(V, rng, 3, 3)
    params = [p for row in policy for p in row]

    def clip(x, low, high):
        return V(min(max(x.data, low), high), (x,), (float(low < x.data < high),))

    history = []
    for _ in range(5):
        group = []
        for _ in range(4):
            state, logs = 0, []
            for _ in range(3):
                probabilities = softmax(policy[state])
                state = rng.choices(range(3), weights=[p.data for p in probabilities])[0]
                logs.append(safe_log(V, probabilities[state]))
            group.append((logs, 1.0 if state == 2 else -0.5 * state))
        mean = sum(reward for _, reward in group) / len(group)
        deviation = max(math.sqrt(sum((reward - mean) ** 2 for _, reward in group) / 3), 1e-8)
        loss = V(0.0)
        for logs, reward in group:
            for log in logs:
                ratio = (log - log.data).exp()
                loss = loss + (-(reward - mean) / deviation * clip(ratio, 0.8, 1.2)) + 0.01 * log
        loss = loss / 12
        loss.backward()
        history.append(loss.data)
        norm = math.sqrt(sum(p.grad**2 for p in params))
        descend(params, 0.3 * min(1.0, 1.0 / (norm + 1e-6)))
    return history + numbers(params)


@runs_like(Microgpt, rounding=1e-12)
def lstm(V):
    """Gates by an operation of the program's own; truncated backpropagation by Values of the bare data."""
    rng = random.Random(3)
    gates = {gate: (matrix(V, rng, 2, 4), [V(float(gate == "f")) for _ in range(2)]) for gate in "figo"}
    output = matrix(V, rng, 1, 2)
    params = [p for w, b in gates.values() for p in itertools.chain(*w, b)] + output[0]

    def sigmoid(x):
        s = 1 / (1 + math.exp(-x.data))
        return V(s, children=(x,), local_grads=(s * (1 - s),))

    h, c = [V(0.0), V(0.0)], [V(0.0), V(0.0)]
    losses = []
    for step in range(6):
        x = [V(float(step % 2 == i)) for i in range(2)] + h
        f, i, g, o = ([z + b for z, b in zip(linear(x, w), bias)] for w, bias in gates.values())
        c = [sigmoid(fj) * cj + sigmoid(ij) * gj.tanh() for fj, ij, gj, cj in zip(f, i, g, c)]
        h = [sigmoid(oj) * cj.tanh() for oj, cj in zip(o, c)]
        losses.append((linear(h, output)[0] - math.sin(step)) ** 2)
        if step % 3 == 2:
            loss = sum(losses[-3:]) / 3
            loss.backward()
            descend(params, 0.5)
            h, c = [V(v.data) for v in h], [V(v.data) for v in c]
    return [loss.data for loss in losses] + numbers(params)


@runs_like(Microgpt, rounding=1e-12)
def own_backward_over_local_grads(V):
    """The program walks `_children` and `_local_grads` itself, recursively and with a stack, and clips."""
    rng = random.Random(5)
    w = [V(rng.gauss(0, 1)) for _ in range(4)]
    for _ in range(3):
        x = [(w[0] * w[1] + w[2]).tanh(), w[3].exp() * w[0], w[1] ** 3]
        loss = sum((xi - 1.0) ** 2 for xi in x) / len(x)
        backward_over_local_grads(loss)
        for p in w:
            p.data -= 0.1 * max(-1.0, min(1.0, p.grad))
            p.grad = 0
    loss = w[0] * w[1] + w[0]
    order, stack, seen = [], [(loss, False)], set()
    while stack:
        v, done = stack.pop()
        if done:
            order.append(v)
        elif id(v) not in seen:
            seen.add(id(v))
            stack += [(v, True), *((child, False) for child in v._children)]
    loss.grad = 1.0
    for v in reversed(order):
        for child, local_grad in zip(v._children, v._local_grads):
            child.grad += local_grad * v.grad
    return [*numbers(w), len(order), *map(len, (loss._children, w[0]._children, w[0]._local_grads))]


@runs_like(Microgpt)
def fused_operations(V):
    """Operations of many children: a dot product, softmax with cross-entropy, a straight-through rounding."""
    rng = random.Random(9)
    w = matrix(V, rng, 3, 2)
    params = [p for row in w for p in row]

    def dot(a, b):
        children, grads = [*a, *b], [v.data for v in [*b, *a]]
        return V(sum(u.data * v.data for u, v in zip(a, b)), children, grads)

    def cross_entropy(logits, target):
        exps = [math.exp(z.data) for z in logits]
        p = [e / sum(exps) for e in exps]
        return V(-math.log(p[target]), tuple(logits), tuple(pi - (i == target) for i, pi in enumerate(p)))

    def rounded(x):
        return V(round(x.data * 4) / 4, (x,), (1,))

    losses = []
    for target in (0, 1, 2, 1):
        x = [V(rng.random()), V(rng.random())]
        loss = cross_entropy([dot([rounded(wi) for wi in row], x) for row in w], target) + 0.1 * dot(params, params)
        loss.backward()
        losses += [loss.data, *(xi.grad for xi in x)]
        descend(params, 0.2)
    return losses + numbers(params)


@runs_like(Microgpt, rounding=1e-12)
def counted_nodes(V):
    """`Value.__init__` replaced by one that counts, and calls the old one with three arguments."""
    count, init = 0, V.__init__

    def counting(self, data, children=(), local_grads=()):
        nonlocal count
        count += 1
        init(self, data, children, local_grads)

    with patched(V, __init__=counting):
        a, b = V(2.0), V(-3.0, (), ())
        c = (a * b + b).tanh() * V(0.5) + a * 10
        c.backward()
    d = a * b
    d.backward()
    return [count, c.data, d.data, a.grad, b.grad]


@runs_like(Microgpt)
def subclass_with_local_grads(V):
    """A parameter with a name and moments, and a subclass for the operations of the program's own."""

    class Parameter(V):
        def __init__(self, data, name):
            super().__init__(data)
            self.name, self.m, self.v = name, 0.0, 0.0

    class Number(V):
        def __init__(self, data, children=(), local_grads=()):
            super().__init__(data, children, local_grads)

        def sigmoid(self):
            s = 1 / (1 + math.exp(-self.data))
            return type(self)(s, (self,), (s * (1 - s),))

    params = [Parameter(0.3 * i - 0.4, f"w{i}") for i in range(3)]
    losses = []
    for step in range(1, 4):
        out = Number(0.5)
        for p in params:
            out = Number(out.data * p.data, (out, p), (p.data, out.data)).sigmoid()
        loss = (out - 1) ** 2 * -1 + 2
        loss.backward()
        losses.append(loss.data)
        for p in params:
            p.m = 0.9 * p.m + 0.1 * p.grad
            p.v = 0.999 * p.v + 0.001 * p.grad**2
            p.data -= 0.01 * p.m / (1 - 0.9**step) / (math.sqrt(p.v / (1 - 0.999**step)) + 1e-8)
            p.grad = 0.0
    assert [p.name for p in params] == ["w0", "w1", "w2"]
    return losses + numbers(params)


# Programs for micrograd: an operation gets a closure.


def tanh(V, x):
    t = (math.exp(2 * x.data) - 1) / (math.exp(2 * x.data) + 1)
    out = V(t, (x,), "tanh")

    def _backward():
        x.grad += (1 - t**2) * out.grad

    out._backward = _backward
    return out


def sigmoid(V, x):
    s = 1 / (1 + math.exp(-x.data))
    out = V(s, (x,), "sigmoid")

    def _backward():
        x.grad += s * (1 - s) * out.grad

    out._backward = _backward
    return out


class Module:
    def parameters(self):
        return []

    def zero_grad(self):
        for p in self.parameters():
            p.grad = 0


class Neuron(Module):
    """As people write it out once more: with a bias that may be absent, and an activation handed in."""

    def __init__(self, V, rng, nin, activation=None, bias=True):
        self.w = [V(rng.uniform(-1, 1)) for _ in range(nin)]
        self.b = V(0) if bias else None
        self.activation = activation

    def __call__(self, x):
        act = sum((wi * xi for wi, xi in zip(self.w, x)), self.b or 0)
        return self.activation(act) if self.activation else act

    def parameters(self):
        return self.w + ([self.b] if self.b else [])


class MLP(Module):
    def __init__(self, V, rng, nin, nouts, activation, bias=True):
        sizes = [nin, *nouts]
        self.layers = [
            [Neuron(V, rng, a, activation if i + 2 < len(sizes) else None, bias) for _ in range(b)]
            for i, (a, b) in enumerate(itertools.pairwise(sizes))
        ]

    def __call__(self, x):
        for layer in self.layers:
            x = [neuron(x) for neuron in layer]
        return x[0] if len(x) == 1 else x

    def parameters(self):
        return [p for layer in self.layers for neuron in layer for p in neuron.parameters()]


def relu(x):
    return x.relu()


@runs_like(Micrograd)
def xor(V):
    """Adam with its moments as attributes of the Values; biases of 0 that `or` and `if` look at."""
    model = MLP(V, random.Random(1), 2, [3, 1], functools.partial(tanh, V))
    for p in model.parameters():
        p.m = p.v = 0.0
    losses = []
    for step in range(1, 9):
        loss = V(0)
        for a, b in itertools.product((0, 1), repeat=2):
            loss += (model([a, b]) - (1 if a != b else -1)) ** 2
        loss /= 4
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.m = 0.9 * p.m + 0.1 * p.grad
            p.v = 0.99 * p.v + 0.01 * p.grad**2
            p.data += -0.05 * p.m / (1 - 0.9**step) / (math.sqrt(p.v / (1 - 0.99**step)) + 1e-8)
        losses.append(loss.data)
    return losses + numbers(model.parameters()) + [len(model.parameters())]


@runs_like(Micrograd, rounding=1e-12)
def char_rnn(V):
    """Recurrence over a word with closures: the same weights at every step."""
    rng = random.Random(2)
    letters = "helo"
    wxh, whh, why = matrix(V, rng, 3, 4), matrix(V, rng, 3, 3), matrix(V, rng, 4, 3)
    bias = [V(0.0, label=f"b{i}") for i in range(3)]
    params = [p for weights in (wxh, whh, why) for row in weights for p in row] + bias
    losses = []
    for _ in range(3):
        h, loss = [V(0.0)] * 3, 0.0
        for letter, following in itertools.pairwise("hello"):
            x = [V(float(letter == other)) for other in letters]
            sums = [a + b + c for a, b, c in zip(linear(x, wxh), linear(h, whh), bias)]
            h = [tanh(V, s) for s in sums]
            probabilities = softmax(linear(h, why))
            loss = loss - probabilities[letters.index(following)].log()
        loss.backward()
        losses.append(loss.data)
        for p in params:
            p.data -= 0.1 * min(max(p.grad, -5), 5)
        for p in params:
            p.grad = 0.0
    return losses + numbers(params)


@runs_like(Micrograd, rounding=1e-12)
def gan(V):
    """Two models, each step against the other; momentum in a dictionary whose keys are the Values."""
    rng = random.Random(4)
    generator = MLP(V, rng, 1, [3, 1], functools.partial(tanh, V))
    discriminator = MLP(V, rng, 1, [3, 1], relu)
    velocity = dict.fromkeys(generator.parameters() + discriminator.parameters(), 0.0)

    def step(model):
        for p in model.parameters():
            velocity[p] = 0.5 * velocity[p] - 0.1 * p.grad
            p.data += velocity[p]

    losses = []
    for _ in range(4):
        real, noise = [rng.gauss(2, 0.3) for _ in range(3)], [rng.uniform(-1, 1) for _ in range(3)]
        fake = [V(generator([z]).data) for z in noise]
        judged = [(discriminator([x]), 1) for x in real] + [(discriminator([x]), 0) for x in fake]
        d_loss = sum(-(sigmoid(V, s) if is_real else 1 - sigmoid(V, s)).log() for s, is_real in judged) / len(judged)
        discriminator.zero_grad()
        d_loss.backward()
        step(discriminator)
        g_loss = sum(-sigmoid(V, discriminator([generator([z])])).log() for z in noise) / len(noise)
        generator.zero_grad()
        discriminator.zero_grad()
        g_loss.backward()
        step(generator)
        losses += [d_loss.data, g_loss.data]
    return losses + numbers(velocity) + list(velocity.values())


@runs_like(Micrograd, rounding=1e-12)
def bandit(V):
    """REINFORCE with a baseline on a bandit with four arms; the greedy arm by `max` with a key."""
    rng = random.Random(6)
    preferences = [V(0.0) for _ in range(4)]
    means, baseline, history = [0.1, 0.9, 0.4, 0.2], 0.0, []
    for pull in range(12):
        policy = softmax(preferences)
        arm = rng.choices(range(4), [p.data for p in policy])[0]
        reward = rng.gauss(means[arm], 0.1)
        baseline += (reward - baseline) / (pull + 1)
        entropy = -sum(p * p.log() for p in policy)
        loss = -(reward - baseline) * policy[arm].log() - 0.01 * entropy
        loss.backward()
        history.append(loss.data)
        descend(preferences, 0.4)
    best = max(preferences, key=lambda v: v.data)
    return history + numbers(preferences) + [preferences.index(best), *(v.data for v in sorted(preferences))]


@runs_like(Micrograd, rounding=1e-12)
def bigrams(V):
    """A makemore bigram model: one-hot rows, counts as a check, a penalty on the weights."""
    words = ["emma", "ava", "mae"]
    letters = [".", *sorted(set("".join(words)))]
    index = {letter: i for i, letter in enumerate(letters)}
    weights = matrix(V, random.Random(8), len(letters), len(letters), 1)
    params = [p for row in weights for p in row]
    losses = []
    for _ in range(3):
        terms = [softmax(weights[index[a]])[index[b]].log() for w in words for a, b in zip("." + w, w + ".")]
        penalty = sum((p**2 for p in params), V(0)) / len(params)
        loss = -sum(terms) / len(terms) + 0.01 * penalty
        for p in params:
            p.grad = 0.0
        loss.backward()
        losses.append(loss.data)
        for p in params:
            p.data += -2 * p.grad
    return losses + numbers(params)


@runs_like(Micrograd, rounding=1e-12)
def batch_norm(V):
    """Embeddings looked up by index, normalisation over the batch by hand, running means outside the graph."""
    rng = random.Random(10)
    table, w = matrix(V, rng, 4, 2, 1), matrix(V, rng, 3, 4, 1)
    gain, shift = [V(1) for _ in range(3)], [V(0) for _ in range(3)]
    out = matrix(V, rng, 4, 3)
    params = [p for row in (*table, *w, gain, shift, *out) for p in row]
    running, losses = [0.0] * 3, []
    for _ in range(2):
        batch = [([0, 1], 2), ([1, 2], 3), ([2, 3], 0), ([3, 3], 1)]
        columns = list(zip(*(linear(table[a] + table[b], w) for (a, b), _ in batch)))
        hidden = []
        for j, column in enumerate(columns):
            mean = sum(column) / len(column)
            variance = sum((x - mean) ** 2 for x in column) / (len(column) - 1)
            running[j] = 0.9 * running[j] + 0.1 * mean.data
            hidden.append([tanh(V, gain[j] * (x - mean) / (variance + 1e-5) ** 0.5 + shift[j]) for x in column])
        predictions = [softmax(linear(h, out)) for h in zip(*hidden)]
        loss = -sum(p[target].log() for p, (_, target) in zip(predictions, batch)) / len(batch)
        loss.backward()
        losses.append(loss.data)
        descend(params, 0.3)
    return losses + numbers(params) + running


@runs_like(Micrograd)
def autoencoder(V):
    """A variational autoencoder: noise in the graph, weights shared by encoder and decoder, dropout masks."""
    rng = random.Random(11)
    w = matrix(V, rng, 2, 3)
    log_variance = [V(-1.0), V(-1.0)]
    params = [p for row in w for p in row] + log_variance
    losses = []
    for _ in range(3):
        x = [V(rng.random()) * (rng.random() > 0.3) for _ in range(3)]
        mean = linear(x, w)
        z = [m + (0.5 * lv).exp() * rng.gauss(0, 1) for m, lv in zip(mean, log_variance)]
        decoded = linear(z, list(zip(*w)))
        divergence = -0.5 * sum(1 + lv - m**2 - lv.exp() for m, lv in zip(mean, log_variance))
        loss = sum((a - b) ** 2 for a, b in zip(x, decoded)) + 0.1 * divergence
        loss.backward()
        losses.append(loss.data)
        descend(params, 0.05)
    return losses + numbers(params)


@runs_like(Micrograd, rounding=1e-12)
def experts(V):
    """The two best experts of three, by sorting the router's probabilities; hinge loss with `max`."""
    rng = random.Random(12)
    router, models = matrix(V, rng, 3, 2, 1), [MLP(V, rng, 2, [2, 1], relu, bias=False) for _ in range(3)]
    params = [p for row in router for p in row] + [p for model in models for p in model.parameters()]
    losses = []
    for _ in range(4):
        x, y = [rng.uniform(-1, 1), rng.uniform(-1, 1)], rng.choice((-1, 1))
        gates = softmax(linear(x, router))
        chosen = sorted(range(3), key=lambda i: gates[i].data, reverse=True)[:2]
        total = functools.reduce(operator.add, [gates[i] for i in chosen])
        score = sum(gates[i] / total * models[i](x) for i in chosen)
        margin = 1 - y * score
        loss = margin if margin.data > 0 else margin * 0
        loss = loss + 1e-3 * sum(p * p for p in params)
        loss.backward()
        losses += [loss.data, *chosen]
        descend(params, 0.1)
    return losses + numbers(params)


@runs_like(Micrograd)
def convolution(V):
    """One kernel over a line of pixels, pooled by the largest: each weight has many parents."""
    rng = random.Random(13)
    kernel, bias = [V(rng.gauss(0, 1)) for _ in range(3)], V(0.0)
    image = [rng.random() for _ in range(8)]
    losses = []
    for _ in range(3):
        features = [(sum(k * x for k, x in zip(kernel, image[i:])) + bias).relu() for i in range(6)]
        pooled = [max(features[i : i + 2], key=lambda v: v.data) for i in range(0, 6, 2)]
        loss = (sum(pooled) - 2) ** 2
        loss.backward()
        losses.append(loss.data)
        descend([*kernel, bias], 0.01)
    return losses + numbers([*kernel, bias])


@runs_like(Micrograd)
def subclass_with_closures(V):
    """A subclass with methods and operations of its own, some by `super`, among plain Values and numbers."""

    class Number(V):
        def __init__(self, data, _children=(), _op="", label=""):
            super().__init__(data, _children, _op, label)

        def __add__(self, other):
            other = other if isinstance(other, V) else Number(other)
            out = Number(self.data + other.data, (self, other), "+")

            def _backward():
                self.grad += out.grad
                other.grad += out.grad

            out._backward = _backward
            return out

        __radd__ = __add__

        def cube(self):
            out = self.__class__(self.data**3, (self,), "cube", label=f"{self.label}³")

            def _backward():
                self.grad += 3 * self.data**2 * out.grad

            out._backward = _backward
            return out

        def __mul__(self, other):
            out = super().__mul__(other)
            out.made_by = "Number"
            return out

    a, b, c = Number(0.5, label="a"), Number(-1.5), V(2.0)
    total = sum([a.cube(), b, 3 + a, c + b])
    product = a * b * 2
    assert isinstance(total, Number)
    assert type(product) is V
    assert (a * b).made_by == "Number"
    assert a.cube().label == "a³"
    loss = total * product + total
    loss.backward()
    return [loss.data, a.grad, b.grad, c.grad]


@runs_like(Micrograd)
def patched_methods(V):
    """Methods and operators set on the class from outside, over those that are there and new ones."""

    def add(self, other):
        other = other if isinstance(other, V) else V(other)
        out = V(self.data + other.data, (self, other), "+")

        def _backward():
            self.grad += out.grad
            other.grad += out.grad

        out._backward = _backward
        return out

    def log(self):
        out = V(math.log(max(self.data, 1e-6)), (self,), "log")

        def _backward():
            self.grad += out.grad / max(self.data, 1e-6)

        out._backward = _backward
        return out

    def backward(self):
        order, seen = [], set()

        def build(v):
            if v not in seen:
                seen.add(v)
                for child in v._prev:
                    build(child)
                order.append(v)

        build(self)
        self.grad = 1.0
        for v in reversed(order):
            v._backward()
            v.visits = getattr(v, "visits", 0) + 1

    def leaky(self):
        return self * (1 if self.data > 0 else 0.1)

    members = {
        "__add__": add,
        "__radd__": add,
        "log": log,
        "tanh": lambda self: tanh(V, self),
        "leaky": leaky,
        "half": property(lambda self: self * 0.5),
        "zeros": classmethod(lambda cls, n: [cls(0.0) for _ in range(n)]),
        "count": 3,
        "backward": backward,
        "__repr__": lambda self: f"<{self.data}>",
    }
    with patched(V, **members):
        a, (b, c) = V(0.7), V.zeros(2)
        loss = (a + 2).tanh() * 3 + 1 + (b + a).leaky() + (b - a).leaky() + c.log() * a + sum([a, b]).half
        loss.backward()
        assert repr(a) == str(a) == f"{a}" == "<0.7>"
        assert a.visits == loss.visits == 1
        assert V.count == a.count == 3
    again = a * a + b
    again.backward()
    return [loss.data, again.data, a.grad, b.grad, c.grad]


@runs_like(Micrograd)
def patched_constructor(V):
    """`__init__` replaced by one that gives every node an identity and takes more keywords."""
    numbers_made, init = itertools.count(), V.__init__

    def numbered(self, data, _children=(), _op="", label="", trainable=False):
        init(self, data, _children, _op, label)
        self.serial, self.trainable = next(numbers_made), trainable

    with patched(V, __init__=numbered):
        a = V(0.5, label="a", trainable=True)
        b = tanh(V, a * a) + V(1, (), "", "one")
        b.backward()
        nodes = [b, *b._prev, *b._prev[0]._prev]
    return [b.data, a.grad, *(v.serial for v in nodes), sum(v.trainable for v in (*nodes, a))]


@runs_like(Micrograd, rounding=1e-12)
def constructor_replaced(V):
    """`__init__` written anew in micrograd's words, without a call of the one that was there."""

    def init(self, data, _children=(), _op="", label=""):
        self.data, self.grad, self.label, self._op = data, 0, label, _op
        self._backward = nothing
        self._prev = set(_children)
        self.depth = 1 + max((child.depth for child in _children), default=0)

    with patched(V, __init__=init):
        a, b = V(2.0, label="a"), V(-3.0)
        c = tanh(V, a * b / 4 - b) + a * a - a.exp()
        c.backward()
    return [c.data, a.grad, b.grad, a.depth]


@runs_like(Micrograd)
def own_drawing(V):
    """micrograd's trace and draw_dot, on a stand-in for graphviz' Digraph."""

    class Digraph:
        def __init__(self, **_):
            self.nodes, self.edges = {}, []

        def node(self, name, label, shape=""):
            self.nodes[name] = label

        def edge(self, tail, head):
            self.edges.append((tail, head))

    a, b, c = V(2.0, label="a"), V(-3.0, label="b"), V(10.0, (), "", "c")
    d = tanh(V, a * b + c)
    d.label = "d"
    loss = d * d + a * a * b
    loss.backward()
    nodes, edges = set(), set()

    def build(v):
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                build(child)

    build(loss)
    dot = Digraph(format="svg", graph_attr={"rankdir": "LR"})
    for v in nodes:
        name = str(id(v))
        dot.node(name, "{ %s | data %.4f | grad %.4f }" % (v.label, v.data, v.grad), shape="record")  # noqa: UP031
        if v._op:
            dot.node(name + v._op, v._op)
            dot.edge(name + v._op, name)
    for tail, head in edges:
        dot.edge(str(id(tail)), str(id(head)) + head._op)
    assert all(tail in dot.nodes and head in dot.nodes for tail, head in dot.edges)
    return [*sorted(dot.nodes.values()), len(dot.edges)]


@runs_like(Micrograd)
def own_walks(V):
    """Backward by hand: node by node as in the lecture, recursively, with a list as the set, and by levels."""
    a, b, c, f = V(2.0), V(-3.0), V(10.0), V(-2.0)
    e = a * b
    d = e + c
    loss = d * f
    loss.grad = 1.0
    for v in (loss, f, d, c, e, b, a):
        v._backward()
    by_hand = [v.grad for v in (a, b, c, d, e, f)]
    a.grad = b.grad = 0
    h = tanh(V, a * b) * a + b.exp()
    root, visited, order = h * h + h, [], []

    def build(v):
        if v not in visited:
            visited.append(v)
            for child in v._prev:
                build(child)
            order.append(v)

    build(root)
    root.grad = 1
    for v in order[::-1]:
        v._backward()
    waiting, reached = [root], {root}
    while waiting:
        for child in waiting.pop(0)._prev:
            if child not in reached:
                reached.add(child)
                waiting.append(child)
    leaves = [v for v in order if not v._prev]
    return [*by_hand, a.grad, b.grad, len(order), len(reached), len(leaves), reached == set(visited)]


@runs_like(Micrograd)
def fields_set_later(V):
    """Parents, name and closure set on a Value that was made of a number: in any order, parents of any kind."""
    logits = [V(0.3), V(-0.2), V(0.8)]
    scaled = [z * 2 for z in logits]
    exps = [math.exp(z.data) for z in scaled]
    p = [e / sum(exps) for e in exps]
    loss = V(-math.log(p[1]))

    def _backward():
        for i, z in enumerate(scaled):
            z.grad += (p[i] - (i == 1)) * loss.grad

    loss._backward = _backward
    loss._prev = dict.fromkeys(scaled).keys() if V is Micrograd else set(scaled)
    loss._op = "cross_entropy"
    square = V(loss.data**2)
    square._prev = [loss]
    square._backward = lambda: setattr(loss, "grad", loss.grad + 2 * loss.data * square.grad)
    square._op = "square"
    (square + 1).backward()
    one, two = V(1.5), V(2.5)
    instead, beside = one * two, one * two
    instead._backward = lambda: setattr(two, "grad", two.grad + 7 * instead.grad)
    instead._prev = [two]
    beside._prev = (*beside._prev, V(0.5))
    (instead * 2 + beside).backward()
    cut = scaled[0] * 3
    cut._prev, cut._backward = (), lambda: None
    (cut * 2).backward()
    assert (loss._op, square._op) == ("cross_entropy", "square")
    return [loss.data, *(v.grad for v in (*logits, one, two, cut)), len(loss._prev), len(beside._prev)]


@runs_like(Micrograd)
def hooks(V):
    """A closure wrapped around the one that is there: clip or record what passes."""
    a, b = V(1.5), V(-0.5)
    product, seen = a * b, []
    inner = product._backward

    def clipped():
        seen.append(product.grad)
        product.grad = max(-1.0, min(1.0, product.grad))
        inner()

    product._backward = clipped
    b._backward = lambda: seen.append(b.grad)
    (product * 5 + a).backward()
    return [a.grad, b.grad, *seen]


@runs_like(Micrograd, rounding=1e-12)
def gradient_check(V):
    """Central differences, by changing the data in place and computing again; a Hessian from gradients."""
    params = [V(0.4), V(-1.2), V(0.9)]

    def loss():
        a, b, c = params
        return (a * b + tanh(V, c)) ** 2 / (b**2 + 1) + (a - c).exp()

    def gradients():
        for p in params:
            p.grad = 0
        loss().backward()
        return [p.grad for p in params]

    exact, hessian = gradients(), []
    for p, g in zip(params, exact):
        before, h = p.data, 1e-5
        p.data = before + h
        above, gradients_above = loss().data, gradients()
        p.data = before - h
        below = loss().data
        p.data = before
        assert (above - below) / (2 * h) == pytest.approx(g, rel=1e-8)
        hessian += [(x - y) / h for x, y in zip(gradients_above, exact)]
    assert hessian[1] == pytest.approx(hessian[3], abs=1e-3)
    return [*exact, loss().data, *(p.data for p in params)]


@runs_like(Micrograd)
def accumulated_batches(V):
    """Gradients of several batches before a step, frozen parameters in a set, the rate by a schedule, L1."""
    model = MLP(V, random.Random(14), 2, [2, 2], relu)
    params = model.parameters()
    frozen = {params[0], params[3]}
    assert len(set(params)) == len(params)
    losses = []
    for step in range(4):
        model.zero_grad()
        for batch in ([(1.0, 2.0)], [(-1.0, 0.5), (0.3, 0.3)]):
            outputs = [model(list(x)) for x in batch]
            loss = sum(y.relu() + (-y).relu() for out in outputs for y in out) / len(batch) / 2
            loss.backward()
            losses.append(loss.data)
        rate = 0.05 * 0.5 * (1 + math.cos(math.pi * step / 4))
        for p in params:
            if p not in frozen:
                p.data -= rate * p.grad
    return losses + numbers(params)


@runs_like(Micrograd)
def target_network(V):
    """Q-learning: a deep copy of the model that follows it slowly, and a shallow one of a parameter."""
    rng = random.Random(15)
    model = MLP(V, rng, 1, [3, 2], relu)
    target = copy.deepcopy(model)
    assert not {id(p) for p in target.parameters()} & {id(p) for p in model.parameters()}
    losses = []
    for _ in range(4):
        state, reward, following = rng.random(), rng.random(), rng.random()
        action = max(range(2), key=lambda i: model([state])[i].data)
        wanted = reward + 0.9 * max(q.data for q in target([following]))
        loss = (model([state])[action] - wanted) ** 2
        model.zero_grad()
        loss.backward()
        losses.append(loss.data)
        for p, t in zip(model.parameters(), target.parameters()):
            p.data -= 0.1 * p.grad
            t.data = 0.9 * t.data + 0.1 * p.data
    twin = copy.copy(model.parameters()[0])
    twin.data += 1
    return losses + numbers(model.parameters()) + numbers(target.parameters()) + [twin.data]


@runs_like(Micrograd)
def saved_and_loaded(V):
    """Data as JSON, by an encoder of the program's own, too; parameters with attributes in a pickle."""

    class Encoder(json.JSONEncoder):
        def default(self, thing):
            return thing.data if isinstance(thing, V) else super().default(thing)

    weights = {"w": [V(0.5), V(-2.0)], "b": V(0.0)}
    (weights["w"][0] * weights["w"][1] + weights["b"]).backward()
    for p in weights["w"]:
        p.m = p.grad / 2
    state = json.loads(json.dumps(weights, cls=Encoder))
    assert state == {"w": [p.data for p in weights["w"]], "b": weights["b"].data}
    loaded = {"w": [V(x) for x in state["w"]], "b": V(state["b"])}
    file = io.BytesIO()
    pickle.dump(weights, file)
    file.seek(0)
    pickled = pickle.load(file)
    loss = pickled["w"][0] * pickled["w"][0] * 3
    loss.backward()
    moments = [p.m for p in pickled["w"]]
    return numbers(loaded["w"]) + numbers([*pickled["w"], pickled["b"]]) + moments + [loss.data]


@runs_like(Micrograd, rounding=1e-12)
def iterations(V):
    """Fixed points, gradient ascent on an input, and a stop by comparing losses with each other and with numbers."""
    x, best, losses = V(3.0), float("inf"), []
    while True:
        loss = (x - 1) ** 2 / 2 + 0.1 / (x + 2)
        if best < loss.data + 1e-3 or not loss:
            break
        best = min(best, loss.data)
        losses.append(loss)
        x.grad = 0.0
        loss.backward()
        x.data -= 0.5 * x.grad
    y = V(0.5)
    for _ in range(5):
        y = (y + 2 / y) / 2
    y.backward()
    running = list(itertools.accumulate(losses, lambda a, b: 0.9 * a + 0.1 * b))
    worst = max(losses)
    return [x.data, x.grad, y.data, len(losses), worst.data, running[-1].data, losses.index(worst)]


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_gives_the_numbers_of_the_plain_class(Value, name):
    program, reference, rounding = PROGRAMS[name]
    expected = program(reference)
    assert len(set(expected)) > 1, "a program that computes nothing would pass"
    assert program(Value) == (pytest.approx(expected, rel=rounding, abs=1e-15) if rounding else expected)


# micrograd's demo, unedited but for the name of the package or not even that.

DEMO = """
import math
import random
from micrograd.engine import Value
from micrograd.nn import Neuron, Layer, MLP

random.seed(1337)
X, y = [], []
for i in range(20):
    a = math.pi * random.random()
    up = i % 2
    X.append([math.cos(a) + (not up), (math.sin(a) if up else 0.5 - math.sin(a)) + random.gauss(0, 0.1)])
    y.append(2 * up - 1)

model = MLP(2, [6, 6, 1])
print(len(model.parameters()))

def loss():
    inputs = [list(map(Value, xrow)) for xrow in X]
    scores = list(map(model, inputs))
    losses = [(1 + -yi*scorei).relu() for yi, scorei in zip(y, scores)]
    data_loss = sum(losses) * (1.0 / len(losses))
    alpha = 1e-4
    reg_loss = alpha * sum((p*p for p in model.parameters()))
    total_loss = data_loss + reg_loss
    accuracy = [(yi > 0) == (scorei.data > 0) for yi, scorei in zip(y, scores)]
    return total_loss, sum(accuracy) / len(accuracy)

for k in range(4):
    total_loss, acc = loss()
    model.zero_grad()
    total_loss.backward()
    learning_rate = 1.0 - 0.9*k/100
    for p in model.parameters():
        p.data -= learning_rate * p.grad
    print(f"step {k} loss {total_loss.data:.9f}, accuracy {acc*100}%")

for p in model.parameters():
    print(f"{p.data:.9f} {p.grad:.9f}")
"""


@pytest.fixture(scope="module")
def demo_of_the_plain_class():
    package, submodules = types.ModuleType("micrograd"), {}
    for name, members in {
        "engine": {"Value": Micrograd},
        "nn": {
            "MLP": lambda nin, nouts: MLP(Micrograd, random, nin, nouts, relu),
            "Neuron": Neuron,
            "Layer": None,
        },
    }.items():
        submodules[f"micrograd.{name}"] = module = types.ModuleType(f"micrograd.{name}")
        vars(module).update(members)
    printed, state = io.StringIO(), random.getstate()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
        for name, module in {"micrograd": package, **submodules}.items():
            patch.setitem(sys.modules, name, module)
        exec(DEMO, {})
    random.setstate(state)
    return printed.getvalue()


ENTRANCES = {
    "replaced": DEMO.replace("micrograd", "scalargrad"),
    "sys.modules": f"""
import sys
import scalargrad
before = scalargrad.engine, scalargrad.nn, scalargrad.Value, scalargrad.nn.MLP
sys.modules["micrograd"] = scalargrad
{DEMO}
import micrograd.engine
import micrograd.nn as nn
from micrograd import engine
assert (engine, nn, Value, MLP) == (scalargrad.engine, scalargrad.nn, scalargrad.Value, nn.MLP) == before
""",
    "micrograd": DEMO,
}


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_demo_of_micrograd(engine, entrance, demo_of_the_plain_class):
    if entrance == "micrograd":
        pytest.importorskip("micrograd")
    done = subprocess.run(
        [sys.executable, "-c", ENTRANCES[entrance]],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": ":".join(filter(None, sys.path)), "SCALARGRAD_ENGINE": engine.name},
    )
    assert (done.stdout, done.stderr) == (demo_of_the_plain_class, "")


# What single lines of such programs rely on.


def cubed(V, x):
    return V(x.data**3, (x,), (3 * x.data**2,))


def test_third_argument_is_a_name_or_the_local_gradients(Value):
    x, y = Value(2.0), Value(5.0)
    for node in [
        Value(1.0, (x, y), (3, True)),
        Value(1.0, [x, y], [3.0, 1]),
        Value(1.0, children=(x, y), local_grads=(3.0, 1.0)),
        Value(1.0, (x, y), local_grads=[3.0, 1.0]),
    ]:
        x.grad = y.grad = 0
        (node * 2).backward()
        assert (x.grad, y.grad) == (6.0, 2.0)
        assert (node._children, node._local_grads) == ((x, y), (3.0, 1.0))
        assert node.local_gradients == (3.0, 1.0)
        assert {type(g) for g in node._local_grads} == {float}
        assert node._op == ""
    for leaf in (Value(1.0), Value(1.0, (), ()), Value(1.0, [], []), Value(1.0, children=(), local_grads=())):
        assert (leaf._children, leaf._local_grads) == ((), ())
    assert Value(1.0, (x,), "name")._op == "name"
    assert cubed(Value, cubed(Value, x))._children[0]._local_grads == (12.0,)


@pytest.mark.parametrize("third", [3, 2.0, None, {1.0}, b"+", ..., ("1",), ([1.0],), (None,), (1j,)], ids=repr)
def test_anything_else_in_third_place_is_refused(Value, third):
    x = Value(2.0)
    for children in ((x,), ()):
        with pytest.raises((TypeError, ValueError)):
            Value(1.0, children, third)
    with pytest.raises(TypeError):
        Value(1.0, (x,), (x,))


@pytest.mark.parametrize("grads", [(1.0, 2.0), [1.0, 2.0, 3.0]])
def test_as_many_local_gradients_as_children(Value, grads):
    with pytest.raises((TypeError, ValueError), match=str(len(grads))):
        Value(1.0, (Value(2.0),), grads)


def test_children_are_of_the_same_engine(Value):
    others = [engine.Value(2.0) for engine in ENGINES.values() if engine.Value is not Value]
    for other in others:
        for third in ((1.0,), "f"):
            with pytest.raises(TypeError):
                Value(1.0, (other,), third)
        with pytest.raises(TypeError):
            Value(1.0)._prev = [other]


def test_anomaly_in_a_node_of_local_gradients(Value):
    with scalargrad.detect_anomaly(), pytest.raises(FloatingPointError, match="nan"):
        Value(math.nan, (Value(2.0),), (1.0,))


def test_node_of_local_gradients_is_a_node_like_others(Value):
    x = Value(2.0, label="x")
    y = cubed(Value, x)
    x.data = 100.0
    for twin in (y, copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        twin.backward()
        assert (twin.data, twin._prev[0].grad, twin._prev[0].label) == (8.0, 12.0, "x")
    with scalargrad.no_grad():
        assert cubed(Value, x)._prev == ()
    with pytest.raises(TypeError, match="by hand"):
        y.backward(create_graph=True)
    with pytest.raises(TypeError, match="by hand"):
        y.forward()


def test_node_of_local_gradients_is_freed_with_its_name(Value):
    class Node(Value):
        def __del__(self):
            freed.append(self.data)

    freed, x = [], Value(2.0)
    gc.disable()
    try:
        node = Node(8.0, (x,), (12.0,))
        (node * 2).backward()
        del node
        assert freed == [8.0]
    finally:
        gc.enable()


def test_patched_constructor_makes_the_node_of_every_operation(Value):
    init, made = Value.__init__, []

    def counting(self, *arguments, **keywords):
        init(self, *arguments, **keywords)
        made.append(self)

    @scalargrad.operation
    def weighted(x, y, z):
        return x * y + z, (y, x, 1.0)

    with patched(Value, __init__=counting):
        table = [op for op in scalargrad.ops.TABLE.values() if op.name not in OF_ORDER]
        for op in (*table, weighted):
            operands = [Value(0.5) for _ in op.partials]
            made.clear()
            node = op(*operands)
            assert made == [node], op.name
            expected = node.local_gradients
            node.backward()
            assert [x.grad for x in operands] == list(expected)
        made.clear()
        node = operands[0] * 3
        assert made == [node._prev[1], node]


def test_a_value_is_true(Value):
    zero = Value(0)
    assert bool(zero)
    assert (zero or 5) is zero
    assert all([zero, Value(0.0)])
    assert list(filter(None, [zero])) == [zero]


def test_parents_equal_a_set_and_stay_in_order(Value):
    x, w = Value(2.0), Value(3.0)
    node = w * x
    assert node._prev == {x, w}
    assert {x, w} == node._prev
    assert node._prev == (w, x)
    assert node._prev != {x}
    assert node._prev != {x, w, node}
    assert (x * x)._prev == {x}
    assert x._prev == set()
    assert list(node._prev) == [w, x]
    assert isinstance(node._prev, tuple)
    assert not node._prev != {x, w}  # noqa: SIM202 - != is a method of its own


@pytest.mark.parametrize("parents", [None, 3, [1.0], "ab"], ids=repr)
def test_parents_are_values(Value, parents):
    with pytest.raises(TypeError):
        Value(1.0)._prev = parents
    with pytest.raises(TypeError):
        Value(1.0, parents, "f")


def test_powers_are_named_as_micrograd_names_them(Value):
    x = Value(2.0)
    assert [(x**n)._op for n in (2, -1, 0.5)] == ["**2", "**-1", "**0.5"]
    assert [(x + 1)._op, (x * 2)._op, x.relu()._op, x._op] == ["+", "*", "ReLU", ""]


def test_names_of_other_libraries(Value):
    assert Value(2.5).item() == 2.5
    assert Value(1.0, name="a").label == "a"
    with pytest.raises(TypeError):
        Value(1.0, label="a", name="b")
    with Value.no_grad():
        assert (Value(2.0) * 3)._prev == ()
    assert (Value(2.0) * 3)._prev != ()


def test_networks_of_pytorchs_parts():
    nn = scalargrad.nn
    random.seed(3)
    first, second = nn.Linear(2, 3), nn.Linear(3, 1)
    model = nn.Sequential(first, nn.ReLU(), second, nn.Tanh())
    x = [0.5, -1.0]
    hidden = [max(0.0, n.b.data + n.w[0].data * x[0] + n.w[1].data * x[1]) for n in first.neurons]
    (last,) = second.neurons
    out = model(x)
    assert out.data == pytest.approx(
        math.tanh(last.b.data + sum(w.data * h for w, h in zip(last.w, hidden))), rel=1e-15
    )
    assert model.parameters() == first.parameters() + second.parameters()
    assert len(model.parameters()) == 2 * 3 + 3 + 3 + 1
    out.backward()
    assert last.b.grad == pytest.approx(1 - out.data**2, rel=1e-14)
    model.zero_grad()
    assert not any(p.grad for p in model.parameters())
    assert [y.data for y in nn.Tanh()([scalargrad.Value(0.5), scalargrad.Value(-1.0)])] == [
        math.tanh(0.5),
        -math.tanh(1),
    ]


def test_copy_of_a_closure_is_refused_with_the_way_out(Value):
    x = Value(2.0)
    for node in (sigmoid(Value, x), sigmoid(Value, x) + 1):
        for twin in (copy.deepcopy, pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError, match=r"hand-written _backward.*(local_grads|operation|detach|state_dict)"):
                twin(node)


class Scalar:
    """A tensor without dimensions, as far as a program sees it that does not know its library."""

    shape, ndim = (), 0

    def __init__(self, number):
        self.number = number

    def __float__(self):
        return float(self.number)

    def item(self):
        return self.number


def scalars():
    yield Scalar
    for library, name in [("numpy", "array"), ("torch", "tensor")]:
        try:
            yield getattr(__import__(library), name)
        except ImportError:
            continue


@pytest.mark.parametrize("scalar", list(scalars()), ids=lambda scalar: scalar.__name__)
def test_arrays_without_dimensions_are_numbers(Value, scalar):
    x = Value(scalar(2.0))
    assert (x.data, type(x.data)) == (2.0, float)
    x.data, x.grad = scalar(3.0), scalar(0.0)
    loss = x * scalar(2.0) + x - scalar(1.0)
    assert type(loss) is Value
    loss.backward()
    assert (loss.data, x.grad) == (8.0, 3.0)
    assert Value(1.0, (x,), (scalar(2.0),))._local_grads == (2.0,)


def test_arrays_without_dimensions_from_the_left(Value):
    np = pytest.importorskip("numpy")
    x = Value(2.0)
    for two in (np.float64(2), np.float32(2), np.int64(2), np.array(2.0)):
        for node in (two * x, two + x, two - x, two / x, two**x, x**two):
            assert type(node) is Value
    total = np.array([[x, x * 2], [x, Value(1.0)]]) @ np.array([1.0, 2.0])
    total.sum().backward()
    assert x.grad == 6.0
    assert np.argmax([v.data for v in (x, x * 2)]) == 1


def test_the_engines_module_has_the_value_in_use():
    from scalargrad.engine import Value

    assert Value is scalargrad.Value is scalargrad.nn.Value
    assert type(scalargrad.nn.Neuron(1).b) is Value


def test_keys_sets_and_lists_go_by_identity(Value):
    a, b = Value(1.0), Value(1.0)
    assert len({a, b, a}) == 2
    assert {a: 1, b: 2}[b] == 2
    assert a in [b, a]
    assert [a, b].index(b) == 1
    values = [a, b]
    values.remove(b)
    assert values[0] is a
    assert type(a) == Value  # noqa: E721 - as people write it


@pytest.mark.parametrize("convert", [float, int, math.exp, lambda v: round(v, 1)])
def test_what_would_drop_the_gradient_is_refused(Value, convert):
    with pytest.raises(TypeError):
        convert(Value(2.7))
