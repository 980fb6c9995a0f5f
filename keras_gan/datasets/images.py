"""Images in memory as uint8, with their labels: what all loaders give.

Source of the shuffle: `tf.random.experimental.index_shuffle`, a pseudo-random permutation without state, so that the
order of the data is a function of (seed, epoch) and can be taken up at any step.
"""

import dataclasses
import hashlib
import math

import numpy as np
import tensorflow as tf

from keras_gan import sampling
from keras_gan.errors import UserError

MEMORY_LIMIT = 8 * 2**30
SET_SIZE = "set image_size, on the command line --set image_size=64"


class NoSuchSplit(UserError):
    """A dataset has no split of that name."""


@dataclasses.dataclass(frozen=True, eq=False)
class ImageDataset:
    """Images in memory, with labels or without.

    Attributes:
        name: what it is called in run folders.
        images: uint8 array `(N, height, width, channels)`.
        labels: int64 array `(N,)` in [0, num_classes), or `None`.
        class_names: a name for each label, or `None`.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.images.shape[1:]

    @property
    def num_classes(self) -> int | None:
        return None if self.class_names is None else len(self.class_names)

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of images, labels and class names: the same data have the same."""
        digest = hashlib.blake2b(digest_size=16)
        for part in (self.images, self.labels):
            if part is not None:
                digest.update(f"{part.shape}".encode())
                digest.update(np.ascontiguousarray(part))
        digest.update(f"{self.class_names}".encode())
        return digest.hexdigest()

    def steps(self, batch_size: int) -> int:
        """Whole batches in a pass; raises `UserError` if not one can be had."""
        if not 1 <= batch_size <= len(self):
            raise UserError(f"batch size {batch_size} does not fit {self.name}: it has {len(self):,} images")
        return len(self) // batch_size

    def draw(self, num: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray | None]:
        """Images, as many as there are at most, and their labels or `None`: the first batch of that size."""
        rows = self._rows(tf.range(min(num, len(self)), dtype="int64"), seed, 0).numpy()
        return self.images[rows], None if self.labels is None else self.labels[rows]

    def batches(self, batch_size: int, seed: int = 0, start_step: int = 0) -> tf.data.Dataset:
        """An endless stream of whole batches, completely shuffled anew each pass: give `fit()` `steps_per_epoch`.

        Args:
            batch_size: images a batch, at most `len(self)`.
            seed: int; the order is a function of it and of the pass.
            start_step: batches to leave out, as if they had been read already.

        Returns:
            a dataset of uint8 images `(batch_size, height, width, channels)`, with int64 labels `(batch_size,)` where
            there are labels.
        """
        steps = self.steps(batch_size)
        images = tf.constant(self.images)
        labels = None if self.labels is None else tf.constant(self.labels)

        def read(step):
            positions = (step % steps) * batch_size + tf.range(batch_size, dtype="int64")
            rows = self._rows(positions, seed, step // steps)
            batch = tf.ensure_shape(tf.gather(images, rows), (batch_size, *self.image_shape))
            return batch if labels is None else (batch, tf.gather(labels, rows))

        return stream(read, start_step)

    def _rows(self, positions, seed, number):
        """Rows at positions, int64 tensors, of the shuffled pass of a number."""
        key = tf.stack([tf.constant(seed, "int64"), tf.cast(number, "int64")])
        last = tf.constant(len(self) - 1, "int64")
        return tf.random.experimental.index_shuffle(positions, seed=key, max_index=last)


def stream(read, start_step: int = 0) -> tf.data.Dataset:
    """An endless dataset of what `read` gives for each step: data that are drawn or looked up as a function of it.

    Args:
        read: function of an int64 scalar tensor, the step, in TensorFlow operations; returns a batch.
        start_step: int >= 0, the first step, so that a resumed run goes on where it was.
    """
    # There is nothing to tune, and to end the thread that would takes up to ten seconds, at the end of each `fit()`.
    options = tf.data.Options()
    options.autotune.enabled = False
    steps = tf.data.Dataset.range(start_step, np.iinfo("int64").max)
    return steps.map(read, num_parallel_calls=1).prefetch(2).with_options(options)


def from_arrays(images, labels=None, class_names=None, name: str = "arrays") -> ImageDataset:
    """Images and labels of your own.

    Args:
        images: uint8 array in [0, 255] or float array in [-1, 1], `(N, height, width, channels)` or
            `(N, height, width)`.
        labels: `None` or ints `(N,)` from 0.
        class_names: a name for each label; the labels themselves when `None`.

    Raises:
        UserError: if a shape, type or range is another one, or a value is not a number.
    """
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or not 1 <= images.shape[-1] <= 4 or not len(images):
        raise UserError(f"images must be (N, height, width, channels) with 1 to 4 channels, got {images.shape}")
    if np.issubdtype(images.dtype, np.floating):
        if not np.isfinite(images).all():
            raise UserError("images contain NaN or infinity")
        if np.abs(images).max() > 1.0:
            raise UserError(f"float images must be in [-1, 1], got [{images.min():g}, {images.max():g}]")
        images = np.asarray(sampling.to_uint8(images))
    if images.dtype != np.uint8:
        raise UserError(f"images must be uint8 in [0, 255] or float in [-1, 1], got {images.dtype}")
    if labels is None:
        return ImageDataset(name, images)
    labels = np.asarray(labels)
    if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
        raise UserError(f"labels must be {len(images)} ints, got {labels.dtype} of shape {labels.shape}")
    names = tuple(str(i) for i in range(int(labels.max()) + 1)) if class_names is None else tuple(class_names)
    if labels.min() < 0 or labels.max() >= len(names):
        raise UserError(f"labels must be 0 to {len(names) - 1}, got {labels.min()} to {labels.max()}")
    return ImageDataset(name, images, labels.astype("int64"), names)


def split(data: ImageDataset, every: int) -> tuple[ImageDataset, ImageDataset]:
    """Two datasets: each so many-th image, and the rest."""
    chosen = np.arange(len(data)) % every == every - 1
    if not chosen.any():
        raise UserError(f"{data.name} has too few images to hold any out of the training: {len(data)}; set hold_out=0")
    labels = [None if data.labels is None else data.labels[rows] for rows in (chosen, ~chosen)]
    parts = [
        dataclasses.replace(data, images=data.images[rows], labels=part)
        for rows, part in zip((chosen, ~chosen), labels)
    ]
    return tuple(parts)


def check_alike(train: ImageDataset, held_out: ImageDataset) -> None:
    """Raises `UserError` if held-out images have another shape or other classes than those to train on."""
    if held_out.image_shape != train.image_shape:
        raise UserError(
            f"the held-out images of {train.name} are {held_out.image_shape}, those to train on {train.image_shape}"
        )
    if held_out.class_names != train.class_names:
        raise UserError(
            f"the held-out images of {train.name} have {_classes(held_out)}, those to train on {_classes(train)}: they "
            "must be the same"
        )


def _classes(data):
    if not data.class_names:
        return "no labels"
    more = ", ..." if len(data.class_names) > 10 else ""
    return f"the classes {', '.join(data.class_names[:10])}{more}"


def check_memory(name, count, shape):
    if count * math.prod(shape) > MEMORY_LIMIT:
        raise UserError(f"{count:,} images of {shape} of {name} take over 8 GiB: {SET_SIZE}")
