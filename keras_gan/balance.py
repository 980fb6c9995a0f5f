"""Automatic balance of the two players."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_gan")
class GapAwareAdam(keras.optimizers.Adam):
    """Adam for the discriminator, slower where it leads and faster where it lags.

    Where neither player can do better, the discriminator's loss is a constant known in advance. With `gap` the running
    mean of its loss (penalties included) less that constant, the learning rate is multiplied by
    `slowest ** (-gap / reach)` below it and `fastest ** (gap / reach)` above it, no further than `slowest` and
    `fastest`. The running mean is a weight: it is saved, and a resumed run goes on with it.

    Args:
        learning_rate, beta_1, beta_2: as of `keras.optimizers.Adam`.
        ideal_loss: of a discriminator that cannot tell: 2 ln 2 for `NonSaturating` and `Minimax`, ln 2 for
            `Relativistic`, 0.25 for `LeastSquares`, 2 for `Hinge`.
        slowest: factor in (0, 1].
        fastest: factor >= 1.
        reach: gap at which the factors are reached, float > 0.
        decay: of the running mean, in [0, 1).
        **kwargs: more of `keras.optimizers.Adam`.

    Source: Hazimeh and Ponomareva, "Mind the (optimality) Gap", arXiv:2302.00089, section 3.
    """

    def __init__(
        self,
        learning_rate=2e-3,
        beta_1: float = 0.0,
        beta_2: float = 0.99,
        ideal_loss: float = 2 * math.log(2),
        slowest: float = 0.1,
        fastest: float = 2.0,
        reach: float = 0.5,
        decay: float = 0.95,
        **kwargs,
    ):
        super().__init__(learning_rate, beta_1, beta_2, **kwargs)
        if not 0.0 < slowest <= 1.0 <= fastest or not reach > 0.0 or not 0.0 <= decay < 1.0:
            raise ValueError(
                "need 0 < slowest <= 1 <= fastest, reach > 0 and decay in [0, 1), "
                f"got {slowest}, {fastest}, {reach} and {decay}"
            )
        self.ideal_loss, self.slowest, self.fastest = ideal_loss, slowest, fastest
        self.reach, self.decay = reach, decay

    def build(self, variables):
        if not self.built:
            start = keras.initializers.Constant(self.ideal_loss)
            self.mean_loss = self.add_variable((), start, dtype="float32", name="mean_loss")
        super().build(variables)

    def scale_loss(self, loss):
        mean = self.decay * self.mean_loss + (1.0 - self.decay) * ops.cast(ops.stop_gradient(loss), "float32")
        self.mean_loss.assign(ops.where(ops.isfinite(mean), mean, self.mean_loss))
        return super().scale_loss(loss)

    @property
    def factor(self):
        """What the learning rate is multiplied by now, float32 scalar."""
        gap = (self.mean_loss - self.ideal_loss) / self.reach
        slower, faster = math.log(self.slowest) * ops.minimum(-gap, 1.0), math.log(self.fastest) * ops.minimum(gap, 1.0)
        return ops.exp(ops.where(gap < 0.0, slower, faster))

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, learning_rate * ops.cast(self.factor, learning_rate.dtype))

    def get_config(self) -> dict:
        own = ("ideal_loss", "slowest", "fastest", "reach", "decay")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}
