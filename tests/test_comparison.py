"""`keras_gan.comparison`: runs in processes of their own, and what they cost."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

import keras_gan as kg
from keras_gan import comparison, presets

SMALL = {"epochs": 1, "minutes": None, "precision": "float32", "epoch_steps": 20}


def test_a_short_text_stands_for_settings():
    assert comparison.settings("mlp") == presets.mlp()
    pair = comparison.settings("mlp/dcgan:loss=hinge,r1=0.1")
    assert pair == presets.dcgan().replace(generator="mlp", loss="hinge", r1=0.1)
    base = presets.dcgan().replace(seed=7)
    assert comparison.settings("dcgan/mlp", base) == base.replace(discriminator="mlp")
    for_all = {"r1": "7", "seed": "3"}
    assert comparison.settings("mlp:r1=1", common=for_all) == presets.mlp().replace(r1=1.0, seed=3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dcgam", "unknown preset 'dcgam': did you mean dcgan"),
        ("mlp/dcgam", "unknown discriminator 'dcgam'"),
        ("dcgan:r1", "KEY=VALUE, got 'r1'"),
        ("dcgan:r1=big", "r1 must be"),
    ],
)
def test_mistakes(text, message):
    with pytest.raises(ValueError, match=message):
        comparison.settings(text)


def test_operations_are_those_of_the_matrix_products():
    x = keras.Input((5,))
    network = keras.Model(x, keras.layers.Dense(3, use_bias=False)(keras.layers.Dense(7, use_bias=False)(x)))
    assert comparison.flops(network) == 2 * (5 * 7 + 7 * 3)


def test_operations_of_a_packed_discriminator_are_of_one_sample():
    one = kg.networks.packed(kg.networks.mlp_discriminator, (8, 8, 1), packing=2)
    both = kg.networks.ensemble(one, one)
    assert 2 * comparison.flops(one) == pytest.approx(comparison.flops(both), rel=0.01)
    within = kg.networks.mlp_discriminator((8, 8, 2))
    assert comparison.flops(one) == pytest.approx(comparison.flops(within) / 2, rel=0.05)


@pytest.mark.parametrize("share_until", [None, "dense"])
def test_operations_of_a_mixture_are_those_of_a_member(share_until):
    members = [kg.networks.dcgan_generator((8, 8, 1), latent_dim=4, width=width) for width in (8, 8)]
    mixture = kg.networks.mixture(*members, share_until=share_until)
    # And a few to choose it.
    assert comparison.flops(mixture) == pytest.approx(comparison.flops(members[0]), rel=0.01)


def run(**changes):
    config = presets.preset("mlp").replace(**SMALL, **changes)
    return comparison.Run("small", config.by_key(), 200)


@pytest.mark.usefixtures("runs_in_process")
def test_a_run_is_trained_and_measured_once(tmp_path):
    result = comparison.start(run(conditional=True), tmp_path)
    assert result["failure"] is None, (tmp_path / "log.txt").read_text()
    assert result["steps"] == 20
    gan = presets.build(presets.Config(**run(conditional=True).config), (8, 8, 1), 10)
    assert result["parameters"] == [gan.generator.count_params(), gan.discriminator.count_params()]
    assert {"FCD", "recall", "label accuracy"} <= set(result["figures"])
    assert result["figures"]["label accuracy"]["real"] > 0.9
    assert all(result[cost] > 0 for cost in ("minutes", "generated_per_second", "peak_memory"))
    assert (tmp_path / "run" / "samples" / "epoch-0001.png").exists()
    written = (tmp_path / "result.json").stat().st_mtime_ns
    assert comparison.start(run(conditional=True), tmp_path) == result
    assert (tmp_path / "result.json").stat().st_mtime_ns == written


def test_a_run_that_fails_says_why_and_is_tried_again(tmp_path):
    result = comparison.start(run(dataset="nowhere/"), tmp_path)
    assert "nowhere" in result["failure"]
    assert json.loads((tmp_path / "plan.json").read_text())["name"] == "small"
    assert not (tmp_path / "result.json").exists()


@pytest.mark.usefixtures("runs_in_process")
def test_images_that_no_split_holds_out_are_not_trained_on(tmp_path):
    data = kg.datasets.load("digits")
    for number, label in enumerate(data.labels[:600]):
        folder = tmp_path / "images" / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(data.images[number, ..., 0]).save(folder / f"{number:03d}.png")
    done = comparison.start(run(dataset=str(tmp_path / "images")), tmp_path / "run")
    assert done["failure"] is None, (tmp_path / "run" / "log.txt").read_text()
    assert done["held_out"] == 100
    assert done["figures"]["recall"]["real"] < 1.0
    assert any("held-out images are few" in warning for warning in done["warnings"])


@pytest.mark.usefixtures("runs_in_process")
def test_pretrained_weights_are_loaded(tmp_path):
    config = presets.Config(**run().config)
    gan = presets.build(config, (8, 8, 1), 10, steps_per_epoch=250)
    gan.save(tmp_path / "own.keras")
    slow = {"pretrained": str(tmp_path / "own.keras"), "generator_learning_rate": 0.0, "seed": 5}
    done = comparison.start(run(**slow), tmp_path / "run")
    assert done["failure"] is None, (tmp_path / "run" / "log.txt").read_text()
    (path,) = (tmp_path / "run" / "run" / "checkpoints").glob("*.keras")
    trained = keras.saving.load_model(path)
    for one, other in zip(trained.generator.trainable_weights, gan.generator.trainable_weights):
        np.testing.assert_array_equal(one, other)


def test_one_process_trains_in_a_folder(tmp_path):
    tmp_path.joinpath("plan.json").write_text(json.dumps(dataclasses.asdict(run())))
    tmp_path.joinpath("run").mkdir()
    with FileLock(tmp_path / "run" / ".lock"), pytest.raises(ValueError, match="another process is training"):
        comparison.work(tmp_path)
