"""What is in a folder of images, before anything is trained on them."""

import collections
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from keras_gan.datasets.decoding import in_order, reason
from keras_gan.datasets.folder import HELD_OUT, find
from keras_gan.datasets.images import NoSuchSplit
from keras_gan.datasets.reading import Reading
from keras_gan.errors import UserError

# Images of the contact sheet, and its side in pixels of each.
SHEET, SHEET_SIDE = 60, 96
# Two images look alike if so many of 64 bits of their difference hashes differ at most.
ALIKE_BITS = 3
# Above so many images, only equal hashes count as alike: comparing all pairs would take minutes.
ALL_PAIRS = 20_000


@dataclasses.dataclass
class Inspection:
    """What was found in a folder.

    Attributes:
        splits: number of images of each split.
        sizes: height and width of each image that can be read, of the training split, int `(N, 2)`.
        modes: how many images there are of each kind, such as `RGB` or `RGB with transparency`.
        formats: how many images there are of each format, such as `JPEG`.
        classes: how many images each class has; empty without labels.
        unreadable: files that cannot be read, with the reason.
        left_out: texts about what is in the folder but not among the images.
        duplicates: groups of files with the same pixels.
        alike: pairs of files that look alike, though their pixels differ.
        sheet: uint8 `(n, 96, 96, 3)`, some of the images, evenly taken.
    """

    splits: dict[str, int]
    sizes: np.ndarray
    modes: dict[str, int]
    formats: dict[str, int]
    classes: dict[str, int]
    unreadable: dict[Path, str]
    left_out: list[str]
    duplicates: list[list[Path]]
    alike: list[tuple[Path, Path]]
    sheet: np.ndarray


@dataclasses.dataclass
class _Seen:
    """What is known of one file."""

    why: str = ""
    size: tuple[int, int] = (0, 0)
    mode: str = ""
    format: str = ""
    digest: int = 0
    bits: int = 0


def inspect(folder: Path) -> Inspection:
    """Looks at all images in a folder, each by itself.

    Raises:
        UserError: if there are none.
    """
    found = find(folder)
    seen = list(in_order(_look, found.files, "Looking"))
    readable = [number for number, each in enumerate(seen) if not each.why]
    if not readable:
        raise UserError(f"none of the {len(seen):,} images of {folder} can be read: the first {seen[0].why}")
    files, good = [found.files[number] for number in readable], [seen[number] for number in readable]
    duplicates = _duplicates(files, good)
    chosen = [files[number] for number in np.linspace(0, len(files) - 1, min(SHEET, len(files))).astype(int)]
    return Inspection(
        splits=_splits(folder, len(seen)),
        sizes=np.array([each.size for each in good]),
        modes=_counted(each.mode for each in good),
        formats=_counted(each.format for each in good),
        classes=_counted(found.labels or (), found.class_names or ()),
        unreadable={file: each.why for file, each in zip(found.files, seen) if each.why},
        left_out=found.left_out,
        duplicates=duplicates,
        alike=_alike(files, good, {file for group in duplicates for file in group[1:]}),
        sheet=np.stack([_thumbnail(file) for file in chosen]),
    )


def _look(file):
    try:
        with Image.open(file) as image:
            form = image.format or ""
            mode = ("RGB" if image.mode in ("P", "RGBA", "PA") else image.mode).replace("LA", "L")
            pixels = ImageOps.exif_transpose(image).convert("RGBA")
        digest = hash((pixels.size, pixels.tobytes()))
        small = np.asarray(pixels.convert("L").resize((9, 8), Image.Resampling.BOX), dtype=int)
    except Exception as error:  # Damaged files make Pillow raise errors of every kind.
        return _Seen(reason(error))
    bits = np.packbits(small[:, 1:] > small[:, :-1]).view("uint64")[0].item()
    transparent = np.asarray(pixels)[..., 3].min() < 255
    kind = f"{mode} with transparency" if transparent else mode
    return _Seen("", (pixels.height, pixels.width), kind, form, digest, bits)


def _splits(folder, count):
    splits = {"train": count}
    for name in HELD_OUT:
        try:
            splits[name] = len(find(folder, name).files)
        except NoSuchSplit:
            continue
    return splits


def _counted(values, order=()):
    counts = collections.Counter(values)
    return {name: counts[name] for name in order} if order else dict(counts.most_common())


def _duplicates(files: Sequence[Path], seen: Sequence[_Seen]) -> list[list[Path]]:
    groups = collections.defaultdict(list)
    for file, each in zip(files, seen):
        groups[each.digest].append(file)
    return [group for group in groups.values() if len(group) > 1]


def _alike(files, seen, known):
    """Returns pairs of files whose difference hashes are nearly the same; files in `known` do not count."""
    # A picture of one colour has no differences, so its hash says nothing.
    rows = [number for number, each in enumerate(seen) if each.bits and files[number] not in known]
    bits, pairs = np.array([seen[number].bits for number in rows], "uint64"), []
    if len(rows) > ALL_PAIRS:
        order = np.argsort(bits, kind="stable")
        same = np.flatnonzero(bits[order][1:] == bits[order][:-1])
        pairs = [(order[place], order[place + 1]) for place in same]
    else:
        for row in range(len(bits)):
            near = np.flatnonzero(np.bitwise_count(bits[row] ^ bits[row + 1 :]) <= ALIKE_BITS)
            pairs.extend((row, row + 1 + other) for other in near)
    return [(files[rows[one]], files[rows[other]]) for one, other in pairs]


def _thumbnail(file):
    with Image.open(file) as image:
        return Reading((SHEET_SIDE, SHEET_SIDE), channels="rgb").pixels(image)[0]
