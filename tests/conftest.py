"""What the tests of Value share: one suite runs over every engine."""

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


@pytest.fixture(params=ENGINES, scope="session")
def engine(request):
    return ENGINES[request.param]


@pytest.fixture(scope="session")
def Value(engine):
    return engine.Value
