"""The command `evaluate`."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import keras_gan as kg
from keras_gan.cli import main


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    arguments = ["train", "--conditional", "--preset", "mlp", "--epochs", "1", "--run-dir", str(folder / "run")]
    result = CliRunner().invoke(main, [*arguments, "--export-dir", str(folder / "saved")])
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def run(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_GAN_CACHE", str(trained / "cache"))
    return lambda *args: CliRunner().invoke(main, ["evaluate", *map(str, args)])


def test_a_run_folder_is_measured_against_its_own_data(run, trained):
    result = run(trained / "run", "--num", 700, "--json", "figures.json")
    assert result.exit_code == 0, result.output
    with open("figures.json") as file:
        content = json.load(file)
    figures = {figure["name"]: figure for figure in content["figures"]}
    assert set(figures) >= {"FCD", "KID", "precision", "recall", "density", "coverage", "label accuracy", "CAS"}
    assert figures["FCD"]["samples"] > 3 * figures["FCD"]["real"] > 0
    assert figures["FCD"]["num_samples"] == 700
    assert figures["FCD"]["num_real"] == 299
    assert figures["label accuracy"]["real"] > 0.9
    conditions = content["conditions"]
    assert conditions["extractor"] == "classifier of digits"
    assert len(conditions["extractor_hash"]) == 8
    assert conditions["resizer"] == "none"
    assert "299 held-out images are few for 64 features" in " ".join(content["warnings"])
    for figure in figures:
        assert figure in result.output
    assert "peak memory" in result.output
    with Image.open(trained / "run" / "neighbours.png") as picture:
        assert picture.size == (6 * 66 + 2, 10 * 66 + 2)


def test_other_samples_and_the_same_again(run, trained):
    values = []
    for seed in (0, 0, 1):
        result = run(trained / "saved", "--dataset", "digits", "--num", 200, "--seed", seed, "--json", "x.json")
        assert result.exit_code == 0, result.output
        with open("x.json") as file:
            values.append(json.load(file)["figures"][0]["samples"])
    assert values[0] == values[1] != values[2]


def fails(result, status, message):
    assert result.exit_code == status, result.output
    assert result.stderr.count("\n") == 1, result.stderr
    assert message in result.stderr


def test_mistakes(run, trained, tmp_path):
    fails(run("nowhere"), 2, "nowhere")
    fails(run(trained / "run" / "model.keras"), 2, "give --dataset")
    fails(run(trained / "run", "--image-size", 16), 2, "makes images of (8, 8, 1), those of digits are (16, 16, 1)")
    fails(run(trained / "run", "--extractor", "none.keras"), 2, "cannot load the extractor none.keras")
    fails(run(trained / "run", "--num", 5), 2, "num")
    fails(run(trained / "run", "--json", trained / "run" / "model.keras" / "x"), 2, "cannot write")
    for i in range(60):
        path = tmp_path / "two" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 4 * i, "uint8")).save(path)
    fails(run(trained / "run", "--dataset", "two"), 2, "has 10 classes, two has 2")
    for i in range(60):
        Image.fromarray(np.full((8, 8), 4 * i, "uint8")).save(tmp_path / "two" / f"{i}.png")
    gan = kg.presets.build(kg.presets.preset("mlp"), (8, 8, 1))
    gan.save(tmp_path / "gan.keras")
    (tmp_path / "flat").mkdir()
    for path in (tmp_path / "two").glob("*.png"):
        path.rename(tmp_path / "flat" / path.name)
    fails(
        run("gan.keras", "--dataset", "flat"), 2, "flat has no labels to train a classifier on: name another extractor"
    )
    fails(run("gan.keras", "--dataset", "two", "--num", 100), 1, "needs more samples than the 64 features")
