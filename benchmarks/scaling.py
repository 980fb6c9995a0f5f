"""How the cost of a training step grows, beside what its products of matrices say.

    python benchmarks/scaling.py                       # a quarter of an hour on two cores
    python benchmarks/scaling.py --axis width --axis batch_size

Each point is a process of its own: `quick`, conditional, on random images in memory. `expected` is the time of the
first point of its axis times the ratio of floating-point operations. Memory is the peak of the process; `first` is from
the start of the process to the end of the first step.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
import statistics
import time

import child
import click

# The points of each axis: what differs from 10,000 images of 28 x 28 x 1 and the settings of the preset `quick`.
AXES = {
    "batch_size": [{"settings": {"batch_size": size}} for size in (16, 64, 256, 1024)],
    "image_size": [{"size": size} for size in (16, 32, 64, 128)],
    "images": [{"images": number} for number in (1_000, 10_000, 100_000, 1_000_000)],
    "width": [{"settings": {"width": width}} for width in (16, 32, 64, 128)],
    "discriminators": [{"settings": {"discriminator": "+".join(["dcgan"] * number)}} for number in (1, 2, 4)],
    "discriminator_steps": [{"settings": {"discriminator_steps": number}} for number in (1, 2, 4)],
    "replicas": [{"replicas": number} for number in (1, 2)],
}


def measure(
    begun: float, images: int = 10_000, size: int = 28, replicas: int = 1, settings: dict | None = None
) -> dict:
    """Returns milliseconds of a step, GFLOP of it, seconds to the first step, and MiB of memory."""
    import numpy as np
    import roofline
    import tensorflow as tf

    import keras_gan as kg

    if replicas > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * replicas)
    strategy = tf.distribute.MirroredStrategy([f"CPU:{index}" for index in range(replicas)])
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (images, size, size, 1), dtype="uint8")
    data = kg.datasets.from_arrays(pixels, np.arange(images) % 10)
    config = kg.presets.preset("quick").replace(conditional=True, schedule="constant", **(settings or {}))
    with strategy.scope() if replicas > 1 else tf.device(None):
        gan = kg.presets.build(config, data.image_shape, data.num_classes, steps_per_epoch=16)
    batches = data.batches(config.batch_size)
    fit = lambda steps: gan.fit(batches, steps_per_epoch=steps, verbose=0, shuffle=False)  # noqa: E731
    fit(gan.steps_per_execution)
    first = time.time() - begun
    start = time.perf_counter()
    fit(16)
    steps = max(1, round(1.5 / (time.perf_counter() - start))) * 16
    times = []
    for _ in range(5):
        start = time.perf_counter()
        fit(steps)
        times.append(1e3 * (time.perf_counter() - start) / steps)
    return {
        "milliseconds": statistics.median(times),
        "gigaflop": None if replicas > 1 else roofline.step_flops(gan, config.batch_size) / 1e9,
        "first": first,
        "megabytes": kg.comparison.peak_memory(),
    }


@click.command()
@click.option("--axis", "axes", multiple=True, type=click.Choice(list(AXES)), default=list(AXES), show_default=True)
def main(axes):
    for axis in axes:
        first = None
        for point in AXES[axis]:
            try:
                row = child.measured(__file__, **point)
            except RuntimeError as error:
                print(f"{axis:20} {json.dumps(point):45} failed: {error}", flush=True)
                continue
            first = first or row
            known = row["gigaflop"] and first["gigaflop"]
            expected = first["milliseconds"] * row["gigaflop"] / first["gigaflop"] if known else float("nan")
            print(
                f"{axis:20} {json.dumps(point):45} {row['milliseconds']:8.1f} ms a step, expected {expected:8.1f}   "
                f"first {row['first']:5.1f} s   {row['megabytes']:6,.0f} MiB",
                flush=True,
            )


if __name__ == "__main__":
    child.run(measure, main)
