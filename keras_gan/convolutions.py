"""Strided convolutions between pictures and features.

A picture has few channels. TensorFlow's gradient of a convolution with respect to such an input, which is also its
transposed convolution, is slow on a processor: 1.6 ms in place of 0.7 ms for 64 pictures of 28 x 28 and 32 features.
The layers here stand in for those of Keras. They compute the same numbers, but for rounding, and have the same names,
so that weights that were saved with the one can be loaded into the other.
"""

import contextlib
import contextvars
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_gan.errors import UserError
from keras_gan.types import Tensor

_with_own_gradients = contextvars.ContextVar("_with_own_gradients", default=True)


@contextlib.contextmanager
def tensorflow_gradients() -> Iterator[None]:
    """Within this context the convolutions have TensorFlow's gradients, which are slower and can be written to files.

    A SavedModel holds gradients of ours to the first order only, and warns of the others whenever it is loaded.
    """
    token = _with_own_gradients.set(False)
    try:
        yield
    finally:
        _with_own_gradients.reset(token)


@keras.saving.register_keras_serializable(package="keras_gan")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` that reads pictures.

    Args:
        **kwargs: those of `keras.layers.Conv2D`, with `padding="same"` and a kernel size that is a multiple of the
            strides, without dilation or groups.

    Raises:
        UserError: if they are others.

    Examples:
        >>> images = keras.Input((28, 28, 1))
        >>> features = kg.convolutions.Conv2D(32, 4, strides=2, padding="same")(images)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _check(self)

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        return convolve(inputs, tf.convert_to_tensor(kernel), self.strides)


@keras.saving.register_keras_serializable(package="keras_gan")
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose` that makes pictures.

    Args:
        **kwargs: those of `keras.layers.Conv2DTranspose`, limited as for `Conv2D`.

    Raises:
        UserError: if they are others.

    Examples:
        >>> features = keras.Input((14, 14, 64))
        >>> images = kg.convolutions.Conv2DTranspose(1, 4, strides=2, padding="same")(features)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _check(self)

    def call(self, inputs: Tensor) -> Tensor:
        height, width = (side * stride for side, stride in zip(inputs.shape[1:3], self.strides))
        outputs = spread(inputs, tf.convert_to_tensor(self.kernel), (height, width), self.strides)
        if self.use_bias:
            outputs = ops.add(outputs, ops.reshape(self.bias, (1, 1, 1, -1)))
        return self.activation(outputs)


def convolve(images: Tensor, kernel: Tensor, strides: Sequence[int]) -> Tensor:
    """Convolves as `tf.nn.conv2d` with padding `SAME`, but its gradient with respect to the images is `spread`.

    Args:
        images: float tensor `(batch, height, width, channels)` of known height and width.
        kernel: `(size, size, channels, features)`; its size is a multiple of the strides.
        strides: vertical and horizontal stride.

    Returns:
        tensor `(batch, height / stride, width / stride, features)`, the sides rounded up.
    """

    if not _with_own_gradients.get():
        return tf.nn.conv2d(images, kernel, strides, "SAME")

    @tf.custom_gradient
    def run(images, kernel):
        def gradient(upstream):
            return spread(upstream, kernel, images.shape[1:3], strides), _of_kernel(images, kernel, upstream, strides)

        return tf.nn.conv2d(images, kernel, strides, "SAME"), gradient

    return run(images, kernel)


def spread(features: Tensor, kernel: Tensor, size: Sequence[int], strides: Sequence[int]) -> Tensor:
    """The transpose of `convolve`: each feature adds its kernel, times its value, to the picture.

    Args:
        features: float tensor `(batch, height / stride, width / stride, features)`, the sides rounded up.
        kernel, strides: those of `convolve`.
        size: height and width of the picture.

    Returns:
        tensor `(batch, height, width, channels)`.
    """

    if not _with_own_gradients.get():
        return _spread_blocks(features, kernel, size, strides)

    @tf.custom_gradient
    def run(features, kernel):
        def gradient(upstream):
            return convolve(upstream, kernel, strides), _of_kernel(upstream, kernel, features, strides)

        return _spread_blocks(features, kernel, size, strides), gradient

    return run(features, kernel)


def _check(layer):
    given = (
        ("padding", layer.padding, "same"),
        ("dilation_rate", tuple(layer.dilation_rate), (1, 1)),
        ("groups", getattr(layer, "groups", 1), 1),
        ("output_padding", getattr(layer, "output_padding", None), None),
        ("data_format", layer.data_format, "channels_last"),
    )
    for argument, value, only in given:
        if value != only:
            raise UserError(f"this {type(layer).__name__} has {argument}={only!r} only: use that of keras.layers")
    if any(size % stride for size, stride in zip(layer.kernel_size, layer.strides)):
        sizes = f"a kernel of {layer.kernel_size} and strides of {layer.strides}"
        raise UserError(f"the kernel size must be a multiple of the strides, got {sizes}: use that of keras.layers")


def _spread_blocks(features, kernel, size, strides):
    """Makes blocks of `strides` pixels, as channels of a transposed convolution of stride 1, and lays them out."""
    blocks = [side // stride for side, stride in zip(kernel.shape, strides)]
    channels, width = kernel.shape[2:]
    split = tf.reshape(kernel, (blocks[0], strides[0], blocks[1], strides[1], channels, width))
    depth = strides[0] * strides[1] * channels
    kernel_of_blocks = tf.reshape(tf.transpose(split, (0, 2, 1, 3, 4, 5)), (*blocks, depth, width))
    batch = tf.shape(features)[0]
    rows, columns = (side + more - 1 for side, more in zip(features.shape[1:3], blocks))
    grid = tf.nn.conv2d_transpose(features, kernel_of_blocks, (batch, rows, columns, depth), 1, "VALID")
    grid = tf.reshape(grid, (batch, rows, columns, *strides, channels))
    pixels = tf.reshape(
        tf.transpose(grid, (0, 1, 3, 2, 4, 5)), (batch, rows * strides[0], columns * strides[1], channels)
    )
    # `SAME` puts the smaller half of the padding in front.
    top, left = ((full - side) // 2 for full, side in zip(pixels.shape[1:3], size))
    return pixels[:, top : top + size[0], left : left + size[1]]


def _of_kernel(images, kernel, features, strides):
    return tf.raw_ops.Conv2DBackpropFilter(
        input=images,
        filter_sizes=kernel.shape,
        out_backprop=features,
        strides=(1, *strides, 1),
        padding="SAME",
    )
