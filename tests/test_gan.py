import keras
import numpy as np
import pytest
import tensorflow as tf
from same import same_images

import keras_gan as kg
from keras_gan import gan as gan_module

# One or a few steps are sooner done without compiling them.
EAGER = {"run_eagerly": True}


def batches(images, labels=None, size=16):
    data = images if labels is None else (images, labels)
    return tf.data.Dataset.from_tensor_slices(data).batch(size)


def linear_gan(**compile_args):
    """G(z) = z A, D(x) = x w, on points of two coordinates: everything about a step can be worked out by hand."""
    generator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, use_bias=False)])
    discriminator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    gan = kg.GAN(generator, discriminator, seed=3)
    gan.compile(keras.optimizers.SGD(0.5), keras.optimizers.SGD(0.1), **compile_args)
    return gan


def all_equal(one, other):
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other))


def kernels_differ(one, other):
    return not any(np.array_equal(a, b) for a, b in zip(one, other) if a.ndim > 1)


def latents_of_step(gan, purpose, batch):
    return gan._latents(batch, gan._seed(*purpose, step=0)).numpy()


def test_one_step_is_what_it_is_by_hand():
    gan = linear_gan(loss=kg.losses.Wasserstein(), regularizers=[])
    (a,), (w,) = gan.generator.get_weights(), gan.discriminator.get_weights()
    real = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
    logs = gan.train_on_batch(real, return_dict=True)

    fake = latents_of_step(gan, (gan_module._DISCRIMINATOR, 0), 8) @ a
    w_new = w - 0.1 * (fake.mean(0) - real.mean(0))[:, None]
    z = latents_of_step(gan, (gan_module._GENERATOR,), 8)
    a_new = a + 0.5 * np.outer(z.mean(0), w_new[:, 0])  # Through the discriminator as just updated.
    np.testing.assert_allclose(gan.discriminator.get_weights()[0], w_new, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(gan.generator.get_weights()[0], a_new, rtol=1e-5, atol=1e-6)
    assert logs["d_loss"] == pytest.approx(float((fake @ w - real @ w).mean()), abs=1e-5)
    assert logs["g_loss"] == pytest.approx(float(-(z @ a @ w_new).mean()), abs=1e-5)
    assert logs["d_real"] == pytest.approx(float((real @ w).mean()), abs=1e-5)
    assert logs["d_fake"] == pytest.approx(float((fake @ w).mean()), abs=1e-5)
    assert logs["d_accuracy"] == pytest.approx(float((real @ w > fake @ w).mean()))


def test_penalty_is_added_to_the_discriminators_loss_and_reported_apart():
    gan = linear_gan(loss=kg.losses.Wasserstein(), regularizers=[kg.regularizers.R1(2.0)])
    (a,), (w,) = gan.generator.get_weights(), gan.discriminator.get_weights()
    real = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
    logs = gan.train_on_batch(real, return_dict=True)

    fake = latents_of_step(gan, (gan_module._DISCRIMINATOR, 0), 8) @ a
    # The gradient of D is w itself: the penalty is |w|^2 and its gradient 2 w.
    w_new = w - 0.1 * ((fake.mean(0) - real.mean(0))[:, None] + 2.0 * w)
    np.testing.assert_allclose(gan.discriminator.get_weights()[0], w_new, rtol=1e-5, atol=1e-6)
    assert logs["r1"] == pytest.approx(float((w**2).sum()), rel=1e-5)
    assert logs["d_loss"] == pytest.approx(float((fake @ w - real @ w).mean()), abs=1e-5)


@pytest.mark.parametrize("loss", [kg.losses.NonSaturating(), kg.losses.Relativistic()], ids=["unpaired", "paired"])
@pytest.mark.parametrize("num_classes", [None, 3])
def test_each_tape_moves_its_own_players_weights_only(make_gan, images, loss, num_classes):
    gan = make_gan(num_classes, compile_args={"loss": loss, "regularizers": [kg.regularizers.R1()]})
    real, labels = gan._unpack((tf.constant(images[0]), tf.constant(images[1])))

    def trainable():
        return [[v.numpy() for v in network.trainable_variables] for network in (gan.discriminator, gan.generator)]

    d_before, g_before = trainable()
    gan._train_discriminator(real, labels, 0)
    d_after, g_after = trainable()
    assert all_equal(g_before, g_after)
    assert kernels_differ(d_before, d_after)
    gan._train_generator(real, labels)
    d_last, g_last = trainable()
    assert all_equal(d_after, d_last)
    assert kernels_differ(g_after, g_last)


@pytest.mark.parametrize("frozen", ["generator", "discriminator"])
def test_a_player_without_learning_rate_stands_still(make_gan, images, frozen):
    still, moving = keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.1)
    optimizers = (still, moving) if frozen == "generator" else (moving, still)
    optimizers = {"generator_optimizer": optimizers[0], "discriminator_optimizer": optimizers[1]}
    gan = make_gan(compile_args={**optimizers, **EAGER})
    names = ["generator", "discriminator"]
    before = {name: [v.numpy() for v in getattr(gan, name).trainable_variables] for name in names}
    gan.fit(batches(images[0], size=32), verbose=0)
    for name in names:
        after = [v.numpy() for v in getattr(gan, name).trainable_variables]
        assert all_equal(before[name], after) == (name == frozen)


