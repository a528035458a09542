"""Fixtures: every engine, over which one suite runs, and the command line."""

import sys
import types

import pytest

import scalargrad.engine
from scalargrad import modes, order

# Both engines, whichever is in use. A twin joins the whole suite by one entry here.
MODES = {name: getattr(modes, name) for name in ("no_grad", "detect_anomaly", "source_lines", "scope")}
ENGINES = {
    "python": types.SimpleNamespace(
        name="python",
        Value=scalargrad.engine.PythonValue,
        topological_order=lambda *roots: order.ordered(roots),
        apply=scalargrad.engine.PythonValue.apply,
        **MODES,
    )
}
if scalargrad.engine_name == "native":
    twin = sys.modules["scalargrad._engine"]
    ENGINES["native"] = types.SimpleNamespace(**vars(twin), apply=twin.Value.apply, **MODES, name="native")


@pytest.fixture
def run(capsys):
    """Run the command line; return its exit status, what it printed, and its message."""
    from scalargrad.cli import main

    def run(*arguments):
        try:
            status = main(list(map(str, arguments)))
        except SystemExit as stop:  # argparse
            status = stop.code
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture(params=ENGINES, scope="session")
def engine(request):
    return ENGINES[request.param]


@pytest.fixture(scope="session")
def Value(engine):
    return engine.Value
