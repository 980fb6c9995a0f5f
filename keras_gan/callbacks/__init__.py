"""Callbacks for the training of a `keras_gan.GAN`, beside those of Keras."""

from keras_gan.callbacks.augmentation import AdaptiveAugmentation
from keras_gan.callbacks.checkpoint import Checkpoint, Interrupted
from keras_gan.callbacks.evaluation import Evaluation
from keras_gan.callbacks.health import HealthMonitor
from keras_gan.callbacks.progress import CSVHistory, LearningRates, Progress, TimeLimit
from keras_gan.callbacks.rates import LearningRateScheduler, ReduceLROnPlateau
from keras_gan.callbacks.rollback import Diverged, Rollback
from keras_gan.callbacks.samples import SampleImages, sample_grid
from keras_gan.callbacks.stateful import StatefulCallback

__all__ = [
    "AdaptiveAugmentation",
    "CSVHistory",
    "Checkpoint",
    "Diverged",
    "Evaluation",
    "HealthMonitor",
    "Interrupted",
    "LearningRateScheduler",
    "LearningRates",
    "Progress",
    "ReduceLROnPlateau",
    "Rollback",
    "SampleImages",
    "StatefulCallback",
    "TimeLimit",
    "sample_grid",
]
