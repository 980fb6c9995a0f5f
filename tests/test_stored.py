"""Images that are decoded once and kept on disk."""

import json
import multiprocessing
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from keras_gan import datasets
from keras_gan.datasets import archives, decoding
from keras_gan.datasets.stored import ImageFile


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (40, 6, 5, 3), "uint8")


@pytest.fixture
def image_file(tmp_path, pixels):
    (tmp_path / "pixels").write_bytes(b"head" + pixels.tobytes())
    return ImageFile(tmp_path / "pixels", pixels.shape, offset=4)


@pytest.mark.parametrize(
    "key", [7, -1, slice(3, 9), slice(None), np.array([5, 0, 39]), [2, 1], np.array([[1, 2], [3, 4]]), np.int64(3)]
)
def test_a_file_is_read_as_an_array(image_file, pixels, key):
    np.testing.assert_array_equal(image_file[key], pixels[key])


def test_a_part_of_a_file_is_one_too(image_file, pixels):
    chosen = np.arange(40) % 3 == 1
    part = image_file.select(chosen).select(np.array([4, 2]))
    np.testing.assert_array_equal(np.asarray(part), pixels[chosen][[4, 2]])
    assert part.shape == (2, 6, 5, 3)
    assert len({part.digest, image_file.digest, image_file.select(chosen).digest}) == 3
    with pytest.raises(IndexError):
        part[2]


def test_a_file_that_was_cut_off_is_an_error(image_file):
    os.truncate(image_file.path, 1000)
    with pytest.raises(OSError, match="ends too early"):
        image_file[39]


def test_batches_from_a_file_are_those_from_memory(image_file, pixels):
    labels = np.arange(40) % 4
    for mirror in (False, True):
        batches = [
            list(datasets.from_arrays(images, labels).batches(8, seed=2, start_step=3, mirror=mirror).take(9))
            for images in (image_file, pixels)
        ]
        for (images, classes), (expected, expected_classes) in zip(*batches):
            assert images.shape == (8, 6, 5, 3)
            np.testing.assert_array_equal(images, expected)
            np.testing.assert_array_equal(classes, expected_classes)


