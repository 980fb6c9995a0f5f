"""One update of one player: scaled, applied only if finite, the same on every replica."""

import keras
import tensorflow as tf


def prepare_optimizer(optimizer, network):
    """The optimizer of a network: built on its weights, so that it is saved, with loss scaling where float16 needs it.

    Args:
        optimizer: a Keras optimizer or its name; `Adam(2e-3, beta_1=0.0, beta_2=0.99)` when `None`.
        network: the `keras.Model` whose trainable weights it moves.
    """
    optimizer = (
        keras.optimizers.Adam(2e-3, beta_1=0.0, beta_2=0.99) if optimizer is None else keras.optimizers.get(optimizer)
    )
    half = any(layer.compute_dtype == "float16" for layer in network.layers)
    if half and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(network.trainable_variables)
    return optimizer


def scale_loss(loss, optimizer):
    """The loss to differentiate: gradients are summed over replicas, and float16 needs larger ones."""
    return optimizer.scale_loss(loss / tf.distribute.get_strategy().num_replicas_in_sync)


def apply_if_finite(tape, loss, scaled, network, optimizer, then=lambda: None):
    """Moves a network's weights, and calls `then`, unless the loss or a gradient is NaN or infinite on any replica.

    Args:
        tape: the `tf.GradientTape` that saw both losses.
        loss: scalar.
        scaled: the same of `scale_loss`.
        network: the `keras.Model` whose trainable weights move.
        optimizer: of `prepare_optimizer`. One with loss scaling looks at the gradients itself: overflow is how it finds
            its scale.
        then: function without arguments.

    Returns:
        bool scalar tensor, whether the update was applied; the same on every replica.
    """
    variables = network.trainable_variables
    gradients = tape.gradient(scaled, [variable.value for variable in variables])
    parts = [loss]
    if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        # A sum is finite only if all its terms are.
        parts += [tf.reduce_sum(part) for part in tf.nest.flatten(gradients, expand_composites=True) if _floating(part)]
    replica = tf.distribute.get_replica_context()
    finite = tf.math.is_finite(replica.all_reduce(tf.distribute.ReduceOp.SUM, tf.add_n(parts)))

    def apply(gradients):
        optimizer.apply(gradients, variables)
        then()

    def apply_on_all(strategy, finite, gradients):
        finite = strategy.experimental_local_results(finite)[0]
        tf.cond(finite, lambda: strategy.extended.call_for_each_replica(apply, (gradients,)), lambda: None)

    if tf.__internal__.distribute.strategy_supports_no_merge_call():
        tf.cond(finite, lambda: apply(gradients), lambda: None)
    else:
        # Some strategies meet in `apply`, which they cannot do within a branch: they must meet before it.
        replica.merge_call(apply_on_all, (finite, gradients))
    return finite


def _floating(part):
    return part is not None and part.dtype.is_floating


class DerivedSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate schedule that is made of another, `schedule`, and saved with it."""

    def get_config(self) -> dict:
        return {"schedule": keras.saving.serialize_keras_object(self.schedule)}

    @classmethod
    def from_config(cls, config: dict):
        return cls(**{**config, "schedule": keras.saving.deserialize_keras_object(config["schedule"])})


@keras.saving.register_keras_serializable(package="keras_gan")
class ScaledSchedule(DerivedSchedule):
    """A learning rate schedule times a constant.

    Args:
        schedule: a `LearningRateSchedule`.
        factor: float > 0.
    """

    def __init__(self, schedule, factor: float):
        self.schedule = schedule
        self.factor = factor

    def __call__(self, step):
        return self.factor * self.schedule(step)

    def get_config(self) -> dict:
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable(package="keras_gan")
class Warmup(DerivedSchedule):
    """A learning rate that rises linearly to a schedule's, or to a constant: `rate(step) * min(1, (step + 1) / steps)`.

    Args:
        schedule: a `LearningRateSchedule`, or a float.
        steps: int >= 1.
    """

    def __init__(self, schedule, steps: int):
        self.schedule = schedule
        self.steps = steps

    def __call__(self, step):
        rate = self.schedule if isinstance(self.schedule, float) else self.schedule(step)
        return rate * tf.minimum(1.0, (tf.cast(step, "float32") + 1.0) / self.steps)

    def get_config(self) -> dict:
        return {**super().get_config(), "steps": self.steps}


@keras.saving.register_keras_serializable(package="keras_gan")
class TimedSchedule(DerivedSchedule):
    """A learning rate that follows the clock, for a run whose steps are not known: `callbacks.TimeLimit` sets progress.

    Args:
        schedule: a `LearningRateSchedule` that is over after one step.
        progress: float in [0, 1], how much of the time is over.
    """

    def __init__(self, schedule, progress: float = 0.0):
        self.schedule = schedule
        self.progress = tf.Variable(progress, trainable=False)

    def __call__(self, step):
        return self.schedule(self.progress)

    def get_config(self) -> dict:
        return {**super().get_config(), "progress": float(self.progress)}


def set_progress(optimizer, progress: float) -> None:
    """Says to a `TimedSchedule` of an optimizer, if it has one, how much of the time is over, from 0 to 1."""
    # The schedule itself, which no public attribute gives.
    schedule = _without_scaling(optimizer)._learning_rate
    while isinstance(schedule, DerivedSchedule):
        if isinstance(schedule, TimedSchedule):
            schedule.progress.assign(progress)
        schedule = schedule.schedule


def set_constant_rate(optimizer, rate: float) -> None:
    """Gives an optimizer another learning rate, unless it has a schedule."""
    optimizer = _without_scaling(optimizer)
    if not isinstance(optimizer.get_config()["learning_rate"], dict):
        optimizer.learning_rate = rate


def lower_learning_rate(optimizer, factor: float, total: float) -> None:
    """Multiplies a constant learning rate by `factor`; makes a schedule `total` times what it was at first.

    A compiled train function must be made anew (`make_train_function(force=True)`) where there is a schedule.
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
