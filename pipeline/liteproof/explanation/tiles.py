"""Maps as pictures: each channel a tile, in colours that stand for its values."""

import base64
import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TILE, ALONE = 56, 224  # pixels of a tile's longer side, and where there is only one
STRIP = 512  # of one that is far wider than high
LARGEST_TILE = 80  # of a larger map, every second or third value is drawn
EXACT_PHOTO, LARGEST_PHOTO = 96, 480  # pixels of a photo that is kept as it is, and at most
GAP = 4
ACROSS = 8  # tiles in a row
# The lowest, 0 and the highest: orange, paper, blue, which the colour-blind tell apart too.
ENDS = ((178, 84, 6), (245, 246, 248), (6, 66, 110))
MIDDLE = 127  # the entry of 0; the palette's last one is the gap, which is seen through
CLEAR = 255


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture for the page: its address, its size in pixels, and what it shows, in words."""

    source: str
    width: int
    height: int
    alt: str


def tiles(maps: NDArray[np.float32], alt: str, reach: float | None = None) -> Shown:
    """Draw each channel of a map, (height, width, channels), side by side.

    Args:
        maps: what to draw.
        alt: in words.
        reach: the value that has the full colour; None takes the largest there is.
    """
    every = math.ceil(max(maps.shape[:2]) / (LARGEST_TILE if maps.shape[-1] > 1 else ALONE))
    maps = maps[::every, ::every]
    height, width, channels = maps.shape
    wanted = TILE if channels > 1 else STRIP if width > 4 * height else ALONE
    factor = max(1, round(wanted / max(height, width)))
    across = min(ACROSS, channels)
    down = math.ceil(channels / across)
    step_y, step_x = height * factor + GAP, width * factor + GAP
    canvas = np.full((down * step_y - GAP, across * step_x - GAP), CLEAR, np.uint8)
    codes = as_codes(maps, reach)
    for at in range(channels):
        row, column = at // across * step_y, at % across * step_x
        tile = codes[..., at].repeat(factor, axis=0).repeat(factor, axis=1)
        canvas[row : row + tile.shape[0], column : column + tile.shape[1]] = tile
    image = Image.fromarray(_palette()[canvas])
    return Shown(_address(image), image.width, image.height, alt)


def photo(pixels: NDArray[np.uint8], alt: str, least: int = 224) -> Shown:
    """Return uint8 pixels (height, width, 1 or 3), small ones enlarged in whole steps."""
    plain = pixels if pixels.shape[-1] == 3 else pixels[..., 0]
    image = Image.fromarray(np.ascontiguousarray(plain))
    image.thumbnail((LARGEST_PHOTO, LARGEST_PHOTO))
    factor = max(1, round(least / max(image.size)))
    source = _address(image, exact=max(image.size) <= EXACT_PHOTO)
    return Shown(source, image.width * factor, image.height * factor, alt)


def overlay(pixels: NDArray[np.uint8], values: NDArray[np.float32], alt: str) -> Shown:
    """Lay a map, (height, width) of the picture's size, over the picture in grey."""
    reach = float(np.abs(values).max(initial=1e-9))
    strength = np.abs(values / reach)[..., np.newaxis] * 0.85
    ends = np.array(ENDS, np.float64)
    # Vivid, that it stands out on black and white alike.
    tint = np.where(values[..., np.newaxis] < 0, ends[0], np.array((0, 145, 234)))
    grey = 60 + 0.6 * pixels.mean(axis=-1, keepdims=True)
    mixed = (grey * (1 - strength) + tint * strength).astype(np.uint8)
    return photo(mixed, alt)


def enlarged(values: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Bring a small map, (height, width), to a picture's size, smoothly."""
    image = Image.fromarray(values.astype(np.float32))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BILINEAR), np.float32)


def in_base64(values: NDArray[Any]) -> str:
    """Return the bytes of numbers, in order, for the page's script."""
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def as_codes(maps: NDArray[np.float32], reach: float | None) -> NDArray[np.uint8]:
    """Return which of the palette's colours each value has.

    Args:
        maps: any shape.
        reach: the value that has the full colour; None takes the largest there is.
    """
    full = reach or float(np.abs(maps).max(initial=0.0)) or 1.0
    codes: NDArray[np.uint8] = (MIDDLE + np.rint(np.clip(maps / full, -1, 1) * MIDDLE)).astype(
        np.uint8
    )
    return codes


def _palette() -> NDArray[np.uint8]:
    """Return the colours of all codes: uint8 (256, 4), with alpha last."""
    low, paper, high = (np.array(each, np.float64) for each in ENDS)
    down = [paper + (low - paper) * (MIDDLE - at) / MIDDLE for at in range(MIDDLE)]
    up = [paper + (high - paper) * at / MIDDLE for at in range(MIDDLE + 1)]
    colours = np.rint([*down, *up, paper]).astype(np.uint8)
    opaque = np.where(np.arange(len(colours)) == CLEAR, 0, 255).astype(np.uint8)
    return np.concatenate([colours, opaque[:, np.newaxis]], axis=1)


def _address(image: Image.Image, *, exact: bool = True) -> str:
    """Return a picture within an address; without loss, PNG takes three quarters more of maps."""
    file = io.BytesIO()
    image.save(file, format="WEBP", lossless=exact, quality=50 if exact else 90, method=1)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
