"""Penalties on the discriminator, each a term of its loss.

A regularizer sees the discriminator as a `Scorer`, which already holds the labels and the augmentation. So one
definition serves conditional, augmented and multi-head discriminators alike. Penalties on gradients are means over
heads, as the loss is, so each head is penalised as it would be alone.
"""

import abc
from collections.abc import Callable, Sequence
from typing import ClassVar, Self, TypeVar

import keras
import tensorflow as tf
from keras import ops

from keras_gan.errors import UserError
from keras_gan.types import Tensor


class Scorer:
    """The discriminator of one step, as penalties and the loss see it.

    It passes each batch through the discriminator once and remembers the logits. A second pass would cost time, and
    would run the power iteration of spectral normalisation again.

    Args:
        discriminate: function of samples `(batch, ...)` that returns float32 logits `(batch, ..., heads)`.
    """

    def __init__(self, discriminate: Callable) -> None:
        self._discriminate = discriminate
        self._passes = []

    def logits(self, samples: Tensor) -> Tensor:
        """Returns the logits of samples `(batch, ...)`, a float32 tensor `(batch, ..., heads)`."""
        return self._pass(samples)[0]

    def gradient_norms(self, samples: Tensor) -> Tensor:
        """Returns, for each head, the squared Euclidean norm of its logit's gradient with respect to each sample.

        The logits of a head are summed over patches first.

        Args:
            samples: float32 tensor `(batch, ...)`.

        Returns:
            float32 tensor `(batch, heads)`.
        """
        logits, tape = self._pass(samples)
        axes = tuple(range(1, len(samples.shape)))
        norms = []
        for head in range(logits.shape[-1]):
            one_head = ops.zeros_like(logits) + ops.one_hot(head, logits.shape[-1], dtype=logits.dtype)
            gradient = tape.gradient(logits, samples, output_gradients=one_head)
            norms.append(ops.sum(ops.square(gradient), axis=axes))
        return ops.stack(norms, axis=1)

    def _pass(self, samples):
        for seen, logits, tape in self._passes:
            if seen is samples:
                return logits, tape
        # In a compiled step a tape costs nothing unless a gradient is computed from it.
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(samples)
            logits = self._discriminate(samples)
        self._passes.append((samples, logits, tape))
        return logits, tape


# All penalties by their names, in the order of definition.
REGULARIZERS: dict[str, type["Regularizer"]] = {}
_Penalty = TypeVar("_Penalty", bound=type["Regularizer"])


def register_regularizer(cls: _Penalty) -> _Penalty:
    """Registers a penalty with Keras, to save it, and with the settings, as `--set NAME=STRENGTH`."""
    if "name" not in vars(cls):
        raise UserError(f"{cls.__name__} needs a name: its key in the settings and in the logs")
    other = REGULARIZERS.get(cls.name, cls)
    # The same class may come again: a notebook runs a cell twice.
    if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
        raise UserError(f"{cls.__name__} needs another name: {cls.name} is the name of {other.__qualname__}")
    REGULARIZERS[cls.name] = cls
    return keras.saving.register_keras_serializable(package="keras_gan")(cls)


