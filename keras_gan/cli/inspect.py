"""`inspect`: what is in a folder of images, and how it could be trained on."""

import shlex
from pathlib import Path
from typing import Any

import click

from keras_gan.cli.common import check_file, load_tensorflow, program, usage_errors

# Classes and files that are named at most.
NAMED = 10


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--picture", type=click.Path(path_type=Path), help="Also write some of the images to this PNG file.")
def inspect(folder: Path, picture: Path | None) -> None:
    """Look at the images in FOLDER: number, sizes, classes, damaged files, duplicates; and how to train on them."""
    if picture:
        check_file(picture, ".png")
    load_tensorflow()
    from keras_gan.datasets.decoding import printable
    from keras_gan.datasets.inspection import inspect as look
    from keras_gan.pictures import image_grid, save_png

    with usage_errors():
        found = look(folder)
    _row("images", ", ".join(f"{name} {count:,}" for name, count in found.splits.items()))
    low, middle, high = (_size(found.sizes, share) for share in (0.0, 0.5, 1.0))
    _row("height x width", low if low == high else f"from {low} to {high}, half of them up to {middle}")
    _row("channels", _counts(found.modes))
    _row("formats", _counts(found.formats))
    if found.classes:
        _row("classes", f"{len(found.classes)}: {_counts(found.classes)}")
    for file, why in list(found.unreadable.items())[:NAMED]:
        _row("cannot be read", f"{printable(file)}: {why}")
    if len(found.unreadable) > NAMED:
        _row("", f"and {len(found.unreadable) - NAMED:,} more")
    for text in found.left_out:
        _row("not used", text)
    if found.duplicates:
        copies = sum(len(group) - 1 for group in found.duplicates)
        _row("duplicates", f"{copies:,}, such as {' = '.join(map(_name, found.duplicates[0][:3]))}")
    if found.alike:
        _row("nearly the same", f"{len(found.alike):,} pairs, such as {' and '.join(map(_name, found.alike[0]))}")
    if picture:
        picture.parent.mkdir(parents=True, exist_ok=True)
        save_png(picture, image_grid(found.sheet, 10))
        _row("picture", picture)
    for warning in _warnings(found):
        click.echo(f"Warning: {warning}")
    click.echo(f"\nTrain on it with\n  {_command(folder, found)}")


def _row(title, text):
    click.echo(f"{title:18}{text}")


def _name(path):
    from keras_gan.datasets.decoding import printable

    return printable(Path(*path.parts[-2:]))


def _counts(counts):
    shown = ", ".join(f"{name} {count:,}" for name, count in list(counts.items())[:NAMED])
    return shown + (f" and {len(counts) - NAMED:,} more" if len(counts) > NAMED else "")


def _size(sizes, share):
    """Returns the size below whose area this share of the images lies, as a text."""
    import numpy as np

    order = np.argsort(sizes.prod(axis=1), kind="stable")
    return "{} x {}".format(*sizes[order[round(share * (len(order) - 1))]])


def _warnings(found: Any):
    import numpy as np

    number = found.splits["train"]
    if number < 100:
        yield f"{number} images are few: samples will be near copies of them; some hundreds make new ones"
    counts = [count for count in found.classes.values() if count]
    if counts and max(counts) > 10 * min(counts):
        small = min(found.classes, key=lambda name: found.classes[name])
        yield f"the classes are of very unequal size: {small} has {min(counts):,} images, the largest {max(counts):,}"
    proportions = found.sizes[:, 1] / found.sizes[:, 0]
    if np.quantile(proportions, 0.9) > 1.5 * np.quantile(proportions, 0.1):
        yield "wide and high images are mixed: see the setting image_fit, and --picture"


def _command(folder, found):
    import numpy as np

    words = [*program().split(), "train", "--dataset", str(folder)]
    if len(found.classes) > 1:
        words.append("--conditional")
    if len(np.unique(found.sizes, axis=0)) > 1 or found.sizes.max() > 64:
        words += ["--image-size", "64"]
    if any("transparency" in mode for mode in found.modes):
        words += ["--set", "image_channels=rgba"]
    return shlex.join(words)
