"""Trains and measures one run of a comparison, in a process of its own."""

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np

from keras_gan import callbacks, metrics, presets, signals
from keras_gan.comparison.cost import flops, peak_memory
from keras_gan.comparison.plan import LOG, PLAN, RESULT, RUN, Run
from keras_gan.datasets import ImageDataset
from keras_gan.errors import UserError
from keras_gan.storage.files import write_json
from keras_gan.training import Options, Session, runs
from keras_gan.types import StrPath

# Number of training images that samples are compared with. All of a large dataset would take longer than the training.
REFERENCE = 10_000


def start(run: Run, folder: Path, imports: Iterable[StrPath] = ()) -> dict:
    """Trains and measures a run in a process of its own.

    If the folder holds an unfinished run, training goes on; if it holds a finished one, only its result is read.

    Args:
        run: what to train.
        folder: folder that gets the run folder `run`, `log.txt` and `result.json`.
        imports: Python files that the process imports first, for what they register.

    Returns:
        the result that `work` writes. For a run that failed it is `{"failure": ...}`, and the next call tries again.

    Raises:
        UserError: if the folder holds a run with other settings.
    """
    plan = json.loads(json.dumps(dataclasses.asdict(run)))
    if (folder / PLAN).exists() and json.loads((folder / PLAN).read_text()) != plan:
        raise UserError(f"{folder} holds a run with other settings: take another folder, or delete it")
    result = folder / RESULT
    if not result.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / PLAN, plan)
        with open(folder / LOG, "a") as log:
            command = [sys.executable, "-m", "keras_gan.comparison", str(folder), *map(str, imports)]
            done = signals.run(command, stdout=log, stderr=subprocess.STDOUT)
        if done.returncode:
            lines = (folder / LOG).read_text(errors="replace").strip().splitlines()
            return {"failure": lines[-1] if lines else f"status {done.returncode}"}
    return json.loads(result.read_text())


def work(folder: Path) -> None:
    """Trains and measures the run of a folder, and writes `result.json`.

    The result holds what `measure` returns, and: `failure`, why training ended early, or `None`; `state`, the last
    state of the health monitor; `minutes` of training; `curve`, pairs of minutes and the Fréchet distance at that time;
    `trained_per_second`, images of training per second, as `_trained_per_second` counts them.

    Raises:
        UserError: if another process trains in the folder, or the settings do not fit the data.
    """
    run = Run(**json.loads((folder / PLAN).read_text()))
    session = Session(
        presets.Config(**run.config),
        folder / RUN,
        options=Options(keep=1, evaluate=run.extractor if run.with_curve else None, tensorboard=False),
        resume=runs.is_run(folder / RUN),
    )
    if session.held_out is None:
        raise UserError("no images are held out of the training to measure with: leave out hold_out=0")
    extractor = session.extractor or metrics.named_extractor(run.extractor, session.data)
    failure = None
    try:
        minutes = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: logs.update(minutes=session.clock.elapsed)
        )
        session.train([minutes])
    except callbacks.Diverged as error:
        failure = str(error)
        session.checkpoint.restore(session.model)
    result = {
        "failure": failure,
        "state": session.state,
        "minutes": session.clock.elapsed,
        "trained_per_second": _trained_per_second(session),
        "curve": [(row["minutes"], row["val_fcd"]) for row in session.history if row.get("val_fcd") is not None],
        **measure(session.model, session.data, session.held_out, extractor, run.num, session.config.seed),
    }
    write_json(folder / RESULT, result)


def _trained_per_second(session):
    """Returns images per second. If there are several epochs, it skips the first, which includes compiling the step."""
    minutes = [row["minutes"] for row in session.history]
    if not minutes:
        return 0.0
    first, left_out = (minutes[0], session.steps_per_epoch) if len(minutes) > 1 else (0.0, 0)
    return session.config.batch_size * (int(session.model.step) - left_out) / (60.0 * (minutes[-1] - first))


def measure(
    gan: keras.Model, data: ImageDataset, test: ImageDataset, extractor: metrics.Extractor, num: int, seed: int
) -> dict:
    """Measures quality and cost of a trained model.

    Args:
        gan: the `GAN`.
        data: images that it was trained on.
        test: held-out images.
        extractor: gives the features that are compared.
        num: number of samples.
        seed: seed of the labels that are drawn.

    Returns:
        a dict of `figures`, each with `samples`, `real` and `better` as in `metrics.Figure`; `warnings` about them;
        `held_out`, the largest number of real images in a figure; `steps`; `parameters` and `flops` (of a forward pass
        of one image) of generator and discriminator; `generated_per_second`, in batches of 256; `peak_memory` of the
        process in MiB, or `None` if it is not known.
    """
    labels = metrics.draw_labels(data, num, seed) if gan.num_classes else None
    gan.generate(min(num, 256), labels=None if labels is None else labels[:256])
    begun = time.monotonic()
    images = gan.generate(num, labels=labels)
    took = time.monotonic() - begun
    rows = np.sort(np.random.default_rng(0).permutation(len(data))[:REFERENCE])
    reference = data.take(rows)
    figures, warnings = {}, []
    if not (images == images[0]).all():
        report = metrics.evaluate(reference, test, images, labels, extractor, with_cas=False)
        figures = {
            figure.name: {"samples": figure.samples, "real": figure.real, "better": figure.better}
            for figure in report.figures
        }
        warnings = report.warnings
    networks = (gan.generator, gan.discriminator)
    return {
        "figures": figures,
        "warnings": warnings,
        "held_out": min(num, len(test)),
        "steps": int(gan.step),
        "parameters": [network.count_params() for network in networks],
        "flops": [flops(network) for network in networks],
        "generated_per_second": num / took,
        "peak_memory": peak_memory(),
    }
