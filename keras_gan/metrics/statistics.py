"""Mean and covariance of features that come in batches, without keeping the features."""

import numpy as np

from keras_gan.errors import UserError


class GaussianStatistics:
    """Count, mean and covariance of rows that come in batches.

    Args:
        dimensions: int, length of a row.

    Attributes:
        count: number of rows so far.
        mean: mean of the rows, float64 `(dimensions,)`.

    Source: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979).
    """

    def __init__(self, dimensions: int) -> None:
        self.count = 0
        self.mean = np.zeros(dimensions)
        self._scatter = np.zeros((dimensions, dimensions))

    def update(self, features: np.ndarray) -> "GaussianStatistics":
        """Adds rows `(N, dimensions)` and returns itself.

        Raises:
            UserError: if they are of another shape, or hold NaN or infinity.
        """
        features = np.asarray(features, "float64")
        if features.ndim != 2 or features.shape[1] != len(self.mean):
            raise UserError(f"features must be (N, {len(self.mean)}), got {features.shape}")
        if not np.isfinite(features).all():
            raise UserError("the features contain NaN or infinity")
        if not len(features):
            return self
        mean = features.mean(axis=0)
        centred = features - mean
        shift = mean - self.mean
        total = self.count + len(features)
        self._scatter += centred.T @ centred + np.outer(shift, shift) * (self.count * len(features) / total)
        self.mean = self.mean + shift * (len(features) / total)
        self.count = total
        return self

    @property
    def covariance(self) -> np.ndarray:
        """Unbiased covariance, float64 `(dimensions, dimensions)`; `UserError` if there are fewer than 2 rows."""
        if self.count < 2:
            raise UserError(f"a covariance needs at least 2 samples, got {self.count}")
        return self._scatter / (self.count - 1)


def statistics_of(features: np.ndarray) -> GaussianStatistics:
    """Returns the statistics of features `(N, dimensions)` in one array.

    Raises:
        UserError: if they are of another shape, or hold NaN or infinity.
    """
    if np.ndim(features) != 2:
        raise UserError(f"features must be (N, D), got {np.shape(features)}")
    return GaussianStatistics(np.shape(features)[1]).update(features)
