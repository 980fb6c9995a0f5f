"""Run folders of the command line: what was asked for, who is at it, and how to go on."""

import contextlib
import dataclasses
import json
from pathlib import Path

from filelock import FileLock, Timeout

RECORD = "config.json"
LOCK = ".lock"
# A run may stop sooner or later than first meant, and still be the same run.
HARMLESS = {"epochs", "minutes"}


@dataclasses.dataclass
class Record:
    """What `config.json` of a run folder holds.

    Attributes:
        config: settings, as `presets.Config` has them.
        data: images, class names and a fingerprint of the training data.
        versions: of the libraries that the numbers depend on.
        options: of the command line that are no settings of the model.
    """

    config: dict
    data: dict
    versions: dict
    options: dict

    def write(self, run_dir: Path) -> None:
        aside = run_dir / f".{RECORD}.part"
        aside.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n")
        aside.replace(run_dir / RECORD)


def versions() -> dict[str, str]:
    """Of the libraries that the numbers depend on."""
    import keras
    import tensorflow as tf

    import keras_gan

    return {"keras_gan": keras_gan.__version__, "keras": keras.__version__, "tensorflow": tf.__version__}


def check_new(run_dir: Path) -> None:
    """Raises `ValueError` if a folder for a new run holds something already."""
    if run_dir.exists() and (not run_dir.is_dir() or any(path.name != LOCK for path in run_dir.iterdir())):
        resume = ", or go on with it: --resume" if is_run(run_dir) else ""
        raise ValueError(f"{run_dir} is not an empty folder: no run overwrites another{resume}")


def new_folder(run_dir: Path | None, title: str) -> Path:
    """Makes the folder of a new run: `run_dir`, or `runs/TITLE-001`, `runs/TITLE-002` ...

    Raises:
        ValueError: if it holds something already.
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
    raise ValueError("runs/ is full")


def is_run(path: Path) -> bool:
    """Whether a path is a run folder."""
    return (path / RECORD).exists()


def read(run_dir: Path) -> Record:
    """The record of a run.

    Raises:
        ValueError: if the folder is none of a run.
    """
    if not is_run(run_dir):
        hint = f"it has no {RECORD}" if run_dir.is_dir() else "there is no such folder"
        raise ValueError(f"{run_dir} is no run folder, {hint}")
    try:
        return Record(**json.loads((run_dir / RECORD).read_text()))
    except (TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{run_dir} cannot be read: its {RECORD} is damaged or of another version") from error


def changes(old: Record, new: Record) -> dict[str, tuple]:
    """What makes another run of it, settings and data, each with its old and its new value."""
    old, new = (
        {**record.config, **record.data, "deterministic": bool(record.options["deterministic"])}
        for record in (old, new)
    )
    # Through JSON, as the old ones went: it makes lists of tuples.
    new = json.loads(json.dumps(new))
    keys = [key for key in dict.fromkeys([*old, *new]) if key not in HARMLESS]
    return {key: (old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)}


@contextlib.contextmanager
def lock(run_dir: Path):
    """Keeps a second process out of a run folder; a lock ends with its process, however that ends.

    Raises:
        ValueError: if another process has it.
    """
    try:
        with FileLock(run_dir / LOCK, timeout=0):
            yield
    except Timeout:
        raise ValueError(f"another process is training in {run_dir}") from None
