"""What is written from the table of operations when the package is built: rows for the C twin, and types of the methods.

`python -m scalargrad.generate` writes both beside this file, as setup.py does. To add an operation is then one record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from math import isnan
from pathlib import Path
from types import FunctionType
from typing import Any

from scalargrad import ops
from scalargrad import special as special  # noqa: PLC0414 - its records are in the table, too
from scalargrad.derivatives import curvature
from scalargrad.op import Op, Operand

NAMES = "xyzuvw"  # of an operation's arguments
ARITIES = ("UNARY", "BINARY", "MANY")  # of one argument, of two, and of three or more: a list in the header each

# How C writes the operations that all others are made of. Any other is a function of its mathematical library (`libm`), or
# is written over operations (`branchless`, or `forward` itself), so that a new one has nothing to add here.
INFIX = {ops.add: "{} + {}", ops.sub: "{} - {}", ops.mul: "{} * {}", ops.div: "{} / {}", ops.neg: "-{}"}
PRIMITIVE = {
    ops.maximum: "x >= y || isnan(x) ? x : y",
    ops.minimum: "x <= y || isnan(x) ? x : y",
    ops.greater: "isnan(x) || isnan(y) ? NAN : (double)(x > y)",
    ops.equal: "isnan(x) || isnan(y) ? NAN : (double)(x == y)",
    ops.holds: "x < 0 || x > 0",
    ops.where: "isnan(x) ? NAN : x != 0 ? y : z",
}


class Written(Operand):
    """An operation on operands, to be written in C: a number, a name, or one of these. None is there twice."""

    def __init__(self, op: Op | str, operands: Sequence[Written | float], made: dict[Any, Written]) -> None:
        self.op, self.operands, self.made = op, operands, made

    @staticmethod
    def apply(op: Op, *operands: Any) -> Written:
        made = next(x.made for x in operands if isinstance(x, Written))
        operands = tuple(x if isinstance(x, Written) else float(x) for x in operands)
        key = (op, *(x if isinstance(x, Written) else x.hex() for x in operands))
        return made.setdefault(key, Written(op, operands, made))


Block = tuple[tuple[Written, int], ...]  # the sides of `where`, each inside of the one before, that hold some lines


class Function:
    """The body of a function in C: a line for each operation, none twice, and none in vain.

    What only one side of `where` needs is written inside of that side: the other might divide by 0, which the processor
    remembers and NumPy warns of.
    """

    def __init__(self, results: Sequence[Written | float]) -> None:
        self.names: dict[Written, str] = {}
        self.blocks: dict[Block, list[Written]] = {}
        nodes = ordered(results)
        place: dict[Written, Block] = {x: () for x in results if isinstance(x, Written)}
        for node in reversed(nodes):  # so that all that need it have been there
            for side, operand in enumerate(node.operands):
                if isinstance(operand, Written) and isinstance(operand.op, Op):
                    inner = (*place[node], (node, side)) if node.op is ops.where and side else place[node]
                    place[operand] = _common(place.get(operand, inner), inner)
        for node in nodes:
            self.blocks.setdefault(place[node], []).append(node)
        self.text = "".join(self._write((), "    "))
        self.results = [self._name(x) for x in results]

    def _name(self, operand: Written | float) -> str:
        if isinstance(operand, Written):
            return operand.op if isinstance(operand.op, str) else self.names[operand]
        text = "NAN" if isnan(operand) else repr(operand).replace("inf", "INFINITY")
        return f"({text})" if text.startswith("-") else text

    def _write(self, block: Block, indent: str) -> Iterator[str]:
        for node in self.blocks.get(block, ()):
            name = self.names[node] = f"t{len(self.names)}"
            if isinstance(node.op, Op) and node.op is not ops.where:
                call = INFIX.get(node.op, f"value_{node.op.name}({', '.join('{}' for _ in node.operands)})")
                yield f"{indent}double {name} = {call.format(*map(self._name, node.operands))};\n"
                continue
            condition, *sides = node.operands
            yield f"{indent}double {name} = NAN;\n"
            tests = ("if ({0} < 0 || {0} > 0)", "else if ({0} == 0)")
            for side, test in enumerate(tests, 1):
                yield f"{indent}{test.format(self._name(condition))} {{\n"
                yield from self._write((*block, (node, side)), f"{indent}    ")
                yield f"{indent}    {name} = {self._name(sides[side - 1])};\n{indent}}}\n"


def ordered(results: Sequence[Written | float]) -> list[Written]:
    """List the operations that expressions are made of, operands first."""
    done: dict[Written, None] = {}
    stack: list[Any] = [*results]
    while stack:
        node = stack[-1]
        waiting = (
            [x for x in node.operands if x not in done and isinstance(x, Written)] if isinstance(node, Written) else ()
        )
        stack.extend(waiting)
        if not waiting:
            stack.pop()
            if isinstance(node, Written):
                done[node] = None
    return [node for node in done if isinstance(node.op, Op)]


def _common(one: Block, other: Block) -> Block:
    return tuple(x for x, _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def definition(head: str, made: Any, arguments: str, out: bool = False) -> str:
    """Write a function in C of what a function makes of its arguments.

    >>> print(definition("double f(double x)", lambda x: x + 1, "x"))
    double f(double x)
    {
        double t0 = x + 1.0;
        return t0;
    }
    <BLANKLINE>
    """
    names = written_names(("out", *arguments) if out else arguments)
    function = Function([number_or_written(made(*names))])
    (result,) = function.results
    return (
        f"{head}\n{{\n{function.text}    return {result};\n}}\n"
        if function.text
        else f"{head} {{ return {result}; }}\n"
    )


def written_names(names: Iterable[str]) -> list[Written]:
    """Return the names of what an expression is to be made of."""
    made: dict[Any, Written] = {}
    return [Written(name, (), made) for name in names]


def number_or_written(result: Any) -> Written | float:
    """Return the result of a function of names."""
    return result if isinstance(result, Written) else float(result)


def table() -> str:
    """Return the header of _engine.c: each operation's value and its derivatives, and lists of all of them.

    >>> "ROW(exp, MAY_RAISE)" in table()
    True
    """
    declared, defined = [], []
    lists: dict[str, list[str]] = {
        name: [] for kind in ("ROWS", "METHODS") for name in (f"{n}_{kind}" for n in ARITIES)
    }
    for op in ops.TABLE.values():
        arguments = NAMES[: len(op.partials)]
        parameters = ", ".join(f"double {name}" for name in arguments)
        head = f"static inline double value_{op.name}({parameters})"
        declared.append(f"{head};\n")
        call = PRIMITIVE.get(op) or (op.libm and f"{op.libm}({', '.join(arguments)})")
        if call:
            defined.append(f"{head} {{ return {call}; }}\n")
        else:
            defined.append(definition(head, op.branchless or op.forward, arguments))
        for name, partial in zip(arguments, op.partials, strict=True):
            head = f"static inline double slope_{op.name}_{name}(double out, {parameters})"
            defined.append(definition(head, partial, arguments, out=True))
        defined.append(curvatures(op, arguments))
        arity = ARITIES[min(len(arguments), 3) - 1]
        if arity == "MANY":
            defined.append(on_arrays(op.name, arguments))
        lists[f"{arity}_ROWS"].append(f"ROW({op.name}, {'MAY_RAISE' if op.may_raise else 'SURE'})")
        if op.name in ops.OPERATIONS:
            lists[f"{arity}_METHODS"].append(f"METHOD({op.name})")
    most = max(len(op.partials) for op in ops.TABLE.values())
    defined.append(f"#define MOST_ARGUMENTS {most}\n")
    macros = [f"#define {name}({name.split('_')[1][:-1]}) " + " ".join(rows) for name, rows in lists.items()]
    return "\n".join(
        ["/* Written from ops.py by generate.py. */", "", "".join(declared), *defined, "\n\n".join(macros), ""]
    )


def curvatures(op: Op, arguments: str) -> str:
    """Write the function of an operation's first and second partial derivatives, for numbers that stand in an array."""
    count = len(arguments)
    pairs = [(i, j) for j in range(count) for i in range(j + 1)]
    out, *named = written_names(("out", *arguments))
    function = Function([number_or_written(curvature(op, i, j, out, named)) for i, j in pairs])
    text = function.text + "".join(f"    bends[{k}] = {result};\n" for k, result in enumerate(function.results))
    declared = [f"{x} = in[{i}]" for i, x in enumerate(arguments)]
    slopes = [f"    slopes[{i}] = slope_{op.name}_{x}(out, {', '.join(arguments)});\n" for i, x in enumerate(arguments)]
    return (
        f"static void curvatures_of_{op.name}(double out, const double *in, double *slopes, double *bends)\n"
        f"{{\n    double {', '.join(declared)};\n{''.join(slopes)}{text}}}\n"
    )


