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
