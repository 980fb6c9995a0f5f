"""Metrics: an extractor gives features, features give statistics, and these give distances. Each can be used alone."""

from keras_gan.metrics.distances import (
    classifier_score,
    frechet_distance,
    kernel_distance,
    modes,
    nearest_neighbours,
    prdc,
)
from keras_gan.metrics.evaluation import Figure, Report, draw_labels, evaluate
from keras_gan.metrics.features import (
    Extractor,
    cache_folder,
    dataset_classifier,
    inception,
    is_cached,
    load_extractor,
    named_extractor,
    pretrained_extractor,
    train_classifier,
)
from keras_gan.metrics.statistics import GaussianStatistics, statistics_of
from keras_gan.metrics.streaming import FrechetDistance, KernelDistance

__all__ = [
    "Extractor",
    "Figure",
    "FrechetDistance",
    "GaussianStatistics",
    "KernelDistance",
    "Report",
    "cache_folder",
    "classifier_score",
    "dataset_classifier",
    "draw_labels",
    "evaluate",
    "frechet_distance",
    "inception",
    "is_cached",
    "kernel_distance",
    "load_extractor",
    "modes",
    "named_extractor",
    "nearest_neighbours",
    "prdc",
    "pretrained_extractor",
    "statistics_of",
    "train_classifier",
]
