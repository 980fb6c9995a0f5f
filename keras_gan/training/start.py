"""`train`: a session from a call in Python."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from keras_gan import datasets
from keras_gan.errors import UserError
from keras_gan.presets import Config
from keras_gan.training import runs
from keras_gan.training.options import Options, chosen_config, chosen_options
from keras_gan.training.session import Session
from keras_gan.types import StrPath


def train(
    preset: str | Config | None = None,
    dataset: StrPath | datasets.ImageDataset | ArrayLike | tuple[ArrayLike, ArrayLike] | None = None,
    *,
    epochs: int | None = None,
    minutes: float | None = None,
    run_dir: StrPath | None = None,
    export_dir: StrPath | None = None,
    resume: bool = False,
    allow_changes: bool = False,
    options: dict | None = None,
    callbacks: Iterable[keras.callbacks.Callback] = (),
    **settings: Any,
) -> Session:
    """Trains a GAN into a run folder, as `train` on the command line does.

    Args:
        preset: name of a preset, or a `Config`. When `None`, the settings of the resumed run, or else those of `quick`.
        dataset: name or folder, as for `datasets.load`; a `datasets.ImageDataset`; or images or `(images, labels)`, as
            for `datasets.from_arrays`; `digits` when `None`.
        epochs, minutes: limits of the training, in place of those of the preset.
        run_dir: the run folder; `runs/DATASET-(C)GAN-NNN` when `None`.
        export_dir: folder that gets the model as its next version; when `None`, nothing is exported.
        resume: whether to go on with the run in `run_dir`.
        allow_changes: whether a resumed run may have other settings and data than before.
        options: other `training.Options` by name, such as `{"evaluate": "classifier"}`.
        callbacks: Keras callbacks of your own.
        **settings: any settings by their keys, such as `conditional=True` or `r1=0.1`.

    Returns:
        the `Session`, which holds `model`, `folder` and `history`.

    Raises:
        UserError: if an argument is out of its range, or the arguments do not go together.
        Interrupted, Diverged, InTrouble: as `Session.train` does. Call `train` with `resume=True` to go on.

    Examples:
        >>> session = kg.train("quick", dataset="digits", conditional=True, minutes=0.1)
        >>> sevens = session.model.generate(16, labels=7)
    """
    if wrong := sorted(settings.keys() & Options.model_fields.keys()):
        raise UserError(f"{wrong[0]} says how a run is stored or watched: give options={{{wrong[0]!r}: ...}}")
    data = _given(dataset)
    if isinstance(dataset, str | Path):
        settings["dataset"] = str(dataset)
    before = runs.read(Path(run_dir)) if resume and run_dir is not None else None
    config = chosen_config(preset, before and before.config, settings, epochs, minutes)
    given = {**(options or {}), **({} if export_dir is None else {"export_dir": str(export_dir)})}
    return Session(config, run_dir, data, chosen_options(before, given), resume, allow_changes).train(callbacks)


def _given(dataset):
    """Returns the images of a dataset, or `None` if it is given by name or not at all."""
    if dataset is None or isinstance(dataset, str | Path | datasets.ImageDataset):
        return dataset if isinstance(dataset, datasets.ImageDataset) else None
    images, labels = dataset if isinstance(dataset, tuple) and len(dataset) == 2 else (dataset, None)
    try:
        images = np.asarray(images)
    except ValueError:  # NumPy says that parts differ in shape.
        images = None
    if images is None or images.dtype == object:
        raise UserError(
            "the dataset must be a name, a folder, an array of images, a tuple (images, labels) or an ImageDataset, "
            f"got {type(dataset).__name__}; GAN.fit() takes tf.data.Datasets and other streams"
        )
    return datasets.from_arrays(images, labels)
