"""One update of one player: scaled, applied only if it is finite, and the same on every replica."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from keras_gan.errors import UserError
from keras_gan.optimizers.adam import Adam
from keras_gan.types import Tensor

# Optimizers by name: functions of the learning rate and the two decays.
OPTIMIZERS = {
    "adam": Adam,
    "rmsprop": lambda rate, beta_1, beta_2: keras.optimizers.RMSprop(rate, rho=beta_2),
    "sgd": lambda rate, beta_1, beta_2: keras.optimizers.SGD(rate, momentum=beta_1),
}


def prepare_optimizer(
    optimizer: keras.optimizers.Optimizer | str | None, network: keras.Model
) -> keras.optimizers.Optimizer:
    """Prepares the optimizer of a network.

    Args:
        optimizer: a Keras optimizer or its name; `Adam(2e-3, beta_1=0.0, beta_2=0.99)` when `None`.
        network: the `keras.Model` whose trainable weights it moves.

    Returns:
        the optimizer, built on the weights so that it can be saved, and with loss scaling if a layer computes in
        float16.

    Raises:
        UserError: if the optimizer belongs to another network already.
    """
    prepared = Adam(2e-3, beta_1=0.0, beta_2=0.99) if optimizer is None else keras.optimizers.get(optimizer)
    half = any(layer.compute_dtype == "float16" for layer in network.layers)
    if half and not isinstance(prepared, keras.optimizers.LossScaleOptimizer):
        prepared = keras.optimizers.LossScaleOptimizer(prepared)
    innermost = prepared.inner_optimizer if isinstance(prepared, keras.optimizers.LossScaleOptimizer) else prepared
    prepared.build(network.trainable_variables)
    if [id(known) for known in innermost._trainable_variables] != [id(own) for own in network.trainable_variables]:
        raise UserError(f"this {type(innermost).__name__} trains another network already: give each network a new one")
    return prepared


def scale_loss(loss: Tensor, optimizer: keras.optimizers.Optimizer) -> Tensor:
    """Returns the loss to differentiate.

    It is divided by the number of replicas, because gradients are summed over them, and scaled up if float16 needs it.
    """
    return optimizer.scale_loss(loss / tf.distribute.get_strategy().num_replicas_in_sync)


def apply_if_finite(
    tape: tf.GradientTape,
    loss: Tensor,
    scaled: Tensor,
    network: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    then: Callable[[], None] = lambda: None,
) -> Tensor:
    """Moves a network's weights, and calls `then`, unless the loss or a gradient is NaN or infinite on any replica.

    Args:
        tape: the `tf.GradientTape` that recorded both losses.
        loss: scalar tensor.
        scaled: the result of `scale_loss` for it.
        network: the `keras.Model` whose trainable weights move.
        optimizer: the result of `prepare_optimizer`. If it scales the loss, it checks the gradients itself, because it
            finds its scale by overflow.
        then: function without arguments.

    Returns:
        bool scalar tensor, whether the update was applied, the same on every replica.
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
        # With other strategies the replicas meet in `apply`, which is not possible within a branch. So they meet here.
        replica.merge_call(apply_on_all, (finite, gradients))
    return finite


def average_over_replicas(weights: Sequence[keras.Variable]) -> None:
    """Gives all replicas the same statistics, such as those of batch normalisation, of which Keras leaves each its own.

    Otherwise samples would depend on the replica that draws them, and a checkpoint would hold those of the first alone.

    Args:
        weights: variables; integers, and those that Keras keeps the same itself, are left alone.
    """
    own = [weight for weight in weights if weight.aggregation == "none" and "float" in weight.dtype]
    replica = tf.distribute.get_replica_context()
    if own and replica.num_replicas_in_sync > 1:
        means = replica.all_reduce(tf.distribute.ReduceOp.MEAN, [tf.identity(weight.value) for weight in own])
        for weight, mean in zip(own, means):
            weight.assign(mean)


def _floating(part):
    return part is not None and part.dtype.is_floating
