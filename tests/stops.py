"""Stops a training in the middle."""

import keras


class StopAt(keras.callbacks.Callback):
    """Does something after a number of steps, such as sending a signal."""

    def __init__(self, step, action):
        super().__init__()
        self.at, self.action = step, action

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.step) == self.at:
            self.action()
