"""`compare` on the command line."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from commands import fails
from filelock import FileLock

from keras_gan.cli.compare import _exit_on_signals

SMALL = ["--steps", "250", "--seeds", "1", "--num", "200", "--set", "precision=float32", "--conditional"]


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
        assert (done["failure"], done["steps"]) == (None, 250)
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
            "all are trained on the same images: give image_size and hold_out to all, with --set",
        ),
        ([], "NAME"),
    ],
)
def test_mistakes(run, arguments, message):
    fails(run("compare", *arguments, "--output", "out"), 2, message)


def test_a_signal_ends_the_run_in_progress_too():
    code = """
import subprocess
from keras_gan.cli.compare import _exit_on_signals
with _exit_on_signals():
    subprocess.run(["sh", "-c", "echo $$; exec sleep 60"])
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    child = int(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    process.stdout.close()
    deadline = time.monotonic() + 30
    while _is_alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


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
