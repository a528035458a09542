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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scalargrad import ops
from scalargrad.sheet.grammar import flat
from scalargrad.sheet.phrases import ACTIVATIONS, NUMBERS, PHRASES, TECHNICAL
from scalargrad.sheet.problem import Asked, Equation, Problem, Range, Reader, Update, answer_name, fixed, split
from scalargrad.sheet.records import FUNCTIONS, RECORDS
from scalargrad.sheet.scope import Scope
from scalargrad.sheet.terms import BARS, CALL, DERIV, LIST, NORM, PRIME, ROWS, SUB, SUP, Term
from scalargrad.sheet.tokens import GREEK, LanguageError, tokens

_MATH = re.compile(
    r"```\s*(?P<kind>\w*)[^\S\n]*\n(?P<block>.*?)```|\$`(?P<a>.+?)`\$|\$\$(?P<b>.+?)\$\$|\\\[(?P<c>.+?)\\\]|\$(?P<d>[^$]+?)\$|\\\((?P<e>.+?)\\\)|`(?P<f>[^`\n]+)`",
    re.DOTALL,
)
_WORDS_IN_MATH = re.compile(r"\\(?:text|textrm|mbox)\{([^{}]*\s[^{}]*|and|with|where|for|if|or)\}")
_SIGNS = "=^_∂∇Σ∑√‖½²³⁴⁵·∘⊙₀₁₂₃₄₅₆₇₈₉ᵀ⁻¹ₜᵢⱼₖ…×→←∈ℝ\u0302\u0303"
_NUMBER = re.compile(r"[-−+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|10[⁻⁺]?[⁰¹²³⁴-⁹]+|½", re.IGNORECASE)
_OPERATOR = re.compile(r"[=+\-−*·×/^→≈∘⊙@|<>≤≥←÷]+|:=")
_ENDS = ",.;:?!"
_RATES = ("eta", "alpha", "lr", "learning_rate", "rate", "gamma")
_MARKER = re.compile(r"(?m)^\s*(?:[-*+]|#{1,6}|>|\d{1,2}[.)]|[a-h][.)])\s+|(?:(?<=\s)|(?<=^))\((?:[a-h]|i{1,3}|iv|vi?|\d)\)(?=\s)")


@dataclass
class Fragment:
    """A piece of mathematics in a text: what it says, whether as LaTeX, and on which line."""

    text: str
    latex: bool | None
    line: int
    problem: list[Any] = field(default_factory=list)  # the equations that it states
    term: Term | None = None  # what it is, where it is one expression

    @property
    def is_number(self) -> bool:
        """Whether it is a number alone."""
        return bool(_NUMBER.fullmatch(self.text.strip().replace("{", "").replace("}", "")))


def read(text: str, source: str = "problem") -> Problem:
    """Read an assignment. Raises LanguageError with the line of what is not understood."""
    return _Reading(text, source).problem()


def load(path: str | Path) -> Problem:
    """Read an assignment from a file."""
    from scalargrad import files

    return read(files.read(path), Path(path).name)


