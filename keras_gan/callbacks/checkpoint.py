"""Checkpoints from which training goes on as if it had never stopped."""

import collections
import contextlib
import logging
import math
import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import keras

from keras_gan import signals
from keras_gan.callbacks.stateful import StatefulCallback
from keras_gan.errors import UserError
from keras_gan.storage import checkpoints
from keras_gan.types import Logs, StrPath

logger = logging.getLogger(__name__)

# A function that says of the state in a checkpoint whether that checkpoint will do.
Accept = Callable[[dict[str, Any]], bool]

# Keras's name for the variable of a constant learning rate.
RATE = "learning_rate"
# A value of `model.stop_training` that ends an epoch which a checkpoint broke off, but not the training.
_END_OF_EPOCH = object()


class Interrupted(KeyboardInterrupt):
    """Training was stopped by a signal, after it saved a checkpoint.

    Attributes:
        signum: number of the signal.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}, after a checkpoint")
        self.signum = signum


class Checkpoint(keras.callbacks.Callback):
    """Saves the whole state of training, and restores it so that training goes on as if it had never stopped.

    It writes a checkpoint `step-*.keras` at the start, after each epoch, and at a signal within `stop_on_signals`. A
    checkpoint holds the networks, the averaged generator, the optimizers, the seeds, the place in the epoch with the
    running means of its metrics, and the state of `stateful` callbacks. Each file is written under another name and
    then moved into place. Damaged files are skipped when a checkpoint is read. Weights that are not finite are never
    saved.

    To resume, build and compile the model as before, then run:

    ```pycon
    >>> checkpoint = kg.callbacks.Checkpoint("run/checkpoints")
    >>> checkpoint.restore(gan)
    >>> batches = data.batches(64, start_step=int(gan.step))
    >>> with checkpoint.stop_on_signals():
    ...     gan.fit(batches, steps_per_epoch=250, epochs=20, callbacks=[checkpoint])
    ```

    Put it last in the list of callbacks, so that it saves an epoch after the others have written about it.

    Args:
        folder: folder of the checkpoints; made if missing.
        every_steps: int >= 1, also save after every so many steps within an epoch; `None` saves after epochs only. If
            Keras executes several steps in a row (`steps_per_execution`), it saves after those.
        keep: int >= 1, number of checkpoints to keep; older ones are deleted.
        monitor: key of the logs; the checkpoint of the epoch with its best value is kept as `best.keras` too.
        mode: "min" or "max", which value of `monitor` is best.
        stateful: `StatefulCallback` objects of the same `fit()`; those of one class always in the same order.

    Raises:
        UserError: if an argument is out of its range, or, from `fit()`, if the folder holds checkpoints of another
            training.
        Interrupted: from `fit()` within `stop_on_signals`, at a signal.
        OSError: from `fit()`, if a checkpoint cannot be written.
    """

    def __init__(
        self,
        folder: StrPath,
        every_steps: int | None = None,
        keep: int = 3,
        monitor: str | None = None,
        mode: str = "min",
        stateful: Iterable[StatefulCallback] = (),
    ) -> None:
        super().__init__()
        if keep < 1 or (every_steps is not None and every_steps < 1):
            raise UserError(f"keep and every_steps must be at least 1, got {keep} and {every_steps}")
        if mode not in ("min", "max"):
            raise UserError(f"mode must be min or max, got {mode!r}")
        self.folder = Path(folder)
        self.every_steps, self.keep, self.monitor, self.mode = every_steps, keep, monitor, mode
        self.stateful = list(stateful)
        self.best = None
        self.epoch, self.batch, self._metrics = 0, 0, {}
        self._restored = None  # The model that agrees with the checkpoints.
        self._signum = None

    @contextlib.contextmanager
    def stop_on_signals(self) -> Iterator[None]:
        """Lets SIGINT (Ctrl-C), SIGTERM and SIGHUP end training cleanly within the context.

        Training finishes its step, saves a checkpoint and raises `Interrupted`. A second signal interrupts at once.
        Signals that the process was told to ignore, as by `nohup`, stay ignored. In a thread other than the main one it
        changes nothing, because Python handles signals only in the main thread.
        """
        try:
            with signals.handled(("SIGINT", "SIGTERM", "SIGHUP"), self._on_signal):
                yield
            self._raise_if_told()  # A signal that came after the last step is not lost.
        finally:
            self._signum = None

    def restore(self, gan: keras.Model) -> int | None:
        """Loads the newest checkpoint that can be read.

        Args:
            gan: the `GAN`, built and compiled as the saved one was.

        Returns:
            the number of steps trained so far, or `None` if there is no checkpoint yet.

        Raises:
            UserError: if there are checkpoints but none can be read, or they belong to another model.
        """
        found = self._newest()
        self._restored = gan
        if found is None:
            return None
        path, state = found
        checkpoints.load(gan, path)
        for damaged in checkpoints.newest_first(self.folder):
            if damaged.name > path.name:
                damaged.rename(damaged.with_suffix(".damaged"))  # Otherwise it would count among those to keep.
        self.epoch, self.batch, self._metrics = state["epoch"], state["batch"], state["metrics"]
        self.best = state["best"]
        for name, part in self._named():
            if name in state["stateful"]:
                part.set_state(state["stateful"][name])
        return int(gan.step)

    def newest(self, accept: Accept | None = None) -> Path | None:
        """Finds the newest checkpoint that can be read.

        Args:
            accept: function of a checkpoint's state, as `checkpoints.read_state` returns it; checkpoints for which it
                returns false are skipped.

        Returns:
            its path, or `None` if there is none.

        Raises:
            UserError: if there are checkpoints but none can be read.
        """
        found = self._newest(accept)
        return found and found[0]

    def restore_players(self, accept: Accept | None = None) -> Path:
        """Restores networks and optimizers from the newest checkpoint, but keeps the step and the learning rates.

        Args:
            accept: as for `newest`.

        Returns:
            path of the checkpoint.

        Raises:
            UserError: if there is no checkpoint that can be read.
        """
        path = self.newest(accept)
        if path is None:
            raise UserError(f"there is no checkpoint in {self.folder} to go back to")
        optimizers = self.model.discriminator_optimizer, self.model.generator_optimizer
        kept = [variable for optimizer in optimizers for variable in optimizer.variables if variable.name == RATE]
        values = [(variable, variable.numpy()) for variable in (self.model.step, *kept)]
        checkpoints.load(self.model, path)
        for variable, value in values:
            variable.assign(value)
        self.model.skipped.assign(0)
        self.model.reset_metrics()
        for part in self.stateful:
            part.on_rollback()
        return path

    def on_train_begin(self, logs: Logs = None) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for unfinished in self.folder.glob(".step-*"):  # Left by a process that was killed while it wrote.
            unfinished.unlink()
        if self._restored is not self.model and checkpoints.newest_first(self.folder):
            raise UserError(f"{self.folder} holds checkpoints of another training: restore() it, or take a new folder")
        self.model._initial_epoch = self.epoch  # As Keras's BackupAndRestore does.
        if not checkpoints.newest_first(self.folder):
            self._save()

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self.model._initial_epoch = None
        if epoch != self.epoch:  # The data of the epoch before ran out.
            self.epoch, self.batch, self._metrics = epoch, 0, {}
        # Keras counts batches from 0, also in the middle of an epoch, and those for which there were no data.
        self._first = int(self.model.step) - self.batch
        self._is_rest = self.batch > 0
        checkpoints.set_metrics_state(self.model.metrics, self._metrics)
        self._metrics = {}

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        before, self.batch = self.batch, int(self.model.step) - self._first
        if self._signum:
            self._save()
            self._raise_if_told()
        if self.every_steps and self.batch // self.every_steps > before // self.every_steps:
            self._save()
        steps = self.params["steps"]
        if self._is_rest and steps and self.batch >= steps and not self.model.stop_training:
            self.model.stop_training = _END_OF_EPOCH

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.model.stop_training is _END_OF_EPOCH:
            self.model.stop_training = False
        steps = self.params["steps"]
        if steps is None or self.batch >= steps:
            self.epoch, self.batch = epoch + 1, 0
        value = logs.get(self.monitor, math.nan) if logs and self.monitor else math.nan
        better = self.best is None or (value < self.best if self.mode == "min" else value > self.best)
        is_best = better and math.isfinite(value)
        if is_best:
            self.best = float(value)
        path = self._save()
        if path and is_best:
            checkpoints.copy(path, self.folder / "best.keras")
        self._raise_if_told()

    def on_train_end(self, logs: Logs = None) -> None:
        self.model._initial_epoch = None  # If there was no epoch left to train.
        self._restored = self.model  # Another fit() may go on from here.

    def _save(self):
        """Writes a checkpoint, deletes old ones and returns the path.

        Returns `None` and writes nothing if the last step was skipped or weights are not finite.
        """
        self._metrics = checkpoints.metrics_state(self.model.metrics) if self.batch else {}
        if int(self.model.skipped):
            return None
        if not checkpoints.is_finite(self.model):
            logger.warning("No checkpoint of step %s: weights are not finite", f"{int(self.model.step):,}")
            return None
        self.folder.mkdir(exist_ok=True)
        path = self.folder / f"step-{int(self.model.step):09d}.keras"
        state = {
            "epoch": self.epoch,
            "batch": self.batch,
            "metrics": self._metrics,
            "best": self.best,
            "stateful": {name: part.get_state() for name, part in self._named()},
        }
        checkpoints.save(self.model, path, state)
        for old in checkpoints.newest_first(self.folder)[self.keep :]:
            old.unlink()
        return path

    def _newest(self, accept: Accept | None = None) -> tuple[Path, dict[str, Any]] | None:
        found = checkpoints.newest_first(self.folder)
        unreadable = 0
        for path in found:
            try:
                state = checkpoints.read_state(path)
            except checkpoints.UnreadableCheckpoint as error:
                logger.warning("%s; taking the one before", error)
                unreadable += 1
                continue
            if accept is None or accept(state):
                return path, state
        if found and unreadable == len(found):
            raise UserError(f"none of the {len(found)} checkpoints in {self.folder} can be read")
        return None

    def _named(self):
        """Yields names in a checkpoint and stateful callbacks: the class, and a number from the second on."""
        counts = collections.Counter()
        for part in self.stateful:
            name = type(part).__name__
            counts[name] += 1
            yield name if counts[name] == 1 else f"{name}_{counts[name]}", part

    def _on_signal(self, signum, frame):
        if self._signum:
            self._signum = None
            raise KeyboardInterrupt
        self._signum = signum

    def _raise_if_told(self):
        signum, self._signum = self._signum, None  # Another fit() must not stop at once.
        if signum:
            raise Interrupted(signum)
