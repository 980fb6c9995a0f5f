import functools
import random

import keras
import numpy as np
import pytest
from commands import fails, invoke

import keras_gan as kg
from keras_gan import losses, presets, regularizers
from keras_gan.networks import register_discriminator, register_generator
from keras_gan.presets import precision


@pytest.mark.parametrize("name", presets.PRESETS)
def test_every_preset_builds_and_trains(name, images):
    config = presets.preset(name).replace(precision="float32")
    assert presets.build(config, (8, 8, 1), 3).num_classes is None
    gan = presets.build(config.replace(conditional=True), (8, 8, 1), 3)
    assert gan.num_classes == 3
    gan.fit(*images, batch_size=32, verbose=0)
    assert presets.preset(name).__class__ is presets.Config
    assert presets.PRESETS[name].__doc__


def test_mlp_has_the_numbers_of_the_sources():
    gan = presets.build(presets.preset("mlp"), (28, 28, 1))
    for optimizer in (gan.generator_optimizer, gan.discriminator_optimizer):
        assert type(optimizer) is kg.optimizers.Adam
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


def test_names_joined_by_plus_are_a_combination(images):
    config = presets.Config(
        generator="dcgan+dcgan",
        discriminator="dcgan+dcgan",
        generator_share_until="dense",
        discriminator_width=8,
        loss="kullback_leibler+reverse_kullback_leibler",
        packing=2,
        conditional=True,
        precision="float32",
    )
    gan = presets.build(config, (8, 8, 1), 3)
    assert (gan.generator.name, gan.discriminator.name) == ("mixture", "ensemble")
    assert gan.latent_dim == config.latent_dim + 1
    assert gan.discriminator(gan.discriminator.inputs).shape == (None, 2)
    assert [type(loss) for loss in gan.adversarial_loss.losses] == [
        losses.KullbackLeibler,
        losses.ReverseKullbackLeibler,
    ]
    gan.fit(*images, batch_size=32, verbose=0)
    single = presets.build(presets.Config(generator="mlp+dcgan", generator_width=8), (8, 8, 1))
    assert type(single.adversarial_loss) is losses.NonSaturating


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"generator": "dcgan+dcgam"}, "unknown generator 'dcgam'"),
        ({"generator": "dcgan+"}, "generator: a name is missing; several are joined by"),
        ({"loss": "hinge+hinge"}, "2 losses .* for 1 discriminator: give one loss"),
        ({"discriminator_share_until": "dense"}, r"is for several, such as discriminator=dcgan\+dcgan"),
        ({"packing": 3}, "multiple of packing, got 64 and 3"),
        ({"packing": 0}, "discriminator_packing must be a whole number greater than 0"),
        ({"discriminator": "mlp+mlp", "discriminator_width": 8}, "not mlp"),
        ({"discriminator": "mlp+resnet", "discriminator_initializer": "small_residual"}, "for resnet, not mlp"),
    ],
)
def test_combinations_that_do_not_fit(settings, message):
    with pytest.raises(ValueError, match=message):
        presets.Config(**settings)


@pytest.mark.parametrize(
    ("schedule", "settings", "expected"),
    [
        ("constant", {}, [1.0, 1.0, 1.0, 1.0]),
        ("step", {"decay_steps": 10, "decay_rate": 0.3}, [1.0, 1.0, 0.3, 0.09]),
        ("linear", {"decay_steps": 10}, [1.0, 0.5, 0.0, 0.0]),
        ("cosine", {"decay_steps": 10}, [1.0, 0.5, 0.0, 0.0]),
    ],
)
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_schedules_are_their_closed_forms(schedule, settings, expected, player):
    of_player = {f"{player}_schedule": schedule, f"{player}_learning_rate": 0.01}
    gan = presets.build(presets.Config(**of_player, **settings), (8, 8, 1))
    optimizer = getattr(gan, f"{player}_optimizer")
    rates = []
    for step in (0, 5, 10, 20):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    np.testing.assert_allclose(rates, 0.01 * np.array(expected), atol=1e-9)
    other = gan.discriminator_optimizer if player == "generator" else gan.generator_optimizer
    assert float(other.learning_rate) == pytest.approx(2e-4)