def test_ema_generator_follows_the_ramped_decay_with_batch_norm_statistics(make_gan, images):
    gan = make_gan(ema_decay=0.2, compile_args=EAGER)
    expected = gan.generator.get_weights()
    for step in range(4):
        gan.train_on_batch(images[0])
        decay = min(0.2, (1 + step) / (10 + step))
        expected = [decay * e + (1 - decay) * w for e, w in zip(expected, gan.generator.get_weights())]
    for average, value in zip(gan.ema_generator.get_weights(), expected):
        np.testing.assert_allclose(average, value, rtol=1e-5, atol=1e-6)
    moving = [w for w in gan.ema_generator.weights if "moving" in w.name]
    assert moving
    assert all(np.ptp(w.numpy()) > 0 for w in moving)
    assert not gan.ema_generator.trainable_variables


def test_batch_norm_uses_batch_statistics_in_training_and_moving_ones_in_sampling(make_gan, images):
    gan = make_gan(compile_args=EAGER)
    layer = next(x for x in gan.generator.layers if isinstance(x, keras.layers.BatchNormalization))
    before = layer.moving_mean.numpy()
    gan.train_on_batch(images[0])
    assert not np.array_equal(before, layer.moving_mean.numpy())
    ema = [w.numpy() for w in gan.ema_generator.weights]
    one, many = gan.generate(1, seed=5), gan.generate(16, seed=5)
    np.testing.assert_array_equal(one[0], many[0])
    assert all_equal(ema, [w.numpy() for w in gan.ema_generator.weights])


def test_conditional_is_read_from_the_networks(make_gan):
    assert make_gan().num_classes is None
    gan = make_gan(3)
    assert (gan.num_classes, gan.latent_dim, gan.image_shape) == (3, 4, (8, 8, 1))


def test_points_train_as_well_as_images():
    gan = linear_gan(regularizers=[kg.regularizers.R1()])
    history = gan.fit(np.random.default_rng(0).normal(size=(64, 2)) * 4.0, batch_size=16, verbose=0, epochs=2)
    assert np.isfinite(history.history["d_loss"]).all()
    assert gan.generate(5).dtype == np.float32
    assert gan.generate(5).shape == (5, 2)


def test_uint8_and_scaled_float_are_the_same_data(make_gan, images):
    runs = []
    for data in (images[0], (images[0] / 127.5 - 1.0).astype("float32")):
        keras.utils.set_random_seed(0)
        gan = make_gan(compile_args=EAGER)
        gan.fit(batches(data, size=32), verbose=0)
        runs.append(gan.generator.get_weights())
    for one, other in zip(*runs):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_labels_may_be_integers_or_rows(make_gan, images):
    runs = []
    for labels in (images[1], np.eye(3, dtype="float32")[images[1]], images[1][:, None].astype("int32")):
        keras.utils.set_random_seed(0)
        gan = make_gan(3, compile_args=EAGER)
        gan.fit(batches(images[0], labels, size=32), verbose=0)
        runs.append(gan.generator.get_weights())
    assert all_equal(runs[0], runs[1])
    assert all_equal(runs[0], runs[2])


