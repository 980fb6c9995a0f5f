"""The generator of FastGAN, for few images and for little time.

Source: Liu et al., "Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis",
arXiv:2101.04775. Other than there, transposed convolutions double the size, which takes half the operations of
enlarging first, and nothing adds noise, so that a seed is an image.
"""

import math
from collections.abc import Sequence

import keras
from keras import layers, ops

from keras_gan.networks.dcgan import crop, halved_sizes
from keras_gan.networks.families import Initializer, register_generator
from keras_gan.networks.mlp import generator_inputs
from keras_gan.types import Tensor

# The largest shorter side with which the network begins.
START = 7


@register_generator()
def fastgan_generator(
    image_shape: Sequence[int],
    num_classes: int | None = None,
    latent_dim: int = 64,
    width: int = 128,
    kernel_initializer: Initializer = "orthogonal",
) -> keras.Model:
    """Doubles the size by convolutions with gates and batch normalisation; coarse maps scale the channels of fine ones.

    Batch normalisation keeps the samples of a batch apart. So it does not go together with penalties on the gradient,
    but with a discriminator that would let the generator collapse, such as `projected`.

    Args:
        image_shape: `(height, width, channels)`; height and width may be any number from 4 on.
        num_classes: number of classes of a conditional network, else `None`. A learned embedding of the label is joined
            to the latents.
        latent_dim: length of the latents.
        width: number of channels at the smallest size, 4 x 4 to 7 x 7; it is halved whenever the size doubles, down to
            an eighth.
        kernel_initializer: Keras initializer of the hidden layers.

    Returns:
        functional model, latents `(batch, latent_dim)` [and one-hot labels `(batch, num_classes)`] -> float32 images
        `(batch, *image_shape)` in [-1, 1].

    Raises:
        UserError: if the image is too small.
    """
    times = max(2, math.ceil(math.log2(min(image_shape[:2]) / START)))
    start, *sizes = reversed(halved_sizes(image_shape, times))
    inputs, x = generator_inputs(latent_dim, num_classes, latent_dim)
    options = {"use_bias": False, "kernel_initializer": kernel_initializer}
    x = layers.Dense(start[0] * start[1] * 2 * width, name="dense", **options)(x)
    x = gated(layers.Reshape((*start, 2 * width))(x), "start")
    maps = [x]
    for number, size in enumerate(sizes, 1):
        channels = max(1, width >> min(number, 3))
        x = layers.Conv2DTranspose(2 * channels, 4, strides=2, padding="same", name=f"up_{number}", **options)(x)
        x = gated(crop(x, size), f"up_{number}")
        if number >= 2:
            x = excited(x, maps[number - 2], kernel_initializer, f"skip_{number}")
        maps.append(x)
    x = layers.Conv2D(image_shape[-1], 3, padding="same", dtype="float32", name="to_image")(x)
    images = layers.Activation("tanh", dtype="float32", name="images")(x)
    return keras.Model(inputs, images, name="fastgan_generator")


def gated(x: Tensor, name: str) -> Tensor:
    """Normalises `(batch, height, width, 2 n)` over the batch; half of the channels then open or close the others."""
    return ops.glu(layers.BatchNormalization(name=f"{name}_normalisation")(x), axis=-1)


def excited(x: Tensor, coarse: Tensor, initializer: Initializer, name: str) -> Tensor:
    """Scales the channels of `x` by numbers in (0, 1) that are made of a coarser map: skip-layer excitation."""
    factors = [max(1, math.ceil(side / 4)) for side in coarse.shape[1:3]]
    pooled = (
        layers.AveragePooling2D(factors, padding="same", name=f"{name}_pool")(coarse) if max(factors) > 1 else coarse
    )
    options = {"kernel_initializer": initializer}
    y = layers.Conv2D(x.shape[-1], pooled.shape[1:3], name=f"{name}_all", **options)(pooled)
    y = layers.Conv2D(x.shape[-1], 1, activation="sigmoid", name=f"{name}_scale", **options)(layers.LeakyReLU(0.1)(y))
    return layers.Multiply(name=name)([x, y])
