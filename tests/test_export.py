import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from same import same_images

from keras_gan.export import SavedGAN, export_next, load, next_version


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A conditional GAN after a few steps, and its SavedModel."""
    import keras

    import keras_gan as kg

    keras.utils.set_random_seed(0)
    gan = kg.GAN(*kg.networks.dcgan((8, 8, 1), 3, latent_dim=4), seed=1)
    gan.compile()
    rng = np.random.default_rng(0)
    gan.fit(rng.integers(0, 255, (64, 8, 8, 1), "uint8"), np.arange(64) % 3, batch_size=16, verbose=0)
    folder = tmp_path_factory.mktemp("export") / "model" / "1"
    gan.export(folder)
    return gan, folder


@pytest.fixture(scope="module")
def loaded(trained):
    """The SavedModel, as TensorFlow loads it."""
    return tf.saved_model.load(str(trained[1]))


def test_signatures(loaded):
    signatures = loaded.signatures
    assert set(signatures) == {
        "serving_default",
        "generate",
        "generate_from_latents",
        "generate_png",
        "discriminate",
        "generate_rows",
        "generate_from_latents_rows",
        "generate_png_rows",
        "discriminate_rows",
    }
    for name in ("generate_rows", "generate_png_rows"):
        inputs = signatures[name].structured_input_signature[1]
        assert {key: (spec.dtype, spec.shape.as_list()) for key, spec in inputs.items()} == {
            "seed": (tf.int64, [None]),
            "labels": (tf.float32, [None, 3]),
        }
    for name in ("serving_default", "generate"):
        inputs = signatures[name].structured_input_signature[1]
        assert {k: (v.dtype, v.shape.as_list()) for k, v in inputs.items()} == {
            "seed": (tf.int64, [None]),
            "label": (tf.int64, [None]),
        }
        assert list(signatures[name].structured_outputs) == ["image"]
        assert signatures[name].structured_outputs["image"].dtype == tf.uint8
    assert signatures["discriminate"].structured_outputs["logit"].shape.as_list() == [None]


SERVE = """
import sys, json, numpy as np, tensorflow as tf
assert "keras_gan" not in sys.modules
model = tf.saved_model.load(sys.argv[1])
call = model.signatures["serving_default"]
labels = [i % 3 for i in range(64)]
many = call(seed=tf.constant(list(range(64)), tf.int64), label=tf.constant(labels, tf.int64))["image"].numpy()
def alone(i):
    return call(seed=tf.constant([i], tf.int64), label=tf.constant([i % 3], tf.int64))["image"].numpy()[0]
