import numpy as np
import pytest

import keras_gan as kg
from keras_gan import networks


@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (5, 9, 2), (33, 20, 3), (16, 64, 4), (64, 64, 3)])
def test_shapes_and_ranges(shape, num_classes):
    generator = networks.fastgan_generator(shape, num_classes, latent_dim=7, width=16)
    latents, labels = np.random.default_rng(0).normal(size=(5, 7)).astype("float32"), np.eye(3)[[0, 1, 2, 0, 1]]
    images = np.array(generator([latents, labels] if num_classes else latents))
    assert images.shape == (5, *shape)
    assert np.abs(images).max() <= 1.0
    assert len(np.unique(images.reshape(5, -1), axis=0)) == 5


def test_it_begins_small_and_halves_its_width():
    generator = networks.fastgan_generator((64, 64, 3), width=64)
    sizes = [
        layer.output.shape[1:]
        for layer in generator.layers
        if layer.name.startswith("up_") and "norm" not in layer.name
    ]
    assert sizes == [(8, 8, 64), (16, 16, 32), (32, 32, 16), (64, 64, 16)]
    assert generator.get_layer("dense").units == 4 * 4 * 128


def test_coarse_maps_scale_the_channels_of_fine_ones():
    generator = networks.fastgan_generator((32, 32, 3), width=16)
    skips = [layer for layer in generator.layers if layer.name in ("skip_2", "skip_3")]
    for skip in skips:
        fine, scale = skip.input
        assert scale.shape[1:] == (1, 1, fine.shape[-1])


def test_a_gan_with_it_trains_is_saved_and_makes_the_same_images(images, tmp_path):
    generator = networks.fastgan_generator((8, 8, 1), 3, width=8)
    gan = kg.GAN(generator, networks.dcgan_discriminator((8, 8, 1), 3, width=8), seed=0)
    gan.compile(loss=kg.losses.Hinge())
    gan.fit(*images, batch_size=32, verbose=0)
    gan.save(tmp_path / "gan.keras")
    again = kg.export.load(tmp_path / "gan.keras")
    np.testing.assert_array_equal(gan.generate(4, labels=1, seed=3), again.generate(4, labels=1, seed=3))
