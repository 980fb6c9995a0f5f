"""Variables as they are seen from outside a training step, where each replica of a strategy may have its own copy."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from keras_gan.types import Tensor


class Counter(keras.Variable):
    """A count, int64 from 0, that is the same on all replicas.

    `int(counter)` works for a model made under a `tf.distribute` strategy too, where it fails for other variables.

    Args:
        name: name of the variable.
    """

    def __init__(self, name: str) -> None:
        super().__init__(0, trainable=False, dtype="int64", aggregation="only_first_replica", name=name)

    def __int__(self) -> int:
        return int(number(self))


def number(variable: Tensor) -> float:
    """Returns the value of a scalar variable or tensor, whether or not it was made under a `tf.distribute` strategy."""
    return variable.numpy().item()


def copies(variable: keras.Variable) -> Sequence[tf.Variable]:
    """Returns the copies of a variable, one for each replica, or the only one."""
    return getattr(variable.value, "values", (variable.value,))
