"""`callbacks.Checkpoint`: a run that was stopped and resumed is the run that was never stopped."""

import contextlib
import itertools
import os
import shutil
import signal
import zipfile

import keras
import numpy as np
import pytest
from stops import StopAt

import keras_gan as kg
from keras_gan.callbacks import Checkpoint, CSVHistory, Interrupted, TimeLimit
from keras_gan.storage import checkpoints

STEPS = 6  # An epoch; a pass over the 64 images is 8 batches of 8, so that epochs and passes do not coincide.


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def train(gan, data, folder, epochs, extra=(), **kwargs):
    """Trains or resumes as the command line does; returns the history by epoch."""
    adaptive = [kg.callbacks.AdaptiveAugmentation(0.6, every=4, steps=50)] if gan.augmentation else []
    checkpoint = Checkpoint(folder / "checkpoints", **{"stateful": adaptive, **kwargs})
    checkpoint.restore(gan)
    history = keras.callbacks.History()
    with contextlib.suppress(Interrupted), checkpoint.stop_on_signals():
        gan.fit(
            data.batches(8, seed=5, start_step=int(gan.step)),
            epochs=epochs,
            steps_per_epoch=STEPS,
            shuffle=False,
            verbose=0,
            callbacks=[*extra, *adaptive, history, CSVHistory(folder / "history.csv"), checkpoint],
        )
    return {epoch: {key: values[i] for key, values in history.history.items()} for i, epoch in enumerate(history.epoch)}


def everything(gan):
    parts = gan, gan.generator, gan.discriminator, gan.ema_generator, gan.generator_optimizer
    return [np.array(v) for part in (*parts, gan.discriminator_optimizer) for v in part.variables]


def assert_same(one, other):
    for a, b in zip(everything(one), everything(other), strict=True):
        np.testing.assert_array_equal(a, b)


def dropout_networks(num_classes):
    image, label = keras.Input((8, 8, 1)), keras.Input((num_classes,))
    hidden = keras.layers.Concatenate()([keras.layers.Flatten()(image), label])
    hidden = keras.layers.Dropout(0.3)(keras.layers.Dense(8, activation="relu")(hidden))
    discriminator = keras.Model([image, label], keras.layers.Dense(1)(hidden))
    generator = kg.networks.mlp_generator((8, 8, 1), num_classes, latent_dim=4, units=(16,))
    return generator, discriminator


def decaying_adam():
    return keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(1e-2, 5, 0.9), 0.5)


def unconditional(make):
    return make(compile_args={"generator_optimizer": decaying_adam(), "discriminator_optimizer": decaying_adam()})


def conditional(make):
    return make(3, family="dcgan", ema_decay=0.5)


def regularised(_):
    gan = kg.GAN(*dropout_networks(3), seed=1)
    penalties = [kg.regularizers.R1(0.1), kg.regularizers.R2(0.1), kg.regularizers.GradientPenalty(1.0)]
    gan.compile(loss=kg.losses.Relativistic(), regularizers=penalties, discriminator_steps=2)
    return gan


def with_all_that_has_a_state(_):
    generator = kg.networks.resnet_generator((8, 8, 1), 3, latent_dim=4, width=4)
    discriminator = kg.networks.dcgan_discriminator((8, 8, 1), 3, width=4, spectral_normalization=True, dropout=0.2)
    augmentation = kg.augmentation.Augmentation(("translation", "contrast"), probability=0.3)
    gan = kg.GAN(generator, discriminator, augmentation, seed=1)
    gan.compile(regularizers=[kg.regularizers.LeCam(0.1)])
    return gan


