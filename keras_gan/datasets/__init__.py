"""Training images by name, from a folder, a file or arrays, in memory as uint8."""

from keras_gan.datasets.images import (
    MEMORY_LIMIT,
    ImageDataset,
    NoSuchSplit,
    check_alike,
    from_arrays,
    split,
    stream,
)
from keras_gan.datasets.loading import available, hold_out_of, load, load_held_out, load_with_held_out
from keras_gan.datasets.reading import Reading, of_shape, parse_size

__all__ = [
    "MEMORY_LIMIT",
    "ImageDataset",
    "NoSuchSplit",
    "Reading",
    "available",
    "check_alike",
    "from_arrays",
    "hold_out_of",
    "load",
    "load_held_out",
    "load_with_held_out",
    "of_shape",
    "parse_size",
    "split",
    "stream",
]
