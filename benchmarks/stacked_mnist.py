"""How many modes of Stacked-MNIST a GAN finds: digits of MNIST in the colour channels, a mode for each combination.

    TFDS_DATA_DIR=... python benchmarks/stacked_mnist.py                          # 1,000 modes, three seeds
    python benchmarks/stacked_mnist.py --networks resnet                          # of networks that do not grow
    python benchmarks/stacked_mnist.py --networks dcgan --discriminator half      # of half the generator's size
    python benchmarks/stacked_mnist.py --networks dcgan --digits 4 --steps 60000  # 10,000 modes

The protocol is PacGAN's (arXiv:1712.04086, section 4.1): random combinations to train on, samples that a classifier of
MNIST reads channel by channel, a mode found when it is read once, and the divergence of the modes' frequencies from
equal ones in nats. 26,000 samples for three digits, 260,000 for four. Beside it the same of real digits. PacGAN draws
128,000 combinations once (`--fixed`), in which modes are not equally frequent: 26,000 of those score worse than fresh
ones. Without `--fixed` each step draws its own. The networks take no labels; `progressive` ones begin with pictures of
half the height and width. A command that was interrupted goes on when it is given again.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import functools
import json
import math
from pathlib import Path

import click
import keras
import numpy as np
import tensorflow as tf

import keras_gan as kg

TRAINING, SAMPLES = 128_000, 26_000
BATCH = 64
LATENT_DIM = 64
MAPPING, WIDTH = (256, 256), (96, 64)
STEPS = {"progressive": 14_000, "resnet": 28_000, "dcgan": 28_000}
# Of the discriminator; the last two have half and a quarter of the 1.39 million parameters of the generator `dcgan`.
DISCRIMINATOR_WIDTHS = {"full": 64, "half": 58, "quarter": 41}
EPOCH = 500
PUBLISHED = {
    (3, "full"): [
        ("DCGAN", 99, 3.40),
        ("VEEGAN", 150, 2.95),
        ("WGAN-GP", 959, 0.73),
        ("StyleGAN2", 940, 0.42),
        ("PresGAN", 1000, 0.12),
        ("R3GAN, small ResNet", 1000, 0.078),
        ("PacGAN2", 1000, 0.06),
        ("R3GAN, 8 GPUs, 7 hours", 1000, 0.029),
    ],
    (3, "half"): [("DCGAN", 628, 2.58), ("PacGAN3", 867, 0.90)],
    (3, "quarter"): [("PacGAN4", 667, "")],
    (4, "full"): [("WGAN-GP", 9538, 0.91), ("EnGAN", 10000, 0.048)],
}


def stack(data, digits: int, num: int, seed: int) -> np.ndarray:
    """Images uint8 `(num, 28, 28, digits)` of random digits."""
    rows = np.random.default_rng(seed).integers(len(data), size=(num, digits))
    return np.concatenate([data.images[column] for column in rows.T], axis=-1)


def combinations(data, digits: int, seed: int, start_step: int) -> tf.data.Dataset:
    """Batches without end, each step's its own whatever came before."""
    images = tf.constant(data.images[..., 0])

    def draw(step):
        rows = tf.random.stateless_uniform((BATCH, digits), [seed, step], maxval=len(data), dtype=tf.int64)
        return tf.transpose(tf.gather(images, rows), (0, 2, 3, 1))

    return kg.datasets.stream(draw, start_step)


def fixed_combinations(data, digits: int, seed: int, start_step: int) -> tf.data.Dataset:
    """Batches of 128,000 combinations that are drawn once."""
    return kg.datasets.from_arrays(stack(data, digits, TRAINING, seed)).batches(BATCH, seed, start_step=start_step)


def halved(images):
    """Images of half the height and width, float32 in [-1, 1]."""
    return tf.nn.avg_pool2d(tf.cast(images, "float32") / 127.5 - 1.0, 2, 2, "VALID")


