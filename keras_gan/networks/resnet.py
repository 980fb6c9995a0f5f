"""Residual networks without normalisation, for longer budgets than `dcgan`.

A block adds to its input the result of two convolutions. With the initializer `small_residual` the second one starts at
zero, and the first is scaled down with the number of blocks. So each block begins as the identity, and the networks
need no normalisation, which would not go together with gradient penalties. Kernels keep a mean of zero over their
inputs; otherwise what all samples have in common would grow from block to block.

Sources: Huang et al., "The GAN is dead; long live the GAN!", arXiv:2501.05441, section 3, for what these networks do
without (normalisation, style, skips to the output); the initialisation: Zhang et al., "Fixup Initialization",
arXiv:1901.09321, section 3; kernels of zero mean: Brock et al., arXiv:2101.08692, section 4.
"""

from collections.abc import Sequence

import keras
from keras import layers

from keras_gan import convolutions
from keras_gan.layers import ZeroMean, spectral
from keras_gan.networks.dcgan import crop, halved_sizes, to_images, to_logits
from keras_gan.networks.families import Initializer, register_discriminator, register_generator
from keras_gan.networks.mlp import generator_inputs
from keras_gan.types import Tensor


def resnet(
    image_shape: Sequence[int], num_classes: int | None = None, latent_dim: int = 64
) -> tuple[keras.Model, keras.Model]:
    """Returns a `resnet_generator` and a `resnet_discriminator` with their defaults."""
    return resnet_generator(image_shape, num_classes, latent_dim), resnet_discriminator(image_shape, num_classes)


@register_generator(("small_residual",))
def resnet_generator(
    image_shape: Sequence[int],
    num_classes: int | None = None,
    latent_dim: int = 64,
    width: int = 64,
    blocks: int = 1,
    kernel_initializer: Initializer = "small_residual",
) -> keras.Model:
    """A dense layer, then residual blocks at each size, and transposed convolutions that double the size.

    Args:
        image_shape: `(height, width, channels)`; height and width may be any number from 4 on.
        num_classes: number of classes of a conditional network, else `None`. A learned embedding of the label is joined
            to the latents.
        latent_dim: length of the latents.
        width: number of channels at the smallest size; it is halved whenever the size doubles.
        blocks: number of residual blocks at each size below that of the image.
        kernel_initializer: `small_residual`, or a Keras initializer of all hidden layers.

    Returns:
        functional model, latents `(batch, latent_dim)` [and one-hot labels `(batch, num_classes)`] -> float32 images
        `(batch, *image_shape)` in [-1, 1].

    Raises:
        UserError: if the image is too small.
    """
    start, *sizes = reversed(halved_sizes(image_shape))
    init = Initializers(kernel_initializer, blocks * len(sizes))
    inputs, x = generator_inputs(latent_dim, num_classes, latent_dim)
    x = layers.Dense(start[0] * start[1] * width, kernel_initializer=init.plain, name="dense")(x)
    x = layers.Reshape((*start, width))(x)
    for stage, size in enumerate(sizes, 1):
        for number in range(1, blocks + 1):
            x = block(x, init, f"stage_{stage}_block_{number}")
        x = layers.LeakyReLU(0.2)(x)
        if size is not sizes[-1]:
            options = {"kernel_initializer": init.plain, "kernel_constraint": ZeroMean((0, 1, 3))}
            x = layers.Conv2DTranspose(halved(width, stage), 4, 2, "same", name=f"up_{stage}", **options)(x)
            x = crop(x, size)
    return keras.Model(inputs, to_images(x, image_shape), name="resnet_generator")


@register_discriminator(("small_residual",))
def resnet_discriminator(
    image_shape: Sequence[int],
    num_classes: int | None = None,
    width: int = 64,
    blocks: int = 1,
    kernel_initializer: Initializer = "small_residual",
    spectral_normalization: bool = False,
    dropout: float = 0.0,
) -> keras.Model:
    """Strided convolutions, each followed by residual blocks, a dense layer, and a projection of the label.

    Args:
        image_shape: `(height, width, channels)`; height and width may be any number from 4 on.
        num_classes: number of classes of a conditional network, else `None`. The logit is then a projection:
            `w.h + b + v_label.h` for the features `h`.
        width: number of channels at the smallest size; it is halved whenever the size doubles. The dense layer has four
            times as many units.
        blocks: number of residual blocks at each size below that of the image.
        kernel_initializer: `small_residual`, or a Keras initializer of all hidden layers.
        spectral_normalization: whether the kernels are divided by their largest singular value. No block then begins as
            the identity.
        dropout: share of the units of the dense layer that are dropped in training, in [0, 1).

    Returns:
        functional model, images `(batch, *image_shape)` [and one-hot labels `(batch, num_classes)`] -> float32 logits
        `(batch, 1)`.

    Raises:
        UserError: if the image is too small.
    """
    stages = len(halved_sizes(image_shape)) - 1
    init = Initializers(kernel_initializer, blocks * stages, spectral_normalization)
    x = images = keras.Input(image_shape, name="images")
    for stage in range(1, stages + 1):
        channels = halved(width, stages - stage)
        kind = convolutions.Conv2D if stage == 1 else layers.Conv2D
        layer = kind(channels, 4, 2, "same", kernel_initializer=init.plain, name=f"down_{stage}")
        x = spectral(layer, spectral_normalization)(x)
        for number in range(1, blocks + 1):
            x = block(x, init, f"stage_{stage}_block_{number}", spectral_normalization)
        x = layers.LeakyReLU(0.2)(x)
    dense = layers.Dense(4 * width, kernel_initializer=init.plain, name="dense")
    inputs, logits = to_logits(images, x, dense, num_classes, spectral_normalization, dropout)
    return keras.Model(inputs, logits, name="resnet_discriminator")


class Initializers:
    """Initializers of the main path (`plain`) and of a block's first and last convolution (`first`, `last`)."""

    def __init__(self, name: Initializer, blocks: int, spectral_normalization: bool = False) -> None:
        self.plain = "he_normal" if name == "small_residual" else name
        # With spectral normalisation a kernel of zeros would be divided by its singular value, which is zero.
        small = name == "small_residual" and not spectral_normalization
        # He's variance 2 / fan_in; the standard deviation is multiplied by Fixup's L^(-1/2), for two layers in a block.
        scaled = {"scale": 2.0 / blocks, "mode": "fan_in", "distribution": "truncated_normal"}
        self.first = {"class_name": "VarianceScaling", "config": scaled} if small else self.plain
        self.last = "zeros" if small else self.plain


def halved(width: int, times: int) -> int:
    """Returns the number of channels after so many halvings."""
    return max(1, width >> times)


def block(x: Tensor, init: Initializers, name: str, spectral_normalization: bool = False) -> Tensor:
    """Adds to `x` the result of two convolutions."""
    branch, width = x, x.shape[-1]
    for number, initializer in enumerate((init.first, init.last), 1):
        options = {"kernel_initializer": initializer, "kernel_constraint": ZeroMean((0, 1, 2))}
        layer = layers.Conv2D(width, 3, padding="same", name=f"{name}_{number}", **options)
        branch = spectral(layer, spectral_normalization)(layers.LeakyReLU(0.2)(branch))
    return layers.Add(name=name)([x, branch])
