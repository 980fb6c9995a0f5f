"""Settings of a run as one object, and the names of all that can be chosen."""

import dataclasses
import difflib
import types

import keras

from keras_gan import losses, networks, regularizers
from keras_gan.augmentation import DEFAULT, TRANSFORMATIONS

GENERATORS = {
    "mlp": networks.mlp_generator,
    "dcgan": networks.dcgan_generator,
    "resnet": networks.resnet_generator,
    "progressive": networks.progressive_generator,
}
DISCRIMINATORS = {
    "mlp": networks.mlp_discriminator,
    "dcgan": networks.dcgan_discriminator,
    "resnet": networks.resnet_discriminator,
    "progressive": networks.progressive_discriminator,
}
# Those that have residual blocks.
RESIDUAL = {"generator": {"resnet", "progressive"}, "discriminator": {"resnet"}}
LOSSES = {
    "non_saturating": losses.NonSaturating,
    "minimax": losses.Minimax,
    "least_squares": losses.LeastSquares,
    "hinge": losses.Hinge,
    "wasserstein": losses.Wasserstein,
    "relativistic": losses.Relativistic,
    "kullback_leibler": losses.KullbackLeibler,
    "reverse_kullback_leibler": losses.ReverseKullbackLeibler,
}
# Those that have a target to smooth.
SMOOTHED = {"non_saturating", "minimax", "least_squares"}
REGULARIZERS = {
    "r1": regularizers.R1,
    "r2": regularizers.R2,
    "gradient_penalty": regularizers.GradientPenalty,
    "dragan": regularizers.DRAGAN,
    "lecam": regularizers.LeCam,
}
# Not as objects: each layer draws its own.
INITIALIZERS = {
    "normal": {"class_name": "RandomNormal", "config": {"stddev": 0.02}},
    "orthogonal": "orthogonal",
    "he_normal": "he_normal",
    "glorot_uniform": "glorot_uniform",
    "small_residual": "small_residual",
}
OPTIMIZERS = {
    "adam": lambda rate, config: keras.optimizers.Adam(rate, config.beta_1, config.beta_2),
    "rmsprop": lambda rate, config: keras.optimizers.RMSprop(rate, rho=config.beta_2),
    "sgd": lambda rate, config: keras.optimizers.SGD(rate, momentum=config.beta_1),
}
SCHEDULES = {
    "constant": lambda rate, steps, factor: rate,
    "step": lambda rate, steps, factor: keras.optimizers.schedules.ExponentialDecay(
        rate, steps, factor, staircase=True
    ),
    "linear": lambda rate, steps, factor: keras.optimizers.schedules.PolynomialDecay(rate, steps, 0.0),
    "cosine": lambda rate, steps, factor: keras.optimizers.schedules.CosineDecay(rate, steps),
}
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")


