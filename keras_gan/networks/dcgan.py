"""Convolutional networks: transposed convolutions up, strided convolutions down.

Source: Radford et al., "Unsupervised Representation Learning with DCGAN", arXiv:1511.06434, without its batch
normalisation, which does not go with gradient penalties; the projection of the label: Miyato and Koyama, "cGANs with
Projection Discriminator", arXiv:1802.05637, equation 3.
"""

import keras
from keras import layers

from keras_gan.networks.mlp import label_embedding


def dcgan(image_shape, num_classes: int | None = None, latent_dim: int = 64) -> tuple[keras.Model, keras.Model]:
    """`dcgan_generator` and `dcgan_discriminator` with their defaults."""
    return dcgan_generator(image_shape, num_classes, latent_dim), dcgan_discriminator(image_shape, num_classes)


def dcgan_generator(image_shape, num_classes: int | None = None, latent_dim: int = 64, width: int = 64) -> keras.Model:
    """A dense layer to a small picture of `width` channels, doubled by transposed convolutions to the size wanted.

    Args:
        image_shape: `(height, width, channels)`, any height and width from 4 pixels on.
        num_classes: for a conditional network; a learned embedding of the label is joined to the latents.
        latent_dim: length of the latents.
        width: channels of the hidden layers.

    Returns:
        functional model, latents `(batch, latent_dim)` [and one-hot labels `(batch, num_classes)`] -> float32 images
        `(batch, *image_shape)` in [-1, 1].
    """
    start, *sizes = reversed(_sizes(image_shape))
    latents = keras.Input((latent_dim,), name="latents")
    inputs, x = [latents], latents
    if num_classes:
        labels = keras.Input((num_classes,), name="labels")
        inputs.append(labels)
        x = layers.Concatenate()([x, label_embedding(labels, latent_dim, stddev=1.0)])
    x = layers.Dense(start[0] * start[1] * width, kernel_initializer="he_normal")(x)
    x = layers.Reshape((*start, width))(x)
    for size in sizes[:-1]:
        x = layers.LeakyReLU(0.2)(x)
        x = layers.Conv2DTranspose(width, 4, strides=2, padding="same", kernel_initializer="he_normal")(x)
        x = _crop(x, size)
    x = layers.LeakyReLU(0.2)(x)
    x = layers.Conv2DTranspose(image_shape[-1], 4, strides=2, padding="same", dtype="float32")(x)
    images = layers.Activation("tanh", dtype="float32", name="images")(_crop(x, sizes[-1]))
    return keras.Model(inputs if num_classes else latents, images, name="dcgan_generator")


def dcgan_discriminator(image_shape, num_classes: int | None = None, width: int = 64) -> keras.Model:
    """Strided convolutions, a dense layer, and for labels a projection.

    Args:
        image_shape: `(height, width, channels)`, any height and width from 4 pixels on.
        num_classes: for a conditional network, by projection: `w.h + b + v_label.h` for the features `h`.
        width: channels of the hidden layers; the first has half as many, the dense layer four times as many.

    Returns:
        functional model, images `(batch, *image_shape)` [and one-hot labels `(batch, num_classes)`] -> float32 logits
        `(batch, 1)`.
    """
    images = keras.Input(image_shape, name="images")
    x = images
    for stage in range(len(_sizes(image_shape)) - 1):
        channels = width if stage else width // 2
        x = layers.Conv2D(channels, 4, strides=2, padding="same", kernel_initializer="he_normal")(x)
        x = layers.LeakyReLU(0.2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(4 * width, kernel_initializer="he_normal")(x)
    features = layers.LeakyReLU(0.2)(x)
    logits = layers.Dense(1, dtype="float32", name="logits")(features)
    if not num_classes:
        return keras.Model(images, logits, name="dcgan_discriminator")
    labels = keras.Input((num_classes,), name="labels")
    embedding = label_embedding(labels, 4 * width, stddev=(4 * width) ** -0.5)
    projection = layers.Dot(axes=1, dtype="float32")([features, embedding])
    logits = layers.Add(dtype="float32", name="conditional_logits")([logits, projection])
    return keras.Model([images, labels], logits, name="dcgan_discriminator")


def _sizes(image_shape):
    """Heights and widths from the image down, halved until the shorter side is 8 at most, and at least twice."""
    sizes = [tuple(image_shape[:2])]
    if min(sizes[0]) < 4:
        raise ValueError(f"dcgan networks take images of at least 4 x 4 pixels, got {sizes[0]}")
    while len(sizes) < 3 or min(sizes[-1]) > 8:
        sizes.append(tuple(-(-side // 2) for side in sizes[-1]))
    return sizes


def _crop(x, size):
    """Takes off the row or column that doubling an odd size gives too much."""
    extra = [(0, have - want) for have, want in zip(x.shape[1:3], size)]
    return layers.Cropping2D(extra)(x) if any(over for _, over in extra) else x
