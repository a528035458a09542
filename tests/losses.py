"""One row a loss: its value as mpmath computes it, and points, each of outputs and targets, where it is smooth."""

from mpmath import mp, mpf


def mean(term):
    return lambda outputs, targets: sum(map(term, outputs, targets)) / mpf(len(outputs))


ROWS = {
    "cross-entropy": (
        lambda outputs, targets: -sum(t * mp.log(p) for p, t in zip(outputs, targets)),
        [([0.25, 0.75], [1.0, 0.0]), ([0.125, 0.5, 0.375], [0.25, 0.5, 0.25]), ([1e-30, 1.0], [1.0, 0.0])],
    ),
    "binary-cross-entropy": (
        mean(lambda p, t: -(t * mp.log(p) + (1 - t) * mp.log(1 - p))),
        [([0.25], [1.0]), ([0.3, 0.9, 0.5], [0.0, 1.0, 0.25]), ([1e-3, 1 - 1e-3], [1.0, 0.0])],
    ),
    "mse": (
        mean(lambda p, t: (p - t) ** 2),
        [([0.5], [2.0]), ([1.5, -3.0, 1e8], [1.0, 2.0, 0.5]), ([0.25, -0.5], [-1.0, 1.0])],
    ),
}
