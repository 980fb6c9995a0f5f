"""`callbacks.Rollback`: what becomes of a run whose losses or gradients stay NaN."""

import keras
import numpy as np
import pytest

import keras_gan as kg
from keras_gan.callbacks import Checkpoint, CSVHistory, Diverged, HealthMonitor, Rollback

STEPS = 6


class Poison(keras.callbacks.Callback):
    """Writes NaN into a weight of the generator after given steps."""

    def __init__(self, *steps):
        super().__init__()
        self.steps = set(steps)

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.step) in self.steps:
            weight = self.model.generator.trainable_weights[0]
            weight.assign(weight * np.nan)


class AlwaysNaN(kg.regularizers.Regularizer):
    name = "bad"

    def penalty(self, scorer, real, fake, seed):
        return scorer.logits(real)[:, 0] * np.nan

    def get_config(self):
        return {}


def train(gan, folder, images, *poison, epochs=3, **kwargs):
    checkpoint = Checkpoint(folder / "checkpoints")
    rollback = Rollback(checkpoint, **{"patience": 2, **kwargs})
    checkpoint.stateful.append(rollback)
    checkpoint.restore(gan)
    data = kg.datasets.from_arrays(images[0]).batches(8, start_step=int(gan.step))
    callbacks = [Poison(*poison), CSVHistory(folder / "history.csv"), rollback, checkpoint]
    gan.fit(data, epochs=epochs, steps_per_epoch=STEPS, shuffle=False, verbose=0, callbacks=callbacks)
    return rollback


def rates(gan):
    return [float(optimizer.learning_rate) for optimizer in (gan.discriminator_optimizer, gan.generator_optimizer)]


def is_finite(gan):
    return all(np.isfinite(weight).all() for weight in gan.get_weights())


def test_weights_that_went_nan_come_back_from_the_checkpoint_with_lower_rates(make_gan, images, tmp_path, caplog):
    gan = make_gan()
    rollback = train(gan, tmp_path, images, 8)
    assert rollback.count == 1
    assert rates(gan) == pytest.approx([1e-3, 1e-3])
    assert int(gan.step) == 18  # Data and noise go on: none is skipped, none comes twice.
    assert int(gan.generator_optimizer.iterations) == 18 - 4  # 7, 8: undone; 9, 10: left out.
    assert is_finite(gan)
    out = caplog.text
    assert "Step 10: losses or gradients were NaN or infinite 2 steps in a row. Back to step-000000006.keras" in out
    assert "rollback 1 of 3" in out
    assert "2 steps of epoch 2 were NaN or infinite and changed nothing" in out
    rows = (tmp_path / "history.csv").read_text().splitlines()
    assert len(rows) == 4
    assert "nan" not in rows[2].lower()  # The means of that epoch are of the steps after the rollback.


def test_two_rollbacks_to_one_checkpoint_lower_the_rates_twice(make_gan, images, tmp_path):
    gan = make_gan()
    assert train(gan, tmp_path, images, 7, 10).count == 2
    assert rates(gan) == pytest.approx([5e-4, 5e-4])


def test_a_schedule_is_scaled_and_stays_so_when_the_run_is_resumed(make_gan, images, tmp_path):
    def make():
        schedule = keras.optimizers.schedules.ExponentialDecay(1e-2, 1, 0.9)
        optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(schedule), initial_scale=1.0)
        return make_gan(compile_args={"generator_optimizer": optimizer})

    def expected(gan, count):
        return pytest.approx([2e-3 * 0.5**count, 1e-2 * 0.9 ** int(gan.generator_optimizer.iterations) * 0.5**count])

    gan = make()
    train(gan, tmp_path, images, 7, 10)
    assert rates(gan) == expected(gan, 2)
    resumed = make()
    assert train(resumed, tmp_path, images, 19, epochs=4).count == 3
    assert rates(resumed) == expected(resumed, 3)
    loaded = keras.saving.load_model(tmp_path / "checkpoints" / "step-000000024.keras")
    assert rates(loaded) == rates(resumed)


