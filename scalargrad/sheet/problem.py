"""A problem: a list of equations, what is asked, and what is updated; read from an equation file, and printed back.

    x = (1, -2)                         what is given has numbers
    z = w · x + b                       an equation names a step
    h_t = tanh(a_t)  for t = 1..3       an equation for each t
    f(z) = relu(z) + sin(z)             a function
    ∂L/∂z = (1, 2)                      a gradient that arrives from outside
    W : 3 x 2                           a shape without numbers
    update w, b by adam, eta = 0.1, steps = 3
    find z, ∂L/∂w, "distance" = ‖z - x‖

One statement a line, or several with semicolons between them; `#` begins a comment.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scalargrad import ops
from scalargrad.sheet.grammar import Parser, flat, parse
from scalargrad.sheet.printing import printed
from scalargrad.sheet.records import DEFINITIONS
from scalargrad.sheet.terms import CALL, DERIV, LIST, PRODUCT_OVER, SUB, SUM, SUP, Term
from scalargrad.sheet.tokens import LanguageError, Token, tokens


@dataclass(frozen=True)
class Range:
    """The values of an index: `for t = 1..3`."""

    index: str
    low: Term
    high: Term

    def __str__(self) -> str:
        return f"for {self.index} = {self.low}..{self.high}"


@dataclass(frozen=True)
class Equation:
    """`left = right`, for each value of the indices in `ranges`.

    line  where it stands, counted from 1; 0 where it comes from elsewhere
    """

    left: Term
    right: Term
    ranges: tuple[Range, ...] = ()
    line: int = field(default=0, compare=False)

    @property
    def variables(self) -> tuple[str, ...]:
        """The indices on the left for which the equation stands again and again."""
        stated = {each.index for each in self.ranges}
        indices = [x for part in self.left.walk() if part.head in (SUB, SUP) for x in part.operands[1:]]
        letters = [name for x in indices if x.is_name or x.head in (ops.add, ops.sub) for name in x.names]
        used = _index_letters(self.right)
        return tuple(
            letter for letter in dict.fromkeys(letters) if letter in stated or (len(letter) == 1 and letter in used)
        )

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names that a function takes; none where the equation defines no function."""
        return tuple(str(flat(x)) for x in self.left.operands[1:]) if self.left.head is CALL else ()

    @property
    def name(self) -> str:
        """The plain name of what is defined."""
        return (
            str(flat(self.left.operands[0] if self.left.head is CALL else self.left))
            if self.left.head is not DERIV
            else derivative_name(self.left)
        )

    @property
    def is_given(self) -> bool:
        """Whether the right side is numbers alone."""
        return not any(part.is_name or part.head in (CALL, DERIV) for part in self.right.walk())

    def __str__(self) -> str:
        return " ".join([f"{printed(self.left)} = {printed(self.right)}", *map(str, self.ranges)])


@dataclass(frozen=True)
class Asked:
    """A quantity that is asked for, under its name in the answer."""

    name: str
    term: Term

    def __str__(self) -> str:
        return f'"{self.name}" = {printed(self.term)}'


@dataclass(frozen=True)
class Update:
    """Steps of an optimiser: the rule's name in updates.RULES, what it changes, and its constants.

    loss  of which the gradient is taken; None for the one quantity that nothing else is made of
    tag   what the names of the results end in, such as "without momentum"
    equations  of a rule of the problem's own, as in updates.RULES
    """

    rule: str
    parameters: tuple[Term, ...]
    constants: tuple[tuple[str, Term], ...] = ()
    steps: int = 1
    loss: Term | None = None
    tag: str = ""
    equations: str = ""

    def __str__(self) -> str:
        words = [
            f"update {', '.join(map(str, map(printed, self.parameters)))} by {self.rule}",
            *(f"{name} = {printed(value)}" for name, value in self.constants),
        ]
        if self.loss is not None:
            words.append(f"loss = {printed(self.loss)}")
        return ", ".join([*words, f"steps = {self.steps}"] + ([f'tag = "{self.tag}"'] if self.tag else []))


