"""A training run as a page: the loss, the size of every layer's gradients, and the network as it changes."""

from __future__ import annotations

import os
from math import isfinite
from pathlib import Path
from typing import Any

from scalargrad.files import write
from viz import text
from viz.page import asset, filled
from viz.recording import Recording
from viz.typeset import label

MOST_NUMBERS = 250_000  # parameters and gradients on a page, about 2 MB: of a longer run, some steps are shown

STAGE = """\
  <section id="stage" aria-label="Training run" tabindex="0">
    <div class="charts">
      <figure><figcaption>loss</figcaption><svg id="loss"></svg></figure>
      <figure><figcaption>size of gradients by layer, root mean square</figcaption><svg id="sizes"></svg></figure>
    </div>
    <p class="legend">a square a parameter: rows are neurons, columns their inputs, the last one the bias
      <span><i class="positive"></i> positive</span> <span><i class="negative"></i> negative</span>
      <span>deeper = larger, ∝ √|·|, of the largest in the whole run</span></p>
    <div id="network"></div>
  </section>
"""


def training(
    recording: Recording, path: str | os.PathLike[str], *, title: str = "Training", digits: int = 3, theme: str = "auto"
) -> Path:
    """Write a page that plays a recorded training run, and return the page's path.

    >>> import tempfile
    >>> from scalargrad import Value
    >>> recording = Recording([Value(1.0)])
    >>> recording.record(0.5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     training(recording, folder + "/run.html").name
    'run.html'

    Raises ValueError for a recording without steps, or for so many parameters that not even two steps fit.
    """
    if not isinstance(recording, Recording):
        raise TypeError(f"recording must be a Recording, got {recording!r}")
    text.check_digits(digits)
    if not recording.losses:
        raise ValueError("recording has no steps: call record(loss) in the training loop")
    data = _told(recording, digits)
    parts = {"tools": "", "before": "", "after": "", "stage": STAGE}
    content = filled(
        label(title, 120),
        theme,
        data,
        ["base.js", "numbers.js", "charts.js", "training.js"],
        parts,
        asset("charts.css") + asset("training.css"),
    )
    return write(path, content)


def shown_steps(steps: int, most: int) -> list[int]:
    """Choose steps evenly, the first and the last among them.

    >>> shown_steps(10, 4), shown_steps(3, 4)
    ([0, 3, 6, 9], [0, 1, 2])
    """
    if steps <= most:
        return list(range(steps))
    return [round(i * (steps - 1) / (most - 1)) for i in range(most)]


def _told(recording: Recording, digits: int) -> dict[str, Any]:
    most = MOST_NUMBERS // (2 * len(recording.parameters))
    if most < 2:
        raise ValueError(f"a page shows up to {MOST_NUMBERS // 4:,} parameters, got {len(recording.parameters):,}")
    steps = shown_steps(len(recording.losses), most)
    return {
        "digits": digits,
        "losses": [_rounded(loss) for loss in recording.losses],
        "layers": [
            {
                "name": label(layer.name),
                "rows": layer.rows,
                "sizes": [_rounded(size) for size in recording.gradient_sizes(layer)],
            }
            for layer in recording.layers
        ],
        "names": [label(parameter.label) for parameter in recording.parameters],
        "steps": steps,
        "data": [[_rounded(x) for x in recording.data[step]] for step in steps],
        "gradients": [[_rounded(x) for x in recording.gradients[step]] for step in steps],
    }


def _rounded(x: float) -> float | str:
    return float(f"{x:.4g}") if isfinite(x) else str(x)  # JSON has no inf and no nan
