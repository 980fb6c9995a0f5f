"""Penalties on the discriminator, each a term of its loss.

A regularizer sees the discriminator as `discriminate(images) -> logits`, a function that already holds the labels and
the augmentation, so one definition serves conditional, augmented and multi-head discriminators. Penalties on gradients
are means over heads, as the loss is: each head is penalised as it would be alone.
"""

import abc

import keras
import tensorflow as tf
from keras import ops


class Regularizer(abc.ABC):
    """A penalty on the discriminator, one value a sample.

    `name` is its key in the training logs. Subclasses give `__call__` and keep their arguments as attributes.
    """

    name: str

    @abc.abstractmethod
    def __call__(self, discriminate, real, fake, seed):
        """The penalty.

        Args:
            discriminate: function of images `(batch, ...)` that returns logits `(batch, ..., heads)`.
            real: float32 tensor `(batch, ...)`, real images in [-1, 1] (or any other data, such as points).
            fake: float32 tensor of the same shape, generated.
            seed: int64 tensor `(2,)` for `tf.random.stateless_*`, new each step; all randomness comes from it.

        Returns:
            float32 tensor `(batch,)`, added to the discriminator's loss as its mean.
        """

    @abc.abstractmethod
    def get_config(self) -> dict:
        """Constructor arguments, under their own names."""

    @classmethod
    def from_config(cls, config: dict):
        return cls(**config)


def gradient_norms(discriminate, images):
    """Squared Euclidean norms of the gradients of the discriminator's heads with respect to its input.

    Logits are summed over patches first.

    Args:
        discriminate: function of images that returns logits `(batch, ..., heads)`.
        images: float32 tensor `(batch, ...)`.

    Returns:
        float32 tensor `(batch, heads)`.
    """
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(images)
        logits = discriminate(images)
        heads = [ops.sum(logits[..., head]) for head in range(logits.shape[-1])]
    axes = tuple(range(1, len(images.shape)))
    return ops.stack([ops.sum(ops.square(tape.gradient(head, images)), axis=axes) for head in heads], axis=1)


def _zero_centred(discriminate, images):
    return ops.mean(gradient_norms(discriminate, images), axis=1)


def _one_centred(discriminate, images):
    # The square root has no finite gradient at 0.
    return ops.mean(ops.square(ops.sqrt(gradient_norms(discriminate, images) + 1e-12) - 1.0), axis=1)


def _non_negative(name: str, value: float) -> float:
    if not value >= 0:
        raise ValueError(f"{name} must be a number >= 0, got {value!r}")
    return float(value)


@keras.saving.register_keras_serializable(package="keras_gan")
class R1(Regularizer):
    """Zero-centred gradient penalty on real images: `gamma / 2 * ||grad D(real)||^2`.

    Args:
        gamma: strength, a float >= 0.

    Source: Mescheder et al., "Which Training Methods for GANs do actually Converge?", arXiv:1801.04406, equation 9.
    """

    name = "r1"

    def __init__(self, gamma: float = 1.0):
        self.gamma = _non_negative("gamma", gamma)

    def __call__(self, discriminate, real, fake, seed):
        return 0.5 * self.gamma * _zero_centred(discriminate, real)

    def get_config(self) -> dict:
        return {"gamma": self.gamma}


@keras.saving.register_keras_serializable(package="keras_gan")
class R2(Regularizer):
    """Zero-centred gradient penalty on fake images: `gamma / 2 * ||grad D(fake)||^2`.

    Args:
        gamma: strength, a float >= 0.

    Source: Mescheder et al., "Which Training Methods for GANs do actually Converge?", arXiv:1801.04406, section 4.1.
    """

    name = "r2"

    def __init__(self, gamma: float = 1.0):
        self.gamma = _non_negative("gamma", gamma)

    def __call__(self, discriminate, real, fake, seed):
        return 0.5 * self.gamma * _zero_centred(discriminate, fake)

    def get_config(self) -> dict:
        return {"gamma": self.gamma}


