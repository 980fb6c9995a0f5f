"""`train`: from settings to a run folder and a SavedModel."""

import contextlib
import dataclasses
import math
import shlex
import signal
from pathlib import Path

import click

from keras_gan.cli.common import check_writable, echo_settings, load_tensorflow, make_extractor, program, usage_errors
from keras_gan.comparison import EPOCH_STEPS

KEEP = 3
# Images that the watch compares samples with.
WATCHED = 512


@click.command()
@click.option("--dataset", metavar="NAME|FOLDER", help="digits (the default), a TFDS image dataset, or a folder.")
@click.option("--conditional/--unconditional", default=None, help="Learn to draw a given class, or not (the default).")
@click.option("--preset", "preset_name", metavar="NAME", help="See `presets`.  [dcgan]")
@click.option(
    "--epochs", type=click.IntRange(min=1), help="Stop after so many epochs, each a pass and 250 steps at least."
)
@click.option(
    "--minutes", type=click.FloatRange(min=0, min_open=True), help="Stop after so many minutes.  [preset's; dcgan: 2]"
)
@click.option("--batch-size", type=click.IntRange(min=1), help="Images a step.")
@click.option("--seed", type=click.IntRange(min=0), help="Chooses weights, noise and order of the data.")
@click.option("--run-dir", type=click.Path(path_type=Path), help="Where the run goes.  [runs/DATASET-(C)GAN-NNN]")
@click.option(
    "--export-dir", type=click.Path(path_type=Path), help="Gets the next version.  [saved_models/DATASET-(C)GAN]"
)
@click.option("--resume", is_flag=True, help="Go on with the run in --run-dir as if it had never stopped.")
@click.option("--allow-changes", is_flag=True, help="Resume with other settings than the run had.")
@click.option(
    "--checkpoint-steps", type=click.IntRange(min=1), help="Also save every so many steps.  [after each epoch]"
)
@click.option("--keep", type=click.IntRange(min=1), help="Checkpoints to keep.  [3]")
@click.option(
    "--evaluate",
    is_flag=False,
    flag_value="classifier",
    metavar="[EXTRACTOR]",
    help="Measure samples while training, and keep the best: checkpoints/best.keras. See `evaluate --help`.",
)
@click.option(
    "--watch",
    type=click.Choice(["warn", "stop", "rollback", "off"]),
    help="At collapse and other troubles: say so, end, or go back with lower learning rates.  [warn]",
)
@click.option(
    "--deterministic", is_flag=True, default=None, help="With --epochs: same seed, same machine, same bits; slower."
)
@click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="Any setting that `presets` shows (docs/own.md says where each is explained).",
)
@click.option("--dry-run", is_flag=True, help="Show settings and networks, train nothing, write nothing.")
def train(
    run_dir, export_dir, resume, allow_changes, checkpoint_steps, keep, evaluate, watch, deterministic, dry_run, **given
):
    """Train a GAN, or with --conditional a conditional GAN, and export it."""
    if resume and run_dir is None:
        raise click.UsageError("--resume needs the run folder: --run-dir DIR")
    if allow_changes and not resume:
        raise click.UsageError("--allow-changes goes with --resume")
    load_tensorflow()
    from keras_gan import datasets, presets, runs

    with contextlib.ExitStack() as held:
        with usage_errors():
            old = runs.read(run_dir) if resume else None
            if resume:
                held.enter_context(runs.lock(run_dir))
            elif run_dir:
                runs.check_new(run_dir)
            config = _config(old and presets.Config(**old.config), **given)
            options = {
                "export_dir": export_dir and str(export_dir),
                "checkpoint_steps": checkpoint_steps,
                "keep": keep,
                "evaluate": evaluate,
                "watch": watch,
                "deterministic": deterministic,
            }
            if old:
                options = {key: old.options.get(key) if value is None else value for key, value in options.items()}
            if options["deterministic"]:
                config = _make_deterministic(config)
            data = datasets.load(config.dataset, image_size=config.image_size)
            config = dataclasses.replace(config, precision=presets.resolve_precision(config.precision))
            data.steps(config.batch_size)  # Raises if the size does not fit.
            title = f"{data.name}-{'cgan' if config.conditional else 'gan'}"
            options["export_dir"] = options["export_dir"] or str(Path("saved_models") / title)
            check_writable(options["export_dir"])
            record = runs.Record(dataclasses.asdict(config), _describe(data), runs.versions(), options)
            changed = runs.changes(old, record) if resume else {}
            if changed and not allow_changes:
                raise ValueError(
                    f"the run had other settings: {_list(changed)}; leave them out to go on as before, or change them "
                    "with --allow-changes"
                )
            metrics, held_out = _measuring(None if dry_run else options["evaluate"], data, config)
            gan = presets.build(config, data.image_shape, data.num_classes, metrics, _epoch_steps(data, config))
            if config.pretrained and not resume:
                _load_pretrained(gan, config.pretrained)
            if dry_run:
                _show(config, gan)
                return
            if not resume:
                run_dir = runs.new_folder(run_dir, title)
                held.enter_context(runs.lock(run_dir))
        if changed:
            click.echo(f"Changed: {_list(changed)}")
        if resume and old.versions != record.versions:
            click.echo(f"Note: the run was begun with {old.versions}, and now has {record.versions}: expect other bits")
        _train(gan, data, held_out, config, record, run_dir, resume, changed)


