"""Makes samples from seeds and labels, in the same way for a `GAN` and for a SavedModel."""

from collections.abc import Callable, Sequence
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import ArrayLike

from keras_gan.errors import UserError
from keras_gan.sampling.latents import latents_from, one_hot_labels
from keras_gan.sampling.pixels import is_image, to_uint8
from keras_gan.types import Tensor

BATCH = 256


class Sampler(Protocol):
    """A model from which samples can be drawn: a `GAN`, or a `SavedGAN`."""

    @property
    def latent_dim(self) -> int: ...

    @property
    def num_classes(self) -> int | None: ...

    @property
    def sample_shape(self) -> tuple[int, ...]: ...

    def generate(
        self, num: int, labels: ArrayLike | None = None, seed: int = 0, truncation: float | None = None
    ) -> np.ndarray: ...

    def generate_from_latents(self, latents: Tensor, labels: Tensor | None = None) -> np.ndarray: ...


def renderer(network: keras.Model) -> Callable[[Tensor, Tensor | None], Tensor]:
    """Compiles a generator into a function of latents and label rows, or `None`, that returns samples.

    Images are uint8 in [0, 255], all other samples are float32.
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def render(latents, labels):
        samples = network(latents if labels is None else [latents, labels], training=False)
        return to_uint8(samples) if is_image(samples.shape[1:]) else samples

    def convert_and_render(latents, labels=None):
        rows = None if labels is None else ops.convert_to_tensor(labels, "float32")
        return render(ops.convert_to_tensor(latents, "float32"), rows)

    return convert_and_render


def sample(
    render: Callable[[Tensor, Tensor | None], Tensor],
    num: int,
    labels: ArrayLike | None,
    seed: int,
    truncation: float | None,
    latent_dim: int,
    num_classes: int | None,
) -> np.ndarray:
    """Draws latents for the seeds `seed, seed + 1, ...` and renders them in batches.

    Args:
        render: function of latents float32 `(n, latent_dim)` and one-hot labels float32 `(n, num_classes)` or `None`.
            It returns `n` samples.
        num: number of samples, an int >= 1.
        labels: labels, as for `one_hot_labels`.
        seed: int >= 0.
        truncation: float > 0, or `None`, as in `latents_of_seeds`.
        latent_dim: length of the latents.
        num_classes: number of classes, `None` when unconditional.

    Returns:
        array `(num, ...)`.

    Raises:
        UserError: if an argument is out of its range.
    """
    if num < 1:
        raise UserError(f"the number of samples must be at least 1, got {num}")
    latents = latents_from(seed, num, truncation, latent_dim)
    return _in_batches(render, latents, one_hot_labels(num, labels, num_classes))


def circle(
    model: Sampler,
    num: int,
    frames: int,
    labels: ArrayLike | None = None,
    seed: int = 0,
    truncation: float | None = None,
) -> np.ndarray:
    """Makes samples that walk through the latents and come back where they began.

    Each walks around a circle through the latents a and b of two seeds: at angle t they are `cos(t) a + sin(t) b`. If
    a and b are from N(0, I), so are the latents at every angle, and no frame is less likely than another.

    Args:
        model: a `GAN` or `SavedGAN`.
        num: number of samples. The first frame is what `model.generate(num, labels, seed, truncation)` returns.
        frames: number of frames, an int >= 1.
        labels, seed, truncation: as for `GAN.generate`.

    Returns:
        array `(frames, num, ...)`.

    Raises:
        UserError: as `GAN.generate` does.

    Examples:
        >>> frames = kg.sampling.circle(gan, num=4, frames=8, labels=7)
        >>> kg.pictures.save_animation("walk.gif", [kg.pictures.image_grid(frame, columns=2) for frame in frames])
    """
    first, second = np.split(latents_from(seed, 2 * num, truncation, model.latent_dim).numpy(), 2)
    labels = one_hot_labels(num, labels, model.num_classes)
    angles = 2.0 * np.pi * np.arange(frames) / frames
    latents = [np.float32(np.cos(angle)) * first + np.float32(np.sin(angle)) * second for angle in angles]
    return np.stack([_in_batches(model.generate_from_latents, each, labels) for each in latents])


def between(
    model: Sampler,
    seeds: Sequence[int],
    shares: ArrayLike,
    labels: Sequence[int] | None = None,
    truncation: float | None = None,
) -> np.ndarray:
    """Makes samples on the way from one seed to another, and from one class to another.

    Latents go along a great circle (White, arXiv:1609.04468), labels along a straight line.

    Args:
        model: a `GAN` or `SavedGAN`. If the latter does not take rows, both labels must be the same.
        seeds: two ints >= 0.
        shares: floats in [0, 1], the share of the way at which each sample is.
        labels: two ints; both are 0 when `None` and the model is conditional.
        truncation: as for `GAN.generate`.

    Returns:
        array `(len(shares), ...)`.

    Raises:
        UserError: as `GAN.generate` does.

    Examples:
        >>> kg.sampling.between(gan, seeds=(0, 1), shares=[0.0, 0.5, 1.0], labels=(3, 8)).shape
        (3, 8, 8, 1)
    """
    shares = np.asarray(shares, "float32")[:, np.newaxis]
    first, last = (latents_from(seed, 1, truncation, model.latent_dim).numpy()[0] for seed in seeds)
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


def _in_batches(render, latents, labels):
    batches = []
    for start in range(0, len(latents), BATCH):
        rows = slice(start, start + BATCH)
        some = None if labels is None else tf.constant(labels[rows])
        batches.append(ops.convert_to_numpy(render(latents[rows], some)))
    return np.concatenate(batches)
