"""Plots of training: each function draws into an Axes of matplotlib, and returns it.

Matplotlib comes with an extra: pip install "scalargrad[plots]".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from scalargrad import Value, ieee, no_grad
from scalargrad.nn import Module
from viz.recording import Recording, by_layer
from viz.theme import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POSITIVE, NEGATIVE = LIGHT.edges["positive"], LIGHT.edges["negative"]
SERIES = [LIGHT.roles[role].border for role in ("output", "input", "parameter", "computed")]


def new_axes() -> Axes:
    """Return the Axes of a new figure, which belongs to no window.

    >>> new_axes().get_title()
    ''

    Raises ImportError where matplotlib is missing.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError('viz.plots needs matplotlib: pip install "scalargrad[plots]"') from error
    return plt.subplots(layout="constrained")[1]


def loss_curve(losses: Recording | Sequence[float], ax: Axes | None = None) -> Axes:
    """Plot the loss over the steps; logarithmically where it spans more than two orders of magnitude.

    >>> loss_curve([1.0, 0.5, 0.25]).get_ylabel()
    'loss'
    """
    ax = ax or new_axes()
    points = losses.losses if isinstance(losses, Recording) else [_number(loss) for loss in losses]
    ax.plot(range(len(points)), points, color=SERIES[0])
    _scale(ax, points)
    ax.set(xlabel="step", ylabel="loss")
    return ax


def gradient_sizes(recording: Recording, ax: Axes | None = None) -> Axes:
    """Plot, for every layer, the root mean square of its gradients over the steps.

    >>> recording = Recording([Value(1.0)])
    >>> recording.record(0.5)
    >>> gradient_sizes(recording).get_ylabel()
    'gradients, RMS'
    """
    ax = ax or new_axes()
    every = []
    for index, layer in enumerate(recording.layers):
        sizes = recording.gradient_sizes(layer)
        every += sizes
        style = "-" if index < len(SERIES) else "--"
        ax.plot(range(len(sizes)), sizes, style, color=SERIES[index % len(SERIES)], label=layer.name)
    _scale(ax, every)
    ax.set(xlabel="step", ylabel="gradients, RMS")
    ax.legend(frameon=False)
    return ax


def decision_boundary(
    model: Callable[[list[Value]], Any],
    points: Sequence[Sequence[float]],
    targets: Sequence[float],
    ax: Axes | None = None,
    *,
    resolution: int = 60,
    threshold: float = 0.0,
    evaluate: Callable[[Sequence[tuple[float, float]]], list[float]] | None = None,
) -> Axes:
    """Color the plane by a model's output, with a line where the output crosses the threshold, and points on top.

    >>> decision_boundary(lambda x: x[0] - x[1], [[0, 1], [1, 0]], [-1, 1], resolution=5).get_xlabel()
    'x1'

    model       takes a list of two Values and returns one, or a list of one
    points      pairs of numbers; `targets` has a number for each, at or below the threshold or above it
    resolution  how many times the model is computed along each side
    threshold   0 for scores of classes -1 and 1, 0.5 for probabilities
    evaluate    the model's `evaluator`, where a model is plotted repeatedly: else it is compiled anew for each plot
                (with the extra `scalargrad[jit]`; without that, every point of the plane is computed on its own)

    Raises ValueError where points are not pairs, or not as many as targets.
    """
    if not len(points) or any(len(point) != 2 for point in points):
        raise ValueError(f"points must be pairs of numbers, got {points!r:.80}")
    if len(points) != len(targets):
        raise ValueError(f"targets must be as many as points, {len(points)}, got {len(targets)}")
    if resolution < 2:
        raise ValueError(f"resolution must be at least 2, got {resolution!r}")
    ax = ax or new_axes()
    horizontal, vertical = ([float(point[i]) for point in points] for i in (0, 1))
    xs, ys = _grid(horizontal, resolution), _grid(vertical, resolution)
    outputs = iter((evaluate or evaluator(model))([(x, y) for y in ys for x in xs]))
    heights = [[next(outputs) - threshold for _ in xs] for _ in ys]
    largest = max((abs(h) for row in heights for h in row if isfinite(h)), default=0.0) or 1.0
    ax.pcolormesh(xs, ys, heights, cmap=_colours(), vmin=-largest, vmax=largest, shading="gouraud", rasterized=True)
    if min(map(min, heights)) < 0 < max(map(max, heights)):
        ax.contour(xs, ys, heights, levels=[0.0], colors=[LIGHT.ink])
    colors = [POSITIVE if target > threshold else NEGATIVE for target in targets]
    ax.scatter(horizontal, vertical, c=colors, edgecolors="white")
    ax.set(xlabel="x1", ylabel="x2")
    return ax


