"""The C twin of the engine; all else about the package stands in setup.cfg.

Where no C compiler is, the package installs without it: `scalargrad --version` says so.
"""

import sys
from pathlib import Path
from types import ModuleType

from setuptools import Extension, setup

# The rows of the twin's table, and the types of Value's methods, are written from the table of operations. To read that,
# the package need not be imported as a whole.
package = ModuleType("scalargrad")
package.__path__ = [str(Path(__file__).parent / "scalargrad")]
sys.modules["scalargrad"] = package
from scalargrad.generate import write  # noqa: E402

write()
del sys.modules["scalargrad"]

windows = sys.platform == "win32"
# Results are Python's to the last bit, so no fused multiply-add and no fast mathematics.
flags = ["/O2", "/fp:strict"] if windows else ["-O2", "-ffp-contract=off"]
libraries = [] if windows else ["m"]

setup(
    ext_modules=[
        Extension(
            "scalargrad._engine",
            ["scalargrad/_engine.c"],
            depends=["scalargrad/_table.h"],
            extra_compile_args=flags,
            libraries=libraries,
            optional=True,
        )
    ]
)
