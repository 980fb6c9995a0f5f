import dataclasses

import keras
import numpy as np
import pytest

from keras_gan import losses, presets, regularizers


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("name", presets.PRESETS)
def test_every_preset_builds_and_trains(name, conditional, images):
    config = dataclasses.replace(presets.preset(name), conditional=conditional, precision="float32")
    gan = presets.build(config, (8, 8, 1), 3)
    assert gan.num_classes == (3 if conditional else None)
    gan.fit(*images, batch_size=32, verbose=0)
    assert presets.preset(name).__class__ is presets.Config
    assert presets.PRESETS[name].__doc__


def test_mlp_has_the_numbers_of_the_sources():
    gan = presets.build(presets.preset("mlp"), (28, 28, 1))
    for optimizer in (gan.generator_optimizer, gan.discriminator_optimizer):
        assert type(optimizer) is keras.optimizers.Adam
        assert float(optimizer.learning_rate) == pytest.approx(2e-4)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.5, 0.999)
    assert type(gan.adversarial_loss) is losses.NonSaturating
    assert gan.regularizers == []
    assert gan.latent_dim == 100
    config = presets.preset("mlp")
    assert (config.batch_size, config.epochs) == (64, 10)


def test_build_gives_what_the_config_says():
    config = presets.Config(
        generator="dcgan",
        discriminator="mlp",
        loss="hinge",
        r1=0.5,
        gradient_penalty=10.0,
        generator_learning_rate=1e-3,
        discriminator_learning_rate=2e-3,
        discriminator_steps=2,
        ema_decay=0.5,
        latent_dim=9,
        seed=7,
        precision="mixed_bfloat16",
    )
    gan = presets.build(config, (8, 8, 1))
    assert (gan.generator.name, gan.discriminator.name) == ("dcgan_generator", "mlp_discriminator")
    assert type(gan.adversarial_loss) is losses.Hinge
    assert [type(r) for r in gan.regularizers] == [regularizers.R1, regularizers.GradientPenalty]
    assert float(gan.generator_optimizer.learning_rate) == pytest.approx(1e-3)
    assert float(gan.discriminator_optimizer.learning_rate) == pytest.approx(2e-3)
    assert (gan.discriminator_steps, gan.ema_decay, gan.latent_dim, gan.seed) == (2, 0.5, 9, 7)
    assert gan.discriminator.layers[2].compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def test_the_seed_decides_the_weights():
    weights = [
        presets.build(presets.Config(seed=seed, precision="float32"), (8, 8, 1)).get_weights() for seed in (1, 1, 2)
    ]
    assert all(np.array_equal(a, b) for a, b in zip(weights[0], weights[1]))
    assert not all(np.array_equal(a, b) for a, b in zip(weights[0], weights[2]))


def test_override():
    config = presets.override(
        presets.preset("dcgan"),
        {"r1": "0.5", "latent_dim": "32", "loss": "hinge", "conditional": "true", "minutes": "none", "epochs": "3"},
    )
    assert (config.r1, config.latent_dim, config.loss, config.conditional) == (0.5, 32, "hinge", True)
    assert (config.minutes, config.epochs) == (None, 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lossy": "hinge"}, "unknown setting 'lossy': did you mean loss"),
        ({"loss": "hinges"}, "unknown loss 'hinges': did you mean hinge"),
        ({"latent_dim": "many"}, "latent_dim must be int, got 'many'"),
        ({"latent_dim": "0"}, "latent_dim must be greater than 0"),
        ({"r1": "-1"}, "r1 must be a number from 0 on"),
        ({"r1": "nan"}, "r1 must be a number from 0 on"),
        ({"r1": "inf"}, "r1 must be a number from 0 on"),
        ({"seed": "99999999999999999999"}, "seed must be a number from 0 on"),
        ({"ema_decay": "1"}, r"ema_decay must be in \[0, 1\)"),
        ({"conditional": "maybe"}, "conditional must be true or false"),
        ({"generator": "gru"}, "unknown generator 'gru'"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        presets.override(presets.Config(), settings)


def test_unknown_preset():
    with pytest.raises(ValueError, match="unknown preset 'dcgn': did you mean dcgan"):
        presets.preset("dcgn")


def test_a_conditional_model_needs_classes():
    with pytest.raises(ValueError, match="has no labels: train it with --unconditional"):
        presets.build(presets.Config(conditional=True), (8, 8, 1), None)


def test_precision():
    assert presets.resolve_precision("float32") == "float32"
    assert presets.resolve_precision("auto") in ("float32", "mixed_bfloat16")
