"""Compares ways to train and what they cost; each run has a process of its own."""

from keras_gan.comparison.cost import flops, peak_memory
from keras_gan.comparison.plan import RESULT, RUN, Run, settings
from keras_gan.comparison.worker import measure, start, work

__all__ = ["RESULT", "RUN", "Run", "flops", "measure", "peak_memory", "settings", "start", "work"]
