"""Computes all figures of a set of samples, each beside the same figure of held-out real images."""

import contextlib
import dataclasses
import json

import numpy as np

from keras_gan import datasets
from keras_gan.errors import UserError
from keras_gan.metrics import distances
from keras_gan.metrics.features import RECIPE, Extractor, train_classifier
from keras_gan.metrics.statistics import statistics_of
from keras_gan.storage.files import cache_root, write_json

# With fewer samples than this for each feature, a covariance is mostly noise.
ENOUGH = 10
CAS_STEPS = 600


@dataclasses.dataclass(frozen=True)
class Figure:
    """One number about the samples.

    Attributes:
        name: name of the figure.
        samples: its value for the generated samples.
        real: its value for held-out real images in their place, `None` if that makes no sense.
        better: which values are better: "lower", "higher", or "nearer" to the real figure.
        num_samples, num_real: numbers of images from which the two values are computed.
        error, real_error: errors of the two values, or `None`: the standard error of KID, or the standard deviation
            over splits of the classifier score.
    """

    name: str
    samples: float
    real: float | None
    better: str
    num_samples: int
    num_real: int
    error: float | None = None
    real_error: float | None = None


@dataclasses.dataclass(frozen=True)
class Report:
    """Figures, and what they depend on.

    Attributes:
        figures: list of `Figure`.
        conditions: extractor with its hash, resizer, reference, seed.
        warnings: reasons to doubt a figure.
        neighbours: some samples with their nearest training images, uint8
            `(samples, 1 + neighbours, height, width, channels)`. The first image of each row is the sample.
    """

    figures: list
    conditions: dict
    warnings: list
    neighbours: np.ndarray


def evaluate(
    train: datasets.ImageDataset,
    test: datasets.ImageDataset,
    images: np.ndarray,
    labels: np.ndarray | None,
    extractor: Extractor,
    seed: int = 0,
    with_cas: bool = True,
) -> Report:
    """Measures samples against a dataset.

    A figure for which there are too few images is left out, and a warning says so.

    Args:
        train: training images, the reference.
        test: held-out images of the same kind. They are measured as if they were samples, and as many of them as there
            are samples if possible.
        images: samples, uint8 `(N, height, width, channels)`.
        labels: ints `(N,)`, the classes that the samples were asked for, or `None`.
        extractor: gives the features that are compared.
        seed: int >= 0, seed of the subsets that some figures draw.
        with_cas: whether to compute the classification accuracy score, which needs labels. It takes most of the time,
            because it trains two classifiers.

    Raises:
        UserError: if shapes or classes differ, or all samples are the same image.
    """
    if labels is not None and len(labels) != len(images):
        raise UserError(f"need a label for each image, got {len(labels)} for {len(images)}")
    if images.shape[1:] != train.image_shape:
        raise UserError(f"the images of {train.name} are {train.image_shape}, these are {images.shape[1:]}")
    datasets.check_alike(train, test)
    if (images == images[0]).all():
        raise UserError("all samples are the same image: there is nothing to measure")
    reference, _ = extractor(train.images)
    # Most figures depend on the number of images, so as many real images are taken as there are samples.
    rows, held_out = (_some(len(data), len(images), seed) for data in (train, test))
    held_out_labels = None if test.labels is None else test.labels[held_out]
    parties = [_Party(images, labels, extractor), _Party(test.images[held_out], held_out_labels, extractor)]
    figures, warnings = [], _warnings(len(images), len(held_out), extractor)

    @contextlib.contextmanager
    def left_out_if_impossible(name):
        try:
            yield
        except UserError as error:
            numbers = f"{len(train):,} to train on, {len(held_out):,} held out and {len(images):,} samples"
            warnings.append(f"no {name}, of {numbers}: {error}")

    def add(name, better, measure):
        with left_out_if_impossible(name):
            (value, error), (real, real_error) = (_with_error(measure(party)) for party in parties)
            figures.append(Figure(name, value, real, better, len(images), len(held_out), error, real_error))

    name = "FID" if extractor.is_inception else "FCD"
    statistics = statistics_of(reference)
    add(name, "lower", lambda party: distances.frechet_distance(statistics, statistics_of(party.features)))
    add("KID", "lower", lambda party: distances.kernel_distance(reference[rows], party.features, seed=seed))
    with left_out_if_impossible("precision, recall, density and coverage"):
        samples, held = (distances.prdc(reference[rows], party.features) for party in parties)
        figures += [Figure(name, samples[name], held[name], "higher", len(images), len(held_out)) for name in samples]
    if extractor.num_classes:
        add("classifier score", "higher", lambda party: distances.classifier_score(party.probabilities))
    if extractor.num_classes and extractor.num_classes == train.num_classes:
        figures += _of_classes(parties, train)
    if labels is not None and with_cas:
        with left_out_if_impossible("CAS"):
            figures.append(_classification_accuracy(train, test, images, labels))
    (far, nearest), (usual, _) = (distances.nearest_neighbours(reference, party.features, 5) for party in parties)
    ratio = float(np.median(far[:, 0]) / max(np.median(usual[:, 0]), 1e-12))
    figures.append(Figure("distance to nearest training image", ratio, 1.0, "nearer", len(images), len(held_out)))
    if ratio < 0.5:
        warnings.append(
            f"samples lie {1 / max(ratio, 1e-12):.1f} times nearer to training images than held-out images do: look at "
            "the neighbours for copies"
        )
    shown = np.unique(labels, return_index=True)[1][:10] if labels is not None else np.arange(min(10, len(images)))
    return Report(
        figures,
        {
            "dataset": train.name,
            "reference": f"training split, {len(train):,} images",
            "extractor": extractor.name,
            "extractor_hash": extractor.hash,
            "features": extractor.dimensions,
            "resizer": extractor.resizer(train.image_shape),
            "seed": seed,
        },
        warnings,
        np.concatenate([images[shown][:, np.newaxis], train.images[nearest[shown]]], axis=1),
    )


