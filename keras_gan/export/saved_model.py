"""Writes SavedModels, which TensorFlow and TF Serving run without this package.

Signatures (N is any number of rows; each output has N rows, so servers may batch requests):

- `generate`, also `serving_default`: `seed` int64 `(N,)` [and `label` int64 `(N,)`] -> `image` uint8 `(N, h, w, c)`.
  A row depends only on its own seed and label, whatever the batch, and is the image that `GAN.generate` returns.
  Rounding may move a pixel by one level, because another batch size or machine computes sums in another order.
- `generate_from_latents`: `latents` float32 `(N, latent_dim)` [and `label`] -> `image`.
- `generate_png`: inputs of `generate` -> `image_bytes` string `(N,)`.
- `discriminate`: `image` uint8 [and `label`] -> `logit` float32 `(N,)`, the mean over patches and heads. A model with a
  packed discriminator does not have it, because that discriminator judges no sample by itself.
- A conditional model has each of these a second time, as `NAME_rows`. In place of `label` it takes `labels` float32
  `(N, num_classes)`, for mixtures of classes and for models that were trained on attributes.

More than 10,000 rows, a label out of range, and latents or labels that are not finite are errors (`INVALID_ARGUMENT`).

Models of data other than images have `sample` float32 in place of `image`, and no `generate_png`.
"""

import errno
import json
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gan.convolutions import tensorflow_gradients
from keras_gan.copies import float32_copy
from keras_gan.errors import UserError
from keras_gan.export.serving import MAX_ROWS, write_warmup
from keras_gan.gan import GAN
from keras_gan.layers import packing_of
from keras_gan.sampling import is_image, latents_of_seeds, to_float, to_uint8
from keras_gan.storage.checkpoints import is_finite
from keras_gan.storage.files import written_aside
from keras_gan.types import StrPath

# TF Serving does not read this folder of a SavedModel, except for its own warm-up requests.
INFO = Path("assets.extra") / "keras_gan.json"
# Ends the names of the signatures that take label rows.
ROWS = "_rows"


def export_saved_model(gan: GAN, folder: StrPath, class_names: Sequence[str] = ()) -> None:
    """Writes the averaged generator and the discriminator of a GAN, in float32, as a SavedModel.

    Args:
        gan: a `keras_gan.GAN`.
        folder: folder of the SavedModel; it must be missing or empty. It appears only when it is complete.
        class_names: a name for each class, or nothing; stored beside the model, for `SavedGAN.class_names`.

    Raises:
        UserError: if the folder is not empty, or weights are NaN or infinite.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty: a SavedModel is never overwritten")
    if not is_finite(gan):
        raise UserError("weights are NaN or infinite, so nothing was exported: take an earlier checkpoint")
    discriminator = float32_copy(gan.discriminator)
    # No model is tracked: the archive finds the variables in the endpoints, and would write tracked ones a second time.
    archive = keras.export.ExportArchive()
    endpoints = _endpoints(gan, discriminator)
    for name, (function, inputs) in endpoints.items():
        archive.add_endpoint(name, function, inputs)

    folder.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(folder) as aside, tensorflow_gradients():
        archive.write_out(str(aside), verbose=False)
        write_warmup(aside, {name: inputs for name, (_, inputs) in endpoints.items()})
        info = {
            "latent_dim": gan.latent_dim,
            "num_classes": gan.num_classes,
            "image_shape": gan.sample_shape,
            "class_names": class_names if gan.num_classes else (),
        }
        (aside / INFO).write_text(json.dumps(info) + "\n")


def _endpoints(gan, discriminator):
    """Returns for the name of each signature its function and the specs of its inputs."""
    generator, num_classes, latent_dim, shape = gan.ema_generator, gan.num_classes, gan.latent_dim, gan.sample_shape
    of_images = is_image(shape)
    # A model that was never compiled has no loss, so its logits are taken as scores.
    score = gan.adversarial_loss.score if gan.compiled else lambda logits: logits
    key = "image" if of_images else "sample"

    def limited(rows):
        message = f"at most {MAX_ROWS:,} rows a request"
        with tf.control_dependencies([tf.debugging.assert_less_equal(tf.shape(rows)[0], MAX_ROWS, message)]):
            return tf.identity(rows)

    def with_labels(first, label, labels):
        if num_classes is None:
            return first
        if labels is not None:
            return [first, tf.debugging.check_numerics(labels, "labels must be finite")]
        message = f"label must be in [0, {num_classes})"
        low = tf.debugging.assert_non_negative(label, message)
        high = tf.debugging.assert_less(label, tf.constant(num_classes, "int64"), message)
        with tf.control_dependencies([low, high]):
            return [first, tf.one_hot(label, num_classes)]

    def generate_from_latents(latents, label=None, labels=None):
        latents = tf.debugging.check_numerics(limited(latents), "latents must be finite")
        samples = generator(with_labels(latents, label, labels), training=False)
        return {key: to_uint8(samples) if of_images else samples}

    def generate(seed, label=None, labels=None):
        return generate_from_latents(latents_of_seeds(limited(seed), latent_dim, np.float32(np.inf)), label, labels)

    def generate_png(seed, label=None, labels=None):
        images = generate(seed, label, labels)["image"]
        return {"image_bytes": tf.map_fn(tf.io.encode_png, images, fn_output_signature=tf.string)}

    def discriminate(sample, label=None, labels=None):
        sample = limited(sample)
        real = to_float(sample) if of_images else sample
        logits = discriminator(with_labels(real, label, labels), training=False)
        return {"logit": ops.mean(score(logits), axis=tuple(range(1, len(logits.shape))))}

    seed = tf.TensorSpec((None,), tf.int64, "seed")
    latents = tf.TensorSpec((None, latent_dim), tf.float32, "latents")
    sample = tf.TensorSpec((None, *shape), tf.uint8 if of_images else tf.float32, key)
    endpoints = {
        "serving_default": (generate, seed),
        "generate": (generate, seed),
        "generate_from_latents": (generate_from_latents, latents),
    }
    if of_images and shape[-1] <= 4:  # PNG has at most 4 channels.
        endpoints["generate_png"] = (generate_png, seed)
    if packing_of(discriminator) == 1:
        endpoints["discriminate"] = (discriminate, sample)
    if num_classes is None:
        return {name: (function, [spec]) for name, (function, spec) in endpoints.items()}
    label = tf.TensorSpec((None,), tf.int64, "label")
    labels = tf.TensorSpec((None, num_classes), tf.float32, "labels")
    return {
        **{name: (function, [spec, label]) for name, (function, spec) in endpoints.items()},
        **{
            f"{name}{ROWS}": (_taking_rows(function), [spec, labels])
            for name, (function, spec) in endpoints.items()
            if name != "serving_default"
        },
    }


def _taking_rows(function):
    return lambda first, labels: function(first, labels=labels)


def next_version(folder: StrPath) -> Path:
    """Returns the next free path of `folder/1`, `folder/2` ..., as TF Serving numbers versions."""
    versions = [int(path.name) for path in Path(folder).glob("*") if path.name.isdigit()]
    return Path(folder) / str(max(versions, default=0) + 1)


def export_next(gan: GAN, folder: StrPath, class_names: Sequence[str] = ()) -> Path:
    """Exports a GAN as the next version of a folder, safely if another process does the same.

    Args:
        gan, class_names: as for `export_saved_model`.
        folder: folder of the versions.

    Returns:
        folder of the SavedModel.

    Raises:
        UserError: if weights are NaN or infinite.
    """
    while True:
        version = next_version(folder)
        try:
            export_saved_model(gan, version, class_names)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not version.is_dir():
                raise
        else:
            return version
