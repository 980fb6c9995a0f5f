"""Pictures of what the generator draws."""

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
