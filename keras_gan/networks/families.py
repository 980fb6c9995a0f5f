"""Families of networks by name, for settings to choose from. The signatures of their functions say what can be set."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import keras

from keras_gan.errors import UserError

Make = TypeVar("Make", bound=Callable)
# What Keras takes as an initializer: a name, a config, or an object.
Initializer = str | dict[str, Any] | keras.initializers.Initializer

# Initializers that all families take. They are names and configs, not objects, so that each layer draws its own
# weights.
INITIALIZERS = {
    "normal": {"class_name": "RandomNormal", "config": {"stddev": 0.02}},
    "orthogonal": "orthogonal",
    "he_normal": "he_normal",
    "glorot_uniform": "glorot_uniform",
}


@dataclasses.dataclass(frozen=True)
class Family:
    """The generator or the discriminator of a family.

    Attributes:
        make: function of the shape of a sample, the number of classes (`None` when unconditional) and, for a generator,
            the length of the latents. It returns a functional model. Its other arguments can be set by settings.
        initializers: names of initializers that only this network knows, beside `INITIALIZERS`.
    """

    make: Callable
    initializers: tuple[str, ...] = ()


GENERATORS: dict[str, Family] = {}
DISCRIMINATORS: dict[str, Family] = {}


def register_generator(initializers: tuple[str, ...] = ()) -> Callable[[Make], Make]:
    """Decorator that registers a function `NAME_generator` as the generator of the family NAME.

    Args:
        initializers: as in `Family`.
    """
    return _registered(GENERATORS, "_generator", initializers)


def register_discriminator(initializers: tuple[str, ...] = ()) -> Callable[[Make], Make]:
    """Decorator that registers a function `NAME_discriminator` as the discriminator of the family NAME.

    Args:
        initializers: as in `Family`.
    """
    return _registered(DISCRIMINATORS, "_discriminator", initializers)


def accepts(function: Callable, argument: str) -> bool:
    """Whether a function, or the constructor of a class, has an argument of this name."""
    return argument in inspect.signature(function).parameters


def _registered(families, suffix, initializers):
    first = ["image_shape", "num_classes", *(["latent_dim"] if families is GENERATORS else [])]

    def register(make: Make) -> Make:
        if not make.__name__.endswith(suffix):
            raise UserError(f"{make.__name__} must be called NAME{suffix}: NAME is its name in the settings")
        if list(inspect.signature(make).parameters)[: len(first)] != first:
            raise UserError(f"the first arguments of {make.__name__} must be {', '.join(first)}")
        families[make.__name__.removesuffix(suffix)] = Family(make, initializers)
        return make

    return register
