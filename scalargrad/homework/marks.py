"""Checked homework, told: as text to the student, as plain data to a grader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from scalargrad.homework.answers import Index, position
from scalargrad.homework.checking import CARRIED, FOLLOWS, RIGHT, TRUNCATED, VERDICTS, WRONG, Checked, Verdict
from scalargrad.worked.solution import fixed

_SAID = {
    RIGHT: "right",
    TRUNCATED: "truncated instead of rounded",
    CARRIED: "right for the rounded numbers before",
    FOLLOWS: "follows from {blame}",
    WRONG: "wrong",
}


def report(checked: Checked) -> str:
    """Return the verdicts as text: a line for each quantity, and below it what is wrong, the truth, and the cause."""
    lines = []
    width = max(len(verdict.name) for verdict in checked.verdicts) + 2
    for verdict in checked.verdicts:
        lines.append(f"{verdict.name:<{width}}{_said(verdict)}")
        if verdict.verdict != RIGHT:
            lines += [f"    {line}" for line in _compared(verdict)]
        lines += [f"    {_among(verdict, list(cause.gives))}{', or '.join(cause.texts)}" for cause in verdict.causes]
    return "\n".join([*lines, "", *_summary(checked), *(f"{kink}." for kink in checked.kinks)])


def _said(verdict: Verdict) -> str:
    groups: dict[str, list[Index]] = {}
    for index, entry in verdict.entries.items():
        groups.setdefault(_SAID[entry.verdict].format(blame=entry.blame), []).append(index)
    return "; ".join(f"{_among(verdict, indices)}{text}" for text, indices in groups.items()) or "wrong"


def _among(verdict: Verdict, indices: Sequence[Index]) -> str:
    """Name the entries that something is said of, where it is not said of all."""
    return "" if len(indices) == len(verdict.entries) else f"{_positions(indices)}: "


def _positions(indices: Sequence[Index]) -> str:
    return f"entr{'y' if len(indices) == 1 else 'ies'} {', '.join(map(position, indices))}"


def _compared(verdict: Verdict) -> Iterator[str]:
    """Yield the rows as they were given, and as they are; a point stands where nothing was given."""
    entries = verdict.entries
    rows = sorted({index[:-1] for index in entries})
    columns = range(max(index[-1] for index in entries) + 1)
    decimals = max(max(entry.written.decimals, 0) for entry in entries.values()) + 2
    given, truth = [], []
    for row in rows:
        known = [entries.get((*row, j)) for j in columns]
        given.append([entry.written.text if entry else "·" for entry in known])
        truth.append([fixed(entry.truth, decimals) if entry else "·" for entry in known])
    width = max(len(number) for row in given + truth for number in row)
    for title, lines in (("given", given), ("truth", truth)):
        for i, numbers in enumerate(lines):
            yield f"{'' if i else title:<5}  {'  '.join(f'{number:>{width}}' for number in numbers)}"


def _summary(checked: Checked) -> Iterator[str]:
    counted = Counter(entry.verdict for verdict in checked.verdicts for entry in verdict.entries.values())
    yield f"{counted.total()} numbers: {', '.join(f'{counted[v]} {v}' for v in VERDICTS if counted[v])}."
    wrong = [verdict for verdict in checked.verdicts if verdict.verdict == WRONG]
    for verdict, rank in zip(wrong, ["first", *["next"] * len(wrong)], strict=False):
        indices = verdict.having(WRONG)
        place = "" if len(indices) in (0, len(verdict.entries)) else f", {_positions(indices)}"
        text = f"The {rank} mistake is in {verdict.name}{place}"
        following = [v.name for v in checked.verdicts if verdict.answer.name in {e.blame for e in v.entries.values()}]
        if following:
            text += f"; from it follow{'s' if len(following) == 1 else ''} {', '.join(following)}"
        users = [v for v in checked.verdicts if v.answer.name in checked.users(verdict.answer.name)]
        if users and all(v.verdict in (RIGHT, TRUNCATED, CARRIED) for v in users):
            text += (
                f"; it is not carried on: {', '.join(v.name for v in users)} {'is' if len(users) == 1 else 'are'} right"
            )
        yield text + "."


def as_json(checked: Checked) -> dict[str, Any]:
    """Return the verdicts as plain data, for a grader."""
    first = checked.first_wrong
    return {
        "problem": checked.problem.source,
        "right": first is None,
        "first_wrong": first and {"name": first.answer.name, "again": first.answer.again},
        "quantities": [_plain(verdict) for verdict in checked.verdicts],
        "kinks": list(checked.kinks),
    }


def _plain(verdict: Verdict) -> dict[str, Any]:
    return {
        "name": verdict.answer.name,
        "again": verdict.answer.again,
        "transposed": verdict.answer.transposed,
        "verdict": verdict.verdict,
        "entries": [
            {
                "index": [i + 1 for i in index],
                "written": e.written.text,
                "truth": e.truth,
                "verdict": e.verdict,
                "follows": e.blame,
            }
            for index, e in verdict.entries.items()
        ],
        "causes": [
            {"causes": list(c.texts), "entries": [[i + 1 for i in index] for index in c.gives], "chance": c.chance}
            for c in verdict.causes
        ],
    }