def test_it_gives_up_loudly_and_leaves_the_checkpoints(make_gan, images, tmp_path):
    train(make_gan(), tmp_path, images, epochs=1)
    before = {path.name: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()}
    with pytest.raises(Diverged, match=r"diverged at step 12: .* NaN or infinite 2 steps in a row, after 2 rollbacks"):
        train(make_gan(compile_args={"regularizers": [AlwaysNaN()]}), tmp_path, images, limit=2)
    assert {path.name: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()} == before


def test_what_is_not_finite_is_never_saved(make_gan, images, tmp_path):
    gan = make_gan()
    # Steps 12 to 14 are NaN, with an epoch's end among them.
    train(gan, tmp_path, images, 11, patience=4, epochs=3)
    saved = sorted((tmp_path / "checkpoints").iterdir())
    assert [path.name for path in saved] == [f"step-{step:09d}.keras" for step in (0, 6, 18)]
    assert all(is_finite(keras.saving.load_model(path)) for path in saved)


def test_training_does_not_end_on_nan(make_gan, images, tmp_path):
    gan = make_gan()
    rollback = train(gan, tmp_path, images, 17)
    assert rollback.count == 0
    assert int(gan.skipped) == 0
    assert is_finite(gan)


def test_wrong_arguments_are_refused(tmp_path):
    for kwargs in ({"patience": 0}, {"factor": 0.0}, {"factor": 2.0}, {"limit": -1}):
        with pytest.raises(ValueError, match="need patience"):
            Rollback(Checkpoint(tmp_path), **kwargs)


def test_steps_of_one_execution_are_counted_each(make_gan, images, tmp_path, caplog):
    gan = make_gan(compile_args={"steps_per_execution": 4})
    assert train(gan, tmp_path, images, 12, patience=4).count == 1
    assert "Step 16: losses or gradients were NaN or infinite 4 steps in a row" in caplog.text
    assert "4 steps of epoch 2 were NaN" in caplog.text
    assert is_finite(gan)


def test_means_after_a_rollback_are_of_the_steps_after_it(make_gan, images, tmp_path):
    checkpoint = Checkpoint(tmp_path)
    rollback, monitor = Rollback(checkpoint, patience=2), HealthMonitor(images[0][:32], every=4)
    checkpoint.stateful = [rollback, monitor]
    gan = make_gan()
    data = kg.datasets.from_arrays(images[0]).batches(8)
    callbacks = [Poison(8), rollback, monitor, checkpoint]
    gan.fit(data, epochs=2, steps_per_epoch=STEPS, shuffle=False, verbose=0, callbacks=callbacks)
    # Steps 9 and 10 were left out. As many steps follow until the look at 12 as there had been in the epoch before 8.
    assert [look.step for look in monitor.looks] == [4, 8, 12]


def test_a_schedule_lowered_after_the_checkpoint_is_as_before_when_one_goes_on(make_gan, images, tmp_path):
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.step) == 11:
                raise KeyboardInterrupt

    rate = keras.optimizers.schedules.ExponentialDecay(1e-2, 100, 0.5)
    gan = make_gan(compile_args={"generator_optimizer": keras.optimizers.SGD(rate)})
    checkpoint = Checkpoint(tmp_path)
    rollback = Rollback(checkpoint, patience=2)
    checkpoint.stateful = [rollback]

    def fit(*callbacks):
        checkpoint.restore(gan)
        data = kg.datasets.from_arrays(images[0]).batches(8, start_step=int(gan.step))
        callbacks = [*callbacks, rollback, checkpoint]
        gan.fit(data, epochs=2, steps_per_epoch=STEPS, shuffle=False, verbose=0, callbacks=callbacks)

    with pytest.raises(KeyboardInterrupt):
        fit(Poison(7), Interrupt())
    assert rates(gan)[1] < 0.6e-2
    fit()
    assert rollback.count == 0
    assert rates(gan) == pytest.approx([2e-3, float(rate(12))])
