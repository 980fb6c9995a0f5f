"""Feature extractors: networks that turn images into vectors between which distances are meaningful.

There are four kinds: a small classifier of the dataset's own training split, which is trained once and cached by the
content of the data; any Keras model; Inception of Keras Applications, if its weights can be had; and the last map of
any pretrained network of `backbones`.
"""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from keras_gan import backbones, datasets, sampling
from keras_gan import layers as own_layers
from keras_gan.errors import UserError
from keras_gan.metrics.distances import are_probabilities
from keras_gan.storage.checkpoints import load_model
from keras_gan.storage.files import cache_root, written_aside
from keras_gan.types import StrPath, Tensor

logger = logging.getLogger(__name__)

FEATURES = 64
BATCH = 250
# The smallest side of the images that a pretrained network is given.
PRETRAINED_SIDE = 128
# Part of a file's name in the cache. Change it with the recipe, because another recipe makes other features.
RECIPE = "classifier-1"


class Extractor:
    """A network from uint8 images to features and, if it is a classifier, to predictions.

    Args:
        network: functional or Sequential model of scaled float images `(batch, height, width, channels)`. It has one
            output, features `(batch, D)`, or two: features and class probabilities `(batch, classes)`.
        name: name of the extractor in reports.
        scale: two numbers that scale uint8 images to what the network takes: `image * scale[0] + scale[1]`.
        path: file in which the network is saved, or `None`. A metric that is saved with a model needs it.

    Attributes:
        hash: eight hexadecimal digits of its weights; figures of extractors with different ones cannot be compared.
        input_shape: `(height, width, channels)` of the network's input; images of another size are resized.
        dimensions: number of features.
        num_classes: number of classes, `None` if it is not a classifier.

    Raises:
        UserError: if the network has other inputs or outputs.

    Examples:
        >>> network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(16)])
        >>> extractor = kg.metrics.Extractor(network, "random projection")
        >>> features, probabilities = extractor(images)
        >>> features.shape
        (64, 16)
    """

    is_inception = False

    def __init__(
        self,
        network: keras.Model,
        name: str,
        scale: tuple[float, float] = (1.0 / 127.5, -1.0),
        path: StrPath | None = None,
    ) -> None:
        if not getattr(network, "inputs", None) or not getattr(network, "outputs", None):
            raise UserError(
                f"the extractor {name} must be a functional or Sequential Keras model that knows its inputs"
            )
        if len(network.inputs) != 1 or len(network.inputs[0].shape) != 4:
            raise UserError(f"the extractor {name} must take images (batch, height, width, channels)")
        if len(network.outputs) > 2 or any(len(output.shape) != 2 for output in network.outputs):
            raise UserError(
                f"the extractor {name} must give features (batch, D), and at most probabilities beside them"
            )
        self.name = name
        self.path = path and str(path)
        self.input_shape = tuple(network.inputs[0].shape[1:])
        self.dimensions = network.outputs[0].shape[-1]
        self.num_classes = network.outputs[1].shape[-1] if len(network.outputs) == 2 else None
        digest = hashlib.blake2b(digest_size=4)
        for weight in network.get_weights():
            digest.update(np.ascontiguousarray(weight).data)
        self.hash = digest.hexdigest()
        self._network = network
        self._scale = scale
        self._run = tf.function(self.call, autograph=False)

    def check(self, image_shape: tuple[int, int, int]) -> None:
        """Raises `UserError` if the network cannot take images of this shape, even resized."""
        wanted = self.input_shape[-1]
        if wanted is not None and image_shape[-1] != wanted and {image_shape[-1], wanted} != {1, 3}:
            raise UserError(
                f"the extractor {self.name} takes images of {wanted} channels, these have {image_shape[-1]}"
            )

    def resizer(self, image_shape: tuple[int, int, int]) -> str:
        """Returns the method by which images of this shape are resized for the network, or `none`."""
        size = self.input_shape[:2]
        return "none" if None in size or tuple(image_shape[:2]) == size else "bicubic, antialiased"

    def call(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Computes features and probabilities within a compiled step.

        Args:
            images: float or uint8 tensor `(batch, height, width, channels)` in [0, 255].

        Returns:
            features `(batch, D)` and probabilities `(batch, classes)`, with 0 classes if it is not a classifier.
        """
        images = ops.cast(images, "float32")
        if self.resizer(tuple(images.shape[1:])) != "none":
            images = tf.image.resize(images, self.input_shape[:2], "bicubic", antialias=True)
            images = ops.clip(ops.round(images), 0.0, 255.0)
        if self.input_shape[-1] == 3 and images.shape[-1] == 1:
            images = ops.repeat(images, 3, axis=-1)
        elif self.input_shape[-1] == 1 and images.shape[-1] == 3:
            images = tf.image.rgb_to_grayscale(images)
        outputs = self._network(images * self._scale[0] + self._scale[1], training=False)
        return outputs if self.num_classes else (outputs, ops.zeros((ops.shape(images)[0], 0)))

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Computes features and probabilities of images.

        Args:
            images: uint8 `(N, height, width, channels)`.

        Returns:
            features float32 `(N, D)`, and probabilities float32 `(N, classes)` or `None`.

        Raises:
            UserError: if the images do not fit, there are none, or the second output is not probabilities.
        """
        if images.dtype != np.uint8 or images.ndim != 4 or not len(images):
            raise UserError(f"images must be uint8 (N, height, width, channels), got {images.dtype} {images.shape}")
        self.check(images.shape[1:])
        # The function is traced once for each shape of images, whatever their number.
        run = self._run.get_concrete_function(tf.TensorSpec((None, *images.shape[1:]), tf.uint8))
        parts = [run(tf.constant(images[i : i + BATCH])) for i in range(0, len(images), BATCH)]
        features, probabilities = (np.concatenate([np.asarray(part[k]) for part in parts]) for k in range(2))
        if not self.num_classes:
            return features, None
        if not are_probabilities(probabilities):
            raise UserError(f"the second output of the extractor {self.name} must be class probabilities, not logits")
        return features, probabilities


class Inception(Extractor):
    """An extractor whose Fréchet distance is called FID."""

    is_inception = True


def train_classifier(
    images: np.ndarray, labels: np.ndarray, num_classes: int, steps: int = 2000, seed: int = 0
) -> keras.Model:
    """Trains a small convolutional classifier.

    Args:
        images: uint8 `(N, height, width, channels)`.
        labels: ints `(N,)` in [0, num_classes).
        num_classes: number of classes, at least 2.
        steps: largest number of steps, each of 128 images, or of all if there are fewer. Small datasets get fewer
            steps: 40 passes, but at least 200 steps.
        seed: int, seed of the weights and of the order of the data.

    Returns:
        a model of float images in [-1, 1] that gives features `(batch, 64)` and probabilities `(batch, num_classes)`.

    Raises:
        UserError: if there are fewer than two classes, or a class has no image.
    """
    counts = np.bincount(labels, minlength=num_classes)
    if num_classes < 2 or not counts.all():
        empty = f"class {int(np.argmin(counts))} has no image" if num_classes > 1 else "there is one class only"
        raise UserError(f"cannot train a classifier: {empty}")
    batch = min(128, len(images))
    steps = min(steps, max(200, 40 * (len(images) // batch)))
    # A cached classifier serves programs of any dtype policy.
    with own_layers.seeded(seed), own_layers.dtype_policy("float32"):
        network = _classifier(images.shape[1:], num_classes)
        schedule = keras.optimizers.schedules.CosineDecay(1e-5, steps, warmup_target=2e-3, warmup_steps=steps // 10)
        model = keras.Model(network.input, network.outputs[1])
        model.compile(keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy")
        model.optimizer.build(model.trainable_variables)  # Or TensorFlow traces the step twice.
        data = datasets.from_arrays(images, labels).batches(batch, seed).take(steps)
        model.fit(data.map(lambda x, y: (sampling.to_float(x), y)), verbose=0, shuffle=False)
    return network


def _classifier(image_shape, num_classes):
    x = inputs = keras.Input(image_shape)
    for width in (32, 64):
        x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
        if min(x.shape[1:3]) >= 4:
            x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(64, 3, strides=2, padding="same", activation="relu")(x)
    features = layers.Dense(FEATURES, activation="relu", name="features")(layers.Dropout(0.3)(layers.Flatten()(x)))
    probabilities = layers.Dense(num_classes, activation="softmax", name="probabilities")(layers.Dropout(0.3)(features))
    return keras.Model(inputs, [features, probabilities])


def dataset_classifier(data: datasets.ImageDataset, cache: StrPath | None = None) -> Extractor:
    """Returns the classifier of a dataset, which is trained the first time and read from the cache afterwards.

    Args:
        data: training split of a dataset with labels.
        cache: folder of the cache; `KERAS_GAN_CACHE` or `~/.cache/keras_gan` when `None`.

    Raises:
        UserError: if the data have no labels, or a class has no image.
    """
    if data.labels is None or data.num_classes is None:
        raise UserError(f"{data.name} has no labels to train a classifier on: name another extractor, FILE.keras")
    name = f"classifier of {data.name}"
    path = _path(data, cache)
    if path.exists():
        return Extractor(load_model(path), name, path=path)
    logger.info("Training a classifier of %s, once: it is kept in %s", data.name, path.parent)
    network = train_classifier(data.images, data.labels, data.num_classes)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(path) as aside:
        network.save(aside)
    return Extractor(network, name, path=path)


def named_extractor(name: str, data: datasets.ImageDataset) -> Extractor:
    """Returns the extractor of a name.

    Args:
        name: `classifier` for that of the dataset, `inception`, a name that `backbones.find_backbone` takes, such as
            `squeezenet`, or the path of a `.keras` file.
        data: training split of the dataset.

    Raises:
        UserError: if the extractor cannot be made or loaded.
    """
    if name == "inception":
        return inception()
    if name == "classifier":
        return dataset_classifier(data)
    try:
        backbones.find_backbone(name)
    except UserError:
        return load_extractor(name)
    return pretrained_extractor(name, data.image_shape)


def load_extractor(path: StrPath, custom_objects: dict | None = None) -> Extractor:
    """Loads an extractor of your own.

    Args:
        path: a `.keras` file, whose model takes images in [-1, 1] and gives features, or features and probabilities.
        custom_objects: functions and classes by name that the model needs and that are not registered with Keras.

    Raises:
        UserError: if the file cannot be read, or its model has other inputs or outputs.
    """
    if not Path(path).is_file():
        raise UserError(
            f"no extractor {path}: there is classifier, inception, squeezenet, a class of keras.applications such as "
            "mobilenet_v2, or a .keras file"
        )
    return Extractor(load_model(path, custom_objects), Path(path).name, path=path)


def inception() -> Extractor:
    """Returns Inception-v3 of Keras Applications with weights of ImageNet; it has 2,048 features.

    The weights are Keras's and not those of the FID papers, so figures are close to published ones but not equal.

    Raises:
        UserError: if the weights are not on this machine and cannot be downloaded.
    """
    try:
        network = keras.applications.InceptionV3(include_top=False, pooling="avg", input_shape=(299, 299, 3))
    except Exception as error:
        raise UserError("the weights of Inception are not on this machine and cannot be downloaded") from error
    return Inception(network, "Inception-v3 of Keras Applications")


def pretrained_extractor(name: str, image_shape: Sequence[int]) -> Extractor:
    """Returns the extractor of the last feature map of a pretrained network, each feature its mean over the pixels.

    SqueezeNet has 512 features. It has no class probabilities. Its figures are no FID, and only those of one network
    and one size can be compared. Images are resized so that the shorter side has 128 pixels or more, and both sides are
    multiples of 32. (A linear classifier, trained on such features of 2,000 photographs of 32 x 32 pixels, tells ten
    classes apart in 69 % of cases; with 64 pixels in 60 %, with 160 in 70 %.)

    Args:
        name: name of the network, as `backbones.find_backbone` takes it.
        image_shape: `(height, width, channels)` of the images, with 1, 3 or 4 channels.

    Raises:
        UserError: as `backbones.pyramid` does.
    """
    height, width = backbones.working_size(image_shape, max(PRETRAINED_SIDE, min(image_shape[:2])))
    with own_layers.dtype_policy("float32"):
        pyramid = backbones.pyramid(name, (height, width, image_shape[-1]))
        features = layers.GlobalAveragePooling2D(name="features")(pyramid.outputs[-1])
    title = f"{backbones.find_backbone(name).title}, mean of the last map at {height} x {width}"
    return Extractor(keras.Model(pyramid.inputs, features), title)


def is_cached(data: datasets.ImageDataset, cache: StrPath | None = None) -> bool:
    """Whether `dataset_classifier` has trained on these data already."""
    return _path(data, cache).exists()


def cache_folder(cache: StrPath | None = None) -> Path:
    """Returns the folder of trained extractors; `cache` is as for `dataset_classifier`."""
    return cache_root(cache) / "extractors"


def _path(data, cache):
    return cache_folder(cache) / f"{RECIPE}-{data.fingerprint}.keras"
