import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import SMALL, arrays, fails, invoke
from PIL import Image

ROOT = Path(__file__).parents[1]
QUICK = [*SMALL, "--epochs", "1", "--set", "epoch_steps=10"]


def start(folder, *args):
    """What became of a real process."""
    command = [sys.executable, str(ROOT / "cli.py"), *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """The main path as a user has it: a folder, and what came of `train --conditional` in it."""
    folder = tmp_path_factory.mktemp("process")
    return folder, start(folder, "train", "--conditional", *SMALL, "--epochs", "1")


@pytest.fixture(scope="module")
def trained(process, tmp_path_factory):
    """A run folder and a SavedModel of a conditional and of an unconditional model, trained by the command line."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "conditional").symlink_to(process[0] / "runs" / "digits-cgan-001")
    (folder / "saved-conditional").symlink_to(process[0] / "saved_models" / "digits-cgan")
    names = ["--run-dir", folder / "unconditional", "--export-dir", folder / "saved-unconditional"]
    result = invoke("train", "--unconditional", *QUICK, *names)
    assert result.exit_code == 0, result.output
    return folder


def size_of(path):
    with Image.open(path) as image:
        return image.size


def test_train_leaves_what_the_design_says(trained):
    folder = trained / "conditional"
    assert {path.name for path in folder.iterdir()} == {
        "config.json",
        "model.keras",
        "checkpoints",
        "samples",
        "logs",
        "history.csv",
        ".lock",
    }
    record = json.loads((folder / "config.json").read_text())
    assert record["config"]["conditional"] is True
    assert record["data"]["class_names"] == [str(i) for i in range(10)]
    assert size_of(folder / "samples" / "epoch-0001.png") == (10 * 66 + 2, 10 * 66 + 2)
    lines = (folder / "history.csv").read_text().splitlines()
    assert len(lines) == 2
    assert {"d_loss", "coverage", "trouble"} <= set(lines[0].split(","))
    assert (trained / "saved-conditional" / "1" / "saved_model.pb").exists()


def test_train_as_a_real_process_says_where_everything_is(process):
    folder, done = process
    assert done.returncode == 0, done.stderr
    assert "d_loss" in done.stdout
    for said in ("runs/digits-cgan-001", "samples/epoch-0001.png", "saved_models/digits-cgan/1"):
        assert said in done.stdout
    command = done.stdout.split("Sample it")[1].strip().split()
    assert command[:3] == ["python", "cli.py", "generate"]
    again = start(folder, *command[2:])
    assert again.returncode == 0, again.stderr
    assert (folder / "samples.png").exists()


def test_runs_and_versions_are_numbered(run, tmp_path):
    for earlier in ("runs/digits-gan-001", "saved_models/digits-gan/9"):
        (tmp_path / earlier).mkdir(parents=True)
    assert run("train", *QUICK).exit_code == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["digits-gan-001", "digits-gan-002"]
    assert sorted(path.name for path in (tmp_path / "saved_models" / "digits-gan").iterdir()) == ["10", "9"]


def test_train_stops_by_time(run):
    result = run("train", *SMALL, "--minutes", "0.01")
    assert result.exit_code == 0, result.output
    assert "of 0.01 minutes" in result.output


def test_the_watch_may_end_the_training_or_warn_to_the_end(run):
    sabotage = ["--set", "loss=wasserstein", "--set", "discriminator_learning_rate=0.5", "--watch"]
    result = run("train", *SMALL, "--epochs", 3, *sabotage, "stop")
    fails(result, 1, "the game is in trouble, diverged, so nothing was exported")
    assert not Path("saved_models").exists()
    assert "Step 256: diverged (" in result.output
    assert "Training ends here." in result.output
    assert len(Path("runs/digits-gan-001/history.csv").read_text().splitlines()) == 2
    result = run("train", *SMALL, "--epochs", 1, *sabotage, "warn")
    assert result.exit_code == 0, result.output
    assert "Warning: at the end the game was in trouble, diverged: look at the samples first" in result.output
    assert Path("saved_models").exists()


def test_dry_run_writes_nothing(run, tmp_path):
    result = run("train", "--conditional", "--dry-run", "--set", "latent_dim=17")
    assert result.exit_code == 0, result.output
    assert "latent_dim                            17" in result.output
    assert "parameters" in result.output
    assert not list(tmp_path.iterdir())


def test_train_on_a_folder(run, tmp_path):
    for name in ("cats", "dogs"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(40):
            Image.new("RGB", (8, 6), (i, 2 * i, 3 * i)).save(tmp_path / "pets" / name / f"{i}.png")
    result = run("train", "--dataset", "pets", "--conditional", "--batch-size", 16, *QUICK)
    assert result.exit_code == 0, result.output
    assert json.loads(Path("runs/pets-cgan-001/config.json").read_text())["data"]["class_names"] == ["cats", "dogs"]
    assert "--label dogs" in result.output
    # By name or by number, in folders that are a dataset again.
    for model, label in (("runs/pets-cgan-001", "dogs"), ("saved_models/pets-cgan", 1)):
        new = Path(f"new-{label}")
        assert run("generate", model, "--num", 3, "--label", label, "--output", new).exit_code == 0
        assert [path.name for path in new.iterdir()] == ["dogs"]
        assert sorted(path.name for path in (new / "dogs").iterdir()) == ["00000.png", "00001.png", "00002.png"]
    message = "no class birds: there are cats, dogs, or numbers from 0 to 1"
    fails(run("generate", "runs/pets-cgan-001", "--label", "birds", "--output", "x.png"), 2, message)
    one = ("--num", 1, "--label", "dogs", "--output", "x.png")
    assert run("generate", "runs/pets-cgan-001/model.keras", *one).exit_code == 0
    shutil.copy("runs/pets-cgan-001/model.keras", "alone.keras")
    fails(run("generate", "alone.keras", *one), 2, "no class dogs: there are only numbers from 0 to 1")


@pytest.mark.parametrize(
    "model", ["conditional", "conditional/model.keras", "saved-conditional", "saved-conditional/1"]
)
def test_generate_from_any_form_of_a_model_gives_the_same_images(run, trained, model, tmp_path):
    result = run("generate", trained / model, "--num", 12, "--seed", 5, "--output", tmp_path / "x.npz")
    assert result.exit_code == 0, result.output
    first = arrays(tmp_path / "x.npz")
    assert first["images"].shape == (12, 8, 8, 1)
    assert first["images"].dtype == np.uint8
    assert first["labels"].tolist() == [*range(10), 0, 1]
    run("generate", trained / "conditional", "--num", 12, "--seed", 5, "--output", tmp_path / "y.npz")
    np.testing.assert_array_equal(first["images"], arrays(tmp_path / "y.npz")["images"])


def test_generate_classes_in_turn_as_png_and_folder(run, trained, tmp_path):
    arguments = ["generate", trained / "conditional", "--num", 4, "--label", 3, "--label", 7, "--truncation", 0.7]
    assert run(*arguments, "--output", "a/b.png").exit_code == 0
    assert size_of("a/b.png") == (4 * 66 + 2, 68)
    assert run(*arguments, "--output", "c").exit_code == 0
    assert sorted(str(p.relative_to("c")) for p in Path("c").rglob("*.png")) == [
        "3/00000.png",
        "3/00002.png",
        "7/00001.png",
        "7/00003.png",
    ]
    assert size_of("c/3/00000.png") == (8, 8)


def test_generate_unconditional(run, trained):
    assert run("generate", trained / "unconditional", "--num", 3, "--output", "x.npz").exit_code == 0
    assert list(arrays("x.npz")) == ["images"]
    fails(run("generate", trained / "unconditional", "--label", 3, "--output", "y.npz"), 2, "takes no --label")


def test_export(run, trained):
    for number in (1, 2):
        result = run("export", trained / "conditional", "--export-dir", "served")
        assert result.exit_code == 0, result.output
        assert f"served/{number}" in result.output
    fails(run("export", "served", "--export-dir", "x"), 2, "is a SavedModel already")


def test_presets_and_datasets(run):
    result = run("presets")
    assert result.exit_code == 0
    for name in ("dcgan", "mlp", "cnn", "generator_learning_rate"):
        assert name in result.output
    result = run("datasets")
    assert result.exit_code == 0
    assert "digits" in result.output


def test_generate_an_animation(run, trained):
    result = run("generate", trained / "conditional", "--frames", 3, "--label", 3, "--output", "walk.gif")
    assert result.exit_code == 0, result.output
    assert "20 samples in walk.gif" in result.output
    with Image.open("walk.gif") as film:
        assert (film.n_frames, film.size) == (3, (10 * 66 + 2, 2 * 66 + 2))


def test_timelapse(run, trained, tmp_path):
    result = run("timelapse", trained / "conditional", "--output", "new/training.gif")
    assert result.exit_code == 0, result.output
    epochs = len(list((trained / "conditional" / "samples").iterdir()))
    assert f"{epochs} epochs in new/training.gif" in result.output
    with Image.open("new/training.gif") as film:
        assert film.n_frames == epochs
    fails(run("timelapse", tmp_path, "--output", "x.gif"), 2, "not a run folder with pictures")
    for seconds in ("nan", "1e400", "601"):
        fails(run("timelapse", trained / "conditional", "--output", "x.gif", "--seconds", seconds), 2, "'--seconds'")
    fails(run("timelapse", trained / "conditional", "--output", "x.png"), 2, "must end in .gif or .mp4, got x.png")
    fails(run("timelapse", trained / "conditional", "--output", "folder/"), 2, "must end in .gif or .mp4")


@pytest.mark.parametrize("command", ["train", "generate", "timelapse", "export", "serving", "presets", "datasets"])
def test_help_shows_every_command(run, command):
    assert command in run("--help").output
    assert run(command, "--help").exit_code == 0


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom keras_gan.cli import main\n"
        "try: main(['train', '--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('tensorflow', 'keras', 'numpy', 'PIL', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--dataset", "mnits"], 2, "did you mean"),
        (["--dataset", "./nowhere"], 2, "no folder ./nowhere"),
        (["--dataset", "-1"], 2, "unknown dataset '-1': give digits, a TFDS name, or a folder"),
        (["--dataset", "photo.png/x"], 2, "unknown dataset 'photo.png/x'"),
        (["--minutes", "nan"], 2, "nan is not a finite number"),
        (["--preset", "dcgn"], 2, "did you mean dcgan"),
        (["--set", "los=hinge"], 2, "unknown setting 'los'"),
        (["--set", "hinge"], 2, "KEY=VALUE"),
        (["--batch-size", "5000"], 2, "batch size 5000 does not fit digits: it has 1,498 images"),
        (["--epochs", "0"], 2, "epochs"),
        (["--minutes", "0"], 2, "minutes"),
        (["--run-dir", "full"], 2, "full is not an empty folder"),
        (["--run-dir", "file/x"], 1, "Not a directory: file/x"),
        (["--export-dir", "file/x"], 2, "cannot write to file/x"),
        (["--condtional"], 2, "No such option"),
        (["--set", "image_size=2"], 2, "image_size"),
    ],
)
def test_mistakes_of_train(run, tmp_path, arguments, status, message):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    (tmp_path / "file").touch()
    fails(run("train", *arguments), status, message)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full"]


def test_unlabelled_data_with_conditional(run, tmp_path):
    (tmp_path / "flat").mkdir()
    for i in range(20):
        Image.new("L", (8, 8), i).save(tmp_path / "flat" / f"{i}.png")
    fails(run("train", "--dataset", "flat", "--conditional", "--batch-size", 8), 2, "flat has no labels")
    assert not (tmp_path / "runs").exists()


def test_a_corrupt_image(run, tmp_path):
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "0.png").write_bytes(b"no picture")
    fails(run("train", "--dataset", "flat"), 2, "can be read: 1 image that cannot be read: flat/0.png (it is no image)")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder(run, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    fails(run("train", "--run-dir", "locked/x"), 1, "locked")
    fails(run("train", "--export-dir", "locked/x"), 2, "cannot write to locked/x")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--label", "10"], 2, "label 10 is out of range: this model's labels are 0 to 9"),
        (["--num", "0"], 2, "num"),
        (["--num", "1" + 30 * "0"], 2, "is not in the range 1<=x<=1000000"),
        (["--truncation", "nan"], 2, "nan is not a finite number"),
        (["--truncation", "0"], 2, "truncation"),
        (["--output", "x.jpg"], 2, "must end in .png, .npz, .gif or .mp4, or be a folder, got x.jpg"),
        (["--frames", "1", "--output", "x.gif"], 2, "frames"),
    ],
)
def test_mistakes_of_generate(run, trained, tmp_path, arguments, status, message):
    output = [] if "--output" in arguments else ["--output", "x.png"]
    fails(run("generate", trained / "conditional", *arguments, *output), status, message)
    assert not list(tmp_path.iterdir())


def test_what_is_no_model_is_said(run, tmp_path):
    fails(run("generate", "nowhere", "--output", "x.png"), 2, "nowhere")
    (tmp_path / "empty").mkdir()
    fails(run("generate", "empty", "--output", "x.png"), 1, "is not a run folder")
    (tmp_path / "broken.keras").write_bytes(b"broken")
    fails(run("generate", "broken.keras", "--output", "x.png"), 1, "cannot load broken.keras")


def test_a_mistake_in_a_real_process_is_one_line(tmp_path):
    done = start(tmp_path, "train", "--dataset", "mnits")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == ["Error: unknown dataset 'mnits': did you mean mnist or kmnist or emnist?"]


def test_too_little_memory_is_said_whatever_noticed_it(run, trained, monkeypatch):
    class ArrayMemoryError(MemoryError):
        """As NumPy has one."""

    def fail(*args):
        raise ArrayMemoryError

    monkeypatch.setattr("keras_gan.export.load", fail)
    fails(run("generate", trained / "unconditional", "--output", "x.png"), 1, "out of memory")


def test_samples_that_are_no_pictures_go_into_arrays(run, make_gan):
    make_gan(image_shape=(2,)).save("points.keras")
    for output in ("x.png", "x.gif", "x/"):
        fails(run("generate", "points.keras", "--output", output), 2, "are (2,), not pictures: give --output FILE.npz")
    assert run("generate", "points.keras", "--num", 7, "--output", "x.npz").exit_code == 0
    assert arrays("x.npz")["images"].shape == (7, 2)
