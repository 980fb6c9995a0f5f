"""Files that are whole or not there: written aside, then moved into place."""

import contextlib
import json
import os
import shutil
from pathlib import Path


@contextlib.contextmanager
def written_aside(path):
    """Gives a path beside `path` to write a file or a folder to, and moves it into place when the block ends well.

    Where the block raises, what was there before stays, and what was written aside is removed.

    Args:
        path: the file or folder to write. A file of that name is replaced; a folder must be empty or missing.

    Yields:
        `Path` in the same folder, with the same suffix, that no other process writes to.
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


def write_json(path, content) -> None:
    """Writes what JSON can hold, indented."""
    with written_aside(path) as aside:
        aside.write_text(json.dumps(content, indent=2) + "\n")
