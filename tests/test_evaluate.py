"""The command `evaluate`."""

import csv
import json
import re
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from commands import SMALL, fails, invoke
from PIL import Image

import keras_gan as kg
from keras_gan.metrics import features

QUICK = ["train", "--conditional", *SMALL, "--set", "epoch_steps=20"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    result = invoke(*QUICK, "--epochs", 1, "--run-dir", folder / "run", "--export-dir", folder / "saved")
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(autouse=True)
def _classifiers(digits_cache, monkeypatch):
    """How good those of CAS are is tested with the metrics."""
    monkeypatch.setenv("KERAS_GAN_CACHE", str(digits_cache))
    monkeypatch.setattr("keras_gan.metrics.evaluation.CAS_STEPS", 20)


@pytest.fixture
def _no_cas(monkeypatch):
    """Classifiers of CAS that are not trained, for tests of other figures."""
    make = lambda images, labels, num_classes, steps: features._classifier(images.shape[1:], num_classes)  # noqa: E731
    monkeypatch.setattr("keras_gan.metrics.evaluation.train_classifier", make)


@pytest.fixture
def evaluate(run):
    return lambda *args: run("evaluate", *args)


def test_a_run_folder_is_measured_against_its_own_data(evaluate, trained):
    result = evaluate(trained / "run", "--num", 700, "--json", "new/figures.json")
    assert result.exit_code == 0, result.output
    assert "retracing" not in result.output
    with open("new/figures.json") as file:
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
    assert "700 samples stand beside 299 held-out images" in " ".join(content["warnings"])
    assert 0 < figures["KID"]["error"] < abs(figures["KID"]["samples"])
    assert figures["KID"]["real_error"] > 0
    for figure in figures:
        assert figure in result.output
    assert "peak memory" in result.output
    with Image.open(trained / "run" / "neighbours.png") as picture:
        assert picture.size == (6 * 66 + 2, 10 * 66 + 2)


@pytest.mark.usefixtures("_no_cas")
def test_other_samples_and_the_same_again(evaluate, trained):
    """As many as real images, for figures of more depend on how many there are."""
    values = []
    for seed in (0, 1, 0):
        result = evaluate(trained / "saved", "--dataset", "digits", "--num", 150, "--seed", seed, "--json", "x.json")
        assert result.exit_code == 0, result.output
        content = json.loads(Path("x.json").read_text())
        values.append(content["figures"][0]["samples"])
        assert {figure["num_samples"] for figure in content["figures"]} == {150}
        assert content["conditions"]["held_out"] == 150
        assert "stand beside" not in result.output
    assert values[0] == values[2] != values[1]


def extractor(features, **options):
    inputs = keras.Input((8, 8, 1))
    hidden = keras.layers.Dense(features)(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, [hidden, keras.layers.Dense(10, **options)(hidden)])


@pytest.mark.usefixtures("_no_cas")
def test_a_figure_that_cannot_be_had_costs_no_other(evaluate, trained):
    extractor(300, activation="softmax").save("wide.keras")
    result = evaluate(trained / "run", "--extractor", "wide.keras", "--json", "x.json")
    assert result.exit_code == 0, result.output
    content = json.loads(Path("x.json").read_text())
    assert {figure["num_samples"] for figure in content["figures"]} == {content["conditions"]["held_out"]} == {299}
    assert "stand beside" not in result.output
    assert "FCD " not in result.output.split("Warning")[0]
    assert "no FCD, of 1,498 to train on, 299 held out and 299 samples: " in result.output
    assert "coverage" in result.output


def test_training_measures_its_samples_and_keeps_the_best(run, trained):
    result = run(*QUICK, "--run-dir", "run", "--export-dir", "out", "--evaluate", "--epochs", 2)
    assert result.exit_code == 0, result.output
    assert "best.keras, FCD" in result.output
    result = run("train", "--resume", "--run-dir", "run", "--epochs", 3)
    assert result.exit_code == 0, result.output
    with open("run/history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    distances = [float(row["val_fcd"].replace("NA", "inf")) for row in rows]
    assert len(set(distances)) > 1
    assert all(distance > 0 for distance in distances)
    best = kg.export.load("run/checkpoints/best.keras")
    assert int(best.step) == 20 * (1 + int(np.argmin(distances)))
    # Its metrics are no part of what a run is.
    shutil.copytree(trained / "run", "plain")
    result = run("train", "--resume", "--run-dir", "plain", "--evaluate", "--epochs", 2, "--export-dir", "out")
    assert result.exit_code == 0, result.output
    assert "best.keras, FCD" in result.output
    with open("plain/history.csv", newline="") as file:
        first, second = csv.DictReader(file)
    assert first["val_kid"] == "NA"
    assert float(second["val_fcd"]) > 0
    assert float(second["d_loss"]) > 0


def test_mistakes(evaluate, trained, tmp_path):
    fails(evaluate("nowhere"), 2, "nowhere")
    fails(evaluate(trained / "run" / "model.keras"), 2, "give --dataset")
    fails(evaluate(trained / "run", "--extractor", "none.keras"), 2, "no extractor none.keras: there is classifier")
    Path("bad.keras").write_text("x")
    fails(evaluate(trained / "run", "--extractor", "bad.keras"), 2, "bad.keras: it is no .keras file")
    fails(evaluate(trained / "run", "--extractor", trained / "run"), 2, "no extractor")
    fails(evaluate(trained / "run", "--extractor", trained / "run" / "model.keras"), 2, "must be a functional")
    extractor(8).save("logits.keras")
    fails(evaluate(trained / "run", "--extractor", "logits.keras"), 1, "must be class probabilities, not logits")
    fails(evaluate(trained / "run", "--json", trained), 2, "is not the name of a file")
    fails(evaluate(trained / "run", "--picture", "x.txt"), 2, "is not the name of a file that ends in .png")
    fails(evaluate(trained / "run", "--num", 5), 2, "num")
    fails(evaluate(trained / "run", "--json", trained / "run" / "model.keras" / "x"), 2, "cannot write")
    for i in range(60):
        path = tmp_path / "two" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Images of any size and colour become as those of the model.
        Image.fromarray(np.full((8, 9 + i % 2, 3), 4 * i, "uint8")).save(path)
    fails(evaluate(trained / "run", "--dataset", "two"), 2, "has 10 classes, two has 2")
    for i in range(60):
        Image.fromarray(np.full((8, 8), 4 * i, "uint8")).save(tmp_path / "two" / f"{i}.png")
    gan = kg.presets.build(kg.presets.preset("mlp"), (8, 8, 1))
    gan.save(tmp_path / "gan.keras")
    (tmp_path / "flat").mkdir()
    for path in (tmp_path / "two").glob("*.png"):
        path.rename(tmp_path / "flat" / path.name)
    fails(
        evaluate("gan.keras", "--dataset", "flat"),
        2,
        "flat has no labels to train a classifier on: name another extractor, FILE.keras",
    )


@pytest.mark.usefixtures("_no_cas")
def test_few_images_of_ones_own_are_measured_as_far_as_they_can(run, trained, tmp_path):
    data = kg.datasets.load("digits")
    for number in range(48):
        place = tmp_path / "few" / str(data.labels[number])
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(data.images[number, ..., 0]).save(place / f"{number}.png")
    result = run("evaluate", trained / "run", "--dataset", tmp_path / "few", "--num", 100)
    assert result.exit_code == 0, result.output
    assert "Warning: no classifier score, of 40 to train on, 8 held out and 100 samples: " in result.output
    assert "KID" in result.output
    assert "one image in 6 is taken as held out: whether the model was trained on it is not known" in result.output


@pytest.mark.usefixtures("_no_cas")
def test_data_that_have_changed_since_the_training_are_said(run, tmp_path):
    rng = np.random.default_rng(0)
    for number in range(130):
        folder = tmp_path / "photos" / str(number % 2)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (8, 8), "uint8")).save(folder / f"{number:03d}.png")
    result = run(*QUICK, "--epochs", 1, "--dataset", "photos", "--run-dir", "run", "--export-dir", "out")
    assert result.exit_code == 0, result.output
    (tmp_path / "photos" / "0" / "000.png").unlink()
    result = run("evaluate", "run", "--num", 100)
    assert result.exit_code == 0, result.output
    assert re.search(r"Warning: the data have changed since \(\d+ images to train on then, \d+ now\)", result.output)
