"""`ImageDataset`, which all loaders return: images in memory as uint8, with their labels.

The shuffle is `tf.random.experimental.index_shuffle`, a pseudo-random permutation without state. So the order of the
data is a function of (seed, pass), and a resumed run can begin at any step.
"""

import dataclasses
import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from keras_gan import sampling
from keras_gan.datasets.reading import Reading
from keras_gan.datasets.stored import ImageFile
from keras_gan.errors import UserError
from keras_gan.types import Tensor

MEMORY_LIMIT = 8 * 2**30


class NoSuchSplit(UserError):
    """A dataset has no split of that name."""


@dataclasses.dataclass(frozen=True, eq=False)
class ImageDataset:
    """Images in memory or in a file, with or without labels.

    Attributes:
        name: name of the dataset, which names run folders too.
        images: uint8 array `(N, height, width, channels)`, or a `stored.ImageFile`, which can be used as one.
        labels: int64 array `(N,)` in [0, num_classes), or `None`.
        class_names: a name for each label, or `None`.
    """

    name: str
    images: Any
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        return self.images.shape[1:]

    @property
    def num_classes(self) -> int | None:
        """Number of classes, `None` without labels."""
        return None if self.class_names is None else len(self.class_names)

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of images, labels and class names, the same for the same data."""
        digest = hashlib.blake2b(digest_size=16)
        for part in (self.images, self.labels):
            if isinstance(part, ImageFile):
                digest.update(part.digest.encode())
            elif part is not None:
                digest.update(f"{part.shape}".encode())
                digest.update(np.ascontiguousarray(part).data)
        digest.update(f"{self.class_names}".encode())
        return digest.hexdigest()

    def steps(self, batch_size: int) -> int:
        """Returns the number of whole batches in a pass; raises `UserError` if there are too few images for one."""
        if not 1 <= batch_size <= len(self):
            raise UserError(
                f"batch size {batch_size} does not fit {self.name}: it has {len(self):,} images; set batch_size"
            )
        return len(self) // batch_size

    def draw(self, num: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray | None]:
        """Draws at most `num` images, with their labels or `None`.

        They are the first batch of that size in `batches` with the same seed.
        """
        rows = self._rows(tf.range(min(num, len(self)), dtype="int64"), seed, 0).numpy()
        return self.images[rows], None if self.labels is None else self.labels[rows]

    def take(self, rows: np.ndarray) -> "ImageDataset":
        """Returns some of the images with their labels, by a mask or by numbers; those in a file are not read."""
        images = self.images.select(rows) if isinstance(self.images, ImageFile) else self.images[rows]
        return dataclasses.replace(self, images=images, labels=None if self.labels is None else self.labels[rows])

    def read_as(self, reading: Reading) -> "ImageDataset":
        """Returns the same data with images in the size and with the channels that `reading` says."""
        if reading.size:
            check_memory(self.name, len(self), (*reading.size, self.image_shape[-1]))
        return dataclasses.replace(self, images=reading.arrays(self.images))

    def batches(self, batch_size: int, seed: int = 0, start_step: int = 0, mirror: bool = False) -> tf.data.Dataset:
        """Returns an endless stream of whole batches, completely shuffled anew in each pass.

        `fit()` needs `steps_per_epoch` with it.

        Args:
            batch_size: number of images in a batch, at most `len(self)`.
            seed: int; the order is a function of it and of the number of the pass.
            start_step: number of batches to skip, as if they had been read already.
            mirror: whether each image is turned left to right with a probability of a half, a function of `seed` and
                step too.

        Returns:
            a dataset of uint8 images `(batch_size, height, width, channels)`, with int64 labels `(batch_size,)` if the
            data have labels.

        Raises:
            UserError: if there are fewer images than `batch_size`.

        Examples:
            >>> gan.fit(data.batches(64), steps_per_epoch=250, epochs=20)
        """
        steps = self.steps(batch_size)
        look_up = _look_up(self.images)
        labels = None if self.labels is None else tf.constant(self.labels)

        def read(step):
            positions = (step % steps) * batch_size + tf.range(batch_size, dtype="int64")
            rows = self._rows(positions, seed, step // steps)
            batch = tf.ensure_shape(look_up(rows), (batch_size, *self.image_shape))
            if mirror:
                batch = _mirrored(batch, tf.stack([tf.constant(seed, "int64"), step]))
            return batch if labels is None else (batch, tf.gather(labels, rows))

        return stream(read, start_step)

    def _rows(self, positions, seed, number):
        """Returns which rows stand at `positions` of the shuffled pass with this number, as int64 tensors."""
        key = tf.stack([tf.constant(seed, "int64"), tf.cast(number, "int64")])
        last = tf.constant(len(self) - 1, "int64")
        return tf.random.experimental.index_shuffle(positions, seed=key, max_index=last)


def _look_up(images):
    """Returns a function that gives the images of some rows, as TensorFlow operations."""
    if isinstance(images, ImageFile):
        return lambda rows: tf.numpy_function(images.__getitem__, [rows], tf.uint8, stateful=False)
    constant = tf.constant(images)
    return lambda rows: tf.gather(constant, rows)


def _mirrored(images, seed):
    chosen = tf.random.stateless_uniform((len(images), 1, 1, 1), seed, alg="philox") < 0.5
    return tf.where(chosen, tf.reverse(images, [2]), images)


def stream(read: Callable[[Tensor], Any], start_step: int = 0) -> tf.data.Dataset:
    """Returns an endless dataset of the batches that `read` draws or looks up for each step.

    Args:
        read: function of the step, an int64 scalar tensor, that returns a batch. It must use TensorFlow operations.
        start_step: int >= 0, the first step; a resumed run gives its own.
    """
    # There is nothing to tune here, and ending the tuning thread takes up to ten seconds at the end of each `fit()`.
    options = tf.data.Options()
    options.autotune.enabled = False
    steps = tf.data.Dataset.range(start_step, np.iinfo("int64").max)
    return steps.map(read, num_parallel_calls=1).prefetch(2).with_options(options)


def from_arrays(
    images: ArrayLike,
    labels: ArrayLike | None = None,
    class_names: Iterable[str] | None = None,
    name: str = "arrays",
) -> ImageDataset:
    """Makes a dataset of images and labels of your own.

    Args:
        images: uint8 array in [0, 255] or float array in [-1, 1], `(N, height, width, channels)` or
            `(N, height, width)`, with 1 to 4 channels.
        labels: ints `(N,)` from 0 on, or `None`.
        class_names: a name for each class; when `None`, the numbers are the names.
        name: name of the dataset.

    Raises:
        UserError: if a shape, type or range is another one, or a value is not finite.

    Examples:
        >>> pixels, kinds = np.zeros((300, 8, 8), "uint8"), np.arange(300) % 3
        >>> data = kg.datasets.from_arrays(pixels, kinds, class_names=["cat", "dog", "bird"])
        >>> data.image_shape
        (8, 8, 1)
    """
    images = cast(np.ndarray, images if isinstance(images, ImageFile) else np.asarray(images))
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
    """Splits a dataset into two: one image in `every`, and the rest.

    Raises:
        UserError: if there are fewer images than `every`.
    """
    chosen = np.arange(len(data)) % every == every - 1
    if not chosen.any():
        raise UserError(f"{data.name} has too few images to hold any out of the training: {len(data)}; set hold_out=0")
    return data.take(chosen), data.take(~chosen)


def check_alike(train: ImageDataset, held_out: ImageDataset) -> None:
    """Raises `UserError` if held-out images have another shape or other classes than the training images."""
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


def check_memory(name: str, count: int, shape: Sequence[int]) -> None:
    if count * math.prod(shape) > MEMORY_LIMIT:
        raise UserError(f"{count:,} images of {shape} of {name} take over 8 GiB: set a smaller image_size")
