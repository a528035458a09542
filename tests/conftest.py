"""Fixtures: every engine, over which one suite runs, and the command line."""

import types

import pytest

import scalargrad.engine

# Both engines, whichever is in use. A twin joins the whole suite by one entry here.
ENGINES = {"python": types.SimpleNamespace(**vars(scalargrad.engine), name="python")}
ENGINES["python"].Value = scalargrad.engine.PythonValue
ENGINES["python"].topological_order = lambda *roots: scalargrad.engine._order(roots)
if scalargrad.engine_name == "native":
    ENGINES["native"] = types.SimpleNamespace(**vars(scalargrad._engine), name="native")


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
