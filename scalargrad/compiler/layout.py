"""Where a kernel finds its inputs and puts its results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SAMPLES = -1  # in a shape: as many as there are samples


@dataclass(frozen=True)
class Layout:
    """Where a kernel finds its inputs and puts its results.

    inputs   for each input its buffer, its place there, and the step from one sample to the next (0: the same for all)
    results  for each result the same
    mapped   whether there are samples at all
    reduce   "sum" or "mean" where the results are that over all samples, else None
    """

    inputs: tuple[tuple[int, int, int], ...]
    results: tuple[tuple[int, int, int], ...]
    mapped: bool = False
    reduce: str | None = None


def with_samples(shape: Sequence[int], samples: int) -> tuple[int, ...]:
    """Put the number of samples into a shape.

    >>> with_samples((SAMPLES, 2), 100)
    (100, 2)
    """
    return tuple(samples if extent == SAMPLES else extent for extent in shape)
