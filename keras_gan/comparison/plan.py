"""Ways to train that are to be compared, and the short texts that stand for them."""

import dataclasses
from typing import Any

from keras_gan import presets
from keras_gan.presets import Config

PLAN = "plan.json"
RESULT = "result.json"
LOG = "log.txt"
RUN = "run"


@dataclasses.dataclass(frozen=True)
class Run:
    """One training of a comparison.

    Attributes:
        name: name of the way to train.
        config: settings by key, as `presets.Config` takes them; `epochs` or `minutes` are the budget.
        num: number of samples to measure.
        extractor: name of the extractor, as `metrics.named_extractor` takes it.
        with_curve: whether samples are also measured after epochs, in at most a tenth of the time.
    """

    name: str
    config: dict
    num: int
    extractor: str = "classifier"
    with_curve: bool = False


def settings(text: str, base: Config | None = None, common: dict[str, Any] | None = None) -> Config:
    """Returns the settings that a short text stands for.

    Args:
        text: a preset, or a generator and a discriminator such as `mlp/dcgan`; then, after a colon, more settings:
            `dcgan:loss=hinge,r1=0.1`.
        base: settings in which the pair of networks is put; the preset `dcgan` when `None`.
        common: settings for all texts; those of the text itself take precedence.

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