@dataclasses.dataclass(frozen=True)
class Config:
    """All settings of a training run; `--set KEY=VALUE` changes any of them.

    Attributes:
        dataset: `digits`, the name of a TFDS image dataset, or a folder.
        image_size: pixels to resize images to, both ways; as they are when `None`.
        conditional: whether the networks take labels.
        generator, discriminator: network families, `mlp`, `dcgan`, `resnet` or `progressive`; several joined by + are
            a mixture of generators or an ensemble of discriminators, such as `dcgan+dcgan`.
        generator_share_until, discriminator_share_until: of several, the name of the last layer that they share.
        packing: samples that the discriminator judges together; 1 for each by itself.
        generator_width, discriminator_width: channels of all families but `mlp`; the family's own when `None`.
        generator_initializer, discriminator_initializer: one of `INITIALIZERS`; the family's own when `None`.
        spectral_normalization, dropout: of the discriminator.
        latent_dim: length of the latents.
        loss: one of `LOSSES`, or one for each of several discriminators, joined by +.
        label_smoothing: of the discriminator's real target, for `non_saturating`, `minimax` and `least_squares`.
        r1, r2, gradient_penalty, dragan, lecam: strengths of the penalties; 0 leaves one out.
        augmentation: `none`, `default`, or names of `augmentation.TRANSFORMATIONS` joined by +.
        augmentation_probability: of each transformation; where it starts, with `adaptive_augmentation`.
        adaptive_augmentation: whether `callbacks.AdaptiveAugmentation` moves the probability.
        generator_optimizer, discriminator_optimizer: `adam`, `rmsprop` or `sgd`.
        generator_learning_rate, discriminator_learning_rate: where the schedules begin.
        beta_1, beta_2: of Adam; the momentum of SGD, and rho of RMSprop.
        generator_schedule, discriminator_schedule: `constant`, `step` (times `decay_rate` each `decay_steps`), `linear`
            or `cosine` (to 0 in `decay_steps`).
        decay_steps, decay_rate: of the schedules; without `decay_steps`, `linear` and `cosine` last
            `epochs`, or else `minutes`, by the clock.
        warmup_steps: in which both rates rise from 0.
        discriminator_steps: updates of the discriminator a step.
        ema_decay: of the averaged generator.
        pretrained: run folder or `.keras` file whose weights a new run begins with, as far as they fit; one for each
            member, joined by +, of a mixture and an ensemble.
        batch_size: images a step.
        epochs, minutes: when to stop, whichever comes first; `None` does not count.
        precision: `float32`, `mixed_bfloat16`, `mixed_float16`, or `auto`: bfloat16 where this machine computes it
            faster.
        seed: of weights, noise and the order of the data.
    """

    dataset: str = "digits"
    image_size: int | None = None
    conditional: bool = False
    generator: str = "dcgan"
    discriminator: str = "dcgan"
    generator_share_until: str | None = None
    discriminator_share_until: str | None = None
    packing: int = 1
    generator_width: int | None = None
    discriminator_width: int | None = None
    generator_initializer: str | None = None
    discriminator_initializer: str | None = None
    spectral_normalization: bool = False
    dropout: float = 0.0
    latent_dim: int = 64
    loss: str = "non_saturating"
    label_smoothing: float = 0.0
    r1: float = 0.0
    r2: float = 0.0
    gradient_penalty: float = 0.0
    dragan: float = 0.0
    lecam: float = 0.0
    augmentation: str = "none"
    augmentation_probability: float = 0.5
    adaptive_augmentation: bool = False
    generator_optimizer: str = "adam"
    discriminator_optimizer: str = "adam"
    generator_learning_rate: float = 2e-4
    discriminator_learning_rate: float = 2e-4
    beta_1: float = 0.5
    beta_2: float = 0.999
    generator_schedule: str = "constant"
    discriminator_schedule: str = "constant"
    decay_steps: int | None = None
    decay_rate: float = 0.5
    warmup_steps: int = 0
    discriminator_steps: int = 1
    ema_decay: float = 0.999
    pretrained: str | None = None
    batch_size: int = 64
    epochs: int | None = None
    minutes: float | None = None
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self):
        _check_ranges(self)
        for player in PLAYERS:
            _check_player(self, player)
        _check_schedules(self)
        _check_loss(self)
        if self.batch_size % self.packing:
            raise ValueError(f"batch_size must be a multiple of packing, got {self.batch_size} and {self.packing}")
        if self.adaptive_augmentation and self.augmentation == "none":
            raise ValueError("adaptive_augmentation needs an augmentation, such as default")
        if self.augmentation == "none" and self.augmentation_probability != Config.augmentation_probability:
            raise ValueError("augmentation_probability needs an augmentation, such as default")
        transformations(self.augmentation)


def _check_ranges(config):
    for name, options in _OPTIONS.items():
        value = getattr(config, name)
        for chosen in members(value) if name in _MEMBERS else [value]:
            if chosen is not None:
                choose(name.replace("_", " "), chosen, options)
    for name in _POSITIVE:
        value = getattr(config, name)
        if value is not None and not value > 0:
            raise ValueError(f"{name} must be greater than 0, got {value}")
    for name in _NOT_NEGATIVE:
        if not 0 <= getattr(config, name) < 2**63:
            raise ValueError(f"{name} must be a number from 0 on, got {getattr(config, name)}")
    for name in _BELOW_ONE:
        if not 0 <= getattr(config, name) < 1:
            raise ValueError(f"{name} must be in [0, 1), got {getattr(config, name)}")


def _check_schedules(config):
    schedules = {getattr(config, f"{player}_schedule") for player in PLAYERS}
    if "step" in schedules and not config.decay_steps:
        raise ValueError("the schedule step needs decay_steps")
    if config.decay_steps and schedules == {"constant"}:
        raise ValueError("decay_steps needs a schedule, such as generator_schedule=cosine")
    if config.decay_rate != Config.decay_rate and "step" not in schedules:
        raise ValueError("decay_rate is for the schedule step: set generator_schedule or discriminator_schedule")


