"""Ways to train side by side, each run in a process of its own, and what they cost."""

from keras_gan.comparison.cost import flops, peak_memory
from keras_gan.comparison.plan import RESULT, RUN, Run, settings
from keras_gan.comparison.worker import measure, start, work

__all__ = ["RESULT", "RUN", "Run", "flops", "measure", "peak_memory", "settings", "start", "work"]
