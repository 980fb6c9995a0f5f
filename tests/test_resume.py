"""The command line's `train --resume`, and what may happen to a run folder."""

import csv
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from commands import SMALL, arrays, fails, invoke
from filelock import FileLock

import keras_gan as kg

ROOT = Path(__file__).parents[1]
EPOCH = 20  # Steps.
QUICK = [*SMALL, "--seed", "3", "--set", f"epoch_steps={EPOCH}"]
BEGIN = ["--conditional", *QUICK, "--run-dir", "run", "--export-dir", "out"]


def start(folder, *args):
    """A real process, with the signals of a shell's foreground job."""

    def prepare():
        signal.signal(signal.SIGINT, signal.default_int_handler)

    command = [sys.executable, str(ROOT / "cli.py"), "train", *map(str, args)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True, preexec_fn=prepare)  # noqa: PLW1509


def wait_for(process, done, pause=0.01):
    while not done():
        assert process.poll() is None, process.communicate()
        time.sleep(pause)


def wait_for_step(process, folder, step):
    """Waits for the checkpoint of a step, or of a later one."""
    checkpoints, name = folder / "run" / "checkpoints", f"step-{step:09d}.keras"
    wait_for(process, lambda: any(path.name >= name for path in checkpoints.glob("step-*.keras")))


def weights(path):
    gan = keras.saving.load_model(path)
    optimizers = gan.discriminator_optimizer, gan.generator_optimizer
    return [np.array(v) for part in (gan, *optimizers) for v in part.variables]


