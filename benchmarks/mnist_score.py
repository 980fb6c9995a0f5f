"""Scores MNIST samples with a classifier of its own: label agreement, and Fréchet distance of 128 features.

    python cli.py train --dataset mnist --conditional --minutes 2 --run-dir runs/mnist
    python cli.py generate runs/mnist --num 10000 --output samples.npz
    python benchmarks/mnist_score.py samples.npz

The classifier (six epochs, some minutes, once) is kept in `benchmarks/cache/`. The distance is between the samples and
the 60,000 training images; the 10,000 test images are scored beside them, as what real data reach. It is no "FID": that
name belongs to Inception features. Formula: Heusel et al., arXiv:1706.08500, equation 6.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from pathlib import Path

import click
import keras
import numpy as np
from keras import layers
from scipy.linalg import eigvals

from keras_gan import datasets

CACHE = Path(__file__).parent / "cache"


def classifier(train, test):
    path = CACHE / "mnist_classifier.keras"
    if path.exists():
        return keras.saving.load_model(path)
    keras.utils.set_random_seed(0)
    inputs = keras.Input((28, 28, 1))
    x = layers.Rescaling(1 / 127.5, -1)(inputs)
    for width in (32, 64):
        x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
        x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
        x = layers.Dropout(0.25)(layers.MaxPooling2D()(x))
    x = layers.Dense(128, activation="relu", name="features")(layers.Flatten()(x))
    model = keras.Model(inputs, layers.Dense(10)(layers.Dropout(0.5)(x)))
    epochs, steps = 6, len(train) // 128
    rate = keras.optimizers.schedules.CosineDecay(1e-3, epochs * steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    model.fit(train.batches(128), epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=2)
    CACHE.mkdir(exist_ok=True)
    model.save(path)
    return model


def frechet_distance(one, other):
    means, covariances = zip(*((x.mean(0), np.cov(x, rowvar=False, dtype="float64")) for x in (one, other)))
    # The trace of a matrix's square root is the sum of the roots of its eigenvalues, also where it is singular.
    roots = np.sqrt(np.maximum(eigvals(covariances[0] @ covariances[1]).real, 0.0))
    return np.sum((means[0] - means[1]) ** 2) + np.trace(covariances[0] + covariances[1]) - 2.0 * roots.sum()


@click.command()
@click.argument("samples", type=click.Path(exists=True), nargs=-1, required=True)
def main(samples):
    train, test = datasets.load("mnist"), datasets.load("mnist", split="test")
    model = classifier(train, test)
    model = keras.Model(model.inputs, [model.get_layer("features").output, model.output])

    def outputs(images):
        features, logits = model.predict(images, batch_size=500, verbose=0)
        return features, logits.argmax(1)

    reference = outputs(train.images)[0]
    rows = [("test images", test.images, test.labels)]
    rows += [(path, *np.load(path).values()) for path in samples]
    click.echo(f"{'':32}{'N':>8}{'agreement %':>14}{'Fréchet distance':>18}")
    for name, images, labels in rows:
        features, predicted = outputs(images)
        agreement = 100.0 * np.mean(predicted == labels)
        click.echo(f"{name:32}{len(images):8,}{agreement:14.2f}{frechet_distance(features, reference):18.2f}")


if __name__ == "__main__":
    main()
