"""Layers that networks are made of."""

import contextlib
import itertools
import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gan.errors import UserError
from keras_gan.types import Tensor


@contextlib.contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Gives this dtype policy to all layers that are made within the context."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Gives weights that are made within the context this seed, and puts the generators of Python and NumPy back.

    Keras draws the seeds of initializers and of layers such as Dropout from Python's generator.
    """
    before = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


@keras.saving.register_keras_serializable(package="keras_gan")
class SpectralNormalization(keras.layers.Wrapper):
    """A dense layer or convolution whose kernel is divided by its largest singular value.

    The kernel `W` itself is not changed. The layer computes `layer(inputs / sigma)`, which equals what it would compute
    with the kernel `W / sigma`, and the gradient flows through sigma. Sigma is estimated as `u' W v`; each training
    call improves `u` and `v` by one power iteration, and the gradient treats them as constants.

    Args:
        layer: `Dense` or `Conv2D`. Its kernel is taken as a matrix `(everything else, output channels)`.

    Raises:
        UserError: if the layer is of another kind.

    Source: Miyato et al., arXiv:1802.05957, equations 8 to 12 and algorithm 1.
    """

    def __init__(self, layer: keras.layers.Layer, **kwargs: Any) -> None:
        if not isinstance(layer, (keras.layers.Dense, keras.layers.Conv2D)):
            raise UserError(f"spectral normalisation takes Dense and Conv2D layers, got {type(layer).__name__}")
        super().__init__(layer, **kwargs)

    def build(self, input_shape: tuple[int | None, ...] | None = None) -> None:
        super().build(input_shape)
        self.vector = self.add_weight(
            (1, self.layer.kernel.shape[-1]),
            initializer=keras.initializers.RandomNormal(),
            trainable=False,
            name="vector",
            dtype="float32",
            aggregation="only_first_replica",
        )

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        return self.layer(inputs / ops.cast(self.sigma(training), inputs.dtype))

    def sigma(self, training: bool = False) -> Tensor:
        """Returns an estimate of the largest singular value, a float32 scalar.

        When training, it first makes another power iteration and keeps its result.
        """
        kernel = ops.cast(self.layer.kernel, "float32")
        matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
        fixed = ops.stop_gradient(matrix)
        left = _unit(ops.matmul(self.vector, ops.transpose(fixed)))
        right = _unit(ops.matmul(left, fixed))
        if training:
            self.vector.assign(right)
        return ops.sum(ops.matmul(left, matrix) * right)


def spectral(layer: keras.layers.Layer, wanted: bool = True) -> keras.layers.Layer:
    """Wraps a layer in spectral normalisation if that is wanted, and else returns the layer itself."""
    return SpectralNormalization(layer, name=layer.name) if wanted else layer


def _unit(vector):
    return vector / (ops.norm(vector) + 1e-12)


@keras.saving.register_keras_serializable(package="keras_gan")
class ZeroMean(keras.constraints.Constraint):
    """Subtracts from a kernel, after each update, its mean over `axis`.

    Features behind a LeakyReLU have positive means. A kernel of zero mean does not pass these on. Without this
    constraint the means add up along a residual path, block by block, and quickly, because Adam moves all weights by
    similar amounts. In the end what all samples have in common would drown what distinguishes them.

    Args:
        axis: all axes but that of the output channels: (0, 1, 2) for `Conv2D`, (0, 1, 3) for `Conv2DTranspose`.

    Source: Brock et al., arXiv:2101.08692, section 4, who also divide by the standard deviation.
    """

    def __init__(self, axis: tuple[int, ...]) -> None:
        self.axis = tuple(axis)

    def __call__(self, kernel: Tensor) -> Tensor:
        return kernel - ops.mean(kernel, self.axis, keepdims=True)

    def get_config(self) -> dict:
        return {"axis": self.axis}


@keras.saving.register_keras_serializable(package="keras_gan")
class Resize(keras.layers.Layer):
    """Resizes images `(batch, height, width, channels)` bilinearly, as `tf.image.resize` does with antialiasing.

    It multiplies by two constant matrices. So it can be differentiated any number of times, which penalties need and
    TensorFlow's resizing cannot, and XLA compiles it.

    Args:
        height, width: size of the result in pixels. The height and width of the images must be known.
    """

    def __init__(self, height: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.height = height
        self.width = width

    def call(self, images: Tensor) -> Tensor:
        _, height, width, channels = images.shape
        rows = ops.reshape(images, (-1, height, width * channels))
        rows = ops.matmul(ops.cast(_bilinear(height, self.height), images.dtype), rows)
        columns = ops.reshape(rows, (-1, width, channels))
        columns = ops.matmul(ops.cast(_bilinear(width, self.width), images.dtype), columns)
        return ops.reshape(columns, (-1, self.height, self.width, channels))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape[0], self.height, self.width, input_shape[-1]

    def get_config(self) -> dict:
        return {**super().get_config(), "height": self.height, "width": self.width}


def _bilinear(have, want):
    """Returns the matrix `(want, have)` that resizes a row of pixels; when it shrinks, a pixel is a mean of several."""
    centres = (np.arange(want) + 0.5) * have / want - 0.5
    weights = np.maximum(0.0, 1.0 - np.abs(centres[:, np.newaxis] - np.arange(have)) / max(have / want, 1.0))
    return (weights / weights.sum(axis=1, keepdims=True)).astype("float32")


@keras.saving.register_keras_serializable(package="keras_gan")
class ToRGB(keras.layers.Layer):
    """Makes images in [-1, 1] with 1, 3 or 4 channels into images with 3.

    Grey is repeated. Of 4 channels the last is how opaque a pixel is, and the image is laid upon mid grey.

    Raises:
        UserError: if there is another number of channels.
    """

    def call(self, images: Tensor) -> Tensor:
        channels = images.shape[-1]
        if channels == 1:
            return ops.repeat(images, 3, axis=-1)
        return images if channels == 3 else images[..., :3] * (images[..., 3:] + 1.0) / 2.0

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        if input_shape[-1] not in (1, 3, 4):
            raise UserError(f"pretrained networks take images of 1, 3 or 4 channels, got {input_shape[-1]}")
        return *input_shape[:-1], 3


@keras.saving.register_keras_serializable(package="keras_gan")
class SplitChoice(keras.layers.Layer):
    """Splits latents `(batch, n + 1)` into the first n and a choice of one of `members`, int32 `(batch,)`.

    The last latent makes the choice, by its quantile in the standard normal distribution, so all members are equally
    likely.
    """

    def __init__(self, members: int, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.members = members

    def call(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        quantile = 0.5 * (1.0 + ops.erf(latents[:, -1] / 2.0**0.5))
        choice = ops.clip(ops.floor(quantile * self.members), 0, self.members - 1)
        return latents[:, :-1], ops.cast(choice, "int32")

    def compute_output_spec(self, latents: Tensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        first = keras.KerasTensor((latents.shape[0], latents.shape[1] - 1), dtype="float32")
        return first, keras.KerasTensor((latents.shape[0],), dtype="int32")

    def get_config(self) -> dict:
        return {**super().get_config(), "members": self.members}


@keras.saving.register_keras_serializable(package="keras_gan")
class ChosenRows(keras.layers.Layer):
    """Takes from `[tensor, choice]` the rows of `tensor`, `(batch, ...)`, whose choice, int32 `(batch,)`, is `member`.

    If no row chose this member, it returns the first row, which `Join` then drops: an empty batch would make the
    statistics of batch normalisation NaN.
    """

    def __init__(self, member: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.member = member
        self.supports_jit = False  # The number of rows is known only at run time.

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        tensor, choice = inputs
        rows = tf.where(ops.equal(choice, self.member))[:, 0]
        first = tf.range(tf.minimum(tf.shape(choice, "int64")[0], 1))
        return tf.gather(tensor, tf.cond(tf.size(rows) > 0, lambda: rows, lambda: first))

    def compute_output_spec(self, inputs: Sequence[Tensor]) -> keras.KerasTensor:
        return keras.KerasTensor((None, *inputs[0].shape[1:]), dtype=inputs[0].dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "member": self.member}


@keras.saving.register_keras_serializable(package="keras_gan")
class Join(keras.layers.Layer):
    """Puts the rows of `[choice, *parts]` back where `ChosenRows` took them from; returns float32 `(batch, ...)`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.supports_jit = False

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        choice, *parts = inputs
        rows = [tf.where(ops.equal(choice, member))[:, 0] for member in range(len(parts))]
        wanted = [part[: tf.size(each)] for each, part in zip(rows, parts)]
        joined = tf.dynamic_stitch([tf.cast(each, "int32") for each in rows], wanted)
        return tf.ensure_shape(joined, (None, *parts[0].shape[1:]))

    def compute_output_spec(self, inputs: Sequence[Tensor]) -> keras.KerasTensor:
        return keras.KerasTensor((inputs[0].shape[0], *inputs[1].shape[1:]), dtype="float32")


