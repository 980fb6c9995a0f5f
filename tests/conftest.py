import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Of processes beside one another each has its share of the cores: more threads only wait for each other.
os.environ.setdefault(
    "TF_NUM_INTRAOP_THREADS", str(max(1, os.cpu_count() // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))))
)

import keras
import numpy as np
import pytest
from commands import invoke

import keras_gan as kg


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERAS_GAN_TRACEBACK", raising=False)
    return invoke


@pytest.fixture
def make_gan():
    """Builds and compiles a small GAN; keyword arguments go to `GAN`, those in `compile_args` to `compile`."""

    def make(num_classes=None, image_shape=(8, 8, 1), family="mlp", compile_args=(), **kwargs):
        if family == "mlp":
            generator = kg.networks.mlp_generator(image_shape, num_classes, latent_dim=4, units=(16,))
            discriminator = kg.networks.mlp_discriminator(image_shape, num_classes, units=(16,))
        else:
            generator = kg.networks.dcgan_generator(image_shape, num_classes, latent_dim=4, width=8)
            discriminator = kg.networks.dcgan_discriminator(image_shape, num_classes, width=8)
        gan = kg.GAN(generator, discriminator, **{"seed": 1, **kwargs})
        gan.compile(**dict(compile_args))
        return gan

    return make


@pytest.fixture
def images():
    """64 uint8 images of 8x8 with labels: class i is a bright row i, with noise."""
    rng = np.random.default_rng(0)
    labels = np.arange(64) % 3
    pixels = rng.integers(0, 60, (64, 8, 8, 1), dtype="uint8")
    pixels[np.arange(64), labels * 2] += 150
    return pixels, labels
