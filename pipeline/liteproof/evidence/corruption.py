"""Damaged pictures: nine kinds in five strengths, the same for everyone who asks.

What is drawn at random (directions, places, noise) depends on the picture's own bytes and the kind
only: not on its place among others, the contender, the process or the strength, so that a stronger
damage is more of the same. Moved pictures are interpolated bilinearly, about their centre.
"""

import math
import zlib
from collections.abc import Callable
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from liteproof.randomness import Stream, random_stream
from liteproof_edge.errors import DatasetError

VERSION = 1  # of the damages: figures of another version are not comparable
SEED = 0  # a part of what the damages are
WHITE = 255.0
STRENGTHS = (1, 2, 3, 4, 5)

Picture = NDArray[np.uint8]
Colour = tuple[int, ...]


class Kind(Enum):
    """What is done to a picture."""

    SHIFT = "shift"
    ROTATION = "rotation"
    SCALE = "scale"
    SHEAR = "shear"
    BLUR = "blur"
    NOISE = "noise"
    BRIGHTNESS = "brightness"
    CONTRAST = "contrast"
    OCCLUSION = "occlusion"


# By strength, sized so that accuracy falls from almost all of it to about a half of it or less, on
# 28x28 digits and on 32x32 photos (1,000 pictures of MNIST, Fashion-MNIST and CIFAR-10); a person
# still reads the strongest.
AMOUNTS = {
    Kind.SHIFT: (0.04, 0.08, 0.12, 0.16, 0.20),  # of height and width, to one of 8 sides
    Kind.ROTATION: (6.0, 12.0, 18.0, 25.0, 35.0),  # degrees, either way
    Kind.SCALE: (1.10, 1.20, 1.35, 1.50, 1.70),  # times as large, or as small
    Kind.SHEAR: (0.1, 0.2, 0.3, 0.4, 0.5),  # columns for each row, either way
    Kind.BLUR: (0.015, 0.022, 0.030, 0.040, 0.050),  # standard deviation, of the shorter side
    Kind.NOISE: (0.03, 0.06, 0.09, 0.13, 0.18),  # standard deviation, of white
    Kind.BRIGHTNESS: (0.03, 0.06, 0.10, 0.16, 0.25),  # of white, added or taken away
    Kind.CONTRAST: (0.90, 0.75, 0.60, 0.45, 0.30),  # of it that is left
    Kind.OCCLUSION: (0.12, 0.20, 0.28, 0.37, 0.46),  # of height and width
}


def background(pictures: NDArray[np.uint8]) -> Colour | None:
    """Return the colour that fills the border of moved pictures.

    Args:
        pictures: uint8 (n, height, width, channels).

    Returns:
        The colour of more than half of all their outermost pixels (digits: black; drawings on
        paper: white); None where there is none (photos): the inside is reflected.
    """
    sides = (pictures[:, :1], pictures[:, -1:], pictures[:, :, :1], pictures[:, :, -1:])
    pixels = np.concatenate([side.reshape(-1, pictures.shape[3]) for side in sides])
    colours, counts = np.unique(pixels, axis=0, return_counts=True)
    if not len(counts) or counts.max() * 2 <= len(pixels):
        return None
    return tuple(int(value) for value in colours[counts.argmax()])


def damaged(
    pictures: NDArray[np.uint8], kind: Kind, strength: int, fill: Colour | None
) -> NDArray[np.uint8]:
    """Damage each picture.

    Args:
        pictures: uint8 (n, height, width, 1 or 3), any size.
        kind: in which way.
        strength: 1 to 5.
        fill: what fills the border of moved pictures, as `background` says.

    Returns:
        uint8 of the same shape.

    Raises:
        DatasetError: the pictures are no such array.
    """
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] not in {1, 3}:
        raise DatasetError(
            f"pictures: {pictures.dtype} {pictures.shape}, "
            "expected uint8 (n, height, width, 1 or 3) to damage"
        )
    damage, amount, number = DAMAGES[kind], AMOUNTS[kind][strength - 1], list(Kind).index(kind)
    results = np.empty_like(pictures)
    for picture, result in zip(pictures, results, strict=True):
        content = zlib.crc32(picture.tobytes())
        rng = random_stream(SEED, Stream.DAMAGE, number, content)
        result[:] = damage(picture, amount, rng, fill)
    return results


def _shift(
    picture: Picture, amount: float, rng: np.random.Generator, fill: Colour | None
) -> Picture:
    """Move by whole pixels, at least one."""
    down, right = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))[
        rng.integers(8)
    ]
    rows, columns = (max(1, round(amount * side)) for side in picture.shape[:2])
    return _move(picture, (1, 0, 0, 1), fill, offset=(-right * columns, -down * rows))


