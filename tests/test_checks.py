import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gan as kg
from keras_gan.checks import Expected
from keras_gan.checks.sources import checked

EAGER = {"run_eagerly": True}
K = keras.optimizers


class Brightness(keras.metrics.Mean):
    def update_state(self, real, fake):
        super().update_state(keras.ops.mean(real) - keras.ops.mean(fake))


class Batches(keras.utils.PyDataset):
    def __init__(self, *batches, **kwargs):
        super().__init__(**kwargs)
        self._batches = batches

    @property
    def num_batches(self):
        return len(self._batches)

    def __getitem__(self, index):
        return self._batches[index]


@pytest.fixture(scope="module")
def gan(make_gan):
    """A conditional GAN with a metric."""
    return make_gan(3, compile_args={**EAGER, "metrics": [Brightness(name="brightness")]})


@pytest.fixture(scope="module")
def plain(make_gan):
    return make_gan(compile_args=EAGER)


def floats(images, low=-1.0):
    return np.interp(images, [0, 255], [low, 1.0]).astype("float32")


def one_line(error):
    return "\n" not in str(error.value)


FORMS = {
    "arrays": lambda x, y: (x, y),
    "dataset": lambda x, y: tf.data.Dataset.from_tensor_slices((x, y)).batch(8),
    "PyDataset": lambda x, y: Batches((x, y)),
    "generator": lambda x, y: (batch for batch in [(x, y)]),
}


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("form", FORMS)
def test_the_data_of_evaluations_are_checked_too(gan, images, form):
    x, y = images[0][:8], images[1][:8]
    bad = floats(x)
    bad[-1, 0, 0] = np.nan
    for data, message in (((x, y + 3), "labels must be 0 to 2"), ((bad, y), "contain NaN"), ((x[:, 1:], y), "shape")):
        with pytest.raises(kg.UserError, match=message) as error:
            gan.evaluate(*(data if form == "arrays" else (FORMS[form](*data),)), verbose=0)
        assert one_line(error)
        with pytest.raises(kg.UserError, match=message) as error:
            gan.fit(x, y, validation_data=FORMS[form](*data), verbose=0)
        assert one_line(error)
    history = gan.fit(x, y, validation_data=FORMS[form](x, y), verbose=0).history
    assert np.isfinite(history["val_brightness"]).all()


@pytest.mark.parametrize("method", ["train_on_batch", "test_on_batch"])
def test_single_batches_are_checked_too(gan, images, method):
    x, y, step = images[0][:8], images[1][:8], int(gan.step)
    bad = floats(x)
    bad[0] = np.inf
    for batch, message in (
        ((x, y - 1), "labels must be 0 to 2"),
        ((bad, y), "contain NaN"),
        ((x * 1.0, y), "within -1 and 1"),
        ((x, None), "is conditional"),
        ((list(x), y), "takes images"),
        ((x[:0], y[:0]), "no samples"),
    ):
        with pytest.raises(kg.UserError, match=message) as error:
            getattr(gan, method)(*batch)
        assert one_line(error)
    assert int(gan.step) == step
    getattr(gan, method)(tf.constant(x), y.tolist())


def test_streams_are_checked_where_xla_drops_assertions(make_gan, images):
    gan = make_gan(3, compile_args={"jit_compile": True})
    good, bad = (images[0][:8], images[1][:8]), (images[0][:8], images[1][:8] + 1)
    for data in (Batches(good, good, bad), (batch for batch in (good, good, bad))):
        with pytest.raises(kg.UserError, match=r"^labels must be 0 to 2, as the networks are built$"):
            gan.fit(data, shuffle=False, verbose=0)


def test_batches_of_workers_in_processes_are_checked(gan, images):
    x, y = images[0][:8], images[1][:8]
    with pytest.raises(kg.UserError, match="labels must be 0 to 2"):
        gan.fit(Batches((x, y), (x, y), (x, y + 1), workers=1, use_multiprocessing=True), shuffle=False, verbose=0)


def test_a_dataset_tells_of_its_epochs_through_the_checks(plain, images):
    calls = []

    class Told(Batches):
        def on_epoch_begin(self):
            calls.append("begin")

        def on_epoch_end(self):
            calls.append("end")

    plain.fit(Told((images[0][:8],)), epochs=2, verbose=0)
    assert calls[-4:] == ["begin", "end"] * 2  # Keras calls the end once more before all.


