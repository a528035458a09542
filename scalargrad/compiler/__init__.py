"""The compiler behind `jit`: a recorded graph as a program, the program as LLVM or as source, and its calls."""

from scalargrad.compiler.llvm import to_llvm
from scalargrad.compiler.program import PRINTERS
from scalargrad.compiler.source import to_c, to_numpy, to_python

PRINTERS.update({"python": to_python, "numpy": to_numpy, "c": to_c, "llvm": to_llvm})
