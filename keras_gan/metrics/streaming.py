"""Distances as Keras metrics, for `compile(metrics=[...])`; they keep sums over batches, and no features.

In `evaluate()` and for `validation_data` they compare real images with samples of the averaged generator. So
`ModelCheckpoint(monitor="val_kid", mode="min")` and `EarlyStopping` follow the pictures instead of the losses.
"""

import keras
import tensorflow as tf
from keras import ops

from keras_gan import sampling
from keras_gan.errors import UserError
from keras_gan.metrics import features
from keras_gan.types import StrPath, Tensor


class _FeatureMetric(keras.metrics.Metric):
    """A metric of features. It is saved with a model as the path of its extractor, which is loaded when needed."""

    def __init__(self, extractor, dimensions, name, **kwargs):
        super().__init__(name=name, **kwargs)
        given = isinstance(extractor, features.Extractor)
        if not given and dimensions is None:
            raise UserError("with the path of an extractor, give its number of features: dimensions=")
        self._path = extractor.path if given else extractor
        self._dimensions = extractor.dimensions if given else dimensions
        # The tuple hides the extractor from Keras, which would otherwise save its network with the model.
        self._loaded = (extractor,) if given else ()

    def _features(self, images):
        if not self._loaded:
            if self._path is None:
                raise UserError(f"the extractor of {self.name} was not saved: give the metric another")
            with tf.init_scope():
                self._loaded = (features.load_extractor(self._path),)
        # Images are rounded to whole levels, because that is how they are delivered.
        return self._loaded[0].call(sampling.to_pixels(images))[0]

    def get_config(self) -> dict:
        return {"name": self.name, "extractor": self._path, "dimensions": self._dimensions}


@keras.saving.register_keras_serializable(package="keras_gan")
class FrechetDistance(_FeatureMetric):
    """The Fréchet distance (`frechet_distance`) of all batches so far. With few samples it comes out too large.

    Args:
        extractor: an `Extractor`, or the path of a saved one.
        dimensions: number of its features, needed only with a path.
        name: name of the metric; in the logs it becomes `val_fcd`.

    Raises:
        UserError: if `extractor` is a path and there is no `dimensions`.
    """

    def __init__(
        self, extractor: "features.Extractor | StrPath", dimensions: int | None = None, name: str = "fcd"
    ) -> None:
        super().__init__(extractor, dimensions, name, dtype="float64")
        size = self._dimensions
        # For real and for fake features: their number, their sum, and the sum of their outer products.
        self._sums = [
            [self.add_variable(shape, "zeros", name=f"{party}{len(shape)}") for shape in ((), (size,), (size, size))]
            for party in ("real", "fake")
        ]

    def update_state(self, real: Tensor, fake: Tensor) -> None:
        for images, (count, first, second) in zip((real, fake), self._sums):
            features = ops.cast(self._features(images), "float64")
            count.assign_add(ops.cast(ops.shape(features)[0], "float64"))
            first.assign_add(ops.sum(features, axis=0))
            second.assign_add(ops.matmul(ops.transpose(features), features))

    def result(self) -> Tensor:
        (real, real_covariance), (fake, fake_covariance) = (self._gaussian(*sums) for sums in self._sums)
        values, vectors = tf.linalg.eigh(real_covariance)
        root = ops.matmul(vectors * ops.sqrt(ops.maximum(values, 0.0)), ops.transpose(vectors))
        product = tf.linalg.eigvalsh(ops.matmul(ops.matmul(root, fake_covariance), root))
        trace = tf.linalg.trace(real_covariance) + tf.linalg.trace(fake_covariance)
        trace -= 2.0 * ops.sum(ops.sqrt(ops.maximum(product, 0.0)))
        return ops.maximum(ops.sum(ops.square(real - fake)) + trace, 0.0)

    def _gaussian(self, count, first, second):
        mean = first / ops.maximum(count, 1.0)
        scatter = second - count * ops.outer(mean, mean)
        return mean, scatter / ops.maximum(count - 1.0, 1.0)


@keras.saving.register_keras_serializable(package="keras_gan")
class KernelDistance(_FeatureMetric):
    """The kernel distance (`kernel_distance`) with each batch as a subset.

    It is unbiased at any batch size, and less noisy at large ones. A batch is weighted by its number of pairs of
    images, so a small last batch counts little, and a single image does not count.

    Args:
        extractor: an `Extractor`, or the path of a saved one.
        dimensions: number of its features, needed only with a path.
        name: name of the metric; in the logs it becomes `val_kid`.

    Raises:
        UserError: if `extractor` is a path and there is no `dimensions`.
    """

    def __init__(
        self, extractor: "features.Extractor | StrPath", dimensions: int | None = None, name: str = "kid"
    ) -> None:
        super().__init__(extractor, dimensions, name)
        self._mean = keras.metrics.Mean()

    def update_state(self, real: Tensor, fake: Tensor) -> None:
        real, fake = self._features(real), self._features(fake)
        size = ops.cast(ops.shape(real)[0], "float32")
        within = sum(ops.sum(k) - tf.linalg.trace(k) for k in (_kernel(real, real), _kernel(fake, fake)))
        pairs = size * (size - 1.0)
        distance = within / ops.maximum(pairs, 1.0) - 2.0 * ops.mean(_kernel(real, fake))
        self._mean.update_state(distance, sample_weight=pairs)

    def result(self) -> Tensor:
        return self._mean.result()

    def reset_state(self) -> None:
        self._mean.reset_state()


def _kernel(x, y):
    size = ops.cast(ops.shape(x)[-1], x.dtype)
    return (ops.matmul(x, ops.transpose(y)) / size + 1.0) ** 3
