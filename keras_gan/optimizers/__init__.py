"""The update of one player, and learning rate schedules."""

from keras_gan.optimizers.schedules import (
    SCHEDULES,
    DerivedSchedule,
    ScaledSchedule,
    TimedSchedule,
    Warmup,
    lower_learning_rate,
    set_constant_rate,
    set_progress,
)
from keras_gan.optimizers.step import OPTIMIZERS, apply_if_finite, prepare_optimizer, scale_loss

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "DerivedSchedule",
    "ScaledSchedule",
    "TimedSchedule",
    "Warmup",
    "apply_if_finite",
    "lower_learning_rate",
    "prepare_optimizer",
    "scale_loss",
    "set_constant_rate",
    "set_progress",
]