class Regularizer(abc.ABC):
    """A penalty on the discriminator, one value for each sample.

    `name` is its key in the training logs and in the settings. A subclass defines `name`, `penalty` and `get_config`,
    and takes the strength of the penalty as the first argument of its constructor.

    Examples:
        >>> @kg.regularizers.register_regularizer
        ... class Drift(kg.regularizers.Regularizer):
        ...     name = "drift"
        ...
        ...     def __init__(self, weight=0.001):
        ...         self.weight = weight
        ...
        ...     def penalty(self, scorer, real, fake, seed):
        ...         return self.weight * keras.ops.mean(keras.ops.square(scorer.logits(real)), axis=1)
        ...
        ...     def get_config(self):
        ...         return {"weight": self.weight}
        >>> gan.compile(regularizers=[Drift()])
        >>> history = gan.fit(images, labels)
    """

    name: ClassVar[str]

    @abc.abstractmethod
    def penalty(self, scorer: Scorer, real: Tensor, fake: Tensor, seed: Tensor) -> Tensor:
        """Computes the penalty.

        Args:
            scorer: gives `logits(samples)` and `gradient_norms(samples)` of the discriminator.
            real: float32 tensor `(batch, ...)`, real images in [-1, 1] (or any other data, such as points).
            fake: float32 tensor of the same shape, generated samples.
            seed: int64 tensor `(2,)` for `tf.random.stateless_*`, a new one each step; the only source of randomness.

        Returns:
            float32 tensor `(batch,)`, whose mean is added to the discriminator's loss.
        """

    def prepare(self, logits_shape: Sequence[int | None]) -> None:  # noqa: B027  Most penalties have nothing to make.
        """Makes the weights that depend on the shape of the logits, `(batch, ..., heads)`; `GAN.compile` calls it."""

    @abc.abstractmethod
    def get_config(self) -> dict:
        """Returns the arguments of the constructor, under their own names."""

    @classmethod
    def from_config(cls, config: dict) -> Self:
        return cls(**config)


def _zero_centred(scorer, samples):
    return ops.mean(scorer.gradient_norms(samples), axis=1)


def _one_centred(scorer, samples):
    # Without the small number the gradient of the square root would be infinite at 0.
    return ops.mean(ops.square(ops.sqrt(scorer.gradient_norms(samples) + 1e-12) - 1.0), axis=1)


def _non_negative(name: str, value: float) -> float:
    if not value >= 0:
        raise UserError(f"{name} must be a number >= 0, got {value!r}")
    return float(value)


@register_regularizer
class R1(Regularizer):
    """Zero-centred gradient penalty on real images: `gamma / 2 * ||grad D(real)||^2`.

    Args:
        gamma: strength, a float >= 0.

    Examples:
        >>> gan.compile(regularizers=[kg.regularizers.R1(gamma=0.1), kg.regularizers.R2(gamma=0.1)])

    Source: Mescheder et al., "Which Training Methods for GANs do actually Converge?", arXiv:1801.04406, equation 9.
    """

    name = "r1"

    def __init__(self, gamma: float = 1.0) -> None:
        self.gamma = _non_negative("gamma", gamma)

    def penalty(self, scorer: Scorer, real: Tensor, fake: Tensor, seed: Tensor) -> Tensor:
        return 0.5 * self.gamma * _zero_centred(scorer, real)

    def get_config(self) -> dict:
        return {"gamma": self.gamma}


@register_regularizer
class R2(Regularizer):
    """Zero-centred gradient penalty on fake images: `gamma / 2 * ||grad D(fake)||^2`.

    Args:
        gamma: strength, a float >= 0.

    Source: Mescheder et al., "Which Training Methods for GANs do actually Converge?", arXiv:1801.04406, section 4.1.
    """

    name = "r2"

    def __init__(self, gamma: float = 1.0) -> None:
        self.gamma = _non_negative("gamma", gamma)

    def penalty(self, scorer: Scorer, real: Tensor, fake: Tensor, seed: Tensor) -> Tensor:
        return 0.5 * self.gamma * _zero_centred(scorer, fake)

    def get_config(self) -> dict:
        return {"gamma": self.gamma}


@register_regularizer
class GradientPenalty(Regularizer):
    """One-centred gradient penalty between real and fake: `weight * (||grad D(x)|| - 1)^2`.

    `x = a * real + (1 - a) * fake`, with one `a ~ U(0, 1)` for each sample.

    Args:
        weight: strength, a float >= 0 (lambda in the paper).

    Source: Gulrajani et al., "Improved Training of Wasserstein GANs", arXiv:1704.00028, equation 3.
    """

    name = "gradient_penalty"

    def __init__(self, weight: float = 10.0) -> None:
        self.weight = _non_negative("weight", weight)

    def penalty(self, scorer: Scorer, real: Tensor, fake: Tensor, seed: Tensor) -> Tensor:
        shape = [tf.shape(real)[0]] + [1] * (len(real.shape) - 1)
        a = tf.random.stateless_uniform(shape, seed, dtype=real.dtype, alg="philox")
        return self.weight * _one_centred(scorer, a * real + (1.0 - a) * fake)

    def get_config(self) -> dict:
        return {"weight": self.weight}


