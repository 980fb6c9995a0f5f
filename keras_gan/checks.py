"""Checks of networks and data, which report a mistake in one line before it does harm.

Data are checked before the compiled step or outside of it, never inside, because XLA silently drops assertions.
"""

import re
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gan import sampling
from keras_gan.errors import UserError
from keras_gan.types import Tensor

# Marks our own message, so that it can be found among the many lines of a TensorFlow error.
_MARK = "keras_gan: "


def check_networks(generator: keras.Model, discriminator: keras.Model) -> None:
    """Raises `UserError` if the two networks do not fit each other, or are not of the kind that `GAN` takes."""
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        if not isinstance(network, keras.Model) or not getattr(network, "inputs", None):
            raise UserError(f"the {name} must be a functional or Sequential keras model with its inputs defined")
        if len(network.inputs) > 2 or len(network.outputs) != 1:
            raise UserError(f"the {name} must have one output, and one input or two (the second: one-hot labels)")
    if len(generator.inputs[0].shape) != 2:
        raise UserError(f"the generator's latents must be (batch, latent_dim), got {generator.inputs[0].shape}")
    made, seen = tuple(generator.outputs[0].shape[1:]), tuple(discriminator.inputs[0].shape[1:])
    if made != seen:
        raise UserError(f"the generator makes samples of shape {made}, the discriminator takes {seen}")
    labels = [tuple(network.inputs[1].shape[1:]) for network in (generator, discriminator) if len(network.inputs) == 2]
    if len(labels) == 1:
        raise UserError("one network is conditional and the other is not: give both a label input, or neither")
    if labels and (labels[0] != labels[1] or len(labels[0]) != 1):
        raise UserError(f"both networks must take one-hot labels (batch, num_classes), got {labels[0]} and {labels[1]}")


def check_training(model: keras.Model, callbacks: Any) -> None:
    """Raises `UserError` if Keras cannot train the model as it is compiled, or with these callbacks.

    Args:
        model: a compiled `GAN`.
        callbacks: the callbacks of `fit()`, in any nesting.
    """
    for option, given in (("steps_per_execution", model.steps_per_execution > 1), ("jit_compile", model.jit_compile)):
        if given and model.distribute_strategy.num_replicas_in_sync > 1:
            raise UserError(f"Keras does not train on several replicas with {option}: leave it out of compile()")
    for callback in keras.tree.flatten(callbacks):
        parts = callback.callbacks if isinstance(callback, keras.callbacks.CallbackList) else [callback]
        for part in parts:
            _check_callback(part, model)


def _check_callback(callback, model):
    """Raises `UserError` if a callback of Keras does not go with a GAN."""
    of_keras, name = keras.callbacks, type(callback).__name__
    if isinstance(callback, of_keras.ReduceLROnPlateau | of_keras.LearningRateScheduler):
        own = "ReduceLROnPlateau" if isinstance(callback, of_keras.ReduceLROnPlateau) else "LearningRateScheduler"
        raise UserError(f"{name} of Keras moves the rate of one optimizer, but a GAN has two: use kg.callbacks.{own}")
    if isinstance(callback, of_keras.SwapEMAWeights):
        raise UserError(f"leave out {name}: a GAN averages its generator by itself (ema_decay, ema_generator)")
    if isinstance(callback, of_keras.TerminateOnNaN):
        raise UserError(f"{name} looks at a loss that a GAN does not log: use kg.callbacks.Rollback")
    if isinstance(callback, of_keras.TensorBoard) and callback.write_steps_per_second:
        raise UserError(f"leave out write_steps_per_second: {name} counts the steps of one optimizer, a GAN has two")
    if isinstance(callback, of_keras.EarlyStopping) or getattr(callback, "save_best_only", False):
        figure = callback.monitor.removeprefix("val_")
        if figure == "loss" and figure not in [metric.name for metric in model.metrics]:
            raise UserError(f"{name} monitors {callback.monitor}, which a GAN does not log: give monitor= and mode=")
        if callback.mode == "auto" and figure != "loss":
            message = f"{name} cannot know whether {callback.monitor} should fall or rise"
            raise UserError(f"{message}: give mode='min' or mode='max'")