@dataclass(frozen=True)
class Shape:
    """The shape of a name without numbers: W : 3 x 2, x : n."""

    name: Term
    sizes: tuple[Term, ...]

    def __str__(self) -> str:
        return f"{printed(self.name)} : {' x '.join(str(printed(x)) for x in self.sizes)}"


@dataclass(frozen=True)
class Problem:
    """A problem sheet.

    >>> problem = Problem.read("x = 2; y = x^2; find y, dy/dx")
    >>> print(problem)
    x = 2
    y = x^2
    find "y" = y, "dy/dx" = ∂y/∂x
    """

    equations: tuple[Equation, ...] = ()
    asked: tuple[Asked, ...] = ()
    updates: tuple[Update, ...] = ()
    shapes: tuple[Shape, ...] = ()
    source: str = field(default="problem", compare=False)

    @classmethod
    def load(cls, path: str | Path) -> Problem:
        """Read an equation file."""
        from scalargrad import files

        return cls.read(files.read(path), Path(path).name)

    @classmethod
    def read(cls, text: str, source: str = "problem") -> Problem:
        """Read statements. Raises LanguageError."""
        lines = [(number, part, None) for number, line in enumerate(text.splitlines(), 1) for part in _statements(line)]
        return Reader(lines).problem(source)

    def __str__(self) -> str:
        asked = [f"find {', '.join(map(str, self.asked))}"] if self.asked else []
        return "\n".join([*map(str, self.shapes), *map(str, self.equations), *map(str, self.updates), *asked])

    def with_equations(self, equations: Iterable[Equation]) -> Problem:
        """Return the problem with equations instead of those of the same names, and further ones."""
        fresh = {equation.name: equation for equation in equations}
        kept = tuple(fresh.pop(equation.name, equation) for equation in self.equations)
        return replace(self, equations=(*kept, *fresh.values()))


def _statements(line: str) -> Iterator[str]:
    """Split a line at semicolons outside of brackets and quotes, and leave out comments."""
    depth, quoted, start = 0, False, 0
    for i, c in enumerate(line):
        quoted ^= c == '"'
        depth += 0 if quoted else {"[": 1, "(": 1, "{": 1, "]": -1, ")": -1, "}": -1}.get(c, 0)
        if c in ";#" and not quoted and depth <= 0:
            yield from [line[start:i].strip()] if line[start:i].strip() else []
            start = i + 1
            if c == "#":
                return
    if line[start:].strip():
        yield line[start:].strip()


