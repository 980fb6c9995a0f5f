"""Layers that networks are made of."""

import contextlib

import keras
from keras import ops


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
        ValueError: if it is another layer.

    Source: Miyato et al., arXiv:1802.05957, equations 8 to 12 and algorithm 1.
    """

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, (keras.layers.Dense, keras.layers.Conv2D)):
            raise ValueError(f"spectral normalisation takes Dense and Conv2D layers, got {type(layer).__name__}")
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
