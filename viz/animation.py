"""A training run as a GIF or an animated PNG."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from scalargrad import Value
from scalargrad.files import write
from viz import plots
from viz.recording import Recording
from viz.theme import LIGHT
from viz.training import shown_steps

ENDINGS = {".gif": "GIF", ".png": "PNG", ".apng": "PNG"}


def animate(
    recording: Recording,
    path: str | os.PathLike[str],
    *,
    model: Callable[[list[Value]], Any] | None = None,
    points: Sequence[Sequence[float]] = (),
    targets: Sequence[float] = (),
    threshold: float = 0.0,
    frames: int = 60,
    seconds: float = 6.0,
    dpi: int = 90,
) -> Path:
    """Write a recorded training run as a GIF or animated PNG (.gif, .png, .apng), and return the path.

    >>> recording = Recording([Value(1.0)])
    >>> recording.record(0.5)
    >>> animate(recording, "run.gif").name  # doctest: +SKIP
    'run.gif'

    The animation shows the loss, and the size of every layer's gradients; with a model of two inputs and points with
    targets, as `plots.decision_boundary` takes them, the decision boundary as it moves, too.

    frames   how many of the steps are shown at most
    seconds  how long the animation plays before it begins anew

    The parameters keep their data. Raises ImportError where matplotlib is missing, ValueError for another ending, a
    recording without steps, and what `decision_boundary` refuses.
    """
    if not isinstance(recording, Recording):
        raise TypeError(f"recording must be a Recording, got {recording!r}")
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise ValueError(f"an animation ends in one of {', '.join(ENDINGS)}, got {ending!r} in {str(path)!r}")
    if not recording.losses:
        raise ValueError("recording has no steps: call record(loss) in the training loop")
    if frames < 2 or seconds <= 0:
        raise ValueError(f"frames must be at least 2 and seconds positive, got {frames!r} and {seconds!r}")
    shown = shown_steps(len(recording.losses), frames)
    boundary = None if model is None else _boundary(recording, model, points, targets, threshold)
    first, *others = _pictures(recording, shown, boundary, dpi)
    content = io.BytesIO()
    duration = round(1000 * seconds / (1 + len(others)))
    first.save(content, ENDINGS[ending], save_all=True, append_images=others, duration=duration, loop=0)
    return write(path, content.getvalue())


def _boundary(
    recording: Recording, model: Any, points: Any, targets: Any, threshold: float
) -> Callable[[int, Any], None]:
    evaluate = plots.evaluator(model)

    def draw(step: int, ax: Any) -> None:
        present = [parameter.data for parameter in recording.parameters]
        try:
            for parameter, data in zip(recording.parameters, recording.data[step], strict=True):
                parameter.data = data
            plots.decision_boundary(model, points, targets, ax, threshold=threshold, evaluate=evaluate)
        finally:
            for parameter, data in zip(recording.parameters, present, strict=True):
                parameter.data = data

    return draw


def _pictures(
    recording: Recording, steps: list[int], boundary: Callable[[int, Any], None] | None, dpi: int
) -> Iterator[Any]:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from PIL import Image
    except ImportError as error:
        raise ImportError('animate() needs matplotlib: pip install "scalargrad[plots]"') from error
    count = 3 if boundary else 2
    figure = Figure(figsize=(4.2 * count, 3.6), dpi=dpi, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    *wide, losses, sizes = figure.subplots(1, count)
    plots.loss_curve(recording, losses)
    plots.gradient_sizes(recording, sizes)
    cursors = [ax.axvline(0, color=LIGHT.muted, linestyle=":") for ax in (losses, sizes)]
    for step in steps:
        for cursor in cursors:
            cursor.set_xdata([step, step])
        losses.set_title(f"step {step}: loss {recording.losses[step]:.4g}")
        if boundary:
            wide[0].clear()
            boundary(step, wide[0])
        canvas.draw()
        figure.set_layout_engine("none")  # the first layout stays: axes would shake, and it takes the longest to find
        yield Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
