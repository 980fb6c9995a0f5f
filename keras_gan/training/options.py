"""The options of a run, and the choice of settings and options for a new or a resumed run."""

from typing import Annotated

from keras_gan import presets
from keras_gan.presets import Config
from keras_gan.presets.settings import OneOf, Settings, setting
from keras_gan.training import runs


class Options(Settings):
    """How a run is stored and watched. What it computes is in its `Config`."""

    export_dir: str | None = setting(
        None, "folder that gets the finished model as its next version; none exports nothing"
    )
    checkpoint_steps: int | None = setting(
        None, "steps from one checkpoint to the next, beside the one after each epoch", gt=0
    )
    keep: int = setting(3, "number of checkpoints to keep", gt=0)
    evaluate: str | None = setting(
        None, "extractor whose features measure samples during training, as metrics.named_extractor takes it"
    )
    watch: Annotated[str, OneOf(lambda: ("warn", "stop", "rollback", "off"))] = setting(
        "warn", "what to do at collapse and other troubles: warn, stop, or go back with lower learning rates"
    )
    deterministic: bool = setting(False, "whether TensorFlow must compute the same bits again on this machine")
    tensorboard: bool = setting(True, "whether curves and pictures are written for TensorBoard")


def chosen_config(
    preset: str | Config | None,
    before: Config | None,
    settings: dict,
    epochs: int | None = None,
    minutes: float | None = None,
) -> Config:
    """Chooses the settings of a run: those of a preset, or else of the run that is resumed, with changes.

    Args:
        preset: name of a preset, a `Config`, or `None` for that of the resumed run, or else for `quick`.
        before: settings of the run that is resumed, or `None`.
        settings: values to change, by key.
        epochs, minutes: limits of the training. If one is given, neither limit of the preset counts.

    Raises:
        UserError: as `Config` and `presets.preset` do.
    """
    if isinstance(preset, Config):
        base = preset
    else:
        base = before if before and preset is None else presets.preset(preset or "quick")
    end = {} if epochs is None and minutes is None else {"epochs": epochs, "minutes": minutes}
    config = base.replace(**{**end, **settings})
    if before and config.precision == "auto":
        config = config.replace(precision=before.precision)
    return config


def chosen_options(before: runs.Record | None, given: dict) -> Options:
    """Chooses the options of a run: those of the run that is resumed, or the defaults, with changes.

    Args:
        before: record of the run that is resumed, or `None`.
        given: values to change, by name; `None` changes nothing.

    Raises:
        UserError: if a name is unknown, or a value is out of its range.
    """
    known = {key: value for key, value in (before.options if before else {}).items() if value is not None}
    return Options(**{**known, **{key: value for key, value in given.items() if value is not None}})