def test_batches_of_two_types_are_refused(plain, images):
    x = images[0][:8]
    batches = [x, x, floats(x)]
    for data in (Batches(*batches), (batch for batch in batches)):
        with pytest.raises(kg.UserError, match="all batches must be of one type: the first was uint8"):
            plain.fit(data, shuffle=False, verbose=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: None, "there are no data"),
        (list, "one array of them"),
        (lambda x: (x, np.zeros(8, "int64")), r"apart: fit\(images, labels\)"),
        (lambda x: {"image": x}, "as_supervised=True"),
        (lambda x: "digits", "must be arrays, .*, got str"),
        (lambda x: Batches, "must be arrays"),
        (lambda x: lambda: iter([x]), "got function: call it"),
        (kg.datasets.from_arrays, "data.images and data.labels"),
        (tf.data.Dataset.from_tensor_slices, r"dataset.batch\(64\)"),
        (lambda x: tf.data.Dataset.from_tensors(tf.ragged.constant([[1.0], []])), "dense tensors"),
        (lambda x: tf.data.Dataset.from_tensor_slices((x, x, x)).batch(4), "no sample weights"),
        (lambda x: tf.data.Dataset.from_tensor_slices(x).batch(4).take(0), "no samples: the dataset is empty"),
        (lambda x: Batches(), "no samples: the Batches is empty"),
        (lambda x: (x for x in ()), "no samples: the generator is empty"),
        (lambda x: Batches({"image": x}), "as_supervised=True"),
        (lambda x: Batches((x, x, x)), "no sample weights"),
        (lambda x: Batches((x, x, x, x)), "got 4 parts"),
        (lambda x: x[0], r"in batches, got one without a batch: .* images\[None\]"),
        (lambda x: x[..., 0], r"add the channels, as images\[..., None\]"),
    ],
)
def test_what_are_no_data_is_refused(plain, images, make, message):
    with pytest.raises(kg.UserError, match=message) as error:
        plain.fit(make(images[0][:8]), verbose=0)
    assert one_line(error)


def test_a_loader_of_pytorch_is_checked_as_it_is_iterated(images):
    """PyTorch itself is not needed for the tests."""

    class Loader:
        batch_size = 8

        def __len__(self):
            return 2

        def __iter__(self):
            return iter([[images[0][:8], images[1][:8]], [images[0][:8], images[1][:8] + 3]])

    loader_class = type("DataLoader", (Loader,), {"__module__": "torch.utils.data.dataloader"})
    loader = loader_class()
    data, _ = checked(loader, None, Expected((8, 8, 1), 3))
    assert isinstance(data, loader_class)
    assert (len(data), data.batch_size) == (2, 8)
    for _ in range(2):
        batches = iter(data)
        assert type(next(batches)) is list
        with pytest.raises(kg.UserError, match="labels must be 0 to 2"):
            next(batches)
    assert type(loader) is loader_class


def test_labels_beside_a_stream_are_refused(gan, images):
    for form in ("dataset", "PyDataset", "generator"):
        with pytest.raises(kg.UserError, match="leave out y"):
            gan.fit(FORMS[form](*images), images[1], verbose=0)


def test_a_generator_may_yield_images_alone(plain, images):
    step = int(plain.step)
    plain.fit((images[0][:8] for _ in range(3)), steps_per_epoch=2, verbose=0)
    assert int(plain.step) == step + 2


def test_shapes_need_not_be_known_ahead(make_gan, images):
    gan = make_gan(3, compile_args=EAGER)
    rows = np.eye(3, dtype="float32")[images[1]]
    for shape, labels in (((None, None, None, 1), images[1]), (None, rows)):
        spec = tf.TensorSpec(shape, "uint8"), tf.TensorSpec(None, labels.dtype)
        gan.fit(dataset_of(images[0][:16], labels[:16], spec), verbose=0)
        with pytest.raises(kg.UserError, match=r"shape \[8,7,8,1\], the networks take \[batch,8,8,1\]"):
            gan.fit(dataset_of(images[0][:16, 1:], labels[:16], spec), verbose=0)
    assert int(gan.step) == 4


