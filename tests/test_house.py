"""The house itself: which module may import which, documentation that runs, packages that install."""

import ast
import doctest
import importlib
import inspect
import os
import pkgutil
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import scalargrad
import viz
from scalargrad import generate
from scalargrad.cli import main
from viz.render import available

ROOT = Path(__file__).parent.parent

# Arrows point down only: a module imports what stands above it here, and nothing else of the project.
ORDER = """
    files forks alias order modes op ops approximations special methods traced anomaly micrograd copies node derivatives
    engine arrays linalg functions value
    tape generate diagnosis expression latex simplify formula optim nn.module nn.neuron nn.layers nn.loss nn.losses nn
    objects skeleton reads apart tree hessians transforms numerical callee interned
    compiler compiler.layout compiler.instructions compiler.simplify compiler.packs compiler.tiles compiler.plan
    compiler.target compiler.processor compiler.emitting compiler.vectormath compiler.operations compiler.schedule
    compiler.chunk compiler.loops compiler.samples compiler.threads compiler.results compiler.llvm compiler.source
    compiler.kept compiler.machine compiler.program compiler.entrance compiler.calls
    tracing jit export vmap __init__
    sheet.tokens sheet.terms sheet.arrays sheet.records sheet.printing sheet.grammar sheet.shares sheet.indexing sheet.problem sheet.scope
    sheet.derivation sheet.instance sheet.updates sheet.solution sheet.fragments sheet.phrases sheet.meanings sheet.completion sheet.reading sheet.layers sheet
    worked.kinks worked.problem worked.solution worked.notation worked.document worked.sheet worked.forward
    worked.output_error worked.slopes worked.backward worked.derivation worked.explanation worked.writers worked
    sheet.notation sheet.styles sheet.document sheet.writers sheet.substitution sheet.tidy sheet.rules sheet.paths
    sheet.fused sheet.unfolding sheet.trajectory sheet.explanation sheet.writing
    homework homework.arrays homework.misreadings homework.stages homework.answers homework.causes homework.checking
    homework.marks homework.notes homework.wording homework.reading homework.toml homework.exercise
    cli._answer cli._drawing cli._expressions cli._formats cli._problems
    cli.eval cli.explain cli.solve cli.check cli.exercise cli.read cli __main__
""".split()


def module_name(path):
    return ".".join(path.relative_to(ROOT / "scalargrad").with_suffix("").parts).removesuffix(".__init__")


VIZ_ORDER = """
    theme metrics text typeset tables layout pinned units graph layers labels heading paths picture cards blocks levels formats dot
    supervisor renderers render digraph notebook wasm pygraphviz
    deck story stage script page recording training plots animation __init__
""".split()


