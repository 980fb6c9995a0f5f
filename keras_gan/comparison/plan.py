"""What is compared: ways to train, by short texts."""

import dataclasses

from keras_gan import presets

PLAN = "plan.json"
RESULT = "result.json"
LOG = "log.txt"
RUN = "run"


@dataclasses.dataclass(frozen=True)
class Run:
    """One training of a comparison.

    Attributes:
        name: of the way to train.
        config: settings by key, as `presets.Config` takes them; `epochs` or `minutes` are the budget.
        num: samples to measure.
        extractor: as `metrics.named_extractor` takes it.
        with_curve: whether samples are measured after each epoch too, in at most a tenth of the time.
    """

    name: str
    config: dict
    num: int
    extractor: str = "classifier"
    with_curve: bool = False


def settings(text: str, base=None, common=None):
    """The settings that a short text stands for.

    Args:
        text: a preset, or a generator and a discriminator such as `mlp/dcgan`; then, after a colon, more settings:
            `dcgan:loss=hinge,r1=0.1`.
        base: `presets.Config` that a pair of networks changes; the preset `dcgan` when `None`.
        common: dict of settings that give way to those of the text.

    Returns:
        `presets.Config`.

    Raises:
        UserError: if a name or a value is unknown.
    """
    name, _, changes = text.partition(":")
    if "/" in name:
        generator, _, discriminator = name.partition("/")
        networks = {"generator": generator, "discriminator": discriminator}
        config = (base or presets.preset("dcgan")).replace(**networks)
    else:
        config = presets.preset(name)
    return config.replace(**{**(common or {}), **presets.pairs(part for part in changes.split(",") if part)})