def test_the_seed_decides_the_run(make_gan, images):
    losses = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(0)
        losses.append(make_gan(seed=seed).fit(batches(images[0]), epochs=2, verbose=0).history["g_loss"])
    assert losses[0] == losses[1] != losses[2]


def test_each_step_and_player_has_its_own_noise(make_gan, images):
    gan = make_gan(compile_args={"discriminator_steps": 2, **EAGER})
    seeds = [gan._seed(gan_module._DISCRIMINATOR, 0), gan._seed(gan_module._DISCRIMINATOR, 1)]
    seeds += [gan._seed(gan_module._GENERATOR), gan._seed(gan_module._PENALTY, 0)]
    gan.train_on_batch(images[0])
    seeds.append(gan._seed(gan_module._GENERATOR))
    assert len({tuple(seed.numpy()) for seed in seeds}) == 5


def test_discriminator_steps(make_gan, images):
    gan = make_gan(compile_args={"discriminator_steps": 3, **EAGER})
    gan.fit(batches(images[0]), verbose=0)
    assert (int(gan.discriminator_optimizer.iterations), int(gan.generator_optimizer.iterations)) == (12, 4)


def test_augmentation_stands_between_every_image_and_the_discriminator(images):
    def invisible(x, seed):
        return x * 0.0

    generator, discriminator = kg.networks.mlp((8, 8, 1), latent_dim=4)
    gan = kg.GAN(generator, discriminator, augmentation=invisible, seed=0)
    gan.compile(loss=kg.losses.Relativistic(), **EAGER)
    logs = gan.train_on_batch(images[0], return_dict=True)
    assert logs["d_real"] == logs["d_fake"]
    assert logs["d_loss"] == pytest.approx(np.log(2.0), rel=1e-5)


def test_no_two_purposes_of_a_step_share_a_seed(images, monkeypatch):
    class Penalty(kg.regularizers.Regularizer):
        name = "penalty"

        def penalty(self, scorer, real, fake, seed):
            drawn["penalty"].append(tuple(seed.numpy()))
            return scorer.logits(real)[:, 0] * 0.0

        def get_config(self):
            return {}

    def augmentation(x, seed):
        drawn["augmentation"].append(tuple(seed.numpy()))
        return x

    def latents(gan, batch, seed):
        drawn["latents"].append(tuple(seed.numpy()))
        return normal(gan, batch, seed)

    drawn = {"penalty": [], "augmentation": [], "latents": []}
    normal = kg.GAN._latents
    monkeypatch.setattr(kg.GAN, "_latents", latents)
    gan = kg.GAN(*kg.networks.mlp((8, 8, 1), latent_dim=4), augmentation=augmentation, seed=0)
    gan.compile(regularizers=[Penalty()], discriminator_steps=2, **EAGER)
    gan.fit(batches(images[0], size=32), verbose=0)
    seeds = {purpose: set(some) for purpose, some in drawn.items()}
    # Of 2 batches, 2 steps of the discriminator each; both players draw latents and augment.
    assert {purpose: len(some) for purpose, some in seeds.items()} == {"penalty": 4, "augmentation": 6, "latents": 6}
    assert len(set.union(*seeds.values())) == 16


def test_generate_depends_on_seed_and_label_alone(make_gan, images):
    gan = make_gan(3, compile_args=EAGER)
    gan.fit(batches(*images, size=32), verbose=0)
    some = gan.generate(6, labels=2, seed=10)
    assert some.dtype == np.uint8
    same_images(some[4:], gan.generate(2, labels=[2, 2], seed=14))
    np.testing.assert_array_equal(gan.generate(4), gan.generate(4, labels=[0, 1, 2, 0]))
    np.testing.assert_array_equal(gan.generate(1, labels=1), gan.generate(1, labels=np.eye(3)[[1]]))
    assert not np.array_equal(some[0], gan.generate(1, labels=0, seed=10)[0])
    assert not np.array_equal(some[0], gan.generate(1, labels=2, seed=11)[0])
    assert len(gan.generate(300)) == 300


