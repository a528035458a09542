"""What a neuron does, by one call each: the C twin takes no longer for it than for the arithmetic.

`layers.py` makes neurons of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scalargrad.modes import scope
from scalargrad.value import Value, engine_name


def weighted_sum(bias: Value, weights: Sequence[Value], inputs: Sequence[Any], name: str, label: str) -> Value:
    """Return bias + w1*x1 + w2*x2 + ..., added in that order, all made in a scope of this name, with a label.

    >>> weighted_sum(Value(1.0), [Value(2.0)], [3.0], "neuron", "z")
    Value(data=7.0, grad=0.0, label='z')
    """
    if len(weights) != len(inputs):
        raise ValueError(f"{name} takes {len(weights)} inputs, got {len(inputs)}")
    with scope(name):
        out = bias
        for weight, x in zip(weights, inputs, strict=True):
            out = out + weight * x
    if out is not bias:
        out.label = label
    return out


def activation(z: Value, method: str, name: str, label: str) -> Value:
    """Call a method of a Value in a scope of this name, and label the result.

    >>> activation(Value(-2.0), "relu", "neuron", "h")
    Value(data=0.0, grad=0.0, label='h')
    """
    with scope(name):
        out: Value = getattr(z, method)()
    if not isinstance(out, Value):
        raise TypeError(f"{name}: activation must return a Value, got {out!r}")
    out.label = out.label or label
    return out


if not TYPE_CHECKING and engine_name == "native":
    from scalargrad._engine import activation, weighted_sum  # noqa: F401 - in place of those above
