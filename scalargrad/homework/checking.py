"""Checked homework: a student's numbers against the truth, each to the digits that were written.

What is wrong is followed: a later number that is right for the wrong one before it is said to be so. Likely causes are
found by trying them, and named only where the number fits too closely for chance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from scalargrad.homework import stages
from scalargrad.homework.answers import Answer, Index, Written
from scalargrad.homework.arrays import Numbers, at, each, flat, shape
from scalargrad.homework.causes import Cause, Hypothesis, find_causes, misspellings, slips_of_order, spellings
from scalargrad.homework.stages import Rule, Stage
from scalargrad.worked.problem import Problem, ProblemError
from scalargrad.worked.solution import Solution, solve

# Verdicts, from the best to the worst. Only the last is a mistake of its own; it decides the exit status.
RIGHT, TRUNCATED, CARRIED, FOLLOWS, WRONG = VERDICTS = ("right", "truncated", "carried", "follows", "wrong")
_MOST, _STAGES = 2000, 100  # numbers and quantities: causes are sought for what people compute by hand
_DIGITS = 4  # after the point: what nobody sees in so many is nothing
_SOURCES, _SETS = 32, 256  # what may stand for one quantity, and sets of such that a quantity is computed from: at most


@dataclass(frozen=True)
class Entry:
    """A number and its verdict; `blame` names the wrong quantity that it follows from."""

    written: Written
    truth: float
    verdict: str
    blame: str | None = None


@dataclass(frozen=True)
class Verdict:
    """A quantity as it was given, judged: the worst verdict of its entries, and the causes of what is wrong."""

    answer: Answer
    entries: dict[Index, Entry]
    causes: tuple[Cause, ...]

    @property
    def name(self) -> str:
        """The quantity, and whether it was written before."""
        return self.answer.name + ", written again" * (self.answer.again > 0)

    @property
    def verdict(self) -> str:
        """The worst verdict of the entries; a matrix in transposed shape is wrong."""
        worst = max((entry.verdict for entry in self.entries.values()), key=VERDICTS.index)
        return WRONG if self.answer.transposed else worst

    def having(self, verdict: str) -> list[Index]:
        """Return the indices of the entries with a verdict."""
        return [index for index, entry in self.entries.items() if entry.verdict == verdict]


@dataclass(frozen=True)
class Checked:
    """A checked homework: the verdicts in the order in which the quantities are computed."""

    problem: Problem
    verdicts: tuple[Verdict, ...]
    kinks: tuple[str, ...]

    @property
    def first_wrong(self) -> Verdict | None:
        """The first quantity that is wrong, from which others may follow."""
        return next((verdict for verdict in self.verdicts if verdict.verdict == WRONG), None)

    def users(self, name: str) -> list[str]:
        """Return the quantities that are computed from one directly."""
        return [stage.name for stage in stages.stages(self.problem).values() if name in stage.rule.needs]


def shapes(problem: Problem) -> dict[str, tuple[int, ...]]:
    """Return the quantities that a problem asks for, and their shapes.

    >>> shapes(Problem.from_dict({"input": [1, 2], "layer": [{"weights": [[3, 4]], "bias": [5]}]}))
    {'Z1': (1,), 'ŷ': (1,)}

    Raises ProblemError for a batch of inputs.
    """
    if len(problem.examples) > 1:
        raise ProblemError(f"{problem.source}: input: answers are checked for one input, got {len(problem.examples)}")
    return {name: shape(numbers) for name, numbers in stages.truth(solve(problem)).items()}


def check(problem: Problem, answers: Iterable[Answer]) -> Checked:
    """Judge answers to a problem, in the order of its stages.

    >>> problem = Problem.from_dict({"input": [2], "layer": [{"weights": [[3]], "bias": [0.27]}]})
    >>> checked = check(problem, [Answer("Z1", {(0,): Written("6.2")}, 0), Answer("ŷ", {(0,): Written("6.2")}, 0)])
    >>> [(verdict.name, verdict.verdict) for verdict in checked.verdicts]
    [('Z1', 'truncated'), ('ŷ', 'truncated')]

    Raises what the operations raise outside their domains.
    """
    solution, answers = solve(problem), list(answers)
    paper = _Paper(problem, solution, answers)
    in_order = sorted(answers, key=lambda answer: paper.order.index(answer.name))
    return Checked(problem, tuple(map(paper.judge, in_order)), tuple(map(str, solution.kinks)))


@dataclass(frozen=True)
class _Source:
    """Numbers that a student may have gone on with, and the wrong quantity that they come from."""

    numbers: Any
    blame: str | None = None


class _Paper:
    """What is known while answers are judged one after another."""

    def __init__(self, problem: Problem, solution: Solution, answers: Sequence[Answer]) -> None:
        self.stages, self.truth = stages.stages(problem), stages.truth(solution)
        self.known, self.order = stages.givens(problem), list(self.stages)
        numbers = sum(len(flat(array)) for array in self.truth.values())
        self.is_small = numbers <= _MOST and len(self.order) <= _STAGES
        self.written: dict[str, list[_Source]] = {}
        self.texts: dict[str, dict[Index, Written]] = {}
        self.cache: dict[str, list[_Source]] = {}
        # What the paper as a whole shows: its digits, whether its writer cuts numbers off, whether anything was done.
        pairs = [(x, at(self.truth[a.name], i)) for a in answers for i, x in a.entries.items() if x.number]
        self.decimals = max((written.decimals for written, _ in pairs), default=0)
        self.cuts = any(written.truncates(x) and not written.rounds(x) for written, x in pairs)
        done = [a for a in answers if not self.idle(a) and any(w.fits(x) for w, x in self.pairs(a))]
        rounded = [_decimals(a) for a in done if any(w.value != x for w, x in self.pairs(a))]
        self.least = max(2, min(rounded, default=0) - 1) if done else math.inf  # a 0 at the end may be left out

    def pairs(self, answer: Answer) -> list[tuple[Written, float]]:
        """Return the numbers of an answer, each with the truth."""
        return [(written, at(self.truth[answer.name], index)) for index, written in answer.entries.items()]

    def idle(self, answer: Answer) -> str:
        """Say what stands in place of an answer where nothing was computed, though something was to be; else nothing."""
        visible = 0.5 * 10.0 ** -max(self.decimals, _DIGITS)
        old = answer.name.removesuffix("_new")
        nothing = {"nothing but 0 stands there": each(lambda _: 0.0, self.truth[answer.name])}
        if old in self.known:
            nothing[f"the old {old} stands there"] = self.known[old]
        for text, numbers in nothing.items():
            before = [at(numbers, index) for index in answer.entries]
            if all(w.value == x for w, x in zip(answer.entries.values(), before, strict=True)) and any(
                abs(x - truth) > visible for x, (_, truth) in zip(before, self.pairs(answer), strict=True)
            ):
                return text
        return ""

    def judge(self, answer: Answer) -> Verdict:
        """Judge the entries of an answer, and let later quantities be computed from them."""
        for name in self.order[: self.order.index(answer.name)]:
            self.sources(name)  # one after another: a deep network is no deep recursion
        rule = self.stages[answer.name].rule
        computed = self.computed(rule)
        # On another paper are no fewer digits than on this one; and in whole numbers nobody computes.
        decimals = _decimals(answer)
        if self.is_small and decimals > 0:
            for tie in (1 + 1e-12, 1 - 1e-12):  # goes up, or down
                computed += self.rounded(rule, decimals, tie)
        size = max(map(abs, flat(self.truth[answer.name])))
        entries = {
            index: self.entry(written, index, answer, computed, size) for index, written in answer.entries.items()
        }
        idle = self.idle(answer) if _decimals(answer) < self.least else ""
        if idle:  # or it cannot be seen in so few digits: 0.1 is an old weight, and any near it
            entries = {
                i: e if e.truth == e.written.value else replace(e, verdict=WRONG, blame=None)
                for i, e in entries.items()
            }
        wrong = {index: entry.written for index, entry in entries.items() if entry.verdict == WRONG}
        size = max([size, *(abs(written.value) for written in wrong.values())])
        grain = min(_grain(x, e.written.decimals) for e in entries.values() for x in (e.truth, e.written.value))
        causes = []
        if idle:
            causes = [Cause((idle,), {index: written.value for index, written in wrong.items()}, 0.0)]
        elif wrong and self.is_small:
            causes = find_causes(wrong, size, grain, self.hypotheses(answer, wrong))
        if answer.transposed:
            all_of_it = {index: entry.truth for index, entry in entries.items()}
            causes.insert(0, Cause(("the whole matrix is transposed",), all_of_it, 0.0))
        verdict = Verdict(answer, entries, tuple(causes))
        self.note(verdict, computed)
        return verdict

    def entry(self, written: Written, index: Index, answer: Answer, computed: list[_Source], size: float) -> Entry:
        """Judge one number."""
        x, slack = at(self.truth[answer.name], index), 1e-12 * size
        shown = self.in_full(written, answer)
        if shown.rounds(x, slack):
            return Entry(written, x, RIGHT)
        if self.fits(shown, x, slack):
            return Entry(written, x, TRUNCATED)
        for copied in self.written.get(answer.name, ()):  # what is written again may be what it was before
            if self.fits(shown, at(copied.numbers, index), slack):
                return Entry(written, x, FOLLOWS if copied.blame else CARRIED, copied.blame)
        # Who rounds here and not there gets what lies between: the rules are linear in each of what they need, or nearly.
        sound = [at(source.numbers, index) for source in computed if not source.blame]
        between = min(max(shown.value, min(sound)), max(sound)) if sound else math.inf
        if shown.fits(between, slack) if shown.number else any(self.fits(shown, other, slack) for other in sound):
            return Entry(written, x, CARRIED)
        # After a mistake, the last of three digits or more may hang on what was rounded on the way.
        within = 1.0 if shown.unit <= size / 100 else 0.0
        unsound = (s.blame for s in computed if s.blame and shown.near(at(s.numbers, index), within, slack))
        blame = next(unsound, None)
        return Entry(written, x, FOLLOWS, blame) if blame else Entry(written, x, WRONG)

    def fits(self, written: Written, x: float, slack: float) -> bool:
        """Say whether x, rounded or cut off, is a number. Any small x, cut off, is 0: its writer must be one who cuts."""
        return written.rounds(x, slack) or (bool(written.number or self.cuts) and written.truncates(x, slack))

    def in_full(self, written: Written, answer: Answer) -> Written:
        """Return a number as it is meant: a bare 0 is one to as many digits as stand beside it, or on the paper."""
        if written.number or written.decimals > 0:
            return written
        decimals = _decimals(answer)
        return Written(f"{0:.{decimals if decimals > 0 else max(self.decimals, 0)}f}")

    def note(self, verdict: Verdict, computed: list[_Source]) -> None:
        """Let later quantities be computed from this one: as it was written, and as a mistake gave it in full."""
        name, entries = verdict.answer.name, verdict.entries
        blames = [name if e.verdict == WRONG else e.blame for e in entries.values()]
        blame = min((b for b in blames if b), key=self.order.index, default=None)
        own = computed[0].numbers if computed else self.truth[name]
        numbers = _with(own, {index: entry.written.value for index, entry in entries.items()})
        sources = self.written.setdefault(name, [])
        sources.append(_Source(numbers, blame))
        if verdict.causes and not verdict.answer.transposed:
            in_full = {index: x for cause in verdict.causes for index, x in cause.gives.items()}
            sources.append(_Source(_with(numbers, in_full), blame))
        self.texts.setdefault(name, {}).update({index: entry.written for index, entry in entries.items()})
        for later in self.order[self.order.index(name) :]:
            self.cache.pop(later, None)

    def sources(self, name: str) -> list[_Source]:
        """Return what may stand for a quantity on this paper: as written, computed and not rounded, or exact."""
        if name in self.known:
            return [_Source(self.known[name])]
        if name not in self.cache:
            own, *others = [*self.computed(self.stages[name].rule), _Source(self.truth[name])]
            found = [*self.written.get(name, ()), own, _Source(self.truth[name]), *others]
            self.cache[name] = _distinct(found)[:_SOURCES]
        return self.cache[name]

    def computed(self, rule: Rule) -> list[_Source]:
        """Return what a rule gives, for all that may stand for what it needs, the student's own numbers first."""
        choices = [list(enumerate(self.sources(need))) for need in rule.needs]
        found = []
        for needs in sorted(product(*choices), key=lambda needs: sum(rank for rank, _ in needs))[
            : _SETS if self.is_small else 1
        ]:
            blames = [source.blame for _, source in needs if source.blame]
            numbers = _computed(rule, [source.numbers for _, source in needs])
            if numbers is not None:
                found.append(_Source(numbers, min(blames, key=self.order.index, default=None)))
        return _distinct(found)

    def rounded(self, rule: Rule, decimals: int, tie: float) -> list[_Source]:
        """Return what a rule gives where all that is not on the paper was rounded, to as many digits, on another."""
        needs = []
        for name in rule.needs:
            if name in self.known or name in self.written:
                needs.append(self.sources(name)[0])
                continue
            found = self.rounded(self.stages[name].rule, decimals, tie)
            if not found:
                return []
            needs.append(_Source(each(lambda x: round(x * tie, decimals), found[0].numbers), found[0].blame))
        numbers = _computed(rule, [source.numbers for source in needs])
        blames = [source.blame for source in needs if source.blame]
        return [] if numbers is None else [_Source(numbers, min(blames, key=self.order.index, default=None))]

    def hypotheses(self, answer: Answer, wrong: dict[Index, Written]) -> Iterator[Hypothesis]:
        """Yield mistakes with the numbers that they give, the common ones first."""

        def giving(text: str, numbers: Numbers, within: float = 0.0) -> Hypothesis:
            return Hypothesis(text, {index: at(numbers, index) for index in wrong}, within)

        stage, truth = self.stages[answer.name], self.truth[answer.name]
        right = [truth, *(source.numbers for source in self.computed(stage.rule))]
        for numbers in right:
            yield giving("the sign is wrong", each(lambda x: -x, numbers))
        for numbers in right:
            yield giving("the last digit is off by 1", numbers, 1.0)
        before = self.texts.get(answer.name, {})
        for index in wrong:
            for slip, x in misspellings(f"{before[index].number:f}") if index in before else ():
                yield Hypothesis(f"it was {before[index].text} before: {slip}", {index: x})
        for mistake in stage.mistakes:
            for source in self.computed(mistake):
                yield giving(mistake.text, source.numbers)
        for text, numbers in self.unwritten_mistakes(stage):
            yield giving(text, numbers)
        for numbers in right:
            for text, swapped in slips_of_order(numbers):
                yield giving(text, swapped)
            for factor, side in ((10.0, "right"), (0.1, "left")):
                moved = each(lambda x, factor=factor: factor * x, numbers)
                yield giving(f"the decimal point is one place too far to the {side}", moved)
        for index, written in wrong.items():
            for text in () if index in before else spellings(at(truth, index), max(written.decimals, 0)):
                for slip, x in misspellings(text):
                    yield Hypothesis(slip, {index: x})

    def unwritten_mistakes(self, stage: Stage) -> Iterator[tuple[str, Numbers]]:
        """Yield what mistakes in earlier quantities give, where these are not on the paper."""
        names = _unwritten(stage, self.stages, self.written)
        for name in sorted(names, key=self.order.index, reverse=True):
            for mistake in self.stages[name].mistakes:
                for source in self.computed(mistake):
                    numbers = self.through(stage, names, {name: source.numbers})
                    if numbers is not None:
                        yield f"in {name}, which is not given: {mistake.text}", numbers

    def through(self, stage: Stage, names: set[str], known: dict[str, Any]) -> Numbers | None:
        """Compute a stage again from a changed earlier one; `names` may depend on it."""
        needs = []
        for need in stage.rule.needs:
            if need not in known:
                again = (
                    self.through(self.stages[need], names, known) if need in names else self.sources(need)[0].numbers
                )
                if again is None:
                    return None
                known[need] = again
            needs.append(known[need])
        return _computed(stage.rule, needs)


