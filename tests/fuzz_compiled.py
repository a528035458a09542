"""Random programs, compiled for one processor after another, against the same in Python: `python tests/fuzz_compiled.py SECONDS [SEED]`.

A program is a random expression, or its gradient, Jacobian or Hessian, of a point or mapped over samples, which may be
added up and shared out among threads; it is cut into functions short enough for numbers to be handed on between them.
"""

import os
import random
import sys
import time

import numpy as np
from expressions import random_steps, results

import scalargrad
from scalargrad import grad, hessian, jit, ops, value_and_grad, vmap
from scalargrad.compiler import plan, processor, threads

TOLERANCE = 1e-9  # of numbers, beside the largest


class Functions:
    """Operations by name: for numbers, too."""

    def __getattr__(self, name):
        return getattr(ops, name, None) or getattr(scalargrad, name)


def checked(seed, names):
    """Compile a program for each processor, and return how many calls agreed."""
    rng = random.Random(seed)
    inputs, steps = rng.randint(1, 9), random_steps(rng, 2, rng.randint(1, 40))
    how = rng.choice(["value", "gradient", "both", "hessian"])
    reduce, mapped = rng.choice([None, "sum", "mean"]), rng.random() < 0.7

    def function(x, p):
        leaves = [sum(x[i] * p[i % 2] for i in range(inputs)), x[-1] * p[0] - p[1]]
        return results(Functions(), leaves, steps)[-1]

    made = {
        "value": function,
        "gradient": grad(function, 1),
        "both": value_and_grad(function),
        "hessian": hessian(function),
    }[how]
    whole = vmap(made, in_axes=(0, None), reduce=reduce) if mapped else made
    samples = rng.choice([1, 2, 3, 5, 8, 13, 31, 32, 33, 64, 100, 257])
    numbers = np.random.default_rng(seed)
    x = numbers.uniform(-2, 2, (samples, inputs) if mapped else inputs)
    p = numbers.uniform(-1, 1, 2)
    plan.CHUNK_OPERATIONS, threads.LEAST_WORK = rng.choice([7, 60, 700]), 1
    expected = flat(jit(whole, backend="python")(x, p))
    size = np.abs(expected[np.isfinite(expected)]).max(initial=1.0)
    for name in names:
        os.environ[processor.VARIABLE] = name
        got = flat(jit(whole, threads=rng.choice([1, 1, 2, 3]))(x, p))
        same = (np.abs(got - expected) <= TOLERANCE * size) | (got == expected) | (np.isnan(got) & np.isnan(expected))
        if not same.all():
            raise SystemExit(
                f"seed {seed}, {name}: {how}, mapped {mapped}, {reduce}, {samples} samples: {got}, not {expected}"
            )
    return len(names)


def flat(thing):
    if isinstance(thing, (list, tuple)):
        return np.concatenate([flat(part) for part in thing])
    return np.ravel(np.asarray(thing, float))


def main():
    stop, seed = time.time() + float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    names = [name for name in processor.KINDS if processor.processor("native").runs(processor.processor(name))]
    calls, first = 0, seed
    while time.time() < stop:
        calls += checked(seed, names)
        seed += 1
    print(f"{seed - first} programs, {calls} compiled for {', '.join(names)}: no difference")


if __name__ == "__main__":
    main()
