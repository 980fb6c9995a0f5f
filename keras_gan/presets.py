"""Named presets, and the one place where settings become a model."""

import dataclasses
import functools
import time

import keras
import tensorflow as tf

from keras_gan import networks
from keras_gan.augmentation import Augmentation
from keras_gan.config import (
    DISCRIMINATORS,
    GENERATORS,
    INITIALIZERS,
    LOSSES,
    OPTIMIZERS,
    PLAYERS,
    REGULARIZERS,
    SCHEDULES,
    Config,
    choose,
    members,
    override,
    pairs,
    transformations,
)
from keras_gan.gan import GAN
from keras_gan.layers import dtype_policy
from keras_gan.losses import PerHead
from keras_gan.updates import TimedSchedule, Warmup

__all__ = [
    "PRESETS",
    "Config",
    "build",
    "cnn",
    "dcgan",
    "mlp",
    "override",
    "pairs",
    "preset",
    "relativistic",
    "resnet",
    "resolve_precision",
]


def dcgan() -> Config:
    """Transposed and strided convolutions, cross-entropy with R1: the best pictures in two minutes.

    `train --dataset mnist --conditional --minutes 2` on two cores: FCD 0.9 to 1.0, label accuracy 99.2 to 99.3 % over
    three seeds (`evaluate`).
    """
    return Config(
        r1=0.3,
        generator_learning_rate=2e-3,
        discriminator_learning_rate=2e-3,
        generator_schedule="cosine",
        discriminator_schedule="cosine",
        beta_1=0.0,
        beta_2=0.99,
        ema_decay=0.999,
        minutes=2.0,
    )


def mlp() -> Config:
    """The first GAN, with the numbers of the tutorials: dense networks, cross-entropy, Adam 2e-4.

    `train --dataset mnist --conditional --preset mlp`, two and a half minutes on two cores: FCD 42, label
    accuracy 95.2 % (`evaluate`).
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


def relativistic() -> Config:
    """The networks of `dcgan` with the objective of R3GAN: twice as long a step, the best from ten minutes on.

    `train --dataset mnist --conditional --preset relativistic --epochs 20`, 19 minutes on one core: FCD 0.29, where
    held-out real images have 0.36 (`evaluate`; one seed). Source: Huang et al., arXiv:2501.05441, section 2.
    """
    return dataclasses.replace(dcgan(), loss="relativistic", r2=0.3, minutes=10.0)


def resnet() -> Config:
    """`relativistic` with a residual generator.

    MNIST, conditional, 10,000 steps, 14 minutes on one core: FCD 0.59, `relativistic` 0.41 in 12 (`compare`; one seed).
    For data of many kinds: on Stacked-MNIST after 6,000 steps its generator has a divergence of 0.048, that of `dcgan`
    0.082 (docs/benchmarks.md; one seed).

    Source: Huang et al., arXiv:2501.05441, section 3, where the discriminator has residual blocks too: they take longer
    than they are worth here.
    """
    return dataclasses.replace(relativistic(), generator="resnet")


PRESETS = {"dcgan": dcgan, "relativistic": relativistic, "resnet": resnet, "mlp": mlp, "cnn": cnn}


def preset(name: str) -> Config:
    """The settings of a preset.

    Raises:
        ValueError: if there is none of that name.
    """
    return choose("preset", name, PRESETS)()


def build(
    config: Config,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    metrics=(),
    steps_per_epoch: int | None = None,
) -> GAN:
    """The compiled model that a config describes.

    Args:
        config: the settings.
        image_shape: shape of one sample.
        num_classes: number of classes; used when `config.conditional`.
        metrics: as `GAN.compile` takes them.
        steps_per_epoch: for schedules without `decay_steps`, which last `config.epochs`. Those that are to last
            `config.minutes` follow `callbacks.TimeLimit`.

    Raises:
        ValueError: if the config is conditional and there are no classes, or the end of a schedule is not known.
    """
    if config.conditional and not num_classes:
        raise ValueError(f"{config.dataset} has no labels: train it with --unconditional")
    num_classes = num_classes if config.conditional else None
    end = config.decay_steps or (config.epochs or 0) * (steps_per_epoch or 0)
    keras.utils.set_random_seed(config.seed % 2**32)
    with dtype_policy(resolve_precision(config.precision)):
        generator = _combined(config, "generator", image_shape, num_classes)
        discriminator = _combined(config, "discriminator", image_shape, num_classes)
    names = transformations(config.augmentation)
    augmentation = Augmentation(names, config.augmentation_probability) if names else None
    gan = GAN(generator, discriminator, augmentation, config.ema_decay, config.seed)
    smoothing = {"label_smoothing": config.label_smoothing} if config.label_smoothing else {}
    parts = [LOSSES[name](**smoothing) for name in members(config.loss)]
    heads = gan.discriminator.outputs[0].shape[-1]
    gan.compile(
        *(_optimizer(config, player, end) for player in PLAYERS),
        loss=PerHead(parts) if len(parts) > 1 else parts[0],
        regularizers=[
            make(getattr(config, name), **({"heads": heads} if name == "lecam" else {}))
            for name, make in REGULARIZERS.items()
            if getattr(config, name)
        ],
        discriminator_steps=config.discriminator_steps,
        metrics=metrics,
    )
    return gan


def _combined(config, player, image_shape, num_classes):
    """The network of a player, or the combination of several."""
    make = _generator if player == "generator" else _discriminator
    made = [make(config, family, image_shape, num_classes) for family in members(getattr(config, player))]
    if len(made) == 1:
        return made[0]
    combine = networks.mixture if player == "generator" else networks.ensemble
    return combine(*made, share_until=getattr(config, f"{player}_share_until"))


def _generator(config, family, image_shape, num_classes):
    choices = _choices(config, "generator", family)
    return GENERATORS[family](image_shape, num_classes, config.latent_dim, **choices)


def _discriminator(config, family, image_shape, num_classes):
    make = DISCRIMINATORS[family]
    if config.packing > 1:
        make = functools.partial(networks.packed, make, packing=config.packing)
    return make(
        image_shape,
        num_classes,
        spectral_normalization=config.spectral_normalization,
        dropout=config.dropout,
        **_choices(config, "discriminator", family),
    )


def _choices(config, player, family):
    """What a config says about a network, and the network's family has a default for."""
    choices = {
        "width": None if family == "mlp" else getattr(config, f"{player}_width"),
        "kernel_initializer": INITIALIZERS.get(getattr(config, f"{player}_initializer")),
    }
    return {name: value for name, value in choices.items() if value is not None}


def _optimizer(config, player, end):
    """Of a player, whose schedule is over after `end` steps; by the clock if that is 0."""
    name, rate = getattr(config, f"{player}_schedule"), getattr(config, f"{player}_learning_rate")
    if name == "constant" or end:
        rate = SCHEDULES[name](rate, end, config.decay_rate)
    elif config.minutes and not config.epochs:
        rate = TimedSchedule(SCHEDULES[name](rate, 1, config.decay_rate))
    else:
        raise ValueError(f"the schedule {name} has no end: give decay_steps, minutes, or epochs and their steps")
    rate = Warmup(rate, config.warmup_steps) if config.warmup_steps else rate
    return OPTIMIZERS[getattr(config, f"{player}_optimizer")](rate, config)


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
