"""`keras_gan.comparison`: runs in processes of their own, and what they cost."""

import dataclasses
import json

import keras
import pytest

from keras_gan import comparison, presets

SMALL = {"dataset": "digits", "epochs": "1", "minutes": "none", "precision": "float32"}


def test_a_short_text_stands_for_settings():
    assert comparison.settings("mlp") == presets.mlp()
    pair = comparison.settings("mlp/dcgan:loss=hinge,r1=0.1")
    assert pair == dataclasses.replace(presets.dcgan(), generator="mlp", loss="hinge", r1=0.1)
    base = dataclasses.replace(presets.dcgan(), seed=7)
    assert comparison.settings("dcgan/mlp", base) == dataclasses.replace(base, discriminator="mlp")


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


def run(**changes):
    config = presets.override(presets.preset("mlp"), SMALL)
    return comparison.Run("small", dataclasses.asdict(dataclasses.replace(config, **changes)), 200)


def test_a_run_is_trained_and_measured_once(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    result = comparison.start(run(conditional=True), tmp_path)
    assert result["failure"] is None, (tmp_path / "log.txt").read_text()
    assert result["steps"] == comparison.EPOCH_STEPS
    gan = presets.build(presets.Config(**run(conditional=True).config), (8, 8, 1), 10)
    assert result["parameters"] == [gan.generator.count_params(), gan.discriminator.count_params()]
    assert {"FCD", "recall", "label accuracy"} <= set(result["figures"])
    assert result["figures"]["label accuracy"]["real"] > 0.9
    assert all(result[cost] > 0 for cost in ("minutes", "generated_per_second", "peak_memory"))
    assert (tmp_path / "samples" / "epoch-0001.png").exists()
    written = (tmp_path / "result.json").stat().st_mtime_ns
    assert comparison.start(run(conditional=True), tmp_path) == result
    assert (tmp_path / "result.json").stat().st_mtime_ns == written


def test_a_run_that_fails_says_why_and_is_tried_again(tmp_path):
    result = comparison.start(run(dataset="nowhere/"), tmp_path)
    assert "nowhere" in result["failure"]
    assert json.loads((tmp_path / "plan.json").read_text())["name"] == "small"
    assert not (tmp_path / "result.json").exists()
