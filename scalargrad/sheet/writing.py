"""A solution written out: a document that teaches how every number comes about.

>>> from scalargrad.sheet.problem import Problem
>>> from scalargrad.sheet.solution import solve
>>> from scalargrad.sheet.writers import write
>>> problem = Problem.read("w = 3; x = 2; z = w x; L = z^2; find dL/dw")
>>> print(write(written(solve(problem), brief=True), "text"))
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

import contextlib
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from scalargrad import ops
from scalargrad.modes import no_grad
from scalargrad.sheet.arrays import Array
from scalargrad.sheet.arrays import shown as shape_of
from scalargrad.sheet.derivation import Step, derive
from scalargrad.sheet.document import (
    Block,
    Document,
    Equations,
    Heading,
    Items,
    Line,
    Paragraph,
    Picture,
    Run,
    Table,
    is_exact,
    line,
    listed,
    shown,
)  # fmt: skip
from scalargrad.sheet.fused import fused
from scalargrad.sheet.grammar import flat
from scalargrad.sheet.notation import PLAIN, Style
from scalargrad.sheet.paths import Path, paths
from scalargrad.sheet.problem import Asked, Problem, answer_name, plain_names
from scalargrad.sheet.records import RECORDS
from scalargrad.sheet.rules import by_rules
from scalargrad.sheet.scope import Quantity, Scope
from scalargrad.sheet.solution import Solution
from scalargrad.sheet.styles import text
from scalargrad.sheet.substitution import PARTS, PLACED, Substitution, evaluated, shortened, size_of
from scalargrad.sheet.terms import CALL, DERIV, PRIME, SUB, SUP, Term
from scalargrad.sheet.tidy import elementwise, tidied
from scalargrad.sheet.trajectory import Walk, title_of
from scalargrad.sheet.unfolding import unfolded
from scalargrad.value import Value
from scalargrad.worked.kinks import kinks

LONGEST = 90  # parts of a term that is shown in symbols
SHORT = 12  # of one that stands beside an answer
MOST_NAMES = 10  # in a row
MOST_LINES = 8  # entries of an array that are written one by one; of a matrix in the backward pass, two
MOST_ROWS = 4  # of a Jacobian that is derived row by row
CHECKED = 12  # derivatives in the table of central differences
NUDGE = 1e-5  # of central differences, times the number's size


def written(solution: Solution, digits: int = 5, *, brief: bool = False, picture: Picture | None = None) -> Document:
    """Write a solution out: recipe, what is given, equations, forward pass, derivation, update, check, answers.

    digits   significant digits of numbers that have more
    brief    without the teaching: each line once, and the answers
    picture  of the graph
    """
    values = solution.values
    document = _Writing(unfolded(solution), digits, brief, solution.problem).document(picture)
    return replace(document, values=values)


class _Writing:
    def __init__(self, solution: Solution, digits: int, brief: bool, stated: Problem) -> None:
        self.solution, self.problem, self.scope, self.stated = solution, solution.problem, solution.scope, stated
        self.digits, self.brief = digits, brief
        self.known = solution.values  # what does not rest on invented numbers
        self.symbols = bool(
            solution.invented
        )  # a problem without numbers: those that there are only check the formulas
        functions = [e.left.operands[0] for e in stated.equations if len(e.parameters) == 1] * (not stated.updates)
        self.asked = self.problem.asked or tuple(Asked(f"{f}'", Term(PRIME, f, 1.0)) for f in functions)
        self.put = Substitution(self.scope)
        self.blocks: list[Block] = []
        self.said: set[str] = set()
        self.short: dict[Term, Term] = {}  # derivatives whose short form was shown
        self.aliases = {
            q.term: Term(q.name) for q in self.scope.quantities.values() if q.term.head is DERIV and _has(q)
        }
        self.put.same = {name: derivative for derivative, name in self.aliases.items()}
        several = {
            str(flat(e.left.operands[0])) for e in stated.equations if e.left.head is CALL and len(e.left.operands) > 2
        }
        self.style = Style(lambda x: shown(x, digits), self.aliases, set(self.scope.quantities), several)
        self.upstream = [e.left for e in self.problem.equations if e.left.head is DERIV]
        self.computed = list(self.in_order())
        self.order = {name: i for i, name in enumerate(self.names())}
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

    def once(self, key: str) -> bool:
        """Say whether something has not been said yet."""
        fresh = key not in self.said
        self.said.add(key)
        return fresh

    def line(self, left: Term, *sides: Term) -> Line:
        """Make a line."""
        return line(left, sides, self.digits)

    # What there is to write.

    def names(self) -> Iterator[str]:
        """The quantities in the order of the problem's equations."""
        for equation in self.problem.equations:
            yield from (q.name for q in self.scope.quantities.values() if q.equation is equation)

    def in_order(self) -> Iterator[Quantity]:
        """The computed quantities, each after those that it is made of."""
        seen: set[str] = set()

        def visit(q: Quantity) -> Iterator[Quantity]:
            if q.name not in seen:
                seen.add(q.name)
                for source in q.sources:
                    yield from visit(self.scope.quantities[source])
                if not q.is_given and q.sources and _has(q):
                    yield q

        for name in self.names():
            yield from visit(self.scope.quantities[name])

    def derived(self) -> dict[str, list[Step]]:
        """The derivations that are asked for or needed, by what is differentiated."""
        want: dict[str, dict[str, None]] = {}
        terms = [q.term for q in self.scope.quantities.values() if q.equation is not None] + [
            asked.term for asked in self.asked
        ]
        for term in itertools.chain.from_iterable(term.walk() for term in terms):
            if term.head is DERIV and not _is_new(term):
                self.want(want, *map(self.scope.settle, term.operands))
        if not self.asked and not self.solution.trajectories:  # then everything is
            for result in self.scope.results():
                for name in self.names():
                    if self.scope[name].is_given:
                        self.want(want, Term(result), Term(name))
        for trajectory in self.solution.trajectories:
            for parameter in trajectory.update.parameters:
                self.want(want, self.scope.settle(self.loss(trajectory)), self.scope.settle(parameter))
        groups = {of: list(derive(self.scope, of, by)) for of, by in want.items()}
        return {of: sorted(steps, key=self.place) for of, steps in groups.items() if steps}

    def want(self, want: dict[str, dict[str, None]], of: Term, by: Term) -> None:
        """Note a derivative that is to be derived: one of a number by a quantity."""
        by = by.operands[0] if by.head in PARTS else by
        shape = self.scope[of.head].array.shape if of.is_name else ()
        if by.is_name and len(shape) == 1 and shape[0] <= MOST_ROWS:  # a Jacobian: row by row
            entries = [self.scope.find(Term(SUB, of, float(i + self.scope.first))) for i in range(shape[0])]
            for entry in entries:
                self.want(want, Term(entry.name if entry else of.head), by)
            return
        scalar = of.is_name and by.is_name and of != by and not self.scope[of.head].array.shape
        if scalar and self.scope[by.head].equation is not None:
            want.setdefault(of.head, {})[by.head] = None

    def upstream_of(self, step: Step) -> list[Term]:
        """The derivatives that the problem gives, as a step has them."""
        return [
            Term(DERIV, flat(x.operands[0]), flat(x.operands[1]))
            for x in self.upstream
            if str(flat(x.operands[0])) == step.of
        ]

    def place(self, step: Step) -> tuple[int, int]:
        """Sort what is on the way before what is given, and that by its place in the problem."""
        given = self.scope[step.by].is_given
        return given, self.order.get(step.by, 0) if given else 0

    def parted(self, steps: Sequence[Step]) -> tuple[list[Step], list[Step]]:
        """Part the derivatives by quantities on the way from those by what is given."""
        given = [s for s in steps if self.scope[s.by].is_given]
        return [s for s in steps if s not in given], given

    def loss(self, trajectory: Any) -> Term:
        """What an update descends."""
        loss: Term | None = trajectory.update.loss
        return loss if loss is not None else Term(self.scope.results()[0])

    # The document.

    def document(self, picture: Picture | None) -> Document:
        if not self.brief:
            self.recipe()
            self.given()
            self.blocks += [picture] if picture else []
            self.equations()
        if not self.symbols:
            self.forward()
        self.backward()
        self.formulas()
        for trajectory in self.solution.trajectories:
            Walk(self, trajectory, self.loss(trajectory)).write()
        if not self.brief and not self.symbols:
            self.kinks()
            self.check()
        self.answers()
        return Document(self.title(), tuple(self.blocks), self.style)

    def title(self) -> Run:
        """Name what is solved: by what is asked, not by a file."""
        primes = dict.fromkeys(t.operands[0] for a in self.asked for t in a.term.walk() if t.head is PRIME)
        parts: list[Run] = [("the derivatives of ", *listed(map(Term, self.groups), 4))] if self.groups else []
        parts += [("derivatives of ", *listed(primes, 4))] if primes and not parts else []
        for t in self.solution.trajectories:
            parts.append((f"{'a step' if len(t.steps) == 1 else f'{len(t.steps)} steps'} of {title_of(t)}",))
        parts = parts or [listed([Term(q.name) for q in self.computed[-3:]], 3)]
        joints = ["", *[", "] * (len(parts) - 2), ", and "]
        return ("Worked solution: ", *(x for joint, part in zip(joints, parts, strict=False) for x in (joint, *part)))

    def recipe(self) -> None:
        """Say in a few lines which quantities come in which order, and why."""
        runs: list[Run] = []
        own = {q.name for q in self.computed}
        if self.computed:
            chained = any(source in own for q in self.computed for source in q.sources)
            order = (
                ", in this order, because each needs only what stands before it."
                if chained
                else ", from what is given."
            )
            runs.append(("Forward: ", *listed([Term(q.name) for q in self.computed], MOST_NAMES), order))
        for of, steps in self.groups.items():
            between, given = self.parted(steps)
            if between:
                arriving = [x for x in self.upstream if str(flat(x.operands[0])) == of]
                begin = (
                    ("with what arrives, ", *listed(arriving, 4))
                    if arriving
                    else ("at the end, where ", Term(of), " is made")
                )
                why = ": each needs only the derivatives by what its quantity enters; what comes back on several ways is added."
                runs.append(
                    ("Backward: begin ", *begin, ". Then ", *listed([s.left for s in between], MOST_NAMES), why)
                )
            if given and between:
                runs.append(("With these, ", *listed([s.left for s in given], MOST_NAMES), ": what arrives at an equation, times its local derivative by the quantity."))  # fmt: skip
            elif given:
                runs.append(("Differentiate ", Term(of), " by ", *listed([Term(s.by) for s in given], MOST_NAMES), "."))
        if any(t.head is PRIME for a in self.asked for t in a.term.walk()):
            runs.append(
                (
                    "Differentiate as a formula, by the rules for sums, products, quotients and chains; then put the numbers in.",
                )
            )
        for t in self.solution.trajectories:
            again = f", {len(t.steps)} times, each time with the gradient at the new place" * (len(t.steps) > 1)
            runs.append((f"Update by {title_of(t)}: put gradient and parameter into its equations{again}.",))
        if runs:
            self.section("In short")
            self.blocks.append(Items(tuple(runs[:5])))

    def given(self) -> None:
        """Write what the problem gives, and uses."""
        if self.symbols:
            self.say("No numbers are given: this is the derivation alone, held against a backward pass with numbers.")
            return
        used = {name for q in self.scope.quantities.values() for name in q.term.names if name != q.name}
        used |= {str(flat(x)) for t in self.solution.trajectories for x in t.update.parameters}
        used |= {name for a in self.asked for name in plain_names(a.term)}
        quantities = [self.scope[name] for name in self.names() if name in used]
        lines = [Line(Term(q.name), (("=", self.put.shown(q.array)),)) for q in quantities if q.is_given]
        for t in self.solution.trajectories[:1]:
            lines += [
                Line(Term(name), (("=", Term(x)),))
                for name, x in t.constants.items()
                if name not in self.scope.quantities
            ]
        arriving = [Line(Term(PLAIN, x), (("=", self.put.shown(self.scope[answer_name(x)].array)),)) for x in self.upstream if answer_name(x) in self.scope.quantities]  # fmt: skip
        if lines or arriving:
            self.section("What is given")
            self.show(lines, "given")
        if arriving:
            self.say("Gradients that arrive from outside:")
            self.show(arriving, "given")

    def equations(self) -> None:
        """Write the problem's equations, names for what stands inside of them, and the shapes of what has one."""
        used = {q.equation.name for q in self.computed if q.equation} | {q.equation for q in self.computed}
        stated = [
            e for e in self.stated.equations if e.name in used or e in used or (e.left.head is CALL and not e.is_given)
        ]
        if not stated:
            return
        self.section("The equations")
        self.show(Line(e.left, (("=", e.right),)) for e in stated)
        for each in dict.fromkeys(r for e in stated for r in e.ranges):
            self.say("They hold for each ", Term(each.index), " from ", each.low, " to ", each.high, ".")
        own = {e.name for e in self.stated.equations}
        inner = [self.line(Term(q.name), elementwise(q.term, self.scope)) for q in self.computed if q.equation and not q.equation.variables and q.equation.name not in own]  # fmt: skip
        if inner:
            self.say("To take one step at a time, let what stands inside have a name:")
            self.show(inner)
        shapes: dict[str, list[Term]] = {}
        for q in self.scope.quantities.values():
            if q.array.shape and q.is_stated and _has(q) and q.term.head is not DERIV:
                shapes.setdefault(self.shape(q.array), []).append(Term(q.name))
        if any("×" in shape for shape in shapes):
            rows = tuple((listed(names, MOST_NAMES), (shape,)) for shape, names in shapes.items())
            self.blocks.append(Table((("quantity",), ("shape",)), rows))

    def shape(self, array: Array) -> str:
        """Say a shape as a matrix has it."""
        if len(array.shape) == 1 and not self.put.flat:
            return f"1 × {array.shape[0]}" if array.is_row else f"{array.shape[0]} × 1"
        return shape_of(array.shape).replace("x", "×")

    # Forward.

    def forward(self) -> None:
        """Write every quantity with its numbers put in."""
        if self.computed:
            self.section("Forward pass")
            rounded = any(not is_exact(x, self.digits) for q in self.computed for x in q.array.data)
            sign = f" The sign ≈ says that a number on its right is shown with {self.digits} significant digits; all is computed in full."
            self.say("Each line with its numbers put in.", sign * rounded)
        for q in self.computed:
            stated = (
                q.equation.right
                if q.equation and not q.equation.variables and q.equation.left.head is not CALL
                else q.term
            )
            term = elementwise(q.term, self.scope)
            symbols = [stated] if size_of(term) > 1.5 * size_of(stated) else [term]
            self.evaluation(Term(q.name), Term(q.name), symbols, term, q.array)

    def evaluation(self, name: Term, left: Term, symbols: Sequence[Term], term: Term, array: Array, most: int = MOST_LINES, *, joined: bool = True) -> None:  # fmt: skip
        """Write left = symbols = the term with numbers = its value; of an array, then its entries.

        name  under which the value is kept where rounding is taken off it
        """
        if self.symbols:
            self.show([self.line(left, *symbols)], joined=joined)
            return
        entries = self.put.entries(term)
        array = self.put.cleaned(name, array, entries)
        simple = bool(array.shape) and self.put.is_simple(term)
        product = any(part.head in (RECORDS["product"], RECORDS["dot"]) for part in term.walk())
        whole = (
            [self.put.whole(term)]
            if term.operands and (simple or product) and (not self.brief or not array.shape)
            else []
        )
        numbers = [] if array.shape or not term.operands else _steps(entries[0]) if entries else []
        rows = [] if self.brief or simple or not array.shape else entries
        self.show(
            [self.line(left, *symbols, *whole, *numbers, self.put.shown(array))],
            joined=joined and not rows and not array.shape and not self.after_rows(),
        )
        if rows:
            rows = rows[: most if len(rows) <= most + 2 or most < MOST_LINES else 3]
            self.say("Row by row:" if len(array.shape) == 1 else "Entry by entry:")
            self.show(self.line(self.part(name, array, i), *_steps(x), Term(array.data[i])) for i, x in enumerate(rows))
            if len(rows) < len(array.entries):
                self.say(f"The other {len(array.entries) - len(rows)} are computed in the same way.")

    def after_rows(self) -> bool:
        """Say whether the last equations are entries of an array, below which nothing else belongs."""
        before = self.blocks[-2] if len(self.blocks) > 1 else None
        return isinstance(before, Paragraph) and before.run[0] in ("Row by row:", "Entry by entry:")

    def part(self, name: Term, array: Array, i: int) -> Term:
        """Name an entry."""
        place = [i] if len(array.shape) == 1 else list(divmod(i, array.shape[1]))
        return Term(self.scope.index, name, *(float(p + self.scope.first) for p in place))

    # Backward.

    def backward(self) -> None:
        """Write every derivative: by the chain rule in symbols, with its sentence, with numbers."""
        for of, steps in self.groups.items():
            between, given = self.parted(steps)
            self.section("Backward pass: the derivatives of " if between else "The derivatives of ", Term(of))
            if between and self.once("chain rule"):
                self.say(
                    "By the chain rule, a quantity's derivative is that of whatever it enters, times the local derivative there."
                )
            for step in between:
                self.reason([step])
                self.derivative(step)
            if given and between:
                self.section("The gradients")
            alike: dict[tuple[str, ...], list[Step]] = {}
            for step in given:
                alike.setdefault(tuple(user for user, _ in step.shares), []).append(step)
            for together in alike.values():
                self.reason(together)
                for step in together:
                    self.derivative(step, joined=step is not together[0])
            if not self.brief:
                self.along_paths(paths(self.scope, of, given))

    def reason(self, steps: Sequence[Step]) -> None:
        """Say where quantities enter, and the rules that are used for the first time."""
        users = [Term(user) for user, _ in steps[0].shares]
        enters = " enters " if len(steps) == 1 else " enter "
        added = "; what comes back from these is added." if len(users) > 1 else "."
        run = [*listed([Term(s.by) for s in steps], MOST_NAMES), enters, *listed(users, MOST_NAMES), added]
        run += [f" {why}" for why in dict.fromkeys(why for s in steps for why in s.why) if self.once(why)]
        unit = next((x for s in steps for x in s.term.walk() if x.head in PLACED), None)
        if unit is not None and self.once("unit"):
            run += [" Here ", Term(unit.head, 1.0, *unit.operands[1:]), " is 1 in that place, and 0 in all others."]
        self.say(*run)

    def derivative(self, step: Step, *, joined: bool = False) -> None:
        """Write one derivative, and the short form that textbooks have for a softmax or a sigmoid with its loss."""
        left = self.aliases.get(step.left, step.left)
        symbols = [] if left == step.left else [Term(PLAIN, step.left)]
        scalar = not step.array.shape and all(not self.scope[user].array.shape for user, _ in step.shares)
        if scalar and not self.brief and step.shares and step.shares[0][0] != step.of:
            symbols.append(_sum([_chained(step, user) for user, _ in step.shares]))
        term = elementwise(step.term, self.scope)
        if scalar and self.is_same(tidy := tidied(term), term):
            term = tidy
        symbols += [term] if size_of(term) <= LONGEST else []
        most = 2 if len(step.array.shape) == 2 and len(step.array.entries) > 4 else MOST_LINES
        self.evaluation(step.left, left, symbols, term, step.array, most, joined=joined)
        found = None if self.brief else fused(self.scope, self.groups[step.of], step, invented=self.symbols)
        if found is not None:
            self.short[step.left] = found.term
            self.say(*found.run, kind="note")
            numbers = [] if self.symbols else [self.put.whole(found.term), self.put.shown(step.array)]
            self.show([self.line(step.left, elementwise(found.inserted, self.scope), found.term, *numbers)])

    def along_paths(self, found: list[Path]) -> None:
        """Write one derivative once more, along each path from the quantity to the result."""
        if not found:
            return
        left = found[0].derivative
        self.say(
            "The same number path by path. ", left, " is the sum over all paths of the local derivatives along each:"
        )
        table: list[list[Run]] = [[("path",), ("local derivatives",), ("product",)]]
        table += [[p.stations, (p.product,), (Term(p.value),)] for p in found]
        if any(size_of(p.product) > SHORT for p in found):  # the formulas would not fit on a page
            table = [[first, last] for first, _, last in table]
        head, *rows = map(tuple, table)
        self.blocks.append(Table(head, tuple(rows)))
        self.show([self.line(left, _sum([Term(p.value) for p in found]), Term(sum(p.value for p in found)))])

    def formulas(self) -> None:
        """Write what is asked as a formula: f', ∇f, the Jacobian, the Hessian."""
        asked = [a for a in self.asked if not a.term.is_name and any(t.head is PRIME for t in a.term.walk())]
        ruled = list(itertools.chain.from_iterable(self.by_rules(each) for each in asked))
        lines = [] if ruled else [x for each in asked for x in self.settled(each)]
        if ruled or lines:
            self.section("The derivatives as formulas")
        if ruled:
            self.say("By the rules (u + v)′ = u′ + v′, (u v)′ = u′ v + u v′, (u/v)′ = (u′ v − u v′)/v², and by the chain rule, f(u)′ = f′(u) u′:")  # fmt: skip
        self.show([*dict.fromkeys(ruled), *lines])

    def by_rules(self, asked: Asked) -> Iterator[Line]:
        """Write the derivative of a function of one variable, rule by rule, and its value."""
        prime = next(t for t in asked.term.walk() if t.head is PRIME)
        function = self.scope.functions.get(str(flat(prime.operands[0])))
        if (
            function is None
            or len(function.parameters) != 1
            or asked.term not in (prime, Term(CALL, prime, *asked.term.operands[1:]))
        ):
            return
        (x,), formula = function.parameters, function.right
        with contextlib.suppress(TypeError):
            for order in range(1, int(prime.operands[1].head) + 1):
                slope = by_rules(formula, x)
                formula = tidied(slope)
                yield self.line(Term(CALL, Term(PRIME, prime.operands[0], float(order)), x), slope, formula)
            self.short[asked.term] = formula
            if self.symbols and asked.name not in self.known:
                return
            at = asked.term.operands[1] if asked.term is not prime else Term(x)
            at = at if at.is_number else Term(*self.scope.array(self.scope.settle(at)).data)
            value = Term(*self.value_of(asked).data)
            yield self.line(Term(CALL, prime, at), *_steps(formula.put({x: at})), value)

    def settled(self, asked: Asked) -> Iterator[Line]:
        """Write a gradient, a Jacobian or a Hessian, whose entries are formulas."""
        settled = self.scope.settle(asked.term)
        term = tidied(self.opened(settled))
        if term.names and self.is_same(term, settled):
            yield self.line(asked.term, term, self.put.whole(term), self.put.shown(self.value_of(asked)))

    def opened(self, term: Term) -> Term:
        """Write a formula over what is given alone."""

        def change(part: Term) -> Term | None:
            q = self.scope.quantities.get(part.head) if part.is_name else None
            return None if q is None or not q.sources or q.array.shape else self.opened(q.term)

        return term.replaced(change)

    def is_same(self, a: Term, b: Term) -> bool:
        """Say whether two terms are worth the same."""
        with no_grad():
            pairs = zip(self.scope.array(a).data, self.scope.array(b).data, strict=True)
            return all(math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12) for x, y in pairs)

    # Kinks, check and answers.

    def kinks(self) -> None:
        """Say where a derivative is a convention."""
        roots = [x for q in self.computed for x in q.array.entries if isinstance(x, Value)]
        found = list(dict.fromkeys(map(str, kinks(*roots)))) if self.groups and roots else []
        self.kinked = bool(found)
        if found:
            self.section("Kinks")
            self.say("At its kink a function has no derivative. Any number between the slopes on both sides is defensible; these were used:")  # fmt: skip
            for kink in found:
                self.say(f"{kink}.", kind="kink")

    def check(self) -> None:
        """Hold derivatives against central differences, in a table."""
        rows: list[tuple[Run, ...]] = []
        for of, steps in self.groups.items():
            given = self.parted(steps)[1]
            for step in given[:CHECKED]:
                few = min(max(1, CHECKED // len(given)), len(step.array.entries))
                rows += [self.differences(of, step, i) for i in range(few)]
        if rows:
            self.section("Check by central differences")
            self.say("Each number is moved up and down by ", Term("h"), f" = {NUDGE:g} times its size, and everything computed again: the slope between the two results must be the derivative.")  # fmt: skip
            head = ("derivative",), ("by the chain rule",), ("by differences",), ("relative difference",)
            self.blocks.append(Table(head, tuple(rows[:CHECKED])))
            if self.kinked:
                self.say("Where the two differ, a kink lies between the results.")

    def differences(self, of: str, step: Step, i: int) -> tuple[Run, ...]:
        """Write one row of the table."""
        array, result = self.scope[step.by].array, Term(of)
        result = self.scope[of].term if self.scope[of].term.head in PARTS else result
        h = NUDGE * max(1.0, abs(array.data[i]))
        ends = []
        for sign in (1, -1):
            moved = [y + sign * h * (j == i) for j, y in enumerate(array.data)]
            overrides = {**self.scope.overrides, step.by: Array(array.shape, moved, array.orientation)}
            with no_grad():
                moved_scope = Scope(self.problem, overrides)
                ends.append(moved_scope.array(moved_scope.settle(result)).data[0])
        slope, truth = (ends[0] - ends[1]) / (2 * h), self.put.clean.get(step.left, step.array).data[i]
        slope = 0.0 if truth == 0 and abs(slope) < 1e-9 else slope
        off = f"{abs(slope - truth) / max(abs(slope), abs(truth)):.0e}" if slope != truth else "0"
        return (self.part(step.left, array, i) if array.shape else step.left,), (Term(truth),), (Term(slope),), (off,)

    def answers(self) -> None:
        """Write what is asked, boxed, under the assignment's names."""
        asked = [(a, self.value_of(a)) for a in self.asked] or list(self.everything())
        self.section("Answers")
        self.show([self.answer(each, array) for each, array in asked], "boxed")

    def value_of(self, asked: Asked) -> Array:
        """Return what an answer is worth."""
        known = self.solution.asked.get(asked.name)
        return known if known is not None else self.scope.array(self.scope.settle(asked.term))

    def everything(self) -> Iterator[tuple[Asked, Array]]:
        """Answer everything, where nothing in particular is asked: what is computed, derived and updated."""
        yield from ((Asked(q.name, Term(q.name)), q.array) for q in self.computed if not self.symbols)
        for steps in self.groups.values():
            yield from ((Asked(answer_name(s.left), s.left), s.array) for s in self.parted(steps)[1])
        for t in self.solution.trajectories:
            for name, states in t.steps[-1].states.items():
                yield Asked(f"{name} new", Term(SUP, name, "new")), states["w"]

    def answer(self, asked: Asked, array: Array) -> Line:
        """Write one answer: its name, its term where that is another, its formula where that is short, its value."""
        term = asked.term
        settled = term if _is_new(term) or term.is_name else self.scope.settle(term)
        settled = (
            self.scope[settled.head].term if settled.is_name and settled.head in self.scope.quantities else settled
        )
        out = self.put.shown(self.put.clean.get(settled, self.put.clean.get(term, array)))
        formula = self.formula(term if term in self.short else settled)
        expression = bool(settled.operands) and settled.head not in (DERIV, *PARTS) and not term.is_name
        plain = expression and not any(part.head in (PRIME, SUP) for part in term.walk())
        entries = self.put.entries(settled) if plain and not formula and not array.shape and not self.symbols else []
        spelled = text(term, self.style).translate(str.maketrans("₀₁₂₃₄₅₆₇₈₉′", "0123456789'"))
        own = asked.name == answer_name(term) or asked.name.replace(" ", "") == spelled.replace(" ", "")
        left = Term(PLAIN, term) if term.head is DERIV else term
        return self.line(
            *([left] if own else [Term(PLAIN, asked.name), left]),
            *formula,
            *(_steps(entries[0]) if entries else []),
            *([] if self.symbols and asked.name not in self.known else [out]),
        )

    def formula(self, settled: Term) -> list[Term]:
        """Return the formula of an asked derivative, where it is short and speaks of what is asked alone."""
        if settled in self.short and settled.head is not DERIV:  # the derivative of a function
            return [self.short[settled]]
        step = next((s for steps in self.groups.values() for s in steps if s.left == settled), None)
        if step is None or not (self.symbols or self.scope[step.by].is_given):
            return []
        out = self.short.get(step.left) or step.term.replaced(self.short.get)
        known = {self.scope.settle(a.term) for a in self.asked if a.term.head is DERIV} | set(self.aliases)
        known |= set(self.upstream_of(step))
        strange = any(part.head is DERIV and part not in known for part in out.walk())
        if self.symbols:
            closed = self.closed(step)
            return [elementwise(closed, self.scope) if _has_arrays(closed, self.scope) else tidied(closed)]
        return [out] if out.operands and not strange and size_of(out) <= SHORT else []

    def closed(self, step: Step) -> Term:
        """Return a derivative over the problem's quantities alone: with the formulas of other derivatives in their places."""
        others = {s.left: s for s in self.groups[step.of]}
        term = self.short.get(step.left, step.term)
        return term.replaced(lambda t: self.closed(others[t]) if t.head is DERIV and t in others else None)


def _has(quantity: Quantity) -> bool:
    """Whether a quantity is defined by an equation for it, and not by one for a derivative."""
    return quantity.equation is not None and quantity.equation.left.head is not DERIV


def _is_new(term: Term) -> bool:
    return any(part.head is SUP and part.operands[1] == Term("new") for part in term.walk())


def _chained(step: Step, user: str) -> Term:
    """Write what comes back from one quantity by the chain rule: ∂L/∂z · ∂z/∂w."""
    local = Term(PLAIN, Term(DERIV, user, step.by))
    return local if user == step.of else Term(DERIV, step.of, user) * local


def _steps(entry: Term) -> list[Term]:
    """Return a term of numbers, then with its functions evaluated; nothing where it is a number, only the last if it is long."""
    if not entry.operands or (entry.head is ops.neg and entry.operands[0].is_number):
        return []
    after = evaluated(entry)
    longest = {entry: LONGEST, after: LONGEST if after == entry else LONGEST // 2}
    signed = after.head is ops.neg and after.operands[0].is_number
    return [shortened(x) for x in longest if x.operands and size_of(x) <= longest[x] and not (signed and x is after)]


def _has_arrays(term: Term, scope: Scope) -> bool:
    return any(scope.array(part).shape for part in term.walk() if Substitution.is_leaf(part))


def _sum(terms: Sequence[Term]) -> Term:
    out = terms[0]
    for term in terms[1:]:
        out = Term(ops.add, out, term)
    return out
