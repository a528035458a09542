"""Each idiom of the table gives NumPy's numbers and the derivatives of finite differences, or the error that it states."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")

from idioms import SECTIONS, TABLE, page  # noqa: E402 - which needs NumPy

from scalargrad import TracingError, Value, array, engine_name, grad, jacobian, jit, vmap  # noqa: E402
from scalargrad.arrays import data_of  # noqa: E402

everywhere = [row for row in TABLE if not row.fails]
eager_only = [row for row in TABLE if row.fails == "compiled"]
refused = [row for row in TABLE if row.fails == "everywhere"]


def numbers(result):
    return np.asarray(data_of(np.asarray(result)), float)


def weighed(function):
    """Make one number of all the results, in which each counts differently."""

    def total(x):
        out = np.asarray(function(x)).ravel()
        return (out * (1 + np.arange(out.size))).sum()

    return total


def slope(f, x, h=1e-4):
    """The gradient by central differences, on plain floats."""
    out, at = np.zeros(np.size(x)), np.asarray(x)
    for i in range(out.size):
        up, down, far_up, far_down = (
            f((at + step * (np.arange(out.size) == i).reshape(at.shape))[()]) for step in (h, -h, 2 * h, -2 * h)
        )
        out[i] = (8 * (up - down) - (far_up - far_down)) / (12 * h)
    return out.reshape(at.shape)


def of_values(x):
    return Value(x) if isinstance(x, float) else array([Value(v) for v in x.ravel()]).reshape(x.shape)


def eager(row):
    """Hold an idiom, called with Values, against NumPy; give what it leaves in the Values as gradients."""
    f, x = row.function, of_values(row.x)
    np.testing.assert_allclose(numbers(f(x)), np.asarray(f(of_floats(row.x)), float), rtol=1e-11, atol=1e-13)
    weighed(f)(x).backward()
    return np.array([v.grad for v in np.ravel(x)]).reshape(np.shape(row.x))


def of_floats(x):
    return x if isinstance(x, float) else x.copy()


@pytest.fixture(autouse=True)
def strict():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("row", [*everywhere, *eager_only], ids=lambda row: row.text)
def test_eager(row):
    f = weighed(row.function)
    expected = slope(f, row.x)
    np.testing.assert_allclose(eager(row), expected, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(grad(f)(row.x), expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("row", everywhere, ids=lambda row: row.text)
def test_compiled(row):
    f, x = row.function, row.x
    total, expected = weighed(f), np.asarray(f(of_floats(x)), float)
    value, gradient = jit(lambda x: (f(x), grad(total)(x)))(x)
    np.testing.assert_allclose(np.asarray(value, float), expected, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(gradient, grad(total)(x), rtol=1e-9, atol=1e-12)
    batch = np.stack([x, x * 1.01])
    slopes = vmap(grad(total))(batch)
    np.testing.assert_allclose(slopes, [grad(total)(sample) for sample in batch], rtol=1e-9, atol=1e-12)
    second = jacobian(grad(total))(x)  # a derivative of a derivative has the shape that it should, and no nan
    assert np.shape(second) == 2 * np.shape(x) and np.isfinite(second).all()


@pytest.mark.parametrize("row", [*eager_only, *refused], ids=lambda row: row.text)
def test_errors_say_the_way_out(row):
    f, batch = row.function, np.stack([row.x, row.x])
    for transform in (jit, vmap, lambda f: jit(grad(f))):
        with pytest.raises(TypeError) as caught:
            transform(weighed(f))(batch if transform is vmap else row.x)
        assert row.way in str(caught.value)
        assert row in refused or isinstance(caught.value, TracingError)
    if row in refused:
        for call in (lambda: f(of_values(row.x)), lambda: grad(weighed(f))(row.x)):
            with pytest.raises(TypeError) as caught:
                call()
            assert row.way in str(caught.value)


def test_the_table_is_large_and_nearly_all_of_it_works():
    assert len(TABLE) == len({row.text for row in TABLE}) >= 300
    assert len(everywhere) >= 320 and len(TABLE) - len(everywhere) < 40
    assert {row.section for row in TABLE} == set(SECTIONS)


@pytest.mark.skipif(engine_name == "python", reason="this is it")
def test_the_python_engine_does_the_same():
    program = (
        "import test_idioms as t\n"
        "for row in [*t.everywhere, *t.eager_only]:\n"
        "    t.np.testing.assert_allclose(t.eager(row), t.slope(t.weighed(row.function), row.x), 1e-7, 1e-8)\n"
        "print(t.engine_name)"
    )
    environment = {**os.environ, "SCALARGRAD_ENGINE": "python", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    here = Path(__file__).parent
    done = subprocess.run([sys.executable, "-c", program], cwd=here, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("python\n", 0), done.stderr


def test_the_page_is_what_the_table_says():
    text = (Path(__file__).parent.parent / "docs" / "idioms.md").read_text(encoding="utf-8")
    assert text == page(), "python docs/make.py idioms"
