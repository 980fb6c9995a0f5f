"""GANs for Keras: one model whose `train_step` plays the adversarial game."""

import importlib

from wrapt import when_imported

__version__ = "0.1.0"
__all__ = [
    "GAN",
    "UserError",
    "augmentation",
    "callbacks",
    "comparison",
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

# Names that are no modules, with the modules that hold them.
_HOLDERS = {"GAN": "gan", "UserError": "errors", "train": "training"}
# What version 0.1.0 called other modules.
_OLD_NAMES = {"pretrained": "training.pretrained", "serving": "export.serving", "updates": "optimizers"}


# Importing this package costs nothing until a part of it is used, so that the command line answers at once. Keras must
# know the classes before it loads a model: they register themselves as soon as it is there. The part that brought Keras
# is only half there by then, so these parts import each other as modules, not names out of them.
@when_imported("keras")
def _register(_):
    for name in ("augmentation", "layers", "losses", "regularizers", "optimizers", "gan", "metrics.streaming"):
        importlib.import_module(f"keras_gan.{name}")


def __getattr__(name):
    if name in _HOLDERS:
        return getattr(importlib.import_module(f"keras_gan.{_HOLDERS[name]}"), name)
    if name in __all__ or name in _OLD_NAMES:
        return importlib.import_module(f"keras_gan.{_OLD_NAMES.get(name, name)}")
    raise AttributeError(f"module 'keras_gan' has no attribute {name!r}")


def __dir__():
    return __all__
