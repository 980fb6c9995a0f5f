"""Pictures of samples, written during training."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_gan.pictures import image_grid, save_png
from keras_gan.sampling import Sampler
from keras_gan.types import Logs, StrPath


class SampleImages(keras.callbacks.Callback):
    """Writes a grid of samples as a PNG file after each epoch, from the same latents each time.

    A grid of a conditional model shows one class in each row (up to 16 classes), any other 8 rows of 8 samples.

    Args:
        folder: folder for the files `epoch-0001.png`, `epoch-0002.png` ...; made if missing.
        log_dir: folder of TensorBoard, which then shows the grids too; `None` for files only.
        seed: int >= 0, which chooses the latents.

    Examples:
        >>> gan.fit(images, labels, callbacks=[kg.callbacks.SampleImages("samples")])
    """

    def __init__(self, folder: StrPath, log_dir: StrPath | None = None, seed: int = 0) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.log_dir = log_dir
        self.seed = seed

    def on_train_begin(self, logs: Logs = None) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.writer = tf.summary.create_file_writer(str(self.log_dir)) if self.log_dir else None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        grid = sample_grid(self.model, self.seed)
        save_png(self.folder / f"epoch-{epoch + 1:04d}.png", grid)
        if self.writer:
            with self.writer.as_default():
                tf.summary.image("samples", (grid if grid.ndim == 3 else grid[..., np.newaxis])[np.newaxis], epoch + 1)
            self.writer.flush()

    def on_train_end(self, logs: Logs = None) -> None:
        if self.writer:
            self.writer.close()


def sample_grid(gan: Sampler, seed: int = 0) -> np.ndarray:
    """Draws a grid of samples, uint8 `(height, width, channels)`: one class in each row, or 8 x 8 if unconditional."""
    if gan.num_classes:
        rows, columns = min(gan.num_classes, 16), 10
        # All rows show the same latents, so that only the class changes down a column.
        images = [gan.generate(columns, labels=label, seed=seed) for label in range(rows)]
        return image_grid(np.concatenate(images), columns)
    return image_grid(gan.generate(64, seed=seed), 8)
