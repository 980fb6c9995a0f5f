"""Our side of `throughput.py`: a real training that stops and goes, what its step must cost, and its profile."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import collections
import contextlib
import json
import re
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import roofline
import tensorflow as tf

import keras_gan as kg
from keras_gan import gan as gan_module
from keras_gan import optimizers

BATCH = 64


class Windows(keras.callbacks.Callback):
    """Reads lines `steps` from the input, and answers each with the milliseconds of a step, once they are made."""

    def __init__(self, answers):
        super().__init__()
        self.answers = answers
        self.left = 0

    def on_train_batch_end(self, batch, logs=None):
        made = self.model.steps_per_execution
        if self.left == 0 and batch < 3 * made:  # The first executions trace, and warm up.
            return
        self.left -= made
        if self.left <= 0:
            tf.test.experimental.sync_devices()
            if self.left + made > 0:
                print(1e3 * (time.perf_counter() - self.start) / self.steps, file=self.answers, flush=True)
            else:
                print("ready", file=self.answers, flush=True)
            line = sys.stdin.readline()
            if not line:
                os._exit(0)
            self.steps = -(-int(line) // made) * made
            self.left, self.start = self.steps, time.perf_counter()


def random_data():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (60_000, 28, 28, 1), dtype="uint8"), rng.integers(0, 10, 60_000)


def train(preset, classes, precision, **settings):
    """Trains, from one window to the next, until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    settings = {**settings_of(preset, classes, precision), "minutes": 60.0, "epochs": None, **settings}
    with tempfile.TemporaryDirectory() as folder:
        kg.train(preset, random_data(), run_dir=f"{folder}/run", callbacks=[Windows(answers)], **settings)


def settings_of(preset, classes, precision):
    return {"conditional": bool(classes), "precision": precision}


def build(preset, classes, precision):
    config = kg.presets.preset(preset).replace(**settings_of(preset, classes, precision), schedule="constant")
    return kg.presets.build(config, (28, 28, 1), classes or None)


def roofline_of(preset: str, classes: int, precision: str) -> tuple[float, float]:
    """Returns the least seconds that a step of 64 digits can take here, and its GFLOP."""
    gan = build(preset, classes, precision)
    flops = max(roofline.peak(roofline.policy_dtype(precision), size) for size in (512, 1024, 2048))
    seconds = roofline.floor_seconds(gan, BATCH, flops, roofline.bandwidth(64))
    return seconds, roofline.step_flops(gan, BATCH) / 1e9


def profile(preset: str, classes: int, precision: str, steps: int = 100) -> None:
    """Prints where the time of a step goes: by part and by kernel, in microseconds of all threads together.

    The step is not compiled by XLA, which would leave no kernels to tell apart.
    """
    images, labels = random_data()
    data = kg.datasets.from_arrays(images, labels if classes else None)
    with named_parts():
        gan = build(preset, classes, precision)
        batches = data.batches(BATCH)
        gan.fit(batches, steps_per_epoch=10, verbose=0)
        with tempfile.TemporaryDirectory() as folder:
            tf.profiler.experimental.start(folder)
            start = time.perf_counter()
            gan.fit(batches, steps_per_epoch=steps, verbose=0)
            microseconds = 1e6 * (time.perf_counter() - start) / steps
            tf.profiler.experimental.stop()
            events = list(operations(Path(folder)))
    print(f"{preset}, {classes} classes, {precision}: {microseconds:,.0f} us a step under the profiler")
    for title, key in (("part", part_of), ("kernel", lambda name, kind: kind)):
        totals, counts = collections.Counter(), collections.Counter()
        for name, kind, duration in events:
            totals[key(name, kind)] += duration / steps
            counts[key(name, kind)] += 1
        everything = sum(totals.values())
        print(f"  by {title}: {everything:,.0f} us of all threads in operations")
        for each, total in totals.most_common(14):
            print(f"    {total:8,.0f} us {total / everything:5.0%} {counts[each] / steps:7.1f} times  {each}")


@contextlib.contextmanager
def named_parts():
    """Gives the operations of a step the names of its parts, within the context."""

    def named(part, function):
        def run(*args, **kwargs):
            with tf.name_scope(f"part_{part}"):
                return function(*args, **kwargs)

        return run

    gan = gan_module.GAN
    with contextlib.ExitStack() as stack:
        for owner, attribute, part in (
            (gan, "_unpack", "input"),
            (gan, "_train_discriminator", "discriminator"),
            (gan, "_train_generator", "generator"),
            (gan, "_update_ema_generator", "average"),
            (kg.regularizers.R1, "penalty", "penalty"),
            (optimizers.Adam, "update_step", "optimizer"),
            (tf.math, "is_finite", "guard"),
        ):
            stack.enter_context(mock.patch.object(owner, attribute, named(part, getattr(owner, attribute))))
        yield


def part_of(name: str, kind: str) -> str:
    """Returns the part that an operation belongs to: the innermost."""
    found = re.findall(r"part_([a-z]+)", name)
    return found[-1] if found else "rest: metrics, gradients' names, control"


def operations(folder: Path):
    """Yields name, kind and microseconds of the operations in a trace, without what is nested within them."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    for path in folder.rglob("*.xplane.pb"):
        for plane in xplane_pb2.XSpace.FromString(path.read_bytes()).planes:
            for line in plane.lines:
                if not line.display_name.startswith("tf_Compute") and not line.name.startswith("tf_Compute"):
                    continue
                open_events = []
                events = sorted(line.events, key=lambda event: (event.offset_ps, -event.duration_ps))
                for event in events:
                    text = plane.event_metadata[event.metadata_id].name.split("#")[0]
                    while open_events and open_events[-1][2] <= event.offset_ps:
                        yield from _closed(open_events.pop())
                    if open_events:
                        open_events[-1][1] -= event.duration_ps
                    open_events.append([text, event.duration_ps, event.offset_ps + event.duration_ps])
                while open_events:
                    yield from _closed(open_events.pop())


def _closed(event):
    text, picoseconds, _ = event
    name, found, kind = text.rpartition(":")
    if found:
        yield name, kind, picoseconds / 1e6


if __name__ == "__main__":
    train(**json.loads(sys.argv[1]))
