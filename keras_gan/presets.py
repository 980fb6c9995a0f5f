"""Settings of a run as one object, named presets of them, and the one place where names become parts."""

import dataclasses
import difflib
import math
import time
import types

import keras
import tensorflow as tf

from keras_gan import losses, networks, regularizers
from keras_gan.augmentation import DEFAULT, TRANSFORMATIONS, Augmentation
from keras_gan.balance import GapAwareAdam
from keras_gan.gan import GAN
from keras_gan.layers import dtype_policy
from keras_gan.updates import Warmup

GENERATORS = {
    "mlp": networks.mlp_generator,
    "dcgan": networks.dcgan_generator,
    "resnet": networks.resnet_generator,
}
DISCRIMINATORS = {
    "mlp": networks.mlp_discriminator,
    "dcgan": networks.dcgan_discriminator,
    "resnet": networks.resnet_discriminator,
}
LOSSES = {
    "non_saturating": losses.NonSaturating,
    "minimax": losses.Minimax,
    "least_squares": losses.LeastSquares,
    "hinge": losses.Hinge,
    "wasserstein": losses.Wasserstein,
    "relativistic": losses.Relativistic,
}
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
# What a discriminator loses that cannot tell.
IDEAL_LOSSES = {
    "non_saturating": 2 * math.log(2),
    "minimax": 2 * math.log(2),
    "least_squares": 0.25,
    "hinge": 2.0,
    "relativistic": math.log(2),
}
OPTIMIZERS = {
    "adam": lambda rate, config: keras.optimizers.Adam(rate, config.beta_1, config.beta_2),
    "rmsprop": lambda rate, config: keras.optimizers.RMSprop(rate, rho=config.beta_2),
    "sgd": lambda rate, config: keras.optimizers.SGD(rate, momentum=config.beta_1),
    "gap_aware": lambda rate, config: GapAwareAdam(
        rate, config.beta_1, config.beta_2, ideal_loss=IDEAL_LOSSES[config.loss]
    ),
}
SCHEDULES = {
    "constant": lambda rate, config: rate,
    "step": lambda rate, config: keras.optimizers.schedules.ExponentialDecay(
        rate, config.decay_steps, config.decay_rate, staircase=True
    ),
    "linear": lambda rate, config: keras.optimizers.schedules.PolynomialDecay(rate, config.decay_steps, 0.0),
    "cosine": lambda rate, config: keras.optimizers.schedules.CosineDecay(rate, config.decay_steps),
}
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")


