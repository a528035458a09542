"""The short form of a network, `[[layer]]` tables, as equations.

>>> layers = [{"weights": [[3, 1]], "bias": [1], "activation": "tanh"}]
>>> print(expanded({"input": [2, -1], "target": [0], "layer": layers, "learning_rate": 0.1}))
x = [2, -1]
W_1 = [[3, 1]]
b_1 = [1]
z_1 = W_1 x + b_1
y_hat = tanh(z_1)
y = [0]
L = mse(y, y_hat)
update W_1, b_1 by gradient descent, eta = 0.1, steps = 1

Several inputs are the rows of X, and the loss is the mean over them. A bias may be left out. The target of a softmax may be
the number of a class, counted from 1; the loss one of LOSSES, or an expression in y and ŷ.
"""

from __future__ import annotations

from typing import Any

from scalargrad.sheet.problem import Problem
from scalargrad.sheet.records import DEFINITIONS, FUNCTIONS
from scalargrad.sheet.tokens import LanguageError

KEYS = ("input", "target", "loss", "learning_rate", "steps", "layer")
LAYER_KEYS = ("weights", "bias", "activation")
LOSSES = {
    "mse": ("mse(y, ŷ)", "mse(Y, Ŷ)"),
    "half-sse": ("half_sse(y, ŷ)", "half_sse(Y, Ŷ)/m"),
    "sse": ("sse(y, ŷ)", "sse(Y, Ŷ)/m"),
    "mae": ("mae(y, ŷ)", "mae(Y, Ŷ)"),
    "cross-entropy": ("crossentropy(y, ŷ)", "crossentropy(Y, Ŷ)/m"),
    "binary-cross-entropy": ("bce(y, ŷ)/n", "bce(Y, Ŷ)/(m n)"),
}


def expanded(data: dict[str, Any], source: str = "problem") -> Problem:
    """Return the problem that a file of [[layer]] tables states. Raises LanguageError."""
    _known(source, "", data, KEYS)
    tables = data.get("layer") or []
    if "input" not in data or not tables:
        raise LanguageError(f"{source}: a network has an input and [[layer]] tables")
    batch = _is_matrix(data["input"])
    lines = [f"{'X' if batch else 'x'} = {_text(data['input'])}"]
    before, steps, parameters = ("X" if batch else "x"), [], []
    for k, table in enumerate(tables, 1):
        _known(source, f"layer {k}: ", table, LAYER_KEYS)
        if "weights" not in table:
            raise LanguageError(f"{source}: layer {k}: weights are missing")
        last = k == len(tables)
        after = ("Ŷ" if batch else "ŷ") if last else f"{'H' if batch else 'h'}_{k}"
        z = f"{'Z' if batch else 'z'}_{k}"
        lines.append(f"W_{k} = {_text(table['weights'])}")
        parameters.append(f"W_{k}")
        bias = ""
        if "bias" in table:
            lines.append(f"b_{k} = [{_text(table['bias'])}]" if batch else f"b_{k} = {_text(table['bias'])}")
            parameters.append(f"b_{k}")
            bias = f" + b_{k}"
        steps.append(f"{z} = {f'{before} W_{k}ᵀ' if batch else f'W_{k} {before}'}{bias}")
        activation = str(table.get("activation", "linear"))
        if activation == "softmax" and batch:
            activation = "softmax_rows"
        if activation != "linear" and not activation.isidentifier():
            lines.append(f"f_{k}(z) = {activation}")
            activation = f"f_{k}"
        elif activation not in FUNCTIONS and f"\n{activation}(" not in DEFINITIONS:
            raise LanguageError(f"{source}: layer {k}: no activation {activation!r}")
        steps.append(f"{after} = {z}" if activation == "linear" else f"{after} = {activation}({z})")
        before = after
    if "target" in data:
        steps += _loss(data, tables, batch=batch)
        if "learning_rate" in data:
            steps.append(
                f"update {', '.join(parameters)} by gradient descent, eta = {data['learning_rate']}, steps = {data.get('steps', 1)}"
            )
    return Problem.read("\n".join(lines + steps), source)


def _loss(data: dict[str, Any], tables: list[dict[str, Any]], *, batch: bool) -> list[str]:
    target, outputs = data["target"], len(tables[-1]["weights"])
    softmax = tables[-1].get("activation") == "softmax"
    if isinstance(target, int) and softmax and not batch:
        lines = [f"y = onehot({target}, {outputs})"]
    elif softmax and batch and not _is_matrix(target):
        lines = [f"Y = {_text([[float(i == k) for i in range(1, outputs + 1)] for k in target])}"]
    else:
        lines = [f"{'Y' if batch else 'y'} = {_text(target)}"]
    name = data.get("loss") or ("cross-entropy" if softmax else "mse")
    text = LOSSES[name][batch] if name in LOSSES else name
    if batch:
        lines.append(f"m = {len(data['input'])}")
    if "n" in text.split("/")[-1]:
        lines.append(f"n = {outputs}")
    return [*lines, f"L = {text}"]


def _is_matrix(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], list)


def _text(value: Any) -> str:
    return f"[{', '.join(map(_text, value))}]" if isinstance(value, list) else repr(value)


def _known(source: str, place: str, table: dict[str, Any], keys: tuple[str, ...]) -> None:
    for key in table:
        if key not in keys:
            raise LanguageError(f"{source}: {place}unknown key {key!r}; the keys are {', '.join(keys)}")
