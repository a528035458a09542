"""A problem solved: every quantity, what is asked under its own name, and the steps of its updates."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scalargrad.modes import no_grad
from scalargrad.node import Node
from scalargrad.sheet.arrays import Array
from scalargrad.sheet.derivation import path
from scalargrad.sheet.grammar import flat
from scalargrad.sheet.instance import has_numbers, instance
from scalargrad.sheet.problem import Asked, Equation, Problem, Update
from scalargrad.sheet.scope import Quantity, Scope, SheetError
from scalargrad.sheet.terms import CALL, DERIV, SUP, Term
from scalargrad.sheet.updates import OTHER_NAMES, RULES, SYNONYMS, Rule
from scalargrad.value import Value


@dataclass(frozen=True)
class Step:
    """One step of an update.

    number  counted from 1
    states  for each parameter what the step computed, in the rule's order: g, the states, and w (the new parameter)
    before  the scope in which the gradient was taken
    """

    number: int
    states: Mapping[str, Mapping[str, Array]]
    before: Scope


@dataclass(frozen=True)
class Trajectory:
    """All steps of an update, and the scope after them."""

    update: Update
    rule: Rule
    constants: Mapping[str, float]
    steps: tuple[Step, ...]
    after: Scope


@dataclass(frozen=True)
class Solution:
    """A solved problem.

    scope         the quantities before any update
    asked         what is asked, by its name
    trajectories  one for each update
    invented      the names of a problem without numbers: those in `scope` only check the formulas
    others        the gradients of the last result by everything else, where nothing asks for them
    """

    problem: Problem
    scope: Scope
    asked: Mapping[str, Array]
    trajectories: tuple[Trajectory, ...]
    others: Mapping[str, Array]
    invented: frozenset[str] = frozenset()

    @property
    def values(self) -> dict[str, Any]:
        """The numbers of all quantities and answers by name, as nested lists."""
        if self.invented:
            certain = {
                each.name for each in self.problem.asked if not self._rests_on_invented(self.scope.settle(each.term))
            }
            return {name: array.nested for name, array in self.asked.items() if name in certain}
        out = {name: quantity.array.nested for name, quantity in self.scope.quantities.items() if quantity.is_stated}
        for trajectory in self.trajectories:
            out |= {name: array.nested for name, array in _named(trajectory).items()}
        return out | {name: array.nested for name, array in (*self.others.items(), *self.asked.items())}

    def _rests_on_invented(self, term: Term) -> bool:
        names = set(term.names)
        return bool(names & self.invented) or any(
            self._rests_on_invented(self.scope[name].term) for name in names if not self.scope[name].is_given
        )


def solve(problem: Problem) -> Solution:
    """Compute all quantities of a problem, what is asked, and its updates.

    >>> solve(Problem.read("w = 3; L = w^2; update w by gradient descent, eta = 0.1, steps = 2; find dL/dw, w_2")).asked["w2"].nested
    1.92

    Raises SheetError where something has no value, and what operations raise outside their domains.
    """
    try:
        return _solved(problem)
    except RecursionError:
        raise SheetError(f"{problem.source}: something is defined through itself without end") from None


def _solved(problem: Problem) -> Solution:
    stated = problem
    if not has_numbers(problem):
        problem = instance(problem)
    invented = frozenset(e.name for e in problem.equations[len(stated.equations) :])
    scope = Scope(problem)
    equations = [
        e for e in problem.equations if e.left.head is not CALL and not e.variables and e.name not in scope.upstream
    ]
    for equation in sorted(equations, key=lambda e: sum(1 for _ in e.right.walk())):
        if equation.name in scope.exact and not _uses_updates(equation, problem):
            scope.find(Term(equation.name))
    for equation in problem.equations:
        if equation.left.head is CALL:
            scope.quantity_of_function(equation.name)
    for equation in scope.families:
        scope.unroll(equation)
    scope.check_claims()
    trajectories = tuple(stepped(scope, update) for update in problem.updates)
    for trajectory in trajectories:
        for name, array in _named(trajectory).items():
            scope.quantities.setdefault(name, Quantity(name, Term(name), array))
            scope.worth.setdefault(Term(name), array)
    after = trajectories[-1].after if trajectories else None
    asked = {each.name: answer(scope, after, each) for each in problem.asked}
    others = {each.name: answer(scope, after, each) for each in everything(scope) if each.name not in asked}
    return Solution(problem, scope, asked, trajectories, others, invented)


def _uses_updates(equation: Equation, problem: Problem) -> bool:
    return bool(problem.updates) and any(
        part.head is SUP and Term("new") in part.operands for part in equation.right.walk()
    )


def answer(scope: Scope, after: Scope | None, asked: Asked) -> Array:
    """Compute what is asked; with the mark `new`, after the update."""
    term = asked.term
    if term.head is SUP and term.operands[1] == Term("new"):
        if after is None:
            raise SheetError(f"{asked.name}: the problem updates nothing")
        return after.array(after.settle(term.operands[0]))
    return scope.array(scope.settle(term))


def everything(scope: Scope) -> list[Asked]:
    """Return what a problem that asks for nothing in particular asks for: the gradients of its last scalar by all that is given."""
    last = scope.results()
    if len(last) != 1:
        return []
    names = path(scope, last[0], set(scope.quantities))[1:]
    return [Asked(f"d{last[0]}/d{name}", Term(DERIV, last[0], name)) for name in names]


def rule_of(update: Update) -> Rule:
    """Return the rule that an update names. Raises SheetError."""
    if update.equations:
        return Rule(update.rule, update.equations, dict.fromkeys(name for name, _ in update.constants), "the problem")
    name = OTHER_NAMES.get(update.rule, update.rule)
    if name not in RULES:
        close = difflib.get_close_matches(name, [*RULES, *OTHER_NAMES], 1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(RULES)}"
        raise SheetError(f"no optimiser {update.rule!r}; {hint}")
    return RULES[name]


def stepped(scope: Scope, update: Update) -> Trajectory:
    """Take the steps of an update, each with its gradient computed anew."""
    rule = rule_of(update)
    constants = _constants(scope, update, rule)
    names = [str(flat(parameter)) for parameter in update.parameters]
    loss = update.loss if update.loss is not None else Term(_loss(scope))
    states = {name: {state: Array.of(0.0).spread(scope[name].array.shape) for state in rule.states} for name in names}
    overrides = dict(scope.overrides)
    steps: list[Step] = []
    now = scope
    for number in range(1, update.steps + 1):
        current = {name: now[name].array for name in names}
        at = now
        if rule.at != "w":
            ahead = {
                name: _leaf(name, _evaluated(rule.at, {"w": current[name], **states[name]}, constants, number))
                for name in names
            }
            at = Scope(scope.problem, {**overrides, **ahead})
        done: dict[str, dict[str, Array]] = {}
        for name in names:
            gradient = at.gradient(at.settle(loss), Term(name))
            done[name] = _one_step(rule, current[name], _numbers(gradient), states[name], constants, number)
            states[name] = {state: done[name][state] for state in rule.states}
        steps.append(Step(number, done, now))
        overrides |= {name: _leaf(name, done[name]["w"]) for name in names}
        now = Scope(scope.problem, overrides)
    return Trajectory(update, rule, constants, tuple(steps), now)


def _constants(scope: Scope, update: Update, rule: Rule) -> dict[str, float]:
    given = {}
    for word, term in update.constants:
        name = word if update.equations else SYNONYMS.get(word, word)
        if name not in {*rule.constants, "decay_l2", "l2"}:
            raise SheetError(f"{rule.name} has no {name}; its constants are {', '.join(rule.constants)}")
        given[name] = scope.number(term)
    out = {**rule.constants, **given}
    missing = [name for name, value in out.items() if value is None]
    for name in missing:
        found = next(
            (
                scope.find(Term(word))
                for word in (name, *(k for k, v in SYNONYMS.items() if v == name))
                if word in scope.exact
            ),
            None,
        )
        if found is None:
            raise SheetError(f"{rule.name} needs {name}: update ... by {rule.name}, {name} = 0.1")
        out[name] = found.array.data[0]
    return out  # type: ignore[return-value]


def _loss(scope: Scope) -> str:
    last = scope.results()
    if len(last) != 1:
        raise SheetError(
            f"of what is the gradient taken? Write loss = ..., one of {', '.join(last) or 'the quantities'}"
        )
    return last[0]


def _one_step(
    rule: Rule, w: Array, g: Array, states: Mapping[str, Array], constants: Mapping[str, float], number: int
) -> dict[str, Array]:
    """Apply a rule's equations, one after another, each with what is known by then."""
    if "l2" in constants:
        g = _evaluated("g + l_2 w", {"g": g, "w": w}, constants, number)
    known: dict[str, Array] = {"w": w, "g": g, **states}
    for equation in rule.equations:
        known[equation.name] = _evaluated(equation.right, known, constants, number)
    return known


