"""Images as files: grids, and animations."""

from pathlib import Path

import numpy as np
from PIL import Image

from keras_gan.errors import UserError

ANIMATIONS = (".gif", ".mp4")


def image_grid(images: np.ndarray, columns: int) -> np.ndarray:
    """Images side by side with thin gaps, small ones enlarged smoothly, by a whole factor, to 64 pixels at most.

    Args:
        images: uint8 `(N, height, width, channels)`.
        columns: images a row.

    Returns:
        uint8 `(rows * ..., columns * ..., channels)`.
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
    """Columns of a grid of `num` images, about ten: with `classes` in turn, each column shows one class."""
    return min(num, classes * max(1, 10 // classes) if 0 < classes <= 16 else 10)


def enlarged(images: np.ndarray, pixels: int) -> np.ndarray:
    """Images uint8 `(N, height, width, channels)`, larger by the whole factor that leaves no side above `pixels`."""
    scale = max(1, pixels // max(images.shape[1:3]))
    if scale == 1:
        return images
    size = (images.shape[2] * scale, images.shape[1] * scale)
    larger = [np.asarray(picture(image).resize(size, Image.Resampling.BICUBIC)) for image in images]
    return np.stack(larger).reshape(len(images), size[1], size[0], images.shape[3])


def save_png(path, image: np.ndarray) -> None:
    """Writes a uint8 image `(height, width, 1 to 4 channels)`."""
    picture(image).save(path)


def save_animation(path, frames, seconds: float = 4.0, hold: float = 0.0) -> None:
    """Writes an animation that repeats for ever.

    Args:
        path: ends in .gif, or in .mp4 where the package imageio[ffmpeg] is installed.
        frames: uint8 images `(height, width, 1 to 4 channels)` of one size.
        seconds: that all frames take.
        hold: seconds that the last stays longer.

    Raises:
        UserError: if the name ends otherwise, or imageio is missing.
    """
    suffix = Path(path).suffix
    if suffix not in ANIMATIONS:
        raise UserError(f"an animation must end in {' or '.join(ANIMATIONS)}, got {path}")
    each = seconds / len(frames)
    if suffix == ".gif":
        first, *others = [picture(frame) for frame in frames]
        # Whole hundredths of a second are all that the format knows.
        durations = [10 * max(2, round(100 * each))] * len(frames)
        durations[-1] += round(1000 * hold)
        first.save(path, save_all=True, append_images=others, duration=durations, loop=0)
        return
    try:
        import imageio.v3 as imageio
    except ImportError:
        raise UserError('an .mp4 needs another package: pip install -e ".[video]", or write a .gif') from None
    frames = [*frames, *[frames[-1]] * round(hold / each)]
    frames = [np.repeat(frame, 3, axis=-1) if frame.shape[-1] == 1 else frame[..., :3] for frame in frames]
    # The codec wants even sides.
    frames = [np.pad(frame, ((0, len(frame) % 2), (0, frame.shape[1] % 2), (0, 0)), mode="edge") for frame in frames]
    imageio.imwrite(path, np.stack(frames), fps=1 / each, codec="libx264", macro_block_size=2)


def load_image(path) -> np.ndarray:
    """An image file, uint8 `(height, width, channels)`."""
    image = np.asarray(Image.open(path))
    return image if image.ndim == 3 else image[..., np.newaxis]


def picture(image: np.ndarray) -> Image.Image:
    """A uint8 image `(height, width, 1 to 4 channels)` as Pillow has it."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
