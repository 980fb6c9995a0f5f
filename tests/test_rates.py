"""Callbacks that move the two learning rates, and those of Keras that cannot."""

import keras
import numpy as np
import pytest
from stops import StopAt

import keras_gan as kg
from keras_gan.callbacks import (
    Checkpoint,
    LearningRates,
    LearningRateScheduler,
    ReduceLROnPlateau,
    Rollback,
    StatefulCallback,
)

STEPS = 4


@pytest.fixture(scope="module")
def gan(make_gan):
    return make_gan()


@pytest.fixture(autouse=True)
def _first_rates(gan):
    set_rates(gan, 1e-2)


def set_rates(gan, rate):
    for optimizer in (gan.discriminator_optimizer, gan.generator_optimizer):
        kg.optimizers.set_constant_rate(optimizer, rate)


def rates(gan):
    return [kg.optimizers.constant_rate(part) for part in (gan.discriminator_optimizer, gan.generator_optimizer)]


class Score(StatefulCallback):
    """Logs a figure of the epoch."""

    def __init__(self, values):
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        if self.values[epoch] is not None:
            logs["val_score"] = self.values[epoch]

    def get_state(self):
        return {}

    def set_state(self, state):
        pass


def interrupt():
    raise KeyboardInterrupt


def fit(gan, images, epochs, *callbacks, start=0):
    """Returns the rates after each epoch: first of the discriminator, then of the generator."""
    history = gan.fit(
        kg.datasets.from_arrays(images[0]).batches(8, start_step=start),
        epochs=epochs,
        steps_per_epoch=STEPS,
        shuffle=False,
        verbose=0,
        callbacks=[*callbacks[:-1], LearningRates(), *callbacks[-1:]],
    ).history
    return [history[f"{player}_learning_rate"] for player in ("discriminator", "generator")]


@pytest.mark.parametrize("player", [None, "discriminator", "generator"])
def test_a_function_of_the_epoch_sets_the_rates(gan, images, player):
    moved = [1e-2, 5e-3, 2.5e-3]
    found = fit(gan, images, 3, LearningRateScheduler(lambda epoch: 1e-2 * 0.5**epoch, player))
    for rate, name in zip(found, ("discriminator", "generator")):
        np.testing.assert_allclose(rate, moved if player in (None, name) else [1e-2] * 3, rtol=1e-6)


def test_a_schedule_of_keras_counts_epochs(gan, images):
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1], [1e-3, 1e-4])
    found = fit(gan, images, 3, LearningRateScheduler(schedule))
    np.testing.assert_allclose(found, [[1e-3, 1e-3, 1e-4]] * 2, rtol=1e-6)


def test_the_factor_of_another_callback_stays(gan, images):
    scheduler = LearningRateScheduler(lambda epoch: 1e-2 / (1 + epoch))
    plateau = ReduceLROnPlateau("val_score", 0.5, 1, player="generator")
    found = fit(gan, images, 4, scheduler, Score([1.0, 2.0, 0.5, 0.4]), plateau, keras.callbacks.History())
    np.testing.assert_allclose(found[0], [1e-2, 5e-3, 1e-2 / 3, 2.5e-3], rtol=1e-6)
    # Lowered after the second epoch.
    np.testing.assert_allclose(found[1], [1e-2, 2.5e-3, 5e-3 / 3, 1.25e-3], rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "kwargs", "lowered"),
    [
        ([3.0, 2.0, 1.0, 0.5], {}, [0, 0, 0, 0]),
        ([1.0, 2.0, 2.0, 2.0], {}, [0, 0, 1, 1]),
        ([1.0, 1.0, 1.0, 1.0, 1.0], {}, [0, 0, 1, 1, 2]),
        ([1.0, 2.0, 3.0, 4.0], {"mode": "max"}, [0, 0, 0, 0]),
        ([1.0, 0.95, 0.93, 0.89], {"min_delta": 0.1}, [0, 0, 1, 1]),
        ([1.0, 1.0, 1.0, 1.0, 1.0, 1.0], {"patience": 1, "cooldown": 2}, [0, 1, 1, 2, 2, 3]),
        ([1.0, 1.0, 1.0], {"patience": 1, "min_lr": 4e-3}, [0, 1, 1.3219281]),
        ([1.0, None, 1.0, None, 1.0], {}, [0, 0, 0, 0, 1]),
        ([float("nan"), 1.0, float("nan"), float("inf")], {}, [0, 0, 0, 1]),
    ],
)
def test_rates_fall_when_a_figure_has_stopped_improving(gan, images, values, kwargs, lowered):
    plateau = ReduceLROnPlateau("val_score", **{"factor": 0.5, "patience": 2, **kwargs})
    set_rates(gan, 1e-2)
    plateau.set_model(gan)
    plateau.on_train_begin()
    for epoch, (value, halvings) in enumerate(zip(values, lowered)):
        plateau.on_epoch_end(epoch, {} if value is None else {"val_score": value})
        np.testing.assert_allclose(rates(gan), 1e-2 * 0.5**halvings, rtol=1e-6)


def test_a_missing_figure_is_said_once(gan, images, caplog):
    fit(gan, images, 2, ReduceLROnPlateau("val_scroe", player="generator"))
    assert caplog.text.count("has no val_scroe; it has d_accuracy") == 1


