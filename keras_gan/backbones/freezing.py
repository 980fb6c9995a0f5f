"""Networks that do not train, whatever they are a part of."""

import keras

from keras_gan import copies


def frozen(network: keras.Model) -> keras.Model:
    """Copies a network so that it computes the same at all times: no weight trains, and nothing is dropped.

    Batch normalisation that does not train normalises by its moving averages, also in training.

    Raises:
        UserError: as `copies.copied` does.
    """
    copy = copies.copied(network, _without_dropout)
    copy.trainable = False
    return copy


def _without_dropout(part, config):
    return {**config, **{key: 0.0 for key in ("rate", "drop_path_rate") if key in config}}
