"""Families of networks by name, as settings choose them: each says of itself what it takes."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import TypeVar

Make = TypeVar("Make", bound=Callable)

# Initializers that any family takes; not as objects, so that each layer draws its own weights.
INITIALIZERS = {
    "normal": {"class_name": "RandomNormal", "config": {"stddev": 0.02}},
    "orthogonal": "orthogonal",
    "he_normal": "he_normal",
    "glorot_uniform": "glorot_uniform",
}


@dataclasses.dataclass(frozen=True)
class Family:
    """One player's network of a family.

    Attributes:
        make: function of the shape of a sample, the number of classes (`None` when unconditional), and for a generator
            the length of the latents, that returns a functional model. Its other arguments are what can be set.
        initializers: names of initial weights that only this network knows, beside `INITIALIZERS`.
    """

    make: Callable
    initializers: tuple[str, ...] = ()


GENERATORS: dict[str, Family] = {}
DISCRIMINATORS: dict[str, Family] = {}


def register_generator(initializers: tuple[str, ...] = ()):
    """Makes a function `NAME_generator` a generator of the family NAME. Arguments are those of `Family`."""
    return _registered(GENERATORS, "_generator", initializers)


def register_discriminator(initializers: tuple[str, ...] = ()):
    """Makes a function `NAME_discriminator` a discriminator of the family NAME. Arguments are those of `Family`."""
    return _registered(DISCRIMINATORS, "_discriminator", initializers)


def accepts(function: Callable, argument: str) -> bool:
    """Whether a function, or the constructor of a class, has an argument of this name."""
    return argument in inspect.signature(function).parameters


def _registered(families, suffix, initializers):
    def register(make: Make) -> Make:
        families[make.__name__.removesuffix(suffix)] = Family(make, initializers)
        return make

    return register
