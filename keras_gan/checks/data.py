"""What can be wrong with samples and labels, in whatever form they come."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops

from keras_gan import sampling
from keras_gan.checks.watch import RangeWatch
from keras_gan.errors import UserError
from keras_gan.types import Tensor


@dataclasses.dataclass(frozen=True)
class Expected:
    """The data that a model takes.

    Attributes:
        sample_shape: shape of one sample.
        num_classes: number of classes, `None` when unconditional.
        packing: a batch must be a multiple of it.
    """

    sample_shape: tuple[int | None, ...]
    num_classes: int | None
    packing: int = 1

    @property
    def is_image(self) -> bool:
        """Whether the samples are images."""
        return sampling.is_image(self.sample_shape)


def parts_of(data: Any) -> tuple[Any, Any]:
    """Splits a batch, or what describes one, into samples and labels (or `None`).

    Raises:
        UserError: if it has other parts, such as sample weights.
    """
    if not isinstance(data, list | tuple):
        data = (data,)
    if not 1 <= len(data) <= 3:
        raise UserError(f"a batch must be images or (images, labels), got {len(data)} parts")
    x, y, sample_weight = (*data, None, None)[:3]
    if isinstance(x, dict | list | tuple):
        raise UserError(
            "fit() takes images, one array of them, or images and labels apart: fit(images, labels); with TFDS, load "
            "with as_supervised=True"
        )
    if sample_weight is not None:
        raise UserError("a GAN takes no sample weights or class weights")
    return x, y


def check_types(x: Any, y: Any, expected: Expected) -> None:
    """Checks what is known of arrays, tensors or their specs without a look at the values.

    Raises:
        UserError: if samples or labels are of another shape or type, or labels are missing.
    """
    shape = tf.TensorShape(x.shape)
    if not shape.is_compatible_with((None, *expected.sample_shape)):
        raise UserError(_wrong_shape(shape, expected.sample_shape))
    if shape.rank and shape[0] == 0:
        raise UserError("there are no samples: the array is empty")
    if _name(x) != "uint8" and not _is_floating(x):
        raise UserError(f"samples must be uint8 in [0, 255] or float in [-1, 1], got {_name(x)}")
    if expected.num_classes is None:
        return
    if y is None:
        raise UserError("this model is conditional: fit() needs (images, labels)")
    labels = tf.TensorShape(y.shape)
    kinds = [(None, expected.num_classes)] if _is_floating(y) else [(None,), (None, 1)] if _is_integer(y) else []
    if not any(labels.is_compatible_with(kind) for kind in kinds):
        takes = f"int (batch,) or float (batch, {expected.num_classes})"
        raise UserError(f"labels must be {takes}, got {_name(y)} {y.shape}")
    if shape.rank and labels.rank and not shape[:1].is_compatible_with(labels[:1]):
        raise UserError(f"there are {shape[0]} samples but {labels[0]} labels")


def conditions(x: Any, y: Any, expected: Expected, math: Any) -> Iterator[tuple[Any, str]]:
    """Yields pairs: a condition on the values that must hold, and the message if it does not.

    Args:
        x, y: arrays or tensors that have passed `check_types`.
        expected: what the model takes.
        math: `numpy` or `tf.math`.
    """
    every, size = (np.all, np.shape) if math is np else (tf.reduce_all, tf.shape)
    if _is_floating(x):
        yield every(np.isfinite(x) if math is np else tf.math.is_finite(x)), "the data contain NaN or infinity"
        if expected.is_image:
            message = "float images must be within -1 and 1 (uint8 images, 0 to 255, are rescaled for you)"
            yield every(math.abs(x) <= 1.001), message
    if expected.num_classes is not None:
        rows = _is_floating(y)
        if rows:
            yield every(np.isfinite(y) if math is np else tf.math.is_finite(y)), "the labels contain NaN or infinity"
        else:
            message = f"labels must be 0 to {expected.num_classes - 1}, as the networks are built"
            yield every((y >= 0) & (y < expected.num_classes)), message
    if math is not np:
        # Sizes that are known ahead were checked with the types.
        if x.shape[0] is None:
            yield size(x)[0] > 0, "a batch is empty"
        if expected.num_classes is not None and None in (x.shape[0], y.shape[0]):
            yield size(x)[0] == size(y)[0], "a batch has another number of labels than of samples"
        if expected.packing > 1:
            yield size(x)[0] % expected.packing == 0, packing_message(expected.packing)


def packing_message(packing: int) -> str:
    """Returns what to say of a batch that is no multiple of the packing."""
    return (
        f"the discriminator judges {packing} samples together, so each batch, the last one too, must be a multiple of "
        f"{packing}: leave the rest out, as dataset.batch(size, drop_remainder=True) does"
    )


def as_arrays(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns samples and labels of any kind that NumPy reads as NumPy arrays, without a copy if possible."""
    return _as_array(x), None if y is None else _as_array(y)


