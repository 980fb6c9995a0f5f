"""`Config`: all settings of a training run."""

from typing import Annotated, Any, ClassVar

import pydantic

from keras_gan.augmentation import DEFAULT, TRANSFORMATIONS
from keras_gan.backbones import SMALLEST, find_backbone
from keras_gan.errors import UserError
from keras_gan.losses import LOSSES
from keras_gan.networks.families import DISCRIMINATORS, GENERATORS, INITIALIZERS, accepts
from keras_gan.optimizers import OPTIMIZERS, SCHEDULES
from keras_gan.presets.settings import (
    Explanation,
    OneOf,
    Settings,
    choose,
    explain_field,
    members,
    setting,
)
from keras_gan.regularizers import REGULARIZERS

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
COMPILATIONS = ("auto", "on", "off")
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")


def _known_features(name):
    find_backbone(name)
    return name


def _initializers():
    own = [name for families in FAMILIES.values() for family in families.values() for name in family.initializers]
    return list(dict.fromkeys([*INITIALIZERS, *own]))


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


class Config(Settings):
    """All settings of a training run.

    Settings are given by their keys: `Config(r1=0.3, generator_width=32, beta_1=0.0)`. All are explained by
    `python cli.py presets --explain`.

    Raises:
        UserError: if a key is unknown, a value is out of its range, or two settings do not go together.

    Examples:
        >>> config = kg.presets.Config(r1=0.3, width=32, discriminator_width=48)
        >>> config.generator.width
        32
        >>> config.replace(loss="hinge").loss
        'hinge'
    """

    dataset: str = setting("digits", "digits, the name of a TFDS image dataset, or a folder")
    image_size: int | None = setting(
        None, "height and width in pixels to which images are resized; none leaves them as they are", gt=0
    )
    hold_out: int = setting(
        6,
        "if the data have no test split, one image in so many is held out of the training, to measure samples with; 0 "
        "holds out none",
        ge=0,
    )
    conditional: bool = setting(False, "whether the networks take labels")
    generator: Generator = Generator()
    discriminator: Discriminator = Discriminator()
    latent_dim: int = setting(64, "length of the latents", gt=0)
    loss: Annotated[str, OneOf(lambda: LOSSES, several=True)] = setting(
        "non_saturating", "the adversarial loss; with several discriminators one for all, or one for each"
    )
    label_smoothing: float = setting(
        0.0, "how far the discriminator's target for real samples lies below 1", ge=0, lt=1
    )
    penalties: dict[str, pydantic.NonNegativeFloat] = pydantic.Field({})
    augmentation: str = setting(
        "none", f"augments what the discriminator sees: none, default ({'+'.join(DEFAULT)}), or names joined by +"
    )
    augmentation_probability: float = setting(
        0.5, "probability of each transformation; with adaptive_augmentation, its value at the start", ge=0, le=1
    )
    adaptive_augmentation: bool = setting(
        False, "whether the probability of the augmentation follows how sure the discriminator is"
    )
    discriminator_steps: int = setting(1, "updates of the discriminator in each step", gt=0)
    ema_decay: float = setting(0.999, "decay of the averaged generator", ge=0, lt=1)
    pretrained: str | None = setting(
        None,
        "run folder or .keras file whose weights a new run begins with, as far as they fit; for a mixture or an "
        "ensemble one for each member, joined by +",
    )
    batch_size: int = setting(64, "images in each step", gt=0)
    epochs: int | None = setting(None, "epochs after which training stops; none sets no such limit", gt=0)
    minutes: float | None = setting(
        None, "minutes after which training stops, unless its epochs end first; none sets no such limit", gt=0
    )
    epoch_steps: int | None = setting(
        None, "steps in an epoch; when none, a pass over the data, at least 250, up to the next multiple of 32", gt=0
    )
    precision: Annotated[str, OneOf(lambda: PRECISIONS)] = setting(
        "auto", "dtype policy of the networks; auto takes bfloat16 if this machine computes it faster"
    )
    jit_compile: Annotated[str, OneOf(lambda: COMPILATIONS)] = setting(
        "auto", "whether XLA compiles the step; auto does with a GPU, and without one for long runs of dense networks"
    )
    steps_per_execution: int | None = setting(
        None,
        "steps in a row before callbacks are called: this number or the next lower one that divides epoch_steps; when "
        "none, up to 32 with a GPU, and 8 for small images without",
        gt=0,
    )
    seed: int = setting(0, "seed of the weights, the noise and the order of the data", ge=0, lt=2**63)

    # Groups of settings whose keys begin with the name of the group.
    GROUPS: ClassVar[dict[str, type[Settings]]] = {"generator": Generator, "discriminator": Discriminator}

    def __init__(self, **values: Any) -> None:
        super().__init__(**_nested(values))

    @classmethod
    def told(cls, error: dict) -> str:
        if error["loc"][:1] == ("penalties",):
            return f"{error['loc'][1]} must be a number from 0 on, got {error['input']!r}"
        return super().told(error)

    def replace(self, **values: Any) -> "Config":
        """Returns a copy with other values of the given settings, by their keys.

        A player that gets a network of another family loses the settings that this family does not have.

        Raises:
            UserError: as `Config` does.
        """
        values = full_keys(values)
        return Config(**{**self.by_key(), **_without_meaning(values), **values})

    def by_key(self) -> dict:
        """Returns the values of all settings by their keys, as in `config.json` and as `Config(**...)` takes them."""
        values = {key: value for key, _, value in self._fields()}
        return values | {name: self.penalties.get(name, 0.0) for name in REGULARIZERS}

    def _fields(self):
        """Yields key, field and value of all settings but the penalties."""
        for name, field in Config.model_fields.items():
            if name in self.GROUPS:
                group = getattr(self, name)
                for each, of_group in self.GROUPS[name].model_fields.items():
                    yield group.key(each), of_group, getattr(group, each)
            elif name != "penalties":
                yield name, field, getattr(self, name)

    @pydantic.field_validator("penalties")
    @classmethod
    def _only_those_that_count(cls, penalties):
        return {name: penalties[name] for name in REGULARIZERS if penalties.get(name)}

    @pydantic.model_validator(mode="after")
    def _go_together(self):
        for player in PLAYERS:
            _check_network(player, getattr(self, player))
        _check_schedules(self)
        _check_loss(self)
        if self.hold_out == 1:
            raise UserError("hold_out=1 would hold out all images: give 0 for none, or a number from 2 on")
        packing = self.discriminator.packing
        if self.batch_size % packing:
            raise UserError(f"batch_size must be a multiple of packing, got {self.batch_size} and {packing}")
        if self.augmentation == "none":
            if self.adaptive_augmentation:
                raise UserError("adaptive_augmentation needs an augmentation, such as default")
            if self.augmentation_probability != Config.model_fields["augmentation_probability"].default:
                raise UserError("augmentation_probability needs an augmentation, such as default")
        transformations(self.augmentation)
        return self


