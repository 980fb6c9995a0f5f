"""The handwritten digits of 8 x 8 pixels that come with scikit-learn, without a download."""

import numpy as np

from keras_gan.datasets.images import ImageDataset, NoSuchSplit, from_arrays
from keras_gan.datasets.reading import Reading


def load_digits(split: str, reading: Reading) -> ImageDataset:
    import sklearn.datasets  # This takes a second to import, for which other datasets need not wait.

    if split not in ("train", "test"):
        raise NoSuchSplit(f"digits has the splits train and test, not {split}")
    data = sklearn.datasets.load_digits()
    images = np.round(data.images * (255.0 / 16.0)).astype("uint8")[..., np.newaxis]
    test = np.arange(len(images)) % 6 == 5
    rows = test if split == "test" else ~test
    return from_arrays(images[rows], data.target[rows].astype("int64"), name="digits").read_as(reading)
