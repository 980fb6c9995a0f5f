"""Learning rates of the two players that follow the epochs, or a figure of the logs."""

import abc
import inspect
import logging
import math
from collections.abc import Callable

from keras_gan.callbacks.stateful import StatefulCallback
from keras_gan.errors import UserError
from keras_gan.optimizers import constant_rate, set_constant_rate
from keras_gan.types import Logs

logger = logging.getLogger(__name__)


class _Rates(StatefulCallback, abc.ABC):
    """Moves the constant learning rate of the optimizer of one player, or of both."""

    def __init__(self, player):
        super().__init__()
        if player not in (None, "generator", "discriminator"):
            raise UserError(f"player must be generator, discriminator or None (both), got {player!r}")
        self.player = player

    @property
    def _optimizers(self):
        players = [self.player] if self.player else ["generator", "discriminator"]
        return {player: getattr(self.model, f"{player}_optimizer") for player in players}

    def on_train_begin(self, logs: Logs = None) -> None:
        for player, optimizer in self._optimizers.items():
            if constant_rate(optimizer) is None:
                raise UserError(
                    f"{type(self).__name__} moves constant learning rates, but the {player}'s optimizer has a schedule:"
                    " give that optimizer a number, or leave out the callback"
                )


class LearningRateScheduler(_Rates):
    """Sets the learning rate of both players, or of one, at the beginning of each epoch.

    `keras.callbacks.LearningRateScheduler` does this for models with one optimizer. If another callback, such as
    `Rollback` or `ReduceLROnPlateau`, multiplies a rate by a factor, all later rates are multiplied by it too.

    Args:
        schedule: function of the epoch, an int >= 0, that returns the learning rate, a float >= 0. A schedule of
            `keras.optimizers.schedules` is one too, if its steps are meant to be epochs.
        player: `"generator"` or `"discriminator"`; both when `None`.

    Raises:
        UserError: if an argument is wrong, or, from `fit()`, if a rate is not a number >= 0 or an optimizer has a
            schedule already.

    Examples:
        >>> halved = kg.callbacks.LearningRateScheduler(lambda epoch: 2e-3 * 0.5 ** (epoch // 10))
        >>> checkpoint = kg.callbacks.Checkpoint("run/checkpoints", stateful=[halved])
        >>> gan.fit(images, labels, callbacks=[halved, checkpoint])
    """

    def __init__(self, schedule: Callable[[int], float], player: str | None = None) -> None:
        super().__init__(player)
        try:
            inspect.signature(schedule).bind(0)
        except TypeError as error:
            raise UserError("schedule must be a function of the epoch alone, as in lambda epoch: 1e-3") from error
        self.schedule = schedule
        self._epoch = None
        self._rates = {}
        self._factors = {}

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if epoch == self._epoch:  # A resumed run goes on within the epoch, for which the rates are set.
            return
        rate = float(self.schedule(epoch))
        if not 0.0 <= rate < math.inf:
            raise UserError(f"schedule must return a learning rate >= 0, got {rate} for epoch {epoch}")
        for player, optimizer in self._optimizers.items():
            before, factor = self._rates.get(player), self._factors.get(player, 1.0)
            if before:  # Others may have changed the rate since.
                factor *= constant_rate(optimizer) / before
            set_constant_rate(optimizer, rate * factor)
            self._rates[player], self._factors[player] = constant_rate(optimizer), factor
        self._epoch = epoch

    def get_state(self) -> dict:
        return {"epoch": self._epoch, "rates": self._rates, "factors": self._factors}

    def set_state(self, state: dict) -> None:
        self._epoch, self._rates, self._factors = state["epoch"], dict(state["rates"]), dict(state["factors"])


