"""Updates written out: an optimiser's equations in the textbook's form, its steps with their numbers, a table of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from scalargrad.sheet.document import Heading, Line, Run, Table, listed
from scalargrad.sheet.grammar import flat
from scalargrad.sheet.notation import PLAIN
from scalargrad.sheet.problem import Equation
from scalargrad.sheet.solution import Step, Trajectory
from scalargrad.sheet.terms import DERIV, SUB, Term

SHOWN_STEPS = 3  # that are written out
_TITLES = {
    "adam": "Adam",
    "adamw": "AdamW",
    "rmsprop": "RMSprop",
    "adagrad": "Adagrad",
    "nesterov": "Nesterov's momentum",
}


def title_of(trajectory: Trajectory) -> str:
    """Return an optimiser's name as people write it."""
    return _TITLES.get(trajectory.rule.name, trajectory.rule.name)


class Walk:
    """Writes the steps of one optimiser on what `sheet` (of writing.py) collects."""

    def __init__(self, sheet: Any, trajectory: Trajectory, loss: Term) -> None:
        self.sheet, self.trajectory, self.loss = sheet, trajectory, loss
        self.rule, self.steps = trajectory.rule, trajectory.steps
        self.names = list(self.steps[0].states)
        self.many, self.single = len(self.steps) > 1, len(self.names) == 1

    def write(self) -> None:
        """Write the rule, the first steps, and a table of all."""
        sheet, title, tag = self.sheet, title_of(self.trajectory), self.trajectory.update.tag
        sheet.section(f"The update: {title}{f', {tag}' if tag else ''}")
        if self.rule.name == "gradient descent" and not self.many:
            sheet.say("Gradient descent goes against the gradient: from each parameter, the learning rate times its gradient is subtracted.")  # fmt: skip
        else:
            source = f"{title[0].upper()}{title[1:]} ({self.rule.source}), for "
            sheet.say(source, *listed(map(Term, self.names), 10), ", with the gradient ", Term("g"), ":")
            w = Term(_base(self.names[0])) if self.single else Term("w")
            before = Term("t") - 1
            for i, e in enumerate(self.rule.equations):
                left = _at(w if e.name == "w" else Term(e.name), "t")
                sheet.show(
                    [Line(left, (("=", _timed(self.rule.equations, i, "t", before).put({"w": w})),))], joined=i > 0
                )
            if self.rule.states:
                sheet.say(*listed(map(Term, self.rule.states), 4), f" begin{'s' * (len(self.rule.states) == 1)} at 0.")
        for step in self.steps[:SHOWN_STEPS]:
            if self.many and not sheet.brief:
                sheet.blocks.append(Heading((f"Step {step.number}",), 3))
            sheet.show(itertools.chain.from_iterable(self.lines(step, name) for name in self.names))
        if len(self.steps) > SHOWN_STEPS:
            sheet.say(f"The steps {SHOWN_STEPS + 1} to {len(self.steps)} go the same way.")
        if self.many and len(self.names) <= 3:
            self.table()
        before, after = (self.lost(scope) for scope in (self.steps[0].before, self.trajectory.after))
        verb = "stays at" if before == after else f"{'falls' if after < before else 'rises'} from"
        far = " The step is too long for the slope to be trusted that far." if after > before else ""
        ends = [Term(before)] if before == after else [Term(before), " to ", Term(after)]
        sheet.say("With the new parameters, ", self.loss, f" {verb} ", *ends, f".{far}", kind="check")

    def lost(self, scope: Any) -> float:
        """Return the loss in a scope."""
        out: float = scope.array(scope.settle(self.loss)).data[0]
        return out

    def lines(self, step: Step, name: str) -> Iterator[Line]:
        """Write one step of one parameter: its gradient, and each equation with its numbers."""
        states, worth, line = step.states[name], self.sheet.put.shown, self.sheet.line
        before = self.steps[step.number - 2].states[name] if step.number > 1 else {}
        numbers = {key: Term(x) for key, x in self.trajectory.constants.items()} | {"t": Term(float(step.number))}
        numbers |= {"g": worth(states["g"]), "w": worth(step.before[name].array)}
        numbers |= {key: worth(before.get(key, states[key].map(lambda _: 0.0))) for key in self.rule.states}
        derivative = Term(DERIV, self.loss, name)
        if self.many:
            yield line(
                _at(Term("g"), step.number) if self.single else Term(PLAIN, derivative),
                *self.slope(step, name),
                numbers["g"],
            )
        for i, equation in enumerate(self.rule.equations):
            key = equation.name
            put = equation.right.replaced(lambda t: numbers.get(str(flat(t))) if t.is_name or t.head is SUB else None)
            if self.many:
                left = Term(_base(name) if key == "w" else key)
                left = _at(left, step.number) if self.single or key == "w" else left
                symbols = _timed(self.rule.equations, i, step.number, step.number - 1)
                symbols = symbols.replaced(lambda t: _renamed(t, name, single=self.single))
            else:
                left = Term(f"{name} new") if key == "w" else Term(key)
                symbols = equation.right.put({"w": Term(name), "g": derivative})
            yield line(left, symbols, put, worth(states[key]))
            numbers[key] = worth(states[key])

    def slope(self, step: Step, name: str) -> Iterator[Term]:
        """Write the gradient at a step as the derivative's formula over the parameter alone, where it is one."""
        here = _at(Term(_base(name)), step.number - 1) if step.number > 1 else Term(name)
        if self.single:
            yield Term(PLAIN, Term(DERIV, self.loss, here))
        scope = self.sheet.scope
        settled = scope.settle(self.loss)
        steps = self.sheet.groups.get(settled.head, []) if settled.is_name else []
        slope = (
            next((s.term for s in steps if s.by == name), None) if settled.is_name else scope.slope(settled, Term(name))
        )
        slope = slope if slope is not None and set(slope.names) <= {*self.names} else None
        if slope is not None and self.rule.at == "w":
            yield slope.put({name: here}) if self.single else slope
            yield slope.put({x: self.sheet.put.shown(step.before[x].array) for x in self.names})

    def table(self) -> None:
        """Write a table of all steps, of numbers."""
        if any(array.shape for states in self.steps[0].states.values() for array in states.values()):
            return
        columns = [(name, key) for name in self.names for key in ("g", *(e.name for e in self.rule.equations))]
        head: list[Run] = [("t",)]
        for name, key in columns:
            own = Term(_base(name) if key == "w" else key)
            head.append((_at(own, "t"),) if self.single else (own,) if key == "w" else (own, " of ", Term(name)))
        start = self.steps[0].before
        rows: list[list[Run]] = [
            [("0",), *((Term(start[n].array.data[0]),) if k == "w" else ("",) for n, k in columns)]
        ]
        rows += [[(f"{s.number}",), *((Term(s.states[n][k].data[0]),) for n, k in columns)] for s in self.steps]
        scopes = [*(step.before for step in self.steps), self.trajectory.after]
        rows = [[*each, (Term(self.lost(scope)),)] for each, scope in zip(rows, scopes, strict=True)]
        self.sheet.say("All steps; the last column is the value after each.")
        self.sheet.blocks.append(Table((*head, (self.loss,)), tuple(map(tuple, rows))))


