"""Dense networks: the GAN and the conditional GAN of the first papers and tutorials."""

import math
from collections.abc import Sequence

import keras
from keras import layers

from keras_gan.layers import spectral
from keras_gan.networks.families import Initializer, register_discriminator, register_generator
from keras_gan.types import Tensor


def mlp(
    image_shape: Sequence[int], num_classes: int | None = None, latent_dim: int = 100
) -> tuple[keras.Model, keras.Model]:
    """Returns an `mlp_generator` and an `mlp_discriminator` with their defaults."""
    return mlp_generator(image_shape, num_classes, latent_dim), mlp_discriminator(image_shape, num_classes)


@register_generator()
def mlp_generator(
    image_shape: Sequence[int],
    num_classes: int | None = None,
    latent_dim: int = 100,
    units: Sequence[int] = (256, 512, 1024),
    kernel_initializer: Initializer = "glorot_uniform",
) -> keras.Model:
    """Dense layers with LeakyReLU and batch normalisation, then tanh.

    Args:
        image_shape: shape of one sample, `(height, width, channels)` or any other.
        num_classes: number of classes of a conditional network, else `None`. A learned embedding of the label is joined
            to the latents.
        latent_dim: length of the latents.
        units: widths of the hidden layers.
        kernel_initializer: Keras initializer of all layers but the label embedding.

    Returns:
        functional model, latents `(batch, latent_dim)` [and one-hot labels `(batch, num_classes)`] -> float32 samples
        `(batch, *image_shape)` in [-1, 1].
    """
    inputs, x = generator_inputs(latent_dim, num_classes, num_classes)
    init = {"kernel_initializer": kernel_initializer}
    for number, width in enumerate(units, 1):
        x = layers.Dense(width, name=f"dense_{number}", **init)(x)
        x = layers.LeakyReLU(0.2)(x)
        x = layers.BatchNormalization(momentum=0.8, name=f"normalization_{number}")(x)
    x = layers.Dense(math.prod(image_shape), activation="tanh", dtype="float32", name="to_image", **init)(x)
    images = layers.Reshape(image_shape, dtype="float32", name="images")(x)
    return keras.Model(inputs, images, name="mlp_generator")


@register_discriminator()
def mlp_discriminator(
    image_shape: Sequence[int],
    num_classes: int | None = None,
    units: Sequence[int] = (512, 256),
    kernel_initializer: Initializer = "glorot_uniform",
    spectral_normalization: bool = False,
    dropout: float = 0.0,
) -> keras.Model:
    """Dense layers with LeakyReLU on the flattened sample.

    Args:
        image_shape: shape of one sample, `(height, width, channels)` or any other.
        num_classes: number of classes of a conditional network, else `None`. A learned embedding of the label is joined
            to the sample.
        units: widths of the hidden layers.
        kernel_initializer: Keras initializer of all layers but the label embedding.
        spectral_normalization: whether the kernels are divided by their largest singular value.
        dropout: share of hidden units that are dropped in training, in [0, 1).

    Returns:
        functional model, samples `(batch, *image_shape)` [and one-hot labels `(batch, num_classes)`] -> float32 logits
        `(batch, 1)`.
    """
    images = keras.Input(image_shape, name="images")
    inputs, x = [images], layers.Flatten()(images)
    if num_classes:
        labels = keras.Input((num_classes,), name="labels")
        inputs.append(labels)
        x = layers.Concatenate()(
            [x, label_embedding(labels, num_classes, spectral_normalization=spectral_normalization)]
        )
    init = {"kernel_initializer": kernel_initializer}
    for number, width in enumerate(units, 1):
        x = spectral(layers.Dense(width, name=f"dense_{number}", **init), spectral_normalization)(x)
        x = layers.LeakyReLU(0.2)(x)
        x = layers.Dropout(dropout)(x) if dropout else x
    logits = spectral(layers.Dense(1, dtype="float32", name="logits", **init), spectral_normalization)(x)
    return keras.Model(inputs if num_classes else images, logits, name="mlp_discriminator")


def generator_inputs(
    latent_dim: int, num_classes: int | None, embedding_size: int | None
) -> tuple[Tensor | list[Tensor], Tensor]:
    """Returns the inputs of a generator, and the tensor that its first layer takes.

    That tensor is the latents, joined to the embedding of the label if the network is conditional.
    """
    latents = keras.Input((latent_dim,), name="latents")
    if not num_classes:
        return latents, latents
    labels = keras.Input((num_classes,), name="labels")
    return [latents, labels], layers.Concatenate()([latents, label_embedding(labels, embedding_size or num_classes)])


def label_embedding(
    labels: Tensor,
    size: int,
    stddev: float = 1.0,
    spectral_normalization: bool = False,
    name: str = "label_embedding",
) -> Tensor:
    """Returns a learned vector for each label, `(batch, size)`; with one-hot labels that is a dense layer."""
    normal = keras.initializers.RandomNormal(stddev=stddev)
    layer = layers.Dense(size, use_bias=False, kernel_initializer=normal, name=name)
    return spectral(layer, spectral_normalization)(labels)
