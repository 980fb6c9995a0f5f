"""Augmentation: what it moves, its gradient, and that it can be left out."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gan as kg
from keras_gan.augmentation import TRANSFORMATIONS, Augmentation

SEED = tf.constant([3, 4], "int64")


def pictures(shape=(32, 9, 12, 3)):
    return tf.constant(np.random.default_rng(0).uniform(-0.7, 0.7, size=shape).astype("float32"))


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_each_transformation_changes_images_and_is_a_function_of_the_seed(name):
    images, augment = pictures(), Augmentation((name,), 1.0)
    once = augment(images, SEED)
    assert once.shape == images.shape
    assert np.isfinite(once).all()
    assert np.abs(once - images).max() > 0.05
    np.testing.assert_array_equal(augment(images, SEED), once)
    assert np.abs(augment(images, SEED + 1) - once).max() > 0.05


def test_probability_zero_leaves_all_alone_and_half_leaves_half():
    images = pictures((400, 6, 6, 1))
    np.testing.assert_array_equal(Augmentation(TRANSFORMATIONS, 0.0)(images, SEED), images)
    changed = np.abs(Augmentation(("contrast",), 0.5)(images, SEED) - images).max(axis=(1, 2, 3)) > 1e-6
    assert 0.4 < changed.mean() < 0.6


@pytest.mark.parametrize(
    ("shape", "compiled"),
    [((4, 8, 8, 1), False), ((4, 7, 13, 3), False), ((4, 28, 20, 4), False), ((4, 7, 13, 3), True)],
    ids=["gray", "odd", "four channels", "xla"],
)
def test_the_gradient_is_that_of_finite_differences(shape, compiled):
    """Given the draws all is linear in the images: differences are exact at any width."""
    images, direction = pictures(shape), pictures(shape)[::-1]
    weights = tf.constant(np.random.default_rng(1).normal(size=shape).astype("float32"))
    augment = Augmentation(TRANSFORMATIONS, 0.7)

    @tf.function(jit_compile=compiled, autograph=False)
    def value_and_gradient(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            value = tf.reduce_sum(weights * augment(images, SEED))
        return value, tape.gradient(value, images)

    analytic = float(tf.reduce_sum(value_and_gradient(images)[1] * direction))
    plus, minus = (float(value_and_gradient(images + sign * 0.5 * direction)[0]) for sign in (1, -1))
    assert analytic != 0
    assert analytic == pytest.approx(plus - minus, rel=1e-3, abs=1e-3)


def test_motion_is_what_its_name_says():
    images = pictures((64, 8, 8, 1))
    flipped = np.array(Augmentation(("flip",), 1.0)(images, SEED))
    mirrored = np.isclose(flipped, images[:, :, ::-1], atol=1e-5).all(axis=(1, 2, 3))
    same = np.isclose(flipped, images, atol=1e-5).all(axis=(1, 2, 3))
    assert (mirrored | same).all()
    assert 10 < mirrored.sum() < 54
    # A bright dot goes as far as an eighth of the side, and a half is rounded away.
    dot = np.full((200, 16, 16, 1), -1.0, "float32")
    dot[:, 8, 8] = 1.0
    moved = (np.array(Augmentation(("translation",), 1.0)(dot, SEED)) + 1).reshape(200, 16, 16)
    rows = (moved.sum(axis=2) * np.arange(16)).sum(axis=1) / moved.sum(axis=(1, 2))
    assert 1.5 < np.abs(rows - 8).max() <= 2.0 + 1e-3
    # Of a picture that is the same everywhere, no motion shows, not even at the border.
    constant = tf.fill((20, 7, 9, 2), 0.3)
    moved = Augmentation(("flip", "translation", "scale", "rotation"), 1.0)(constant, SEED)
    np.testing.assert_allclose(moved, constant, atol=1e-5)


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_colours_change_and_transparency_does_not(name):
    images = np.random.default_rng(0).uniform(-1, 1, (8, 6, 6, 4)).astype("float32")
    changed = Augmentation((name,), 1.0)(images, tf.constant([1, 2], "int64")).numpy()
    np.testing.assert_array_equal(changed[..., 3], images[..., 3])
    assert np.abs(changed[..., :3] - images[..., :3]).max() > 0.01


def test_instance_noise_has_the_deviation_asked_for():
    images = tf.zeros((50, 16, 16, 1))
    assert np.std(Augmentation(("noise",), 1.0, noise=0.3)(images, SEED)) == pytest.approx(0.3, rel=0.05)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="unknown transformation 'spin'"):
        Augmentation(("spin",))
    with pytest.raises(ValueError, match="probability"):
        Augmentation(probability=1.5)
    with pytest.raises(ValueError, match="noise"):
        Augmentation(noise=-1.0)


def test_a_gan_trains_through_it_and_keeps_its_probability(images, tmp_path, make_gan):
    augmentation = Augmentation(probability=0.3)
    regularizers = [kg.regularizers.R1(0.1), kg.regularizers.LeCam(0.1)]
    gan = make_gan(num_classes=3, augmentation=augmentation, compile_args={"regularizers": regularizers})
    augmentation.probability.assign(0.4)
    assert np.isfinite(gan.fit(*images, batch_size=32, verbose=0).history["d_loss"]).all()
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    assert float(loaded.augmentation.probability) == pytest.approx(0.4)
    lecam, copy = gan.regularizers[1], loaded.regularizers[1]
    assert np.abs(lecam.sums).max() > 0
    np.testing.assert_array_equal(copy.sums, lecam.sums)
    for model in (gan, loaded):
        model.fit(*images, batch_size=32, verbose=0, shuffle=False)
    for one, other in zip(gan.get_weights(), loaded.get_weights()):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("sure", "executed"), [(True, 1), (False, 1), (True, 4)])
def test_the_probability_follows_the_discriminator(sure, executed, images, make_gan):
    gan = make_gan(
        augmentation=Augmentation(("contrast",), probability=0.4),
        compile_args={"discriminator_optimizer": keras.optimizers.SGD(0.0), "steps_per_execution": executed},
    )
    # Of brightness alone, which tells the dark images from the fakes; or the same logit for all.
    kernel = gan.discriminator.get_layer("dense_1").kernel
    kernel.assign(np.full(kernel.shape, -0.1 * sure))
    gan.discriminator.get_layer("logits").kernel.assign(np.ones((16, 1)))
    adaptive = kg.callbacks.AdaptiveAugmentation(0.85, every=2, steps=40)
    history = gan.fit(images[0], batch_size=16, epochs=3, verbose=0, callbacks=[adaptive]).history
    # 12 steps, a look each second one; or a look each fourth, for two.
    np.testing.assert_allclose(
        history["augmentation"], 0.4 + (1 if sure else -1) * np.array([4, 8, 12]) / 40, rtol=1e-5
    )


def test_there_must_be_a_probability_to_move(images, make_gan):
    with pytest.raises(ValueError, match="needs a GAN with an augmentation"):
        make_gan().fit(images[0], callbacks=[kg.callbacks.AdaptiveAugmentation()], verbose=0)


def test_a_rollback_at_the_same_step_is_no_trouble(images, make_gan):
    class Reset(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.reset_metrics()

    gan = make_gan(augmentation=Augmentation(("contrast",), probability=0.5), compile_args={"run_eagerly": True})
    watch = kg.callbacks.HealthMonitor(images[0], every=1)
    gan.fit(images[0], verbose=0, callbacks=[Reset(), kg.callbacks.AdaptiveAugmentation(every=1), watch])
    assert float(gan.augmentation.probability) == 0.5
    assert watch.looks == []
