"""What to do when training diverges."""

import logging

from keras_gan.callbacks.checkpoint import Checkpoint
from keras_gan.callbacks.stateful import StatefulCallback
from keras_gan.errors import UserError
from keras_gan.optimizers import lower_learning_rate

logger = logging.getLogger(__name__)


class Diverged(ArithmeticError):
    """Losses or gradients stayed NaN or infinite after all that could be done about it."""


class Rollback(StatefulCallback):
    """When steps stay NaN or infinite: back to the last checkpoint with lower learning rates, and at last `Diverged`.

    `GAN` leaves out a step whose loss or gradient is not finite; this ends a run of such steps.

    Args:
        checkpoint: the `Checkpoint` of the same `fit()`; give it this callback in `stateful`.
        patience: int >= 1, steps left out in a row that lead to a rollback.
        factor: learning rates are multiplied by it at each rollback.
        limit: int >= 0, rollbacks before giving up.

    Raises:
        Diverged: from `fit()`, after the last rollback. The checkpoints stay as they are.
    """

    def __init__(self, checkpoint: Checkpoint, patience: int = 5, factor: float = 0.5, limit: int = 3):
        super().__init__()
        if patience < 1 or limit < 0 or not 0 < factor <= 1:
            raise UserError(f"need patience >= 1, limit >= 0, factor in (0, 1], got {patience}, {limit}, {factor}")
        self.checkpoint, self.patience, self.factor, self.limit = checkpoint, patience, factor, limit
        self.count = 0
        self._left_out = 0

    def on_train_begin(self, logs=None):
        if self.count:
            self._lower_rates(1.0)  # Of a resumed run: constant rates are in the checkpoint, schedules are not.

    def on_epoch_begin(self, epoch, logs=None):
        self._left_out = 0

    def on_train_batch_end(self, batch, logs=None):
        skipped = int(self.model.skipped)
        self._left_out += skipped > 0
        if skipped < self.patience:
            return
        self.back(f"losses or gradients were NaN or infinite {skipped} steps in a row")

    def back(self, why: str, accept=None) -> None:
        """Goes back to the newest checkpoint that `accept` takes, as `Checkpoint.restore_players` has it.

        Args:
            why: the reason, for what is printed or raised.
            accept: as `Checkpoint.newest` takes it.

        Raises:
            Diverged: if there have been `limit` rollbacks.
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

    def on_epoch_end(self, epoch, logs=None):
        if self._left_out:
            logger.warning("%d steps of epoch %d were NaN or infinite and changed nothing", self._left_out, epoch + 1)

    def on_train_end(self, logs=None):
        if int(self.model.skipped):
            self.checkpoint.restore_players()

    def get_state(self) -> dict:
        return {"count": self.count}

    def set_state(self, state: dict) -> None:
        self.count = state["count"]

    def _lower_rates(self, factor):
        for optimizer in (self.model.discriminator_optimizer, self.model.generator_optimizer):
            lower_learning_rate(optimizer, factor, self.factor**self.count)
        self.model.make_train_function(force=True)
