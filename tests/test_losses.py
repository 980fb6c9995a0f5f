"""Each loss against numbers worked out by hand, in one shared contract."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan import losses

LN2 = 0.6931472
# softplus(1), softplus(-1), softplus(2), softplus(-2), softplus(3), softplus(-3)
S1, SM1, S2, SM2, S3, SM3 = 1.3132617, 0.3132617, 2.1269280, 0.1269280, 3.0485874, 0.0485874

REAL = [[1.0], [0.0], [2.0]]
FAKE = [[-1.0], [0.0], [1.0]]
CASES = [
    (losses.NonSaturating, [SM1 + SM1, LN2 + LN2, SM2 + S1], [S1, LN2, SM1]),
    (losses.Minimax, [SM1 + SM1, LN2 + LN2, SM2 + S1], [-SM1, -LN2, -S1]),
    (losses.LeastSquares, [0.5, 0.5, 1.0], [2.0, 0.5, 0.0]),
    (losses.Hinge, [0.0, 2.0, 2.0], [1.0, 0.0, -1.0]),
    (losses.Wasserstein, [-2.0, 0.0, -1.0], [1.0, 0.0, -1.0]),
    (losses.Relativistic, [SM2, LN2, SM1], [S2, LN2, S1]),
    (
        losses.KullbackLeibler,
        [SM1 - np.log(S1), LN2 - np.log(LN2), S1 - np.log(S2)],
        [-SM1, -LN2, -S1],
    ),
    (
        losses.ReverseKullbackLeibler,
        [S1 - np.log(SM1), LN2 - np.log(LN2), S2 - np.log(S1)],
        [np.log(SM1), np.log(LN2), np.log(S1)],
    ),
]


@pytest.mark.parametrize(("cls", "d_expected", "g_expected"), CASES)
def test_matches_hand_computed_numbers(cls, d_expected, g_expected):
    loss = cls()
    real, fake = np.array(REAL, "float32"), np.array(FAKE, "float32")
    np.testing.assert_allclose(loss.discriminator_loss(real, fake)[:, 0], d_expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(loss.generator_loss(real, fake)[:, 0], g_expected, rtol=1e-6)


@pytest.mark.parametrize("cls", [losses.NonSaturating, losses.Minimax, losses.LeastSquares])
def test_label_smoothing_moves_the_discriminators_real_target_alone(cls):
    real, fake = np.array(REAL, "float32"), np.array(FAKE, "float32")
    plain, smooth = cls(), cls(label_smoothing=0.1)
    if cls is losses.LeastSquares:
        expected = [0.5 * (0.1**2 + 1.0), 0.5 * 0.9**2, 0.5 * (1.1**2 + 1.0)]
    else:
        # Cross-entropy with the target 0.9: 0.9 softplus(-real) + 0.1 softplus(real).
        expected = [0.9 * SM1 + 0.1 * S1 + SM1, LN2 + LN2, 0.9 * SM2 + 0.1 * S2 + S1]
    np.testing.assert_allclose(smooth.discriminator_loss(real, fake)[:, 0], expected, rtol=1e-6)
    np.testing.assert_array_equal(smooth.generator_loss(real, fake), plain.generator_loss(real, fake))
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(smooth))
    assert copy.get_config() == {"label_smoothing": 0.1}
    with pytest.raises(ValueError, match="label_smoothing"):
        cls(label_smoothing=1.0)


@pytest.mark.parametrize("cls", [case[0] for case in CASES])
def test_is_elementwise_for_logits_of_any_shape(cls):
    loss = cls()
    real, fake = np.random.default_rng(0).normal(size=(2, 5, 3, 3, 2)).astype("float32")
    whole = loss.discriminator_loss(real, fake), loss.generator_loss(real, fake)
    flat = loss.discriminator_loss(real.ravel(), fake.ravel()), loss.generator_loss(real.ravel(), fake.ravel())
    for one, other in zip(whole, flat):
        assert one.shape == real.shape
        np.testing.assert_allclose(np.ravel(one), other, rtol=1e-6)


@pytest.mark.parametrize("cls", [case[0] for case in CASES])
def test_unpaired_losses_do_not_read_the_real_logits(cls):
    loss = cls()
    fake = np.array(FAKE, "float32")
    if not loss.paired:
        assert loss.generator_loss(None, fake).shape == fake.shape


@pytest.mark.parametrize("cls", [case[0] for case in CASES])
def test_large_logits_stay_finite(cls):
    loss = cls()
    big = np.array([[1e4], [-1e4]], "float32")
    assert np.isfinite(loss.discriminator_loss(big, -big)).all()
    assert np.isfinite(loss.generator_loss(big, -big)).all()


@pytest.mark.parametrize("cls", [case[0] for case in CASES])
def test_round_trip(cls):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(cls()))
    assert type(copy) is cls
    assert copy.get_config() == cls().get_config()
    # An argument that the config leaves out would be lost on saving.
    assert list(copy.get_config()) == list(inspect.signature(cls).parameters)


@pytest.mark.parametrize("cls", [losses.KullbackLeibler, losses.ReverseKullbackLeibler])
def test_the_logarithm_of_a_softplus_is_finite_and_right_far_out(cls):
    far = np.array([[-80.0], [-16.0], [-14.0], [50.0]], "float32")
    with tf.GradientTape() as tape:
        x = tf.Variable(far)
        loss = tf.reduce_sum(cls(2.0).discriminator_loss(x, x))
    softplus = np.logaddexp(0.0, far.astype("float64"))
    np.testing.assert_allclose(loss, np.sum(softplus - 2.0 * np.log(softplus)), rtol=1e-6)
    sigmoid = 1.0 / (1.0 + np.exp(-far.astype("float64")))
    np.testing.assert_allclose(tape.gradient(loss, x), sigmoid - 2.0 * sigmoid / softplus, rtol=1e-5)
    with pytest.raises(ValueError, match="weight"):
        cls(0.0)


def test_each_head_has_its_own_loss():
    real, fake = np.random.default_rng(0).normal(size=(2, 5, 3, 2)).astype("float32")
    loss = losses.PerHead([losses.Relativistic(), losses.NonSaturating(label_smoothing=0.2)])
    assert loss.paired
    for player in ("discriminator_loss", "generator_loss"):
        whole = np.array(getattr(loss, player)(real, fake))
        for head, member in enumerate(loss.losses):
            np.testing.assert_array_equal(whole[..., head], getattr(member, player)(real[..., head], fake[..., head]))
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert [type(member).__name__ for member in copy.losses] == ["Relativistic", "NonSaturating"]
    assert copy.losses[1].label_smoothing == 0.2
    unpaired = losses.PerHead([losses.Hinge()] * 2)
    assert not unpaired.paired
    np.testing.assert_array_equal(unpaired.generator_loss(None, fake), -fake)
    with pytest.raises(ValueError, match="3 losses, the discriminator 2 heads"):
        losses.PerHead([losses.Hinge()] * 3).discriminator_loss(real, fake)


def test_scores_are_higher_for_what_passes_for_real():
    logits = np.array([[2.0, 3.0]], "float32")
    np.testing.assert_array_equal(losses.NonSaturating().score(logits), logits)
    d2gan = losses.PerHead([losses.KullbackLeibler(), losses.ReverseKullbackLeibler()])
    np.testing.assert_array_equal(d2gan.score(logits), [[2.0, -3.0]])


def test_a_loss_is_named_by_its_class():
    class LSGAN2(losses.Hinge):
        pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(losses, "LOSSES", {})
        losses.register_loss(LSGAN2)
        losses.register_loss(losses.NonSaturating)
        assert list(losses.LOSSES) == ["lsgan2", "non_saturating"]
    assert {case[0] for case in CASES} == set(losses.LOSSES.values())
