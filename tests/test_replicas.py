"""Callbacks, checkpoints, files and samples of a model that was made under a `tf.distribute` strategy."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import contextlib, json, os, signal, sys, warnings
from pathlib import Path
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras_gan as kg
from keras_gan import callbacks as own
signal.signal(signal.SIGINT, signal.default_int_handler)
folder = Path(sys.argv[1])
images = np.random.default_rng(0).integers(0, 255, (64, 8, 8, 1), "uint8")
data = kg.datasets.from_arrays(images)
network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(4)])

def make():
    keras.utils.set_random_seed(3)
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        generator = kg.networks.mlp_generator((8, 8, 1), latent_dim=4, units=(8,))
        discriminator = kg.networks.mlp_discriminator((8, 8, 1), units=(8,))
        gan = kg.GAN(generator, discriminator, kg.augmentation.Augmentation(("brightness",)), seed=1)
        schedule = keras.optimizers.schedules.PolynomialDecay(1e-2, 1)
        gan.compile(
            generator_optimizer=keras.optimizers.SGD(kg.optimizers.TimedSchedule(schedule)),
            discriminator_optimizer=keras.optimizers.SGD(1e-3, momentum=0.5),
            metrics=[kg.metrics.KernelDistance(kg.metrics.Extractor(network, "a network"))],
        )
    return gan

class At(keras.callbacks.Callback):
    def __init__(self, actions):
        super().__init__()
        self.actions = actions
    def on_train_batch_end(self, batch, logs=None):
        self.actions.get(int(self.model.step), lambda model: None)(self.model)

def poison(model):
    weight = model.generator.trainable_weights[0]
    weight.assign(weight * np.nan)

def interrupt(model):
    os.kill(os.getpid(), signal.SIGINT)

def train(gan, name, epochs, actions):
    checkpoint = own.Checkpoint(folder / name, every_steps=2, keep=9)
    rollback, adaptive = own.Rollback(checkpoint, patience=2), own.AdaptiveAugmentation(0.6, every=4, steps=50)
    monitor, limit = own.HealthMonitor(images[:32], every=4), own.TimeLimit(1e9)
    scheduler = own.LearningRateScheduler(lambda epoch: 1e-3, "discriminator")
    plateau = own.ReduceLROnPlateau("val_kid", 0.9, 1, player="discriminator", min_lr=5e-4)
    checkpoint.stateful = [rollback, adaptive, monitor, limit, scheduler, plateau]
    checkpoint.restore(gan)
    history = keras.callbacks.History()
    with contextlib.suppress(own.Interrupted), checkpoint.stop_on_signals():
        gan.fit(
            data.batches(8, seed=5, start_step=int(gan.step)),
            epochs=epochs, steps_per_epoch=6, shuffle=False, verbose=0,
            callbacks=[
                At(actions), own.Evaluation(data.batches(16, seed=0), 1, budget=1.0), *checkpoint.stateful,
                own.Progress(),
                own.LearningRates(), own.SampleImages(folder / "samples"), history,
                own.CSVHistory(folder / f"{name}.csv"), checkpoint,
            ],
        )
    return rollback, monitor

def everything(gan):
    parts = gan, gan.generator_optimizer, gan.discriminator_optimizer
    return [copy.numpy() for part in parts for variable in part.variables for copy in kg.variables.copies(variable)]

said = {}
whole, parted = make(), make()
rollback, monitor = train(whole, "whole", 3, {8: poison})
said["rollbacks"], said["looks"] = rollback.count, [look.step for look in monitor.looks]
said["rate"] = float(whole.discriminator_optimizer.learning_rate.numpy())
said["augmentation"] = whole.augmentation.probability.numpy().item()
train(parted, "parted", 3, {8: poison, 15: interrupt})
said["stopped at"] = int(parted.step)
parted = make()
train(parted, "parted", 3, {})
said["equal"] = all(np.array_equal(a, b) for a, b in zip(everything(whole), everything(parted)))
said["logs"] = (folder / "whole.csv").read_text() == (folder / "parted.csv").read_text()
said["saved"] = [int(path.stem[5:]) for path in sorted((folder / "whole").glob("step-*.keras"))]

whole.save(folder / "gan.keras")
whole.export(folder / "saved")
samples = whole.generate(4, seed=2)
for form in "gan.keras", "saved":
    other = kg.export.load(folder / form).generate(4, seed=2)
    said["difference of " + form] = int(np.abs(samples.astype(int) - other).max())
said["refused"] = []
for option in {"steps_per_execution": 2}, {"jit_compile": True}:
    whole.compile(**option)
    try:
        whole.fit(data.batches(8), steps_per_epoch=2, verbose=0)
    except kg.UserError as error:
        said["refused"].append(str(error))
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path_factory.mktemp("replicas"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_callbacks_see_what_all_replicas_did(said):
    assert said["rollbacks"] == 1
    assert said["looks"] == [4, 8, 12, 16]  # The rollback at step 10 resets the means.
    assert said["rate"] == pytest.approx(5e-4)
    assert said["augmentation"] != 0.5
    assert said["saved"] == [0, 2, 4, 6, 10, 12, 14, 16, 18]  # At step 8 there was a NaN.


def test_a_run_that_was_stopped_goes_on_exactly(said):
    assert said["stopped at"] == 15
    assert said["equal"]
    assert said["logs"]


def test_files_and_samples_are_those_of_any_model(said):
    assert said["difference of gan.keras"] <= 1
    assert said["difference of saved"] <= 1


def test_what_keras_cannot_do_on_replicas_is_refused(said):
    assert [message.split()[8] for message in said["refused"]] == ["steps_per_execution:", "jit_compile:"]
