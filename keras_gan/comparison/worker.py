"""Ways to train side by side: the same data, budget and seeds, each run in a process of its own."""

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np

from keras_gan import callbacks, metrics, presets
from keras_gan.comparison.cost import flops, peak_memory
from keras_gan.comparison.plan import LOG, PLAN, RESULT, RUN, Run
from keras_gan.errors import UserError
from keras_gan.storage.files import write_json
from keras_gan.training import Options, Session, runs

# Training images that samples are compared with: all of a large dataset would take longer than the training.
REFERENCE = 10_000


def start(run: Run, folder: Path) -> dict:
    """Trains and measures in a process of its own, or goes on with it, or reads what came of it before.

    Args:
        run: what to train.
        folder: gets the run folder `run`, `log.txt` and `result.json`.

    Returns:
        what `work` writes; of a run that failed `{"failure": ...}`, which is tried again the next time.

    Raises:
        UserError: if the folder holds another run.
    """
    plan = json.loads(json.dumps(dataclasses.asdict(run)))
    if (folder / PLAN).exists() and json.loads((folder / PLAN).read_text()) != plan:
        raise UserError(f"{folder} holds a run with other settings: take another folder, or delete it")
    result = folder / RESULT
    if not result.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / PLAN, plan)
        with open(folder / LOG, "a") as log:
            command = [sys.executable, "-m", "keras_gan.comparison", str(folder)]
            done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            lines = (folder / LOG).read_text(errors="replace").strip().splitlines()
            return {"failure": lines[-1] if lines else f"status {done.returncode}"}
    return json.loads(result.read_text())


def work(folder: Path) -> None:
    """Trains and measures the run of a folder, and writes `result.json`.

    It holds what `measure` returns, and `failure`, `None` or why training ended early; `state`, what the watch called
    the game at the end; `minutes` of training; `curve`, pairs of minutes and the Fréchet distance then;
    `trained_per_second`, images, the first epoch left out where there are more.

    Raises:
        UserError: if another process trains there, or the settings do not fit the data.
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
    """Images a second, the first epoch left out where there are more: it holds the compilation of the step."""
    minutes = [row["minutes"] for row in session.history]
    if not minutes:
        return 0.0
    first, left_out = (minutes[0], session.steps_per_epoch) if len(minutes) > 1 else (0.0, 0)
    return session.config.batch_size * (int(session.model.step) - left_out) / (60.0 * (minutes[-1] - first))


def measure(gan, data, test, extractor, num: int, seed: int) -> dict:
    """Quality and cost of a trained model.

    Args:
        gan: the `GAN`.
        data, test: `datasets.ImageDataset`, what it was trained on and held-out images.
        extractor: `metrics.Extractor`.
        num: samples.
        seed: of the labels that are drawn.

    Returns:
        `figures`, each with `samples`, `real` and `better` as `metrics.Figure` has them; `warnings` of these;
        `held_out`, how many real images at most; `steps`; `parameters` and `flops`, of a forward pass of one image, of
        both networks; `generated_per_second` in batches of 256; `peak_memory`, MiB of the process, `None` where it is
        not known.
    """
    labels = metrics.draw_labels(data, num, seed) if gan.num_classes else None
    gan.generate(min(num, 256), labels=None if labels is None else labels[:256])
    begun = time.monotonic()
    images = gan.generate(num, labels=labels)
    took = time.monotonic() - begun
    rows = np.sort(np.random.default_rng(0).permutation(len(data))[:REFERENCE])
    reference = dataclasses.replace(
        data, images=data.images[rows], labels=None if data.labels is None else data.labels[rows]
    )
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
