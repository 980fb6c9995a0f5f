"""Starting from the weights of another model, as far as they fit."""

import dataclasses
from pathlib import Path

from keras_gan.errors import UserError


@dataclasses.dataclass(frozen=True)
class Loaded:
    """What became of the weights of one network.

    Attributes:
        network: its name.
        loaded: paths of the weights that were taken over.
        left_out: path of each weight that stays as it was, with the reason.
    """

    network: str
    loaded: list[str]
    left_out: dict[str, str]

    def __str__(self):
        text = f"{len(self.loaded)} of {len(self.loaded) + len(self.left_out)} weights of {self.network}"
        return text + "".join(f"\n  left out {path}: {reason}" for path, reason in self.left_out.items())


def load_pretrained(gan, *sources) -> list[Loaded]:
    """Takes over the weights of other GANs whose names and shapes are the same, optimizers not.

    Args:
        gan: the `GAN` to change. Where weights fit, its averaged generator begins as the source's.
        sources: the `GAN` to read; or several, one for each member of a `networks.mixture` and of a
            `networks.ensemble`: two trained GANs become one.

    Returns:
        what was taken over and what was not, of the generator and of the discriminator, for each source.

    Raises:
        UserError: if less than half of both networks fit a source, for what is left is then chance; if there are
            several, and not as many members.
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


def load_by_path(gan, text: str) -> list[Loaded]:
    """`load_pretrained` of run folders or `.keras` files, joined by +.

    Raises:
        UserError: as it does; if there is no such path, or it is a SavedModel, which has no discriminator to train on.
    """
    from keras_gan.export import SavedGAN, load
    from keras_gan.presets.settings import members

    sources = []
    for path in [text] if Path(text).exists() else members(text):
        if not Path(path).exists():
            raise UserError(f"pretrained: there is no {path}")
        sources.append(load(path))
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


def load_matching(network, source) -> Loaded:
    """Takes over the weights of another network that have the same path and shape."""
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
