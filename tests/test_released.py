"""The models that come with the package, in `saved_models/`."""

from pathlib import Path

import numpy as np
from PIL import Image
from same import same_images
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

import keras_gan as kg

MNIST = Path(__file__).parent.parent / "saved_models" / "mnist"


def shapes(images):
    """Rows of 8x8 pixels of what is drawn on each image, cut out."""
    rows = []
    for image in images:
        y, x = np.nonzero(image > 60)
        cut = Image.fromarray(image[y.min() : y.max() + 1, x.min() : x.max() + 1])
        rows.append(np.asarray(cut.resize((8, 8), Image.Resampling.BOX), "float32").ravel())
    return rows


def test_the_model_of_mnist_draws_the_digits_that_it_is_asked_for():
    model = kg.export.load(MNIST)
    labels = np.arange(500) % 10
    images = model.generate(500, labels=labels, seed=5)
    assert images.shape == (500, 28, 28, 1)
    assert images.dtype == np.uint8
    others = load_digits()
    known = shapes(np.kron(others.images, np.ones((3, 3))).astype("uint8") * 15)
    read = KNeighborsClassifier(5).fit(known, others.target).predict(shapes(images[..., 0]))
    # MNIST's own digits, of other writers and another scanner than these, are read so in 61 of 100 cases.
    assert (read == labels).mean() > 0.5
    same_images(model.generate(1, labels=3, seed=7), model.generate(8, labels=3, seed=0)[7:])
