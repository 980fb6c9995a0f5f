"""Networks with functions, classes and layers that Keras does not know."""
# ruff: noqa: PLW0108  # Each network needs layers of its own, and lambdas are what is tested.

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import keras_gan as kg
from keras_gan.copies import copied, float32_copy


def wave(x):
    return tf.sin(x) + x


class Ramp(keras.initializers.Initializer):
    """An initializer without a config."""

    def __init__(self, start):
        self.start = start

    def __call__(self, shape, dtype=None):
        return self.start + tf.reshape(tf.range(np.prod(shape), dtype=tf.float32), shape) / 100.0


class Shrink(keras.constraints.Constraint):
    def __init__(self, by):
        self.by = by

    def __call__(self, weight):
        return self.by * weight


class Scaled(layers.Layer):
    def __init__(self, by=2.0, **kwargs):
        super().__init__(**kwargs)
        self.by = by

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, inputs):
        return self.by * self.scale * inputs


class Block(layers.Layer):
    """A layer that has another one and a function."""

    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function, self.inner = function, layers.Dense(4, activation=function)

    def build(self, shape):
        self.inner.build(shape)

    def call(self, inputs):
        return self.inner(inputs)

    def get_config(self):
        return {**super().get_config(), "function": self.function}


class Silent(layers.Layer):
    """A layer that does not say how it was made."""

    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def call(self, inputs):
        return self.function(inputs)


class Shifted(keras.Model):
    """A functional model with a constructor and a `call` of its own."""

    def __init__(self):
        inputs = keras.Input((4,))
        super().__init__(inputs, layers.Dense(4)(inputs))

    def call(self, inputs):
        return super().call(inputs) + 1.0


class Wave:
    def __call__(self, x):
        return wave(x)

    def method(self, x):
        return wave(x)


def stack(*parts):
    return keras.Sequential([keras.Input((4,)), *parts])


def compiled(x):
    network = stack(layers.Dense(4))
    network.compile("sgd", loss=lambda truth, found: truth - found)
    return network(x)


def shared(x):
    layer = layers.Dense(4, activation=lambda y: tf.exp(-y))
    return layer(layer(x)) + x


def tied(x):
    layer = layers.Dense(4)
    return layers.TimeDistributed(layer)(layer(x)[:, None])[:, 0]


def in_two_networks(x):
    layer = layers.Dense(4, name="same")
    return stack(layer)(stack(layer)(x))


def stepped(x):
    whole = ops.cast(4.0 * x, "int32")
    return layers.Embedding(9, 4)(ops.clip(whole[:, 0], 0, 8)) + ops.cast(whole, "float32")


# Parts of a network: (batch, 4) -> (batch, 4).
PARTS = {
    "function": lambda x: layers.Dense(4, activation=wave)(x),
    "lambda": lambda x: layers.Dense(4, activation=lambda y: tf.abs(y))(x),
    "two lambdas": lambda x: layers.LSTM(4, activation=lambda y: tf.abs(y), recurrent_activation=lambda y: tf.cos(y))(
        x[:, None]
    ),
    "partial": lambda x: layers.Dense(4, activation=functools.partial(tf.nn.leaky_relu, alpha=0.3))(x),
    "object": lambda x: layers.Activation(Wave())(x),
    "method": lambda x: layers.Activation(Wave().method)(x),
    "tf.function": lambda x: layers.Activation(tf.function(wave))(x),
    "initializer": lambda x: layers.Dense(4, kernel_initializer=Ramp(0.5))(x),
    "regularizer": lambda x: layers.Dense(4, kernel_regularizer=lambda w: tf.reduce_sum(w**2))(x),
    "constraint": lambda x: layers.Dense(4, kernel_constraint=Shrink(0.5))(x),
    "layer": lambda x: Scaled(3.0)(x),
    "layer with a layer": lambda x: Block(wave)(x),
    "Lambda": lambda x: layers.Lambda(lambda y: tf.abs(y), output_shape=lambda shape: shape)(x),
    "Lambda with arguments": lambda x: layers.Lambda(lambda y, f: f(y), arguments={"f": wave})(x),
    "nested": lambda x: stack(Scaled(2.0), layers.Lambda(lambda y: tf.sin(y)))(x),
    "wrapper": lambda x: layers.TimeDistributed(layers.Dense(4, activation=lambda y: tf.abs(y)))(x[:, None])[:, 0],
    "wrapped network": lambda x: layers.TimeDistributed(stack(layers.Dense(4, activation=wave), Scaled()))(x[:, None])[
        :, 0
    ],
    "two ways": lambda x: layers.Bidirectional(layers.LSTM(2))(x[:, None]),
    "spectral": lambda x: kg.layers.spectral(layers.Dense(4, activation=lambda y: tf.abs(y)))(x),
    "shared": shared,
    "compiled": compiled,
    "operations": lambda x: ops.map(lambda row: tf.abs(row), ops.clip(x, np.float32(-1.0), np.array(1.0)))[..., ::-1],
    "integers": stepped,
}


