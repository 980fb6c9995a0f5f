"""Which module may import which, read from the source."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "keras_gan"
ROW = re.compile(r"^\| `([\w/.]+)` \|.*\| ([^|]*) \|$", re.MULTILINE)


def allowed():
    """The table of CONTRIBUTING.md: each file or folder, and what of the package it may import."""
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text()
    return {
        name.removesuffix(".py").removesuffix("/"): set(re.findall(r"`(\w+)`", arrows))
        for name, arrows in ROW.findall(text)
    }


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [
                f"{node.module}.{alias.name}" if node.module == "keras_gan" else node.module for alias in node.names
            ]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith("keras_gan."))


def test_only_the_designed_arrows():
    arrows = allowed()
    for path in PACKAGE.rglob("*.py"):
        module = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if module == "__init__":
            continue
        assert module in arrows, f"{path} is new: give it a row in the table of CONTRIBUTING.md"
        assert set(imported(path)) <= {*arrows[module], module, "errors", "types"}, path


def test_no_file_is_past_one_sitting():
    for path in PACKAGE.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 400, path


def test_importing_the_package_imports_no_tensorflow():
    code = "import keras_gan, keras_gan.cli, sys; print(any(m in sys.modules for m in ('tensorflow', 'keras')))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_keras_or_any_part_may_be_imported_first():
    """Keras comes with the first part, and lets all register: they must not need what that part has yet to define."""
    parts = sorted(
        {path.relative_to(PACKAGE).with_suffix("").parts[0] for path in PACKAGE.rglob("*.py")} - {"__init__"}
    )
    code = f"""
import importlib, sys
for part in {[*parts, "metrics.features", "metrics.streaming"]}:
    for name in [name for name in sys.modules if name == "keras" or name.split(".")[0] == "keras_gan"]:
        del sys.modules[name]
    import keras_gan
    try:
        importlib.import_module("keras_gan." + part)
    except ModuleNotFoundError as error:  # Of the page, which is an extra.
        assert (part, error.name) == ("demo", "gradio"), error
    import keras
    assert keras.saving.get_registered_object("keras_gan>GAN") is keras_gan.GAN, part
for name in [name for name in sys.modules if name.split(".")[0] == "keras_gan"]:
    del sys.modules[name]
import keras_gan  # Keras was there first.
assert keras.saving.get_registered_object("keras_gan>GAN") is keras_gan.GAN
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("code", ["import keras_gan as kg; kg.GAN", "from keras_gan import networks"])
def test_another_backend_is_one_line(code):
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ImportError: keras_gan runs on TensorFlow, but Keras is set to jax: set KERAS_BACKEND=tensorflow"
    )


def test_the_command_line_takes_its_own_backend():
    code = "import keras_gan.cli, os; print(os.environ['KERAS_BACKEND'])"
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "tensorflow\n"
