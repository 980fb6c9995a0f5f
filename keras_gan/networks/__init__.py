"""Network families. Each gives a generator, a discriminator, and a function that returns both; mix them as you like."""

from keras_gan.networks.compose import ensemble, mixture, packed
from keras_gan.networks.dcgan import dcgan, dcgan_discriminator, dcgan_generator
from keras_gan.networks.mlp import mlp, mlp_discriminator, mlp_generator
from keras_gan.networks.progressive import progressive, progressive_discriminator, progressive_generator
from keras_gan.networks.resnet import resnet, resnet_discriminator, resnet_generator

__all__ = [
    "dcgan",
    "dcgan_discriminator",
    "dcgan_generator",
    "ensemble",
    "mixture",
    "mlp",
    "mlp_discriminator",
    "mlp_generator",
    "packed",
    "progressive",
    "progressive_discriminator",
    "progressive_generator",
    "resnet",
    "resnet_discriminator",
    "resnet_generator",
]
