"""Programs printed for people and for embedding: as Python, NumPy or C."""

from __future__ import annotations

from collections.abc import Callable

from scalargrad import ops
from scalargrad.compiler.program import Program
from scalargrad.op import ATOM, SUM, Op, Text

_PYTHON = '''\
"""{title}, on floats, by the rules of IEEE 754."""

from math import inf, nan

from scalargrad.modes import ieee
from scalargrad.ops import {imports}


def f({arguments}):
    with ieee():
{body}
    return {results}
'''

_NUMPY = '''\
"""{title}, on NumPy arrays of one shape, or on floats."""

import math

import numpy as np
from numpy import inf, nan


def greater(x, y):
    return np.where(np.isnan(x) | np.isnan(y), nan, np.greater(x, y).astype(float))


def equal(x, y):
    return np.where(np.isnan(x) | np.isnan(y), nan, np.equal(x, y).astype(float))


def where(x, y, z):
    return np.where(np.isnan(x), nan, np.where(np.not_equal(x, 0), y, z))


erf = np.vectorize(math.erf, [float])


def f({arguments}):
    with np.errstate(all="ignore"):
{body}
    return {results}
'''

_C = """\
/* {title}: in has {inputs} numbers, out {outputs}. */

#include <math.h>

static inline double greater(double x, double y) {{ return isnan(x) || isnan(y) ? NAN : (double)(x > y); }}
static inline double equal(double x, double y) {{ return isnan(x) || isnan(y) ? NAN : (double)(x == y); }}
static inline double where(double x, double y, double z) {{ return isnan(x) ? NAN : x != 0 ? y : z; }}
static inline double maximum(double x, double y) {{ return x >= y || isnan(x) ? x : y; }}
static inline double minimum(double x, double y) {{ return x <= y || isnan(x) ? x : y; }}

void f(const double *in, double *out)
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


def to_python(program: Program) -> str:
    """Print a program as a Python function of floats.

    >>> from scalargrad import jit
    >>> "def f(x0):" in to_python(jit(abs).program(2.0))
    True
    """
    used = {_known(op).name for op, _, _ in program.instructions if op is not None and op not in _INFIX}
    lines, names = _statements(program, [f"x{i}" for i in range(len(program.names))], lambda op: op.name, "{} = {}")
    return _filled(_PYTHON, program, lines, names, imports=", ".join(sorted(used) or ["add"]))


_NUMPY_NAMES = {ops.div: "np.divide", ops.pow: "np.power"}


def to_numpy(program: Program) -> str:
    """Print a program as a Python function of NumPy arrays of one shape.

    >>> from scalargrad import jit
    >>> "np.abs(x0)" in to_numpy(jit(abs).program(2.0))
    True
    """

    def name(op: Op) -> str:
        own = op in (ops.greater, ops.equal, ops.where, ops.erf)
        return op.name if own else _NUMPY_NAMES.get(op, f"np.{_known(op).name}")

    lines, names = _statements(program, [f"x{i}" for i in range(len(program.names))], name, "{} = {}")
    return _filled(_NUMPY, program, lines, names)


def to_c(program: Program) -> str:
    """Print a program as a function in C.

    >>> from scalargrad import jit
    >>> "fabs(in[0])" in to_c(jit(abs).program(2.0))
    True
    """
    inputs = [f"in[{i}]" for i in range(len(program.names))]
    lines, names = _statements(
        program, inputs, lambda op: op.libm or op.name, "double {} = {};", infix=(*_INFIX, ops.div)
    )
    lines += [f"out[{i}] = {name};" for i, name in enumerate(names)]
    body = "\n".join(f"    {line}" for line in lines)
    return _C.format(title=_title(program), inputs=len(inputs), outputs=len(program.results), body=body)


def _statements(
    program: Program,
    inputs: list[str],
    name: Callable[[Op], str],
    statement: str,
    infix: tuple[Op, ...] = _INFIX,
) -> tuple[list[str], list[str]]:
    """Write a line for each operation; return the lines and the names of the results."""
    lines: list[str] = []
    names: list[Text] = []
    for index, (op, operands, constant) in enumerate(program.instructions):
        if op is None:
            names.append(Text(inputs[operands[0]]) if operands else _literal(constant, statement.endswith(";")))
            continue
        arguments = [names[i] for i in operands]
        call = op.print(*arguments) if op in infix else f"{name(op)}({', '.join(arguments)})"
        names.append(Text(f"t{index}"))
        lines.append(statement.format(names[-1], call))
    return lines, [str(names[i]) for i in program.results]


def _literal(number: float, c: bool) -> Text:
    text = repr(number)
    if c:
        text = text.replace("nan", "NAN").replace("inf", "INFINITY")
    return Text(text, SUM if text.startswith("-") else ATOM)


def _title(program: Program) -> str:
    return f"{program.operations} operations, {len(program.names)} inputs, {len(program.results)} results"


def _filled(template: str, program: Program, lines: list[str], results: list[str], **more: str) -> str:
    body = "\n".join(f"        {line}" for line in lines or ["pass"])
    arguments = ", ".join(f"x{i}" for i in range(len(program.names)))
    returned = f"[{', '.join(results)}]"
    return template.format(title=_title(program), arguments=arguments, body=body, results=returned, **more)
