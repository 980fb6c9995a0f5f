"""What an image is: its shape, and its two forms.

Outside the networks images are uint8 in [0, 255], inside they are float in [-1, 1]. Only this file knows this rule.
"""

from collections.abc import Sequence

from keras import ops

from keras_gan.types import Tensor


def is_image(shape: Sequence[int | None]) -> bool:
    """Whether samples of this shape, without the batch, are images `(height, width, channels)`."""
    return len(shape) == 3


def to_float(images: Tensor) -> Tensor:
    """Converts uint8 images in [0, 255] to float32 in [-1, 1]."""
    return ops.cast(images, "float32") / 127.5 - 1.0


def to_uint8(images: Tensor) -> Tensor:
    """Converts float images in [-1, 1] to uint8 in [0, 255]."""
    return ops.cast(to_pixels(images), "uint8")


def to_pixels(images: Tensor) -> Tensor:
    """Converts float images in [-1, 1] to whole float32 numbers in [0, 255]; NaN stays NaN."""
    return ops.clip(ops.round((ops.cast(images, "float32") + 1.0) * 127.5), 0.0, 255.0)
