"""Evaluation while training, within a budget of time."""

import math
import time

import keras

from keras_gan.errors import UserError


class Evaluation(keras.callbacks.Callback):
    """Evaluates the compiled metrics after an epoch, unless that would take more than a share of the training time.

    Like `validation_data`, it adds `val_...` to the logs, for callbacks after it in the list. Epochs that are left out
    have none, as with `validation_freq`: the first has, and `EarlyStopping` counts those that have.

    Args:
        data: `tf.data.Dataset` of real images, or `(images, labels)` for conditional models.
        steps: batches of it an evaluation; all when `None`.
        budget: share of the time since training began, in (0, 1], that all evaluations together may take.
    """

    def __init__(self, data, steps: int | None = None, budget: float = 0.1):
        super().__init__()
        if not 0.0 < budget <= 1.0:
            raise UserError(f"budget must be in (0, 1], got {budget}")
        self.data, self.steps, self.budget = data, steps, budget

    def on_train_begin(self, logs=None):
        self._start = time.monotonic()
        self._spent, self._took = 0.0, -math.inf  # So that the first epoch is measured.

    def on_epoch_end(self, epoch, logs=None):
        start = time.monotonic()
        if self._spent + self._took <= self.budget * (start - self._start):
            values = self.model.evaluate(self.data, steps=self.steps, return_dict=True, verbose=0)
            logs.update({f"val_{name}": float(value) for name, value in values.items()})
            self._took = time.monotonic() - start
            self._spent += self._took
