"""Networks made of networks: several discriminators or generators that act as one.

The results are functional Keras models with the inputs and outputs of their members, so they train, save, resume and
export as any other network does.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers

from keras_gan.copies import copied
from keras_gan.errors import UserError
from keras_gan.layers import ChosenRows, Join, Pack, SplitChoice


def ensemble(*discriminators: keras.Model, share_until: str | None = None, name: str = "ensemble") -> keras.Model:
    """Makes one discriminator of several that judge the same samples, each with a head of its own.

    The loss and the penalties are means over heads; `losses.PerHead` gives each head a loss of its own.

    Args:
        discriminators: at least 2 functional models with the same inputs, images `(batch, ...)` [and one-hot labels
            `(batch, num_classes)`] -> logits `(batch, ..., heads)`. Shapes may differ only in the number of heads.
        share_until: name of a layer, as in `summary()`. All members use the layers of the first one up to it, which are
            computed once. `None` shares nothing.
        name: name of the network.

    Returns:
        functional model of copies of the members, the same inputs -> float32 logits `(batch, ..., heads of all)`.

    Raises:
        UserError: if there are fewer than 2, or they do not fit together.
        ValueError: of Keras, if a member has no layer `share_until`.

    Examples:
        >>> judges = [kg.networks.mlp_discriminator((8, 8, 1)), kg.networks.dcgan_discriminator((8, 8, 1))]
        >>> kg.networks.ensemble(*judges).output_shape
        (None, 2)

    Source: Durugkar et al., "Generative Multi-Adversarial Networks", arXiv:1611.01673, with the mean of the members.
    """
    inputs = _inputs_of(discriminators)
    members, (seen, *labels) = _members(discriminators, share_until, inputs)
    logits = [member(_one_or_more([seen, *labels])) for member in members]
    if len({tuple(each.shape[1:-1]) for each in logits}) > 1:
        raise UserError(f"the members' logits have different shapes: {[tuple(each.shape) for each in logits]}")
    joined = layers.Concatenate(dtype="float32", name="all_logits")(logits)
    return keras.Model(_one_or_more(inputs), joined, name=name)


def mixture(*generators: keras.Model, share_until: str | None = None, name: str = "mixture") -> keras.Model:
    """Makes one generator of several: each sample is made by one member, which is drawn at random.

    Members that are not chosen for a sample are not computed for it. The last latent makes the choice: if `u` is its
    quantile in N(0, 1), member `floor(u * members)` is chosen. So a sample stays a function of its latents, and all
    members are equally likely. If latents are truncated, the members in the middle are more likely.

    Args:
        generators: at least 2 functional models with the same inputs, latents `(batch, latent_dim)` [and one-hot labels
            `(batch, num_classes)`] -> images `(batch, ...)` of one shape.
        share_until: name of a layer, as in `summary()`. All members use the layers of the first one up to it. `None`
            shares nothing.
        name: name of the network.

    Returns:
        functional model of copies of the members, latents `(batch, latent_dim + 1)` [and labels] -> images.

    Raises:
        UserError: if there are fewer than 2, or they do not fit together.
        ValueError: of Keras, if a member has no layer `share_until`.

    Examples:
        >>> makers = [kg.networks.mlp_generator((8, 8, 1), latent_dim=64) for _ in range(2)]
        >>> kg.networks.mixture(*makers).input_shape
        (None, 65)

    Source: Hoang et al., "MGAN: Training Generative Adversarial Nets with Multiple Generators", arXiv:1708.02556,
    without its classifier; shared first layers: Liu and Tuzel, "Coupled Generative Adversarial Networks",
    arXiv:1606.07536.
    """
    if len({tuple(generator.outputs[0].shape[1:]) for generator in generators}) > 1:
        shapes = [tuple(generator.outputs[0].shape[1:]) for generator in generators]
        raise UserError(f"the members make samples of different shapes: {shapes}")
    first, *labels = _inputs_of(generators)
    latents = keras.Input((first.shape[1] + 1,), name="latents")
    own, choice = SplitChoice(len(generators), name="choice")(latents)
    members, seen = _members(generators, share_until, [own, *labels])
    parts = [
        member(_one_or_more([ChosenRows(number)([tensor, choice]) for tensor in seen]))
        for number, member in enumerate(members)
    ]
    images = Join(name="images")([choice, *parts])
    return keras.Model(_one_or_more([latents, *labels]), images, name=name)


def packed(
    make: Callable[..., keras.Model],
    image_shape: Sequence[int],
    num_classes: int | None = None,
    packing: int = 2,
    **kwargs: Any,
) -> keras.Model:
    """Makes a discriminator that judges several samples at once, so that it notices samples that are too alike.

    Args:
        make: function of image shape and number of classes, such as `dcgan_discriminator`.
        image_shape: `(height, width, channels)` of one sample.
        num_classes: number of classes of a conditional network, else `None`.
        packing: int >= 2, number of samples that are judged together; batches must be multiples of it.
        **kwargs: more arguments of `make`.

    Returns:
        functional model, images `(batch, *image_shape)` [and one-hot labels `(batch, num_classes)`] -> float32 logits
        `(batch / packing, ...)`.

    Raises:
        UserError: if `packing` is below 2, or, from the model, if a batch is not a multiple of it.

    Examples:
        >>> discriminator = kg.networks.packed(kg.networks.mlp_discriminator, (8, 8, 1), packing=2)
        >>> discriminator(np.zeros((64, 8, 8, 1))).shape
        TensorShape([32, 1])

    Source: Lin et al., "PacGAN: The power of two samples in generative adversarial networks", arXiv:1712.04086.
    """
    if packing < 2:
        raise UserError(f"packing must be at least 2, got {packing}")
    *sides, channels = image_shape
    network = make((*sides, channels * packing), num_classes and num_classes * packing, **kwargs)
    labels = [keras.Input((num_classes,), name="labels")] if num_classes else []
    inputs = [keras.Input(image_shape, name="images"), *labels]
    parts = [Pack(packing, name=f"packed_{tensor.name}")(tensor) for tensor in inputs]
    return keras.Model(_one_or_more(inputs), network(_one_or_more(parts)), name=f"packed_{network.name}")


def _inputs_of(networks):
    """Makes new inputs of the shapes that all the networks take."""
    if len(networks) < 2:
        raise UserError(f"a combination needs at least 2 networks, got {len(networks)}")
    shapes = [[tuple(tensor.shape[1:]) for tensor in network.inputs] for network in networks]
    if any(shape != shapes[0] for shape in shapes):
        raise UserError(f"the members take different inputs: {shapes}")
    return [keras.Input(tensor.shape[1:], name=tensor.name) for tensor in networks[0].inputs]


def _members(networks, share_until, inputs):
    """Copies the networks, or, if they share layers, what follows these; also returns the tensors that they take."""
    names = [f"member_{number}" for number in range(1, len(networks) + 1)]
    if share_until is None:
        whole = zip(names, networks)
        return [_part(network, network.inputs, network.outputs[0], name) for name, network in whole], inputs
    splits = [network.get_layer(share_until).output for network in networks]
    trunk = _part(networks[0], networks[0].inputs, splits[0], "shared")
    members = [
        _part(network, [split, *network.inputs[1:]], network.outputs[0], name)
        for name, split, network in zip(names, splits, networks)
    ]
    return members, [trunk(_one_or_more(inputs)), *inputs[1:]]


def _part(network, inputs, outputs, name):
    """Copies a part of a network with its weights, because Keras may fail to save two models that share layers."""
    return copied(keras.Model(_one_or_more(inputs), outputs, name=name))


def _one_or_more(tensors):
    return tensors if len(tensors) > 1 else tensors[0]
