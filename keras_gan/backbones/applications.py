"""Backbones of `keras.applications`, with their weights of ImageNet and their own preparation of the images."""

import math
import sys

import keras
import numpy as np
from keras import layers

from keras_gan.backbones.freezing import frozen
from keras_gan.errors import UserError, cause_of


def names() -> list[str]:
    """Returns the names of all classes of `keras.applications`."""
    return [name for name, value in vars(keras.applications).items() if callable(value) and name[0].isupper()]


def find(name: str) -> str | None:
    """Returns the name that Keras gives to a class, for one in any case and with underscores or without, or `None`."""
    return {known.lower(): known for known in names()}.get(name.replace("_", "").lower())


def make(name: str, height: int, width: int) -> keras.Model:
    """Makes a class of `keras.applications` into a backbone, as `Backbone.make` says.

    The maps are the outputs of the last layer at 1/4, 1/8, 1/16 and 1/32 of the size of the images. Dropout is left
    out.

    Args:
        name: as `names` returns it.
        height, width: size of the images.

    Raises:
        UserError: if the weights can neither be found nor downloaded, or the images are too small.
    """
    function = getattr(keras.applications, name)
    try:
        network = function(include_top=False, weights="imagenet", input_shape=(height, width, 3))
    except ValueError as error:
        raise UserError(f"{name} cannot take images of {height} x {width}: {cause_of(error)}") from error
    except Exception as error:
        raise UserError(f"the weights of {name} are not on this machine and cannot be downloaded") from error
    network = frozen(keras.Model(network.inputs, _last_of_each_size(network), name=network.name))
    matrix, offset = _preparation(sys.modules[function.__module__].preprocess_input)
    images = keras.Input((height, width, 3))
    prepare = layers.Conv2D(3, 1, dtype="float32", name="prepare")
    maps = network(prepare(images))
    # From [-1, 1] to the pixels in [0, 255] that the function takes.
    prepare.set_weights([127.5 * matrix[np.newaxis, np.newaxis], 127.5 * matrix.sum(axis=0) + offset])
    return keras.Model(images, maps, name=f"{network.name}_pyramid")


def _last_of_each_size(network):
    height, last = network.inputs[0].shape[1], {}
    for layer in network.layers:
        shape = getattr(layer.output, "shape", ())
        # The odd size of padding is that of no map, and what is pooled over all pixels is no map either.
        if len(shape) == 4 and not isinstance(layer, layers.ZeroPadding2D):
            last[round(math.log2(height / shape[1]))] = layer.output
    return [last[halvings] for halvings in range(2, 6) if halvings in last]


def _preparation(preprocess):
    """Returns a matrix and an offset that do to the colours of a pixel what a function of Keras does."""
    pixels = np.concatenate([np.zeros((1, 3)), 255.0 * np.eye(3)])[:, np.newaxis, np.newaxis].astype("float32")
    offset, *colours = np.array(preprocess(pixels))[:, 0, 0]
    return (np.array(colours) - offset) / 255.0, offset