def test_latents_are_normal_and_truncation_cuts_them():
    from keras_gan.sampling import latents_of_seeds

    latents = latents_of_seeds(np.arange(2000), 10, np.float32(np.inf)).numpy()
    assert abs(latents.mean()) < 0.03
    assert abs(latents.std() - 1.0) < 0.02
    cut = latents_of_seeds(np.arange(2000), 10, np.float32(0.5)).numpy()
    assert 0.49 < np.abs(cut).max() <= 0.5
    assert np.corrcoef(latents[:, 0], cut[:, 0])[0, 1] > 0.9  # The same seed, drawn in.


@keras.saving.register_keras_serializable(package="tests")
class MeanDifference(keras.metrics.Mean):
    def update_state(self, real, fake):
        super().update_state(keras.ops.mean(real) - keras.ops.mean(fake))


def test_evaluate_updates_metrics_with_the_same_fakes_each_time(make_gan, images):
    gan = make_gan(3, compile_args={"metrics": [MeanDifference(name="difference")]})
    data = batches(*images)
    first = gan.evaluate(data, verbose=0, return_dict=True)
    assert set(first) == {"difference"}
    assert first == gan.evaluate(data, verbose=0, return_dict=True)
    history = gan.fit(data, validation_data=data, epochs=2, verbose=0).history
    assert len(history["val_difference"]) == 2
    assert "difference" not in history
    assert gan.evaluate(data, verbose=0, return_dict=True)["difference"] == history["val_difference"][-1]


def test_evaluate_without_metrics_has_nothing_to_say(make_gan, images):
    with pytest.raises(ValueError, match="nothing to evaluate"):
        make_gan().evaluate(batches(images[0]), verbose=0)
    with pytest.raises(ValueError, match="nothing to evaluate"):
        make_gan().fit(batches(images[0]), validation_data=batches(images[0]), verbose=0)


def test_weights_of_samples_are_refused(make_gan, images):
    with pytest.raises(ValueError, match="no sample weights"):
        make_gan().fit(images[0], images[1], sample_weight=np.zeros(64), verbose=0)


def test_compile_options_are_saved(make_gan, images, tmp_path):
    gan = make_gan(compile_args={"steps_per_execution": 4, "run_eagerly": False})
    gan.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").steps_per_execution == 4


def test_the_averaged_generator_of_nested_networks_computes_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6), keras.layers.Dense(2)])
    keras.config.set_dtype_policy("float32")
    latents = keras.Input((4,))
    gan = kg.GAN(keras.Model(latents, inner(latents)), keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))
    layers = [layer for model in gan.ema_generator.layers if hasattr(model, "layers") for layer in model.layers]
    assert {layer.compute_dtype for layer in layers} == {"float32"}


