"""`callbacks.HealthMonitor`: what it sees, what it calls it, and what it does."""

import keras
import numpy as np
import pytest

import keras_gan as kg
from keras_gan.callbacks import Checkpoint, HealthMonitor, Rollback
from keras_gan.callbacks.health import ADVICE, HEALTHY, MEMORY, STATES, Look, diagnose

GOOD = {"accuracy": 0.75, "gap": 1.0, "diversity": 0.95, "coverage": 0.8}


def looks(*changes):
    return [Look(250 * (index + 1), **{**GOOD, **change}) for index, change in enumerate(changes)]


@pytest.mark.parametrize(
    ("state", "changes"),
    [
        ("healthy", [{}] * 8),
        ("diverged", [{}, {"gap": 101.0}]),
        ("diverged", [{"gap": -1e6}]),
        ("healthy", [{"gap": 99.0}] * 8),
        ("collapse", [{"diversity": 0.1}] * 2),
        ("healthy", [{"diversity": 0.1}, {}, {"diversity": 0.1}]),
        ("healthy", [{"diversity": 0.2}] * 8),
        ("collapse", [{}, {"coverage": 0.39}, {"coverage": 0.39}]),
        ("healthy", [{"coverage": 0.1}] * 8),
        ("discriminator winning", [{"accuracy": 0.99}] * 4),
        ("healthy", [{"accuracy": 0.99}] * 3),
        ("generator winning", [{"accuracy": 0.5, "coverage": 0.1}] * 2),
        ("healthy", [{"accuracy": 0.5}] * 8),
        ("oscillating", [{"accuracy": 0.8}, {"accuracy": 0.6}] * 4),
        ("healthy", [{"accuracy": 0.75}, {"accuracy": 0.7}] * 4),
        ("healthy", [{"accuracy": value / 100} for value in range(95, 55, -5)]),
    ],
)
def test_each_state_is_told_by_its_signs(state, changes):
    seen = looks(*changes)
    assert diagnose(seen, max(look.coverage for look in seen)) == state


def test_there_is_advice_for_every_trouble():
    assert STATES[0] == HEALTHY == "healthy"
    assert all(ADVICE[state] for state in STATES[1:])


def train(gan, images, tmp_path=None, epochs=1, labels=None, **kwargs):
    monitor = HealthMonitor(images[:32], None if labels is None else labels[:32], **{"every": 4, **kwargs})
    history = gan.fit(
        images, labels, batch_size=8, epochs=epochs, shuffle=False, verbose=0, callbacks=[monitor]
    ).history
    return monitor, history


def slow(rate):
    return {f"{player}_optimizer": keras.optimizers.SGD(rate) for player in ("generator", "discriminator")}


def frozen(make_gan, **kwargs):
    """A GAN that does not move."""
    return make_gan(compile_args=slow(0.0), **kwargs)


@pytest.mark.parametrize("num_classes", [None, 3])
def test_what_it_sees_is_what_there_is(make_gan, images, num_classes):
    gan = frozen(make_gan, num_classes=num_classes)
    monitor, history = train(gan, *images[:1], labels=images[1] if num_classes else None)
    assert [look.step for look in monitor.looks] == [4, 8]
    # Weights stand still, so means of halves are equal to the epoch's on average.
    assert np.mean([look.accuracy for look in monitor.looks]) == pytest.approx(history["d_accuracy"][0])
    assert np.mean([look.gap for look in monitor.looks]) == pytest.approx(
        history["d_real"][0] - history["d_fake"][0], rel=1e-4
    )
    gan.ema_generator.set_weights(gan.generator.get_weights())
    fakes = gan.generate(32, labels=images[1][:32] if num_classes else None).reshape(32, -1).astype("float64")
    real = images[0][:32].reshape(32, -1).astype("float64")

    def nearest(rows):
        distances = np.linalg.norm(rows[:, np.newaxis] - rows, axis=-1)
        np.fill_diagonal(distances, np.inf)
        return distances.min(axis=1).mean()

    assert history["diversity"][0] == pytest.approx(nearest(fakes) / nearest(real), rel=1e-3)
    assert history["coverage"][0] == kg.metrics.prdc(real, fakes)["coverage"]
    assert STATES[int(history["trouble"][0])] == monitor.state


def test_large_images_are_made_small_and_points_are_taken_as_they_are(make_gan):
    big = np.random.default_rng(0).integers(0, 255, (8, 40, 36, 1), "uint8")
    monitor, history = train(frozen(make_gan, image_shape=(40, 36, 1)), big, every=1)
    assert monitor._real.shape == (8, 20 * 18)
    assert history["diversity"][0] > 0
    points = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
    _, history = train(frozen(make_gan, image_shape=(2,)), points)
    assert np.isfinite(history["diversity"]).all()


def kill(gan):
    """Samples are all the same from now on."""
    gan.generator.get_layer("to_image").kernel.assign(np.zeros((16, 64)))


