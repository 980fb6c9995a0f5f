"""Training on more images than fit in memory: speed, memory and start, beside images that are in memory.

    python benchmarks/streaming.py --images 1000000          # writes 12 GB to a temporary folder
    python benchmarks/streaming.py --images 100000

Random images of 64 x 64 in an `.npy` file, preset `dcgan`. Processes take turns: one reads each batch from the file,
the other has a part of the images in memory. `first` is from the start of the process to the end of the first steps.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tempfile
import time
from pathlib import Path

import child
import click
import numpy as np

# Images of the process that has them in memory, and side of an image.
IN_MEMORY, SIDE = 50_000, 64


def train(begun: float, path: str, from_file: bool, seconds: float) -> dict:
    """Trains for so many seconds; returns images/s, seconds to the first steps, and MiB."""
    import keras

    import keras_gan as kg
    from keras_gan.datasets import archives

    times = []

    class Times(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            times.append(time.time())

    archives.IN_MEMORY = 0  # Also a small file is read batch by batch.
    data = path if from_file else np.load(path, mmap_mode="r")[:IN_MEMORY].copy()
    with tempfile.TemporaryDirectory() as folder:
        session = kg.train(
            "dcgan", data, minutes=seconds / 60, epoch_steps=10**5, run_dir=f"{folder}/run", callbacks=[Times()]
        )
    images = session.config.batch_size * session.model.steps_per_execution
    return {
        "images_per_second": images / float(np.median(np.diff(times)[len(times) // 4 :])),
        "first": times[0] - begun,
        "megabytes": kg.comparison.peak_memory(),
    }


@click.command()
@click.option("--images", default=1_000_000, show_default=True)
@click.option("--rounds", default=2, show_default=True)
@click.option("--seconds", default=60.0, show_default=True, help="Training of each process.")
def main(images, rounds, seconds):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        rng, shape = np.random.default_rng(0), (images, SIDE, SIDE, 3)
        # Written without mapping: what this process has in memory would count for those that it starts.
        with open(path, "wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(0, images, 10_000):
                part = (min(10_000, images - start), *shape[1:])
                file.write(rng.integers(0, 256, part, dtype="uint8").data)
        for _ in range(rounds):
            for from_file in (True, False):
                found = child.measured(__file__, path=str(path), from_file=from_file, seconds=seconds)
                name = f"{images:,} in a file" if from_file else f"{min(images, IN_MEMORY):,} in memory"
                print(
                    f"{name:22}{found['images_per_second']:6.0f} images/s   first {found['first']:5.1f} s   "
                    f"{found['megabytes']:6,.0f} MiB",
                    flush=True,
                )


if __name__ == "__main__":
    child.run(train, main)
