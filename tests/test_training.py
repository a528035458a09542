"""A training run: what is recorded, its page in Chromium, its animation, the plots; and Values in a notebook."""

import json
import random
import re
import sys
from math import inf, nan, sqrt

import pytest
from browser import AXE, PROGRAM, Browser

import scalargrad.engine
import viz
from scalargrad import Value, nn, optim
from viz.notebook import mimebundle
from viz.recording import Recording, by_layer
from viz.theme import DARK
from viz.training import MOST_NUMBERS, shown_steps

POINTS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
TARGETS = [-1, 1, 1, -1]


def run(steps=12):
    random.seed(2)
    model = nn.MLP(2, [4, 1], activation="tanh")
    optimizer, recording = optim.SGD(model.parameters(), 0.2), viz.Recording(model)
    for _ in range(steps):
        loss = nn.mse([model(point) for point in POINTS], TARGETS)
        model.zero_grad()
        loss.backward()
        recording.record(loss)
        optimizer.step()
    return model, recording


# The recording


def test_it_keeps_what_was_at_each_step():
    w = Value(1.0, label="w")
    recording = Recording([w])
    for data, grad, loss in [(1.0, 2.0, 3.0), (4.0, -5.0, Value(6.0))]:
        w.data, w.grad = data, grad
        recording.record(loss)
    assert recording.losses == [3.0, 6.0]
    assert [list(step) for step in recording.data] == [[1.0], [4.0]]
    assert [list(step) for step in recording.gradients] == [[2.0], [-5.0]]


@pytest.mark.parametrize(
    ("model", "layers"),
    [
        (nn.MLP(2, [3, 1]), [("layer 1", [3, 3, 3]), ("output layer", [4])]),
        (nn.Layer(2, 3), [("layer", [3, 3, 3])]),
        (nn.Neuron(3), [("neuron", [4])]),
        (nn.MLP(2, [3, 1]).parameters(), [("layer 1", [9]), ("output layer", [4])]),
        ([Value(1.0), Value(2.0)], [("parameters", [2])]),
    ],
)
def test_parameters_belong_to_layers_and_neurons(model, layers):
    if isinstance(model, list) and len(model) > 2:
        layers = [("layer 1", [3, 3, 3]), ("output layer", [4])]  # their scopes tell
    parameters, found = by_layer(model)
    assert [(layer.name, [len(row) for row in layer.rows]) for layer in found] == layers
    assert sorted(number for layer in found for number in layer.numbers) == list(range(len(parameters)))


def test_two_layers_of_one_name_are_two():
    class Twins(nn.Module):
        def __init__(self):
            self.layers = [nn.Layer(2, 2), nn.Layer(2, 2)]

    assert [(layer.name, layer.size) for layer in by_layer(Twins())[1]] == [("layer", 6), ("layer", 6)]


def test_sizes_are_root_mean_squares():
    model, recording = run(3)
    layer = recording.layers[0]
    gradients = [p.grad for p in model.parameters()[:12]]
    assert recording.gradient_sizes(layer)[-1] == pytest.approx(sqrt(sum(g * g for g in gradients) / 12), rel=1e-12)


def test_what_is_no_model_is_refused():
    with pytest.raises(TypeError, match="model must be a Module or parameters, got 3.0 among them"):
        Recording([3.0])
    with pytest.raises(ValueError, match="model has no parameters"):
        Recording([])


# The page


def told(recording, path):
    text = viz.training(recording, path).read_text()
    return json.loads(re.search(r'id="story">(.*?)</script>', text, re.DOTALL)[1])


def test_bad_arguments_get_one_clear_error(tmp_path):
    path = tmp_path / "run.html"
    with pytest.raises(TypeError, match="recording must be a Recording, got None"):
        viz.training(None, path)
    with pytest.raises(ValueError, match="recording has no steps"):
        viz.training(Recording([Value(1.0)]), path)
    _, recording = run(1)
    with pytest.raises(ValueError, match="digits must be a whole number"):
        viz.training(recording, path, digits=-1)
    with pytest.raises(ValueError, match="theme must be one of"):
        viz.training(recording, path, theme="pink")
    assert not path.exists()


def test_a_long_run_keeps_every_loss_and_some_steps(tmp_path):
    parameters = [Value(float(i)) for i in range(100)]
    recording = Recording(parameters)
    for step in range(3000):
        recording.record(float(step))
    data = told(recording, tmp_path / "run.html")
    assert len(data["losses"]) == 3000
    assert len(data["steps"]) * 200 <= MOST_NUMBERS
    assert (data["steps"][0], data["steps"][-1]) == (0, 2999)
    assert shown_steps(3000, 2) == [0, 2999]
    many = Recording([Value(0.0)] * 100_000)
    many.record(0.0)
    with pytest.raises(ValueError, match="shows up to 62,500 parameters, got 100,000"):
        viz.training(many, tmp_path / "many.html")


@pytest.fixture(scope="module")
def browser():
    if PROGRAM is None:
        pytest.skip("Chromium is not installed")
    browser = Browser()
    yield browser
    browser.close()


