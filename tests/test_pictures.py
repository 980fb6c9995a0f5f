import sys

import numpy as np
import pytest
from PIL import Image

from keras_gan import pictures


def test_image_grid_places_images_row_by_row_and_enlarges_small_ones():
    images = np.arange(1, 6, dtype="uint8").reshape(5, 1, 1, 1) * np.ones((5, 8, 8, 1), "uint8")
    grid = pictures.image_grid(images, columns=2)
    assert grid.shape == (3 * 66 + 2, 2 * 66 + 2, 1)
    assert [grid[2, 2, 0], grid[2, 68, 0], grid[68, 2, 0], grid[131, 131, 0], grid[134, 65, 0]] == [1, 2, 3, 4, 5]
    assert grid[134, 80, 0] == grid[0, 0, 0] == 255
    assert pictures.image_grid(np.zeros((4, 64, 100, 3), "uint8"), 4).shape == (68, 410, 3)


@pytest.mark.parametrize(
    ("num", "classes", "expected"),
    [(50, 0, 10), (7, 0, 7), (50, 10, 10), (50, 3, 9), (2, 3, 2), (50, 4, 8), (50, 14, 14), (50, 17, 10), (50, 1, 10)],
)
def test_columns_keep_a_class_in_a_column(num, classes, expected):
    assert pictures.columns(num, classes) == expected


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png(tmp_path, channels):
    image = np.random.default_rng(0).integers(0, 255, (5, 6, channels), dtype="uint8")
    pictures.save_png(tmp_path / "x.png", image)
    np.testing.assert_array_equal(pictures.load_image(tmp_path / "x.png"), image)


@pytest.mark.parametrize("channels", [1, 3])
def test_gif(tmp_path, channels):
    frames = [np.full((6, 5, channels), shade, "uint8") for shade in (0, 100, 200)]
    pictures.save_animation(tmp_path / "x.gif", frames, seconds=0.6, hold=1.0)
    with Image.open(tmp_path / "x.gif") as film:
        assert (film.n_frames, film.size, film.info["loop"]) == (3, (5, 6), 0)
        shades, durations = [], []
        for number in range(3):
            film.seek(number)
            shades.append(film.convert("L").getpixel((2, 2)))
            durations.append(film.info["duration"])
    np.testing.assert_allclose(shades, [0, 100, 200], atol=2)
    assert durations == [200, 200, 1200]


# imageio leaves the pipes of the process that reads the film to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_mp4(tmp_path):
    imageio = pytest.importorskip("imageio.v3")
    frames = [np.full((33, 47, 1), shade, "uint8") for shade in (0, 100, 200)]
    pictures.save_animation(tmp_path / "x.mp4", frames, seconds=0.3)
    film = imageio.imread(tmp_path / "x.mp4")
    assert film.shape == (3, 34, 48, 3)
    np.testing.assert_allclose(film.mean(axis=(1, 2, 3)), [0, 100, 200], atol=8)


def test_mp4_without_its_package_and_other_names(tmp_path, monkeypatch):
    frames = [np.zeros((4, 4, 1), "uint8")]
    monkeypatch.setitem(sys.modules, "imageio", None)
    monkeypatch.setitem(sys.modules, "imageio.v3", None)
    with pytest.raises(ValueError, match=r"pip install -e .\.\[video\]."):
        pictures.save_animation(tmp_path / "x.mp4", frames)
    with pytest.raises(ValueError, match=r"must end in \.gif or \.mp4"):
        pictures.save_animation(tmp_path / "x.avi", frames)
