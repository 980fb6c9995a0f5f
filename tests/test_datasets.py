import re

import numpy as np
import pytest
from PIL import Image

from keras_gan import datasets
from keras_gan.datasets import images as in_memory
from keras_gan.datasets import tfds as source


def test_digits():
    train, test = datasets.load("digits"), datasets.load("digits", split="test")
    assert (len(train), len(test)) == (1498, 299)
    assert train.image_shape == (8, 8, 1)
    assert train.num_classes == 10
    assert train.images.dtype == np.uint8
    assert (train.images.min(), train.images.max()) == (0, 255)
    assert np.bincount(test.labels).min() >= 25
    assert not {image.tobytes() for image in test.images} & {image.tobytes() for image in train.images}


def numbered(count):
    """Images that carry their own number, so that a batch says which rows it took."""
    images = np.zeros((count, 4, 4, 1), "uint8")
    images[:, 0, 0, 0], images[:, 0, 1, 0] = np.arange(count) % 256, np.arange(count) // 256
    return datasets.from_arrays(images, np.arange(count) % 7)


def rows_of(batch):
    images, labels = (part.numpy().astype(int) for part in batch)
    rows = images[:, 0, 0, 0] + 256 * images[:, 0, 1, 0]
    np.testing.assert_array_equal(rows % 7, labels)
    return rows


def test_a_pass_is_a_complete_shuffle_and_each_pass_another():
    stream = list(numbered(1000).batches(100, seed=1).take(20))
    passes = [np.concatenate([rows_of(batch) for batch in stream[start : start + 10]]) for start in (0, 10)]
    for rows in passes:
        assert sorted(rows) == list(range(1000))
        assert abs(np.corrcoef(rows, np.arange(1000))[0, 1]) < 0.15
        assert np.abs(rows - np.arange(1000)).mean() > 250  # No window: a uniform shuffle has 333.
    assert not np.array_equal(*passes)


def test_the_order_is_a_function_of_seed_and_step():
    data = numbered(50)
    first = [rows_of(batch).tolist() for batch in data.batches(8, seed=3).take(14)]
    assert first == [rows_of(batch).tolist() for batch in data.batches(8, seed=3).take(14)]
    assert first[9:] == [rows_of(batch).tolist() for batch in data.batches(8, seed=3, start_step=9).take(5)]
    assert first != [rows_of(batch).tolist() for batch in data.batches(8, seed=4).take(14)]


def test_a_stream_ends_without_a_thread_that_tunes_it():
    assert not numbered(10).batches(5).options().autotune.enabled
    assert list(datasets.stream(lambda step: 2 * step, start_step=3).take(2).as_numpy_iterator()) == [6, 8]


def test_batches_have_a_static_shape_and_labels_only_where_there_are_some():
    assert numbered(10).batches(5).element_spec[0].shape == (5, 4, 4, 1)
    assert datasets.from_arrays(np.zeros((10, 4, 6, 3), "uint8")).batches(5).element_spec.shape == (5, 4, 6, 3)


@pytest.mark.parametrize("size", [0, 11])
def test_a_batch_that_does_not_fit_is_refused(size):
    with pytest.raises(ValueError, match=f"batch size {size} does not fit arrays: it has 10 images"):
        numbered(10).batches(size)


def test_float_arrays_become_uint8():
    data = datasets.from_arrays(np.array([-1.0, 0.0, 1.0]).reshape(3, 1, 1).repeat(4, 1).repeat(4, 2))
    assert data.images[:, 0, 0, 0].tolist() == [0, 128, 255]
    assert data.image_shape == (4, 4, 1)
    assert data.num_classes is None


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((3, 4)), None, "images must be"),
        (np.zeros((3, 4, 4, 5)), None, "1 to 4 channels"),
        (np.full((3, 4, 4), np.nan), None, "NaN"),
        (np.full((3, 4, 4), 255.0), None, r"float images must be in \[-1, 1\], got \[255, 255\]"),
        (np.zeros((3, 4, 4), "int64"), None, "uint8"),
        (np.zeros((3, 4, 4)), [0, 1], "labels must be 3 ints"),
        (np.zeros((3, 4, 4)), [0.0, 1.0, 2.0], "labels must be 3 ints"),
        (np.zeros((3, 4, 4)), [0, 1, -1], "labels must be 0 to 1"),
    ],
)
def test_wrong_arrays_are_refused(images, labels, message):
    with pytest.raises(ValueError, match=message):
        datasets.from_arrays(images, labels)


