"""Random expressions that can be computed on any kind of number: Values, mpmath's, PyTorch's.

A program is a list of leaves and a list of steps; a step applies a rule to earlier results, so results are shared.
Every rule keeps its operation inside its domain, and away from overflow.
"""

from mpmath import mp, mpf
from points import TRUTH

RULES = {
    "add": lambda f, x, y: x + y,
    "sub": lambda f, x, y: x - y,
    "mul": lambda f, x, y: x * f.sin(y),
    "div": lambda f, x, y: x / (y * y + 1.25),
    "neg": lambda f, x: -x,
    "pow": lambda f, x, y: (x * x + 0.5) ** f.tanh(y),
    "square": lambda f, x: f.tanh(x) ** 2,
    "reverse": lambda f, x, y: 2 ** f.sin(x) - 1 / (3 - f.cos(y)),
    "abs": lambda f, x: f.abs(x),
    "maximum": lambda f, x, y: f.maximum(x, y),
    "minimum": lambda f, x, y: f.minimum(x, y),
    "exp": lambda f, x: f.exp(f.sin(x)),
    "expm1": lambda f, x: f.expm1(f.cos(x)),
    "log": lambda f, x: f.log(x * x + 1.5),
    "log1p": lambda f, x: f.log1p(x * x),
    "sqrt": lambda f, x: f.sqrt(x * x + 0.25),
    "tan": lambda f, x: f.tan(f.sin(x)),
    "arcsin": lambda f, x: f.arcsin(f.sin(x) * 0.75),
    "arccos": lambda f, x: f.arccos(f.tanh(x) * 0.75),
    "arctan": lambda f, x: f.arctan(x),
    "arctan2": lambda f, x, y: f.arctan2(x, y * y + 0.5),
    "sinh": lambda f, x: f.sinh(f.sin(x)),
    "cosh": lambda f, x: f.cosh(f.cos(x)),
    "tanh": lambda f, x: f.tanh(x),
    "relu": lambda f, x: f.relu(x),
    "sigmoid": lambda f, x: f.sigmoid(x),
    "softplus": lambda f, x: f.softplus(x),
    "erf": lambda f, x: f.erf(x),
}


def random_steps(rng, leaves, steps):
    return [(rng.choice(list(RULES)), rng.randrange(leaves + i), rng.randrange(leaves + i)) for i in range(steps)]


def results(functions, leaves, steps):
    """All results of a program; the last is its root, in which every result that no step used is added up."""
    values, unused = list(leaves), dict.fromkeys(range(len(leaves) + len(steps)))
    for rule, i, j in steps:
        operands = (i, j)[: RULES[rule].__code__.co_argcount - 1]
        values.append(RULES[rule](functions, *(values[k] for k in operands)))
        for k in operands:
            unused.pop(k, None)
    root, *others = (values[i] for i in unused)
    for value in others:
        root = root + value
    return [*values, root]


class Kink(Exception):
    """The program is at a point where a piecewise function has no derivative."""


class Exact:
    """The operations on mpmath's numbers."""

    def __getattr__(self, name):
        return TRUTH[name]

    @staticmethod
    def away_from_kink(x):
        if abs(x) < 1e-9:
            raise Kink
        return x

    def abs(self, x):
        return abs(self.away_from_kink(x))

    def relu(self, x):
        return max(self.away_from_kink(x), mpf(0))

    def maximum(self, x, y):
        self.away_from_kink(x - y)
        return max(x, y)

    def minimum(self, x, y):
        self.away_from_kink(x - y)
        return min(x, y)


def exact_gradients(leaves, steps):
    """The root's value and its derivative with respect to each leaf, by central differences of 80 digits."""
    with mp.workdps(80):
        leaves, h = list(map(mpf, leaves)), mpf(10) ** -26

        def root(i=0, e=0):
            return results(Exact(), [*leaves[:i], leaves[i] + e, *leaves[i + 1 :]], steps)[-1]

        return root(), [(root(i, h) - root(i, -h)) / (2 * h) for i in range(len(leaves))]
