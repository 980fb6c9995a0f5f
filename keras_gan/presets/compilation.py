"""How the training step is compiled."""

import logging

import tensorflow as tf

from keras_gan.presets.config import PLAYERS, Config
from keras_gan.presets.settings import members

logger = logging.getLogger(__name__)

# XLA takes about two seconds to compile a step of dense networks, and then saves some milliseconds of each.
LONG_STEPS, LONG_MINUTES = 2000, 0.5
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


def steps_together(config: Config, steps_per_epoch: int | None) -> int:
    """Returns how many steps TensorFlow makes in a row: the greatest divisor of an epoch up to the setting."""
    most = 1 if _replicas() > 1 else config.steps_per_execution
    if not steps_per_epoch:
        return most
    return next(number for number in range(most, 0, -1) if steps_per_epoch % number == 0)


def _replicas():
    return tf.distribute.get_strategy().num_replicas_in_sync
