r"""Assignments as people write them, in Markdown, LaTeX and plain text, read as problems of the language.

Mathematics, in dollars, in code or among words, is read by the grammar. Words are held against phrases.py: what a phrase
means becomes a statement, and a technical word or a number that is part of no phrase, and that no equation bears out, is
refused with its line.

>>> print(read("Let $q = x y$ with x = 2 and y = 3. Find q and ∂q/∂x."))
q = x y
x = 2
y = 3
find "q" = q, "dq/dx" = ∂q/∂x
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scalargrad import ops
from scalargrad.sheet.completion import TARGETS, Completion, differences
from scalargrad.sheet.fragments import Fragment, Marked
from scalargrad.sheet.grammar import flat
from scalargrad.sheet.meanings import MARK, Notes
from scalargrad.sheet.phrases import ACTIVATIONS, ADVICE, NUMBERS, TECHNICAL
from scalargrad.sheet.problem import Asked, Equation, Problem, Range, Reader, answer_name, fixed, plain_names, split
from scalargrad.sheet.records import FUNCTIONS
from scalargrad.sheet.terms import BARS, CALL, DERIV, LIST, NORM, PRIME, SUB, SUP, Term
from scalargrad.sheet.tokens import LanguageError, tokens


def read(text: str, source: str = "problem") -> Problem:
    """Read an assignment. Raises LanguageError with the line of what is not understood."""
    return _Reading(Marked(text, source)).problem()


def load(path: str | Path) -> Problem:
    """Read an assignment from a file."""
    from scalargrad import files

    return read(files.read(path), Path(path).name)


class _Reading:
    def __init__(self, marked: Marked) -> None:
        self.marked, self.error, self.fragments = marked, marked.error, marked.fragments
        self.notes = Notes(marked)
        self.stated_ranges: dict[str, tuple[int, int]] = {}
        lines = [(f.line, f.text, f.latex) for f in self.fragments if self.states(f)] + marked.rows
        self.reader = Reader(lines, marked.known)
        self.indices = set(
            re.findall(r"_\{?[^{}_^\s]*?([a-z])", " ".join(f.text for f in self.fragments).translate(_SUBSCRIPTS))
        )

    def problem(self) -> Problem:
        """Put the problem together."""
        found = [equation for line in self.reader.lines for equation in self.equations(*line)]
        again = [e for e in found if e.left.head is not CALL and not e.variables and e.name in plain_names(e.right)]
        equations = [e for e in found if e not in again and not self.is_claim(e, found)]
        completion = Completion(self.marked, self.notes, self.reader, again)
        equations = completion.equations(list(dict.fromkeys(self.ranged(equations))))
        self.values = {e.name for e in equations if e.left.head is not CALL}
        problem = Problem(tuple(equations), source=self.marked.source)
        self.unused = "".join(text for _, text in self.notes.left).replace("·⟧", "⟧")
        asked = tuple(dict.fromkeys(self.mentions(problem)))
        problem = Problem(problem.equations, asked, completion.updates(problem), (), self.marked.source)
        _Check(self, problem, again).run()
        return problem

    @staticmethod
    def states(fragment: Fragment) -> bool:
        """Say whether a fragment states an equation."""
        return (
            any(sign in fragment.text for sign in ("=", "←", "<-"))
            and "ℝ" not in fragment.text
            and not fragment.text.startswith("=")
        )

    def equations(self, line: int, text: str, read: list[Any]) -> Iterator[Equation]:
        read = [token._replace(kind="=") if token.kind == "←" else token for token in read]
        for chain in split(read, "→"):
            parts = list(_joined(split(chain, ",")))
            for part in parts:
                if not any(token.kind == "=" for token in part):
                    continue
                try:
                    if (
                        part[0].kind == "name"
                        and len(split(part, "=")) == 2
                        and (values := _listed(split(part, "=")[1]))
                        and len(part[0].text) == 1
                        and part[0].text in self.indices
                    ):
                        self.stated_ranges[part[0].text] = values
                        continue
                    body, ranges = self.reader.ranges(text, part)
                    yield from self.reader.equations(text, body, ranges, line)
                except LanguageError as error:
                    raise self.error(line, str(error)) from None

    def is_claim(self, equation: Equation, equations: list[Equation]) -> bool:
        """Say whether an equation states what follows from others: x = x, or the derivative of a function that is given."""
        if equation.left.head is CALL and equation.left.operands[0].head is PRIME:
            name = str(flat(equation.left.operands[0].operands[0]))
            if not any(e.left.head is CALL and e.name == name for e in equations if e is not equation):
                raise self.error(equation.line, f"write the function {name} itself, not its derivative alone")
            return True
        return equation.left == equation.right

    def ranged(self, equations: list[Equation]) -> Iterator[Equation]:
        """Give equations with an index the range that the text states for it."""
        ranges = self.stated_ranges
        steps = self.notes.get("steps")
        for equation in equations:
            stated = tuple(
                Range(v, Term(float(ranges[v][0])), Term(float(ranges[v][1])))
                for v in equation.variables
                if v in ranges
            )
            if (
                not stated
                and steps
                and "t" in equation.variables
                and "t" not in ranges
                and any(e.name.endswith("0") for e in equations)
            ):
                stated = (Range("t", Term(1.0), Term(float(steps))),)
            yield Equation(equation.left, equation.right, equation.ranges or stated, equation.line)

    def mentions(self, problem: Problem) -> Iterator[Asked]:
        """Yield what the text speaks of beside its equations: quantities, derivatives, gradients, values of functions."""
        computed = {e.name for e in problem.equations if not e.is_given and not e.variables}
        families = {str(flat(e.left.operands[0])) for e in problem.equations if e.variables and e.left.head is SUB}
        for fragment in self.fragments:
            if fragment.is_number or "ℝ" in fragment.text:
                continue
            sides = [
                part
                for part in split(self.reader_tokens(fragment), ",")
                if not any(t.kind in ("=", "←", "→", ":", "…") for t in part)
            ]
            for side in sides:
                try:
                    term = self.reader.expression(fragment.text, side)
                except LanguageError as error:
                    if f"⟦{self.fragments.index(fragment)}⟧" in self.unused:
                        raise self.error(fragment.line, str(error)) from None
                    continue
                for one in term.operands if term.head is LIST else (term,):
                    asked = fixed(one)
                    if (
                        asked.head not in _MENTIONED
                        and not asked.is_name
                        and f"⟦{self.fragments.index(fragment)}⟧" in self.unused
                        and not self.states(fragment)
                    ):
                        raise self.error(fragment.line, f"what is {fragment.text} for? Write it as an equation")
                    if (
                        asked.head in (DERIV, PRIME)
                        or (asked.head is CALL and asked.operands[0].head is PRIME)
                        or asked.head in (BARS, NORM)
                    ) or (asked.head is CALL and str(flat(asked.operands[0])) in self.reader.functions):
                        yield from self.named(asked)
                    elif answer_name(asked) in computed or (
                        asked.head is SUB and asked.operands[1].is_number and str(flat(asked.operands[0])) in families
                    ):
                        yield Asked(answer_name(asked), asked)
        for of, bys in self.notes["with respect"]:
            for by in bys:
                term = self.expression(Fragment(f"({by.text})", by.latex, by.line))
                for one in term.operands if term.head is LIST else (term,):
                    yield Asked(
                        f"d{answer_name(self.expression(of))}/d{answer_name(one)}",
                        Term(DERIV, self.expression(of), one),
                    )
        for name, fragment in self.notes.get("asked", []):
            yield Asked(name, self.expression(fragment))
        functions = [e for e in problem.equations if e.left.head is CALL]
        if "eigenvalues" in self.notes:
            for i in range(1, len(functions[0].parameters) + 1):
                yield Asked(f"lambda{i}", Term(SUB, "lambda", float(i)))
        if functions:
            gradient = Term(PRIME, functions[0].left.operands[0], 1.0)
            named = {"analytic": "grad analytic", "gradient": f"grad {functions[0].name}"}
            yield from (Asked(name, gradient) for note, name in named.items() if note in self.notes)
            if "numeric" in self.notes:
                yield Asked("grad numeric", differences(functions[0], self.notes["numeric"]))

    def named(self, term: Term) -> Iterator[Asked]:
        """Name what is asked as the assignment does."""
        if term.head is PRIME and term.operands[1].head == 1:
            yield Asked(f"grad {flat(term.operands[0])}", term)
        elif term.head is BARS and self.notes.get("euclidean"):
            yield Asked(answer_name(term), Term(NORM, *term.operands))
        elif self.unknown(term):
            return
        elif (
            term.head is DERIV and term.operands[1].head is SUB and term.operands[1].operands[1].head in ("i", "j", "k")
        ):
            yield from self.named(Term(DERIV, term.operands[0], term.operands[1].operands[0]))
        elif not any(
            index in ("i", "j", "k", "n")
            for part in term.walk()
            if part.head in (SUB, SUP)
            for x in part.operands[1:]
            for index in x.names
        ):
            yield Asked(answer_name(term), term)

    def unknown(self, term: Term) -> bool:
        """Say whether a function is asked at a name without a value: a formula, not a number."""
        return term.head is CALL and any(x.is_name and x.head not in self.values for x in term.operands[1:])

    def expression(self, fragment: Fragment) -> Term:
        return self.reader.expression(fragment.text, self.reader_tokens(fragment))

    def reader_tokens(self, fragment: Fragment) -> list[Any]:
        return [token for token in tokens(fragment.text, latex=fragment.latex) if token.kind not in ("$", "`")]


_SUBSCRIPTS = str.maketrans({"ₜ": "_t", "ᵢ": "_i", "ⱼ": "_j", "ₖ": "_k", "ₙ": "_n"})
# What a text may speak of without stating it: names, derivatives, functions, lengths, vectors of them.
_MENTIONED = (SUB, SUP, DERIV, PRIME, CALL, BARS, NORM, LIST)


class _Check:
    """Refuses technical words and numbers that neither a phrase nor an equation accounts for."""

    def __init__(self, reading: _Reading, problem: Problem, again: list[Equation]) -> None:
        self.reading, self.problem, self.again = reading, problem, again
        self.notes, self.error, self.known = reading.notes, reading.error, reading.marked.known
        rights = [e.right for e in problem.equations]
        self.heads = {part.head for right in rights for part in right.walk()}
        self.heads |= {
            FUNCTIONS.get(str(part.operands[0].head)) for right in rights for part in right.walk() if part.head is CALL
        }
        self.computed = [e for e in problem.equations if not e.is_given]

    def consumed(self) -> None:
        """Refuse what phrases mean and nothing took up."""
        for where, (name, _) in self.notes.get("layers", {}).items():
            if name != "linear" and not self.borne_out("activation", name.replace("_", " ")):
                raise self.error(1, f"{name} of the {where} layer is in none of the equations: write h = {name}(z)")
        if number := self.notes.get("class"):
            indexed = [
                part
                for e in self.computed
                for part in e.right.walk()
                if part.head is SUB and part.operands[-1] == Term(float(number))
            ]
            if not indexed:
                raise self.error(1, f"class {number}: write the loss, such as L = -ln ŷ_{number}")
        if "losses" in self.notes and not self.computed:
            raise self.error(self.notes["losses"][0][0], ADVICE["loss"])
        stepping = bool(self.problem.updates) or any(e.variables for e in self.computed)
        for note in ("optimiser", "beta", "biases fixed"):
            if self.notes.get(note) and not stepping:
                raise self.error(1, f"{note}: the learning rate is missing, or what is updated")

    def run(self) -> None:
        """Go over what is left of the text."""
        self.consumed()
        self.unused()
        for line, text in self.notes.left:
            if any(text.count(a) != text.count(b) for a, b in ("[]", "{}")) or re.search(
                r"⟦\d+·?⟧\)", re.sub(r"\([^()]*\)", "", text)
            ):
                raise self.error(line, "a bracket is open here, or closes too often: put the formula in $...$")
            if after := re.search(rf"⟦\d+·?⟧ ({'|'.join(sorted({*map(re.escape, FUNCTIONS)} - {'where'}))}) ⟦", text):
                raise self.error(
                    line, f"is {after[1]} part of the formula before it? Write {after[1]}(...), or put it in $...$"
                )
            if cut := re.search(r"⟦\d+·?⟧\s*[=+*/^\[{|·×−]|[=+*/^\]}|×−]\s*⟦\d+·?⟧", text):
                raise self.error(line, f"where does this formula end? {self.spelled(cut[0])}: put it in $...$")
            for mark in re.findall(MARK, text):
                if self.reading.fragments[int(mark)].text.startswith("="):
                    raise self.error(
                        line, f"what is {self.reading.fragments[int(mark)].text}? A name is missing on the left"
                    )
                if self.reading.fragments[int(mark)].is_number:
                    raise self.error(
                        self.reading.fragments[int(mark)].line,
                        f"what is the number {self.reading.fragments[int(mark)].text} for? Write it as an equation, such as x = {self.reading.fragments[int(mark)].text}",
                    )
            for kind, pattern in _TECHNICAL.items():
                for word in pattern.finditer(text):
                    if not self.borne_out(kind, word[0].lower()):
                        raise self.error(line, f"{word[0]!r} is not understood here: {ADVICE[kind]}")

    def unused(self) -> None:
        """Refuse numbers of which nothing is made: a sentence that uses them has not been understood."""
        rights = [e.right for e in self.problem.equations] + [
            each.term for each in self.problem.asked if each.term.head is not DERIV
        ]
        used = {name for right in rights for name in plain_names(right)}
        used |= {name for update in self.problem.updates for _, value in update.constants for name in value.names}
        used |= {e.name for e in self.again} | set(self.reading.stated_ranges) | set(TARGETS)  # without a loss, idle
        used |= {
            name for update in self.problem.updates if update.loss is not None for name in plain_names(update.loss)
        }
        used |= {parameter for e in self.problem.equations for parameter in e.parameters}
        for equation in self.problem.equations:
            name, layer = re.fullmatch(r"(.*?)(\(\d+\))?", equation.name).groups()  # type: ignore[union-attr]
            stem = (
                re.sub(r"_?\d+$", "", name)
                if name[-1:].isdigit() and "_" not in name[1:]
                else re.sub(r"_\w+$", "", name)
            )
            of_array = rf"{re.escape(name)}(?:\d+|_[a-z]{{1,3}}|_.*\(.*){re.escape(layer or '')}"
            of_family = rf"{re.escape(stem)}_(?:[a-z]|\(.*\)){re.escape(layer or '')}" if stem != name else "-"
            stated = (
                equation.is_given and self.computed and equation.left.head is not DERIV and equation.name not in used
            )
            if stated and not any(re.fullmatch(pattern, other) for pattern in (of_array, of_family) for other in used):
                raise self.error(
                    equation.line,
                    f"{equation.name} is given, but nothing is made of it: write the equation that it stands in",
                )

    def spelled(self, text: str) -> str:
        return re.sub(MARK, lambda m: self.reading.fragments[int(m[1])].text, text)

    def borne_out(self, kind: str, word: str) -> bool:
        """Say whether the equations say what a word says."""
        if word in self.known:
            return True
        if kind == "activation":
            name = ACTIVATIONS.get(" ".join(word.split()), "sigmoid" if word.startswith("logistic") else word)
            function = FUNCTIONS.get(name)
            if function in self.heads or name == "linear":
                return True
            return function is ops.sigmoid and any(
                part.head is ops.div and "exp(-" in str(part) for e in self.computed for part in e.right.walk()
            )
        if kind == "loss":
            return bool(self.computed) and "loss in words" not in self.notes
        if re.match(r"l1|l2|regulari|ridge|lasso|penalty|decay|weight", word):
            return any("lambda" in plain_names(e.right) for e in self.computed)
        if word in ("pooling", "stride") and "pooling" in self.notes:
            return True
        if kind == "update":
            return (
                (
                    word.startswith(("step", "updat", "iteration", "learning", "velocity"))
                    and (bool(self.problem.updates) or any(e.ranges for e in self.computed))
                )
                or (bool(self.computed) and word in ("step", "steps"))
                or (
                    word in ("momentum", "adam", "velocity")
                    and (bool(self.again) or any("t" in e.variables for e in self.computed))
                )
            )
        if kind == "structure":
            statistics = {
                ops.sqrt,
                FUNCTIONS["mean"],
                FUNCTIONS["mean_columns"],
                FUNCTIONS["mean_rows"],
                FUNCTIONS["softmax"],
                FUNCTIONS["softmax_rows"],
            }
            if word.startswith(("normali", "scaled")):
                return bool(self.heads & statistics)
            return (word == "padding" and bool(self.computed)) or (
                word.startswith("transpose") and FUNCTIONS["transpose"] in self.heads
            )
        return False


_TECHNICAL = {
    kind: re.compile(
        rf"(?<![A-Za-z⟦\d])(?:{'|'.join(w for w, n in NUMBERS.items() if n != 1) if words == 'N' else words})(?![A-Za-z⟧\d])",
        re.IGNORECASE,
    )
    for kind, words in TECHNICAL.items()
}


def _joined(parts: list[list[Any]]) -> Iterator[list[Any]]:
    """Join `t = 1`, `2`, `3`, which commas took apart."""
    out: list[list[Any]] = []
    for part in parts:
        listed = len(part) == 1 and part[0].kind in ("number", "…")
        if listed and out and any(t.kind == "=" for t in out[-1]):
            comma = part[0]._replace(kind=",", text=",")
            out[-1] = [*out[-1], comma, *part]
        else:
            out.append(part)
    yield from out


def _listed(values: list[Any]) -> tuple[int, int] | None:
    """Return the first and the last of 1, 2, 3 or 1..3; None where it is neither."""
    numbers = [token for token in values if token.kind == "number"]
    if len(numbers) < 2 or any(token.kind not in ("number", ",", "…") for token in values):
        return None
    if any("." in token.text for token in numbers):
        return None
    whole = [int(token.text) for token in numbers]
    if not any(token.kind == "…" for token in values) and whole != list(range(whole[0], whole[-1] + 1)):
        return None
    return int(float(numbers[0].text)), int(float(numbers[-1].text))