def _decimals(answer: Answer) -> int:
    return max(written.decimals for written in answer.entries.values())


def _computed(rule: Rule, needs: Sequence[Any]) -> Numbers | None:
    try:
        numbers = rule.compute(*needs)
    except (ArithmeticError, ValueError):
        return None
    return numbers if all(map(math.isfinite, flat(numbers))) else None


def _unwritten(stage: Stage, table: dict[str, Stage], written: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    waiting = list(stage.rule.needs)
    while waiting:
        name = waiting.pop()
        if name in table and name not in written and name not in found:
            found.add(name)
            waiting += table[name].rule.needs
    return found


def _distinct(sources: Iterable[_Source]) -> list[_Source]:
    """Drop what is there twice; what comes from no mistake stays."""
    found: dict[str, _Source] = {}
    for source in sources:
        key = repr(source.numbers)
        if key not in found or (found[key].blame and not source.blame):
            found[key] = source
    return list(found.values())


def _with(numbers: Any, entries: dict[Index, float], index: Index = ()) -> Any:
    if isinstance(numbers, list):
        return [_with(entry, entries, (*index, i)) for i, entry in enumerate(numbers)]
    return entries.get(index, numbers)


def _grain(x: float, decimals: int) -> float:
    """Return what one in the last digit is worth that is not 0, in a number rounded to so many decimals."""
    shown = f"{x:.{min(max(decimals, 0), 12)}f}".rstrip("0")
    return float(f"1e-{len(shown) - shown.index('.') - 1}") if "." in shown else 1.0