@register_regularizer
class DRAGAN(Regularizer):
    """One-centred gradient penalty around real samples: `weight * (||grad D(real + noise)|| - 1)^2`.

    `noise ~ N(0, (stddev * s)^2)`, where `s` is the standard deviation of all values of the real batch.

    Args:
        weight: strength, a float >= 0 (lambda in the paper).
        stddev: width of the noise relative to the data, a float >= 0.

    Source: Kodali et al., "On Convergence and Stability of GANs", arXiv:1705.07215, section 2.3.
    """

    name = "dragan"

    def __init__(self, weight: float = 10.0, stddev: float = 0.5) -> None:
        self.weight = _non_negative("weight", weight)
        self.stddev = _non_negative("stddev", stddev)

    def penalty(self, scorer: Scorer, real: Tensor, fake: Tensor, seed: Tensor) -> Tensor:
        noise = tf.random.stateless_normal(tf.shape(real), seed, dtype=real.dtype, alg="philox")
        return self.weight * _one_centred(scorer, real + self.stddev * ops.std(real) * noise)

    def get_config(self) -> dict:
        return {"weight": self.weight, "stddev": self.stddev}


@register_regularizer
class LeCam(Regularizer, keras.layers.Layer):
    """Holds logits near the average of the other kind: `weight * ((D(real) - F)^2 + (D(fake) - R)^2)`.

    `R` and `F` are exponential moving averages of the real and the fake logits, one for each head. They are weights of
    this layer, so they are saved with the model. The penalty is meant for small datasets.

    Args:
        weight: strength, a float >= 0 (lambda in the paper).
        decay: decay of the averages, in [0, 1).

    Source: Tseng et al., "Regularizing Generative Adversarial Networks under Limited Data", arXiv:2104.03310,
    section 3.2.
    """

    name = "lecam"

    def __init__(self, weight: float = 0.3, decay: float = 0.99) -> None:
        keras.layers.Layer.__init__(self, name="lecam", dtype="float32")
        self.weight = _non_negative("weight", weight)
        if not 0.0 <= decay < 1.0:
            raise UserError(f"decay must be in [0, 1), got {decay!r}")
        self.decay = decay

    def prepare(self, logits_shape: Sequence[int | None]) -> None:
        if not self.built:
            # Decayed sums of the real logits, of the fake logits, and of ones. Dividing by the last of them gives
            # averages that are unbiased from the first step.
            self.sums = self.add_weight(
                (3, logits_shape[-1]), "zeros", trainable=False, name="sums", aggregation="mean"
            )
            self.built = True

    def penalty(self, scorer: Scorer, real: Tensor, fake: Tensor, seed: Tensor) -> Tensor:
        real_logits, fake_logits = scorer.logits(real), scorer.logits(fake)
        heads = real_logits.shape[-1]
        means = [ops.mean(ops.reshape(logits, (-1, heads)), axis=0) for logits in (real_logits, fake_logits)]
        now = ops.stack([ops.cast(mean, "float32") for mean in (*means, ops.ones(heads))])
        self.sums.assign(self.decay * self.sums + (1.0 - self.decay) * ops.stop_gradient(now))
        average = ops.cast(self.sums[:2] / self.sums[2], real_logits.dtype)
        squared = ops.square(real_logits - average[1]) + ops.square(fake_logits - average[0])
        return self.weight * ops.mean(squared, axis=tuple(range(1, len(squared.shape))))

    def get_config(self) -> dict:
        return {"weight": self.weight, "decay": self.decay}

    @classmethod
    def from_config(cls, config: dict) -> Self:
        return cls(config["weight"], config["decay"])  # Files of version 0.1.0 also hold the number of heads.