@pytest.fixture(autouse=True)
def _default_handler():
    """A shell's background job ignores SIGINT, and so would these tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def data(images):
    return kg.datasets.from_arrays(*images)


@pytest.mark.parametrize("case", [unconditional, conditional, regularised, with_all_that_has_a_state])
def test_a_resumed_run_is_the_run_that_was_never_stopped(make_gan, data, tmp_path, case):
    def make():
        keras.utils.set_random_seed(7)
        return case(make_gan)

    if case is unconditional:
        data = kg.datasets.from_arrays(data.images)
    whole = make()
    (tmp_path / "whole").mkdir()
    expected = train(whole, data, tmp_path / "whole", epochs=4, keep=9)
    assert list(expected) == [0, 1, 2, 3]
    weights = everything(whole)

    # Stopped in the middle of an epoch, between two, and in the middle of the last.
    history = {}
    # Two models, of which each goes on from where the other was stopped; the first begins where it has begun before.
    (tmp_path / "checkpoints").mkdir()
    shutil.copy(tmp_path / "whole" / "checkpoints" / "step-000000000.keras", tmp_path / "checkpoints")
    # A stop takes its time: all of them once are enough.
    stops = (8, 12, 23, 24) if case is conditional else (8, 24)
    for stop, resumed in zip(stops, itertools.cycle([whole, make()])):
        between = stop % STEPS == 0
        extra = [] if between else [StopAt(stop, interrupt)]
        history |= train(resumed, data, tmp_path, epochs=stop // STEPS if between else 4, extra=extra)
        assert int(resumed.step) == stop
    for a, b in zip(weights, everything(resumed), strict=True):
        np.testing.assert_array_equal(a, b)
    assert history == expected
    assert (tmp_path / "history.csv").read_text() == (tmp_path / "whole" / "history.csv").read_text()


@pytest.fixture(scope="module")
def models(make_gan, data, tmp_path_factory):
    """A model after two epochs, their folder, and a model to go on with, wherever it stands."""
    folder = tmp_path_factory.mktemp("two_epochs")
    keras.utils.set_random_seed(0)
    whole = make_gan(3)
    train(whole, data, folder, epochs=2)
    return whole, folder, make_gan(3)


@pytest.fixture
def two_epochs(models, tmp_path):
    """The first of the models; the folder of its two epochs is copied to `tmp_path`."""
    shutil.copytree(models[1], tmp_path, dirs_exist_ok=True)
    return models[0]


@pytest.fixture
def resumed(models, two_epochs):
    """A model to go on with after the two epochs."""
    return models[2]


def test_a_model_that_is_loaded_from_a_checkpoint_is_the_model(two_epochs, tmp_path):
    assert_same(two_epochs, keras.saving.load_model(tmp_path / "checkpoints" / "step-000000012.keras"))


def names(folder):
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def test_the_last_and_the_best_are_kept(make_gan, data, tmp_path):
    values = iter([3.0, 1.0, float("nan"), 2.0])

    class Score(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_score"] = next(values)

    gan = make_gan(3)
    train(gan, data, tmp_path, epochs=4, extra=[Score()], keep=2, monitor="val_score")
    assert names(tmp_path) == ["best.keras", "step-000000018.keras", "step-000000024.keras"]
    assert int(keras.saving.load_model(tmp_path / "checkpoints" / "best.keras").step) == 12
    # What was best before the run was stopped stays best.
    values = iter([1.5, 0.5])
    train(gan, data, tmp_path, epochs=5, extra=[Score()], keep=2, monitor="val_score")
    assert int(keras.saving.load_model(tmp_path / "checkpoints" / "best.keras").step) == 12
    train(gan, data, tmp_path, epochs=6, extra=[Score()], keep=2, monitor="val_score")
    assert int(keras.saving.load_model(tmp_path / "checkpoints" / "best.keras").step) == 36


def test_checkpoints_within_an_epoch(resumed, data, tmp_path):
    train(resumed, data, tmp_path, epochs=3, every_steps=2, keep=9)
    assert names(tmp_path) == [f"step-{step:09d}.keras" for step in (0, 6, 12, 14, 16, 18)]
    assert checkpoints.read_state(tmp_path / "checkpoints" / "step-000000016.keras")["batch"] == 4


def damage(path, how):
    if how == "truncated":
        os.truncate(path, path.stat().st_size // 2)
    elif how == "empty":
        os.truncate(path, 0)
    elif how == "changed":
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 255
        path.write_bytes(content)
    elif how == "without its state":
        with zipfile.ZipFile(path) as old:
            parts = {name: old.read(name) for name in old.namelist() if name != checkpoints.STATE}
        with zipfile.ZipFile(path, "w") as new:
            for name, content in parts.items():
                new.writestr(name, content)


@pytest.mark.parametrize("how", ["truncated", "empty", "changed", "without its state"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(two_epochs, resumed, data, tmp_path, caplog, how):
    damage(tmp_path / "checkpoints" / "step-000000012.keras", how)
    train(resumed, data, tmp_path, epochs=2)
    out = caplog.text
    assert len(caplog.records) == 1
    assert "step-000000012.keras" in out
    assert "taking the one before" in out
    assert_same(two_epochs, resumed)
    assert names(tmp_path) == [
        f"step-{step:09d}.{end}" for step, end in ((0, "keras"), (6, "keras"), (12, "damaged"), (12, "keras"))
    ]


def test_when_no_checkpoint_can_be_read_nothing_is_touched(resumed, data, tmp_path):
    for path in (tmp_path / "checkpoints").iterdir():
        damage(path, "truncated")
    before = names(tmp_path)
    with pytest.raises(ValueError, match="none of the 3 checkpoints"):
        train(resumed, data, tmp_path, epochs=3)
    assert names(tmp_path) == before


@pytest.mark.usefixtures("two_epochs")
def test_a_checkpoint_of_other_networks_is_refused(make_gan, data, tmp_path):
    with pytest.raises(ValueError, match="is of other networks or optimizers"):
        train(make_gan(3, family="dcgan"), data, tmp_path, epochs=2)


@pytest.mark.usefixtures("two_epochs")
def test_another_trainings_checkpoints_are_not_overwritten(make_gan, data, tmp_path):
    with pytest.raises(ValueError, match="holds checkpoints of another training"):
        make_gan(3).fit(data.batches(8), steps_per_epoch=2, verbose=0, callbacks=[Checkpoint(tmp_path / "checkpoints")])


def test_a_failed_write_leaves_the_old_checkpoint_and_no_rest(resumed, data, tmp_path, monkeypatch):
    path = tmp_path / "checkpoints" / "step-000000012.keras"
    content = path.read_bytes()

    def fail(path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    before = names(tmp_path)
    monkeypatch.setattr(resumed, "save", fail)
    with pytest.raises(OSError, match=r"cannot write the checkpoint .*: No space left on device"):
        train(resumed, data, tmp_path, epochs=3)
    assert path.read_bytes() == content
    assert names(tmp_path) == before


def test_other_callbacks_may_end_the_epoch_that_was_broken_off(resumed, data, tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    train(resumed, data, tmp_path, epochs=5, extra=[StopAt(14, interrupt)])
    history = train(resumed, data, tmp_path, epochs=5, extra=[Stop()])
    assert list(history) == [2]
    assert int(resumed.step) == 18


def test_a_time_limit_goes_on_counting(resumed, data, tmp_path):
    def limited(minutes, epochs):
        limit = TimeLimit(minutes)
        train(resumed, data, tmp_path, epochs, extra=[limit], stateful=[limit])
        return limit

    first = limited(60.0, 3)
    assert first.elapsed > 0
    second = limited(60.0, 4)
    assert 0 < second._before < first.elapsed
    third = limited(second._before, 9)
    assert int(resumed.step) == 25  # The limit was passed already: one step.
    assert third._before > 0


def test_a_signal_saves_and_says_which_it_was(make_gan, data, tmp_path):
    checkpoint = Checkpoint(tmp_path / "checkpoints")
    terminate = StopAt(2, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Interrupted) as stop, checkpoint.stop_on_signals():
        make_gan(3).fit(data.batches(8), steps_per_epoch=STEPS, verbose=0, callbacks=[terminate, checkpoint])
    assert stop.value.signum == signal.SIGTERM
    assert names(tmp_path) == ["step-000000000.keras", "step-000000002.keras"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ignored_signals_stay_ignored(tmp_path):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Checkpoint(tmp_path).stop_on_signals():
        interrupt()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_the_second_signal_interrupts_at_once(tmp_path):
    with Checkpoint(tmp_path).stop_on_signals():
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            interrupt()


def test_wrong_arguments_are_refused(tmp_path):
    for kwargs in ({"keep": 0}, {"every_steps": 0}, {"mode": "least"}):
        with pytest.raises(ValueError, match="must be"):
            Checkpoint(tmp_path, **kwargs)


def test_a_history_is_cut_at_the_first_row_that_is_trained_again_or_not_whole(resumed, data, tmp_path):
    path = tmp_path / "history.csv"
    whole = path.read_text()
    assert "val_" not in whole
    for content in (whole[:-5], whole + "2,0.5", whole + "2,0.1,0.2\n"):
        path.write_text(content)
        train(resumed, data, tmp_path, epochs=3)
        lines = path.read_text().splitlines()
        assert [line.split(",")[0] for line in lines] == (
            ["epoch", "0", "2"] if content == whole[:-5] else ["epoch", "0", "1", "2"]
        )
        path.write_text(whole)
        for file in (tmp_path / "checkpoints").glob("step-000000018.keras"):
            file.unlink()


def test_several_steps_in_one_execution_are_stopped_and_resumed_too(make_gan, data, tmp_path):
    def make():
        keras.utils.set_random_seed(7)
        augmentation = kg.augmentation.Augmentation(("brightness",))
        return make_gan(3, compile_args={"steps_per_execution": 4}, augmentation=augmentation)

    whole, parted = make(), make()
    (tmp_path / "whole").mkdir()
    history = train(whole, data, tmp_path / "whole", epochs=3, every_steps=3, keep=9)
    assert names(tmp_path / "whole") == [f"step-{step:09d}.keras" for step in (0, 4, 8, 12, 16, 20, 24)]
    expected = train(parted, data, tmp_path, epochs=3, extra=[StopAt(12, interrupt)])
    assert int(parted.step) == 12
    assert checkpoints.read_state(tmp_path / "checkpoints" / "step-000000012.keras")["batch"] == 4
    expected |= train(parted, data, tmp_path, epochs=3)
    assert_same(whole, parted)
    assert history == expected


def fit(gan, data, epochs, *callbacks):
    batches = data.batches(8, start_step=int(gan.step))
    gan.fit(batches, epochs=epochs, steps_per_epoch=STEPS, shuffle=False, verbose=0, callbacks=list(callbacks))


@pytest.fixture(scope="module")
def some_gan(make_gan):
    return make_gan(3)


def test_training_goes_on_after_each_signal(some_gan, data, tmp_path):
    checkpoint, first = Checkpoint(tmp_path), int(some_gan.step)
    with checkpoint.stop_on_signals():
        with pytest.raises(Interrupted):
            fit(some_gan, data, 2, StopAt(first + 2, interrupt), checkpoint)
        checkpoint.restore(some_gan)
        fit(some_gan, data, 1, checkpoint)
        assert int(some_gan.step) == first + STEPS
        with pytest.raises(KeyboardInterrupt):
            fit(some_gan, data, 2, StopAt(first + STEPS + 1, lambda: (interrupt(), interrupt())), checkpoint)
    checkpoint.restore(some_gan)
    fit(some_gan, data, 2, checkpoint)
    assert int(some_gan.step) == first + 2 * STEPS


def test_a_signal_after_the_last_step_is_not_lost(tmp_path):
    with pytest.raises(Interrupted), Checkpoint(tmp_path).stop_on_signals():
        interrupt()


def test_a_fit_without_the_checkpoint_begins_with_the_first_epoch(some_gan, data, tmp_path):
    checkpoint = Checkpoint(tmp_path)
    for _ in range(2):
        fit(some_gan, data, 1, checkpoint)  # The second time nothing is left to train.
    first = int(some_gan.step)
    fit(some_gan, data, 1)
    assert int(some_gan.step) == first + STEPS


def test_a_checkpoint_callback_of_another_model_is_refused(some_gan, make_gan, data, tmp_path):
    checkpoint = Checkpoint(tmp_path)
    fit(some_gan, data, 1, checkpoint)
    with pytest.raises(ValueError, match="holds checkpoints of another training"):
        fit(make_gan(3), data, 2, checkpoint)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_an_epoch_whose_data_ran_out_does_not_shorten_the_next(some_gan, data, tmp_path):
    checkpoint, first = Checkpoint(tmp_path), int(some_gan.step)
    few = data.batches(8).take(4)
    some_gan.fit(few, epochs=2, steps_per_epoch=STEPS, shuffle=False, verbose=0, callbacks=[checkpoint])
    assert int(some_gan.step) == first + 8


class Count(kg.callbacks.StatefulCallback):
    def __init__(self, count):
        super().__init__()
        self.count = count

    def get_state(self):
        return {"count": self.count}

    def set_state(self, state):
        self.count = state["count"]


def test_two_callbacks_of_one_class_have_a_state_each(some_gan, data, tmp_path):
    fit(some_gan, data, 1, Checkpoint(tmp_path, stateful=[Count(3), Count(5)]))
    restored = [Count(0), Count(0)]
    Checkpoint(tmp_path, stateful=restored).restore(some_gan)
    assert [part.count for part in restored] == [3, 5]


def test_means_of_an_older_checkpoint_are_one_number_for_all_replicas(some_gan):
    (tracker, *_) = some_gan.metrics
    checkpoints.set_metrics_state([tracker], {tracker.name: [6.0, 4.0]})
    assert float(tracker.result()) == 1.5
    checkpoints.set_metrics_state([tracker], {tracker.name: [[2.0, 1.0], [3.0, 3.0]]})
    assert checkpoints.metrics_state([tracker]) == {tracker.name: [[3.0], [6.0]]}
