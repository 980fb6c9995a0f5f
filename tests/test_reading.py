"""Image files of every kind, as users have them."""

import csv
import io
import json
import os
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from keras_gan import datasets
from keras_gan.datasets.decoding import CHUNK


@pytest.fixture
def write(tmp_path):
    """A function that writes an image of one colour, and makes its folders."""

    def write(name, colour=(200, 0, 0), size=(10, 8), mode="RGB", **how):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, size, colour).save(path, **how)
        return path

    return write


def halves(mode="RGB"):
    """An image of 16 x 8 whose middle half is grey, and whose sides are red and blue."""
    image = Image.new(mode, (16, 8), (120, 120, 120))
    image.paste((255, 0, 0), (0, 0, 4, 8))
    image.paste((0, 0, 255), (12, 0, 16, 8))
    return image


@pytest.mark.parametrize(
    ("fit", "top_left", "left"),
    [
        ("crop", [120, 120, 120], [120, 120, 120]),
        ("pad", [255, 255, 255], [255, 0, 0]),
        ("stretch", [255, 0, 0], [255, 0, 0]),
    ],
)
def test_an_image_of_other_proportions_is_cropped_padded_or_stretched(tmp_path, fit, top_left, left):
    halves().save(tmp_path / "a.png")
    data = datasets.load(str(tmp_path), image_size=8, image_fit=fit)
    assert data.image_shape == (8, 8, 3)
    assert data.images[0, 0, 0].tolist() == top_left
    np.testing.assert_allclose(data.images[0, 4, 0], left, atol=16)  # The filter overshoots beside an edge.


def test_the_colour_of_margins_is_the_background(tmp_path):
    halves().save(tmp_path / "a.png")
    data = datasets.load(str(tmp_path), image_size=8, image_fit="pad", image_background="#00ff00")
    assert data.images[0, 0, 0].tolist() == [0, 255, 0]
    grey = datasets.load(str(tmp_path), image_size=8, image_fit="pad", image_channels="grey", image_background="black")
    assert grey.image_shape == (8, 8, 1)
    assert grey.images[0, 0, 0].tolist() == [0]


@pytest.mark.parametrize(("size", "shape"), [(6, (6, 6)), ("5x7", (5, 7)), ((7, 5), (7, 5)), ("8", (8, 8))])
def test_sizes_are_height_and_width(write, tmp_path, size, shape):
    write("a.png")
    assert datasets.load(str(tmp_path), image_size=size).image_shape == (*shape, 3)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"image_size": "64px"}, "image_size must be a number of pixels such as 64, or HEIGHTxWIDTH such as 48x64"),
        ({"image_size": 2}, "image_size must be 4 to 4096 pixels a side, got 2x2"),
        ({"image_size": "9x100000"}, "image_size must be 4 to 4096 pixels a side"),
        ({"image_fit": "crp"}, "unknown image fit 'crp': did you mean crop"),
        ({"image_channels": "bw"}, "unknown image channels 'bw': there are auto, grey, rgb, rgba"),
        ({"image_background": "whit"}, "image_background must be a colour such as white or #ffcc00, got 'whit'"),
        ({"allow_unreadable": 2.0}, r"allow_unreadable must be a share in \[0, 1\]"),
    ],
)
def test_bad_wishes_are_refused(write, tmp_path, how, message):
    write("a.png")
    with pytest.raises(ValueError, match=message):
        datasets.load(str(tmp_path), **how)


def test_images_of_several_sizes_become_64_pixels_and_that_is_said(write, tmp_path, caplog):
    write("a.png", size=(10, 8))
    write("b.png", size=(12, 8))
    assert datasets.load(str(tmp_path)).image_shape == (64, 64, 3)
    assert caplog.messages == [
        f"{tmp_path}: images differ in size (10x8 and 12x8): all become 64x64; set another image_size"
    ]
    assert datasets.load(str(tmp_path), image_size=(6, 4)).image_shape == (6, 4, 3)


