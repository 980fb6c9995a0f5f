"""`compare`: several ways to train, side by side."""

import contextlib
import datetime
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import click

from keras_gan import signals
from keras_gan.cli.common import MOST_SAMPLES, Positive, check_writable, import_option, load_tensorflow, usage_errors
from keras_gan.errors import UserError
from keras_gan.storage.files import write_json


@click.command()
@click.argument("entries", nargs=-1, required=True, metavar="NAME...")
@click.option("--dataset", metavar="NAME|FOLDER", default="digits", show_default=True, help="Data for all of them.")
@click.option("--conditional/--unconditional", default=False, help="Learn to draw a given class, or not (the default).")
@click.option("--seeds", type=click.IntRange(1, 1000), default=3, show_default=True, help="Runs of each NAME.")
@click.option("--minutes", type=Positive(), help="Budget of a run.  [default: 2]")
@click.option("--steps", type=click.IntRange(min=1), help="Budget of a run in steps, in place of minutes.")
@click.option("--images", type=click.IntRange(min=1), help="Budget of a run in images, rounded up to whole steps.")
@click.option(
    "--num",
    type=click.IntRange(min=100, max=MOST_SAMPLES),
    default=2000,
    show_default=True,
    help="Samples of each run to measure.",
)
@click.option(
    "--extractor",
    metavar="classifier|inception|squeezenet|NAME|FILE.keras",
    default="classifier",
    show_default=True,
    help="Source of features, as for evaluate.",
)
@click.option("--quality", type=Positive(), help="Also report when each reached this Fréchet distance.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="A setting for all of them.")
@click.option(
    "--output", type=click.Path(path_type=Path), required=True, help="Folder; runs that it holds are not repeated."
)
@import_option(exposed=True)
def compare(
    entries: tuple[str, ...],
    dataset: str,
    conditional: bool,
    seeds: int,
    num: int,
    extractor: str,
    quality: float | None,
    settings: tuple[str, ...],
    output: Path,
    imports: tuple[Path, ...],
    **budget: Any,
) -> None:
    """Train in several ways on equal terms, and write results.json and report.html.

    NAME is a preset (dcgan) or a generator and a discriminator (mlp/dcgan); several networks of one player are joined
    by + (dcgan+dcgan/dcgan). Settings of its own follow after a colon: dcgan:loss=hinge,r1=0.1
    """
    check_writable(output)
    load_tensorflow()
    from keras_gan import comparison, datasets, metrics, presets
    from keras_gan.training import runs

    with usage_errors():
        given = {key: value for key, value in budget.items() if value}
        if len(given) > 1:
            raise UserError(f"give only one budget: --{' or --'.join(given)}")
        if len(set(entries)) < len(entries):
            raise UserError(f"two of the names are the same: {max(entries, key=entries.count)}")
        common, configs = presets.pairs(settings), {}
        precision = _precision_before(output) or presets.resolve_precision("auto")
        for name in entries:
            config = comparison.settings(name, common=common)
            if config.precision == "auto":
                config = config.replace(precision=precision)
            budget = _limit(config.batch_size, **given)
            configs[name] = config.replace(dataset=dataset, conditional=conditional, **budget)
        sources = [(config.hold_out, config.reading()) for config in configs.values()]
        if any(source != sources[0] for source in sources):
            raise UserError(
                "all are trained on the same images: give hold_out and what is said of images to all, with --set"
            )
        data, held_out, held_out_from = datasets.load_with_held_out(dataset, sources[0][0], **sources[0][1])
        if held_out is None:
            raise UserError("samples are measured beside held-out images: leave out hold_out=0")
        if conditional and not data.num_classes:
            raise UserError(f"{dataset} has no labels: compare with --unconditional")
        metrics.named_extractor(extractor, data).check(data.image_shape)
    about = {
        "conditions": _conditions(dataset, len(data), conditional, seeds, num, extractor, given, held_out_from),
        "precision": precision,
    }
    # All ways run with one seed before any runs with the next, so that a machine that slows down hurts all of them.
    plans = [
        (
            seed,
            output / "runs" / f"{number:02d}-seed-{seed}",
            comparison.Run(name, _with_seed(config, seed), num, extractor, True),
        )
        for seed in range(seeds)
        for number, (name, config) in enumerate(configs.items(), 1)
    ]
    output.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        with usage_errors():
            stack.enter_context(runs.held(runs.lock_of(output)))
        rows = _run_all(plans, configs, output, about, _title(entries, dataset), quality, imports)
    _show(rows)
    warnings = [warning for results in rows.values() for result in results for warning in result.get("warnings", ())]
    for warning in dict.fromkeys(warnings):
        click.echo(f"Warning: {warning}")
    click.echo(f"\nResults      {output / 'results.json'}\nReport       {output / 'report.html'}")
    failed = sum("figures" not in result for results in rows.values() for result in results)
    if failed:
        raise click.ClickException(f"{failed} of {len(plans)} runs failed: the same command tries them again")


def _run_all(plans, configs, output, about, title, quality, imports):
    """Runs all plans, writes the results after each, and returns them by name."""
    from keras_gan import comparison
    from keras_gan.comparison import report

    rows, folders = {}, {}
    _write_results(output, about, configs, rows)
    for count, (seed, folder, run) in enumerate(plans, 1):
        click.echo(f"[{count}/{len(plans)}] {run.name}, seed {seed}: ", nl=False)
        with _exit_on_signals():
            result = comparison.start(run, folder, imports)
        rows.setdefault(run.name, []).append(result)
        folders.setdefault(run.name, folder / comparison.RUN)
        click.echo(_said(result))
        _write_results(output, about, configs, rows)
        left = len(plans) - count
        unfinished = f"Unfinished: {left} of {len(plans)} runs are to come. " if left else ""
        report.write(output / "report.html", title, unfinished + about["conditions"], rows, folders, quality)
    return rows


def _with_seed(config, seed):
    return config.replace(seed=config.seed + seed).by_key()


def _title(entries, dataset):
    return " against ".join(entries) if len(entries) <= 3 else f"{len(entries)} ways to train on {Path(dataset).name}"


def _limit(batch_size, minutes=None, steps=None, images=None):
    """Returns the settings that end a run. Epochs are short, so that a curve over them has several points."""
    from keras_gan.training import EPOCH_STEPS

    if images:
        steps = -(-images // batch_size)  # Whole numbers, of any size, are divided without floats.
    if not steps:
        return {"epochs": None, "minutes": minutes or 2.0, "epoch_steps": EPOCH_STEPS}
    return {"epochs": -(-steps // EPOCH_STEPS), "minutes": None, "epoch_steps": min(steps, EPOCH_STEPS)}


def _precision_before(output):
    """Returns the precision that `auto` chose when this comparison began, since it may choose another one now."""
    path = output / "results.json"
    return json.loads(path.read_text()).get("precision") if path.exists() else None


def _conditions(dataset, size, conditional, seeds, num, extractor, given, held_out_from):
    from keras_gan.training import runs

    budget = " ".join(f"{value:,} {key}" for key, value in (given or {"minutes": 2.0}).items())
    kind = "conditional" if conditional else "unconditional"
    drawn = "seed 0" if seeds == 1 else f"seeds 0 to {seeds - 1}: means, with the smallest and the largest"
    made_by = ", ".join(f"{name} {version}" for name, version in runs.versions().items())
    return (
        f"{dataset}, {size:,} images, {kind}; {budget} a run, {drawn}. {num:,} samples beside held-out images "
        f"({held_out_from}), by the features of: {extractor}. {made_by}, {os.cpu_count()} cores of "
        f"{platform.machine()}, {datetime.date.today()}."
    )


def _said(result):
    if not result.get("figures"):
        return f"failed: {result['failure']}"
    name = next(iter(result["figures"]))
    failure = f"; {result['failure']}" if result["failure"] else ""
    return f"{name} {result['figures'][name]['samples']:.3g}, {result['minutes']:.1f} minutes{failure}"


def _exit_on_signals():
    """Ends this process by an exception, so that the process that trains ends too; a plain signal would leave it."""
    return signals.handled(("SIGTERM", "SIGHUP"), lambda number, _: sys.exit(128 + number))


def _write_results(output, about, configs, rows):
    ways = [{"name": name, "config": config.by_key(), "runs": rows.get(name, [])} for name, config in configs.items()]
    write_json(output / "results.json", {**about, "rows": ways})


def _show(rows):
    from keras_gan.comparison import report

    titles, cells = report.table(rows)
    shown = [title for title in titles if title in report.FIGURES or title == "failed"]
    caption, real = report.real_figures(rows)
    width = max(map(len, [caption, *rows]))
    click.echo(f"\n{'':{width}}" + "".join(f"{title:>16}" for title in shown))
    texts = [f"{real[title]:.{report.FIGURES[title]}f}" if title in real else "" for title in shown]
    click.echo(f"{caption:{width}}" + "".join(f"{text:>16}" for text in texts))
    for name, line in zip(rows, cells):
        texts = [text.split(" <")[0] for (text, _), title in zip(line, titles) if title in shown]
        click.echo(f"{name:{width}}" + "".join(f"{text:>16}" for text in texts))