def _train(gan, data, held_out, config, record, run_dir, resume, changed):
    from keras_gan import callbacks, checkpoints, updates
    from keras_gan.callbacks.health import HEALTHY

    checkpoint = callbacks.Checkpoint(
        run_dir / "checkpoints",
        record.options["checkpoint_steps"],
        record.options["keep"] or KEEP,
        # Always of as many images, so that its bias is the same each time, and far less noisy than KID.
        monitor="val_fcd" if gan.evaluation_metrics else None,
    )
    limit = callbacks.TimeLimit(config.minutes) if config.minutes else None
    rollback = callbacks.Rollback(checkpoint)
    adaptive = [callbacks.AdaptiveAugmentation()] if config.adaptive_augmentation else []
    watch = _watch(data, config, record.options["watch"] or "warn", rollback)
    checkpoint.stateful = [rollback, *([limit] if limit else []), *adaptive, *watch]
    history = run_dir / "history.csv"
    if resume and checkpoint.restore(gan) is None and history.exists() and history.stat().st_size:
        raise click.ClickException(f"cannot resume {run_dir}: its checkpoints are gone. Train anew in another folder")
    if resume:
        for player in ("discriminator", "generator"):
            if f"{player}_learning_rate" in changed:
                # A constant rate is in the checkpoint; a schedule is the config's already.
                updates.set_constant_rate(
                    getattr(gan, f"{player}_optimizer"), getattr(config, f"{player}_learning_rate")
                )

    is_over = checkpoint.epoch >= (config.epochs or math.inf) or (limit and limit.elapsed >= limit.minutes)
    model = run_dir / "model.keras"
    if is_over and checkpoints.are_same(model, checkpoint.newest()):
        click.echo(
            f"{run_dir} is complete, with {int(gan.step):,} steps. Give --epochs or --minutes to train it further."
        )
        return
    record.write(run_dir)
    try:
        if not is_over:
            # Of an earlier end, and a copy of its checkpoint: it must not pass for the end of this training.
            model.unlink(missing_ok=True)
            _fit(gan, data, held_out, config, run_dir, limit, checkpoint)
        troubled = [monitor for monitor in watch if monitor.state != HEALTHY]
        for monitor in troubled:
            if monitor.action == "stop":
                raise click.ClickException(
                    f"the game is in trouble, {monitor.state}, so nothing was exported. {checkpoint.newest()} is the "
                    "end of it; try other settings, in a new run or with --resume --allow-changes"
                )
        _finish(gan, checkpoint, record, run_dir)
        for monitor in troubled:
            click.echo(f"Warning: at the end the game was in trouble, {monitor.state}: look at the samples first")
    except callbacks.Interrupted as stop:
        name = signal.Signals(stop.signum).name
        raise _stopped(run_dir, f"Stopped at step {int(gan.step):,} by {name}, all is saved.", stop.signum) from None
    except KeyboardInterrupt:
        message = f"Interrupted. The last checkpoint is {checkpoint.newest()}."
        raise _stopped(run_dir, message, signal.SIGINT) from None
    except callbacks.Diverged as error:
        raise click.ClickException(f"{error}. {checkpoint.newest()} is good; try other settings") from None


def _fit(gan, data, held_out, config, run_dir, limit, checkpoint):
    import keras

    from keras_gan import callbacks, comparison

    start = int(gan.step)
    click.echo(
        f"Training on {len(data):,} images of {'x'.join(map(str, data.image_shape))}, {config.precision}, in {run_dir}"
        + (f", from step {start:,}" if start else "")
    )
    if config.conditional and data.class_names != tuple(map(str, range(data.num_classes))):
        click.echo("Labels: " + ", ".join(f"{label} {name}" for label, name in enumerate(data.class_names)))
    with checkpoint.stop_on_signals(), _said_faults(run_dir, run_dir):
        gan.fit(
            data.batches(config.batch_size, config.seed, start_step=start),
            epochs=config.epochs or 10**6,
            steps_per_epoch=_epoch_steps(data, config),
            shuffle=False,
            verbose=0,
            callbacks=[
                *([comparison.evaluation(held_out, config.seed)] if held_out else []),
                *checkpoint.stateful,
                callbacks.Progress(limit),
                # After the progress bar, which has little room.
                callbacks.LearningRates(),
                callbacks.SampleImages(run_dir / "samples", run_dir / "logs"),
                callbacks.CSVHistory(run_dir / "history.csv"),
                keras.callbacks.TensorBoard(str(run_dir / "logs"), write_graph=False),
                checkpoint,
            ],
        )