def dataset_of(x, y, spec):
    def batches():
        for start in range(0, len(x), 8):
            yield x[start : start + 8], y[start : start + 8]

    data = tf.data.Dataset.from_generator(batches, output_signature=spec)
    return data.apply(tf.data.experimental.assert_cardinality(len(x) // 8))


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.name.startswith("keras_gan")]


def test_images_in_0_to_1_are_warned_of_once(gan, images, caplog):
    grey, y = floats(images[0], low=0.0), images[1]
    data = tf.data.Dataset.from_tensor_slices((grey, y)).batch(4)
    gan.fit(data, epochs=2, validation_data=(grey, y), validation_freq=2, verbose=0)
    (message,) = warnings_of(caplog)
    assert "2 * images - 1" in message
    for evaluate in (lambda: gan.evaluate(grey, y, verbose=0), lambda: gan.evaluate(data, verbose=0)):
        caplog.clear()
        evaluate()
        assert len(warnings_of(caplog)) == 1
    caplog.clear()
    for _ in range(10):
        gan.train_on_batch(grey[:8], y[:8])
    assert len(warnings_of(caplog)) == 1


def test_other_data_are_not_warned_of(make_gan, images, caplog):
    gan = make_gan(compile_args=EAGER)
    one_bright_batch = floats(images[0])
    one_bright_batch[:8] = 1.0
    gan.fit(tf.data.Dataset.from_tensor_slices(one_bright_batch).batch(8), verbose=0)
    gan.fit(images[0], batch_size=32, verbose=0)
    points = kg.GAN(
        keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]),
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]),
    )
    points.compile(**EAGER)
    positive = np.random.default_rng(0).uniform(0.0, 1.0, (16, 2)).astype("float32")
    points.fit(positive, verbose=0)
    points.fit(tf.data.Dataset.from_tensor_slices(positive).batch(8), verbose=0)
    assert not warnings_of(caplog)


def test_an_epoch_of_skipped_steps_is_said(make_gan, images, caplog):
    gan = make_gan(compile_args=EAGER)
    weight = gan.discriminator.trainable_weights[0]
    kept = weight.numpy()
    weight.assign(kept * np.nan)
    gan.fit(images[0], batch_size=32, epochs=2, verbose=0)
    first, second = warnings_of(caplog)
    assert "all 2 steps of epoch 1 were NaN or infinite" in first
    assert "epoch 2" in second
    caplog.clear()

    class Mend(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            weight.assign(kept)

    gan.fit(images[0], batch_size=32, verbose=0, callbacks=Mend())
    assert not warnings_of(caplog)


def test_rollback_leaves_that_word_to_fit(make_gan, images, caplog, tmp_path):
    gan = make_gan(compile_args=EAGER)
    checkpoint = kg.callbacks.Checkpoint(tmp_path)
    weight = gan.discriminator.trainable_weights[0]

    class Break(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            weight.assign(weight * np.nan)

    with caplog.at_level(logging.WARNING):
        callbacks = [checkpoint, Break(), kg.callbacks.Rollback(checkpoint, patience=5)]
        gan.fit(images[0], batch_size=32, verbose=0, callbacks=callbacks)
    assert [message[:15] for message in warnings_of(caplog)] == ["all 2 steps of "]


def test_callbacks_may_be_a_list_of_keras(plain, images):
    seen = []
    told = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    callbacks = keras.callbacks.CallbackList([told], add_history=True, model=plain, epochs=1)
    plain.fit(images[0][:8], callbacks=callbacks, verbose=0)
    plain.fit(images[0][:8], callbacks=told, verbose=0)
    plain.fit(images[0][:8], callbacks=(told,), verbose=0)
    assert seen == [0, 0, 0]


@pytest.fixture(scope="module")
def packed():
    discriminator = kg.networks.packed(kg.networks.mlp_discriminator, (8, 8, 1), packing=2, units=(8,))
    gan = kg.GAN(kg.networks.mlp_generator((8, 8, 1), latent_dim=4, units=(8,)), discriminator)
    gan.compile(regularizers=[], metrics=[Brightness(name="brightness")])
    return gan


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda x: {"x": x[:15]}, "multiple of 2.* got 15 samples in batches of 32"),
        (lambda x: {"x": x[:16], "batch_size": 5}, "multiple of 2.* got 16 samples in batches of 5"),
        (lambda x: {"x": x[:20], "validation_split": 0.25, "batch_size": 16}, "got 15 samples in batches of 16"),
        (lambda x: {"x": tf.data.Dataset.from_tensor_slices(x[:15]).batch(8)}, "multiple of 2"),
        (lambda x: {"x": Batches(x[:8], x[:7])}, "multiple of 2"),
        (lambda x: {"x": (batch for batch in [x[:8], x[:7]])}, "multiple of 2"),
    ],
)
def test_batches_that_cannot_be_packed_are_refused(packed, images, arguments, message):
    with pytest.raises(kg.UserError, match=message) as error:
        packed.fit(**arguments(images[0]), verbose=0)
    assert one_line(error)


