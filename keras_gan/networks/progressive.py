"""Networks that grow: they first train on small pictures, where a step is cheap, then with more layers on larger ones.

Layers are numbered from the smallest picture up. So the layers of a network for 14 x 14 pixels have the same names and
shapes as the first layers of one for 28 x 28 pixels, and `training.load_pretrained` copies their weights. The
additional layers of the larger network begin at zero. At first its generator makes enlarged pictures of the small one,
and its discriminator judges as the small one does. Sizes are halved until the shorter side is at most 8 pixels, so a
network can only grow if the shorter side of its pictures is larger than that.

Sources: Karras et al., "Progressive Growing of GANs", arXiv:1710.10196; sums of pictures in place of its fading: Karras
et al., "Analyzing and Improving the Image Quality of StyleGAN", arXiv:1912.04958, section 4 (input and output skips).
"""

from collections.abc import Sequence

import keras
from keras import layers

from keras_gan import convolutions
from keras_gan.layers import ZeroMean, spectral
from keras_gan.networks.dcgan import crop, halved_sizes, to_logits
from keras_gan.networks.families import Initializer, register_discriminator, register_generator
from keras_gan.networks.mlp import generator_inputs
from keras_gan.networks.resnet import Initializers, block, halved


def progressive(
    image_shape: Sequence[int], num_classes: int | None = None, latent_dim: int = 64
) -> tuple[keras.Model, keras.Model]:
    """Returns a `progressive_generator` and a `progressive_discriminator` with their defaults."""
    return (
        progressive_generator(image_shape, num_classes, latent_dim),
        progressive_discriminator(image_shape, num_classes),
    )


@register_generator(("small_residual",))
def progressive_generator(
    image_shape: Sequence[int],
    num_classes: int | None = None,
    latent_dim: int = 64,
    width: int = 64,
    blocks: int | None = None,
    kernel_initializer: Initializer = "small_residual",
) -> keras.Model:
    """A dense layer, then a residual block and a picture at each size; the pictures are enlarged and summed.

    Args:
        image_shape: `(height, width, channels)`; height and width may be any number from 4 on. A network for images of
            twice the height and width has one more block.
        num_classes: number of classes of a conditional network, else `None`. A learned embedding of the label is joined
            to the latents.
        latent_dim: length of the latents.
        width: number of channels at the smallest size; it is halved whenever the size doubles.
        blocks: number of sizes that have a residual block, counted from the smallest up; all of them when `None`.
        kernel_initializer: `small_residual`, as in `resnet`, or a Keras initializer of all layers that do not begin at
            zero.

    Returns:
        functional model, latents `(batch, latent_dim)` [and one-hot labels `(batch, num_classes)`] -> float32 images
        `(batch, *image_shape)` in [-1, 1].

    Raises:
        UserError: if the image is too small.
    """
    start, *sizes = reversed(halved_sizes(image_shape, times=1))
    init = Initializers(kernel_initializer, len(sizes))
    inputs, x = generator_inputs(latent_dim, num_classes, latent_dim)
    x = layers.Dense(start[0] * start[1] * width, kernel_initializer=init.plain, name="dense")(x)
    x = layers.Reshape((*start, width))(x)
    images = None
    for number, size in enumerate(sizes, 1):
        if blocks is None or number <= blocks:
            x = block(x, init, f"block_{number}")
        x = layers.LeakyReLU(0.2)(x)
        options = {"dtype": "float32", "kernel_initializer": "zeros" if number > 1 else "glorot_uniform"}
        more = convolutions.Conv2DTranspose(image_shape[-1], 4, 2, "same", name=f"to_image_{number}", **options)(x)
        images = crop(more if images is None else layers.Add(dtype="float32")([_twice(images), more]), size)
        if size is not sizes[-1]:
            options = {"kernel_initializer": init.plain, "kernel_constraint": ZeroMean((0, 1, 3))}
            x = layers.Conv2DTranspose(halved(width, number), 4, 2, "same", name=f"up_{number}", **options)(x)
            x = crop(x, size)
    images = layers.Activation("tanh", dtype="float32", name="images")(images)
    return keras.Model(inputs, images, name="progressive_generator")


@register_discriminator()
def progressive_discriminator(
    image_shape: Sequence[int],
    num_classes: int | None = None,
    width: int = 64,
    kernel_initializer: Initializer = "he_normal",
    spectral_normalization: bool = False,
    dropout: float = 0.0,
) -> keras.Model:
    """Strided convolutions that also see the image at their own size, a dense layer, and a projection of the label.

    Args:
        image_shape: `(height, width, channels)`; height and width may be any number from 4 on.
        num_classes: number of classes of a conditional network, else `None`. The logit is then a projection:
            `w.h + b + v_label.h` for the features `h`.
        width: number of channels at the smallest size; it is halved whenever the size doubles. The dense layer has four
            times as many units.
        kernel_initializer: Keras initializer of the hidden layers that do not begin at zero.
        spectral_normalization: whether the kernels are divided by their largest singular value. No layer then begins at
            zero.
        dropout: share of the units of the dense layer that are dropped in training, in [0, 1).

    Returns:
        functional model, images `(batch, *image_shape)` [and one-hot labels `(batch, num_classes)`] -> float32 logits
        `(batch, 1)`.

    Raises:
        UserError: if the image is too small.
    """
    stages = len(halved_sizes(image_shape, times=1)) - 1

    def convolution(number, name, initializer):
        channels = halved(width, number - 1)
        kind = convolutions.Conv2D if name == "from_image" else layers.Conv2D
        layer = kind(channels, 4, 2, "same", kernel_initializer=initializer, name=f"{name}_{number}")
        return spectral(layer, spectral_normalization)

    picture = images = keras.Input(image_shape, name="images")
    x = convolution(stages, "from_image", kernel_initializer)(picture)
    for number in range(stages - 1, 0, -1):
        picture = layers.AveragePooling2D(2, padding="same", dtype="float32")(picture)
        # With spectral normalisation a kernel of zeros would be divided by its singular value, which is zero.
        more = convolution(number, "down", kernel_initializer if spectral_normalization else "zeros")
        seen = convolution(number, "from_image", kernel_initializer)(picture)
        x = layers.Add()([seen, more(layers.LeakyReLU(0.2)(x))])
    dense = layers.Dense(4 * width, kernel_initializer=kernel_initializer, name="dense")
    inputs, logits = to_logits(images, layers.LeakyReLU(0.2)(x), dense, num_classes, spectral_normalization, dropout)
    return keras.Model(inputs, logits, name="progressive_discriminator")


def _twice(images):
    return layers.UpSampling2D(2, interpolation="bilinear", dtype="float32")(images)
