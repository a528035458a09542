"""Heads and losses: what makes probabilities of a network's outputs, and what compares outputs with targets.

Adding a loss is a function and its record here (see `loss.py`), and a row of test points in `tests/losses.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import accumulate
from math import inf, isinf
from numbers import Integral
from operator import add, mul, sub
from typing import Any

from scalargrad import ops
from scalargrad.modes import scope
from scalargrad.nn.loss import DISTRIBUTION, PROBABILITIES, Loss, Mistake
from scalargrad.nn.module import as_values
from scalargrad.op import is_number
from scalargrad.ops import (
    difference,
    equal,
    exp,
    greater,
    log,
    log1p,
    logaddexp,
    maximum,
    relu,
    softplus,
    stop_gradient,
    where,
    xlog1py,
    xlogy,
)
from scalargrad.traced import is_traced, under_way
from scalargrad.value import Value

__all__ = ["binary_cross_entropy", "cross_entropy", "hinge", "log_softmax", "logsumexp", "mse", "softmax"]


def _sum(values: Sequence[Value]) -> Value:
    return reduce(add, values)  # Python's `sum` would put a 0 in front, and a card for it into the picture


def _is_traced(values: Sequence[Value]) -> bool:
    # What is compiled takes the form with the fewest exponentials and logarithms: that by the largest value.
    return under_way() is not None or any(map(is_traced, values))


def _peak(values: Sequence[Value]) -> Value:
    # The gradient stops at the largest value, because that value cancels out of all that it is subtracted from.
    return stop_gradient(reduce(maximum, values))


# Heads.


def logsumexp(values: Sequence[Any]) -> Value:
    """Return log(exp(v1) + exp(v2) + ...) without overflow.

    >>> round(logsumexp([1000.0, 1000.0]).data, 6)
    1000.693147
    """
    values = _nonempty(values, "z", "input")
    if len(values) == 1:
        return values[0]
    with scope("logsumexp"):
        if _is_traced(values):
            peak = _peak(values)
            return peak + _log_rest(values, peak)
        return reduce(logaddexp, values)


def _log_rest(values: Sequence[Value], peak: Value) -> Value:
    # logsumexp less its peak. The peak's exponential is exactly 1 and is kept apart, so that small losses keep digits.
    ties = [equal(value, peak) for value in values]
    return log1p(
        _sum([exp(difference(v, peak)) - tie for v, tie in zip(values, ties, strict=True)]) + (_sum(ties) - 1.0)
    )


def _others(values: Sequence[Value]) -> list[Value]:
    # For each of two or more values the logsumexp of all others: that of those before it and of those after it.
    combine: Callable[[Value, Value], Value] = logaddexp
    before: list[Value] = list(accumulate(values, combine))
    after: list[Value] = list(accumulate(reversed(values), combine))[::-1]
    inner = [logaddexp(before[i - 1], after[i + 1]) for i in range(1, len(values) - 1)]
    return [after[1], *inner, before[-2]]


def softmax(logits: Sequence[Any]) -> list[Value]:
    """Return exp(z_i) / sum of exp(z_j): probabilities, labelled p1, p2, ...

    >>> [p.data for p in softmax([0.0, 0.0])]
    [0.5, 0.5]
    """
    values = _nonempty(logits, "z", "input")
    with scope("softmax"):
        # The graph is the textbook's, unless exp would overflow (large logits) or all would vanish (very negative ones).
        if _is_traced(values) or not -600 <= max(z.data for z in values) <= 600:
            peak = _peak(values)
            values = [z - peak for z in values]
        exponentials = [exp(z) for z in values]
        total = _sum(exponentials)
        if len(exponentials) > 1:
            total.label = "Σexp"
        probabilities = [e / total for e in exponentials]
    for i, p in enumerate(probabilities, 1):
        p.label = f"p{i}"
    return probabilities


def log_softmax(logits: Sequence[Any]) -> list[Value]:
    """Return the logarithms of the softmax, accurate where a probability vanishes.

    >>> [p.data for p in log_softmax([0.0, -100.0])]
    [-3.720075976020836e-44, -100.0]
    """
    values = _nonempty(logits, "z", "input")
    with scope("log_softmax"):
        if len(values) == 1:
            return [values[0] - values[0]]
        if len(values) > 2 and _is_traced(values):
            peak = _peak(values)
            rest = _log_rest(values, peak)
            # `difference` lets equal infinities cancel; where all are -inf there is no largest, and `-` gives nan.
            return [where(greater(peak, 0.0), difference(value, peak), value - peak) - rest for value in values]
        return [-softplus(others - value) for value, others in zip(values, _others(values), strict=True)]


# Losses.


def cross_entropy(outputs: Sequence[Any], target: Any, *, from_logits: bool = True) -> Value:
    """Return -sum of t_i log(p_i), with p the softmax of the logits `outputs`, or `outputs` itself.

    >>> cross_entropy([0.0, 0.0], 1).data
    0.6931471805599453

    `target` is the index of the right class, or as many probabilities as there are outputs; 0 log(0) is 0.
    Raises ValueError where index or shape do not fit.
    """
    values = _nonempty(outputs, "z" if from_logits else "p", "input")
    index = int(target) if isinstance(target, Integral) and not isinstance(target, bool) else None
    if index is not None and not 0 <= index < len(values):
        raise ValueError(f"target: expected a class from 0 to {len(values) - 1}, got {index}")
    targets = _paired(values, target)[1] if index is None else []
    logs = log_softmax(values) if from_logits and index is None else []
    with scope("cross-entropy"):
        if index is None:
            loss = -_sum([_times(t, logs[i]) if logs else _times_log(t, values[i]) for i, t in enumerate(targets)])
        elif from_logits and len(values) > 1:
            loss = softplus(logsumexp([*values[:index], *values[index + 1 :]]) - values[index])
        else:
            loss = values[0] - values[0] if from_logits else -log(values[index])
    loss.label = "loss"
    return loss


def _times(t: Value, log: Value) -> Value:
    # A target of 0 asks for nothing, even of an infinite logarithm (what a mask rules out has one).
    if not _is_traced([t, log]) and not (t._data == 0 and isinf(log._data)):
        return t * log
    return t * where(equal(t, 0.0) * equal(ops.abs(log), inf), 0.0, log)


def _times_log(t: Value, p: Value) -> Value:
    # 0 log(0) = 0, by xlogy where it may come to that: while numbers are traced none is known. Else the textbook's product.
    border = _is_traced([t, p]) or t._data == p._data == 0
    return xlogy(t, p) if border else t * log(p)


def _times_log1p(t: Value, p: Value) -> Value:
    border = _is_traced([t, p]) or (t._data == 0 and p._data == -1)
    return xlog1py(t, p) if border else t * log1p(p)


def binary_cross_entropy(outputs: Any, targets: Any, *, from_logits: bool = True) -> Value:
    """Return the mean of -(t log p + (1 - t) log(1 - p)), with p the sigmoid of the logits, or `outputs` itself.

    >>> binary_cross_entropy(0.0, 1).data
    0.6931471805599453

    0 log(0) is 0.
    """
    values, expected = _paired(outputs, targets)
    with scope("binary cross-entropy"):
        if from_logits:
            losses = [
                _times(t, softplus(-z)) + _times(1 - t, softplus(z)) for z, t in zip(values, expected, strict=True)
            ]
        else:
            losses = [-(_times_log(t, p) + _times_log1p(1 - t, -p)) for p, t in zip(values, expected, strict=True)]
        return mean(losses)


def mse(outputs: Any, targets: Any) -> Value:
    """Return the mean of the squared differences.

    >>> mse([1.0, 2.0], [0.0, 4.0]).data
    2.5
    """
    values, expected = _paired(outputs, targets)
    with scope("mse"):
        return mean([(y - t) ** 2 for y, t in zip(values, expected, strict=True)])


def hinge(scores: Any, targets: Any) -> Value:
    """Return the mean of relu(1 - t*score), for targets of -1 and 1.

    >>> hinge([0.5, -2.0], [1, -1]).data
    0.25
    """
    values, expected = _paired(scores, targets)
    with scope("hinge"):
        return mean([relu(1 - t * s) for s, t in zip(values, expected, strict=True)])


def mean(losses: Sequence[Value]) -> Value:
    """Return the mean of losses, labelled loss.

    >>> mean([Value(1.0), Value(2.0)])
    Value(data=1.5, grad=0.0, label='loss')
    """
    loss = _sum(losses) / len(losses) if len(losses) > 1 else losses[0]
    loss.label = "loss"
    return loss


def _nonempty(values: Sequence[Any], label: str, role: str) -> list[Value]:
    if not len(values):
        raise ValueError("expected at least one value, got none")
    return as_values(values, label, role)


def _paired(outputs: Any, targets: Any) -> tuple[list[Value], list[Value]]:
    """Return outputs and targets as lists of Values of one length; a lone one of each is a list of one."""
    lone = isinstance(outputs, Value) or is_number(outputs)
    values = _nonempty([outputs] if lone else outputs, "y", "input")
    targets = [targets] if isinstance(targets, Value) or is_number(targets) else targets
    if len(targets) != len(values):
        raise ValueError(f"target: expected {len(values)}, as many as there are outputs, got {len(targets)}")
    return values, as_values(targets, "t", "target")


# What is known to go wrong: each mistake in words, and the number that comes of it.


def _misread_cross_entropy(outputs: int) -> list[Mistake]:
    def of_another(k: int) -> Callable[[Sequence[float], Sequence[float]], float]:
        return lambda p, y: -math.log(p[k])  # noqa: ARG005 - a mistake is to leave y out

    return [
        *((f"-ln of entry {k + 1} of ŷ: another class", of_another(k)) for k in range(outputs)),
        ("-Σ ln ŷ, without y", lambda p, y: -sum(map(math.log, p))),  # noqa: ARG005
        ("1 - Σ y ŷ, without the logarithm", lambda p, y: 1 - sum(map(mul, p, y))),
    ]


def _misread_binary_cross_entropy(outputs: int) -> list[Mistake]:
    def exchanged(p: Sequence[float], y: Sequence[float]) -> float:
        return binary_cross_entropy(p, [1 - t for t in y], from_logits=False).data

    return [
        (
            "the terms (1 - y) ln(1 - ŷ) are left out",
            lambda p, y: -sum(math.log(a) * t for a, t in zip(p, y, strict=True)) / outputs,
        ),
        ("y and 1 - y are exchanged", exchanged),
    ]


def _misread_squares(outputs: int) -> list[Mistake]:
    return [
        ("half of the sum of squares", lambda p, y: outputs / 2 * mse(p, y).data),
        ("half of the mean", lambda p, y: mse(p, y).data / 2),
        ("the differences are not squared", lambda p, y: sum(map(abs, map(sub, p, y))) / outputs),
        ("the root is taken", lambda p, y: math.sqrt(mse(p, y).data)),
        ("y is added instead of subtracted", lambda p, y: mse(p, [-t for t in y]).data),
    ]


# The records.

LOSSES = {
    loss.name: loss
    for loss in [
        Loss(
            "cross-entropy",
            cross_entropy,
            term="-(y*log(p))",
            text="y ln ŷ",
            words=r"(?<!binary )(?<!binary-)\bcross[ -]?entropy\b",
            mean=False,
            targets=DISTRIBUTION,
            head="softmax",
            cancels=True,
            # Where p is tiny, 1/p overflows, or p/Σexp, on softmax's way back, vanishes (Σexp < 1e261).
            textbook=(1e-30, 1.0),
            mistakes=_misread_cross_entropy,
        ),
        Loss(
            "binary-cross-entropy",
            binary_cross_entropy,
            term="-(y*log(p) + (1 - y)*log(1 - p))",
            text="(y ln ŷ + (1 - y) ln(1 - ŷ))",
            words=r"\bbinary[ -]cross[ -]?entropy\b|\bBCE\b",
            targets=PROBABILITIES,
            head="sigmoid",
            cancels=True,
            textbook=(1e-3, 1 - 1e-3),  # where 1 - p is small, the rounding of 1 - p costs digits
            mistakes=_misread_binary_cross_entropy,
        ),
        Loss(
            "mse",
            mse,
            term="(p - y)**2",
            text="(ŷ - y)²",
            noun="square",
            words=r"\bmean[ -]squared?[ -]error\b|\bMSE\b|\bsquared error\b",
            mistakes=_misread_squares,
        ),
    ]
}
