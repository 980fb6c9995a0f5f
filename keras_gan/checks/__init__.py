"""Checks of networks, arguments and data, which report a mistake in one line before it does harm.

Data are checked before the compiled step or outside of it, never inside, because XLA silently drops assertions.
"""

from keras_gan.checks.arguments import (
    check_compile_options,
    check_export_format,
    check_save_path,
    evaluation_arguments,
    fit_arguments,
    loss_of,
    metrics_of,
    optimizers_of,
    regularizers_of,
)
from keras_gan.checks.data import Expected, checked_batch, unpacked
from keras_gan.checks.networks import check_inputs, check_networks
from keras_gan.checks.sources import one_line_errors
from keras_gan.checks.watch import RangeWatch

__all__ = [
    "Expected",
    "RangeWatch",
    "check_compile_options",
    "check_export_format",
    "check_inputs",
    "check_networks",
    "check_save_path",
    "checked_batch",
    "evaluation_arguments",
    "fit_arguments",
    "loss_of",
    "metrics_of",
    "one_line_errors",
    "optimizers_of",
    "regularizers_of",
    "unpacked",
]
