"""Residual networks without normalisation, for longer budgets than `dcgan`.

A block adds to its input what two convolutions make of it. With the initializer `small_residual` the second starts at
zero and the first is scaled down with the number of blocks, so that each block begins as the identity and no
normalisation is needed, which would not go with gradient penalties. Kernels keep a mean of zero over their inputs, or
what all samples have in common grows from block to block.

Source: Huang et al., "The GAN is dead; long live the GAN!", arXiv:2501.05441, section 3, as to what is left out
(normalisation, style, skips to the output); the initialisation: Zhang et al., "Fixup Initialization", arXiv:1901.09321,
section 3; kernels of zero mean: Brock et al., arXiv:2101.08692, section 4.
"""

import keras
from keras import layers

from keras_gan.layers import ZeroMean, spectral
from keras_gan.networks.dcgan import crop, halved_sizes, to_images, to_logits
from keras_gan.networks.families import register_discriminator, register_generator
from keras_gan.networks.mlp import generator_inputs


def resnet(image_shape, num_classes: int | None = None, latent_dim: int = 64) -> tuple[keras.Model, keras.Model]:
    """`resnet_generator` and `resnet_discriminator` with their defaults."""
    return resnet_generator(image_shape, num_classes, latent_dim), resnet_discriminator(image_shape, num_classes)


@register_generator(("small_residual",))
def resnet_generator(
    image_shape,
    num_classes: int | None = None,
    latent_dim: int = 64,
    width: int = 64,
    blocks: int = 1,
    kernel_initializer="small_residual",
) -> keras.Model:
    """A dense layer to a small picture; blocks at each size; transposed convolutions from size to size.

    Args:
        image_shape: `(height, width, channels)`, any height and width from 4 pixels on.
        num_classes: for a conditional network; a learned embedding of the label is joined to the latents.
        latent_dim: length of the latents.
        width: channels of the smallest picture; half as many at twice the size.
        blocks: residual blocks at each size below the image's.
        kernel_initializer: `small_residual`, or a Keras initializer of all hidden layers.

    Returns:
        functional model, latents `(batch, latent_dim)` [and one-hot labels `(batch, num_classes)`] -> float32 images
        `(batch, *image_shape)` in [-1, 1].
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
    image_shape,
    num_classes: int | None = None,
    width: int = 64,
    blocks: int = 1,
    kernel_initializer="small_residual",
    spectral_normalization: bool = False,
    dropout: float = 0.0,
) -> keras.Model:
    """Strided convolutions with blocks after each, a dense layer, and for labels a projection.

    Args:
        image_shape: `(height, width, channels)`, any height and width from 4 pixels on.
        num_classes: for a conditional network, by projection: `w.h + b + v_label.h` for the features `h`.
        width: channels of the smallest picture; half as many at twice the size. The dense layer has four times as many.
        blocks: residual blocks at each size below the image's.
        kernel_initializer: `small_residual`, or a Keras initializer of all hidden layers.
        spectral_normalization: whether the kernels are divided by their largest singular value; no block then begins as
            the identity.
        dropout: share of the dense layer's units left out when training, in [0, 1).

    Returns:
        functional model, images `(batch, *image_shape)` [and one-hot labels `(batch, num_classes)`] -> float32 logits
        `(batch, 1)`.
    """
    stages = len(halved_sizes(image_shape)) - 1
    init = Initializers(kernel_initializer, blocks * stages, spectral_normalization)
    x = images = keras.Input(image_shape, name="images")
    for stage in range(1, stages + 1):
        channels = halved(width, stages - stage)
        layer = layers.Conv2D(channels, 4, 2, "same", kernel_initializer=init.plain, name=f"down_{stage}")
        x = spectral(layer, spectral_normalization)(x)
        for number in range(1, blocks + 1):
            x = block(x, init, f"stage_{stage}_block_{number}", spectral_normalization)
        x = layers.LeakyReLU(0.2)(x)
    dense = layers.Dense(4 * width, kernel_initializer=init.plain, name="dense")
    inputs, logits = to_logits(images, x, dense, num_classes, spectral_normalization, dropout)
    return keras.Model(inputs, logits, name="resnet_discriminator")


class Initializers:
    """Of what lies on the main path, of a block's first convolution and of its last."""

    def __init__(self, name, blocks, spectral_normalization=False):
        self.plain = "he_normal" if name == "small_residual" else name
        # The singular value of a kernel of zeros is no divisor.
        small = name == "small_residual" and not spectral_normalization
        # He's variance 2 / fan_in, times Fixup's L^(-1/2) for the deviation of two layers a block.
        scaled = {"scale": 2.0 / blocks, "mode": "fan_in", "distribution": "truncated_normal"}
        self.first = {"class_name": "VarianceScaling", "config": scaled} if small else self.plain
        self.last = "zeros" if small else self.plain


def halved(width, times):
    """Channels after so many halvings."""
    return max(1, width >> times)


def block(x, init, name, spectral_normalization=False):
    """`x` and what two convolutions make of it."""
    branch, width = x, x.shape[-1]
    for number, initializer in enumerate((init.first, init.last), 1):
        options = {"kernel_initializer": initializer, "kernel_constraint": ZeroMean((0, 1, 2))}
        layer = layers.Conv2D(width, 3, padding="same", name=f"{name}_{number}", **options)
        branch = spectral(layer, spectral_normalization)(layers.LeakyReLU(0.2)(branch))
    return layers.Add(name=name)([x, branch])
