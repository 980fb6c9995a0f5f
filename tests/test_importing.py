"""Models with functions and layers of the user's: loading them in Python and on the command line."""

import sys

import keras
import numpy as np
import pytest
from commands import arrays, fails, run_module
from test_copies import Block, networks, wave

import keras_gan as kg
from keras_gan.importing import import_file
from keras_gan.storage import checkpoints

# What a user keeps in a file: a layer that is registered, and a family.
OWN = """
import keras
import keras_gan as kg
from helper import FACTOR

@keras.saving.register_keras_serializable("own")
class Doubled(keras.layers.Layer):
    def call(self, inputs):
        return FACTOR * inputs

@kg.networks.register_generator()
def doubled_generator(image_shape, num_classes=None, latent_dim=4):
    latents = keras.Input((latent_dim,))
    pixels = keras.layers.Dense(image_shape[0] * image_shape[1] * image_shape[2], activation="tanh")(latents)
    return keras.Model(latents, keras.layers.Reshape(image_shape)(Doubled()(pixels)))
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A Python file, which imports another one beside it; what it registers is forgotten afterwards."""
    (tmp_path / "helper.py").write_text("FACTOR = 0.5\n")
    (tmp_path / "own.py").write_text(OWN)
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = dict(keras.saving.get_custom_objects())
    yield tmp_path / "own.py"
    kg.networks.families.GENERATORS.pop("doubled", None)
    keras.saving.get_custom_objects().clear()
    keras.saving.get_custom_objects().update(known)
    for name in ("helper", "imported_own"):
        sys.modules.pop(name, None)


@pytest.fixture
def foreign(own, tmp_path):
    """A file with a model that needs the layer of `own`, which is not registered any more."""
    import_file(own)
    layer = sys.modules["imported_own"].Doubled()
    gan = kg.GAN(*networks(layer))
    gan.compile()
    gan.save(tmp_path / "foreign.keras")
    keras.saving.get_custom_objects().pop("own>Doubled")
    kg.networks.families.GENERATORS.pop("doubled")
    return tmp_path / "foreign.keras"


def test_a_model_with_unregistered_parts_loads_with_custom_objects(tmp_path, caplog):
    gan = kg.GAN(*networks(Block(wave)), seed=1)
    gan.compile()
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    for name in ("model.keras", "checkpoints/step-000000001.keras"):
        gan.save(tmp_path / "run" / name)
    caplog.clear()
    for path in (tmp_path / "run", tmp_path / "run" / "model.keras"):
        with pytest.raises(kg.UserError) as error:
            kg.export.load(path)
        assert str(error.value) == (
            f"cannot load {tmp_path}/run/model.keras: Could not locate class 'Block'. Give custom_objects, or register "
            "it with Keras, on the command line in a file of --import FILE.py"
        )
        loaded = kg.export.load(path, custom_objects={"Block": Block, "wave": wave})
        np.testing.assert_array_equal(loaded.generate(3), gan.generate(3))
    assert not caplog.messages  # It tried no other file, in which the same would be missing.


def test_a_function_that_only_custom_objects_know_is_named(tmp_path):
    gan = kg.GAN(*networks(keras.layers.Dense(4, activation=wave)))
    gan.save(tmp_path / "model.keras")
    with pytest.raises(kg.UserError, match=r"cannot load \S+: Could not locate function 'wave'\. Give custom_objects"):
        kg.export.load(tmp_path / "model.keras")
    kg.export.load(tmp_path / "model.keras", {"wave": wave})


def test_pretrained_weights_load_with_custom_objects(tmp_path):
    gan = kg.GAN(*networks(Block(wave)))
    gan.save(tmp_path / "model.keras")
    kernel = gan.generator.layers[-1].kernel
    before = np.array(kernel)
    kernel.assign(keras.ops.zeros_like(kernel))
    with pytest.raises(kg.UserError, match="Could not locate class 'Block'"):
        kg.training.pretrained.load_by_path(gan, str(tmp_path / "model.keras"))
    kg.training.pretrained.load_by_path(gan, str(tmp_path / "model.keras"), {"Block": Block, "wave": wave})
    np.testing.assert_array_equal(kernel, before)


