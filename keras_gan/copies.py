"""Copies of networks in memory, whatever functions and classes of the user's are in them."""

import contextlib
import itertools
import logging
import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
from keras import tree

from keras_gan.errors import UserError, cause_of

logger = logging.getLogger(__name__)

# Types that a copy in float32 leaves as they are.
_NOT_FLOATING = ("int", "uint", "bool", "string")


def copied(network: keras.Model, change: Callable[[Any, dict], dict] = lambda part, config: config) -> keras.Model:
    """Copies a network with its weights.

    Its functions and classes need not be registered with Keras, and may be lambdas: the copy uses the same objects.

    Args:
        network: functional or Sequential model.
        change: function of a layer or operation and its config, which returns the config of its copy.

    Raises:
        UserError: if the network cannot be copied, because a layer does not say how it was made.
    """

    def copy_part(part):
        try:
            with _stand_ins(part) as originals:
                config = change(part, part.get_config())
            with _known_to_keras(originals):
                return type(part).from_config(config)
        except Exception as error:
            if not isinstance(part, keras.layers.Layer):
                return part  # An operation such as `keras.ops.reshape` has no state, so both networks can use it.
            raise UserError(
                f"the network {network.name} can be neither copied nor saved: its layer {part.name} "
                f"({type(part).__name__}) cannot be made from what its get_config() returns: {cause_of(error)}"
            ) from error

    try:
        with _not_compiled(_models(network)):
            copy = keras.models.clone_model(network, clone_function=copy_part, recursive=True)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"the network {network.name} cannot be copied: {cause_of(error)}") from error
    for model, same in zip(_models(network), _models(copy)):
        if type(model).call is not type(same).call:
            raise UserError(
                f"the network {network.name} cannot be copied: {type(model).__name__} has a call() of its own beside "
                "its graph of layers; put what it does into a layer"
            )
    try:
        copy.set_weights(network.get_weights())
    except ValueError as error:
        raise UserError(
            f"the network {network.name} can be neither copied nor saved: a copy has other weights. Layers within "
            "wrappers and layers of your own must share no weights with others"
        ) from error
    return copy


def float32_copy(network: keras.Model) -> keras.Model:
    """Copies a network so that it computes in float32, whatever the policy of the original.

    A moving average changes by less in a step than bfloat16 or float16 can hold.

    Raises:
        UserError: as `copied` does.
    """
    copy = copied(network, _in_float32)
    copy.trainable = False
    return copy


def check_copyable(network: keras.Model) -> None:
    """Raises `UserError` if there can be no `float32_copy` of a network."""
    state = random.getstate()
    float32_copy(network)
    random.setstate(state)  # Layers draw the seeds of their initializers: those made later must not depend on this.


def warn_of_unregistered(**parts: Any) -> None:
    """Logs a warning if a saved model would not load, because Keras will not find what is unregistered, or a lambda.

    Args:
        **parts: networks that `copied` can copy, and functions or `None`, by what they are called in the warning.
    """
    for role, part in parts.items():
        try:
            with warnings.catch_warnings(action="ignore"):
                keras.saving.serialize_keras_object(part)
        except Exception as error:
            logger.warning("the %s can be trained and exported, but not saved: %s", role, cause_of(error))
            continue
        if layer := _in_two_models(part):
            logger.warning(
                "the %s can be trained and exported, but not loaded when saved: two networks in it share the layer %s",
                role,
                layer.name,
            )
        elif names := dict.fromkeys(_name(each) for each in _held(part) if not _is_registered(each)):
            logger.warning(
                "the %s holds %s, which Keras does not know, so a saved model does not load by itself: decorate it "
                "with keras.saving.register_keras_serializable(), and make a lambda a function with a name",
                role,
                ", ".join(names),
            )


def _in_two_models(part):
    """Returns a layer that belongs to two of the models that make up a network, or `None`; Keras cannot load such."""
    models = _models(part) if isinstance(part, keras.Model) else []
    seen = [layer for model in models for layer in model.layers if layer.weights and not isinstance(layer, keras.Model)]
    return next((layer for layer in seen if sum(layer is each for each in seen) > 1), None)


def config_of(network: keras.Model) -> dict:
    """Serializes a network without the loss and optimizer that it may have been compiled with: a GAN uses its own."""
    with _not_compiled(_models(network)):
        return keras.saving.serialize_keras_object(network)