@pytest.mark.skipif(AXE is None, reason="axe-core is not installed")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_of_a_run_is_accessible(browser, tmp_path, theme):
    _, recording = run(3)
    browser.open(viz.training(recording, tmp_path / "run.html", theme=theme))
    try:
        for size in ((1366, 768), (390, 844)):
            browser.resize(*size)
            assert browser.violations() == []
    finally:
        browser.resize(1400, 900)


def test_the_page_plays_the_run(browser, tmp_path):
    _, recording = run()
    browser.open(viz.training(recording, tmp_path / "run.html", title="</script>&"))
    assert browser.text("h1") == "</script>&"
    assert f"loss = {recording.losses[0]:.3f}" in browser.text("#now")
    squares = "[...document.querySelectorAll('.layer:first-child .map:first-child rect')]"
    assert browser.run(f"{squares}.length") == 12
    before = browser.run(f"{squares}.map((r) => r.getAttribute('fill-opacity')).join()")
    browser.press("End")
    assert browser.text("#place") == "11 / 11"
    assert f"loss = {recording.losses[-1]:.3f}" in browser.text("#now")
    assert browser.run(f"{squares}.map((r) => r.getAttribute('fill-opacity')).join()") != before
    signs = browser.run(f"{squares}.map((r) => r.getAttribute('class'))")
    assert signs == ["positive" if x >= 0 else "negative" for x in recording.data[-1][:12]]
    sizes = [recording.gradient_sizes(layer)[-1] for layer in recording.layers]
    shown = browser.run("[...document.querySelectorAll('#now td')].map((td) => td.textContent)")
    assert shown == [f"{size:.3f}" for size in sizes]
    browser.press("ArrowLeft")
    assert browser.text("#place") == "10 / 11"
    browser.run("document.querySelector('#loss').scrollIntoView()")
    browser.click("#loss")
    assert browser.text("#place") in ("5 / 11", "6 / 11")
    assert browser.complaints == []


def test_the_page_of_a_run_that_broke(browser, tmp_path):
    w = Value(1.0, label="w")
    recording = Recording([w])
    for loss, grad in [(1.0, 1.0), (inf, inf), (nan, nan)]:
        w.grad = grad
        recording.record(loss)
    browser.open(viz.training(recording, tmp_path / "run.html"))
    browser.press("End")
    assert "loss = nan" in browser.text("#now")
    assert browser.run("document.querySelectorAll('.map rect.nan').length") == 1
    assert browser.complaints == []


# The animation and the plots


