"""What it costs that a step applies nothing that is not finite: the same step with and without, alternating.

    python benchmarks/guard_cost.py

Prints the ratio of step times, with the guard to without it, as the median over rounds; and of one unguarded model to
another, which is the noise.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import random
import statistics
import time

import click
import numpy as np
import tensorflow as tf

from keras_gan import datasets, optimizers, presets

GUARDED = optimizers.apply_if_finite


def unguarded(tape, loss, scaled, network, optimizer, then=lambda: None):
    variables = network.trainable_variables
    optimizer.apply(tape.gradient(scaled, [variable.value for variable in variables]), variables)
    then()
    return tf.constant(True)


def compiled_step(preset, update):
    optimizers.apply_if_finite = update
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 255, (1280, 28, 28, 1), dtype="uint8"), rng.integers(0, 10, 1280)
    config = presets.preset(preset).replace(conditional=True)
    gan = presets.build(config, (28, 28, 1), 10)
    batches = iter(datasets.from_arrays(images, labels).batches(config.batch_size))
    gan.make_train_function()
    step = gan.train_function
    for _ in range(3):
        step(batches)
    return lambda: step(batches)


@click.command()
@click.option("--rounds", default=24, show_default=True)
@click.option("--preset", "names", multiple=True, default=("dcgan", "mlp"), show_default=True)
def main(rounds, names):
    for preset in names:
        steps = [compiled_step(preset, update) for update in (unguarded, unguarded, GUARDED)]
        times = []
        for _ in range(rounds):
            times.append([0.0] * 3)
            for index in random.sample(range(3), 3):
                start = time.perf_counter()
                for _ in range(15):
                    steps[index]()
                tf.test.experimental.sync_devices()
                times[-1][index] = (time.perf_counter() - start) / 15
        _, noise, guarded = (statistics.median(row[i] / row[0] for row in times) for i in range(3))
        milliseconds = 1e3 * statistics.median(row[0] for row in times)
        print(f"{preset:6} {milliseconds:6.1f} ms a step   guarded x {guarded:.3f}   noise x {noise:.3f}", flush=True)


if __name__ == "__main__":
    main()
