"""Layers that networks are made of."""

import contextlib

import keras
import tensorflow as tf
from keras import ops

from keras_gan.errors import UserError


@contextlib.contextmanager
def dtype_policy(name: str):
    """Layers made within it have this dtype policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@keras.saving.register_keras_serializable(package="keras_gan")
class SpectralNormalization(keras.layers.Wrapper):
    """A dense layer or convolution whose kernel is divided by its largest singular value.

    The kernel stays as it is: `layer(inputs / sigma)` is the function that the layer has with the kernel `W / sigma`,
    and the gradient goes through sigma. Sigma is `u' W v`, with `u` and `v` of one power iteration a training call,
    seen as constants.

    Args:
        layer: `Dense` or `Conv2D`. Its kernel as a matrix is `(everything else, output channels)`.

    Raises:
        UserError: if it is another layer.

    Source: Miyato et al., arXiv:1802.05957, equations 8 to 12 and algorithm 1.
    """

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, (keras.layers.Dense, keras.layers.Conv2D)):
            raise UserError(f"spectral normalisation takes Dense and Conv2D layers, got {type(layer).__name__}")
        super().__init__(layer, **kwargs)

    def build(self, input_shape=None):
        super().build(input_shape)
        self.vector = self.add_weight(
            (1, self.layer.kernel.shape[-1]),
            initializer=keras.initializers.RandomNormal(),
            trainable=False,
            name="vector",
            dtype="float32",
            aggregation="only_first_replica",
        )

    def call(self, inputs, training=False):
        return self.layer(inputs / ops.cast(self.sigma(training), inputs.dtype))

    def sigma(self, training=False):
        """Estimate of the largest singular value, float32 scalar; when training, after another power iteration."""
        kernel = ops.cast(self.layer.kernel, "float32")
        matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
        fixed = ops.stop_gradient(matrix)
        left = _unit(ops.matmul(self.vector, ops.transpose(fixed)))
        right = _unit(ops.matmul(left, fixed))
        if training:
            self.vector.assign(right)
        return ops.sum(ops.matmul(left, matrix) * right)


def spectral(layer, wanted: bool = True):
    """A layer with spectral normalisation, where it is wanted."""
    return SpectralNormalization(layer, name=layer.name) if wanted else layer


def _unit(vector):
    return vector / (ops.norm(vector) + 1e-12)


@keras.saving.register_keras_serializable(package="keras_gan")
class ZeroMean(keras.constraints.Constraint):
    """Takes from a kernel, after each update, its mean over `axis`.

    Behind LeakyReLU features have positive means, which such a kernel does not add up. Without it a residual path does,
    block by block and the faster as Adam moves all weights by as much, until what samples have in common drowns what
    they have not.

    Args:
        axis: all axes but that of the output channels: (0, 1, 2) for `Conv2D`, (0, 1, 3) for `Conv2DTranspose`.

    Source: Brock et al., arXiv:2101.08692, section 4, which also divides by the standard deviation.
    """

    def __init__(self, axis: tuple[int, ...]):
        self.axis = tuple(axis)

    def __call__(self, kernel):
        return kernel - ops.mean(kernel, self.axis, keepdims=True)

    def get_config(self) -> dict:
        return {"axis": self.axis}


@keras.saving.register_keras_serializable(package="keras_gan")
class SplitChoice(keras.layers.Layer):
    """Latents `(batch, n + 1)` -> the first n, and which of `members` the last one chooses, int32 `(batch,)`.

    The choice is the quantile of a normal number: each member is as likely as another.
    """

    def __init__(self, members: int, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.members = members

    def call(self, latents):
        quantile = 0.5 * (1.0 + ops.erf(latents[:, -1] / 2.0**0.5))
        choice = ops.clip(ops.floor(quantile * self.members), 0, self.members - 1)
        return latents[:, :-1], ops.cast(choice, "int32")

    def compute_output_spec(self, latents):
        first = keras.KerasTensor((latents.shape[0], latents.shape[1] - 1), dtype="float32")
        return first, keras.KerasTensor((latents.shape[0],), dtype="int32")

    def get_config(self) -> dict:
        return {**super().get_config(), "members": self.members}


@keras.saving.register_keras_serializable(package="keras_gan")
class ChosenRows(keras.layers.Layer):
    """Rows `(n, ...)` of a tensor `(batch, ...)` for which a choice, int32 `(batch,)`, is `member`.

    Where there are none it is the first row, which `Join` leaves out: of no rows batch normalisation makes NaN.
    """

    def __init__(self, member: int, **kwargs):
        super().__init__(**kwargs)
        self.member = member
        self.supports_jit = False  # How many there are is known when it runs.

    def call(self, inputs):
        tensor, choice = inputs
        rows = tf.where(ops.equal(choice, self.member))[:, 0]
        first = tf.range(tf.minimum(tf.shape(choice, "int64")[0], 1))
        return tf.gather(tensor, tf.cond(tf.size(rows) > 0, lambda: rows, lambda: first))

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((None, *inputs[0].shape[1:]), dtype=inputs[0].dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "member": self.member}


@keras.saving.register_keras_serializable(package="keras_gan")
class Join(keras.layers.Layer):
    """`[choice, *parts]` -> rows of the parts, each where `ChosenRows` took it from, float32."""

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.supports_jit = False

    def call(self, inputs):
        choice, *parts = inputs
        rows = [tf.where(ops.equal(choice, member))[:, 0] for member in range(len(parts))]
        wanted = [part[: tf.size(each)] for each, part in zip(rows, parts)]
        joined = tf.dynamic_stitch([tf.cast(each, "int32") for each in rows], wanted)
        return tf.ensure_shape(joined, (None, *parts[0].shape[1:]))

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((inputs[0].shape[0], *inputs[1].shape[1:]), dtype="float32")


@keras.saving.register_keras_serializable(package="keras_gan")
class Pack(keras.layers.Layer):
    """Joins `packing` rows along the last axis: `(batch, ..., n)` -> `(batch / packing, ..., packing * n)`.

    Raises:
        UserError: if the batch is known and no multiple of `packing`.
    """

    def __init__(self, packing: int, **kwargs):
        super().__init__(**kwargs)
        self.packing = packing

    def call(self, inputs):
        batch, *shape, last = inputs.shape
        if batch is not None and batch % self.packing:
            raise UserError(f"a batch of {batch} cannot be packed by {self.packing}: give a multiple")
        split = ops.reshape(inputs, (-1, self.packing, *shape, last))
        packed = ops.moveaxis(split, 1, -2)
        return ops.reshape(packed, (-1, *shape, self.packing * last))

    def compute_output_spec(self, inputs):
        _, *shape, last = inputs.shape
        return keras.KerasTensor((None, *shape, self.packing * last), dtype=self.compute_dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "packing": self.packing}


def packing_of(network) -> int:
    """How many samples a discriminator judges together: 1, unless it is packed."""
    packs = [layer.packing for layer in network._flatten_layers() if isinstance(layer, Pack)]
    return max(packs, default=1)


def in_float32(config):
    """The config of a layer that computes in float32, and of the layers that it wraps."""
    if isinstance(config, dict):
        return {key: "float32" if key == "dtype" else in_float32(value) for key, value in config.items()}
    return [in_float32(value) for value in config] if isinstance(config, list) else config


def float32_copy(network):
    """A copy that computes in float32 whatever the policy of the original: averages need the digits."""

    def copy_layer(layer):
        return layer.__class__.from_config(in_float32(layer.get_config()))

    copy = keras.models.clone_model(network, clone_function=copy_layer, recursive=True)
    copy.set_weights(network.get_weights())
    copy.trainable = False
    return copy