@pytest.fixture
def pyplot(monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


@pytest.mark.parametrize("ending", ["gif", "png", "apng"])
def test_an_animation_has_as_many_different_frames_as_asked_for(ending, pyplot, tmp_path):
    from PIL import Image

    model, recording = run()
    before = [p.data for p in model.parameters()]
    options = {"model": model, "points": POINTS, "targets": TARGETS} if ending == "gif" else {}
    with Image.open(
        viz.animate(recording, tmp_path / f"run.{ending}", frames=4, seconds=2, dpi=40, **options)
    ) as image:
        assert (image.n_frames, image.info["duration"]) == (4, 500)
        seen = set()
        for frame in range(4):
            image.seek(frame)
            seen.add(image.convert("RGB").tobytes())
    assert len(seen) == 4
    assert [p.data for p in model.parameters()] == before


def test_animations_that_cannot_be(pyplot, tmp_path):
    model, recording = run(2)
    with pytest.raises(ValueError, match=r"ends in one of \.gif, \.png, \.apng, got '\.mp4'"):
        viz.animate(recording, tmp_path / "run.mp4")
    with pytest.raises(ValueError, match="frames must be at least 2"):
        viz.animate(recording, tmp_path / "run.gif", frames=1)
    with pytest.raises(ValueError, match="targets must be as many as points, 4, got 1"):
        viz.animate(recording, tmp_path / "run.gif", model=model, points=POINTS, targets=[1])
    assert list(tmp_path.iterdir()) == []


def test_each_plot_draws_into_the_axes_it_is_given(pyplot):
    from viz import plots

    model, recording = run()
    for plot, *arguments in [
        (plots.loss_curve, recording),
        (plots.gradient_sizes, recording),
        (plots.weight_histogram, model),
        (plots.gradient_histogram, model),
        (plots.decision_boundary, model, POINTS, TARGETS),
    ]:
        ax = pyplot.subplots()[1]
        assert plot(*arguments, ax) is ax
        assert ax.has_data()
        assert plot(*arguments).figure is not ax.figure


def test_the_loss_curve_is_the_losses(pyplot):
    from viz import plots

    ax = plots.loss_curve([Value(1.0), 0.5, 0.001])
    assert list(ax.lines[0].get_ydata()) == [1.0, 0.5, 0.001]
    assert ax.get_yscale() == "log"
    assert plots.loss_curve([1.0, 0.0]).get_yscale() == "linear"
    assert plots.loss_curve([]).get_ylabel() == "loss"


def test_histograms_count_every_parameter_and_name_those_that_are_not_finite(pyplot):
    from viz import plots

    values = [Value(float(i)) for i in range(10)]
    values[3].data = nan
    ax = plots.weight_histogram(values, bins=5)
    assert ax.get_legend().get_texts()[0].get_text() == "parameters (1 not finite)"
    assert plots.gradient_histogram([Value(1.0)]).has_data()


def test_the_boundary_lies_where_the_model_crosses_it(pyplot):
    from viz import plots

    seen = []

    def model(x):
        seen.append(x)
        return [2 * x[0] - x[1]]

    ax = plots.decision_boundary(model, POINTS, TARGETS, resolution=21)
    line = max((c for c in ax.collections if hasattr(c, "levels")), key=lambda c: len(c.get_paths()))
    vertices = [v for path in line.get_paths() for v in path.vertices]
    assert vertices
    assert all(abs(2 * x - y) < 1e-9 for x, y in vertices)


def test_a_model_that_cannot_be_compiled_is_computed_point_by_point():
    from viz import plots

    def branching(x):
        return x[0] if x[0].data > 0 else -x[0]

    assert plots.evaluator(branching)([(1.0, 0.0), (-2.0, 0.0)]) == [1.0, 2.0]
    model, _ = run(1)
    compiled = plots.evaluator(model)(POINTS)
    assert compiled == pytest.approx([model(point).data for point in POINTS], rel=1e-12)


def test_bad_points_are_refused(pyplot):
    from viz import plots

    for points, targets, options, message in [
        ([[1, 2, 3]], [1], {}, "points must be pairs of numbers"),
        ([], [], {}, "points must be pairs of numbers"),
        ([[1, 2]], [1], {"resolution": 1}, "resolution must be at least 2, got 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            plots.decision_boundary(lambda x: x[0], points, targets, **options)


def test_without_matplotlib_the_error_names_the_extra(monkeypatch, tmp_path):
    from viz import plots

    for module in ("matplotlib", "matplotlib.pyplot", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r'pip install "scalargrad\[plots\]"'):
        plots.loss_curve([1.0])
    _, recording = run(2)
    with pytest.raises(ImportError, match=r'pip install "scalargrad\[plots\]"'):
        viz.animate(recording, tmp_path / "run.gif")


# In a notebook


def test_a_value_shows_its_graph_as_svg_and_png(monkeypatch):
    monkeypatch.setattr(viz.notebook, "render", lambda dot, format: f"<svg>{format}".encode())
    y = Value(3.0, label="x") * 2
    assert y._repr_mimebundle_() == {
        "text/plain": "Value(data=6.0, grad=0.0)",
        "image/svg+xml": "<svg>svg",
        "image/png": b"<svg>png",
    }
    assert set(y._repr_mimebundle_(include={"image/png"})) == {"text/plain", "image/png"}
    assert set(y._repr_mimebundle_(exclude={"image/png"})) == {"text/plain", "image/svg+xml"}


def test_a_picture_in_a_notebook_is_made_for_the_cell(monkeypatch):
    drawn = []
    monkeypatch.setattr(viz.notebook, "render", lambda dot, format: drawn.append(dot) or b"<svg width='9in'>")
    y = Value(3.0, label="x") * 2
    y.label = 'y "<b>"'
    svg = y._repr_mimebundle_(include={"image/svg+xml"})["image/svg+xml"]
    label = "Computation graph of y &quot;&lt;b&gt;&quot;"
    assert svg == f'<svg role="img" aria-label="{label}" style="max-width: 100%; height: auto" width=\'9in\'>'
    viz.defaults(theme="dark", detail="layers")
    try:
        y._repr_mimebundle_()
        assert "summary of 3 scalars" in drawn[-1]
        assert f'bgcolor="{DARK.background}"' in drawn[-1]
    finally:
        viz.defaults(theme="light", detail="auto")
    for wrong in ({"theme": "blue"}, {"detail": "fine"}):
        with pytest.raises(ValueError, match="must be one of"):
            viz.defaults(**wrong)


def test_in_a_notebook_nothing_raises(monkeypatch):
    def no_renderer(*_):
        raise viz.RendererNotFound("none")

    monkeypatch.setattr(viz.notebook, "render", no_renderer)
    assert set(mimebundle(Value(3.0) * 2)) == {"text/plain"}
    assert set(mimebundle(Value(3.0))) == {"text/plain"}  # a leaf has no graph to show


def test_values_of_both_engines_show_themselves():
    for engine in (scalargrad.engine.Value, scalargrad.Value):
        assert engine(2.0)._repr_mimebundle_()["text/plain"] == "Value(data=2.0, grad=0.0)"


def test_scalargrad_alone_knows_no_pictures():
    import subprocess

    program = "import scalargrad; print(hasattr(scalargrad.Value, '_repr_mimebundle_'))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_ipython_shows_the_picture():
    formatters = pytest.importorskip("IPython.core.formatters")
    data, _ = formatters.DisplayFormatter().format(Value(3.0) * 2)
    assert data["text/plain"] == "Value(data=6.0, grad=0.0)"