def test_a_lambda_is_loaded_only_by_who_trusts_the_file(tmp_path):
    gan = kg.GAN(*networks(keras.layers.Lambda(lambda x: 2.0 * x, output_shape=(4,))), seed=1)
    gan.save(tmp_path / "model.keras")
    with pytest.raises(kg.UserError, match=r"it holds a lambda, .* keras\.config\.enable_unsafe_deserialization"):
        kg.export.load(tmp_path / "model.keras")
    keras.config.enable_unsafe_deserialization()
    try:
        np.testing.assert_array_equal(kg.export.load(tmp_path / "model.keras").generate(3), gan.generate(3))
    finally:
        keras.src.backend.common.global_state.set_global_attribute("safe_mode_saving", None)


def test_an_extractor_loads_with_custom_objects(tmp_path):
    images = keras.Input((8, 8, 1))
    features = keras.layers.Dense(4, activation=wave)(keras.layers.Flatten()(images))
    keras.Model(images, features).save(tmp_path / "features.keras")
    with pytest.raises(kg.UserError, match="Could not locate function 'wave'"):
        kg.metrics.load_extractor(tmp_path / "features.keras")
    kg.metrics.load_extractor(tmp_path / "features.keras", {"wave": wave})


def test_weights_of_other_networks_say_which(make_gan, tmp_path):
    make_gan().save(tmp_path / "step-000000001.keras")
    other = make_gan(image_shape=(4, 4, 1))
    with pytest.raises(kg.UserError, match=r"is of other networks or optimizers than these: \S+") as error:
        checkpoints.load(other, tmp_path / "step-000000001.keras")
    assert "\n" not in str(error.value)


def test_commands_import_files(run, foreign, own):
    message = "Could not locate class 'Doubled'. Give custom_objects, or register it"
    arguments = ["generate", foreign, "--num", 3, "--output", "x.npz"]
    fails(run(*arguments), 1, message)
    result = run(*arguments, "--import", own)
    assert result.exit_code == 0, result.output
    assert arrays("x.npz")["images"].shape == (3, 2)


def test_what_a_file_registers_is_a_setting(run, own):
    settings = ["train", "--dry-run", "--preset", "mlp", "--set", "generator=doubled"]
    fails(run(*settings), 2, "doubled")
    result = run(*settings, "--import", own)
    assert result.exit_code == 0, result.output
    assert "Doubled" in result.output
    assert "doubled" in run("presets", "--explain", "generator", "--import", own).output


def test_processes_of_a_comparison_import_the_files_too(own, tmp_path, monkeypatch):
    """The files are arguments of the process, which imports them before it reads the settings."""
    started = []
    monkeypatch.setattr(
        "keras_gan.comparison.worker.signals.run",
        lambda command, stdout, **_: started.append(command) or run_module(command, stdout),
    )
    monkeypatch.setattr("keras_gan.comparison.worker.work", lambda folder: (folder / "result.json").write_text("{}"))
    config = kg.presets.preset("mlp").by_key()
    assert kg.comparison.start(kg.comparison.Run("mlp", config, 100, "classifier", False), tmp_path / "a", [own]) == {}
    assert started[0][-2:] == [str(tmp_path / "a"), str(own)]
    assert "imported_own" in sys.modules


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("own.py", "x = (", r"own.py, line 1: SyntaxError: '\(' was never closed"),
        ("own.py", "\nimport nowhere_to_be_found", "own.py, line 2: ModuleNotFoundError: No module named 'nowhere"),
        ("own.py", "\n\nraise SystemExit(3)", "own.py, line 3: SystemExit: 3"),
        ("own.py", "raise ValueError('two\\nlines')", "own.py, line 1: ValueError: two lines"),
        ("own.txt", "x = 1", "own.txt: it is no Python file, FILE.py"),
    ],
)
def test_a_file_that_fails_is_said_in_one_line(run, tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(kg.UserError, match=message):
        import_file(tmp_path / name)
    fails(run("train", "--dry-run", "--import", name), 2, f"cannot import {tmp_path.resolve() / name}")
    assert "imported_own" not in sys.modules


def test_a_file_that_is_not_there(run):
    fails(run("train", "--dry-run", "--import", "nowhere.py"), 2, "nowhere.py")
