"""Callbacks for the training of a `keras_gan.GAN`, beside those of Keras."""

import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image


class SampleImages(keras.callbacks.Callback):
    """Writes a PNG grid of samples after each epoch, from the same latents each time.

    Conditional models show a class in each row (the first 16 classes), others 8 rows of 8.

    Args:
        folder: where `epoch-0001.png` ... go; made if missing.
        log_dir: TensorBoard's folder, to show the grids there too; `None` for not.
        seed: int >= 0, chooses the latents.
    """

    def __init__(self, folder, log_dir=None, seed: int = 0):
        super().__init__()
        self.folder = Path(folder)
        self.log_dir = log_dir
        self.seed = seed
        self.path = None

    def on_train_begin(self, logs=None):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.writer = tf.summary.create_file_writer(str(self.log_dir)) if self.log_dir else None

    def on_epoch_end(self, epoch, logs=None):
        grid = sample_grid(self.model, self.seed)
        self.path = self.folder / f"epoch-{epoch + 1:04d}.png"
        save_png(self.path, grid)
        if self.writer:
            with self.writer.as_default():
                tf.summary.image("samples", (grid if grid.ndim == 3 else grid[..., np.newaxis])[np.newaxis], epoch + 1)
            self.writer.flush()

    def on_train_end(self, logs=None):
        if self.writer:
            self.writer.close()


class TimeLimit(keras.callbacks.Callback):
    """Stops training after the step in which a time limit is reached.

    Args:
        minutes: float > 0, counted from the start of training, the compilation of the step included.
    """

    def __init__(self, minutes: float):
        super().__init__()
        if not minutes > 0:
            raise ValueError(f"minutes must be a number > 0, got {minutes!r}")
        self.minutes = minutes
        self._start = None

    @property
    def elapsed(self) -> float:
        """Minutes of training so far."""
        return (time.monotonic() - self._start) / 60.0

    def on_train_begin(self, logs=None):
        self._start = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        if self.elapsed >= self.minutes:
            self.model.stop_training = True


class Progress(keras.callbacks.ProgbarLogger):
    """Keras's progress bar, also for runs that end by time; a line an epoch where the output is no terminal.

    Give `fit()` `verbose=0` with it, or there are two.

    Args:
        minutes: the time limit that each epoch's title shows, or `None`.
    """

    def __init__(self, minutes: float | None = None):
        super().__init__()
        self.minutes = minutes

    def set_params(self, params):
        super().set_params({**params, "verbose": 1 if sys.stdout.isatty() else 2})

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._start = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        if self.minutes:
            elapsed = (time.monotonic() - self._start) / 60.0
            print(f"Epoch {epoch + 1}, {elapsed:.1f} of {self.minutes:g} minutes", flush=True)
            self.epochs = 0  # Silences Keras's own title, which would count to a limit that is not one.
        super().on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch, logs=None):
        self.target = self.progbar.target = self.seen
        super().on_epoch_end(epoch, logs)


def sample_grid(gan, seed: int = 0) -> np.ndarray:
    """Samples in a grid, uint8 `(height, width, channels)`: a class in each row, or 8 x 8 for unconditional models."""
    if gan.num_classes:
        rows, columns = min(gan.num_classes, 16), 10
        # Each row shows the same latents, so that what changes down a column is the class alone.
        images = [gan.generate(columns, labels=label, seed=seed) for label in range(rows)]
        return image_grid(np.concatenate(images), columns)
    return image_grid(gan.generate(64, seed=seed), 8)


def image_grid(images: np.ndarray, columns: int) -> np.ndarray:
    """Images side by side with thin gaps, small ones enlarged smoothly, by a whole factor, to 64 pixels at most.

    Args:
        images: uint8 `(N, height, width, channels)`.
        columns: images a row.

    Returns:
        uint8 `(rows * ..., columns * ..., channels)`.
    """
    scale = max(1, 64 // max(images.shape[1:3]))
    if scale > 1:
        size = (images.shape[2] * scale, images.shape[1] * scale)
        enlarged = [np.asarray(_picture(image).resize(size, Image.Resampling.BICUBIC)) for image in images]
        images = np.stack(enlarged).reshape(len(images), size[1], size[0], images.shape[3])
    count, height, width, channels = images.shape
    rows, gap = -(-count // columns), 2
    grid = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), 255, "uint8")
    for index, image in enumerate(images):
        top, left = gap + index // columns * (height + gap), gap + index % columns * (width + gap)
        grid[top : top + height, left : left + width] = image
    return grid


def save_png(path, image: np.ndarray) -> None:
    """Writes a uint8 image `(height, width, 1 to 4 channels)`."""
    _picture(image).save(path)


def _picture(image):
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
