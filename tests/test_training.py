"""`keras_gan.training`: one session for the command line, `compare` and Python."""

import json
import signal
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
from commands import fails, invoke
from stops import StopAt

import keras_gan as kg
from keras_gan import comparison, presets
from keras_gan.training import InTrouble, Session, runs

SMALL = {"width": 4, "latent_dim": 4, "precision": "float32", "epoch_steps": 6, "batch_size": 16, "seed": 3}
FEW = kg.datasets.load("digits").images[:60], kg.datasets.load("digits").labels[:60]


def state(path):
    """All that a checkpoint holds of the model."""
    gan = keras.saving.load_model(path)
    return [np.array(v) for part in (gan, gan.discriminator_optimizer, gan.generator_optimizer) for v in part.variables]


def assert_same(one, other):
    for a, b in zip(state(one), state(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_command_line_compare_and_python_train_the_same_bits(tmp_path, monkeypatch, digits_cache):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_GAN_CACHE", str(digits_cache))
    settings = {**SMALL, "conditional": True, "lecam": 0.1, "augmentation": "translation"}
    session = kg.train("quick", epochs=2, run_dir="python", **settings)
    given = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    result = invoke("train", "--epochs", 2, *given, "--run-dir", "line", "--export-dir", "out")
    assert result.exit_code == 0, result.output
    done = comparison.start(comparison.Run("quick", session.config.by_key(), 100), tmp_path / "compared")
    assert done["failure"] is None, (tmp_path / "compared" / "log.txt").read_text()
    name = "checkpoints/step-000000012.keras"
    for other in ("line", "compared/run"):
        assert_same(f"python/{name}", f"{other}/{name}")
        assert runs.read(Path(other)).data == runs.read(Path("python")).data
        assert runs.read(Path(other)).config == session.config


def test_a_session_is_a_model_a_folder_and_a_history(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session = kg.train(presets.mlp(), FEW, epochs=2, conditional=True, export_dir="out", **{**SMALL, "width": None})
    assert session.folder == Path("runs/arrays-cgan-001")
    assert session.exported == Path("out/1")
    assert session.model.generate(3, labels=7).shape == (3, 8, 8, 1)
    assert [row["epoch"] for row in session.history] == [0.0, 1.0]
    assert session.history[1]["d_loss"] > 0
    assert session.state == "healthy"
    np.testing.assert_array_equal(kg.export.load(session.folder).generate(2), session.model.generate(2))
    # What is complete is left as it is.
    before = {path: path.stat().st_mtime_ns for path in session.folder.rglob("*")}
    session.train()
    assert {path: path.stat().st_mtime_ns for path in session.folder.rglob("*") if path.name != ".lock"}.items() <= (
        before.items()
    )


def test_a_stopped_session_goes_on_as_if_it_never_was(tmp_path):
    whole = kg.train("dcgan", FEW, epochs=3, run_dir=tmp_path / "whole", steps_per_execution=1, **SMALL)
    config = presets.dcgan().replace(epochs=3, minutes=None, steps_per_execution=1, **SMALL)
    data = kg.datasets.from_arrays(*FEW)
    session = Session(config, tmp_path / "run", data)
    for step in (4, 9, 14):
        with pytest.raises(kg.callbacks.Interrupted):
            session.train([StopAt(step, lambda: signal.raise_signal(signal.SIGTERM))])
        assert int(session.model.step) == step
        if step == 9:  # The others go on with the same object.
            session = Session(None, tmp_path / "run", data, resume=True)
    session.train()
    name = "checkpoints/step-000000018.keras"
    assert_same(whole.folder / name, session.folder / name)
    assert whole.history == session.history


def test_a_run_is_resumed_with_more_epochs(tmp_path):
    kg.train("mlp", FEW, epochs=1, run_dir=tmp_path, **{**SMALL, "width": None})
    session = kg.train(dataset=FEW, epochs=2, run_dir=tmp_path, resume=True)
    assert len(session.history) == 2
    with pytest.raises(kg.UserError, match=r"other settings or data: r1 0\.0 -> 0\.5; go on with"):
        kg.train(dataset=FEW, r1=0.5, run_dir=tmp_path, resume=True)
    with pytest.raises(kg.UserError, match="other images, labels or class names"):
        kg.train(dataset=FEW[0][:50], run_dir=tmp_path, resume=True)
    session = kg.train(dataset=FEW, epochs=3, r1=0.5, run_dir=tmp_path, resume=True, allow_changes=True)
    assert [penalty.name for penalty in session.model.regularizers] == ["r1"]


def test_a_session_trains_outside_the_main_thread(tmp_path):
    thread = threading.Thread(target=lambda: kg.train("dcgan", FEW, epochs=1, run_dir=tmp_path, **SMALL))
    thread.start()
    thread.join()
    assert (tmp_path / "model.keras").exists()


def test_the_watch_may_end_a_session(tmp_path):
    sabotage = {"loss": "wasserstein", "discriminator_learning_rate": 0.5, "epoch_steps": 250, "r1": 0.0}
    with pytest.raises(InTrouble, match="diverged"):
        kg.train("dcgan", FEW, epochs=9, run_dir=tmp_path, options={"watch": "stop"}, **{**SMALL, **sabotage})
    assert not (tmp_path / "model.keras").exists()


def class_folders(folder):
    """The digits as class folders, without a test split."""
    data = kg.datasets.load("digits")
    for number, label in enumerate(data.labels[:120]):
        path = folder / str(label) / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        kg.pictures.save_png(path, data.images[number])
    return str(folder)


def test_what_is_held_out_is_never_trained_on_and_is_what_samples_are_measured_with(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path / "cache"))
    folder = class_folders(tmp_path / "mine")
    session = kg.train(None, folder, epochs=1, run_dir="run", **SMALL)
    trained_on, held_out = ({image.tobytes() for image in data.images} for data in (session.data, session.held_out))
    assert len(held_out) == 20
    assert not trained_on & held_out
    record = json.loads(Path("run/config.json").read_text())
    assert record["config"]["hold_out"] == 6
    assert record["data"]["images"] == 100
    assert record["data"]["held_out"] == {"images": 20, "from": "one image in 6"}
    extractor = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(4)])
    extractor.save("extractor.keras")
    result = invoke("evaluate", "run", "--num", 100, "--extractor", "extractor.keras", "--json", "x.json")
    assert result.exit_code == 0, result.output
    conditions = json.loads(Path("x.json").read_text())["conditions"]
    assert (conditions["held_out"], conditions["reference"]) == (20, "training split, 100 images")
    assert "though the model was trained on it" not in result.output
    # Every image is trained on where that is wanted, and the figures say so.
    session = kg.train(None, folder, epochs=1, run_dir="all", hold_out=0, **SMALL)
    assert (len(session.data), session.held_out) == (120, None)
    result = invoke("evaluate", "all", "--num", 100, "--extractor", "extractor.keras")
    assert "one image in 6 stands for held-out ones, though the model was trained on it" in result.output
    few = {"hold_out": 200, **SMALL}
    with pytest.raises(kg.UserError, match="too few images to hold any out of the training: 120; set hold_out=0"):
        kg.train(None, folder, epochs=1, run_dir="none", **few)