def networks(part=lambda x: x, other=lambda x: x):
    latents, samples = keras.Input((4,)), keras.Input((2,))
    generator = keras.Model(latents, layers.Dense(2, activation="tanh")(part(latents)))
    return generator, keras.Model(samples, layers.Dense(1)(other(layers.Dense(4)(samples))))


@pytest.mark.parametrize("name", PARTS)
def test_whatever_networks_are_made_of_is_copied(name):
    """`GAN` copies the generator, for its average, and both networks for the export."""
    generator, discriminator = networks(PARTS[name], PARTS[name])
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    np.testing.assert_allclose(kg.GAN(generator, discriminator)(x), generator(x), atol=1e-6)
    for network, inputs in ((generator, x), (discriminator, x[:, :2])):
        for copy in (copied(network), float32_copy(network)):
            np.testing.assert_allclose(copy(inputs), network(inputs), atol=1e-6)
            copy.set_weights([np.zeros_like(weight) for weight in network.get_weights()])
        assert network.get_weights()[0].any()


def test_nothing_of_the_original_is_changed():
    function, constraint = (lambda y: tf.abs(y)), Shrink(0.5)
    layer = layers.Dense(4, activation=function, kernel_constraint=constraint)
    network = stack(layer)
    known = dict(keras.saving.get_custom_objects())
    copy = copied(network)
    assert (layer.activation, layer.kernel_constraint) == (function, constraint)
    assert (copy.layers[0].activation.__closure__, keras.saving.get_custom_objects()) == (None, known)
    assert copy.layers[0].activation is function


def test_a_model_with_functions_of_the_user_trains_and_exports(tmp_path):
    gan = kg.GAN(*networks(PARTS["Lambda"], PARTS["lambda"]), seed=1)
    gan.compile()
    gan.fit(np.random.default_rng(0).uniform(-1, 1, (32, 2)).astype("float32"), verbose=0)
    gan.export(tmp_path / "1")
    served = kg.export.load(tmp_path / "1")
    np.testing.assert_allclose(served.generate(3), gan.generate(3), atol=1e-6)


def test_members_of_a_combination_may_have_functions_of_the_user():
    members = [networks(other=PARTS[name])[1] for name in ("Lambda", "layer with a layer")]
    x = np.ones((3, 2), "float32")
    expected = np.concatenate([member(x) for member in members], axis=-1)
    np.testing.assert_allclose(kg.networks.ensemble(*members)(x), expected, atol=1e-6)


@pytest.mark.parametrize("player", ["generator", "discriminator"])
@pytest.mark.parametrize(
    ("part", "message"),
    [
        (lambda x: Silent(wave)(x), r"its layer silent\w* \(Silent\) cannot be made .* implement `get_config\(\)`"),
        (lambda x: Shifted()(x), r"Shifted has a call\(\) of its own"),
        (lambda x: layers.Lambda(lambda y: tf.constant(1.0, tf.bfloat16) * y, dtype="bfloat16")(x), "cannot be copied"),
        (tied, "a copy has other weights"),
    ],
)
def test_what_cannot_be_copied_is_said_before_the_training(player, part, message):
    with pytest.raises(kg.UserError, match=message) as error:
        kg.GAN(*(networks(part) if player == "generator" else networks(other=part)))
    assert "\n" not in str(error.value)


