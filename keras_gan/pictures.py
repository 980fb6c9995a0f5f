"""Image files: grids and animations."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from keras_gan.errors import UserError
from keras_gan.types import StrPath

ANIMATIONS = (".gif", ".mp4")


def image_grid(images: np.ndarray, columns: int) -> np.ndarray:
    """Arranges images in a grid with thin white gaps.

    Images below 64 pixels are enlarged smoothly, by the largest whole factor that leaves no side above 64.

    Args:
        images: uint8 `(N, height, width, channels)`.
        columns: number of images in a row.

    Returns:
        uint8 `(rows * ..., columns * ..., channels)`.

    Examples:
        >>> kg.pictures.save_png("samples.png", kg.pictures.image_grid(gan.generate(40), columns=10))
    """
    images = enlarged(images, 64)
    count, height, width, channels = images.shape
    rows, gap = -(-count // columns), 2
    grid = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), 255, "uint8")
    for index, image in enumerate(images):
        top, left = gap + index // columns * (height + gap), gap + index % columns * (width + gap)
        grid[top : top + height, left : left + width] = image
    return grid


def columns(num: int, classes: int = 0) -> int:
    """Returns the number of columns of a grid of `num` images, about ten.

    If the images show up to 16 `classes` in turn, it is a multiple of their number, so that each column shows one
    class.
    """
    return min(num, classes * max(1, 10 // classes) if 0 < classes <= 16 else 10)


def enlarged(images: np.ndarray, pixels: int) -> np.ndarray:
    """Enlarges images by the largest whole factor that leaves no side above `pixels`.

    Args:
        images: uint8 `(N, height, width, channels)`.
        pixels: largest side wanted; images that are larger stay as they are.

    Returns:
        uint8 `(N, height * factor, width * factor, channels)`.
    """
    scale = max(1, pixels // max(images.shape[1:3]))
    if scale == 1:
        return images
    size = (images.shape[2] * scale, images.shape[1] * scale)
    larger = [np.asarray(picture(image).resize(size, Image.Resampling.BICUBIC)) for image in images]
    return np.stack(larger).reshape(len(images), size[1], size[0], images.shape[3])


def save_png(path: StrPath, image: np.ndarray) -> None:
    """Writes a uint8 image `(height, width, 1 to 4 channels)` as a PNG file."""
    picture(image).save(path)


def save_animation(
    path: StrPath, frames: Sequence[np.ndarray] | np.ndarray, seconds: float = 4.0, hold: float = 0.0
) -> None:
    """Writes an animation; a GIF repeats for ever.

    Args:
        path: a file that ends in .gif, or in .mp4 if the package imageio[ffmpeg] is installed.
        frames: uint8 images `(height, width, 1 to 4 channels)` of one size.
        seconds: duration of all frames together.
        hold: seconds for which the last frame stays longer than the others.

    Raises:
        UserError: if the path ends otherwise, or imageio is missing.
    """
    suffix = Path(path).suffix
    if suffix not in ANIMATIONS:
        raise UserError(f"an animation must end in {' or '.join(ANIMATIONS)}, got {path}")
    each = seconds / len(frames)
    if suffix == ".gif":
        first, *others = [picture(frame) for frame in frames]
        # The format knows only whole hundredths of a second.
        durations = [10 * max(2, round(100 * each))] * len(frames)
        durations[-1] += round(1000 * hold)
        first.save(path, save_all=True, append_images=others, duration=durations, loop=0)
        return
    try:
        import imageio.v3 as imageio  # pyright: ignore[reportMissingImports]  # It is an extra.
    except ImportError:
        raise UserError('an .mp4 needs another package: pip install -e ".[video]", or write a .gif') from None
    frames = [*frames, *[frames[-1]] * round(hold / each)]
    frames = [np.repeat(frame, 3, axis=-1) if frame.shape[-1] == 1 else frame[..., :3] for frame in frames]
    # The codec needs sides of an even number of pixels.
    frames = [np.pad(frame, ((0, len(frame) % 2), (0, frame.shape[1] % 2), (0, 0)), mode="edge") for frame in frames]
    imageio.imwrite(str(path), np.stack(frames), fps=1 / each, codec="libx264", macro_block_size=2)


def load_image(path: StrPath) -> np.ndarray:
    """Reads an image file as uint8 `(height, width, channels)`."""
    image = np.asarray(Image.open(path))
    return image if image.ndim == 3 else image[..., np.newaxis]


def picture(image: np.ndarray) -> Image.Image:
    """Makes a Pillow image of a uint8 image `(height, width, 1 to 4 channels)`."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
