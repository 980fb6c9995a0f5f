"""Reads image files into one array, and keeps what it read for the next time."""

import collections
import dataclasses
import errno
import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import tqdm
from PIL import Image

from keras_gan.datasets.images import check_memory
from keras_gan.datasets.reading import DEFAULT_SIDE, Reading
from keras_gan.datasets.stored import ImageFile
from keras_gan.errors import UserError
from keras_gan.storage.files import cache_root, written_aside

logger = logging.getLogger(__name__)

# Changes whenever the same files would be decoded to other pixels.
RECIPE = "images-1"
# From so many files on, what was decoded is kept on disk.
KEPT_FROM = 1000
# Bytes of kept images that are read into memory; more are read from disk for each batch.
IN_MEMORY = 2**30
# Files that a thread reads before it hands over what it has.
CHUNK = 16
# Files that are named, when more cannot be read.
NAMED = 5


@dataclasses.dataclass
class Decoded:
    """Images that were read from files.

    Attributes:
        images: uint8 `(N, height, width, channels)`, in memory or in a file.
        rows: which of the files they are.
        texts: what was left out or changed, for the user.
        unreadable: files that could not be read, with the reason.
    """

    images: np.ndarray | ImageFile
    rows: list[int]
    texts: list[str]
    unreadable: dict[str, str]


def read_images(files: Sequence[Path], name: str, reading: Reading, origin: str | None = None) -> Decoded:
    """Reads image files, several at a time, with a progress bar where somebody watches.

    Many files are decoded once. Their pixels are kept in the cache (`KERAS_GAN_CACHE` or `~/.cache/keras_gan`), under a
    name made of the names, sizes and times of the files and of `reading`.

    Args:
        files: the files, at least one.
        name: name of the dataset, for messages.
        reading: what the images are turned into.
        origin: what the files were taken out of, in words that change with their content, in place of their own names,
            sizes and times.

    Raises:
        UserError: if more files than `reading` allows cannot be read, or the images take too much memory.
    """
    found = _kept(files, name, reading, origin) if len(files) >= KEPT_FROM else None
    found = found or _decode_all(files, reading, _InMemory(name, len(files)))
    _check_unreadable(found.unreadable, len(files), name, reading.allow_unreadable)
    return found


def _kept(files, name, reading, origin):
    """Returns images from the cache, where they are put first if they are not there; `None` if there is no room."""
    folder = cache_root() / "images" / _key(files, reading, origin)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{folder}.lock"):  # A second process waits for the first.
            found = _open(folder)
            if found is None:
                with written_aside(folder) as aside:
                    aside.mkdir()
                    _keep(aside, _decode_all(files, reading, _OnDisk(aside / "pixels")))
                found = _open(folder)
            return found
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        why = "the disk is full" if full else " ".join(str(error).split())
        logger.warning("decoded images of %s cannot be kept in %s (%s): they are held in memory", name, folder, why)
        return None


def _keep(folder, decoded):
    about = {
        "shape": decoded.images.shape,
        "digest": decoded.images.digest,
        "rows": decoded.rows,
        "texts": decoded.texts,
        "unreadable": decoded.unreadable,
    }
    (folder / "about.json").write_text(json.dumps(about))


