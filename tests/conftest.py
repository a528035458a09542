"""What the tests of Value share: one suite runs over every engine."""

import pytest

import scalargrad.engine

# A twin of the engine joins the whole suite by one entry here.
ENGINES = {"python": scalargrad.engine}
if scalargrad.engine_name == "native":
    ENGINES["native"] = scalargrad._engine


@pytest.fixture(params=ENGINES, scope="session")
def engine(request):
    return ENGINES[request.param]


@pytest.fixture(scope="session")
def Value(engine):
    return engine.Value