def imports(path):
    """Names that a file imports anywhere: at its top, in a function, or for types only."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
        yield from [f"{node.module}.{name}" for name in names] if isinstance(node, ast.ImportFrom) else names


def arrows(path, package, order):
    """The modules of a package that a file imports."""
    for name in imports(path):
        outer, _, rest = name.partition(".")
        if outer == package:  # a module, or of a module what is named after it, or of the package itself
            yield next(
                (m for m in (rest, rest.rpartition(".")[0]) if m in order), rest.rpartition(".")[0] or "__init__"
            )


@pytest.mark.parametrize("path", sorted((ROOT / "scalargrad").rglob("*.py")), ids=module_name)
def test_arrows_point_down(path):
    name = module_name(path)
    above = {
        *ORDER[: ORDER.index(name)],
        *(["_engine"] if name in ("engine", "nn.neuron", "tape", "transforms") else []),
    }  # C twins
    assert set(arrows(path, "scalargrad", ORDER)) <= above
    if not name.startswith("cli."):
        assert not [imported for imported in imports(path) if imported.partition(".")[0] == "viz"]


@pytest.mark.parametrize("path", sorted((ROOT / "viz").rglob("*.py")), ids=lambda path: path.stem)
def test_arrows_within_viz_point_down(path):
    assert set(arrows(path, "viz", VIZ_ORDER)) <= set(VIZ_ORDER[: VIZ_ORDER.index(path.stem)])


def test_viz_reads_scalargrad_from_outside():
    for path in (ROOT / "viz").glob("*.py"):
        assert not [name for name in imports(path) if name.startswith("scalargrad._")]


def test_the_engine_needs_nothing_but_python():
    program = "import sys, scalargrad, scalargrad.cli, scalargrad.worked; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    packages = {name.partition(".")[0] for name in loaded} - {"scalargrad"}
    outside = packages - set(sys.stdlib_module_names)
    # What the interpreter's own start-up loads (an editable install's finder, for one) is not the engine's.
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    assert outside <= {name.partition(".")[0] for name in bare.stdout.split()}


MODULES = [
    importlib.import_module(name)
    for package in (scalargrad, viz)
    for name in [package.__name__, *(m.name for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}."))]
    if not name.endswith("__main__")
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_docstrings_run(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0


def public(module):
    for name, thing in vars(module).items():
        if not name.startswith("_") and getattr(thing, "__module__", "") == module.__name__ and callable(thing):
            yield f"{module.__name__}.{name}", thing
            if inspect.isclass(thing):
                for method, function in vars(thing).items():
                    if inspect.isfunction(function) and not method.startswith("_"):
                        yield f"{module.__name__}.{name}.{method}", function


@pytest.mark.parametrize(
    ("name", "thing"),
    [pair for module in MODULES for pair in public(module)],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_public_names_are_documented(name, thing):
    overridden = any(getattr(base, name.rpartition(".")[2], None) for base in (scalargrad.optim.Optimizer,))
    assert inspect.getdoc(thing) or overridden, name


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_examples_run(path, tmp_path):
    if not available():
        pytest.skip("no renderer is installed")
    assert run(sys.executable, str(path), cwd=tmp_path)


def readme_blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_readme_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if not available():
        monkeypatch.setattr(viz, "draw", lambda root, path, **options: Path(path))
    examples = "\n".join(block for block in readme_blocks("python"))
    test = doctest.DocTestParser().get_doctest(examples, {}, "README.md", "README.md", 0)
    assert test.examples
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(test)
    assert runner.failures == 0


def test_readme_shows_what_the_command_line_prints(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    shown = [block for block in readme_blocks("console") if block.startswith("$ scalargrad ")]
    assert shown
    for block in shown:
        command, _, expected = block.partition("\n")
        main(shlex.split(command)[2:])
        assert capsys.readouterr().out.rstrip() == expected.rstrip()


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("name", "text"), [("_table.h", generate.table), ("methods.pyi", generate.stub)])
def test_generated_files_are_what_the_table_says(name, text):
    assert (ROOT / "scalargrad" / name).read_text(encoding="utf-8") == text(), "python -m scalargrad.generate"


def test_wheel_and_sdist_install_in_a_clean_environment(tmp_path):
    pytest.importorskip("build")
    source = tmp_path / "source"
    absent = (".git", "*.egg-info", ".*_cache", "build", "dist", ".venv*", "*.so", "_table.h", "methods.pyi")
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*absent))
    # The build back end of this environment, so that the test needs no network.
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(source))
    (sdist,), (wheel,) = tmp_path.glob("*.tar.gz"), tmp_path.glob("*.whl")
    names = run("tar", "-tzf", str(sdist))
    assert "/scalargrad/py.typed" in names
    assert "/scalargrad/compiler/entrance.ll" in names
    assert "/viz/py.typed" in names
    assert "/viz/fonts/DejaVuSans.ttf" in names
    assert "/viz/fonts/LICENSE" in names
    assert "/scalargrad/_engine.c" in names
    assert "/scalargrad/_table.h" in names
    assert "/scalargrad/methods.pyi" in names
    assert {"scalargrad/methods.pyi", "scalargrad/py.typed"} <= set(zipfile.ZipFile(wheel).namelist())
    # The wheel into a clean environment, the sdist beside it, built by this one's back end: neither needs a network.
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    commands = environment / ("Scripts" if os.name == "nt" else "bin")
    run(str(commands / "pip"), "install", "--no-index", "--no-deps", str(wheel))
    target = ("--no-build-isolation", "--target", str(tmp_path / "from_sdist"))
    run(sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", *target, str(sdist))
    compiler = shutil.which((sysconfig.get_config_var("CC") or "cl").split()[0])
    expected = "6.0 native\n" if compiler else "6.0 python\n"
    program = (
        "import scalargrad, viz.page; v = scalargrad.Value(3.0); (v * v).backward(); viz.page.page(v); "
        "print(v.grad, scalargrad.engine_name)"
    )
    environ = {name: value for name, value in os.environ.items() if name != "SCALARGRAD_ENGINE"}
    assert run(str(commands / "python"), "-c", program, cwd=tmp_path, env=environ) == expected
    first = f"import sys; sys.path.insert(0, {target[2]!r})"
    assert run(str(commands / "python"), "-I", "-S", "-c", f"{first}; {program}", env=environ) == expected
    assert run(str(commands / "scalargrad"), "eval", "x*x", "x=3", cwd=tmp_path).startswith("x*x = 9.0000")
