"""Run folders: their records, their names and their locks."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from keras_gan.errors import UserError
from keras_gan.presets.config import Config
from keras_gan.storage.files import write_json

RECORD = "config.json"
LOCK = ".lock"
# Version of the record. Version 0.1.0 of the package wrote none, and did not hold out images of its own accord.
SCHEMA = 2
# A run that stops sooner or later than first intended is still the same run, and steps have the same results in a row.
HARMLESS = {"epochs", "minutes", "steps_per_execution"}


@dataclasses.dataclass
class Record:
    """The content of `config.json` in a run folder.

    Attributes:
        config: the settings.
        data: number of images, class names and fingerprint of the training data, and what was held out.
        versions: versions of the libraries on which the numbers depend.
        options: values of the `training.Options`.
    """

    config: Config
    data: dict
    versions: dict
    options: dict

    def write(self, run_dir: Path) -> None:
        content = {**vars(self), "schema": SCHEMA, "config": self.config.by_key()}
        write_json(run_dir / RECORD, content)


def versions() -> dict[str, str]:
    """Returns the versions of the libraries on which the numbers depend."""
    import keras
    import tensorflow as tf

    import keras_gan

    return {"keras_gan": keras_gan.__version__, "keras": keras.__version__, "tensorflow": tf.__version__}


def check_new(run_dir: Path) -> None:
    """Raises `UserError` if the folder for a new run is not empty."""
    if run_dir.exists() and (not run_dir.is_dir() or any(path.name != LOCK for path in run_dir.iterdir())):
        resume = ", or go on with it: --resume" if is_run(run_dir) else ""
        raise UserError(f"{run_dir} is not an empty folder: no run overwrites another{resume}")


def new_folder(run_dir: Path | None, title: str) -> Path:
    """Makes the folder of a new run: `run_dir`, or, when `None`, the first free of `runs/TITLE-001` ...

    Raises:
        UserError: if `run_dir` is not empty.
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
    """Reads the record of a run, written by this version of the package or an older one.

    Raises:
        UserError: if the folder is not a run folder, or its record cannot be read.
    """
    if not is_run(run_dir):
        hint = f"it has no {RECORD}" if run_dir.is_dir() else "there is no such folder"
        raise UserError(f"{run_dir} is not a run folder: {hint}")
    file = run_dir / RECORD
    try:
        content = json.loads(file.read_text())
        schema = content.pop("schema", 1)
        config = content.pop("config")
        if schema == 1:
            config["hold_out"] = 0
        if "steps_per_execution" not in config:
            # A pass was an epoch, if it had 250 steps, and steps were not compiled.
            a_pass = content["data"].get("images", 0) // config.get("batch_size", 64)
            config |= {"jit_compile": "off", "epoch_steps": config.get("epoch_steps") or max(a_pass, 250)}
        if schema <= SCHEMA:
            record = Record(Config(**config), **content)
            if all(isinstance(part, dict) for part in (record.data, record.versions, record.options)):
                return record
            raise TypeError("a part is missing")
    except (TypeError, KeyError, AttributeError, json.JSONDecodeError) as error:
        raise UserError(f"{run_dir} cannot be read: its {RECORD} is damaged") from error
    except UserError as error:
        raise UserError(f"{run_dir} cannot be read: its {RECORD} says: {error}") from error
    raise UserError(f"{run_dir} cannot be read: its {RECORD} was written by a later version of keras_gan")


def changes(old: Record, new: Record) -> dict[str, tuple]:
    """Returns the settings and data that differ so that it is another run, with their old and new values."""
    # The old data come from JSON, which made lists of tuples, so the new data are passed through it too.
    data = json.loads(json.dumps(new.data))
    before = {**old.config.by_key(), **old.data, "deterministic": bool(old.options.get("deterministic"))}
    after = {
        **new.config.by_key(),
        **{key: value for key, value in data.items() if key in old.data},
        "deterministic": bool(new.options["deterministic"]),
    }
    keys = [key for key in after if key not in HARMLESS]
    return {key: (before.get(key), after[key]) for key in keys if before.get(key) != after[key]}


def said(changed: dict[str, tuple]) -> str:
    """Says what `changes` returned: images by their numbers, settings by their values."""
    texts = []
    for key, (old, new) in changed.items():
        if key == "fingerprint":
            texts.append("other images, labels or class names")
        elif key == "held_out":
            texts.append(f"held out {_held_out(old)} -> {_held_out(new)}")
        else:
            texts.append(f"{key} {old} -> {new}")
    return ", ".join(texts)


def _held_out(part):
    return f"{part['images']:,} images ({part['from']})" if isinstance(part, dict) else "nothing"


def lock_of(run_dir: Path) -> FileLock:
    """Returns the lock that keeps a second process out of a run folder; the system frees it when a process ends."""
    return FileLock(run_dir / LOCK, timeout=0)


@contextlib.contextmanager
def held(lock: FileLock) -> Iterator[None]:
    """Holds a lock of `lock_of` within the context; the same process may hold it already.

    Raises:
        UserError: if another process holds it.
    """
    try:
        lock.acquire()
    except Timeout:
        raise UserError(f"another process is training in {Path(lock.lock_file).parent}") from None
    try:
        yield
    finally:
        lock.release()