def _epoch_steps(data, config):
    return max(data.steps(config.batch_size), EPOCH_STEPS)


def _watch(data, config, action, rollback):
    from keras_gan import callbacks

    if action == "off":
        return []
    with usage_errors():
        return [callbacks.HealthMonitor(*data.draw(WATCHED, config.seed), action=action, rollback=rollback)]


def _measuring(extractor, data, config):
    """Metrics for while training, and the images for them."""
    from keras_gan import datasets, metrics

    if not extractor:
        return [], None
    extractor = make_extractor(extractor, data)
    extractor.check(data.image_shape)
    held_out = datasets.load_held_out(data, config.dataset, config.image_size) or data
    return [metrics.KernelDistance(extractor), metrics.FrechetDistance(extractor)], held_out


def _finish(gan, checkpoint, record, run_dir):
    from keras_gan import checkpoints
    from keras_gan.export import export_next

    names = record.data["class_names"]
    with _said_faults(run_dir, record.options["export_dir"]):
        version = export_next(gan, record.options["export_dir"], names)
    with _said_faults(run_dir, run_dir):
        # Last, for it says that the run is complete.
        checkpoints.copy(checkpoint.newest(), run_dir / "model.keras")
    label = f" --label {shlex.quote(names[min(7, len(names) - 1)])}" if gan.num_classes else ""
    click.echo(f"\nRun folder   {run_dir}")
    click.echo(f"Samples      {max((run_dir / 'samples').glob('*.png'))}")
    if checkpoint.best is not None:
        click.echo(f"Best         {run_dir / 'checkpoints' / 'best.keras'}, FCD {checkpoint.best:.2f}")
    served = "" if version.name == "1" else ", which a server takes up in place of the version before"
    click.echo(f"SavedModel   {version}{served}")
    click.echo(f"Sample it    {program()} generate {shlex.quote(str(run_dir))} --num 64{label} --output samples.png")


def _stopped(run_dir, message, signum):
    click.echo(f"\n{message}\nGo on with   {_resume_command(run_dir)}", err=True)
    return click.exceptions.Exit(128 + signum)


def _config(old, preset_name, settings, dataset, conditional, epochs, minutes, batch_size, seed):
    """The settings asked for: those of a preset, or of the run that is resumed, with changes."""
    from keras_gan import presets

    changes = {"dataset": dataset, "conditional": conditional, "batch_size": batch_size, "seed": seed}
    changes = {key: value for key, value in changes.items() if value is not None}
    if epochs or minutes:
        changes |= {"epochs": epochs, "minutes": minutes}
    base = old if old and preset_name is None else presets.preset(preset_name or "dcgan")
    config = presets.override(dataclasses.replace(base, **changes), presets.pairs(settings))
    if not config.epochs and not config.minutes:
        raise ValueError("the run would never end: give --epochs or --minutes")
    if old and config.precision == "auto":
        config = dataclasses.replace(config, precision=old.precision)
    return config


def _load_pretrained(gan, text):
    from keras_gan import pretrained

    for report in pretrained.load_by_path(gan, text):
        click.echo(f"Pretrained: {report}")


def _make_deterministic(config):
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    # What `auto` measures may come out differently another time.
    return dataclasses.replace(config, precision=config.precision.replace("auto", "float32"))


def _show(config, gan):
    echo_settings(config)
    for network in (gan.discriminator, gan.generator):
        click.echo(f"\n{network.name}: {network.count_params():,} parameters")
        network.summary(print_fn=click.echo, expand_nested=True)


def _describe(data):
    return {
        "images": len(data),
        "image_shape": data.image_shape,
        "class_names": data.class_names,
        "fingerprint": data.fingerprint,
    }


def _list(changed):
    return ", ".join(f"{key} {old} -> {new}" for key, (old, new) in changed.items())


def _resume_command(run_dir):
    return f"{program()} train --resume --run-dir {shlex.quote(str(run_dir))}"


@contextlib.contextmanager
def _said_faults(run_dir, written):
    """Says in one line what happened to the folder that was written to."""
    import tensorflow as tf

    from keras_gan import runs

    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        if not runs.is_run(run_dir):
            raise click.ClickException(f"the run folder {run_dir} was deleted or moved during the training") from error
        full = ("No space left", "File too large", "quota")
        if any(words in str(error) for words in full):
            raise click.ClickException(
                f"cannot write to {written}: the disk is full, or a limit reached. Make room, then go on with "
                f"{_resume_command(run_dir)}"
            ) from error
        raise