def build(make, schedule, seed: int, rate: float = 1e-3, penalty: float = 1.0) -> kg.GAN:
    """A GAN of the generator and the discriminator that `make` gives; `schedule` makes a learning rate of the first."""
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(kg.presets.resolve_precision("auto"))
    gan = kg.GAN(*make(), seed=seed)
    gan.compile(
        *(keras.optimizers.Adam(schedule(rate), beta_1=0.0, beta_2=0.99) for _ in range(2)),
        loss=kg.losses.Relativistic(),
        regularizers=[kg.regularizers.R1(penalty), kg.regularizers.R2(penalty)],
    )
    return gan


def residual_generator(digits: int):
    return kg.networks.resnet_generator((28, 28, digits), latent_dim=LATENT_DIM, width=WIDTH[0])


def dcgan_generator(digits: int, width=WIDTH):
    return kg.networks.dcgan_generator((28, 28, digits), latent_dim=LATENT_DIM, mapping=MAPPING, width=width)


def discriminator(digits: int, width: int):
    return kg.networks.dcgan_discriminator((28, 28, digits), width=width)


def grow(folder: Path, digits: int, batches, small_steps: int, steps: int, seed: int) -> tuple[kg.GAN, float]:
    """A GAN to train, which begins as one that is trained on halved images first; the minutes that that took."""

    def networks(side):
        shape = (side, side, digits)
        generator = kg.networks.progressive_generator(shape, latent_dim=LATENT_DIM, width=WIDTH[0], blocks=1)
        return generator, kg.networks.progressive_discriminator(shape)

    # A quarter of the pixels: the same slope over an image is four times the squared gradient.
    small = build(lambda: networks(14), lambda rate: rate, seed, rate=2e-3, penalty=0.25)
    minutes = train(folder / "small", small, lambda step: batches(step).map(halved), small_steps // EPOCH)
    # Digits get even while rates are low: more steps at these than a cosine has.
    decay = keras.optimizers.schedules.PolynomialDecay
    schedule = functools.partial(decay, decay_steps=steps, end_learning_rate=0.0, power=2.0)
    gan = build(lambda: networks(28), schedule, seed, rate=2e-3)
    kg.training.load_pretrained(gan, small)
    return gan, minutes


GENERATORS = {"resnet": residual_generator, "dcgan": dcgan_generator}


def count(images, classifier) -> np.ndarray:
    """How many images show each mode, as the classifier reads their channels."""
    digits = images.shape[-1]
    read = [np.argmax(classifier(images[..., i : i + 1])[1], axis=1) for i in range(digits)]
    return np.bincount(np.stack(read, axis=1) @ 10 ** np.arange(digits), minlength=10**digits)


def score(draw, digits: int, classifier, draws: int = 1) -> tuple[float, float]:
    """Modes, and divergence of their frequencies from equal ones, of images that `draw(number, seed)` gives.

    Means over `draws` times as many images as the protocol has, each time counted by themselves.
    """
    # In parts of 26,000, for all of four digits would be large.
    parts = 10 ** (digits - 3)
    counts = [count(draw(SAMPLES, SAMPLES * part), classifier) for part in range(draws * parts)]
    found = [kg.metrics.modes(np.ones(10**digits), sum(counts[i : i + parts])) for i in range(0, len(counts), parts)]
    return tuple(np.mean(found, axis=0).tolist())


def train(folder: Path, gan: kg.GAN, batches, epochs: int | None, minutes: float = math.inf) -> float:
    """Trains from where an earlier call was stopped, for epochs of 500 steps or minutes; the minutes that it took.

    `batches` gives the data from a step on.
    """
    clock = kg.callbacks.TimeLimit(minutes)
    checkpoint = kg.callbacks.Checkpoint(folder / "checkpoints", stateful=[clock])
    checkpoint.restore(gan)
    if clock.elapsed < minutes and checkpoint.epoch < (epochs or math.inf):
        with checkpoint.stop_on_signals():
            gan.fit(
                batches(int(gan.step)),
                steps_per_epoch=EPOCH,
                epochs=epochs or 10**9,
                shuffle=False,
                verbose=0,
                callbacks=[
                    kg.callbacks.Progress(clock if epochs is None else None),
                    kg.callbacks.SampleImages(folder / "samples"),
                    kg.callbacks.CSVHistory(folder / "history.csv"),
                    clock,
                    checkpoint,
                ],
            )
    return clock.elapsed


@click.command()
@click.option("--digits", type=click.IntRange(3, 4), default=3, show_default=True, help="Digits in an image.")
@click.option("--networks", "family", type=click.Choice(list(STEPS)), default="progressive", show_default=True)
@click.option(
    "--discriminator",
    "size",
    type=click.Choice(list(DISCRIMINATOR_WIDTHS)),
    default="full",
    show_default=True,
    help="Half or a quarter of the generator's size, for dcgan.",
)
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="How many.")
@click.option(
    "--steps",
    type=click.IntRange(min=EPOCH),
    help=f"Of 64 images.  [default: {', '.join(f'{name} {num:,}' for name, num in STEPS.items())}]",
)
@click.option(
    "--small-steps",
    type=click.IntRange(min=EPOCH),
    default=8_000,
    show_default=True,
    help="Of progressive networks, before these.",
)
@click.option(
    "--draws", type=click.IntRange(min=1), default=1, show_default=True, help="Of 26,000 samples, to take the mean of."
)
@click.option("--fixed", is_flag=True, help="Train on 128,000 combinations, drawn once, as PacGAN did.")
@click.option("--folder", type=click.Path(path_type=Path), default="runs/stacked-mnist", show_default=True)
def main(digits, family, size, seeds, steps, small_steps, draws, fixed, folder):
    """Prints each seed's row, their mean, real data's row and the published ones."""
    if family == "progressive" and size != "full":
        raise click.UsageError(f"a discriminator of the size {size} is for --networks dcgan")
    steps = steps or STEPS[family]
    data, test = kg.datasets.load("mnist"), kg.datasets.load("mnist", "test")
    classifier = kg.metrics.dataset_classifier(data)
    rows = []
    for seed in range(seeds):
        drawn = "-fixed" if fixed else ""
        budget = f"{small_steps}+{steps}" if family == "progressive" else f"{steps}"
        run = folder / f"{digits}-digits-{family}-{size}-{budget}-steps{drawn}-seed-{seed}"
        result = run / f"result-{draws}.json"
        if not result.exists():
            print(f"Training in {run}", flush=True)
            batches = functools.partial(fixed_combinations if fixed else combinations, data, digits, seed)
            minutes = 0.0
            if family == "progressive":
                gan, minutes = grow(run, digits, batches, small_steps, steps, seed)
            else:
                gan = build(
                    lambda: (GENERATORS[family](digits), discriminator(digits, DISCRIMINATOR_WIDTHS[size])),
                    lambda rate: keras.optimizers.schedules.CosineDecay(rate, steps),
                    seed,
                )
            minutes += train(run, gan, batches, steps // EPOCH)
            modes, divergence = score(
                lambda num, start, gan=gan: gan.generate(num, seed=start), digits, classifier, draws
            )
            sizes = [network.count_params() for network in (gan.generator, gan.discriminator)]
            result.write_text(json.dumps([modes, divergence, minutes, *sizes]))
        rows.append(json.loads(result.read_text()))
    trained_on = stack(data, digits, TRAINING, 0)
    reals = {
        "training split": lambda num, start: stack(data, digits, num, 1 + start),
        "test split": lambda num, start: stack(test, digits, num, 1 + start),
        "128,000 of training": lambda num, start: np.random.default_rng(1 + start).choice(trained_on, num),
    }
    real = {name: score(draw, digits, classifier, draws) for name, draw in reals.items()}
    print(f"\n{'':34}modes       KL   minutes")
    for seed, (modes, divergence, minutes, *_) in enumerate(rows):
        print(f"{f'keras_gan, seed {seed}':32}{modes:7,.0f}{divergence:9.4f}{minutes:10.1f}")
    means = np.mean(rows, axis=0)
    print(f"{'keras_gan, mean':32}{means[0]:7,.1f}{means[1]:9.4f}{means[2]:10.1f}")
    for name, (modes, divergence) in real.items():
        print(f"{f'real digits, {name}':32}{modes:7,.0f}{divergence:9.4f}")
    print(f"parameters: {means[3]:,.0f} of the generator, {means[4]:,.0f} of the discriminator\n")
    for source, modes, divergence in PUBLISHED.get((digits, size), []):
        print(f"{source:32}{modes:7,}{divergence:9}")


if __name__ == "__main__":
    main()
