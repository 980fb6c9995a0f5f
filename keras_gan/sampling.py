"""From seeds and labels to samples, the same whether the model is a `GAN` or a SavedModel."""

import numpy as np
import tensorflow as tf
from keras import ops

BATCH = 256


def sample(render, num: int, labels, seed: int, truncation: float | None, latent_dim: int, num_classes: int | None):
    """Draws latents for the seeds `seed, seed + 1, ...` and renders them in batches.

    Args:
        render: function of latents float32 `(n, latent_dim)` and one-hot labels float32 `(n, num_classes)` or `None`,
            that returns `n` samples.
        num: how many, an int >= 1.
        labels: as `one_hot_labels` takes them.
        seed: int >= 0.
        truncation: float > 0, or `None`, as `latents_of_seeds` takes it.
        latent_dim: length of the latents.
        num_classes: number of classes, `None` when unconditional.

    Returns:
        array `(num, ...)`.

    Raises:
        ValueError: if an argument is out of its range.
    """
    if num < 1:
        raise ValueError(f"the number of samples must be at least 1, got {num}")
    latents = _latents(seed, num, truncation, latent_dim)
    return _in_batches(render, latents, one_hot_labels(num, labels, num_classes))


def circle(model, num: int, frames: int, labels=None, seed: int = 0, truncation: float | None = None) -> np.ndarray:
    """Samples that walk through the latents and come back: each goes around a circle through the latents of two seeds.

    At angle t the latents are `cos(t) a + sin(t) b`. With a and b from N(0, I) they are so too at every angle: no frame
    is less likely than another.

    Args:
        model: a `GAN` or `SavedGAN`.
        num: how many samples; their first frame is what `model.generate(num, labels, seed, truncation)` gives.
        frames: of the walk, an int >= 1.
        labels, seed, truncation: as `GAN.generate` takes them.

    Returns:
        array `(frames, num, ...)`.

    Raises:
        ValueError: as `GAN.generate` does.
    """
    first, second = np.split(_latents(seed, 2 * num, truncation, model.latent_dim).numpy(), 2)
    labels = one_hot_labels(num, labels, model.num_classes)
    angles = 2.0 * np.pi * np.arange(frames) / frames
    latents = [np.float32(np.cos(angle)) * first + np.float32(np.sin(angle)) * second for angle in angles]
    return np.stack([_in_batches(model.generate_from_latents, each, labels) for each in latents])


def between(model, seeds, shares, labels=None, truncation: float | None = None) -> np.ndarray:
    """Samples on the way from one seed to another, and from one class to another.

    Latents go along the great circle from one to the other (White, arXiv:1609.04468), labels in a straight line.

    Args:
        model: a `GAN` or `SavedGAN`; the latter takes two labels that are the same.
        seeds: two ints >= 0.
        shares: of the way, floats in [0, 1].
        labels: two ints; both 0 when `None` and the model is conditional.
        truncation: as `GAN.generate` takes it.

    Returns:
        array `(len(shares), ...)`.

    Raises:
        ValueError: as `GAN.generate` does.
    """
    shares = np.asarray(shares, "float32")[:, np.newaxis]
    first, last = (_latents(seed, 1, truncation, model.latent_dim).numpy()[0] for seed in seeds)
    cosine = np.dot(first, last) / (np.linalg.norm(first) * np.linalg.norm(last))
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    if np.sin(angle) < 1e-4:
        latents = (1.0 - shares) * first + shares * last
    else:
        latents = (np.sin((1.0 - shares) * angle) * first + np.sin(shares * angle) * last) / np.sin(angle)
    rows = one_hot_labels(2, (0, 0) if labels is None and model.num_classes else labels, model.num_classes)
    if rows is not None:
        rows = (1.0 - shares) * rows[0] + shares * rows[1]
    return _in_batches(model.generate_from_latents, latents.astype("float32"), rows)


def _latents(seed, num, truncation, latent_dim):
    """Latents of the seeds `seed, seed + 1, ...`, float32 tensor `(num, latent_dim)`."""
    if not 0 <= seed <= np.iinfo("int64").max - num:
        raise ValueError(f"seed must be an int >= 0 that fits 64 bits, got {seed}")
    if truncation is not None and not truncation > 0:
        raise ValueError(f"truncation must be a number > 0, got {truncation!r}")
    limit = np.float32(np.inf if truncation is None else truncation)
    return latents_of_seeds(np.arange(seed, seed + num, dtype="int64"), latent_dim, limit)


def _in_batches(render, latents, labels):
    batches = []
    for start in range(0, len(latents), BATCH):
        rows = slice(start, start + BATCH)
        some = None if labels is None else tf.constant(labels[rows])
        batches.append(ops.convert_to_numpy(render(latents[rows], some)))
    return np.concatenate(batches)


@tf.function(reduce_retracing=True, autograph=False)
def latents_of_seeds(seeds, latent_dim: int, truncation):
    """Latents in which each row depends on its own seed alone.

    Args:
        seeds: int64 `(N,)`.
        latent_dim: length of the latents.
        truncation: float32 scalar; rows are N(0, 1) cut to [-truncation, truncation], by the inverse of the
            distribution function. Infinity does not cut.

    Returns:
        float32 tensor `(N, latent_dim)`.
    """

    def uniform(seed):
        # Named, since the default depends on the device: a seed is one picture everywhere.
        return tf.random.stateless_uniform((latent_dim,), tf.stack([seed, 0]), minval=-1.0, maxval=1.0, alg="philox")

    rows = tf.map_fn(uniform, tf.convert_to_tensor(seeds), fn_output_signature=tf.TensorSpec((latent_dim,), "float32"))
    root2 = np.float32(np.sqrt(2.0))
    # erfinv(-1) is infinite, and -1 is a number that a uniform draw can return.
    return root2 * tf.math.erfinv(tf.maximum(rows, -1.0 + 2.0**-23) * tf.math.erf(truncation / root2))


def one_hot_labels(num: int, labels, num_classes: int | None) -> np.ndarray | None:
    """Labels for `num` samples as float32 rows `(num, num_classes)`, or `None` for an unconditional model.

    Args:
        num: how many samples.
        labels: an int for all, `num` ints, or float rows `(num, num_classes)`; all classes in turn when `None`.
        num_classes: number of classes, `None` when unconditional.

    Raises:
        ValueError: if there are too few or too many, one is out of range, or the model takes none.
    """
    if num_classes is None:
        if labels is not None:
            raise ValueError("this model is unconditional: it takes no labels")
        return None
    labels = np.arange(num) % num_classes if labels is None else np.asarray(labels)
    if labels.ndim == 2:
        if labels.shape != (num, num_classes):
            raise ValueError(f"label rows must be of shape {(num, num_classes)}, got {labels.shape}")
        return labels.astype("float32")
    if labels.ndim == 0:
        labels = np.repeat(labels, num)
    if labels.shape != (num,) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be one int or {num} ints, got {labels.dtype} of shape {labels.shape}")
    wrong = labels[(labels < 0) | (labels >= num_classes)]
    if wrong.size:
        raise ValueError(f"label {wrong[0]} is out of range: this model's labels are 0 to {num_classes - 1}")
    return np.eye(num_classes, dtype="float32")[labels]


def to_uint8(images):
    """Float images in [-1, 1] as uint8 in [0, 255]."""
    return ops.cast(to_pixels(images), "uint8")


def to_pixels(images):
    """The same as whole float32 numbers, in which NaN stays NaN."""
    return ops.clip(ops.round((ops.cast(images, "float32") + 1.0) * 127.5), 0.0, 255.0)
