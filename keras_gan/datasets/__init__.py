"""Training images by name, from a folder or from arrays, in memory as uint8."""

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

__all__ = [
    "MEMORY_LIMIT",
    "ImageDataset",
    "NoSuchSplit",
    "available",
    "check_alike",
    "from_arrays",
    "hold_out_of",
    "load",
    "load_held_out",
    "load_with_held_out",
    "split",
    "stream",
]
