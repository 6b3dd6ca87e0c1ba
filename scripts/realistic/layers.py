"""Pictures laid over pictures."""

import numpy as np
from PIL import Image, ImageChops

from realistic.chance import Rng

BICUBIC = Image.Resampling.BICUBIC


def added(picture: Image.Image, change: Image.Image) -> Image.Image:
    """Return the picture with a layer's distance from 128 added."""
    layer = change if change.mode == "RGB" else Image.merge("RGB", [change] * 3)
    return ImageChops.add(picture, layer, 1.0, -128)


def tiled(tile: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a picture of that size, full of tiles."""
    whole = Image.new(tile.mode, size)
    for top in range(0, size[1], tile.height):
        for left in range(0, size[0], tile.width):
            whole.paste(tile, (left, top))
    return whole


def mottle(picture: Image.Image, amplitude: float, scale: float, rng: Rng) -> Image.Image:
    """Return the picture with spots of so many grey levels and pixels."""
    height, width = (max(2, round(side / scale)) for side in picture.size[::-1])
    spots = rng.standard_normal((height, width), np.float32) * amplitude + 128
    layer = Image.fromarray(spots.clip(0, 255).astype(np.uint8))
    return added(picture, layer.resize(picture.size, BICUBIC))
