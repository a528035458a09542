"""What is written from the table of operations when the package is built: rows for the C twin, and types of the methods.

`python -m scalargrad.generate` writes both beside this file, as setup.py does. To add an operation is then one record.
"""

from __future__ import annotations

from math import isnan
from pathlib import Path
from types import FunctionType
from typing import Any

from scalargrad import ops
from scalargrad import special as special  # whose records are in the table, too
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
    ops.where: "isnan(x) ? NAN : x != 0 ? y : z",
}


class Written(Operand):
    """An operation on names and numbers, to be written in C."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts  # the operation and its operands, or a name alone

    @staticmethod
    def apply(op: Op, *operands: Any) -> Written:
        return Written(op, *(x.parts if isinstance(x, Written) else float(x) for x in operands))


class Function:
    """A function in C while it is written, a line for each operation: none twice, and none in vain.

    What only one side of `where` needs is written inside of that side: the other might divide by 0, which the processor
    remembers and NumPy warns of. What both need is written before them.
    """

    def __init__(self) -> None:
        self.names = 0

    def write(self, parts: Any, known: dict[Any, str], lines: list[str], indent: str = "    ") -> str:
        """Append the lines that compute an expression, but for what is known; return its name."""
        if isinstance(parts, float):
            text = "NAN" if isnan(parts) else repr(parts).replace("inf", "INFINITY")
            return f"({text})" if text.startswith("-") else text
        op, *operands = parts
        if isinstance(op, str) or parts in known:
            return op if isinstance(op, str) else known[parts]
        if op is not ops.where:
            names = [self.write(x, known, lines, indent) for x in operands]
            text = INFIX.get(op, f"value_{op.name}({', '.join('{}' for _ in names)})").format(*names)
            known[parts] = result = f"t{self.names}"
            lines.append(f"{indent}double {result} = {text};\n")
        else:
            condition, *sides = operands
            name = self.write(condition, known, lines, indent)
            first, second = map(needed, sides)
            for part in first:
                if part in second:
                    self.write(part, known, lines, indent)
            known[parts] = result = f"t{self.names}"
            lines.append(f"{indent}double {result} = NAN;\n")
            self.names += 1
            for test, side in zip((f"if ({name} < 0 || {name} > 0)", f"else if ({name} == 0)"), sides, strict=True):
                inner: list[str] = []
                value = self.write(side, dict(known), inner, indent + "    ")
                lines += [f"{indent}{test} {{\n", *inner, f"{indent}    {result} = {value};\n", f"{indent}}}\n"]
            return result
        self.names += 1
        return result


def needed(parts: Any) -> dict[Any, None]:
    """List the operations that an expression needs in any case: of `where` its condition, and neither side."""
    found: dict[Any, None] = {}
    stack = [parts]
    while stack:
        part = stack.pop()
        if isinstance(part, tuple) and part not in found and not isinstance(part[0], str):
            found[part] = None
            op, *operands = part
            stack += operands[:1] if op is ops.where else operands
    return found


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
    value = made(*map(Written, (("out", *arguments) if out else arguments)))
    lines: list[str] = []
    result = Function().write(value.parts if isinstance(value, Written) else float(value), {}, lines)
    return f"{head}\n{{\n{''.join(lines)}    return {result};\n}}\n" if lines else f"{head} {{ return {result}; }}\n"


def table() -> str:
    """Return the header of _engine.c: each operation's value and partial derivatives, and lists of all of them.

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
    operators = {name: f.__code__.co_argcount for name, f in vars(Operand).items() if isinstance(f, FunctionType)}
    arities = operators | {op.name: len(op.partials) for op in ops.OPERATIONS.values()}
    for name, arity in arities.items():
        # No Self: what is computed from a Value of a derived class is a plain Value; from an array, an array.
        kinds = {"Value | Number": "Value", "Value | Number | Shaped": "Any"} if arity > 1 else {"": "Value"}
        for operand, result in kinds.items():
            others = "".join(f", {other}: {operand}" for other in NAMES[1:arity])
            lines += ["    @overload"] * (len(kinds) > 1) + [f"    def {name}(self{others}) -> {result}: ..."]
    return "\n".join([*lines, ""])


def write(folder: Path = Path(__file__).parent) -> None:
    """Write both files, where they are not what they are to be."""
    for name, text in (("_table.h", table()), ("methods.pyi", stub())):
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