def draw_labels(data: datasets.ImageDataset, num: int, seed: int = 0) -> np.ndarray:
    """Draws labels, ints `(num,)`, with the frequencies that they have in a dataset.

    Raises:
        UserError: if the dataset has no labels.
    """
    if data.labels is None:
        raise UserError(f"{data.name} has no labels to draw")
    return np.random.default_rng(seed).choice(data.labels, num)


class _Party:
    """Features and predictions of samples, or of real images in their place."""

    def __init__(self, images, labels, extractor):
        self.labels = labels
        self.features, self.probabilities = extractor(images)


def _with_error(value):
    return value if isinstance(value, tuple) else (value, None)


def _of_classes(parties, train):
    found = [np.argmax(party.probabilities, axis=1) for party in parties]

    def figure(name, values, better):
        samples, real = values
        return Figure(name, samples, real, better, len(found[0]), len(found[1]))

    figures = []
    if parties[0].labels is not None:
        accuracy = [float((classes == party.labels).mean()) for classes, party in zip(found, parties)]
        figures.append(figure("label accuracy", accuracy, "higher"))
    real, *counts = (np.bincount(classes, minlength=train.num_classes) for classes in (train.labels, *found))
    present = real > 0  # The reference may be a part of the data that lacks the rarest classes.
    numbers, divergences = zip(*(distances.modes(real[present], count[present]) for count in counts))
    return [*figures, figure("classes found", numbers, "higher"), figure("KL of classes", divergences, "lower")]


def _classification_accuracy(train, test, images, labels):
    """Computes the classification accuracy score: train on samples, test on real images.

    Source: Ravuri and Vinyals, arXiv:1905.10887.
    """
    size = min(len(images), len(train))

    def accuracy(pixels, targets):
        rows = np.random.default_rng(0).permutation(len(pixels))[:size]
        classifier = Extractor(train_classifier(pixels[rows], targets[rows], train.num_classes, CAS_STEPS), "CAS")
        return float((np.asarray(classifier(test.images)[1]).argmax(axis=1) == test.labels).mean())

    # The figure of real images takes half a minute and is the same for all models of a dataset.
    name = f"{RECIPE}-CAS-{CAS_STEPS}-{size}-{train.fingerprint}-{test.fingerprint}.json"
    file = cache_root() / "figures" / name
    real = _kept_number(file)
    if real is None:
        real = accuracy(train.images, train.labels)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, real)
    return Figure("CAS", accuracy(images, labels), real, "higher", size, size)


def _kept_number(file):
    """Returns the number in a file of the cache; `None` if it is missing or damaged."""
    try:
        return float(json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _some(size, wanted, seed):
    """Draws at most `wanted` of `size` rows, and returns them in order."""
    return np.sort(np.random.default_rng(seed).permutation(size)[:wanted])


def _warnings(num_samples, num_real, extractor):
    warnings = []
    if num_real < num_samples:
        warnings.append(
            f"{num_samples:,} samples stand beside {num_real:,} held-out images: except for KID, figures can be "
            "compared only at the same number of images"
        )
    for size, what in ((num_samples, "samples"), (num_real, "held-out images")):
        if size < ENOUGH * extractor.dimensions:
            warnings.append(
                f"{size:,} {what} are few for {extractor.dimensions} features: distances come out too large, so "
                "compare them only at the same number"
            )
    return warnings
