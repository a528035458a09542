"""A solution written out: a document that teaches how every number comes about.

>>> from scalargrad.sheet.problem import Problem
>>> from scalargrad.sheet.solution import solve
>>> from scalargrad.sheet.writers import write
>>> print(write(written(solve(Problem.read("w = 3; x = 2; z = w x; L = z^2; find dL/dw")), brief=True), "text"))
Worked solution: the derivatives of L
=====================================
<BLANKLINE>
      z = w x = 3 · 2 = 6
      L = z² = 6² = 36
  ∂L/∂z = 2 z = 2 · 6 = 12
  ∂L/∂w = (∂L/∂z) x = 12 · 2 = 24
<BLANKLINE>
┌──────────────┐
│  ∂L/∂w = 24  │
└──────────────┘
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from scalargrad import ops
from scalargrad.modes import no_grad
from scalargrad.sheet.arrays import Array, shown as shape_of
from scalargrad.sheet.derivation import Step, derive
from scalargrad.sheet.document import Block, Document, Equations, Heading, Items, Line, Paragraph, Picture, Run, Table, is_exact, line, shown
from scalargrad.sheet.fused import fused
from scalargrad.sheet.grammar import flat
from scalargrad.sheet.notation import PLAIN, Style
from scalargrad.sheet.problem import Asked, Problem, answer_name
from scalargrad.sheet.records import RECORDS
from scalargrad.sheet.scope import Quantity, Scope, SheetError
from scalargrad.sheet.solution import Solution, Trajectory
from scalargrad.sheet.styles import text
from scalargrad.sheet.substitution import Substitution, evaluated, shortened
from scalargrad.sheet.unfolding import unfolded
from scalargrad.sheet.tidy import tidied
from scalargrad.sheet.terms import CALL, DERIV, PRIME, SUB, SUP, Term

MOST_LINES = 8  # entries of an array that are written one by one
LONGEST = 90  # parts of a term that is shown in symbols
SHORT = 12  # of one that stands beside an answer
MOST_NAMES = 10  # in a row
SHOWN_STEPS = 3  # of an optimiser, that are written out
CHECKED = 12  # derivatives in the table of central differences
NUDGE = 1e-5  # of central differences, times the number's size


def written(solution: Solution, digits: int = 5, *, brief: bool = False, picture: Picture | None = None) -> Document:
    """Write a solution out: recipe, what is given, equations, forward pass, derivation, update, check, answers.

    digits   significant digits of numbers that have more
    brief    without the teaching: each line once, and the answers
    picture  of the graph
    """
    return _Writing(unfolded(solution), digits, brief, solution.problem).document(picture)


class _Writing:
    def __init__(self, solution: Solution, digits: int, brief: bool, stated: Problem) -> None:
        self.stated = stated
        self.solution, self.problem, self.scope = solution, solution.problem, solution.scope
        self.digits, self.brief = digits, brief
        self.put = Substitution(self.scope)
        self.blocks: list[Block] = []
        self.said: set[str] = set()
        quantities = self.scope.quantities.values()
        aliases = {q.term: Term(q.name) for q in quantities if q.term.head is DERIV and q.equation is not None and q.equation.left.head is not DERIV}
        several = {str(flat(e.left.operands[0])) for e in self.problem.equations if e.left.head is CALL and len(e.left.operands) > 2}
        self.style = Style(lambda x: shown(x, digits), aliases, set(self.scope.quantities), several)
        self.aliases = aliases
        self.short: dict[Term, Term] = {}  # derivatives whose short form was shown
        self.computed = list(self.in_order())
        self.groups = self.derived()

    # What is written.

    def section(self, *run: Any) -> None:
        """Begin a section; a short solution has none."""
        if not self.brief:
            self.blocks.append(Heading(run))

    def say(self, *run: Any, kind: str = "") -> None:
        """Write a paragraph, but not in a short solution."""
        if not self.brief:
            self.blocks.append(Paragraph(run, kind))

    def show(self, lines: Iterable[Line], kind: str = "", *, joined: bool = False) -> None:
        """Write equations; in a short solution, and where they are joined, below those before."""
        lines = tuple(lines)
        last = self.blocks[-1] if self.blocks else None
        if lines and (joined or self.brief) and isinstance(last, Equations) and last.kind == kind:
            self.blocks[-1] = Equations((*last.lines, *lines), kind)
        elif lines:
            self.blocks.append(Equations(lines, kind))

    def line(self, left: Term, *sides: Term) -> Line:
        """Write a line."""
        return line(left, sides, self.digits)

    def worth(self, array: Array) -> Term:
        """Write what an array is worth."""
        return self.put.shown(array)

    def answered(self, name: str, term: Term) -> Array:
        """What an answer is worth, without the noise of rounding."""
        return self.put.clean.get(term, self.put.clean.get(self.scope.settle(term) if not any(t.head is SUP for t in term.walk()) else term, self.solution.asked[name]))

    # What there is to write.

    def in_order(self) -> Iterator[Quantity]:
        """The computed quantities, in the order of the problem's equations, each after those that it is made of."""
        seen: set[str] = set()

        def visit(q: Quantity) -> Iterator[Quantity]:
            if q.name not in seen:
                seen.add(q.name)
                for source in q.sources:
                    yield from visit(self.scope.quantities[source])
                if not q.is_given and q.equation is not None and q.sources and q.equation.left.head is not DERIV:
                    yield q

        for equation in self.problem.equations:
            for q in list(self.scope.quantities.values()):
                if q.equation is equation:
                    yield from visit(q)

    def derived(self) -> dict[str, list[Step]]:
        """The derivations that are asked for or needed, by what is differentiated."""
        want: dict[str, dict[str, None]] = {}
        terms = [q.term for q in self.scope.quantities.values() if q.term.head is DERIV] + [asked.term for asked in self.problem.asked]
        for term in itertools.chain.from_iterable(term.walk() for term in terms):
            if term.head is DERIV and not any(part.head is SUP and part.operands[1] == Term("new") for part in term.walk()):
                of, by = self.scope.settle(term).operands or (term, term)
                self.want(want, of, by)
        for trajectory in self.solution.trajectories:
            loss = trajectory.update.loss if trajectory.update.loss is not None else Term(self.scope.results()[0])
            for parameter in trajectory.update.parameters:
                self.want(want, self.scope.settle(loss), self.scope.settle(parameter))
        given = {str(flat(e.left.operands[0])) for e in self.problem.equations if e.left.head is DERIV}
        groups = {of: list(derive(self.scope, of, by)) for of, by in want.items()}
        return {of: [s for s in steps if not self.is_upstream(s, given)] for of, steps in groups.items() if steps}

    def want(self, want: dict[str, dict[str, None]], of: Term, by: Term) -> None:
        """Note a derivative that is to be derived: one of a number by a quantity."""
        by = by.operands[0] if by.head in (RECORDS["index"], RECORDS["item"]) else by
        if of.is_name and by.is_name and of != by and not self.scope[of.head].array.shape and self.scope[by.head].equation is not None:
            want.setdefault(of.head, {})[by.head] = None

    def is_upstream(self, step: Step, given: set[str]) -> bool:
        """Say whether a derivative is one that the problem gives."""
        known = self.scope.quantities.get(answer_name(step.left))
        return step.of in given and known is not None and known.equation is not None and known.equation.left.head is DERIV

    # The document.

    def document(self, picture: Picture | None) -> Document:
        if not self.brief:
            self.recipe()
            self.given()
            if picture:
                self.blocks.append(picture)
            self.equations()
        self.forward()
        self.backward()
        self.formulas()
        for trajectory in self.solution.trajectories:
            self.update(trajectory)
        if not self.brief:
            self.check()
        self.answers()
        return Document(self.title(), tuple(self.blocks), self.style, self.solution.values)

    def title(self) -> Run:
        """Name what is solved: by what is asked, not by a file."""
        parts: list[Run] = []
        if self.groups:
            parts.append(("the derivatives of ", *_names(map(Term, self.groups), 4)))
        primes = [t for asked in self.problem.asked for t in asked.term.walk() if t.head is PRIME]
        if primes and not parts:
            parts.append(("derivatives of ", *_names(dict.fromkeys(t.operands[0] for t in primes), 4)))
        for trajectory in self.solution.trajectories:
            steps = len(trajectory.steps)
            parts.append((f"{'a step' if steps == 1 else f'{steps} steps'} of {_title(trajectory)}",))
        if not parts:
            parts.append(_names([Term(q.name) for q in self.computed[-3:]], 3))
        return ("Worked solution: ", *(x for i, part in enumerate(parts) for x in ((*((", and ",) if i else ()), *part))))

    def recipe(self) -> None:
        """Say in a few lines which quantities come in which order, and why."""
        runs: list[Run] = []
        if self.computed:
            own = {q.name for q in self.computed}
            chained = any(source in own for q in self.computed for source in q.sources)
            order = ", in this order, because each needs only what stands before it." if chained else ", from what is given."
            runs.append(("Forward: ", *_names([Term(q.name) for q in self.computed], MOST_NAMES), order))
        for of, steps in self.groups.items():
            between, asked = self.parted(steps)
            if between:
                first = len(runs) < 2
                arriving = [e.left for e in self.problem.equations if e.left.head is DERIV and str(flat(e.left.operands[0])) == of]
                begin = ("begin with what arrives, ", *_names(arriving, 4)) if arriving else ("begin at the end, where ", Term(of), " is made")
                runs.append((
                    "Backward: ", *begin, ". Then ", *_names([s.left for s in between], MOST_NAMES),
                    ": each needs only the derivatives by what its quantity enters. What comes back on several ways is added.",
                ) if first else ("The same way back from ", Term(of), "."))  # fmt: skip
            if asked and between:
                runs.append(("With these, ", *_names([s.left for s in asked], MOST_NAMES), ": what arrives at an equation, times its local derivative by the quantity."))
            elif asked:
                runs.append(("Differentiate ", Term(of), " by ", *_names([Term(s.by) for s in asked], MOST_NAMES), "."))
        if any(t.head is PRIME for a in self.problem.asked for t in a.term.walk()):
            runs.append(("Differentiate each function as a formula, by the rules for sums, products, quotients and chains; then put the numbers in.",))
        for trajectory in self.solution.trajectories:
            again = "" if len(trajectory.steps) == 1 else f", {len(trajectory.steps)} times, each time with the gradient at the new place"
            runs.append((f"Update by {_title(trajectory)}: put gradient and parameter into its equations{again}.",))
        if runs:
            self.section("In short")
            self.blocks.append(Items(tuple(runs[:5])))

    def given(self) -> None:
        """Write what the problem gives."""
        lines = [Line(Term(q.name), (("=", self.put.shown(q.array)),)) for q in self.scope.quantities.values() if q.is_given and q.equation is not None and q.is_stated]
        upstream = [
            Line(Term(PLAIN, e.left), (("=", self.worth(self.scope[answer_name(e.left)].array)),))
            for e in self.problem.equations if e.left.head is DERIV and answer_name(e.left) in self.scope.quantities
        ]  # fmt: skip
        constants = [Line(Term(name), (("=", Term(x)),)) for t in self.solution.trajectories[:1] for name, x in t.constants.items() if name not in self.scope.quantities]
        if lines or upstream:
            self.section("What is given")
            self.show([*lines, *constants], "given")
            if upstream:
                self.say("Gradients that arrive from outside:")
                self.show(upstream, "given")

    def equations(self) -> None:
        """Write the problem's equations, and the shapes of what has one."""
        used = {q.equation.name for q in self.computed if q.equation is not None}
        lines = [Line(e.left, (("=", e.right),)) for e in self.stated.equations if e.name in used or e in {q.equation for q in self.computed} or (e.left.head is CALL and not e.is_given)]
        own = {e.name for e in self.stated.equations}
        short = [self.line(Term(q.name), q.term) for q in self.computed if q.equation is not None and not q.equation.variables and q.equation.name not in own]
        if not lines:
            return
        self.section("The equations")
        ranges = [r for e in self.stated.equations for r in e.ranges]
        self.show(lines)
        if short:
            self.say("To take one step at a time, let what stands inside have a name:")
            self.show(short)
        for each in dict.fromkeys(ranges):
            self.say("They hold for each ", Term(each.index), " from ", each.low, " to ", each.high, ".") if len(ranges) else None
        shapes: dict[str, list[Term]] = {}
        for q in self.scope.quantities.values():
            if q.array.shape and q.is_stated and q.equation is not None and q.term.head is not DERIV and q.equation.left.head is not DERIV:
                shapes.setdefault(self.shape(q.array), []).append(Term(q.name))
        if any("×" in shape for shape in shapes):
            self.blocks.append(Table((("quantity",), ("shape",)), tuple((_names(names, MOST_NAMES), (shape,)) for shape, names in shapes.items())))

    def shape(self, array: Array) -> str:
        """Say a shape as a matrix has it."""
        if len(array.shape) == 1 and not self.put.flat:
            return f"1 × {array.shape[0]}" if array.is_row else f"{array.shape[0]} × 1"
        return shape_of(array.shape).replace("x", "×")

    # Forward.

    def forward(self) -> None:
        """Write every quantity with its numbers put in."""
        if not self.computed:
            return
        self.section("Forward pass")
        rounded = any(not is_exact(x, self.digits) for q in self.computed for x in q.array.data)
        self.say("Each line with its numbers put in.", f" The sign ≈ says that a number on its right is shown with {self.digits} significant digits; all is computed in full." if rounded else "")
        scalars: list[Line] = []
        for q in self.computed:
            assert q.equation is not None
            lengthy = not q.equation.variables and _size(q.term) > 1.5 * _size(q.equation.right) and q.equation.left.head is not CALL
            lines = self.evaluation(Term(q.name), [q.term], q.array, symbols=[q.equation.right] if lengthy else None)
            if len(lines) == 1:
                scalars += lines
                continue
            self.show(scalars)
            scalars = []
            self.show(lines[:1])
            self.rows(lines[1:], q.array)
        self.show(scalars)

    def rows(self, lines: Sequence[Line], array: Array) -> None:
        """Write the entries of an array one by one."""
        self.say("Row by row:" if len(array.shape) == 1 else "Entry by entry:")
        self.show(lines)
        if len(lines) < len(array.entries):
            self.say(f"The other {len(array.entries) - len(lines)} are computed in the same way.")

    def evaluation(self, left: Term, sides: Sequence[Term], array: Array, most: int = MOST_LINES, symbols: Sequence[Term] | None = None) -> list[Line]:
        """Write left = sides = the last side with numbers = its value; of an array, then each entry."""
        term = sides[-1]
        entries = self.put.entries(term)
        array = self.put.cleaned(left, array, entries)
        out = self.worth(array)
        sides = symbols if symbols is not None else sides if _size(term) <= LONGEST else sides[:-1]
        if not array.shape:
            numbers = self.steps(entries[0]) if entries and term.operands else []
            whole = [self.put.whole(term)] if term.operands and _has_arrays(self.scope, term) and _is_product(term) else []
            return [self.line(left, *sides, *whole, *numbers, out)]
        simple = _is_simple(term) and not _has_many_entries(self.scope, term)
        whole = [self.put.whole(term)] if (_is_product(term) or simple) and term.operands and not self.brief else []
        lines = [self.line(left, *sides, *whole, out)]
        if not self.brief and not simple:
            most = most if len(entries) <= most + 2 or most < MOST_LINES else 3
            lines += [self.line(self.part(left, array, i), *self.steps(entry), Term(array.data[i])) for i, entry in enumerate(entries[:most])]
        return lines

    def steps(self, entry: Term) -> list[Term]:
        """Write a term of numbers, then with its functions evaluated; nothing where it is a number only."""
        if entry.head is ops.neg and entry.operands[0].is_number:
            return []
        after = evaluated(entry)
        return [shortened(x) for x in (entry, after) if x.operands and _size(x) <= (LONGEST if x is entry or after == entry else LONGEST // 2)]

    def part(self, left: Term, array: Array, i: int) -> Term:
        """Name an entry."""
        place = [i] if len(array.shape) == 1 else list(divmod(i, array.shape[1]))
        return Term(self.scope.index, self.aliases.get(left, left), *(float(p + self.scope.first) for p in place))

    # Backward.

    def parted(self, steps: Sequence[Step]) -> tuple[list[Step], list[Step]]:
        """Part the derivatives by quantities on the way from those by what is given."""
        order = list(self.scope.quantities)
        given = sorted((s for s in steps if self.scope[s.by].is_given), key=lambda s: order.index(s.by))
        return [s for s in steps if not self.scope[s.by].is_given], given

    def backward(self) -> None:
        """Write every derivative: by the chain rule in symbols, with its sentence, with numbers."""
        for of, steps in self.groups.items():
            between, asked = self.parted(steps)
            self.section("Backward pass: the derivatives of ", Term(of)) if between else self.section("The derivatives of ", Term(of))
            if between and "chain" not in self.said:
                self.said.add("chain")
                self.say("By the chain rule, a quantity's derivative is that of whatever it enters, times the local derivative there.")
            for step in between:
                self.reason([step])
                self.derivative(step)
                self.simplified(step)
            if asked and between:
                self.section("The gradients")
            alike: dict[tuple[str, ...], list[Step]] = {}
            for step in asked:
                alike.setdefault(tuple(user for user, _ in step.shares), []).append(step)
            for together in alike.values():
                self.reason(together)
                for step in together:
                    self.derivative(step, joined=step is not together[0])
                    self.simplified(step)

    def reason(self, steps: Sequence[Step]) -> None:
        """Say where quantities enter, and the rules that are used for the first time."""
        users = [Term(user) for user, _ in steps[0].shares]
        names = [Term(s.by) for s in steps]
        enters = "enters " if len(names) == 1 else "enter "
        run: list[Any] = [*_names(names, MOST_NAMES), f" {enters}", *_names(users, MOST_NAMES), "; what comes back from these is added." if len(users) > 1 else "."]
        for sentence in dict.fromkeys(x for s in steps for x in s.why):
            if sentence not in self.said:
                self.said.add(sentence)
                run.append(f" {sentence}")
        units = dict.fromkeys(x for s in steps for x in s.term.walk() if x.head in (RECORDS["place"], RECORDS["put"]))
        if units and "unit" not in self.said:
            self.said.add("unit")
            first = next(iter(units))
            run += [" Here ", Term(first.head, 1.0, *first.operands[1:]), " is 1 in that place, and 0 in all others."]
        self.say(*run)

    def derivative(self, step: Step, *, joined: bool = False) -> None:
        """Write one derivative."""
        alias = self.aliases.get(step.left)
        left = step.left if alias is None else alias
        sides = [] if alias is None else [Term(PLAIN, step.left)]
        if alias is not None:
            self.put.same[alias] = step.left
        scalar = not step.array.shape and all(not self.scope[user].array.shape for user, _ in step.shares)
        if scalar and not self.brief and step.shares and step.shares[0][0] != step.of:
            factors = [Term(DERIV, step.of, user) * Term(PLAIN, Term(DERIV, user, step.by)) if user != step.of else Term(PLAIN, Term(DERIV, user, step.by)) for user, _ in step.shares]
            sides.append(_sum(factors))
        lines = self.evaluation(step.left, [*sides, step.term], step.array, 2 if len(step.array.shape) == 2 else MOST_LINES)
        lines[:1] = [Line(left, lines[0].sides)]
        self.show(lines[:1], joined=joined and len(lines) == 1)
        if len(lines) > 1:
            self.rows(lines[1:], step.array)

    def simplified(self, step: Step) -> None:
        """Show the short form that textbooks have for a softmax or a sigmoid with its loss."""
        found = fused(self.scope, step)
        if found is None or self.brief:
            return
        self.short[step.left] = found.term
        self.say(*found.run, kind="note")
        self.show([self.line(step.left, found.inserted, found.term, self.put.whole(found.term), self.worth(step.array))])

    def formulas(self) -> None:
        """Write what is asked as a formula: f', ∇f, the Jacobian, the Hessian."""
        asked = [a for a in self.problem.asked if not a.term.is_name and any(t.head is PRIME for t in a.term.walk())]
        lines = []
        for each in asked:
            settled = self.scope.settle(each.term)
            term = tidied(self.opened(settled))
            if not term.names or not self.same(term, settled):
                continue
            lines.append(self.line(each.term, term, self.put.whole(term), self.worth(self.solution.asked[each.name])))
        if lines:
            self.section("The derivatives as formulas")
            self.show(lines)

    def opened(self, term: Term) -> Term:
        """Write a formula over what is given alone."""

        def change(part: Term) -> Term | None:
            q = self.scope.quantities.get(part.head) if part.is_name else None
            return None if q is None or not q.sources or q.array.shape else self.opened(q.term)

        return term.replaced(change)

    def same(self, a: Term, b: Term) -> bool:
        """Say whether two terms are worth the same."""
        with no_grad():
            return all(math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12) for x, y in zip(self.scope.array(a).data, self.scope.array(b).data, strict=True))

    # Updates.

    def update(self, trajectory: Trajectory) -> None:
        """Write the steps of an optimiser in the textbook's form, and a table of them."""
        rule, update, title = trajectory.rule, trajectory.update, _title(trajectory)
        names = list(trajectory.steps[0].states)
        many = len(trajectory.steps) > 1
        tag = f", {update.tag}" if update.tag else ""
        self.section(f"The update: {title}{tag}")
        loss = update.loss if update.loss is not None else Term(self.scope.results()[0])
        if rule.name == "gradient descent" and not many:
            self.say("Gradient descent goes against the gradient: from each parameter, the learning rate times its gradient is subtracted.")
        else:
            self.say(f"{title[0].upper()}{title[1:]} ({rule.source}), for ", *_names(map(Term, names), MOST_NAMES), ", with the gradient ", Term("g"), ":")
            w = Term(names[0]) if len(names) == 1 else Term("w")
            self.show(Line(_at_step(w if e.name == "w" else Term(e.name), "t"), (("=", _timed(rule.equations, i, "t", Term("t") - 1).put({"w": w})),)) for i, e in enumerate(rule.equations))
            if rule.states:
                self.say(*_names(map(Term, rule.states), 4), f" begin{'s' if len(rule.states) == 1 else ''} at 0.")
        for step in trajectory.steps[:SHOWN_STEPS]:
            if many and not self.brief:
                self.blocks.append(Heading((f"Step {step.number}",), 3))
            self.show(itertools.chain.from_iterable(self.stepped(trajectory, step, name, loss, many=many) for name in names))
        if len(trajectory.steps) > SHOWN_STEPS:
            self.say(f"The steps {SHOWN_STEPS + 1} to {len(trajectory.steps)} go the same way.")
        if many:
            self.trajectory(trajectory, loss)
        self.fall(trajectory, loss)

    def stepped(self, trajectory: Trajectory, step: Any, name: str, loss: Term, *, many: bool) -> Iterator[Line]:
        """Write one step of one parameter, each equation with its numbers."""
        states, rule = step.states[name], trajectory.rule
        single = len(step.states) == 1
        before = trajectory.steps[step.number - 2].states[name] if step.number > 1 else {}
        numbers: dict[str, Term] = {key: Term(x) for key, x in trajectory.constants.items()} | {"t": Term(float(step.number))}
        numbers |= {"g": self.worth(states["g"]), "w": self.worth(step.before[name].array)}
        numbers |= {key: self.worth(before[key]) if key in before else self.worth(states[key].map(lambda _: 0.0)) for key in rule.states}
        symbols = {"w": Term(name), "g": Term(DERIV, loss, name)}
        if many:
            here = _at_step(Term(name), step.number - 1) if step.number > 1 else Term(name)
            by = Term(DERIV, loss, name)
            slope = next((s.term for s in self.groups.get(str(flat(loss)), []) if s.by == name and set(s.term.names) <= {name}), None)
            at = [slope, slope.put({name: self.worth(step.before[name].array)})] if slope is not None and rule.at == "w" else []
            g = _at_step(Term("g"), step.number) if single else Term(PLAIN, by)
            yield self.line(g, *([Term(PLAIN, by).put({name: here})] if single else []), *([at[0].put({name: here}), at[1]] if at else []), self.worth(states["g"]))
        for i, equation in enumerate(rule.equations):
            key = equation.name
            right = equation.right
            put = right.replaced(lambda t: numbers.get(str(flat(t))) if t.is_name or t.head is SUB else None)
            if many:
                left = _at_step(Term(name if key == "w" else key), step.number) if single or key == "w" else Term(key)
                symbolic = _timed(rule.equations, i, step.number, step.number - 1).replaced(lambda t: _renamed(t, name, single))
            else:
                left = Term(f"{name} new") if key == "w" else Term(key)
                symbolic = right.put({k: v for k, v in symbols.items() if k != key or k == "w"})
            yield self.line(left, symbolic, put, self.worth(states[key]))
            numbers[key] = self.worth(states[key])

    def trajectory(self, trajectory: Trajectory, loss: Term) -> None:
        """Write a table of all steps."""
        names = list(trajectory.steps[0].states)
        numbers = all(not array.shape for step in trajectory.steps for states in step.states.values() for array in states.values())
        if not numbers or len(names) > 3:
            return
        keys = ["g", *(e.name for e in trajectory.rule.equations)]
        columns = [(name, key) for name in names for key in keys]
        single = len(names) == 1
        header = [("t",), *(((_at_step(Term(name if key == "w" else key), "t")) if single else Term(name) if key == "w" else f"{key} of {name}",) for name, key in columns), (loss,)]
        rows = [(("0",), *(((Term(trajectory.steps[0].before[n].array.data[0]),) if k == "w" else ("",)) for n, k in columns), (Term(trajectory.steps[0].before[str(flat(loss))].array.data[0]),))]
        scopes = [*(step.before for step in trajectory.steps[1:]), trajectory.after]
        for step, after in zip(trajectory.steps, scopes, strict=True):
            rows.append(((f"{step.number}",), *((Term(step.states[n][k].data[0]),) for n, k in columns), (Term(after[str(flat(loss))].array.data[0]),)))
        self.say("All steps; the last column is the value after each.")
        self.blocks.append(Table(tuple(header), tuple(rows)))

    def fall(self, trajectory: Trajectory, loss: Term) -> None:
        """Say how far the loss fell."""
        name = str(flat(loss))
        before, after = (scope[name].array.data[0] for scope in (trajectory.steps[0].before, trajectory.after))
        verb = "falls" if after < before else "rises"
        run = ["With the new parameters, ", loss, f" {verb} from ", Term(before), " to ", Term(after), "."]
        if after > before:
            run.append(" The step is too long for the slope to be trusted that far.")
        self.say(*run, kind="check")

    # Check and answers.

    def check(self) -> None:
        """Hold derivatives against central differences, in a table."""
        rows = []
        for of, steps in self.groups.items():
            given = self.parted(steps)[1]
            each = max(1, CHECKED // max(1, len(given)))
            for step in given[:CHECKED]:
                array = self.scope[step.by].array
                for i in range(min(each, len(array.entries))):
                    rows.append(self.differences(of, step, array, i))
        if not rows:
            return
        self.section("Check by central differences")
        self.say("Each number is moved up and down by ", Term("h"), f" = {NUDGE:g} times its size, and everything computed again: the slope between the two results must be the derivative.")
        self.blocks.append(Table((("derivative",), ("by the chain rule",), ("by differences",), ("relative difference",)), tuple(rows[:CHECKED])))

    def differences(self, of: str, step: Step, array: Array, i: int) -> tuple[Run, ...]:
        x = array.data[i]
        h = NUDGE * max(1.0, abs(x))
        ends = []
        for sign in (1, -1):
            moved = Array(array.shape, [y + sign * h * (j == i) for j, y in enumerate(array.data)], array.orientation)
            with no_grad():
                ends.append(Scope(self.problem, {**self.scope.overrides, step.by: moved})[of].array.data[0])
        slope, truth = (ends[0] - ends[1]) / (2 * h), self.put.clean.get(step.left, step.array).data[i]
        slope = 0.0 if truth == 0 and abs(slope) < 1e-9 else slope
        size = max(abs(slope), abs(truth))
        name = self.part(step.left, array, i) if array.shape else step.left
        return (name,), (Term(truth),), (Term(slope),), (f"{abs(slope - truth) / size:.0e}" if slope != truth else "0",)

    def answers(self) -> None:
        """Write what is asked, boxed, under the assignment's names; the parts of an assignment are kept."""
        asked = {a.name: a for a in self.problem.asked}
        self.section("Answers")
        parts: dict[str, list[Line]] = {}
        for name, array in self.solution.asked.items():
            each = asked.get(name)
            parts.setdefault(getattr(each, "part", ""), []).append(self.answer(name, each, array))
        for part, lines in parts.items():
            if part:
                self.say(f"({part})")
            self.show(lines, "boxed")

    def answer(self, name: str, asked: Asked | None, array: Array) -> Line:
        out = self.worth(array if asked is None else self.answered(name, asked.term))
        if asked is None:
            return self.line(Term(name), out)
        left = Term(PLAIN, asked.term) if asked.term.head is DERIV else asked.term
        formula = self.formula(asked.term)
        if name == answer_name(asked.term) or self.is_spelled(name, asked.term):
            return self.line(left, *formula, out)
        return self.line(Term(PLAIN, name), left, *formula, out)

    def is_spelled(self, name: str, term: Term) -> bool:
        """Say whether a name is how its term is written."""
        spelled = text(term, self.style).translate(str.maketrans("₀₁₂₃₄₅₆₇₈₉′", "0123456789'"))
        return name.replace(" ", "") == spelled.replace(" ", "")

    def formula(self, term: Term) -> list[Term]:
        """Write the formula of an asked derivative, where it is short: with other derivatives by what was found for them."""
        settled = self.scope.settle(term) if not any(part.head is SUP for part in term.walk()) else term
        settled = self.scope[settled.head].term if settled.is_name and settled.head in self.scope.quantities else settled
        step = next((s for steps in self.groups.values() for s in steps if s.left == settled), None)
        if step is None or not self.scope[step.by].is_given:
            return []
        out = step.term.replaced(self.short.get) if step.left not in self.short else self.short[step.left]
        known = {self.scope.settle(a.term) for a in self.problem.asked if a.term.head is DERIV} | set(self.aliases)
        known |= {Term(DERIV, *e.left.operands) for e in self.problem.equations if e.left.head is DERIV}
        unknown = any(part.head is DERIV and part not in known for part in out.walk())
        return [out] if out.operands and not unknown and _size(out) <= SHORT else []


def _title(trajectory: Trajectory) -> str:
    name = trajectory.rule.name
    return {"adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "adagrad": "Adagrad", "nesterov": "Nesterov's momentum"}.get(name, name)


def _names(terms: Iterable[Any], most: int) -> Run:
    """Name terms in a row, of many the first and the last."""
    listed = list(terms)
    if len(listed) > most:
        listed = [*listed[: most - 2], "…", listed[-1]]
    return tuple(x for i, term in enumerate(listed) for x in ((*((" and " if i == len(listed) - 1 and "…" not in listed else ", ",) if i else ()), term)))


def _sum(terms: Sequence[Term]) -> Term:
    out = terms[0]
    for term in terms[1:]:
        out = Term(ops.add, out, term)
    return out


def _size(term: Term) -> int:
    return sum(1 for _ in term.walk())


def _has_arrays(scope: Scope, term: Term) -> bool:
    return any(Substitution.is_leaf(part) and scope.array(part).shape for part in term.walk())


def _has_many_entries(scope: Scope, term: Term) -> bool:
    """Whether a product of a transposed matrix and a vector has sums for entries, which are written out."""
    return term.head is RECORDS["product"] and all(len(scope.array(x).shape) == 2 or i != 0 for i, x in enumerate(term.operands)) and scope.array(term.operands[0]).shape[-1:] != (1,)


def _is_product(term: Term) -> bool:
    """Whether a term has a product of matrices, which is shown with its numbers as a whole."""
    return any(part.head in (RECORDS["product"], RECORDS["dot"]) for part in term.walk())


def _is_simple(term: Term) -> bool:
    """Whether a term is one operation on quantities, whose numbers say all as they stand: p - y, 2 e, δ xᵀ."""
    if Substitution.is_leaf(term) or term.is_number:
        return True
    if term.head in (RECORDS["vector"], RECORDS["spread"], RECORDS["place"], RECORDS["put"]):
        return True
    arrays = [x for x in term.operands if not x.is_number]
    if term.head in (ops.neg, ops.mul, ops.div, ops.add, ops.sub, RECORDS["transpose"]) and len(arrays) == 1 and not Substitution.is_leaf(arrays[0]):
        return _is_simple(arrays[0])
    turned = [x.operands[0] if x.head is RECORDS["transpose"] else x for x in term.operands]
    outer = term.head is RECORDS["product"] and any(x is not y for x, y in zip(turned, term.operands, strict=True))
    return (term.head in (ops.add, ops.sub, ops.mul, ops.div, ops.neg, RECORDS["hadamard"]) or outer) and all(Substitution.is_leaf(x) or x.is_number for x in turned)


def _at_step(name: Term, step: Any) -> Term:
    """Name a quantity at a step: m_hat_t, theta_1."""
    return Term(SUB, name, step if isinstance(step, Term) else Term(float(step) if isinstance(step, int) else step))


def _timed(equations: Sequence[Any], i: int, now: Any, before: Any) -> Term:
    """Give the names in an equation of a rule the step that they belong to: on the right, what is not yet written is of the step before."""
    own = {e.name for e in equations}
    fresh = {e.name for e in equations[:i]}

    def change(part: Term) -> Term | None:
        if part.head == "g" or (isinstance(part.head, str) and part.head in fresh):
            return _at_step(part, now)
        if isinstance(part.head, str) and part.head in own:
            return _at_step(part, before)
        return Term(float(now)) if part.head == "t" and isinstance(now, int) else None

    return equations[i].right.replaced(change)


def _renamed(term: Term, name: str, single: bool) -> Term | None:
    """Call w by the parameter's name; with step 0 it has no index, and of several parameters the states have none."""
    if term.head is SUB and term.operands[0].head == "w":
        return Term(name) if term.operands[1] == Term(0.0) else Term(SUB, name, term.operands[1])
    if not single and term.head is SUB and isinstance(term.operands[1].head, float) and term.operands[0].head in ("g", "m", "v", "s", "m_hat", "v_hat"):
        return term.operands[0]
    return None