one = [alone(i) for i in range(64)]
assert many.shape == (64, 8, 8, 1) and many.dtype == np.uint8
print(json.dumps({"many": many.tolist(), "one": np.stack(one).tolist()}))
assert "keras_gan" not in sys.modules
"""


def test_runs_with_tensorflow_alone_and_a_seed_is_an_image_at_any_batch_size(trained, tmp_path):
    gan, folder = trained
    done = subprocess.run(
        [sys.executable, "-c", SERVE, str(folder)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    many, one = (np.array(answer[key], "uint8") for key in ("many", "one"))
    np.testing.assert_array_equal(many, gan.generate(64))
    same_images(one, many)


def test_loading_with_tensorflow_warns_of_nothing(trained, caplog):
    with caplog.at_level("WARNING"):
        tf.saved_model.load(str(trained[1]))
    assert not caplog.records


def test_every_variable_is_written_once(trained):
    gan, folder = trained
    shapes = dict(tf.train.list_variables(str(folder / "variables" / "variables")))
    kept = [tuple(shape) for name, shape in shapes.items() if name.endswith("VARIABLE_VALUE")]
    assert sorted(kept) == sorted(tuple(w.shape) for w in gan.ema_generator.weights + gan.discriminator.weights)


def test_png_decodes_to_the_image(loaded):
    signatures = loaded.signatures
    request = {"seed": tf.constant([3, 4], tf.int64), "label": tf.constant([0, 2], tf.int64)}
    images = signatures["generate"](**request)["image"]
    for data, image in zip(signatures["generate_png"](**request)["image_bytes"], images):
        np.testing.assert_array_equal(tf.io.decode_png(data), image)


def test_discriminate_and_latents_agree_with_the_networks(trained, loaded):
    gan, _ = trained
    signatures = loaded.signatures
    latents = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    label = tf.constant([0, 1, 2, 0, 1], tf.int64)
    image = signatures["generate_from_latents"](latents=tf.constant(latents), label=label)["image"]
    rows = np.eye(3, dtype="float32")[label]
    expected = np.round((np.array(gan([latents, rows])) + 1.0) * 127.5)
    np.testing.assert_allclose(image, expected, atol=1)
    logit = signatures["discriminate"](image=image, label=label)["logit"]
    expected = gan.discriminator([np.asarray(image) / 127.5 - 1.0, rows])[:, 0]
    np.testing.assert_allclose(logit, expected, atol=1e-4)


@pytest.mark.parametrize("label", [3, -1])
def test_a_label_out_of_range_is_an_error_not_a_picture(loaded, label):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"label must be in \[0, 3\)"):
        loaded.signatures["serving_default"](seed=tf.constant([0], tf.int64), label=tf.constant([label], tf.int64))


def test_saved_gan_samples_as_the_model_does(trained):
    gan, folder = trained
    for path in (folder, folder.parent):
        saved = SavedGAN(path)
        np.testing.assert_array_equal(saved.generate(5, labels=1, seed=9), gan.generate(5, labels=1, seed=9))
        np.testing.assert_array_equal(saved.generate(3, truncation=0.5), gan.generate(3, truncation=0.5))
    with pytest.raises(ValueError, match="label 3 is out of range"):
        saved.generate(1, labels=3)


# What a model of attributes may be asked for, and a mixture of classes.
ROWS = np.array([[1, 0, 1], [1, 1, 1], [0, 0, 0], [0.5, 0.25, 0.25], [0, 2, 0]], "float32")


def test_label_rows_are_what_the_model_gets_in_every_signature(trained, loaded):
    gan, folder = trained
    expected = gan.generate(5, labels=ROWS, seed=3)
    assert len({image.tobytes() for image in expected}) == 5
    saved = SavedGAN(folder)
    np.testing.assert_array_equal(saved.generate(5, labels=ROWS, seed=3), expected)
    np.testing.assert_array_equal(saved.generate(3, labels=ROWS[:3].astype("int64"), seed=3), expected[:3])
    request = {"seed": tf.range(3, 8, dtype=tf.int64), "labels": tf.constant(ROWS)}
    np.testing.assert_array_equal(loaded.signatures["generate_rows"](**request)["image"], expected)
    for data, image in zip(loaded.signatures["generate_png_rows"](**request)["image_bytes"], expected):
        np.testing.assert_array_equal(tf.io.decode_png(data), image)
    logit = loaded.signatures["discriminate_rows"](image=tf.constant(expected), labels=tf.constant(ROWS))["logit"]
    logits = gan.discriminator([expected / np.float32(127.5) - 1.0, ROWS])[:, 0]
    np.testing.assert_allclose(logit, logits, atol=1e-4)


def test_label_rows_that_are_not_finite_are_an_error(loaded):
    with pytest.raises(tf.errors.InvalidArgumentError, match="labels must be finite"):
        loaded.signatures["generate_rows"](seed=tf.constant([0], tf.int64), labels=tf.constant([[np.nan, 0.0, 1.0]]))


def test_an_old_saved_model_takes_whole_labels_and_refuses_rows(trained, monkeypatch):
    gan, folder = trained
    saved = SavedGAN(folder)
    monkeypatch.setattr(saved, "takes_rows", False)  # As one of version 0.1.0, which has no such signatures.
    np.testing.assert_array_equal(saved.generate(3, labels=[2, 0, 1]), gan.generate(3, labels=[2, 0, 1]))
    for row in ROWS:
        with pytest.raises(ValueError, match="takes whole labels, no label rows: export the model anew"):
            saved.generate(1, labels=[row])


def test_the_last_version_is_taken(trained, tmp_path):
    _, folder = trained
    assert next_version(tmp_path / "x") == tmp_path / "x" / "1"
    for number in ("2", "10"):
        shutil.copytree(folder, tmp_path / "x" / number)
    assert next_version(tmp_path / "x") == tmp_path / "x" / "11"
    (tmp_path / "x" / "2" / "saved_model.pb").write_bytes(b"broken")
    SavedGAN(tmp_path / "x").generate(1)


def test_nothing_is_overwritten_or_left_half_written(trained, tmp_path, monkeypatch):
    gan, folder = trained
    with pytest.raises(ValueError, match="never overwritten"):
        gan.export(folder)

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        gan.export(tmp_path / "y" / "1")
    assert not list((tmp_path / "y").iterdir())


def test_two_that_export_at_once_get_two_versions(make_gan, tmp_path, monkeypatch):
    gan = make_gan()
    first = export_next(gan, tmp_path)
    found = iter([first, tmp_path / "2"])  # As if the other had come between looking and moving.
    monkeypatch.setattr("keras_gan.export.next_version", lambda folder: next(found))
    monkeypatch.setattr("keras_gan.export.any", lambda content: False, raising=False)
    assert export_next(gan, tmp_path, class_names=("a", "b")) == tmp_path / "2"
    assert SavedGAN(tmp_path).class_names == ()  # It is unconditional.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]


def test_something_else_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is not a run folder"):
        SavedGAN(tmp_path)


def test_load_takes_any_form_and_refuses_others(trained, tmp_path, caplog):
    gan, folder = trained
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    gan.save(tmp_path / "run" / "checkpoints" / "step-000000001.keras")
    for path in (folder, tmp_path / "run", str(tmp_path / "run" / "checkpoints" / "step-000000001.keras")):
        np.testing.assert_array_equal(load(path).generate(2), gan.generate(2))
    (tmp_path / "run" / "model.keras").write_bytes(b"broken")
    np.testing.assert_array_equal(load(tmp_path / "run").generate(2), gan.generate(2))
    assert "taking step-000000001.keras" in caplog.text
    gan.generator.save(tmp_path / "generator.keras")
    with pytest.raises(ValueError, match="holds a Functional, not a"):
        load(tmp_path / "generator.keras")
    (tmp_path / "broken.keras").write_bytes(b"broken")
    with pytest.raises(ValueError, match="or an incomplete one"):
        load(tmp_path / "broken.keras")
    shutil.copytree(folder, tmp_path / "damaged" / "1")
    (tmp_path / "damaged" / "1" / "saved_model.pb").write_bytes(b"damaged")
    with pytest.raises(ValueError, match="incomplete or damaged"):
        load(tmp_path / "damaged")


def test_unconditional_models_and_points(make_gan, tmp_path):
    gan = make_gan()
    gan.export(tmp_path / "1")
    image = tf.saved_model.load(str(tmp_path / "1")).signatures["generate"](seed=tf.constant([7], tf.int64))["image"]
    np.testing.assert_array_equal(image, gan.generate(1, seed=7))
    points = make_gan(image_shape=(2,))
    points.export(tmp_path / "2")
    signatures = tf.saved_model.load(str(tmp_path / "2")).signatures
    assert "generate_png" not in signatures
    np.testing.assert_allclose(
        signatures["generate"](seed=tf.constant([7], tf.int64))["sample"], points.generate(1, seed=7)
    )
    np.testing.assert_allclose(SavedGAN(tmp_path / "2").generate(2), points.generate(2))


def test_weights_that_are_not_finite_are_not_exported(make_gan, tmp_path):
    gan = make_gan()
    gan.ema_generator.weights[0].assign(np.full(gan.ema_generator.weights[0].shape, np.nan))
    with pytest.raises(ValueError, match="weights are NaN or infinite, so nothing was exported"):
        gan.export(tmp_path / "1")
    assert not (tmp_path / "1").exists()


def test_more_channels_than_png_has_make_no_png(make_gan, tmp_path):
    gan = make_gan(image_shape=(8, 8, 5))
    gan.export(tmp_path / "1")
    assert sorted(tf.saved_model.load(tmp_path / "1").signatures) == [
        "discriminate",
        "generate",
        "generate_from_latents",
        "serving_default",
    ]


def test_versions_in_a_place_that_is_a_file_are_refused_at_once(trained, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        export_next(trained[0], tmp_path / "file")
