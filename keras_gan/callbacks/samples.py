"""Pictures of what the generator draws."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_gan.pictures import image_grid, save_png


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

    def on_train_begin(self, logs=None):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.writer = tf.summary.create_file_writer(str(self.log_dir)) if self.log_dir else None

    def on_epoch_end(self, epoch, logs=None):
        grid = sample_grid(self.model, self.seed)
        save_png(self.folder / f"epoch-{epoch + 1:04d}.png", grid)
        if self.writer:
            with self.writer.as_default():
                tf.summary.image("samples", (grid if grid.ndim == 3 else grid[..., np.newaxis])[np.newaxis], epoch + 1)
            self.writer.flush()

    def on_train_end(self, logs=None):
        if self.writer:
            self.writer.close()


def sample_grid(gan, seed: int = 0) -> np.ndarray:
    """Samples in a grid, uint8 `(height, width, channels)`: a class in each row, or 8 x 8 for unconditional models."""
    if gan.num_classes:
        rows, columns = min(gan.num_classes, 16), 10
        # Each row shows the same latents, so that what changes down a column is the class alone.
        images = [gan.generate(columns, labels=label, seed=seed) for label in range(rows)]
        return image_grid(np.concatenate(images), columns)
    return image_grid(gan.generate(64, seed=seed), 8)
