"""Kills training processes at random moments, resumes them, and compares with the run that was never killed.

    python benchmarks/kill_test.py --kills 50

Each round starts a real `train`, kills it with SIGKILL at a random moment after its first checkpoint (every other round
in the very moment in which a checkpoint is being written), resumes it, and compares all weights, optimizer slots and
seeds, the history and the pictures with the reference, bit by bit. Exit status 1 if a round differs.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from multiprocessing.pool import ThreadPool
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from keras import ops

import keras_gan  # noqa: F401  Registers the classes that a checkpoint holds.

ROOT = Path(__file__).parents[1]
# Small and quick, with all that has state: labels, a penalty, two kinds of networks, many checkpoints.
SETTINGS = ["--conditional", "--preset", "cnn", "--set", "precision=float32", "--set", "minutes=none", "--epochs", "2"]
SETTINGS += ["--checkpoint-steps", "20", "--batch-size", "16"]


def train(folder, *arguments):
    command = [sys.executable, ROOT / "cli.py", "train", "--run-dir", "run", "--export-dir", "out", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process):
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"train ended with {process.returncode}:\n{output}")
    return output


def state(folder):
    gan = keras.saving.load_model(folder / "run" / "model.keras")
    parts = gan, gan.discriminator_optimizer, gan.generator_optimizer
    files = [*sorted((folder / "run" / "samples").iterdir()), folder / "run" / "history.csv"]
    return [ops.convert_to_numpy(v).tobytes() for part in parts for v in part.variables] + [
        path.read_bytes() for path in files
    ]


def half_written(folder):
    return any(".part." in name for name in os.listdir(folder / "run" / "checkpoints"))


def kill(process, folder, moment, while_writing):
    """SIGKILL after `moment` seconds of training, or at the next checkpoint then; says whether it was half written."""
    while not list((folder / "run").glob("checkpoints/step-*.keras")):
        time.sleep(0.01)
    time.sleep(moment)
    if while_writing:
        # Files are half written for milliseconds only: no pause.
        while process.poll() is None and not half_written(folder):
            pass
    process.kill()
    process.communicate()
    return half_written(folder)


def play(number, moment, folder, expected):
    """One round: says when the process was killed, and whether the end is the expected one."""
    folder.mkdir()
    half = kill(train(folder, *SETTINGS), folder, moment, while_writing=number % 2 == 0)
    done = (folder / "run" / "model.keras").exists()
    finish(train(folder, "--resume"))
    same = state(folder) == expected
    where = "half a checkpoint on disk" if half else "complete already" if done else "between checkpoints"
    print(f"{number + 1:3}  killed after {moment:4.1f} s, {where}: {'exact' if same else 'DIFFERENT'}", flush=True)
    if same:
        shutil.rmtree(folder)
    return half, same


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--parallel", type=int, default=2, help="rounds at a time")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        reference = Path(name) / "reference"
        reference.mkdir()
        process = train(reference, *SETTINGS)
        while not list((reference / "run").glob("checkpoints/step-*.keras")):
            time.sleep(0.01)
        start = time.monotonic()
        while not (reference / "run" / "samples" / "epoch-0002.png").exists():
            time.sleep(0.01)
        seconds = time.monotonic() - start
        finish(process)
        expected = state(reference)
        print(f"reference: {seconds:.1f} s from its first checkpoint, {len(expected)} tensors and files", flush=True)
        rounds = [
            (number, draw.uniform(0, seconds), Path(name) / f"{number}", expected) for number in range(arguments.kills)
        ]
        with ThreadPool(arguments.parallel) as pool:
            halves, exact = zip(*pool.starmap(play, rounds, chunksize=1))
    print(f"{len(rounds)} kills, {sum(halves)} while a checkpoint was written: {sum(exact)} exact ends")
    sys.exit(not all(exact))


if __name__ == "__main__":
    main()