def override(config: Config, settings: dict) -> Config:
    """Does the same as `config.replace(**settings)`; this is its name in version 0.1.0."""
    return config.replace(**settings)


def transformations(text: str) -> tuple[str, ...]:
    """Returns the names of the transformations that a value of the setting `augmentation` stands for.

    Raises:
        UserError: if a name is unknown.
    """
    if text in ("none", "default"):
        return DEFAULT if text == "default" else ()
    return tuple(choose("augmentation", name, TRANSFORMATIONS, several=True) for name in members(text))


def explanations() -> list[Explanation]:
    """Returns the explanations of all settings, in order."""
    found = [explain_field(key, field) for key, field, _ in Config()._fields()]
    values = "a number from 0 on; 0 leaves it out"
    for name, cls in REGULARIZERS.items():
        summary = (cls.__doc__ or "").partition("\n")[0]
        meaning = f"strength of the penalty {cls.__name__}. {summary}"
        found.append(Explanation(name, meaning, values, 0.0))
    return found


def keys() -> dict[str, list[tuple[str, ...]]]:
    """Returns for each key the places in `Config` that it sets; there are two if it stands for both players."""
    own = [name for name in Config.model_fields if name not in Config.GROUPS and name != "penalties"]
    places: dict[str, list[tuple[str, ...]]] = {name: [(name,)] for name in own}
    for group, settings in Config.GROUPS.items():
        for field in settings.model_fields:
            places[settings.key(field)] = [(group, field)]
            if field != "name":
                places.setdefault(field, []).append((group, field))
    if taken := places.keys() & REGULARIZERS:
        raise UserError(f"a penalty has the name of a setting, {taken.pop()}: give it another")
    places |= {name: [("penalties", name)] for name in REGULARIZERS}
    return places


