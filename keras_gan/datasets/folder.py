"""Images in a folder, or in folders that are named by class."""

import collections
import logging
from pathlib import Path

import numpy as np

from keras_gan.datasets.images import SET_SIZE, ImageDataset, NoSuchSplit, check_memory, from_arrays
from keras_gan.datasets.resizing import Size, resize
from keras_gan.errors import UserError

logger = logging.getLogger(__name__)

HELD_OUT = ("test", "validation", "val", "valid")
SPLITS = {"train", *HELD_OUT}
# Formats that Pillow names but reads only with the help of other programs.
UNREADABLE = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}
# Folders that file systems and programs make for themselves, in lower case.
CLUTTER = {
    "#recycle",
    "$recycle.bin",
    "@eadir",
    "@recycle",
    "__macosx",
    "__pycache__",
    "lost+found",
    "system volume information",
}


def load_folder(root: Path, split: str, size: Size) -> ImageDataset:
    name = root.resolve().name
    folders = set(_folders(root))
    # All folders must be splits. Otherwise a class with the name "train" would be taken for one.
    are_splits = folders and folders <= SPLITS
    if are_splits and split in folders:
        folder = root / split
    elif split != "train":
        raise NoSuchSplit(f"no folder {root / split}")
    else:
        folder = root
    # A class without an image to train on is none; one without a held-out image is.
    held_out = are_splits and split != "train"
    found = {each: _images(folder / each) for each in _folders(folder)}
    classes = [each for each, files in found.items() if files or (held_out and _images(root / "train" / each))]
    directly = _images(folder)
    files = [path for each in classes for path in found[each]] if classes else directly
    if not files:
        raise UserError(f"no images in {folder}: expected files such as .png or .jpg, in class folders or directly")
    left_out = _left_out(folder, classes, len(directly) if classes else 0)
    images, dropped = _read(files, name, size)
    for text in (*left_out, *dropped):
        logger.warning("%s: %s", folder, text)
    labels = [classes.index(path.parent.name) for path in files] if classes else None
    return from_arrays(images, labels, classes or None, name)


def _folders(folder):
    """Returns the names of the folders that may be classes or splits, sorted."""
    names = (path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else ()
    return sorted(name for name in names if not name.startswith(".") and name.lower() not in CLUTTER)


def _images(folder):
    """Returns the files of a folder that are images by their names, sorted."""
    files = folder.iterdir() if folder.is_dir() else ()
    suffixes = image_suffixes()
    return sorted(path for path in files if _counts(path) and path.suffix.lower() in suffixes and path.is_file())


def image_suffixes() -> set[str]:
    """Returns the suffixes of all image files that Pillow reads, in lower case, such as `.png`."""
    from PIL import Image

    known = Image.registered_extensions()
    return {suffix for suffix, name in known.items() if name in Image.OPEN and name not in UNREADABLE}


def _counts(path):
    return not path.name.startswith(".") and path.name.lower() not in ("thumbs.db", "desktop.ini")


def _left_out(folder, classes, beside):
    """Says what is in a folder but not in the dataset, a text for each kind; `beside` images stand beside classes."""
    places, suffixes = [folder / each for each in classes] or [folder], image_suffixes()
    if beside:
        yield f"left out {_number(beside, 'image')} beside the class folders"
    no_classes = [
        path.name for path in folder.iterdir() if path.is_dir() and _counts(path) and path.name not in classes
    ]
    if no_classes:
        yield f"left out, as no classes with images: {', '.join(sorted(no_classes))}"
    inside = [path for place in places if classes for path in place.iterdir() if path.is_dir() and _counts(path)]
    if inside:
        yield f"left out {_number(len(inside), 'folder')} within class folders, such as {min(inside)}"
    others = collections.Counter(
        path.suffix.lower() or path.name if path.exists() else "link to nothing"
        for place in places
        for path in sorted(place.iterdir())
        if _counts(path) and not path.is_dir() and (path.suffix.lower() not in suffixes or not path.exists())
    )
    if others:
        kinds = ", ".join(f"{count} {kind}" for kind, count in others.most_common(5))
        yield f"left out {_number(others.total(), 'file')} of no image format: {kinds}"


def _number(count, what):
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _read(files, name, size):
    """Reads image files; returns uint8 `(N, height, width, channels)`, and texts about what of them is not used."""
    from PIL import Image, ImageOps

    def read(path, look):
        try:
            with Image.open(path) as image:
                return look(image)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise OSError(f"cannot read the image {path}: {error}") from None

    modes = {path: read(path, lambda image: image.mode) for path in files}
    deep = next((path for path, mode in modes.items() if mode[0] in "IF"), None)
    if deep:
        raise UserError(f"{deep} has more than 8 bits a channel: convert it to 8 bits first")
    mode = "L" if set(modes.values()) <= {"1", "L", "LA"} else "RGB"
    dropped = collections.Counter()

    def pixels_of(image):
        if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema()[0] < 255:
            dropped["dropped the transparency of {}, which shows colours that were hidden"] += 1
        if getattr(image, "is_animated", False):
            dropped["took the first picture of {} of several"] += 1
            image.seek(0)
        return np.asarray(ImageOps.exif_transpose(image).convert(mode), dtype="uint8")

    images = np.empty(0)
    for row, path in enumerate(files):
        pixels = read(path, pixels_of)
        image = resize(pixels.reshape(*pixels.shape[:2], -1), size)
        if not row:
            check_memory(name, len(files), image.shape)
            images = np.empty((len(files), *image.shape), "uint8")
        if image.shape != images.shape[1:]:
            sizes = f"{files[0]} is {images.shape[1:3]}, {path} is {image.shape[:2]}"
            raise UserError(f"images differ in size: {sizes}; {SET_SIZE}")
        images[row] = image
    return images, [text.format(_number(count, "image")) for text, count in dropped.items()]
