"""The settings of the two players."""

from typing import Annotated, ClassVar

import pydantic

from keras_gan.backbones import SMALLEST, find_backbone
from keras_gan.networks.families import DISCRIMINATORS, GENERATORS, INITIALIZERS
from keras_gan.optimizers import OPTIMIZERS, SCHEDULES
from keras_gan.presets.settings import OneOf, Settings, setting

PLAYERS = ("generator", "discriminator")
FAMILIES = {"generator": GENERATORS, "discriminator": DISCRIMINATORS}
# Settings of a network, with the argument of its function that takes each. A family whose function lacks the argument
# does not have the setting.
ARGUMENTS = {
    "width": "width",
    "initializer": "kernel_initializer",
    "spectral_normalization": "spectral_normalization",
    "dropout": "dropout",
    "features": "features",
    "resolution": "resolution",
}


def _initializers():
    own = [name for families in FAMILIES.values() for family in families.values() for name in family.initializers]
    return list(dict.fromkeys([*INITIALIZERS, *own]))


def _known_features(name):
    find_backbone(name)
    return name


class Player(Settings):
    """The settings of a player: its network, its optimizer and its learning rate."""

    name: str = "dcgan"
    share_until: str | None = setting(None, "name of the last layer that several networks of the player share")
    width: int | None = setting(None, "channels of the network; the default of its family when none", gt=0)
    initializer: Annotated[str | None, OneOf(_initializers)] = setting(
        None, "initial weights of the network; the default of its family when none"
    )
    optimizer: Annotated[str, OneOf(lambda: OPTIMIZERS)] = setting("adam", "optimizer of the player's weights")
    learning_rate: float = setting(2e-4, "learning rate with which the schedule begins", ge=0)
    beta_1: float = setting(0.5, "decay of Adam's mean of gradients; the momentum of SGD", ge=0, lt=1)
    beta_2: float = setting(0.999, "decay of Adam's mean of squared gradients; rho of RMSprop", ge=0, lt=1)
    schedule: Annotated[str, OneOf(lambda: SCHEDULES)] = setting(
        "constant", "how the learning rate falls: step multiplies it by decay_rate every decay_steps, others go to 0"
    )
    decay_steps: int | None = setting(
        None, "steps of the schedule; when none, linear and cosine last for the epochs, or else for the minutes", gt=0
    )
    decay_rate: float = setting(0.5, "factor of the schedule step", gt=0)
    warmup_steps: int = setting(0, "steps in which the learning rate first rises from 0", ge=0)


class Generator(Player):
    """The settings of the generator."""

    group: ClassVar[str] = "generator"

    name: Annotated[str, OneOf(lambda: GENERATORS, several=True)] = setting(
        "dcgan", "family of the generator's network; several make a mixture"
    )


class Discriminator(Player):
    """The settings of the discriminator."""

    group: ClassVar[str] = "discriminator"

    name: Annotated[str, OneOf(lambda: DISCRIMINATORS, several=True)] = setting(
        "dcgan", "family of the discriminator's network; several make an ensemble"
    )
    spectral_normalization: bool = setting(False, "whether kernels are divided by their largest singular value")
    dropout: float = setting(0.0, "share of hidden units that are dropped in training", ge=0, lt=1)
    features: Annotated[str, pydantic.AfterValidator(_known_features)] = setting(
        "squeezenet",
        "pretrained network by whose features a projected discriminator judges: squeezenet, a class of "
        "keras.applications such as mobilenet_v2, or one of your own",
    )
    resolution: int | None = setting(
        None,
        "pixels of the shorter side to which a projected discriminator resizes images; when none as they are, but at "
        f"least {SMALLEST}",
        ge=SMALLEST,
    )
    packing: int = setting(1, "number of samples that are judged together; 1 judges each by itself", gt=0)
