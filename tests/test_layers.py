"""Layers against linear algebra."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gan as kg
from keras_gan.layers import SpectralNormalization, ZeroMean


def built(kind):
    layer = keras.layers.Dense(5) if kind == "dense" else keras.layers.Conv2D(5, 3, 2, "same", activation="relu")
    shape = (4, 7) if kind == "dense" else (4, 6, 8, 3)
    inputs = np.random.default_rng(0).normal(size=shape).astype("float32")
    normalized = SpectralNormalization(layer)
    normalized(inputs)
    layer.bias.assign(np.arange(5, dtype="float32"))
    return normalized, inputs


@pytest.mark.parametrize("kind", ["dense", "convolution"])
def test_sigma_becomes_the_largest_singular_value(kind):
    normalized, _ = built(kind)
    for _ in range(200):
        sigma = normalized.sigma(training=True)
    kernel = np.array(normalized.layer.kernel).reshape(-1, 5)
    assert float(sigma) == pytest.approx(np.linalg.svd(kernel)[1][0], rel=1e-4)


@pytest.mark.parametrize("kind", ["dense", "convolution"])
def test_the_layer_is_that_of_the_divided_kernel_and_leaves_the_kernel_alone(kind):
    normalized, inputs = built(kind)
    normalized(inputs, training=True)
    kernel = np.array(normalized.layer.kernel)
    found = np.array(normalized(inputs, training=False))
    np.testing.assert_array_equal(normalized(inputs, training=False), found)
    np.testing.assert_array_equal(normalized.layer.kernel, kernel)
    normalized.layer.kernel.assign(kernel / float(normalized.sigma()))
    np.testing.assert_allclose(normalized.layer(inputs), found, rtol=1e-4, atol=1e-5)


def test_the_gradient_goes_through_sigma():
    """Of sum(c * W / sigma): c / sigma - (sum(c * W) / sigma^2) u v'; the kernel's own direction changes nothing."""
    normalized, _ = built("dense")
    for _ in range(300):
        normalized.sigma(training=True)
    kernel = normalized.layer.kernel
    c = np.random.default_rng(1).normal(size=(7, 5)).astype("float32")
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(c * kernel.value / normalized.sigma())
    gradient = np.array(tape.gradient(value, kernel.value))
    u, s, v = np.linalg.svd(np.array(kernel))
    expected = c / s[0] - (c * np.array(kernel)).sum() / s[0] ** 2 * np.outer(u[:, 0], v[0])
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-4)
    assert (gradient * np.array(kernel)).sum() == pytest.approx(0, abs=1e-3)


def test_other_layers_are_refused():
    with pytest.raises(ValueError, match="Dense and Conv2D"):
        SpectralNormalization(keras.layers.LeakyReLU())


def test_round_trip_with_the_vector(tmp_path):
    normalized, inputs = built("convolution")
    model = keras.Sequential([keras.Input(inputs.shape[1:]), normalized])
    model(inputs, training=True)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")(inputs), model(inputs))
    assert kg.layers.SpectralNormalization is SpectralNormalization


@pytest.mark.parametrize(
    ("make", "axis"), [(keras.layers.Conv2D, (0, 1, 2)), (keras.layers.Conv2DTranspose, (0, 1, 3))]
)
def test_what_all_inputs_have_in_common_passes_no_kernel_of_zero_mean(make, axis):
    layer = make(5, 3, padding="same", kernel_constraint=ZeroMean(axis))
    inputs = np.random.default_rng(0).normal(size=(4, 6, 8, 3)).astype("float32")
    layer(inputs)
    assert layer.kernel.constraint is layer.kernel_constraint
    layer.kernel.assign(layer.kernel.constraint(layer.kernel))
    # At the border a kernel sees zeros.
    found = np.array(layer(inputs + 7.0) - layer(inputs))[:, 1:-1, 1:-1]
    np.testing.assert_allclose(found, 0.0, atol=1e-4)
    assert ZeroMean(**layer.kernel_constraint.get_config()).axis == axis
