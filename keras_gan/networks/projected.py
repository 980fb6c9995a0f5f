"""Projected GANs: a discriminator that judges the features of a pretrained network, and not pixels.

Source: Sauer et al., "Projected GANs Converge Faster", arXiv:2111.01007. Other than there, the mixed maps are not
enlarged once more, and the heads have no batch normalisation, which does not go together with gradient penalties.
"""

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers, ops, tree

from keras_gan import backbones
from keras_gan.errors import UserError
from keras_gan.layers import Resize, spectral
from keras_gan.networks.dcgan import dcgan_generator
from keras_gan.networks.families import Initializer, register_discriminator
from keras_gan.networks.mlp import label_embedding

# Pictures of noise from which it is seen how large the features of a network are.
NOISE = 16


def projected(
    image_shape: Sequence[int], num_classes: int | None = None, latent_dim: int = 64
) -> tuple[keras.Model, keras.Model]:
    """Returns a `dcgan_generator` and a `projected_discriminator` with their defaults."""
    return dcgan_generator(image_shape, num_classes, latent_dim), projected_discriminator(image_shape, num_classes)


@register_discriminator()
def projected_discriminator(
    image_shape: Sequence[int],
    num_classes: int | None = None,
    width: int = 64,
    features: str | keras.Model = "squeezenet",
    resolution: int | None = None,
    kernel_initializer: Initializer = "he_normal",
    seed: int = 0,
) -> keras.Model:
    """Small networks, one for each size of the feature maps of a frozen pretrained network.

    Random convolutions, which do not train either, mix the channels of each map, and then, from the coarsest map to the
    finest, each map with the one below. So no head can be content with a part of the features. Each head halves its map
    by strided convolutions, all to the same size, and has the same weight in the loss. Their kernels are always divided
    by their largest singular value. The frozen part is the layer `projection`.

    Args:
        image_shape: `(height, width, channels)`.
        num_classes: number of classes of a conditional network, else `None`. The logit of each patch is then a
            projection: `w.h + b + v_label.h` for the features `h`.
        width: number of channels of the heads, and of the finest mixed map; each map has twice as many as the one
            before.
        features: name of the pretrained network, as `backbones.pyramid` takes it, or a functional model, float images
            `(batch, *image_shape)` in [-1, 1] -> feature maps from fine to coarse, of which a copy is taken.
        resolution: number of pixels to which the shorter side of the images is resized, as `backbones.pyramid` takes
            it. It has no meaning for a model.
        kernel_initializer: Keras initializer of the heads' hidden layers.
        seed: int >= 0, seed of the random convolutions.

    Returns:
        functional model, images `(batch, *image_shape)` [and one-hot labels `(batch, num_classes)`] -> float32 logits
        `(batch, rows, columns, heads)`, where rows and columns are half of those of the coarsest map, rounded up.

    Raises:
        UserError: if there is no such pretrained network, its weights are missing, or the images do not fit it.
    """
    images = keras.Input(image_shape, name="images")
    labels = keras.Input((num_classes,), name="labels") if num_classes else None
    maps = tree.flatten(_projection(_frozen(features, image_shape, resolution), width, seed)(images))
    heads = [
        _head(x, labels, len(maps) + 1 - number, width, kernel_initializer, f"head_{number}")
        for number, x in enumerate(maps, 1)
    ]
    logits = layers.Concatenate(dtype="float32", name="logits")(heads) if len(heads) > 1 else heads[0]
    return keras.Model(images if labels is None else [images, labels], logits, name="projected_discriminator")


def _head(x, labels, halvings, width, initializer, name):
    """Judges a map: the logits of each patch are what `to_logits` gives for an image."""
    for number in range(1, halvings + 1):
        options = {"kernel_initializer": initializer, "name": f"{name}_down_{number}"}
        x = spectral(layers.Conv2D(width, 4, strides=2, padding="same", **options))(x)
        x = layers.LeakyReLU(0.2)(x)
    logits = spectral(layers.Conv2D(1, 1, dtype="float32", name=f"{name}_logits"))(x)
    if labels is None:
        return logits
    embedding = label_embedding(labels, width, width**-0.5, True, f"{name}_label_embedding")
    both = (ops.cast(part, "float32") for part in (x, layers.Reshape((1, 1, width))(embedding)))
    product = ops.sum(ops.multiply(*both), axis=-1, keepdims=True)
    return layers.Add(dtype="float32", name=f"{name}_conditional_logits")([logits, product])


