"""Pretrained networks as frozen pyramids of feature maps, for a discriminator to look through and to measure with."""

from keras_gan.backbones.freezing import frozen
from keras_gan.backbones.pyramids import SMALLEST, pyramid, working_size
from keras_gan.backbones.registry import BACKBONES, Backbone, find_backbone, register_backbone
from keras_gan.backbones.squeezenet import squeezenet

__all__ = [
    "BACKBONES",
    "SMALLEST",
    "Backbone",
    "find_backbone",
    "frozen",
    "pyramid",
    "register_backbone",
    "squeezenet",
    "working_size",
]
