"""Programs printed for people and for embedding: as Python, NumPy or C."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from scalargrad import ops, special
from scalargrad.compiler.instructions import Code
from scalargrad.compiler.llvm import to_llvm
from scalargrad.compiler.processor import asked_for
from scalargrad.op import ATOM, SUM, Op, Text

_PYTHON = '''\
"""{title}, on floats, by the rules of IEEE 754."""

from math import inf, nan

from scalargrad.modes import ieee
{imports}


def f({arguments}):
    with ieee():
{body}
    return {results}
'''

_NUMPY = '''\
"""{title}, on NumPy arrays of one shape, or on floats."""

{imports}import numpy as np
from numpy import inf, nan


def greater(x, y):
    return np.where(np.isnan(x) | np.isnan(y), nan, np.greater(x, y).astype(float))


def equal(x, y):
    return np.where(np.isnan(x) | np.isnan(y), nan, np.equal(x, y).astype(float))


def where(x, y, z):
    return np.where(np.isnan(x), nan, np.where(np.not_equal(x, 0), y, z))


def holds(x):
    return (np.less(x, 0) | np.greater(x, 0)).astype(float)


{vectorized}


def f({arguments}):
    with np.errstate(all="ignore"):
{body}
    return {results}
'''

_C_OPERATIONS = """\
#include <math.h>

static inline double greater(double x, double y) { return isnan(x) || isnan(y) ? NAN : (double)(x > y); }
static inline double equal(double x, double y) { return isnan(x) || isnan(y) ? NAN : (double)(x == y); }
static inline double holds(double x) { return x < 0 || x > 0; }
static inline double where(double x, double y, double z) { return isnan(x) ? NAN : x != 0 ? y : z; }
static inline double maximum(double x, double y) { return x >= y || isnan(x) ? x : y; }
static inline double minimum(double x, double y) { return x <= y || isnan(x) ? x : y; }
"""

_C_FUNCTION = """\
/* {title}: in has {inputs} numbers, out {outputs}. */
void {name}(const double *in, double *out)
{{
{body}
}}
"""

_INFIX = (ops.add, ops.sub, ops.mul, ops.neg)  # which never raise in Python, and are written alike everywhere


def _known(op: Op) -> Op:
    if ops.TABLE.get(op.name) is not op:
        raise TypeError(
            f"the operation {op.name} is a function of C's library only ({op.libm}): not to be written here"
        )
    return op


def _python(code: Code) -> str:
    used = {_known(op) for op, _, _ in code.instructions if op is not None and op not in _INFIX}
    modules = sorted({op.__module__ for op in used})
    imports = [f"from {m} import {', '.join(sorted(op.name for op in used if op.__module__ == m))}" for m in modules]
    lines, names = _statements(code, [f"x{i}" for i in range(len(code.layout.inputs))], lambda op: op.name, "{} = {}")
    return _filled(_PYTHON, code, lines, names, imports="\n".join(imports))


_NUMPY_NAMES = {ops.div: "np.divide", ops.pow: "np.power"}
_VECTORIZED = {ops.erf: "math.erf", special.erfc: "math.erfc", special.fma: "scalargrad.fma"}  # NumPy has them not


def _numpy(code: Code) -> str:
    def name(op: Op) -> str:
        own = op in (ops.greater, ops.equal, ops.holds, ops.where, *_VECTORIZED)
        return op.name if own else _NUMPY_NAMES.get(op, f"np.{_known(op).name}")

    lines, names = _statements(code, [f"x{i}" for i in range(len(code.layout.inputs))], name, "{} = {}")
    own = {op.name: function for op, function in _VECTORIZED.items() if any(i.op is op for i in code.instructions)}
    vectorized = "\n".join(f"{name} = np.vectorize({function}, [float])" for name, function in own.items())
    imports = "".join(f"import {m}\n" for m in sorted({function.partition(".")[0] for function in own.values()}))
    return _filled(_NUMPY, code, lines, names, vectorized=vectorized, imports=imports + "\n" * bool(imports))


def _c(code: Code) -> str:
    return c_functions({"f": code})


def c_functions(programs: Mapping[str, Code]) -> str:
    """Print programs as functions of a C file, by their names.

    >>> from scalargrad import jit
    >>> c_functions({"square": jit(lambda x: x * x).program(2.0)}).count("square")
    1
    """
    return "\n".join([_C_OPERATIONS, *(_c_function(name, code) for name, code in programs.items())])


def _c_function(name: str, code: Code) -> str:
    inputs = [f"in[{i}]" for i in range(len(code.layout.inputs))]
    lines, names = _statements(code, inputs, lambda op: op.libm or op.name, "double {} = {};", infix=(*_INFIX, ops.div))
    lines += [f"out[{i}] = {name};" for i, name in enumerate(names)]
    body = "\n".join(f"    {line}" for line in lines)
    return _C_FUNCTION.format(title=_title(code), inputs=len(inputs), outputs=len(code.results), body=body, name=name)


def _llvm(code: Code) -> str:
    processor = asked_for()
    return processor.labelled(to_llvm(code, processor.target)) if processor else to_llvm(code)


_PRINTERS: dict[str, Callable[[Code], str]] = {"python": _python, "numpy": _numpy, "c": _c, "llvm": _llvm}


def to_source(code: Code, language: str) -> str:
    """Print a program in a language: see `Program.to_source`.

    >>> from scalargrad import jit
    >>> "def f(x0):" in to_source(jit(abs).program(2.0), "python")
    True
    """
    if language not in _PRINTERS:
        raise ValueError(f"language must be one of {', '.join(map(repr, _PRINTERS))}, got {language!r}")
    return _PRINTERS[language](code)


def _statements(
    code: Code,
    inputs: list[str],
    name: Callable[[Op], str],
    statement: str,
    infix: tuple[Op, ...] = _INFIX,
) -> tuple[list[str], list[str]]:
    """Write a line for each operation; return the lines and the names of the results."""
    lines: list[str] = []
    names: list[Text] = []
    for index, (op, operands, constant) in enumerate(code.instructions):
        if op is None:
            names.append(Text(inputs[operands[0]]) if operands else _literal(constant, statement.endswith(";")))
            continue
        arguments = [names[i] for i in operands]
        call = op.print(*arguments) if op in infix else f"{name(op)}({', '.join(arguments)})"
        names.append(Text(f"t{index}"))
        lines.append(statement.format(names[-1], call))
    return lines, [str(names[i]) for i in code.results]


def printed_number(number: float) -> Text:
    """Print a number as an operand: what has a sign binds as loosely as a sum.

    >>> ops.pow.print(printed_number(-2.0), "x")
    '(-2)**x'
    """
    text = repr(number).removesuffix(".0")
    return Text(text, SUM if text.startswith("-") else ATOM)


def _literal(number: float, c: bool) -> Text:
    text = repr(number)
    if c:
        text = text.replace("nan", "NAN").replace("inf", "INFINITY")
    return Text(text, SUM if text.startswith("-") else ATOM)


def _title(code: Code) -> str:
    return f"{code.operations} operations, {len(code.layout.inputs)} inputs, {len(code.results)} results"


def _filled(template: str, code: Code, lines: list[str], results: list[str], **more: str) -> str:
    body = "\n".join(f"        {line}" for line in lines or ["pass"])
    arguments = ", ".join(f"x{i}" for i in range(len(code.layout.inputs)))
    returned = f"[{', '.join(results)}]"
    return template.format(title=_title(code), arguments=arguments, body=body, results=returned, **more)
