"""Resizes images."""

import tensorflow as tf

from keras_gan.types import Tensor

# Height and width to resize to; `None` resizes nothing.
Size = tuple[int, int] | None


def resize(image: Tensor, size: Size) -> Tensor:
    """Resizes the largest centred crop that has the wanted proportions, with antialiasing; uint8 in, uint8 out.

    Takes an image `(height, width, channels)`, or several of one size, `(N, height, width, channels)`.
    """
    if size is None:
        return image
    height, width = tf.unstack(tf.cast(tf.shape(image)[-3:-1], "float32"))
    scale = tf.minimum(height / size[0], width / size[1])
    crop = [tf.cast(tf.maximum(1.0, tf.round(scale * s)), "int32") for s in size]
    image = tf.image.resize_with_crop_or_pad(image, *crop)
    image = tf.image.resize(tf.cast(image, "float32"), size, method="bicubic", antialias=True)
    image = tf.cast(tf.clip_by_value(tf.round(image), 0.0, 255.0), "uint8")
    return image.numpy() if tf.executing_eagerly() else image