def _check_loss(config):
    parts = members(config.loss)
    heads = len(members(config.discriminator))
    if len(parts) not in (1, heads):
        raise ValueError(f"{len(parts)} losses ({config.loss}) for {heads} of the discriminator: give one, or one each")
    if config.label_smoothing and not {*parts} <= SMOOTHED:
        raise ValueError(f"the loss {config.loss} has no target to smooth: leave out label_smoothing")


def members(text: str) -> list[str]:
    """Names that are joined by +."""
    return text.split("+")


def _check_player(config, player):
    families = members(getattr(config, player))
    if not {*families} <= RESIDUAL[player] and getattr(config, f"{player}_initializer") == "small_residual":
        blocks = " and ".join(sorted(RESIDUAL[player]))
        raise ValueError(f"the {player}'s initializer small_residual is for {blocks}, not {getattr(config, player)}")
    if {*families} == {"mlp"} and getattr(config, f"{player}_width"):
        raise ValueError(f"{player}_width is for networks of convolutions, not mlp")
    if len(families) == 1 and getattr(config, f"{player}_share_until"):
        raise ValueError(f"{player}_share_until is for several, such as {player}={families[0]}+{families[0]}")


PLAYERS = ("generator", "discriminator")
_MEMBERS = (*PLAYERS, "loss")
_OPTIONS = {
    "generator": GENERATORS,
    "discriminator": DISCRIMINATORS,
    "loss": LOSSES,
    "precision": PRECISIONS,
    **{f"{player}_initializer": INITIALIZERS for player in PLAYERS},
    **{f"{player}_optimizer": OPTIMIZERS for player in PLAYERS},
    **{f"{player}_schedule": SCHEDULES for player in PLAYERS},
}
_POSITIVE = (
    "latent_dim",
    "batch_size",
    "discriminator_steps",
    "packing",
    "epochs",
    "minutes",
    "image_size",
    "decay_steps",
)
_POSITIVE += ("generator_width", "discriminator_width", "decay_rate")
_NOT_NEGATIVE = ("generator_learning_rate", "discriminator_learning_rate", "warmup_steps", "seed", *REGULARIZERS)
_KINDS = {int: "a whole number", float: "a number"}
_BELOW_ONE = ("beta_1", "beta_2", "ema_decay", "dropout", "label_smoothing")


def pairs(texts) -> dict[str, str]:
    """Keys and values of texts KEY=VALUE; in a key a dash is an underscore.

    Raises:
        ValueError: if one is something else.
    """
    split = [text.partition("=") for text in texts]
    for key, equals, _ in split:
        if not equals:
            raise ValueError(f"settings are KEY=VALUE, got {key!r}")
    return {key.strip().replace("-", "_"): value for key, _, value in split}


def override(config: Config, settings: dict[str, str]) -> Config:
    """Settings replaced by text, as `--set KEY=VALUE` gives it; `none` stands for `None`.

    Raises:
        ValueError: if there is no such setting, or the text is no value for it.
    """
    fields = {field.name: field.type for field in dataclasses.fields(Config)}
    return dataclasses.replace(
        config, **{key: _parse(key, text, choose("setting", key, fields)) for key, text in settings.items()}
    )


def transformations(text):
    if text in ("none", "default"):
        return DEFAULT if text == "default" else ()
    return tuple(choose("augmentation", name, TRANSFORMATIONS) for name in text.split("+"))


def choose(kind, name, options):
    several = kind in (*_MEMBERS, "augmentation")
    if not name:
        examples = list(options)[:2]
        hint = f"several are joined by +, as in {'+'.join(examples)}" if several else f"such as {' or '.join(examples)}"
        raise ValueError(f"{kind}: a name is missing; {hint}")
    if "," in name and several:
        raise ValueError(f"unknown {kind} {name!r}: several are joined by +, as in {name.replace(',', '+')}")
    if name not in options:
        near = difflib.get_close_matches(name.lower(), options, n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(options)}"
        raise ValueError(f"unknown {kind} {name!r}: {hint}")
    return options[name] if isinstance(options, dict) else name


def _parse(key, text, kind):
    kinds = kind.__args__ if isinstance(kind, types.UnionType) else (kind,)
    if types.NoneType in kinds and text.lower() == "none":
        return None
    if bool in kinds:
        if text.lower() not in ("true", "false"):
            raise ValueError(f"{key} must be true or false, got {text!r}")
        return text.lower() == "true"
    try:
        return kinds[0](text)
    except ValueError:
        raise ValueError(f"{key} must be {_KINDS[kinds[0]]}, got {text!r}") from None
