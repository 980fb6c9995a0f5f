"""The benchmarks that say yes or no, run as a reader would, and what others count."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import keras
import pytest
import tensorflow as tf

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def run(name, *arguments):
    return subprocess.run([sys.executable, BENCHMARKS / name, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["kill_test.py --kills 4", "memory.py --steps 2000"])
def test_benchmark(command):
    done = run(*command.split())
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_gpu_measures_every_part_on_any_machine(tmp_path):
    done = run("gpu.py", "--quick", "--out", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in (tmp_path / "figures.jsonl").read_text().splitlines()]
    failed = {line["part"] for line in lines if "failed" in line or line.get("exit_status")}
    assert failed == (set() if importlib.util.find_spec("torch") else {"pytorch"})
    ended = [line["part"] for line in lines if "seconds_of_part" in line]
    assert len(ended) == len(set(ended)) == 12
    assert [line["same_bits"] for line in lines if "same_bits" in line] == [True, True]
    assert {path.name for path in tmp_path.glob("*.png")} == {"digits-quick-32-1.png", "photos-16.png"}


@pytest.mark.slow
def test_throughput_alternates_with_pytorch():
    pytest.importorskip("torch")
    done = run("throughput.py", "--case", "mlp-cgan", "--rounds", "1", "--steps", "8")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert ["ours" in lines[0], "PyTorch" in lines[1], "fused" in lines[2]] == [True, True, True]
    assert all("images/s" in line and "of the roofline" in line for line in lines)


@pytest.mark.slow
def test_the_profile_names_parts_and_kernels():
    done = run("throughput.py", "--case", "dcgan", "--profile")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("discriminator", "generator", "penalty", "optimizer", "average", "ResourceApplyAdam"):
        assert f"times  {name}" in done.stdout


@pytest.mark.slow
def test_streaming_reads_from_a_file_and_from_memory():
    done = run("streaming.py", "--images", "2000", "--rounds", "1", "--seconds", "8")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert ["2,000 in a file" in lines[0], "2,000 in memory" in lines[1]] == [True, True]


@pytest.mark.slow
def test_a_race_ends_in_time():
    done = run("speedrun.py", "--dataset", "digits", "--seconds", "20", "--seeds", "1", "--num", "200")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "seed 0:" in done.stdout
    assert "after 20 s: FCD" in done.stdout


@pytest.fixture
def roofline(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import roofline

    return roofline


def test_operations_are_counted_by_hand(roofline):
    inputs = keras.Input((6, 6, 2))
    x = keras.layers.Conv2D(4, 3, padding="same", use_bias=False)(inputs)
    network = keras.Model(inputs, keras.layers.Dense(5, use_bias=False)(keras.layers.Flatten()(x)))
    graph = tf.function(network, autograph=False).get_concrete_function(tf.TensorSpec((8, 6, 6, 2))).graph
    convolution = 2 * 8 * 36 * (3 * 3 * 2) * 4
    product = 2 * 8 * (36 * 4) * 5
    assert roofline.graph_flops(graph) == convolution + product