def test_trouble_is_said_once_with_advice_and_is_in_the_history(make_gan, images, caplog):
    gan = frozen(make_gan)
    kill(gan)
    monitor, history = train(gan, images[0], epochs=4)
    said = caplog.text
    assert said.count("collapse") == 1
    assert "Step 8: collapse (accuracy" in said
    assert ADVICE["collapse"] in said
    assert monitor.state == "collapse"
    assert history["trouble"] == [float(STATES.index("collapse"))] * 4
    assert len(monitor.looks) == MEMORY


def test_it_may_stop_the_training(make_gan, images):
    gan = frozen(make_gan)
    kill(gan)
    _, history = train(gan, images[0], epochs=4, action="stop")
    assert len(history["trouble"]) == 1
    assert int(gan.step) == 8


class Kill(keras.callbacks.Callback):
    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.step) == self.step:
            kill(self.model)


def guarded(gan, folder, images, epochs, step):
    checkpoint = Checkpoint(folder)
    rollback = Rollback(checkpoint)
    monitor = HealthMonitor(images[:32], every=4, action="rollback", rollback=rollback)
    checkpoint.stateful = [rollback, monitor]
    checkpoint.restore(gan)
    data = kg.datasets.from_arrays(images).batches(8, start_step=int(gan.step))
    callbacks = [Kill(step), rollback, monitor, checkpoint]
    gan.fit(data, epochs=epochs, steps_per_epoch=8, shuffle=False, verbose=0, callbacks=callbacks)
    return monitor, rollback


def test_it_may_go_back_to_the_last_healthy_game_and_a_resumed_run_remembers(make_gan, images, tmp_path, caplog):
    gan = make_gan(compile_args=slow(1e-6))
    # Looks at 20 and 24 show it; the checkpoint of step 16 was written before.
    monitor, rollback = guarded(gan, tmp_path, images[0], 4, 18)
    said = caplog.text
    caplog.clear()
    assert "Step 24: the game is in trouble, collapse. Back to step-000000016.keras" in said
    assert rollback.count == 1
    assert monitor.state == HEALTHY
    assert float(gan.generator_optimizer.learning_rate) == pytest.approx(5e-7)
    assert np.abs(gan.generator.get_layer("to_image").kernel).max() > 0
    assert [look.step for look in monitor.looks] == [28, 32]
    resumed = make_gan(compile_args=slow(1e-6))
    monitor, rollback = guarded(resumed, tmp_path, images[0], 5, 34)
    said = caplog.text
    assert "Step 40: the game is in trouble, collapse. Back to step-000000032.keras" in said
    assert rollback.count == 2
    assert ADVICE["collapse"] not in said  # It was given before.


@pytest.mark.parametrize(
    ("penalty", "noticed"),
    [
        (kg.regularizers.R1(), True),
        (kg.regularizers.LeCam(), False),
        (None, False),
    ],
)
def test_batch_normalization_under_a_gradient_penalty_is_noticed(make_gan, images, caplog, penalty, noticed):
    x = keras.Input((8, 8, 1))
    hidden = keras.layers.BatchNormalization(name="norm")(keras.layers.Flatten()(x))
    network = keras.Model(x, keras.layers.Dense(1)(keras.Model(hidden, keras.layers.Dense(4)(hidden))(hidden)))
    gan = kg.GAN(make_gan().generator, network)
    gan.compile(regularizers=[penalty] if penalty else [], run_eagerly=True)
    train(gan, images[0][:8])
    assert ("batch normalisation (norm)" in caplog.text) == noticed


def test_wrong_arguments_are_refused(make_gan, images):
    for wrong, message in (
        ({"every": 0}, "at least 1"),
        ({"patience": 0}, "at least 1"),
        ({"action": "pray"}, "warn, stop or rollback"),
        ({"action": "rollback"}, "needs the Rollback"),
    ):
        with pytest.raises(ValueError, match=message):
            HealthMonitor(images[0], **wrong)
    with pytest.raises(ValueError, match="at least 6 images to compare samples with, got 5"):
        HealthMonitor(images[0][:5])
    with pytest.raises(ValueError, match=r"samples are \(8, 8, 1\)"):
        make_gan().fit(images[0], callbacks=[HealthMonitor(np.zeros((9, 4, 4, 1), "uint8"))], verbose=0)


def test_samples_that_are_no_numbers_are_seen_among_bytes_too(make_gan, images, caplog):
    class Break(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            weight = self.model.generator.trainable_weights[-1]
            weight.assign(np.full(weight.shape, np.nan))

    gan = make_gan()
    gan.fit(images[0], verbose=0, callbacks=[Break(), kg.callbacks.HealthMonitor(images[0], every=1)])
    assert "diverged" in caplog.text


def test_it_looks_once_for_each_interval_whatever_keras_executes_in_a_row(make_gan, images):
    gan = frozen(make_gan)
    gan.compile(**slow(0.0), steps_per_execution=4)
    monitor, _ = train(gan, images[0], epochs=3, every=6)
    assert [look.step for look in monitor.looks] == [8, 12, 20, 24]
    monitor, _ = train(gan, images[0], every=2)
    assert [look.step for look in monitor.looks] == [28, 32]
