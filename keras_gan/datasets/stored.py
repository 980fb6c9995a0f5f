"""Images in a file on disk, of which only what a batch needs is read."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


class ImageFile:
    """uint8 images in a file, which can be used as an array: `images[3:5]`, `images[rows]`, `len(images)`.

    The file is read by position and not mapped into memory, so that a process that has seen all images is no larger
    than one that has seen a few.

    Args:
        path: file that holds the images one after another.
        shape: `(N, height, width, channels)` of what is in the file.
        offset: number of bytes before the first image.
        digest: hexadecimal digest of the images, from which that of the dataset is made; it stands for reading all.
        rows: which of the images there are, int64 `(n,)`; all when `None`.
    """

    dtype = np.dtype("uint8")
    ndim = 4

    def __init__(
        self, path: Path, shape: Sequence[int], offset: int = 0, digest: str = "", rows: np.ndarray | None = None
    ) -> None:
        self.path, self._whole, self._offset, self._digest, self._rows = path, tuple(shape), offset, digest, rows
        self._size = int(np.prod(shape[1:]))
        self._file = os.open(path, os.O_RDONLY)

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            os.close(self._file)

    def __len__(self) -> int:
        return self._whole[0] if self._rows is None else len(self._rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """`(N, height, width, channels)`."""
        return (len(self), *self._whole[1:])

    @property
    def nbytes(self) -> int:
        """Bytes that the images would take in memory."""
        return len(self) * self._size

    @property
    def digest(self) -> str:
        """Hexadecimal digest, the same for the same images in the same order."""
        found = hashlib.blake2b(f"{self._digest}{self.shape}".encode(), digest_size=16)
        if self._rows is not None:
            found.update(np.ascontiguousarray(self._rows).data)
        return found.hexdigest()

    def select(self, rows: np.ndarray) -> "ImageFile":
        """Returns some of the images, by a mask or by numbers, without reading them."""
        every = np.arange(len(self)) if self._rows is None else self._rows
        return ImageFile(self.path, self._whole, self._offset, self._digest, every[rows])

    def __getitem__(self, key: Any) -> np.ndarray:
        """Reads images: `images[7]` is one, a slice, a mask and an array of numbers are several."""
        wanted = np.arange(len(self))[key]
        numbers = np.atleast_1d(wanted if self._rows is None else self._rows[wanted]).ravel()
        pixels = np.empty((len(numbers), *self._whole[1:]), "uint8")
        for image, number in zip(pixels, numbers.tolist()):
            read = os.preadv(self._file, [image], self._offset + number * self._size)
            if read != self._size:
                raise OSError(f"{self.path} ends too early: it was changed while it was in use")
        return pixels[0] if np.ndim(wanted) == 0 else pixels.reshape(*np.shape(wanted), *self._whole[1:])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)
