"""Problems as TOML."""

from __future__ import annotations

from collections.abc import Sequence

from scalargrad.worked.problem import Problem
from scalargrad.worked.solution import weights_and_bias


def _short(x: float) -> str:
    return repr(x).removesuffix(".0")


def toml(problem: Problem) -> str:
    """Write a problem as TOML.

    >>> from scalargrad.worked.problem import Problem
    >>> print(toml(Problem.from_dict({"input": [1], "layer": [{"weights": [[2]], "bias": [3]}]})))
    input = [1]
    loss = "mse"
    <BLANKLINE>
    [[layer]]
    weights = [
        [2],
    ]
    bias = [3]
    activation = "linear"
    <BLANKLINE>
    """
    inputs, targets = zip(*problem.examples, strict=True)
    lines = [f"input = {_lists(inputs)}"]
    if problem.target is not None:
        lines.append(f"target = {_lists(targets)}")
    lines.append(f'loss = "{problem.loss}"')
    if problem.learning_rate is not None:
        lines.append(f"learning_rate = {_short(problem.learning_rate)}")
    if problem.steps > 1:
        lines.append(f"steps = {problem.steps}")
    for layer, activation in zip(problem.layers, problem.activations, strict=True):
        weights, bias = weights_and_bias(layer, "data")
        lines += ["", "[[layer]]", "weights = [", *(f"    {_list(row)}," for row in weights), "]"]
        lines += [f"bias = {_list(bias)}", f'activation = "{activation}"']
    return "\n".join(lines) + "\n"


def _lists(rows: Sequence[Sequence[float]]) -> str:
    return _list(rows[0]) if len(rows) == 1 else f"[{', '.join(map(_list, rows))}]"


def _list(numbers: Sequence[float]) -> str:
    return f"[{', '.join(map(_short, numbers))}]"