def write_images(folder, sizes=((10, 8),), mode="RGB", count=3):
    folder.mkdir(parents=True)
    for i in range(count):
        Image.new(mode, sizes[i % len(sizes)], i).save(folder / f"{i}.png")


def test_a_folder_of_class_folders(tmp_path):
    write_images(tmp_path / "cats", count=3)
    write_images(tmp_path / "dogs", count=2)
    data = datasets.load(str(tmp_path))
    assert data.class_names == ("cats", "dogs")
    assert data.labels.tolist() == [0, 0, 0, 1, 1]
    assert data.image_shape == (8, 10, 3)


def test_a_folder_of_images_and_of_splits(tmp_path):
    write_images(tmp_path / "flat", mode="L")
    data = datasets.load(str(tmp_path / "flat"))
    assert data.labels is None
    assert data.image_shape == (8, 10, 1)
    write_images(tmp_path / "split" / "train" / "a")
    write_images(tmp_path / "split" / "test" / "a", count=1)
    assert len(datasets.load(str(tmp_path / "split"))) == 3
    assert len(datasets.load(str(tmp_path / "split"), split="test")) == 1


def test_a_class_called_train_is_a_class(tmp_path):
    for name in ("train", "bus", "car"):
        write_images(tmp_path / name)
    assert datasets.load(str(tmp_path)).class_names == ("bus", "car", "train")


def test_one_colour_image_makes_the_folder_colour_and_hidden_files_do_not_count(tmp_path):
    write_images(tmp_path / "a", mode="L")
    Image.new("RGB", (10, 8), (200, 0, 0)).save(tmp_path / "a" / "z.png")
    (tmp_path / "a" / "._0.png").write_bytes(b"left by another system")
    data = datasets.load(str(tmp_path / "a"))
    assert data.image_shape == (8, 10, 3)
    assert data.images[-1, 0, 0].tolist() == [200, 0, 0]


