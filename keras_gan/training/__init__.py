"""Training runs: sessions, their options and their folders, and pretrained weights."""

from keras_gan.training.options import Options, chosen_config, chosen_options
from keras_gan.training.pretrained import Loaded, load_by_path, load_pretrained
from keras_gan.training.session import EPOCH_STEPS, InTrouble, Session
from keras_gan.training.start import train

__all__ = [
    "EPOCH_STEPS",
    "InTrouble",
    "Loaded",
    "Options",
    "Session",
    "chosen_config",
    "chosen_options",
    "load_by_path",
    "load_pretrained",
    "train",
]
