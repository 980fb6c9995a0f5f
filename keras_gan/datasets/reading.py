"""`Reading`: what images are turned into when they are read."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageColor, ImageOps

from keras_gan.errors import UserError, unknown

# Channels of an image by their name.
CHANNELS = {"grey": 1, "rgb": 3, "rgba": 4}
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
# The side to which images of several sizes are resized if nothing is said.
DEFAULT_SIDE = 64
SMALLEST, LARGEST = 4, 4096
FITS = {
    "crop": lambda image, size, colour: ImageOps.fit(image, size, Image.Resampling.BICUBIC),
    "pad": lambda image, size, colour: ImageOps.pad(image, size, Image.Resampling.BICUBIC, colour),
    "stretch": lambda image, size, colour: image.resize(size, Image.Resampling.BICUBIC),
}


@dataclasses.dataclass(frozen=True)
class Reading:
    """What images are turned into when they are read.

    Attributes:
        size: height and width in pixels; `None` leaves images of one size as they are, and makes others 64 x 64.
        fit: how an image of other proportions gets that size: `crop` takes the largest part in its middle, `pad` adds
            margins in the colour of the background, `stretch` distorts.
        channels: `grey`, `rgb` or `rgba`; `auto` makes colour images unless all are grey, and drops transparency.
        background: colour of margins and of what transparent images stand on, a name or `#rrggbb`.
        allow_unreadable: largest share of files that may be left out because they cannot be read, in [0, 1].

    Raises:
        UserError: if a value is another one.
    """

    size: tuple[int, int] | None = None
    fit: str = "crop"
    channels: str = "auto"
    background: str = "white"
    allow_unreadable: float = 0.1

    def __post_init__(self) -> None:
        if self.size is not None and not SMALLEST <= min(self.size) <= max(self.size) <= LARGEST:
            raise UserError(
                f"image_size must be {SMALLEST} to {LARGEST} pixels a side, got {self.size[0]}x{self.size[1]}"
            )
        if self.fit not in FITS:
            raise unknown("image fit", self.fit, FITS)
        if self.channels not in ("auto", *CHANNELS):
            raise unknown("image channels", self.channels, ("auto", *CHANNELS))
        if not 0 <= self.allow_unreadable <= 1:
            raise UserError(f"allow_unreadable must be a share in [0, 1], got {self.allow_unreadable!r}")
        self.colour  # noqa: B018  It raises if the background is no colour.

    @property
    def colour(self) -> tuple[int, int, int]:
        """The background as red, green and blue."""
        try:
            return ImageColor.getrgb(self.background)[:3]
        except (ValueError, AttributeError):
            raise UserError(
                f"image_background must be a colour such as white or #ffcc00, got {self.background!r}"
            ) from None

    def pixels(self, image: Image.Image) -> tuple[np.ndarray, bool]:
        """Returns a Pillow image as uint8 `(height, width, channels)`; with `auto`, the channels that it has itself.

        And whether it was transparent and now stands on the background.
        """
        if self.size and image.format in ("JPEG", "MPO"):
            # The decoder makes a smaller image at once, which saves most of the time for photographs.
            side = 2 * max(self.size)
            image.draft(None, (side, side))
        image = _eight_bits(ImageOps.exif_transpose(image))
        wanted = CHANNELS.get(self.channels) or (
            1 if image.mode in ("1", "L", "LA") and self._background_is_grey else 3
        )
        clear = image.has_transparency_data and np.asarray(image.convert("RGBA"))[..., 3].min() < 255
        if clear and wanted < 4:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, (*self.colour, 255)), image).convert("RGB")
        image = self._resized(image.convert(MODES[wanted]))
        pixels = np.asarray(image).reshape(image.height, image.width, wanted)
        if clear and wanted == 4:
            # What is hidden has no colour that a network should learn.
            pixels = np.where(pixels[..., 3:] > 0, pixels, np.array([*self.colour, 0], "uint8"))
        return pixels, bool(clear and wanted < 4)

    def arrays(self, images: np.ndarray) -> np.ndarray:
        """Returns uint8 images `(N, height, width, channels)` in the size and with the channels that are wanted."""
        channels: int = CHANNELS.get(self.channels) or images.shape[-1]
        if self.size in (None, tuple(images.shape[1:3])) and channels == images.shape[-1]:
            return images
        names = {number: name for name, number in CHANNELS.items()}
        if images.shape[-1] not in names:
            raise UserError(f"images of {images.shape[-1]} channels cannot be resized here: resize them first")
        # Arrays keep their alpha, which somebody put there, unless something else is said.
        reading = dataclasses.replace(self, channels=names[channels])
        return np.stack([reading.pixels(Image.fromarray(_plane(image)))[0] for image in images])

    def _resized(self, image):
        if self.size is None or self.size == (image.height, image.width):
            return image
        colour = self.colour if image.mode == "RGB" else (*self.colour, 0)
        if image.mode == "L":
            colour = Image.new("RGB", (1, 1), self.colour).convert("L").getpixel((0, 0))
        return FITS[self.fit](image, self.size[::-1], colour)

    @property
    def _background_is_grey(self):
        return len(set(self.colour)) == 1


def parse_size(value: int | str | tuple[int, int] | None) -> tuple[int, int] | None:
    """Returns height and width of a size: `64`, `"48x64"` or `(48, 64)`, the height first.

    Raises:
        UserError: if it is none of these.
    """
    if value is None or (isinstance(value, str) and value.strip().lower() == "none"):
        return None
    sides: Sequence[Any] = ()
    if isinstance(value, str):
        found = re.fullmatch(r"(\d{1,6})(?:\s*[xX*,]\s*(\d{1,6}))?", value.strip())
        sides = (int(found[1]), int(found[2] or found[1])) if found else ()
    elif isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        sides = (int(value), int(value))
    elif isinstance(value, (tuple, list)):
        sides = value
    if len(sides) != 2 or not all(isinstance(side, int) for side in sides):
        raise UserError("image_size must be a number of pixels such as 64, or HEIGHTxWIDTH such as 48x64")
    return sides[0], sides[1]


def size_text(size: tuple[int, int] | None) -> int | str | None:
    """Returns a size as settings write it: a number for a square, or `HEIGHTxWIDTH`."""
    if size is None:
        return None
    return size[0] if size[0] == size[1] else f"{size[0]}x{size[1]}"


def _eight_bits(image):
    """Returns the image with at most eight bits a channel."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image).astype("uint32") // 257).astype("uint8"))
    if image.mode[0] in "IF":
        raise UserError("it has more than 16 bits a channel")
    return image


def of_shape(image_shape: tuple[int, ...]) -> dict:
    """Returns the keywords of `load` that make images of a shape `(height, width, channels)`.

    They are empty for a shape that images are not resized to: for other numbers of channels than 1, 3 and 4.
    """
    names = {number: name for name, number in CHANNELS.items()}
    if image_shape[-1] not in names:
        return {}
    return {"image_size": tuple(image_shape[:2]), "image_channels": names[image_shape[-1]]}


def _plane(image):
    return image[..., 0] if image.shape[-1] == 1 else image