def _evaluated(right: Term | str, known: Mapping[str, Array], constants: Mapping[str, float], number: int) -> Array:
    if isinstance(right, str):
        right = Problem.read(f"out = {right}; w = 0; v = 0; g = 0; beta = 0").equations[0].right
    numbers = {name: Array.of(x) for name, x in {**constants, "t": float(number)}.items()}
    scope = Scope(Problem(), {**numbers, **known})
    with no_grad():
        return _numbers(scope.array(scope.settle(right)))


def _numbers(array: Array) -> Array:
    return array.map(lambda x: x.data if isinstance(x, Node) else x)


def _leaf(name: str, array: Array) -> Array:
    single = len(array.entries) == 1
    return Array(
        array.shape,
        [Value(x, label=name if single else f"{name}_{i}") for i, x in enumerate(array.entries, 1)],
        array.orientation,
    )


def _named(trajectory: Trajectory) -> dict[str, Array]:
    """Name what the steps computed: w1, g1, v1, m_hat1, ...; after the last, w new."""
    tag = f" {trajectory.update.tag}" if trajectory.update.tag else ""
    out: dict[str, Array] = {}
    several = len(trajectory.update.parameters) > 1
    for step in trajectory.steps:
        for name, states in step.states.items():
            base = name.removesuffix("0") or name
            for state, array in states.items():
                stem = base if state == "w" else state if not several else f"{state}_{name}"
                out[
                    f"{stem}{step.number}{tag}"
                    if state != "w" or not several
                    else f"{name} after step {step.number}{tag}"
                ] = array
            if not several:
                out[f"gradient {step.number}{tag}"] = states["g"]
            if step.number == len(trajectory.steps):
                out[f"{name} new{tag}"] = states["w"]
                if len(states["w"].shape) == 1:
                    out |= {f"{name}{i} new{tag}": states["w"][i - 1,] for i in range(1, len(states["w"].entries) + 1)}
    return out