def test_packing_counts_in_training_only(packed, images):
    packed.evaluate(images[0][:7], verbose=0)
    history = packed.fit(images[0][:14], batch_size=8, validation_data=(images[0][:7], None), verbose=0).history
    assert np.isfinite(history["d_loss"] + history["val_brightness"]).all()
    for call in (packed.train_on_batch, packed.discriminator):
        with pytest.raises(kg.UserError, match="multiple") as error:
            call(images[0][:7])
        assert one_line(error)


def test_members_of_several_packings_are_packed_by_their_common_multiple():
    make = kg.networks.mlp_discriminator
    parts = [kg.networks.packed(make, (4, 4, 1), packing=packing, units=(4,)) for packing in (2, 3)]
    images = keras.Input((4, 4, 1))
    parts[1].name = "other"
    assert kg.layers.packing_of(keras.Model(images, [part(images) for part in parts])) == 6


SCHEDULE = K.schedules.ExponentialDecay(1e-2, 3, 0.5)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"optimizer": "adam"}, "give generator_optimizer and discriminator_optimizer"),
        ({"loss_weights": [1.0]}, "takes no loss_weights"),
        ({"weighted_metrics": []}, "takes no weighted_metrics"),
        ({"lr": 1e-3}, "takes no lr"),
        ({"jit_compile": "yes"}, "jit_compile must be"),
        ({"steps_per_execution": 0}, "steps_per_execution must be an int of at least 1, got 0"),
        ({"discriminator_steps": 1.5}, "discriminator_steps must be an int of at least 1, got 1.5"),
        ({"generator_optimizer": "adm"}, "generator_optimizer must be .*got 'adm'"),
        ({"generator_optimizer": 1e-3}, "generator_optimizer must be .*got 0.001"),
        ({"discriminator_optimizer": SCHEDULE}, "discriminator_optimizer must be .*got an object of ExponentialDecay"),
        ({"discriminator_optimizer": K.Adam}, r"got the class Adam: give an object, Adam\(\)"),
        ({"loss": "hing"}, "unknown loss 'hing': did you mean hinge"),
        ({"loss": "Hinge"}, "did you mean hinge"),
        ({"loss": kg.losses.Hinge}, r"got the class Hinge: give an object, Hinge\(\)"),
        ({"loss": keras.losses.Hinge()}, "object of keras_gan.losses"),
        ({"loss": ["hinge"]}, "PerHead"),
        ({"regularizers": kg.regularizers.R1()}, "regularizers must be a list"),
        ({"regularizers": "r1"}, "regularizers must be a list"),
        ({"regularizers": {"r1": 0.3}}, "regularizers must be a list"),
        ({"regularizers": ["r3"]}, "unknown regularizer 'r3'"),
        ({"regularizers": [kg.regularizers.R1]}, r"give an object, R1\(\)"),
        ({"regularizers": ["r1", kg.regularizers.R1()]}, "two regularizers have one name"),
        ({"metrics": ["accuracy"]}, r"update_state\(real, fake\).*got 'accuracy'"),
        ({"metrics": Brightness()}, "metrics must be a list"),
        ({"metrics": [Brightness]}, r"give an object, Brightness\(\)"),
        ({"metrics": [Brightness("a"), Brightness("a")]}, "two metrics have one name"),
    ],
)
def test_wrong_arguments_of_compile_are_refused_at_once(plain, kwargs, message):
    with pytest.raises(kg.UserError, match=message) as error:
        plain.compile(**kwargs)
    assert one_line(error)


def test_compile_takes_names(make_gan, images):
    gan = make_gan()
    gan.compile("adam", "adam", loss="least_squares", regularizers=["r1", "r2"], **EAGER)
    assert type(gan.adversarial_loss) is kg.losses.LeastSquares
    assert [type(one) for one in gan.regularizers] == [kg.regularizers.R1, kg.regularizers.R2]
    assert gan.generator_optimizer is not gan.discriminator_optimizer
    gan.fit(images[0][:8], verbose=0)
    gan.compile(K.Adam(SCHEDULE), K.Adam(SCHEDULE), loss="hinge+wasserstein", **EAGER)
    assert [type(one) for one in gan.adversarial_loss.losses] == [kg.losses.Hinge, kg.losses.Wasserstein]