def full_keys(values: dict) -> dict:
    """Returns values by keys that each stand for one setting: `width` becomes those of both players.

    Raises:
        UserError: if a key is unknown.
    """
    places, prefixed = keys(), {}
    for key in values:
        choose("setting", key, places)
    # A key of one player comes last, so that it overrides a key of both.
    for key, value in sorted(values.items(), key=lambda item: -len(places[item[0]])):
        for place in places[key]:
            group, name = place[0], place[-1]
            prefixed[Config.GROUPS[group].key(name) if group in Config.GROUPS else name] = value
    return prefixed


def _nested(values):
    """Returns values by key as nested values by field, as pydantic takes them."""
    places, nested = keys(), {}
    for key, value in full_keys(values).items():
        ((group, *field),) = places[key]
        if field:
            nested.setdefault(group, {})[field[0]] = value
        else:
            nested[group] = value
    return nested


def _having(player, argument):
    """Returns the names of a player's families whose network takes an argument."""
    return [name for name, family in FAMILIES[player].items() if accepts(family.make, argument)]


def _without_meaning(values):
    """Returns defaults for the settings that the families in `values` do not have."""
    defaults = {}
    for player in values.keys() & PLAYERS:
        group, names = Config.GROUPS[player], members(values[player])
        for name, argument in ARGUMENTS.items():
            if name in group.model_fields and not {*names} & {*_having(player, argument)}:
                defaults[group.key(name)] = group.model_fields[name].default
    return defaults


def _check_network(player, settings):
    names, families = members(settings.name), FAMILIES[player]
    initializer = settings.initializer
    if initializer and initializer not in INITIALIZERS:
        having = [name for name, family in families.items() if initializer in family.initializers]
        without = [name for name in names if name not in having]
        if without:
            what = f"the {player}'s initializer {initializer}"
            raise UserError(f"{what} is for {' and '.join(having)}, not {without[0]}")
    for name, argument in ARGUMENTS.items():
        field = type(settings).model_fields.get(name)
        having = _having(player, argument)
        if field and getattr(settings, name) != field.default and not {*names} & {*having}:
            raise UserError(f"{settings.key(name)} is for {', '.join(having)}, not {names[0]}")
    if settings.share_until and len(names) == 1:
        raise UserError(f"{player}_share_until is for several, such as {player}={names[0]}+{names[0]}")


def _check_schedules(config):
    for player in PLAYERS:
        settings, default = getattr(config, player), Player.model_fields
        if settings.schedule == "step" and not settings.decay_steps:
            raise UserError("the schedule step needs decay_steps")
    schedules = {getattr(config, player).schedule for player in PLAYERS}
    if schedules == {"constant"} and any(getattr(config, player).decay_steps for player in PLAYERS):
        raise UserError("decay_steps needs a schedule, such as generator_schedule=cosine")
    if "step" not in schedules and any(
        getattr(config, player).decay_rate != default["decay_rate"].default for player in PLAYERS
    ):
        raise UserError("decay_rate is for the schedule step: set generator_schedule or discriminator_schedule")


def _check_loss(config):
    parts, heads = members(config.loss), len(members(config.discriminator.name))
    if len(parts) not in (1, heads):
        players = "1 discriminator" if heads == 1 else f"{heads} discriminators"
        raise UserError(f"{len(parts)} losses ({config.loss}) for {players}: give one loss, or one for each")
    if config.label_smoothing:
        for name in parts:
            if not accepts(LOSSES[name], "label_smoothing"):
                raise UserError(f"the loss {name} has no target to smooth: leave out label_smoothing")
