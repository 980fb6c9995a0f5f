"""`compare` on the command line."""

import json
import os
import signal
import subprocess
import sys

import pytest
from commands import fails
from filelock import FileLock

from keras_gan.cli.compare import _exit_on_signals

SMALL = ["--steps", "20", "--seeds", "1", "--num", "200", "--set", "precision=float32", "--conditional"]


@pytest.mark.usefixtures("runs_in_process")
def test_two_ways_are_compared_and_what_is_done_stays_done(run, tmp_path):
    entries = ["mlp", "mlp/mlp:loss=hinge,precision=mixed_bfloat16"]
    result = run("compare", *entries, *SMALL, "--output", "out")
    assert result.exit_code == 0, result.output
    assert "[2/2] mlp/mlp:loss=hinge,precision=mixed_bfloat16, seed 0: FCD" in result.output
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [row["name"] for row in content["rows"]] == entries
    assert content["rows"][1]["config"]["loss"] == "hinge"
    assert [row["config"]["precision"] for row in content["rows"]] == ["float32", "mixed_bfloat16"]
    for row in content["rows"]:
        (done,) = row["runs"]
        assert (done["failure"], done["steps"]) == (None, 20)
        assert len(done["curve"]) == 1
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 3  # Costs and samples; a point is no curve.
    assert "Unfinished" not in page
    again = run("compare", *entries, *SMALL, "--output", "out")
    assert again.exit_code == 0
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == content
    other = run("compare", "mlp", "mlp", *SMALL[2:], "--output", "out")
    fails(other, 2, "two of the names are the same")
    fails(run("compare", "mlp:r1=1", *SMALL, "--output", "out"), 1, "holds a run with other settings")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mlp", "dcgam"], "unknown preset 'dcgam': did you mean dcgan"),
        (["mlp", "--minutes", "1", "--steps", "5"], "give only one budget: --minutes or --steps"),
        (["mlp", "--set", "r1"], "settings are KEY=VALUE, got 'r1'"),
        (["mlp", "--dataset", "nowhere/"], "nowhere"),
        (
            ["mlp:image_size=9", "mlp"],
            "all are trained on the same images: give hold_out and what is said of images to all, with --set",
        ),
        ([], "NAME"),
    ],
)
def test_mistakes(run, arguments, message):
    fails(run("compare", *arguments, "--output", "out"), 2, message)


STARTING = "def __init__(self, *args): super().__init__(*args); self.tell()"
WAITING = "def wait(self, *args): self.tell(); return super().wait(*args)"


@pytest.mark.parametrize("when", [STARTING, WAITING])
def test_a_signal_ends_the_run_in_progress_too(when):
    code = f"""
import subprocess, time
from keras_gan import signals
from keras_gan.cli.compare import _exit_on_signals
class Told(subprocess.Popen):
    told = False
    def tell(self):
        if not self.told:
            self.told = True
            print(self.pid, flush=True)
            time.sleep(2)
    {when}
subprocess.Popen = Told
with _exit_on_signals():
    signals.run(["sleep", "600"])
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            child = int(process.stdout.readline())
            process.send_signal(signal.SIGTERM)
            # So long that only a process that waits for its child to end by itself is late.
            assert process.wait(60) == 128 + signal.SIGTERM
        finally:
            process.kill()
    # It has waited for its child too, so there is not even a zombie.
    with pytest.raises(ProcessLookupError):
        os.kill(child, signal.SIGKILL)


@pytest.mark.usefixtures("runs_in_process")  # For the classifier.
def test_a_run_that_fails_is_an_exit_status_and_the_folder_is_locked(run, tmp_path, monkeypatch):
    from keras_gan import comparison

    monkeypatch.setattr(comparison, "start", lambda *_: {"failure": "it broke"})
    result = run("compare", "mlp", *SMALL, "--output", "out")
    assert result.exit_code == 1
    assert "1 of 1 runs failed: the same command tries them again" in result.stderr
    with FileLock(tmp_path / "out" / ".lock"):
        fails(run("compare", "mlp", *SMALL, "--output", "out"), 2, "another process is training in out")
    fails(run("compare", "mlp", "mlp", *SMALL, "--output", "out"), 2, "two of the names are the same: mlp")


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with _exit_on_signals():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
