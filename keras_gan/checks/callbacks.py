"""What of Keras does not go with a model that has two optimizers."""

from typing import Any

import keras

from keras_gan.errors import UserError


def check_training(model: keras.Model, callbacks: Any) -> None:
    """Raises `UserError` if Keras cannot train the model as it is compiled, or with these callbacks.

    Args:
        model: a compiled `GAN`.
        callbacks: the callbacks of `fit()`, in any nesting.
    """
    for option, given in (("steps_per_execution", model.steps_per_execution > 1), ("jit_compile", model.jit_compile)):
        if given and model.distribute_strategy.num_replicas_in_sync > 1:
            raise UserError(f"Keras does not train on several replicas with {option}: leave it out of compile()")
    for callback in keras.tree.flatten(callbacks):
        parts = callback.callbacks if isinstance(callback, keras.callbacks.CallbackList) else [callback]
        for part in parts:
            _check_callback(part, model)


def _check_callback(callback, model):
    """Raises `UserError` if a callback of Keras does not go with a GAN."""
    of_keras, name = keras.callbacks, type(callback).__name__
    if isinstance(callback, of_keras.ReduceLROnPlateau | of_keras.LearningRateScheduler):
        own = "ReduceLROnPlateau" if isinstance(callback, of_keras.ReduceLROnPlateau) else "LearningRateScheduler"
        raise UserError(f"{name} of Keras moves the rate of one optimizer, but a GAN has two: use kg.callbacks.{own}")
    if isinstance(callback, of_keras.SwapEMAWeights):
        raise UserError(f"leave out {name}: a GAN averages its generator by itself (ema_decay, ema_generator)")
    if isinstance(callback, of_keras.TerminateOnNaN):
        raise UserError(f"{name} looks at a loss that a GAN does not log: use kg.callbacks.Rollback")
    if isinstance(callback, of_keras.TensorBoard) and callback.write_steps_per_second:
        raise UserError(f"leave out write_steps_per_second: {name} counts the steps of one optimizer, a GAN has two")
    if isinstance(callback, of_keras.EarlyStopping) or getattr(callback, "save_best_only", False):
        figure = callback.monitor.removeprefix("val_")
        if figure == "loss" and figure not in [metric.name for metric in model.metrics]:
            raise UserError(f"{name} monitors {callback.monitor}, which a GAN does not log: give monitor= and mode=")
        if callback.mode == "auto" and figure != "loss":
            message = f"{name} cannot know whether {callback.monitor} should fall or rise"
            raise UserError(f"{message}: give mode='min' or mode='max'")
