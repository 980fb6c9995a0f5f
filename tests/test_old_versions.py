"""Runs and models of version 0.1.0, in `data/`, as its command line left them."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from commands import arrays, fails
from same import same_images

import keras_gan as kg
from keras_gan.storage.checkpoints import read_state

OLD = Path(__file__).parent / "data" / "v0.1.0"
# One with all that has a state, one that follows the clock, one of networks made of networks in bfloat16.
RUNS = sorted(path.name for path in OLD.iterdir())


@pytest.mark.parametrize("name", RUNS)
def test_a_run_of_an_old_version_gives_the_same_samples(name):
    expected = arrays(OLD / name / "images.npz")
    gan = kg.export.load(OLD / name)
    labels = expected["labels"] if gan.num_classes else None
    same_images(gan.generate(20, labels=labels, seed=5), expected["images"])


def test_a_model_of_an_old_version_trains_on(tmp_path):
    """The other two are resumed below."""
    gan = keras.saving.load_model(OLD / "combined" / "model.keras")
    step = int(gan.step)
    data = kg.datasets.load("digits")
    gan.fit(data.batches(64, start_step=step), steps_per_epoch=2, verbose=0)
    assert int(gan.step) == step + 2
    assert int(gan.skipped) == 0
    gan.save(tmp_path / "new.keras")
    again = keras.saving.load_model(tmp_path / "new.keras")
    for one, other in zip(gan.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["epochs", "minutes"])
def test_a_run_of_an_old_version_is_resumed(run, name, tmp_path):
    shutil.copytree(OLD / name, tmp_path / "run")
    more = ("--epochs", 2)
    if name == "minutes":
        used = read_state(next((OLD / name / "checkpoints").iterdir()))["stateful"]["TimeLimit"]["elapsed"]
        more = ("--minutes", used + 0.03)
    before = int(kg.export.load("run").step)
    fails(run("train", "--resume", "--run-dir", "run", *more, "--set", "r2=0.5"), 2, "r2 0.0 -> 0.5; go on with")
    result = run("train", "--resume", "--run-dir", "run", *more)
    assert result.exit_code == 0, result.output
    assert f"from step {before}" in result.output
    assert int(kg.export.load("run").step) > before
    result = run("train", "--resume", "--run-dir", "run")
    assert "is complete" in result.output
