"""Image datasets of TensorFlow Datasets, by name."""

import difflib
import re
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_gan.datasets.images import SET_SIZE, ImageDataset, NoSuchSplit, check_memory, from_arrays
from keras_gan.datasets.resizing import Size, resize
from keras_gan.errors import UserError

# What TFDS reads as a name, with or without a configuration and a version.
_NAME = re.compile(r"[a-zA-Z]\w*(/[\w.+-]+)?(:[\w.*]+)?", re.ASCII)


def load_tfds(name: str, split: str, size: Size, data_dir: str | None) -> ImageDataset:
    import tensorflow_datasets as tfds

    try:
        # TFDS raises a ValueError for what cannot be a name.
        builder = tfds.builder(name, data_dir=data_dir) if _NAME.fullmatch(name) else None
    except tfds.core.registered.DatasetNotFoundError:
        builder = None
    if builder is None:
        known = ["digits", *tfds.list_builders(with_community_datasets=False)]
        near = difflib.get_close_matches(name.lower(), known, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "give digits, a TFDS name, or a folder"
        raise UserError(f"unknown dataset {name!r}: {hint}")
    if not builder.is_prepared():
        _check_network(name, builder.data_dir)
        try:
            builder.download_and_prepare()
        except (tfds.download.DownloadError, AssertionError, OSError) as error:
            raise ConnectionError(f"could not download and prepare {name}: {str(error).splitlines()[0]}") from error
    features = builder.info.features
    kinds = features.items() if isinstance(features, tfds.features.FeaturesDict) else ()
    image_key = next((key for key, kind in kinds if isinstance(kind, tfds.features.Image)), None)
    label_key = next((key for key, kind in kinds if isinstance(kind, tfds.features.ClassLabel)), None)
    if image_key is None:
        raise UserError(f"{name} is not an image dataset: it holds {', '.join(features)}")
    if split not in builder.info.splits:
        raise NoSuchSplit(f"{name} has the splits {', '.join(builder.info.splits)}, not {split}")
    height, width, channels = features[image_key].shape
    count = builder.info.splits[split].num_examples
    if size is None and None in (height, width):
        raise UserError(f"the images of {name} differ in size: {SET_SIZE}")
    if features[image_key].np_dtype != np.uint8:
        raise UserError(f"the images of {name} are {features[image_key].np_dtype.__name__}, not uint8")
    check_memory(name, count, (*(size or (height, width)), channels or 3))

    def read(example):
        image = resize(example[image_key], size)
        return (image, example[label_key]) if label_key else (image,)

    data = builder.as_dataset(split=split).map(read, num_parallel_calls=tf.data.AUTOTUNE).batch(1024)
    columns = [np.concatenate(column) for column in zip(*tfds.as_numpy(data))]
    names = features[label_key].names if label_key else None
    return from_arrays(*columns, class_names=names, name=name.replace("/", "-"))


def _check_network(name, data_dir):
    try:
        urllib.request.urlopen("https://storage.googleapis.com", timeout=5).close()
    except urllib.error.HTTPError:
        pass
    except (OSError, TimeoutError):
        folder = Path(data_dir).parents[1]
        raise ConnectionError(
            f"{name} is not prepared in {folder} and cannot be downloaded: no network. Set TFDS_DATA_DIR to the "
            "folder that holds it, or use digits, which needs no download"
        ) from None
