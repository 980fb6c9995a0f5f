"""Learning rate schedules that build on others, and changes of a learning rate during training."""

from typing import Self

import keras
import tensorflow as tf

from keras_gan import variables
from keras_gan.types import Tensor

# Schedules by name: functions of the first rate, the number of steps and the factor. All but `step` end after the
# steps.
SCHEDULES = {
    "constant": lambda rate, steps, factor: rate,
    "step": lambda rate, steps, factor: keras.optimizers.schedules.ExponentialDecay(
        rate, steps, factor, staircase=True
    ),
    "linear": lambda rate, steps, factor: keras.optimizers.schedules.PolynomialDecay(rate, steps, 0.0),
    "cosine": lambda rate, steps, factor: keras.optimizers.schedules.CosineDecay(rate, steps),
}


class DerivedSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate schedule that builds on another, `schedule`, and is saved with it."""

    def get_config(self) -> dict:
        return {"schedule": keras.saving.serialize_keras_object(self.schedule)}

    @classmethod
    def from_config(cls, config: dict) -> Self:
        return cls(**{**config, "schedule": keras.saving.deserialize_keras_object(config["schedule"])})


@keras.saving.register_keras_serializable(package="keras_gan")
class ScaledSchedule(DerivedSchedule):
    """A learning rate schedule multiplied by a constant.

    Args:
        schedule: a `LearningRateSchedule`.
        factor: float > 0.
    """

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule, factor: float) -> None:
        self.schedule = schedule
        self.factor = factor

    def __call__(self, step: Tensor) -> Tensor:
        return self.factor * self.schedule(step)

    def get_config(self) -> dict:
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable(package="keras_gan")
class Warmup(DerivedSchedule):
    """A learning rate that rises linearly to that of a schedule: `rate(step) * min(1, (step + 1) / steps)`.

    Args:
        schedule: a `LearningRateSchedule`, or a float for a constant rate.
        steps: int >= 1, number of steps in which the rate rises.

    Examples:
        >>> rate = kg.optimizers.Warmup(keras.optimizers.schedules.CosineDecay(2e-3, 10_000), steps=100)
        >>> gan.compile(generator_optimizer=keras.optimizers.Adam(rate, beta_1=0.0))
    """

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule | float, steps: int) -> None:
        self.schedule = schedule
        self.steps = steps

    def __call__(self, step: Tensor) -> Tensor:
        rate = self.schedule if isinstance(self.schedule, int | float) else self.schedule(step)
        return rate * tf.minimum(1.0, (tf.cast(step, "float32") + 1.0) / self.steps)

    def get_config(self) -> dict:
        return {**super().get_config(), "steps": self.steps}


@keras.saving.register_keras_serializable(package="keras_gan")
class TimedSchedule(DerivedSchedule):
    """A learning rate that follows the clock, for a run whose number of steps is not known.

    `callbacks.TimeLimit` sets the progress.

    Args:
        schedule: a `LearningRateSchedule` that ends after one step.
        progress: float in [0, 1], share of the time that is over.
    """

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule, progress: float = 0.0) -> None:
        self.schedule = schedule
        self.progress = tf.Variable(progress, trainable=False)

    def __call__(self, step: Tensor) -> Tensor:
        return self.schedule(self.progress)

    def get_config(self) -> dict:
        return {**super().get_config(), "progress": variables.number(self.progress)}


def set_progress(optimizer: keras.optimizers.Optimizer, progress: float) -> None:
    """Tells the `TimedSchedule` of an optimizer, if it has one, the share of the time that is over, in [0, 1]."""
    # No public attribute gives the schedule itself.
    schedule = _without_scaling(optimizer)._learning_rate
    while isinstance(schedule, DerivedSchedule):
        if isinstance(schedule, TimedSchedule):
            schedule.progress.assign(progress)
        schedule = schedule.schedule


def constant_rate(optimizer: keras.optimizers.Optimizer) -> float | None:
    """Returns the learning rate of an optimizer, or `None` if it has a schedule."""
    rate = _without_scaling(optimizer).get_config()["learning_rate"]
    return None if isinstance(rate, dict) else rate


def set_constant_rate(optimizer: keras.optimizers.Optimizer, rate: float) -> None:
    """Sets the learning rate of an optimizer, unless it has a schedule."""
    if constant_rate(optimizer) is not None:
        _without_scaling(optimizer).learning_rate = rate


def lower_learning_rate(optimizer: keras.optimizers.Optimizer, factor: float, total: float) -> None:
    """Lowers the learning rate of an optimizer.

    If there is a schedule, the compiled train function must be made anew: `make_train_function(force=True)`.

    Args:
        optimizer: a Keras optimizer.
        factor: factor by which a constant rate is multiplied.
        total: factor by which a schedule is multiplied, relative to what it was at first.
    """
    optimizer = _without_scaling(optimizer)
    rate = optimizer.get_config()["learning_rate"]
    if isinstance(rate, dict):
        schedule = keras.saving.deserialize_keras_object(rate)
        first = schedule.schedule if isinstance(schedule, ScaledSchedule) else schedule
        optimizer.learning_rate = ScaledSchedule(first, total)
    else:
        optimizer.learning_rate = rate * factor


def _without_scaling(optimizer):
    return optimizer.inner_optimizer if isinstance(optimizer, keras.optimizers.LossScaleOptimizer) else optimizer
