"""Adversarial losses: two functions of the discriminator's logits.

Every loss is elementwise: it takes logits of any shape and returns a loss of the same shape, and the model takes the
mean. So patch discriminators and discriminators with several heads need no losses of their own.
"""

import abc
import re
from collections.abc import Iterable
from typing import Self, TypeVar

import keras
from keras import ops

from keras_gan.errors import UserError
from keras_gan.types import Tensor


class AdversarialLoss(abc.ABC):
    """What each player minimises, as functions of the real and the fake logits.

    Subclasses define `discriminator_loss` and `generator_loss`. `paired` says whether `generator_loss` reads the real
    logits. If it is false, the model skips the forward pass that computes them and gives `None` for `real_logits`.

    Examples:
        >>> @kg.losses.register_loss
        ... class Exponential(kg.losses.AdversarialLoss):
        ...     def discriminator_loss(self, real_logits, fake_logits):
        ...         return keras.ops.exp(-real_logits) + keras.ops.exp(fake_logits)
        ...
        ...     def generator_loss(self, real_logits, fake_logits):
        ...         return keras.ops.exp(-fake_logits)
        >>> gan.compile(loss=Exponential())
        >>> kg.presets.Config(loss="exponential").loss
        'exponential'
    """

    paired = False

    @abc.abstractmethod
    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Returns the loss of the discriminator, a float tensor of the logits' shape, not reduced."""

    @abc.abstractmethod
    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Returns the loss of the generator, a float tensor of the logits' shape, not reduced."""

    def score(self, logits: Tensor) -> Tensor:
        """Returns a tensor that is higher for samples that the discriminator takes for real.

        These are the logits themselves, unless a loss trains the discriminator to give real samples lower ones.
        """
        return logits

    def get_config(self) -> dict:
        return {}

    @classmethod
    def from_config(cls, config: dict) -> Self:
        return cls(**config)


# All losses by their names in the settings, in the order of definition.
LOSSES: dict[str, type[AdversarialLoss]] = {}
_Loss = TypeVar("_Loss", bound=type[AdversarialLoss])


def register_loss(cls: _Loss) -> _Loss:
    """Registers a loss with Keras, to save it, and with the settings, under its class's name in snake case."""
    LOSSES[re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()] = cls
    return keras.saving.register_keras_serializable(package="keras_gan")(cls)


class _SmoothedLoss(AdversarialLoss):
    """A loss whose discriminator has the target `1 - label_smoothing` for real samples, in place of 1.

    Neither the target for fake samples nor the generator's loss is smoothed.

    Source: one-sided label smoothing, Salimans et al., arXiv:1606.03498, section 3.4.
    """

    def __init__(self, label_smoothing: float = 0.0):
        if not 0.0 <= label_smoothing < 1.0:
            raise UserError(f"label_smoothing must be in [0, 1), got {label_smoothing!r}")
        self.label_smoothing = float(label_smoothing)

    def get_config(self) -> dict:
        return {"label_smoothing": self.label_smoothing}


class _CrossEntropy(_SmoothedLoss):
    def discriminator_loss(self, real_logits, fake_logits):
        return ops.softplus(-real_logits) + self.label_smoothing * real_logits + ops.softplus(fake_logits)


@register_loss
class NonSaturating(_CrossEntropy):
    """Binary cross-entropy with the non-saturating generator loss.

    `d = softplus(-real) + s real + softplus(fake)`, `g = softplus(-fake)`: the discriminator learns to tell real
    (1 - s) from fake (0), the generator trains against the target "real".

    Args:
        label_smoothing: s, in [0, 1).

    Source: Goodfellow et al., "Generative Adversarial Networks", arXiv:1406.2661, section 3.
    """

    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return ops.softplus(-fake_logits)


@register_loss
class Minimax(_CrossEntropy):
    """The original two-player value function, whose generator gradient vanishes where the discriminator is sure.

    `d = softplus(-real) + s real + softplus(fake)`, `g = log(1 - sigmoid(fake)) = -softplus(fake)`.

    Args:
        label_smoothing: s, in [0, 1).

    Source: Goodfellow et al., "Generative Adversarial Networks", arXiv:1406.2661, equation 1.
    """

    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return -ops.softplus(fake_logits)


@register_loss
class LeastSquares(_SmoothedLoss):
    """Squared differences from the targets 1 - s (real) and 0 (fake).

    `d = ((real - 1 + s)^2 + fake^2) / 2`, `g = (fake - 1)^2 / 2`.

    Args:
        label_smoothing: s, in [0, 1).

    Source: Mao et al., "Least Squares Generative Adversarial Networks", arXiv:1611.04076, equation 9.
    """

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return 0.5 * (ops.square(real_logits - 1.0 + self.label_smoothing) + ops.square(fake_logits))

    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return 0.5 * ops.square(fake_logits - 1.0)


@register_loss
class Hinge(AdversarialLoss):
    """Hinge loss with margin 1.

    `d = max(0, 1 - real) + max(0, 1 + fake)`, `g = -fake`.

    Source: Lim and Ye, "Geometric GAN", arXiv:1705.02894; in this form Miyato et al., arXiv:1802.05957, equations
    16 and 17.
    """

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return ops.relu(1.0 - real_logits) + ops.relu(1.0 + fake_logits)

    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return -fake_logits


