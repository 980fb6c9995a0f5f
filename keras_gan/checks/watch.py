"""What is not an error but most likely a mistake, and is said once in the log."""

import logging
import math

import keras

from keras_gan.errors import UserError
from keras_gan.types import Logs

logger = logging.getLogger(__name__)


class RangeWatch:
    """Warns once if no value of the first float images is below 0: they are in [0, 1], most likely.

    One bright batch proves nothing, so that several are seen before it speaks.
    """

    def __init__(self, batches: int = 8) -> None:
        self.left = batches
        self.lowest = math.inf

    def see(self, lowest: float) -> None:
        """Takes the lowest value of a batch."""
        if self.left:
            self.lowest = min(self.lowest, float(lowest))
            self.left -= 1
            if not self.left:
                self._warn()

    def finish(self) -> None:
        """Warns now, because no more batches come."""
        if self.left and self.lowest < math.inf:
            self.left = 0
            self._warn()

    def _warn(self):
        if self.lowest >= 0:
            logger.warning(
                "no value of these float images is below 0, but -1 is black and 1 is white: "
                "scale images in [0, 1] by 2 * images - 1, or give uint8"
            )


class EpochWatch(keras.callbacks.Callback):
    """Says after an epoch that nothing was learnt from it, because each step was NaN or infinite, or there was none."""

    def __init__(self, range_watch: RangeWatch) -> None:
        super().__init__()
        self._range = range_watch
        self._begin = self._first = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        self._first = int(self.model.step)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._begin = int(self.model.step)

    def on_test_end(self, logs: Logs = None) -> None:
        self._range.finish()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._range.finish()
        step = int(self.model.step)
        if step == self._first and not self.model.stop_training:
            raise UserError("there was nothing to train on: the data gave no batch")
        steps = step - self._begin
        if 0 < steps <= int(self.model.skipped):
            logger.warning(
                "all %d steps of epoch %d were NaN or infinite and changed nothing: "
                "lower the learning rates, or train anew",
                steps,
                epoch + 1,
            )