def _held(part):
    """Returns the functions and classes of the user's that Keras must find to make a network or a function again."""
    if not isinstance(part, keras.Operation):
        return [part] if _is_foreign(part) else []
    if isinstance(part, keras.Model):
        layers = [layer for layer in part._flatten_layers(include_self=False) if not isinstance(layer, keras.Model)]
        models = [type(model) for model in _models(part) if not _is_of_keras(model)]
        return [*models, *itertools.chain.from_iterable(map(_held, layers))]
    with _stand_ins(part) as originals:
        config = repr(part.get_config())
    return [each for name, each in originals.items() if isinstance(each, type) or name in config]


def _name(part):
    return getattr(part, "__name__", type(part).__name__)


def _is_registered(part):
    part = part if hasattr(part, "__name__") else type(part)
    return keras.saving.get_registered_object(keras.saving.get_registered_name(part)) is part


@contextlib.contextmanager
def _known_to_keras(objects):
    known = keras.saving.get_custom_objects()
    before = dict(known)
    known.update(objects)  # A scope would hide the objects of a scope around it.
    try:
        yield
    finally:
        known.clear()
        known.update(before)


def _in_float32(part, config):
    return _with_float32(config) if isinstance(part, keras.layers.Layer) or config.get("dtype") else config


def _with_float32(config):
    """Returns a config with every floating type, also those of the layers within, set to float32."""
    if isinstance(config, dict):
        return {
            key: "float32" if key == "dtype" and _is_floating(value) else _with_float32(value)
            for key, value in config.items()
        }
    return type(config)(map(_with_float32, config)) if type(config) in (list, tuple) else config


def _is_floating(dtype):
    """Whether a type, or the config of a policy, is floating; no type at all means that of the policy."""
    name = (dtype.get("config") or {}).get("name") if isinstance(dtype, dict) else getattr(dtype, "name", dtype)
    return not str(name).startswith(_NOT_FLOATING)


@contextlib.contextmanager
def _stand_ins(layer: keras.Operation) -> Iterator[dict[str, Any]]:
    """Puts functions that Keras can name in the place of those that it cannot, within a layer and the layers in it.

    Gives the custom objects that turn the layer's config into a layer again: the originals by the names of their
    stand-ins, and classes by their own.
    """
    numbers, before, originals = itertools.count(), [], {}

    def stand_in(value):
        if isinstance(value, dict):
            return {key: stand_in(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [stand_in(each) for each in value]
        if not _is_foreign(value):
            return value

        def function(*args, **kwargs):
            return value(*args, **kwargs)

        # For a `get_config` that reads them.
        public = [name for name in dir(value) if not name.startswith("__")]
        vars(function).update({name: getattr(value, name, None) for name in public})
        function.__name__ = f"keras_gan_stand_in_{next(numbers)}"
        originals[function.__name__] = value
        return function

    parts = [layer, *layer._flatten_layers(include_self=False)] if isinstance(layer, keras.layers.Layer) else [layer]
    for part in parts:
        if not _is_of_keras(part):
            originals[keras.saving.get_registered_name(type(part))] = type(part)
        for key, value in list(vars(part).items()):
            # Keras wraps these two methods of every layer.
            if key not in ("build", "quantize") and any(map(_is_foreign, tree.flatten(value))):
                before.append((vars(part), key, value))
                vars(part)[key] = stand_in(value)
    try:
        yield originals
    finally:
        for attributes, key, value in before:
            attributes[key] = value


def _is_foreign(value):
    """Whether a value is a function, or an object that acts as one, that Keras may not be able to name."""
    return callable(value) and not isinstance(value, (keras.Operation, type)) and not _is_of_keras(value)


def _is_of_keras(value):
    named = value if hasattr(value, "__qualname__") else type(value)
    return (getattr(named, "__module__", None) or "").split(".")[0] == "keras"


def _models(network):
    return [part for part in network._flatten_layers() if isinstance(part, keras.Model)]


@contextlib.contextmanager
def _not_compiled(models):
    """Within the context no model counts as compiled: a GAN does not use the loss that a network was compiled with."""
    before = [model for model in models if model.compiled]
    for model in before:
        model.compiled = False
    try:
        yield
    finally:
        for model in before:
            model.compiled = True
