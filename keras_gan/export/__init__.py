"""Writes SavedModels for TensorFlow and TF Serving, and loads models of any form to sample from."""

from keras_gan.export.loading import SavedGAN, load
from keras_gan.export.saved_model import INFO, export_next, export_saved_model, next_version

__all__ = ["INFO", "SavedGAN", "export_next", "export_saved_model", "load", "next_version"]