def _frozen(features, image_shape, resolution):
    if isinstance(features, str):
        return backbones.pyramid(features, image_shape, resolution)
    shapes = [tuple(tensor.shape[1:]) for tensor in features.inputs]
    if shapes != [tuple(image_shape)]:
        raise UserError(f"the features {features.name} must take images {tuple(image_shape)}, and take {shapes}")
    maps = [tuple(tensor.shape[1:]) for tensor in features.outputs]
    if any(len(shape) != 3 or None in shape for shape in maps):
        raise UserError(f"the features {features.name} must be maps of known height and width, and are {maps}")
    return backbones.frozen(features)


def _projection(pyramid, width, seed):
    """Puts the random mixing on a pyramid.

    It is linear. Its scale is such that the values of a mixed map vary by about 1, whatever the scale of the pretrained
    features is, so that the heads begin with small logits.
    """
    random = np.random.default_rng(seed)
    images = keras.Input(pyramid.inputs[0].shape[1:], name="images")
    maps = tree.flatten(pyramid(images))
    seen = tree.flatten(pyramid(_noise(images.shape[1:], random), training=False))
    size, parts = maps[0].shape[1:3], []
    for level, (x, values) in enumerate(zip(maps, seen)):
        mixed = _channels_mixed(x, values, width * 2**level, random, f"channels_{level + 1}")
        parts.append(_resized(mixed, size))
        size = tuple(-(-side // 2) for side in size)
    results = []
    for level, part in reversed(list(enumerate(parts, 1))):
        x, channels = part, part.shape[-1]
        if results:
            below = results[-1]
            kernel = random.normal(size=(1, 1, below.shape[-1], channels)) / below.shape[-1] ** 0.5
            # The kernel of one pixel costs less before the map is enlarged, and gives the same.
            enlarged = _resized(_fixed(below, kernel, f"up_{level}"), part.shape[1:3])
            x = layers.Add(name=f"sum_{level}")([part, enlarged])
            x = layers.Rescaling(0.5**0.5, name=f"scales_{level}")(x)  # The sum doubled the variance.
        results.append(x)
    network = keras.Model(images, results[::-1], name="projection")
    network.trainable = False
    return network


def _channels_mixed(x, seen, channels, random, name):
    """Mixes the channels of `x` so that the result has a mean of 0 and varies by 1 for the values `seen`."""
    kernel = random.normal(size=(1, 1, x.shape[-1], channels))
    values = np.asarray(ops.cast(seen, "float32")) @ kernel[0, 0]
    scale = 1.0 / max(values.std(axis=(0, 1, 2)).mean(), 1e-6)
    return _fixed(x, kernel * scale, name, -scale * values.mean(axis=(0, 1, 2)))


def _fixed(x, kernel, name, bias=None):
    """Convolves `x` with a kernel that is given."""
    layer = layers.Conv2D(kernel.shape[-1], kernel.shape[0], padding="same", use_bias=bias is not None, name=name)
    x = layer(x)
    layer.set_weights([kernel] if bias is None else [kernel, bias])
    return x


def _resized(x, size):
    return x if tuple(x.shape[1:3]) == tuple(size) else Resize(*size)(x)


def _noise(shape, random):
    """Makes pictures of noise in [-1, 1] that has as much of each size, as photographs do, and little colour."""
    height, width, channels = shape
    pictures, size = np.zeros((NOISE, *shape), "float32"), 1
    while size < max(height, width):
        grid = (NOISE, -(-height // size), -(-width // size))
        coarse = random.normal(size=(*grid, 1)) + 0.3 * random.normal(size=(*grid, channels))
        pictures += coarse.repeat(size, axis=1).repeat(size, axis=2)[:, :height, :width]
        size *= 2
    return np.tanh(0.5 * pictures / max(pictures.std(), 1e-6))