def test_a_run_on_images_of_a_program_asks_for_the_dataset(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kg.train("dcgan", FEW, epochs=1, run_dir="run", **SMALL)
    fails(invoke("evaluate", "run"), 2, "was trained on images of a Python program: give --dataset")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preset": "dcgam"}, "unknown preset 'dcgam'"),
        ({"colour": True}, "unknown setting 'colour'"),
        ({"dataset": "nowhere/"}, "no folder nowhere/"),
        ({"resume": True}, "give the run folder"),
        ({"options": {"watch": "loudly"}}, "unknown watch 'loudly'"),
        ({"options": {"keep": 0}}, "keep must be a whole number greater than 0, got 0"),
        ({"options": {"kept": 3}}, "unknown setting 'kept': did you mean keep"),
        ({"minutes": -1}, "minutes must be a number greater than 0"),
        ({"dataset": FEW, "image_size": 16}, "resize the images that you give"),
        ({"dataset": FEW, "image_channels": "rgba"}, "image_channels is for datasets by name and folders"),
        ({"dataset": FEW, "batch_size": 99}, "batch size 99 does not fit arrays"),
        ({"dataset": np.zeros((9, 9, 9, 9, 9))}, r"images must be \(N, height, width, channels\)"),
    ],
)
def test_mistakes(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kg.UserError, match=message):
        kg.train(**arguments)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def record(tmp_path):
    """A record to do harm to, and what reads it."""
    old = Path(__file__).parent / "data" / "v0.1.0" / "epochs" / "config.json"
    content = json.loads(old.read_text())

    def read(**changes):
        (tmp_path / "config.json").write_text(json.dumps({**content, **changes}))
        return runs.read(tmp_path)

    return read


