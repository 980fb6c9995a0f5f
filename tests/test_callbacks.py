import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_gan import callbacks, presets
from keras_gan.callbacks import progress
from keras_gan.optimizers import lower_learning_rate, set_progress
from keras_gan.pictures import image_grid


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize("num_classes", [None, 3])
def test_sample_images_writes_a_grid_an_epoch_from_the_same_latents(make_gan, images, tmp_path, num_classes):
    gan = make_gan(num_classes)
    sampler = callbacks.SampleImages(tmp_path / "samples", tmp_path / "logs")
    gan.fit(*images, batch_size=16, epochs=2, verbose=0, callbacks=[sampler])
    names = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert names == ["epoch-0001.png", "epoch-0002.png"]
    last = read(tmp_path / "samples" / names[1])
    np.testing.assert_array_equal(last, callbacks.sample_grid(gan)[..., 0])
    assert last.shape == ((3 * 66 + 2, 10 * 66 + 2) if num_classes else (8 * 66 + 2, 8 * 66 + 2))
    tags = {
        value.tag
        for path in (tmp_path / "logs").iterdir()
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    }
    assert tags == {"samples"}


def test_a_row_of_the_grid_is_a_class(make_gan):
    gan = make_gan(3)
    grid = callbacks.sample_grid(gan, seed=5)
    second = gan.generate(10, labels=1, seed=5)
    np.testing.assert_array_equal(grid[66:134], image_grid(second, 10))


class Clock(keras.callbacks.Callback):
    """A clock by which a step takes ten seconds; notes the learning rates of the steps."""

    def __init__(self):
        super().__init__()
        self.seconds, self.rates = 0.0, []

    def monotonic(self):
        return self.seconds

    def on_train_batch_end(self, batch, logs=None):
        self.seconds += 10.0
        optimizers = self.model.generator_optimizer, self.model.discriminator_optimizer
        self.rates.append([float(optimizer.learning_rate) for optimizer in optimizers])


def test_time_limit_stops_after_the_step_that_reaches_it(make_gan, images, monkeypatch):
    clock, gan = Clock(), make_gan()
    monkeypatch.setattr(progress, "time", clock)
    gan.fit(images[0], batch_size=8, epochs=10, verbose=0, callbacks=[clock, callbacks.TimeLimit(0.5)])
    assert int(gan.step) == 3
    with pytest.raises(ValueError, match="minutes"):
        callbacks.TimeLimit(0)


def test_schedules_follow_the_clock_where_time_ends_a_run(images, monkeypatch, tmp_path):
    settings = {"generator_learning_rate": 1.0, "discriminator_learning_rate": 1e-3, "minutes": 0.5, "warmup_steps": 1}
    gan = presets.build(presets.Config(generator_schedule="linear", **settings), (8, 8, 1))
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    gan.fit(images[0], batch_size=8, epochs=10, verbose=0, callbacks=[clock, callbacks.TimeLimit(0.5)])
    np.testing.assert_allclose(clock.rates, [[1.0, 1e-3], [2 / 3, 1e-3], [1 / 3, 1e-3]], rtol=1e-5)
    # As after a rollback, and in a file.
    lower_learning_rate(gan.generator_optimizer, 0.5, 0.5)
    set_progress(gan.generator_optimizer, 0.9)
    gan.save(tmp_path / "gan.keras")
    for model in (gan, keras.saving.load_model(tmp_path / "gan.keras")):
        assert float(model.generator_optimizer.learning_rate) == pytest.approx(0.05)


def test_learning_rates_are_in_the_history(images, tmp_path):
    settings = {"generator_learning_rate": 1e-2, "discriminator_learning_rate": 1e-3, "warmup_steps": 8}
    gan = presets.build(presets.Config(generator_schedule="step", decay_steps=8, **settings), (8, 8, 1))
    kept = [callbacks.LearningRates(), callbacks.CSVHistory(tmp_path / "history.csv")]
    rates = gan.fit(images[0], batch_size=16, epochs=3, verbose=0, callbacks=kept).history
    # Of steps 4, 8 and 12, of which the last comes after a decay to a half at 8.
    np.testing.assert_allclose(rates["generator_learning_rate"], [1e-2 * 5 / 8, 5e-3, 5e-3], rtol=1e-5)
    np.testing.assert_allclose(rates["discriminator_learning_rate"], [1e-3 * 5 / 8, 1e-3, 1e-3], rtol=1e-5)
    assert "generator_learning_rate" in (tmp_path / "history.csv").read_text().splitlines()[0].split(",")


def test_progress_shows_the_time_where_there_is_a_limit(make_gan, images, capsys):
    gan = make_gan()
    gan.fit(
        images[0],
        batch_size=16,
        epochs=2,
        verbose=0,
        callbacks=[callbacks.TimeLimit(3), callbacks.Progress(callbacks.TimeLimit(3))],
    )
    out = capsys.readouterr().out
    assert "Epoch 1, 0.0 of 3 minutes" in out
    assert "d_loss" in out
    assert "Epoch 1/2" not in out
    gan.fit(images[0], batch_size=16, epochs=2, verbose=0, callbacks=[callbacks.Progress()])
    assert "Epoch 1/2" in capsys.readouterr().out


def test_a_file_that_is_no_history_is_not_touched(make_gan, images, tmp_path):
    for text in ("\ufeffepoch,d_loss\n0,1.0\n", "epoch;d_loss\n0;1.0\n", "my results\n"):
        (tmp_path / "history.csv").write_text(text)
        with pytest.raises(ValueError, match="does not begin as a history"):
            make_gan().fit(images[0], verbose=0, callbacks=[callbacks.CSVHistory(tmp_path / "history.csv")])
        assert (tmp_path / "history.csv").read_text() == text


def test_several_steps_in_one_execution_are_counted_as_they_are(make_gan, images, tmp_path, monkeypatch, capsys):
    gan, clock = make_gan(compile_args={"steps_per_execution": 4}), Clock()
    monkeypatch.setattr(progress, "time", clock)
    kept = [callbacks.LearningRates(), callbacks.SampleImages(tmp_path), callbacks.CSVHistory(tmp_path / "history.csv")]
    gan.fit(images[0][:40], batch_size=4, verbose=0, callbacks=[callbacks.Progress(), *kept])
    assert int(gan.step) == 10
    assert "10/10" in capsys.readouterr().out  # The last execution has data for 2 steps of 4.
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 2
    gan.fit(images[0], batch_size=4, epochs=9, verbose=0, callbacks=[clock, callbacks.TimeLimit(0.3)])
    assert int(gan.step) == 10 + 8
