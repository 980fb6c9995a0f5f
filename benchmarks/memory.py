"""Trains with every callback of the command line and evaluation, and prints resident memory as it goes.

    python benchmarks/memory.py --steps 2000

Sampling, evaluation, checkpoint and logs come every 50 steps. Growth is from the first quarter of the run, when all has
happened several times, to the end. Exit status 1 if it is 2 % or more.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import sys
import tempfile
from pathlib import Path

import click
import keras
import numpy as np
import psutil
import tensorflow as tf
from keras import ops

from keras_gan import callbacks, datasets, presets

EPOCH = 50


class PixelDifference(keras.metrics.Mean):
    """Any metric that looks at real and fake images."""

    def update_state(self, real, fake):
        super().update_state(ops.mean(ops.abs(ops.mean(real, axis=0) - ops.mean(fake, axis=0))))


class Memory(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.megabytes = []

    def on_epoch_end(self, epoch, logs=None):
        self.megabytes.append(psutil.Process().memory_info().rss / 2**20)
        if (epoch + 1) % 4 == 0:
            gpu = ""
            if tf.config.list_physical_devices("GPU"):
                used = tf.config.experimental.get_memory_info("GPU:0")["current"]
                gpu = f"  GPU {used / 2**20:8.1f} MiB"
            print(f"step {int(self.model.step):5,}  {self.megabytes[-1]:8.1f} MiB{gpu}", flush=True)


@click.command()
@click.option("--steps", default=2000, show_default=True)
def main(steps):
    config = presets.preset("dcgan").replace(conditional=True, batch_size=16)
    train, test = datasets.load("digits"), datasets.load("digits", split="test")
    gan = presets.build(config, train.image_shape, train.num_classes)
    gan.compile(gan.generator_optimizer, gan.discriminator_optimizer, metrics=[PixelDifference("difference")])
    memory = Memory()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkpoint = callbacks.Checkpoint(folder / "checkpoints", monitor="val_difference")
        rollback = callbacks.Rollback(checkpoint)
        gan.fit(
            train.batches(config.batch_size),
            epochs=steps // EPOCH,
            steps_per_epoch=EPOCH,
            validation_data=test.batches(config.batch_size),
            validation_steps=10,
            shuffle=False,
            verbose=0,
            callbacks=[
                callbacks.SampleImages(folder / "samples", folder / "logs"),
                callbacks.CSVHistory(folder / "history.csv"),
                keras.callbacks.TensorBoard(str(folder / "logs"), write_graph=False),
                rollback,
                checkpoint,
                memory,
            ],
        )
    settled = float(np.median(memory.megabytes[len(memory.megabytes) // 4 :][:4]))
    last = float(np.median(memory.megabytes[-4:]))
    growth = last / settled - 1.0
    print(f"{settled:.1f} MiB after a quarter, {last:.1f} MiB at the end: {growth:+.2%}")
    sys.exit(growth >= 0.02)


if __name__ == "__main__":
    main()
