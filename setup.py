"""The C twin of the engine; all else about the package stands in setup.cfg.

Where no C compiler is, the package installs without it: `scalargrad --version` says so.
"""

import sys

from setuptools import Extension, setup

windows = sys.platform == "win32"
# Results are Python's to the last bit, so no fused multiply-add and no fast mathematics.
flags = ["/O2", "/fp:strict"] if windows else ["-O2", "-ffp-contract=off"]
libraries = [] if windows else ["m"]

setup(
    ext_modules=[
        Extension(
            "scalargrad._engine",
            ["scalargrad/_engine.c"],
            extra_compile_args=flags,
            libraries=libraries,
            optional=True,
        )
    ]
)