@dataclasses.dataclass(frozen=True)
class Config:
    """All settings of a training run; `--set KEY=VALUE` changes any of them.

    Attributes:
        dataset: `digits`, the name of a TFDS image dataset, or a folder.
        image_size: pixels to resize images to, both ways; as they are when `None`.
        conditional: whether the networks take labels.
        generator, discriminator: network families, `mlp`, `dcgan` or `resnet`.
        generator_width, discriminator_width: channels of `dcgan` and `resnet`; the family's own when `None`.
        generator_initializer, discriminator_initializer: one of `INITIALIZERS`; the family's own when `None`.
        spectral_normalization, dropout: of the discriminator.
        latent_dim: length of the latents.
        loss: one of `LOSSES`.
        label_smoothing: of the discriminator's real target, for `non_saturating`, `minimax` and `least_squares`.
        r1, r2, gradient_penalty, dragan, lecam: strengths of the penalties; 0 leaves one out.
        augmentation: `none`, `default`, or names of `augmentation.TRANSFORMATIONS` joined by +.
        augmentation_probability: of each transformation; where it starts, with `adaptive_augmentation`.
        adaptive_augmentation: whether `callbacks.AdaptiveAugmentation` moves the probability.
        generator_optimizer, discriminator_optimizer: `adam`, `rmsprop` or `sgd`; for the discriminator `gap_aware` too,
            which is slower where it leads.
        generator_learning_rate, discriminator_learning_rate: where the schedules begin.
        beta_1, beta_2: of Adam; the momentum of SGD, and rho of RMSprop.
        generator_schedule, discriminator_schedule: `constant`, `step` (times `decay_rate` each `decay_steps`), `linear`
            or `cosine` (to 0 in `decay_steps`).
        decay_steps, decay_rate: of the schedules.
        warmup_steps: in which both rates rise from 0.
        discriminator_steps: updates of the discriminator a step.
        ema_decay: of the averaged generator.
        pretrained: run folder or `.keras` file whose weights a new run begins with, as far as they fit.
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
        for name, options in _OPTIONS.items():
            if getattr(self, name) is not None:
                _choose(name.replace("_", " "), getattr(self, name), options)
        for name in _POSITIVE:
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be greater than 0, got {value}")
        for name in _NOT_NEGATIVE:
            if not 0 <= getattr(self, name) < 2**63:
                raise ValueError(f"{name} must be a number from 0 on, got {getattr(self, name)}")
        for name in _BELOW_ONE:
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        for player in _PLAYERS:
            _check_player(self, player)
        without_ideal = self.loss not in IDEAL_LOSSES
        if self.generator_optimizer == "gap_aware" or (self.discriminator_optimizer == "gap_aware" and without_ideal):
            raise ValueError("the optimizer gap_aware is for the discriminator, and for losses other than wasserstein")
        if self.label_smoothing and self.loss not in ("non_saturating", "minimax", "least_squares"):
            raise ValueError(f"the loss {self.loss} has no target to smooth: leave out label_smoothing")
        if self.adaptive_augmentation and self.augmentation == "none":
            raise ValueError("adaptive_augmentation needs an augmentation, such as default")
        _transformations(self.augmentation)


def _check_player(config, player):
    network, schedule = getattr(config, player), getattr(config, f"{player}_schedule")
    if schedule != "constant" and config.decay_steps is None:
        raise ValueError(f"the schedule {schedule} needs decay_steps")
    if network != "resnet" and getattr(config, f"{player}_initializer") == "small_residual":
        raise ValueError(f"the initializer small_residual is for resnet, not {network}")
    if network == "mlp" and getattr(config, f"{player}_width"):
        raise ValueError(f"{player}_width is for dcgan and resnet, not mlp")


_PLAYERS = ("generator", "discriminator")
_OPTIONS = {
    "generator": GENERATORS,
    "discriminator": DISCRIMINATORS,
    "loss": LOSSES,
    "precision": PRECISIONS,
    **{f"{player}_initializer": INITIALIZERS for player in _PLAYERS},
    **{f"{player}_optimizer": OPTIMIZERS for player in _PLAYERS},
    **{f"{player}_schedule": SCHEDULES for player in _PLAYERS},
}
_POSITIVE = ("latent_dim", "batch_size", "discriminator_steps", "epochs", "minutes", "image_size", "decay_steps")
_POSITIVE += ("generator_width", "discriminator_width", "decay_rate")
_NOT_NEGATIVE = ("generator_learning_rate", "discriminator_learning_rate", "warmup_steps", "seed", *REGULARIZERS)
_BELOW_ONE = ("beta_1", "beta_2", "ema_decay", "dropout", "label_smoothing")


def dcgan() -> Config:
    """Transposed and strided convolutions, cross-entropy with R1: the best pictures in two minutes.

    `train --dataset mnist --conditional --minutes 2` on two cores: label agreement 99.2 to 99.4 %, Fréchet distance 2.4
    to 3.0 over three seeds, twice (`benchmarks/mnist_score.py`).
    """
    return Config(
        r1=0.3,
        generator_learning_rate=2e-3,
        discriminator_learning_rate=2e-3,
        beta_1=0.0,
        beta_2=0.99,
        ema_decay=0.999,
        minutes=2.0,
    )


def mlp() -> Config:
    """The first GAN, with the numbers of the tutorials: dense networks, cross-entropy, Adam 2e-4.

    `train --dataset mnist --conditional --preset mlp`, three and a half minutes on two cores: label agreement 95.6 %,
    Fréchet distance 59 (`benchmarks/mnist_score.py`).
    """
    return Config(
        generator="mlp",
        discriminator="mlp",
        latent_dim=100,
        ema_decay=0.0,
        epochs=10,
        precision="float32",
    )


def cnn() -> Config:
    """A convolutional generator against a dense discriminator."""
    return dataclasses.replace(dcgan(), discriminator="mlp")


PRESETS = {"dcgan": dcgan, "mlp": mlp, "cnn": cnn}


def preset(name: str) -> Config:
    """The settings of a preset.

    Raises:
        ValueError: if there is none of that name.
    """
    return _choose("preset", name, PRESETS)()


def override(config: Config, settings: dict[str, str]) -> Config:
    """Settings replaced by text, as `--set KEY=VALUE` gives it; `none` stands for `None`.

    Raises:
        ValueError: if there is no such setting, or the text is no value for it.
    """
    fields = {field.name: field.type for field in dataclasses.fields(Config)}
    return dataclasses.replace(
        config, **{key: _parse(key, text, _choose("setting", key, fields)) for key, text in settings.items()}
    )


def build(config: Config, image_shape: tuple[int, ...], num_classes: int | None = None, metrics=()) -> GAN:
    """The compiled model that a config describes.

    Args:
        config: the settings.
        image_shape: shape of one sample.
        num_classes: number of classes; used when `config.conditional`.
        metrics: as `GAN.compile` takes them.

    Raises:
        ValueError: if the config is conditional and there are no classes.
    """
    if config.conditional and not num_classes:
        raise ValueError(f"{config.dataset} has no labels: train it with --unconditional")
    num_classes = num_classes if config.conditional else None
    keras.utils.set_random_seed(config.seed % 2**32)
    with dtype_policy(resolve_precision(config.precision)):
        generator = GENERATORS[config.generator](
            image_shape, num_classes, config.latent_dim, **_choices(config, "generator")
        )
        discriminator = DISCRIMINATORS[config.discriminator](
            image_shape,
            num_classes,
            spectral_normalization=config.spectral_normalization,
            dropout=config.dropout,
            **_choices(config, "discriminator"),
        )
    names = _transformations(config.augmentation)
    augmentation = Augmentation(names, config.augmentation_probability) if names else None
    gan = GAN(generator, discriminator, augmentation, config.ema_decay, config.seed)
    smoothing = {"label_smoothing": config.label_smoothing} if config.label_smoothing else {}
    gan.compile(
        *(_optimizer(config, player) for player in _PLAYERS),
        loss=LOSSES[config.loss](**smoothing),
        regularizers=[make(getattr(config, name)) for name, make in REGULARIZERS.items() if getattr(config, name)],
        discriminator_steps=config.discriminator_steps,
        metrics=metrics,
    )
    return gan


def _choices(config, player):
    """What a config says about a network, and the network's family has a default for."""
    choices = {
        "width": getattr(config, f"{player}_width"),
        "kernel_initializer": INITIALIZERS.get(getattr(config, f"{player}_initializer")),
    }
    return {name: value for name, value in choices.items() if value is not None}


