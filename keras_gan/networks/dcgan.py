"""Convolutional networks: transposed convolutions enlarge, strided convolutions shrink.

Sources: Radford et al., "Unsupervised Representation Learning with DCGAN", arXiv:1511.06434, without its batch
normalisation, which does not go together with gradient penalties; the projection of the label: Miyato and Koyama,
"cGANs with Projection Discriminator", arXiv:1802.05637, equation 3.
"""

from collections.abc import Sequence

import keras
from keras import layers, ops

from keras_gan import convolutions
from keras_gan.errors import UserError
from keras_gan.layers import spectral
from keras_gan.networks.families import Initializer, register_discriminator, register_generator
from keras_gan.networks.mlp import generator_inputs, label_embedding
from keras_gan.types import Tensor


def dcgan(
    image_shape: Sequence[int], num_classes: int | None = None, latent_dim: int = 64
) -> tuple[keras.Model, keras.Model]:
    """Returns a `dcgan_generator` and a `dcgan_discriminator` with their defaults."""
    return dcgan_generator(image_shape, num_classes, latent_dim), dcgan_discriminator(image_shape, num_classes)


@register_generator()
def dcgan_generator(
    image_shape: Sequence[int],
    num_classes: int | None = None,
    latent_dim: int = 64,
    width: int | tuple[int, ...] = 64,
    mapping: tuple[int, ...] = (),
    kernel_initializer: Initializer = "he_normal",
) -> keras.Model:
    """Makes a small picture by a dense layer, and doubles its size by transposed convolutions.

    Args:
        image_shape: `(height, width, channels)`; height and width may be any number from 4 on.
        num_classes: number of classes of a conditional network, else `None`. A learned embedding of the label is joined
            to the latents.
        latent_dim: length of the latents.
        width: number of channels of the hidden layers, or a number for each of them, beginning with the dense layer.
        mapping: widths of dense layers in front. They let a generator separate many modes, because it can then change
            from one mode to the next within a short distance of latents.
        kernel_initializer: Keras initializer of the hidden layers.

    Returns:
        functional model, latents `(batch, latent_dim)` [and one-hot labels `(batch, num_classes)`] -> float32 images
        `(batch, *image_shape)` in [-1, 1].

    Raises:
        UserError: if there are not as many widths as hidden layers, or the image is too small.
    """
    start, *sizes = reversed(halved_sizes(image_shape))
    widths = (width,) * len(sizes) if isinstance(width, int) else width
    if len(widths) != len(sizes):
        raise UserError(f"a generator of {tuple(image_shape)} has {len(sizes)} hidden layers, got widths {widths}")
    inputs, x = generator_inputs(latent_dim, num_classes, latent_dim)
    init = {"kernel_initializer": kernel_initializer}
    for number, units in enumerate(mapping, 1):
        x = layers.LeakyReLU(0.2)(layers.Dense(units, name=f"mapping_{number}", **init)(x))
    x = layers.Dense(start[0] * start[1] * widths[0], name="dense", **init)(x)
    x = layers.Reshape((*start, widths[0]))(x)
    for number, size in enumerate(sizes[:-1], 1):
        x = layers.LeakyReLU(0.2)(x)
        x = layers.Conv2DTranspose(widths[number], 4, strides=2, padding="same", name=f"up_{number}", **init)(x)
        x = crop(x, size)
    x = layers.LeakyReLU(0.2)(x)
    return keras.Model(inputs, to_images(x, image_shape), name="dcgan_generator")


