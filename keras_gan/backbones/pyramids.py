"""Pyramids: pretrained networks that take images of any size, frozen."""

import math
from collections.abc import Sequence

import keras

from keras_gan import layers
from keras_gan.backbones.registry import find_backbone
from keras_gan.errors import UserError

# The smallest side that a network is given: its coarsest map then has 4 or 2 pixels a side.
SMALLEST = 64
# The sides of the coarsest map of most networks are those of the image divided by this.
STRIDE = 32


def pyramid(name: str, image_shape: Sequence[int], resolution: int | None = None) -> keras.Model:
    """Makes a frozen pyramid of feature maps of a pretrained network.

    The network is fully convolutional and can be differentiated with respect to the images. Its weights are saved with
    it. They do not train, and batch normalisation keeps its statistics, also where the pyramid is a part of a network
    that trains.

    Args:
        name: name of the network, as `find_backbone` takes it.
        image_shape: `(height, width, channels)` with 1, 3 or 4 channels. Grey is repeated. The fourth channel is how
            opaque a pixel is, and the image is laid upon mid grey.
        resolution: number of pixels, at least 64, to which the shorter side is resized. When `None` it stays as it is,
            but images of fewer than 64 pixels are enlarged to 64. Both sides are then rounded up to a multiple of 32,
            so that each map is half as large as the one before. Resizing is bilinear.

    Returns:
        functional model, float images `(batch, *image_shape)` in [-1, 1] -> list of feature maps
        `(batch, height, width, features)` from fine to coarse, in the precision of the dtype policy.

    Raises:
        UserError: if the name is unknown, the weights are missing, or the images or the resolution do not fit.

    Examples:
        >>> features = kg.backbones.pyramid("squeezenet", (32, 32, 3))
        >>> [feature_map.shape for feature_map in features(np.zeros((2, 32, 32, 3)))]
        [TensorShape([2, 16, 16, 128]), TensorShape([2, 8, 8, 256]), TensorShape([2, 4, 4, 512])]
    """
    backbone, size = find_backbone(name), working_size(image_shape, resolution)
    images = keras.Input(image_shape, name="images")
    x = layers.ToRGB(dtype="float32", name="rgb")(images)
    if size != tuple(image_shape[:2]):
        x = layers.Resize(*size, dtype="float32", name="resized")(x)
    network = keras.Model(images, backbone.make(*size)(x), name=f"{name}_features")
    network.trainable = False
    return network


def working_size(image_shape: Sequence[int], resolution: int | None = None) -> tuple[int, int]:
    """Returns the height and width to which a `pyramid` resizes images.

    Raises:
        UserError: if the resolution is below 64.
    """
    if resolution is not None and resolution < SMALLEST:
        raise UserError(f"resolution must be at least {SMALLEST}, got {resolution}")
    height, width = image_shape[:2]
    shorter = min(height, width)
    factor = (resolution or max(SMALLEST, shorter)) / shorter
    height, width = (STRIDE * math.ceil(round(side * factor) / STRIDE) for side in (height, width))
    return height, width
