"""Every loss with every penalty, on equal terms: which go together, and which fail.

    TFDS_DATA_DIR=... python benchmarks/losses.py                    # MNIST and digits, three seeds each
    python benchmarks/losses.py --dataset digits --seeds 1 --steps 500

The conditional preset `dcgan` with each loss, and no penalty, R1 (0.3), a gradient penalty (10), spectral
normalisation, or R1 and R2 (0.3 each); everything else stays. 2,000 samples are compared with held-out images by the
dataset's own classifier. A run counts as failed if it diverged, or its samples have a label accuracy below 50 % or
cover less than a tenth of the real images. Several runs at a time (`--jobs`), each with its share of the cores, keep
these busier than one does. A command that was interrupted goes on when it is given again.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import concurrent.futures
from pathlib import Path

import click
import numpy as np

from keras_gan import comparison, datasets, metrics, presets
from keras_gan.training import EPOCH_STEPS

# D2GAN's two are for a discriminator each.
LOSSES = ("non_saturating", "minimax", "least_squares", "hinge", "wasserstein", "relativistic")
PENALTIES = {
    "none": {},
    "R1": {"r1": 0.3},
    "GP": {"gradient_penalty": 10.0},
    "SN": {"spectral_normalization": True},
    "R1+R2": {"r1": 0.3, "r2": 0.3},
}
SAMPLES = 2_000
COLUMNS = {"FCD": 2, "recall": 2, "label accuracy": 3}


def runs(dataset: str, seeds: int, steps: int):
    base = presets.preset("dcgan").replace(
        dataset=dataset,
        conditional=True,
        r1=0.0,
        minutes=None,
        epochs=-(-steps // EPOCH_STEPS),
        epoch_steps=EPOCH_STEPS,
        precision=presets.resolve_precision("auto"),
    )
    for loss in LOSSES:
        for penalty, settings in PENALTIES.items():
            for seed in range(seeds):
                config = base.replace(loss=loss, seed=seed, **settings)
                yield (loss, penalty), comparison.Run(f"{loss}-{penalty}", config.by_key(), SAMPLES)


def results_of(keyed, folder, jobs: int):
    """Pairs of a key and what came of its run."""
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, os.cpu_count() // jobs)))  # Of each run's process.

    def start(run):
        where = folder / f"{run.name}-seed-{run.config['seed']}"
        if not (where / comparison.RESULT).exists():
            print(where, flush=True)
        return comparison.start(run, where)

    pool = concurrent.futures.ThreadPoolExecutor(jobs)
    try:
        return list(zip([key for key, _ in keyed], pool.map(start, [run for _, run in keyed])))
    finally:
        pool.shutdown(cancel_futures=True)


def failed(result) -> bool:
    figures = result.get("figures")
    if result["failure"] or not figures:
        return True
    return figures["label accuracy"]["samples"] < 0.5 or figures["coverage"]["samples"] < 0.1


def cell(column: str, digits: int, results) -> str:
    """The mean over seeds of what is measured, the smallest and the largest, and how many runs failed."""
    values = [result["figures"][column]["samples"] for result in results if result.get("figures")]
    text = f"{np.mean(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})" if values else "-"
    failures = sum(map(failed, results))
    return f"{text}, {failures} failed" if failures else text


@click.command()
@click.option("--dataset", multiple=True, default=("digits", "mnist"), show_default=True)
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="How many.")
@click.option("--steps", type=click.IntRange(min=1), default=1_000, show_default=True, help="Of 64 images.")
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Runs at a time.")
@click.option("--folder", type=click.Path(path_type=Path), default="runs/losses", show_default=True)
def main(dataset, seeds, steps, jobs, folder):
    """Prints Markdown tables for each dataset: means over seeds, the smallest and the largest."""
    for name in dataset:
        metrics.dataset_classifier(datasets.load(name))  # Or the first runs would each train one.
        rows = {}
        for key, result in results_of(list(runs(name, seeds, steps)), folder / f"{name}-{steps}", jobs):
            rows.setdefault(key, []).append(result)
        real = next(result["figures"] for results in rows.values() for result in results if result.get("figures"))
        print(f"\n{name}, {steps:,} steps of 64, {seeds} seeds")
        for column, digits in COLUMNS.items():
            print(f"\n| {column} (real images {real[column]['real']:.{digits}f}) | {' | '.join(PENALTIES)} |")
            print("| --- |" + " --- |" * len(PENALTIES))
            for loss in LOSSES:
                cells = [cell(column, digits, rows[loss, penalty]) for penalty in PENALTIES]
                print(f"| {loss} | {' | '.join(cells)} |")
        states = [(*key, result.get("state", "failed")) for key, results in rows.items() for result in results]
        troubles = [state for state in states if state[-1] != "healthy"]
        print("\nThe watch at the end:", "; ".join(map(" ".join, troubles)) or "healthy everywhere", flush=True)


if __name__ == "__main__":
    main()