@register_discriminator()
def dcgan_discriminator(
    image_shape: Sequence[int],
    num_classes: int | None = None,
    width: int = 64,
    kernel_initializer: Initializer = "he_normal",
    spectral_normalization: bool = False,
    dropout: float = 0.0,
) -> keras.Model:
    """Strided convolutions, a dense layer, and a projection of the label if there is one.

    Args:
        image_shape: `(height, width, channels)`; height and width may be any number from 4 on.
        num_classes: number of classes of a conditional network, else `None`. The logit is then a projection:
            `w.h + b + v_label.h` for the features `h`.
        width: number of channels of the hidden layers. The first has half as many, the dense layer four times as many.
        kernel_initializer: Keras initializer of the hidden layers.
        spectral_normalization: whether the kernels are divided by their largest singular value.
        dropout: share of the units of the dense layer that are dropped in training, in [0, 1).

    Returns:
        functional model, images `(batch, *image_shape)` [and one-hot labels `(batch, num_classes)`] -> float32 logits
        `(batch, 1)`.

    Raises:
        UserError: if the image is too small.
    """
    init = {"kernel_initializer": kernel_initializer}
    x = images = keras.Input(image_shape, name="images")
    for number in range(1, len(halved_sizes(image_shape))):
        channels = width // 2 if number == 1 else width
        kind = convolutions.Conv2D if number == 1 else layers.Conv2D
        layer = kind(channels, 4, strides=2, padding="same", name=f"down_{number}", **init)
        x = layers.LeakyReLU(0.2)(spectral(layer, spectral_normalization)(x))
    dense = layers.Dense(4 * width, name="dense", **init)
    inputs, logits = to_logits(images, x, dense, num_classes, spectral_normalization, dropout)
    return keras.Model(inputs, logits, name="dcgan_discriminator")


def to_images(x: Tensor, image_shape: Sequence[int]) -> Tensor:
    """Makes pictures of twice the size of the last hidden layer, float32 in [-1, 1]."""
    x = convolutions.Conv2DTranspose(image_shape[-1], 4, strides=2, padding="same", dtype="float32", name="to_image")(x)
    return layers.Activation("tanh", dtype="float32", name="images")(crop(x, image_shape[:2]))


def to_logits(
    images: Tensor,
    x: Tensor,
    dense: keras.layers.Layer,
    num_classes: int | None,
    spectral_normalization: bool,
    dropout: float,
) -> tuple[Tensor | list[Tensor], Tensor]:
    """Puts the last dense layer, with features `h`, on `x`, and the logits `w.h + b`, plus `v_label.h` for labels.

    Returns:
        the inputs and the logits of the network.
    """
    features = layers.LeakyReLU(0.2)(spectral(dense, spectral_normalization)(layers.Flatten()(x)))
    features = layers.Dropout(dropout)(features) if dropout else features
    logits = spectral(layers.Dense(1, dtype="float32", name="logits"), spectral_normalization)(features)
    if not num_classes:
        return images, logits
    labels = keras.Input((num_classes,), name="labels")
    size = features.shape[-1]
    embedding = label_embedding(labels, size, size**-0.5, spectral_normalization)
    # A layer `Dot` would make a product of matrices for each image.
    both = (ops.cast(part, "float32") for part in (features, embedding))
    product = ops.sum(ops.multiply(*both), axis=1, keepdims=True)
    return [images, labels], layers.Add(dtype="float32", name="conditional_logits")([logits, product])


def halved_sizes(image_shape: Sequence[int], times: int = 2) -> list[tuple[int, int]]:
    """Returns heights and widths from the image down, halved until the shorter side is at most 8.

    They are halved at least `times` times.

    Raises:
        UserError: if a side of the image is below 4.
    """
    sizes = [(image_shape[0], image_shape[1])]
    if min(sizes[0]) < 4:
        raise UserError(f"convolutional networks take images of at least 4 x 4 pixels, got {sizes[0]}")
    while len(sizes) <= times or min(sizes[-1]) > 8:
        height, width = sizes[-1]
        sizes.append((-(-height // 2), -(-width // 2)))
    return sizes


def crop(x: Tensor, size: Sequence[int]) -> Tensor:
    """Crops `x` to a size, because doubling gives a row or a column too much where that size is odd."""
    extra = [(0, have - want) for have, want in zip(x.shape[1:3], size)]
    return layers.Cropping2D(extra)(x) if any(over for _, over in extra) else x
