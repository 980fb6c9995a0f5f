"""`evaluate`: measures how good samples are, beside real images."""

import dataclasses
import json
import math
import time
from pathlib import Path

import click

from keras_gan.cli.common import MOST_SAMPLES, check_file, import_option, load_tensorflow, usage_errors
from keras_gan.errors import UserError

# Sample i has the seed SEED * SPACE + i, so that evaluations with two seeds share no sample.
SPACE = 2**32
MOST = 10_000


@click.command()
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--dataset", metavar="NAME|FOLDER", help="Data to compare with.  [default: that of the run]")
@click.option(
    "--num",
    type=click.IntRange(min=100, max=MOST_SAMPLES),
    help="How many samples.  [default: as many as held-out, at most 10,000]",
)
@click.option(
    "--seed", type=click.IntRange(min=0, max=2**30), default=0, show_default=True, help="Seed of the samples."
)
@click.option(
    "--extractor",
    metavar="classifier|inception|squeezenet|NAME|FILE.keras",
    default="classifier",
    show_default=True,
    help="Source of features: a classifier of the dataset, trained once and cached; Inception; another pretrained "
    "network, squeezenet or a class of keras.applications; or your own model.",
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Also write the figures to this file.")
@click.option(
    "--picture",
    type=click.Path(path_type=Path),
    help="PNG of samples and their nearest training images.  [default: in the run folder]",
)
@import_option()
def evaluate(
    model: Path,
    dataset: str | None,
    num: int | None,
    seed: int,
    extractor: str,
    json_path: Path | None,
    picture: Path | None,
) -> None:
    """Measure the samples of MODEL, a run folder, a .keras file or a SavedModel folder, beside held-out real images."""
    from keras_gan.training import runs

    if picture is None and dataset is None and runs.is_run(model):
        picture = model / "neighbours.png"
    for path, suffix in ((json_path, None), (picture, ".png")):
        if path:
            check_file(path, suffix)
    load_tensorflow()
    from keras_gan import metrics
    from keras_gan.comparison import peak_memory
    from keras_gan.export import load
    from keras_gan.pictures import image_grid, save_png

    start = time.monotonic()
    gan = load(model)
    with usage_errors():
        train, test, notes = _data(model, dataset, gan.image_shape)
        if train.image_shape != gan.image_shape:
            raise UserError(
                f"{model} makes images of {gan.image_shape}, those of {train.name} are {train.image_shape}: give "
                "another --dataset"
            )
        if gan.num_classes and gan.num_classes != train.num_classes:
            raise UserError(
                f"{model} has {gan.num_classes} classes, {train.name} has {train.num_classes or 'no labels'}"
            )
        features = metrics.named_extractor(extractor, train)
        features.check(train.image_shape)
    cached = time.monotonic()
    num = num or max(100, min(MOST, len(test)))
    labels = metrics.draw_labels(train, num, seed) if gan.num_classes else None
    images = gan.generate(num, labels, seed=seed * SPACE)
    report = metrics.evaluate(train, test, images, labels, features, seed)
    seconds = time.monotonic() - cached

    click.echo(f"{'':36}{'samples':>20}{'real, held out':>20}   better")
    for figure in report.figures:
        samples, real = _text(figure.samples, figure.error), _text(figure.real, figure.real_error)
        better = "nearer to real" if figure.better == "nearer" else figure.better
        click.echo(f"{figure.name:36}{samples:>20}{real:>20}   {better}")
    conditions = {"model": str(model), "samples": num, "held_out": min(num, len(test)), "sample_seed": seed * SPACE}
    conditions |= report.conditions
    click.echo("")
    for key, value in conditions.items():
        click.echo(f"  {key.replace('_', ' '):18}{value:,}" if isinstance(value, int) else f"  {key:18}{value}")
    for warning in [*notes, *report.warnings]:
        click.echo(f"Warning: {warning}")
    if json_path:
        figures = [dataclasses.asdict(figure) for figure in report.figures]
        content = {"figures": figures, "conditions": conditions, "warnings": [*notes, *report.warnings]}
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps(content, indent=2) + "\n")
    if picture:
        picture.parent.mkdir(parents=True, exist_ok=True)
        rows, columns = report.neighbours.shape[:2]
        save_png(picture, image_grid(report.neighbours.reshape(rows * columns, *train.image_shape), columns))
        click.echo(f"Samples, each with its nearest training images, in {picture}")
    peak = peak_memory()
    memory = "" if peak is None else f"; peak memory {peak / 1024:.1f} GiB"
    click.echo(f"{seconds:.0f} s, and {cached - start:.0f} s for model, data and extractor{memory}")


def _text(value, error):
    """Formats a value with its error, in about four digits; `None` gives an empty text."""
    if value is None:
        return ""
    return _number(value) + ("" if error is None else f" ± {error:.2g}")


def _number(value):
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(0, 3 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(decimals, 5)}f}"


def _data(model, dataset, image_shape):
    """Loads training and held-out images of the model's size and channels, with a list of warnings about them."""
    from keras_gan import datasets
    from keras_gan.training import runs

    run = runs.read(model) if runs.is_run(model) else None
    split = {}
    if run and dataset in (None, run.config.dataset):
        if run.data.get("given_in_python"):
            raise UserError(f"{model} was trained on images of a Python program: give --dataset")
        dataset = run.config.dataset
        split = {"hold_out": run.config.hold_out}
    if dataset is None:
        raise UserError(f"{model} does not say what it was trained on: give --dataset")
    reading = {**(run.config.reading() if run else {}), **datasets.of_shape(image_shape)}
    train, test, held_out_from = datasets.load_with_held_out(dataset, **split, **reading)
    changed = []
    if run and split and run.data.get("fingerprint", train.fingerprint) != train.fingerprint:
        then = f"{run.data['images']:,} images to train on then, {len(train):,} now"
        changed = [f"the data have changed since ({then}): the model may know what is held out now"]
    if test is None:
        test, train = datasets.split(train, 6)
        return train, test, [*changed, "one image in 6 stands for held-out ones, though the model was trained on it"]
    if not split and held_out_from != "test split":
        return train, test, [f"{held_out_from} is taken as held out: whether the model was trained on it is not known"]
    return train, test, changed
