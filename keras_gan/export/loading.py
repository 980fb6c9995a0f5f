"""Loads models of any form to sample from."""

import itertools
import json
import logging
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from keras_gan.errors import UserError
from keras_gan.export.saved_model import INFO, ROWS
from keras_gan.gan import GAN
from keras_gan.sampling import sample
from keras_gan.storage.checkpoints import UnreadableCheckpoint, load_model, newest_first
from keras_gan.types import StrPath, Tensor

logger = logging.getLogger(__name__)

RENDER = "generate_from_latents"


def load(path: StrPath, custom_objects: dict | None = None) -> "GAN | SavedGAN":
    """Loads a model of any form to sample from.

    Args:
        path: a run folder (its `model.keras` is loaded, or else its newest checkpoint), a `.keras` file, or the folder
            of a SavedModel (or of its versions).
        custom_objects: functions and classes by name that the model needs and that are not registered with Keras.

    Returns:
        a `GAN`, or a `SavedGAN` for a SavedModel. Both have `generate`, `num_classes` and `sample_shape`.

    Raises:
        UserError: if the path is none of these, or the model cannot be loaded.

    Examples:
        >>> gan.save("model.keras")
        >>> kg.export.load("model.keras").generate(4, labels=7, seed=0).shape
        (4, 8, 8, 1)
    """
    path = Path(path)
    if path.is_file():
        return _load_file(path, custom_objects)
    found = [file for file in (path / "model.keras", *newest_first(path / "checkpoints")) if file.exists()]
    if not found:
        return SavedGAN(path)
    for file, other in itertools.pairwise(found):
        try:
            return _load_file(file, custom_objects)
        except UnreadableCheckpoint as error:
            logger.warning("%s; taking %s", error, other.name)
    return _load_file(found[-1], custom_objects)


def _load_file(file, custom_objects):
    gan = load_model(file, custom_objects)
    if not isinstance(gan, GAN):
        raise UserError(f"{file} holds a {type(gan).__name__}, not a keras_gan.GAN")
    return gan


class SavedGAN:
    """A SavedModel of this package, loaded to sample from; its `generate` is that of `keras_gan.GAN`.

    Args:
        folder: the SavedModel, or a folder of numbered versions, of which the last is loaded.

    Attributes:
        latent_dim: length of the latents.
        num_classes: number of classes, `None` when unconditional.
        sample_shape, image_shape: shape of one sample.
        class_names: a name for each class; empty if they are not known.
        takes_rows: whether labels may be rows that are not one-hot, such as mixtures of classes. A conditional model
            takes them, unless the SavedModel was written by a version before 0.2.0.

    Raises:
        UserError: if the folder holds no SavedModel of this package, or a damaged one.
    """

    def __init__(self, folder: StrPath) -> None:
        folder = Path(folder)
        if not (folder / "saved_model.pb").exists():
            versions = [path.parent for path in folder.glob("*/saved_model.pb") if path.parent.name.isdigit()]
            folder = max(versions, key=lambda path: int(path.name), default=folder)
        if not (folder / INFO).exists():
            raise UserError(f"{folder} is not a run folder, .keras file or SavedModel of keras_gan")
        info = json.loads((folder / INFO).read_text())
        self.latent_dim, self.num_classes = info["latent_dim"], info["num_classes"]
        self.sample_shape = self.image_shape = tuple(info["image_shape"])
        self.class_names = tuple(info.get("class_names", ()))  # The first exports had none.
        try:
            self._model = tf.saved_model.load(str(folder))
        except (tf.errors.OpError, OSError) as error:
            raise UserError(f"cannot load the SavedModel {folder}: it is incomplete or damaged") from error
        self.takes_rows = RENDER + ROWS in self._model.signatures

    def generate(
        self, num: int, labels: ArrayLike | None = None, seed: int = 0, truncation: float | None = None
    ) -> np.ndarray:
        """Draws samples as `GAN.generate` does; raises `UserError` for rows that it does not take."""
        return sample(self.generate_from_latents, num, labels, seed, truncation, self.latent_dim, self.num_classes)

    def generate_from_latents(self, latents: Tensor, labels: Tensor | None = None) -> np.ndarray:
        """Makes samples as `GAN.generate_from_latents` does; raises `UserError` for rows that it does not take."""
        inputs, signature = {"latents": tf.constant(latents, "float32")}, RENDER
        if labels is not None and self.takes_rows:
            inputs["labels"], signature = tf.constant(labels, "float32"), RENDER + ROWS
        elif labels is not None:
            if not (np.isin(labels, (0.0, 1.0)).all() and (np.sum(labels, axis=-1) == 1.0).all()):
                raise UserError("this SavedModel takes whole labels, no label rows: export the model anew")
            inputs["label"] = tf.argmax(labels, axis=-1)
        (samples,) = self._model.signatures[signature](**inputs).values()
        return samples.numpy()
