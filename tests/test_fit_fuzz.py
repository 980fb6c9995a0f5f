"""Every kind of data with every fault: `fit()` trains rightly, or says in one line what is wrong."""

import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gan as kg

SIZE = 4
# Keras's word on streams that do not say how long they are.
pytestmark = pytest.mark.filterwarnings("ignore:Your input ran out of data")


def in_batches(x, y):
    steps = range(0, len(x), SIZE)
    return [(x[i : i + SIZE],) if y is None else (x[i : i + SIZE], y[i : i + SIZE]) for i in steps]


class Batches(keras.utils.PyDataset):
    def __init__(self, x, y, **kwargs):
        super().__init__(**kwargs)
        self._batches = in_batches(x, y)

    def __len__(self):
        return len(self._batches)

    def __getitem__(self, index):
        return self._batches[index]


def dataset(x, y, known=True):
    specs = tuple(
        tf.TensorSpec((None, *part.shape[1:]) if known else None, tf.as_dtype(part.dtype))
        for part in (x, y)
        if part is not None
    )
    return tf.data.Dataset.from_generator(lambda: iter(in_batches(x, y)), output_signature=specs)


def tensor(values):
    return None if values is None else tf.constant(values)


# How data come, as arguments of `fit()`.
KINDS = {
    "arrays": lambda x, y: (x, y),
    "tensors": lambda x, y: (tensor(x), tensor(y)),
    "a tensor and a list": lambda x, y: (tensor(x), None if y is None else y.tolist()),
    "dataset": lambda x, y: (dataset(x, y),),
    "dataset of unknown shapes": lambda x, y: (dataset(x, y, known=False),),
    "PyDataset": lambda x, y: (Batches(x, y),),
    "PyDataset with threads": lambda x, y: (Batches(x, y, workers=2),),
    "generator": lambda x, y: ((batch for batch in in_batches(x, y)),),
}

rng = np.random.default_rng(0)
IMAGES = rng.uniform(-1.0, 1.0, (8, 4, 4, 1)).astype("float32")
LABELS = np.arange(8) % 3
ROWS = np.eye(3, dtype="float32")[LABELS]


def with_value(value, index=0, array=IMAGES):
    changed = array.copy()
    changed[index, ..., 0] = value
    return changed


RIGHT = {
    "nothing": (IMAGES, LABELS),
    "float64": (IMAGES.astype("float64"), LABELS),
    "float16": (IMAGES.astype("float16"), LABELS),
    "uint8": ((IMAGES * 100 + 120).astype("uint8"), LABELS),
    "rows": (IMAGES, ROWS),
    "uint8 labels in a column": (IMAGES, LABELS[:, None].astype("uint8")),
    "short last batch": (IMAGES[:6], LABELS[:6]),
}
WRONG = {
    "NaN": (with_value(np.nan), LABELS, "contain NaN or infinity"),
    "NaN in the last batch": (with_value(np.nan, -1), LABELS, "contain NaN or infinity"),
    "infinity": (with_value(-np.inf), LABELS, "contain NaN or infinity"),
    "0 to 255": (IMAGES * 100 + 120, LABELS, "within -1 and 1"),
    "one value too high": (with_value(1.1, -1), LABELS, "within -1 and 1"),
    "int32": ((IMAGES * 100).astype("int32"), LABELS, "must be uint8 in .*, got int32"),
    "bool": (IMAGES > 0, LABELS, "must be uint8 in .*, got bool"),
    "other shape": (np.zeros((8, 5, 5, 1), "float32"), LABELS, "networks take"),
    "no channels": (IMAGES[..., 0], LABELS, "networks take"),
    "labels too high": (IMAGES, LABELS + 1, "labels must be 0 to 2, as"),
    "labels too low": (IMAGES, LABELS - 1, "labels must be 0 to 2, as"),
    "float labels": (IMAGES, LABELS.astype("float32"), "labels must be int|the networks take"),
    "text labels": (IMAGES, LABELS.astype(str), "labels must be int"),
    "int rows": (IMAGES, ROWS.astype("int64"), r"labels must be int|another number of labels|labels \(batch"),
    "rows of another length": (IMAGES, np.eye(4, dtype="float32")[LABELS], "labels must be int|the networks take"),
    "NaN in rows": (IMAGES, with_value(np.nan, array=ROWS), "labels contain NaN"),
    "no labels": (IMAGES, None, "is conditional"),
    "too few labels": (IMAGES, LABELS[:6], "8 samples but 6 labels|4 samples but 2 labels|another number of labels"),
    "nothing at all": (IMAGES[:0], LABELS[:0], "there are no samples|gave no batch"),
}


@pytest.fixture(scope="module")
def gan():
    latents, images, labels = keras.Input((2,)), keras.Input((4, 4, 1)), keras.Input((3,))
    join, dense = keras.layers.Concatenate(), keras.layers.Dense
    made = keras.layers.Reshape((4, 4, 1))(dense(16, activation="tanh")(join([latents, labels])))
    judged = dense(1)(join([keras.layers.Flatten()(images), labels]))
    gan = kg.GAN(keras.Model([latents, labels], made), keras.Model([images, labels], judged), seed=0)
    gan.compile("sgd", "sgd", regularizers=[], run_eagerly=True)
    return gan


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", RIGHT)
def test_right_data_train(gan, caplog, kind, case):
    before = int(gan.step)
    history = gan.fit(*KINDS[kind](*RIGHT[case]), batch_size=SIZE, verbose=0).history
    assert int(gan.step) == before + 2
    assert int(gan.skipped) == 0
    assert np.isfinite(list(history.values())).all()
    assert not caplog.records


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", WRONG)
def test_wrong_data_are_refused_in_one_line(gan, kind, case):
    *data, message = WRONG[case]
    before = int(gan.step)
    with pytest.raises(kg.UserError, match=message) as raised:
        gan.fit(*KINDS[kind](*data), batch_size=SIZE, verbose=0)
    assert "\n" not in str(raised.value)
    assert "Traceback" not in str(raised.value)
    # Of streams a first batch may be right.
    assert int(gan.step) - before <= 1
    assert int(gan.skipped) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_images_from_0_to_1_are_warned_of_once(gan, caplog, kind):
    with caplog.at_level(logging.WARNING, "keras_gan"):
        gan.fit(*KINDS[kind](np.abs(IMAGES), LABELS), batch_size=SIZE, verbose=0)
    (record,) = caplog.records
    assert "no value of these float images is below 0" in record.getMessage()
    assert "\n" not in record.getMessage()
