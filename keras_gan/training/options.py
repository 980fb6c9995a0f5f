"""What a run is asked for: its settings and how it is kept, new or of the run that is resumed."""

from typing import Annotated

from keras_gan import presets
from keras_gan.presets import Config
from keras_gan.presets.settings import OneOf, Settings, setting
from keras_gan.training import runs


class Options(Settings):
    """How a run is kept and watched; what it computes is in its `Config`."""

    export_dir: str | None = setting(None, "gets the finished model as its next version; none exports nothing")
    checkpoint_steps: int | None = setting(None, "steps from one checkpoint to the next, beside one an epoch", gt=0)
    keep: int = setting(3, "checkpoints to keep", gt=0)
    evaluate: str | None = setting(
        None, "extractor whose features measure samples while training, as metrics.named_extractor takes it"
    )
    watch: Annotated[str, OneOf(lambda: ("warn", "stop", "rollback", "off"))] = setting(
        "warn", "what to do at collapse and other troubles: say so, end, or go back with lower learning rates"
    )
    deterministic: bool = setting(False, "whether TensorFlow must compute the same bits again on this machine")
    tensorboard: bool = setting(True, "whether curves and pictures are written for TensorBoard")


def chosen_config(preset, before: Config | None, settings: dict, epochs=None, minutes=None) -> Config:
    """Settings of a preset, or else of the run that is resumed, with changes.

    Args:
        preset: name of a preset, a `Config`, or `None`.
        before: settings of the run that is resumed, or `None`.
        settings: values by key.
        epochs, minutes: if one is given, the preset's other one does not count.

    Raises:
        UserError: as `Config` does.
    """
    if isinstance(preset, Config):
        base = preset
    else:
        base = before if before and preset is None else presets.preset(preset or "dcgan")
    end = {"epochs": epochs, "minutes": minutes} if epochs or minutes else {}
    config = base.replace(**{**end, **settings})
    if before and config.precision == "auto":
        config = config.replace(precision=before.precision)
    return config


def chosen_options(before: runs.Record | None, given: dict) -> Options:
    """Options of the run that is resumed, with changes: those that are not `None`."""
    known = {key: value for key, value in (before.options if before else {}).items() if value is not None}
    return Options(**{**known, **{key: value for key, value in given.items() if value is not None}})
