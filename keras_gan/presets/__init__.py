"""The settings of a run as one object, presets, and the model that settings describe."""

from keras_gan.presets.build import build, resolve_precision
from keras_gan.presets.compilation import resolve_compilation, whole_executions
from keras_gan.presets.config import Config, explanations, full_keys, override
from keras_gan.presets.players import Discriminator, Generator, Player
from keras_gan.presets.presets import PRESETS, cnn, dcgan, mlp, preset, quick, relativistic, resnet
from keras_gan.presets.settings import Explanation, pairs

__all__ = [
    "PRESETS",
    "Config",
    "Discriminator",
    "Explanation",
    "Generator",
    "Player",
    "build",
    "cnn",
    "dcgan",
    "explanations",
    "full_keys",
    "mlp",
    "override",
    "pairs",
    "preset",
    "quick",
    "relativistic",
    "resnet",
    "resolve_compilation",
    "resolve_precision",
    "whole_executions",
]
