"""Convolutions against those of Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gan as kg
from keras_gan import convolutions

# Height, width, channels, features, kernel size, strides: odd sides, several channels, two pixels and three.
SHAPES = [(8, 8, 1, 5, 4, 2), (7, 9, 3, 4, 4, 2), (9, 11, 2, 3, 6, 3), (6, 6, 2, 4, 2, 2), (6, 8, 1, 3, (4, 2), (2, 1))]


def everything(layer, inputs, compiled):
    """Outputs, gradients, and gradients of gradients with respect to inputs and weights, as R1 needs them."""

    @tf.function(jit_compile=compiled, autograph=False)
    def run(inputs):
        weights = [weight.value for weight in layer.trainable_variables]
        with tf.GradientTape() as outer:
            outer.watch(inputs)
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                outputs = layer(inputs)
                total = tf.reduce_sum(tf.sin(outputs))
            gradient = tape.gradient(total, inputs)
            penalty = tf.reduce_sum(tf.cos(gradient) ** 2) + total
        return [outputs, gradient, *outer.gradient(penalty, [inputs, *weights])]

    return run(tf.constant(inputs))


def pair(kind, shape):
    height, width, channels, features, size, strides = shape
    filters = features if kind == "Conv2D" else channels
    layers = [
        getattr(module, kind)(filters, size, strides=strides, padding="same", bias_initializer="random_normal")
        for module in (keras.layers, convolutions)
    ]
    each = (strides, strides) if isinstance(strides, int) else strides
    sides = (height, width) if kind == "Conv2D" else (-(-height // each[0]), -(-width // each[1]))
    inputs = np.random.default_rng(0).normal(size=(3, *sides, channels if kind == "Conv2D" else features))
    inputs = inputs.astype("float32")
    for layer in layers:
        layer(inputs)
    layers[1].set_weights(layers[0].get_weights())
    return layers, inputs


@pytest.mark.parametrize("compiled", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["Conv2D", "Conv2DTranspose"])
def test_numbers_and_all_gradients_are_those_of_keras(kind, shape, compiled):
    if compiled and shape != SHAPES[1]:
        pytest.skip("XLA takes its time to compile; one shape shows it")
    (theirs, ours), inputs = pair(kind, shape)
    for expected, found in zip(everything(theirs, inputs, False), everything(ours, inputs, compiled), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["Conv2D", "Conv2DTranspose"])
def test_weights_of_one_are_loaded_into_the_other(kind, tmp_path):
    (theirs, ours), inputs = pair(kind, SHAPES[0])
    ours.set_weights([np.zeros_like(weight) for weight in ours.get_weights()])
    models = [keras.Sequential([keras.Input(inputs.shape[1:]), layer]) for layer in (theirs, ours)]
    models[0].save_weights(tmp_path / "saved.weights.h5")
    models[1].load_weights(tmp_path / "saved.weights.h5")
    np.testing.assert_allclose(models[1](inputs), models[0](inputs), rtol=1e-4, atol=1e-4)


def test_layers_come_back_from_a_file(tmp_path):
    images = keras.Input((8, 8, 1))
    x = convolutions.Conv2D(3, 4, strides=2, padding="same", activation="relu")(images)
    model = keras.Model(images, convolutions.Conv2DTranspose(1, 4, strides=2, padding="same", use_bias=False)(x))
    model.save(tmp_path / "model.keras")
    inputs = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype("float32")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(inputs), model(inputs))
    assert [type(layer) for layer in loaded.layers[1:]] == [convolutions.Conv2D, convolutions.Conv2DTranspose]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"padding": "valid"}, "padding='same' only"),
        ({"padding": "same", "dilation_rate": 2}, "dilation_rate"),
        ({"padding": "same", "strides": 3}, "multiple of the strides"),
    ],
)
@pytest.mark.parametrize("kind", ["Conv2D", "Conv2DTranspose"])
def test_what_it_cannot_do_is_said(kind, arguments, message):
    with pytest.raises(kg.UserError, match=message):
        getattr(convolutions, kind)(3, 4, **arguments)
