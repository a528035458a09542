"""The mathematics in a text, found: in dollars, in code, in tables and among words.

>>> marked = Marked("Let $q = x y$ with x = 2. Find q.")
>>> [fragment.text for fragment in marked.fragments], marked.paragraphs
(['q = x y', 'x = 2', 'q'], [(1, 'Let ⟦0⟧ with ⟦1⟧ . Find ⟦2⟧ .')])
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from scalargrad.sheet.problem import Reader, prelude
from scalargrad.sheet.records import FUNCTIONS
from scalargrad.sheet.tokens import GREEK, LanguageError

_MATH = re.compile(
    r"```\s*(?P<kind>\w*)[^\S\n]*\n(?P<block>.*?)```|\$`(?P<a>.+?)`\$|\$\$(?P<b>.+?)\$\$|\\\[(?P<c>.+?)\\\]|\$(?P<d>[^$]+?)\$|\\\((?P<e>.+?)\\\)|`(?P<f>[^`\n]+)`",
    re.DOTALL,
)
_LATEX = [  # of a document, what is no mathematics
    (r"(?<!\\)%.*", ""),
    (r"\\begin\{(equation|align|gather|displaymath|eqnarray|multline)(\*?)\}", r"$$\\begin{aligned}"),
    (r"\\end\{(equation|align|gather|displaymath|eqnarray|multline)(\*?)\}", r"\\end{aligned}$$"),
    (r"\\(?:documentclass|usepackage|label|vspace|hspace)\*?(?:\[[^\]]*\])?\{[^}]*\}", ""),
    (
        r"\\(?:begin|end)\{(?:document|itemize|enumerate|center|problem|exercise|solution|quote|flushleft)\}(?:\[[^\]]*\])?",
        "",
    ),
    (r"\\(?:sub)*(?:section|paragraph|title|part)\*?\{([^{}]*)\}", r"\1.\n"),
    (r"\\item(?:\[[^\]]*\])?", "\n"),
    (r"\\(?:noindent|medskip|bigskip|smallskip|newline|maketitle|newpage|centering)\b", " "),
    (r"(?<!\$)\\(?:textbf|emph|textit|underline)\{([^{}$]*)\}", r"\1"),
]
_WORDS_IN_MATH = re.compile(r"\\(?:text|textrm|mbox)\{([^{}]*\s[^{}]*|and|with|where|for|if|or)\}")
_SIGNS = "=^_∂∇Σ∑√‖½²³⁴⁵·∘⊙₀₁₂₃₄₅₆₇₈₉ᵀ⁻¹ₜᵢⱼₖ…×→←∈ℝ\u0302\u0303"
NUMBER = re.compile(r"[-−+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|10[⁻⁺]?[⁰¹²³⁴-⁹]+|½", re.IGNORECASE)
_OPERATOR = re.compile(r"[=+\-−*·×/^→≈∘⊙@|<>≤≥←÷]+|:=")
_ENDS = ",.;:?!"
_MARKER = re.compile(
    r"(?m)^\s*(?:[-*+]|#{1,6}|>|\d{1,2}[.)]|[a-h][.)])\s+|(?:(?<=\s)|(?<=^))\((?:[a-h]|i{1,3}|iv|vi?|\d)\)(?=\s)"
)
ITEM = "¶"  # where a list goes on: no phrase reaches over it
_CALLED = {*FUNCTIONS, *prelude()} - {"where"}
_JOINING = {
    "at",
    "for",
    "with",
    "and",
    "where",
    "in",
    "is",
    "to",
    "of",
    "let",
    "take",
    "then",
    "if",
    "or",
    "the",
    "by",
    "when",
    "point",
}
_COMMON = {
    "target",
    "input",
    "output",
    "loss",
    "error",
    "cost",
    "label",
    "rate",
    "grad",
    "mean",
    "var",
    "beta",
    "gamma",
    "in",
    "is",
    "it",
    "at",
    "to",
    "of",
}


@dataclass(frozen=True)
class Fragment:
    """A piece of mathematics in a text: what it says, whether as LaTeX, and on which line."""

    text: str
    latex: bool | None
    line: int

    @property
    def is_number(self) -> bool:
        """Whether it is a number alone."""
        return bool(NUMBER.fullmatch(self.text.strip().replace("{", "").replace("}", "")))


class Marked:
    """A text with a mark ⟦k⟧ in the place of each piece of mathematics.

    fragments   the pieces
    paragraphs  of what is left, each with its line
    known       the names of which something is said
    rows        statements from tables
    asked       from tables: what is differentiated, and by what
    """

    def __init__(self, text: str, source: str = "problem") -> None:
        self.source = source
        self.fragments: list[Fragment] = []
        self.known: set[str] = set()
        self.rows: list[tuple[int, str, bool | None]] = []
        self.asked: list[tuple[Fragment, list[Fragment]]] = []
        text = re.sub(r"<!--.*?-->", lambda m: "\n" * m[0].count("\n"), text, flags=re.DOTALL)
        for pattern, replacement in _LATEX if "\\" in text else ():
            text = re.sub(pattern, replacement, text)
        text = _MARKER.sub(lambda m: f"{m[0][: len(m[0]) - len(m[0].lstrip())]} {ITEM} ", text)
        text = _MATH.sub(self._math, text)
        text = re.sub(r"(?<![\w)\]])\*\*(?=\S)|(?<=\S)\*\*(?![\w(])|(?<!\w)_(?=\w[^_\n]*\w_(?!\w))", "  ", text)
        self._find_names(text)
        self.paragraphs = list(self._prose(text))

    def error(self, line: int, message: str) -> LanguageError:
        """Make an error at a line of the text."""
        return LanguageError(f"{self.source}, line {line}: {message}")

    def _math(self, match: re.Match[str]) -> str:
        """Put a mark in the place of a piece of mathematics."""
        line = match.string[: match.start()].count("\n") + 1
        newlines = "\n" * match[0].count("\n")
        kind, inside = next(
            (name, value) for name, value in match.groupdict().items() if value is not None and name != "kind"
        )
        if kind == "block" and match["kind"] not in ("math", "latex", "tex"):
            return (
                "\n"
                + "\n".join(
                    self._mark(part, None, line + i) for i, part in enumerate(inside.split("\n"), 1) if part.strip()
                )
                + newlines
            )
        out, start = [], 0
        latex = None if kind == "f" else True
        for words in _WORDS_IN_MATH.finditer(inside):
            out += [self._mark(inside[start : words.start()], latex, line), words[1].strip()]
            start = words.end()
        out.append(self._mark(inside[start:], latex, line))
        return " ".join(part for part in out if part) + newlines

    def _mark(self, text: str, latex: bool | None, line: int) -> str:
        """Keep a piece of mathematics; return the mark that stands for it."""
        text = text.strip().rstrip(",.;: ").removesuffix("\\").strip()
        text = re.sub(r"^(?:\\quad|\\qquad|\\[,;:! ]|[,.;]|\s)+|(?:\\quad|\\qquad|\\[,;:! ]|,|\s)+$", "", text)
        if not text:
            return ""
        self.fragments.append(Fragment(text, latex, line))
        return f"⟦{len(self.fragments) - 1}⟧"

    def _find_names(self, text: str) -> None:
        """Find the names that something says something of, before the words are told from them."""
        for fragment in self.fragments:
            self.known |= names_before_equals(fragment.text, fragment.latex)
        for found in re.finditer(r"(?<![\w\\⟦])([^\W\d]\w*\u0302?[₀-₉]*)(?:\s*\([^()=]*\))?\s*(?:=|←|:=)(?!=)", text):
            word = found[1]
            starts = re.search(
                rf"(?m)(?:^|[,;:(]|\b(?:with|and|where|let))\s*{re.escape(word)}\s*(?:\([^()=]*\)\s*)?=",
                text,
                re.IGNORECASE,
            )
            if word.lower() not in _JOINING and (not re.fullmatch(r"[A-Z]?[a-z]{2,}", word) or word in GREEK or starts):
                self.known |= names_before_equals(f"{found[0].rstrip('=:←').strip()} = 0", None)

    def _prose(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield each paragraph with its line, mathematics among the words marked, too."""
        lines = text.split("\n")
        i = 0
        paragraph: list[str] = []
        start = 1
        while i <= len(lines):
            line = lines[i] if i < len(lines) else ""
            if line.lstrip().startswith("|"):
                i = self._table(lines, i)
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
                code = re.match(r"(?: {4}|\t)\s*([^\W\d]\w*(?:\([\w, ]*\))? *[+*/-]?=.*?)(?:\s#.*)?$", line)
                paragraph.append(
                    self._mark(code[1], None, i + 1) if code and "⟦" not in line else self._marked(line, i + 1)
                )
            i += 1

    def _marked(self, line: str, number: int) -> str:
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
                before = " ".join(out)
                out.append(self._fragment(" ".join(run), number, before.count("(") - before.count(")")))
            out.extend(hanging)  # a formula that is cut off here: the check refuses it
            run.clear()
            depth = 0

        for i, chunk in enumerate(chunks):
            before = run[-1] if run and not (len(run) == 1 and _OPERATOR.fullmatch(run[0])) else ""
            after = chunks[i + 1] if i + 1 < len(chunks) else ""
            if self._is_math(chunk, before, after, inside=depth > 0):
                arrow = chunk.startswith("(") and after in ("→", "->")  # w1 = 0.5 (x1 → h1)
                if (chunk.startswith("⟦") or arrow) and run and not _OPERATOR.fullmatch(before):
                    end()
                alone = not run and re.fullmatch(r"\(?⟦\d+⟧[).,;:!?]*", chunk)
                if alone and not _OPERATOR.fullmatch(after):
                    out.append(chunk)
                    continue
                run.append(chunk)
                depth += sum(chunk.count(c) for c in "([{") - sum(chunk.count(c) for c in ")]}")
                goes_on = (
                    chunk[-1] == ","
                    and NUMBER.fullmatch(after.strip(_ENDS))
                    and any("=" in c for c in run)
                    and "=" not in "".join(chunks[i + 2 : i + 3])
                )
                if chunk[-1] in _ENDS and depth <= 0 and not goes_on:
                    end()
                    out[-1:] = [out[-1] + " " + chunk[-1]] if out else []
            else:
                end()
                out.append(chunk)
        end()
        return " ".join(out)

    def _is_math(self, chunk: str, before: str, after: str, *, inside: bool = False) -> bool:
        """Say whether a piece between spaces is mathematics and no word."""
        core = chunk.strip("()[]{}\"'" + _ENDS)
        operator_before, operator_after = (
            bool(before) and before[-1] in "=+-−*·×/^(∘⊙",
            bool(_OPERATOR.fullmatch(after)),
        )
        if chunk == ITEM:
            return False
        if chunk.startswith("⟦") or _OPERATOR.fullmatch(chunk):
            return True
        if not core:
            return chunk.strip(_ENDS) in ("[", "(", "{", "|") or (bool(before) and chunk[0] in ")]}|")
        if re.fullmatch(r"[123]-?[dD]|\d+(-\d+)+", core):
            return False
        if re.fullmatch(r"d\(\w+\)/d\w+", chunk.strip(_ENDS)):
            return True
        if core[0] == "d" and core[1:] in self.known:
            return True
        if NUMBER.fullmatch(core) or core == "|":
            return True
        if core[0] == "⟦":
            return True
        if re.fullmatch(r"[A-Za-z]+(?:['’-][A-Za-z]+)*", core):
            if after in ("=", "←", ":=") and core.lower() not in _JOINING:
                return True
            if len(core) == 1:
                if core in "AI" and core in self.known and before and re.match(r"\w(?!\w)|\(", after):
                    return True  # xᵀ A x
                return core not in "aAI" or (
                    core in self.known
                    and (
                        bool(operator_before or operator_after)
                        or chunk[-1] == ","
                        or (bool(before) and before[-1] == ",")
                    )
                )
            if core in self.known:
                return core not in _COMMON or operator_before or operator_after
            if (
                core in _CALLED
                and core not in _JOINING
                and before
                and re.match(r"[(⟦\d]|\w(?!\w)|\w+_|[^\x00-\x7f]", after)
            ):
                return True  # Y_ik ln P_ik
            return (operator_before and core.lower() not in _JOINING) or (
                len(core) <= 3 and (operator_before or inside) and set(core) <= self.known
            )
        if re.fullmatch(r"[A-Za-z]+(?:-[A-Za-z]+)*\([^)]*\)?|[A-Za-z]+/[A-Za-z]+", core + (")" if "(" in core else "")):
            head = re.split(r"[(/]", core)[0]
            return head in _CALLED or head in self.known or len(head) == 1 or bool(re.fullmatch(r"d\w+/d\w+", core))
        if re.fullmatch(r"\w+-\w+(?:-\w+)*", core) and not any(c in _SIGNS for c in core) and not core[0].isdigit():
            return False
        return (
            any(c in _SIGNS or c in "/*+()|[]" for c in core)
            or bool(re.search(r"\d|[α-ωΑ-Ω]|[a-z]\u0302|[ŷẑ]", core))
            or not core.isascii()
        )

    def _fragment(self, text: str, line: int, opened: int) -> str:
        """Make a fragment of mathematics among words; a bracket that the words opened closes with them."""
        text, head, tail = text.rstrip(_ENDS + " "), "", ""
        while text.count("(") > text.count(")") and text.startswith("("):
            text, head = text[1:], "("
        while opened > 0 and text.count(")") > text.count("(") and text.endswith(")"):
            text, tail, opened = text[:-1].rstrip(_ENDS), ")", opened - 1
        if "⟦" in text:
            text = re.sub(r"⟦(\d+)⟧", lambda m: self.fragments[int(m[1])].text, text)
        return head + self._mark(text, None, line) + tail

    def _table(self, lines: list[str], i: int) -> int:
        """Read a Markdown table: a row for each value of an index, or a quantity in each row; return the line after it."""
        rows = []
        start = i
        while i < len(lines) and lines[i].lstrip().startswith("|"):
            rows.append([cell.strip() for cell in lines[i].strip().strip("|").split("|")])
            i += 1
        heads, body = (
            [self._cell(cell) for cell in rows[0]],
            [row for row in rows[1:] if not all(re.fullmatch(r":?-+:?|", cell) for cell in row)],
        )
        index = heads[0] if heads and re.fullmatch(r"[a-z]", heads[0] or "") else None
        derivative = next(
            (m for cell in rows[0] if (m := re.search(r"derivatives? of (\S+) with respect to", cell))), None
        )
        for row in body:
            if derivative:
                node = next((cell for cell in row if re.fullmatch(r"[^\W\d]\w*", cell)), "")
                self.asked.append((self._fragment_of(derivative[1], start), [self._fragment_of(node, start)]))
            values = [self._cell(cell) for cell in row]
            for head, value in zip(heads[1:], values[1:], strict=False):
                if not value or not NUMBER.fullmatch(value):
                    continue
                if index and head:
                    base = head if "_" in head else f"{head}_{index}"
                    name = re.sub(rf"_\{{?{index}\}}?(?![A-Za-z])", f"_{{{values[0]}}}", base)
                    self.rows.append((start + 1, f"{name} = {value}", True))
                elif values[0] and re.fullmatch(r"[^\W\d]\w*", values[0]):
                    self.rows.append((start + 1, f"{values[0]} = {value}", None))
                else:
                    raise self.error(
                        start + 1, "a number in this table belongs to no name: head the columns with names, such as x_t"
                    )
        for _, text, latex in self.rows:
            self.known |= names_before_equals(text, latex)
        return i

    def _fragment_of(self, cell: str, line: int) -> Fragment:
        return self.fragments[int(cell[1:-1])] if cell.startswith("⟦") else Fragment(cell, None, line)

    def _cell(self, cell: str) -> str:
        """Return a table cell as mathematics; of words the last one."""
        if len(cell.split()) > 1 and re.search(r"\d", re.sub(r"⟦\d+⟧", "", cell)):
            raise self.error(1, f"what is {cell!r} in the table? A cell is one number or one name")
        cell = re.sub(r"⟦(\d+)⟧", lambda m: self.fragments[int(m[1])].text, cell)
        return cell if NUMBER.fullmatch(cell) else cell.split()[-1] if cell.split() else ""


def names_before_equals(text: str, latex: bool | None) -> set[str]:
    """Return the names that a text says something of."""
    try:
        return Reader([(0, text, latex)]).known if re.search("=|←|<-", text) else set()
    except LanguageError:
        return set()