def weight_histogram(model: Module | Iterable[Value], ax: Axes | None = None, *, bins: int = 30) -> Axes:
    """Plot how the parameters' values are distributed, layer by layer.

    >>> weight_histogram([Value(1.0), Value(2.0)]).get_xlabel()
    'value'
    """
    return _histogram(model, "data", "value", ax, bins)


def gradient_histogram(model: Module | Iterable[Value], ax: Axes | None = None, *, bins: int = 30) -> Axes:
    """Plot how the parameters' gradients are distributed, layer by layer.

    >>> gradient_histogram([Value(1.0), Value(2.0)]).get_xlabel()
    'gradient'
    """
    return _histogram(model, "grad", "gradient", ax, bins)


def _histogram(model: Module | Iterable[Value], attribute: str, name: str, ax: Axes | None, bins: int) -> Axes:
    ax = ax or new_axes()
    parameters, layers = by_layer(model)
    numbers = {id(layer): [getattr(parameters[i], attribute) for i in layer.numbers] for layer in layers}
    finite = [x for entries in numbers.values() for x in entries if isfinite(x)]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = [low + (high - low) * i / bins for i in range(bins + 1)]  # of the bins of all layers: they are compared
    for index, layer in enumerate(layers):
        entries = [x for x in numbers[id(layer)] if isfinite(x)]
        label = layer.name
        if missing := layer.size - len(entries):
            label += f" ({missing} not finite)"
        ax.hist(entries, bins=edges, histtype="stepfilled", alpha=0.45, color=SERIES[index % len(SERIES)], label=label)
    ax.set(xlabel=name, ylabel="parameters")
    ax.legend(frameon=False)
    return ax


def _number(x: Any) -> float:
    return x.data if isinstance(x, Value) else float(x)


def _scale(ax: Axes, points: Sequence[float]) -> None:
    positive = [y for y in points if y > 0 and isfinite(y)]
    if positive and len(positive) == len(points) and max(positive) > 100 * min(positive):
        ax.set_yscale("log")


def _grid(points: Sequence[float], resolution: int) -> list[float]:
    low, high = min(points), max(points)
    margin = 0.15 * (high - low) or 1.0
    low, high = low - margin, high + margin
    return [low + (high - low) * i / (resolution - 1) for i in range(resolution)]


def evaluator(model: Callable[[list[Value]], Any]) -> Callable[[Sequence[tuple[float, float]]], list[float]]:
    """Return a function from points to the model's outputs, which are compiled if possible, else computed one by one.

    >>> evaluator(lambda x: x[0] * x[1])([(1.0, 2.0), (3.0, 4.0)])
    [2.0, 12.0]
    """
    from scalargrad import TracingError, vmap  # the compiler is loaded when a model is evaluated

    def output(x: Any) -> Any:
        out = model([x[0], x[1]])
        return out[0] if isinstance(out, (list, tuple)) else out

    compiled = vmap(output)

    def evaluate(points: Sequence[tuple[float, float]]) -> list[float]:
        try:
            import numpy as np

            outputs: list[float] = compiled(np.array(points)).tolist()
        except (ImportError, TracingError):  # no compiler, or a model that asks for numbers
            with no_grad(), ieee():
                return [_number(output((Value(x), Value(y)))) for x, y in points]
        return outputs

    return evaluate


def _colours() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("scalargrad", [NEGATIVE, "#FFFFFF", POSITIVE]).with_extremes(bad="#868F99")