def test_what_is_not_there_is_said(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no images in"):
        datasets.load(str(tmp_path / "empty"))
    with pytest.raises(ValueError, match="no folder"):
        datasets.load(str(tmp_path / "missing"))
    with pytest.raises(ValueError, match="splits train and test"):
        datasets.load("digits", split="validation")
    with pytest.raises(ValueError, match=r"unknown dataset 'mnits': did you mean .*mnist"):
        datasets.load("mnits")
    with pytest.raises(ValueError, match=r"unknown dataset 'digit': did you mean digits"):
        datasets.load("digit")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder with TFDS datasets written by TFDS itself: tiny (labels), plain (none), mixed (sizes differ)."""
    import tensorflow_datasets as tfds

    folder = tmp_path_factory.mktemp("tfds")

    def write(title, heights, labels):
        kinds = {"image": tfds.features.Image(shape=(heights[0] if len(heights) == 1 else None, 4, 1))}
        if labels:
            kinds["label"] = tfds.features.ClassLabel(names=["cat", "dog"])

        class Synthetic(tfds.core.GeneratorBasedBuilder):
            name = title
            VERSION = tfds.core.Version("1.0.0")

            def _info(self):
                return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(kinds))

            def _split_generators(self, dl_manager):
                return {"train": self._generate_examples(6), "test": self._generate_examples(2)}

            def _generate_examples(self, count):
                for i in range(count):
                    image = np.full((heights[i % len(heights)], 4, 1), i, "uint8")
                    yield i, {"image": image} | ({"label": i % 2} if labels else {})

        Synthetic(data_dir=str(folder)).download_and_prepare()

    write("tiny", [5], labels=True)
    write("plain", [5], labels=False)
    write("mixed", [5, 6], labels=True)
    return str(folder)


def test_tfds_by_name(prepared):
    data = datasets.load("tiny", data_dir=prepared)
    assert data.image_shape == (5, 4, 1)
    assert data.class_names == ("cat", "dog")
    np.testing.assert_array_equal(data.images[:, 0, 0, 0] % 2, data.labels)
    assert sorted(data.images[:, 0, 0, 0]) == list(range(6))
    assert len(datasets.load("tiny", split="test", data_dir=prepared)) == 2
    assert datasets.load("tiny", image_size=4, data_dir=prepared).image_shape == (4, 4, 1)


def test_tfds_without_labels_and_of_several_sizes(prepared, caplog):
    assert datasets.load("plain", data_dir=prepared).labels is None
    assert datasets.load("mixed", data_dir=prepared).image_shape == (64, 64, 1)
    assert caplog.messages == ["images of mixed differ in size: all become 64x64; set another image_size"]
    assert datasets.load("mixed", image_size=(5, 4), data_dir=prepared).image_shape == (5, 4, 1)
    with pytest.raises(ValueError, match="tiny has the splits train, test, not valid"):
        datasets.load("tiny", split="valid", data_dir=prepared)


def test_available_lists_what_is_prepared(prepared):
    assert list(datasets.available(prepared)) == ["digits", "mixed", "plain", "tiny"]


def test_no_network_is_said_at_once(tmp_path, monkeypatch):
    def unreachable(*args, **kwargs):
        raise OSError("no route")

    monkeypatch.setattr(source.urllib.request, "urlopen", unreachable)
    with pytest.raises(ConnectionError, match=r"mnist is not prepared in .* no network\. Set TFDS_DATA_DIR"):
        datasets.load("mnist", data_dir=str(tmp_path))
    assert not any(tmp_path.iterdir())


def test_hidden_folders_do_not_count(tmp_path):
    write_images(tmp_path / "a")
    write_images(tmp_path / "b")
    write_images(tmp_path / ".thumbnails")
    assert datasets.load(str(tmp_path)).class_names == ("a", "b")
    write_images(tmp_path / "flat")
    write_images(tmp_path / "flat" / ".thumbnails")
    assert len(datasets.load(str(tmp_path / "flat"))) == 3


def test_what_does_not_fit_in_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    write_images(tmp_path / "a")
    monkeypatch.setattr(in_memory, "MEMORY_LIMIT", 700)
    with pytest.raises(ValueError, match=r"3 images of \(8, 10, 3\) of a take over 8 GiB: set a smaller image_size"):
        datasets.load(str(tmp_path / "a"))
    assert len(datasets.load(str(tmp_path / "a"), image_size=4)) == 3


def test_what_is_drawn_is_the_first_batch():
    data = numbered(50)
    for drawn, first in zip(data.draw(20, 3), next(iter(data.batches(20, 3)))):
        np.testing.assert_array_equal(drawn, first)
    assert len(data.draw(90)[0]) == 50


@pytest.mark.parametrize("name", ["test", "validation", "val", "valid"])
def test_held_out_images_are_found(tmp_path, name):
    write_images(tmp_path / "train" / "a", count=6)
    train = datasets.load(str(tmp_path))
    assert datasets.load_held_out(train, str(tmp_path)) is None
    rest, held_out, held_out_from = datasets.load_with_held_out(str(tmp_path))
    assert (len(rest), len(held_out), held_out_from) == (5, 1, "one image in 6")
    rest, held_out, held_out_from = datasets.load_with_held_out(str(tmp_path), hold_out=3)
    assert (len(rest), len(held_out), held_out_from) == (4, 2, "one image in 3")
    assert datasets.load_with_held_out(str(tmp_path), hold_out=0)[1:] == (None, None)
    write_images(tmp_path / name / "a", count=2)
    assert len(datasets.load_held_out(train, str(tmp_path))) == 2
    assert datasets.load_with_held_out(str(tmp_path))[2] == "test split"


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("test/b", "have the classes b, those to train on the classes a"),
        ("test", "have no labels, those to train on the classes a"),
    ],
)
def test_held_out_images_of_another_kind_are_refused(tmp_path, folder, message):
    write_images(tmp_path / "data" / "train" / "a")
    write_images(tmp_path / "data" / folder)
    with pytest.raises(ValueError, match=message):
        datasets.load_held_out(datasets.load(str(tmp_path / "data")), str(tmp_path / "data"))


def test_folders_that_are_no_classes_are_left_out_and_said(tmp_path, caplog):
    write_images(tmp_path / "cats")
    write_images(tmp_path / "dogs")
    for name in ("empty", "notes", "__MACOSX"):
        (tmp_path / name).mkdir()
    (tmp_path / "notes" / "a.txt").write_text("no picture")
    write_images(tmp_path / "__MACOSX" / "cats")
    write_images(tmp_path / "@eaDir")
    data = datasets.load(str(tmp_path))
    assert data.class_names == ("cats", "dogs")
    assert caplog.messages == [f"{tmp_path}: left out, as no classes with images: @eaDir, __MACOSX, empty, notes"]


def test_a_class_without_held_out_images_stays_a_class(tmp_path):
    for folder, count in (("train/a", 2), ("train/b", 2), ("test/a", 1)):
        write_images(tmp_path / folder, count=count)
    (tmp_path / "test" / "b").mkdir()
    train, test, _ = datasets.load_with_held_out(str(tmp_path))
    assert train.class_names == test.class_names == ("a", "b")
    assert test.labels.tolist() == [0]


def test_every_format_that_pillow_reads_is_read(tmp_path, caplog):
    colours = np.random.default_rng(0).integers(0, 255, (4, 10, 12, 3), "uint8")
    for colour, suffix in zip(colours, (".tif", ".jfif", ".PPM", ".Tiff")):
        Image.fromarray(colour).save(tmp_path / f"a{suffix}")
    data = datasets.load(str(tmp_path))
    assert len(data) == 4
    np.testing.assert_array_equal(data.images[0], colours[2])
    assert not caplog.messages


def test_files_that_are_left_out_are_said(tmp_path, caplog):
    write_images(tmp_path / "a")
    Image.new("RGB", (10, 8)).save(tmp_path / "beside.png")
    (tmp_path / "a" / "labels.csv").write_text("")
    (tmp_path / "a" / "film.mpg").write_text("")
    (tmp_path / "a" / "Thumbs.db").write_text("")
    (tmp_path / "a" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "a" / "x.jpg").mkdir()
    assert len(datasets.load(str(tmp_path))) == 3
    assert caplog.messages == [
        f"{tmp_path}: left out 1 image beside the class folders",
        f"{tmp_path}: left out 3 files of no image format: 1 .csv, 1 .mpg, 1 link to nothing",
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cifar-10", "unknown dataset 'cifar-10': did you mean cifar10 or"),
        ("Fashion MNIST", "did you mean fashion_mnist or"),
        ("svhn", "did you mean svhn_cropped"),
        ("my photos", "unknown dataset 'my photos': give digits, a TFDS name, or a folder that is there"),
        ("photos.zip", "no file photos.zip"),
        ("mnist:", "'mnist:' is no name of TFDS, but mnist is"),
        ("mnist:9.9.9", ", not that of 'mnist:9.9.9'"),
        ("mnist/foo", "mnist has no configuration like 'mnist/foo': it has none"),
        ("emnist/foo", "emnist has no configuration like 'emnist/foo': byclass, bymerge, balanced"),
        ("", "the name of the dataset is empty"),
        (" ", "the name of the dataset is empty"),
    ],
)
def test_a_name_that_is_none_is_one_line(name, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        datasets.load(name)
    assert "\n" not in str(error.value)