class Reader:
    """Reads statements that may speak of each other: names and functions are found first, then all is parsed."""

    def __init__(self, lines: Iterable[tuple[int, str, bool | None]], known: Iterable[str] = ()) -> None:
        self.lines = [(number, text, _without_quotes(tokens(text, latex=latex))) for number, text, latex in lines]
        self.functions, self.known = {name.partition("(")[0] for name in DEFINITIONS.split("\n")} - {""}, set(known)
        for _, _, read in self.lines:
            if read and read[0].text not in ("find", "update"):
                for part in split(
                    read[: next((i for i, token in enumerate(read) if token.text == "for"), len(read))], ","
                ):
                    for left in split(part, "=")[:-1]:
                        self.know(left)

    def know(self, left: list[Token]) -> None:
        """Note the names on the left of an equals sign, and whether it defines a function."""
        for i, token in enumerate(left):
            before = left[i - 1].kind if i else ""
            if token.kind == "name" and before != "_":
                differential = any(t.kind == "/" for t in left)
                text = token.text.removeprefix("d") if differential and len(token.text) > 1 else token.text
                self.known.add(text)
                after = [t.text for t in left[i + 1 :]]
                if after == ["^", "2"]:
                    self.known.add(f"{text}^2")
                if after == ["'"]:
                    self.known.add(f"{text}'")
        opening = next((i for i, token in enumerate(left) if token.kind == "("), 0)
        if (
            opening
            and left[-1].kind == ")"
            and left[0].kind == "name"
            and all(t.kind in ("name", ",", "_", "number") for t in left[opening + 1 : -1])
            and left[opening + 1].kind == "name"
        ):
            name = str(flat(Parser("", read=left[:opening], known=["\0"]).postfix_name()))
            self.functions.add(name)

    def parser(self, text: str, read: list[Token]) -> Parser:
        """Return a parser of tokens that knows all names."""
        return Parser(text, self.known, self.functions, read=read)

    def expression(self, text: str, read: list[Token]) -> Term:
        """Parse tokens as one expression."""
        parser = self.parser(text, read)
        term = parser.relation()
        parser.finish()
        return term

    def problem(self, source: str = "problem") -> Problem:
        """Read all statements."""
        found: dict[type, list[Any]] = {Equation: [], Asked: [], Update: [], Shape: []}
        for number, text, read in self.lines:
            try:
                for statement in self.statement(text, read, number):
                    found[type(statement)].append(statement)
            except LanguageError as error:
                raise LanguageError(f"{source}, line {number}: {error}") from None
        return Problem(tuple(found[Equation]), tuple(found[Asked]), tuple(found[Update]), tuple(found[Shape]), source)

    def statement(self, text: str, read: list[Token], line: int) -> Iterator[Equation | Asked | Update | Shape]:
        """Read one line: equations, or what is asked, or an update, or a shape."""
        first = read[0].text
        if first == "find":
            yield from self.find(text, read[1:])
        elif first == "update":
            yield self.update(text, read[1:])
        elif any(token.kind in (":", "∈") for token in read) and not any(token.kind == "=" for token in read):
            yield self.shape(text, read)
        else:
            read, ranges = self.ranges(text, read)
            for part in split(read, ","):
                yield from self.equations(text, part, ranges, line)

    def equations(self, text: str, read: list[Token], ranges: tuple[Range, ...], line: int) -> Iterator[Equation]:
        """Read `a = b = c` as an equation for a and one for b."""
        sides = split(read, "=")
        if len(sides) < 2:
            raise LanguageError("an equation needs a name, = and an expression", text, read[0].position if read else 0)
        terms = [self.left(text, side) for side in sides[:-1]] + [self.expression(text, sides[-1])]
        if (
            not terms[-1].names and not any(t.head is DERIV for t in terms) and len(terms) > 2
        ):  # x1 = x2 = 1: all are given
            terms = [x for left in terms[:-1] for x in (left, terms[-1])]
            pairs = list(zip(terms[::2], terms[1::2], strict=True))
        else:
            pairs = list(itertools.pairwise(terms))
        for left, right in pairs:
            if left.head is LIST and right.head is LIST and len(left.operands) == len(right.operands):
                for a, b in zip(left.operands, right.operands, strict=True):
                    yield Equation(a, b, ranges, line)
            elif not (left.is_name or left.head in (SUB, SUP, CALL, DERIV)):
                raise LanguageError(f"on the left of = stands a name, not {left}", text, sides[0][0].position)
            else:
                yield _separated(Equation(left, right, ranges, line))

    def left(self, text: str, read: list[Token]) -> Term:
        """Read what is defined: a name, a function of names, a derivative."""
        parser = self.parser(text, read)
        term = parser.relation()
        parser.finish()
        return term

    def ranges(self, text: str, read: list[Token]) -> tuple[list[Token], tuple[Range, ...]]:
        """Take `for t = 1..3` from the end of a statement."""
        starts = [i for i, token in enumerate(read) if token.text == "for" and token.kind == "name"]
        if not starts:
            return read, ()
        found = []
        for start, end in zip(starts, [*starts[1:], len(read)], strict=True):
            inside = read[start + 1 : end]
            while inside and inside[-1].kind == ",":
                inside = inside[:-1]
            if len(inside) < 3 or inside[1].kind not in ("=", "∈"):
                raise LanguageError("write: for t = 1..3", text, read[start].position)
            values = inside[2:]
            if any(token.kind == "…" for token in values):
                low, *_, high = ([t for t in part if t.kind != ","] for part in split(values, "…"))
                low = (
                    split(low, ",")[0][:1]
                    if any(t.kind == "," for t in low)
                    else low[:1]
                    if len(low) > 1 and all(t.kind == "number" for t in low)
                    else low
                )
            else:
                listed = split(values, ",")
                low, high = listed[0], listed[-1]
            found.append(Range(inside[0].text, self.expression(text, low), self.expression(text, high)))
        return read[: starts[0] - (read[starts[0] - 1].kind == ",")], tuple(found)

    def find(self, text: str, read: list[Token]) -> Iterator[Equation | Asked]:
        """Read what is asked: expressions, with names of their own where those are given."""
        for item in split(read, ","):
            part, ranges = self.ranges(text, item)
            for bound in _each(ranges):
                yield from self._asked(text, part, bound)

    def _asked(self, text: str, part: list[Token], bound: dict[str, Term]) -> Iterator[Equation | Asked]:
        if part[0].kind == '"':
            end = next((i for i, token in enumerate(part[1:], 1) if token.kind == '"'), 0)
            name, rest = text_between(text, part[0], part[end]), part[end + 1 :]
            if not end or not rest or rest[0].kind != "=":
                raise LanguageError('write "name" = expression', text, part[0].position)
            yield Asked(name, self.expression(text, rest[1:]).put(bound))
            return
        sides = split(part, "=")
        term = self.expression(text, sides[-1])
        if len(sides) == 2:
            left = self.left(text, sides[0])
            if left.head is not DERIV:
                yield Equation(left, term)
            term = left
        term = fixed(term.put(bound))
        yield Asked(answer_name(term), term)

    def update(self, text: str, read: list[Token]) -> Update:
        """Read `update w, b by adam, eta = 0.1, steps = 3`."""
        by = next((i for i, token in enumerate(read) if token.text == "by"), 0)
        if not by:
            raise LanguageError(
                "write: update w, b by gradient descent, eta = 0.1", text, read[0].position if read else 0
            )
        parameters = tuple(self.expression(text, part) for part in split(read[:by], ","))
        rule, *options = split(read[by + 1 :], ",")
        constants: dict[str, Any] = {}
        for option in options:
            sides = split(option, "=")
            if len(sides) != 2:
                raise LanguageError("an option of an update is name = value", text, option[0].position if option else 0)
            name = str(flat(Parser(text, read=sides[0]).power()))
            constants[name] = (
                text_between(text, sides[1][0], sides[1][-1])
                if sides[1][0].kind == '"'
                else self.expression(text, sides[1])
            )
        steps, loss, tag = constants.pop("steps", Term(1.0)), constants.pop("loss", None), constants.pop("tag", "")
        if not steps.is_number or steps.head != int(steps.head) or not 1 <= steps.head <= 1000:
            raise LanguageError("steps is a whole number from 1 to 1000", text, read[0].position)
        return Update(
            text[rule[0].position : rule[-1].position + len(rule[-1].text)],
            parameters,
            tuple(constants.items()),
            int(steps.head),
            loss,
            tag,
        )

    def shape(self, text: str, read: list[Token]) -> Shape:
        """Read `W : 3 x 2`, `x ∈ ℝ^n` or `W ∈ ℝ^{m×n}`."""
        at = next(i for i, token in enumerate(read) if token.kind in (":", "∈"))
        sizes = [t for t in read[at + 1 :] if t.kind not in ("ℝ", "^", "{", "}")]
        parts: list[list[Token]] = []
        current: list[Token] = []
        for token in sizes:
            if token.kind in ("×", "·", ",") or token.text == "x":
                parts.append(current)
                current = []
            else:
                current.append(token)
        return Shape(
            self.expression(text, read[:at]), tuple(self.expression(text, part) for part in [*parts, current] if part)
        )


