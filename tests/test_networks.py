import keras
import numpy as np
import pytest

from keras_gan import networks
from keras_gan.gan import GAN
from keras_gan.layers import SpectralNormalization
from keras_gan.training import load_pretrained

# Every family of which there are both players.
FAMILIES = {
    name: (networks.GENERATORS[name].make, networks.DISCRIMINATORS[name].make)
    for name in networks.GENERATORS
    if name in networks.DISCRIMINATORS
}
SHAPES = [(8, 8, 1), (28, 28, 1), (5, 9, 2), (33, 20, 3), (16, 64, 4)]


@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_shapes_and_ranges(family, shape, num_classes):
    make_generator, make_discriminator = FAMILIES[family]
    generator, discriminator = make_generator(shape, num_classes, latent_dim=7), make_discriminator(shape, num_classes)
    latents = keras.random.normal((5, 7))
    labels = keras.ops.one_hot([0, 1, 2, 0, 1], 3)
    images = generator([latents, labels] if num_classes else latents)
    assert images.shape == (5, *shape)
    assert np.abs(images).max() <= 1.0
    logits = discriminator([images, labels] if num_classes else images)
    assert (logits.shape[0], logits.shape[-1]) == (5, 1)  # Patches may stand between.


def test_a_width_for_each_layer():
    generator = networks.dcgan_generator((28, 28, 1), width=(12, 6), mapping=(5, 4))
    shapes = {layer.name: layer.output.shape[1:] for layer in generator.layers}
    assert (shapes["mapping_1"], shapes["mapping_2"], shapes["dense"]) == ((5,), (4,), (7 * 7 * 12,))
    assert shapes["up_1"] == (14, 14, 6)
    with pytest.raises(ValueError, match=r"2 hidden layers, got widths \(1, 2, 3\)"):
        networks.dcgan_generator((28, 28, 1), width=(1, 2, 3))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_label_changes_the_picture_and_the_logit(family):
    generator, discriminator = [make((8, 8, 1), 3) for make in FAMILIES[family]]
    latents = np.zeros((3, generator.inputs[0].shape[1]), "float32")
    labels = np.eye(3, dtype="float32")
    images = np.array(generator([latents, labels]))
    assert len(np.unique(images.reshape(3, -1), axis=0)) == 3
    logits = np.array(discriminator([np.repeat(images[:1], 3, axis=0), labels]))
    assert len(np.unique(logits.reshape(3, -1), axis=0)) == 3


# Each family as each player, with labels and without, and each time against another; against itself below.
NAMES = list(FAMILIES)
PAIRINGS = [(name, NAMES[place - 1], None) for place, name in enumerate(NAMES)]
PAIRINGS += [(NAMES[place - 1], name, 3) for place, name in enumerate(NAMES)]


@pytest.mark.parametrize(("generator", "discriminator", "num_classes"), PAIRINGS)
def test_any_pairing_trains(generator, discriminator, num_classes, images):
    gan = GAN(FAMILIES[generator][0]((8, 8, 1), num_classes), FAMILIES[discriminator][1]((8, 8, 1), num_classes))
    gan.compile(run_eagerly=True)  # Quicker for two steps; each family is compiled below.
    history = gan.fit(*images, batch_size=32, verbose=0).history
    assert np.isfinite(history["g_loss"]).all()


def test_mlp_is_the_first_gan_to_the_letter():
    generator, discriminator = networks.mlp((28, 28, 1))

    assert generator.inputs[0].shape == (None, 100)
    assert [x.units for x in generator.layers if isinstance(x, keras.layers.Dense)] == [256, 512, 1024, 784]
    assert [x.units for x in discriminator.layers if isinstance(x, keras.layers.Dense)] == [512, 256, 1]
    for network, count in ((generator, 3), (discriminator, 2)):
        slopes = [x.negative_slope for x in network.layers if isinstance(x, keras.layers.LeakyReLU)]
        np.testing.assert_allclose(slopes, [0.2] * count, rtol=1e-6)
    assert sum(isinstance(x, keras.layers.BatchNormalization) for x in generator.layers) == 3
    assert not any(isinstance(x, keras.layers.BatchNormalization) for x in discriminator.layers)
    assert generator.count_params() == 1_493_520
    assert discriminator.count_params() == 533_505


@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_round_trip(family, num_classes, tmp_path):
    for make in FAMILIES[family]:
        network = make((8, 6, 1), num_classes)
        network.save(tmp_path / "network.keras")
        loaded = keras.saving.load_model(tmp_path / "network.keras")
        inputs = [np.ones((2, *x.shape[1:]), "float32") for x in network.inputs]
        inputs = inputs if num_classes else inputs[0]
        np.testing.assert_array_equal(network(inputs), loaded(inputs))


@pytest.mark.parametrize("family", ["dcgan", "resnet", "progressive"])
def test_too_small_images_are_refused(family):
    with pytest.raises(ValueError, match="at least 4 x 4"):
        FAMILIES[family][0]((3, 8, 1))


def normalized_layers(discriminator):
    return [layer for layer in discriminator.layers if isinstance(layer, SpectralNormalization)]


@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_spectral_normalization_leaves_no_plain_layer(family, num_classes):
    discriminator = FAMILIES[family][1]((8, 8, 1), num_classes, spectral_normalization=True, dropout=0.2)
    plain = (keras.layers.Dense, keras.layers.Conv2D)
    assert normalized_layers(discriminator)
    assert not any(isinstance(layer, plain) for layer in discriminator.layers)
    assert any(isinstance(layer, keras.layers.Dropout) for layer in discriminator.layers)


