"""What the phrases of a text mean: each found, and put down as a note for the reader.

A meaning (see phrases.py) is nothing, a note (`flag NAME`, `text NAME`, `count NAME`, `loss EXPRESSION`, `layer WHERE`), or the
name of a function here that looks closer; it returns False where the phrase does not apply after all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from scalargrad.sheet.fragments import Fragment, Marked
from scalargrad.sheet.phrases import ACTIVATIONS, NUMBERS, PHRASES
from scalargrad.sheet.tokens import GREEK

MARK = r"⟦(\d+)·?⟧"  # of a piece of mathematics; with the dot, of a number
MARK_ONLY = r"⟦\d+·?⟧"
USED = "\u2007"  # what is put in the place of a phrase that was understood


class Notes(dict[str, Any]):
    """What a text says in words: notes by name, and what is left of each paragraph."""

    def __init__(self, marked: Marked) -> None:
        super().__init__()
        self.marked = marked
        self.left: list[tuple[int, str]] = []
        self["with respect"] = list(marked.asked)
        for line, paragraph in marked.paragraphs:
            text = re.sub(r" (?=[,.;:)])", "", " ".join(paragraph.split()))
            text = re.sub(r"⟦(\d+)⟧", lambda m: f"⟦{m[1]}·⟧" if marked.fragments[int(m[1])].is_number else m[0], text)
            for pattern, meaning in _PATTERNS:
                for match in list(pattern.finditer(text)):
                    if self._understood(meaning, match, line):
                        text = text[: match.start()] + USED * len(match[0]) + text[match.end() :]
            self.left.append((line, text))

    def _understood(self, meaning: str, match: re.Match[str], line: int) -> bool:
        kind, _, rest = meaning.partition(" ")
        if kind == "flag":
            self[rest] = True
        elif kind == "text":
            self[rest] = self.pieces(match)[0].text
        elif kind == "count":
            self[rest] = max(self.get(rest, 0), self.count(match[0]))
        elif kind == "loss":
            self.setdefault("losses", []).append((line, rest))
        elif kind == "layer":
            self._layer(rest, match, line)
        elif kind:
            return MEANINGS[kind](self, match, line) is not False
        return True

    def pieces(self, match: re.Match[str]) -> list[Fragment]:
        """Return the mathematics in a phrase."""
        return [self.marked.fragments[int(mark)] for mark in re.findall(MARK, match[0])]

    def count(self, text: str) -> int:
        """Return the largest number in a phrase, 1 where it has none."""
        found = [
            NUMBERS.get(word, int(word) if word.isdigit() else 0)
            for word in re.sub(MARK_ONLY, "", text.lower()).split()
        ]
        marks = [self.marked.fragments[int(mark)] for mark in re.findall(MARK, text)]
        return max([1, *found, *(int(float(f.text)) for f in marks if re.fullmatch(r"\d+", f.text))])

    def _layer(self, where: str, match: re.Match[str], line: int) -> None:
        word = next(x for x in match.groups() if x and not x.isdigit())
        slope = re.search(MARK, word)
        name = ACTIVATIONS[" ".join(re.sub(MARK_ONLY, "#", word.lower()).split())]
        layers = self.setdefault("layers", {})
        if layers.get(where, (name,))[0] != name:
            raise self.marked.error(
                line, f"the {where} layers are {layers[where][0]} and {name}: write the equations of each layer"
            )
        layers[where] = (name, self.marked.fragments[int(slope[1])].text if slope else "")


def _rate(notes: Notes, match: re.Match[str], _: int) -> bool:
    (fragment, *_others) = notes.pieces(match)
    name = re.match(r"\s*([^=]+?)\s*=", fragment.text)
    if fragment.is_number:
        notes["rate"] = fragment.text
    elif name or fragment.text.strip("\\") in GREEK or len(fragment.text) == 1:
        notes["rate name"] = name[1] if name else fragment.text
    else:
        return False
    return True


def _updated(notes: Notes, match: re.Match[str], _: int) -> bool:
    names = [fragment.text for fragment in notes.pieces(match)]
    notes["updated"] = [part for name in names for part in name.split(",")]
    return not any("=" in name for name in names)


def _optimiser(notes: Notes, match: re.Match[str], _: int) -> None:
    notes["optimiser"] = match[1].lower()
    notes.setdefault("steps", notes.count(match[0]))


def _momentum(notes: Notes, match: re.Match[str], _: int) -> bool:
    (fragment,) = notes.pieces(match)
    if fragment.is_number:
        notes["optimiser"], notes["beta"] = "momentum", fragment.text
    return fragment.is_number


def _with_respect(notes: Notes, match: re.Match[str], _: int) -> None:
    of, *bys = notes.pieces(match)
    for i, (first, dots, last) in enumerate(zip(bys, bys[1:], bys[2:], strict=False)):
        if dots.text in ("…", "\\dots", "\\ldots"):  # w1, …, w8
            (base, low), (_base, high) = (re.fullmatch(r"(.*?)(\d+)", x.text).groups() for x in (first, last))  # type: ignore[union-attr]
            bys[i : i + 3] = [Fragment(f"{base}{n}", first.latex, first.line) for n in range(int(low), int(high) + 1)]
            break
    notes["with respect"].append((of, bys))


def _point(notes: Notes, match: re.Match[str], _: int) -> bool:
    (fragment,) = notes.pieces(match)
    fits = re.fullmatch(r"\(\s*[-−\d./]+(\s*,\s*[-−\d./]+)+\s*\)", fragment.text)
    if fits:
        notes["point"] = fragment.text
    return bool(fits)


def _numeric(notes: Notes, match: re.Match[str], _: int) -> None:
    texts = [fragment.text for fragment in notes.pieces(match)]
    notes["numeric"] = next((name[1] for text in texts if (name := re.match(r"\s*([^=(]+?)\s*=", text))), "epsilon")


def _logits(notes: Notes, match: re.Match[str], _: int) -> None:
    notes["logits"] = notes.pieces(match)[0].text.partition("=")[0]


def _node(notes: Notes, match: re.Match[str], line: int) -> None:
    a, b, node = (fragment.text for fragment in notes.pieces(match))
    sign = "+" if "add" in match[0].lower() else "·"
    notes.marked.rows.append((line, f"{node} = {a} {sign} {b}", None))
    notes.marked.known.add(node)


def _zero_bias(notes: Notes, match: re.Match[str], line: int) -> bool:
    zero = all(fragment.text in ("0", "0.0") for fragment in notes.pieces(match))
    if zero:
        notes["zero bias"] = line
    return zero


def _true_class(notes: Notes, match: re.Match[str], _: int) -> bool:
    (fragment,) = notes.pieces(match)
    if fragment.is_number:
        notes["class"] = fragment.text
    return fragment.is_number


def _stride(notes: Notes, match: re.Match[str], _: int) -> bool:
    return notes.count(match[0]) == 1 and all(fragment.is_number for fragment in notes.pieces(match))


def _arguments(notes: Notes, match: re.Match[str], _: int) -> None:
    notes["arguments"] = (match[1], [fragment.text for fragment in notes.pieces(match)])


def _pooling(notes: Notes, match: re.Match[str], _: int) -> None:
    size, stride = (re.match(r"\d+", fragment.text) for fragment in notes.pieces(match))
    if size and stride:
        notes["pooling"] = ("avgpool" if "average" in match[0].lower() else "maxpool", float(size[0]), float(stride[0]))


def _upstream(notes: Notes, match: re.Match[str], line: int) -> None:
    fragment = notes.pieces(match)[0]
    notes.marked.rows.append((line, re.sub(r"_\{?[ijk]+\}?", "", fragment.text) + " = g", fragment.latex))


def _points(notes: Notes, match: re.Match[str], _: int) -> bool:
    texts = [fragment.text for fragment in notes.pieces(match)]
    fit = all(re.fullmatch(r"\([^()=]*\)", text) for text in texts)
    if fit:
        notes["points"] = texts
    return fit


def _asked(notes: Notes, match: re.Match[str], _: int) -> None:
    notes.setdefault("asked", []).append(("numerical derivative", notes.pieces(match)[-1]))


def _edge(notes: Notes, match: re.Match[str], _: int) -> bool:
    texts = [fragment.text for fragment in notes.pieces(match)]
    if len(texts) == 2:
        ends = re.split(r"→|->|\\to|\\rightarrow", texts[1].strip("()"))
        texts = [texts[0].partition("=")[0], *ends]
    if len(texts) == 3 and all(re.fullmatch(r"\s*\\?\w+\s*", text.replace("{", "").replace("}", "")) for text in texts):
        notes.setdefault("edges", []).append(tuple(text.strip() for text in texts))
        return True
    return False


def _shared_bias(notes: Notes, match: re.Match[str], _: int) -> None:
    notes.setdefault("shared biases", {})[match[2].lower()] = notes.pieces(match)[0].text


def _wanted_at(notes: Notes, match: re.Match[str], line: int) -> bool:
    value1, node1, value2, node2 = notes.pieces(match)
    if value1.is_number and value2.is_number:
        notes.marked.rows += [
            (line, f"target_{node.text} = {value.text}", None) for value, node in ((value1, node1), (value2, node2))
        ]
        notes.marked.known.add("target")
    return value1.is_number and value2.is_number


def _after(notes: Notes, match: re.Match[str], _: int) -> None:
    (fragment,) = notes.pieces(match)
    notes.setdefault("asked", []).append(
        (f"{fragment.text} after the step", Fragment(f"({fragment.text})^new", fragment.latex, fragment.line))
    )


def _stands_for(notes: Notes, match: re.Match[str], _: int) -> None:
    pieces = [fragment.text for fragment in notes.pieces(match)]
    notes.setdefault("short", {}).update(zip(pieces[::2], pieces[1::2], strict=False))


def _huber(notes: Notes, match: re.Match[str], line: int) -> None:
    name, equals, value = notes.pieces(match)[-1].text.partition("=")
    notes.setdefault("losses", []).append((line, f"L = huber(TARGET, OUTPUT, {name if equals else name or value})"))


MEANINGS: dict[str, Callable[[Notes, re.Match[str], int], bool | None]] = {
    name.removeprefix("_"): function
    for name, function in list(globals().items())
    if callable(function)
    and name.startswith("_")
    and name != "_compiled"
    and getattr(function, "__module__", "") == __name__
}


def _compiled(pattern: str) -> re.Pattern[str]:
    words = "|".join(NUMBERS)
    pattern = re.sub(r"(?<![A-Za-z\\])N(?![A-Za-z])", rf"(?:\\b(?:{words})\\b|⟦\\d+·⟧|\\b\\d+\\b)", pattern)
    names = sorted(
        (re.escape(a).replace(r"\#", r"⟦\d+·⟧").replace(r"\ ", " ") for a in ACTIVATIONS), key=len, reverse=True
    )
    pattern = pattern.replace("#", MARK).replace("ACT", "|".join(names))
    return re.compile(rf"(?<![A-Za-z])(?:{pattern})(?![A-Za-z])", re.IGNORECASE)


_PATTERNS = [(_compiled(pattern), meaning) for pattern, meaning in PHRASES]
