"""What can be wrong with the arguments of the methods of `GAN`."""

import inspect
import os
from collections.abc import Iterable, Mapping
from typing import Any

import keras

from keras_gan import losses, regularizers
from keras_gan.checks.callbacks import check_training
from keras_gan.checks.data import Expected, packing_message
from keras_gan.checks.sources import checked
from keras_gan.checks.watch import EpochWatch, RangeWatch
from keras_gan.errors import UserError, unknown

_COMPILE_OPTIONS = ("jit_compile", "run_eagerly", "steps_per_execution", "auto_scale_loss")


def check_compile_options(options: Mapping[str, Any], discriminator_steps: int) -> None:
    """Raises `UserError` if `compile()` is given what it does not take."""
    for key in options:
        if key == "optimizer":
            raise UserError("a GAN has two players: give generator_optimizer and discriminator_optimizer, no optimizer")
        if key not in _COMPILE_OPTIONS:
            raise UserError(f"compile() takes no {key}; of Keras's options it takes {', '.join(_COMPILE_OPTIONS[:3])}")
    jit = options.get("jit_compile", "auto")
    if jit != "auto" and not isinstance(jit, bool | None):
        raise UserError(f"jit_compile must be True, False or 'auto', got {jit!r}")
    for name, number in (
        ("discriminator_steps", discriminator_steps),
        ("steps_per_execution", options.get("steps_per_execution", 1)),
    ):
        if not _is_count(number):
            raise UserError(f"{name} must be an int of at least 1, got {number!r}")


def optimizers_of(generator_optimizer: Any, discriminator_optimizer: Any) -> list[keras.optimizers.Optimizer | None]:
    """Returns the two optimizers, `None` for one that is not given.

    Raises:
        UserError: if one is neither an optimizer nor its name, or both are one object.
    """
    made = []
    for player, optimizer in (("generator", generator_optimizer), ("discriminator", discriminator_optimizer)):
        try:
            made.append(None if optimizer is None else keras.optimizers.get(optimizer))
        except (ValueError, TypeError):
            way = "a Keras optimizer or its name, such as keras.optimizers.Adam(2e-3, beta_1=0.0)"
            raise UserError(f"{player}_optimizer must be {way}; got {_words(optimizer)}") from None
    if made[0] is not None and made[0] is made[1]:
        raise UserError("generator_optimizer and discriminator_optimizer must be two objects: each keeps state")
    return made


def loss_of(loss: Any) -> "losses.AdversarialLoss":
    """Returns the loss of an object or of a name, as the setting `loss` has it: `hinge`, `hinge+wasserstein`.

    Raises:
        UserError: if it is another object, or nothing has this name.
    """
    if loss is None:
        return losses.NonSaturating()
    if isinstance(loss, str):
        parts = [_registered("loss", name, losses.LOSSES)() for name in loss.split("+")]
        return losses.PerHead(parts) if len(parts) > 1 else parts[0]
    if isinstance(loss, losses.AdversarialLoss):
        return loss
    if isinstance(loss, list | tuple):
        raise UserError("loss must be one loss; PerHead([...]) gives each head of the discriminator one of its own")
    way = "an object of keras_gan.losses, such as Hinge(), or a name, such as 'hinge'"
    raise UserError(f"loss must be {way}, got {_words(loss)}")


def regularizers_of(penalties: Any) -> "list[regularizers.Regularizer]":
    """Returns the penalties of a list of objects or of names, which have their default strength.

    Raises:
        UserError: if it is no such list, or two penalties have one name.
    """
    made: list[regularizers.Regularizer] = [regularizers.R1(0.3)] if penalties is None else []
    for penalty in _listed("regularizers", penalties, "[keras_gan.regularizers.R1(0.3)]"):
        if isinstance(penalty, str):
            made.append(_named_penalty(penalty))
        elif isinstance(penalty, regularizers.Regularizer):
            made.append(penalty)
        else:
            way = "objects of keras_gan.regularizers, such as R1(0.3), or names, such as 'r1'"
            raise UserError(f"regularizers must be {way}, got {_words(penalty)}")
    _check_names("regularizers", made)
    return made


def metrics_of(metrics: Any) -> list[keras.metrics.Metric]:
    """Returns the list of metrics.

    Raises:
        UserError: if it is no list of Keras metrics, or two have one name.
    """
    made = _listed("metrics", metrics, "[metric]")
    for metric in made:
        if not isinstance(metric, keras.metrics.Metric):
            way = "Keras metrics with update_state(real, fake), such as keras_gan.metrics.FrechetDistance"
            raise UserError(f"metrics must be {way}, got {_words(metric)}")
    _check_names("metrics", made)
    return made