# With labels there are the same layers as without, and the embedding.
@pytest.mark.parametrize("family", FAMILIES)
def test_spectral_normalization_bounds_every_kernel_while_training(family, images):
    discriminator = FAMILIES[family][1]((8, 8, 1), 3, spectral_normalization=True, dropout=0.2)
    kernels = normalized_layers(discriminator)
    gan = GAN(FAMILIES[family][0]((8, 8, 1), 3), discriminator)
    gan.compile(keras.optimizers.SGD(1e-3), regularizers=[])
    before = [np.array(layer.vector) for layer in kernels]
    assert np.isfinite(gan.fit(*images, batch_size=32, verbose=0).history["d_loss"]).all()
    assert all((np.array(layer.vector) != old).any() for layer, old in zip(kernels, before))
    for layer in kernels:
        largest = np.linalg.norm(np.reshape(layer.layer.kernel, (-1, layer.layer.kernel.shape[-1])), 2)
        # One iteration a step follows a kernel that moves, from a random vector on.
        assert largest / float(layer.sigma()) < 1.5


@pytest.mark.parametrize("family", FAMILIES)
def test_the_initializer_is_the_one_asked_for(family):
    layers = keras.layers.Dense, keras.layers.Conv2D, keras.layers.Conv2DTranspose
    for make in FAMILIES[family]:
        network = make((16, 16, 1), kernel_initializer={"class_name": "RandomNormal", "config": {"stddev": 0.02}})
        kernel = next(layer.kernel for layer in network.layers if isinstance(layer, layers))
        assert np.std(kernel) == pytest.approx(0.02, rel=0.1)


def test_a_residual_block_begins_as_the_identity():
    discriminator = networks.resnet_discriminator((8, 8, 1), blocks=2)
    first = keras.Model(discriminator.input, discriminator.get_layer("down_1").output)
    last = keras.Model(discriminator.input, discriminator.get_layer("stage_1_block_2").output)
    images = keras.random.normal((2, 8, 8, 1))
    np.testing.assert_array_equal(first(images), last(images))
    inner = np.std(discriminator.get_layer("stage_1_block_1_1").kernel)
    assert inner == pytest.approx(np.sqrt(2 / (9 * 32) / 4), rel=0.1)


def test_a_residual_path_gathers_nothing_that_all_samples_share(images):
    gan = GAN(networks.resnet_generator((8, 8, 1)), networks.resnet_discriminator((8, 8, 1)))
    gan.compile()
    gan.fit(images[0], batch_size=32, verbose=0)
    for network, count in ((gan.generator, 4), (gan.discriminator, 4)):
        blocks = [layer for layer in network.layers if "block" in layer.name and hasattr(layer, "kernel")]
        assert len(blocks) == count
        for layer in blocks:
            assert np.abs(np.mean(layer.kernel, (0, 1, 2))).max() < 1e-6
            assert np.std(layer.kernel) > 0


@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize(("small", "large"), [((14, 14, 1), (28, 28, 1)), ((9, 10, 2), (17, 20, 2))])
def test_grown_networks_begin_as_the_small_ones(small, large, num_classes):
    trained, grown = [GAN(*networks.progressive(shape, num_classes), seed=0) for shape in (small, large)]
    for weight in (*trained.generator.weights, *trained.discriminator.weights):
        weight.assign(keras.random.normal(weight.shape, stddev=0.1, seed=len(weight.shape)))
    trained.ema_generator.set_weights([weight / 2 for weight in trained.generator.get_weights()])

    reports = load_pretrained(grown, trained)

    assert all(not set(theirs.left_out.values()) - {"not in the pretrained model"} for theirs in reports)
    latents = keras.random.normal((4, 64), seed=1)
    labels = keras.ops.one_hot([0, 1, 2, 0], 3)
    given = [latents, labels] if num_classes else latents
    for name in ("generator", "ema_generator"):
        before, after = [
            keras.Model(network.inputs, network.get_layer("images").input)(given)
            for network in (getattr(trained, name), getattr(grown, name))
        ]
        enlarged = keras.ops.image.resize(before, [2 * side for side in small[:2]], "bilinear")
        np.testing.assert_allclose(after, enlarged[:, : large[0], : large[1]], rtol=1e-4, atol=1e-5)
    images = keras.random.uniform((4, *large), -1.0, 1.0, seed=2)
    pooled = keras.ops.average_pool(images, 2, padding="same")
    scores = [
        network([x, labels] if num_classes else x)
        for network, x in ((grown.discriminator, images), (trained.discriminator, pooled))
    ]
    np.testing.assert_allclose(*scores, atol=1e-5)


@pytest.mark.parametrize(("blocks", "numbers"), [(None, {1, 2}), (1, {1}), (0, set())])
def test_progressive_generators_have_as_many_blocks_as_asked_for(blocks, numbers):
    network = networks.progressive_generator((28, 28, 1), width=8, blocks=blocks)
    assert {int(layer.name.split("_")[1]) for layer in network.layers if layer.name.startswith("block_")} == numbers
    assert network(keras.ops.zeros((1, 64))).shape == (1, 28, 28, 1)


def test_what_begins_at_zero_learns(images):
    gan = GAN(*networks.progressive((18, 18, 1)))
    gan.compile()
    gan.fit(np.pad(images[0], ((0, 0), (5, 5), (5, 5), (0, 0))), batch_size=32, verbose=0)
    for layer in (gan.generator.get_layer("to_image_2"), gan.discriminator.get_layer("down_1")):
        assert np.abs(layer.kernel).max() > 0
