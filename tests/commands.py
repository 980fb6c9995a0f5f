"""The command line, for tests: run in this process, and what a mistake must look like."""

import contextlib
import runpy
import subprocess
import sys
from unittest import mock

import numpy as np
from click.testing import CliRunner

from keras_gan.cli import main

# Settings of networks that are quickly compiled and trained; the preset `mlp` has no penalty and no schedule.
SMALL = ["--preset", "mlp"]
for setting in ("generator=dcgan", "discriminator=dcgan", "width=4", "latent_dim=4"):
    SMALL += ["--set", setting]


def invoke(*args):
    return CliRunner().invoke(main, [str(arg) for arg in args])


def run_module(command, stdout, **_):
    """`signals.run` for `python -m MODULE ...` within this process: TensorFlow takes its time to start."""
    python, option, module, *arguments = command
    assert (python, option) == (sys.executable, "-m")
    status = 0
    with contextlib.redirect_stdout(stdout), mock.patch.object(sys, "argv", [module, *arguments]):
        try:
            runpy.run_module(module, run_name="__main__")
        except SystemExit as error:
            status = 1
            print(error, file=stdout)
    return subprocess.CompletedProcess(command, status)


def fails(result, status, message):
    assert result.exit_code == status, result.output
    assert result.stderr.count("\n") == 1, result.stderr
    assert message in result.stderr


def arrays(path):
    """Reads the arrays of an `.npz` file by name."""
    with np.load(path) as file:
        return dict(file)