def test_transparent_images_stand_on_the_background(tmp_path, caplog):
    image = Image.new("RGBA", (10, 8), (10, 20, 30, 0))
    image.putpixel((0, 0), (10, 20, 30, 255))
    image.putpixel((1, 0), (0, 0, 0, 128))
    image.save(tmp_path / "clear.png")
    Image.new("RGBA", (10, 8), (1, 2, 3, 255)).save(tmp_path / "opaque.png")
    data = datasets.load(str(tmp_path))
    assert data.images[0, 0, :3].tolist() == [[10, 20, 30], [127, 127, 127], [255, 255, 255]]
    assert data.images[1, 0, 0].tolist() == [1, 2, 3]
    assert caplog.messages == [
        f"{tmp_path}: put 1 transparent image on white; image_channels=rgba keeps their transparency"
    ]
    yellow = datasets.load(str(tmp_path), image_background="yellow")
    assert yellow.images[0, 7, 9].tolist() == [255, 255, 0]


def test_transparency_is_kept_when_asked_and_hidden_colours_are_not(tmp_path, caplog):
    image = Image.new("RGBA", (10, 8), (10, 20, 30, 0))
    image.putpixel((0, 0), (10, 20, 30, 200))
    image.save(tmp_path / "clear.png")
    Image.new("L", (10, 8), 7).save(tmp_path / "grey.png")
    data = datasets.load(str(tmp_path), image_channels="rgba")
    assert data.images[0, 0, :2].tolist() == [[10, 20, 30, 200], [255, 255, 255, 0]]
    assert data.images[1, 0, 0].tolist() == [7, 7, 7, 255]
    assert not caplog.messages
    assert datasets.load(str(tmp_path), image_channels="rgba", image_size=5).image_shape == (5, 5, 4)


