"""Callbacks whose state is part of a checkpoint."""

import abc

import keras

from keras_gan.variables import number


class StatefulCallback(keras.callbacks.Callback, abc.ABC):
    """A callback whose state is saved in checkpoints and restored when a run is resumed.

    Give it to `Checkpoint(stateful=[...])`, beside the list of callbacks.
    """

    @abc.abstractmethod
    def get_state(self) -> dict:
        """Returns the state, a dict that JSON can hold."""

    @abc.abstractmethod
    def set_state(self, state: dict) -> None:
        """Restores a state that `get_state` returned; called before training begins."""

    def on_rollback(self) -> None:
        """Is called after a rollback has taken back the players and reset the running means of the epoch."""


class Interval:
    """Counts the multiples of `every` that the step has passed, however many steps Keras executes in a row.

    Because it looks at the step alone, a resumed run passes them at the same steps as a run that was never stopped.

    Args:
        every: int >= 1, number of steps in the interval.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self._step = 0

    def begin(self, step: int) -> None:
        """Sets the step from which training goes on."""
        self._step = step

    def passed(self, step: int) -> int:
        """Returns how many multiples lie above the step of the last call, up to this step."""
        before, self._step = self._step, step
        return step // self.every - before // self.every


class StepMeans:
    """Means of the training metrics over the last few steps; the logs have only means over the epoch so far.

    A callback that uses it must call `begin_epoch` in `on_train_batch_begin` of batch 0, and must save `seen` with its
    own state.
    """

    def __init__(self) -> None:
        self.seen = {}

    def begin_epoch(self, model: keras.Model) -> None:
        """Forgets the sums of the last epoch, which Keras has reset."""
        # The sums are not 0 if `Checkpoint` has just restored them, in the middle of an epoch: then `seen` still holds.
        if all(count == 0.0 for _, count in _sums(model).values()):
            self.seen = {}

    def take(self, model: keras.Model) -> dict[str, float]:
        """Returns the mean of each `keras.metrics.Mean` of the model since the last call, if it was updated since."""
        before, self.seen = self.seen, _sums(model)
        means = {}
        for name, (total, count) in self.seen.items():
            old_total, old_count = before.get(name, (0.0, 0.0))
            if count < old_count:  # A rollback has reset the metric.
                old_total, old_count = 0.0, 0.0
            if count > old_count:
                means[name] = (total - old_total) / (count - old_count)
        return means


def _sums(model):
    means = [metric for metric in model.metrics if isinstance(metric, keras.metrics.Mean)]
    return {metric.name: [number(metric.total), number(metric.count)] for metric in means}
