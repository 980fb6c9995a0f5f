"""Backbones by name, for settings and extractors to choose from."""

import dataclasses
from collections.abc import Callable
from typing import TypeVar

from keras_gan.backbones import applications
from keras_gan.errors import unknown

Make = TypeVar("Make", bound=Callable)


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A pretrained network of which a pyramid can be made.

    Attributes:
        make: function of a height and a width, multiples of 32, that returns a functional model. The model maps float
            RGB images `(batch, height, width, 3)` in [-1, 1] to a list of feature maps, each about half as high and
            wide as the one before. Weights that it needs from elsewhere are a `UserError` where they are missing.
        title: what it is called in reports.
    """

    make: Callable
    title: str


BACKBONES: dict[str, Backbone] = {}


def register_backbone(title: str | None = None) -> Callable[[Make], Make]:
    """Decorator that registers a function as the backbone of the function's name.

    Args:
        title: as in `Backbone`; the name of the function when `None`.

    Examples:
        >>> @kg.backbones.register_backbone("two convolutions")
        ... def mine(height, width):
        ...     images = keras.Input((height, width, 3))
        ...     fine = keras.layers.Conv2D(8, 4, strides=4)(images)
        ...     return keras.Model(images, [fine, keras.layers.Conv2D(16, 2, strides=2)(fine)])
    """

    def register(make: Make) -> Make:
        BACKBONES[make.__name__] = Backbone(make, title or make.__name__)
        return make

    return register


def find_backbone(name: str) -> Backbone:
    """Returns the backbone of a name.

    Args:
        name: one of `BACKBONES`, or a class of `keras.applications`, as it is called there (`MobileNetV2`) or in lower
            case, with underscores or without (`mobilenet_v2`).

    Raises:
        UserError: if there is none of that name.

    Examples:
        >>> kg.backbones.find_backbone("mobilenet_v2").title
        'MobileNetV2 of Keras Applications'
    """
    if name in BACKBONES:
        return BACKBONES[name]
    found = applications.find(name)
    if not found:
        raise unknown("features", name, [*BACKBONES, *map(str.lower, applications.names())])
    return Backbone(lambda height, width: applications.make(found, height, width), f"{found} of Keras Applications")
