"""Whether the watch names trouble, and keeps silent where there is none.

    python benchmarks/health.py                                      # digits
    TFDS_DATA_DIR=... python benchmarks/health.py --dataset mnist

Runs that are sabotaged, with the step at which `callbacks.HealthMonitor` first names a trouble and what it calls it;
and healthy runs, in which every name is a false alarm.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import io
import logging

import click
import keras
import numpy as np
from keras import layers

import keras_gan as kg
from keras_gan.callbacks.health import HEALTHY, HealthMonitor

WASSERSTEIN = {"loss": "wasserstein", "r1": "0"}
SABOTAGE = {
    "discriminator's rate x 20": ("dcgan", {"discriminator_learning_rate": "0.04"}),
    "generator's rate x 20": ("dcgan", {"generator_learning_rate": "0.04"}),
    "Wasserstein without a penalty": ("dcgan", WASSERSTEIN),
    "one class only, from halfway on": ("dcgan", {"conditional": "false"}),
    "batch normalisation with R1": ("dcgan", {}),
}
HEALTHY_RUNS = {
    **{f"dcgan, seed {seed}": ("dcgan", {"seed": str(seed)}) for seed in range(3)},
    "dcgan, unconditional": ("dcgan", {"conditional": "false"}),
    "dcgan, Wasserstein, GP": ("dcgan", {**WASSERSTEIN, "gradient_penalty": "10"}),
    "dcgan, relativistic, R1 + R2": ("dcgan", {"loss": "relativistic", "r1": "1", "r2": "1"}),
    "dcgan, hinge, SN": ("dcgan", {"loss": "hinge", "r1": "0", "spectral_normalization": "true"}),
    "mlp": ("mlp", {}),
    "mlp, unconditional": ("mlp", {"conditional": "false"}),
    "cnn": ("cnn", {}),
}


class Names(keras.callbacks.Callback):
    """What a monitor before it in the list calls the game, when it changes."""

    def __init__(self, monitor):
        super().__init__()
        self.monitor, self.seen = monitor, []

    def on_train_batch_end(self, batch, logs=None):
        if not self.seen or self.seen[-1][1] != self.monitor.state:
            self.seen.append((int(self.model.step), self.monitor.state))


def batch_normalized(gan):
    """The same model with batch normalisation in its discriminator."""

    def copy(layer):
        return layer.__class__.from_config(layer.get_config())

    def then_normalize(layer, *args, **kwargs):
        outputs = layer(*args, **kwargs)
        is_hidden = isinstance(layer, layers.Conv2D) or layer.name == "dense"
        return layers.BatchNormalization()(outputs) if is_hidden else outputs

    network = keras.models.clone_model(gan.discriminator, clone_function=copy, call_function=then_normalize)
    changed = kg.GAN(gan.generator, network, seed=gan.seed)
    changed.compile(regularizers=[kg.regularizers.R1(0.3)])
    return changed


def play(data, title: str, preset: str, settings: dict, steps: int):
    """What the watch said: pairs of a step and a state."""
    constant = {f"{player}_schedule": "constant" for player in ("generator", "discriminator")}
    settings = {"conditional": "true", "dataset": data.name, **constant, **settings}
    config = kg.presets.preset(preset).replace(**settings)
    gan = kg.presets.build(config, data.image_shape, data.num_classes)
    if title == "batch normalisation with R1":
        gan = batch_normalized(gan)
    batches = data.batches(config.batch_size, config.seed)
    if title == "one class only, from halfway on":
        one = kg.datasets.from_arrays(data.images[data.labels == 3], data.labels[data.labels == 3])
        batches = batches.take(steps // 2).concatenate(one.batches(config.batch_size, config.seed))
    rows = np.random.default_rng(0).permutation(len(data))[:512]
    monitor = HealthMonitor(data.images[rows], data.labels[rows])
    names = Names(monitor)
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    logging.getLogger("keras_gan").addHandler(handler)
    gan.fit(batches, steps_per_epoch=steps, verbose=0, shuffle=False, callbacks=[monitor, names])
    logging.getLogger("keras_gan").removeHandler(handler)
    notice = [(0, "batch normalisation")] if said.getvalue().startswith("The discriminator has batch norm") else []
    return notice + [seen for seen in names.seen if seen[1] != HEALTHY]


@click.command()
@click.option("--dataset", default="digits", show_default=True)
@click.option("--steps", type=click.IntRange(min=1000), default=3000, show_default=True, help="Of 64 images, each run.")
def main(dataset, steps):
    """Prints a row for each run; ends with status 1 if a trouble was missed or there was a false alarm."""
    data = kg.datasets.load(dataset)
    wrong = 0
    for kind, runs in (("sabotaged", SABOTAGE), ("healthy", HEALTHY_RUNS)):
        print(f"\n{kind}, {steps:,} steps of {dataset}", flush=True)
        for title, (preset, settings) in runs.items():
            troubles = play(data, title, preset, settings, steps)
            wrong += bool(troubles) == (kind == "healthy")
            said = ", ".join(f"{state} at step {step:,}" for step, state in troubles) or "nothing"
            print(f"{title:36}{said}", flush=True)
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
