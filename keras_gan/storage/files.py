"""Writes files that are either complete or missing: they are written under another name, then moved into place."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keras_gan.errors import UserError
from keras_gan.types import StrPath


def cache_root(folder: StrPath | None = None) -> Path:
    """Returns the folder of what can be made again: `folder`, `KERAS_GAN_CACHE`, or `~/.cache/keras_gan`."""
    return Path(folder or os.environ.get("KERAS_GAN_CACHE") or Path.home() / ".cache" / "keras_gan")


def check_writable(folder: StrPath) -> None:
    """Raises `UserError` if a folder cannot be made or written, to say so before the work rather than after it."""
    parent = Path(folder)
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise UserError(f"cannot write to {folder}" + ("" if parent.is_dir() else f": {parent} is a file"))


@contextlib.contextmanager
def written_aside(path: StrPath) -> Iterator[Path]:
    """Gives another path to write a file or a folder to, and moves it to `path` when the context ends without an error.

    If the context raises, the new file is removed and the old one stays.

    Args:
        path: the file or folder to write. An old file is replaced; an old folder must be empty.

    Yields:
        `Path` in the same folder, with the same suffix, to which no other process writes.
    """
    path = Path(path)
    aside = path.with_name(f".{path.stem}.part.{os.getpid()}{path.suffix}")
    try:
        yield aside
        if aside.is_file():
            with open(aside, "rb") as file:
                os.fsync(file.fileno())
        elif path.is_dir():
            path.rmdir()
        aside.replace(path)
    finally:
        if aside.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.unlink(missing_ok=True)


def write_json(path: StrPath, content: Any) -> None:
    """Writes content that JSON can hold, indented; an older file is replaced only when the new one is complete."""
    with written_aside(path) as aside:
        aside.write_text(json.dumps(content, indent=2) + "\n")
