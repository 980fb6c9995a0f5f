"""The cost of a model: memory, and the operations of its networks."""

import sys

import keras


def peak_memory() -> float | None:
    """Returns the most memory that this process has had, in MiB, or `None` if the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows does not have it.
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def flops(network: keras.Model) -> int:
    """Counts the floating-point operations of a forward pass of one sample, by TensorFlow's profiler.

    Each sample of a mixture is made by one member, so a mixture counts the mean of its members.
    """
    import tensorflow as tf

    from keras_gan.layers import ChosenRows, packing_of

    batch, chosen = packing_of(network), 0
    if any(isinstance(layer, ChosenRows) for layer in network.layers):
        # The profiler leaves the members out, because it does not know how many rows each gets.
        members = [layer for layer in network.layers if layer.name.startswith("member_")]
        chosen = sum(map(flops, members)) // len(members)
    shapes = [tf.TensorSpec((batch, *tensor.shape[1:]), "float32") for tensor in network.inputs]

    @tf.function(autograph=False)
    def call(*inputs):
        first, *labels = inputs
        return network([first, *labels] if labels else first, training=False)

    graph = call.get_concrete_function(*shapes).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    return tf.compat.v1.profiler.profile(graph, options=options).total_float_ops // batch + chosen
