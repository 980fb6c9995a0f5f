"""Ways to train side by side: the same data, budget and seeds, each run in a process of its own.

python -m keras_gan.comparison RUN_FOLDER       # one run, as `compare` starts it
"""

import csv
import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path

# A pass over a small dataset is over in a second; an epoch, with its pictures and checkpoint, should not be.
EPOCH_STEPS = 250
# Training images that samples are compared with: all of a large dataset would take longer than the training.
REFERENCE = 10_000
# Images that samples are compared with after an epoch: the time budget leaves out what would take too long.
EVALUATION_BATCH, EVALUATION_BATCHES = 250, 8
PLAN, RESULT, LOG = "plan.json", "result.json", "log.txt"


@dataclasses.dataclass(frozen=True)
class Run:
    """One training of a comparison.

    Attributes:
        name: of the way to train.
        config: settings, as `presets.Config` has them; `epochs` of 250 steps or `minutes` are the budget.
        num: samples to measure.
        extractor: as `metrics.named_extractor` takes it.
        with_curve: whether samples are measured after each epoch too, in at most a tenth of the time.
    """

    name: str
    config: dict
    num: int
    extractor: str = "classifier"
    with_curve: bool = False


def settings(text: str, base=None, common=None):
    """The settings that a short text stands for.

    Args:
        text: a preset, or a generator and a discriminator such as `mlp/dcgan`; then, after a colon, more settings:
            `dcgan:loss=hinge,r1=0.1`.
        base: `presets.Config` that a pair of networks changes; the preset `dcgan` when `None`.
        common: dict of settings that give way to those of the text.

    Returns:
        `presets.Config`.

    Raises:
        ValueError: if a name or a value is unknown.
    """
    from keras_gan import presets

    name, _, changes = text.partition(":")
    if "/" in name:
        generator, _, discriminator = name.partition("/")
        networks = {"generator": generator, "discriminator": discriminator}
        config = presets.override(base or presets.preset("dcgan"), networks)
    else:
        config = presets.preset(name)
    return presets.override(config, {**(common or {}), **presets.pairs(part for part in changes.split(",") if part)})


def start(run: Run, folder: Path) -> dict:
    """Trains and measures in a process of its own, or goes on with it, or reads what came of it before.

    Args:
        run: what to train.
        folder: gets samples, history, checkpoints, `log.txt` and `result.json`.

    Returns:
        what `work` writes; of a run that failed `{"failure": ...}`, which is tried again the next time.

    Raises:
        ValueError: if the folder holds another run.
    """
    plan = json.loads(json.dumps(dataclasses.asdict(run)))
    if (folder / PLAN).exists() and json.loads((folder / PLAN).read_text()) != plan:
        raise ValueError(f"{folder} holds a run with other settings: take another folder, or delete it")
    result = folder / RESULT
    if not result.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / PLAN).write_text(json.dumps(plan, indent=2))
        with open(folder / LOG, "a") as log:
            command = [sys.executable, "-m", "keras_gan.comparison", str(folder)]
            done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            lines = (folder / LOG).read_text(errors="replace").strip().splitlines()
            return {"failure": lines[-1].removeprefix("ValueError: ") if lines else f"status {done.returncode}"}
    return json.loads(result.read_text())


def work(folder: Path) -> None:
    """Trains and measures the run of a folder, and writes `result.json`.

    It holds what `measure` returns, and `failure`, `None` or why training ended early; `state`, what the watch called
    the game at the end; `minutes` of training; `curve`, pairs of minutes and the Fréchet distance then;
    `trained_per_second`, images, the first epoch left out where there are more.
    """
    from keras_gan import runs

    with runs.lock(folder):
        _work(folder, Run(**json.loads((folder / PLAN).read_text())))


