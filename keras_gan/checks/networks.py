"""What can be wrong with the two networks, and with what they are called on."""

from typing import Any

import keras

from keras_gan.errors import UserError


def check_networks(generator: keras.Model, discriminator: keras.Model) -> None:
    """Raises `UserError` if the two networks do not fit each other, or are not of the kind that `GAN` takes."""
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        if not isinstance(network, keras.Model) or not getattr(network, "inputs", None):
            raise UserError(f"the {name} must be a functional or Sequential keras model with its inputs defined")
        if len(network.inputs) > 2 or len(network.outputs) != 1:
            raise UserError(f"the {name} must have one output, and one input or two (the second: one-hot labels)")
        if _takes_indices(network):
            raise UserError(
                f"the {name} takes labels as indices: give it one-hot rows, labels = keras.Input((num_classes,)), and "
                "in place of an Embedding layer Dense(size, use_bias=False)(labels)"
            )
    shared = {id(weight) for weight in generator.weights} & {id(weight) for weight in discriminator.weights}
    if names := [weight.path for weight in generator.weights if id(weight) in shared]:
        raise UserError(
            f"the networks share weights, {names[0]}: give each layers of its own; Keras cannot load such two"
        )
    if len(generator.inputs[0].shape) != 2:
        raise UserError(f"the generator's latents must be (batch, latent_dim), got {generator.inputs[0].shape}")
    made, seen = tuple(generator.outputs[0].shape[1:]), tuple(discriminator.inputs[0].shape[1:])
    if made != seen:
        raise UserError(f"the generator makes samples of shape {made}, the discriminator takes {seen}")
    labels = [tuple(network.inputs[1].shape[1:]) for network in (generator, discriminator) if len(network.inputs) == 2]
    if len(labels) == 1:
        raise UserError("one network is conditional and the other is not: give both a label input, or neither")
    if labels and (labels[0] != labels[1] or len(labels[0]) != 1):
        raise UserError(f"both networks must take one-hot labels (batch, num_classes), got {labels[0]} and {labels[1]}")


def check_inputs(inputs: Any, latent_dim: int, num_classes: int | None) -> None:
    """Raises `UserError` if these are not latents `(batch, latent_dim)`, with labels if the GAN is conditional."""
    parts = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    sizes = [latent_dim] if num_classes is None else [latent_dim, num_classes]
    shapes = [tuple(getattr(part, "shape", ())) for part in parts]
    if len(parts) != len(sizes) or any(shape[1:] != (size,) for shape, size in zip(shapes, sizes)):
        takes = f"latents (batch, {latent_dim})"
        takes = takes if num_classes is None else f"[{takes}, one-hot labels (batch, {num_classes})]"
        raise UserError(f"a GAN is called on {takes}, got {shapes}; generate(num) draws the latents itself")


def _takes_indices(network):
    """Whether the label input is of the shape that an Embedding layer takes, and there is one, or of no length."""
    if len(network.inputs) < 2:
        return False
    shape = tuple(network.inputs[1].shape[1:])
    embeds = any(isinstance(layer, keras.layers.Embedding) for layer in network._flatten_layers())
    return shape == () or (shape == (1,) and embeds)