def _optimizer(config, player):
    rate = SCHEDULES[getattr(config, f"{player}_schedule")](getattr(config, f"{player}_learning_rate"), config)
    rate = Warmup(rate, config.warmup_steps) if config.warmup_steps else rate
    return OPTIMIZERS[getattr(config, f"{player}_optimizer")](rate, config)


def _transformations(text):
    if text in ("none", "default"):
        return DEFAULT if text == "default" else ()
    return tuple(_choose("augmentation", name, TRANSFORMATIONS) for name in text.split("+"))


def resolve_precision(precision: str) -> str:
    """A Keras dtype policy; `auto` becomes `mixed_bfloat16` where a matrix product in it is faster, else `float32`."""
    if precision != "auto":
        return precision
    times = {}
    for dtype in ("float32", "bfloat16"):
        matrix = tf.ones((1024, 1024), dtype)
        durations = []
        for _ in range(4):
            start = time.perf_counter()
            tf.matmul(matrix, matrix).numpy()
            durations.append(time.perf_counter() - start)
        times[dtype] = min(durations)
    return "mixed_bfloat16" if times["bfloat16"] < 0.8 * times["float32"] else "float32"


def _choose(kind, name, options):
    if name not in options:
        near = difflib.get_close_matches(name, options, n=2)
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
        raise ValueError(f"{key} must be {kinds[0].__name__}, got {text!r}") from None
