"""What importing the package loads, and what its names mean then: the compiler comes with the first call that needs it."""

import subprocess
import sys

import pytest

LATER = (
    "scalargrad.compiler",
    "scalargrad.tracing",
    "scalargrad.worked",
    "scalargrad.homework",
    "viz",
    "numpy",
    "llvmlite",
)


def loaded_by(program):
    """The modules that a program has loaded at its end."""
    program += "\nimport sys; print('loaded:', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.rpartition("loaded: ")[2].split()


@pytest.mark.parametrize(
    "program",
    [
        "import scalargrad",
        "from scalargrad import *",
        "from scalargrad import grad, jit, vmap; jit(grad(lambda x: x * x)), vmap(lambda x: x)",
        "from scalargrad.cli import main; main(['eval', 'x*sin(x)', 'x=3'])",
        "from scalargrad.cli import main\ntry: main(['--version'])\nexcept SystemExit: pass",
        "from scalargrad.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
    ],
)
def test_what_few_programs_need_is_loaded_by_those_only(program):
    loaded = loaded_by(program)
    assert "scalargrad.engine" in loaded
    assert not [name for name in loaded if name.startswith(LATER)]


def test_the_first_call_loads_the_compiler():
    program = "from scalargrad import jit; assert jit(lambda x: x * x, backend='python')(3.0) == 9.0"
    assert "scalargrad.compiler.calls" in loaded_by(program)


@pytest.mark.parametrize(
    "imports",
    [
        "import scalargrad",
        "import scalargrad.jit, scalargrad.vmap",
        "import scalargrad.vmap, scalargrad.tracing, scalargrad.jit",
        "import scalargrad.tracing",
        "import scalargrad.compiler.calls",
        "import importlib, scalargrad; importlib.import_module('scalargrad.jit'); importlib.import_module('scalargrad.vmap')",
        "from scalargrad.jit import Jitted; from scalargrad.vmap import Vmapped; import scalargrad",
        "import scalargrad.cli, viz",
    ],
)
def test_jit_and_vmap_are_functions_in_whatever_order_modules_are_imported(imports):
    program = f"""
{imports}
from scalargrad import jit, vmap
import scalargrad
assert scalargrad.jit is jit and scalargrad.vmap is vmap
assert jit(lambda x: x * x, backend="python")(3.0) == 9.0
import scalargrad.jit, scalargrad.vmap, scalargrad.tracing
assert scalargrad.jit is jit and scalargrad.vmap is vmap
assert type(vmap(abs)).__module__ == "scalargrad.vmap"
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_command_is_a_file(tmp_path, monkeypatch, capsys):
    from scalargrad import cli

    (tmp_path / "greet.py").write_text(
        "from scalargrad.cli._answer import Answer\n"
        "SUMMARY, EXAMPLE = 'greet somebody', 'scalargrad greet Ada'\n"
        "def add_options(command): command.add_argument('name')\n"
        "def run(options): return Answer(f'Hello, {options.name}.')\n"
    )
    monkeypatch.setattr(cli, "__path__", [*cli.__path__, str(tmp_path)])
    assert cli.main(["greet", "Ada"]) == 0
    assert capsys.readouterr().out == "Hello, Ada.\n"
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert "{eval,explain,solve,check,exercise,read,greet}" in capsys.readouterr().out
    sys.modules.pop("scalargrad.cli.greet")
