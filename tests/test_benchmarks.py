"""The benchmarks that say yes or no, run as a reader would."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.slow
@pytest.mark.parametrize("command", ["kill_test.py --kills 4", "memory.py --steps 2000"])
def test_benchmark(command):
    name, *arguments = command.split()
    done = subprocess.run([sys.executable, BENCHMARKS / name, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
