"""Images in one file: a zip of a folder, or arrays that NumPy wrote."""

import tempfile
import zipfile
from pathlib import Path

import numpy as np

from keras_gan.datasets.decoding import IN_MEMORY, origin_of
from keras_gan.datasets.folder import load_folder
from keras_gan.datasets.images import MEMORY_LIMIT, ImageDataset, NoSuchSplit, from_arrays
from keras_gan.datasets.reading import Reading
from keras_gan.datasets.stored import ImageFile
from keras_gan.errors import UserError

ARRAYS = (".npz", ".npy")
# Names of the images and labels of a split in an .npz file: those of `generate --output`, Keras and NumPy.
IMAGE_NAMES = {"train": ("images", "x_train", "x", "arr_0"), "test": ("test_images", "x_test")}
LABEL_NAMES = {"train": ("labels", "y_train", "y", "arr_1"), "test": ("test_labels", "y_test")}


def load_file(path: Path, split: str, reading: Reading) -> ImageDataset:
    """Loads a split of a file.

    Raises:
        UserError: if it is of another kind or damaged, or has no such split (`NoSuchSplit`).
    """
    try:
        if path.suffix.lower() in ARRAYS:
            return _load_arrays(path, split, reading)
        if zipfile.is_zipfile(path):
            return _load_zip(path, split, reading)
    except (OSError, EOFError, KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise UserError(f"{path} cannot be read: {' '.join(str(error).split()) or type(error).__name__}") from None
    raise UserError(f"{path} is a file: give a folder of images, a .zip of one, or a .npz or .npy file")


def _load_zip(path, split, reading):
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
        # Whoever looks for held-out images asks for several splits: nothing is unpacked for one that is not there.
        if split != "train" and not any(split in name.lower().split("/")[:-1] for name in archive.namelist()):
            raise NoSuchSplit(f"{path} has no folder {split}")
        size = sum(entry.file_size for entry in archive.infolist())
        if size > MEMORY_LIMIT:
            raise UserError(f"{path} has {size / 2**30:.0f} GiB of files: unpack it, and give the folder")
        archive.extractall(folder)
        return load_folder(Path(folder), split, reading, path.stem, f"{split} of {origin_of(path)}")


def _load_arrays(path, split, reading):
    is_one = path.suffix.lower() == ".npy"
    if split not in IMAGE_NAMES or (is_one and split != "train"):
        raise NoSuchSplit(f"{path} has no images of the split {split}")
    if is_one and path.stat().st_size > IN_MEMORY:
        return _load_in_place(path).read_as(reading)
    images, labels, names = _arrays_of(path, split)
    if labels is not None:
        labels = labels.squeeze(1) if labels.ndim == 2 and labels.shape[1] == 1 else labels
    data = from_arrays(images, labels, None if names is None else [str(name) for name in names], path.stem)
    return data.read_as(reading)


def _arrays_of(path, split):
    """Returns images, labels and class names of a split; the last two are `None` where there are none."""
    # NumPy would leave a damaged file open, so it gets an open one.
    with open(path, "rb") as file:
        try:
            content = np.load(file, allow_pickle=False)
            arrays = {"arr_0": content} if isinstance(content, np.ndarray) else content
            wanted = (IMAGE_NAMES[split], LABEL_NAMES[split], ("class_names",))
            # An array is read when it is asked for, and not before.
            images, labels, class_names = (
                next((arrays[name] for name in names if name in arrays), None) for names in wanted
            )
        except ValueError as error:  # Objects, which only a pickle can hold.
            raise UserError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
        if images is None and split != "train":
            raise NoSuchSplit(f"{path} has no images of the split {split}")
        if images is None:
            raise UserError(f"{path} has no array {' or '.join(wanted[0])}, but {', '.join(arrays) or 'none'}")
    return images, labels, class_names


def _load_in_place(path):
    """Returns the images of a large .npy file without reading them; its name, size and time stand for its content."""
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    if mapped.dtype != np.uint8 or mapped.ndim not in (3, 4) or not mapped.flags.c_contiguous:
        raise UserError(
            f"{path} must hold uint8 images (N, height, width, channels), got {mapped.dtype}, {mapped.shape}"
        )
    about = path.stat()
    shape = mapped.shape if mapped.ndim == 4 else (*mapped.shape, 1)
    images = ImageFile(path, shape, mapped.offset, f"{path.name} {about.st_size} {about.st_mtime_ns}")
    return from_arrays(images, name=path.stem)
