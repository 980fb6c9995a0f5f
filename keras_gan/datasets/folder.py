"""Images in a folder, or in folders that are named by class."""

from pathlib import Path

import numpy as np

from keras_gan.datasets.images import SET_SIZE, ImageDataset, NoSuchSplit, check_memory, from_arrays
from keras_gan.datasets.resizing import Size, resize
from keras_gan.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
HELD_OUT = ("test", "validation", "val", "valid")
SPLITS = {"train", *HELD_OUT}


def load_folder(folder: Path, split: str, size: Size) -> ImageDataset:
    from PIL import Image, ImageOps

    name = folder.resolve().name
    folders = {path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")}
    # All folders must be splits. Otherwise a class with the name "train" would be taken for one.
    if split in folders and folders <= SPLITS:
        folder = folder / split
    elif split != "train":
        raise NoSuchSplit(f"no folder {folder / split}")
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    found = sorted(path for place in [folder / name for name in classes] or [folder] for path in place.iterdir())
    files = [path for path in found if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")]
    if not files:
        raise UserError(f"no images in {folder}: expected {'/'.join(SUFFIXES)} files, in class folders or directly")

    def read(path, look):
        try:
            with Image.open(path) as image:
                return look(image)
        except (OSError, SyntaxError) as error:
            raise OSError(f"cannot read the image {path}: {error}") from None

    modes = {path: read(path, lambda image: image.mode) for path in files}
    deep = next((path for path, mode in modes.items() if mode[0] in "IF"), None)
    if deep:
        raise UserError(f"{deep} has more than 8 bits a channel: convert it to 8 bits first")
    mode = "L" if set(modes.values()) <= {"1", "L", "LA"} else "RGB"
    images = np.empty(0)
    for row, path in enumerate(files):
        pixels = read(path, lambda image: np.asarray(ImageOps.exif_transpose(image).convert(mode), dtype="uint8"))
        image = resize(pixels.reshape(*pixels.shape[:2], -1), size)
        if not row:
            check_memory(name, len(files), image.shape)
            images = np.empty((len(files), *image.shape), "uint8")
        if image.shape != images.shape[1:]:
            sizes = f"{files[0]} is {images.shape[1:3]}, {path} is {image.shape[:2]}"
            raise UserError(f"images differ in size: {sizes}; {SET_SIZE}")
        images[row] = image
    labels = [classes.index(path.parent.name) for path in files] if classes else None
    return from_arrays(images, labels, classes or None, name)
