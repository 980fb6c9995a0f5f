import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from keras_gan.cli import main
from keras_gan.datasets.inspection import inspect


@pytest.fixture
def folder(tmp_path):
    """Two classes of noise with a duplicate, a near duplicate, a transparent, a damaged and an odd file."""
    rng = np.random.default_rng(0)
    for number in range(12):
        path = tmp_path / "pets" / "train" / ["cat", "dog"][number % 4 == 3] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = Image.fromarray(rng.integers(0, 255, (6, 6, 3), "uint8"))
        noise.resize((32, 40), Image.Resampling.BICUBIC).save(path)
    cats = tmp_path / "pets" / "train" / "cat"
    image = Image.open(cats / "00.png")
    image.save(cats / "copy.bmp")
    image.resize((64, 80)).save(cats / "near.jpg")
    image.putalpha(100)
    image.save(cats / "clear.png")
    (cats / "broken.png").write_bytes(b"nothing")
    (cats / "notes.txt").write_text("")
    (tmp_path / "pets" / "test" / "cat").mkdir(parents=True)
    Image.open(cats / "01.png").save(tmp_path / "pets" / "test" / "cat" / "1.png")
    return tmp_path / "pets"


def test_what_is_in_a_folder(folder):
    found = inspect(folder)
    cats = folder / "train" / "cat"
    assert found.splits == {"train": 16, "test": 1}
    assert found.classes == {"cat": 13, "dog": 3}
    assert found.modes == {"RGB": 14, "RGB with transparency": 1}
    assert found.formats == {"PNG": 13, "BMP": 1, "JPEG": 1}
    assert found.unreadable == {cats / "broken.png": "it is no image"}
    assert found.duplicates == [[cats / "00.png", cats / "copy.bmp"]]
    assert (cats / "00.png", cats / "near.jpg") in found.alike
    assert found.sizes.max(0).tolist() == [80, 64]
    assert found.sheet.shape == (15, 96, 96, 3)
    assert found.left_out == ["left out 1 file of no image format: 1 .txt"]


def test_the_command_says_it_and_how_to_train(folder, tmp_path):
    picture = tmp_path / "new" / "sheet.png"
    done = CliRunner().invoke(main, ["inspect", str(folder), "--picture", str(picture)])
    assert done.exit_code == 0, done.output
    for text in (
        "train 16, test 1",
        "from 40 x 32 to 80 x 64",
        "2: cat 13, dog 3",
        "broken.png: it is no image",
        "1, such as cat/00.png = cat/copy.bmp",
        "Warning: 16 images are few",
    ):
        assert text in done.output
    assert f"train --dataset {folder} --conditional --image-size 64 --set image_channels=rgba" in done.output
    with Image.open(picture) as image:
        assert image.size == (10 * 98 + 2, 2 * 98 + 2)


def test_a_folder_without_a_readable_image_is_one_line(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    done = CliRunner().invoke(main, ["inspect", str(tmp_path)])
    assert done.exit_code == 2
    assert "none of the 1 images of" in done.output
    assert "Traceback" not in done.output