def test_a_schedule_without_an_end_of_its_own_lasts_the_epochs():
    config = presets.Config(discriminator_schedule="linear", discriminator_learning_rate=1.0, epochs=4)
    optimizer = presets.build(config, (8, 8, 1), steps_per_epoch=5).discriminator_optimizer
    optimizer.iterations.assign(15)
    assert float(optimizer.learning_rate) == pytest.approx(0.25)
    with pytest.raises(ValueError, match="the schedule linear has no end: give decay_steps, minutes, or epochs"):
        presets.build(config, (8, 8, 1))


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_warmup_rises_linearly_to_the_schedule(schedule, tmp_path):
    ends = {} if schedule == "constant" else {"decay_steps": 100}
    config = presets.Config(generator_schedule=schedule, generator_learning_rate=0.01, warmup_steps=4, **ends)
    gan = presets.build(config, (8, 8, 1))
    gan.save(tmp_path / "gan.keras")
    for model in (gan, keras.saving.load_model(tmp_path / "gan.keras")):
        for step, share in enumerate((0.25, 0.5, 0.75, 1.0, 1.0)):
            model.generator_optimizer.iterations.assign(step)
            full = 0.01 * (0.5 + 0.5 * np.cos(np.pi * step / 100) if schedule == "cosine" else 1.0)
            assert float(model.generator_optimizer.learning_rate) == pytest.approx(share * full, rel=1e-5)


