"""Makes samples from seeds and labels, and defines what an image is."""

from keras_gan.sampling.latents import latents_from, latents_of_seeds, one_hot_labels
from keras_gan.sampling.pixels import is_image, to_float, to_pixels, to_uint8
from keras_gan.sampling.samplers import BATCH, Sampler, between, circle, renderer, sample

__all__ = [
    "BATCH",
    "Sampler",
    "between",
    "circle",
    "is_image",
    "latents_from",
    "latents_of_seeds",
    "one_hot_labels",
    "renderer",
    "sample",
    "to_float",
    "to_pixels",
    "to_uint8",
]