@pytest.mark.parametrize("stop", [9, 12])
def test_a_resumed_run_has_the_rates_of_one_that_was_never_stopped(gan, make_gan, images, tmp_path, stop):
    def train(gan, folder, epochs, *stops):
        schedulers = [
            LearningRateScheduler(lambda epoch: 1e-2 * 0.7**epoch, "discriminator"),
            LearningRateScheduler(lambda epoch: 1e-2 / (1 + epoch), "generator"),
        ]
        plateau = ReduceLROnPlateau("val_score", 0.3, 2)
        checkpoint = Checkpoint(folder, every_steps=1, stateful=[*schedulers, plateau])
        checkpoint.restore(gan)
        callbacks = [Score([1.0, 1.0, 1.0, 2.0, 0.1, 0.2]), *schedulers, plateau, *stops, checkpoint]
        return fit(gan, images, epochs, *callbacks, start=int(gan.step))

    gan.step.assign(0)
    whole = train(gan, tmp_path / "whole", 5)
    assert whole[0][2] == pytest.approx(1e-2 * 0.49 * 0.3)
    parted = make_gan()
    set_rates(parted, 1e-2)
    if stop % STEPS:
        with pytest.raises(KeyboardInterrupt):
            train(parted, tmp_path / "parted", 5, StopAt(stop + 1, interrupt))
    else:
        train(parted, tmp_path / "parted", stop // STEPS)
    rest = train(make_gan(), tmp_path / "parted", 5)
    assert rest == [rate[-len(rest[0]) :] for rate in whole]


def test_a_rollback_is_not_undone(gan, images, tmp_path):
    gan.step.assign(0)
    checkpoint = Checkpoint(tmp_path)
    rollback, scheduler = Rollback(checkpoint), LearningRateScheduler(lambda epoch: 1e-2)
    back = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: rollback.back("it was asked for") if int(gan.step) == 6 else None
    )
    found = fit(gan, images, 3, scheduler, rollback, back, checkpoint)
    np.testing.assert_allclose(found, [[1e-2, 5e-3, 5e-3]] * 2, rtol=1e-6)


def test_a_scheduled_optimizer_is_refused(make_gan, images):
    rate = keras.optimizers.schedules.CosineDecay(1e-3, 10)
    other = make_gan(compile_args={"generator_optimizer": keras.optimizers.SGD(rate)})
    for callback in (LearningRateScheduler(lambda epoch: 1e-3), ReduceLROnPlateau("d_loss")):
        with pytest.raises(kg.UserError, match="the generator's optimizer has a schedule: give"):
            other.fit(images[0], verbose=0, callbacks=[callback])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LearningRateScheduler(lambda epoch, rate: rate), "a function of the epoch alone"),
        (lambda: LearningRateScheduler(1e-3), "a function of the epoch alone"),
        (lambda: LearningRateScheduler(lambda epoch: 1e-3, "both"), "player must be"),
        (lambda: ReduceLROnPlateau("val_score", 1.0), "factor must be"),
        (lambda: ReduceLROnPlateau("val_score", patience=0), "patience >= 1"),
        (lambda: ReduceLROnPlateau("val_score", cooldown=-1), "cooldown >= 0"),
        (lambda: ReduceLROnPlateau("val_score", mode="auto"), "mode must be"),
        (lambda: ReduceLROnPlateau("val_score", min_delta=-1.0), "min_delta >= 0"),
        (lambda: ReduceLROnPlateau("val_score", min_lr=float("nan")), "min_lr >= 0"),
        (lambda: ReduceLROnPlateau("val_score", player="critic"), "player must be"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(kg.UserError, match=message):
        make()


@pytest.mark.parametrize("wrong", [-1e-3, float("nan"), float("inf")])
def test_a_rate_must_be_a_number(gan, images, wrong):
    with pytest.raises(kg.UserError, match="for epoch 0"):
        fit(gan, images, 1, LearningRateScheduler(lambda epoch: wrong))


KERAS = keras.callbacks


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (KERAS.ReduceLROnPlateau("d_loss", mode="min"), "kg.callbacks.ReduceLROnPlateau"),
        (KERAS.LearningRateScheduler(lambda epoch: 1e-3), "kg.callbacks.LearningRateScheduler"),
        ([KERAS.History(), [KERAS.SwapEMAWeights()]], "a GAN averages its generator by itself"),
        (KERAS.CallbackList([KERAS.TerminateOnNaN()]), "kg.callbacks.Rollback"),
        (KERAS.TensorBoard(write_steps_per_second=True), "leave out write_steps_per_second"),
        (KERAS.EarlyStopping(), "EarlyStopping monitors val_loss, which a GAN does not log"),
        (KERAS.EarlyStopping("val_kid"), "give mode='min' or mode='max'"),
        (KERAS.ModelCheckpoint("a.keras", save_best_only=True), "ModelCheckpoint monitors val_loss"),
        (KERAS.ModelCheckpoint("a.keras", "d_loss", save_best_only=True), "give mode='min' or mode='max'"),
    ],
)
def test_callbacks_of_the_one_optimizer_are_refused_before_the_training(gan, images, callback, message):
    step = int(gan.step)
    for given in ({"callbacks": callback}, None):
        with pytest.raises(kg.UserError, match=message):
            gan.fit(images[0], **given) if given else gan.fit(images[0], None, 8, 1, 0, callback)
    assert int(gan.step) == step


def test_other_callbacks_of_keras_work(gan, images, tmp_path):
    callbacks = [
        KERAS.ModelCheckpoint(tmp_path / "last.keras"),
        KERAS.ModelCheckpoint(tmp_path / "best.keras", "d_loss", mode="min", save_best_only=True),
        KERAS.EarlyStopping("d_loss", mode="min"),
        KERAS.BackupAndRestore(tmp_path / "backup"),
        KERAS.TensorBoard(tmp_path / "logs", write_graph=False),
    ]
    gan.fit(images[0], epochs=2, verbose=0, callbacks=callbacks)
    assert {"last.keras", "best.keras", "logs"} <= {path.name for path in tmp_path.iterdir()}
