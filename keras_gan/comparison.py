"""Ways to train side by side: the same data, budget and seeds, each run in a process of its own.

python -m keras_gan.comparison RUN_FOLDER       # one run, as `compare` starts it
"""

import dataclasses
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

EPOCH_STEPS = 250
# Training images that samples are compared with: all of a large dataset would take longer than the training.
REFERENCE = 10_000
PLAN, RESULT, LOG = "plan.json", "result.json", "log.txt"


@dataclasses.dataclass(frozen=True)
class Run:
    """One training of a comparison.

    Attributes:
        name: of the way to train.
        config: settings, as `presets.Config` has them; `epochs` of 250 steps or `minutes` are the budget.
        num: samples to measure.
    """

    name: str
    config: dict
    num: int


def settings(text: str, base=None):
    """The settings that a short text stands for.

    Args:
        text: a preset, or a generator and a discriminator such as `mlp/dcgan`; then, after a colon, more settings:
            `dcgan:loss=hinge,r1=0.1`.
        base: `presets.Config` that a pair of networks changes; the preset `dcgan` when `None`.

    Returns:
        `presets.Config`.

    Raises:
        ValueError: if a name or a value is unknown.
    """
    from keras_gan import presets

    name, _, changes = text.partition(":")
    pairs = [change.partition("=") for change in changes.split(",") if change]
    for key, equals, _ in pairs:
        if not equals:
            raise ValueError(f"settings after the colon are KEY=VALUE, got {key!r} in {text!r}")
    if "/" in name:
        generator, _, discriminator = name.partition("/")
        networks = {"generator": generator, "discriminator": discriminator}
        config = presets.override(base or presets.preset("dcgan"), networks)
    else:
        config = presets.preset(name)
    return presets.override(config, {key.strip(): value for key, _, value in pairs})


def start(run: Run, folder: Path) -> dict:
    """Trains and measures in a process of its own, or goes on with it, or reads what came of it before.

    Args:
        run: what to train.
        folder: gets samples, history, checkpoints, `log.txt` and `result.json`.

    Returns:
        what `measure` returns; of a run that failed `{"failure": ...}`, which is tried again the next time.
    """
    result = folder / RESULT
    if not result.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / PLAN).write_text(json.dumps(dataclasses.asdict(run)))
        with open(folder / LOG, "a") as log:
            done = subprocess.run(
                [sys.executable, "-m", "keras_gan.comparison", str(folder)],
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            lines = (folder / LOG).read_text(errors="replace").strip().splitlines()
            return {"failure": lines[-1] if lines else f"status {done.returncode}"}
    return json.loads(result.read_text())


def work(folder: Path) -> None:
    """Trains and measures the run of a folder, and writes `result.json`."""
    from keras_gan import callbacks, datasets, presets

    run = Run(**json.loads((folder / PLAN).read_text()))
    config = presets.Config(**run.config)
    data = datasets.load(config.dataset, image_size=config.image_size)
    gan = presets.build(config, data.image_shape, data.num_classes)
    clock = callbacks.TimeLimit(config.minutes or float("inf"))
    checkpoint = callbacks.Checkpoint(folder / "checkpoints", keep=1)
    rollback = callbacks.Rollback(checkpoint)
    batch = next(data.batches(min(512, len(data)), config.seed).as_numpy_iterator())
    watch = callbacks.HealthMonitor(*batch) if isinstance(batch, tuple) else callbacks.HealthMonitor(batch)
    adaptive = [callbacks.AdaptiveAugmentation()] if config.adaptive_augmentation else []
    checkpoint.stateful = [rollback, clock, watch, *adaptive]
    checkpoint.restore(gan)
    failure = None
    try:
        gan.fit(
            data.batches(config.batch_size, config.seed, start_step=int(gan.step)),
            epochs=config.epochs or 10**6,
            steps_per_epoch=EPOCH_STEPS,
            shuffle=False,
            verbose=0,
            callbacks=[
                *checkpoint.stateful,
                callbacks.Progress(),
                callbacks.SampleImages(folder / "samples"),
                callbacks.CSVHistory(folder / "history.csv"),
                checkpoint,
            ],
        )
    except callbacks.Diverged as error:
        failure = str(error)
        checkpoint.restore(gan)
    result = {"failure": failure, "state": watch.state, "minutes": clock.elapsed, **measure(gan, config, data, run.num)}
    aside = folder / f".{RESULT}.part"
    aside.write_text(json.dumps(result, indent=2) + "\n")
    aside.replace(folder / RESULT)


def measure(gan, config, data, num: int) -> dict:
    """Quality and cost of a trained model.

    Returns:
        `figures`, each with `samples`, `real` and `better` as `metrics.Figure` has them; `steps`; `parameters` and
        `flops`, of a forward pass of one image, of generator and discriminator; `generated_per_second` in batches of
        256; `peak_memory`, MiB of the process.
    """
    import numpy as np

    from keras_gan import datasets, metrics

    test = datasets.load_held_out(config.dataset, config.image_size) or data
    labels = metrics.draw_labels(data, num, config.seed) if gan.num_classes else None
    gan.generate(min(num, 256), labels=None if labels is None else labels[:256])
    begun = time.monotonic()
    images = gan.generate(num, labels=labels)
    took = time.monotonic() - begun
    rows = np.sort(np.random.default_rng(0).permutation(len(data))[:REFERENCE])
    reference = dataclasses.replace(
        data, images=data.images[rows], labels=None if data.labels is None else data.labels[rows]
    )
    figures = {}
    if not (images == images[0]).all():
        extractor = metrics.dataset_classifier(data)
        report = metrics.evaluate(reference, test, images, labels, extractor, with_cas=False)
        figures = {
            figure.name: {"samples": figure.samples, "real": figure.real, "better": figure.better}
            for figure in report.figures
        }
    networks = (gan.generator, gan.discriminator)
    return {
        "figures": figures,
        "steps": int(gan.step),
        "parameters": [network.count_params() for network in networks],
        "flops": [flops(network) for network in networks],
        "generated_per_second": num / took,
        "peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def flops(network) -> int:
    """Floating-point operations of a forward pass of one sample, as TensorFlow's profiler counts them."""
    import tensorflow as tf

    shapes = [tf.TensorSpec((1, *tensor.shape[1:]), "float32") for tensor in network.inputs]

    @tf.function(autograph=False)
    def call(*inputs):
        return network(list(inputs) if len(inputs) > 1 else inputs[0], training=False)

    graph = call.get_concrete_function(*shapes).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    return tf.compat.v1.profiler.profile(graph, options=options).total_float_ops


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    work(Path(sys.argv[1]))
