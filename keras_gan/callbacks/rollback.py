"""Rollback to an earlier checkpoint when training diverges."""

import logging

from keras_gan.callbacks.checkpoint import Accept, Checkpoint
from keras_gan.callbacks.stateful import StatefulCallback
from keras_gan.errors import UserError
from keras_gan.optimizers import lower_learning_rate
from keras_gan.types import Logs

logger = logging.getLogger(__name__)


class Diverged(ArithmeticError):
    """Training diverged again after the last rollback that was allowed."""


class Rollback(StatefulCallback):
    """Goes back to the last checkpoint, with lower learning rates, when several steps in a row are NaN or infinite.

    `GAN` skips a step whose loss or gradient is not finite. If that happens `patience` times in a row, this callback
    rolls back; after `limit` rollbacks it raises `Diverged`.

    Args:
        checkpoint: the `Checkpoint` of the same `fit()`. Its `stateful` callbacks should include this one.
        patience: int >= 1, number of skipped steps in a row that lead to a rollback.
        factor: factor in (0, 1] by which each rollback multiplies the learning rates.
        limit: int >= 0, largest number of rollbacks.

    Raises:
        UserError: if an argument is out of its range.
        Diverged: from `fit()`, when one more rollback would be needed. The checkpoints stay as they are.

    Examples:
        >>> checkpoint = kg.callbacks.Checkpoint("run/checkpoints")
        >>> rollback = kg.callbacks.Rollback(checkpoint, patience=3)
        >>> checkpoint.stateful.append(rollback)
        >>> gan.fit(images, labels, callbacks=[rollback, checkpoint])
    """

    def __init__(self, checkpoint: Checkpoint, patience: int = 5, factor: float = 0.5, limit: int = 3) -> None:
        super().__init__()
        if patience < 1 or limit < 0 or not 0 < factor <= 1:
            raise UserError(f"need patience >= 1, limit >= 0, factor in (0, 1], got {patience}, {limit}, {factor}")
        self.checkpoint, self.patience, self.factor, self.limit = checkpoint, patience, factor, limit
        self.count = 0
        self._left_out = self._begin = self._step = 0
        self._lowered = False

    def on_train_begin(self, logs: Logs = None) -> None:
        if self.count or self._lowered:
            # The run is resumed. Its checkpoint holds constant rates, already lowered or not yet, but no schedules.
            self._lower_rates(1.0)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._left_out, self._begin = 0, int(self.model.step)
        self._step = self._begin

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        before, self._step = self._step, int(self.model.step)
        skipped = int(self.model.skipped)
        self._left_out += min(skipped, self._step - before)
        if skipped < self.patience:
            return
        self.back(f"losses or gradients were NaN or infinite {skipped} steps in a row")

    def back(self, why: str, accept: Accept | None = None) -> None:
        """Goes back to a checkpoint by `Checkpoint.restore_players`, and lowers the learning rates.

        Args:
            why: the reason, for the log or the error.
            accept: which checkpoints to consider, as for `Checkpoint.newest`.

        Raises:
            Diverged: if there have been `limit` rollbacks already.
        """
        step = int(self.model.step)
        if self.count >= self.limit:
            raise Diverged(
                f"training diverged at step {step:,}: {why}, after {self.count} rollbacks with lower learning rates"
            )
        path = self.checkpoint.restore_players(accept)
        self.count += 1
        self._lower_rates(self.factor)
        rates = f"learning rates x {self.factor:g} (rollback {self.count} of {self.limit})"
        logger.warning("Step %s: %s. Back to %s, %s", f"{step:,}", why, path.name, rates)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        steps = int(self.model.step) - self._begin
        # Of an epoch that was skipped as a whole, `fit()` itself speaks.
        if self._left_out and int(self.model.skipped) < steps:
            logger.warning("%d steps of epoch %d were NaN or infinite and changed nothing", self._left_out, epoch + 1)

    def on_train_end(self, logs: Logs = None) -> None:
        if int(self.model.skipped):
            self.checkpoint.restore_players()

    def get_state(self) -> dict:
        return {"count": self.count}

    def set_state(self, state: dict) -> None:
        self.count = state["count"]

    def _lower_rates(self, factor):
        self._lowered = True
        for optimizer in (self.model.discriminator_optimizer, self.model.generator_optimizer):
            lower_learning_rate(optimizer, factor, self.factor**self.count)
        self.model.make_train_function(force=True)
