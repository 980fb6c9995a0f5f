"""Makes latents from seeds, and label rows from labels."""

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from keras_gan.errors import UserError
from keras_gan.sampling.philox import uniform_of_seeds
from keras_gan.types import Tensor


def latents_from(seed: int, num: int, truncation: float | None, latent_dim: int) -> Tensor:
    """Draws the latents of the seeds `seed, seed + 1, ...`.

    Args:
        seed: int >= 0.
        num: number of seeds.
        truncation: float > 0, or `None`, as in `latents_of_seeds`.
        latent_dim: length of the latents.

    Returns:
        float32 tensor `(num, latent_dim)`.

    Raises:
        UserError: if seed or truncation is out of its range.
    """
    if not 0 <= seed <= np.iinfo("int64").max - num:
        raise UserError(f"seed must be an int >= 0 that fits 64 bits, got {seed}")
    if truncation is not None and not truncation > 0:
        raise UserError(f"truncation must be a number > 0, got {truncation!r}")
    limit = np.float32(np.inf if truncation is None else truncation)
    return latents_of_seeds(np.arange(seed, seed + num, dtype="int64"), latent_dim, limit)


@tf.function(reduce_retracing=True, autograph=False)
def latents_of_seeds(seeds: Tensor, latent_dim: int, truncation: Tensor) -> Tensor:
    """Draws latents of which each row depends only on its own seed.

    Args:
        seeds: int64 `(N,)`.
        latent_dim: length of the latents.
        truncation: float32 scalar. Latents are drawn from N(0, 1) cut to [-truncation, truncation], by the inverse of
            the distribution function. Infinity does not cut.

    Returns:
        float32 tensor `(N, latent_dim)`.
    """

    # A GPU takes longer to start each of the many small operations than a processor takes for all.
    with tf.device("CPU:0"):
        rows = uniform_of_seeds(tf.convert_to_tensor(seeds), latent_dim)
    root2 = np.float32(np.sqrt(2.0))
    # A uniform draw can return -1, where erfinv is infinite.
    return root2 * tf.math.erfinv(tf.maximum(rows, -1.0 + 2.0**-23) * tf.math.erf(truncation / root2))


def one_hot_labels(num: int, labels: ArrayLike | None, num_classes: int | None) -> np.ndarray | None:
    """Makes label rows for `num` samples.

    Args:
        num: number of samples.
        labels: an int for all samples, `num` ints, or float rows `(num, num_classes)`; when `None`, the classes take
            turns.
        num_classes: number of classes, `None` when unconditional.

    Returns:
        float32 rows `(num, num_classes)`, or `None` for an unconditional model.

    Raises:
        UserError: if there are too few or too many labels, one is out of range, or an unconditional model is given any.
    """
    if num_classes is None:
        if labels is not None:
            raise UserError("this model is unconditional: it takes no labels")
        return None
    labels = np.arange(num) % num_classes if labels is None else np.asarray(labels)
    if labels.ndim == 2:
        if labels.shape != (num, num_classes):
            raise UserError(f"label rows must be of shape {(num, num_classes)}, got {labels.shape}")
        return labels.astype("float32")
    if labels.ndim == 0:
        labels = np.repeat(labels, num)
    if labels.shape != (num,) or not np.issubdtype(labels.dtype, np.integer):
        raise UserError(f"labels must be one int or {num} ints, got {labels.dtype} of shape {labels.shape}")
    wrong = labels[(labels < 0) | (labels >= num_classes)]
    if wrong.size:
        raise UserError(f"label {wrong[0]} is out of range: this model's labels are 0 to {num_classes - 1}")
    return np.eye(num_classes, dtype="float32")[labels]
