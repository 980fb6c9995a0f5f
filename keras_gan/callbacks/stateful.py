"""Callbacks whose state is part of a checkpoint."""

import abc

import keras


class StatefulCallback(keras.callbacks.Callback, abc.ABC):
    """A callback that a resumed run goes on with: give it to `Checkpoint(stateful=[...])`."""

    @abc.abstractmethod
    def get_state(self) -> dict:
        """What JSON can hold."""

    @abc.abstractmethod
    def set_state(self, state: dict) -> None:
        """Takes up what `get_state` gave, before training begins."""


class StepMeans:
    """Means of the training metrics over the steps since they were last asked for; those in the logs are an epoch's.

    Call `begin_epoch` in `on_train_batch_begin` of batch 0. `seen` is state: it belongs into the callback's.
    """

    def __init__(self):
        self.seen = {}

    def begin_epoch(self, model) -> None:
        # They begin anew, unless a checkpoint within the epoch has been restored, which callbacks do at its beginning.
        if all(count == 0.0 for _, count in _sums(model).values()):
            self.seen = {}

    def take(self, model) -> dict[str, float]:
        """Mean of each `keras.metrics.Mean` of the model, of those that have moved."""
        before, self.seen = self.seen, _sums(model)
        means = {}
        for name, (total, count) in self.seen.items():
            old_total, old_count = before.get(name, (0.0, 0.0))
            if count < old_count:  # A rollback has reset it.
                old_total, old_count = 0.0, 0.0
            if count > old_count:
                means[name] = (total - old_total) / (count - old_count)
        return means


def _sums(model):
    means = [metric for metric in model.metrics if isinstance(metric, keras.metrics.Mean)]
    return {metric.name: [float(metric.total), float(metric.count)] for metric in means}
