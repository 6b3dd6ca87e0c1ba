"""Telling ink from paper, however the paper is lit, and whatever the colour of either.

The paper is what is left when everything narrower than a quarter of the picture is taken away: a
grey-scale closing takes dark marks off light paper, an opening takes light marks off a dark board,
and both keep uneven light and the edges of shadows. What differs from the paper is ink.
Source: Serra 1982, "Image Analysis and Mathematical Morphology", chapter XII (top-hat transform).

Everything here is integer arithmetic on 8-bit pixels, so that every CPU gives the same bytes.
"""

from enum import Enum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from liteproof_edge.preprocessing.components import GRID, pooled

EVEN_PAPER = 8  # grey levels: a border that varies less is evenly lit
NOISY = 10  # standard deviations of noise that ink should exceed; if not, the picture is smoothed
BLURS = (0, 1, 2)  # radii in pixels, tried in turn
DARKEST_PAPER = 64  # grey levels, where ink is measured by the share of light that it keeps off


class Polarity(Enum):
    """Which of the two is darker."""

    DARK_ON_LIGHT = "dark on light"
    LIGHT_ON_DARK = "light on dark"


class Relief(NamedTuple):
    """How far each pixel stands out from the paper.

    Attributes:
        ink: int16 (height, width), grey levels from the paper towards the ink; negative where the
            paper is on the other side.
        polarity: of ink and paper.
        even: whether the paper is of one grey, so that nothing but ink stands out.
        strongest: grey levels that all but one pixel in 32,768 do not exceed.
        noise: the standard deviation of the paper's noise, grey levels.
    """

    ink: NDArray[np.int16]
    polarity: Polarity
    even: bool
    strongest: int
    noise: int


def find_relief(pixels: NDArray[np.uint8]) -> Relief:
    """Tell how far each pixel of a picture stands out from the paper; smooth it if it is noisy.

    Args:
        pixels: uint8 (height, width) or (height, width, 3).
    """
    grey = pixels if pixels.ndim == 2 else _clearest_channel(pixels)
    for radius in BLURS:
        smooth = _blurred(grey, radius)
        above = _above_even_paper(smooth)
        ink, polarity = above or _above_uneven_paper(smooth)
        relief = Relief(
            ink, polarity, above is not None, _strongest(ink), _noise(ink, 2 * radius + 1)
        )
        if relief.strongest >= NOISY * relief.noise:
            break
    return relief


def _clearest_channel(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what differs most between ink and paper: luma, red, green or blue."""
    luma = np.asarray(Image.fromarray(pixels).convert("L"))
    red, green, blue = (np.ascontiguousarray(pixels[..., channel]) for channel in range(3))
    return max((luma, red, green, blue), key=_contrast)


def _contrast(grey: NDArray[np.uint8]) -> int:
    """Return how much more a few places of the picture vary than most do."""
    side = -(-max(grey.shape) // GRID)
    ranges = (pooled(np.maximum, grey, side) - pooled(np.minimum, grey, side)).ravel()
    few, most = ranges.size * 63 // 64, ranges.size // 2
    ordered = np.partition(ranges, (most, few))
    # Their sum: a small mark is in fewer places than these.
    return int(ordered[few:].sum(dtype=np.int64)) - int(ordered[most]) * len(ordered[few:])


def _above_even_paper(grey: NDArray[np.uint8]) -> tuple[NDArray[np.int16], Polarity] | None:
    """Return how far each pixel is from the paper, if most of the border is of one grey."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    border.sort()
    low, paper, high = (int(border[border.size * eighth // 8]) for eighth in (1, 4, 7))
    if high - low > EVEN_PAPER:
        return None
    lighter = grey.astype(np.int16) - np.int16(paper)
    if int(lighter.max()) >= -int(lighter.min()):
        return lighter, Polarity.LIGHT_ON_DARK
    return -lighter, Polarity.DARK_ON_LIGHT


def _above_uneven_paper(grey: NDArray[np.uint8]) -> tuple[NDArray[np.int16], Polarity]:
    """Return how far each pixel is from the paper that would be there without ink."""
    reach = max(1, max(grey.shape) // 8)
    inside = (slice(reach, -reach),) * 2
    smooth = _blurred(grey, max(grey.shape) // 128)
    # What lies outside is neither the lightest nor the darkest of a window that reaches over.
    highest = _slid(np.maximum, np.pad(smooth, reach, constant_values=0), reach)
    lowest = _slid(np.minimum, np.pad(smooth, reach, constant_values=255), reach)
    # Ink is what there is less of, wherever there are both.
    extremes = (int(extreme[inside].sum(dtype=np.int64)) for extreme in (highest, lowest))
    signed = grey.astype(np.int16)
    if 2 * int(smooth.sum(dtype=np.int64)) >= sum(extremes):
        paper = _slid(np.minimum, highest, reach)[inside]
        depth = paper - signed
        # Ink keeps off a share of the light, so that it is deeper where there is more light.
        light = np.maximum(paper, DARKEST_PAPER)
        share = (depth.astype(np.int32) - _middle(depth)) * 255 // light
        return share.astype(np.int16), Polarity.DARK_ON_LIGHT
    depth = signed - _slid(np.maximum, lowest, reach)[inside]
    return depth - np.int16(_middle(depth)), Polarity.LIGHT_ON_DARK


def _slid(extreme: np.ufunc, pixels: NDArray[np.uint8], reach: int) -> NDArray[np.uint8]:
    """Return the extreme of all pixels within `reach` rows and columns of each.

    A window grows by doubling: what it has already seen is seen again from a shifted place.
    """
    seen = pixels.copy()
    for lines in (seen, seen.T):
        for forward in (True, False):
            covered = 0
            while covered < min(reach, len(lines) - 1):
                step = min(covered + 1, reach - covered, len(lines) - 1)
                target = lines[:-step] if forward else lines[step:]
                extreme(lines[:-step], lines[step:], out=target)
                covered += step
    return seen


def _blurred(grey: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    """Return the mean of the square around each pixel; what lies outside is as the edge."""
    if radius == 0:
        return grey
    wide = 2 * radius + 1
    for _ in range(2):
        sums = np.pad(grey, ((radius + 1, radius), (0, 0)), "edge").cumsum(axis=0, dtype=np.int32)
        grey = ((sums[wide:] - sums[:-wide]) // wide).astype(np.uint8).T
    return grey


def _noise(ink: NDArray[np.int16], apart: int) -> int:
    """Return the standard deviation of the noise, which at pixels that far apart is independent.

    It is 1.05 times the median difference of such pixels (1.4826 / √2), rounded up, which neither
    light nor a few strokes change.
    """
    if ink.shape[1] <= apart:
        return 0
    return -(-21 * _middle(np.abs(ink[:, apart:] - ink[:, :-apart])) // 20)


def _middle(values: NDArray[np.int16]) -> int:
    """Return the median."""
    flat = values.ravel()
    return int(np.partition(flat, flat.size // 2)[flat.size // 2])


def _strongest(depth: NDArray[np.int16]) -> int:
    """Return what but one pixel in 32,768 does not exceed."""
    flat = depth.ravel()
    rank = flat.size - 1 - flat.size // 32768
    return int(np.partition(flat, rank)[rank])
