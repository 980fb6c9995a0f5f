"""Time limit, progress bar, and the history of a training as a file."""

import csv
import os
import sys
import time
from pathlib import Path
from typing import Any

import keras

from keras_gan.callbacks.stateful import StatefulCallback
from keras_gan.errors import UserError
from keras_gan.optimizers import set_progress
from keras_gan.types import Logs, StrPath
from keras_gan.variables import number


class TimeLimit(StatefulCallback):
    """Stops training after the step in which a time limit is reached, and tells `optimizers.TimedSchedule`s the time.

    Args:
        minutes: float > 0, counted from the start of training, including the time to compile the step. A resumed run
            goes on counting from the time of its checkpoint.

    Raises:
        UserError: if it is not above 0.

    Examples:
        >>> gan.fit(images, labels, epochs=1000, callbacks=[kg.callbacks.TimeLimit(minutes=2)])
    """

    def __init__(self, minutes: float) -> None:
        super().__init__()
        if not minutes > 0:
            raise UserError(f"minutes must be a number > 0, got {minutes!r}")
        self.minutes = minutes
        self._before = 0.0
        self._start = None

    @property
    def elapsed(self) -> float:
        """Minutes of training so far."""
        return self._before + (0.0 if self._start is None else (time.monotonic() - self._start) / 60.0)

    def on_train_begin(self, logs: Logs = None) -> None:
        self._start = time.monotonic()

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        progress = min(self.elapsed / self.minutes, 1.0)
        for optimizer in (self.model.discriminator_optimizer, self.model.generator_optimizer):
            set_progress(optimizer, progress)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self.elapsed >= self.minutes:
            self.model.stop_training = True

    def get_state(self) -> dict:
        return {"elapsed": self.elapsed}

    def set_state(self, state: dict) -> None:
        self._before, self._start = state["elapsed"], None


class LearningRates(keras.callbacks.Callback):
    """Adds the learning rates of the next step to the logs of an epoch.

    They are `discriminator_learning_rate` and `generator_learning_rate`. So callbacks after it in the list, such as
    `CSVHistory` and TensorBoard, show what schedules and rollbacks did.
    """

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if logs is None:
            return
        for player in ("discriminator", "generator"):
            rate = getattr(self.model, f"{player}_optimizer").learning_rate
            logs[f"{player}_learning_rate"] = number(rate)


class Progress(keras.callbacks.ProgbarLogger):
    """Keras's progress bar, which also suits runs that end by time.

    If the output is not a terminal, it prints one line for each epoch. Call `fit()` with `verbose=0`, or else there are
    two progress bars.

    Args:
        time_limit: a `TimeLimit` whose time is shown in the title of each epoch, or `None`.
    """

    def __init__(self, time_limit: TimeLimit | None = None) -> None:
        super().__init__()
        self.time_limit = time_limit

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params({**params, "verbose": 1 if sys.stdout.isatty() else 2})

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if self.time_limit:
            print(
                f"Epoch {epoch + 1}, {self.time_limit.elapsed:.1f} of {self.time_limit.minutes:g} minutes", flush=True
            )
            self.epochs = 0  # This silences Keras's own title, which would show a number of epochs that is no limit.
        super().on_epoch_begin(epoch, logs)
        self._first = int(self.model.step)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        # If Keras executes several steps in a row, its own number counts steps for which there were no data.
        super().on_train_batch_end(int(self.model.step) - self._first - 1, logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.target = self.progbar.target = self.seen
        super().on_epoch_end(epoch, logs)


class CSVHistory(keras.callbacks.CSVLogger):
    """Keras's `CSVLogger` for runs that are resumed: it replaces the rows of epochs that are trained again.

    A key that is missing in the logs of an epoch is written as `NA`. A key that earlier epochs did not have gets a new
    column.

    Args:
        filename: the CSV file; made if missing.

    Raises:
        UserError: from `fit()`, if the file is not such a history.
    """

    def __init__(self, filename: StrPath) -> None:
        super().__init__(str(filename), append=True)
        self._first = True

    def on_train_begin(self, logs: Logs = None) -> None:
        Path(self.filename).parent.mkdir(parents=True, exist_ok=True)
        # A process that was killed may have left an incomplete last line.
        if Path(self.filename).exists():
            _keep_rows(self.filename, 2**63)
        self._first = True
        super().on_train_begin(logs)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if self._first:
            _keep_rows(self.filename, epoch)
        self._first = False

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        # Keras fixes the columns at the first epoch: it adds a `val_...` for each key of the logs, and no others later.
        if logs and not set(logs) <= set(self.keys or ()):
            self.keys = _add_columns(self.filename, sorted(logs))
            self.append_header, self.writer = False, None
        super().on_epoch_end(epoch, logs)


def _add_columns(path, names):
    """Adds columns to a history, or writes its header if it is empty; returns all columns except the epoch."""
    with open(path, "r+", newline="") as file:
        header, *rows = list(csv.reader(file)) or [["epoch"]]
        new = [name for name in names if name not in header]
        if new:
            file.seek(0)
            writer = csv.writer(file)
            writer.writerow([*header, *new])
            writer.writerows([*row, *["NA"] * len(new)] for row in rows)
    return [*header[1:], *new]


def _keep_rows(path, epochs):
    """Cuts a history off before the first row whose epoch is not below `epochs`, or which is incomplete.

    Raises:
        UserError: if the file is not a history.
    """
    keep = 0
    with open(path, newline="") as file:
        for line in iter(file.readline, ""):
            first = next(csv.reader([line]))[:1]
            is_row = keep and first and first[0].isdigit() and int(first[0]) < epochs
            if not keep and line.strip() and first != ["epoch"]:
                raise UserError(f"{path} does not begin as a history, with a column epoch: move it away, or mend it")
            if not line.endswith("\n") or not (is_row or (not keep and first == ["epoch"])):
                break
            keep = file.tell()
    os.truncate(path, keep)
