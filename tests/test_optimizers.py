import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import keras_gan as kg


def everything(gan):
    """All that a step may change, the clock apart."""
    parts = gan.generator, gan.discriminator, gan.ema_generator, gan.generator_optimizer, gan.discriminator_optimizer
    return [np.array(variable) for part in parts for variable in part.variables]


def assert_unchanged(before, gan):
    for old, new in zip(before, everything(gan), strict=True):
        np.testing.assert_array_equal(old, new)


def scaled(images):
    return images.astype("float32") / 127.5 - 1.0


class NaNGradient(kg.regularizers.Regularizer):
    """Finite, with a gradient that is not: the derivative of a square root at 0, times 0."""

    name = "bad"

    def penalty(self, scorer, real, fake, seed):
        logits = scorer.logits(real)
        return ops.sqrt(ops.sum(logits * 0.0, axis=-1))

    def get_config(self):
        return {}


def batch_norm_gan(**kwargs):
    generator = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(8), keras.layers.BatchNormalization(), keras.layers.Dense(2)]
    )
    discriminator = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(8), keras.layers.BatchNormalization(), keras.layers.Dense(1)]
    )
    gan = kg.GAN(generator, discriminator, seed=0)
    gan.compile(regularizers=[], **kwargs)
    return gan


def test_a_batch_with_nan_changes_nothing_of_the_discriminator_and_the_next_goes_on(make_gan, images):
    gan = make_gan(compile_args={"loss": kg.losses.Relativistic()})  # Paired: the generator sees the batch as well.
    good, bad = scaled(images[0])[:16], scaled(images[0])[16:32]
    bad[3, 4, 4, 0] = np.nan
    gan.train_on_batch(good)
    before = everything(gan)
    for count in (1, 2):
        keras.Model.train_on_batch(gan, bad)  # Unchecked.
        assert_unchanged(before, gan)
        assert int(gan.skipped) == count
    assert int(gan.step) == 3
    gan.train_on_batch(good)
    assert int(gan.skipped) == 0
    assert not np.array_equal(before[0], everything(gan)[0])


def test_nan_in_the_statistics_of_batch_normalisation_is_taken_back():
    gan = batch_norm_gan()
    points = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
    gan.train_on_batch(points)
    before = [weight.numpy() for weight in gan.discriminator.non_trainable_weights]
    points[0] = np.inf
    keras.Model.train_on_batch(gan, points)  # Unchecked.
    assert int(gan.skipped) == 1
    for old, weight in zip(before, gan.discriminator.non_trainable_weights):
        np.testing.assert_array_equal(old, weight.numpy())


def test_a_gradient_with_nan_is_not_applied_though_the_loss_is_finite(make_gan, images):
    gan = make_gan(compile_args={"regularizers": [NaNGradient()]})
    before = [np.array(v) for v in (*gan.discriminator.variables, *gan.discriminator_optimizer.variables)]
    generator = gan.generator.get_weights()
    logs = gan.train_on_batch(images[0][:16], return_dict=True)
    assert np.isfinite(logs["d_loss"])
    assert np.isfinite(logs["bad"])
    for old, new in zip(before, (*gan.discriminator.variables, *gan.discriminator_optimizer.variables)):
        np.testing.assert_array_equal(old, np.array(new))
    assert int(gan.skipped) == 1
    assert not np.array_equal(generator[0], gan.generator.get_weights()[0])  # Its own loss and gradient were finite.


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_nan_in_the_weights_of_one_player_does_not_reach_the_other_nor_the_average(make_gan, images, player):
    gan = make_gan()
    gan.train_on_batch(images[0][:16])
    weight = getattr(gan, player).trainable_weights[0]
    weight.assign(weight * np.nan)
    before = everything(gan)
    gan.train_on_batch(images[0][:16])
    assert_unchanged(before, gan)
    assert int(gan.skipped) == 1
    assert np.isfinite(gan.ema_generator.get_weights()[0]).all()


def test_overflow_of_float16_lowers_the_scale_and_is_no_skipped_step(images):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        gan = kg.GAN(
            kg.networks.mlp_generator((8, 8, 1), latent_dim=4, units=(16,)),
            kg.networks.mlp_discriminator((8, 8, 1), units=(16,)),
            seed=0,
        )
    finally:
        keras.config.set_dtype_policy(policy)
    gan.compile(
        discriminator_optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(), initial_scale=2.0**40)
    )
    before = gan.discriminator.get_weights()
    gan.train_on_batch(images[0][:16])
    assert float(gan.discriminator_optimizer.dynamic_scale) == 2.0**39
    np.testing.assert_array_equal(before[0], gan.discriminator.get_weights()[0])
    assert int(gan.skipped) == 0


