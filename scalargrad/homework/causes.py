"""Likely causes of wrong numbers: found by trying them, named only where the fit is too close for chance."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from scalargrad.homework.answers import Index, Written

CHANCE = 0.05  # A cause is named where a number made up at random would fit one of those tried more rarely than this.


@dataclass(frozen=True)
class Hypothesis:
    """A mistake in words, what it gives for some entries, and how far off these may be, in units of the last digit."""

    text: str
    gives: dict[Index, float]
    within: float = 0.0


@dataclass(frozen=True)
class Cause:
    """Mistakes that each give the numbers written in some entries, and the chance of a fit by accident.

    `gives` has the entries, with what the likeliest of the mistakes gives before rounding.
    """

    texts: tuple[str, ...]
    gives: dict[Index, float]
    chance: float


def find_causes(
    written: dict[Index, Written], size: float, grain: float, hypotheses: Iterable[Hypothesis]
) -> list[Cause]:
    """Find what explains most of the wrong numbers, then what explains most of the rest.

    >>> numbers = {(0,): Written("1.2407"), (1,): Written("-0.5")}
    >>> find_causes(numbers, 2.0, 1e-6, [Hypothesis("the bias is left out", {(0,): 1.24069, (1,): -0.511})])
    [Cause(texts=('the bias is left out',), gives={(0,): 1.24069, (1,): -0.511}, chance=...)]

    A number made up at random, of the size that the quantity has, fits a hypothesis with the chance unit/(2 size).
    That chance, times the number of different hypotheses tried so far, is held against each fit. The unit is that of the
    last written digit, but no finer than `grain`, that of the last digit that is not 0 in these numbers and the truth:
    1.350 may be 1.35 with a zero for looks. Nor is a 0 or a 1 made up at random: people write them for want of a better number.
    """
    slack = 1e-12 * size
    chance = {i: max(w.unit, grain) / (2 * size) if size else 1.0 for i, w in written.items()}
    chance |= {i: max(chance[i], 0.1) for i, w in written.items() if w.value in (-1, 0, 1)}
    tried = set()
    found: list[tuple[float, Hypothesis, frozenset[Index]]] = []
    for hypothesis in hypotheses:
        gives = {i: x for i, x in hypothesis.gives.items() if i in written}
        tried.add(tuple((i, round(x / written[i].unit)) for i, x in gives.items()))
        fits = frozenset(i for i, x in gives.items() if written[i].near(x, hypothesis.within, slack))
        width = 1 + 2 * hypothesis.within
        odds = len(tried) * math.prod(min(1.0, width * chance[i]) for i in fits)
        if fits and odds <= CHANCE:
            found.append((odds, hypothesis, fits))
    return list(_chosen(found, set(written)))


def _chosen(found: list[tuple[float, Hypothesis, frozenset[Index]]], remaining: set[Index]) -> Iterator[Cause]:
    found.sort(key=lambda one: one[0])
    while any(fits & remaining for _, _, fits in found):
        chance, best, chosen = max(found, key=lambda one: len(one[2] & remaining))  # the likeliest of those
        texts = dict.fromkeys(one.text for _, one, fits in found if fits & remaining == chosen & remaining)
        yield Cause(tuple(texts), {i: best.gives[i] for i in sorted(chosen & remaining)}, chance)
        remaining -= chosen


# Slips of the pen, which belong to no stage.


def slips_of_order(numbers: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Yield a vector or a matrix with two entries or rows exchanged.

    >>> list(slips_of_order([1.0, 2.0]))
    [('entries 1 and 2 are exchanged', [2.0, 1.0])]
    """
    kind = "rows" if isinstance(numbers[0], list) else "entries"
    for i in range(len(numbers)):
        for j in range(i):
            swapped = list(numbers)
            swapped[i], swapped[j] = numbers[j], numbers[i]
            yield f"{kind} {j + 1} and {i + 1} are exchanged", swapped


def spellings(x: float, decimals: int) -> list[str]:
    """Write a number with so many decimals and with one more, rounded and cut off.

    >>> spellings(2.3257, 2)
    ['2.33', '2.32', '2.326', '2.325']
    """
    exact = f"{x:.{decimals + 3}f}"
    return [text for more in (0, 1) for text in (f"{x:.{decimals + more}f}", exact[: more - 3])]


def misspellings(text: str) -> Iterator[tuple[str, float]]:
    """Yield what becomes of a number with a digit left out, or with two neighbours exchanged.

    >>> [number for _, number in misspellings("1.64")]
    [0.64, 1.4, 1.6, 6.14, 1.46]
    """
    digits = [i for i, character in enumerate(text) if character.isdigit()]
    for i in digits:
        if len(digits) > 1:
            yield "a digit is left out", float(text[:i] + text[i + 1 :])
    for i, j in pairwise(digits):
        if text[i] != text[j]:
            exchanged = text[:i] + text[j] + text[i + 1 : j] + text[i] + text[j + 1 :]
            yield "two digits are exchanged", float(exchanged)