@keras.saving.register_keras_serializable(package="keras_gan")
class Pack(keras.layers.Layer):
    """Joins `packing` rows along the last axis: `(batch, ..., n)` -> `(batch / packing, ..., packing * n)`.

    Raises:
        UserError: if the size of the batch is known and not a multiple of `packing`.
    """

    def __init__(self, packing: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.packing = packing

    def call(self, inputs: Tensor) -> Tensor:
        batch, *shape, last = inputs.shape
        if batch is not None and batch % self.packing:
            raise UserError(f"a batch of {batch} cannot be packed by {self.packing}: give a multiple")
        split = ops.reshape(inputs, (-1, self.packing, *shape, last))
        packed = ops.moveaxis(split, 1, -2)
        return ops.reshape(packed, (-1, *shape, self.packing * last))

    def compute_output_spec(self, inputs: Tensor) -> keras.KerasTensor:
        _, *shape, last = inputs.shape
        return keras.KerasTensor((None, *shape, self.packing * last), dtype=self.compute_dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "packing": self.packing}


def frozen_weights(network: keras.Model) -> list[keras.Variable]:
    """Returns the weights of a network that would train if their layers were not frozen; statistics are none."""
    owned = itertools.chain.from_iterable(layer._trainable_variables for layer in network._flatten_layers())
    return [weight for weight in owned if not weight.trainable]


def packing_of(network: keras.Model) -> int:
    """Returns how many samples a discriminator judges together: 1, unless it is packed."""
    packs = [layer.packing for layer in network._flatten_layers() if isinstance(layer, Pack)]
    return math.lcm(*packs)