def _work(folder, run):
    from keras_gan import callbacks, datasets, metrics, presets, pretrained

    config = presets.Config(**run.config)
    data, test, _ = datasets.load_with_held_out(config.dataset, config.image_size)
    extractor = metrics.named_extractor(run.extractor, data)
    curve = [metrics.FrechetDistance(extractor)] if run.with_curve else []
    gan = presets.build(config, data.image_shape, data.num_classes, curve, EPOCH_STEPS)
    clock = callbacks.TimeLimit(config.minutes or float("inf"))
    checkpoint = callbacks.Checkpoint(folder / "checkpoints", keep=1)
    watch = callbacks.HealthMonitor(*data.draw(512, config.seed))
    checkpoint.stateful = [callbacks.Rollback(checkpoint), clock, watch]
    if config.adaptive_augmentation:
        checkpoint.stateful.append(callbacks.AdaptiveAugmentation())
    if checkpoint.restore(gan) is None and config.pretrained:
        pretrained.load_by_path(gan, config.pretrained)
    failure = None
    try:
        gan.fit(
            data.batches(config.batch_size, config.seed, start_step=int(gan.step)),
            epochs=config.epochs or 10**6,
            steps_per_epoch=EPOCH_STEPS,
            shuffle=False,
            verbose=0,
            callbacks=[
                *([evaluation(test, config.seed)] if run.with_curve else []),
                *checkpoint.stateful,
                _minutes(clock),
                callbacks.Progress(),
                callbacks.SampleImages(folder / "samples"),
                callbacks.CSVHistory(folder / "history.csv"),
                checkpoint,
            ],
        )
    except callbacks.Diverged as error:
        failure = str(error)
        checkpoint.restore(gan)
    with open(folder / "history.csv") as file:
        history = list(csv.DictReader(file))
    minutes = [float(row["minutes"]) for row in history]
    first = 0.0 if len(minutes) < 2 else minutes[0]
    images = config.batch_size * (int(gan.step) - (0 if len(minutes) < 2 else EPOCH_STEPS))
    result = {
        "failure": failure,
        "state": watch.state,
        "minutes": clock.elapsed,
        "trained_per_second": images / (60.0 * (minutes[-1] - first)) if minutes else 0.0,
        "curve": [
            (float(row["minutes"]), float(row["val_fcd"])) for row in history if row.get("val_fcd", "NA") != "NA"
        ],
        **measure(gan, data, test, extractor, run.num, config.seed),
    }
    aside = folder / f".{RESULT}.part"
    aside.write_text(json.dumps(result, indent=2) + "\n")
    aside.replace(folder / RESULT)


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
    import numpy as np

    from keras_gan import metrics

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


def peak_memory() -> float | None:
    """The most memory that this process has had, MiB; `None` where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows has none.
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def flops(network) -> int:
    """Floating-point operations of a forward pass of one sample, as TensorFlow's profiler counts them.

    Of a mixture, those of the mean member: one makes each sample.
    """
    import tensorflow as tf

    from keras_gan.layers import ChosenRows, packing_of

    batch, chosen = packing_of(network), 0
    if any(isinstance(layer, ChosenRows) for layer in network.layers):
        # How many rows a member gets is not known, so the profiler leaves it out.
        members = [layer for layer in network.layers if layer.name.startswith("member_")]
        chosen = sum(map(flops, members)) // len(members)
    shapes = [tf.TensorSpec((batch, *tensor.shape[1:]), "float32") for tensor in network.inputs]

    @tf.function(autograph=False)
    def call(*inputs):
        return network(list(inputs) if len(inputs) > 1 else inputs[0], training=False)

    graph = call.get_concrete_function(*shapes).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    return tf.compat.v1.profiler.profile(graph, options=options).total_float_ops // batch + chosen


def evaluation(held_out, seed: int):
    """The `callbacks.Evaluation` that looks at samples while training, beside held-out images."""
    from keras_gan import callbacks

    batch_size = min(EVALUATION_BATCH, len(held_out))
    batches = held_out.batches(batch_size, seed)
    return callbacks.Evaluation(batches, min(EVALUATION_BATCHES, held_out.steps(batch_size)))


def _minutes(clock):
    import keras

    return keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(minutes=clock.elapsed))


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    work(Path(sys.argv[1]))