def _open(folder):
    try:
        about = json.loads((folder / "about.json").read_text())
        shape = tuple(about["shape"])
        if (folder / "pixels").stat().st_size != np.prod(shape):
            raise ValueError("it is not whole")
        images = ImageFile(folder / "pixels", shape, digest=about["digest"])
        return Decoded(
            images[:] if images.nbytes <= IN_MEMORY else images, about["rows"], about["texts"], about["unreadable"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        # Missing or damaged: what is in the way goes, so that it is made anew.
        for file in folder.glob("*"):
            file.unlink()
        return None


def _key(files, reading, origin):
    how = f"{RECIPE} {dataclasses.replace(reading, allow_unreadable=0)}"
    digest = hashlib.blake2b(how.encode(), digest_size=16)
    for content in [origin] if origin else map(origin_of, files):
        digest.update(f"{content}\n".encode())
    return digest.hexdigest()


def origin_of(file: Path) -> str:
    """Returns where a file is, its size and its time: they change with its content."""
    try:
        about = os.stat(file)
        return f"{os.path.abspath(file)!r} {about.st_size} {about.st_mtime_ns}"
    except OSError:
        return f"{os.path.abspath(file)!r} is gone"


class _Again(Exception):
    """What was read so far must be read in another way; says which, and why."""

    def __init__(self, reading, text=None):
        super().__init__(text)
        self.reading, self.texts = reading, [text] if text else []


class _InMemory:
    """Where images go that are held in memory."""

    def __init__(self, name, most):
        self.name, self.most = name, most

    def begin(self, shape):
        check_memory(self.name, self.most, shape)
        self._room, self._number = np.empty((self.most, *shape), "uint8"), 0

    def add(self, pixels):
        self._room[self._number] = pixels
        self._number += 1

    def end(self):
        return self._room[: self._number]


class _OnDisk:
    """Where images go that are kept in a file."""

    def __init__(self, path):
        self.path, self._file = path, open(path, "wb")  # noqa: SIM115  end() closes it.

    def begin(self, shape):
        self._file.seek(0)
        self._file.truncate()
        self._shape, self._number = shape, 0
        self._digest = hashlib.blake2b(digest_size=16)

    def add(self, pixels):
        content = np.ascontiguousarray(pixels).data
        self._file.write(content)
        self._digest.update(content)
        self._number += 1

    def end(self):
        self._file.close()
        return ImageFile(self.path, (self._number, *self._shape), digest=self._digest.hexdigest())


def _decode_all(files, reading, place):
    texts = []
    while True:
        try:
            return _decode(files, reading, place, texts)
        except _Again as again:
            reading, texts = again.reading, [*texts, *again.texts]


def _decode(files, reading, place, texts):
    shape, rows, unreadable, counts = None, [], {}, collections.Counter()
    for row, one in enumerate(in_order(lambda file: _read(file, reading), files, "Reading images")):
        if one.pixels is None:
            unreadable[str(files[row])] = one.why
            continue
        counts.update({"composited": one.composited, "animated": one.animated})
        if shape is None:
            shape = one.pixels.shape
            place.begin(shape)
        if one.pixels.shape[:2] != shape[:2]:
            sizes = " and ".join(f"{width}x{height}" for height, width in (shape[:2], one.pixels.shape[:2]))
            text = f"images differ in size ({sizes}): all become {DEFAULT_SIDE}x{DEFAULT_SIDE}; set another image_size"
            raise _Again(dataclasses.replace(reading, size=(DEFAULT_SIDE, DEFAULT_SIDE)), text)
        if one.pixels.shape[-1] > shape[-1]:  # The first colour image: those before it were grey.
            raise _Again(dataclasses.replace(reading, channels="rgb"))
        place.add(np.broadcast_to(one.pixels, shape))
        rows.append(row)
    if shape is None:
        place.begin((1, 1, 1))
    return Decoded(place.end(), rows, [*texts, *_texts(unreadable, counts, reading)], unreadable)


@dataclasses.dataclass
class _One:
    """What was read of a file: its pixels or why there are none, and what of it is not used."""

    pixels: np.ndarray | None
    why: str = ""
    composited: bool = False
    animated: bool = False


def in_order(read: Callable[[Path], Any], files: Sequence[Path], title: str) -> Iterator[Any]:
    """Yields what a function returns for each file, in order; several run at a time, beside a progress bar."""
    chunks = [files[start : start + CHUNK] for start in range(0, len(files), CHUNK)]
    # The bar appears if reading takes long, and on a terminal only.
    bar = tqdm.tqdm(total=len(files), desc=title, unit=" images", delay=1.0, disable=None, leave=False)
    with bar, ThreadPoolExecutor(os.cpu_count()) as pool:
        for results in pool.map(lambda chunk: [read(file) for file in chunk], chunks):
            yield from results
            bar.update(len(results))


def _read(file, reading):
    try:
        with Image.open(file) as image:
            animated = bool(getattr(image, "is_animated", False))
            pixels, composited = reading.pixels(image)
    except Exception as error:  # Damaged files make Pillow raise errors of every kind.
        return _One(None, reason(error))
    return _One(pixels, composited=composited, animated=animated)


def reason(error: Exception) -> str:
    """Says in a few words why a file could not be read."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, Image.UnidentifiedImageError):
        return "it is no image"
    return " ".join(str(error).split())[:100] or type(error).__name__


def _texts(unreadable, counts, reading):
    if unreadable:
        yield f"left out {_listed(unreadable)}"
    if count := counts["composited"]:
        on = f"on {reading.background}; image_channels=rgba keeps their transparency"
        yield f"put {number_of(count, 'transparent image')} {on}"
    if count := counts["animated"]:
        yield f"took the first picture of {number_of(count, 'image')} of several"


def _check_unreadable(unreadable, total, name, allowed):
    if len(unreadable) == total:
        raise UserError(f"none of the {number_of(total, 'image')} of {name} can be read: {_listed(unreadable)}")
    if len(unreadable) > allowed * total:
        raise UserError(
            f"{name}: {_listed(unreadable)}, of {total:,}; mend or remove them, or leave them out: set "
            f"allow_unreadable={np.ceil(100 * len(unreadable) / total) / 100:g}"
        )


def _listed(unreadable):
    shown = [f"{printable(file)} ({why})" for file, why in list(unreadable.items())[:NAMED]]
    more = f" and {len(unreadable) - NAMED:,} more" if len(unreadable) > NAMED else ""
    return f"{number_of(len(unreadable), 'image')} that cannot be read: {', '.join(shown)}{more}"


def printable(path: Path | str) -> str:
    """Returns a path as one line that every terminal can print."""
    text = str(path)
    return text if text.isprintable() else repr(text)


def number_of(count: int, what: str) -> str:
    """Returns a number of things in words, such as `1 image` and `2 images`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
