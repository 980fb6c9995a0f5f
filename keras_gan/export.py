"""SavedModels: what TensorFlow and TF Serving run without this package.

Signatures (N is any number of rows; each output has N rows, so servers may batch requests):

- `generate`, also `serving_default`: `seed` int64 `(N,)` [and `label` int64 `(N,)`] -> `image` uint8 `(N, h, w, c)`.
  A row depends on its own seed and label alone, whatever the batch, and is what `GAN.generate` gives. Sums in another
  order, of another batch size or machine, may round a pixel to the level beside it.
- `generate_from_latents`: `latents` float32 `(N, latent_dim)` [and `label`] -> `image`.
- `generate_png`: as `generate` -> `image_bytes` string `(N,)`.
- `discriminate`: `image` uint8 [and `label`] -> `logit` float32 `(N,)`, the mean over patches and heads. A packed
  discriminator, which judges no sample by itself, has none.

More than 10,000 rows, a label out of range and latents that are not finite are errors (`INVALID_ARGUMENT`).

Models of anything but images have `sample` float32 in place of `image`, and no `generate_png`.
"""

import errno
import itertools
import json
import os
import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gan.checkpoints import is_finite, newest_first
from keras_gan.gan import GAN, float32_copy
from keras_gan.layers import packing_of
from keras_gan.sampling import latents_of_seeds, sample, to_uint8
from keras_gan.serving import MAX_ROWS, write_warmup

# TF Serving leaves this folder of a SavedModel alone.
INFO = Path("assets.extra") / "keras_gan.json"