def test_build_reaches_every_lever():
    config = presets.Config(
        generator="resnet",
        generator_width=8,
        discriminator_width=16,
        generator_initializer="orthogonal",
        discriminator_initializer="normal",
        spectral_normalization=True,
        dropout=0.3,
        label_smoothing=0.1,
        r2=0.2,
        dragan=1.0,
        lecam=0.3,
        augmentation="translation+noise",
        augmentation_probability=0.2,
        generator_optimizer="rmsprop",
        discriminator_optimizer="sgd",
    )
    gan = presets.build(config, (8, 8, 1))
    assert gan.generator.get_layer("up_1").filters == 4
    assert gan.discriminator.get_layer("down_2").layer.filters == 16
    assert np.std(gan.discriminator.get_layer("dense").layer.kernel) == pytest.approx(0.02, rel=0.1)
    kernel = np.array(gan.generator.get_layer("up_1").kernel).reshape(-1, 8)
    np.testing.assert_allclose(kernel.T @ kernel, np.eye(8), atol=1e-4)
    assert [layer.rate for layer in gan.discriminator.layers if isinstance(layer, keras.layers.Dropout)] == [0.3]
    assert gan.adversarial_loss.label_smoothing == 0.1
    assert [regularizer.name for regularizer in gan.regularizers] == ["r2", "dragan", "lecam"]
    assert gan.augmentation.transformations == ("translation", "noise")
    assert float(gan.augmentation.probability) == pytest.approx(0.2)
    assert type(gan.generator_optimizer) is keras.optimizers.RMSprop
    assert type(gan.discriminator_optimizer) is keras.optimizers.SGD


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
    assert (config.penalties["r1"], config.latent_dim, config.loss, config.conditional) == (0.5, 32, "hinge", True)
    assert (config.minutes, config.epochs) == (None, 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lossy": "hinge"}, "unknown setting 'lossy': did you mean loss"),
        ({"loss": "hinges"}, "unknown loss 'hinges': did you mean hinge"),
        ({"latent_dim": "many"}, "latent_dim must be a whole number greater than 0, got 'many'"),
        ({"latent_dim": "0"}, "latent_dim must be a whole number greater than 0"),
        ({"r1": "-1"}, "r1 must be a number from 0 on"),
        ({"r1": "nan"}, "r1 must be a number from 0 on"),
        ({"r1": "inf"}, "r1 must be a number from 0 on"),
        ({"seed": "99999999999999999999"}, "seed must be a whole number from 0 on"),
        ({"ema_decay": "1"}, r"ema_decay must be a number in \[0, 1\)"),
        ({"conditional": "maybe"}, "conditional must be true or false"),
        ({"generator": "gru"}, "unknown generator 'gru'"),
        ({"generator_initializer": "xavier"}, "unknown generator initializer 'xavier'"),
        ({"discriminator_schedule": "cosin"}, "unknown discriminator schedule 'cosin': did you mean cosine"),
        ({"generator_schedule": "step", "epochs": "9"}, "the schedule step needs decay_steps"),
        ({"decay_steps": "9"}, "decay_steps needs a schedule, such as generator_schedule=cosine"),
        ({"generator_schedule": "cosine", "decay_rate": "0.9"}, "decay_rate is for the schedule step"),
        (
            {"discriminator": "progressive", "discriminator_initializer": "small_residual"},
            "discriminator's initializer small_residual is for resnet, not progressive",
        ),
        ({"generator_initializer": "small_residual"}, "small_residual is for resnet and progressive, not dcgan"),
        (
            {"generator": "mlp", "generator_width": "9"},
            "is for dcgan, fastgan, resnet, progressive, not mlp",
        ),
        ({"loss": "hinge", "label_smoothing": "0.1"}, "the loss hinge has no target to smooth"),
        ({"dropout": "1"}, r"discriminator_dropout must be a number in \[0, 1\)"),
        ({"augmentation": "translation+spin"}, "unknown augmentation 'spin'"),
        ({"augmentation": "translation,cutout"}, "unknown augmentation 'translation,cutout': several are joined by"),
        ({"augmentation": ""}, "augmentation: a name is missing; several are joined by"),
        ({"generator_optimizer": "adam,sgd"}, "unknown generator optimizer 'adam,sgd': (there are|did you mean) adam"),
        ({"generator_schedule": ""}, "generator schedule: a name is missing; such as constant or step"),
        ({"augmentation_probability": "1"}, "augmentation_probability needs an augmentation"),
        ({"adaptive_augmentation": "true"}, "adaptive_augmentation needs an augmentation"),
        ({"R1": "0.3"}, "unknown setting 'R1': did you mean r1"),
        ({"r1": "much"}, "r1 must be a number from 0 on, got 'much'"),
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


def test_a_precision_that_is_given_stays():
    assert presets.resolve_precision("float32") == "float32"
    assert presets.resolve_precision("mixed_float16") == "mixed_float16"


@pytest.mark.parametrize(
    ("flags", "chosen", "why"),
    [
        ("flags\t\t: fpu avx2 avx512_bf16 fma", "mixed_bfloat16", "the processor has instructions for bfloat16"),
        ("flags\t\t: fpu amx_bf16", "mixed_bfloat16", "the processor has instructions for bfloat16"),
        ("flags\t\t: fpu avx2 avx512f fma", "float32", "the processor has no instructions for bfloat16"),
    ],
)
def test_the_processor_decides_the_precision_and_the_log_says_why(flags, chosen, why, tmp_path, monkeypatch, caplog):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{flags}\nbugs\t\t: none\n")
    of_processor = functools.partial(precision._bfloat16_of_processor, tmp_path / "cpuinfo")
    monkeypatch.setattr(precision, "_bfloat16_of_processor", of_processor)
    caplog.set_level("INFO", "keras_gan")
    assert presets.resolve_precision("auto") == chosen
    assert caplog.messages == [f"Precision {chosen}: {why}"]


@pytest.mark.parametrize(("capability", "chosen"), [((9, 0), "mixed_bfloat16"), ((7, 5), "float32")])
def test_the_gpu_decides_the_precision(capability, chosen, monkeypatch, caplog):
    monkeypatch.setattr(precision.tf.config, "list_physical_devices", lambda kind: ["GPU:0"])
    details = {"compute_capability": capability}
    monkeypatch.setattr(precision.tf.config.experimental, "get_device_details", lambda gpu: details)
    assert presets.resolve_precision("auto") == chosen


@pytest.mark.parametrize(("share", "chosen"), [(0.5, "mixed_bfloat16"), (1.0, "float32")])
def test_where_nothing_is_known_products_are_timed_whatever_the_load(share, chosen, monkeypatch, caplog):
    rng = np.random.default_rng(0)
    load = iter(np.repeat(rng.choice([1.0, 1.5, 6.0], 200), 2) * rng.uniform(1.0, 1.3, 400))
    monkeypatch.setattr(precision, "_bfloat16_of_processor", lambda: None)
    monkeypatch.setattr(precision, "_seconds", lambda matrix: next(load) * (share if matrix.dtype == "bfloat16" else 1))
    caplog.set_level("INFO", "keras_gan")
    assert presets.resolve_precision("auto") == chosen
    assert "of the time of one in float32" in caplog.text


def test_products_are_really_timed():
    assert 0.0 < precision._seconds(precision.tf.ones((64, 64), "bfloat16")) < 60.0


def test_building_and_training_a_classifier_leave_the_callers_random_numbers_alone():
    images, labels = np.zeros((20, 8, 8, 1), "uint8"), np.arange(20) % 2
    before = random.getstate(), np.random.get_state()[1].tolist()
    presets.build(presets.Config(), (8, 8, 1))
    kg.metrics.train_classifier(images, labels, 2, steps=1)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_a_key_without_its_player_means_both_unless_one_is_named():
    config = presets.Config(width=8, generator_width=4, beta_1="0.25")
    assert (config.generator.width, config.discriminator.width) == (4, 8)
    assert config.generator.beta_1 == config.discriminator.beta_1 == 0.25
    assert presets.Config(generator_width=4, width=8) == config.replace(beta_1=0.5)


def test_settings_by_key_make_the_same_config():
    config = presets.relativistic().replace(generator="dcgan+resnet", lecam=0.1, dropout=0.2)
    assert presets.Config(**config.by_key()) == config
    assert config.penalties == {"r1": 0.3, "r2": 0.3, "lecam": 0.1}
    assert config.replace(lecam=0.0).penalties == {"r1": 0.3, "r2": 0.3}


def test_every_setting_explains_itself():
    found = {each.key: each for each in presets.explanations()}
    assert list(found) == list(presets.Config().by_key())
    assert all(each.meaning and each.values for each in found.values())
    assert found["generator_beta_1"].values == "a number in [0, 1)"
    assert found["image_size"].values == "pixels, or HEIGHTxWIDTH such as 48x64, or none"
    assert found["batch_size"].values == "a whole number greater than 0"
    assert "resnet" in found["discriminator"].values
    assert "penalty on real images" in found["r1"].meaning


@pytest.mark.parametrize(
    ("key", "explained"),
    [
        ("r1", ["r1"]),
        ("generator-width", ["generator_width"]),
        ("discriminator.width", ["discriminator_width"]),
        ("width", ["generator_width", "discriminator_width"]),
        ("discriminator_steps", ["discriminator_steps"]),
    ],
)
def test_a_setting_is_explained_on_the_command_line(key, explained):
    result = invoke("presets", "--explain", key)
    assert result.exit_code == 0, result.output
    assert [line for line in result.output.splitlines() if not line.startswith(" ")] == explained
    assert "default " in result.output


def test_all_settings_are_explained_on_the_command_line():
    assert all(f"\n{key}\n" in "\n" + invoke("presets", "--explain").output for key in presets.Config().by_key())
    fails(invoke("presets", "--explain", "widht"), 2, "unknown setting 'widht': did you mean width")
    fails(invoke("presets", "--explain", ""), 2, "setting: a name is missing")


def test_what_a_family_does_not_take_is_refused():
    @register_discriminator()
    def plain_discriminator(image_shape, num_classes=None):
        return kg.networks.mlp_discriminator(image_shape, num_classes, units=(4,))

    try:
        gan = presets.build(presets.Config(discriminator="plain", precision="float32"), (8, 8, 1))
        assert gan.discriminator.count_params() == 64 * 4 + 4 + 4 + 1
        with pytest.raises(ValueError, match="discriminator_dropout is for mlp, dcgan, resnet, progressive, not plain"):
            presets.Config(discriminator="plain", dropout=0.1)
        # Of several members, those that take it have it.
        assert presets.Config(discriminator="plain+mlp", dropout=0.1).discriminator.dropout == 0.1
    finally:
        del kg.networks.DISCRIMINATORS["plain"]
    with pytest.raises(ValueError, match="plain must be called NAME_discriminator"):

        @register_discriminator()
        def plain(image_shape, num_classes):
            pass

    with pytest.raises(ValueError, match="arguments of plain_generator must be image_shape, num_classes, latent_dim"):

        @register_generator()
        def plain_generator(image_shape, latent_dim):
            pass


@pytest.mark.parametrize(
    ("settings", "steps", "chosen"),
    [
        ({}, 5000, "on"),
        ({}, 500, "off"),
        ({"epochs": None, "minutes": 2.0}, None, "on"),
        ({"epochs": None, "minutes": 0.1}, None, "off"),
        ({"discriminator": "dcgan"}, 5000, "off"),
        ({"generator": "mlp+dcgan"}, 5000, "off"),
        ({"jit_compile": "off"}, 5000, "off"),
        ({"discriminator": "dcgan", "jit_compile": "on"}, 1, "on"),
    ],
)
def test_xla_compiles_long_runs_of_dense_networks(settings, steps, chosen):
    assert presets.resolve_compilation(presets.preset("mlp").replace(**settings), steps) == chosen


@pytest.mark.parametrize(
    ("most", "epoch", "together"), [(8, 64, 8), (8, 100, 5), (8, 937, 1), (1, 10, 1), (8, None, 8)]
)
def test_steps_in_a_row_divide_an_epoch(most, epoch, together):
    config = presets.Config(width=4, steps_per_execution=most)
    gan = presets.build(config, (8, 8, 1), steps_per_epoch=epoch)
    assert gan.steps_per_execution == together
    assert not gan.jit_compile
    assert presets.build(config.replace(jit_compile="on"), (8, 8, 1)).jit_compile


@pytest.mark.parametrize(("steps", "whole"), [(10, 10), (32, 32), (250, 256), (937, 960)])
def test_an_epoch_is_whole_executions_on_every_machine(steps, whole):
    assert presets.whole_executions(steps) == whole


def test_a_network_of_another_family_loses_what_it_does_not_have():
    config = presets.preset("quick")
    assert config.generator.width == config.discriminator.width == 32
    pair = config.replace(generator="mlp")
    assert (pair.generator.width, pair.discriminator.width) == (None, 32)
    assert config.replace(generator="resnet").generator.width == 32
    with pytest.raises(kg.UserError, match="generator_width is for dcgan"):
        config.replace(generator="mlp", generator_width=9)
