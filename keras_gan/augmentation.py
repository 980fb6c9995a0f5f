"""Differentiable augmentation of everything that the discriminator sees, real and fake.

Each transformation is applied to each sample independently, with the same probability. If that probability is below 1
and the amount is random, the augmentation does not leak into what is generated: the distribution of the augmented
images still determines the distribution of the original ones, so the generator learns the original images and not the
augmented ones (Karras et al., arXiv:2006.06676, section 2.2).
"""

import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gan.errors import UserError
from keras_gan.types import Tensor

# No flip: it could turn one letter or digit into another.
DEFAULT = ("translation", "scale", "rotation", "brightness", "contrast", "saturation", "cutout")


@keras.saving.register_keras_serializable(package="keras_gan")
class Augmentation(keras.layers.Layer):
    """Random transformations of images `(batch, height, width, channels)` in [-1, 1], of any size.

    Brightness, contrast and saturation leave the fourth of four channels as it is, which is the transparency. The
    result is twice differentiable in the images. Where a transformation moves the border into view, the image is
    continued by its mirror image.

    Args:
        transformations: names of the transformations, applied in this order: `flip` (left to right), `translation` (up
            to an eighth of the side), `scale` (log-normal, mostly by up to a fifth), `rotation` (up to 15 degrees),
            `brightness` (adds up to 0.25), `contrast` (log-normal, mostly by up to a fifth), `saturation` (the same,
            about the mean of the channels), `cutout` (turns a quarter of the area grey), `noise` (adds normal noise).
        probability: probability of each transformation, in [0, 1]. It is a weight, so it is saved with the model and
            `callbacks.AdaptiveAugmentation` can change it.
        noise: standard deviation of `noise`, a float >= 0. `Augmentation(("noise",), 1.0)` is instance noise.

    Raises:
        UserError: if a name is unknown, or the probability or the noise is out of range.

    Examples:
        >>> augmentation = kg.augmentation.Augmentation(("translation", "cutout"), probability=0.4)
        >>> gan = kg.GAN(generator, discriminator, augmentation)

    Source: Zhao et al. (DiffAugment), arXiv:2006.10738; Karras et al. (ADA), arXiv:2006.06676, appendix B.
    """

    def __init__(
        self, transformations: Sequence[str] = DEFAULT, probability: float = 0.5, noise: float = 0.1, **kwargs: Any
    ) -> None:
        super().__init__(**{"dtype": "float32", "trainable": False, **kwargs})
        for name in transformations:
            if name not in TRANSFORMATIONS:
                raise UserError(f"unknown transformation {name!r}: there are {', '.join(TRANSFORMATIONS)}")
        if not 0.0 <= probability <= 1.0:
            raise UserError(f"probability must be in [0, 1], got {probability!r}")
        if not noise >= 0.0:
            raise UserError(f"noise must be a number >= 0, got {noise!r}")
        self.transformations = tuple(transformations)
        self.noise = float(noise)
        self.initial_probability = probability
        self.probability = self.add_weight(
            (), keras.initializers.Constant(probability), name="probability", aggregation="only_first_replica"
        )
        self.built = True

    def call(self, images: Tensor, seed: Tensor) -> Tensor:
        """Returns the augmented images, float32, of the same shape.

        Args:
            images: float tensor `(batch, height, width, channels)` in [-1, 1].
            seed: int64 tensor `(2,)` for `tf.random.stateless_*`.
        """
        images = ops.cast(images, "float32")
        draw = _Draw(seed, tf.shape(images)[0], self.probability, self.noise)
        images = self._move(images, draw)
        for name in self.transformations:
            if name in _COLOUR:
                images = _COLOUR[name](images, draw)
        return images

    def _move(self, images, draw):
        """Applies flip, translation, scale and rotation as one resampling, so that each image is interpolated once."""
        wanted = [name for name in self.transformations if name in _MOTION]
        if not wanted:
            return images
        matrix = tf.eye(3, batch_shape=[draw.batch])
        for name in wanted:
            matrix = matrix @ _MOTION[name](draw, images.shape[1:3])
        return _resample(images, matrix)

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...], *args: Any, **kwargs: Any
    ) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "transformations": list(self.transformations),
            "probability": self.initial_probability,
            "noise": self.noise,
        }


class _Draw:
    """The random numbers of one call: each method draws new ones, `(batch, ...)`, independent of all others.

    `shift` and `factor` return the neutral value for those samples that the transformation leaves as they are.
    """

    def __init__(self, seed, batch, probability, noise):
        self.seed, self.batch, self.probability, self.noise = seed, batch, probability, noise
        self._purpose = 0

    def uniform(self, shape=()):
        return tf.random.stateless_uniform((self.batch, *shape), self._next(), alg="philox")

    def normal(self, shape=()):
        return tf.random.stateless_normal((self.batch, *shape), self._next(), alg="philox")

    def shift(self, limit, shape=()):
        """Draws uniformly from [-limit, limit], or gives 0."""
        return self.where_drawn((2.0 * self.uniform(shape) - 1.0) * limit)

    def factor(self, shape=()):
        """Draws from a log-normal distribution, mostly up to a fifth more or less than 1, or gives 1."""
        return self.where_drawn(tf.exp(self.normal(shape) * np.log(1.2)), 1.0)

    def where_drawn(self, value, neutral=0.0):
        """Keeps `value` for samples that are to be transformed, and puts `neutral` in place of the others."""
        drawn = self.uniform() < self.probability
        return tf.where(ops.reshape(drawn, (-1,) + (1,) * (len(value.shape) - 1)), value, neutral)

    def _next(self):
        self._purpose += 1
        return tf.random.experimental.stateless_fold_in(self.seed, self._purpose)


