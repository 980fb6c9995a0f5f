"""Whether combined networks find more of Stacked-MNIST than one GAN, in equal time.

    TFDS_DATA_DIR=... python benchmarks/combining.py                       # two seeds, three minutes each
    python benchmarks/combining.py --minutes 10 --way "one GAN" --way "packed by 2"

One GAN has a discriminator of half its generator's parameters, as `stacked_mnist.py --discriminator half` has. Two
generators or discriminators in the place of one are as large as that each, or together. All else, and how modes are
counted, is that benchmark's. Seeds come one after the other, and within a seed each way in turn. A command that was
interrupted goes on when it is given again.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import functools
import json
from pathlib import Path

import click
import keras
import numpy as np
import stacked_mnist as stacked

import keras_gan as kg

SHAPE = (28, 28, 3)
WIDTH = stacked.DISCRIMINATOR_WIDTHS["half"]
# Half the parameters of the generator, and of a discriminator of `WIDTH`.
HALF_GENERATOR, HALF_DISCRIMINATOR = (45, 64), stacked.DISCRIMINATOR_WIDTHS["quarter"]


def generators(width=stacked.WIDTH, **kwargs):
    return kg.networks.mixture(*(stacked.dcgan_generator(3, width) for _ in range(2)), **kwargs)


def discriminators(width=WIDTH, **kwargs):
    return kg.networks.ensemble(*(stacked.discriminator(3, width) for _ in range(2)), **kwargs)


def one_generator():
    return stacked.dcgan_generator(3)


def one_discriminator():
    return stacked.discriminator(3, WIDTH)


WAYS = {
    "one GAN": (one_generator, one_discriminator),
    "packed by 2": (
        one_generator,
        lambda: kg.networks.packed(kg.networks.dcgan_discriminator, SHAPE, packing=2, width=WIDTH),
    ),
    "2 discriminators": (one_generator, discriminators),
    "2 discriminators, together as large": (one_generator, lambda: discriminators(HALF_DISCRIMINATOR)),
    "2 generators": (generators, one_discriminator),
    "2 generators, together as large": (lambda: generators(HALF_GENERATOR), one_discriminator),
    "2 x 2": (generators, discriminators),
    "2 x 2, together as large": (lambda: generators(HALF_GENERATOR), lambda: discriminators(HALF_DISCRIMINATOR)),
    "2 x 2, first layers shared": (
        lambda: generators(share_until="dense"),
        lambda: discriminators(share_until="down_2"),
    ),
}


def run(folder: Path, way: str, minutes: float, seed: int, data, classifier) -> list:
    """Modes, divergence, steps, parameters of the generator and of the discriminator; measured once."""
    result = folder / "result.json"
    if not result.exists():
        print(f"Training in {folder}", flush=True)
        gan = stacked.build(
            lambda: tuple(make() for make in WAYS[way]),
            lambda rate: kg.optimizers.TimedSchedule(keras.optimizers.schedules.CosineDecay(rate, 1)),
            seed,
        )
        stacked.train(folder, gan, functools.partial(stacked.combinations, data, 3, seed), None, minutes)
        found = stacked.score(lambda num, start: gan.generate(num, seed=start), 3, classifier)
        sizes = [network.count_params() for network in (gan.generator, gan.discriminator)]
        result.write_text(json.dumps([*found, int(gan.step), *sizes]))
    return json.loads(result.read_text())


@click.command()
@click.option("--seeds", type=click.IntRange(min=1), default=2, show_default=True, help="How many.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), default=3.0, show_default=True)
@click.option("--way", "chosen", type=click.Choice(list(WAYS)), multiple=True, help="Only these; all when not given.")
@click.option("--folder", type=click.Path(path_type=Path), default="runs/combining", show_default=True)
def main(seeds, minutes, chosen, folder):
    """Prints a Markdown table: means over seeds, and the smallest and largest divergence."""
    data = kg.datasets.load("mnist")
    classifier = kg.metrics.dataset_classifier(data)
    rows = {way: [] for way in WAYS if way in (chosen or WAYS)}
    for seed in range(seeds):
        for way, results in rows.items():
            where = folder / f"{minutes:g}-minutes" / f"{list(WAYS).index(way) + 1}-seed-{seed}"
            results.append(run(where, way, minutes, seed, data, classifier))
    print("\n| | modes | KL | steps | parameters of the generator | of the discriminator |")
    print("| --- | --- | --- | --- | --- | --- |")
    for way, results in rows.items():
        modes, divergence, steps, *sizes = np.mean(results, axis=0)
        spread = [result[1] for result in results]
        print(
            f"| {way} | {modes:,.0f} | {divergence:.4f} ({min(spread):.4f} to {max(spread):.4f}) | {steps:,.0f} | "
            f"{sizes[0]:,.0f} | {sizes[1]:,.0f} |"
        )


if __name__ == "__main__":
    main()
