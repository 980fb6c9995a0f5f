"""Penalties against analytic gradients, and their own gradients against finite differences."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gan as kg
from keras_gan import regularizers
from keras_gan.regularizers import REGULARIZERS, Scorer, register_regularizer

SEED = tf.constant([1, 2], "int64")
ALL = [cls(2.0) for cls in REGULARIZERS.values()]
# The averages of one with a state are constants to its gradient, and move from call to call.
STATELESS = [regularizer for regularizer in ALL if not isinstance(regularizer, keras.layers.Layer)]


def penalty(regularizer, discriminate, real, fake):
    regularizer.prepare(discriminate(real).shape)
    return regularizer.penalty(Scorer(discriminate), real, fake, SEED)


def points(seed, shape=(6, 2)):
    return tf.constant(np.random.default_rng(seed).normal(size=shape).astype("float32"))


def quadratic(x):
    """D(x) = x0^2 + 3 x1, of gradient (2 x0, 3)."""
    return x[:, :1] ** 2 + 3.0 * x[:, 1:]


def squared_norm(x):
    return 4.0 * x[:, 0] ** 2 + 9.0


def test_r1_and_r2_match_the_analytic_gradient():
    real, fake = points(0), points(1)
    np.testing.assert_allclose(
        penalty(regularizers.R1(0.5), quadratic, real, fake), 0.25 * squared_norm(real), rtol=1e-5
    )
    np.testing.assert_allclose(penalty(regularizers.R2(2.0), quadratic, real, fake), squared_norm(fake), rtol=1e-5)


def test_gradient_penalty_matches_the_analytic_gradient():
    real, fake = points(0), points(1)
    a = tf.random.stateless_uniform((6, 1), SEED, alg="philox")
    assert float(tf.reduce_min(a)) >= 0
    assert float(tf.reduce_max(a)) <= 1
    between = a * real + (1 - a) * fake
    expected = 3.0 * (np.sqrt(squared_norm(between)) - 1) ** 2
    np.testing.assert_allclose(penalty(regularizers.GradientPenalty(3.0), quadratic, real, fake), expected, rtol=1e-4)


def test_heads_are_penalised_each_for_itself():
    real, fake = points(0), points(1)

    def two_heads(x):
        # Their gradients, (2 x0, 3) and (-2 x0, 0), cancel in part where they are summed.
        return tf.concat([quadratic(x), -(x[:, :1] ** 2)], axis=1)

    norms = squared_norm(real), 4.0 * real[:, 0] ** 2
    np.testing.assert_allclose(penalty(regularizers.R1(2.0), two_heads, real, fake), np.mean(norms, axis=0), rtol=1e-5)
    around = penalty(regularizers.DRAGAN(1.0, 0.0), two_heads, real, fake)
    np.testing.assert_allclose(around, np.mean((np.sqrt(norms) - 1) ** 2, axis=0), rtol=1e-4)


def test_dragan_matches_the_analytic_gradient():
    real, fake = points(0), points(1)
    noise = tf.random.stateless_normal((6, 2), SEED, alg="philox")
    around = real + 0.25 * np.std(real) * noise
    expected = 2.0 * (np.sqrt(squared_norm(around)) - 1) ** 2
    np.testing.assert_allclose(penalty(regularizers.DRAGAN(2.0, 0.25), quadratic, real, fake), expected, rtol=1e-4)


def test_lecam_holds_logits_to_the_averages_of_the_other_kind():
    real, fake = points(0), points(1)
    lecam = regularizers.LeCam(0.5, decay=0.75)
    real_logits, fake_logits = (np.array(quadratic(x))[:, 0] for x in (real, fake))
    # The first averages are those of the first batch.
    expected = 0.5 * ((real_logits - fake_logits.mean()) ** 2 + (fake_logits - real_logits.mean()) ** 2)
    np.testing.assert_allclose(penalty(lecam, quadratic, real, fake), expected, rtol=1e-5)
    # The second: (0.75 * 0.25 * first + 0.25 * second) / (0.75 * 0.25 + 0.25).
    average = (
        0.75 * np.array([real_logits.mean(), fake_logits.mean()]) + [fake_logits.mean(), real_logits.mean()]
    ) / 1.75
    expected = 0.5 * ((fake_logits - average[1]) ** 2 + (real_logits - average[0]) ** 2)
    np.testing.assert_allclose(penalty(lecam, quadratic, fake, real), expected, rtol=1e-5)


def test_lecam_differentiates_the_logits_and_not_the_averages():
    weight = tf.Variable([[1.0], [2.0]])
    real, fake = points(0), points(1)
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(penalty(regularizers.LeCam(1.0), lambda x: x @ weight, real, fake))
    first, second = (np.array(x @ weight) for x in (real, fake))
    expected = 2 * np.mean((first - second.mean()) * real + (second - first.mean()) * fake, axis=0)
    np.testing.assert_allclose(tape.gradient(value, weight)[:, 0], expected, rtol=1e-4)


def test_patches_are_summed():
    def two_patches(x):
        return tf.concat([quadratic(x), quadratic(x)], axis=1)[..., tf.newaxis]

    real = points(0)
    np.testing.assert_allclose(
        penalty(regularizers.R1(1.0), two_patches, real, real), 2.0 * squared_norm(real), rtol=1e-5
    )


def test_gradient_penalty_has_a_finite_gradient_where_the_discriminator_is_flat():
    weight = tf.Variable([[0.0], [0.0]])
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(penalty(regularizers.GradientPenalty(), lambda x: x @ weight, points(0), points(1)))
    assert np.isfinite(tape.gradient(value, weight)).all()


def float64_discriminator(kind):
    """Layers that penalties must differentiate twice; in float64, where small steps cross no kink of LeakyReLU."""
    layers = {
        "dense": [keras.layers.Flatten(), keras.layers.Dense(8), keras.layers.LeakyReLU(0.2)],
        "convolution": [keras.layers.Conv2D(4, 4, 2, "same"), keras.layers.LeakyReLU(0.2), keras.layers.Conv2D(4, 3)],
        "transposed": [keras.layers.Conv2DTranspose(3, 4, 2, "same"), keras.layers.LeakyReLU(0.2)],
        "resized": [keras.layers.UpSampling2D(2), keras.layers.Conv2D(3, 3), keras.layers.LeakyReLU(0.2)],
    }[kind]
    return keras.Sequential(
        [keras.Input((6, 6, 1), dtype="float64"), *layers, keras.layers.Flatten(), keras.layers.Dense(1)]
    )


@pytest.fixture
def _float64():
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.usefixtures("_float64")
@pytest.mark.parametrize("regularizer", STATELESS, ids=lambda r: r.name)
@pytest.mark.parametrize("compiled", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("kind", ["dense", "convolution", "transposed", "resized"])
def test_gradient_with_respect_to_weights_matches_finite_differences(regularizer, compiled, kind):
    discriminator = float64_discriminator(kind)
    real, fake = (tf.constant(np.random.default_rng(seed).normal(size=(3, 6, 6, 1))) for seed in (0, 1))

    # The same draws for the value and for its gradient: XLA has numbers of its own.
    @tf.function(jit_compile=compiled, autograph=False)
    def penalty_and_gradient():
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(penalty(regularizer, lambda x: discriminator(x, training=True), real, fake))
        return value, tape.gradient(value, [v.value for v in discriminator.trainable_variables])

    # Along one random direction in all weights, by central differences. Biases may have no part in the penalty.
    rng = np.random.default_rng(0)
    direction = [rng.normal(size=v.shape) for v in discriminator.trainable_variables]
    gradients = penalty_and_gradient()[1]
    analytic = sum(float(tf.reduce_sum(g * d)) for g, d in zip(gradients, direction) if g is not None)
    start, step = discriminator.get_weights(), 1e-6
    values = []
    for sign in (1, -1):
        discriminator.set_weights([w + sign * step * d for w, d in zip(start, direction)])
        values.append(float(penalty_and_gradient()[0]))
    assert analytic != 0
    assert analytic == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-4)


@pytest.mark.parametrize("regularizer", ALL, ids=lambda r: r.name)
def test_round_trip(regularizer):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(regularizer))
    assert type(copy) is type(regularizer)
    assert copy.get_config() == regularizer.get_config()
    # An argument that the config leaves out would be lost on saving.
    assert list(copy.get_config()) == list(inspect.signature(type(regularizer)).parameters)


@pytest.mark.parametrize("cls", REGULARIZERS.values())
@pytest.mark.parametrize("strength", [-1.0, float("nan")])
def test_refuses_negative_strength(cls, strength):
    with pytest.raises(ValueError, match="must be a number >= 0"):
        cls(strength)


def test_lecam_keeps_averages_for_each_head():
    real, fake = points(0), points(1)

    def two_heads(x):
        return tf.concat([quadratic(x), -3.0 * quadratic(x)], axis=1)

    each = [
        penalty(regularizers.LeCam(), lambda x, head=head: two_heads(x)[:, head : head + 1], real, fake)
        for head in (0, 1)
    ]
    np.testing.assert_allclose(penalty(regularizers.LeCam(), two_heads, real, fake), sum(each) / 2, rtol=1e-5)


def test_each_batch_passes_the_discriminator_once():
    passes = []

    def discriminate(x):
        passes.append(x)
        return quadratic(x)

    real, fake = points(0), points(1)
    scorer = Scorer(discriminate)
    for regularizer in ALL:
        regularizer.prepare((None, 1))
        regularizer.penalty(scorer, real, fake, SEED)
    np.testing.assert_array_equal(scorer.logits(real), quadratic(real))
    np.testing.assert_allclose(scorer.gradient_norms(real)[:, 0], squared_norm(real), rtol=1e-5)
    # Penalties may judge other points beside the batches, but no samples twice.
    assert not any(one is other for i, one in enumerate(passes) for other in passes[:i])
    assert sum(each is real for each in passes) == sum(each is fake for each in passes) == 1


def test_what_cannot_be_registered_is_said():
    class Penalty(regularizers.R1):
        name = "r1"

    with pytest.raises(kg.UserError, match="Penalty needs another name: r1 is the name of R1"):
        register_regularizer(Penalty)
    with pytest.raises(kg.UserError, match="Nameless needs a name"):
        register_regularizer(type("Nameless", (regularizers.R1,), {}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(REGULARIZERS, "dropout", regularizers.R1)
        with pytest.raises(kg.UserError, match="a penalty has the name of a setting, dropout"):
            kg.presets.Config()
    # A notebook may run a cell twice.
    assert register_regularizer(regularizers.R1) is regularizers.R1
