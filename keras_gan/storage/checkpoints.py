"""Checkpoints: `.keras` files that hold the state of training beside the model."""

import json
import warnings
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_gan import variables
from keras_gan.errors import UserError, cause_of
from keras_gan.storage.files import written_aside
from keras_gan.types import StrPath

STATE = "training.json"
# What Keras says of objects that it does not find, and of lambdas, which it does not load of its own accord.
_UNKNOWN = ("Could not locate", "Cannot deserialize object of type", "Unknown ")
_LAMBDA = "Requested the deserialization"


class UnreadableCheckpoint(UserError):
    """A checkpoint is incomplete or damaged."""


def save(model: keras.Model, path: StrPath, state: dict) -> None:
    """Writes a model and the state of its training; an older file is replaced only when the new one is complete.

    Args:
        model: a `keras.Model`.
        path: a file that ends in `.keras`; `keras.saving.load_model` can read it.
        state: the state, a dict that JSON can hold.

    Raises:
        OSError: if it cannot be written.
    """
    try:
        with written_aside(path) as aside:
            model.save(aside)
            with zipfile.ZipFile(aside, "a") as archive:
                archive.writestr(STATE, json.dumps(state))
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        # HDF5 reports a full disk as a RuntimeError or a ValueError, depending on what it was writing. A network that
        # Keras cannot describe is a TypeError.
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise OSError(f"cannot write the checkpoint {path}: {reason}") from error


def copy(path: StrPath, target: StrPath) -> None:
    """Copies a checkpoint; an older file is replaced only when the copy is complete."""
    with written_aside(target) as aside:
        aside.write_bytes(Path(path).read_bytes())


def read_state(path: StrPath) -> dict:
    """Checks that a whole file is as it was written, and returns the state that was saved with the model.

    Raises:
        UnreadableCheckpoint: if the file is incomplete or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            if damaged:
                raise UnreadableCheckpoint(f"cannot read {path}: {damaged} is damaged")
            return json.loads(archive.read(STATE))
    except (OSError, zipfile.BadZipFile, zlib.error, KeyError, EOFError, json.JSONDecodeError) as error:
        raise UnreadableCheckpoint(f"cannot read {path}: it is incomplete or damaged") from error


def are_same(path: StrPath, other: StrPath) -> bool:
    """Whether two checkpoints can both be read and hold the same state of training."""
    try:
        return read_state(path) == read_state(other)
    except UnreadableCheckpoint:
        return False


def load(model: keras.Model, path: StrPath) -> None:
    """Loads weights, optimizers and seeds into a model that was built and compiled as the saved one was.

    Raises:
        UserError: if the file belongs to other networks or optimizers.
    """
    try:
        with warnings.catch_warnings():
            # Keras only warns if it finds no weights for a layer, and leaves the layer as it is.
            warnings.simplefilter("error", UserWarning)
            model.load_weights(path)
    except (ValueError, KeyError, UserWarning) as error:
        raise UserError(f"{path} is of other networks or optimizers than these: {cause_of(error)}") from error


def load_model(path: StrPath, custom_objects: dict | None = None) -> keras.Model:
    """Loads a model from a `.keras` file, and says in one line why that cannot be done.

    Args:
        path: the file.
        custom_objects: functions and classes by name that the model needs and that are not registered with Keras.

    Raises:
        UnreadableCheckpoint: if the file is no `.keras` file, incomplete or damaged.
        UserError: if the model needs what Keras does not know.
    """
    if not zipfile.is_zipfile(path):
        raise UnreadableCheckpoint(f"cannot load {path}: it is no .keras file, or an incomplete one")
    try:
        return keras.saving.load_model(path, custom_objects)
    except (MemoryError, tf.errors.ResourceExhaustedError):
        raise
    except Exception as error:
        cause = cause_of(error)
        if cause.startswith(_LAMBDA):
            raise UserError(
                f"cannot load {path}: it holds a lambda, which may be anybody's code. If you trust the file, call "
                "keras.config.enable_unsafe_deserialization() first, on the command line in a file of --import FILE.py"
            ) from error
        if any(words in cause for words in _UNKNOWN):
            raise UserError(
                f"cannot load {path}: {cause.split('. ')[0]}. Give custom_objects, or register it with Keras, on the "
                "command line in a file of --import FILE.py"
            ) from error
        raise UnreadableCheckpoint(f"cannot load {path}: {cause}") from error


def newest_first(folder: StrPath) -> list[Path]:
    """Returns the checkpoints `step-*.keras` of a folder, the newest first."""
    return sorted(Path(folder).glob("step-*.keras"), reverse=True)


def metrics_state(metrics: Iterable[keras.metrics.Metric]) -> dict:
    """Returns the sums and counts of running means on each replica, to go on in the middle of an epoch."""
    means = [metric for metric in metrics if isinstance(metric, keras.metrics.Mean)]
    return {
        metric.name: [[variables.number(copy) for copy in variables.copies(variable)] for variable in metric.variables]
        for metric in means
    }


def set_metrics_state(metrics: Iterable[keras.metrics.Metric], state: dict) -> None:
    """Restores what `metrics_state` returned."""
    for metric in metrics:
        for variable, value in zip(metric.variables, state.get(metric.name, ())):
            values, parts = np.atleast_1d(value), variables.copies(variable)  # Of version 0.1.0: one number.
            # The number of replicas may be another than before.
            values = values if len(values) == len(parts) else [values.sum() / len(parts)] * len(parts)
            for part, copy in zip(parts, values):
                part.assign(copy)


def is_finite(model: keras.Model) -> bool:
    """Whether no weight of a model is NaN or infinite."""
    # A sum is finite only if all its terms are.
    return all(np.isfinite(np.sum(weight)) for weight in model.get_weights())
