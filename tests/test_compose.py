"""Networks made of networks: what they compute, and that they train, save, resume and export as others do."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gan as kg
from keras_gan.networks import dcgan_discriminator, dcgan_generator, ensemble, mixture, mlp_discriminator, packed

SHAPE = (8, 8, 1)


def generators(num_classes=None, count=2):
    return [dcgan_generator(SHAPE, num_classes, latent_dim=4, width=8) for _ in range(count)]


def discriminators(num_classes=None, count=2):
    return [dcgan_discriminator(SHAPE, num_classes, width=8) for _ in range(count)]


def rows(num_classes, num=12):
    images = np.random.default_rng(1).uniform(-1, 1, (num, *SHAPE)).astype("float32")
    return [images, np.eye(num_classes, dtype="float32")[np.arange(num) % num_classes]] if num_classes else images


@pytest.mark.parametrize("num_classes", [None, 3])
def test_an_ensemble_has_the_logits_of_its_members(num_classes):
    members = [*discriminators(num_classes), mlp_discriminator(SHAPE, num_classes, units=(8,))]
    inputs = rows(num_classes)
    logits = np.array(ensemble(*members)(inputs))
    assert logits.shape == (12, 3)
    for head, member in enumerate(members):
        np.testing.assert_allclose(logits[:, head], np.array(member(inputs))[:, 0], atol=1e-6)


def test_the_loss_of_an_ensemble_is_the_mean_of_its_members_and_so_is_the_penalty(images):
    members = discriminators()
    generator = generators(count=1)[0]
    seen = {}
    for name, discriminator in [("first", members[0]), ("second", members[1]), ("both", ensemble(*members))]:
        gan = kg.GAN(generator, discriminator, seed=1)
        rates = {f"{player}_optimizer": keras.optimizers.SGD(0.0) for player in ("generator", "discriminator")}
        gan.compile(**rates, regularizers=[kg.regularizers.R1(0.5), kg.regularizers.GradientPenalty()])
        seen[name] = {key: float(value) for key, value in gan.train_step(tf.constant(images[0][:16])).items()}
    for key in ("d_loss", "g_loss", "r1", "gradient_penalty", "d_real", "d_accuracy"):
        assert seen["both"][key] == pytest.approx((seen["first"][key] + seen["second"][key]) / 2, rel=1e-4), key


@pytest.mark.parametrize("num_classes", [None, 3])
def test_a_mixture_makes_each_sample_with_the_member_that_its_last_latent_chooses(num_classes):
    members = generators(num_classes, count=3)
    whole = mixture(*members)
    assert whole.inputs[0].shape == (None, 5)
    latents = np.random.default_rng(0).normal(size=(12, 5)).astype("float32")
    # Thirds of a normal distribution end at -0.43 and 0.43.
    latents[:, -1] = np.tile([-9.0, -0.44, -0.42, 0.42, 0.44, 9.0], 2)
    chosen = np.tile([0, 0, 1, 1, 2, 2], 2)
    labels = [rows(num_classes)[1]] if num_classes else []
    images = np.array(whole([latents, *labels] if labels else latents))
    for row, member in enumerate(chosen):
        one = [part[row : row + 1] for part in (latents[:, :-1], *labels)]
        np.testing.assert_allclose(images[row], members[member](one if labels else one[0])[0], atol=1e-5)
    # A batch may leave members out.
    alone = np.array(whole([part[:1] for part in (latents, *labels)] if labels else latents[:1]))
    np.testing.assert_allclose(alone, images[:1], atol=1e-5)


def test_the_members_of_a_mixture_are_equally_likely():
    choice = kg.layers.SplitChoice(4)(np.random.default_rng(0).normal(size=(40_000, 3)).astype("float32"))[1]
    np.testing.assert_allclose(np.bincount(choice) / 40_000, 0.25, atol=0.01)


@pytest.mark.parametrize("num_classes", [None, 3])
def test_shared_layers_are_counted_and_trained_once(num_classes, images):
    members, judges = generators(num_classes), discriminators(num_classes)
    generator, discriminator = mixture(*members, share_until="dense"), ensemble(*judges, share_until="down_1")
    saved = [
        sum(weight.numpy().size for name in names for weight in network.get_layer(name).weights)
        for network, names in (
            (members[0], ("dense", "label_embedding") if num_classes else ("dense",)),
            (judges[0], ("down_1",)),
        )
    ]
    assert generator.count_params() == 2 * members[0].count_params() - saved[0]
    assert discriminator.count_params() == 2 * judges[0].count_params() - saved[1]
    # Without training the first member is as it was.
    latents = np.full((4, 5), -1.0, "float32")
    labels = [np.eye(3, dtype="float32")[[0, 1, 2, 0]]] if num_classes else []
    own = [latents[:, :-1], *labels]
    np.testing.assert_allclose(
        generator([latents, *labels] if labels else latents), members[0](own if labels else own[0]), atol=1e-5
    )


def test_packing_shows_the_discriminator_several_samples_as_channels():
    seen = []

    def make(image_shape, num_classes, **kwargs):
        seen.append((image_shape, num_classes))
        return mlp_discriminator(image_shape, num_classes, units=(4,))

    network = packed(make, SHAPE, 3, packing=2)
    assert seen == [((8, 8, 2), 6)]
    images, labels = rows(3)
    logits = network([images, labels])
    assert logits.shape == (6, 1)
    inner = network.get_layer("mlp_discriminator")
    pairs = np.concatenate([images[::2], images[1::2]], axis=-1), np.concatenate([labels[::2], labels[1::2]], axis=-1)
    np.testing.assert_allclose(logits, inner(list(pairs)), atol=1e-6)
    with pytest.raises(ValueError, match="batch of 3 cannot be packed by 2"):
        network([images[:3], labels[:3]])


COMBINATIONS = {
    "ensemble": lambda nc: (generators(nc, 1)[0], ensemble(*discriminators(nc))),
    "mixture": lambda nc: (mixture(*generators(nc)), discriminators(nc, 1)[0]),
    "shared": lambda nc: (
        mixture(*generators(nc), share_until="dense"),
        ensemble(*discriminators(nc), share_until="down_1"),
    ),
    "packed": lambda nc: (generators(nc, 1)[0], packed(dcgan_discriminator, SHAPE, nc, width=8)),
    "packed ensemble": lambda nc: (
        generators(nc, 1)[0],
        ensemble(*(packed(dcgan_discriminator, SHAPE, nc, width=8) for _ in range(2))),
    ),
}


# Each combination, and each of its parts with labels and without.
@pytest.mark.parametrize(
    ("name", "num_classes"),
    [("ensemble", None), ("mixture", 3), ("shared", None), ("shared", 3), ("packed", None), ("packed ensemble", 3)],
)
def test_round_trip_and_exact_training_after_it(name, num_classes, images, tmp_path):
    gan = kg.GAN(*COMBINATIONS[name](num_classes), seed=1)
    heads = gan.discriminator.outputs[0].shape[-1]
    optimizers = [keras.optimizers.SGD(2e-3, momentum=0.5) for _ in range(2)]
    gan.compile(
        *optimizers,
        loss=kg.losses.PerHead([kg.losses.Relativistic()] * heads),
        regularizers=[kg.regularizers.R1()] if "packed" in name else [],  # Of an ensemble: above.
    )
    data = images if num_classes else images[:1]
    gan.fit(*data, batch_size=16, verbose=0, shuffle=False)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    np.testing.assert_array_equal(loaded.generate(9, seed=3), gan.generate(9, seed=3))
    assert loaded.generator.count_params() == gan.generator.count_params()
    for model in (gan, loaded):
        model.fit(*data, batch_size=16, verbose=0, shuffle=False)
    assert len(gan.get_weights()) == len(loaded.get_weights())
    for one, other in zip(gan.get_weights(), loaded.get_weights()):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", COMBINATIONS)
def test_export(name, tmp_path):
    gan = kg.GAN(*COMBINATIONS[name](3), seed=1)
    gan.export(tmp_path / "1")
    served = tf.saved_model.load(tmp_path / "1").signatures
    seeds, labels = tf.constant([5, 6, 7, 8], tf.int64), tf.constant([0, 1, 2, 0], tf.int64)
    made = served["serving_default"](seed=seeds, label=labels)["image"]
    np.testing.assert_array_equal(made, gan.generate(4, labels=[0, 1, 2, 0], seed=5))
    assert ("discriminate" in served) == ("packed" not in name)
    if "packed" not in name:
        assert served["discriminate"](image=made, label=labels)["logit"].shape == (4,)
    assert json.loads((tmp_path / "1" / "assets.extra" / "keras_gan.json").read_text())["num_classes"] == 3


def test_a_member_that_no_sample_chooses_keeps_finite_statistics():
    members = [kg.networks.mlp_generator(SHAPE, latent_dim=4) for _ in range(2)]
    both = mixture(*members)
    latents = np.zeros((3, 5), "float32") - 2.0  # All of the first member's half.
    np.testing.assert_allclose(both(latents), members[0](latents[:, :4]), atol=1e-6)
    assert both(latents[:0]).shape == (0, *SHAPE)
    assert np.isfinite(both(latents, training=True)).all()
    assert all(np.isfinite(weight).all() for weight in both.get_weights())


def test_what_does_not_fit_is_refused():
    one, two = generators()
    with pytest.raises(ValueError, match="at least 2 networks, got 1"):
        ensemble(discriminators()[0])
    with pytest.raises(ValueError, match="different inputs"):
        mixture(one, dcgan_generator(SHAPE, latent_dim=5, width=8))
    with pytest.raises(ValueError, match="different shapes"):
        mixture(one, dcgan_generator((9, 9, 1), latent_dim=4, width=8))
    with pytest.raises(ValueError, match="No such layer: nowhere"):
        mixture(one, two, share_until="nowhere")
    with pytest.raises(ValueError, match="packing must be at least 2"):
        packed(dcgan_discriminator, SHAPE, packing=1)
