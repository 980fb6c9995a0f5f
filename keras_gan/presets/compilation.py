"""How the training step is compiled."""

import logging
import math

import tensorflow as tf

from keras_gan.presets.config import Config
from keras_gan.presets.players import PLAYERS
from keras_gan.presets.settings import members

logger = logging.getLogger(__name__)

# XLA takes about two seconds to compile a step of dense networks, and then saves some milliseconds of each.
LONG_STEPS, LONG_MINUTES = 2000, 0.5
# Steps in a row: on a GPU, and on a processor for batches of up to so many values. Larger ones gain nothing.
ON_GPU, ON_PROCESSOR, SMALL_BATCH = 32, 8, 2**18
# What `GAN.compile` takes for each value of the setting `jit_compile`.
JIT_COMPILE = {"auto": "auto", "on": True, "off": False}


def resolve_compilation(config: Config, steps: int | None) -> str:
    """Returns the value of the setting `jit_compile` that suits this machine.

    With a GPU Keras decides. On a processor `auto` becomes `on` for a long run of dense networks alone: XLA multiplies
    their matrices as fast as TensorFlow does, and joins what lies between. Its convolutions are slower.

    Args:
        config: the settings.
        steps: number of steps of the whole run; `None` if it ends by the clock.
    """
    if config.jit_compile != "auto" or tf.config.list_physical_devices("GPU"):
        return config.jit_compile
    families = {name for player in PLAYERS for name in members(getattr(config, player).name)}
    long = (config.minutes or 0) >= LONG_MINUTES if steps is None else steps >= LONG_STEPS
    chosen = "on" if families == {"mlp"} and long and _replicas() == 1 else "off"
    if chosen == "on":
        logger.info("XLA compiles the step, because the networks are dense; that takes some seconds at the start")
    return chosen


def steps_together(config: Config, sample_shape: tuple[int, ...], steps_per_epoch: int | None) -> int:
    """Returns how many steps TensorFlow makes in a row: the greatest divisor of an epoch up to the setting.

    The results are the same bits for any number. Between steps the processor waits for Python.
    """
    if _replicas() > 1:
        return 1
    most = config.steps_per_execution
    if not steps_per_epoch:
        return most or 1
    if most is None and tf.config.list_physical_devices("GPU"):
        most = ON_GPU
    elif most is None:
        most = ON_PROCESSOR if config.batch_size * math.prod(sample_shape) <= SMALL_BATCH else 1
    return next(number for number in range(most, 0, -1) if steps_per_epoch % number == 0)


def whole_executions(steps: int) -> int:
    """Returns the next number of steps that can be made in rows of equal length on every machine."""
    return steps if steps < ON_GPU else -(-steps // ON_GPU) * ON_GPU


def _replicas():
    return tf.distribute.get_strategy().num_replicas_in_sync