def _matrices(rows):
    """Stacks three rows of three entries, each a float or a tensor `(batch,)`, into matrices `(batch, 3, 3)`."""
    one = tf.ones_like(next(part for row in rows for part in row if not isinstance(part, float)))
    return tf.stack([tf.stack([part * one for part in row], axis=-1) for row in rows], axis=-2)


# Each of these returns a matrix that maps the place of an output pixel to the place where the input is read. Places are
# (y, x, 1), in pixels from the centre of the image.
def _flip(draw, side):
    sign = draw.where_drawn(tf.sign(draw.uniform() - 0.5), 1.0)
    return _matrices([[1.0, 0.0, 0.0], [0.0, sign, 0.0], [0.0, 0.0, 1.0]])


def _translation(draw, side):
    y, x = (draw.shift(length / 8.0) for length in side)
    return _matrices([[1.0, 0.0, y], [0.0, 1.0, x], [0.0, 0.0, 1.0]])


def _scale(draw, side):
    factor = draw.factor()
    return _matrices([[factor, 0.0, 0.0], [0.0, factor, 0.0], [0.0, 0.0, 1.0]])


def _rotation(draw, side):
    angle = draw.shift(np.pi / 12.0)
    cos, sin = tf.cos(angle), tf.sin(angle)
    return _matrices([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def _of_colour(change):
    """Makes a change of colours leave the fourth channel as it is, because that is the transparency."""

    @functools.wraps(change)
    def changed(images, draw):
        if images.shape[-1] != 4:
            return change(images, draw)
        return ops.concatenate([change(images[..., :3], draw), images[..., 3:]], axis=-1)

    return changed


@_of_colour
def _brightness(images, draw):
    return images + draw.shift(0.25, (1, 1, 1))


@_of_colour
def _contrast(images, draw):
    return images * draw.factor((1, 1, 1))


@_of_colour
def _saturation(images, draw):
    grey = ops.mean(images, axis=-1, keepdims=True)
    return grey + (images - grey) * draw.factor((1, 1, 1))


def _cutout(images, draw):
    inside = 1.0
    for axis, length in zip((1, 2), images.shape[1:3]):
        position = ops.reshape(tf.range(length, dtype="float32"), [-1 if a == axis else 1 for a in range(4)])
        inside = inside * ops.cast(tf.abs(position + 0.5 - draw.uniform((1, 1, 1)) * length) < length / 4.0, "float32")
    return images * (1.0 - draw.where_drawn(inside))


def _noise(images, draw):
    return images + draw.where_drawn(draw.noise * draw.normal(images.shape[1:]))


_MOTION = {"flip": _flip, "translation": _translation, "scale": _scale, "rotation": _rotation}
_COLOUR = {
    "brightness": _brightness,
    "contrast": _contrast,
    "saturation": _saturation,
    "cutout": _cutout,
    "noise": _noise,
}
TRANSFORMATIONS = (*_MOTION, *_COLOUR)


def _resample(images, matrix):
    """Reads images at `matrix @ (y, x, 1)` from the centre, bilinearly, mirrored beyond the border."""
    height, width, channels = images.shape[1:]
    y, x = (np.arange(length, dtype="float32") - (length - 1) / 2.0 for length in (height, width))
    grid = np.stack([*(part.ravel() for part in np.meshgrid(y, x, indexing="ij")), np.ones(height * width, "float32")])
    places = matrix @ tf.constant(grid, "float32")
    flat = ops.reshape(images, (-1, height * width, channels))
    corners = []
    for axis, length in enumerate((height, width)):
        place = places[:, axis] + (length - 1) / 2.0
        low = tf.floor(place)
        corners.append([(_mirror(low + k, length), 1.0 - tf.abs(place - low - k)) for k in (0.0, 1.0)])
    result = 0.0
    for row, by_row in corners[0]:
        for column, by_column in corners[1]:
            values = tf.gather(flat, row * width + column, batch_dims=1)
            result = result + values * (by_row * by_column)[..., tf.newaxis]
    return ops.reshape(result, (-1, height, width, channels))


def _mirror(index, length):
    """Maps any whole numbers to indices in [0, length), as if the image stood between two mirrors."""
    index = tf.math.floormod(tf.cast(index, "int32"), 2 * length)
    return tf.minimum(index, 2 * length - 1 - index)