def on_arrays(name: str, arguments: str) -> str:
    """Write the functions of an operation of more than two arguments for numbers that stand in an array."""
    values = ", ".join(f"in[{i}]" for i in range(len(arguments)))
    slopes = "".join(f"    slopes[{i}] = slope_{name}_{x}(out, {values});\n" for i, x in enumerate(arguments))
    return (
        f"enum {{ arity_of_{name} = {len(arguments)} }};\n\n"
        f"static double value_of_{name}(const double *in) {{ return value_{name}({values}); }}\n\n"
        f"static void slopes_of_{name}(double out, const double *in, double *slopes)\n{{\n{slopes}}}\n"
    )


def stub() -> str:
    """Return the types of the methods that Values have.

    >>> "def exp(self) -> Value: ..." in stub()
    True
    """
    lines = [
        "# Written from ops.py by generate.py.",
        "from typing import Any, overload",
        "",
        "from scalargrad.engine import Value",
        "from scalargrad.op import Number, Operand, Shaped",
        "",
        "class Methods(Operand):",
    ]
    others = ("__divmod__", "__rdivmod__", "__round__")  # which give two results, or take what is no operand
    operators = {
        name: f.__code__.co_argcount
        for name, f in vars(Operand).items()
        if isinstance(f, FunctionType) and name not in others
    }
    arities = operators | {op.name: len(op.partials) for op in ops.OPERATIONS.values()}
    for name, arity in arities.items():
        # No Self: what is computed from a Value of a derived class is a plain Value; from an array, an array.
        kinds = {"Value | Number": "Value", "Value | Number | Shaped": "Any"} if arity > 1 else {"": "Value"}
        for operand, result in kinds.items():
            more = "".join(f", {other}: {operand}" for other in NAMES[1:arity])
            lines += ["    @overload"] * (len(kinds) > 1) + [f"    def {name}(self{more}) -> {result}: ..."]
    return "\n".join([*lines, ""])


def write(folder: Path = Path(__file__).parent) -> None:
    """Write both files, where they are not what they are to be."""
    for name, text in (("_table.h", table()), ("methods.pyi", stub())):
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
