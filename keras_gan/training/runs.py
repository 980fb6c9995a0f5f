"""Run folders: what was asked for, who is at it, and how to go on."""

import contextlib
import dataclasses
import json
from pathlib import Path

from filelock import FileLock, Timeout

from keras_gan.errors import UserError
from keras_gan.presets.config import Config
from keras_gan.storage.files import write_json

RECORD = "config.json"
LOCK = ".lock"
# Of the record. Version 0.1.0 of the package wrote none, and held no image out of the training by itself.
SCHEMA = 2
# A run may stop sooner or later than first meant, and still be the same run.
HARMLESS = {"epochs", "minutes"}


@dataclasses.dataclass
class Record:
    """What `config.json` of a run folder holds.

    Attributes:
        config: the settings.
        data: images, class names and a fingerprint of the training data, and what was held out of it.
        versions: of the libraries that the numbers depend on.
        options: how the run is kept, as `training.Options` has them.
    """

    config: Config
    data: dict
    versions: dict
    options: dict

    def write(self, run_dir: Path) -> None:
        content = {**vars(self), "schema": SCHEMA, "config": self.config.by_key()}
        write_json(run_dir / RECORD, content)


def versions() -> dict[str, str]:
    """Of the libraries that the numbers depend on."""
    import keras
    import tensorflow as tf

    import keras_gan

    return {"keras_gan": keras_gan.__version__, "keras": keras.__version__, "tensorflow": tf.__version__}


def check_new(run_dir: Path) -> None:
    """Raises `UserError` if a folder for a new run holds something already."""
    if run_dir.exists() and (not run_dir.is_dir() or any(path.name != LOCK for path in run_dir.iterdir())):
        resume = ", or go on with it: --resume" if is_run(run_dir) else ""
        raise UserError(f"{run_dir} is not an empty folder: no run overwrites another{resume}")


def new_folder(run_dir: Path | None, title: str) -> Path:
    """Makes the folder of a new run: `run_dir`, or `runs/TITLE-001`, `runs/TITLE-002` ...

    Raises:
        UserError: if it holds something already.
    """
    if run_dir is not None:
        check_new(run_dir)
        run_dir.mkdir(parents=True, exist_ok=True)
        return run_dir
    for number in range(1, 10**6):
        run_dir = Path("runs") / f"{title}-{number:03d}"
        with contextlib.suppress(FileExistsError):
            run_dir.mkdir(parents=True)
            return run_dir
    raise UserError("runs/ is full")


def is_run(path: Path) -> bool:
    """Whether a path is a run folder."""
    return (path / RECORD).exists()


def read(run_dir: Path) -> Record:
    """The record of a run, of this version of the package or an older one.

    Raises:
        UserError: if the folder is none of a run, or its record cannot be read.
    """
    if not is_run(run_dir):
        hint = f"it has no {RECORD}" if run_dir.is_dir() else "there is no such folder"
        raise UserError(f"{run_dir} is no run folder, {hint}")
    file = run_dir / RECORD
    try:
        content = json.loads(file.read_text())
        schema = content.pop("schema", 1)
        config = content.pop("config")
        if schema == 1:
            config["hold_out"] = 0
        if schema <= SCHEMA:
            return Record(Config(**config), **content)
    except (TypeError, KeyError, AttributeError, json.JSONDecodeError) as error:
        raise UserError(f"{run_dir} cannot be read: its {RECORD} is damaged") from error
    except UserError as error:
        raise UserError(f"{run_dir} cannot be read: its {RECORD} says: {error}") from error
    raise UserError(f"{run_dir} cannot be read: its {RECORD} was written by a later version of keras_gan")


def changes(old: Record, new: Record) -> dict[str, tuple]:
    """What makes another run of it, settings and data, each with its old and its new value."""
    # Through JSON, as the old data went: it makes lists of tuples.
    data = json.loads(json.dumps(new.data))
    before = {**old.config.by_key(), **old.data, "deterministic": bool(old.options.get("deterministic"))}
    after = {
        **new.config.by_key(),
        **{key: value for key, value in data.items() if key in old.data},
        "deterministic": bool(new.options["deterministic"]),
    }
    keys = [key for key in after if key not in HARMLESS]
    return {key: (before.get(key), after[key]) for key in keys if before.get(key) != after[key]}


def lock_of(run_dir: Path) -> FileLock:
    """The lock that keeps a second process out of a run folder; it ends with its process, however that ends."""
    return FileLock(run_dir / LOCK, timeout=0)


@contextlib.contextmanager
def held(lock: FileLock):
    """Holds a lock of `lock_of`, which the same process may hold already.

    Raises:
        UserError: if another process has it.
    """
    try:
        lock.acquire()
    except Timeout:
        raise UserError(f"another process is training in {Path(lock.lock_file).parent}") from None
    try:
        yield
    finally:
        lock.release()