def _rotate(
    picture: Picture, amount: float, rng: np.random.Generator, fill: Colour | None
) -> Picture:
    angle = math.radians(_either(rng) * amount)
    cosine, sine = math.cos(angle), math.sin(angle)
    return _move(picture, (cosine, -sine, sine, cosine), fill)


def _scale(
    picture: Picture, amount: float, rng: np.random.Generator, fill: Colour | None
) -> Picture:
    factor = amount ** _either(rng)
    return _move(picture, (1 / factor, 0, 0, 1 / factor), fill)


def _shear(
    picture: Picture, amount: float, rng: np.random.Generator, fill: Colour | None
) -> Picture:
    return _move(picture, (1, _either(rng) * amount, 0, 1), fill)


def _blur(picture: Picture, amount: float, *_: object) -> Picture:
    """Blur as by a Gaussian, by three box filters (Pillow's)."""
    deviation = amount * min(picture.shape[:2])
    blurred = Image.fromarray(_for_pillow(picture)).filter(ImageFilter.GaussianBlur(deviation))
    return np.asarray(blurred).reshape(picture.shape)


def _add_noise(picture: Picture, amount: float, rng: np.random.Generator, *_: object) -> Picture:
    """Add Gaussian noise, another number for each channel."""
    return _rounded(picture + amount * WHITE * rng.standard_normal(picture.shape))


def _brighten(picture: Picture, amount: float, rng: np.random.Generator, *_: object) -> Picture:
    return _rounded(picture + _either(rng) * amount * WHITE)


def _flatten(picture: Picture, amount: float, *_: object) -> Picture:
    """Draw all pixels towards the picture's mean."""
    mean = picture.mean()
    return _rounded(mean + amount * (picture - mean))


def _occlude(picture: Picture, amount: float, rng: np.random.Generator, *_: object) -> Picture:
    """Paint a rectangle of the picture's own proportions, all inside it, in its mean colour."""
    place = []
    for side in picture.shape[:2]:
        length = max(1, round(amount * side))
        first = int(rng.random() * (side - length + 1))
        place.append(slice(first, first + length))
    result = picture.copy()
    result[tuple(place)] = _rounded(picture.mean(axis=(0, 1)))
    return result


DAMAGES: dict[Kind, Callable[[Picture, float, np.random.Generator, Colour | None], Picture]] = {
    Kind.SHIFT: _shift,
    Kind.ROTATION: _rotate,
    Kind.SCALE: _scale,
    Kind.SHEAR: _shear,
    Kind.BLUR: _blur,
    Kind.NOISE: _add_noise,
    Kind.BRIGHTNESS: _brighten,
    Kind.CONTRAST: _flatten,
    Kind.OCCLUSION: _occlude,
}


def _move(
    picture: Picture,
    matrix: tuple[float, float, float, float],
    fill: Colour | None,
    offset: tuple[float, float] = (0, 0),
) -> Picture:
    """Read each pixel from another place: matrix · (x, y), from the centre on, plus the offset."""
    height, width = picture.shape[:2]
    a, b, c, d = matrix
    # As far as anything is read beyond the border, and a pixel more for interpolation.
    over_x = math.ceil((abs(a) * width + abs(b) * height - width) / 2 + abs(offset[0])) + 1
    over_y = math.ceil((abs(c) * width + abs(d) * height - height) / 2 + abs(offset[1])) + 1
    around = _surrounded(picture, max(over_y, 1), max(over_x, 1), fill)
    start_x = width / 2 - (a * width + b * height) / 2 + max(over_x, 1) + offset[0]
    start_y = height / 2 - (c * width + d * height) / 2 + max(over_y, 1) + offset[1]
    moved = Image.fromarray(_for_pillow(around)).transform(
        (width, height),
        Image.Transform.AFFINE,
        (a, b, start_x, c, d, start_y),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(moved).reshape(picture.shape)


def _surrounded(picture: Picture, rows: int, columns: int, fill: Colour | None) -> Picture:
    """Put rows above and below a picture, and columns to both sides of it."""
    if fill is None:
        return np.pad(picture, ((rows, rows), (columns, columns), (0, 0)), mode="reflect")
    height, width, channels = picture.shape
    around = np.empty((height + 2 * rows, width + 2 * columns, channels), np.uint8)
    around[:] = fill
    around[rows : rows + height, columns : columns + width] = picture
    return around


def _for_pillow(picture: Picture) -> Picture:
    return picture[:, :, 0] if picture.shape[2] == 1 else picture


def _either(rng: np.random.Generator) -> int:
    """Return -1 or 1."""
    return int(rng.integers(2)) * 2 - 1


def _rounded(pixels: NDArray[np.float64]) -> Picture:
    return np.clip(np.rint(pixels), 0, WHITE).astype(np.uint8)
