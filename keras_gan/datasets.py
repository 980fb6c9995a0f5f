"""Training images by name, from a folder or from arrays, in memory as uint8.

Source of the shuffle: `tf.random.experimental.index_shuffle`, a pseudo-random permutation without state, so that the
order of the data is a function of (seed, epoch) and can be taken up at any step.
"""

import dataclasses
import difflib
import hashlib
import math
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import tensorflow as tf

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
HELD_OUT = ("test", "validation", "val", "valid")
SPLITS = {"train", *HELD_OUT}
MEMORY_LIMIT = 8 * 2**30
SET_SIZE = "set image_size, on the command line --set image_size=64"


class NoSuchSplit(ValueError):
    """A dataset has no split of that name."""


@dataclasses.dataclass(frozen=True, eq=False)
class ImageDataset:
    """Images in memory, with labels or without.

    Attributes:
        name: what it is called in run folders.
        images: uint8 array `(N, height, width, channels)`.
        labels: int64 array `(N,)` in [0, num_classes), or `None`.
        class_names: a name for each label, or `None`.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.images.shape[1:]

    @property
    def num_classes(self) -> int | None:
        return None if self.class_names is None else len(self.class_names)

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of images, labels and class names: the same data have the same."""
        digest = hashlib.blake2b(digest_size=16)
        for part in (self.images, self.labels):
            if part is not None:
                digest.update(f"{part.shape}".encode())
                digest.update(np.ascontiguousarray(part))
        digest.update(f"{self.class_names}".encode())
        return digest.hexdigest()

    def steps(self, batch_size: int) -> int:
        """Whole batches in a pass; raises `ValueError` if not one can be had."""
        if not 1 <= batch_size <= len(self):
            raise ValueError(f"batch size {batch_size} does not fit {self.name}: it has {len(self):,} images")
        return len(self) // batch_size

    def draw(self, num: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray | None]:
        """Images, as many as there are at most, and their labels or `None`: the first batch of that size."""
        rows = self._rows(tf.range(min(num, len(self)), dtype="int64"), seed, 0).numpy()
        return self.images[rows], None if self.labels is None else self.labels[rows]

    def batches(self, batch_size: int, seed: int = 0, start_step: int = 0) -> tf.data.Dataset:
        """An endless stream of whole batches, completely shuffled anew each pass: give `fit()` `steps_per_epoch`.

        Args:
            batch_size: images a batch, at most `len(self)`.
            seed: int; the order is a function of it and of the pass.
            start_step: batches to leave out, as if they had been read already.

        Returns:
            a dataset of uint8 images `(batch_size, height, width, channels)`, with int64 labels `(batch_size,)` where
            there are labels.
        """
        steps = self.steps(batch_size)
        images = tf.constant(self.images)
        labels = None if self.labels is None else tf.constant(self.labels)

        def read(step):
            positions = (step % steps) * batch_size + tf.range(batch_size, dtype="int64")
            rows = self._rows(positions, seed, step // steps)
            batch = tf.ensure_shape(tf.gather(images, rows), (batch_size, *self.image_shape))
            return batch if labels is None else (batch, tf.gather(labels, rows))

        return stream(read, start_step)

    def _rows(self, positions, seed, number):
        """Rows at positions, int64 tensors, of the shuffled pass of a number."""
        key = tf.stack([tf.constant(seed, "int64"), tf.cast(number, "int64")])
        last = tf.constant(len(self) - 1, "int64")
        return tf.random.experimental.index_shuffle(positions, seed=key, max_index=last)


def stream(read, start_step: int = 0) -> tf.data.Dataset:
    """An endless dataset of what `read` gives for each step: data that are drawn or looked up as a function of it.

    Args:
        read: function of an int64 scalar tensor, the step, in TensorFlow operations; returns a batch.
        start_step: int >= 0, the first step, so that a resumed run goes on where it was.
    """
    # There is nothing to tune, and to end the thread that would takes up to ten seconds, at the end of each `fit()`.
    options = tf.data.Options()
    options.autotune.enabled = False
    steps = tf.data.Dataset.range(start_step, np.iinfo("int64").max)
    return steps.map(read, num_parallel_calls=1).prefetch(2).with_options(options)


def load(
    name_or_path: str,
    split: str = "train",
    image_size: int | tuple[int, int] | None = None,
    data_dir: str | None = None,
) -> ImageDataset:
    """Loads images by name or from a folder.

    Args:
        name_or_path: `digits` (1,797 handwritten digits of 8x8 that scikit-learn carries; every sixth is the test
            split), the name of a TFDS image dataset, or a folder of images or of class folders.
        split: "train", "test" or what the dataset calls its splits. A folder may hold split folders.
        image_size: height and width to resize to, one int for both; needed where the images differ in size.
        data_dir: where TFDS keeps its datasets; `TFDS_DATA_DIR` or `~/tensorflow_datasets` when `None`.

    Raises:
        ValueError: if there is no such dataset, folder or split (`NoSuchSplit`), what it holds are not images, or they
            take over 8 GiB.
        OSError: if an image file cannot be read.
        ConnectionError: if the dataset would have to be downloaded and there is no network.
    """
    size = (image_size, image_size) if isinstance(image_size, int) else image_size
    if size is not None and min(size) < 4:
        raise ValueError(f"image_size must be at least 4 pixels, got {image_size}")
    if name_or_path == "digits":
        return _load_digits(split, size)
    if Path(name_or_path).is_dir():
        return _load_folder(Path(name_or_path), split, size)
    # What is left is a TFDS name, at most with a configuration: name/config.
    if name_or_path.startswith((".", "/", "~")) or name_or_path.endswith("/") or name_or_path.count("/") > 1:
        raise ValueError(f"no folder {name_or_path}")
    return _load_tfds(name_or_path, split, size, data_dir)


def load_held_out(train: ImageDataset, name_or_path: str, image_size=None) -> ImageDataset | None:
    """The test split that goes with a training split, or the validation split, or `None` where there is neither.

    Raises:
        ValueError: as `load` does; if the shape of images or the classes are others than those of `train`.
    """
    for name in HELD_OUT:
        try:
            data = load(name_or_path, name, image_size)
        except NoSuchSplit:
            continue
        check_alike(train, data)
        return data
    return None


def load_with_held_out(name_or_path: str, image_size=None) -> tuple[ImageDataset, ImageDataset, str | None]:
    """Training and held-out images; where there is no split to hold out, each sixth image, which is said."""
    train = load(name_or_path, image_size=image_size)
    held_out = load_held_out(train, name_or_path, image_size)
    if held_out:
        return train, held_out, None
    held_out, rest = split(train, 6)
    note = f"{train.name} has no test split: each sixth image stands for it, and the rest is the reference"
    return rest, held_out, note


def check_alike(train: ImageDataset, held_out: ImageDataset) -> None:
    """Raises `ValueError` if held-out images have another shape or other classes than those to train on."""
    if held_out.image_shape != train.image_shape:
        raise ValueError(
            f"the held-out images of {train.name} are {held_out.image_shape}, those to train on {train.image_shape}"
        )
    if held_out.class_names != train.class_names:
        raise ValueError(
            f"the held-out images of {train.name} have {_classes(held_out)}, those to train on {_classes(train)}: they "
            "must be the same"
        )


def _classes(data):
    if not data.class_names:
        return "no labels"
    more = ", ..." if len(data.class_names) > 10 else ""
    return f"the classes {', '.join(data.class_names[:10])}{more}"


def from_arrays(images, labels=None, class_names=None, name: str = "arrays") -> ImageDataset:
    """Images and labels of your own.

    Args:
        images: uint8 array in [0, 255] or float array in [-1, 1], `(N, height, width, channels)` or
            `(N, height, width)`.
        labels: `None` or ints `(N,)` from 0.
        class_names: a name for each label; the labels themselves when `None`.

    Raises:
        ValueError: if a shape, type or range is another one, or a value is not a number.
    """
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or not 1 <= images.shape[-1] <= 4 or not len(images):
        raise ValueError(f"images must be (N, height, width, channels) with 1 to 4 channels, got {images.shape}")
    if np.issubdtype(images.dtype, np.floating):
        if not np.isfinite(images).all():
            raise ValueError("images contain NaN or infinity")
        if np.abs(images).max() > 1.0:
            raise ValueError(f"float images must be in [-1, 1], got [{images.min():g}, {images.max():g}]")
        images = np.round((images + 1.0) * 127.5).astype("uint8")
    if images.dtype != np.uint8:
        raise ValueError(f"images must be uint8 in [0, 255] or float in [-1, 1], got {images.dtype}")
    if labels is None:
        return ImageDataset(name, images)
    labels = np.asarray(labels)
    if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be {len(images)} ints, got {labels.dtype} of shape {labels.shape}")
    names = tuple(str(i) for i in range(int(labels.max()) + 1)) if class_names is None else tuple(class_names)
    if labels.min() < 0 or labels.max() >= len(names):
        raise ValueError(f"labels must be 0 to {len(names) - 1}, got {labels.min()} to {labels.max()}")
    return ImageDataset(name, images, labels.astype("int64"), names)


def split(data: ImageDataset, every: int) -> tuple[ImageDataset, ImageDataset]:
    """Two datasets: each so many-th image, and the rest."""
    chosen = np.arange(len(data)) % every == every - 1
    if not chosen.any():
        raise ValueError(f"{data.name} has too few images to split: {len(data)}")
    labels = [None if data.labels is None else data.labels[rows] for rows in (chosen, ~chosen)]
    parts = [
        dataclasses.replace(data, images=data.images[rows], labels=part)
        for rows, part in zip((chosen, ~chosen), labels)
    ]
    return tuple(parts)


def available(data_dir: str | None = None) -> dict[str, str]:
    """Names that `load` takes without a download, each with where it comes from."""
    import tensorflow_datasets as tfds

    root = Path(data_dir or tfds.core.constants.DATA_DIR).expanduser()
    prepared = sorted({path.parents[1].name for path in root.glob("*/*/dataset_info.json")})
    return {"digits": "scikit-learn"} | dict.fromkeys(prepared, str(root))


def _load_digits(split, size):
    from sklearn.datasets import load_digits

    if split not in ("train", "test"):
        raise NoSuchSplit(f"digits has the splits train and test, not {split}")
    data = load_digits()
    images = np.round(data.images * (255.0 / 16.0)).astype("uint8")[..., np.newaxis]
    test = np.arange(len(images)) % 6 == 5
    rows = test if split == "test" else ~test
    return from_arrays(_resize_all(images[rows], size), data.target[rows].astype("int64"), name="digits")


def _load_folder(folder, split, size):
    from PIL import Image, ImageOps

    name = folder.resolve().name
    folders = {path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")}
    # Else a class that is called "train" would pass for a split.
    if split in folders and folders <= SPLITS:
        folder = folder / split
    elif split != "train":
        raise NoSuchSplit(f"no folder {folder / split}")
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    found = sorted(path for place in [folder / name for name in classes] or [folder] for path in place.iterdir())
    files = [path for path in found if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")]
    if not files:
        raise ValueError(f"no images in {folder}: expected {'/'.join(SUFFIXES)} files, in class folders or directly")

    def read(path, look):
        try:
            with Image.open(path) as image:
                return look(image)
        except (OSError, SyntaxError) as error:
            raise OSError(f"cannot read the image {path}: {error}") from None

    modes = {path: read(path, lambda image: image.mode) for path in files}
    deep = next((path for path, mode in modes.items() if mode[0] in "IF"), None)
    if deep:
        raise ValueError(f"{deep} has more than 8 bits a channel: convert it to 8 bits first")
    mode = "L" if set(modes.values()) <= {"1", "L", "LA"} else "RGB"
    images = None
    for row, path in enumerate(files):
        pixels = read(path, lambda image: np.asarray(ImageOps.exif_transpose(image).convert(mode), dtype="uint8"))
        image = _resize(pixels.reshape(*pixels.shape[:2], -1), size)
        if images is None:
            _check_memory(name, len(files), image.shape)
            images = np.empty((len(files), *image.shape), "uint8")
        if image.shape != images.shape[1:]:
            sizes = f"{files[0]} is {images.shape[1:3]}, {path} is {image.shape[:2]}"
            raise ValueError(f"images differ in size: {sizes}; {SET_SIZE}")
        images[row] = image
    labels = [classes.index(path.parent.name) for path in files] if classes else None
    return from_arrays(images, labels, classes or None, name)


def _load_tfds(name, split, size, data_dir):
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.registered.DatasetNotFoundError:
        known = ["digits", *tfds.list_builders(with_community_datasets=False)]
        near = difflib.get_close_matches(name.lower(), known, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "give digits, a TFDS name, or a folder"
        raise ValueError(f"unknown dataset {name!r}: {hint}") from None
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
        raise ValueError(f"{name} is not an image dataset: it holds {', '.join(features)}")
    if split not in builder.info.splits:
        raise NoSuchSplit(f"{name} has the splits {', '.join(builder.info.splits)}, not {split}")
    height, width, channels = features[image_key].shape
    count = builder.info.splits[split].num_examples
    if size is None and None in (height, width):
        raise ValueError(f"the images of {name} differ in size: {SET_SIZE}")
    if features[image_key].np_dtype != np.uint8:
        raise ValueError(f"the images of {name} are {features[image_key].np_dtype.__name__}, not uint8")
    _check_memory(name, count, (*(size or (height, width)), channels or 3))

    def read(example):
        image = _resize(example[image_key], size)
        return (image, example[label_key]) if label_key else (image,)

    data = builder.as_dataset(split=split).map(read, num_parallel_calls=tf.data.AUTOTUNE).batch(1024)
    columns = [np.concatenate(column) for column in zip(*tfds.as_numpy(data))]
    names = features[label_key].names if label_key else None
    return from_arrays(*columns, class_names=names, name=name.replace("/", "-"))


def _check_memory(name, count, shape):
    if count * math.prod(shape) > MEMORY_LIMIT:
        raise ValueError(f"{count:,} images of {shape} of {name} take over 8 GiB: {SET_SIZE}")


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


def _resize_all(images, size):
    return images if size is None else np.stack([_resize(image, size) for image in images])


def _resize(image, size):
    """The largest centred crop of the wanted proportions, resized with antialiasing; uint8 in, uint8 out."""
    if size is None:
        return image
    height, width = tf.unstack(tf.cast(tf.shape(image)[:2], "float32"))
    scale = tf.minimum(height / size[0], width / size[1])
    crop = [tf.cast(tf.maximum(1.0, tf.round(scale * s)), "int32") for s in size]
    image = tf.image.resize_with_crop_or_pad(image, *crop)
    image = tf.image.resize(tf.cast(image, "float32"), size, method="bicubic", antialias=True)
    image = tf.cast(tf.clip_by_value(tf.round(image), 0.0, 255.0), "uint8")
    return image.numpy() if tf.executing_eagerly() else image
