"""Evaluation during training, within a budget of time."""

import math
import time

import keras
import tensorflow as tf

from keras_gan.errors import UserError
from keras_gan.types import Logs


class Evaluation(keras.callbacks.Callback):
    """Evaluates the compiled metrics after an epoch, unless evaluations would exceed their share of the training time.

    Like `validation_data`, it adds `val_...` to the logs, for callbacks after it in the list. It always evaluates the
    first epoch. The logs of an epoch that it skips have no `val_...`, as with `validation_freq`, and `EarlyStopping`
    does not count that epoch.

    Args:
        data: `tf.data.Dataset` of batches of real images, or of `(images, labels)` for conditional models.
        steps: number of batches in each evaluation; all batches when `None`.
        budget: share of the time since training began that all evaluations together may take, in (0, 1].

    Raises:
        UserError: if the budget is out of range.

    Examples:
        >>> network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(16)])
        >>> gan.compile(metrics=[kg.metrics.KernelDistance(kg.metrics.Extractor(network, "random projection"))])
        >>> evaluation = kg.callbacks.Evaluation(kg.datasets.load("digits", "test").batches(64), steps=4)
        >>> history = gan.fit(images, labels, callbacks=[evaluation])
        >>> "val_kid" in history.history
        True
    """

    def __init__(self, data: tf.data.Dataset, steps: int | None = None, budget: float = 0.1) -> None:
        super().__init__()
        if not 0.0 < budget <= 1.0:
            raise UserError(f"budget must be in (0, 1], got {budget}")
        self.data, self.steps, self.budget = data, steps, budget

    def on_train_begin(self, logs: Logs = None) -> None:
        self._start = time.monotonic()
        self._spent, self._took = 0.0, -math.inf  # The infinity makes sure that the first epoch is evaluated.

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        start = time.monotonic()
        if self._spent + self._took <= self.budget * (start - self._start):
            values = self.model.evaluate(self.data, steps=self.steps, return_dict=True, verbose=0)
            if logs is not None:
                logs.update({f"val_{name}": float(value) for name, value in values.items()})
            self._took = time.monotonic() - start
            self._spent += self._took