class ReduceLROnPlateau(_Rates):
    """Lowers the learning rate of both players, or of one, when a figure of the logs has stopped improving.

    `keras.callbacks.ReduceLROnPlateau` does this for models with one optimizer. Choose a figure that means quality,
    such as `val_kid`: the losses of a good game need not fall. Epochs without the figure do not count.

    Args:
        monitor: key of the logs of an epoch.
        factor: factor in (0, 1) by which the rates are multiplied.
        patience: int >= 1, number of epochs without improvement that lead to lower rates.
        mode: "min" or "max", whether the figure should fall or rise.
        min_delta: float >= 0, smallest change that counts as an improvement.
        cooldown: int >= 0, number of epochs after a change that do not count.
        min_lr: float >= 0, below which no rate falls.
        player: `"generator"` or `"discriminator"`; both when `None`.

    Raises:
        UserError: if an argument is out of its range, or, from `fit()`, if an optimizer has a schedule.

    Examples:
        >>> network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(16)])
        >>> gan.compile(metrics=[kg.metrics.KernelDistance(kg.metrics.Extractor(network, "random projection"))])
        >>> plateau = kg.callbacks.ReduceLROnPlateau("val_kid", factor=0.5, patience=5)
        >>> checkpoint = kg.callbacks.Checkpoint("run/checkpoints", stateful=[plateau])
        >>> evaluation = kg.callbacks.Evaluation(kg.datasets.load("digits", "test").batches(64), steps=4)
        >>> gan.fit(images, labels, callbacks=[evaluation, plateau, checkpoint])
    """

    def __init__(
        self,
        monitor: str,
        factor: float = 0.5,
        patience: int = 10,
        mode: str = "min",
        min_delta: float = 0.0,
        cooldown: int = 0,
        min_lr: float = 0.0,
        player: str | None = None,
    ) -> None:
        super().__init__(player)
        if not 0.0 < factor < 1.0:
            raise UserError(f"factor must be in (0, 1), got {factor!r}")
        if patience < 1 or cooldown < 0:
            raise UserError(f"need patience >= 1 and cooldown >= 0, got {patience} and {cooldown}")
        if not (min_delta >= 0.0 and min_lr >= 0.0):
            raise UserError(f"need min_delta >= 0 and min_lr >= 0, got {min_delta} and {min_lr}")
        if mode not in ("min", "max"):
            raise UserError(f"mode must be min or max, got {mode!r}")
        self.monitor, self.factor, self.patience, self.mode = monitor, factor, patience, mode
        self.min_delta, self.cooldown, self.min_lr = min_delta, cooldown, min_lr
        self._best, self._wait, self._cooling = None, 0, 0
        self._warned = False

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        value = (logs or {}).get(self.monitor)
        if value is None:
            if not self._warned:
                known = ", ".join(sorted(logs or ()))
                logger.warning("ReduceLROnPlateau: epoch %d has no %s; it has %s", epoch + 1, self.monitor, known)
            self._warned = True
            return
        self._cooling = max(self._cooling - 1, 0)
        if self._improves(value):
            self._best, self._wait = float(value), 0
        elif not self._cooling:
            self._wait += 1
            if self._wait >= self.patience:
                self._lower(epoch)
                self._wait, self._cooling = 0, self.cooldown

    def get_state(self) -> dict:
        return {"best": self._best, "wait": self._wait, "cooling": self._cooling}

    def set_state(self, state: dict) -> None:
        self._best, self._wait, self._cooling = state["best"], state["wait"], state["cooling"]

    def _improves(self, value):
        best = self._best
        if not math.isfinite(value) or best is None:
            return math.isfinite(value)
        return (best - value if self.mode == "min" else value - best) > self.min_delta

    def _lower(self, epoch):
        for player, optimizer in self._optimizers.items():
            rate = constant_rate(optimizer) or 0.0
            lower = max(rate * self.factor, self.min_lr)
            if lower < rate:
                set_constant_rate(optimizer, lower)
                logger.info(
                    "Epoch %d: %s has not improved, learning rate of the %s %g", epoch + 1, self.monitor, player, lower
                )
