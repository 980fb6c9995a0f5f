"""Checked forms of all that Keras takes data from: arrays, datasets, and streams of Python."""

import contextlib
import copy
import re
import types
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from keras_gan.checks.data import (
    Expected,
    as_arrays,
    check_arrays,
    check_types,
    conditions,
    packing_message,
    parts_of,
)
from keras_gan.checks.watch import RangeWatch
from keras_gan.errors import UserError

# Stand around our own message, so that it can be found among the many lines of a TensorFlow error.
_BEGIN, _END = "<keras_gan: ", " :keras_gan>"


def checked(x: Any, y: Any, expected: Expected, watch: RangeWatch | None = None) -> tuple[Any, Any]:
    """Checks data: arrays now, the batches of everything else as they come.

    Args:
        x: array or tensor of samples; or a `tf.data.Dataset`, `keras.utils.PyDataset`, generator or `DataLoader` of
            PyTorch, of samples or of `(samples, labels)`.
        y: labels of the samples of an array, or `None`; everything else carries its own.
        expected: what the model takes.
        watch: sees the lowest values of the first float images.

    Returns:
        `x` and `y` to give to Keras.

    Raises:
        UserError: if something is wrong with arrays, or with what is known of the others.
    """
    if x is None:
        raise UserError("there are no data: give images, or images and labels")
    make = _stream_maker(x)
    if make:
        if y is not None:
            raise UserError("labels come with the images of a dataset or generator, as (images, labels): leave out y")
        return make(x, expected, watch), None
    x, y = parts_of((x, y))
    if not hasattr(x, "__array__"):
        if hasattr(x, "images") and hasattr(x, "labels"):
            raise UserError(
                f"give the arrays of the {type(x).__name__}, data.images and data.labels, or data.batches()"
            )
        # What Keras may know and we do not. The step still checks shapes and types.
        return x, y
    arrays = as_arrays(x, y)
    check_arrays(*arrays, expected, watch)
    return x, arrays[1] if isinstance(y, list | tuple) else y


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Raises what our checks found within TensorFlow, or Keras of its own, as a `UserError` of one line."""
    try:
        yield
    except (tf.errors.OpError, ValueError) as error:
        if not isinstance(error, UserError) and (message := reason(error)):
            raise UserError(message) from None
        raise


def reason(error: Exception) -> str | None:
    """Returns one line for an error of TensorFlow or Keras that tells of wrong data, or `None` if it is another."""
    text = str(error)
    if ours := re.search(rf"{_BEGIN}(.*?){_END}", text) or re.search(r"UserError: (.*)", text):
        return ours.group(1).replace("\\'", "'")
    if shapes := re.search(r"Shape of tensor .*?(\[.*?\]) is not compatible with expected shape (\[.*?\])", text):
        got, takes = shapes.groups()
        return f"a batch has the shape {got}, the networks take {takes.replace('?', 'batch')}"
    if text.startswith("Unrecognized data type"):
        kind = re.search(r"\(of type <class '(.*?)'>\)$", text)
        got = f", got {kind.group(1)}" if kind else ""
        got += ": call it" if got.endswith("function") else ""
        return f"data must be arrays, tensors, a tf.data.Dataset, a PyDataset or a generator{got}"
    return None


def _stream_maker(x):
    """Returns the function that makes a checked form of a stream, or `None` if `x` is none."""
    if isinstance(x, tf.data.Dataset):
        return _checked_dataset
    if isinstance(x, keras.utils.PyDataset):
        return _CheckedPyDataset
    if isinstance(x, types.GeneratorType):
        return _checked_generator
    if any(parent.__name__ == "DataLoader" and "torch" in parent.__module__ for parent in type(x).__mro__):
        return _checked_loader
    return None


def _checked_dataset(dataset, expected, watch):
    spec = dataset.element_spec
    x, y = parts_of(spec)
    y = y if hasattr(y, "shape") else None  # Of a dataset, `None` is a specification too.
    if not isinstance(x, tf.TensorSpec) or not isinstance(y, tf.TensorSpec | None):
        raise UserError(f"a dataset must hold dense tensors, got {spec}")
    check_types(x, y, expected)
    if dataset.cardinality() == 0:
        raise UserError("there are no samples: the dataset is empty")
    is_tuple = isinstance(spec, tuple)

    @tf.autograph.experimental.do_not_convert
    def check_and_show(index, batch):
        x, _ = parts_of(batch)
        _show(watch, index, x)
        return check_parts(batch)

    @tf.autograph.experimental.do_not_convert
    def check(*parts):
        return check_parts(parts)

    def check_parts(parts):
        x, y = _with_known_shapes(*parts_of(parts), expected)
        asserts = [
            tf.debugging.Assert(holds, [_BEGIN + message + _END])
            for holds, message in conditions(x, y, expected, tf.math)
        ]
        with tf.control_dependencies(asserts):
            x = tf.identity(x)
        return x if not is_tuple else (x,) if y is None else (x, y)

    if watch and expected.is_image and x.dtype.is_floating:
        return dataset.enumerate().map(check_and_show)
    return dataset.map(check)


def _with_known_shapes(x, y, expected):
    x = tf.ensure_shape(x, (None, *expected.sample_shape))
    if y is None or expected.num_classes is None:
        return x, y
    if y.dtype.is_floating:
        return x, tf.ensure_shape(y, (None, expected.num_classes))
    # Integers in a column, too.
    return x, y if y.shape.rank else tf.reshape(y, (-1,))


def _show(watch, index, x):
    def see():
        tf.numpy_function(watch.see, [tf.cast(tf.reduce_min(x), "float32")], [])
        return True

    # No call of Python in later batches.
    tf.cond(index < watch.left, see, lambda: False)


class _BatchCheck:
    """Checks the batches of one stream of Python."""

    def __init__(self, expected, watch):
        self._expected, self._watch = expected, watch
        self._first = None

    def __call__(self, batch):
        x, y = as_arrays(*parts_of(batch))
        check_arrays(x, y, self._expected, self._watch)
        if len(x) % self._expected.packing:
            raise UserError(packing_message(self._expected.packing))
        # TensorFlow silently turns later batches into the type of the first: -0.5 into 0 of uint8.
        kind = " and ".join(f"{part.dtype.name} of {part.ndim} axes" for part in (x, y) if part is not None)
        self._first = self._first or kind
        if kind != self._first:
            raise UserError(f"all batches must be of one type: the first was {self._first}, a later one {kind}")
        return (x,) if y is None else (x, y)


class _CheckedPyDataset(keras.utils.PyDataset):
    def __init__(self, dataset, expected, watch):
        super().__init__(dataset.workers, dataset.use_multiprocessing, dataset.max_queue_size)
        if dataset.num_batches == 0:
            raise UserError(f"there are no samples: the {type(dataset).__name__} is empty")
        self._dataset = dataset
        # Each process would warn for itself.
        self._check = _BatchCheck(expected, None if dataset.use_multiprocessing else watch)

    @property
    def num_batches(self):
        return self._dataset.num_batches

    def __getitem__(self, index):
        return self._check(self._dataset[index])

    def on_epoch_begin(self):
        self._dataset.on_epoch_begin()

    def on_epoch_end(self):
        self._dataset.on_epoch_end()


def _checked_generator(generator, expected, watch):
    check, batch = _BatchCheck(expected, watch), None
    for batch in generator:
        yield check(batch)
    if batch is None:
        raise UserError("there are no samples: the generator is empty")


def _checked_loader(loader, expected, watch):
    check = _BatchCheck(expected, watch)

    class Checked(type(loader)):
        def __iter__(self):
            for batch in super().__iter__():
                check(batch)
                yield batch  # As it came, because Keras calls methods of PyTorch's tensors.

    # Keras wants a `DataLoader` with the attributes of this one.
    loader = copy.copy(loader)
    loader.__class__ = Checked
    return loader