def fit_arguments(model: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Returns the arguments of `fit()` for Keras: with checked data, and a callback that watches the epochs.

    Raises:
        UserError: if something is wrong with them.
    """
    model._assert_compile_called("fit")
    arguments = _bound(keras.Model.fit, model, args, kwargs)
    _refuse_weights(arguments)
    validates = arguments.get("validation_data") is not None or arguments.get("validation_split")
    if validates and not model.evaluation_metrics:
        raise UserError("nothing to evaluate: give compile() metrics")
    check_training(model, arguments.get("callbacks"))
    expected, watch = model.expected_data, RangeWatch()
    x, y = checked(arguments["x"], arguments.get("y"), expected, watch)
    arguments |= {"x": x, "y": y}
    if hasattr(x, "__array__"):
        watch.finish()
        _check_packing(x.shape[0], arguments, expected.packing)
    elif arguments.get("validation_split"):
        raise UserError("validation_split cuts arrays and tensors: give validation_data with other data")
    if arguments.get("validation_data") is not None:
        arguments["validation_data"] = _checked_validation(arguments["validation_data"], expected)
    return {**arguments, "callbacks": _with_watch(arguments.get("callbacks"), watch)}


def evaluation_arguments(model: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Returns the arguments of `evaluate()` for Keras, with checked data.

    Raises:
        UserError: if something is wrong with them.
    """
    model._assert_compile_called("evaluate")
    if not model.evaluation_metrics:
        raise UserError("nothing to evaluate: give compile() metrics")
    if "_use_cached_eval_dataset" in kwargs:  # From within `fit()`, which has checked them.
        return {"x": args[0], "y": args[1], **kwargs}
    arguments = _bound(keras.Model.evaluate, model, args, kwargs)
    _refuse_weights(arguments)
    watch = RangeWatch()
    x, y = checked(arguments["x"], arguments.get("y"), _unpacked(model.expected_data), watch)
    return {**arguments, "x": x, "y": y, "callbacks": _with_watch(arguments.get("callbacks"), watch)}


def check_save_path(filepath: Any, options: Mapping[str, Any]) -> None:
    """Raises `UserError` if this is no name of the format `.keras`; HDF5, of Keras 2, holds one optimizer only."""
    name, extension = os.path.splitext(str(filepath))
    if extension != ".keras" and not name.startswith("hf://") and "zipped" not in options:
        ways = f"give {name}.keras; save_weights() writes HDF5, export() a SavedModel"
        raise UserError(f"a GAN is saved in the format .keras, not as {filepath}: {ways}")


def check_export_format(format: str) -> None:
    """Raises `UserError` if `export()` is asked for something else than a SavedModel."""
    if format != "tf_saved_model":
        raise UserError(f"a GAN is exported as a SavedModel, format='tf_saved_model', got {format!r}")


def _with_watch(callbacks, watch):
    if isinstance(callbacks, keras.callbacks.CallbackList):  # It is closed.
        return callbacks
    given = [] if callbacks is None else callbacks if isinstance(callbacks, list | tuple) else [callbacks]
    return [*given, EpochWatch(watch)]


def _checked_validation(data, expected):
    if isinstance(data, list | tuple):
        if len(data) == 3 and data[2] is not None:
            raise UserError("a GAN takes no sample weights or class weights")
        if len(data) not in (2, 3):
            raise UserError(f"validation_data must be (images, labels), or images, got {len(data)} parts")
        return checked(data[0], data[1], _unpacked(expected))
    x, y = checked(data, None, _unpacked(expected))
    return x if y is None else (x, y)


def _unpacked(expected):
    """Without packing, because the discriminator takes no part in an evaluation."""
    return Expected(expected.sample_shape, expected.num_classes)


def _check_packing(samples, arguments, packing):
    size = arguments.get("batch_size") or 32
    samples = int(samples * (1.0 - (arguments.get("validation_split") or 0.0)))
    if packing > 1 and (samples % packing or (samples > size and size % packing)):
        raise UserError(f"{packing_message(packing)}; got {samples} samples in batches of {size}")


def _bound(method, model, args, kwargs):
    try:
        arguments = inspect.signature(method).bind(model, *args, **kwargs).arguments
    except TypeError as error:
        raise UserError(f"{method.__name__}() {error}") from None
    more = arguments.pop("kwargs", {})
    return {**{key: value for key, value in arguments.items() if key != "self"}, **more}


def _refuse_weights(arguments):
    if any(arguments.get(key) is not None for key in ("sample_weight", "class_weight")):
        raise UserError("a GAN takes no sample weights or class weights")


def _listed(name, values, example) -> list:
    if values is None:
        return []
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise UserError(f"{name} must be a list, such as {name}={example}, got {_words(values)}")
    return list(values)


def _check_names(what, parts):
    names = [part.name for part in parts]
    if len(set(names)) < len(names):
        raise UserError(f"two {what} have one name: {names}")


def _named_penalty(name):
    cls = _registered("regularizer", name, regularizers.REGULARIZERS)
    try:
        return cls()
    except TypeError:
        raise UserError(f"the regularizer {name} has no default strength: give {cls.__name__}(strength)") from None


def _registered(kind, name, registry) -> Any:
    if name not in registry:
        raise unknown(kind, name, registry)
    return registry[name]


def _is_count(value):
    return not isinstance(value, bool) and hasattr(value, "__index__") and value >= 1


def _words(value):
    """Says what a wrong value is in few words."""
    if isinstance(value, type):
        return f"the class {value.__name__}: give an object, {value.__name__}()"
    return repr(value) if isinstance(value, str | int | float) else f"an object of {type(value).__name__}"
