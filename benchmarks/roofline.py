"""What a training step must compute and move, and what this machine can do at most: the two sides of a roofline."""

import time

import keras
import tensorflow as tf
from tensorflow.python.framework import ops as graph_ops
from tensorflow.python.profiler.internal import flops_registry  # noqa: F401  Knows the operations that count.

ADAM_BYTES = 28  # Of each float32 weight: read weight, gradient and two moments, write weight and two moments.
AVERAGE_BYTES = 12  # Read weight and average, write average.


def step_flops(gan, batch_size: int) -> int:
    """Counts the floating-point operations of matrix products and convolutions in a training step."""
    samples = tf.TensorSpec((batch_size, *gan.sample_shape), tf.uint8)
    labels = tf.TensorSpec((batch_size,), tf.int64)
    data = (samples, labels) if gan.num_classes else samples
    return graph_flops(tf.function(gan.train_step, autograph=False).get_concrete_function(data).graph)


def graph_flops(graph) -> int:
    """Counts the floating-point operations of matrix products and convolutions in a graph of known shapes."""
    total = 0
    for operation in graph.get_operations():
        if operation.type == "MatMul" or operation.type.startswith("Conv2D"):
            total += graph_ops.get_stats_for_node_def(graph, operation.node_def, "flops").value or 0
    return total


def update_bytes(gan) -> int:
    """Counts the bytes that Adam and the average of the generator move in a step."""
    networks = gan.discriminator, gan.generator
    weights = sum(variable.shape.num_elements() for network in networks for variable in network.trainable_variables)
    return ADAM_BYTES * weights + AVERAGE_BYTES * gan.generator.count_params()


def peak(dtype: str, size: int, repeats: int = 20) -> float:
    """Measures FLOP/s of products of two random square matrices; the best of three rounds."""
    left, right = (tf.cast(tf.random.normal((size, size)), dtype) for _ in range(2))
    return 2 * size**3 / _best(lambda: tf.matmul(left, right), repeats)


def bandwidth(megabytes: int, repeats: int = 20) -> float:
    """Measures bytes/s of a pass over memory that reads and writes; the best of three rounds."""
    values = tf.random.normal((megabytes * 2**18,))
    return 2 * megabytes * 2**20 / _best(lambda: -values, repeats)


def floor_seconds(gan, batch_size: int, flops_per_second: float, bytes_per_second: float) -> float:
    """Returns the least time of a step: its products at the measured peak, its update at the measured bandwidth."""
    return step_flops(gan, batch_size) / flops_per_second + update_bytes(gan) / bytes_per_second


def policy_dtype(precision: str) -> str:
    """Returns the dtype in which layers of a Keras dtype policy compute."""
    return keras.dtype_policies.get(precision).compute_dtype


def _best(function, repeats):
    function()
    seconds = []
    for _ in range(3):
        tf.test.experimental.sync_devices()
        start = time.perf_counter()
        for _ in range(repeats):
            function()
        tf.test.experimental.sync_devices()
        seconds.append((time.perf_counter() - start) / repeats)
    return min(seconds)