def test_pictures_are_turned_as_their_camera_says(write, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # A quarter turn.
    write("a.jpg", exif=exif)
    assert datasets.load(str(tmp_path)).image_shape == (10, 8, 3)


def test_sixteen_bits_of_grey_become_eight_and_more_are_left_out(write, tmp_path, caplog):
    write("a.png", 65535, mode="I;16")
    write("b.png", 514, mode="I;16")
    Image.new("F", (10, 8), 0.5).save(tmp_path / "c.tiff")
    data = datasets.load(str(tmp_path), allow_unreadable=0.5)
    assert data.images[:, 0, 0, 0].tolist() == [255, 2]
    assert caplog.messages[0].endswith("c.tiff (it has more than 16 bits a channel)")


def test_the_first_of_several_pictures_is_taken(tmp_path, caplog):
    frames = [Image.new("RGB", (10, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    data = datasets.load(str(tmp_path))
    assert data.images[0, 0, 0, 0] >= 254
    assert caplog.messages == [f"{tmp_path}: took the first picture of 1 image of several"]


def test_files_that_cannot_be_read_are_named_and_left_out(write, tmp_path, caplog):
    for number in range(2 * CHUNK):
        write(f"{'ab'[number % 2]}/{number:02}.png", colour=(number, 0, 0))
    (tmp_path / "a" / "00.png").write_bytes(b"not a picture")
    whole = (tmp_path / "b" / "01.png").read_bytes()
    (tmp_path / "b" / "01.png").write_bytes(whole[:44])
    data = datasets.load(str(tmp_path))
    assert data.images[:, 0, 0, 0].tolist() == [*range(2, 2 * CHUNK, 2), *range(3, 2 * CHUNK, 2)]
    assert data.labels.tolist() == [0] * (CHUNK - 1) + [1] * (CHUNK - 1)
    (text,) = caplog.messages
    assert "left out 2 images that cannot be read: " in text
    assert f"{tmp_path / 'a' / '00.png'} (it is no image)" in text
    with pytest.raises(ValueError, match=r"2 images that cannot be read: .*, of 32; .*set allow_unreadable=0.07"):
        datasets.load(str(tmp_path), allow_unreadable=0.01)
    assert len(datasets.load(str(tmp_path), allow_unreadable=0.07)) == 2 * CHUNK - 2


def test_if_nothing_can_be_read_it_is_said(tmp_path):
    for number in range(7):
        (tmp_path / f"{number}.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"none of the 7 images of .* can be read: .*0\.png .* and 2 more$"):
        datasets.load(str(tmp_path), allow_unreadable=1.0)


def test_a_picture_that_is_too_large_is_named(write, tmp_path, monkeypatch):
    write("a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 30)
    with pytest.raises(ValueError, match=r"a\.png \(Image size"):
        datasets.load(str(tmp_path))


def test_names_that_no_terminal_can_print_do_no_harm(write, tmp_path, caplog):
    write("Ünïcode 猫/ein bild.png")
    write("Ünïcode 猫/line\nbreak.png")
    (tmp_path / "Ünïcode 猫" / "bad\nname.png").write_bytes(b"")
    data = datasets.load(str(tmp_path), allow_unreadable=0.5)
    assert (len(data), data.class_names) == (2, ("Ünïcode 猫",))
    assert "bad\\nname.png" in caplog.text
    assert "bad\nname" not in caplog.text


def test_folders_in_class_folders_belong_to_the_class(write, tmp_path):
    for name in ("cats/old/a.png", "cats/b.png", "cats/old/older/c.png", "dogs/d/e.png"):
        write(name)
    data = datasets.load(str(tmp_path))
    assert data.class_names == ("cats", "dogs")
    assert data.labels.tolist() == [0, 0, 0, 1]


def test_links_that_lead_in_a_circle_end(write, tmp_path):
    write("cats/a.png")
    (tmp_path / "cats" / "again").symlink_to(tmp_path / "cats")
    assert len(datasets.load(str(tmp_path))) == 1


@pytest.mark.parametrize("names", [("Train", "Test"), ("TRAIN", "Val")])
def test_splits_may_have_capitals(write, tmp_path, names):
    for name, count in zip(names, (5, 2)):
        for number in range(count):
            write(f"{name}/a/{number}.png")
    train, held_out, where = datasets.load_with_held_out(str(tmp_path))
    assert (len(train), len(held_out), where) == (5, 2, "test split")


def test_a_folder_that_holds_one_folder_of_classes_is_opened(write, tmp_path):
    for name in ("data/set/cats/a.png", "data/set/dogs/b.png"):
        write(name)
    assert datasets.load(str(tmp_path)).class_names == ("cats", "dogs")


def test_held_out_images_become_as_those_to_train_on(write, tmp_path):
    write("train/a/1.png")
    write("test/a/1.png", 9, size=(20, 20), mode="L")
    train, held_out, _ = datasets.load_with_held_out(str(tmp_path))
    assert held_out.image_shape == train.image_shape == (8, 10, 3)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_labels_in_a_table(write, tmp_path, caplog, delimiter):
    for number in range(4):
        write(f"images/{number}.png", colour=(number, 0, 0))
    rows = [("file", "label"), ("images/2.png", "10"), ("0.png", "9"), ("images\\1.png", "10"), ("gone.png", "9")]
    with open(tmp_path / "labels.csv", "w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    data = datasets.load(str(tmp_path))
    assert data.class_names == ("9", "10")
    assert data.images[:, 0, 0, 0].tolist() == [2, 0, 1]
    assert data.labels.tolist() == [1, 0, 1]
    assert caplog.messages == [
        f"{tmp_path}: labels.csv names 1 image that are not there",
        f"{tmp_path}: left out 1 image that labels.csv does not name",
    ]


def test_labels_in_the_file_of_stylegan(write, tmp_path):
    for number in range(2):
        write(f"{number}.png")
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": [["0.png", 1], ["1.png", 0]]}))
    assert datasets.load(str(tmp_path)).labels.tolist() == [1, 0]
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": None}))
    with pytest.raises(ValueError, match=r"dataset.json must be like"):
        datasets.load(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must begin with the names of its columns"),
        ("a,b\n0.png,1\n", "must begin with the names of its columns, file and label, .*it has a, b"),
        ("file,label\n", "names no images"),
        ("file,label\n0.png\n", "has a line with too few columns"),
        ("file,label\n9.png,1\n", "no images in"),
    ],
)
def test_a_table_that_is_none_is_one_line(write, tmp_path, text, message):
    write("0.png")
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        datasets.load(str(tmp_path))


def test_a_zip_is_read_as_its_folder(write, tmp_path):
    write("in/cats/a.png")
    write("in/dogs/b.png")
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for path in (tmp_path / "in").rglob("*.png"):
            archive.write(path, path.relative_to(tmp_path))
    data = datasets.load(str(tmp_path / "pets.zip"))
    assert (data.name, data.class_names, len(data)) == ("pets", ("cats", "dogs"), 2)


def test_a_zip_is_unpacked_once_where_it_has_no_split(write, tmp_path, monkeypatch):
    for number in range(6):
        write(f"in/{'cats' if number % 2 else 'testers'}/{number}.png")
    shutil.make_archive(str(tmp_path / "pets"), "zip", tmp_path / "in")
    unpacked = []
    extract = zipfile.ZipFile.extractall
    monkeypatch.setattr(zipfile.ZipFile, "extractall", lambda *given: unpacked.append(1) or extract(*given))
    train, held_out, where = datasets.load_with_held_out(str(tmp_path / "pets.zip"))
    assert (len(train), len(held_out), where, unpacked) == (5, 1, "one image in 6", [1])


def test_arrays_in_files_are_read(tmp_path):
    images = np.arange(3 * 8 * 8, dtype="uint8").reshape(3, 8, 8)
    np.save(tmp_path / "a.npy", images)
    np.savez(tmp_path / "b.npz", images=images[..., None], labels=np.array([0, 1, 1]))
    np.savez(tmp_path / "c.npz", x_train=images, y_train=[[0], [1], [0]], x_test=images[:1], y_test=[[1]])
    np.testing.assert_array_equal(datasets.load(str(tmp_path / "a.npy")).images[..., 0], images)
    assert datasets.load(str(tmp_path / "b.npz")).labels.tolist() == [0, 1, 1]
    assert datasets.load(str(tmp_path / "b.npz"), image_size=4, image_channels="rgb").image_shape == (4, 4, 3)
    train, held_out, where = datasets.load_with_held_out(str(tmp_path / "c.npz"))
    assert (len(train), len(held_out), where) == (3, 1, "test split")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.zip", b"", "is a file: give a folder of images, a .zip of one, or a .npz or .npy file"),
        ("a.txt", b"text", "is a file: give a folder of images"),
        ("a.npy", b"text", "cannot be read"),
        ("a.npy", b"", "cannot be read"),
        ("a.npz", b"PK\x03\x04 and no more", "cannot be read"),
    ],
)
def test_damaged_files_are_one_line(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        datasets.load(str(tmp_path / name))


def test_arrays_of_other_names_and_objects_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", pixels=np.zeros((2, 8, 8), "uint8"))
    with pytest.raises(ValueError, match=r"has no array images or x_train .*, but pixels"):
        datasets.load(str(tmp_path / "a.npz"))
    np.save(tmp_path / "b.npy", np.array([{}, {}]), allow_pickle=True)
    with pytest.raises(ValueError, match="cannot be read"):
        datasets.load(str(tmp_path / "b.npy"))


def test_mirrored_batches_are_a_function_of_seed_and_step():
    images = np.zeros((40, 4, 4, 1), "uint8")
    images[:, :, 0] = 255
    data = datasets.from_arrays(images)
    batches = np.stack(list(data.batches(20, mirror=True).take(6).as_numpy_iterator()))
    turned = batches[:, :, 0, 0, 0] == 0
    assert 0.3 < turned.mean() < 0.7
    assert (batches[:, :, :, 3] == np.where(turned, 255, 0)[..., None, None]).all()
    later = np.stack(list(data.batches(20, mirror=True, start_step=2).take(4).as_numpy_iterator()))
    np.testing.assert_array_equal(batches[2:], later)
    assert (np.stack(list(data.batches(20).take(2).as_numpy_iterator()))[..., 0, 0] == 255).all()


def test_damage_of_every_kind_is_no_traceback(write, tmp_path):
    """Cuts and changes files of every format; what Pillow raises then is of many types."""
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 255, (12, 10, 3), "uint8"))
    suffixes = ("png", "jpg", "gif", "bmp", "tiff", "webp", "ppm", "tga", "ico", "jp2")
    for suffix in suffixes:
        file = io.BytesIO()
        noise.save(file, Image.registered_extensions()[f".{suffix}"])
        content = file.getvalue()
        (tmp_path / f"whole.{suffix}").write_bytes(content)
        for number in range(20):
            damaged = bytearray(content[: rng.integers(1, len(content))] if number % 2 else content)
            for place in rng.integers(0, len(damaged), 1 + number // 4):
                damaged[place] = rng.integers(0, 256)
            (tmp_path / f"{number}.{suffix}").write_bytes(damaged)
    data = datasets.load(str(tmp_path), image_size=8, allow_unreadable=1.0)
    assert len(suffixes) <= len(data) < 21 * len(suffixes)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_without_permission_are_named(write, tmp_path):
    write("a.png")
    write("b.png").chmod(0)
    with pytest.raises(ValueError, match=r"b\.png \(permission denied\)"):
        datasets.load(str(tmp_path))
