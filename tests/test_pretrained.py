"""Starting from the weights of another model."""

import numpy as np
import pytest
from commands import fails

import keras_gan as kg
from keras_gan.training import load_pretrained

QUICK = ["train", "--preset", "mlp", "--epochs", "1", "--set", "epoch_steps=5", "--export-dir", "out"]


def build(num_classes, seed, **settings):
    config = kg.presets.Config(conditional=True, seed=seed, precision="float32", **settings)
    return kg.presets.build(config, (8, 8, 1), num_classes)


def test_what_fits_is_taken_over_and_the_rest_named():
    source, gan = build(3, 0), build(5, 1)
    before = {weight.path: np.array(weight) for weight in gan.discriminator.weights}
    generator, discriminator = load_pretrained(gan, source)
    assert generator.left_out == {"label_embedding/kernel": "(3, 64) there, (5, 64) here"}
    assert discriminator.left_out == {"label_embedding/kernel": "(3, 256) there, (5, 256) here"}
    theirs = {weight.path: np.array(weight) for weight in source.discriminator.weights}
    for weight in gan.discriminator.weights:
        expected = before if weight.path in discriminator.left_out else theirs
        np.testing.assert_array_equal(weight, expected[weight.path])
    for average, weight in zip(gan.ema_generator.weights, gan.generator.weights):
        np.testing.assert_array_equal(average, weight)
    assert "left out label_embedding/kernel: (3, 64) there" in str(generator)


def test_two_trained_gans_become_one_that_samples_as_they_do():
    one, two = build(3, 1), build(3, 2)
    for source in (one, two):  # As after training.
        source.ema_generator.set_weights([weight + 0.01 for weight in source.ema_generator.get_weights()])
    gan = build(3, 0, generator="dcgan+dcgan", discriminator="dcgan+dcgan")
    reports = load_pretrained(gan, one, two)
    assert [len(report.left_out) for report in reports] == [0] * 4
    latents = np.random.default_rng(0).normal(size=(2, 64)).astype("float32")
    labels = np.eye(3, dtype="float32")[:2]
    chosen = np.concatenate([latents, [[-1.0], [1.0]]], axis=1).astype("float32")
    images = np.array(gan([chosen, labels]))
    np.testing.assert_allclose(images[0], one([latents, labels])[0], atol=1e-5)
    np.testing.assert_allclose(images[1], two([latents, labels])[1], atol=1e-5)
    logits = gan.discriminator([images, labels])
    np.testing.assert_allclose(logits[:, :1], one.discriminator([images, labels]), atol=1e-5)
    np.testing.assert_allclose(logits[:, 1:], two.discriminator([images, labels]), atol=1e-5)
    with pytest.raises(ValueError, match="2 pretrained models need as many members, ensemble has 3"):
        load_pretrained(build(3, 0, generator="dcgan+dcgan", discriminator="dcgan+dcgan+dcgan"), one, two)


def test_names_do_not_depend_on_what_was_built_before():
    assert [w.path for w in build(3, 0).generator.weights] == [w.path for w in build(3, 0).generator.weights]


def test_other_networks_are_refused():
    with pytest.raises(ValueError, match="the pretrained model does not fit"):
        load_pretrained(build(3, 0), build(3, 0, generator="mlp", discriminator="mlp"))


def test_on_the_command_line(run):
    assert run(*QUICK, "--run-dir", "first").exit_code == 0
    result = run(*QUICK, "--conditional", "--dry-run", "--set", "pretrained=first")
    assert result.exit_code == 0, result.output
    assert "weights of mlp_generator" in result.output
    assert "left out label_embedding/kernel: not in the pretrained model" in result.output
    both = ["--set", "generator=mlp+mlp", "--set", "discriminator=mlp+mlp", "--run-dir", "both"]
    result = run(*QUICK, *both, "--set", "pretrained=first+first")
    assert result.exit_code == 0, result.output
    assert result.output.count("weights of member_2") == 2
    assert run("generate", "both", "--num", 4, "--output", "both.png").exit_code == 0
    fails(run(*QUICK, "--set", "pretrained=first+first"), 2, "2 pretrained models need as many members")
    fails(run(*QUICK, "--set", "pretrained=third"), 2, "pretrained: there is no third")
    fails(run(*QUICK, "--set", "pretrained=out"), 2, "SavedModel, which holds no discriminator")
    fails(run(*QUICK[:2], "dcgan", *QUICK[3:], "--set", "pretrained=first"), 2, "the pretrained model does not fit")


def test_networks_grow_from_the_command_line(run):
    networks = ["generator=progressive", "discriminator=progressive", "generator_width=8", "discriminator_width=8"]
    networks += ["epoch_steps=5"]
    quick = ["train", "--epochs", "1", "--export-dir", "out", *(part for each in networks for part in ("--set", each))]
    assert run(*quick, "--set", "image_size=9", "--run-dir", "small").exit_code == 0
    result = run(*quick, "--set", "image_size=18", "--set", "pretrained=small", "--run-dir", "large")
    assert result.exit_code == 0, result.output
    assert "8 of 16 weights of progressive_generator" in result.output
    assert "left out to_image_2/kernel: not in the pretrained model" in result.output
    assert "6 of 10 weights of progressive_discriminator" in result.output