def check_arrays(x: np.ndarray, y: np.ndarray | None, expected: Expected, watch: RangeWatch | None = None) -> None:
    """Checks arrays, and shows the lowest value of float images to `watch`.

    Raises:
        UserError: if something is wrong with them.
    """
    check_types(x, y, expected)
    for holds, message in conditions(x, y, expected, np):
        if not holds:
            raise UserError(message)
    if watch and watch.left and expected.is_image and _is_floating(x):
        watch.see(x.min())


def checked_batch(model: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Checks one batch for `train_on_batch` or `test_on_batch` of a model, and returns it.

    Raises:
        UserError: if something is wrong with it.
    """
    expected = model.expected_data
    x, y = parts_of((x, y))
    check_arrays(*as_arrays(x, y), expected, model._range_watch)
    if expected.packing > 1 and len(x) % expected.packing:
        raise UserError(packing_message(expected.packing))
    return x, y if y is None or hasattr(y, "shape") else np.asarray(y)


def unpacked(data: Any, expected: Expected) -> tuple[Tensor, Tensor | None]:
    """Makes what the networks take of a batch, within the training step, where only shapes and types are known.

    Args:
        data: batch of samples or of `(samples, labels)`, as `fit()` gives it to a step.
        expected: what the model takes.

    Returns:
        real samples, float32, and label rows, float32 `(batch, num_classes)`, or `None` when unconditional.

    Raises:
        UserError: if samples or labels have another shape or type, labels are missing, or there are sample weights.
    """
    real, labels = parts_of(data)
    check_types(real, labels, expected)
    real = ops.cast(sampling.to_float(real) if _name(real) == "uint8" else real, "float32")
    if expected.num_classes is None:
        return real, None
    if _is_floating(labels):
        return real, ops.cast(labels, "float32")
    return real, ops.one_hot(ops.reshape(labels, (-1,)), expected.num_classes, dtype="float32")


def _as_array(values):
    try:
        return np.asarray(values)
    except Exception:  # Whatever kind of object it is, with errors of its own.
        raise UserError(f"fit() takes dense arrays and tensors, got {type(values).__name__}") from None


def _wrong_shape(shape, expected):
    takes = f"these networks take samples of shape {expected}"
    if shape.rank == len(expected) and shape.is_compatible_with(expected):
        return f"{takes} in batches, got one without a batch: use dataset.batch(64), or images[None]"
    got = f"{takes}, got {tuple(shape[1:])}"
    if shape.rank == len(expected) and sampling.is_image(expected) and shape[1:].is_compatible_with(expected[:-1]):
        return f"{got}: add the channels, as images[..., None] does"
    return got


def _name(values):
    return getattr(values.dtype, "name", str(values.dtype))


def _is_floating(values):
    return _name(values).endswith("float16") or _name(values) in ("float32", "float64")


def _is_integer(values):
    return _name(values).startswith(("int", "uint"))
