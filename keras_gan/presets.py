"""Settings of a run as one object, named presets of them, and the one place where names become parts."""

import dataclasses
import difflib
import time
import types

import keras
import tensorflow as tf

from keras_gan import losses, networks, regularizers
from keras_gan.gan import GAN

GENERATORS = {"mlp": networks.mlp_generator, "dcgan": networks.dcgan_generator}
DISCRIMINATORS = {"mlp": networks.mlp_discriminator, "dcgan": networks.dcgan_discriminator}
LOSSES = {
    "non_saturating": losses.NonSaturating,
    "minimax": losses.Minimax,
    "least_squares": losses.LeastSquares,
    "hinge": losses.Hinge,
    "wasserstein": losses.Wasserstein,
    "relativistic": losses.Relativistic,
}
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")


@dataclasses.dataclass(frozen=True)
class Config:
    """All settings of a training run; `--set KEY=VALUE` changes any of them.

    Attributes:
        dataset: `digits`, the name of a TFDS image dataset, or a folder.
        image_size: pixels to resize images to, both ways; as they are when `None`.
        conditional: whether the networks take labels.
        generator, discriminator: network families, `mlp` or `dcgan`.
        latent_dim: length of the latents.
        loss: one of `LOSSES`.
        r1, r2, gradient_penalty: strengths of the penalties; 0 leaves one out.
        generator_learning_rate, discriminator_learning_rate, beta_1, beta_2: of Adam.
        discriminator_steps: updates of the discriminator a step.
        ema_decay: of the averaged generator.
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
    latent_dim: int = 64
    loss: str = "non_saturating"
    r1: float = 0.0
    r2: float = 0.0
    gradient_penalty: float = 0.0
    generator_learning_rate: float = 2e-4
    discriminator_learning_rate: float = 2e-4
    beta_1: float = 0.5
    beta_2: float = 0.999
    discriminator_steps: int = 1
    ema_decay: float = 0.999
    batch_size: int = 64
    epochs: int | None = None
    minutes: float | None = None
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self):
        _choose("generator", self.generator, GENERATORS)
        _choose("discriminator", self.discriminator, DISCRIMINATORS)
        _choose("loss", self.loss, LOSSES)
        _choose("precision", self.precision, PRECISIONS)
        for name in ("latent_dim", "batch_size", "discriminator_steps", "epochs", "minutes", "image_size"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be greater than 0, got {value}")
        for name in ("generator_learning_rate", "discriminator_learning_rate", "r1", "r2", "gradient_penalty", "seed"):
            if not 0 <= getattr(self, name) < 2**63:
                raise ValueError(f"{name} must be a number from 0 on, got {getattr(self, name)}")
        for name in ("beta_1", "beta_2", "ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")


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
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(resolve_precision(config.precision))
    try:
        generator = GENERATORS[config.generator](image_shape, num_classes, config.latent_dim)
        discriminator = DISCRIMINATORS[config.discriminator](image_shape, num_classes)
    finally:
        keras.config.set_dtype_policy(policy)
    gan = GAN(generator, discriminator, ema_decay=config.ema_decay, seed=config.seed)
    rates = config.generator_learning_rate, config.discriminator_learning_rate
    adams = [keras.optimizers.Adam(rate, config.beta_1, config.beta_2) for rate in rates]
    penalties = [
        (config.r1, regularizers.R1),
        (config.r2, regularizers.R2),
        (config.gradient_penalty, regularizers.GradientPenalty),
    ]
    gan.compile(
        *adams,
        loss=LOSSES[config.loss](),
        regularizers=[penalty(strength) for strength, penalty in penalties if strength],
        discriminator_steps=config.discriminator_steps,
        metrics=metrics,
    )
    return gan


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
