"""Weights of another model to start from, as far as they fit."""

import dataclasses
from pathlib import Path

import keras

from keras_gan.errors import UserError


@dataclasses.dataclass(frozen=True)
class Loaded:
    """Which weights of a network were loaded.

    Attributes:
        network: name of the network.
        loaded: paths of the weights that were loaded.
        left_out: paths of the weights that were not loaded, with the reason for each.
    """

    network: str
    loaded: list[str]
    left_out: dict[str, str]

    def __str__(self) -> str:
        text = f"{len(self.loaded)} of {len(self.loaded) + len(self.left_out)} weights of {self.network}"
        return text + "".join(f"\n  left out {path}: {reason}" for path, reason in self.left_out.items())


def load_pretrained(gan: keras.Model, *sources: keras.Model) -> list[Loaded]:
    """Loads those weights of other GANs whose names and shapes are the same; optimizers stay as they are.

    Args:
        gan: the `GAN` to change. Its averaged generator begins with the weights of the source's, as far as they fit.
        sources: one `GAN` to read; or several, one for each member of a `networks.mixture` and a `networks.ensemble`,
            so that trained GANs become one.

    Returns:
        which weights were loaded, of the generator and of the discriminator, for each source.

    Raises:
        UserError: if fewer than half of the weights of both networks fit a source, because the rest would then fit by
            chance; or if there are several sources but not as many members.

    Examples:
        >>> gan.save("trained.keras")
        >>> for report in kg.training.load_pretrained(gan, kg.export.load("trained.keras")):
        ...     print(report)
        9 of 9 weights of mlp_generator
        5 of 5 weights of mlp_discriminator
    """
    gan.ema_generator.set_weights(gan.generator.get_weights())
    reports = []
    for number, source in enumerate(sources, 1):
        networks = [gan.generator, gan.discriminator, gan.ema_generator]
        if len(sources) > 1:
            networks = [_member(network, number, len(sources)) for network in networks]
        theirs = [source.generator, source.discriminator, source.ema_generator]
        loaded = [load_matching(network, other) for network, other in zip(networks, theirs)][:2]
        if all(len(report.loaded) < len(report.left_out) for report in loaded):
            raise UserError("the pretrained model does not fit: its networks are others than these")
        reports += loaded
    return reports


def load_by_path(gan: keras.Model, text: str, custom_objects: dict | None = None) -> list[Loaded]:
    """Calls `load_pretrained` with run folders or `.keras` files.

    Args:
        gan: the `GAN` to change.
        text: one path, or several joined by +.
        custom_objects: functions and classes by name that the sources need and that are not registered with Keras.

    Raises:
        UserError: as `load_pretrained` does; if a path does not exist, or is a SavedModel, which holds no discriminator
            that could train on.
    """
    from keras_gan.export import SavedGAN, load
    from keras_gan.presets.settings import members

    sources = []
    for path in [text] if Path(text).exists() else members(text):
        if not Path(path).exists():
            raise UserError(f"pretrained: there is no {path}")
        sources.append(load(path, custom_objects))
        if isinstance(sources[-1], SavedGAN):
            raise UserError(
                f"pretrained: {path} is a SavedModel, which holds no discriminator to train on; give its run"
            )
    return load_pretrained(gan, *sources)


def _member(network, number, count):
    names = [layer.name for layer in network.layers if layer.name.startswith("member_")]
    if len(names) != count:
        raise UserError(f"{count} pretrained models need as many members, {network.name} has {len(names) or 1}")
    return network.get_layer(f"member_{number}")


def load_matching(network: keras.Model, source: keras.Model) -> Loaded:
    """Loads those weights of another network that have the same path and shape."""
    theirs = {weight.path: weight for weight in source.weights}
    loaded, left_out = [], {}
    for weight in network.weights:
        other = theirs.get(weight.path)
        if other is None:
            left_out[weight.path] = "not in the pretrained model"
        elif other.shape != weight.shape:
            left_out[weight.path] = f"{tuple(other.shape)} there, {tuple(weight.shape)} here"
        else:
            weight.assign(other)
            loaded.append(weight.path)
    return Loaded(network.name, loaded, left_out)
