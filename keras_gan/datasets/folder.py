"""Images in a folder, or in folders that are named by class."""

import collections
import dataclasses
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from keras_gan.datasets import tables
from keras_gan.datasets.decoding import number_of, printable, read_images
from keras_gan.datasets.images import ImageDataset, NoSuchSplit, from_arrays
from keras_gan.datasets.reading import Reading
from keras_gan.errors import UserError

logger = logging.getLogger(__name__)

HELD_OUT = ("test", "validation", "val", "valid")
SPLITS = {"train", *HELD_OUT}
# Formats that Pillow names but reads only with the help of other programs.
UNREADABLE = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}
# Files and folders that file systems and programs make for themselves, in lower case.
CLUTTER = {
    "#recycle",
    "$recycle.bin",
    "@eadir",
    "@recycle",
    "__macosx",
    "__pycache__",
    "desktop.ini",
    "lost+found",
    "system volume information",
    "thumbs.db",
}


@dataclasses.dataclass
class Found:
    """The images that were found in a folder, before they are read.

    Attributes:
        folder: where they are.
        files: the image files.
        labels: the name of the class of each, or `None`.
        class_names: names of the classes, sorted, or `None`.
        left_out: texts about what is in the folder but not among the images.
    """

    folder: Path
    files: list[Path]
    labels: list[str] | None
    class_names: list[str] | None
    left_out: list[str]


def load_folder(
    root: Path, split: str, reading: Reading, name: str | None = None, origin: str | None = None
) -> ImageDataset:
    """Loads a split of a folder; `name` and `origin` are for one that was unpacked, as `read_images` takes them.

    Raises:
        UserError: as `find` and `read_images` do.
    """
    found = find(root, split)
    name = name or root.resolve().name
    read = read_images(found.files, name, reading, origin)
    for text in (*found.left_out, *read.texts):
        logger.warning("%s: %s", printable(found.folder), text)
    if found.class_names is None or found.labels is None:
        return from_arrays(read.images, name=name)
    numbers = {each: number for number, each in enumerate(found.class_names)}
    labels = [numbers[found.labels[row]] for row in read.rows]
    return from_arrays(read.images, labels, found.class_names, name)


def find(root: Path, split: str = "train") -> Found:
    """Finds the images of a split of a folder, with their classes.

    Raises:
        UserError: if there are none, or there is no such split (`NoSuchSplit`).
    """
    root = _unwrapped(root)
    # All folders must be splits. Otherwise a class with the name "train" would be taken for one.
    splits = {path.name.lower(): path for path in _folders(root)}
    are_splits = bool(splits) and splits.keys() <= SPLITS
    if are_splits and split in splits:
        folder = splits[split]
    elif split != "train":
        raise NoSuchSplit(f"no folder {printable(root / split)}")
    else:
        folder = root
    table = tables.table_in(folder)
    if table:
        found = _by_table(folder, table)
    else:
        held_out = are_splits and split != "train"
        found = _by_folders(folder, splits.get("train") if held_out else None)
    if not found.files:
        raise UserError(
            f"no images in {printable(folder)}: expected files such as .png or .jpg, in class folders or directly"
        )
    return found


def image_suffixes() -> set[str]:
    """Returns the suffixes of all image files that Pillow reads, in lower case, such as `.png`."""
    known = Image.registered_extensions()
    return {suffix for suffix, name in known.items() if name in Image.OPEN and name not in UNREADABLE}


def _by_folders(folder, train):
    """Takes each folder with images, however deep, for a class; `train` is the folder of the same classes in training.

    A class without an image to train on is none; one without a held-out image is.
    """
    directly, beside = _images(folder, deep=False)
    of_class, others = {}, collections.Counter()
    for path in _folders(folder):
        files, other = _images(path)
        if files or (train and _images(train / path.name)[0]):
            of_class[path.name] = files
            others += other
    if not of_class:
        return Found(folder, directly, None, None, list(_left_out(folder, [], 0, beside)))
    files = [(file, name) for name, files in of_class.items() for file in files]
    left_out = list(_left_out(folder, of_class, len(directly), others))
    return Found(folder, [file for file, _ in files], [name for _, name in files], list(of_class), left_out)


def _by_table(folder, table):
    labels = tables.read(table)
    files, _ = _images(folder)
    names = {file.relative_to(folder).as_posix(): file for file in files}
    # A table may leave out the folders of files whose names are unique.
    alone = {file.name: file for file in files}
    rows = [(names.get(name) or alone.get(name), label) for name, label in labels.items()]
    rows = [(file, label) for file, label in rows if file]
    left_out = []
    if missing := len(labels) - len(rows):
        left_out.append(f"{table.name} names {number_of(missing, 'image')} that are not there")
    if unnamed := len(files) - len({file for file, _ in rows}):
        left_out.append(f"left out {number_of(unnamed, 'image')} that {table.name} does not name")
    classes = [label for _, label in rows if label is not None]
    if len(classes) < len(rows):
        return Found(folder, [file for file, _ in rows], None, None, left_out)
    return Found(folder, [file for file, _ in rows], classes, tables.class_order(set(classes)), left_out)


def _unwrapped(root):
    """Returns the folder within a folder that holds nothing else, as archives often do."""
    while True:
        inside = _folders(root)
        if len(inside) != 1 or inside[0].name.lower() in SPLITS or tables.table_in(root):
            return root
        if _images(root, deep=False)[0] or _images(inside[0], deep=False)[0]:
            return root
        root = inside[0]


def _folders(folder):
    """Returns the folders that may be classes or splits, sorted."""
    found = (path for path in _listed(folder) if path.is_dir())
    return sorted(path for path in found if _counts(path.name))


def _images(folder, deep=True):
    """Returns the image files in a folder, sorted, and how many other files there are by their kinds."""
    suffixes, files, others = image_suffixes(), [], collections.Counter()
    for path in _files(folder) if deep else (path for path in _listed(folder) if not path.is_dir()):
        if not _counts(path.name):
            continue
        if path.suffix.lower() in suffixes and path.is_file():
            files.append(path)
        else:
            others[path.suffix.lower() or path.name if path.exists() else "link to nothing"] += 1
    return sorted(files, key=os.fspath), others


def _files(folder) -> Iterator[Path]:
    """Yields the files in a folder and in the folders within it, through links, each folder once."""
    seen = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if _counts(name))
        for name in files:
            yield Path(place) / name


def _listed(folder):
    return list(folder.iterdir()) if folder.is_dir() else []


def _counts(name):
    return not name.startswith(".") and name.lower() not in CLUTTER


def _left_out(folder, classes, beside, others):
    """Says what is in a folder but not in the dataset, a text for each kind; `beside` images stand beside classes."""
    if beside:
        yield f"left out {number_of(beside, 'image')} beside the class folders"
    folders = (path.name for path in _listed(folder) if path.is_dir() and not path.name.startswith("."))
    no_classes = [name for name in folders if name not in classes]
    if no_classes:
        yield f"left out, as no classes with images: {', '.join(map(printable, sorted(no_classes)))}"
    if others:
        most = sorted(others.items(), key=lambda item: (-item[1], item[0]))[:5]
        kinds = ", ".join(f"{count} {printable(kind)}" for kind, count in most)
        yield f"left out {number_of(others.total(), 'file')} of no image format: {kinds}"
