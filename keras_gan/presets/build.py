"""The one place where settings become a model."""

import functools
from collections.abc import Iterable

import keras

from keras_gan import networks
from keras_gan.augmentation import Augmentation
from keras_gan.errors import UserError
from keras_gan.gan import GAN
from keras_gan.layers import dtype_policy, seeded
from keras_gan.losses import LOSSES, PerHead
from keras_gan.networks.families import DISCRIMINATORS, GENERATORS, INITIALIZERS, accepts
from keras_gan.optimizers import OPTIMIZERS, SCHEDULES, TimedSchedule, Warmup
from keras_gan.presets.compilation import JIT_COMPILE, steps_together
from keras_gan.presets.config import Config, transformations
from keras_gan.presets.players import ARGUMENTS, Generator
from keras_gan.presets.precision import resolve_precision
from keras_gan.presets.settings import members
from keras_gan.regularizers import REGULARIZERS


def build(
    config: Config,
    sample_shape: tuple[int, ...],
    num_classes: int | None = None,
    metrics: Iterable[keras.metrics.Metric] = (),
    steps_per_epoch: int | None = None,
) -> GAN:
    """Builds and compiles the model that a config describes.

    Args:
        config: the settings.
        sample_shape: shape of one sample.
        num_classes: number of classes, which counts only if `config.conditional`.
        metrics: metrics for `GAN.compile`.
        steps_per_epoch: number of steps in an epoch. Schedules without `decay_steps` need it to last `config.epochs`.
            If only `config.minutes` is given, they follow the time of a `callbacks.TimeLimit` instead.

    Raises:
        UserError: if the config is conditional and there are no classes, or the end of a schedule is not known.

    Examples:
        >>> config = kg.presets.preset("mlp").replace(conditional=True)
        >>> gan = kg.presets.build(config, data.image_shape, data.num_classes)
        >>> gan.fit(images, labels)
    """
    if config.conditional and not num_classes:
        raise UserError(f"{config.dataset} has no labels: train it with --unconditional")
    num_classes = num_classes if config.conditional else None
    with seeded(config.seed % 2**32):
        return _build(config, sample_shape, num_classes, metrics, steps_per_epoch)


def _build(config, sample_shape, num_classes, metrics, steps_per_epoch):
    with dtype_policy(resolve_precision(config.precision)):
        generator = _generator(config, sample_shape, num_classes)
        discriminator = _discriminator(config, sample_shape, num_classes)
    names = transformations(config.augmentation)
    augmentation = Augmentation(names, config.augmentation_probability) if names else None
    gan = GAN(generator, discriminator, augmentation, config.ema_decay, config.seed)
    epochs_end = (config.epochs or 0) * (steps_per_epoch or 0)
    by_the_clock = bool(config.minutes and not config.epochs)
    gan.compile(
        _optimizer(config.generator, epochs_end, by_the_clock),
        _optimizer(config.discriminator, epochs_end, by_the_clock),
        loss=_loss(config),
        regularizers=[
            REGULARIZERS[name](strength)  # pyright: ignore[reportCallIssue]  # Every penalty takes its strength first.
            for name, strength in config.penalties.items()
        ],
        discriminator_steps=config.discriminator_steps,
        metrics=metrics,
        jit_compile=JIT_COMPILE[config.jit_compile],
        steps_per_execution=steps_together(config, sample_shape, steps_per_epoch),
    )
    return gan


def _generator(config, sample_shape, num_classes):
    made = [
        GENERATORS[family].make(sample_shape, num_classes, config.latent_dim, **_options(config.generator, family))
        for family in members(config.generator.name)
    ]
    return made[0] if len(made) == 1 else networks.mixture(*made, share_until=config.generator.share_until)


def _discriminator(config, sample_shape, num_classes):
    settings = config.discriminator
    made = []
    for family in members(settings.name):
        make = DISCRIMINATORS[family].make
        if settings.packing > 1:
            make = functools.partial(networks.packed, make, packing=settings.packing)
        made.append(make(sample_shape, num_classes, **_options(settings, family)))
    return made[0] if len(made) == 1 else networks.ensemble(*made, share_until=settings.share_until)


def _options(player, family):
    """Returns the arguments that a player's settings give to a network of a family; the rest are its own defaults."""
    make = (GENERATORS if isinstance(player, Generator) else DISCRIMINATORS)[family].make
    options = {
        argument: getattr(player, setting)
        for setting, argument in ARGUMENTS.items()
        if setting in type(player).model_fields and accepts(make, argument)
    }
    if player.initializer in INITIALIZERS and "kernel_initializer" in options:
        options["kernel_initializer"] = INITIALIZERS[player.initializer]
    return {argument: value for argument, value in options.items() if value is not None}


def _loss(config):
    smoothing = {"label_smoothing": config.label_smoothing} if config.label_smoothing else {}
    parts = [LOSSES[name](**smoothing) for name in members(config.loss)]
    return PerHead(parts) if len(parts) > 1 else parts[0]


def _optimizer(player, epochs_end, by_the_clock):
    """Makes the optimizer of a player; `epochs_end` is the step at which the epochs end, 0 if it is not known."""
    name, rate, end = player.schedule, player.learning_rate, player.decay_steps or epochs_end
    if name == "constant" or end:
        rate = SCHEDULES[name](rate, end, player.decay_rate)
    elif by_the_clock:
        rate = TimedSchedule(SCHEDULES[name](rate, 1, player.decay_rate))
    else:
        raise UserError(f"the schedule {name} has no end: give decay_steps, minutes, or epochs and their steps")
    rate = Warmup(rate, player.warmup_steps) if player.warmup_steps else rate
    return OPTIMIZERS[player.optimizer](rate, player.beta_1, player.beta_2)
