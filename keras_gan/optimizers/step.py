"""One update of one player: scaled, applied only if finite, the same on every replica."""

import keras
import tensorflow as tf

# Optimizers by name: functions of the learning rate and the two decays.
OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "rmsprop": lambda rate, beta_1, beta_2: keras.optimizers.RMSprop(rate, rho=beta_2),
    "sgd": lambda rate, beta_1, beta_2: keras.optimizers.SGD(rate, momentum=beta_1),
}


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