@register_loss
class Wasserstein(AdversarialLoss):
    """Wasserstein-1 distance in its dual form; it needs a gradient penalty on the discriminator.

    `d = fake - real`, `g = -fake`.

    Source: Arjovsky et al., "Wasserstein GAN", arXiv:1701.07875, equation 2.
    """

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return fake_logits - real_logits

    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return -fake_logits


@register_loss
class Relativistic(AdversarialLoss):
    """Relativistic pairing: each fake is judged against a real image of the same batch (and the same label).

    `d = softplus(fake - real)`, `g = softplus(real - fake)`. Use it with R1 and R2 together, and without batch
    normalisation in the discriminator.

    Source: Jolicoeur-Martineau, arXiv:1807.00734, section 4.1; with R1 and R2: Huang et al., "The GAN is dead; long
    live the GAN!", arXiv:2501.05441, equation 2.
    """

    paired = True

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return ops.softplus(fake_logits - real_logits)

    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return ops.softplus(real_logits - fake_logits)


@register_loss
class KullbackLeibler(AdversarialLoss):
    """One of D2GAN's two losses: against an optimal discriminator, the generator minimises `KL(data || generated)`.

    With `D = softplus(logit)`: `d = -weight log D(real) + D(fake)`, `g = -D(fake)`. It punishes modes that the
    generator misses.

    Args:
        weight: a float > 0 (alpha in the paper).

    Source: Nguyen et al., "Dual Discriminator Generative Adversarial Nets", arXiv:1709.03831, equation 1.
    """

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = _positive_weight(weight)

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return ops.softplus(fake_logits) - self.weight * _log_softplus(real_logits)

    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return -ops.softplus(fake_logits)

    def get_config(self) -> dict:
        return {"weight": self.weight}


@register_loss
class ReverseKullbackLeibler(AdversarialLoss):
    """The other of D2GAN's two losses: the generator minimises `KL(generated || data)`.

    With `D = softplus(logit)`: `d = D(real) - weight log D(fake)`, `g = weight log D(fake)`. It punishes samples that
    resemble nothing in the data. The discriminator gives real samples lower logits.

    Args:
        weight: a float > 0 (beta in the paper).

    Source: Nguyen et al., "Dual Discriminator Generative Adversarial Nets", arXiv:1709.03831, equation 1.
    """

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = _positive_weight(weight)

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return ops.softplus(real_logits) - self.weight * _log_softplus(fake_logits)

    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return self.weight * _log_softplus(fake_logits)

    def score(self, logits: Tensor) -> Tensor:
        return -logits

    def get_config(self) -> dict:
        return {"weight": self.weight}


@keras.saving.register_keras_serializable(package="keras_gan")
class PerHead(AdversarialLoss):
    """Gives each head of a discriminator, such as each member of a `networks.ensemble`, a loss of its own.

    Args:
        losses: `AdversarialLoss` objects, one for each head of the logits `(batch, ..., heads)`.

    Raises:
        UserError: when training begins, if the number of heads is another.

    Examples:
        >>> judges = [kg.networks.mlp_discriminator(data.image_shape, data.num_classes) for _ in range(2)]
        >>> gan = kg.GAN(generator, kg.networks.ensemble(*judges))
        >>> gan.compile(loss=kg.losses.PerHead([kg.losses.Hinge(), kg.losses.LeastSquares()]))
    """

    def __init__(self, losses: Iterable[AdversarialLoss]) -> None:
        self.losses = list(losses)
        self.paired = any(loss.paired for loss in self.losses)

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return self._of_heads("discriminator_loss", real_logits, fake_logits)

    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return self._of_heads("generator_loss", real_logits, fake_logits)

    def score(self, logits: Tensor) -> Tensor:
        parts = [loss.score(logits[..., head : head + 1]) for head, loss in enumerate(self.losses)]
        return ops.concatenate(parts, axis=-1)

    def _of_heads(self, player, real_logits, fake_logits):
        heads = fake_logits.shape[-1]
        if heads != len(self.losses):
            raise UserError(f"PerHead has {len(self.losses)} losses, the discriminator {heads} heads")
        parts = []
        for head, loss in enumerate(self.losses):
            real = real_logits[..., head : head + 1] if loss.paired or player == "discriminator_loss" else None
            parts.append(getattr(loss, player)(real, fake_logits[..., head : head + 1]))
        return ops.concatenate(parts, axis=-1)

    def get_config(self) -> dict:
        return {"losses": [keras.saving.serialize_keras_object(loss) for loss in self.losses]}

    @classmethod
    def from_config(cls, config: dict) -> Self:
        return cls([keras.saving.deserialize_keras_object(loss) for loss in config["losses"]])


def _log_softplus(logits):
    # Below -15 the softplus equals exp(logit) to the precision of float32, so its logarithm is the logit.
    return ops.where(logits < -15.0, logits, ops.log(ops.softplus(ops.maximum(logits, -15.0))))


def _positive_weight(weight):
    if not weight > 0:
        raise UserError(f"weight must be a number > 0, got {weight!r}")
    return float(weight)
