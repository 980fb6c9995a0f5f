"""GANs for Keras: one model whose `train_step` plays the adversarial game."""

import importlib
import os
from typing import TYPE_CHECKING, Any

from wrapt import when_imported

if TYPE_CHECKING:  # `__getattr__` imports these when they are used, which a type checker does not see.
    from keras_gan import (
        augmentation,
        backbones,
        callbacks,
        comparison,
        convolutions,
        datasets,
        demo,
        export,
        layers,
        losses,
        metrics,
        networks,
        optimizers,
        pictures,
        presets,
        regularizers,
        sampling,
        training,
    )
    from keras_gan.errors import UserError
    from keras_gan.gan import GAN
    from keras_gan.training import train

__version__ = "0.2.0.dev0"
__all__ = [
    "GAN",
    "UserError",
    "augmentation",
    "backbones",
    "callbacks",
    "comparison",
    "convolutions",
    "datasets",
    "demo",
    "export",
    "layers",
    "losses",
    "metrics",
    "networks",
    "optimizers",
    "pictures",
    "presets",
    "regularizers",
    "sampling",
    "train",
    "training",
]

# Public names that are not modules, and the modules that define them.
_HOLDERS = {"GAN": "gan", "UserError": "errors", "train": "training"}
# Names that version 0.1.0 gave to modules that have since moved.
_OLD_NAMES = {"pretrained": "training.pretrained", "serving": "export.serving", "updates": "optimizers"}


def _check_backend(name):
    if name != "tensorflow":
        raise ImportError(f"keras_gan runs on TensorFlow, but Keras is set to {name}: set KERAS_BACKEND=tensorflow")


# Importing this package imports no TensorFlow, so that the command line answers at once. But Keras must know our
# classes before it loads a model, so this hook imports the modules that define them as soon as Keras is imported. If
# one of these modules was itself what imported Keras, it is only partly initialised when the hook runs. That is why
# they import each other as modules and never import names from one another, and why annotations that name a class of
# another one are strings.
@when_imported("keras")
def _register(keras):
    _check_backend(keras.config.backend())
    for name in (
        "augmentation",
        "layers",
        "convolutions",
        "losses",
        "regularizers",
        "optimizers",
        "gan",
        "metrics.streaming",
    ):
        importlib.import_module(f"keras_gan.{name}")


def __getattr__(name: str) -> Any:
    if name in _HOLDERS or name in __all__:
        _check_backend(os.environ.get("KERAS_BACKEND") or "tensorflow")
    if name in _HOLDERS:
        return getattr(importlib.import_module(f"keras_gan.{_HOLDERS[name]}"), name)
    if name in __all__ or name in _OLD_NAMES:
        return importlib.import_module(f"keras_gan.{_OLD_NAMES.get(name, name)}")
    raise AttributeError(f"module 'keras_gan' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
