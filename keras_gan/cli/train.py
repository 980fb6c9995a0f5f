"""`train`: makes a run folder and a SavedModel from settings."""

import contextlib
import shlex
import signal
from pathlib import Path
from typing import Any

import click

from keras_gan.cli.common import Positive, echo_settings, import_option, load_tensorflow, program, usage_errors


@click.command()
@click.option(
    "--dataset",
    metavar="NAME|FOLDER|FILE",
    help="digits (the default), a TFDS image dataset, a folder, or a .zip or .npz file.",
)
@click.option("--conditional/--unconditional", default=None, help="Learn to draw a given class, or not (the default).")
@click.option("--preset", "preset_name", metavar="NAME", help="See `presets`.  [default: quick]")
@click.option(
    "--epochs", type=click.IntRange(min=1), help="Stop after so many epochs, each a pass and at least 250 steps."
)
@click.option("--minutes", type=Positive(), help="Stop after so many minutes.  [default of quick: 2]")
@click.option("--batch-size", type=click.IntRange(min=1), help="Images in each step.")
@click.option("--image-size", metavar="SIZE", help="Resize images to 64 pixels a side, or to 48x64, the height first.")
@click.option("--mirror/--no-mirror", default=None, help="Turn training images left to right at random.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the weights, the noise and the order of the data.")
@click.option("--run-dir", type=click.Path(path_type=Path), help="Run folder.  [default: runs/DATASET-(C)GAN-NNN]")
@click.option("--export-dir", type=click.Path(), help="Gets the next version.  [default: saved_models/DATASET-(C)GAN]")
@click.option("--resume", is_flag=True, help="Go on with the run in --run-dir as if it had never stopped.")
@click.option("--allow-changes", is_flag=True, help="Resume with other settings than the run had.")
@click.option(
    "--checkpoint-steps", type=click.IntRange(min=1), help="Also save every so many steps.  [default: after epochs]"
)
@click.option("--keep", type=click.IntRange(min=1), help="Checkpoints to keep.  [default: 3]")
@click.option(
    "--evaluate",
    is_flag=False,
    flag_value="classifier",
    metavar="[EXTRACTOR]",
    help="Measure samples during training, and keep the best model: checkpoints/best.keras. See `evaluate --help`.",
)
@click.option(
    "--watch",
    type=click.Choice(["warn", "stop", "rollback", "off"]),
    help="At collapse and other troubles: warn, stop, or go back with lower learning rates.  [default: warn]",
)
@click.option(
    "--deterministic", is_flag=True, default=None, help="With --epochs: same seed, same machine, same bits; slower."
)
@click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="Any setting that `presets` shows; `presets --explain` explains them.",
)
@click.option("--dry-run", is_flag=True, help="Show settings and networks, but train and write nothing.")
@import_option()
def train(
    run_dir: Path | None,
    preset_name: str | None,
    dry_run: bool,
    resume: bool,
    allow_changes: bool,
    settings: tuple[str, ...],
    epochs: int | None,
    minutes: float | None,
    **given: Any,
) -> None:
    """Train a GAN, or with --conditional a conditional GAN, and export it."""
    if resume and run_dir is None:
        raise click.UsageError("--resume needs the run folder: --run-dir DIR")
    if allow_changes and not resume:
        raise click.UsageError("--allow-changes goes with --resume")
    load_tensorflow()
    from keras_gan import presets
    from keras_gan.training import Options, Session, chosen_config, chosen_options, runs

    kept = {key: given.pop(key) for key in Options.model_fields if key in given}
    with contextlib.ExitStack() as held:
        with usage_errors():
            before = runs.read(run_dir) if resume and run_dir else None
            values = {key: value for key, value in given.items() if value is not None} | presets.pairs(settings)
            config = chosen_config(preset_name, before and before.config, values, epochs, minutes)
            options = chosen_options(before, kept)
            if dry_run:
                options = Options(**{**options.model_dump(), "evaluate": None})
            session = Session(config, run_dir, options=options, resume=resume, allow_changes=allow_changes)
            if dry_run:
                _show(session)
                return
            session.export_to(options.export_dir or Path("saved_models") / session.title)
            held.enter_context(session.locked())
        if session.changed:
            click.echo(f"Changed: {session.changes}")
        _train(session)


def _train(session):
    from keras_gan import callbacks
    from keras_gan.callbacks.health import HEALTHY
    from keras_gan.training import InTrouble

    try:
        session.train()
    except callbacks.Interrupted as stop:
        name = signal.Signals(stop.signum).name
        message = f"Stopped at step {int(session.model.step):,} by {name}, all is saved."
        raise _stopped(session, message, stop.signum) from None
    except KeyboardInterrupt:
        newest = session.checkpoint.newest()
        message = f"Interrupted. The last checkpoint is {newest}." if newest else "Interrupted before a checkpoint."
        raise _stopped(session, message, signal.SIGINT) from None
    except callbacks.Diverged as error:
        raise click.ClickException(f"{error}. {session.checkpoint.newest()} can be used; try other settings") from None
    except InTrouble as error:
        raise click.ClickException(str(error)) from None
    if session.exported:
        _say_where(session)
        if session.state != HEALTHY:
            click.echo(f"Warning: at the end the game was in trouble, {session.state}: look at the samples first")


def _say_where(session):
    folder, names, best = session.folder, session.data.class_names, session.checkpoint.best
    label = f" --label {shlex.quote(names[min(7, len(names) - 1)])}" if session.model.num_classes else ""
    click.echo(f"\nRun folder   {folder}")
    click.echo(f"Samples      {max((folder / 'samples').glob('*.png'))}")
    if best is not None:
        click.echo(f"Best         {folder / 'checkpoints' / 'best.keras'}, FCD {best:.2f}")
    served = "" if session.exported.name == "1" else ", which a server takes up in place of the version before"
    click.echo(f"SavedModel   {session.exported}{served}")
    click.echo(f"Sample it    {program()} generate {shlex.quote(str(folder))} --num 64{label} --output samples.png")


def _stopped(session, message, signum):
    command = f"{program()} train --resume --run-dir {shlex.quote(str(session.folder))}"
    click.echo(f"\n{message}\nGo on with   {command}", err=True)
    return click.exceptions.Exit(128 + signum)


def _show(session):
    echo_settings(session.config)
    for network in (session.model.discriminator, session.model.generator):
        click.echo(f"\n{network.name}: {network.count_params():,} parameters")
        network.summary(print_fn=click.echo, expand_nested=True)
