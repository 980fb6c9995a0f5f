"""Automatic balance: the factor by hand, and that it is what moves the weights."""

import keras
import numpy as np
import pytest

from keras_gan import presets
from keras_gan.balance import GapAwareAdam


def optimizer(loss, **kwargs):
    made = GapAwareAdam(0.1, ideal_loss=1.0, reach=0.5, decay=0.0, **kwargs)
    variable = keras.Variable([1.0, 2.0])
    made.build([variable])
    made.scale_loss(loss)
    return made, variable


@pytest.mark.parametrize(
    ("loss", "factor"),
    [(1.0, 1.0), (0.75, 0.1**0.5), (0.5, 0.1), (-9.0, 0.1), (1.25, 2.0**0.5), (1.5, 2.0), (9.0, 2.0)],
)
def test_the_factor_by_hand(loss, factor):
    made, variable = optimizer(loss)
    assert float(made.factor) == pytest.approx(factor, rel=1e-5)
    # The first step of Adam is the learning rate, in the direction of the gradient's sign.
    made.apply([np.array([3.0, -5.0], "float32")])
    np.testing.assert_allclose(variable, [1.0 - 0.1 * factor, 2.0 + 0.1 * factor], rtol=1e-4)


def test_the_running_mean_leaves_out_what_is_not_finite():
    made = GapAwareAdam(ideal_loss=1.0, decay=0.75)
    made.build([keras.Variable([1.0])])
    made.scale_loss(2.0)
    assert float(made.mean_loss) == pytest.approx(1.25)
    made.scale_loss(float("nan"))
    assert float(made.mean_loss) == pytest.approx(1.25)


def test_it_is_saved_with_a_model(images, tmp_path):
    config = presets.Config(discriminator_optimizer="gap_aware", loss="relativistic", r1=0.1)
    gan = presets.build(config, (8, 8, 1))
    gan.fit(images[0], batch_size=32, verbose=0)
    mean = float(gan.discriminator_optimizer.mean_loss)
    assert mean != pytest.approx(np.log(2), abs=1e-6)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras").discriminator_optimizer
    assert type(loaded) is GapAwareAdam
    assert float(loaded.mean_loss) == mean
    assert loaded.ideal_loss == pytest.approx(np.log(2))


def test_wrong_arguments_are_refused():
    for wrong in ({"slowest": 0.0}, {"fastest": 0.5}, {"reach": 0.0}, {"decay": 1.0}):
        with pytest.raises(ValueError, match="need 0 < slowest"):
            GapAwareAdam(**wrong)
    for settings in (
        {"generator_optimizer": "gap_aware"},
        {"discriminator_optimizer": "gap_aware", "loss": "wasserstein"},
    ):
        with pytest.raises(ValueError, match="gap_aware is for the discriminator"):
            presets.Config(**settings)