def dropout_discriminator(image_shape):
    return keras.Sequential(
        [keras.Input(image_shape), keras.layers.Flatten(), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    )


@pytest.mark.parametrize("case", ["cgan", "regularized", "dropout"])
def test_a_loaded_model_trains_on_as_the_saved_one(make_gan, images, tmp_path, case):
    schedule = keras.optimizers.schedules.ExponentialDecay(1e-2, 3, 0.5)
    optimizers = [keras.optimizers.Adam(schedule, beta_1=0.5), keras.optimizers.RMSprop(1e-3)]
    compile_args = {"generator_optimizer": optimizers[0], "discriminator_optimizer": optimizers[1]}
    if case == "regularized":
        compile_args |= {
            "loss": kg.losses.Relativistic(),
            "regularizers": [kg.regularizers.R1(0.1), kg.regularizers.GradientPenalty(1.0)],
            "discriminator_steps": 2,
        }
    gan = make_gan(3 if case == "cgan" else None, family="dcgan" if case == "regularized" else "mlp")
    if case == "dropout":
        gan = kg.GAN(gan.generator, dropout_discriminator((8, 8, 1)), seed=1)
    gan.compile(**compile_args)
    data = batches(*images)
    gan.fit(data, epochs=2, verbose=0)
    gan.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")

    np.testing.assert_array_equal(gan.generate(4, seed=1), loaded.generate(4, seed=1))
    assert (loaded.seed, loaded.ema_decay, loaded.num_classes) == (gan.seed, gan.ema_decay, gan.num_classes)
    assert loaded.get_compile_config() == gan.get_compile_config()
    histories = [model.fit(data, epochs=2, verbose=0).history for model in (gan, loaded)]
    assert histories[0] == histories[1]
    for one, other in zip(gan.variables, loaded.variables):
        np.testing.assert_array_equal(one.numpy(), other.numpy(), err_msg=one.path)
    for name in ("generator_optimizer", "discriminator_optimizer"):
        pairs = zip(getattr(gan, name).variables, getattr(loaded, name).variables)
        assert all(np.array_equal(one.numpy(), other.numpy()) for one, other in pairs)


def test_an_uncompiled_model_is_saved_and_loaded(tmp_path):
    gan = kg.GAN(*kg.networks.mlp((4, 4, 1), latent_dim=2))
    gan.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.seed == gan.seed
    np.testing.assert_array_equal(gan.generate(2), loaded.generate(2))


def test_works_with_keras_callbacks(make_gan, images, tmp_path):
    gan = make_gan(compile_args={"metrics": [MeanDifference(name="difference")]})
    data = batches(images[0])
    path = str(tmp_path / "best.keras")
    gan.fit(
        data,
        validation_data=data,
        epochs=2,
        verbose=0,
        callbacks=[
            keras.callbacks.ModelCheckpoint(path, monitor="val_difference", mode="min", save_best_only=True),
            keras.callbacks.TensorBoard(str(tmp_path / "logs"), write_graph=False),
            keras.callbacks.CSVLogger(str(tmp_path / "history.csv")),
        ],
    )
    keras.saving.load_model(path).generate(1)
    header = (tmp_path / "history.csv").read_text().splitlines()[0].split(",")
    assert {"d_loss", "g_loss", "d_real", "d_fake", "d_accuracy", "val_difference"} <= set(header)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(images, policy):
    keras.config.set_dtype_policy(policy)
    try:
        generator, discriminator = kg.networks.dcgan((8, 8, 1), latent_dim=4)
    finally:
        keras.config.set_dtype_policy("float32")
    gan = kg.GAN(generator, discriminator, seed=0)
    gan.compile(regularizers=[kg.regularizers.R1()])
    wrapped = isinstance(gan.generator_optimizer, keras.optimizers.LossScaleOptimizer)
    assert wrapped == (policy == "mixed_float16")
    history = gan.fit(batches(images[0]), epochs=2, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    assert {layer.compute_dtype for layer in gan.ema_generator.layers} == {"float32"}


def networks_for(image_shape, num_classes=None, latent_dim=4):
    return kg.networks.mlp(image_shape, num_classes, latent_dim)


def test_networks_that_do_not_fit_are_refused():
    small, large = networks_for((8, 8, 1)), networks_for((9, 9, 1))
    with pytest.raises(ValueError, match=r"makes samples of shape \(8, 8, 1\), the discriminator takes \(9, 9, 1\)"):
        kg.GAN(small[0], large[1])
    with pytest.raises(ValueError, match="one network is conditional"):
        kg.GAN(small[0], networks_for((8, 8, 1), 3)[1])
    with pytest.raises(ValueError, match="both networks must take one-hot labels"):
        kg.GAN(networks_for((8, 8, 1), 2)[0], networks_for((8, 8, 1), 3)[1])
    with pytest.raises(ValueError, match="functional or Sequential"):
        kg.GAN(keras.layers.Dense(3), small[1])
    with pytest.raises(ValueError, match="ema_decay"):
        kg.GAN(*small, ema_decay=1.0)
    for seed in (-1, 2**63):
        with pytest.raises(ValueError, match="seed must be"):
            kg.GAN(*small, seed=seed)


def test_what_is_not_said_is_as_the_documentation_has_it():
    gan = kg.GAN(*networks_for((8, 8, 1)))
    gan.compile()
    for optimizer in (gan.generator_optimizer, gan.discriminator_optimizer):
        assert type(optimizer) is kg.optimizers.Adam
        rates = [float(rate) for rate in (optimizer.learning_rate, optimizer.beta_1, optimizer.beta_2)]
        assert rates == pytest.approx([2e-3, 0.0, 0.99])
    assert type(gan.adversarial_loss) is kg.losses.NonSaturating
    assert [regularizer.get_config() for regularizer in gan.regularizers] == [kg.regularizers.R1(0.3).get_config()]
    assert gan.discriminator_steps == 1


def test_one_optimizer_for_two_players_is_refused(make_gan):
    adam = keras.optimizers.Adam()
    with pytest.raises(ValueError, match="must be two objects"):
        make_gan(compile_args={"generator_optimizer": adam, "discriminator_optimizer": adam})
    with pytest.raises(ValueError, match="discriminator_steps"):
        make_gan(compile_args={"discriminator_steps": 0})
    with pytest.raises(ValueError, match="one name"):
        make_gan(compile_args={"regularizers": [kg.regularizers.R1(), kg.regularizers.R1()]})


@pytest.mark.parametrize("compile_args", [{}, {"jit_compile": True}], ids=["graph", "xla"])
def test_wrong_images_are_refused(make_gan, compile_args):
    gan = make_gan(compile_args=compile_args)
    for data, message in (
        (np.zeros((16, 9, 9, 1), "uint8"), r"take samples of shape \(8, 8, 1\), got \(9, 9, 1\)"),
        (np.zeros((16, 8, 8, 1), "int32"), "must be uint8 in"),
        (np.full((16, 8, 8, 1), 200.0, "float32"), "float images must be within -1 and 1"),
        (np.full((16, 8, 8, 1), np.nan, "float32"), "the data contain NaN"),
    ):
        for form in (data, batches(data), batches(data, np.zeros(16, "int64"))):
            with pytest.raises(ValueError, match=message) as raised:
                gan.fit(form, verbose=0)
            assert "\n" not in str(raised.value)
    assert int(gan.step) == 0


@pytest.mark.parametrize("compile_args", [{}, {"jit_compile": True}], ids=["graph", "xla"])
def test_wrong_labels_are_refused(make_gan, images, compile_args):
    gan = make_gan(3, compile_args=compile_args)
    with pytest.raises(ValueError, match="needs"):
        gan.fit(batches(images[0]), verbose=0)
    for labels in (images[1] + 1, images[1] - 1):
        for form in ((batches(images[0], labels),), (images[0], labels)):
            with pytest.raises(ValueError, match=r"^labels must be 0 to 2, as the networks are built$"):
                gan.fit(*form, verbose=0)
    for labels in (
        images[1].astype("float32"),
        np.eye(4, dtype="float32")[images[1]],
        np.eye(3, dtype="int32")[images[1]],
    ):
        with pytest.raises(ValueError, match=r"labels must be int \(batch,\) or float \(batch, 3\)"):
            gan.fit(batches(images[0], labels), verbose=0)
    assert int(gan.step) == 0


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num": 0}, "at least 1"),
        ({"num": 2, "labels": 3}, "label 3 is out of range: this model's labels are 0 to 2"),
        ({"num": 2, "labels": [0, -1]}, "label -1 is out of range"),
        ({"num": 2, "labels": [0, 1, 2]}, "one int or 2 ints"),
        ({"num": 2, "labels": 0.5}, "one int or 2 ints"),
        ({"num": 2, "truncation": 0.0}, "truncation"),
        ({"num": 2, "seed": -1}, "seed"),
    ],
)
def test_wrong_arguments_of_generate_are_refused(make_gan, kwargs, message):
    with pytest.raises(ValueError, match=message):
        make_gan(3).generate(**kwargs)


def test_unconditional_models_take_no_labels(make_gan):
    with pytest.raises(ValueError, match="takes no labels"):
        make_gan().generate(2, labels=0)


def test_the_scores_of_a_reversed_loss_count_the_right_way_round(make_gan, images, tmp_path):
    real = images[0][:16].astype("float32") / 127.5 - 1.0
    gan = make_gan(compile_args={"loss": kg.losses.ReverseKullbackLeibler(), "regularizers": []})
    logits = np.array(gan.discriminator(real))
    logs = gan.train_on_batch(images[0][:16], return_dict=True)
    assert float(logs["d_real"]) == pytest.approx(-logits.mean(), rel=1e-3, abs=1e-4)
    gan.export(tmp_path / "1")
    served = tf.saved_model.load(tmp_path / "1").signatures["discriminate"]
    expected = -np.array(gan.discriminator(real))[:, 0]
    np.testing.assert_allclose(served(image=images[0][:16])["logit"], expected, rtol=1e-3, atol=1e-4)