class _Reading:
    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self.fragments: list[Fragment] = []
        self.known: set[str] = set()
        self.notes: dict[str, Any] = {}
        self.extra: list[tuple[int, str, bool | None]] = []  # statements that phrases mean
        text = re.sub(r"<!--.*?-->", lambda m: "\n" * m[0].count("\n"), text, flags=re.DOTALL)
        text = _MARKER.sub(lambda m: " " * len(m[0]), text)
        text = _MATH.sub(self.math, text)
        text = re.sub(r"\*\*|__(?=\S)|(?<!\w)_(?=\w[^_\n]*\w_(?!\w))", "  ", text)
        self.table_lines: list[tuple[int, str]] = []
        self.find_names(text)
        self.sentences = list(self.prose(text))

    # Mathematics out of the text.

    def math(self, match: re.Match[str]) -> str:
        """Put a mark in the place of a piece of mathematics."""
        line = match.string[: match.start()].count("\n") + 1
        newlines = "\n" * match[0].count("\n")
        kind, inside = next((name, value) for name, value in match.groupdict().items() if value is not None and name != "kind")
        if kind == "block" and match["kind"] not in ("math", "latex", "tex"):
            return "\n" + "\n".join(self.mark(part, None, line + i) for i, part in enumerate(inside.split("\n"), 1) if part.strip()) + newlines
        out, start = [], 0
        latex = None if kind == "f" else True
        for words in _WORDS_IN_MATH.finditer(inside):
            out += [self.mark(inside[start : words.start()], latex, line), words[1].strip()]
            start = words.end()
        out.append(self.mark(inside[start:], latex, line))
        return " ".join(part for part in out if part) + newlines

    def mark(self, text: str, latex: bool | None, line: int) -> str:
        """Keep a piece of mathematics; return the mark that stands for it."""
        text = text.strip().rstrip(",.;: ").removesuffix("\\").strip()
        text = re.sub(r"^(?:\\quad|\\qquad|\\[,;:! ]|[,.;]|\s)+|(?:\\quad|\\qquad|\\[,;:! ]|,|\s)+$", "", text)
        if not text:
            return ""
        self.fragments.append(Fragment(text, latex, line))
        return f"⟦{len(self.fragments) - 1}⟧"

    def find_names(self, text: str) -> None:
        """Find the names that something says something of, before the words are told from them."""
        for fragment in self.fragments:
            self.known |= _names_before_equals(fragment.text, fragment.latex)
        for found in re.finditer(r"(?<![\w\\⟦])([^\W\d]\w*\u0302?[₀-₉]*)(?:\s*\([^()=]*\))?\s*(?:=|←|:=)(?!=)", text):
            word = found[1]
            starts = re.search(rf"(?m)(?:^|[,;:(]|\b(?:with|and|where|let))\s*{re.escape(word)}\s*(?:\([^()=]*\)\s*)?=", text, re.IGNORECASE)
            if word.lower() not in _JOINING and (not re.fullmatch(r"[A-Z]?[a-z]{2,}", word) or word in GREEK or starts):
                self.known |= _names_before_equals(f"{found[0].rstrip('=:←').strip()} = 0", None)

    def prose(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield each paragraph with its line, mathematics among the words marked, too."""
        lines = text.split("\n")
        i = 0
        paragraph: list[str] = []
        start = 1
        while i <= len(lines):
            line = lines[i] if i < len(lines) else ""
            if line.lstrip().startswith("|"):
                i = self.table(lines, i)
                continue
            while i + 1 < len(lines) and line.count("[") > line.count("]") and "=" in line:
                i += 1
                line += " " + lines[i].strip()
            if not line.strip():
                if paragraph:
                    yield start, " ".join(paragraph)
                paragraph = []
            else:
                start = start if paragraph else i + 1
                paragraph.append(self.marked(line, i + 1))
            i += 1

    def marked(self, line: str, number: int) -> str:
        """Mark the mathematics among the words of a line."""
        out: list[str] = []
        run: list[str] = []
        chunks = line.split()
        depth = 0

        def end() -> None:
            nonlocal depth
            hanging: list[str] = []
            while run and _OPERATOR.fullmatch(run[-1].strip(_ENDS)):
                hanging.insert(0, run.pop())
            if run:
                out.append(self.fragment(" ".join(run), number))
            out.extend(hanging)  # a formula that is cut off here: the check refuses it
            run.clear()
            depth = 0

        for i, chunk in enumerate(chunks):
            before = run[-1] if run else ""
            after = chunks[i + 1] if i + 1 < len(chunks) else ""
            if self.is_math(chunk, before, after, inside=depth > 0):
                if chunk.startswith("⟦") and run and not _OPERATOR.fullmatch(before):
                    end()
                if not run and chunk.startswith("⟦") and not _OPERATOR.fullmatch(after):
                    out.append(chunk)
                    continue
                run.append(chunk)
                depth += sum(chunk.count(c) for c in "([{") - sum(chunk.count(c) for c in ")]}")
                goes_on = chunk[-1] == "," and _NUMBER.fullmatch(after.strip(_ENDS)) and any("=" in c for c in run) and "=" not in "".join(chunks[i + 2 : i + 3])
                if chunk[-1] in _ENDS and depth <= 0 and not goes_on:
                    end()
                    out[-1:] = [out[-1] + " " + chunk[-1]] if out else []
            else:
                end()
                out.append(chunk)
        end()
        return " ".join(out)

    def is_math(self, chunk: str, before: str, after: str, *, inside: bool = False) -> bool:
        """Say whether a piece between spaces is mathematics and no word."""
        core = chunk.strip("()[]{}\"'" + _ENDS)
        operator_before, operator_after = bool(before) and before[-1] in "=+-−*·×/^(∘⊙", bool(_OPERATOR.fullmatch(after))
        if chunk.startswith("⟦") or _OPERATOR.fullmatch(chunk):
            return True
        if not core:
            return chunk.strip(_ENDS) in ("[", "(", "{", "|") or (bool(before) and chunk[0] in ")]}|")
        if core[0] == "d" and core[1:] in self.known:
            return True
        if _NUMBER.fullmatch(core) or core in ("|",):
            return True
        if core[0] in "⟦":
            return True
        if re.fullmatch(r"[A-Za-z]+(?:['’-][A-Za-z]+)*", core):
            if len(core) == 1:
                return core not in "aAI" or (core in self.known and (bool(operator_before or operator_after) or chunk[-1] in "," or (bool(before) and before[-1] == ",")))
            if core in self.known:
                return core not in _COMMON or operator_before or operator_after
            return (operator_before and core.lower() not in _JOINING) or (len(core) <= 3 and (operator_before or inside) and set(core) <= self.known)
        if re.fullmatch(r"[A-Za-z]+(?:-[A-Za-z]+)*\([^)]*\)?|[A-Za-z]+/[A-Za-z]+", core + (")" if "(" in core else "")):
            head = re.split(r"[(/]", core)[0]
            return head in FUNCTIONS or head in self.known or len(head) == 1 or bool(re.fullmatch(r"d\w+/d\w+", core))
        if re.fullmatch(r"\w+-\w+(?:-\w+)*", core) and not any(c in _SIGNS for c in core) and not core[0].isdigit():
            return False
        return any(c in _SIGNS or c in "/*+()|[]" for c in core) or bool(re.search(r"\d|[α-ωΑ-Ω]|[a-z]\u0302|[ŷẑ]", core)) or not core.isascii()

    def fragment(self, text: str, line: int) -> str:
        """Make a fragment of mathematics among words; brackets that do not close are the words'."""
        text, tail = text.rstrip(_ENDS + " "), ""
        while text.count("(") > text.count(")") and text.startswith("("):
            text = text[1:]
        while text.count(")") > text.count("(") and text.endswith(")"):
            text, tail = text[:-1].rstrip(_ENDS), ")"
        if "⟦" in text:
            text = re.sub(r"⟦(\d+)⟧", lambda m: self.fragments[int(m[1])].text, text)
        return self.mark(text, None, line) + tail

    def table(self, lines: list[str], i: int) -> int:
        """Read a Markdown table: a row for each value of an index, or a quantity in each row; return the line after it."""
        rows = []
        start = i
        while i < len(lines) and lines[i].lstrip().startswith("|"):
            rows.append([cell.strip() for cell in lines[i].strip().strip("|").split("|")])
            i += 1
        heads, body = [self.cell(cell) for cell in rows[0]], [row for row in rows[1:] if not all(re.fullmatch(r":?-+:?|", cell) for cell in row)]
        index = heads[0] if heads and re.fullmatch(r"[a-z]", heads[0] or "") else None
        derivative = next((m for cell in rows[0] if (m := re.search(r"derivatives? of (\S+) with respect to", cell))), None)
        for row in body:
            if derivative:
                node = next((cell for cell in row if re.fullmatch(r"[^\W\d]\w*", cell)), "")
                self.notes.setdefault("with respect", []).append((self.fragment_of(derivative[1], start), [self.fragment_of(node, start)]))
            values = [self.cell(cell) for cell in row]
            for head, value in zip(heads[1:], values[1:], strict=False):
                if not value or not _NUMBER.fullmatch(value):
                    continue
                if index and head:
                    base = head if "_" in head else f"{head}_{index}"
                    name = re.sub(rf"_\{{?{index}\}}?(?![A-Za-z])", f"_{{{values[0]}}}", base)
                    self.extra.append((start + 1, f"{name} = {value}", True))
                elif values[0] and re.fullmatch(r"[^\W\d]\w*", values[0]):
                    self.extra.append((start + 1, f"{values[0]} = {value}", None))
                else:
                    raise self.error(start + 1, "a number in this table belongs to no name: head the columns with names, such as x_t")
        for _, text, latex in self.extra:
            self.known |= _names_before_equals(text, latex)
        return i

    def fragment_of(self, cell: str, line: int) -> Fragment:
        return self.fragments[int(cell[1:-1])] if cell.startswith("⟦") else Fragment(cell, None, line)

    def cell(self, cell: str) -> str:
        """Return a table cell as mathematics; of words the last one."""
        cell = re.sub(r"⟦(\d+)⟧", lambda m: self.fragments[int(m[1])].text, cell)
        return cell if _NUMBER.fullmatch(cell) else cell.split()[-1] if cell.split() else ""

    def error(self, line: int, message: str) -> LanguageError:
        return LanguageError(f"{self.source}, line {line}: {message}")

    # Statements.

    def problem(self) -> Problem:
        """Put the problem together."""
        for line, sentence in self.sentences:
            self.understand(line, sentence)
        lines = [(f.line, f.text, f.latex) for f in self.fragments if self.states(f)] + self.extra
        reader = Reader(lines, self.known)
        self.reader = reader
        equations: list[Equation] = []
        for number, text, read_tokens in reader.lines:
            equations += self.equations(number, text, read_tokens)
        again = [e for e in equations if e.left.head is not CALL and not e.variables and e.name in _plain_names(e.right)]
        if again:
            self.notes["stated update"] = again
            equations = [e for e in equations if e not in again]
        equations = [e for e in equations if not self.is_claim(e, equations)]
        problem = Problem(tuple(dict.fromkeys(self.ranged(equations))), source=self.source)
        problem = self.completed(problem)
        self.values = {e.name for e in problem.equations if e.left.head is not CALL}
        mentions = list(dict.fromkeys(self.mentions(problem)))
        problem = Problem(problem.equations, tuple(mentions), self.updates(problem), problem.shapes, self.source)
        self.check(problem)
        return problem

    @staticmethod
    def states(fragment: Fragment) -> bool:
        """Say whether a fragment states an equation."""
        return any(sign in fragment.text for sign in ("=", "←", "<-")) and "ℝ" not in fragment.text and not fragment.text.startswith("=")

    def equations(self, line: int, text: str, read: list[Any]) -> Iterator[Equation]:
        read = [token._replace(kind="=") if token.kind == "←" else token for token in read]
        for chain in split(read, "→"):
            parts = list(_joined(split(chain, ",")))
            for part in parts:
                if not any(token.kind == "=" for token in part):
                    continue
                try:
                    if part[0].kind == "name" and len(split(part, "=")) == 2 and (values := _listed(split(part, "=")[1])) and len(part[0].text) == 1:
                        self.notes.setdefault("ranges", {})[part[0].text] = values
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
        ranges: dict[str, tuple[int, int]] = self.notes.get("ranges", {})
        steps = self.notes.get("steps")
        for equation in equations:
            stated = tuple(Range(v, Term(float(ranges[v][0])), Term(float(ranges[v][1]))) for v in equation.variables if v in ranges)
            if not stated and steps and "t" in equation.variables and "t" not in ranges and any(e.name.endswith("0") for e in equations):
                stated = (Range("t", Term(1.0), Term(float(steps))),)
            yield Equation(equation.left, equation.right, equation.ranges or stated, equation.line)

    def mentions(self, problem: Problem) -> Iterator[Asked]:
        """Yield what the text speaks of beside its equations: derivatives, gradients, values of functions."""
        for fragment in self.fragments:
            if fragment.is_number or "ℝ" in fragment.text:
                continue
            sides = [part for part in split(self.reader_tokens(fragment), ",") if not any(t.kind in ("=", "←", "→", ":") for t in part)]
            for side in sides:
                try:
                    term = self.reader.expression(fragment.text, side)
                except LanguageError:
                    if re.search(r"∂|\\partial|∇|\\nabla", fragment.text):
                        raise
                    continue
                for one in term.operands if term.head is LIST else (term,):
                    asked = fixed(one)
                    if asked.head in (DERIV, PRIME) or (asked.head is CALL and asked.operands[0].head is PRIME) or asked.head in (BARS, NORM):
                        yield from self.named(asked)
                    elif asked.head is CALL and str(flat(asked.operands[0])) in self.reader.functions:
                        yield from self.named(asked)
        for of, bys in self.notes.get("with respect", []):
            for by in bys:
                term = self.reader.expression(by.text, self.reader_tokens(by)) if "," not in by.text else self.reader.expression(f"({by.text})", list(tokens(f"({by.text})", latex=by.latex)))
                for one in term.operands if term.head is LIST else (term,):
                    yield Asked(f"d{answer_name(self.term(of.text))}/d{answer_name(one)}", Term(DERIV, self.term(of.text), one))
        functions = [e for e in problem.equations if e.left.head is CALL]
        if "eigenvalues" in self.notes:
            for i in range(1, len(functions[0].parameters) + 1):
                yield Asked(f"lambda{i}", Term(SUB, "lambda", float(i)))
        for note, name in (("analytic", "grad analytic"), ("numeric", "grad numeric")):
            if note in self.notes and functions:
                call = Term(PRIME, functions[0].left.operands[0], 1.0) if note == "analytic" else _differences(functions[0], self.notes["numeric"])
                yield Asked(name, call)

    def named(self, term: Term) -> Iterator[Asked]:
        """Name what is asked as the assignment does."""
        if term.head is PRIME and term.operands[1].head == 1:
            yield Asked(f"grad {flat(term.operands[0])}", term)
        elif term.head is BARS and self.notes.get("euclidean"):
            yield Asked(answer_name(term), Term(NORM, *term.operands))
        elif self.unknown(term):
            return
        elif not any(index in ("i", "j", "k", "n") for part in term.walk() if part.head in (SUB, SUP) for x in part.operands[1:] for index in x.names):
            yield Asked(answer_name(term), term)

    def unknown(self, term: Term) -> bool:
        """Say whether a function is asked at a name without a value: a formula, not a number."""
        return term.head is CALL and any(x.is_name and x.head not in self.values for x in term.operands[1:])

    def reader_tokens(self, fragment: Fragment) -> list[Any]:
        return [token for token in tokens(fragment.text, latex=fragment.latex) if token.kind not in ("$", "`")]

    # Words.

    def understand(self, line: int, sentence: str) -> None:
        """Hold a paragraph against the phrases; keep what is left for the check."""
        text = re.sub(r" (?=[,.;:)])", "", " ".join(sentence.split()))
        for pattern, meaning in _PATTERNS:
            for match in list(pattern.finditer(text)):
                if meaning and not self.mean(meaning, match, line):
                    continue
                text = text[: match.start()] + "\u2007" * len(match[0]) + text[match.end() :]
        self.notes.setdefault("left", []).append((line, text))

    def mean(self, meaning: str, match: re.Match[str], line: int) -> bool:
        """Do what a phrase means; False where it does not apply."""
        if meaning.isidentifier():
            return getattr(self, f"phrase_{meaning}")(match, line) is not False
        self.notes.setdefault("losses", []).append((line, meaning))
        return True

    def value(self, mark: str) -> Fragment:
        return self.fragments[int(mark)]

    def count(self, text: str) -> int:
        """Return the first number in a phrase."""
        for word in re.findall(r"⟦\d+⟧|\w+", text.lower()):
            if word in NUMBERS:
                return NUMBERS[word]
            if word.startswith("⟦") and self.value(word[1:-1]).is_number:
                return int(float(self.value(word[1:-1]).text))
            if word.isdigit():
                return int(word)
        return 1

    def phrase_rate(self, match: re.Match[str], line: int) -> bool:
        """The learning rate is 0.5; the learning rate η = 0.1."""
        fragment = self.value(match[1])
        if fragment.is_number:
            self.notes["rate"] = fragment.text
            return True
        name = re.match(r"\s*([^=]+?)\s*=", fragment.text)
        if name or fragment.text.strip("\\") in GREEK or len(fragment.text) == 1:
            self.notes["rate name"] = name[1] if name else fragment.text
            return True
        return False

    def phrase_steps(self, match: re.Match[str], line: int) -> None:
        """Two steps."""
        self.notes["steps"] = max(self.notes.get("steps", 0), self.count(match[0]))

    def phrase_last_step(self, match: re.Match[str], line: int) -> None:
        """After step 1 and after step 2."""
        found = [self.value(mark) for mark in re.findall(r"⟦(\d+)⟧", match[0])]
        self.notes["steps"] = max([self.notes.get("steps", 0), *(int(float(f.text)) for f in found if f.is_number)])

    def phrase_one_step(self, match: re.Match[str], line: int) -> None:
        """One step; the updated weights."""
        self.notes.setdefault("steps", 1)

    def phrase_update_names(self, match: re.Match[str], line: int) -> bool:
        """Update w and b once."""
        names = [self.value(mark).text for mark in re.findall(r"⟦(\d+)⟧", match[0])]
        if any("=" in name for name in names):
            return False
        self.notes["updated"] = {str(flat(self.term_of(part))) for name in names for part in name.split(",")}
        return True

    def term_of(self, text: str) -> Term:
        """Parse a name of the text."""
        return Reader([], self.known).expression(text, list(tokens(text)))

    def phrase_optimiser(self, match: re.Match[str], line: int) -> None:
        """One step of Adam with the usual constants."""
        self.notes["optimiser"] = match[1].lower()
        self.notes.setdefault("steps", self.count(match[0]))

    def phrase_momentum(self, match: re.Match[str], line: int) -> bool:
        """Momentum 0.9."""
        fragment = self.value(match[1])
        if fragment.is_number:
            self.notes["optimiser"], self.notes["beta"] = "momentum", fragment.text
        return fragment.is_number

    def phrase_with_respect(self, match: re.Match[str], line: int) -> None:
        """The derivatives of f with respect to w and x."""
        of, *bys = [self.value(mark) for mark in re.findall(r"⟦(\d+)⟧", match[0])]
        for i, (first, dots, last) in enumerate(zip(bys, bys[1:], bys[2:], strict=False)):
            if dots.text in ("…", "\\dots", "\\ldots"):  # w1, …, w8
                base, low, high = re.sub(r"\d+$", "", first.text), *(int(re.search(r"\d+$", x.text)[0]) for x in (first, last))  # type: ignore[index]
                bys[i : i + 3] = [Fragment(f"{base}{n}", first.latex, first.line) for n in range(low, high + 1)]
                break
        self.notes.setdefault("with respect", []).append((of, bys))

    def phrase_at_point(self, match: re.Match[str], line: int) -> bool:
        """At (1, 2): the values of a function's arguments."""
        text = self.value(match[1]).text
        if not re.fullmatch(r"\(\s*[-−\d./]+(\s*,\s*[-−\d./]+)+\s*\)", text):
            return False
        self.notes["point"] = text
        return True

    def phrase_analytic(self, match: re.Match[str], line: int) -> None:
        """The analytic gradient."""
        self.notes["analytic"] = True

    def phrase_numeric(self, match: re.Match[str], line: int) -> None:
        """The numeric gradient by central differences with ε."""
        marks = [self.value(mark).text for mark in re.findall(r"⟦(\d+)⟧", match[0])]
        self.notes["numeric"] = next((name[1] for text in marks if (name := re.match(r"\s*([^=(]+?)\s*=", text))), "epsilon")

    def phrase_softmax(self, match: re.Match[str], line: int) -> None:
        """The softmax probabilities p of the logits."""
        self.notes["softmax"] = self.value(match[1]).text

    def phrase_logits(self, match: re.Match[str], line: int) -> None:
        """The logits z."""
        self.notes["logits"] = self.value(match[1]).text.partition("=")[0]

    def phrase_node(self, match: re.Match[str], line: int) -> None:
        """Inputs x and w, an inner node u that multiplies them."""
        a, b, node = (self.value(mark).text for mark in re.findall(r"⟦(\d+)⟧", match[0]))
        sign = "+" if "add" in match[0].lower() or "sum" in match[0].lower() else "·"
        self.extra.append((line, f"{node} = {a} {sign} {b}", None))
        self.known |= {node}

    def phrase_descent(self, match: re.Match[str], line: int) -> None:
        """Gradient descent."""
        self.notes["descent"] = True

    def phrase_comparison(self, match: re.Match[str], line: int) -> None:
        """For comparison, steps of ordinary gradient descent (no momentum)."""
        self.notes["comparison"] = self.count(match[0])

    def phrase_biases_fixed(self, match: re.Match[str], line: int) -> None:
        """The biases are not trained."""
        self.notes["biases fixed"] = True

    def phrase_no_bias(self, match: re.Match[str], line: int) -> None:
        """No bias."""
        self.notes["no bias"] = True

    def phrase_zero_bias(self, match: re.Match[str], line: int) -> bool:
        """Bias 0."""
        numbers = re.findall(r"⟦(\d+)⟧", match[0])
        if numbers and self.value(numbers[0]).text not in ("0", "0.0"):
            return False
        self.notes["zero bias"] = line
        return True

    def phrase_true_class(self, match: re.Match[str], line: int) -> bool:
        """The true class is 3."""
        self.notes["class"] = self.value(match[1]).text
        return self.value(match[1]).is_number

    def phrase_by_row(self, match: re.Match[str], line: int) -> None:
        """Row by row."""
        self.notes["axis"] = "_rows"

    def phrase_by_column(self, match: re.Match[str], line: int) -> None:
        """Every column on its own."""
        self.notes["axis"] = "_columns"

    def phrase_stride(self, match: re.Match[str], line: int) -> bool:
        """Stride 1."""
        return self.count(match[0]) == 1

    def phrase_euclidean(self, match: re.Match[str], line: int) -> None:
        """Euclidean."""
        self.notes["euclidean"] = True

    def phrase_arguments(self, match: re.Match[str], line: int) -> None:
        """Call the arguments of the two sigmoids z1 and z2."""
        self.notes["arguments"] = (match[1], [self.value(mark).text for mark in match.groups()[1:]])

    def phrase_stands_for(self, match: re.Match[str], line: int) -> None:
        """dz stands for ∂L/∂z, dw1 for ∂L/∂w1 and so on."""
        marks = [self.value(mark) for mark in re.findall(r"⟦(\d+)⟧", match[0])]
        for short, long in zip(marks[::2], marks[1::2], strict=False):
            self.notes.setdefault("short", {})[short.text] = long.text

    def phrase_held_fixed(self, match: re.Match[str], line: int) -> None:
        """With the gates held fixed: as the equations have it."""

    def phrase_jacobian(self, match: re.Match[str], line: int) -> None:
        """The Jacobian matrix J."""
        self.notes["jacobian"] = self.value(match[1]).text

    def phrase_hessian(self, match: re.Match[str], line: int) -> None:
        """The Hessian H."""
        self.notes["hessian"] = self.value(match[1]).text

    def phrase_eigenvalues(self, match: re.Match[str], line: int) -> None:
        """The eigenvalues of H, the larger one as λ₁."""
        self.notes["eigenvalues"] = True

    def phrase_each_derivative(self, match: re.Match[str], line: int) -> None:
        """The derivative of each function."""
        self.notes["each derivative"] = True

    def phrase_differences(self, match: re.Match[str], line: int) -> None:
        """Central differences with ε."""
        self.notes["differences"] = True

    def phrase_rows_convention(self, match: re.Match[str], line: int) -> None:
        """Weights as inputs x outputs."""
        self.notes["rows"] = True

    def phrase_all_layers(self, match: re.Match[str], line: int) -> bool:
        """Both layers use the sigmoid."""
        return self.activation("all", match)

    def phrase_hidden_layer(self, match: re.Match[str], line: int) -> bool:
        """ReLU hidden layer."""
        return self.activation("hidden", match)

    def phrase_output_layer(self, match: re.Match[str], line: int) -> bool:
        """Linear output."""
        return self.activation("output", match)

    def activation(self, where: str, match: re.Match[str]) -> bool:
        word = next(x for x in match.groups() if x)
        slope = re.search(r"⟦(\d+)⟧", word)
        key = re.sub(r"⟦\d+⟧", "#", word.lower())
        name = ACTIVATIONS[" ".join(key.split())]
        self.notes.setdefault("layers", {})[where] = (name, self.value(slope[1]).text if slope else "")
        return True

    def phrase_huber(self, match: re.Match[str], line: int) -> None:
        """Huber loss with delta = 1."""
        numbers = [self.value(mark).text for mark in re.findall(r"⟦(\d+)⟧", match[0])]
        delta = numbers[-1].partition("=")[2] or numbers[-1]
        self.notes.setdefault("losses", []).append((line, f"L = huber(TARGET, OUTPUT, {delta})"))

    # What phrases add.

    def completed(self, problem: Problem) -> Problem:
        """Add what phrases mean, now that the equations are known."""
        equations = list(problem.equations)
        names = {e.name for e in equations}
        if "axis" in self.notes:
            equations = [Equation(e.left, _along_axis(e.right, self.notes["axis"]), e.ranges, e.line) for e in equations]
        if "zero bias" in self.notes:
            missing = [name for name in ("b", "b1", "b2") if name not in names and any(name in _plain_names(e.right) for e in equations)]
            equations += [Equation(Term(name), Term(0.0), (), self.notes["zero bias"]) for name in missing]
        if "softmax" in self.notes and "logits" in self.notes and str(flat(self.term(self.notes["softmax"]))) not in names:
            equations.append(Equation(self.term(self.notes["softmax"]), Term(FUNCTIONS["softmax"], self.term(self.notes["logits"]))))
        functions = [e for e in equations if e.left.head is CALL]
        if "point" in self.notes and functions and functions[0].parameters[0] not in names:
            values = self.term(self.notes["point"]).operands
            if len(values) == len(functions[0].parameters):
                equations += [Equation(Term(name), value) for name, value in zip(functions[0].parameters, values, strict=True)]
        equations += list(self.statistics(equations))
        equations += self.network(equations)
        equations += self.losses(equations)
        if "arguments" in self.notes:
            equations += self.named_arguments(equations)
        for note, order in (("jacobian", 1.0), ("hessian", 2.0)):
            if note in self.notes and functions:
                name = self.term(self.notes[note])
                equations.append(Equation(Term(str(flat(name))), Term(PRIME, functions[0].left.operands[0], order)))
        if "eigenvalues" in self.notes and "hessian" in self.notes:
            equations.append(Equation(Term("lambda"), Term(RECORDS["eigenvalues"], self.term(self.notes["hessian"]))))
        equations += list(self.short_names(equations))
        equations = self.points(equations)
        return Problem(tuple(self.lengths(equations)), source=self.source)

    def network(self, equations: list[Equation]) -> list[Equation]:
        """Return the equations of a network of which words alone say what its layers do."""
        names = {e.name for e in equations}
        count = next(n for n in range(100) if f"W{n + 1}" not in names)
        for equation in [e for e in equations if "W" in _plain_names(e.right) and "W" not in names and count]:
            self.notes.setdefault("rows", str(equation.right).index("W") > str(equation.right).index("x") if "x" in str(equation.right) else False)
            equations.remove(equation)  # z = x W + b of any layer
        if not count or any("W1" in _plain_names(e.right) for e in equations):
            return []
        source = next((name for name in ("x", "X", "a0", "h0") if name in names), None)
        if source is None:
            raise self.error(1, "the input of the network is missing: write x = (..., ...)")
        layers = self.notes.get("layers", {})
        out: list[str] = []
        for k in range(1, count + 1):
            where = "output" if k == count else "hidden"
            if where not in layers and "all" not in layers:
                raise self.error(1, f"what is the activation of the {where} layer? Write h = f(W{k} x + b{k}) or say, for instance, that it is sigmoid")
            function, slope = layers.get(where, layers.get("all"))
            target = "ŷ" if k == count else "h" if count == 2 else f"h_{k}"
            bias = f" + b_{k}" if f"b{k}" in names else ""
            if not bias and "no bias" not in self.notes:
                raise self.error(1, f"is there a bias in layer {k}? Write b_{k} = ..., or say that there is none")
            product = f"{source} W_{k}" if self.notes.get("rows") else f"W_{k} {source}"
            out += [f"z_{k} = {product}{bias}", f"{target} = {function}(z_{k}{', ' + slope if slope else ''})" if function != "linear" else f"{target} = z_{k}"]
            source = target
        return list(Problem.read("\n".join([*out, *(f"{name} = 0" for name in names if "(" not in name)])).equations[: 2 * count])

    def losses(self, equations: list[Equation]) -> list[Equation]:
        """Return the loss that words alone state, of the one output that nothing is made of."""
        if "losses" not in self.notes and "class" not in self.notes:
            return []
        if any(part.head in (ops.log, ops.xlogy) for e in equations for part in e.right.walk()):
            self.notes.pop("class", None)  # the loss is written out
            return []
        used = {name for e in equations for name in _plain_names(e.right)}
        outputs = [e.name for e in equations if not e.is_given and e.name not in used and e.left.head is not CALL and e.left.head is not DERIV]
        targets = [e.name for e in equations if e.is_given and e.name not in used and e.name in ("y", "t", "target", "d", "label")]
        if len(outputs) != 1:
            return []
        if "class" in self.notes and not targets and self.notes.get("losses", [(0, "crossentropy")])[0][1].find("crossentropy") >= 0:
            self.notes["class"], number = None, self.notes["class"]
            return [Equation(Term("L"), Term(ops.neg, Term(ops.log, Term(SUB, outputs[0], float(number)))))]
        if len(targets) != 1 or "losses" not in self.notes:
            return []
        line, meaning = self.notes.pop("losses")[0]
        text = meaning.replace("OUTPUT", "outputs").replace("TARGET", "targets")
        equation = Reader([(line, text, None)]).problem().equations[0]
        return [Equation(equation.left, equation.right.put({"outputs": Term(outputs[0]), "targets": Term(targets[0])}))]

    def lengths(self, equations: list[Equation]) -> Iterator[Equation]:
        """Read the square of a vector in a loss, ½(ŷ - y)², as the sum of the squares of its entries."""
        used = {name for e in equations for name in _plain_names(e.right)}
        for equation in equations:
            squares = [part for part in equation.right.walk() if part.head is ops.pow and part.operands[1] == Term(2.0) and not part.operands[0].is_number]
            if squares and equation.name not in used and not equation.variables and equation.left.head is not CALL:
                try:
                    scope = Scope(Problem(tuple(equations)))
                    worth = scope.find(Term(equation.name))
                except (LanguageError, ValueError, ArithmeticError):
                    worth = None
                if worth is not None and len(worth.array.shape) == 1:
                    right = equation.right.replaced(lambda part: Term(RECORDS["sum"], part) if part in squares else None)
                    yield Equation(equation.left, right, equation.ranges, equation.line)
                    continue
            yield equation

    def statistics(self, equations: list[Equation]) -> Iterator[Equation]:
        """Yield equations for `mean` and `var` without arguments: those of the one array beside them."""
        arrays = {e.name for e in equations if e.right.head in (ROWS, LIST)}
        for word in ("mean", "var", "std"):
            for equation in equations:
                used = _plain_names(equation.right)
                if word in used and word not in {e.name for e in equations}:
                    beside = used & arrays
                    if len(beside) != 1:
                        raise self.error(equation.line, f"{word} of what? Write {word}(x)")
                    yield Equation(Term(word), _along_axis(self.reader.expression(f"{word}(x)", list(tokens(f"{word}({beside.pop()})"))), self.notes.get("axis", "")))
                    break

    def term(self, text: str) -> Term:
        return self.reader.expression(text, list(tokens(text)))

    def named_arguments(self, equations: list[Equation]) -> Iterator[Equation]:
        """Yield equations for the arguments of a function that the text gives names."""
        word, names = self.notes["arguments"]
        function = FUNCTIONS.get(ACTIVATIONS.get(word.lower(), word.lower()))
        calls = [part.operands[-1] for e in equations if not e.left.head is CALL for part in e.right.walk() if part.head is function or (part.head is CALL and FUNCTIONS.get(str(part.operands[0].head)) is function)]
        for name, argument in zip(names, dict.fromkeys(calls), strict=False):
            yield Equation(self.term(name), argument)

    def short_names(self, equations: list[Equation]) -> Iterator[Equation]:
        """Yield dz = ∂L/∂z for each such name that the text uses."""
        for short, long in self.notes.get("short", {}).items():
            derivative = self.term(long)
            yield Equation(Term(short), derivative)
            loss = derivative.operands[0]
            for fragment in self.fragments:
                for name in re.findall(r"\bd[A-Za-z]\w*\b", fragment.text):
                    if name not in self.notes["short"] and name[1:] in {e.name for e in equations}:
                        yield Equation(Term(name), Term(DERIV, loss, Term(name[1:])))

    def points(self, equations: list[Equation]) -> list[Equation]:
        """Read points in a row, (x, y): (1, 2), (2, 4), as the vectors x and y."""
        for _, sentence in self.sentences:
            for found in re.finditer(r"⟦(\d+)⟧ ?: ?((?:⟦\d+⟧[ ,]*)+)", sentence):
                names = [self.fragments[int(found[1])].text, *()]
                rows = [self.fragments[int(i)].text for i in re.findall(r"⟦(\d+)⟧", found[2])]
                if re.fullmatch(r"\([^()=]*\)", names[0]) and all(re.fullmatch(r"\([^()=]*\)", row) for row in rows):
                    columns = zip(*(row.strip("()").split(",") for row in rows), strict=True)
                    for name, column in zip(names[0].strip("()").split(","), columns, strict=True):
                        equations.append(Equation(Term(name.strip()), Term(LIST, *(self.term(x) for x in column))))
        return equations

    def updates(self, problem: Problem) -> tuple[Update, ...]:
        """Return the updates that the text asks for."""
        rate = self.notes.get("rate")
        given = {e.name: e for e in problem.equations if e.is_given}
        words = [str(flat(self.term(self.notes["rate name"])))] if "rate name" in self.notes else []
        name = next((n for n in [*words, *_RATES] if n in given), None)
        eta = Term(float(rate)) if rate is not None else Term(name) if name else None
        if self.notes.get("stated update"):
            return (self.stated_update(problem),)
        if "optimiser" in self.notes and eta is None and not any(e.variables for e in problem.equations):
            raise self.error(1, f"{self.notes['optimiser']} needs a learning rate: eta = ...")
        if eta is None or not {"steps", "descent", "updated", "optimiser"} & set(self.notes):
            return ()
        found = []
        if not any(name in _plain_names(e.right) for e in problem.equations if not e.is_given):
            rule, constants = self.notes.get("optimiser", "gradient descent"), [("eta", eta)]
            if "beta" in self.notes:
                constants.append(("beta", Term(float(self.notes["beta"]))))
            found.append(Update(rule, self.parameters(problem, given), tuple(constants), self.notes.get("steps", 1), self.loss(problem)))
        if "comparison" in self.notes:
            found.append(Update("gradient descent", self.parameters(problem, given), (("eta", eta),), self.notes["comparison"], self.loss(problem), "without momentum"))
        return tuple(update for update in found if update.parameters)

    def parameters(self, problem: Problem, given: dict[str, Equation]) -> tuple[Term, ...]:
        """Return what an update changes: what the text names, or all weights and biases; of a function its argument at the start."""
        for equation in problem.equations:
            if len(equation.parameters) == 1 and f"{equation.parameters[0]}0" in given:
                return (Term(f"{equation.parameters[0]}0"),)
        return tuple(Term(n) for n in given if self.is_parameter(n, problem))

    def loss(self, problem: Problem) -> Term | None:
        """Return the loss that a function of its start is: L(w_0)."""
        for equation in problem.equations:
            if len(equation.parameters) == 1 and f"{equation.parameters[0]}0" in {e.name for e in problem.equations}:
                return Term(CALL, equation.left.operands[0], f"{equation.parameters[0]}0")
        return None

    def stated_update(self, problem: Problem) -> Update:
        """Return the update that assignments such as v = beta v - lr g; x = x + v state."""
        equations: list[Equation] = self.notes["stated update"]
        parameter = equations[-1].name
        names = {"grad": "g", "gradient": "g", f"d{parameter}": "g", parameter: "w"}
        own = {e.name for e in equations}

        def renamed(part: Term) -> Term | None:
            if part.head is CALL and part.operands[0].head is PRIME:
                return Term("g")
            return Term(names[part.head]) if part.is_name and part.head in names else None

        text = "; ".join(f"{names.get(e.name, e.name)} = {e.right.replaced(renamed)}" for e in equations)
        constants = {name for e in equations for name in _plain_names(e.right)} - own - {*names, 'g', 't', 'w'}
        starts = [e for e in problem.equations if e.name in own - {parameter} and e.is_given and e.right.head != 0]
        if starts:
            raise self.error(starts[0].line, f"{starts[0].name} starts at {starts[0].right}: states start at 0")
        given = {e.name: e for e in problem.equations if e.is_given}
        parameters = (Term(parameter),) if parameter in given else self.parameters(problem, given)
        return Update("as stated", parameters, tuple((name, self.constant(name, given)) for name in sorted(constants)), self.notes.get("steps", 1), None, "", text)

    def constant(self, name: str, given: dict[str, Equation]) -> Term:
        """Return the value of a constant of a stated update; a rate may be said in words."""
        return Term(float(self.notes["rate"])) if name not in given and name in _RATES and "rate" in self.notes else Term(name)

    def is_parameter(self, name: str, problem: Problem) -> bool:
        """Say whether a given quantity is one that training changes."""
        if names := self.notes.get("updated"):
            return name in names
        base = re.match(r"[A-Za-z]*", name)[0]  # type: ignore[index]
        return base in (*_WEIGHTS, *(() if self.notes.get("biases fixed") else _BIASES))

    # The check.

    def consumed(self, problem: Problem, heads: set[Any], computed: list[Equation]) -> None:
        """Refuse what phrases mean and nothing took up."""
        for where, (name, _) in self.notes.get("layers", {}).items():
            if name != "linear" and not self.borne_out("activation", name.replace("_", " "), heads, computed, problem):
                raise self.error(1, f"{name} of the {where} layer is in none of the equations: write h = {name}(z)")
        if self.notes.get("class") and not any(e.right.head is CALL for e in computed):
            raise self.error(1, f"class {self.notes['class']}: write the loss, such as L = -ln ŷ_{self.notes['class']}")
        if "losses" in self.notes and not computed:
            raise self.error(self.notes["losses"][0][0], _ADVICE["loss"])
        stepping = bool(problem.updates) or any(e.variables for e in computed)
        for note in ("optimiser", "beta", "biases fixed"):
            if self.notes.get(note) and not stepping:
                raise self.error(1, f"{note}: the learning rate is missing, or what is updated")

    def check(self, problem: Problem) -> None:
        """Refuse technical words and numbers that neither a phrase nor an equation accounts for."""
        heads = {part.head for e in problem.equations for part in e.right.walk()} | {FUNCTIONS.get(str(part.operands[0].head)) for e in problem.equations for part in e.right.walk() if part.head is CALL}
        computed = [e for e in problem.equations if not e.is_given]
        self.consumed(problem, heads, computed)
        for line, text in self.notes.get("left", []):
            if cut := re.search(r"⟦\d+⟧\s*[=+*/^\[{|·×−]|[=+*/^\]}|×−]\s*⟦\d+⟧", text):
                raise self.error(line, f"where does this formula end? {self.spelled(cut[0])}: put it in $...$")
            for mark in re.findall(r"⟦(\d+)⟧", text):
                if self.value(mark).is_number:
                    raise self.error(self.value(mark).line, f"what is the number {self.value(mark).text} for? Write it as an equation, such as x = {self.value(mark).text}")
            for kind, pattern in _TECHNICAL.items():
                for word in pattern.finditer(text):
                    if not self.borne_out(kind, word[0].lower(), heads, computed, problem):
                        raise self.error(line, f"{word[0]!r} is not understood here: {_ADVICE[kind]}")

    def spelled(self, text: str) -> str:
        return re.sub(r"⟦(\d+)⟧", lambda m: self.fragments[int(m[1])].text, text)

    def borne_out(self, kind: str, word: str, heads: set[Any], computed: list[Equation], problem: Problem) -> bool:
        """Say whether the equations say what a word says."""
        if word in self.known:
            return True
        if kind == "activation":
            name = ACTIVATIONS.get(" ".join(word.split()), "sigmoid" if word.startswith("logistic") else word)
            function = FUNCTIONS.get(name)
            if function in heads or name == "linear":
                return True
            return function is ops.sigmoid and any(part.head is ops.div and "exp(-" in str(part) for e in computed for part in e.right.walk())
        if kind == "loss":
            return bool(computed)
        if kind == "update":
            return word.startswith(("step", "updat", "iteration", "learning", "velocity")) and (bool(problem.updates) or any(e.ranges for e in computed)) or (bool(computed) and word in ("step", "steps")) or (
                word in ("momentum", "adam", "velocity") and ("stated update" in self.notes or any("t" in e.variables for e in computed))
            )
        if kind == "structure":
            return word in ("normalised", "normalized", "normalisation", "normalization", "scaled", "padding", "transposed", "transpose", "causal", "reversed") and bool(computed)
        return False


_JOINING = {"at", "for", "with", "and", "where", "in", "is", "to", "of", "let", "take", "then", "if", "or", "the", "by", "when", "point"}
_WEIGHTS = ("w", "W", "theta", "Theta", "U", "V", "weight", "weights")
_BIASES = ("b", "B", "bias", "c")
_COMMON = {"target", "input", "output", "loss", "error", "cost", "label", "rate", "grad", "mean", "var", "beta", "gamma", "in", "is", "it", "at", "to", "of"}
_ADVICE = {
    "activation": "write the equation, such as h = relu(z)",
    "loss": "write the loss as an equation, such as L = 1/2 Σ_k (y_k - ŷ_k)²",
    "update": "write the update as an equation, or leave the sentence out",
    "structure": "write it as an equation",
    "negation": "say it without, or as an equation",
    "number": "write it as an equation, such as n = 3",
}


def _compiled(pattern: str) -> re.Pattern[str]:
    words = "|".join(w for w in NUMBERS)
    pattern = re.sub(r"(?<![A-Za-z\\])N(?![A-Za-z])", rf"(?:\\b(?:{words})\\b|⟦\\d+⟧|\\b\\d+\\b)", pattern)
    activations = "|".join(sorted((re.escape(a).replace(r"\#", "⟦\\d+⟧").replace(r"\ ", " ") for a in ACTIVATIONS), key=len, reverse=True))
    pattern = pattern.replace("#", "⟦(\\d+)⟧").replace("ACT", activations)
    return re.compile(rf"(?<![A-Za-z])(?:{pattern})(?![A-Za-z])", re.IGNORECASE)


_PATTERNS = [(_compiled(pattern), meaning) for pattern, meaning in PHRASES]
_TECHNICAL = {kind: re.compile(rf"(?<![A-Za-z⟦\d])(?:{'|'.join(w for w, n in NUMBERS.items() if n != 1) if words == 'N' else words})(?![A-Za-z⟧\d])", re.IGNORECASE) for kind, words in TECHNICAL.items()}


def _names_before_equals(text: str, latex: bool | None) -> set[str]:
    try:
        return Reader([(0, text, latex)]).known if "=" in text or "←" in text else set()
    except LanguageError:
        return set()


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
    return int(float(numbers[0].text)), int(float(numbers[-1].text))


def _along_axis(term: Term, end: str) -> Term:
    def change(part: Term) -> Term | None:
        name = getattr(part.head, "name", "")
        if part.head is CALL and part.operands[0].is_name and part.operands[0].head in ("var", "std"):
            return Term(CALL, part.operands[0].head + end, *part.operands[1:])
        return Term(RECORDS[name + end], *part.operands) if name in ("softmax", "mean", "logsumexp") else None

    return term.replaced(change)


def _differences(function: Equation, step: str) -> Term:
    """Return the central differences of a function by each of its arguments."""
    name, *arguments = function.left.operands
    epsilon = flat(Term({"ε": "epsilon"}.get(step.strip(), step.strip())))

    def moved(i: int, op: Any) -> Term:
        return Term(CALL, name, *(Term(op, x, epsilon) if i == j else x for j, x in enumerate(arguments)))

    return Term(LIST, *(Term(ops.div, Term(ops.sub, moved(i, ops.add), moved(i, ops.sub)), Term(ops.mul, 2.0, epsilon)) for i in range(len(arguments))))


def _plain_names(term: Term) -> set[str]:
    """Return the names in a term, those with indices as one: W_1 is W1, and not W."""
    if term.is_name or term.head in (SUB, SUP):
        return {str(flat(term))}
    return {name for operand in term.operands for name in _plain_names(operand)}


