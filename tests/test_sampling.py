import numpy as np
import pytest
import tensorflow as tf
from same import same_images

from keras_gan.export import SavedGAN
from keras_gan.sampling import between, circle, latents_of_seeds
from keras_gan.sampling.philox import uniform_of_seeds


class Mirror:
    """A model whose samples are its latents and label rows."""

    latent_dim, num_classes = 6, 3

    def generate_from_latents(self, latents, labels=None):
        return np.concatenate([latents, labels], axis=1)


def latents(*seeds):
    return latents_of_seeds(np.array(seeds, "int64"), 6, np.float32(np.inf)).numpy()


@pytest.mark.parametrize("width", [1, 4, 7, 64])
def test_uniform_numbers_are_those_of_tensorflow(width):
    seeds = [0, 1, 2, 2**32 - 1, 2**32, 2**40 + 7, 2**63 - 1, -1]
    expected = [
        tf.random.stateless_uniform((width,), tf.constant([seed, 0], "int64"), minval=-1.0, maxval=1.0, alg="philox")
        for seed in seeds
    ]
    found = uniform_of_seeds(tf.constant(seeds, "int64"), width)
    np.testing.assert_array_equal(found, np.stack(expected))


def test_random_numbers_stay_off_the_gpu():
    graph = latents_of_seeds.get_concrete_function(tf.TensorSpec((None,), tf.int64), 6, tf.TensorSpec(())).graph
    products = [op for op in graph.get_operations() if op.type == "Mul" and op.outputs[0].dtype == tf.uint64]
    assert len(products) == 40
    assert all("CPU:0" in product.device for product in products)


def test_circle_goes_through_both_ends_and_comes_back():
    walk = circle(Mirror(), 2, 8, labels=[0, 2], seed=5)
    assert walk.shape == (8, 2, 9)
    first, second = latents(5, 6), latents(7, 8)
    for frame, expected in ((0, first), (2, second), (4, -first), (6, -second)):
        np.testing.assert_allclose(walk[frame, :, :6], expected, atol=1e-5)
    np.testing.assert_allclose(walk[1, :, :6], (first + second) / np.sqrt(2.0), rtol=1e-5)
    assert (walk[:, :, 6:] == [[1, 0, 0], [0, 0, 1]]).all()


def test_between_goes_from_one_to_the_other_on_a_sphere():
    way = between(Mirror(), (5, 9), [0.0, 0.25, 0.5, 1.0], labels=(0, 2))
    first, last = latents(5, 9)
    np.testing.assert_allclose(way[0, :6], first, rtol=1e-5)
    np.testing.assert_allclose(way[-1, :6], last, rtol=1e-5)
    np.testing.assert_allclose(way[:, 6:], [[1, 0, 0], [0.75, 0, 0.25], [0.5, 0, 0.5], [0, 0, 1]])
    # By hand, for half of the way: the sum of both, over twice the cosine of half the angle.
    angle = np.arccos(first @ last / np.linalg.norm(first) / np.linalg.norm(last))
    np.testing.assert_allclose(way[2, :6], (first + last) / (2.0 * np.cos(angle / 2.0)), rtol=1e-4)


def test_between_a_seed_and_itself_stays():
    way = between(Mirror(), (5, 5), [0.0, 0.3, 1.0])
    np.testing.assert_allclose(way[:, :6], latents(5, 5, 5), rtol=1e-5)
    assert (way[:, 6] == 1.0).all()


def test_many_walk_in_batches():
    walk = circle(Mirror(), 300, 2, seed=1)
    np.testing.assert_array_equal(walk[0, :, :6], latents(*range(1, 301)))
    assert walk.shape == (2, 300, 9)


@pytest.mark.parametrize(("seed", "truncation"), [(-1, None), (2**63 - 3, None), (2**70, None), (0, 0.0)])
def test_walks_refuse_what_generate_refuses(seed, truncation):
    with pytest.raises(ValueError, match=r"seed must be an int|truncation must be a number > 0"):
        circle(Mirror(), 2, 3, seed=seed, truncation=truncation)
    with pytest.raises(ValueError, match=r"seed must be an int|truncation must be a number > 0"):
        between(Mirror(), (0, seed + 2 if seed > 0 else seed), [0.5], truncation=truncation)


@pytest.mark.parametrize("num_classes", [None, 3])
def test_walks_of_a_model_start_at_its_samples(make_gan, tmp_path, num_classes):
    gan = make_gan(num_classes)
    gan.export(tmp_path / "1")
    for model in (gan, SavedGAN(tmp_path / "1")):
        walk = circle(model, 4, 3, seed=2, truncation=0.8)
        np.testing.assert_array_equal(walk[0], gan.generate(4, seed=2, truncation=0.8))
        assert walk.dtype == np.uint8
        labels = None if num_classes is None else (1, 1)
        way = between(model, (2, 7), [0.0, 1.0], labels)
        same_images(way[0], gan.generate(1, labels and 1, seed=2)[0])
        same_images(way[1], gan.generate(1, labels and 1, seed=7)[0])