def test_records_of_other_versions(record, tmp_path):
    assert record().config.hold_out == 0
    assert record(schema=2).config.hold_out == 6
    for changes, message in [
        ({"schema": 99}, "written by a later version"),
        ({"config": {"colour": 1}}, "says: unknown setting 'colour'"),
        ({"config": {"r1": -1}}, "says: r1 must be a number from 0 on"),
        ({"config": None}, "damaged"),
        ({"more": 1}, "damaged"),
    ]:
        with pytest.raises(kg.UserError, match=message):
            record(**changes)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(kg.UserError, match="damaged"):
        runs.read(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number"),
        ({"minutes": 0}, "minutes must be a number"),
        ({"callbacks": [1]}, "callbacks must be Keras callbacks, got 1"),
        ({"evaluate": "classifier"}, r"evaluate says how a run is stored or watched: give options=\{'evaluate': ...\}"),
        ({"export_dir": "file.txt"}, "cannot write to file.txt: file.txt is a file"),
        ({"batch_size": 64}, "batch size 64 does not fit arrays: it has 50 images; set batch_size"),
        ({"dataset": [FEW[0], FEW[1]]}, r"a tuple \(images, labels\) or an ImageDataset, got list"),
        ({"dataset": (FEW[0],)}, "images must be"),
        ({"dataset": kg.datasets.from_arrays(*FEW).batches(8)}, r"GAN.fit\(\) takes tf.data.Datasets"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing_behind(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file.txt").write_text("")
    with pytest.raises(kg.UserError, match=message) as error:
        kg.train("dcgan", **{"dataset": FEW, "epochs": 1, "run_dir": "run", **SMALL, **arguments})
    assert "\n" not in str(error.value)
    assert not Path("run").exists()


def test_a_run_of_given_images_is_resumed_with_them_alone(tmp_path, caplog):
    run = tmp_path / "run"
    kg.train("dcgan", FEW, epochs=2, run_dir=run, callbacks=None, **SMALL)
    with pytest.raises(kg.UserError, match="was trained on images of a Python program: give them again"):
        kg.train(run_dir=run, resume=True)
    others = FEW[0][:57], FEW[1][:57]
    message = r"other settings or data: images 50 -> 48, other images, labels or class names, held out 10 images"
    with pytest.raises(kg.UserError, match=message):
        kg.train(None, others, run_dir=run, resume=True)
    kg.train(None, FEW, run_dir=run, resume=True, epochs=1)
    assert "2 epochs are trained already, more than 1" in caplog.text


@pytest.mark.parametrize("part", ["data", "options", "versions", "config"])
def test_a_record_with_a_part_that_is_none_is_damaged(part, tmp_path):
    session = Session(presets.dcgan().replace(epochs=1, minutes=None, **SMALL), data=kg.datasets.from_arrays(*FEW))
    session.record.write(tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**content, part: None}))
    with pytest.raises(kg.UserError, match=r"its config\.json is damaged"):
        runs.read(tmp_path)
