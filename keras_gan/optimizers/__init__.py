"""The update of one player, and learning rate schedules."""

from keras_gan.optimizers.adam import Adam
from keras_gan.optimizers.schedules import (
    SCHEDULES,
    DerivedSchedule,
    ScaledSchedule,
    TimedSchedule,
    Warmup,
    constant_rate,
    lower_learning_rate,
    set_constant_rate,
    set_progress,
)
from keras_gan.optimizers.step import OPTIMIZERS, apply_if_finite, average_over_replicas, prepare_optimizer, scale_loss

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "Adam",
    "DerivedSchedule",
    "ScaledSchedule",
    "TimedSchedule",
    "Warmup",
    "apply_if_finite",
    "average_over_replicas",
    "constant_rate",
    "lower_learning_rate",
    "prepare_optimizer",
    "scale_loss",
    "set_constant_rate",
    "set_progress",
]