def test_an_optimizer_of_another_network_is_refused(make_gan):
    used = K.SGD()
    gan = make_gan(compile_args={"generator_optimizer": used})
    for optimizer in (used, K.LossScaleOptimizer(used)):
        with pytest.raises(kg.UserError, match="this SGD trains another network already"):
            make_gan(compile_args={"generator_optimizer": optimizer})
    gan.compile(generator_optimizer=used)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"validation_split": 0.5}, "nothing to evaluate"),
        ({"validation_data": (np.zeros((8, 8, 8, 1), "uint8"), None)}, "nothing to evaluate"),
        ({"sample_weight": np.ones(64)}, "no sample weights"),
        ({"class_weight": {0: 1.0}}, "no sample weights or class weights"),
        ({"epoch": 3}, r"fit\(\) got an unexpected keyword argument 'epoch'"),
    ],
)
def test_wrong_arguments_of_fit_are_refused_at_once(plain, images, kwargs, message):
    step = int(plain.step)
    with pytest.raises(kg.UserError, match=message):
        plain.fit(*images, verbose=0, **kwargs)
    assert int(plain.step) == step


def test_validation_split(gan, images):
    assert "val_brightness" in gan.fit(*images, validation_split=0.5, batch_size=32, verbose=0).history
    with pytest.raises(kg.UserError, match="give validation_data"):
        gan.fit(FORMS["dataset"](*images), validation_split=0.5, verbose=0)
    for data in ((*images, np.ones(64)), (1, 2, 3, 4)):
        with pytest.raises(kg.UserError, match=r"no sample weights|got 4 parts"):
            gan.fit(*images, validation_data=data, verbose=0)


def test_predict_takes_latents(gan, plain):
    latents, rows = np.zeros((2, 4), "float32"), np.eye(3, dtype="float32")[:2]
    assert plain.predict(latents, verbose=0).shape == (2, 8, 8, 1)
    assert gan.predict([latents, rows], verbose=0).shape == (2, 8, 8, 1)
    for model, inputs, message in (
        (plain, np.zeros((2, 8, 8, 1), "float32"), r"is called on latents \(batch, 4\).*generate"),
        (plain, [latents, rows], r"is called on latents \(batch, 4\)"),
        (gan, latents, r"called on \[latents \(batch, 4\), one-hot labels \(batch, 3\)\]"),
        (gan, [latents, np.zeros(2, "int64")], "one-hot labels"),
    ):
        for call in (model, lambda inputs, model=model: model.predict(inputs, verbose=0)):
            with pytest.raises(kg.UserError, match=message) as error:
                call(inputs)
            assert one_line(error)


@pytest.mark.parametrize("name", ["m.h5", "m.hdf5", "m"])
def test_models_are_saved_as_keras_files_only(plain, tmp_path, name):
    with pytest.raises(kg.UserError, match=r"give .*m\.keras; save_weights\(\)") as error:
        plain.save(tmp_path / name)
    assert one_line(error)
    plain.save_weights(tmp_path / "m.weights.h5")
    plain.load_weights(tmp_path / "m.weights.h5")


def test_the_only_format_of_exports_may_be_named(plain, tmp_path):
    plain.export(tmp_path / "1", format="tf_saved_model")
    with pytest.raises(kg.UserError, match=r"is exported as a SavedModel.* got 'onnx'"):
        plain.export(tmp_path / "2", format="onnx")


def with_embedding(network_inputs, shape, dtype):
    first, labels = keras.Input(network_inputs), keras.Input(shape, dtype=dtype)
    embedded = keras.layers.Flatten()(keras.layers.Embedding(10, 5)(labels))
    return [first, labels], keras.layers.Concatenate()([keras.layers.Flatten()(first), embedded])


@pytest.mark.parametrize(("shape", "dtype"), [((1,), None), ((1,), "int32"), ((), "int32")])
def test_labels_as_indices_are_refused(shape, dtype):
    inputs, joined = with_embedding((4,), shape, dtype)
    generator = keras.Model(inputs, keras.layers.Dense(6)(joined))
    inputs, joined = with_embedding((6,), shape, dtype)
    with pytest.raises(kg.UserError, match=r"one-hot rows, .*Dense\(size, use_bias=False\)\(labels\)") as error:
        kg.GAN(generator, keras.Model(inputs, keras.layers.Dense(1)(joined)))
    assert one_line(error)