def text_between(text: str, first: Token, last: Token) -> str:
    """Return what stands between two quotes."""
    return text[first.position + 1 : last.position]


def split(read: list[Token], sign: str) -> list[list[Token]]:
    """Split tokens at a sign outside of brackets; at a comma only where it ends an equation or an item."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in read:
        depth += {"(": 1, "[": 1, "{": 1, "begin": 1, ")": -1, "]": -1, "}": -1, "end": -1}.get(token.kind, 0)
        if token.kind == sign and depth <= 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def _without_quotes(read: list[Token]) -> list[Token]:
    return [token for token in read if token.kind not in ("$", "`")]


def _index_letters(term: Term) -> set[str]:
    """Return the letters in indices of a term."""
    out: set[str] = set()
    for part in term.walk():
        if part.head in (SUB, SUP):
            for index in part.operands[1:]:
                out |= {letter for name in index.names for letter in ([name] if len(name) > 4 else [*name, name])}
    return out


def _separated(equation: Equation) -> Equation:
    """Split words in indices, such as ij, into the letters of indices that are summed over or stand on the left."""
    bound = {part.operands[1].head for part in equation.right.walk() if part.head in (SUM, PRODUCT_OVER)}
    used = _index_letters(equation.right)
    letters = bound | {each.index for each in equation.ranges}
    for part in equation.left.walk():
        if part.head in (SUB, SUP):
            letters |= {
                letter
                for x in part.operands[1:]
                if x.is_name and len(x.head) <= 3
                for letter in x.head
                if letter in used
            }
            letters |= {x.head for x in part.operands[1:] if x.is_name}

    def change(term: Term) -> Term | None:
        if term.head is SUB:
            indices = [
                y
                for x in term.operands[1:]
                for y in (map(Term, x.head) if x.is_name and len(x.head) > 1 and set(x.head) <= letters else [x])
            ]
            if len(indices) != len(term.operands) - 1:
                return Term(SUB, term.operands[0], *indices)
        return None

    return replace(equation, left=equation.left.replaced(change), right=equation.right.replaced(change))


def _each(ranges: tuple[Range, ...]) -> Iterator[dict[str, Term]]:
    if not ranges:
        yield {}
        return
    first, *rest = ranges
    for value in range(int(first.low.head), int(first.high.head) + 1):
        for bound in _each(tuple(rest)):
            yield {first.index: Term(float(value)), **bound}


def fixed(term: Term) -> Term:
    """Compute indices that are sums of numbers: h_{2-1} is h_1."""

    def change(part: Term) -> Term | None:
        if part.head in (SUB, SUP):
            indices = [x.simplified() if not x.is_name else x for x in part.operands[1:]]
            return Term(part.head, part.operands[0], *indices)
        return None

    return term.replaced(change)


def derivative_name(term: Term) -> str:
    """Name a derivative: dL/dW1; d2f/dxdy for a second one."""
    bys = []
    while term.head is DERIV:
        term, by = term.operands
        bys.append(answer_name(by))
    order = "" if len(bys) == 1 else str(len(bys))
    return f"d{order}{answer_name(term)}/{''.join(f'd{by}' for by in bys)}"


def answer_name(term: Term) -> str:
    """Name what is asked: by its plain name where it has one.

    >>> answer_name(parse("∂L/∂W_1")), answer_name(parse("a_1^{(2)}")), answer_name(parse("x + 1"))
    ('dL/dW1', 'a1(2)', 'x + 1')
    """
    if term.head is DERIV:
        return derivative_name(term)
    if term.is_name or term.head in (SUB, SUP):
        return str(flat(term))
    return str(printed(term))


@functools.cache
def prelude() -> dict[str, Equation]:
    """Return the functions that every problem knows: those of records.DEFINITIONS."""
    lines = DEFINITIONS.strip().split("\n")
    names = {line.partition("(")[0] for line in lines}
    found = {}
    for line in lines:
        left, _, right = line.partition(") = ")
        name, _, parameters = left.partition("(")
        pairs = [parameter.strip().split("=") for parameter in parameters.split(",")]
        heads = [Term(LIST, *map(parse, pair)) if len(pair) > 1 else Term(pair[0]) for pair in pairs]
        found[name] = Equation(Term(CALL, name, *heads), parse(right, [pair[0] for pair in pairs], names))
    return found


def plain_names(term: Term) -> set[str]:
    """Return the names in a term, those with indices as one.

    >>> sorted(plain_names(parse("W_1 x + b")))
    ['W1', 'b', 'x']
    """
    if term.is_name or term.head in (SUB, SUP):
        return {str(flat(term))}
    known = term.head is CALL and term.operands[0].head in prelude()
    return {name for operand in term.operands[known:] for name in plain_names(operand)}