def checked_data(x: Any, y: Any, num_classes: int | None) -> tuple[Any, Any]:
    """Checks the data of `fit()`: arrays now, the batches of a `tf.data.Dataset` as they come.

    Args:
        x: array of samples, or a dataset of samples or of `(samples, labels)`.
        y: array of labels, or `None`; a dataset carries its own.
        num_classes: number of classes, `None` when unconditional.

    Returns:
        `x` and `y` to train on. If `x` is a dataset, it is one that checks each batch.

    Raises:
        UserError: if arrays hold NaN or infinity, float images outside [-1, 1], or labels out of range.
    """
    if isinstance(x, tf.data.Dataset):
        return x.map(lambda *batch: _assert_batch(batch, num_classes)), y
    if isinstance(x, np.ndarray) and isinstance(y, np.ndarray | None):
        for holds, message in _conditions(x, y, num_classes, np):
            if not holds:
                raise UserError(message)
    return x, y


def unpacked(data: Any, sample_shape: tuple[int, ...], num_classes: int | None) -> tuple[Tensor, Tensor | None]:
    """Checks a batch within the training step, where only shapes and types are known.

    Args:
        data: batch of samples or of `(samples, labels)`, as `fit()` gives it to a step.
        sample_shape: shape of one sample.
        num_classes: number of classes, `None` when unconditional.

    Returns:
        real samples, float32, and label rows, float32 `(batch, num_classes)`, or `None` when unconditional.

    Raises:
        UserError: if samples or labels have another shape or type, labels are missing, or there are sample weights.
    """
    real, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    if isinstance(real, (dict, list, tuple)):
        raise UserError("fit() takes images or (images, labels); with TFDS, load with as_supervised=True")
    if sample_weight is not None:
        raise UserError("a GAN takes no sample weights or class weights")
    if tuple(real.shape[1:]) != sample_shape:
        raise UserError(f"these networks take samples of shape {sample_shape}, got {tuple(real.shape[1:])}")
    if real.dtype == tf.uint8:
        real = sampling.to_float(real)
    elif not real.dtype.is_floating:
        raise UserError(f"samples must be uint8 in [0, 255] or float in [-1, 1], got {real.dtype.name}")
    real = ops.cast(real, "float32")
    if num_classes is None:
        return real, None
    if labels is None:
        raise UserError("this model is conditional: fit() needs (images, labels)")
    if labels.dtype.is_floating and labels.shape[1:] == (num_classes,):
        return real, ops.cast(labels, "float32")
    if not labels.dtype.is_integer or labels.shape[1:] not in ((), (1,)):
        expected = f"int (batch,) or float (batch, {num_classes})"
        raise UserError(f"labels must be {expected}, got {labels.dtype.name} {labels.shape}")
    return real, ops.one_hot(ops.reshape(labels, (-1,)), num_classes, dtype="float32")


def reason(error: Exception) -> str | None:
    """Returns the message of one of our checks that failed inside TensorFlow, or `None` if the error is another."""
    found = re.search(rf"{_MARK}(.*?)(\]|\n|$)(?!\w)", str(error))
    return found and found.group(1).replace("\\'", "'")


def _assert_batch(batch, num_classes):
    x, y, _ = keras.utils.unpack_x_y_sample_weight(batch if len(batch) > 1 else batch[0])
    if tf.is_tensor(x) and (y is None or tf.is_tensor(y)):
        asserts = [
            tf.debugging.Assert(holds, [_MARK + message]) for holds, message in _conditions(x, y, num_classes, tf.math)
        ]
        with tf.control_dependencies(asserts):
            batch = tf.nest.map_structure(tf.identity, batch)
    return batch if len(batch) > 1 else batch[0]


def _conditions(x, y, num_classes, math):
    """Yields pairs: a condition that must hold, and the message if it does not; `math` is `numpy` or `tf.math`."""
    every = math.all if math is np else math.reduce_all
    if np.issubdtype(_numpy_dtype(x), np.floating):
        yield every(math.isfinite(x) if math is np else math.is_finite(x)), "the data contain NaN or infinity"
        if sampling.is_image(x.shape[1:]):
            message = "float images must be within -1 and 1 (uint8 images, 0 to 255, are rescaled for you)"
            yield every(math.abs(x) <= 1.001), message
    if num_classes and y is not None and np.issubdtype(_numpy_dtype(y), np.integer):
        yield every((y >= 0) & (y < num_classes)), f"labels must be 0 to {num_classes - 1}, as the networks are built"


def _numpy_dtype(values):
    return values.dtype if isinstance(values, np.ndarray) else values.dtype.as_numpy_dtype
