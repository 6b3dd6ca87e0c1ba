"""Pictures as programs and scanners cut them: crops, small pictures, borders, frames, ruled paper.

Each kind makes grey pixels, uint8, of an MNIST digit.
"""

import io
from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from realistic.chance import Rng

BICUBIC, BOX = Image.Resampling.BICUBIC, Image.Resampling.BOX
Pixels: TypeAlias = NDArray[np.uint8]
Kind: TypeAlias = Callable[[Pixels, Rng], Pixels]


def tight(digit: Pixels, margin: int = 0) -> Pixels:
    """Return a digit cut to its ink's box, as a contour's box does it, with a margin."""
    (rows,), (columns,) = (np.nonzero(digit.any(axis=axis)) for axis in (1, 0))
    cut = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.pad(cut, margin)


def unevenly_cut(digit: Pixels, rng: Rng) -> Pixels:
    """Return a digit with another margin on each side, of which some are none."""
    top, bottom, left, right = rng.integers(0, 5, 4) * (rng.random(4) < 0.6)
    return np.pad(tight(digit), ((top, bottom), (left, right)))


def square(cut: Pixels) -> Pixels:
    """Return a cut digit between black bars that make it a square."""
    side = max(cut.shape)
    bars = [((side - own) // 2, side - own - (side - own) // 2) for own in cut.shape]
    return np.pad(cut, bars)


def on_paper(light_on_dark: Pixels) -> Pixels:
    """Return the digit dark on light."""
    dark: Pixels = np.invert(light_on_dark)
    return dark


def resized(pixels: Pixels, width: int, height: int, how: Image.Resampling = BICUBIC) -> Pixels:
    """Return the pixels in another size."""
    return np.asarray(Image.fromarray(pixels).resize((width, height), how))


def enlarged(pixels: Pixels, factor: float) -> Pixels:
    """Return the pixels so many times larger."""
    height, width = (round(side * factor) for side in pixels.shape)
    return resized(pixels, width, height)


def lit(light_on_dark: Pixels, rng: Rng) -> Pixels:
    """Return dark ink on paper in light that falls off, with a sensor's noise."""
    down, across = (
        np.linspace(rng.uniform(least, 1), 1, side)
        for side, least in zip(light_on_dark.shape, (0.8, 0.7), strict=True)
    )
    grey = (255.0 - light_on_dark) * down[:, np.newaxis] * across * 0.92
    noisy: Pixels = np.clip(grey + rng.normal(0, 4, grey.shape), 0, 255).astype(np.uint8)
    return noisy


def compressed(pixels: Pixels, quality: int) -> Pixels:
    """Return what JPEG makes of it."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def form(digit: Pixels, rng: Rng, kind: str) -> Pixels:
    """Return a digit on a printed form: in a frame, a rounded one, a comb, or above a line."""
    sheet = Image.fromarray(np.pad(on_paper(enlarged(digit, 6)), 24, constant_values=255))
    pencil, side = ImageDraw.Draw(sheet), sheet.width - 1
    inset, width = int(rng.integers(2, 13)), int(rng.integers(1, 5))
    grey, far = int(rng.integers(0, 90)), side - inset
    if kind == "frame":
        pencil.rectangle([inset, inset, far, far], outline=grey, width=width)
    elif kind == "rounded":
        radius = int(rng.integers(8, 25))
        pencil.rounded_rectangle([inset, inset, far, far], radius, outline=grey, width=width)
    elif kind == "comb":
        pencil.line([inset, inset, inset, far, far, far, far, inset], fill=grey, width=width)
    else:
        pencil.line([inset, far, far, far], fill=grey, width=width)
    return np.asarray(sheet.filter(ImageFilter.BoxBlur(0.5)))


def bordered(digit: Pixels, rng: Rng, grey: int, texture: float = 0) -> Pixels:
    """Return a scan with a border on one side or several, of one grey or with a texture."""
    sheet = on_paper(enlarged(digit, 4))
    sides = rng.integers(1, 17, 4) * (rng.random(4) < 0.75)
    sides[rng.integers(4)] = rng.integers(5, 17)
    padded = np.pad(sheet.astype(np.float64), (sides[:2], sides[2:]), constant_values=-1.0)
    outside = padded < 0
    padded[outside] = grey + rng.normal(0, texture, np.count_nonzero(outside)) if texture else grey
    return np.clip(padded, 0, 255).astype(np.uint8)


def on_lines(digit: Pixels, rng: Rng, *, squared: bool) -> Pixels:
    """Return a digit on ruled or squared paper."""
    sheet = np.pad(on_paper(enlarged(digit, 4)), 30, constant_values=255)
    step, grey, width = int(rng.integers(18, 34)), int(rng.integers(110, 190)), 1
    lines = np.full_like(sheet, 255)
    width += int(rng.random() < 0.3)
    first = int(rng.integers(2, step))
    for start in range(first, len(sheet), step):
        lines[start : start + width] = grey
        if squared:
            lines[:, start : start + width] = grey
    return np.minimum(sheet, lines)


CROPS: Mapping[str, Kind] = {
    "as_is": lambda d, _: d,
    "tight": lambda d, _: tight(d),
    "tight_paper": lambda d, _: on_paper(tight(d)),
    "tight_large": lambda d, rng: on_paper(enlarged(tight(d), rng.uniform(2.5, 12))),
    "tight_binary": lambda d, _: ((tight(d) > 127) * 255).astype(np.uint8),
    "tight_pad_1": lambda d, _: on_paper(tight(d, 1)),
    "tight_square": lambda d, _: square(tight(d)),
    "tight_lit": lambda d, rng: lit(enlarged(tight(d), 8), rng),
    "tight_jpeg": lambda d, rng: compressed(
        on_paper(enlarged(tight(d), 3)), int(rng.integers(40, 85))
    ),
    "uneven_margins": lambda d, rng: on_paper(enlarged(unevenly_cut(d, rng), rng.uniform(1, 5))),
    "squeezed_16": lambda d, _: resized(tight(d), 16, 16, Image.Resampling.BILINEAR),
    "small_14": lambda d, _: resized(d, 14, 14, BOX),
    "small_8": lambda d, _: resized(d, 8, 8, BOX),
    "small_8_tight": lambda d, _: resized(square(tight(d)), 8, 8, BOX),
    "framed": lambda d, rng: form(d, rng, "frame"),
    "frame_rounded": lambda d, rng: form(d, rng, "rounded"),
    "comb": lambda d, rng: form(d, rng, "comb"),
    "underlined": lambda d, rng: form(d, rng, "line"),
    "border_black": lambda d, rng: bordered(d, rng, 0),
    "border_grey": lambda d, rng: bordered(d, rng, int(rng.integers(60, 200))),
    "border_textured": lambda d, rng: bordered(d, rng, int(rng.integers(30, 150)), 12),
    "ruled_paper": lambda d, rng: on_lines(d, rng, squared=False),
    "squared_paper": lambda d, rng: on_lines(d, rng, squared=True),
}