def test_images_that_are_held_out_of_a_file_are_not_read(image_file, pixels, monkeypatch):
    monkeypatch.setattr(ImageFile, "__getitem__", None)
    held_out, rest = datasets.split(datasets.from_arrays(image_file), 6)
    monkeypatch.undo()
    np.testing.assert_array_equal(held_out.images[:], pixels[5::6])
    assert len(rest) == 34
    assert rest.fingerprint != held_out.fingerprint


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder whose images are kept, with a damaged file and a transparent one."""
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(decoding, "KEPT_FROM", 10)
    folder = tmp_path / "photos"
    for number in range(30):
        place = folder / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        # The first image of each class is grey.
        image = Image.new("L" if number < 2 else "RGB", (6, 5), (number if number < 2 else (number, 0, 9)))
        image.save(place / f"{number:02}.png")
    (folder / "a" / "04.png").write_bytes(b"broken")
    Image.new("RGBA", (6, 5), (1, 2, 3, 0)).save(folder / "b" / "07.png")
    return folder


def loaded(folder, caplog, **reading):
    caplog.clear()
    data = datasets.load(str(folder), **reading)
    return data, list(caplog.messages)


def test_the_second_time_nothing_is_decoded(folder, caplog, monkeypatch):
    first, said = loaded(folder, caplog)
    assert len(said) == 2
    monkeypatch.setattr(decoding, "_read", None)
    again, said_again = loaded(folder, caplog)
    assert said_again == said
    np.testing.assert_array_equal(again.images, first.images)
    np.testing.assert_array_equal(again.labels, first.labels)
    assert again.fingerprint == first.fingerprint
    assert first.images[0].tolist() == [[[0, 0, 0]] * 6] * 5
    monkeypatch.setattr(decoding, "IN_MEMORY", 100)
    from_disk, _ = loaded(folder, caplog)
    assert isinstance(from_disk.images, ImageFile)
    np.testing.assert_array_equal(from_disk.images[:], first.images)


def test_what_is_kept_is_what_is_read_without(folder, caplog, monkeypatch):
    kept, _ = loaded(folder, caplog)
    monkeypatch.setattr(decoding, "KEPT_FROM", 1000)
    read, _ = loaded(folder, caplog)
    assert read.fingerprint == kept.fingerprint


@pytest.mark.parametrize("change", ["another file", "another size", "another reading"])
def test_what_has_changed_is_decoded_anew(folder, caplog, change):
    first, _ = loaded(folder, caplog)
    if change == "another file":
        Image.new("RGB", (6, 5), (77, 77, 77)).save(folder / "a" / "02.png")
    if change == "another size":
        Image.new("RGB", (6, 5), (77, 0, 0)).save(folder / "a" / "30.png")
        (folder / "a" / "04.png").unlink()
    data, _ = loaded(folder, caplog, **({"image_size": 4} if change == "another reading" else {}))
    assert data.fingerprint != first.fingerprint


@pytest.mark.parametrize("damage", ["cut", "garbled", "gone"])
def test_a_cache_that_is_damaged_is_made_anew(folder, caplog, tmp_path, damage):
    first, _ = loaded(folder, caplog)
    (kept,) = (path for path in (tmp_path / "cache" / "images").iterdir() if path.is_dir())
    if damage == "cut":
        os.truncate(kept / "pixels", 20)
    elif damage == "garbled":
        (kept / "about.json").write_text('{"shape": 3')
    else:
        (kept / "pixels").unlink()
    again, _ = loaded(folder, caplog)
    assert again.fingerprint == first.fingerprint


def test_an_archive_is_decoded_once_and_each_split_by_itself(folder, caplog, tmp_path, monkeypatch):
    for number in range(12):
        Image.open(folder / "a" / "00.png").save(folder / "b" / f"more-{number}.png")
    for split in ("train", "test"):
        shutil.copytree(folder, tmp_path / "both" / split)
    Image.new("RGB", (6, 5), (99, 0, 9)).save(tmp_path / "both" / "test" / "b" / "01.png")
    shutil.make_archive(str(tmp_path / "photos"), "zip", tmp_path / "both")
    read = [datasets.load(str(tmp_path / "photos.zip"), split) for split in ("train", "test")]
    monkeypatch.setattr(decoding, "_read", None)
    again = [datasets.load(str(tmp_path / "photos.zip"), split) for split in ("train", "test")]
    assert [data.fingerprint for data in again] == [data.fingerprint for data in read]
    assert read[0].fingerprint != read[1].fingerprint


def test_folders_of_one_name_in_two_places_are_two(folder, caplog, tmp_path, monkeypatch):
    other = tmp_path / "elsewhere" / "photos"
    shutil.copytree(folder, other)
    changed = Image.new("RGB", (6, 5), (250, 0, 9))
    changed.save(other / "a" / "02.png")
    # The same name, size and time, and another content.
    content = (other / "a" / "02.png").read_bytes()
    about = os.stat(folder / "a" / "02.png")
    assert len(content) == about.st_size
    os.utime(other / "a" / "02.png", ns=(about.st_atime_ns, about.st_mtime_ns))
    found = []
    for place in (folder.parent, other.parent):
        monkeypatch.chdir(place)
        found.append(datasets.load("photos").fingerprint)
    assert found[0] != found[1]


def test_no_room_for_the_cache_is_said_and_images_are_held_in_memory(folder, caplog, tmp_path):
    (tmp_path / "cache").write_text("a file is in the way")
    data, said = loaded(folder, caplog)
    assert len(data) == 29
    assert "cannot be kept in" in said[0]
    assert "they are held in memory" in said[0]


def _load(folder, results):
    decoding.KEPT_FROM = 10
    results.put(datasets.load(folder).fingerprint)


def test_two_processes_decode_once(folder, tmp_path):
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    processes = [context.Process(target=_load, args=(str(folder), results)) for _ in range(2)]
    for process in processes:
        process.start()
    found = {results.get(timeout=60) for _ in processes}
    for process in processes:
        process.join()
    assert len(found) == 1
    kept = [path for path in (tmp_path / "cache" / "images").iterdir() if path.is_dir()]
    assert [json.loads((path / "about.json").read_text())["shape"] for path in kept] == [[29, 5, 6, 3]]


def test_a_large_array_file_is_used_in_place(tmp_path, pixels, monkeypatch):
    np.save(tmp_path / "a.npy", pixels)
    monkeypatch.setattr(archives, "IN_MEMORY", 100)
    data = datasets.load(str(tmp_path / "a.npy"))
    assert isinstance(data.images, ImageFile)
    np.testing.assert_array_equal(data.images[:], pixels)
    assert datasets.load(str(tmp_path / "a.npy"), image_size=4).image_shape == (4, 4, 3)
    np.save(tmp_path / "b.npy", pixels.astype("float32"))
    with pytest.raises(ValueError, match=r"must hold uint8 images .* got float32"):
        datasets.load(str(tmp_path / "b.npy"))