def export_saved_model(gan, folder, class_names=()) -> None:
    """Writes the averaged generator and the discriminator of a GAN, in float32, as a SavedModel.

    Args:
        gan: a `keras_gan.GAN`.
        folder: where; it must not exist, or be empty. Written aside and moved into place.
        class_names: a name for each class, if they have some: kept beside the model, for `SavedGAN.class_names`.

    Raises:
        ValueError: if the folder is not empty, or weights are NaN or infinite.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty: a SavedModel is never overwritten")
    if not is_finite(gan):
        raise ValueError("weights are NaN or infinite, so nothing was exported: take an earlier checkpoint")
    discriminator = float32_copy(gan.discriminator)
    # It finds the variables in the endpoints; those of tracked models it would write a second time.
    archive = keras.export.ExportArchive()
    endpoints = _endpoints(gan, discriminator)
    for name, (function, inputs) in endpoints.items():
        archive.add_endpoint(name, function, inputs)

    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.parent / f".{folder.name}.{os.getpid()}"
    try:
        archive.write_out(str(aside), verbose=False)
        write_warmup(aside, {name: inputs for name, (_, inputs) in endpoints.items()})
        info = {
            "latent_dim": gan.latent_dim,
            "num_classes": gan.num_classes,
            "image_shape": gan.image_shape,
            "class_names": class_names if gan.num_classes else (),
        }
        (aside / INFO).write_text(json.dumps(info) + "\n")
        if folder.exists():
            folder.rmdir()
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _endpoints(gan, discriminator):
    """Name of each signature -> its function and the specs of its inputs."""
    generator, num_classes, latent_dim, shape = gan.ema_generator, gan.num_classes, gan.latent_dim, gan.image_shape
    is_image = len(shape) == 3
    # A model that was never compiled has no loss.
    score = gan.adversarial_loss.score if hasattr(gan, "adversarial_loss") else lambda logits: logits
    key = "image" if is_image else "sample"

    def limited(rows):
        message = f"at most {MAX_ROWS:,} rows a request"
        with tf.control_dependencies([tf.debugging.assert_less_equal(tf.shape(rows)[0], MAX_ROWS, message)]):
            return tf.identity(rows)

    def with_labels(first, label):
        if num_classes is None:
            return first
        message = f"label must be in [0, {num_classes})"
        low = tf.debugging.assert_non_negative(label, message)
        high = tf.debugging.assert_less(label, tf.constant(num_classes, "int64"), message)
        with tf.control_dependencies([low, high]):
            return [first, tf.one_hot(label, num_classes)]

    def generate_from_latents(latents, label=None):
        latents = tf.debugging.check_numerics(limited(latents), "latents must be finite")
        samples = generator(with_labels(latents, label), training=False)
        return {key: to_uint8(samples) if is_image else samples}

    def generate(seed, label=None):
        return generate_from_latents(latents_of_seeds(limited(seed), latent_dim, np.float32(np.inf)), label)

    def generate_png(seed, label=None):
        images = generate(seed, label)["image"]
        return {"image_bytes": tf.map_fn(tf.io.encode_png, images, fn_output_signature=tf.string)}

    def discriminate(sample, label=None):
        sample = limited(sample)
        real = ops.cast(sample, "float32") / 127.5 - 1.0 if is_image else sample
        logits = discriminator(with_labels(real, label), training=False)
        return {"logit": ops.mean(score(logits), axis=tuple(range(1, len(logits.shape))))}

    label = [] if num_classes is None else [tf.TensorSpec((None,), tf.int64, "label")]
    seed = [tf.TensorSpec((None,), tf.int64, "seed"), *label]
    latents = [tf.TensorSpec((None, latent_dim), tf.float32, "latents"), *label]
    sample = [tf.TensorSpec((None, *shape), tf.uint8 if is_image else tf.float32, key), *label]
    endpoints = {
        "serving_default": (generate, seed),
        "generate": (generate, seed),
        "generate_from_latents": (generate_from_latents, latents),
    }
    if is_image and shape[-1] <= 4:  # As PNG has them.
        endpoints["generate_png"] = (generate_png, seed)
    if packing_of(discriminator) == 1:
        endpoints["discriminate"] = (discriminate, sample)
    return endpoints


def next_version(folder) -> Path:
    """The next free `folder/1`, `folder/2` ..., as TF Serving numbers versions."""
    versions = [int(path.name) for path in Path(folder).glob("*") if path.name.isdigit()]
    return Path(folder) / str(max(versions, default=0) + 1)


def export_next(gan, folder, class_names=()) -> Path:
    """Exports as the next version of a folder; another process may be doing the same.

    Args:
        gan, class_names: as `export_saved_model` takes them.
        folder: of the versions.

    Returns:
        the SavedModel's folder.
    """
    while True:
        version = next_version(folder)
        try:
            export_saved_model(gan, version, class_names)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            return version


def load(path):
    """A model to sample from, whatever form it is in.

    Args:
        path: a run folder of the command line (its `model.keras`, or else its newest checkpoint), a `.keras` file, or a
            SavedModel folder (or a folder of its versions).

    Returns:
        a `GAN`, or for SavedModels a `SavedGAN`: both have `generate` and `num_classes`.

    Raises:
        ValueError: if it is none of these.
    """
    path = Path(path)
    if path.is_file():
        return _load_file(path)
    found = [file for file in (path / "model.keras", *newest_first(path / "checkpoints")) if file.exists()]
    if not found:
        return SavedGAN(path)
    for file, other in itertools.pairwise(found):
        try:
            return _load_file(file)
        except ValueError as error:
            print(f"Warning: {error}; taking {other.name}", flush=True)
    return _load_file(found[-1])


def _load_file(file):
    if not zipfile.is_zipfile(file):
        raise ValueError(f"cannot load {file}: it is no .keras file, or an incomplete one")
    try:
        gan = keras.saving.load_model(file)
    except (ValueError, TypeError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"cannot load {file}: {str(error).splitlines()[0]}") from error
    if not isinstance(gan, GAN):
        raise ValueError(f"{file} holds a {type(gan).__name__}, not a keras_gan.GAN")
    return gan


class SavedGAN:
    """A SavedModel of this package, loaded to sample from, with `generate` as `keras_gan.GAN` has it.

    Args:
        folder: the SavedModel, or a folder of numbered versions, of which the last is taken.

    Attributes:
        class_names: a name for each class; empty if they are not known.

    Raises:
        ValueError: if it is no SavedModel with these signatures.
    """

    def __init__(self, folder):
        folder = Path(folder)
        if not (folder / "saved_model.pb").exists():
            versions = [path.parent for path in folder.glob("*/saved_model.pb") if path.parent.name.isdigit()]
            folder = max(versions, key=lambda path: int(path.name), default=folder)
        if not (folder / INFO).exists():
            raise ValueError(f"{folder} is no run folder, .keras file or SavedModel of keras_gan")
        info = json.loads((folder / INFO).read_text())
        self.latent_dim, self.num_classes = info["latent_dim"], info["num_classes"]
        self.image_shape = tuple(info["image_shape"])
        self.class_names = tuple(info.get("class_names", ()))  # The first exports had none.
        try:
            self._model = tf.saved_model.load(str(folder))
        except (tf.errors.OpError, OSError) as error:
            raise ValueError(f"cannot load the SavedModel {folder}: it is incomplete or damaged") from error

    def generate(self, num: int, labels=None, seed: int = 0, truncation: float | None = None) -> np.ndarray:
        """As `GAN.generate`, with whole labels only."""
        return sample(self.generate_from_latents, num, labels, seed, truncation, self.latent_dim, self.num_classes)

    def generate_from_latents(self, latents, labels=None) -> np.ndarray:
        """As `GAN.generate_from_latents`, with whole labels only."""
        inputs = {"latents": tf.constant(latents, "float32")}
        if labels is not None:
            if not np.isin(labels, (0.0, 1.0)).all():
                raise ValueError("a SavedModel takes whole labels, not mixtures of classes")
            inputs["label"] = tf.argmax(labels, axis=-1)
        (samples,) = self._model.signatures["generate_from_latents"](**inputs).values()
        return samples.numpy()
