"""What a model costs: memory, and operations of its networks."""

import sys


def peak_memory() -> float | None:
    """The most memory that this process has had, MiB; `None` where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows has none.
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def flops(network) -> int:
    """Floating-point operations of a forward pass of one sample, as TensorFlow's profiler counts them.

    Of a mixture, those of the mean member: one makes each sample.
    """
    import tensorflow as tf

    from keras_gan.layers import ChosenRows, packing_of

    batch, chosen = packing_of(network), 0
    if any(isinstance(layer, ChosenRows) for layer in network.layers):
        # How many rows a member gets is not known, so the profiler leaves it out.
        members = [layer for layer in network.layers if layer.name.startswith("member_")]
        chosen = sum(map(flops, members)) // len(members)
    shapes = [tf.TensorSpec((batch, *tensor.shape[1:]), "float32") for tensor in network.inputs]

    @tf.function(autograph=False)
    def call(*inputs):
        return network(list(inputs) if len(inputs) > 1 else inputs[0], training=False)

    graph = call.get_concrete_function(*shapes).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    return tf.compat.v1.profiler.profile(graph, options=options).total_float_ops // batch + chosen
