"""`export` writes a function and its derivatives as C for firmware or a solver: no memory, no dependency but <math.h>."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scalargrad.jit import jit
from scalargrad.transforms import hessian, jacobian
from scalargrad.tree import flatten, flatten_arguments
from scalargrad.value import Value

if TYPE_CHECKING:
    from os import PathLike

    from scalargrad.compiler.program import Program

_HEADER = """\
/* {title}, written by scalargrad. All numbers are doubles.

   in: {inputs} numbers
{listed}
*/
#ifndef {guard}
#define {guard}

#ifdef __cplusplus
extern "C" {{
#endif

{declarations}

#ifdef __cplusplus
}}
#endif

#endif
"""
_MAKEFILE = """\
CFLAGS ?= -O3 -ffp-contract=off

lib{name}.a: {name}.c {name}.h
\t$(CC) $(CFLAGS) -c {name}.c -o {name}.o
\t$(AR) rcs $@ {name}.o
"""
_CMAKE = """\
add_library({name} STATIC {name}.c)
target_include_directories({name} PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}})
target_link_libraries({name} PUBLIC m)
"""


def export(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    directory: str | PathLike[str],
    *,
    name: str | None = None,
    order: int = 1,
) -> list[Path]:
    """Write a function as C, its derivatives beside it: a header, a C file, a Makefile and a CMakeLists.txt; return their paths.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = export(lambda x, y: x * y * y, (3.0, 2.0), folder, name="volume")
    ...     print([file.name for file in files], "void volume_jacobian" in files[0].read_text())
    ['volume.h', 'volume.c', 'Makefile', 'CMakeLists.txt'] True

    arguments  of the shapes that it is to have
    name       of its C function, by default its own
    order      of the derivatives: 0, 1 (the Jacobian, a row a result) or 2 (the Hessian, too, of one result)

    The numbers of the arguments, one after another, are `in`; the results, `out`. Values that the function takes from outside
    follow the arguments: the header lists all, with the numbers that they have. Raises ValueError for a name that is none
    in C, or an order that there is not; TracingError as `jit` does.
    """
    if name is None:
        name = getattr(function, "__name__", "")
    if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII):
        raise ValueError(f"name must be one of a C function, got {name!r}")
    if order not in (0, 1, 2) or isinstance(order, bool):
        raise ValueError(f"order must be 0, 1 or 2, got {order!r}")
    given, structure = flatten_arguments(dict(enumerate(arguments)))
    numbers = [float(x.data if isinstance(x, Value) else x) for x in given]

    def flat(values: Sequence[Any]) -> list[Any]:
        return flatten(function(*structure.unflatten(values)), "the function's result", "result")[0]

    programs = {name: jit(function).program(*arguments)}
    results = len(programs[name].results)
    if programs[name].layout.mapped:
        raise ValueError("export takes a function of one sample: one that is mapped has as many as there are")
    if order > 1 and results != 1:
        raise ValueError(f"order 2 is of a function with one result, this one has {results}")
    if order > 0:
        programs[f"{name}_jacobian"] = jit(jacobian(flat)).program(numbers)
    if order > 1:
        programs[f"{name}_hessian"] = jit(hessian(lambda values: flat(values)[0])).program(numbers)
    return _written(Path(directory), name, programs)


def _written(folder: Path, name: str, programs: dict[str, Program]) -> list[Path]:
    from scalargrad.compiler.source import c_functions

    first = programs[name]
    listed = [
        f"     [{i}] {label} ({value!r})"
        for i, (label, value) in enumerate(zip(first.names, first.numbers, strict=True))
    ]
    header = _HEADER.format(
        title=f"{name}, {len(first.results)} results of {len(first.names)} numbers",
        inputs=len(first.names),
        listed="\n".join(listed),
        guard=f"{name.upper()}_H",
        declarations="\n".join(
            f"void {function}(const double *in, double *out); /* {len(program.results)} numbers */"
            for function, program in programs.items()
        ),
    )
    texts = {
        f"{name}.h": header,
        f"{name}.c": f'#include "{name}.h"\n\n{c_functions(programs)}',
        "Makefile": _MAKEFILE.format(name=name),
        "CMakeLists.txt": _CMAKE.format(name=name),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="utf-8")
    return [folder / file for file in texts]
