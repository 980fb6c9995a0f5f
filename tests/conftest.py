import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Of processes beside one another each has its share of the cores: more threads only wait for each other.
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    for name in ("TF_NUM_INTRAOP_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, str(max(1, os.cpu_count() // int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))))
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import numpy as np
import pytest
from commands import invoke, run_module
from filelock import FileLock

import keras_gan as kg


def pytest_collection_finish(session):
    """Spares the garbage collector what TensorFlow and Keras made when they were imported."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _seeded():
    import keras  # Here, for the process that only hands out the tests reads this file too.

    keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def digits_cache(tmp_path_factory):
    """A folder for `KERAS_GAN_CACHE` with the classifier of the digits, trained once for all processes of a test run.

    `hash.txt` in it is the hash of the classifier as it was trained.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    cache = folder / "cache"
    with FileLock(folder / "cache.lock"):
        if not (cache / "hash.txt").exists():
            extractor = kg.metrics.dataset_classifier(kg.datasets.load("digits"), cache)
            (cache / "hash.txt").write_text(extractor.hash)
    return cache


@pytest.fixture
def runs_in_process(digits_cache, monkeypatch):
    """Runs of a comparison are no processes of their own, but for those of tests of just that."""
    monkeypatch.setenv("KERAS_GAN_CACHE", str(digits_cache))
    monkeypatch.setattr("keras_gan.comparison.worker.signals.run", run_module)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERAS_GAN_TRACEBACK", raising=False)
    return invoke


def small_gan(num_classes=None, image_shape=(8, 8, 1), family="mlp", compile_args=(), **kwargs):
    import keras

    if family == "mlp":
        generator = kg.networks.mlp_generator(image_shape, num_classes, latent_dim=4, units=(16,))
        discriminator = kg.networks.mlp_discriminator(image_shape, num_classes, units=(16,))
    else:
        generator = kg.networks.dcgan_generator(image_shape, num_classes, latent_dim=4, width=8)
        discriminator = kg.networks.dcgan_discriminator(image_shape, num_classes, width=8)
    gan = kg.GAN(generator, discriminator, **{"seed": 1, **kwargs})
    # Quicker to compile than Adam, and with a state as well.
    players = ("generator", "discriminator")
    optimizers = {f"{player}_optimizer": keras.optimizers.SGD(2e-3, momentum=0.5) for player in players}
    gan.compile(**{**optimizers, **dict(compile_args)})
    return gan


@pytest.fixture(scope="session")
def make_gan():
    """Builds and compiles a small GAN; keyword arguments go to `GAN`, those in `compile_args` to `compile`."""
    return small_gan


@pytest.fixture(scope="session")
def images():
    """64 uint8 images of 8x8 with labels: class i is a bright row i, with noise."""
    rng = np.random.default_rng(0)
    labels = np.arange(64) % 3
    pixels = rng.integers(0, 60, (64, 8, 8, 1), dtype="uint8")
    pixels[np.arange(64), labels * 2] += 150
    for array in (pixels, labels):
        array.setflags(write=False)
    return pixels, labels
