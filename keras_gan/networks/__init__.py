"""Network families. Each has a generator, a discriminator and a function that returns both; any two can be paired."""

import importlib
import pkgutil

from keras_gan.networks.compose import ensemble, mixture, packed
from keras_gan.networks.dcgan import dcgan, dcgan_discriminator, dcgan_generator
from keras_gan.networks.families import (
    DISCRIMINATORS,
    GENERATORS,
    Family,
    register_discriminator,
    register_generator,
)
from keras_gan.networks.fastgan import fastgan_generator
from keras_gan.networks.mlp import mlp, mlp_discriminator, mlp_generator
from keras_gan.networks.progressive import progressive, progressive_discriminator, progressive_generator
from keras_gan.networks.projected import projected, projected_discriminator
from keras_gan.networks.resnet import resnet, resnet_discriminator, resnet_generator

# A new family needs only a file in this folder: this finds its functions NAME, NAME_generator and NAME_discriminator.
for _file in pkgutil.iter_modules(__path__):
    _module = importlib.import_module(f"{__name__}.{_file.name}")
    globals().update({name: value for name, value in vars(_module).items() if name.startswith(_file.name)})

__all__ = [
    "DISCRIMINATORS",
    "GENERATORS",
    "Family",
    "dcgan",
    "dcgan_discriminator",
    "dcgan_generator",
    "ensemble",
    "fastgan_generator",
    "mixture",
    "mlp",
    "mlp_discriminator",
    "mlp_generator",
    "packed",
    "progressive",
    "progressive_discriminator",
    "progressive_generator",
    "projected",
    "projected_discriminator",
    "register_discriminator",
    "register_generator",
    "resnet",
    "resnet_discriminator",
    "resnet_generator",
]