def assert_same_run(one, other):
    for a, b in zip(weights(one / "model.keras"), weights(other / "model.keras"), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (one / "history.csv").read_text() == (other / "history.csv").read_text()
    for path in sorted((one / "samples").iterdir()):
        assert path.read_bytes() == (other / "samples" / path.name).read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of two epochs that was never stopped."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = invoke("train", *BEGIN, "--epochs", "2")
    assert result.exit_code == 0, result.output
    return folder / "run"


def test_a_run_that_had_one_epoch_goes_on_to_two(run, whole, tmp_path):
    assert run("train", *BEGIN, "--epochs", 1).exit_code == 0
    # The whole command again, with other epochs.
    result = run("train", *BEGIN, "--epochs", 2, "--resume")
    assert result.exit_code == 0, result.output
    assert f"from step {EPOCH}" in result.output
    assert_same_run(whole, tmp_path / "run")
    assert json.loads(Path("run/config.json").read_text())["config"]["epochs"] == 2
    assert sorted(path.name for path in Path("out").iterdir()) == ["1", "2"]
    events = [path for path in (tmp_path / "run" / "logs" / "train").iterdir() if "tfevents" in path.name]
    assert len(events) == 2

    result = run("train", "--resume", "--run-dir", "run")
    assert result.exit_code == 0
    assert f"run is complete, with {2 * EPOCH} steps" in result.output
    assert sorted(path.name for path in Path("out").iterdir()) == ["1", "2"]


@pytest.mark.parametrize("signum", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_signal_saves_says_how_to_go_on_and_nothing_is_lost(run, whole, tmp_path, signum):
    # With so many checkpoints a step takes its time, and the signal comes before the end.
    process = start(tmp_path, *BEGIN, "--epochs", "2", "--checkpoint-steps", "1")
    wait_for_step(process, tmp_path, EPOCH)
    process.send_signal(signum)
    _, err = process.communicate()
    assert process.returncode == 128 + signum
    stopped, go_on = err.strip().splitlines()
    assert f"by {signal.Signals(signum).name}, all is saved" in stopped
    step = int(stopped.split()[3])
    assert EPOCH <= step < 2 * EPOCH
    assert (tmp_path / f"run/checkpoints/step-{step:09d}.keras").exists()
    assert not (tmp_path / "run/model.keras").exists()
    command = go_on.removeprefix("Go on with").split()
    assert command == ["python", "cli.py", "train", "--resume", "--run-dir", "run"]
    result = run(*command[2:])
    assert result.exit_code == 0, result.output
    assert f"from step {step}" in result.output
    assert_same_run(whole, tmp_path / "run")


def test_killed_while_it_writes_and_killed_again_it_ends_as_if_it_never_was(run, whole, tmp_path):
    """`benchmarks/kill_test.py` does this as often as wanted."""
    process = start(tmp_path, *BEGIN, "--epochs", "2", "--checkpoint-steps", "1")
    wait_for_step(process, tmp_path, EPOCH + 1)
    folder = tmp_path / "run" / "checkpoints"
    wait_for(process, lambda: any(".part." in name for name in os.listdir(folder)), pause=0)
    process.kill()
    process.communicate()
    process = start(tmp_path, "--resume", "--run-dir", "run")
    wait_for_step(process, tmp_path, EPOCH + 5)
    process.kill()
    process.communicate()
    result = run("train", "--resume", "--run-dir", "run")
    assert result.exit_code == 0, result.output
    assert int(result.output.split("from step ")[1].split()[0]) >= EPOCH + 5
    assert_same_run(whole, tmp_path / "run")


@pytest.fixture
def copied(whole, tmp_path):
    """A finished run in the working folder, to do harm to."""
    shutil.copytree(whole, tmp_path / "run")
    return tmp_path / "run"


def test_changed_settings_are_shown_and_refused_unless_on_purpose(run, copied):
    record = (copied / "config.json").read_text()
    changed = ["--resume", "--run-dir", copied, "--set", "generator_learning_rate=0.01", "--set", "r1=0.5"]
    fails(run("train", *changed), 2, "generator_learning_rate 0.0002 -> 0.01, r1 0.0 -> 0.5; go on with")
    fails(run("train", "--resume", "--run-dir", copied, "--seed", 4), 2, "seed 3 -> 4")
    fails(run("train", "--resume", "--run-dir", copied, "--preset", "mlp"), 2, "generator dcgan -> mlp")
    assert (copied / "config.json").read_text() == record

    result = run("train", *changed, "--allow-changes", "--epochs", 3)
    assert result.exit_code == 0, result.output
    assert "Changed: generator_learning_rate 0.0002 -> 0.01, r1 0.0 -> 0.5" in result.output
    gan = keras.saving.load_model(copied / "model.keras")
    assert float(gan.generator_optimizer.learning_rate) == pytest.approx(0.01)
    assert float(gan.discriminator_optimizer.learning_rate) == pytest.approx(2e-4)
    assert [penalty.name for penalty in gan.regularizers] == ["r1"]
    assert json.loads((copied / "config.json").read_text())["config"]["r1"] == 0.5


def test_what_trains_nothing_changes_nothing(run, copied):
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    for more in (["--epochs", 1], ["--seed", 9, "--allow-changes"]):
        result = run("train", "--resume", "--run-dir", copied, *more)
        assert result.exit_code == 0, result.output
        assert "is complete" in result.output
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == before


def test_a_damaged_model_of_a_complete_run_is_written_again(run, copied):
    content = (copied / "model.keras").read_bytes()
    os.truncate(copied / "model.keras", 1000)
    result = run("train", "--resume", "--run-dir", copied)
    assert result.exit_code == 0, result.output
    assert (copied / "model.keras").read_bytes() == content


def test_other_networks_do_not_fit_even_on_purpose(run, copied):
    record = (copied / "config.json").read_text()
    result = run("train", "--resume", "--run-dir", copied, "--set", "latent_dim=5", "--allow-changes", "--epochs", 3)
    assert result.exit_code == 1
    assert "is of other networks" in result.stderr
    assert (copied / "config.json").read_text() == record


def test_changed_images_are_noticed(run, tmp_path):
    from PIL import Image

    (tmp_path / "flat").mkdir()
    for i in range(20):
        Image.new("L", (8, 8), i).save(tmp_path / "flat" / f"{i:02d}.png")
    arguments = ["--dataset", "flat", "--batch-size", 8, *QUICK, "--epochs", 1, "--run-dir", "run"]
    assert run("train", *arguments).exit_code == 0
    Image.new("L", (8, 8), 99).save(tmp_path / "flat" / "03.png")
    fails(run("train", "--resume", "--run-dir", "run", "--epochs", 2), 2, "other images, labels or class names")


def test_what_cannot_be_resumed_is_said(run, tmp_path, copied):
    fails(run("train", "--resume"), 2, "--run-dir")
    fails(run("train", "--resume", "--run-dir", "nowhere"), 2, "there is no such folder")
    (tmp_path / "empty").mkdir()
    fails(run("train", "--resume", "--run-dir", "empty"), 2, "it has no config.json")
    fails(run("train", "--run-dir", copied), 2, "or go on with it: --resume")
    fails(run("train", "--allow-changes"), 2, "goes with --resume")
    fails(run("train", "--resume", "--run-dir", copied, "--set", "epochs=none"), 2, "would never end")
    for path in (copied / "checkpoints").iterdir():
        path.unlink()
    history = (copied / "history.csv").read_text()
    fails(run("train", "--resume", "--run-dir", copied, "--epochs", 3), 1, "its checkpoints are gone")
    assert (copied / "history.csv").read_text() == history
    (copied / "config.json").write_text("{")
    fails(run("train", "--resume", "--run-dir", copied), 2, "damaged")
    assert not (tmp_path / "empty" / ".lock").exists()


def test_two_processes_do_not_train_in_one_folder(run, copied):
    with FileLock(copied / ".lock"):
        fails(run("train", "--resume", "--run-dir", copied, "--epochs", 3), 2, "another process is training in")


def test_a_damaged_model_is_replaced_by_the_newest_checkpoint(run, copied, capfd):
    expected = run("generate", copied, "--output", "x.npz")
    os.truncate(copied / "model.keras", 1000)
    result = run("generate", copied, "--output", "y.npz")
    assert result.exit_code == expected.exit_code == 0
    assert f"taking step-{2 * EPOCH:09d}.keras" in result.output
    np.testing.assert_array_equal(arrays("x.npz")["images"], arrays("y.npz")["images"])


def test_divergence_ends_in_status_1_with_the_checkpoint_intact(run, tmp_path):
    result = run("train", *QUICK, "--epochs", 2, "--set", "discriminator_learning_rate=1e18", "--run-dir", "run")
    fails(result, 1, "training diverged at step")
    assert result.output.count("Back to step-000000000.keras") == 3
    assert "learning rates x 0.5 (rollback 3 of 3)" in result.output
    assert all(np.isfinite(w).all() for w in weights(tmp_path / "run/checkpoints/step-000000000.keras"))
    assert not (tmp_path / "run/model.keras").exists()
    assert not (tmp_path / "saved_models").exists()


def test_a_full_disk_is_said_and_the_old_checkpoint_stays(run, copied):
    files = {path.name: path.read_bytes() for path in (copied / "checkpoints").iterdir()}
    arguments = ["--resume", "--run-dir", "run", "--epochs", "3"]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(map(len, files.values())) // 2, before[1]))
    try:
        result = run("train", *arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    fails(result, 1, "cannot write to run: the disk is full, or a limit reached")
    assert {path.name: path.read_bytes() for path in (copied / "checkpoints").iterdir()} == files
    result = run("train", *arguments)
    assert result.exit_code == 0, result.output
    with open(copied / "history.csv") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1", "2"]


@pytest.mark.slow
def test_a_run_folder_that_is_deleted_is_missed(tmp_path):
    process = start(tmp_path, *QUICK, "--epochs", "50", "--run-dir", "run")
    wait_for_step(process, tmp_path, EPOCH)
    shutil.rmtree(tmp_path / "run")
    _, err = process.communicate()
    assert process.returncode == 1
    assert err == "Error: the run folder run was deleted or moved during the training\n"
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_deterministic_runs_have_the_same_bits(tmp_path):
    arguments = ["--deterministic", "--epochs", "1", "--conditional", "--set", "r1=0.3"]
    for name in "ab":
        process = start(tmp_path, *arguments, "--run-dir", name)
        out, err = process.communicate()
        assert process.returncode == 0, err
        assert "float32" in out
    assert_same_run(tmp_path / "a", tmp_path / "b")


def test_training_a_finished_run_further_leaves_no_old_model_behind(run, whole, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    shutil.copytree(whole, tmp_path / "run")
    assert int(kg.export.load(tmp_path / "run").step) == 2 * EPOCH
    monkeypatch.setattr("keras_gan.training.Session._finish", stop)
    assert run("train", "--resume", "--run-dir", "run", "--epochs", 3).exit_code == 130
    assert not (tmp_path / "run" / "model.keras").exists()
    assert int(kg.export.load(tmp_path / "run").step) == 3 * EPOCH
