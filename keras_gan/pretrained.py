"""Starting from the weights of another model, as far as they fit."""

import dataclasses


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


def load_pretrained(gan, source) -> list[Loaded]:
    """Takes over the weights of another GAN whose names and shapes are the same, optimizers not.

    Args:
        gan: the `GAN` to change. Its averaged generator begins as its generator.
        source: the `GAN` to read.

    Returns:
        what was taken over and what was not, of the generator and of the discriminator.

    Raises:
        ValueError: if less than half of either network fits: what is left is then chance.
    """
    reports = [load_matching(gan.generator, source.generator), load_matching(gan.discriminator, source.discriminator)]
    if all(len(report.loaded) < len(report.left_out) for report in reports):
        raise ValueError("the pretrained model does not fit: its networks are others than these")
    gan.ema_generator.set_weights(gan.generator.get_weights())
    return reports


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
