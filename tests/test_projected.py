"""The discriminator of projected GANs: what trains in it, what does not, and that it goes wherever others go."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import _tiny, tiny  # noqa: F401

import keras_gan as kg
from keras_gan import presets
from keras_gan.copies import copied
from keras_gan.layers import dtype_policy, frozen_weights
from keras_gan.networks import ensemble, mlp_generator, packed, projected_discriminator

pytestmark = pytest.mark.usefixtures("_tiny")
SHAPE = (8, 8, 1)


def judge(num_classes=None, shape=SHAPE, **kwargs):
    return projected_discriminator(shape, num_classes, width=8, **{"features": "tiny", **kwargs})


def game(num_classes=None, **kwargs):
    gan = kg.GAN(mlp_generator(SHAPE, num_classes, 4, units=(16,)), judge(num_classes), seed=1)
    gan.compile(loss="hinge", **{"regularizers": [], **kwargs})
    return gan


def rows(num_classes, num=4):
    images = np.random.default_rng(1).uniform(-1, 1, (num, *SHAPE)).astype("float32")
    return [images, np.eye(num_classes, dtype="float32")[np.arange(num) % num_classes]] if num_classes else images


def values_of(variables):
    return [np.array(variable) for variable in variables]


@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize(
    ("shape", "patches"), [((8, 8, 1), (1, 1)), ((33, 20, 3), (2, 1)), ((128, 128, 4), (2, 2)), ((16, 64, 3), (1, 4))]
)
def test_each_size_of_map_has_a_head_of_equal_weight(shape, patches, num_classes):
    network = judge(num_classes, shape)
    assert network.outputs[0].shape == (None, *patches, 3)
    assert network.outputs[0].dtype == "float32"


def test_the_heads_have_no_batch_normalisation_because_penalties_do_not_go_with_it():
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in judge().layers)


def test_the_label_changes_the_logits_of_each_head():
    images, labels = rows(3, 3)
    logits = np.array(judge(3)([np.repeat(images[:1], 3, axis=0), labels])).reshape(3, 3)
    assert all(len(np.unique(head)) == 3 for head in logits.T)


def test_mixed_maps_vary_by_about_one_whatever_the_features():
    network = tiny(64, 64)
    images = network.inputs[0]
    larger = keras.Model(images, [1000.0 * each + 5.0 for each in network.outputs])
    makes = [projected_discriminator((64, 64, 3), features=each, width=8) for each in (network, larger)]
    noise = keras.random.normal((8, 64, 64, 3), stddev=0.3)
    for one, other in zip(*(make.get_layer("projection")(noise) for make in makes)):
        np.testing.assert_allclose(one, other, rtol=1e-2, atol=1e-2)
        assert 0.3 < np.std(one) < 3.0


def test_the_mixing_is_drawn_from_the_seed():
    images = rows(None)
    maps = [judge(seed=seed).get_layer("projection")(images)[0] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(maps[0], maps[1])
    assert np.abs(np.array(maps[0]) - maps[2]).max() > 0.1


def test_each_map_sees_those_that_are_coarser():
    """A change of the coarsest map alone reaches all mixed maps, and one of the finest only the finest."""
    fine, coarse = keras.Input((4, 4, 1)), None
    images = keras.Input((4, 4, 2))
    fine, coarse = images[..., :1], keras.layers.AveragePooling2D(2)(images[..., 1:])
    network = projected_discriminator((4, 4, 2), features=keras.Model(images, [fine, coarse]), width=4)
    project = network.get_layer("projection")
    zeros, changed = np.zeros((2, 1, 4, 4, 2), "float32")
    for channel, reached in ((0, [True, False]), (1, [True, True])):
        changed[:] = 0.0
        changed[..., channel] = 1.0
        found = [np.abs(np.array(a) - b).max() > 1e-6 for a, b in zip(project(zeros), project(changed))]
        assert found == reached


@pytest.mark.parametrize("num_classes", [None, 3])
def test_only_the_heads_train(num_classes, images):
    gan = game(num_classes)
    trained, projection = gan.discriminator.trainable_variables, gan.discriminator.get_layer("projection")
    assert all(variable.path.startswith("head_") for variable in trained)
    assert not projection.trainable_variables
    assert len(gan.discriminator_optimizer.variables) < 3 * len(trained) + 3
    # Real and fake move the bias of a logit to opposite sides, so it may stay.
    kernels = [variable for variable in trained if variable.name == "kernel"]
    before, fixed = values_of(kernels), projection.get_weights()
    gan.fit(images[0], images[1] if num_classes else None, batch_size=32, verbose=0)
    assert all((one != other).any() for one, other in zip(before, values_of(kernels)))
    for one, other in zip(fixed, projection.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_the_discriminators_step_stops_at_the_heads():
    """The gradients of the heads come from no gradient of the frozen part, so TensorFlow computes none."""
    network = judge()
    convolutions = sum(layer.name.startswith("head_") and "_down_" in layer.name for layer in network.layers)

    @tf.function(input_signature=[tf.TensorSpec((4, *SHAPE))])
    def gradients(images):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(network(images, training=True))
        return tape.gradient(loss, [variable.value for variable in network.trainable_variables])

    needed, ahead = set(), [tensor.op for tensor in gradients.get_concrete_function().outputs]
    while ahead:
        operation = ahead.pop()
        if operation.name not in needed:
            needed.add(operation.name)
            ahead += [tensor.op for tensor in operation.inputs]
    kinds = [name.rsplit("/")[-1].rstrip("_0123456789") for name in needed if "Backprop" in name]
    # And those of the logits. Spectral normalisation needs the gradient of what each layer takes.
    assert kinds.count("Conv2DBackpropFilter") == kinds.count("Conv2DBackpropInput") == convolutions + 3


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision(policy, images):
    with dtype_policy(policy):
        gan = game(3)
    history = gan.fit(*images, batch_size=32, verbose=0).history
    assert np.isfinite(history["g_loss"]).all()
    assert gan.discriminator.outputs[0].dtype == "float32"


def test_penalties_differentiate_twice(images):
    gan = game(regularizers=["r1"])
    assert np.isfinite(gan.fit(images[0], batch_size=32, verbose=0).history["r1"]).all()


def test_it_saves_trains_on_and_exports(images, tmp_path, monkeypatch):
    gan = game(3)
    gan.fit(*images, batch_size=32, verbose=0)
    gan.save(tmp_path / "model.keras")
    gan.export(tmp_path / "saved")
    monkeypatch.delitem(kg.backbones.BACKBONES, "tiny")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert len(loaded.discriminator.trainable_variables) == len(gan.discriminator.trainable_variables)
    for model in (gan, loaded):
        model.fit(*images, batch_size=32, verbose=0, shuffle=False)
    for one, other in zip(gan.discriminator.get_weights(), loaded.discriminator.get_weights()):
        np.testing.assert_array_equal(one, other)
    served = tf.saved_model.load(tmp_path / "saved").signatures["discriminate"]
    assert served(image=tf.constant(images[0][:2]), label=tf.constant([0, 1], "int64"))["logit"].shape == (2,)


def test_copies_are_as_frozen():
    network = judge()
    assert len(copied(network).trainable_variables) == len(network.trainable_variables)
    both = ensemble(judge(), judge(seed=1))
    assert both.outputs[0].shape == (None, 1, 1, 6)
    assert len(both.trainable_variables) == 2 * len(network.trainable_variables)
    assert len(frozen_weights(both)) == 2 * len(frozen_weights(network))


def test_settings_name_the_features(images):
    config = presets.Config(
        discriminator="projected", features="tiny", width=8, resolution=96, loss="hinge", precision="float32"
    )
    gan = presets.build(config, SHAPE)
    assert gan.discriminator.name == "projected_discriminator"
    assert gan.discriminator.outputs[0].shape == (None, 2, 2, 3)
    assert config.by_key()["discriminator_features"] == "tiny"
    # Another family takes the settings away that it does not have.
    assert config.replace(discriminator="dcgan").discriminator.features == "squeezenet"
    for settings, message in [
        ({"features": "tinny"}, "unknown features 'tinny'"),
        ({"resolution": 32}, "discriminator_resolution must be a whole number"),
        ({"discriminator": "dcgan"}, "discriminator_features is for projected, not dcgan"),
        ({"spectral_normalization": True}, "discriminator_spectral_normalization is for .*, not projected"),
    ]:
        with pytest.raises(kg.UserError, match=message):
            presets.Config(**{"discriminator": "projected", "features": "tiny", **settings})


def test_what_does_not_fit_is_one_line():
    with pytest.raises(kg.UserError, match="images of 1, 3 or 4 channels, got 2"):
        packed(judge_of_shape, SHAPE, packing=2)
    with pytest.raises(kg.UserError, match=r"must take images \(8, 8, 1\), and take \[\(64, 64, 3\)\]"):
        judge(features=tiny(64, 64))
    flat = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten()])
    with pytest.raises(kg.UserError, match="must be maps of known height and width"):
        judge(features=flat)


def judge_of_shape(image_shape, num_classes=None):
    return judge(num_classes, image_shape)
