"""Loads images by the name of a dataset, or from a folder."""

from pathlib import Path
from typing import Any

from keras_gan.datasets.archives import load_file
from keras_gan.datasets.digits import load_digits
from keras_gan.datasets.folder import HELD_OUT, load_folder
from keras_gan.datasets.images import ImageDataset, NoSuchSplit, check_alike, split
from keras_gan.datasets.reading import Reading, of_shape, parse_size
from keras_gan.datasets.tfds import load_tfds
from keras_gan.errors import UserError


def load(
    name_or_path: str,
    split: str = "train",
    image_size: int | str | tuple[int, int] | None = None,
    data_dir: str | None = None,
    image_fit: str = "crop",
    image_channels: str = "auto",
    image_background: str = "white",
    allow_unreadable: float = 0.1,
) -> ImageDataset:
    """Loads images by name, from a folder or from a file.

    In a folder, each folder with images, however deep they are, is a class; or all images are directly in it, without
    labels; or a table `labels.csv` (`file,label`) or `dataset.json` names the labels. Folders `train` and `test` hold
    splits. A .zip is read as the folder that it holds.

    Args:
        name_or_path: `digits` (1,797 handwritten digits of 8x8 pixels that come with scikit-learn; every sixth is in
            the test split), the name of a TFDS image dataset, a folder, a .zip of one, or a .npz or .npy file with
            `images` and perhaps `labels`.
        split: "train", "test" or another split of the dataset.
        image_size: height and width to resize to, one number for both or text such as `48x64`. When `None`, images
            stay as they are if all have one size, and become 64 x 64 if not.
        data_dir: folder in which TFDS keeps its datasets; `TFDS_DATA_DIR` or `~/tensorflow_datasets` when `None`.
        image_fit, image_channels, image_background, allow_unreadable: as in `Reading`.

    Raises:
        UserError: if there is no such dataset, folder or split (`NoSuchSplit`), if it does not hold images, if too many
            files cannot be read, or if the images take over 8 GiB.
        ConnectionError: if the dataset would have to be downloaded and there is no network.

    Examples:
        >>> data = kg.datasets.load("digits")
        >>> data.images.shape
        (1498, 8, 8, 1)
        >>> data.num_classes
        10
    """
    reading = Reading(parse_size(image_size), image_fit, image_channels, image_background, allow_unreadable)
    if not name_or_path.strip():
        raise UserError("the name of the dataset is empty: give digits, a TFDS name, or a folder")
    if name_or_path == "digits":
        return load_digits(split, reading)
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        return load_folder(path, split, reading)
    if path.is_file():
        return load_file(path, split, reading)
    # Only the name of a TFDS dataset is left, with or without a configuration: name/config.
    if path.suffix.lower() in (".zip", ".npz", ".npy"):
        raise UserError(f"no file {name_or_path}")
    if name_or_path.startswith((".", "/", "~")) or name_or_path.endswith("/") or name_or_path.count("/") > 1:
        raise UserError(f"no folder {name_or_path}")
    return load_tfds(name_or_path, split, reading, data_dir)


def load_held_out(train: ImageDataset, name_or_path: str, **reading: Any) -> ImageDataset | None:
    """Loads the test split that belongs to a training split, or else its validation split.

    Args:
        train: the training split.
        name_or_path: as for `load`.
        **reading: how images are read, as for `load`. Their size and channels are those of the training images.

    Returns:
        the images, or `None` if there is neither split.

    Raises:
        UserError: as `load` does, or if the images have another shape or other classes than those of `train`.
    """
    reading |= of_shape(train.image_shape)
    for name in HELD_OUT:
        try:
            data = load(name_or_path, name, **reading)
        except NoSuchSplit:
            continue
        check_alike(train, data)
        return data
    return None


def load_with_held_out(
    name_or_path: str, hold_out: int = 6, **reading: Any
) -> tuple[ImageDataset, ImageDataset | None, str | None]:
    """Loads training images, and held-out images that must never be trained on.

    Args:
        name_or_path: as for `load`.
        hold_out: if the data have no test split, one image in so many is held out; 0 holds out none.
        **reading: how images are read, as for `load`.

    Returns:
        the training images, the held-out images or `None`, and a text that says where these are from: `test split`,
        `one image in 6` or `None`.

    Raises:
        UserError: as `load` and `load_held_out` do, or if there are too few images to hold out any.
    """
    train = load(name_or_path, **reading)
    held_out = load_held_out(train, name_or_path, **reading)
    if held_out:
        return train, held_out, "test split"
    return hold_out_of(train, hold_out)


def hold_out_of(data: ImageDataset, hold_out: int) -> tuple[ImageDataset, ImageDataset | None, str | None]:
    """Holds out one image in `hold_out`, 0 for none; returns the same as `load_with_held_out`.

    Raises:
        UserError: if there are too few images to hold out any.
    """
    if not hold_out:
        return data, None, None
    held_out, rest = split(data, hold_out)
    return rest, held_out, f"one image in {hold_out}"


def available(data_dir: str | None = None) -> dict[str, str]:
    """Returns the names that `load` takes without a download, each with the place where the data are."""
    import tensorflow_datasets as tfds

    root = Path(data_dir or tfds.core.constants.DATA_DIR).expanduser()
    prepared = sorted({path.parents[1].name for path in root.glob("*/*/dataset_info.json")})
    return {"digits": "scikit-learn"} | dict.fromkeys(prepared, str(root))