REPLICAS = """
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras_gan as kg
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    networks = kg.networks.mlp_generator, kg.networks.mlp_discriminator
    generator, discriminator = [make((8, 8, 1), units=(8,)) for make in networks]
    gan = kg.GAN(generator, discriminator, seed=1)
    gan.compile(regularizers=[])
images = np.random.default_rng(0).uniform(-1, 1, (16, 8, 8, 1)).astype("float32")
gan.train_on_batch(images)
def weights():
    return [np.array(w) for part in (gan.discriminator, gan.discriminator_optimizer) for w in part.variables]
before = weights()
images[0] = np.nan  # On the first replica only.
keras.Model.train_on_batch(gan, images)  # Unchecked.
print("kept", all(np.array_equal(a, b) for a, b in zip(before, weights())), int(gan.skipped.numpy()))
images[0] = 0
gan.train_on_batch(images)
print("moved", not np.array_equal(before[0], weights()[0]), int(gan.skipped.numpy()))
"""


def test_replicas_skip_together():
    done = subprocess.run([sys.executable, "-c", REPLICAS], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-2:] == ["kept True 1", "moved True 0"], done.stderr[-2000:]


def test_then_is_called_only_after_an_update():
    from keras_gan.optimizers import apply_if_finite, prepare_optimizer

    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    optimizer = prepare_optimizer("sgd", network)
    calls = tf.Variable(0)

    @tf.function
    def step(factor):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(network(tf.ones((1, 1)))) * factor
        return apply_if_finite(tape, loss, loss, network, optimizer, lambda: calls.assign_add(1))

    assert [bool(step(tf.constant(factor))) for factor in (1.0, np.inf, np.nan, 2.0)] == [True, False, False, True]
    assert int(calls) == 2


def test_a_rate_is_set_unless_there_is_a_schedule():
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, 10)
    for wrap in (lambda optimizer: optimizer, keras.optimizers.LossScaleOptimizer):
        constant, scheduled = wrap(keras.optimizers.Adam(1e-3)), wrap(keras.optimizers.Adam(schedule))
        for optimizer in (constant, scheduled):
            kg.optimizers.set_constant_rate(optimizer, 0.5)
        assert float(constant.learning_rate) == 0.5
        assert float(scheduled.learning_rate) == pytest.approx(1e-3)


@pytest.mark.parametrize("compiled", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("arguments", [{"beta_1": 0.0, "beta_2": 0.99}, {"weight_decay": 0.1}, {"amsgrad": True}])
def test_adam_is_that_of_keras(arguments, compiled):
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(5, 3)).astype("float32"), rng.normal(size=(8, 5, 3)).astype("float32")

    def after_all(cls):
        weight = keras.Variable(start)
        adam = cls(kg.optimizers.Warmup(1e-2, 4), **arguments)
        adam.build([weight])
        step = tf.function(lambda gradient: adam.apply([gradient], [weight]), jit_compile=compiled, autograph=False)
        for gradient in gradients:
            step(tf.constant(gradient))
        return [np.array(weight), *map(np.array, adam.variables)]

    found = [after_all(cls) for cls in (keras.optimizers.Adam, kg.optimizers.Adam)]
    for theirs, ours in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_adam_takes_gradients_of_some_rows():
    weight = keras.Variable(np.ones((4, 2), "float32"))
    adam = kg.optimizers.Adam(0.1)
    adam.build([weight])
    adam.apply([tf.IndexedSlices(tf.ones((1, 2)), tf.constant([1]), (4, 2))], [weight])
    np.testing.assert_allclose(np.array(weight)[:, 0], [1.0, 0.9, 1.0, 1.0], atol=1e-4)


def test_adam_is_a_few_operations_for_each_weight():
    weight = keras.Variable(np.ones((4, 2), "float32"))
    adam = kg.optimizers.Adam(0.1)
    adam.build([weight])
    graph = tf.function(lambda: adam.apply([tf.ones((4, 2))], [weight])).get_concrete_function().graph
    assert [operation.type for operation in graph.get_operations()].count("ResourceApplyAdam") == 1


def test_adam_comes_back_from_a_file(tmp_path):
    gan = batch_norm_gan(generator_optimizer=kg.optimizers.Adam(1e-3), discriminator_optimizer="adam")
    gan.train_on_batch(np.zeros((4, 2), "float32"))
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    assert type(loaded.generator_optimizer) is kg.optimizers.Adam
    assert type(loaded.discriminator_optimizer) is keras.optimizers.Adam
    assert_unchanged(everything(gan), loaded)
