"""How good digits are so many seconds after the command: a race against the clock.

    TFDS_DATA_DIR=... python benchmarks/speedrun.py --seconds 75
    TFDS_DATA_DIR=... python benchmarks/speedrun.py --seconds 30 --seeds 1 --set generator_width=48

Each seed is a process of its own. Its clock starts with the process, so it counts imports, reading the data, tracing
and the last checkpoint; it stops when `model.keras` is written. Measuring comes after. MNIST, conditional; 10,000
samples and as many held-out images, each against all training images, by the classifier of the data.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

# Seconds that are kept for the last checkpoint.
FINISH = 1.5


def train(folder: str, begun: float, seconds: float, dataset: str, preset: str, seed: int, settings: dict) -> None:
    """Trains until so many seconds after `begun`, in seconds since the epoch."""
    import keras_gan as kg

    config = kg.presets.preset(preset).replace(
        dataset=dataset, conditional=True, seed=seed, epochs=None, minutes=seconds / 60, **settings
    )
    session = kg.training.Session(config, folder, options=kg.training.Options(tensorboard=False))
    session.clock.minutes = (begun + seconds - FINISH - time.time()) / 60
    session.train()


def measure(folders: list[Path], dataset: str, num: int) -> list[dict]:
    """Returns Fréchet distance and label accuracy of the models, and the distance of held-out images beside them."""
    import keras_gan as kg
    from keras_gan import metrics

    data, test, _ = kg.datasets.load_with_held_out(dataset)
    extractor = metrics.dataset_classifier(data)
    reference = metrics.statistics_of(extractor(data.images)[0])
    labels = metrics.draw_labels(data, num)
    real = metrics.frechet_distance(reference, extractor(test.images[:num])[0])
    found = []
    for folder in folders:
        gan = kg.export.load(folder)
        features, probabilities = extractor(gan.generate(num, labels=labels))
        found.append(
            {
                "fcd": metrics.frechet_distance(reference, features),
                "real": real,
                "accuracy": float((probabilities.argmax(axis=1) == labels).mean()),
                "steps": int(gan.step),
            }
        )
    return found


@click.command()
@click.option("--seconds", default=75.0, show_default=True)
@click.option("--dataset", default="mnist", show_default=True)
@click.option("--preset", default="quick", show_default=True)
@click.option("--seeds", default=5, show_default=True)
@click.option("--num", default=10_000, show_default=True, help="Samples.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE")
def main(seconds, dataset, preset, seeds, num, settings):
    values = dict(setting.split("=", 1) for setting in settings)
    with tempfile.TemporaryDirectory() as folder:
        folders, took = [Path(folder) / str(seed) for seed in range(seeds)], []
        for seed, run in enumerate(folders):
            begun = time.time()
            arguments = json.dumps([str(run), begun, seconds, dataset, preset, seed, values])
            subprocess.run([sys.executable, __file__, "--child", arguments], check=True, capture_output=True)
            took.append(time.time() - begun)
        rows = measure(folders, dataset, num)
    for seed, (row, clock) in enumerate(zip(rows, took)):
        print(
            f"seed {seed}: {clock:5.1f} s  {row['steps']:6,} steps  FCD {row['fcd']:.3f} (real {row['real']:.3f})  "
            f"label accuracy {row['accuracy']:.2%}",
            flush=True,
        )
    worst, middle = max(row["fcd"] for row in rows), statistics.median(row["fcd"] for row in rows)
    accuracy = min(row["accuracy"] for row in rows)
    way = " ".join([preset, *settings])
    print(f"{way} after {seconds:g} s: FCD {middle:.3f}, worst {worst:.3f}; label accuracy from {accuracy:.2%}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        train(*json.loads(sys.argv[2]))
    else:
        main()
