"""`generate`: samples of a trained model, as pictures, arrays or an animation."""

from pathlib import Path

import click

from keras_gan.cli.common import (
    MOST_SAMPLES,
    Positive,
    check_output,
    class_names_of,
    import_option,
    load_tensorflow,
    usage_errors,
)


@click.command()
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--num", type=click.IntRange(min=1, max=MOST_SAMPLES), help="How many samples.  [default: 100; 20 in an animation]"
)
@click.option("--label", "labels", multiple=True, help="Class to draw, by its name or number; several take turns.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Sample i has the seed SEED + i."
)
@click.option("--truncation", type=Positive(), help="Cut latents to [-T, T]: safer, less varied.")
@click.option(
    "--frames", type=click.IntRange(2, 10_000), default=48, show_default=True, help="Pictures in an animation."
)
@click.option(
    "--output",
    required=True,
    metavar="FILE.png|FILE.npz|FILE.gif|FILE.mp4|FOLDER/",
    help="A grid, arrays, an animation of samples that change and come back, or a folder of single images.",
)
@import_option()
def generate(
    model: Path, num: int | None, labels: tuple[str, ...], seed: int, truncation: float | None, frames: int, output: str
) -> None:
    """Sample from MODEL: a run folder, a .keras file or a SavedModel folder."""
    from keras_gan.pictures import ANIMATIONS

    path = check_output(output, (".png", ".npz", *ANIMATIONS), or_folder=True)
    num = num or (20 if path.suffix in ANIMATIONS else 100)
    load_tensorflow()
    from keras_gan.export import load
    from keras_gan.sampling import is_image

    gan = load(model)
    if path.suffix != ".npz" and not (is_image(gan.sample_shape) and gan.sample_shape[-1] <= 4):
        raise click.UsageError(f"the samples of {model} are {gan.sample_shape}, not pictures: give --output FILE.npz")
    if labels and not gan.num_classes:
        raise click.UsageError(f"{model} is unconditional: it takes no --label")
    names, numbers = class_names_of(model, gan), None
    if gan.num_classes:
        chosen = [_label(text, names, gan.num_classes) for text in labels] or range(gan.num_classes)
        numbers = [chosen[i % len(chosen)] for i in range(num)]
    with usage_errors():
        if path.suffix in ANIMATIONS:
            _write_walk(path, gan, num, frames, numbers, seed, truncation)
        else:
            images = gan.generate(num, numbers, seed=seed, truncation=truncation)
            _write_images(path, images, numbers, names)
    click.echo(f"{num:,} samples in {path}")


def _label(text, names, num_classes):
    """Returns the number of a class. A name goes before a number, because classes may have names like 10, 20 and 30."""
    if text in names:
        return names.index(text)
    try:
        return int(text)
    except ValueError:
        known = f"{', '.join(names[:10])}{', ...' if len(names) > 10 else ''}, or " if names else "only "
        raise click.UsageError(f"no class {text}: there are {known}numbers from 0 to {num_classes - 1}") from None


def _write_walk(output, gan, num, frames, labels, seed, truncation):
    from keras_gan.pictures import columns, image_grid, save_animation
    from keras_gan.sampling import circle

    walk = circle(gan, num, frames, labels, seed, truncation)
    output.parent.mkdir(parents=True, exist_ok=True)
    wide = columns(num, len(set(labels or ())))
    save_animation(output, [image_grid(images, wide) for images in walk])


def _write_images(output, images, labels, names):
    import numpy as np

    from keras_gan.pictures import columns, image_grid, save_png

    output.parent.mkdir(parents=True, exist_ok=True)
    if output.suffix == ".png":
        save_png(output, image_grid(images, columns(len(images), len(set(labels or ())))))
    elif output.suffix == ".npz":
        if labels:
            np.savez_compressed(output, images=images, labels=np.asarray(labels))
        else:
            np.savez_compressed(output, images=images)
    else:
        # Class folders, as a dataset has them. A class whose name cannot be the name of a folder goes by its number.
        folders = [name if Path(name).name == name else str(label) for label, name in enumerate(names)]
        for i, image in enumerate(images):
            folder = output / (folders[labels[i]] if folders else str(labels[i])) if labels else output
            folder.mkdir(parents=True, exist_ok=True)
            save_png(folder / f"{i:05d}.png", image)