def _base(name: str) -> str:
    """The name of a parameter without the index of its beginning: w for w_0."""
    return name.removesuffix("0") or name


def _at(name: Term, step: Any) -> Term:
    """Name a quantity at a step: m_hat_t, theta_1."""
    return Term(SUB, name, step if isinstance(step, Term) else Term(step))


def _timed(equations: tuple[Equation, ...], i: int, now: Any, before: Any) -> Term:
    """Give names in an equation the step that they belong to: on the right, what is not yet written is of the step before."""
    own, fresh = {e.name for e in equations}, {e.name for e in equations[:i]}

    def change(part: Term) -> Term | None:
        if part.head == "g" or (part.is_name and part.head in fresh):
            return _at(part, now)
        if part.is_name and part.head in own:
            return _at(part, before)
        return Term(now) if part.head == "t" and not isinstance(now, str) else None

    return equations[i].right.replaced(change)


def _renamed(term: Term, name: str, *, single: bool) -> Term | None:
    """Call w by the parameter's name, at the beginning without an index; of several parameters the states have none."""
    if term.head is not SUB or not term.operands[1].is_number:
        return None
    if term.operands[0].head == "w":
        return Term(name) if term.operands[1] == Term(0.0) else Term(SUB, _base(name), term.operands[1])
    return None if single or term.operands[0].head in ("beta", "rho") else term.operands[0]
