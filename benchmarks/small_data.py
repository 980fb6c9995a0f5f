"""What adaptive augmentation is worth where there are few images, and whether it shows in the samples.

    TFDS_DATA_DIR=... python benchmarks/small_data.py            # 500 images of MNIST, three seeds

The conditional preset `dcgan` with and without `adaptive_augmentation`, trained for as many steps on the same.
Samples are compared with MNIST's test split, which no network has seen: Fréchet distance (FCD), recall, precision and
coverage of the features of MNIST's own classifier. Beside them real images in place of samples: the few to train on and
many others. The leak probe uses that MNIST has put each digit's centre of mass in the middle, on black: `off centre` is
the share of samples whose centre lies further off than any digit's, `not on black` that of samples with grey corners.
The last row is what a generator would score that had learned to augment as much as the discriminator's images are. A
command that was interrupted goes on when it is given again.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
from pathlib import Path

import click
import keras
import numpy as np

import keras_gan as kg
from keras_gan.sampling import to_uint8

SAMPLES = 10_000
EPOCH = 250
ADAPTIVE = {"augmentation": "default", "augmentation_probability": "0", "adaptive_augmentation": "true"}
COLUMNS = ("FCD", "recall", "precision", "coverage", "off centre", "not on black", "probability")
# In pixels, and of 1: more than any of the 70,000 digits of MNIST has.
OFF_CENTRE, NOT_BLACK = 1.5, 0.03


def augmented(images, probability: float) -> np.ndarray:
    """Images as the discriminator sees them, uint8."""
    augmentation = kg.augmentation.Augmentation(probability=probability)
    changed = [
        augmentation(part.astype("float32") / 127.5 - 1.0, keras.ops.array([0, index]))
        for index, part in enumerate(np.array_split(images, max(1, len(images) // 1000)))
    ]
    return np.asarray(to_uint8(np.concatenate(changed)))


def leaks(images) -> dict[str, float]:
    """The share of images off the centre, and of those that are not on black."""
    images = images[..., 0] / 255.0
    places = np.arange(images.shape[1]) - images.shape[1] // 2
    mass = np.maximum(images.sum((1, 2)), 1e-6)
    off = np.hypot((images.sum(1) * places).sum(1) / mass, (images.sum(2) * places).sum(1) / mass)
    corners = images[:, [0, 0, -1, -1], [0, -1, 0, -1]].mean(1)
    return {"off centre": float((off > OFF_CENTRE).mean()), "not on black": float((corners > NOT_BLACK).mean())}


def measure(images, test, extractor) -> dict[str, float]:
    (real, _), (fake, _) = extractor(test.images), extractor(images)
    figures = kg.metrics.prdc(real, fake)
    figures["FCD"] = kg.metrics.frechet_distance(*(kg.metrics.statistics_of(each) for each in (real, fake)))
    return {name: float(value) for name, value in {**figures, **leaks(images)}.items() if name in COLUMNS}


def train(data, settings: dict, steps: int, seed: int):
    config = kg.presets.preset("dcgan").replace(
        conditional=True, seed=seed, minutes=None, epochs=steps // EPOCH, **settings
    )
    gan = kg.presets.build(config, data.image_shape, data.num_classes, steps_per_epoch=EPOCH)
    adaptive = [kg.callbacks.AdaptiveAugmentation()] if config.adaptive_augmentation else []
    gan.fit(
        data.batches(config.batch_size, seed),
        steps_per_epoch=EPOCH,
        epochs=config.epochs,
        shuffle=False,
        verbose=0,
        callbacks=[*adaptive, kg.callbacks.Progress()],
    )
    return gan


@click.command()
@click.option("--images", type=click.IntRange(64), default=500, show_default=True, help="To train on.")
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="How many.")
@click.option("--steps", type=click.IntRange(min=EPOCH), default=5_000, show_default=True, help="Of 64 images.")
@click.option("--folder", type=click.Path(path_type=Path), default="runs/small-data", show_default=True)
def main(images, seeds, steps, folder):
    """Prints a row for each way and seed, the means, and rows of real images."""
    data, test = kg.datasets.load("mnist"), kg.datasets.load("mnist", "test")
    extractor = kg.metrics.dataset_classifier(data)
    rows = np.random.default_rng(0).permutation(len(data))
    few, others = (
        kg.datasets.from_arrays(data.images[part], data.labels[part]) for part in (rows[:images], rows[images:])
    )
    folder.mkdir(parents=True, exist_ok=True)
    means = []
    print(f"{'':34}" + "".join(f"{name:>14}" for name in COLUMNS))
    for name, settings in (("without augmentation", {}), ("adaptive augmentation", ADAPTIVE)):
        results = []
        for seed in range(seeds):
            path = folder / f"{name.replace(' ', '-')}-{images}-images-{steps}-steps-seed-{seed}.json"
            if not path.exists():
                gan = train(few, settings, steps, seed)
                samples = gan.generate(SAMPLES)
                kg.pictures.save_png(path.with_suffix(".png"), kg.pictures.image_grid(samples[:100], 10))
                probability = float(gan.augmentation.probability) if gan.augmentation else 0.0
                figures = {**measure(samples, test, extractor), "probability": probability}
                path.write_text(json.dumps(figures))
            results.append(json.loads(path.read_text()))
            print(row(f"{name}, seed {seed}", results[-1]), flush=True)
        means.append((f"{name}, mean", {key: np.mean([result[key] for result in results]) for key in COLUMNS}))
    for title, figures in means:
        print(row(title, figures))
    many = others.images[:SAMPLES]
    for title, real in (
        (f"the {images} images themselves", few.images),
        ("10,000 others", many),
        ("these, augmented as much", augmented(many, means[-1][1]["probability"])),
    ):
        print(row(title, measure(real, test, extractor)))


def row(title, figures):
    return f"{title:34}" + "".join(f"{figures[name]:14.3f}" if name in figures else "" for name in COLUMNS)


if __name__ == "__main__":
    main()
