"""Image datasets of TensorFlow Datasets, by name."""

import dataclasses
import difflib
import logging
import re
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np

from keras_gan.datasets.images import ImageDataset, NoSuchSplit, check_memory, from_arrays
from keras_gan.datasets.reading import DEFAULT_SIDE, Reading
from keras_gan.errors import UserError

logger = logging.getLogger(__name__)


def load_tfds(name: str, split: str, reading: Reading, data_dir: str | None) -> ImageDataset:
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.registered.DatasetNotFoundError:
        raise UserError(_unknown(name)) from None
    except (ValueError, AssertionError, ImportError) as error:
        raise UserError(_unusable(name, error)) from None
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
    if features[image_key].np_dtype != np.uint8:
        raise UserError(f"the images of {name} are {features[image_key].np_dtype.__name__}, not uint8")
    if reading.size is None and None in (height, width):
        logger.warning(
            "images of %s differ in size: all become %dx%d; set another image_size", name, *[DEFAULT_SIDE] * 2
        )
        reading = dataclasses.replace(reading, size=(DEFAULT_SIDE, DEFAULT_SIDE))
    check_memory(name, count, (*(reading.size or (height, width)), channels or 3))
    # Images of one size are resized together, others one by one.
    data = builder.as_dataset(split=split).batch(1024 if None not in (height, width) else 1)
    images, labels = [], []
    for example in tfds.as_numpy(data):
        images.append(reading.arrays(example[image_key]))
        labels.append(example[label_key] if label_key else ())
    names = features[label_key].names if label_key else None
    labels = np.concatenate(labels) if label_key else None
    return from_arrays(np.concatenate(images), labels, names, name.replace("/", "-"))


def _unknown(name):
    """Says that there is no such dataset, with the names that look like it."""
    import tensorflow_datasets as tfds

    known = {_plain(each): each for each in ["digits", *tfds.list_builders(with_community_datasets=False)]}
    wanted = _plain(name.split(":")[0])
    begun = [each for each in known if len(wanted) > 2 and each.startswith(wanted)]
    near = [known[each] for each in dict.fromkeys([*difflib.get_close_matches(wanted, known, n=3), *begun])][:3]
    hint = f"did you mean {' or '.join(near)}?" if near else "give digits, a TFDS name, or a folder that is there"
    return f"unknown dataset {name!r}: {hint}"


def _unusable(name, error):
    """Says why a name that TFDS refuses is of no use: not a name at all, or no such version or configuration."""
    import tensorflow_datasets as tfds

    dataset = re.split("[/:]", name)[0]
    try:
        builder = tfds.builder_cls(dataset)
    except (tfds.core.registered.DatasetNotFoundError, ValueError, ImportError):
        return f"{name}: {error}" if isinstance(error, ImportError) else _unknown(name)
    if "BuilderConfig" in str(error):
        return f"{dataset} has no configuration like {name!r}: {', '.join(builder.builder_configs) or 'it has none'}"
    if isinstance(error, AssertionError):
        return f"{dataset} has the version {builder.VERSION}, not that of {name!r}"
    return f"{name!r} is no name of TFDS, but {dataset} is"


def _plain(name):
    return re.sub("[^a-z0-9]", "", name.lower())


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
