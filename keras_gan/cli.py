"""The command line. Heavy imports stand where they are used, so that `--help` answers at once."""

import contextlib
import dataclasses
import importlib
import json
import logging
import os
import shlex
import sys
import tempfile
from pathlib import Path

import click

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


class OneLineErrors(click.Group):
    """Reports mistakes as one line on stderr; KERAS_GAN_TRACEBACK=1 shows where they come from."""

    def main(self, *args, **kwargs):
        kwargs["standalone_mode"] = False
        if os.environ.get("KERAS_GAN_TRACEBACK"):
            return super().main(*args, **kwargs)
        try:
            sys.exit(super().main(*args, **kwargs) or 0)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(2)
        except click.ClickException as error:
            self._stop(error.format_message(), error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            self._stop("interrupted", 130)
        except OSError as error:
            self._stop(f"{error.strerror}: {error.filename}" if error.filename else str(error), 1)
        except ValueError as error:
            self._stop(str(error), 1)
        except Exception as error:
            if type(error).__name__ not in ("MemoryError", "ResourceExhaustedError"):
                raise
            self._stop("out of memory: try a smaller --batch-size, or smaller images or networks", 1)

    def _stop(self, message, status):
        click.echo(f"Error: {' '.join(message.split())}", err=True)
        sys.exit(status)


def load_tensorflow():
    """Imports TensorFlow, with stderr put aside: it prints notices that no setting turns off (tensorflow#100442)."""
    logging.getLogger("absl").setLevel(logging.ERROR)
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            importlib.import_module("tensorflow")
        except Exception:
            aside.seek(0)
            os.write(stderr, aside.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


@contextlib.contextmanager
def usage_errors():
    """What goes wrong here is a mistake in the arguments: exit status 2."""
    try:
        yield
    except ValueError as error:
        raise click.UsageError(str(error)) from error


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="keras_gan")
def main():
    """Train GANs on images, sample from them, export them for TensorFlow and TF Serving."""


@main.command()
@click.option("--dataset", metavar="NAME|FOLDER", help="digits (the default), a TFDS image dataset, or a folder.")
@click.option("--conditional/--unconditional", default=None, help="Learn to draw a given class, or not (the default).")
@click.option("--preset", "preset_name", metavar="NAME", default="dcgan", show_default=True, help="See `presets`.")
@click.option(
    "--epochs", type=click.IntRange(min=1), help="Stop after so many epochs, each a pass and 250 steps at least."
)
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Stop after so many minutes.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Images a step.")
@click.option("--seed", type=click.IntRange(min=0), help="Chooses weights, noise and order of the data.")
@click.option("--run-dir", type=click.Path(path_type=Path), help="Where the run goes.  [runs/DATASET-(C)GAN-NNN]")
@click.option(
    "--export-dir", type=click.Path(path_type=Path), help="Gets the next version.  [saved_models/DATASET-(C)GAN]"
)
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Any setting that `presets` shows.")
@click.option("--dry-run", is_flag=True, help="Show settings and networks, train nothing, write nothing.")
def train(dataset, conditional, preset_name, epochs, minutes, batch_size, seed, run_dir, export_dir, settings, dry_run):
    """Train a GAN, or with --conditional a conditional GAN, and export it."""
    load_tensorflow()
    with usage_errors():
        config = _config(preset_name, settings, dataset, conditional, epochs, minutes, batch_size, seed)
    from keras_gan import datasets, presets

    with usage_errors():
        data = datasets.load(config.dataset, image_size=config.image_size)
        config = dataclasses.replace(config, precision=presets.resolve_precision(config.precision))
        stream = data.batches(config.batch_size, config.seed)
        gan = presets.build(config, data.image_shape, data.num_classes)
    if dry_run:
        _echo_settings(config)
        for network in (gan.discriminator, gan.generator):
            click.echo(f"\n{network.name}: {network.count_params():,} parameters")
            network.summary(print_fn=click.echo)
        return
    title = f"{data.name}-{'cgan' if config.conditional else 'gan'}"
    export_dir = export_dir or Path("saved_models") / title
    _check_writable(export_dir)
    run_dir = _new_run_dir(run_dir, title)
    record = {"config": dataclasses.asdict(config), "class_names": data.class_names, "image_shape": data.image_shape}
    (run_dir / "config.json").write_text(json.dumps(record, indent=2) + "\n")
    grid = _fit(gan, data, stream, config, run_dir)
    gan.save(run_dir / "model.keras")

    from keras_gan.export import next_version

    version = next_version(export_dir)
    gan.export(version)
    label = " --label 7" if (gan.num_classes or 0) > 7 else ""
    click.echo(f"\nRun folder   {run_dir}")
    click.echo(f"Samples      {grid}")
    click.echo(f"SavedModel   {version}")
    click.echo(f"Sample it    {_program()} generate {shlex.quote(str(run_dir))} --num 64{label} --output samples.png")


@main.command()
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--num", type=click.IntRange(min=1), default=100, show_default=True, help="How many.")
@click.option("--label", "labels", type=int, multiple=True, help="Of this class; several are taken in turn.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Sample i has the seed SEED + i."
)
@click.option(
    "--truncation", type=click.FloatRange(min=0, min_open=True), help="Cut latents to [-T, T]: safer, less varied."
)
@click.option(
    "--output", required=True, metavar="FILE.png|FILE.npz|FOLDER/", help="A grid, arrays, or an image a file."
)
def generate(model, num, labels, seed, truncation, output):
    """Sample from MODEL: a run folder, a .keras file or a SavedModel folder."""
    output = _check_output(output)
    load_tensorflow()
    from keras_gan.export import load

    gan = load(model)
    if labels and not gan.num_classes:
        raise click.UsageError(f"{model} is unconditional: it takes no --label")
    if gan.num_classes:
        labels = [(labels or range(gan.num_classes))[i % (len(labels) or gan.num_classes)] for i in range(num)]
    with usage_errors():
        images = gan.generate(num, labels or None, seed=seed, truncation=truncation)
    _write_images(output, images, labels, gan.num_classes)
    click.echo(f"{num:,} samples in {output}")


@main.command()
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--export-dir", type=click.Path(path_type=Path), required=True, help="Gets the next version: 1, 2, ...")
def export(model, export_dir):
    """Write MODEL, a run folder or a .keras file, as a SavedModel for TensorFlow and TF Serving."""
    load_tensorflow()
    from keras_gan.export import SavedGAN, load, next_version

    gan = load(model)
    if isinstance(gan, SavedGAN):
        raise click.UsageError(f"{model} is a SavedModel already")
    _check_writable(export_dir)
    version = next_version(export_dir)
    gan.export(version)
    click.echo(f"SavedModel in {version}")


@main.command()
def presets():
    """List the presets and their settings."""
    load_tensorflow()
    from keras_gan.presets import PRESETS

    for name, make in PRESETS.items():
        click.secho(f"\n{name}", bold=True, nl=False)
        click.echo(f": {' '.join(make.__doc__.split())}")
        _echo_settings(make())


@main.command()
def datasets():
    """List the datasets that need no download."""
    load_tensorflow()
    from keras_gan.datasets import available

    for name, source in available().items():
        click.echo(f"{name:24}{source}")
    click.echo("\nAny other TFDS image dataset is downloaded when named; a folder of class folders works by its path.")


def _config(preset_name, settings, dataset, conditional, epochs, minutes, batch_size, seed):
    from keras_gan import presets

    changes = {"dataset": dataset, "conditional": conditional, "batch_size": batch_size, "seed": seed}
    changes = {key: value for key, value in changes.items() if value is not None}
    if epochs or minutes:
        changes |= {"epochs": epochs, "minutes": minutes}
    config = dataclasses.replace(presets.preset(preset_name), **changes)
    pairs = [setting.partition("=") for setting in settings]
    for key, equals, _ in pairs:
        if not equals:
            raise click.UsageError(f"--set takes KEY=VALUE, got {key!r}")
    return presets.override(config, {key.strip().replace("-", "_"): text for key, _, text in pairs})


def _fit(gan, data, stream, config, run_dir):
    """Trains, and returns the path of the last sample grid."""
    import keras

    from keras_gan import callbacks

    # A pass over a small dataset is over in a second; an epoch, with its pictures and checkpoint, should not be.
    steps = max(len(data) // config.batch_size, 250)
    click.echo(
        f"Training on {len(data):,} images of {'x'.join(map(str, data.image_shape))}, {config.precision}, in {run_dir}"
    )
    if config.conditional and data.class_names != tuple(map(str, range(data.num_classes))):
        click.echo("Labels: " + ", ".join(f"{label} {name}" for label, name in enumerate(data.class_names)))
    samples = callbacks.SampleImages(run_dir / "samples", run_dir / "logs")
    (run_dir / "checkpoints").mkdir()
    gan.fit(
        stream,
        epochs=config.epochs or 10**6,
        steps_per_epoch=steps,
        shuffle=False,
        verbose=0,
        callbacks=[
            callbacks.Progress(config.minutes),
            samples,
            keras.callbacks.ModelCheckpoint(str(run_dir / "checkpoints" / "last.keras")),
            keras.callbacks.CSVLogger(str(run_dir / "history.csv")),
            keras.callbacks.TensorBoard(str(run_dir / "logs"), write_graph=False),
            *([callbacks.TimeLimit(config.minutes)] if config.minutes else []),
        ],
    )
    return samples.path


def _new_run_dir(run_dir, title):
    if run_dir is not None:
        if run_dir.exists() and (not run_dir.is_dir() or any(run_dir.iterdir())):
            raise click.UsageError(f"{run_dir} is not an empty folder: no run overwrites another")
        run_dir.mkdir(parents=True, exist_ok=True)
        return run_dir
    for number in range(1, 10**6):
        run_dir = Path("runs") / f"{title}-{number:03d}"
        with contextlib.suppress(FileExistsError):
            run_dir.mkdir(parents=True)
            return run_dir
    raise click.ClickException("runs/ is full")


def _check_writable(folder):
    """Says now rather than after the training that the folder cannot be written."""
    parent = folder
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise click.UsageError(f"cannot write to {folder}")


def _check_output(output):
    path = Path(output)
    folder = output.endswith(("/", os.sep)) or path.is_dir() or not path.suffix
    if folder and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise click.UsageError(f"{path} is not an empty folder")
    if not folder and path.suffix not in (".png", ".npz"):
        raise click.UsageError(f"--output must end in .png or .npz, or be a folder, got {output}")
    _check_writable(path.parent)
    return path


def _write_images(output, images, labels, num_classes):
    import numpy as np

    from keras_gan.callbacks import image_grid, save_png

    output.parent.mkdir(parents=True, exist_ok=True)
    if output.suffix == ".png":
        cycle = num_classes if num_classes and num_classes <= 16 and len(set(labels)) == num_classes else 10
        save_png(output, image_grid(images, min(cycle, len(images))))
    elif output.suffix == ".npz":
        np.savez_compressed(output, images=images, **({"labels": np.asarray(labels)} if labels else {}))
    else:
        for i, image in enumerate(images):
            folder = output / str(labels[i]) if labels else output
            folder.mkdir(parents=True, exist_ok=True)
            save_png(folder / f"{i:05d}.png", image)


def _echo_settings(config):
    for key, value in dataclasses.asdict(config).items():
        click.echo(f"  {key:28}{value}")


def _program():
    return "python cli.py" if Path(sys.argv[0]).name == "cli.py" else "keras-gan"
