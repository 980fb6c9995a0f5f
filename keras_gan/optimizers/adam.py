"""Adam whose update of a weight is one operation."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_gan.types import Tensor


@keras.saving.register_keras_serializable(package="keras_gan")
class Adam(keras.optimizers.Adam):
    """`keras.optimizers.Adam`, with the same arguments, numbers and state, but one pass over each weight.

    Keras makes a dozen operations, each of which reads and writes memory. With them the update is a fifth of a step of
    dense networks.

    Examples:
        >>> gan.compile(generator_optimizer=kg.optimizers.Adam(2e-3, beta_1=0.0, beta_2=0.99))

    Source: Kingma and Ba, arXiv:1412.6980, the order of computation before section 2.1.
    """

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        if self.amsgrad or not isinstance(gradient, tf.Tensor):
            super().update_step(gradient, variable, learning_rate)
            return
        index = self._get_variable_index(variable)
        momentum, velocity = (kept[index].value for kept in (self._momentums, self._velocities))
        step = ops.cast(self.iterations + 1, variable.dtype)
        beta_1, beta_2 = (ops.cast(beta, variable.dtype) for beta in (self.beta_1, self.beta_2))
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=momentum.handle,
            v=velocity.handle,
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=ops.cast(learning_rate, variable.dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=ops.cast(self.epsilon, variable.dtype),
            grad=ops.cast(gradient, variable.dtype),
        )