def test_networks_that_share_weights_are_refused():
    labels, layer = keras.Input((3,)), layers.Dense(4, name="embedding")
    latents, samples = keras.Input((4,)), keras.Input((2,))
    generator = keras.Model([latents, labels], layers.Dense(2)(latents * layer(labels)))
    discriminator = keras.Model([samples, labels], layers.Dense(1)(layers.Dense(4)(samples) * layer(labels)))
    with pytest.raises(kg.UserError, match="the networks share weights, embedding/kernel"):
        kg.GAN(generator, discriminator)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (PARTS["layer with a layer"], "the generator holds Block, wave, which Keras does not know"),
        (PARTS["constraint"], "the generator holds Shrink, which"),
        (PARTS["Lambda"], "the generator holds <lambda>, which"),
        (PARTS["partial"], "the generator can be trained and exported, but not saved: Cannot serialize"),
        (in_two_networks, "not loaded when saved: two networks in it share the layer same"),
    ],
)
def test_what_a_saved_model_would_miss_is_said_before_the_training(caplog, part, message):
    kg.GAN(*networks(part))
    (line,) = caplog.messages
    assert message in line


def test_what_is_registered_needs_no_warning(caplog, tmp_path):
    known = {"wave": wave, "Scaled": Scaled}
    with keras.saving.custom_object_scope(known):
        kg.GAN(*networks(PARTS["function"], PARTS["layer"]), augmentation=kg.augmentation.Augmentation(("flip",)))
    assert not caplog.messages
    kg.GAN(*networks(), augmentation=lambda images, seed: images)
    assert "the augmentation holds <lambda>" in caplog.text


def test_a_network_that_was_compiled_with_a_loss_of_its_own_can_be_saved(tmp_path):
    generator, discriminator = networks()
    discriminator.compile("adam", loss=lambda truth, found: truth - found)
    gan = kg.GAN(generator, discriminator)
    gan.compile()
    gan.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras").generate(2), gan.generate(2))
    assert discriminator.compiled


def test_a_network_that_cannot_be_saved_stops_a_checkpoint_before_the_training(tmp_path):
    gan = kg.GAN(*networks(PARTS["partial"]))
    gan.compile()
    points = np.zeros((32, 2), "float32")
    with pytest.raises(OSError, match=r"cannot write the checkpoint .*: Cannot serialize object functools"):
        gan.fit(points, verbose=0, callbacks=[kg.callbacks.Checkpoint(tmp_path)])
    assert (int(gan.step), list(tmp_path.iterdir())) == (0, [])


def test_a_copy_computes_in_float32_within_wrappers_too():
    with kg.layers.dtype_policy("mixed_bfloat16"):
        network = kg.networks.dcgan_discriminator((8, 8, 1), width=8, spectral_normalization=True)
    copy = float32_copy(network)
    assert {layer.compute_dtype for layer in copy._flatten_layers()} == {"float32"}
    images = np.random.default_rng(0).uniform(-1, 1, (4, 8, 8, 1)).astype("float32")
    np.testing.assert_allclose(copy(images), network(images), atol=0.05)


def test_a_policy_and_a_cast_of_half_precision_become_float32_and_integers_stay():
    inputs = keras.Input((4,))
    half = layers.Dense(4, activation=wave, dtype=keras.DTypePolicy("mixed_bfloat16"))(ops.cast(inputs, "bfloat16"))
    whole = layers.Lambda(lambda x: tf.cast(x, "int32"), dtype="int32")(100.0 * ops.cast(half, "float32"))
    copy = float32_copy(keras.Model(inputs, [half, whole, ops.zeros_like(whole)]))
    assert [output.dtype for output in copy.outputs] == ["float32", "int32", "int32"]