@keras.saving.register_keras_serializable(package="keras_gan")
class GradientPenalty(Regularizer):
    """One-centred gradient penalty between real and fake: `weight * (||grad D(x)|| - 1)^2`.

    `x = a * real + (1 - a) * fake` with one `a ~ U(0, 1)` a sample.

    Args:
        weight: strength, a float >= 0 (lambda in the paper).

    Source: Gulrajani et al., "Improved Training of Wasserstein GANs", arXiv:1704.00028, equation 3.
    """

    name = "gradient_penalty"

    def __init__(self, weight: float = 10.0):
        self.weight = _non_negative("weight", weight)

    def __call__(self, discriminate, real, fake, seed):
        shape = [tf.shape(real)[0]] + [1] * (len(real.shape) - 1)
        a = tf.random.stateless_uniform(shape, seed, dtype=real.dtype, alg="philox")
        return self.weight * _one_centred(discriminate, a * real + (1.0 - a) * fake)

    def get_config(self) -> dict:
        return {"weight": self.weight}


@keras.saving.register_keras_serializable(package="keras_gan")
class DRAGAN(Regularizer):
    """One-centred gradient penalty around real samples: `weight * (||grad D(real + noise)|| - 1)^2`.

    `noise ~ N(0, (stddev * s)^2)`, where `s` is the standard deviation of all values of the real batch.

    Args:
        weight: strength, a float >= 0 (lambda in the paper).
        stddev: how far around, a float >= 0.

    Source: Kodali et al., "On Convergence and Stability of GANs", arXiv:1705.07215, section 2.3.
    """

    name = "dragan"

    def __init__(self, weight: float = 10.0, stddev: float = 0.5):
        self.weight = _non_negative("weight", weight)
        self.stddev = _non_negative("stddev", stddev)

    def __call__(self, discriminate, real, fake, seed):
        noise = tf.random.stateless_normal(tf.shape(real), seed, dtype=real.dtype, alg="philox")
        return self.weight * _one_centred(discriminate, real + self.stddev * ops.std(real) * noise)

    def get_config(self) -> dict:
        return {"weight": self.weight, "stddev": self.stddev}


@keras.saving.register_keras_serializable(package="keras_gan")
class LeCam(Regularizer, keras.layers.Layer):
    """Holds logits near the average that the other kind had: `weight * ((D(real) - F)^2 + (D(fake) - R)^2)`.

    `R` and `F` are exponential moving averages of the real and the fake logits, weights of this layer that are saved
    with the model. For little data.

    Args:
        weight: strength, a float >= 0 (lambda in the paper).
        decay: of the averages, in [0, 1).
        heads: of the logits `(batch, ..., heads)`, each with averages of its own; with 1 there is one of all.

    Source: Tseng et al., "Regularizing Generative Adversarial Networks under Limited Data", arXiv:2104.03310,
    section 3.2.
    """

    def __init__(self, weight: float = 0.3, decay: float = 0.99, heads: int = 1):
        keras.layers.Layer.__init__(self, name="lecam", dtype="float32")
        self.weight = _non_negative("weight", weight)
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"decay must be in [0, 1), got {decay!r}")
        self.decay = decay
        self.heads = heads
        # Sums of real logits, of fake logits, and of ones: an average that is right from the first step.
        self.sums = self.add_weight((3, heads), "zeros", trainable=False, name="sums", aggregation="mean")
        self.built = True

    def __call__(self, discriminate, real, fake, seed):
        real_logits, fake_logits = discriminate(real), discriminate(fake)
        means = [ops.mean(ops.reshape(logits, (-1, self.heads)), axis=0) for logits in (real_logits, fake_logits)]
        now = ops.stack([ops.cast(mean, "float32") for mean in (*means, ops.ones(self.heads))])
        self.sums.assign(self.decay * self.sums + (1.0 - self.decay) * ops.stop_gradient(now))
        average = ops.cast(self.sums[:2] / self.sums[2], real_logits.dtype)
        squared = ops.square(real_logits - average[1]) + ops.square(fake_logits - average[0])
        return self.weight * ops.mean(squared, axis=tuple(range(1, len(squared.shape))))

    def get_config(self) -> dict:
        return {"weight": self.weight, "decay": self.decay, "heads": self.heads}
