"""Functions written as C, with their derivatives: built by their own Makefile, linked into a C program, and run."""

import random
import shutil
import subprocess

import pytest

from scalargrad import Value, abs, erf, exp, export, grad, hessian, jacobian, log, maximum, relu, sin, tanh, where
from scalargrad.nn import MLP
from scalargrad.ops import greater

MAIN = """
#include <stdio.h>
#include "{name}.h"
int main(void) {{
    double in[] = {{{given}}}, out[{most}];
    {calls}
    return 0;
}}
"""


def run(folder, name, given, sizes):
    """Build the library by its Makefile, and print what its functions give."""
    if not shutil.which("make") or not shutil.which("cc"):
        pytest.skip("no C compiler")
    calls = "\n".join(
        f'    {function}(in, out); for (int i = 0; i < {size}; i++) printf("%a ", out[i]); puts("");'
        for function, size in sizes.items()
    )
    text = MAIN.format(name=name, given=", ".join(map(repr, given)), most=max(sizes.values()), calls=calls)
    (folder / "main.c").write_text(text)
    subprocess.run(["make", "-s", "CFLAGS=-O2 -Wall -Wextra -Werror -std=c99"], check=True, cwd=folder)
    command = ["cc", "-std=c99", "-Wall", "-Werror", "main.c", "-L.", f"-l{name}", "-lm", "-o", "main"]
    subprocess.run(command, check=True, cwd=folder)
    ran = subprocess.run(["./main"], check=True, cwd=folder, capture_output=True, text=True)
    return [[float.fromhex(x) for x in line.split()] for line in ran.stdout.splitlines()]


def energy(w, x):
    bent = where(greater(w[0], x), sin(w[0] * x), exp(-x) / w[1]) + erf(x) * abs(w[1]) ** 1.5
    return bent + maximum(w[0], x) * log(relu(x) + 2) - tanh(w[1])


def test_value_gradient_and_hessian_of_a_number(tmp_path):
    files = export(energy, ([0.5, 0.7], 2.0), tmp_path / "deeper" / "folder", order=2)
    assert [file.name for file in files] == ["energy.h", "energy.c", "Makefile", "CMakeLists.txt"]
    for w, x in (([0.5, 0.7], 2.0), ([1.5, -0.3], 0.25)):
        sizes = {"energy": 1, "energy_jacobian": 3, "energy_hessian": 9}
        value, slopes, bends = run(files[0].parent, "energy", [*w, x], sizes)
        assert value == pytest.approx([energy([Value(a) for a in w], x).data], rel=1e-14)
        first, second = grad(energy, (0, 1))(w, x)
        assert slopes == pytest.approx([*first, second], rel=1e-13)
        rows = hessian(lambda v: energy(v[:2], v[2]))([*w, x])
        assert bends == pytest.approx([entry for row in rows for entry in row], rel=1e-12)


def test_the_jacobian_of_several_results_and_values_from_outside(tmp_path):
    scale = Value(3.0, label="scale")

    def function(x):
        return {"a": x[0] * x[1] * scale, "b": [x[1] - 2.0 * x[0]]}

    files = export(function, ([0.5, 0.7],), tmp_path, name="two")
    assert "[2] scale (3.0)" in files[0].read_text()
    values, rows = run(tmp_path, "two", [0.5, 0.7, 4.0], {"two": 2, "two_jacobian": 4})
    scale.data = 4.0
    expected = jacobian(function)([0.5, 0.7])
    assert values == pytest.approx([0.5 * 0.7 * 4, 0.7 - 1.0])
    assert rows == pytest.approx([*expected["a"], *expected["b"][0]])


def test_a_network_and_its_parameters(tmp_path):
    random.seed(4)
    model = MLP(2, [3, 1], activation="tanh")

    def loss(model, x):
        return (model(x) - 1.0) ** 2

    export(loss, (model, [0.3, -0.2]), tmp_path)
    given = [*(p.data for p in model.parameters()), 0.3, -0.2]
    value, slopes = run(tmp_path, "loss", given, {"loss": 1, "loss_jacobian": len(given)})
    model.zero_grad()
    root = loss(model, [0.3, -0.2])
    root.backward()
    assert value == pytest.approx([root.data])
    assert slopes[:-2] == pytest.approx([p.grad for p in model.parameters()])


def test_a_c_plus_plus_program_and_cmake(tmp_path):
    export(energy, ([0.5, 0.7], 2.0), tmp_path, order=0)
    assert "energy_jacobian" not in (tmp_path / "energy.h").read_text()
    if shutil.which("c++"):
        (tmp_path / "main.cpp").write_text(
            '#include "energy.h"\nint main() { double x[3] = {1, 2, 3}, y; energy(x, &y); }\n'
        )
        subprocess.run(["make", "-s"], check=True, cwd=tmp_path)
        subprocess.run(["c++", "main.cpp", "-L.", "-lenergy", "-lm", "-o", "main"], check=True, cwd=tmp_path)
        subprocess.run(["./main"], check=True, cwd=tmp_path)
    if shutil.which("cmake"):
        project = "cmake_minimum_required(VERSION 3.5)\nproject(test C)\nadd_subdirectory(energy)\n"
        (tmp_path / "top").mkdir()
        (tmp_path / "top" / "CMakeLists.txt").write_text(project)
        export(energy, ([0.5, 0.7], 2.0), tmp_path / "top" / "energy")
        subprocess.run(["cmake", "-S", "top", "-B", "build"], check=True, cwd=tmp_path, capture_output=True)
        subprocess.run(["cmake", "--build", "build"], check=True, cwd=tmp_path, capture_output=True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "2x"}, "name must be one of a C function, got '2x'"),
        ({}, "name must be one of a C function, got '<lambda>'"),
        ({"name": "f", "order": 3}, "order must be 0, 1 or 2, got 3"),
        ({"name": "f", "order": 2}, "order 2 is of a function with one result, this one has 2"),
    ],
)
def test_what_cannot_be_exported_is_refused(tmp_path, options, said):
    with pytest.raises(ValueError, match=said):
        export(lambda x: [x, x * x], (2.0,), tmp_path, **options)
    assert list(tmp_path.iterdir()) == []
