"""Distances of generated samples from real ones, as functions of features or predictions: NumPy in, floats out.

Real comes before fake. Features are float arrays `(N, D)` of any extractor. A figure can be compared only with the same
figure of the same extractor, N and data. Arrays of another shape, or with NaN, raise a `UserError`.
"""

import numpy as np

from keras_gan.errors import UserError
from keras_gan.metrics.statistics import GaussianStatistics, statistics_of


def frechet_distance(real: np.ndarray | GaussianStatistics, fake: np.ndarray | GaussianStatistics) -> float:
    """Computes the squared Fréchet distance between Gaussians that are fitted to two sets of features, at least 0.

    It is |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)). With Inception features it is called FID.

    Args:
        real, fake: features `(N, D)`, or their statistics.

    Raises:
        UserError: if there are not more samples than features, because a covariance would then be singular.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> real, fake = rng.normal(0.0, 1.0, (5000, 4)), rng.normal(1.0, 1.0, (5000, 4))
        >>> round(kg.metrics.frechet_distance(real, fake), 1)
        4.0

    Source: Heusel et al., arXiv:1706.08500, equation 6.
    """
    real, fake = (x if isinstance(x, GaussianStatistics) else statistics_of(x) for x in (real, fake))
    _check_alike(len(real.mean), len(fake.mean))
    for name, statistics in (("real", real), ("fake", fake)):
        if statistics.count <= len(statistics.mean):
            raise UserError(
                f"the Fréchet distance needs more samples than the {len(statistics.mean)} features, "
                f"got {statistics.count} {name} ones"
            )
    # tr((S1 S2)^(1/2)) is computed from the symmetric product, whose eigenvalues are real and not negative.
    values, vectors = np.linalg.eigh(real.covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    product = np.linalg.eigvalsh(root @ fake.covariance @ root)
    trace = np.trace(real.covariance) + np.trace(fake.covariance) - 2.0 * np.sqrt(np.maximum(product, 0.0)).sum()
    return float(max(0.0, np.sum((real.mean - fake.mean) ** 2) + trace))


def kernel_distance(
    real: np.ndarray, fake: np.ndarray, subset_size: int = 1000, subsets: int = 100, seed: int = 0
) -> tuple[float, float]:
    """Computes the kernel distance (KID), the unbiased squared maximum mean discrepancy; it may be negative.

    The kernel is (x.y / D + 1)^3.

    Args:
        real, fake: features `(N, D)`.
        subset_size: number of real and of fake samples in a subset. If there are not more samples than that, the
            distance is computed from all of them, and subsets of half of them are used for its error.
        subsets: int >= 2, number of subsets, each drawn without replacement.
        seed: int >= 0, seed of the draws.

    Returns:
        the mean over subsets, and its standard error: how much it would differ with another draw of all samples.

    Raises:
        UserError: if there are fewer than 4 samples, or subsets are too small or too few.

    Source: Bińkowski et al., arXiv:1801.01401, section 4; the error: the delete-d jackknife of Shao and Wu, "A General
    Theory for Jackknife Variance Estimation" (1989), with the smaller number of samples.
    """
    real, fake = _pair(real, fake)
    number = min(len(real), len(fake))
    if number < 4 or subset_size < 2 or subsets < 2:
        raise UserError(
            f"the kernel distance needs at least 4 samples of each and 2 subsets of 2, got {len(real)} and {len(fake)} "
            f"samples, {subsets} subsets of {subset_size}"
        )
    rng = np.random.default_rng(seed)
    whole = number <= subset_size
    size = number // 2 if whole else subset_size
    values = [
        _discrepancy(*(rows[rng.choice(len(rows), size, replace=False)] for rows in (real, fake)))
        for _ in range(subsets)
    ]
    variance = np.var(values, ddof=1)
    error = variance * size / (number - size) + (0.0 if whole else variance / subsets)
    return float(_discrepancy(real, fake) if whole else np.mean(values)), float(np.sqrt(error))


def prdc(real: np.ndarray, fake: np.ndarray, neighbours: tuple[int, int] = (3, 5)) -> dict[str, float]:
    """Computes improved precision and recall, density and coverage.

    The reach of a sample is the distance to its k-th neighbour among its own kind.

    - Precision is the share of fakes that lie within reach of a real sample.
    - Recall is the share of real samples that lie within reach of a fake.
    - Density is the mean number of real samples within whose reach a fake lies, divided by k. So an outlier among the
      real samples counts little.
    - Coverage is the share of real samples that have a fake within their reach.

    Args:
        real, fake: features `(N, D)`.
        neighbours: k of precision and recall, and k of density and coverage.

    Returns:
        a dict of `precision`, `recall` and `coverage` in [0, 1], and of `density`, which is at least 0 and may be
        above 1.

    Raises:
        UserError: if there are not more than k samples.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> sorted(kg.metrics.prdc(rng.normal(size=(100, 4)), rng.normal(size=(100, 4))))
        ['coverage', 'density', 'precision', 'recall']

    Source: precision and recall: Kynkäänniemi et al., arXiv:1904.06991, equations 1 and 2, k = 3; density and coverage:
    Naeem et al., arXiv:2002.09797, equations 3 and 4, k = 5.
    """
    from sklearn.metrics import pairwise_distances_chunked

    real, fake = _pair(real, fake)
    near, far = neighbours
    of_real, of_fake = _reaches(real, max(neighbours)), _reaches(fake, near)
    precise, dense = 0, 0
    recalled, covered = np.zeros(len(real), bool), np.zeros(len(real), bool)
    start = 0
    for chunk in pairwise_distances_chunked(fake, real):
        stop = start + len(chunk)
        inside = chunk <= of_real[:, far - 1]
        dense += inside.sum()
        covered |= inside.any(axis=0)
        precise += (chunk <= of_real[:, near - 1]).any(axis=1).sum()
        recalled |= (chunk <= of_fake[start:stop, near - 1, np.newaxis]).any(axis=0)
        start = stop
    return {
        "precision": float(precise / len(fake)),
        "recall": float(recalled.mean()),
        "density": float(dense / len(fake) / far),
        "coverage": float(covered.mean()),
    }


def are_probabilities(rows: np.ndarray) -> bool:
    """Whether an array `(N, classes)` holds no negative number and its rows sum to 1."""
    return rows.ndim == 2 and not (rows < 0).any() and bool((np.abs(rows.sum(axis=1) - 1.0) <= 1e-2).all())


def classifier_score(probabilities: np.ndarray, splits: int = 10) -> tuple[float, float]:
    """Computes the exponential of the mean divergence of predictions from their mean, in [1, number of classes].

    With Inception's predictions it is called Inception score.

    Args:
        probabilities: `(N, classes)`, rows that sum to 1.
        splits: number of random parts for each of which it is computed.

    Returns:
        the mean over the parts, and their standard deviation.

    Raises:
        UserError: if these are not probabilities, or there are fewer rows than splits.

    Source: Salimans et al., arXiv:1606.03498, section 4.
    """
    from scipy.stats import entropy

    probabilities = np.asarray(probabilities, "float64")
    if not are_probabilities(probabilities):
        raise UserError("the classifier score needs class probabilities (N, classes): rows that sum to 1, no logits")
    if len(probabilities) < splits:
        raise UserError(f"the classifier score needs at least {splits} samples, got {len(probabilities)}")
    # Rows may be sorted by class, and then parts would not be alike without a shuffle.
    probabilities = np.random.default_rng(0).permutation(probabilities)
    scores = []
    for part in np.array_split(probabilities, splits):
        scores.append(np.exp(entropy(part, part.mean(axis=0), axis=1).mean()))
    return float(np.mean(scores)), float(np.std(scores))


def modes(real_counts: np.ndarray, fake_counts: np.ndarray) -> tuple[int, float]:
    """Counts the modes that samples reach, and compares their frequencies with those of the data.

    Args:
        real_counts: counts or frequencies of the modes in the data, `(modes,)`, all above 0.
        fake_counts: counts of the modes among the samples, `(modes,)`.

    Returns:
        the number of modes with at least one sample, and KL(fake || real) in nats.

    Raises:
        UserError: if the arrays do not fit each other or hold wrong counts.

    Source: Srivastava et al. (VEEGAN), arXiv:1705.07761, section 4; Lin et al. (PacGAN), arXiv:1712.04086, section 4.
    """
    from scipy.stats import entropy

    real, fake = np.asarray(real_counts, "float64"), np.asarray(fake_counts, "float64")
    if real.shape != fake.shape or not fake.sum() > 0:
        raise UserError(f"need counts of the same modes and at least one sample, got {real.shape} and {fake.shape}")
    if (fake < 0).any():
        raise UserError("counts of each mode are wanted, and none can be negative")
    if (real <= 0).any():
        raise UserError(
            f"mode {int(np.argmin(real))} has no real sample: leave it out (counts of each mode are wanted, not labels)"
        )
    return int((fake > 0).sum()), float(entropy(fake, real))


def nearest_neighbours(train: np.ndarray, samples: np.ndarray, neighbours: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Finds the training rows that are nearest to each sample, to show whether samples are memorised.

    Args:
        train, samples: features `(M, D)` and `(N, D)`.
        neighbours: number of training rows for each sample.

    Returns:
        Euclidean distances, float `(N, neighbours)`, nearest first, and indices into `train`, int `(N, neighbours)`.
    """
    train, samples = _pair(train, samples)
    return _index(train, neighbours).kneighbors(samples)


def _features(features):
    features = np.asarray(features, "float32")
    if features.ndim != 2 or not len(features):
        raise UserError(f"features must be (N, D) with N > 0, got {features.shape}")
    if not np.isfinite(features).all():
        raise UserError("the features contain NaN or infinity")
    return features


def _pair(real, fake):
    real, fake = _features(real), _features(fake)
    _check_alike(real.shape[1], fake.shape[1])
    return real, fake


def _check_alike(real, fake):
    if real != fake:
        raise UserError(f"the real have {real} features, the fake {fake}: take one extractor for both")


def _discrepancy(x, y):
    """Computes the unbiased squared maximum mean discrepancy."""
    within = sum((k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (_kernel(x, x), _kernel(y, y)))
    return within - 2.0 * _kernel(x, y).mean()


def _kernel(x, y):
    values = x.astype("float64") @ y.astype("float64").T / x.shape[1] + 1.0
    return values * values * values


def _reaches(features, neighbours):
    """Returns the distances of each row to its nearest other rows, `(N, neighbours)`."""
    if len(features) <= neighbours:
        raise UserError(f"need more than {neighbours} samples, got {len(features)}")
    return _index(features, neighbours).kneighbors()[0]


def _index(features, neighbours):
    from sklearn.neighbors import NearestNeighbors  # This takes a second to import; most commands need not wait for it.

    return NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(features)
