"""LLVM's language as data: an instruction keeps what it computes, how, and from what, until its module is printed.

A `Line` is an instruction, a `Branch` some that are hardly ever needed; what else shapes a function, such as the labels
and jumps of a loop, is text from the start, and no part of what is sorted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from scalargrad.compiler.target import Target, row, vector, vector_name

Mask = tuple[str, ...]  # truths in lanes: names of as many vectors of them as the processor has for our lanes


class Line(NamedTuple):
    """An instruction of LLVM's.

    >>> print(Line("%x2", "fadd", "double", ("%x1", "%x1")))
      %x2 = fadd double %x1, %x1
    >>> print(Line("%x3", "select", "", ("%x1", "%x2", "%x2"), ("i1", "double", "double")))
      %x3 = select i1 %x1, double %x2, double %x2

    result    the name of what it computes; "" where there is nothing to name
    opcode    with what belongs to it: "fadd contract", "fcmp olt"
    type      of the operands; where these have types of their own, of what is loaded, pointed at or returned, or ""
    operands  names and constants
    types     of the operands, where they are not all of one
    callee    the function that is called
    after     what is printed behind the operands: an alignment, the type that a cast leads to
    free      whether it costs nothing where another instruction needs its result
    """

    result: str
    opcode: str
    type: str
    operands: tuple[str, ...]
    types: tuple[str, ...] = ()
    callee: str = ""
    after: str = ""
    free: bool = False

    def __str__(self) -> str:
        given = ", ".join(map(" ".join, zip(self.types, self.operands, strict=True)) if self.types else self.operands)
        if self.callee:
            given = f"{self.type} @{self.callee}({given})"
        elif self.type:
            given = f"{self.type}{',' if self.types else ''} {given}"
        return f"  {f'{self.result} = ' if self.result else ''}{self.opcode} {given}{self.after}"

    @property
    def results(self) -> tuple[str, ...]:
        """The names of what it computes."""
        return (self.result,) if self.result else ()


class Branch(NamedTuple):
    """Lines that are hardly ever needed: under any of the conditions, some results are others than usual.

    choices  for each result its name, what it is usually, and what it is after the lines
    """

    type: str
    conditions: list[str]
    lines: list[Any]
    choices: list[tuple[str, str, str]]

    def __str__(self) -> str:
        at = self.conditions[0].strip("%")
        lines, condition = [], self.conditions[0]
        for other in self.conditions[1:]:
            lines.append(f"  {condition}.{other[1:]} = or i1 {condition}, {other}")
            condition = f"{condition}.{other[1:]}"
        lines += [f"  br label %usual{at}", f"usual{at}:"]
        lines += [f"  br i1 {condition}, label %rare{at}, label %join{at}, !prof !0", f"rare{at}:"]
        lines += [*map(str, self.lines), f"  br label %join{at}", f"join{at}:"]
        for name, usual, rare in self.choices:
            lines.append(f"  {name} = phi {self.type} [{usual}, %usual{at}], [{rare}, %rare{at}]")
        return "\n".join(lines)

    @property
    def results(self) -> tuple[str, ...]:
        """The names of what it computes."""
        return tuple([name for name, _, _ in self.choices])

    @property
    def operands(self) -> tuple[str, ...]:
        """What it reads, be it usually or under its conditions."""
        usual = [usual for _, usual, _ in self.choices]
        return (*self.conditions, *usual, *(name for line in self.lines for name in line.operands))

    def joined(self, other: Branch) -> Branch:
        """Return one branch in place of two in a row: what is computed between branches cannot be sorted."""
        choices = self.choices + other.choices
        return Branch(self.type, self.conditions + other.conditions, self.lines + other.lines, choices)


class LLVMModule:
    """What the functions of a module have in common.

    >>> module = LLVMModule(Target())
    >>> module.table("i64", ["1", "2"])
    '@table0'
    >>> str(module).partition("]")[0]
    '@table0 = internal constant [2 x i64'

    written  the functions of C's library that are written out instead of called
    """

    def __init__(self, target: Target, written: Iterable[str] = ()) -> None:
        self.target, self.written = target, frozenset(written)
        self.tables: list[str] = []
        self.functions: list[str] = []
        self.declared: set[str] = set()

    def declare(self, result: str, name: str, parameters: Iterable[str]) -> None:
        """Declare a function, to call it."""
        self.declared.add(f"declare {result} @{name}({', '.join(parameters)})")

    def table(self, kind: str, constants: Sequence[str]) -> str:
        """Write constants side by side, and name the first."""
        name = f"@table{len(self.tables)}"
        values = ", ".join(f"{kind} {constant}" for constant in constants)
        self.tables.append(f"{name} = internal constant [{len(constants)} x {kind}] [{values}]")
        return name

    def __str__(self) -> str:
        attributes = _ATTRIBUTES.format(bits=8 * self.target.number.bytes * self.target.register)
        return "\n".join([*self.tables, *self.functions, *sorted(self.declared), attributes]) + "\n"


_ATTRIBUTES = """\
attributes #0 = {{ nounwind "prefer-vector-width"="{bits}" "min-legal-vector-width"="{bits}" }}
!0 = !{{!"branch_weights", i32 1, i32 1000000}}
!1 = !{{}}"""


class Emitter:
    """A function in LLVM's language, as far as it is written, that computes with as many numbers at once as there are lanes.

    >>> emitter = Emitter(LLVMModule(Target()), 1)
    >>> emitter.let("fadd", emitter.type, "%x", "%y")
    '%x1'
    >>> print(*emitter.lines)
      %x1 = fadd double %x, %y

    lines    its instructions
    known    what was computed, by how it was
    buffers  numbers of those that it uses
    """

    def __init__(self, module: LLVMModule, lanes: int) -> None:
        self.module, self.lanes = module, lanes
        self.target, self.number, self.register = module.target, module.target.number, module.target.register
        self.type = self.number.type(lanes)
        self.lines: list[Any] = []
        self.known: dict[Any, Any] = {}
        self.buffers: set[int] = set()
        self.temporaries = 0

    def function(self, name: str, parameters: str, body: Sequence[object], linkage: str = "internal ") -> None:
        """Print the function into its module, once all its lines are there."""
        pointers: list[str] = []
        for buffer in sorted(self.buffers):
            pointers.append(f"  %at{buffer} = getelementptr ptr, ptr %buffers, i64 {buffer}")
            pointers.append(f"  %buffer{buffer} = load ptr, ptr %at{buffer}")
        lines = [f"define {linkage}void @{name}({parameters}) #0 {{", "entry:", *pointers, *body, "  ret void", "}"]
        self.module.functions.append("\n".join(map(str, lines)))

    def aside(self, write: Callable[[], object]) -> list[Any]:
        """Return the lines that something writes, and leave them out here."""
        before, self.lines = self.lines, []
        write()
        lines, self.lines = self.lines, before
        return lines

    # Instructions. Each names its result.

    def _append(
        self,
        opcode: str,
        kind: str,
        operands: tuple[str, ...],
        types: tuple[str, ...] = (),
        callee: str = "",
        after: str = "",
        free: bool = False,
    ) -> str:
        self.temporaries += 1
        name = f"%x{self.temporaries}"
        self.lines.append(Line(name, opcode, kind, operands, types, callee, after, free))
        return name

    def let(self, opcode: str, kind: str, *operands: str, free: bool = False) -> str:
        """Append an instruction on operands of one type."""
        return self._append(opcode, kind, operands, (), "", "", free)

    def mixed(self, opcode: str, *operands: tuple[str, str], free: bool = False) -> str:
        """Append an instruction on operands of several types, each a type and a name."""
        types, names = zip(*operands, strict=True)
        return self._append(opcode, "", names, types, free=free)

    def cast(self, opcode: str, kind: str, operand: str, to: str) -> str:
        """Append an instruction that makes of an operand one of another type."""
        return self._append(opcode, kind, (operand,), after=f" to {to}")

    def element(self, base: str, place: object, kind: str = "", of: str = "") -> str:
        """Point at a number behind a pointer; at a whole vector of them, at several with a vector of places."""
        return self._append(
            "getelementptr", of or self.number.name, (base, str(place)), ("ptr", kind or "i64"), free=True
        )

    def load(self, kind: str, pointer: str, align: int = 0, after: str = "") -> str:
        """Load from memory."""
        return self._append("load", kind, (pointer,), ("ptr",), after=_aligned(align) + after, free=True)

    def store(self, kind: str, value: str, pointer: str, align: int = 0) -> None:
        """Store in memory."""
        self.lines.append(Line("", "store", "", (value, pointer), (kind, "ptr"), after=_aligned(align)))

    def call(self, result: str, function: str, *operands: tuple[str, str]) -> str:
        """Call a function, and declare it."""
        types, names = zip(*operands, strict=True)
        self.module.declare(result, function, types)
        if result != "void":
            return self._append("call", result, names, types, function)
        self.lines.append(Line("", "call", result, names, types, function))
        return ""

    def once(self, emit: Callable[..., Any], *what: Any) -> Any:
        """Append what is not there yet; else return the name that it has."""
        key = (emit.__name__, *what)
        if key not in self.known:
            self.known[key] = emit(*what)
        return self.known[key]

    # What takes several instructions, or has a short name.

    def buffer(self, number: int) -> str:
        """Name the pointer to a buffer."""
        self.buffers.add(number)
        return f"%buffer{number}"

    def constant(self, number: float) -> str:
        """Write a number, the same in each lane."""
        return self.number.constant(number, self.lanes)

    def compare(self, relation: str, x: str, y: str) -> Mask:
        """Compare in each lane."""
        return self.truth(f"fcmp {relation}", self.number.name, x, y)

    def truth(self, opcode: str, kind: str, x: str, y: str) -> Mask:
        """Compare in each lane, a vector of the processor at a time: it has no truths of longer ones."""
        lanes = min(self.lanes, self.register)
        parts = zip(self._parts(kind, x), self._parts(kind, y), strict=True)
        return tuple([self.let(opcode, vector(kind, lanes) if lanes > 1 else kind, *part) for part in parts])

    def select(self, truth: Mask, x: str, y: str) -> str:
        """Choose in each lane."""
        lanes = min(self.lanes, self.register)
        mask, kind = vector("i1", lanes) if lanes > 1 else "i1", self.number.type(lanes)
        every = zip(truth, *(self._parts(self.number.name, z) for z in (x, y)), strict=True)
        return self.joined([self.mixed("select", (mask, m), (kind, a), (kind, b)) for m, a, b in every], lanes)

    def _parts(self, kind: str, x: str) -> list[str]:
        """Cut a vector into those of the processor."""
        if self.lanes <= self.register:
            return [x]
        return [self.cut(x, start, self.register, kind=kind) for start in range(0, self.lanes, self.register)]

    def splat(self, kind: str, one: str, lanes: int = 0) -> str:
        """Put one number into each lane."""
        lanes = lanes or self.lanes
        same, picked = vector(kind, lanes), vector("i32", lanes)
        first = self.mixed("insertelement", (same, "poison"), (kind, one), ("i64", "0"), free=True)
        return self.mixed("shufflevector", (same, first), (same, "poison"), (picked, "zeroinitializer"), free=True)

    def shuffle(self, kind: str, x: str, y: str, places: Iterable[int], *, free: bool = False) -> str:
        """Make a vector of some lanes of two others."""
        places = list(places)
        return self.mixed(
            "shufflevector", (kind, x), (kind, y), (vector("i32", len(places)), row("i32", places)), free=free
        )

    def cut(self, x: str, start: int, count: int, lanes: int = 0, kind: str = "") -> str:
        """Take some lanes of a vector of ours, or of so many lanes."""
        lanes = lanes or self.lanes
        if count == lanes:
            return x
        return self.shuffle(
            vector(kind or self.number.name, lanes), x, "poison", range(start, start + count), free=True
        )

    def joined(self, vectors: Sequence[str], lanes: int) -> str:
        """Put vectors of so many lanes side by side."""
        while len(vectors) > 1:
            kind, both = self.number.vector(lanes), range(2 * lanes)
            pairs = zip(vectors[::2], vectors[1::2], strict=True)
            vectors, lanes = [self.shuffle(kind, a, b, both, free=True) for a, b in pairs], 2 * lanes
        return vectors[0]

    def gather(self, pointers: str) -> str:
        """Load the number behind each pointer."""
        name = f"llvm.masked.gather.{self.number.mangled(self.lanes)}.v{self.lanes}p0"
        every, align = row("i1", [1] * self.lanes), ("i32", str(self.number.bytes))
        mask, taken = vector("i1", self.lanes), vector("ptr", self.lanes)
        given = (taken, pointers), align, (mask, every), (self.type, "poison")
        return self.call(self.type, name, *given)

    def rarely(self, condition: str, start: int, pairs: Sequence[tuple[str, str]]) -> list[str]:
        """Put the lines from there on into a branch, and name what is the first of each pair, or the second after them."""
        lines = self.lines[start:]
        del self.lines[start:]
        self.temporaries += len(pairs)
        names = [f"%x{self.temporaries - i}" for i in range(len(pairs))]
        choices = [(name, *pair) for name, pair in zip(names, pairs, strict=True)]
        self.lines.append(Branch(self.type, [condition], lines, choices))
        return names

    # Functions.

    def intrinsic(self, name: str, *operands: str) -> str:
        """Call one of LLVM's own functions of numbers, on all lanes."""
        return self.call(
            self.type, f"llvm.{name}.{self.number.mangled(self.lanes)}", *[(self.type, x) for x in operands]
        )

    def by_parts(self, function: str, arguments: Sequence[str], *others: tuple[str, str]) -> str:
        """Call a function of the processor's own vectors, for each that is in one of ours."""
        width = self.register
        part = self.number.vector(width)
        results = []
        for start in range(0, self.lanes, width):
            given = [(part, self.cut(x, start, width)) for x in arguments]
            results.append(self.call(part, function, *given, *others))
        return self.joined(results, width)

    def library(self, function: str, arguments: Sequence[str]) -> str:
        """Call a function of C's mathematical library, or one like it for vectors."""
        number = self.number.name
        if self.lanes == 1:
            return self.call(number, function, *[(number, x) for x in arguments])
        name = vector_name(function, len(arguments), self.register)
        if name in self.target.vector_functions:
            return self.by_parts(name, arguments)
        out = "poison"
        for lane in range(self.lanes):
            place = ("i64", str(lane))
            parts = [self.mixed("extractelement", (self.type, x), place) for x in arguments]
            one = self.call(number, function, *[(number, x) for x in parts])
            out = self.mixed("insertelement", (self.type, out), (number, one), place)
        return out


def _aligned(align: int) -> str:
    return f", align {align}" if align else ""
